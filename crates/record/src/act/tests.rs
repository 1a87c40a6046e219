//! An act reads back as it was written, and what is not an act is refused.

use base::{ActId, Actor, CommandDigest, IncidentId, KeyRef, Proof, Severity, Timestamp};

use super::{Act, Evidence, Signed, Subject, act_id};
use crate::canonical;
use crate::kinds::Body;
use crate::kinds::incident::{Declared, Noted};
use crate::sealed::{Sealable, SubjectKey};

fn declared() -> Act {
    Act {
        id: act_id(&"cmd-1".parse().unwrap(), 0),
        at: "2017-12-21T07:52:00.000Z".parse().unwrap(),
        claimed_at: None,
        actor: Actor::Person {
            id: "sam".parse().unwrap(),
        },
        evidence: Evidence {
            digest: CommandDigest::from_bytes([3; 16]),
            proof: Proof::Token("tok-0123456789abcdef".parse().unwrap()),
            signed: None,
        },
        subject: Subject::Incident(IncidentId::from_number(1)),
        tenant: None,
        cause: Some(ActId::from_bytes([5; 16])),
        why: Some(Sealable::Open(
            "CPU is orders of magnitude above normal".parse().unwrap(),
        )),
        body: Body::from(Declared {
            drill: false,
            impact_start: Some(Timestamp::from_ms(1_513_841_400_000)),
            private: true,
            service: None,
            severity: Severity::from_number(2).unwrap(),
            surroundings: None,
            template: None,
            title: Sealable::Open("a miner runs from root's crontab".parse().unwrap()),
        }),
    }
}

#[test]
fn an_entry_is_canonical_and_reads_with_jq() {
    let entry = declared().encode().unwrap();
    canonical::check(&entry).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&entry).unwrap();
    assert_eq!(value["kind"], "incident.declared/1");
    assert_eq!(value["subject"]["id"], "INC-1");
    assert_eq!(value["v"], 1);
    assert!(!entry.contains(&b'\n'));
    assert_eq!(Act::decode_strict(&entry).unwrap(), declared());
}

#[test]
fn a_sealed_act_shows_nothing_and_opens_again() {
    let key = SubjectKey::from_bytes([9; 32]);
    let name: KeyRef = "incident/INC-1".parse().unwrap();
    let mut act = declared();
    act.evidence.proof = Proof::Key("sam-laptop".parse().unwrap());
    act.evidence.signed = Some(Signed {
        signature: "c2ln".into(),
        command: Some(Sealable::Open("{\"title\":\"a miner\"}".to_owned())),
    });
    let open = act.clone();
    act.seal(&key, &name);
    let text = String::from_utf8(act.encode().unwrap()).unwrap();
    assert!(
        !text.contains("miner") && !text.contains("orders"),
        "{text}"
    );
    let mut back = Act::decode_strict(text.as_bytes()).unwrap();
    assert_eq!(back, act);
    assert_eq!(back.open(&mut |_| None).unwrap(), 3);
    assert_eq!(
        back.open(&mut |wanted| (*wanted == name).then(|| key.clone()))
            .unwrap(),
        0
    );
    assert_eq!(back, open);
    let mut moved = act.clone();
    moved.id = ActId::from_bytes([1; 16]);
    assert!(moved.open(&mut |_| Some(key.clone())).is_err());
}

#[test]
fn unknown_fields_versions_and_odd_proofs_are_refused() {
    let text = String::from_utf8(declared().encode().unwrap()).unwrap();
    for (from, to) in [
        (r#""v":1"#, r#""v":2"#),
        (r#""v":1"#, r#""v":1,"w":1"#),
        (r#""method":"token""#, r#""method":"local_uid""#),
        (r#""drill":"#, r#""dril":"#),
        (r#""private":true"#, r#""private":true,"zzz":1"#),
        (r#""severity":2"#, r#""severity":6"#),
        (r#""severity":2"#, r#""severity":2.0"#),
        (r#""type":"incident""#, r#""type":"indecent""#),
    ] {
        let changed = text.replacen(from, to, 1);
        if changed != text {
            assert!(
                Act::decode_strict(changed.as_bytes()).is_err(),
                "{from} -> {to}"
            );
        }
    }
}

#[test]
fn a_kind_of_a_later_version_is_kept_byte_for_byte() {
    let text = String::from_utf8(declared().encode().unwrap())
        .unwrap()
        .replacen("incident.declared/1", "incident.declared/9", 1)
        .replacen(r#""private":true"#, r#""private":true,"region":"eu""#, 1);
    let act = Act::decode_strict(text.as_bytes()).unwrap();
    assert!(matches!(act.body, Body::Unknown(_)));
    assert_eq!(act.body.kind(), "incident.declared/9");
    assert_eq!(String::from_utf8(act.encode().unwrap()).unwrap(), text);
}

#[test]
fn an_act_longer_than_an_entry_is_refused() {
    let blob = crate::kinds::incident::BlobRef {
        bytes: 1,
        name: Some("x".repeat(200).parse().unwrap()),
        sha256: crate::hash::sha256(&[b"x"]),
    };
    let mut act = declared();
    act.body = Body::from(Noted {
        blobs: vec![blob; 400],
        text: Sealable::Open("see the files".parse().unwrap()),
    });
    assert!(act.encode().is_err());
}

#[test]
fn act_ids_differ_by_command_and_ordinal() {
    let (one, two) = ("cmd-1".parse().unwrap(), "cmd-2".parse().unwrap());
    assert_ne!(act_id(&one, 0), act_id(&one, 1));
    assert_ne!(act_id(&one, 0), act_id(&two, 0));
    assert_eq!(act_id(&one, 0).to_string(), act_id(&one, 0).to_string());
}
