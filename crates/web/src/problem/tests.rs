//! Every reason has a status, and stands in the reference.

use incident::Reason;

use super::{MORE_REASONS, Problem, status_of};

const REFERENCE: &str = include_str!("../../../../docs/reference/api.md");

#[test]
fn the_reference_names_every_reason_with_its_status() {
    let ours = Reason::ALL.map(|reason| (reason.word(), status_of(reason)));
    let more = MORE_REASONS
        .iter()
        .map(|(word, status, _)| (*word, *status));
    for (word, status) in ours.into_iter().chain(more) {
        let line = REFERENCE
            .lines()
            .find(|line| {
                line.split('|')
                    .nth(1)
                    .is_some_and(|cell| cell.contains(&format!("`{word}`")))
            })
            .unwrap_or_else(|| panic!("docs/reference/api.md has no row for `{word}`"));
        assert!(
            line.contains(&status.to_string()),
            "{word} is {status}: {line}"
        );
    }
}

#[test]
fn what_may_pass_says_when_to_try_again() {
    for reason in Reason::ALL.into_iter().filter(|reason| reason.is_passing()) {
        let refusal = incident::Refusal::new(reason, "later");
        let response = Problem::from(refusal).into_response();
        assert!(
            response.headers().contains_key("retry-after"),
            "{}",
            reason.word()
        );
    }
}

#[test]
fn a_detail_with_quotes_and_line_feeds_stays_inside_its_string() {
    let response = Problem::bad_request("a \"quoted\"\nline").into_response();
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    assert_eq!(response.status(), 400);
}
