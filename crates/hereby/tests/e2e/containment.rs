//! What is said of bans, certificates and tiers stands in the file that edges read: at once, after
//! the process was killed, and the same from the record alone.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::harness::{Place, eventually};

/// How long after an act's acknowledgement edges may not have been told, and what a loaded machine is
/// given beside it.
const TOLD_WITHIN: Duration = Duration::from_millis(200 + 800);

fn file(place: &Place) -> PathBuf {
    place.data().join("edge").join("overlay.json")
}

fn overlay(place: &Place) -> Value {
    let text = std::fs::read_to_string(file(place)).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// Waits until the file says this under a key.
fn told(place: &Place, key: &str, wanted: &Value) {
    let begun = Instant::now();
    while overlay(place)[key] != *wanted {
        let said = overlay(place);
        assert!(begun.elapsed() < TOLD_WITHIN, "{key}: {wanted} in {said}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The bans' addresses, in the file.
fn banned(place: &Place) -> Vec<String> {
    let all = overlay(place)["bans"].take();
    let all = all.as_array().into_iter().flatten();
    all.map(|ban| ban["prefix"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn edges_are_told_at_once_and_after_a_kill_and_the_record_alone_says_the_same() {
    let place = Place::new();
    let server = place.serve();
    eventually("the overlay is there", || overlay(&place)["sequence"] == 0);
    let mode = std::fs::metadata(file(&place))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    place.ok(&["declare", "Somebody tries passwords", "--severity", "2"]);

    let why = ["-m", "tries passwords"];
    let said = place.hereby(&["ban", "192.0.2.0/24"]);
    assert_eq!(said.code, 2, "without a reason: {}", said.stderr);
    let ban = |rest: &[&str]| place.ok(&[rest, &why].concat());
    ban(&["ban", "192.0.2.7", "--for", "2h", "--incident", "1"]);
    ban(&["ban", "2001:db8::/64"]);
    eventually("both are banned", || {
        banned(&place) == ["192.0.2.7/32", "2001:db8::/64"]
    });
    assert_eq!(overlay(&place)["bans"][1]["until_s"], Value::Null);
    let said = place.hereby(&["ban", "127.0.0.0/8", "-m", "x"]);
    assert_ne!(said.code, 0);

    // A certificate by its file, and by its fingerprint.
    let made = rcgen::generate_simple_self_signed(vec!["laptop-7.example".to_owned()]).unwrap();
    let pem = place.dir.path().join("laptop.pem");
    std::fs::write(&pem, made.cert.pem()).unwrap();
    place.ok(&["revoke", pem.to_str().unwrap(), "-m", "stolen"]);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, made.cert.der());
    let digits: String = digest
        .as_ref()
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    told(&place, "revoked", &json!([{ "sha256": digits }]));
    let again = place.hereby(&["revoke", &format!("sha256:{digits}"), "-m", "again"]);
    assert_ne!(again.code, 0, "{}", again.stdout);
    assert!(again.stderr.contains("revoked since"), "{}", again.stderr);

    place.ok(&["failover", "site", "--to", "1", "-m", "the disk is full"]);
    eventually("another tier answers", || {
        overlay(&place)["failovers"][0]["tier"] == 1
    });
    assert_eq!(
        overlay(&place)["failovers"][0]["reason"],
        "the disk is full"
    );

    // Killed: what is on the record is in the file when it is there again, whatever became of it.
    let before = overlay(&place);
    server.kill();
    std::fs::write(file(&place), "torn").unwrap();
    let server = place.serve();
    eventually("it is written anew", || overlay(&place) == before);
    place.ok(&["unban", "2001:db8::/64", "-m", "a school"]);
    eventually("one is let in", || banned(&place) == ["192.0.2.7/32"]);
    let served = place.json(&["bans"])["items"].clone();
    assert_eq!(served[0]["incident"], "INC-1");
    assert_eq!(served[0]["why"], "tries passwords");
    // What was done for an incident stands on its timeline, also after a restart, and is no act on it.
    let shown = place.ok(&["show", "1"]);
    assert!(shown.contains("192.0.2.7/32: banned them until"), "{shown}");
    assert!(!shown.contains("lifted the ban"), "{shown}");
    let timeline = place.json(&["show", "1"])["timeline"].take();
    let kinds: Vec<&str> = timeline
        .as_array()
        .unwrap()
        .iter()
        .map(|placed| placed["act"]["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["incident.declared/1", "client.banned/1"]);
    assert_eq!(place.json(&["revocations"])["items"][0]["why"], "stolen");
    assert_eq!(place.json(&["failover"])["items"][0]["route"], "site");
    let token = place.token("edge", "read");
    let (status, body) = server
        .http("GET", "/api/v1/overlay", Some(&token), "")
        .unwrap();
    assert_eq!(status, 200);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body, overlay(&place));
    let doctor = place.hereby(&["doctor"]).stdout;
    assert!(doctor.contains("for edges that read it"), "{doctor}");

    // Folded from the first act, it is the same.
    server.stop();
    let before = overlay(&place);
    let first = place.ok(&["rebuild"]);
    assert_eq!(place.ok(&["rebuild"]), first);
    std::fs::remove_file(file(&place)).unwrap();
    let server = place.serve();
    eventually("it is there again", || overlay(&place) == before);
    server.stop();
    place.ok(&["verify"]);
}

#[test]
fn who_came_in_with_a_certificate_is_read_from_the_edges_log_with_no_hereby_running() {
    let place = Place::new();
    let sha256 = "ab".repeat(32);
    let used = |minute: u8, host: &str| {
        let line = json!({
            "at": format!("2026-11-22T01:{minute:02}:00.000Z"), "id": format!("r{minute}"),
            "client": "192.0.2.7", "protocol": "HTTP/2", "method": "GET", "host": host, "path": "/",
            "status": 200, "tenant": "shop", "certificate": sha256, "tier": 0, "retries": 0,
            "bytes": 1, "micros": 1, "whole": true,
        });
        format!("{line}\n")
    };
    let path = |name: &str| place.dir.path().join(name).display().to_string();
    let (one, other) = (path("access.jsonl"), path("access.jsonl.1"));
    std::fs::write(&one, used(9, "b.example") + "torn").unwrap();
    std::fs::write(&other, used(3, "a.example") + &used(5, "a.example")).unwrap();
    let certificate = format!("sha256:{sha256}");
    let line = ["revoke", "--affected", &certificate, "--log", &one, &other];
    let said = place.hereby(&line);
    assert_eq!(said.code, 0, "{}", said.stderr);
    for part in [
        "3 times, in 4 lines",
        "request r3",
        "request r9",
        "2  a.example",
    ] {
        assert!(said.stdout.contains(part), "{part}: {}", said.stdout);
    }
    assert!(said.stderr.contains("1 line could not be read"));
    assert!(said.stderr.contains("may have happened"));
    let since = place.json(&[&line[..], &["--since", "2026-11-22T01:05:00Z"]].concat());
    assert_eq!(since["uses"], 2);
    assert_eq!(since["unreadable"], 1);
    assert_eq!(since["complete"], Value::Null);
}

#[test]
fn where_the_file_can_not_be_written_it_is_said_and_tried_again() {
    let place = Place::new();
    // Something else is where the directory should be.
    std::fs::write(place.data().join("edge"), "").unwrap();
    let server = place.serve();
    place.ok(&["ban", "192.0.2.7", "-m", "it stands on the record anyway"]);
    let counts = || {
        let token = place.token("scrape", "read");
        server.http("GET", "/metrics", Some(&token), "").unwrap().1
    };
    eventually("it is counted", || {
        let counts = counts();
        counts.contains("hereby_overlay_behind 1")
            && !counts.contains("hereby_overlay_write_failures_total 0")
    });
    assert!(place.log().contains("the overlay can't be written"));
    let doctor = place.hereby(&["doctor"]);
    assert_ne!(doctor.code, 0);
    assert!(doctor.stdout.contains("overlay.json"), "{}", doctor.stdout);
    std::fs::remove_file(place.data().join("edge")).unwrap();
    eventually("it is tried again", || banned(&place) == ["192.0.2.7/32"]);
    eventually("it is behind no more", || {
        counts().contains("hereby_overlay_behind 0")
    });
}
