//! An edge process, from its configuration to its end.

use std::ffi::OsString;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;

use policy::config::{Config, Listen};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;

use crate::control::{self, Wish};
use crate::edge::{Draining, Edge};
use crate::handover::{Heirloom, NoSuccessor, Predecessor, Successor};
use crate::judge::Rules;
use crate::kernel;
use crate::ledger::Lent;
use crate::listen;
use crate::log::Log;
use crate::minder;
use crate::notify;
use crate::overlay::{self, Carried};
use crate::pool::Pool;
use crate::reload::{BadBans, Banned};
use crate::running::Running;
use crate::scrape;
use crate::source::{self, NotTaken, Offer, Source, Traffic};
use crate::stop::Stop;
use crate::tls::BadTls;
use crate::upstream::lock;
use crate::worker::Worker;

/// After the last request had its time, what is left is cut so much later.
const LAST_GRACE: Duration = Duration::from_millis(200);

/// Between two looks at whether the edge's own socket is still there.
const SOCKET_LOOK: Duration = Duration::from_secs(5);

/// Who wants to hear that an edge listens, and where.
pub type Ready = Box<dyn FnOnce(&[SocketAddr])>;

/// A listener and what it is to do; and where figures are read.
type Socket = (Arc<Listen>, TcpListener);
type Figures = Option<(SocketAddr, TcpListener)>;

/// How an edge is started.
pub struct Options {
    /// What it serves.
    pub source: Source,
    /// Where its socket goes. It must be there.
    pub state_dir: PathBuf,
    /// What control says must hold at once; none: it is said in the state directory.
    pub overlay_file: Option<PathBuf>,
    /// How a successor is started: this program with these arguments.
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    /// Whether the standard input is an old edge that hands over.
    pub takeover: bool,
    pub rules: Option<Box<dyn Rules>>,
    /// Returns memory that was freed to the system; called where much was.
    pub give_back: fn(),
    /// Told once it listens, with where.
    pub ready: Ready,
    /// Told before that, with what can be read of it while it runs.
    pub attach: Option<Box<dyn FnOnce(Traffic)>>,
}

/// Why an edge did not start.
#[derive(Debug, thiserror::Error)]
pub enum CannotRun {
    #[error("{file} can't be read: {source}")]
    Unreadable { file: String, source: io::Error },
    /// One line each, with file, line and column.
    #[error("{}", .0.join("\n"))]
    Wrong(Vec<String>),
    #[error(transparent)]
    Tls(#[from] BadTls),
    #[error(transparent)]
    Bans(#[from] BadBans),
    #[error("{address} can't be listened on: {source}")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("{what}: {source}")]
    Io {
        what: &'static str,
        source: io::Error,
    },
}

fn io(what: &'static str) -> impl FnOnce(io::Error) -> CannotRun {
    move |source| CannotRun::Io { what, source }
}

/// Runs an edge until it is told to stop, or another took over, and what was begun is ended.
///
/// # Errors
/// When it can't start; an old edge that was to hand over then goes on.
pub fn run(mut options: Options) -> Result<(), CannotRun> {
    let predecessor =
        Predecessor::there(options.takeover).map_err(io("the old edge can't be heard"))?;
    let rules = options.rules.take();
    let started = start(&options, rules, predecessor.as_ref());
    let (edge, sockets, figures) = match started {
        Ok(started) => started,
        Err(error) => {
            if let Some(predecessor) = predecessor {
                predecessor.refuse(&error.to_string());
            }
            return Err(error);
        }
    };
    // Nobody is let in before what control said holds.
    let overlay_file = options.overlay_file.take();
    let overlay_file = overlay_file.unwrap_or_else(|| options.state_dir.join(overlay::FILE));
    let mut overlay = Carried::new(overlay_file);
    overlay.look(&edge);
    (options.give_back)();
    *lock(&edge.runs) = options.source.label.clone();
    if let Some(attach) = options.attach.take() {
        attach(Traffic::of(edge.clone()));
    }
    let (accepting, _) = watch::channel(true);
    let workers = spawn(&edge, &sockets, &accepting)?;
    let runtime = runtime().map_err(io("no thread could be started"))?;
    let state_dir = options.state_dir.clone();
    let outcome = LocalSet::new().block_on(
        &runtime,
        Station {
            edge: edge.clone(),
            sockets,
            figures,
            accepting,
            options,
        }
        .stand(predecessor, overlay),
    );
    edge.draining.send_replace(Draining::Now);
    for worker in workers {
        let _ = worker.join();
    }
    if let Some(log) = &edge.log {
        log.flush();
    }
    edge.ledger.save(&state_dir);
    outcome
}

fn start(
    options: &Options,
    rules: Option<Box<dyn Rules>>,
    predecessor: Option<&Predecessor>,
) -> Result<(Arc<Edge>, Vec<Socket>, Figures), CannotRun> {
    kernel::raise_descriptors();
    kernel::small_pages();
    let (config, directory) = options.source.read()?;
    let running = Running::new(config, &directory, Some(&options.state_dir), None)?;
    let banned = match Banned::read(&running.config, &directory) {
        Ok(banned) => Some(banned),
        // Whom the old one bans stays banned by it.
        Err(error) if predecessor.is_some() => return Err(error.into()),
        Err(error) => {
            tracing::error!(%error, "nobody on it is banned");
            None
        }
    };
    let log = Log::open(&running.config.access_log, &directory)
        .map_err(io("the access log can't be opened"))?;
    let (heirloom, given) = match predecessor {
        Some(predecessor) => predecessor
            .take()
            .map_err(io("the old edge handed over nothing"))?,
        None => (Heirloom::default(), Vec::new()),
    };
    running.begin_unhealthy(&heirloom.unhealthy);
    running.restore(&heirloom.failovers);
    let mut given: Vec<_> = heirloom.listening.iter().copied().zip(given).collect();
    let mut sockets = Vec::with_capacity(running.config.listen.len());
    for listen in &running.config.listen {
        let socket = socket(&mut given, listen.address)?;
        sockets.push((Arc::new(listen.clone()), socket));
    }
    let figures = running.config.metrics;
    let figures = figures
        .map(|address| Ok::<_, CannotRun>((address, socket(&mut given, address)?)))
        .transpose()?;
    let mut random = [0; 64];
    rustls::crypto::aws_lc_rs::default_provider()
        .secure_random
        .fill(&mut random)
        .map_err(|_| io("the system gives no random numbers")(io::ErrorKind::Other.into()))?;
    if let (Some(secret), Some(own)) = (heirloom.challenge_secret, random.get_mut(32..)) {
        own.copy_from_slice(&secret);
    }
    let unread = u64::from(banned.is_none());
    let banned = banned.unwrap_or_default();
    let edge = Arc::new(Edge::new(running, banned, rules, log, &random));
    edge.unread.add(unread);
    edge.ledger.load(&options.state_dir);
    Ok((edge, sockets, figures))
}

/// The listener that an old edge gave for that address, or one of our own.
fn socket(
    given: &mut Vec<(SocketAddr, TcpListener)>,
    address: SocketAddr,
) -> Result<TcpListener, CannotRun> {
    let place = given.iter().position(|(other, _)| *other == address);
    let socket = match place {
        Some(place) => given.swap_remove(place).1,
        None => listen::bind(address).map_err(|source| CannotRun::Listen { address, source })?,
    };
    let usable = rustix::net::sockopt::set_tcp_nodelay(&socket, true)
        .map_err(io::Error::from)
        .and_then(|()| socket.set_nonblocking(true));
    usable.map_err(io("a socket can't be used"))?;
    Ok(socket)
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(16)
        .build()
}

/// One thread for each processor, or as many as the configuration says.
fn spawn(
    edge: &Arc<Edge>,
    sockets: &[Socket],
    accepting: &watch::Sender<bool>,
) -> Result<Vec<JoinHandle<()>>, CannotRun> {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = match edge.running.load().config.workers {
        0 => processors,
        workers => workers,
    };
    let mut threads = Vec::with_capacity(workers);
    for number in 0..workers {
        let edge = edge.clone();
        let sockets = sockets
            .iter()
            .map(|(listen, socket)| Ok((listen.clone(), socket.try_clone()?)))
            .collect::<io::Result<Vec<_>>>()
            .map_err(io("a socket can't be shared"))?;
        let runtime = runtime().map_err(io("no thread could be started"))?;
        let accepting = accepting.subscribe();
        let thread = std::thread::Builder::new()
            .name(format!("edge-{number}"))
            .spawn(move || work(&runtime, edge, sockets, &accepting))
            .map_err(io("no thread could be started"))?;
        threads.push(thread);
    }
    Ok(threads)
}

fn work(
    runtime: &Runtime,
    edge: Arc<Edge>,
    sockets: Vec<Socket>,
    accepting: &watch::Receiver<bool>,
) {
    let tasks = LocalSet::new();
    let worker = Rc::new(Worker {
        edge: edge.clone(),
        pool: Rc::new(Pool::default()),
    });
    tasks.block_on(runtime, async {
        for (listen, socket) in sockets {
            match listen::Listener::new(socket) {
                Ok(socket) => {
                    let task = listen::accept(worker.clone(), socket, listen, accepting.clone());
                    tokio::task::spawn_local(task);
                }
                Err(error) => tracing::error!(%error, "a socket can't be used"),
            }
        }
        let pool = worker.pool.clone();
        tokio::task::spawn_local(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                pool.sweep();
            }
        });
        let measured = edge.clone();
        tokio::task::spawn_local(async move { measured.lag.measure().await });
        let mut draining = edge.draining.subscribe();
        let _ = draining.wait_for(|now| *now == Draining::Now).await;
        tokio::time::sleep(LAST_GRACE).await;
    });
}

/// Where an edge is minded from.
struct Station {
    edge: Arc<Edge>,
    sockets: Vec<Socket>,
    figures: Figures,
    accepting: watch::Sender<bool>,
    options: Options,
}

impl Station {
    async fn stand(
        mut self,
        predecessor: Option<Predecessor>,
        overlay: Carried,
    ) -> Result<(), CannotRun> {
        let socket = control::bind(&self.options.state_dir)
            .map_err(io("the edge's own socket can't be made"))?;
        let (wishes, mut asked) = mpsc::channel(4);
        tokio::task::spawn_local(control::serve(self.edge.clone(), socket, wishes.clone()));
        tokio::task::spawn_local(minder::mind(
            self.edge.clone(),
            self.options.state_dir.clone(),
            overlay,
            self.options.give_back,
        ));
        self.show_figures()?;
        // Before anybody knows that we are here: until then a signal just ends us.
        let mut stop = Stop::new().map_err(io("signals can't be heard"))?;
        let mut hangup = signal(SignalKind::hangup()).map_err(io("signals can't be heard"))?;
        if let Some(predecessor) = predecessor {
            predecessor
                .ready()
                .map_err(io("the old edge ended before it handed over"))?;
        }
        let listening: Vec<SocketAddr> = self.listening();
        let ready = std::mem::replace(&mut self.options.ready, Box::new(|_| ()));
        ready(&listening);
        notify::tell(&format!("READY=1\nMAINPID={}\n", std::process::id()));
        let mut look = tokio::time::interval(SOCKET_LOOK);
        let mut offers = self.options.source.offers.take();
        loop {
            tokio::select! {
                () = stop.said() => break,
                _ = look.tick() => self.stay_reachable(&wishes),
                Some(offer) = source::next(&mut offers) => {
                    self.take(offer);
                }
                _ = hangup.recv() => {
                    if let Err(error) = self.reload() {
                        tracing::error!("the configuration stays as it was: {error}");
                    }
                }
                Some(wish) = asked.recv() => match wish {
                    Wish::Reload { done } => {
                        let _ = done.send(self.reload());
                    }
                    Wish::Upgrade { program, done } => match self.upgrade(program, &mut stop).await {
                        Ok(pid) => {
                            let _ = done.send(Ok(format!("process {pid} has taken over")));
                            // The successor hears what is to be served now.
                            drop(offers);
                            self.drain(&mut stop, false).await;
                            return Ok(());
                        }
                        Err(error) => {
                            tracing::error!(%error, "there is no successor; this edge goes on");
                            let stopped = matches!(error, NoSuccessor::Stopped);
                            let _ = done.send(Err(error.to_string()));
                            if stopped {
                                break;
                            }
                        }
                    },
                },
            }
        }
        notify::tell("STOPPING=1\n");
        self.accepting.send_replace(false);
        self.sockets.clear();
        self.figures = None;
        self.drain(&mut stop, true).await;
        Ok(())
    }

    fn show_figures(&self) -> Result<(), CannotRun> {
        if let Some((_, socket)) = &self.figures {
            let unusable = "the figures can't be listened for";
            let socket = socket.try_clone().map_err(io(unusable))?;
            let socket = tokio::net::TcpListener::from_std(socket).map_err(io(unusable))?;
            let accepting = self.accepting.subscribe();
            tokio::task::spawn_local(scrape::serve(self.edge.clone(), socket, accepting));
        }
        Ok(())
    }

    /// Makes the edge's own socket again if somebody removed it: an edge that can't be asked can't
    /// be upgraded.
    fn stay_reachable(&self, wishes: &mpsc::Sender<Wish>) {
        let directory = &self.options.state_dir;
        if directory.join(control::SOCKET).exists() {
            return;
        }
        let mut fresh = std::fs::DirBuilder::new();
        let made = fresh.recursive(true).mode(0o700).create(directory);
        match made.and_then(|()| control::bind(directory)) {
            Ok(socket) => {
                tracing::warn!("edge.sock was gone; it is there again");
                let serve = control::serve(self.edge.clone(), socket, wishes.clone());
                tokio::task::spawn_local(serve);
            }
            Err(error) => tracing::error!(%error, "edge.sock is gone and can't be made"),
        }
    }

    fn listening(&self) -> Vec<SocketAddr> {
        self.sockets
            .iter()
            .filter_map(|(_, socket)| socket.local_addr().ok())
            .collect()
    }

    /// Reads the configuration again. What was begun under the old one ends under it.
    fn reload(&self) -> Result<String, String> {
        notify::tell("RELOADING=1\n");
        let outcome = self.exchange();
        notify::tell("READY=1\n");
        outcome.map_err(|error| error.to_string())
    }

    /// Serves another version from now on; if it can't be, the one before goes on.
    fn take(&mut self, offer: Offer) {
        let source = &mut self.options.source;
        let file = std::mem::replace(&mut source.config_file, offer.config_file);
        let adjust = std::mem::replace(&mut source.adjust, offer.adjust);
        let taken = self.exchange();
        if taken.is_ok() {
            *lock(&self.edge.runs) = Some(offer.label);
        } else {
            let source = &mut self.options.source;
            (source.config_file, source.adjust) = (file, adjust);
        }
        let _ = offer.done.send(taken.map(drop));
    }

    fn exchange(&self) -> Result<String, NotTaken> {
        let text = |error: &dyn std::fmt::Display| NotTaken::Wrong(error.to_string());
        let (config, directory) = self.options.source.read().map_err(|error| text(&error))?;
        let before = self.edge.running.load_full();
        let own = |config: &Config| (config.listen.clone(), config.workers, config.metrics);
        if own(&config) != own(&before.config) {
            return Err(NotTaken::NeedsUpgrade("listeners and workers"));
        }
        if config.access_log != before.config.access_log {
            return Err(NotTaken::NeedsUpgrade("the access log"));
        }
        let running = Running::new(
            config,
            &directory,
            Some(&self.options.state_dir),
            Some(&before),
        )
        .map_err(|error| text(&error))?;
        let banned = Banned::read(&running.config, &directory).map_err(|error| text(&error))?;
        self.edge
            .connections
            .set_max(running.config.connection.connections_max);
        self.edge
            .requests
            .set_max(running.config.overload.requests_concurrent_max);
        let said = self.edge.bans.load().said();
        self.edge.bans.store(Arc::new(banned.also(said)));
        self.edge.running.store(Arc::new(running));
        (self.options.give_back)();
        tracing::info!("the configuration was read again");
        Ok("the configuration was read again".to_owned())
    }

    /// Has a successor started, and stops accepting once it listens.
    async fn upgrade(
        &mut self,
        program: Option<PathBuf>,
        stop: &mut Stop,
    ) -> Result<u32, NoSuccessor> {
        self.edge.handing_over.store(true, Relaxed);
        let upgraded = self.hand_over(program, stop).await;
        self.edge.handing_over.store(upgraded.is_ok(), Relaxed);
        upgraded
    }

    async fn hand_over(
        &mut self,
        program: Option<PathBuf>,
        stop: &mut Stop,
    ) -> Result<u32, NoSuccessor> {
        let program = program.unwrap_or_else(|| self.options.program.clone());
        let heirloom = Heirloom {
            listening: self
                .sockets
                .iter()
                .map(|(listen, _)| listen.address)
                .chain(self.figures.iter().map(|(address, _)| *address))
                .collect(),
            failovers: self.edge.running.load().save(),
            unhealthy: self.edge.running.load().unhealthy(),
            challenge_secret: Some(self.edge.challenge_secret),
        };
        let sockets: io::Result<Vec<TcpListener>> = self
            .sockets
            .iter()
            .map(|(_, socket)| socket)
            .chain(self.figures.iter().map(|(_, socket)| socket))
            .map(TcpListener::try_clone)
            .collect();
        let sockets = sockets.map_err(NoSuccessor::Start)?;
        let lent = Lent::new(&self.edge, &self.options.state_dir);
        let successor = Successor::start(&program, &self.options.arguments)?;
        let line = successor.line().map_err(NoSuccessor::Start)?;
        // Once it is ready not even a reader of the result stands between it and us.
        let accepting = self.accepting.clone();
        let mut took = tokio::task::spawn_blocking(move || {
            let pid = successor.hand_over(&heirloom, &sockets)?;
            accepting.send_replace(false);
            Ok::<u32, NoSuccessor>(pid)
        });
        let (took, stopped) = tokio::select! {
            took = &mut took => (took, false),
            () = stop.said() => {
                // It may have said meanwhile that it listens: then it has taken over.
                let _ = line.shutdown(Shutdown::Both);
                (took.await, true)
            }
        };
        match took.unwrap_or_else(|error| Err(NoSuccessor::Start(error.into()))) {
            Ok(pid) => {
                self.sockets.clear();
                self.figures = None;
                lent.given();
                tracing::info!(pid, "a successor has taken over");
                Ok(pid)
            }
            Err(_) if stopped => Err(NoSuccessor::Stopped),
            Err(error) => Err(error),
        }
    }

    /// Lets what was begun end, for a bounded time, or until told to stop once more than was needed
    /// to come here.
    async fn drain(&self, stop: &mut Stop, told: bool) {
        self.empty(stop, told).await;
        // Whoever asked for the upgrade is still to hear of it.
        tokio::time::sleep(LAST_GRACE).await;
    }

    async fn empty(&self, stop: &mut Stop, told: bool) {
        self.edge.draining.send_replace(Draining::Politely);
        let most = Duration::from_millis(self.edge.running.load().config.drain_ms);
        let empty = async {
            while self.edge.connections.taken() > 0 || self.edge.tunnels.now() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let why = tokio::select! {
            () = empty => return,
            () = tokio::time::sleep(most) => "cut: they did not end in time",
            () = stop.again(told) => "cut: told to stop again",
        };
        let connections = self.edge.connections.taken();
        let websockets = self.edge.tunnels.now();
        tracing::warn!(connections, websockets, "{why}");
    }
}
