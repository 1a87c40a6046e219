//! With `send = "always"`: each update for the public is sent by itself.
//!
//! How far the record was looked through is kept in a file, so that what was said just before this
//! process ended is sent by the next one. A sending's id follows from its update, so that what is
//! looked at twice is sent once. What came too late to be news is said in the log, and left to
//! people.

use std::io;
use std::path::{Path, PathBuf};

use engine::ports::Clock as _;
use incident::Reason;
use record::act::{Act, Subject};
use record::command::SendNotice;

use super::Subscriptions;
use super::told::{Told, is_public};
use crate::config;
use crate::station::SystemClock;

/// An update older than this is not sent by itself any more: an hour.
const LATE_MS: i64 = 3_600_000;

/// No name of a notice, so that nobody takes it for a journal.
const FILE: &str = ".upto";

/// How far it was looked.
pub(super) struct Onward {
    path: PathBuf,
    upto: u64,
}

impl Onward {
    /// As far as it was looked last; the first time from the end of the record: what was said
    /// before, nobody asked to have sent.
    fn open(directory: &Path, size: u64) -> io::Result<Onward> {
        let path = directory.join(FILE);
        let upto = match std::fs::read_to_string(&path) {
            Ok(text) => text.trim().parse().ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let mut onward = Onward { path, upto: size };
        match upto {
            // Of a record that is shorter now it says nothing.
            Some(upto) if upto <= size => onward.upto = upto,
            _ => onward.keep()?,
        }
        Ok(onward)
    }

    fn keep(&mut self) -> io::Result<()> {
        let fresh = self.path.with_extension("new");
        std::fs::write(&fresh, format!("{}\n", self.upto))?;
        std::fs::rename(&fresh, &self.path)
    }

    /// It was looked so far.
    fn reach(&mut self, upto: u64) {
        if upto == self.upto {
            return;
        }
        self.upto = upto;
        if let Err(error) = self.keep() {
            // After a restart more is looked at again, and nothing is sent twice.
            tracing::warn!(%error, "it can't be kept how far updates were sent");
        }
    }
}

/// Whether asking again later may go better.
fn may_pass(reason: Reason) -> bool {
    match reason {
        Reason::TooMany
        | Reason::NoSpace
        | Reason::Keystore
        | Reason::Overloaded
        | Reason::Stopping => true,
        Reason::NotFound
        | Reason::WrongState
        | Reason::RoleConflict
        | Reason::Forbidden
        | Reason::OutOfRange
        | Reason::IdReused => false,
    }
}

impl Subscriptions {
    /// How far updates were sent; none: somebody sends each. Then that is forgotten, so that nothing
    /// of that time is sent by itself later.
    pub(super) fn onward(&self) -> io::Result<Option<Onward>> {
        let directory = &self.notices_path();
        if self.config.send == config::Send::Always {
            return Onward::open(directory, self.engine.entries().size()).map(Some);
        }
        match std::fs::remove_file(directory.join(FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(None),
        }
    }

    /// Sends each public update that was not looked at yet.
    pub(super) async fn send_new_updates(&self, onward: &mut Onward) {
        let (entries, from) = (self.engine.entries().clone(), onward.upto);
        let found = tokio::task::spawn_blocking(move || {
            let (mut upto, mut updates) = (from, Vec::new());
            let scanned = entries.scan(from, &mut |index, entry| {
                upto = index + 1;
                let text = std::str::from_utf8(entry).unwrap_or_default();
                if text.contains("\"kind\":\"incident.updated/") {
                    let act = Act::decode(entry).ok().filter(is_public);
                    updates.extend(act.map(|act| (index, act)));
                }
                true
            });
            if let Err(error) = scanned {
                tracing::error!(%error, "what was said to the public can't be read");
            }
            (upto, updates)
        });
        let Ok((upto, updates)) = found.await else {
            return;
        };
        // Readers see what was written a moment later.
        self.engine.view().caught_up(upto).await;
        for (index, act) in updates {
            if !self.send_update(index, &act).await {
                onward.reach(index);
                return;
            }
        }
        onward.reach(upto);
    }

    /// Sends one; false: it is to be tried again.
    async fn send_update(&self, index: u64, act: &Act) -> bool {
        let Subject::Incident(incident) = act.subject else {
            return true;
        };
        if SystemClock.now().ms_since(act.at) > LATE_MS {
            tracing::warn!(%incident, update = %act.id, "an update is more than an hour old and was \
                not sent to subscribers: hereby notice send does");
            return true;
        }
        let (entries, update) = (self.engine.entries().clone(), act.clone());
        let told = move || Told::with(entries.as_ref(), index, &update);
        let told = match tokio::task::spawn_blocking(told).await {
            Ok(Ok(told)) => told,
            Ok(Err(error)) => {
                tracing::warn!(%error, %incident, "what was said before an update can't be read; \
                    it is tried again");
                return false;
            }
            Err(_) => return false,
        };
        let verb = SendNotice {
            components: told.components(),
            incident,
            update: act.id,
        };
        let id = format!("hereby:notice:send:{}", act.id);
        match self.submit(&id, verb).await {
            Ok(_) => true,
            Err(refusal) if may_pass(refusal.reason) => {
                tracing::warn!(%refusal, %incident, "an update is not sent yet; it is tried again");
                false
            }
            Err(refusal) => {
                tracing::info!(%refusal, %incident, "an update was not sent to subscribers");
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Onward;

    #[test]
    fn it_goes_on_where_it_was_and_at_first_from_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let mut onward = Onward::open(dir.path(), 40).unwrap();
        assert_eq!(onward.upto, 40);
        onward.reach(44);
        assert_eq!(Onward::open(dir.path(), 50).unwrap().upto, 44);
        // An older copy of the record: what stands behind the file's place is not known.
        assert_eq!(Onward::open(dir.path(), 43).unwrap().upto, 43);
        assert_eq!(Onward::open(dir.path(), 50).unwrap().upto, 43);
        std::fs::write(dir.path().join(super::FILE), "nonsense").unwrap();
        assert_eq!(Onward::open(dir.path(), 50).unwrap().upto, 50);
    }
}
