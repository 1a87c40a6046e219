//! How an edge is, for people and pages: what serves, what is degraded and until when, what was
//! refused and why.

use policy::breaker::State;
use policy::config::{Action, Tier};
use policy::health::Condition;
use serde::Serialize;

use crate::clock;
use crate::edge::Edge;
use crate::running::{Route, Running};
use crate::upstream::{Upstream, lock};

/// The newest refusals that are shown with it.
const REFUSED_SHOWN: usize = 20;
/// Tenants that are listed; the busiest.
const TENANTS_SHOWN: usize = 100;

/// One edge.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    pub(crate) version: u32,
    pub(crate) cell: String,
    /// Whether what it runs stands on the record; a file's does not.
    pub(crate) recorded: bool,
    /// The version's SHA-256, if it does.
    pub(crate) runs: Option<String>,
    pub(crate) pid: u32,
    pub(crate) draining: bool,
    pub(crate) uptime_ms: u64,
    pub(crate) listening: Vec<String>,
    pub(crate) connections: u32,
    pub(crate) requests_in_progress: u32,
    pub(crate) websockets: u32,
    pub(crate) connections_accepted_total: u64,
    pub(crate) panics_total: u64,
    pub(crate) shed_per_mille: u32,
    pub(crate) resident_bytes: u64,
    pub(crate) statuses: Vec<(&'static str, u64)>,
    pub(crate) refusals: Vec<(&'static str, u64)>,
    pub(crate) routes: Vec<RouteStatus>,
    pub(crate) upstreams: Vec<UpstreamStatus>,
    pub(crate) tenants: Vec<TenantStatus>,
    pub(crate) refused: Vec<crate::edge::Explanation>,
}

#[derive(Debug, Serialize)]
pub(crate) struct RouteStatus {
    pub(crate) name: String,
    pub(crate) tenant: String,
    pub(crate) tiers: Vec<String>,
    pub(crate) serving: usize,
    pub(crate) posture: &'static str,
    /// What happens next if nothing changes.
    pub(crate) plan: Option<String>,
    pub(crate) statuses: Vec<(&'static str, u64)>,
    pub(crate) retries_total: u64,
    pub(crate) timeouts_total: u64,
    pub(crate) degraded_total: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct UpstreamStatus {
    pub(crate) name: String,
    pub(crate) up: bool,
    pub(crate) breaker: &'static str,
    pub(crate) connections: u32,
    pub(crate) servers: Vec<ServerStatus>,
    pub(crate) failures_total: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct ServerStatus {
    pub(crate) address: String,
    pub(crate) condition: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct TenantStatus {
    pub(crate) name: String,
    pub(crate) requests_in_progress: u32,
    pub(crate) connections: u32,
    pub(crate) statuses: Vec<(&'static str, u64)>,
    pub(crate) refusals: Vec<(&'static str, u64)>,
}

/// Which client certificates were used.
#[derive(Debug, Serialize)]
pub(crate) struct Certificates {
    pub(crate) cell: String,
    pub(crate) entries_max: usize,
    #[serde(flatten)]
    pub(crate) book: crate::ledger::Book,
}

/// Which client certificates were used, the newest use first.
pub(crate) fn certificates(edge: &Edge) -> Certificates {
    Certificates {
        cell: edge.running.load().config.cell.clone(),
        entries_max: crate::ledger::ENTRIES_MAX,
        book: edge.ledger.book(),
    }
}

/// How it is now.
pub(crate) fn status(edge: &Edge) -> Status {
    let running = edge.running.load_full();
    let mut tenants: Vec<TenantStatus> = running.tenants().iter().map(tenant).collect();
    let busy = |tenant: &TenantStatus| tenant.statuses.iter().map(|(_, total)| total).sum::<u64>();
    tenants.sort_by_key(|tenant| std::cmp::Reverse(busy(tenant)));
    tenants.truncate(TENANTS_SHOWN);
    let runs = lock(&edge.runs).clone();
    Status {
        version: 1,
        cell: running.config.cell.clone(),
        recorded: runs.is_some(),
        runs,
        pid: std::process::id(),
        draining: edge.draining.borrow().begun(),
        uptime_ms: clock::uptime_ms(),
        listening: running
            .config
            .listen
            .iter()
            .map(|one| one.address.to_string())
            .collect(),
        connections: edge.connections.taken(),
        requests_in_progress: edge.requests.taken(),
        websockets: edge.tunnels.now(),
        connections_accepted_total: edge.accepted.total(),
        panics_total: edge.panics.total(),
        shed_per_mille: edge.shed.level(),
        resident_bytes: crate::minder::resident_bytes(),
        statuses: edge.statuses.totals().collect(),
        refusals: reasons(&edge.refusals),
        routes: running
            .routes()
            .iter()
            .map(|one| route(one, &running))
            .collect(),
        upstreams: running
            .upstreams()
            .iter()
            .map(|one| upstream(one))
            .collect(),
        tenants,
        refused: edge.refused(REFUSED_SHOWN),
    }
}

fn reasons(refusals: &crate::counts::Refusals) -> Vec<(&'static str, u64)> {
    let mut reasons: Vec<_> = refusals
        .totals()
        .map(|(reason, total)| (reason.as_str(), total))
        .collect();
    reasons.sort_by_key(|(_, total)| std::cmp::Reverse(*total));
    reasons
}

fn tenant(tenant: &std::sync::Arc<crate::running::Tenant>) -> TenantStatus {
    TenantStatus {
        name: tenant.config.name.clone(),
        requests_in_progress: tenant.permits.taken(),
        connections: tenant.connections.taken(),
        statuses: tenant.counts.statuses.totals().collect(),
        refusals: reasons(&tenant.counts.refusals),
    }
}

fn route(route: &Route, running: &Running) -> RouteStatus {
    let now = clock::now();
    let tiers = match &route.config.action {
        Action::Forward(forward) => forward
            .tiers
            .iter()
            .map(|tier| named(tier, running))
            .collect(),
        _ => Vec::new(),
    };
    let failover = route.failover.as_deref().map(lock);
    let owner = running.tenant(route.config.tenant);
    RouteStatus {
        name: route.config.name.clone(),
        tenant: owner.map_or_else(String::new, |tenant| tenant.config.name.clone()),
        tiers,
        serving: route.serving(),
        posture: match failover.as_ref().map(|failover| failover.posture()) {
            Some(policy::failover::Posture::Degraded) => "degraded",
            _ => "normal",
        },
        plan: failover.map(|failover| failover.plan(now).to_string()),
        statuses: route.counts.statuses.totals().collect(),
        retries_total: route.counts.retries.total(),
        timeouts_total: route.counts.timeouts.total(),
        degraded_total: route.counts.degraded.total(),
    }
}

fn named(tier: &Tier, running: &Running) -> String {
    match tier {
        Tier::Upstream(id) => running
            .upstream(*id)
            .map_or_else(String::new, |one| one.config.name.clone()),
        Tier::Mirror(files) => format!("mirror {}", files.directory),
    }
}

fn upstream(upstream: &Upstream) -> UpstreamStatus {
    let now = clock::now();
    let health = upstream.health();
    let servers = upstream
        .servers
        .iter()
        .enumerate()
        .map(|(place, server)| ServerStatus {
            address: server.address.clone(),
            condition: match health.condition(place, now) {
                Some(Condition::Healthy) => "healthy",
                Some(Condition::Unhealthy) => "unhealthy",
                Some(Condition::Ejected { .. }) => "ejected",
                Some(Condition::Unknown) | None => "unknown",
            },
        });
    let servers = servers.collect();
    drop(health);
    UpstreamStatus {
        name: upstream.config.name.clone(),
        up: upstream.is_up(now),
        breaker: breaker(upstream.breaker(now)),
        connections: upstream.connections.taken(),
        servers,
        failures_total: upstream.counts.failures.total(),
    }
}

/// How a breaker is called.
pub(crate) fn breaker(state: State) -> &'static str {
    match state {
        State::Closed => "closed",
        State::Open { .. } => "open",
        State::HalfOpen => "half_open",
    }
}
