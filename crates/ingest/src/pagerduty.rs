//! Events in the shape of PagerDuty's Events API v2, for tools that speak nothing else.
//!
//! One event a request. It is authenticated by a key in its body, which `web` checks as a token;
//! here it is only carried, and never shown. An alert's identity is its dedup key alone, so signals
//! carry no start: two triggers with one key are one firing, whatever time each of them names.
//! Format: PagerDuty's developer documentation, "Send an alert event" and "PD-CEF".

use std::borrow::Cow;
use std::fmt;

use base::{Line, Timestamp};
use incident::{AlertSignal, Phase};
use record::hash;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::alert::{is_link, source};
use crate::bad_input::{BadInput, quoted};
use crate::bounds::{self, Dropped, Losses, reason};
use crate::json::{self, Kind, Place, Sent};

/// [`incident::AlertSignal::source`] of what is read here.
pub const SOURCE: &str = "pagerduty";

/// The most characters of a dedup key.
pub const DEDUP_KEY_CHARS_MAX: usize = 255;

/// The most characters of a summary.
pub const SUMMARY_CHARS_MAX: usize = 1_024;

/// The most bytes of a routing key. PagerDuty's own have 32; ours are tokens.
pub const ROUTING_KEY_BYTES_MAX: usize = 256;

/// Details that become labels, because rules, silences and drills go by them.
const DETAILS_TO_LABELS: &[&str] = &["service", "team", "drill"];

/// The secret that authenticates an event. Shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct RoutingKey(Box<str>);

impl RoutingKey {
    /// The secret itself, to be checked and forgotten.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RoutingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoutingKey(not shown)")
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What the sender authenticates with.
    pub routing_key: RoutingKey,
    /// What the sender calls the alert, or the key made up for it: goes back in the answer.
    pub dedup_key: String,
    /// What it tells.
    pub signal: AlertSignal,
    /// What was left out or changed, for the metrics.
    pub dropped: Vec<Dropped>,
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    routing_key: Option<&'a RawValue>,
    #[serde(borrow)]
    event_action: Option<&'a RawValue>,
    #[serde(borrow)]
    dedup_key: Option<&'a RawValue>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    #[serde(borrow)]
    client: Option<&'a RawValue>,
    #[serde(borrow)]
    client_url: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct PayloadFields<'a> {
    #[serde(borrow)]
    summary: Option<&'a RawValue>,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
    #[serde(borrow)]
    severity: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    component: Option<&'a RawValue>,
    #[serde(borrow)]
    group: Option<&'a RawValue>,
    #[serde(borrow)]
    class: Option<&'a RawValue>,
    #[serde(borrow)]
    custom_details: Option<&'a RawValue>,
}

/// Reads the body of one event.
///
/// A trigger needs `payload` with `summary`, `source` and `severity`; without a `dedup_key` it gets
/// one that follows from these three, so that repeats attach. To acknowledge or resolve needs a
/// `dedup_key`. `links` and `images` are not read.
///
/// # Errors
/// When it is too large, not JSON, or not of the format. No error quotes the routing key.
pub fn events_v2(body: &[u8]) -> Result<Event, BadInput> {
    let root = Place::Body;
    let fields: Fields<'_> = json::object(json::body(body)?, &root)?;
    let routing_key = routing_key(fields.routing_key, &Place::Field(&root, "routing_key"))?;
    let phase = action(fields.event_action, &Place::Field(&root, "event_action"))?;
    let dedup_key = dedup_key(fields.dedup_key, &Place::Field(&root, "dedup_key"))?;
    let at = Place::Field(&root, "payload");
    let payload = match fields.payload {
        Some(raw) => Some(Payload::read(&json::object(raw, &at)?, &at)?),
        None => None,
    };
    let dedup_key = match (phase, dedup_key, &payload) {
        (Phase::Firing, _, None) => return Err(at.wrong("is missing")),
        (_, Some(key), _) => key.into_owned(),
        (Phase::Firing, None, Some(payload)) => payload.require_all(&at)?.derived_key(),
        _ => return Err(Place::Field(&root, "dedup_key").wrong("is missing")),
    };
    if let (Phase::Firing, Some(payload)) = (phase, &payload) {
        payload.require_all(&at)?;
    }
    let mut payload = payload.unwrap_or_default();
    let client = Place::Field(&root, "client");
    payload.client = json::optional_string(fields.client, &client)?;
    let client_url = Place::Field(&root, "client_url");
    payload.client_url = json::optional_string(fields.client_url, &client_url)?;
    let mut losses = Losses::default();
    let signal = payload.into_signal(&dedup_key, phase, &mut losses);
    Ok(Event {
        routing_key,
        dedup_key,
        signal,
        dropped: losses.into_dropped(),
    })
}

/// The answer to an event that was taken (PagerDuty sends it with status 202).
pub fn accepted(dedup_key: &str) -> String {
    #[derive(Serialize)]
    struct Answer<'a> {
        status: &'a str,
        message: &'a str,
        dedup_key: &'a str,
    }
    let answer = Answer {
        status: "success",
        message: "Event processed",
        dedup_key,
    };
    serde_json::to_string(&answer).expect("strings are always written")
}

/// The answer to an event that was refused (PagerDuty sends it with status 400).
pub fn refused(error: &BadInput) -> String {
    #[derive(Serialize)]
    struct Answer<'a> {
        status: &'a str,
        message: &'a str,
        errors: [String; 1],
    }
    let errors = [error.to_string()];
    let answer = Answer {
        status: "invalid event",
        message: "Event object is invalid",
        errors,
    };
    serde_json::to_string(&answer).expect("strings are always written")
}

fn routing_key(raw: Option<&RawValue>, place: &Place<'_>) -> Result<RoutingKey, BadInput> {
    let key = json::required_string(raw, place)?;
    if key.len() > ROUTING_KEY_BYTES_MAX || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let what = format!("must be 1 to {ROUTING_KEY_BYTES_MAX} visible ASCII characters");
        return Err(place.wrong(what));
    }
    Ok(RoutingKey(key.into()))
}

fn action(raw: Option<&RawValue>, place: &Place<'_>) -> Result<Phase, BadInput> {
    match &*json::required_string(raw, place)? {
        "trigger" => Ok(Phase::Firing),
        "acknowledge" => Ok(Phase::Acknowledged),
        "resolve" => Ok(Phase::Resolved),
        other => {
            let what = "must be `trigger`, `acknowledge` or `resolve`, not";
            Err(place.wrong(format!("{what} {}", quoted(other))))
        }
    }
}

fn dedup_key<'a>(
    raw: Option<&'a RawValue>,
    place: &Place<'_>,
) -> Result<Option<Cow<'a, str>>, BadInput> {
    let key = json::optional_string(raw, place)?.filter(|key| !key.trim().is_empty());
    key.map(|key| at_most(key, DEDUP_KEY_CHARS_MAX, place))
        .transpose()
}

fn at_most<'a>(
    text: Cow<'a, str>,
    chars_max: usize,
    place: &Place<'_>,
) -> Result<Cow<'a, str>, BadInput> {
    let chars = text.chars().count();
    if chars > chars_max {
        return Err(place.wrong(format!(
            "has {chars} characters, at most {chars_max} are allowed"
        )));
    }
    Ok(text)
}

/// What an event says about its alert, its form checked.
#[derive(Default)]
struct Payload<'a> {
    summary: Option<Cow<'a, str>>,
    source: Option<Cow<'a, str>>,
    severity: Option<Cow<'a, str>>,
    timestamp: Option<Timestamp>,
    /// `component`, `group` and `class`, those that are there.
    labels: Sent<'a>,
    details: Sent<'a>,
    /// How many details were objects or arrays, and their bytes.
    nested: (u64, u64),
    client: Option<Cow<'a, str>>,
    client_url: Option<Cow<'a, str>>,
}

impl<'a> Payload<'a> {
    fn read(fields: &PayloadFields<'a>, place: &Place<'_>) -> Result<Payload<'a>, BadInput> {
        let text = |raw, name| json::optional_string(raw, &Place::Field(place, name));
        let summary = text(fields.summary, "summary")?
            .map(|text| at_most(text, SUMMARY_CHARS_MAX, &Place::Field(place, "summary")))
            .transpose()?;
        let severity = text(fields.severity, "severity")?;
        if let Some(other) = &severity
            && !matches!(&**other, "critical" | "error" | "warning" | "info")
        {
            let what = "must be `critical`, `error`, `warning` or `info`, not";
            let place = Place::Field(place, "severity");
            return Err(place.wrong(format!("{what} {}", quoted(other))));
        }
        let mut payload = Payload {
            summary,
            source: text(fields.source, "source")?,
            severity,
            timestamp: json::time(fields.timestamp, &Place::Field(place, "timestamp"))?,
            ..Payload::default()
        };
        let labels = [
            ("component", fields.component),
            ("group", fields.group),
            ("class", fields.class),
        ];
        for (name, raw) in labels {
            payload
                .labels
                .extend(text(raw, name)?.map(|value| (Cow::Borrowed(name), value)));
        }
        if let Some(raw) = fields.custom_details {
            payload.read_details(raw, &Place::Field(place, "custom_details"))?;
        }
        Ok(payload)
    }

    /// One level of details; some tools send a text instead of an object.
    fn read_details(&mut self, raw: &'a RawValue, place: &Place<'_>) -> Result<(), BadInput> {
        if Kind::of(raw) == Kind::String {
            let text = json::string(raw, place)?;
            self.details.push((Cow::Borrowed("custom_details"), text));
            return Ok(());
        }
        for (name, value) in json::pairs(raw, place)? {
            let text = match Kind::of(value) {
                Kind::String => json::string(value, &Place::Field(place, &name))?,
                Kind::Number | Kind::Bool => Cow::Borrowed(value.get()),
                Kind::Null => continue,
                Kind::Object | Kind::Array => {
                    self.nested.0 += 1;
                    self.nested.1 += (name.len() + value.get().len()) as u64;
                    continue;
                }
            };
            let list = if DETAILS_TO_LABELS.contains(&&*name) {
                &mut self.labels
            } else {
                &mut self.details
            };
            list.push((name, text));
        }
        Ok(())
    }

    /// A trigger must say what is wrong, where, and how bad it is.
    fn require_all(&self, place: &Place<'_>) -> Result<&Payload<'a>, BadInput> {
        let required = [
            ("summary", &self.summary),
            ("source", &self.source),
            ("severity", &self.severity),
        ];
        for (name, text) in required {
            if text.as_ref().is_none_or(|text| text.trim().is_empty()) {
                return Err(Place::Field(place, name).wrong("is missing"));
            }
        }
        Ok(self)
    }

    /// 32 hexadecimal digits, as many as PagerDuty's own: SHA-256 over source, summary and
    /// severity, each behind its length.
    fn derived_key(&self) -> String {
        let parts = [&self.source, &self.summary, &self.severity];
        let parts = parts.map(|part| part.as_deref().unwrap_or_default());
        let [source, summary, severity] = parts.map(str::as_bytes);
        let lengths = [source, summary, severity].map(|part| (part.len() as u64).to_be_bytes());
        let [source_len, summary_len, severity_len] = &lengths;
        let digest = hash::sha256(&[
            b"hereby/pagerduty-dedup/1\0",
            source_len,
            source,
            summary_len,
            summary,
            severity_len,
            severity,
        ]);
        hex(digest.0.iter().take(16))
    }

    fn into_signal(mut self, dedup_key: &str, phase: Phase, losses: &mut Losses) -> AlertSignal {
        let mut lost_bytes = self.nested.1;
        losses.add(reason::NESTED, self.nested.0);
        if let Some(url) = self
            .client_url
            .take_if(|url| !url.is_empty() && !is_link(url))
        {
            losses.add(reason::LINK, 1);
            lost_bytes += url.len() as u64;
        }
        let ends_at = self.timestamp.filter(|_| phase == Phase::Resolved);
        let titles = [
            self.summary.clone(),
            Some(format!("alert {dedup_key}").into()),
        ];
        let title = bounds::title(titles.into_iter().flatten());

        let labels = [("source", self.source), ("severity", self.severity)];
        let labels = labels
            .into_iter()
            .filter_map(named)
            .chain(self.labels)
            .collect();
        let own = [
            ("summary", self.summary),
            ("timestamp", self.timestamp.map(|at| at.to_string().into())),
            ("client", self.client),
            ("client_url", self.client_url),
        ];
        let own: Sent<'_> = own.into_iter().filter_map(named).collect();
        // A detail with a name that the format itself gives steps back.
        let (mut annotations, shadowed): (Sent<'_>, Sent<'_>) = self
            .details
            .into_iter()
            .partition(|(name, _)| own.iter().all(|(own, _)| own != name));
        losses.add(reason::NAME, shadowed.len() as u64);
        lost_bytes += shadowed
            .iter()
            .map(|(name, text)| name.len() + text.len())
            .sum::<usize>() as u64;
        annotations.extend(own);
        let bounded = bounds::cut(&labels, &annotations, losses);
        AlertSignal {
            annotations: bounded.annotations,
            ends_at,
            fingerprint: fingerprint(dedup_key),
            labels: bounded.labels,
            lost_bytes: lost_bytes + bounded.lost_bytes,
            phase,
            source: source(SOURCE),
            starts_at: None,
            title: title.expect("the last candidate holds the word `alert`"),
        }
    }
}

fn named<'a>(
    (name, text): (&'static str, Option<Cow<'a, str>>),
) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
    Some((Cow::Borrowed(name), text?))
}

/// The dedup key where it fits into a line as it is, else a digest of it. What looks like such a
/// digest becomes one, too, so that two keys never meet.
fn fingerprint(dedup_key: &str) -> Line {
    const PREFIX: &str = "sha256-";
    match dedup_key.parse() {
        Ok(line) if !dedup_key.starts_with(PREFIX) => line,
        _ => {
            let digest = hash::sha256(&[dedup_key.as_bytes()]);
            let text = format!("{PREFIX}{}", hex(digest.0.iter()));
            text.parse().expect("hexadecimal digits are a line")
        }
    }
}

fn hex<'a>(bytes: impl Iterator<Item = &'a u8>) -> String {
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
