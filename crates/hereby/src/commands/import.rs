//! Makes a directory's people, teams, services, permissions, runbooks and templates known.
//!
//! A plan is made first, from the files and from what hereby knows ([`plan`], pure), and shown; then
//! it is sent in an order in which nothing names what is not there yet. Nothing is guessed: a file
//! that is wrong stops everything before the first command.

use std::collections::BTreeSet;

use base::CommandId;
use record::command::Verb;
use record::hash;
use serde_json::{Value, json};

use self::page::Files;
use self::plan::{Change, Key, Known, Plan, Step};
use super::{Session, requests, wire};
use crate::cli::prepare::ImportArgs;
use crate::client::Done;
use crate::exit::{Exit, Failure};
use crate::say::{Line, Style, counted};

mod page;
mod plan;

/// How often the same change may have been made and undone by others before.
const ATTEMPTS_MAX: u32 = 256;

/// What became of a step.
enum Sent {
    Done,
    /// It waits as this request.
    Waits(String),
}

impl Session<'_> {
    pub(super) async fn import(&self, args: ImportArgs) -> Result<(), Failure> {
        if self.globals.id.is_some() {
            return Err(
                Failure::usage("an import is many commands, and --id names one")
                    .hint("leave --id out: each command's id follows from what it says"),
            );
        }
        let files = Files::read(&args.path)?;
        let status: wire::ServerStatus = self.client.read("/api/v1/status").await?;
        let known = self.known().await?;
        let plan = plan::plan(&files, &known, args.remove);
        if !self.out.is_json() {
            self.print(plan_lines(&plan))?;
        }
        let mut sent = Vec::new();
        if !args.plan {
            for step in plan.to_send() {
                let outcome = self.send_step(step, status.size).await;
                sent.push(outcome.map_err(|failure| stopped(failure, step, sent.len()))?);
            }
        }
        if self.out.is_json() {
            return self.out.json(&document(&plan, &sent, args.plan));
        }
        self.out.talk(summary(&plan, &sent, args.plan));
        Ok(())
    }

    /// What hereby knows of the kinds of things that files can name.
    async fn known(&self) -> Result<Known, Failure> {
        let mut known = Known::default();
        for team in wire::typed::<wire::Team>(&self.list("/api/v1/teams", "after").await?)? {
            known.team(team);
        }
        for person in wire::typed::<wire::Person>(&self.list("/api/v1/people", "after").await?)? {
            known.person(person);
        }
        let services = self.list("/api/v1/services", "after").await?;
        for service in wire::typed::<wire::Service>(&services)? {
            known.service(service);
        }
        let runbooks = self.list("/api/v1/runbooks", "after").await?;
        for runbook in wire::typed::<wire::Runbook>(&runbooks)? {
            known.runbook(runbook);
        }
        let templates = self.list("/api/v1/templates", "after").await?;
        for template in wire::typed::<wire::Template>(&templates)? {
            known.template(template);
        }
        let requests = self.list("/api/v1/requests", "after").await?;
        for request in wire::typed::<wire::Request>(&requests)? {
            known.request(request);
        }
        Ok(known)
    }

    /// Sends one step under an id that follows from what it says. Where that id has happened before
    /// the plan was made, it was undone since, or somebody else said it: then the next one is taken.
    async fn send_step(&self, step: &Step, planned_at: u64) -> Result<Sent, Failure> {
        let Some(verb) = step.verb() else {
            return Err(Failure::new(Exit::Internal, "a step that sends nothing"));
        };
        for attempt in 0..ATTEMPTS_MAX {
            let id = step_id(verb, attempt)?;
            match self.submit_as(id, verb.clone()).await {
                Ok(done) if is_new(&done, planned_at) => {
                    return Ok(match requests::waits(&done) {
                        Some(request) => Sent::Waits(request.to_owned()),
                        None => Sent::Done,
                    });
                }
                Ok(_) => {}
                Err(failure) if failure.reason.as_deref() == Some("id_reused") => {}
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::new(
            Exit::Internal,
            format!("the same was said and undone {ATTEMPTS_MAX} times"),
        )
        .hint("say it by hand, with the command for it"))
    }
}

/// Whether a command happened now, and not before the plan was made.
fn is_new(done: &Done, planned_at: u64) -> bool {
    let last = done.receipts.iter().map(|receipt| receipt.index).max();
    last.is_none_or(|index| index >= planned_at)
}

/// The id of a step: it follows from the command and its arguments alone.
fn step_id(verb: &Verb, attempt: u32) -> Result<CommandId, Failure> {
    let args = verb
        .canonical_args()
        .map_err(|error| Failure::usage("the command can't be sent").because(error))?;
    let digest = hash::sha256(&[
        b"hereby/import/1\0",
        verb.name().as_bytes(),
        b"\0",
        args.as_bytes(),
    ]);
    let digits: String = digest
        .as_bytes()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("import-{digits}-{attempt}")
        .parse()
        .map_err(|error| Failure::from(anyhow::Error::new(error)))
}

/// The failure of one step, with how far the import came.
fn stopped(mut failure: Failure, step: &Step, done: usize) -> Failure {
    failure.what = format!("{}: {}", step.key, failure.what);
    let before = counted(done, "change");
    failure.hint(format!(
        "{before} before it happened; mend it and run the same line again: what is there stays"
    ))
}

fn plan_lines(plan: &Plan) -> Vec<Line> {
    let shown = plan.steps.iter().filter_map(|step| {
        let (style, word) = match &step.change {
            Change::New(_) => (Style::Good, "new"),
            Change::Changed(_) => (Style::Warning, "changed"),
            Change::Removed(_) => (Style::Bad, "removed"),
            Change::Waits(_) => (Style::Warning, "waits"),
            Change::Unchanged => return None,
        };
        let line = Line::new().styled(style, word).padded(9);
        Some(line.text(step.key.to_string()))
    });
    shown.collect()
}

fn summary(plan: &Plan, sent: &[Sent], only_plan: bool) -> String {
    let count = |wanted: fn(&Change) -> bool| {
        plan.steps
            .iter()
            .filter(|step| wanted(&step.change))
            .count()
    };
    let mut said = format!(
        "{} new, {} changed, {} unchanged, {} removed.",
        count(|change| matches!(change, Change::New(_))),
        count(|change| matches!(change, Change::Changed(_))),
        count(|change| matches!(change, Change::Unchanged)),
        count(|change| matches!(change, Change::Removed(_))),
    );
    if only_plan {
        said.push_str(" This is the plan; nothing happened.");
    }
    let waiting: BTreeSet<&str> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.change {
            Change::Waits(request) => Some(request.as_str()),
            _ => None,
        })
        .chain(sent.iter().filter_map(|sent| match sent {
            Sent::Waits(request) => Some(request.as_str()),
            Sent::Done => None,
        }))
        .collect();
    if !waiting.is_empty() {
        let names: Vec<&str> = waiting.into_iter().collect();
        said.push_str(&format!(
            " Somebody else has to approve {}: hereby requests.",
            names.join(", ")
        ));
    }
    if plan.left > 0 {
        said.push_str(&format!(
            " {} that the files don't name stay; --remove forgets them.",
            counted(plan.left, "thing")
        ));
    }
    said
}

fn document(plan: &Plan, sent: &[Sent], only_plan: bool) -> Value {
    let mut outcomes = sent.iter();
    let items = plan.steps.iter().map(|step| {
        let outcome = match (&step.change, step.verb()) {
            (Change::Waits(request), _) => json!({ "waits": request }),
            (_, Some(_)) => match outcomes.next() {
                Some(Sent::Done) => json!("done"),
                Some(Sent::Waits(request)) => json!({ "waits": request }),
                None => Value::Null,
            },
            (_, None) => Value::Null,
        };
        let Key { kind, name } = &step.key;
        json!({
            "kind": kind.word(),
            "name": name,
            "change": step.change.word(),
            "outcome": outcome,
        })
    });
    let items: Vec<Value> = items.collect();
    json!({ "items": items, "plan": only_plan, "left": plan.left })
}

#[cfg(test)]
mod tests;
