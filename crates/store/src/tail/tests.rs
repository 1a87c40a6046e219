//! What an interrupted write leaves, and what it does not.

use super::{Stopped, Tail, judge};

fn tail(bytes: &[u8], cut: bool) -> Tail {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("segment");
    std::fs::write(&path, bytes).unwrap();
    let stopped = Stopped {
        at: 0,
        why: "it does not fit".to_owned(),
        cut,
    };
    judge(&path, 0, 10, "record.example", Some(&stopped)).unwrap()
}

fn signed(size: u64) -> String {
    let signature = format!("{}==", "A".repeat(86));
    format!(
        "{{\"signed\":{{\"key\":\"record.example+0123abcd\",\"sig\":\"{signature}\",\"size\":{size}}}}}\n"
    )
}

#[test]
fn lines_that_end_early_and_lost_sectors_are_torn() {
    let line = signed(10);
    for end in 0..line.len() {
        assert_eq!(
            tail(&line.as_bytes()[..end], true),
            Tail::default(),
            "{end}"
        );
    }
    assert_eq!(tail(b"{\"actor\":1}\n{\"act", true), Tail::default());
    assert_eq!(tail(&[0; 600], true), Tail::default());
    let lost = [
        b"{\"actor\":1}\n{\"act".as_slice(),
        &[0; 300],
        b"}\n{\"actor\":2}\n",
    ]
    .concat();
    assert_eq!(tail(&lost, false), Tail::default());
}

#[test]
fn a_signature_line_that_is_whole_is_never_torn() {
    let found = tail(signed(10).as_bytes(), false);
    assert!(found.damaged.is_some());
    assert_eq!(found.claims, None);
    let found = tail(signed(12).as_bytes(), false);
    assert_eq!(found.claims, Some((0, 12)));
    // Behind other lines, and even within one whose own end was lost.
    let later = format!("{{\"actor\":1}}\n{}{}", signed(11), signed(12));
    assert_eq!(
        tail(later.as_bytes(), false).claims,
        Some((12 + signed(11).len() as u64, 12))
    );
    let within = format!("{{\"batch\":{{}}}}X{}", signed(12));
    assert_eq!(tail(within.as_bytes(), false).claims, Some((0, 12)));
    let broken = signed(12).replace("\"sig\"", "\"sog\"");
    assert!(tail(broken.as_bytes(), false).damaged.is_some());
    let flipped_end = format!("{}X", signed(10).trim_end());
    assert!(tail(flipped_end.as_bytes(), true).damaged.is_some());
}

#[test]
fn what_only_a_changed_byte_explains_is_odd() {
    // A single zero: sectors are lost whole.
    let mut line = b"{\"actor\":1}\n".to_vec();
    line[3] = 0;
    assert!(tail(&line, false).odd.is_some());
    assert!(tail(b"{\"actpr\":1}\n", false).odd.is_some());
    // All lines are well formed, and still they do not fit.
    let found = tail(b"{\"actor\":1}\n", false);
    assert_eq!(found.odd, Some((0, "it does not fit".to_owned())));
}
