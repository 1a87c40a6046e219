//! Links and mail addresses: what is taken, and what could forge a line or leak a password.

use proptest::prelude::*;

use crate::Link;
use base::MailAddress;

#[test]
fn links_are_absolute_and_visible_and_hold_no_password() {
    for good in [
        "https://example.org",
        "http://127.0.0.1:7700/incidents/INC-7?from=3#now",
        "https://example.org/a,b;c/~sam/%C3%BC",
        "https://[2001:db8::1]/x",
    ] {
        assert_eq!(good.parse::<Link>().unwrap().as_str(), good);
    }
    let long = format!("https://example.org/{}", "x".repeat(2_000));
    for bad in [
        "",
        "example.org",
        "/incidents",
        "ftp://example.org/",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "https://sam:secret@example.org/",
        "https://example.org/ü",
        "https://example.org/a b",
        "https://example.org/a\r\nBEGIN:VEVENT",
        "https://example.org/\"",
        &long,
    ] {
        assert!(bad.parse::<Link>().is_err(), "{bad}");
    }
}

#[test]
fn mail_addresses_are_plain_ones() {
    for good in ["sam@example.org", "a.b+c@x", "o'neil@a-b.example"] {
        assert_eq!(good.parse::<MailAddress>().unwrap().as_str(), good);
    }
    let long = format!("{}@example.org", "x".repeat(65));
    for bad in [
        "",
        "sam",
        "@example.org",
        "sam@",
        "sam@@example.org",
        ".sam@example.org",
        "s..m@example.org",
        "sam@-example.org",
        "sam@example..org",
        "sam@exam ple.org",
        "sam@example.org\r\nATTENDEE:mailto:x@y",
        "\"sam\"@example.org",
        "süß@example.org",
        &long,
    ] {
        assert!(bad.parse::<MailAddress>().is_err(), "{bad}");
    }
}

#[test]
fn a_mailto_url_encodes_what_means_something_in_a_url() {
    let address: MailAddress = "a?b&c#d%e+f@example.org".parse().unwrap();
    assert_eq!(address.mailto(), "mailto:a%3Fb%26c%23d%25e+f@example.org");
}

proptest! {
    #[test]
    fn nothing_that_is_taken_could_end_a_line(text in any::<String>()) {
        let visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if let Ok(link) = text.parse::<Link>() {
            prop_assert!(visible(link.as_str()));
        }
        if let Ok(address) = text.parse::<MailAddress>() {
            prop_assert!(visible(address.as_str()) && visible(&address.mailto()));
        }
    }
}
