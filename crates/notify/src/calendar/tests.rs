//! Meetings: the whole object once, then what holds for any.
//!
//! A reader that nobody here wrote takes the same objects in `tests/icalendar.sh`.

use base::{Line, Prose, Timestamp};
use proptest::prelude::*;

use super::*;

fn party(name: Option<&str>, address: &str) -> Party {
    Party {
        name: name.map(|name| name.parse().unwrap()),
        address: address.parse().unwrap(),
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn meeting() -> Meeting {
    Meeting {
        uid: "INC-7/follow-up@ops.example/log".parse().unwrap(),
        sequence: 2,
        stamp: at("2017-12-22T09:00:00.999Z"),
        start: at("2018-01-04T10:00:00Z"),
        end: at("2018-01-04T11:00:00Z"),
        summary: "Follow-up of INC-7: a miner, 3 hosts; what now?"
            .parse()
            .unwrap(),
        description: Some("First line\n\\ and C:\\new".parse().unwrap()),
        location: Some("Room 5, second floor".parse().unwrap()),
        url: Some("https://ops.example/incidents/INC-7".parse().unwrap()),
        invitation: Some(Invitation {
            organizer: party(Some("sam"), "sam@example.org"),
            attendees: vec![
                party(Some("alex \"the\" ^: b; c"), "alex@example.org"),
                party(None, "kim@example.org"),
            ],
        }),
    }
}

/// The content lines, unfolded (RFC 5545 §3.1).
fn unfolded(object: &str) -> Vec<String> {
    let whole = object.replace("\r\n ", "").replace("\r\n\t", "");
    assert!(whole.ends_with("\r\n"));
    whole
        .trim_end_matches("\r\n")
        .split("\r\n")
        .map(str::to_owned)
        .collect()
}

fn value<'a>(lines: &'a [String], name: &str) -> &'a str {
    let found = lines.iter().find_map(|line| line.strip_prefix(name));
    found.unwrap().strip_prefix(':').unwrap()
}

/// Undoes the escaping of a TEXT, as a reader would.
fn plain(escaped: &str) -> String {
    let mut characters = escaped.chars();
    let mut out = String::new();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n' | 'N') => out.push('\n'),
                Some(other @ ('\\' | ';' | ',')) => out.push(other),
                other => panic!("a backslash before {other:?}"),
            },
            ',' | ';' => panic!("`{character}` is not escaped"),
            other => out.push(other),
        }
    }
    out
}

#[test]
fn a_meeting_from_begin_to_end() {
    let object = render(&meeting(), Method::Request).unwrap();
    let expected = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//hereby//hereby//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:REQUEST",
        "BEGIN:VEVENT",
        "UID:INC-7/follow-up@ops.example/log",
        "SEQUENCE:2",
        "DTSTAMP:20171222T090000Z",
        "DTSTART:20180104T100000Z",
        "DTEND:20180104T110000Z",
        "STATUS:CONFIRMED",
        "SUMMARY:Follow-up of INC-7: a miner\\, 3 hosts\\; what now?",
        "DESCRIPTION:First line\\n\\\\ and C:\\\\new",
        "LOCATION:Room 5\\, second floor",
        "URL:https://ops.example/incidents/INC-7",
        "ORGANIZER;CN=\"sam\":mailto:sam@example.org",
        "ATTENDEE;CN=\"alex ^'the^' ^^: b; c\";ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACT",
        " ION;RSVP=TRUE:mailto:alex@example.org",
        "ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:kim@ex",
        " ample.org",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ];
    assert_eq!(object, expected.join("\r\n"));
}

#[test]
fn a_cancellation_differs_in_method_and_status_only() {
    let request = render(&meeting(), Method::Request).unwrap();
    let cancel = render(&meeting(), Method::Cancel).unwrap();
    assert_eq!(
        request
            .replace("METHOD:REQUEST", "METHOD:CANCEL")
            .replace("STATUS:CONFIRMED", "STATUS:CANCELLED"),
        cancel
    );
}

#[test]
fn what_is_not_known_is_left_out() {
    let bare = Meeting {
        description: None,
        location: None,
        url: None,
        invitation: None,
        ..meeting()
    };
    let object = render(&bare, Method::Request).unwrap();
    for absent in ["DESCRIPTION", "LOCATION", "URL", "ORGANIZER", "ATTENDEE"] {
        assert!(!object.contains(absent), "{object}");
    }
}

#[test]
fn a_meeting_that_makes_no_sense_is_refused() {
    let refused = |change: fn(&mut Meeting)| {
        let mut meeting = meeting();
        change(&mut meeting);
        render(&meeting, Method::Request)
    };
    assert_eq!(
        refused(|meeting| meeting.end = meeting.start.plus_ms(999)),
        Err(BadMeeting::EndsTooEarly)
    );
    assert_eq!(
        refused(|meeting| meeting.end = meeting.start.plus_ms(-1)),
        Err(BadMeeting::EndsTooEarly)
    );
    assert_eq!(
        refused(|meeting| meeting.sequence = SEQUENCE_MAX + 1),
        Err(BadMeeting::Sequence)
    );
    assert_eq!(
        refused(|meeting| meeting.invitation.as_mut().unwrap().attendees.clear()),
        Err(BadMeeting::NobodyInvited)
    );
    assert_eq!(
        refused(|meeting| {
            let attendees = &mut meeting.invitation.as_mut().unwrap().attendees;
            *attendees = vec![attendees[0].clone(); ATTENDEES_MAX + 1];
        }),
        Err(BadMeeting::TooManyInvited(201))
    );
    assert!(refused(|meeting| meeting.sequence = SEQUENCE_MAX).is_ok());
}

#[test]
fn a_uid_is_one_word() {
    assert!("INC-7@ops.example:7700/log".parse::<Uid>().is_ok());
    for bad in ["", "a b", "a\r\nb", "ü", "a;b", "a,b", &"x".repeat(255)] {
        assert_eq!(bad.parse::<Uid>(), Err(BadUid), "{bad}");
    }
}

#[test]
fn a_line_of_75_octets_is_whole_and_one_of_76_is_folded() {
    let with_summary = |summary: &str| {
        let summary = summary.parse().unwrap();
        render(
            &Meeting {
                summary,
                ..meeting()
            },
            Method::Request,
        )
        .unwrap()
    };
    // `SUMMARY:` has eight octets.
    let fits = "x".repeat(67);
    assert!(with_summary(&fits).contains(&format!("\r\nSUMMARY:{fits}\r\n")));
    assert!(with_summary(&format!("{fits}y")).contains(&format!("\r\nSUMMARY:{fits}\r\n y\r\n")));
    // A character of two octets that would be split goes to the next line whole.
    let umlaut = format!("{}ü", "x".repeat(66));
    let folded = format!("\r\nSUMMARY:{}\r\n ü\r\n", "x".repeat(66));
    assert!(with_summary(&umlaut).contains(&folded));
    // An escape may be split: unfolding comes first.
    let comma = format!("{},", "x".repeat(66));
    let folded = format!("\r\nSUMMARY:{}\\\r\n ,\r\n", "x".repeat(66));
    assert!(with_summary(&comma).contains(&folded));
}

/// Texts as they may be, with much of what is special in iCalendar.
fn line() -> impl Strategy<Value = Line> {
    "([\\\\;,:\"^ ]|BEGIN:VEVENT|\\\\n|[a-z]|[äß€😀]|\\PC){1,40}"
        .prop_filter_map("a Line", |text: String| text.parse().ok())
}

fn prose() -> impl Strategy<Value = Prose> {
    "([\\\\;,:\"^ \t\n]|\nEND:VEVENT\n|\\\\n|[a-z]{1,9}|[äß€😀]|\\PC){1,200}"
        .prop_filter_map("a Prose", |text: String| text.parse().ok())
}

fn any_meeting() -> impl Strategy<Value = Meeting> {
    let texts = (
        line(),
        proptest::option::of(prose()),
        proptest::option::of(line()),
    );
    let times = (0_i64..=253_402_300_000_000, 1_000_i64..=800_000);
    let names = proptest::collection::vec(proptest::option::of(line()), 1..4);
    (texts, times, 0..=SEQUENCE_MAX, names).prop_map(
        |((summary, description, location), (start, length), sequence, names)| {
            let start = Timestamp::from_ms(start - 62_000_000_000_000);
            let named = |name| Party {
                name,
                address: "a.b&c@example.org".parse().unwrap(),
            };
            Meeting {
                sequence,
                start,
                end: start.plus_ms(length),
                summary,
                description,
                location,
                invitation: Some(Invitation {
                    organizer: named(names[0].clone()),
                    attendees: names.into_iter().map(named).collect(),
                }),
                ..meeting()
            }
        },
    )
}

proptest! {
    #[test]
    fn lines_are_at_most_75_octets_and_end_in_crlf(meeting in any_meeting()) {
        let object = render(&meeting, Method::Request).unwrap();
        let whole = object.strip_suffix("\r\n").unwrap();
        for line in whole.split("\r\n") {
            prop_assert!((1..=75).contains(&line.len()), "{line:?}");
            prop_assert!(!line.contains(['\r', '\n']), "{line:?}");
            prop_assert!(line.chars().all(|c| c == '\t' || !c.is_control()), "{line:?}");
        }
    }

    #[test]
    fn a_reader_gets_back_what_went_in(meeting in any_meeting()) {
        let object = render(&meeting, Method::Cancel).unwrap();
        let lines = unfolded(&object);
        prop_assert_eq!(plain(value(&lines, "SUMMARY")), meeting.summary.as_str());
        if let Some(description) = &meeting.description {
            prop_assert_eq!(plain(value(&lines, "DESCRIPTION")), description.as_str());
        }
        if let Some(location) = &meeting.location {
            prop_assert_eq!(plain(value(&lines, "LOCATION")), location.as_str());
        }
    }

    #[test]
    fn no_field_adds_a_line(meeting in any_meeting()) {
        let lines = unfolded(&render(&meeting, Method::Request).unwrap());
        let attendees = meeting.invitation.as_ref().unwrap().attendees.len();
        let optional = [meeting.description.is_some(), meeting.location.is_some()];
        let present = optional.iter().filter(|there| **there).count();
        prop_assert_eq!(lines.len(), 17 + present + attendees);
        let mut names: Vec<_> = lines
            .iter()
            .map(|line| line.split([':', ';']).next().unwrap())
            .collect();
        names.dedup_by(|a, b| a == b && *a == "ATTENDEE");
        let mut expected = vec![
            "BEGIN", "VERSION", "PRODID", "CALSCALE", "METHOD", "BEGIN", "UID", "SEQUENCE",
            "DTSTAMP", "DTSTART", "DTEND", "STATUS", "SUMMARY", "DESCRIPTION", "LOCATION", "URL",
            "ORGANIZER", "ATTENDEE", "END", "END",
        ];
        expected.retain(|name| match *name {
            "DESCRIPTION" => meeting.description.is_some(),
            "LOCATION" => meeting.location.is_some(),
            _ => true,
        });
        prop_assert_eq!(names, expected);
    }

    #[test]
    fn a_quoted_parameter_ends_where_it_should(name in line()) {
        let quoted = parameter(name.as_str());
        let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap();
        prop_assert!(!inner.contains('"'));
        let mut back = String::new();
        let mut characters = inner.chars();
        while let Some(character) = characters.next() {
            back.push(match character {
                '^' => match characters.next() {
                    Some('^') => '^',
                    Some('\'') => '"',
                    other => panic!("a caret before {other:?}"),
                },
                other => other,
            });
        }
        prop_assert_eq!(back, name.as_str());
    }
}
