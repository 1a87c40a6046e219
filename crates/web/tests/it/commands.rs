//! Commands: done, refused, unknown, and the same one again.

use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use record::checkpoint::SignedCheckpoint;
use record::command::{Command, Verb, signed_bytes};
use record::hash::Hash;
use record::{hash, tree};
use serde_json::{Value, json};

use crate::memory::signer;
use crate::wire::{Ask, again_until_done};
use crate::world::World;

fn declare(id: &str, title: &str) -> Ask {
    Ask::command(
        "incident.declare",
        id,
        &json!({"title": title, "severity": 2}),
    )
}

#[test]
fn done_answers_with_receipts_and_a_signed_checkpoint() {
    let world = World::new();
    let done = world
        .local(&declare("d/1", "Checkout fails"))
        .expect(200)
        .json();
    assert_eq!(done["outcome"], "done");
    let receipt = &done["receipts"][0];
    assert_eq!(receipt["kind"], "incident.declared/1");
    assert_eq!(
        receipt["subject"],
        json!({"type": "incident", "id": "INC-1"})
    );
    assert_eq!(receipt["inclusion"], Value::Null);
    let note = done["checkpoint"].as_str().unwrap();
    let signed = SignedCheckpoint::open(note.as_bytes(), signer(1).verifier()).unwrap();
    assert!(signed.checkpoint().size() > receipt["index"].as_u64().unwrap());
    // What was done can be read at once.
    let shown = world
        .local(&Ask::get("/api/v1/incidents/INC-1"))
        .expect(200)
        .json();
    assert_eq!(shown["incident"]["title"], "Checkout fails");
    assert_eq!(shown["incident"]["declared_by"]["type"], "uid");
}

#[test]
fn a_proof_that_was_asked_for_holds_in_the_checkpoint_that_comes_with_it() {
    let world = World::new();
    for number in 0..5 {
        world.declare(&format!("Number {number}"));
    }
    let mut ask = declare("d/proof", "Proven");
    ask.path.push_str("?proof=true");
    let done = world.local(&ask).expect(200).json();
    let index = done["receipts"][0]["index"].as_u64().unwrap();
    let note = done["checkpoint"].as_str().unwrap();
    let signed = SignedCheckpoint::open(note.as_bytes(), signer(1).verifier()).unwrap();
    let hashes: Vec<Hash> =
        serde_json::from_value(done["receipts"][0]["inclusion"].clone()).unwrap();
    let entry = world
        .local(&Ask::get(&format!("/api/v1/acts/{index}")))
        .json();
    let leaf = hash::leaf(entry["entry"].as_str().unwrap().as_bytes());
    let (size, root) = (signed.checkpoint().size(), signed.checkpoint().root());
    tree::verify_inclusion(leaf, index, size, &hashes, root).unwrap();
}

#[test]
fn without_a_publication_the_receipts_come_without_proofs() {
    let world = World::limited(|limits| limits.patience = Duration::from_millis(50));
    world.declare("Before");
    let held = world.memory.publishing.lock().unwrap();
    let mut ask = declare("d/late", "Unpublished");
    ask.path.push_str("?proof=true");
    let done = world.local(&ask).expect(200).json();
    assert_eq!(done["receipts"][0]["inclusion"], Value::Null);
    assert!(done["checkpoint"].is_string());
    let proof = format!("/api/v1/acts/{}/proof", done["receipts"][0]["index"]);
    world.local(&Ask::get(&proof)).refused(503, "overloaded");
    drop(held);
    let late = std::time::Instant::now();
    while world.local(&Ask::get(&proof)).status != 200 {
        assert!(late.elapsed() < Duration::from_secs(5), "never published");
    }
}

#[test]
fn the_same_command_happens_once_and_another_under_its_id_never() {
    let world = World::new();
    let first = world
        .local(&declare("d/1", "Checkout fails"))
        .expect(200)
        .json();
    let again = world
        .local(&declare("d/1", "Checkout fails"))
        .expect(200)
        .json();
    assert_eq!(first["receipts"], again["receipts"]);
    world
        .local(&declare("d/1", "Something else"))
        .refused(409, "id_reused");
    let other = world.token(&["respond"]);
    world
        .remote(&declare("d/1", "Checkout fails").token(&other))
        .refused(409, "id_reused");
    let list = world
        .local(&Ask::get("/api/v1/incidents?status=all"))
        .json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

#[test]
fn refusals_say_why_and_change_nothing() {
    let world = World::new();
    let incident = world.declare("Checkout fails");
    let before = world.memory.size();
    let ask = |name: &str, args: Value| world.local(&Ask::command(name, "r/1", &args));
    ask("incident.acknowledge", json!({"incident": "INC-77"})).refused(404, "not_found");
    ask("incident.reopen", json!({"incident": incident})).refused(409, "wrong_state");
    ask("incident.acknowledge", json!({"incident": "77"})).refused(400, "bad_request");
    ask("incident.declare", json!({"title": "x"})).refused(400, "bad_request");
    ask("incident.declare", json!({"title": "x", "severity": 9})).refused(400, "bad_request");
    ask(
        "incident.declare",
        json!({"title": "x", "severity": 1, "colour": 1}),
    )
    .refused(400, "bad_request");
    let late = json!({"ends_at": world.in_ms(-1), "matchers": {"a": "b"}});
    ask("alert.silence", late).refused(422, "out_of_range");
    assert_eq!(world.memory.size(), before);
    // A refused id is free: the command is judged anew.
    ask("incident.acknowledge", json!({"incident": incident})).expect(200);
}

#[test]
fn nobody_is_both_commander_and_operations() {
    let world = World::new();
    let incident = world.declare("Checkout fails");
    let assign = |id: &str, role: &str| {
        let args = json!({"incident": incident, "person": "sam", "role": role});
        let ask = Ask::command("incident.assign", id, &args);
        world.local(&ask.header("hereby-on-behalf-of", "sam"))
    };
    assign("a/1", "commander").expect(200);
    assign("a/2", "operations").refused(409, "role_conflict");
}

#[test]
fn a_full_disk_refuses_and_reading_goes_on() {
    let world = World::new();
    world.declare("Before");
    world.memory.full.store(true, Ordering::SeqCst);
    let full = world
        .local(&declare("d/full", "After"))
        .refused(507, "no_space");
    assert!(full.header("retry-after").is_some());
    world
        .local(&Ask::new("PUT", "/api/v1/blobs").body("x"))
        .refused(507, "no_space");
    world.local(&Ask::get("/readyz")).refused(503, "no_space");
    world.local(&Ask::get("/healthz")).expect(200);
    world
        .local(&Ask::get("/api/v1/incidents/INC-1"))
        .expect(200);
    world.memory.full.store(false, Ordering::SeqCst);
    world.local(&Ask::get("/readyz")).expect(200);
    world.local(&declare("d/full", "After")).expect(200);
}

#[test]
fn what_takes_too_long_is_unknown_and_the_same_id_tells_later() {
    let world = World::limited(|limits| limits.command_time_max = Duration::from_millis(100));
    let held = world.memory.writing.lock().unwrap();
    let unknown = world.local(&declare("d/slow", "Slow disk"));
    assert_eq!(unknown.status, 504);
    let problem = unknown.json();
    assert_eq!(
        (&problem["outcome"], &problem["reason"]),
        (&json!("unknown"), &json!("unknown"))
    );
    drop(held);
    let done = again_until_done(|| world.local(&declare("d/slow", "Slow disk"))).json();
    assert_eq!(done["receipts"][0]["subject"]["id"], "INC-1");
    world
        .local(&Ask::get("/api/v1/incidents/INC-2"))
        .refused(404, "not_found");
}

#[test]
fn the_head_of_a_command_is_read_strictly() {
    let world = World::new();
    let bare = Ask::post(
        "/api/v1/commands/incident.declare",
        &json!({"title": "x", "severity": 3}),
    );
    let refused = |ask: Ask| {
        world.local(&ask).refused(400, "bad_request");
    };
    refused(bare.clone());
    refused(bare.clone().header("Idempotency-Key", "a b"));
    refused(bare.clone().header("Idempotency-Key", &"a".repeat(129)));
    refused(
        bare.clone()
            .header("Idempotency-Key", "a")
            .header("Idempotency-Key", "a"),
    );
    let with = |name: &str, value: &str| {
        bare.clone()
            .header("Idempotency-Key", "h/1")
            .header(name, value)
    };
    refused(with("Hereby-Why", "100%"));
    refused(with("Hereby-Why", "%00"));
    refused(with("Hereby-Why", &"x".repeat(16_385)));
    refused(with("Hereby-Claimed-At", "2017-12-21 07:30"));
    refused(with("Hereby-On-Behalf-Of", "Sam!"));
    refused(with("Hereby-Signature", "key=sam, sig=AAAA"));
    refused(with("Hereby-Signature", "AAAA"));

    let told = with("Hereby-Why", "the%20caf%C3%A9%20called")
        .header("Hereby-Claimed-At", "2017-12-21T07:30:00.000Z")
        .header("Hereby-On-Behalf-Of", "alex");
    let index = world.local(&told).expect(200).json()["receipts"][0]["index"].take();
    let act = world
        .local(&Ask::get(&format!("/api/v1/acts/{index}")))
        .json()["act"]
        .take();
    assert_eq!(act["why"], "the café called");
    assert_eq!(act["claimed_at"], "2017-12-21T07:30:00.000Z");
    assert_eq!(act["actor"]["for"], "alex");
}

#[test]
fn a_body_is_json_and_says_so() {
    let world = World::new();
    let path = "/api/v1/commands/incident.declare";
    let ask = Ask::new("POST", path).header("Idempotency-Key", "b/1");
    let good = r#"{"title":"x","severity":3}"#;
    world
        .local(&ask.clone().body(good))
        .refused(415, "unsupported_media_type");
    let text = ask.clone().header("Content-Type", "text/plain").body(good);
    world.local(&text).refused(415, "unsupported_media_type");
    let json = ask.header("Content-Type", "Application/JSON; charset=utf-8");
    for bad in [
        "{",
        "[]",
        "null",
        "{\"title\":\"x\",\"severity\":3}{}",
        "{\"title\":\"x\",\"title\":\"y\",\"severity\":3}",
    ] {
        world
            .local(&json.clone().body(bad))
            .refused(400, "bad_request");
    }
    world
        .local(&json.clone().body(b"{\"title\":\"\xff\"}".to_vec()))
        .refused(400, "bad_request");
    world.local(&json.body(good)).expect(200);
}

#[test]
fn a_persons_key_signs_a_command() {
    let world = World::new();
    let key = signer(42);
    let args = json!({"key": "sam-laptop", "person": "sam", "vkey": key.verifier().to_string()});
    world.done("key.enroll", "k/1", &args);
    let text = r#"{"severity":2,"title":"Signed"}"#;
    let verb = Verb::decode("incident.declare", text).unwrap();
    let canonical = Command::new("s/1".parse().unwrap(), verb)
        .to_canonical()
        .unwrap();
    let pair = aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&[42; 32]).unwrap();
    let signature = STANDARD.encode(pair.sign(&signed_bytes(&canonical)));
    let ask = Ask::command(
        "incident.declare",
        "s/1",
        &serde_json::from_str(text).unwrap(),
    );
    let forged = ask.clone().header(
        "Hereby-Signature",
        &format!("key=sam-laptop, sig={}", STANDARD.encode([1; 64])),
    );
    world.local(&forged).refused(403, "forbidden");
    let signed = ask.header(
        "Hereby-Signature",
        &format!("key=sam-laptop, sig={signature}"),
    );
    let index = world.local(&signed).expect(200).json()["receipts"][0]["index"].take();
    let act = world
        .local(&Ask::get(&format!("/api/v1/acts/{index}")))
        .json()["act"]
        .take();
    assert_eq!(act["actor"], json!({"type": "person", "id": "sam"}));
    assert_eq!(act["proof"]["method"], "key");
}
