//! Epochs: each behind the first begins by the word of the root key, which an earlier act named or the caller
//! knows.

use record::checkpoint::Checkpoint;
use record::kinds::log::{RootKeySet, Succeeded};
use record::note::VerifierKey;
use record::statement::Statement as _;
use record::succession::{Succession, Tree, may_follow};

use super::{Report, counted};

/// Where an epoch begins, as the segments have it.
#[derive(Debug)]
pub(super) struct Begins {
    pub(super) epoch: u64,
    /// None: what is before it is not at hand.
    pub(super) from: Option<String>,
    pub(super) kept: Tree,
    pub(super) origin: String,
}

/// The root key, and the epochs that ended.
#[derive(Debug, Default)]
pub(super) struct Epochs {
    root: Option<String>,
    ended: Vec<Succession>,
    /// Epochs whose root key entries name that are not at hand.
    pub(super) unproven: u64,
}

impl Epochs {
    /// The caller knows the root key.
    pub(super) fn pin(&mut self, root: Option<&VerifierKey>) {
        self.root = root.map(ToString::to_string);
    }

    /// An act names a root key. Where one is known, that one must vouch for it; if not, it is passed over: an
    /// epoch that it begins is refused.
    pub(super) fn set_root(&mut self, set: &RootKeySet) {
        if may_follow(self.root.as_deref(), &set.vkey, set.vouched.as_deref()) {
            self.root = Some(set.vkey.to_string());
        }
    }

    /// An act says how the epoch begins that the segments begin here; the key that signs in it.
    pub(super) fn begin(
        &mut self,
        begins: &Begins,
        succeeded: &Succeeded,
    ) -> Result<VerifierKey, String> {
        let root = self.root.as_deref().ok_or_else(|| {
            "another epoch begins, and no act before it names a root key (--root-key)".to_owned()
        })?;
        let root: VerifierKey = root
            .parse()
            .map_err(|error| format!("the root key: {error}"))?;
        let said = Succession::open(succeeded.note.as_bytes(), &root)
            .map_err(|error| format!("the root key did not say how this epoch begins: {error}"))?;
        let same = said.epoch == begins.epoch
            && begins.from.as_ref().is_none_or(|from| *said.from == **from)
            && *said.origin == *begins.origin
            && said.kept == begins.kept;
        let key = said.log_key().filter(|_| same);
        let key = key.ok_or_else(|| "the root key said it of another epoch".to_owned())?;
        self.ended.push(said);
        Ok(key)
    }

    /// Whether entries that are not at hand may name the root key.
    pub(super) fn is_unsure(&self) -> bool {
        self.root.is_none()
    }

    /// Behind how many entries the epoch of that name ended; none: it did not.
    pub(super) fn end_of(&self, origin: Option<&str>) -> Option<u64> {
        let mut ended = self.ended.iter();
        let ended = ended.find(|it| Some(&*it.from) == origin)?;
        Some(ended.kept.size)
    }

    /// What each succession says: it stands on the record that something is lost.
    pub(super) fn say(&self, report: &mut Report) {
        for said in &self.ended {
            let lost = said.gap.map_or_else(
                || "nothing is known to be lost".to_owned(),
                |gap| {
                    let lost = counted(gap.size.saturating_sub(said.kept.size), "entry");
                    format!("{lost} more were known, which are lost")
                },
            );
            report.notes.push(format!(
                "epoch {} began behind {}, by the root key's word of {}: {lost} ({})",
                said.epoch,
                counted(said.kept.size, "entry"),
                said.at,
                said.why
            ));
        }
        if self.unproven > 0 {
            let count = counted(self.unproven, "epoch");
            report.notes.push(format!(
                "how {count} began could not be checked: entries that are not at hand name the root key \
                 (--archive DIR, --root-key VKEY)"
            ));
        }
    }

    /// The succession that ended the epoch of that checkpoint, if it has ended.
    pub(super) fn that_ended(&self, checkpoint: &Checkpoint) -> Option<&Succession> {
        let mut ended = self.ended.iter();
        ended.find(|it| *it.from == *checkpoint.origin())
    }
}
