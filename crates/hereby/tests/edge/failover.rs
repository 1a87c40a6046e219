//! The morning of 8 June 2021 at GOV.UK: a primary that dies, a secondary, a mirror; waits that are
//! kept, words that override them, and servers that are left out.
//!
//! A minute of the plan is 150 milliseconds here.

use std::time::{Duration, Instant};

use crate::failover_peers::{Dial, Seen, see, site};
use crate::harness::{Edge, Place, Process, curl_status, eventually, free_port};

/// Fifteen minutes.
const WAIT: Duration = Duration::from_millis(2_250);
/// Ten minutes.
const HOLD: Duration = Duration::from_millis(1_500);
/// What probes and looks may take in addition, on a busy machine.
const SLACK: Duration = Duration::from_secs(4);

/// A primary, a secondary and a mirror.
struct GovUk {
    place: Place,
    primary: u16,
    secondary: u16,
    url: String,
}

impl GovUk {
    /// Both are up before the edge looks: who was down a moment ago is not trusted at once.
    fn new() -> (GovUk, Edge, Process, Process) {
        let place = Place::new();
        let (port, primary, secondary) = (free_port(), free_port(), free_port());
        place.write("mirror/index.html", "mirror");
        let upstream = |name: &str, port: u16| {
            format!(
                "[[upstream]]\nname = \"{name}\"\nservers = [\"127.0.0.1:{port}\"]\n\
                 [upstream.health]\npath = \"/\"\nevery_ms = 200\ntimeout_ms = 200\nhealthy_after = 1\nunhealthy_after = 1\n"
            )
        };
        let (first, second) = (upstream("first", primary), upstream("second", secondary));
        place.write(
            "edge.toml",
            &format!(
                "[[listen]]\naddress = \"127.0.0.1:{port}\"\n{first}{second}\
                 [[route]]\nname = \"site\"\nto = [\"first\", \"second\"]\n\
                 mirror = {{ directory = \"mirror\", index = \"index.html\" }}\n\
                 [route.failover]\nwait_ms = {}\nhold_ms = {}\n",
                WAIT.as_millis(),
                HOLD.as_millis()
            ),
        );
        let gov_uk = GovUk {
            place,
            primary,
            secondary,
            url: format!("http://127.0.0.1:{port}/"),
        };
        let (first, second) = (gov_uk.primary(), gov_uk.secondary());
        let edge = Edge::start(&gov_uk.place, port);
        (gov_uk, edge, first, second)
    }

    fn primary(&self) -> Process {
        site(&self.place, "primary", self.primary)
    }

    fn secondary(&self) -> Process {
        site(&self.place, "secondary", self.secondary)
    }

    fn see(&self) -> Seen {
        see(&self.url)
    }

    fn serving(&self) -> u64 {
        self.place.status()["routes"][0]["serving"]
            .as_u64()
            .unwrap()
    }

    fn plan(&self) -> String {
        let output = self.place.ask(&["top", "--once"]);
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    }

    /// Waits until that one answers, and wants it to have taken so long, and until then nothing
    /// but what is said in `meanwhile`.
    fn until(&self, who: &str, least: Duration, meanwhile: impl Fn(&Seen) -> bool) {
        let begun = Instant::now();
        loop {
            let seen = self.see();
            if seen.body == who {
                break;
            }
            assert!(meanwhile(&seen), "before {who}: {seen:?}");
            assert!(begun.elapsed() < least + SLACK, "{who} never answers");
            std::thread::sleep(Duration::from_millis(30));
        }
        let took = begun.elapsed();
        // What the edge notices it notices a little before it is looked at here.
        assert!(
            took + Duration::from_millis(100) >= least,
            "{who} after {took:?}"
        );
    }
}

fn is(who: &str) -> impl Fn(&Seen) -> bool {
    let who = who.to_owned();
    move |seen| seen.body == who
}

fn broken(seen: &Seen) -> bool {
    matches!(seen.status, 502 | 503)
}

#[test]
fn govuk_2021_it_waits_fails_over_twice_says_so_and_goes_back_after_the_hold() {
    let (gov_uk, _edge, mut primary, mut secondary) = GovUk::new();
    eventually("the primary serves", || gov_uk.see().body == "primary");
    assert_eq!(gov_uk.see().posture, None);
    eventually("all is well", || {
        gov_uk
            .plan()
            .contains("primary serves, and nothing is to change")
    });

    // 09:47. Nothing happens for fifteen minutes, and it is said what will.
    primary.kill();
    gov_uk.until("secondary", WAIT, |seen| {
        seen.body == "primary" || broken(seen)
    });
    assert_eq!(gov_uk.see().posture.as_deref(), Some("degraded"));
    let plan = gov_uk.plan();
    assert!(
        plan.contains("secondary goes on serving until a better one comes back"),
        "{plan}"
    );
    assert!(plan.contains("degraded"), "{plan}");

    // That one as well.
    secondary.kill();
    eventually("it is said what will happen", || {
        gov_uk
            .plan()
            .contains("fails over from secondary to mirror in")
    });
    gov_uk.until(
        "mirror",
        WAIT.saturating_sub(Duration::from_millis(900)),
        broken,
    );
    assert_eq!(gov_uk.see().posture.as_deref(), Some("degraded"));

    // And back, one after the other, each after its hold.
    let _secondary = gov_uk.secondary();
    gov_uk.until("secondary", HOLD, is("mirror"));
    let _primary = gov_uk.primary();
    gov_uk.until("primary", HOLD, is("secondary"));
    assert_eq!(gov_uk.see().posture, None);
}

#[test]
fn a_primary_that_flaps_makes_nothing_else_flap() {
    let (gov_uk, _edge, mut primary, _secondary) = GovUk::new();
    eventually("the primary serves", || gov_uk.see().body == "primary");
    let mut changes = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(10) {
        primary.kill();
        std::thread::sleep(Duration::from_millis(700));
        primary = gov_uk.primary();
        // Less than a hold.
        std::thread::sleep(Duration::from_millis(400));
        let serving = gov_uk.serving();
        if changes.last() != Some(&serving) {
            changes.push(serving);
        }
    }
    assert_eq!(changes, [0, 1], "it fails over once, for all that time");
    gov_uk.until("primary", Duration::ZERO, is("secondary"));
}

#[test]
fn a_person_fails_over_early_with_a_reason_and_it_ends_by_itself() {
    let (gov_uk, _edge, _primary, _secondary) = GovUk::new();
    eventually("the primary serves", || gov_uk.see().body == "primary");
    let ask = |args: &[&str]| {
        let output = gov_uk.place.ask(args);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), format!("{said}{error}"))
    };
    let (code, said) = ask(&[
        "failover",
        "site",
        "--to",
        "1",
        "--for",
        "2s",
        "-m",
        "its disk is full",
    ]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("secondary serves instead of primary"),
        "{said}"
    );
    let begun = Instant::now();
    assert_eq!(gov_uk.see().body, "secondary", "at once");
    let plan = gov_uk.plan();
    assert!(plan.contains("the override to secondary ends in"), "{plan}");
    let least = Duration::from_secs(2) + HOLD;
    gov_uk.until("primary", least - begun.elapsed(), is("secondary"));

    // Ended early, the hold is kept all the same.
    assert_eq!(
        ask(&["failover", "site", "--to", "2", "-m", "an exercise"]).0,
        Some(0)
    );
    assert_eq!(gov_uk.see().body, "mirror");
    assert_eq!(
        ask(&["failover", "site", "--to", "auto", "-m", "over"]).0,
        Some(0)
    );
    gov_uk.until("primary", HOLD, |seen| seen.body != "primary");

    for (args, why) in [
        (
            ["failover", "nothing", "--to", "1", "-m", "why"],
            "there is no route",
        ),
        (
            ["failover", "site", "--to", "7", "-m", "why"],
            "there are 3 tiers",
        ),
    ] {
        let (code, said) = ask(&args);
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains(why), "{said}");
    }
    let (code, said) = ask(&["failover", "site", "--to", "1"]);
    assert_eq!(code, Some(2), "without a reason: {said}");
    assert_eq!(gov_uk.see().body, "primary");
}

/// One upstream of these servers, or more text for it.
fn one(place: &Place, port: u16, dials: &[&Dial], more: &str) -> Edge {
    let servers: Vec<String> = dials
        .iter()
        .map(|dial| format!("\"127.0.0.1:{}\"", dial.port))
        .collect();
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [[upstream]]\nname = \"one\"\nservers = [{}]\n{more}\
             [[route]]\nname = \"all\"\nto = \"one\"\n[route.retry]\nattempts_max = 1\n",
            servers.join(", ")
        ),
    );
    Edge::start(place, port)
}

#[test]
fn a_primary_that_nobody_asks_is_not_taken_to_be_well_again() {
    // It has no health check: that it is dead is known from requests alone, and those go elsewhere
    // once another serves.
    let place = Place::new();
    let (port, dead, alive) = (free_port(), free_port(), free_port());
    let _secondary = site(&place, "secondary", alive);
    place.write(
        "edge.toml",
        &format!(
            "[[listen]]\naddress = \"127.0.0.1:{port}\"\n\
             [[upstream]]\nname = \"first\"\nservers = [\"127.0.0.1:{dead}\"]\n\
             [upstream.breaker]\nrequests_min = 2\nopen_ms = 300\n\
             [[upstream]]\nname = \"second\"\nservers = [\"127.0.0.1:{alive}\"]\n\
             [[route]]\nname = \"site\"\nto = [\"first\", \"second\"]\n\
             [route.failover]\nwait_ms = 1000\nhold_ms = 1000\n"
        ),
    );
    let _edge = Edge::start(&place, port);
    let url = format!("http://127.0.0.1:{port}/");
    eventually("the secondary serves", || see(&url).body == "secondary");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        assert_eq!(see(&url).body, "secondary", "after {:?}", begun.elapsed());
        std::thread::sleep(Duration::from_millis(50));
    }
    let _primary = site(&place, "primary", dead);
    let begun = Instant::now();
    eventually("it is found to be well", || see(&url).body == "primary");
    assert!(
        begun.elapsed() >= Duration::from_millis(900),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_breaker_opens_lets_a_few_try_and_closes_when_they_are_answered_well() {
    let place = Place::new();
    let (port, dial) = (free_port(), Dial::new());
    let breaker = "[upstream.outlier]\nfailures = 0\n\
        [upstream.breaker]\nrequests_min = 5\nwindow_ms = 10000\nopen_ms = 1000\nprobes = 2\n";
    let _edge = one(&place, port, &[&dial], breaker);
    let url = format!("http://127.0.0.1:{port}/");
    let state = || {
        place.status()["upstreams"][0]["breaker"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(curl_status(&[&url]), 200);
    assert_eq!(state(), "closed");
    dial.says(503);
    let mut failures = 0;
    eventually("it opens", || {
        assert_eq!(curl_status(&[&url]), 503);
        failures += 1;
        state() == "open"
    });
    assert_eq!(failures, 4, "of five requests one went well");
    let asked = dial.asked();
    let refused = see(&url);
    assert!(refused.body.contains("breaker_open"), "{refused:?}");
    assert_eq!(dial.asked(), asked, "it is spared");

    // Still ill: one try, and it is open again.
    eventually("a few may try", || state() == "half_open");
    assert_eq!(curl_status(&[&url]), 503);
    assert_eq!(dial.asked(), asked + 1);
    assert_eq!(state(), "open");

    dial.says(200);
    eventually("a few may try", || state() == "half_open");
    assert_eq!(curl_status(&[&url]), 200);
    assert_eq!(state(), "half_open");
    assert_eq!(curl_status(&[&url]), 200);
    assert_eq!(state(), "closed");
}

#[test]
fn one_of_three_servers_that_fails_is_left_out_for_a_while() {
    let place = Place::new();
    let (port, dials) = (free_port(), [Dial::new(), Dial::new(), Dial::new()]);
    let outlier = "[upstream.outlier]\nfailures = 3\neject_ms = 2000\n\
        [upstream.breaker]\nerrors_ppm = 0\n";
    let _edge = one(&place, port, &[&dials[0], &dials[1], &dials[2]], outlier);
    let url = format!("http://127.0.0.1:{port}/");
    dials[1].says(503);
    let failed = (0..30).filter(|_| curl_status(&[&url]) != 200).count();
    assert_eq!(failed, 3, "three failures in a row, and no more");
    assert_eq!(
        place.status()["upstreams"][0]["servers"][1]["condition"],
        "ejected"
    );
    dials[1].says(200);
    let asked = dials[1].asked();
    assert_eq!(asked, 3);
    eventually("it is asked again", || {
        assert_eq!(curl_status(&[&url]), 200);
        dials[1].asked() > asked
    });
}

#[test]
fn a_server_whose_probe_fails_is_not_asked_though_its_answers_are_good() {
    let place = Place::new();
    let (port, dials) = (free_port(), [Dial::new(), Dial::new()]);
    let health = "[upstream.health]\npath = \"/healthz\"\nevery_ms = 200\ntimeout_ms = 200\n\
        healthy_after = 2\nunhealthy_after = 2\n";
    let _edge = one(&place, port, &[&dials[0], &dials[1]], health);
    let url = format!("http://127.0.0.1:{port}/");
    let condition = |place: &Place| {
        let status = place.status();
        let condition = &status["upstreams"][0]["servers"][0]["condition"];
        condition.as_str().unwrap().to_owned()
    };
    eventually("it is well", || condition(&place) == "healthy");
    dials[0]
        .health
        .store(500, std::sync::atomic::Ordering::SeqCst);
    eventually("it is not", || condition(&place) == "unhealthy");
    let asked = dials[0].asked();
    for _ in 0..10 {
        assert_eq!(curl_status(&[&url]), 200);
    }
    assert_eq!(dials[0].asked(), asked);
    // Both: nobody is left to ask, and that is said.
    dials[1]
        .health
        .store(500, std::sync::atomic::Ordering::SeqCst);
    eventually("nobody is left", || {
        see(&url).body.contains("upstream_unhealthy")
    });
    dials[0]
        .health
        .store(204, std::sync::atomic::Ordering::SeqCst);
    eventually("it is asked again", || curl_status(&[&url]) == 200);
}

#[test]
fn a_server_may_be_given_by_name() {
    let place = Place::new();
    let (port, dial) = (free_port(), Dial::new());
    let edge = one(&place, port, &[&dial], "");
    drop(edge);
    let text = std::fs::read_to_string(place.path("edge.toml")).unwrap();
    let named = text.replace(
        &format!("127.0.0.1:{}", dial.port),
        &format!("localhost:{}", dial.port),
    );
    assert_ne!(named, text);
    place.write("edge.toml", &named);
    std::fs::remove_file(place.path("state/edge.sock")).unwrap();
    let _edge = Edge::start(&place, port);
    assert_eq!(curl_status(&[&format!("http://127.0.0.1:{port}/")]), 200);
}
