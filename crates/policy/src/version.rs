//! A version of what edges run: a configuration and the files it names, in one piece of JSON that reads
//! with `cat` and `jq` and is named by its SHA-256. The same files give the same bytes. It is the fleet's, or
//! one tenant's own: then it says where that tenant's requests go, and says whose it is.
//!
//! Nothing secret is in it: keys of certificates stay on the machines that use them, and are named by an
//! absolute path.

use core::fmt;
use std::collections::BTreeMap;

use base::Tenant;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::config::{Action, Config, Files, Tier, Wrong};

/// The configuration's name among the files.
pub const CONFIG: &str = "edge.toml";
/// The longest version, in bytes.
pub const BYTES_MAX: usize = 8 << 20;
/// The most files of one.
pub const FILES_MAX: usize = 2_000;
const PATH_BYTES_MAX: usize = 200;

/// A configuration and its files, by their paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    tenant: Option<Tenant>,
    files: BTreeMap<String, Vec<u8>>,
}

/// Why files are no version. One for each mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// There is no [`CONFIG`].
    NoConfig,
    /// More than [`FILES_MAX`].
    TooManyFiles(usize),
    /// Longer than [`BYTES_MAX`].
    TooLong(usize),
    /// A path leads elsewhere, or is spelled as no path here is.
    Path(String),
    /// The file holds a private key.
    Secret(String),
    /// A mistake in the configuration.
    Config(Wrong),
    /// The configuration is not UTF-8.
    NotText,
    /// A file that the configuration names is not among the others.
    Missing(String),
    /// A file that can't be part of a version: it is named by an absolute path.
    NotAbsolute(&'static str, String),
    /// A tenant's own version says what is the fleet's to say.
    NotATenants(&'static str),
    /// It is not of the form that a version has.
    Form(String),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::NoConfig => write!(f, "there is no {CONFIG}"),
            Flaw::TooManyFiles(count) => {
                write!(f, "{count} files; a version has at most {FILES_MAX}")
            }
            Flaw::TooLong(bytes) => {
                write!(f, "{bytes} bytes; a version has at most {BYTES_MAX}")
            }
            Flaw::Path(path) => write!(
                f,
                "{path:?} is no path of a version: letters, digits, `.`, `_` and `-` between single `/`"
            ),
            Flaw::Secret(path) => write!(
                f,
                "{path} holds a private key: keys stay on the edges, named by an absolute path"
            ),
            Flaw::Config(wrong) => write!(f, "{}", wrong.at(CONFIG)),
            Flaw::NotText => write!(f, "{CONFIG} is not UTF-8"),
            Flaw::Missing(path) => write!(f, "{CONFIG} names {path}, which is not there"),
            Flaw::NotAbsolute(key, path) => write!(
                f,
                "{CONFIG}: {key} = {path:?} is no part of a version: name it by an absolute path"
            ),
            Flaw::NotATenants(key) => write!(
                f,
                "{CONFIG}: {key} is the fleet's version to say: a tenant's own has upstreams, limits and \
                 routes, and names no tenant"
            ),
            Flaw::Form(what) => write!(f, "it is no version: {what}"),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    files: BTreeMap<String, Content>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<Tenant>,
    v: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Bytes { base64: String },
}

impl Version {
    /// A version of these files, and its configuration: the fleet's, or one tenant's own.
    ///
    /// # Errors
    /// With everything that is wrong in it.
    pub fn new(
        tenant: Option<Tenant>,
        files: BTreeMap<String, Vec<u8>>,
    ) -> Result<(Version, Config), Vec<Flaw>> {
        let mut flaws = Vec::new();
        if files.len() > FILES_MAX {
            return Err(vec![Flaw::TooManyFiles(files.len())]);
        }
        let bytes: usize = files.values().map(Vec::len).sum();
        if bytes > BYTES_MAX {
            return Err(vec![Flaw::TooLong(bytes)]);
        }
        for (path, content) in &files {
            if !is_path(path) {
                flaws.push(Flaw::Path(path.chars().take(PATH_BYTES_MAX).collect()));
            }
            if memchr::memmem::find(content, b"PRIVATE KEY-----").is_some() {
                flaws.push(Flaw::Secret(path.clone()));
            }
        }
        let text = match files.get(CONFIG).map(|bytes| str::from_utf8(bytes)) {
            None => return Err(with(flaws, Flaw::NoConfig)),
            Some(Err(_)) => return Err(with(flaws, Flaw::NotText)),
            Some(Ok(text)) => text,
        };
        match Config::parse(text) {
            Ok(config) => {
                named(&config, &files, &mut flaws);
                if tenant.is_some() {
                    let beyond = config.beyond_one_tenant();
                    flaws.extend(beyond.into_iter().map(Flaw::NotATenants));
                }
                let version = Version { tenant, files };
                match flaws.is_empty() {
                    true if version.to_bytes().len() > BYTES_MAX => {
                        Err(vec![Flaw::TooLong(version.to_bytes().len())])
                    }
                    true => Ok((version, config)),
                    false => Err(flaws),
                }
            }
            Err(wrong) => {
                flaws.extend(wrong.into_iter().map(Flaw::Config));
                Err(flaws)
            }
        }
    }

    /// Reads a version, and its configuration.
    ///
    /// # Errors
    /// With everything that is wrong in it.
    pub fn parse(bytes: &[u8]) -> Result<(Version, Config), Vec<Flaw>> {
        if bytes.len() > BYTES_MAX {
            return Err(vec![Flaw::TooLong(bytes.len())]);
        }
        let form = |what: String| vec![Flaw::Form(what)];
        let read: Form = serde_json::from_slice(bytes).map_err(|error| form(error.to_string()))?;
        if read.v != 1 {
            return Err(form(format!("its form is {}, and 1 is understood", read.v)));
        }
        let mut files = BTreeMap::new();
        for (path, content) in read.files {
            let content = match content {
                Content::Text(text) => text.into_bytes(),
                Content::Bytes { base64 } => STANDARD
                    .decode(base64)
                    .map_err(|error| form(format!("{path}: {error}")))?,
            };
            files.insert(path, content);
        }
        let (version, config) = Version::new(read.tenant, files)?;
        // One content has one digest.
        if version.to_bytes() != bytes {
            return Err(form(
                "it is not written the one way that versions are".to_owned(),
            ));
        }
        Ok((version, config))
    }

    /// As it is stored and sent.
    pub fn to_bytes(&self) -> Vec<u8> {
        let files = self.files.iter().map(|(path, content)| {
            let content = match str::from_utf8(content) {
                Ok(text) => Content::Text(text.to_owned()),
                Err(_) => Content::Bytes {
                    base64: STANDARD.encode(content),
                },
            };
            (path.clone(), content)
        });
        let form = Form {
            files: files.collect(),
            tenant: self.tenant.clone(),
            v: 1,
        };
        // Text and a number always have JSON.
        serde_json::to_vec(&form).unwrap_or_default()
    }

    /// Whose own it is; none: the fleet's.
    pub fn tenant(&self) -> Option<&Tenant> {
        self.tenant.as_ref()
    }

    /// The files, by their paths.
    pub fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }
}

fn with(mut flaws: Vec<Flaw>, flaw: Flaw) -> Vec<Flaw> {
    flaws.push(flaw);
    flaws
}

/// Whether a path stays where it is laid, on any system.
fn is_path(path: &str) -> bool {
    let part = |part: &str| {
        let spelled = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        !part.is_empty() && part != "." && part != ".." && part.bytes().all(spelled)
    };
    path.len() <= PATH_BYTES_MAX && path.split('/').all(part)
}

/// Looks for the files that a configuration names.
fn named(config: &Config, files: &BTreeMap<String, Vec<u8>>, flaws: &mut Vec<Flaw>) {
    let mut must = |path: &str| {
        if !path.starts_with('/') && !files.contains_key(path) {
            flaws.push(Flaw::Missing(path.to_owned()));
        }
    };
    let certificates = config.certificates.iter();
    certificates.for_each(|pair| must(&pair.chain_file));
    let clients = config.tenants.iter();
    for clients in clients.filter_map(|tenant| tenant.client_certificates.as_ref()) {
        let lists = [
            &clients.ca_files,
            &clients.revoked_files,
            &clients.crl_files,
        ];
        lists.into_iter().flatten().for_each(|path| must(path));
    }
    config.bans.iter().for_each(|path| must(path));
    let acme = config.acme.iter();
    acme.filter_map(|acme| acme.ca_file.as_ref())
        .for_each(|path| must(path));
    let upstreams = config.upstreams.iter();
    let trusted = upstreams.filter_map(|upstream| upstream.tls.as_ref()?.ca_file.as_ref());
    trusted.for_each(|path| must(path));
    for served in config.routes.iter().flat_map(|route| served(&route.action)) {
        let below = format!("{}/", served.directory.trim_end_matches('/'));
        let there = files.keys().any(|path| path.starts_with(&below));
        if !served.directory.starts_with('/') && !there {
            flaws.push(Flaw::Missing(below));
        }
    }
    for pair in &config.certificates {
        absolute("certificate.key_file", &pair.key_file, flaws);
    }
    if let Some(path) = config.access_log.path.as_ref().filter(|path| *path != "-") {
        absolute("access_log.path", path, flaws);
    }
}

fn absolute(key: &'static str, path: &str, flaws: &mut Vec<Flaw>) {
    if !path.starts_with('/') {
        flaws.push(Flaw::NotAbsolute(key, path.to_owned()));
    }
}

/// Directories that are served by a route.
pub fn served(action: &Action) -> impl Iterator<Item = &Files> {
    let (own, tiers) = match action {
        Action::Files(files) => (Some(files), &[][..]),
        Action::Forward(forward) => (None, &forward.tiers[..]),
        _ => (None, &[][..]),
    };
    let mirrors = tiers.iter().filter_map(|tier| match tier {
        Tier::Mirror(files) => Some(files),
        Tier::Upstream(_) => None,
    });
    own.into_iter().chain(mirrors)
}

#[cfg(test)]
mod tests;
