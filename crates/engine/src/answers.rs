//! What a batch that is durable and signed is answered with, once readers see it.

use std::sync::Arc;

use record::act::Act;
use record::hash::Hash;
use tokio::sync::oneshot;

use crate::ports::{Entries, SignedHead};
use crate::request::{Answer, Outcome, Receipt, SignalReport};
use crate::settled::Settled;

/// A batch that is durable and signed, and who waits for it.
#[derive(Debug)]
pub(crate) struct Committed {
    pub(crate) first: u64,
    pub(crate) acts: Vec<Act>,
    pub(crate) leaves: Vec<Hash>,
    pub(crate) head: Arc<SignedHead>,
    pub(crate) waiting: Vec<Waiting>,
}

/// A request that waits for its batch to be durable.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) answer: oneshot::Sender<Answer>,
    pub(crate) settled: Settled,
}

impl Committed {
    /// Answers everyone who waits.
    pub(crate) fn answer(&mut self, entries: &dyn Entries) {
        for Waiting { answer, settled } in std::mem::take(&mut self.waiting) {
            // Whoever asked may be gone; what was done is done.
            let _ = answer.send(self.resolve(settled, entries));
        }
    }

    fn resolve(&self, settled: Settled, entries: &dyn Entries) -> Answer {
        match settled {
            Settled::Done { first, count } => {
                Answer::Command(Outcome::Done(self.receipts(first, count)))
            }
            Settled::Repeated { first, count } => {
                Answer::Command(self.repeated(first, count, entries))
            }
            Settled::Refused(refusal) => Answer::Command(Outcome::Refused(refusal)),
            Settled::Beat(expected) => Answer::Beat(Ok(expected)),
            Settled::Signals(signals) => {
                let mut report = SignalReport {
                    receipts: Vec::new(),
                    known: signals.known,
                    ignored: signals.ignored,
                    stale: signals.stale,
                    unwritable: signals.unwritable,
                    refused: signals.refused,
                };
                for (first, count) in signals.acts {
                    report.receipts.extend(self.receipts(first, count));
                }
                Answer::Signals(report)
            }
        }
    }

    /// The first receipts of a command that happened before.
    fn repeated(&self, first: u64, count: u32, entries: &dyn Entries) -> Outcome {
        let indexes = first..first + u64::from(count);
        let found: Option<Vec<Receipt>> = indexes
            .map(|index| {
                let entry = entries.entry(index).ok().flatten()?;
                let act = Act::decode(&entry).ok()?;
                Some(self.receipt(&act, index))
            })
            .collect();
        // The act is on the record, but can't be read now: that it happened is all that is known.
        found.map_or(Outcome::Unknown, Outcome::Done)
    }

    fn receipts(&self, first: u64, count: u32) -> Vec<Receipt> {
        let skip = usize::try_from(first - self.first).unwrap_or(usize::MAX);
        let acts = self.acts.iter().skip(skip).take(count as usize);
        (first..)
            .zip(acts)
            .map(|(index, act)| self.receipt(act, index))
            .collect()
    }

    fn receipt(&self, act: &Act, index: u64) -> Receipt {
        Receipt {
            act: act.id,
            at: act.at,
            index,
            kind: act.body.kind().into(),
            subject: act.subject.clone(),
            head: self.head.clone(),
        }
    }
}
