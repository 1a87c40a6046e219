//! Makes the page beside a running hereby: at every act that the public is to hear of, and every
//! minute, so that what stands there says that somebody still vouches for it.
//!
//! It also counts the minutes in which it was there, writes each day's count on the record once the
//! day is over, and makes an alert of a target that is behind, by transition.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::{Line, Name, Timestamp};
use engine::{Engine, Outcome, Request, Transport};
use incident::{AlertSignal, Phase};
use publish::{Board, Edition, Spool, Standing};
use record::command::{Command, MeasurePage};
use record::note::SignerKey;
use status::Site;
use tokio::sync::{mpsc, watch};

use super::{
    Dispatch, Kept, NEWS_MS_MAX, RENEWAL_MS_MAX, kept_file, send, site_directory, status_key,
    unwritten,
};
use crate::config::StatusPage;
use crate::exit::Failure;
use crate::station::Station;

/// The name that its acts and alerts come from.
const SOURCE: &str = "status";
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
/// Acts that come in a row are made one edition.
const GATHER: Duration = Duration::from_millis(50);
/// How often it is looked whether a target is behind.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A firing alert is said again this often, so that it does not lapse.
const SAID_AGAIN_MS: i64 = 300_000;

/// The page of a running hereby.
struct Page {
    engine: Arc<Engine>,
    site: Site,
    spool: Spool,
    key: SignerKey,
    sequence: u64,
    measured: Measured,
    /// Where what a bundle is made of is kept.
    kept: PathBuf,
    editions: watch::Sender<Option<Arc<Edition>>>,
    found: mpsc::Receiver<u64>,
    revision: Option<u64>,
    /// When the newest edition was made that said something new.
    news_at: Timestamp,
}

/// Starts making the page for readers at this address, and bringing it to its targets. It ends with
/// the runtime, on which this is called.
///
/// # Errors
/// When the key, the directory or a target can't be used.
pub(crate) fn begin(
    station: &Station,
    config: &StatusPage,
    url: &str,
    data_dir: &Path,
) -> Result<Arc<Board>, Failure> {
    let key = status_key(data_dir, &station.origin)?;
    let root = site_directory(data_dir);
    let spool = Spool::open(&root).map_err(|error| unwritten(&error))?;
    let site = Site::new(config.options(url).map_err(Failure::usage)?).map_err(Failure::usage)?;
    let trusted = vec![key.verifier().clone()];
    let dispatch = Dispatch {
        spool: spool.clone(),
        trusted: trusted.clone(),
        board: Arc::new(Board::default()),
        work: data_dir.join("status").join("work"),
    };
    let couriers = dispatch.couriers(config)?;
    let (editions, reader) = watch::channel(None);
    let (found_by, found) = mpsc::channel(16);
    let page = Page {
        engine: station.engine.clone(),
        sequence: spool.sequence(&trusted).unwrap_or(0),
        site,
        spool,
        key,
        measured: Measured::read(data_dir.join("status").join("measured")),
        kept: kept_file(data_dir),
        editions,
        found,
        revision: None,
        news_at: station.engine.now(),
    };
    send(couriers, &reader, &found_by);
    let watched = (station.engine.clone(), dispatch.board.clone());
    tokio::spawn(async move { watch_targets(&watched.0, &watched.1).await });
    tokio::spawn(page.run());
    Ok(dispatch.board)
}

impl Page {
    async fn run(mut self) {
        let mut heads = self.engine.view().heads();
        loop {
            let now = self.engine.now();
            self.measured.tick(now);
            if let Some((starts_at, minutes)) = self.measured.over(now)
                && record_measured(&self.engine, starts_at, minutes).await
            {
                self.measured.begin(now);
            }
            self = match self.make(now).await {
                Some(page) => page,
                // What it was made with is gone with the thread that failed.
                None => return tracing::error!("the status page is not made any more"),
            };
            let wait_ms = MINUTE_MS - self.engine.now().as_ms().rem_euclid(MINUTE_MS);
            let minute = Duration::from_millis(wait_ms.unsigned_abs());
            let mut minute = std::pin::pin!(tokio::time::sleep(minute));
            loop {
                tokio::select! {
                    () = minute.as_mut() => break,
                    Some(sequence) = self.found.recv() => {
                        self.sequence = self.sequence.max(sequence);
                        break;
                    }
                    changed = heads.changed() => {
                        if changed.is_err() {
                            return;
                        }
                        if self.has_news() {
                            tokio::time::sleep(GATHER).await;
                            break;
                        }
                    }
                }
            }
        }
    }

    fn has_news(&self) -> bool {
        let revision = self.engine.view().read(|state| state.page.revision);
        self.revision != Some(revision)
    }

    /// Makes an edition, on a thread that may wait for the disk.
    async fn make(mut self, now: Timestamp) -> Option<Page> {
        let made = tokio::task::spawn_blocking(move || {
            if let Err(error) = self.edition(now) {
                // Readers see that it is old; the next minute tries again.
                tracing::error!(%error, "the status page can't be written");
                self.revision = None;
            }
            self
        });
        made.await.ok()
    }

    fn edition(&mut self, now: Timestamp) -> std::io::Result<()> {
        let page = self.engine.view().read(|state| state.page.clone());
        let has_news = self.revision != Some(page.revision);
        let is_first = self.revision.is_none();
        if has_news {
            self.news_at = now;
        }
        let changes = self.site.build(&page, now, self.measured.today(now));
        self.spool.write(&changes)?;
        self.sequence += 1;
        let said = page.incidents.values().flat_map(|it| &it.words);
        let sealing = publish::Sealing {
            sequence: self.sequence,
            now,
            news_at: self.news_at,
            said_elsewhere: BTreeSet::new(),
            said: Arc::new(said.map(|word| word.act).collect()),
        };
        let edition =
            self.spool
                .seal(self.site.options(), self.site.files(), &self.key, sealing)?;
        if is_first {
            self.spool.sweep(self.site.files())?;
        }
        if has_news {
            self.keep(page, now)?;
        }
        self.editions.send_replace(Some(Arc::new(edition)));
        Ok(())
    }
}

impl Page {
    /// Keeps what a bundle is made of, so that one can be made without a running hereby.
    fn keep(&mut self, page: status::Page, now: Timestamp) -> std::io::Result<()> {
        let revision = page.revision;
        let kept = Kept {
            made_at: now,
            page,
            sequence: self.sequence,
            url: self.site.options().url.clone(),
        };
        let bytes = serde_json::to_vec(&kept).map_err(std::io::Error::other)?;
        let fresh = self.kept.with_extension("new");
        std::fs::write(&fresh, bytes)?;
        std::fs::rename(&fresh, &self.kept)?;
        self.revision = Some(revision);
        Ok(())
    }
}

/// Writes on the record for how much of a day somebody was there. Whether that is settled: it is
/// there, or can't be any more.
async fn record_measured(engine: &Engine, starts_at: Timestamp, minutes: u16) -> bool {
    let Ok(source) = SOURCE.parse::<Name>() else {
        return true;
    };
    let Ok(id) = format!("status:measured:{starts_at}").parse() else {
        return true;
    };
    let request = Request {
        transport: Transport::Own(source),
        command: Command::new(id, MeasurePage { minutes, starts_at }),
        signature: None,
    };
    match engine.submit(request).await {
        Outcome::Done(_) => true,
        Outcome::Refused(refusal) => {
            tracing::warn!(%refusal, "what was measured is not on the record");
            !refusal.reason.is_passing()
        }
        Outcome::Unknown => false,
    }
}

/// Minutes in which hereby was there, of one day. Kept in a file, so that a restart forgets none;
/// losing it makes a day less known, never more.
struct Measured {
    file: PathBuf,
    /// The day's first instant, in days since 1970.
    day: i64,
    minutes: u16,
    /// The last minute that was counted, since 1970.
    last: i64,
}

impl Measured {
    fn read(file: PathBuf) -> Measured {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let mut numbers = text.split_whitespace().map(str::parse::<i64>);
        let mut next = || numbers.next().and_then(Result::ok);
        let (day, minutes, last) = (next(), next(), next());
        let minutes = minutes.and_then(|it| u16::try_from(it).ok());
        match (day, minutes, last) {
            (Some(day), Some(minutes @ 0..=1_440), Some(last)) => Measured {
                file,
                day,
                minutes,
                last,
            },
            _ => Measured {
                file,
                day: i64::MIN,
                minutes: 0,
                last: i64::MIN,
            },
        }
    }

    /// Counts the minute that it is now, once.
    fn tick(&mut self, now: Timestamp) {
        let minute = now.as_ms().div_euclid(MINUTE_MS);
        let day = now.as_ms().div_euclid(DAY_MS);
        if self.day == i64::MIN {
            self.day = day;
        }
        // A day that waits to be written down is not added to.
        if day != self.day || minute <= self.last {
            return;
        }
        self.last = minute;
        self.minutes = (self.minutes + 1).min(1_440);
        self.write();
    }

    /// The day that is over and not on the record yet, and what was counted of it.
    fn over(&self, now: Timestamp) -> Option<(Timestamp, u16)> {
        let day = now.as_ms().div_euclid(DAY_MS);
        (self.day < day).then(|| (Timestamp::from_ms(self.day * DAY_MS), self.minutes))
    }

    /// Begins with the day that it is now.
    fn begin(&mut self, now: Timestamp) {
        self.day = now.as_ms().div_euclid(DAY_MS);
        self.minutes = 0;
        self.last = i64::MIN;
        self.tick(now);
    }

    /// What was counted today.
    fn today(&self, now: Timestamp) -> u16 {
        match self.day == now.as_ms().div_euclid(DAY_MS) {
            true => self.minutes,
            false => 0,
        }
    }

    fn write(&self) {
        let text = format!("{} {} {}\n", self.day, self.minutes, self.last);
        let fresh = self.file.with_extension("new");
        let written =
            std::fs::write(&fresh, text).and_then(|()| std::fs::rename(&fresh, &self.file));
        if let Err(error) = written {
            tracing::warn!(%error, "how much was measured could not be kept");
        }
    }
}

/// Makes alerts of targets that are behind, by transition.
async fn watch_targets(engine: &Engine, board: &Board) {
    let started_at = engine.now();
    let mut firing: std::collections::BTreeMap<String, (Timestamp, Timestamp)> =
        std::collections::BTreeMap::new();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = engine.now();
        for (name, standing) in board.all() {
            let behind = is_behind(&standing, now, started_at);
            let (begun, said) = match (behind, firing.get(&name).copied()) {
                (true, None) => (now, None),
                (true, Some((begun, said))) if now.ms_since(said) >= SAID_AGAIN_MS => {
                    (begun, Some(said))
                }
                (false, Some((begun, said))) => (begun, Some(said)),
                _ => continue,
            };
            let phase = match behind {
                true => Phase::Firing,
                false => Phase::Resolved,
            };
            let Some(signal) = signal(&name, &standing, begun, phase, now) else {
                continue;
            };
            let Ok(source) = SOURCE.parse() else { return };
            let report = engine.signals(Transport::Own(source), vec![signal]).await;
            if report.is_some_and(|report| report.refused.is_none()) {
                match behind {
                    true => drop(firing.insert(name, (begun, now))),
                    false => drop(firing.remove(&name)),
                }
            } else {
                tracing::warn!(
                    name,
                    again = said.is_some(),
                    "a target is behind, and no alert says so"
                );
            }
        }
    }
}

/// Whether readers of a target may see what is not true. One that was never seen since the start
/// has as long as news have.
pub(crate) fn is_behind(standing: &Standing, now: Timestamp, started_at: Timestamp) -> bool {
    let unseen = standing.seen_at.is_none() && now.ms_since(started_at) > NEWS_MS_MAX;
    unseen || standing.is_behind(now, NEWS_MS_MAX, RENEWAL_MS_MAX)
}

fn signal(
    name: &str,
    standing: &Standing,
    begun: Timestamp,
    phase: Phase,
    now: Timestamp,
) -> Option<AlertSignal> {
    let label = |name: &str, value: &str| (name.into(), value.into());
    let trouble = standing.trouble.as_deref().unwrap_or("it takes too long");
    Some(AlertSignal {
        annotations: [
            label("trouble", &trouble.chars().take(300).collect::<String>()),
            label("next", "hereby page targets"),
        ]
        .into(),
        ends_at: (phase == Phase::Resolved).then_some(now),
        fingerprint: format!("target:{name}").parse::<Line>().ok()?,
        labels: [
            label("alertname", "StatusPageBehind"),
            label("severity", "warning"),
            label("target", name),
        ]
        .into(),
        lost_bytes: 0,
        phase,
        source: SOURCE.parse::<Name>().ok()?,
        starts_at: Some(begun),
        title: format!("The status page at {name} is behind")
            .parse::<Line>()
            .ok()?,
    })
}
