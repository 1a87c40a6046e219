//! The work in an incident in words.

use record::act::Act;
use record::kinds::Body;
use record::kinds::work::{
    DataHarm, FileAttached, ImpactStated, Relation, StepOutcome, TaskOutcome, Verification,
};

use super::{Told, audience, is_by, opened, plain, said, span};
use crate::commands::{files, money};
use crate::say::{Style, counted, stamp};

/// `a duplicate of`, `caused by`, `related to`: behind "is".
pub(in crate::commands) fn relation(relation: Relation) -> &'static str {
    match relation {
        Relation::CausedBy => "caused by",
        Relation::DuplicateOf => "a duplicate of",
        Relation::RelatedTo => "related to",
    }
}

/// How sure it is where a file came from.
pub(in crate::commands) fn verification(verification: Verification) -> &'static str {
    match verification {
        Verification::Signed => "signed",
        Verification::Attested => "attested",
        Verification::UnverifiedSource => "unverified",
    }
}

/// What an incident did: `1200 customers were hurt; it cost EUR 1200.50; no data was harmed`.
/// Nothing where nobody said anything.
pub(in crate::commands) fn impact(impact: &ImpactStated) -> String {
    let customers = impact.customers.map(|customers| match customers {
        1 => "1 customer was hurt".to_owned(),
        _ => format!("{} were hurt", counted(customers, "customer")),
    });
    let cost = impact.cost_minor.zip(impact.currency);
    let cost = cost.map(|(minor, currency)| format!("it cost {}", money::amount(minor, currency)));
    let data = impact.data.map(|data| match data {
        DataHarm::None => "no data was harmed".to_owned(),
        DataHarm::Read => "data was read by who should not".to_owned(),
        DataHarm::Changed => "data was changed".to_owned(),
        DataHarm::Lost => "data was lost".to_owned(),
    });
    let parts: Vec<String> = [customers, cost, data].into_iter().flatten().collect();
    parts.join("; ")
}

pub(super) fn told(act: &Act) -> Option<Told> {
    Some(match &act.body {
        Body::IncidentJoined(body) => plain(match is_by(act, &body.person) {
            true => "joined".to_owned(),
            false => format!("brought {} in", body.person),
        }),
        Body::IncidentLeft(body) => plain(match is_by(act, &body.person) {
            true => "left".to_owned(),
            false => format!("said that {} left", body.person),
        }),
        Body::IncidentDecided(body) => {
            let mut text = opened(&body.decision);
            if !body.options.is_empty() {
                let options: Vec<String> = body.options.iter().map(opened).collect();
                text.push_str(&format!("\nconsidered: {}", options.join("; ")));
            }
            Told {
                style: Style::Bold,
                ..said("decided", text)
            }
        }
        Body::IncidentAsked(body) => {
            let whom = body.person.as_ref().map(|person| format!(" {person}"));
            let deed = format!(
                "asked{} (question {})",
                whom.unwrap_or_default(),
                body.question
            );
            said(deed, opened(&body.text))
        }
        Body::IncidentAnswered(body) => said(
            format!("answered question {}", body.question),
            opened(&body.text),
        ),
        Body::IncidentFileAttached(body) => attached(body),
        Body::IncidentRelated(body) => plain(format!(
            "said that it is {} {}",
            relation(body.relation),
            body.to
        )),
        Body::IncidentCorrected(body) => {
            let id: String = body.act.to_string().chars().take(8).collect();
            said(format!("corrected act {id}"), opened(&body.text))
        }
        Body::IncidentCaughtUp(body) => {
            let first = counted(body.acts, "act");
            plain(match is_by(act, &body.person) {
                true => format!("has read its first {first}"),
                false => format!("said that {} has read its first {first}", body.person),
            })
        }
        Body::IncidentImpactStated(body) => said("said what it did", impact(body)),
        Body::IncidentRedacted(_) => Told {
            style: Style::Bad,
            ..plain("erased what was sealed in it")
        },
        _ => return tasks(act).or_else(|| steps(act)),
    })
}

fn attached(body: &FileAttached) -> Told {
    let name = body.name.as_ref();
    let name = name.map_or_else(|| "a file".to_owned(), opened);
    let text = format!(
        "{name}, from: {} ({})\n[{}, sha256 {}]",
        opened(&body.source),
        verification(body.verification),
        counted(body.bytes, "byte"),
        files::hex(&body.sha256),
    );
    said("attached", text)
}

fn tasks(act: &Act) -> Option<Told> {
    Some(match &act.body {
        Body::IncidentTaskOpened(body) => {
            let whose = body.owner.as_ref().map(|owner| format!(" for {owner}"));
            let deed = format!("opened task {}{}", body.task, whose.unwrap_or_default());
            said(deed, opened(&body.text))
        }
        Body::IncidentTaskAssigned(body) => {
            let was = body.was.as_ref().map(|was| format!(" instead of {was}"));
            plain(format!(
                "gave task {} to {}{}",
                body.task,
                body.owner,
                was.unwrap_or_default()
            ))
        }
        Body::IncidentTaskClosed(body) => plain(match body.outcome {
            TaskOutcome::Done => format!("said that task {} is done", body.task),
            TaskOutcome::Dropped => format!("dropped task {}", body.task),
        }),
        Body::IncidentContactNamed(body) => said(
            format!("named whom to speak to (contact {})", body.contact),
            format!("{}: {}", opened(&body.about), opened(&body.who)),
        ),
        Body::IncidentContactRemoved(body) => {
            plain(format!("removed point of contact {}", body.contact))
        }
        _ => return None,
    })
}

fn steps(act: &Act) -> Option<Told> {
    Some(match &act.body {
        Body::IncidentChecklistStarted(body) => plain(format!(
            "started checklist {} from {}, {}",
            body.checklist,
            body.runbook,
            counted(body.steps.len(), "step")
        )),
        Body::IncidentStepTicked(body) => {
            let (checklist, step) = (body.checklist, body.step);
            plain(match body.outcome {
                StepOutcome::Done => format!("did step {step} of checklist {checklist}"),
                StepOutcome::Skipped => format!("left out step {step} of checklist {checklist}"),
            })
        }
        Body::IncidentUpdateClockSet(body) => {
            let whom = audience(body.audience);
            plain(match body.every_ms {
                Some(every_ms) => {
                    format!("set the clock: {whom} hear of it every {}", span(every_ms))
                }
                None => format!("stopped the clock of {whom}"),
            })
        }
        Body::IncidentUpdateOverdue(body) => Told {
            style: Style::Warning,
            ..plain(format!(
                "reminded people: word to {} was due {}",
                audience(body.audience),
                stamp(body.due_at)
            ))
        },
        _ => return None,
    })
}
