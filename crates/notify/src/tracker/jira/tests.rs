//! Keys, and the document that a description is.

use proptest::prelude::*;

use super::*;

fn marker() -> Marker {
    "hereby:ops/INC-7/F2".parse().unwrap()
}

#[test]
fn a_projects_key_is_in_upper_case() {
    for good in ["OPS", "A", "OPS_2"] {
        assert_eq!(good.parse::<ProjectKey>().unwrap().as_str(), good);
    }
    for bad in ["", "ops", "2OPS", "_OPS", "OPS-1", "OPS\" OR x", "ÖPS"] {
        assert_eq!(bad.parse::<ProjectKey>(), Err(BadProjectKey), "{bad}");
    }
}

#[test]
fn a_tickets_key_makes_a_link_that_nothing_else_gets_into() {
    let site: BaseUrl = "https://acme.atlassian.net".parse().unwrap();
    let named = |key: &str| created(&site, json!({"id": "1", "key": key}).to_string().as_bytes());
    let ticket = named("OPS-12").unwrap();
    assert_eq!(
        ticket.url.as_str(),
        "https://acme.atlassian.net/browse/OPS-12"
    );
    assert_eq!(ticket.key, "OPS-12");
    for bad in [
        "",
        "OPS",
        "OPS-",
        "OPS-x",
        "../OPS-1",
        "OPS-1?x",
        "OPS-1/../..",
        "ops-1",
    ] {
        assert_eq!(named(bad), None, "{bad}");
    }
}

#[test]
fn a_text_becomes_paragraphs_and_line_breaks() {
    let made = document("first\nsecond\n\n \nthird\n", &marker());
    let text = |text: &str| json!({"type": "text", "text": text});
    let expected = json!({
        "type": "doc",
        "version": 1,
        "content": [
            {"type": "paragraph", "content": [text("first"), {"type": "hardBreak"}, text("second")]},
            {"type": "paragraph", "content": [text("third")]},
            {"type": "paragraph", "content": [
                text("hereby knows this ticket by "),
                {"type": "text", "text": "hereby:ops/INC-7/F2", "marks": [{"type": "code"}]},
            ]},
        ],
    });
    assert_eq!(made, expected);
}

proptest! {
    #[test]
    fn every_line_of_a_text_is_in_its_document(body in "([a-z ]{0,9}\n?|\\PC{0,9}|\n){0,20}") {
        let made = document(&body, &marker());
        let mut lines = Vec::new();
        for paragraph in made["content"].as_array().unwrap() {
            let inline = paragraph["content"].as_array().unwrap();
            prop_assert!(!inline.is_empty());
            prop_assert_eq!(&inline[0]["type"], "text");
            for node in inline.iter().filter(|node| node["type"] == "text") {
                prop_assert!(!node["text"].as_str().unwrap().is_empty());
                lines.push(node["text"].as_str().unwrap());
            }
        }
        let expected: Vec<&str> = body.split('\n').filter(|line| !line.trim().is_empty()).collect();
        prop_assert_eq!(&lines[..lines.len() - 2], expected);
    }
}
