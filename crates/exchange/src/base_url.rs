//! Where an API is.
//!
//! HTTPS only: a token must not cross a network in the clear. Plain HTTP goes to this machine's
//! loopback addresses alone. It is one host: nothing here or later leads to another.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use hyper::Uri;
use rustls::pki_types::ServerName;

/// The longest base URL, in bytes.
const BYTES_MAX: usize = 1_000;

/// `https://HOST[:PORT][/PATH]`, or `http://` on a loopback address, without a trailing slash.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    host: Box<str>,
    port: u16,
    tls: Option<ServerName<'static>>,
    /// Empty, or begins with a slash and ends with none.
    path: Box<str>,
}

/// Why a text is no base URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBaseUrl {
    /// It can't be read as one.
    #[error("it is no URL such as https://api.github.com")]
    NoUrl,
    /// It begins with another scheme than `https`, or `http` and is not on this machine.
    #[error("a token crosses a network over https:// only")]
    InTheClear,
    /// It has a user name or password.
    #[error("a URL holds no secrets: the token goes into a file of its own")]
    Secret,
    /// It has a query, a fragment, or a path that is not plain.
    #[error("behind its host it may have a plain path and nothing else")]
    Path,
}

impl BaseUrl {
    /// GitHub's own: `https://api.github.com`. That of an enterprise server is
    /// `https://HOST/api/v3`.
    pub fn github() -> BaseUrl {
        "https://api.github.com"
            .parse()
            .expect("a fixed URL is one for ever")
    }

    /// The host's name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's own where none is written.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The name that the host's certificate must have; none without TLS.
    pub fn tls_name(&self) -> Option<&ServerName<'static>> {
        self.tls.as_ref()
    }

    /// The path of something below this URL; `rest` begins with a slash.
    pub fn path_of(&self, rest: &str) -> String {
        format!("{}{rest}", self.path)
    }

    /// The path of this URL itself.
    pub fn whole_path(&self) -> String {
        match &*self.path {
            "" => "/".to_owned(),
            path => path.to_owned(),
        }
    }

    /// What goes into the `Host` header: the port is left out when it is the scheme's own.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.to_string()
        };
        let usual = if self.tls.is_some() { 443 } else { 80 };
        if self.port == usual {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }

    /// Path and query of a URL that the server itself gave, if it leads to this same server.
    pub fn path_here(&self, url: &str) -> Option<String> {
        let uri: Uri = url.parse().ok()?;
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let (usual, authority) = (if self.tls.is_some() { 443 } else { 80 }, uri.authority()?);
        let same = uri.scheme_str() == Some(scheme)
            && bare(authority.host()).eq_ignore_ascii_case(&self.host)
            && uri.port_u16().unwrap_or(usual) == self.port
            && !authority.as_str().contains('@');
        same.then(|| uri.path_and_query().map(ToString::to_string))?
    }
}

/// A host without the brackets of an IPv6 address.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// `localhost` is this machine by RFC 6761 §6.3.
fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn is_plain_path(path: &str) -> bool {
    let segment = |text: &str| {
        !matches!(text, "" | "." | "..")
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    path.is_empty()
        || path
            .strip_prefix('/')
            .is_some_and(|p| p.split('/').all(segment))
}

impl FromStr for BaseUrl {
    type Err = BadBaseUrl;
    fn from_str(text: &str) -> Result<BaseUrl, BadBaseUrl> {
        if text.len() > BYTES_MAX {
            return Err(BadBaseUrl::NoUrl);
        }
        // `Uri` drops a fragment without a word.
        if text.contains('#') {
            return Err(BadBaseUrl::Path);
        }
        let uri: Uri = text.parse().map_err(|_| BadBaseUrl::NoUrl)?;
        let authority = uri.authority().ok_or(BadBaseUrl::NoUrl)?;
        if authority.as_str().contains('@') {
            return Err(BadBaseUrl::Secret);
        }
        let host = bare(authority.host()).to_ascii_lowercase();
        let name = ServerName::try_from(host.clone()).map_err(|_| BadBaseUrl::NoUrl)?;
        let (tls, usual) = match uri.scheme_str() {
            Some("https") => (Some(name), 443),
            Some("http") if is_loopback(&host) => (None, 80),
            _ => return Err(BadBaseUrl::InTheClear),
        };
        let path = uri.path().strip_suffix('/').unwrap_or(uri.path());
        if uri.query().is_some() || !is_plain_path(path) {
            return Err(BadBaseUrl::Path);
        }
        Ok(BaseUrl {
            host: host.into(),
            port: uri.port_u16().unwrap_or(usual),
            tls,
            path: path.into(),
        })
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
