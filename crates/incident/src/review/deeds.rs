//! An act of an incident in words without names: what was done, behind who did it. What a person
//! said with it stands apart, word for word.

use base::{PersonName, Timestamp};
use record::act::Act;
use record::hash::Hash;
use record::kinds::Body;
use record::kinds::incident::{BlobRef, Stamp};
use record::kinds::work::{ImpactStated, Relation, StepOutcome, TaskOutcome, Verification};

use super::story::Story;
use super::words;

/// What was done, and what was said with it.
pub(super) type Deed = (String, Option<String>);

/// The act in words.
pub(super) fn deed(story: &Story<'_>, act: &Act) -> Deed {
    spine(story, act)
        .or_else(|| roles(story, act))
        .or_else(|| work(story, act))
        .or_else(|| of_tasks(story, act))
        .or_else(|| of_rooms(act))
        .or_else(|| of_versions(act))
        .or_else(|| contained(act))
        .unwrap_or_else(|| match &act.body {
            Body::Unknown(unknown) => (
                format!("{} (of a later version)", unknown.kind),
                Some(unknown.json.get().to_owned()),
            ),
            other => (other.kind().to_owned(), None),
        })
}

/// Whether the act belongs to what comes after: the review has chapters of its own for those.
pub(super) fn comes_after(body: &Body) -> bool {
    matches!(
        body,
        Body::FindingStated(_)
            | Body::FindingWithdrawn(_)
            | Body::ReviewPublished(_)
            | Body::MeetingScheduled(_)
            | Body::MeetingCancelled(_)
            | Body::FollowupOpened(_)
            | Body::FollowupChanged(_)
            | Body::FollowupClosed(_)
            | Body::FollowupReminded(_)
            | Body::TicketLinked(_)
    )
}

fn of_rooms(act: &Act) -> Option<Deed> {
    Some(plain(match &act.body {
        Body::ChatRoomAsked(body) => format!("asked for a room in {}", body.channel),
        Body::ChatRoomLinked(body) => format!("said it in {} from then on", body.channel),
        Body::ChatRoomClosed(body) => format!("closed the room in {}", body.channel),
        Body::ChatRoomUnlinked(body) => format!("left the room in {}", body.channel),
        _ => return None,
    }))
}

/// What went out for it, and what became of that.
fn of_versions(act: &Act) -> Option<Deed> {
    let whose = act.tenant.as_ref();
    let whose = whose.map_or_else(String::new, |tenant| format!("{tenant}'s own "));
    let name = act.subject.id();
    Some(match &act.body {
        Body::VersionDeployed(body) => {
            let version = short(&body.digest);
            plain(format!(
                "began to bring out {whose}version {version} ({name})"
            ))
        }
        Body::DeploymentAdvanced(body) => {
            let reached = body.reaches.iter().map(|(cell, one)| match one {
                Some(edge) => format!("{edge} of {cell}"),
                None => cell.to_string(),
            });
            let reached: Vec<String> = reached.collect();
            let stage = body.stage + 1;
            plain(format!(
                "began stage {stage} of {name}: {}",
                reached.join(", ")
            ))
        }
        Body::DeploymentPaused(_) => plain(format!("held {name} where it was")),
        Body::DeploymentResumed(_) => plain(format!("let {name} go on")),
        Body::DeploymentAborted(_) => plain(format!("stopped {name}; nothing ran before")),
        Body::DeploymentCompleted(_) => plain(format!("completed {name}: all run it")),
        Body::TriggerFired(body) => {
            let deed = format!("fired the trigger {} of {name}", body.trigger);
            (deed, Some(body.what.to_string()))
        }
        Body::VersionRolledBack(body) => {
            let to = body.digest.as_ref().map(short);
            let to = to.unwrap_or_else(|| "what the fleet's says".to_owned());
            let from = short(&body.from);
            plain(format!("went back from {whose}version {from} to {to}"))
        }
        _ => return None,
    })
}

/// As many digits as people compare.
fn short(digest: &Hash) -> String {
    let digits = digest.0.iter().take(6).map(|byte| format!("{byte:02x}"));
    digits.collect()
}

/// What edges were told at once for it.
fn contained(act: &Act) -> Option<Deed> {
    let what = act.subject.id();
    Some(match &act.body {
        Body::ClientBanned(body) => plain(match body.ends_at {
            Some(end) => format!("banned {what} until {}", words::minute(end)),
            None => format!("banned {what} until somebody lifts that"),
        }),
        Body::CertificateRevoked(_) => plain(format!("revoked the client certificate {what}")),
        Body::FailoverOverridden(body) => {
            let place = body.cell.as_ref().map(|cell| format!(" in {cell}"));
            let place = place.unwrap_or_default();
            let end = words::minute(body.ends_at);
            plain(match body.tier {
                Some(tier) => format!("had tier {tier} of {what} answer{place} until {end}"),
                None => format!("had {what} go by its plan again{place}"),
            })
        }
        Body::SwitchTurnedOff(body) => plain(match body.ends_at {
            Some(end) => format!("turned {what} off until {}", words::minute(end)),
            None => format!("turned {what} off until somebody turns it on"),
        }),
        Body::PostureSet(body) => plain(match body.ends_at {
            Some(end) => format!(
                "had {what} work {} until {}",
                body.posture.as_str(),
                words::minute(end)
            ),
            None => format!("had {what} work {}", body.posture.as_str()),
        }),
        _ => return None,
    })
}

fn plain(deed: impl Into<String>) -> Deed {
    (deed.into(), None)
}

fn spine(story: &Story<'_>, act: &Act) -> Option<Deed> {
    Some(match &act.body {
        Body::IncidentDeclared(body) => {
            let service = body.service.as_ref();
            let service = service.map(|it| format!(" of {it}")).unwrap_or_default();
            let deed = format!("declared it {}{service}", body.severity);
            (deed, Some(story.text(&body.title)))
        }
        Body::IncidentAcknowledged(_) => plain("acknowledged it"),
        Body::IncidentNoted(body) => {
            let files = body.blobs.iter().map(file);
            let text = std::iter::once(story.text(&body.text)).chain(files);
            let text: Vec<String> = text.collect();
            ("noted".to_owned(), Some(text.join("\n")))
        }
        Body::IncidentUpdated(body) => {
            let deed = format!("told {}", words::audience(body.audience));
            (deed, Some(story.text(&body.text)))
        }
        Body::IncidentStatusChanged(body) => {
            let (from, to) = (words::status(body.from), words::status(body.to));
            plain(format!("moved it from {from} to {to}"))
        }
        Body::IncidentSeverityChanged(body) => {
            plain(format!("changed it from {} to {}", body.from, body.to))
        }
        Body::IncidentResolved(body) => {
            let summary = body.summary.as_ref().map(|summary| story.text(summary));
            ("resolved it".to_owned(), summary)
        }
        Body::IncidentReopened(_) => plain("opened it again"),
        Body::IncidentReminded(body) => plain(format!(
            "reminded people for the {} time: nobody had acknowledged it",
            ordinal(body.count)
        )),
        Body::IncidentAlertAttached(body) => {
            let from = body.moved_from.map(|from| format!(", which was on {from}"));
            let alert: String = body.alert.to_string().chars().take(8).collect();
            plain(format!(
                "attached alert {alert}{}",
                from.unwrap_or_default()
            ))
        }
        Body::IncidentTimeStamped(body) => plain(stamped(body.stamp, body.at, body.was)),
        Body::IncidentRedacted(_) => plain("erased what was sealed in it"),
        _ => return None,
    })
}

fn stamped(stamp: Stamp, at: Option<Timestamp>, was: Option<Timestamp>) -> String {
    let what = match stamp {
        Stamp::ImpactStart => "it began to hurt customers",
        Stamp::Detected => "it was detected",
        Stamp::Diagnosed => "it was diagnosed",
        Stamp::Mitigated => "it was mitigated",
    };
    let was = was.map(|was| format!(", not {}", words::second(was)));
    let was = was.unwrap_or_default();
    match at {
        Some(at) => format!("said that {what} at {}{was}", words::second(at)),
        None => format!("said that nobody knows when {what}{was}"),
    }
}

fn ordinal(count: u32) -> String {
    let ending = match (count % 10, count % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{count}{ending}")
}

fn file(blob: &BlobRef) -> String {
    let name = blob.name.as_ref().map_or("a file", |name| name.as_str());
    format!("[{name}, {} bytes, SHA-256 {}]", blob.bytes, blob.sha256)
}

fn roles(story: &Story<'_>, act: &Act) -> Option<Deed> {
    let part = |person: &PersonName| story.cast.part(person);
    let own = |person: &PersonName| act.actor.person() == Some(person);
    Some(plain(match &act.body {
        Body::IncidentAssigned(body) => {
            let role = words::role(body.role);
            let before = body.replaces.as_ref();
            let instead = before.map(|it| format!(" instead of {}", part(it)));
            match (before, own(&body.person)) {
                (Some(from), true) => format!("took over as {role} from {}", part(from)),
                (None, true) => format!("took the role of {role}"),
                (_, false) => format!(
                    "gave {} the role of {role}{}",
                    part(&body.person),
                    instead.unwrap_or_default()
                ),
            }
        }
        Body::IncidentHandoverOffered(body) => format!(
            "asked {} to take over as {} from {}",
            part(&body.to),
            words::role(body.role),
            part(&body.from)
        ),
        Body::IncidentRelieved(body) => {
            let role = words::role(body.role);
            match own(&body.person) {
                true => format!("left the role of {role}"),
                false => format!("relieved {} as {role}", part(&body.person)),
            }
        }
        Body::IncidentWaived(body) => {
            let whom = part(&body.person);
            format!("let {whom} be commander and operations at once")
        }
        Body::IncidentJoined(body) if own(&body.person) => "joined".to_owned(),
        Body::IncidentJoined(body) => format!("brought in {}", part(&body.person)),
        Body::IncidentLeft(body) if own(&body.person) => "left".to_owned(),
        Body::IncidentLeft(body) => format!("let {} leave", part(&body.person)),
        Body::IncidentCaughtUp(body) => {
            let acts = words::counted(usize::try_from(body.acts).ok()?, "act", "acts");
            match own(&body.person) {
                true => format!("has read the first {acts}"),
                false => format!("said that {} has read the first {acts}", part(&body.person)),
            }
        }
        _ => return None,
    }))
}

fn work(story: &Story<'_>, act: &Act) -> Option<Deed> {
    Some(match &act.body {
        Body::IncidentDecided(body) => {
            let options = body.options.iter().map(|it| story.text(it));
            let options: Vec<String> = options.map(|it| format!("considered: {it}")).collect();
            let text = std::iter::once(story.text(&body.decision)).chain(options);
            let text: Vec<String> = text.collect();
            ("decided".to_owned(), Some(text.join("\n")))
        }
        Body::IncidentAsked(body) => {
            let whom = body.person.as_ref();
            let whom = whom.map(|whom| format!(" {}", story.cast.part(whom)));
            let deed = format!(
                "asked{} (question {})",
                whom.unwrap_or_default(),
                body.question
            );
            (deed, Some(story.text(&body.text)))
        }
        Body::IncidentAnswered(body) => {
            let deed = format!("answered question {}", body.question);
            (deed, Some(story.text(&body.text)))
        }
        Body::IncidentContactNamed(body) => {
            let text = format!("{}: {}", story.text(&body.about), story.text(&body.who));
            (format!("named contact {}", body.contact), Some(text))
        }
        Body::IncidentContactRemoved(body) => plain(format!("removed contact {}", body.contact)),
        Body::IncidentFileAttached(body) => {
            let name = body.name.as_ref().map(|name| story.text(name));
            let sure = match body.verification {
                Verification::Signed => "vouched for with a key",
                Verification::Attested => "vouched for",
                Verification::UnverifiedSource => "nobody vouched for it",
            };
            let text = format!(
                "{} from {}, {} bytes, SHA-256 {} ({sure})",
                name.unwrap_or_else(|| "a file".to_owned()),
                story.text(&body.source),
                body.bytes,
                body.sha256
            );
            ("attached a file".to_owned(), Some(text))
        }
        Body::IncidentRelated(body) => plain(match body.relation {
            Relation::CausedBy => format!("said that it is because of {}", body.to),
            Relation::DuplicateOf => format!("said that it is {}, declared twice", body.to),
            Relation::RelatedTo => format!("said that it has to do with {}", body.to),
        }),
        Body::IncidentCorrected(body) => {
            let index = story.cite(&body.act).index;
            let what = index.map_or_else(|| "an act".to_owned(), |index| format!("#{index}"));
            (format!("corrected {what}"), Some(story.text(&body.text)))
        }
        Body::IncidentImpactStated(body) => plain(format!("said what it did: {}", impact(body))),
        _ => return None,
    })
}

fn impact(body: &ImpactStated) -> String {
    let mut parts = Vec::new();
    if let Some(customers) = body.customers {
        parts.push(format!("customers hurt: {}", words::thousands(customers)));
    }
    if let Some(harm) = body.data {
        parts.push(format!("data: {}", words::data(harm)));
    }
    if let (Some(minor), Some(currency)) = (body.cost_minor, body.currency) {
        parts.push(format!("cost: {}", words::money(minor, currency)));
    }
    parts.join("; ")
}

fn of_tasks(story: &Story<'_>, act: &Act) -> Option<Deed> {
    let part = |person: &PersonName| story.cast.part(person);
    Some(match &act.body {
        Body::IncidentTaskOpened(body) => {
            let owner = body.owner.as_ref();
            let owner = owner.map(|owner| format!(" for {}", part(owner)));
            let deed = format!("opened task {}{}", body.task, owner.unwrap_or_default());
            (deed, Some(story.text(&body.text)))
        }
        Body::IncidentTaskAssigned(body) => {
            plain(format!("gave task {} to {}", body.task, part(&body.owner)))
        }
        Body::IncidentTaskClosed(body) => plain(match body.outcome {
            TaskOutcome::Done => format!("closed task {}: done", body.task),
            TaskOutcome::Dropped => format!("dropped task {}", body.task),
        }),
        Body::IncidentChecklistStarted(body) => {
            let steps = words::counted(body.steps.len(), "step", "steps");
            plain(format!(
                "started checklist {} from the runbook {}, {steps}",
                body.checklist, body.runbook
            ))
        }
        Body::IncidentStepTicked(body) => {
            let (step, checklist) = (body.step, body.checklist);
            plain(match body.outcome {
                StepOutcome::Done => format!("did step {step} of checklist {checklist}"),
                StepOutcome::Skipped => format!("left out step {step} of checklist {checklist}"),
            })
        }
        Body::IncidentUpdateClockSet(body) => {
            let whom = words::audience(body.audience);
            plain(match body.every_ms.and_then(|ms| i64::try_from(ms).ok()) {
                Some(every) => format!("promised {whom} a word every {}", words::span(every)),
                None => format!("stopped the clock of words to {whom}"),
            })
        }
        Body::IncidentUpdateOverdue(body) => {
            let whom = words::audience(body.audience);
            let due = words::second(body.due_at);
            plain(format!(
                "reminded people: a word to {whom} was due at {due}"
            ))
        }
        _ => return None,
    })
}
