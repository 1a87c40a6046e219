//! The commands that happened last, so that one sent again is known without asking the record.

use std::collections::{HashMap, VecDeque};

use base::{CommandDigest, CommandId};

/// How many commands are remembered with their digest before the record has to be asked.
const RECENT_MAX: usize = 16_384;

/// Commands that happened lately: all of those whose acts stand at or behind `complete_from`.
pub(crate) struct Recent {
    complete_from: u64,
    by_id: HashMap<CommandId, (u64, u32, CommandDigest)>,
    order: VecDeque<CommandId>,
}

impl Recent {
    /// Nothing yet, of a record of that many acts.
    pub(crate) fn new(size: u64) -> Recent {
        Recent {
            complete_from: size,
            by_id: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// From which index on no command is missing here.
    pub(crate) fn complete_from(&self) -> u64 {
        self.complete_from
    }

    /// Its first act, how many, and its digest.
    pub(crate) fn find(&self, id: &CommandId) -> Option<(u64, u32, CommandDigest)> {
        self.by_id.get(id).copied()
    }

    /// The newest command.
    pub(crate) fn remember(
        &mut self,
        id: CommandId,
        first: u64,
        count: u32,
        digest: CommandDigest,
    ) {
        self.by_id.insert(id.clone(), (first, count, digest));
        self.order.push_back(id);
        while self.order.len() > RECENT_MAX {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            if let Some((first, count, _)) = self.by_id.remove(&oldest) {
                self.complete_from = first + u64::from(count);
            }
        }
    }

    /// Forgets commands whose acts were not written: those from `size` on.
    pub(crate) fn forget_from(&mut self, size: u64) {
        self.by_id.retain(|_, (first, _, _)| *first < size);
        self.order.retain(|id| self.by_id.contains_key(id));
    }
}
