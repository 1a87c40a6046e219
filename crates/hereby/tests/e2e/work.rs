//! The work in an incident as people do it at the terminal: prepared in files, declared from a
//! template, worked on by several, handed over with files, and erased by two.

use std::path::PathBuf;

use super::harness::{Place, Said, eventually};

/// A directory with a team, its people, a service, a runbook and a template.
fn prepared(place: &Place) -> PathBuf {
    let dir = place.dir.path().join("ops");
    std::fs::create_dir(&dir).unwrap();
    let page = r#"
[team.payments]
about = "Carts and cards"

[person.sam]
full_name = "Sam Sample"
places = [{ kind = "mail", address = "sam@example.org" }]
permissions = ["responder@payments", "commander"]

[person.kim]
permissions = ["responder"]

[service.checkout]
owner = "payments"
tier = 1
dependencies = ["dns:example.org:closed"]

[template.payments-down]
title = "Payments fail"
severity = 1
service = "checkout"
runbooks = ["db-failover"]
update_every = { public = "1h" }
"#;
    std::fs::write(dir.join("hereby.toml"), page).unwrap();
    let runbook = "# Fail the database over\n\n- [ ] Fence db-1\n- [ ] Promote db-2\n- [ ] Watch\n";
    std::fs::write(dir.join("db-failover.md"), runbook).unwrap();
    dir
}

/// What is said as somebody, which must be taken; what was printed.
fn by(place: &Place, person: &str, args: &[&str]) -> String {
    let mut all = args.to_vec();
    all.extend(["--as", person]);
    place.ok(&all)
}

fn import(place: &Place, dir: &std::path::Path, more: &[&str]) -> Said {
    let mut args = vec!["import", dir.to_str().unwrap()];
    args.extend(more);
    place.hereby(&args)
}

#[test]
fn an_import_changes_what_differs_and_nothing_else() {
    let place = Place::new();
    let _server = place.serve();
    let dir = prepared(&place);
    let acts = || place.json(&["status"])["size"].as_u64().unwrap();

    let before = acts();
    let planned = import(&place, &dir, &["--plan"]);
    assert_eq!(planned.code, 0, "{}", planned.stderr);
    assert!(planned.stdout.contains("new      template payments-down"));
    assert!(
        planned.stderr.contains("nothing happened"),
        "{}",
        planned.stderr
    );
    assert_eq!(acts(), before, "a plan changes nothing");

    let first = import(&place, &dir, &[]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert!(
        first
            .stderr
            .contains("9 new, 0 changed, 0 unchanged, 0 removed."),
        "{}",
        first.stderr
    );
    let after = acts();
    let second = import(&place, &dir, &[]);
    assert_eq!(second.code, 0, "{}", second.stderr);
    assert!(
        second.stderr.contains("0 new, 0 changed, 9 unchanged"),
        "{}",
        second.stderr
    );
    assert_eq!((second.stdout.as_str(), acts()), ("", after));

    // What was undone by hand comes back, although the same was said before.
    for _ in 0..2 {
        place.ok(&["withdraw", "kim", "responder"]);
        let again = import(&place, &dir, &[]);
        assert_eq!(again.code, 0, "{}", again.stderr);
        assert_eq!(again.stdout, "new      permission kim: responder\n");
        let may = place.json(&["person", "list"])["items"][0]["permissions"].clone();
        assert_eq!(may[0]["permission"], "responder");
    }
    place.ok(&["team", "add", "old"]);
    place.ok(&["grant", "kim", "viewer"]);
    let left = import(&place, &dir, &[]);
    assert!(
        left.stderr
            .contains("2 things that the files don't name stay"),
        "{}",
        left.stderr
    );
    let removed = import(&place, &dir, &["--remove"]);
    assert_eq!(
        removed.stdout, "removed  permission kim: viewer\nremoved  team old\n",
        "{}",
        removed.stderr
    );
}

#[test]
fn several_people_work_on_an_incident_and_its_page_shows_it() {
    let place = Place::new();
    let _server = place.serve();
    let dir = prepared(&place);
    assert_eq!(import(&place, &dir, &[]).code, 0);

    assert_eq!(
        by(&place, "sam", &["declare", "--template", "payments-down"]).trim(),
        "INC-1"
    );
    by(&place, "sam", &["assign", "1", "commander", "sam"]);
    by(&place, "kim", &["join", "1"]);
    let refused = place.hereby(&["decide", "1", "Fix forward", "--as", "kim"]);
    assert_eq!(refused.code, 9, "{}", refused.stderr);
    by(
        &place,
        "sam",
        &[
            "decide",
            "1",
            "Roll back",
            "--option",
            "fix forward",
            "-m",
            "it is quicker",
        ],
    );
    assert_eq!(
        by(&place, "sam", &["task", "add", "1", "Ask the processor"]).trim(),
        "1"
    );
    by(&place, "sam", &["task", "give", "1", "1", "kim"]);
    assert_eq!(
        by(
            &place,
            "kim",
            &["ask", "1", "Did it change the pool?", "--of", "alex"]
        )
        .trim(),
        "1"
    );
    assert_eq!(
        by(
            &place,
            "kim",
            &["contact", "add", "1", "cards", "their desk, +15550100"]
        )
        .trim(),
        "1"
    );
    by(&place, "kim", &["tick", "1", "1"]);
    let unreasoned = place.hereby(&["skip", "1", "2", "--as", "kim"]);
    assert_eq!(unreasoned.code, 3, "{}", unreasoned.stderr);
    by(
        &place,
        "kim",
        &["skip", "1", "1.2", "-m", "db-2 is promoted"],
    );
    by(
        &place,
        "sam",
        &["clock", "1", "--to", "insiders", "--every", "30m"],
    );
    by(
        &place,
        "sam",
        &[
            "impact",
            "1",
            "--customers",
            "1200",
            "--cost",
            "12.50",
            "--currency",
            "EUR",
        ],
    );
    by(
        &place,
        "sam",
        &["declare", "Carts fail", "--service", "checkout"],
    );
    by(&place, "sam", &["assign", "2", "commander", "sam"]);
    by(&place, "sam", &["relate", "1", "related-to", "2"]);
    by(&place, "kim", &["note", "1", "db-1 is full"]);
    let noted = place.acts_of("incident.noted").len();
    assert_eq!(noted, 1);
    let timeline = place.json(&["show", "1"])["timeline"].clone();
    let note = timeline.as_array().unwrap().last().unwrap()["index"].to_string();
    by(&place, "kim", &["correct", "1", &note, "It was db-2"]);

    let page = place.ok(&["show", "1", "--entries"]);
    for part in [
        "people          kim, sam",
        "impact          1200 customers were hurt; it cost EUR 12.50",
        "is              related to INC-2",
        "load            sam is also commander of INC-2",
        "insiders: next word due in 29 min",
        "the public: next word due in 59 min",
        "kim    open   Ask the processor",
        "alex  open   Did it change the pool?",
        "their desk, +15550100",
        "1  db-failover  1 of 3 left",
        "1.1   [x] Fence db-1",
        "1.2   [-] Promote db-2",
        "1.3   [ ] Watch",
        "When it was declared",
        "dns:example.org:closed",
        "considered: fix forward",
        "corrected ",
        "by kim (uid ",
        ": It was db-2",
    ] {
        assert!(page.contains(part), "{part} is missing:\n{page}");
    }
    assert!(
        page.lines()
            .any(|line| line.trim_start().starts_with(&format!("{note}  ")))
    );

    by(&place, "kim", &["task", "done", "1", "1"]);
    by(&place, "alex", &["answer", "1", "1", "It did."]);
    by(&place, "kim", &["contact", "remove", "1", "1"]);
    by(&place, "sam", &["resolve", "1", "Rolled back"]);
    // Of one that is over, all of it is still there.
    assert!(
        place
            .ok(&["task", "list", "1"])
            .contains("done   Ask the processor")
    );
    assert!(place.ok(&["questions", "1"]).contains("=> It did."));
    let over = place.ok(&["show", "1"]);
    assert!(
        over.contains("1 question answered") && !over.contains("Next word"),
        "{over}"
    );
}

#[test]
fn what_somebody_read_is_on_the_record_and_what_they_knew_follows_from_it() {
    let place = Place::new();
    let _server = place.serve();
    by(&place, "sam", &["declare", "Cards fail"]);
    by(&place, "sam", &["note", "1", "found in the log"]);
    let read = place.hereby(&["read", "1", "--as", "kim"]);
    assert_eq!(read.code, 0, "{}", read.stderr);
    assert!(read.stdout.contains("noted: found in the log"));
    assert!(read.stderr.contains("kim has read all 2 acts of INC-1"));
    let again = place.hereby(&["read", "1", "--as", "kim"]);
    assert_eq!(
        (again.code, again.stdout.as_str()),
        (0, ""),
        "{}",
        again.stderr
    );
    by(&place, "sam", &["note", "1", "found its cause"]);
    assert_eq!(place.acts_of("incident.caught_up").len(), 1);

    let knew = place.json(&["knew", "1", "kim"])["items"].clone();
    let how: Vec<&str> = knew
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["how"].as_str().unwrap_or("-"))
        .collect();
    assert_eq!(how, ["read", "read", "took", "-"]);
    let new = by(&place, "kim", &["read", "1"]);
    assert!(
        new.contains("found its cause") && !new.contains("found in the log"),
        "{new}"
    );
    assert_eq!(place.hereby(&["read", "1"]).code, 2, "who reads?");
}

#[test]
fn files_of_a_private_incident_are_readable_to_those_who_work_on_it_and_on_no_disk() {
    let place = Place::new();
    let server = place.serve();
    let secret = "the payroll of everybody";
    let file = place.dir.path().join("mail.txt");
    std::fs::write(&file, secret).unwrap();
    let path = file.to_str().unwrap();
    by(
        &place,
        "sam",
        &["declare", "payroll was copied", "--private"],
    );
    by(&place, "sam", &["note", "1", "the mail", "--file", path]);
    let other = place.dir.path().join("reply.txt");
    std::fs::write(&other, secret.repeat(3)).unwrap();
    let line = [
        "file",
        "add",
        "1",
        other.to_str().unwrap(),
        "--from",
        "their desk",
        "--vouch",
    ];
    let digest = by(&place, "sam", &line);
    let files = place.json(&["file", "list", "1"])["items"].clone();
    assert_eq!(files[0]["name"], "a file");
    assert_eq!(files[1]["name"], "reply.txt");
    assert_eq!(files[1]["verification"], "attested");
    assert_eq!(files[1]["source"], "their desk");

    let out = place.dir.path().join("out.txt");
    place.ok(&["file", "get", "1", "1", "-o", out.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(&out).unwrap(), secret);
    assert_eq!(
        place.ok(&["file", "get", "1", &digest[..8]]),
        secret.repeat(3)
    );
    assert_eq!(
        place.ok(&["file", "get", "1", digest.trim()]),
        secret.repeat(3)
    );
    assert_eq!(place.hereby(&["file", "get", "1", "3"]).code, 3);
    server.stop();
    let found = std::process::Command::new("grep")
        .args([
            "-r",
            "-l",
            "-a",
            "payroll of",
            place.data().to_str().unwrap(),
        ])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&found.stdout),
        "",
        "on the disk it is not readable"
    );
    place.ok(&["verify"]);
}

#[test]
fn what_is_erased_takes_a_second_person() {
    let place = Place::new();
    let _server = place.serve();
    for person in ["sam", "kim", "alex"] {
        place.ok(&["key", "new", person]);
        place.ok(&["key", "enroll", person, "--person", person]);
    }
    by(
        &place,
        "sam",
        &["declare", "payroll was copied", "--private"],
    );
    by(&place, "sam", &["note", "1", "a password: swordfish"]);
    let waits = place.hereby(&["redact", "INC-1", "-m", "a password in it", "--sign", "sam"]);
    assert_eq!(waits.code, 0, "{}", waits.stderr);
    assert!(
        waits
            .stderr
            .starts_with("Waits as req-1: it takes 1 approval by somebody else."),
        "{}",
        waits.stderr
    );
    assert!(
        place.ok(&["show", "1"]).contains("swordfish"),
        "nothing happened yet"
    );
    let listed = place.ok(&["requests"]);
    assert!(
        listed.contains("req-1") && listed.contains("0 of 1"),
        "{listed}"
    );

    let own = place.hereby(&["approve", "req-1", "--sign", "sam"]);
    assert_eq!(
        own.code, 9,
        "nobody approves their own request: {}",
        own.stderr
    );
    assert_eq!(
        place.hereby(&["override", "req-1", "--sign", "sam"]).code,
        3,
        "without a reason"
    );
    let done = place.hereby(&["approve", "req-1", "--sign", "kim"]);
    assert!(
        done.stderr.starts_with("Approved req-1: it is done."),
        "{}",
        done.stderr
    );
    eventually("what was sealed is erased", || {
        let page = place.ok(&["show", "1"]);
        page.contains("erased") && !page.contains("swordfish")
    });
    place.ok(&["verify"]);

    // A second key for somebody who has one gives their voice away: it takes two others.
    place.ok(&["key", "new", "other"]);
    let key = place.json(&[
        "key",
        "enroll",
        "other",
        "--person",
        "kim",
        "--sign",
        "sam",
        "-m",
        "a new laptop",
    ]);
    assert_eq!(
        (&key["outcome"], &key["request"]),
        (&"waits".into(), &"req-2".into())
    );
    assert_eq!(
        place
            .hereby(&["override", "req-2", "-m", "x", "--sign", "sam"])
            .code,
        9
    );
    place.ok(&["take-back", "req-2", "--sign", "sam"]);
    assert!(place.hereby(&["requests"]).stderr.contains("Nothing waits"));
}
