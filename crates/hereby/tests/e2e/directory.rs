//! Who and what there is, from the terminal to the disk and back; who may do what, over TCP with
//! tokens of people.

use std::process::Command;

use super::harness::{HEREBY, Place};

/// A team that looks after a service, and somebody in it.
fn furnished(place: &Place) {
    place.ok(&[
        "person",
        "add",
        "sam",
        "--full-name",
        "Sam Sample",
        "--at",
        "mail:sam@example.org",
        "--at",
        "phone:+15550100",
    ]);
    place.ok(&["person", "add", "kim"]);
    place.ok(&["team", "add", "payments", "--about", "Carts and cards"]);
    place.ok(&[
        "service",
        "add",
        "checkout",
        "--tier",
        "1",
        "--owner",
        "payments",
        "--needs",
        "dns:example.org:closed",
    ]);
    place.ok(&["grant", "sam", "responder", "--team", "payments"]);
}

#[test]
fn what_is_personal_is_sealed_on_the_disk_and_shown_to_those_who_work_with_it() {
    let place = Place::new();
    let server = place.serve();
    furnished(&place);
    let shown = || {
        let people = place.json(&["person", "list"])["items"].clone();
        assert_eq!(people[1]["person"], "sam");
        (
            people[1]["full_name"].clone(),
            people[1]["places"][1]["address"].clone(),
            people[1]["permissions"].clone(),
        )
    };
    let before = shown();
    assert_eq!(before.0, "Sam Sample");
    assert_eq!(before.1, "+15550100");
    assert_eq!(before.2[0]["team"], "payments");
    server.stop();
    let raw: String = place.acts().iter().map(ToString::to_string).collect();
    assert!(raw.contains("person.registered") && !raw.contains("Sample"));
    assert!(!raw.contains("sam@example.org") && !raw.contains("15550100"));
    place.ok(&["verify"]);
    let state = place.ok(&["rebuild"]);
    assert_eq!(place.ok(&["rebuild"]), state);
    let server = place.serve();
    assert_eq!(shown(), before);
    // Whoever may only read sees who there is, and no more.
    let reader = place.token("reader", "read");
    let answer = server.http("GET", "/api/v1/people", Some(&reader), "");
    let (status, answer) = answer.unwrap();
    assert_eq!(status, 200);
    assert!(
        answer.contains("\"sam\"") && !answer.contains("Sample"),
        "{answer}"
    );
}

#[test]
fn a_person_needs_a_permission_once_anybody_has_one() {
    let place = Place::new();
    let server = place.serve();
    let url = format!("http://{}", server.address);
    let token = |person: &str| {
        let file = place.dir.path().join(format!("{person}.token"));
        place.ok(&[
            "token",
            "issue",
            "--for",
            &format!("person:{person}"),
            "--scope",
            "read,respond,admin",
            "--expires",
            "1d",
            "-o",
            file.to_str().unwrap(),
        ]);
        file
    };
    let (sam, kim) = (token("sam"), token("kim"));
    let asked = |token: &std::path::Path, args: &[&str]| {
        let output = Command::new(HEREBY)
            .args(args)
            .args(["--url", &url, "--token-file", token.to_str().unwrap()])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), said)
    };
    let declare = [
        "declare",
        "cart fails",
        "--severity",
        "2",
        "--service",
        "checkout",
    ];
    assert_eq!(
        asked(&kim, &declare).0,
        Some(0),
        "nobody has any permission yet"
    );
    furnished(&place);
    let (code, said) = asked(&kim, &["acknowledge", "INC-1"]);
    assert_eq!(code, Some(9), "{said}");
    assert!(
        said.contains("responder") && said.contains("payments"),
        "{said}"
    );
    assert_eq!(asked(&sam, &["acknowledge", "INC-1"]).0, Some(0));
    let (code, said) = asked(&sam, &["grant", "kim", "admin"]);
    assert_eq!(code, Some(9), "{said}");
    // Whoever runs hereby on its own machine is never locked out.
    place.ok(&["resolve", "INC-1", "-m", "rolled back"]);
    let kinds: Vec<_> = place.acts_of("permission.granted");
    assert_eq!(kinds.len(), 1);
}
