//! What all threads of one edge share.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use base::Timestamp;
use hyper::Method;
use policy::certificate::{Builder, Knowledge};
use policy::challenge::Challenger;
use policy::permits::{Permit, Permits};
use policy::shed::Shed;
use policy::{Prefix, Reason, Seed};
use serde::Serialize;
use tokio::sync::watch;

use crate::account::{Account, RequestId};
use crate::acme::Acme;
use crate::clock;
use crate::counts::{Count, Latency, Refusals, Statuses};
use crate::judge::Rules;
use crate::ledger::{Ledger, hex};
use crate::log::{Entry, Log, bounded};
use crate::minder::Lag;
use crate::reload::Banned;
use crate::running::{Route, Running, Tenant};
use crate::switches::Switches;
use crate::upstream::{Upstream, lock};

/// Refusals that are remembered in full, for `hereby edge explain`.
const REMEMBERED_MAX: usize = 4_096;

/// What holds where nobody revoked anything.
fn nothing_revoked() -> Knowledge {
    Knowledge::Known(Arc::new(Builder::default().build()))
}

/// One edge process.
pub(crate) struct Edge {
    pub(crate) running: ArcSwap<Running>,
    pub(crate) connections: Permits,
    pub(crate) requests: Permits,
    addresses: Mutex<HashMap<Prefix, u32>>,
    pub(crate) bans: ArcSwap<Banned>,
    /// What is switched off.
    pub(crate) switches: ArcSwap<Switches>,
    /// The same as applications read it; none: control has said nothing yet.
    pub(crate) told: watch::Sender<Option<Arc<str>>>,
    /// Certificates that were revoked by being said so, beside what files list.
    pub(crate) revoked: ArcSwap<Knowledge>,
    pub(crate) ledger: Ledger,
    pub(crate) shed: Shed,
    pub(crate) lag: Lag,
    pub(crate) rules: Option<Box<dyn Rules>>,
    pub(crate) log: Option<Log>,
    pub(crate) refusals: Refusals,
    pub(crate) statuses: Statuses,
    pub(crate) accepted: Count,
    pub(crate) latency: Latency,
    /// Requests that failed and were not refused on purpose.
    pub(crate) failed: Count,
    pub(crate) panics: Count,
    /// How often something that files say could not be read.
    pub(crate) unread: Count,
    /// Up to which act control was heard.
    pub(crate) overlay_sequence: AtomicU64,
    /// The digest of the version that is served, if it is one of the record.
    pub(crate) runs: Mutex<Option<String>>,
    pub(crate) tunnels: Gauge,
    pub(crate) draining: watch::Sender<Draining>,
    /// A successor was told how things stand, and would not hear what is said now.
    pub(crate) handing_over: AtomicBool,
    /// Chosen at random when the process begins.
    pub(crate) process: u64,
    pub(crate) seed: Seed,
    pub(crate) challenger: Challenger,
    /// What it was made of: a successor asks with the same.
    pub(crate) challenge_secret: [u8; 32],
    pub(crate) acme: Acme,
    remembered: Mutex<VecDeque<Kept>>,
    number: AtomicU32,
}

/// What is taken in and what is let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Draining {
    #[default]
    No,
    /// Connections end as soon as they have nothing to do.
    Politely,
    /// What is left ends now.
    Now,
}

impl Draining {
    pub(crate) fn begun(self) -> bool {
        self != Draining::No
    }
}

/// How many there are now.
#[derive(Debug, Default)]
pub(crate) struct Gauge(Arc<AtomicU32>);

/// One of them, until it is dropped.
pub(crate) struct Inside(Arc<AtomicU32>);

impl Gauge {
    pub(crate) fn enter(&self) -> Inside {
        self.0.fetch_add(1, Relaxed);
        Inside(self.0.clone())
    }

    pub(crate) fn now(&self) -> u32 {
        self.0.load(Relaxed)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// What became of one request, and why.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Explanation {
    pub(crate) request_id: String,
    pub(crate) at_ms: i64,
    pub(crate) status: u16,
    pub(crate) reason: Option<&'static str>,
    pub(crate) detail: Option<String>,
    pub(crate) method: String,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) client: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) route: Option<String>,
    pub(crate) upstream: Option<String>,
    pub(crate) server: Option<String>,
    pub(crate) tier: usize,
    pub(crate) retries: u32,
    pub(crate) micros: u64,
}

/// A place among the connections of one address, until it is dropped.
pub(crate) struct Place {
    edge: Arc<Edge>,
    prefix: Prefix,
    _permit: Permit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut addresses = lock(&self.edge.addresses);
        if let Some(count) = addresses.get_mut(&self.prefix) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&self.prefix);
            }
        }
    }
}

impl Edge {
    pub(crate) fn new(
        running: Running,
        bans: Banned,
        rules: Option<Box<dyn Rules>>,
        log: Option<Log>,
        random: &[u8; 64],
    ) -> Edge {
        let word = |from: usize| {
            let bytes = random
                .get(from..from + 8)
                .and_then(|bytes| bytes.try_into().ok());
            u64::from_le_bytes(bytes.unwrap_or_default())
        };
        let secret: [u8; 32] = random
            .get(32..)
            .and_then(|bytes| bytes.try_into().ok())
            .unwrap_or_default();
        let connections = Permits::new(running.config.connection.connections_max);
        let overload = &running.config.overload;
        Edge {
            connections,
            requests: Permits::new(overload.requests_concurrent_max),
            revoked: ArcSwap::from_pointee(nothing_revoked()),
            ledger: Ledger::default(),
            shed: Shed::new(),
            lag: Lag::default(),
            rules,
            running: ArcSwap::from_pointee(running),
            addresses: Mutex::default(),
            bans: ArcSwap::from_pointee(bans),
            switches: ArcSwap::default(),
            told: watch::Sender::default(),
            log,
            refusals: Refusals::default(),
            statuses: Statuses::default(),
            accepted: Count::default(),
            latency: Latency::default(),
            failed: Count::default(),
            panics: Count::default(),
            unread: Count::default(),
            overlay_sequence: AtomicU64::new(0),
            runs: Mutex::default(),
            tunnels: Gauge::default(),
            draining: watch::Sender::default(),
            handing_over: AtomicBool::default(),
            process: word(0),
            seed: Seed(word(8), word(16)),
            challenger: Challenger::new(&secret),
            challenge_secret: secret,
            acme: Acme::default(),
            remembered: Mutex::default(),
            number: AtomicU32::new(0),
        }
    }

    /// A place for one more connection.
    ///
    /// # Errors
    /// With the reason why there is none.
    pub(crate) fn admit(self: &Arc<Edge>, client: IpAddr) -> Result<Place, Reason> {
        if self.bans.load().holds(client, clock::unix_s()) {
            return Err(Reason::AddressBanned);
        }
        let permit = self.connections.try_take().ok_or(Reason::ConnectionsMax)?;
        let prefix = Prefix::subscriber(client);
        let most = self
            .running
            .load()
            .config
            .connection
            .connections_per_address_max;
        let mut addresses = lock(&self.addresses);
        let count = addresses.entry(prefix).or_insert(0);
        if *count >= most {
            return Err(Reason::ConnectionsPerAddress);
        }
        *count += 1;
        Ok(Place {
            edge: self.clone(),
            prefix,
            _permit: permit,
        })
    }

    /// A number that differs from request to request, for choices among equals.
    pub(crate) fn choice(&self) -> u64 {
        let number = u64::from(self.number.fetch_add(1, Relaxed));
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// Writes a request down, and keeps it if somebody may ask why.
    pub(crate) fn remember(&self, account: &mut Account, micros: u64) {
        self.latency.add(micros);
        let refused = account.reason.is_some() || !account.whole || account.status >= 500;
        let logged = self
            .log
            .as_ref()
            .is_some_and(|log| refused || log.samples());
        if !refused && !logged {
            return;
        }
        let whole = account.whole;
        let kept = Kept::of(account, micros);
        if logged && let Some(log) = &self.log {
            log.write(clock::unix_s(), kept.entry(log, whole));
        }
        if refused {
            self.keep(kept);
        }
    }

    fn keep(&self, kept: Kept) {
        let mut remembered = lock(&self.remembered);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.pop_front();
        }
        remembered.push_back(kept);
    }

    /// What became of a request, if that is still known.
    pub(crate) fn explain(&self, id: &str) -> Option<Explanation> {
        let remembered = lock(&self.remembered);
        remembered
            .iter()
            .rev()
            .find(|one| one.id.text() == id.as_bytes())
            .map(Kept::explanation)
    }

    /// The newest that were refused or broke.
    pub(crate) fn refused(&self, most: usize) -> Vec<Explanation> {
        let remembered = lock(&self.remembered);
        let refused = remembered.iter().rev().filter(|one| one.reason.is_some());
        refused.take(most).map(Kept::explanation).collect()
    }
}

/// What is kept of a request. It is made a text when somebody asks; what is kept until then is small,
/// and holds on to nothing of the connection.
struct Kept {
    id: RequestId,
    at_ms: i64,
    asked: Heard,
    tenant: Option<Arc<Tenant>>,
    route: Option<Arc<Route>>,
    upstream: Option<(Arc<Upstream>, usize)>,
    status: u16,
    reason: Option<Reason>,
    detail: Option<Box<str>>,
    tier: usize,
    retries: u32,
    bytes: u64,
    micros: u64,
}

/// What was asked for.
struct Heard {
    method: Method,
    host: Box<str>,
    path: Box<str>,
    client: IpAddr,
    protocol: &'static str,
    certificate: Option<[u8; 32]>,
}

impl Kept {
    fn of(account: &mut Account, micros: u64) -> Kept {
        let detail = account.detail.take();
        let running = &account.running;
        let upstream = account.upstream.and_then(|(id, server)| {
            running
                .upstream(id)
                .map(|upstream| (upstream.clone(), server))
        });
        let asked = &account.asked;
        Kept {
            id: account.id,
            at_ms: clock::unix_ms(),
            asked: Heard {
                method: asked.method.clone(),
                host: bounded(asked.host()).into(),
                path: bounded(asked.uri.path()).into(),
                client: asked.client,
                protocol: asked.protocol(),
                certificate: asked.certificate.as_ref().map(|one| one.fingerprint),
            },
            tenant: account.tenant.and_then(|id| running.tenant(id)).cloned(),
            route: account.route.and_then(|id| running.route(id)).cloned(),
            upstream,
            status: account.status,
            reason: account.reason,
            detail,
            tier: account.tier,
            retries: account.retries,
            bytes: account.bytes,
            micros,
        }
    }

    fn tenant(&self) -> Option<String> {
        self.tenant
            .as_ref()
            .map(|tenant| tenant.config.name.clone())
    }

    fn route(&self) -> Option<String> {
        self.route.as_ref().map(|route| route.config.name.clone())
    }

    fn upstream(&self) -> Option<String> {
        self.upstream
            .as_ref()
            .map(|(upstream, _)| upstream.config.name.clone())
    }

    fn server(&self) -> Option<String> {
        let (upstream, server) = self.upstream.as_ref()?;
        Some(upstream.servers.get(*server)?.address.clone())
    }

    fn entry(&self, log: &Log, whole: bool) -> Entry {
        let asked = &self.asked;
        Entry {
            at: Timestamp::from_ms(self.at_ms).to_string(),
            id: self.id.to_string(),
            client: log.address(asked.client),
            protocol: asked.protocol,
            method: bounded(asked.method.as_str()),
            host: asked.host.to_string(),
            path: asked.path.to_string(),
            status: self.status,
            reason: self.reason.map(Reason::as_str),
            detail: self.detail.clone(),
            tenant: self.tenant(),
            route: self.route(),
            upstream: self.upstream(),
            certificate: asked.certificate.as_ref().map(|one| hex(one)),
            tier: self.tier,
            retries: self.retries,
            bytes: self.bytes,
            micros: self.micros,
            whole,
        }
    }

    fn explanation(&self) -> Explanation {
        let asked = &self.asked;
        Explanation {
            request_id: self.id.to_string(),
            at_ms: self.at_ms,
            status: self.status,
            reason: self.reason.map(Reason::as_str),
            detail: self.detail.as_deref().map(str::to_owned),
            method: bounded(asked.method.as_str()),
            host: asked.host.to_string(),
            path: asked.path.to_string(),
            client: Some(Prefix::subscriber(asked.client).to_string()),
            tenant: self.tenant(),
            route: self.route(),
            upstream: self.upstream(),
            server: self.server(),
            tier: self.tier,
            retries: self.retries,
            micros: self.micros,
        }
    }
}
