//! What is Jira's own: the index that lags, bearer tokens and the gateway, its ways to refuse.

use std::time::Duration;

use notify::tracker::{Auth, Outcome, Reason, System, Tracker};

use crate::house::{
    Expected, House, Kind, MAIL, MARKER, Play, Reply, TOKEN, again, explained, found, opened, tls,
};

fn system(project: &str, site: Option<&str>) -> System {
    System::Jira {
        project: project.parse().unwrap(),
        issue_type: "Task".parse().unwrap(),
        site: site.map(|site| site.parse().unwrap()),
    }
}

fn basic() -> Auth {
    Auth::Basic {
        user: MAIL.parse().unwrap(),
        token: TOKEN.parse().unwrap(),
    }
}

#[tokio::test]
async fn an_index_that_lags_leads_to_waiting_and_not_to_a_second_ticket() {
    let house = House::new(Kind::Jira).await;
    let tracker = house.tracker();
    house.set(|state| {
        state.index_lags = true;
        state.on_create.push_back(Play::Cut.after_opening());
    });
    let Outcome::Unknown(left) = opened(&tracker).await else {
        panic!("known");
    };
    for after_s in [0, 5, 60, 119] {
        let outcome = again(&tracker, Duration::from_secs(after_s)).await;
        assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    }
    house.state().index_lags = false;
    let outcome = again(&tracker, left.look_after).await;
    assert!(matches!(outcome, Outcome::Done(ticket) if ticket.existed));
    assert_eq!((house.ours(), house.heard()), (1, (6, 1)));
    house.close();
}

#[tokio::test]
async fn the_marker_is_a_label_and_stands_in_the_description() {
    let house = House::new(Kind::Jira).await;
    assert!(matches!(opened(&house.tracker()).await, Outcome::Done(_)));
    let made = house.state().tickets[0].clone();
    assert_eq!(made.labels, ["hereby", MARKER]);
    assert!(made.body.contains(MARKER) && made.body.contains("hardBreak"));
    house.close();
}

#[tokio::test]
async fn a_bearer_token_and_a_site_of_its_own_for_links() {
    let house = House::new(Kind::Jira).await;
    house.state().authorization = format!("Bearer {TOKEN}");
    let base = format!("http://{}", house.address).parse().unwrap();
    let system = system("OPS", Some("https://acme.example"));
    let auth = Auth::Bearer(TOKEN.parse().unwrap());
    let tracker = Tracker::new(system, base, auth, &tls()).unwrap();
    let Outcome::Done(ticket) = opened(&tracker).await else {
        panic!("not done");
    };
    assert_eq!(ticket.url.as_str(), "https://acme.example/browse/OPS-1");
    house.close();
}

#[tokio::test]
async fn a_project_that_the_account_cannot_see_is_not_an_empty_one() {
    let house = House::new(Kind::Jira).await;
    let base = format!("http://{}", house.address).parse().unwrap();
    let tracker = Tracker::new(system("SECRET", None), base, basic(), &tls()).unwrap();
    let Outcome::Refused(why) = opened(&tracker).await else {
        panic!("not refused");
    };
    assert_eq!(why.reason, Reason::Invalid);
    assert!(why.what.contains("'SECRET' does not exist"), "{why:?}");
    assert!(why.next.contains("that the account may see it"), "{why:?}");
    assert_eq!(house.heard(), (1, 0));
    house.close();
}

#[tokio::test]
async fn more_labels_like_the_marker_than_are_listed_open_nothing() {
    let listed = |more: &str| {
        let body = format!(
            r#"{{"issues":[{{"key":"OPS-1","fields":{{"labels":["{}"]}}}}]{more}}}"#,
            MARKER.to_uppercase()
        );
        Play::status(200, &body)
    };
    for more in [r#","nextPageToken":"x""#, r#","isLast":false"#] {
        let house = House::new(Kind::Jira).await;
        house.state().on_look.push_back(listed(more));
        assert_eq!(
            found(&house.tracker()).await.unwrap_err().reason,
            Reason::TooMany
        );
        house.close();
    }
    let house = House::new(Kind::Jira).await;
    house
        .state()
        .on_look
        .push_back(listed(r#","nextPageToken":null,"isLast":true"#));
    assert_eq!(found(&house.tracker()).await.unwrap(), None);
    house.close();
}

fn case(reply: Reply, reason: Reason, said: &'static str, next: &'static str) -> (Reply, Expected) {
    (reply, Expected { reason, said, next })
}

#[tokio::test]
async fn a_ticket_that_it_does_not_take_is_explained_with_the_next_step() {
    let field = |name: &str| {
        let said = "cannot be set. It is not on the appropriate screen, or unknown.";
        format!(r#"{{"errorMessages":[],"errors":{{"{name}":"Field '{name}' {said}"}}}}"#)
    };
    let cases = vec![
        case(
            Reply::new(400, &field("labels")),
            Reason::Invalid,
            "labels: Field 'labels' cannot be set",
            "put the field Labels on the screen that creates tickets in OPS",
        ),
        case(
            Reply::new(400, &field("customfield_10010")),
            Reason::Invalid,
            "customfield_10010",
            "the fields that it demands",
        ),
        case(
            Reply::new(422, ""),
            Reason::Invalid,
            "422",
            "check the project OPS",
        ),
    ];
    explained(Kind::Jira, cases).await;
}

#[tokio::test]
async fn an_account_that_may_not_is_told_the_next_step() {
    let denied = r#"{"errorMessages":["You do not have permission."],"errors":{}}"#;
    let limit = Reply::new(429, "")
        .with("retry-after", "5")
        .with("x-ratelimit-reset", "2018-01-04T10:00Z")
        .with("ratelimit-reason", "jira-burst-based");
    let cases = vec![
        case(
            Reply::new(401, "Client must be authenticated to access this resource."),
            Reason::Unauthorised,
            "401 and gave no reason",
            "check the account's mail address and its API token",
        ),
        case(
            Reply::new(403, denied),
            Reason::Forbidden,
            "403: You do not have permission.",
            "Create issues in OPS",
        ),
        case(
            Reply::new(404, r#"{"errorMessages":["Site unavailable"]}"#),
            Reason::NotFound,
            "404: Site",
            "check the base URL",
        ),
        case(
            Reply::new(410, r#"{"errorMessages":["The API has been removed."]}"#),
            Reason::Gone,
            "removed",
            "newer hereby",
        ),
        case(
            limit,
            Reason::RateLimited(Some(Duration::from_secs(5))),
            "429",
            "try again in 5 s",
        ),
    ];
    explained(Kind::Jira, cases).await;
}
