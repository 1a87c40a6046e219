//! Audits a record: folds it again from its entries, apart from the decider, and holds against that
//! what the invariants say, the snapshots, and the state that readers see.
//!
//! No thread and no clock: whoever holds an [`Audit`] says how far to read and when. Memory is that of
//! one state, of the tree's right edge and of [`FOUND_MAX`] violations. What it can't judge (acts of
//! kinds this build does not know) it counts and leaves alone. Signatures, tiles and blobs are
//! `verify`'s matter.

use std::collections::BTreeSet;

use base::{ActId, CommandDigest, CommandId, IncidentId, Proof, Timestamp};
use record::act::{Act, Subject, act_id};
use record::command::Verb;
use record::hash::{self, Hash};
use record::kinds::Body;
use record::kinds::incident::Role;
use record::kinds::request::Ground;
use record::sealed::Sealable;
use record::tree::Frontier;
use rollout::judge::{Judge, Law};

use crate::lookup::fold_act;
use crate::ports::{Entries, ReadError};
use crate::state::State;

/// More violations than this are counted and not kept.
pub const FOUND_MAX: usize = 1_000;

/// The command whose act opens every record.
const OPENING: &str = "hereby:record:opened";

/// What must always hold, as far as an audit can see it. The numbers are those of
/// `docs/invariants.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// The entries have the root that was signed, and each is an act (1).
    Record,
    /// What readers see is what the record says (2).
    Fold,
    /// A snapshot is what the record says at its size (2).
    Snapshot,
    /// An act's id follows from its command, and stands on the record once (3).
    Once,
    /// Time does not run backwards, and causes come first (1).
    Order,
    /// An incident is declared once, under the next number, before anything happens in it (1).
    Declared,
    /// Whoever acted had a token or key that worked (8).
    Access,
    /// Nobody is commander and operations of one incident without a waiver (9).
    Roles,
    /// Nobody approves their own request, and none is done before enough others have (9).
    Approvals,
    /// What edges are told to run was deployed (4).
    Deployed,
    /// A version reaches a stage when those before have held, or somebody signed that it may (5).
    Stages,
    /// What was gone back from stays away for its lease, and going back goes to what all ran (6).
    Rollback,
}

impl Invariant {
    /// Every one, in order.
    pub const ALL: [Invariant; 12] = [
        Invariant::Record,
        Invariant::Fold,
        Invariant::Snapshot,
        Invariant::Once,
        Invariant::Order,
        Invariant::Declared,
        Invariant::Access,
        Invariant::Roles,
        Invariant::Approvals,
        Invariant::Deployed,
        Invariant::Stages,
        Invariant::Rollback,
    ];

    /// Its name, as in metrics and `--json`.
    pub fn word(self) -> &'static str {
        match self {
            Invariant::Record => "record",
            Invariant::Fold => "fold",
            Invariant::Snapshot => "snapshot",
            Invariant::Once => "once",
            Invariant::Order => "order",
            Invariant::Declared => "declared",
            Invariant::Access => "access",
            Invariant::Roles => "roles",
            Invariant::Approvals => "approvals",
            Invariant::Deployed => "deployed",
            Invariant::Stages => "stages",
            Invariant::Rollback => "rollback",
        }
    }

    /// What it says, in a sentence.
    pub fn rule(self) -> &'static str {
        match self {
            Invariant::Record => "The entries have the root that was signed, and each is an act.",
            Invariant::Fold => "What readers see is what the record says.",
            Invariant::Snapshot => "A snapshot is what the record says at its size.",
            Invariant::Once => "An act's id follows from its command, and stands there once.",
            Invariant::Order => "Time does not run backwards, and causes come first.",
            Invariant::Declared => "An incident is declared once, and before anything else in it.",
            Invariant::Access => "Whoever acted had a token or key that worked.",
            Invariant::Roles => "Nobody is commander and operations at once without a waiver.",
            Invariant::Approvals => "Nobody approves their own request, and others do first.",
            Invariant::Deployed => "What edges are told to run was deployed.",
            Invariant::Stages => "A version goes on when the stages before have held.",
            Invariant::Rollback => "What was gone back from stays away for its lease.",
        }
    }
}

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// Of what: two violations with the same invariant and the same of this are one.
    pub of: String,
    /// The entry that shows it, if one does.
    pub entry: Option<u64>,
    /// When the newest act that was read was taken.
    pub at: Timestamp,
    /// What is wrong, in a sentence without a full stop; never sealed text.
    pub what: String,
}

/// Why an audit can't go on.
#[derive(Debug, thiserror::Error)]
pub enum CannotAudit {
    /// An entry can't be read, or is archived and not at hand.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An entry is no act of a form this build knows; it is a violation as well, unless a newer
    /// hereby wrote it.
    #[error("entry {index}: {reason}")]
    Entry {
        /// Which.
        index: u64,
        /// Why not.
        reason: String,
    },
}

/// How far an audit is, and what it has found.
#[derive(Debug, Default)]
pub struct Audit {
    state: State,
    /// The tree's right edge; none when the audit began from a snapshot.
    tree: Option<Frontier>,
    /// The first entry that was read.
    first: u64,
    /// Incidents with acts of unknown kinds: who has which role there can't be told.
    unsure: BTreeSet<IncidentId>,
    unknown: u64,
    /// The command of the last act and the act's place in it, where the record says which it was.
    command: Option<(CommandId, u32, CommandDigest)>,
    /// The command that carried a request out last.
    settled: Option<CommandDigest>,
    versions: Judge,
    known: BTreeSet<(Invariant, String)>,
    found: Vec<Violation>,
}

impl Audit {
    /// An audit from the first entry on.
    pub fn of_everything() -> Audit {
        Audit {
            tree: Some(Frontier::new()),
            ..Audit::default()
        }
    }

    /// An audit of what comes behind a snapshot, which is believed: for a record whose first entries
    /// are archived and not at hand.
    pub fn behind(state: State) -> Audit {
        Audit {
            first: state.log.acts,
            versions: Judge::behind(&state.fleet),
            state,
            ..Audit::default()
        }
    }

    /// How many acts the state has that was folded.
    pub fn size(&self) -> u64 {
        self.state.log.acts
    }

    /// The first entry that was read: 0, or where the snapshot ended.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// How many acts were of kinds that this build does not know. What they change is not judged.
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// What was found since the last call.
    pub fn take_found(&mut self) -> Vec<Violation> {
        std::mem::take(&mut self.found)
    }

    /// Reads and judges the entries up to `until` (exclusive), as far as there are so many.
    ///
    /// # Errors
    /// See [`CannotAudit`]. What was found until then is kept.
    pub fn read(&mut self, entries: &dyn Entries, until: u64) -> Result<(), CannotAudit> {
        let until = until.min(entries.size());
        if self.size() >= until {
            return Ok(());
        }
        let mut failed = None;
        entries.scan(self.size(), &mut |index, entry| {
            if index >= until {
                return false;
            }
            failed = self.next(index, entry, entries).err();
            failed.is_none() && index + 1 < until
        })?;
        failed.map_or(Ok(()), Err)
    }

    fn next(&mut self, index: u64, entry: &[u8], entries: &dyn Entries) -> Result<(), CannotAudit> {
        let act = match Act::decode_strict(entry) {
            Ok(act) => act,
            Err(error) => {
                let reason = error.to_string();
                if !matches!(error, record::act::BadAct::Version(_)) {
                    let what = format!("entry {index} is no act: {reason}");
                    self.violated(Invariant::Record, index.to_string(), Some(index), what);
                }
                return Err(CannotAudit::Entry { index, reason });
            }
        };
        if let Some(tree) = &mut self.tree {
            tree.append(hash::leaf(entry));
        }
        self.judge_order(index, &act, entries)?;
        self.judge_once(index, &act, entries)?;
        self.judge_access(index, &act);
        self.judge_declared(index, &act);
        self.judge_approvals(index, &act);
        self.judge_versions(index, &act);
        fold_act(&mut self.state, &act, entries, index)?;
        self.judge_roles(index, &act);
        Ok(())
    }

    fn judge_order(
        &mut self,
        index: u64,
        act: &Act,
        entries: &dyn Entries,
    ) -> Result<(), ReadError> {
        let last_at = self.state.log.last_at;
        if index > 0 && act.at < last_at {
            let what = format!(
                "entry {index} is of {}, the one before of {last_at}",
                act.at
            );
            self.violated(Invariant::Order, index.to_string(), Some(index), what);
        }
        if let Some(cause) = act.cause
            && entries.find_act(&cause)?.is_none_or(|at| at >= index)
        {
            let what = format!("the cause of entry {index}, {cause}, is not before it");
            self.violated(
                Invariant::Order,
                format!("{index}:cause"),
                Some(index),
                what,
            );
        }
        Ok(())
    }

    fn judge_once(
        &mut self,
        index: u64,
        act: &Act,
        entries: &dyn Entries,
    ) -> Result<(), ReadError> {
        if let Some(other) = entries.find_act(&act.id)?.filter(|other| *other != index) {
            let what = format!(
                "the act {} stands at entry {other} and at entry {index}",
                act.id
            );
            self.violated(Invariant::Once, act.id.to_string(), Some(index), what);
        }
        self.command = match (named_command(index, act), self.command.take()) {
            (Some(id), _) => Some((id, 0, act.evidence.digest)),
            // Acts of one command follow each other, under one digest.
            (None, Some((id, ordinal, digest))) if digest == act.evidence.digest => {
                Some((id, ordinal + 1, digest))
            }
            _ => None,
        };
        if let Some((id, ordinal, _)) = &self.command {
            let expected: ActId = act_id(id, *ordinal);
            if expected != act.id {
                let what = format!(
                    "the id of entry {index} is {}, and its command {id} gives {expected}",
                    act.id
                );
                self.violated(Invariant::Once, format!("{index}:id"), Some(index), what);
            }
        }
        Ok(())
    }

    fn judge_access(&mut self, index: u64, act: &Act) {
        let access = &self.state.access;
        let what = match &act.evidence.proof {
            Proof::Token(token) => match access.tokens.get(token) {
                None => format!("entry {index} is by the token {token}, which does not work there"),
                // Dated by the clock, and not by the act before: then the clock was behind.
                Some(known) if act.at > self.state.log.last_at && act.at >= known.expires_at => {
                    format!("entry {index} is by the token {token}, which had expired")
                }
                Some(_) => return,
            },
            Proof::Key(key) if !access.keys.contains_key(key) => {
                format!("entry {index} is by the key {key}, which does not work there")
            }
            _ => return,
        };
        self.violated(Invariant::Access, index.to_string(), Some(index), what);
    }

    fn judge_declared(&mut self, index: u64, act: &Act) {
        let Subject::Incident(id) = act.subject else {
            return;
        };
        let known = self.state.incidents.summary(id).is_some();
        let what = match &act.body {
            Body::IncidentDeclared(_) => {
                let next = self.state.incidents.incidents_declared.saturating_add(1);
                if !known && id.number() == next {
                    return;
                }
                format!("entry {index} declares {id}, and the next would be INC-{next}")
            }
            Body::Unknown(_) => {
                self.unsure.insert(id);
                self.unknown += 1;
                return;
            }
            _ if known => return,
            _ => format!("entry {index} is on {id}, which was not declared"),
        };
        self.violated(Invariant::Declared, index.to_string(), Some(index), what);
    }

    fn judge_approvals(&mut self, index: u64, act: &Act) {
        let erases = matches!(
            act.body,
            Body::IncidentRedacted(_) | Body::PersonRedacted(_)
        );
        if erases && self.settled != Some(act.evidence.digest) {
            let what = format!("entry {index} erases what no request asked for");
            self.violated(Invariant::Approvals, index.to_string(), Some(index), what);
        }
        let Subject::Request(name) = &act.subject else {
            return;
        };
        let Some(request) = self.state.incidents.requests.waiting.get(name) else {
            return;
        };
        let approver = act.actor.person();
        let gives_a_key_to = match request.verb() {
            Ok(Verb::EnrollKey(enroll)) => Some(enroll.person),
            _ => None,
        };
        let too_soon = |at: Option<Timestamp>| at.is_some_and(|at| act.at < at);
        let few = request.approved.len() < usize::from(request.approvals);
        let what = match &act.body {
            Body::RequestApproved(_) if approver.is_none() || approver == request.by.person() => {
                Some("is an approval by nobody else than whoever asked")
            }
            Body::RequestApproved(_) if !matches!(act.evidence.proof, Proof::Key(_)) => {
                Some("is an approval without a key")
            }
            Body::RequestApproved(_) if approver == gives_a_key_to.as_ref() => {
                Some("is an approval of one's own key")
            }
            Body::RequestCarriedOut(done) => match done.ground {
                Ground::Approved if few => Some("is done before enough others approved it"),
                Ground::Approved if too_soon(request.not_before) => Some("is done too soon"),
                Ground::Waited if too_soon(request.due_at) => Some("is done before its time"),
                Ground::Overridden if act.why.is_none() => Some("is overridden without a reason"),
                _ => None,
            },
            _ => None,
        };
        if matches!(act.body, Body::RequestCarriedOut(_)) {
            self.settled = Some(act.evidence.digest);
        }
        if let Some(what) = what {
            let what = format!("entry {index}, about {name}, {what}");
            self.violated(Invariant::Approvals, index.to_string(), Some(index), what);
        }
    }

    fn judge_versions(&mut self, index: u64, act: &Act) {
        let signed = act.evidence.signed.is_some() || self.state.access.keys.is_empty();
        if let Err((law, what)) = self.versions.see(act, signed) {
            let invariant = match law {
                Law::Deployed => Invariant::Deployed,
                Law::Stages => Invariant::Stages,
                Law::Rollback => Invariant::Rollback,
            };
            let what = format!("entry {index} {what}");
            self.violated(invariant, index.to_string(), Some(index), what);
        }
    }

    fn judge_roles(&mut self, index: u64, act: &Act) {
        let Subject::Incident(id) = act.subject else {
            self.unknown += u64::from(matches!(act.body, Body::Unknown(_)));
            return;
        };
        if self.unsure.contains(&id) {
            return;
        }
        let Some(summary) = self.state.incidents.summary(id) else {
            return;
        };
        let is_commander = |person: &&base::PersonName| {
            summary.holders(Role::Commander).any(|it| it == *person)
                && !summary.waived.contains(*person)
        };
        let both: Vec<String> = summary
            .holders(Role::Operations)
            .filter(is_commander)
            .map(ToString::to_string)
            .collect();
        for person in both {
            let what = format!(
                "{person} is commander and operations of {id} since entry {index}, and no waiver \
                 says so"
            );
            self.violated(
                Invariant::Roles,
                format!("{id}:{person}"),
                Some(index),
                what,
            );
        }
    }

    /// Holds the tree's root against what was signed at this size, if the audit has just read so
    /// many entries and all before them.
    pub fn compare_root(&mut self, size: u64, signed: &Hash) {
        let Some(root) = self.tree.as_ref().filter(|tree| tree.size() == size) else {
            return;
        };
        let root = root.root();
        if root != *signed {
            let what = format!("the root of {size} entries is {root}, and {signed} was signed");
            self.violated(Invariant::Record, "root".to_owned(), None, what);
        }
    }

    /// Holds a snapshot against the state that was folded to its size; those of another version of
    /// the fold are no matter of this build.
    pub fn compare_snapshot(&mut self, size: u64, json: &[u8]) {
        let what = match State::from_snapshot(json) {
            Ok(Some(kept)) if kept == self.state => return,
            Ok(None) => return,
            Ok(Some(_)) => "is not what the record says".to_owned(),
            Err(error) => format!("can't be read: {error}"),
        };
        self.snapshot_is_wrong(size, json, &what);
    }

    /// A snapshot that is damaged before anyone could read it.
    pub fn snapshot_is_wrong(&mut self, size: u64, json: &[u8], what: &str) {
        let digest = hash::sha256(&[json]);
        let what = format!("the snapshot of {size} acts {what}");
        let of = format!("{size}:{digest}");
        self.violated(Invariant::Snapshot, of, None, what);
    }

    /// Holds the state that readers see against the one that was folded, if both are of one size.
    /// Says whether they were.
    pub fn compare_live(&mut self, live: &State) -> bool {
        if live.log.acts != self.size() {
            return false;
        }
        if *live != self.state {
            let what = format!(
                "what readers see after {} acts is not what the record says",
                self.size()
            );
            self.violated(Invariant::Fold, "live".to_owned(), None, what);
        }
        true
    }

    fn violated(&mut self, invariant: Invariant, of: String, entry: Option<u64>, what: String) {
        if self.known.len() < FOUND_MAX && self.known.insert((invariant, of.clone())) {
            self.found.push(Violation {
                invariant,
                of,
                entry,
                at: self.state.log.last_at,
                what,
            });
        }
    }
}

/// The id of the command that this is the first act of, where the record says it.
fn named_command(index: u64, act: &Act) -> Option<CommandId> {
    if index == 0 && matches!(act.body, Body::LogOpened(_)) {
        return OPENING.parse().ok();
    }
    let signed = act.evidence.signed.as_ref()?;
    let Sealable::Open(command) = signed.command.as_ref()? else {
        return None;
    };
    #[derive(serde::Deserialize)]
    struct Named {
        id: CommandId,
    }
    serde_json::from_str::<Named>(command)
        .ok()
        .map(|named| named.id)
}

#[cfg(test)]
mod tests;
