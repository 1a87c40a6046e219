//! What is rehearsed: who is there, what goes wrong when, and what is expected of it. TOML.

use std::collections::{BTreeMap, BTreeSet};

use base::Name;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

mod version;

pub(crate) use version::own;

use crate::runbook;

/// The most edges, on both sides together.
const EDGES_MAX: u32 = 24;
const STEPS_MAX: usize = 50;
const REQUESTS_MAX: u32 = 200;
const SECONDS_MAX: u64 = 900;

/// Figures that a run gives, beside those that its steps measure.
pub(crate) const FIGURES: &[(&str, &str)] = &[
    ("failed", "requests that failed"),
    (
        "failed_elsewhere",
        "requests that failed at other edges than the one that was hurt most",
    ),
    ("edges_hurt", "edges at which requests failed"),
    (
        "failed_without",
        "requests that failed without stages and cells",
    ),
    (
        "ratio",
        "requests that failed without stages and cells, for each that failed with them",
    ),
    (
        "degraded",
        "requests that another answered than the one who should have, and said so",
    ),
    (
        "failovers",
        "how often another began to answer, at the edge where it did most often",
    ),
    (
        "detect_ms",
        "from the first failed request until a trigger fired",
    ),
    ("mitigate_ms", "from the first failed request to the last"),
    (
        "recover_ms",
        "from when control was lost until every edge followed it again",
    ),
    (
        "resolve_ms",
        "from the first failed request until the incident was resolved",
    ),
];

/// What a scenario needs of the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Bugs that can be met on purpose.
    Faults,
    /// The release before, which control and edges begin with.
    Previous,
}

/// A rehearsed failure.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is called.
    pub name: Name,
    /// In a line.
    pub title: String,
    /// What happened in reality.
    pub story: String,
    /// What is believed to happen here.
    pub hypothesis: String,
    /// What it needs of the build.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// Compartments.
    pub(crate) cell: Vec<Cell>,
    /// Whose traffic it is. Each has a service of its own behind the edges.
    pub(crate) tenant: Vec<Tenant>,
    /// What is asked.
    pub(crate) load: Load,
    /// Whether the same fault is met beside it, by as many edges that are one compartment without stages:
    /// all at once, and nobody takes it back.
    #[serde(default)]
    pub(crate) without: bool,
    /// What people do then: a page of the documentation, all of whose blocks are run.
    #[serde(default)]
    pub runbook: Option<Name>,
    /// What is done, one after the other.
    pub(crate) step: Vec<Step>,
    /// When it is given up.
    pub(crate) limit: Limit,
    /// What is expected.
    pub(crate) expect: Vec<Expect>,
    /// What happened in reality, and when.
    #[serde(default)]
    pub reality: Vec<Moment>,
}

/// A compartment.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cell {
    pub(crate) name: Name,
    /// `internal`, `canary` or `serving`.
    pub(crate) ring: Name,
    pub(crate) edges: u32,
}

/// Whose traffic it is.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tenant {
    pub(crate) name: Name,
    /// The only cell that serves it.
    pub(crate) cell: Option<Name>,
    /// Its routes, as in edge.toml; none: one, to its service.
    #[serde(default)]
    pub(crate) route: Vec<Table>,
    /// What is to be known of its service, as in edge.toml's upstream.
    #[serde(default)]
    pub(crate) upstream: Table,
    /// Edges show a certificate for its host, at a second address.
    #[serde(default)]
    pub(crate) certificate: bool,
    /// Files that its routes name.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
}

/// What is asked.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Load {
    /// Of each edge, spread over its tenants.
    pub(crate) requests_per_s: u32,
    /// So long nothing may fail before anything goes wrong.
    pub(crate) steady_s: u64,
    /// So long it goes on behind the last step.
    pub(crate) after_s: u64,
}

/// When it is given up, and everything is taken away.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limit {
    /// More failed requests than these.
    pub(crate) failed_max: u64,
    /// It takes longer.
    pub(crate) seconds_max: u64,
}

/// One thing that is done, with what a person would say of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Step {
    /// Brings out a version with these routes: of a tenant's own, or of the fleet's.
    Deploy {
        say: String,
        #[serde(default)]
        tenant: Option<Name>,
        /// As in edge.toml. The service behind the tenant is called `origin`.
        route: Vec<Table>,
        /// What `-m` says.
        why: String,
        /// It is refused, and this is in what is said.
        #[serde(default)]
        refused: Option<String>,
    },
    /// Runs `hereby ARGS`.
    Hereby {
        say: String,
        args: Vec<String>,
        /// It is refused, and this is in what is said.
        #[serde(default)]
        refused: Option<String>,
        /// How long it takes is this figure, in milliseconds.
        #[serde(default)]
        measures: Option<Name>,
    },
    /// Ends a process as a lost power supply would: `control`, or an edge.
    Kill { say: String, process: Name },
    /// Starts it again.
    Start { say: String, process: Name },
    /// Has control, or an edge, go on as the present release.
    Upgrade { say: String, process: Name },
    /// Ends control as a fire would: its disk is gone, too.
    Lose { say: String },
    /// Does that step of the runbook.
    Runbook {
        say: String,
        /// Its heading.
        step: String,
    },
    /// Has the service behind a tenant answer otherwise.
    Origin {
        say: String,
        tenant: Name,
        answers: Answers,
    },
    /// Waits until something is so.
    Until {
        say: String,
        is: Condition,
        within_s: u64,
        /// How long after the last process was lost it is so is this figure, in milliseconds.
        #[serde(default)]
        measures: Option<Name>,
    },
    /// Waits.
    Wait { say: String, seconds: u64 },
}

impl Step {
    /// What a person would say of it.
    pub(crate) fn say(&self) -> &str {
        match self {
            Step::Deploy { say, .. }
            | Step::Hereby { say, .. }
            | Step::Kill { say, .. }
            | Step::Start { say, .. }
            | Step::Upgrade { say, .. }
            | Step::Lose { say }
            | Step::Runbook { say, .. }
            | Step::Origin { say, .. }
            | Step::Until { say, .. }
            | Step::Wait { say, .. } => say,
        }
    }
}

/// How a service answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answers {
    Well,
    Badly,
    Gone,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Condition {
    /// The newest deployment was sent back.
    RolledBack,
    /// All run it, and it was watched.
    Completed,
    /// It is at its last stage.
    Out,
    /// Every edge does what it is told.
    Follow,
    /// No request failed for two seconds.
    Well,
    /// Some request failed in the last second.
    Hurt,
    /// Some request was answered by another than the one who should have, and was told so.
    Degraded,
    /// Nobody was answered so for two seconds.
    Normal,
    /// Every edge shows the new certificates.
    Reissued,
    /// Some edge speaks no protocol that its cell takes.
    BelowFloor,
}

/// What is expected of a figure. One that was not measured is not met.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    pub(crate) figure: Name,
    #[serde(default)]
    pub(crate) least: Option<u64>,
    #[serde(default)]
    pub(crate) most: Option<u64>,
}

/// What happened in reality.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    /// When, as people wrote it.
    pub at: String,
    /// What.
    pub what: String,
}

/// Why a text is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum Bad {
    /// It is not of this form.
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    /// It contradicts itself.
    #[error("{0}")]
    Sense(String),
}

const BUILT_IN: &[&str] = &[
    include_str!("../scenarios/fastly-2021.toml"),
    include_str!("../scenarios/workers-rollback-2023.toml"),
    include_str!("../scenarios/revert-of-revert.toml"),
    include_str!("../scenarios/control-down.toml"),
    include_str!("../scenarios/govuk-2021.toml"),
    include_str!("../scenarios/catastrophe.toml"),
    include_str!("../scenarios/mixed-version.toml"),
];

/// The scenarios that come with hereby.
///
/// # Errors
/// Never: a test reads each of them.
pub fn all() -> Result<Vec<Scenario>, Bad> {
    BUILT_IN.iter().map(|text| Scenario::parse(text)).collect()
}

/// The one with that name.
///
/// # Errors
/// Never: a test reads each of them.
pub fn find(name: &str) -> Result<Option<Scenario>, Bad> {
    Ok(all()?.into_iter().find(|one| one.name.as_str() == name))
}

fn sense<T>(what: String) -> Result<T, Bad> {
    Err(Bad::Sense(what))
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// When it is none, with its line; or when it contradicts itself.
    pub fn parse(text: &str) -> Result<Scenario, Bad> {
        let scenario: Scenario = toml::from_str(text)?;
        scenario.make_sense()?;
        Ok(scenario)
    }

    fn make_sense(&self) -> Result<(), Bad> {
        let cells: BTreeSet<&Name> = self.cell.iter().map(|cell| &cell.name).collect();
        let tenants: BTreeSet<&Name> = self.tenant.iter().map(|one| &one.name).collect();
        if cells.len() != self.cell.len() || tenants.len() != self.tenant.len() {
            return sense("two cells, or two tenants, have one name".to_owned());
        }
        if cells.is_empty() || tenants.is_empty() {
            return sense("there is no cell, or no tenant".to_owned());
        }
        for cell in &self.cell {
            if !["internal", "canary", "serving"].contains(&cell.ring.as_str()) {
                return sense(format!("{}: there is no ring {}", cell.name, cell.ring));
            }
        }
        for tenant in &self.tenant {
            if tenant.certificate && self.without {
                return sense("certificates are shown by enrolled edges alone".to_owned());
            }
            let path = |path: &String| {
                let part = |part: &str| !part.is_empty() && !part.starts_with('.');
                path.split('/').all(part)
            };
            if let Some(wrong) = tenant.files.keys().find(|name| !path(name)) {
                return sense(format!("{}: {wrong:?} is no file of it", tenant.name));
            }
            if let Some(cell) = tenant.cell.as_ref().filter(|cell| !cells.contains(cell)) {
                return sense(format!("{}: there is no cell {cell}", tenant.name));
            }
        }
        let edges = self.edges().count() * if self.without { 2 } else { 1 };
        let bounds = [
            ("edges", edges as u64, 1, u64::from(EDGES_MAX)),
            ("steps", self.step.len() as u64, 1, STEPS_MAX as u64),
            (
                "load.requests_per_s",
                u64::from(self.load.requests_per_s),
                1,
                u64::from(REQUESTS_MAX),
            ),
            ("load.steady_s", self.load.steady_s, 1, SECONDS_MAX),
            ("load.after_s", self.load.after_s, 0, SECONDS_MAX),
            ("limit.seconds_max", self.limit.seconds_max, 1, SECONDS_MAX),
        ];
        for (what, is, least, most) in bounds {
            if !(least..=most).contains(&is) {
                return sense(format!("{what} is {is}; it is from {least} to {most}"));
            }
        }
        for step in &self.step {
            self.step_makes_sense(step, &tenants)?;
        }
        self.does_the_runbook()?;
        self.expects_what_is_measured()
    }

    /// Every block of its runbook is run, in the page's order.
    fn does_the_runbook(&self) -> Result<(), Bad> {
        let done = self.step.iter().filter_map(|step| match step {
            Step::Runbook { step, .. } => Some(step.as_str()),
            _ => None,
        });
        let done: Vec<&str> = done.collect();
        let wanted = match &self.runbook {
            None => Vec::new(),
            Some(name) => runbook::steps(name.as_str())
                .ok_or_else(|| Bad::Sense(format!("there is no runbook {name}")))?,
        };
        let wanted = wanted.iter().filter(|step| !step.shell.is_empty());
        let wanted: Vec<&str> = wanted.map(|step| step.heading).collect();
        match done == wanted {
            true => Ok(()),
            false => sense(format!(
                "of its runbook it does {done:?}, and not {wanted:?}"
            )),
        }
    }

    fn step_makes_sense(&self, step: &Step, tenants: &BTreeSet<&Name>) -> Result<(), Bad> {
        let known = |process: &Name| {
            process.as_str() == "control" || self.edges().any(|(edge, _)| edge == *process)
        };
        match step {
            Step::Deploy { tenant, route, .. } => {
                let named = route.iter().map(|route| {
                    let own = route.get("tenant").and_then(Value::as_str);
                    own.and_then(|own| own.parse::<Name>().ok())
                });
                let mut whose = named.map(|named| named.or_else(|| tenant.clone()));
                let of_nobody = whose.any(|whose| !whose.is_some_and(|it| tenants.contains(&it)));
                match of_nobody || route.is_empty() {
                    true => sense(format!("{:?}: its routes are of no tenant", step.say())),
                    false => Ok(()),
                }
            }
            Step::Kill { process, .. }
            | Step::Start { process, .. }
            | Step::Upgrade { process, .. }
                if !known(process) =>
            {
                sense(format!("{:?}: there is no {process}", step.say()))
            }
            Step::Origin { tenant, .. } if !tenants.contains(tenant) => {
                sense(format!("{:?}: there is no tenant {tenant}", step.say()))
            }
            Step::Upgrade { .. } if !self.is_mixed() => {
                sense(format!("{:?}: it needs the release before", step.say()))
            }
            Step::Until {
                is: Condition::Reissued,
                ..
            } if self.tenant.iter().all(|tenant| !tenant.certificate) => {
                sense(format!("{:?}: no tenant has a certificate", step.say()))
            }
            Step::Until { within_s: s, .. } | Step::Wait { seconds: s, .. } if *s > SECONDS_MAX => {
                sense(format!("{:?}: at most {SECONDS_MAX} s", step.say()))
            }
            _ => Ok(()),
        }
    }

    fn expects_what_is_measured(&self) -> Result<(), Bad> {
        let measured = |name: &Name| {
            let by_step = self.step.iter().any(|step| match step {
                Step::Hereby { measures, .. } | Step::Until { measures, .. } => {
                    measures.as_ref() == Some(name)
                }
                _ => false,
            });
            by_step || FIGURES.iter().any(|(known, _)| *known == name.as_str())
        };
        for expect in &self.expect {
            if !measured(&expect.figure) {
                return sense(format!("nothing measures {}", expect.figure));
            }
            if expect.least.is_none() && expect.most.is_none() {
                return sense(format!("{}: expected are `least` or `most`", expect.figure));
            }
        }
        match self.expect.is_empty() {
            true => sense("it expects nothing".to_owned()),
            false => Ok(()),
        }
    }

    /// What is done, in the words of a person.
    pub fn told(&self) -> impl Iterator<Item = &str> {
        self.step.iter().map(Step::say)
    }

    /// What is expected, in words.
    pub fn expected(&self) -> impl Iterator<Item = String> {
        self.expect.iter().map(|one| {
            let bounds = [("at least", one.least), ("at most", one.most)];
            let bounds = bounds
                .into_iter()
                .filter_map(|(word, bound)| Some(format!("{word} {}", bound?)));
            let bounds: Vec<String> = bounds.collect();
            format!("{}: {}", about(one.figure.as_str()), bounds.join(", "))
        })
    }

    /// Whether it begins with the release before.
    pub(crate) fn is_mixed(&self) -> bool {
        self.needs.contains(&Need::Previous)
    }

    /// Whether the same fault is met without stages and cells beside it.
    pub fn is_compared(&self) -> bool {
        self.without
    }

    /// Each edge by its name, with its cell.
    pub(crate) fn edges(&self) -> impl Iterator<Item = (Name, &Cell)> {
        self.cell.iter().flat_map(|cell| {
            (1..=cell.edges.min(EDGES_MAX + 1)).filter_map(move |number| {
                let name = format!("{}-{}", cell.name, char::from(b'a' + number as u8 - 1));
                Some((name.parse().ok()?, cell))
            })
        })
    }

    /// Tenants that a cell serves.
    pub(crate) fn tenants_of(&self, cell: &Name) -> Vec<Name> {
        let own = self.tenant.iter();
        own.filter(|one| one.cell.as_ref().is_none_or(|of| of == cell))
            .map(|one| one.name.clone())
            .collect()
    }
}

/// What a figure is, in words.
pub(crate) fn about(figure: &str) -> String {
    let known = FIGURES.iter().find(|(name, _)| *name == figure);
    known.map_or_else(
        || figure.replace('_', " "),
        |(_, about)| (*about).to_owned(),
    )
}

#[cfg(test)]
mod tests;
