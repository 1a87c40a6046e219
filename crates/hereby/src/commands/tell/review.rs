//! What comes after an incident, in words: findings, what is published, the meeting, follow-ups;
//! and what is written down before the next one: runbooks and templates.

use base::ActId;
use record::act::Act;
use record::kinds::Body;
use record::kinds::review::{FindingStated, FollowupOutcome, ReviewAudience, Section};

use super::{Told, opened, plain, said};
use crate::say::{Style, counted, stamp};

/// The part of the review in words.
fn section(section: Section) -> &'static str {
    match section {
        Section::Abstract => "abstract",
        Section::Problem => "problem",
        Section::Impact => "impact",
        Section::ContributingFactor => "contributing factor",
        Section::SoonerDetection => "sooner detection",
        Section::Worked => "what worked",
        Section::NearMiss => "near miss",
        Section::Learned => "learned",
        Section::CustomersWhat => "for customers: what happened",
        Section::CustomersData => "for customers: their data",
        Section::CustomersActions => "for customers: what is done",
        Section::CustomersNext => "for customers: the next word",
        Section::ResidualRisk => "residual risk",
    }
}

fn readers(audience: ReviewAudience) -> &'static str {
    match audience {
        ReviewAudience::Internal => "insiders",
        ReviewAudience::Customers => "customers",
        ReviewAudience::Executive => "executives",
    }
}

fn short(act: ActId) -> String {
    act.to_string().chars().take(8).collect()
}

pub(super) fn told(act: &Act) -> Option<Told> {
    Some(match &act.body {
        Body::FindingStated(body) => stated(body),
        Body::FindingWithdrawn(body) => plain(format!(
            "took finding {} out of the review",
            short(body.finding)
        )),
        Body::ReviewPublished(body) => Told {
            style: Style::Bold,
            ..plain(format!(
                "published the review for {}",
                readers(body.audience)
            ))
        },
        Body::MeetingScheduled(body) => {
            let again = if body.sequence > 0 { "moved" } else { "set" };
            let deed = format!(
                "{again} the follow-up meeting: {}, {}",
                stamp(body.starts_at),
                counted(body.minutes, "minute")
            );
            Told {
                text: body.place.as_ref().map(opened),
                ..plain(deed)
            }
        }
        Body::MeetingCancelled(_) => plain("called the follow-up meeting off"),
        _ => return followups(act).or_else(|| prepared(act)),
    })
}

fn stated(body: &FindingStated) -> Told {
    let mut deed = format!("said in the review ({})", section(body.section));
    if !body.replaces.is_empty() {
        let replaced: Vec<String> = body.replaces.iter().copied().map(short).collect();
        deed.push_str(&format!(", instead of {}", replaced.join(" and ")));
    }
    said(deed, opened(&body.text))
}

fn followups(act: &Act) -> Option<Told> {
    Some(match &act.body {
        Body::FollowupOpened(body) => said(
            format!(
                "opened follow-up {} for {}, due {}",
                body.followup,
                body.owner,
                stamp(body.due_at)
            ),
            opened(&body.text),
        ),
        Body::FollowupChanged(body) => plain(format!(
            "changed follow-up {}: {} sees to it until {}",
            body.followup,
            body.owner,
            stamp(body.due_at)
        )),
        Body::FollowupClosed(body) => plain(match body.outcome {
            FollowupOutcome::Done => format!("said that follow-up {} is done", body.followup),
            FollowupOutcome::Dropped => format!("dropped follow-up {}", body.followup),
        }),
        Body::FollowupReminded(body) => Told {
            style: Style::Warning,
            ..plain(format!(
                "reminded people: follow-up {} is overdue (no. {})",
                body.followup, body.count
            ))
        },
        Body::TicketTried(body) => plain(format!(
            "set out to open a ticket for follow-up {} in {}",
            body.followup, body.tracker
        )),
        Body::TicketLinked(body) => said(
            format!(
                "linked follow-up {} to {} in {}",
                body.followup, body.ticket, body.tracker
            ),
            body.url.to_string(),
        ),
        _ => return None,
    })
}

fn prepared(act: &Act) -> Option<Told> {
    Some(match &act.body {
        Body::RunbookSaved(body) => said(
            format!("saved the runbook, {}", counted(body.steps.len(), "step")),
            body.title.to_string(),
        ),
        Body::RunbookRemoved(_) => plain("removed the runbook"),
        Body::TemplateSaved(body) => Told {
            text: body.title.as_ref().map(ToString::to_string),
            ..plain("saved the template")
        },
        Body::TemplateRemoved(_) => plain("removed the template"),
        _ => return None,
    })
}
