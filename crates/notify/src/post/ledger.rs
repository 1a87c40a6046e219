//! What became of each delivery of one notice: a fold over the lines of its journal. Pure.
//!
//! A delivery waits, is begun, and ends as done, failed or unknown. Whatever happens in between,
//! what was done stays done, what is unknown is begun again only because somebody said so, and the
//! counts add up to how many there are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Entry {
    /// These are to get it in this round; from the second on they are those that were unknown.
    Planned {
        /// From 1.
        round: u32,
        /// By number.
        to: Vec<u32>,
    },
    /// Something happened with one of them.
    Step {
        /// Which.
        n: u32,
        /// What.
        is: Step,
        /// A word that says why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<Box<str>>,
    },
}

/// What happens with one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// From here on the receiver may have it.
    Begun,
    /// The next server has said that it took it.
    Done,
    /// It is not delivered, and will not be.
    Failed,
    /// It was not taken now; it is tried again later.
    Later,
    /// Nobody can say.
    Unknown,
}

/// Where one delivery stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// To be delivered, after so many tries that were put off.
    Waiting(u32),
    /// The receiver may have it; it was put off so often before.
    Begun(u32),
    /// Taken.
    Done,
    /// Not delivered, for this reason.
    Failed(Box<str>),
    /// Nobody can say, for this reason.
    Unknown(Box<str>),
}

/// A line that does not follow from those before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line:?} can't follow")]
pub struct Impossible {
    /// The line.
    pub line: Entry,
}

/// How many deliveries stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Taken by the next server.
    pub done: u32,
    /// Not delivered, for a reason that is known.
    pub failed: u32,
    /// Nobody can say.
    pub unknown: u32,
    /// Waiting, or on their way.
    pub open: u32,
}

/// Every delivery of one notice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The last round that was planned; 0 before the first.
    round: u32,
    standing: BTreeMap<u32, Standing>,
}

impl Entry {
    /// A step without a reason.
    pub fn step(n: u32, is: Step) -> Entry {
        Entry::Step { n, is, why: None }
    }

    /// A step and why.
    pub fn because(n: u32, is: Step, why: &str) -> Entry {
        Entry::Step {
            n,
            is,
            why: Some(why.into()),
        }
    }
}

impl Ledger {
    /// A ledger whose deliveries ended as an earlier report says.
    pub fn reported(round: u32, standing: BTreeMap<u32, Standing>) -> Ledger {
        Ledger { round, standing }
    }

    /// The last round that was planned; 0 before the first.
    pub fn round(&self) -> u32 {
        self.round
    }

    /// Where each delivery stands.
    pub fn standing(&self) -> &BTreeMap<u32, Standing> {
        &self.standing
    }

    /// Folds in the next line.
    ///
    /// # Errors
    /// When it can't follow; then nothing is changed.
    pub fn apply(&mut self, line: &Entry) -> Result<(), Impossible> {
        let impossible = || Impossible { line: line.clone() };
        match line {
            Entry::Planned { round, to } => {
                let first = *round == 1 && self.round == 0;
                let again = self.round > 0 && *round > self.round;
                let unknown = |n: &u32| matches!(self.standing.get(n), Some(Standing::Unknown(_)));
                if !(first || again && to.iter().all(unknown)) {
                    return Err(impossible());
                }
                self.round = *round;
                let waiting = to.iter().map(|n| (*n, Standing::Waiting(0)));
                self.standing.extend(waiting);
            }
            Entry::Step { n, is, why } => {
                let standing = self.standing.get_mut(n).ok_or_else(impossible)?;
                let why = why.clone().unwrap_or_default();
                *standing = match (&*standing, is) {
                    (Standing::Waiting(tries), Step::Begun) => Standing::Begun(*tries),
                    (Standing::Begun(_), Step::Done) => Standing::Done,
                    (Standing::Begun(_), Step::Unknown) => Standing::Unknown(why),
                    (Standing::Begun(_) | Standing::Waiting(_), Step::Failed) => {
                        Standing::Failed(why)
                    }
                    (Standing::Waiting(tries) | Standing::Begun(tries), Step::Later) => {
                        Standing::Waiting(tries.saturating_add(1))
                    }
                    _ => return Err(impossible()),
                };
            }
        }
        Ok(())
    }

    /// The lines that end what was begun and not ended, after a crash: nobody can say what became
    /// of it.
    pub fn interrupted(&self) -> Vec<Entry> {
        let begun = self.standing.iter();
        begun
            .filter(|(_, standing)| matches!(standing, Standing::Begun(_)))
            .map(|(n, _)| Entry::because(*n, Step::Unknown, "interrupted"))
            .collect()
    }

    /// Those that wait, with how often they were put off.
    pub fn waiting(&self) -> impl Iterator<Item = (u32, u32)> {
        self.standing
            .iter()
            .filter_map(|(n, standing)| match standing {
                Standing::Waiting(tries) => Some((*n, *tries)),
                _ => None,
            })
    }

    /// Those of whom nobody can say whether they have it.
    pub fn unknown(&self) -> impl Iterator<Item = u32> {
        self.standing
            .iter()
            .filter_map(|(n, standing)| match standing {
                Standing::Unknown(_) => Some(*n),
                _ => None,
            })
    }

    /// The lines that make everything unknown that has not ended: the journal does not tell what
    /// became of it.
    pub fn given_up(&self, why: &str) -> Vec<Entry> {
        let mut lines = Vec::new();
        for (n, standing) in &self.standing {
            match standing {
                Standing::Waiting(_) => lines.push(Entry::step(*n, Step::Begun)),
                Standing::Begun(_) => {}
                Standing::Done | Standing::Failed(_) | Standing::Unknown(_) => continue,
            }
            lines.push(Entry::because(*n, Step::Unknown, why));
        }
        lines
    }

    /// The lines of a first round that ended so: for a journal whose file is gone.
    pub fn lines(&self) -> Vec<Entry> {
        let to: Vec<u32> = self.standing.keys().copied().collect();
        let mut lines = vec![Entry::Planned { round: 1, to }];
        for (n, standing) in &self.standing {
            let (is, why) = match standing {
                Standing::Done => (Step::Done, None),
                Standing::Failed(why) => (Step::Failed, Some(why.clone())),
                Standing::Unknown(why) => (Step::Unknown, Some(why.clone())),
                Standing::Waiting(_) | Standing::Begun(_) => continue,
            };
            lines.push(Entry::step(*n, Step::Begun));
            lines.push(Entry::Step { n: *n, is, why });
        }
        lines
    }

    /// How many stand where. The four add up to how many there are.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for standing in self.standing.values() {
            match standing {
                Standing::Done => counts.done += 1,
                Standing::Failed(_) => counts.failed += 1,
                Standing::Unknown(_) => counts.unknown += 1,
                Standing::Waiting(_) | Standing::Begun(_) => counts.open += 1,
            }
        }
        counts
    }

    /// The outcome of each as lines of JSON, by number: what a report cites. Only of what ended.
    pub fn outcomes(&self) -> String {
        let mut text = String::new();
        for (n, standing) in &self.standing {
            let step = match standing {
                Standing::Done => Entry::step(*n, Step::Done),
                Standing::Failed(why) => Entry::because(*n, Step::Failed, why),
                Standing::Unknown(why) => Entry::because(*n, Step::Unknown, why),
                Standing::Waiting(_) | Standing::Begun(_) => continue,
            };
            text.push_str(&serde_json::to_string(&step).unwrap_or_default());
            text.push('\n');
        }
        text
    }

    /// Reads what [`Ledger::outcomes`] wrote.
    pub fn from_outcomes(round: u32, text: &str) -> Option<Ledger> {
        let mut standing = BTreeMap::new();
        for line in text.lines() {
            let Ok(Entry::Step { n, is, why }) = serde_json::from_str(line) else {
                return None;
            };
            let why = why.unwrap_or_default();
            let stands = match is {
                Step::Done => Standing::Done,
                Step::Failed => Standing::Failed(why),
                Step::Unknown => Standing::Unknown(why),
                Step::Begun | Step::Later => return None,
            };
            standing.insert(n, stands);
        }
        Some(Ledger::reported(round, standing))
    }
}
