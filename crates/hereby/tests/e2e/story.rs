//! The whole path by hand: declare, run, resolve, verify, prove, export; private incidents; who
//! holds the directory; what a stopped or copied record can do.

use super::harness::{Place, copy_dir};

#[test]
fn an_incident_from_the_terminal_to_a_verified_bundle() {
    let place = Place::new();
    let server = place.serve();
    let declared = place.ok(&[
        "declare",
        "checkout fails",
        "--severity",
        "2",
        "--service",
        "checkout",
    ]);
    assert_eq!(declared.trim(), "INC-1");
    place.ok(&["acknowledge", "INC-1"]);
    place.ok(&["assign", "INC-1", "commander", "kim"]);
    let refused = place.hereby(&["assign", "INC-1", "operations", "sam"]);
    assert_eq!(refused.code, 9, "{}", refused.stderr);
    assert!(refused.stderr.contains("say who you are"));
    place.ok(&["assign", "INC-1", "operations", "sam", "--as", "kim"]);
    let refused = place.hereby(&["assign", "INC-1", "operations", "kim", "--as", "kim"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(
        refused
            .stderr
            .contains("nobody is both commander and operations")
    );
    place.ok(&["note", "INC-1", "card payments time out", "--as", "sam"]);
    place.ok(&[
        "update",
        "INC-1",
        "--to",
        "public",
        "we are on it",
        "--as",
        "kim",
    ]);
    place.ok(&["status", "INC-1", "identified"]);
    place.ok(&["resolve", "INC-1", "the pool was too small"]);
    let again = place.hereby(&["resolve", "INC-1"]);
    assert_eq!(again.code, 3);
    place.ok(&["reopen", "INC-1"]);
    place.ok(&["resolve", "INC-1"]);
    let shown = place.ok(&["show", "INC-1"]);
    for part in [
        "checkout fails",
        "kim",
        "card payments time out",
        "we are on it",
    ] {
        assert!(shown.contains(part), "{part} is missing:\n{shown}");
    }
    place.ok(&["verify"]);
    let vkey = place.ok(&["record", "keys"]).trim().to_owned();
    let note = place.acts_of("incident.noted")[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let proof = place.dir.path().join("note.tlog-proof");
    let bundle = place.dir.path().join("INC-1.json");
    let (proof, bundle) = (proof.to_str().unwrap(), bundle.to_str().unwrap());
    super::harness::eventually("the act is published", || {
        place.hereby(&["prove", &note, "-o", proof]).code == 0
    });
    place.ok(&["export", "INC-1", "-o", bundle]);
    // Where it listens is said as it is, not as it was asked for.
    let listens = format!("listen={}", server.address);
    assert!(place.log().contains(&listens), "{}", place.log());
    assert_eq!(server.stop(), 0);

    let proven = place.ok(&["verify", "--proof", proof, "--vkey", &vkey]);
    assert!(proven.contains("card payments time out"));
    place.ok(&["verify", "--bundle", bundle, "--vkey", &vkey]);
    place.ok(&["verify"]);
    let changed = std::fs::read_to_string(bundle)
        .unwrap()
        .replace("time out", "are fine");
    std::fs::write(bundle, changed).unwrap();
    assert_eq!(
        place
            .hereby(&["verify", "--bundle", bundle, "--vkey", &vkey])
            .code,
        5
    );
}

#[test]
fn a_copy_verifies_and_a_changed_copy_names_the_first_bad_entry() {
    let place = Place::new();
    let server = place.serve();
    for number in 0..20 {
        place.ok(&["declare", &format!("incident {number}"), "--severity", "4"]);
    }
    server.stop();
    let copy = place.dir.path().join("copy");
    copy_dir(&place.data(), &copy);
    let copy = copy.to_str().unwrap();
    place.ok(&["verify", copy]);
    let segment = format!("{copy}/record/segments/00000000000000000000.jsonl");
    let text = std::fs::read_to_string(&segment).unwrap();
    std::fs::write(&segment, text.replace("incident 7\"", "incident 8\"")).unwrap();
    let said = place.hereby(&["verify", copy]);
    assert_eq!(said.code, 5, "{}", said.stderr);
    assert!(
        said.stderr.contains("first bad entry is 8"),
        "{}",
        said.stderr
    );
}

#[test]
fn a_second_hereby_on_the_same_directory_says_who_holds_it() {
    let place = Place::new();
    let server = place.serve();
    let second = place.hereby(&["up", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.code, 7, "{}", second.stderr);
    assert!(
        second.stderr.contains(&server.pid().to_string()),
        "{}",
        second.stderr
    );
}

#[test]
fn a_private_incident_shows_nothing_on_the_disk_and_everything_to_its_people() {
    let place = Place::new();
    let server = place.serve();
    place.ok(&[
        "declare",
        "payroll was copied",
        "--severity",
        "1",
        "--private",
    ]);
    place.ok(&[
        "note",
        "INC-1",
        "the laptop of the treasurer",
        "-m",
        "told by the bank",
    ]);
    let shown = place.ok(&["show", "INC-1"]);
    assert!(
        shown.contains("payroll was copied") && shown.contains("treasurer"),
        "{shown}"
    );
    let file = place.dir.path().join("statement.txt");
    std::fs::write(&file, "the bank's statement").unwrap();
    place.ok(&["note", "INC-1", "see", "--file", file.to_str().unwrap()]);
    assert_eq!(
        place.ok(&["file", "get", "INC-1", "1"]),
        "the bank's statement"
    );
    let bundle = place.dir.path().join("closed.json");
    let opened = place.dir.path().join("opened.json");
    place.ok(&["export", "INC-1", "-o", bundle.to_str().unwrap()]);
    place.ok(&[
        "export",
        "INC-1",
        "-o",
        opened.to_str().unwrap(),
        "--with-keys",
    ]);
    server.stop();
    let raw: String = place.acts().iter().map(ToString::to_string).collect();
    assert!(!raw.contains("payroll") && !raw.contains("treasurer") && !raw.contains("bank"));
    assert!(
        !raw.contains("statement"),
        "not even what its file was called"
    );
    let vkey = place
        .ok(&["record", "keys"])
        .lines()
        .next()
        .unwrap()
        .to_owned();
    let verify = |file: &std::path::Path| {
        place.json(&[
            "verify",
            "--bundle",
            file.to_str().unwrap(),
            "--vkey",
            &vkey,
        ])
    };
    assert_eq!(verify(&bundle)["bundle"]["opened_fields"], 0);
    let with_keys = verify(&opened);
    assert_eq!(
        with_keys["bundle"]["opened_fields"],
        with_keys["bundle"]["sealed_fields"]
    );
    assert_eq!(with_keys["bundle"]["sealed_fields"], 4);
}

#[test]
fn rebuilding_gives_the_same_state_twice() {
    let place = Place::new();
    let server = place.serve();
    for number in 0..5 {
        place.ok(&["declare", &format!("incident {number}"), "--severity", "3"]);
    }
    server.stop();
    let first = place.ok(&["rebuild"]);
    assert_eq!(place.ok(&["rebuild"]), first);
    // What it has removed itself is nothing to warn of.
    let said = place.hereby(&["rebuild"]).stderr;
    assert!(!said.contains("WARN"), "{said}");
    assert!(said.contains("from 6 acts"), "{said}");
    place.ok(&["verify"]);
}

#[test]
fn the_logs_key_rotates_and_the_record_still_verifies() {
    let place = Place::new();
    let server = place.serve();
    place.ok(&["declare", "before", "--severity", "4"]);
    place.ok(&["record", "rotate"]);
    place.ok(&["declare", "after", "--severity", "4"]);
    assert_eq!(place.ok(&["record", "keys"]).lines().count(), 2);
    server.stop();
    place.ok(&["verify"]);
    place.serve().stop();
    place.ok(&["verify"]);
}
