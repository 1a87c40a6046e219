//! A break-glass note: what a person signs with a key that control does not have, so that edges run again
//! what they ran before while control is gone.

use base::{Line, Name, Timestamp};
use serde::{Deserialize, Serialize};

use crate::hash::Hash;
use crate::statement::Statement;

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

impl Statement for BreakGlass {
    const HEADER: &'static str = "hereby/break-glass/1";

    fn check(&self) -> Result<(), &'static str> {
        match self.counter {
            1..=COUNTER_MAX => Ok(()),
            _ => Err("its counter is not between 1 and 2^53 - 1"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::{Algorithm, SignerKey};
    use crate::statement::{BadStatement, NOTE_BYTES_MAX};

    const HEADER: &str = BreakGlass::HEADER;

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
        assert!(matches!(open(&changed), Err(BadStatement::Unverified(_))));
        let by_another = said().sign(&key(2)).unwrap().to_string();
        assert!(matches!(
            open(&by_another),
            Err(BadStatement::Unverified(_))
        ));
        let long = format!("{text}{}", "x".repeat(NOTE_BYTES_MAX));
        assert!(matches!(open(&long), Err(BadStatement::TooLong(_))));
        // The same key also signed something else.
        let signed = |text: &str| key(1).sign_note(text.to_owned()).unwrap().to_string();
        let other = signed("hereby/edge/1\n{}\n");
        assert!(matches!(open(&other), Err(BadStatement::Form(_))));
        let two = signed(&format!("{HEADER}\n{{}}\n{{}}\n"));
        assert!(matches!(open(&two), Err(BadStatement::Form(_))));
        let more = signed(&format!("{HEADER}\n{{\"and\":1}}\n"));
        assert!(matches!(open(&more), Err(BadStatement::Json(_))));
        let none = BreakGlass {
            counter: 0,
            ..said()
        };
        let none = none.sign(&key(1)).unwrap().to_string();
        assert!(matches!(open(&none), Err(BadStatement::Content(_))));
    }
}
