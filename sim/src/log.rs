//! The log upon the simulated disk: the same lines, and the same order of writing, syncing and
//! signing, as the real one.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use engine::ports::{AppendError, AppendRefusal, Appended, Log, SignedHead};
use record::checkpoint::{Checkpoint, SignedCheckpoint};
use record::hash::{self, Hash};
use record::note::VerifierKey;
use record::tree::Frontier;

use crate::disk::Image;
use crate::machine::{Bug, Machine, Parts, Trap, signing_key};
use crate::recover::{Corruption, Mark, ORIGIN, Recovered, checkpoint_hash, recover, to_hex};

/// The writer's end of the disk.
pub struct SimLog {
    machine: Arc<Machine>,
    frontier: Frontier,
    prev: Option<Hash>,
    key: u8,
    next_key: Option<u8>,
}

fn died(stage: Trap) -> AppendError {
    let source = io::Error::other("the process ends here");
    AppendError::Fatal {
        what: format!("{stage:?}"),
        source,
    }
}

fn line(mark: &Mark) -> Vec<u8> {
    let mut line = serde_json::to_vec(mark).unwrap_or_default();
    line.push(b'\n');
    line
}

impl SimLog {
    /// Goes on from what a new process read.
    pub fn new(machine: Arc<Machine>, frontier: Frontier, prev: Option<Hash>, key: u8) -> SimLog {
        SimLog {
            machine,
            frontier,
            prev,
            key,
            next_key: None,
        }
    }

    fn write(&self, parts: &mut Parts, batch: &[u8]) -> Result<(), AppendError> {
        if let Some(trap) = parts.springs(|it| it == Trap::BeforeWrite) {
            return Err(died(trap));
        }
        if let Some(trap) = parts.springs(|it| matches!(it, Trap::WithinWrite(_))) {
            let Trap::WithinWrite(part) = trap else {
                return Err(died(trap));
            };
            let length = batch.len() * usize::from(part) / 256;
            parts.image.append(batch.get(..length).unwrap_or(batch));
            return Err(died(trap));
        }
        parts.image.append(batch);
        if let Some(trap) = parts.springs(|it| it == Trap::BeforeSync) {
            return Err(died(trap));
        }
        if parts.bug != Some(Bug::NoSync) {
            parts.image.sync();
        }
        Ok(())
    }
}

/// The disk's answer before anything is written.
fn room(parts: &mut Parts, urgent: bool) -> Result<(), AppendRefusal> {
    if !parts.full {
        return Ok(());
    }
    if urgent && parts.reserve > 0 {
        parts.reserve -= 1;
        return Ok(());
    }
    Err(AppendRefusal::NoSpace {
        free_bytes: 0,
        needed_bytes: 1,
    })
}

impl Log for SimLog {
    fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    fn append_batch(
        &mut self,
        expected_size: u64,
        _fence_epoch: u64,
        entries: &[Vec<u8>],
        urgent: bool,
    ) -> Result<Appended, AppendError> {
        let machine = self.machine.clone();
        let mut parts = machine.parts();
        let actual = self.frontier.size();
        if actual != expected_size {
            let refusal = AppendRefusal::WrongSize {
                expected: expected_size,
                actual,
            };
            return Err(AppendError::Refused(refusal));
        }
        let refused = room(&mut parts, urgent).err();
        if let Some(refused) = refused.as_ref()
            && parts.bug != Some(Bug::RefusedButWritten)
        {
            return Err(AppendError::Refused(refused.clone()));
        }
        let mut entries = entries.to_vec();
        if parts.bug == Some(Bug::Reordered) && expected_size.is_multiple_of(3) {
            entries.reverse();
        }
        let leaves: Vec<Hash> = entries.iter().map(|entry| hash::leaf(entry)).collect();
        let mut frontier = self.frontier.clone();
        frontier.extend(leaves.iter().copied());
        let (size, root) = (frontier.size(), frontier.root());
        let mut batch: Vec<u8> = Vec::new();
        for entry in &entries {
            batch.extend_from_slice(entry);
            batch.push(b'\n');
        }
        batch.extend(line(&Mark::Batch {
            prev: self.prev,
            root,
            size,
        }));
        self.write(&mut parts, &batch)?;
        parts.add_entries(&entries);
        if let Some(refused) = refused {
            return Err(AppendError::Refused(refused));
        }
        self.frontier = frontier;
        self.prev = checkpoint_hash(size, root);
        if parts.bug == Some(Bug::RottenEntry) && size > 20 && size.is_multiple_of(5) {
            // Somewhere in the first entries; whoever recomputes the tree sees it.
            parts.image.rot(700);
        }
        Ok(Appended { size, root, leaves })
    }

    fn sign(&mut self) -> Result<SignedHead, AppendError> {
        let mut parts = self.machine.parts();
        if let Some(trap) = parts.springs(|it| it == Trap::BeforeSign) {
            return Err(died(trap));
        }
        let unsigned = |what: String| AppendError::Fatal {
            what,
            source: io::Error::other("sim"),
        };
        let (size, root) = (self.frontier.size(), self.frontier.root());
        let checkpoint =
            Checkpoint::new(ORIGIN, size, root).map_err(|error| unsigned(error.to_string()))?;
        let signed = SignedCheckpoint::sign(checkpoint, &signing_key(self.key))
            .map_err(|error| unsigned(error.to_string()))?;
        let sig = signed
            .note()
            .signatures()
            .first()
            .map(|it| to_hex(it.bytes()));
        if size > 0 {
            let mark = Mark::Signed {
                sig: sig.unwrap_or_default(),
                size,
            };
            parts.image.append(&line(&mark));
        }
        parts.anchor[0] = Some((size, root)).filter(|(size, _)| *size > 0);
        if size.is_multiple_of(4) {
            parts.anchor[1] = parts.anchor[0];
        }
        if let Some(trap) = parts.springs(|it| it == Trap::AfterSign) {
            return Err(died(trap));
        }
        Ok(SignedHead {
            size,
            root,
            note: signed.note().to_string(),
        })
    }

    fn prepare_key(&mut self) -> Result<String, AppendError> {
        let mut parts = self.machine.parts();
        parts.keys = parts.keys.saturating_add(1);
        let number = parts.keys;
        self.next_key = Some(number);
        if parts.springs(|it| it == Trap::AfterNewKey).is_some() {
            parts.trap = Some(Trap::BeforeWrite);
        }
        Ok(signing_key(number).verifier().to_string())
    }

    fn use_new_key(&mut self) -> Result<(), AppendError> {
        let next = self.next_key.take();
        let none = || AppendError::Fatal {
            what: "there is no new key".to_owned(),
            source: io::Error::other("sim"),
        };
        self.key = next.ok_or_else(none)?;
        Ok(())
    }
}

/// [`Bug::RecoveryDropsABatch`]: what recovery must never do.
pub(crate) fn recover_dropping(
    image: &Image,
    keys: &[VerifierKey],
    verified: &mut HashSet<Vec<u8>>,
) -> Result<Recovered, Corruption> {
    let whole = recover(image.bytes(), keys, None, verified)?;
    let kept = image.bytes().get(..whole.whole_bytes).unwrap_or_default();
    let mark = b"\n{\"batch\":";
    let last = kept
        .windows(mark.len())
        .rposition(|window| window == mark)
        .unwrap_or(0);
    recover(kept.get(..last).unwrap_or_default(), keys, None, verified)
}
