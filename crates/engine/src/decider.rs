//! Decides, one request after the other, against a state that includes what is still being
//! written. No thread, no clock, no file of its own: the writer and the simulator drive it alike.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{
    ActId, Actor, CommandDigest, CommandId, IncidentId, KeyRef, Name, Proof, Prose, Timestamp,
};
use incident::{
    AlertSignal, Context, Deed, Draft, DueRequest, Heard, Leases, Reason, Refusal, Rules,
};
use record::act::{Act, Evidence, Signed, Subject, act_id};
use record::command::{self, DigestKey, Verb};
use record::kinds::Body;
use record::kinds::access::Scope;
use record::kinds::incident::ClockSeen;
use record::kinds::request::LapseReason;
use record::sealed::Sealable;

use crate::access::scope_for;
use crate::growth::{Growth, cost_when_due, cost_when_heard};
use crate::judge::{Judge, own_id, timer, unreadable};
use crate::lookup::{acts_on, find_command};
use crate::ports::{Entries, Keystore};
use crate::recent::Recent;
use crate::request::{Input, Prepared, Transport};
use crate::sealing::{erased_by, erased_keys, sealing_key};
use crate::senders::{author, may_come_so, sender};
use crate::settled::{Batch, Settled, SignalsSettled};
use crate::state::State;

/// How many alerts may fire at once. A source that sends more gets 503 until some have ended.
const ALERTS_FIRING_MAX: usize = 20_000;

/// The decider of one record.
pub struct Decider {
    state: State,
    leases: Leases,
    rules: Rules,
    recent: Recent,
    growth: Growth,
    digest_key: Arc<DigestKey>,
    keystore: Arc<dyn Keystore>,
    entries: Arc<dyn Entries>,
    /// Keys that the record says are erased and that may still be there: all of them after a start,
    /// which may follow a crash or a restored backup.
    to_erase: Vec<KeyRef>,
}

/// Who and why, for all acts of one command.
struct Header {
    id: CommandId,
    actor: Actor,
    proof: Proof,
    digest: CommandDigest,
    claimed_at: Option<Timestamp>,
    cause: Option<ActId>,
    why: Option<Prose>,
    signed: Option<(Box<str>, String)>,
}

impl Decider {
    /// A decider that goes on from `state`, which holds every act up to the end of `entries`.
    pub fn new(
        mut state: State,
        rules: Rules,
        growth: Growth,
        digest_key: Arc<DigestKey>,
        keystore: Arc<dyn Keystore>,
        entries: Arc<dyn Entries>,
        now: Timestamp,
    ) -> Decider {
        state.incidents.group_by(&rules);
        let recent = Recent::new(state.log.acts);
        let leases = Leases::new(now);
        let to_erase = erased_keys(&state);
        Decider {
            state,
            leases,
            rules,
            recent,
            growth,
            digest_key,
            keystore,
            entries,
            to_erase,
        }
    }

    /// The state with everything decided so far.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// An empty batch behind everything decided so far.
    pub fn batch(&self) -> Batch {
        Batch {
            first: self.state.log.acts,
            urgent: true,
            ..Batch::default()
        }
    }

    /// Forgets a batch that was not written: goes back to `state`.
    pub fn reset(&mut self, state: State) {
        self.recent.forget_from(state.log.acts);
        self.state = state;
        self.state.incidents.group_by(&self.rules);
    }

    /// Decides on one input; acts that follow are added to the batch.
    pub(crate) fn admit(&mut self, batch: &mut Batch, input: &Input, now: Timestamp) -> Settled {
        match input {
            Input::Command(prepared) => self
                .command(batch, prepared, now)
                .unwrap_or_else(Settled::Refused),
            Input::Signals { transport, signals } => {
                match sender(&self.state, transport, Scope::Alerts, now) {
                    Ok((actor, proof)) => {
                        Settled::Signals(self.signals(batch, signals, &actor, &proof, now))
                    }
                    Err(refusal) => Settled::Refused(refusal),
                }
            }
            Input::Beat {
                transport,
                heartbeat,
            } => match sender(&self.state, transport, Scope::Alerts, now) {
                Ok(_) => Settled::Beat(self.beat(heartbeat, now)),
                Err(refusal) => Settled::Refused(refusal),
            },
        }
    }

    /// Does what is due because time passed.
    pub fn tick(&mut self, batch: &mut Batch, now: Timestamp) {
        for deed in incident::tick(&self.state.incidents, &mut self.leases, now, &self.rules) {
            let cost = cost_when_due(&deed);
            match self.deed(batch, deed, &Proof::Internal, now) {
                Ok(Settled::Done { .. }) => self.growth.take(cost, now),
                Ok(_) => {}
                Err(refusal) => tracing::warn!(%refusal, "what is due could not be done"),
            }
        }
        let judge = self.judge(batch);
        let stands =
            |request: &incident::Request, person: &base::PersonName| judge.stands(request, person);
        for due in incident::due_requests(&self.state.incidents, now, &stands) {
            let deed = self.due_request(batch, due, now);
            if let Err(refusal) = self.deed(batch, deed, &Proof::Internal, now) {
                tracing::warn!(%refusal, "a request that is due could not be settled");
            }
        }
        self.erase();
    }

    /// What a request whose time came leads to. What it asks for is decided now; what is refused by
    /// now lapses.
    fn due_request(&self, batch: &Batch, due: DueRequest, now: Timestamp) -> Deed {
        let DueRequest::CarryOut(name, ground) = due else {
            return due.lapsed(LapseReason::Expired);
        };
        let timer = timer();
        let context = Context::new(&timer, now, &self.rules);
        let request = self.state.incidents.requests.waiting.get(&name);
        let asks_still = |request: &&incident::Request| self.judge(batch).asks_still(request);
        let decided = request.filter(asks_still).map(|request| {
            let verb = request.verb()?;
            self.judge(batch).decide(&verb, &context)
        });
        match decided {
            Some(Ok(drafts)) => DueRequest::CarryOut(name, ground).done(drafts),
            _ => DueRequest::CarryOut(name, ground).lapsed(LapseReason::Refused),
        }
    }

    fn judge<'a>(&'a self, batch: &'a Batch) -> Judge<'a> {
        Judge {
            state: &self.state,
            entries: self.entries.as_ref(),
            unwritten: &batch.acts,
        }
    }

    /// Looks at the clock of this machine, for those who will ask how it was.
    pub(crate) fn look_at_clock(&mut self, clock: Option<ClockSeen>) {
        self.leases.clock = clock;
    }

    /// These acts are durable: the keys that they say are erased may go now.
    pub(crate) fn committed(&mut self, acts: &[Act]) {
        let erased = acts.iter().filter_map(erased_by);
        let before = self.to_erase.len();
        self.to_erase.extend(erased);
        if self.to_erase.len() > before {
            self.erase();
        }
    }

    /// Erases the keys that the record says are erased. One that can't be is tried again.
    fn erase(&mut self) {
        let keystore = &self.keystore;
        self.to_erase.retain(|name| match keystore.erase(name) {
            Ok(()) => false,
            Err(error) => {
                tracing::error!(key = %name, %error, "a key could not be erased; it is tried again");
                true
            }
        });
    }

    /// Does something that hereby takes on itself, such as opening the record.
    ///
    /// # Errors
    /// When its acts can't be written down.
    pub fn deed(
        &mut self,
        batch: &mut Batch,
        deed: Deed,
        proof: &Proof,
        now: Timestamp,
    ) -> Result<Settled, Refusal> {
        let digest = command::digest(&self.digest_key, &deed.actor, deed.id.as_str().as_bytes());
        if let Some((first, count, _)) = self.seen(&deed.id, 0)? {
            return Ok(Settled::Repeated { first, count });
        }
        batch.urgent &= *proof == Proof::Internal;
        let header = Header {
            id: deed.id,
            actor: deed.actor,
            proof: proof.clone(),
            digest,
            claimed_at: None,
            cause: deed.cause,
            why: deed.why,
            signed: None,
        };
        self.take(batch, header, deed.drafts, now)
    }

    fn beat(&mut self, heartbeat: &Name, now: Timestamp) -> bool {
        self.leases.beat(&self.state.incidents, heartbeat, now)
    }

    fn command(
        &mut self,
        batch: &mut Batch,
        prepared: &Prepared,
        now: Timestamp,
    ) -> Result<Settled, Refusal> {
        let command = &prepared.command;
        // Those of hereby's own parts begin so: nobody outside can take one first.
        if !matches!(prepared.transport, Transport::Own(_)) {
            own_id(&command.id)?;
        }
        let (whose, proof) = sender(
            &self.state,
            &prepared.transport,
            scope_for(&command.verb),
            now,
        )?;
        let (actor, proof) = author(&self.state, prepared, whose, proof)?;
        if let Some((first, count, digest)) = self.seen(&command.id, prepared.unseen_before)? {
            if digest == prepared.digest {
                return Ok(Settled::Repeated { first, count });
            }
            return Err(Refusal::new(
                Reason::IdReused,
                format!(
                    "the id {} came before with another command, or from somebody else",
                    command.id
                ),
            ));
        }
        may_come_so(&self.state, &prepared.transport, &actor, &command.verb)?;
        let context = Context {
            clock: self.leases.clock,
            has_reason: command.why.is_some(),
            signed: prepared.signed.is_some(),
            ..Context::new(&actor, now, &self.rules)
        };
        let drafts = self.judge(batch).judge(&command.verb, &context)?;
        let rotates = matches!(command.verb, Verb::RotateLogKey(_));
        if drafts.is_empty() && !rotates {
            return Err(Refusal::new(Reason::WrongState, "nothing would change"));
        }
        let header = Header {
            id: command.id.clone(),
            actor,
            proof,
            digest: prepared.digest,
            claimed_at: command.claimed_at,
            cause: None,
            why: command.why.clone(),
            signed: prepared
                .signed
                .as_ref()
                .map(|signed| (signed.signature.clone(), signed.canonical.clone())),
        };
        self.take(batch, header, drafts, now)
    }

    fn signals(
        &mut self,
        batch: &mut Batch,
        signals: &[AlertSignal],
        actor: &Actor,
        proof: &Proof,
        now: Timestamp,
    ) -> SignalsSettled {
        let mut settled = SignalsSettled::default();
        for signal in signals {
            let context = Context::new(actor, now, &self.rules);
            let deed =
                match incident::hear(&self.state.incidents, &mut self.leases, signal, &context) {
                    Heard::Changed(deed) => deed,
                    Heard::Known(_) => {
                        settled.known += 1;
                        continue;
                    }
                    Heard::Ignored => {
                        settled.ignored += 1;
                        continue;
                    }
                    Heard::Stale => {
                        settled.stale += 1;
                        continue;
                    }
                };
            let begins = deed
                .drafts
                .iter()
                .any(|it| matches!(it.body, Body::AlertFired(_)));
            let cost = cost_when_heard(&deed);
            if begins && self.state.incidents.alerts_firing() >= ALERTS_FIRING_MAX {
                settled.refused = Some(Refusal::new(
                    Reason::Overloaded,
                    format!("{ALERTS_FIRING_MAX} alerts fire already: send the rest again later"),
                ));
                break;
            }
            if cost > 0 && !self.growth.has(cost, now) {
                settled.refused = Some(Refusal::new(
                    Reason::Overloaded,
                    "alerts come faster than the record may grow: send the rest again later",
                ));
                break;
            }
            match self.deed(batch, deed, proof, now) {
                Ok(Settled::Done { first, count }) => {
                    self.growth.take(cost, now);
                    settled.acts.push((first, count));
                }
                Ok(_) => settled.known += 1,
                Err(refusal) if refusal.reason.is_passing() => {
                    settled.refused = Some(refusal);
                    break;
                }
                Err(refusal) => {
                    tracing::error!(%refusal, "an alert can't be recorded");
                    settled.unwritable += 1;
                }
            }
        }
        settled
    }

    /// Where the command stands on the record, if it happened.
    fn seen(
        &self,
        id: &CommandId,
        unseen_before: u64,
    ) -> Result<Option<(u64, u32, CommandDigest)>, Refusal> {
        if let Some(seen) = self.recent.find(id) {
            return Ok(Some(seen));
        }
        if unseen_before >= self.recent.complete_from() {
            return Ok(None);
        }
        find_command(self.entries.as_ref(), id).map_err(|error| {
            Refusal::new(
                Reason::Overloaded,
                format!("whether this happened can't be read: {error}"),
            )
        })
    }

    /// Writes the drafts down as acts of one command: all of them, or none.
    fn take(
        &mut self,
        batch: &mut Batch,
        header: Header,
        drafts: Vec<Draft>,
        now: Timestamp,
    ) -> Result<Settled, Refusal> {
        let at = now.max(self.state.log.last_at);
        let first_id = act_id(&header.id, 0);
        let mut acts = Vec::with_capacity(drafts.len());
        let mut entries = Vec::with_capacity(drafts.len());
        for (ordinal, draft) in (0_u32..).zip(drafts) {
            let signed = header.signed.as_ref().map(|(signature, canonical)| Signed {
                signature: signature.clone(),
                command: (ordinal == 0).then(|| Sealable::Open(canonical.clone())),
            });
            let mut act = Act {
                id: if ordinal == 0 {
                    first_id
                } else {
                    act_id(&header.id, ordinal)
                },
                at,
                claimed_at: header.claimed_at,
                actor: header.actor.clone(),
                evidence: Evidence {
                    digest: header.digest,
                    proof: header.proof.clone(),
                    signed,
                },
                subject: draft.subject,
                tenant: draft.tenant,
                cause: if ordinal == 0 {
                    header.cause
                } else {
                    Some(first_id)
                },
                why: header
                    .why
                    .clone()
                    .filter(|_| ordinal == 0)
                    .map(Sealable::Open),
                body: draft.body,
            };
            if let Some((key, name)) = sealing_key(&self.state, self.keystore.as_ref(), &act)? {
                act.seal(&key, &name);
            }
            let entry = act.encode().map_err(|bad| {
                Refusal::new(Reason::OutOfRange, format!("it can't be written: {bad}"))
            })?;
            acts.push(act);
            entries.push(entry);
        }
        let first = self.state.log.acts;
        let count = u32::try_from(acts.len()).unwrap_or(u32::MAX);
        let mut reopened = self.reopened(batch, &acts)?;
        for (act, entry) in acts.into_iter().zip(entries) {
            let earlier = self.state.needs(&act).and_then(|id| reopened.remove(&id));
            self.state.apply(&act, &earlier.unwrap_or_default());
            batch.bytes += entry.len() + 1;
            batch.acts.push(act);
            batch.entries.push(entry);
        }
        self.recent.remember(header.id, first, count, header.digest);
        Ok(Settled::Done { first, count })
    }

    /// The earlier acts on closed incidents that these acts are about. They are read before
    /// anything is changed: what can't be read can't be acted on.
    fn reopened(
        &self,
        batch: &Batch,
        acts: &[Act],
    ) -> Result<BTreeMap<IncidentId, Vec<Act>>, Refusal> {
        let mut earlier = BTreeMap::new();
        for id in acts.iter().filter_map(|act| self.state.needs(act)) {
            if earlier.contains_key(&id) {
                continue;
            }
            let (store, index) = (self.entries.as_ref(), self.state.log.acts);
            let found = acts_on(store, id, index, &batch.acts);
            let found = found.map_err(|error| unreadable(id, &error))?;
            earlier.insert(id, found);
        }
        Ok(earlier)
    }

    /// Adds the act that says that the log's key changed.
    pub(crate) fn rotate(
        &mut self,
        batch: &mut Batch,
        prepared: &Prepared,
        to: String,
        now: Timestamp,
    ) -> Result<Settled, Refusal> {
        let (whose, proof) = sender(&self.state, &prepared.transport, Scope::Admin, now)?;
        let (actor, proof) = author(&self.state, prepared, whose, proof)?;
        let Some((_, from)) = self.state.log.vkeys.last().cloned() else {
            return Err(Refusal::new(
                Reason::WrongState,
                "the record has no key yet",
            ));
        };
        let body = record::kinds::log::KeyRotated {
            from,
            to: to.into(),
        };
        let header = Header {
            id: prepared.command.id.clone(),
            actor,
            proof,
            digest: prepared.digest,
            claimed_at: prepared.command.claimed_at,
            cause: None,
            why: prepared.command.why.clone(),
            signed: prepared
                .signed
                .as_ref()
                .map(|it| (it.signature.clone(), it.canonical.clone())),
        };
        batch.rotates = true;
        batch.urgent = false;
        self.take(batch, header, vec![Draft::new(Subject::Record, body)], now)
    }

    /// Whether a rotation would be judged anew, or happened before, or may not be.
    pub(crate) fn before_rotation(
        &self,
        prepared: &Prepared,
        now: Timestamp,
    ) -> Result<Option<Settled>, Refusal> {
        own_id(&prepared.command.id)?;
        let (whose, proof) = sender(&self.state, &prepared.transport, Scope::Admin, now)?;
        let (actor, _) = author(&self.state, prepared, whose, proof)?;
        self.state
            .incidents
            .permit(&actor, &prepared.command.verb)?;
        Ok(match self.seen(&prepared.command.id, 0)? {
            Some((first, count, digest)) if digest == prepared.digest => {
                Some(Settled::Repeated { first, count })
            }
            Some(_) => {
                let detail = format!("the id {} came before", prepared.command.id);
                return Err(Refusal::new(Reason::IdReused, detail));
            }
            None => None,
        })
    }
}
