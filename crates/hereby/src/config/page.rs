//! The public status page: what it is called, where readers find it, and where it is published to.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use language::Language;
use publish::{BadTarget, Bucket, Credentials, Kind, Rsync, Target, Url};
use serde::{Deserialize, Serialize};

/// The most places that it is published to.
const TARGETS_MAX: usize = 16;
const NAME_BYTES_MAX: usize = 100;

/// The public status page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StatusPage {
    /// Whose status it is, in readers' words.
    pub(crate) name: String,
    /// Where readers find it. With `serve`, none: no page is made.
    pub(crate) url: Option<String>,
    /// Its languages; people write in the first.
    pub(crate) languages: Vec<String>,
    /// Where `up` serves it.
    pub(crate) listen: SocketAddr,
    /// Where it is published to.
    pub(crate) target: Vec<PageTarget>,
}

/// A place that it is published to: exactly one of `directory`, `bucket` and `rsync`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageTarget {
    /// What it is called.
    pub(crate) name: base::Name,
    /// Where readers see it; without, it is read back the way it was put.
    #[serde(default)]
    pub(crate) read_url: Option<String>,
    /// The CA certificate to trust for `https` (PEM).
    #[serde(default)]
    pub(crate) ca_file: Option<PathBuf>,
    /// A directory.
    #[serde(default)]
    pub(crate) directory: Option<PathBuf>,
    /// A bucket's name.
    #[serde(default)]
    pub(crate) bucket: Option<String>,
    /// The server that has the bucket.
    #[serde(default)]
    pub(crate) endpoint: Option<String>,
    /// Its region.
    #[serde(default)]
    pub(crate) region: Option<String>,
    /// Where in the bucket the page lies.
    #[serde(default)]
    pub(crate) prefix: String,
    /// Whether the bucket's name stands in the path, not in the host.
    #[serde(default = "yes")]
    pub(crate) path_style: bool,
    /// The file with the access key and its secret.
    #[serde(default)]
    pub(crate) credentials_file: Option<PathBuf>,
    /// What rsync calls the place: `user@host:/path`.
    #[serde(default)]
    pub(crate) rsync: Option<String>,
    /// What goes before it on rsync's command line.
    #[serde(default)]
    pub(crate) rsync_arguments: Vec<String>,
}

fn yes() -> bool {
    true
}

impl Default for StatusPage {
    fn default() -> StatusPage {
        StatusPage {
            name: "Our services".to_owned(),
            url: None,
            languages: vec!["en".to_owned(), "de".to_owned()],
            listen: SocketAddr::from(([127, 0, 0, 1], 7790)),
            target: Vec::new(),
        }
    }
}

impl StatusPage {
    /// What is wrong with it, if anything is.
    pub(super) fn check(&self) -> Result<(), String> {
        let name = self.name.trim();
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(format!(
                "status.name is a line of at most {NAME_BYTES_MAX} bytes"
            ));
        }
        let url = self.url.as_deref().unwrap_or("http://localhost");
        let site = status::Site::new(self.options(url)?);
        site.map_err(|error| format!("status: {error}"))?;
        if self.target.len() > TARGETS_MAX {
            return Err(format!("at most {TARGETS_MAX} [[status.target]] are taken"));
        }
        if self.url.is_none() && !self.target.is_empty() {
            return Err(
                "status.target: readers are told where the page is: set status.url".to_owned(),
            );
        }
        for (at, target) in self.target.iter().enumerate() {
            let named = |what: &str| format!("status.target {}: {what}", target.name);
            let before = self.target.iter().take(at);
            if before.clone().any(|other| other.name == target.name) {
                return Err(named("two have this name"));
            }
            let kinds = [
                target.directory.is_some(),
                target.bucket.is_some(),
                target.rsync.is_some(),
            ];
            if kinds.iter().filter(|there| **there).count() != 1 {
                return Err(named("it has one of directory, bucket and rsync"));
            }
            let bucket = target.endpoint.is_some() && target.credentials_file.is_some();
            if target.bucket.is_some() && !bucket {
                return Err(named("a bucket has an endpoint and a credentials_file"));
            }
        }
        Ok(())
    }

    /// How the page is made for readers at this address.
    pub(crate) fn options(&self, url: &str) -> Result<status::Options, String> {
        let languages = self.languages.iter().map(|tag| tag.parse::<Language>());
        let languages = languages.collect::<Result<_, _>>();
        Ok(status::Options {
            name: self.name.trim().to_owned(),
            url: url.trim_end_matches('/').to_owned(),
            languages: languages.map_err(|error| format!("status.languages: {error}"))?,
        })
    }
}

impl PageTarget {
    /// The place itself. `tls` gives what is trusted, with this file's certificates if there is one;
    /// `work` is a directory for files on their way.
    pub(crate) fn open(
        &self,
        tls: &dyn Fn(Option<&std::path::Path>) -> Arc<rustls::ClientConfig>,
        work: &std::path::Path,
    ) -> Result<Target, BadTarget> {
        let read_url = self
            .read_url
            .as_deref()
            .map(str::parse::<Url>)
            .transpose()?;
        let kind = match (&self.directory, &self.bucket, &self.rsync) {
            (Some(directory), ..) => Kind::Directory(directory.clone()),
            (_, Some(bucket), _) => {
                let file = self.credentials_file.clone().unwrap_or_default();
                Kind::Bucket(Box::new(Bucket::new(
                    self.endpoint.as_deref().unwrap_or_default(),
                    bucket,
                    self.region.as_deref().unwrap_or("us-east-1"),
                    &self.prefix,
                    self.path_style,
                    Credentials::of_file(&file)?,
                )?))
            }
            (_, _, rsync) => {
                let destination = rsync.as_deref().unwrap_or_default();
                let arguments = self.rsync_arguments.clone();
                Kind::Rsync(Rsync::new(destination, arguments, work)?)
            }
        };
        let tls = tls(self.ca_file.as_deref());
        Ok(Target::new(self.name.to_string(), kind, read_url, tls))
    }
}
