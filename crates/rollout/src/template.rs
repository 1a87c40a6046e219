//! How versions are to be brought out here, written once for any fleet: which stages, how long each, and
//! what sends a version back. A [`crate::plan::Plan`] is drawn from it for one version.
//!
//! Written as TOML; a mistake is told with its line and column. What is accepted is meant: a setting that
//! would never do anything is a mistake.

use core::ops::Range;

use base::Name;
use policy::Reason;
use policy::config::Wrong;
use serde::Deserialize;
use toml::Spanned;

use crate::sequential::INTERVAL_MS;

/// The largest text that is read, in bytes.
pub const TEXT_BYTES_MAX: usize = 64 << 10;
const STAGES_MAX: usize = 32;
const TRIGGERS_MAX: usize = 16;
/// What a trigger's `most_ppm` is told from, where nothing else was said.
const REQUESTS_MIN: u64 = 50;
/// A week: who waits longer forgets what for.
const TIME_MS_MAX: u64 = 7 * 86_400_000;
/// Shorter than this nothing is seen.
pub(crate) const WATCH_MS_MIN: u64 = 60_000;

/// The template that holds where none was written.
pub const CAREFUL: &str = include_str!("careful.toml");

/// Stages and triggers for any fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// What it is called.
    pub name: Name,
    /// In their order; the last one reaches all.
    pub stages: Vec<Step>,
    /// What sends a version back, at every stage.
    pub triggers: Vec<Trigger>,
    /// How long it is watched after the last stage.
    pub watch_ms: u64,
}

/// One stage, for any fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Whom it reaches.
    pub reach: Reach,
    /// It holds at least so long.
    pub time_ms_min: u64,
    /// The changed edges answered at least so many requests in it.
    pub requests_min: u64,
}

/// Whom a stage reaches, beside those who were reached before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Cells for the people who run them.
    Internal,
    /// Cells whose tenants know that they are first.
    Canary,
    /// One cell more.
    One,
    /// As many of the serving cells as are this share of them, in percent.
    Share(u8),
    /// Everybody.
    All,
}

/// What sends a version back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// What it is called.
    pub name: Name,
    /// Which requests are bad.
    pub measure: Measure,
    /// Whether changed edges are compared with unchanged ones.
    pub compare: bool,
    /// A share of bad requests that is too many whatever the others do, in millionths.
    pub most_ppm: Option<u32>,
    /// Below so many requests `most_ppm` is not looked at.
    pub requests_min: u64,
}

/// Which requests are bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Those answered with 5xx, or broken off by us.
    Errors,
    /// Those that took longer, in milliseconds.
    Slower(u64),
    /// Those that were refused, for this reason or for any.
    Refused(Option<Reason>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: Name,
    #[serde(default)]
    stage: Vec<Spanned<RawStep>>,
    #[serde(default)]
    trigger: Vec<Spanned<RawTrigger>>,
    watch_ms: Spanned<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    reach: RawReach,
    percent: Option<u8>,
    #[serde(default)]
    time_ms_min: u64,
    #[serde(default)]
    requests_min: u64,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawReach {
    Internal,
    Canary,
    One,
    Share,
    All,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTrigger {
    name: Name,
    measure: RawMeasure,
    slower_than_ms: Option<u64>,
    reason: Option<String>,
    #[serde(default)]
    compare: bool,
    most_ppm: Option<u32>,
    requests_min: Option<u64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawMeasure {
    Errors,
    Slower,
    Refused,
}

impl Template {
    /// The template that holds where none was written.
    pub fn careful() -> Template {
        Template::parse(CAREFUL).expect("a test reads it")
    }

    /// Reads a template.
    ///
    /// # Errors
    ///
    /// Every mistake, in the order of the text. If the text is no TOML or has settings that nobody knows,
    /// the first of those only.
    pub fn parse(text: &str) -> Result<Template, Vec<Wrong>> {
        let mut mistakes = Mistakes {
            text,
            found: Vec::new(),
        };
        if text.len() > TEXT_BYTES_MAX {
            mistakes.add(
                &(0..0),
                "",
                format!("it is larger than {TEXT_BYTES_MAX} bytes"),
            );
            return Err(mistakes.found);
        }
        let raw: Raw = match toml::from_str(text) {
            Ok(raw) => raw,
            Err(error) => {
                let span = error.span().unwrap_or(text.len()..text.len());
                mistakes.add(&span, "", error.message().to_owned());
                return Err(mistakes.found);
            }
        };
        let template = Template {
            stages: steps(&raw.stage, &mut mistakes),
            triggers: triggers(&raw.trigger, &mut mistakes),
            watch_ms: watch(&raw.watch_ms, &mut mistakes),
            name: raw.name,
        };
        match mistakes.found.is_empty() {
            true => Ok(template),
            false => {
                mistakes
                    .found
                    .sort_by_key(|wrong| (wrong.line, wrong.column));
                Err(mistakes.found)
            }
        }
    }
}

fn steps(raw: &[Spanned<RawStep>], mistakes: &mut Mistakes<'_>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    if raw.len() > STAGES_MAX {
        mistakes.add(
            &(0..0),
            "stage",
            format!("there are more than {STAGES_MAX} stages"),
        );
    }
    for (place, spanned) in raw.iter().enumerate() {
        let (span, one) = (spanned.span(), spanned.get_ref());
        let last = place + 1 == raw.len();
        let Some(reach) = reach(&span, one, mistakes) else {
            continue;
        };
        let before = steps.last().map(|step| step.reach);
        if before.is_some_and(|before| rank(before) >= rank(reach)) {
            mistakes.add(
                &span,
                "stage.reach",
                "it reaches no more than the stage before it",
            );
        }
        if last != (reach == Reach::All) {
            mistakes.add(
                &span,
                "stage.reach",
                "the last stage, and no other, reaches all",
            );
        }
        if !last && (one.time_ms_min < INTERVAL_MS || one.requests_min == 0) {
            let what = format!(
                "a stage before the last needs a time_ms_min of at least {INTERVAL_MS} and a \
                 requests_min: nothing is promoted unseen"
            );
            mistakes.add(&span, "stage", what);
        }
        if one.time_ms_min > TIME_MS_MAX {
            mistakes.add(&span, "stage.time_ms_min", "it is longer than a week");
        }
        steps.push(Step {
            reach,
            time_ms_min: one.time_ms_min,
            requests_min: one.requests_min,
        });
    }
    if raw.is_empty() {
        mistakes.add(
            &(0..0),
            "stage",
            "there is none: at least one that reaches all",
        );
    }
    steps
}

/// Whom a step reaches.
fn reach(span: &Range<usize>, one: &RawStep, mistakes: &mut Mistakes<'_>) -> Option<Reach> {
    let what = match (one.reach, one.percent) {
        (RawReach::Internal, None) => return Some(Reach::Internal),
        (RawReach::Canary, None) => return Some(Reach::Canary),
        (RawReach::One, None) => return Some(Reach::One),
        (RawReach::All, None) => return Some(Reach::All),
        (RawReach::Share, Some(percent @ 1..=99)) => return Some(Reach::Share(percent)),
        (RawReach::Share, _) => "a share needs a percent from 1 to 99",
        (_, Some(_)) => "only `reach = \"share\"` has a percent",
    };
    mistakes.add(span, "stage.percent", what);
    None
}

/// Later ones reach more.
fn rank(reach: Reach) -> u8 {
    match reach {
        Reach::Internal => 0,
        Reach::Canary => 1,
        Reach::One => 2,
        Reach::Share(percent) => 2 + percent,
        Reach::All => u8::MAX,
    }
}

fn triggers(raw: &[Spanned<RawTrigger>], mistakes: &mut Mistakes<'_>) -> Vec<Trigger> {
    let mut triggers: Vec<Trigger> = Vec::new();
    if raw.len() > TRIGGERS_MAX {
        let what = format!("there are more than {TRIGGERS_MAX} triggers");
        mistakes.add(&(0..0), "trigger", what);
    }
    for spanned in raw {
        let (span, one) = (spanned.span(), spanned.get_ref());
        if triggers.iter().any(|trigger| trigger.name == one.name) {
            let what = format!("there are two triggers \"{}\"", one.name);
            mistakes.add(&span, "trigger.name", what);
        }
        if !one.compare && one.most_ppm.is_none() {
            let what = "it would never fire: say `compare = true`, or most_ppm, or both";
            mistakes.add(&span, "trigger", what);
        }
        if one
            .most_ppm
            .is_some_and(|most| most == 0 || most >= 1_000_000)
        {
            mistakes.add(
                &span,
                "trigger.most_ppm",
                "it is from 1 to 999999, in millionths",
            );
        }
        let no_use = match (one.requests_min, one.most_ppm) {
            (Some(0), _) => Some("a share of no requests is no share"),
            (Some(_), None) => Some("it is for most_ppm; a comparison needs none"),
            _ => None,
        };
        if let Some(what) = no_use {
            mistakes.add(&span, "trigger.requests_min", what);
        }
        let Some(measure) = measure(&span, one, mistakes) else {
            continue;
        };
        triggers.push(Trigger {
            name: one.name.clone(),
            measure,
            compare: one.compare,
            most_ppm: one.most_ppm,
            requests_min: one.requests_min.unwrap_or(REQUESTS_MIN),
        });
    }
    triggers
}

fn measure(span: &Range<usize>, one: &RawTrigger, mistakes: &mut Mistakes<'_>) -> Option<Measure> {
    let reason = one.reason.as_deref().map(|word| {
        let known = Reason::ALL.iter().find(|reason| reason.as_str() == word);
        known.copied().ok_or(word)
    });
    match (one.measure, one.slower_than_ms, reason) {
        (RawMeasure::Errors, None, None) => Some(Measure::Errors),
        (RawMeasure::Slower, Some(ms @ 1..), None) => Some(Measure::Slower(ms)),
        (RawMeasure::Refused, None, None) => Some(Measure::Refused(None)),
        (RawMeasure::Refused, None, Some(Ok(reason))) => Some(Measure::Refused(Some(reason))),
        (RawMeasure::Refused, None, Some(Err(word))) => {
            let what = format!("nobody is refused for \"{word}\"");
            mistakes.add(span, "trigger.reason", what);
            None
        }
        (RawMeasure::Slower, _, None) => {
            let what = "`measure = \"slower\"` needs slower_than_ms";
            mistakes.add(span, "trigger.slower_than_ms", what);
            None
        }
        _ => {
            let what = "slower_than_ms is for `slower`, reason for `refused`";
            mistakes.add(span, "trigger.measure", what);
            None
        }
    }
}

fn watch(raw: &Spanned<u64>, mistakes: &mut Mistakes<'_>) -> u64 {
    let watch_ms = *raw.get_ref();
    if !(WATCH_MS_MIN..=TIME_MS_MAX).contains(&watch_ms) {
        let what = format!("it is from {WATCH_MS_MIN} to {TIME_MS_MAX}");
        mistakes.add(&raw.span(), "watch_ms", what);
    }
    watch_ms
}

struct Mistakes<'t> {
    text: &'t str,
    found: Vec<Wrong>,
}

impl Mistakes<'_> {
    fn add(&mut self, span: &Range<usize>, key: &str, what: impl Into<String>) {
        self.found
            .push(Wrong::at_byte(self.text, span.start, key, what.into()));
    }
}

#[cfg(test)]
mod tests;
