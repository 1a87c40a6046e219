//! What is drawn, in words and as JSON.

use clap::Parser as _;

use super::run;
use crate::cli::rollout::RolloutVerb;
use crate::say::tests::captured;

/// A command line of this module alone.
#[derive(clap::Parser)]
struct Line {
    #[command(subcommand)]
    verb: RolloutVerb,
}

fn said(line: &str, json: bool) -> Result<String, String> {
    let words = ["rollout"].into_iter().chain(line.split(' '));
    let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
    let (out, data, _) = captured(json);
    let args = crate::cli::rollout::RolloutArgs { verb: line.verb };
    run(args, &out).map_err(|failure| failure.what)?;
    Ok(data.text())
}

#[test]
fn a_plan_is_drawn_from_the_few_to_all() {
    let text = said(
        "plan --cell office:internal --cell friends:2:canary --cell eu-1:3 --cell eu-2:4",
        false,
    )
    .unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "careful: 4 stages, 11 min at least until all have it, watched for 10 min after that"
    );
    assert!(
        lines[2].starts_with("1      ██░░░░░░░░░░░░░░░░░░  1 of 10"),
        "{text}"
    );
    assert!(
        lines[5].starts_with("4      ████████████████████  10 of 10"),
        "{text}"
    );
    assert!(lines[5].ends_with("eu-2"), "{text}");
    assert!(
        text.contains("requests fail, more than at unchanged edges, or more than 10 % of them")
    );
}

#[test]
fn a_tenants_version_is_seen_at_one_edge_first() {
    let text = said("plan --cell eu-1:3 --cell eu-2:4 --only eu-2", true).unwrap();
    let plan: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(plan["edges"], 4);
    let reached: Vec<_> = plan["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["edges_reached"])
        .collect();
    assert_eq!(reached, [1, 4]);
    assert_eq!(plan["flaws"], serde_json::json!([]));
}

#[test]
fn what_is_wrong_with_cells_and_templates_is_told() {
    for (line, what) in [
        ("plan --cell eu-1 --cell eu-1", "two cells \"eu-1\""),
        ("plan --cell eu-1 --only mars", "no cell \"mars\""),
        ("plan --cell eu-1:0", "no number of edges"),
        ("plan --cell eu-1:2:3", "says again"),
        ("plan", "--cell"),
        ("plan --cell a --template /nonexistent", "can't be read"),
        ("try --usual 0", "from 0.001 to 50"),
    ] {
        let error = said(line, false).unwrap_err();
        assert!(error.contains(what), "{line}: {error}");
    }
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("ours.toml");
    std::fs::write(&file, "name = \"ours\"\nwatch_ms = 1\n").unwrap();
    let error = said(
        &format!("plan --cell a --template {}", file.display()),
        false,
    )
    .unwrap_err();
    assert!(error.contains("ours.toml:2:12: watch_ms:"), "{error}");
}

#[test]
fn a_faulty_version_is_found_and_a_healthy_one_left_alone() {
    let text = said("try", true).unwrap();
    let tried: serde_json::Value = serde_json::from_str(&text).unwrap();
    let rows = tried["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 6);
    let most: Vec<_> = rows
        .iter()
        .map(|row| row["most_within_s"].as_u64())
        .collect();
    assert_eq!(most[0], Some(10));
    assert!(most[..4].is_sorted(), "{most:?}");
    assert!(rows[5]["sent_back_in_an_hour"].as_u64().unwrap() <= 10);
    assert!(said("try", false).unwrap().contains("0.1 % (as a rule)"));
}

#[test]
fn a_plan_that_is_not_sound_is_shown_and_refused() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("ours.toml");
    std::fs::write(
        &file,
        "name = \"ours\"\nwatch_ms = 60000\n[[stage]]\nreach = \"all\"\n[[trigger]]\nname = \"worse\"\n\
         measure = \"errors\"\ncompare = true\n",
    )
    .unwrap();
    let line = |edges| format!("plan --cell a:{edges} --template {}", file.display());
    assert!(said(&line(2), false).is_ok());
    for json in [false, true] {
        let error = said(&line(1), json).unwrap_err();
        assert_eq!(error, "this plan is not sound");
    }
}
