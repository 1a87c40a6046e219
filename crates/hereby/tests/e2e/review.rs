//! From a declaration to the published reviews of all three audiences, at the terminal.

use serde_json::Value;

use super::harness::{Place, Said, eventually};

/// A place with people, in which an incident ran and is over.
fn after_an_incident() -> (Place, super::harness::Server) {
    let place = Place::new();
    place.configure(
        "[[regulator]]\nname = \"GDPR Art. 33\"\nfrom = \"detected\"\nwithin = \"72h\"\n\
         when_data = [\"read\", \"lost\", \"changed\"]\n",
    );
    let server = place.serve();
    place.ok(&["person", "add", "kim", "--full-name", "Kim Sample"]);
    place.ok(&["person", "add", "sam", "--at", "mail:sam@example.org"]);
    place.ok(&["declare", "checkout fails", "--service", "checkout"]);
    place.ok(&["assign", "1", "commander", "kim"]);
    place.ok(&["assign", "1", "operations", "alex", "--as", "kim"]);
    place.ok(&["assign", "1", "communications", "sam", "--as", "kim"]);
    place.ok(&["note", "1", "card payments time out", "--as", "alex"]);
    place.ok(&[
        "update",
        "1",
        "--to",
        "public",
        "Payments fail; your cards are safe",
        "--as",
        "sam",
    ]);
    place.ok(&["time", "1", "impact-start", "30m ago"]);
    place.ok(&["time", "1", "detected", "25m ago"]);
    place.ok(&["time", "1", "mitigated", "now"]);
    let impact = r#"{"incident":"INC-1","customers":120,"data":"none"}"#;
    place.ok(&["send", "incident.state_impact", impact]);
    place.ok(&["resolve", "1", "the pool was enlarged"]);
    (place, server)
}

/// What a finding is called: the first digits of its act.
fn add(place: &Place, section: &str, text: &str, more: &[&str]) -> String {
    let mut args = vec!["finding", "add", "1", section, text];
    args.extend(more);
    place.ok(&args).trim().to_owned()
}

fn noted(place: &Place) -> String {
    let act = &place.acts_of("incident.noted")[0];
    act["id"].as_str().unwrap().chars().take(8).collect()
}

#[test]
fn from_what_happened_to_what_is_published_for_three_audiences() {
    let (place, server) = after_an_incident();
    let noted = noted(&place);
    // Nothing is written yet; each thing that is missing says how it is mended.
    let said = place.hereby(&["review", "1"]);
    assert_eq!(said.code, 0);
    assert!(
        said.stdout
            .contains("## Contributing factors\n\n*Nobody has written this yet.*")
    );
    assert!(
        said.stderr
            .contains("next: hereby finding add INC-1 problem TEXT"),
        "{}",
        said.stderr
    );

    add(
        &place,
        "abstract",
        "Checkout failed for half an hour.",
        &["--as", "kim"],
    );
    let problem = add(
        &place,
        "problem",
        "The pool was too small",
        &["--cite", &noted],
    );
    assert_eq!(problem.len(), 8);
    add(
        &place,
        "impact",
        "120 customers could not pay",
        &["--cite", "9"],
    );
    add(
        &place,
        "contributing-factor",
        "Nobody watches the pool",
        &["--cite", &noted],
    );
    add(
        &place,
        "sooner-detection",
        "An alert on its size",
        &["--cite", &noted],
    );
    add(&place, "worked", "The queue kept every order", &[]);
    add(
        &place,
        "near-miss",
        "It was nearly full too",
        &["--cite", &noted],
    );
    add(
        &place,
        "learned",
        "Watch every pool",
        &["--reach", "organisation"],
    );
    add(&place, "residual-risk", "Other pools are as small", &[]);
    add(
        &place,
        "customers-what",
        "Ask Kim Sample about the payments",
        &[],
    );
    add(&place, "customers-data", "Your cards were not at risk", &[]);
    add(
        &place,
        "customers-actions",
        "We watch this from now on",
        &[],
    );
    let next = add(&place, "customers-next", "We write again on Monday", &[]);

    // Published is what is over, by who did not operate, and without names.
    let refused = |args: &[&str], words: &str| {
        let said: Said = place.hereby(args);
        assert_eq!(said.code, 3, "{args:?}: {}", said.stderr);
        assert!(said.stderr.contains(words), "{args:?}: {}", said.stderr);
        said.stderr
    };
    let customers = ["review", "publish", "1", "--audience", "customers"];
    let held = refused(&customers, "can't go to customers like this");
    assert!(
        held.contains("kim sample") && held.contains("--not-a-name"),
        "{held}"
    );
    let mut by_operations: Vec<&str> = vec!["review", "publish", "1", "--audience", "internal"];
    by_operations.extend(["--as", "alex"]);
    refused(&by_operations, "operations");
    assert!(place.acts_of("review.published").is_empty());

    // Two mend it at the same time: until somebody settles it, neither goes out.
    let named = place.json(&["finding", "list", "1"]);
    let named = named["items"].as_array().unwrap().iter();
    let mut named = named.filter(|it| it["section"] == "customers_what");
    let named = named.next().unwrap()["saying"]["act"]
        .as_str()
        .unwrap()
        .to_owned();
    let one = add(
        &place,
        "customers-what",
        "Some payments failed",
        &["--replaces", &named],
    );
    let two = add(
        &place,
        "customers-what",
        "Payments failed",
        &["--replaces", &named],
    );
    let held = refused(&customers, "can't go to customers like this");
    assert!(held.contains(&one) && held.contains(&two), "{held}");
    let settled = ["--replaces", &one, "--replaces", &two];
    add(
        &place,
        "customers-what",
        "Payments failed for half an hour",
        &settled,
    );

    for audience in ["internal", "customers", "executive"] {
        let digest = place.ok(&[
            "review",
            "publish",
            "1",
            "--audience",
            audience,
            "--as",
            "sam",
        ]);
        let path = format!("/api/v1/blobs/{}", digest.trim());
        let token = place.token("reader", "read");
        let (status, page) = server.http("GET", &path, Some(&token), "").unwrap();
        assert_eq!(status, 200);
        assert!(page.starts_with("<!doctype html>"), "{page}");
        let names = page.contains("Kim Sample");
        assert_eq!(names, audience == "internal", "{audience}");
        assert_eq!(
            page.contains("card payments time out"),
            audience == "internal"
        );
    }
    let published = place.acts_of("review.published");
    let audiences: Vec<&Value> = published
        .iter()
        .map(|act| &act["body"]["audience"])
        .collect();
    assert_eq!(audiences, ["internal", "customers", "executive"]);

    let executive = place.ok(&["review", "1", "--audience", "executive"]);
    assert!(executive.contains("GDPR Art. 33 | no |"), "{executive}");
    // What was taken out is in the history, and not in what customers read.
    place.ok(&["finding", "withdraw", "1", &next]);
    let again = place.hereby(&["finding", "withdraw", "1", &next]);
    assert_eq!(again.code, 3);
    assert!(
        !place
            .ok(&["review", "1", "--audience", "customers"])
            .contains("on Monday")
    );
    assert!(place.ok(&["review", "1"]).contains("withdrawn in"));
    // It goes to a file as it is.
    let file = place.dir.path().join("review.html");
    let name = file.to_str().unwrap();
    place.ok(&["review", "1", "--format", "html", "-o", name]);
    assert!(
        std::fs::read_to_string(&file)
            .unwrap()
            .contains("<h2>Timeline</h2>")
    );
    place.ok(&["verify"]);
}

#[test]
fn what_is_left_to_do_comes_back_until_it_is_done() {
    let (place, server) = after_an_incident();
    place.ok(&[
        "followup",
        "add",
        "1",
        "alert on the pool",
        "--owner",
        "alex",
        "--due",
        "1500ms",
    ]);
    place.ok(&[
        "followup",
        "add",
        "1",
        "rehearse it",
        "--owner",
        "kim",
        "--due",
        "14d",
    ]);
    let listed = |more: &[&str]| {
        let mut args = vec!["followups"];
        args.extend(more);
        place.ok(&args)
    };
    let all = listed(&[]);
    let lines: Vec<&str> = all.lines().collect();
    assert_eq!(lines.len(), 3, "{all}");
    assert!(
        lines[1].contains("alert on the pool") && lines[2].contains("rehearse it"),
        "{all}"
    );
    // hereby reminds by itself once it is overdue.
    eventually("a reminder", || {
        !place.acts_of("followup.reminded").is_empty()
    });
    let overdue = listed(&["--overdue"]);
    assert!(
        overdue.contains("OVERDUE") && overdue.contains("reminded 1x"),
        "{overdue}"
    );
    assert!(!overdue.contains("rehearse it"), "{overdue}");
    assert!(place.ok(&["review", "1"]).contains("OVERDUE by"));
    let drop = ["followup", "drop", "1", "1"];
    assert_eq!(place.hereby(&drop).code, 3, "a reason is missing");
    let later = [
        "followup", "change", "1", "2", "--due", "30d", "--owner", "sam",
    ];
    assert_eq!(place.hereby(&later).code, 3, "a reason is missing");
    let mut later = later.to_vec();
    later.extend(["-m", "the new pool comes next week"]);
    place.ok(&later);
    place.ok(&["followup", "done", "1", "1"]);
    let left = listed(&["--owner", "sam"]);
    assert!(left.contains("rehearse it"), "{left}");
    assert!(listed(&["--owner", "alex"]).is_empty());
    drop_server(server);
}

#[test]
fn a_meeting_is_set_moved_and_called_off() {
    let (place, server) = after_an_incident();
    assert_eq!(place.hereby(&["meeting", "1"]).code, 3);
    place.ok(&["meeting", "1", "--at", "in 3d", "--place", "Room 2"]);
    let shown = place.ok(&["meeting", "1"]);
    assert!(
        shown.contains("for 1 h, Room 2") && shown.contains("sam@example.org"),
        "{shown}"
    );
    place.ok(&["meeting", "1", "--at", "in 4d", "--minutes", "30"]);
    assert_eq!(place.json(&["meeting", "1"])["sequence"], 1);
    place.ok(&["meeting", "1", "--cancel"]);
    assert_eq!(place.json(&["meeting", "1"])["cancelled"], true);
    assert_eq!(place.hereby(&["meeting", "1", "--cancel"]).code, 3);
    drop_server(server);
}

#[test]
fn what_was_written_in_private_is_not_published_by_accident() {
    let place = Place::new();
    let server = place.serve();
    place.ok(&["declare", "somebody is in", "--private"]);
    place.ok(&["note", "1", "by the back door"]);
    place.ok(&["resolve", "1"]);
    let internal = ["review", "publish", "1", "--audience", "internal"];
    let refused = place.hereby(&internal);
    assert_eq!(refused.code, 3);
    assert!(refused.stderr.contains("--readable"), "{}", refused.stderr);
    assert!(place.ok(&["review", "1"]).contains("by the back door"));
    // Sealed on the disk, and no document of it was kept.
    let raw = place.entries().join("\n");
    assert!(!raw.contains("back door"));
    assert!(place.acts_of("review.published").is_empty());
    let mut meant = internal.to_vec();
    meant.push("--readable");
    place.ok(&meant);
    drop_server(server);
}

/// Stops it as a service manager does; nothing was wrong.
fn drop_server(server: super::harness::Server) {
    assert_eq!(server.stop(), 0);
}
