//! Cosignatures against what `transparency-dev/formats` writes, and what must not verify.

use proptest::prelude::*;

use super::*;
use crate::note::Note;

const TEXT: &str = "example.com/behind-the-sofa\n20852163\n\
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

// Made by the Go package `note` of transparency-dev/formats, from the seed 0, 1, 2, ….
const GO_VKEY: &str = "witness.example/w1+e75f6532+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
const GO_LINE: &str = "— witness.example/w1 519lMgAAAABrATvVqafD2vJ6+uWKfMMnNg5O1suSOK4IyZfdzcifqJT97FzkcFF/ACQzCRHHis5HNCTS8WJE256AUIqDlJxq+Y4JAA==\n";
const GO_TIME_S: u64 = 1_795_242_965;

fn witness() -> SignerKey {
    let seed = std::array::from_fn(|at| at as u8);
    SignerKey::from_seed("witness.example/w1", Algorithm::CosignatureV1, seed).unwrap()
}

#[test]
fn keys_and_cosignatures_are_those_of_go() {
    let key = witness();
    assert_eq!(key.verifier().to_string(), GO_VKEY);
    assert_eq!(cosign(&key, TEXT, GO_TIME_S).unwrap().to_string(), GO_LINE);
    let note = Note::parse(format!("{TEXT}\n{GO_LINE}").as_bytes()).unwrap();
    let verifier: VerifierKey = GO_VKEY.parse().unwrap();
    assert_eq!(
        verify(&verifier, note.text(), &note.signatures()[0]),
        Ok(GO_TIME_S)
    );
    assert_eq!(note.verify(&[verifier]).unwrap().len(), 1);
}

#[test]
fn the_specifications_example_has_its_time_where_we_read_it() {
    // The specification publishes no key for it.
    let line = "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
    let note = Note::parse(format!("{TEXT}\n{line}").as_bytes()).unwrap();
    let bytes = note.signatures()[0].bytes();
    assert_eq!(bytes.len(), 8 + 64);
    assert_eq!(bytes[..8], 1_679_315_147_u64.to_be_bytes());
    assert_eq!(
        message(TEXT, 1_679_315_147),
        "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n\
         CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    );
}

#[test]
fn extension_lines_are_cosigned() {
    let key = witness();
    let text = format!("{TEXT}extension\n");
    let line = cosign(&key, &text, 7).unwrap();
    assert_eq!(verify(key.verifier(), &text, &line), Ok(7));
    assert!(verify(key.verifier(), TEXT, &line).is_err());
}

#[test]
fn only_checkpoints_and_possible_times_are_cosigned() {
    let key = witness();
    assert!(matches!(
        cosign(&key, "text\n", 7),
        Err(CannotSign::Checkpoint(_))
    ));
    assert_eq!(cosign(&key, TEXT, 0), Err(CannotSign::Time(0)));
    assert_eq!(cosign(&key, TEXT, 1 << 63), Err(CannotSign::Time(1 << 63)));
    assert!(cosign(&key, TEXT, TIME_MAX_S).is_ok());
    let plain = SignerKey::from_seed("witness.example/w1", Algorithm::Ed25519, [0; 32]).unwrap();
    assert_eq!(cosign(&plain, TEXT, 7), Err(CannotSign::OtherAlgorithm));
}

#[test]
fn malformed_cosignatures_do_not_verify() {
    let key = witness();
    let good = cosign(&key, TEXT, 7).unwrap();
    let bad = Err(Unverified::BadSignature {
        name: "witness.example/w1".to_owned(),
    });
    let with = |bytes: &[u8]| {
        let line = NoteSignature::new(good.name(), good.key_id(), bytes.to_vec()).unwrap();
        verify(key.verifier(), TEXT, &line)
    };
    assert_eq!(with(good.bytes()), Ok(7));
    assert_eq!(with(&good.bytes()[..71]), bad);
    assert_eq!(with(&[good.bytes(), &[0]].concat()), bad);
    assert_eq!(with(&good.bytes()[8..]), bad, "without a time");
    assert_eq!(with(&[0; 7]), bad);
    assert_eq!(
        with(&[&8_u64.to_be_bytes(), &good.bytes()[8..]].concat()),
        bad
    );
    assert_eq!(
        with(&[&7_u64.to_le_bytes(), &good.bytes()[8..]].concat()),
        bad
    );
    let late = 1_u64 << 63;
    let signature = key.sign_bytes(message(TEXT, late).as_bytes());
    assert_eq!(
        with(&[&late.to_be_bytes(), signature.as_slice()].concat()),
        bad
    );
}

#[test]
fn plain_signatures_and_cosignatures_do_not_stand_in_for_each_other() {
    let seed = [3; 32];
    let plain = SignerKey::from_seed("a.example", Algorithm::Ed25519, seed).unwrap();
    let cosigner = SignerKey::from_seed("a.example", Algorithm::CosignatureV1, seed).unwrap();
    let signature = plain.sign(TEXT).unwrap();
    let cosignature = cosign(&cosigner, TEXT, 7).unwrap();
    let not_signed = Err(Unverified::NotSigned);
    assert_eq!(verify(cosigner.verifier(), TEXT, &signature), not_signed);
    assert_eq!(verify(plain.verifier(), TEXT, &cosignature), not_signed);
    assert_eq!(
        plain.verifier().verify(TEXT, &cosignature),
        Err(Unverified::NotSigned)
    );
    // Relabelled with the other key's id they are still not valid.
    let relabel = |line: &NoteSignature, key: &SignerKey| {
        NoteSignature::new("a.example", key.verifier().key_id(), line.bytes().to_vec()).unwrap()
    };
    let bad = Err(Unverified::BadSignature {
        name: "a.example".to_owned(),
    });
    assert_eq!(
        verify(cosigner.verifier(), TEXT, &relabel(&signature, &cosigner)),
        bad
    );
    assert_eq!(
        plain
            .verifier()
            .verify(TEXT, &relabel(&cosignature, &plain)),
        Err(Unverified::BadSignature {
            name: "a.example".to_owned()
        })
    );
}

proptest! {
    #[test]
    fn times_round_trip(time_s in 1..=TIME_MAX_S) {
        let key = witness();
        let line = cosign(&key, TEXT, time_s).unwrap();
        prop_assert_eq!(verify(key.verifier(), TEXT, &line), Ok(time_s));
    }

    #[test]
    fn a_flipped_bit_never_verifies(place in 0..72_usize, bit in 0..8_u8) {
        let key = witness();
        let good = cosign(&key, TEXT, 1_700_000_000).unwrap();
        let mut bytes = good.bytes().to_vec();
        bytes[place] ^= 1 << bit;
        let line = NoteSignature::new(good.name(), good.key_id(), bytes).unwrap();
        prop_assert!(verify(key.verifier(), TEXT, &line).is_err());
    }
}
