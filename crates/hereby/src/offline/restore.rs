//! `hereby restore`: a data directory from a backup, and what stands between it and a start.

use std::path::{Path, PathBuf};
use std::time::Instant;

use record::checkpoint::Checkpoint;
use record::note::{Note, VerifierKey};
use serde_json::{Value, json};
use store::{CannotBackUp, Paths, Reader, Report, Restored, Restoring, Standing};

use super::backup::{failed, progress, sound};
use super::read_file;
use crate::cli::machine::{RestoreArgs, SettingsArgs};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::say::{Line, Out, Style, counted};
use crate::station::anchor_path;

/// The longest checkpoint that is read.
const CHECKPOINT_BYTES_MAX: u64 = record::note::NOTE_BYTES_MAX as u64;

/// A failure on either side of the store.
struct Stopped(Failure);

impl From<CannotBackUp> for Stopped {
    fn from(error: CannotBackUp) -> Stopped {
        Stopped(failed(error))
    }
}

pub(crate) fn restore(args: RestoreArgs, out: &Out) -> Result<(), Failure> {
    let started = Instant::now();
    let restoring = Restoring {
        backup: &args.backup,
        keys: args.keys.as_deref(),
        to: &args.to,
    };
    let mut found: Option<(Report, Config)> = None;
    let restored = store::restore(&restoring, &mut *progress(out), |paths, manifest| {
        let keys = (args.vkey.as_ref(), args.root_key.as_ref());
        let report = sound(paths, keys, &args.archive).map_err(Stopped)?;
        if (report.entries, report.root) != (manifest.size, manifest.root) {
            let what = "the restored record is not the one that was signed";
            let why = format!("{} acts with the root {}", report.entries, report.root);
            return Err(Stopped(Failure::new(Exit::Unverified, what).because(why)));
        }
        // What is there before a restore is what will count.
        let settings = match args.to.join("hereby.toml").exists() {
            true => args.to.as_path(),
            false => paths.root(),
        };
        let config = Config::find(&SettingsArgs::default(), settings)
            .map_err(|error| Stopped(error.into()))?;
        let keystore = config.record.keystore.clone();
        found = Some((report, config));
        Ok(keystore)
    });
    let restored = restored.map_err(|Stopped(failure)| failure)?;
    let (report, config) =
        found.ok_or_else(|| Failure::new(Exit::Internal, "the restored record was not checked"))?;
    let paths = Paths::new(&args.to);
    let vkeys: Vec<VerifierKey> = report
        .vkeys
        .iter()
        .filter_map(|it| it.parse().ok())
        .collect();
    let anchor = anchor(&paths, &config, &restored.manifest.origin, &vkeys)?;
    let witness = match &args.witness {
        Some(dir) => Some(witness_size(dir, &restored.manifest.origin)?),
        None => None,
    };
    let seconds = started.elapsed().as_secs_f64();
    say(&args, &restored, &report, &anchor, witness, seconds, out)
}

/// The anchor of this record on this machine, and how it stands to what was restored.
struct Anchored {
    path: PathBuf,
    standing: Standing,
}

fn anchor(
    paths: &Paths,
    config: &Config,
    origin: &str,
    vkeys: &[VerifierKey],
) -> Result<Anchored, Failure> {
    let path = anchor_path(config, origin)?;
    let reader = Reader::open(paths, &[]).map_err(crate::station::unopened)?;
    let standing = store::anchor_standing(&path, vkeys, &reader).map_err(|error| {
        Failure::new(
            Exit::Internal,
            "the record is restored; its anchor can't be compared",
        )
        .because(error)
    })?;
    Ok(Anchored { path, standing })
}

/// How many acts a witness has seen.
fn witness_size(dir: &Path, origin: &str) -> Result<u64, Failure> {
    let text = read_file(&dir.join("checkpoint"), CHECKPOINT_BYTES_MAX)?;
    let note = Note::parse(&text).ok();
    let checkpoint = note.and_then(|note| Checkpoint::parse_text(note.text()).ok());
    let checkpoint = checkpoint.filter(|checkpoint| checkpoint.origin() == origin);
    let size = checkpoint.map(|checkpoint| checkpoint.size());
    size.ok_or_else(|| {
        Failure::usage(format!("{} is no witness of {origin}", dir.display()))
            .because("the record is restored all the same")
    })
}

fn word(standing: &Standing) -> &'static str {
    match standing {
        Standing::Agrees => "agrees",
        Standing::Missing => "missing",
        Standing::Damaged(_) => "damaged",
        Standing::Ahead { .. } => "ahead",
        Standing::Differs { .. } => "differs",
    }
}

fn say(
    args: &RestoreArgs,
    restored: &Restored,
    report: &Report,
    anchor: &Anchored,
    witness: Option<u64>,
    seconds: f64,
    out: &Out,
) -> Result<(), Failure> {
    let manifest = &restored.manifest;
    if out.is_json() {
        let covers = match &anchor.standing {
            Standing::Ahead { size, .. } | Standing::Differs { size, .. } => json!(size),
            _ => Value::Null,
        };
        return out.json(&json!({
            "restored": args.to, "origin": manifest.origin, "size": manifest.size,
            "root": manifest.root, "made_at": manifest.made_at, "blobs": report.blobs,
            "keys": restored.keys.is_some(),
            "keystore": restored.keystore.as_ref().map(|(path, _)| path),
            "keystore_kept": restored.keystore_kept, "settings_kept": restored.settings_kept,
            "anchor": { "path": anchor.path, "standing": word(&anchor.standing), "size": covers },
            "witness_size": witness,
        }));
    }
    out.talk(Line::new().styled(Style::Good, "restored").text(format!(
        ": {} of {} as of {}, {}, every file, entry and signature; {seconds:.1} s",
        counted(manifest.size, "act"),
        manifest.origin,
        manifest.made_at,
        counted(report.blobs, "blob"),
    )));
    out.data(format!("root {}", manifest.root))?;
    match (&restored.keystore, restored.keystore_kept) {
        (Some((path, _)), true) => out.talk(format!(
            "The keystore {} has keys and was left as it is: what was erased there stays erased.",
            path.display()
        )),
        (Some((_, 0)), false) => {}
        (Some((path, count)), false) => out.talk(format!(
            "{} of sealed text went to {}.",
            counted(*count, "key"),
            path.display()
        )),
        (None, _) => out.talk(
            "No keys were restored: the record can be read, and not be continued. Put keys/log.key \
             back before a start.",
        ),
    }
    if restored.settings_kept {
        out.talk("hereby.toml was there already, and was left as it is.");
    }
    if let Some(newer) = witness.and_then(|size| size.checked_sub(manifest.size)) {
        out.talk(match newer {
            0 => "The witness has seen no more than this.".to_owned(),
            _ => format!(
                "The witness has {} more: they are lost to hereby, and evidence there. It will not \
                 cosign what goes on without them.",
                counted(newer, "act")
            ),
        });
    }
    say_anchor(args, manifest.size, anchor, out);
    Ok(())
}

fn say_anchor(args: &RestoreArgs, size: u64, anchor: &Anchored, out: &Out) {
    let (path, to) = (anchor.path.display(), args.to.display());
    let accept = format!("hereby record accept-anchor -m WHY --data-dir {to}");
    match &anchor.standing {
        Standing::Agrees => {
            out.talk(format!("The anchor {path} agrees: this is the newest there is."));
            if args.keys.is_some() {
                out.talk(format!("  hereby up --data-dir {to}"));
            }
            return;
        }
        Standing::Missing => out.talk(format!(
            "The anchor {path} is not there, so nobody can tell whether this is the newest."
        )),
        Standing::Damaged(why) => out.talk(format!("The anchor {path} can't be read: {why}.")),
        Standing::Ahead { size: covers, .. } => out.talk(format!(
            "The anchor {path} covers {covers} acts: {} are not in this backup. Look for a newer one \
             first.",
            covers - size
        )),
        Standing::Differs { .. } => out.talk(format!(
            "The anchor {path} is of another history: see docs/operating/recovery.md before you go \
             on."
        )),
    }
    out.talk("A start is refused until somebody says why; the record keeps it:");
    out.talk(format!("  {accept}"));
}
