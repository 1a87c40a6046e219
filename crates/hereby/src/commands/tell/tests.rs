//! Every kind of act is said in words.

use serde_json::{Value, json};

use super::told;
use crate::commands::timeline::tests::{item, timeline};

/// The deed and the text of an act of this kind, taken by sam.
fn said(kind: &str, body: &Value) -> (String, Option<String>) {
    let found = timeline(vec![item(1, 1, "sam", kind, body)]);
    let told = told(&found.acts[0]);
    (told.deed, told.text)
}

fn act(number: u64) -> String {
    format!("{number:032x}")
}

/// A body of each kind of the families of incidents, reviews and requests, and how it is said.
#[expect(clippy::too_many_lines, reason = "a table has a row for each kind")]
fn samples() -> Vec<(&'static str, Value, &'static str, Option<&'static str>)> {
    let sha256 = record::hash::sha256(&[b"x"]).to_string();
    let due_at = "2017-12-28T08:00:00.000Z";
    let made = json!({
        "approvals": 1, "command": "incident.redact", "args": "{\"incident\":\"INC-7\"}",
        "due_at": due_at, "expires_at": due_at,
    });
    vec![
        (
            "incident.joined/1",
            json!({"person": "sam"}),
            "joined",
            None,
        ),
        (
            "incident.joined/1",
            json!({"person": "kim"}),
            "brought kim in",
            None,
        ),
        (
            "incident.left/1",
            json!({"person": "kim"}),
            "said that kim left",
            None,
        ),
        (
            "incident.decided/1",
            json!({"decision": "Roll back", "options": ["a", "b"]}),
            "decided",
            Some("Roll back\nconsidered: a; b"),
        ),
        (
            "incident.task_opened/1",
            json!({"task": 1, "text": "t", "owner": "kim"}),
            "opened task 1 for kim",
            Some("t"),
        ),
        (
            "incident.task_assigned/1",
            json!({"task": 1, "owner": "kim", "was": "sam"}),
            "gave task 1 to kim instead of sam",
            None,
        ),
        (
            "incident.task_closed/1",
            json!({"task": 1, "outcome": "dropped"}),
            "dropped task 1",
            None,
        ),
        (
            "incident.asked/1",
            json!({"question": 2, "text": "q", "person": "kim"}),
            "asked kim (question 2)",
            Some("q"),
        ),
        (
            "incident.answered/1",
            json!({"question": 2, "text": "a"}),
            "answered question 2",
            Some("a"),
        ),
        (
            "incident.contact_named/1",
            json!({"contact": 1, "about": "cards", "who": "desk"}),
            "named whom to speak to (contact 1)",
            Some("cards: desk"),
        ),
        (
            "incident.contact_removed/1",
            json!({"contact": 1}),
            "removed point of contact 1",
            None,
        ),
        (
            "incident.file_attached/1",
            json!({
                "bytes": 5, "name": "a.txt", "sha256": sha256, "source": "desk",
                "verification": "unverified_source",
            }),
            "attached",
            Some(
                "a.txt, from: desk (unverified)\n[5 bytes, sha256 \
            2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881]",
            ),
        ),
        (
            "incident.related/1",
            json!({"relation": "caused_by", "to": "INC-3"}),
            "said that it is caused by INC-3",
            None,
        ),
        (
            "incident.checklist_started/1",
            json!({"checklist": 1, "runbook": "db", "steps": ["a", "b"]}),
            "started checklist 1 from db, 2 steps",
            None,
        ),
        (
            "incident.step_ticked/1",
            json!({"checklist": 1, "outcome": "skipped", "step": 2}),
            "left out step 2 of checklist 1",
            None,
        ),
        (
            "incident.update_clock_set/1",
            json!({"audience": "insiders", "every_ms": 1_800_000}),
            "set the clock: insiders hear of it every 30 min",
            None,
        ),
        (
            "incident.update_clock_set/1",
            json!({"audience": "public"}),
            "stopped the clock of the public",
            None,
        ),
        (
            "incident.update_overdue/1",
            json!({"audience": "public", "due_at": due_at}),
            "reminded people: word to the public was due 2017-12-28 08:00:00Z",
            None,
        ),
        (
            "incident.corrected/1",
            json!({"act": act(1), "text": "t"}),
            "corrected act 00000000",
            Some("t"),
        ),
        (
            "incident.caught_up/1",
            json!({"acts": 3, "person": "kim"}),
            "said that kim has read its first 3 acts",
            None,
        ),
        (
            "incident.impact_stated/1",
            json!({"customers": 2, "data": "read"}),
            "said what it did",
            Some("2 customers were hurt; data was read by who should not"),
        ),
        (
            "incident.redacted/1",
            json!({}),
            "erased what was sealed in it",
            None,
        ),
        (
            "review.stated/1",
            json!({"section": "near_miss", "text": "t", "replaces": [act(1)]}),
            "said in the review (near miss), instead of 00000000",
            Some("t"),
        ),
        (
            "review.withdrawn/1",
            json!({"finding": act(1)}),
            "took finding 00000000 out of the review",
            None,
        ),
        (
            "review.published/1",
            json!({"audience": "customers", "document": {"bytes": 5, "sha256": sha256}}),
            "published the review for customers",
            None,
        ),
        (
            "review.meeting_scheduled/1",
            json!({"minutes": 60, "sequence": 1, "starts_at": due_at, "place": "room 3"}),
            "moved the follow-up meeting: 2017-12-28 08:00:00Z, 60 minutes",
            Some("room 3"),
        ),
        (
            "review.meeting_cancelled/1",
            json!({"sequence": 2}),
            "called the follow-up meeting off",
            None,
        ),
        (
            "followup.opened/1",
            json!({"due_at": due_at, "followup": 1, "owner": "kim", "text": "t"}),
            "opened follow-up 1 for kim, due 2017-12-28 08:00:00Z",
            Some("t"),
        ),
        (
            "followup.changed/1",
            json!({"due_at": due_at, "followup": 1, "owner": "kim"}),
            "changed follow-up 1: kim sees to it until 2017-12-28 08:00:00Z",
            None,
        ),
        (
            "followup.closed/1",
            json!({"followup": 1, "outcome": "done"}),
            "said that follow-up 1 is done",
            None,
        ),
        (
            "followup.reminded/1",
            json!({"count": 2, "followup": 1, "next_at": due_at}),
            "reminded people: follow-up 1 is overdue (no. 2)",
            None,
        ),
        (
            "followup.ticket_linked/1",
            json!({"followup": 1, "ticket": "#5", "tracker": "github", "url": "https://x.example/5"}),
            "linked follow-up 1 to #5 in github",
            Some("https://x.example/5"),
        ),
        (
            "followup.ticket_tried/1",
            json!({"followup": 1, "tracker": "github"}),
            "set out to open a ticket for follow-up 1 in github",
            None,
        ),
        (
            "runbook.saved/1",
            json!({"steps": ["a"], "title": "t"}),
            "saved the runbook, 1 step",
            Some("t"),
        ),
        ("runbook.removed/1", json!({}), "removed the runbook", None),
        (
            "template.saved/1",
            json!({"title": "t"}),
            "saved the template",
            Some("t"),
        ),
        (
            "template.removed/1",
            json!({}),
            "removed the template",
            None,
        ),
        (
            "person.redacted/1",
            json!({"count": 1}),
            "what was personal of them is erased",
            None,
        ),
        (
            "request.made/1",
            made,
            "asked for incident.redact; it takes 1 approval, or nobody's objection until \
             2017-12-28 08:00:00Z",
            Some("{\"incident\":\"INC-7\"}"),
        ),
        ("request.approved/1", json!({}), "approved it", None),
        ("request.rejected/1", json!({}), "rejected it", None),
        ("request.withdrawn/1", json!({}), "took it back", None),
        (
            "request.carried_out/1",
            json!({"ground": "overridden"}),
            "had it done and answers for it alone",
            None,
        ),
        (
            "request.lapsed/1",
            json!({"reason": "expired"}),
            "let it lapse: its time ran out",
            None,
        ),
    ]
}

#[test]
fn the_work_the_review_and_requests_are_said_in_words() {
    for (kind, body, deed, text) in samples() {
        let told = said(kind, &body);
        assert_eq!(
            (told.0.as_str(), told.1.as_deref()),
            (deed, text),
            "{kind} {body}"
        );
    }
}

#[test]
fn no_kind_of_these_families_is_left_without_words() {
    let shown: Vec<&str> = samples().iter().map(|(kind, ..)| *kind).collect();
    // Those that were there before have their words in the timelines of other tests.
    let before = [
        "declared",
        "acknowledged",
        "assigned",
        "handover_offered",
        "relieved",
        "waived",
        "time_stamped",
        "noted",
        "updated",
        "status_changed",
        "severity_changed",
        "resolved",
        "reopened",
        "reminded",
        "alert_attached",
    ];
    for kind in record::kinds::KINDS {
        let (family, rest) = kind.split_once('.').unwrap();
        let families = [
            "incident", "review", "followup", "runbook", "template", "request",
        ];
        let known = before.iter().any(|name| rest == format!("{name}/1"));
        if families.contains(&family) && !(family == "incident" && known) {
            assert!(shown.contains(kind), "{kind} has no sample here");
        }
    }
}
