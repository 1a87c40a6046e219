//! What a person signs with a key of their own, to be believed where there is no record to say it: a signed
//! note (C2SP signed-note) whose text is a header and one line of JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::note::{BadNote, CannotSign, Note, SignerKey, Unverified, VerifierKey};

/// The longest such note, in bytes.
pub const NOTE_BYTES_MAX: usize = 4 << 10;

/// Something that is signed so.
pub trait Statement: Serialize + DeserializeOwned {
    /// The first line of its note.
    const HEADER: &'static str;

    /// What else must hold.
    ///
    /// # Errors
    /// Why it does not.
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }

    /// The note, signed.
    ///
    /// # Errors
    /// When the key can't sign notes.
    fn sign(&self, key: &SignerKey) -> Result<Note, CannotSign> {
        // The types have JSON, whatever stands in them.
        let json = serde_json::to_string(self).unwrap_or_default();
        key.sign_note(format!("{}\n{json}\n", Self::HEADER))
    }

    /// What a note says, if that key signed it.
    ///
    /// # Errors
    /// When it did not, or it is no such note.
    fn open(bytes: &[u8], key: &VerifierKey) -> Result<Self, BadStatement> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(BadStatement::TooLong(bytes.len()));
        }
        let note = Note::parse(bytes)?;
        note.verify(std::slice::from_ref(key))?;
        let json = note.text().strip_prefix(Self::HEADER);
        let json = json.and_then(|rest| rest.strip_prefix('\n')?.strip_suffix('\n'));
        let json = json.filter(|json| !json.contains('\n'));
        let said: Self = serde_json::from_str(json.ok_or(BadStatement::Form(Self::HEADER))?)?;
        said.check().map_err(BadStatement::Content)?;
        Ok(said)
    }
}

/// Why a note is not believed.
#[derive(Debug, thiserror::Error)]
pub enum BadStatement {
    /// It is longer than [`NOTE_BYTES_MAX`].
    #[error("it has {0} bytes, at most 4096 are read")]
    TooLong(usize),
    /// It is no note.
    #[error("it is no signed note: {0}")]
    Note(#[from] BadNote),
    /// Its text is not the header and one line of JSON.
    #[error("its text is not that of a {0} note")]
    Form(&'static str),
    /// The JSON is not of the type's form.
    #[error("its text can't be read: {0}")]
    Json(#[from] serde_json::Error),
    /// What it says can't be.
    #[error("{0}")]
    Content(&'static str),
    /// Somebody else signed it, or nobody.
    #[error("the key did not sign it: {0}")]
    Unverified(#[from] Unverified),
}
