//! Lines read back as they were written, and nothing else is read.

use proptest::prelude::*;
use record::hash::{Hash, sha256};
use record::note::{Algorithm, SignerKey};
use record::succession::FIRST_EPOCH;

use super::{BadLine, BatchEnd, Header, Line, Signed, begins_signed, is_entry, is_origin, parse};

fn hash(number: u64) -> Hash {
    sha256(&[&number.to_be_bytes()])
}

fn header() -> Header {
    Header {
        epoch: FIRST_EPOCH,
        first: 6,
        frontier: vec![hash(1), hash(2)],
        origin: "record.example/hereby".to_owned(),
        v: 1,
    }
}

fn signed(size: u64) -> (Signed, String) {
    let key = SignerKey::from_seed("record.example/hereby", Algorithm::Ed25519, [3; 32]).unwrap();
    let text = format!("record.example/hereby\n{size}\n{}\n", hash(size));
    let signed = Signed::of(&key.sign(&text).unwrap(), size).unwrap();
    let mut line = String::new();
    signed.write(&mut line);
    (signed, line)
}

fn batch_line(batch: &BatchEnd) -> String {
    let mut line = Vec::new();
    batch.write(&mut line);
    String::from_utf8(line).unwrap()
}

#[test]
fn the_lines_are_those_of_the_page() {
    let root = hash(9);
    let first = BatchEnd {
        prev: None,
        root,
        size: 7,
    };
    let line = batch_line(&first);
    assert_eq!(
        line,
        format!("{{\"batch\":{{\"prev\":null,\"root\":\"{root}\",\"size\":7}}}}\n")
    );
    record::canonical::check(line.trim_end().as_bytes()).unwrap();
    assert_eq!(parse(line.trim_end().as_bytes()), Ok(Line::Batch(first)));
    let next = BatchEnd {
        prev: Some(hash(3)),
        ..first
    };
    assert_eq!(
        parse(batch_line(&next).trim_end().as_bytes()),
        Ok(Line::Batch(next))
    );

    let (signed, line) = signed(7);
    assert!(
        line.starts_with("{\"signed\":{\"key\":\"record.example/hereby+"),
        "{line}"
    );
    record::canonical::check(line.trim_end().as_bytes()).unwrap();
    let note = signed.to_note("record.example/hereby", hash(7)).unwrap();
    let key = SignerKey::from_seed("record.example/hereby", Algorithm::Ed25519, [3; 32]).unwrap();
    note.verify(&[key.verifier().clone()]).unwrap();
    assert_eq!(parse(line.trim_end().as_bytes()), Ok(Line::Signed(signed)));

    let line = header().to_line().unwrap();
    assert!(line.starts_with(b"{\"segment\":{\"epoch\":1,\"first\":6,\"frontier\":[\""));
    assert_eq!(parse(&line), Ok(Line::Header(header())));
    assert_eq!(parse(b"{\"actor\":1}"), Ok(Line::Entry(b"{\"actor\":1}")));
}

#[test]
fn another_spelling_of_the_same_is_refused() {
    let (_, signed) = signed(7);
    let batch = batch_line(&BatchEnd {
        prev: Some(hash(3)),
        root: hash(9),
        size: 7,
    });
    let header = String::from_utf8(header().to_line().unwrap()).unwrap();
    for (line, from, to) in [
        (&batch, "\"size\":7", "\"size\":07"),
        (&batch, "\"size\":7", "\"size\": 7"),
        (&batch, "\"size\":7", "\"size\":7.0"),
        (&batch, "\"size\":7", "\"size\":-7"),
        (&batch, "\"size\":7", "\"size\":99999999999999999999"),
        (&batch, "\"size\":7", "\"size\":7,\"more\":1"),
        (&batch, "\"prev\":", "\"prev\" :"),
        (&signed, "\"size\":7", "\"size\":"),
        (&signed, "hereby+", "hereby+x"),
        (&signed, "\"sig\":\"", "\"sig\":\"AAAA"),
        (&header, "\"first\":6", "\"first\":7"),
        (&header, "\"first\":6", "\"first\":6,\"more\":0"),
        (&header, "\"epoch\":1", "\"epoch\":0"),
        (&header, "\"v\":1", "\"v\":2"),
        (&header, "{\"epoch\"", "{ \"epoch\""),
        (&header, "record.example/hereby", "record example"),
    ] {
        let line = line.trim_end();
        parse(line.as_bytes()).unwrap();
        let changed = line.replace(from, to);
        assert_ne!(changed, line);
        assert!(parse(changed.as_bytes()).is_err(), "{changed}");
    }
    assert_eq!(parse(b""), Err(BadLine::Unknown));
    assert_eq!(parse(b"{\"other\":1}"), Err(BadLine::Unknown));
    assert_eq!(parse(&[b'{'; 65_536]), Err(BadLine::TooLong));
}

#[test]
fn names_and_entries_that_could_break_a_line_are_refused() {
    for good in ["a", "record.example/hereby", "a:7700", "A-b_c@d"] {
        assert!(is_origin(good), "{good}");
    }
    for bad in [
        "",
        "a b",
        "a+b",
        "a\"b",
        "a\\b",
        "a\nb",
        "é",
        &"x".repeat(201),
    ] {
        assert!(!is_origin(bad), "{bad}");
    }
    assert!(is_entry(b"{\"actor\":{}}"));
    for bad in [b"{\"actor\":\n}".as_slice(), b"{\"batch\":{}}", b""] {
        assert!(!is_entry(bad));
    }
}

#[test]
fn every_beginning_of_a_signature_line_is_one_and_nothing_else_is() {
    let (_, line) = signed(1_234);
    let line = line.trim_end().as_bytes();
    for end in 0..=line.len() {
        assert!(
            begins_signed(&line[..end], "record.example/hereby"),
            "{end}"
        );
    }
    for at in 0..line.len() {
        let mut changed = line.to_vec();
        changed[at] ^= 0x80;
        assert!(!begins_signed(&changed, "record.example/hereby"), "{at}");
    }
    assert!(!begins_signed(
        &[line, b"x"].concat(),
        "record.example/hereby"
    ));
    assert!(!begins_signed(line, "another.example"));
}

proptest! {
    #[test]
    fn what_is_written_is_read(prev in any::<Option<u64>>(), size in 0_u64..1 << 53) {
        let batch = BatchEnd { prev: prev.map(hash), root: hash(size), size };
        let line = batch_line(&batch);
        prop_assert_eq!(parse(line.trim_end().as_bytes()), Ok(Line::Batch(batch)));
        let (signed, line) = signed(size);
        prop_assert_eq!(parse(line.trim_end().as_bytes()), Ok(Line::Signed(signed)));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for start in [b"".as_slice(), b"{\"segment\":", b"{\"batch\":", b"{\"signed\":{\"key\":\""] {
            let _ = parse(&[start, &bytes].concat());
        }
    }
}
