//! What one version changes of another, and for whom: what people are shown before they say yes, and what
//! decides whether a version may go without a trigger.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use policy::config::{Action, Config, Tenant, TenantId, Tier};
use policy::version::Version;
use record::kinds::rollout::Part;

/// A version, read.
pub type Read<'v> = (&'v Version, &'v Config);

/// What a version changes of the one before; of none: all that it has.
pub fn parts(before: Option<Read<'_>>, after: Read<'_>) -> BTreeSet<Part> {
    let old = before.map(facets).unwrap_or_default();
    let new = facets(after);
    let all = Part::ALL.iter().copied();
    all.filter(|part| {
        let empty = String::new();
        let (old, new) = (old.get(part), new.get(part));
        old.unwrap_or(&empty) != new.unwrap_or(&empty)
    })
    .collect()
}

/// The tenants whose traffic may be answered otherwise, by name. Those that go are among them.
pub fn tenants(before: Option<Read<'_>>, after: Read<'_>) -> BTreeSet<String> {
    let changed = parts(before, after);
    let shared = [Part::Station, Part::Certificates, Part::Bans, Part::Files];
    let all = |read: Read<'_>| -> BTreeMap<String, String> {
        let tenants = read.1.tenants.iter().zip(0..);
        tenants
            .map(|(tenant, place)| (tenant.name.clone(), slice(read.1, tenant, TenantId(place))))
            .collect()
    };
    let old = before.map(all).unwrap_or_default();
    let new = all(after);
    let everybody = shared.iter().any(|part| changed.contains(part));
    let names = old.keys().chain(new.keys());
    names
        .filter(|name| everybody || old.get(*name) != new.get(*name))
        .cloned()
        .collect()
}

/// All that a configuration says of each part, as text to compare.
fn facets((version, config): Read<'_>) -> BTreeMap<Part, String> {
    let mut facets: BTreeMap<Part, String> = BTreeMap::new();
    // What is not there at all says nothing.
    let mut add = |part: Part, text: String| match text.trim_matches(['[', ']']) {
        "" | "None" => {}
        _ => facets.entry(part).or_default().push_str(&text),
    };
    // A tenant's own version says nothing of these.
    if version.tenant().is_none() {
        add(
            Part::Station,
            format!(
                "{:?}{:?}{:?}{:?}{:?}{:?}{:?}{:?}{:?}{:?}{:?}",
                config.workers,
                config.drain_ms,
                config.trusted,
                config.listen,
                config.connection,
                config.http2,
                config.overload,
                config.access_log,
                config.metrics,
                config.cohorts,
                config.rules_failure,
            ),
        );
    }
    add(Part::Certificates, format!("{:?}", config.certificates));
    add(Part::Certificates, format!("{:?}", config.acme));
    add(Part::Bans, format!("{:?}", config.bans));
    add(Part::Limits, format!("{:?}", config.limits));
    add(Part::Upstreams, format!("{:?}", config.upstreams));
    for (tenant, place) in config.tenants.iter().zip(0..) {
        let mut own = Tenant::clone(tenant);
        add(
            Part::Certificates,
            format!("{:?}", own.client_certificates.take()),
        );
        // A tenant's own version says nothing of tenants: the one that it is read with is nobody.
        if version.tenant().is_none() {
            add(Part::Tenants, format!("{own:?}"));
        }
        add(Part::Routes, routes(config, TenantId(place), false));
    }
    for (path, content) in version.files() {
        if path == policy::version::CONFIG {
            continue;
        }
        let part = if config.bans.contains(path) {
            Part::Bans
        } else if is_certificate(config, path) {
            Part::Certificates
        } else {
            Part::Files
        };
        let sum = record::hash::sha256(&[content]);
        add(part, format!("{path}{sum}"));
    }
    facets
}

fn is_certificate(config: &Config, path: &String) -> bool {
    let clients = config.tenants.iter();
    let mut clients = clients.filter_map(|tenant| tenant.client_certificates.as_ref());
    config
        .certificates
        .iter()
        .any(|pair| pair.chain_file == *path)
        || config
            .acme
            .iter()
            .any(|acme| acme.ca_file.as_ref() == Some(path))
        || clients.any(|clients| {
            let lists = [
                &clients.ca_files,
                &clients.revoked_files,
                &clients.crl_files,
            ];
            lists.into_iter().any(|list| list.contains(path))
        })
        || config.upstreams.iter().any(|upstream| {
            let tls = upstream.tls.as_ref();
            tls.is_some_and(|tls| tls.ca_file.as_ref() == Some(path))
        })
}

/// All that decides how one tenant's requests are answered.
fn slice(config: &Config, tenant: &Tenant, place: TenantId) -> String {
    format!("{tenant:?}{}", routes(config, place, true))
}

/// A tenant's routes, with names for places; `whole`: with what they lead to.
fn routes(config: &Config, tenant: TenantId, whole: bool) -> String {
    let mut text = String::new();
    for route in config.routes.iter().filter(|route| route.tenant == tenant) {
        let limits = route.limits.iter();
        let limits = limits.filter_map(|id| config.limits.get(usize::try_from(id.0).ok()?));
        let limits: Vec<String> = limits
            .map(|limit| match whole {
                true => format!("{limit:?}"),
                false => limit.name.clone(),
            })
            .collect();
        let action = match &route.action {
            Action::Forward(forward) => {
                let tiers = forward.tiers.iter().map(|tier| match tier {
                    Tier::Mirror(files) => format!("{files:?}"),
                    Tier::Upstream(id) => {
                        let found = usize::try_from(id.0).ok();
                        let found = found.and_then(|place| config.upstreams.get(place));
                        match (found, whole) {
                            (Some(upstream), true) => format!("{upstream:?}"),
                            (Some(upstream), false) => upstream.name.clone(),
                            (None, _) => String::new(),
                        }
                    }
                });
                let tiers: Vec<String> = tiers.collect();
                format!(
                    "{tiers:?}{:?}{:?}{}{}",
                    forward.failover, forward.retry, forward.keep_host, forward.websocket
                )
            }
            other => format!("{other:?}"),
        };
        // Writing to a string can't fail.
        let _ = write!(
            text,
            "{}{:?}{limits:?}{:?}{:?}{action}",
            route.name, route.when, route.challenge, route.body_bytes_max
        );
    }
    text
}
