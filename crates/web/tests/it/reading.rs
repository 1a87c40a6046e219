//! Lists, pages, proofs, tiles: what can be read, and that it is bounded.

use std::collections::BTreeSet;

use record::hash;
use record::note::VerifierKey;
use record::proof::ActProof;
use record::tile::decode_entry_bundle;
use serde_json::{Value, json};

use crate::memory::signer;
use crate::wire::Ask;
use crate::world::World;

fn get(world: &World, path: &str) -> Value {
    world.local(&Ask::get(path)).expect(200).json()
}

/// Every item of a list, page by page, with the cursor's name.
fn all(world: &World, path: &str, cursor: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut next = Value::Null;
    loop {
        let mut at = path.to_owned();
        if let Some(text) = next
            .as_str()
            .map(str::to_owned)
            .or(next.as_u64().map(|n| n.to_string()))
        {
            at.push_str(&format!("&{cursor}={text}"));
        }
        let page = get(world, &at);
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        next = page["next"].clone();
        if next.is_null() {
            return items;
        }
        assert!(items.len() < 1_000, "{path} has no end");
    }
}

#[test]
fn pages_give_everything_once_and_in_order() {
    let world = World::new();
    let ids: Vec<String> = (0..7)
        .map(|number| world.declare(&format!("Number {number}")))
        .collect();
    world.done("incident.resolve", "r/1", &json!({"incident": "INC-3"}));
    let listed = |path: &str| -> Vec<String> {
        let items = all(&world, path, "before");
        items
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let newest: Vec<String> = ids.iter().rev().cloned().collect();
    assert_eq!(listed("/api/v1/incidents?status=all&limit=3"), newest);
    assert_eq!(
        listed("/api/v1/incidents?status=resolved&limit=1"),
        ["INC-3"]
    );
    let open: Vec<String> = newest.iter().filter(|id| *id != "INC-3").cloned().collect();
    assert_eq!(listed("/api/v1/incidents?limit=2"), open);

    let acts = all(&world, "/api/v1/acts?limit=2", "after");
    let indexes: Vec<u64> = acts
        .iter()
        .map(|act| act["index"].as_u64().unwrap())
        .collect();
    assert_eq!(indexes, (0..world.memory.size()).collect::<Vec<_>>());
    let timeline = all(&world, "/api/v1/incidents/INC-3/timeline?limit=1", "after");
    let kinds: Vec<&str> = timeline
        .iter()
        .map(|act| act["act"]["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["incident.declared/1", "incident.resolved/1"]);
}

#[test]
fn alerts_and_names_have_pages_too() {
    let world = World::new();
    let alerts: Vec<Value> = (0..9)
        .map(|number| json!({"labels": {"alertname": format!("A{number}")}}))
        .collect();
    world
        .local(&Ask::post("/api/v2/alerts", &json!(alerts)))
        .expect(200);
    let items = all(&world, "/api/v1/alerts?state=all&limit=2", "before");
    let titles: BTreeSet<&str> = items
        .iter()
        .map(|item| item["title"].as_str().unwrap())
        .collect();
    assert_eq!((items.len(), titles.len()), (9, 9));
    for number in 0..5 {
        let args = json!({"heartbeat": format!("h{number}"), "interval_ms": 60_000, "grace_ms": 0});
        let reply = world.local(&Ask::command(
            "heartbeat.expect",
            &format!("h/{number}"),
            &args,
        ));
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let items = all(&world, "/api/v1/heartbeats?limit=2", "after");
    let names: Vec<&str> = items
        .iter()
        .map(|item| item["heartbeat"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["h0", "h1", "h2", "h3", "h4"]);
    for _ in 0..3 {
        world.token(&["read"]);
    }
    let tokens = all(&world, "/api/v1/tokens?limit=1", "after");
    assert_eq!(tokens.len(), 3);
    assert!(tokens[0].get("hash").is_none());
}

#[test]
fn a_page_of_large_acts_ends_early() {
    let world = World::new();
    let incident = world.declare("Much to say");
    let text = "x".repeat(16_000);
    for number in 0..300 {
        let args = json!({"incident": incident, "text": text});
        world.done("incident.note", &format!("n/{number}"), &args);
    }
    let page = world
        .local(&Ask::get("/api/v1/acts?limit=1000"))
        .expect(200);
    assert!(page.body.len() < 5 << 20, "{} bytes", page.body.len());
    assert!(!page.json()["next"].is_null());
    assert_eq!(all(&world, "/api/v1/acts?limit=1000", "after").len(), 302);
    let timeline = format!("/api/v1/incidents/{incident}/timeline?limit=1000");
    assert_eq!(all(&world, &timeline, "after").len(), 301);
}

#[test]
fn cursors_and_limits_are_read_strictly() {
    let world = World::new();
    for path in [
        "/api/v1/incidents?limit=0",
        "/api/v1/incidents?limit=1001",
        "/api/v1/incidents?limit=ten",
        "/api/v1/incidents?status=closed",
        "/api/v1/incidents?before=9",
        "/api/v1/incidents?status=all&status=all",
        "/api/v1/acts?after=-1",
        "/api/v1/acts?after=1e3",
        "/api/v1/alerts?before=now",
        "/api/v1/heartbeats?after=NO!",
        "/api/v1/incidents/INC-1/export?keys=yes",
        "/api/v1/events?after=9999",
        "/api/v1/events?incident=1",
    ] {
        world.local(&Ask::get(path)).refused(400, "bad_request");
    }
    let page = get(&world, "/api/v1/acts?after=9007199254740991");
    assert_eq!(page, json!({"items": [], "next": null}));
    get(&world, "/api/v1/acts?after=18446744073709551615");
}

#[test]
fn a_proof_file_stands_alone() {
    let world = World::new();
    for number in 0..300 {
        world.declare(&format!("Number {number}"));
    }
    let vkey: VerifierKey = signer(1).verifier().to_string().parse().unwrap();
    for index in [0_u64, 1, 255, 256, 299] {
        let by_index = world
            .local(&Ask::get(&format!("/api/v1/acts/{index}/proof")))
            .expect(200);
        assert_eq!(
            by_index.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        let verified = ActProof::parse(&by_index.body)
            .unwrap()
            .verify(&vkey, &[], 0)
            .unwrap();
        assert_eq!(verified.index, index);
        let act = get(&world, &format!("/api/v1/acts/{index}"));
        assert_eq!(verified.entry, act["entry"].as_str().unwrap().as_bytes());
        let id = act["act"]["id"].as_str().unwrap();
        assert_eq!(get(&world, &format!("/api/v1/acts/{id}")), act);
        world
            .local(&Ask::get(&format!("/api/v1/acts/{id}/proof")))
            .expect(200);
    }
}

#[test]
fn the_public_record_can_be_followed() {
    let world = World::new();
    for number in 0..300 {
        world.declare(&format!("Number {number}"));
    }
    let late = std::time::Instant::now();
    let status = loop {
        let status = get(&world, "/api/v1/status");
        if status["published_size"] == status["size"] {
            break status;
        }
        assert!(late.elapsed().as_secs() < 5, "{status}");
    };
    assert_eq!(status["origin"], crate::memory::ORIGIN);
    let size = status["size"].as_u64().unwrap();
    let checkpoint = world
        .remote(&Ask::get("/record/checkpoint"))
        .expect(200)
        .text();
    assert!(checkpoint.starts_with(&format!("{}\n{size}\n", crate::memory::ORIGIN)));
    let vkey = world.local(&Ask::get("/record/vkey")).expect(200).text();
    assert_eq!(vkey.trim_end(), status["vkey"].as_str().unwrap());

    let tile = world.remote(&Ask::get("/record/tile/0/000")).expect(200);
    assert_eq!(tile.body.len(), 256 * 32);
    // A partial tile whose full one exists is its beginning, whether it was kept or not.
    let partial = world
        .remote(&Ask::get("/record/tile/0/000.p/100"))
        .expect(200);
    assert_eq!(partial.body, tile.body[..100 * 32]);
    let bundle = world
        .local(&Ask::get("/record/tile/entries/000"))
        .expect(200);
    let entries = decode_entry_bundle(&bundle.body, 256).unwrap();
    for (entry, leaf) in entries.iter().zip(tile.body.chunks_exact(32)) {
        assert_eq!(hash::leaf(entry).0, leaf);
    }
    let width = size % 256;
    world
        .local(&Ask::get(&format!("/record/tile/entries/001.p/{width}")))
        .expect(200);
    let beyond = format!("/record/tile/entries/001.p/{}", width + 1);
    world.local(&Ask::get(&beyond)).refused(404, "not_found");
}

#[test]
fn a_blob_comes_back_as_it_went() {
    let world = World::new();
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let stored = world
        .local(&Ask::new("PUT", "/api/v1/blobs").body(bytes.clone()))
        .expect(200)
        .json();
    assert_eq!(stored["bytes"], 100_000);
    assert_eq!(stored["sha256"], hash::sha256(&[&bytes]).to_string());
    let path = format!("/api/v1/blobs/{}", stored["hex"].as_str().unwrap());
    let blob = world.local(&Ask::get(&path)).expect(200);
    assert_eq!(blob.body, bytes);
    assert_eq!(blob.header("content-disposition"), Some("attachment"));
    world
        .local(&Ask::get(
            &path
                .to_uppercase()
                .replace("/API/V1/BLOBS", "/api/v1/blobs"),
        ))
        .refused(404, "not_found");
    let head = world.local(&Ask::new("HEAD", &path)).expect(200);
    assert_eq!(head.header("content-length"), Some("100000"));
    world
        .local(&Ask::new("PUT", "/api/v1/blobs"))
        .refused(400, "bad_request");
}

#[test]
fn a_file_is_kept_under_its_incidents_key_and_cited_by_what_is_kept() {
    let world = World::new();
    let incident = world.declare("x");
    let file = world.upload(&incident, "a graph");
    // The same file is the same bytes, and kept once.
    assert_eq!(world.upload(&incident, "a graph"), file);
    let mut named = file.clone();
    named["name"] = json!("graph.png");
    let note = json!({"incident": incident, "text": "See the graph.", "blobs": [named]});
    world.done("incident.note", "n/1", &note);
    let hash: hash::Hash = serde_json::from_value(file["sha256"].clone()).unwrap();
    let hex: String = hash.0.iter().map(|byte| format!("{byte:02x}")).collect();
    let kept = world.local(&Ask::get(&format!("/api/v1/blobs/{hex}")));
    let kept = kept.expect(200).body;
    assert!(!kept.windows(7).any(|bytes| bytes == b"a graph"));
    let path = format!("/api/v1/incidents/{incident}/files/{hex}");
    let back = world.local(&Ask::get(&path)).expect(200);
    assert_eq!(back.body, b"a graph");
    assert_eq!(back.header("content-disposition"), Some("attachment"));
    // In another incident it is nothing, and neither is a blob that was not uploaded as a file.
    let other = world.declare("y");
    let path = format!("/api/v1/incidents/{other}/files/{hex}");
    world.local(&Ask::get(&path)).refused(404, "not_found");
    let wrong = json!({"incident": other, "text": "See the graph.", "blobs": [file]});
    let ask = Ask::command("incident.note", "n/2", &wrong);
    world.local(&ask).refused(404, "not_found");
    let plain = world
        .local(&Ask::new("PUT", "/api/v1/blobs").body("plain"))
        .json();
    let blob = json!({"bytes": 5, "sha256": plain["sha256"]});
    let wrong = json!({"incident": incident, "file": blob, "source": "here"});
    let ask = Ask::command("incident.attach_file", "f/1", &wrong);
    world.local(&ask).refused(404, "not_found");
}
