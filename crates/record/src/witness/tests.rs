//! What a witness answers, case by case in the specification's order, and the request's format.

use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::cosignature::{self, cosign};
use crate::hash::{self, leaf};
use crate::note::{Algorithm, SignerKey};
use crate::tree::{HashReader, consistency_proof, root_at};

const ORIGIN: &str = "log.example/record";

// The request of the specification's example.
const SPEC_REQUEST: &str = "old 20852014\n\
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\
\n\
example.com/behind-the-sofa\n\
20852163\n\
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\
\n\
— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n";

struct Tree(Vec<Hash>);

impl HashReader for Tree {
    type Error = Infallible;

    fn node(&self, level: u32, index: u64) -> Result<Hash, Infallible> {
        if level == 0 {
            return Ok(self.0[index as usize]);
        }
        let left = self.node(level - 1, index * 2)?;
        Ok(hash::node(&left, &self.node(level - 1, index * 2 + 1)?))
    }
}

fn tree(prefix: &str) -> Tree {
    Tree(
        (0..50)
            .map(|at| leaf(format!("{prefix} {at}").as_bytes()))
            .collect(),
    )
}

fn root(tree: &Tree, size: u64) -> Hash {
    root_at(size, tree).unwrap()
}

fn proof(tree: &Tree, old: u64, new: u64) -> Vec<Hash> {
    consistency_proof(old, new, tree).unwrap()
}

fn log_key() -> SignerKey {
    SignerKey::from_seed(ORIGIN, Algorithm::Ed25519, [1; 32]).unwrap()
}

fn known() -> Vec<KnownLog> {
    let other = SignerKey::from_seed("other.example", Algorithm::Ed25519, [2; 32]).unwrap();
    vec![
        KnownLog {
            origin: "other.example".to_owned(),
            keys: vec![other.verifier().clone()],
        },
        KnownLog {
            origin: ORIGIN.to_owned(),
            keys: vec![log_key().verifier().clone()],
        },
    ]
}

fn state(tree: &Tree, size: u64) -> WitnessState {
    WitnessState {
        origin: ORIGIN.to_owned(),
        size,
        root: root(tree, size),
    }
}

fn request(old: u64, size: u64, root: Hash, proof: Vec<Hash>) -> AddCheckpoint {
    let text = Checkpoint::new(ORIGIN, size, root).unwrap().to_text();
    AddCheckpoint::new(old, proof, log_key().sign_note(text).unwrap()).unwrap()
}

/// The status that a witness in this state answers.
fn status(state: Option<&WitnessState>, request: &AddCheckpoint) -> u16 {
    judge(state, &known(), request).map_or_else(|refusal| refusal.status(), |_| 200)
}

#[test]
fn a_log_that_grows_is_followed() {
    let tree = tree("entry");
    let mut last = None;
    let mut old = 0;
    for new in [0, 1, 1, 2, 7, 8, 21, 21, 50] {
        let asked = request(old, new, root(&tree, new), proof(&tree, old, new));
        let next = judge(last.as_ref(), &known(), &asked).unwrap();
        assert_eq!(next, state(&tree, new));
        (last, old) = (Some(next), new);
    }
}

#[test]
fn an_unknown_log_is_404_even_with_a_bad_signature() {
    let text = Checkpoint::new("unknown.example", 0, EMPTY_ROOT)
        .unwrap()
        .to_text();
    let asked = AddCheckpoint::new(0, vec![], log_key().sign_note(text).unwrap()).unwrap();
    let refusal = judge(None, &known(), &asked).unwrap_err();
    assert_eq!(
        refusal,
        WitnessRefusal::UnknownOrigin {
            origin: "unknown.example".to_owned()
        }
    );
    assert_eq!(refusal.status(), 404);
    assert_eq!(judge(None, &[], &asked).unwrap_err().status(), 404);
}

#[test]
fn a_checkpoint_not_signed_by_its_log_is_403() {
    let tree = tree("entry");
    let text = Checkpoint::new(ORIGIN, 3, root(&tree, 3))
        .unwrap()
        .to_text();
    let signed_by = |name: &str, seed: u8| {
        let key = SignerKey::from_seed(name, Algorithm::Ed25519, [seed; 32]).unwrap();
        AddCheckpoint::new(0, vec![], key.sign_note(text.clone()).unwrap()).unwrap()
    };
    assert_eq!(status(None, &signed_by(ORIGIN, 1)), 200);
    assert_eq!(status(None, &signed_by(ORIGIN, 3)), 403);
    // A key that is known for another log does not speak for this one.
    assert_eq!(status(None, &signed_by("other.example", 2)), 403);
}

#[test]
fn a_bad_line_under_a_known_key_is_403_and_lines_of_unknown_keys_are_ignored() {
    let tree = tree("entry");
    let asked = request(0, 3, root(&tree, 3), vec![]);
    let id = log_key().verifier().key_id();
    let with = |id, bytes| {
        let line = NoteSignature::new(ORIGIN, id, bytes).unwrap();
        let note = asked.note().clone().with_signatures([line]).unwrap();
        status(None, &AddCheckpoint::new(0, vec![], note).unwrap())
    };
    assert_eq!(with(id ^ 1, vec![0; 64]), 200);
    assert_eq!(with(id, vec![0; 64]), 403);
}

#[test]
fn an_old_size_above_the_checkpoints_is_400_before_it_is_a_conflict() {
    let tree = tree("entry");
    let refusal = judge(
        Some(&state(&tree, 5)),
        &known(),
        &request(4, 3, root(&tree, 3), vec![]),
    )
    .unwrap_err();
    assert_eq!(
        refusal,
        WitnessRefusal::BadRequest(BadRequest::Shrinks { old: 4, new: 3 })
    );
    assert_eq!(refusal.status(), 400);
}

#[test]
fn an_old_size_that_is_not_the_latest_is_409_with_the_latest_in_the_body() {
    let tree = tree("entry");
    let refusal = |state: Option<&WitnessState>, old: u64| {
        // The proof is bad as well: the conflict comes first, so that a log can ask its way.
        judge(
            state,
            &known(),
            &request(old, 9, root(&tree, 9), vec![EMPTY_ROOT]),
        )
        .unwrap_err()
    };
    let conflict = refusal(Some(&state(&tree, 5)), 0);
    assert_eq!(conflict, WitnessRefusal::Conflict { size: 5 });
    assert_eq!(conflict.status(), 409);
    assert_eq!(conflict.body(), ("text/x.tlog.size", "5\n".to_owned()));
    assert_eq!(parse_conflict(conflict.body().1.as_bytes()), Some(5));
    assert_eq!(refusal(Some(&state(&tree, 5)), 6).status(), 409);
    assert_eq!(refusal(Some(&state(&tree, 5)), 4).status(), 409);
    assert_eq!(refusal(None, 4), WitnessRefusal::Conflict { size: 0 });
}

#[test]
fn an_empty_tree_with_another_root_is_422() {
    assert_eq!(status(None, &request(0, 0, EMPTY_ROOT, vec![])), 200);
    assert_eq!(status(None, &request(0, 0, leaf(b""), vec![])), 422);
    assert_eq!(
        status(None, &request(0, 0, EMPTY_ROOT, vec![EMPTY_ROOT])),
        422
    );
    let empty = WitnessState {
        origin: ORIGIN.to_owned(),
        size: 0,
        root: EMPTY_ROOT,
    };
    assert_eq!(
        status(Some(&empty), &request(0, 0, EMPTY_ROOT, vec![])),
        200
    );
    assert_eq!(status(Some(&empty), &request(0, 0, leaf(b""), vec![])), 422);
}

#[test]
fn a_proof_where_none_is_needed_is_422() {
    let tree = tree("entry");
    assert_eq!(status(None, &request(0, 3, root(&tree, 3), vec![])), 200);
    assert_eq!(
        status(None, &request(0, 3, root(&tree, 3), vec![EMPTY_ROOT])),
        422
    );
    let at_3 = state(&tree, 3);
    assert_eq!(
        status(Some(&at_3), &request(3, 3, root(&tree, 3), vec![])),
        200
    );
    assert_eq!(
        status(
            Some(&at_3),
            &request(3, 3, root(&tree, 3), vec![EMPTY_ROOT])
        ),
        422
    );
}

#[test]
fn the_same_size_with_another_root_is_422() {
    let (tree, forged) = (tree("entry"), tree("forged"));
    let refusal = judge(
        Some(&state(&tree, 3)),
        &known(),
        &request(3, 3, root(&forged, 3), vec![]),
    );
    assert_eq!(refusal, Err(WitnessRefusal::BadProof(ProofError::Root)));
}

#[test]
fn a_rewritten_history_is_422_whatever_the_proof() {
    let (tree, forged) = (tree("entry"), tree("forged"));
    let at_5 = state(&tree, 5);
    let forged_root = root(&forged, 9);
    for proof in [
        proof(&tree, 5, 9),
        proof(&forged, 5, 9),
        vec![],
        vec![EMPTY_ROOT; 63],
    ] {
        assert_eq!(status(Some(&at_5), &request(5, 9, forged_root, proof)), 422);
    }
    assert_eq!(
        status(
            Some(&at_5),
            &request(5, 9, root(&tree, 9), proof(&tree, 4, 9))
        ),
        422
    );
    assert_eq!(
        status(
            Some(&at_5),
            &request(5, 9, root(&tree, 9), proof(&tree, 5, 9))
        ),
        200
    );
}

#[test]
fn the_state_of_another_log_is_not_judged_against() {
    let tree = tree("entry");
    let other = WitnessState {
        origin: "other.example".to_owned(),
        ..state(&tree, 5)
    };
    let refusal = judge(
        Some(&other),
        &known(),
        &request(5, 9, root(&tree, 9), proof(&tree, 5, 9)),
    )
    .unwrap_err();
    assert_eq!(refusal.status(), 500);
    assert_eq!(
        refusal.body(),
        (
            "text/plain; charset=utf-8",
            format!("the stored state is of other.example, the checkpoint of {ORIGIN}\n")
        )
    );
}

#[test]
fn the_specifications_request_is_read_and_written() {
    let read = AddCheckpoint::parse(SPEC_REQUEST.as_bytes()).unwrap();
    assert_eq!(read.old_size(), 20_852_014);
    assert_eq!(read.proof().len(), 4);
    assert_eq!(read.note().signatures().len(), 2);
    assert_eq!(read.checkpoint().origin(), "example.com/behind-the-sofa");
    assert_eq!(read.checkpoint().size(), 20_852_163);
    assert_eq!(read.to_string(), SPEC_REQUEST);
}

#[test]
fn malformed_requests_are_refused() {
    let good = SPEC_REQUEST;
    let (head, note) = good.split_once("\n\n").unwrap();
    let first = head.lines().nth(1).unwrap();
    let cases = [
        (String::new(), BadRequest::Format),
        (head.to_owned(), BadRequest::Format),
        (format!("\n\n{note}"), BadRequest::OldSize),
        (good.replace("old ", "new "), BadRequest::OldSize),
        (good.replace("old ", "old  "), BadRequest::OldSize),
        (good.replace("old ", "old 0"), BadRequest::OldSize),
        (good.replace("old ", "old -"), BadRequest::OldSize),
        (good.replace("old 20852014", "old "), BadRequest::OldSize),
        (
            good.replace("old 20852014", "old 9223372036854775808"),
            BadRequest::OldSize,
        ),
        (good.replace("old 20852014\n", ""), BadRequest::OldSize),
        (
            good.replace("old 20852014\n", "old 20852014\r\n"),
            BadRequest::OldSize,
        ),
        (
            good.replace(first, "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw"),
            BadRequest::Hash(1),
        ),
        (good.replace("jrJZ", "jr_Z"), BadRequest::Hash(2)),
        (
            format!("{head}\n\n\n{note}"),
            BadRequest::Checkpoint(BadCheckpoint::Lines),
        ),
        (
            good.replace("\n20852163\n", "\n020852163\n"),
            BadRequest::Checkpoint(BadCheckpoint::Size),
        ),
        (
            format!("{head}\n\n{}", note.replace("\n\n", "\n")),
            BadRequest::Note(BadNote::NoSignatures),
        ),
        (
            good.trim_end().to_owned(),
            BadRequest::Note(BadNote::NoSignatures),
        ),
    ];
    for (text, error) in cases {
        assert_eq!(AddCheckpoint::parse(text.as_bytes()), Err(error), "{text}");
    }
    assert_eq!(AddCheckpoint::parse(b"\xff"), Err(BadRequest::Format));
    assert_eq!(WitnessRefusal::from(BadRequest::Format).status(), 400);
}

#[test]
fn requests_are_bounded() {
    let line = format!("{EMPTY_ROOT}\n");
    let with = |count| {
        let (head, note) = SPEC_REQUEST.split_once("\n\n").unwrap();
        let old = head.lines().next().unwrap();
        AddCheckpoint::parse(format!("{old}\n{}\n{note}", line.repeat(count)).as_bytes())
    };
    assert_eq!(with(0).unwrap().proof().len(), 0);
    assert_eq!(with(63).unwrap().proof().len(), 63);
    assert_eq!(with(64), Err(BadRequest::TooManyHashes));
    let note = with(0).unwrap().note().clone();
    assert_eq!(
        AddCheckpoint::new(0, vec![EMPTY_ROOT; 64], note.clone()),
        Err(BadRequest::TooManyHashes)
    );
    assert_eq!(
        AddCheckpoint::new(SIZE_MAX + 1, vec![], note),
        Err(BadRequest::OldSize)
    );
    assert_eq!(
        AddCheckpoint::parse(&vec![b'\n'; REQUEST_BYTES_MAX + 1]),
        Err(BadRequest::TooLong(REQUEST_BYTES_MAX + 1))
    );
}

#[test]
fn the_answer_is_read_and_completes_the_checkpoint() {
    let tree = tree("entry");
    let asked = request(0, 3, root(&tree, 3), vec![]);
    let witness =
        SignerKey::from_seed("witness.example", Algorithm::CosignatureV1, [7; 32]).unwrap();
    let body = cosign(&witness, asked.note().text(), 1_700_000_000)
        .unwrap()
        .to_string();
    let lines = parse_cosignatures(body.as_bytes()).unwrap();
    assert_eq!(lines.len(), 1);
    let time = cosignature::verify(witness.verifier(), asked.note().text(), &lines[0]);
    assert_eq!(time, Ok(1_700_000_000));
    let note = asked.note().clone().with_signatures(lines).unwrap();
    assert_eq!(note.verify(&[witness.verifier().clone()]).unwrap().len(), 1);
    let twice = parse_cosignatures(body.repeat(2).as_bytes()).unwrap();
    assert_eq!(twice.len(), 2);
}

#[test]
fn malformed_answers_are_refused() {
    assert_eq!(parse_cosignatures(b""), Err(BadNote::NoSignatures));
    assert_eq!(parse_cosignatures(b"\n"), Err(BadNote::SignatureLine(1)));
    assert_eq!(parse_cosignatures(b"ok\n"), Err(BadNote::SignatureLine(1)));
    assert_eq!(parse_cosignatures(b"\xff\n"), Err(BadNote::Characters));
    let line = "— witness.example AQIDBAU=\n";
    assert!(parse_cosignatures(line.as_bytes()).is_ok());
    assert_eq!(
        parse_cosignatures(line.trim_end().as_bytes()),
        Err(BadNote::NoSignatures)
    );
    assert_eq!(
        parse_cosignatures(line.repeat(101).as_bytes()),
        Err(BadNote::TooManySignatures)
    );
    let long = vec![b'\n'; NOTE_BYTES_MAX + 1];
    assert_eq!(
        parse_cosignatures(&long),
        Err(BadNote::TooLong(NOTE_BYTES_MAX + 1))
    );
    for wrong in [
        "",
        "5",
        "5\n\n",
        "05\n",
        "+5\n",
        "five\n",
        "9223372036854775808\n",
        "5\r\n",
        "\n",
    ] {
        assert_eq!(parse_conflict(wrong.as_bytes()), None, "{wrong:?}");
    }
    assert_eq!(parse_conflict(b"0\n"), Some(0));
    assert_eq!(parse_conflict(b"\xff\n"), None);
}

proptest! {
    #[test]
    fn a_witness_moves_only_along_one_history(
        steps in prop::collection::vec((0..51_u64, 0..51_u64, any::<bool>(), any::<bool>()), 1..12),
    ) {
        let (honest, forged) = (tree("entry"), tree("forged"));
        let mut last: Option<WitnessState> = None;
        let mut trees_seen: Option<bool> = None;
        for (old, new, lies, right_old) in steps {
            let old = if right_old { last.as_ref().map_or(0, |state| state.size) } else { old };
            let tree = if lies { &forged } else { &honest };
            let proof = consistency_proof(old, new, tree).unwrap_or_default();
            let asked = request(old, new, root(tree, new), proof);
            let before = last.as_ref().map_or(0, |state| state.size);
            if let Ok(next) = judge(last.as_ref(), &known(), &asked) {
                prop_assert!(next.size >= before && old == before);
                prop_assert_eq!(next.root, root(tree, next.size));
                // Whichever history it has seen a first entry of, it never leaves.
                if next.size > 0 {
                    prop_assert_eq!(*trees_seen.get_or_insert(lies), lies);
                }
                last = Some(next);
            }
        }
    }

    #[test]
    fn the_parser_takes_anything_and_changes_nothing(
        text in "(old [0-9]{1,3}\n(47DEQpj8HBSa\\+/TImW\\+5JCeuQeRkm5NMpJWZG3hSuFU=\n){0,3}\na\n[0-9]{1,2}\n47DEQpj8HBSa\\+/TImW\\+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— b [AQI=]{8}\n)|.*",
    ) {
        if let Ok(request) = AddCheckpoint::parse(text.as_bytes()) {
            prop_assert_eq!(request.to_string(), text);
        }
    }
}
