//! Those who ask: what they ask for, and how their messages fare.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::str::FromStr;

use aws_lc_rs::signature::Ed25519KeyPair;
use base::{Actor, AlertId, CommandId, IncidentId, Severity, Timestamp, TokenId};
use engine::{Request, Signature, State, Transport};
use incident::{AlertSignal, Phase};
use record::command::{
    Acknowledge, Assign, Attach, Command, Declare, EndMaintenance, EndSilence, EnrollKey,
    ExpectHeartbeat, ForgetHeartbeat, IssueToken, Note, Reopen, Resolve, RevokeKey, RevokeToken,
    RotateLogKey, ScheduleMaintenance, SetSeverity, SetStatus, Silence, Update, Verb, signed_bytes,
};
use record::hash;
use record::kinds::access::Scope;
use record::kinds::incident::{Audience, Role, Status};
use record::note::{Algorithm, SignerKey};

use crate::dice::Dice;

/// Something on its way to the engine. A copy may stay behind and arrive again.
#[derive(Clone, Debug)]
pub enum Message {
    /// A command.
    Command(Box<Request>),
    /// A delivery of alerts.
    Alerts(Vec<AlertSignal>),
    /// A sign of life.
    Beat(base::Name),
}

const SERVICES: [&str; 3] = ["checkout", "search", "storage"];
const PEOPLE: [&str; 5] = ["sam", "alex", "kim", "robin", "jo"];
const HEARTBEATS: [&str; 3] = ["backup", "cron", "probe"];

/// Reads a word written in this file.
pub(crate) fn word<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse()
        .expect("words of the simulation are of the right form")
}

fn one_of<'a>(dice: &mut Dice, words: &[&'a str]) -> &'a str {
    dice.pick(words).copied().unwrap_or("sam")
}

fn severity(dice: &mut Dice) -> Severity {
    Severity::from_number(1 + (dice.below(5) as u8)).expect("1 to 5")
}

/// An incident that exists, mostly; sometimes the next one that will.
fn incident(dice: &mut Dice, state: &State) -> IncidentId {
    let declared = u64::from(state.incidents.incidents_declared);
    let number = if dice.once_in(3) {
        1 + dice.below(declared + 1)
    } else {
        // The newest are asked about most.
        declared.saturating_sub(dice.below(4)).max(1)
    };
    IncidentId::from_number(u32::try_from(number).unwrap_or(1))
}

fn alert(dice: &mut Dice, state: &State) -> AlertId {
    let known: Vec<AlertId> = state.incidents.alerts.keys().copied().collect();
    dice.pick(&known)
        .copied()
        .unwrap_or(AlertId::from_bytes([9; 16]))
}

/// What somebody asks for next, seeing this state, at this time.
pub fn asks(dice: &mut Dice, state: &State, now: Timestamp, number: u32) -> Request {
    let id: CommandId = word(&format!("c-{number}"));
    let mut command = Command::new(id, verb(dice, state, now, number));
    if dice.once_in(4) {
        command.why = Some(word(&format!("because of {number}")));
    }
    command.claimed_at = dice.once_in(3).then_some(now);
    let uid = 1000 + (dice.below(3) as u32);
    let mut request = Request {
        transport: Transport::LocalUid(uid),
        command,
        signature: None,
    };
    match dice.below(6) {
        0 => request.command.on_behalf_of = Some(word(one_of(dice, &PEOPLE))),
        1 => {
            let tokens: Vec<&TokenId> = state.access.tokens.keys().collect();
            if let Some(token) = dice.pick(&tokens) {
                request.transport = Transport::Token((*token).clone());
            }
        }
        2 => sign(&mut request, dice, state),
        _ => {}
    }
    request
}

fn verb(dice: &mut Dice, state: &State, now: Timestamp, number: u32) -> Verb {
    match dice.below(40) {
        0..=6 => declare(dice, state, number).into(),
        7..=9 => Acknowledge {
            incident: incident(dice, state),
        }
        .into(),
        10..=14 => Assign {
            incident: incident(dice, state),
            person: word(one_of(dice, &PEOPLE)),
            role: role(dice),
        }
        .into(),
        15..=18 => Note {
            blobs: Vec::new(),
            incident: incident(dice, state),
            text: word(&format!("note {number}")),
        }
        .into(),
        19..=20 => Update {
            page: None,
            audience: if dice.once_in(2) {
                Audience::Public
            } else {
                Audience::Insiders
            },
            incident: incident(dice, state),
            status: dice.once_in(2).then(|| status(dice)),
            text: word(&format!("update {number}")),
        }
        .into(),
        21 => SetStatus {
            incident: incident(dice, state),
            status: status(dice),
        }
        .into(),
        22 => SetSeverity {
            incident: incident(dice, state),
            severity: severity(dice),
        }
        .into(),
        23..=27 => Resolve {
            incident: incident(dice, state),
            summary: None,
        }
        .into(),
        28..=29 => Reopen {
            incident: incident(dice, state),
        }
        .into(),
        30..=31 => Attach {
            alert: alert(dice, state),
            incident: incident(dice, state),
        }
        .into(),
        _ => around(dice, state, now, number),
    }
}

/// What is asked about other things than incidents.
fn around(dice: &mut Dice, state: &State, now: Timestamp, number: u32) -> Verb {
    let soon = now.plus_ms(dice.between(1, 20 * 60_000));
    let service = one_of(dice, &SERVICES);
    match dice.below(10) {
        0 => Silence {
            ends_at: soon,
            matchers: labels(service, ""),
        }
        .into(),
        1 => EndSilence {
            silence: word(&format!("sil-{}", 1 + dice.below(4))),
        }
        .into(),
        2 => ScheduleMaintenance {
            page: None,
            ends_at: soon.plus_ms(60_000),
            service: word(service),
            starts_at: soon,
            title: word("planned work"),
        }
        .into(),
        3 => EndMaintenance {
            maintenance: word(&format!("mw-{}", 1 + dice.below(3))),
        }
        .into(),
        4 => ExpectHeartbeat {
            grace_ms: 5_000,
            heartbeat: word(one_of(dice, &HEARTBEATS)),
            interval_ms: 1_000 * (1 + dice.below(300)),
            service: Some(word(service)),
            severity: dice.once_in(2).then(|| severity(dice)),
        }
        .into(),
        5 => ForgetHeartbeat {
            heartbeat: word(one_of(dice, &HEARTBEATS)),
        }
        .into(),
        6 => issue(dice, now, number).into(),
        7 => match state.access.tokens.keys().next() {
            Some(token) => RevokeToken {
                token: token.clone(),
            }
            .into(),
            None => issue(dice, now, number).into(),
        },
        8 => match state.access.keys.keys().next() {
            Some(key) if dice.once_in(3) => RevokeKey { key: key.clone() }.into(),
            _ => enroll(dice).into(),
        },
        _ => RotateLogKey {}.into(),
    }
}

fn declare(dice: &mut Dice, state: &State, number: u32) -> Declare {
    let mut alerts = Vec::new();
    if dice.once_in(4) {
        alerts.push(alert(dice, state));
    }
    Declare {
        alerts,
        drill: dice.once_in(8),
        impact_start: None,
        private: dice.once_in(6),
        service: dice.once_in(2).then(|| word(one_of(dice, &SERVICES))),
        severity: severity(dice),
        template: None,
        title: word(&format!("trouble {number}")),
    }
}

fn role(dice: &mut Dice) -> Role {
    let roles = [
        Role::Commander,
        Role::Operations,
        Role::Communications,
        Role::Planning,
    ];
    dice.pick(&roles).copied().unwrap_or(Role::Planning)
}

fn status(dice: &mut Dice) -> Status {
    let all = [
        Status::Investigating,
        Status::Identified,
        Status::Monitoring,
    ];
    dice.pick(&all).copied().unwrap_or(Status::Monitoring)
}

fn issue(dice: &mut Dice, now: Timestamp, number: u32) -> IssueToken {
    let hash = hash::sha256(&[&number.to_be_bytes()]);
    let digits: String = hash
        .0
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    IssueToken {
        actor: Actor::Person {
            id: word(one_of(dice, &PEOPLE)),
        },
        expires_at: now.plus_ms(dice.between(60_000, 3_600_000)),
        hash,
        scopes: [Scope::Respond, Scope::Alerts].into(),
        token: word(&format!("tok-{digits}")),
    }
}

/// People's keys are numbered; whose they are and what they are called follows.
fn enroll(dice: &mut Dice) -> EnrollKey {
    let number = 100 + (dice.below(3) as u8);
    let key = SignerKey::from_seed("sim.example/person", Algorithm::Ed25519, [number; 32]);
    let vkey = key
        .map(|key| key.verifier().to_string())
        .unwrap_or_default();
    EnrollKey {
        key: word(&format!("key-{number}")),
        person: word(one_of(dice, &PEOPLE)),
        vkey: vkey.into(),
    }
}

fn sign(request: &mut Request, dice: &mut Dice, state: &State) {
    let enrolled: Vec<&base::Name> = state.access.keys.keys().collect();
    let Some(name) = dice.pick(&enrolled) else {
        return;
    };
    let number = name
        .as_str()
        .strip_prefix("key-")
        .and_then(|number| number.parse().ok());
    let (Some(number), Ok(canonical)) = (number, request.command.to_canonical()) else {
        return;
    };
    let seed: [u8; 32] = [number; 32];
    let Ok(pair) = Ed25519KeyPair::from_seed_unchecked(&seed) else {
        return;
    };
    let bytes = pair.sign(&signed_bytes(&canonical)).as_ref().to_vec();
    request.signature = Some(Signature {
        key: (*name).clone(),
        bytes,
    });
}

fn labels(service: &str, drill: &str) -> BTreeMap<Box<str>, Box<str>> {
    let mut labels = BTreeMap::from([("service".into(), service.into())]);
    if !drill.is_empty() {
        labels.insert("drill".into(), drill.into());
    }
    labels
}

/// What a monitoring tool has to say: some alerts, each of which began at a full ten minutes.
pub fn alerts(dice: &mut Dice, now: Timestamp) -> Vec<AlertSignal> {
    const STEP_MS: i64 = 600_000;
    let count = 1 + dice.below(4);
    (0..count)
        .map(|_| {
            let name = dice.below(8);
            let service = SERVICES
                .get(usize::try_from(name % 3).unwrap_or(0))
                .copied();
            let phase = match dice.below(7) {
                0 | 1 => Phase::Resolved,
                2 => Phase::Acknowledged,
                _ => Phase::Firing,
            };
            let source = one_of(dice, &["prometheus", "alertmanager", "pagerduty"]);
            let started = Timestamp::from_ms(now.as_ms() / STEP_MS * STEP_MS);
            AlertSignal {
                annotations: BTreeMap::new(),
                ends_at: dice
                    .once_in(3)
                    .then(|| now.plus_ms(dice.between(-1_000, 300_000))),
                fingerprint: word(&format!("alert-{name}")),
                labels: labels(
                    service.unwrap_or("search"),
                    if name == 7 { "true" } else { "" },
                ),
                lost_bytes: 0,
                phase,
                source: word(source),
                starts_at: (source != "pagerduty").then_some(started),
                title: word(&format!("alert {name} fires")),
            }
        })
        .collect()
}

/// Whose sign of life comes.
pub fn beat(dice: &mut Dice) -> base::Name {
    word(one_of(dice, &HEARTBEATS))
}
