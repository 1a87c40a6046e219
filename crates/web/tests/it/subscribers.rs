//! Pages of subscribers: looking changes nothing, one click leaves, and addresses are for admins.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use base::Name;
use engine::{Engine, Outcome, Request, Transport};
use futures_util::future::BoxFuture;
use incident::{Reason, Refusal, subscriber_name};
use language::Language;
use record::command::{Command, ConfirmSubscriber, RemoveSubscriber, Verb};
use record::kinds::subscriber::Channel;
use serde_json::{Value, json};
use web::{Asker, Declined, Draft, Purpose, Subscriptions, Wish};

use crate::wire::Ask;
use crate::world::World;

/// A page of subscriptions without mail: the pass is `good`, `over`, or not one of ours.
pub(crate) struct Desk {
    engine: Arc<Engine>,
    asked: Mutex<Vec<(Asker, Wish)>>,
}

impl Desk {
    pub(crate) fn new(engine: Arc<Engine>) -> Desk {
        Desk {
            engine,
            asked: Mutex::new(Vec::new()),
        }
    }

    fn wish(pass: &str) -> Result<Wish, Declined> {
        match pass {
            "good" => Ok(Wish {
                address: "<b>sam</b>@example.org".to_owned(),
                channel: Channel::Mail,
                components: BTreeSet::new(),
                language: Language::German,
            }),
            "over" => Err(Declined::Over),
            _ => Err(Declined::NotOurs),
        }
    }

    async fn submit(&self, id: &str, verb: impl Into<Verb>) -> Result<(), Declined> {
        let request = Request {
            transport: Transport::Own("subscriptions".parse().unwrap()),
            command: Command::new(id.parse().unwrap(), verb),
            signature: None,
        };
        match self.engine.submit(request).await {
            Outcome::Done(_) => Ok(()),
            other => Err(Declined::NotNow(Refusal::new(
                Reason::Overloaded,
                format!("{other:?}"),
            ))),
        }
    }
}

impl Subscriptions for Desk {
    fn title(&self) -> &str {
        "Sample & Sons"
    }
    fn channels(&self) -> Vec<Channel> {
        vec![Channel::Mail, Channel::Webhook]
    }
    fn choices(&self) -> Vec<Name> {
        vec!["checkout".parse().unwrap(), "search".parse().unwrap()]
    }
    fn ask(&self, asker: &Asker, wish: Wish) -> Result<(), Declined> {
        if wish.address.is_empty() {
            return Err(Declined::Malformed("address"));
        }
        self.asked.lock().unwrap().push((asker.clone(), wish));
        Ok(())
    }
    fn opened(&self, _: Purpose, pass: &str) -> Result<Wish, Declined> {
        Desk::wish(pass)
    }
    fn confirm<'a>(&'a self, pass: &'a str) -> BoxFuture<'a, Result<String, Declined>> {
        Box::pin(async move {
            Desk::wish(pass)?;
            let verb = ConfirmSubscriber {
                address: "sam@example.org".parse().unwrap(),
                channel: Channel::Mail,
                components: BTreeSet::new(),
                language: "de".parse().unwrap(),
            };
            self.submit("desk/confirm", verb).await?;
            Ok("good".to_owned())
        })
    }
    fn change<'a>(
        &'a self,
        pass: &'a str,
        _: BTreeSet<Name>,
        _: Language,
    ) -> BoxFuture<'a, Result<(), Declined>> {
        Box::pin(async move { Desk::wish(pass).map(drop) })
    }
    fn leave<'a>(&'a self, pass: &'a str) -> BoxFuture<'a, Result<(), Declined>> {
        Box::pin(async move {
            Desk::wish(pass)?;
            let subscriber = subscriber_name(1);
            let left = self.submit("desk/leave", RemoveSubscriber { subscriber });
            // Who has left already has left.
            let _ = left.await;
            Ok(())
        })
    }
    fn addresses(&self) -> Result<BTreeMap<u32, String>, Refusal> {
        Ok(BTreeMap::from([(1, "sam@example.org".to_owned())]))
    }
    fn preview(&self, draft: &Draft) -> Result<Value, Refusal> {
        let written = json!({
            "language": "en", "people": 1, "subject": "s", "text": "t", "html": "<p>t</p>",
        });
        Ok(json!({
            "incident": draft.incident, "update": "0".repeat(32), "sent_as": null,
            "components": draft.components, "mail": 1, "webhook": 0,
            "languages": [written], "event": {},
        }))
    }
    fn progress(&self, _: &Name) -> Option<[u32; 4]> {
        None
    }
    fn deliveries(&self) -> Vec<(&'static str, &'static str, u64)> {
        vec![("mail", "done", 3)]
    }
    fn requests(&self) -> Vec<(&'static str, u64)> {
        vec![("asked", 2)]
    }
}

fn subscribers(world: &World) -> u64 {
    let counts = world.local(&Ask::get("/api/v1/subscribers/counts"));
    counts.expect(200).json()["total"].as_u64().unwrap()
}

const PAGE: (&str, &str) = ("Accept", "text/html");

#[test]
fn looking_at_a_link_confirms_nothing_and_leaves_nothing() {
    let world = World::new();
    let confirm = "/subscriptions/confirm/good";
    let page = world.remote(&Ask::get(confirm)).expect(200).text();
    assert_eq!(subscribers(&world), 0);
    assert!(page.contains("<form method=\"post\">"), "{page}");
    assert!(page.contains("lang=\"de\""), "in the language they chose");
    assert!(page.contains("&lt;b&gt;sam&lt;/b&gt;"), "{page}");
    assert!(!page.contains("<b>"), "{page}");
    world.remote(&Ask::new("POST", confirm)).expect(200);
    assert_eq!(subscribers(&world), 1);
    let leave = "/subscriptions/unsubscribe/good";
    world.remote(&Ask::get(leave)).expect(200);
    assert_eq!(subscribers(&world), 1);
    // RFC 8058: this body, without a cookie or anything else.
    let click = Ask::new("POST", leave)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("List-Unsubscribe=One-Click");
    world.remote(&click).expect(200);
    assert_eq!(subscribers(&world), 0);
    world.remote(&click).expect(200);
}

#[test]
fn pages_may_run_nothing_and_tell_nobody_where_one_was() {
    let world = World::new();
    for path in ["/subscriptions", "/subscriptions/manage/good"] {
        let page = world.remote(&Ask::get(path)).expect(200);
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        let text = page.text();
        assert!(!text.contains("<script"), "{text}");
        assert!(text.len() < 8_000, "{} bytes", text.len());
    }
    let form = world.remote(&Ask::get("/subscriptions").header("Accept-Language", "de-AT"));
    assert!(form.text().contains("Sample &amp; Sons abonnieren"));
    assert!(form.text().contains("name=\"of-checkout\""));
}

#[test]
fn a_link_that_is_over_or_foreign_says_so_to_people_and_programs() {
    let world = World::new();
    for (pass, status, reason) in [("over", 410, "gone"), ("foreign", 404, "not_found")] {
        for (method, what) in [
            ("GET", "confirm"),
            ("POST", "manage"),
            ("POST", "unsubscribe"),
        ] {
            let path = format!("/subscriptions/{what}/{pass}");
            world
                .remote(&Ask::new(method, &path))
                .refused(status, reason);
            let page = world.remote(&Ask::new(method, &path).header(PAGE.0, PAGE.1));
            assert_eq!(page.status, status, "{path}");
            assert!(
                page.text().starts_with("<!doctype html>"),
                "{}",
                page.text()
            );
        }
    }
}

#[test]
fn a_form_and_json_ask_the_same_and_what_is_no_wish_is_refused() {
    let world = World::new();
    let form = |body: &str| {
        Ask::new("POST", "/subscriptions")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body)
    };
    let good = form("channel=mail&address=sam%40example.org&language=de&of-checkout=on");
    let page = world.remote(&good.header(PAGE.0, PAGE.1)).expect(202);
    assert!(page.text().contains("lang=\"de\""), "{}", page.text());
    let wish = json!({
        "channel": "mail", "address": "sam@example.org", "language": "de",
        "components": ["checkout"],
    });
    let answer = world.remote(&Ask::post("/subscriptions", &wish));
    assert_eq!(answer.expect(202).json(), json!({"outcome": "asked"}));
    let asked = world.desk.asked.lock().unwrap();
    let [first, second] = asked.as_slice() else {
        panic!("{asked:?}")
    };
    assert_eq!(first.1, second.1);
    assert!(first.0.peer.unwrap().is_loopback());
    assert_eq!(first.0.forwarded, None);
    drop(asked);
    for (bad, status) in [
        (form("channel=pigeon&address=x"), 400),
        (form("address=sam%40example.org"), 400),
        (form("channel=mail&channel=mail"), 400),
        (form("channel=mail&address=&language=en"), 422),
        (form("channel=mail&address=x&language=tlh"), 422),
        (form("channel=mail&address=x&of-%20=on"), 422),
        (Ask::post("/subscriptions", &json!({"extra": 1})), 400),
    ] {
        let answer = world.remote(&bad);
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    assert_eq!(world.desk.asked.lock().unwrap().len(), 2);
}

#[test]
fn who_is_asked_for_by_a_proxy_is_the_last_one_it_names() {
    let world = World::new();
    let wish = json!({"channel": "mail", "address": "sam@example.org"});
    let ask =
        Ask::post("/subscriptions", &wish).header("X-Forwarded-For", "192.0.2.1, 198.51.100.7");
    world.remote(&ask).expect(202);
    let asked = world.desk.asked.lock().unwrap();
    assert_eq!(asked[0].0.forwarded, "198.51.100.7".parse().ok());
}

#[test]
fn addresses_are_for_admins_and_acts_show_them_to_nobody() {
    let world = World::new();
    world
        .remote(&Ask::new("POST", "/subscriptions/confirm/good"))
        .expect(200);
    let addresses = Ask::get("/api/v1/subscribers/addresses");
    let reader = world.token(&["read", "respond"]);
    world.remote(&addresses.clone().token(&reader)).expect(403);
    let admin = world.token(&["admin"]);
    let shown = world.remote(&addresses.token(&admin)).expect(200).text();
    assert!(shown.contains("sam@example.org"), "{shown}");
    let list = Ask::get("/api/v1/subscribers").token(&reader);
    let list = world.remote(&list).expect(200);
    assert_eq!(list.json()["items"][0]["subscriber"], "sub-1");
    let act = list.json()["items"][0]["confirmed_act"].clone();
    let act = format!("/api/v1/acts/{}", act.as_str().unwrap());
    for page in [list, world.remote(&Ask::get(&act).token(&reader))] {
        let text = page.expect(200).text();
        assert!(!text.contains("example.org"), "{text}");
    }
}

#[test]
fn what_is_delivered_is_counted() {
    let world = World::new();
    let metrics = world.local(&Ask::get("/metrics")).expect(200).text();
    for line in [
        "hereby_deliveries_total{channel=\"mail\",outcome=\"done\"} 3",
        "hereby_subscription_requests_total{outcome=\"asked\"} 2",
        "hereby_subscribers{channel=\"webhook\"} 0",
        "hereby_notices_running 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}
