//! Who may sign what, and what people have signed.

use std::sync::Arc;

use base::{Actor, Name, Proof};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::ports::{Keystore as _, Log as _};
use record::act::{Act, Signed, Subject, act_id};
use record::command::signed_bytes;
use record::kinds::access::{KeyEnrolled, KeyRevoked};
use record::kinds::log::KeyRotated;
use record::note::{Algorithm, SignerKey, VerifierKey};
use record::sealed::Sealable;

use super::{LogKeys, Signer};
use crate::Keystore;
use crate::tests::{Place, act, append, fill};
use crate::verify::tests::check;
use crate::verify::{Report, VerifyOptions, verify};

const SEED: [u8; 32] = [5; 32];

fn laptop() -> Name {
    "sam-laptop".parse().unwrap()
}

fn enrolled() -> Act {
    let key = SignerKey::from_seed("sam-laptop", Algorithm::Ed25519, SEED).unwrap();
    let vkey = key.verifier().to_string().into();
    Act {
        subject: Subject::Key(laptop()),
        body: KeyEnrolled {
            person: "sam".parse().unwrap(),
            vkey,
        }
        .into(),
        ..act(900)
    }
}

fn revoked() -> Act {
    Act {
        subject: Subject::Key(laptop()),
        body: KeyRevoked {}.into(),
        ..act(901)
    }
}

fn command(id: &str) -> String {
    format!(
        "{{\"args\":{{\"incident\":\"INC-1\",\"text\":\"it hurts\"}},\"command\":\"incident.note\",\
         \"id\":\"{id}\"}}"
    )
}

fn signature(message: &str) -> String {
    let pair = aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
    STANDARD.encode(pair.sign(&signed_bytes(message.as_bytes())).as_ref())
}

/// The acts of one signed command.
fn signed(id: &str, count: u32) -> Vec<Act> {
    let text = command(id);
    let signature: Box<str> = signature(&text).into();
    (0..count)
        .map(|ordinal| {
            let mut act = act(902);
            act.id = act_id(&id.parse().unwrap(), ordinal);
            act.evidence.proof = Proof::Key(laptop());
            let command = (ordinal == 0).then(|| Sealable::Open(text.clone()));
            act.evidence.signed = Some(Signed {
                signature: signature.clone(),
                command,
            });
            act
        })
        .collect()
}

/// The problems of a record with these acts behind its first.
fn problems(acts: &[Act]) -> Vec<(Option<u64>, String)> {
    let place = Place::new();
    let mut opened = place.open();
    fill(&mut opened.log, 0, 0);
    append(&mut opened.log, acts);
    drop(opened);
    check(&place)
        .problems
        .into_iter()
        .map(|problem| (problem.entry, problem.what))
        .collect()
}

#[test]
fn a_signed_command_and_all_its_acts_verify() {
    let mut acts = vec![enrolled()];
    acts.extend(signed("sam-1", 3));
    acts.extend(signed("sam-2", 1));
    acts.push(revoked());
    assert_eq!(problems(&acts), []);
}

type Change<'a> = &'a dyn Fn(&mut Vec<Act>);

#[test]
fn a_signature_over_anything_else_is_found() {
    let good = || [vec![enrolled()], signed("sam-1", 2)].concat();
    let changes: [(&str, u64, Change<'_>); 8] = [
        ("not enrolled", 1, &|acts| {
            acts.remove(0);
        }),
        ("not enrolled", 3, &|acts| {
            let revoked = revoked();
            acts.insert(1, revoked);
        }),
        ("not the actor's", 2, &|acts| {
            acts[1].actor = Actor::Person {
                id: "kim".parse().unwrap(),
            };
        }),
        ("author's signature", 2, &|acts| {
            for act in &mut acts[1..] {
                let signed = act.evidence.signed.as_mut().unwrap();
                signed.signature = signature("{}").into();
            }
        }),
        ("not canonical", 2, &|acts| {
            let text = command("sam-1").replace("\":\"", "\": \"");
            for act in &mut acts[1..] {
                act.evidence.signed.as_mut().unwrap().signature = signature(&text).into();
            }
            acts[1].evidence.signed.as_mut().unwrap().command = Some(Sealable::Open(text));
        }),
        ("first act", 2, &|acts| acts[1].id = act(77).id),
        ("no act of the command", 3, &|acts| acts[2].id = act(77).id),
        ("not on the act before", 2, &|acts| {
            acts.remove(1);
        }),
    ];
    assert_eq!(problems(&good()), []);
    for (expected, entry, change) in changes {
        let mut acts = good();
        change(&mut acts);
        let found = problems(&acts);
        assert!(
            found
                .iter()
                .any(|(at, what)| *at == Some(entry) && what.contains(expected)),
            "{expected}: {found:?}"
        );
    }
}

/// What is said of a record with this signed and sealed command, by who has this keystore.
fn of_sealed(mut acts: Vec<Act>, keystore: impl FnOnce(&Place) -> Option<Keystore>) -> Report {
    let place = Place::new();
    let mut opened = place.open();
    fill(&mut opened.log, 0, 0);
    let name = "incident/INC-1".parse().unwrap();
    let key = Keystore::new(&place.paths()).ensure(&name).unwrap();
    for act in &mut acts {
        act.seal(&key, &name);
    }
    append(&mut opened.log, &[vec![enrolled()], acts].concat());
    drop(opened);
    let options = VerifyOptions {
        anchor: Some(place.anchor()),
        keystore: keystore(&place).map(Arc::new),
        ..VerifyOptions::default()
    };
    verify(&place.paths(), &options, &mut |_| ()).unwrap()
}

fn says(report: &Report, part: &str) -> bool {
    report.notes.iter().any(|note| note.contains(part))
}

const CLOSED: &str = "1 signature could not be checked: what the author has signed is sealed";

#[test]
fn a_sealed_command_is_counted_and_not_called_wrong() {
    let report = of_sealed(signed("sam-1", 2), |_| None);
    assert_eq!(report.problems, []);
    assert!(says(&report, CLOSED), "{:?}", report.notes);
    assert!(
        says(&report, "no keystore was looked in"),
        "{:?}",
        report.notes
    );
}

/// They were counted and left unchecked, whoever had the keys.
#[test]
fn a_sealed_command_is_opened_and_checked_where_its_key_is() {
    let own = |place: &Place| Some(Keystore::new(&place.paths()));
    let report = of_sealed(signed("sam-1", 2), own);
    assert_eq!(report.problems, []);
    assert!(!says(&report, "could not be checked"), "{:?}", report.notes);
    let mut forged = signed("sam-1", 2);
    let other = command("sam-1").replace("it hurts", "all is well");
    forged[0].evidence.signed.as_mut().unwrap().command = Some(Sealable::Open(other));
    let report = of_sealed(forged, own);
    let [problem] = &report.problems[..] else {
        panic!("{:?}", report.problems)
    };
    assert_eq!(problem.entry, Some(2));
    assert!(problem.what.contains("author's signature"), "{problem}");
}

#[test]
fn a_keystore_that_is_lost_is_told_from_one_that_lacks_a_key() {
    let lost = of_sealed(signed("sam-1", 1), |place| {
        Some(Keystore::at(place.data().join("no-such")))
    });
    assert_eq!(lost.problems, []);
    assert!(says(&lost, "no-such is not there"), "{:?}", lost.notes);
    assert!(says(&lost, CLOSED), "{:?}", lost.notes);
    let lacks = of_sealed(signed("sam-1", 1), |place| {
        let other = Keystore::at(place.data().join("other"));
        other.ensure(&"incident/INC-2".parse().unwrap()).unwrap();
        Some(other)
    });
    assert!(
        says(&lacks, "has other keys and not those"),
        "{:?}",
        lacks.notes
    );
    // A key of that name that is another one proves nothing against the record.
    let wrong = of_sealed(signed("sam-1", 1), |place| {
        let other = Keystore::at(place.data().join("other"));
        other.ensure(&"incident/INC-1".parse().unwrap()).unwrap();
        Some(other)
    });
    assert_eq!(wrong.problems, []);
    assert!(says(&wrong, "does not open it"), "{:?}", wrong.notes);
}

#[test]
fn the_record_is_opened_once_and_first() {
    let place = Place::new();
    let mut opened = place.open();
    append(&mut opened.log, &[act(1), act(2)]);
    drop(opened);
    let report = check(&place);
    assert_eq!(report.first_bad_entry(), Some(0), "{:?}", report.problems);
    let again = Act {
        id: act(5).id,
        ..crate::tests::opening("nonsense")
    };
    let found = problems(&[again]);
    assert!(
        found
            .iter()
            .any(|(_, what)| what == "the record was opened before"),
        "{found:?}"
    );
}

fn key(seed: u8) -> VerifierKey {
    let key = SignerKey::from_seed("record.example", Algorithm::Ed25519, [seed; 32]).unwrap();
    key.verifier().clone()
}

fn named(key: &VerifierKey) -> String {
    format!("{}+{:08x}", key.name(), key.key_id())
}

fn whose(keys: &mut LogKeys, key: &VerifierKey, size: u64) -> &'static str {
    match keys.signer(&named(key), size) {
        Signer::Known(_) => "known",
        Signer::NotAtHand => "not at hand",
        Signer::Stranger => "a stranger",
    }
}

#[test]
fn a_key_that_entries_out_of_reach_may_name_is_neither_known_nor_a_stranger() {
    let (first, lost, new) = (key(1), key(2), key(3));
    let mut keys = LogKeys::default();
    keys.begin(first.clone());
    assert_eq!(whose(&mut keys, &lost, 2), "a stranger");
    keys.lose(10);
    assert_eq!(whose(&mut keys, &lost, 12), "not at hand");
    assert_eq!(whose(&mut keys, &first, 12), "known");
    assert!(keys.is_unsure(9) && keys.is_unsure(12));
    // An act says which key it was: from there on it is held to that.
    keys.rotate(&lost.to_string(), &new.to_string()).unwrap();
    keys.batch(14);
    assert_eq!(whose(&mut keys, &lost, 14), "known");
    assert_eq!(whose(&mut keys, &new, 14), "known");
    assert_eq!(whose(&mut keys, &first, 15), "a stranger");
    assert!(keys.is_unsure(9) && !keys.is_unsure(12));
    assert_eq!(keys.all(), [first.clone(), lost.clone(), new]);
    // Whoever knows the first key believes no act that it does not vouch for. What has begun with
    // it may have gone on with others; what has not is anybody's.
    let mut keys = LogKeys::default();
    keys.pin(first.clone());
    keys.lose(10);
    assert_eq!(whose(&mut keys, &lost, 12), "a stranger");
    assert!(!keys.is_unsure(12));
    assert!(keys.rotate(&lost.to_string(), &key(3).to_string()).is_err());
    let mut keys = LogKeys::default();
    keys.pin(first.clone());
    assert_eq!(whose(&mut keys, &first, 3), "known");
    assert_eq!(whose(&mut keys, &lost, 4), "a stranger");
    keys.lose(10);
    assert_eq!(whose(&mut keys, &lost, 12), "not at hand");
    keys.rotate(&lost.to_string(), &key(3).to_string()).unwrap();
    keys.batch(14);
    assert_eq!(whose(&mut keys, &key(3), 14), "not at hand");
    assert!(keys.is_unsure(14));
    assert_eq!(keys.all(), [first]);
}

#[test]
fn the_old_key_vouches_for_the_new_and_then_signs_no_more() {
    let (old, new) = (key(1), key(2));
    let mut keys = LogKeys::default();
    keys.begin(old.clone());
    keys.batch(3);
    assert_eq!(whose(&mut keys, &new, 3), "a stranger");
    assert_eq!(whose(&mut keys, &old, 3), "known");
    keys.rotate(&old.to_string(), &new.to_string()).unwrap();
    keys.batch(5);
    // Not before the old one has signed the act that names it.
    assert_eq!(whose(&mut keys, &new, 5), "a stranger");
    assert_eq!(whose(&mut keys, &old, 5), "known");
    assert_eq!(whose(&mut keys, &new, 5), "known");
    assert_eq!(whose(&mut keys, &old, 5), "a stranger");
    keys.batch(6);
    assert_eq!(whose(&mut keys, &old, 6), "a stranger");
    assert_eq!(whose(&mut keys, &new, 6), "known");
    assert_eq!(keys.at(4), std::slice::from_ref(&old));
    assert_eq!(keys.at(5), [old.clone(), new.clone()]);
    assert_eq!(keys.at(6), std::slice::from_ref(&new));
    assert_eq!(keys.all(), [old, new]);
}

#[test]
fn a_rotation_by_who_does_not_hold_the_key_is_refused() {
    let (old, new) = (key(1), key(2));
    let mut keys = LogKeys::default();
    keys.begin(old.clone());
    assert!(keys.rotate(&new.to_string(), &new.to_string()).is_err());
    assert!(keys.rotate(&old.to_string(), "nonsense").is_err());
    let stranger = SignerKey::from_seed("other.example", Algorithm::Ed25519, [3; 32]).unwrap();
    assert!(
        keys.rotate(&old.to_string(), &stranger.verifier().to_string())
            .is_err()
    );
    keys.rotate(&old.to_string(), &new.to_string()).unwrap();
    assert!(keys.rotate(&old.to_string(), &new.to_string()).is_err());
}

#[test]
fn the_old_key_is_not_the_logs_after_its_rotation() {
    let place = Place::new();
    let mut opened = place.open();
    let log = &mut opened.log;
    fill(log, 1, 2);
    let old = log.vkey();
    let kept = std::fs::read(place.paths().log_key()).unwrap();
    let new = log.prepare_key().unwrap();
    let body = KeyRotated {
        from: old.as_str().into(),
        to: new.as_str().into(),
    };
    append(
        log,
        &[Act {
            subject: Subject::Record,
            body: body.into(),
            ..act(3)
        }],
    );
    log.use_new_key().unwrap();
    append(log, &[act(4)]);
    drop(opened);
    assert_eq!(check(&place).problems, []);
    // A thief of the old key brings it back, and even the process goes along.
    let path = place.paths().log_key();
    std::fs::write(&path, kept).unwrap();
    let mut opened = place.open();
    append(&mut opened.log, &[act(5)]);
    drop(opened);
    let report = check(&place);
    assert!(
        report
            .problems
            .iter()
            .any(|problem| problem.what.contains("is not the log's at that")),
        "{:?}",
        report.problems
    );
}

/// Whoever pinned the first key was told that all who signed after a change of it were strangers,
/// where the segment with that change was archived and not at hand.
#[test]
fn a_pinned_key_that_changed_where_nothing_is_at_hand_leaves_later_signatures_open() {
    let place = Place::new();
    let mut opened = place.open();
    let log = &mut opened.log;
    fill(log, 20, 3);
    let pinned = log.vkey();
    let new = log.prepare_key().unwrap();
    let body = KeyRotated {
        from: pinned.as_str().into(),
        to: new.as_str().into(),
    };
    let rotated = Act {
        subject: Subject::Record,
        body: body.into(),
        ..act(800)
    };
    let before = log.frontier().size();
    append(log, &[rotated]);
    log.use_new_key().unwrap();
    fill(log, 20, 3);
    drop(opened);
    let (all, some) = (place.data().join("all"), place.data().join("some"));
    std::fs::create_dir(&all).unwrap();
    std::fs::create_dir(&some).unwrap();
    let full = crate::archivable(&place.paths()).unwrap();
    for first in &full {
        crate::archive(&place.paths(), *first, &all).unwrap();
    }
    // Those before the change are at hand in one place, and all in another.
    let late = full.iter().position(|first| *first > before).unwrap();
    assert!(late > 1 && late < full.len(), "{full:?}");
    for file in std::fs::read_dir(&all).unwrap() {
        let file = file.unwrap();
        let name = file.file_name();
        let first: u64 = name.to_str().unwrap()[..20].parse().unwrap();
        if first < full[late - 1] {
            std::fs::copy(file.path(), some.join(name)).unwrap();
        }
    }
    let of = |archives: &[&std::path::PathBuf], pinned: &str| {
        let options = VerifyOptions {
            anchor: Some(place.anchor()),
            archives: archives.iter().map(|path| path.to_path_buf()).collect(),
            vkey: Some(pinned.parse().unwrap()),
            ..VerifyOptions::default()
        };
        verify(&place.paths(), &options, &mut |_| ()).unwrap()
    };
    assert_eq!(of(&[&all], &pinned).problems, []);
    for file in std::fs::read_dir(&all).unwrap() {
        let path = file.unwrap().path();
        std::fs::rename(&path, path.with_extension("away")).unwrap();
    }
    let report = of(&[&some], &pinned);
    assert_eq!(report.problems, []);
    let says_archive = |note: &String| {
        note.contains("could not be checked: name the archive") && !note.contains("--vkey")
    };
    assert!(report.notes.iter().any(says_archive), "{:?}", report.notes);
    // Where nothing that is read leads from it, any record would do.
    let report = of(&[], &pinned);
    let what = "is not the log's at that place; entries that are not at hand may name it";
    let named = |problem: &crate::Problem| problem.what.contains(what);
    assert!(report.problems.iter().any(named), "{:?}", report.problems);
}
