//! Opens a follow-up's ticket in GitHub or Jira, from the machine whose user may: the token is read
//! here and goes to the tracker alone.
//!
//! That a ticket is about to be opened is said on the record first, so that whoever comes second, or
//! after a lost answer, knows since when to look. Whether there is one is
//! never guessed: see `docs/design/0010-tickets-are-looked-for.md`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base::MailAddress;
use base::{ActId, IncidentId, Line as Words, Name, Timestamp};
use notify::tracker::{
    Auth, BaseUrl, Marker, Outcome, ProjectKey, Reason, Refusal, Repository, System, TicketDraft,
    Tracker, open,
};
use record::command::{LinkTicket, TryTicket};
use record::sealed::Sealable;
use serde::Deserialize;

use super::{Session, wire};
use crate::client::trusted;
use crate::exit::{Exit, Failure};
use crate::place;
use crate::secret_file;

/// The longest file of trackers that is read.
const FILE_BYTES_MAX: u64 = 65_536;

/// `trackers.toml`: where tickets go, one table for each tracker.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trackers {
    #[serde(default)]
    tracker: BTreeMap<Name, Place>,
}

/// One tracker.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Place {
    /// GitHub, its own or an enterprise server.
    Github {
        /// `owner/name`.
        repository: String,
        /// The API of an enterprise server.
        #[serde(default)]
        url: Option<String>,
        /// The file that holds the token, readable by its owner alone.
        token_file: PathBuf,
    },
    /// Jira Cloud.
    Jira {
        /// `https://acme.atlassian.net`
        url: String,
        /// `OPS`
        project: String,
        /// `Task` if nothing is said.
        #[serde(default)]
        issue_type: Option<Words>,
        /// Where people look at tickets, if that is not `url`.
        #[serde(default)]
        site: Option<String>,
        /// The account's mail address; none for a token that stands alone.
        #[serde(default)]
        user: Option<String>,
        /// The file that holds the token, readable by its owner alone.
        token_file: PathBuf,
    },
}

/// An item of `GET /api/v1/followups`, as far as a ticket needs it.
#[derive(Deserialize)]
struct Followup {
    incident: IncidentId,
    followup: u32,
    act: ActId,
    #[serde(default)]
    text: Option<Sealable<Words>>,
    due_at: Timestamp,
    #[serde(default)]
    tried_before: Option<Timestamp>,
    #[serde(default)]
    ticket: Option<Linked>,
}

#[derive(Deserialize)]
struct Linked {
    ticket: Words,
    url: Words,
}

impl Session<'_> {
    /// Opens the ticket, or finds the one that is there.
    pub(super) async fn ticket(
        &self,
        incident: IncidentId,
        number: u32,
        name: Name,
        file: Option<PathBuf>,
    ) -> Result<(), Failure> {
        let tracker = tracker(&name, file, self.globals.ca_file.as_deref())?;
        let followup = self.open_followup(incident, number).await?;
        if let Some(linked) = &followup.ticket {
            self.out.talk(format!("It is {} already.", linked.ticket));
            return self.out.data(linked.url.to_string());
        }
        // Everything that can go wrong here does so before anybody is told of a try.
        self.draft(&followup).await?;
        let tried = TryTicket {
            followup: number,
            incident,
            tracker: name.clone(),
        };
        // Under an id of its own: the command line's belongs to the link.
        self.submit_before(tried).await?;
        // Read again: whoever said so just before is on the record now.
        let followup = self.open_followup(incident, number).await?;
        let draft = self.draft(&followup).await?;
        match open(&tracker, &draft, self.now).await {
            Outcome::Done(ticket) => {
                let said = match ticket.existed {
                    true => format!("{} was there already; it is linked now.", ticket.key),
                    false => format!("Opened {}.", ticket.key),
                };
                let verb = LinkTicket {
                    followup: number,
                    incident,
                    ticket: short(&ticket.key)?,
                    tracker: name,
                    url: short(ticket.url.as_str())?,
                };
                self.does(verb, said).await?;
                match self.out.is_json() {
                    true => Ok(()),
                    false => self.out.data(ticket.url.as_str().to_owned()),
                }
            }
            Outcome::Refused(refusal) => Err(refused(&name, &refusal)),
            Outcome::Unknown(unknown) => {
                let wait = unknown.look_after.as_secs().max(1);
                let mut failure = Failure::new(
                    Exit::Unknown,
                    format!("nobody can say whether {name} opened the ticket"),
                )
                .because(&unknown.why)
                .hint(format!(
                    "run this again in {wait} s or later: it looks for the ticket before it opens one"
                ));
                if let Some(hindrance) = unknown.hindrance {
                    failure = failure.hint(hindrance.next);
                }
                Err(failure)
            }
        }
    }

    async fn open_followup(&self, incident: IncidentId, number: u32) -> Result<Followup, Failure> {
        let items = self
            .list("/api/v1/followups?overdue=false", "after")
            .await?;
        let all: Vec<Followup> = wire::typed(&items)?;
        let found = all
            .into_iter()
            .find(|it| it.incident == incident && it.followup == number);
        found.ok_or_else(|| {
            Failure::new(
                Exit::Refused,
                format!("{incident} has no open follow-up {number}"),
            )
            .hint("hereby followups")
        })
    }

    /// What the ticket says.
    async fn draft(&self, followup: &Followup) -> Result<TicketDraft, Failure> {
        let incident = followup.incident;
        let page: wire::IncidentPage = self
            .client
            .read(&format!("/api/v1/incidents/{incident}"))
            .await?;
        let shown: wire::Incident = wire::one(&page.incident)?;
        if shown.private {
            return Err(Failure::new(
                Exit::Refused,
                format!("{incident} is private, and a tracker's readers are others"),
            )
            .hint("write the ticket by hand, with what may be read there, and link it:")
            .hint("hereby send followup.link_ticket '{\"incident\":…}'"));
        }
        let text = followup.text.as_ref().and_then(Sealable::readable);
        let text = text.ok_or_else(|| {
            Failure::new(
                Exit::Unauthorised,
                "what is to be done is sealed, and not for you",
            )
        })?;
        let status: wire::ServerStatus = self.client.read("/api/v1/status").await?;
        let origin = status.origin.unwrap_or_default();
        let item = format!("F{}", followup.followup);
        let marker = Marker::new(&origin, incident, &item);
        let marker = marker.map_err(|error| Failure::from(anyhow::Error::new(error)))?;
        let body = format!(
            "{text}\n\nA follow-up of {incident} ({}), due on {}.",
            shown.title(),
            crate::say::date(followup.due_at)
        );
        let opened: wire::Placed = self
            .client
            .read(&format!("/api/v1/acts/{}", followup.act))
            .await?;
        Ok(TicketDraft {
            marker,
            title: text.clone(),
            body: body
                .parse()
                .map_err(|error| Failure::from(anyhow::Error::new(error)))?,
            since: opened.act()?.at,
            unknown_at: followup.tried_before,
        })
    }
}

fn short(text: &str) -> Result<Words, Failure> {
    text.parse().map_err(|error| {
        Failure::new(
            Exit::Internal,
            "the tracker's answer is too long to be kept",
        )
        .because(error)
    })
}

fn refused(name: &Name, refusal: &Refusal) -> Failure {
    let exit = match refusal.reason {
        Reason::Unreachable => Exit::Unreachable,
        Reason::Unauthorised | Reason::Forbidden => Exit::Unauthorised,
        _ => Exit::Refused,
    };
    Failure::new(exit, format!("{name} opened no ticket: {}", refusal.what))
        .hint(refusal.next.clone())
}

/// The tracker with this name, from the file that says where tickets go.
fn tracker(name: &Name, file: Option<PathBuf>, ca_file: Option<&Path>) -> Result<Tracker, Failure> {
    let path = match file {
        Some(path) => path,
        None => place::config_dir()?.join("trackers.toml"),
    };
    let cannot = || Failure::usage(format!("cannot use {}", path.display()));
    let text = read_bounded(&path)?;
    let trackers: Trackers = toml::from_str(&text).map_err(|error| cannot().because(error))?;
    let known: Vec<&str> = trackers.tracker.keys().map(Name::as_str).collect();
    let place = trackers.tracker.get(name).ok_or_else(|| {
        let known = match known.is_empty() {
            true => "it names none".to_owned(),
            false => format!("it names {}", known.join(", ")),
        };
        cannot().because(format!("there is no tracker {name}; {known}"))
    })?;
    let bad = |error: &dyn std::fmt::Display| cannot().because(format!("tracker {name}: {error}"));
    let url = |text: &str| text.parse::<BaseUrl>().map_err(|error| bad(&error));
    let beside = |file: &Path| path.parent().unwrap_or(Path::new(".")).join(file);
    let (system, base, auth) = match place {
        Place::Github {
            repository,
            url: base,
            token_file,
        } => {
            let repository: Repository = repository.parse().map_err(|error| bad(&error))?;
            let base = match base {
                Some(base) => url(base)?,
                None => BaseUrl::github(),
            };
            let auth = Auth::Bearer(secret_file::read(&beside(token_file), "the token")?);
            (System::GitHub { repository }, base, auth)
        }
        Place::Jira {
            url: base,
            project,
            issue_type,
            site,
            user,
            token_file,
        } => {
            let project: ProjectKey = project.parse().map_err(|error| bad(&error))?;
            let task = || "Task".parse().expect("a short word");
            let system = System::Jira {
                project,
                issue_type: issue_type.clone().unwrap_or_else(task),
                site: site.as_deref().map(url).transpose()?,
            };
            let token = secret_file::read(&beside(token_file), "the token")?;
            let auth = match user {
                Some(user) => {
                    let user: MailAddress = user.parse().map_err(|error| bad(&error))?;
                    Auth::Basic { user, token }
                }
                None => Auth::Bearer(token),
            };
            (system, url(base)?, auth)
        }
    };
    Tracker::new(system, base, auth, &*trusted(ca_file)?).map_err(|error| bad(&error))
}

fn read_bounded(path: &Path) -> Result<String, Failure> {
    use std::io::Read as _;
    let cannot = |error: std::io::Error| {
        let failure = Failure::usage(format!("cannot read {}", path.display())).because(error);
        failure.hint("hereby followup ticket --help shows what stands in it")
    };
    let file = std::fs::File::open(path).map_err(cannot)?;
    let mut text = String::new();
    let read = file.take(FILE_BYTES_MAX).read_to_string(&mut text);
    read.map_err(cannot)?;
    Ok(text)
}
