//! What only shows when all of the file is known: what contradicts, what nobody uses, what can never
//! happen.
//!
//! Work is bounded: each route is compared with few of those before it (`COMPARED_MAX`), found by
//! host and path. Beyond that a route that can't be reached isn't noticed; nothing else is lost.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::reading::{Report, Table};
use crate::config::{
    Action, Config, HostPattern, PathPattern, Protocol, Route, Tenant, Tier, UpstreamId, When,
};

/// The tenant of a route whose tenant can't be told.
pub(crate) const NOBODY: crate::config::TenantId = crate::config::TenantId(u32::MAX);

/// The most limits that one request can meet, its tenant's rate among them.
const LIMITS_MAX: usize = 8;
/// The most hosts, each counted once for each path, of all tenants.
const PLACES_MAX: usize = 1_000_000;
/// The most earlier routes that one is compared with.
const COMPARED_MAX: usize = 512;

/// Where things stand.
pub(crate) struct Tables<'t, 'a> {
    pub(crate) top: &'t Table<'a>,
    pub(crate) listeners: &'t [Table<'a>],
    pub(crate) tenants: &'t [Table<'a>],
    pub(crate) upstreams: &'t [Table<'a>],
    pub(crate) limits: &'t [Table<'a>],
    pub(crate) routes: &'t [Table<'a>],
}

/// Notes what doesn't agree.
pub(crate) fn check(config: &Config, tables: &Tables<'_, '_>, report: &mut Report) {
    listeners(config, tables, report);
    certificates(config, tables, report);
    tenants(config, tables, report);
    shared_places(config, tables, report);
    unused(config, tables, report);
    routes(config, tables, report);
    unreachable(config, tables, report);
}

fn listeners(config: &Config, tables: &Tables<'_, '_>, report: &mut Report) {
    let mut seen = HashSet::new();
    for (listen, table) in config.listen.iter().zip(tables.listeners) {
        // Port 0 is any that is free: two of them don't meet.
        if table.has("address") && listen.address.port() != 0 && !seen.insert(listen.address) {
            let what = format!("{} is listened on already", listen.address);
            report.wrong(table.place("address"), &table.path_of("address"), what);
        }
        if listen.redirect_to_https && listen.tls {
            let what = "who comes here speaks https already";
            let key = "redirect_to_https";
            report.wrong(table.place(key), &table.path_of(key), what);
        }
        if listen.proxy_protocol && !tables.top.has("trusted") {
            let key = "proxy_protocol";
            report.advise(
                table.place(key),
                &table.path_of(key),
                "nobody is trusted to send a PROXY header, so every connection would be refused",
                "name who may in trusted",
            );
        }
    }
}

fn certificates(config: &Config, tables: &Tables<'_, '_>, report: &mut Report) {
    let top = tables.top;
    let tls = config.listen.iter().any(|listen| listen.tls);
    let some = top.has("certificate") || top.has("acme");
    if tls && !some {
        for (listen, table) in config.listen.iter().zip(tables.listeners) {
            if listen.tls {
                report.advise(
                    table.place("tls"),
                    &table.path_of("tls"),
                    "there is no certificate to show",
                    "add [[certificate]] with chain_file and key_file, or [acme]",
                );
            }
        }
    }
    for key in ["certificate", "acme"] {
        if top.has(key) && !tls {
            let what = "no listener speaks TLS, so nobody would see it";
            report.advise(
                top.place(key),
                key,
                what,
                "write tls = true in a [[listen]]",
            );
        }
    }
    let plain = config.listen.iter().any(|listen| !listen.tls);
    if top.has("acme") && !plain {
        report.advise(
            top.place("acme"),
            "acme",
            "the CA asks over plain HTTP (HTTP-01), and no listener is plain",
            "add a [[listen]] with address = \"0.0.0.0:80\" and redirect_to_https = true",
        );
    }
}

fn tenants(config: &Config, tables: &Tables<'_, '_>, report: &mut Report) {
    let tls = config.listen.iter().any(|listen| listen.tls);
    let served: HashSet<u32> = config.routes.iter().map(|route| route.tenant.0).collect();
    let guessed = report.has("route.tenant");
    for ((place, tenant), table) in (0_u32..).zip(&config.tenants).zip(tables.tenants) {
        if tenant.client_certificates.is_some() && !tls {
            let key = "client_certificates";
            let what = "no listener speaks TLS, so nobody can show one";
            report.wrong(table.place(key), &table.path_of(key), what);
        }
        if !served.contains(&place) && !guessed {
            report.advise(
                table.place("name"),
                "tenant",
                format!(
                    "the tenant {:?} has no route: each of its requests would be refused",
                    tenant.name
                ),
                format!("add a [[route]] with tenant = {:?}", tenant.name),
            );
        }
    }
}

/// One place is one tenant's: the same host, path and header can't lead to two.
fn shared_places(config: &Config, tables: &Tables<'_, '_>, report: &mut Report) {
    let places =
        |tenant: &Arc<Tenant>| tenant.hosts.len().saturating_mul(tenant.paths.len().max(1));
    let all: usize = config
        .tenants
        .iter()
        .map(places)
        .fold(0, usize::saturating_add);
    if all > PLACES_MAX {
        let what = format!("{all} hosts with their paths; at most {PLACES_MAX}");
        report.wrong(tables.top.place("tenant"), "tenant", what);
        return;
    }
    let mut seen: HashMap<_, &str> = HashMap::new();
    for (tenant, table) in config.tenants.iter().zip(tables.tenants) {
        let every = tenant.paths.is_empty().then_some("");
        let paths = || tenant.paths.iter().map(String::as_str).chain(every);
        for host in &tenant.hosts {
            let mut other = None;
            for path in paths() {
                let before = seen.insert((host, path, &tenant.header), &tenant.name);
                other = other.or(before);
            }
            if let Some(other) = other {
                let written = host.to_string();
                let found = table.texts("hosts", &mut Report::new(&[]));
                let at = found.iter().find(|text| text.value == written);
                let at = at.map_or(table.at(), |text| text.at);
                report.advise(
                    at,
                    &table.path_of("hosts"),
                    format!("{written:?} is the tenant {other:?}'s already"),
                    "tell them apart by paths or a header",
                );
            }
        }
    }
}

/// What nobody uses protects nobody: somebody thinks that it does.
fn unused(config: &Config, tables: &Tables<'_, '_>, report: &mut Report) {
    let mut upstreams = HashSet::new();
    let mut limits = HashSet::new();
    for route in &config.routes {
        limits.extend(route.limits.iter().copied());
        upstreams.extend(tiers(route));
    }
    // A name that is misspelt was told already; that the right one isn't used follows from it.
    if !report.has("route.to") {
        for ((place, upstream), table) in (0_u32..).zip(&config.upstreams).zip(tables.upstreams) {
            if !upstreams.contains(&UpstreamId(place)) {
                let what = format!("no route leads to the upstream {:?}", upstream.name);
                let next = "name it in a route's to, or take it out";
                report.advise(table.place("name"), "upstream", what, next);
            }
        }
    }
    if !report.has("route.limits") {
        for ((place, limit), table) in (0_u32..).zip(&config.limits).zip(tables.limits) {
            if !limits.contains(&crate::config::LimitId(place)) {
                let what = format!(
                    "no route has the limit {:?}, so it limits nothing",
                    limit.name
                );
                let next = "name it in a route's limits, or take it out";
                report.advise(table.place("name"), "limit", what, next);
            }
        }
    }
}

fn tiers(route: &Route) -> impl Iterator<Item = UpstreamId> + '_ {
    let tiers = match &route.action {
        Action::Forward(forward) => &forward.tiers[..],
        _ => &[],
    };
    tiers.iter().filter_map(|tier| match tier {
        Tier::Upstream(id) => Some(*id),
        Tier::Mirror(_) => None,
    })
}

fn routes(config: &Config, tables: &Tables<'_, '_>, report: &mut Report) {
    let hosts: Vec<Hosts<'_>> = config.tenants.iter().map(|one| Hosts::of(one)).collect();
    for (route, table) in config.routes.iter().zip(tables.routes) {
        // A tenant that isn't known was told already.
        let place = usize::try_from(route.tenant.0).unwrap_or(usize::MAX);
        if let (Some(tenant), Some(hosts)) = (config.tenants.get(place), hosts.get(place)) {
            limits(route, tenant, table, report);
            within(&route.when, tenant, hosts, table, report);
        }
        websocket(route, config, table, report);
    }
}

/// A request waits for each of its limits: they are few.
fn limits(route: &Route, tenant: &Tenant, table: &Table<'_>, report: &mut Report) {
    let rated = usize::from(tenant.rate.is_some());
    let limits = route.limits.len() + rated;
    if limits > LIMITS_MAX {
        let with = match rated {
            0 => "",
            _ => ", the tenant's rate among them",
        };
        let what = format!("a request would meet {limits} limits{with}; at most {LIMITS_MAX}");
        report.wrong(table.place("limits"), &table.path_of("limits"), what);
    }
}

/// A route that asks for what none of its tenant's requests has.
fn within(when: &When, tenant: &Tenant, hosts: &Hosts<'_>, table: &Table<'_>, report: &mut Report) {
    let mut never = |key: &str, what: String| {
        let what = format!("{what}, so no request would come here");
        report.wrong(table.place(key), &table.path_of(key), what);
    };
    if let Some(host) = &when.host
        && !hosts.meet(host)
    {
        never(
            "host",
            format!("{:?} is none of its tenant's hosts", host.to_string()),
        );
    }
    let lies_below = |path: &str, other: &str| {
        let rest = path.strip_prefix(other);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let meets = |other: &String| match &when.path {
        None => true,
        Some(PathPattern::Exact(path)) => lies_below(path, other),
        Some(PathPattern::Below(path)) => lies_below(path, other) || lies_below(other, path),
    };
    if !tenant.paths.is_empty() && !tenant.paths.iter().any(meets) {
        never(
            "path",
            "that is below none of its tenant's paths".to_owned(),
        );
    }
    if let Some((name, value)) = &tenant.header
        && when
            .headers
            .iter()
            .any(|(other, wanted)| other == name && wanted != value)
    {
        never(
            "headers",
            format!("the tenant's requests have another {name:?}"),
        );
    }
}

fn websocket(route: &Route, config: &Config, table: &Table<'_>, report: &mut Report) {
    let Action::Forward(forward) = &route.action else {
        return;
    };
    let speaks_http2 = |id: UpstreamId| {
        let upstream = config
            .upstreams
            .get(usize::try_from(id.0).unwrap_or(usize::MAX))?;
        (upstream.protocol == Protocol::Http2).then_some(upstream.name.as_str())
    };
    if forward.websocket
        && let Some(name) = tiers(route).find_map(speaks_http2)
    {
        let what =
            format!("the upstream {name:?} speaks HTTP/2, and WebSockets pass over HTTP/1.1 only");
        report.wrong(table.place("websocket"), &table.path_of("websocket"), what);
    }
}

/// A tenant's hosts, to be asked whether a route's host is among them.
struct Hosts<'a> {
    exact: HashSet<&'a str>,
    under: HashSet<&'a str>,
    /// Each ending, from a dot on, of any of them.
    endings: HashSet<&'a str>,
    any: bool,
}

impl<'a> Hosts<'a> {
    fn of(tenant: &'a Tenant) -> Hosts<'a> {
        let mut hosts = Hosts {
            exact: HashSet::new(),
            under: HashSet::new(),
            endings: HashSet::new(),
            any: false,
        };
        for host in &tenant.hosts {
            match host {
                HostPattern::Exact(host) => {
                    hosts.exact.insert(host);
                    hosts.endings.extend(endings(host));
                }
                HostPattern::Under(ending) => {
                    hosts.under.insert(ending);
                    hosts.endings.extend(endings(ending));
                }
                HostPattern::Any => hosts.any = true,
            }
        }
        hosts
    }

    /// Whether a request can have both one of these and that one.
    fn meet(&self, host: &HostPattern) -> bool {
        self.any
            || match host {
                HostPattern::Any => true,
                HostPattern::Exact(host) => {
                    self.exact.contains(host.as_str())
                        || endings(host).any(|ending| self.under.contains(ending))
                }
                HostPattern::Under(ending) => {
                    self.endings.contains(ending.as_str())
                        || endings(ending).any(|ending| self.under.contains(ending))
                }
            }
    }
}

/// `a.b.c`: `.b.c`, `.c`.
fn endings(host: &str) -> impl Iterator<Item = &str> {
    host.match_indices('.').filter_map(|(at, _)| host.get(at..))
}

/// `/a/b`: `/a`.
fn above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/')
        .filter(|(at, _)| *at > 0)
        .filter_map(|(at, _)| path.get(..at))
}

/// Which of everything, a part, one alone; and of what.
type Reach<'a> = (u8, &'a str);
const EVERY: Reach<'_> = (0, "");

fn host_reach(when: &When) -> Reach<'_> {
    match &when.host {
        None | Some(HostPattern::Any) => EVERY,
        Some(HostPattern::Under(ending)) => (1, ending),
        Some(HostPattern::Exact(host)) => (2, host),
    }
}

fn path_reach(when: &When) -> Reach<'_> {
    match &when.path {
        None => EVERY,
        Some(PathPattern::Below(path)) => (1, path),
        Some(PathPattern::Exact(path)) => (2, path),
    }
}

/// A route's place among the earlier ones: tenant, host, path, and the first of its headers, which
/// must be among those of every route that it leaves nothing for.
type Spot<'a> = (u32, Reach<'a>, Reach<'a>, Option<&'a (String, String)>);

/// A route that an earlier one of its tenant leaves nothing for.
fn unreachable(config: &Config, tables: &Tables<'_, '_>, report: &mut Report) {
    let mut hosts: HashSet<(u32, Reach<'_>)> = HashSet::new();
    let mut earlier: HashMap<Spot<'_>, Vec<&Route>> = HashMap::new();
    for (route, table) in config.routes.iter().zip(tables.routes) {
        if route.tenant == NOBODY {
            continue;
        }
        let tenant = route.tenant.0;
        let host = host_reach(&route.when);
        let path = path_reach(&route.when);
        let headers = &route.when.headers;
        let covering = [EVERY, host]
            .into_iter()
            .chain(endings(host.1).map(|ending| (1, ending)))
            .filter(|host| hosts.contains(&(tenant, *host)))
            .flat_map(|host| {
                let below = above(path.1).map(|path| (1, path));
                let wider = [EVERY, (1, path.1), path].into_iter().chain(below);
                wider.map(move |path| (host, path))
            })
            .flat_map(|(host, path)| {
                let first = headers.iter().map(Some).chain([None]);
                first.map(move |header| (tenant, host, path, header))
            })
            .filter_map(|spot| earlier.get(&spot))
            .flatten()
            .take(COMPARED_MAX)
            .find(|other| leaves_nothing(&other.when, &route.when));
        if let Some(other) = covering {
            let what = format!(
                "no request comes here: the route {:?} before it takes them all",
                other.name
            );
            let next = format!("move it before {:?}, or take it out", other.name);
            report.advise(table.place("name"), "route", what, next);
        }
        hosts.insert((tenant, host));
        let spot = (tenant, host, path, headers.first());
        earlier.entry(spot).or_default().push(route);
    }
}

/// Whether methods and headers leave nothing, where host and path do.
fn leaves_nothing(earlier: &When, later: &When) -> bool {
    let methods = earlier.methods.is_empty()
        || (!later.methods.is_empty()
            && later
                .methods
                .iter()
                .all(|method| earlier.methods.contains(method)));
    methods
        && earlier
            .headers
            .iter()
            .all(|header| later.headers.contains(header))
}
