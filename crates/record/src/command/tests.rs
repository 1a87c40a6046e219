//! A command reads back as it was sent, whatever its spelling, and has one canonical form.

use base::{Actor, IncidentId};

use super::{BadCommand, Command, DigestKey, Note, VERBS, Verb, digest, signed_bytes};
use crate::canonical;

fn note() -> Command {
    let mut command = Command::new(
        "n-1".parse().unwrap(),
        Note {
            blobs: vec![],
            incident: IncidentId::from_number(7),
            text: "found in root's crontab".parse().unwrap(),
        },
    );
    command.why = Some("evidence".parse().unwrap());
    command
}

#[test]
fn a_command_has_one_canonical_form() {
    let bytes = note().to_canonical().unwrap();
    canonical::check(&bytes).unwrap();
    assert_eq!(
        String::from_utf8(bytes.clone()).unwrap(),
        r#"{"args":{"incident":"INC-7","text":"found in root's crontab"},"command":"incident.note","id":"n-1","why":"evidence"}"#
    );
    assert_eq!(Command::decode(&bytes).unwrap(), note());
    let loose = br#" {"command" : "incident.note", "id":"n-1", "why":"evidence",
        "args": {"text":"found in root's crontab","incident":"INC-7","blobs":[]}} "#;
    assert_eq!(Command::decode(loose).unwrap(), note());
}

#[test]
fn wrong_commands_say_what_is_wrong() {
    for (json, part) in [
        (
            r#"{"args":{},"command":"incident.explode","id":"x"}"#,
            "no command",
        ),
        (
            r#"{"args":{"incident":"INC-7"},"command":"incident.note","id":"x"}"#,
            "text",
        ),
        (
            r#"{"args":{"incident":"7","text":"x"},"command":"incident.note","id":"x"}"#,
            "INC-42",
        ),
        (
            r#"{"args":{},"command":"incident.note","id":"x","extra":1}"#,
            "extra",
        ),
        (r#"{"args":{},"command":"incident.note"}"#, "id"),
        ("{", "EOF"),
    ] {
        let error = Command::decode(json.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(part), "{json}: {error}");
    }
    let long = vec![b' '; 50_000];
    assert!(matches!(
        Command::decode(&long),
        Err(BadCommand::TooLong(50_000))
    ));
}

#[test]
fn every_command_is_found_by_its_name() {
    for name in VERBS {
        match Verb::decode(name, "{}") {
            Ok(verb) => assert_eq!(verb.name(), *name),
            Err(BadCommand::Arguments { command, .. }) => assert_eq!(command, *name),
            Err(other) => panic!("{name}: {other}"),
        }
    }
}

#[test]
fn the_digest_tells_sender_and_bytes_apart() {
    let key = DigestKey::from_bytes(&[1; 32]);
    let sam = Actor::Person {
        id: "sam".parse().unwrap(),
    };
    let kim = Actor::Person {
        id: "kim".parse().unwrap(),
    };
    let bytes = note().to_canonical().unwrap();
    let first = digest(&key, &sam, &bytes);
    assert_eq!(first, digest(&key, &sam, &bytes));
    assert_ne!(first, digest(&key, &kim, &bytes));
    assert_ne!(first, digest(&key, &sam, b"{}"));
    assert_ne!(
        first,
        digest(&DigestKey::from_bytes(&[2; 32]), &sam, &bytes)
    );
    assert!(signed_bytes(&bytes).starts_with(b"hereby/command/1\n{"));
}
