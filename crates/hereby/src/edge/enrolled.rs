//! What an enrolled edge keeps on its disk: who it is, whom it believes, the newest checkpoint that it has
//! seen, and the version that it ran last. It starts from these alone when control is gone.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base::{Name, Tenant};
use policy::config::Config;
use policy::version::Version;
use record::fleet::{Known, Pins};
use record::hash::{Hash, sha256};
use record::note::{SignerKey, VerifierKey};
use record::succession::Succession;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::glass::Glass;
use super::parts::Running;
use super::trust::Trust;
use crate::cli::Globals;
use crate::client::Pin;
use crate::exit::{Exit, Failure};

const ENROLLED: &str = "enrolled.json";
const KEY: &str = "edge.key";
const CHECKPOINT: &str = "checkpoint";
/// What else it believes.
const TRUST: &str = "trust.json";
const RUNS: &str = "runs.json";
/// What a successor is to run: this process could not change to it.
const NEXT: &str = "next.json";
/// What is known of break-glass notes.
const GLASS: &str = "break-glass.json";
/// A note that the edge has not looked at yet.
const NOTE: &str = "break-glass.note";
/// Changed when control was heard of last.
const HEARD: &str = "heard";
const KEY_NEW: &str = "edge.key.new";
const VERSIONS: &str = "versions";

/// Versions that are kept beside those that run: what is gone back to is there already.
const VERSIONS_KEPT: usize = 16;

/// Who this edge is, and whom it asks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Enrolled {
    v: u32,
    pub(super) edge: Name,
    pub(super) cell: Name,
    /// Where control is.
    url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca_file: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pin: Option<String>,
    /// The log's key.
    vkey: Box<str>,
    /// What it was changed to, while that is being kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_vkey: Option<Box<str>>,
}

/// An enrolled edge's part of the disk.
#[derive(Clone, Debug)]
pub(super) struct Home {
    state_dir: PathBuf,
    pub(super) enrolled: Enrolled,
    pub(super) trust: Trust,
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Internal, format!("{} can't be used", path.display()))
        .because(error)
        .hint("enroll the edge again: hereby edge invite, then hereby edge enroll")
}

impl Home {
    /// Of the edge that was enrolled there; none: none was.
    ///
    /// # Errors
    /// When what is there can't be read.
    pub(super) fn find(state_dir: &Path) -> Result<Option<Home>, Failure> {
        let path = state_dir.join(ENROLLED);
        if !path.exists() {
            return Ok(None);
        }
        let enrolled: Enrolled = read(&path).map_err(|error| unusable(&path, &error))?;
        let path = state_dir.join(TRUST);
        let trust = match read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Trust::default(),
            other => other.map_err(|error| unusable(&path, &error))?,
        };
        Ok(Some(Home {
            state_dir: state_dir.to_owned(),
            enrolled,
            trust,
        }))
    }

    /// Keeps what an edge was given when it enrolled. The key was kept before.
    ///
    /// # Errors
    /// When it can't be written, or can't be believed.
    pub(super) fn keep(
        state_dir: &Path,
        edge: &Name,
        pins: Pins,
        globals: &Globals,
    ) -> Result<Home, Failure> {
        let absolute = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
        let home = Home {
            state_dir: state_dir.to_owned(),
            enrolled: Enrolled {
                v: 1,
                edge: edge.clone(),
                cell: pins.cell,
                url: globals.url.clone().unwrap_or_default(),
                ca_file: globals.ca_file.as_ref().map(absolute),
                pin: globals.pin.as_ref().map(ToString::to_string),
                vkey: pins.vkey,
                next_vkey: None,
            },
            trust: Trust::default(),
        };
        home.believe(&home.enrolled.vkey, &pins.checkpoint)?;
        // What was followed in another cell, or on another record, says nothing here.
        let before = Home::find(state_dir).ok().flatten();
        let same = before.is_some_and(|before| {
            let (was, is) = (&before.enrolled, &home.enrolled);
            (&was.cell, &was.vkey, &was.edge) == (&is.cell, &is.vkey, &is.edge)
        });
        let gone = |name: &str| match fs::remove_file(state_dir.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        let forgotten = match same {
            true => Ok(()),
            false => [RUNS, NEXT, GLASS, NOTE].into_iter().try_for_each(gone),
        };
        let forgotten = forgotten.and_then(|()| home.forget_acts());
        let new = state_dir.join(KEY_NEW);
        let kept = forgotten
            .and_then(|()| match new.exists() {
                true => fs::rename(&new, state_dir.join(KEY)),
                false => Ok(()),
            })
            .and_then(|()| home.write(CHECKPOINT, pins.checkpoint.as_bytes()))
            .and_then(|()| home.write(TRUST, &json(&home.trust)))
            .and_then(|()| home.write(ENROLLED, &json(&home.enrolled)));
        kept.map_err(|error| unusable(&state_dir.join(ENROLLED), &error))?;
        Ok(home)
    }

    /// It goes on with what it runs, and follows whatever the record says that it is enrolled with: one that was
    /// restored from an older copy has other acts at the places that it followed.
    fn forget_acts(&self) -> io::Result<()> {
        let mut running = self.running();
        running.forget_acts();
        let glass = Glass {
            key: None,
            ..self.glass()
        };
        self.write(RUNS, &json(&running))?;
        self.keep_glass(&glass)
    }

    /// The key to enroll with: the one that is there, unless another name or a new one is wanted; made and
    /// kept before anybody hears of it. One whose answer was lost is used again.
    ///
    /// # Errors
    /// When it can't be kept.
    pub(super) fn key_to_enroll(
        state_dir: &Path,
        edge: &Name,
        anew: bool,
    ) -> Result<SignerKey, Failure> {
        let read = |name: &str| {
            let text = fs::read_to_string(state_dir.join(name)).ok()?;
            let key = SignerKey::parse(text.trim()).ok()?;
            (key.verifier().name() == edge.as_str()).then_some(key)
        };
        if let Some(key) = read(KEY_NEW) {
            return Ok(key);
        }
        if let Some(key) = read(KEY).filter(|_| !anew) {
            return Ok(key);
        }
        let path = state_dir.join(KEY_NEW);
        let failed = |error: &dyn std::fmt::Display| unusable(&path, error);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(state_dir)
            .map_err(|error| failed(&error))?;
        let mut seed = [0; 32];
        aws_lc_rs::rand::fill(&mut seed).map_err(|error| failed(&error))?;
        let key = SignerKey::from_seed(edge.as_str(), record::note::Algorithm::Ed25519, seed);
        let key = key.map_err(|error| failed(&error))?;
        replace(&path, format!("{}\n", key.to_skey()).as_bytes(), None)
            .map_err(|error| failed(&error))?;
        Ok(key)
    }

    /// The edge's key.
    ///
    /// # Errors
    /// When it can't be read, or others can read it.
    pub(super) fn key(&self) -> Result<SignerKey, Failure> {
        let path = self.state_dir.join(KEY);
        let text = crate::secret_file::line(&path, "the edge's key")?;
        SignerKey::parse(&text).map_err(|error| unusable(&path, &error))
    }

    /// Where control is, for a client.
    pub(super) fn globals(&self) -> Result<Globals, Failure> {
        let pin = self.enrolled.pin.as_deref().map(str::parse::<Pin>);
        let pin = pin.transpose();
        let pin = pin.map_err(|error| unusable(&self.state_dir.join(ENROLLED), &error))?;
        Ok(Globals {
            url: Some(self.enrolled.url.clone()),
            ca_file: self.enrolled.ca_file.clone(),
            pin,
            ..Globals::default()
        })
    }

    fn believe(&self, vkey: &str, checkpoint: &str) -> Result<Known, Failure> {
        let path = self.state_dir.join(CHECKPOINT);
        let key: VerifierKey = vkey.parse().map_err(|error| unusable(&path, &error))?;
        Known::new(key, checkpoint).map_err(|error| unusable(&path, &error))
    }

    /// What it has seen of the record.
    ///
    /// # Errors
    /// When that can't be read: then it can't be told whether what comes is the same record.
    pub(super) fn known(&mut self) -> Result<Known, Failure> {
        let path = self.state_dir.join(CHECKPOINT);
        let text = fs::read_to_string(&path).map_err(|error| unusable(&path, &error))?;
        let known = self.believe(&self.enrolled.vkey, &text);
        match (self.enrolled.next_vkey.clone(), known) {
            // It ended while another key of the log's was being kept.
            (Some(next), Err(_)) => {
                let known = self.believe(&next, &text)?;
                let settled = self.settle(&next);
                settled.map_err(|error| unusable(&path, &error))?;
                Ok(known)
            }
            (_, known) => known,
        }
    }

    /// Keeps another key of the log's, and the first checkpoint that it signed. Whenever this ends, what lies
    /// there can be believed.
    pub(super) fn keep_log_key(&mut self, vkey: &str, checkpoint: &str) -> io::Result<()> {
        self.enrolled.next_vkey = Some(vkey.into());
        self.write(ENROLLED, &json(&self.enrolled))?;
        self.keep_checkpoint(checkpoint)?;
        self.settle(vkey)
    }

    fn settle(&mut self, vkey: &str) -> io::Result<()> {
        (self.enrolled.vkey, self.enrolled.next_vkey) = (vkey.into(), None);
        self.write(ENROLLED, &json(&self.enrolled))
    }

    /// Keeps whose word begins another epoch.
    pub(super) fn keep_root(&mut self, vkey: &str) -> io::Result<()> {
        self.trust.root = Some(vkey.into());
        self.keep_trust()
    }

    /// Keeps what else it believes.
    pub(super) fn keep_trust(&self) -> io::Result<()> {
        self.write(TRUST, &json(&self.trust))
    }

    /// Keeps which protocol its cell takes at least.
    pub(super) fn keep_floor(&mut self, protocol: u32) -> io::Result<()> {
        self.trust.floor = protocol;
        self.keep_trust()
    }

    /// Keeps that another epoch is followed. Acts stand elsewhere in it; what runs goes on. Where only the key was
    /// kept, what grows out of its checkpoint says the epoch.
    pub(super) fn keep_epoch(&mut self, said: &Succession, checkpoint: &str) -> io::Result<()> {
        self.trust.epoch = said.epoch;
        self.forget_acts()?;
        self.keep_log_key(&said.vkey, checkpoint)?;
        self.keep_trust()
    }

    /// Keeps the newest checkpoint.
    pub(super) fn keep_checkpoint(&self, text: &str) -> io::Result<()> {
        self.write(CHECKPOINT, text.as_bytes())
    }

    /// What it ran last.
    pub(super) fn running(&self) -> Running {
        self.there(&self.state_dir.join(RUNS)).unwrap_or_default()
    }

    /// What was kept there, as far as its versions are still on this disk.
    fn there(&self, path: &Path) -> Option<Running> {
        let mut running: Running = read(path).ok()?;
        running.fleet.take_if(|runs| !self.has(&runs.digest));
        running
            .tenants
            .retain(|_, own| own.digest.is_none_or(|digest| self.has(&digest)));
        running.past.retain(|digest| self.has(digest));
        Some(running)
    }

    /// What a successor is to run instead, if there is anything; it is looked at once.
    pub(super) fn take_next(&self) -> Option<Running> {
        let path = self.state_dir.join(NEXT);
        let next = self.there(&path);
        let _ = fs::remove_file(&path);
        next.filter(|next| next.fleet.is_some())
    }

    /// Keeps what a successor is to run.
    pub(super) fn keep_next(&self, next: &Running) -> io::Result<()> {
        self.write(NEXT, &json(next))
    }

    /// Where it is.
    pub(super) fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// Keeps what it runs.
    pub(super) fn keep_running(&self, running: &Running) -> io::Result<()> {
        let before = self.running().digests();
        self.write(RUNS, &json(running))?;
        let now = running.digests();
        // What just ran is what is gone back to: it is forgotten last.
        for gone in before.difference(&now) {
            let blob = File::open(self.blob(gone));
            let _ = blob.and_then(|blob| blob.set_modified(SystemTime::now()));
        }
        let past = running.past.iter().copied();
        self.forget(&now.into_iter().chain(past).collect());
        Ok(())
    }

    /// What it knows of break-glass notes.
    pub(super) fn glass(&self) -> Glass {
        let path = self.state_dir.join(GLASS);
        match read(&path) {
            Ok(glass) => glass,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Glass::default(),
            Err(error) => {
                tracing::error!(
                    "{}: {error}: no break-glass note is believed before control says whose",
                    path.display()
                );
                Glass::default()
            }
        }
    }

    /// Keeps what is known of break-glass notes.
    pub(super) fn keep_glass(&self, glass: &Glass) -> io::Result<()> {
        self.write(GLASS, &json(glass))
    }

    /// Remembers beyond this process that control was heard of now.
    pub(super) fn keep_heard(&self) {
        let path = self.state_dir.join(HEARD);
        let kept = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .and_then(|file| file.set_modified(SystemTime::now()));
        if let Err(error) = kept {
            tracing::debug!(%error, "when control was heard of can't be kept");
        }
    }

    /// How long control was not heard of, as far as this disk knows.
    pub(super) fn silent(&self) -> Duration {
        let heard = self.state_dir.join(HEARD).metadata();
        let heard = heard.and_then(|heard| heard.modified()).ok();
        heard
            .and_then(|heard| heard.elapsed().ok())
            .unwrap_or_default()
    }

    /// Lays a break-glass note before the edge. Whoever does may be root; the edge that reads it is as a rule
    /// not.
    pub(super) fn offer_note(&self, note: &[u8]) -> io::Result<()> {
        let owner = self.state_dir.metadata()?;
        let owner = (owner.uid(), owner.gid());
        replace(&self.state_dir.join(NOTE), note, Some(owner))
    }

    /// The note that lies there.
    pub(super) fn offered_note(&self) -> Option<Vec<u8>> {
        let file = File::open(self.state_dir.join(NOTE)).ok()?;
        let mut note = Vec::new();
        // One byte more than a note has: what is longer is none.
        let most = record::statement::NOTE_BYTES_MAX as u64 + 1;
        file.take(most).read_to_end(&mut note).ok()?;
        Some(note)
    }

    /// Takes away the note that was looked at.
    pub(super) fn take_note(&self) {
        let _ = fs::remove_file(self.state_dir.join(NOTE));
    }

    /// Where a version is kept as it came.
    fn blob(&self, digest: &Hash) -> PathBuf {
        self.state_dir
            .join(VERSIONS)
            .join(format!("{}.json", hex(digest)))
    }

    /// Whether it has this version.
    pub(super) fn has(&self, digest: &Hash) -> bool {
        self.blob(digest).exists()
    }

    /// Keeps a version as it came. It must be what it is called.
    pub(super) fn keep_version(&self, digest: &Hash, bytes: &[u8]) -> Result<(), String> {
        if sha256(&[bytes]) != *digest {
            return Err("what came is not the version that was named".to_owned());
        }
        let place = self.state_dir.join(VERSIONS);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(place);
        made.and_then(|()| replace(&self.blob(digest), bytes, None))
            .map_err(|error| format!("it can't be kept: {error}"))
    }

    /// Lays a version out as files; where its configuration is, and what it says. What lies there is what the
    /// version says, whatever was there before.
    pub(super) fn laid(
        &self,
        tenant: Option<&Tenant>,
        digest: &Hash,
    ) -> Result<(PathBuf, Config), String> {
        let bytes = fs::read(self.blob(digest)).map_err(|error| error.to_string())?;
        if sha256(&[&bytes]) != *digest {
            // It was changed on this disk: it is fetched again.
            let _ = fs::remove_file(self.blob(digest));
            return Err("the version that was kept is damaged".to_owned());
        }
        let (version, config) = Version::parse(&bytes).map_err(|flaws| {
            let lines: Vec<String> = flaws.iter().map(ToString::to_string).collect();
            lines.join("; ")
        })?;
        if version.tenant() != tenant {
            return Err("it is another's version than the act says".to_owned());
        }
        let place = self.state_dir.join(VERSIONS).join(hex(digest));
        let file = place.join(policy::version::CONFIG);
        let laid = lay(&version, &place);
        laid.map_err(|error| format!("it can't be laid out: {error}"))?;
        Ok((file, config))
    }

    /// Where what holds at once is kept.
    pub(super) fn overlay(&self) -> PathBuf {
        self.state_dir.join("overlay.json")
    }

    /// Keeps what holds at once.
    pub(super) fn keep_overlay(&self, bytes: &[u8]) -> io::Result<()> {
        replace(&self.overlay(), bytes, None)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        replace(&self.state_dir.join(name), bytes, None)
    }

    /// Forgets versions that are older than the last few, but for those.
    fn forget(&self, running: &BTreeSet<Hash>) {
        let Ok(entries) = fs::read_dir(self.state_dir.join(VERSIONS)) else {
            return;
        };
        let kept: BTreeSet<PathBuf> = running.iter().map(|digest| self.blob(digest)).collect();
        let mut blobs: Vec<_> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == "json"))
            .filter(|path| !kept.contains(path))
            .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
            .collect();
        blobs.sort();
        let many = blobs.len().saturating_sub(VERSIONS_KEPT);
        for (_, path) in blobs.into_iter().take(many) {
            let _ = fs::remove_dir_all(path.with_extension(""));
            let _ = fs::remove_file(path);
        }
    }
}

fn lay(version: &Version, place: &Path) -> io::Result<()> {
    let laid = version
        .files()
        .iter()
        .all(|(path, content)| fs::read(place.join(path)).is_ok_and(|there| there == *content));
    if laid {
        return Ok(());
    }
    if place.exists() {
        fs::remove_dir_all(place)?;
    }
    for (path, content) in version.files() {
        let path = place.join(path);
        if let Some(directory) = path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)?;
        }
        fs::write(path, content)?;
    }
    Ok(())
}

/// Replaces a file as a whole, durably, for its owner alone.
fn replace(path: &Path, bytes: &[u8], owner: Option<(u32, u32)>) -> io::Result<()> {
    // During an upgrade two processes write here.
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".{}", std::process::id()));
    let fresh = PathBuf::from(fresh);
    let _ = fs::remove_file(&fresh);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)?;
    if let Some((user, group)) = owner {
        // Of what was opened, not of what lies there by now.
        fchown(&file, Some(user), Some(group))?;
    }
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    File::open(path.parent().unwrap_or(path))?.sync_all()
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let text = fs::read_to_string(path)?;
    serde_json::from_str(&text).map_err(io::Error::from)
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    // The types above have JSON, whatever stands in them.
    serde_json::to_vec(value).unwrap_or_default()
}

/// A digest as people and tools write it.
pub(crate) fn hex(digest: &Hash) -> String {
    digest.0.iter().map(|byte| format!("{byte:02x}")).collect()
}
