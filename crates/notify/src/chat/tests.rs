//! What is written, and what answers mean. Real servers come in the tests of the whole.

use std::sync::Arc;

use base::Timestamp;
use bytes::Bytes;
use hyper::{HeaderMap, StatusCode};
use rustls::ClientConfig;
use serde_json::{Value, json};

use super::cloudevents::{self, SigningSecret};
use super::matrix::{self, Event, Id, Marked, Notice};
use super::{BaseUrl, Fate, Patience, Undone, cut, slack};
use exchange::{Answer, Server};

const HOSTILE: &str =
    "<!channel> <@U024BE7LH> & </b> @room @here [x](https://evil.example/) ![y](z)";

fn server() -> Server {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Server {
        base: "https://hooks.example.org/services/T0/B0/secretpath"
            .parse::<BaseUrl>()
            .unwrap(),
        auth: Some(exchange::Auth::Bearer("tok_SAMPLE".parse().unwrap())),
        tls: Arc::new(tls),
        patience: Patience::default(),
    }
}

fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Undone {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.parse().unwrap());
    }
    let answer = Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: map,
        body: Ok(Bytes::from(body.to_owned())),
    };
    Undone::of_answer(&server(), &answer)
}

#[test]
fn each_answer_has_one_meaning() {
    for (status, fate) in [
        (400, Fate::Failed),
        (413, Fate::Failed),
        (422, Fate::Failed),
        (401, Fate::Blocked),
        (403, Fate::Blocked),
        (404, Fate::Blocked),
        (410, Fate::Blocked),
        (302, Fate::Blocked),
        (429, Fate::Later(None)),
        (503, Fate::Later(None)),
        (303, Fate::Unknown),
        (408, Fate::Unknown),
        (500, Fate::Unknown),
        (502, Fate::Unknown),
        (504, Fate::Unknown),
    ] {
        assert_eq!(answer(status, &[], "").fate, fate, "{status}");
    }
}

#[test]
fn how_long_to_wait_is_believed_within_reason() {
    let seconds = |s| Fate::Later(Some(std::time::Duration::from_secs(s)));
    let limited = r#"{"errcode":"M_LIMIT_EXCEEDED","error":"Too many","retry_after_ms":2000}"#;
    assert_eq!(answer(429, &[], limited).fate, seconds(2));
    assert_eq!(
        answer(429, &[("retry-after", "7")], limited).fate,
        seconds(7)
    );
    assert_eq!(
        answer(429, &[("retry-after", "999999")], "").fate,
        seconds(3_600)
    );
    assert_eq!(answer(429, &[], limited).code, "M_LIMIT_EXCEEDED");
}

#[test]
fn neither_token_nor_address_stands_in_what_people_read() {
    let echo = "no /services/T0/B0/secretpath for tok_SAMPLE\u{1b}[31m";
    let said = answer(404, &[], echo).what;
    assert_eq!(
        said,
        "hooks.example.org answered 404: no (secret) for (secret) [31m (shortened)"
    );
}

#[test]
fn in_slacks_shape_hostile_text_is_text() {
    let body = slack::body_of(HOSTILE);
    assert_eq!(
        body["text"],
        "&lt;!channel&gt; &lt;@\u{200B}U024BE7LH&gt; &amp; &lt;/b&gt; @\u{200B}room @\u{200B}here \
         [x]\u{200B}(https://evil.example/) ![y]\u{200B}(z)"
    );
    for (switch, value) in [("mrkdwn", json!(false)), ("link_names", json!(false))] {
        assert_eq!(body[switch], value, "{switch}");
    }
    assert!(body.get("blocks").is_none() && body.get("attachments").is_none());
}

#[test]
fn in_matrix_hostile_text_is_a_notice_that_mentions_nobody() {
    let mark = Marked {
        act: "00".into(),
        incident: "INC-7".into(),
        index: 3,
        kind: "incident.noted/1".into(),
    };
    let notice = Notice {
        text: HOSTILE,
        act: Some(&mark),
        answers: None,
    };
    assert_eq!(
        matrix::content_of(&notice),
        json!({
            "msgtype": "m.notice",
            "body": HOSTILE,
            "m.mentions": {},
            "hereby.act": {"act": "00", "incident": "INC-7", "index": 3, "kind": "incident.noted/1"},
        })
    );
}

fn event(kind: &str, content: &Value) -> Event {
    let event = json!({
        "event_id": "$e", "sender": "@sam:example.org", "origin_server_ts": 1,
        "type": kind, "content": content,
    });
    serde_json::from_value(event).unwrap()
}

#[test]
fn only_what_a_person_wrote_is_a_message() {
    let text = json!({"msgtype": "m.text", "body": "!note x"});
    assert_eq!(event("m.room.message", &text).message(), Some("!note x"));
    let emote = json!({"msgtype": "m.emote", "body": "waves"});
    assert_eq!(event("m.room.message", &emote).message(), Some("waves"));
    let edit = json!({
        "msgtype": "m.text", "body": "* !note y",
        "m.relates_to": {"rel_type": "m.replace", "event_id": "$d"},
    });
    for content in [
        edit,
        json!({"msgtype": "m.notice", "body": "!note x"}),
        json!({}),
        json!({"msgtype": 1, "body": 2}),
        Value::Null,
    ] {
        assert_eq!(
            event("m.room.message", &content).message(),
            None,
            "{content}"
        );
    }
    assert_eq!(event("m.room.topic", &text).message(), None);
}

#[test]
fn a_reaction_names_its_event_and_its_sign() {
    let pin = json!({"m.relates_to": {"rel_type": "m.annotation", "event_id": "$d", "key": "📌"}});
    let id: Id = "$d".parse().unwrap();
    assert_eq!(event("m.reaction", &pin).reaction(), Some((id, "📌")));
    assert_eq!(event("m.room.message", &pin).reaction(), None);
}

#[test]
fn one_event_of_no_known_form_does_not_hide_the_others() {
    let page = json!({"chunk": [
        {"event_id": 1},
        {"event_id": "$e", "sender": "@sam:example.org", "type": "m.room.message", "content": {}},
    ]});
    let page: matrix::Page = serde_json::from_value(page).unwrap();
    assert_eq!(page.events.len(), 1);
}

#[test]
fn ids_are_what_the_record_can_hold() {
    for good in [
        "@sam:example.org",
        "!opaque:example.org",
        "!v12opaque",
        "$event",
    ] {
        assert_eq!(good.parse::<Id>().unwrap().as_str(), good);
    }
    let long = format!("!{}", "x".repeat(200));
    for bad in [
        "",
        "@",
        "sam",
        "#alias:example.org",
        "!a b",
        "!a\nb",
        "!ü",
        long.as_str(),
    ] {
        assert!(bad.parse::<Id>().is_err(), "{bad}");
    }
}

#[test]
fn an_event_is_signed_as_standard_webhooks_signs() {
    // The example of the specification's reference libraries.
    let secret: SigningSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
    let body = br#"{"test": 2432232314}"#;
    assert_eq!(
        cloudevents::signed(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    );
    for bad in [
        "",
        "whsec_",
        "whsec_c2hvcnQ=",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ] {
        assert!(bad.parse::<SigningSecret>().is_err(), "{bad}");
    }
}

#[test]
fn an_act_is_a_cloud_event() {
    let json = serde_json::value::to_raw_value(&json!({"kind": "incident.noted/1"})).unwrap();
    let act: base::ActId = "00112233445566778899aabbccddeeff".parse().unwrap();
    let event = cloudevents::Event {
        act,
        origin: "ops.example/log one",
        kind: "incident.noted/1",
        subject: "INC-7",
        at: Timestamp::from_ms(1_515_060_000_000),
        index: 12,
        json: &json,
    };
    assert_eq!(
        cloudevents::body_of(&event),
        json!({
            "specversion": "1.0",
            "id": "00112233445566778899aabbccddeeff",
            "source": "ops.example/log%20one",
            "type": "hereby.incident.noted.v1",
            "subject": "INC-7",
            "time": "2018-01-04T10:00:00.000Z",
            "datacontenttype": "application/json",
            "sequence": "00000000000000000012",
            "data": {"index": 12, "act": {"kind": "incident.noted/1"}},
        })
    );
}

#[test]
fn long_text_is_cut_between_characters_and_says_so() {
    let text = "ä".repeat(100);
    let short = cut(&text, 80);
    assert!(short.len() <= 80 && short.starts_with("ää") && short.contains("shortened"));
    assert_eq!(cut("short", 80), "short");
}
