//! Writes meetings that are hard to read, and beside each what a reader should find in it.
//!
//! `meetings DIR` makes `DIR/NAME.ics` and `DIR/NAME.json`; `tests/icalendar.sh` gives both to a
//! library that nobody here wrote.

use std::error::Error;
use std::path::Path;

use base::Timestamp;
use notify::calendar::{Invitation, Meeting, Method, Party, render};
use serde_json::{Value, json};

type Failing<T> = Result<T, Box<dyn Error>>;

/// 2017-12-21T07:30:00Z.
const START: Timestamp = Timestamp::from_ms(1_513_841_400_000);

fn main() -> Failing<()> {
    let dir = std::env::args_os().nth(1).ok_or("usage: meetings DIR")?;
    let dir = Path::new(&dir);
    std::fs::create_dir_all(dir)?;
    for (name, summary, description) in texts() {
        let meeting = meeting(&summary, Some(&description))?;
        write(dir, &name, &meeting, Method::Request)?;
    }
    let mut invited = meeting("Follow-up of INC-7", None)?;
    invited.invitation = Some(invitation()?);
    write(dir, "invited", &invited, Method::Request)?;
    invited.sequence = 3;
    write(dir, "called-off", &invited, Method::Cancel)?;
    let alone = meeting("Follow-up of INC-7", None)?;
    write(dir, "nobody-invited", &alone, Method::Request)
}

/// Names, titles and descriptions.
fn texts() -> Vec<(String, String, String)> {
    let mut texts = vec![
        own("plain", "Follow-up of INC-7", "What we learned."),
        own(
            "separators",
            "a, b; c: d \\ e \"f\" ^g",
            "a,b;c:d\\e\\\\f\"g\"\th",
        ),
        own(
            "escapes",
            "\\n is no line feed, \\, no comma",
            "\\n\n\\N\n\\\\n\n\\;\\,",
        ),
        own(
            "lines",
            "Lines",
            "first\n\n\nfourth\n begins with a space\n\tand a tab\nlast \n",
        ),
        own(
            "forgery",
            "END:VEVENT BEGIN:VEVENT",
            "x\nEND:VEVENT\nBEGIN:VEVENT\nUID:other\nATTENDEE:mailto:x@example.org\nMETHOD:CANCEL",
        ),
        own(
            "scripts",
            "Nachbereitung: Störung über Öfen, Maß und 障害 😀",
            "äöüß €\n日本語の説明\n👩‍🚒 e\u{301} \u{200b}.",
        ),
        own("spaces", "  two before, two after  ", " \n \n."),
        own("long", &"überlang ".repeat(20), &"Wort, ".repeat(2_700)),
    ];
    // Every place where a line can be cut, with characters of one to four octets before it.
    for filler in ["x", "ü", "€", "😀"] {
        for count in (1..=80).rev().step_by(3) {
            let text = filler.repeat(count);
            if text.len() <= 196 {
                let name = format!("fold-{}-{count}", filler.len());
                let summary = format!("{text}\\,;");
                let description = format!("{text},\\\n;{text}");
                texts.push((name, summary, description));
            }
        }
    }
    texts
}

fn own(name: &str, summary: &str, description: &str) -> (String, String, String) {
    (name.to_owned(), summary.to_owned(), description.to_owned())
}

fn meeting(summary: &str, description: Option<&str>) -> Failing<Meeting> {
    let description = description.map(str::parse).transpose()?;
    Ok(Meeting {
        uid: "INC-7/follow-up@ops.example/log".parse()?,
        sequence: 2,
        stamp: START.plus_ms(-86_400_001),
        start: START,
        end: START.plus_ms(3_600_000),
        summary: summary.parse()?,
        description,
        location: Some("Room 5, second floor; the one with the window\\".parse()?),
        url: Some("https://ops.example/incidents/INC-7?a=1,2;3".parse()?),
        invitation: None,
    })
}

fn invitation() -> Failing<Invitation> {
    let party = |name: Option<&str>, address: &str| -> Failing<Party> {
        Ok(Party {
            name: name.map(str::parse).transpose()?,
            address: address.parse()?,
        })
    };
    Ok(Invitation {
        organizer: party(Some("Störungsdienst, Nacht; \"Ops\""), "ops@example.org")?,
        attendees: vec![
            party(Some("sam"), "sam@example.org")?,
            party(
                Some("alex: the ^one^ with \\ and 'quotes'"),
                "alex+ops@example.org",
            )?,
            party(Some("kim 😀".repeat(12).as_str()), "kim@example.org")?,
            party(None, "robin&co@example.org")?,
        ],
    })
}

fn write(dir: &Path, name: &str, meeting: &Meeting, method: Method) -> Failing<()> {
    let party = |party: &Party| {
        json!({
            "name": party.name.as_ref().map(base::Line::as_str),
            "address": party.address.mailto(),
        })
    };
    let (method_name, status) = match method {
        Method::Request => ("REQUEST", "CONFIRMED"),
        Method::Cancel => ("CANCEL", "CANCELLED"),
    };
    let expected: Value = json!({
        "method": method_name,
        "status": status,
        "uid": meeting.uid.as_str(),
        "sequence": meeting.sequence,
        "stamp_s": meeting.stamp.as_ms().div_euclid(1_000),
        "start_s": meeting.start.as_ms().div_euclid(1_000),
        "end_s": meeting.end.as_ms().div_euclid(1_000),
        "summary": meeting.summary.as_str(),
        "description": meeting.description.as_ref().map(base::Prose::as_str),
        "location": meeting.location.as_ref().map(base::Line::as_str),
        "url": meeting.url.as_ref().map(notify::Link::as_str),
        "organizer": meeting.invitation.as_ref().map(|all| party(&all.organizer)),
        "attendees": meeting
            .invitation
            .iter()
            .flat_map(|all| &all.attendees)
            .map(party)
            .collect::<Vec<_>>(),
    });
    std::fs::write(dir.join(format!("{name}.ics")), render(meeting, method)?)?;
    std::fs::write(dir.join(format!("{name}.json")), expected.to_string())?;
    Ok(())
}
