//! What is still to be done after an incident, and what became of it.

use std::collections::BTreeMap;

use base::{ActId, PersonName, Timestamp};
use record::kinds::Body;
use record::kinds::review::FollowupOutcome;

use super::document::{Block, Fact, Placed, Table};
use super::story::Story;
use super::words;

/// Something to be done, as the acts left it.
pub(super) struct Todo {
    opened: ActId,
    text: String,
    pub(super) owner: PersonName,
    due_at: Timestamp,
    reminders: u32,
    /// The last act that changed it.
    changed: Option<ActId>,
    ticket: Option<(String, ActId)>,
    closed: Option<(FollowupOutcome, ActId, Option<String>)>,
}

/// Every follow-up by its number.
pub(super) fn all(story: &Story<'_>) -> BTreeMap<u32, Todo> {
    let mut all: BTreeMap<u32, Todo> = BTreeMap::new();
    for Placed { act, .. } in story.acts() {
        match &act.body {
            Body::FollowupOpened(body) => {
                let todo = Todo {
                    opened: act.id,
                    text: story.text(&body.text),
                    owner: body.owner.clone(),
                    due_at: body.due_at,
                    reminders: 0,
                    changed: None,
                    ticket: None,
                    closed: None,
                };
                all.insert(body.followup, todo);
            }
            Body::FollowupChanged(body) => {
                if let Some(todo) = all.get_mut(&body.followup) {
                    todo.due_at = body.due_at;
                    todo.owner = body.owner.clone();
                    todo.changed = Some(act.id);
                }
            }
            Body::FollowupReminded(body) => {
                if let Some(todo) = all.get_mut(&body.followup) {
                    todo.reminders = body.count;
                }
            }
            Body::TicketLinked(body) => {
                if let Some(todo) = all.get_mut(&body.followup) {
                    let ticket = format!("{} {} ({})", body.tracker, body.ticket, body.url);
                    todo.ticket = Some((ticket, act.id));
                }
            }
            Body::FollowupClosed(body) => {
                if let Some(todo) = all.get_mut(&body.followup) {
                    let why = act.why.as_ref().map(|why| story.text(why));
                    todo.closed = Some((body.outcome, act.id, why));
                }
            }
            _ => {}
        }
    }
    all
}

impl Todo {
    pub(super) fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    pub(super) fn is_overdue(&self, now: Timestamp) -> bool {
        self.is_open() && self.due_at < now
    }

    fn state(&self, now: Timestamp) -> String {
        match &self.closed {
            Some((FollowupOutcome::Done, _, _)) => "done".to_owned(),
            Some((FollowupOutcome::Dropped, _, Some(why))) => format!("dropped: {why}"),
            Some((FollowupOutcome::Dropped, _, None)) => "dropped".to_owned(),
            None if self.due_at < now => {
                let late = words::span(now.ms_since(self.due_at));
                match self.reminders {
                    0 => format!("OVERDUE by {late}"),
                    1 => format!("OVERDUE by {late}, reminded once"),
                    times => format!("OVERDUE by {late}, reminded {times} times"),
                }
            }
            None => "open".to_owned(),
        }
    }
}

/// The follow-ups as a table; their owners by their part.
pub(super) fn blocks(story: &Story<'_>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let all = all(story);
    if all.is_empty() {
        blocks.push(Block::Missing("No follow-up was opened."));
    } else {
        let now = story.evidence.now;
        let row = |(number, todo): (&u32, &Todo)| {
            let ticket = todo.ticket.as_ref();
            let mut what = story.fact(todo.text.clone(), &[todo.opened]);
            if let Some((ticket, act)) = ticket {
                what.text.push_str(&format!(" [{ticket}]"));
                what.cites.push(story.cite(act));
            }
            let changed: Vec<ActId> = todo.changed.into_iter().collect();
            let closed: Vec<ActId> = todo.closed.iter().map(|(_, act, _)| *act).collect();
            vec![
                story.fact(number.to_string(), &[]),
                what,
                story.fact(story.cast.part(&todo.owner), &[]),
                story.fact(words::day(todo.due_at), &changed),
                story.fact(todo.state(now), &closed),
            ]
        };
        let rows: Vec<Vec<Fact>> = all.iter().map(row).collect();
        let head = ["No.", "What", "Who", "Due", "State"].map(str::to_owned);
        let head = head.to_vec();
        blocks.push(Block::Table(Table { head, rows }));
    }
    blocks.extend(meeting(story));
    blocks
}

fn meeting(story: &Story<'_>) -> Option<Block> {
    let meeting = story.incident.review.meeting.as_ref()?;
    let Body::MeetingScheduled(body) = &story.own(&meeting.act)?.act.body else {
        return None;
    };
    let place = body.place.as_ref().map(|place| story.text(place));
    let place = place.map(|place| format!(", {place}")).unwrap_or_default();
    let text = format!(
        "People meet to follow up at {} for {}{place}.",
        words::minute(meeting.starts_at),
        words::span(i64::from(meeting.minutes) * 60_000)
    );
    Some(Block::Paragraph(story.fact(text, &[meeting.act])))
}
