//! Rehearsals, as people run them: real processes, real load, and their expectations as assertions.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::Value;

use crate::harness::HEREBY;

/// `hereby gameday ARGS`, with a directory for what it makes.
fn gameday(temporary: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(HEREBY);
    command
        .arg("gameday")
        .args(args)
        .env("TMPDIR", temporary)
        .stdin(Stdio::null());
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Processes that were started for a run in that directory.
fn processes(temporary: &Path) -> Vec<String> {
    let place = temporary.join("hereby-gameday-");
    let place = place.to_str().unwrap();
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(place)).collect()
}

/// Runs one, which must hold; what came of it.
fn holds(scenario: &str) -> Value {
    holds_with(scenario, &[])
}

fn holds_with(scenario: &str, more: &[&str]) -> Value {
    let temporary = tempfile::tempdir().unwrap();
    let report = temporary.path().join("report.html");
    let evidence = temporary.path().join("evidence");
    let (report, evidence) = (report.to_str().unwrap(), evidence.to_str().unwrap());
    let args = [
        "run",
        scenario,
        "--json",
        "--report",
        report,
        "--evidence",
        evidence,
    ];
    let args = [&args, more].concat();
    let output = gameday(temporary.path(), &args).output().unwrap();
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    println!("{scenario}: {}", outcome["figures"]);
    assert!(output.status.success(), "{}\n{outcome:#}", said(&output));
    assert_eq!(outcome["held"], true);
    assert!(
        outcome["expected"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["holds"] == true)
    );
    assert_eq!(processes(temporary.path()), Vec::<String>::new());
    let page = std::fs::read_to_string(report).unwrap();
    assert!(
        page.contains("The hypothesis held") && page.contains("<svg"),
        "{page}"
    );
    // From the evidence alone: it verifies, and is a drill's.
    let bundle = format!("{evidence}/INC-1.json");
    let vkey = std::fs::read_to_string(format!("{evidence}/log.vkey")).unwrap();
    let verified = Command::new(HEREBY)
        .args(["verify", "--bundle", &bundle, "--vkey", &vkey])
        .output()
        .unwrap();
    assert!(verified.status.success(), "{}", said(&verified));
    let review = std::fs::read_to_string(format!("{evidence}/review.md")).unwrap();
    assert!(review.contains("This was a drill"), "{review}");
    let text = std::fs::read_to_string(bundle).unwrap();
    let mut outcome = outcome;
    outcome["bundle"] = serde_json::from_str(&text).unwrap();
    outcome
}

/// Kinds of the acts that an incident's export has, in order.
fn kinds(outcome: &Value) -> Vec<String> {
    let acts = outcome["bundle"]["acts"].as_array().unwrap().iter();
    acts.map(|act| serde_json::from_str::<Value>(act["entry"].as_str().unwrap()).unwrap())
        .map(|entry| entry["kind"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn gameday_one_command_takes_a_deployment_back() {
    let outcome = holds("workers-rollback-2023");
    assert!(kinds(&outcome).contains(&"version.deployed/1".to_owned()));
}

#[test]
fn gameday_nobody_reverts_the_revert() {
    holds("revert-of-revert");
}

#[test]
fn gameday_mirrors_answer_when_a_person_says_so_and_nothing_flaps() {
    let outcome = holds("govuk-2021");
    assert_eq!(outcome["figures"]["failovers"], 1);
    let kinds = kinds(&outcome);
    let overridden = kinds.iter().filter(|kind| *kind == "failover.overridden/1");
    assert_eq!(overridden.count(), 2);
}

#[test]
fn gameday_control_is_gone_in_the_middle_of_a_rollout() {
    holds("control-down");
}

#[test]
fn gameday_control_and_its_disk_are_gone_and_the_runbook_does_the_rest() {
    let outcome = holds("catastrophe");
    // On the record that was restored stands what was deployed again, and what is left to do for people.
    let kinds = kinds(&outcome);
    for kind in ["version.deployed/1", "incident.checklist_started/1"] {
        assert!(kinds.contains(&kind.to_owned()), "{kinds:?}");
    }
}

#[test]
fn beside_gameday_of_two_releases() {
    let previous = std::env::var("HEREBY_PREVIOUS").expect("named by ./dev test");
    let outcome = holds_with("mixed-version", &["--previous", &previous]);
    assert!(kinds(&outcome).contains(&"version.rolled_back/1".to_owned()));
}

#[cfg(feature = "faults")]
#[test]
fn gameday_a_dormant_bug_hurts_one_edge_for_seconds() {
    let outcome = holds("fastly-2021");
    assert!(outcome["figures"]["ratio"].as_u64().unwrap() >= 100);
    assert_eq!(outcome["figures"]["failed_elsewhere"], 0);
    // Deployment, trigger and the way back can be read from the incident's export alone.
    let kinds = kinds(&outcome);
    let order: Vec<&str> = kinds
        .iter()
        .map(String::as_str)
        .filter(|kind| !kind.starts_with("incident."))
        .collect();
    let wanted = [
        "version.deployed/1",
        "deployment.advanced/1",
        "trigger.fired/1",
        "version.rolled_back/1",
    ];
    assert_eq!(order, wanted);
    let bundle = outcome["bundle"].to_string();
    assert!(
        bundle.contains("Suspects: this version; hereby "),
        "{bundle}"
    );
}

#[cfg(not(feature = "faults"))]
#[test]
fn gameday_bugs_are_in_no_build_that_is_not_made_for_it() {
    let temporary = tempfile::tempdir().unwrap();
    let output = gameday(temporary.path(), &["run", "fastly-2021"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(
        said(&output).contains("--features faults"),
        "{}",
        said(&output)
    );
}

/// A small scenario in which a service fails for good.
const FAILS: &str = r#"
name = "fails"
title = "A service fails"
story = "It happens."
hypothesis = "Nobody notices."
[[cell]]
name = "eu-1"
ring = "serving"
edges = 1
[[tenant]]
name = "shop"
[load]
requests_per_s = 20
steady_s = 2
after_s = 60
[[step]]
say = "It fails."
do = "origin"
tenant = "shop"
answers = "badly"
[limit]
failed_max = 30
seconds_max = 60
[[expect]]
figure = "failed"
most = 0
"#;

#[test]
fn gameday_that_hurts_more_than_it_may_is_given_up() {
    let temporary = tempfile::tempdir().unwrap();
    let file = temporary.path().join("fails.toml");
    std::fs::write(&file, FAILS).unwrap();
    let args = ["run", file.to_str().unwrap(), "--json"];
    let begun = Instant::now();
    let output = gameday(temporary.path(), &args).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    assert!(begun.elapsed() < Duration::from_secs(50), "it went on");
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    let why = outcome["aborted"].as_str().unwrap();
    assert!(why.contains("more than its limit"), "{why}");
    assert_eq!(outcome["held"], false);
    assert_eq!(processes(temporary.path()), Vec::<String>::new());
}

/// One that was begun, once its edges run.
fn begun(temporary: &Path) -> Child {
    let file = temporary.join("fails.toml");
    std::fs::write(&file, FAILS).unwrap();
    let mut child = gameday(temporary, &["run", file.to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while !processes(temporary)
        .iter()
        .any(|line| line.contains(" edge --listen"))
    {
        assert!(child.try_wait().unwrap().is_none() && Instant::now() < end);
        std::thread::sleep(Duration::from_millis(50));
    }
    child
}

fn signal(child: &Child, signal: Signal) {
    rustix::process::kill_process(Pid::from_child(child), signal).unwrap();
}

fn gone(temporary: &Path) {
    let end = Instant::now() + Duration::from_secs(10);
    while !processes(temporary).is_empty() {
        assert!(Instant::now() < end, "{:?}", processes(temporary));
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn left(temporary: &Path) -> usize {
    let entries = std::fs::read_dir(temporary).unwrap().flatten();
    entries
        .filter(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .starts_with("hereby-gameday-")
        })
        .count()
}

#[test]
fn gameday_that_is_stopped_or_killed_leaves_nothing_running() {
    let temporary = tempfile::tempdir().unwrap();
    let mut child = begun(temporary.path());
    signal(&child, Signal::INT);
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(3), "stopped");
    gone(temporary.path());
    assert_eq!(left(temporary.path()), 0);
    // Killed it can't tidy up: its processes end with it, and the next one removes what lies there.
    let mut child = begun(temporary.path());
    child.kill().unwrap();
    child.wait().unwrap();
    gone(temporary.path());
    assert_eq!(left(temporary.path()), 1);
    let mut child = begun(temporary.path());
    assert_eq!(left(temporary.path()), 1, "only its own");
    signal(&child, Signal::TERM);
    child.wait().unwrap();
    assert_eq!(left(temporary.path()), 0);
}
