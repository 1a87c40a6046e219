//! The command line is what its help says it is.

use std::collections::BTreeSet;
use std::ffi::OsString;

use base::Timestamp;
use clap::error::ErrorKind;
use record::note::{Algorithm, SignerKey};

use super::groups::GROUPS;
use super::parse::{self, When};
use super::{Globals, Task, command, lacks_incident};

fn words(line: &str) -> Vec<OsString> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for character in line.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, ' ') => words.push(String::new()),
            _ => words.last_mut().unwrap().push(character),
        }
    }
    words
        .into_iter()
        .filter(|word| !word.is_empty())
        .map(OsString::from)
        .collect()
}

fn read(line: &str) -> Result<super::Cli, clap::Error> {
    super::parse(words(line))
}

fn refused(line: &str) -> ErrorKind {
    match read(line) {
        Ok(cli) => panic!("{line} was taken as {:?}", cli.task),
        Err(error) => error.kind(),
    }
}

#[test]
fn the_definition_is_sound() {
    command().debug_assert();
}

#[test]
fn a_name_in_capitals_is_refused_with_the_one_that_would_do() {
    let hint = |line: &str| {
        let mut args = vec![OsString::from("hereby")];
        args.extend(words(line));
        let error = super::parse(args.clone()).unwrap_err();
        super::in_lower_case(&error, &args)
    };
    let said = hint("key enroll T2 --person kim").unwrap();
    assert_eq!(said, "write it in lower case: t2");
    let said = hint("assign 1 commander --as=Kim kim").unwrap();
    assert!(said.ends_with(": kim"), "{said}");
    // What is wrong in lower case as well is not suggested.
    assert_eq!(hint("assign 1 commander K!m"), None);
    assert_eq!(hint("show INC-x"), None);
}

#[test]
fn every_subcommand_stands_in_one_group() {
    let command = command();
    let visible: Vec<&str> = command
        .get_subcommands()
        .filter(|it| !it.is_hide_set())
        .map(clap::Command::get_name)
        .collect();
    let grouped: Vec<&str> = GROUPS
        .iter()
        .flat_map(|(_, names)| names.iter().copied())
        .collect();
    let set: BTreeSet<_> = grouped.iter().collect();
    assert_eq!(set.len(), grouped.len());
    assert_eq!(set, visible.iter().collect());
}

fn all(command: &clap::Command) -> Vec<clap::Command> {
    let mut found = vec![command.clone()];
    for subcommand in command.get_subcommands() {
        found.extend(all(subcommand));
    }
    found
}

#[test]
fn first_lines_are_short_and_have_no_full_stop() {
    for command in all(&command()) {
        let about = command
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert!(!about.is_empty(), "{} says nothing", command.get_name());
        assert!(!about.ends_with('.'), "{about}");
        assert!(about.len() <= 72, "{about}");
        for arg in command.get_arguments() {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(!help.is_empty(), "{} {}", command.get_name(), arg.get_id());
            assert!(!help.ends_with('.'), "{help}");
        }
    }
}

#[test]
fn the_overview_fits_five_screens() {
    // A line for each command: who looks for one reads a heading, and then a few lines under it. A screen
    // has 40.
    let help = command().term_width(100).render_help().to_string();
    assert!(
        help.lines().count() <= 200,
        "{} lines",
        help.lines().count()
    );
    let widest = help.lines().map(str::len).max().unwrap();
    assert!(widest <= 100, "{widest} columns");
}

#[test]
fn every_example_in_the_help_is_taken() {
    let signer = SignerKey::from_seed("log.example", Algorithm::Ed25519, [7; 32]).unwrap();
    let vkey = signer.verifier().to_string();
    let mut seen = 0;
    for command in all(&command()) {
        let help = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let help = help
            .replace("\\\n    ", "")
            .replace("$(cat log.vkey)", &vkey)
            .replace("$(cat status.vkey)", &vkey);
        for line in help.lines().filter(|line| line.starts_with("  ")) {
            let Some(at) = line.find("hereby ") else {
                continue;
            };
            // Behind the command: where its output goes, or what it shows.
            let line = &line[at..];
            let line = line.split(" > ").next().unwrap();
            let line = line.split("    ").next().unwrap();
            if let Err(error) = read(line) {
                panic!("{line}\n{error}");
            }
            seen += 1;
        }
    }
    assert!(seen > 25, "{seen}");
}

#[test]
fn an_incident_is_said_in_three_ways() {
    for text in ["7", "INC-7", "inc-7", "Inc-7"] {
        assert_eq!(
            parse::incident(text).unwrap().to_string(),
            "INC-7",
            "{text}"
        );
    }
    for text in [
        "",
        "INC-",
        "0",
        "07",
        "INC-0",
        "7x",
        "-7",
        "INC7",
        "é",
        "INC-99999999999",
    ] {
        assert!(parse::incident(text).is_err(), "{text}");
    }
}

#[test]
fn lengths_of_time_are_read_strictly() {
    for (text, ms) in [
        ("90s", 90_000),
        ("30m", 1_800_000),
        ("2h", 7_200_000),
        ("1h30m", 5_400_000),
        ("90d", 7_776_000_000),
        ("1w", 604_800_000),
        ("250ms", 250),
    ] {
        assert_eq!(parse::duration_ms(text).unwrap(), ms, "{text}");
    }
    for text in [
        "",
        "2",
        "h",
        "2 h",
        "-2h",
        "2y",
        "0s",
        "2h3",
        "9999999999999999d",
        "٣h",
    ] {
        assert!(parse::duration_ms(text).is_err(), "{text}");
    }
}

#[test]
fn a_time_is_a_clock_s_or_seen_from_now() {
    let now: Timestamp = "2017-12-21T08:00:00.000Z".parse().unwrap();
    for (text, at) in [
        ("now", "2017-12-21T08:00:00.000Z"),
        ("10m ago", "2017-12-21T07:50:00.000Z"),
        ("in 2h", "2017-12-21T10:00:00.000Z"),
        ("2017-12-21T07:30:00Z", "2017-12-21T07:30:00.000Z"),
        ("2017-12-21T08:30:00+01:00", "2017-12-21T07:30:00.000Z"),
    ] {
        assert_eq!(
            parse::when(text).unwrap().resolve(now).to_string(),
            at,
            "{text}"
        );
    }
    for text in ["", "yesterday", "07:30", "10m", "ago", "in", "2017-12-21"] {
        assert!(parse::when(text).is_err(), "{text}");
    }
    assert_eq!(parse::when("10m ago"), Ok(When::FromNow(-600_000)));
    let day = parse::day_or_when("2017-12-21").unwrap().resolve(now);
    assert_eq!(day.to_string(), "2017-12-21T00:00:00.000Z");
    assert_eq!(parse::day_or_when("90d ago"), parse::when("90d ago"));
    assert!(parse::day_or_when("2017-13-21").is_err());
    assert!(parse::day_or_when("yesterday").is_err());
}

#[test]
fn labels_holders_and_alerts_are_read() {
    let (name, value) = parse::label("a=b=c").unwrap();
    assert_eq!((&*name, &*value), ("a", "b=c"));
    assert!(parse::label("=x").is_err() && parse::label("x").is_err());
    assert_eq!(parse::holder("person:sam").unwrap().to_string(), "sam");
    for text in ["sam", "person:", "person:Sam", "system:rules", "uid:0"] {
        assert!(parse::holder(text).is_err(), "{text}");
    }
    assert_eq!(parse::alert("DEADbeef").unwrap(), "deadbeef");
    assert!(parse::alert("dea").is_err() && parse::alert("xyzw").is_err());
    assert!(parse::alert(&"a".repeat(33)).is_err());
}

#[test]
fn globals_are_taken_anywhere_on_the_line() {
    let cli = read("hereby ack 7 --json -m 'seen it' --as sam --id page-1").unwrap();
    let globals = cli.globals;
    assert!(globals.json);
    assert_eq!(globals.why.unwrap().as_str(), "seen it");
    assert_eq!(globals.on_behalf_of.unwrap().as_str(), "sam");
    assert_eq!(globals.id.unwrap().as_str(), "page-1");
    let Task::Acknowledge(args) = cli.task else {
        panic!("{:?}", cli.task)
    };
    assert_eq!(args.incident.number(), 7);
    assert!(read("hereby --json ack 7").unwrap().globals.json);
}

#[test]
fn what_is_said_on_the_line_goes_before_the_environment() {
    let from_environment = || Globals {
        url: Some("https://control:7700".to_owned()),
        ..Globals::default()
    };
    assert_eq!(from_environment().settle(true, false).unwrap().url, None);
    assert!(
        from_environment()
            .settle(false, false)
            .unwrap()
            .url
            .is_some()
    );
    assert!(
        from_environment()
            .settle(false, true)
            .unwrap()
            .url
            .is_some()
    );
    assert_eq!(
        refused("hereby incidents --data-dir /srv --url https://control"),
        ErrorKind::ArgumentConflict
    );
}

#[test]
fn a_secret_is_nobody_s_argument() {
    for command in all(&command()) {
        for arg in command.get_arguments() {
            let id = arg.get_id().as_str();
            assert!(!id.contains("secret") && !id.contains("password"), "{id}");
            // `token revoke TOKEN` takes a token's id, which gives nothing away.
            assert!(id != "token" || command.get_name() == "revoke", "{id}");
        }
    }
}

#[test]
fn what_is_missing_or_too_much_is_refused() {
    for line in [
        "hereby status 7",
        "hereby declare",
        "hereby silence service=x",
        "hereby silence --for 2h",
        "hereby maintenance schedule db work",
        "hereby token issue --for person:sam --expires 1d",
        "hereby update 7 text",
        "hereby verify --proof a.proof",
        "hereby clock 7 --to public",
        "hereby impact 7",
        "hereby impact 7 --cost 5",
        "hereby redact",
        "hereby file add 7 a.txt",
    ] {
        assert_eq!(refused(line), ErrorKind::MissingRequiredArgument, "{line}");
    }
    for line in [
        "hereby maintenance schedule db work --until now --for 2h",
        "hereby verify DIR --bundle b.json",
        "hereby incidents --pin sha256:00 --ca-file f",
        "hereby clock 7 --to public --every 1h --stop",
        "hereby redact 7 --person sam",
        "hereby tick 7 0",
        "hereby tick 7 1.0",
        "hereby tick 7 1.2.3",
        "hereby correct 7 abc x",
        "hereby impact 7 --cost 5 --currency eur",
        "hereby template save t --update-every public",
        "hereby template save t --update-every all=1h",
    ] {
        let kind = refused(line);
        let expected = [ErrorKind::ArgumentConflict, ErrorKind::ValueValidation];
        assert!(expected.contains(&kind), "{line}: {kind:?}");
    }
    assert_eq!(refused("hereby status 7 resolved"), ErrorKind::InvalidValue);
    assert_eq!(
        refused("hereby declare x --severity 6"),
        ErrorKind::ValueValidation
    );
}

#[test]
fn only_a_missing_or_wrong_incident_asks_for_the_open_ones() {
    let asks = |line: &str| lacks_incident(&read(line).map(|_| ()).unwrap_err());
    assert!(asks("hereby show"));
    assert!(asks("hereby ack x"));
    assert!(asks("hereby assign"));
    assert!(!asks("hereby declare"));
    assert!(!asks("hereby show 7 --colour"));
    assert!(!asks("hereby update 7 x"));
    assert!(asks("hereby tick"));
    assert!(asks("hereby task add"));
    assert!(!asks("hereby task add 7"));
}

#[test]
fn a_wrong_line_still_says_how_to_answer() {
    let of = |line| super::globals_of_wrong_line(&words(line));
    assert!(of("hereby nonsense --json").json);
    assert!(of("hereby show --json").json);
    assert!(!of("hereby show").json);
    let dir = of("hereby show --data-dir /srv").data_dir;
    assert_eq!(dir.as_deref(), Some(std::path::Path::new("/srv")));
}

#[test]
fn an_act_is_named_by_its_place_or_its_first_digits() {
    use parse::ActRef;
    let index = |at| Ok(ActRef::Index(at));
    assert_eq!(parse::act("52"), index(52));
    assert_eq!(parse::act("#52"), index(52));
    assert_eq!(parse::act("#1234567"), index(1_234_567));
    let digits = |text: &str| Ok(ActRef::Digits(text.to_owned()));
    assert_eq!(parse::act("3F9A01"), digits("3f9a01"));
    // Six digits may be either; what there is decides.
    assert_eq!(parse::act("123456"), digits("123456"));
    for text in ["", "#", "#x", "-1", "3f9a", "+5", "3f9a0g", &"a".repeat(33)] {
        assert!(parse::act(text).is_err(), "{text}");
    }
}

#[test]
fn a_date_is_the_end_of_its_day() {
    let end = Timestamp::parse_rfc3339("2018-01-29T23:59:59Z").unwrap();
    assert_eq!(parse::due("2018-01-29"), Ok(When::At(end)));
    assert_eq!(parse::due("14d"), Ok(When::FromNow(14 * 86_400_000)));
    assert!(matches!(parse::due("in 2h"), Ok(When::FromNow(_))));
    for text in ["", "2018-13-29", "29.01.2018", "soon", "2018-1-29"] {
        assert!(parse::due(text).is_err(), "{text}");
    }
}
