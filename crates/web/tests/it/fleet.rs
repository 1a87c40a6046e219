//! Edges ask: they enroll, report, and are told what they are to run, with proof. Who is no edge, or not
//! this one, is told nothing.

use base::Name;
use engine::{Outcome, Transport};
use record::break_glass::BreakGlass;
use record::command::{AdvanceDeployment, Command, CompleteDeployment, Verb};
use record::fleet::{
    Bundle, Counts, Directions, Disbelieved, Enroll, Fetch, Grown, Known, PROTOCOL, Pins, Report,
    Request, Runs, Told, Wanted, WentBack, Word, sign,
};
use record::hash::{Hash, sha256};
use record::note::{Algorithm, SignerKey};
use record::statement::Statement as _;
use serde_json::{Value, json};

use crate::wire::{Ask, Reply};
use crate::world::World;

/// A template that two cells are through in a minute.
const QUICK: &str = "name = \"quick\"\nwatch_ms = 60000\n[[stage]]\nreach = \"internal\"\n\
    time_ms_min = 10000\nrequests_min = 1\n[[stage]]\nreach = \"all\"\n[[trigger]]\nname = \"errors\"\n\
    measure = \"errors\"\ncompare = true\nmost_ppm = 100000\n";

/// An edge of a test.
pub(crate) struct Edge {
    name: Name,
    cell: Name,
    key: SignerKey,
    known: Known,
    follows: Option<u64>,
    at_ms: u64,
    protocol: u32,
    went: Option<WentBack>,
}

/// All that an edge is told.
const ALL: Wanted = Wanted::Bundle { after: None };

/// A version that answers this.
pub(crate) fn version(body: &str) -> Vec<u8> {
    let config = format!(
        "[[listen]]\naddress = \"127.0.0.1:7780\"\n[[tenant]]\nname = \"shop\"\nhosts = [\"*\"]\n\
         [[route]]\nname = \"all\"\nrespond = {{ status = 200, body = \"{body}\" }}\n"
    );
    let files = [("edge.toml".to_owned(), config.into_bytes())];
    let (version, _) = policy::version::Version::new(None, files.into()).unwrap();
    version.to_bytes()
}

/// What signs break-glass notes.
pub(crate) fn break_glass_key() -> SignerKey {
    SignerKey::from_seed("break-glass", Algorithm::Ed25519, [7; 32]).unwrap()
}

/// Such a note for that edge's cell.
fn note(edge: &Edge, counter: u64) -> String {
    let said = BreakGlass {
        cell: edge.cell.clone(),
        counter,
        digest: sha256(&[b"a version"]),
        expires_at: "2100-01-01T00:00:00.000Z".parse().unwrap(),
        why: "control burned down".parse().unwrap(),
    };
    said.sign(&break_glass_key()).unwrap().to_string()
}

fn went(note: &str, counter: u64) -> WentBack {
    WentBack {
        at_ms: 1_600_000_000_000,
        counter,
        from: None,
        holds: true,
        note: note.into(),
    }
}

/// Another edge of eu-1 went back by a note: what ends that.
pub(crate) fn went_back(world: &World) -> Value {
    // As long as a name may be.
    let mut edge = Edge::enrolled(world, &"e".repeat(64), "eu-1");
    let note = note(&edge, 9);
    edge.went = Some(went(&note, 9));
    edge.report(world, None).expect(200);
    json!({"cell": "eu-1"})
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn key(edge: &str) -> SignerKey {
    SignerKey::from_seed(edge, Algorithm::Ed25519, sha256(&[edge.as_bytes()]).0).unwrap()
}

/// A token's 32 bytes, and as it is written.
fn token(edge: &str) -> (Hash, String) {
    use base64::Engine as _;
    let secret = sha256(&[b"token", edge.as_bytes()]);
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(secret.0);
    (sha256(&[&secret.0]), format!("hby_{text}"))
}

fn post<R: Request>(world: &World, path: &str, request: &R, key: &SignerKey) -> Reply {
    let note = sign(request, key).unwrap();
    world.remote(&Ask::new("POST", &format!("/api/v1/edges/{path}")).body(note))
}

pub(crate) fn invite(world: &World, edge: &str, cell: &str) {
    let (hash, _) = token(edge);
    let args = json!({
        "edge": edge, "cell": cell, "hash": hash.to_string(), "expires_at": world.in_ms(60_000),
    });
    world.done(
        "edge.invite",
        &format!("invite/{edge}/{}", world.memory.size()),
        &args,
    );
}

fn enrolling(edge: &str) -> Enroll {
    Enroll {
        at_ms: 1,
        edge: name(edge),
        token: token(edge).1.into(),
        vkey: key(edge).verifier().to_string().into(),
    }
}

impl Edge {
    /// Invited and enrolled.
    pub(crate) fn enrolled(world: &World, edge: &str, cell: &str) -> Edge {
        invite(world, edge, cell);
        let pins: Pins = post(world, "enroll", &enrolling(edge), &key(edge))
            .expect(200)
            .typed();
        assert_eq!(pins.cell, name(cell));
        let log = pins.vkey.parse().unwrap();
        Edge {
            name: name(edge),
            cell: name(cell),
            key: key(edge),
            known: Known::new(log, &pins.checkpoint).unwrap(),
            follows: None,
            at_ms: 1,
            protocol: PROTOCOL,
            went: None,
        }
    }

    pub(crate) fn report(&mut self, world: &World, runs: Option<Hash>) -> Reply {
        self.at_ms += 1;
        let report = Report {
            at_ms: self.at_ms,
            break_glass: self.went.clone(),
            counts: Counts::default(),
            edge: self.name.clone(),
            epoch: 1,
            follows: self.follows,
            overlay: 0,
            process: 1,
            protocol: self.protocol,
            tenants: Default::default(),
            program: "0.1.0".parse().unwrap(),
            refused: Vec::new(),
            refused_more: 0,
            runs: runs.map(|digest| Runs {
                digest,
                sequence: self.follows.unwrap_or(0),
                since_ms: 0,
            }),
            size: self.known.size(),
        };
        post(world, "report", &report, &self.key)
    }

    /// Reports as a build that speaks no later protocol.
    fn reports_speaking(&mut self, world: &World, protocol: u32) {
        self.protocol = protocol;
        self.report(world, None).expect(200);
    }

    pub(crate) fn fetch(&mut self, world: &World, what: Wanted) -> Reply {
        self.at_ms += 1;
        let fetch = Fetch {
            at_ms: self.at_ms,
            edge: self.name.clone(),
            size: self.known.size(),
            what,
        };
        post(world, "fetch", &fetch, &self.key)
    }

    /// What it is told to run, believed.
    fn told(&mut self, world: &World, floor: Option<u64>) -> Result<(Hash, u64), Disbelieved> {
        let bundle: Bundle = self.fetch(world, ALL).expect(200).typed();
        let us = (&self.cell, &self.name);
        let told = self.known.told(&bundle, us, 1, |_| floor)?;
        self.follows = Some(bundle.upto);
        let Some(Word::Run(last)) = told.last() else {
            panic!("it is told to run nothing");
        };
        Ok((last.digest.unwrap(), last.sequence))
    }
}

/// Where nothing but versions is told.
fn versions(words: Vec<Word>) -> Vec<Told> {
    let told = words.into_iter().map(|word| match word {
        Word::Run(told) => told,
        other => panic!("{other:?}"),
    });
    told.collect()
}

trait Typed {
    fn typed<T: serde::de::DeserializeOwned>(&self) -> T;
}

impl Typed for Reply {
    fn typed<T: serde::de::DeserializeOwned>(&self) -> T {
        serde_json::from_value(self.json()).unwrap()
    }
}

/// Two cells: `office`, where versions go first, and `eu-1`.
pub(crate) fn cells(world: &World) {
    for (cell, ring) in [("office", "internal"), ("eu-1", "serving")] {
        // Some are there already.
        let args = json!({"cell": cell, "ring": ring});
        world.local(&Ask::command("cell.define", &format!("cell/{cell}"), &args));
    }
}

/// The arguments that deploy this version, which is uploaded.
pub(crate) fn deploying(world: &World, bytes: &[u8]) -> Value {
    let stored = world
        .local(&Ask::new("PUT", "/api/v1/blobs").body(bytes))
        .expect(200);
    let fleet = world.local(&Ask::get("/api/v1/fleet")).json();
    let first = fleet["current"].is_null();
    let all = json!(["routes", "station", "tenants"]);
    json!({
        "digest": stored.json()["sha256"], "bytes": bytes.len(), "template": QUICK,
        "changes": if first { all } else { json!(["routes"]) },
    })
}

/// What hereby asks of itself.
fn own(world: &World, verb: impl Into<Verb>) -> Outcome {
    let id = format!("own:{}", world.memory.size()).parse().unwrap();
    let request = engine::Request {
        transport: Transport::Own(name("rollout")),
        command: Command::new(id, verb),
        signature: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(world.engine.submit(request))
}

/// A good request of this kind, from an edge that enrolled for it.
pub(crate) fn walked(world: &World, asked: &str) -> Reply {
    match asked {
        "enroll" => {
            cells(world);
            invite(world, "w-1", "eu-1");
            post(world, "enroll", &enrolling("w-1"), &key("w-1"))
        }
        "report" => Edge::enrolled(world, "w-2", "eu-1").report(world, None),
        _ => Edge::enrolled(world, "w-3", "eu-1").fetch(world, Wanted::Overlay),
    }
}

/// A version is brought out to all from that stage on, and completed; the clock goes ahead two minutes.
pub(crate) fn complete(world: &World, deployment: &str, from: u32) {
    for verb in [
        Verb::from(AdvanceDeployment {
            deployment: name(deployment),
            requests: Some(1),
            stage: 1,
        }),
        CompleteDeployment {
            deployment: name(deployment),
        }
        .into(),
    ] {
        world.clock.forward_ms(60_000);
        if matches!(&verb, Verb::AdvanceDeployment(_)) && from > 1 {
            continue;
        }
        let outcome = own(world, verb);
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    }
}

fn roll_back(world: &World, id: &str) {
    world.done("version.roll_back", id, &json!({}));
}

#[test]
fn who_enrolls_shows_a_token_once_and_signs_with_its_own_key() {
    let world = World::new();
    cells(&world);
    let no = |edge: &str, request: &Enroll, signer: &SignerKey| {
        post(&world, "enroll", request, signer).refused(401, "forbidden");
        assert!(
            !world
                .local(&Ask::get("/api/v1/edges"))
                .text()
                .contains(edge)
        );
    };
    no("e-1", &enrolling("e-1"), &key("e-1"));
    invite(&world, "e-1", "eu-1");
    no("e-1", &enrolling("e-1"), &key("e-2"));
    let other = Enroll {
        token: token("e-2").1.into(),
        ..enrolling("e-1")
    };
    no("e-1", &other, &key("e-1"));
    let nonsense = Enroll {
        token: "hby_x".into(),
        ..enrolling("e-1")
    };
    no("e-1", &nonsense, &key("e-1"));
    let size = world.memory.size();
    post(&world, "enroll", &enrolling("e-1"), &key("e-1")).expect(200);
    assert_eq!(world.memory.size(), size + 1);
    // Whose answer was lost asks again and is told the same; for anybody else the token is used up.
    post(&world, "enroll", &enrolling("e-1"), &key("e-1")).expect(200);
    assert_eq!(world.memory.size(), size + 1);
    let other = Enroll {
        vkey: SignerKey::from_seed("e-1", Algorithm::Ed25519, [9; 32])
            .unwrap()
            .verifier()
            .to_string()
            .into(),
        ..enrolling("e-1")
    };
    let thief = SignerKey::from_seed("e-1", Algorithm::Ed25519, [9; 32]).unwrap();
    post(&world, "enroll", &other, &thief).refused(401, "forbidden");
    let edges = world.local(&Ask::get("/api/v1/edges")).json();
    assert_eq!(edges["items"][0]["standing"], "unknown");
    // Nobody outside can say it in hereby's stead.
    let args = json!({"edge": "e-1", "hash": token("e-1").0.to_string(), "vkey": "x"});
    world
        .local(&Ask::command("edge.enroll", "x", &args))
        .refused(404, "not_found");
}

#[test]
fn what_an_edge_is_told_is_proven_and_only_it_is_told() {
    let world = World::new();
    cells(&world);
    let mut office = Edge::enrolled(&world, "o-1", "office");
    let mut serving = Edge::enrolled(&world, "e-1", "eu-1");
    let directions: Directions = office.report(&world, None).expect(200).typed();
    assert_eq!(directions.sequence, None);
    office.fetch(&world, ALL).refused(404, "not_found");
    let one = version("one");
    let digest = sha256(&[&one]);
    let args = deploying(&world, &one);
    world.done("version.deploy", "deploy/one", &args);
    let directions: Directions = office.report(&world, None).expect(200).typed();
    assert!(office.known.grow(&directions.grown).unwrap());
    assert_eq!(
        office.told(&world, None).unwrap(),
        (digest, directions.sequence.unwrap())
    );
    let reply = office.fetch(&world, Wanted::Version(digest)).expect(200);
    assert_eq!(reply.text().as_bytes(), one);
    // The other cell is not reached yet, and gets nothing of it.
    let directions: Directions = serving.report(&world, None).expect(200).typed();
    assert_eq!(directions.sequence, None);
    serving
        .fetch(&world, Wanted::Version(digest))
        .refused(404, "not_found");
    // A bundle of one edge is not another's.
    let bundle: Bundle = office.fetch(&world, ALL).expect(200).typed();
    let us = (&serving.cell.clone(), &serving.name.clone());
    let error = serving.known.told(&bundle, us, 1, |_| None).unwrap_err();
    assert!(
        matches!(error, Disbelieved::NotForUs | Disbelieved::Fork(_)),
        "{error}"
    );
    complete(&world, "dep-1", 1);
    let told = serving.told(&world, None).unwrap();
    assert_eq!(told.0, digest);
    let shown = serving.report(&world, Some(digest)).expect(200);
    assert!(shown.text().len() < 2_000, "{}", shown.text().len());
    let edges = world.local(&Ask::get("/api/v1/edges")).json();
    assert_eq!(edges["items"][0]["standing"], "follows", "{edges}");
    // Going back is told with a later act; whoever has followed it follows nothing earlier.
    let two = version("two");
    world.done("version.deploy", "deploy/two", &deploying(&world, &two));
    complete(&world, "dep-2", 1);
    let before: Bundle = serving.fetch(&world, ALL).expect(200).typed();
    roll_back(&world, "back");
    let back = serving.told(&world, Some(told.1)).unwrap();
    assert_eq!(back.0, digest);
    assert!(back.1 > told.1);
    let us = (&serving.cell.clone(), &serving.name.clone());
    let error = serving
        .known
        .told(&before, us, 1, |_| Some(back.1))
        .unwrap_err();
    assert!(matches!(error, Disbelieved::Shorter { .. }), "{error}");
}

#[test]
fn a_retired_edge_and_a_strangers_signature_get_nothing() {
    let world = World::new();
    cells(&world);
    let mut edge = Edge::enrolled(&world, "e-1", "eu-1");
    edge.report(&world, None).expect(200);
    let mut thief = Edge {
        key: key("e-2"),
        ..edge
    };
    thief.report(&world, None).refused(401, "forbidden");
    thief
        .fetch(&world, Wanted::Overlay)
        .refused(401, "forbidden");
    let mut edge = Edge {
        key: key("e-1"),
        ..thief
    };
    let overlay = edge.fetch(&world, Wanted::Overlay).expect(200).json();
    assert_eq!(overlay["version"], 1);
    for bad in ["", "x", "hereby/edge/1\nreport\n{}\n"] {
        let ask = Ask::new("POST", "/api/v1/edges/report").body(bad);
        world.remote(&ask).refused(400, "bad_request");
    }
    // A fetch is no report.
    let fetch = Fetch {
        at_ms: 9,
        edge: name("e-1"),
        size: 0,
        what: Wanted::Overlay,
    };
    post(&world, "report", &fetch, &key("e-1")).refused(400, "bad_request");
    world.done("edge.retire", "retire", &json!({"edge": "e-1"}));
    edge.report(&world, None).refused(401, "forbidden");
}

#[test]
fn what_is_deployed_is_there_can_be_read_and_changes_what_is_said() {
    let world = World::new();
    cells(&world);
    Edge::enrolled(&world, "o-1", "office");
    Edge::enrolled(&world, "e-1", "eu-1");
    let deploy = |id: &str, args: &Value| world.local(&Ask::command("version.deploy", id, args));
    let one = version("one");
    let mut args = deploying(&world, &one);
    args["changes"] = json!(["limits"]);
    deploy("a", &args).refused(409, "wrong_state");
    args["changes"] = json!(["routes", "station", "tenants"]);
    args["bytes"] = json!(1);
    deploy("b", &args).refused(409, "wrong_state");
    let nothing = json!({"digest": sha256(&[b"x"]).to_string(), "bytes": 1, "changes": []});
    deploy("c", &nothing).refused(404, "not_found");
    let broken = String::from_utf8(one.clone())
        .unwrap()
        .replace("status = 200", "status = 2000");
    let stored = world.local(&Ask::new("PUT", "/api/v1/blobs").body(broken.clone()));
    let broken = json!({
        "digest": stored.json()["sha256"], "bytes": broken.len(), "changes": ["routes"],
    });
    let refused = deploy("d", &broken).refused(422, "out_of_range");
    assert!(
        refused.text().contains("edge.toml:8:"),
        "{}",
        refused.text()
    );
    let args = deploying(&world, &one);
    deploy("e", &args).expect(200);
    // Sent again it is what it was, whatever it would change by now.
    complete(&world, "dep-1", 1);
    deploy("e", &args).expect(200);
    deploy("f", &args).refused(409, "wrong_state");
}

#[test]
fn a_record_that_was_forked_or_cut_is_not_believed() {
    let world = World::new();
    cells(&world);
    let mut edge = Edge::enrolled(&world, "e-1", "eu-1");
    let directions: Directions = edge.report(&world, None).expect(200).typed();
    edge.known.grow(&directions.grown).unwrap();
    let before = edge.known.clone();
    world.declare("so that the record grows");
    let grown: Directions = loop {
        let directions: Directions = edge.report(&world, None).expect(200).typed();
        if !directions.grown.consistency.is_empty() {
            break directions;
        }
    };
    let mut wrong = grown.grown.clone();
    wrong.consistency.reverse();
    wrong.consistency.push(sha256(&[b"x"]));
    let error = edge.known.grow(&wrong).unwrap_err();
    assert!(matches!(error, Disbelieved::Fork(_)), "{error}");
    assert_eq!(edge.known, before, "it stands where it stood");
    assert!(edge.known.grow(&grown.grown).unwrap());
    let error = edge.known.grow(&directions.grown).unwrap_err();
    assert!(matches!(error, Disbelieved::Shorter { .. }), "{error}");
    // Signed by another key, however well it grew.
    let other = crate::memory::signer(5);
    let text = grown.grown.checkpoint.split("\n\n").next().unwrap();
    let forged = Grown {
        checkpoint: other
            .sign_note(format!("{text}\n"))
            .unwrap()
            .to_string()
            .into(),
        consistency: Vec::new(),
    };
    let error = edge.known.grow(&forged).unwrap_err();
    assert!(matches!(error, Disbelieved::Checkpoint(_)), "{error}");
    let many = Grown {
        consistency: vec![sha256(&[b"x"]); 129],
        ..grown.grown
    };
    assert!(matches!(
        edge.known.grow(&many).unwrap_err(),
        Disbelieved::TooLong(129)
    ));
}

/// A version of a tenant's own.
fn own_version(tenant: &str, body: &str) -> Vec<u8> {
    let config =
        format!("[[route]]\nname = \"all\"\nrespond = {{ status = 200, body = \"{body}\" }}\n");
    let files = [("edge.toml".to_owned(), config.into_bytes())];
    let tenant = Some(tenant.parse().unwrap());
    let (version, _) = policy::version::Version::new(tenant, files.into()).unwrap();
    version.to_bytes()
}

/// The fleet's version, which has the shop in that cell.
fn shop_in(cell: &str) -> Vec<u8> {
    let text = String::from_utf8(version("one")).unwrap();
    let named = format!("[\\\"*\\\"]\\ncell = \\\"{cell}\\\"\\n");
    text.replace("[\\\"*\\\"]\\n", &named).into_bytes()
}

/// An office and a cell with the shop, each with an edge; all run the fleet's version.
fn with_shop() -> (World, Edge, Edge) {
    let world = World::new();
    cells(&world);
    let office = Edge::enrolled(&world, "o-1", "office");
    let serving = Edge::enrolled(&world, "e-1", "eu-1");
    let fleets = deploying(&world, &shop_in("eu-1"));
    world.done("version.deploy", "deploy/one", &fleets);
    complete(&world, "dep-1", 1);
    (world, office, serving)
}

/// The arguments that deploy a version as a tenant's own.
fn deploying_own(world: &World, bytes: &[u8], tenant: Option<&str>, cell: Option<&str>) -> Value {
    let mut args = deploying(world, bytes);
    args["tenant"] = json!(tenant);
    args["cell"] = json!(cell);
    args
}

#[test]
fn a_tenants_own_version_is_no_others_and_stays_where_the_tenant_is() {
    let (world, _, _) = with_shop();
    let shops = own_version("shop", "own");
    let tills = own_version("till", "own");
    for (bytes, tenant, cell, why) in [
        (&shops, None, None, "this version is shop's own"),
        (
            &shops,
            Some("till"),
            Some("eu-1"),
            "this version is shop's own",
        ),
        (&tills, Some("till"), Some("eu-1"), "has no tenant till"),
        (&shops, Some("shop"), Some("office"), "shop is in eu-1"),
        (&shops, Some("shop"), None, "shop is in eu-1"),
    ] {
        let args = deploying_own(&world, bytes, tenant, cell);
        let said = world.local(&Ask::command("version.deploy", "no", &args));
        assert!(said.text().contains(why), "{}", said.text());
    }
    let deploy = deploying_own(&world, &shops, Some("shop"), Some("eu-1"));
    world.done("version.deploy", "deploy/own", &deploy);
    complete(&world, "dep-2", 2);
    let fleet = world.local(&Ask::get("/api/v1/fleet")).json();
    assert_eq!(fleet["tenants"][0]["tenant"], "shop");
    assert_eq!(fleet["tenants"][0]["cells"], json!(["eu-1"]));
    // Nobody elsewhere was told of it: it stays there.
    let moved = deploying(&world, &shop_in("office"));
    let said = world.local(&Ask::command("version.deploy", "moved", &moved));
    let why = "would be in another cell";
    assert!(said.text().contains(why), "{}", said.text());
}

#[test]
fn an_edge_is_told_of_a_tenants_own_version_beside_the_fleets() {
    let (world, mut office, mut serving) = with_shop();
    let shops = own_version("shop", "own");
    let deploy = deploying_own(&world, &shops, Some("shop"), Some("eu-1"));
    world.done("version.deploy", "deploy/own", &deploy);
    // Two acts reach the one edge, and one the other; each with its proof.
    let bundle: Bundle = serving.fetch(&world, ALL).expect(200).typed();
    let us = (&serving.cell.clone(), &serving.name.clone());
    let told = versions(serving.known.told(&bundle, us, 1, |_| None).unwrap());
    let tenants: Vec<_> = told
        .iter()
        .map(|one| one.tenant.as_ref().map(ToString::to_string))
        .collect();
    assert_eq!(tenants, [None, Some("shop".to_owned())]);
    assert_eq!(told[1].digest, Some(sha256(&[&shops])));
    let behind = Wanted::Bundle {
        after: Some(told[0].sequence),
    };
    let behind: Bundle = serving.fetch(&world, behind).expect(200).typed();
    assert_eq!(behind.proofs, bundle.proofs[1..]);
    serving
        .fetch(&world, Wanted::Version(sha256(&[&shops])))
        .expect(200);
    let (digest, _) = office.told(&world, None).unwrap();
    assert_eq!(digest, sha256(&[&shop_in("eu-1")]));
    office
        .fetch(&world, Wanted::Version(sha256(&[&shops])))
        .refused(404, "not_found");
    // What says that it is whole up to an act that is not there is not believed.
    let ahead = Bundle {
        upto: 1 << 40,
        ..behind
    };
    let error = serving.known.told(&ahead, us, 1, |_| None).unwrap_err();
    assert!(matches!(error, Disbelieved::Ahead(_)), "{error}");
    complete(&world, "dep-2", 2);
    // Gone back from, it runs by the fleet's version.
    world.done("version.roll_back", "back", &json!({"tenant": "shop"}));
    let bundle: Bundle = serving.fetch(&world, ALL).expect(200).typed();
    let told = versions(serving.known.told(&bundle, us, 1, |_| None).unwrap());
    assert_eq!(told[1].digest, None);
}

#[test]
fn a_break_glass_note_is_on_the_record_before_the_edge_is_answered() {
    let world = World::new();
    cells(&world);
    let mut edge = Edge::enrolled(&world, "e-1", "eu-1");
    let vkey = break_glass_key().verifier().to_string();
    let why = Ask::command("break_glass.set_key", "trust", &json!({"vkey": vkey}));
    world
        .local(&why.header("Hereby-Why", "for that day"))
        .expect(200);
    // It is told of the key with proof, though no version was ever deployed.
    let directions: Directions = edge.report(&world, None).expect(200).typed();
    let bundle: Bundle = edge.fetch(&world, ALL).expect(200).typed();
    let us = (&edge.cell.clone(), &edge.name.clone());
    let told = edge.known.told(&bundle, us, 1, |_| None).unwrap();
    let [
        Word::BreakGlassKey {
            vkey: told,
            sequence,
        },
    ] = &told[..]
    else {
        panic!("{told:?}");
    };
    assert_eq!(told.as_deref(), Some(vkey.as_str()));
    assert_eq!(Some(*sequence), directions.sequence);
    edge.follows = Some(*sequence);
    let standing = |world: &World| {
        let edges = world.local(&Ask::get("/api/v1/edges")).json();
        edges["items"][0]["standing"].as_str().unwrap().to_owned()
    };
    assert_eq!(standing(&world), "idle");
    let note = note(&edge, 3);
    // What nobody signed is shown as the edge says, and is not on the record.
    let size = world.memory.size();
    edge.went = Some(went("not signed", 3));
    edge.report(&world, None).expect(200);
    assert_eq!(
        (standing(&world).as_str(), world.memory.size()),
        ("break_glass", size)
    );
    edge.went = Some(went(&note, 3));
    let directions: Directions = edge.report(&world, None).expect(200).typed();
    assert_eq!(world.memory.size(), size + 1);
    assert_eq!(directions.sequence, edge.follows);
    edge.report(&world, None).expect(200);
    assert_eq!(world.memory.size(), size + 1, "it is kept once");
    edge.went = None;
    edge.report(&world, None).expect(200);
    assert_eq!(standing(&world), "idle");
}

#[test]
fn edges_are_told_what_they_speak_and_nothing_below_their_cells_floor() {
    let world = World::new();
    cells(&world);
    let mut edge = Edge::enrolled(&world, "e-1", "eu-1");
    let us = (&edge.cell.clone(), &edge.name.clone());
    let said = |verb: &str, id: &str, args: &Value| {
        let ask = Ask::command(verb, id, args);
        world
            .local(&ask.header("Hereby-Why", "for that day"))
            .expect(200);
    };
    let vkey = json!({"vkey": break_glass_key().verifier().to_string()});
    said("break_glass.set_key", "glass", &vkey);
    said("record.set_root_key", "root", &vkey);
    // An earlier build is told what it has always been told.
    edge.reports_speaking(&world, 1);
    let bundle: Bundle = edge.fetch(&world, ALL).expect(200).typed();
    assert_eq!(bundle.v, 1);
    let told = edge.known.told(&bundle, us, 1, |_| None).unwrap();
    assert!(matches!(told[..], [Word::BreakGlassKey { .. }]), "{told:?}");
    edge.reports_speaking(&world, 99);
    let bundle: Bundle = edge.fetch(&world, ALL).expect(200).typed();
    assert_eq!(bundle.v, PROTOCOL);
    let told = edge.known.told(&bundle, us, 1, |_| None).unwrap();
    assert!(matches!(told[1], Word::RootKey { .. }), "{told:?}");
    // What only a later one has is not believed in an earlier one.
    let passed_off = Bundle { v: 1, ..bundle };
    let error = edge.known.told(&passed_off, us, 1, |_| None).unwrap_err();
    assert!(matches!(error, Disbelieved::NotForUs), "{error}");
    said(
        "cell.set_floor",
        "floor",
        &json!({"cell": "eu-1", "protocol": 2}),
    );
    let bundle: Bundle = edge.fetch(&world, ALL).expect(200).typed();
    let told = edge.known.told(&bundle, us, 1, |_| None).unwrap();
    assert!(
        told.iter()
            .any(|word| matches!(word, Word::Floor { protocol: 2, .. }))
    );
    let weaker = Bundle { v: 1, ..bundle };
    let error = edge.known.told(&weaker, us, 2, |_| None).unwrap_err();
    assert!(
        matches!(error, Disbelieved::BelowFloor { shown: 1, floor: 2 }),
        "{error}"
    );
    // And loudly at both ends.
    edge.reports_speaking(&world, 1);
    let refused = edge.fetch(&world, ALL).refused(409, "wrong_state");
    assert!(
        refused.text().contains("takes no less than 2"),
        "{}",
        refused.text()
    );
    let shown = world.local(&Ask::get("/api/v1/edges")).expect(200).json();
    assert_eq!(shown["items"][0]["standing"], "below_floor");
}
