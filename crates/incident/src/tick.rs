//! What happens because time passed: reminders, ended leases, missing heartbeats.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use base::{Actor, AlertId, IncidentId, Name, Timestamp};
use record::act::Subject;
use record::kinds::Body;
use record::kinds::alert::Ending;
use record::kinds::incident::{ClockSeen, Reminded};
use record::kinds::review::FollowupReminded;
use record::kinds::work::UpdateOverdue;

use crate::hear::{deed_id, ended};
use crate::homes::{Home, Homes, Placed, place};
use crate::review::REMIND_EVERY_MS;
use crate::{
    Action, Alert, AlertRule, AlertSignal, Context, Deed, Draft, Heard, Heartbeat, Incident, Phase,
    Rules, State, chat, hear,
};

/// What is known of alerts and heartbeats only in memory: until when they count as heard of.
///
/// Not on the record, so that an outsider's refreshes don't grow it. After a start everything
/// counts as heard of just then: hereby can't know what it missed, and waits a full lease before
/// it says that something went silent.
#[derive(Clone, Debug)]
pub struct Leases {
    /// How this machine's clock was when somebody looked last.
    pub clock: Option<ClockSeen>,
    since: Timestamp,
    alerts: BTreeMap<AlertId, (Timestamp, Ending)>,
    beats: BTreeMap<Name, Timestamp>,
}

impl Leases {
    /// Nothing was heard of yet; the process began at `since`.
    pub fn new(since: Timestamp) -> Leases {
        Leases {
            clock: None,
            since,
            alerts: BTreeMap::new(),
            beats: BTreeMap::new(),
        }
    }

    /// The alert counts as firing until then.
    pub(crate) fn extend(&mut self, alert: AlertId, until: Timestamp, announced: bool) {
        let ending = if announced {
            Ending::EndsAt
        } else {
            Ending::TimedOut
        };
        let lease = self.alerts.entry(alert).or_insert((until, ending));
        if until >= lease.0 {
            *lease = (until, ending);
        }
    }

    /// A sign of life came. Only of heartbeats that are expected; others are not kept.
    pub fn beat(&mut self, state: &State, heartbeat: &Name, now: Timestamp) -> bool {
        let expected = state.heartbeats.contains_key(heartbeat);
        if expected {
            self.beats.insert(heartbeat.clone(), now);
        }
        expected
    }

    /// When the last sign of life of this heartbeat came, if one came since the start.
    pub fn last_beat(&self, heartbeat: &Name) -> Option<Timestamp> {
        self.beats.get(heartbeat).copied()
    }

    /// Until when the alert counts as firing without a refresh, and how it would end.
    fn of_alert(&self, alert: &Alert, rules: &Rules) -> (Timestamp, Ending) {
        self.alerts.get(&alert.id).copied().unwrap_or_else(|| {
            (
                self.since.plus_ms(rules.timeout_ms(&alert.source)),
                Ending::TimedOut,
            )
        })
    }

    /// How many alerts a lease is kept of.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> usize {
        self.alerts.len()
    }

    /// Drops what belongs to nothing any more.
    fn prune(&mut self, state: &State) {
        if self.alerts.len() > state.alerts.len() + 1_000 {
            self.alerts
                .retain(|id, _| state.alerts.get(id).is_some_and(|it| it.is_firing()));
        }
        self.beats
            .retain(|name, _| state.heartbeats.contains_key(name));
    }
}

/// The deeds that are due now, each of which happens once.
///
/// The state must hold everything decided before: a deed may rest on what another one changes, so
/// at most one deed is returned that declares an incident.
pub fn tick(state: &State, leases: &mut Leases, now: Timestamp, rules: &Rules) -> Vec<Deed> {
    leases.prune(state);
    let timer = Actor::System { id: part("timer") };
    let mut deeds: Vec<Deed> = state
        .open_incidents()
        .filter_map(|incident| reminder(incident, now, rules))
        .collect();
    for incident in state.open_incidents() {
        deeds.extend(updates_overdue(incident, now));
    }
    deeds.extend(followups_overdue(state, now).take(FOLLOWUPS_A_TICK_MAX));
    deeds.extend(chat::due(state, now, rules).take(ROOMS_A_TICK_MAX));
    for alert in state.alerts.values().filter(|alert| alert.is_firing()) {
        let (over, ending) = if alert.source.as_str() == HEARTBEAT_SOURCE {
            // Once nobody expects the heartbeat any more, nothing else would end its alert.
            (heartbeat_of(state, alert).is_none(), Ending::TimedOut)
        } else {
            let (until, ending) = leases.of_alert(alert, rules);
            (now >= until, ending)
        };
        if over {
            deeds.push(ended(alert, now, ending, &timer));
        }
    }
    for name in state.heartbeats.keys() {
        deeds.extend(heartbeat(state, leases, name, now, rules));
    }
    let ending = ends(&deeds);
    deeds.extend(unplaced(state, leases, &ending, now, rules));
    let mut declared = false;
    deeds.retain(|deed| {
        let declares = deed
            .drafts
            .iter()
            .any(|it| matches!(it.body, Body::IncidentDeclared(_)));
        let first = !(declares && declared);
        declared |= declares;
        first
    });
    deeds
}

/// The source of alerts about missing heartbeats.
const HEARTBEAT_SOURCE: &str = "heartbeat";

fn part(name: &'static str) -> Name {
    name.parse().expect("a lower-case word")
}

fn reminder(incident: &Incident, now: Timestamp, rules: &Rules) -> Option<Deed> {
    let summary = &incident.summary;
    if summary.acknowledged.is_some() || incident.reminders >= rules.reminders_max {
        return None;
    }
    let since = summary.reopened_at.unwrap_or(summary.declared_at);
    let due = incident
        .next_reminder
        .unwrap_or_else(|| since.plus_ms(rules.remind_after_ms));
    if now < due {
        return None;
    }
    let count = incident.reminders + 1;
    let more = count < rules.reminders_max;
    let body = Reminded {
        count,
        next_at: more.then(|| now.plus_ms(rules.remind_after_ms)),
    };
    Some(Deed {
        id: deed_id(&format!(
            "timer:{}:reminded:{}:{count}",
            summary.id,
            since.as_ms()
        )),
        actor: Actor::System { id: part("timer") },
        cause: Some(summary.declared_act),
        why: None,
        drafts: vec![Draft::new(Subject::Incident(summary.id), body)],
    })
}

/// Reminds people of audiences that wait for word.
fn updates_overdue(incident: &Incident, now: Timestamp) -> impl Iterator<Item = Deed> {
    let id = incident.summary.id;
    let overdue = incident.work.clocks.iter();
    let overdue = overdue.filter(move |(_, clock)| clock.remind_at <= now);
    overdue.map(move |(audience, clock)| {
        let body = UpdateOverdue {
            audience: *audience,
            due_at: clock.due_at,
        };
        let at = clock.remind_at.as_ms();
        Deed {
            id: deed_id(&format!("timer:{id}:update:{audience:?}:{at}")),
            actor: Actor::System { id: part("timer") },
            cause: None,
            why: None,
            drafts: vec![Draft::new(Subject::Incident(id), body)],
        }
    })
}

/// How many rooms are asked for, or closed, at once: the rest a second later.
const ROOMS_A_TICK_MAX: usize = 50;

/// How many owners are reminded at once: the rest a second later, so that nobody waits for it.
const FOLLOWUPS_A_TICK_MAX: usize = 50;

/// Reminds the owners of what is overdue, again every week.
fn followups_overdue(state: &State, now: Timestamp) -> impl Iterator<Item = Deed> {
    let all = state.followups.iter();
    let all = all.flat_map(|(id, followups)| followups.iter().map(|it| (*id, it)));
    let overdue = all.filter(move |(_, (_, followup))| followup.remind_at <= now);
    overdue.map(move |(id, (number, followup))| {
        let body = FollowupReminded {
            count: followup.reminders.saturating_add(1),
            followup: *number,
            next_at: now.plus_ms(REMIND_EVERY_MS),
        };
        let at = followup.remind_at.as_ms();
        Deed {
            id: deed_id(&format!("timer:{id}:followup:{number}:{at}")),
            actor: Actor::System { id: part("timer") },
            cause: Some(followup.act),
            why: None,
            drafts: vec![Draft::new(Subject::Incident(id), body)],
        }
    })
}

/// Fires when no sign of life came in time, ends when one comes again.
fn heartbeat(
    state: &State,
    leases: &mut Leases,
    name: &Name,
    now: Timestamp,
    rules: &Rules,
) -> Option<Deed> {
    let expected = state.heartbeats.get(name)?;
    let last = leases.last_beat(name);
    let since = last.unwrap_or_else(|| expected.expected_since.max(leases.since));
    let patience_ms = expected.interval_ms.saturating_add(expected.grace_ms);
    let due = since.plus_ms(i64::try_from(patience_ms).unwrap_or(i64::MAX));
    let fingerprint: base::Line = name.as_str().parse().ok()?;
    let firing = state.firing(&part(HEARTBEAT_SOURCE), &fingerprint);
    let phase = match (now >= due, firing) {
        (true, None) => Phase::Firing,
        (false, Some(_)) if last.is_some() => Phase::Resolved,
        _ => return None,
    };
    let mut labels: BTreeMap<Box<str>, Box<str>> = BTreeMap::from([
        ("alertname".into(), "HeartbeatMissing".into()),
        ("heartbeat".into(), name.as_str().into()),
    ]);
    if let Some(service) = &expected.service {
        labels.insert("service".into(), service.as_str().into());
    }
    let signal = AlertSignal {
        annotations: BTreeMap::new(),
        ends_at: None,
        fingerprint,
        labels,
        lost_bytes: 0,
        phase,
        source: part(HEARTBEAT_SOURCE),
        starts_at: firing.map(|alert| alert.starts_at).or(Some(due)),
        title: format!("no sign of life from {name}").parse().ok()?,
    };
    let own = with_heartbeat(rules, name, expected);
    let timer = Actor::System { id: part("timer") };
    let context = Context::new(&timer, now, &own);
    match hear(state, leases, &signal, &context) {
        Heard::Changed(deed) => Some(deed),
        Heard::Known(_) | Heard::Ignored | Heard::Stale => None,
    }
}

/// The rules as they are for this heartbeat's alert: its own severity comes before all of them.
fn with_heartbeat<'a>(rules: &'a Rules, name: &Name, expected: &Heartbeat) -> Cow<'a, Rules> {
    let Some(severity) = expected.severity else {
        return Cow::Borrowed(rules);
    };
    let mut own = rules.clone();
    own.alert_rules.insert(
        0,
        AlertRule {
            name: part("heartbeat"),
            matchers: BTreeMap::from([("heartbeat".into(), name.as_str().into())]),
            action: Action::Declare(severity),
        },
    );
    Cow::Owned(own)
}

/// The expected heartbeat that this alert says is missing.
fn heartbeat_of<'a>(state: &'a State, alert: &Alert) -> Option<(&'a Name, &'a Heartbeat)> {
    let name: Name = alert.fingerprint.as_str().parse().ok()?;
    state
        .heartbeats
        .get_key_value(&name)
        .filter(|_| alert.source.as_str() == HEARTBEAT_SOURCE)
}

/// The alerts that end with these deeds.
fn ends(deeds: &[Deed]) -> BTreeSet<AlertId> {
    deeds
        .iter()
        .flat_map(|deed| &deed.drafts)
        .filter_map(|draft| match (&draft.subject, &draft.body) {
            (Subject::Alert(alert), Body::AlertResolved(_)) => Some(*alert),
            _ => None,
        })
        .collect()
}

/// Firing alerts that belong to no incident although they should: their silence or maintenance
/// window ended, or the rules changed. All that an open incident takes, and the first one that
/// declares.
fn unplaced(
    state: &State,
    leases: &Leases,
    ending: &BTreeSet<AlertId>,
    now: Timestamp,
    rules: &Rules,
) -> Vec<Deed> {
    let waiting = state.alerts.values().filter(|alert| {
        alert.is_firing() && alert.incident.is_none() && !ending.contains(&alert.id)
    });
    let mut waiting = waiting.peekable();
    if waiting.peek().is_none() {
        return Vec::new();
    }
    let homes = Homes::new(state, rules);
    let mut joined: BTreeMap<IncidentId, usize> = BTreeMap::new();
    let mut declared = false;
    let mut deeds = Vec::new();
    for alert in waiting {
        let placed = Placed {
            id: alert.id,
            drill: alert.drill,
            labels: &alert.labels,
            starts_at: alert.starts_at,
            title: &alert.title,
        };
        let home = homes.find(&placed, |id| joined.get(&id).copied().unwrap_or(0));
        if !matches!(home, Home::In(_)) && declared {
            continue;
        }
        let own = heartbeat_of(state, alert).map_or(Cow::Borrowed(rules), |(name, it)| {
            with_heartbeat(rules, name, it)
        });
        let placement = place(state, &placed, home, &own, leases.clock);
        // Silences are looked through last: most that waits here waits for a person.
        if placement.drafts.is_empty() || state.suppressed_by(&alert.labels, now).is_some() {
            continue;
        }
        match home {
            Home::In(incident) => *joined.entry(incident.summary.id).or_default() += 1,
            Home::Beside(_) | Home::Nowhere => declared = true,
        }
        deeds.push(Deed {
            id: deed_id(&format!("alert:{}:placed", alert.fired_act)),
            actor: Actor::System { id: part("rules") },
            cause: Some(alert.fired_act),
            why: placement.why,
            drafts: placement.drafts,
        });
    }
    deeds
}
