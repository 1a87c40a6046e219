//! Names of repositories, and the header that leads to the next page.

use hyper::header::HeaderValue;
use proptest::prelude::*;

use super::*;

fn next(link: &str) -> Option<String> {
    let mut headers = HeaderMap::new();
    headers.insert(header::LINK, HeaderValue::from_str(link).ok()?);
    next_page(&headers)
}

#[test]
fn a_repository_has_an_owner_and_a_name() {
    for good in ["acme/shop", "sam_acme/.github", "a/b.c-d_e"] {
        assert_eq!(good.parse::<Repository>().unwrap().as_str(), good);
    }
    for bad in [
        "",
        "acme",
        "acme/",
        "/shop",
        "acme/shop/x",
        "acme/..",
        "acme/.",
        "../shop",
        "a b/c",
        "acme/shop?x",
        "acme/shop#1",
        "acme/sh%2Fop",
        "ac.me/shop",
        "äcme/shop",
    ] {
        assert_eq!(bad.parse::<Repository>(), Err(BadRepository), "{bad}");
    }
}

#[test]
fn the_next_page_is_the_one_that_says_so() {
    let both = "<https://api.github.com/repositories/1/issues?page=1>; rel=\"prev\", \
                <https://api.github.com/repositories/1/issues?after=Y%2C3>; rel=\"next\", \
                <https://api.github.com/repositories/1/issues?page=9>; rel=\"last\"";
    let page = "https://api.github.com/repositories/1/issues?after=Y%2C3";
    assert_eq!(next(both).as_deref(), Some(page));
    assert_eq!(next("<https://x/?a=1,2;rel=next>; rel=\"first\""), None);
    assert_eq!(
        next("<https://x/>; title=\"a\"; rel=next").as_deref(),
        Some("https://x/")
    );
    for none in [
        "",
        "<",
        "<>",
        "<https://x/",
        "https://x/; rel=\"next\"",
        "<https://x/>; rel=\"prev\"",
    ] {
        assert_eq!(next(none), None, "{none}");
    }
}

#[test]
fn what_an_answer_names_as_its_link_is_a_link() {
    let repository: Repository = "acme/shop".parse().unwrap();
    let with_url = |url: &str| {
        let answer = json!({"number": 12, "html_url": url}).to_string();
        created(&repository, answer.as_bytes())
    };
    let ticket = with_url("https://github.com/acme/shop/issues/12").unwrap();
    assert_eq!(ticket.key, "acme/shop#12");
    for bad in [
        "",
        "javascript:alert(1)",
        "https://x/\u{1b}[2J",
        "/acme/shop",
    ] {
        assert_eq!(with_url(bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn any_link_header_is_read_to_its_end(text in "[<>;, a-z=\"/:]{0,80}|\\PC{0,40}") {
        if let Some(url) = next(&text) {
            let bracketed = format!("<{url}>");
            prop_assert!(text.contains(&bracketed));
        }
    }
}
