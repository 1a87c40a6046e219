//! Rehearsed failures: a scenario says what is there, what goes wrong and what is expected; the runner has
//! real processes do it under real load, and gives a scorecard.
//!
//! Nothing here has a way of its own into hereby: everything is done by its command line, as a person would.

mod certificates;
mod end;
mod load;
mod origin;
mod play;
mod process;
mod report;
mod run;
mod runbook;
mod scenario;
mod score;
mod world;

pub use process::{ENDS_WITH_PARENT, end_with_parent};
pub use report::html;
pub use run::{Call, CannotRun, Options, Tell, run};
pub use scenario::{Bad, Need, Scenario, all, find};
pub use score::{Deed, Judged, Outcome, Second};
