//! What is written down before anything is wrong: runbooks and templates.

use std::path::Path;

use base::{Name, Severity};
use record::command::{Declare, RemoveRunbook, RemoveTemplate, SaveRunbook, SaveTemplate};
use record::kinds::incident::Audience;
use serde_json::json;

use super::{Session, markdown, tell, wire};
use crate::cli::prepare::{PrepareVerb, RunbookArgs, RunbookVerb, TemplateArgs, TemplateVerb};
use crate::cli::respond::DeclareArgs;
use crate::exit::{Exit, Failure};
use crate::say::{Line, Style, counted};

/// How bad an incident is where nobody says it.
const SEVERITY: &str = "2";

impl Session<'_> {
    pub(super) async fn prepare(&self, verb: PrepareVerb) -> Result<(), Failure> {
        match verb {
            PrepareVerb::Runbook(args) => self.runbook(args).await,
            PrepareVerb::Template(args) => self.template(args).await,
            PrepareVerb::Import(args) => self.import(args).await,
        }
    }

    async fn runbook(&self, args: RunbookArgs) -> Result<(), Failure> {
        match args.verb {
            RunbookVerb::Save { runbook, file } => {
                let page = read_page(&file)?;
                let mut said = format!(
                    "Saved {runbook}, {}: {}.",
                    counted(page.steps.len(), "step"),
                    page.title
                );
                if page.others > 0 {
                    let others = counted(page.others, "other line");
                    let verb = if page.others == 1 { "is" } else { "are" };
                    said.push_str(&format!(" {others} of the file {verb} not kept."));
                }
                let verb = SaveRunbook {
                    runbook,
                    steps: page.steps,
                    title: page.title,
                };
                self.does(verb, said).await
            }
            RunbookVerb::Remove { runbook } => {
                let said = format!("{runbook} is forgotten.");
                self.does(RemoveRunbook { runbook }, said).await
            }
            RunbookVerb::Show { runbook } => self.show_runbook(&runbook).await,
            RunbookVerb::List => self.runbooks().await,
        }
    }

    async fn show_runbook(&self, name: &Name) -> Result<(), Failure> {
        let items = self.list("/api/v1/runbooks", "after").await?;
        let all: Vec<wire::Runbook> = wire::typed(&items)?;
        let Some(found) = all.into_iter().find(|runbook| runbook.runbook == *name) else {
            return Err(
                Failure::new(Exit::Refused, format!("there is no runbook {name}"))
                    .hint("see which there are: hereby runbook list"),
            );
        };
        if self.out.is_json() {
            let (title, steps) = (found.title, found.steps);
            return self
                .out
                .json(&json!({ "runbook": name, "title": title, "steps": steps }));
        }
        // As `runbook save` takes it.
        let title = Line::new().styled(Style::Bold, format!("# {}", found.title));
        self.out.data(title)?;
        self.out.data(Line::new())?;
        let mut steps = (1..).zip(found.steps);
        steps.try_for_each(|(number, step): (usize, _)| self.out.data(format!("{number}. {step}")))
    }

    async fn runbooks(&self) -> Result<(), Failure> {
        let items = self.list("/api/v1/runbooks", "after").await?;
        let runbooks: Vec<wire::Runbook> = wire::typed(&items)?;
        let rows = runbooks.iter().map(|runbook| {
            let cells = vec![
                Line::new().styled(Style::Bold, runbook.runbook.to_string()),
                Line::new().text(runbook.steps.len().to_string()),
            ];
            (cells, runbook.title.to_string())
        });
        let rows = rows.collect();
        let nothing = "No runbook is known yet: hereby runbook save NAME FILE";
        self.listed(items, &["RUNBOOK", "STEPS", "TITLE"], rows, nothing)
    }

    async fn template(&self, args: TemplateArgs) -> Result<(), Failure> {
        match args.verb {
            TemplateVerb::Save {
                template,
                title,
                severity,
                service,
                private,
                runbooks,
                update_every,
            } => {
                let said = format!("Saved {template}.");
                let next = format!("declare --template {template}");
                let mut update_every_ms = std::collections::BTreeMap::new();
                for (audience, every_ms) in update_every {
                    if update_every_ms.insert(audience, every_ms).is_some() {
                        let name = tell::audience(audience);
                        return Err(Failure::usage(format!("{name} would have two clocks")));
                    }
                }
                let verb = SaveTemplate {
                    private,
                    runbooks,
                    service,
                    severity,
                    template,
                    title,
                    update_every_ms,
                };
                self.does(verb, said).await?;
                self.next(&next);
                Ok(())
            }
            TemplateVerb::Remove { template } => {
                let said = format!("{template} is forgotten.");
                self.does(RemoveTemplate { template }, said).await
            }
            TemplateVerb::List => self.templates().await,
        }
    }

    async fn templates(&self) -> Result<(), Failure> {
        let items = self.list("/api/v1/templates", "after").await?;
        let templates: Vec<wire::Template> = wire::typed(&items)?;
        let or_none = |text: Option<String>| Line::from(text.unwrap_or_else(|| "-".to_owned()));
        let rows = templates.iter().map(|template| {
            let severity = template.severity.map(|severity| severity.to_string());
            let service = template.service.as_ref().map(ToString::to_string);
            let cells = vec![
                Line::new().styled(Style::Bold, template.template.to_string()),
                or_none(severity),
                or_none(service),
                Line::from(begins_with(template)),
            ];
            let title = template.title.as_ref().map(ToString::to_string);
            (cells, title.unwrap_or_default())
        });
        let header = ["TEMPLATE", "SEV", "SERVICE", "BEGINS WITH", "TITLE"];
        let rows = rows.collect();
        let nothing = "No template is known yet: hereby template save NAME";
        self.listed(items, &header, rows, nothing)
    }

    /// The declaration that was said, with what its template says where nothing was said.
    pub(super) async fn declaration(
        &self,
        args: DeclareArgs,
        alerts: Vec<base::AlertId>,
    ) -> Result<Declare, Failure> {
        let template = match &args.template {
            Some(name) => Some(self.template_named(name).await?),
            None => None,
        };
        let said = template.as_ref();
        let title = args
            .title
            .or_else(|| said.and_then(|template| template.title.clone()));
        let title = title.ok_or_else(|| {
            Failure::usage("the incident needs a title").because("its template has none")
        })?;
        let severity = args
            .severity
            .or_else(|| said.and_then(|template| template.severity));
        let severity = match severity {
            Some(severity) => severity,
            None => SEVERITY
                .parse::<Severity>()
                .map_err(|error| Failure::from(anyhow::Error::new(error)))?,
        };
        Ok(Declare {
            alerts,
            drill: args.drill,
            impact_start: args.impact_start.map(|start| start.resolve(self.now)),
            private: args.private || said.is_some_and(|template| template.private),
            service: args
                .service
                .or_else(|| said.and_then(|template| template.service.clone())),
            severity,
            template: args.template,
            title,
        })
    }

    async fn template_named(&self, name: &Name) -> Result<wire::Template, Failure> {
        let items = self.list("/api/v1/templates", "after").await?;
        let all: Vec<wire::Template> = wire::typed(&items)?;
        let found = all.into_iter().find(|template| template.template == *name);
        found.ok_or_else(|| {
            Failure::new(Exit::Refused, format!("there is no template {name}"))
                .hint("see which there are: hereby template list")
        })
    }
}

/// `db-failover; insiders every 30 min; PRIVATE`
fn begins_with(template: &wire::Template) -> String {
    let mut parts: Vec<String> = template.runbooks.iter().map(ToString::to_string).collect();
    let clock = |(audience, every_ms): (&Audience, &u64)| {
        format!(
            "{} every {}",
            tell::audience(*audience),
            tell::span(*every_ms)
        )
    };
    parts.extend(template.update_every_ms.iter().map(clock));
    if template.private {
        parts.push("PRIVATE".to_owned());
    }
    parts.join("; ")
}

/// A runbook's file.
pub(super) fn read_page(path: &Path) -> Result<markdown::Page, Failure> {
    let text = super::text::read_text(path, markdown::BYTES_MAX)?;
    markdown::runbook(&text).map_err(|why| {
        Failure::usage(format!("{} is no runbook", path.display()))
            .because(why)
            .hint("hereby runbook save --help says what a runbook looks like")
    })
}
