//! The console in a real browser: a whole incident with JavaScript and without, by keyboard alone, at
//! 320 pixels; two people who see each other's acts; every page checked by axe-core in both themes and
//! two sizes; hostile text that stays text.
//!
//! `HEREBY_PICTURES=DIR` keeps a picture of every page (`./dev pictures`).

use std::time::{Duration, Instant};

use fantoccini::Locator;
use serde_json::{Value, json};

use crate::browser::{Browser, Like, drive};
use crate::harness::{Place, Server, http};
use crate::looks::Looks;

/// A place with people, a service and an incident that has a bit of everything.
fn furnished() -> (Place, Server) {
    let place = Place::new();
    let server = place.serve();
    for args in [
        &[
            "team",
            "add",
            "payments",
            "--about",
            "Carts, cards and refunds",
        ][..],
        &[
            "service",
            "add",
            "checkout",
            "--tier",
            "1",
            "--owner",
            "payments",
            "--about",
            "Where people pay",
        ],
        &[
            "person",
            "add",
            "sam",
            "--full-name",
            "Sam Sample",
            "--at",
            "mail:sam@example.org",
        ],
        &["person", "add", "kim", "--full-name", "Kim Sample"],
        &[
            "declare",
            "a miner runs from root's crontab",
            "--severity",
            "1",
            "--service",
            "checkout",
            "--as",
            "sam",
        ],
        &["acknowledge", "INC-1", "--as", "sam"],
        &["assign", "INC-1", "commander", "kim", "--as", "sam"],
        &[
            "note",
            "INC-1",
            "CPU is orders of magnitude above normal",
            "--as",
            "sam",
        ],
        &[
            "task",
            "add",
            "INC-1",
            "Rebuild the machine",
            "--owner",
            "sam",
            "--as",
            "kim",
        ],
        &[
            "ask",
            "INC-1",
            "Did Tuesday's deployment change the firewall?",
            "--as",
            "kim",
        ],
        &[
            "update",
            "INC-1",
            "Payments are slow; we know why.",
            "--to",
            "insiders",
            "--as",
            "kim",
        ],
        &[
            "declare",
            "certificates expire next week",
            "--severity",
            "4",
            "--as",
            "kim",
        ],
        &[
            "declare",
            "rehearsal of the failover",
            "--severity",
            "3",
            "--drill",
            "--as",
            "kim",
        ],
        &["resolve", "INC-3", "It works.", "--as", "kim"],
    ] {
        place.ok(args);
    }
    (place, server)
}

/// Every page of the console, with the name of its picture.
const PAGES: &[(&str, &str)] = &[
    ("incidents", "/"),
    ("all-incidents", "/incidents"),
    ("room", "/incidents/INC-1"),
    ("room-closed", "/incidents/INC-3"),
    ("review", "/incidents/INC-3/review"),
    ("declare", "/do/incident.declare"),
    ("form", "/do/service.register"),
    ("attach", "/incidents/INC-1/attach"),
    ("beyond-a-session", "/do/token.issue"),
    ("act", "/acts/5"),
    ("record", "/record"),
    ("services", "/services"),
    ("people", "/people"),
    ("components", "/components"),
    ("targets", "/targets"),
    ("notices", "/notices"),
    ("alerts", "/alerts"),
    ("requests", "/requests"),
    ("followups", "/followups"),
    ("runbooks", "/runbooks"),
    ("tokens", "/tokens"),
    ("sessions", "/sessions"),
    ("numbers", "/numbers"),
    ("edge", "/edge"),
    ("settings", "/settings"),
    ("nothing", "/incidents/INC-999"),
];

#[test]
fn axe_finds_nothing_on_any_page_light_or_dark_wide_or_narrow() {
    let (place, server) = furnished();
    let mut looks = Looks::new();
    drive(async {
        let browser = Browser::open(Like::default()).await;
        browser.goes(&server, "/sign-in").await;
        looks.at("sign-in", &browser).await;
        browser.sign_in(&place, &server, "sam").await;
        for (name, path) in PAGES {
            browser.goes(&server, path).await;
            looks.at(name, &browser).await;
        }
        looks.are_right();
    });
}

/// Declares, runs, resolves and reviews an incident, by whatever the browser can do.
async fn whole_incident(browser: &Browser, server: &Server) {
    browser.goes(server, "/").await;
    browser
        .types("#title", "checkout fails for one in five")
        .await;
    browser
        .presses("form[action='/do/incident.declare'] button")
        .await;
    browser.reads("checkout fails for one in five").await;
    assert_eq!(browser.path().await, "/incidents/INC-1");
    browser
        .presses("form[action='/do/incident.acknowledge'] button")
        .await;
    browser.reads("acknowledged it").await;
    browser
        .presses("form[action='/do/incident.assign'] button")
        .await;
    browser.reads("made sam commander").await;
    browser
        .types("#text", "the new payment client times out")
        .await;
    browser.presses("#say button.primary").await;
    browser.reads("the new payment client times out").await;
    browser
        .presses("#say button[formaction^='/do/incident.update?']")
        .await;
    browser
        .types(
            "form[action='/do/incident.update'] textarea",
            "Some payments fail. We are on it.",
        )
        .await;
    browser.presses("#sure").await;
    browser.presses("form.stack button.primary").await;
    browser.reads("told the public").await;
    browser
        .presses("form[action='/do/incident.set_status'] button")
        .await;
    browser.reads("moved it from investigating").await;
    browser.follows("resolved").await;
    browser
        .types("textarea[name='a.summary']", "The old client is back.")
        .await;
    browser.presses("#sure").await;
    browser.presses("form.stack button.primary").await;
    browser.reads("resolved it").await;
    browser.goes(server, "/incidents/INC-1/review").await;
    browser.follows("Add a finding…").await;
    browser
        .types(
            "textarea[name='a.text']",
            "A client was upgraded without a canary.",
        )
        .await;
    browser.presses("form.stack button.primary").await;
    browser
        .reads("A client was upgraded without a canary.")
        .await;
    browser.presses("#sure").await;
    browser.presses("#publish button.primary").await;
    browser.reads("Published: those who were there").await;
}

fn alone() -> (Place, Server) {
    let place = Place::new();
    let server = place.serve();
    (place, server)
}

#[test]
fn a_whole_incident_from_declaration_to_published_review_with_javascript() {
    let (place, server) = alone();
    drive(async {
        let browser = Browser::open(Like::default()).await;
        browser.sign_in(&place, &server, "sam").await;
        whole_incident(&browser, &server).await;
    });
    place.ok(&["verify"]);
    let acts = std::fs::read_to_string(place.record().join("segments/00000000000000000000.jsonl"))
        .unwrap();
    assert!(
        acts.contains("\"method\":\"session\""),
        "acts say that a session asked"
    );
}

#[test]
fn a_whole_incident_without_javascript_on_a_phone() {
    let (place, server) = alone();
    drive(async {
        let like = Like {
            javascript: false,
            width: 320,
            height: 700,
            ..Like::default()
        };
        let browser = Browser::open(like).await;
        browser.sign_in(&place, &server, "sam").await;
        whole_incident(&browser, &server).await;
    });
}

#[test]
fn an_incident_is_declared_and_noted_by_keyboard_alone() {
    let (place, server) = alone();
    drive(async {
        let browser = Browser::open(Like::default()).await;
        browser.sign_in(&place, &server, "sam").await;
        browser.goes(&server, "/").await;
        tab_to(&browser, "#title").await;
        keys(&browser, "the queue does not drain").await;
        tab_to(&browser, "form[action='/do/incident.declare'] button").await;
        keys(&browser, "\u{E007}").await;
        browser.reads("the queue does not drain").await;
        browser
            .sees("form[action='/do/incident.acknowledge'] button")
            .await;
        tab_to(&browser, "form[action='/do/incident.acknowledge'] button").await;
        keys(&browser, "\u{E007}").await;
        browser.reads("acknowledged it").await;
        tab_to(&browser, "#text").await;
        keys(&browser, "a consumer hangs").await;
        tab_to(&browser, "#say button.primary").await;
        keys(&browser, " ").await;
        browser.reads("a consumer hangs").await;
    });
}

/// Presses the tabulator until this has the focus, and sees that it shows.
async fn tab_to(browser: &Browser, css: &str) {
    for _ in 0..120 {
        keys(browser, "\u{E004}").await;
        let script = format!(
            "const it = document.activeElement; return it && it.matches({}) ?
               getComputedStyle(it).outlineStyle : ''",
            json!(css)
        );
        match browser.run(&script).await.unwrap().as_str() {
            Some("") | None => {}
            Some("none") => panic!("{css} has the focus and does not show it"),
            Some(_) => return,
        }
    }
    panic!("{css} can't be reached by keyboard");
}

/// Types into whatever has the focus.
async fn keys(browser: &Browser, text: &str) {
    use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
    let mut actions = KeyActions::new("keys".to_owned());
    for key in text.chars() {
        actions = actions
            .then(KeyAction::Down { value: key })
            .then(KeyAction::Up { value: key });
    }
    browser.client.perform_actions(actions).await.unwrap();
}

#[test]
fn two_people_see_each_others_acts_within_a_second_and_keep_what_they_type() {
    let (place, server) = furnished();
    drive(async {
        let one = Browser::open(Like::default()).await;
        let two = Browser::open(Like::default()).await;
        one.sign_in(&place, &server, "sam").await;
        two.sign_in(&place, &server, "kim").await;
        one.goes(&server, "/incidents/INC-1").await;
        two.goes(&server, "/incidents/INC-1").await;
        two.reads("Follows what happens").await;
        two.types("#text", "half a sentence").await;
        let mut waits = Vec::new();
        for n in 0..10 {
            let text = format!("note number {n} of sam");
            one.types("#text", &text).await;
            one.presses("#say button.primary").await;
            one.reads(&text).await;
            let seen_at_one = Instant::now();
            two.reads(&text).await;
            waits.push(seen_at_one.elapsed());
        }
        let field = two.client.find(Locator::Css("#text")).await.unwrap();
        let kept = field.prop("value").await.unwrap();
        assert_eq!(kept.as_deref(), Some("half a sentence"));
        // A bound for a broken stream, not a figure: those are under benches/.
        assert!(
            waits.iter().all(|it| *it < Duration::from_secs(10)),
            "{waits:?}"
        );
        // Signed out elsewhere, the page goes dark by itself; what is being written stays.
        place.ok(&["sessions", "end", "--person", "kim"]);
        place.ok(&["note", "INC-1", "kim's session has ended", "--as", "sam"]);
        two.reads("Your session has ended").await;
        assert!(!two.text().await.contains("a miner runs"));
        let kept = two
            .run("return document.getElementById('text').value")
            .await;
        assert_ne!(kept.unwrap(), json!(""));
    });
}

#[test]
fn hostile_text_is_shown_as_text_and_runs_nothing() {
    let place = Place::new();
    let server = place.serve();
    let hostile = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">\
                   {{7*7}}</textarea><a href=\"javascript:document.title='owned'\">x</a>";
    place.ok(&["declare", hostile, "--severity", "2", "--as", "sam"]);
    place.ok(&["note", "INC-1", hostile, "--as", "sam"]);
    place.ok(&["task", "add", "INC-1", hostile, "--as", "sam"]);
    place.ok(&["person", "add", "kim", "--full-name", hostile]);
    place.ok(&["service", "add", "x", "--tier", "2", "--about", hostile]);
    drive(async {
        let browser = Browser::open(Like::default()).await;
        browser.sign_in(&place, &server, "sam").await;
        for path in [
            "/",
            "/incidents",
            "/incidents/INC-1",
            "/incidents/INC-1/review",
            "/people",
            "/services",
            "/record",
            "/acts/2",
            "/do/incident.note?a.text=%3C/textarea%3E%3Cscript%3Edocument.title='owned'%3C/script%3E",
            "/sign-in?next=javascript:document.title='owned'",
        ] {
            browser.goes(&server, path).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            let title = browser.client.title().await.unwrap();
            assert!(
                !title.contains("owned") || title.contains('<'),
                "{path}: {title}"
            );
            let scripts = browser
                .run("return document.querySelectorAll('script:not([src]), [onerror], a[href^=javascript]').length")
                .await
                .unwrap();
            assert_eq!(scripts, json!(0), "{path}");
        }
        browser.goes(&server, "/incidents/INC-1").await;
        browser.reads("<script>document.title=").await;
        // What is swapped in while the page is open is text as well.
        place.ok(&["note", "INC-1", &format!("live {hostile}"), "--as", "sam"]);
        browser.reads("live <script>").await;
        let injected = browser
            .run("return document.querySelectorAll('main script, main [onerror]').length")
            .await;
        assert_eq!(injected.unwrap(), json!(0));
    });
}

#[test]
fn who_is_signed_out_lands_on_sign_in_and_comes_back_to_the_page_first_asked_for() {
    let (place, server) = furnished();
    drive(async {
        let browser = Browser::open(Like::default()).await;
        browser.goes(&server, "/incidents/INC-1?before=9").await;
        browser.sees("#code").await;
        let link = place.ok(&["login", "--for", "sam"]);
        browser.types("#code", link.trim()).await;
        browser.presses("form.stack button").await;
        browser.sees(".room").await;
        let url = browser.client.current_url().await.unwrap();
        assert_eq!(url.path(), "/incidents/INC-1");
        assert_eq!(url.query(), Some("before=9"));
        // A link works once.
        let other = Browser::open(Like::default()).await;
        other.client.goto(link.trim()).await.unwrap();
        other.reads("This link was used").await;
        // The cookie is out of a script's reach, and is not sent elsewhere.
        let cookies = browser.client.get_all_cookies().await.unwrap();
        let session = cookies
            .iter()
            .find(|it| it.name() == "__Host-hereby")
            .unwrap();
        assert_eq!(session.http_only(), Some(true));
        assert_eq!(session.secure(), Some(true));
        // Signed out, the cookie is good for nothing, wherever a copy of it went.
        let value = session.value().to_owned();
        browser.presses("form[action='/sign-out'] button").await;
        browser.sees("#code").await;
        let cookie = format!("__Host-hereby={value}");
        let headers = [("Cookie", cookie.as_str())];
        let (status, _) = http(
            &server.address,
            "GET",
            "/incidents/INC-1",
            None,
            &headers,
            "",
        )
        .unwrap();
        assert_eq!(status, 303, "the cookie works no more");
    });
}

#[test]
fn german_is_spoken_to_whoever_asks_for_it() {
    let (place, server) = furnished();
    drive(async {
        let browser = Browser::open(Like {
            language: "de",
            ..Like::default()
        })
        .await;
        browser.sign_in(&place, &server, "sam").await;
        browser.goes(&server, "/").await;
        browser.reads("Hiermit erkläre ich").await;
        browser.presses("button[name='language'][value='en']").await;
        browser.reads("I hereby declare").await;
        let value: Value = browser
            .run("return document.documentElement.lang")
            .await
            .unwrap();
        assert_eq!(value, json!("en"));
    });
}
