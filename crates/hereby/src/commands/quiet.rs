//! When hereby is asked not to listen, or to expect a sign of life: silences, maintenance,
//! heartbeats.

use std::collections::BTreeMap;

use base::{Name, Timestamp};
use bytes::Bytes;
use hyper::Method;
use record::command::{
    EndMaintenance, EndSilence, ExpectHeartbeat, ForgetHeartbeat, ScheduleMaintenance, Silence,
};
use serde_json::json;

use super::{Session, tell, wire};
use crate::cli::listen::{
    HeartbeatArgs, HeartbeatVerb, MaintenanceArgs, MaintenanceVerb, SilenceArgs, SilencesArgs,
    SilencesVerb,
};
use crate::cli::parse::When;
use crate::client::{Ask, Done};
use crate::exit::Failure;
use crate::say::{Line, Style, duration, stamp, table};

impl Session<'_> {
    pub(super) async fn silence(&self, args: SilenceArgs) -> Result<(), Failure> {
        if self.globals.why.is_none() {
            return Err(Failure::usage("a silence has a reason")
                .because("those who wonder later why nothing rang must find it")
                .hint("say why: hereby silence … --for 2h -m \"moving to new hosts\""));
        }
        let mut matchers = BTreeMap::new();
        for (name, value) in args.matchers {
            if matchers.insert(name.clone(), value).is_some() {
                return Err(Failure::usage(format!("the label {name} is there twice"))
                    .because("all labels must be equal, and one has one value"));
            }
        }
        let ends_at = self.now.plus_ms(args.length_ms);
        let said = format!(
            "Silenced {} until {}",
            tell::labels(&matchers),
            stamp(ends_at)
        );
        let done = self.send(Silence { ends_at, matchers }).await?;
        self.did_made(&done, &said)
    }

    pub(super) async fn silences(&self, args: SilencesArgs) -> Result<(), Failure> {
        if let Some(SilencesVerb::End { silence }) = args.verb {
            let said = format!("Ended {silence}.");
            let done = self.send(EndSilence { silence }).await?;
            self.did(&done, said);
            return Ok(());
        }
        let items = self.list("/api/v1/silences", "after").await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "items": items }));
        }
        let silences: Vec<wire::Silence> = wire::typed(&items)?;
        if silences.is_empty() {
            self.out.talk("Nothing is silenced.");
            return Ok(());
        }
        let rows = silences.iter().map(|silence| {
            let left = duration(silence.ends_at.ms_since(self.now).max(0));
            let cells = vec![
                Line::new().styled(Style::Bold, silence.silence.to_string()),
                Line::new().text(stamp(silence.ends_at)),
                Line::new().text(left),
            ];
            (cells, tell::labels(&silence.matchers))
        });
        let header = ["SILENCE", "UNTIL", "LEFT", "LABELS"];
        self.print(table(&header, rows.collect(), self.out.width()))
    }

    pub(super) async fn maintenance(&self, args: MaintenanceArgs) -> Result<(), Failure> {
        match args.verb {
            MaintenanceVerb::Schedule {
                service,
                title,
                from,
                until,
                length_ms,
                plan,
            } => {
                let starts_at = from.resolve(self.now);
                let length = length_ms.map(|ms| starts_at.plus_ms(ms));
                let ends_at = until.map(|until: When| until.resolve(self.now)).or(length);
                // clap sees to it that one of the two is there.
                let ends_at = ends_at.ok_or_else(|| Failure::usage("until when?"))?;
                let said = format!(
                    "Announced work on {service} from {} to {}",
                    stamp(starts_at),
                    stamp(ends_at)
                );
                let verb = ScheduleMaintenance {
                    ends_at,
                    page: plan.plan()?,
                    service,
                    starts_at,
                    title,
                };
                let done = self.send(verb).await?;
                self.did_made(&done, &said)
            }
            MaintenanceVerb::End { maintenance } => {
                let said = format!("Ended {maintenance}.");
                self.does(EndMaintenance { maintenance }, said).await
            }
            MaintenanceVerb::List => self.maintenances().await,
        }
    }

    async fn maintenances(&self) -> Result<(), Failure> {
        let items = self.list("/api/v1/maintenances", "after").await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "items": items }));
        }
        let windows: Vec<wire::Maintenance> = wire::typed(&items)?;
        if windows.is_empty() {
            self.out.talk("No work is announced.");
            return Ok(());
        }
        let rows = windows.iter().map(|window| {
            let state = if self.now >= window.ends_at {
                "over"
            } else if self.now >= window.starts_at {
                "open"
            } else {
                "to come"
            };
            let cells = vec![
                Line::new().styled(Style::Bold, window.maintenance.to_string()),
                Line::new().text(state),
                Line::new().text(stamp(window.starts_at)),
                Line::new().text(stamp(window.ends_at)),
                Line::new().text(window.service.to_string()),
            ];
            (cells, window.title.to_string())
        });
        let header = ["WINDOW", "STATE", "FROM", "TO", "SERVICE", "TITLE"];
        self.print(table(&header, rows.collect(), self.out.width()))
    }

    pub(super) async fn heartbeat(&self, args: HeartbeatArgs) -> Result<(), Failure> {
        match args.verb {
            HeartbeatVerb::Expect {
                heartbeat,
                interval_ms,
                grace_ms,
                service,
                severity,
            } => {
                let said = format!("{heartbeat} is expected every {}.", duration(interval_ms));
                let verb = ExpectHeartbeat {
                    grace_ms: grace_ms.unsigned_abs(),
                    heartbeat,
                    interval_ms: interval_ms.unsigned_abs(),
                    service,
                    severity,
                };
                self.does(verb, said).await
            }
            HeartbeatVerb::Forget { heartbeat } => {
                let said = format!("{heartbeat} is expected no more.");
                self.does(ForgetHeartbeat { heartbeat }, said).await
            }
            HeartbeatVerb::Send { heartbeat } => self.beat(&heartbeat).await,
            HeartbeatVerb::List => self.heartbeats().await,
        }
    }

    /// A sign of life is no act: it is sent without an id, and twice does no harm.
    async fn beat(&self, heartbeat: &Name) -> Result<(), Failure> {
        let path = format!("/api/v1/heartbeats/{heartbeat}");
        let ask = Ask::with_body(Method::POST, path, "application/json", Bytes::new());
        self.client.answer(&ask).await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "heartbeat": heartbeat }));
        }
        self.out.talk(format!("{heartbeat} is alive."));
        Ok(())
    }

    async fn heartbeats(&self) -> Result<(), Failure> {
        let items = self.list("/api/v1/heartbeats", "after").await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "items": items }));
        }
        let heartbeats: Vec<wire::Heartbeat> = wire::typed(&items)?;
        if heartbeats.is_empty() {
            self.out.talk("No heartbeat is expected.");
            return Ok(());
        }
        let rows = heartbeats.iter().map(|heartbeat| {
            let or_dash = |text: Option<String>| Line::new().text(text.unwrap_or("-".to_owned()));
            let cells = vec![
                Line::new().styled(Style::Bold, heartbeat.heartbeat.to_string()),
                Line::new().text(tell::span(heartbeat.interval_ms)),
                Line::new().text(tell::span(heartbeat.grace_ms)),
                or_dash(heartbeat.severity.map(|severity| severity.to_string())),
                or_dash(heartbeat.service.as_ref().map(ToString::to_string)),
            ];
            let since = |at: Timestamp| duration(self.now.ms_since(at));
            let last = match heartbeat.last_at {
                Some(at) => format!("{} ago", since(at)),
                None => format!(
                    "none known (expected for {})",
                    since(heartbeat.expected_since)
                ),
            };
            (cells, last)
        });
        let header = ["HEARTBEAT", "EVERY", "GRACE", "DECLARES", "SERVICE", "LAST"];
        self.print(table(&header, rows.collect(), self.out.width()))
    }

    /// Says what was made, and its name to stdout.
    fn did_made(&self, done: &Done, said: &str) -> Result<(), Failure> {
        if self.out.is_json() {
            return Ok(());
        }
        let name = done
            .receipts
            .first()
            .map_or("", |receipt| receipt.subject.id.as_str());
        self.did(done, format!("{said}: {name}"));
        self.out.data(name)
    }
}
