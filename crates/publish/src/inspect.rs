//! Checks a site against its signed manifest, wherever it lies: every file, as a reader sees it.
//!
//! A site may be renewed while it is read. What does not fit is therefore looked at again if the
//! manifest has changed meanwhile; what does not fit the same manifest twice is wrong.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use base::Timestamp;
use record::hash::{self, Hash};
use record::note::VerifierKey;
use rustls::ClientConfig;
use status::manifest::{BadManifest, LIST_PATH, MANIFEST_PATH, Manifest};

use crate::exchange::Url;
use crate::target::{Kind, Target};

/// How often a site may be renewed while it is read.
const RENEWED_MAX: usize = 5;
/// Files that are read before it is looked whether the site was renewed.
const CHUNK: usize = 64;

/// Where a site lies.
pub enum Place {
    /// In a directory.
    Directory(PathBuf),
    /// Behind an address; servers are believed that the configuration believes.
    Url(Url, Arc<ClientConfig>),
}

/// What a site is found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What its manifest says.
    pub manifest: Manifest,
    /// Files that are as they were signed.
    pub good: usize,
    /// Files that are not, and how: `changed`, `missing`.
    pub wrong: BTreeMap<String, &'static str>,
}

impl Found {
    /// Whether it counts still.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.manifest.expires
    }
}

/// Why nothing can be said of a site.
#[derive(Debug, thiserror::Error)]
pub enum CannotInspect {
    /// It could not be read.
    #[error("the site can't be read: {0}")]
    Unread(String),
    /// There is no manifest.
    #[error("there is no manifest: this is no status page of hereby's, or an empty one")]
    Missing,
    /// The manifest is not to be trusted.
    #[error(transparent)]
    Manifest(#[from] BadManifest),
    /// It was renewed again and again.
    #[error("the site was renewed {RENEWED_MAX} times while it was read: try again")]
    Restless,
}

/// Reads a site's manifest alone.
///
/// # Errors
/// See [`CannotInspect`].
pub async fn manifest(place: Place, trusted: &[VerifierKey]) -> Result<Manifest, CannotInspect> {
    let bytes = target(place).read(MANIFEST_PATH).await;
    let bytes = bytes.map_err(CannotInspect::Unread)?;
    Ok(Manifest::verify(
        &bytes.ok_or(CannotInspect::Missing)?,
        trusted,
    )?)
}

/// Reads a whole site and says what is wrong with it.
///
/// # Errors
/// See [`CannotInspect`].
pub async fn inspect(place: Place, trusted: &[VerifierKey]) -> Result<Found, CannotInspect> {
    let target = target(place);
    for _ in 0..RENEWED_MAX {
        if let Some(found) = once(&target, trusted).await? {
            return Ok(found);
        }
    }
    Err(CannotInspect::Restless)
}

fn target(place: Place) -> Target {
    let (root, url, tls) = match place {
        Place::Directory(root) => (root, None, no_tls()),
        Place::Url(url, tls) => (PathBuf::new(), Some(url), tls),
    };
    Target::new("inspected".to_owned(), Kind::Directory(root), url, tls)
}

/// A configuration for those who never ask a server.
pub fn no_tls() -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)
        .expect("the provider speaks the default versions");
    Arc::new(
        builder
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth(),
    )
}

/// One reading; none if the site was renewed meanwhile.
async fn once(target: &Target, trusted: &[VerifierKey]) -> Result<Option<Found>, CannotInspect> {
    let unread = CannotInspect::Unread;
    let bytes = target.read(MANIFEST_PATH).await.map_err(unread)?;
    let bytes = bytes.ok_or(CannotInspect::Missing)?;
    let manifest = Manifest::verify(&bytes, trusted)?;
    let same = async || -> Result<bool, CannotInspect> {
        let now = target
            .read(MANIFEST_PATH)
            .await
            .map_err(CannotInspect::Unread)?;
        Ok(now.as_ref() == Some(&bytes))
    };
    let list = target.read(LIST_PATH).await.map_err(unread)?;
    let files = match manifest.check_list(&list.unwrap_or_default()) {
        Ok(files) => files,
        Err(_) if !same().await? => return Ok(None),
        Err(bad) => return Err(bad.into()),
    };
    let all: Vec<(String, Hash)> = files.into_iter().collect();
    let mut found = Found {
        manifest,
        good: 0,
        wrong: BTreeMap::new(),
    };
    for chunk in all.chunks(CHUNK) {
        let paths: Vec<String> = chunk.iter().map(|(path, _)| path.clone()).collect();
        let there = target.read_all(&paths).await.map_err(unread)?;
        for ((path, wanted), bytes) in chunk.iter().zip(there) {
            match bytes {
                Some(bytes) if hash::sha256(&[&bytes]) == *wanted => found.good += 1,
                Some(_) => drop(found.wrong.insert(path.clone(), "changed")),
                None => drop(found.wrong.insert(path.clone(), "missing")),
            }
        }
        if !found.wrong.is_empty() && !same().await? {
            return Ok(None);
        }
    }
    Ok(Some(found))
}
