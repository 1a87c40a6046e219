//! A mail server, and one conversation with it (RFC 5321), in two halves: everything up to where
//! the server waits for the mail, and the mail. Between the two the journal says that it was begun;
//! whatever goes wrong before is no doubt about anything, and whatever goes wrong after is one.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use exchange::chain;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _,
};
use tokio::io::{BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::letter::Message;
use base::MailAddress;

/// The longest line and the most lines of an answer before TLS begins.
const PLAIN_BYTES_MAX: u64 = 16 * 1024;

/// How a conversation is kept from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all: for a server on this machine.
    None,
    /// It begins in the clear and is encrypted before anything is said (RFC 3207); never without.
    StartTls,
    /// From the first byte (RFC 8314).
    Tls,
}

/// Where mail is handed in.
#[derive(Clone)]
pub struct MailServer {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the conversation is encrypted.
    pub encryption: Encryption,
    /// Which certificates are trusted.
    pub tls: Arc<ClientConfig>,
    /// Who hands it in: a name and a password.
    pub credentials: Option<(String, String)>,
    /// Who it is from, in the envelope and in the mail's head.
    pub from: MailAddress,
    /// A connection, with TLS and the name and password, takes at most so long.
    pub connect_max: Duration,
    /// An answer takes at most so long.
    pub answer_max: Duration,
    /// Is told why there is no conversation, each time.
    pub trouble: Arc<dyn Fn(&str) + Send + Sync>,
}

impl fmt::Debug for MailServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailServer({}:{})", self.host, self.port)
    }
}

/// A conversation with a mail server.
pub struct Sender {
    connection: AsyncSmtpConnection,
    answer_max: Duration,
    from: lettre::Address,
}

/// What the server said, or that it said nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It is taken, or the server waits for the mail.
    Yes,
    /// Not now (4yz); the word for outcomes is `smtp_451`.
    NotNow(Box<str>),
    /// No (5yz).
    No(Box<str>),
    /// It does not hear from us to whom: it refused the sender, or hung up there. Why, as a clause for
    /// people. No receiver has anything to do with it.
    NotUs(Box<str>),
    /// Nothing that can be understood: the conversation is over.
    Nothing,
}

impl MailServer {
    /// Begins a conversation.
    ///
    /// # Errors
    /// Why not, as a clause for people. Nothing was handed in.
    pub async fn connect(&self) -> Result<Sender, String> {
        let connecting = async {
            let from = self.from.as_str().parse::<lettre::Address>();
            let from = from.map_err(|error| error.to_string())?;
            let stream = self.stream().await?;
            let hello = hello();
            let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &hello)
                .await
                .map_err(|error| chain(&error))?;
            if let Some((user, password)) = &self.credentials {
                let credentials = Credentials::new(user.clone(), password.clone());
                connection
                    .auth(&[Mechanism::Plain, Mechanism::Login], &credentials)
                    .await
                    .map_err(|error| chain(&error))?;
            }
            Ok(Sender {
                connection,
                answer_max: self.answer_max,
                from,
            })
        };
        let outcome = match timeout(self.connect_max, connecting).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!(
                "{} did not let us in within {} s",
                self.host,
                self.connect_max.as_secs_f32()
            )),
        };
        outcome.inspect_err(|why| (self.trouble)(why))
    }

    async fn stream(&self) -> Result<Box<dyn AsyncTokioStream>, String> {
        let say = |error: io::Error| error.to_string();
        let plain = TcpStream::connect((self.host.as_str(), self.port)).await;
        let plain = plain.map_err(say)?;
        plain.set_nodelay(true).map_err(say)?;
        let peer = plain.peer_addr().map_err(say)?;
        if self.encryption == Encryption::None {
            return Ok(Box::new(Stream::new(plain, peer, b"")));
        }
        let (plain, greeting) = match self.encryption {
            Encryption::StartTls => {
                let plain = timeout(self.answer_max, ask_for_tls(plain)).await;
                let plain = plain.map_err(|_| "it did not begin TLS in time".to_owned())?;
                // What greets again behind TLS is this line: the server does so only once.
                (plain?, &b"220 encrypted\r\n"[..])
            }
            Encryption::Tls | Encryption::None => (plain, &b""[..]),
        };
        let name = ServerName::try_from(self.host.clone()).map_err(|error| error.to_string())?;
        let connector = TlsConnector::from(self.tls.clone());
        let encrypted = connector.connect(name, plain).await.map_err(say)?;
        Ok(Box::new(Stream::new(encrypted, peer, greeting)))
    }
}

/// This machine's name is nobody's business, and an address literal is always allowed
/// (RFC 5321 §4.1.3).
fn hello() -> ClientId {
    ClientId::Ipv4(std::net::Ipv4Addr::LOCALHOST)
}

/// Asks a server in the clear to begin TLS, and gives back the connection where it does.
async fn ask_for_tls(plain: TcpStream) -> Result<TcpStream, String> {
    let mut reader = BufReader::new(plain);
    answer(&mut reader, "220").await?;
    for (line, expected) in [("EHLO [127.0.0.1]\r\n", "250"), ("STARTTLS\r\n", "220")] {
        let sent = reader.get_mut().write_all(line.as_bytes()).await;
        sent.map_err(|error| error.to_string())?;
        answer(&mut reader, expected).await?;
    }
    // Whatever came behind that answer was not encrypted, and would be taken as if it had been.
    match reader.buffer().is_empty() {
        true => Ok(reader.into_inner()),
        false => Err("it sent something before TLS began".to_owned()),
    }
}

/// Reads an answer of one or more lines that must have this code.
async fn answer(reader: &mut BufReader<TcpStream>, code: &str) -> Result<(), String> {
    let mut limited = reader.take(PLAIN_BYTES_MAX);
    loop {
        let mut line = String::new();
        let read = limited.read_line(&mut line).await;
        read.map_err(|error| error.to_string())?;
        let rest = line.strip_prefix(code);
        match rest.and_then(|rest| rest.chars().next()) {
            Some('-') => {}
            Some(' ' | '\r' | '\n') => return Ok(()),
            _ => {
                let said: String = line
                    .chars()
                    .take(80)
                    .filter(|it| !it.is_control())
                    .collect();
                return Err(format!("it answered `{said}` where {code} was expected"));
            }
        }
    }
}

impl Sender {
    /// Says from whom and to whom, and asks to hand the mail in. [`Said::Yes`]: the server waits
    /// for it, and has taken nothing yet. [`Said::NotUs`]: the conversation is over.
    pub async fn offer(&mut self, message: &Message) -> Said {
        let Ok(to) = message.to.as_str().parse::<lettre::Address>() else {
            return Said::No("bad_address".into());
        };
        let from = Mail::new(Some(self.from.clone()), vec![]);
        let why = match timeout(self.answer_max, self.connection.command(from)).await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(chain(&error)),
            Err(_) => Some("it did not answer in time".to_owned()),
        };
        if let Some(why) = why {
            return Said::NotUs(format!("it takes no mail from {}: {why}", self.from).into());
        }
        let connection = &mut self.connection;
        let asking = async {
            connection.command(Rcpt::new(to, vec![])).await?;
            connection.command(Data).await
        };
        match timeout(self.answer_max, asking).await {
            Ok(outcome) => said(outcome.map(drop)),
            Err(_) => Said::Nothing,
        }
    }

    /// Hands the mail in. [`Said::Yes`]: it was taken. [`Said::Nothing`]: nobody can say.
    pub async fn hand_in(&mut self, message: &Message) -> Said {
        let handing = self.connection.message(&message.bytes);
        match timeout(self.answer_max, handing).await {
            Ok(outcome) => said(outcome.map(drop)),
            Err(_) => Said::Nothing,
        }
    }

    /// Forgets a mail that was offered and not handed in, so that another can be. False: the
    /// conversation is over.
    pub async fn forget(&mut self) -> bool {
        let reset = timeout(self.answer_max, self.connection.command("RSET\r\n")).await;
        matches!(reset, Ok(Ok(_)))
    }

    /// Ends the conversation politely.
    pub async fn end(mut self) {
        let _ = timeout(Duration::from_secs(2), self.connection.quit()).await;
    }
}

fn said(outcome: Result<(), Error>) -> Said {
    match outcome {
        Ok(()) => Said::Yes,
        Err(error) => match error.status() {
            // The server closes the conversation (RFC 5321 §3.8), or can't be understood.
            Some(code) if error.is_transient() => Said::NotNow(format!("smtp_{code}").into()),
            Some(code) if error.is_permanent() => Said::No(format!("smtp_{code}").into()),
            _ => Said::Nothing,
        },
    }
}

/// A stream of either kind that begins with some bytes of our own.
struct Stream<S> {
    first: &'static [u8],
    inner: S,
    peer: SocketAddr,
}

impl<S> Stream<S> {
    fn new(inner: S, peer: SocketAddr, first: &'static [u8]) -> Stream<S> {
        Stream { first, inner, peer }
    }
}

impl<S> fmt::Debug for Stream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({})", self.peer)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.inner).poll_read(cx, into);
        }
        let (now, later) = self.first.split_at(self.first.len().min(into.remaining()));
        into.put_slice(now);
        self.first = later;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> AsyncTokioStream for Stream<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}
