//! How things were when an incident was declared: what the affected service needs, as far as
//! anybody knows, and how sure the clock was. What was not measured is not said.

use base::ServiceName;
use record::kinds::directory::{Dependency, DependencyKind};
use record::kinds::incident::{ClockSeen, DependencySeen, Surroundings};

use crate::State;

/// What is known now around a service; `None` if nothing is.
pub(crate) fn seen(
    state: &State,
    service: Option<&ServiceName>,
    clock: Option<ClockSeen>,
) -> Option<Surroundings> {
    let known = service.and_then(|service| state.directory.services.get(service));
    let dependencies: Vec<DependencySeen> = known
        .into_iter()
        .flat_map(|service| &service.dependencies)
        .map(|dependency| dependency_seen(state, dependency))
        .collect();
    let nothing = dependencies.is_empty() && clock.is_none();
    (!nothing).then_some(Surroundings {
        clock,
        dependencies,
    })
}

/// A dependency, with the alerts that fire for what it is called (as `service` or `dependency`), and
/// the oldest open incident of it where it is a service.
fn dependency_seen(state: &State, dependency: &Dependency) -> DependencySeen {
    let name = dependency.name.as_str();
    let fires = |label: &str, labels: &std::collections::BTreeMap<Box<str>, Box<str>>| {
        labels.get(label).is_some_and(|value| &**value == name)
    };
    let alerts = state.alerts.values().filter(|alert| {
        alert.is_firing() && (fires("service", &alert.labels) || fires("dependency", &alert.labels))
    });
    let incident = state.open_incidents().find(|incident| {
        let of = incident.summary.service.as_ref();
        dependency.kind == DependencyKind::Service && of.is_some_and(|of| of.as_str() == name)
    });
    DependencySeen {
        alerts: u32::try_from(alerts.count()).unwrap_or(u32::MAX),
        dependency: dependency.clone(),
        incident: incident.map(|incident| incident.summary.id),
    }
}
