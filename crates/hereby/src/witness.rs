//! `hereby witness`: a second process, meant for another machine, that cosigns the checkpoints of
//! one log (C2SP tlog-witness) and keeps a copy of its entries.
//!
//! It never stands between a command and its answer. Whoever rewrites the record, even with the
//! log's key, contradicts what is kept here.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use engine::ports::Clock as _;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use record::hash;
use record::witness::AddCheckpoint;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::cli::Globals;
use crate::cli::machine::WitnessArgs;
use crate::client::{Ask, Client};
use crate::exit::{Exit, Failure};
use crate::log::Repeated;
use crate::say::{Line, Out, Style};
use crate::station::SystemClock;

pub(crate) mod book;
pub(crate) mod copy;

pub(crate) use book::keep;
use book::{Book, NotCosigned};
use copy::{Copy, Fetched};

/// Where a witness listens unless told otherwise.
const LISTEN: ([u8; 4], u16) = ([127, 0, 0, 1], 7711);

/// How often the copy catches up.
const COPY_EVERY: Duration = Duration::from_secs(1);

/// How many bundles are fetched before they are checked and kept: bounded memory.
const BUNDLES_AT_ONCE: usize = 256;

/// Connections at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 64;

/// A connection, everything on it included, lasts at most so long.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(30);

/// The longest request: a note of 128 KiB, 63 hashes and a line.
const REQUEST_BYTES_MAX: usize = 160 << 10;

struct Witness {
    book: Book,
    copy: Mutex<Copy>,
}

/// Runs until Ctrl-C.
pub(crate) fn run(args: WitnessArgs, globals: &Globals, out: &Out) -> Result<(), Failure> {
    crate::log::start(&crate::config::LogOutput::default()).map_err(Failure::usage)?;
    let kept = |error: std::io::Error| {
        Failure::new(Exit::Internal, "the witness's directory can't be used").because(error)
    };
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .to_lowercase();
    let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-' || *c == '.';
    let name = format!(
        "{}/hereby-witness",
        host.chars().filter(plain).collect::<String>()
    );
    let book = Book::open(&args.dir, &name, args.vkey).map_err(kept)?;
    let copy = Mutex::new(Copy::open(&args.dir).map_err(kept)?);
    let witness = Arc::new(Witness { book, copy });
    // Without a URL it only cosigns: copying needs somewhere to fetch from.
    let source = globals
        .url
        .as_ref()
        .map(|_| Client::new(globals))
        .transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(Exit::Internal, "no thread could be started").because(error)
        })?;
    runtime.block_on(async {
        let stop = crate::serve::told_to_stop();
        let address = args.listen.unwrap_or_else(|| LISTEN.into());
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Failure::new(Exit::Internal, format!("can't listen on {address}")).because(error)
        })?;
        let address = listener.local_addr().unwrap_or(address);
        out.talk(Line::new().styled(Style::Bold, "This witness cosigns. Its verifier key:"));
        out.data(witness.book.vkey().to_string())?;
        out.talk("Put it into hereby.toml on the machine that writes the record:");
        out.talk(format!(
            "  [[record.witness]]\n  url = \"http://{address}\"\n  vkey = \"…\""
        ));
        match source {
            Some(client) => {
                let copied = witness.clone();
                tokio::spawn(async move { follow(&copied, &client).await });
            }
            None => out.warn("without --url no copy of the entries is kept"),
        }
        tokio::select! {
            () = accept(&witness, &listener) => {}
            () = stop => {}
        }
        Ok(())
    })
}

/// Accepts for ever. What a connection may cost is bounded by its time and their number.
async fn accept(witness: &Arc<Witness>, listener: &TcpListener) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let witness = witness.clone();
                tokio::spawn(async move {
                    let _slot = slot;
                    let served = converse(witness, stream);
                    if tokio::time::timeout(CONNECTION_TIME_MAX, served)
                        .await
                        .is_err()
                    {
                        tracing::debug!("a connection was cut: it lasted too long");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn converse(witness: Arc<Witness>, stream: TcpStream) {
    let service = service_fn(|request| {
        let witness = witness.clone();
        async move { Ok::<_, std::convert::Infallible>(answer(witness, request).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(10))
        .max_headers(64)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answer(witness: Arc<Witness>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let monitoring = format!("/{}/checkpoint", origin_hash(&witness));
    let path = request.uri().path().to_owned();
    match (request.method(), path.as_str()) {
        (&Method::POST, "/add-checkpoint") => {
            match Limited::new(request.into_body(), REQUEST_BYTES_MAX)
                .collect()
                .await
            {
                Ok(body) => add_checkpoint(witness, &body.to_bytes()).await,
                Err(error) => said(StatusCode::BAD_REQUEST, format!("{error}\n")),
            }
        }
        (&Method::GET, "/healthz") => said(StatusCode::OK, "ok\n".to_owned()),
        (&Method::GET, path) if path == monitoring => match witness.book.newest() {
            Some(signed) => said(StatusCode::OK, signed.to_string()),
            None => said(
                StatusCode::NOT_FOUND,
                "nothing was cosigned yet\n".to_owned(),
            ),
        },
        _ => said(
            StatusCode::NOT_FOUND,
            "a witness has /add-checkpoint\n".to_owned(),
        ),
    }
}

fn said(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    typed(status, "text/plain; charset=utf-8", text)
}

fn typed(status: StatusCode, media_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// The monitoring prefix names the log by the SHA-256 of its origin (C2SP tlog-witness).
fn origin_hash(witness: &Witness) -> String {
    let digest = hash::sha256(&[witness.book.origin().as_bytes()]);
    digest.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn add_checkpoint(witness: Arc<Witness>, body: &[u8]) -> Response<Full<Bytes>> {
    let request = match AddCheckpoint::parse(body) {
        Ok(request) => request,
        Err(error) => return said(StatusCode::BAD_REQUEST, format!("{error}\n")),
    };
    let size = request.checkpoint().size();
    let time_s = u64::try_from(SystemClock.now().as_ms() / 1_000).unwrap_or(0);
    // Judging waits for the disk.
    let judged = tokio::task::spawn_blocking(move || witness.book.add(&request, time_s)).await;
    match judged {
        Ok(Ok(line)) => {
            tracing::info!(size, "cosigned");
            said(StatusCode::OK, line)
        }
        Ok(Err(NotCosigned::Refused(refusal))) => {
            tracing::warn!(size, %refusal, "a checkpoint was refused");
            let status =
                StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let (media_type, body) = refusal.body();
            typed(status, media_type, body)
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "a checkpoint could not be kept");
            said(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"))
        }
        Err(error) => {
            tracing::error!(%error, "judging a checkpoint failed");
            said(
                StatusCode::INTERNAL_SERVER_ERROR,
                "judging failed\n".to_owned(),
            )
        }
    }
}

/// Keeps the copy up with what was cosigned, for ever.
async fn follow(witness: &Witness, client: &Client) {
    let failing = Repeated::default();
    loop {
        tokio::time::sleep(COPY_EVERY).await;
        match catch_up(witness, client).await {
            Ok(()) => failing.ended(),
            Err(error) => failing.say(&format_args!("the copy did not catch up: {error}")),
        }
    }
}

/// What happened, why, and what to do next.
fn said_in_a_line(failure: Failure) -> String {
    let parts = [failure.what].into_iter().chain(failure.why);
    let parts: Vec<String> = parts.chain(failure.hints).collect();
    parts.join("; ")
}

async fn catch_up(witness: &Witness, client: &Client) -> Result<(), String> {
    let Some(signed) = witness.book.newest() else {
        return Ok(());
    };
    let target = signed.checkpoint().clone();
    let copy = || witness.copy.lock().unwrap_or_else(PoisonError::into_inner);
    let missing = copy().missing(target.size());
    if missing.is_empty() {
        return Ok(());
    }
    let mut fetched = Vec::new();
    for (number, width) in missing {
        let path = format!("/record/{}", record::tile::entries_path(number, width));
        let ask = Ask {
            method: Method::GET,
            ..Ask::get(path)
        };
        let answer = client.answer(&ask).await.map_err(said_in_a_line)?;
        fetched.push(Fetched {
            number,
            width,
            bytes: answer.body.to_vec(),
        });
        if fetched.len() >= BUNDLES_AT_ONCE {
            copy().stage(&fetched).map_err(|error| error.to_string())?;
            fetched.clear();
        }
    }
    copy().stage(&fetched).map_err(|error| error.to_string())?;
    copy()
        .settle(target.size(), target.root())
        .map_err(|error| error.to_string())?;
    tracing::info!(
        size = target.size(),
        "the copy is complete up to the cosigned checkpoint"
    );
    Ok(())
}
