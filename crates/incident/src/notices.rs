//! Telling subscribers what was said to the public: who is told, and what became of it.
//!
//! Whoever gets a notice is fixed by the act that sends it: those who come later don't, and whoever
//! leaves in between is counted as not delivered. So done, failed and unknown add up to the number
//! in that act, always. How it is delivered is decided elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use base::{ActId, Actor, IncidentId, Name, Timestamp};
use record::act::{Act, Subject};
use record::command::{ReportNotice, RetryNotice, SendNotice, Verb};
use record::kinds::Body;
use record::kinds::incident::{Audience, BlobRef};
use record::kinds::subscriber::{Channel, NoticeDelivered, NoticeRetried, NoticeSent};
use serde::{Deserialize, Serialize};

use crate::commands::known;
use crate::refusal::{at_most, needs_reason, out_of_range, wrong_state};
use crate::{Context, Draft, Reason, Refusal, State, Subscriber, Subscribers};

/// Notices that are being delivered at once.
const RUNNING_MAX: usize = 16;

/// The last notices that are kept in memory once they were delivered.
const KEPT_MAX: usize = 500;

/// The most components that one notice is about.
const COMPONENTS_MAX: usize = 64;

/// Everything that subscribers were told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notices {
    /// Those that are being delivered, and the last ones that were, by number.
    pub known: BTreeMap<u32, Notice>,
    /// How many were ever sent.
    pub sent: u32,
}

/// An update on its way to subscribers, or there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The act that sent it.
    pub act: ActId,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// Of which incident.
    pub incident: IncidentId,
    /// What it is about; none: everything.
    pub components: BTreeSet<Name>,
    /// How many people get it by mail.
    pub mail: u32,
    /// Who gets it, by number, in order; empty once it was reported.
    pub recipients: Vec<u32>,
    /// What became of it, as the last report says.
    pub report: Option<Report>,
    /// Which delivery of it is the last that was begun, from 1.
    pub round: u32,
    /// The act that said it to the public.
    pub update: ActId,
    /// How many programs get it.
    pub webhook: u32,
}

/// What became of a notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// When it was said.
    pub at: Timestamp,
    /// Taken by the next server.
    pub done: u32,
    /// Not delivered, for a reason that is known.
    pub failed: u32,
    /// The outcome of each, by number.
    pub outcomes: BlobRef,
    /// Which delivery it is about.
    pub round: u32,
    /// Begun, and nobody can say.
    pub unknown: u32,
}

impl Notice {
    /// How many get it.
    pub fn people(&self) -> u32 {
        self.mail.saturating_add(self.webhook)
    }

    /// Whether it is being delivered.
    pub fn is_running(&self) -> bool {
        self.report
            .as_ref()
            .is_none_or(|report| report.round < self.round)
    }
}

/// Those who are told of something about these components, by number.
pub fn concerned<'a>(
    subscribers: &'a Subscribers,
    about: &'a BTreeSet<Name>,
) -> impl Iterator<Item = (u32, &'a Subscriber)> {
    let all = subscribers.known.iter();
    all.filter(|(_, known)| known.wants(about))
        .map(|(number, known)| (*number, known))
}

fn notice_name(number: u32) -> Result<Name, Refusal> {
    format!("ntc-{number}")
        .parse()
        .map_err(|bad| Refusal::new(Reason::TooMany, format!("no name is left: {bad}")))
}

fn notice_number(name: &Name) -> Option<u32> {
    let digits = name.as_str().strip_prefix("ntc-")?;
    digits.parse().ok()
}

impl Notices {
    /// Folds in an act on an incident. `subscribers` are those of that moment.
    pub(crate) fn apply(&mut self, incident: IncidentId, act: &Act, subscribers: &Subscribers) {
        match &act.body {
            Body::NoticeSent(sent) => {
                let Some(number) = notice_number(&sent.notice) else {
                    return;
                };
                let recipients = concerned(subscribers, &sent.components);
                let notice = Notice {
                    act: act.id,
                    at: act.at,
                    by: act.actor.clone(),
                    incident,
                    components: sent.components.clone(),
                    mail: sent.mail,
                    recipients: recipients.map(|(number, _)| number).collect(),
                    report: None,
                    round: 1,
                    update: sent.update,
                    webhook: sent.webhook,
                };
                self.known.insert(number, notice);
                self.sent = self.sent.max(number);
            }
            Body::NoticeDelivered(delivered) => {
                let report = Report {
                    at: act.at,
                    done: delivered.done,
                    failed: delivered.failed,
                    outcomes: delivered.outcomes.clone(),
                    round: delivered.round,
                    unknown: delivered.unknown,
                };
                if let Some(notice) = self.find_mut(&delivered.notice) {
                    notice.report = Some(report);
                    notice.recipients = Vec::new();
                }
                self.let_old_ones_go();
            }
            Body::NoticeRetried(retried) => {
                if let Some(notice) = self.find_mut(&retried.notice) {
                    notice.round = retried.round;
                }
            }
            _ => {}
        }
    }

    fn find_mut(&mut self, name: &Name) -> Option<&mut Notice> {
        self.known.get_mut(&notice_number(name)?)
    }

    fn let_old_ones_go(&mut self) {
        while self.known.len() > KEPT_MAX {
            let over = self.known.iter().find(|(_, notice)| !notice.is_running());
            let Some(oldest) = over.map(|(number, _)| *number) else {
                return;
            };
            self.known.remove(&oldest);
        }
    }

    /// The notice with this name.
    ///
    /// # Errors
    /// When there is none, or it was sent long ago.
    pub fn named(&self, name: &Name) -> Result<&Notice, Refusal> {
        let known = notice_number(name).and_then(|number| self.known.get(&number));
        known.ok_or_else(|| {
            Refusal::new(
                Reason::NotFound,
                format!("there is no notice {name}, or it is long past: hereby notices"),
            )
        })
    }

    /// Those that are being delivered, with their names.
    pub fn running(&self) -> impl Iterator<Item = (Name, &Notice)> {
        let running = self.known.iter().filter(|(_, notice)| notice.is_running());
        running.filter_map(|(number, notice)| Some((notice_name(*number).ok()?, notice)))
    }
}

/// Decides on a command about notices; `None` for those about anything else.
pub(crate) fn decide(
    state: &State,
    verb: &Verb,
    context: &Context<'_>,
) -> Option<Result<Vec<Draft>, Refusal>> {
    Some(match verb {
        Verb::SendNotice(verb) => send(state, verb, context),
        Verb::ReportNotice(verb) => report(state, verb, context),
        Verb::RetryNotice(verb) => retry(state, verb, context),
        _ => return None,
    })
}

fn send(state: &State, verb: &SendNotice, context: &Context<'_>) -> Result<Vec<Draft>, Refusal> {
    let summary = known(state, verb.incident)?;
    crate::roles::may_tell(summary, Audience::Public, context.actor)?;
    if summary.drill {
        return wrong_state(format!(
            "{} is a drill: nobody outside is told of it",
            verb.incident
        ));
    }
    at_most("components", verb.components.len(), COMPONENTS_MAX)?;
    at_most(
        "notices on their way",
        state.notices.running().count() + 1,
        RUNNING_MAX,
    )?;
    let mut all = state.notices.known.iter();
    if let Some((number, _)) = all.find(|(_, notice)| notice.update == verb.update) {
        return wrong_state(format!(
            "this update was sent to subscribers as ntc-{number}"
        ));
    }
    let count = |channel: Channel| {
        let told = concerned(&state.subscribers, &verb.components);
        let count = told.filter(|(_, known)| known.channel == channel).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    let (mail, webhook) = (count(Channel::Mail), count(Channel::Webhook));
    if mail == 0 && webhook == 0 {
        return wrong_state("nobody has subscribed to this: there is nobody to tell".to_owned());
    }
    let body = NoticeSent {
        components: verb.components.clone(),
        mail,
        notice: notice_name(state.notices.sent.saturating_add(1))?,
        update: verb.update,
        webhook,
    };
    Ok(vec![Draft::new(Subject::Incident(verb.incident), body)])
}

/// The notice, if it belongs to this incident.
fn of_incident<'a>(
    state: &'a State,
    notice: &Name,
    incident: IncidentId,
) -> Result<&'a Notice, Refusal> {
    let found = state.notices.named(notice)?;
    match found.incident == incident {
        true => Ok(found),
        false => Err(Refusal::new(
            Reason::NotFound,
            format!("{notice} belongs to {}", found.incident),
        )),
    }
}

fn report(
    state: &State,
    verb: &ReportNotice,
    context: &Context<'_>,
) -> Result<Vec<Draft>, Refusal> {
    let notice = of_incident(state, &verb.notice, verb.incident)?;
    if !matches!(context.actor, Actor::System { .. }) {
        needs_reason(context, "what somebody says in hereby's stead")?;
    }
    if !notice.is_running() || verb.round != notice.round {
        return wrong_state(format!(
            "delivery {} of {} is not on its way",
            verb.round, verb.notice
        ));
    }
    let counts = [verb.done, verb.failed, verb.unknown];
    let said: u64 = counts.iter().copied().map(u64::from).sum();
    if said != u64::from(notice.people()) {
        return out_of_range(format!(
            "{} went to {}, and these outcomes are {said}: every one counts",
            verb.notice,
            notice.people()
        ));
    }
    let body = NoticeDelivered {
        done: verb.done,
        failed: verb.failed,
        notice: verb.notice.clone(),
        outcomes: verb.outcomes.clone(),
        round: verb.round,
        unknown: verb.unknown,
    };
    Ok(vec![Draft::new(Subject::Incident(verb.incident), body)])
}

fn retry(state: &State, verb: &RetryNotice, context: &Context<'_>) -> Result<Vec<Draft>, Refusal> {
    let notice = of_incident(state, &verb.notice, verb.incident)?;
    let summary = known(state, verb.incident)?;
    crate::roles::may_tell(summary, Audience::Public, context.actor)?;
    needs_reason(context, "sending what may have arrived once more")?;
    let unknown = notice.report.as_ref().map_or(0, |report| report.unknown);
    if notice.is_running() || unknown == 0 {
        return wrong_state(match notice.is_running() {
            true => format!("{} is on its way", verb.notice),
            false => format!("no outcome of {} is unknown", verb.notice),
        });
    }
    let body = NoticeRetried {
        count: unknown,
        notice: verb.notice.clone(),
        round: notice.round.saturating_add(1),
    };
    Ok(vec![Draft::new(Subject::Incident(verb.incident), body)])
}
