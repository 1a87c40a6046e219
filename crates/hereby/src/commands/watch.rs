//! Prints each act as it is taken, over connections that come and go.

use base::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Session, show, tell, wire};
use crate::cli::respond::WatchArgs;
use crate::client::{Event, Next};
use crate::exit::Failure;
use crate::say::{Line, Style, clock, date, duration};

impl Session<'_> {
    pub(super) async fn watch(&self, args: WatchArgs) -> Result<(), Failure> {
        let status: wire::ServerStatus = self.client.read("/api/v1/status").await?;
        let path = match args.incident {
            Some(incident) => {
                // One that does not exist would be watched in vain.
                let path = format!("/api/v1/incidents/{incident}");
                let _: wire::IncidentPage = self.client.read(&path).await?;
                format!("/api/v1/events?incident={incident}")
            }
            None => "/api/v1/events".to_owned(),
        };
        let last = args.after.or_else(|| status.size.checked_sub(1));
        let mut events = self.client.follow(path, last).await?;
        self.out.talk("Watching; Ctrl-C ends it.");
        let mut day = String::new();
        loop {
            let next = tokio::select! {
                next = events.next() => next?,
                _ = tokio::signal::ctrl_c() => return Ok(()),
            };
            match next {
                Next::Event(event) => self.print_event(&event, &mut day)?,
                Next::Lost { why, pause } => {
                    let pause = duration(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
                    let line = format!("The connection is lost ({why}); trying again in {pause}.");
                    self.out.talk(Line::new().styled(Style::Warning, line));
                }
                Next::Again => self.out.talk("Connected again."),
            }
        }
    }

    fn print_event(&self, event: &Event, day: &mut String) -> Result<(), Failure> {
        let value: Value = serde_json::from_str(&event.data)
            .map_err(|error| Failure::from(anyhow::Error::new(error).context("no event")))?;
        if self.out.is_json() {
            return self.out.json(&json!({ "index": value.get("index"), "act": value.get("act") }));
        }
        let act = wire::Placed::deserialize(&value)
            .map_err(|error| Failure::from(anyhow::Error::new(error).context("no event")))?
            .act()?;
        self.print(day_line(act.at, day))?;
        let begin = Line::new()
            .styled(Style::Dim, clock(act.at))
            .text("  ")
            .styled(Style::Bold, tell::subject(&act))
            .padded(20)
            .text(act.actor.to_string())
            .text("  ");
        self.print(show::act_lines(begin, &act, self.out.width()))
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
