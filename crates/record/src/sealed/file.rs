//! A file encrypted under an incident's key: `hereby/sealed-file/1`, a line feed, a 12-byte nonce,
//! the ciphertext and its 16-byte tag (AES-256-GCM).
//!
//! The nonce is an HMAC of incident and content, so the same file of the same incident is the same
//! bytes, and content-addressing keeps one of it. The tag binds it to its incident.

use aws_lc_rs::aead::{Aad, Nonce};
use base::IncidentId;

use super::{CannotOpen, SubjectKey};

const MAGIC: &[u8] = b"hereby/sealed-file/1\n";
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// How files of incidents are kept.
#[derive(Clone, Copy, Debug)]
pub struct SealedFile;

fn associated(incident: IncidentId) -> Vec<u8> {
    format!("hereby/sealed-file/1\0{incident}").into_bytes()
}

impl SealedFile {
    /// How many bytes longer a file is than its content.
    pub const OVERHEAD_BYTES: usize = MAGIC.len() + NONCE_BYTES + TAG_BYTES;

    /// What is kept of this content.
    pub fn seal(key: &SubjectKey, incident: IncidentId, content: &[u8]) -> Vec<u8> {
        let name = incident.to_string();
        let derived = key.derive(
            "hereby/sealed-file/1 nonce\0",
            &[name.as_bytes(), b"\0", content],
        );
        let mut nonce = [0; NONCE_BYTES];
        for (slot, byte) in nonce.iter_mut().zip(derived) {
            *slot = byte;
        }
        let mut sealed = content.to_vec();
        key.cipher()
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(associated(incident)),
                &mut sealed,
            )
            .expect("a blob is far shorter than AES-GCM's limit");
        let mut kept = Vec::with_capacity(MAGIC.len() + NONCE_BYTES + sealed.len());
        kept.extend_from_slice(MAGIC);
        kept.extend_from_slice(&nonce);
        kept.append(&mut sealed);
        kept
    }

    /// The content of what is kept.
    ///
    /// # Errors
    /// When it is not a sealed file, or not one of this incident under this key.
    pub fn open(
        key: &SubjectKey,
        incident: IncidentId,
        kept: &[u8],
    ) -> Result<Vec<u8>, CannotOpen> {
        let sealed = kept.strip_prefix(MAGIC).ok_or(CannotOpen::Form)?;
        let (nonce, sealed) = sealed
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(CannotOpen::Form)?;
        let mut content = sealed.to_vec();
        let plain = key
            .cipher()
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(associated(incident)),
                &mut content,
            )
            .map_err(|_| CannotOpen::Mismatch)?;
        let bytes = plain.len();
        content.truncate(bytes);
        Ok(content)
    }

    /// Whether these bytes are those of a sealed file.
    pub fn is_one(kept: &[u8]) -> bool {
        kept.starts_with(MAGIC)
    }
}
