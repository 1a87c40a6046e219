//! Runs a scenario: has it built, done, judged, and taken away again.

use std::io;
use std::path::PathBuf;

use tokio::sync::watch;

use crate::scenario::{Need, Scenario};
use crate::score::{Outcome, Second};
use crate::world::World;

/// How it is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which hereby.
    pub program: PathBuf,
    /// Whether that has bugs that can be met on purpose.
    pub faults: bool,
    /// The release before.
    pub previous: Option<PathBuf>,
}

/// Who follows a run.
pub trait Tell {
    /// What is done now, in a line: while it is built, or `at_ms` after something first went wrong.
    fn said(&mut self, at_ms: Option<i64>, what: &str);
    /// A second is over: what it came to with stages and cells, and without.
    fn second(&mut self, with: Second, without: Option<Second>);
}

/// A `hereby` that did what it was not to, or did not what it was.
#[derive(Debug)]
pub struct Call {
    /// What was called.
    pub line: String,
    /// What it said.
    pub said: String,
}

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum CannotRun {
    /// The build has no such bugs.
    #[error("this build has no bugs to meet on purpose, and the scenario needs one")]
    NoFaults,
    /// Nobody named one.
    #[error("the scenario begins with the release before, and nobody says where that is")]
    NoPrevious,
    /// The system said no.
    #[error("{0}: {1}")]
    System(&'static str, io::Error),
    /// A configuration can't be written.
    #[error("a configuration can't be written: {0}")]
    Config(#[from] toml::ser::Error),
    /// A command went another way than it had to.
    #[error("`hereby {}`: {}", .0.line, .0.said)]
    Call(Call),
    /// A step of the runbook does not work as it stands there.
    #[error("the runbook's step {:?}: {}", .0.line, .0.said)]
    Step(Call),
    /// Something is not there.
    #[error("{0}")]
    Missing(String),
    /// It was stopped from outside.
    #[error("it was stopped")]
    Stopped,
}

pub(crate) fn system(what: &'static str) -> impl FnOnce(io::Error) -> CannotRun {
    move |error| CannotRun::System(what, error)
}
/// Runs a scenario. It ends early when `stop` becomes true, or what it does is more than its limit.
///
/// # Errors
/// When it can't be built, or goes another way than it can be judged by. Everything is taken away then, too.
pub async fn run(
    scenario: &Scenario,
    options: &Options,
    tell: &mut dyn Tell,
    mut stop: watch::Receiver<bool>,
) -> Result<Outcome, CannotRun> {
    if scenario.needs.contains(&Need::Faults) && !options.faults {
        return Err(CannotRun::NoFaults);
    }
    if scenario.needs.contains(&Need::Previous) && options.previous.is_none() {
        return Err(CannotRun::NoPrevious);
    }
    let mut world = tokio::select! {
        world = World::build(scenario, options, tell) => world?,
        _ = stop.wait_for(|stop| *stop) => return Err(CannotRun::Stopped),
    };
    let aborted = tokio::select! {
        done = world.play(tell) => done?,
        _ = stop.wait_for(|stop| *stop) => return Err(CannotRun::Stopped),
    };
    tokio::select! {
        outcome = world.end(aborted, tell) => outcome,
        _ = stop.wait_for(|stop| *stop) => Err(CannotRun::Stopped),
    }
}
