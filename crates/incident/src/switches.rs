//! What is switched off, and the posture of services: what applications and edges must know at once, and
//! what goes back with no version.
//!
//! Nothing here reads a clock. What has ended leaves with the next act about it, by that act's time.

use std::collections::BTreeMap;

use base::{Line, Name, ServiceName, Timestamp};
use record::act::{Act, Subject};
use record::command::{SetPosture, TurnSwitchOff, Verb};
use record::kinds::Body;
use record::kinds::containment::{Posture, PostureSet, SwitchTurnedOff, SwitchTurnedOn};
use serde::{Deserialize, Serialize};

use crate::commands::{Decision, known};
use crate::containment::Contained;
use crate::refusal::{at_most, needs_reason, out_of_range, wrong_state};
use crate::{Context, Draft, Reason, Refusal, State};

const SWITCHES_MAX: usize = 1_000;
/// What a switch is of. Edges carry out all but features, which are the applications'.
const KINDS: [&str; 4] = ["feature", "limit", "route", "tenant"];

/// What is off, and services that are not as usual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switches {
    off: BTreeMap<Line, Off>,
    postures: BTreeMap<ServiceName, Postured>,
}

/// A switch that is off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Off {
    /// Until when; none: until somebody turns it on.
    pub ends_at: Option<Timestamp>,
    /// Who said so.
    pub said: Contained,
}

/// The posture of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Postured {
    /// Not `normal`: that is what a service is that is not here.
    pub posture: Posture,
    /// Until when; none: until another is set.
    pub ends_at: Option<Timestamp>,
    /// Who said so.
    pub said: Contained,
}

impl Switches {
    /// The switches that are off now, by name: `feature/recommendations`.
    pub fn off(&self, now: Timestamp) -> impl Iterator<Item = (&Line, &Off)> {
        let all = self.off.iter();
        all.filter(move |(_, it)| it.ends_at.is_none_or(|end| now < end))
    }

    /// The services that are not as usual now.
    pub fn postures(&self, now: Timestamp) -> impl Iterator<Item = (&ServiceName, &Postured)> {
        let all = self.postures.iter();
        all.filter(move |(_, it)| it.ends_at.is_none_or(|end| now < end))
    }

    pub(crate) fn apply(&mut self, act: &Act) {
        let at = act.at;
        let holds = |end: Option<Timestamp>| end.is_none_or(|end| at < end);
        match (&act.subject, &act.body) {
            (Subject::Switch(name), Body::SwitchTurnedOff(off)) => {
                self.off.retain(|_, it| holds(it.ends_at));
                let it = Off {
                    ends_at: off.ends_at,
                    said: Contained::of(act, off.incident),
                };
                self.off.insert(name.clone(), it);
            }
            (Subject::Switch(name), Body::SwitchTurnedOn(_)) => {
                self.off.remove(name);
            }
            (Subject::Service(service), Body::PostureSet(set)) => {
                self.postures.retain(|_, it| holds(it.ends_at));
                self.postures.remove(service);
                if set.posture != Posture::Normal {
                    let it = Postured {
                        posture: set.posture,
                        ends_at: set.ends_at,
                        said: Contained::of(act, set.incident),
                    };
                    self.postures.insert(service.clone(), it);
                }
            }
            (Subject::Service(service), Body::ServiceRemoved(_)) => {
                self.postures.remove(service);
            }
            _ => {}
        }
    }
}

/// Decides on a command about switches and postures; `None` for those about anything else.
pub(crate) fn decide(state: &State, verb: &Verb, context: &Context<'_>) -> Option<Decision> {
    Some(match verb {
        Verb::TurnSwitchOff(verb) => turn_off(state, verb, context),
        Verb::TurnSwitchOn(verb) => turn_on(state, &verb.switch, context),
        Verb::SetPosture(verb) => set_posture(state, verb, context),
        _ => return None,
    })
}

fn turn_off(state: &State, verb: &TurnSwitchOff, context: &Context<'_>) -> Decision {
    needs_reason(context, "turning a switch off")?;
    let name = spelled(&verb.switch)?;
    in_the_future(verb.ends_at, context.now)?;
    verb.incident.map(|id| known(state, id)).transpose()?;
    let mut off = state.switches.off(context.now);
    match off.find(|(other, _)| **other == name) {
        Some((_, it)) if it.ends_at == verb.ends_at => {
            return wrong_state(format!("{name} is off already, by {}", it.said.by));
        }
        Some(_) => {}
        None => {
            let count = state.switches.off(context.now).count() + 1;
            at_most("switches that are off", count, SWITCHES_MAX)?;
        }
    }
    let body = SwitchTurnedOff {
        ends_at: verb.ends_at,
        incident: verb.incident,
        switch: name.clone(),
    };
    Ok(vec![Draft::new(Subject::Switch(name), body)])
}

fn turn_on(state: &State, text: &Line, context: &Context<'_>) -> Decision {
    needs_reason(context, "turning a switch on")?;
    let name = spelled(text)?;
    let is_off = state.switches.off(context.now).any(|(it, _)| *it == name);
    match is_off {
        true => {
            let switch = name.clone();
            let body = SwitchTurnedOn { switch };
            Ok(vec![Draft::new(Subject::Switch(name), body)])
        }
        false => Err(Refusal::new(
            Reason::NotFound,
            format!("{name} is not off, or not any more: hereby switches"),
        )),
    }
}

fn set_posture(state: &State, verb: &SetPosture, context: &Context<'_>) -> Decision {
    needs_reason(context, "a posture")?;
    let service = &verb.service;
    if !state.directory.services.contains_key(service) {
        return Err(Refusal::new(
            Reason::NotFound,
            format!("there is no service {service}: hereby service list"),
        ));
    }
    in_the_future(verb.ends_at, context.now)?;
    verb.incident.map(|id| known(state, id)).transpose()?;
    let mut all = state.switches.postures(context.now);
    let before = all.find(|(other, _)| *other == service);
    let before = before.map(|(_, it)| (it.posture, it.ends_at));
    if verb.posture == Posture::Normal && verb.ends_at.is_some() {
        return out_of_range(
            "normal is what a posture ends in: it has no end of its own".to_owned(),
        );
    }
    if before.unwrap_or((Posture::Normal, None)) == (verb.posture, verb.ends_at) {
        return wrong_state(format!("{service} is {} already", verb.posture.as_str()));
    }
    let body = PostureSet {
        ends_at: verb.ends_at,
        incident: verb.incident,
        posture: verb.posture,
        service: service.clone(),
    };
    let subject = Subject::Service(service.clone());
    Ok(vec![Draft::new(subject, body)])
}

fn in_the_future(ends_at: Option<Timestamp>, now: Timestamp) -> Result<(), Refusal> {
    match ends_at.is_none_or(|end| now < end) {
        true => Ok(()),
        false => out_of_range("it ends in the future, or when somebody says so".to_owned()),
    }
}

/// A switch's one spelling: its kind, a slash, and a name.
fn spelled(text: &Line) -> Result<Line, Refusal> {
    let parts = text.as_str().trim().split_once('/');
    let parts = parts.filter(|(kind, _)| KINDS.contains(kind));
    let name = parts.and_then(|(kind, name)| {
        let name: Name = name.parse().ok()?;
        format!("{kind}/{name}").parse().ok()
    });
    match name {
        Some(name) => Ok(name),
        None => out_of_range(format!(
            "`{text}` is no switch: feature/NAME, limit/NAME, route/NAME or tenant/NAME"
        )),
    }
}
