//! What tends a record that is stopped: archiving, rebuilding, keys, proofs. Nothing is lost that
//! could not be made again, and whoever holds the directory is not disturbed.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::harness::{Place, Server, eventually, http};

/// Writes notes until the record has four segments of a mebibyte, then says how many acts it has.
fn grow(place: &Place, server: &Server) -> usize {
    place.ok(&["declare", "the disk fills", "--severity", "3"]);
    let token = place.token("writer", "respond");
    for number in 0..220 {
        let text = format!("note {number} {}", "x".repeat(16_000));
        let id = format!("grow-{number}");
        let body = json!({ "incident": "INC-1", "text": text }).to_string();
        // One token may send 200 commands at once and 50 a second: on a quick machine some wait.
        eventually("the note is taken", || {
            let (status, said) = http(
                &server.address,
                "POST",
                "/api/v1/commands/incident.note",
                Some(&token),
                &[("Idempotency-Key", &id)],
                &body,
            )
            .unwrap();
            assert!(status == 200 || status == 503, "{said}");
            status == 200
        });
    }
    place.entries().len()
}

/// The files of the record's directories, with their lengths.
fn derived_and_not(place: &Place) -> Vec<(PathBuf, u64)> {
    fn add(directory: &Path, found: &mut Vec<(PathBuf, u64)>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => add(&path, found),
                false => found.push((path.clone(), path.metadata().unwrap().len())),
            }
        }
    }
    let mut found = Vec::new();
    add(&place.record(), &mut found);
    found.sort();
    found
}

fn with_ending(place: &Place, ending: &str) -> Vec<PathBuf> {
    let files = derived_and_not(place).into_iter().map(|(path, _)| path);
    files
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect()
}

/// Whoever holds the directory is named, and nothing is touched.
fn assert_nothing_is_tended(place: &Place, server: &Server, to: &str) {
    eventually("the indexes are written", || {
        with_ending(place, "idx").len() == 3
    });
    let before = with_ending(place, "jsonl");
    assert_eq!(before.len(), 4);
    for tending in [&["record", "archive", to, "--keep", "0"][..], &["rebuild"]] {
        let refused = place.hereby(tending);
        assert_eq!(refused.code, 7, "{tending:?}: {}", refused.stderr);
        assert!(
            refused.stderr.contains(&server.pid().to_string()),
            "{}",
            refused.stderr
        );
        assert!(
            refused.stderr.contains("stop that process"),
            "{}",
            refused.stderr
        );
    }
    assert_eq!(with_ending(place, "jsonl"), before);
    assert_eq!(with_ending(place, "idx").len(), 3);
}

/// Without a snapshot a start needs the archive, and that is no corruption.
fn assert_needs_the_archive(place: &Place) {
    let snapshots = place.record().join("snapshots");
    let kept = place.dir.path().join("snapshots");
    std::fs::rename(&snapshots, &kept).unwrap();
    let (mut server, ready) = place.try_serve(&[]);
    assert!(!ready);
    assert_eq!(
        server.child.wait().unwrap().code(),
        Some(3),
        "{}",
        place.log()
    );
    assert!(
        place.log().contains("mount the archive, then start again"),
        "{}",
        place.log()
    );
}

#[test]
fn a_record_whose_archive_is_not_mounted_starts_verifies_and_loses_nothing() {
    let place = Place::new();
    place.configure("segment_mib = 1");
    let (to, away) = (
        place.dir.path().join("archive"),
        place.dir.path().join("unmounted"),
    );
    let to_text = to.to_str().unwrap();
    let server = place.serve();
    let acts = grow(&place, &server);

    assert_nothing_is_tended(&place, &server, to_text);
    assert_eq!(server.stop(), 0);

    let state = place.ok(&["rebuild"]);
    place.ok(&["record", "archive", to_text, "--keep", "0"]);
    assert_eq!(with_ending(&place, "archived").len(), 3);
    assert_eq!(with_ending(&place, "jsonl").len(), 1);
    std::fs::rename(&to, &away).unwrap();

    // Without it: a start, new acts, and a verification that says what it is of.
    let server = place.serve();
    place.ok(&["note", "INC-1", "without the archive"]);
    assert_eq!(server.stop(), 0);
    let said = place.hereby(&["verify"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let all = acts + 1;
    let here = place.entries().len();
    assert!(
        said.stderr
            .contains(&format!("verified {here} of {all} acts of ")),
        "{}",
        said.stderr
    );
    assert!(
        said.stderr.contains("signatures could not be checked"),
        "{}",
        said.stderr
    );
    assert_eq!(place.json(&["verify"])["checked"], here);
    let whole = place.json(&["verify", "--archive", away.to_str().unwrap()]);
    assert_eq!(
        (&whole["checked"], &whole["entries"]),
        (&json!(all), &json!(all))
    );

    // What is needed and can't be made again now is not thrown away.
    let before = derived_and_not(&place);
    let refused = place.hereby(&["rebuild"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("mount the archive"),
        "{}",
        refused.stderr
    );
    assert_eq!(derived_and_not(&place), before);

    assert_needs_the_archive(&place);

    // Mounted again, all of it is made again, and the next start does without.
    std::fs::rename(&away, &to).unwrap();
    assert_eq!(place.ok(&["rebuild"]), place.ok(&["rebuild"]));
    assert_ne!(place.ok(&["rebuild"]), state);
    assert_eq!(with_ending(&place, "idx").len(), 3);
    std::fs::rename(&to, &away).unwrap();
    assert_eq!(place.serve().stop(), 0);
}

#[test]
fn the_keystore_that_is_configured_opens_what_is_exported_from_the_files() {
    let place = Place::new();
    let (keys, away) = (place.dir.path().join("keys"), place.dir.path().join("away"));
    std::fs::create_dir(&keys).unwrap();
    place.configure(&format!("keystore = {keys:?}"));
    let server = place.serve();
    place.ok(&[
        "declare",
        "payroll was copied",
        "--severity",
        "1",
        "--private",
    ]);
    let file = |name: &str| place.dir.path().join(name).to_str().unwrap().to_owned();
    eventually("it is published", || {
        place
            .hereby(&["export", "INC-1", "-o", &file("running.json")])
            .code
            == 0
    });
    assert_eq!(server.stop(), 0);
    assert_eq!(
        place.json(&["record", "keys"])["sealing"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    place.ok(&["export", "INC-1", "-o", &file("opened.json"), "--with-keys"]);
    let vkey = place.ok(&["record", "keys"]).trim().to_owned();
    let opened = place.json(&["verify", "--bundle", &file("opened.json"), "--vkey", &vkey]);
    assert_eq!(
        opened["bundle"]["opened_fields"],
        opened["bundle"]["sealed_fields"]
    );
    assert_ne!(opened["bundle"]["sealed_fields"], 0);
    // A key that is not there is missed, not left out.
    std::fs::rename(&keys, &away).unwrap();
    let refused = place.hereby(&["export", "INC-1", "-o", &file("closed.json"), "--with-keys"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("is not in the keystore"),
        "{}",
        refused.stderr
    );
    assert!(!Path::new(&file("closed.json")).exists());
    place.ok(&["export", "INC-1", "-o", &file("closed.json")]);
}

#[test]
fn the_present_key_is_named_first_and_verifies_a_proof_from_stdout() {
    let place = Place::new();
    let server = place.serve();
    let first = place.ok(&["record", "keys"]).trim().to_owned();
    place.ok(&["record", "rotate"]);
    place.ok(&["declare", "after", "--severity", "4"]);
    let act = place.acts_of("incident.declared")[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    eventually("it is published", || {
        place.hereby(&["prove", &act]).code == 0
    });
    assert_eq!(server.stop(), 0);
    let keys = place.ok(&["record", "keys"]);
    let keys: Vec<&str> = keys.lines().collect();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[1], first);
    let proof = place.ok(&["prove", &act]);
    let file = place.dir.path().join("act.tlog-proof");
    std::fs::write(&file, &proof).unwrap();
    let file = file.to_str().unwrap();
    let proven = place.ok(&["verify", "--proof", file, "--vkey", keys[0]]);
    assert!(proven.contains("after"), "{proven}");
    assert_eq!(
        place
            .hereby(&["verify", "--proof", file, "--vkey", keys[1]])
            .code,
        5
    );
    place.ok(&["verify", "--vkey", keys[1]]);
    assert_eq!(place.json(&["prove", &act])["proof"], proof);
}
