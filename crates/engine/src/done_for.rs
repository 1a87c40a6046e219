//! Which acts were done for an incident without being about it: bans, overrides, versions that were
//! brought out or gone back from. They belong on its timeline and in its export.

use std::collections::BTreeMap;

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
    /// Folds in the act at that index, and says which incident it was done for.
    pub fn apply(&mut self, act: &Act, index: u64) -> Option<IncidentId> {
        let incident = self.incident_of(act);
        if let Some(incident) = incident {
            let acts = self.acts.entry(incident).or_default();
            if acts.len() < ACTS_MAX {
                acts.push(index);
            }
        }
        match (&act.subject, &act.body) {
            (Subject::Deployment(name), Body::VersionDeployed(_)) => {
                if let Some(incident) = incident {
                    self.deployments.insert(name.clone(), incident);
                }
            }
            (
                Subject::Deployment(name),
                Body::DeploymentAborted(_) | Body::DeploymentCompleted(_),
            ) => {
                self.deployments.remove(name);
            }
            (_, Body::VersionRolledBack(back)) => {
                if let Some(name) = &back.deployment {
                    self.deployments.remove(name);
                }
            }
            _ => {}
        }
        incident
    }

    /// Where the acts stand that were done for this incident, in their order.
    pub fn of(&self, incident: IncidentId) -> &[u64] {
        self.acts.get(&incident).map_or(&[], Vec::as_slice)
    }

    fn incident_of(&self, act: &Act) -> Option<IncidentId> {
        let deployment = match (&act.subject, &act.body) {
            (Subject::Deployment(name), _) => Some(name),
            (_, Body::VersionRolledBack(back)) => back.deployment.as_ref(),
            _ => None,
        };
        let named = Containment::done_for(&act.body);
        named.or_else(|| self.deployments.get(deployment?).copied())
    }
}
