//! What people ask for: which acts follow, or why none do.

use std::collections::BTreeMap;

use base::{Actor, AlertId, IncidentId, Name, Timestamp};
use record::act::Subject;
use record::command::{
    Attach, Declare, ExpectHeartbeat, ScheduleMaintenance, Silence, StampTime, Update, Verb,
};
use record::kinds::alert::{
    HeartbeatExpected, HeartbeatForgotten, MaintenanceEnded, MaintenanceScheduled, SilenceCreated,
    SilenceEnded,
};
use record::kinds::incident::{
    Acknowledged, AlertAttached, Declared, Noted, Reopened, Resolved, SeverityChanged, Status,
    StatusChanged, TimeStamped, Updated,
};
use record::kinds::work::IncidentRedacted;
use record::sealed::Sealable;

use crate::incidents::Summary;
use crate::refusal::{at_most, out_of_range, wrong_state};
use crate::{
    Context, Draft, Incident, LABEL_NAME_BYTES_MAX, LABEL_VALUE_BYTES_MAX, Reason, Refusal, State,
};
use crate::{
    certificates, chat, containment, notices, review, roles, surroundings, switches, work,
};

/// The most alerts one declaration may name.
pub(crate) const DECLARED_ALERTS_MAX: usize = 64;
/// The most alerts that belong to one incident.
pub(crate) const ATTACHED_ALERTS_MAX: usize = 1_000;
const BLOBS_MAX: usize = 16;
const MATCHERS_MAX: usize = 16;
const SILENCES_MAX: usize = 200;
const MAINTENANCES_MAX: usize = 200;
const HEARTBEATS_MAX: usize = 500;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const SILENCE_MAX_MS: i64 = 30 * DAY_MS;
const MAINTENANCE_MAX_MS: i64 = 90 * DAY_MS;
const HEARTBEAT_MAX_MS: u64 = 7 * 86_400_000;

pub(crate) type Decision = Result<Vec<Draft>, Refusal>;

/// Decides on a command about incidents, alerts, heartbeats, or who and what there is; `None` for
/// those about anything else.
pub fn decide(state: &State, verb: &Verb, context: &Context<'_>) -> Option<Decision> {
    Some(match verb {
        Verb::Declare(declare) => declare_incident(state, declare, context),
        Verb::Acknowledge(verb) => acknowledge(state, verb.incident),
        Verb::Assign(assign) => roles::assign(state, assign, context.actor),
        Verb::HandOver(verb) => roles::hand_over(state, verb, context.actor),
        Verb::Accept(verb) => roles::accept(state, verb, context.actor),
        Verb::Relieve(verb) => roles::relieve(state, verb, context.actor),
        Verb::Waive(verb) => roles::waive(state, verb, context),
        Verb::Note(note) => known(state, note.incident).and_then(|summary| {
            at_most("files", note.blobs.len(), BLOBS_MAX)?;
            if summary.redacted && !note.blobs.is_empty() {
                return wrong_state(format!(
                    "what is sealed in {} was erased: no file is taken any more",
                    note.incident
                ));
            }
            let mut blobs = note.blobs.clone();
            if summary.private {
                // A file's name can't be sealed in a note; attached, it can.
                blobs.iter_mut().for_each(|blob| blob.name = None);
            }
            let body = Noted {
                blobs,
                text: note.text.clone().into(),
            };
            one(note.incident, body)
        }),
        Verb::StampTime(verb) => stamp_time(state, verb, context),
        Verb::Update(update) => tell(state, update, context.actor),
        Verb::SetStatus(verb) => set_status(state, verb.incident, verb.status),
        Verb::SetSeverity(verb) => open(state, verb.incident).and_then(|summary| {
            let from = summary.severity;
            if from == verb.severity {
                return wrong_state(format!("{} is {from} already", verb.incident));
            }
            one(
                verb.incident,
                SeverityChanged {
                    from,
                    to: verb.severity,
                },
            )
        }),
        Verb::Resolve(verb) => open(state, verb.incident).and_then(|_| {
            let summary = verb.summary.clone().map(Sealable::from);
            one(verb.incident, Resolved { summary })
        }),
        Verb::Reopen(verb) => known(state, verb.incident).and_then(|summary| {
            if summary.is_open() {
                return wrong_state(format!("{} is open", verb.incident));
            }
            one(verb.incident, Reopened {})
        }),
        Verb::Attach(attach) => attach_alert(state, attach),
        _ => {
            return quiet(state, verb, context)
                .or_else(|| containment::decide(state, verb, context))
                .or_else(|| switches::decide(state, verb, context))
                .or_else(|| certificates::decide(state, verb, context))
                .or_else(|| work::decide(state, verb, context))
                .or_else(|| chat::decide(state, verb, context.rules))
                .or_else(|| review::decide(state, verb, context))
                .or_else(|| redact(state, verb))
                .or_else(|| state.page.decide(verb, context))
                .or_else(|| state.runbooks.decide(verb))
                .or_else(|| state.subscribers.decide(verb, context))
                .or_else(|| notices::decide(state, verb, context))
                .or_else(|| state.directory.decide(verb));
        }
    })
}

/// Silences, maintenance windows, heartbeats.
fn quiet(state: &State, verb: &Verb, context: &Context<'_>) -> Option<Decision> {
    Some(match verb {
        Verb::Silence(silence) => create_silence(state, silence, context),
        Verb::EndSilence(verb) => {
            let subject = Subject::Silence(verb.silence.clone());
            listed(&state.silences, &verb.silence, "silence")
                .map(|()| vec![Draft::new(subject, SilenceEnded {})])
        }
        Verb::ScheduleMaintenance(verb) => schedule_maintenance(state, verb, context),
        Verb::EndMaintenance(verb) => {
            let subject = Subject::Maintenance(verb.maintenance.clone());
            listed(&state.maintenances, &verb.maintenance, "maintenance window")
                .map(|()| vec![Draft::new(subject, MaintenanceEnded {})])
        }
        Verb::ExpectHeartbeat(verb) => expect_heartbeat(state, verb),
        Verb::ForgetHeartbeat(verb) => {
            let subject = Subject::Heartbeat(verb.heartbeat.clone());
            listed(&state.heartbeats, &verb.heartbeat, "heartbeat")
                .map(|()| vec![Draft::new(subject, HeartbeatForgotten {})])
        }
        _ => return None,
    })
}

/// Erases what is sealed. The engine does it only as a request that was settled.
fn redact(state: &State, verb: &Verb) -> Option<Decision> {
    Some(match verb {
        Verb::RedactIncident(verb) => known(state, verb.incident).and_then(|summary| {
            if summary.redacted {
                return wrong_state(format!("what was sealed in {} is erased", verb.incident));
            }
            one(verb.incident, IncidentRedacted {})
        }),
        Verb::RedactPerson(verb) => state.directory.redact(&verb.person),
        _ => return None,
    })
}

fn declare_incident(state: &State, declare: &Declare, context: &Context<'_>) -> Decision {
    at_most("alerts", declare.alerts.len(), DECLARED_ALERTS_MAX)?;
    if declare
        .impact_start
        .is_some_and(|start| is_ahead(start, context))
    {
        return out_of_range("impact_start lies in the future".to_owned());
    }
    let Some(number) = state.incidents_declared.checked_add(1) else {
        return Err(Refusal::new(
            Reason::TooMany,
            "there are 2^32 incidents already",
        ));
    };
    let id = IncidentId::from_number(number);
    let template = declare.template.as_ref();
    let template = template.map(|name| state.runbooks.template(name));
    let template = template.transpose()?;
    let body = Declared {
        drill: declare.drill,
        impact_start: declare.impact_start,
        private: declare.private || template.is_some_and(|template| template.private),
        service: declare.service.clone(),
        severity: declare.severity,
        surroundings: surroundings::seen(state, declare.service.as_ref(), context.clock),
        template: declare.template.clone(),
        title: declare.title.clone().into(),
    };
    let mut drafts = vec![Draft::new(Subject::Incident(id), body)];
    if let Some(template) = &declare.template {
        drafts.extend(state.runbooks.beginning(template, id)?);
    }
    for alert in &declare.alerts {
        let moved_from = attachable(state, *alert, id, declare.drill)?;
        let body = AlertAttached {
            alert: *alert,
            moved_from,
        };
        drafts.push(Draft::new(Subject::Incident(id), body));
    }
    Ok(drafts)
}

/// Whether a time lies further ahead than clocks differ.
fn is_ahead(at: Timestamp, context: &Context<'_>) -> bool {
    at.ms_since(context.now) > 5 * 60_000
}

/// Times are said of closed incidents as well: some are known only afterwards.
fn stamp_time(state: &State, verb: &StampTime, context: &Context<'_>) -> Decision {
    let summary = known(state, verb.incident)?;
    let was = summary.times.get(&verb.stamp).map(|said| said.at);
    if was == verb.at {
        return wrong_state(match was {
            Some(at) => format!("it is said to be {at} already"),
            None => "nobody has said when that was".to_owned(),
        });
    }
    if verb.at.is_some_and(|at| is_ahead(at, context)) {
        return out_of_range("it lies in the future".to_owned());
    }
    let body = TimeStamped {
        at: verb.at,
        stamp: verb.stamp,
        was,
    };
    one(verb.incident, body)
}

fn acknowledge(state: &State, id: IncidentId) -> Decision {
    let summary = open(state, id)?;
    if let Some((at, actor)) = &summary.acknowledged {
        return wrong_state(format!("{id} was acknowledged by {actor} at {at}"));
    }
    one(id, Acknowledged {})
}

fn tell(state: &State, update: &Update, actor: &Actor) -> Decision {
    let summary = known(state, update.incident)?;
    roles::may_tell(summary, update.audience, actor)?;
    let status = update.status.unwrap_or(summary.status);
    let page = state
        .page
        .word(update.page.as_ref(), update.audience, status, summary)?;
    let text = Sealable::from(update.text.clone());
    let subject = Subject::Incident(update.incident);
    let mut drafts = vec![Draft::new(
        subject,
        Updated {
            audience: update.audience,
            page,
            text,
        },
    )];
    if let Some(to) = update.status
        && to != summary.status
    {
        drafts.extend(set_status(state, update.incident, to)?);
    }
    Ok(drafts)
}

fn set_status(state: &State, id: IncidentId, to: Status) -> Decision {
    let from = open(state, id)?.status;
    if to == Status::Resolved {
        return wrong_state(format!(
            "resolving is an act of its own: hereby resolve {id}"
        ));
    }
    if from == to {
        return wrong_state(format!("{id} has that status already"));
    }
    one(id, StatusChanged { from, to })
}

fn attach_alert(state: &State, attach: &Attach) -> Decision {
    let summary = open(state, attach.incident)?;
    let attached = state
        .incidents
        .get(&attach.incident)
        .map_or(0, |it| it.alerts.len());
    at_most("alerts of one incident", attached + 1, ATTACHED_ALERTS_MAX)?;
    let moved_from = attachable(state, attach.alert, attach.incident, summary.drill)?;
    one(
        attach.incident,
        AlertAttached {
            alert: attach.alert,
            moved_from,
        },
    )
}

/// Whether the alert can go to this incident; the incident it leaves, if it is in one.
fn attachable(
    state: &State,
    alert: AlertId,
    to: IncidentId,
    drill: bool,
) -> Result<Option<IncidentId>, Refusal> {
    let Some(known) = state.alerts.get(&alert) else {
        return Err(Refusal::new(
            Reason::NotFound,
            format!("there is no alert {alert}, or it ended more than a day ago: hereby alerts"),
        ));
    };
    if known.incident == Some(to) {
        return Err(Refusal::new(
            Reason::WrongState,
            format!("alert {alert} belongs to {to}"),
        ));
    }
    if known.drill != drill {
        return Err(Refusal::new(
            Reason::WrongState,
            "drills and real alerts are kept apart: one of the two is a drill",
        ));
    }
    Ok(known.incident)
}

fn create_silence(state: &State, silence: &Silence, context: &Context<'_>) -> Decision {
    check_matchers(&silence.matchers)?;
    let length_ms = silence.ends_at.ms_since(context.now);
    if !(1..=SILENCE_MAX_MS).contains(&length_ms) {
        return out_of_range("a silence ends in the future, within 30 days".to_owned());
    }
    let active = state
        .silences
        .values()
        .filter(|it| context.now < it.ends_at)
        .count();
    at_most("silences", active + 1, SILENCES_MAX)?;
    let name = numbered("sil", state.silences_created + 1)?;
    let body = SilenceCreated {
        ends_at: silence.ends_at,
        matchers: silence.matchers.clone(),
    };
    Ok(vec![Draft::new(Subject::Silence(name), body)])
}

fn check_matchers(matchers: &BTreeMap<Box<str>, Box<str>>) -> Result<(), Refusal> {
    let fits = |text: &str, max: usize| {
        !text.is_empty() && text.len() <= max && !text.chars().any(char::is_control)
    };
    if matchers.is_empty() {
        return Err(Refusal::new(
            Reason::OutOfRange,
            "a silence without a label would silence everything: name at least one",
        ));
    }
    at_most("labels", matchers.len(), MATCHERS_MAX)?;
    for (name, value) in matchers {
        if !fits(name, LABEL_NAME_BYTES_MAX) || !fits(value, LABEL_VALUE_BYTES_MAX) {
            return Err(Refusal::new(
                Reason::OutOfRange,
                "a label's name has 1 to 128 bytes and its value 1 to 512, on one line",
            ));
        }
    }
    Ok(())
}

fn schedule_maintenance(
    state: &State,
    verb: &ScheduleMaintenance,
    context: &Context<'_>,
) -> Decision {
    let length_ms = verb.ends_at.ms_since(verb.starts_at);
    let ahead_ms = verb.ends_at.ms_since(context.now);
    if length_ms < 1 || !(1..=MAINTENANCE_MAX_MS).contains(&ahead_ms) {
        return out_of_range(
            "a maintenance window ends after it starts, in the future, within 90 days".to_owned(),
        );
    }
    let active = state
        .maintenances
        .values()
        .filter(|it| context.now < it.ends_at)
        .count();
    at_most("maintenance windows", active + 1, MAINTENANCES_MAX)?;
    if let Some(plan) = &verb.page {
        state.page.check_plan(plan)?;
    }
    let name = numbered("mw", state.maintenances_scheduled + 1)?;
    let body = MaintenanceScheduled {
        ends_at: verb.ends_at,
        page: verb.page.clone(),
        service: verb.service.clone(),
        starts_at: verb.starts_at,
        title: verb.title.clone(),
    };
    Ok(vec![Draft::new(Subject::Maintenance(name), body)])
}

fn expect_heartbeat(state: &State, verb: &ExpectHeartbeat) -> Decision {
    let interval_fits = (1_000..=HEARTBEAT_MAX_MS).contains(&verb.interval_ms);
    if !interval_fits || verb.grace_ms > HEARTBEAT_MAX_MS {
        return out_of_range(
            "interval_ms lies between 1,000 (a second) and 604,800,000 (a week), grace_ms at most \
             there"
                .to_owned(),
        );
    }
    if !state.heartbeats.contains_key(&verb.heartbeat) {
        at_most("heartbeats", state.heartbeats.len() + 1, HEARTBEATS_MAX)?;
    }
    let body = HeartbeatExpected {
        grace_ms: verb.grace_ms,
        interval_ms: verb.interval_ms,
        service: verb.service.clone(),
        severity: verb.severity,
    };
    Ok(vec![Draft::new(
        Subject::Heartbeat(verb.heartbeat.clone()),
        body,
    )])
}

pub(crate) fn one(id: IncidentId, body: impl Into<record::kinds::Body>) -> Decision {
    Ok(vec![Draft::new(Subject::Incident(id), body)])
}

pub(crate) fn known(state: &State, id: IncidentId) -> Result<&Summary, Refusal> {
    state.summary(id).ok_or_else(|| {
        Refusal::new(
            Reason::NotFound,
            format!("there is no {id}: hereby incidents lists them"),
        )
    })
}

/// The whole incident. One that was closed long ago is handed in with the context, read back from
/// its acts.
pub(crate) fn whole<'a>(
    state: &'a State,
    context: &Context<'a>,
    id: IncidentId,
) -> Result<&'a Incident, Refusal> {
    known(state, id)?;
    let recalled = context
        .recalled
        .filter(|incident| incident.summary.id == id);
    state.incidents.get(&id).or(recalled).ok_or_else(|| {
        Refusal::new(
            Reason::Overloaded,
            format!("what happened in {id} was not read back: try again"),
        )
    })
}

pub(crate) fn open(state: &State, id: IncidentId) -> Result<&Summary, Refusal> {
    let summary = known(state, id)?;
    match summary.resolved_at {
        None => Ok(summary),
        Some(at) => Err(Refusal::new(
            Reason::WrongState,
            format!("{id} was resolved at {at}: hereby reopen {id} if it is not over"),
        )),
    }
}

fn listed<T>(map: &BTreeMap<Name, T>, name: &Name, what: &str) -> Result<(), Refusal> {
    if map.contains_key(name) {
        return Ok(());
    }
    Err(Refusal::new(
        Reason::NotFound,
        format!("there is no {what} {name}, or it has ended"),
    ))
}

fn numbered(prefix: &str, number: u32) -> Result<Name, Refusal> {
    format!("{prefix}-{number}")
        .parse()
        .map_err(|bad| Refusal::new(Reason::TooMany, format!("no name is left: {bad}")))
}
