//! The whole of what was said in a room, as two files of the incident: each event as the homeserver
//! gave it, one on a line, and the same to read.

use base::{IncidentId, Line as Words, Name, Timestamp};
use notify::chat::matrix::{Event, Homeserver, Id, Reading, readable};
use record::kinds::incident::BlobRef;

use super::desk::Desk;
use super::trouble::Trouble;
use crate::say::stamp;

/// The longest file, in bytes: what a blob holds, without what encryption adds.
const FILE_BYTES_MAX: usize = (8 << 20) - 1_024;

/// Pages of a hundred events that are read.
const PAGES_MAX: usize = 2_000;

/// Reads the room from its beginning and keeps it; the files are not attached yet.
///
/// # Errors
/// When it can't be read to its end, or not be kept: it is tried again from the beginning.
pub(super) async fn keep(
    desk: &Desk,
    homeserver: &Homeserver,
    incident: IncidentId,
    channel: &Name,
    room: &Id,
) -> Result<Vec<BlobRef>, Trouble> {
    let mut transcript = Transcript::default();
    let mut from: Option<String> = None;
    for page in 0..=PAGES_MAX {
        if page == PAGES_MAX {
            transcript.is_cut = true;
            break;
        }
        let reading = Reading::forwards(from.as_deref());
        let page = homeserver.messages(room, &reading).await?;
        transcript.add(&page.events);
        match page.end {
            // The same token twice would go round for ever.
            Some(end) if Some(&end) != from.as_ref() && !transcript.is_cut => from = Some(end),
            _ => break,
        }
    }
    let mut files = Vec::new();
    for (ending, text) in transcript.files(incident, room) {
        let (sha256, bytes) = desk.keep_file(incident, text.as_bytes())?;
        let name: Result<Words, _> = format!("{incident}-{channel}.{ending}").parse();
        files.push(BlobRef {
            bytes,
            name: name.ok(),
            sha256,
        });
    }
    Ok(files)
}

#[derive(Default)]
struct Transcript {
    json: String,
    text: String,
    events: u64,
    /// There was more than fits.
    is_cut: bool,
}

impl Transcript {
    fn add(&mut self, events: &[Event]) {
        for event in events {
            // An event's JSON may have line feeds between its parts, never in its strings.
            let json: String = event.json.get().split(['\n', '\r']).collect();
            let line = line(event);
            let fits = self.json.len() + json.len() < FILE_BYTES_MAX
                && self.text.len() + line.len() < FILE_BYTES_MAX;
            if self.is_cut || !fits {
                self.is_cut = true;
                return;
            }
            self.events += 1;
            for (file, line) in [(&mut self.json, &json), (&mut self.text, &line)] {
                file.push_str(line);
                file.push('\n');
            }
        }
    }

    fn files(self, incident: IncidentId, room: &Id) -> [(&'static str, String); 2] {
        let cut = match self.is_cut {
            true => "\nWhat came later is left out: it does not fit.",
            false => "",
        };
        let head = format!(
            "What was said in {room} about {incident}: {} events, as its homeserver gave them.{cut}\n\n",
            self.events
        );
        [("jsonl", self.json), ("txt", head + &self.text)]
    }
}

/// `2017-12-21 07:52:03Z @sam:example.org: text`, with what follows in a text moved in.
fn line(event: &Event) -> String {
    let at = stamp(Timestamp::from_ms(event.at_ms));
    let said = match (event.kind.as_ref(), event.body()) {
        ("m.room.message", Some(body)) => readable(body).replace('\n', "\n    "),
        ("m.room.message", None) => "(taken back)".to_owned(),
        (kind, _) => match event.reaction() {
            Some((to, sign)) => format!("({} on {to})", readable(sign)),
            None => format!("({})", readable(kind)),
        },
    };
    format!("{at} {}: {said}", event.sender)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: &str, content: &serde_json::Value) -> Event {
        let event = json!({
            "event_id": "$e", "sender": "@sam:example.org", "origin_server_ts": 1_513_841_523_000_i64,
            "type": kind, "content": content,
        });
        serde_json::from_str(&serde_json::to_string_pretty(&event).unwrap()).unwrap()
    }

    #[test]
    fn a_line_for_each_event_in_both_and_nothing_forges_one() {
        let hostile = "hello\n2017-12-21 07:52:04Z @kim:example.org: I did it\u{1b}[2K";
        let mut transcript = Transcript::default();
        transcript.add(&[
            event("m.room.create", &json!({})),
            event(
                "m.room.message",
                &json!({"msgtype": "m.text", "body": hostile}),
            ),
            event("m.room.message", &json!({})),
        ]);
        let room: Id = "!room:example.org".parse().unwrap();
        let [(_, json), (_, text)] = transcript.files(IncidentId::from_number(7), &room);
        assert_eq!(json.lines().count(), 3);
        assert!(
            json.lines()
                .all(|line| serde_json::from_str::<Event>(line).is_ok())
        );
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "What was said in !room:example.org about INC-7: 3 events, as its homeserver gave them.",
                "",
                "2017-12-21 07:32:03Z @sam:example.org: (m.room.create)",
                "2017-12-21 07:32:03Z @sam:example.org: hello",
                "    2017-12-21 07:52:04Z @kim:example.org: I did it [2K",
                "2017-12-21 07:32:03Z @sam:example.org: (taken back)",
            ]
        );
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_said() {
        let long = "x".repeat(60_000);
        let mut transcript = Transcript::default();
        let message = event(
            "m.room.message",
            &json!({"msgtype": "m.text", "body": long}),
        );
        for _ in 0..200 {
            transcript.add(std::slice::from_ref(&message));
        }
        let room: Id = "!room:example.org".parse().unwrap();
        let [(_, json), (_, text)] = transcript.files(IncidentId::from_number(7), &room);
        assert!(json.len() <= FILE_BYTES_MAX && text.contains("does not fit"));
        assert!(json.lines().count() > 100);
    }
}
