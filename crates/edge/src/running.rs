//! One configuration as it runs. Another one takes its place whole; what both have under one name
//! and with the same settings goes on: counters, budgets, breakers, failover.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwapOption;
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
use crate::counts::{RouteCounts, TenantCounts};
use crate::tls::{BadTls, Certificates, Handshakes};
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
    pub(crate) authorities: Authorities,
}

/// One tenant.
pub(crate) struct Tenant {
    pub(crate) config: config::Tenant,
    pub(crate) permits: Permits,
    pub(crate) connections: Permits,
    pub(crate) bucket: Bucket,
    pub(crate) bytes: Option<Throttle>,
    pub(crate) usage: Usage,
    pub(crate) counts: TenantCounts,
}

impl Tenant {
    fn new(config: &config::Tenant) -> Tenant {
        Tenant {
            config: config.clone(),
            permits: Permits::new(config.requests_concurrent_max),
            connections: Permits::new(config.connections_max),
            bucket: Bucket::new(),
            bytes: config.bytes_per_s_max.map(|rate| Throttle::new(rate, rate)),
            usage: Usage::new(),
            counts: TenantCounts::default(),
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
    pub(crate) config: config::Route,
    pub(crate) retries: RetryBudget,
    pub(crate) counts: RouteCounts,
    /// Which tier answers, as the failover last said.
    serving: AtomicUsize,
    pub(crate) failover: Option<Mutex<Failover>>,
}

impl Route {
    fn new(place: usize, config: &config::Route) -> Route {
        let failover = match &config.action {
            config::Action::Forward(forward) if forward.tiers.len() > 1 => {
                let names = failover::names(&forward.tiers);
                Some(Mutex::new(Failover::new(
                    &forward.failover,
                    names,
                    clock::now(),
                )))
            }
            _ => None,
        };
        Route {
            place,
            config: config.clone(),
            retries: RetryBudget::new(),
            counts: RouteCounts::default(),
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
                Tier::Mirror(_) => true,
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
        config: Config,
        directory: &Path,
        state_dir: Option<&Path>,
        before: Option<&Running>,
    ) -> Result<Running, BadTls> {
        let table = Table::new(&config);
        let tenants = config.tenants.iter().map(|tenant| {
            let same = before.and_then(|before| {
                before
                    .tenants
                    .iter()
                    .find(|old| old.config == *tenant)
                    .cloned()
            });
            same.unwrap_or_else(|| Arc::new(Tenant::new(tenant)))
        });
        let upstreams = config.upstreams.iter().map(|upstream| {
            let same = before.and_then(|before| {
                before
                    .upstreams
                    .iter()
                    .find(|old| old.config == *upstream)
                    .cloned()
            });
            same.map_or_else(|| Upstream::new(upstream, directory).map(Arc::new), Ok)
        });
        let limits = config.limits.iter().map(|limit| {
            let same = before.and_then(|before| {
                let place = before.config.limits.iter().position(|old| old == limit)?;
                before.limits.get(place).cloned()
            });
            same.unwrap_or_else(|| Arc::new(Limits::new(limit)))
        });
        let routes = config.routes.iter().enumerate().map(|(place, route)| {
            let same = before.and_then(|before| {
                let old = before.routes.iter().find(|old| old.config == *route)?;
                let upstreams = before.config.upstreams == config.upstreams;
                (old.place == place && upstreams).then(|| old.clone())
            });
            same.unwrap_or_else(|| Arc::new(Route::new(place, route)))
        });
        let running = Running {
            tenants: tenants.collect(),
            upstreams: upstreams.collect::<Result<_, _>>()?,
            limits: limits.collect(),
            routes: routes.collect(),
            authorities: Authorities::read(&config, directory)?,
            handshakes: ArcSwapOption::empty(),
            directory: directory.to_owned(),
            state_dir: state_dir.map(Path::to_owned),
            table,
            config,
        };
        running.read_certificates()?;
        running.authorities.tell(&running.config);
        Ok(running)
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
        Ok(())
    }

    pub(crate) fn tenant(&self, id: TenantId) -> Option<&Arc<Tenant>> {
        self.tenants.get(usize::try_from(id.0).ok()?)
    }

    pub(crate) fn upstream(&self, id: UpstreamId) -> Option<&Arc<Upstream>> {
        self.upstreams.get(usize::try_from(id.0).ok()?)
    }

    pub(crate) fn limit(&self, id: LimitId) -> Option<(&config::Limit, &Arc<Limits>)> {
        let place = usize::try_from(id.0).ok()?;
        self.config.limits.get(place).zip(self.limits.get(place))
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
