//! The public status page: made beside a running hereby, and looked after without one.
//!
//! What it says is decided in `status`, where it goes in `publish`. Here they meet the record, the
//! clock, the status key and the configuration.

mod bundle;
mod key;
mod maker;
mod offline;
mod spare;
mod word;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use publish::{Board, Courier, Patience, Spool};
use record::note::VerifierKey;
use tokio::sync::{mpsc, watch};

use crate::client::trusted;
use crate::config::StatusPage;
use crate::exit::{Exit, Failure};

pub(crate) use bundle::{Bundle, Kept};
pub(crate) use key::status_key;
pub(crate) use maker::{begin, is_behind};
pub(crate) use offline::{kept_file, run};
pub(crate) use spare::Served;

/// News that wait for longer than this are an alert.
pub(crate) const NEWS_MS_MAX: i64 = 30_000;
/// A page that was not renewed for longer than this is one as well: it is renewed every minute.
pub(crate) const RENEWAL_MS_MAX: i64 = 180_000;

/// Where the page lies on this machine.
pub(crate) fn site_directory(data_dir: &Path) -> PathBuf {
    data_dir.join("status").join("site")
}

/// What is needed to bring targets up to date.
pub(crate) struct Dispatch {
    pub(crate) spool: Spool,
    pub(crate) trusted: Vec<VerifierKey>,
    pub(crate) board: Arc<Board>,
    pub(crate) work: PathBuf,
}

impl Dispatch {
    /// A courier for each target. What can't be opened is said, and stops nothing else.
    ///
    /// # Errors
    /// Why a target can't be one.
    pub(crate) fn couriers(&self, config: &StatusPage) -> Result<Vec<Courier>, Failure> {
        let mut all = Vec::new();
        for target in &config.target {
            let named = |error: &dyn std::fmt::Display| {
                Failure::usage(format!("status.target {}: {error}", target.name))
            };
            let https = [&target.read_url, &target.endpoint];
            let secure = https.into_iter().flatten();
            let secure = secure.clone().any(|url| url.starts_with("https://"));
            let tls = match secure {
                true => trusted(target.ca_file.as_deref())?,
                false => publish::no_tls(),
            };
            let target = target
                .open(&|_| tls.clone(), &self.work)
                .map_err(|error| named(&error))?;
            all.push(Courier {
                target,
                spool: self.spool.clone(),
                trusted: self.trusted.clone(),
                board: self.board.clone(),
                now: Arc::new(crate::client::Client::now),
                patience: Patience::default(),
            });
        }
        Ok(all)
    }
}

/// Editions, for those who bring them somewhere.
pub(crate) type Editions = watch::Receiver<Option<Arc<publish::Edition>>>;

/// Sets couriers on their way, each by itself.
pub(crate) fn send(couriers: Vec<Courier>, editions: &Editions, found: &mpsc::Sender<u64>) {
    for courier in couriers {
        let (editions, found) = (editions.clone(), found.clone());
        tokio::spawn(async move { courier.follow(editions, found).await });
    }
}

/// That a file of the page could not be written here.
pub(crate) fn unwritten(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Internal, "the status page can't be written").because(error)
}
