//! What became of it, in both systems: done, refused, or unknown, and never two tickets.

use std::time::Duration;

use notify::tracker::{Outcome, Patience, Reason, Refusal, Ticket, TicketDraft, Unknown, open};
use tokio::net::TcpListener;

use crate::house::{
    House, Kind, NOW, Play, Reply, TOKEN, again, draft, found, hasty, marker, opened, together,
};

const BOTH: [Kind; 2] = [Kind::GitHub, Kind::Jira];

/// Long enough for either system to settle.
const SETTLED: Duration = Duration::from_secs(120);

fn done(outcome: Outcome) -> Ticket {
    match outcome {
        Outcome::Done(ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

fn refused(outcome: Outcome) -> Refusal {
    match outcome {
        Outcome::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

fn unknown(outcome: Outcome) -> Unknown {
    match outcome {
        Outcome::Unknown(unknown) => unknown,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_ticket_is_opened_once_and_found_from_then_on() {
    for kind in BOTH {
        let house = House::new(kind).await;
        let tracker = house.tracker();
        let ticket = done(opened(&tracker).await);
        let (key, url) = match kind {
            Kind::GitHub => (
                "acme/shop#1",
                "https://github.example/acme/shop/issues/1".to_owned(),
            ),
            Kind::Jira => ("OPS-1", format!("http://{}/browse/OPS-1", house.address)),
        };
        assert_eq!((ticket.key.as_str(), ticket.url.as_str()), (key, &*url));
        assert!(!ticket.existed);
        assert_eq!(house.state().tickets[0].title, draft().title.as_str());
        let known = Ticket {
            existed: true,
            ..ticket
        };
        assert_eq!(done(opened(&tracker).await), known);
        assert_eq!(found(&tracker).await.unwrap(), Some(known));
        assert_eq!((house.ours(), house.heard()), (1, (3, 1)));
        house.close();
    }
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_deed_is_unknown_and_the_next_try_finds_the_ticket() {
    let ways = [
        Play::Cut,
        Play::CutBody,
        Play::Hang,
        Play::HangBody,
        Play::Endless(201),
        Play::status(200, "<html>sign in</html>"),
        Play::status(201, ""),
        Play::status(201, "{}"),
        Play::status(201, r#"{"number":"1","key":1}"#),
        Play::status(202, ""),
        Play::status(303, ""),
        Play::status(408, ""),
        Play::status(500, r#"{"message":"Server Error"}"#),
        Play::status(502, "<html>Bad gateway</html>"),
        Play::status(503, ""),
        Play::status(504, ""),
    ];
    let each = BOTH
        .iter()
        .flat_map(|kind| ways.iter().map(|way| (*kind, way.clone())));
    together(each.map(|(kind, way)| async move {
        let house = House::new(kind).await;
        let tracker = hasty(house.tracker());
        house.set(|state| state.on_create.push_back(way.clone().after_opening()));
        let left = unknown(opened(&tracker).await);
        assert!(!left.why.is_empty() && left.hindrance.is_none(), "{left:?}");
        assert_eq!(house.ours(), 1, "{way:?}");
        let ticket = done(again(&tracker, left.look_after).await);
        assert!(ticket.existed);
        assert_eq!((house.ours(), house.heard()), (1, (2, 1)), "{way:?}");
        house.close();
    }))
    .await;
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_deed_is_unknown_too_and_the_next_try_opens_one() {
    let ways = [Play::Cut, Play::Hang, Play::status(500, ""), Play::CutBody];
    let each = BOTH
        .iter()
        .flat_map(|kind| ways.iter().map(|way| (*kind, way.clone())));
    together(each.map(|(kind, way)| async move {
        let house = House::new(kind).await;
        let tracker = hasty(house.tracker());
        house.set(|state| state.on_create.push_back(way.clone()));
        let left = unknown(opened(&tracker).await);
        assert_eq!(house.ours(), 0);
        assert!(!done(again(&tracker, left.look_after).await).existed);
        assert_eq!((house.ours(), house.heard()), (1, (2, 2)), "{way:?}");
        house.close();
    }))
    .await;
}

#[tokio::test]
async fn a_ticket_that_is_not_found_yet_is_waited_for_and_not_opened_again() {
    for (kind, settle) in [(Kind::GitHub, 30), (Kind::Jira, 120)] {
        let house = House::new(kind).await;
        let tracker = house.tracker();
        house.set(|state| state.on_create.push_back(Play::Cut.after_opening()));
        let left = unknown(opened(&tracker).await);
        assert_eq!(left.look_after, Duration::from_secs(settle));
        // The index, or a database's copy, lags behind.
        let hidden = std::mem::take(&mut house.state().tickets);
        for after_s in [0, 1, settle - 1] {
            let left = unknown(again(&tracker, Duration::from_secs(after_s)).await);
            assert_eq!(left.look_after, Duration::from_secs(settle - after_s));
        }
        house.state().tickets = hidden;
        let late = done(again(&tracker, Duration::from_secs(settle)).await);
        assert!(late.existed);
        assert_eq!((house.ours(), house.heard()), (1, (5, 1)));
        house.close();
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_makes_it_wait_and_not_open() {
    let house = House::new(Kind::Jira).await;
    let draft = TicketDraft {
        unknown_at: Some(NOW.plus_ms(3_600_000)),
        ..draft()
    };
    let left = unknown(open(&house.tracker(), &draft, NOW).await);
    assert_eq!(left.look_after, SETTLED);
    assert_eq!(house.heard(), (1, 0));
    house.close();
}

#[tokio::test]
async fn while_looking_is_not_possible_an_unknown_outcome_stays_unknown() {
    let ways = [
        (Play::status(401, ""), Reason::Unauthorised),
        (Play::status(503, ""), Reason::Unavailable),
        (Play::Hang, Reason::Unreachable),
        (Play::status(200, "{}"), Reason::Unreadable),
    ];
    let each = BOTH
        .iter()
        .flat_map(|kind| ways.iter().map(|way| (*kind, way.clone())));
    together(each.map(|(kind, (way, reason))| async move {
        let house = House::new(kind).await;
        let tracker = hasty(house.tracker());
        house.set(|state| state.on_look.push_back(way));
        let left = unknown(again(&tracker, SETTLED).await);
        assert_eq!(left.hindrance.unwrap().reason, reason);
        assert_eq!((house.ours(), house.heard()), (0, (1, 0)));
        house.close();
    }))
    .await;
}

#[tokio::test]
async fn without_a_good_look_nothing_is_opened() {
    let page = |bytes: usize| format!("[{}]", " ".repeat(bytes));
    let ways = [
        (Play::Cut, Reason::Unreachable),
        (Play::CutBody, Reason::Unreachable),
        (Play::Hang, Reason::Unreachable),
        (Play::HangBody, Reason::Unreachable),
        (Play::Endless(200), Reason::Unreadable),
        (
            Play::status(200, &page(17 * 1024 * 1024)),
            Reason::Unreadable,
        ),
        (Play::status(200, "<html></html>"), Reason::Unreadable),
        (Play::status(200, ""), Reason::Unreadable),
        (
            Play::status(200, r#"{"message":"hello"}"#),
            Reason::Unreadable,
        ),
        (Play::status(200, r#"[{"number":1}]"#), Reason::Unreadable),
        (Play::status(200, &"[".repeat(100_000)), Reason::Unreadable),
        (Play::status(204, ""), Reason::Unreadable),
        (Play::status(401, ""), Reason::Unauthorised),
        (Play::status(403, ""), Reason::Forbidden),
        (Play::status(404, ""), Reason::NotFound),
        (Play::status(410, ""), Reason::Gone),
        (Play::status(400, ""), Reason::Invalid),
        (Play::status(408, ""), Reason::Invalid),
        (Play::status(429, ""), Reason::RateLimited(None)),
        (Play::status(500, ""), Reason::Unavailable),
    ];
    let each = BOTH
        .iter()
        .flat_map(|kind| ways.iter().map(|way| (*kind, way.clone())));
    together(each.map(|(kind, (way, reason))| async move {
        let house = House::new(kind).await;
        let tracker = hasty(house.tracker());
        let shown = format!("{way:.60?}");
        house.set(|state| state.on_look.push_back(way));
        let why = refused(opened(&tracker).await);
        assert_eq!(why.reason, reason, "{shown}: {why:?}");
        assert_eq!((house.ours(), house.heard()), (0, (1, 0)));
        house.close();
    }))
    .await;
}

#[tokio::test]
async fn nobody_at_home_is_a_refusal_because_nothing_was_sent() {
    for kind in BOTH {
        let house = House::new(kind).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let why = refused(opened(&house.tracker_at(address)).await);
        assert_eq!(why.reason, Reason::Unreachable);
        assert!(why.next.contains("127.0.0.1"), "{why:?}");
        house.close();
    }
}

#[tokio::test]
async fn all_looking_together_has_an_end() {
    let house = House::new(Kind::GitHub).await;
    let tracker = house.tracker().with_patience(Patience {
        look: Duration::from_millis(200),
        ..Patience::default()
    });
    house.set(|state| state.on_look.push_back(Play::Hang));
    let why = refused(opened(&tracker).await);
    assert_eq!(why.reason, Reason::Unreachable);
    assert!(why.what.contains("0.2 s"), "{why:?}");
    house.close();
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    for kind in BOTH {
        for status in [301, 302, 307, 308] {
            for creating in [false, true] {
                let elsewhere = House::new(kind).await;
                let house = House::new(kind).await;
                let to = format!("http://{}/elsewhere", elsewhere.address);
                let way = Play::Answer(Reply::new(status, "").with("location", to.as_str()));
                house.set(|state| match creating {
                    true => state.on_create.push_back(way),
                    false => state.on_look.push_back(way),
                });
                let why = refused(opened(&house.tracker()).await);
                assert_eq!(why.reason, Reason::Moved);
                assert!(why.what.contains(&to), "{why:?}");
                assert_eq!((elsewhere.heard(), house.ours()), ((0, 0), 0));
                house.close();
                elsewhere.close();
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_repeats_the_servers_words_within_bounds_and_never_the_token() {
    for kind in BOTH {
        let house = House::new(kind).await;
        let secret = house.state().authorization.clone();
        let (_, secret) = secret.split_once(' ').unwrap();
        let said = format!(
            "\u{1b}[31mno {TOKEN} or {secret}\r\nnext line\u{202e} {}",
            "x".repeat(9_999)
        );
        let body = serde_json::json!({"message": said, "errorMessages": [said]});
        house.set(|state| {
            for status in [400, 500] {
                state
                    .on_create
                    .push_back(Play::status(status, &body.to_string()));
            }
        });
        let why = refused(opened(&house.tracker()).await);
        let open_end = unknown(again(&house.tracker(), SETTLED).await);
        for text in [why.to_string(), format!("{why:?}"), open_end.why] {
            assert!(text.contains("no (the token) or (the token)"), "{text}");
            assert!(text.contains("(shortened)") && text.len() < 1_200, "{text}");
            assert!(!text.contains(TOKEN) && !text.contains(secret), "{text}");
            assert!(
                !text.contains(|c: char| c.is_control() || c == '\u{202e}'),
                "{text}"
            );
        }
        let shown = format!("{:?}", house.tracker());
        assert!(!shown.contains(TOKEN) && !shown.contains(secret), "{shown}");
        house.close();
    }
}

#[tokio::test]
async fn a_refusal_without_readable_words_is_one_all_the_same() {
    for kind in BOTH {
        for way in [
            Play::Endless(422),
            Play::status(422, "<html>"),
            Play::status(422, r#"{"message":7,"errors":[3]}"#),
            Play::status(422, r#"{"message":"  ","errors":null}"#),
        ] {
            let house = House::new(kind).await;
            house.set(|state| state.on_create.push_back(way));
            let why = refused(opened(&house.tracker()).await);
            assert_eq!(why.reason, Reason::Invalid);
            assert!(
                why.what.ends_with("answered 422 and gave no reason"),
                "{why}"
            );
            assert_eq!(house.ours(), 0);
            house.close();
        }
    }
}

#[tokio::test]
async fn asked_too_often_it_says_how_long_to_wait() {
    let wait = |seconds| Reason::RateLimited(Some(Duration::from_secs(seconds)));
    for kind in BOTH {
        for (reply, reason) in [
            (Reply::new(429, "").with("retry-after", "17"), wait(17)),
            (
                Reply::new(429, "").with("retry-after", "Thu, 04 Jan 2018 10:01:30 GMT"),
                wait(90),
            ),
            (
                Reply::new(429, "").with("retry-after", "Thu, 04 Jan 2018 09:00:00 GMT"),
                wait(0),
            ),
            (
                Reply::new(429, "").with("retry-after", "soon"),
                Reason::RateLimited(None),
            ),
            (
                Reply::new(429, "").with("retry-after", "99999999999999999999"),
                Reason::RateLimited(None),
            ),
            (
                Reply::new(429, "").with("x-ratelimit-reset", "2018-01-04T10:05Z"),
                Reason::RateLimited(None),
            ),
        ] {
            let house = House::new(kind).await;
            house.set(|state| state.on_create.push_back(Play::Answer(reply.clone())));
            let why = refused(opened(&house.tracker()).await);
            assert_eq!(why.reason, reason, "{reply:?}");
            assert!(why.next.starts_with("try again"), "{why:?}");
            assert_eq!(house.ours(), 0);
            house.close();
        }
    }
}

#[tokio::test]
async fn another_markers_ticket_is_not_ours() {
    for kind in BOTH {
        let house = House::new(kind).await;
        let tracker = house.tracker();
        for other in [
            "hereby:ops.example/log/INC-7/F21",
            "hereby:ops.example/log/INC-77/F2",
            "hereby:other.ops.example/log/INC-7/F2",
            "hereby:OPS.example/log/INC-7/f2",
        ] {
            let draft = TicketDraft {
                marker: other.parse().unwrap(),
                ..draft()
            };
            assert!(!done(open(&tracker, &draft, NOW).await).existed);
        }
        assert_eq!(found(&tracker).await.unwrap(), None);
        let ours = done(opened(&tracker).await);
        assert!(!ours.existed && ours.key.ends_with('5'), "{ours:?}");
        assert!(marker().is_in(&house.state().tickets[4].body));
        house.close();
    }
}
