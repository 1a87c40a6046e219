//! Incidents told as stories: what is asked or heard, and which acts follow.
//!
//! The [`World`] below stands for the engine: it hands in the time, folds each act in as soon as it
//! is decided, and keeps the record that closed incidents are read back from.

mod alerts;
mod bounds;
mod certificates;
mod chat;
mod containment;
mod directory;
mod heartbeats;
mod laws;
mod noticed;
mod page;
mod refusals;
mod reminders;
mod review;
mod roles;
mod silences;
mod story;
mod subscribers;
mod switches;
mod times;
mod work;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::str::FromStr;

use base::{Actor, CommandDigest, CommandId, IncidentId, Proof, Severity, Timestamp};
use record::act::{Act, Evidence, Subject, act_id};
use record::command::{Assign, Declare, Verb};
use record::kinds::Body;

use crate::{
    Action, Alert, AlertRule, AlertSignal, Context, Deed, Draft, Heard, Leases, Phase, Refusal,
    Rules, State, decide, hear, tick,
};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Reads an id, a name, a line: whatever the place needs.
fn word<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn inc(number: u32) -> IncidentId {
    IncidentId::from_number(number)
}

fn sev(number: u8) -> Severity {
    Severity::from_number(number).unwrap()
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<Box<str>, Box<str>> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

fn declare(title: &str) -> Declare {
    Declare {
        alerts: Vec::new(),
        drill: false,
        impact_start: None,
        private: false,
        service: None,
        severity: sev(2),
        template: None,
        title: word(title),
    }
}

fn rule(matchers: &[(&str, &str)], action: Action) -> AlertRule {
    AlertRule {
        name: word("some-rule"),
        matchers: labels(matchers),
        action,
    }
}

struct World {
    state: State,
    leases: Leases,
    rules: Rules,
    now: Timestamp,
    record: Vec<Act>,
    commands: u32,
    /// Whether what is asked has a reason.
    reasoned: bool,
}

impl World {
    /// Thursday 21 December 2017, 7:30, and nothing has happened yet.
    fn new() -> World {
        let now = word("2017-12-21T07:30:00.000Z");
        let rules = Rules::default();
        let mut state = State::default();
        state.group_by(&rules);
        World {
            state,
            leases: Leases::new(now),
            rules,
            now,
            record: Vec::new(),
            commands: 0,
            reasoned: true,
        }
    }

    /// A world in which every alert declares.
    fn declaring() -> World {
        let mut world = World::new();
        world.rules.alert_rules = vec![rule(&[], Action::Declare(sev(2)))];
        world
    }

    fn wait(&mut self, ms: i64) {
        self.now = self.now.plus_ms(ms);
    }

    /// Asks for it as `sam`.
    fn ask(&mut self, verb: impl Into<Verb>) -> Result<Vec<String>, Refusal> {
        self.ask_as("sam", verb)
    }

    fn ask_as(&mut self, who: &str, verb: impl Into<Verb>) -> Result<Vec<String>, Refusal> {
        let actor = Actor::Person { id: word(who) };
        let context = Context {
            has_reason: self.reasoned,
            ..Context::new(&actor, self.now, &self.rules)
        };
        let drafts = decide(&self.state, &verb.into(), &context).unwrap()?;
        self.commands += 1;
        let id = word(&format!("test:{}", self.commands));
        Ok(self.take(&id, &actor, drafts))
    }

    /// Asks for a role as who gives them: the commander, if there is one.
    fn appoint(&mut self, assign: Assign) -> Result<Vec<String>, Refusal> {
        let commander = self.state.summary(assign.incident);
        let commander = commander.and_then(|summary| summary.commander());
        let who = commander.map_or_else(|| "sam".to_owned(), ToString::to_string);
        self.ask_as(&who, assign)
    }

    fn hear(&mut self, signal: &AlertSignal) -> Vec<String> {
        match self.listen(signal) {
            Heard::Changed(deed) => self.do_it(deed),
            Heard::Known(_) => vec!["known".to_owned()],
            Heard::Ignored => vec!["ignored".to_owned()],
            Heard::Stale => vec!["stale".to_owned()],
        }
    }

    fn listen(&mut self, signal: &AlertSignal) -> Heard {
        let actor = Actor::Service {
            id: word("alertmanager"),
        };
        let context = Context::new(&actor, self.now, &self.rules);
        hear(&self.state, &mut self.leases, signal, &context)
    }

    /// One look at what is due.
    fn tick(&mut self) -> Vec<String> {
        let deeds = tick(&self.state, &mut self.leases, self.now, &self.rules);
        deeds
            .into_iter()
            .flat_map(|deed| self.do_it(deed))
            .collect()
    }

    /// Looks every second until then, as the writer does.
    fn pass(&mut self, ms: i64) -> Vec<String> {
        let until = self.now.plus_ms(ms);
        let mut told = Vec::new();
        while self.now < until {
            self.wait(SECOND);
            told.extend(self.tick());
        }
        told
    }

    fn beat(&mut self, heartbeat: &str) -> bool {
        self.leases.beat(&self.state, &word(heartbeat), self.now)
    }

    /// A new process: leases are gone, the state is folded from the record again.
    fn restart(&mut self) {
        self.leases = Leases::new(self.now);
        let mut state = State::default();
        fold(&mut state, &self.record, 0);
        assert_eq!(state, self.state);
        state.group_by(&self.rules);
        self.state = state;
    }

    fn alert(&self, fingerprint: &str) -> &Alert {
        let mut alerts = self.state.alerts.values();
        alerts
            .rfind(|alert| alert.fingerprint.as_str() == fingerprint)
            .unwrap()
    }

    fn do_it(&mut self, deed: Deed) -> Vec<String> {
        let again = self.record.iter().any(|act| act.id == act_id(&deed.id, 0));
        assert!(!again, "{} happened before", deed.id);
        assert!(!deed.drafts.is_empty(), "{} does nothing", deed.id);
        self.take(&deed.id, &deed.actor, deed.drafts)
    }

    fn take(&mut self, id: &CommandId, actor: &Actor, drafts: Vec<Draft>) -> Vec<String> {
        let mut told = Vec::new();
        for (ordinal, draft) in (0..).zip(drafts) {
            let act = Act {
                id: act_id(id, ordinal),
                at: self.now,
                claimed_at: None,
                actor: actor.clone(),
                evidence: Evidence {
                    digest: CommandDigest::from_bytes([0; 16]),
                    proof: Proof::Internal,
                    signed: None,
                },
                subject: draft.subject,
                tenant: None,
                cause: None,
                why: None,
                body: draft.body,
            };
            self.record.push(act);
            fold(&mut self.state, &self.record, self.record.len() - 1);
            told.push(self.tell(self.record.last().unwrap()));
        }
        told
    }

    fn tell(&self, act: &Act) -> String {
        let alert_name = |id| self.state.alerts[&id].fingerprint.to_string();
        let subject = match &act.subject {
            Subject::Alert(id) => alert_name(*id),
            other => other.id(),
        };
        let what = match &act.body {
            Body::IncidentDeclared(it) => format!(
                "declared {}{}: {}",
                it.severity,
                if it.drill { " (drill)" } else { "" },
                it.title
            ),
            Body::IncidentAssigned(it) => match &it.replaces {
                Some(before) => format!("{:?} is {} after {before}", it.role, it.person),
                None => format!("{:?} is {}", it.role, it.person),
            },
            Body::IncidentStatusChanged(it) => format!("{:?} -> {:?}", it.from, it.to),
            Body::IncidentSeverityChanged(it) => format!("{} -> {}", it.from, it.to),
            Body::IncidentUpdated(it) => format!("told {:?}: {}", it.audience, it.text),
            Body::IncidentNoted(it) => format!("noted: {}", it.text),
            Body::IncidentReminded(it) => format!("reminded {}", it.count),
            Body::IncidentAlertAttached(it) => match it.moved_from {
                Some(left) => format!("takes {} from {left}", alert_name(it.alert)),
                None => format!("takes {}", alert_name(it.alert)),
            },
            Body::AlertFired(_) => {
                let Subject::Alert(id) = act.subject else {
                    unreachable!()
                };
                format!("fired, time {}", self.state.alerts[&id].firings)
            }
            Body::AlertResolved(it) => format!("ended: {:?}", it.ending),
            other => other.kind().split(['.', '/']).nth(1).unwrap().to_owned(),
        };
        format!("{subject} {what}")
    }
}

/// Folds the record from `from` on into the state, which holds everything before.
fn fold(state: &mut State, record: &[Act], from: usize) {
    for (index, act) in record.iter().enumerate().skip(from) {
        let needed = state.needs(act).map(Subject::Incident);
        let before = record[..index].iter();
        let earlier: Vec<Act> = before
            .filter(|act| needed.as_ref() == Some(&act.subject))
            .cloned()
            .collect();
        state.apply(act, &earlier);
    }
}

/// What an Alertmanager says of an alert; it began now.
fn firing(world: &World, fingerprint: &str, pairs: &[(&str, &str)]) -> AlertSignal {
    AlertSignal {
        annotations: BTreeMap::new(),
        ends_at: None,
        fingerprint: word(fingerprint),
        labels: labels(pairs),
        lost_bytes: 0,
        phase: Phase::Firing,
        source: word("alertmanager"),
        starts_at: Some(world.now),
        title: word(&format!("{fingerprint} is wrong")),
    }
}

fn ended(signal: &AlertSignal) -> AlertSignal {
    AlertSignal {
        phase: Phase::Resolved,
        ..signal.clone()
    }
}
