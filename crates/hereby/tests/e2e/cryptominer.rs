//! 21 December 2017, told again with six people: from an agency's alert to the follow-up meeting.
//!
//! Everybody signs with a key of their own. Every rule is broken once on purpose, and refused with a
//! reason that says what to do instead.

use serde_json::json;

use super::harness::{Place, Said, Server, in_ms};

/// Who is there: robin watches, sam commands, alex operates, kim speaks, pat plans, max governs.
const PEOPLE: [&str; 6] = ["robin", "sam", "alex", "kim", "pat", "max"];

/// The agency, its hereby, and its people.
struct Agency {
    place: Place,
    server: Server,
}

impl Agency {
    /// The evening before: who there is, who may what, and what people do when a machine is taken
    /// over.
    fn new() -> Agency {
        let place = Place::new();
        let server = place.serve();
        for person in PEOPLE {
            let mail = format!("mail:{person}@example.org");
            place.ok(&["person", "add", person, "--at", &mail]);
            let key = format!("{person}-key");
            place.ok(&["key", "new", &key]);
            place.ok(&["key", "enroll", &key, "--person", person]);
        }
        place.ok(&[
            "team",
            "add",
            "hosting",
            "--about",
            "The machines of our customers",
        ]);
        place.ok(&[
            "service",
            "add",
            "website",
            "--tier",
            "1",
            "--owner",
            "hosting",
            "--needs",
            "vendor:datacentre:closed",
        ]);
        let runbook = place.dir.path().join("compromised.md");
        let steps = "# A compromised machine\n\n- [ ] Take it off the network\n\
                     - [ ] Copy its disk\n- [ ] Rotate every key it had\n- [ ] Rebuild it\n";
        std::fs::write(&runbook, steps).unwrap();
        place.ok(&["runbook", "save", "compromised", runbook.to_str().unwrap()]);
        place.ok(&[
            "template",
            "save",
            "break-in",
            "--severity",
            "2",
            "--service",
            "website",
            "--runbook",
            "compromised",
            "--update-every",
            "public=1h",
        ]);
        for (person, permission) in [
            ("max", "admin"),
            ("robin", "reporter"),
            ("sam", "commander"),
            ("alex", "responder"),
            ("alex", "publisher"),
            ("kim", "publisher"),
            ("kim", "responder"),
            ("pat", "responder"),
        ] {
            place.ok(&["grant", person, permission]);
        }
        Agency { place, server }
    }

    fn try_as(&self, person: &str, args: &[&str]) -> Said {
        let key = format!("{person}-key");
        let mut all = args.to_vec();
        all.extend(["--sign", &key]);
        self.place.hereby(&all)
    }

    #[track_caller]
    fn does(&self, person: &str, args: &[&str]) -> String {
        let said = self.try_as(person, args);
        assert_eq!(said.code, 0, "{person}: {args:?}: {}", said.stderr);
        said.stdout
    }

    /// A rule is broken on purpose, and the answer says which.
    #[track_caller]
    fn may_not(&self, person: &str, args: &[&str], because: &str) {
        let said = self.try_as(person, args);
        assert!(
            matches!(said.code, 3 | 9),
            "{person}: {args:?}: {} {}",
            said.code,
            said.stderr
        );
        assert!(
            said.stderr.contains(because),
            "{person}: {args:?}: expected {because:?}, got {}",
            said.stderr
        );
    }
}

#[test]
fn a_miner_is_found_in_an_agency_and_everybody_knows_what_to_do() {
    let agency = Agency::new();
    half_past_seven(&agency);
    roles_are_given(&agency);
    the_miner_is_found(&agency);
    what_is_said_outside(&agency);
    what_is_decided_and_done(&agency);
    the_evening(&agency);
    it_is_over(&agency);
    what_was_learned(&agency);
    it_is_published(&agency);
    until_it_is_fixed(&agency);
    what_must_be_forgotten(&agency);
    the_record_holds(agency);
}

/// The agency's alert says that servers were unavailable for five minutes. Robin, on call, declares.
fn half_past_seven(agency: &Agency) {
    let token = agency.place.token("agency-monitor", "alerts");
    let alert = json!([{
        "labels": {"alertname": "ServersUnavailable", "service": "website"},
        "annotations": {"summary": "Servers were unavailable for 5 minutes"},
    }]);
    let (status, body) = agency
        .server
        .http("POST", "/api/v2/alerts", Some(&token), &alert.to_string())
        .unwrap();
    assert_eq!(status, 200, "{body}");
    let alerts = agency.place.json(&["alerts"]);
    let alert = alerts["items"][0]["id"].as_str().unwrap().to_owned();
    let title = "A machine rebooted, and its CPU is far above normal";
    let said = agency.does(
        "robin",
        &[
            "declare",
            title,
            "--template",
            "break-in",
            "--alert",
            &alert,
        ],
    );
    assert_eq!(said.trim(), "INC-1");
    // What the service needs, and how sure the clock was, is on the record from the first act on.
    let declared = &agency.place.acts_of("incident.declared")[0]["body"];
    let needs = &declared["surroundings"]["dependencies"][0]["dependency"];
    assert_eq!(needs["name"], "datacentre");
    assert!(declared["surroundings"]["clock"]["synchronised"].is_boolean());
    agency.may_not(
        "robin",
        &["assign", "1", "commander", "sam"],
        "robin may not ask for incident.assign",
    );
}

/// Sam takes command and gives the roles.
fn roles_are_given(agency: &Agency) {
    agency.does("sam", &["acknowledge", "1"]);
    agency.does("sam", &["assign", "1", "commander", "sam"]);
    agency.may_not(
        "sam",
        &["assign", "1", "operations", "sam"],
        "nobody is both commander and operations",
    );
    agency.may_not(
        "alex",
        &["assign", "1", "operations", "alex"],
        "sam commands INC-1 and gives the roles",
    );
    for (role, person) in [
        ("operations", "alex"),
        ("communications", "kim"),
        ("planning", "pat"),
    ] {
        agency.does("sam", &["assign", "1", role, person]);
    }
    agency.does("robin", &["join", "1"]);
    agency.may_not("alex", &["leave", "1"], "who leaves hands that over first");
}

/// Alex finds it in root's crontab, in about half an hour.
fn the_miner_is_found(agency: &Agency) {
    agency.does(
        "alex",
        &["note", "1", "A miner runs from root's crontab on web-3"],
    );
    let crontab = agency.place.dir.path().join("crontab.txt");
    std::fs::write(&crontab, "*/5 * * * * /tmp/.x/miner # password: hunter2\n").unwrap();
    let crontab = crontab.to_str().unwrap();
    agency.does(
        "alex",
        &[
            "file",
            "add",
            "1",
            crontab,
            "--from",
            "root's crontab on web-3",
            "--vouch",
        ],
    );
    let attached = &agency.place.acts_of("incident.file_attached")[0]["body"];
    assert_eq!(attached["verification"], "signed");
    agency.may_not(
        "alex",
        &["update", "1", "--to", "public", "We were broken into"],
        "operations don't speak to the public. Ask kim",
    );
    // It was another machine. What was said stays, and what is right stands beside it.
    let note = agency.place.acts_of("incident.noted")[0]["id"].clone();
    let note = note.as_str().unwrap();
    agency.does("alex", &["correct", "1", &note[..12], "It was web-4"]);
    assert!(agency.place.ok(&["show", "1"]).contains("It was web-4"));
    agency.does("alex", &["time", "1", "impact-start", "40m ago"]);
    agency.does("alex", &["time", "1", "detected", "35m ago"]);
    agency.does("alex", &["time", "1", "diagnosed", "5m ago"]);
}

/// Kim keeps what is said, whom to speak to, and what was asked and answered.
fn what_is_said_outside(agency: &Agency) {
    let contact = ["contact", "add", "1", "the datacentre", "its night desk"];
    agency.may_not(
        "pat",
        &contact,
        "kim has communications of INC-1 and keeps the points of contact",
    );
    agency.does("kim", &contact);
    let word = [
        "update",
        "1",
        "--to",
        "public",
        "One machine is off. Your sites are up.",
    ];
    agency.may_not("sam", &word, "one voice's");
    agency.does("kim", &word);
    agency.does(
        "kim",
        &[
            "ask",
            "1",
            "Did Tuesday's deployment change the firewall?",
            "--of",
            "alex",
        ],
    );
    assert!(
        agency
            .place
            .ok(&["show", "1"])
            .contains("Did Tuesday's deployment")
    );
    agency.does(
        "alex",
        &[
            "answer",
            "1",
            "1",
            "No: it fails open when its host restarts",
        ],
    );
}

/// Sam decides, alex works the checklist, pat opens tasks.
fn what_is_decided_and_done(agency: &Agency) {
    let decide = [
        "decide",
        "1",
        "Tear web-4 down and rebuild it",
        "--option",
        "Clean the crontab",
        "--option",
        "Rebuild",
        "-m",
        "what else it changed nobody knows",
    ];
    agency.may_not("alex", &decide, "sam commands INC-1 and decides");
    agency.does("sam", &decide);
    agency.does("alex", &["tick", "1", "1"]);
    agency.may_not("alex", &["skip", "1", "2"], "has a reason");
    agency.does(
        "alex",
        &["skip", "1", "2", "-m", "the disk is gone with the machine"],
    );
    agency.does("alex", &["tick", "1", "3"]);
    agency.does(
        "pat",
        &[
            "task",
            "add",
            "1",
            "Rotate the keys of web-4",
            "--owner",
            "alex",
        ],
    );
    agency.may_not("pat", &["task", "drop", "1", "1"], "has a reason");
    agency.does("alex", &["task", "done", "1", "1"]);
    agency.may_not("alex", &["task", "done", "1", "1"], "is closed");
}

/// Command changes hands, with acceptance; who comes late reads what happened.
fn the_evening(agency: &Agency) {
    agency.does("sam", &["hand-over", "1", "commander", "pat"]);
    agency.may_not("kim", &["accept", "1", "commander"], "nobody has asked kim");
    let read = agency.does("pat", &["read", "1"]);
    assert!(read.contains("A miner runs"), "{read}");
    agency.does("pat", &["accept", "1", "commander"]);
    agency.may_not(
        "sam",
        &["decide", "1", "Go home"],
        "pat commands INC-1 and decides",
    );
    let knew = agency.place.ok(&["knew", "1", "pat"]);
    assert!(knew.contains("read"), "{knew}");
}

/// Machines are rebuilt the next day; nothing is published before it is over.
fn it_is_over(agency: &Agency) {
    agency.does("alex", &["tick", "1", "4"]);
    agency.does("alex", &["time", "1", "mitigated", "now"]);
    agency.may_not(
        "kim",
        &["review", "publish", "1", "--audience", "internal"],
        "a review is published when it is over",
    );
    agency.does(
        "kim",
        &[
            "impact",
            "1",
            "--customers",
            "0",
            "--cost",
            "1200.50",
            "--currency",
            "EUR",
            "--data",
            "none",
        ],
    );
    agency.does(
        "pat",
        &["resolve", "1", "web-4 was rebuilt; its keys are new"],
    );
    agency.may_not("pat", &["resolve", "1"], "was resolved at");
}

/// The post mortem: contributing factors, not one cause; what worked, and why it usually works.
fn what_was_learned(agency: &Agency) {
    let note = agency.place.acts_of("incident.noted")[0]["id"].clone();
    let cite = &note.as_str().unwrap()[..12];
    let answer = agency.place.acts_of("incident.answered")[0]["id"].clone();
    let firewall = &answer.as_str().unwrap()[..12];
    let add = |person: &str, section: &str, text: &str, more: &[&str]| {
        let mut args = vec!["finding", "add", "1", section, text];
        args.extend(more);
        agency.does(person, &args).trim().to_owned()
    };
    add(
        "pat",
        "abstract",
        "A miner ran on one machine for half an hour.",
        &[],
    );
    add(
        "alex",
        "problem",
        "A miner ran from root's crontab.",
        &["--cite", cite],
    );
    add("alex", "impact", "No customer was hurt.", &["--cite", cite]);
    let factor = add(
        "alex",
        "contributing-factor",
        "A firewall that failed open",
        &["--cite", firewall],
    );
    // Two people mend the same sentence at once: both stand, until somebody settles it.
    let first = add(
        "sam",
        "contributing-factor",
        "The firewall fails open when its host restarts.",
        &["--cite", firewall, "--replaces", &factor],
    );
    let second = add(
        "kim",
        "contributing-factor",
        "Nobody knew that the firewall fails open.",
        &["--cite", firewall, "--replaces", &factor],
    );
    let review = agency.does("pat", &["review", "1"]);
    assert!(review.contains("when its host restarts") && review.contains("Nobody knew"));
    add(
        "pat",
        "contributing-factor",
        "The firewall fails open when its host restarts, and nobody knew.",
        &[
            "--cite",
            firewall,
            "--replaces",
            &first,
            "--replaces",
            &second,
        ],
    );
    add(
        "pat",
        "contributing-factor",
        "An unknown management interface.",
        &["--cite", cite],
    );
    add(
        "robin",
        "sooner-detection",
        "CPU above normal was no alert.",
        &["--cite", cite],
    );
    add(
        "sam",
        "worked",
        "Declaring: everybody knew who does what.",
        &[],
    );
    add(
        "alex",
        "near-miss",
        "The machine next to it has the same interface.",
        &["--cite", cite],
    );
    add(
        "sam",
        "learned",
        "A firewall that fails open is no firewall.",
        &["--reach", "organisation", "--cite", firewall],
    );
    add(
        "sam",
        "residual-risk",
        "Other firewalls may fail open.",
        &[],
    );
    add(
        "kim",
        "customers-what",
        "One machine ran a foreign program; alex removed it.",
        &[],
    );
    add(
        "kim",
        "customers-data",
        "Nobody read or changed your data.",
        &[],
    );
    add(
        "kim",
        "customers-actions",
        "The machine was rebuilt with new keys.",
        &[],
    );
    add(
        "kim",
        "customers-next",
        "We write again after 29 January.",
        &[],
    );
}

/// Operations never publish; no name reaches customers.
fn it_is_published(agency: &Agency) {
    let publish = |audience: &'static str| ["review", "publish", "1", "--audience", audience];
    agency.may_not(
        "robin",
        &publish("internal"),
        "robin may not ask for review.publish",
    );
    agency.does("kim", &publish("internal"));
    agency.may_not("kim", &publish("customers"), "alex");
    let findings = agency.place.json(&["finding", "list", "1"]);
    let items = findings["items"].as_array().unwrap();
    let named = items
        .iter()
        .find(|it| it.to_string().contains("alex removed it"));
    let named = named.unwrap()["saying"]["act"].as_str().unwrap().to_owned();
    agency.does(
        "kim",
        &[
            "finding",
            "add",
            "1",
            "customers-what",
            "One machine ran a foreign program.",
            "--replaces",
            &named[..12],
        ],
    );
    agency.does("kim", &publish("customers"));
    agency.does("kim", &publish("executive"));
    // Alex may publish as far as permissions go, and was operations here.
    agency.may_not("alex", &publish("internal"), "operations don't publish");
    let customers = agency.place.ok(&["review", "1", "--audience", "customers"]);
    for name in PEOPLE {
        assert!(!customers.contains(name), "{name} is in it:\n{customers}");
    }
    let internal = agency.place.ok(&["review", "1"]);
    for part in [
        "1,200.50",
        "half an hour",
        "no firewall",
        "Clean the crontab",
    ] {
        assert!(internal.contains(part), "{part} is missing:\n{internal}");
    }
}

/// What is left to do has an owner and a day; people meet so that the pain stays fresh until then.
fn until_it_is_fixed(agency: &Agency) {
    agency.does(
        "pat",
        &[
            "followup",
            "add",
            "1",
            "Close the management interface",
            "--owner",
            "alex",
            "--due",
            "39d",
        ],
    );
    agency.may_not("pat", &["followup", "drop", "1", "1"], "has a reason");
    agency.may_not(
        "pat",
        &["followup", "change", "1", "1", "--due", "90d"],
        "has a reason",
    );
    let meeting = in_ms(39 * 86_400_000);
    agency.does(
        "pat",
        &["meeting", "1", "--at", &meeting, "--place", "The kitchen"],
    );
    let ics = agency.place.dir.path().join("follow-up.ics");
    agency.does(
        "pat",
        &[
            "meeting",
            "1",
            "--ics",
            ics.to_str().unwrap(),
            "--organizer",
            "pat",
        ],
    );
    let ics = std::fs::read_to_string(ics).unwrap().replace("\r\n ", "");
    for part in [
        "METHOD:REQUEST",
        "SEQUENCE:0",
        "LOCATION:The kitchen",
        "mailto:sam@example.org",
    ] {
        assert!(ics.contains(part), "{part} is missing:\n{ics}");
    }
    assert!(
        agency
            .place
            .ok(&["followups"])
            .contains("management interface")
    );
    assert!(agency.place.ok(&["stats"]).contains("repair"));
}

/// A password stood in the crontab: it is erased, and nobody erases alone.
fn what_must_be_forgotten(agency: &Agency) {
    // Until there are two admins nobody else could approve; from then on somebody must.
    agency.does("max", &["grant", "pat", "admin"]);
    let kim = ["grant", "kim", "admin", "-m", "more of us at night"];
    let waits = agency.try_as("max", &kim);
    assert!(waits.stderr.contains("Waits as req-1"), "{}", waits.stderr);
    agency.may_not(
        "max",
        &["approve", "req-1"],
        "nobody approves their own request",
    );
    agency.may_not(
        "sam",
        &["approve", "req-1"],
        "sam may not ask for permission.grant",
    );
    agency.may_not("max", &["override", "req-1"], "has a reason");
    agency.does("pat", &["reject", "req-1", "-m", "two are enough"]);
    agency.may_not("max", &["redact", "1"], "has a reason");
    let redact = ["redact", "1", "-m", "a password is in the crontab"];
    agency.may_not("kim", &redact, "kim may not ask for incident.redact");
    agency.does("max", &redact);
    let file = ["file", "get", "1", "1"];
    assert!(agency.does("pat", &file).contains("hunter2"));
    agency.does("pat", &["approve", "req-2"]);
    agency.may_not("pat", &file, "erased");
    // Whoever gets the helpdesk to give them somebody's key has two others to convince, and an hour.
    agency.place.ok(&["key", "new", "stolen"]);
    let reset = [
        "key",
        "enroll",
        "stolen",
        "--person",
        "sam",
        "-m",
        "a new telephone",
    ];
    agency.does("max", &reset);
    agency.may_not(
        "max",
        &["override", "req-3", "-m", "hurry"],
        "never done by one person alone",
    );
    agency.does("pat", &["reject", "req-3", "-m", "sam has not lost a key"]);
    let forget = ["redact", "--person", "robin", "-m", "robin asks for it"];
    agency.does("max", &forget);
    agency.does(
        "max",
        &[
            "override",
            "req-4",
            "-m",
            "the others are asleep, robin is not",
        ],
    );
    let said = agency.place.hereby(&["note", "1", "x", "--sign", "stolen"]);
    assert_ne!(said.code, 0, "the stolen key signs nothing");
}

/// Nothing of this is taken on trust.
fn the_record_holds(agency: Agency) {
    let Agency { place, server } = agency;
    place.ok(&["verify"]);
    assert_eq!(server.stop(), 0);
    place.ok(&["auditor"]);
    place.ok(&["rebuild"]);
    let raw = place.entries().join("\n");
    assert!(!raw.contains("hunter2"));
}
