//! A break-glass note: what a person signs with a key that control does not have, so that edges run again
//! what they ran before while control is gone. It is a signed note (C2SP signed-note) whose text is
//! [`HEADER`] and one line of JSON.

use base::{Line, Name, Timestamp};
use serde::{Deserialize, Serialize};

use crate::hash::Hash;
use crate::note::{BadNote, CannotSign, Note, SignerKey, Unverified, VerifierKey};

/// The first line of a note.
pub const HEADER: &str = "hereby/break-glass/1";
/// The longest note, in bytes.
pub const NOTE_BYTES_MAX: usize = 2 << 10;
/// The largest [`BreakGlass::counter`]: as far as numbers of JSON are whole everywhere (RFC 8785).
pub const COUNTER_MAX: u64 = (1 << 53) - 1;

/// A cell's edges run again what they ran before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakGlass {
    /// Which cell.
    pub cell: Name,
    /// Higher than that of every note before: no note is used twice.
    pub counter: u64,
    /// SHA-256 of the fleet's version that they are to run.
    pub digest: Hash,
    /// When the note stops working.
    pub expires_at: Timestamp,
    /// Why. It is on the record in the clear.
    pub why: Line,
}

/// Why a note is not believed.
#[derive(Debug, thiserror::Error)]
pub enum BadBreakGlass {
    /// It is longer than [`NOTE_BYTES_MAX`].
    #[error("it has {0} bytes, at most 2048 are read")]
    TooLong(usize),
    /// It is no note.
    #[error("it is no signed note: {0}")]
    Note(#[from] BadNote),
    /// Its text is not [`HEADER`] and one line of JSON.
    #[error("its text is not that of a break-glass note")]
    Form,
    /// The JSON is not of the type's form.
    #[error("its text can't be read: {0}")]
    Json(#[from] serde_json::Error),
    /// The counter is 0, or above [`COUNTER_MAX`].
    #[error("its counter is not between 1 and 2^53 - 1")]
    Counter,
    /// Somebody else signed it, or nobody.
    #[error("the break-glass key did not sign it: {0}")]
    Unverified(#[from] Unverified),
}

impl BreakGlass {
    /// The note, signed.
    ///
    /// # Errors
    /// When the key can't sign notes.
    pub fn sign(&self, key: &SignerKey) -> Result<Note, CannotSign> {
        // The type has JSON, whatever stands in it.
        let json = serde_json::to_string(self).unwrap_or_default();
        key.sign_note(format!("{HEADER}\n{json}\n"))
    }

    /// What a note says, if that key signed it.
    ///
    /// # Errors
    /// When it did not, or it is no such note.
    pub fn open(bytes: &[u8], key: &VerifierKey) -> Result<BreakGlass, BadBreakGlass> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(BadBreakGlass::TooLong(bytes.len()));
        }
        let note = Note::parse(bytes)?;
        note.verify(std::slice::from_ref(key))?;
        let json = note.text().strip_prefix(HEADER);
        let json = json.and_then(|rest| rest.strip_prefix('\n')?.strip_suffix('\n'));
        let json = json.filter(|json| !json.contains('\n'));
        let said: BreakGlass = serde_json::from_str(json.ok_or(BadBreakGlass::Form)?)?;
        match said.counter {
            1..=COUNTER_MAX => Ok(said),
            _ => Err(BadBreakGlass::Counter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::Algorithm;

    fn key(seed: u8) -> SignerKey {
        SignerKey::from_seed("example.org/break-glass", Algorithm::Ed25519, [seed; 32]).unwrap()
    }

    fn said() -> BreakGlass {
        BreakGlass {
            cell: "eu-1".parse().unwrap(),
            counter: 7,
            digest: Hash([9; 32]),
            expires_at: Timestamp::from_ms(1_000_000),
            why: "control burned down".parse().unwrap(),
        }
    }

    #[test]
    fn a_note_says_what_was_signed() {
        let text = said().sign(&key(1)).unwrap().to_string();
        assert!(text.len() <= NOTE_BYTES_MAX);
        let opened = BreakGlass::open(text.as_bytes(), key(1).verifier()).unwrap();
        assert_eq!(opened, said());
    }

    #[test]
    fn what_nobody_signed_so_is_not_believed() {
        let text = said().sign(&key(1)).unwrap().to_string();
        let open = |text: &str| BreakGlass::open(text.as_bytes(), key(1).verifier());
        let changed = text.replace("eu-1", "eu-2");
        assert!(matches!(open(&changed), Err(BadBreakGlass::Unverified(_))));
        let by_another = said().sign(&key(2)).unwrap().to_string();
        assert!(matches!(
            open(&by_another),
            Err(BadBreakGlass::Unverified(_))
        ));
        let long = format!("{text}{}", "x".repeat(NOTE_BYTES_MAX));
        assert!(matches!(open(&long), Err(BadBreakGlass::TooLong(_))));
        // The same key also signed something else.
        let signed = |text: &str| key(1).sign_note(text.to_owned()).unwrap().to_string();
        let other = signed("hereby/edge/1\n{}\n");
        assert!(matches!(open(&other), Err(BadBreakGlass::Form)));
        let two = signed(&format!("{HEADER}\n{{}}\n{{}}\n"));
        assert!(matches!(open(&two), Err(BadBreakGlass::Form)));
        let more = signed(&format!("{HEADER}\n{{\"and\":1}}\n"));
        assert!(matches!(open(&more), Err(BadBreakGlass::Json(_))));
        let none = BreakGlass {
            counter: 0,
            ..said()
        };
        let none = none.sign(&key(1)).unwrap().to_string();
        assert!(matches!(open(&none), Err(BadBreakGlass::Counter)));
    }
}
