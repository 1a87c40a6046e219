//! Feeds: ids stay, what is said anew changes when an entry was updated.

use serde_json::json;

use super::{Told, at, files};

fn between<'t>(text: &'t str, open: &str, close: &str) -> Vec<&'t str> {
    let parts = text.split(open).skip(1);
    parts
        .map(|part| part.split(close).next().unwrap())
        .collect()
}

#[test]
fn an_entry_keeps_its_id_and_a_new_word_changes_when_it_was_updated() {
    let mut told = Told::default();
    told.say(
        0,
        "INC-1",
        "One.",
        json!({"status": "investigating", "headline": "A & B"}),
    );
    let first = files(&told.page, at(1), 0)["history.atom"].clone();
    told.say(10, "INC-1", "Two.", json!({"status": "identified"}));
    let second = files(&told.page, at(11), 0)["history.atom"].clone();
    assert_eq!(
        between(&first, "<id>", "</id>"),
        between(&second, "<id>", "</id>")
    );
    assert_eq!(
        between(&second, "<updated>", "</updated>"),
        ["2026-11-21T08:10:00.000Z", "2026-11-21T08:10:00.000Z"]
    );
    assert_eq!(
        between(&second, "<published>", "</published>"),
        ["2026-11-21T08:00:00.000Z"]
    );
    assert_eq!(between(&second, "<title>", "</title>")[1], "A &amp; B");
    let rss = files(&told.page, at(11), 0)["de/history.rss"].clone();
    assert_eq!(
        between(&rss, "<pubDate>", "</pubDate>"),
        ["Sat, 21 Nov 2026 08:00:00 GMT"]
    );
    assert!(rss.contains("<language>de</language>"));
}
