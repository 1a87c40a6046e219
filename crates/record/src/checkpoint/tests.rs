//! Checkpoints: the specification's example, strictness, and who may have signed them.

use proptest::prelude::*;

use super::*;
use crate::hash::{EMPTY_ROOT, leaf};
use crate::note::Algorithm;

const SPEC_TEXT: &str = "example.com/behind-the-sofa\n20852163\n\
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

fn signer(name: &str, seed: u8) -> SignerKey {
    SignerKey::from_seed(name, Algorithm::Ed25519, [seed; 32]).unwrap()
}

#[test]
fn the_specifications_example_is_read_and_written() {
    let checkpoint = Checkpoint::parse_text(SPEC_TEXT).unwrap();
    assert_eq!(checkpoint.origin(), "example.com/behind-the-sofa");
    assert_eq!(checkpoint.size(), 20_852_163);
    assert_eq!(
        checkpoint.root().to_string(),
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
    );
    assert!(checkpoint.extensions().is_empty());
    assert_eq!(checkpoint.to_text(), SPEC_TEXT);
}

#[test]
fn a_signed_checkpoint_is_that_of_go() {
    // Made by Go 1.19 with x/mod `sumdb/note` from the seed 0, 1, 2, ….
    let expected = "log.example/record\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n\
— log.example/record Kd2i/AkPPELdecZDBqW3mWEAaLDf/6BYvmvbbTJVP5R3xu0Q49kTsCTM88sINeMMNPSkHf6VWIOyI/jR7sfTfomtMQk=\n";
    let seed = std::array::from_fn(|at| at as u8);
    let key = SignerKey::from_seed("log.example/record", Algorithm::Ed25519, seed).unwrap();
    let checkpoint = Checkpoint::new("log.example/record", 0, EMPTY_ROOT).unwrap();
    let signed = SignedCheckpoint::sign(checkpoint, &key).unwrap();
    assert_eq!(signed.to_string(), expected);
    assert_eq!(
        SignedCheckpoint::open(expected.as_bytes(), key.verifier()),
        Ok(signed)
    );
}

#[test]
fn extension_lines_are_kept() {
    let text = format!("{SPEC_TEXT}one\ntwo\n");
    let checkpoint = Checkpoint::parse_text(&text).unwrap();
    assert_eq!(checkpoint.extensions(), ["one", "two"]);
    assert_eq!(checkpoint.to_text(), text);
}

#[test]
fn malformed_texts_are_refused() {
    let root = EMPTY_ROOT.to_string();
    let cases = [
        (String::new(), BadCheckpoint::Lines),
        ("\n".to_owned(), BadCheckpoint::Lines),
        ("log\n".to_owned(), BadCheckpoint::Lines),
        ("log\n7\n".to_owned(), BadCheckpoint::Lines),
        (format!("log\n7\n{root}"), BadCheckpoint::Lines),
        (format!("\n7\n{root}\n"), BadCheckpoint::Lines),
        (format!("log\n\n{root}\n"), BadCheckpoint::Lines),
        (format!("log\n7\n{root}\n\n"), BadCheckpoint::Lines),
        (format!("log\n7\n{root}\n\nmore\n"), BadCheckpoint::Lines),
        (format!("log\n07\n{root}\n"), BadCheckpoint::Size),
        (format!("log\n00\n{root}\n"), BadCheckpoint::Size),
        (format!("log\n+7\n{root}\n"), BadCheckpoint::Size),
        (format!("log\n-7\n{root}\n"), BadCheckpoint::Size),
        (format!("log\n7 \n{root}\n"), BadCheckpoint::Size),
        (format!("log\n0x7\n{root}\n"), BadCheckpoint::Size),
        (format!("log\n٧\n{root}\n"), BadCheckpoint::Size),
        (
            format!("log\n9223372036854775808\n{root}\n"),
            BadCheckpoint::Size,
        ),
        (
            format!("log\n18446744073709551616\n{root}\n"),
            BadCheckpoint::Size,
        ),
        (
            format!("log\n7\n{}\n", root.trim_end_matches('=')),
            BadCheckpoint::Root,
        ),
        (format!("log\n7\n{root} \n"), BadCheckpoint::Root),
        (format!("lo\rg\n7\n{root}\n"), BadCheckpoint::Characters),
        (
            format!("log\n7\n{root}\nmo\tre\n"),
            BadCheckpoint::Characters,
        ),
    ];
    for (text, error) in cases {
        assert_eq!(Checkpoint::parse_text(&text), Err(error), "{text:?}");
    }
    assert!(Checkpoint::parse_text(&format!("log\n9223372036854775807\n{root}\n")).is_ok());
}

#[test]
fn what_could_not_be_read_cannot_be_made() {
    assert_eq!(
        Checkpoint::new("", 0, EMPTY_ROOT),
        Err(BadCheckpoint::Lines)
    );
    assert_eq!(
        Checkpoint::new("a\nb", 0, EMPTY_ROOT),
        Err(BadCheckpoint::Characters)
    );
    assert_eq!(
        Checkpoint::new("a", 1 << 63, EMPTY_ROOT),
        Err(BadCheckpoint::Size)
    );
    let with = |line: &str| Checkpoint::with_extensions("a", 1, EMPTY_ROOT, vec![line.to_owned()]);
    assert_eq!(with(""), Err(BadCheckpoint::Lines));
    assert_eq!(with("a\nb"), Err(BadCheckpoint::Characters));
}

#[test]
fn a_checkpoint_is_opened_by_the_key_of_its_log_only() {
    let key = signer("log.example", 1);
    let checkpoint = Checkpoint::new("log.example", 7, leaf(b"x")).unwrap();
    let signed = SignedCheckpoint::sign(checkpoint.clone(), &key).unwrap();
    let bytes = signed.to_string().into_bytes();
    let opened = SignedCheckpoint::open(&bytes, key.verifier()).unwrap();
    assert_eq!((opened.checkpoint(), &opened), (&checkpoint, &signed));
    let not_signed = Err(CannotOpen::Unverified(Unverified::NotSigned));
    assert_eq!(
        SignedCheckpoint::open(&bytes, signer("log.example", 2).verifier()),
        not_signed
    );
    assert_eq!(
        SignedCheckpoint::open(&bytes, signer("other.example", 1).verifier()),
        not_signed
    );
    let tampered = signed.to_string().replacen("\n7\n", "\n8\n", 1);
    assert_eq!(
        SignedCheckpoint::open(tampered.as_bytes(), key.verifier()),
        Err(CannotOpen::Unverified(Unverified::BadSignature {
            name: "log.example".to_owned()
        }))
    );
    assert!(matches!(
        SignedCheckpoint::open(b"log.example\n", key.verifier()),
        Err(CannotOpen::Note(_))
    ));
}

#[test]
fn a_log_neither_signs_nor_speaks_for_another() {
    let key = signer("log.example", 1);
    let other = Checkpoint::new("other.example", 7, leaf(b"x")).unwrap();
    assert_eq!(
        SignedCheckpoint::sign(other.clone(), &key),
        Err(CannotSign::Origin {
            origin: "other.example".to_owned(),
            name: "log.example".to_owned()
        })
    );
    // Whoever signs it by hand all the same is not believed.
    let note = key.sign_note(other.to_text()).unwrap();
    assert_eq!(
        SignedCheckpoint::from_note(note, key.verifier()),
        Err(CannotOpen::Origin {
            expected: "log.example".to_owned(),
            found: "other.example".to_owned()
        })
    );
    let note = key.sign_note("log.example\nis well\n".to_owned()).unwrap();
    assert_eq!(
        SignedCheckpoint::from_note(note, key.verifier()),
        Err(CannotOpen::Text(BadCheckpoint::Lines))
    );
}

#[test]
fn more_signatures_do_not_change_what_is_signed() {
    let key = signer("log.example", 1);
    let checkpoint = Checkpoint::new("log.example", 7, leaf(b"x")).unwrap();
    let signed = SignedCheckpoint::sign(checkpoint.clone(), &key).unwrap();
    let more = NoteSignature::new("witness.example", 7, vec![1, 2, 3]).unwrap();
    let signed = signed.with_signatures([more]).unwrap();
    assert_eq!(signed.note().signatures().len(), 2);
    let opened = SignedCheckpoint::open(signed.to_string().as_bytes(), key.verifier()).unwrap();
    assert_eq!(opened.checkpoint(), &checkpoint);
    assert_eq!(opened, signed);
}

proptest! {
    #[test]
    fn texts_round_trip(
        origin in "[ -~é]{1,30}",
        size in 0..=SIZE_MAX,
        root: [u8; 32],
        extensions in prop::collection::vec("[ -~é]{1,30}", 0..4),
    ) {
        let checkpoint = Checkpoint::with_extensions(&origin, size, Hash(root), extensions).unwrap();
        prop_assert_eq!(Checkpoint::parse_text(&checkpoint.to_text()), Ok(checkpoint));
    }

    #[test]
    fn the_parser_takes_anything_and_changes_nothing(
        text in "([a0-9 \n\r]{0,4}\n[0-9]{0,3}\n(47DEQpj8HBSa\\+/TImW\\+5JCeuQeRkm5NMpJWZG3hSuFU=)?\n[a\n]{0,3})|.*",
    ) {
        if let Ok(checkpoint) = Checkpoint::parse_text(&text) {
            prop_assert_eq!(checkpoint.to_text(), text);
        }
    }
}
