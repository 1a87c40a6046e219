//! `/metrics` of an edge (OpenMetrics 1.0 text). How many series there are follows from the
//! configuration alone: tenants beyond the first thousand are counted as one.

use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;

use policy::cohort;
use policy::config::Action;

use crate::clock;
use crate::counts::{CohortCounts, LATENCY_MICROS, Latency, Refusals, RouteCounts, Statuses};
use crate::edge::Edge;
use crate::running::Running;
use crate::status::breaker;

pub(crate) const CONTENT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Tenants with series of their own.
const TENANTS_MAX: usize = 1_000;

struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# TYPE {name} {kind}\n# HELP {name} {help}\n");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (place, (label, value)) in labels.iter().enumerate() {
            self.0.push(if place == 0 { '{' } else { ',' });
            let _ = write!(self.0, "{label}=\"");
            for character in value.chars() {
                match character {
                    '\\' => self.0.push_str("\\\\"),
                    '"' => self.0.push_str("\\\""),
                    '\n' => self.0.push_str("\\n"),
                    other => self.0.push(other),
                }
            }
            self.0.push('"');
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "gauge", help);
        self.line(name, &[], value);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help);
        self.line(&format!("{name}_total"), &[], value);
    }

    fn latency(&mut self, name: &str, labels: &[(&str, &str)], latency: &Latency) {
        let counts = latency.cumulated();
        let bounds = LATENCY_MICROS
            .iter()
            .map(|micros| format!("{}", *micros as f64 / 1e6));
        let bounds = bounds.chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(&counts) {
            let mut labels = labels.to_vec();
            labels.push(("le", &bound));
            self.line(&format!("{name}_bucket"), &labels, count);
        }
        self.line(
            &format!("{name}_sum"),
            labels,
            latency.sum_micros() as f64 / 1e6,
        );
        self.line(
            &format!("{name}_count"),
            labels,
            counts.last().copied().unwrap_or(0),
        );
    }

    fn statuses(&mut self, name: &str, labels: &[(&str, &str)], statuses: &Statuses) {
        for (class, total) in statuses.totals() {
            let mut labels = labels.to_vec();
            labels.push(("status", class));
            self.line(&format!("{name}_total"), &labels, total);
        }
    }

    fn refusals(&mut self, name: &str, labels: &[(&str, &str)], refusals: &Refusals) {
        for (reason, total) in refusals.totals() {
            let mut labels = labels.to_vec();
            labels.push(("reason", reason.as_str()));
            self.line(&format!("{name}_total"), &labels, total);
        }
    }
}

/// All of it.
pub(crate) fn text(edge: &Edge) -> String {
    let mut text = Text(String::with_capacity(64 << 10));
    whole(edge, &mut text);
    acme(edge, &mut text);
    certificates(edge, &mut text);
    tenants(edge, &mut text);
    routes(edge, &mut text);
    upstreams(edge, &mut text);
    text.0.push_str("# EOF\n");
    text.0
}

fn whole(edge: &Edge, text: &mut Text) {
    let t = text;
    t.gauge(
        "edge_connections",
        "Open connections",
        edge.connections.taken().into(),
    );
    t.gauge(
        "edge_requests_in_progress",
        "Requests in progress",
        edge.requests.taken().into(),
    );
    t.gauge(
        "edge_websockets",
        "Upgraded connections",
        edge.tunnels.now().into(),
    );
    t.gauge(
        "edge_shed_per_mille",
        "How much is shed, of 1000",
        edge.shed.level().into(),
    );
    t.gauge(
        "edge_bans",
        "Banned prefixes from files",
        edge.bans.load().len() as u64,
    );
    t.counter(
        "edge_connections_accepted",
        "Accepted connections",
        edge.accepted.total(),
    );
    t.counter(
        "edge_panics",
        "Requests that ended in a bug",
        edge.panics.total(),
    );
    heard(edge, t);
    t.family("edge_requests", "counter", "Answered requests by status");
    t.statuses("edge_requests", &[], &edge.statuses);
    t.family(
        "edge_refusals",
        "counter",
        "Refused requests and connections by reason",
    );
    t.refusals("edge_refusals", &[], &edge.refusals);
    t.family(
        "edge_request_seconds",
        "histogram",
        "From the head to the last byte",
    );
    t.latency("edge_request_seconds", &[], &edge.latency);
    log(edge, t);
}

/// What it knows from elsewhere, and what it could not learn.
fn heard(edge: &Edge, t: &mut Text) {
    t.gauge(
        "edge_overlay_sequence",
        "Up to which act of control's record bans, revocations and overrides are known",
        edge.overlay_sequence.load(Relaxed),
    );
    let running = edge.running.load();
    t.family(
        "edge_unlisted",
        "gauge",
        "Tenants, routes and upstreams beyond those that have series of their own",
    );
    for (kind, count) in [
        ("tenant", running.tenants().len()),
        ("route", running.routes().len()),
        ("upstream", running.upstreams().len()),
    ] {
        let beyond = count.saturating_sub(TENANTS_MAX);
        t.line("edge_unlisted", &[("kind", kind)], beyond);
    }
    t.counter(
        "edge_files_unread",
        "Certificates, lists and bans that could not be read when they should have been",
        edge.unread.total(),
    );
}

fn log(edge: &Edge, t: &mut Text) {
    if let Some(log) = &edge.log {
        t.family(
            "edge_log_dropped",
            "counter",
            "Lines of the access log that were not written",
        );
        t.line(
            "edge_log_dropped_total",
            &[("reason", "full")],
            log.dropped_full.total(),
        );
        t.line(
            "edge_log_dropped_total",
            &[("reason", "rate")],
            log.dropped_rate.total(),
        );
        t.line(
            "edge_log_dropped_total",
            &[("reason", "failed")],
            log.dropped_failed.total(),
        );
    }
}

fn acme(edge: &Edge, text: &mut Text) {
    if edge.running.load().config.acme.is_none() {
        return;
    }
    text.counter(
        "edge_acme_issued",
        "Certificates that a CA gave",
        edge.acme.issued.total(),
    );
    text.counter(
        "edge_acme_failures",
        "Certificates that a CA was asked for and did not give",
        edge.acme.failed.total(),
    );
}

fn certificates(edge: &Edge, text: &mut Text) {
    let running = edge.running.load();
    let ends = running.certificate_ends.load();
    if !ends.is_empty() {
        text.family(
            "edge_certificate_ends_timestamp_seconds",
            "gauge",
            "Until when the edge's own certificates hold",
        );
    }
    for (file, end_s) in ends.iter() {
        let name = "edge_certificate_ends_timestamp_seconds";
        text.line(name, &[("file", file)], *end_s);
    }
    let (entries, dropped) = edge.ledger.size();
    text.gauge(
        "edge_certificates",
        "Client certificates in the ledger, one for each tenant that they were shown to",
        entries as u64,
    );
    text.counter(
        "edge_certificates_dropped",
        "Requests with client certificates that found no place in the ledger",
        dropped,
    );
}

fn tenants(edge: &Edge, text: &mut Text) {
    let running = edge.running.load_full();
    let named = running.tenants().iter().take(TENANTS_MAX);
    text.family(
        "edge_tenant_requests",
        "counter",
        "Answered requests by tenant and status",
    );
    for tenant in named.clone() {
        let labels = [("tenant", tenant.config.name.as_str())];
        text.statuses("edge_tenant_requests", &labels, &tenant.counts.statuses);
    }
    let mut others = [0_u64; 5];
    for tenant in running.tenants().iter().skip(TENANTS_MAX) {
        for (sum, (_, total)) in others.iter_mut().zip(tenant.counts.statuses.totals()) {
            *sum += total;
        }
    }
    if running.tenants().len() > TENANTS_MAX {
        let classes = edge.statuses.totals().map(|(class, _)| class);
        for (class, total) in classes.zip(others) {
            let labels = [("tenant", "(others)"), ("status", class)];
            text.line("edge_tenant_requests_total", &labels, total);
        }
    }
    text.family(
        "edge_tenant_refusals",
        "counter",
        "Refused requests by tenant and reason",
    );
    for tenant in named.clone() {
        let labels = [("tenant", tenant.config.name.as_str())];
        text.refusals("edge_tenant_refusals", &labels, &tenant.counts.refusals);
    }
    if edge.rules.is_some() {
        text.family(
            "edge_tenant_rules_over_budget",
            "counter",
            "Judgements of rules that took too long, by tenant",
        );
        for tenant in named.clone() {
            let labels = [("tenant", tenant.config.name.as_str())];
            let total = tenant.counts.rules_over_budget.total();
            text.line("edge_tenant_rules_over_budget_total", &labels, total);
        }
    }
    text.family("edge_tenant_bytes", "counter", "Bytes of answers by tenant");
    for tenant in named {
        let labels = [("tenant", tenant.config.name.as_str())];
        text.line(
            "edge_tenant_bytes_total",
            &labels,
            tenant.counts.bytes.total(),
        );
    }
}

fn routes(edge: &Edge, text: &mut Text) {
    let running = edge.running.load_full();
    let routes = || running.routes().iter().take(TENANTS_MAX);
    text.family(
        "edge_route_requests",
        "counter",
        "Answered requests by route and status",
    );
    for route in routes() {
        let labels = [("route", route.config.name.as_str())];
        text.statuses("edge_route_requests", &labels, &route.counts.statuses);
    }
    text.family(
        "edge_route_seconds",
        "histogram",
        "From the head to the last byte, by route",
    );
    for route in routes() {
        let labels = [("route", route.config.name.as_str())];
        text.latency("edge_route_seconds", &labels, &route.counts.latency);
    }
    type Counted = fn(&RouteCounts) -> u64;
    let counts: [(&str, &str, Counted); 3] = [
        (
            "edge_route_retries",
            "Requests that were sent again",
            |counts| counts.retries.total(),
        ),
        (
            "edge_route_timeouts",
            "Answers that did not come in time",
            |counts| counts.timeouts.total(),
        ),
        (
            "edge_route_degraded",
            "Answers by another tier than the first",
            |counts| counts.degraded.total(),
        ),
    ];
    for (name, help, count) in counts {
        text.family(name, "counter", help);
        for route in routes() {
            let labels = [("route", route.config.name.as_str())];
            text.line(&format!("{name}_total"), &labels, count(&route.counts));
        }
    }
    cohorts(&running, text);
    text.family(
        "edge_route_tier",
        "gauge",
        "The tier that answers, 0 the primary",
    );
    for route in routes().filter(|one| matches!(one.config.action, Action::Forward(_))) {
        let labels = [("route", route.config.name.as_str())];
        text.line("edge_route_tier", &labels, route.serving());
    }
}

/// Which kinds of clients it was whose requests were sent again, or not answered in time. As many
/// series as there are routes and declared cohorts, and no more.
fn cohorts(running: &Running, text: &mut Text) {
    let declared = &running.config.cohorts;
    if declared.is_empty() {
        return;
    }
    let names = declared.iter().map(|cohort| cohort.name.as_str());
    let names: Vec<&str> = names.chain([cohort::OTHER]).collect();
    type Counted = fn(&CohortCounts) -> u64;
    let counts: [(&str, &str, Counted); 2] = [
        (
            "edge_cohort_retries",
            "Requests that were sent again, by route and kind of client",
            |counts| counts.retries.total(),
        ),
        (
            "edge_cohort_timeouts",
            "Answers that did not come in time, by route and kind of client",
            |counts| counts.timeouts.total(),
        ),
    ];
    for (name, help, count) in counts {
        text.family(name, "counter", help);
        for route in running.routes().iter().take(TENANTS_MAX) {
            for (place, cohort) in names.iter().enumerate() {
                let labels = [("route", route.config.name.as_str()), ("cohort", *cohort)];
                let total = route.cohorts.of(Some(place)).map_or(0, count);
                text.line(&format!("{name}_total"), &labels, total);
            }
        }
    }
}

fn upstreams(edge: &Edge, text: &mut Text) {
    let running = edge.running.load_full();
    let upstreams = || running.upstreams().iter().take(TENANTS_MAX);
    let now = clock::now();
    text.family(
        "edge_upstream_requests",
        "counter",
        "Answers by upstream and status",
    );
    for upstream in upstreams() {
        let labels = [("upstream", upstream.config.name.as_str())];
        text.statuses("edge_upstream_requests", &labels, &upstream.counts.statuses);
    }
    text.family(
        "edge_upstream_failures",
        "counter",
        "Requests that an upstream did not answer",
    );
    for upstream in upstreams() {
        let labels = [("upstream", upstream.config.name.as_str())];
        text.line(
            "edge_upstream_failures_total",
            &labels,
            upstream.counts.failures.total(),
        );
    }
    text.family(
        "edge_upstream_seconds",
        "histogram",
        "To the head of the answer, by upstream",
    );
    for upstream in upstreams() {
        let labels = [("upstream", upstream.config.name.as_str())];
        text.latency("edge_upstream_seconds", &labels, &upstream.counts.latency);
    }
    text.family(
        "edge_upstream_connections",
        "gauge",
        "Connections to an upstream",
    );
    for upstream in upstreams() {
        let labels = [("upstream", upstream.config.name.as_str())];
        text.line(
            "edge_upstream_connections",
            &labels,
            upstream.connections.taken(),
        );
    }
    text.family("edge_upstream_up", "gauge", "1: it can be asked");
    for upstream in upstreams() {
        let labels = [("upstream", upstream.config.name.as_str())];
        text.line("edge_upstream_up", &labels, u8::from(upstream.is_up(now)));
    }
    text.family(
        "edge_upstream_breaker",
        "gauge",
        "1: the breaker is in this state",
    );
    for upstream in upstreams() {
        let is = breaker(upstream.breaker(now));
        for state in ["closed", "open", "half_open"] {
            let labels = [
                ("upstream", upstream.config.name.as_str()),
                ("state", state),
            ];
            text.line("edge_upstream_breaker", &labels, u8::from(state == is));
        }
    }
}
