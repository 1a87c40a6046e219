//! How a CA is spoken to: one connection for each request, with the edge's own TLS.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use policy::config::Acme;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::tls::{BadTls, bad};
use crate::upstream::trust;

const ANSWER_BYTES_MAX: usize = 1 << 20;
const REQUEST_TIME: Duration = Duration::from_secs(30);

/// Speaks to one CA.
pub(super) struct Client {
    connector: TlsConnector,
}

impl Client {
    /// # Errors
    /// When what it is to trust can't be read.
    pub(super) fn new(config: &Acme, directory: &Path) -> Result<Client, BadTls> {
        let roots = trust(config.ca_file.as_deref(), directory)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| bad(directory, &error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Client {
            connector: TlsConnector::from(Arc::new(tls)),
        })
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let work = exchange(self.connector.clone(), request);
        Box::pin(async move {
            let said = tokio::time::timeout(REQUEST_TIME, work).await;
            let said = said.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            said.map(BytesResponse::from)
                .map_err(|error| Error::Other(Box::new(error)))
        })
    }
}

async fn exchange(
    connector: TlsConnector,
    request: Request<BodyWrapper<Bytes>>,
) -> io::Result<Response<Full<Bytes>>> {
    let uri = request.uri().clone();
    let host = uri.host().ok_or(io::ErrorKind::InvalidInput)?;
    let host = host.trim_matches(['[', ']']);
    let secure = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await?;
    if secure {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        return ask(connector.connect(name, stream).await?, &uri, request).await;
    }
    // Also where a CA elsewhere says so: what it gives is our name.
    match stream.peer_addr()?.ip().is_loopback() {
        true => ask(stream, &uri, request).await,
        false => Err(io::Error::other(format!("{uri} is not https"))),
    }
}

async fn ask<S>(
    stream: S,
    uri: &Uri,
    mut request: Request<BodyWrapper<Bytes>>,
) -> io::Result<Response<Full<Bytes>>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(connection);
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let host = HeaderValue::from_str(host).map_err(io::Error::other)?;
    request.headers_mut().insert(HOST, host);
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    *request.uri_mut() = target.parse().map_err(io::Error::other)?;
    let answer = sender
        .send_request(request)
        .await
        .map_err(io::Error::other)?;
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(io::Error::other)?.to_bytes();
    Ok(Response::from_parts(parts, Full::new(body)))
}
