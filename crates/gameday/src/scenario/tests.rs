//! What comes with hereby can be read, and what contradicts itself is refused.

use super::*;

#[test]
fn what_comes_with_hereby_can_be_read_and_says_what_it_is() {
    let all = all().unwrap();
    let names: BTreeSet<&str> = all.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names.len(), BUILT_IN.len());
    for scenario in &all {
        assert!(scenario.title.len() < 80, "{}", scenario.name);
        assert!(!scenario.story.is_empty() && !scenario.hypothesis.is_empty());
        assert_eq!(
            find(scenario.name.as_str()).unwrap().unwrap().title,
            scenario.title
        );
        let ports = scenario
            .tenant
            .iter()
            .map(|one| (one.name.clone(), 9_000))
            .collect();
        for flat in [false, true] {
            let text = scenario
                .fleets(&ports, &[], flat, std::path::Path::new("/certificates"))
                .unwrap();
            assert!(text.contains("127.0.0.1:9000"), "{text}");
            assert_eq!(text.contains("cell ="), !flat && text.contains("cell ="));
        }
    }
    assert!(find("nobody").unwrap().is_none());
}

#[test]
fn what_contradicts_itself_is_refused() {
    let good = BUILT_IN[0];
    Scenario::parse(good).unwrap();
    for (from, to, why) in [
        (
            "ring = \"internal\"",
            "ring = \"inner\"",
            "there is no ring inner",
        ),
        (
            "cell = \"ap-1\"",
            "cell = \"ap-2\"",
            "there is no cell ap-2",
        ),
        ("tenant = \"shop\"", "tenant = \"stop\"", "are of no tenant"),
        (
            "requests_per_s = 30",
            "requests_per_s = 2000",
            "it is from 1 to 200",
        ),
        ("edges = 2", "edges = 20", "it is from 1 to 24"),
        (
            "figure = \"ratio\"",
            "figure = \"ration\"",
            "nothing measures ration",
        ),
        (
            "do = \"deploy\"",
            "do = \"runbook\"\nstep = \"1. Look\"\n[[step]]\nsay = \"then\"\ndo = \"deploy\"",
            "of its runbook it does",
        ),
        ("most = 0", "", "expected are `least` or `most`"),
        ("within_s = 30", "within_s = 3000", "at most 900 s"),
        (
            "within_s = 30",
            "within_s = 30\nmore = 1",
            "unknown field `more`",
        ),
        (
            "do = \"deploy\"",
            "do = \"destroy\"",
            "unknown variant `destroy`",
        ),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        let said = Scenario::parse(&bad).unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }
}
