//! Choosing a language, and reading messages.

use crate::{Language, Value, Words};

#[test]
fn the_heaviest_language_that_there_is_wins_and_the_first_among_equals() {
    for (header, wanted) in [
        ("", Language::English),
        ("de", Language::German),
        ("de-AT,en;q=0.8", Language::German),
        ("en;q=0.2, de;q=0.9", Language::German),
        ("en, de", Language::English),
        ("fr, de;q=0.3", Language::German),
        ("fr", Language::English),
        ("*", Language::English),
        ("de;q=0", Language::English),
        ("de;q=2, en;q=0.1", Language::English),
        ("de;q=abc", Language::English),
        (";;;,,,de", Language::German),
    ] {
        assert_eq!(Language::from_accept_language(header), wanted, "{header}");
    }
}

#[test]
fn a_header_without_end_is_read_only_so_far() {
    let header = "fr,".repeat(100_000) + "de";
    assert_eq!(Language::from_accept_language(&header), Language::English);
}

#[test]
fn messages_are_counted_as_the_language_counts() {
    let source = "acts = { $n ->\n    [one] one act\n   *[other] { $n } acts\n }\nplain = Acts\n";
    let words = Words::new(Language::English, source).unwrap();
    assert_eq!(words.say("plain"), "Acts");
    assert_eq!(words.say_with("acts", &[("n", Value::from(1))]), "one act");
    assert_eq!(words.say_with("acts", &[("n", Value::from(7))]), "7 acts");
    assert_eq!(words.keys().collect::<Vec<_>>(), ["acts", "plain"]);
}

#[test]
fn a_message_that_is_not_there_is_shown_as_its_key() {
    let words = Words::new(Language::German, "there = da\n").unwrap();
    assert_eq!(words.say("nowhere"), "nowhere");
    let english = Words::new(Language::English, "there = there\nmore = more\n").unwrap();
    assert_eq!(english.missing_from(&words), ["more"]);
}

#[test]
fn what_is_no_fluent_file_is_refused() {
    assert!(Words::new(Language::English, "= no key\n").is_err());
    assert!(Words::new(Language::English, "twice = 1\ntwice = 2\n").is_err());
}
