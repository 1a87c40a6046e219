//! The access log: one JSON object a line, written by a thread of its own. What it can't take in
//! time is dropped and counted; serving never waits for it.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use hyper::header::HeaderValue;
use hyper::{Method, Uri};
use policy::Prefix;
use policy::config::{AccessLog, Addresses};
use serde::Serialize;

use crate::clients::Certificate;
use crate::counts::Count;

/// Lines that wait to be written.
const WAITING_MAX: usize = 8_192;
/// Of what a client chose so much is written.
const TEXT_CHARS_MAX: usize = 1_024;
const FLUSH_EVERY: Duration = Duration::from_millis(500);
/// An edge that ends waits so long for its last lines.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// What was asked for. Nothing is copied for it: texts are made when a line is written.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    /// The `Host` field, where the request's target has no authority of its own.
    pub(crate) host: Option<HeaderValue>,
    pub(crate) client: IpAddr,
    pub(crate) http2: bool,
    pub(crate) certificate: Option<Arc<Certificate>>,
}

impl Asked {
    /// The host and port that were asked for.
    pub(crate) fn host(&self) -> &str {
        match self.uri.authority() {
            Some(authority) => authority.as_str(),
            None => self
                .host
                .as_ref()
                .and_then(|host| host.to_str().ok())
                .unwrap_or(""),
        }
    }

    pub(crate) fn protocol(&self) -> &'static str {
        if self.http2 { "HTTP/2" } else { "HTTP/1.1" }
    }
}

/// One line.
#[derive(Serialize)]
pub(crate) struct Entry {
    pub(crate) at: String,
    pub(crate) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client: Option<String>,
    pub(crate) protocol: &'static str,
    pub(crate) method: String,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) route: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upstream: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<String>,
    pub(crate) tier: usize,
    pub(crate) retries: u32,
    pub(crate) bytes: u64,
    pub(crate) micros: u64,
    /// Whether the whole answer went out.
    pub(crate) whole: bool,
}

/// What the writing thread is given.
enum Line {
    Entry(Box<Entry>),
    /// Somebody wants to know when everything before this is written.
    Flush(SyncSender<()>),
}

/// Where lines go.
pub(crate) struct Log {
    lines: SyncSender<Line>,
    settings: AccessLog,
    /// The second that lines are counted in, and how many it had: both in one word.
    second: AtomicU64,
    sampled: AtomicU64,
    pub(crate) dropped_full: Count,
    pub(crate) dropped_rate: Count,
    /// Lines that could not be written.
    pub(crate) dropped_failed: Arc<Count>,
}

impl Log {
    /// Opens the log as configured; none if there is none.
    ///
    /// # Errors
    /// When the file can't be opened.
    pub(crate) fn open(settings: &AccessLog, directory: &Path) -> io::Result<Option<Log>> {
        let Some(path) = &settings.path else {
            return Ok(None);
        };
        let place = (path != "-").then(|| directory.join(path));
        let destination = destination(place.as_deref())?;
        let (lines, waiting) = sync_channel::<Line>(WAITING_MAX);
        let dropped_failed = Arc::new(Count::default());
        let failed = dropped_failed.clone();
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || {
                write(destination, place.as_deref(), &waiting, &failed);
            })?;
        Ok(Some(Log {
            lines,
            settings: settings.clone(),
            second: AtomicU64::new(0),
            sampled: AtomicU64::new(0),
            dropped_full: Count::default(),
            dropped_rate: Count::default(),
            dropped_failed,
        }))
    }

    /// Whether this answered request is one that is written: every n-th, evenly.
    pub(crate) fn samples(&self) -> bool {
        let share = u64::from(self.settings.sample_ppm);
        let before = self.sampled.fetch_add(share, Relaxed);
        (before % 1_000_000) + share >= 1_000_000
    }

    pub(crate) fn write(&self, now_s: i64, entry: Entry) {
        if !self.may(now_s) {
            return self.dropped_rate.add(1);
        }
        match self.lines.try_send(Line::Entry(Box::new(entry))) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => self.dropped_full.add(1),
        }
    }

    /// Waits until what was given is written, for a bounded time: the last thing an edge does.
    pub(crate) fn flush(&self) {
        let (done, flushed) = sync_channel(1);
        if self.lines.try_send(Line::Flush(done)).is_ok() {
            let _ = flushed.recv_timeout(FLUSH_MAX);
        }
    }

    /// Whether this second may have one more.
    fn may(&self, now_s: i64) -> bool {
        let second = (now_s.unsigned_abs() & 0xffff_ffff) << 32;
        let most = u64::from(self.settings.lines_per_second_max);
        let taken = self.second.fetch_update(Relaxed, Relaxed, |word| {
            let (of, count) = (word & !0xffff_ffff, word & 0xffff_ffff);
            match of == second {
                true if count >= most => None,
                true => Some(word + 1),
                false => Some(second | 1),
            }
        });
        taken.is_ok()
    }

    /// An address as it may be written.
    pub(crate) fn address(&self, address: IpAddr) -> Option<String> {
        let address = address.to_canonical();
        match self.settings.addresses {
            Addresses::Full => Some(address.to_string()),
            Addresses::Shortened => {
                let length = if address.is_ipv4() { 24 } else { 48 };
                Some(Prefix::around(address, length).to_string())
            }
            Addresses::None => None,
        }
    }
}

/// What a client chose, as much of it as is written.
pub(crate) fn bounded(text: &str) -> String {
    match text.len() <= TEXT_CHARS_MAX {
        true => text.to_owned(),
        false => text.chars().take(TEXT_CHARS_MAX).collect(),
    }
}

const BUFFER_BYTES: usize = 64 << 10;

/// Where lines go: the end of a file, or the standard output.
struct Destination {
    out: io::BufWriter<Box<dyn Write + Send>>,
    /// Which file it is.
    file: Option<(u64, u64)>,
}

fn destination(place: Option<&Path>) -> io::Result<Destination> {
    use std::os::unix::fs::MetadataExt as _;
    let (out, file): (Box<dyn Write + Send>, _) = match place {
        None => (Box::new(io::stdout()), None),
        Some(place) => {
            let file = OpenOptions::new().create(true).append(true).open(place)?;
            let found = file.metadata()?;
            (Box::new(file), Some((found.dev(), found.ino())))
        }
    };
    Ok(Destination {
        out: io::BufWriter::with_capacity(BUFFER_BYTES, out),
        file,
    })
}

/// Whether what lies there is another file now: who rotates logs has moved ours away.
fn moved(place: &Path, file: Option<(u64, u64)>) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(place).map_or(true, |found| Some((found.dev(), found.ino())) != file)
}

fn write(
    destination: Destination,
    place: Option<&Path>,
    waiting: &std::sync::mpsc::Receiver<Line>,
    failed: &Count,
) {
    let Destination { mut out, mut file } = destination;
    let mut flushed = Instant::now();
    let mut failing = false;
    // Lines that wait in the buffer.
    let mut kept = 0;
    loop {
        let mut asked = None;
        let mut outcome = match waiting.recv_timeout(FLUSH_EVERY) {
            Ok(Line::Entry(entry)) => serde_json::to_writer(&mut out, &entry)
                .map_err(io::Error::from)
                .and_then(|()| out.write_all(b"\n"))
                .inspect(|()| kept += 1)
                .inspect_err(|_| failed.add(1)),
            Ok(Line::Flush(done)) => {
                asked = Some(done);
                Ok(())
            }
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => Ok(()),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
                let _ = out.flush();
                return;
            }
        };
        let due = asked.is_some() || flushed.elapsed() >= FLUSH_EVERY;
        if due {
            flushed = Instant::now();
            let flush = out.flush();
            if flush.is_err() {
                // What can't be written now must not keep what comes from being written later.
                failed.add(kept);
                let (inner, _) = out.into_parts();
                out = io::BufWriter::with_capacity(BUFFER_BYTES, inner);
            }
            kept = 0;
            outcome = outcome.and(flush);
            if let Some(place) = place.filter(|place| moved(place, file)) {
                outcome = self::destination(Some(place)).map(|fresh| {
                    (out, file) = (fresh.out, fresh.file);
                });
            }
        }
        if let Some(done) = asked {
            // Who does not wait any more does not care.
            let _ = done.try_send(());
        }
        // Serving goes on without a log; it is said once, and again when it works: a line that only
        // waits to be written says neither.
        match (outcome, failing) {
            (Err(error), false) => {
                failing = true;
                tracing::warn!(%error, "the access log can't be written");
            }
            (Ok(()), true) if due => {
                failing = false;
                tracing::info!("the access log is written again");
            }
            _ => {}
        }
    }
}
