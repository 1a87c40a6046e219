//! Prints each act as it is taken, over connections that come and go.

use std::collections::BTreeMap;

use base::{IncidentId, Timestamp};
use record::act::{Act, Subject};
use record::kinds::Body;
use serde_json::{Value, json};

use super::{Session, show, tell, wire};
use crate::cli::respond::WatchArgs;
use crate::client::{Event, Next};
use crate::exit::Failure;
use crate::say::{Line, Style, clock, date};

/// How many columns the time and the thing take before the actor.
const BEGIN_COLUMNS: usize = 26;

/// The most incidents whose marks are remembered; the oldest is forgotten and asked for again.
const MARKS_MAX: usize = 1_000;

/// What lines said so far, as far as later ones depend on it.
#[derive(Default)]
struct Said {
    day: String,
    /// Whether an incident is a drill, and whether it is private.
    marks: BTreeMap<IncidentId, (bool, bool)>,
}

impl Session<'_> {
    pub(super) async fn watch(&self, args: WatchArgs) -> Result<(), Failure> {
        let status: wire::ServerStatus = self.client.read("/api/v1/status").await?;
        let path = match args.incident {
            Some(incident) => {
                // One that does not exist would be watched in vain.
                self.marks_of(incident).await?;
                format!("/api/v1/events?incident={incident}")
            }
            None => "/api/v1/events".to_owned(),
        };
        let last = args.after.or_else(|| status.size.checked_sub(1));
        let mut events = self.client.follow(path, last).await?;
        self.out.talk("Watching; Ctrl-C ends it.");
        let mut said = Said::default();
        loop {
            let next = tokio::select! {
                next = events.next() => next?,
                _ = tokio::signal::ctrl_c() => return Ok(()),
            };
            match next {
                Next::Event(event) => self.print_event(&event, &mut said).await?,
                Next::Lost(why) => {
                    let line = format!("The connection is lost ({why}); trying again.");
                    self.out.talk(Line::new().styled(Style::Warning, line));
                }
                Next::Again => self.out.talk("Connected again."),
            }
        }
    }

    async fn print_event(&self, event: &Event, said: &mut Said) -> Result<(), Failure> {
        let value: Value = serde_json::from_str(&event.data)
            .map_err(|error| Failure::from(anyhow::Error::new(error).context("no event")))?;
        if self.out.is_json() {
            return self
                .out
                .json(&json!({ "index": value.get("index"), "act": value.get("act") }));
        }
        let act = wire::one::<wire::Placed>(&value)?.act()?;
        let marks = self.marks(&act, said).await;
        self.print(day_line(act.at, &mut said.day))?;
        let begin = Line::new()
            .styled(Style::Dim, clock(act.at))
            .text("  ")
            .styled(Style::Bold, tell::subject(&act))
            .then(marks)
            .padded(BEGIN_COLUMNS)
            .text(act.actor.to_string())
            .text("  ");
        self.print(show::act_lines(begin, &act, self.out.width()))
    }

    /// `DRILL` and `PRIVATE` on every line about such an incident, not only on its declaration.
    async fn marks(&self, act: &Act, said: &mut Said) -> Line {
        let Subject::Incident(incident) = act.subject else {
            return Line::new();
        };
        let known = said.marks.get(&incident).copied();
        let marks = match (&act.body, known) {
            (Body::IncidentDeclared(declared), _) => Ok((declared.drill, declared.private)),
            (_, Some(known)) => Ok(known),
            (_, None) => self.marks_of(incident).await,
        };
        let Ok((drill, private)) = marks else {
            // The next line about it asks again.
            return Line::new().styled(Style::Dim, " (drill?)");
        };
        if known.is_none() && said.marks.len() >= MARKS_MAX {
            said.marks.pop_first();
        }
        said.marks.insert(incident, (drill, private));
        show::marks(drill, private)
    }

    async fn marks_of(&self, incident: IncidentId) -> Result<(bool, bool), Failure> {
        let page: wire::IncidentPage = self
            .client
            .read(&format!("/api/v1/incidents/{incident}"))
            .await?;
        let incident: wire::Incident = wire::one(&page.incident)?;
        Ok((incident.drill, incident.private))
    }
}

/// The date, if it is another one than that of the line before.
fn day_line(at: Timestamp, day: &mut String) -> Vec<Line> {
    let today = date(at);
    if today == *day {
        return Vec::new();
    }
    day.clone_from(&today);
    vec![Line::new().styled(Style::Dim, today)]
}
