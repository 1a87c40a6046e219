//! What is counted: requests, refusals, connections, alerts, and how far the record, its readers
//! and its publication are. In OpenMetrics text at `/metrics`.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hyper::{Method, Response};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use record::kinds::subscriber::Channel;

use crate::backstage::{Audited, OverlayFile, PageTarget};
use crate::call::Call;
use crate::problem::Refused;
use crate::rates::Class;
use crate::reply::{Answer, Keep, with_type};
use crate::route::{Access, Gives, Route, Takes};
use crate::site::Site;
use crate::subscribers::Subscriptions;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the latency histogram, in seconds: 250 µs to 8 s.
const LATENCIES_S: [f64; 14] = [
    0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 8.0,
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: &'static str,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct At {
    route: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct By {
    listener: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Became {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Place {
    target: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    invariant: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Delivered {
    channel: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Held {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Over {
    channel: &'static str,
}

type Count = Counter<u64, AtomicU64>;

/// All counts since the start.
pub(crate) struct Metrics {
    requests: Family<Answered, Count>,
    latencies: Family<At, Histogram, fn() -> Histogram>,
    refusals: Family<Why, Count>,
    connections: Family<By, Gauge>,
    connections_closed: Family<Why, Count>,
    signals: Family<Became, Count>,
    dropped: Family<Why, Count>,
}

fn latencies() -> Histogram {
    Histogram::new(LATENCIES_S)
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        Metrics {
            requests: Family::default(),
            latencies: Family::new_with_constructor(latencies),
            refusals: Family::default(),
            connections: Family::default(),
            connections_closed: Family::default(),
            signals: Family::default(),
            dropped: Family::default(),
        }
    }

    /// A request was answered.
    pub(crate) fn answered<B>(
        &self,
        route: &'static str,
        method: &Method,
        answer: &Response<B>,
        took: Duration,
    ) {
        let labels = Answered {
            route,
            method: method_word(method),
            status: answer.status().as_u16(),
        };
        self.requests.get_or_create(&labels).inc();
        let at = At { route };
        self.latencies
            .get_or_create(&at)
            .observe(took.as_secs_f64());
        if let Some(Refused(reason)) = answer.extensions().get() {
            self.refusals.get_or_create(&Why { reason }).inc();
        }
    }

    /// A connection began; it ended when what is answered is dropped.
    pub(crate) fn connected(&self, listener: &'static str) -> Connected {
        let gauge = self.connections.get_or_create(&By { listener }).clone();
        gauge.inc();
        Connected(gauge)
    }

    /// A connection was closed for this reason.
    pub(crate) fn closed(&self, reason: &'static str) {
        self.connections_closed.get_or_create(&Why { reason }).inc();
    }

    /// So many alerts came to this.
    pub(crate) fn signals(&self, outcome: &'static str, count: u64) {
        self.signals
            .get_or_create(&Became { outcome })
            .inc_by(count);
    }

    /// So much of what was sent was left out, for this reason.
    pub(crate) fn dropped(&self, reason: &'static str, count: u64) {
        self.dropped.get_or_create(&Why { reason }).inc_by(count);
    }

    fn register(&self, registry: &mut Registry) {
        let requests = "Requests answered, by route, method and status";
        registry.register("http_requests", requests, self.requests.clone());
        let latencies = "Time from a request's head to its answer's head";
        registry.register_with_unit(
            "http_request",
            latencies,
            Unit::Seconds,
            self.latencies.clone(),
        );
        let refusals = "Requests refused or of unknown outcome, by reason";
        registry.register("refusals", refusals, self.refusals.clone());
        let connections = "Connections now, by listener";
        registry.register("connections", connections, self.connections.clone());
        let closed = "Connections closed by hereby, by reason";
        registry.register(
            "connections_closed",
            closed,
            self.connections_closed.clone(),
        );
        let signals = "Alerts that tools sent, by what they came to";
        registry.register("alert_signals", signals, self.signals.clone());
        let dropped = "What was left out of alerts to fit the bounds, by reason";
        registry.register("alert_dropped", dropped, self.dropped.clone());
    }
}

/// A connection that is counted while it lasts.
#[derive(Debug)]
pub(crate) struct Connected(Gauge);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The method as a label: a bounded set, whatever is sent.
fn method_word(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        _ => "other",
    }
}

pub(crate) fn routes() -> Vec<Route> {
    vec![Route {
        method: Method::GET,
        path: "/metrics".to_owned(),
        access: Access::Metrics,
        class: Class::Read,
        takes: Takes::Nothing,
        parts: vec![],
        query: vec![],
        headers: vec![],
        summary: "What is counted, as OpenMetrics text".to_owned(),
        gives: Gives::other(OPENMETRICS, "The counts"),
        fails: &[500],
        handler: |call| Box::pin(metrics(call)),
    }]
}

async fn metrics(call: Call) -> Answer {
    let site = call.site.clone();
    let text = site.blocking(|site| Ok(scrape(site))).await?;
    let text = text.map_err(|error| {
        crate::problem::Problem::internal("the counts can't be written", &error)
    })?;
    Ok(with_type(text, OPENMETRICS, Keep::Never))
}

/// What the auditor says: each invariant from the start on, so that a rise from 0 is seen as one.
fn register_audit(registry: &mut Registry, audited: &Audited) {
    let violations: Family<Of, Count> = Family::default();
    for (invariant, count) in &audited.violations {
        violations.get_or_create(&Of { invariant }).inc_by(*count);
    }
    let help = "Violations of invariants that the auditor found since the start, by invariant";
    registry.register("invariant_violations", help, violations);
    let entries = Gauge::<i64>::default();
    entries.set(i64::try_from(audited.entries).unwrap_or(i64::MAX));
    let help = "Entries that the auditor has read and judged";
    registry.register("audited_entries", help, entries);
    if let Some(at) = audited.last_success {
        let seconds = Gauge::<f64, AtomicU64>::default();
        seconds.set(Duration::from_millis(at.as_ms().unsigned_abs()).as_secs_f64());
        let help = "When the auditor last came to the end of the record, in Unix time";
        let unit = Unit::Other("timestamp_seconds".to_owned());
        registry.register_with_unit("audit_last_success", help, unit, seconds);
    }
}

/// How the places stand that the status page is published to. What was never seen is left out.
fn register_targets(registry: &mut Registry, targets: &[PageTarget]) {
    let families: [Family<Place, Gauge>; 3] = Default::default();
    let [behind, sequences, waiting] = &families;
    let counts: [Family<Place, Count>; 2] = Default::default();
    let [failures, mended] = &counts;
    for it in targets {
        let place = Place {
            target: it.name.clone(),
        };
        behind.get_or_create(&place).set(i64::from(it.behind));
        failures.get_or_create(&place).inc_by(it.failures);
        mended.get_or_create(&place).inc_by(it.mended);
        if let Some(sequence) = it.sequence {
            let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
            sequences.get_or_create(&place).set(sequence);
        }
        if let Some(ms) = it.news_took_ms {
            let ms = i64::try_from(ms).unwrap_or(i64::MAX);
            waiting.get_or_create(&place).set(ms);
        }
    }
    let help = "Whether readers of a target of the status page may see what is not true any more";
    registry.register("page_target_behind", help, behind.clone());
    let help = "The edition of the status page that was seen at a target";
    registry.register("page_target_sequence", help, sequences.clone());
    let help = "How long the last news took to be seen at a target, in milliseconds";
    registry.register("page_target_news_took_ms", help, waiting.clone());
    let help = "How often a target of the status page could not be brought up to date";
    registry.register("page_target_failures", help, failures.clone());
    let help = "Files of a target that were other than they should be, and were put right";
    registry.register("page_target_mended", help, mended.clone());
}

/// What edges are told at once, and whether it stands in the file that they read.
fn register_overlay(registry: &mut Registry, site: &Site) {
    let now = site.engine().now();
    let (bans, revocations, failovers, switches, postures) = site.engine().view().read(|state| {
        let containment = &state.incidents.containment;
        (
            containment.bans(now).count(),
            containment.revocations().count(),
            containment.overrides(now).count(),
            state.incidents.switches.off(now).count(),
            state.incidents.switches.postures(now).count(),
        )
    });
    let held: Family<Held, Gauge> = Family::default();
    for (kind, count) in [
        ("ban", bans),
        ("revocation", revocations),
        ("failover", failovers),
        ("switch", switches),
        ("posture", postures),
    ] {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        held.get_or_create(&Held { kind }).set(count);
    }
    let help = "What edges are told at once, by kind";
    registry.register("overlay_items", help, held);
    let Some(file) = site.backstage().overlay_file() else {
        return;
    };
    let behind = Gauge::<i64>::default();
    behind.set(i64::from(!file.is_written()));
    let help = "Whether something was said that does not stand in the file that edges read";
    registry.register("overlay_behind", help, behind);
    let OverlayFile { failures, .. } = file;
    let count = Count::default();
    count.inc_by(failures);
    let help = "How often the file that edges read could not be written since the start";
    registry.register("overlay_write_failures", help, count);
}

/// Who is told what the public is told, and what became of telling them.
fn register_subscriptions(registry: &mut Registry, site: &Site, port: &dyn Subscriptions) {
    let deliveries: Family<Delivered, Count> = Family::default();
    for (channel, outcome, count) in port.deliveries() {
        let labels = Delivered { channel, outcome };
        deliveries.get_or_create(&labels).inc_by(count);
    }
    let help = "Deliveries to subscribers, by channel and what became of them";
    registry.register("deliveries", help, deliveries);
    let requests: Family<Became, Count> = Family::default();
    for (outcome, count) in port.requests() {
        requests.get_or_create(&Became { outcome }).inc_by(count);
    }
    let help = "Those who asked to be told what the public is told, by what became of it";
    registry.register("subscription_requests", help, requests);
    let (mail, webhook, running) = site.engine().view().read(|state| {
        let known = &state.incidents.subscribers.known;
        let mail = known.values().filter(|it| it.channel == Channel::Mail);
        let mail = mail.count();
        let running = state.incidents.notices.running().count();
        (mail, known.len() - mail, running)
    });
    let subscribers: Family<Over, Gauge> = Family::default();
    for (channel, count) in [("mail", mail), ("webhook", webhook)] {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        subscribers.get_or_create(&Over { channel }).set(count);
    }
    let help = "Subscribers to what the public is told, by channel";
    registry.register("subscribers", help, subscribers);
    let gauge = Gauge::<i64>::default();
    gauge.set(i64::try_from(running).unwrap_or(i64::MAX));
    let help = "Notices to subscribers that are on their way";
    registry.register("notices_running", help, gauge);
}

/// How many requests wait, and how many follow-ups are overdue.
fn still_to_do(site: &Site) -> (u64, u64) {
    let now = site.engine().now();
    site.engine().view().read(|state| {
        let incidents = &state.incidents;
        let followups = incidents.followups.values().flat_map(|it| it.values());
        let overdue = followups.filter(|followup| followup.due_at < now).count();
        (incidents.requests.waiting.len() as u64, overdue as u64)
    })
}

/// Everything as text. What can't be measured now is left out: missing is not zero.
fn scrape(site: &Site) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("hereby");
    site.metrics.register(&mut registry);
    let gauge = |registry: &mut Registry, name: &str, help: &str, value: u64| {
        let gauge = Gauge::<i64>::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    };
    let (durable, folded) = (
        site.engine().entries().size(),
        site.engine().view().head().size,
    );
    gauge(
        &mut registry,
        "record_entries",
        "Acts on the record that are durable",
        durable,
    );
    let lag = durable.saturating_sub(folded);
    gauge(
        &mut registry,
        "fold_lag_entries",
        "Durable acts that readers don't see yet",
        lag,
    );
    let (waiting, overdue) = still_to_do(site);
    let help = "Requests of what can't be undone that wait for others, or for time";
    gauge(&mut registry, "requests_waiting", help, waiting);
    let help = "Follow-ups of incidents that are overdue";
    gauge(&mut registry, "followups_overdue", help, overdue);
    if let Some(published) = site.backstage().published() {
        let help = "Acts that the published checkpoint covers";
        gauge(&mut registry, "published_entries", help, published.size);
    }
    if let Ok(bytes) = site.backstage().disk_free_bytes() {
        gauge(
            &mut registry,
            "disk_free_bytes",
            "Free bytes on the record's disk",
            bytes,
        );
    }
    if let Some(subscriptions) = &site.options.subscriptions {
        register_subscriptions(&mut registry, site, subscriptions.as_ref());
    }
    if let Some(audited) = site.backstage().audited() {
        register_audit(&mut registry, &audited);
    }
    crate::chat::register(&mut registry, &site.backstage().chat(), site.engine().now());
    register_targets(&mut registry, &site.backstage().page_targets());
    register_overlay(&mut registry, site);
    let streams = site.limits().event_streams_max - site.event_streams.available_permits();
    gauge(
        &mut registry,
        "event_streams",
        "Listeners to live events now",
        streams as u64,
    );
    let mut out = String::new();
    text::encode(&mut out, &registry)?;
    Ok(out)
}
