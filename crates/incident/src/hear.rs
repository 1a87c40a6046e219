//! What alerts lead to: an act when something changed, a longer lease when nothing did.

use base::{Actor, AlertId, CommandId, Name, Timestamp};
use record::act::Subject;
use record::hash;
use record::kinds::alert::{Acknowledged, Ending, Fired, Resolved};

use crate::alerts::Alert;
use crate::homes::{Homes, Placed, place};
use crate::rules::{Action, REFRESHING_SOURCE};
use crate::{AlertSignal, Context, Deed, Draft, Leases, Phase, State};

/// What the ids of hereby's own commands begin with. From outside such an id is refused: whoever
/// could take an alert's id first would keep the alert from ever being recorded.
pub const DEED_ID_PREFIX: &str = "hereby:";

/// What a signal came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// Something changed: these acts, in one command.
    Changed(Deed),
    /// Known already; its lease was extended.
    Known(AlertId),
    /// A rule says to ignore it.
    Ignored,
    /// It ends or acknowledges what is not firing.
    Stale,
}

/// The id of one firing: SHA-256 of source, fingerprint and start, cut to 128 bits.
pub fn alert_id(source: &Name, fingerprint: &str, starts_at: Timestamp) -> AlertId {
    let digest = hash::sha256(&[
        b"hereby/alert/1\0",
        source.as_str().as_bytes(),
        b"\0",
        fingerprint.as_bytes(),
        b"\0",
        &starts_at.as_ms().to_be_bytes(),
    ]);
    let mut id = [0; 16];
    for (slot, byte) in id.iter_mut().zip(digest.0) {
        *slot = byte;
    }
    AlertId::from_bytes(id)
}

/// Decides on one signal. Leases are extended here; acts are only returned.
pub fn hear(
    state: &State,
    leases: &mut Leases,
    signal: &AlertSignal,
    context: &Context<'_>,
) -> Heard {
    let drill = signal
        .labels
        .get("drill")
        .is_some_and(|value| &**value == "true");
    let rule = context.rules.matching(&signal.labels);
    if rule.is_some_and(|rule| rule.action == Action::Ignore) {
        return Heard::Ignored;
    }
    let fingerprint = &signal.fingerprint;
    let exact = signal.starts_at.and_then(|at| {
        state
            .alerts
            .get(&alert_id(&signal.source, fingerprint.as_str(), at))
    });
    // A source that gives no start means the firing that is open; so does a Prometheus whose twin,
    // or whose former self before a restart, dated the same firing otherwise.
    let open = exact.or_else(|| {
        let vague = signal.starts_at.is_none() || signal.source.as_str() == REFRESHING_SOURCE;
        if vague {
            state.firing(&signal.source, fingerprint)
        } else {
            None
        }
    });
    match signal.phase {
        Phase::Firing => fire(state, leases, signal, open, drill, context),
        Phase::Resolved => match open.filter(|alert| alert.is_firing()) {
            Some(alert) => {
                let ended_at = signal.ends_at.unwrap_or(context.now);
                Heard::Changed(ended(alert, ended_at, Ending::Reported, context.actor))
            }
            None => Heard::Stale,
        },
        Phase::Acknowledged => match open.filter(|alert| alert.is_firing()) {
            Some(alert) if alert.acknowledged => Heard::Known(alert.id),
            Some(alert) => Heard::Changed(Deed {
                id: deed_id(&format!("alert:{}:acknowledged", alert.fired_act)),
                actor: context.actor.clone(),
                cause: Some(alert.fired_act),
                why: None,
                drafts: vec![Draft::new(Subject::Alert(alert.id), Acknowledged {})],
            }),
            None => Heard::Stale,
        },
    }
}

/// The deed that ends a firing.
pub(crate) fn ended(alert: &Alert, at: Timestamp, ending: Ending, actor: &Actor) -> Deed {
    Deed {
        id: deed_id(&format!("alert:{}:ended", alert.fired_act)),
        actor: actor.clone(),
        cause: Some(alert.fired_act),
        why: None,
        drafts: vec![Draft::new(
            Subject::Alert(alert.id),
            Resolved {
                ended_at: at,
                ending,
            },
        )],
    }
}

fn fire(
    state: &State,
    leases: &mut Leases,
    signal: &AlertSignal,
    known: Option<&Alert>,
    drill: bool,
    context: &Context<'_>,
) -> Heard {
    let now = context.now;
    // A source's word on the end is believed for a day: what nobody speaks of again must end.
    let latest = now.plus_ms(context.rules.quiet_timeout_ms);
    let until = signal
        .ends_at
        .filter(|end| *end > now)
        .map(|end| end.min(latest));
    let until = until.unwrap_or_else(|| now.plus_ms(context.rules.timeout_ms(&signal.source)));
    if let Some(alert) = known {
        match alert.ended {
            None => {
                leases.extend(alert.id, until, signal.ends_at.is_some());
                return Heard::Known(alert.id);
            }
            // The source itself said that it ended: what still says the opposite is a late copy.
            Some((_, Ending::Reported)) => return Heard::Known(alert.id),
            Some(_) => {}
        }
    }
    let starts_at = signal.starts_at.unwrap_or(now);
    let id = alert_id(&signal.source, signal.fingerprint.as_str(), starts_at);
    let firings = known.map_or(0, |alert| alert.firings);
    // The state alone keeps one firing from being recorded twice. The time is in the id because a
    // long-forgotten alert that comes back counts its firings from 1 again.
    let command = deed_id(&format!("alert:{id}:fired:{}:{}", firings + 1, now.as_ms()));
    let fired = Fired {
        annotations: signal.annotations.clone(),
        drill,
        fingerprint: signal.fingerprint.clone(),
        labels: signal.labels.clone(),
        lost_bytes: signal.lost_bytes,
        source: signal.source.clone(),
        starts_at,
        title: signal.title.clone(),
    };
    leases.extend(id, until, signal.ends_at.is_some());
    let mut drafts = vec![Draft::new(Subject::Alert(id), fired)];
    let mut why = None;
    let already_in = known
        .and_then(|alert| state.home_of(alert, drill))
        .is_some();
    if !already_in && state.suppressed_by(&signal.labels, now).is_none() {
        let at = Placed {
            id,
            drill,
            labels: &signal.labels,
            starts_at,
            title: &signal.title,
        };
        let home = Homes::new(state, context.rules).find(&at, |_| 0);
        let placement = place(state, &at, home, context.rules, leases.clock);
        drafts.extend(placement.drafts);
        why = placement.why;
    }
    Heard::Changed(Deed {
        id: command,
        actor: context.actor.clone(),
        cause: None,
        why,
        drafts,
    })
}

/// The id of the command that a deed amounts to: one that nobody else may use.
pub(crate) fn deed_id(text: &str) -> CommandId {
    format!("{DEED_ID_PREFIX}{text}")
        .parse()
        .expect("built from ids and numbers: short, and of a command id's characters")
}
