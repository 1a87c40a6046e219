//! Succession: how a record goes on that was lost, rolled back, or whose key is in the wrong hands. A new epoch
//! begins, with another name and another key; a note signed by the root key, which is kept offline, says where.
//! Edges and verifiers follow such a note, and nothing else.

use base::{Line, Timestamp};
use serde::{Deserialize, Serialize};

use crate::checkpoint::Checkpoint;
use crate::hash::Hash;
use crate::note::VerifierKey;
use crate::statement::Statement;

/// The epoch that every record begins with.
pub const FIRST_EPOCH: u64 = 1;

/// What all names of one record begin with: its first one. Later epochs add their number and eight digits that
/// were drawn, so that no name comes twice.
pub fn lineage(origin: &str) -> &str {
    let epoch = |end: &str| {
        let parts = end.split_once('-');
        parts.is_some_and(|(number, drawn)| {
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
            number.parse::<u64>().is_ok() && drawn.len() == 8 && digits(drawn)
        })
    };
    match origin.rsplit_once("/e") {
        Some((first, end)) if epoch(end) => first,
        _ => origin,
    }
}

/// The name of a record in that epoch; `drawn` tells it from every other attempt.
pub fn name_in(origin: &str, epoch: u64, drawn: u32) -> String {
    format!("{}/e{epoch}-{drawn:08x}", lineage(origin))
}

/// A tree, by its size and root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// The root.
    pub root: Hash,
    /// How many entries it has.
    pub size: u64,
}

/// A new epoch of a record begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Succession {
    /// When it was signed, by the signer's time.
    pub at: Timestamp,
    /// Which epoch begins; the first was 1.
    pub epoch: u64,
    /// What the record was named so far.
    pub from: Box<str>,
    /// The newest tree that is known of it: what it has beyond `kept` is lost. None: nothing is known to be lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Tree>,
    /// The tree that goes on.
    pub kept: Tree,
    /// What the record is named from then on.
    pub origin: Box<str>,
    /// The key that signs from then on, as a C2SP verifier key. Its name is `origin`.
    pub vkey: Box<str>,
    /// Why. It is on the record in the clear.
    pub why: Line,
}

impl Statement for Succession {
    const HEADER: &'static str = "hereby/succession/1";

    fn check(&self) -> Result<(), &'static str> {
        if self.epoch <= FIRST_EPOCH {
            return Err("a succession begins an epoch behind the first");
        }
        if self.from == self.origin {
            return Err("the record keeps its name, and so can't be told from what was lost");
        }
        if lineage(&self.from) != lineage(&self.origin) {
            return Err("the record would go on as another one");
        }
        if self.gap.is_some_and(|gap| gap.size <= self.kept.size) {
            return Err("what it says is lost is no more than what goes on");
        }
        if self.log_key().is_none() {
            return Err("the key that signs from then on is no verifier key of that name");
        }
        match Checkpoint::new(&self.origin, self.kept.size, self.kept.root) {
            Ok(_) => Ok(()),
            Err(_) => Err("what goes on is no tree"),
        }
    }
}

impl Succession {
    /// The key that signs from then on; none: it is no key of that name.
    pub fn log_key(&self) -> Option<VerifierKey> {
        let key: VerifierKey = self.vkey.parse().ok()?;
        (key.name() == &*self.origin).then_some(key)
    }

    /// The tree that goes on, under its new name; none: there is no such tree.
    pub fn begins(&self) -> Option<Checkpoint> {
        Checkpoint::new(&self.origin, self.kept.size, self.kept.root).ok()
    }
}

/// Another root key is believed from now on: the one so far says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootChange {
    /// The key so far, as a C2SP verifier key.
    pub from: Box<str>,
    /// The next.
    pub to: Box<str>,
}

impl Statement for RootChange {
    const HEADER: &'static str = "hereby/root-key/1";
}

/// Whether a root key may follow the one so far: there is none, or it vouches for the next.
pub fn may_follow(so_far: Option<&str>, next: &str, vouched: Option<&str>) -> bool {
    let Some(so_far) = so_far.filter(|so_far| *so_far != next) else {
        return true;
    };
    let key: Option<VerifierKey> = so_far.parse().ok();
    let said = key.zip(vouched);
    let said = said.and_then(|(key, note)| RootChange::open(note.as_bytes(), &key).ok());
    said.is_some_and(|said| *said.from == *so_far && *said.to == *next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::{Algorithm, SignerKey};
    use crate::statement::BadStatement;

    fn key(name: &str, seed: u8) -> SignerKey {
        SignerKey::from_seed(name, Algorithm::Ed25519, [seed; 32]).unwrap()
    }

    fn said() -> Succession {
        Succession {
            at: Timestamp::from_ms(1_000),
            epoch: 2,
            from: "example.org/log".into(),
            gap: Some(Tree {
                root: Hash([2; 32]),
                size: 62,
            }),
            kept: Tree {
                root: Hash([1; 32]),
                size: 40,
            },
            origin: "example.org/log/e2-00c0ffee".into(),
            vkey: key("example.org/log/e2-00c0ffee", 7)
                .verifier()
                .to_string()
                .into(),
            why: "the disk died".parse().unwrap(),
        }
    }

    #[test]
    fn every_epoch_has_a_name_of_its_own_and_one_lineage() {
        let second = name_in("laptop/hereby-0713e1ba", 2, 0xc0_ffee);
        assert_eq!(second, "laptop/hereby-0713e1ba/e2-00c0ffee");
        assert_eq!(name_in(&second, 3, 1), "laptop/hereby-0713e1ba/e3-00000001");
        assert_eq!(lineage(&second), "laptop/hereby-0713e1ba");
        for first in ["example.org/e2", "example.org/e2-x", "e/e2-00c0ffe"] {
            assert_eq!(lineage(first), first);
        }
    }

    #[test]
    fn a_note_by_the_root_key_says_what_goes_on() {
        let root = key("root", 1);
        let note = said().sign(&root).unwrap().to_string();
        let opened = Succession::open(note.as_bytes(), root.verifier()).unwrap();
        assert_eq!(opened, said());
        assert_eq!(opened.begins().unwrap().size(), 40);
        let other = Succession::open(note.as_bytes(), key("root", 2).verifier());
        assert!(matches!(other, Err(BadStatement::Unverified(_))));
    }

    #[test]
    fn what_can_not_be_is_refused_whoever_signed_it() {
        let root = key("root", 1);
        let refused = |change: &dyn Fn(&mut Succession)| {
            let mut said = said();
            change(&mut said);
            let note = said.sign(&root).unwrap().to_string();
            let opened = Succession::open(note.as_bytes(), root.verifier());
            assert!(
                matches!(opened, Err(BadStatement::Content(_))),
                "{opened:?}"
            );
        };
        refused(&|said| said.epoch = 1);
        refused(&|said| said.from = said.origin.clone());
        refused(&|said| said.gap = Some(said.kept));
        refused(&|said| said.vkey = key("example.org/log", 7).verifier().to_string().into());
        refused(&|said| said.kept.size = u64::MAX);
    }

    #[test]
    fn another_root_key_is_believed_when_the_one_so_far_vouches_for_it() {
        let (first, second) = (key("root", 1), key("root", 2));
        let (from, to) = (first.verifier().to_string(), second.verifier().to_string());
        let change = RootChange {
            from: from.as_str().into(),
            to: to.as_str().into(),
        };
        let note = change.sign(&first).unwrap().to_string();
        assert!(may_follow(None, &to, None));
        assert!(may_follow(Some(&from), &from, None));
        assert!(may_follow(Some(&from), &to, Some(&note)));
        assert!(!may_follow(Some(&from), &to, None));
        let by_itself = change.sign(&second).unwrap().to_string();
        assert!(!may_follow(Some(&from), &to, Some(&by_itself)));
        // It vouched for that one, and for no other.
        let third = key("root", 3).verifier().to_string();
        assert!(!may_follow(Some(&from), &third, Some(&note)));
    }
}
