//! Whom and what is asked for.

use super::*;

pub(super) fn hosts() -> Vec<Case> {
    const HOSTS: &str = "host tricks";
    let fields = [
        ("none", ""),
        ("two", "Host: a.example\r\nHost: b.example\r\n"),
        ("two, the same", "Host: a.example\r\nHost: a.example\r\n"),
        (
            "two, one in capitals",
            "Host: a.example\r\nHOST: b.example\r\n",
        ),
        ("empty", "Host:\r\n"),
        ("a list", "Host: a.example, b.example\r\n"),
        ("two names", "Host: a.example b.example\r\n"),
        ("a user", "Host: b.example@a.example\r\n"),
        ("a path", "Host: a.example/b\r\n"),
        ("a query", "Host: a.example?b\r\n"),
        ("a fragment", "Host: a.example#b\r\n"),
        ("a backslash", "Host: a.example\\b\r\n"),
        ("an escape", "Host: a%2eexample\r\n"),
        ("an empty label", "Host: a..example\r\n"),
        ("a dot first", "Host: .a.example\r\n"),
        ("a dot alone", "Host: .\r\n"),
        ("two colons", "Host: a.example:80:80\r\n"),
        ("a port of letters", "Host: a.example:b\r\n"),
        ("a port that is none", "Host: a.example:99999\r\n"),
        ("port 0", "Host: a.example:0\r\n"),
        ("a port without digits", "Host: a.example:\r\n"),
        ("a port with a sign", "Host: a.example:+80\r\n"),
        ("an open bracket", "Host: [::1\r\n"),
        ("something behind a bracket", "Host: [::1]b\r\n"),
        ("no address in brackets", "Host: [a.example]\r\n"),
        ("an address without brackets", "Host: ::1\r\n"),
        ("a zone", "Host: [fe80::1%25eth0]\r\n"),
        ("a NUL", "Host: a.example\0b.example\r\n"),
        ("a tab inside", "Host: a.example\tb\r\n"),
        ("a high byte", "Host: a.ex\u{e4}mple\r\n"),
        ("a scheme", "Host: http://a.example\r\n"),
        ("a blank before the colon", "Host : a.example\r\n"),
        ("a blank before the name", " Host: a.example\r\n"),
        ("folded", "Host:\r\n a.example\r\n"),
        (
            "a name of 300 letters",
            concat!(
                "Host: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"
            ),
        ),
    ];
    let lines = [
        (
            "a target for somebody else",
            "GET http://b.example/PATH HTTP/1.1",
        ),
        (
            "a target for another port",
            "GET http://a.example:8080/PATH HTTP/1.1",
        ),
        (
            "a user in the target",
            "GET http://x@a.example/PATH HTTP/1.1",
        ),
        ("a target without a host", "GET http:///PATH HTTP/1.1"),
        ("a target without a path", "GET http://a.example HTTP/1.1"),
        (
            "a target of another scheme",
            "GET ftp://a.example/PATH HTTP/1.1",
        ),
        ("CONNECT", "CONNECT a.example:443 HTTP/1.1"),
        ("a target like a name", "GET a.example/PATH HTTP/1.1"),
        (
            "HTTP/1.0 for somebody else",
            "GET http://b.example/PATH HTTP/1.0",
        ),
    ];
    let fields = fields
        .iter()
        .map(|(name, field)| harmful(HOSTS, name, for_host(field)));
    let lines = lines
        .iter()
        .map(|(name, first)| harmful(HOSTS, name, line(first)));
    let old = "GET /PATH HTTP/1.0\r\n\r\n";
    fields
        .chain(lines)
        .chain([harmful(HOSTS, "none, in HTTP/1.0", old)])
        .collect()
}

pub(super) fn urls() -> Vec<Case> {
    const URLS: &str = "URL tricks";
    let targets = [
        ("dots", "/x/../PATH"),
        ("a dot", "/./PATH"),
        ("dots at the end", "/PATH/.."),
        ("escaped dots", "/x/%2e%2e/PATH"),
        ("half escaped dots", "/x/.%2E/PATH"),
        ("dots and an escaped slash", "/x/..%2fPATH"),
        ("dots and an escaped backslash", "/x/..%5cPATH"),
        ("dots and a parameter", "/x/..;a=b/PATH"),
        ("a dot and a parameter", "/x/.;/PATH"),
        ("a backslash", "/x\\PATH"),
        ("dots and backslashes", "/x\\..\\PATH"),
        ("an escaped NUL", "/PATH%00.png"),
        ("half an escape", "/PATH%2"),
        ("an escape of nothing", "/PATH%zz"),
        ("an escape at the end", "/PATH%"),
        ("an escape as IIS has it", "/PATH%u002e"),
        ("a fragment", "/PATH#there"),
        ("a fragment in a query", "/PATH?a#there"),
        ("a high byte", "/PATH/\u{e9}"),
        ("a NUL", "/PATH\0"),
        ("a control character", "/PATH\x01"),
        ("DEL", "/PATH\x7f"),
        ("a quote", "/PATH\""),
        ("angle brackets", "/PATH<x>"),
        ("a pipe", "/PATH|x"),
        ("a brace", "/PATH{x}"),
        ("a caret", "/PATH^"),
        ("a high byte in a query", "/PATH?\u{e9}"),
        ("a backslash in a query", "/PATH?\\"),
        ("a quote in a query", "/PATH?\""),
        ("angle brackets in a query", "/PATH?<x>"),
        ("no slash", "PATH"),
        ("a question mark first", "?PATH"),
        ("a star for a GET", "*"),
        (
            "a scheme in capitals and another host",
            "HTTP://b.example/PATH",
        ),
    ];
    targets
        .iter()
        .map(|(name, target)| harmful(URLS, name, line(&format!("GET {target} HTTP/1.1"))))
        .collect()
}
