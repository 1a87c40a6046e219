//! What can't be undone, and how it waits for a second person.

use record::command::{
    ApproveRequest, OverrideRequest, RedactIncident, RedactPerson, RejectRequest, WithdrawRequest,
};
use serde_json::Value;

use super::{Session, wire};
use crate::cli::request::{
    ApproveArgs, OverrideArgs, RedactArgs, RejectArgs, RequestVerb, TakeBackArgs,
};
use crate::client::Done;
use crate::exit::Failure;
use crate::say::{Line, Style, counted, duration, stamp};

/// The request that a command waits as, if it does.
pub(super) fn waits(done: &Done) -> Option<&str> {
    let made = done
        .receipts
        .iter()
        .find(|receipt| receipt.kind.starts_with("request.made/"))?;
    Some(&made.subject.id)
}

/// Whether what a request asked for was done with the command that was sent.
fn carried_out(done: &Done) -> bool {
    let kinds = done.receipts.iter().map(|receipt| &receipt.kind);
    kinds
        .into_iter()
        .any(|kind| kind.starts_with("request.carried_out/"))
}

impl Session<'_> {
    pub(super) async fn about_request(&self, verb: RequestVerb) -> Result<(), Failure> {
        match verb {
            RequestVerb::Requests(_) => self.requests().await,
            RequestVerb::Approve(args) => self.approve(args).await,
            RequestVerb::Reject(args) => self.reject(args).await,
            RequestVerb::TakeBack(args) => self.take_back(args).await,
            RequestVerb::Override(args) => self.override_it(args).await,
            RequestVerb::Redact(args) => self.redact(args).await,
        }
    }

    async fn redact(&self, args: RedactArgs) -> Result<(), Failure> {
        if let Some(incident) = args.incident {
            let said = format!("What was sealed in {incident} is erased.");
            self.does(RedactIncident { incident }, said).await?;
            let page = format!("/api/v1/incidents/{incident}");
            let page: Result<wire::IncidentPage, Failure> = self.client.read(&page).await;
            let shown = page.and_then(|page| wire::one::<wire::Incident>(&page.incident));
            if shown.is_ok_and(|shown| !shown.private) {
                self.out.warn(&format!(
                    "{incident} is not private: its text stays on the record, only its files go"
                ));
            }
            return Ok(());
        }
        // clap sees to it that one of the two is there.
        let Some(person) = args.person else {
            return Err(Failure::usage("whom, or which incident?"));
        };
        let said = format!("What was personal of {person} is erased.");
        self.does(RedactPerson { person }, said).await
    }

    async fn approve(&self, args: ApproveArgs) -> Result<(), Failure> {
        let request = args.request;
        let done = self
            .send(ApproveRequest {
                request: request.clone(),
            })
            .await?;
        self.did(
            &done,
            match carried_out(&done) {
                true => format!("Approved {request}: it is done."),
                false => format!("Approved {request}: it waits for more."),
            },
        );
        Ok(())
    }

    async fn reject(&self, args: RejectArgs) -> Result<(), Failure> {
        let request = args.request;
        let said = format!("Rejected {request}: it will not be done.");
        self.does(RejectRequest { request }, said).await
    }

    async fn take_back(&self, args: TakeBackArgs) -> Result<(), Failure> {
        let request = args.request;
        let said = format!("{request} is taken back: it will not be done.");
        self.does(WithdrawRequest { request }, said).await
    }

    async fn override_it(&self, args: OverrideArgs) -> Result<(), Failure> {
        let request = args.request;
        let said = format!("{request} is done, and you answer for it.");
        self.does(OverrideRequest { request }, said).await
    }

    async fn requests(&self) -> Result<(), Failure> {
        let items = self.list("/api/v1/requests", "after").await?;
        let requests: Vec<wire::Request> = wire::typed(&items)?;
        let rows = requests.iter().map(|request| {
            let by_itself = match request.due_at {
                Some(at) => format!("in {}", duration(at.ms_since(self.now).max(0))),
                None => "never".to_owned(),
            };
            let cells = vec![
                Line::new().styled(Style::Bold, request.request.to_string()),
                Line::new().text(request.by.to_string()),
                Line::new().text(stamp(request.at)),
                Line::new().text(approvals(request)),
                Line::new().text(by_itself),
            ];
            (cells, wanted(request))
        });
        let header = [
            "REQUEST",
            "BY",
            "ASKED",
            "APPROVED",
            "DONE BY ITSELF",
            "WHAT",
        ];
        let rows = rows.collect();
        self.listed(items, &header, rows, "Nothing waits for a second person.")
    }

    /// Says what a command waits for, as whom it takes, and what happens if nobody comes.
    pub(super) async fn say_waits(&self, done: &Done, name: &str) {
        let found = self.list("/api/v1/requests", "after").await;
        let requests = found.and_then(|items| wire::typed::<wire::Request>(&items));
        let request = requests
            .ok()
            .and_then(|all| all.into_iter().find(|it| it.request.as_str() == name));
        let place = done.receipts.last().map(|receipt| receipt.index);
        let place = place.map(|index| format!("  (entry {index})"));
        let said = match request {
            Some(request) => waiting(&request),
            // What waits is on the record; only the particulars can't be read.
            None => format!("Waits as {name}: somebody else has to approve it."),
        };
        self.out
            .talk(Line::from(said).styled(Style::Dim, place.unwrap_or_default()));
        self.next(&format!("approve {name} --sign KEY"));
    }

    /// Tells everybody who looks what waits, and until when it can be stopped.
    pub(super) async fn tell_what_waits(&self) {
        let found = self.list("/api/v1/requests", "after").await;
        // Whoever may not see them, or meets an older hereby, still gets what they asked for.
        let Ok(requests) = found.and_then(|items| wire::typed::<wire::Request>(&items)) else {
            return;
        };
        for request in requests {
            let until = match request.due_at {
                Some(at) => {
                    let left = duration(at.ms_since(self.now).max(0));
                    format!("; it is done by itself in {left}")
                }
                None => String::new(),
            };
            self.out.warn(&format!(
                "{} waits: {}{until} (hereby requests)",
                request.request,
                wanted(&request)
            ));
        }
    }
}

/// `1 of 2 (kim)`
fn approvals(request: &wire::Request) -> String {
    let people: Vec<&str> = request.approved.iter().map(|it| it.as_str()).collect();
    let of = format!("{} of {}", people.len(), request.approvals);
    match people.as_slice() {
        [] => of,
        people => format!("{of} ({})", people.join(", ")),
    }
}

/// What it asks for: the command and its arguments.
fn wanted(request: &wire::Request) -> String {
    let args = request.args.as_object();
    let args = args.into_iter().flatten().map(|(name, value)| match value {
        Value::String(text) => format!("{name} {text}"),
        other => format!("{name} {other}"),
    });
    let args: Vec<String> = args.collect();
    let why = request.why.as_ref().map(super::tell::opened);
    let because = why
        .map(|why| format!(", because: {why}"))
        .unwrap_or_default();
    format!("{}: {}{because}", request.command, args.join(", "))
}

/// What a request waits for, in a sentence.
fn waiting(request: &wire::Request) -> String {
    let left = request.approvals.saturating_sub(request.approved.len());
    let mut said = format!(
        "Waits as {}: it takes {} by somebody else",
        request.request,
        counted(left, "approval")
    );
    if let Some(at) = request.not_before {
        said.push_str(&format!(", and is not done before {}", stamp(at)));
    }
    said.push_str(&match request.due_at {
        Some(at) => format!(
            ". Unless somebody rejects it, it is done by itself {}.",
            stamp(at)
        ),
        None => format!(
            ". It is never done by itself, and forgotten {}.",
            stamp(request.expires_at)
        ),
    });
    said
}

#[cfg(test)]
mod tests;
