//! What a person sees of the work in an incident.

use serde_json::{Value, json};

use super::{at, incident, text};
use crate::commands::show::{timeline_lines, work};
use crate::commands::timeline::tests::{item, timeline};

fn of(number: u64, kind: &str, body: Value) -> Value {
    item(number, 1, "sam", &format!("incident.{kind}/1"), &body)
}

fn worked_on() -> Vec<Value> {
    let surroundings = json!({
        "clock": { "max_error_ms": 12, "synchronised": true },
        "dependencies": [
            { "alerts": 2, "incident": "INC-3",
              "dependency": { "kind": "service", "name": "cart", "when_fails": "closed" } },
            { "alerts": 0,
              "dependency": { "kind": "dns", "name": "example.org", "when_fails": "open" } },
        ],
    });
    let declared = json!({ "severity": 1, "title": "x", "surroundings": surroundings });
    vec![
        of(0, "declared", declared),
        of(
            1,
            "task_opened",
            json!({ "task": 1, "text": "Roll back", "owner": "kim" }),
        ),
        of(2, "task_opened", json!({ "task": 2, "text": "Tell them" })),
        of(3, "task_closed", json!({ "task": 1, "outcome": "done" })),
        of(
            4,
            "asked",
            json!({ "question": 1, "text": "Did it?", "person": "alex" }),
        ),
        of(
            5,
            "contact_named",
            json!({ "contact": 1, "about": "cards", "who": "their desk" }),
        ),
        of(
            6,
            "update_clock_set",
            json!({ "audience": "public", "every_ms": 1_800_000 }),
        ),
        of(
            7,
            "update_clock_set",
            json!({ "audience": "insiders", "every_ms": 60_000 }),
        ),
    ]
}

#[test]
fn the_page_says_what_is_open_and_what_is_overdue() {
    let found = timeline(worked_on());
    let now = at("2017-12-21T08:11:00.000Z");
    let lines = work::sections(&found.incident().unwrap(), &found, now, Some(80));
    assert_eq!(
        text(&lines),
        "
Next word
insiders: OVERDUE since 08:02:00Z, 9 min, every 1 min
the public: next word due in 20 min, every 30 min

Tasks
TASK  OWNER   STATE  WHAT
2     nobody  open   Tell them
1 task ended: hereby task list INC-7

Questions
QUESTION  OF    STATE  WHAT
1         alex  open   Did it?

Points of contact
CONTACT  ABOUT  WHO
1        cards  their desk

When it was declared
the clock was synchronised, at most 12 ms off
service:cart:closed: 2 alerts, INC-3 was open on it
no alert for dns:example.org:open
"
    );
}

#[test]
fn when_it_is_over_no_word_is_due() {
    let mut items = worked_on();
    items.push(of(8, "resolved", json!({})));
    let found = timeline(items);
    let now = at("2017-12-21T08:11:00.000Z");
    let shown = text(&work::sections(
        &found.incident().unwrap(),
        &found,
        now,
        None,
    ));
    assert!(
        !shown.contains("Next word") && shown.contains("Tell them"),
        "{shown}"
    );
}

#[test]
fn who_has_roles_elsewhere_is_said() {
    let here =
        incident(json!({ "roles": { "commander": ["sam"], "operations": ["kim", "alex"] } }));
    let other = incident(json!({ "id": "INC-3", "roles": {
        "commander": ["sam"], "communications": ["sam"], "operations": ["robin"],
    }}));
    let same = incident(json!({ "roles": { "commander": ["kim"] } }));
    let load: Vec<String> = work::load(&here, &[other, same])
        .into_iter()
        .map(|(_, words, _)| words)
        .collect();
    assert_eq!(
        load,
        ["sam is also commander of INC-3, communications of INC-3"]
    );
}

#[test]
fn what_was_said_of_it_is_in_its_head() {
    let shown = incident(json!({
        "people": ["kim", "sam"],
        "impact": { "customers": 1, "cost_minor": 5, "currency": "EUR", "data": "lost" },
        "relations": [{ "relation": "duplicate_of", "to": "INC-2" }],
        "redacted": true,
    }));
    let said: Vec<String> = work::properties(&shown)
        .into_iter()
        .map(|(name, words, _)| format!("{name}: {words}"))
        .collect();
    assert_eq!(
        said,
        [
            "people: kim, sam",
            "impact: 1 customer was hurt; it cost EUR 0.05; data was lost",
            "is: a duplicate of INC-2",
            "erased: what was sealed in it, for good",
        ]
    );
    assert!(work::properties(&incident(json!({}))).is_empty());
}

#[test]
fn a_correction_stands_under_what_it_corrects() {
    let correct = json!({ "act": format!("{:032x}", 1), "text": "It was db-2" });
    let found = timeline(vec![
        of(0, "declared", json!({ "severity": 1, "title": "x" })),
        of(1, "noted", json!({ "text": "It is db-1" })),
        item(2, 9, "kim", "incident.corrected/1", &correct),
    ]);
    assert_eq!(
        text(&timeline_lines(&found.acts, Some(&found.indexes), None)),
        "  2017-12-21
      40  08:01:00Z  sam  declared it SEV1: x
      41  08:01:00Z  sam  noted: It is db-1
                          corrected 2017-12-21 08:09:00Z by kim: It was db-2
      42  08:09:00Z  kim  corrected act 00000000: It was db-2
"
    );
}
