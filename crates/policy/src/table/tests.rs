//! Whose a request is, and by which route it goes.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::config::{
    AccessLog, Action, Addresses, Connection, HostPattern, Http2, Overload, PathPattern, Priority,
    Route, Tenant, When,
};

fn config(tenants: Vec<Tenant>, routes: Vec<Route>) -> Config {
    Config {
        cell: "test".to_owned(),
        workers: 0,
        drain_ms: 0,
        trusted: Vec::new(),
        listen: Vec::new(),
        connection: Connection {
            connections_max: 0,
            connections_per_address_max: 0,
            handshake_ms: 0,
            first_byte_ms: 0,
            head_ms: 0,
            head_bytes_max: 0,
            header_lines_max: 0,
            url_bytes_max: 0,
            body_bytes_max: 0,
            body_ms: 0,
            body_bytes_per_s_min: 0,
            body_grace_ms: 0,
            idle_ms: 0,
            requests_max: 0,
        },
        http2: Http2 {
            streams_max: 0,
            resets_per_minute_max: 0,
            settings_per_minute_max: 0,
            control_frames_per_minute_max: 0,
        },
        overload: Overload {
            lag_ms_max: 0,
            memory_bytes_max: 0,
            requests_concurrent_max: 0,
        },
        metrics: None,
        cohorts: Vec::new(),
        rules_failure: crate::config::RulesFailure::Refuse,
        access_log: AccessLog {
            path: None,
            sample_ppm: 0,
            lines_per_second_max: 0,
            addresses: Addresses::None,
        },
        bans: Vec::new(),
        certificates: Vec::new(),
        acme: None,
        tenants: tenants.into_iter().map(Arc::new).collect(),
        upstreams: Vec::new(),
        limits: Vec::new(),
        routes: routes.into_iter().map(Arc::new).collect(),
    }
}

fn pattern(text: &str) -> HostPattern {
    match text.strip_prefix('*') {
        Some("") => HostPattern::Any,
        Some(suffix) => HostPattern::Under(suffix.to_owned()),
        None => HostPattern::Exact(text.to_owned()),
    }
}

fn tenant(hosts: &[&str], paths: &[&str], header: Option<(&str, &str)>) -> Tenant {
    Tenant {
        cell: None,
        name: "t".to_owned(),
        hosts: hosts.iter().map(|host| pattern(host)).collect(),
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        header: header.map(|(name, value)| (name.to_owned(), value.to_owned())),
        priority: Priority::Normal,
        requests_concurrent_max: 0,
        connections_max: 0,
        rate: None,
        bytes_per_s_max: None,
        client_certificates: None,
    }
}

fn route(tenant: u32, when: When) -> Route {
    Route {
        name: "r".to_owned(),
        tenant: TenantId(tenant),
        when,
        limits: Box::default(),
        challenge: None,
        body_bytes_max: None,
        action: Action::Respond {
            status: 200,
            body: String::new(),
        },
    }
}

fn when(path: Option<PathPattern>, methods: &[&str]) -> When {
    When {
        host: None,
        path,
        methods: methods.iter().map(|one| (*one).to_owned()).collect(),
        headers: Box::default(),
    }
}

fn under(path: &str) -> Option<PathPattern> {
    Some(PathPattern::Below(path.to_owned()))
}

fn none(_: &str) -> Option<&'static [u8]> {
    None
}

fn only(name: &'static str, value: &'static str) -> impl Fn(&str) -> Option<&'static [u8]> {
    move |asked| (asked == name).then_some(value.as_bytes())
}

fn whose(table: &Table, host: &str, path: &str) -> Option<u32> {
    table.tenant(host, path, none).map(|tenant| tenant.0)
}

#[test]
fn an_exact_host_comes_before_the_longest_suffix_and_that_before_the_star() {
    let tenants = vec![
        tenant(&["*"], &[], None),
        tenant(&["*.example.org"], &[], None),
        tenant(&["*.b.example.org"], &[], None),
        tenant(&["a.b.example.org"], &[], None),
    ];
    let table = Table::new(&config(tenants, Vec::new()));
    assert_eq!(whose(&table, "a.b.example.org", "/"), Some(3));
    assert_eq!(whose(&table, "x.b.example.org", "/"), Some(2));
    assert_eq!(whose(&table, "x.y.b.example.org", "/"), Some(2));
    assert_eq!(whose(&table, "b.example.org", "/"), Some(1));
    assert_eq!(whose(&table, "x.y.example.org", "/"), Some(1));
    assert_eq!(whose(&table, "example.org", "/"), Some(0));
    assert_eq!(whose(&table, "notexample.org", "/"), Some(0));
    assert_eq!(whose(&table, ".example.org", "/"), Some(0));
    assert_eq!(whose(&table, "localhost", "/"), Some(0));
}

#[test]
fn a_host_that_nobody_has_is_nobodys() {
    let tenants = vec![tenant(&["a.example"], &[], None)];
    let table = Table::new(&config(tenants, Vec::new()));
    assert_eq!(whose(&table, "b.example", "/"), None);
    assert_eq!(whose(&table, "", "/"), None);
    assert!(!table.shares("b.example", TenantId(0)));
}

#[test]
fn the_longest_path_of_whole_segments_wins() {
    let tenants = vec![
        tenant(&["a.example"], &[], None),
        tenant(&["a.example"], &["/shop"], None),
        tenant(&["a.example"], &["/shop/cart/"], None),
    ];
    let table = Table::new(&config(tenants, Vec::new()));
    assert_eq!(whose(&table, "a.example", "/"), Some(0));
    assert_eq!(whose(&table, "a.example", "/shopping"), Some(0));
    assert_eq!(whose(&table, "a.example", "/shop"), Some(1));
    assert_eq!(whose(&table, "a.example", "/shop/"), Some(1));
    assert_eq!(whose(&table, "a.example", "/shop/cartoon"), Some(1));
    assert_eq!(whose(&table, "a.example", "/shop/cart"), Some(2));
    assert_eq!(whose(&table, "a.example", "/shop/cart/1/2/3"), Some(2));
}

#[test]
fn a_header_comes_before_a_path_and_needs_the_tenants_paths_too() {
    let tenants = vec![
        tenant(&["a.example"], &["/shop/cart"], None),
        tenant(&["a.example"], &["/shop"], Some(("X-Beta", "yes"))),
        tenant(&["a.example"], &[], Some(("x-beta", "no"))),
    ];
    let table = Table::new(&config(tenants, Vec::new()));
    let ask = |path, header: (&'static str, &'static str)| {
        let tenant = table.tenant("a.example", path, only(header.0, header.1));
        tenant.map(|tenant| tenant.0)
    };
    assert_eq!(ask("/shop/cart", ("x-beta", "yes")), Some(1));
    assert_eq!(ask("/shop/cart", ("x-beta", "no")), Some(2));
    assert_eq!(ask("/shop/cart", ("x-beta", "YES")), Some(0));
    assert_eq!(ask("/else", ("x-beta", "yes")), None);
    assert_eq!(whose(&table, "a.example", "/shop/cart"), Some(0));
}

#[test]
fn what_no_tenant_of_the_closest_pattern_takes_goes_to_the_next() {
    let tenants = vec![
        tenant(&["a.example"], &["/shop"], None),
        tenant(&["*"], &[], None),
    ];
    let table = Table::new(&config(tenants, Vec::new()));
    assert_eq!(whose(&table, "a.example", "/else"), Some(1));
    assert!(table.shares("a.example", TenantId(1)));
}

#[test]
fn a_connection_carries_only_tenants_that_its_server_name_reaches() {
    let tenants = vec![
        tenant(&["a.example", "c.example"], &[], None),
        tenant(&["b.example", "c.example"], &["/b"], None),
        tenant(&["*.example"], &[], None),
    ];
    let table = Table::new(&config(tenants, Vec::new()));
    let shares = |sni, tenant| table.shares(sni, TenantId(tenant));
    assert!(shares("a.example", 0));
    assert!(
        !shares("a.example", 1),
        "one may not be reached through another's name"
    );
    assert!(
        !shares("a.example", 2),
        "what is behind a tenant that takes all is not reached"
    );
    assert!(shares("c.example", 0) && shares("c.example", 1));
    assert!(shares("b.example", 1) && shares("b.example", 2) && !shares("b.example", 0));
    assert!(shares("d.example", 2) && !shares("d.example", 0));
    let at: Vec<u32> = table.at("b.example").map(|tenant| tenant.0).collect();
    assert_eq!(at, [1, 2]);
}

#[test]
fn the_first_route_of_the_file_wins_and_another_tenants_is_not_asked() {
    let tenants = vec![tenant(&["a"], &[], None), tenant(&["b"], &[], None)];
    let routes = vec![
        route(1, when(None, &[])),
        route(0, when(under("/api/"), &["POST"])),
        route(
            0,
            when(Some(PathPattern::Exact("/api".to_owned())), &["GET"]),
        ),
        route(0, when(under("/api"), &["GET", "DELETE"])),
        route(0, when(under("/open"), &[])),
    ];
    let table = Table::new(&config(tenants, routes));
    let ask = |path, method| table.route(TenantId(0), "a", path, method, none);
    assert_eq!(ask("/api", "POST"), Ok(RouteId(1)));
    assert_eq!(ask("/api", "GET"), Ok(RouteId(2)));
    assert_eq!(ask("/api/x", "GET"), Ok(RouteId(3)));
    assert_eq!(ask("/open/x", "PATCH"), Ok(RouteId(4)));
    assert_eq!(ask("/api", "get"), Err(Reason::MethodNotAllowed));
    assert_eq!(ask("/apis", "GET"), Err(Reason::RouteUnknown));
    assert_eq!(
        table.allowed_methods(TenantId(0), "a", "/api", none),
        ["DELETE", "GET", "POST"]
    );
    assert_eq!(
        table.route(TenantId(7), "a", "/", "GET", none),
        Err(Reason::RouteUnknown)
    );
}

#[test]
fn a_route_may_ask_for_a_host_and_for_headers() {
    let tenants = vec![tenant(&["*"], &[], None)];
    let mut first = route(0, when(None, &[]));
    first.when.host = Some(pattern("*.example"));
    first.when.headers = [("x-kind".to_owned(), "mobile".to_owned())].into();
    let table = Table::new(&config(tenants, vec![first]));
    let ask = |host, header: (&'static str, &'static str)| {
        table.route(TenantId(0), host, "/", "GET", only(header.0, header.1))
    };
    assert_eq!(ask("a.example", ("x-kind", "mobile")), Ok(RouteId(0)));
    assert_eq!(
        ask(".example", ("x-kind", "mobile")),
        Err(Reason::RouteUnknown)
    );
    assert_eq!(
        ask("example", ("x-kind", "mobile")),
        Err(Reason::RouteUnknown)
    );
    assert_eq!(
        ask("a.example", ("x-kind", "desk")),
        Err(Reason::RouteUnknown)
    );
    assert_eq!(
        ask("a.example", ("x-else", "mobile")),
        Err(Reason::RouteUnknown)
    );
}

#[test]
fn ten_thousand_tenants_take_a_few_megabytes() {
    let mut tenants = Vec::new();
    let mut routes = Vec::new();
    for n in 0..10_000 {
        let hosts = [
            format!("shop-{n}.example.org"),
            format!("*.t{n}.example.net"),
        ];
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        tenants.push(tenant(&hosts, &[], None));
        routes.push(route(n, when(under("/api"), &["GET", "POST"])));
        routes.push(route(n, when(None, &[])));
    }
    let table = Table::new(&config(tenants, routes));
    assert_eq!(whose(&table, "shop-9999.example.org", "/x"), Some(9_999));
    assert_eq!(whose(&table, "x.t17.example.net", "/x"), Some(17));
    let bytes = table.bytes();
    assert!(bytes < 6_000_000, "{bytes} bytes");
    assert!(
        bytes > 1_000_000,
        "{bytes} bytes is less than the names alone"
    );
}

#[test]
fn ten_thousand_tenants_of_one_host_are_told_apart() {
    let mut tenants = Vec::new();
    for n in 0..5_000 {
        tenants.push(tenant(&["a"], &[&format!("/team/{n}")], None));
        tenants.push(tenant(&["a"], &[], Some(("x-team", &n.to_string()))));
    }
    let table = Table::new(&config(tenants, Vec::new()));
    assert_eq!(whose(&table, "a", "/team/4999/x"), Some(9_998));
    assert_eq!(whose(&table, "a", "/team/49990"), None);
    let by_header = table.tenant("a", "/team/1", only("x-team", "4999"));
    assert_eq!(by_header, Some(TenantId(9_999)));
}

/// The rule, as it is said, over all tenants of the file.
fn model(
    tenants: &[Tenant],
    host: &str,
    path: &str,
    header: impl Fn(&str) -> Option<&'static [u8]>,
) -> Option<u32> {
    let closeness = |pattern: &HostPattern| match pattern {
        HostPattern::Exact(exact) if exact == host => Some(1_000),
        HostPattern::Under(suffix) if host.len() > suffix.len() && host.ends_with(suffix) => {
            Some(1 + suffix.len())
        }
        HostPattern::Any => Some(0),
        HostPattern::Exact(_) | HostPattern::Under(_) => None,
    };
    let mut best: Option<((usize, bool, usize), u32)> = None;
    for (id, tenant) in (0..).zip(tenants) {
        if let Some((name, value)) = &tenant.header
            && header(name) != Some(value.as_bytes())
        {
            continue;
        }
        let holding = tenant.paths.iter().map(|one| one.trim_end_matches('/'));
        let holding = holding.filter(|one| {
            path.split('/').zip(one.split('/')).all(|(a, b)| a == b)
                && path.split('/').count() >= one.split('/').count()
                || one.is_empty()
        });
        let length = match holding.map(str::len).max() {
            Some(length) => length,
            None if tenant.paths.is_empty() => 0,
            None => continue,
        };
        for close in tenant.hosts.iter().filter_map(closeness) {
            let rank = (close, tenant.header.is_some(), length);
            if best.is_none_or(|(other, _)| rank > other) {
                best = Some((rank, id));
            }
        }
    }
    best.map(|(_, id)| id)
}

const HOSTS: &[&str] = &["a.x", "b.x", "a.b.x", "x", "y", "a.a.b.x"];
const PATTERNS: &[&str] = &["a.x", "b.x", "a.b.x", "*.x", "*.b.x", "*.a.b.x", "*"];
const PATHS: &[&str] = &["/", "/a", "/a/b", "/ab", "/a/b/c", "/b", "/a/"];
const HEADERS: &[(&str, &str)] = &[("h", "1"), ("h", "2"), ("g", "1")];

fn any_tenant() -> impl Strategy<Value = Tenant> {
    let hosts = prop::collection::vec(prop::sample::select(PATTERNS), 1..3);
    let paths = prop::collection::vec(prop::sample::select(PATHS), 0..3);
    let header = prop::option::weighted(0.3, prop::sample::select(HEADERS));
    (hosts, paths, header).prop_map(|(hosts, paths, header)| tenant(&hosts, &paths, header))
}

proptest! {
    #[test]
    fn the_table_says_what_the_rule_says(
        tenants in prop::collection::vec(any_tenant(), 0..8),
        h in prop::option::of(prop::sample::select(&["1", "2"][..])),
        g in prop::option::of(prop::sample::select(&["1", "2"][..])),
    ) {
        let table = Table::new(&config(tenants.clone(), Vec::new()));
        let header = |name: &str| match name {
            "h" => h.map(str::as_bytes),
            "g" => g.map(str::as_bytes),
            _ => None,
        };
        for host in HOSTS {
            for path in PATHS {
                let found = table.tenant(host, path, header).map(|tenant| tenant.0);
                prop_assert_eq!(found, model(&tenants, host, path, header), "{} {}", host, path);
                if let Some(found) = found {
                    prop_assert!(table.shares(host, TenantId(found)));
                }
            }
        }
    }

    #[test]
    fn what_a_server_name_shares_is_what_some_request_to_it_reaches(
        tenants in prop::collection::vec(any_tenant(), 0..6),
    ) {
        let table = Table::new(&config(tenants.clone(), Vec::new()));
        for host in HOSTS {
            for id in 0..tenants.len() as u32 {
                let reached = PATHS.iter().chain(&["/a/b/c/d", "/z"]).any(|path| {
                    [None, Some("1"), Some("2")].iter().any(|h| {
                        [None, Some("1")].iter().any(|g| {
                            let header = |name: &str| match name {
                                "h" => h.map(str::as_bytes),
                                _ => g.map(str::as_bytes),
                            };
                            table.tenant(host, path, header) == Some(TenantId(id))
                        })
                    })
                });
                if reached {
                    prop_assert!(table.shares(host, TenantId(id)));
                } else if table.shares(host, TenantId(id)) {
                    // A header of another tenant may hide a path on the same level: the connection
                    // is still that host's, and the host the tenant's own.
                    let own = |pattern: &HostPattern| match pattern {
                        HostPattern::Exact(exact) => exact == host,
                        HostPattern::Under(suffix) => host.ends_with(suffix),
                        HostPattern::Any => true,
                    };
                    prop_assert!(tenants[id as usize].hosts.iter().any(own));
                }
            }
        }
    }
}
