//! Ed25519 signatures, checked on every core while the walk goes on.
//!
//! A signature costs as much as ten entries, and there is one in each batch.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use record::author::AuthorSignature;
use record::note::VerifierKey;

use super::Problem;

/// Signatures handed over at once.
const BUNDLE: usize = 64;

/// Bundles that may wait.
const WAITING_MAX: usize = 32;

/// More threads than this do not help: one thread can't read faster.
const THREADS_MAX: usize = 8;

/// Whose signature it is, which says by whose rules it is checked.
pub(super) enum By {
    /// The log's, over a checkpoint, as others' tools check it.
    Log(VerifierKey),
    /// An author's, over a command.
    Author(VerifierKey),
}

impl By {
    fn is_valid(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            By::Log(key) => UnparsedPublicKey::new(&ED25519, key.public_key())
                .verify(message, signature)
                .is_ok(),
            By::Author(key) => AuthorSignature::new(key.public_key(), signature, message)
                .is_some_and(AuthorSignature::is_valid),
        }
    }
}

/// One signature to check.
pub(super) struct Job {
    pub(super) by: By,
    pub(super) message: Vec<u8>,
    pub(super) signature: Vec<u8>,
    pub(super) path: PathBuf,
    pub(super) line: u64,
    pub(super) byte: u64,
    pub(super) entry: Option<u64>,
    /// What to say when it is not valid.
    pub(super) what: String,
}

/// Where signatures are handed in.
pub(super) struct Checker {
    bundle: Vec<Job>,
    jobs: SyncSender<Vec<Job>>,
}

impl Checker {
    pub(super) fn check(&mut self, job: Job) {
        self.bundle.push(job);
        if self.bundle.len() >= BUNDLE {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        // The other end goes only when a checker has panicked, which the scope then shows.
        let _ = self.jobs.send(std::mem::take(&mut self.bundle));
    }
}

impl Drop for Checker {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// Runs `walk` with a checker; returns what it returned and the problems that were found.
pub(super) fn with_checker<T>(walk: impl FnOnce(&mut Checker) -> T) -> (T, Vec<Problem>) {
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(THREADS_MAX);
    let (jobs, work) = sync_channel(WAITING_MAX);
    let (work, problems) = (Mutex::new(work), Mutex::new(Vec::new()));
    let walked = std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| serve(&work, &problems));
        }
        let mut checker = Checker {
            bundle: Vec::with_capacity(BUNDLE),
            jobs,
        };
        walk(&mut checker)
    });
    (
        walked,
        problems
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner),
    )
}

fn serve(work: &Mutex<Receiver<Vec<Job>>>, problems: &Mutex<Vec<Problem>>) {
    loop {
        let bundle = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(bundle) = bundle else { return };
        for job in bundle {
            if !job.by.is_valid(&job.message, &job.signature) {
                problems
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(Problem {
                        path: job.path,
                        line: Some(job.line),
                        byte: Some(job.byte),
                        entry: job.entry,
                        what: job.what,
                    });
            }
        }
    }
}
