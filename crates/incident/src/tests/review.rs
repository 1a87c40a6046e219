//! Reviews: what they say of an incident, to whom, and that edits of several people lose nothing.

use std::collections::{BTreeMap, BTreeSet};

use base::{ActId, Line, PersonName};
use proptest::prelude::*;
use record::command::{
    Ask, Assign, Ban, CatchUp, Correct, Decide, Note, OpenFollowup, PublishReview, Resolve,
    ScheduleMeeting, StampTime, StateFinding, StateImpact, Update, WithdrawFinding,
};
use record::hash;
use record::kinds::incident::{Audience, BlobRef, Role, Stamp};
use record::kinds::review::{Reach, ReviewAudience, Section};
use record::kinds::work::DataHarm;

use super::*;
use crate::document::{
    ClockStart, Document, Evidence, Issue, Placed, Regulator, compose, html, markdown,
};

/// Everything on the record about an incident, as a reader finds it.
fn placed(world: &World, incident: u32) -> Vec<Placed> {
    let acts = (0..).zip(&world.record);
    let own = acts.filter(|(_, act)| act.subject == Subject::Incident(inc(incident)));
    let placed = own.map(|(index, act)| Placed {
        index,
        act: act.clone(),
    });
    placed.collect()
}

fn people() -> BTreeMap<PersonName, Option<Line>> {
    let named = |(handle, name): (&str, &str)| (word(handle), Some(word(name)));
    let mut people: BTreeMap<_, _> = [("kim", "Kim Sample"), ("alex", "Alex Sample")]
        .map(named)
        .into();
    people.insert(word("sam"), None);
    people
}

fn regulators() -> Vec<Regulator> {
    let hours = |hours: i64| hours * HOUR;
    let regulator = |name: &str, from, within_ms| Regulator {
        name: word(name),
        from,
        within_ms,
        when_data: BTreeSet::new(),
        severity_at_most: None,
    };
    vec![
        Regulator {
            when_data: [DataHarm::Read, DataHarm::Lost].into(),
            ..regulator("GDPR Art. 33", ClockStart::Detected, hours(72))
        },
        Regulator {
            severity_at_most: Some(sev(1)),
            ..regulator("NIS2, early warning", ClockStart::Detected, hours(24))
        },
        regulator("DORA, first report", ClockStart::Classified, hours(4)),
    ]
}

fn written(world: &World, incident: u32, audience: ReviewAudience) -> Document {
    let (acts, people, regulators) = (placed(world, incident), people(), regulators());
    let evidence = Evidence {
        id: inc(incident),
        acts: &acts,
        done_for: &[],
        cited: &[],
        people: &people,
        now: world.now,
        regulators: &regulators,
    };
    compose(&evidence, audience).unwrap()
}

fn issues(document: &Document) -> Vec<(Issue, &'static str)> {
    let remarks = document.remarks.iter();
    remarks.map(|it| (it.issue, it.place)).collect()
}

/// Asks for it, and says which act it became.
fn done(world: &mut World, who: &str, verb: impl Into<Verb>) -> ActId {
    world.ask_as(who, verb).unwrap();
    world.record.last().unwrap().id
}

/// The same, for a reason.
fn done_because(world: &mut World, who: &str, verb: impl Into<Verb>, why: &str) -> ActId {
    let act = done(world, who, verb);
    world.record.last_mut().unwrap().why = Some(word::<base::Prose>(why).into());
    act
}

fn finding(section: Section, text: &str, cites: &[ActId]) -> StateFinding {
    StateFinding {
        cites: cites.to_vec(),
        incident: inc(1),
        reach: None,
        replaces: Vec::new(),
        section,
        text: word(text),
    }
}

fn note(text: &str) -> Note {
    Note {
        blobs: Vec::new(),
        incident: inc(1),
        text: word(text),
    }
}

fn stamp(world: &mut World, who: &str, stamp: Stamp, ago_ms: i64) -> ActId {
    let at = Some(world.now.plus_ms(-ago_ms));
    let incident = inc(1);
    done(
        world,
        who,
        StampTime {
            at,
            incident,
            stamp,
        },
    )
}

/// A miner on a build machine, from its declaration to the review.
#[expect(clippy::too_many_lines, reason = "a story in one piece")]
fn miner() -> World {
    let mut world = World::new();
    let mut declared = declare("A miner runs on the build machine");
    declared.service = Some(word("builds"));
    done(&mut world, "sam", declared);
    for (role, person) in [
        (Role::Commander, "kim"),
        (Role::Operations, "alex"),
        (Role::Operations, "robin"),
        (Role::Communications, "sam"),
    ] {
        let (incident, person) = (inc(1), word(person));
        let assign = Assign {
            incident,
            person,
            role,
        };
        world.appoint(assign).unwrap();
    }
    world.wait(5 * MINUTE);
    let crontab = done(
        &mut world,
        "alex",
        note("It is in root's crontab:\n    * * * * * /tmp/.x\n# not a heading"),
    );
    let severity = sev(1);
    let incident = inc(1);
    done(
        &mut world,
        "kim",
        record::command::SetSeverity { incident, severity },
    );
    let ask = Ask {
        incident,
        person: Some(word("robin")),
        text: word("Did the image change the firewall?"),
    };
    done(&mut world, "sam", ask);
    let decide = Decide {
        decision: word("Tear the machine down and build it again"),
        incident,
        options: vec![word("Clean it"), word("Isolate it and wait")],
    };
    world.wait(10 * MINUTE);
    let decided = done_because(
        &mut world,
        "kim",
        decide,
        "nobody can say what else was changed",
    );
    let update = Update {
        page: None,
        audience: Audience::Public,
        incident,
        status: None,
        text: word("Builds are stopped. Your code was not touched."),
    };
    done(&mut world, "sam", update);
    stamp(&mut world, "alex", Stamp::ImpactStart, 20 * MINUTE);
    stamp(&mut world, "alex", Stamp::Detected, 15 * MINUTE);
    stamp(&mut world, "robin", Stamp::Diagnosed, 5 * MINUTE);
    world.wait(HOUR);
    stamp(&mut world, "alex", Stamp::Mitigated, MINUTE);
    let correct = Correct {
        act: crontab,
        incident,
        text: word("It was in /etc/cron.d, not in root's crontab"),
    };
    done(&mut world, "robin", correct);
    let acts = 9;
    let person = Some(word("sam"));
    done(
        &mut world,
        "sam",
        CatchUp {
            acts,
            incident,
            person,
        },
    );
    let impact = StateImpact {
        cost_minor: Some(1_234_567),
        currency: Some("EUR".parse().unwrap()),
        customers: Some(1_200),
        data: Some(DataHarm::None),
        incident,
    };
    done(&mut world, "sam", impact);
    let summary = Some(word("The machine was built again from a clean image"));
    done(&mut world, "kim", Resolve { incident, summary });
    review_of_miner(&mut world, crontab, decided);
    world
}

#[expect(clippy::too_many_lines, reason = "a story in one piece")]
fn review_of_miner(world: &mut World, crontab: ActId, decided: ActId) {
    use Section as S;
    let incident = inc(1);
    world.wait(DAY);
    let mut say = |who: &str, section, text: &str, cites: &[ActId]| {
        done(world, who, finding(section, text, cites))
    };
    say(
        "sam",
        S::Abstract,
        "A miner ran on the build machine for an hour.",
        &[],
    );
    let problem = say(
        "sam",
        S::Problem,
        "The management interface was open to the internet.",
        &[crontab],
    );
    say(
        "kim",
        S::ContributingFactor,
        "The firewall failed open when its rules did not load.",
        &[crontab],
    );
    say(
        "alex",
        S::SoonerDetection,
        "CPU of build machines is not watched.",
        &[crontab],
    );
    say(
        "kim",
        S::Worked,
        "The alert on restarts found it in five minutes: it watches the machine from outside.",
        &[],
    );
    say(
        "robin",
        S::NearMiss,
        "Its credentials could have reached the artefact store, and were not used.",
        &[decided],
    );
    say(
        "sam",
        S::CustomersWhat,
        "A build machine was misused by strangers. We stopped all builds while we made sure of it.",
        &[],
    );
    say(
        "sam",
        S::CustomersData,
        "The machine held no customer's code at that time.",
        &[],
    );
    say(
        "sam",
        S::CustomersActions,
        "We built it again, and closed the way in.",
        &[],
    );
    say(
        "sam",
        S::CustomersNext,
        "We write here again on 12 January 2018.",
        &[],
    );
    say(
        "kim",
        S::ResidualRisk,
        "Other machines of that image may have the same interface.",
        &[],
    );
    let learned = StateFinding {
        reach: Some(Reach::Organisation),
        ..finding(
            S::Learned,
            "An image is a door: list what listens in it before it is used.",
            &[],
        )
    };
    done(world, "robin", learned);
    // Two people mend the same sentence at the same time.
    for (who, text) in [
        (
            "alex",
            "The management interface listened on all addresses.",
        ),
        (
            "robin",
            "Nobody knew that the image has a management interface.",
        ),
    ] {
        let replaces = vec![problem];
        let text = finding(S::Problem, text, &[crontab]);
        done(world, who, StateFinding { replaces, ..text });
    }
    let open = OpenFollowup {
        due_at: world.now.plus_ms(7 * DAY),
        incident,
        owner: word("alex"),
        text: word("Watch CPU of build machines"),
    };
    done(world, "kim", open);
    let meeting = ScheduleMeeting {
        incident,
        minutes: 60,
        place: Some(word("Room 2")),
        starts_at: word("2018-01-29T15:00:00.000Z"),
    };
    done(world, "kim", meeting);
    let publish = PublishReview {
        audience: ReviewAudience::Internal,
        document: BlobRef {
            bytes: 4,
            name: None,
            sha256: hash::sha256(&[b"text"]),
        },
        incident,
    };
    done(world, "sam", publish);
    world.wait(10 * DAY);
}

/// The document is the one that is kept, byte for byte. `HEREBY_GOLDEN=write` keeps the new one.
#[expect(
    clippy::disallowed_methods,
    reason = "a test that keeps what a person has looked at"
)]
fn golden(name: &str, kept: &str, written: &str) {
    if std::env::var("HEREBY_GOLDEN").is_ok_and(|it| it == "write") {
        let path = format!("{}/src/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, written).unwrap();
        return;
    }
    let lines = kept.lines().zip(written.lines()).enumerate();
    for (number, (kept, written)) in lines {
        assert_eq!(
            kept,
            written,
            "{name}, line {}: look, then HEREBY_GOLDEN=write",
            number + 1
        );
    }
    assert_eq!(kept.len(), written.len(), "{name}: one is longer");
}

const GOLDEN: [(ReviewAudience, &str, &str); 3] = [
    (
        ReviewAudience::Internal,
        include_str!("golden/internal.markdown"),
        include_str!("golden/internal.html"),
    ),
    (
        ReviewAudience::Customers,
        include_str!("golden/customers.markdown"),
        include_str!("golden/customers.html"),
    ),
    (
        ReviewAudience::Executive,
        include_str!("golden/executive.markdown"),
        include_str!("golden/executive.html"),
    ),
];

#[test]
fn one_incident_gives_three_documents() {
    let world = miner();
    for (audience, as_markdown, as_html) in GOLDEN {
        let document = written(&world, 1, audience);
        let name = audience.as_str();
        golden(
            &format!("{name}.markdown"),
            as_markdown,
            &markdown(&document),
        );
        golden(&format!("{name}.html"), as_html, &html(&document));
    }
}

#[test]
fn the_same_acts_give_the_same_bytes() {
    let (one, two) = (miner(), miner());
    for audience in ReviewAudience::ALL {
        let (one, two) = (written(&one, 1, *audience), written(&two, 1, *audience));
        assert_eq!(html(&one), html(&two));
        assert_eq!(markdown(&one), markdown(&two));
    }
}

#[test]
fn names_stand_under_people_and_nowhere_else() {
    let world = miner();
    let document = written(&world, 1, ReviewAudience::Internal);
    for name in ["kim", "alex", "robin", "Sample"] {
        for chapter in &document.chapters {
            let alone = Document {
                chapters: vec![chapter.clone()],
                title: String::new(),
                ..document.clone()
            };
            let stands = markdown(&alone).contains(name);
            assert_eq!(
                stands,
                chapter.anchor == "people",
                "{name}: {}",
                chapter.heading
            );
        }
    }
    for audience in [ReviewAudience::Customers, ReviewAudience::Executive] {
        let text = markdown(&written(&world, 1, audience));
        for name in ["kim", "alex", "robin", "sam ", "Sample"] {
            assert!(!text.contains(name), "{name}:\n{text}");
        }
    }
}

#[test]
fn customers_read_nothing_that_was_said_inside() {
    let world = miner();
    let text = html(&written(&world, 1, ReviewAudience::Customers));
    assert!(text.contains("A build machine was misused"));
    assert!(text.contains("Your code was not touched"));
    for inside in [
        "crontab",
        "miner",
        "firewall",
        "commander",
        "/api/v1/acts",
        "1,200",
        "EUR",
    ] {
        assert!(!text.contains(inside), "{inside}");
    }
}

#[test]
fn a_name_in_a_text_is_pointed_out_where_it_stands() {
    let mut world = miner();
    let text = "Ask Kim Sample, sam's chief. Samples and kimono are no people.";
    done(
        &mut world,
        "alex",
        finding(Section::CustomersWhat, text, &[]),
    );
    let named = |document: &Document| -> Vec<(String, &'static str)> {
        let remarks = document.remarks.iter().filter(|it| it.issue == Issue::Name);
        remarks
            .map(|it| (it.name.clone().unwrap(), it.place))
            .collect()
    };
    let customers = written(&world, 1, ReviewAudience::Customers);
    assert_eq!(
        named(&customers),
        [
            ("kim sample".to_owned(), "What happened"),
            ("sam".to_owned(), "What happened"),
        ]
    );
    assert!(
        customers
            .remarks
            .iter()
            .all(|it| it.issue != Issue::Name || it.issue.holds_back())
    );
    assert_eq!(named(&written(&world, 1, ReviewAudience::Executive)), []);
}

#[test]
fn names_in_what_was_said_then_are_replaced_as_editors_do() {
    let mut world = World::new();
    done(&mut world, "sam", declare("KIM's checkout fails"));
    let assign = Assign {
        incident: inc(1),
        person: word("kim"),
        role: Role::Commander,
    };
    done(&mut world, "sam", assign);
    let decide = Decide {
        decision: word("Kim Sample rolls back, not alex.b or alex"),
        incident: inc(1),
        options: vec![word("alex")],
    };
    done(&mut world, "kim", decide);
    let update = Update {
        page: None,
        audience: Audience::Public,
        incident: inc(1),
        status: None,
        text: word("Ask kim"),
    };
    done(&mut world, "sam", update);
    let executive = written(&world, 1, ReviewAudience::Executive);
    let text = markdown(&executive);
    assert_eq!(executive.title, "INC-1: [the commander]'s checkout fails");
    assert!(
        text.contains("\\[the commander\\] rolls back, not \\[somebody\\].b or \\[somebody\\]"),
        "{text}"
    );
    assert!(text.contains("considered: \\[somebody\\]"), "{text}");
    let customers = written(&world, 1, ReviewAudience::Customers);
    assert!(markdown(&customers).contains("Ask \\[the commander\\]"));
    for document in [executive, customers] {
        assert!(document.remarks.iter().all(|it| it.issue != Issue::Name));
    }
    // Inside it stands as it was said, and is pointed out.
    let internal = written(&world, 1, ReviewAudience::Internal);
    assert!(markdown(&internal).contains("> Ask kim"));
    assert!(issues(&internal).contains(&(Issue::Name, "Timeline")));
}

#[test]
fn a_new_incident_lacks_everything_and_says_so() {
    let mut world = World::new();
    done(&mut world, "sam", declare("Checkout fails"));
    let document = written(&world, 1, ReviewAudience::Internal);
    let issues = issues(&document);
    let count = |issue| issues.iter().filter(|(it, _)| *it == issue).count();
    assert_eq!(count(Issue::MissingSection), 8);
    assert_eq!(count(Issue::MissingTime), 4);
    assert_eq!(issues.len(), 12);
    let text = markdown(&document);
    assert!(text.contains("NOT OVER") && text.contains("not on the record"));
    assert!(
        document.remarks[0]
            .next
            .starts_with("hereby finding add INC-1 abstract")
    );
}

#[test]
fn a_fact_needs_an_act_that_is_there_and_is_about_this() {
    let mut world = World::new();
    let other = done(&mut world, "sam", declare("Another one"));
    let own = done(&mut world, "sam", declare("Checkout fails"));
    let nowhere = ActId::from_bytes([7; 16]);
    let said = |text: &str, cites: &[ActId]| StateFinding {
        incident: inc(2),
        ..finding(Section::Problem, text, cites)
    };
    done(&mut world, "sam", said("Shown", &[own]));
    done(&mut world, "sam", said("Not shown", &[]));
    done(&mut world, "sam", said("Shown elsewhere", &[other]));
    done(&mut world, "sam", said("Shown nowhere", &[nowhere]));
    let (acts, people) = (placed(&world, 2), BTreeMap::new());
    let cited = [Placed {
        index: 0,
        act: world.record[0].clone(),
    }];
    let evidence = Evidence {
        id: inc(2),
        acts: &acts,
        done_for: &[],
        cited: &cited,
        people: &people,
        now: world.now,
        regulators: &[],
    };
    let document = compose(&evidence, ReviewAudience::Internal).unwrap();
    let wrong = document.remarks.iter();
    let wrong = wrong.filter(|it| matches!(it.issue, Issue::Uncited | Issue::StrayCitation));
    let wrong: Vec<&str> = wrong.map(|it| it.says.as_str()).collect();
    assert_eq!(wrong.len(), 3, "{wrong:?}");
    assert!(wrong[0].contains("cites no act"));
    assert!(wrong[1].contains("is about incident INC-1"));
    assert!(wrong[2].contains("is not on the record"));
    assert!(markdown(&document).contains("07070707 (not on the record)"));
}

#[test]
fn two_versions_stand_side_by_side_until_somebody_settles_it() {
    let mut world = miner();
    let document = written(&world, 1, ReviewAudience::Internal);
    let versions: Vec<_> = document
        .findings
        .iter()
        .filter(|it| it.group.is_some())
        .collect();
    assert_eq!(versions.len(), 2);
    assert!(issues(&document).contains(&(Issue::TwoVersions, "The problem")));
    // One of the two is changed once more: they still are versions of the same.
    let first = versions[0].saying.act.act;
    let second = versions[1].saying.act.act;
    let again = StateFinding {
        replaces: vec![first],
        ..finding(Section::Problem, "It listened on all addresses", &[])
    };
    let third = done(&mut world, "alex", again);
    let document = written(&world, 1, ReviewAudience::Internal);
    assert!(issues(&document).contains(&(Issue::TwoVersions, "The problem")));
    let settled = StateFinding {
        replaces: vec![second, third],
        ..finding(
            Section::Problem,
            "Nobody knew of it, and it was open",
            &[second],
        )
    };
    done(&mut world, "kim", settled);
    let document = written(&world, 1, ReviewAudience::Internal);
    assert!(document.findings.iter().all(|it| it.group.is_none()));
    // What was said before is in the history, with what replaced it.
    let text = markdown(&document);
    let (_, history) = text.split_once("## History").unwrap();
    assert!(history.contains("listened on all addresses") && history.contains("replaced by"));
}

#[test]
fn what_was_erased_is_said_to_be_erased() {
    let mut world = miner();
    let place = record::sealed::Place {
        act: ActId::from_bytes([1; 16]),
        digest: CommandDigest::from_bytes([0; 16]),
        field: "body.text",
    };
    let key = record::sealed::SubjectKey::from_bytes([9; 32]);
    let name = word("incident/INC-1");
    for act in &mut world.record {
        if let Body::IncidentNoted(noted) = &mut act.body {
            noted.text.seal(&key, &name, &place);
        }
    }
    let text = markdown(&written(&world, 1, ReviewAudience::Internal));
    assert!(text.contains("(sealed)") && !text.contains("(erased)"));
    let redacted = record::kinds::work::IncidentRedacted {};
    let mut act = world.record.last().unwrap().clone();
    act.id = ActId::from_bytes([2; 16]);
    act.body = redacted.into();
    world.record.push(act);
    let text = markdown(&written(&world, 1, ReviewAudience::Internal));
    assert!(!text.contains("(sealed)") && text.contains("(erased)") && text.contains("ERASED"));
}

#[test]
fn clocks_of_regulators_run_from_what_the_record_says() {
    let mut world = miner();
    let table = |world: &World| {
        let text = markdown(&written(world, 1, ReviewAudience::Executive));
        let (_, behind) = text.split_once("## Clocks").unwrap();
        let (table, _) = behind.split_once("## ").unwrap();
        table.to_owned()
    };
    let before = table(&world);
    // No data was harmed; it is SEV1; the severity that stands was set at 7:35.
    assert!(before.contains("GDPR Art. 33 | no |"), "{before}");
    assert!(
        before.contains("NIS2, early warning | yes | detected, 2017-12-21 07:30 UTC"),
        "{before}"
    );
    assert!(
        before.contains("classified, 2017-12-21 07:35 UTC"),
        "{before}"
    );
    assert!(before.contains("2017-12-21 11:35 UTC, PAST by"), "{before}");
    let impact = StateImpact {
        cost_minor: None,
        currency: None,
        customers: None,
        data: Some(DataHarm::Read),
        incident: inc(1),
    };
    done(&mut world, "sam", impact);
    let unknown = StampTime {
        at: None,
        incident: inc(1),
        stamp: Stamp::Detected,
    };
    done(&mut world, "sam", unknown);
    let after = table(&world);
    assert!(
        after.contains("GDPR Art. 33 | yes | detected: not on the record"),
        "{after}"
    );
    assert!(after.contains("not known: the clock's start"), "{after}");
}

#[test]
fn a_drill_is_marked_for_everyone_and_no_clock_runs() {
    let mut world = World::new();
    let drill = true;
    let declared = declare("Lose the primary database");
    done(&mut world, "sam", Declare { drill, ..declared });
    for audience in ReviewAudience::ALL {
        let text = html(&written(&world, 1, *audience));
        assert!(text.contains("DRILL"), "{audience:?}");
    }
    let text = markdown(&written(&world, 1, ReviewAudience::Executive));
    assert!(text.contains("no clock runs"));
}

#[test]
fn nothing_that_people_write_becomes_markup() {
    let mut world = World::new();
    let hostile = "<script>alert(1)</script> ![x](http://x) [a](javascript:b) \"'>&amp; **b** | \
                   `c`\n# h1\n- item\n1. one\n    code\n---\n===\n> quote\n```";
    let title = declare("<img src=x onerror=alert(1)> *t* [l](u)");
    done(&mut world, "sam", title);
    done_because(&mut world, "sam", note(hostile), hostile);
    done(&mut world, "sam", finding(Section::Abstract, hostile, &[]));
    done(
        &mut world,
        "sam",
        finding(Section::CustomersWhat, hostile, &[]),
    );
    for audience in ReviewAudience::ALL {
        let document = written(&world, 1, *audience);
        let page = html(&document);
        for markup in ["<script", "<img", "href=\"javascript", "&amp;amp; **b**\""] {
            assert!(!page.contains(markup), "{markup}");
        }
        // Every tag is one of this program's, and there are no two of one id.
        let ids: Vec<&str> = page
            .split(" id=\"")
            .skip(1)
            .map(|it| it.split('"').next().unwrap())
            .collect();
        let distinct: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), distinct.len());
        let text = markdown(&document);
        for line in text.lines() {
            let line = line.trim_start_matches([' ', '>']);
            assert!(
                !line.starts_with("# h1") && !line.starts_with("- item"),
                "{line}"
            );
            assert!(
                !line.starts_with("1. one") && !line.starts_with("==="),
                "{line}"
            );
            assert!(!line.starts_with("```"), "{line}");
            for (at, _) in line.match_indices("](") {
                let ours = line[at..].starts_with("](/api/v1/acts/");
                assert!(ours || line[..at].ends_with('\\'), "{line}");
            }
            assert!(
                !line.contains("<script") || line.contains("\\<script"),
                "{line}"
            );
        }
    }
}

#[test]
fn follow_ups_that_are_overdue_say_by_how_much() {
    let world = miner();
    let text = markdown(&written(&world, 1, ReviewAudience::Internal));
    let (_, behind) = text.split_once("## Follow-ups").unwrap();
    let row = behind
        .lines()
        .find(|line| line.starts_with("| 1 |"))
        .unwrap();
    assert!(
        row.contains("OVERDUE by 3 d") && row.contains("operations 1"),
        "{row}"
    );
    assert!(behind.contains("People meet to follow up at 2018-01-29 15:00 UTC for 1 h, Room 2"));
}

#[test]
fn who_knew_what_is_said_only_where_the_record_shows_it() {
    let world = miner();
    let text = markdown(&written(&world, 1, ReviewAudience::Internal));
    let (_, behind) = text.split_once("## Who knew what when").unwrap();
    let row = |part: &str| {
        let begin = format!("| {part} |");
        let mut lines = behind.lines();
        lines
            .find(|line| line.starts_with(&begin))
            .unwrap()
            .to_owned()
    };
    let cells =
        |part: &str| -> Vec<String> { row(part).split(" | ").skip(1).map(str::to_owned).collect() };
    let communications = cells("communications");
    assert!(communications[0].contains("did it"), "declared by them");
    assert!(
        communications[2].contains("read so far"),
        "{communications:?}"
    );
    let operations = cells("operations 2");
    assert!(
        operations[0].contains("took part") && operations[1].contains("did it"),
        "{operations:?}"
    );
    assert!(
        operations[2].contains("not on the record"),
        "{operations:?}"
    );
    assert!(cells("the commander")[2].contains("did it"));
}

/// What one of two people does to the review. They name findings of the base by number, and their
/// own by how long ago they said them.
#[derive(Clone, Debug)]
enum Edit {
    Say,
    Replace(Vec<prop::sample::Index>),
    Withdraw(prop::sample::Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        1 => Just(Edit::Say),
        3 => prop::collection::vec(any::<prop::sample::Index>(), 1..4).prop_map(Edit::Replace),
        1 => any::<prop::sample::Index>().prop_map(Edit::Withdraw),
    ]
}

/// Somebody who edits: what they know is the base, and what they said themselves.
struct Editor {
    who: &'static str,
    knows: Vec<ActId>,
    left: std::vec::IntoIter<Edit>,
    step: u32,
}

impl Editor {
    /// Does the next edit; says which findings it took away knowingly. It is refused if the other
    /// one was there first; then it takes away nothing.
    fn next(&mut self, world: &mut World, gone: &mut BTreeSet<ActId>) -> bool {
        let Some(edit) = self.left.next() else {
            return false;
        };
        self.step += 1;
        let pick = |index: prop::sample::Index| *index.get(&self.knows);
        let text = format!("{} says {}", self.who, self.step);
        let verb: Verb = match edit {
            Edit::Say => finding(Section::Problem, &text, &[]).into(),
            Edit::Replace(which) => {
                let replaces: Vec<ActId> = which.into_iter().map(pick).collect();
                gone.extend(&replaces);
                let new = finding(Section::Problem, &text, &[]);
                StateFinding { replaces, ..new }.into()
            }
            Edit::Withdraw(which) => {
                let finding = pick(which);
                gone.insert(finding);
                let incident = inc(1);
                WithdrawFinding { finding, incident }.into()
            }
        };
        let actor = Actor::Person { id: word(self.who) };
        let context = Context::new(&actor, world.now, &world.rules);
        if let Ok(drafts) = decide(&world.state, &verb, &context).unwrap() {
            // The id follows from who does it and how many times before, whatever the other does.
            let id: CommandId = word(&format!("{}:{}", self.who, self.step));
            let states = matches!(verb, Verb::StateFinding(_));
            world.take(&id, &actor, drafts);
            self.knows.extend(states.then(|| act_id(&id, 0)));
        }
        true
    }
}

/// Both edit from the same base, in this order; says what stands, and what nobody took away.
fn edited(
    base: usize,
    edits: [&[Edit]; 2],
    order: &[bool],
) -> (World, BTreeSet<ActId>, BTreeSet<ActId>) {
    let mut world = World::new();
    done(&mut world, "sam", declare("Checkout fails"));
    let knows: Vec<ActId> = (0..base)
        .map(|number| {
            let text = format!("base {number}");
            done(&mut world, "sam", finding(Section::Problem, &text, &[]))
        })
        .collect();
    let editor = |who, edits: &[Edit]| Editor {
        who,
        knows: knows.clone(),
        left: Vec::from(edits).into_iter(),
        step: 0,
    };
    let [mut one, mut two] = [editor("alex", edits[0]), editor("robin", edits[1])];
    let mut gone = BTreeSet::new();
    for first in order {
        let editor = if *first { &mut one } else { &mut two };
        editor.next(&mut world, &mut gone);
    }
    while one.next(&mut world, &mut gone) || two.next(&mut world, &mut gone) {}
    let review = &world.state.incidents[&inc(1)].review;
    let standing = review.findings.iter().filter(|(_, stands)| **stands);
    let standing = standing.map(|(id, _)| *id).collect();
    let all = review.findings.keys().copied();
    let untouched = all.filter(|id| !gone.contains(id)).collect();
    (world, standing, untouched)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn merging_the_edits_of_two_people_loses_nothing(
        base in 1_usize..5,
        one in prop::collection::vec(edit(), 0..8),
        two in prop::collection::vec(edit(), 0..8),
        order in prop::collection::vec(any::<bool>(), 0..16),
        other_order in prop::collection::vec(any::<bool>(), 0..16),
    ) {
        let (world, standing, untouched) = edited(base, [&one, &two], &order);
        // What nobody withdrew or knowingly replaced stands, and nothing else does.
        prop_assert_eq!(&standing, &untouched);
        // Whoever was first.
        let (_, otherwise, _) = edited(base, [&one, &two], &other_order);
        prop_assert_eq!(&standing, &otherwise);
        // The document shows all that stands, and keeps all that does not.
        let document = written(&world, 1, ReviewAudience::Internal);
        let shown: BTreeSet<ActId> = document.findings.iter().map(|it| it.saying.act.act).collect();
        prop_assert_eq!(&shown, &standing);
        let text = markdown(&document);
        for act in &world.record {
            if let Body::FindingStated(stated) = &act.body {
                prop_assert_eq!(text.matches(&format!("> {}\n", stated.text)).count(), 1);
            }
        }
    }
}

#[test]
fn what_was_done_for_it_stands_in_the_timeline_where_it_happened() {
    let mut world = World::new();
    done(&mut world, "sam", declare("Logins fail"));
    let ban = Ban {
        prefix: word("192.0.2.0/24"),
        ends_at: None,
        incident: Some(inc(1)),
    };
    done_because(&mut world, "sam", ban, "it tries passwords");
    done(&mut world, "sam", note("It is quiet"));
    let (acts, people) = (placed(&world, 1), people());
    let every = (0..).zip(&world.record);
    let others = every.filter(|(_, act)| act.subject != Subject::Incident(inc(1)));
    let done_for: Vec<Placed> = others
        .map(|(index, act)| Placed {
            index,
            act: act.clone(),
        })
        .collect();
    assert_eq!(done_for.len(), 1);
    let evidence = Evidence {
        id: inc(1),
        acts: &acts,
        done_for: &done_for,
        cited: &[],
        people: &people,
        now: world.now,
        regulators: &[],
    };
    let text = markdown(&compose(&evidence, ReviewAudience::Internal).unwrap());
    let timeline = text.split("## Timeline").nth(1).unwrap();
    let places = [
        "declared it",
        "banned 192.0.2.0/24",
        "it tries passwords",
        "noted",
    ]
    .map(|what| {
        timeline
            .find(what)
            .unwrap_or_else(|| panic!("{what}: {text}"))
    });
    assert!(places.is_sorted(), "{places:?}");
    assert!(text.contains("Made from 3 acts"), "{text}");
    let customers = markdown(&compose(&evidence, ReviewAudience::Customers).unwrap());
    assert!(!customers.contains("192.0.2"), "{customers}");
}
