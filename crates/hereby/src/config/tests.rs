//! The documented defaults are the defaults, and mistakes are found where they stand.

use super::{Config, RuleAction};

const DOCUMENTED: &str = include_str!("../../../../docs/reference/hereby.toml");

#[test]
fn the_documented_values_are_the_defaults() {
    assert_eq!(Config::parse(DOCUMENTED).unwrap(), Config::default());
    assert_eq!(Config::parse("").unwrap(), Config::default());
}

#[test]
fn every_commented_example_is_valid() {
    // Lines that begin with `#:` are examples: uncommented, they must parse.
    let examples: String = DOCUMENTED
        .lines()
        .map(|line| line.strip_prefix("#: ").unwrap_or(line))
        .map(|line| format!("{line}\n"))
        .collect();
    let config = Config::parse(&examples).unwrap();
    assert!(
        config
            .alerts
            .rule
            .iter()
            .any(|rule| rule.action == RuleAction::Declare)
    );
    assert_eq!(config.record.witness.len(), 1);
    assert!(config.listen.tls.is_some());
    assert_eq!(config.regulators().unwrap().len(), 6);
}

#[test]
fn mistakes_are_named_with_their_place() {
    for (text, part) in [
        ("[listen]\nhttps = \"x\"", "line 2"),
        ("[listen]\nhttp = \"0.0.0.0:7700\"", "loopback"),
        ("[alerts]\nresolve_timeout_s = -1", "line 2"),
        ("[alerts]\nresolve_timeout_s = 0", "0 seconds"),
        ("[alerts]\nacts_burst = 3", "at least 4"),
        (
            "[[alerts.rule]]\nname = \"a\"\naction = \"declare\"",
            "severity",
        ),
        (
            "[[alerts.rule]]\nname = \"a\"\naction = \"explode\"",
            "explode",
        ),
        ("[listen]\ntls_key = \"k\"", "belong together"),
        (
            "[[regulator]]\nname = \"a\"\nfrom = \"detected\"\nwithin = \"soon\"",
            "72h",
        ),
        (
            "[[regulator]]\nname = \"a\"\nfrom = \"noticed\"\nwithin = \"1h\"",
            "noticed",
        ),
        (
            "[[regulator]]\nname = \"a\"\nfrom = \"declared\"\nwithin = \"1h\"\n\
             when_data = [\"none\"]",
            "read, lost, changed",
        ),
    ] {
        let error = Config::parse(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}
