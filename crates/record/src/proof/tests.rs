//! Proof files: what they look like, that they verify, and everything that must make them fail.

use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::cosignature::cosign;
use crate::hash::leaf;
use crate::note::{NoteSignature, SignerKey};
use crate::tree::{HashReader, inclusion_proof, root_at};

const ORIGIN: &str = "log.example/record";

/// A log of entries `entry 0`, `entry 1`, …, with its own key and some witnesses.
struct Log {
    leaves: Vec<Hash>,
    key: SignerKey,
    witnesses: Vec<SignerKey>,
}

impl HashReader for Log {
    type Error = Infallible;

    fn node(&self, level: u32, index: u64) -> Result<Hash, Infallible> {
        if level == 0 {
            return Ok(self.leaves[index as usize]);
        }
        let left = self.node(level - 1, index * 2)?;
        Ok(hash::node(&left, &self.node(level - 1, index * 2 + 1)?))
    }
}

impl Log {
    fn of(size: usize) -> Self {
        let witness = |at: u8| {
            let name = format!("witness-{at}.example");
            SignerKey::from_seed(&name, Algorithm::CosignatureV1, [at; 32]).unwrap()
        };
        Self {
            leaves: (0..size).map(|at| leaf(entry(at).as_bytes())).collect(),
            key: SignerKey::from_seed(ORIGIN, Algorithm::Ed25519, [200; 32]).unwrap(),
            witnesses: (1..=3).map(witness).collect(),
        }
    }

    /// A checkpoint cosigned by the first `cosigners` witnesses, at 1,700,000,001 s and so on.
    fn checkpoint(&self, cosigners: usize) -> Note {
        let size = self.leaves.len() as u64;
        let checkpoint = Checkpoint::new(ORIGIN, size, root_at(size, self).unwrap()).unwrap();
        let note = self.key.sign_note(checkpoint.to_text()).unwrap();
        let lines = self.witnesses[..cosigners]
            .iter()
            .zip(1_700_000_001..)
            .map(|(key, time_s)| cosign(key, note.text(), time_s).unwrap());
        note.clone().with_signatures(lines).unwrap()
    }

    fn proof(&self, at: usize, cosigners: usize) -> ActProof {
        let hashes = inclusion_proof(at as u64, self.leaves.len() as u64, self).unwrap();
        let extra = Some(entry(at).into_bytes());
        ActProof::new(extra, at as u64, hashes, self.checkpoint(cosigners)).unwrap()
    }

    fn verify(&self, proof: &ActProof, quorum: usize) -> Result<VerifiedEntry, Unproven> {
        proof.verify(self.key.verifier(), &self.witness_keys(), quorum)
    }

    fn witness_keys(&self) -> Vec<VerifierKey> {
        self.witnesses
            .iter()
            .map(|key| key.verifier().clone())
            .collect()
    }
}

fn entry(at: usize) -> String {
    format!("entry {at}")
}

#[test]
fn a_proof_file_looks_as_specified() {
    let log = Log::of(3);
    let text = log.proof(1, 1).to_string();
    let lines: Vec<&str> = text.split('\n').collect();
    assert_eq!(
        lines[..3],
        ["c2sp.org/tlog-proof@v1", "extra ZW50cnkgMQ==", "index 1"]
    );
    assert_eq!(lines[3], log.leaves[0].to_string());
    assert_eq!(lines[4], log.leaves[2].to_string());
    assert_eq!(lines[5..8], ["", ORIGIN, "3"]);
    assert_eq!(lines[8], root_at(3, &log).unwrap().to_string());
    assert!(lines[9].is_empty() && lines[12].is_empty() && lines.len() == 13);
    assert!(lines[10].starts_with("— log.example/record "));
    assert!(lines[11].starts_with("— witness-1.example "));
}

#[test]
fn a_proof_from_the_file_alone_verifies() {
    for size in [1, 2, 3, 7, 8, 100] {
        let log = Log::of(size);
        for at in 0..size {
            let proof = log.proof(at, 2);
            let read = ActProof::parse(proof.to_string().as_bytes()).unwrap();
            assert_eq!(read, proof);
            let verified = log.verify(&read, 2).unwrap();
            assert_eq!(verified.entry, entry(at).as_bytes());
            assert_eq!(verified.index, at as u64);
            assert_eq!(verified.checkpoint.size(), size as u64);
            let mut cosigned = verified.cosigned_by;
            cosigned.sort_by_key(|cosigned| cosigned.time_s);
            assert_eq!(
                cosigned,
                [
                    Cosigned {
                        name: "witness-1.example".into(),
                        time_s: 1_700_000_001
                    },
                    Cosigned {
                        name: "witness-2.example".into(),
                        time_s: 1_700_000_002
                    },
                ]
            );
        }
    }
}

#[test]
fn another_entry_index_or_neighbour_is_not_proven() {
    let log = Log::of(10);
    let good = log.proof(4, 0);
    let with = |extra: Option<&str>, index, hashes: &[Hash]| {
        let extra = extra.map(|entry| entry.as_bytes().to_vec());
        let proof = ActProof::new(extra, index, hashes.to_vec(), good.checkpoint().clone());
        log.verify(&proof.unwrap(), 0)
    };
    assert!(with(Some("entry 4"), 4, good.hashes()).is_ok());
    assert_eq!(with(None, 4, good.hashes()), Err(Unproven::NoEntry));
    let other_root = Err(Unproven::Inclusion(ProofError::Root));
    assert_eq!(with(Some("entry 5"), 4, good.hashes()), other_root);
    assert_eq!(with(Some("entry 4"), 5, good.hashes()), other_root);
    assert_eq!(
        with(Some("entry 4"), 10, good.hashes()),
        Err(Unproven::Inclusion(ProofError::OutOfRange {
            asked: 10,
            size: 10
        }))
    );
    assert_eq!(
        with(Some("entry 4"), 4, &good.hashes()[1..]),
        Err(Unproven::Inclusion(ProofError::Length {
            expected: 4,
            found: 3
        }))
    );
}

#[test]
fn only_the_logs_own_checkpoint_counts() {
    let log = Log::of(4);
    let proof = log.proof(0, 3);
    let stranger = SignerKey::from_seed(ORIGIN, Algorithm::Ed25519, [9; 32]).unwrap();
    let error = proof
        .verify(stranger.verifier(), &log.witness_keys(), 0)
        .unwrap_err();
    assert_eq!(
        error,
        Unproven::Checkpoint(CannotOpen::Unverified(Unverified::NotSigned))
    );
    // Witnesses alone do not make a checkpoint, even all of them.
    let note = log.checkpoint(3);
    let cosignatures = note.signatures()[1..].to_vec();
    let unsigned = Note::new(note.text().to_owned(), cosignatures).unwrap();
    let proof = ActProof::new(
        Some(entry(0).into_bytes()),
        0,
        proof.hashes().to_vec(),
        unsigned,
    )
    .unwrap();
    assert_eq!(log.verify(&proof, 3).unwrap_err(), error);
}

#[test]
fn a_quorum_is_of_known_witnesses_each_counted_once() {
    let log = Log::of(4);
    let proof = log.proof(3, 2);
    assert!(log.verify(&proof, 0).is_ok());
    assert!(log.verify(&proof, 2).is_ok());
    assert_eq!(
        log.verify(&proof, 3),
        Err(Unproven::Quorum {
            needed: 3,
            found: 2
        })
    );
    let verify = |proof: &ActProof, witnesses: &[VerifierKey], quorum| {
        proof.verify(log.key.verifier(), witnesses, quorum)
    };
    let [first, second, third] = log.witness_keys().try_into().unwrap();
    assert_eq!(
        verify(&proof, &[third, first.clone()], 2),
        Err(Unproven::Quorum {
            needed: 2,
            found: 1
        })
    );
    let twice = [second.clone(), second.clone()];
    assert_eq!(
        verify(&proof, &twice, 2),
        Err(Unproven::Quorum {
            needed: 2,
            found: 1
        })
    );
    // One witness that cosigns twice, or under two names, is one witness.
    let key = &log.witnesses[0];
    let alias = SignerKey::from_seed("alias.example", Algorithm::CosignatureV1, [1; 32]).unwrap();
    let text = proof.checkpoint().text();
    let more = [
        cosign(key, text, 1_800_000_000).unwrap(),
        cosign(&alias, text, 5).unwrap(),
    ];
    let note = log.checkpoint(1).with_signatures(more).unwrap();
    let proof = ActProof::new(
        proof.extra().map(<[u8]>::to_vec),
        3,
        proof.hashes().to_vec(),
        note,
    )
    .unwrap();
    let known = [first, alias.verifier().clone()];
    assert_eq!(
        verify(&proof, &known, 2),
        Err(Unproven::Quorum {
            needed: 2,
            found: 1
        })
    );
    assert_eq!(
        verify(&proof, &known, 1).unwrap().cosigned_by,
        [Cosigned {
            name: "witness-1.example".into(),
            time_s: 1_800_000_000
        }]
    );
}

#[test]
fn a_bad_line_of_a_known_witness_spoils_the_proof_and_one_of_an_unknown_does_not() {
    let log = Log::of(4);
    let proof = log.proof(2, 1);
    let with = |line: NoteSignature| {
        let note = log.checkpoint(1).with_signatures([line]).unwrap();
        let proof = ActProof::new(
            proof.extra().map(<[u8]>::to_vec),
            proof.index(),
            proof.hashes().to_vec(),
            note,
        );
        log.verify(&proof.unwrap(), 1)
    };
    let key = log.witnesses[1].verifier();
    let line = |id| NoteSignature::new(key.name(), id, vec![0; 72]).unwrap();
    assert!(with(line(key.key_id() ^ 1)).is_ok());
    assert_eq!(
        with(line(key.key_id())),
        Err(Unproven::Cosignature(Unverified::BadSignature {
            name: key.name().to_owned()
        }))
    );
}

#[test]
fn a_plain_key_is_no_witness() {
    let log = Log::of(1);
    let proof = log.proof(0, 0);
    let plain = std::slice::from_ref(log.key.verifier());
    assert_eq!(
        proof.verify(log.key.verifier(), plain, 1),
        Err(Unproven::WitnessKey {
            name: ORIGIN.to_owned()
        })
    );
}

#[test]
fn malformed_files_are_refused() {
    let good = Log::of(2).proof(1, 0).to_string();
    let cases = [
        (String::new(), BadProof::Checkpoint(BadNote::NoSignatures)),
        (good.replace("@v1", "@v2"), BadProof::Header),
        (format!("\n{good}"), BadProof::Header),
        (good.replace("extra ", "extra  "), BadProof::Extra),
        (good.replace("ZW50cnkgMQ==", "ZW50cnkgMQ"), BadProof::Extra),
        (
            good.replace("ZW50cnkgMQ==", "ZW50cnkgMR=="),
            BadProof::Extra,
        ),
        (good.replace("ZW50cnkgMQ==", ""), BadProof::Extra),
        (good.replace("extra ", "Extra "), BadProof::Index),
        (good.replace("extra ZW50cnkgMQ==", "extra"), BadProof::Index),
        (
            good.replace("index 1\n", "extra ZW50cnkgMQ==\nindex 1\n"),
            BadProof::Index,
        ),
        (good.replace("index 1", "index 01"), BadProof::Index),
        (good.replace("index 1", "index -1"), BadProof::Index),
        (good.replace("index 1", "index "), BadProof::Index),
        (
            good.replace("index 1", "index 9223372036854775808"),
            BadProof::Index,
        ),
        (good.replace("index 1\n", ""), BadProof::Index),
        (good.replace("index 1\n", "index 1\nx\n"), BadProof::Hash(1)),
        (
            good.replace("index 1\n", "index 1\nindex 1\n"),
            BadProof::Hash(1),
        ),
        (
            good.replace('\n', "\r\n"),
            BadProof::Checkpoint(BadNote::NoSignatures),
        ),
        (
            good.trim_end().to_owned(),
            BadProof::Checkpoint(BadNote::NoSignatures),
        ),
        (
            format!("{good}\n"),
            BadProof::Checkpoint(BadNote::NoSignatures),
        ),
        (
            format!("{good}x\n"),
            BadProof::Checkpoint(BadNote::SignatureLine(2)),
        ),
    ];
    for (text, error) in cases {
        assert_eq!(ActProof::parse(text.as_bytes()), Err(error), "{text}");
    }
    assert_eq!(
        ActProof::parse(b"\xff"),
        Err(BadProof::Checkpoint(BadNote::Characters))
    );
}

#[test]
fn a_proof_may_come_without_the_entry() {
    let text = Log::of(2)
        .proof(1, 0)
        .to_string()
        .replace("extra ZW50cnkgMQ==\n", "");
    let proof = ActProof::parse(text.as_bytes()).unwrap();
    assert_eq!(proof.extra(), None);
    assert_eq!(proof.to_string(), text);
}

#[test]
fn files_are_bounded() {
    let note = Log::of(2).checkpoint(0);
    let make = |extra: usize, index, hashes| {
        ActProof::new(
            Some(vec![b'x'; extra]),
            index,
            vec![hash::EMPTY_ROOT; hashes],
            note.clone(),
        )
    };
    let largest = make(ENTRY_BYTES_MAX, SIZE_MAX, HASHES_MAX).unwrap();
    assert_eq!(
        ActProof::parse(largest.to_string().as_bytes()).as_ref(),
        Ok(&largest)
    );
    assert_eq!(make(ENTRY_BYTES_MAX + 1, 0, 0), Err(BadProof::Extra));
    assert_eq!(make(0, 0, 0), Err(BadProof::Extra));
    assert_eq!(make(1, SIZE_MAX + 1, 0), Err(BadProof::Index));
    assert_eq!(make(1, 0, HASHES_MAX + 1), Err(BadProof::TooManyHashes));
    let line = format!("\n{}", hash::EMPTY_ROOT);
    let text = largest.to_string().replacen(&line, &line.repeat(2), 1);
    assert_eq!(
        ActProof::parse(text.as_bytes()),
        Err(BadProof::TooManyHashes)
    );
    let text = largest.to_string();
    let longer = text.replacen("extra ", "extra eHh4", 1);
    assert_eq!(ActProof::parse(longer.as_bytes()), Err(BadProof::Extra));
    // The limit of the whole is what its parts at their longest need, and no more.
    let head = text.len() - note.to_string().len();
    assert_eq!(head + NOTE_BYTES_MAX, PROOF_BYTES_MAX);
    let too_long = vec![b'x'; PROOF_BYTES_MAX + 1];
    assert_eq!(
        ActProof::parse(&too_long),
        Err(BadProof::TooLong(PROOF_BYTES_MAX + 1))
    );
}

proptest! {
    #[test]
    fn a_flipped_bit_anywhere_is_never_proven(place: prop::sample::Index, bit in 0..8_u8) {
        let log = Log::of(5);
        let mut bytes = log.proof(3, 2).to_string().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        // Witness lines that no longer name a known key are ignored, so the quorum misses one.
        let proven = ActProof::parse(&bytes).is_ok_and(|proof| log.verify(&proof, 2).is_ok());
        prop_assert!(!proven, "byte {place}, bit {bit}");
    }

    #[test]
    fn the_parser_takes_anything_and_changes_nothing(
        text in "(c2sp.org/tlog-proof@v1\n(extra [A-Za-z0-9=]{0,8}\n)?index [0-9]{1,3}\n(47DEQpj8HBSa\\+/TImW\\+5JCeuQeRkm5NMpJWZG3hSuFU=\n){0,3}\na\n\n— b [AQI=]{8}\n)|.*",
    ) {
        if let Ok(proof) = ActProof::parse(text.as_bytes()) {
            prop_assert_eq!(proof.to_string(), text);
        }
    }
}
