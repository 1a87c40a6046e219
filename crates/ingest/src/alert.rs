//! One alert in the form that Alertmanager's webhook and its API share.

use std::borrow::Cow;

use base::{Line, Name, Timestamp};
use incident::{ANNOTATION_VALUE_BYTES_MAX, AlertSignal, Phase};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::bad_input::BadInput;
use crate::bounds::{self, Losses, reason};
use crate::fingerprint;
use crate::json::{self, Place, Sent};

/// The annotation under which the link to the source's own page is kept.
const GENERATOR_URL: &str = "generatorURL";

/// The fields, as they stand in the body.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Fields<'a> {
    #[serde(borrow)]
    labels: Option<&'a RawValue>,
    #[serde(borrow)]
    annotations: Option<&'a RawValue>,
    #[serde(borrow)]
    starts_at: Option<&'a RawValue>,
    #[serde(borrow)]
    ends_at: Option<&'a RawValue>,
    #[serde(borrow, rename = "generatorURL")]
    generator_url: Option<&'a RawValue>,
    /// Webhook only.
    #[serde(borrow)]
    pub(crate) fingerprint: Option<&'a RawValue>,
    /// Webhook only.
    #[serde(borrow)]
    pub(crate) status: Option<&'a RawValue>,
}

/// An alert whose form is right, before its text is cut.
pub(crate) struct Alert<'a> {
    labels: Sent<'a>,
    annotations: Sent<'a>,
    pub(crate) starts_at: Option<Timestamp>,
    pub(crate) ends_at: Option<Timestamp>,
    generator_url: Option<Cow<'a, str>>,
}

impl<'a> Alert<'a> {
    pub(crate) fn read(fields: &Fields<'a>, place: &Place<'_>) -> Result<Alert<'a>, BadInput> {
        let mut labels = json::texts(fields.labels, &Place::Field(place, "labels"))?;
        labels.retain(|(_, value)| !value.is_empty());
        let url = Place::Field(place, GENERATOR_URL);
        Ok(Alert {
            labels,
            annotations: json::texts(fields.annotations, &Place::Field(place, "annotations"))?,
            starts_at: json::time(fields.starts_at, &Place::Field(place, "startsAt"))?,
            ends_at: json::time(fields.ends_at, &Place::Field(place, "endsAt"))?,
            generator_url: json::optional_string(fields.generator_url, &url)?,
        })
    }

    /// The signal it makes, or `None` when it makes none and that was counted.
    ///
    /// An alert that Alertmanager itself would turn away does not take the others in the same body
    /// with it; Alertmanager keeps those, too.
    pub(crate) fn into_signal(
        mut self,
        fingerprint: Option<Line>,
        phase: Phase,
        source: Name,
        losses: &mut Losses,
    ) -> Option<AlertSignal> {
        if fingerprint.is_none() && self.labels.is_empty() {
            losses.add(reason::ALERT_WITHOUT_IDENTITY, 1);
            return None;
        }
        if let (Some(start), Some(end)) = (self.starts_at, self.ends_at)
            && end < start
        {
            losses.add(reason::ALERT_ENDS_BEFORE_START, 1);
            return None;
        }
        let fingerprint = fingerprint.unwrap_or_else(|| {
            let labels = self.labels.iter().map(|(name, value)| (&**name, &**value));
            fingerprint::of_labels(labels)
                .parse()
                .expect("16 hexadecimal digits are a line")
        });
        let mut lost_bytes = self.annotate_generator_url(losses);
        let bounded = bounds::cut(&self.labels, &self.annotations, losses);
        lost_bytes += bounded.lost_bytes;
        let label = |name| bounded.labels.get(name).map(|value| &**value);
        let named = match (label("alertname"), label("instance")) {
            (Some(name), Some(instance)) => Some(format!("{name} ({instance})").into()),
            (name, _) => name.map(Cow::Borrowed),
        };
        let summary = bounded
            .annotations
            .get("summary")
            .map(|text| Cow::Borrowed(&**text));
        let nameless = Some(format!("alert {fingerprint}").into());
        let title = bounds::title([summary, named, nameless].into_iter().flatten());
        Some(AlertSignal {
            title: title.expect("the last candidate holds the word `alert`"),
            annotations: bounded.annotations,
            ends_at: self.ends_at,
            fingerprint,
            labels: bounded.labels,
            lost_bytes,
            phase,
            source,
            starts_at: self.starts_at,
        })
    }

    /// Keeps the link whole among the annotations, or counts it. Returns the bytes lost.
    fn annotate_generator_url(&mut self, losses: &mut Losses) -> u64 {
        let Some(url) = self.generator_url.take().filter(|url| !url.is_empty()) else {
            return 0;
        };
        if self
            .annotations
            .iter()
            .any(|(name, _)| name == GENERATOR_URL)
        {
            return 0;
        }
        if !is_link(&url) {
            losses.add(reason::LINK, 1);
            return url.len() as u64;
        }
        self.annotations.push((Cow::Borrowed(GENERATOR_URL), url));
        0
    }
}

/// A link that a person may follow: HTTP, visible ASCII only, and short enough to stay whole.
pub(crate) fn is_link(url: &str) -> bool {
    (url.starts_with("https://") || url.starts_with("http://"))
        && url.len() <= ANNOTATION_VALUE_BYTES_MAX
        && url.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The name of a source of alerts.
pub(crate) fn source(name: &'static str) -> Name {
    name.parse()
        .expect("the sources' names are spelled in this crate")
}
