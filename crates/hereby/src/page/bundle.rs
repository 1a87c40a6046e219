//! What somebody takes along to go on publishing when hereby is gone: the page as it was, where it
//! goes, and the status key, encrypted.
//!
//! The status key is encrypted with AES-256-GCM under 32 random bytes in a file of their own. Whoever
//! has the bundle alone can read what is public anyway; whoever has both can speak for the page.

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use base::{IncidentId, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use record::note::SignerKey;
use serde::{Deserialize, Serialize};

use crate::config::StatusPage;
use crate::exit::{Exit, Failure};
use crate::offline::{read_file, write_file};

const VERSION: u32 = 1;
const NONCE_BYTES: usize = 12;
const KEY_BYTES: usize = 32;
/// What the encrypted key is bound to.
const CONTEXT: &[u8] = b"hereby/page-bundle/1";
/// The longest bundle that is read, in bytes.
const BUNDLE_BYTES_MAX: u64 = 64 << 20;
const KEY_FILE_BYTES_MAX: u64 = 1_024;

/// The page as it was, kept beside it for whoever makes a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    /// When.
    pub(crate) made_at: Timestamp,
    /// The page.
    pub(crate) page: status::Page,
    /// The edition's sequence.
    pub(crate) sequence: u64,
    /// Where readers find it.
    pub(crate) url: String,
}

/// A bundle as it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bundle {
    hereby_page_bundle: u32,
    /// The page, as what was said from the bundle left it.
    pub(crate) kept: Kept,
    /// What it is called, and where it goes.
    pub(crate) settings: StatusPage,
    /// The status key: nonce, ciphertext and tag in base64.
    sealed_key: String,
    /// What was said from the bundle.
    pub(crate) spoken: Vec<Spoken>,
}

/// Something that was said while hereby was away.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spoken {
    /// The command that declares the incident, if it was new then; canonical JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) declare: Option<String>,
    /// The incident's number in the bundle.
    pub(crate) incident: IncidentId,
    /// The command that says it; canonical JSON.
    pub(crate) update: String,
}

impl Bundle {
    /// A bundle of this page.
    ///
    /// # Errors
    /// When the key can't be encrypted.
    pub(crate) fn new(
        kept: Kept,
        settings: StatusPage,
        key: &SignerKey,
        sealing: &[u8; KEY_BYTES],
    ) -> Result<Bundle, Failure> {
        let failed = |_| Failure::new(Exit::Internal, "the status key can't be encrypted");
        let sealing = RandomizedNonceKey::new(&AES_256_GCM, sealing).map_err(failed)?;
        let mut text = key.to_skey().into_bytes();
        let nonce = sealing
            .seal_in_place_append_tag(Aad::from(CONTEXT), &mut text)
            .map_err(failed)?;
        let sealed = [nonce.as_ref().as_slice(), &text].concat();
        Ok(Bundle {
            hereby_page_bundle: VERSION,
            kept,
            settings,
            sealed_key: STANDARD.encode(sealed),
            spoken: Vec::new(),
        })
    }

    /// Reads one.
    ///
    /// # Errors
    /// When it is none, or of another version.
    pub(crate) fn read(path: &Path) -> Result<Bundle, Failure> {
        let bytes = read_file(&path.to_owned(), BUNDLE_BYTES_MAX)?;
        let bundle: Bundle = serde_json::from_slice(&bytes).map_err(|error| {
            Failure::usage(format!("{} is no bundle of a page", path.display())).because(error)
        })?;
        match bundle.hereby_page_bundle {
            VERSION => Ok(bundle),
            other => Err(Failure::usage(format!(
                "the bundle is of version {other}, this build reads {VERSION}"
            ))),
        }
    }

    /// Writes it where nothing is yet, for its owner alone.
    ///
    /// # Errors
    /// When it can't be written.
    pub(crate) fn write_new(&self, path: &Path) -> Result<(), Failure> {
        write_file(path, &self.bytes()?)
    }

    /// Writes it again, whole or not at all.
    ///
    /// # Errors
    /// When it can't be written.
    pub(crate) fn write_again(&self, path: &Path) -> Result<(), Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(Exit::Internal, format!("can't write {}", path.display())).because(error)
        };
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| failed(&"it has no name"))?;
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        crate::witness::keep(directory, name, &self.bytes()?).map_err(|error| failed(&error))
    }

    fn bytes(&self) -> Result<Vec<u8>, Failure> {
        serde_json::to_vec(self)
            .map_err(|error| Failure::new(Exit::Internal, "the bundle").because(error))
    }

    /// The status key.
    ///
    /// # Errors
    /// When the key file is not the one that it was encrypted under.
    pub(crate) fn key(&self, sealing: &[u8; KEY_BYTES]) -> Result<SignerKey, Failure> {
        let closed = || {
            Failure::new(Exit::Unauthorised, "the status key does not open")
                .because("the key file is another one, or the bundle was changed")
        };
        let sealed = STANDARD.decode(&self.sealed_key).map_err(|_| closed())?;
        let (nonce, text) = sealed.split_at_checked(NONCE_BYTES).ok_or_else(closed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| closed())?;
        let sealing = RandomizedNonceKey::new(&AES_256_GCM, sealing).map_err(|_| closed())?;
        let mut text = text.to_vec();
        let opened = sealing
            .open_in_place(nonce, Aad::from(CONTEXT), &mut text)
            .map_err(|_| closed())?;
        let skey = str::from_utf8(opened).map_err(|_| closed())?;
        SignerKey::parse(skey).map_err(|_| closed())
    }
}

/// The key in a key file: 32 bytes in base64.
///
/// # Errors
/// When it can't be read, others may read it, or it is no key.
pub(crate) fn sealing_key(path: &Path) -> Result<[u8; KEY_BYTES], Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let text = read_file(&path.to_owned(), KEY_FILE_BYTES_MAX)?;
    let mode = std::fs::metadata(path).map(|meta| meta.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        return Err(Failure::usage(format!(
            "{} can be read by others: chmod 600",
            path.display()
        )));
    }
    let bytes = STANDARD.decode(text.trim_ascii()).ok();
    let key = bytes.and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes).ok());
    key.ok_or_else(|| {
        Failure::usage(format!("{} holds no key", path.display()))
            .because("a key file holds 32 bytes in base64")
    })
}

/// The same; made if there is no such file. Whether it was made.
///
/// # Errors
/// As for [`sealing_key`], and when it can't be written.
pub(crate) fn sealing_key_or_new(path: &Path) -> Result<([u8; KEY_BYTES], bool), Failure> {
    if path.exists() {
        return Ok((sealing_key(path)?, false));
    }
    let mut key = [0; KEY_BYTES];
    aws_lc_rs::rand::fill(&mut key)
        .map_err(|_| Failure::new(Exit::Internal, "the system gives no random bytes"))?;
    write_file(path, format!("{}\n", STANDARD.encode(key)).as_bytes())?;
    Ok((key, true))
}
