//! Works on the files of a record, without a running hereby: verify, prove, export, rebuild, and
//! looking at the record. Elsewhere (`--url`) the same is asked of the hereby there.
//!
//! Reading takes no lock: the writer only ever appends.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use base::ActId;
use engine::ports::Entries as _;
use record::note::Note;
use record::proof::ActProof;
use store::{Blobs, Paths, Presence, Published, Reader};

use crate::bundle;
use crate::cli::Globals;
use crate::cli::machine::{ExportArgs, ProveArgs};
use crate::client::{Ask, Client};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::say::Out;
use crate::station::keystore;

mod auditor;
mod backup;
mod doctor;
mod evidence;
mod rebuild;
mod restore;
mod succession;
mod tend;
mod verify;

pub(crate) use auditor::auditor;
pub(crate) use backup::backup;
pub(crate) use doctor::doctor;
pub(crate) use rebuild::rebuild;
pub(crate) use restore::restore;
pub(crate) use succession::succession;
pub(crate) use tend::record;
pub(crate) use verify::verify;

/// A running hereby publishes what it has answered for within half a second, unless its disk is
/// slow.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(5);

/// How often it is looked whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A record's files, open for reading.
pub(crate) struct Files {
    pub(crate) paths: Paths,
    pub(crate) reader: Reader,
}

impl Files {
    /// The record in the data directory that the options name.
    pub(crate) fn open(globals: &Globals) -> Result<Files, Failure> {
        let paths = Paths::new(globals.data_dir()?);
        let reader = Reader::open(&paths, &[]).map_err(crate::station::unopened)?;
        Ok(Files { paths, reader })
    }

    /// The index of an act that was named by its id or its index.
    pub(crate) fn index_of(&self, act: &str) -> Result<u64, Failure> {
        let missing = || {
            Failure::new(
                Exit::Refused,
                format!("there is no act {act} on this record"),
            )
            .hint("hereby record tail shows the last ones; hereby show INC those of an incident")
        };
        let index = match (act.parse::<u64>(), act.parse::<ActId>()) {
            (Ok(index), _) if act.len() < 20 => Some(index),
            (_, Ok(id)) => self.reader.find_act(&id).map_err(unreadable)?,
            _ => {
                return Err(
                    Failure::usage(format!("`{act}` is neither an act's id nor an index"))
                        .because("an id has 32 hexadecimal digits, an index is a number"),
                );
            }
        };
        index
            .filter(|index| *index < self.reader.size())
            .ok_or_else(missing)
    }

    /// One entry, byte for byte.
    pub(crate) fn entry(&self, index: u64) -> Result<Vec<u8>, Failure> {
        let entry = self.reader.entry(index).map_err(unreadable)?;
        entry.ok_or_else(|| Failure::new(Exit::Refused, format!("there is no entry {index}")))
    }

    /// The published tree once its checkpoint covers so many entries. A running hereby publishes
    /// a moment after it has answered, so this waits a little.
    fn published_through(&self, size: u64) -> Result<(Published, u64, String), Failure> {
        let end = Instant::now() + PUBLISHED_WITHIN;
        loop {
            let published = self.published();
            let covered = published.as_ref().map_or(0, |(_, covered, _)| *covered);
            if covered >= size {
                return published;
            }
            if Instant::now() >= end {
                return Err(Failure::new(
                    Exit::Refused,
                    format!("the published checkpoint covers {covered} acts of {size}"),
                )
                .hint("try again in a second; if hereby is stopped, start it once"));
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// The published tree, with its checkpoint.
    pub(crate) fn published(&self) -> Result<(Published, u64, String), Failure> {
        let published = Published::open(&self.paths).map_err(|error| {
            Failure::new(Exit::Internal, "the published tree can't be read").because(error)
        })?;
        match published.newest() {
            Some((size, note)) => Ok((published, size, note)),
            None => Err(
                Failure::new(Exit::Refused, "no checkpoint was published yet")
                    .hint("start hereby once: it publishes what is on the record"),
            ),
        }
    }
}

/// Writes a proof that an act is on the record (C2SP tlog-proof).
pub(crate) fn prove(args: ProveArgs, globals: &Globals, out: &Out) -> Result<(), Failure> {
    let proof = match remote(globals)? {
        Some(client) => fetch(&client, format!("/api/v1/acts/{}/proof", args.act))?,
        None => {
            let files = Files::open(globals)?;
            let index = files.index_of(&args.act)?;
            let entry = files.entry(index)?;
            let (published, size, note) = files.published_through(index + 1)?;
            let hashes = published.inclusion_proof(index, size).map_err(|error| {
                Failure::new(Exit::Internal, "the tiles can't be read").because(error)
            })?;
            let note = Note::parse(note.as_bytes()).map_err(|error| {
                Failure::new(Exit::Untrusted, "the published checkpoint").because(error)
            })?;
            let proof = ActProof::new(Some(entry), index, hashes, note).map_err(|error| {
                Failure::new(Exit::Internal, "no proof could be made").because(error)
            })?;
            proof.to_string().into_bytes()
        }
    };
    let Some(file) = args.output else {
        if out.is_json() {
            let text = String::from_utf8_lossy(&proof);
            return out.json(&serde_json::json!({ "proof": text, "bytes": proof.len() }));
        }
        return out.bytes(&proof);
    };
    write_file(&file, &proof)?;
    out.talk(format!(
        "Wrote the proof to {}. Anyone checks it with",
        file.display()
    ));
    out.talk(format!(
        "  hereby verify --proof {} --vkey \"…\"   (the key: hereby record keys)",
        file.display()
    ));
    if out.is_json() {
        out.json(&serde_json::json!({ "proof": file, "bytes": proof.len() }))?;
    }
    Ok(())
}

/// Writes one incident as a bundle.
pub(crate) fn export(args: ExportArgs, globals: &Globals, out: &Out) -> Result<(), Failure> {
    let (json, lost) = match remote(globals)? {
        Some(client) => {
            let path = format!(
                "/api/v1/incidents/{}/export?keys={}",
                args.incident, args.with_keys
            );
            (fetch(&client, path)?, None)
        }
        None => {
            let config = Config::find(&args.settings, &globals.data_dir()?)?;
            let files = Files::open(globals)?;
            let keystore = keystore(&config, &files.paths);
            let (published, size, note) = files.published_through(files.reader.size())?;
            let source = bundle::Source {
                entries: &files.reader,
                tiles: &published,
                blobs: &Blobs::new(&files.paths),
                keystore: &keystore,
                size,
                note: &note,
                vkeys: tend::vkeys(&files)?
                    .into_iter()
                    .map(|(_, vkey)| vkey)
                    .collect(),
                done_for: None,
            };
            let json = bundle::write(&source, args.incident, args.with_keys).map_err(|error| {
                Failure::new(Exit::Internal, "the bundle could not be made").because(error)
            })?;
            let json = json.ok_or_else(|| {
                Failure::new(Exit::Refused, format!("there is no {}", args.incident))
                    .hint("hereby incidents --all lists them")
            })?;
            (json, lost(&keystore))
        }
    };
    if args.with_keys {
        has_keys(&json, lost)?;
    }
    write_file(&args.output, &json)?;
    out.talk(format!(
        "Wrote {} to {}.",
        args.incident,
        args.output.display()
    ));
    for line in bundle::contents(&json).unwrap_or_default() {
        out.talk(format!("  {line}"));
    }
    if out.is_json() {
        out.json(&serde_json::json!({ "bundle": args.output, "bytes": json.len() }))?;
    }
    Ok(())
}

/// Whether a bundle that is to open its text can. Who makes it leaves out what is missing; `lost`
/// says that the whole keystore is, where that is known.
fn has_keys(json: &[u8], lost: Option<String>) -> Result<(), Failure> {
    let missing = bundle::missing_keys(json).map_err(|error| {
        Failure::new(Exit::Internal, "what was exported is no bundle").because(error)
    })?;
    let names: Vec<String> = missing.iter().map(ToString::to_string).collect();
    let names = names.join(", ");
    if names.is_empty() {
        return Ok(());
    }
    let what = "nothing was written: it would not open its sealed text";
    let why = match lost {
        Some(lost) => format!("{lost}; it had {names}"),
        None => format!("the key that opens it is not in the keystore: {names}"),
    };
    Err(Failure::new(Exit::Refused, what)
        .because(why)
        .hint("restore the keystore (record.keystore); hereby doctor says what is there")
        .hint("or export without --with-keys: what is sealed stays closed"))
}

/// That there is no keystore, or none with a key in it.
fn lost(keystore: &store::Keystore) -> Option<String> {
    let directory = keystore.directory().display();
    match keystore.presence() {
        Ok(Presence::Missing) => Some(format!("the keystore {directory} is not there")),
        Ok(Presence::Empty) => Some(format!("the keystore {directory} is empty")),
        Ok(Presence::Keys) | Err(_) => None,
    }
}

/// The hereby that `--url` names; none: the files are read.
pub(crate) fn remote(globals: &Globals) -> Result<Option<Client>, Failure> {
    globals
        .url
        .as_ref()
        .map(|_| Client::new(globals))
        .transpose()
}

pub(crate) fn fetch(client: &Client, path: String) -> Result<Vec<u8>, Failure> {
    let answer = runtime()?.block_on(client.answer(&Ask::get(path)))?;
    Ok(answer.body.to_vec())
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Internal, "no thread could be started").because(error))
}

fn json_of(bytes: &[u8]) -> Result<serde_json::Value, Failure> {
    serde_json::from_slice(bytes)
        .map_err(|error| Failure::new(Exit::Internal, "this is not JSON").because(error))
}

/// Writes a file that was asked for; never over one that is there.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = |error: std::io::Error| {
        let failure = Failure::usage(format!("can't write {}", path.display())).because(&error);
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            failure.hint("name a file that is not there yet: nothing is written over")
        } else {
            failure
        }
    };
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(failed)
}

/// Reads a file of at most `limit` bytes that somebody named.
pub(crate) fn read_file(path: &PathBuf, limit: u64) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let failed = |error: std::io::Error| {
        Failure::usage(format!("can't read {}", path.display())).because(error)
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(Failure::usage(format!(
            "{} has more than {limit} bytes",
            path.display()
        )));
    }
    Ok(bytes)
}

fn unreadable(error: engine::ports::ReadError) -> Failure {
    match &error {
        engine::ports::ReadError::Archived { .. } => {
            Failure::new(Exit::Refused, &error).hint("mount the place, then try again")
        }
        _ => Failure::new(Exit::Untrusted, &error).hint("hereby verify says what is wrong"),
    }
}
