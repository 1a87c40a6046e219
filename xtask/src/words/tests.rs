//! Samples of what may stand where.

use super::check;
use crate::tree::Tree;

fn found(path: &str, text: &str) -> Vec<String> {
    check(&Tree::of(&[(path, text)]))
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn shams_are_found_in_code_and_not_in_prose() {
    for text in [
        "fn f() { todo!() }",
        "fn f() { unimplemented!(\"later\") }",
        "#[test]\n#[ignore]\nfn f() {}",
        "#[ignore = \"slow\"]\nfn f() {}",
    ] {
        assert_eq!(found("a/src/b.rs", text).len(), 1, "{text}");
    }
    assert!(
        found(
            "a/src/b.rs",
            "/// Never `todo!`.\nfn f(todo: u8) { g(\"todo!\") }"
        )
        .is_empty()
    );
    assert!(found("docs/a.md", "We write no `todo!` and no `#[ignore]`.").is_empty());
}

#[test]
fn unfinished_work_is_found_in_any_text() {
    assert_eq!(
        found("dev", "a\n# FIXME: b\n"),
        [
            "dev:2: `FIXME`; unfinished work hides in comments; finish it or say plainly what is missing"
        ]
    );
    assert_eq!(found("a.rs", "//! x\n// XXX\n").len(), 1);
    assert!(found("dev", "mktemp /tmp/a.XXXXXX\n").is_empty());
}

#[test]
fn machine_paths_and_registries_are_found() {
    for line in [
        "cd /root/.cache",
        "see https://crates.io/x",
        "from pypi.org",
        "/root/.cargo",
    ] {
        assert_eq!(found("docs/a.md", line).len(), 1, "{line}");
    }
    assert!(found("docs/a.md", "the square/root/. of it").is_empty());
    assert!(found("Cargo.lock", "github.com/rust-lang/crates.io-index").is_empty());
}
