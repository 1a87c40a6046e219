//! The auditor beside a running hereby and offline: it is quiet about what is sound, and loud, once,
//! about what is not.

use std::path::PathBuf;

use record::act::{Act, act_id};
use record::hash::sha256;
use record::kinds::incident::{Assigned, Role};
use serde_json::{Value, json};

use super::forge;
use super::harness::{Place, Server, eventually};

const OPEN_METRICS: &str = "[metrics]\nopen = true";

fn metrics(server: &Server) -> String {
    let (status, text) = server.http("GET", "/metrics", None, "").unwrap();
    assert_eq!(status, 200, "{text}");
    text
}

/// The value of a metric, once the auditor has come to the end.
fn audited(server: &Server, metric: &str) -> f64 {
    let mut value = None;
    eventually("the auditor comes to the end", || {
        let text = metrics(server);
        let of = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().parse::<f64>().ok()
        };
        value = of(metric);
        of("hereby_audit_last_success_timestamp_seconds").is_some()
    });
    value.unwrap_or_else(|| panic!("no {metric} in {}", metrics(server)))
}

fn violations(invariant: &str) -> String {
    format!("hereby_invariant_violations_total{{invariant=\"{invariant}\"}}")
}

#[test]
fn a_sound_record_is_audited_beside_the_server_and_offline() {
    let place = Place::new();
    place.configure(OPEN_METRICS);
    let server = place.serve();
    place.ok(&["declare", "checkout is slow", "--severity", "2"]);
    place.ok(&["--as", "sam", "assign", "INC-1", "commander", "kim"]);
    place.ok(&["note", "INC-1", "looking"]);
    for invariant in engine::audit::Invariant::ALL {
        assert_eq!(audited(&server, &violations(invariant.word())), 0.0);
    }
    assert!(audited(&server, "hereby_audited_entries") >= 1.0);
    let clock = jiff::Timestamp::now().as_second() as f64;
    let last = audited(&server, "hereby_audit_last_success_timestamp_seconds");
    assert!((clock - last).abs() < 60.0, "{clock} {last}");

    let doctor = place.hereby(&["doctor"]).stdout;
    assert!(
        doctor.contains("the auditor has found nothing wrong in"),
        "{doctor}"
    );

    // Beside the server: what its published checkpoint covers.
    eventually("all is published", || {
        place.json(&["auditor"])["entries"] == json!(4)
    });
    assert_eq!(server.stop(), 0);
    place.ok(&["rebuild"]);
    let said = place.json(&["auditor"]);
    assert_eq!(said["sound"], json!(true), "{said}");
    assert_eq!(said["snapshots"], json!(1), "{said}");
    assert_eq!(said["invariants"]["roles"], json!(0));
    let said = place.hereby(&["auditor"]);
    assert!(said.stderr.contains("sound: 4 acts"), "{}", said.stderr);
    assert!(place.acts_of("alert.fired").is_empty());
}

/// Written past the decider, as a bug in it would.
fn commander_who_operates(key: &str) -> Vec<Act> {
    let mut acts = forge::acts(key, 2, |_| String::new());
    for (index, role) in [(2, Role::Commander), (3, Role::Operations)] {
        let mut act = acts[1].clone();
        act.id = act_id(&format!("forged-{index}").parse().unwrap(), 0);
        act.evidence.digest = base::CommandDigest::from_bytes([index; 16]);
        act.body = Assigned {
            person: "sam".parse().unwrap(),
            replaces: None,
            role,
        }
        .into();
        acts.push(act);
    }
    acts
}

#[test]
fn who_commands_and_operates_is_found_counted_and_an_alert_once_for_ever() {
    let place = Place::new();
    place.configure(OPEN_METRICS);
    forge::write(
        &place.data(),
        &place.anchor(),
        commander_who_operates,
        1_000,
        |_| {},
    );
    let said = place.hereby(&["auditor"]);
    assert_eq!(said.code, 5, "{}", said.stderr);
    let sentence = "sam is commander and operations of INC-1 since entry 3";
    assert!(said.stderr.contains(sentence), "{}", said.stderr);
    let json: Value = serde_json::from_str(&place.hereby(&["auditor", "--json"]).stdout).unwrap();
    assert_eq!(json["sound"], json!(false));
    assert_eq!(json["invariants"]["roles"], json!(1));
    assert_eq!(json["violations"][0]["entry"], json!(3));

    for _ in 0..2 {
        let server = place.serve();
        assert_eq!(audited(&server, &violations("roles")), 1.0);
        assert_eq!(audited(&server, &violations("fold")), 0.0);
        let alerts = place.ok(&["alerts"]);
        assert!(alerts.contains("Invariant violated: sam"), "{alerts}");
        let doctor = place.hereby(&["doctor"]);
        assert_eq!(doctor.code, 3);
        let said = doctor.stdout;
        assert!(
            said.contains("invariants are violated: roles (1)"),
            "{said}"
        );
        assert_eq!(server.stop(), 0);
    }
    let fired = place.acts_of("alert.fired");
    assert_eq!(fired.len(), 1, "{fired:?}");
    assert_eq!(
        fired[0]["actor"],
        json!({ "id": "auditor", "type": "system" })
    );
    assert_eq!(fired[0]["body"]["source"], json!("auditor"));
    assert_eq!(fired[0]["body"]["labels"]["invariant"], json!("roles"));
    assert!(place.log().contains(sentence), "{}", place.log());
    place.ok(&["verify"]);
}

fn only_snapshot(place: &Place) -> PathBuf {
    let mut files = std::fs::read_dir(place.record().join("snapshots")).unwrap();
    files.next().unwrap().unwrap().path()
}

/// Changes a snapshot as somebody would who knows its form: its digest fits.
fn tamper(place: &Place, from: &str, to: &str) {
    let path = only_snapshot(place);
    let text = std::fs::read_to_string(&path).unwrap();
    let (header, state) = text.split_once('\n').unwrap();
    let changed = state.replacen(from, to, 1);
    assert_ne!(changed, state, "{state}");
    let mut header: Value = serde_json::from_str(header).unwrap();
    header["sha256"] = json!(sha256(&[changed.as_bytes()]));
    std::fs::write(&path, format!("{header}\n{changed}")).unwrap();
}

#[test]
fn a_snapshot_that_somebody_changed_is_found_and_so_is_what_readers_see_because_of_it() {
    let place = Place::new();
    place.configure(OPEN_METRICS);
    let server = place.serve();
    place.ok(&["declare", "checkout is slow", "--severity", "2"]);
    assert_eq!(server.stop(), 0);
    place.ok(&["rebuild"]);
    tamper(&place, "checkout is slow", "checkout is fine");
    let said = place.hereby(&["auditor"]);
    assert_eq!(said.code, 5, "{}", said.stderr);
    assert!(
        said.stderr
            .contains("the snapshot of 2 acts is not what the record says"),
        "{}",
        said.stderr
    );

    // A start believes it: it is whole, and of this record's root.
    let server = place.serve();
    assert!(place.ok(&["incidents"]).contains("checkout is fine"));
    assert_eq!(audited(&server, &violations("snapshot")), 1.0);
    assert_eq!(audited(&server, &violations("fold")), 1.0);
    assert_eq!(audited(&server, &violations("record")), 0.0);
    eventually("both are alerts", || {
        place.acts_of("alert.fired").len() == 2
    });
    assert_eq!(server.stop(), 0);
    // What mends it is what the command says.
    place.ok(&["rebuild"]);
    place.ok(&["auditor"]);
    let server = place.serve();
    assert!(place.ok(&["incidents"]).contains("checkout is slow"));
    drop(server);
}
