//! What is GitHub's own: pages, pull requests, labels that are dropped, its ways to refuse.

use std::time::Duration;

use notify::tracker::{Outcome, Reason, Refusal, TicketDraft, open};

use crate::house::{
    Expected, House, Kind, MARKER, Made, NOW, Play, Reply, again, draft, explained, found, opened,
};

fn refused(outcome: Outcome) -> Refusal {
    match outcome {
        Outcome::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

fn key(outcome: Outcome) -> String {
    match outcome {
        Outcome::Done(ticket) => ticket.key,
        other => panic!("{other:?}"),
    }
}

/// A ticket of somebody else's, so many minutes before now.
fn foreign(number: u64, minutes: i64) -> Made {
    Made {
        number,
        title: "something else".to_owned(),
        body: String::new(),
        labels: Vec::new(),
        created_at: NOW.plus_ms(-60_000 * minutes),
        closed: false,
        is_pull_request: false,
    }
}

fn ours(number: u64, minutes: i64) -> Made {
    Made {
        body: format!("text\n\n`{MARKER}`\n"),
        ..foreign(number, minutes)
    }
}

#[tokio::test]
async fn a_ticket_is_found_on_a_later_page_and_when_it_is_closed() {
    let house = House::new(Kind::GitHub).await;
    let mut tickets: Vec<Made> = (1..=130).map(|n| foreign(n, 200 - n as i64)).collect();
    tickets[9] = Made {
        closed: true,
        ..ours(10, 190)
    };
    house.state().tickets = tickets;
    assert_eq!(key(opened(&house.tracker()).await), "acme/shop#10");
    assert_eq!(house.heard(), (3, 0));
    house.close();
}

#[tokio::test]
async fn of_two_tickets_the_older_one_is_the_original() {
    let house = House::new(Kind::GitHub).await;
    house.state().tickets = vec![foreign(1, 9), ours(2, 8), foreign(3, 7), ours(4, 6)];
    assert_eq!(key(opened(&house.tracker()).await), "acme/shop#2");
    house.close();
}

#[tokio::test]
async fn a_pull_request_that_cites_the_marker_is_no_ticket() {
    let house = House::new(Kind::GitHub).await;
    house.state().tickets = vec![Made {
        is_pull_request: true,
        ..ours(1, 5)
    }];
    assert_eq!(key(opened(&house.tracker()).await), "acme/shop#2");
    house.close();
}

#[tokio::test]
async fn what_is_a_day_older_than_the_first_try_is_not_looked_through() {
    let house = House::new(Kind::GitHub).await;
    let old = (1..=500).map(|number| foreign(number, 60 * 24 + 1));
    house.state().tickets = old.collect();
    assert_eq!(found(&house.tracker()).await.unwrap(), None);
    assert_eq!(house.heard(), (1, 0));
    let since = NOW.plus_ms(-2 * 60_000);
    let draft = TicketDraft { since, ..draft() };
    // A clock that is nearly a day apart still finds it.
    house.state().tickets.push(ours(501, 60 * 24 + 1));
    assert_eq!(
        key(open(&house.tracker(), &draft, NOW).await),
        "acme/shop#501"
    );
    house.close();
}

#[tokio::test]
async fn among_more_tickets_than_it_looks_through_nothing_is_opened() {
    let house = House::new(Kind::GitHub).await;
    house.state().tickets = (1..=3_001).map(|number| foreign(number, 5)).collect();
    let why = refused(opened(&house.tracker()).await);
    assert_eq!(why.reason, Reason::TooMany);
    assert!(
        why.what.contains("3000") && why.next.contains(MARKER),
        "{why:?}"
    );
    assert_eq!(house.heard(), (60, 0));
    house.state().tickets.pop();
    assert_eq!(found(&house.tracker()).await.unwrap(), None);
    house.close();
}

#[tokio::test]
async fn a_list_that_goes_on_at_another_host_is_not_followed() {
    let elsewhere = House::new(Kind::GitHub).await;
    let house = House::new(Kind::GitHub).await;
    house.set(|state| {
        state.tickets = (1..=60).map(|number| foreign(number, 5)).collect();
        state.next_at = Some(format!("http://{}", elsewhere.address));
    });
    let why = refused(opened(&house.tracker()).await);
    assert_eq!(why.reason, Reason::Unreadable);
    assert!(why.what.contains("another host"), "{why:?}");
    assert_eq!((house.heard(), elsewhere.heard()), ((1, 0), (0, 0)));
    house.close();
    elsewhere.close();
}

#[tokio::test]
async fn an_account_that_may_not_label_opens_one_ticket_all_the_same() {
    let house = House::new(Kind::GitHub).await;
    house.state().may_label = false;
    let play = Play::Cut.after_opening();
    house.state().on_create.push_back(play);
    let tracker = house.tracker();
    assert!(matches!(opened(&tracker).await, Outcome::Unknown(_)));
    assert_eq!(house.state().tickets[0].labels, Vec::<String>::new());
    let outcome = again(&tracker, Duration::from_secs(30)).await;
    assert_eq!(key(outcome), "acme/shop#1");
    assert_eq!((house.ours(), house.heard()), (1, (2, 1)));
    house.close();
}

#[tokio::test]
async fn each_way_to_refuse_is_explained_with_the_next_step() {
    let label = r#"{"message":"Validation Failed","errors":[{"resource":"Label","code":"invalid","field":"name","value":"hereby"}],"documentation_url":"https://docs.github.com"}"#;
    let gone = r#"{"message":"Issues has been disabled in this repository."}"#;
    let token = r#"{"message":"Resource not accessible by personal access token"}"#;
    let sso = r#"{"message":"Resource protected by organization SAML enforcement."}"#;
    let title = r#"{"message":"Validation Failed","errors":["title is too long"]}"#;
    let case = |reply, reason, said, next| (reply, Expected { reason, said, next });
    let cases = vec![
        case(
            Reply::new(401, r#"{"message":"Bad credentials","status":"401"}"#),
            Reason::Unauthorised,
            "401: Bad credentials",
            "make a token that may read and write the issues of acme/shop",
        ),
        case(
            Reply::new(403, token),
            Reason::Forbidden,
            "403: Resource not accessible",
            "give the token the permission",
        ),
        case(
            Reply::new(403, sso).with("x-github-sso", "required; url=https://github.example/sso"),
            Reason::Forbidden,
            "SAML",
            "single sign-on",
        ),
        case(
            Reply::new(404, r#"{"message":"Not Found"}"#),
            Reason::NotFound,
            "404: Not Found",
            "GitHub says 404 for what is hidden",
        ),
        case(
            Reply::new(410, gone),
            Reason::Gone,
            "disabled",
            "switch the issues of acme/shop on",
        ),
        case(
            Reply::new(422, label),
            Reason::Invalid,
            "Validation Failed; Label name invalid",
            "make the label `hereby` in acme/shop",
        ),
        case(
            Reply::new(422, title),
            Reason::Invalid,
            "title is too long",
            "by hand",
        ),
    ];
    explained(Kind::GitHub, cases).await;
}

#[tokio::test]
async fn a_rate_limit_is_told_from_a_missing_permission() {
    let limited = |body: &str, seconds, said, next| {
        let reason = Reason::RateLimited(Some(Duration::from_secs(seconds)));
        (Reply::new(403, body), Expected { reason, said, next })
    };
    let mut cases = vec![
        limited(
            r#"{"message":"API rate limit exceeded for user ID 1."}"#,
            61,
            "rate limit exceeded",
            "try again in 61 s",
        ),
        limited(
            r#"{"message":"You have exceeded a secondary rate limit."}"#,
            60,
            "secondary rate limit",
            "try again in 60 s",
        ),
        limited(
            r#"{"message":"Slow down"}"#,
            5,
            "Slow down",
            "try again in 5 s",
        ),
    ];
    for (case, header, value) in [
        (0, "x-ratelimit-remaining", "0"),
        (0, "x-ratelimit-reset", "1515060061"),
        (2, "retry-after", "5"),
    ] {
        cases[case].0.headers.push((header, value.to_owned()));
    }
    explained(Kind::GitHub, cases).await;
}
