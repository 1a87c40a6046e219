//! Runs hereby on this machine: `up` for people, `serve` for a service manager.
//!
//! Opens the station, the listeners and the server, and stops them in the opposite order. What a
//! request leads to is decided elsewhere.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engine::ports::{AppendError, Clock as _};
use store::Rank;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use web::Listener;

use crate::audit;
use crate::chat;
use crate::cli::Globals;
use crate::cli::machine::{ServeArgs, SettingsArgs, UpArgs};
use crate::client::Client;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::page::{self, Served};
use crate::rehearse;
use crate::say::{Line, Out, Style, counted};
use crate::station::{Opening, Station, SystemClock, short};

mod backstage;
mod certificates;
mod formats;
mod identity;
mod notify;
pub(crate) mod overlay;
mod push;
mod rollout;
mod subscriptions;
mod tls;

use backstage::Storage;
use overlay::Overlay;
use push::Witnesses;
use subscriptions::{Port, Subscriptions};

/// How often the anchor is made durable.
const ANCHOR_SYNC_EVERY: Duration = Duration::from_secs(1);

/// What differs between `up` and `serve`.
struct Run<'a> {
    config: Config,
    runs: &'a str,
    rehearse: bool,
    /// Say what to do next.
    talks: bool,
}

pub(crate) fn up(args: UpArgs, globals: &Globals, out: &Out) -> Result<(), Failure> {
    let mut config = configuration(&args.settings, globals)?;
    if let Some(listen) = args.listen {
        config.listen_on(listen).map_err(Failure::usage)?;
    }
    let run = Run {
        config,
        runs: "hereby up",
        rehearse: args.rehearse,
        talks: true,
    };
    run_station(run, globals, out)
}

pub(crate) fn serve(args: ServeArgs, globals: &Globals, out: &Out) -> Result<(), Failure> {
    let mut config = configuration(&args.settings, globals)?;
    if let Some(listen) = args.listen {
        config.listen_on(listen).map_err(Failure::usage)?;
    }
    run_station(
        Run {
            config,
            runs: "hereby serve",
            rehearse: false,
            talks: false,
        },
        globals,
        out,
    )
}

/// The configuration, checked, with logging started as it says.
pub(crate) fn configuration(settings: &SettingsArgs, globals: &Globals) -> Result<Config, Failure> {
    let config = Config::find(settings, &globals.data_dir()?)?;
    crate::log::start(&config.log).map_err(Failure::usage)?;
    Ok(config)
}

fn run_station(run: Run<'_>, globals: &Globals, out: &Out) -> Result<(), Failure> {
    let data_dir = globals.data_dir()?;
    let station = Station::open(Opening {
        data_dir: &data_dir,
        config: &run.config,
        runs: run.runs,
        resumes: crate::station::Resumes::AsItIs,
        progress: progress(out),
        on_fatal: Box::new(end_process),
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers())
        .on_thread_start(goes_first(workers()))
        .max_blocking_threads(32)
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(Exit::Internal, "no thread could be started").because(error)
        })?;
    let outcome = serve_until_told(&runtime, &run, &station, &data_dir, out);
    runtime.shutdown_timeout(Duration::from_secs(2));
    station.engine.stop();
    if let Err(error) = station.anchor.sync() {
        out.warn(&format!("the anchor could not be synced: {error}"));
    }
    if outcome.is_ok() && run.talks {
        out.talk("Stopped. Everything that was acknowledged is on the disk.");
    }
    outcome
}

/// The first so many threads are the workers, which a runtime starts before it can be asked for
/// anything; those that block, which come later, are as every other program.
fn goes_first(workers: usize) -> impl Fn() + Send + Sync + 'static {
    let started = AtomicUsize::new(0);
    move || {
        let rank = match started.fetch_add(1, Ordering::Relaxed) < workers {
            true => Rank::Answers,
            false => Rank::Ordinary,
        };
        // The writer says so when it may not.
        let _ = rank.take();
    }
}

/// A thread for each core: authors' signatures are checked on them.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 16))
}

/// What runs beside the server, and is asked by it how it is.
struct Beside {
    overlay: Arc<Overlay>,
    board: Arc<chat::Board>,
    page: Option<Arc<publish::Board>>,
    edge_dir: std::path::PathBuf,
    watch: rollout::Shared,
    subscriptions: Option<Arc<Subscriptions>>,
}

/// What the server needs of this process.
fn web_options(
    run: &Run<'_>,
    station: &Station,
    witnesses: &Arc<Witnesses>,
    found: &Arc<audit::Found>,
    beside: Beside,
    http: SocketAddr,
) -> Result<web::Options, Failure> {
    let mut console = run.config.console().map_err(Failure::usage)?;
    if console.url.is_empty() {
        console.url = format!("http://{http}");
    }
    Ok(web::Options {
        engine: station.engine.clone(),
        backstage: Arc::new(Storage {
            engine: station.engine.clone(),
            reader: station.reader.clone(),
            paths: station.paths.clone(),
            published: station.published.clone(),
            keystore: station.keystore.clone(),
            blobs: store::Blobs::new(&station.paths),
            witnesses: witnesses.clone(),
            free_min_bytes: run.config.record.free_min_mib << 20,
            keystore_lost: crate::log::Repeated::default(),
            found: found.clone(),
            board: beside.board,
            page: beside.page,
            edge_dir: beside.edge_dir,
            overlay: beside.overlay,
            started_at: SystemClock.now(),
        }),
        formats: formats::formats(),
        limits: web::Limits::default(),
        version: env!("CARGO_PKG_VERSION"),
        started_at: SystemClock.now(),
        metrics_open: run.config.metrics.open,
        subscriptions: beside.subscriptions.map(|it| Arc::new(Port(it)) as _),
        watch: beside.watch,
        regulators: run.config.regulators().map_err(Failure::usage)?,
        identity: identity::provider(&run.config, &console.url)?,
        console,
    })
}

fn serve_until_told(
    runtime: &Runtime,
    run: &Run<'_>,
    station: &Station,
    data_dir: &Path,
    out: &Out,
) -> Result<(), Failure> {
    let witnesses = Arc::new(Witnesses::new(&run.config.record.witness)?);
    let found = Arc::new(audit::Found::new());
    let board = chat::start(&run.config, station)?;
    let (stopping, stops) = tokio::sync::watch::channel(false);
    let stopped = stopping.clone();
    let subscriptions = Subscriptions::of(&run.config, station, stops)?;
    runtime.block_on(async {
        let stop = told_to_stop();
        // What the start itself recorded is there before anybody is told anything.
        station
            .engine
            .view()
            .caught_up(station.reader.durable())
            .await;
        let Bound {
            listeners,
            http,
            tls,
        } = listeners(&run.config, station, data_dir).await?;
        witnesses.start(&station.published);
        let (page, served) = page(run, station, data_dir, out)?;
        let (overlay, watch) = with_edges(station, data_dir);
        let edge = edge(run, data_dir, out);
        let beside = Beside {
            overlay,
            board,
            page,
            edge_dir: data_dir.join("edge"),
            watch,
            subscriptions: subscriptions.clone(),
        };
        let options = web_options(run, station, &witnesses, &found, beside, http)?;
        keep_watch(runtime, station, found)?;
        if run.talks {
            let address = served.as_ref().map(|served| served.address);
            let edges = edge.as_ref().map_or(&[][..], |edge| &edge.listening);
            welcome(run, station, data_dir, (http, &tls, address, edges), out);
        }
        tracing::info!(
            origin = station.origin,
            size = station.engine.view().head().size,
            listen = %http,
            tls = tls.as_ref().map(|(address, _)| tracing::field::display(address)),
            "hereby serves"
        );
        notify::State::Ready.tell();
        let telling = subscriptions.map(|it| tokio::spawn(it.run()));
        let stop = async {
            stop.await;
            notify::State::Stopping.tell();
            let _ = stopping.send(true);
        };
        let serving = web::serve(options, listeners, stop);
        let touring = async {
            if !run.rehearse {
                return std::future::pending().await;
            }
            tour(data_dir, out).await
        };
        let failed = |error| Failure::new(Exit::Internal, "hereby can't serve").because(error);
        let outcome = tokio::select! {
            served = serving => served.map_err(failed),
            never = touring => never,
        };
        stop_beside(served, edge);
        // What is on its way to subscribers has a little time to end.
        if let Some(telling) = telling {
            let _ = stopped.send(true);
            let _ = telling.await;
        }
        outcome
    })
}

/// Keeps edges of this machine told, and hears from them; and watches over what goes out to all.
fn with_edges(station: &Station, data_dir: &Path) -> (Arc<Overlay>, rollout::Shared) {
    let overlay = Arc::new(Overlay::new(station.engine.clone(), data_dir));
    tokio::spawn(overlay.clone().keep());
    let edge_dir = data_dir.join("edge");
    tokio::spawn(certificates::keep(station.engine.clone(), edge_dir));
    (overlay, rollout::begin(station.engine.clone()))
}

/// The threads that keep the anchor, and that audit.
fn keep_watch(
    runtime: &Runtime,
    station: &Station,
    found: Arc<audit::Found>,
) -> Result<(), Failure> {
    let anchor = station.anchor.clone();
    std::thread::Builder::new()
        .name("anchor".to_owned())
        .spawn(move || keep_anchor(&anchor))
        .and_then(|_| audit::start(station, found, runtime.handle().clone()))
        .map(drop)
        .map_err(|error| Failure::new(Exit::Internal, "no thread").because(error))
}

/// Begins making the status page: `up` always, and serves it as well; `serve` once readers are told
/// where it is.
fn page(
    run: &Run<'_>,
    station: &Station,
    data_dir: &Path,
    out: &Out,
) -> Result<(Option<Arc<publish::Board>>, Option<Served>), Failure> {
    let config = &run.config.status;
    let begin = |url: &str| page::begin(station, config, url, data_dir);
    if !run.talks {
        let board = config.url.as_deref().map(begin).transpose()?;
        return Ok((board, None));
    }
    let url = |address: SocketAddr| format!("http://{address}");
    let board = begin(config.url.as_deref().unwrap_or(&url(config.listen)))?;
    // What readers are told is worth more than that this machine tells it: without, hereby runs on.
    let served = Served::start(&page::site_directory(data_dir), config.listen);
    let served = served.map_err(|failure| {
        let why = failure.why.as_deref().unwrap_or_default();
        out.warn(&format!("{}: {why}", failure.what));
    });
    Ok((Some(board), served.ok()))
}

/// Stops what `up` started beside itself.
fn stop_beside(served: Option<Served>, edge: Option<crate::edge::Beside>) {
    if let Some(served) = served {
        served.stop();
    }
    if let Some(edge) = edge {
        edge.stop();
    }
}

/// Runs the edge beside `up`. Control without one is worth having, so its failure ends nothing.
fn edge(run: &Run<'_>, data_dir: &Path, out: &Out) -> Option<crate::edge::Beside> {
    if !run.talks || !run.config.edge.start {
        return None;
    }
    let started = crate::edge::Beside::start(data_dir).map_err(|failure| {
        let why = failure.why.as_deref().unwrap_or_default();
        out.warn(&format!("{}: {why}", failure.what));
    });
    started.ok()
}

/// Plays the rehearsal, then lets the server run on. Its failure is said, and ends nothing.
async fn tour(data_dir: &Path, out: &Out) -> Result<(), Failure> {
    let globals = Globals {
        data_dir: Some(data_dir.to_owned()),
        ..Globals::default()
    };
    let played = match Client::new(&globals) {
        Ok(client) => rehearse::play(&client, &call(data_dir), out).await,
        Err(failure) => Err(failure),
    };
    match played {
        Ok(_) => out.talk("hereby goes on running; Ctrl-C stops it."),
        Err(failure) => out.failure(&failure),
    }
    std::future::pending().await
}

/// What is listened on: the addresses are those that were taken, whatever was configured.
struct Bound {
    listeners: Vec<Listener>,
    http: SocketAddr,
    tls: Tls,
}

/// Where TLS is spoken, and the pin of a certificate of hereby's own.
type Tls = Option<(SocketAddr, Option<String>)>;

async fn listeners(config: &Config, station: &Station, data_dir: &Path) -> Result<Bound, Failure> {
    let taken = |address: SocketAddr, next: &'static str| {
        move |error: std::io::Error| {
            Failure::new(Exit::Internal, format!("can't listen on {address}"))
                .because(error)
                .hint(next)
        }
    };
    let socket = station.paths.control_socket();
    let local = web::bind_local(&socket).map_err(|error| {
        Failure::new(
            Exit::Internal,
            format!("can't listen on {}", socket.display()),
        )
        .because(error)
    })?;
    let http = config.listen.http;
    let plain = TcpListener::bind(http).await.map_err(taken(
        http,
        "hereby up --listen 127.0.0.1:0 takes a free port",
    ))?;
    // Port 0 takes a free one: whoever asked for that reads here which.
    let http = plain.local_addr().unwrap_or(http);
    let file = data_dir.join("http.address");
    if let Err(error) = std::fs::write(&file, format!("{http}\n")) {
        tracing::warn!(%error, "the address could not be written down");
    }
    let mut all = vec![Listener::Local(local), Listener::Plain(plain)];
    let mut bound = None;
    if let Some(address) = config.listen.tls {
        let tls = tls::load(&config.listen, data_dir).map_err(|error| {
            Failure::usage("there is no certificate for the TLS listener").because(error)
        })?;
        let listener = TcpListener::bind(address).await.map_err(taken(
            address,
            "name another port as listen.tls in hereby.toml",
        ))?;
        bound = Some((listener.local_addr().unwrap_or(address), tls.pin));
        all.push(Listener::Tls(listener, tls.config));
    }
    Ok(Bound {
        listeners: all,
        http,
        tls: bound,
    })
}

/// Ctrl-C, or the service manager's SIGTERM. They are heard from this call on, so that whoever sees
/// hereby listen can stop it cleanly.
pub(crate) fn told_to_stop() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let heard = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    );
    async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = heard else {
            tracing::error!("signals can't be heard; stop hereby with SIGKILL");
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

fn keep_anchor(anchor: &store::AnchorSync) {
    loop {
        std::thread::sleep(ANCHOR_SYNC_EVERY);
        if let Err(error) = anchor.sync() {
            // Not tried again as it was: the next two batches write both slots anew, and that is
            // what the next sync is about.
            tracing::error!(%error, "the anchor can't be synced");
        }
    }
}

/// The record can't be written any more: what is on the disk is unknown until the next start looks.
pub(crate) fn end_process(error: AppendError) {
    let cause = std::error::Error::source(&error)
        .map(ToString::to_string)
        .unwrap_or_default();
    tracing::error!(%error, cause, "hereby ends: the record can't be written");
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(
        stderr,
        "error: the record can't be written ({error}: {cause})\n  why: an error of the disk is \
         never tried again: what it kept is unknown\n next: look at the disk, then start hereby \
         again: it recovers what was acknowledged"
    );
    let _ = stderr.flush();
    std::process::exit(i32::from(Exit::Untrusted.code()));
}

fn welcome(
    run: &Run<'_>,
    station: &Station,
    data_dir: &Path,
    (http, tls, page, edges): (SocketAddr, &Tls, Option<SocketAddr>, &[String]),
    out: &Out,
) {
    let head = station.engine.view().head();
    out.talk(Line::new().styled(Style::Bold, "hereby is up"));
    out.talk(format!(
        "  console  http://{http} (sign in: {} login --for YOUR-NAME)",
        call(data_dir)
    ));
    out.talk(format!("  API      http://{http}/api/v1"));
    if let Some((address, Some(pin))) = tls {
        let host = run.config.listen.tls_names.first();
        let host = host.map_or("localhost", String::as_str);
        out.talk(format!(
            "  TLS      https://{host}:{} (pin {pin})",
            address.port()
        ));
    }
    if let Some(address) = page {
        out.talk(format!("  status   http://{address}"));
    }
    if let Some(address) = edges.first() {
        let file = data_dir.join("edge.toml");
        out.talk(format!(
            "  edge     http://{address} (serves what {} says)",
            file.display()
        ));
    }
    out.talk(format!("  data     {}", data_dir.display()));
    out.talk(format!(
        "  record   {} with {}, root {}…",
        station.origin,
        counted(head.size, "act"),
        short(&head)
    ));
    if station.is_new {
        out.talk("");
        out.talk("This is a new record. Its verifier key, for everyone who will check it:");
        if let Some(vkey) = station
            .engine
            .view()
            .read(|state| state.log.vkeys.last().map(|(_, vkey)| vkey.to_string()))
        {
            out.talk(format!("  {vkey}"));
        }
    }
    if run.rehearse {
        return;
    }
    let call = call(data_dir);
    out.talk("");
    out.talk("Next, in another terminal:");
    for (what, line) in [
        (
            "declare an incident",
            "declare \"what is wrong\" --severity 2",
        ),
        ("see what is open", "incidents"),
        (
            "let Alertmanager in",
            "token issue --for service:alertmanager --scope alerts --expires 90d",
        ),
        ("check the record", "verify"),
    ] {
        out.talk(
            Line::new()
                .styled(Style::Good, format!("  {call} {line}"))
                .styled(Style::Dim, format!("   {what}")),
        );
    }
    out.talk("Ctrl-C stops it.");
}

/// How this very binary is called for this data directory in another terminal.
fn call(data_dir: &Path) -> String {
    let own = std::env::current_exe().ok();
    let on_path = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path)
            .any(|dir| std::fs::canonicalize(dir.join("hereby")).ok() == own && own.is_some())
    });
    let binary = match &own {
        Some(own) if !on_path => {
            let here = std::env::current_dir().ok();
            let below = here.and_then(|here| own.strip_prefix(here).ok().map(Path::to_owned));
            below.unwrap_or_else(|| own.clone()).display().to_string()
        }
        _ => "hereby".to_owned(),
    };
    if std::env::var_os("HEREBY_DATA_DIR").is_some() || is_default(data_dir) {
        binary
    } else {
        format!("{binary} --data-dir {}", data_dir.display())
    }
}

fn is_default(data_dir: &Path) -> bool {
    Globals::default()
        .data_dir()
        .is_ok_and(|default| default == data_dir)
}

/// A progress bar while the state is folded, on a terminal; nothing elsewhere.
pub(crate) fn progress(out: &Out) -> Box<dyn FnMut(u64, u64)> {
    if !out.shows_progress() {
        return Box::new(|_, _| {});
    }
    let bar = indicatif::ProgressBar::new(0).with_style(
        indicatif::ProgressStyle::with_template(
            "  {bar:40} {pos}/{len} acts, {per_sec}, {eta} left",
        )
        .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()),
    );
    Box::new(move |done, all| {
        bar.set_length(all);
        bar.set_position(done);
        if done >= all {
            bar.finish_and_clear();
        }
    })
}
