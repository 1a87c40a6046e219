//! The commands that ask a running hereby, one file for each family.
//!
//! They turn arguments into a command or a question, and answers into lines. How to reach hereby
//! and what an answer means is decided in [`crate::client`].

use std::time::Duration;

use aws_lc_rs::signature::Ed25519KeyPair;
use base::{CommandId, Name, Timestamp};
use record::command::Verb;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cli::containment::ContainVerb;
use crate::cli::fleet::FleetVerb;
use crate::cli::{Globals, Task};
use crate::client::{Client, Done, Sending, Via, quoted};
use crate::exit::{Exit, Failure};
use crate::say::{Line, Out, Style};

mod access;
mod afterwards;
mod alerts;
mod break_glass;
mod calendar;
mod chat;
mod containment;
mod directory;
mod files;
mod fleet;
mod import;
mod keyfile;
mod knew;
mod markdown;
mod money;
mod page;
mod quiet;
mod reading;
mod requests;
mod respond;
mod review;
mod runbook;
mod secrets;
mod session;
pub(crate) mod shell;
mod show;
mod statement;
mod stats;
mod subscribers;
pub(crate) mod succession;
pub(crate) mod tell;
mod text;
mod ticket;
mod timeline;
mod watch;
mod wire;
mod work;

pub(crate) use directory::policy;

/// The most items that a list prints; what is left out is said.
const LIST_MAX: usize = 10_000;

/// How long the list of open incidents may take that stands below a mistake.
const HINT_TIME: Duration = Duration::from_secs(2);

/// A hereby to ask, and everything that was said on the command line for all commands.
pub(crate) struct Session<'a> {
    client: Client,
    globals: &'a Globals,
    out: &'a Out,
    now: Timestamp,
}

/// Does one of the commands that ask a running hereby.
///
/// # Errors
/// See [`Failure`].
pub(crate) fn run(task: Task, globals: &Globals, out: &Out) -> Result<(), Failure> {
    // Commands that need no hereby, and those that mean it themselves.
    let task = match task {
        Task::Key(args) => match access::local(args, out)? {
            Some(args) => Task::Key(args),
            None => return Ok(()),
        },
        Task::Fleet(FleetVerb::BreakGlass(args)) => match break_glass::local(args, globals, out)? {
            Some(args) => Task::Fleet(FleetVerb::BreakGlass(args)),
            None => return Ok(()),
        },
        Task::Succession(args) => match crate::offline::succession(args, globals, out)? {
            Some(args) => Task::Succession(args),
            None => return Ok(()),
        },
        Task::Contain(ContainVerb::Revoke(args)) if !args.logs.is_empty() => {
            return containment::affected(&args, out);
        }
        other => other,
    };
    let session = Session::new(globals, out)?;
    let outcome = runtime()?.block_on(session.run(task));
    outcome.map_err(|mut failure| {
        let unknown = failure.reason.as_deref() == Some("not_found");
        let names = ["there is no INC-", "there is no incident "];
        if unknown && names.iter().any(|begin| failure.what.starts_with(begin)) {
            failure.hints.extend(open_incidents(globals));
        }
        failure
    })
}

/// Sends one command with what the command line says for all of them, and no more.
///
/// # Errors
/// See [`Failure`].
pub(crate) fn submit_alone(verb: Verb, globals: &Globals, out: &Out) -> Result<(), Failure> {
    let session = Session::new(globals, out)?;
    runtime()?.block_on(session.send(verb)).map(drop)
}

/// Open incidents, as hints for somebody who named none. Empty when hereby does not answer.
pub(crate) fn open_incidents(globals: &Globals) -> Vec<String> {
    let ask = async {
        let client = Client::new(globals).ok()?;
        let path = "/api/v1/incidents?status=open&limit=20";
        let open: wire::Page = client.read(path).await.ok()?;
        wire::typed::<wire::Incident>(&open.items).ok()
    };
    let asked = async { tokio::time::timeout(HINT_TIME, ask).await.ok().flatten() };
    let open = runtime()
        .ok()
        .and_then(|runtime| runtime.block_on(asked))
        .unwrap_or_default();
    open.iter()
        .map(|incident| {
            format!(
                "open: {} {} {}",
                incident.id,
                incident.severity,
                incident.title()
            )
        })
        .collect()
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::from(anyhow::Error::new(error).context("cannot start")))
}

impl<'a> Session<'a> {
    fn new(globals: &'a Globals, out: &'a Out) -> Result<Session<'a>, Failure> {
        Ok(Session {
            client: Client::new(globals)?,
            globals,
            out,
            now: Client::now(),
        })
    }
}

impl Session<'_> {
    #[expect(clippy::too_many_lines, reason = "a table of what each task leads to")]
    async fn run(&self, task: Task) -> Result<(), Failure> {
        match task {
            Task::Chat(args) => self.chat(args).await,
            Task::Declare(args) => self.declare(args).await,
            Task::Acknowledge(args) => self.acknowledge(args).await,
            Task::Assign(args) => self.assign(args).await,
            Task::HandOver(args) => self.hand_over(args).await,
            Task::Accept(args) => self.accept(args).await,
            Task::Relieve(args) => self.relieve(args).await,
            Task::Waive(args) => self.waive(args).await,
            Task::Time(args) => self.time(args).await,
            Task::Note(args) => self.note(args).await,
            Task::Update(args) => self.update(args).await,
            Task::Status(args) => self.status(args).await,
            Task::Severity(args) => self.severity(args).await,
            Task::Resolve(args) => self.resolve(args).await,
            Task::Reopen(args) => self.reopen(args).await,
            Task::Review(args) => self.review(args).await,
            Task::Finding(args) => self.finding(args).await,
            Task::Followup(args) => self.followup(args).await,
            Task::Followups(args) => self.followups(args).await,
            Task::Meeting(args) => self.meeting(args).await,
            Task::Show(args) => self.show(args).await,
            Task::Incidents(args) => self.incidents(args).await,
            Task::Watch(args) => self.watch(args).await,
            Task::Work(verb) => self.work(verb).await,
            Task::Stats(args) => self.stats(args).await,
            Task::Alerts(args) => self.alerts(args).await,
            Task::Attach(args) => self.attach(args).await,
            Task::Silence(args) => self.silence(args).await,
            Task::Silences(args) => self.silences(args).await,
            Task::Maintenance(args) => self.maintenance(args).await,
            Task::Heartbeat(args) => self.heartbeat(args).await,
            Task::Contain(verb) => self.contain(verb).await,
            Task::Fleet(verb) => self.about_fleet(verb).await,
            Task::Edge(args) => self.about_edge(args).await,
            Task::Succession(args) => self.succession(args.verb).await,
            Task::RotateSecrets(args) => self.rotate_secrets(args).await,
            Task::Component(args) => self.component(args).await,
            Task::Page(args) => self.page(args).await,
            Task::Person(args) => self.person(args).await,
            Task::Team(args) => self.team(args).await,
            Task::Service(args) => self.service(args).await,
            Task::Grant(args) => self.grant(args).await,
            Task::Withdraw(args) => self.withdraw(args).await,
            Task::Prepare(verb) => self.prepare(verb).await,
            Task::Request(verb) => self.about_request(verb).await,
            Task::Subscriber(verb) => self.about_subscribers(verb).await,
            Task::Token(args) => self.token(args).await,
            Task::Login(args) => self.login(args).await,
            Task::Sessions(args) => self.sessions(args).await,
            Task::Key(args) => self.key(args).await,
            Task::Send(args) => self.send_any(args).await,
            Task::Up(_)
            | Task::Serve(_)
            | Task::Witness(_)
            | Task::Rollout(_)
            | Task::Gameday(_)
            | Task::Verify(_)
            | Task::Auditor(_)
            | Task::Prove(_)
            | Task::Export(_)
            | Task::Rebuild(_)
            | Task::Backup(_)
            | Task::Restore(_)
            | Task::Record(_)
            | Task::Doctor(_)
            | Task::Policy(_)
            | Task::Completions(_)
            | Task::Man(_)
            | Task::Reference => Err(asks_nobody()),
        }
    }

    /// Sends a command with the id, reason, person and key of the command line, and prints the
    /// document of what happened if documents are wanted.
    async fn send(&self, verb: impl Into<Verb>) -> Result<Done, Failure> {
        let (id, done) = self.submit(verb.into()).await?;
        if self.out.is_json() {
            self.document(id, &done, None)?;
        }
        Ok(done)
    }

    /// Prints the document of what happened; `number`: what was opened is called so in its incident.
    fn document(&self, id: CommandId, done: &Done, number: Option<u64>) -> Result<(), Failure> {
        let request = requests::waits(done);
        self.out.json(&DoneDocument {
            outcome: request.map_or("done", |_| "waits"),
            id,
            number,
            request,
            done,
        })
    }

    async fn submit(&self, verb: Verb) -> Result<(CommandId, Done), Failure> {
        let id = match &self.globals.id {
            Some(id) => id.clone(),
            None => random_id()?,
        };
        let named = self.named(&verb);
        let done = self.submit_as(id.clone(), verb).await?;
        self.warn_of_strangers(&named).await;
        Ok((id, done))
    }

    /// The people that a command names, whoever acts included.
    fn named(&self, verb: &Verb) -> Vec<String> {
        let about_people = ["person.", "permission."];
        if about_people
            .iter()
            .any(|family| verb.name().starts_with(family))
        {
            return Vec::new();
        }
        let args = verb.canonical_args().unwrap_or_default();
        let args: Value = serde_json::from_str(&args).unwrap_or_default();
        let people = ["person", "owner", "to"]
            .iter()
            .filter_map(|it| args.get(it)?.as_str());
        let acts = self.globals.on_behalf_of.iter().map(ToString::to_string);
        people
            .filter(|name| !name.starts_with("INC-"))
            .map(str::to_owned)
            .chain(acts)
            .collect()
    }

    /// A name that nobody has is often a slip of the hand; where people are known, it is said.
    async fn warn_of_strangers(&self, named: &[String]) {
        if named.is_empty() || self.out.is_json() {
            return;
        }
        let people = self.list("/api/v1/people", "after").await;
        let people = people.and_then(|items| wire::typed::<wire::Person>(&items));
        let Ok(people) = people else { return };
        if people.is_empty() {
            return;
        }
        let known = |name: &&String| people.iter().any(|it| it.person.as_str() == name.as_str());
        for name in named.iter().filter(|name| !known(name)) {
            self.out.warn(&format!(
                "nobody called {name} is known here (hereby person list)"
            ));
        }
    }

    /// Sends a command that goes before the one that was asked for, under an id of its own.
    async fn submit_before(&self, verb: impl Into<Verb>) -> Result<Done, Failure> {
        self.submit_as(random_id()?, verb.into()).await
    }

    /// Sends a command under this id.
    async fn submit_as(&self, id: CommandId, verb: Verb) -> Result<Done, Failure> {
        let signer: Option<(Name, Ed25519KeyPair)> = match &self.globals.sign {
            Some(name) => Some((name.clone(), keyfile::Keys::of_user()?.signer(name)?)),
            None => None,
        };
        let sending = Sending {
            id,
            verb,
            why: self.globals.why.clone(),
            on_behalf_of: self.globals.on_behalf_of.clone(),
            signer: signer.as_ref().map(|(name, pair)| (name, pair)),
        };
        let waiting = |why: &str| {
            self.out
                .talk(format!("No answer yet ({why}); trying again."))
        };
        let via = Via {
            waiting: &waiting,
            options: self.options(),
        };
        self.client.submit(&sending, &via).await
    }

    /// The options that lead to the same hereby again; those that the environment gives as well
    /// are left out.
    fn options(&self) -> Vec<String> {
        let globals = self.globals;
        let path = |path: &std::path::PathBuf| path.display().to_string();
        let pairs = match &globals.url {
            Some(url) => vec![
                ("--url", "HEREBY_URL", Some(url.clone())),
                (
                    "--token-file",
                    "HEREBY_TOKEN_FILE",
                    globals.token_file.as_ref().map(path),
                ),
                (
                    "--ca-file",
                    "HEREBY_CA_FILE",
                    globals.ca_file.as_ref().map(path),
                ),
                (
                    "--pin",
                    "HEREBY_PIN",
                    globals.pin.as_ref().map(ToString::to_string),
                ),
            ],
            None => vec![(
                "--data-dir",
                "HEREBY_DATA_DIR",
                globals.data_dir.as_ref().map(path),
            )],
        };
        let given = pairs.into_iter().filter_map(|(name, variable, value)| {
            let value = value?;
            let anyway = std::env::var(variable).is_ok_and(|set| set == value);
            (!anyway).then(|| [name.to_owned(), value])
        });
        given.flatten().collect()
    }

    /// Sends a command and says what was done, or what it waits for.
    async fn does(&self, verb: impl Into<Verb>, said: impl Into<String>) -> Result<(), Failure> {
        let done = self.send(verb).await?;
        match requests::waits(&done) {
            Some(request) if !self.out.is_json() => self.say_waits(&done, request).await,
            _ => self.did(&done, said.into()),
        }
        Ok(())
    }

    /// Says which command comes next, with the options that lead to the same hereby.
    fn next(&self, command: &str) {
        let options: String = self
            .options()
            .iter()
            .map(|word| format!(" {}", quoted(word)))
            .collect();
        let line = Line::new().styled(Style::Dim, "  next: ");
        self.out
            .talk(line.text(format!("hereby {command}{options}")));
    }

    /// Reads all pages of a list, up to [`LIST_MAX`] items.
    async fn list(&self, path: &str, cursor: &str) -> Result<Vec<Value>, Failure> {
        self.list_of(path, cursor, LIST_MAX).await
    }

    /// Reads all pages of a list, up to `max` items.
    async fn list_of<T: DeserializeOwned>(
        &self,
        path: &str,
        cursor: &str,
        max: usize,
    ) -> Result<Vec<T>, Failure> {
        let mut items: Vec<T> = Vec::new();
        let mut next: Option<Value> = None;
        let joint = if path.contains('?') { '&' } else { '?' };
        loop {
            let from = next.as_ref().map(|next| {
                let text = next
                    .as_str()
                    .map_or_else(|| next.to_string(), str::to_owned);
                format!("&{cursor}={}", crate::client::percent_encoded(&text))
            });
            let from = from.unwrap_or_default();
            let page: wire::Page<T> = self
                .client
                .read(&format!("{path}{joint}limit=1000{from}"))
                .await?;
            items.extend(page.items);
            if items.len() >= max && page.next.is_some() {
                items.truncate(max);
                self.out.warn(&format!("only the first {max} are shown"));
                return Ok(items);
            }
            match page.next {
                // The same cursor twice would go round for ever.
                Some(cursor) if next.as_ref() != Some(&cursor) => next = Some(cursor),
                _ => return Ok(items),
            }
        }
    }

    /// Says what was done, unless a document said it.
    fn did(&self, done: &Done, what: impl Into<Line>) {
        let what = match requests::waits(done) {
            Some(request) => Line::from(format!("Waits as {request}: nothing happened yet.")),
            None => what.into(),
        };
        let place = done
            .receipts
            .last()
            .map(|receipt| format!("  (entry {})", receipt.index));
        self.out
            .talk(what.styled(Style::Dim, place.unwrap_or_default()));
    }
}

fn asks_nobody() -> Failure {
    Failure::new(Exit::Internal, "this command asks no running hereby")
}

/// What `--json` prints of a command that happened.
#[derive(Serialize)]
struct DoneDocument<'a> {
    outcome: &'static str,
    id: CommandId,
    /// The number of what was opened, in its incident.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    /// The request that it waits as.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a str>,
    #[serde(flatten)]
    done: &'a Done,
}

fn random_id() -> Result<CommandId, Failure> {
    let mut bytes = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Failure::new(Exit::Internal, "the system gives no random bytes"))?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("cli-{digits}")
        .parse()
        .map_err(|error| Failure::from(anyhow::Error::new(error)))
}

#[cfg(test)]
pub(crate) mod tests;
