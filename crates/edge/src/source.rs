//! What an edge serves: a configuration in a file, which somebody may replace while it runs; and what
//! its traffic came to, for whoever watches over the replacing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use policy::config::{Config, Wrong};
use tokio::sync::{mpsc, oneshot};

use crate::counts::LATENCY_MICROS;
use crate::edge::Edge;
use crate::reload::Banned;
use crate::run::CannotRun;
use crate::running::Running;

/// Changes what a version says to what this machine is: its cell, its addresses.
pub type Adjust = Box<dyn Fn(&mut Config) + Send>;

/// Where the configuration comes from.
pub struct Source {
    /// The file that is read first; relative paths in it begin where it lies.
    pub config_file: PathBuf,
    /// What is different here.
    pub adjust: Adjust,
    /// The version's digest, if it is one of the record.
    pub label: Option<String>,
    /// Versions to serve instead, as they come.
    pub offers: Option<mpsc::Receiver<Offer>>,
}

/// Another version to serve.
pub struct Offer {
    /// Its configuration.
    pub config_file: PathBuf,
    /// What is different here.
    pub adjust: Adjust,
    /// Its digest.
    pub label: String,
    /// Told whether it is served now; if not, what was served before goes on.
    pub done: oneshot::Sender<Result<(), NotTaken>>,
}

/// Why what was read is not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// This process can't change that; its successor can.
    #[error("{0} change with an upgrade: hereby edge upgrade")]
    NeedsUpgrade(&'static str),
    /// It can't be served here.
    #[error("{0}")]
    Wrong(String),
}

impl Source {
    /// A file that nobody replaces but by hand.
    pub fn file(config_file: PathBuf) -> Source {
        Source {
            config_file,
            adjust: Box::new(|_| ()),
            label: None,
            offers: None,
        }
    }

    pub(crate) fn read(&self) -> Result<(Config, PathBuf), CannotRun> {
        let mut config = read(&self.config_file)?;
        (self.adjust)(&mut config);
        config.keep_own_cell();
        Ok((config, directory(&self.config_file)))
    }
}

/// The next version that is offered; waits for ever where nobody offers any.
pub(crate) async fn next(offers: &mut Option<mpsc::Receiver<Offer>>) -> Option<Offer> {
    if let Some(receiver) = offers {
        if let Some(offer) = receiver.recv().await {
            return Some(offer);
        }
        *offers = None;
    }
    std::future::pending().await
}

/// Reads and checks a configuration and all files it names, as starting would, and starts nothing.
///
/// # Errors
/// With everything that is wrong in it.
pub fn check(config_file: &Path) -> Result<Config, CannotRun> {
    check_adjusted(config_file, &|_| ())
}

/// The same for a configuration with what is different here.
///
/// # Errors
/// With everything that is wrong in it.
pub fn check_adjusted(
    config_file: &Path,
    adjust: &dyn Fn(&mut Config),
) -> Result<Config, CannotRun> {
    let mut config = read(config_file)?;
    adjust(&mut config);
    config.keep_own_cell();
    let directory = directory(config_file);
    let running = Running::new(config.clone(), &directory, None, None)?;
    running.authorities.complete()?;
    Banned::read(&config, &directory)?;
    Ok(config)
}

fn directory(config_file: &Path) -> PathBuf {
    config_file
        .parent()
        .map_or_else(PathBuf::new, Path::to_owned)
}

fn read(config_file: &Path) -> Result<Config, CannotRun> {
    let file = config_file.display().to_string();
    let text = std::fs::read_to_string(config_file).map_err(|source| CannotRun::Unreadable {
        file: file.clone(),
        source,
    })?;
    Config::parse(&text).map_err(|wrong: Vec<Wrong>| {
        CannotRun::Wrong(wrong.iter().map(|wrong| wrong.at(&file)).collect())
    })
}

/// What an edge's traffic came to since its process began.
#[derive(Clone)]
pub struct Traffic(Arc<Edge>);

/// Totals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Answered with 5xx that somebody here or behind is to blame for, or broken off by us.
    pub failed: u64,
    /// Refused, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    pub requests: u64,
    /// How many took at most each of the bounds that were asked for, and how many were timed at all.
    pub took: Vec<u64>,
}

impl Traffic {
    pub(crate) fn of(edge: Arc<Edge>) -> Traffic {
        Traffic(edge)
    }

    /// Chosen at random when the process began.
    pub fn process(&self) -> u64 {
        self.0.process
    }

    /// Up to which act control was heard.
    pub fn overlay_sequence(&self) -> u64 {
        self.0.overlay_sequence.load(Relaxed)
    }

    /// How many requests of these tenants were answered since the process began, and how many tenants there are:
    /// `many` of them, from that place on in the configuration's order.
    pub fn tenants(&self, from: usize, many: usize) -> (Vec<(Box<str>, u64)>, usize) {
        let running = self.0.running.load_full();
        let all = running.tenants();
        let some = all.iter().skip(from).take(many).map(|tenant| {
            let answered = tenant.counts.statuses.totals();
            let answered = answered.map(|(_, total)| total).sum();
            (tenant.config.name.as_str().into(), answered)
        });
        (some.collect(), all.len())
    }

    /// The totals, with latencies by these bounds in milliseconds: bounds that the edge counts by.
    pub fn totals(&self, bounds_ms: &[u64]) -> Totals {
        let edge = &self.0;
        let cumulated = edge.latency.cumulated();
        let within = |bound_ms: &u64| {
            let place = LATENCY_MICROS
                .iter()
                .rposition(|micros| *micros <= bound_ms * 1_000);
            place.and_then(|place| cumulated.get(place)).copied()
        };
        let all = cumulated.last().copied().unwrap_or(0);
        let took = bounds_ms.iter().map(|bound| within(bound).unwrap_or(0));
        Totals {
            failed: edge.failed.total(),
            refused: edge
                .refusals
                .totals()
                .map(|(reason, total)| (reason.as_str(), total))
                .collect(),
            requests: edge.statuses.totals().map(|(_, total)| total).sum(),
            took: took.chain([all]).collect(),
        }
    }
}
