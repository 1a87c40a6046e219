//! Building the table: once for each configuration, so that a look-up has nothing left to arrange.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Condition, Headed, Hosts, Level, Pathed, Rule, Span, Table, labels_bit};
use crate::config::{Config, HostPattern, PathPattern, Route, RouteId, Tenant, TenantId};

pub(super) fn table(config: &Config) -> Table {
    let mut levels = Levels::default();
    let mut table_exact = Hosts::default();
    let mut table_under = Hosts::default();
    let mut under_labels = 0;
    let mut any = None;
    for (pattern, tenants) in tenants_by_host(&config.tenants) {
        let level = levels.add(&tenants);
        match pattern {
            Pattern::Exact(host) => {
                table_exact.insert(host.into(), level);
            }
            Pattern::Under(suffix) => {
                under_labels |= labels_bit(suffix.matches('.').count());
                table_under.insert(suffix.into(), level);
            }
            Pattern::Any => any = Some(level),
        }
    }
    table_exact.shrink_to_fit();
    table_under.shrink_to_fit();
    let routes = Routes::new(config);
    Table {
        exact: table_exact,
        under: table_under,
        under_labels,
        any,
        levels: levels.levels.into(),
        header_names: levels.header_names.into(),
        headed: levels.headed.into(),
        pathed: levels.pathed.into(),
        members: levels.members.into(),
        rules: routes.rules.into(),
        rules_of: routes.rules_of.into(),
        text: routes.text.into(),
        methods: routes.methods.into(),
        headers: routes.headers.into(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pattern<'c> {
    Exact(&'c str),
    Under(&'c str),
    Any,
}

fn tenants_by_host(tenants: &[Arc<Tenant>]) -> BTreeMap<Pattern<'_>, Vec<(TenantId, &Tenant)>> {
    let mut by_host: BTreeMap<Pattern<'_>, Vec<(TenantId, &Tenant)>> = BTreeMap::new();
    for (id, tenant) in (0..).map(TenantId).zip(tenants) {
        for host in &tenant.hosts {
            let pattern = match host {
                HostPattern::Exact(host) => Pattern::Exact(host),
                HostPattern::Under(suffix) => Pattern::Under(suffix),
                HostPattern::Any => Pattern::Any,
            };
            by_host.entry(pattern).or_default().push((id, tenant));
        }
    }
    by_host
}

#[derive(Default)]
struct Levels {
    levels: Vec<Level>,
    header_names: Vec<Box<str>>,
    headed: Vec<Headed>,
    pathed: Vec<Pathed>,
    members: Vec<TenantId>,
}

impl Levels {
    /// The place of the level of these tenants, which come in the order of the file.
    fn add(&mut self, tenants: &[(TenantId, &Tenant)]) -> u32 {
        let mut level = Level::default();
        let mut headed = Vec::new();
        let mut pathed = Vec::new();
        for (id, tenant) in tenants {
            match &tenant.header {
                Some((name, value)) => {
                    let paths = paths(tenant).into_iter();
                    headed.extend(paths.map(|path| Headed {
                        name: name.to_ascii_lowercase().into(),
                        value: value.as_bytes().into(),
                        path: path.into(),
                        tenant: *id,
                    }));
                }
                None => {
                    for path in paths(tenant) {
                        if path.is_empty() {
                            level.rest = level.rest.or(Some(*id));
                            continue;
                        }
                        let path = path.into();
                        pathed.push(Pathed { path, tenant: *id });
                    }
                }
            }
        }
        headed.sort_by(|a, b| (&a.name, &a.value, a.rank()).cmp(&(&b.name, &b.value, b.rank())));
        pathed.sort_by(|a, b| (&a.path, a.tenant).cmp(&(&b.path, b.tenant)));
        pathed.dedup_by(|later, first| later.path == first.path);
        // Who asks for what another asked for before is never reached, and no member.
        headed.dedup_by(|later, first| {
            (&later.name, &later.value, &later.path) == (&first.name, &first.value, &first.path)
        });
        let by_header = headed.iter().map(|one| one.tenant);
        let by_path = pathed.iter().map(|one| one.tenant);
        let mut members: Vec<TenantId> = by_header.chain(by_path).collect();
        members.sort_unstable();
        members.dedup();
        let segments = pathed.iter().map(|one| one.path.matches('/').count());
        level.segments_max = segments.max().map_or(0, small);
        let mut names: Vec<Box<str>> = headed.iter().map(|one| one.name.clone()).collect();
        names.dedup();
        level.header_names = append(&mut self.header_names, names);
        level.headed = append(&mut self.headed, headed);
        level.pathed = append(&mut self.pathed, pathed);
        level.members = append(&mut self.members, members);
        self.levels.push(level);
        small(self.levels.len() - 1)
    }
}

/// What a tenant asks for, without the slash at the end; empty: everything.
fn paths(tenant: &Tenant) -> Vec<&str> {
    if tenant.paths.is_empty() {
        return vec![""];
    }
    let paths = tenant.paths.iter();
    paths.map(|path| path.trim_end_matches('/')).collect()
}

fn append<T>(all: &mut Vec<T>, more: Vec<T>) -> Span {
    let from = small(all.len());
    all.extend(more);
    Span {
        from,
        to: small(all.len()),
    }
}

/// Places are 32 bits wide, as the configuration's own are.
fn small(place: usize) -> u32 {
    u32::try_from(place).expect("a configuration has fewer than 2^32 of anything")
}

#[derive(Default)]
struct Routes {
    rules: Vec<Rule>,
    rules_of: Vec<Span>,
    text: String,
    methods: Vec<Span>,
    headers: Vec<(Span, Span)>,
}

impl Routes {
    fn new(config: &Config) -> Routes {
        let mut by_tenant: Vec<Vec<(RouteId, &Route)>> = vec![Vec::new(); config.tenants.len()];
        for (id, route) in (0..).map(RouteId).zip(&config.routes) {
            if let Some(of_tenant) = by_tenant.get_mut(route.tenant.0 as usize) {
                of_tenant.push((id, route));
            }
        }
        let mut routes = Routes::default();
        for of_tenant in by_tenant {
            let rules = of_tenant.into_iter();
            let rules = rules.map(|(id, route)| routes.rule(id, route)).collect();
            let span = append(&mut routes.rules, rules);
            routes.rules_of.push(span);
        }
        routes
    }

    fn rule(&mut self, id: RouteId, route: &Route) -> Rule {
        let when = &route.when;
        let path = match &when.path {
            None => Condition::Any,
            Some(PathPattern::Exact(exact)) => Condition::Exact(self.word(exact)),
            Some(PathPattern::Below(prefix)) => {
                Condition::Under(self.word(prefix.trim_end_matches('/')))
            }
        };
        let host = match &when.host {
            None | Some(HostPattern::Any) => Condition::Any,
            Some(HostPattern::Exact(exact)) => Condition::Exact(self.word(exact)),
            Some(HostPattern::Under(suffix)) => Condition::Under(self.word(suffix)),
        };
        let methods = when.methods.iter();
        let methods = methods.map(|method| self.word(method)).collect();
        let headers = when.headers.iter().map(|(name, value)| {
            let name = self.word(&name.to_ascii_lowercase());
            (name, self.word(value))
        });
        let headers = headers.collect();
        Rule {
            id,
            host,
            path,
            methods: append(&mut self.methods, methods),
            headers: append(&mut self.headers, headers),
        }
    }

    fn word(&mut self, word: &str) -> Span {
        let from = small(self.text.len());
        self.text.push_str(word);
        Span {
            from,
            to: small(self.text.len()),
        }
    }
}

/// Of each allocation the bytes asked for and sixteen more: what an allocator adds, about.
pub(super) fn bytes(table: &Table) -> usize {
    const EACH: usize = 16;
    let text = |text: &str| {
        if text.is_empty() {
            0
        } else {
            text.len() + EACH
        }
    };
    let hosts = |hosts: &Hosts| {
        // One byte of control for each place beside the pair itself, and places for 8/7 as many.
        let places = (hosts.capacity() * 8 / 7).next_power_of_two();
        let keys: usize = hosts.keys().map(|key| text(key)).sum();
        places * (size_of::<(Box<str>, u32)>() + 1) + keys
    };
    let headed = table.headed.iter();
    let headed = headed.map(|one| text(&one.name) + text(&one.path) + one.value.len() + EACH);
    let pathed = table.pathed.iter().map(|one| text(&one.path));
    hosts(&table.exact)
        + hosts(&table.under)
        + size_of_val(&*table.levels)
        + size_of_val(&*table.header_names)
        + size_of_val(&*table.headed)
        + headed.sum::<usize>()
        + size_of_val(&*table.pathed)
        + pathed.sum::<usize>()
        + size_of_val(&*table.members)
        + size_of_val(&*table.rules)
        + size_of_val(&*table.rules_of)
        + table.text.len()
        + size_of_val(&*table.methods)
        + size_of_val(&*table.headers)
}
