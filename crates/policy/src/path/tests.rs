//! One spelling for each path, and none for two different ones.

use std::borrow::Cow;

use proptest::prelude::*;

use super::comparable;

#[test]
fn a_rule_on_admin_sees_each_spelling_of_it() {
    for path in [
        "/%61dmin",
        "/%61%64min",
        "/adm%69n",
        "/%61%64%6d%69%6E",
        "/%61%64%6D%69%6e",
        "//admin",
        "/;a=b/admin",
        "/admin;x=/",
        "/%2Fadmin%3bx",
        "/%5cadmin",
    ] {
        assert_eq!(comparable(path).trim_end_matches('/'), "/admin");
    }
    assert_eq!(comparable("/%7euser/%2Dx%5f"), "/~user/-x_");
}

#[test]
fn what_means_something_else_stays_escaped_in_upper_case() {
    assert_eq!(comparable("/a%2fb%3f%c3%a4"), "/a/b%3F%C3%A4");
    assert_eq!(
        comparable("/%2561dmin"),
        "/%2561dmin",
        "decoded once, not twice"
    );
}

#[test]
fn what_does_not_change_is_not_copied() {
    for path in ["/", "/a/b.html", "/a%3Fb", "/%", "/%4", "/%zz", "/100%é"] {
        assert!(
            matches!(comparable(path), Cow::Borrowed(same) if same == path),
            "{path}"
        );
    }
}

proptest! {
    #[test]
    fn a_path_has_one_spelling(path in "/([a-zA-Z/.~-]|%[0-9a-fA-F]{2}){0,40}") {
        let once = comparable(&path).into_owned();
        prop_assert_eq!(comparable(&once), once.as_str());
        let upper = comparable(&path.to_ascii_uppercase()).to_ascii_uppercase();
        prop_assert_eq!(upper, once.to_ascii_uppercase());
        prop_assert!(once.len() <= path.len());
    }

    #[test]
    fn escaping_a_letter_changes_nothing(path in "/[a-z0-9/._~-]{1,30}", at in any::<prop::sample::Index>()) {
        let at = 1 + at.index(path.len() - 1);
        let byte = path.as_bytes()[at];
        let escaped = format!("{}%{byte:02x}{}", &path[..at], &path[at + 1..]);
        prop_assert_eq!(comparable(&escaped), comparable(&path));
    }

    #[test]
    fn any_text_has_a_spelling(path in ".*") {
        comparable(&path);
    }
}
