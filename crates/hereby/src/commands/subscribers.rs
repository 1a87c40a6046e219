//! Who outside is told what is said to the public, and what became of telling them.

use std::collections::{BTreeMap, BTreeSet};

use base::{ActId, IncidentId, Name, Timestamp};
use hyper::Method;
use record::command::{ConfirmSubscriber, RemoveSubscriber, RetryNotice, SendNotice};
use record::kinds::subscriber::Channel;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Session, wire};
use crate::cli::subscribers::{
    NoticeArgs, NoticeVerb, OneSubscriberVerb, SubscriberArgs, SubscriberVerb, SubscribersArgs,
    WhichUpdate,
};
use crate::client::Ask;
use crate::exit::{Exit, Failure};
use crate::say::{Line, Style, counted, stamp, table};

/// The most subscribers that are listed with their addresses.
const LISTED_MAX: usize = 100_000;

#[derive(Deserialize)]
struct Counts {
    total: u64,
    everything: u64,
    channels: BTreeMap<String, u64>,
    languages: BTreeMap<String, u64>,
    components: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Subscriber {
    subscriber: Name,
    channel: Channel,
    components: BTreeSet<Name>,
    language: Name,
}

#[derive(Deserialize)]
struct Address {
    subscriber: Name,
    address: String,
}

#[derive(Deserialize)]
struct Notice {
    notice: Name,
    incident: IncidentId,
    at: Timestamp,
    running: bool,
    round: u32,
    done: u64,
    failed: u64,
    unknown: u64,
    open: u64,
    #[serde(default)]
    outcomes: Option<Blob>,
}

#[derive(Deserialize)]
struct Blob {
    sha256: record::hash::Hash,
}

#[derive(Deserialize)]
struct Preview {
    update: ActId,
    #[serde(default)]
    sent_as: Option<Name>,
    components: BTreeSet<Name>,
    mail: u64,
    webhook: u64,
    languages: Vec<Written>,
}

#[derive(Deserialize)]
struct Written {
    language: String,
    people: u64,
    subject: String,
    text: String,
}

impl Preview {
    /// `120 by mail, 3 by webhook`.
    fn people(&self) -> String {
        format!("{} by mail, {} by webhook", self.mail, self.webhook)
    }
}

impl Session<'_> {
    pub(super) async fn about_subscribers(&self, verb: SubscriberVerb) -> Result<(), Failure> {
        match verb {
            SubscriberVerb::Subscribers(args) => self.subscribers(args).await,
            SubscriberVerb::Subscriber(args) => self.subscriber(args).await,
            SubscriberVerb::Notices(_) => self.notices().await,
            SubscriberVerb::Notice(args) => self.notice(args).await,
        }
    }

    async fn subscribers(&self, args: SubscribersArgs) -> Result<(), Failure> {
        if args.addresses {
            return self.with_addresses().await;
        }
        let counts: Value = self.client.read("/api/v1/subscribers/counts").await?;
        if self.out.is_json() {
            return self.out.json(&counts);
        }
        let counts: Counts = wire::one(&counts)?;
        if counts.total == 0 {
            self.out
                .talk("Nobody has subscribed yet (docs/how-to/subscribers.md).");
            return Ok(());
        }
        let mut rows = vec![row("all", "", counts.total)];
        rows.extend(counts.channels.iter().map(|(it, n)| row("channel", it, *n)));
        rows.extend(
            counts
                .languages
                .iter()
                .map(|(it, n)| row("language", it, *n)),
        );
        rows.push(row("of", "everything", counts.everything));
        rows.extend(counts.components.iter().map(|(it, n)| row("of", it, *n)));
        self.print(table(
            &["WHAT", "WHICH", "SUBSCRIBERS"],
            rows,
            self.out.width(),
        ))
    }

    async fn with_addresses(&self) -> Result<(), Failure> {
        let path = "/api/v1/subscribers/addresses";
        let addresses: Vec<Value> = self.list_of(path, "after", LISTED_MAX).await?;
        let path = "/api/v1/subscribers";
        let known: Vec<Value> = self.list_of(path, "after", LISTED_MAX).await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "items": addresses }));
        }
        let addresses: Vec<Address> = wire::typed(&addresses)?;
        let addresses: BTreeMap<Name, String> = addresses
            .into_iter()
            .map(|it| (it.subscriber, it.address))
            .collect();
        let known: Vec<Subscriber> = wire::typed(&known)?;
        let rows = known.iter().map(|it| {
            let address = addresses.get(&it.subscriber).cloned();
            let of: Vec<&str> = it.components.iter().map(Name::as_str).collect();
            let of = match of.is_empty() {
                true => "everything".to_owned(),
                false => of.join(", "),
            };
            let cells = vec![
                Line::new().styled(Style::Bold, it.subscriber.to_string()),
                Line::new().text(it.channel.as_str().to_owned()),
                Line::new().text(it.language.to_string()),
                Line::new().text(address.unwrap_or_else(|| "(can't be read)".to_owned())),
            ];
            (cells, of)
        });
        let header = ["SUBSCRIBER", "BY", "IN", "AT", "OF"];
        self.print(table(&header, rows.collect(), self.out.width()))
    }

    async fn subscriber(&self, args: SubscriberArgs) -> Result<(), Failure> {
        match args.verb {
            OneSubscriberVerb::Add {
                address,
                language,
                components,
                confirmed,
            } => {
                let channel = match address.as_str().starts_with("https://") {
                    true => Channel::Webhook,
                    false => Channel::Mail,
                };
                let components: BTreeSet<Name> = components.into_iter().collect();
                if !confirmed {
                    let wish = json!({
                        "address": address, "channel": channel, "components": components,
                        "language": language.tag(),
                    });
                    return self.ask_to_confirm(&wish, channel).await;
                }
                let language = language.tag().parse().map_err(Failure::usage)?;
                let said = format!("{address} is told from now on.");
                let verb = ConfirmSubscriber {
                    address,
                    channel,
                    components,
                    language,
                };
                self.does(verb, said).await
            }
            OneSubscriberVerb::Remove { subscriber } => {
                let said = format!("{subscriber} is told nothing any more; the address is erased.");
                self.does(RemoveSubscriber { subscriber }, said).await
            }
        }
    }

    /// Nothing is done before the address answers.
    async fn ask_to_confirm(&self, wish: &Value, channel: Channel) -> Result<(), Failure> {
        let ask = Ask::with_body(
            Method::POST,
            "/subscriptions",
            "application/json",
            wish.to_string(),
        );
        let answer = self.client.answer(&ask).await?;
        if !answer.status.is_success() {
            let problem = answer.problem();
            return Err(Failure::new(Exit::Refused, problem.sentence(answer.status)));
        }
        if self.out.is_json() {
            return self.out.json(&json!({"outcome": "asked"}));
        }
        self.out.talk(match channel {
            Channel::Mail => "Asked: a mail with a link is on its way there.",
            Channel::Webhook => "Asked: a challenge is on its way there.",
        });
        Ok(())
    }

    async fn preview(&self, which: &WhichUpdate) -> Result<Value, Failure> {
        let mut query = Vec::new();
        if let Some(update) = which.update {
            query.push(format!("update={update}"));
        }
        if !which.components.is_empty() {
            let names: Vec<&str> = which.components.iter().map(Name::as_str).collect();
            let names = crate::client::percent_encoded(&names.join(","));
            query.push(format!("components={names}"));
        }
        let incident = which.incident;
        let path = format!("/api/v1/incidents/{incident}/notice?{}", query.join("&"));
        self.client.read(path.trim_end_matches('?')).await
    }

    async fn notice(&self, args: NoticeArgs) -> Result<(), Failure> {
        match args.verb {
            NoticeVerb::Preview(which) => {
                let preview = self.preview(&which).await?;
                match self.out.is_json() {
                    true => self.out.json(&preview),
                    false => self.show_preview(&wire::one(&preview)?),
                }
            }
            NoticeVerb::Send(which) => {
                let preview: Preview = wire::one(&self.preview(&which).await?)?;
                let people = preview.people();
                let said = format!("It is on its way to {people}.");
                let verb = SendNotice {
                    components: preview.components,
                    incident: which.incident,
                    update: preview.update,
                };
                self.does(verb, said).await?;
                self.next("notices");
                Ok(())
            }
            NoticeVerb::Show { notice } => self.show_notice(&notice).await,
            NoticeVerb::Retry { notice, .. } => {
                let found = self.notice_named(&notice).await?;
                let again = counted(found.unknown, "delivery");
                let verb = RetryNotice {
                    incident: found.incident,
                    notice,
                };
                self.does(verb, format!("Trying {again} again.")).await
            }
        }
    }

    fn show_preview(&self, preview: &Preview) -> Result<(), Failure> {
        match &preview.sent_as {
            Some(sent) => self.out.talk(format!("It was sent as {sent}.")),
            None => self
                .out
                .talk(format!("It would go to {}.", preview.people())),
        }
        let mut lines = Vec::new();
        for written in &preview.languages {
            let head = format!("{} ({} by mail)", written.language, written.people);
            lines.push(Line::new().styled(Style::Dim, head));
            lines.push(Line::new().styled(Style::Bold, written.subject.clone()));
            let text = written.text.lines();
            lines.extend(text.map(|line| Line::new().text(line.to_owned())));
            lines.push(Line::new());
        }
        self.out.lines(&lines)
    }

    /// What comes after something was said to the public: who could be told of it.
    pub(super) async fn after_public_update(
        &self,
        incident: IncidentId,
        update: ActId,
        notify: bool,
    ) -> Result<(), Failure> {
        let which = WhichUpdate {
            incident,
            update: Some(update),
            components: Vec::new(),
        };
        let preview: Preview = match self.preview(&which).await {
            Ok(preview) => wire::one(&preview)?,
            Err(failure) if notify => return Err(failure),
            // Without subscriptions there is nothing to say of them.
            Err(_) => return Ok(()),
        };
        if let Some(sent) = &preview.sent_as {
            self.out.talk(format!("It goes to subscribers as {sent}."));
            return Ok(());
        }
        if !notify {
            if preview.mail + preview.webhook > 0 && !self.out.is_json() {
                let people = preview.people();
                self.out
                    .talk(format!("Subscribers are not told of it yet: {people}."));
                self.next(&format!("notice send {incident}"));
            }
            return Ok(());
        }
        let people = preview.people();
        let verb = SendNotice {
            components: preview.components,
            incident,
            update,
        };
        let done = self.submit_before(verb).await?;
        self.did(&done, format!("It is on its way to {people}."));
        Ok(())
    }

    async fn notices(&self) -> Result<(), Failure> {
        let items = self.list("/api/v1/notices", "after").await?;
        if self.out.is_json() {
            return self.out.json(&json!({ "items": items }));
        }
        let notices: Vec<Notice> = wire::typed(&items)?;
        if notices.is_empty() {
            self.out
                .talk("Subscribers were told nothing yet: hereby notice --help");
            return Ok(());
        }
        let rows = notices.iter().map(|it| {
            let state = match it.running {
                true => "on its way",
                false => "delivered",
            };
            let cells = vec![
                Line::new().styled(Style::Bold, it.notice.to_string()),
                Line::new().text(it.incident.to_string()),
                Line::new().text(stamp(it.at)),
                Line::new().text(state.to_owned()),
            ];
            (cells, outcome(it))
        });
        let header = ["NOTICE", "INCIDENT", "SENT", "IS", "OUTCOME"];
        self.print(table(&header, rows.collect(), self.out.width()))
    }

    async fn notice_named(&self, name: &Name) -> Result<Notice, Failure> {
        let items = self.list("/api/v1/notices", "after").await?;
        let notices: Vec<Notice> = wire::typed(&items)?;
        let found = notices.into_iter().find(|it| it.notice == *name);
        found.ok_or_else(|| {
            Failure::new(Exit::Refused, format!("there is no notice {name}"))
                .hint("hereby notices lists them")
        })
    }

    async fn show_notice(&self, name: &Name) -> Result<(), Failure> {
        let notice = self.notice_named(name).await?;
        let mut why: BTreeMap<String, u64> = BTreeMap::new();
        if let Some(blob) = &notice.outcomes {
            let hex: String = blob.sha256.0.iter().map(|it| format!("{it:02x}")).collect();
            let ask = Ask::get(format!("/api/v1/blobs/{hex}"));
            let answer = self.client.answer(&ask).await?;
            for line in String::from_utf8_lossy(&answer.body).lines() {
                let line: Value = serde_json::from_str(line).unwrap_or_default();
                let is = line.get("is").and_then(Value::as_str).unwrap_or_default();
                if let Some(reason) = line.get("why").and_then(Value::as_str) {
                    *why.entry(format!("{is}: {reason}")).or_default() += 1;
                }
            }
        }
        if self.out.is_json() {
            return self.out.json(&json!({
                "notice": notice.notice, "incident": notice.incident, "at": notice.at,
                "running": notice.running, "round": notice.round, "done": notice.done,
                "failed": notice.failed, "unknown": notice.unknown, "open": notice.open,
                "reasons": why,
            }));
        }
        self.out.data(format!(
            "{} of {}, sent {}: {}",
            notice.notice,
            notice.incident,
            stamp(notice.at),
            outcome(&notice)
        ))?;
        for (reason, count) in &why {
            self.out.data(format!("  {count}  {reason}"))?;
        }
        if notice.unknown > 0 && !notice.running {
            self.out
                .talk("Whoever is unknown may have it. To send it to them again:");
            self.next(&format!("notice retry {name} --unknown -m WHY"));
        }
        Ok(())
    }
}

fn row(what: &str, which: &str, count: u64) -> (Vec<Line>, String) {
    let cells = vec![
        Line::new().text(what.to_owned()),
        Line::new().text(which.to_owned()),
    ];
    (cells, count.to_string())
}

/// `done 97, failed 2, unknown 1`, and what is open.
fn outcome(notice: &Notice) -> String {
    let mut text = format!(
        "done {}, failed {}, unknown {}",
        notice.done, notice.failed, notice.unknown
    );
    if notice.open > 0 {
        text.push_str(&format!(", open {}", notice.open));
    }
    text
}
