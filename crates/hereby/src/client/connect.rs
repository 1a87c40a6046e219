//! Where a hereby is, and a stream to it: a socket in its data directory, or TLS.
//!
//! Plain HTTP goes to this machine's loopback addresses only: a token must not cross a network in
//! the clear.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::{Trouble, tls};
use crate::cli::Globals;
use crate::exit::{Exit, Failure};
use crate::place::SOCKET;

/// How long a connection, with its handshake, may take to be made.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// The longest path a Unix socket's address holds on Linux (`sun_path`, with its end).
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Where a hereby is.
#[derive(Clone)]
pub(super) enum Target {
    /// Behind a socket on this machine.
    Local(PathBuf),
    /// On a loopback address, without TLS.
    Loopback { host: String, port: u16 },
    /// Anywhere, over TLS.
    Tls {
        host: String,
        port: u16,
        name: ServerName<'static>,
        config: Arc<rustls::ClientConfig>,
    },
}

impl Target {
    /// The hereby of a data directory.
    pub(super) fn local(data_dir: &Path) -> Result<Target, Failure> {
        let socket = data_dir.join(SOCKET);
        let bytes = socket.as_os_str().len();
        if bytes > SOCKET_PATH_BYTES_MAX {
            return Err(Failure::usage(format!(
                "the path of the socket {} is too long",
                socket.display()
            ))
            .because(format!(
                "it has {bytes} bytes, the system takes {SOCKET_PATH_BYTES_MAX}"
            ))
            .hint("use a shorter data directory, or a symbolic link to it"));
        }
        Ok(Target::Local(socket))
    }

    /// The hereby at a URL: `https://HOST[:PORT]`, or `http://` on a loopback address.
    pub(super) fn remote(url: &str, globals: &Globals) -> Result<Target, Failure> {
        let wrong = |why: &str| {
            Failure::usage(format!("`{url}` is not where a hereby can be asked"))
                .because(why)
                .hint("it is written https://HOST:PORT, or http://127.0.0.1:7700 on this machine")
        };
        let uri: Uri = url.parse().map_err(|_| wrong("it is no URL"))?;
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("a URL holds no secrets: the token goes into a file"));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong("it has a path"));
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        match uri.scheme_str() {
            Some("http") if is_loopback(&host) => Ok(Target::Loopback {
                host,
                port: uri.port_u16().unwrap_or(80),
            }),
            Some("http") => Err(wrong("a token crosses a network over TLS only")),
            Some("https") => {
                let name = ServerName::try_from(host.clone())
                    .map_err(|_| wrong("its host is neither a name nor an address"))?;
                let config = tls::config(globals.ca_file.as_deref(), globals.pin.as_ref())?;
                Ok(Target::Tls {
                    host,
                    port: uri.port_u16().unwrap_or(443),
                    name,
                    config,
                })
            }
            _ => Err(wrong("it begins with neither https:// nor http://")),
        }
    }

    /// What goes into the `Host` header.
    pub(super) fn authority(&self) -> String {
        match self {
            Target::Local(_) => "localhost".to_owned(),
            Target::Loopback { host, port } | Target::Tls { host, port, .. } => {
                if host.contains(':') {
                    format!("[{host}]:{port}")
                } else {
                    format!("{host}:{port}")
                }
            }
        }
    }

    /// A stream, made within [`CONNECT_TIME`].
    pub(super) async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let connecting = async {
            let stream: Box<dyn Stream> = match self {
                Target::Local(socket) => Box::new(UnixStream::connect(socket).await?),
                Target::Loopback { host, port } => Box::new(tcp(host, *port).await?),
                Target::Tls {
                    host,
                    port,
                    name,
                    config,
                } => {
                    let plain = tcp(host, *port).await?;
                    let connector = TlsConnector::from(Arc::clone(config));
                    Box::new(connector.connect(name.clone(), plain).await?)
                }
            };
            Ok(stream)
        };
        match tokio::time::timeout(CONNECT_TIME, connecting).await {
            Ok(outcome) => outcome,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Whether trying again in a moment is pointless: there is no socket, or it is not ours.
    pub(super) fn is_absent(&self, trouble: &Trouble) -> bool {
        let Trouble::Unsent(error) = trouble else {
            return false;
        };
        matches!(self, Target::Local(_))
            && matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
            )
            || error.kind() == io::ErrorKind::InvalidInput
            || is_certificate(error)
    }

    /// What to tell a person when no connection was made.
    pub(super) fn unreachable(&self, error: &io::Error) -> Failure {
        if let Target::Local(socket) = self
            && error.kind() == io::ErrorKind::PermissionDenied
        {
            return Failure::new(
                Exit::Unauthorised,
                format!("the socket {} is not yours", socket.display()),
            )
            .because(error)
            .hint("run as the user that runs hereby, or ask it over --url with a token");
        }
        let failure =
            Failure::new(Exit::Unreachable, format!("cannot reach {self}")).because(error);
        match self {
            Target::Local(_) => failure
                .hint("start it: hereby up")
                .hint("if it runs elsewhere, name its data directory (--data-dir) or --url"),
            Target::Tls { .. } if is_certificate(error) => {
                failure.hint("trust its certificate with --ca-file FILE or --pin sha256:HEX")
            }
            _ => failure.hint("is it running, and is the address right?"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Local(socket) => write!(f, "hereby at {}", socket.display()),
            Target::Loopback { .. } => write!(f, "hereby at http://{}", self.authority()),
            Target::Tls { .. } => write!(f, "hereby at https://{}", self.authority()),
        }
    }
}

async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// `localhost` is this machine by RFC 6761 §6.3.
fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn is_certificate(error: &io::Error) -> bool {
    let cause = error
        .get_ref()
        .and_then(|cause| cause.downcast_ref::<rustls::Error>());
    matches!(cause, Some(rustls::Error::InvalidCertificate(_)))
}

/// A stream of either kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
