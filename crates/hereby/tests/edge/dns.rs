//! The plan for the day the edge's own provider fails: a name is led elsewhere, in a zone that a real
//! BIND serves.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use crate::failover_peers::Dial;
use crate::harness::{HEREBY, Place, Process, eventually, free_port, wait_for};

/// Never in what anybody sees.
const SECRET: &str = "c2VjcmV0LW9mLXRoZS10ZXN0LXpvbmUtMDEyMzQ1Njc=";
const OTHER: &str = "YW5vdGhlci1zZWNyZXQtdGhhdC1uYW1lZC1oYXMtbm90LTA=";

const WAIT: Duration = Duration::from_millis(2_000);
const HOLD: Duration = Duration::from_millis(1_500);

fn key(secret: &str) -> String {
    format!("key \"hereby\" {{ algorithm hmac-sha256; secret \"{secret}\"; }};\n")
}

/// A zone, and who could serve it.
struct World {
    place: Place,
    named: Process,
    port: u16,
    primary: Dial,
    secondary: Dial,
}

impl World {
    fn new() -> World {
        let place = Place::new();
        let port = free_port();
        let at = place.dir.path().display().to_string();
        place.write("key", &key(SECRET));
        place.write(
            "zone",
            "$TTL 60\n@ SOA ns.shop.test. ops.shop.test. 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1\n\
             www A 192.0.2.1\nother CNAME www\n",
        );
        let conf = place.write(
            "named.conf",
            &format!(
                "options {{ directory \"{at}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
                 pid-file \"{at}/named.pid\"; session-keyfile \"{at}/session.key\"; lock-file none;\n\
                 managed-keys-directory \"{at}\"; recursion no; dnssec-validation no; notify no; }};\n\
                 controls {{ }};\n{}\
                 zone \"shop.test\" {{ type primary; file \"{at}/zone\"; update-policy {{ grant hereby zonesub ANY; }}; }};\n",
                key(SECRET)
            ),
        );
        let log = std::fs::File::create(place.path("named.log")).unwrap();
        let named = Process::start(
            Command::new("named")
                .args(["-g", "-n", "1", "-c"])
                .arg(conf)
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log),
        );
        wait_for(port);
        let world = World {
            place,
            named,
            port,
            primary: Dial::new(),
            secondary: Dial::new(),
        };
        eventually("the zone is loaded", || world.resolves_to("192.0.2.1"));
        world
    }

    /// A plan that asks this server, with this key.
    fn plan(&self, server: u16, key: &str) -> PathBuf {
        self.place.write(
            "plan.toml",
            &format!(
                "every_ms = 200\ntimeout_ms = 1000\nunhealthy_after = 2\nhealthy_after = 1\n\
                 wait_ms = {}\nhold_ms = {}\noverride_file = \"override\"\n\
                 [dns]\nserver = \"127.0.0.1:{server}\"\nzone = \"shop.test\"\nname = \"www.shop.test\"\n\
                 ttl_s = 30\nkey_file = \"{key}\"\n\
                 [[tier]]\nname = \"primary\"\nprobes = [\"http://127.0.0.1:{}/\"]\naddresses = [\"192.0.2.1\"]\n\
                 [[tier]]\nname = \"secondary\"\nprobes = [\"http://127.0.0.1:{}/\"]\n\
                 addresses = [\"192.0.2.2\", \"2001:db8::2\"]\n",
                WAIT.as_millis(),
                HOLD.as_millis(),
                self.primary.port,
                self.secondary.port
            ),
        )
    }

    fn dig(&self, kind: &str) -> Vec<String> {
        let output = Command::new("dig")
            .args([
                "+short",
                "+norecurse",
                "-p",
                &self.port.to_string(),
                "@127.0.0.1",
            ])
            .args(["www.shop.test", kind])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        said.lines().map(str::to_owned).collect()
    }

    fn resolves_to(&self, address: &str) -> bool {
        self.dig("A") == [address]
    }

    fn start(&self, plan: &PathBuf, more: &[&str]) -> Watcher {
        let file = self.place.path("plan.log");
        let log = std::fs::File::create(&file).unwrap();
        let process = Process::start(
            Command::new(HEREBY)
                .args(["edge", "failover-plan"])
                .arg(plan)
                .args(more)
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log),
        );
        Watcher { process, file }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.named.kill();
    }
}

/// A plan that is watched over.
struct Watcher {
    process: Process,
    file: PathBuf,
}

impl Watcher {
    fn said(&self) -> String {
        std::fs::read_to_string(&self.file).unwrap()
    }

    fn until(&self, words: &str) {
        let begun = Instant::now();
        while !self.said().contains(words) {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "{words}: {}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops it; it must end well, and have kept the key for itself.
    fn stop(mut self) -> String {
        self.process.signal("-TERM");
        assert_eq!(
            self.process.child.wait().unwrap().code(),
            Some(0),
            "{}",
            self.said()
        );
        let said = self.said();
        assert!(!said.contains(SECRET) && !said.contains(OTHER), "{said}");
        said
    }
}

#[test]
fn the_name_leads_to_the_secondary_after_the_wait_and_back_after_the_hold() {
    let world = World::new();
    let watcher = world.start(&world.plan(world.port, "key"), &[]);
    watcher.until("www.shop.test leads to primary");
    world.primary.says(503);
    let begun = Instant::now();
    watcher.until("fails over from primary to secondary in");
    loop {
        let now = world.dig("A");
        if now == ["192.0.2.2"] {
            break;
        }
        assert_eq!(now, ["192.0.2.1"]);
        assert!(
            begun.elapsed() < WAIT + Duration::from_secs(10),
            "{}",
            watcher.said()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(begun.elapsed() >= WAIT, "{:?}", begun.elapsed());
    assert_eq!(world.dig("AAAA"), ["2001:db8::2"]);
    watcher.until("www.shop.test leads to secondary now: 192.0.2.2, 2001:db8::2");

    // It flaps: nothing happens for that.
    for _ in 0..3 {
        world.primary.says(200);
        std::thread::sleep(HOLD / 2);
        world.primary.says(503);
        // Long enough to be seen: two probes in a row.
        std::thread::sleep(Duration::from_millis(1_500));
        assert!(world.resolves_to("192.0.2.2"), "{}", watcher.said());
    }
    world.primary.says(200);
    let begun = Instant::now();
    eventually("it leads back", || world.resolves_to("192.0.2.1"));
    assert!(begun.elapsed() >= HOLD, "{:?}", begun.elapsed());
    assert!(world.dig("AAAA").is_empty());
    watcher.until("www.shop.test leads to primary now: 192.0.2.1");
    let said = watcher.stop();
    assert_eq!(said.matches("serves instead of").count(), 2, "{said}");
}

#[test]
fn a_dry_run_shows_the_update_and_sends_nothing() {
    let world = World::new();
    world.primary.says(0);
    let watcher = world.start(&world.plan(world.port, "key"), &["--dry-run"]);
    watcher.until("this is what would be sent:");
    let said = watcher.said();
    for line in [
        "prereq yxrrset www.shop.test A 192.0.2.1",
        "prereq nxrrset www.shop.test AAAA",
        "update add www.shop.test 30 A 192.0.2.2",
        "update add www.shop.test 30 AAAA 2001:db8::2",
    ] {
        assert!(said.contains(line), "{line} is not in {said}");
    }
    std::thread::sleep(Duration::from_millis(500));
    assert!(world.resolves_to("192.0.2.1"));
    watcher.stop();
}

#[test]
fn for_programs_each_step_is_a_document() {
    let world = World::new();
    let watcher = world.start(&world.plan(world.port, "key"), &["--json"]);
    watcher.until("begins");
    world.primary.says(503);
    watcher.until("updated");
    let said = watcher.stop();
    let steps: Vec<serde_json::Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let events: Vec<&str> = steps
        .iter()
        .map(|step| step["event"].as_str().unwrap())
        .collect();
    assert_eq!(events, ["begins", "plans", "changes", "updated"], "{said}");
    for step in &steps {
        assert_eq!(step["record"], "www.shop.test", "{step}");
        assert_eq!(step["v"], 1, "{step}");
    }
    assert_eq!(steps[0]["serving"], "primary", "{said}");
    assert_eq!(steps[3]["serving"], "secondary", "{said}");
}

#[test]
fn a_person_may_say_now_and_why_or_put_it_into_a_file() {
    let world = World::new();
    let plan = world.plan(world.port, "key");
    let begun = Instant::now();
    let watcher = world.start(&plan, &["--now", "the provider says hours", "--for", "3s"]);
    eventually("at once", || world.resolves_to("192.0.2.2"));
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    watcher.until("the provider says hours");
    eventually("it ends by itself", || world.resolves_to("192.0.2.1"));
    assert!(begun.elapsed() >= Duration::from_secs(3) + HOLD);

    world.place.write("override", "1 an exercise\n");
    eventually("the file is heard", || world.resolves_to("192.0.2.2"));
    watcher.until("an exercise");
    std::fs::remove_file(world.place.path("override")).unwrap();
    eventually("as planned again", || world.resolves_to("192.0.2.1"));
    world.place.write("override", "two, please\n");
    watcher.until("should say a tier, 0 to 1, and why");
    assert!(world.resolves_to("192.0.2.1"));
    watcher.stop();
}

#[test]
fn a_record_that_nobody_here_knows_is_left_alone() {
    let world = World::new();
    let script = format!(
        "server 127.0.0.1 {}\nzone shop.test\nupdate delete www.shop.test A\nupdate add www.shop.test 60 A 192.0.2.77\nsend\n",
        world.port
    );
    let change = |script: &str| {
        let mut nsupdate = Command::new("nsupdate")
            .arg("-k")
            .arg(world.place.path("key"))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        nsupdate
            .stdin
            .take()
            .unwrap()
            .write_all(script.as_bytes())
            .unwrap();
        assert!(nsupdate.wait().unwrap().success());
    };
    // While it is watched: nothing is done, and that is said.
    let watcher = world.start(&world.plan(world.port, "key"), &[]);
    watcher.until("leads to primary");
    change(&script);
    watcher.until("nothing is done: the record is no tier's: 192.0.2.77");
    world.primary.says(503);
    watcher.until("secondary serves instead of primary");
    std::thread::sleep(Duration::from_millis(500));
    assert!(world.resolves_to("192.0.2.77"));
    watcher.stop();
    // From the beginning: it does not begin.
    let mut watcher = world.start(&world.plan(world.port, "key"), &[]);
    assert_eq!(
        watcher.process.child.wait().unwrap().code(),
        Some(3),
        "{}",
        watcher.said()
    );
}

#[test]
fn with_another_key_or_without_a_server_it_does_not_begin() {
    let world = World::new();
    world.place.write("wrong", &key(OTHER));
    let mut watcher = world.start(&world.plan(world.port, "wrong"), &[]);
    assert_eq!(
        watcher.process.child.wait().unwrap().code(),
        Some(6),
        "{}",
        watcher.said()
    );
    assert!(!watcher.said().contains(OTHER));
    let mut watcher = world.start(&world.plan(free_port(), "key"), &[]);
    assert_eq!(
        watcher.process.child.wait().unwrap().code(),
        Some(6),
        "{}",
        watcher.said()
    );
    assert!(
        watcher.said().contains("can't be read"),
        "{}",
        watcher.said()
    );
}

/// Between hereby and BIND: what is sent arrives, and no update's answer comes back while that is said.
fn swallowing(behind: u16, swallow: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let swallow = swallow.clone();
            std::thread::spawn(move || {
                // Who goes away ends it.
                let _ = pass(client, behind, &swallow);
            });
        }
    });
    port
}

fn pass(mut client: TcpStream, behind: u16, swallow: &AtomicBool) -> std::io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", behind))?;
    let message = |from: &mut TcpStream| {
        let mut length = [0; 2];
        from.read_exact(&mut length)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        from.read_exact(&mut message)?;
        Ok::<_, std::io::Error>([length.to_vec(), message].concat())
    };
    loop {
        let asked = message(&mut client)?;
        server.write_all(&asked)?;
        let answer = message(&mut server)?;
        // The opcode of an update is 5 (RFC 2136, 1.3).
        let update = (asked[4] >> 3) & 15 == 5;
        if update && swallow.load(SeqCst) {
            // Held open: nobody is told anything.
            std::thread::sleep(Duration::from_secs(30));
        }
        client.write_all(&answer)?;
    }
}

#[test]
fn an_update_that_gets_no_answer_is_read_back_and_not_assumed() {
    let world = World::new();
    let proxy = swallowing(world.port, Arc::new(AtomicBool::new(true)));
    let watcher = world.start(&world.plan(proxy, "key"), &["--now", "an exercise"]);
    watcher.until("read back; the update itself got no answer");
    assert!(world.resolves_to("192.0.2.2"));
    assert_eq!(watcher.stop().matches("leads to secondary now").count(), 1);
}

#[test]
fn a_server_that_goes_away_is_waited_for_and_then_told() {
    let mut world = World::new();
    let watcher = world.start(&world.plan(world.port, "key"), &[]);
    watcher.until("leads to primary");
    world.named.signal("-TERM");
    world.named.child.wait().unwrap();
    world.primary.says(503);
    watcher.until("nothing is done: ");
    watcher.until("secondary serves instead of primary");
    let conf = world.place.path("named.conf");
    world.named = Process::start(
        Command::new("named")
            .args(["-g", "-n", "1", "-c"])
            .arg(conf)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    );
    eventually("it catches up", || world.resolves_to("192.0.2.2"));
    watcher.stop();
}
