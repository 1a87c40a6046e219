//! Which acts were done for an incident without being about it: bans, overrides, versions that were
//! brought out or gone back from. They belong on its timeline and in its export.

use std::collections::{BTreeMap, BTreeSet};

use base::{IncidentId, Name};
use incident::Containment;
use record::act::{Act, Subject};
use record::kinds::Body;
use serde::{Deserialize, Serialize};

/// So many acts are known to be done for one incident; the record has all.
const ACTS_MAX: usize = 10_000;

/// Where such acts stand, of the acts that were folded in so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneFor {
    acts: BTreeMap<IncidentId, Vec<u64>>,
    /// Deployments on their way that were begun for an incident: what becomes of them was done for it.
    deployments: BTreeMap<Name, IncidentId>,
}

impl DoneFor {
    /// Folds in the act at that index, and says which incidents it was done for: the one that it names,
    /// and the one that its deployment was begun for.
    pub fn apply(&mut self, act: &Act, index: u64) -> BTreeSet<IncidentId> {
        let deployment = match (&act.subject, &act.body) {
            (Subject::Deployment(name), _) => Some(name),
            (_, Body::VersionRolledBack(back)) => back.deployment.as_ref(),
            _ => None,
        };
        let begun_for = deployment.and_then(|name| self.deployments.get(name).copied());
        let named = Containment::done_for(&act.body);
        let incidents: BTreeSet<IncidentId> = named.into_iter().chain(begun_for).collect();
        for incident in &incidents {
            let acts = self.acts.entry(*incident).or_default();
            if acts.len() < ACTS_MAX {
                acts.push(index);
            }
        }
        if let Some(name) = deployment {
            match (&act.body, named) {
                (Body::VersionDeployed(_), Some(incident)) => {
                    self.deployments.insert(name.clone(), incident);
                }
                (
                    Body::DeploymentAborted(_)
                    | Body::DeploymentCompleted(_)
                    | Body::VersionRolledBack(_),
                    _,
                ) => {
                    self.deployments.remove(name);
                }
                _ => {}
            }
        }
        incidents
    }

    /// Where the acts stand that were done for this incident, in their order: the first 10,000.
    pub fn of(&self, incident: IncidentId) -> &[u64] {
        self.acts.get(&incident).map_or(&[], Vec::as_slice)
    }

    /// The same, if those are all.
    pub fn all_of(&self, incident: IncidentId) -> Option<&[u64]> {
        Some(self.of(incident)).filter(|acts| acts.len() < ACTS_MAX)
    }
}
