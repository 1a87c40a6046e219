//! A bucket of S3, or of what speaks like it: requests signed with AWS Signature Version 4 in the
//! query, by `rusty-s3`; sent by our own client.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use rusty_s3::{Bucket as Address, Credentials as Keys, S3Action as _, UrlStyle};

use super::BadTarget;
use crate::exchange::{Client, Kept, Seen, Url};
use crate::serve::{keep, media};

/// For how long a signed request counts.
const SIGNED_FOR: Duration = Duration::from_secs(60);
const CREDENTIALS_BYTES_MAX: u64 = 4_096;

/// Who may write to a bucket. Read from a file, shown nowhere.
#[derive(Clone)]
pub struct Credentials(Keys);

impl Credentials {
    /// Reads a file of two lines: `access_key_id=…` and `secret_access_key=…`. Others must not be
    /// able to read it.
    ///
    /// # Errors
    /// [`BadTarget::Credentials`].
    pub fn of_file(path: &Path) -> Result<Credentials, BadTarget> {
        use std::io::Read as _;
        use std::os::unix::fs::PermissionsExt as _;
        let bad = |reason: String| BadTarget::Credentials {
            path: path.to_owned(),
            reason,
        };
        let file = std::fs::File::open(path).map_err(|error| bad(error.to_string()))?;
        let meta = file.metadata().map_err(|error| bad(error.to_string()))?;
        if meta.permissions().mode() & 0o077 != 0 {
            return Err(bad("others may read it: chmod 600".to_owned()));
        }
        let mut text = String::new();
        file.take(CREDENTIALS_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(|error| bad(error.to_string()))?;
        let field = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once('='));
            let found = lines.find(|(key, _)| key.trim() == name);
            let value = found.map(|(_, value)| value.trim().to_owned());
            value
                .filter(|value| !value.is_empty())
                .ok_or_else(|| bad(format!("it has no line {name}=…")))
        };
        Ok(Credentials(Keys::new(
            field("access_key_id")?,
            field("secret_access_key")?,
        )))
    }
}

/// A bucket, and where in it the site lies.
#[derive(Clone)]
pub struct Bucket {
    address: Address,
    endpoint: Url,
    prefix: String,
    credentials: Credentials,
}

impl Bucket {
    /// A bucket at an endpoint. With `path_style` its name stands in the path, as most that are not
    /// AWS want it; without, in the host's name.
    ///
    /// # Errors
    /// See [`BadTarget`].
    pub fn new(
        endpoint: &str,
        name: &str,
        region: &str,
        prefix: &str,
        path_style: bool,
        credentials: Credentials,
    ) -> Result<Bucket, BadTarget> {
        let bad = |error: &dyn std::fmt::Display| BadTarget::Bucket(error.to_string());
        let style = match path_style {
            true => UrlStyle::Path,
            false => UrlStyle::VirtualHost,
        };
        let parsed = endpoint.parse().map_err(|error| bad(&error))?;
        let address = Address::new(parsed, style, name.to_owned(), region.to_owned())
            .map_err(|error| bad(&error))?;
        let host: Url = address.base_url().as_str().parse()?;
        let prefix = prefix.trim_matches('/');
        Ok(Bucket {
            address,
            endpoint: host,
            prefix: match prefix.is_empty() {
                true => String::new(),
                false => format!("{prefix}/"),
            },
            credentials,
        })
    }

    fn object(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    pub(super) async fn put(
        &self,
        client: &Client,
        path: &str,
        bytes: Vec<u8>,
    ) -> Result<(), String> {
        let object = self.object(path);
        let kept = Kept {
            media: media(path),
            for_how_long: keep(path),
        };
        let action = self.address.put_object(Some(&self.credentials.0), &object);
        let url = action.sign(SIGNED_FOR);
        let target = path_and_query(url.path(), url.query());
        let answer = client
            .ask(
                &self.endpoint,
                Method::PUT,
                &target,
                Bytes::from(bytes),
                Some(kept),
            )
            .await
            .map_err(|error| format!("{path}: {error}"))?;
        match answer.status {
            StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT => Ok(()),
            other => Err(format!("{path} was not taken: {other}")),
        }
    }

    pub(super) async fn remove(&self, client: &Client, path: &str) -> Result<(), String> {
        let object = self.object(path);
        let action = self
            .address
            .delete_object(Some(&self.credentials.0), &object);
        let url = action.sign(SIGNED_FOR);
        let target = path_and_query(url.path(), url.query());
        let answer = client
            .ask(&self.endpoint, Method::DELETE, &target, Bytes::new(), None)
            .await
            .map_err(|error| format!("{path}: {error}"))?;
        match answer.status {
            StatusCode::OK | StatusCode::NO_CONTENT | StatusCode::NOT_FOUND => Ok(()),
            other => Err(format!("{path} was not removed: {other}")),
        }
    }

    pub(super) async fn read(&self, client: &Client, path: &str) -> Result<Seen, String> {
        let object = self.object(path);
        let action = self.address.get_object(Some(&self.credentials.0), &object);
        let url = action.sign(SIGNED_FOR);
        let target = path_and_query(url.path(), url.query());
        let answer = client
            .ask(&self.endpoint, Method::GET, &target, Bytes::new(), None)
            .await
            .map_err(|error| format!("{path}: {error}"))?;
        answer.seen(path)
    }
}

fn path_and_query(path: &str, query: Option<&str>) -> String {
    match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}
