//! What a witness has cosigned: the newest checkpoint of its log, and its own key.
//!
//! Judging a request and keeping what came of it happen under one lock, and the new checkpoint is
//! durable before anyone is answered: a witness that forgets can be made to sign two histories.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use record::checkpoint::SignedCheckpoint;
use record::cosignature;
use record::note::{Algorithm, Note, SignerKey, VerifierKey};
use record::witness::{AddCheckpoint, KnownLog, WitnessRefusal, WitnessState, judge};

/// The book of one witness about one log.
pub(crate) struct Book {
    dir: PathBuf,
    key: SignerKey,
    log: KnownLog,
    newest: Mutex<Option<SignedCheckpoint>>,
}

/// Why a checkpoint was not cosigned.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotCosigned {
    #[error(transparent)]
    Refused(#[from] WitnessRefusal),
    #[error("the witness can't keep it")]
    Io(#[from] io::Error),
    #[error("the witness can't sign it: {0}")]
    Sign(String),
}

impl Book {
    /// Opens the witness's directory, making its key if it has none.
    ///
    /// `keys` are those of one log: more than one while its key rotates.
    pub(crate) fn open(dir: &Path, name: &str, keys: Vec<VerifierKey>) -> io::Result<Book> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(dir)?;
        let key = signing_key(dir, name)?;
        let newest = match fs::read(dir.join("checkpoint")) {
            Ok(bytes) => {
                let path = dir.join("checkpoint");
                let note = Note::parse(&bytes)
                    .map_err(|error| invalid(format!("{}: {error}", path.display())))?;
                let signed = opened(&note, &keys).ok_or_else(|| {
                    invalid(format!(
                        "{} is signed by none of the keys given with --vkey: after a rotation give \
                         the old key and the new one",
                        path.display()
                    ))
                })?;
                Some(signed)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let origin = match keys.first() {
            Some(key) if keys.iter().all(|other| other.name() == key.name()) => {
                key.name().to_owned()
            }
            _ => return Err(invalid("the keys are not those of one log".to_owned())),
        };
        let log = KnownLog { origin, keys };
        Ok(Book {
            dir: dir.to_owned(),
            key,
            log,
            newest: Mutex::new(newest),
        })
    }

    /// The key that others verify this witness's cosignatures with.
    pub(crate) fn vkey(&self) -> &VerifierKey {
        self.key.verifier()
    }

    /// The log's name.
    pub(crate) fn origin(&self) -> &str {
        &self.log.origin
    }

    /// The newest cosigned checkpoint, as a note.
    pub(crate) fn newest(&self) -> Option<SignedCheckpoint> {
        self.newest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Judges a request; if it stands, keeps the checkpoint and returns the cosignature line.
    pub(crate) fn add(&self, request: &AddCheckpoint, time_s: u64) -> Result<String, NotCosigned> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let state = newest.as_ref().map(|signed| WitnessState {
            origin: signed.checkpoint().origin().to_owned(),
            size: signed.checkpoint().size(),
            root: signed.checkpoint().root(),
        });
        judge(state.as_ref(), std::slice::from_ref(&self.log), request)?;
        let text = request.note().text();
        let signature = cosignature::cosign(&self.key, text, time_s)
            .map_err(|error| NotCosigned::Sign(error.to_string()))?;
        let signed = opened(request.note(), &self.log.keys)
            .ok_or_else(|| NotCosigned::Sign("no key of the log has signed it".to_owned()))?;
        let line = signature.to_string();
        let kept = signed
            .with_signatures(vec![signature])
            .map_err(|error| NotCosigned::Sign(error.to_string()))?;
        keep(&self.dir, "checkpoint", kept.to_string().as_bytes())?;
        *newest = Some(kept);
        Ok(line)
    }
}

/// The checkpoint, if one of the keys has signed it.
fn opened(note: &Note, keys: &[VerifierKey]) -> Option<SignedCheckpoint> {
    keys.iter()
        .find_map(|key| SignedCheckpoint::from_note(note.clone(), key).ok())
}

fn signing_key(dir: &Path, name: &str) -> io::Result<SignerKey> {
    let path = dir.join("witness.key");
    match fs::read_to_string(&path) {
        Ok(text) => SignerKey::parse(text.trim_end())
            .map_err(|error| invalid(format!("{}: {error}", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut seed = [0; 32];
            aws_lc_rs::rand::fill(&mut seed)
                .map_err(|_| io::Error::other("the system gives no random bytes"))?;
            let key = SignerKey::from_seed(name, Algorithm::CosignatureV1, seed)
                .map_err(|error| invalid(format!("{name}: {error}")))?;
            keep(
                dir,
                "witness.key",
                format!("{}\n", key.to_skey()).as_bytes(),
            )?;
            Ok(key)
        }
        Err(error) => Err(error),
    }
}

/// Writes a file whole and durable, or not at all. 0600.
pub(crate) fn keep(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = dir.join(format!("{name}.new"));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, dir.join(name))?;
    fs::File::open(dir)?.sync_all()
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
