//! Who may do what with which token.

use serde_json::json;

use crate::wire::Ask;
use crate::world::{World, id_of};

/// One request for each scope that only this scope allows.
fn probes() -> Vec<(&'static str, Ask)> {
    vec![
        ("read", Ask::get("/api/v1/incidents")),
        (
            "respond",
            Ask::command(
                "incident.note",
                "p/1",
                &json!({"incident": "INC-1", "text": "x"}),
            ),
        ),
        ("alerts", Ask::post("/api/v2/alerts", &json!([]))),
        (
            "admin",
            Ask::command("key.revoke", "p/2", &json!({"key": "nobody"})),
        ),
    ]
}

#[test]
fn a_scope_allows_its_own_and_nothing_else() {
    let world = World::new();
    world.declare("Checkout fails");
    for scope in ["read", "respond", "alerts", "witness", "admin"] {
        let token = world.token(&[scope]);
        for (needed, ask) in probes() {
            let reply = world.remote(&ask.token(&token));
            if needed == scope {
                assert!(
                    !matches!(reply.status, 401 | 403),
                    "{scope}: {}",
                    reply.text()
                );
            } else {
                let challenge = reply.refused(403, "forbidden");
                let challenge = challenge.header("www-authenticate").unwrap();
                assert!(challenge.contains("insufficient_scope"), "{challenge}");
                assert!(challenge.contains(needed), "{challenge}");
            }
        }
        let bundle = world.remote(&Ask::get("/record/tile/entries/000.p/1").token(&token));
        let reads = matches!(scope, "read" | "witness");
        assert_eq!(bundle.status, if reads { 200 } else { 403 }, "{scope}");
    }
}

#[test]
fn without_a_working_token_there_is_nothing() {
    let world = World::new();
    let token = world.token(&["read"]);
    let ask = Ask::get("/api/v1/incidents");
    world.remote(&ask).refused(401, "forbidden");
    world.remote(&ask.clone().token(&token)).expect(200);
    world
        .remote(&ask.clone().header("Authorization", "Basic c2FtOng="))
        .refused(401, "forbidden");
    let mut wrong = token.clone();
    wrong.replace_range(
        4..5,
        if token.as_bytes()[4] == b'A' {
            "B"
        } else {
            "A"
        },
    );
    for bad in [&wrong, "", "hby_", &token[..46], &format!("{token}A")] {
        world
            .remote(&ask.clone().token(bad))
            .refused(401, "forbidden");
    }
    let twice = ask.clone().token(&token).token(&token);
    world.remote(&twice).refused(400, "bad_request");
}

#[test]
fn a_revoked_or_expired_token_gets_nothing_from_the_next_request_on() {
    let world = World::new();
    let (revoked, expired) = (world.token(&["read"]), world.token(&["read"]));
    let ask = Ask::get("/api/v1/incidents");
    world.remote(&ask.clone().token(&revoked)).expect(200);
    world.done("token.revoke", "revoke", &json!({"token": id_of(&revoked)}));
    world
        .remote(&ask.clone().token(&revoked))
        .refused(401, "forbidden");
    world.remote(&ask.clone().token(&expired)).expect(200);
    world.clock.forward_ms(86_400_000);
    let refused = world.remote(&ask.token(&expired)).refused(401, "forbidden");
    assert!(
        refused.json()["detail"]
            .as_str()
            .unwrap()
            .contains("expired")
    );
}

#[test]
fn a_token_is_its_holder_and_cannot_claim_to_be_somebody_else() {
    let world = World::new();
    let token = world.token(&["respond", "read"]);
    let ask = Ask::command(
        "incident.declare",
        "d/1",
        &json!({"title": "x", "severity": 3}),
    );
    let claimed = ask
        .clone()
        .token(&token)
        .header("Hereby-On-Behalf-Of", "alex");
    world.remote(&claimed).refused(403, "forbidden");
    let done = world.remote(&ask.token(&token)).expect(200).json();
    let act = format!("/api/v1/acts/{}", done["receipts"][0]["index"]);
    let act = world
        .remote(&Ask::get(&act).token(&token))
        .expect(200)
        .json();
    assert_eq!(act["act"]["actor"], json!({"type": "person", "id": "sam"}));
    assert_eq!(act["act"]["proof"]["token"], id_of(&token));
}

#[test]
fn on_the_local_socket_a_token_counts_if_one_is_sent() {
    let world = World::new();
    let token = world.token(&["read"]);
    let ask = Ask::command(
        "incident.declare",
        "d/1",
        &json!({"title": "x", "severity": 3}),
    );
    world
        .local(&ask.clone().token(&token))
        .refused(403, "forbidden");
    world
        .local(&ask.clone().token("hby_nonsense"))
        .refused(401, "forbidden");
    world.local(&ask).expect(200);
}

#[test]
fn private_text_opens_for_responders_and_no_one_else() {
    let world = World::new();
    let args = json!({"title": "A name leaked", "severity": 2, "private": true});
    world.done("incident.declare", "d/1", &args);
    world.done(
        "incident.note",
        "n/1",
        &json!({"incident": "INC-1", "text": "It is Robin's."}),
    );
    let reader = world.token(&["read"]);
    let responder = world.token(&["read", "respond"]);
    for path in [
        "/api/v1/incidents",
        "/api/v1/incidents/INC-1",
        "/api/v1/incidents/INC-1/timeline",
        "/api/v1/acts",
    ] {
        let sealed = world
            .remote(&Ask::get(path).token(&reader))
            .expect(200)
            .text();
        assert!(
            sealed.contains("\"sealed\"") && !sealed.contains("leaked"),
            "{path}: {sealed}"
        );
        assert!(!sealed.contains("Robin"), "{path}: {sealed}");
        let opened = world
            .remote(&Ask::get(path).token(&responder))
            .expect(200)
            .text();
        assert!(opened.contains("A name leaked"), "{path}: {opened}");
        let local = world.local(&Ask::get(path)).expect(200).text();
        assert!(local.contains("A name leaked"), "{path}: {local}");
    }
    // What proofs are about stays as it is.
    let act = world
        .remote(&Ask::get("/api/v1/acts/1").token(&responder))
        .json();
    assert!(act["entry"].as_str().unwrap().contains("\"sealed\""));
    assert_eq!(act["act"]["body"]["title"], "A name leaked");
}

#[test]
fn keys_of_sealed_text_are_exported_to_admins_only() {
    let world = World::new();
    world.declare("x");
    let path = "/api/v1/incidents/INC-1/export?keys=true";
    let reader = world.token(&["read"]);
    let admin = world.token(&["read", "admin"]);
    world
        .remote(&Ask::get(path).token(&reader))
        .refused(403, "forbidden");
    let bundle = world
        .remote(&Ask::get(path).token(&admin))
        .expect(200)
        .json();
    assert!(bundle["keys"].is_object());
    let bare = world.remote(&Ask::get("/api/v1/incidents/INC-1/export").token(&reader));
    assert!(bare.expect(200).json().get("keys").is_none());
}

#[test]
fn metrics_need_a_token_unless_they_are_open() {
    let world = World::new();
    world
        .remote(&Ask::get("/metrics"))
        .refused(401, "forbidden");
    let reader = world.token(&["read"]);
    world
        .remote(&Ask::get("/metrics").token(&reader))
        .expect(200);
    let setup = crate::world::Setup {
        metrics_open: true,
        ..Default::default()
    };
    let world = World::with(setup);
    world.declare("x");
    world
        .remote(&Ask::get("/api/v1/incidents"))
        .refused(401, "forbidden");
    let text = world.remote(&Ask::get("/metrics")).expect(200).text();
    for line in [
        "hereby_http_requests_total{route=\"/api/v1/commands/incident.declare\",method=\"POST\",status=\"200\"} 1",
        "hereby_refusals_total{reason=\"forbidden\"} 1",
        "hereby_record_entries 2",
        "hereby_connections{listener=\"plain\"} ",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(
        !text.contains("invariant_violations"),
        "nothing audits here, so nothing is claimed"
    );
    assert!(text.ends_with("# EOF\n"));

    *world.memory.audited.lock().unwrap() = Some(web::Audited {
        violations: vec![("roles", 2), ("fold", 0)],
        entries: 7,
        last_success: Some(base::Timestamp::from_ms(1_513_841_400_250)),
    });
    let text = world.remote(&Ask::get("/metrics")).expect(200).text();
    for line in [
        "hereby_invariant_violations_total{invariant=\"roles\"} 2\n",
        "hereby_invariant_violations_total{invariant=\"fold\"} 0\n",
        "hereby_audited_entries 7\n",
        "hereby_audit_last_success_timestamp_seconds 1513841400.25\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}
