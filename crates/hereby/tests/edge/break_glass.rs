//! Control is gone, and what edges run does harm: they go back by a note that a person signed, and what they
//! did is on the record when control is back.

use std::process::{Command, Output};

use serde_json::Value;

use crate::fleet_peers::Fleet;
use crate::harness::{HEREBY, eventually};

/// `hereby ARGS` by somebody who has their keys there.
fn hereby(fleet: &Fleet, args: &[&str]) -> Output {
    Command::new(HEREBY)
        .args(args)
        .env("XDG_CONFIG_HOME", fleet.place.path("keys"))
        .output()
        .unwrap()
}

fn must(fleet: &Fleet, args: &[&str]) -> String {
    let output = hereby(fleet, args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn no(fleet: &Fleet, args: &[&str]) -> String {
    let output = hereby(fleet, args);
    assert!(!output.status.success(), "{args:?} succeeded");
    String::from_utf8(output.stderr).unwrap()
}

/// A note by that key: where it lies.
fn note(fleet: &Fleet, key: &str, cell: &str, digest: &str, counter: u64) -> String {
    let file = fleet.place.path(&format!("note-{counter}"));
    let file = file.to_str().unwrap().to_owned();
    let counter = counter.to_string();
    let sign = ["break-glass", "sign", key, "--cell", cell, "--version"];
    let more = [
        digest,
        "--counter",
        &counter,
        "--output",
        &file,
        "-m",
        "control burned down",
    ];
    must(fleet, &[&sign[..], &more[..]].concat());
    file
}

fn at_edge(fleet: &Fleet) -> Value {
    let state = fleet.place.path("o-1");
    let args = ["edge", "break-glass", "--json", "--state-dir"];
    let said = must(fleet, &[&args[..], &[state.to_str().unwrap()]].concat());
    serde_json::from_str(&said).unwrap()
}

#[test]
fn without_control_edges_go_back_by_a_note_and_the_record_has_it_afterwards() {
    let mut fleet = Fleet::new(&[("o-1", "office", "internal")]);
    let state = fleet.place.path("o-1").to_str().unwrap().to_owned();
    let take = |note: &str| ["edge", "break-glass", note, "--state-dir", &state].map(str::to_owned);
    let refused = |fleet: &Fleet, note: &str| {
        let args = take(note);
        no(fleet, &args.each_ref().map(String::as_str))
    };
    must(&fleet, &["key", "new", "break-glass"]);
    must(&fleet, &["key", "new", "stranger"]);
    let data = fleet.data.to_str().unwrap().to_owned();
    let trust = ["break-glass", "trust", "break-glass", "-m", "for that day"];
    must(&fleet, &[&trust[..], &["--data-dir", &data]].concat());
    fleet.deploy("one", 200);
    eventually("it runs it", || fleet.answer(0) == "one");
    fleet.until("it is complete", |fleet| fleet.standing() == "completed");
    fleet.deploy("two", 200);
    eventually("it runs the next", || fleet.answer(0) == "two");
    let known = at_edge(&fleet);
    assert!(
        known["trusts"]
            .as_str()
            .unwrap()
            .starts_with("break-glass+")
    );
    let two = known["runs"].as_str().unwrap().to_owned();
    let one = known["past"][0].as_str().unwrap().to_owned();

    // While control is there it says what runs.
    let good = note(&fleet, "break-glass", "office", &one, 7);
    let said = refused(&fleet, &good);
    assert!(said.contains("control was heard of"), "{said}");
    fleet.kill_control();
    for (counter, key, cell, digest, why) in [
        (
            8,
            "stranger",
            "office",
            &one,
            "the break-glass key did not sign it",
        ),
        (9, "break-glass", "lab", &one, "it is for lab"),
        (
            10,
            "break-glass",
            "office",
            &two,
            "this edge runs that version",
        ),
        (
            11,
            "break-glass",
            "office",
            &"ab".repeat(32),
            "never ran that version",
        ),
    ] {
        let bad = note(&fleet, key, cell, digest, counter);
        let said = refused(&fleet, &bad);
        assert!(said.contains(why), "{said}");
    }
    eventually("it takes the note", || {
        hereby(&fleet, &take(&good).each_ref().map(String::as_str))
            .status
            .success()
    });
    assert_eq!(fleet.answer(0), "one");
    let said = refused(&fleet, &good);
    assert!(said.contains("was taken already"), "{said}");
    // It starts from its own disk with what it went back to.
    fleet.edges[0].process.as_mut().unwrap().kill();
    fleet.begin(0);
    eventually("it starts", || fleet.answer(0) == "one");

    // Control is back: it puts it on the record, and nothing goes on by itself.
    fleet.begin_control();
    eventually("it is heard of", || {
        fleet.known("o-1")["standing"] == "break_glass"
    });
    assert_eq!(fleet.answer(0), "one");
    let acts = acts(&fleet);
    let used = acts.iter().find(|act| act["kind"] == "break_glass.used/1");
    let used = &used.unwrap()["body"];
    assert_eq!(
        (&used["counter"], &used["digest"]),
        (&7.into(), &base64(&one))
    );
    assert_eq!(used["from"], base64(&two));
    assert!(
        used["note"]
            .as_str()
            .unwrap()
            .contains("control burned down")
    );
    fleet.must(&["rollback", "-m", "as the note said"]);
    eventually("it follows the record", || {
        fleet.known("o-1")["standing"] == "follows"
    });
    assert_eq!(fleet.answer(0), "one");
    assert_eq!(at_edge(&fleet)["runs_by_note"], false);
    let said = fleet.must(&["verify"]);
    assert!(said.contains("verified"), "{said}");
    let again = self::acts(&fleet);
    let count = again
        .iter()
        .filter(|act| act["kind"] == "break_glass.used/1");
    assert_eq!(count.count(), 1);
    an_older_act_is_passed_over(&mut fleet, (&one, &two));
}

/// What was said before the note, and heard of only afterwards, does not undo it: people do.
fn an_older_act_is_passed_over(fleet: &mut Fleet, (one, two): (&str, &str)) {
    let state = fleet.place.path("o-1").to_str().unwrap().to_owned();
    fleet.deploy("three", 200);
    eventually("it runs the third", || fleet.answer(0) == "three");
    fleet.edges[0].process.as_mut().unwrap().kill();
    fleet.must(&["rollback", "--no-wait", "-m", "the edge is off"]);
    fleet.kill_control();
    fleet.begin(0);
    eventually("it serves what it knows", || fleet.answer(0) == "three");
    let forward = note(fleet, "break-glass", "office", two, 12);
    let take = |note: &str| ["edge", "break-glass", note, "--state-dir", &state].map(str::to_owned);
    let said = no(fleet, &take(&forward).each_ref().map(String::as_str));
    assert!(said.contains("or went back from it"), "{said}");
    // It has just started: the note lies there until control was silent long enough.
    let back = note(fleet, "break-glass", "office", one, 13);
    must(fleet, &take(&back).each_ref().map(String::as_str));
    assert_eq!(fleet.answer(0), "one");
    fleet.begin_control();
    eventually("it is heard of", || {
        fleet.known("o-1")["standing"] == "break_glass"
    });
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!(fleet.known("o-1")["standing"], "break_glass");
    fleet.must(&["break-glass", "end", "office", "-m", "all is well"]);
    eventually("it follows the record", || {
        fleet.known("o-1")["standing"] == "follows"
    });
    assert_eq!(fleet.answer(0), "one");
    let said = fleet.must(&["verify"]);
    assert!(said.contains("verified"), "{said}");
}

/// All acts, as they lie on the record.
fn acts(fleet: &Fleet) -> Vec<Value> {
    let segments = std::fs::read_dir(fleet.data.join("record/segments")).unwrap();
    let mut texts: Vec<_> = segments.map(|file| file.unwrap().path()).collect();
    texts.sort();
    let lines = texts.iter().flat_map(|path| {
        let text = std::fs::read(path).unwrap();
        let text = String::from_utf8_lossy(&text).into_owned();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    });
    lines
        .filter(|line| line.starts_with("{\"actor\":"))
        .map(|line| serde_json::from_str(&line).unwrap())
        .collect()
}

/// A digest as acts have it.
fn base64(digest: &str) -> Value {
    use base64::Engine as _;
    let bytes: Vec<u8> = (0..digest.len())
        .step_by(2)
        .map(|place| u8::from_str_radix(&digest[place..place + 2], 16).unwrap())
        .collect();
    base64::engine::general_purpose::STANDARD
        .encode(bytes)
        .into()
}
