//! Versions that go out by stages, are sent back by themselves, and are gone back from by hand: control and
//! edges as real processes, with real traffic.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fleet_peers::{Fleet, Load};
use crate::harness::{eventually, signal_to};

const THREE: [(&str, &str, &str); 3] = [
    ("o-1", "office", "internal"),
    ("e-1", "eu-1", "serving"),
    ("e-2", "eu-1", "serving"),
];

#[test]
fn a_bad_version_hurts_one_edge_for_seconds_and_nothing_brings_it_out_again() {
    let mut fleet = Fleet::new(&THREE);
    let load = Load::on(&fleet, "shop.example");
    fleet.deploy("one", 200);
    eventually("the first edge runs it", || fleet.answer(0) == "one");
    assert_eq!(fleet.answer(1), "", "the others wait");
    fleet.until("all run it", |fleet| fleet.all_answer("one"));
    fleet.until("it was watched", |fleet| fleet.standing() == "completed");
    let before = load.counts();

    // The bad one, for an incident.
    fleet.must(&["declare", "checkout is slow", "-s", "3", "--drill"]);
    let (bad, template) = (fleet.version("bad", 500, ""), fleet.template());
    let begun = Instant::now();
    fleet.must(&[
        "deploy",
        &bad,
        "--template",
        &template,
        "--incident",
        "INC-1",
        "-m",
        "bad",
    ]);
    eventually("the first edge runs it", || fleet.answer(0) == "bad");
    eventually("it is sent back", || fleet.standing() == "rolled_back");
    let sent_back = begun.elapsed();
    eventually("the first edge runs what was before", || {
        fleet.answer(0) == "one"
    });
    assert!(sent_back < Duration::from_secs(15), "{sent_back:?}");
    let after = load.counts();
    assert!(after[0].1 > before[0].1, "it failed there");
    for other in [1, 2] {
        assert!(after[other].0 > before[other].0);
        assert_eq!(after[other].1, before[other].1, "nobody else was hurt");
    }
    let again = fleet.no(&["deploy", &bad, "--template", &template, "-m", "once more"]);
    assert!(again.contains("went back from this version"), "{again}");
    let twice = fleet.no(&["rollback", "-m", "it fails"]);
    assert!(twice.contains("that is what runs"), "{twice}");

    // Control dies in the middle of the next one, and goes on with it when it is back.
    fleet.deploy("two", 200);
    eventually("the first edge runs it", || fleet.answer(0) == "two");
    fleet.kill_control();
    assert_eq!(
        [0, 1, 2].map(|edge| fleet.answer(edge)),
        ["two", "one", "one"]
    );
    fleet.begin_control();
    fleet.until("all run it", |fleet| fleet.all_answer("two"));

    // And by hand, under a freeze.
    fleet.must(&["freeze", "-m", "the holidays"]);
    let said = fleet.must(&["rollback", "-m", "checkout fails"]);
    assert!(said.contains("3 of 3 edges run it"), "{said}");
    assert!(fleet.all_answer("one"));
    let after = load.counts();
    for other in [1, 2] {
        assert_eq!(after[other].1, before[other].1, "a swap fails no request");
    }
    drop(load);
    story(&fleet);
    exported(&fleet);
    fleet.must(&["unfreeze"]);
    of_a_tenant(&fleet);
}

/// A tenant's own version goes to one edge of its cell, and back to what the fleet's version says.
fn of_a_tenant(fleet: &Fleet) {
    let carts = |fleet: &Fleet| [1, 2].map(|edge| fleet.answer_of("cart.example", edge));
    assert_eq!(carts(fleet), ["one's cart", "one's cart"]);
    let elsewhere = fleet.answer_of("cart.example", 0);
    assert!(
        elsewhere != "one's cart",
        "its cell alone has it: {elsewhere}"
    );
    let load = Load::on(fleet, "cart.example");
    let (bad, template) = (fleet.own("broken", 500), fleet.template());
    let deploy = ["deploy", &bad, "--tenant", "cart", "--template", &template];
    let plan = fleet.must(&[&deploy[..], &["--plan"]].concat());
    assert!(
        plan.contains("affected: 1 of 2 tenants, in 1 cell"),
        "{plan}"
    );
    let unknown = fleet.no(&["deploy", &bad, "--tenant", "till", "-m", "no such"]);
    assert!(unknown.contains("there is no tenant till"), "{unknown}");
    fleet.must(&[&deploy[..], &["-m", "cart moves"]].concat());
    eventually("one edge runs it", || {
        carts(fleet).contains(&"broken".to_owned())
    });
    let hurt = carts(fleet);
    assert!(hurt.contains(&"one's cart".to_owned()), "{hurt:?}");
    assert!(
        fleet.all_answer("one"),
        "its neighbours are answered as before"
    );
    eventually("it is sent back", || fleet.standing() == "rolled_back");
    eventually("what the fleet's version says holds", || {
        carts(fleet) == ["one's cart", "one's cart"]
    });
    drop(load);
    let again = fleet.no(&[&deploy[..], &["-m", "once more"]].concat());
    assert!(again.contains("went back from this version"), "{again}");
    let own = fleet.no(&["rollback", "--tenant", "cart", "-m", "it fails"]);
    assert!(own.contains("none of its own"), "{own}");
    // A good one is gone back from by hand while it goes out; the fleet's version is not touched.
    let good = fleet.own("good", 200);
    fleet.must(&[
        "deploy",
        &good,
        "--tenant",
        "cart",
        "--template",
        &template,
        "-m",
        "again",
    ]);
    eventually("one edge runs it", || {
        carts(fleet).contains(&"good".to_owned())
    });
    let shown = fleet.must(&["fleet"]);
    assert!(shown.contains(": cart's "), "{shown}");
    let said = fleet.must(&["rollback", "--tenant", "cart", "-m", "not yet"]);
    assert!(said.contains("3 of 3 edges run it"), "{said}");
    assert_eq!(carts(fleet), ["one's cart", "one's cart"]);
    fleet.must(&["verify"]);
}

/// The incident's export alone tells what went out for it, what a trigger found, and that it went back.
fn exported(fleet: &Fleet) {
    let key = fleet.must_json(&["record", "keys"]);
    let file = fleet.place.path("INC-1.json");
    let file = file.to_str().unwrap();
    fleet.must(&["export", "INC-1", "-o", file]);
    fleet.must(&["verify", "--bundle", file, "--vkey", key.trim()]);
    let bundle = std::fs::read_to_string(file).unwrap();
    let parsed: Value = serde_json::from_str(&bundle).unwrap();
    let acts = parsed["acts"].as_array().unwrap().iter();
    let kinds: Vec<String> = acts
        .map(|act| serde_json::from_str::<Value>(act["entry"].as_str().unwrap()).unwrap())
        .map(|entry| entry["kind"].as_str().unwrap().to_owned())
        .filter(|kind| !kind.starts_with("incident."))
        .collect();
    let told = [
        "version.deployed/1",
        "deployment.advanced/1",
        "trigger.fired/1",
        "version.rolled_back/1",
    ];
    assert_eq!(kinds, told, "only what was done for it");
    // What is about something else is not let in.
    let other = bundle.replace(
        "\"incident\":\"INC-1\",\"origin\"",
        "\"incident\":\"INC-2\",\"origin\"",
    );
    assert_ne!(other, bundle);
    std::fs::write(file, other).unwrap();
    let refused = fleet.no(&["verify", "--bundle", file, "--vkey", key.trim()]);
    assert!(refused.contains("was not done for it"), "{refused}");
}

/// What happened can be read from the record, and verified.
fn story(fleet: &Fleet) {
    fleet.must(&["verify"]);
    let history: Value = serde_json::from_str(&fleet.must_json(&["history", "--json"])).unwrap();
    let standings: Vec<&str> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["standing"].as_str().unwrap())
        .collect();
    assert_eq!(standings, ["rolled_back", "rolled_back", "completed"]);
    let fired = &history["items"][1]["fired"];
    assert_eq!(fired["trigger"], "errors");
    assert!(fired["bad"].as_u64().unwrap() > 0, "{fired}");
    let diff = fleet.must(&["versions"]);
    let digits: Vec<&str> = diff
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    let newest = digits
        .iter()
        .filter(|word| word.len() == 12)
        .copied()
        .collect::<Vec<_>>();
    let shown = fleet.must(&["diff", newest[2], newest[0]]);
    assert!(
        shown.contains("- respond") && shown.contains("+ respond"),
        "{shown}"
    );
}

#[test]
fn an_edge_goes_on_without_control_and_starts_without_it() {
    let mut fleet = Fleet::new(&THREE[..1]);
    let said = fleet.deploy("one", 200);
    assert!(said.contains("no edge would serve cart"), "{said}");
    eventually("it runs it", || fleet.answer(0) == "one");
    let control = fleet.known("o-1");
    assert_eq!(
        (&control["standing"], &control["told"]),
        (&"follows".into(), &control["runs"])
    );
    fleet.kill_control();
    assert_eq!(fleet.answer(0), "one");
    fleet.edges[0].process.as_mut().unwrap().kill();
    assert_eq!(fleet.answer(0), "");
    fleet.begin(0);
    eventually("it starts from its own disk", || fleet.answer(0) == "one");
    fleet.begin_control();
    eventually("it is heard of", || {
        fleet.known("o-1")["standing"] == "follows"
    });
    // What lies on its disk is what the version says, whoever changed it.
    let digest = fleet.known("o-1")["runs"].as_str().unwrap().to_owned();
    let laid = format!("o-1/versions/{digest}/edge.toml");
    let text = std::fs::read_to_string(fleet.place.path(&laid)).unwrap();
    fleet
        .place
        .write(&laid, &text.replace("\"one\"", "\"changed\""));
    fleet.edges[0].process.as_mut().unwrap().kill();
    fleet.begin(0);
    eventually("it runs what it was told", || fleet.answer(0) == "one");
    // A version that was kept and is damaged is fetched again.
    fleet.edges[0].process.as_mut().unwrap().kill();
    fleet
        .place
        .write(&format!("o-1/versions/{digest}.json"), "{}");
    fleet.begin(0);
    eventually("it runs what it was told", || fleet.answer(0) == "one");
    // It runs no file.
    let state = fleet.place.path("o-1");
    let file = fleet.place.path("one/edge.toml");
    let output = std::process::Command::new(crate::harness::HEREBY)
        .args(["edge", "--config"])
        .args([&file])
        .arg("--state-dir")
        .arg(&state)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("it runs what the record says, no file"),
        "{said}"
    );
}

#[test]
fn an_edge_follows_the_logs_key_as_far_as_each_vouches_for_the_next() {
    let mut fleet = Fleet::new(&THREE[..1]);
    fleet.deploy("one", 200);
    eventually("it runs it", || fleet.answer(0) == "one");
    let rotate = |fleet: &Fleet| fleet.must(&["record", "rotate", "-m", "it is time"]);
    rotate(&fleet);
    fleet.until("it is complete", |fleet| fleet.standing() == "completed");
    fleet.deploy("two", 200);
    eventually("it believes the new key", || fleet.answer(0) == "two");
    // Twice while it is off; it starts without control, and believes what it kept.
    fleet.edges[0].process.as_mut().unwrap().kill();
    rotate(&fleet);
    rotate(&fleet);
    fleet.begin(0);
    fleet.must(&["rollback", "--no-wait", "-m", "to try another"]);
    fleet.deploy("three", 200);
    eventually("it believes the newest key", || fleet.answer(0) == "three");
    fleet.kill_control();
    fleet.edges[0].process.as_mut().unwrap().kill();
    fleet.begin(0);
    eventually("it starts from its own disk", || fleet.answer(0) == "three");
    fleet.begin_control();
    eventually("it follows", || fleet.known("o-1")["standing"] == "follows");
    // A key that the log never had vouches for nothing.
    fleet.edges[0].process.as_mut().unwrap().kill();
    let path = fleet.place.path("o-1/enrolled.json");
    let kept = std::fs::read_to_string(&path).unwrap();
    let mut enrolled: Value = serde_json::from_str(&kept).unwrap();
    let strangers = record_key_of_a_stranger(enrolled["vkey"].as_str().unwrap());
    enrolled["vkey"] = strangers.into();
    std::fs::write(&path, enrolled.to_string()).unwrap();
    fleet.begin(0);
    eventually("it serves", || fleet.answer(0) == "three");
    let log = || std::fs::read_to_string(fleet.place.path("o-1.log")).unwrap();
    eventually("it says so", || log().contains("nothing new is believed"));
}

#[test]
fn what_of_one_tenant_does_not_fit_any_more_takes_nothing_with_it() {
    let mut fleet = Fleet::new(&THREE[1..2]);
    fleet.deploy("one", 200);
    eventually("it runs it", || fleet.answer(0) == "one");
    fleet.until("it is complete", |fleet| fleet.standing() == "completed");
    // The cart's own names a file of the machine, which is there.
    let ca = rcgen::generate_simple_self_signed(["ca.example".to_owned()]).unwrap();
    let ca = ca.cert.pem();
    fleet.place.write("ca.pem", &ca);
    let file = fleet.place.path("ca.pem");
    let own = format!(
        "[[upstream]]\nname = \"api\"\nservers = [\"127.0.0.1:9\"]\n\
         tls = {{ name = \"ca.example\", ca_file = {file:?} }}\n\
         [[route]]\nname = \"api\"\npath = \"/api/*\"\nto = \"api\"\n\
         [[route]]\nname = \"all\"\nrespond = {{ status = 200, body = \"own\" }}\n"
    );
    fleet.place.write("own/edge.toml", &own);
    let (path, template) = (fleet.place.path("own"), fleet.template());
    let path = path.to_str().unwrap();
    let deploy = |why: &str| {
        let own = ["deploy", path, "--tenant", "cart", "--template", &template];
        fleet.must(&[&own[..], &["-m", why]].concat())
    };
    deploy("own");
    let cart = |fleet: &Fleet| fleet.answer_of("cart.example", 0);
    eventually("its own is served", || cart(&fleet) == "own");
    fleet.must(&["rollback", "--tenant", "cart", "-m", "to see that it goes"]);
    assert_eq!(cart(&fleet), "one's cart");
    let lift = fleet.known("e-1");
    assert_eq!(lift["standing"], "follows", "{lift}");
    let versions = fleet.must_json(&["versions", "--json"]);
    let versions: Value = serde_json::from_str(&versions).unwrap();
    let version = versions["items"][0]["version"].as_str().unwrap();
    fleet.must(&["lease", "lift", version, "-m", "it was a rehearsal"]);
    deploy("again");
    eventually("its own is served", || cart(&fleet) == "own");
    // The file goes. What others are told is done all the same, and the cart runs by the fleet's.
    std::fs::remove_file(&file).unwrap();
    fleet.edges[0].process.as_mut().unwrap().kill();
    fleet.begin(0);
    eventually("it starts without it", || fleet.answer(0) == "one");
    assert_eq!(cart(&fleet), "one's cart");
    eventually("it says so", || {
        let known = fleet.known("e-1");
        let why = known["refused"].as_str().unwrap_or_default();
        known["standing"] == "refuses" && why.contains("ca.pem")
    });
    fleet.must(&["rollback", "--tenant", "cart", "-m", "it does not fit"]);
    eventually("it follows again", || {
        fleet.known("e-1")["standing"] == "follows"
    });
    fleet.deploy("two", 200);
    eventually("the fleet's goes on", || fleet.answer(0) == "two");
    assert_eq!(cart(&fleet), "two's cart");
}

/// Another key with the same name.
fn record_key_of_a_stranger(vkey: &str) -> String {
    let name = vkey.split('+').next().unwrap();
    let key = record::note::SignerKey::from_seed(name, record::note::Algorithm::Ed25519, [7; 32]);
    key.unwrap().verifier().to_string()
}

#[test]
fn what_an_edge_cannot_run_it_does_not_take_and_says_so() {
    let fleet = Fleet::new(&THREE[..1]);
    fleet.deploy("one", 200);
    eventually("it runs it", || fleet.answer(0) == "one");
    fleet.until("it is complete", |fleet| fleet.standing() == "completed");
    let missing = "[[certificate]]\nchain_file = \"/nowhere.crt\"\nkey_file = \"/nowhere.key\"\n";
    let path = fleet.version("two", 200, missing);
    let text = std::fs::read_to_string(format!("{path}/edge.toml")).unwrap();
    std::fs::write(
        format!("{path}/edge.toml"),
        text.replace(":8080\"\n", ":8080\"\ntls = true\n"),
    )
    .unwrap();
    fleet.must(&[
        "deploy",
        &path,
        "--template",
        &fleet.template(),
        "-m",
        "two",
    ]);
    eventually("it refuses", || fleet.known("o-1")["standing"] == "refuses");
    let why = fleet.known("o-1")["refused"].as_str().unwrap().to_owned();
    assert!(why.contains("/nowhere.crt"), "{why}");
    assert_eq!(fleet.answer(0), "one");
    let shown = fleet.must(&["fleet"]);
    assert!(
        shown.contains("refuses") && shown.contains("/nowhere.crt"),
        "{shown}"
    );
}

#[test]
fn what_holds_at_once_reaches_enrolled_edges_and_a_successor_goes_on_asking() {
    let fleet = Fleet::new(&THREE[..1]);
    let path = fleet.version("one", 200, "");
    let text = std::fs::read_to_string(format!("{path}/edge.toml")).unwrap();
    std::fs::write(
        format!("{path}/edge.toml"),
        format!("trusted = [\"127.0.0.1\"]\n{text}"),
    )
    .unwrap();
    fleet.must(&[
        "deploy",
        &path,
        "--template",
        &fleet.template(),
        "-m",
        "one",
    ]);
    eventually("it runs it", || fleet.answer(0) == "one");
    let url = format!("http://127.0.0.1:{}/", fleet.edges[0].port);
    let status = || crate::harness::curl_status(&["-H", "X-Forwarded-For: 192.0.2.7", &url]);
    assert_eq!(status(), 200);
    fleet.must(&[
        "ban",
        "192.0.2.0/24",
        "--for",
        "1h",
        "-m",
        "it tries passwords",
    ]);
    let begun = Instant::now();
    eventually("it is banned", || status() == 403);
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    // After an upgrade the new process is told, and the old one asks no more.
    let state = fleet.place.path("o-1");
    let state = state.to_str().unwrap();
    fleet.must(&["edge", "upgrade", "--state-dir", state]);
    assert_eq!(status(), 403);
    fleet.until("it is complete", |fleet| fleet.standing() == "completed");
    fleet.deploy("two", 200);
    eventually("the new process follows", || fleet.answer(0) == "two");
    let pid = fleet.must_json(&["edge", "top", "--once", "--json", "--state-dir", state]);
    let pid: Value = serde_json::from_str(&pid).unwrap();
    assert_eq!(pid["recorded"], true);
    signal_to(
        u32::try_from(pid["pid"].as_u64().unwrap()).unwrap(),
        "-TERM",
    );
}

#[test]
fn a_version_that_only_a_successor_can_serve_is_served_by_one() {
    let fleet = Fleet::new(&THREE[..1]);
    fleet.deploy("one", 200);
    eventually("it runs it", || fleet.answer(0) == "one");
    fleet.until("it is complete", |fleet| fleet.standing() == "completed");
    let path = fleet.version("two", 200, "");
    let text = std::fs::read_to_string(format!("{path}/edge.toml")).unwrap();
    std::fs::write(format!("{path}/edge.toml"), format!("workers = 1\n{text}")).unwrap();
    fleet.must(&[
        "deploy",
        &path,
        "--template",
        &fleet.template(),
        "-m",
        "two",
    ]);
    let begun = Instant::now();
    while fleet.answer(0) != "two" {
        assert_ne!(fleet.answer(0), "", "somebody always answers");
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    eventually("control knows it", || {
        fleet.known("o-1")["standing"] == "follows"
    });
    let state = fleet.place.path("o-1");
    let state = state.to_str().unwrap();
    let status = fleet.must_json(&["edge", "top", "--once", "--json", "--state-dir", state]);
    let status: Value = serde_json::from_str(&status).unwrap();
    let pid = u32::try_from(status["pid"].as_u64().unwrap()).unwrap();
    assert_ne!(
        Some(pid),
        fleet.edges[0]
            .process
            .as_ref()
            .map(crate::harness::Process::id)
    );
    signal_to(pid, "-TERM");
}

/// Control dies with its disk, after edges have seen what is in no backup; the backup is put back.
fn loses_its_disk(fleet: &mut Fleet) {
    fleet.deploy("one", 200);
    eventually("it runs it", || fleet.answer(0) == "one");
    fleet.until("it is complete", |fleet| fleet.standing() == "completed");
    let path = |name: &str| fleet.place.path(name).to_str().unwrap().to_owned();
    let (backup, keys) = (path("backup"), path("backup-keys"));
    fleet.must(&["backup", &backup, "--keys", &keys]);
    // What edges have seen since is in no backup.
    fleet.deploy("two", 200);
    eventually("it runs the next", || fleet.answer(0) == "two");
    fleet.kill_control();
    let settings = std::fs::read_to_string(fleet.data.join("hereby.toml")).unwrap();
    std::fs::remove_dir_all(&fleet.data).unwrap();
    assert_eq!(fleet.answer(0), "two");
    std::fs::create_dir_all(&fleet.data).unwrap();
    std::fs::set_permissions(
        &fleet.data,
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )
    .unwrap();
    std::fs::write(fleet.data.join("hereby.toml"), settings).unwrap();
    let data = fleet.data.to_str().unwrap().to_owned();
    let restore = ["restore", &backup, "--keys", &keys, "--to", &data];
    let output = std::process::Command::new(crate::harness::HEREBY)
        .args(restore)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn edges_serve_when_control_and_its_disk_are_gone_and_follow_what_was_restored_once_enrolled_anew()
{
    let mut fleet = Fleet::new(&THREE[..1]);
    loses_its_disk(&mut fleet);
    fleet.must(&["record", "accept-anchor", "-m", "the disk died"]);
    fleet.begin_control();
    // It is another record than the one that was seen: the edge does not believe it, and serves.
    let log = || std::fs::read_to_string(fleet.place.path("o-1.log")).unwrap();
    eventually("it says so", || {
        log().contains("what control says is not believed, what runs goes on")
    });
    assert_eq!(fleet.answer(0), "two");
    fleet.must(&["verify"]);
    fleet.enroll_anew(0, "office");
    fleet.edges[0].process.as_mut().unwrap().kill();
    fleet.begin(0);
    eventually("it follows what was restored", || fleet.answer(0) == "one");
    eventually("control hears of it", || {
        fleet.known("o-1")["standing"] == "follows"
    });
    fleet.deploy("three", 200);
    eventually("it runs the next", || fleet.answer(0) == "three");
}

#[test]
fn edges_follow_what_was_restored_into_another_epoch_by_the_root_keys_word_alone() {
    let mut fleet = Fleet::new(&THREE[..1]);
    fleet.must(&["key", "new", "root"]);
    fleet.must(&["succession", "trust", "root", "-m", "the first root key"]);
    let first = fleet.must(&["record", "keys"]);
    let first = first.lines().next().unwrap().to_owned();
    loses_its_disk(&mut fleet);
    let path = |name: &str| fleet.place.path(name).to_str().unwrap().to_owned();
    let (request, note) = (path("request"), path("note"));
    // What the edge saw names what is lost.
    let seen = fleet.place.path("o-1").join("checkpoint");
    let seen = seen.to_str().unwrap().to_owned();
    fleet.must(&[
        "succession",
        "request",
        "--seen",
        &seen,
        "--output",
        &request,
    ]);
    let wanted = std::fs::read_to_string(&request).unwrap();
    assert!(wanted.contains("\"gap\""), "{wanted}");
    fleet.must(&[
        "succession",
        "sign",
        "root",
        &request,
        "--output",
        &note,
        "-m",
        "the disk died",
    ]);
    // Nobody else's word begins it.
    fleet.must(&["key", "new", "other"]);
    let by_another = path("by-another");
    fleet.must(&[
        "succession",
        "sign",
        "other",
        &request,
        "--output",
        &by_another,
        "-m",
        "mine now",
    ]);
    let refused = fleet.no(&["succession", "begin", &by_another]);
    assert!(refused.contains("the note is not believed"), "{refused}");
    fleet.must(&["succession", "begin", &note]);
    fleet.begin_control();
    eventually("it follows what was restored", || fleet.answer(0) == "one");
    eventually("control hears of it", || {
        fleet.known("o-1")["standing"] == "follows"
    });
    let log = std::fs::read_to_string(fleet.place.path("o-1.log")).unwrap();
    assert!(
        log.contains("another epoch, by the root key's word"),
        "{log}"
    );
    // It is the same after a start, and after the log's key was changed in that epoch.
    fleet.must(&["record", "rotate"]);
    fleet.edges[0].process.as_mut().unwrap().kill();
    fleet.begin(0);
    fleet.deploy("three", 200);
    eventually("it runs the next", || fleet.answer(0) == "three");
    // One that enrolls in this epoch learns which it is, and whose word is believed by now: the first was lost.
    fleet.must(&["key", "new", "second"]);
    let no = fleet.no(&["succession", "trust", "second", "-m", "the first is lost"]);
    assert!(no.contains("another root key is believed"), "{no}");
    fleet.must(&[
        "succession",
        "trust",
        "second",
        "--lost",
        "-m",
        "the first is lost",
    ]);
    let trust = || {
        let text = std::fs::read_to_string(fleet.place.path("o-1").join("trust.json"));
        serde_json::from_str::<Value>(&text.unwrap()).unwrap()
    };
    let of = |vkey: &Value| vkey.as_str().unwrap().split('+').next().unwrap().to_owned();
    assert_eq!(
        (of(&trust()["root"]), &trust()["epoch"]),
        ("root".to_owned(), &2.into())
    );
    fleet.enroll_anew(0, "office");
    let process = fleet.edges[0].process.as_mut().unwrap();
    process.kill();
    fleet.begin(0);
    let trust = || {
        let text = std::fs::read_to_string(fleet.place.path("o-1").join("trust.json"));
        serde_json::from_str::<Value>(&text.unwrap_or_default()).unwrap_or_default()
    };
    eventually("it knows epoch and root key", || {
        trust()["epoch"] == 2
            && trust()["root"]
                .as_str()
                .is_some_and(|it| it.starts_with("second+"))
    });
    eventually("it follows", || fleet.known("o-1")["standing"] == "follows");
    let said = fleet.must(&["verify", "--vkey", &first]);
    assert!(said.contains("epoch 2 began behind"), "{said}");
    assert!(said.contains("which are lost (the disk died)"), "{said}");
    let keys = fleet.must(&["record", "keys"]);
    assert_eq!(
        keys.lines().filter(|line| line.contains('+')).count(),
        3,
        "{keys}"
    );
}
