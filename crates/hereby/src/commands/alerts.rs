//! Alerts: list them, name one by its first digits, say where it belongs.

use base::{AlertId, Timestamp};
use record::command::Attach;
use record::kinds::alert::Ending;
use serde_json::json;

use super::show::marks;
use super::{Session, tell, wire};
use crate::cli::listen::{AlertsArgs, AttachArgs};
use crate::exit::{Exit, Failure};
use crate::say::{Line, Style, duration, stamp, table};

impl Session<'_> {
    pub(super) async fn alerts(&self, args: AlertsArgs) -> Result<(), Failure> {
        let state = if args.all { "all" } else { "firing" };
        let items = self
            .list(&format!("/api/v1/alerts?state={state}"), "before")
            .await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "items": items }));
        }
        let alerts: Vec<wire::Alert> = wire::typed(&items)?;
        if alerts.is_empty() {
            self.out.talk(if args.all {
                "There is no alert."
            } else {
                "No alert fires."
            });
            return Ok(());
        }
        self.print(rows(&alerts, self.now, self.out.width()))
    }

    pub(super) async fn attach(&self, args: AttachArgs) -> Result<(), Failure> {
        let incident = args.incident;
        let alert = self.alert_named(&args.alert).await?;
        let done = self.send(Attach { alert, incident }).await?;
        self.did(
            &done,
            format!("Alert {} belongs to {incident}.", tell::short(alert)),
        );
        Ok(())
    }

    /// The one alert whose id begins so.
    pub(super) async fn alert_named(&self, digits: &str) -> Result<AlertId, Failure> {
        if let Ok(id) = digits.parse() {
            return Ok(id);
        }
        let items = self.list("/api/v1/alerts?state=all", "before").await?;
        let alerts: Vec<wire::Alert> = wire::typed(&items)?;
        let mut found = alerts
            .iter()
            .filter(|alert| alert.id.to_string().starts_with(digits));
        match (found.next(), found.next()) {
            (Some(alert), None) => Ok(alert.id),
            (None, _) => Err(
                Failure::new(Exit::Refused, format!("no alert begins with {digits}"))
                    .hint("see which there are: hereby alerts --all"),
            ),
            (Some(_), Some(_)) => Err(Failure::usage(format!(
                "more than one alert begins with {digits}"
            ))
            .hint("write more of its digits: hereby alerts --all --json shows them all")),
        }
    }
}

/// Alerts as a list.
pub(super) fn rows(alerts: &[wire::Alert], now: Timestamp, width: Option<usize>) -> Vec<Line> {
    let rows = alerts.iter().map(|alert| {
        let state = match (alert.ended_at, alert.ending) {
            (None, _) => Line::new().styled(Style::Warning, "firing"),
            // Nobody said that it is over.
            (Some(_), Some(Ending::TimedOut)) => Line::new().styled(Style::Warning, "unknown"),
            (Some(_), _) => Line::new().styled(Style::Dim, "ended"),
        };
        let until = alert.ended_at.unwrap_or(now);
        let incident = alert
            .incident
            .map_or_else(|| "-".to_owned(), |id| id.to_string());
        let cells = vec![
            Line::new()
                .text(tell::short(alert.id))
                .then(marks(alert.drill, false)),
            state,
            Line::new().text(stamp(alert.starts_at)),
            Line::new().text(duration(until.ms_since(alert.starts_at))),
            Line::new().text(incident),
            Line::new().text(alert.source.to_string()),
        ];
        (cells, alert.title.to_string())
    });
    let header = [
        "ALERT", "STATE", "SINCE", "LASTS", "INCIDENT", "SOURCE", "TITLE",
    ];
    table(&header, rows.collect(), width)
}
