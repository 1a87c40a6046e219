//! The five means that people ask for, each with what it can't say.

use super::PhaseNumbers;
use super::bootstrap::Interval;
use super::repair::Repair;
use super::row::Phase;

/// One of the means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mean {
    /// Mean time to failure.
    Mttf,
    /// Mean time to detection.
    Mttd,
    /// Mean time to diagnosis.
    MttDiagnose,
    /// Mean time to repair.
    Mttr,
    /// Mean time between failures.
    Mtbf,
}

/// What a mean comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeanNumber {
    /// Which.
    pub mean: Mean,
    /// In milliseconds; none if there is nothing to take a mean of.
    pub value_ms: Option<f64>,
    /// Of how many incidents, or failures.
    pub n: usize,
    /// Where it is with [`LEVEL`](super::LEVEL), of those over durations.
    pub interval: Option<Interval>,
}

impl Mean {
    /// As in the API: `mtt_diagnose`.
    pub const fn word(self) -> &'static str {
        match self {
            Mean::Mttf => "mttf",
            Mean::Mttd => "mttd",
            Mean::MttDiagnose => "mtt_diagnose",
            Mean::Mttr => "mttr",
            Mean::Mtbf => "mtbf",
        }
    }

    /// What it is.
    pub const fn is(self) -> &'static str {
        match self {
            Mean::Mttf => "time up divided by failures, all services together",
            Mean::Mttd => "mean of detected - impact start",
            Mean::MttDiagnose => "mean of diagnosed - detected",
            Mean::Mttr => "mean of resolved - impact start",
            Mean::Mtbf => "MTTF plus the mean time down",
        }
    }

    /// What it can't say.
    pub const fn cannot_say(self) -> &'static str {
        match self {
            Mean::Mttf => {
                "When the next failure comes: it spreads them evenly, and they come in clusters. \
                 Small trouble and a lost data centre count alike, and a failure that nobody \
                 declared counts as time up."
            }
            Mean::Mttd => {
                "How fast incidents are usually noticed: one that smoulders for a week moves it \
                 more than fifty quick ones. What nobody noticed or dated is not in it."
            }
            Mean::MttDiagnose => {
                "How hard the causes were, or whether people got better at finding them: it mixes \
                 kinds of trouble, and those that were given up on are not in it."
            }
            Mean::Mttr => {
                "How long the next one takes, or whether anybody got better: a few long ones make \
                 most of it. Open incidents are not in it, so it is too short while there are any; \
                 the Kaplan-Meier median counts them."
            }
            Mean::Mtbf => {
                "Which of its two parts changed: failing less often and being down longer raise it \
                 both. It says nothing of how many people were hurt."
            }
        }
    }
}

/// Those that the phases and the failures allow.
pub(super) fn of(phases: &[PhaseNumbers], repair: Option<&Repair>) -> Vec<MeanNumber> {
    let of_phase = |mean, phase| {
        let numbers = phases.iter().find(|numbers| numbers.phase == phase)?;
        let sample = numbers.sample.as_ref();
        Some(MeanNumber {
            mean,
            value_ms: sample.map(|sample| sample.mean_ms),
            n: numbers.done,
            interval: sample.and_then(|sample| sample.mean_interval),
        })
    };
    let of_failures = |mean, value: fn(&super::Uptime) -> Option<f64>| {
        let overall = &repair?.overall;
        Some(MeanNumber {
            mean,
            value_ms: value(overall),
            n: overall.failures(),
            interval: None,
        })
    };
    let all = [
        of_failures(Mean::Mttf, super::Uptime::mttf_ms),
        of_phase(Mean::Mttd, Phase::Detect),
        of_phase(Mean::MttDiagnose, Phase::Diagnose),
        of_phase(Mean::Mttr, Phase::Repair),
        of_failures(Mean::Mtbf, super::Uptime::mtbf_ms),
    ];
    all.into_iter().flatten().collect()
}
