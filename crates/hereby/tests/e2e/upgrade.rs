//! Up and down again: what an older hereby wrote is read and gone on from, and what a newer one wrote
//! is kept, or refused in words that say so. Never lost, never rewritten.

use std::path::{Path, PathBuf};

use record::act::{Act, act_id};
use record::hash::sha256;
use record::kinds::{Body, UnknownBody};
use serde_json::{Value, json};

use super::forge;
use super::harness::{Place, copy_dir, http};

/// A whole data directory of every release: `golden/VERSION`. They are never changed. The one of the
/// present release is made, once, with `HEREBY_WRITE_GOLDEN=1 cargo nextest run -p hereby upgrade`.
const RELEASES: &[&str] = &["0.1.0"];

fn golden(release: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(release)
}

/// Something of everything that a record can hold.
fn live(place: &Place) {
    let server = place.serve();
    place.ok(&["person", "add", "kim"]);
    place.ok(&["grant", "kim", "commander"]);
    place.ok(&[
        "declare",
        "checkout is slow",
        "--severity",
        "2",
        "--service",
        "checkout",
    ]);
    place.ok(&["acknowledge", "INC-1"]);
    place.ok(&["assign", "INC-1", "commander", "kim"]);
    place.ok(&["--as", "kim", "assign", "INC-1", "operations", "sam"]);
    place.ok(&[
        "waive",
        "INC-1",
        "sam",
        "-m",
        "at night there is nobody else",
    ]);
    let file = place.dir.path().join("crontab.txt");
    std::fs::write(&file, "* * * * * root /usr/sbin/.x\n").unwrap();
    place.ok(&[
        "note",
        "INC-1",
        "a miner in root's crontab",
        "--file",
        file.to_str().unwrap(),
    ]);
    place.ok(&[
        "--as",
        "kim",
        "update",
        "INC-1",
        "--to",
        "public",
        "we are on it",
    ]);
    place.ok(&["status", "INC-1", "identified"]);
    place.ok(&["time", "INC-1", "impact-start", "10m ago"]);
    place.ok(&["declare", "payroll leaked", "--severity", "1", "--private"]);
    place.ok(&["note", "INC-2", "it was sent to everyone"]);
    place.ok(&["key", "new", "kim-laptop"]);
    place.ok(&["key", "enroll", "kim-laptop", "--person", "kim"]);
    place.ok(&["--sign", "kim-laptop", "note", "INC-1", "signed by kim"]);
    place.ok(&[
        "silence",
        "service=batch",
        "--for",
        "2h",
        "-m",
        "moving hosts",
    ]);
    place.ok(&["heartbeat", "expect", "nightly", "--every", "1d"]);
    let token = place.token("alertmanager", "alerts");
    let alert = json!({ "routing_key": token, "event_action": "trigger", "dedup_key": "cpu",
        "payload": { "summary": "CPU above 90 %", "source": "web-1", "severity": "critical" } });
    let (status, said) = http(
        &server.address,
        "POST",
        "/v2/enqueue",
        None,
        &[],
        &alert.to_string(),
    )
    .unwrap();
    assert_eq!(status, 202, "{said}");
    place.ok(&["record", "rotate"]);
    place.ok(&["resolve", "INC-1", "torn down and rebuilt"]);
    assert_eq!(server.stop(), 0);
    // Keeps a snapshot.
    place.ok(&["rebuild"]);
}

fn write_golden(release: &str) {
    let place = Place::new();
    live(&place);
    let to = golden(release);
    std::fs::create_dir_all(to.join("data")).unwrap();
    for name in ["record", "keys", "keystore", "blobs"] {
        copy_dir(&place.data().join(name), &to.join("data"));
    }
    let _ = std::fs::remove_file(to.join("data/record/reserve"));
    let _ = std::fs::remove_file(to.join("data/record/spare"));
    std::fs::copy(place.anchor(), to.join("anchor")).unwrap();
}

/// A place with what that release left.
fn left_by(release: &str) -> Place {
    let place = Place::new();
    let from = golden(release);
    for name in ["record", "keys", "keystore", "blobs"] {
        copy_dir(&from.join("data").join(name), &place.data());
    }
    copy_dir(&from.join("anchor"), &place.anchor());
    make_private(&place.data());
    place
}

/// A checkout has other permissions than a data directory.
fn make_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = if path.is_dir() { 0o700 } else { 0o600 };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            make_private(&entry.unwrap().path());
        }
    }
}

#[test]
fn a_directory_that_any_release_left_starts_answers_verifies_and_goes_on() {
    if std::env::var_os("HEREBY_WRITE_GOLDEN").is_some() {
        write_golden(RELEASES.last().unwrap());
    }
    for release in RELEASES {
        let place = left_by(release);
        let before = place.entries();
        assert!(before.len() > 20, "{release}");
        place.ok(&["verify"]);
        let server = place.serve();
        let shown = place.ok(&["show", "INC-1"]);
        for said in [
            "checkout is slow",
            "a miner in root's crontab",
            "we are on it",
            "signed by kim",
            "torn down",
        ] {
            assert!(shown.contains(said), "{release}: {said}: {shown}");
        }
        assert!(
            place
                .ok(&["show", "INC-2"])
                .contains("it was sent to everyone")
        );
        assert!(place.ok(&["alerts", "--all"]).contains("CPU above 90 %"));
        place.ok(&["reopen", "INC-1", "-m", "with a newer hereby"]);
        place.ok(&["note", "INC-2", "more of it"]);
        assert_eq!(server.stop(), 0);
        place.ok(&["rebuild"]);
        place.ok(&["verify"]);
        assert_eq!(place.json(&["auditor"])["sound"], json!(true), "{release}");
        let after = place.entries();
        assert_eq!(after[..before.len()], before[..], "{release}");
    }
}

fn snapshots(place: &Place) -> Vec<PathBuf> {
    let files = std::fs::read_dir(place.record().join("snapshots")).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

/// Makes the newest snapshot one of another version of the fold; what it says would be wrong here.
fn of_version(place: &Place, change: i64) {
    let path = snapshots(place).pop().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let (header, state) = text.split_once('\n').unwrap();
    let (body, version) = state.rsplit_once("\"version\":").unwrap();
    let version: i64 = version.trim_end_matches('}').parse().unwrap();
    let body = body.replacen("checkout is slow", "nothing is slow", 1);
    let state = format!("{body}\"version\":{}}}", version + change);
    let mut header: Value = serde_json::from_str(header).unwrap();
    header["sha256"] = json!(sha256(&[state.as_bytes()]));
    std::fs::write(&path, format!("{header}\n{state}")).unwrap();
}

#[test]
fn a_snapshot_of_a_newer_or_older_fold_is_passed_over_and_the_record_is_the_same_both_ways() {
    for change in [1, -1] {
        let place = left_by("0.1.0");
        // Whatever release it is of, one of this build.
        place.ok(&["rebuild"]);
        of_version(&place, change);
        let (before, kept) = (place.entries(), snapshots(&place));
        // Here, and again as if the other one had run in between.
        for _ in 0..2 {
            let server = place.serve();
            assert!(place.ok(&["show", "INC-1"]).contains("checkout is slow"));
            assert!(
                place
                    .ok(&["incidents", "--all"])
                    .contains("checkout is slow")
            );
            assert_eq!(server.stop(), 0);
        }
        assert_eq!(place.json(&["auditor"])["sound"], json!(true));
        assert_eq!(snapshots(&place), kept, "the other one finds what it left");
        assert_eq!(place.entries()[..before.len()], before[..]);
        place.ok(&["verify"]);
    }
}

/// Acts of a later hereby: kinds and versions of kinds that nobody here knows.
fn of_a_later_release(key: &str) -> Vec<Act> {
    let mut acts = forge::acts(key, 3, |_| "before".to_owned());
    let later = [
        ("incident.weather_reported/1", "{\"sky\":\"overcast\"}"),
        (
            "incident.noted/9",
            "{\"mood\":\"calm\",\"text\":\"from the future\"}",
        ),
        ("incident.resolved/7", "{\"by\":\"itself\"}"),
    ];
    for (kind, json) in later {
        let index = u8::try_from(acts.len()).unwrap();
        let mut act = acts[2].clone();
        act.id = act_id(&format!("later-{index}").parse().unwrap(), 0);
        act.evidence.digest = base::CommandDigest::from_bytes([index; 16]);
        act.body = Body::Unknown(UnknownBody {
            kind: kind.into(),
            json: serde_json::value::RawValue::from_string(json.to_owned()).unwrap(),
        });
        acts.push(act);
    }
    acts
}

#[test]
fn acts_of_later_kinds_are_kept_shown_and_gone_on_behind() {
    let place = Place::new();
    forge::write(
        &place.data(),
        &place.anchor(),
        of_a_later_release,
        1_000,
        |_| {},
    );
    let before = place.entries();
    let server = place.serve();
    let tail = place.ok(&["record", "tail"]);
    for kind in [
        "incident.weather_reported/1",
        "incident.noted/9",
        "incident.resolved/7",
    ] {
        assert!(tail.contains(kind), "{tail}");
    }
    let shown = place.ok(&["show", "INC-1"]);
    assert!(shown.contains("incident.weather_reported"), "{shown}");
    assert!(
        place
            .ok(&["record", "show", "4"])
            .contains("from the future")
    );
    // What it can't understand changes nothing here, and what it can goes on.
    place.ok(&["note", "INC-1", "the older one writes on"]);
    place.ok(&["resolve", "INC-1", "done"]);
    let (bundle, vkey) = (
        place.dir.path().join("b.json"),
        place.ok(&["record", "keys"]),
    );
    place.ok(&["export", "INC-1", "-o", bundle.to_str().unwrap()]);
    place.ok(&[
        "verify",
        "--bundle",
        bundle.to_str().unwrap(),
        "--vkey",
        vkey.trim(),
    ]);
    assert_eq!(server.stop(), 0);
    place.ok(&["rebuild"]);
    place.ok(&["verify"]);
    let audited = place.json(&["auditor"]);
    assert_eq!(
        (&audited["sound"], &audited["unknown_acts"]),
        (&json!(true), &json!(3))
    );
    let after = place.entries();
    assert_eq!(after[..before.len()], before[..]);
    assert!(after.len() >= before.len() + 2);
}

/// What can't be read is refused with exit code 3 and the word "newer", and stays as it is.
fn refuses(place: &Place, lines: &[&[&str]]) {
    let before = place.entries();
    for line in lines {
        let said = place.hereby(line);
        assert_ne!(said.code, 0, "{line:?}: {}", said.stdout);
        assert!(
            said.stderr.contains("newer hereby"),
            "{line:?}: {}",
            said.stderr
        );
    }
    let (server, ready) = place.try_serve(&[]);
    assert!(!ready);
    drop(server);
    assert!(
        place
            .log()
            .contains("a newer hereby has written to this record"),
        "{}",
        place.log()
    );
    assert_eq!(place.entries(), before);
}

#[test]
fn an_entry_of_a_later_envelope_stops_an_older_hereby_and_nothing_is_changed() {
    let place = Place::new();
    let entries = |key: &str| {
        let acts = forge::acts(key, 4, |_| "x".to_owned());
        let mut entries: Vec<Vec<u8>> = acts.iter().map(|act| act.encode().unwrap()).collect();
        let text = String::from_utf8(entries[3].clone()).unwrap();
        let later = text.replace(
            "\"subject\":",
            "\"seal\":{\"of\":\"approval\"},\"subject\":",
        );
        entries[3] = later.replace("\"v\":1}", "\"v\":2}").into_bytes();
        (entries, acts)
    };
    forge::write_entries(&place.data(), &place.anchor(), entries, 1_000, |_| {});
    refuses(
        &place,
        &[
            &["rebuild"],
            &["serve", "--listen", "127.0.0.1:0"],
            &["auditor"],
        ],
    );
    let said = place.hereby(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(said.code, 3, "{}", said.stderr);
    // It is the log's own word all the same: reading and proving go on.
    assert!(place.ok(&["record", "tail"]).contains("incident.noted/1"));
}

#[test]
fn a_segment_of_a_later_form_stops_an_older_hereby_and_is_not_called_damaged() {
    let place = left_by("0.1.0");
    let segment = place.record().join("segments/00000000000000000000.jsonl");
    let text = std::fs::read_to_string(&segment).unwrap();
    let (header, rest) = text.split_once('\n').unwrap();
    let header = header.replacen("\"v\":1}", "\"v\":3,\"zipped\":false}", 1);
    std::fs::write(&segment, format!("{header}\n{rest}")).unwrap();
    refuses(&place, &[&["rebuild"], &["record", "tail"]]);
    let said = place.hereby(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(said.code, 3, "{}", said.stderr);
    assert!(!said.stderr.contains("damaged"), "{}", said.stderr);
}
