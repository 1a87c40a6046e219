//! The lexer is what keeps the other checks honest: each case here is a way to fool it.

use super::{Source, blank};

#[test]
fn comments_and_literals_are_blanked_line_for_line() {
    let cases = [
        ("a // todo!\nb", "a         \nb"),
        ("a /* x /* y */\nz */ b", "a             \n     b"),
        (r#"f("std::fs \" x") g"#, r#"f(              ) g"#),
        ("f(r#\"a\"b\"#) g", "f(        ) g"),
        ("b\"x\" c\"y\" br\"z\"", "               "),
        ("b'x' '\\'' 'y'", "             "),
        ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
        ("let r#type = bar;", "let r#type = bar;"),
        ("'\\u{1F600}';x", "           ;x"),
    ];
    for (text, expected) in cases {
        assert_eq!(blank(text), expected, "{text:?}");
    }
}

#[test]
fn an_unclosed_literal_ends_with_the_file() {
    assert_eq!(blank("a \"bc"), "a    ");
    assert_eq!(blank("a /* b"), "a     ");
    assert_eq!(blank("r#\"b"), "    ");
}

#[test]
fn test_items_are_not_counted() {
    let source = Source::new(
        "c/src/a.rs",
        "fn a() {}\n#[cfg(test)]\nuse x::{y};\n#[cfg(test)]\n#[path]\nmod tests {\n  fn b() { {} }\n}\nfn c() {}\n",
    );
    assert_eq!(source.lines_without_tests(), 2);
    assert!(source.is_test(7));
    assert!(!source.is_test(9));
}

#[test]
fn code_for_tests_and_for_others_is_counted() {
    let source = Source::new(
        "c/src/a.rs",
        "#[cfg(any(test, feature = \"x\"))]\nmod a {\n}\n",
    );
    assert_eq!(source.lines_without_tests(), 3);
    let source = Source::new("c/src/a.rs", "#[cfg(not(test))]\nmod a {\n}\n");
    assert_eq!(source.lines_without_tests(), 3);
}

#[test]
fn a_test_module_elsewhere_is_named_and_takes_its_own_lines_only() {
    let source = Source::new("c/src/a.rs", "#[cfg(test)]\nmod tests;\nfn b() {}\n");
    assert_eq!(source.test_modules, ["tests"]);
    assert_eq!(source.lines_without_tests(), 1);
}

#[test]
fn files_are_tests_by_their_place() {
    assert!(Source::new("crates/a/tests/story.rs", "").whole_test);
    assert!(Source::new("crates/a/src/b/tests.rs", "").whole_test);
    assert!(!Source::new("crates/a/src/contests.rs", "").whole_test);
}

#[test]
fn functions_are_found_in_code_only() {
    let source = Source::new("a.rs", "// fn no()\nfn yes<T>() { \"fn neither()\"; }\n");
    assert!(source.has_function("yes"));
    assert!(!source.has_function("no"));
    assert!(!source.has_function("neither"));
}
