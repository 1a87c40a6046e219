//! How a provider is asked: over TLS, or on this machine, within limits.

use std::fmt;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use exchange::{BadBaseUrl, BaseUrl, Patience, Server, Trouble};
use http_body_util::Full;
use hyper::{Request, Response, Uri};
use openidconnect::AsyncHttpClient;
use rustls::ClientConfig;

/// The longest answer that is read: keys of a large provider have some ten thousand bytes.
const ANSWER_BYTES_MAX: usize = 256 << 10;

/// Who vouches: the URL that is in every token, compared to the letter.
#[derive(Clone, PartialEq, Eq)]
pub struct Issuer {
    text: Box<str>,
    over_tls: bool,
}

/// A text that is no issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an issuer is a URL such as https://id.example.org: {0}")]
pub struct BadIssuer(#[from] BadBaseUrl);

impl Issuer {
    /// The issuer as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Issuer {
    type Err = BadIssuer;

    /// A slash at the end is part of it.
    fn from_str(text: &str) -> Result<Issuer, BadIssuer> {
        let base: BaseUrl = text.strip_suffix('/').unwrap_or(text).parse()?;
        Ok(Issuer {
            text: text.into(),
            over_tls: base.tls_name().is_some(),
        })
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Asks a provider.
#[derive(Clone)]
pub(crate) struct Http {
    tls: Arc<ClientConfig>,
    patience: Patience,
    /// A provider that speaks TLS is asked nothing without it.
    over_tls: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoAnswer(pub(crate) String);

impl Http {
    pub(crate) fn new(issuer: &Issuer, tls: Arc<ClientConfig>, patience: Patience) -> Http {
        Http {
            tls,
            patience,
            over_tls: issuer.over_tls,
        }
    }

    /// Where a URL that the provider gave leads to.
    fn server(&self, uri: &Uri) -> Result<Server, NoAnswer> {
        let bad = |why: &dyn fmt::Display| NoAnswer(format!("it points to {uri}: {why}"));
        let scheme = uri.scheme_str().unwrap_or_default();
        let authority = uri.authority().ok_or_else(|| bad(&"that is no URL"))?;
        let base: BaseUrl = format!("{scheme}://{authority}")
            .parse()
            .map_err(|error| bad(&error))?;
        if self.over_tls && base.tls_name().is_none() {
            return Err(bad(&"the issuer speaks TLS and this does not"));
        }
        Ok(Server {
            base,
            auth: None,
            tls: self.tls.clone(),
            patience: self.patience,
        })
    }

    async fn ask(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, NoAnswer> {
        let (mut head, body) = request.into_parts();
        let server = self.server(&head.uri)?;
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        head.uri = path
            .parse()
            .map_err(|error| NoAnswer(format!("it points nowhere: {error}")))?;
        let request = Request::from_parts(head, Full::new(Bytes::from(body)));
        let answer = server.send(request, ANSWER_BYTES_MAX).await;
        let answer = answer.map_err(|trouble| match trouble {
            Trouble::Unsent(why) | Trouble::Lost(why) => NoAnswer(why),
        })?;
        let body = answer.body.map_err(|why| NoAnswer(why.to_string()))?;
        let mut response = Response::new(body.to_vec());
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = NoAnswer;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, NoAnswer>> + Send + 'c>>;

    fn call(&'c self, request: Request<Vec<u8>>) -> Self::Future {
        Box::pin(self.ask(request))
    }
}
