//! The bounds hold, and what they cost is counted to the byte.

use proptest::prelude::*;

use super::*;

fn sent<'a>(pairs: &[(&'a str, &'a str)]) -> Sent<'a> {
    pairs
        .iter()
        .map(|(name, value)| (Cow::Borrowed(*name), Cow::Borrowed(*value)))
        .collect()
}

fn count(losses: Losses, reason: &str) -> u64 {
    let dropped = losses.into_dropped();
    dropped
        .iter()
        .find(|dropped| dropped.reason == reason)
        .map_or(0, |dropped| dropped.count)
}

#[test]
fn of_too_many_labels_the_ones_people_look_at_survive() {
    let names: Vec<String> = (0..40).map(|n| format!("a{n:02}")).collect();
    let mut labels: Sent<'_> = names
        .iter()
        .map(|name| (Cow::Borrowed(&**name), Cow::Borrowed("v")))
        .collect();
    labels.extend(sent(&[
        ("team", "x"),
        ("drill", "true"),
        ("alertname", "n"),
        ("job", "j"),
    ]));
    let mut losses = Losses::default();
    let bounded = cut(&labels, &Sent::new(), &mut losses);
    let kept: Vec<&str> = bounded.labels.keys().map(|name| &**name).collect();
    assert_eq!(kept.len(), LABELS_MAX);
    assert!(
        ["alertname", "team", "drill", "job", "a00", "a27"]
            .iter()
            .all(|name| kept.contains(name))
    );
    assert!(!kept.contains(&"a28"));
    assert_eq!(bounded.lost_bytes, 12 * 4);
    assert_eq!(count(losses, reason::COUNT), 12);
    labels.reverse();
    assert_eq!(
        cut(&labels, &Sent::new(), &mut Losses::default()).labels,
        bounded.labels
    );
}

#[test]
fn names_stay_whole_or_go() {
    let long = "n".repeat(LABEL_NAME_BYTES_MAX + 1);
    for name in [&*long, "", "ü", "a\"", "a\\", " a", "a ", "a\n"] {
        let mut losses = Losses::default();
        let bounded = cut(&sent(&[(name, "v")]), &Sent::new(), &mut losses);
        assert!(bounded.labels.is_empty(), "{name}");
        assert_eq!(bounded.lost_bytes, name.len() as u64 + 1);
        assert_eq!(count(losses, reason::NAME), 1);
    }
    let fits = "n".repeat(LABEL_NAME_BYTES_MAX);
    assert_eq!(
        cut(&sent(&[(&fits, "v")]), &Sent::new(), &mut Losses::default()).lost_bytes,
        0
    );
}

#[test]
fn values_lose_their_end_and_what_forges_lines() {
    let long = "ü".repeat(LABEL_VALUE_BYTES_MAX);
    let labels = sent(&[
        ("a", &long),
        ("b", "x\u{202e}y\u{7}z"),
        ("c", "\u{1}\u{2}"),
        ("d", ""),
    ]);
    let annotations = sent(&[("description", "one\n\ttwo\u{1b}[31m")]);
    let mut losses = Losses::default();
    let bounded = cut(&labels, &annotations, &mut losses);
    assert_eq!(bounded.labels["a"].len(), LABEL_VALUE_BYTES_MAX);
    assert_eq!(&*bounded.labels["b"], "x y z");
    assert_eq!(bounded.labels.len(), 2);
    assert_eq!(&*bounded.annotations["description"], "one\n\ttwo [31m");
    let cut_off = LABEL_VALUE_BYTES_MAX as u64;
    assert_eq!(bounded.lost_bytes, cut_off + (3 + 1) + 3 + 1);
    let expected = [
        (reason::CHARACTER, 3),
        (reason::VALUE_BLANK, 1),
        (reason::VALUE_CUT, 1),
    ];
    let expected = expected.map(|(reason, count)| Dropped { reason, count });
    assert_eq!(losses.into_dropped(), expected);
}

#[test]
fn the_summary_survives_when_there_is_no_room_for_all() {
    let text = "\"".repeat(ANNOTATION_VALUE_BYTES_MAX);
    let names: Vec<String> = (0..20).map(|n| format!("a{n:02}")).collect();
    let mut annotations: Sent<'_> = names
        .iter()
        .map(|name| (Cow::Borrowed(&**name), Cow::Borrowed(&*text)))
        .collect();
    annotations.extend(sent(&[("summary", &text)]));
    let mut losses = Losses::default();
    let bounded = cut(&Sent::new(), &annotations, &mut losses);
    assert!(bounded.annotations.contains_key("summary"));
    assert_eq!(bounded.annotations.len(), 11);
    assert_eq!(count(losses, reason::ROOM), 10);
}

#[test]
fn room_is_used_to_the_last_byte_and_not_beyond() {
    let big = "\"".repeat(ANNOTATION_VALUE_BYTES_MAX);
    let names: Vec<String> = (0..11).map(|n| format!("a{n:02}")).collect();
    let left = SIGNAL_TEXT_BYTES_MAX - 11 * written_bytes("a00", &big);
    for (more, kept) in [(0, 12), (1, 11)] {
        // Quotes take two bytes each: what is left is more than one value has of its own.
        let quotes = left + more - written_bytes("z", "") - ANNOTATION_VALUE_BYTES_MAX;
        let plain = ANNOTATION_VALUE_BYTES_MAX - quotes;
        let last = format!("{}{}", "\"".repeat(quotes), "x".repeat(plain));
        let mut annotations: Sent<'_> = names
            .iter()
            .map(|name| (Cow::Borrowed(&**name), Cow::Borrowed(&*big)))
            .collect();
        annotations.extend(sent(&[("z", &last)]));
        let bounded = cut(&Sent::new(), &annotations, &mut Losses::default());
        assert_eq!(bounded.annotations.len(), kept);
    }
}

#[test]
fn every_reason_is_listed_once_in_order() {
    assert!(reason::ALL.windows(2).all(|two| two[0] < two[1]));
}

/// `[{},{}]`, around two objects.
const BRACKETS: usize = 7;

fn texts() -> impl Strategy<Value = BTreeMap<String, String>> {
    let first = LABELS_FIRST
        .iter()
        .chain(ANNOTATIONS_FIRST)
        .copied()
        .collect::<Vec<_>>();
    let name = prop_oneof![
        3 => "[a-z_]{1,6}",
        1 => ".{0,140}",
        1 => proptest::sample::select(first).prop_map(str::to_owned),
    ];
    let value = prop_oneof![
        3 => "[ -~]{0,30}",
        1 => "[a\"\\\\\n\u{202e}\u{1}ü]{0,3000}",
        1 => ".{0,700}",
    ];
    // White space around a value is not a loss: leave it out, so that the sums are exact.
    let value = value.prop_map(|value| value.trim().to_owned());
    proptest::collection::btree_map(name, value, 0..60)
}

fn bytes<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> u64 {
    pairs
        .map(|(name, value)| (name.len() + value.len()) as u64)
        .sum()
}

fn of_kept(map: &BTreeMap<Box<str>, Box<str>>) -> impl Iterator<Item = (&str, &str)> {
    map.iter().map(|(name, value)| (&**name, &**value))
}

proptest! {
    #[test]
    fn what_is_kept_and_what_is_lost_add_up(labels in texts(), annotations in texts()) {
        let as_sent = |map: &BTreeMap<String, String>| -> Vec<(Cow<'static, str>, Cow<'static, str>)> {
            map.iter().map(|(name, value)| (name.clone().into(), value.clone().into())).collect()
        };
        let mut losses = Losses::default();
        let bounded = cut(&as_sent(&labels), &as_sent(&annotations), &mut losses);
        for (map, value_max) in [
            (&bounded.labels, LABEL_VALUE_BYTES_MAX),
            (&bounded.annotations, ANNOTATION_VALUE_BYTES_MAX),
        ] {
            prop_assert!(map.len() <= LABELS_MAX);
            for (name, value) in map {
                prop_assert!((1..=LABEL_NAME_BYTES_MAX).contains(&name.len()) && name.is_ascii());
                prop_assert!((1..=value_max).contains(&value.len()));
            }
        }
        let written = record::canonical::to_vec(&(&bounded.labels, &bounded.annotations)).unwrap();
        prop_assert!(written.len() <= SIGNAL_TEXT_BYTES_MAX + BRACKETS);

        let valued = labels.iter().chain(&annotations).filter(|(_, value)| !value.is_empty());
        let sent = bytes(valued.map(|(name, value)| (&**name, &**value)));
        let kept = bytes(of_kept(&bounded.labels).chain(of_kept(&bounded.annotations)));
        // A replaced character counts as lost and left a space behind.
        let spaces = count(losses, reason::CHARACTER);
        prop_assert_eq!(kept + bounded.lost_bytes, sent + spaces);
    }
}
