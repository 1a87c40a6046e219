//! What edges report, and what follows from it while a version goes out: the controller. It proposes; what
//! may happen is decided like any other command ([`crate::decide`]).
//!
//! Reports are signals: the newest of each edge is kept, and what it adds to the one before. A report that
//! is missing is unknown: an edge that is not heard of is neither healthy nor harmed, and no stage ends
//! without one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use base::{Line, Name, Tenant, Timestamp};
use policy::Reason;
use record::command::{AdvanceDeployment, CompleteDeployment, FireTrigger, Verb};
use record::fleet::{self, Report, Runs, TOOK_MS};

use crate::decide::has_held;
use crate::drawn;
use crate::sequential::{Comparison, Counts, INTERVAL_MS, Verdict, Worse};
use crate::state::{Deployment, Order, State, name_of};
use crate::template::{Measure, Trigger};
use crate::traffic::{LastHour, Traffic};

/// Who was not heard of for so long is not there, as far as is known.
pub const FRESH_MS: i64 = 5_000;
/// Bounds that hold whatever others do look at so long.
const RECENT_MS: i64 = 10_000;
/// So many intervals of all edges tell what is usual when a version begins to go out.
const HISTORY: usize = 60;

/// The newest of what is known of each edge.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    seen: BTreeMap<Name, Seen>,
    /// What all edges did, interval by interval, while nothing went out.
    history: VecDeque<Delta>,
    interval: Delta,
    interval_at: Option<Timestamp>,
    trials: BTreeMap<u32, Trial>,
    /// What tenants had in the last hour.
    traffic: Traffic,
}

/// So many releases are named at most.
const PROGRAMS_SHOWN: usize = 4;

/// One edge, as it was heard of last.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When its report came, by our time.
    pub at: Timestamp,
    /// What it said.
    pub report: Report,
    /// What it did since it was last asked for.
    fresh: Delta,
}

/// What happened between two reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Delta {
    requests: u64,
    failed: u64,
    refused: BTreeMap<Name, u64>,
    took: Vec<u64>,
}

/// A deployment that is being watched.
#[derive(Clone, Debug)]
struct Trial {
    stage: u32,
    /// Requests of changed edges in this stage.
    requests: u64,
    /// How long all that were told were heard of and ran it, in milliseconds.
    followed_ms: u64,
    /// Since when they do, but for what is in `followed_ms`.
    follows_at: Option<Timestamp>,
    comparisons: Vec<(Trigger, Comparison)>,
    changed: Delta,
    unchanged: Delta,
    interval_at: Timestamp,
    /// What changed edges did, look by look.
    recent: VecDeque<(Timestamp, Delta)>,
}

/// What is to be asked for, once: with the same id whenever it is proposed.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// What it amounts to, as a part of a command's id.
    pub id: String,
    /// What is asked.
    pub verb: Verb,
    /// Why.
    pub why: Option<String>,
}

impl Delta {
    fn between(before: &fleet::Counts, now: &fleet::Counts) -> Delta {
        let bound = |place: usize| {
            let of = |counts: &fleet::Counts| counts.took.get(place).copied().unwrap_or(0);
            of(now).saturating_sub(of(before))
        };
        let reasons = now.refused.iter();
        Delta {
            requests: now.requests.saturating_sub(before.requests),
            failed: now.failed.saturating_sub(before.failed),
            // Of names that nobody knows there could be any number.
            refused: reasons
                .filter(|(reason, _)| {
                    Reason::ALL
                        .iter()
                        .any(|known| known.as_str() == reason.as_str())
                })
                .map(|(reason, total)| {
                    let had = before.refused.get(reason).copied().unwrap_or(0);
                    (reason.clone(), total.saturating_sub(had))
                })
                .filter(|(_, more)| *more > 0)
                .collect(),
            took: (0..=TOOK_MS.len()).map(bound).collect(),
        }
    }

    fn add(&mut self, other: &Delta) {
        self.requests = self.requests.saturating_add(other.requests);
        self.failed = self.failed.saturating_add(other.failed);
        for (reason, more) in &other.refused {
            let total = self.refused.entry(reason.clone()).or_default();
            *total = total.saturating_add(*more);
        }
        self.took.resize(TOOK_MS.len() + 1, 0);
        for (total, more) in self.took.iter_mut().zip(&other.took) {
            *total = total.saturating_add(*more);
        }
    }

    /// How many were bad, by that measure.
    fn counts(&self, measure: Measure) -> Counts {
        match measure {
            Measure::Errors => Counts {
                bad: self.failed,
                all: self.requests,
            },
            Measure::Slower(bound_ms) => {
                let all = self.took.last().copied().unwrap_or(0);
                // The bound that is not above the one that was asked for: what is slower is not missed.
                let place = TOOK_MS.iter().rposition(|ms| *ms <= bound_ms);
                let within = place.and_then(|place| self.took.get(place)).copied();
                Counts {
                    bad: all.saturating_sub(within.unwrap_or(0)),
                    all,
                }
            }
            Measure::Refused(reason) => {
                // What somebody switched off is no version's fault.
                let named = |name: &Name| match reason {
                    None => name.as_str() != Reason::SwitchedOff.as_str(),
                    Some(reason) => reason.as_str() == name.as_str(),
                };
                let refused = self.refused.iter().filter(|(name, _)| named(name));
                Counts {
                    bad: refused.map(|(_, count)| count).sum(),
                    all: self.requests,
                }
            }
        }
    }
}

/// What triggers see as refused, for any reason.
#[cfg(test)]
pub(crate) fn refused_of(counts: &fleet::Counts) -> Counts {
    Delta::between(&fleet::Counts::default(), counts).counts(Measure::Refused(None))
}

impl Watch {
    /// Takes in what an edge says. A report that is not newer than the one before is passed over. The edge's
    /// time of the newest that was heard.
    pub fn hear(&mut self, report: Report, now: Timestamp) -> u64 {
        let at_ms = report.at_ms;
        self.traffic
            .hear(&report.edge, report.process, &report.tenants, now);
        let Some(before) = self.seen.get_mut(&report.edge) else {
            let seen = Seen {
                at: now,
                fresh: Delta::default(),
                report,
            };
            self.seen.insert(seen.report.edge.clone(), seen);
            return at_ms;
        };
        if at_ms <= before.report.at_ms {
            return before.report.at_ms;
        }
        // What happened around a swap or a restart is nobody's.
        let same = |one: &Report| {
            let fleet = one.runs.as_ref().map(|runs| runs.sequence);
            (one.process, one.follows, fleet)
        };
        if same(&before.report) == same(&report) {
            let more = Delta::between(&before.report.counts, &report.counts);
            before.fresh.add(&more);
        } else {
            before.fresh = Delta::default();
        }
        before.at = now;
        before.report = report;
        at_ms
    }

    /// What tenants had in the last hour, as far as it is known.
    pub fn last_hour(&self, now: Timestamp) -> LastHour {
        self.traffic.last_hour(now)
    }

    /// What was heard of an edge last.
    pub fn seen(&self, edge: &Name) -> Option<&Seen> {
        self.seen.get(edge)
    }

    /// How many requests the changed edges of the deployment in progress answered in its stage, as far as
    /// is known.
    pub fn requests_in_stage(&self, number: u32) -> Option<u64> {
        self.trials.get(&number).map(|trial| trial.requests)
    }

    /// What is to be asked for now. Called every second or more often.
    pub fn look(&mut self, state: &State, now: Timestamp) -> Vec<Proposal> {
        self.seen.retain(|edge, _| state.edges.contains_key(edge));
        self.traffic
            .keep(|edge| state.edges.contains_key(edge), now);
        self.trials.retain(|number, _| {
            let deployment = state.deployments.get(number);
            deployment.is_some_and(|it| it.ended.is_none())
        });
        let fresh: BTreeMap<Name, Delta> = self
            .seen
            .iter_mut()
            .map(|(name, seen)| (name.clone(), std::mem::take(&mut seen.fresh)))
            .collect();
        let mut proposals = Vec::new();
        for (number, deployment) in state.in_progress() {
            self.begin(number, deployment, now);
            let (changed, unchanged) = self.taken(state, deployment, &fresh);
            let Some(trial) = self.trials.get_mut(&number) else {
                continue;
            };
            trial.take(changed, unchanged, now);
            if let Some(fired) = trial.fired(now) {
                let programs = self.programs(state, deployment);
                proposals.push(fired.proposed(name_of(number), &programs));
                continue;
            }
            self.follow(state, number, deployment, now);
            proposals.extend(self.on(state, number, deployment, now));
        }
        self.rest(state, &fresh, now);
        proposals
    }

    /// The releases of hereby that edges run which run this version: when it fails, the fault may as well be
    /// theirs.
    fn programs(&self, state: &State, deployment: &Deployment) -> BTreeSet<&str> {
        let told = state.edges.iter();
        let told = told.filter(|(name, edge)| deployment.reaches(&edge.cell, name));
        told.filter_map(|(name, _)| Some(self.seen.get(name)?.report.program.as_str()))
            .take(PROGRAMS_SHOWN)
            .collect()
    }

    /// Counts how long it was seen that all who were told run it.
    fn follow(&mut self, state: &State, number: u32, deployment: &Deployment, now: Timestamp) {
        let follow = deployment.paused.is_none() && self.all_follow(state, deployment, now);
        if let Some(trial) = self.trials.get_mut(&number) {
            if let Some(since) = trial.follows_at.take().filter(|_| follow) {
                let more = u64::try_from(now.ms_since(since)).unwrap_or(0);
                trial.followed_ms = trial.followed_ms.saturating_add(more);
            }
            trial.follows_at = follow.then_some(now);
        }
    }

    /// Where nothing goes out, what all edges do that do what they are told is what is usual.
    fn rest(&mut self, state: &State, fresh: &BTreeMap<Name, Delta>, now: Timestamp) {
        let under_way: Vec<&Deployment> = state.in_progress().map(|(_, it)| it).collect();
        if under_way.iter().any(|it| it.cell.is_none()) {
            return;
        }
        for (name, fresh) in fresh {
            let cell = state.edges.get(name).map(|edge| &edge.cell);
            let looked_at = under_way.iter().any(|it| it.cell.as_ref() == cell);
            let told = state.newest_for(name);
            let seen = self.seen.get(name);
            if !looked_at && seen.is_some_and(|seen| seen.report.follows == told) {
                self.interval.add(fresh);
            }
        }
        let begun = *self.interval_at.get_or_insert(now);
        if is_over(begun, now) {
            self.interval_at = Some(now);
            self.history.push_back(std::mem::take(&mut self.interval));
            while self.history.len() > HISTORY {
                self.history.pop_front();
            }
        }
    }

    /// Begins to watch a deployment, or its next stage.
    fn begin(&mut self, number: u32, deployment: &Deployment, now: Timestamp) {
        match self.trials.get_mut(&number) {
            Some(trial) => {
                if trial.stage != deployment.stage {
                    (trial.stage, trial.requests) = (deployment.stage, 0);
                    (trial.followed_ms, trial.follows_at) = (0, None);
                }
            }
            None => {
                let mut before = Delta::default();
                self.history.iter().for_each(|one| before.add(one));
                before.add(&self.interval);
                // A trigger of a later release can't be looked at here; the others can.
                let triggers = deployment.plan.triggers.iter();
                let triggers = triggers.filter_map(|drawn| drawn::trigger(drawn).ok());
                let comparisons = triggers.map(|trigger| {
                    let usual = before.counts(trigger.measure);
                    (trigger, Comparison::with(usual))
                });
                let trial = Trial {
                    stage: deployment.stage,
                    requests: 0,
                    followed_ms: 0,
                    follows_at: None,
                    comparisons: comparisons.collect(),
                    changed: Delta::default(),
                    unchanged: Delta::default(),
                    interval_at: now,
                    recent: VecDeque::new(),
                };
                self.trials.insert(number, trial);
                if deployment.cell.is_none() {
                    self.interval = Delta::default();
                    self.interval_at = None;
                }
            }
        }
    }

    /// What changed and unchanged edges did since the last look. Who was told and has not followed yet is
    /// neither. Of a version that goes to one cell the others there are the unchanged ones.
    fn taken(
        &self,
        state: &State,
        deployment: &Deployment,
        fresh: &BTreeMap<Name, Delta>,
    ) -> (Delta, Delta) {
        let (mut changed, mut unchanged) = (Delta::default(), Delta::default());
        let track = state.track(deployment.tenant.as_ref());
        for (name, fresh) in fresh {
            let (Some(edge), Some(seen)) = (state.edges.get(name), self.seen.get(name)) else {
                continue;
            };
            if !deployment.meets(Some(&edge.cell)) {
                continue;
            }
            let order = track.and_then(|track| track.order_of(&edge.cell, name));
            let tenant = deployment.tenant.as_ref();
            if !order.is_none_or(|order| seen.follows(tenant, order)) {
                continue;
            }
            match deployment.reaches(&edge.cell, name) {
                true => changed.add(fresh),
                false => unchanged.add(fresh),
            }
        }
        (changed, unchanged)
    }

    /// The next stage, or the end, if it is time.
    fn on(
        &self,
        state: &State,
        number: u32,
        deployment: &Deployment,
        now: Timestamp,
    ) -> Option<Proposal> {
        let trial = self.trials.get(&number)?;
        trial.follows_at?;
        let name = name_of(number);
        if deployment.is_out() {
            return (trial.followed_ms >= deployment.plan.watch_ms).then(|| Proposal {
                id: format!("complete:{name}"),
                verb: CompleteDeployment { deployment: name }.into(),
                why: None,
            });
        }
        let stage = usize::try_from(deployment.stage).ok();
        let stage = stage.and_then(|stage| deployment.plan.stages.get(stage))?;
        let goes = state.frozen.is_none()
            && self.went_back(state, deployment, now).next().is_none()
            && trial.followed_ms >= stage.time_ms_min
            && has_held(deployment, trial.requests, now);
        goes.then(|| Proposal {
            id: format!("advance:{name}:{}", deployment.stage + 1),
            verb: AdvanceDeployment {
                deployment: name,
                requests: Some(trial.requests),
                stage: deployment.stage + 1,
            }
            .into(),
            why: None,
        })
    }

    /// Edges that went back by a break-glass note after this deployment was begun: somebody went back where
    /// control could not help, and people say how it goes on. What they deploy then is not held by it.
    pub fn went_back<'a>(
        &'a self,
        state: &'a State,
        deployment: &'a Deployment,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Name> {
        self.seen.iter().filter_map(move |(name, seen)| {
            let went = seen.report.break_glass.as_ref()?;
            let used = state.edges.get(name)?.break_glass?;
            // What it claims counts when it stands on the record.
            let holds = went.holds && used.counter == went.counter && seen.is_fresh(now);
            (holds && deployment.said.at < used.at).then_some(name)
        })
    }

    /// Whether every edge that was told is heard of, and runs it.
    fn all_follow(&self, state: &State, deployment: &Deployment, now: Timestamp) -> bool {
        let track = state.track(deployment.tenant.as_ref());
        let told = state.edges.iter();
        let told = told.filter(|(name, edge)| deployment.reaches(&edge.cell, name));
        let mut runs = told.map(|(name, edge)| {
            let order = track.and_then(|track| track.order_of(&edge.cell, name));
            let seen = self.seen.get(name).filter(|seen| seen.is_fresh(now));
            order
                .zip(seen)
                .is_some_and(|(order, seen)| seen.follows(deployment.tenant.as_ref(), order))
        });
        // Of nobody nothing is known.
        let first = runs.next().unwrap_or(false);
        first && runs.all(|runs| runs)
    }
}

impl Seen {
    /// Whether it was heard of lately. Where our own clock went back nobody knows.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        (0..FRESH_MS).contains(&now.ms_since(self.at))
    }

    /// Whether it runs by a break-glass note, and not by the newest act that it knows.
    pub fn broke_glass(&self) -> bool {
        let went = self.report.break_glass.as_ref();
        went.is_some_and(|went| went.holds)
    }

    /// Whether it does what that act tells it, of the fleet's version or of a tenant's own.
    pub fn follows(&self, tenant: Option<&Tenant>, order: &Order) -> bool {
        let (report, index) = (&self.report, order.index);
        let Some(_) = tenant else {
            let does = |runs: &Runs| {
                runs.sequence > index
                    || (runs.sequence == index && Some(runs.digest) == order.digest)
            };
            return !self.broke_glass() && report.runs.as_ref().is_some_and(does);
        };
        let knows = report.follows.is_some_and(|follows| follows >= index);
        // Which the others are that it refuses is not known.
        let some = report.refused_more > 0;
        let this = report.refused.iter().any(|one| one.sequence == index);
        knows && !some && !this
    }
}

impl Trial {
    /// Takes in what was done since the last look.
    fn take(&mut self, changed: Delta, unchanged: Delta, now: Timestamp) {
        self.requests = self.requests.saturating_add(changed.requests);
        self.changed.add(&changed);
        self.unchanged.add(&unchanged);
        self.recent.push_back((now, changed));
        self.recent
            .retain(|(at, _)| (0..RECENT_MS).contains(&now.ms_since(*at)));
    }

    /// What speaks against the version, if anything does.
    fn fired(&mut self, now: Timestamp) -> Option<Fired> {
        let mut recent = Delta::default();
        self.recent.iter().for_each(|(_, one)| recent.add(one));
        for (trigger, _) in &self.comparisons {
            let Some(most_ppm) = trigger.most_ppm else {
                continue;
            };
            let counts = recent.counts(trigger.measure);
            let bad_ppm = u128::from(counts.bad) * 1_000_000;
            let is_over = bad_ppm >= u128::from(most_ppm) * u128::from(counts.all);
            if counts.all >= trigger.requests_min.max(1) && counts.bad > 0 && is_over {
                let what = format!(
                    "{} of {} requests of changed edges in {} s; more than {most_ppm} in a million are \
                     too many",
                    counts.bad,
                    counts.all,
                    RECENT_MS / 1_000
                );
                return Some(Fired::new(trigger, (counts, Counts::default()), &what));
            }
        }
        if !is_over(self.interval_at, now) {
            return None;
        }
        self.interval_at = now;
        let changed = std::mem::take(&mut self.changed);
        let unchanged = std::mem::take(&mut self.unchanged);
        let compared = self.comparisons.iter_mut();
        let verdicts =
            compared
                .filter(|(trigger, _)| trigger.compare)
                .map(|(trigger, comparison)| {
                    let measure = trigger.measure;
                    let verdict =
                        comparison.step(changed.counts(measure), unchanged.counts(measure));
                    (&*trigger, verdict)
                });
        // Every comparison takes its interval in, also behind one that fires.
        let worse: Vec<(&Trigger, Worse)> = verdicts
            .filter_map(|(trigger, verdict)| match verdict {
                Verdict::Worse(worse) => Some((trigger, worse)),
                _ => None,
            })
            .collect();
        let (trigger, worse) = worse.first()?;
        let what = format!(
            "{} of {} requests of changed edges, {} of {} of unchanged ones; {} in a million are usual",
            worse.changed.bad,
            worse.changed.all,
            worse.unchanged.bad,
            worse.unchanged.all,
            worse.usual_ppm
        );
        Some(Fired::new(trigger, (worse.changed, worse.unchanged), &what))
    }
}

/// Whether an interval is over that began then; where our clock went back it is.
fn is_over(begun: Timestamp, now: Timestamp) -> bool {
    !(0..INTERVAL_MS as i64).contains(&now.ms_since(begun))
}

/// A trigger that fired, and on which numbers.
struct Fired {
    trigger: Name,
    changed: Counts,
    unchanged: Counts,
    what: Line,
}

impl Fired {
    fn new(trigger: &Trigger, (changed, unchanged): (Counts, Counts), what: &str) -> Fired {
        let name = trigger.name.as_str();
        let what = Line::clean(&format!("{name}: {what}")).map(|(line, _)| line);
        Fired {
            trigger: trigger.name.clone(),
            changed,
            unchanged,
            what: what.unwrap_or_else(|| name.parse().expect("a name is a line")),
        }
    }

    fn proposed(self, deployment: Name, programs: &BTreeSet<&str>) -> Proposal {
        let programs: Vec<String> = programs.iter().map(|it| format!("hereby {it}")).collect();
        let suspects = format!(
            "{}. Suspects: this version; {}, which runs it",
            self.what,
            programs.join(", ")
        );
        let what = Line::clean(&suspects).map(|(line, _)| line);
        let what = what.filter(|_| !programs.is_empty()).unwrap_or(self.what);
        Proposal {
            id: format!("fire:{deployment}"),
            why: Some(what.to_string()),
            verb: FireTrigger {
                bad: self.changed.bad,
                deployment,
                requests: self.changed.all,
                trigger: self.trigger,
                unchanged_bad: self.unchanged.bad,
                unchanged_requests: self.unchanged.all,
                what,
            }
            .into(),
        }
    }
}
