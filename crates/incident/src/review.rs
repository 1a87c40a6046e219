//! What follows an incident: findings, what is published of them, the meeting, and what is still to
//! be done.
//!
//! A finding stands until another one replaces it or it is withdrawn. Two people who replace the
//! same one at the same time lose nothing: both stand, until somebody settles it. So findings merge
//! whatever order they come in, and nobody's text is cut together with another's.
//!
//! Decisions are made here; what is read of all this is made in [`document`].

mod cast;
mod clocks;
mod customers;
mod deeds;
pub(crate) mod document;
mod executive;
mod findings;
mod followups;
pub(crate) mod html;
mod internal;
mod knowledge;
pub(crate) mod lint;
pub(crate) mod markdown;
mod names;
mod story;
mod words;

use std::collections::BTreeMap;

use base::{ActId, IncidentId, Line, Name, PersonName, Timestamp};
use record::act::Act;
use record::command::{
    CancelMeeting, ChangeFollowup, CloseFollowup, LinkTicket, OpenFollowup, PublishReview,
    ScheduleMeeting, StateFinding, TryTicket, Verb, WithdrawFinding,
};
use record::kinds::Body;
use record::kinds::review::{
    FindingStated, FindingWithdrawn, FollowupChanged, FollowupClosed, FollowupOpened,
    FollowupOutcome, MeetingCancelled, MeetingScheduled, ReviewAudience, ReviewPublished,
    TicketLinked, TicketTried,
};
use record::sealed::Sealable;
use serde::{Deserialize, Serialize};

use crate::commands::{Decision, known, one, whole};
use crate::refusal::{at_most, needs_reason, out_of_range, wrong_state};
use crate::roles::named;
use crate::{Context, Reason, Refusal, State};

const FINDINGS_MAX: usize = 2_000;
const CITES_MAX: usize = 32;
const REPLACES_MAX: usize = 16;
const FOLLOWUPS_OPEN_MAX: usize = 5_000;
const FOLLOWUPS_MAX: u32 = 200;
const MINUTES: std::ops::RangeInclusive<u32> = 5..=1_440;
const AHEAD_MAX_MS: i64 = 730 * 86_400_000;

/// How often an owner is reminded of what is overdue: every week.
pub(crate) const REMIND_EVERY_MS: i64 = 7 * 86_400_000;

/// The review of one incident, as far as decisions need it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Every finding, and whether it stands.
    pub findings: BTreeMap<ActId, bool>,
    /// When which review was published last.
    pub published: BTreeMap<ReviewAudience, Timestamp>,
    /// How many follow-ups were ever opened.
    pub followups_opened: u32,
    /// When people meet, if they do.
    pub meeting: Option<Meeting>,
    /// How often the meeting was changed.
    pub meeting_changes: u32,
}

/// When people meet to follow up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meeting {
    /// The act that says so.
    pub act: ActId,
    /// How long, in minutes.
    pub minutes: u32,
    /// iCalendar's `SEQUENCE`.
    pub sequence: u32,
    /// From when.
    pub starts_at: Timestamp,
}

/// Something still to be done after an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followup {
    /// The act that opened it.
    pub act: ActId,
    /// Until when.
    pub due_at: Timestamp,
    /// Who sees to it.
    pub owner: PersonName,
    /// How often its owner was reminded.
    pub reminders: u32,
    /// When its owner is reminded next.
    pub remind_at: Timestamp,
    /// When somebody was last about to open a ticket for it.
    pub tried_at: Option<Timestamp>,
    /// When somebody was before them. Whoever comes second looks for that ticket first.
    pub tried_before: Option<Timestamp>,
    /// The ticket that it is as well: the tracker, the ticket, where it is seen.
    pub ticket: Option<(Name, Line, Line)>,
}

/// Follow-ups that are open, by incident and number.
pub type Followups = BTreeMap<IncidentId, BTreeMap<u32, Followup>>;

impl Review {
    pub(crate) fn apply(&mut self, act: &Act) {
        match &act.body {
            Body::FindingStated(stated) => {
                for replaced in &stated.replaces {
                    self.findings.insert(*replaced, false);
                }
                self.findings.insert(act.id, true);
            }
            Body::FindingWithdrawn(withdrawn) => {
                self.findings.insert(withdrawn.finding, false);
            }
            Body::ReviewPublished(published) => {
                self.published.insert(published.audience, act.at);
            }
            Body::MeetingScheduled(scheduled) => {
                self.meeting_changes = scheduled.sequence + 1;
                self.meeting = Some(Meeting {
                    act: act.id,
                    minutes: scheduled.minutes,
                    sequence: scheduled.sequence,
                    starts_at: scheduled.starts_at,
                });
            }
            Body::MeetingCancelled(cancelled) => {
                self.meeting_changes = cancelled.sequence + 1;
                self.meeting = None;
            }
            Body::FollowupOpened(opened) => {
                self.followups_opened = self.followups_opened.max(opened.followup);
            }
            _ => {}
        }
    }
}

/// Whether an act changes nothing of an incident but that it was touched, so that one that left memory
/// need not come back for it. What is left to do is kept apart.
pub(crate) fn is_light(body: &Body) -> bool {
    matches!(
        body,
        Body::FollowupChanged(_)
            | Body::FollowupClosed(_)
            | Body::FollowupReminded(_)
            | Body::TicketTried(_)
            | Body::TicketLinked(_)
            | Body::NoticeSent(_)
            | Body::NoticeDelivered(_)
            | Body::NoticeRetried(_)
    )
}

/// Folds an act on this incident into what is still to be done.
pub(crate) fn follow(followups: &mut Followups, id: IncidentId, act: &Act) {
    if let Body::FollowupOpened(opened) = &act.body {
        let followup = Followup {
            act: act.id,
            due_at: opened.due_at,
            owner: opened.owner.clone(),
            reminders: 0,
            remind_at: opened.due_at,
            tried_at: None,
            tried_before: None,
            ticket: None,
        };
        followups
            .entry(id)
            .or_default()
            .insert(opened.followup, followup);
        return;
    }
    let Some(of_incident) = followups.get_mut(&id) else {
        return;
    };
    match &act.body {
        Body::FollowupChanged(changed) => {
            if let Some(followup) = of_incident.get_mut(&changed.followup) {
                followup.due_at = changed.due_at;
                followup.remind_at = changed.due_at;
                followup.owner = changed.owner.clone();
            }
        }
        Body::FollowupReminded(reminded) => {
            if let Some(followup) = of_incident.get_mut(&reminded.followup) {
                followup.reminders = reminded.count;
                followup.remind_at = reminded.next_at;
            }
        }
        Body::TicketTried(tried) => {
            if let Some(followup) = of_incident.get_mut(&tried.followup) {
                followup.tried_before = followup.tried_at;
                followup.tried_at = Some(act.at);
            }
        }
        Body::TicketLinked(linked) => {
            if let Some(followup) = of_incident.get_mut(&linked.followup) {
                followup.ticket = Some((
                    linked.tracker.clone(),
                    linked.ticket.clone(),
                    linked.url.clone(),
                ));
            }
        }
        Body::FollowupClosed(closed) => {
            of_incident.remove(&closed.followup);
        }
        _ => {}
    }
    if of_incident.is_empty() {
        followups.remove(&id);
    }
}

/// Decides on a command about the review; `None` for those about anything else.
pub(crate) fn decide(state: &State, verb: &Verb, context: &Context<'_>) -> Option<Decision> {
    Some(match verb {
        Verb::StateFinding(verb) => state_finding(state, verb, context),
        Verb::WithdrawFinding(verb) => withdraw_finding(state, verb, context),
        Verb::PublishReview(verb) => publish(state, verb, context),
        Verb::ScheduleMeeting(verb) => schedule_meeting(state, verb, context),
        Verb::CancelMeeting(verb) => cancel_meeting(state, verb, context),
        Verb::OpenFollowup(verb) => open_followup(state, verb, context),
        Verb::ChangeFollowup(verb) => change_followup(state, verb, context),
        Verb::CloseFollowup(verb) => close_followup(state, verb, context),
        Verb::TryTicket(verb) => try_ticket(state, verb),
        Verb::LinkTicket(verb) => link_ticket(state, verb),
        _ => return None,
    })
}

fn review<'a>(
    state: &'a State,
    context: &Context<'a>,
    id: IncidentId,
) -> Result<&'a Review, Refusal> {
    whole(state, context, id).map(|incident| &incident.review)
}

fn no_finding(id: IncidentId) -> Refusal {
    Refusal::new(
        Reason::NotFound,
        format!("the review of {id} has no such finding: hereby review {id}"),
    )
}

fn state_finding(state: &State, verb: &StateFinding, context: &Context<'_>) -> Decision {
    let review = review(state, context, verb.incident)?;
    at_most("findings", review.findings.len() + 1, FINDINGS_MAX)?;
    at_most("acts cited", verb.cites.len(), CITES_MAX)?;
    at_most("findings replaced", verb.replaces.len(), REPLACES_MAX)?;
    let is_known = |finding| review.findings.contains_key(finding);
    if !verb.replaces.iter().all(is_known) {
        return Err(no_finding(verb.incident));
    }
    let body = FindingStated {
        cites: verb.cites.clone(),
        reach: verb.reach,
        replaces: verb.replaces.clone(),
        section: verb.section,
        text: verb.text.clone().into(),
    };
    one(verb.incident, body)
}

fn withdraw_finding(state: &State, verb: &WithdrawFinding, context: &Context<'_>) -> Decision {
    match review(state, context, verb.incident)?
        .findings
        .get(&verb.finding)
    {
        Some(true) => {
            let finding = verb.finding;
            one(verb.incident, FindingWithdrawn { finding })
        }
        Some(false) => wrong_state("it does not stand any more".to_owned()),
        None => Err(no_finding(verb.incident)),
    }
}

fn publish(state: &State, verb: &PublishReview, context: &Context<'_>) -> Decision {
    let summary = known(state, verb.incident)?;
    if summary.is_open() {
        return wrong_state(format!(
            "{0} goes on: a review is published when it is over (hereby resolve {0})",
            verb.incident
        ));
    }
    if summary.ever_operated().next().is_some()
        && let Some(person) = named(context.actor, "operations don't publish")?
        && summary.ever_operated().any(|it| it == person)
        && !summary.waived.contains(person)
    {
        return Err(Refusal::new(
            Reason::RoleConflict,
            format!(
                "{person} was operations of {}: operations don't publish. Ask whoever had \
                 communications",
                summary.id
            ),
        ));
    }
    let body = ReviewPublished {
        audience: verb.audience,
        document: verb.document.clone(),
    };
    one(verb.incident, body)
}

fn schedule_meeting(state: &State, verb: &ScheduleMeeting, context: &Context<'_>) -> Decision {
    let review = review(state, context, verb.incident)?;
    let ahead_ms = verb.starts_at.ms_since(context.now);
    if !MINUTES.contains(&verb.minutes) || !(0..=AHEAD_MAX_MS).contains(&ahead_ms) {
        return out_of_range(
            "a meeting takes 5 to 1,440 minutes and lies ahead, within two years".to_owned(),
        );
    }
    let body = MeetingScheduled {
        minutes: verb.minutes,
        place: verb.place.clone().map(Sealable::from),
        sequence: review.meeting_changes,
        starts_at: verb.starts_at,
    };
    one(verb.incident, body)
}

fn cancel_meeting(state: &State, verb: &CancelMeeting, context: &Context<'_>) -> Decision {
    let review = review(state, context, verb.incident)?;
    if review.meeting.is_none() {
        return wrong_state("no meeting is scheduled".to_owned());
    }
    let sequence = review.meeting_changes;
    one(verb.incident, MeetingCancelled { sequence })
}

fn check_due(due_at: Timestamp, context: &Context<'_>) -> Result<(), Refusal> {
    match due_at.ms_since(context.now) {
        1..=AHEAD_MAX_MS => Ok(()),
        _ => out_of_range("it is due ahead, within two years".to_owned()),
    }
}

fn open_followup(state: &State, verb: &OpenFollowup, context: &Context<'_>) -> Decision {
    let opened = review(state, context, verb.incident)?.followups_opened;
    let open = state.followups.values().map(BTreeMap::len).sum::<usize>();
    at_most("open follow-ups", open + 1, FOLLOWUPS_OPEN_MAX)?;
    at_most(
        "follow-ups of one incident",
        opened as usize + 1,
        FOLLOWUPS_MAX as usize,
    )?;
    check_due(verb.due_at, context)?;
    let body = FollowupOpened {
        due_at: verb.due_at,
        followup: opened + 1,
        owner: verb.owner.clone(),
        text: verb.text.clone().into(),
    };
    one(verb.incident, body)
}

fn open_one(state: &State, id: IncidentId, number: u32) -> Result<&Followup, Refusal> {
    known(state, id)?;
    let found = state.followups.get(&id).and_then(|all| all.get(&number));
    found.ok_or_else(|| {
        Refusal::new(
            Reason::NotFound,
            format!("{id} has no open follow-up {number}: hereby followups"),
        )
    })
}

fn change_followup(state: &State, verb: &ChangeFollowup, context: &Context<'_>) -> Decision {
    let before = open_one(state, verb.incident, verb.followup)?;
    if let Some(due_at) = verb.due_at {
        check_due(due_at, context)?;
        if due_at > before.due_at {
            needs_reason(context, "a follow-up that is put off")?;
        }
    }
    let body = FollowupChanged {
        due_at: verb.due_at.unwrap_or(before.due_at),
        followup: verb.followup,
        owner: verb.owner.clone().unwrap_or_else(|| before.owner.clone()),
    };
    if body.due_at == before.due_at && body.owner == before.owner {
        return wrong_state("nothing would change".to_owned());
    }
    one(verb.incident, body)
}

fn close_followup(state: &State, verb: &CloseFollowup, context: &Context<'_>) -> Decision {
    open_one(state, verb.incident, verb.followup)?;
    if verb.outcome == FollowupOutcome::Dropped {
        needs_reason(context, "a follow-up that is dropped")?;
    }
    let body = FollowupClosed {
        followup: verb.followup,
        outcome: verb.outcome,
    };
    one(verb.incident, body)
}

/// Several may be about to open it: each sees on the record who was before them, and looks for that
/// ticket before they open one.
fn try_ticket(state: &State, verb: &TryTicket) -> Decision {
    let followup = open_one(state, verb.incident, verb.followup)?;
    if let Some((tracker, ticket, url)) = &followup.ticket {
        return wrong_state(format!("it is {ticket} of {tracker}: {url}"));
    }
    let body = TicketTried {
        followup: verb.followup,
        tracker: verb.tracker.clone(),
    };
    one(verb.incident, body)
}

fn link_ticket(state: &State, verb: &LinkTicket) -> Decision {
    let before = open_one(state, verb.incident, verb.followup)?;
    if !verb.url.as_str().starts_with("https://") && !verb.url.as_str().starts_with("http://") {
        return out_of_range("a ticket is seen at an address that begins with https://".to_owned());
    }
    let ticket = (verb.tracker.clone(), verb.ticket.clone(), verb.url.clone());
    if before.ticket.as_ref() == Some(&ticket) {
        return wrong_state("it is that ticket already".to_owned());
    }
    let body = TicketLinked {
        followup: verb.followup,
        ticket: verb.ticket.clone(),
        tracker: verb.tracker.clone(),
        url: verb.url.clone(),
    };
    one(verb.incident, body)
}
