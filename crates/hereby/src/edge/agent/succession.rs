//! Whom an enrolled edge believes beyond the log's key: the root key, by whose word it follows the record into
//! another epoch, and which it learned while there was no need for it; and what it takes no less than.

use record::fleet::{Succeeded, Wanted};
use record::succession::may_follow;

use super::{Agent, Stays, unknown_record};
use crate::client::Kept;

impl Agent {
    /// Acts name root keys, one after the other. The first is believed where none was known; each further one if the
    /// one so far vouches for it.
    pub(super) fn learn_roots(&mut self, roots: &[(Box<str>, Option<Box<str>>)]) {
        let Some((last, _)) = roots.last() else {
            return;
        };
        let mut known = self.home.trust.root.clone();
        // Those that led to the one that is known are no news.
        let from = roots
            .iter()
            .position(|(vkey, _)| Some(vkey) == known.as_ref());
        for (vkey, vouched) in roots.iter().skip(from.map_or(0, |from| from + 1)) {
            if may_follow(known.as_deref(), vkey, vouched.as_deref()) {
                known = Some(vkey.clone());
            }
        }
        if known.as_ref() != Some(last) {
            tracing::error!(
                vkey = %last,
                "another root key is named, and the one so far does not vouch for it: it is not believed \
                 before this edge is enrolled anew"
            );
        }
        if known != self.home.trust.root
            && let Some(known) = known
            && let Err(error) = self.home.keep_root(&known)
        {
            tracing::error!(%error, "the root key can't be kept");
        }
    }

    /// Its cell takes no bundle of an earlier protocol from now on.
    pub(super) fn take_no_less(&mut self, protocol: u32, sequence: u64) {
        if self.home.trust.floor != protocol {
            tracing::info!(protocol, sequence, "this cell takes no earlier protocol");
            if let Err(error) = self.home.keep_floor(protocol) {
                tracing::error!(%error, "which protocol is taken can't be kept");
            }
        }
    }

    /// Another epoch is said to have begun. Where the root key says so it is followed: what this edge runs goes
    /// on, and it is told anew what to run.
    pub(super) async fn succeed(&mut self, line: &mut Kept) -> Result<(), Stays> {
        let bytes = self.fetch(line, Wanted::Succession).await?;
        let shown: Succeeded = serde_json::from_slice(&bytes)
            .map_err(|error| Stays::Unheard(format!("a succession can't be read: {error}")))?;
        let (root, epoch) = (self.home.trust.root.clone(), self.home.trust.epoch);
        let known = self.known.as_mut().ok_or_else(unknown_record)?;
        let said = known.succeed(&shown, root.as_deref(), epoch)?;
        let lost = said.gap.map_or(0, |gap| gap.size - said.kept.size);
        tracing::warn!(
            epoch = said.epoch,
            record = %said.origin,
            kept = said.kept.size,
            lost,
            why = %said.why,
            "the record goes on in another epoch, by the root key's word"
        );
        // Whatever the disk says: a start from it follows once more.
        self.running.forget_acts();
        self.glass.key = None;
        let kept = self.home.keep_epoch(&said, &shown.grown.checkpoint);
        if let Err(error) = kept {
            tracing::error!(%error, "that another epoch is followed can't be kept");
        }
        (self.follows, self.overlay) = (None, 0);
        self.refused.clear();
        Ok(())
    }
}
