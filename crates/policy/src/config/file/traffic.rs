//! Tenants, upstreams, limits and routes: each alone, and the names by which they know each other.

use std::collections::HashMap;
use std::sync::Arc;

use super::reading::{At, Mixed, Report, Table};
use super::{agreement, syntax};
use crate::config::{
    Action, Breaker, Challenge, ClientCertificates, Failover, Files, Forward, Health, HostPattern,
    Limit, LimitId, LimitKey, Outlier, Priority, Protocol, Rate, Retry, Route, Server, Tenant,
    TenantId, Tier, Upstream, UpstreamId, UpstreamTls, When,
};

/// The things of one kind, in their order, with the tables in which they stand.
pub(crate) struct Things<'a, T> {
    pub(crate) tables: Vec<Table<'a>>,
    pub(crate) built: Vec<Arc<T>>,
}

/// All of them.
pub(crate) struct Traffic<'a> {
    pub(crate) tenants: Things<'a, Tenant>,
    pub(crate) upstreams: Things<'a, Upstream>,
    pub(crate) limits: Things<'a, Limit>,
    pub(crate) routes: Things<'a, Route>,
}

/// Reads them.
pub(crate) fn read<'a>(top: &Table<'a>, report: &mut Report) -> Traffic<'a> {
    let mut tenants = things(top, "tenant", report, tenant);
    let upstreams = things(top, "upstream", report, upstream);
    let limits = things(top, "limit", report, limit);
    let names = Names {
        tenants: Index::of("tenant", &tenants.tables, report),
        upstreams: Index::of("upstream", &upstreams.tables, report),
        limits: Index::of("limit", &limits.tables, report),
    };
    let routes = things(top, "route", report, |table, report| {
        route(table, &names, report)
    });
    Index::of("route", &routes.tables, report);
    if tenants.tables.is_empty() && !routes.tables.is_empty() {
        tenants.built.push(Arc::new(Tenant {
            name: "default".to_owned(),
            hosts: Box::new([HostPattern::Any]),
            ..Tenant::default()
        }));
    }
    Traffic {
        tenants,
        upstreams,
        limits,
        routes,
    }
}

fn things<'a, T>(
    top: &Table<'a>,
    kind: &str,
    report: &mut Report,
    mut build: impl FnMut(&Table<'a>, &mut Report) -> T,
) -> Things<'a, T> {
    let tables = top.tables(kind, report);
    let built = tables.iter().map(|table| Arc::new(build(table, report)));
    Things {
        built: built.collect(),
        tables,
    }
}

/// The names of one kind of thing, and their places.
struct Index<'a> {
    kind: &'static str,
    places: HashMap<&'a str, u32>,
    /// In the order of the file: what is suggested must not change from run to run.
    names: Vec<&'a str>,
}

struct Names<'a> {
    tenants: Index<'a>,
    upstreams: Index<'a>,
    limits: Index<'a>,
}

impl<'a> Index<'a> {
    /// Notes names that stand there twice.
    fn of(kind: &'static str, tables: &[Table<'a>], report: &mut Report) -> Index<'a> {
        let mut index = Index {
            kind,
            places: HashMap::new(),
            names: Vec::new(),
        };
        for (place, table) in (0_u32..).zip(tables) {
            // A name that is no text was told when the thing itself was read.
            let Some(name) = table.text("name", &mut Report::new(&[])) else {
                continue;
            };
            if index.places.insert(name.value, place).is_some() {
                let what = format!("there are two {kind}s {:?}", name.value);
                report.wrong(name.at, &table.path_of("name"), what);
            }
            index.names.push(name.value);
        }
        index
    }

    /// The place of the one that is named, if there is one.
    fn find(
        &self,
        table: &Table<'_>,
        key: &str,
        name: At<&str>,
        report: &mut Report,
    ) -> Option<u32> {
        let found = self.places.get(name.value).copied();
        if found.is_none() {
            let what = format!("there is no {} {:?}", self.kind, name.value);
            let next = report.guess(name.value, &self.names);
            report.note(name.at, &table.path_of(key), what, next);
        }
        found
    }
}

fn tenant(table: &Table<'_>, report: &mut Report) -> Tenant {
    let default = Tenant::default();
    let hosts = table.texts("hosts", report);
    table.filled(
        "hosts",
        "no host stands here, so nothing would be this tenant's",
        report,
    );
    Tenant {
        name: table
            .parsed("name", syntax::name, report)
            .unwrap_or_default(),
        cell: table.parsed("cell", syntax::name, report),
        hosts: hosts
            .into_iter()
            .filter_map(|host| table.read("hosts", host, syntax::host_pattern, report))
            .collect(),
        paths: table.parsed_texts("paths", syntax::below, report).into(),
        header: table.table("header", report).and_then(|table| {
            let name = table.parsed("name", syntax::header_name, report);
            let value = table.parsed("value", syntax::header_value, report);
            name.zip(value)
        }),
        priority: match table.word("priority", report) {
            Some("critical") => Priority::Critical,
            Some("sheddable") => Priority::Sheddable,
            _ => Priority::Normal,
        },
        requests_concurrent_max: table.number(
            "requests_concurrent_max",
            default.requests_concurrent_max,
            report,
        ),
        connections_max: table.number("connections_max", default.connections_max, report),
        rate: table
            .table("rate", report)
            .map(|table| rate(&table, report)),
        bytes_per_s_max: table.number_if("bytes_per_s_max", report),
        client_certificates: table
            .table("client_certificates", report)
            .map(|table| Box::new(client_certificates(&table, report))),
    }
}

fn rate(table: &Table<'_>, report: &mut Report) -> Rate {
    let requests = table.number("requests", 1, report);
    Rate {
        requests,
        per_ms: table.number("per_ms", 1_000, report),
        burst: table.number("burst", requests, report),
    }
}

fn client_certificates(table: &Table<'_>, report: &mut Report) -> ClientCertificates {
    let ca_files = table.parsed_texts("ca_files", syntax::file, report);
    table.filled("ca_files", "without a CA no certificate is good", report);
    ClientCertificates {
        optional: table.flag("optional", false, report),
        ca_files,
        revoked_files: table.parsed_texts("revoked_files", syntax::file, report),
        crl_files: table.parsed_texts("crl_files", syntax::file, report),
    }
}

fn upstream(table: &Table<'_>, report: &mut Report) -> Upstream {
    let default = Upstream::default();
    let outlier = table.table_or_absent("outlier", report);
    let breaker = table.table_or_absent("breaker", report);
    Upstream {
        name: table
            .parsed("name", syntax::name, report)
            .unwrap_or_default(),
        servers: servers(table, report),
        protocol: match table.word("protocol", report) {
            Some("http2") => Protocol::Http2,
            _ => Protocol::Http1,
        },
        tls: table.table("tls", report).map(|table| UpstreamTls {
            name: table
                .parsed("name", syntax::host, report)
                .unwrap_or_default(),
            ca_file: table.parsed("ca_file", syntax::file, report),
        }),
        connections_max: table.number("connections_max", default.connections_max, report),
        connect_ms: table.number("connect_ms", default.connect_ms, report),
        answer_ms: table.number("answer_ms", default.answer_ms, report),
        between_bytes_ms: table.number("between_bytes_ms", default.between_bytes_ms, report),
        idle_ms: table.number("idle_ms", default.idle_ms, report),
        health: table
            .table("health", report)
            .map(|table| health(&table, report)),
        outlier: Outlier {
            failures: outlier.number("failures", default.outlier.failures, report),
            eject_ms: outlier.number("eject_ms", default.outlier.eject_ms, report),
            ejected_ppm_max: outlier.number(
                "ejected_ppm_max",
                default.outlier.ejected_ppm_max,
                report,
            ),
        },
        breaker: Breaker {
            errors_ppm: breaker.number("errors_ppm", default.breaker.errors_ppm, report),
            requests_min: breaker.number("requests_min", default.breaker.requests_min, report),
            window_ms: breaker.number("window_ms", default.breaker.window_ms, report),
            open_ms: breaker.number("open_ms", default.breaker.open_ms, report),
            probes: breaker.number("probes", default.breaker.probes, report),
        },
    }
}

fn servers(table: &Table<'_>, report: &mut Report) -> Vec<Server> {
    let entries = table.mixed("servers", report);
    table.filled(
        "servers",
        "no server stands here, so nobody would answer",
        report,
    );
    let mut servers: Vec<Server> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for entry in entries {
        let (text, weight) = match entry {
            Mixed::Text(text) => (Some(text), 1),
            Mixed::Table(server) => (
                server.text("address", report),
                server.number("weight", 1, report),
            ),
        };
        let Some(text) = text else {
            continue;
        };
        let Some(address) = table.read("servers", text, syntax::server, report) else {
            continue;
        };
        if !seen.insert(text.value) {
            let path = table.path_of("servers");
            let what = format!("{address:?} stands here twice");
            report.advise(
                text.at,
                &path,
                what,
                "give it a weight: { address, weight }",
            );
        }
        servers.push(Server { address, weight });
    }
    servers
}

fn health(table: &Table<'_>, report: &mut Report) -> Health {
    let every_ms = table.number("every_ms", 5_000, report);
    let timeout_ms = table.number("timeout_ms", 2_000, report);
    if timeout_ms > every_ms {
        let key = if table.has("timeout_ms") {
            "timeout_ms"
        } else {
            "every_ms"
        };
        let what =
            format!("asked every {every_ms} ms, an answer can't be waited for {timeout_ms} ms");
        report.wrong(table.place(key), &table.path_of(key), what);
    }
    Health {
        path: table
            .parsed("path", health_path, report)
            .unwrap_or_default(),
        every_ms,
        timeout_ms,
        healthy_after: table.number("healthy_after", 2, report),
        unhealthy_after: table.number("unhealthy_after", 3, report),
    }
}

/// A path, and a query if there is one.
fn health_path(text: &str) -> Result<String, syntax::Fault> {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    syntax::path(path)?;
    if query.len() > 1_024 || !query.bytes().all(|c| c.is_ascii_graphic() && c != b'#') {
        return syntax::fault(format!("{query:?} is no query"));
    }
    Ok(text.to_owned())
}

fn limit(table: &Table<'_>, report: &mut Report) -> Limit {
    let rated = table.table_or_absent("rate", report);
    Limit {
        name: table
            .parsed("name", syntax::name, report)
            .unwrap_or_default(),
        key: table
            .parsed("key", syntax::limit_key, report)
            .unwrap_or(LimitKey::Tenant),
        rate: rate(&rated, report),
        keys_max: table.number("keys_max", 100_000, report),
    }
}

fn route(table: &Table<'_>, names: &Names<'_>, report: &mut Report) -> Route {
    let limits = table
        .texts("limits", report)
        .into_iter()
        .filter_map(|name| names.limits.find(table, "limits", name, report))
        .map(LimitId)
        .collect();
    Route {
        name: table
            .parsed("name", syntax::name, report)
            .unwrap_or_default(),
        tenant: whose(table, names, report),
        when: when(table, report),
        limits,
        challenge: table.table("challenge", report).map(|table| Challenge {
            bits: table.number("bits", 1, report),
            valid_ms: table.number("valid_ms", 3_600_000, report),
        }),
        body_bytes_max: table.number_if("body_bytes_max", report),
        action: action(table, names, report),
    }
}

/// A route's tenant. One that can't be told is none of them, so that nothing else is said about it.
fn whose(table: &Table<'_>, names: &Names<'_>, report: &mut Report) -> TenantId {
    if let Some(name) = table.text("tenant", report) {
        let found = names.tenants.find(table, "tenant", name, report);
        return found.map_or(agreement::NOBODY, TenantId);
    }
    if table.has("tenant") {
        return agreement::NOBODY;
    }
    if names.tenants.names.len() > 1 {
        let what = "there are several tenants, so the route has to say whose it is";
        report.wrong(table.at(), &table.path_of("tenant"), what);
        return agreement::NOBODY;
    }
    TenantId(0)
}

fn when(table: &Table<'_>, report: &mut Report) -> When {
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in table.pairs("headers", report) {
        let read = table.read("headers", name, syntax::header_name, report);
        let value = table.read("headers", value, syntax::header_value, report);
        let (Some(read), Some(value)) = (read, value) else {
            continue;
        };
        let path = table.path_of("headers");
        if read == "host" {
            report.advise(
                name.at,
                &path,
                "the host has a key of its own",
                "write host = \"…\"",
            );
        } else if headers.iter().any(|(other, _)| *other == read) {
            report.wrong(
                name.at,
                &path,
                format!("{read:?} stands here twice: a header's name is the same in capitals"),
            );
        } else {
            headers.push((read, value));
        }
    }
    When {
        host: table
            .parsed("host", syntax::host_pattern, report)
            .filter(|host| *host != HostPattern::Any),
        path: table.parsed("path", syntax::path_pattern, report).flatten(),
        methods: table.parsed_texts("methods", syntax::method, report).into(),
        headers: headers.into(),
    }
}

/// What the keys of a route can have it do.
const ACTIONS: &[&str] = &["to", "files", "redirect", "respond"];

fn action(table: &Table<'_>, names: &Names<'_>, report: &mut Report) -> Action {
    let chosen: Vec<&str> = ACTIONS
        .iter()
        .copied()
        .filter(|key| table.has(key))
        .collect();
    match chosen.as_slice() {
        [_] => {}
        [] => report.wrong(
            table.at(),
            &table.path_of("to"),
            "a route has one of to, files, redirect and respond, and this one none",
        ),
        [first, others @ ..] => {
            for other in others {
                let what = format!("the route has {first} already, and does one thing only");
                report.wrong(table.place(other), &table.path_of(other), what);
            }
        }
    }
    if !table.has("to") {
        for key in [
            "mirror",
            "failover",
            "retry",
            "keep_host",
            "websocket",
            "body_bytes_max",
        ] {
            if table.has(key) {
                let what = "that goes with to, which this route doesn't have";
                report.wrong(table.place(key), &table.path_of(key), what);
            }
        }
    }
    // Each that stands there is read, so that its mistakes are told as well.
    let forward = table
        .has("to")
        .then(|| Action::Forward(forward(table, names, report)));
    let files = table
        .table("files", report)
        .map(|table| Action::Files(files(&table, report)));
    let redirect = table
        .table("redirect", report)
        .map(|table| redirect(&table, report));
    let respond = table
        .table("respond", report)
        .map(|table| respond(&table, report));
    forward
        .or(files)
        .or(redirect)
        .or(respond)
        .unwrap_or_else(|| Action::Respond {
            status: 200,
            body: String::new(),
        })
}

fn forward(table: &Table<'_>, names: &Names<'_>, report: &mut Report) -> Forward {
    let upstreams = table.texts("to", report);
    table.filled("to", "no upstream stands here", report);
    let tiers_named = upstreams.len() + usize::from(table.has("mirror"));
    let mut tiers: Vec<Tier> = upstreams
        .into_iter()
        .filter_map(|name| names.upstreams.find(table, "to", name, report))
        .map(|place| Tier::Upstream(UpstreamId(place)))
        .collect();
    if let Some(mirror) = table.table("mirror", report) {
        tiers.push(Tier::Mirror(files(&mirror, report)));
    }
    if table.has("failover") && tiers_named == 1 {
        report.advise(
            table.place("failover"),
            &table.path_of("failover"),
            "there is nothing to fail over to",
            "name a second upstream in to, or a mirror",
        );
    }
    let failover = table.table_or_absent("failover", report);
    let retry = table.table_or_absent("retry", report);
    let (waits, again) = (Failover::default(), Retry::default());
    Forward {
        tiers: tiers.into(),
        failover: Failover {
            wait_ms: failover.number("wait_ms", waits.wait_ms, report),
            hold_ms: failover.number("hold_ms", waits.hold_ms, report),
        },
        retry: Retry {
            attempts_max: retry.number("attempts_max", again.attempts_max, report),
            budget_ppm: retry.number("budget_ppm", again.budget_ppm, report),
        },
        keep_host: table.flag("keep_host", true, report),
        websocket: table.flag("websocket", false, report),
    }
}

fn files(table: &Table<'_>, report: &mut Report) -> Files {
    Files {
        directory: table
            .parsed("directory", syntax::file, report)
            .unwrap_or_default(),
        index: table
            .parsed("index", syntax::inside, report)
            .unwrap_or_else(|| "index.html".to_owned()),
        not_found: table.parsed("not_found", syntax::inside, report),
    }
}

fn redirect(table: &Table<'_>, report: &mut Report) -> Action {
    let status = table.number("status", 302, report);
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        let path = table.path_of("status");
        report.wrong(
            table.place("status"),
            &path,
            "a redirect is 301, 302, 303, 307 or 308",
        );
    }
    Action::Redirect {
        to: table
            .parsed("to", syntax::redirect_target, report)
            .unwrap_or_default(),
        status,
    }
}

/// The longest answer that stands in the file, in bytes.
const BODY_BYTES_MAX: usize = 65_536;

fn respond(table: &Table<'_>, report: &mut Report) -> Action {
    let status = table.number("status", 200, report);
    let body = table.text("body", report).map_or("", |text| text.value);
    let path = table.path_of("body");
    if body.len() > BODY_BYTES_MAX {
        let what = format!(
            "an answer of {} bytes; at most {BODY_BYTES_MAX}",
            body.len()
        );
        report.advise(
            table.place("body"),
            &path,
            what,
            "write it into a file, and use files",
        );
    }
    if !body.is_empty() && matches!(status, 204 | 205 | 304) {
        let what = format!("an answer with status {status} has no body (RFC 9110, 15)");
        report.wrong(table.place("body"), &path, what);
    }
    Action::Respond {
        status,
        body: body.to_owned(),
    }
}
