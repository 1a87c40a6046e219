//! Acts of an incident as they come; and how they are named.

use base::IncidentId;
use record::act::Act;
use serde_json::{Value, json};

use super::{Timeline, corrections, named};
use crate::exit::Exit;

/// An item of a timeline: the `number`-th act of INC-7, taken by `who`.
pub(crate) fn item(number: u64, minute: u32, who: &str, kind: &str, body: &Value) -> Value {
    let actor = match who.strip_prefix("uid:") {
        Some(person) => json!({ "type": "uid", "id": 1000, "for": person }),
        None => json!({ "type": "person", "id": who }),
    };
    json!({ "index": 40 + number, "act": {
        "v": 1,
        "id": format!("{number:032x}"),
        "kind": kind,
        "at": format!("2017-12-21T08:{minute:02}:00.000Z"),
        "actor": actor,
        "proof": { "method": "internal", "digest": "00112233445566778899aabbccddeeff" },
        "subject": { "type": "incident", "id": "INC-7" },
        "body": body,
    }})
}

/// The declaration of INC-7 by sam.
pub(crate) fn declared() -> Value {
    let body = json!({ "severity": 1, "title": "Checkout fails" });
    item(0, 0, "sam", "incident.declared/1", &body)
}

pub(crate) fn timeline(items: Vec<Value>) -> Timeline {
    let raw = |item: Value| serde_json::value::to_raw_value(&item).unwrap();
    let items = items.into_iter().map(raw).collect();
    Timeline::of(IncidentId::from_number(7), items).unwrap()
}

fn noted(number: u64) -> Value {
    item(
        number,
        1,
        "sam",
        "incident.noted/1",
        &json!({ "text": "x" }),
    )
}

#[test]
fn an_act_is_named_by_its_entry_or_its_first_digits() {
    let mut other = noted(2);
    other["act"]["id"] = json!("abcdef00000000000000000000000000");
    other["index"] = json!(123_456);
    let mut third = noted(3);
    third["act"]["id"] = json!("abcdefff000000000000000000000000");
    let mut fourth = noted(4);
    fourth["act"]["id"] = json!("123456ff000000000000000000000000");
    let found = timeline(vec![declared(), other, third, fourth]);
    let which = |wanted: &str| named(&found, wanted).map(|(index, _)| index);
    assert_eq!(which("40").unwrap(), 40);
    assert_eq!(which("abcdeff").unwrap(), 43);
    assert_eq!(which("123456f").unwrap(), 44);
    // Two have these digits; an entry and another act's id are spelled the same.
    for unclear in ["abcdef", "123456"] {
        assert_eq!(which(unclear).unwrap_err().exit, Exit::Usage, "{unclear}");
    }
    for missing in ["41", "99", "fedcba"] {
        assert_eq!(which(missing).unwrap_err().exit, Exit::Refused, "{missing}");
    }
}

#[test]
fn corrections_stand_with_what_they_correct() {
    let correct = |number: u64, of: u64| {
        let body = json!({ "act": format!("{of:032x}"), "text": format!("right {number}") });
        item(number, 5, "kim", "incident.corrected/1", &body)
    };
    let found = timeline(vec![
        declared(),
        noted(1),
        correct(2, 1),
        correct(3, 1),
        correct(4, 0),
    ]);
    let all = corrections(&found.acts);
    let of = |at: usize| all.get(&found.acts[at].id).map_or(0, Vec::len);
    assert_eq!([of(0), of(1), of(2)], [1, 2, 0]);
}

#[test]
fn an_incident_that_is_over_is_folded_from_its_acts() {
    let task = json!({ "task": 1, "text": "Roll back", "owner": "kim" });
    let found = timeline(vec![
        declared(),
        item(1, 1, "sam", "incident.task_opened/1", &task),
        item(2, 2, "sam", "incident.resolved/1", &json!({})),
    ]);
    let incident = found.incident().unwrap();
    assert!(!incident.summary.is_open());
    assert_eq!(
        incident.work.tasks[&1].owner.as_ref().unwrap().as_str(),
        "kim"
    );
    let acts: &[Act] = &found.acts[1..];
    assert!(incident::Incident::from_acts(found.id, acts).is_none());
    assert!(timeline(vec![noted(1)]).incident().is_err());
}
