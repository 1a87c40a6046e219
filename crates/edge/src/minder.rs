//! What goes on beside serving, on a thread of its own: probes, failover, shedding, names that are
//! looked up again, files that changed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, SystemTime};

use policy::breaker::{Outcome, State};
use policy::shed::Pressure;
use policy::{Moment, config};

use crate::acme;
use crate::clock;
use crate::edge::Edge;
use crate::ledger;
use crate::overlay::Carried;
use crate::pool;
use crate::reload::{self, What};
use crate::running::Running;
use crate::upstream::{Upstream, lock};

/// Between two looks at how late the workers are.
const SHED_EVERY: Duration = Duration::from_millis(100);
/// Between two looks at tiers, probes and files: what a revocation list says counts within a second.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const NAMES_EVERY_MS: u64 = 10_000;

/// How late the latest worker is for what it should do now.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    /// The worst since it was last asked, in microseconds.
    worst: AtomicU64,
    /// When each worker should next be heard of. Who is so late that it has not been heard of at all is the
    /// latest.
    due: Mutex<Vec<Weak<AtomicU64>>>,
}

impl Lag {
    /// Measures on this thread, for as long as it runs.
    pub(crate) async fn measure(&self) {
        const EVERY_MS: u64 = 50;
        // A timer's own grain is a millisecond.
        const GRAIN_MS: u64 = 2;
        let own = Arc::new(AtomicU64::new(u64::MAX));
        lock(&self.due).push(Arc::downgrade(&own));
        loop {
            let due = clock::now().plus_ms(EVERY_MS + GRAIN_MS);
            own.store(due.0, Relaxed);
            tokio::time::sleep(Duration::from_millis(EVERY_MS)).await;
            let late = clock::now().micros_since(due);
            self.worst.fetch_max(late, Relaxed);
        }
    }

    fn take_ms(&self) -> u64 {
        let now = clock::now();
        let mut late = self.worst.swap(0, Relaxed);
        lock(&self.due).retain(|due| match due.upgrade() {
            Some(due) => {
                late = late.max(now.micros_since(Moment(due.load(Relaxed))));
                true
            }
            None => false,
        });
        late / 1_000
    }
}

/// Watches over an edge until its thread ends. `give_back` returns freed memory to the system.
pub(crate) async fn mind(
    edge: Arc<Edge>,
    state_dir: PathBuf,
    mut overlay: Carried,
    give_back: fn(),
) {
    tokio::task::spawn_local(acme::keep(edge.clone(), state_dir.clone()));
    tokio::task::spawn_local(ledger::keep(edge.clone(), state_dir.clone()));
    let pressure = async {
        loop {
            tokio::time::sleep(SHED_EVERY).await;
            press(&edge);
        }
    };
    let look = async {
        let mut probes = Probes::default();
        let mut files = Files::default();
        let mut names_at = Moment(0);
        loop {
            let running = edge.running.load_full();
            probes.look(&running);
            try_spares(&running);
            for route in running.routes() {
                route.step(&running);
            }
            if clock::now() >= names_at {
                names_at = clock::now().plus_ms(NAMES_EVERY_MS);
                look_up(&running);
            }
            if files.look(&edge, &running) {
                give_back();
            }
            overlay.look(&edge);
            drop(running);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::join!(pressure, look);
}

fn press(edge: &Edge) {
    let running = edge.running.load();
    let overload = &running.config.overload;
    let watched = overload.memory_bytes_max > 0;
    let pressure = Pressure {
        lag_ms: edge.lag.take_ms(),
        memory_bytes: if watched { resident_bytes() } else { 0 },
        requests_concurrent: edge.requests.taken(),
    };
    let before = edge.shed.level();
    let level = edge.shed.tick(&pressure, overload);
    if level > 0 {
        let now = clock::now();
        edge.shed.weigh(
            running
                .tenants()
                .iter()
                .map(|tenant| tenant.usage.recent(now)),
        );
    }
    match (before, level) {
        (0, 1..) => tracing::warn!(
            lag_ms = pressure.lag_ms,
            "too much to do: requests are shed"
        ),
        (1.., 0) => tracing::info!("no request is shed any more"),
        _ => {}
    }
}

/// Of this process, from the kernel; 0 if it doesn't say.
pub(crate) fn resident_bytes() -> u64 {
    let said = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = said
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4_096_usize as u64
}

fn look_up(running: &Running) {
    for upstream in running.upstreams() {
        let upstream = upstream.clone();
        tokio::task::spawn_local(async move {
            for server in &upstream.servers {
                server.look_up().await;
            }
        });
    }
}

/// When which server is probed next.
#[derive(Default)]
struct Probes {
    due: HashMap<(u64, usize), Moment>,
}

impl Probes {
    fn look(&mut self, running: &Running) {
        let now = clock::now();
        let mut still = HashMap::with_capacity(self.due.len());
        for upstream in running.upstreams() {
            let Some(health) = &upstream.config.health else {
                continue;
            };
            for server in 0..upstream.servers.len() {
                let key = (upstream.number, server);
                let due = self.due.get(&key).copied().unwrap_or(now);
                let next = match due <= now {
                    true => {
                        tokio::task::spawn_local(probe(upstream.clone(), server, health.clone()));
                        now.plus_ms(health.every_ms)
                    }
                    false => due,
                };
                still.insert(key, next);
            }
        }
        self.due = still;
    }
}

async fn probe(upstream: Arc<Upstream>, server: usize, health: config::Health) {
    let time = Duration::from_millis(health.timeout_ms);
    let status =
        tokio::time::timeout(time, pool::probe(&upstream, server, &health.path, time)).await;
    let good = matches!(status, Ok(Ok(200..=299)));
    upstream.probed(server, good);
}

/// Nobody asks an upstream that another serves for. When its breaker would let somebody try, it is
/// we who try: otherwise it would be taken to be well again because nobody asks it.
fn try_spares(running: &Running) {
    let now = clock::now();
    let mut idle = Vec::new();
    let mut asked = Vec::new();
    for route in running.routes() {
        let config::Action::Forward(forward) = &route.config.action else {
            continue;
        };
        for (place, tier) in forward.tiers.iter().enumerate() {
            if let config::Tier::Upstream(upstream) = tier {
                let list = if place == route.serving() {
                    &mut asked
                } else {
                    &mut idle
                };
                list.push(*upstream);
            }
        }
    }
    idle.sort_unstable();
    idle.dedup();
    idle.retain(|upstream| !asked.contains(upstream));
    for upstream in idle.iter().filter_map(|id| running.upstream(*id)) {
        if upstream.breaker(now) == State::HalfOpen {
            tokio::task::spawn_local(try_spare(upstream.clone()));
        }
    }
}

async fn try_spare(upstream: Arc<Upstream>) {
    let Ok(tried) = upstream.before(clock::now()) else {
        return;
    };
    let Some(server) = upstream.choose(clock::now()) else {
        return;
    };
    let health = upstream.config.health.as_ref();
    let path = health.map_or("/", |health| &health.path);
    let time = health.map_or(upstream.connect_time(), |health| {
        Duration::from_millis(health.timeout_ms)
    });
    let status = tokio::time::timeout(time, pool::probe(&upstream, server, path, time)).await;
    let good = matches!(status, Ok(Ok(status)) if !matches!(status, 502..=504));
    tried.end(if good { Outcome::Ok } else { Outcome::Failed });
}

/// What can't be read is tried again so often.
const READ_AGAIN_MS: u64 = 5_000;

/// Which files were how when they were last looked at.
#[derive(Default)]
struct Files {
    seen: HashMap<PathBuf, Stamp>,
    /// Whether they were looked at before.
    begun: bool,
    /// What could not be read, and when it is tried again, whether it changed or not: it may not
    /// have been the file's fault.
    again: Vec<(What, Moment)>,
}

/// What changes when a file does.
type Stamp = Option<(SystemTime, u64, u64)>;

impl Files {
    /// Reads anew what changed: certificates, lists of revoked ones, bans. Whether something did.
    fn look(&mut self, edge: &Arc<Edge>, running: &Arc<Running>) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        let stamp = |path: &PathBuf| {
            let found = std::fs::metadata(path).ok()?;
            Some((found.modified().ok()?, found.len(), found.ino()))
        };
        // Stamps of files are a little behind.
        let began = Duration::from_millis(clock::uptime_ms() + 1_000);
        let began = SystemTime::now() - began;
        let mut changed = Vec::new();
        let mut seen = HashMap::with_capacity(self.seen.len());
        for (path, what) in reload::files(running) {
            let now = stamp(&path);
            let differs = match self.begun {
                true => self.seen.get(&path) != Some(&now),
                // It was read when the process began, but perhaps as it was before.
                false => now.is_some_and(|(modified, ..)| modified >= began),
            };
            if differs && !changed.contains(&what) {
                changed.push(what);
            }
            seen.insert(path, now);
        }
        self.seen = seen;
        self.begun = true;
        let now = clock::now();
        let due = self.again.extract_if(.., |(_, at)| *at <= now);
        changed.extend(due.map(|(what, _)| what));
        changed.dedup();
        for what in &changed {
            if !reload::again(edge, running, *what) {
                self.again.retain(|(other, _)| other != what);
                self.again.push((*what, now.plus_ms(READ_AGAIN_MS)));
            }
        }
        !changed.is_empty()
    }
}
