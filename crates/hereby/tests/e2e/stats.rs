//! The numbers from the terminal: incidents run by hand, then added up, drawn and asked about.

use super::harness::Place;

/// Declares, dates and resolves one; its impact began so many minutes ago and lasted so many.
fn run(place: &Place, service: &str, began_min: i64, lasted_min: i64) {
    let start = format!("{began_min}m ago");
    let declare = [
        "declare",
        "it fails",
        "--severity",
        "2",
        "--service",
        service,
    ];
    let mut line = declare.to_vec();
    line.extend(["--impact-start", &start]);
    let id = place.ok(&line).trim().to_owned();
    let mitigated = format!("{}m ago", began_min - lasted_min);
    place.ok(&["time", &id, "mitigated", &mitigated]);
    place.ok(&["resolve", &id]);
}

#[test]
fn incidents_run_by_hand_are_added_up_drawn_and_asked_about() {
    let place = Place::new();
    let _server = place.serve();
    let none = place.hereby(&["stats"]);
    assert_eq!((none.code, none.stdout.as_str()), (0, ""));
    assert!(
        none.stderr
            .contains("No incident is among those asked for."),
        "{}",
        none.stderr
    );
    for (began, lasted) in [(300, 30), (200, 60), (100, 90)] {
        run(&place, "checkout", began, lasted);
    }
    place.ok(&[
        "declare",
        "it fails again",
        "--severity",
        "1",
        "--service",
        "search",
    ]);
    place.ok(&["declare", "rehearsed", "--drill"]);

    let said = place.ok(&["stats"]);
    for part in [
        "4 incidents, 1 open. Left out: 1 drill.",
        "Detected internally: at least 0 of 4 (0 %)",
        "impact start to mitigated",
        "WHAT IT CAN'T SAY",
        "MTBF",
    ] {
        assert!(said.contains(part), "{part} is missing:\n{said}");
    }
    let line = |begin: &str| said.lines().find(|line| line.starts_with(begin)).unwrap();
    let search = line("search");
    assert!(
        search.contains("still down, 1 without impact-start"),
        "{search}"
    );
    assert!(line("mitigate").contains("1.0 h"), "{said}");
    let one = place.ok(&[
        "stats",
        "--service",
        "checkout",
        "--phase",
        "mitigate",
        "--trend",
    ]);
    for part in [
        "INC-1",
        "30 min",
        "INC-3",
        "1.5 h",
        "none is said",
        "20 in each half",
    ] {
        assert!(one.contains(part), "{part} is missing:\n{one}");
    }
    let drills = place.json(&["stats", "--drills", "--severity", "2"]);
    assert_eq!((&drills["v"], &drills["incidents"]), (&1.into(), &1.into()));
    let later = place.json(&["stats", "--since", "1h ago", "--until", "now"]);
    assert_eq!(later["incidents"], 4, "by when they were declared");
    assert_eq!(
        place.json(&["stats", "--until", "2017-12-21"])["incidents"],
        0
    );
}

#[test]
fn the_picture_is_a_file_that_is_never_written_over_or_goes_to_stdout() {
    let place = Place::new();
    let _server = place.serve();
    run(&place, "checkout", 50, 20);
    let file = place.dir.path().join("incidents.svg");
    let file = file.to_str().unwrap();
    let said = place.hereby(&["stats", "--svg", file]);
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (0, ""),
        "{}",
        said.stderr
    );
    let svg = std::fs::read_to_string(file).unwrap();
    assert!(
        svg.starts_with("<svg ") && svg.contains("INC-1 took 20 min"),
        "{svg}"
    );
    let again = place.hereby(&["stats", "--svg", file]);
    assert_eq!(again.code, 2, "{}", again.stderr);
    assert!(again.stderr.contains("not there yet"), "{}", again.stderr);
    let piped = place.ok(&["stats", "--svg", "-", "--phase", "mitigate"]);
    assert!(
        piped.starts_with("<svg ") && !piped.contains("To detect"),
        "{piped}"
    );
    let wrong = place.hereby(&["stats", "--since", "now", "--until", "1h ago"]);
    assert_eq!(wrong.code, 3, "{}", wrong.stderr);
    assert!(
        wrong.stderr.contains("must be later than"),
        "{}",
        wrong.stderr
    );
}
