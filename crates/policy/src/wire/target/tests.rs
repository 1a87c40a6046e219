//! Paths that everybody reads alike, and those that don't go on.

use proptest::prelude::*;

use super::*;

#[test]
fn plain_paths_pass() {
    for path in [
        "/",
        "//",
        "/a/b.html",
        "/.well-known/acme-challenge/x",
        "/...",
        "/a..b",
        "/..a",
        "/a.",
        "/.a/x",
        "/a%20b",
        "/%E2%82%AC",
        "/a%2Fb",
        "/%252e%252e/",
        "/a;v=1/b",
        "/[x]!$&'()*+,=:@~-_",
        "/?",
        "/a?b=/../c",
        "/?q=100%",
        "/?q=%zz",
        "/?a|b^c{d}e'f`g",
        "/?a?b",
        "/?x=%00",
    ] {
        assert_eq!(target(path.as_bytes()), Ok(()), "{path}");
    }
}

#[test]
fn paths_that_servers_read_differently_are_refused() {
    for path in [
        "/.",
        "/..",
        "/./",
        "/../",
        "/a/.",
        "/a/..",
        "/a/../b",
        "/a/./b",
        "/..?x",
        "/%2e",
        "/%2E%2e/",
        "/.%2e/",
        "/%2e./x",
        "/a%2f..%2fb",
        "/a%2F%2e%2e",
        "/a%5c..%5Cb",
        "/%5c../x",
        "/..;/manager",
        "/..;x=y/",
        "/.;",
        "/%2e%2e%3bx/",
        "/a%00",
        "/%00",
        "/a/..%2f",
    ] {
        assert_eq!(
            target(path.as_bytes()),
            Err(Reason::PathAmbiguous),
            "{path}"
        );
    }
}

#[test]
fn what_is_no_path_is_refused() {
    for path in [
        "",
        "*",
        "a",
        "?",
        "http://h/",
        "/a b",
        "/a\tb",
        "/a\\b",
        "/a#b",
        "/a?b#c",
        "/a?b\\c",
        "/a|b",
        "/a^b",
        "/{a}",
        "/<a>",
        "/\"a\"",
        "/`a`",
        "/%",
        "/%4",
        "/%zz",
        "/%4g",
        "/a%",
        "/\u{e4}",
        "/?\u{e4}",
        "/\u{7f}",
        "/\u{1}",
        "/? ",
        "/\r\n",
    ] {
        assert_eq!(
            target(path.as_bytes()),
            Err(Reason::TargetMalformed),
            "{path:?}"
        );
    }
}

proptest! {
    /// What a lenient server would make of an accepted path has no dots to go up by.
    #[test]
    fn no_accepted_path_goes_up(path in "/(\\.|/|;|a|%2[eEfF]|%5[cC]|%3[bB]){0,12}") {
        let decoded = path
            .to_ascii_lowercase()
            .replace("%2e", ".")
            .replace("%2f", "/")
            .replace("%5c", "/")
            .replace("%3b", ";");
        let goes_up = decoded.split('/').any(|segment| {
            let segment = segment.split(';').next().unwrap_or_default();
            segment == "." || segment == ".."
        });
        let expected = if goes_up { Err(Reason::PathAmbiguous) } else { Ok(()) };
        prop_assert_eq!(target(path.as_bytes()), expected);
    }

    #[test]
    fn any_bytes_have_an_outcome(path in prop::collection::vec(any::<u8>(), 0..60)) {
        if target(&path).is_ok() {
            prop_assert!(path.iter().all(|byte| (0x21..=0x7e).contains(byte)));
        }
    }
}
