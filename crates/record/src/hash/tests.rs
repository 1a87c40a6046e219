//! Hashes against published vectors, and their text in both directions.

use proptest::prelude::*;

use super::*;

fn hex(hash: Hash) -> String {
    hash.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn leaves_and_nodes_have_the_published_hashes() {
    // The first entries of the test tree that certificate transparency implementations share.
    assert_eq!(
        hex(leaf(b"")),
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    );
    assert_eq!(
        hex(leaf(&[0x00])),
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
    );
    assert_eq!(
        hex(node(&leaf(b""), &leaf(&[0x00]))),
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    );
}

#[test]
fn the_empty_root_is_the_hash_of_nothing() {
    assert_eq!(sha256(&[]), EMPTY_ROOT);
    assert_eq!(
        EMPTY_ROOT.to_string(),
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    );
}

#[test]
fn leaf_hashing_is_the_same_on_both_sides_of_the_one_shot_limit() {
    for length in (0..=200).chain(1000..1100).chain([65_535]) {
        let entry = vec![0xa7; length];
        assert_eq!(
            leaf(&entry),
            sha256(&[&[0], &entry]),
            "an entry of {length} bytes"
        );
    }
}

#[test]
fn debug_is_short_and_display_is_whole() {
    assert_eq!(format!("{EMPTY_ROOT:?}"), "Hash(47DEQpj8…)");
    assert_eq!(EMPTY_ROOT.to_string().len(), HASH_CHARS);
}

#[test]
fn only_the_one_spelling_of_a_hash_is_read() {
    let text = EMPTY_ROOT.to_string();
    assert_eq!(text.parse(), Ok(EMPTY_ROOT));
    let wrong = [
        String::new(),
        text.replace('=', ""),                    // no padding
        text.replace("U=", "V="),                 // a bit set that no byte has
        text.replace('=', "A"),                   // 33 bytes
        format!("{}==", text.get(..42).unwrap()), // 31 bytes
        text.replace('/', "_"),                   // the URL alphabet
        format!("{text}\n"),
        format!(" {text}"),
        text.replace("47", "4\u{e9}"), // 44 bytes, not 44 characters
    ];
    for wrong in wrong {
        assert_eq!(wrong.parse::<Hash>(), Err(BadHash), "{wrong:?}");
    }
}

#[test]
fn json_is_the_base64_text() {
    let json = serde_json::to_string(&EMPTY_ROOT).unwrap();
    assert_eq!(json, "\"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"");
    assert_eq!(serde_json::from_str::<Hash>(&json).unwrap(), EMPTY_ROOT);
    assert_eq!(
        serde_json::from_slice::<Hash>(json.as_bytes()).unwrap(),
        EMPTY_ROOT
    );
    let escaped = json.replace("47", "\\u00347");
    assert_eq!(serde_json::from_str::<Hash>(&escaped).unwrap(), EMPTY_ROOT);
    assert!(serde_json::from_str::<Hash>("\"47DE\"").is_err());
    assert!(serde_json::from_str::<Hash>("7").is_err());
}

proptest! {
    #[test]
    fn text_round_trips(bytes: [u8; 32]) {
        let hash = Hash(bytes);
        prop_assert_eq!(hash.to_string().parse(), Ok(hash));
    }

    #[test]
    fn splitting_the_input_does_not_change_the_hash(bytes: Vec<u8>, at: prop::sample::Index) {
        let at = at.index(bytes.len() + 1);
        let (left, right) = bytes.split_at(at);
        prop_assert_eq!(sha256(&[left, right]), sha256(&[&bytes]));
    }

    #[test]
    fn any_text_that_is_read_is_written_the_same(text in "[A-Za-z0-9+/]{42}[A-Za-z0-9+/=]{2}") {
        if let Ok(hash) = text.parse::<Hash>() {
            prop_assert_eq!(hash.to_string(), text);
        }
    }
}
