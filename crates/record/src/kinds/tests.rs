//! Kinds evolve by version; old bodies are read for ever.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::upcast::{STEPS, Step, to_present};
use super::{Body, KINDS};

fn raw(value: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap()
}

#[test]
fn steps_lead_from_the_first_version_to_the_last() {
    let steps = [
        Step {
            from: "disk.filled/1",
            to: "disk.filled/2",
            change: |mut body| {
                let kb = body["free_kb"].as_u64().ok_or("free_kb is missing")?;
                body = json!({ "free_bytes": kb * 1024 });
                Ok(body)
            },
        },
        Step {
            from: "disk.filled/2",
            to: "disk.filled/3",
            change: |mut body| {
                body["path"] = json!("/");
                Ok(body)
            },
        },
    ];
    let (kind, body) = to_present(&steps, "disk.filled/1", &raw(&json!({"free_kb": 3})))
        .unwrap()
        .unwrap();
    assert_eq!(kind, "disk.filled/3");
    assert_eq!(body.get(), r#"{"free_bytes":3072,"path":"/"}"#);
    assert!(to_present(&steps, "disk.filled/1", &raw(&json!({}))).is_err());
    assert!(
        to_present(&steps, "disk.filled/3", &raw(&json!({})))
            .unwrap()
            .is_none()
    );
}

#[test]
fn every_step_starts_below_and_ends_at_or_below_a_present_kind() {
    for step in STEPS {
        let version = |kind: &str| kind.rsplit_once('/').unwrap().1.parse::<u32>().unwrap();
        assert!(version(step.from) < version(step.to));
        assert!(
            !KINDS.contains(&step.from),
            "{} is written and upcast",
            step.from
        );
        let leads_on = STEPS.iter().any(|next| next.from == step.to);
        assert!(
            leads_on || KINDS.contains(&step.to),
            "{} leads nowhere",
            step.from
        );
    }
}

#[test]
fn each_kind_names_its_version_once() {
    for kind in KINDS {
        assert!(
            kind.ends_with("/1"),
            "{kind}: give the new version a step and a golden log"
        );
        assert_eq!(KINDS.iter().filter(|other| other == &kind).count(), 1);
    }
}

#[test]
fn a_known_kind_refuses_what_it_does_not_know() {
    let good = raw(&json!({"from": "investigating", "to": "identified"}));
    assert!(Body::decode("incident.status_changed/1", &good).is_ok());
    let extra = raw(&json!({"from": "investigating", "to": "identified", "x": 1}));
    assert!(Body::decode("incident.status_changed/1", &extra).is_err());
    assert!(matches!(
        Body::decode("incident.status_changed/7", &extra),
        Ok(Body::Unknown(_))
    ));
}
