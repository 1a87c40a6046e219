//! An act in a reader's language: who did what, and what was said with it.
//!
//! Each kind has a message; what stands in the act's body stands in the message's placeables, under
//! the same names. So a kind is told as soon as somebody writes its message, and a test holds that
//! every kind has one in every language.

use base::{Actor, Proof, Timestamp};
use language::{Value, Words};
use record::act::{Act, Subject};
use serde_json::Value as Json;

use super::words::{Moment, duration, moment, word};

/// The longest text that a list shows; the act's own page shows all of it.
const SHOWN_MAX: usize = 600;

/// An act as pages show it.
pub(super) struct Told {
    pub(super) index: u64,
    pub(super) id: String,
    pub(super) at: Moment,
    pub(super) who: String,
    /// What stands behind the name when it is only claimed.
    pub(super) claimed: String,
    pub(super) deed: String,
    pub(super) text: String,
    /// Lines that stand below: options, steps.
    pub(super) items: Vec<String>,
    pub(super) why: String,
    /// Whether something was left out of the text.
    pub(super) cut: bool,
    /// `strong`, `good`, `warning`, `said` or nothing: how it looks.
    pub(super) tone: &'static str,
    /// `key`, `session`, `token`, `local` or `own`: how sure hereby is of who it was.
    pub(super) proof: &'static str,
    pub(super) proof_says: String,
    /// What it happened to, and its page if it has one.
    pub(super) subject: String,
    pub(super) subject_path: Option<String>,
    /// It is the first of its day in a list.
    pub(super) opens_day: bool,
    /// The act that this one corrects.
    pub(super) corrects: Option<String>,
}

/// Marks the first act of each day in a list.
pub(super) fn by_days(all: &mut [Told]) {
    let mut day = String::new();
    for told in all {
        told.opens_day = told.at.day != day;
        day.clone_from(&told.at.day);
    }
}

/// An act in words.
pub(super) fn told(t: &Words, index: u64, act: &Act, now: Timestamp) -> Told {
    let body = serde_json::to_value(&act.body).unwrap_or_default();
    let kind = act.body.kind();
    let name = kind.split('/').next().unwrap_or(kind);
    let (text, cut) = shown(&spoken(t, &body));
    let why = act.why.as_ref().map(|why| match why.readable() {
        Some(why) => why.to_string(),
        None => t.say("sealed").into_owned(),
    });
    let (why, why_cut) = shown(&why.unwrap_or_default());
    let proof = proof(&act.evidence.proof);
    Told {
        index,
        id: act.id.to_string(),
        at: moment(t, act.at, now),
        who: name_of(t, &act.actor),
        claimed: claimed(t, &act.actor),
        deed: deed(t, name, &body),
        text,
        items: items(t, &body),
        why,
        cut: cut || why_cut,
        tone: tone(name),
        proof,
        proof_says: proof_says(t, proof, &act.evidence.proof),
        subject: subject(t, &act.subject),
        subject_path: subject_path(&act.subject),
        opens_day: false,
        corrects: match name {
            "incident.corrected" => body.get("act").and_then(Json::as_str).map(str::to_owned),
            _ => None,
        },
    }
}

/// What was done, behind who did it.
fn deed(t: &Words, name: &str, body: &Json) -> String {
    let key = format!("act-{}", name.replace(['.', '_'], "-"));
    if !t.has(&key) {
        return name.to_owned();
    }
    let mut values: Vec<(String, Value<'_>)> = Vec::new();
    for (field, value) in body.as_object().into_iter().flatten() {
        let field = field.replace('_', "-");
        if let Some(value) = placed(t, &field, value) {
            values.push((format!("has-{field}"), "yes".into()));
            values.push((field, value));
        }
    }
    let values: Vec<(&str, Value<'_>)> = values
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    t.say_with(&key, &values)
}

/// A field of the body as it stands in a message.
fn placed<'a>(t: &Words, field: &str, value: &'a Json) -> Option<Value<'a>> {
    Some(match value {
        Json::Bool(true) => "yes".into(),
        Json::Number(number) if field.ends_with("-ms") => {
            duration(t, number.as_u64().unwrap_or(0)).into()
        }
        Json::Number(number) => number.as_u64().unwrap_or(0).into(),
        Json::String(text) => match text.parse::<Timestamp>() {
            Ok(at) => moment(t, at, at).text.into(),
            Err(_) => word(t, text).into(),
        },
        Json::Object(fields) if fields.contains_key("id") => {
            fields["id"].as_str().unwrap_or_default().into()
        }
        Json::Array(items) => {
            let words = items.iter().filter_map(Json::as_str).map(|it| word(t, it));
            words.collect::<Vec<String>>().join(", ").into()
        }
        _ => return None,
    })
}

/// What a person said with it.
fn spoken(t: &Words, body: &Json) -> String {
    let fields = [
        "text",
        "title",
        "decision",
        "summary",
        "about",
        "full_name",
        "source",
    ];
    let said = fields.iter().find_map(|field| body.get(field));
    said.map(|said| opened(t, said)).unwrap_or_default()
}

fn items(t: &Words, body: &Json) -> Vec<String> {
    let lists = ["options", "steps", "blobs"];
    let found = lists.iter().find_map(|field| body.get(field)?.as_array());
    let items = found
        .into_iter()
        .flatten()
        .map(|item| match item.get("sha256") {
            Some(_) => item["name"].as_str().unwrap_or("?").to_owned(),
            None => opened(t, item),
        });
    items.take(20).collect()
}

/// Text, or that it is sealed.
fn opened(t: &Words, text: &Json) -> String {
    match text {
        Json::String(text) => text.clone(),
        _ => t.say("sealed").into_owned(),
    }
}

/// As much as a list shows, and whether that is not all.
fn shown(text: &str) -> (String, bool) {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => (format!("{}…", text.get(..end).unwrap_or_default()), true),
        None => (text.to_owned(), false),
    }
}

fn tone(name: &str) -> &'static str {
    match name {
        "incident.declared" | "incident.reopened" | "incident.severity_changed" => "strong",
        "incident.resolved" | "alert.resolved" => "good",
        "incident.reminded"
        | "incident.update_overdue"
        | "incident.waived"
        | "alert.fired"
        | "followup.reminded"
        | "request.made" => "warning",
        "incident.noted" | "incident.updated" | "incident.decided" | "incident.asked"
        | "incident.answered" | "review.stated" => "said",
        _ => "",
    }
}

/// The name alone; who it is claimed by stands apart.
fn name_of(t: &Words, actor: &Actor) -> String {
    match actor {
        Actor::Uid {
            on_behalf_of: Some(person),
            ..
        } => person.to_string(),
        other => who(t, other),
    }
}

fn claimed(t: &Words, actor: &Actor) -> String {
    match actor {
        Actor::Uid {
            id,
            on_behalf_of: Some(_),
        } => t.say_with("claimed-by", &[("uid", u64::from(*id).into())]),
        _ => String::new(),
    }
}

/// Who acted.
pub(super) fn who(t: &Words, actor: &Actor) -> String {
    match actor {
        Actor::Person { id } => id.to_string(),
        Actor::Service { id } => id.to_string(),
        Actor::System { .. } => "hereby".to_owned(),
        Actor::Uid {
            id,
            on_behalf_of: None,
        } => t.say_with("actor-uid", &[("uid", u64::from(*id).into())]),
        Actor::Uid {
            id,
            on_behalf_of: Some(person),
        } => t.say_with(
            "actor-behalf",
            &[
                ("uid", u64::from(*id).into()),
                ("person", person.as_str().into()),
            ],
        ),
    }
}

fn proof(proof: &Proof) -> &'static str {
    match proof {
        Proof::Internal => "own",
        Proof::LocalUid => "local",
        Proof::Token(_) => "token",
        Proof::Session(_) => "session",
        Proof::Key(_) => "key",
    }
}

fn proof_says(t: &Words, word: &str, proof: &Proof) -> String {
    let name = match proof {
        Proof::Internal | Proof::LocalUid => String::new(),
        Proof::Token(id) => id.to_string(),
        Proof::Session(id) => id.to_string(),
        Proof::Key(name) => name.to_string(),
    };
    t.say_with(&format!("proof-{word}"), &[("name", name.into())])
}

/// What an act happened to, in words.
pub(super) fn subject(t: &Words, subject: &Subject) -> String {
    match subject {
        Subject::Incident(id) => id.to_string(),
        Subject::Record => t.say("subject-record").into_owned(),
        other => {
            let kind = t
                .say(&format!("subject-{}", other.type_name()))
                .into_owned();
            let id: String = other.id().chars().take(24).collect();
            format!("{kind} {id}")
        }
    }
}

fn subject_path(subject: &Subject) -> Option<String> {
    match subject {
        Subject::Incident(id) => Some(format!("/incidents/{id}")),
        Subject::Service(_) => Some("/services".to_owned()),
        Subject::Client(_) => Some("/bans".to_owned()),
        Subject::Certificate(_) => Some("/revocations".to_owned()),
        Subject::Route(_) => Some("/failovers".to_owned()),
        Subject::Switch(_) => Some("/switches".to_owned()),
        _ => None,
    }
}
