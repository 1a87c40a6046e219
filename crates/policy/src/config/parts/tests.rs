//! What is put together says of every tenant what its part said, and nothing of another's.

use super::*;
use crate::config::{PathPattern, Protocol};

const FLEET: &str = r#"
cell = "eu-1"
[[tenant]]
name = "shop"
hosts = ["shop.example"]
cell = "eu-1"
[[tenant]]
name = "bank"
hosts = ["bank.example"]
cell = "us-1"
[[tenant]]
name = "blog"
hosts = ["blog.example"]
[[upstream]]
name = "bank"
servers = ["127.0.0.1:9001"]
[[upstream]]
name = "api"
servers = ["127.0.0.1:9002"]
[[upstream]]
name = "both"
servers = ["127.0.0.1:9003"]
[[limit]]
name = "bank"
key = "address"
rate = { requests = 1 }
[[limit]]
name = "few"
key = "address"
rate = { requests = 2 }
[[route]]
name = "bank"
tenant = "bank"
limits = ["bank"]
to = ["bank", "both"]
[[route]]
name = "shop"
tenant = "shop"
limits = ["few"]
to = "api"
[[route]]
name = "blog"
tenant = "blog"
limits = ["few"]
to = "both"
"#;

const OWN: &str = r#"
[[upstream]]
name = "api"
servers = ["127.0.0.1:9100"]
tls = { name = "api.example", ca_file = "ca.pem" }
[[limit]]
name = "few"
key = "tenant"
rate = { requests = 7 }
[[route]]
name = "files"
path = "/img/*"
files = { directory = "www" }
[[route]]
name = "shop"
limits = ["few"]
to = "api"
mirror = { directory = "/srv/mirror" }
"#;

fn parse(text: &str) -> Config {
    Config::parse(text).unwrap()
}

/// Each route: its tenant, its name, and the names of what it leads to and is limited by.
fn said(config: &Config) -> Vec<String> {
    let place = |id: u32| usize::try_from(id).unwrap();
    let routes = config.routes.iter().map(|route| {
        let mut route = Route::clone(route);
        let limits: Vec<_> = route
            .limits
            .iter()
            .map(|id| &config.limits[place(id.0)].name)
            .collect();
        let tiers: Vec<_> = tiers(&mut route.action)
            .map(|id| &config.upstreams[place(id.0)].name)
            .collect();
        let tenant = &config.tenants[place(route.tenant.0)].name;
        format!("{tenant} {} {limits:?} {tiers:?}", route.name)
    });
    routes.collect()
}

#[test]
fn a_cell_has_its_own_tenants_and_what_they_use() {
    let mut config = parse(FLEET);
    config.keep_own_cell();
    assert_eq!(
        said(&config),
        [
            r#"shop shop ["few"] ["api"]"#,
            r#"blog blog ["few"] ["both"]"#
        ]
    );
    assert_eq!(
        (
            config.tenants.len(),
            config.upstreams.len(),
            config.limits.len()
        ),
        (2, 2, 1)
    );
    let mut other = parse(&FLEET.replacen("eu-1", "us-1", 1));
    other.keep_own_cell();
    assert_eq!(
        said(&other),
        [
            r#"bank bank ["bank"] ["bank", "both"]"#,
            r#"blog blog ["few"] ["both"]"#
        ]
    );
    // Where nobody is elsewhere, nothing moves.
    let text = FLEET.replace("cell = \"us-1\"", "").replace(
        "cell = \"eu-1\"\n[[tenant]]\nname = \"bank\"",
        "[[tenant]]\nname = \"bank\"",
    );
    let all = parse(&text);
    let mut kept = all.clone();
    kept.keep_own_cell();
    assert_eq!(kept, all);
}

#[test]
fn a_tenants_own_version_stands_for_the_fleets_routes_of_it() {
    let mut config = parse(FLEET);
    let own = parse(OWN);
    assert_eq!(own.beyond_one_tenant(), Vec::<&str>::new());
    assert!(config.put("shop", &own, Path::new("/versions/7")));
    assert_eq!(
        said(&config),
        [
            r#"bank bank ["bank"] ["bank", "both"]"#,
            r#"blog blog ["few"] ["both"]"#,
            "shop shop.files [] []",
            r#"shop shop.shop ["shop.few"] ["shop.api"]"#,
        ]
    );
    // What only the fleet's route to the shop used is gone.
    let upstreams: Vec<_> = config
        .upstreams
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(upstreams, ["bank", "both", "shop.api"]);
    let api = config.upstreams.last().unwrap();
    let ca = api.tls.as_ref().and_then(|tls| tls.ca_file.clone());
    assert_eq!(ca.as_deref(), Some("/versions/7/ca.pem"));
    assert_eq!(api.protocol, Protocol::Http1);
    let places: Vec<String> = config.routes[2..]
        .iter()
        .flat_map(|route| {
            let mut action = route.action.clone();
            directories(&mut action)
                .map(|files| files.directory.clone())
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(places, ["/versions/7/www", "/srv/mirror"]);
    assert_eq!(
        config.routes[2].when.path,
        Some(PathPattern::Below("/img".into()))
    );
    // The budgets stay the fleet's.
    assert_eq!(config.tenants, parse(FLEET).tenants);
    // The next one stands for the one before.
    let mut twice = config.clone();
    assert!(twice.put("shop", &own, Path::new("/versions/7")));
    assert_eq!(said(&twice), said(&config));
    assert_eq!(twice.upstreams.len(), config.upstreams.len());
    assert!(!config.put("nobody", &own, Path::new("/")));
}
