//! Load: threads that append, threads that only burn time, and the bare disk to compare with.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use engine::Request;

use crate::rig::{Failed, Rig, failed};
use crate::{quantile, rounds};

/// What a stretch of work came to.
#[derive(Debug, Default)]
pub struct Measured {
    /// How many were done.
    pub count: usize,
    /// In what time.
    pub took: Duration,
    /// How long each took.
    pub each: Vec<Duration>,
}

impl Measured {
    /// Done in a second.
    pub fn per_second(&self) -> f64 {
        self.count as f64 / self.took.as_secs_f64()
    }

    /// The time that 99 of 100 did not exceed, in milliseconds.
    pub fn p99_ms(&mut self) -> f64 {
        quantile(&mut self.each, 0.99).as_secs_f64() * 1e3
    }
}

/// How long one side of a round runs: longer when there are few rounds than one can use.
pub fn stretch() -> Duration {
    Duration::from_millis(if rounds() < 3 { 1_000 } else { 2_000 })
}

/// Appends `bytes` and waits for the disk, again and again, to a new file.
///
/// # Errors
/// When the file can't be written.
pub fn raw_append(path: &Path, bytes: usize, during: Duration) -> Result<Measured, Failed> {
    let mut file = OpenOptions::new()
        .append(true)
        .create_new(true)
        .open(path)
        .map_err(failed("make a file"))?;
    let line: Vec<u8> = (0..bytes).map(|at| b'a' + (at % 26) as u8).collect();
    let mut measured = Measured::default();
    let begin = Instant::now();
    while begin.elapsed() < during {
        let one = Instant::now();
        file.write_all(&line).map_err(failed("write"))?;
        rustix::fs::fdatasync(&file).map_err(failed("sync"))?;
        measured.each.push(one.elapsed());
    }
    measured.took = begin.elapsed();
    measured.count = measured.each.len();
    drop(file);
    std::fs::remove_file(path).map_err(failed("remove a file"))?;
    Ok(measured)
}

/// What an appender sends next, given its number and how many it has sent; `None` ends it.
pub type Next = Arc<dyn Fn(&Rig, usize, usize) -> Option<Request> + Send + Sync>;

/// A note, again and again.
pub fn notes() -> Next {
    Arc::new(|rig, _, _| Some(rig.note()))
}

/// How long a record is written to before it is measured: by then what is filled ahead is a whole
/// segment, as it is for a server that has run for a while.
const WARM: Duration = Duration::from_millis(1_500);

/// Appends until the record is as busy as it will be.
///
/// # Errors
/// As for [`append`].
pub fn warm(rig: &Arc<Rig>) -> Result<(), Failed> {
    append(rig, 64, WARM, &notes())?;
    // Indexes and tiles follow behind.
    thread::sleep(WARM / 2);
    Ok(())
}

/// `appenders` that each send one request after the other, as soon as the last is answered. They
/// are tasks of a runtime with a thread for each core, as the server's are.
///
/// # Errors
/// When a request is anything but done.
pub fn append(
    rig: &Arc<Rig>,
    appenders: usize,
    during: Duration,
    next: &Next,
) -> Result<Measured, Failed> {
    rig.runtime().block_on(async {
        let start = Arc::new(tokio::sync::Barrier::new(appenders + 1));
        let tasks: Vec<_> = (0..appenders)
            .map(|number| {
                let (rig, start, next) = (rig.clone(), start.clone(), next.clone());
                tokio::spawn(async move {
                    start.wait().await;
                    one_appender(&rig, number, during, &next).await
                })
            })
            .collect();
        start.wait().await;
        let begin = Instant::now();
        let mut measured = Measured::default();
        for task in tasks {
            let each = task.await.map_err(failed("append"))??;
            measured.each.extend(each);
        }
        measured.took = begin.elapsed();
        measured.count = measured.each.len();
        Ok(measured)
    })
}

async fn one_appender(
    rig: &Rig,
    number: usize,
    during: Duration,
    next: &Next,
) -> Result<Vec<Duration>, Failed> {
    let mut each = Vec::with_capacity(1 << 14);
    let begin = Instant::now();
    while begin.elapsed() < during {
        let Some(request) = next(rig, number, each.len()) else {
            break;
        };
        let one = Instant::now();
        rig.send(request).await?;
        each.push(one.elapsed());
    }
    Ok(each)
}

/// Threads that do nothing but take time from others, until they are dropped.
pub struct Busy {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Busy {
    /// That many for each core.
    pub fn per_core(count: usize) -> Busy {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..count * cores())
            .map(|_| {
                let stop = stop.clone();
                thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        std::hint::black_box(());
                    }
                })
            })
            .collect();
        Busy { stop, threads }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // It has nothing to panic about.
            let _ = thread.join();
        }
    }
}

/// How many cores this process may use.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
