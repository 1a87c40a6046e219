//! One configuration as it runs. Another one takes its place whole; what both have under one name
//! and with the same settings goes on: counters, budgets, breakers, failover.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use arc_swap::{ArcSwap, ArcSwapOption};
use policy::Moment;
use policy::breaker::State;
use policy::bytes::Throttle;
use policy::config::{self, Config, LimitId, RouteId, TenantId, Tier, UpstreamId};
use policy::failover::{self, Failover, Saved};
use policy::limits::{Bucket, Limits};
use policy::permits::Permits;
use policy::retries::RetryBudget;
use policy::shed::Usage;
use policy::table::Table;

use crate::acme;
use crate::clients::Authorities;
use crate::clock;
use crate::counts::{Cohorts, RouteCounts, TenantCounts};
use crate::rules::Patience;
use crate::tls::{self, BadTls, Certificates, Handshakes};
use crate::upstream::{Upstream, lock};

/// All of it.
pub(crate) struct Running {
    pub(crate) config: Config,
    /// Where relative paths of the configuration begin.
    pub(crate) directory: PathBuf,
    /// Where certificates are that ACME gave; none: nobody looks.
    state_dir: Option<PathBuf>,
    pub(crate) table: Table,
    tenants: Vec<Arc<Tenant>>,
    upstreams: Vec<Arc<Upstream>>,
    limits: Vec<Arc<Limits>>,
    routes: Vec<Arc<Route>>,
    /// With HTTP/2 and without.
    pub(crate) handshakes: ArcSwapOption<(Handshakes, Handshakes)>,
    /// Until when each of the edge's own certificates holds, by its file, in seconds since 1970: the
    /// bounded few that there are series of.
    pub(crate) certificate_ends: ArcSwap<Vec<(String, i64)>>,
    pub(crate) authorities: Authorities,
}

/// Certificates that have series of their own.
const CERTIFICATES_MAX: usize = 100;

/// One tenant.
pub(crate) struct Tenant {
    pub(crate) config: Arc<config::Tenant>,
    pub(crate) permits: Permits,
    pub(crate) connections: Permits,
    pub(crate) bucket: Bucket,
    pub(crate) bytes: Option<Throttle>,
    pub(crate) usage: Usage,
    pub(crate) counts: TenantCounts,
    pub(crate) patience: Patience,
}

impl Tenant {
    pub(crate) fn new(config: &Arc<config::Tenant>) -> Tenant {
        Tenant {
            config: config.clone(),
            permits: Permits::new(config.requests_concurrent_max),
            connections: Permits::new(config.connections_max),
            bucket: Bucket::new(),
            bytes: config.bytes_per_s_max.map(|rate| Throttle::new(rate, rate)),
            usage: Usage::new(),
            counts: TenantCounts::default(),
            patience: Patience::default(),
        }
    }

    /// So many bytes go out: how long the next wait, in milliseconds.
    pub(crate) fn pace(&self, size: usize) -> u64 {
        self.bytes
            .as_ref()
            .map_or(0, |bytes| bytes.charge(size as u64, clock::now()))
    }
}

/// One route.
pub(crate) struct Route {
    pub(crate) place: usize,
    pub(crate) config: Arc<config::Route>,
    pub(crate) retries: RetryBudget,
    pub(crate) counts: RouteCounts,
    pub(crate) cohorts: Cohorts,
    /// Which tier answers, as the failover last said.
    serving: AtomicUsize,
    /// Where there is another tier to fail over to: most routes have one alone.
    pub(crate) failover: Option<Box<Mutex<Failover>>>,
}

impl Route {
    fn new(place: usize, config: &Arc<config::Route>, cohorts: usize) -> Route {
        let failover = match &config.action {
            config::Action::Forward(forward) if forward.tiers.len() > 1 => {
                let names = failover::names(&forward.tiers);
                let failover = Failover::new(&forward.failover, names, clock::now());
                Some(Box::new(Mutex::new(failover)))
            }
            _ => None,
        };
        Route {
            place,
            config: config.clone(),
            retries: RetryBudget::new(),
            counts: RouteCounts::default(),
            cohorts: Cohorts::new(cohorts),
            serving: AtomicUsize::new(0),
            failover,
        }
    }

    pub(crate) fn serving(&self) -> usize {
        self.serving.load(Relaxed)
    }

    /// How its failover stands, for a successor.
    pub(crate) fn save(&self, now: Moment) -> Option<Saved> {
        self.failover
            .as_ref()
            .map(|failover| lock(failover).save(now))
    }

    /// Goes on where an old edge stood; begins anew if the tiers are others now.
    pub(crate) fn restore(&self, saved: &Saved) {
        let (config::Action::Forward(forward), Some(failover)) =
            (&self.config.action, &self.failover)
        else {
            return;
        };
        let names = failover::names(&forward.tiers);
        match Failover::restore(&forward.failover, names, saved, clock::now()) {
            Ok(restored) => {
                self.serving.store(restored.serving(), Relaxed);
                *lock(failover) = restored;
            }
            Err(error) => {
                tracing::warn!(route = self.config.name, %error, "its failover begins anew");
            }
        }
    }

    /// Says how its tiers are, and moves to another if it is time.
    pub(crate) fn step(&self, running: &Running) {
        let (config::Action::Forward(forward), Some(failover)) =
            (&self.config.action, &self.failover)
        else {
            return;
        };
        let now = clock::now();
        let mut failover = lock(failover);
        let up: Vec<bool> = forward
            .tiers
            .iter()
            .enumerate()
            .map(|(place, tier)| match tier {
                Tier::Upstream(upstream) => running.upstream(*upstream).is_some_and(|upstream| {
                    // One that nobody asks is not up because it is to be tried.
                    let tried =
                        place == failover.serving() || upstream.breaker(now) == State::Closed;
                    tried && upstream.is_up(now)
                }),
                Tier::Mirror(mirror) => running.directory.join(&mirror.directory).is_dir(),
            })
            .collect();
        if let Some(change) = failover.step(now, &up) {
            tracing::warn!(route = self.config.name, "{change}");
        }
        self.serving.store(failover.serving(), Relaxed);
    }
}

impl Running {
    /// Makes it run; what `before` has under the same name with the same settings is taken over.
    ///
    /// # Errors
    /// When a certificate or a CA can't be used.
    pub(crate) fn new(
        mut config: Config,
        directory: &Path,
        state_dir: Option<&Path>,
        before: Option<&Running>,
    ) -> Result<Running, BadTls> {
        let tenants = tenants(&config, before);
        let upstreams = upstreams(&config, before, directory)?;
        let limits = limits(&config, before);
        let routes = routes(&config, before);
        // What goes on has its settings already: a second copy of them is not kept.
        config.tenants = tenants.iter().map(|one| one.config.clone()).collect();
        config.upstreams = upstreams.iter().map(|one| one.config.clone()).collect();
        config.routes = routes.iter().map(|one| one.config.clone()).collect();
        let running = Running {
            table: Table::new(&config),
            tenants,
            upstreams,
            limits,
            routes,
            authorities: Authorities::read(&config, directory)?,
            handshakes: ArcSwapOption::empty(),
            certificate_ends: ArcSwap::default(),
            directory: directory.to_owned(),
            state_dir: state_dir.map(Path::to_owned),
            config,
        };
        running.read_certificates()?;
        running.authorities.tell(&running.config);
        Ok(running)
    }

    /// How each route's failover stands.
    pub(crate) fn save(&self) -> Vec<(String, Saved)> {
        let now = clock::now();
        let routes = self.routes().iter();
        routes
            .filter_map(|route| Some((route.config.name.clone(), route.save(now)?)))
            .collect()
    }

    /// Each upstream with servers whose probes fail.
    pub(crate) fn unhealthy(&self) -> Vec<(String, Vec<String>)> {
        let now = clock::now();
        let upstreams = self.upstreams().iter();
        upstreams
            .map(|upstream| (upstream.config.name.clone(), upstream.unhealthy(now)))
            .filter(|(_, servers)| !servers.is_empty())
            .collect()
    }

    /// Goes on with what an old edge knew of its upstreams' servers.
    pub(crate) fn begin_unhealthy(&self, known: &[(String, Vec<String>)]) {
        for (name, servers) in known {
            let upstreams = self.upstreams().iter();
            for upstream in upstreams.filter(|upstream| upstream.config.name == *name) {
                upstream.begin_unhealthy(servers);
            }
        }
    }

    /// Goes on with what an old edge says of its routes.
    pub(crate) fn restore(&self, saved: &[(String, Saved)]) {
        for (name, saved) in saved {
            let route = self.routes.iter().find(|route| route.config.name == *name);
            if let Some(route) = route {
                route.restore(saved);
            }
        }
    }

    /// Where ACME's certificates are, or will be.
    pub(crate) fn acme_files(&self) -> Vec<PathBuf> {
        let state_dir = self.state_dir.as_deref();
        state_dir.map_or_else(Vec::new, |state_dir| acme::files(&self.config, state_dir))
    }

    /// Reads the certificates. One of ACME that can't be used is passed over: there will be another.
    ///
    /// # Errors
    /// When one of the others can't be used; the ones before stay then.
    pub(crate) fn read_certificates(&self) -> Result<(), BadTls> {
        let own = self.config.certificates.iter().map(|certificate| {
            let place = |file: &str| self.directory.join(file);
            (place(&certificate.chain_file), place(&certificate.key_file))
        });
        let mut certificates = Certificates::read(&own.collect::<Vec<_>>())?;
        for file in self.acme_files().iter().filter(|file| file.exists()) {
            if let Err(error) = certificates.also(file, file) {
                tracing::error!(%error, "a certificate is passed over");
            }
        }
        if certificates.is_empty() {
            return Ok(());
        }
        let certificates = Arc::new(certificates);
        let (config, table) = (&self.config, &self.table);
        let with =
            |http2| Handshakes::new(config, table, certificates.clone(), http2, &self.directory);
        self.handshakes
            .store(Some(Arc::new((with(false)?, with(true)?))));
        let own = self.config.certificates.iter();
        let own = own.map(|one| self.directory.join(&one.chain_file));
        let ends = own
            .chain(self.acme_files())
            .take(CERTIFICATES_MAX)
            .filter_map(|file| Some((file.display().to_string(), tls::validity_s(&file).ok()?.1)));
        self.certificate_ends.store(Arc::new(ends.collect()));
        Ok(())
    }

    pub(crate) fn tenant(&self, id: TenantId) -> Option<&Arc<Tenant>> {
        self.tenants.get(usize::try_from(id.0).ok()?)
    }

    /// Which tenant has this name now.
    pub(crate) fn tenant_named(&self, name: &str) -> Option<(TenantId, &Arc<Tenant>)> {
        let place = self
            .tenants
            .iter()
            .position(|one| one.config.name == name)?;
        Some((
            TenantId(u32::try_from(place).ok()?),
            self.tenants.get(place)?,
        ))
    }

    pub(crate) fn upstream(&self, id: UpstreamId) -> Option<&Arc<Upstream>> {
        self.upstreams.get(usize::try_from(id.0).ok()?)
    }

    pub(crate) fn limit(&self, id: LimitId) -> Option<(&config::Limit, &Arc<Limits>)> {
        let place = usize::try_from(id.0).ok()?;
        let limit = self.config.limits.get(place)?;
        Some((limit, self.limits.get(place)?))
    }

    pub(crate) fn route(&self, id: RouteId) -> Option<&Arc<Route>> {
        self.routes.get(usize::try_from(id.0).ok()?)
    }

    pub(crate) fn tenants(&self) -> &[Arc<Tenant>] {
        &self.tenants
    }

    pub(crate) fn upstreams(&self) -> &[Arc<Upstream>] {
        &self.upstreams
    }

    pub(crate) fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }
}

fn tenants(config: &Config, before: Option<&Running>) -> Vec<Arc<Tenant>> {
    let before = before.map_or(&[][..], Running::tenants);
    let before: HashMap<_, _> = before.iter().map(|old| (&*old.config.name, old)).collect();
    let tenants = config.tenants.iter().map(|tenant| {
        let same = before.get(&*tenant.name);
        match same.filter(|old| old.config == *tenant) {
            Some(old) => Arc::clone(old),
            None => Arc::new(Tenant::new(tenant)),
        }
    });
    tenants.collect()
}

fn upstreams(
    config: &Config,
    before: Option<&Running>,
    directory: &Path,
) -> Result<Vec<Arc<Upstream>>, BadTls> {
    let before = before.map_or(&[][..], Running::upstreams);
    let before: HashMap<_, _> = before.iter().map(|old| (&*old.config.name, old)).collect();
    let upstreams = config.upstreams.iter().map(|upstream| {
        let same = before.get(&*upstream.name);
        match same.filter(|old| old.config == *upstream) {
            Some(old) => Ok(Arc::clone(old)),
            None => Upstream::new(upstream, directory).map(Arc::new),
        }
    });
    upstreams.collect()
}

fn limits(config: &Config, before: Option<&Running>) -> Vec<Arc<Limits>> {
    let before = before.iter();
    let before = before.flat_map(|before| before.config.limits.iter().zip(&before.limits));
    let before: HashMap<_, _> = before.map(|old| (&*old.0.name, old)).collect();
    let limits = config.limits.iter().map(|limit| {
        let same = before.get(&*limit.name);
        match same.filter(|(old, _)| *old == limit) {
            Some((_, buckets)) => Arc::clone(buckets),
            None => Arc::new(Limits::new(limit)),
        }
    });
    limits.collect()
}

/// A route goes on at its old place only, and while its tiers are the same ones: both are known by
/// their places.
fn routes(config: &Config, before: Option<&Running>) -> Vec<Arc<Route>> {
    let around = before.is_some_and(|before| {
        before.config.upstreams == config.upstreams && before.config.cohorts == config.cohorts
    });
    let before = before.map_or(&[][..], Running::routes);
    let failovers: HashMap<&str, Saved> = before
        .iter()
        .filter_map(|old| Some((old.config.name.as_str(), old.save(clock::now())?)))
        .collect();
    let routes = config.routes.iter().enumerate().map(|(place, route)| {
        let same = before.get(place).filter(|_| around);
        if let Some(old) = same.filter(|old| old.config == *route) {
            return Arc::clone(old);
        }
        let changed = Route::new(place, route, config.cohorts.len());
        // What its tiers went through is not forgotten because something else is another way now.
        if let Some(saved) = failovers.get(route.name.as_str()) {
            changed.restore(saved);
        }
        Arc::new(changed)
    });
    routes.collect()
}

#[cfg(test)]
mod tests;
