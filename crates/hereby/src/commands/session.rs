//! Who works in a browser: links to sign in with, and sessions.

use base::{LoginId, PersonName, SessionId, Timestamp};
use record::command::{EndSession, OfferLogin};
use record::hash::Hash;
use serde::Deserialize;
use serde_json::json;

use super::{Session, keyfile, wire};
use crate::cli::access::{LoginArgs, SessionsArgs, SessionsVerb};
use crate::client::Secret;
use crate::exit::{Exit, Failure};
use crate::say::{Line, Style, counted, duration, stamp, table};

/// A session, as the API lists it.
#[derive(Debug, Deserialize)]
struct Listed {
    session: SessionId,
    person: PersonName,
    begun_at: Timestamp,
    used_at: Option<Timestamp>,
    expires_at: Timestamp,
    issuer: Option<String>,
    over: bool,
}

/// Where the console is.
#[derive(Debug, Deserialize)]
struct Where {
    console: Option<String>,
}

impl Session<'_> {
    pub(super) async fn login(&self, args: LoginArgs) -> Result<(), Failure> {
        let found: Where = self.client.read("/api/v1/status").await?;
        let console = found.console.ok_or_else(|| {
            Failure::new(Exit::Internal, "this hereby has no console").hint("use a newer hereby")
        })?;
        let secret = Secret::login()?;
        let link = format!("{console}/sign-in#{}", secret.expose());
        if let Some(path) = &args.output {
            keyfile::write_new(path, &link)?;
        }
        let hash = secret.hash();
        let expires_at = self.now.plus_ms(args.expires);
        let verb = OfferLogin {
            expires_at,
            hash,
            login: login_id(&hash)?,
            person: args.person.clone(),
        };
        let sent = self.submit(verb.into()).await;
        if sent.is_err()
            && let Some(path) = &args.output
        {
            // It works nowhere: nothing is left that looks like a link.
            let _ = std::fs::remove_file(path);
        }
        let (id, done) = sent?;
        let shown = args.output.is_none().then_some(&link);
        if self.out.is_json() {
            return self.out.json(&json!({
                "outcome": "done",
                "id": id,
                "receipts": done.receipts,
                "checkpoint": done.checkpoint,
                "link": shown,
            }));
        }
        let said = format!(
            "{} can sign in once, until {}.",
            args.person,
            stamp(expires_at)
        );
        self.did(&done, said);
        match args.output {
            Some(path) => {
                self.out.talk(format!("The link is in {}.", path.display()));
                Ok(())
            }
            None => self.out.data(link),
        }
    }

    pub(super) async fn sessions(&self, args: SessionsArgs) -> Result<(), Failure> {
        match args.verb {
            None => self.list_sessions().await,
            Some(SessionsVerb::End {
                session: Some(session),
                ..
            }) => {
                let said = format!("{session} is good for nothing any more.");
                self.does(EndSession { session }, said).await
            }
            Some(SessionsVerb::End { person, .. }) => {
                let all = self.signed_in().await?;
                let own = |it: &&Listed| person.as_ref() == Some(&it.person);
                let ended: Vec<SessionId> = all
                    .iter()
                    .filter(own)
                    .map(|it| it.session.clone())
                    .collect();
                for session in &ended {
                    let session = session.clone();
                    self.submit(EndSession { session }.into()).await?;
                }
                if self.out.is_json() {
                    return self.out.json(&json!({"ended": ended}));
                }
                self.out
                    .talk(format!("{} ended.", counted(ended.len() as u64, "session")));
                Ok(())
            }
        }
    }

    async fn signed_in(&self) -> Result<Vec<Listed>, Failure> {
        let items = self.list("/api/v1/sessions", "after").await?;
        wire::typed(&items)
    }

    async fn list_sessions(&self) -> Result<(), Failure> {
        if self.out.is_json() {
            let items = self.list("/api/v1/sessions", "after").await?;
            return self.out.json(&json!({ "items": items }));
        }
        let all = self.signed_in().await?;
        if all.iter().all(|it| it.over) {
            self.out.talk("Nobody is signed in.");
            return Ok(());
        }
        let rows = all.iter().filter(|it| !it.over).map(|it| {
            let used = it
                .used_at
                .map(|at| format!("{} ago", duration(self.now.ms_since(at))));
            let cells = vec![
                Line::new().styled(Style::Bold, it.session.to_string()),
                Line::new().text(it.person.to_string()),
                Line::new().text(stamp(it.begun_at)),
                Line::new().text(used.unwrap_or_else(|| "not since the start".to_owned())),
                Line::new().text(stamp(it.expires_at)),
            ];
            (
                cells,
                it.issuer.clone().unwrap_or_else(|| "a link".to_owned()),
            )
        });
        let header = ["SESSION", "PERSON", "BEGAN", "USED", "ENDS", "BY"];
        self.print(table(&header, rows.collect(), self.out.width()))
    }
}

/// The name of the link whose secret has this hash.
fn login_id(hash: &Hash) -> Result<LoginId, Failure> {
    let digits = hash.0.iter().take(8).map(|byte| format!("{byte:02x}"));
    let name = format!("log-{}", digits.collect::<String>());
    name.parse()
        .map_err(|error| Failure::new(Exit::Internal, "a link has no name").because(error))
}
