//! A plan as it stands on the record, and back.

use core::fmt;

use base::Name;
use policy::Reason;
use record::kinds::rollout::{Measure as Word, PlanDrawn, StageDrawn, TriggerDrawn};

use crate::plan::{Edges, Plan, Stage};
use crate::template::{Measure, Trigger};

impl From<&Plan> for PlanDrawn {
    fn from(plan: &Plan) -> PlanDrawn {
        PlanDrawn {
            stages: plan.stages.iter().map(StageDrawn::from).collect(),
            template: plan.template.clone(),
            triggers: plan.triggers.iter().map(TriggerDrawn::from).collect(),
            watch_ms: plan.watch_ms,
        }
    }
}

impl From<&Stage> for StageDrawn {
    fn from(stage: &Stage) -> StageDrawn {
        StageDrawn {
            cells: stage.cells.clone(),
            one: stage.edges == Edges::One,
            requests_min: stage.requests_min,
            time_ms_min: stage.time_ms_min,
        }
    }
}

impl From<&Trigger> for TriggerDrawn {
    fn from(trigger: &Trigger) -> TriggerDrawn {
        let (measure, slower_than_ms, reason) = match trigger.measure {
            Measure::Errors => (Word::Errors, None, None),
            Measure::Slower(ms) => (Word::Slower, Some(ms), None),
            Measure::Refused(reason) => (Word::Refused, None, reason),
        };
        TriggerDrawn {
            compare: trigger.compare,
            measure,
            most_ppm: trigger.most_ppm,
            name: trigger.name.clone(),
            reason: reason.and_then(|reason| reason.as_str().parse::<Name>().ok()),
            requests_min: trigger.requests_min,
            slower_than_ms,
        }
    }
}

/// A trigger on the record that this build can't look at: it was written by another one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct UnknownTrigger(Name);

impl fmt::Display for UnknownTrigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this build can't look at the trigger \"{}\"", self.0)
    }
}

/// A trigger of the record.
///
/// # Errors
/// When it was written by a build that knows more.
pub fn trigger(drawn: &TriggerDrawn) -> Result<Trigger, UnknownTrigger> {
    let unknown = || UnknownTrigger(drawn.name.clone());
    let named = |word: &Name| {
        let all = Reason::ALL.iter();
        all.copied()
            .find(|reason| reason.as_str() == word.as_str())
            .ok_or_else(unknown)
    };
    let measure = match drawn.measure {
        Word::Errors => Measure::Errors,
        Word::Slower => Measure::Slower(drawn.slower_than_ms.ok_or_else(unknown)?),
        Word::Refused => Measure::Refused(drawn.reason.as_ref().map(named).transpose()?),
    };
    Ok(Trigger {
        name: drawn.name.clone(),
        measure,
        compare: drawn.compare,
        most_ppm: drawn.most_ppm,
        requests_min: drawn.requests_min,
    })
}
