//! One upstream as it runs: its servers, how they are, and whether it is asked at all.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper::header::HeaderValue;
use policy::balance::Turns;
use policy::breaker::{Breaker, Outcome, State, Ticket};
use policy::health::{Condition, Health};
use policy::permits::Permits;
use policy::{Moment, Reason, config};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::clock;
use crate::counts::UpstreamCounts;
use crate::tls::{BadTls, bad, chain_of};

/// Where the certificates stand that a Debian system trusts.
const SYSTEM_TRUST: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Who answers.
pub(crate) struct Upstream {
    /// Names it among all that this process ever had.
    pub(crate) number: u64,
    pub(crate) config: Arc<config::Upstream>,
    pub(crate) servers: Vec<Server>,
    pub(crate) connections: Permits,
    /// How it is spoken to over TLS, and who it must be.
    pub(crate) tls: Option<ArcSwap<(TlsConnector, ServerName<'static>)>>,
    /// What `Host` says where the client's is not passed on.
    pub(crate) host: HeaderValue,
    pub(crate) counts: UpstreamCounts,
    health: Mutex<Health>,
    breaker: Mutex<Breaker>,
    turns: Mutex<Turns>,
}

/// One of its servers.
pub(crate) struct Server {
    /// Host and port, as configured.
    pub(crate) address: String,
    /// Where that was when it was last looked up: good until it can be looked up again.
    found: Mutex<Found>,
}

/// The addresses of a name, in the order in which they are asked.
#[derive(Debug, Default)]
struct Found {
    places: Vec<SocketAddr>,
    /// The one that answered last, unless it failed since.
    answered: Option<SocketAddr>,
}

impl Found {
    fn answered_first(&mut self) {
        let at = self
            .places
            .iter()
            .position(|one| Some(*one) == self.answered);
        self.places.rotate_left(at.unwrap_or(0));
    }
}

/// So many addresses of one name are tried.
const ADDRESSES_MAX: usize = 8;

impl Server {
    /// Where to connect to, in this order.
    pub(crate) fn places(&self) -> Vec<SocketAddr> {
        lock(&self.found).places.clone()
    }

    /// It answers there: that address is asked first from now on.
    pub(crate) fn answers_at(&self, place: SocketAddr) {
        let mut found = lock(&self.found);
        found.answered = Some(place);
        found.answered_first();
    }

    /// It does not answer there: the others are asked before.
    pub(crate) fn fails_at(&self, place: SocketAddr) {
        let mut found = lock(&self.found);
        found.answered.take_if(|answered| *answered == place);
        if found.places.first() == Some(&place) {
            found.places.rotate_left(1);
        }
    }

    /// Looks its name up. What was found before stays when nothing is found now.
    pub(crate) async fn look_up(&self) {
        if self.address.parse::<SocketAddr>().is_ok() {
            return;
        }
        match tokio::net::lookup_host(self.address.as_str()).await {
            Ok(now) => {
                let now: Vec<SocketAddr> = now.take(ADDRESSES_MAX).collect();
                let mut found = lock(&self.found);
                if !now.is_empty() {
                    found.places = now;
                    found.answered_first();
                }
            }
            Err(error) => {
                tracing::warn!(server = self.address, %error,
                    "a name can't be looked up; where it was before is still asked");
            }
        }
    }
}

/// A request that was let through, until it says how it ended. Dropped, it says nothing of the
/// upstream.
pub(crate) struct Tried<'a> {
    upstream: &'a Upstream,
    ticket: Option<Ticket>,
}

impl Tried<'_> {
    pub(crate) fn end(mut self, outcome: Outcome) {
        self.give(outcome);
    }

    fn give(&mut self, outcome: Outcome) {
        if let Some(ticket) = self.ticket.take() {
            lock(&self.upstream.breaker).after(ticket, outcome, clock::now());
        }
    }
}

impl Drop for Tried<'_> {
    fn drop(&mut self) {
        self.give(Outcome::Abandoned);
    }
}

impl Upstream {
    /// # Errors
    /// When its CA can't be read.
    pub(crate) fn new(
        config: &Arc<config::Upstream>,
        directory: &Path,
    ) -> Result<Upstream, BadTls> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let first = config
            .servers
            .first()
            .map_or("", |server| server.address.as_str());
        let host = config.tls.as_ref().map_or(first, |tls| tls.name.as_str());
        Ok(Upstream {
            number: NUMBER.fetch_add(1, Relaxed),
            config: config.clone(),
            servers: config.servers.iter().map(server).collect(),
            connections: Permits::new(config.connections_max),
            tls: config
                .tls
                .as_ref()
                .map(|tls| connector(tls, config, directory).map(ArcSwap::from_pointee))
                .transpose()?,
            host: HeaderValue::from_str(host).unwrap_or_else(|_| HeaderValue::from_static("")),
            counts: UpstreamCounts::default(),
            health: Mutex::new(Health::new(
                config.servers.len(),
                config.health.as_ref(),
                &config.outlier,
            )),
            breaker: Mutex::new(Breaker::new(&config.breaker)),
            turns: Mutex::new(Turns::new(&config.servers)),
        })
    }

    /// Reads again whom it is believed by. Connections that are open stay.
    ///
    /// # Errors
    /// When its CA can't be read; the one before stays then.
    pub(crate) fn read_trust(&self, directory: &Path) -> Result<(), BadTls> {
        if let (Some(tls), Some(settings)) = (&self.tls, &self.config.tls)
            && settings.ca_file.is_some()
        {
            tls.store(Arc::new(connector(settings, &self.config, directory)?));
        }
        Ok(())
    }

    pub(crate) fn connect_time(&self) -> Duration {
        Duration::from_millis(self.config.connect_ms)
    }

    /// Whether it may be asked now.
    pub(crate) fn before(&self, now: Moment) -> Result<Tried<'_>, Reason> {
        let ticket = lock(&self.breaker).before(now)?;
        Ok(Tried {
            upstream: self,
            ticket: Some(ticket),
        })
    }

    /// Which server is asked; none: none is usable.
    pub(crate) fn choose(&self, now: Moment) -> Option<usize> {
        let health = lock(&self.health);
        lock(&self.turns).next(|server| health.usable(server, now))
    }

    /// A server answered: well, or with what says that it can't.
    pub(crate) fn answered(&self, server: usize, good: bool, now: Moment) {
        if lock(&self.health).answered(server, good, now).is_some() {
            let server = self
                .servers
                .get(server)
                .map_or("", |server| server.address.as_str());
            tracing::warn!(
                upstream = self.config.name,
                server,
                "left out: it failed in a row"
            );
        }
    }

    /// A server did not answer.
    pub(crate) fn failed(&self, server: usize, now: Moment) {
        self.counts.failures.add(1);
        self.answered(server, false, now);
    }

    /// A probe went well, or did not.
    pub(crate) fn probed(&self, server: usize, good: bool) {
        lock(&self.health).probed(server, good);
    }

    /// Whether anybody of it can be asked, as far as is known.
    pub(crate) fn is_up(&self, now: Moment) -> bool {
        let open = matches!(lock(&self.breaker).state(now), State::Open { .. });
        !open && lock(&self.health).any_usable(now)
    }

    /// The servers whose probes fail.
    pub(crate) fn unhealthy(&self, now: Moment) -> Vec<String> {
        let health = lock(&self.health);
        let servers = self.servers.iter().enumerate();
        servers
            .filter(|(place, _)| health.condition(*place, now) == Some(Condition::Unhealthy))
            .map(|(_, server)| server.address.clone())
            .collect()
    }

    /// Goes on with what an old edge knew of these servers. Without probes nothing would ever say that
    /// they are back.
    pub(crate) fn begin_unhealthy(&self, addresses: &[String]) {
        if self.config.health.is_none() {
            return;
        }
        let mut health = lock(&self.health);
        for (place, server) in self.servers.iter().enumerate() {
            if addresses.contains(&server.address) {
                health.begins_unhealthy(place);
            }
        }
    }

    pub(crate) fn breaker(&self, now: Moment) -> State {
        lock(&self.breaker).state(now)
    }

    pub(crate) fn health(&self) -> MutexGuard<'_, Health> {
        lock(&self.health)
    }
}

fn server(config: &config::Server) -> Server {
    Server {
        address: config.address.clone(),
        found: Mutex::new(Found {
            places: config.address.parse().into_iter().collect(),
            answered: None,
        }),
    }
}

/// The CAs in that file, or those that the system trusts.
///
/// # Errors
/// When there are none.
pub(crate) fn trust(file: Option<&str>, directory: &Path) -> Result<RootCertStore, BadTls> {
    let file = file.map_or_else(|| SYSTEM_TRUST.into(), |file| directory.join(file));
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(chain_of(&file)?);
    match added {
        0 => Err(bad(&file, &"no certificate in it can be used")),
        _ => Ok(roots),
    }
}

fn connector(
    tls: &config::UpstreamTls,
    upstream: &config::Upstream,
    directory: &Path,
) -> Result<(TlsConnector, ServerName<'static>), BadTls> {
    let roots = trust(tls.ca_file.as_deref(), directory)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(directory, &error))?
        .with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = match upstream.protocol {
        config::Protocol::Http1 => vec![b"http/1.1".to_vec()],
        config::Protocol::Http2 => vec![b"h2".to_vec()],
    };
    let name = ServerName::try_from(tls.name.clone()).map_err(|error| bad(directory, &error))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

/// What a thread left behind when it panicked is still a whole value here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
