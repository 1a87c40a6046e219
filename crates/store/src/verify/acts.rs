//! What the entries themselves say: who may sign, which ids there are, what people have signed, what
//! they cite.

use std::collections::HashMap;
use std::io;

use base::{ActId, Actor, Name, PersonName, Proof};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use record::act::{Act, Signed, Subject, act_id};
use record::canonical;
use record::command::{Command, signed_bytes};
use record::kinds::Body;
use record::note::{Algorithm, VerifierKey};
use record::sealed::Sealable;

use super::blobs::Cited;
use super::epochs::{Begins, Epochs};
use super::seals::Seals;
use super::signatures::{By, Checker, Job};
use super::unique::Ids;

/// Where an entry stands.
#[derive(Clone, Copy)]
pub(super) struct Spot<'a> {
    pub(super) path: &'a std::path::Path,
    pub(super) line: u64,
    pub(super) byte: u64,
}

/// The log's keys, each with the sizes of the checkpoints it may sign.
#[derive(Debug, Default)]
pub(super) struct LogKeys {
    spans: Vec<Span>,
    /// The key that an act has named, and the size of that act's batch once it has ended.
    next: Option<(VerifierKey, Option<u64>)>,
    /// The largest size that the present key has signed.
    signed: Option<u64>,
    /// The caller knows the first key: every other must follow from it.
    pinned: bool,
    /// A key that is known has signed something that was read.
    connected: bool,
    /// Up to this size keys may have signed that only entries name which are not at hand.
    unsure: u64,
    /// And at any size behind that.
    lost: bool,
}

/// Whose a signature is.
pub(super) enum Signer<'a> {
    /// The log's, at that place.
    Known(&'a VerifierKey),
    /// Entries that are not at hand may name the key.
    NotAtHand,
    /// Not the log's.
    Stranger,
}

#[derive(Debug)]
struct Span {
    key: VerifierKey,
    from: u64,
    until: Option<u64>,
}

impl LogKeys {
    /// The key the log begins with.
    pub(super) fn begin(&mut self, key: VerifierKey) {
        if self.spans.is_empty() {
            self.spans.push(Span {
                key,
                from: 0,
                until: None,
            });
        }
    }

    /// The key the log begins with, as the caller knows it.
    pub(super) fn pin(&mut self, key: VerifierKey) {
        self.pinned = true;
        self.begin(key);
    }

    /// Entries below `size` are not at hand, and with them what they say of keys.
    pub(super) fn lose(&mut self, size: u64) {
        self.unsure = size;
        self.lost = true;
    }

    /// Whether a key may have signed a checkpoint of this size that no entry at hand names.
    pub(super) fn is_unsure(&self, size: u64) -> bool {
        (self.lost || size < self.unsure) && self.may_follow()
    }

    /// Whether what is not at hand may lead from a key that is known to another. Nothing follows
    /// from a pinned key that has signed nothing here: that would be any record at all.
    fn may_follow(&self) -> bool {
        !self.pinned || self.connected
    }

    /// Whether entries are missing that may have named other keys.
    pub(super) fn misses_some(&self) -> bool {
        self.lost
    }

    /// Goes on with the key that an act says has been the log's behind what is not at hand.
    fn go_on(&mut self, from: &str) -> Result<(), String> {
        let key = from
            .parse()
            .map_err(|error| format!("the key it retires: {error}"))?;
        self.goes_over(key, self.unsure);
        (self.next, self.lost) = (None, false);
        Ok(())
    }

    /// Another epoch begins behind so many entries, in which that key signs. The root key said so.
    pub(super) fn succeed(&mut self, key: VerifierKey, size: u64) {
        self.goes_over(key, size);
        (self.next, self.lost) = (None, false);
    }

    /// From so many entries on that key signs.
    fn goes_over(&mut self, key: VerifierKey, size: u64) {
        if let Some(last) = self.spans.last_mut() {
            last.until = Some(size);
        }
        self.spans.push(Span {
            key,
            from: size,
            until: None,
        });
        self.signed = None;
    }

    fn present(&self) -> Option<&VerifierKey> {
        self.spans.last().map(|span| &span.key)
    }

    /// All keys, the first one first.
    pub(super) fn all(&self) -> Vec<VerifierKey> {
        self.spans.iter().map(|span| span.key.clone()).collect()
    }

    /// The keys that may have signed a checkpoint of this size.
    pub(super) fn at(&self, size: u64) -> Vec<VerifierKey> {
        let may = |span: &&Span| span.from <= size && span.until.is_none_or(|until| size <= until);
        self.spans
            .iter()
            .filter(may)
            .map(|span| span.key.clone())
            .collect()
    }

    fn rotate(&mut self, from: &str, to: &str) -> Result<(), String> {
        let is_present = |keys: &LogKeys| keys.present().is_some_and(|key| key.to_string() == from);
        if self.lost && !is_present(self) {
            // An act that no known key vouches for says nothing to whoever has pinned one.
            if self.pinned && self.may_follow() {
                return Ok(());
            }
            if !self.pinned {
                self.go_on(from)?;
            }
        }
        if !is_present(self) {
            return Err("it retires a key that is not the log's".to_owned());
        }
        if self.next.is_some() {
            return Err("it changes the key before the last change took effect".to_owned());
        }
        let key: VerifierKey = to
            .parse()
            .map_err(|error| format!("its new key: {error}"))?;
        let named = self
            .present()
            .is_some_and(|present| present.name() == key.name());
        if !named || key.algorithm() != Algorithm::Ed25519 {
            return Err("its new key is not one that signs this log".to_owned());
        }
        self.next = Some((key, None));
        Ok(())
    }

    /// A batch has ended with so many entries.
    pub(super) fn batch(&mut self, size: u64) {
        match &mut self.next {
            Some((_, batch @ None)) => *batch = Some(size),
            Some((_, Some(_))) => self.change(),
            None => {}
        }
    }

    fn change(&mut self) {
        if let Some((key, Some(size))) = self.next.take() {
            self.goes_over(key, size);
        }
    }

    /// The key that a signature of this size names (`name+id`), if it may sign there.
    pub(super) fn signer(&mut self, named: &str, size: u64) -> Signer<'_> {
        let is = |key: &VerifierKey| format!("{}+{:08x}", key.name(), key.key_id()) == named;
        // The old key vouches for the batch that names the new one; then the new one may sign.
        let vouched = self.signed == Some(size);
        if vouched && matches!(&self.next, Some((key, Some(_))) if is(key)) {
            self.change();
        }
        if self.present().is_some_and(is) {
            self.signed = Some(size);
            self.connected = true;
        }
        match self.present().filter(|key| is(key)) {
            Some(key) => Signer::Known(key),
            None if self.lost && self.may_follow() => Signer::NotAtHand,
            None => Signer::Stranger,
        }
    }
}

/// What is remembered of the entries so far.
#[derive(Debug, Default)]
pub(super) struct Acts {
    pub(super) keys: LogKeys,
    pub(super) epochs: Epochs,
    /// An epoch begins with the next entry.
    pub(super) begins: Option<Begins>,
    /// Or may begin with it: what is before it is not at hand.
    pub(super) may_begin: Option<Begins>,
    pub(super) ids: Ids,
    enrolled: HashMap<Name, (VerifierKey, PersonName)>,
    /// The signed command whose acts are being read.
    command: Option<SignedCommand>,
    pub(super) cited: Cited,
    pub(super) seals: Seals,
    /// Commands that stayed sealed, so that their signature can't be checked here.
    pub(super) sealed: u64,
    /// Signatures by keys that were enrolled where no entries are at hand.
    pub(super) unknown: u64,
    /// Some entries were not at hand.
    pub(super) gap: bool,
}

#[derive(Debug)]
struct SignedCommand {
    signature: Box<str>,
    /// The command's id and the place its next act has; not known when it is sealed.
    next: Option<(base::CommandId, u32)>,
}

impl Acts {
    /// Takes the entry with this index. `Err` says what is wrong with it.
    pub(super) fn entry(
        &mut self,
        index: u64,
        entry: &[u8],
        spot: Spot<'_>,
        checker: &mut Checker,
    ) -> io::Result<Result<(), String>> {
        if let Err(error) = canonical::check(entry) {
            return Ok(Err(error.to_string()));
        }
        let act = match Act::decode(entry) {
            Ok(act) => act,
            Err(error) => return Ok(Err(error.to_string())),
        };
        self.ids.push(&act.id, index)?;
        self.cited.push(index, &act)?;
        let act = self.seals.opened(act, entry);
        let signature = self.check_signature(index, &act, spot, checker);
        Ok(signature.and_then(|()| self.apply(index, &act)))
    }

    /// What acts on the log and its people's keys change.
    fn apply(&mut self, index: u64, act: &Act) -> Result<(), String> {
        if let Some(begins) = self.begins.take() {
            let Body::LogSucceeded(succeeded) = &act.body else {
                return Err(format!(
                    "epoch {} begins, and its first act does not say so",
                    begins.epoch
                ));
            };
            let key = self.epochs.begin(&begins, succeeded)?;
            self.keys.succeed(key, index);
            return Ok(());
        }
        if let (Some(begins), Body::LogSucceeded(succeeded)) = (self.may_begin.take(), &act.body) {
            if self.epochs.is_unsure() {
                self.epochs.unproven += 1;
            } else {
                let key = self.epochs.begin(&begins, succeeded)?;
                self.keys.succeed(key, index);
            }
            return Ok(());
        }
        match &act.body {
            Body::LogRootKeySet(set) => {
                self.epochs.set_root(set);
                Ok(())
            }
            Body::LogSucceeded(_) => Err("no epoch begins with it".to_owned()),
            Body::LogOpened(opened) if index == 0 => {
                let key: VerifierKey = opened
                    .vkey
                    .parse()
                    .map_err(|error| format!("the log's key: {error}"))?;
                if key.name() != &*opened.origin {
                    return Err("the log's key has another name than the log".to_owned());
                }
                let said = self.keys.present().cloned();
                self.keys.begin(key.clone());
                match said {
                    Some(pinned) if pinned != key => Err(format!(
                        "the log began with the key {key}, not with the one given"
                    )),
                    _ => Ok(()),
                }
            }
            Body::LogOpened(_) => Err("the record was opened before".to_owned()),
            _ if index == 0 => Err("the first act of a record opens it".to_owned()),
            Body::LogKeyRotated(rotated) => self.keys.rotate(&rotated.from, &rotated.to),
            Body::KeyEnrolled(enrolled) => {
                let Subject::Key(name) = &act.subject else {
                    return Err("a key is enrolled that has no name".to_owned());
                };
                let key = enrolled.vkey.parse();
                let key = key.map_err(|error| format!("the enrolled key: {error}"))?;
                self.enrolled
                    .insert(name.clone(), (key, enrolled.person.clone()));
                Ok(())
            }
            Body::KeyRevoked(_) => {
                if let Subject::Key(name) = &act.subject {
                    self.enrolled.remove(name);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// An author's signature: on a command's first act with the command, on its others alone.
    fn check_signature(
        &mut self,
        index: u64,
        act: &Act,
        spot: Spot<'_>,
        checker: &mut Checker,
    ) -> Result<(), String> {
        let (Proof::Key(name), Some(signed)) = (&act.evidence.proof, &act.evidence.signed) else {
            self.command = None;
            return Ok(());
        };
        let Some((key, person)) = self.enrolled.get(name) else {
            if self.gap {
                self.unknown += 1;
                return Ok(());
            }
            return Err(format!(
                "the key {name} that signed it is not enrolled then"
            ));
        };
        if !matches!(&act.actor, Actor::Person { id } if id == person) {
            return Err(format!(
                "the key {name} that signed it is {person}'s, not the actor's"
            ));
        }
        match &signed.command {
            None => return self.further_act(&act.id, &signed.signature),
            Some(Sealable::Sealed(_)) => {
                self.sealed += 1;
                let signature = signed.signature.clone();
                self.command = Some(SignedCommand {
                    signature,
                    next: None,
                });
            }
            Some(Sealable::Open(command)) => {
                checker.check(job(key, signed, command, index, spot)?);
                let id = first_act_of(command, &act.id)?;
                let signature = signed.signature.clone();
                self.command = Some(SignedCommand {
                    signature,
                    next: Some((id, 1)),
                });
            }
        }
        Ok(())
    }

    /// A further act of the command before has the same signature, and an id that follows.
    fn further_act(&mut self, id: &ActId, signature: &str) -> Result<(), String> {
        let unknown = || "it is signed, and the signed command is not on the act before".to_owned();
        let command = self
            .command
            .as_mut()
            .filter(|known| &*known.signature == signature);
        match &mut command.ok_or_else(unknown)?.next {
            Some((command, ordinal)) if act_id(command, *ordinal) == *id => {
                *ordinal += 1;
                Ok(())
            }
            Some(_) => Err("it is no act of the command that was signed".to_owned()),
            None => Ok(()),
        }
    }
}

fn job(
    key: &VerifierKey,
    signed: &Signed,
    command: &str,
    index: u64,
    spot: Spot<'_>,
) -> Result<Job, String> {
    let signature = STANDARD.decode(signed.signature.as_bytes());
    Ok(Job {
        by: By::Author(key.clone()),
        message: signed_bytes(command.as_bytes()),
        signature: signature.map_err(|_| "its signature is not base64".to_owned())?,
        path: spot.path.to_owned(),
        line: spot.line,
        byte: spot.byte,
        entry: Some(index),
        what: "the author's signature is not valid over the command".to_owned(),
    })
}

/// The id of the signed command, of which this must be the first act.
fn first_act_of(command: &str, act: &ActId) -> Result<base::CommandId, String> {
    canonical::check(command.as_bytes()).map_err(|error| format!("the command: {error}"))?;
    // The record may hold commands of a later version: only the id is needed.
    #[derive(serde::Deserialize)]
    struct Named {
        id: base::CommandId,
    }
    let id = match Command::decode(command.as_bytes()) {
        Ok(command) => command.id,
        Err(_) => {
            let named: Result<Named, _> = serde_json::from_str(command);
            named.map_err(|error| format!("the command: {error}"))?.id
        }
    };
    if act_id(&id, 0) == *act {
        Ok(id)
    } else {
        Err("it is not the first act of the command that was signed".to_owned())
    }
}

#[cfg(test)]
mod tests;
