//! Who may speak to hereby: tokens and keys; and any command by its name.

use std::collections::BTreeSet;
use std::path::PathBuf;

use base::{Actor, TokenId};
use record::command::{
    COMMAND_BYTES_MAX, EnrollKey, IssueToken, RevokeKey, RevokeToken, VERBS, Verb,
};
use record::hash::Hash;
use record::kinds::access::Scope;
use serde_json::json;

use super::keyfile::{self, Keys};
use super::{Session, requests, wire};
use crate::cli::access::{KeyArgs, KeyVerb, SendArgs, TokenArgs, TokenVerb};
use crate::client::Secret;
use crate::exit::{Exit, Failure};
use crate::say::{Line, Out, Style, duration, stamp, table};

/// What needs no running hereby: making a key. Gives the rest back.
pub(super) fn local(args: KeyArgs, out: &Out) -> Result<Option<KeyArgs>, Failure> {
    let KeyVerb::New { key } = &args.verb else {
        return Ok(Some(args));
    };
    let (path, vkey) = Keys::of_user()?.make(key)?;
    if out.is_json() {
        out.json(&json!({ "key": key, "vkey": vkey.to_string(), "file": path }))?;
        return Ok(None);
    }
    out.talk(format!(
        "The private half is in {}; it never leaves this machine.",
        path.display()
    ));
    out.data(vkey.to_string())?;
    let next = format!("hereby key enroll {key} --person NAME");
    out.talk(Line::new().styled(Style::Dim, "  next: ").text(next));
    Ok(None)
}

impl Session<'_> {
    pub(super) async fn token(&self, args: TokenArgs) -> Result<(), Failure> {
        match args.verb {
            TokenVerb::Issue {
                holder,
                scope,
                expires,
                output,
            } => {
                let scopes = scope.into_iter().map(Into::into).collect();
                self.issue(holder, scopes, expires, output).await
            }
            TokenVerb::Revoke { token } => {
                let said = format!("{token} works no more.");
                self.does(RevokeToken { token }, said).await
            }
            TokenVerb::List => self.tokens().await,
        }
    }

    /// The secret is kept before its hash is sent: a token that works and that nobody has is
    /// worse than a secret that never works.
    async fn issue(
        &self,
        actor: Actor,
        scopes: BTreeSet<Scope>,
        life_ms: i64,
        output: Option<PathBuf>,
    ) -> Result<(), Failure> {
        let secret = Secret::random()?;
        if let Some(path) = &output {
            keyfile::write_new(path, secret.expose())?;
        }
        let hash = secret.hash();
        let expires_at = self.now.plus_ms(life_ms);
        let token = token_id(&hash)?;
        let said = format!("Issued {token} to {actor}, until {}.", stamp(expires_at));
        let verb = IssueToken {
            actor,
            expires_at,
            hash,
            scopes,
            token,
        };
        let shown = output.is_none().then(|| secret.expose());
        match self.submit(verb.into()).await {
            Ok((id, done)) if self.out.is_json() => self.out.json(&json!({
                "outcome": "done",
                "id": id,
                "receipts": done.receipts,
                "checkpoint": done.checkpoint,
                "token": shown,
            })),
            Ok((_, done)) => {
                self.did(&done, said);
                self.give_secret(&secret, output.as_ref())
            }
            Err(failure) if failure.exit == Exit::Unknown => {
                if self.out.is_json() {
                    let id = &failure.id;
                    self.out
                        .json(&json!({ "outcome": "unknown", "id": id, "token": shown }))?;
                } else {
                    self.out
                        .warn("the token may work or not: keep it until that is known");
                    self.give_secret(&secret, output.as_ref())?;
                }
                Err(failure)
            }
            Err(failure) => {
                // It works nowhere: nothing is left that looks like a token.
                if let Some(path) = &output {
                    let _ = std::fs::remove_file(path);
                }
                Err(failure)
            }
        }
    }

    fn give_secret(&self, secret: &Secret, output: Option<&PathBuf>) -> Result<(), Failure> {
        match output {
            Some(path) => {
                self.out
                    .talk(format!("The secret is in {}.", path.display()));
                Ok(())
            }
            None => {
                self.out
                    .talk("The secret is printed once and kept nowhere:");
                self.out.data(secret.expose())
            }
        }
    }

    async fn tokens(&self) -> Result<(), Failure> {
        let items = self.list("/api/v1/tokens", "after").await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "items": items }));
        }
        let tokens: Vec<wire::Token> = wire::typed(&items)?;
        if tokens.is_empty() {
            self.out.talk("There is no token.");
            return Ok(());
        }
        let rows = tokens.iter().map(|token| {
            let left = token.expires_at.ms_since(self.now);
            let left = match left {
                ..=0 => Line::new().styled(Style::Dim, "expired"),
                _ => Line::new().text(duration(left)),
            };
            let kind = if matches!(token.actor, Actor::Service { .. }) {
                "service"
            } else {
                "person"
            };
            let cells = vec![
                Line::new().styled(Style::Bold, token.token.to_string()),
                Line::new().text(format!("{kind}:{}", token.actor)),
                Line::new().text(stamp(token.expires_at)),
                left,
            ];
            let scopes: Vec<_> = token.scopes.iter().map(|scope| scope.as_str()).collect();
            (cells, scopes.join(", "))
        });
        let header = ["TOKEN", "HOLDER", "EXPIRES", "LEFT", "SCOPES"];
        self.print(table(&header, rows.collect(), self.out.width()))
    }

    pub(super) async fn key(&self, args: KeyArgs) -> Result<(), Failure> {
        match args.verb {
            KeyVerb::Enroll { key, person, vkey } => {
                let vkey = match vkey {
                    Some(vkey) => vkey,
                    None => Keys::of_user()?.verifier(&key)?,
                };
                let said = format!("{key} signs for {person}.");
                let verb = EnrollKey {
                    key: key.clone(),
                    person,
                    vkey: vkey.to_string().into(),
                };
                let done = self.send(verb).await?;
                match requests::waits(&done) {
                    Some(request) if !self.out.is_json() => self.say_waits(&done, request).await,
                    _ => {
                        self.did(&done, said);
                        self.next(&format!("acknowledge INC-1 --sign {key}"));
                    }
                }
                Ok(())
            }
            KeyVerb::Revoke { key } => {
                let said = format!("{key} signs no more.");
                self.does(RevokeKey { key }, said).await
            }
            KeyVerb::List => self.keys().await,
            KeyVerb::New { .. } => local(args, self.out).map(drop),
        }
    }

    async fn keys(&self) -> Result<(), Failure> {
        let items = self.list("/api/v1/keys", "after").await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "items": items }));
        }
        let keys: Vec<wire::Key> = wire::typed(&items)?;
        if keys.is_empty() {
            self.out.talk("No key may sign.");
            return Ok(());
        }
        let rows = keys.iter().map(|key| {
            let cells = vec![
                Line::new().styled(Style::Bold, key.key.to_string()),
                Line::new().text(key.person.to_string()),
            ];
            (cells, key.vkey.clone())
        });
        self.print(table(
            &["KEY", "PERSON", "PUBLIC HALF"],
            rows.collect(),
            self.out.width(),
        ))
    }

    /// Sends what was written, as it was written.
    pub(super) async fn send_any(&self, args: SendArgs) -> Result<(), Failure> {
        if !VERBS.contains(&args.command.as_str()) {
            return Err(
                Failure::usage(format!("there is no command `{}`", args.command))
                    .hint(format!("there are: {}", VERBS.join(", "))),
            );
        }
        let json = match args.args.as_deref() {
            Some(json) if json != "-" => json.to_owned(),
            _ => self.stdin("arguments", COMMAND_BYTES_MAX)?,
        };
        let verb = Verb::decode(&args.command, &json)
            .map_err(|error| Failure::usage("the arguments can't be taken").because(error))?;
        let done = self.send(verb).await?;
        if !self.out.is_json() {
            for receipt in &done.receipts {
                let line = format!("{} {} {}", receipt.kind, receipt.subject.id, receipt.act);
                self.out.data(
                    Line::from(line).styled(Style::Dim, format!("  (entry {})", receipt.index)),
                )?;
            }
            if let Some(request) = requests::waits(&done) {
                self.say_waits(&done, request).await;
            }
        }
        Ok(())
    }
}

/// A token's id: `tok-` and the first 16 hexadecimal digits of its hash.
fn token_id(hash: &Hash) -> Result<TokenId, Failure> {
    let digits: String = hash
        .as_bytes()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("tok-{digits}")
        .parse()
        .map_err(|error| Failure::from(anyhow::Error::new(error)))
}
