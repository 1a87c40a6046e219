//! Switches and postures: what applications and edges must know at once.

use base::Timestamp;
use record::command::{SetPosture, TurnSwitchOff, TurnSwitchOn};
use record::kinds::containment::Posture;
use serde_json::json;

use super::{said, subject, why};
use crate::cli::containment::{OnOff, PostureArgs, SwitchArgs};
use crate::commands::{Session, wire};
use crate::exit::Failure;
use crate::say::{Line, Style, stamp, table};

impl Session<'_> {
    pub(super) async fn switch(&self, args: SwitchArgs) -> Result<(), Failure> {
        let to = match args.to {
            OnOff::On => "on",
            OnOff::Off => "off",
        };
        self.has_reason("a switch", &format!("hereby switch {} {to}", args.switch))?;
        let ends_at = args.length_ms.map(|ms| self.now.plus_ms(ms));
        let switch = args.switch;
        let done = match args.to {
            OnOff::On if ends_at.is_some() || args.incident.is_some() => {
                return Err(Failure::usage("--for and --incident are for turning off")
                    .hint(format!("hereby switch {switch} on -m \"mended\"")));
            }
            OnOff::On => self.send(TurnSwitchOn { switch }).await?,
            OnOff::Off => {
                let incident = args.incident;
                let verb = TurnSwitchOff {
                    ends_at,
                    incident,
                    switch,
                };
                self.send(verb).await?
            }
        };
        let until = ends_at.map_or_else(String::new, |end| format!(" until {}", stamp(end)));
        self.did(&done, format!("{} is {to}{until}.", subject(&done)));
        Ok(())
    }

    pub(super) async fn switches(&self) -> Result<(), Failure> {
        let items = self.list("/api/v1/switches", "after").await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "items": items }));
        }
        let all: Vec<wire::Switch> = wire::typed(&items)?;
        if all.is_empty() {
            self.out.talk("Nothing is off.");
            return Ok(());
        }
        let rows = all.iter().map(|it| {
            let mut cells = vec![
                Line::new().styled(Style::Bold, it.switch.clone()),
                Line::new().text(until(it.ends_at, "turned on")),
            ];
            cells.extend(said(&it.said));
            (cells, why(&it.said))
        });
        let header = ["OFF", "UNTIL", "SINCE", "BY", "INCIDENT", "WHY"];
        self.print(table(&header, rows.collect(), self.out.width()))
    }

    pub(super) async fn posture(&self, args: PostureArgs) -> Result<(), Failure> {
        let (Some(service), Some(word)) = (args.service, args.posture) else {
            return self.postures().await;
        };
        let posture: Posture = word.into();
        let line = format!("hereby posture {service} {}", posture.as_str());
        self.has_reason("a posture", &line)?;
        let ends_at = args.length_ms.map(|ms| self.now.plus_ms(ms));
        let until = ends_at.map_or_else(String::new, |end| {
            format!(" until {}, then as usual", stamp(end))
        });
        let what = match posture {
            Posture::Normal => format!("{service} works as usual"),
            other => format!("{service} is {}", other.as_str()),
        };
        let verb = SetPosture {
            ends_at,
            incident: args.incident,
            posture,
            service,
        };
        let done = self.send(verb).await?;
        self.did(&done, format!("{what}{until}."));
        Ok(())
    }

    async fn postures(&self) -> Result<(), Failure> {
        let items = self.list("/api/v1/postures", "after").await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "items": items }));
        }
        let all: Vec<wire::ServicePosture> = wire::typed(&items)?;
        if all.is_empty() {
            self.out.talk("Every service works as usual.");
            return Ok(());
        }
        let rows = all.iter().map(|it| {
            let mut cells = vec![
                Line::new().styled(Style::Bold, it.service.clone()),
                Line::new().styled(Style::Warning, it.posture.as_str()),
                Line::new().text(until(it.ends_at, "set anew")),
            ];
            cells.extend(said(&it.said));
            (cells, why(&it.said))
        });
        let header = [
            "SERVICE", "POSTURE", "UNTIL", "SINCE", "BY", "INCIDENT", "WHY",
        ];
        self.print(table(&header, rows.collect(), self.out.width()))
    }
}

/// When it ends; or by what, where no time was said.
fn until(ends_at: Option<Timestamp>, otherwise: &str) -> String {
    ends_at.map_or_else(|| otherwise.to_owned(), stamp)
}
