//! Files are named so that one and only one is meant.

use base::IncidentId;
use serde_json::json;

use super::{chosen, cited, digest_of, hex, rows};
use crate::commands::timeline::tests::{declared, item, timeline};
use crate::exit::Exit;

fn a_few() -> Vec<super::Cited> {
    let digest = |text: &[u8]| record::hash::sha256(&[text]).to_string();
    let attached = json!({
        "bytes": 1_033, "name": "heap.txt", "sha256": digest(b"one"),
        "source": "jmap on web-3", "verification": "signed",
    });
    let blob = |text: &[u8]| json!({ "bytes": 50, "sha256": digest(text) });
    let noted = json!({ "text": "both", "blobs": [blob(b"one"), blob(b"two")] });
    cited(&timeline(vec![
        declared(),
        item(1, 1, "sam", "incident.file_attached/1", &attached),
        item(2, 2, "kim", "incident.noted/1", &noted),
    ]))
}

#[test]
fn a_file_that_is_cited_twice_is_listed_once() {
    let files = a_few();
    assert_eq!(files.len(), 2);
    let rows = rows(&files);
    assert_eq!(rows[0].1, "heap.txt, from: jmap on web-3");
    assert_eq!(rows[1].1, "a file");
}

#[test]
fn a_file_is_its_number_or_the_beginning_of_its_digest() {
    let files = a_few();
    let id = IncidentId::from_number(7);
    let which = |wanted: &str| chosen(id, &files, wanted).map(|file| hex(&file.sha256));
    let second = hex(&files[1].sha256);
    assert_eq!(which("2").unwrap(), second);
    assert_eq!(which(&second[..6]).unwrap(), second);
    assert_eq!(which(&second[..8].to_uppercase()).unwrap(), second);
    for (wanted, exit) in [
        ("0", Exit::Refused),
        ("3", Exit::Refused),
        ("ffffff", Exit::Refused),
        ("abc", Exit::Usage),
        ("", Exit::Usage),
    ] {
        assert_eq!(which(wanted).unwrap_err().exit, exit, "{wanted}");
    }
    assert_eq!(digest_of(&second.to_uppercase()), Some(second.clone()));
    assert_eq!(digest_of(&second[1..]), None);
}
