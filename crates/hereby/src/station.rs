//! Puts the parts together: a data directory, its record, the engine on it.
//!
//! `up`, `serve` and what works on a stopped record start here; listeners and talk do not.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base::{Actor, Prose, Timestamp};
use engine::ports::{AppendError, Clock, ReadError, SignedHead, Snapshots as _};
use engine::{CannotStart, Duty, Engine, Growth, Options};
use incident::{Deed, Draft};
use record::act::Subject;
use record::kinds::incident::ClockSeen;
use record::kinds::log::{AnchorAccepted, Opened, Recovered, Succeeded};
use record::succession::Succession;
use store::{CannotLock, CannotOpen, DataDir, Log, Paths, Rank, Reader, Standing};

use crate::config::Config;
use crate::exit::{Exit, Failure};

/// The system's clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn seen(&self) -> Option<ClockSeen> {
        clock::seen()
    }
}

/// An engine on a data directory.
pub(crate) struct Station {
    pub(crate) engine: Arc<Engine>,
    pub(crate) reader: Reader,
    pub(crate) paths: Paths,
    pub(crate) origin: String,
    pub(crate) published: Arc<store::Published>,
    pub(crate) keystore: Arc<store::Keystore>,
    pub(crate) anchor: store::AnchorSync,
    pub(crate) is_new: bool,
}

/// What a station goes on with.
pub(crate) enum Resumes {
    /// The record, which the anchor agrees with.
    AsItIs,
    /// The record, although the anchor does not agree: a person said so, and why.
    AgainstAnchor(Prose),
    /// Another epoch of it.
    InEpoch(Box<Began>),
}

/// How another epoch begins.
pub(crate) struct Began {
    /// What the root key has signed.
    pub(crate) note: Box<str>,
    /// That key.
    pub(crate) root: Box<str>,
    /// What it says.
    pub(crate) said: Succession,
}

/// How a station is opened.
pub(crate) struct Opening<'a> {
    pub(crate) data_dir: &'a Path,
    pub(crate) config: &'a Config,
    /// What this process runs, for whoever finds the directory held.
    pub(crate) runs: &'a str,
    /// What it goes on with.
    pub(crate) resumes: Resumes,
    /// Told how many acts were folded, of how many.
    pub(crate) progress: Box<dyn FnMut(u64, u64)>,
    /// Called when the record can't be written any more.
    pub(crate) on_fatal: Box<dyn FnOnce(AppendError) + Send>,
}

impl Station {
    /// Takes the lock, recovers the record, folds the state and starts the engine.
    pub(crate) fn open(opening: Opening<'_>) -> Result<Station, Failure> {
        Station::open_after(opening, |_| Ok(()))
    }

    /// The same; once the lock is held, and before anything is read or written, `first` is done.
    pub(crate) fn open_after(
        opening: Opening<'_>,
        first: impl FnOnce(&Paths) -> Result<(), Failure>,
    ) -> Result<Station, Failure> {
        let Opening {
            data_dir,
            config,
            runs,
            resumes,
            progress,
            on_fatal,
        } = opening;
        let clock = Arc::new(SystemClock);
        let dir = DataDir::open(data_dir, runs, clock.now()).map_err(locked)?;
        let paths = dir.paths().clone();
        first(&paths)?;
        let origin = match &resumes {
            Resumes::InEpoch(began) => began.said.origin.to_string(),
            _ => origin(&paths, config)?,
        };
        let mut options = store::Options::new(origin.clone(), anchor_path(config, &origin)?);
        options.segment_bytes_max = config.record.segment_mib << 20;
        options.low_water_bytes = config.record.free_min_mib << 20;
        options.accept_anchor = matches!(resumes, Resumes::AgainstAnchor(_));
        if let Resumes::InEpoch(began) = &resumes {
            options.succession = Some(began.said.clone());
        }
        let opened = Log::open(dir, &options).map_err(unopened)?;
        let boot = first_acts(&opened, resumes, clock.now());
        let digest_key = store::digest_key(&paths).map_err(|error| {
            Failure::new(Exit::Internal, "the digest key can't be used").because(error)
        })?;
        let keystore = Arc::new(keystore(config, &paths));
        let reader = opened.log.reader();
        let anchor = opened.log.anchor_syncer();
        let is_new = opened.is_new;
        let epoch = opened.log.epoch();
        let publisher =
            store::TilePublisher::open(&paths, &reader, opened.head.as_ref()).map_err(|error| {
                Failure::new(Exit::Internal, "the tree can't be published").because(error)
            })?;
        let published = publisher.published();
        let engine = Engine::start(Options {
            log: Box::new(opened.log),
            entries: Arc::new(reader.clone()),
            keystore: keystore.clone(),
            clock,
            publisher: Box::new(publisher),
            snapshots: Arc::new(store::Snapshots::new(&paths, reader.clone())),
            digest_key,
            rules: config.rules(),
            growth: Growth::new(
                config.alerts.acts_per_second.into(),
                config.alerts.acts_burst.into(),
            ),
            epoch,
            boot,
            on_thread_start: Arc::new(prioritize),
            on_fatal,
            progress,
        })
        .map_err(unstarted)?;
        let engine = Arc::new(engine);
        Ok(Station {
            engine,
            reader,
            paths,
            origin,
            published,
            keystore,
            anchor,
            is_new,
        })
    }

    /// Keeps the present state, so that the next start needs no entry before it.
    pub(crate) fn keep_state(&self) -> Result<(), Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(
                Exit::Internal,
                "the state could not be kept for the next start",
            )
            .because(error)
        };
        // Both of one moment: the writer may go on meanwhile.
        let view = self.engine.view();
        let (size, state) = view.read(|state| (state.log.acts, state.to_snapshot()));
        let state = state.map_err(|error| failed(&error))?;
        let root = self.reader.root_at(size).map_err(|error| failed(&error))?;
        let snapshots = store::Snapshots::new(&self.paths, self.reader.clone());
        snapshots
            .save(size, &root, &state)
            .map_err(|error| failed(&error))
    }
}

/// Where the keys of sealed text are: in the directory that is configured, else in the data
/// directory.
pub(crate) fn keystore(config: &Config, paths: &Paths) -> store::Keystore {
    match &config.record.keystore {
        Some(path) => store::Keystore::at(path.clone()),
        None => store::Keystore::new(paths),
    }
}

/// The record's name: its own if there is one, else the configured one, else one of this machine.
fn origin(paths: &Paths, config: &Config) -> Result<String, Failure> {
    if let Some(origin) = store::origin_of(paths).map_err(unopened)? {
        return Ok(origin);
    }
    if let Some(origin) = &config.record.origin {
        return Ok(origin.clone());
    }
    let mut bytes = [0; 4];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Failure::new(Exit::Internal, "the system gives no random bytes"))?;
    let random: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .to_lowercase();
    let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-' || *c == '.';
    let host: String = host.chars().filter(plain).collect();
    let host = if host.is_empty() {
        "localhost".to_owned()
    } else {
        host
    };
    Ok(format!("{host}/hereby-{random}"))
}

/// Where the anchor is kept.
pub(crate) fn anchor_path(config: &Config, origin: &str) -> Result<PathBuf, Failure> {
    match &config.record.anchor {
        Some(path) => Ok(path.clone()),
        None => Ok(crate::place::anchor_dir()?.join(store::anchor_file_name(origin))),
    }
}

/// The acts that opening the record amounts to.
fn first_acts(opened: &store::Opened, resumes: Resumes, now: Timestamp) -> Vec<Deed> {
    let uid = rustix::process::geteuid().as_raw();
    let deed = |id: String, why: Option<Prose>, draft: Draft| {
        let actor = match &why {
            // Somebody gave the reason: it was theirs to decide.
            Some(_) => Actor::Uid {
                id: uid,
                on_behalf_of: None,
            },
            None => Actor::System {
                id: "recovery".parse().ok()?,
            },
        };
        Some(Deed {
            id: id.parse().ok()?,
            actor,
            cause: None,
            why,
            drafts: vec![draft],
        })
    };
    let on_record = |body: record::kinds::Body| Draft::new(Subject::Record, body);
    let mut deeds = Vec::new();
    let size = opened.head.as_ref().map_or(0, |head| head.size);
    if size == 0 {
        let body = Opened {
            origin: opened.log.origin().into(),
            vkey: opened.log.vkey().into(),
        };
        deeds.extend(deed(
            "hereby:record:opened".to_owned(),
            None,
            on_record(body.into()),
        ));
    }
    let why = match resumes {
        Resumes::AsItIs => None,
        Resumes::AgainstAnchor(why) => Some(why),
        // Nothing comes before it in its epoch.
        Resumes::InEpoch(began) if opened.succeeds => {
            let Began { note, root, said } = *began;
            let why = said.why.as_str().parse().ok();
            let body = Succeeded { note, root };
            let id = format!("hereby:record:succeeded:{}", said.epoch);
            deeds.extend(deed(id, why, on_record(body.into())));
            None
        }
        Resumes::InEpoch(_) => None,
    };
    if let Some(torn) = &opened.torn {
        let body = Recovered {
            dropped_bytes: torn.bytes,
            kept_in: torn.kept_in.as_str().into(),
            size: torn.size,
        };
        let id = format!("hereby:record:recovered:{}:{}", torn.size, now.as_ms());
        deeds.extend(deed(id, None, on_record(body.into())));
    }
    if let Some(standing) = &opened.accepted {
        let anchor = match standing {
            Standing::Ahead { note, .. } | Standing::Differs { note, .. } => {
                Some(note.as_str().into())
            }
            Standing::Agrees | Standing::Missing | Standing::Damaged(_) => None,
        };
        let id = format!("hereby:record:anchor-accepted:{size}:{}", now.as_ms());
        deeds.extend(deed(
            id,
            why,
            on_record(AnchorAccepted { anchor, size }.into()),
        ));
    }
    deeds
}

/// Incidents are when machines are overloaded: the thread that commits goes first, if it may, then
/// those that ask and answer; what nobody waits for goes last.
fn prioritize(duty: Duty) {
    let rank = match duty {
        Duty::Writes | Duty::Follows => Rank::Commits,
        Duty::Publishes => Rank::Behind,
    };
    match (rank.take(), duty) {
        (Err(error), Duty::Writes) => tracing::info!(
            %error,
            "threads keep their ordinary priority; LimitRTPRIO=2 or CAP_SYS_NICE lets them go first"
        ),
        (Ok(realtime), Duty::Writes) => tracing::debug!(realtime, "threads go first"),
        _ => {}
    }
}

pub(crate) fn locked(error: CannotLock) -> Failure {
    match error {
        CannotLock::Held { .. } => Failure::new(Exit::Held, error)
            .hint("stop that process, or name another directory with --data-dir"),
        CannotLock::NotOurs(_) => Failure::usage(error),
        CannotLock::File(error) => {
            Failure::new(Exit::Internal, "the data directory can't be used").because(error)
        }
    }
}

pub(crate) fn unopened(error: CannotOpen) -> Failure {
    match &error {
        CannotOpen::Corrupt(_) => Failure::new(Exit::Untrusted, &error)
            .because("nothing is written to a record that can't be trusted")
            .hint("hereby verify says what else is wrong")
            .hint("restore the data directory from a copy, or from a witness"),
        CannotOpen::Newer { .. } => newer(&error),
        CannotOpen::Anchor { .. } => Failure::new(Exit::Untrusted, &error)
            .hint("if this is an older copy, restore a newer one")
            .hint("if you know why: hereby record accept-anchor -m WHY"),
        CannotOpen::OtherKey { .. } | CannotOpen::Key(_) => Failure::new(Exit::Untrusted, &error)
            .hint("restore keys/log.key from its backup; see docs/operating/keys.md"),
        CannotOpen::Succession(_) => Failure::new(Exit::Refused, &error)
            .hint("hereby succession request says where the record stands"),
        CannotOpen::Unfinished(_) => Failure::new(Exit::Untrusted, &error)
            .hint("hereby succession begin NOTE, again, finishes it"),
        CannotOpen::Origin(_) => Failure::usage(&error),
        CannotOpen::Missing(_) => Failure::usage(&error).hint("hereby up makes one"),
        CannotOpen::ReadOnly(_) | CannotOpen::File(_) | CannotOpen::Sign(_) => {
            Failure::new(Exit::Internal, "the record can't be opened").because(&error)
        }
    }
}

/// This program is the older one, and knows that it is.
fn newer(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Refused, "a newer hereby has written to this record")
        .because(error)
        .hint("start that one again: nothing was changed here")
        .hint("docs/operating/upgrade.md says what an older one can read")
}

fn unstarted(error: CannotStart) -> Failure {
    match &error {
        CannotStart::Read(ReadError::Archived { .. }) => Failure::new(
            Exit::Refused,
            "hereby can't start without entries that are archived",
        )
        .because(&error)
        .hint("mount the archive, then start again"),
        CannotStart::Newer { .. } => newer(&error),
        CannotStart::Read(_) => {
            Failure::new(Exit::Untrusted, "the record can't be read").because(&error)
        }
        CannotStart::Entry { .. } => Failure::new(Exit::Untrusted, "the record can't be read")
            .because(&error)
            .hint("if a newer hereby has written to it, start that one again")
            .hint("if not: hereby verify says what is wrong"),
        CannotStart::Write(cause) => Failure::new(Exit::Internal, &error).because(cause),
        CannotStart::Thread(cause) => Failure::new(Exit::Internal, &error).because(cause),
    }
}

/// The head of a record, for those who only need to show it.
pub(crate) fn short(head: &SignedHead) -> String {
    head.root.to_string().chars().take(12).collect()
}

#[cfg(test)]
mod tests;
