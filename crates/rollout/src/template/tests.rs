//! What is read, and what is said of mistakes.

use policy::Reason;

use super::{CAREFUL, Measure, Reach, Template};

/// The mistakes of a text, as they are printed.
fn mistakes(text: &str) -> Vec<String> {
    let wrong = Template::parse(text).unwrap_err();
    wrong.iter().map(|one| one.at("plan.toml")).collect()
}

const HEAD: &str = "name = \"own\"\nwatch_ms = 60000\n";

#[test]
fn the_careful_one_is_read() {
    let careful = Template::careful();
    let reach: Vec<Reach> = careful.stages.iter().map(|stage| stage.reach).collect();
    let all = [
        Reach::Internal,
        Reach::Canary,
        Reach::One,
        Reach::Share(25),
        Reach::All,
    ];
    assert_eq!(reach, all);
    assert!(careful.triggers.iter().all(|trigger| trigger.compare));
    assert_eq!(careful.triggers[2].measure, Measure::Slower(1_000));
    assert_eq!(Template::parse(CAREFUL), Ok(careful));
}

#[test]
fn a_trigger_may_be_about_one_reason() {
    let text = format!(
        "{HEAD}[[stage]]\nreach = \"all\"\n[[trigger]]\nname = \"limits\"\nmeasure = \"refused\"\n\
         reason = \"limit\"\nmost_ppm = 1000\n"
    );
    let triggers = Template::parse(&text).unwrap().triggers;
    assert_eq!(triggers[0].measure, Measure::Refused(Some(Reason::Limit)));
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let text = format!(
        "{HEAD}[[stage]]\nreach = \"share\"\n\n[[stage]]\nreach = \"canary\"\ntime_ms_min = 1\n\n\
         [[stage]]\nreach = \"one\"\npercent = 3\n\n[[trigger]]\nname = \"idle\"\nmeasure = \"errors\"\n\n\
         [[trigger]]\nname = \"idle\"\nmeasure = \"slower\"\ncompare = true\nmost_ppm = 1000000\n\
         requests_min = 0\n\n[[trigger]]\nname = \"who\"\nmeasure = \"refused\"\nreason = \"mood\"\n\
         compare = true\n"
    );
    assert_eq!(
        mistakes(&text),
        [
            "plan.toml:3:1: stage.percent: a share needs a percent from 1 to 99",
            "plan.toml:6:1: stage: a stage before the last needs a time_ms_min of at least 10000 and a \
             requests_min: nothing is promoted unseen",
            "plan.toml:10:1: stage.percent: only `reach = \"share\"` has a percent",
            "plan.toml:14:1: trigger: it would never fire: say `compare = true`, or most_ppm, or both",
            "plan.toml:18:1: trigger.name: there are two triggers \"idle\"",
            "plan.toml:18:1: trigger.most_ppm: it is from 1 to 999999, in millionths",
            "plan.toml:18:1: trigger.requests_min: a share of no requests is no share",
            "plan.toml:18:1: trigger.slower_than_ms: `measure = \"slower\"` needs slower_than_ms",
            "plan.toml:25:1: trigger.reason: nobody is refused for \"mood\"",
        ]
    );
}

#[test]
fn the_last_stage_and_no_other_reaches_all() {
    let stage =
        |reach: &str| format!("[[stage]]\n{reach}\ntime_ms_min = 10000\nrequests_min = 1\n");
    let of = |reaches: &[&str]| {
        let stages: String = reaches.iter().map(|reach| stage(reach)).collect();
        Template::parse(&format!("{HEAD}{stages}")).is_ok()
    };
    let (one, all) = ("reach = \"one\"", "reach = \"all\"");
    let share = |percent: u8| format!("reach = \"share\"\npercent = {percent}");
    assert!(of(&[one, &share(10), &share(50), all]));
    assert!(!of(&[one, &share(50), &share(10), all]));
    assert!(!of(&[all, one]));
    assert!(!of(&[one]));
    assert!(!of(&[]));
    assert!(!of(&[one, one, all]));
}

#[test]
fn what_nobody_knows_is_told_where_it_stands() {
    let found = mistakes(&format!("{HEAD}[[stage]]\nreach = \"everywhere\"\n"));
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("plan.toml:4:9: unknown variant"),
        "{found:?}"
    );
    let found = mistakes(&format!("{HEAD}colour = 1\n"));
    assert!(
        found[0].starts_with("plan.toml:3:1: unknown field"),
        "{found:?}"
    );
    let found = mistakes("name = ");
    assert!(found[0].starts_with("plan.toml:1:"), "{found:?}");
    let found = mistakes("name = \"own\"\nwatch_ms = 1\n[[stage]]\nreach = \"all\"\n");
    assert!(
        found[0].starts_with("plan.toml:2:12: watch_ms: it is from"),
        "{found:?}"
    );
    let long = "#".repeat(super::TEXT_BYTES_MAX + 1);
    assert_eq!(mistakes(&long).len(), 1);
}
