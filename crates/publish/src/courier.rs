//! Brings a target to the newest edition, for as long as there are editions.
//!
//! One round: ask what is there; put what differs, pages that point to others last; read each of
//! them back as a reader does; put the list and the manifest, and read that back; remove what is
//! gone; look at a few files that should not have changed. A round has a time to be done in. What
//! goes wrong is told, and tried again after pauses that grow; no target waits for another.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use record::hash::{self, Hash};
use record::note::VerifierKey;
use status::Held;
use status::manifest::{LIST_PATH, MANIFEST_PATH, Manifest};
use tokio::sync::watch;

use crate::board::Board;
use crate::spool::{self, Edition, Spool};
use crate::target::Target;

/// Files that should not have changed, of which so many are looked at in each round.
const LOOKED_AT: usize = 64;

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// A round.
    pub round: Duration,
    /// The first pause after something went wrong; it doubles each time.
    pub pause: Duration,
    /// The longest pause.
    pub pause_max: Duration,
}

impl Default for Patience {
    /// Two minutes; a second to half a minute.
    fn default() -> Patience {
        Patience {
            round: Duration::from_secs(120),
            pause: Duration::from_secs(1),
            pause_max: Duration::from_secs(30),
        }
    }
}

/// Brings one target up to date.
pub struct Courier {
    /// Where to.
    pub target: Target,
    /// From where.
    pub spool: Spool,
    /// Whose manifests are believed.
    pub trusted: Vec<VerifierKey>,
    /// Where it is told how the target stands.
    pub board: Arc<Board>,
    /// The time.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// How long things may take.
    pub patience: Patience,
}

/// What is known of what a target holds.
#[derive(Default)]
struct Knowledge {
    /// The manifest that was put last and seen there.
    manifest: Option<Vec<u8>>,
    files: BTreeMap<String, Hash>,
    /// Where looking at unchanged files goes on.
    looked_until: String,
    /// The news that were seen there last, by when they were made.
    news_at: Option<Timestamp>,
}

/// What a round came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    /// The edition is there.
    Done,
    /// The spool holds another edition by now: begin again with that one.
    MovedOn,
}

impl Courier {
    /// Follows editions until there are no more. A sequence that is found at the target and is
    /// higher than the edition's is sent to `found`, so that the next edition goes beyond it.
    pub async fn follow(
        self,
        mut editions: watch::Receiver<Option<Arc<Edition>>>,
        found: tokio::sync::mpsc::Sender<u64>,
    ) {
        let name = self.target.name.clone();
        let kind = self.target.kind.word();
        self.board.change(&name, |standing| standing.kind = kind);
        let mut knowledge = Knowledge::default();
        let mut pause = self.patience.pause;
        loop {
            let edition = editions.borrow_and_update().clone();
            let Some(edition) = edition else {
                match editions.changed().await {
                    Ok(()) => continue,
                    Err(_) => return,
                }
            };
            match self.deliver(&edition, &mut knowledge, &found).await {
                Ok(Round::Done) => {
                    pause = self.patience.pause;
                    if editions.changed().await.is_err() {
                        return;
                    }
                }
                Ok(Round::MovedOn) => {
                    let newer = tokio::time::timeout(self.patience.pause, editions.changed());
                    if let Ok(Err(_)) = newer.await {
                        return;
                    }
                }
                Err(trouble) => {
                    tracing::warn!(target_name = name, trouble, "the status page is not there");
                    self.board.change(&name, |standing| {
                        standing.trouble = Some(trouble);
                        standing.failures += 1;
                        standing.failures_in_a_row += 1;
                    });
                    // News don't wait for the pause to end, but never without one.
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(self.patience.pause_max);
                    if editions.has_changed().is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Brings the target to one edition, trying again until `patience.round` is over for each try and
    /// so many tries were made.
    ///
    /// # Errors
    /// What went wrong the last time, in words.
    pub async fn bring(&self, edition: &Edition, tries: u32) -> Result<(), String> {
        let (found, _kept) = tokio::sync::mpsc::channel(1);
        let mut knowledge = Knowledge::default();
        let mut pause = self.patience.pause;
        let mut last = "it was not tried".to_owned();
        for tried in 1..=tries {
            match self.deliver(edition, &mut knowledge, &found).await {
                Ok(Round::Done) => return Ok(()),
                Ok(Round::MovedOn) => last = "the page here has changed meanwhile".to_owned(),
                Err(trouble) => last = trouble,
            }
            if tried < tries {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(self.patience.pause_max);
            }
        }
        Err(last)
    }

    /// The manifest that is there, if one of the trusted keys signed it.
    ///
    /// # Errors
    /// When the target can't be read.
    pub async fn manifest_there(&self) -> Result<Option<Manifest>, String> {
        let there = self.target.read(MANIFEST_PATH).await?;
        Ok(there.and_then(|there| Manifest::verify(&there, &self.trusted).ok()))
    }

    /// One round, in its time.
    ///
    /// # Errors
    /// What went wrong, in words.
    async fn deliver(
        &self,
        edition: &Edition,
        knowledge: &mut Knowledge,
        found: &tokio::sync::mpsc::Sender<u64>,
    ) -> Result<Round, String> {
        let name = &self.target.name;
        // News that this courier was asleep for wait as well, in whatever edition they are by now.
        if knowledge.news_at != Some(edition.news_at) {
            self.board.change(name, |standing| {
                standing.waiting_since.get_or_insert(edition.news_at);
            });
        }
        let bounded =
            tokio::time::timeout(self.patience.round, self.round(edition, knowledge, found));
        let round = bounded.await.unwrap_or_else(|_| {
            Err(format!(
                "it was not done within {} s",
                self.patience.round.as_secs()
            ))
        });
        if round.is_err() {
            // Whatever is there now, it is asked for again.
            knowledge.manifest = None;
        }
        if round? == Round::MovedOn {
            return Ok(Round::MovedOn);
        }
        knowledge.news_at = Some(edition.news_at);
        let now = (self.now)();
        self.board.change(name, |standing| {
            if let Some(since) = standing.waiting_since.take() {
                standing.news_took_ms = u64::try_from(now.ms_since(since)).ok();
            }
            standing.sequence = Some(edition.sequence);
            standing.made_at = Some(edition.made_at);
            standing.seen_at = Some(now);
            standing.trouble = None;
            standing.failures_in_a_row = 0;
            standing.rounds += 1;
        });
        Ok(Round::Done)
    }

    async fn round(
        &self,
        edition: &Edition,
        knowledge: &mut Knowledge,
        found: &tokio::sync::mpsc::Sender<u64>,
    ) -> Result<Round, String> {
        self.ask_what_is_there(edition, knowledge, found).await?;
        let changed = self.changed_there(edition, knowledge).await?;
        let differs = |(path, held): &(&String, &Held)| {
            knowledge.files.get(*path) != Some(&held.hash) || changed.contains(*path)
        };
        let mut wanted: Vec<(&String, &Held)> = edition.files.iter().filter(differs).collect();
        wanted.sort_by_key(|(path, _)| (rank(path), (*path).clone()));
        let mut files = Vec::with_capacity(wanted.len());
        for (path, held) in wanted {
            match self.spool.read(path, held) {
                Ok(Some(bytes)) => files.push((path.clone(), bytes)),
                Ok(None) => return Ok(Round::MovedOn),
                Err(error) => return Err(format!("{path} can't be read here: {error}")),
            }
        }
        // Two steps: nothing points to what is not there.
        let last = files.iter().position(|(path, _)| rank(path) == LAST);
        let pages = files.split_off(last.unwrap_or(files.len()));
        for part in [files, pages] {
            self.target.put(&part).await?;
            self.compare(&part).await?;
            for (path, bytes) in &part {
                knowledge.files.insert(path.clone(), hash::sha256(&[bytes]));
            }
        }
        let list = (LIST_PATH.to_owned(), edition.list.clone());
        let manifest = (MANIFEST_PATH.to_owned(), edition.manifest.clone());
        self.target.put(std::slice::from_ref(&list)).await?;
        self.target.put(std::slice::from_ref(&manifest)).await?;
        self.compare(&[list, manifest]).await?;
        let gone = |path: &&String| !edition.files.contains_key(*path);
        let gone: Vec<String> = knowledge.files.keys().filter(gone).cloned().collect();
        self.target.remove(&gone).await?;
        knowledge
            .files
            .retain(|path, _| edition.files.contains_key(path));
        knowledge.manifest = Some(edition.manifest.clone());
        if !changed.is_empty() {
            let mended = u64::try_from(changed.len()).unwrap_or(u64::MAX);
            tracing::warn!(
                target_name = self.target.name,
                ?changed,
                "files were put right"
            );
            self.board
                .change(&self.target.name, |standing| standing.mended += mended);
        }
        Ok(Round::Done)
    }

    /// What a target holds is what its manifest says, if this site's key signed that. Somebody else
    /// who has the key may have published there meanwhile.
    async fn ask_what_is_there(
        &self,
        edition: &Edition,
        knowledge: &mut Knowledge,
        found: &tokio::sync::mpsc::Sender<u64>,
    ) -> Result<(), String> {
        let there = self.target.read(MANIFEST_PATH).await?;
        if there.is_some() && there == knowledge.manifest {
            return Ok(());
        }
        knowledge.files.clear();
        let Some(there) = there else {
            return Ok(());
        };
        let Ok(manifest) = Manifest::verify(&there, &self.trusted) else {
            return Ok(());
        };
        // What somebody said to the public while hereby was away is not taken from them unseen.
        let unheard = manifest.said.difference(&edition.said).count();
        if unheard > 0 {
            return Err(format!(
                "{unheard} words were said there that are not on the record, in edition {} of {}: \
                 say them here (hereby page said BUNDLE)",
                manifest.sequence, manifest.issued
            ));
        }
        if manifest.sequence >= edition.sequence && there != edition.manifest {
            let _ = found.try_send(manifest.sequence);
            return Err(format!(
                "edition {} is there already, of {}: the next one goes beyond it",
                manifest.sequence, manifest.issued
            ));
        }
        let list = self.target.read(LIST_PATH).await?.unwrap_or_default();
        if let Ok(files) = spool::said(&there, &list, &self.trusted) {
            knowledge.files = files;
        }
        Ok(())
    }

    /// Those of a few files that should be as they were and are not.
    async fn changed_there(
        &self,
        edition: &Edition,
        knowledge: &mut Knowledge,
    ) -> Result<Vec<String>, String> {
        let unchanged = |path: &String, held: &Held| knowledge.files.get(path) == Some(&held.hash);
        let from = knowledge.looked_until.clone();
        let all = edition.files.iter();
        let mut some: Vec<(&String, Hash)> = all
            .filter(|(path, held)| **path > from && unchanged(path, held))
            .map(|(path, held)| (path, held.hash))
            .take(LOOKED_AT)
            .collect();
        knowledge.looked_until = some
            .last()
            .map(|(path, _)| (*path).clone())
            .unwrap_or_default();
        // The front page is what most see: it is looked at each time.
        let front = edition.files.get_key_value("index.html");
        some.extend(
            front
                .filter(|(path, held)| unchanged(path, held))
                .map(|(path, held)| (path, held.hash)),
        );
        let paths: Vec<String> = some.iter().map(|(path, _)| (*path).clone()).collect();
        let there = self.target.read_all(&paths).await?;
        let differs = |((_, wanted), bytes): &(&(&String, Hash), &Option<Vec<u8>>)| {
            bytes.as_ref().map(|bytes| hash::sha256(&[bytes])) != Some(*wanted)
        };
        let pairs = some.iter().zip(&there).filter(differs);
        Ok(pairs.map(|((path, _), _)| (*path).clone()).collect())
    }

    /// Whether a reader sees these files as they were put.
    async fn compare(&self, files: &[(String, Vec<u8>)]) -> Result<(), String> {
        let paths: Vec<String> = files.iter().map(|(path, _)| path.clone()).collect();
        let there = self.target.read_all(&paths).await?;
        for ((path, wanted), seen) in files.iter().zip(there) {
            match seen {
                Some(seen) if seen == *wanted => {}
                Some(_) => return Err(format!("{path} was put there and reads otherwise")),
                None => return Err(format!("{path} was put there and is not there")),
            }
        }
        Ok(())
    }
}

/// The rank of pages that point to others.
const LAST: u8 = 3;

/// The order in which files are put: what others need comes first.
fn rank(path: &str) -> u8 {
    let name = path.rsplit('/').next().unwrap_or(path);
    if name == "index.html" || name == "history.html" {
        LAST
    } else if path.ends_with(".css") || path.ends_with(".js") {
        0
    } else if path.ends_with(".html") {
        1
    } else {
        2
    }
}
