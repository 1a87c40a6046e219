//! Notices: what was said to the public goes to those who subscribed to it.
//!
//! Which notices there are, and to whom they go, is on the record; what became of each delivery is
//! in its journal. So whatever happens to this process, the next one goes on where it stopped, and
//! says of what was on its way that nobody knows. What became of all of them is an act again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base::Name;
use engine::ports::Clock as _;
use incident::{Notice, Reason, Refusal, concerned};
use language::Language;
use notify::post::{Channel as Way, Counts, Entry, Journal, Ledger, Plan, Telling, deliver, read};
use record::command::ReportNotice;
use record::kinds::incident::BlobRef;
use record::kinds::subscriber::Channel;
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use web::Draft;

use super::Subscriptions;
use super::letters::{Round, event, written};
use crate::station::SystemClock;

/// How long after a failure a notice is looked at again.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// How often it is looked whether there is something to do, beside when the record grows.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long what is on its way has to end when hereby stops.
const END_MAX: Duration = Duration::from_secs(10);

/// Notices on their way.
pub(super) struct Running {
    directory: PathBuf,
    stop: watch::Receiver<bool>,
    now: Mutex<HashMap<Name, Delivery>>,
}

enum Delivery {
    /// It is being delivered; the journal is there once it was opened.
    Goes(Option<Arc<Journal>>),
    /// It failed, for a reason the log says; not before this it is tried again.
    Rests(Instant),
}

impl Running {
    pub(super) fn new(directory: PathBuf, stop: watch::Receiver<bool>) -> Running {
        Running {
            directory,
            stop,
            now: Mutex::new(HashMap::new()),
        }
    }

    fn now(&self) -> MutexGuard<'_, HashMap<Name, Delivery>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are done, failed, unknown and open.
    pub(super) fn progress(&self, notice: &Name) -> Option<[u32; 4]> {
        let now = self.now();
        let Some(Delivery::Goes(Some(journal))) = now.get(notice) else {
            return None;
        };
        let counts = journal.ledger(Ledger::counts);
        Some([counts.done, counts.failed, counts.unknown, counts.open])
    }

    /// Whether it is to be begun now; then it counts as begun.
    fn begins(&self, notice: &Name) -> bool {
        let mut now = self.now();
        let free = match now.get(notice) {
            None => true,
            Some(Delivery::Goes(_)) => false,
            Some(Delivery::Rests(until)) => Instant::now() >= *until,
        };
        if free {
            now.insert(notice.clone(), Delivery::Goes(None));
        }
        free
    }

    fn journal(&self, notice: &Name) -> PathBuf {
        self.directory.join(format!("{notice}.jsonl"))
    }
}

/// Why a notice could not be brought to its end now.
#[derive(Debug, thiserror::Error)]
enum Held {
    #[error("{0}")]
    Words(String),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Journal(#[from] notify::post::CannotWrite),
    #[error("{0}")]
    Refused(Refusal),
}

impl Subscriptions {
    /// Sends what is to be sent, for as long as hereby runs; comes back once it stops, and what was
    /// on its way has ended or had its time.
    pub(crate) async fn run(self: Arc<Self>) {
        let fresh = match self.notices_directory() {
            Ok(fresh) => fresh,
            Err(error) => {
                tracing::error!(%error, "notices can't be sent: their journals have no place");
                return;
            }
        };
        let mut stop = self.notices.stop.clone();
        let mut heads = self.engine.view().heads();
        let mut onward = match self.onward() {
            Ok(onward) => onward,
            Err(error) => {
                tracing::error!(%error, "it can't be kept how far updates were sent");
                return;
            }
        };
        // With the directory went what it knew: of these nobody can say how far they were.
        let mut lost: BTreeSet<Name> = match fresh {
            true => self.due().into_iter().map(|(name, _)| name).collect(),
            false => BTreeSet::new(),
        };
        let mut going = tokio::task::JoinSet::new();
        while !*stop.borrow() {
            if let Some(onward) = &mut onward {
                self.send_new_updates(onward).await;
            }
            for (name, notice) in self.due() {
                if self.notices.begins(&name) {
                    let (subscriptions, lost) = (self.clone(), lost.remove(&name));
                    going.spawn(async move { subscriptions.bring(name, notice, lost).await });
                }
            }
            while going.try_join_next().is_some() {}
            tokio::select! {
                _ = heads.changed() => {}
                _ = stop.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        let ended = async { while going.join_next().await.is_some() {} };
        if tokio::time::timeout(END_MAX, ended).await.is_err() {
            tracing::warn!("some deliveries did not end in time: their outcome is unknown");
        }
    }

    /// Makes the directory of journals; says whether it was not there. Journals of notices that are
    /// long past go.
    fn notices_directory(&self) -> std::io::Result<bool> {
        use std::os::unix::fs::DirBuilderExt as _;
        let directory = &self.notices.directory;
        if !directory.is_dir() {
            std::fs::DirBuilder::new().mode(0o700).create(directory)?;
            return Ok(true);
        }
        for file in std::fs::read_dir(directory)? {
            let path = file?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let name = stem.and_then(|stem| stem.parse::<Name>().ok());
            let view = self.engine.view();
            let known =
                |name: Name| view.read(|state| state.incidents.notices.named(&name).is_ok());
            if name.is_some_and(|name| !known(name)) {
                std::fs::remove_file(&path)?;
            }
        }
        Ok(false)
    }

    /// Where journals are.
    pub(super) fn notices_path(&self) -> PathBuf {
        self.notices.directory.clone()
    }

    fn due(&self) -> Vec<(Name, Notice)> {
        self.engine.view().read(|state| {
            let running = state.incidents.notices.running();
            running
                .map(|(name, notice)| (name, notice.clone()))
                .collect()
        })
    }

    /// Brings one notice to its end, or says why it rests.
    async fn bring(self: Arc<Self>, name: Name, notice: Notice, lost: bool) {
        let ended = self.deliver(&name, &notice, lost).await;
        let mut now = self.notices.now();
        match ended {
            Ok(()) => drop(now.remove(&name)),
            Err(held) => {
                if !*self.notices.stop.borrow() {
                    tracing::error!(notice = %name, %held, "a notice is held up; it is tried again");
                }
                now.insert(name, Delivery::Rests(Instant::now() + AGAIN_AFTER));
            }
        }
    }

    async fn deliver(
        self: &Arc<Self>,
        name: &Name,
        notice: &Notice,
        lost: bool,
    ) -> Result<(), Held> {
        let said = {
            let (subscriptions, notice) = (self.clone(), notice.clone());
            let reading = move || subscriptions.said(notice.update, Some(&notice.components));
            let read = tokio::task::spawn_blocking(reading).await;
            let read = read.map_err(|error| Held::Words(error.to_string()))?;
            read.map_err(Held::Refused)?
        };
        let journal = {
            let (subscriptions, name, notice) = (self.clone(), name.clone(), notice.clone());
            let opening = move || subscriptions.opened_journal(&name, &notice, lost);
            let opened = tokio::task::spawn_blocking(opening).await;
            opened.map_err(|error| Held::Words(error.to_string()))??
        };
        self.notices
            .now()
            .insert(name.clone(), Delivery::Goes(Some(journal.clone())));
        let telling = Telling {
            journal: journal.clone(),
            letters: Arc::new(Round {
                house: self.house.clone(),
                book: self.book.clone(),
                notice: name.clone(),
                said,
                now: || SystemClock.now(),
            }),
            mail: self.mail.clone(),
            outside: self.outside.clone(),
            mail_policy: self.mail_policy,
            hook_policy: self.hook_policy,
            mail_pace: self.mail_pace.clone(),
            hook_pace: self.hook_pace.clone(),
            tally: self.tally.clone(),
        };
        let plan = self.plan(&journal);
        let counts = deliver(Arc::new(telling), &plan, &self.notices.stop).await?;
        match counts.open {
            0 => self.report(name, notice, &journal, counts).await,
            _ => Err(Held::Words("hereby stops".to_owned())),
        }
    }

    /// Who is told how, of those that wait.
    fn plan(&self, journal: &Journal) -> Plan {
        let waiting: Vec<u32> = journal.ledger(|ledger| ledger.waiting().map(|it| it.0).collect());
        let channels = self.engine.view().read(|state| {
            let known = &state.incidents.subscribers.known;
            let channel = |number: &u32| match known.get(number)?.channel {
                Channel::Mail => Some(Way::Mail),
                Channel::Webhook => Some(Way::Webhook),
            };
            let told = waiting.iter().filter_map(|it| Some((*it, channel(it)?)));
            told.collect::<BTreeMap<u32, Way>>()
        });
        Plan { channels }
    }

    /// The journal, with this round planned in it, and with nothing in doubt that is not said to be.
    fn opened_journal(
        &self,
        name: &Name,
        notice: &Notice,
        lost: bool,
    ) -> Result<Arc<Journal>, Held> {
        let path = self.notices.journal(name);
        let found = read(&path)?;
        let damaged = found.as_ref().is_some_and(|found| found.damaged);
        let round = found.as_ref().map_or(0, |found| found.ledger.round());
        let journal = Journal::open(&path, found)?;
        let mut lines: Vec<Entry> = Vec::new();
        if round == 0 && notice.round == 1 {
            let to = notice.recipients.clone();
            add(&journal, Entry::Planned { round: 1, to })?;
        } else if round == 0 {
            // The last report says how each ended before.
            lines = self.reported(notice)?.lines();
        }
        if lost && round == 0 {
            lines.extend(journal.ledger(|ledger| ledger.given_up("journal_lost")));
        }
        if damaged {
            tracing::error!(notice = %name, "a journal of deliveries is damaged: what it does not tell is unknown");
            lines.extend(journal.ledger(|ledger| ledger.given_up("journal_damaged")));
        } else {
            lines.extend(journal.ledger(Ledger::interrupted));
        }
        for line in lines {
            add(&journal, line)?;
        }
        if journal.ledger(Ledger::round) < notice.round {
            let to = journal.ledger(|ledger| ledger.unknown().collect());
            let round = notice.round;
            add(&journal, Entry::Planned { round, to })?;
        }
        Ok(journal)
    }

    fn reported(&self, notice: &Notice) -> Result<Ledger, Held> {
        let missing = || Held::Words("the outcomes of its last delivery are missing".to_owned());
        let report = notice.report.as_ref().ok_or_else(missing)?;
        let blob = self.blobs.open(&report.outcomes.sha256)?;
        let text = String::from_utf8(blob.ok_or_else(missing)?).map_err(|_| missing())?;
        Ledger::from_outcomes(report.round, &text).ok_or_else(missing)
    }

    async fn report(
        self: &Arc<Self>,
        name: &Name,
        notice: &Notice,
        journal: &Arc<Journal>,
        counts: Counts,
    ) -> Result<(), Held> {
        let (subscriptions, journal) = (self.clone(), journal.clone());
        let kept = tokio::task::spawn_blocking(move || {
            let outcomes = journal.ledger(Ledger::outcomes);
            let sha256 = subscriptions.blobs.put(outcomes.as_bytes())?;
            journal.close();
            Ok::<_, std::io::Error>((outcomes.len() as u64, sha256))
        });
        let kept = kept.await.map_err(|error| Held::Words(error.to_string()))?;
        let (bytes, sha256) = kept?;
        let verb = ReportNotice {
            done: counts.done,
            failed: counts.failed,
            incident: notice.incident,
            notice: name.clone(),
            outcomes: BlobRef {
                bytes,
                name: None,
                sha256,
            },
            round: notice.round,
            unknown: counts.unknown,
        };
        let id = format!("hereby:notice:report:{name}:{}", notice.round);
        match self.submit(&id, verb).await {
            Ok(_) => {
                tracing::info!(
                    notice = %name, done = counts.done, failed = counts.failed,
                    unknown = counts.unknown, "a notice was delivered"
                );
                Ok(())
            }
            Err(refusal) => Err(Held::Refused(refusal)),
        }
    }

    /// What a notice would say, and to how many.
    pub(super) fn previewed(&self, draft: &Draft) -> Result<Json, Refusal> {
        let update = match draft.update {
            Some(update) => update,
            None => self.last_update(draft.incident)?,
        };
        let chosen = (!draft.components.is_empty()).then_some(&draft.components);
        let said = self.said(update, chosen)?;
        let components = said.components.clone();
        if said.incident != draft.incident {
            return Err(Refusal::new(
                Reason::NotFound,
                format!("{update} is no update of {}", draft.incident),
            ));
        }
        let (counts, sent_as) = self.engine.view().read(|state| {
            let mut counts: BTreeMap<(Channel, Language), u32> = BTreeMap::new();
            for (_, known) in concerned(&state.incidents.subscribers, &components) {
                let language = Language::of_tag(known.language.as_str()).unwrap_or_default();
                *counts.entry((known.channel, language)).or_default() += 1;
            }
            let sent = state.incidents.notices.known.iter();
            let mut sent = sent.filter(|(_, notice)| notice.update == update);
            (
                counts,
                sent.next().map(|(number, _)| format!("ntc-{number}")),
            )
        });
        let of = |channel: Channel| -> u32 {
            let counts = counts.iter().filter(|((it, _), _)| *it == channel);
            counts.map(|(_, count)| count).sum()
        };
        let example = |what| self.house.link(what, "…");
        let links = (example("manage"), example("unsubscribe"));
        let links = (links.0.as_str(), links.1.as_str());
        let languages = Language::ALL.iter().map(|language| {
            let written = written(&self.house, &said, *language, links);
            let people = counts.get(&(Channel::Mail, *language));
            json!({
                "language": language.as_str(),
                "people": people.copied().unwrap_or(0),
                "subject": written.subject,
                "text": written.text,
                "html": written.html,
            })
        });
        Ok(json!({
            "incident": said.incident,
            "update": said.update,
            "sent_as": sent_as,
            "components": components,
            "mail": of(Channel::Mail),
            "webhook": of(Channel::Webhook),
            "languages": languages.collect::<Vec<Json>>(),
            "event": event(&self.house, "…", &said, Some(links)),
        }))
    }
}

/// Adds a line; what can't follow or can't be kept ends it.
fn add(journal: &Journal, line: Entry) -> Result<(), Held> {
    // The next line that somebody waits for is behind this one on the disk.
    drop(journal.add(&line)?);
    Ok(())
}
