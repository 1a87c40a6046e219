//! Notes and keys against the specification's example and against what Go's
//! `golang.org/x/mod/sumdb/note` writes, strictness, and limits.

use proptest::prelude::*;

use super::*;

// Made by Go 1.19 with x/mod `sumdb/note`, from the seeds 0, 1, 2, … and 100, 101, 102, ….
const GO_SKEY: &str =
    "PRIVATE+KEY+log.example/record+29dda2fc+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
const GO_VKEY: &str = "log.example/record+29dda2fc+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
const GO_OTHER_VKEY: &str =
    "zweiter.beispiel/schlüssel+1fb26d72+AQu8NGpXZnw4ASC9nH/X5R0sX9/qN80vW/QFssa/by14";
const GO_NOTE: &str = "An incident was declared.\n\n— not a signature\n\nÜber alles weitere: später.\n\n\
— log.example/record Kd2i/DEOsJtWJry1r5faUsE0lqvG+7GZ2HrZXFrnAJUTo9VQaQrOB5wMoAa9CcF/nQd+fXsJR9yr2pukpkVz/oSHUQg=\n\
— zweiter.beispiel/schlüssel H7JtcgBgQBKBA68JTlOjFDK7iBOz+o1q+aY9fx2lkCFjSGw83GKIUxc3AEhp0Tu6QWOlHj0o/sU1BPgZMQrx6T2/Ng0=\n";

const SPEC_VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const SPEC_NOTE: &str = "This is an example message.\n\n\
— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

fn ascending(from: u8) -> [u8; KEY_BYTES] {
    std::array::from_fn(|at| from + at as u8)
}

fn vkey(text: &str) -> VerifierKey {
    text.parse().unwrap()
}

fn signer(name: &str) -> SignerKey {
    SignerKey::from_seed(name, Algorithm::Ed25519, ascending(0)).unwrap()
}

#[test]
fn the_specifications_example_verifies() {
    let note = Note::parse(SPEC_NOTE.as_bytes()).unwrap();
    let key = vkey(SPEC_VKEY);
    let good = note.verify(std::slice::from_ref(&key)).unwrap();
    assert_eq!(good.len(), 1);
    assert_eq!(note.text(), "This is an example message.\n");
    assert_eq!(note.to_string(), SPEC_NOTE);
    assert_eq!(key.to_string(), SPEC_VKEY);
    assert_eq!(key.key_id(), 0x530d_903a);
}

#[test]
fn keys_and_notes_are_those_of_go() {
    let one = signer("log.example/record");
    let two = "zweiter.beispiel/schlüssel";
    let two = SignerKey::from_seed(two, Algorithm::Ed25519, ascending(100)).unwrap();
    assert_eq!(one.verifier().to_string(), GO_VKEY);
    assert_eq!(two.verifier().to_string(), GO_OTHER_VKEY);
    assert_eq!(one.to_skey(), GO_SKEY);
    assert_eq!(
        SignerKey::parse(GO_SKEY).unwrap().verifier(),
        one.verifier()
    );
    let note = Note::parse(GO_NOTE.as_bytes()).unwrap();
    // Ed25519 is deterministic, so we write the same bytes.
    let ours = one.sign_note(note.text().to_owned()).unwrap();
    let ours = ours
        .with_signatures([two.sign(note.text()).unwrap()])
        .unwrap();
    assert_eq!(ours.to_string(), GO_NOTE);
    assert_eq!(ours, note);
    let trusted = [vkey(GO_OTHER_VKEY), vkey(GO_VKEY)];
    let names: Vec<&str> = note
        .verify(&trusted)
        .unwrap()
        .iter()
        .map(|(key, _)| key.name())
        .collect();
    assert_eq!(names, ["log.example/record", "zweiter.beispiel/schlüssel"]);
}

#[test]
fn the_last_blank_line_separates() {
    let note = Note::parse(GO_NOTE.as_bytes()).unwrap();
    assert!(note.text().contains("\n\n— not a signature\n\n"));
    for text in ["\n", "\n\n", "a\n\n\n", "— a b\n"] {
        let note = signer("log").sign_note(text.to_owned()).unwrap();
        assert_eq!(
            Note::parse(note.to_string().as_bytes()),
            Ok(note),
            "{text:?}"
        );
    }
}

#[test]
fn a_note_is_verified_by_trusted_keys_only_and_entirely() {
    let key = signer("log.example");
    let note = key.sign_note("text\n".to_owned()).unwrap();
    let verifier = key.verifier().clone();
    let other_key = vkey(GO_OTHER_VKEY);
    let same_name = SignerKey::from_seed("log.example", Algorithm::Ed25519, ascending(9)).unwrap();
    assert_eq!(note.verify(&[]), Err(Unverified::NotSigned));
    assert_eq!(
        note.verify(std::slice::from_ref(&other_key)),
        Err(Unverified::NotSigned)
    );
    assert_eq!(
        note.verify(&[same_name.verifier().clone()]),
        Err(Unverified::NotSigned),
        "a shared name is not the key"
    );
    // Unknown lines are ignored, even under the name or the id of a known key.
    let id = verifier.key_id();
    let junk = [
        NoteSignature::new("log.example", id ^ 1, vec![1]).unwrap(),
        NoteSignature::new("log.exampl", id, vec![2]).unwrap(),
    ];
    let more = note.clone().with_signatures(junk).unwrap();
    assert_eq!(
        more.verify(&[other_key, verifier.clone()]).unwrap().len(),
        1
    );
    // A bad line under name and id of a known key spoils the note, beside a good one or alone.
    let bad = Unverified::BadSignature {
        name: "log.example".to_owned(),
    };
    for bytes in [vec![0], vec![0; 64], vec![0; 65]] {
        let forged = NoteSignature::new("log.example", id, bytes).unwrap();
        let spoiled = note.clone().with_signatures([forged.clone()]).unwrap();
        assert_eq!(
            spoiled.verify(std::slice::from_ref(&verifier)),
            Err(bad.clone())
        );
        let alone = Note::new("text\n".to_owned(), vec![forged]).unwrap();
        assert_eq!(
            alone.verify(std::slice::from_ref(&verifier)),
            Err(bad.clone())
        );
    }
}

#[test]
fn a_signature_is_checked_against_the_key_that_it_names() {
    let key = signer("log.example");
    let signature = key.sign("text\n").unwrap();
    assert_eq!(key.verifier().verify("text\n", &signature), Ok(()));
    let renamed = NoteSignature::new("other", signature.key_id(), signature.bytes().to_vec());
    assert_eq!(
        key.verifier().verify("text\n", &renamed.unwrap()),
        Err(Unverified::NotSigned)
    );
}

#[test]
fn malformed_notes_are_refused() {
    let line = "— log.example AQIDBAU=\n";
    assert!(Note::parse(format!("text\n\n{line}").as_bytes()).is_ok());
    let cases: &[(String, BadNote)] = &[
        (String::new(), BadNote::NoSignatures),
        ("text\n".into(), BadNote::NoSignatures),
        (format!("text\n{line}"), BadNote::NoSignatures),
        (format!("text\n{line}\n"), BadNote::NoSignatures),
        ("text\n\n".into(), BadNote::NoSignatures),
        (format!("\n{line}"), BadNote::NoSignatures),
        (
            format!("text\n\n{}", line.trim_end()),
            BadNote::NoSignatures,
        ),
        (format!("text\n\n{line}\n"), BadNote::NoSignatures),
        (format!("text\n\n{line}x\n"), BadNote::SignatureLine(2)),
        (format!("text\n\nx\n{line}"), BadNote::SignatureLine(1)),
        (format!("text\r\n\n{line}"), BadNote::Characters),
        (format!("te\txt\n\n{line}"), BadNote::Characters),
        (format!("te\0xt\n\n{line}"), BadNote::Characters),
    ];
    for (bytes, error) in cases {
        assert_eq!(
            Note::parse(bytes.as_bytes()).as_ref(),
            Err(error),
            "{bytes:?}"
        );
    }
    let latin1 = b"te\xfcxt\n\n\xe2\x80\x94 log.example AQIDBAU=\n";
    assert_eq!(Note::parse(latin1), Err(BadNote::Characters));
}

#[test]
fn malformed_signature_lines_are_refused() {
    for line in [
        "- log.example AQIDBAU=",
        "—log.example AQIDBAU=",
        " — log.example AQIDBAU=",
        "—  AQIDBAU=",
        "— AQIDBAU=",
        "— log.example ",
        "— log.example",
        "— log+example AQIDBAU=",
        "— log\u{a0}example AQIDBAU=",
        "— log.example  AQIDBAU=",
        "— log.example AQIDBAU= ",
        "— log.example AQIDBAU",  // no padding
        "— log.example AQIDBAV=", // a bit set that no byte has
        "— log.example AQIDBA==", // no bytes after the key id
        "— log.example AQID",     // no key id
        "— log.example AQID_AU=", // the URL alphabet
    ] {
        let note = format!("text\n\n{line}\n");
        assert_eq!(
            Note::parse(note.as_bytes()),
            Err(BadNote::SignatureLine(1)),
            "{line:?}"
        );
        assert_eq!(
            parse_signature_lines(&format!("{line}\n")),
            Err(BadNote::SignatureLine(1))
        );
    }
}

#[test]
fn notes_are_bounded() {
    let line = "— log.example AQIDBAU=\n";
    let lines = |count| format!("text\n\n{}", line.repeat(count));
    assert_eq!(
        Note::parse(lines(100).as_bytes())
            .unwrap()
            .signatures()
            .len(),
        100
    );
    assert_eq!(
        Note::parse(lines(101).as_bytes()),
        Err(BadNote::TooManySignatures)
    );
    let of_length = |length: usize| format!("{}\n\n{line}", "x".repeat(length - line.len() - 2));
    assert!(Note::parse(of_length(NOTE_BYTES_MAX).as_bytes()).is_ok());
    let too_long = of_length(NOTE_BYTES_MAX + 1);
    let error = BadNote::TooLong(NOTE_BYTES_MAX + 1);
    assert_eq!(Note::parse(too_long.as_bytes()), Err(error));
    // What may not be read may not be made either.
    let signature = NoteSignature::new("log.example", 1, vec![5]).unwrap();
    let text = too_long.split_inclusive('\n').next().unwrap().to_owned();
    assert_eq!(Note::new(text, vec![signature.clone()]), Err(error));
    let make = |text: &str, count| Note::new(text.to_owned(), vec![signature.clone(); count]);
    assert!(make("text\n", 100).is_ok());
    assert_eq!(make("text\n", 101), Err(BadNote::TooManySignatures));
    assert_eq!(make("text\n", 0), Err(BadNote::NoSignatures));
    assert_eq!(make("text", 1), Err(BadNote::Unterminated));
    assert_eq!(make("", 1), Err(BadNote::Unterminated));
    assert_eq!(make("te\rxt\n", 1), Err(BadNote::Characters));
    assert_eq!(NoteSignature::new("", 1, vec![5]), Err(BadNote::Name));
    assert_eq!(NoteSignature::new("a\nb", 1, vec![5]), Err(BadNote::Name));
    assert_eq!(
        NoteSignature::new("a", 1, vec![]),
        Err(BadNote::EmptySignature)
    );
}

#[test]
fn a_note_of_sixteen_post_quantum_signatures_is_read() {
    let signature = |id| NoteSignature::new("witness.example/w", id, vec![1; 8 + 4627]).unwrap();
    let note = Note::new("text\n".to_owned(), (0..16).map(signature).collect()).unwrap();
    assert_eq!(Note::parse(note.to_string().as_bytes()), Ok(note));
}

#[test]
fn signatures_are_added_once() {
    let key = signer("log.example");
    let note = key.sign_note("text\n".to_owned()).unwrap();
    let again = note
        .clone()
        .with_signatures([key.sign("text\n").unwrap()])
        .unwrap();
    assert_eq!(again, note);
}

#[test]
fn malformed_verifier_keys_are_refused() {
    let (name, id, key) = {
        let mut parts = GO_VKEY.splitn(3, '+');
        (
            parts.next().unwrap(),
            parts.next().unwrap(),
            parts.next().unwrap(),
        )
    };
    let parse = |text: String| text.parse::<VerifierKey>();
    assert!(parse(format!("{name}+{id}+{key}")).is_ok());
    for wrong in [
        String::new(),
        name.to_owned(),
        format!("{name}+{id}"),
        format!("+{id}+{key}"),
        format!("{name}++{key}"),
        format!("{name}+{id}+"),
        format!("log example+{id}+{key}"),
        format!("log\u{2003}example+{id}+{key}"),
        format!("{name}+{}+{key}", id.to_uppercase()),
        format!("{name}+0{id}+{key}"),
        format!("{name}+{}+{key}", &id[1..]),
        format!("{name}+{}+{key}", id.replace('2', "+")),
        format!("{name}+{id}+{key}="),
        format!("{name}+{id}+{key}\n"),
        format!("{name}+{id}+{}", &key[1..]),
    ] {
        assert_eq!(parse(wrong.clone()), Err(BadKey::Format), "{wrong:?}");
    }
    assert_eq!(parse(format!("{name}x+{id}+{key}")), Err(BadKey::Id));
    assert_eq!(parse(format!("{name}+29dda2fd+{key}")), Err(BadKey::Id));
    let with = |bytes: &[u8]| format!("{name}+{id}+{}", STANDARD.encode(bytes));
    assert_eq!(parse(with(&[2; 33])), Err(BadKey::Algorithm(2)));
    assert_eq!(parse(with(&[6; 1313])), Err(BadKey::Algorithm(6)));
    assert_eq!(parse(with(&[1; 32])), Err(BadKey::Length(31)));
    assert_eq!(parse(with(&[1; 34])), Err(BadKey::Length(33)));
    assert_eq!(parse(with(&[1])), Err(BadKey::Length(0)));
    assert_eq!(
        VerifierKey::new("a+b", Algorithm::Ed25519, [0; 32]),
        Err(BadKey::Format)
    );
}

#[test]
fn malformed_signer_keys_are_refused() {
    let parse = |text: &str| SignerKey::parse(text).map(|key| key.verifier().clone());
    assert!(parse(GO_SKEY).is_ok());
    assert_eq!(parse(GO_VKEY), Err(BadKey::Format));
    assert_eq!(
        parse(&GO_SKEY.replace("PRIVATE", "private")),
        Err(BadKey::Format)
    );
    assert_eq!(
        parse(&GO_SKEY.replace("29dda2fc", "29dda2fd")),
        Err(BadKey::Id)
    );
    assert_eq!(parse(&GO_SKEY.replace("log.", "lag.")), Err(BadKey::Id));
    assert_eq!(
        parse(&GO_SKEY.replace("AQAB", "AgAB")),
        Err(BadKey::Algorithm(2))
    );
    assert_eq!(parse(&GO_SKEY.replace("HR4f", "")), Err(BadKey::Length(29)));
    assert!(SignerKey::from_seed("a b", Algorithm::Ed25519, ascending(0)).is_err());
}

#[test]
fn one_seed_has_another_id_for_another_type() {
    let plain = signer("log.example");
    let cosigner =
        SignerKey::from_seed("log.example", Algorithm::CosignatureV1, ascending(0)).unwrap();
    assert_eq!(
        plain.verifier().public_key(),
        cosigner.verifier().public_key()
    );
    assert_ne!(plain.verifier().key_id(), cosigner.verifier().key_id());
    let text = cosigner.verifier().to_string();
    assert_eq!(vkey(&text), *cosigner.verifier());
    let again = SignerKey::parse(&cosigner.to_skey()).unwrap();
    assert_eq!(again.verifier(), cosigner.verifier());
    assert_eq!(cosigner.sign("text\n"), Err(CannotSign::OtherAlgorithm));
}

#[test]
fn only_what_can_be_a_notes_text_is_signed() {
    let key = signer("log.example");
    assert_eq!(
        key.sign("text"),
        Err(CannotSign::Text(BadNote::Unterminated))
    );
    assert_eq!(
        key.sign("te\txt\n"),
        Err(CannotSign::Text(BadNote::Characters))
    );
    let long = "x".repeat(NOTE_BYTES_MAX) + "\n";
    assert!(matches!(
        key.sign_note(long),
        Err(CannotSign::Text(BadNote::TooLong(_)))
    ));
}

#[test]
fn debug_of_a_private_key_does_not_show_it() {
    let key = signer("log.example/record");
    let seed = GO_SKEY.rsplit('+').next().unwrap();
    let shown = format!("{key:?} {key:#?}");
    assert!(shown.contains(GO_VKEY), "{shown}");
    assert!(
        !shown.contains(&seed[4..12]) && !shown.contains("PRIVATE"),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn notes_round_trip(
        text in "([a-z—\n ]{0,30}\n){1,4}",
        signers in prop::collection::vec(("[a-zé./]{1,20}", any::<u32>(), any::<[u8; 9]>()), 1..5),
    ) {
        let signatures = signers
            .into_iter()
            .map(|(name, id, bytes)| NoteSignature::new(&name, id, bytes.to_vec()).unwrap())
            .collect();
        let note = Note::new(text, signatures).unwrap();
        prop_assert_eq!(Note::parse(note.to_string().as_bytes()), Ok(note));
    }

    #[test]
    fn a_note_that_is_read_is_written_the_same(note in "[a— \n]{0,12}\n\n(— [ab+]{1,2} [AQI/=]{8}\n){1,3}") {
        if let Ok(parsed) = Note::parse(note.as_bytes()) {
            prop_assert_eq!(parsed.to_string(), note);
        }
    }

    #[test]
    fn the_parsers_take_anything(text: String, bytes: Vec<u8>) {
        let _ = Note::parse(&bytes);
        let _ = parse_signature_lines(&text);
        prop_assert!(text.parse::<VerifierKey>().is_err());
        prop_assert!(SignerKey::parse(&text).is_err());
    }

    #[test]
    fn a_flipped_bit_never_verifies(place: prop::sample::Index, bit in 0..8_u8) {
        let mut bytes = SPEC_NOTE.as_bytes().to_vec();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        let verified = Note::parse(&bytes).is_ok_and(|note| note.verify(&[vkey(SPEC_VKEY)]).is_ok());
        prop_assert!(!verified);
    }

    #[test]
    fn keys_round_trip(name in "[a-z./é]{1,30}", seed: [u8; 32]) {
        for algorithm in [Algorithm::Ed25519, Algorithm::CosignatureV1] {
            let key = SignerKey::from_seed(&name, algorithm, seed).unwrap();
            let again = SignerKey::parse(&key.to_skey()).unwrap();
            prop_assert_eq!(again.verifier(), key.verifier());
            prop_assert_eq!(&vkey(&key.verifier().to_string()), key.verifier());
        }
    }
}
