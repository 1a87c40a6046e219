//! The public status page, asked of a running hereby: its components, its targets, and what was said
//! while hereby was away.

use std::collections::BTreeMap;
use std::path::Path;

use base::{Line as Text, Name, Timestamp};
use record::command::{Command, RegisterComponent, RemoveComponent, Verb};
use record::kinds::page::ComponentStatus;
use serde::Deserialize;
use serde_json::json;

use super::{Session, wire};
use crate::cli::page::{ComponentArgs, ComponentVerb, PageArgs, PageVerb};
use crate::exit::{Exit, Failure};
use crate::page::Bundle;
use crate::say::{Line, Style, duration, table};

/// A component, as it is listed.
#[derive(Debug, Deserialize)]
struct Component {
    component: Name,
    titles: BTreeMap<Name, Text>,
    #[serde(default)]
    group: Option<Name>,
    status: ComponentStatus,
}

/// A target, as it is listed.
#[derive(Debug, Deserialize)]
pub(super) struct Target {
    target: String,
    kind: String,
    behind: bool,
    #[serde(default)]
    sequence: Option<u64>,
    #[serde(default)]
    seen_at: Option<Timestamp>,
    #[serde(default)]
    waiting_since: Option<Timestamp>,
    #[serde(default)]
    trouble: Option<String>,
}

impl Session<'_> {
    pub(super) async fn component(&self, args: ComponentArgs) -> Result<(), Failure> {
        match args.verb {
            ComponentVerb::Add {
                component,
                title,
                titles,
                about,
                group,
                position,
                services,
            } => {
                let english: Name = "en".parse().map_err(Failure::usage)?;
                let mut all: BTreeMap<Name, Text> = titles.into_iter().collect();
                all.extend(title.map(|title| (english, title)));
                let said = format!("{component} stands on the status page.");
                let verb = RegisterComponent {
                    component,
                    descriptions: about.into_iter().collect(),
                    group,
                    position,
                    services: services.into_iter().collect(),
                    titles: all,
                };
                self.does(verb, said).await
            }
            ComponentVerb::Remove { component } => {
                let said = format!("{component} is taken from the status page.");
                self.does(RemoveComponent { component }, said).await
            }
            ComponentVerb::List => self.components().await,
        }
    }

    async fn components(&self) -> Result<(), Failure> {
        let items = self.list("/api/v1/components", "after").await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "items": items }));
        }
        let all: Vec<Component> = wire::typed(&items)?;
        if all.is_empty() {
            self.out
                .talk("Nothing stands on the status page: hereby component add NAME TITLE");
            return Ok(());
        }
        let rows = all.iter().map(|it| {
            let titles = it
                .titles
                .iter()
                .map(|(tag, title)| format!("{tag}: {title}"));
            let titles: Vec<String> = titles.collect();
            let group = it.group.as_ref().map(ToString::to_string);
            let cells = vec![
                Line::new().styled(Style::Bold, it.component.to_string()),
                Line::new().text(it.status.as_str()),
                Line::new().text(group.unwrap_or_else(|| "-".to_owned())),
            ];
            (cells, titles.join(", "))
        });
        let header = ["COMPONENT", "STATUS", "UNDER", "CALLED"];
        self.print(table(&header, rows.collect(), self.out.width()))
    }

    pub(super) async fn page(&self, args: PageArgs) -> Result<(), Failure> {
        match args.verb {
            PageVerb::Targets => self.targets().await,
            PageVerb::Said { bundle } => self.said(&bundle).await,
            _ => Err(Failure::new(Exit::Internal, "this asks no running hereby")),
        }
    }

    async fn targets(&self) -> Result<(), Failure> {
        let page: wire::Page = self.client.read("/api/v1/page/targets").await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "items": page.items }));
        }
        let all: Vec<Target> = wire::typed(&page.items)?;
        if all.is_empty() {
            self.out
                .talk("The status page is published nowhere: [[status.target]] in hereby.toml");
            return Ok(());
        }
        let ago = |at: Timestamp| format!("{} ago", duration(self.now.ms_since(at).max(0)));
        let rows = all.iter().map(|it| {
            let (style, state) = match it.behind {
                true => (Style::Bad, "BEHIND"),
                false => (Style::Good, "up to date"),
            };
            let never = || "never".to_owned();
            let edition = it.sequence.map(|sequence| sequence.to_string());
            let cells = vec![
                Line::new().styled(Style::Bold, it.target.clone()),
                Line::new().text(it.kind.clone()),
                Line::new().styled(style, state),
                Line::new().text(edition.unwrap_or_else(|| "-".to_owned())),
                Line::new().text(it.seen_at.map_or_else(never, ago)),
            ];
            let waiting = it.waiting_since.map(|at| {
                let waits = duration(self.now.ms_since(at).max(0));
                format!("news wait for {waits}; ")
            });
            let trouble = it.trouble.clone().unwrap_or_default();
            (cells, waiting.unwrap_or_default() + &trouble)
        });
        let header = ["TARGET", "KIND", "STATE", "EDITION", "SEEN", "TROUBLE"];
        self.print(table(&header, rows.collect(), self.out.width()))
    }

    /// Targets that are behind, for whoever asks how hereby is.
    pub(super) async fn warn_of_targets(&self) {
        let page = self.client.read("/api/v1/page/targets").await;
        let all = page.and_then(|page: wire::Page| wire::typed::<Target>(&page.items));
        for it in all.unwrap_or_default().iter().filter(|it| it.behind) {
            self.out.warn(&format!(
                "the status page at {} is behind: hereby page targets",
                it.target
            ));
        }
    }

    /// Says on the record what was said from a bundle. Said twice, it happens once.
    async fn said(&self, path: &Path) -> Result<(), Failure> {
        let bundle = Bundle::read(path)?;
        let mut here = BTreeMap::new();
        let mut done = Vec::new();
        for spoken in &bundle.spoken {
            if let Some(declare) = &spoken.declare {
                let command = command(declare)?;
                let done = self.submit_as(command.id, command.verb).await?;
                let id = done.receipts.first().map(|it| it.subject.id.parse());
                if let Some(Ok(id)) = id {
                    here.insert(spoken.incident, id);
                }
            }
            let command = command(&spoken.update)?;
            let Verb::Update(mut update) = command.verb else {
                return Err(Failure::usage("the bundle was changed"));
            };
            if let Some(id) = here.get(&update.incident) {
                update.incident = *id;
            }
            let incident = update.incident;
            self.submit_as(command.id, update.into()).await?;
            if !self.out.is_json() {
                self.out.data(format!("{incident}: said"))?;
            }
            done.push(incident);
        }
        if self.out.is_json() {
            return self.out.json(&json!({ "said": done }));
        }
        if done.is_empty() {
            self.out.talk("Nothing was said from this bundle.");
        }
        Ok(())
    }
}

fn command(json: &str) -> Result<Command, Failure> {
    Command::decode(json.as_bytes())
        .map_err(|error| Failure::usage("the bundle was changed").because(error))
}
