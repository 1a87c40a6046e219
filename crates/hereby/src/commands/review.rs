//! Reviews: reads them, says what is to be mended, adds findings, publishes.

use base::{ActId, IncidentId, Line as Words, Timestamp};
use bytes::Bytes;
use hyper::Method;
use record::command::{PublishReview, StateFinding, WithdrawFinding};
use record::hash;
use record::kinds::incident::BlobRef;
use record::kinds::review::{Reach, ReviewAudience, Section};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Session, wire};
use crate::cli::parse::ActRef;
use crate::cli::review::{FindingArgs, FindingVerb, FormatArg, ReviewArgs, ReviewVerb};
use crate::client::Ask;
use crate::exit::{Exit, Failure};
use crate::say::{Line, Style, table};

/// How often a review is read again because somebody wrote in it meanwhile.
const READINGS_MAX: u32 = 5;

/// `GET /api/v1/incidents/{id}/review`, as far as it is used here.
#[derive(Deserialize)]
struct Review {
    findings: Vec<Finding>,
    remarks: Vec<Remark>,
}

#[derive(Deserialize)]
struct Finding {
    section: Section,
    #[serde(default)]
    reach: Option<Reach>,
    #[serde(default)]
    group: Option<u64>,
    saying: Saying,
}

#[derive(Deserialize)]
struct Saying {
    act: ActId,
    #[serde(default)]
    index: Option<u64>,
    at: Timestamp,
    by: String,
    text: String,
    cites: Vec<Value>,
}

/// Something to mend.
#[derive(Deserialize)]
struct Remark {
    holds_back: bool,
    place: String,
    #[serde(default)]
    name: Option<String>,
    says: String,
    next: String,
}

/// A review that was read, and what is to be mended in it.
struct Reading {
    document: Bytes,
    remarks: Vec<Remark>,
}

/// What is published, and what must be true for that.
struct Publishing {
    incident: IncidentId,
    audience: ReviewAudience,
    format: FormatArg,
    not_a_name: Vec<String>,
    readable: bool,
}

impl Session<'_> {
    pub(super) async fn review(&self, args: ReviewArgs) -> Result<(), Failure> {
        if let Some(ReviewVerb::Publish {
            incident,
            audience,
            format,
            not_a_name,
            readable,
        }) = args.verb
        {
            let publishing = Publishing {
                incident,
                audience: audience.into(),
                format,
                not_a_name,
                readable,
            };
            return self.publish(publishing).await;
        }
        let incident = args
            .incident
            .ok_or_else(|| Failure::usage("which incident? hereby review 7"))?;
        let audience = args.audience.into();
        if self.out.is_json() {
            let review: Value = self.client.read(&path(incident, audience, "json")).await?;
            return self.out.json(&review);
        }
        let reading = self.read_review(incident, audience, args.format).await?;
        match args.output {
            Some(file) => {
                std::fs::write(&file, &reading.document).map_err(|error| {
                    Failure::usage(format!("cannot write {}", file.display())).because(error)
                })?;
                self.out
                    .talk(format!("Wrote the review to {}.", file.display()));
            }
            None => self.print_document(&reading.document)?,
        }
        self.remark(&reading.remarks);
        Ok(())
    }

    /// As it is where it goes to a file or a program, line by line on a terminal.
    fn print_document(&self, document: &[u8]) -> Result<(), Failure> {
        if self.out.width().is_none() {
            return self.out.bytes(document);
        }
        let text = String::from_utf8_lossy(document);
        text.lines().try_for_each(|line| self.out.data(line))
    }

    /// Says what is to be mended, where, and how.
    fn remark(&self, remarks: &[Remark]) {
        if remarks.is_empty() {
            return;
        }
        let count = crate::say::counted(remarks.len(), "thing");
        self.out.talk("");
        let head = format!("{count} to mend:");
        self.out.talk(Line::new().styled(Style::Warning, head));
        for remark in remarks {
            let place = Line::new().text("  ").styled(Style::Bold, &*remark.place);
            self.out.talk(place.text(format!(": {}", remark.says)));
            let next = Line::new().styled(Style::Dim, "    next: ");
            self.out.talk(next.text(&*remark.next));
        }
    }

    /// The document with what is to be mended in that very document: it is read between two
    /// readings of its data, until both say the same.
    async fn read_review(
        &self,
        incident: IncidentId,
        audience: ReviewAudience,
        format: FormatArg,
    ) -> Result<Reading, Failure> {
        let data = path(incident, audience, "json");
        let mut before: Value = self.client.read(&data).await?;
        for _ in 0..READINGS_MAX {
            let ask = Ask::get(path(incident, audience, format.word()));
            let document = self.client.answer(&ask).await?.body;
            let after: Value = self.client.read(&data).await?;
            if before == after {
                let review: Review = wire::one(&after)?;
                let remarks = review.remarks;
                return Ok(Reading { document, remarks });
            }
            before = after;
        }
        Err(Failure::new(
            Exit::Refused,
            format!("the review of {incident} changes faster than it can be read"),
        )
        .hint("try again in a moment"))
    }

    async fn publish(&self, publishing: Publishing) -> Result<(), Failure> {
        let Publishing {
            incident,
            audience,
            format,
            ..
        } = publishing;
        self.may_be_readable(&publishing).await?;
        let mut reading = self.read_review(incident, audience, format).await?;
        let meant = |word: &String| {
            let named = publishing.not_a_name.iter();
            let mut named = named.map(|it| it.to_lowercase());
            named.any(|it| it == *word)
        };
        reading
            .remarks
            .retain(|remark| !remark.name.as_ref().is_some_and(meant));
        if audience != ReviewAudience::Internal {
            held_back(incident, audience, &reading.remarks)?;
        }
        let name = format!("{incident}-{}.{}", audience.as_str(), format.word());
        let document = self.keep(name.parse().ok(), reading.document).await?;
        let digest: String = document
            .sha256
            .0
            .iter()
            .map(|it| format!("{it:02x}"))
            .collect();
        let verb = PublishReview {
            audience,
            document,
            incident,
        };
        let done = self.send(verb).await?;
        if self.out.is_json() {
            return Ok(());
        }
        let whom = readers(audience);
        let said = format!("Published the review of {incident} for {whom}, SHA-256:");
        self.did(&done, said);
        self.out.data(digest)?;
        self.remark(&reading.remarks);
        Ok(())
    }

    /// What was written in a private incident is sealed; a published document is not.
    async fn may_be_readable(&self, publishing: &Publishing) -> Result<(), Failure> {
        let incident = publishing.incident;
        if publishing.readable || publishing.audience == ReviewAudience::Customers {
            return Ok(());
        }
        let page: wire::IncidentPage = self
            .client
            .read(&format!("/api/v1/incidents/{incident}"))
            .await?;
        let shown: wire::Incident = wire::one(&page.incident)?;
        if !shown.private {
            return Ok(());
        }
        Err(Failure::new(
            Exit::Refused,
            format!("{incident} is private, and a published review is kept readable"),
        )
        .because("whoever may read may read it, and it stays when the incident is erased")
        .hint("to read it yourself: hereby review, which keeps nothing")
        .hint("to publish it all the same: --readable"))
    }

    /// Keeps a document, so that an act can name it by its digest.
    async fn keep(&self, name: Option<Words>, bytes: Bytes) -> Result<BlobRef, Failure> {
        #[derive(Deserialize)]
        struct Kept {
            sha256: hash::Hash,
        }
        let sha256 = hash::sha256(&[&bytes]);
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let media_type = "application/octet-stream";
        let ask = Ask::with_body(Method::PUT, "/api/v1/blobs", media_type, bytes);
        let answer = self.client.answer(&ask).await?;
        let kept: Kept = serde_json::from_slice(&answer.body)
            .map_err(|error| Failure::from(anyhow::Error::new(error)))?;
        if kept.sha256 != sha256 {
            let what = "hereby kept another document than was sent";
            return Err(Failure::new(Exit::Internal, what));
        }
        Ok(BlobRef {
            bytes: length,
            name,
            sha256,
        })
    }

    pub(super) async fn finding(&self, args: FindingArgs) -> Result<(), Failure> {
        match args.verb {
            FindingVerb::Add {
                incident,
                section,
                text,
                cite,
                replaces,
                reach,
            } => {
                let text = self.prose(text.as_deref(), "finding")?;
                let acts = self.acts_named(incident, &[cite, replaces]).await?;
                let [cites, replaces] = acts;
                let section: Section = section.into();
                let uncited = cites.is_empty();
                let verb = StateFinding {
                    cites,
                    incident,
                    reach: reach.map(Into::into),
                    replaces,
                    section,
                    text,
                };
                let done = self.send(verb).await?;
                if self.out.is_json() {
                    return Ok(());
                }
                let short = done.receipts.first().map(|it| short(&it.act));
                let section = section.as_str().replace('_', "-");
                self.did(
                    &done,
                    format!("Said in the review of {incident} ({section})."),
                );
                self.out.data(short.unwrap_or_default())?;
                if uncited {
                    self.out.talk("No act shows it yet: --cite ACT names one.");
                }
                Ok(())
            }
            FindingVerb::Withdraw { incident, finding } => {
                let [finding] = self.acts_named(incident, &[vec![finding]]).await?;
                let finding = *finding.first().ok_or_else(no_act)?;
                let said = format!("Took {} out of the review of {incident}.", short(&finding));
                self.does(WithdrawFinding { finding, incident }, said).await
            }
            FindingVerb::List { incident } => self.findings(incident).await,
        }
    }

    async fn findings(&self, incident: IncidentId) -> Result<(), Failure> {
        let path = path(incident, ReviewAudience::Internal, "json");
        let value: Value = self.client.read(&path).await?;
        if self.out.is_json() {
            let items = value.get("findings").cloned().unwrap_or_default();
            return self.out.json(&json!({ "items": items }));
        }
        let review: Review = wire::one(&value)?;
        if review.findings.is_empty() {
            self.out.talk("Nothing is said in this review yet.");
            self.next(&format!("finding add {incident} abstract TEXT"));
            return Ok(());
        }
        let rows = review.findings.iter().map(|finding| {
            let saying = &finding.saying;
            let place = saying.index.map(|index| format!("#{index}"));
            let mut notes = Vec::new();
            notes.extend(
                finding
                    .group
                    .map(|group| format!("[version, group {group}]")),
            );
            notes.extend(finding.reach.map(|reach| format!("[{}]", reach.as_str())));
            let cites = match saying.cites.len() {
                0 => "-".to_owned(),
                count => count.to_string(),
            };
            let cells = vec![
                Line::new().styled(Style::Bold, short(&saying.act)),
                Line::new().text(place.unwrap_or_default()),
                Line::new().text(finding.section.as_str().replace('_', "-")),
                Line::new().text(saying.by.clone()),
                Line::new().text(crate::say::stamp(saying.at)),
                Line::new().text(cites),
            ];
            notes.insert(0, saying.text.clone());
            (cells, notes.join(" "))
        });
        let header = ["FINDING", "ENTRY", "SECTION", "BY", "SAID", "CITES", "TEXT"];
        self.print(table(&header, rows.collect(), self.out.width()))
    }

    /// The acts that people named shortly, list by list.
    async fn acts_named<const N: usize>(
        &self,
        incident: IncidentId,
        named: &[Vec<ActRef>; N],
    ) -> Result<[Vec<ActId>; N], Failure> {
        let mut found: [Vec<ActId>; N] = std::array::from_fn(|_| Vec::new());
        if named.iter().all(Vec::is_empty) {
            // It must be there all the same, which whoever is asked next finds out.
            return Ok(found);
        }
        let path = format!("/api/v1/incidents/{incident}/timeline");
        let timeline = self.list(&path, "after").await?;
        let placed: Vec<wire::Placed> = wire::typed(&timeline)?;
        let mut acts = Vec::with_capacity(placed.len());
        for placed in &placed {
            acts.push((placed.index, placed.act()?.id));
        }
        for (list, named) in found.iter_mut().zip(named) {
            for act in named {
                list.push(match act {
                    ActRef::Index(index) => self.act_at(*index, &acts).await?,
                    ActRef::Digits(digits) => act_with(digits, &acts, incident)?,
                });
            }
        }
        Ok(found)
    }

    /// The act at a place on the record: most are of this incident, an alert's are not.
    async fn act_at(&self, index: u64, acts: &[(u64, ActId)]) -> Result<ActId, Failure> {
        if let Some((_, id)) = acts.iter().find(|(at, _)| *at == index) {
            return Ok(*id);
        }
        let placed: wire::Placed = self.client.read(&format!("/api/v1/acts/{index}")).await?;
        Ok(placed.act()?.id)
    }
}

fn path(incident: IncidentId, audience: ReviewAudience, format: &str) -> String {
    let audience = audience.as_str();
    format!("/api/v1/incidents/{incident}/review?audience={audience}&format={format}")
}

fn readers(audience: ReviewAudience) -> &'static str {
    match audience {
        ReviewAudience::Internal => "those who were there",
        ReviewAudience::Customers => "customers",
        ReviewAudience::Executive => "executives",
    }
}

fn short(act: &ActId) -> String {
    act.to_string().chars().take(8).collect()
}

fn no_act() -> Failure {
    Failure::usage("no act is named")
}

/// The one act of the incident whose id begins so, or whose place it is where the digits are a
/// number; a whole id may be any act's.
fn act_with(digits: &str, acts: &[(u64, ActId)], incident: IncidentId) -> Result<ActId, Failure> {
    if let Ok(id) = digits.parse() {
        return Ok(id);
    }
    let place: Option<u64> = digits.parse().ok();
    let is_meant =
        |(index, id): &&(u64, ActId)| Some(*index) == place || id.to_string().starts_with(digits);
    let found: Vec<&(u64, ActId)> = acts.iter().filter(is_meant).collect();
    match found.as_slice() {
        [(_, id)] => Ok(*id),
        [] => Err(
            Failure::usage(format!("no act of {incident} is called {digits}")).hint(format!(
                "hereby show {incident} --json, or hereby finding list {incident}"
            )),
        ),
        several => {
            let named = several.iter().map(|(index, id)| format!("{id} (#{index})"));
            let mut failure = Failure::usage(format!(
                "{} acts of {incident} are called {digits}",
                several.len()
            ));
            failure.hints.extend(named);
            Err(failure)
        }
    }
}

/// What must not go out to customers or executives.
fn held_back(
    incident: IncidentId,
    audience: ReviewAudience,
    remarks: &[Remark],
) -> Result<(), Failure> {
    let held: Vec<&Remark> = remarks.iter().filter(|remark| remark.holds_back).collect();
    let Some(first) = held.first() else {
        return Ok(());
    };
    let whom = readers(audience);
    let what = format!("the review of {incident} can't go to {whom} like this");
    let why = format!("{}: {}", first.place, first.says);
    let mut failure = Failure::new(Exit::Refused, what).because(why);
    for remark in &held {
        failure = failure.hint(format!("{}: {}", remark.place, remark.next));
        if let Some(name) = &remark.name {
            failure = failure.hint(format!(
                "if `{name}` names nobody there: --not-a-name '{name}'"
            ));
        }
    }
    Err(failure)
}
