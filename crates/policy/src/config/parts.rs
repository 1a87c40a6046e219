//! A configuration put together of parts: what the fleet's version says, what a tenant's own version says of
//! its routes, and which tenants a cell has at all.
//!
//! A tenant's own version says where its requests go and what they may cost there. Its hosts, its budgets
//! and its certificates stay the fleet's to say: they are what keeps tenants apart.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::{
    Action, Config, Files, HostPattern, Limit, LimitId, Route, Tenant, TenantId, Tier, Upstream,
    UpstreamId,
};

/// What [`Config::parse`] calls the tenant of a file that names none.
const NAMELESS: &str = "default";

impl Config {
    /// What stands in it beside upstreams, limits and routes without a tenant: all that a tenant's own
    /// version may not say.
    pub fn beyond_one_tenant(&self) -> Vec<&'static str> {
        let none = Config::default();
        let nameless = Tenant {
            name: NAMELESS.to_owned(),
            hosts: Box::new([HostPattern::Any]),
            ..Tenant::default()
        };
        let named = self.tenants.iter().any(|tenant| **tenant != nameless);
        let said = [
            ("cell", self.cell != none.cell),
            ("workers", self.workers != none.workers),
            ("drain_ms", self.drain_ms != none.drain_ms),
            ("trusted", self.trusted != none.trusted),
            ("listen", self.listen != none.listen),
            ("connection", self.connection != none.connection),
            ("http2", self.http2 != none.http2),
            ("overload", self.overload != none.overload),
            ("access_log", self.access_log != none.access_log),
            ("metrics", self.metrics != none.metrics),
            ("cohort", self.cohorts != none.cohorts),
            ("rules_failure", self.rules_failure != none.rules_failure),
            ("bans", self.bans != none.bans),
            ("certificate", self.certificates != none.certificates),
            ("acme", self.acme != none.acme),
            ("tenant", named),
        ];
        let said = said.into_iter().filter(|(_, said)| *said);
        said.map(|(key, _)| key).collect()
    }

    /// Keeps only the tenants of the cell that this configuration is for.
    pub fn keep_own_cell(&mut self) {
        let cell = self.cell.clone();
        let other = |tenant: &Arc<Tenant>| tenant.cell.as_ref().is_some_and(|of| *of != cell);
        if self.tenants.iter().any(other) {
            self.rebuild(
                |tenant| tenant.cell.as_ref().is_none_or(|of| *of == cell),
                None,
            );
        }
    }

    /// Has a tenant's own version say where its requests go, instead of this one. Whether there is such a
    /// tenant. Files that it names lie in `place`. What it calls `api` is called `shop.api` here: nothing of
    /// one tenant's is another's.
    pub fn put(&mut self, tenant: &str, own: &Config, place: &Path) -> bool {
        let here = self.tenants.iter().position(|one| one.name == tenant);
        let Some(here) = here.and_then(|here| u32::try_from(here).ok()) else {
            return false;
        };
        self.rebuild(|_| true, Some(TenantId(here)));
        let (upstreams, limits) = (self.upstreams.len(), self.limits.len());
        let behind =
            |base: usize, id: u32| u32::try_from(base).unwrap_or(u32::MAX).saturating_add(id);
        let named = |name: &str| format!("{tenant}.{name}");
        let laid = |path: &str| place.join(path).to_string_lossy().into_owned();
        self.upstreams.extend(own.upstreams.iter().map(|upstream| {
            let mut upstream = Upstream::clone(upstream);
            upstream.name = named(&upstream.name);
            if let Some(file) = upstream.tls.as_mut().and_then(|tls| tls.ca_file.as_mut()) {
                *file = laid(file);
            }
            Arc::new(upstream)
        }));
        self.limits.extend(own.limits.iter().map(|limit| {
            Arc::new(Limit {
                name: named(&limit.name),
                ..Limit::clone(limit)
            })
        }));
        self.routes.extend(own.routes.iter().map(|route| {
            let mut route = Route::clone(route);
            route.name = named(&route.name);
            route.tenant = TenantId(here);
            for id in &mut route.limits {
                *id = LimitId(behind(limits, id.0));
            }
            for tier in tiers(&mut route.action) {
                *tier = UpstreamId(behind(upstreams, tier.0));
            }
            for files in directories(&mut route.action) {
                files.directory = laid(&files.directory);
            }
            Arc::new(route)
        }));
        true
    }

    /// Leaves tenants out, and the routes of one: with them goes what only they used.
    fn rebuild(&mut self, keep: impl Fn(&Tenant) -> bool, without: Option<TenantId>) {
        let mut tenants = Places::default();
        let mut upstreams = Places::default();
        let mut limits = Places::default();
        for (tenant, id) in self.tenants.iter().zip(0..) {
            if keep(tenant) {
                tenants.of(id);
            }
        }
        let routes = std::mem::take(&mut self.routes);
        for route in routes {
            let Some(tenant) = tenants.there.get(&route.tenant.0).copied() else {
                continue;
            };
            if without == Some(route.tenant) {
                continue;
            }
            let mut route = Route::clone(&route);
            route.tenant = TenantId(tenant);
            for id in &mut route.limits {
                *id = LimitId(limits.of(id.0));
            }
            for id in tiers(&mut route.action) {
                *id = UpstreamId(upstreams.of(id.0));
            }
            self.routes.push(Arc::new(route));
        }
        self.tenants = tenants.taken(&self.tenants);
        self.upstreams = upstreams.taken(&self.upstreams);
        self.limits = limits.taken(&self.limits);
    }
}

/// New places for what is used, in the order in which it was met.
#[derive(Default)]
struct Places {
    there: HashMap<u32, u32>,
    order: Vec<u32>,
}

impl Places {
    fn of(&mut self, old: u32) -> u32 {
        let next = u32::try_from(self.order.len()).unwrap_or(u32::MAX);
        let order = &mut self.order;
        *self.there.entry(old).or_insert_with(|| {
            order.push(old);
            next
        })
    }

    fn taken<T>(&self, all: &[Arc<T>]) -> Vec<Arc<T>> {
        let places = self.order.iter();
        let found = places.filter_map(|old| all.get(usize::try_from(*old).ok()?));
        found.cloned().collect()
    }
}

fn tiers(action: &mut Action) -> impl Iterator<Item = &mut UpstreamId> {
    let tiers = match action {
        Action::Forward(forward) => &mut forward.tiers[..],
        _ => &mut [],
    };
    tiers.iter_mut().filter_map(|tier| match tier {
        Tier::Upstream(id) => Some(id),
        Tier::Mirror(_) => None,
    })
}

fn directories(action: &mut Action) -> impl Iterator<Item = &mut Files> {
    let (own, tiers) = match action {
        Action::Files(files) => (Some(files), &mut [][..]),
        Action::Forward(forward) => (None, &mut forward.tiers[..]),
        _ => (None, &mut [][..]),
    };
    let mirrors = tiers.iter_mut().filter_map(|tier| match tier {
        Tier::Mirror(files) => Some(files),
        Tier::Upstream(_) => None,
    });
    own.into_iter().chain(mirrors)
}

#[cfg(test)]
mod tests;
