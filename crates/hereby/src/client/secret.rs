//! A bearer token as its holder keeps it: in a file, in the environment, never on a command line.

use std::fmt;
use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::header::HeaderValue;
use record::hash::{self, Hash};

use crate::exit::{Exit, Failure};

/// What every token begins with, so that a leaked one is recognised.
const PREFIX: &str = "hby_";

/// What the secret of a link to sign in begins with.
const LOGIN_PREFIX: &str = "hbl_";

/// The random bytes in a token.
const SECRET_BYTES: usize = 32;

/// A token file holds one short line.
const FILE_BYTES_MAX: u64 = 1_024;

/// A bearer token. It shows itself to nobody but [`Secret::expose`] and the header.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// A new token out of 256 random bits of the operating system.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub(crate) fn random() -> Result<Secret, Failure> {
        let mut bytes = [0; SECRET_BYTES];
        aws_lc_rs::rand::fill(&mut bytes)
            .map_err(|_| Failure::new(Exit::Internal, "the system gives no random bytes"))?;
        Ok(Secret(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// A new secret for a link to sign in with, made likewise.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub(crate) fn login() -> Result<Secret, Failure> {
        let Secret(token) = Secret::random()?;
        Ok(Secret(token.replacen(PREFIX, LOGIN_PREFIX, 1)))
    }

    /// Reads a token as it is written: `hby_` and 43 characters of base64url without padding.
    pub(crate) fn parse(text: &str) -> Option<Secret> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        (bytes.len() == SECRET_BYTES).then(|| Secret(text.to_owned()))
    }

    /// The token a caller shows: out of the file, else out of `HEREBY_TOKEN`, else none.
    ///
    /// # Errors
    /// When there is one and it is no token.
    pub(crate) fn of_caller(file: Option<&Path>) -> Result<Option<Secret>, Failure> {
        let (text, from) = match file {
            Some(path) => (read(path)?, path.display().to_string()),
            None => match std::env::var("HEREBY_TOKEN") {
                Ok(text) if !text.is_empty() => (text, "HEREBY_TOKEN".to_owned()),
                _ => return Ok(None),
            },
        };
        let secret = Secret::parse(text.trim());
        secret.map(Some).ok_or_else(|| {
            Failure::usage(format!("{from} holds no token"))
                .because("a token is hby_ and 43 characters of base64url")
                .hint("make one: hereby token issue --help")
        })
    }

    /// The token, for the person or file that asked for it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// What hereby keeps of it: the SHA-256 of the token's 32 bytes.
    pub(crate) fn hash(&self) -> Hash {
        let bytes = self
            .0
            .strip_prefix(PREFIX)
            .or(self.0.strip_prefix(LOGIN_PREFIX))
            .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        hash::sha256(&[&bytes.expect("it was decoded when it was made")])
    }

    /// The value of the `Authorization` header (RFC 6750 §2.1), kept out of logs.
    pub(super) fn bearer(&self) -> HeaderValue {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.0))
            .expect("base64url stands in a header");
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    let cannot = |error: std::io::Error| {
        Failure::usage(format!("cannot read the token file {}", path.display())).because(error)
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(cannot)?;
    Ok(text)
}
