//! What the commands about the work in an incident take: decisions, tasks, questions, files,
//! checklists, reviews, follow-ups, runbooks, templates and requests.

use serde_json::{Value, json};

use super::commands::{Argument, flag, may, must, several};

type Form = (&'static str, Vec<Argument>, Value);

/// The form of one of these commands.
pub(super) fn form(name: &str) -> Option<Form> {
    taking_part(name)
        .or_else(|| tasks(name))
        .or_else(|| saying(name))
        .or_else(|| steps(name))
        .or_else(|| findings(name))
        .or_else(|| followups(name))
        .or_else(|| written_before(name))
        .or_else(|| requests(name))
        .or_else(|| super::chat::form(name))
}

fn on() -> Argument {
    must("incident", "IncidentId")
}

const ACT: &str = "00112233445566778899aabbccddeeff";
/// The SHA-256 of nothing.
const HASH: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

fn taking_part(name: &str) -> Option<Form> {
    Some(match name {
        "incident.join" => (
            "Joins the people who work on an incident",
            vec![on(), may("person", "PersonName")],
            json!({"incident": "INC-1", "person": "sam"}),
        ),
        "incident.leave" => (
            "Leaves the people who work on an incident",
            vec![on(), may("person", "PersonName")],
            json!({"incident": "INC-1", "person": "sam"}),
        ),
        "incident.catch_up" => (
            "Says: I have read it so far",
            vec![must("acts", "Index"), on(), may("person", "PersonName")],
            json!({"incident": "INC-1", "acts": 12, "person": "sam"}),
        ),
        "incident.relate" => (
            "Says how an incident relates to another one",
            vec![on(), must("relation", "Relation"), must("to", "IncidentId")],
            json!({"incident": "INC-2", "relation": "duplicate_of", "to": "INC-1"}),
        ),
        "incident.state_impact" => (
            "Says what an incident did; what is left out stays as it was said",
            vec![
                may("cost_minor", "Count"),
                may("currency", "Currency"),
                may("customers", "Count"),
                may("data", "DataHarm"),
                on(),
            ],
            json!({"incident": "INC-1", "customers": 120, "cost_minor": 450_000, "currency": "EUR"}),
        ),
        "incident.redact" => (
            "Erases what is sealed in an incident: its files and, if it is private, its text. \
             Waits as a request",
            vec![on()],
            json!({"incident": "INC-1"}),
        ),
        _ => return None,
    })
}

fn tasks(name: &str) -> Option<Form> {
    Some(match name {
        "incident.decide" => (
            "Decides something, and says what else was considered",
            vec![
                must("decision", "Prose"),
                on(),
                several("options", "Line", 8),
            ],
            json!({
                "incident": "INC-1",
                "decision": "Rebuild the machine",
                "options": ["Rebuild the machine", "Clean the crontab"],
            }),
        ),
        "incident.open_task" => (
            "Opens a task",
            vec![on(), may("owner", "PersonName"), must("text", "Line")],
            json!({"incident": "INC-1", "text": "Rotate the keys of db1", "owner": "kim"}),
        ),
        "incident.assign_task" => (
            "Gives a task to somebody",
            vec![on(), must("owner", "PersonName"), must("task", "Number")],
            json!({"incident": "INC-1", "task": 1, "owner": "kim"}),
        ),
        "incident.close_task" => (
            "Closes a task; one that is dropped needs a reason",
            vec![on(), must("outcome", "TaskOutcome"), must("task", "Number")],
            json!({"incident": "INC-1", "task": 1, "outcome": "done"}),
        ),
        _ => return None,
    })
}

fn saying(name: &str) -> Option<Form> {
    Some(match name {
        "incident.ask" => (
            "Asks a question",
            vec![on(), may("person", "PersonName"), must("text", "Prose")],
            json!({"incident": "INC-1", "text": "Did Tuesday's deployment change the firewall?"}),
        ),
        "incident.answer" => (
            "Answers a question",
            vec![on(), must("question", "Number"), must("text", "Prose")],
            json!({"incident": "INC-1", "question": 1, "text": "No."}),
        ),
        "incident.name_contact" => (
            "Names whom to speak to about something",
            vec![must("about", "Line"), on(), must("who", "Line")],
            json!({"incident": "INC-1", "about": "the hosting company", "who": "its duty desk"}),
        ),
        "incident.remove_contact" => (
            "Removes a point of contact",
            vec![must("contact", "Number"), on()],
            json!({"incident": "INC-1", "contact": 1}),
        ),
        "incident.attach_file" => (
            "Attaches a file that was uploaded to this incident, and says where it came from",
            vec![
                must("file", "BlobRef"),
                on(),
                must("source", "Line"),
                flag("vouched"),
            ],
            json!({
                "incident": "INC-1",
                "file": {"bytes": 1, "name": "crontab.txt", "sha256": HASH},
                "source": "root@db1",
                "vouched": true,
            }),
        ),
        "incident.correct" => (
            "Corrects what an act says; the act stays",
            vec![must("act", "ActId"), on(), must("text", "Prose")],
            json!({"incident": "INC-1", "act": ACT, "text": "It was db2."}),
        ),
        _ => return None,
    })
}

fn steps(name: &str) -> Option<Form> {
    Some(match name {
        "incident.start_checklist" => (
            "Starts a checklist from a runbook",
            vec![on(), must("runbook", "Name")],
            json!({"incident": "INC-1", "runbook": "compromised"}),
        ),
        "incident.tick_step" => (
            "Ticks a step of a checklist; one that is skipped needs a reason",
            vec![
                must("checklist", "Number"),
                on(),
                must("outcome", "StepOutcome"),
                must("step", "Number"),
            ],
            json!({"incident": "INC-1", "checklist": 1, "step": 1, "outcome": "done"}),
        ),
        "incident.set_update_clock" => (
            "Says how often an audience is told something; without `every_ms`, no more",
            vec![
                must("audience", "Audience"),
                may("every_ms", "Milliseconds"),
                on(),
            ],
            json!({"incident": "INC-1", "audience": "public", "every_ms": 1_800_000}),
        ),
        _ => return None,
    })
}

fn findings(name: &str) -> Option<Form> {
    Some(match name {
        "review.state" => (
            "Says something in the review",
            vec![
                several("cites", "ActId", 32),
                on(),
                may("reach", "Reach"),
                several("replaces", "ActId", 16),
                must("section", "ReviewSection"),
                must("text", "Prose"),
            ],
            json!({
                "incident": "INC-1",
                "section": "learned",
                "text": "A firewall that fails open is no firewall.",
                "cites": [ACT],
                "reach": "organisation",
            }),
        ),
        "review.withdraw" => (
            "Takes something out of the review",
            vec![must("finding", "ActId"), on()],
            json!({"incident": "INC-1", "finding": ACT}),
        ),
        "review.publish" => (
            "Publishes a review: the document, uploaded as a blob before",
            vec![
                must("audience", "ReviewAudience"),
                must("document", "BlobRef"),
                on(),
            ],
            json!({
                "incident": "INC-1",
                "audience": "customers",
                "document": {"bytes": 1, "name": "INC-1-customers.md", "sha256": HASH},
            }),
        ),
        "review.schedule_meeting" => (
            "Sets when people meet to follow up, or changes it",
            vec![
                on(),
                must("minutes", "Number"),
                may("place", "Line"),
                must("starts_at", "Timestamp"),
            ],
            json!({"incident": "INC-1", "starts_at": "2030-01-29T14:00:00.000Z", "minutes": 60}),
        ),
        "review.cancel_meeting" => (
            "Calls the meeting off",
            vec![on()],
            json!({"incident": "INC-1"}),
        ),
        _ => return None,
    })
}

fn followups(name: &str) -> Option<Form> {
    Some(match name {
        "followup.open" => (
            "Opens a follow-up",
            vec![
                must("due_at", "Timestamp"),
                on(),
                must("owner", "PersonName"),
                must("text", "Line"),
            ],
            json!({
                "incident": "INC-1",
                "text": "Close the management interface",
                "owner": "sam",
                "due_at": "2030-01-29T14:00:00.000Z",
            }),
        ),
        "followup.change" => (
            "Gives a follow-up to somebody else, or another date",
            vec![
                may("due_at", "Timestamp"),
                must("followup", "Number"),
                on(),
                may("owner", "PersonName"),
            ],
            json!({"incident": "INC-1", "followup": 1, "owner": "kim"}),
        ),
        "followup.close" => (
            "Closes a follow-up; one that is dropped needs a reason",
            vec![
                must("followup", "Number"),
                on(),
                must("outcome", "TaskOutcome"),
            ],
            json!({"incident": "INC-1", "followup": 1, "outcome": "done"}),
        ),
        "followup.try_ticket" => (
            "Says that a ticket is about to be opened for a follow-up, so that others look for it first",
            vec![must("followup", "Number"), on(), must("tracker", "Name")],
            json!({"incident": "INC-1", "followup": 1, "tracker": "jira"}),
        ),
        "followup.link_ticket" => (
            "Says which ticket of a tracker a follow-up is",
            vec![
                must("followup", "Number"),
                on(),
                must("ticket", "Line"),
                must("tracker", "Name"),
                must("url", "Line"),
            ],
            json!({
                "incident": "INC-1",
                "followup": 1,
                "tracker": "jira",
                "ticket": "OPS-12",
                "url": "https://tracker.example.org/browse/OPS-12",
            }),
        ),
        _ => return None,
    })
}

fn written_before(name: &str) -> Option<Form> {
    Some(match name {
        "runbook.save" => (
            "Makes a runbook known, or changes it",
            vec![
                must("runbook", "Name"),
                (
                    "steps",
                    json!({
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 64,
                        "items": crate::route::reference("Line"),
                    }),
                    true,
                ),
                must("title", "Line"),
            ],
            json!({
                "runbook": "compromised",
                "title": "A compromised machine",
                "steps": ["Take it off the network", "Copy its disk"],
            }),
        ),
        "runbook.remove" => (
            "Forgets a runbook",
            vec![must("runbook", "Name")],
            json!({"runbook": "compromised"}),
        ),
        "template.save" => (
            "Makes a template of incidents known, or changes it",
            vec![
                flag("private"),
                several("runbooks", "Name", 8),
                may("service", "ServiceName"),
                may("severity", "Severity"),
                must("template", "Name"),
                may("title", "Line"),
                (
                    "update_every_ms",
                    crate::route::reference("UpdateEvery"),
                    false,
                ),
            ],
            json!({
                "template": "break-in",
                "title": "A machine is compromised",
                "severity": 2,
                "update_every_ms": {"insiders": 1_800_000},
            }),
        ),
        "template.remove" => (
            "Forgets a template",
            vec![must("template", "Name")],
            json!({"template": "break-in"}),
        ),
        _ => return None,
    })
}

fn requests(name: &str) -> Option<Form> {
    let which = || vec![must("request", "Name")];
    let example = json!({"request": "req-1"});
    Some(match name {
        "person.redact" => (
            "Erases what is personal of somebody: their name and where they are reached. Waits as \
             a request",
            vec![must("person", "PersonName")],
            json!({"person": "sam"}),
        ),
        "request.approve" => (
            "Lets a request be done: signed by the key of somebody who did not make it",
            which(),
            example,
        ),
        "request.reject" => ("Keeps a request from being done", which(), example),
        "request.withdraw" => ("Takes one's own request back", which(), example),
        "request.override" => (
            "Has a request done although nobody approved it: signed, and for a reason",
            which(),
            example,
        ),
        _ => return None,
    })
}
