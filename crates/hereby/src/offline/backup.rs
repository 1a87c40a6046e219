//! `hereby backup`: copies the record to another place, also while hereby runs, and checks such a
//! copy. What is copied, and how, is in [`store`].

use std::path::Path;
use std::time::Instant;

use engine::ports::Clock as _;
use record::note::VerifierKey;
use serde_json::json;
use store::{BackedUp, CannotBackUp, Copied, KeysBackedUp, Paths, VerifyOptions};

use crate::cli::Globals;
use crate::cli::machine::BackupArgs;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::say::{Line, Out, Style, counted};
use crate::station::{SystemClock, keystore};

/// How often it is begun again when the log's key changes meanwhile.
const TRIES: usize = 3;

pub(crate) fn backup(args: BackupArgs, globals: &Globals, out: &Out) -> Result<(), Failure> {
    if args.check {
        return check(&args, out);
    }
    if globals.url.is_some() {
        return Err(Failure::usage("a backup is made of files: --url is not for it")
            .hint("run it on the machine with the record; on another one, hereby witness keeps a copy"));
    }
    check_places(&args)?;
    let data_dir = globals.data_dir()?;
    let config = Config::find(&args.settings, &data_dir)?;
    let paths = Paths::new(&data_dir);
    let settings = match &args.settings.config {
        Some(file) => file.clone(),
        None => data_dir.join("hereby.toml"),
    };
    let started = Instant::now();
    let mut tries = 0;
    let (made, keys) = loop {
        tries += 1;
        let now = SystemClock.now();
        let made = store::back_up(&paths, &args.dir, Some(&settings), now, &mut *progress(out))
            .map_err(failed)?;
        let Some(to) = &args.keys else {
            break (made, None);
        };
        let keystore = keystore(&config, &paths);
        let (origin, note) = (&made.manifest.origin, &made.manifest.checkpoint);
        let keys = store::back_up_keys(&paths, &keystore, origin, Some(note), to, args.erase, now);
        match keys {
            // The log's key has changed in between.
            Err(CannotBackUp::OtherKey(_)) if tries < TRIES => {}
            keys => break (made, Some((to.as_path(), keys.map_err(failed)?))),
        }
    };
    say(
        &args,
        &made,
        keys.as_ref(),
        started.elapsed().as_secs_f64(),
        out,
    )
}

/// Both places are directories, and apart from each other.
fn check_places(args: &BackupArgs) -> Result<(), Failure> {
    for place in std::iter::once(&args.dir).chain(&args.keys) {
        if place.exists() && !place.is_dir() {
            return Err(Failure::usage(format!("{} is a file", place.display()))
                .because("a backup is a directory, so that the next one copies only what is new")
                .hint("back up into a directory, then: tar -C DIRECTORY -cf FILE ."));
        }
    }
    match &args.keys {
        Some(keys) => must_be_apart(&args.dir, keys),
        None => Ok(()),
    }
}

fn must_be_apart(record: &Path, keys: &Path) -> Result<(), Failure> {
    let real = |path: &Path| {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        absolute.canonicalize().unwrap_or(absolute)
    };
    let (record, keys) = (real(record), real(keys));
    if record.starts_with(&keys) || keys.starts_with(&record) {
        return Err(
            Failure::usage("keys are not backed up into the record's backup")
                .because(
                    "whoever has both reads what was sealed, and erasing a key would be a fiction",
                )
                .hint("name another place with --keys, best on another machine"),
        );
    }
    Ok(())
}

fn say(
    args: &BackupArgs,
    made: &BackedUp,
    keys: Option<&(&Path, KeysBackedUp)>,
    seconds: f64,
    out: &Out,
) -> Result<(), Failure> {
    let manifest = &made.manifest;
    if out.is_json() {
        let keys = keys.map(
            |(dir, keys)| json!({ "dir": dir, "subjects": keys.subjects, "erased": keys.erased }),
        );
        return out.json(&json!({
            "backup": args.dir, "origin": manifest.origin, "size": manifest.size,
            "root": manifest.root, "made_at": manifest.made_at, "before": made.before,
            "files": manifest.files.len(), "written_bytes": made.written_bytes,
            "archived": made.archived, "keys": keys,
        }));
    }
    let since = match made.before {
        Some(before) => format!(", {} of them new", manifest.size - before),
        None => String::new(),
    };
    out.talk(Line::new().styled(Style::Good, "backed up").text(format!(
        ": {} of {}{since}, {} written; {seconds:.1} s",
        counted(manifest.size, "act"),
        manifest.origin,
        bytes(made.written_bytes),
    )));
    out.data(format!("root {}", manifest.root))?;
    if let Some((dir, keys)) = keys {
        out.talk(format!(
            "keys: the log's, and {} of sealed text, in {}",
            counted(keys.subjects, "key"),
            dir.display()
        ));
        if !keys.erased.is_empty() {
            out.talk(format!("erased there, too: {}", keys.erased.join(", ")));
        }
    } else {
        out.talk(
            "note: no key is in it; without the log's key a record can't be continued (--keys)",
        );
    }
    for place in &made.archived {
        out.talk(format!(
            "note: an archived segment is not in it, and lies in {place}"
        ));
    }
    Ok(())
}

/// A number of bytes as people read it.
fn bytes(count: u64) -> String {
    indicatif::HumanBytes(count).to_string()
}

fn check(args: &BackupArgs, out: &Out) -> Result<(), Failure> {
    let started = Instant::now();
    let manifest = store::check_backup(&args.dir, &mut *progress(out)).map_err(failed)?;
    let keys = args.keys.as_deref().map(store::check_keys).transpose();
    let keys = keys.map_err(failed)?;
    if let Some(keys) = keys.iter().find(|keys| keys.origin != manifest.origin) {
        return Err(
            Failure::new(Exit::Unverified, "these keys are of another log")
                .because(format!("{} and {}", keys.origin, manifest.origin)),
        );
    }
    let keys = (args.vkey.as_ref(), args.root_key.as_ref());
    let report = sound(&Paths::new(&args.dir), keys, &[])?;
    if report.entries < manifest.size {
        return Err(
            Failure::new(Exit::Unverified, "the backup is not what its manifest says").because(
                format!("{} of {} acts are there", report.entries, manifest.size),
            ),
        );
    }
    if out.is_json() {
        return out.json(&json!({
            "sound": true, "origin": manifest.origin, "size": manifest.size, "root": manifest.root,
            "made_at": manifest.made_at, "files": manifest.files.len(), "checked": report.checked,
            "signatures": report.signatures, "blobs": report.blobs, "notes": report.notes,
        }));
    }
    for note in &report.notes {
        out.talk(Line::new().styled(Style::Dim, format!("note: {note}")));
    }
    out.talk(Line::new().styled(Style::Good, "sound").text(format!(
        ": {} of {} as of {}, {}, {}, every file, entry and signature; {:.1} s",
        counted(manifest.size, "act"),
        manifest.origin,
        manifest.made_at,
        counted(report.signatures, "signed checkpoint"),
        counted(report.blobs, "blob"),
        started.elapsed().as_secs_f64(),
    )));
    out.data(format!("root {}", manifest.root))
}

/// Verifies the record in a directory by itself: no anchor and no keystore belong to a backup.
pub(super) fn sound(
    paths: &Paths,
    (vkey, root): (Option<&VerifierKey>, Option<&VerifierKey>),
    archives: &[std::path::PathBuf],
) -> Result<store::Report, Failure> {
    let options = VerifyOptions {
        archives: archives.to_vec(),
        vkey: vkey.cloned(),
        root: root.cloned(),
        ..VerifyOptions::default()
    };
    let mut report = store::verify(paths, &options, &mut |_| {}).map_err(|error| {
        Failure::new(Exit::Internal, "the backup can't be checked").because(error)
    })?;
    report.notes.retain(|note| note != "no anchor was compared");
    match report.problems.first() {
        None => Ok(report),
        Some(problem) => Err(Failure::new(
            Exit::Unverified,
            "the record in the backup is not what it claims to be",
        )
        .because(problem)
        .hint("hereby verify DIR says all that is wrong with it")),
    }
}

/// What a person is told.
pub(super) fn failed(error: CannotBackUp) -> Failure {
    let failure = match &error {
        CannotBackUp::Damaged(_) | CannotBackUp::OtherHistory { .. } => Exit::Unverified,
        CannotBackUp::Occupied(_) | CannotBackUp::NoBackup(_) | CannotBackUp::NotApart(..) => {
            Exit::Usage
        }
        CannotBackUp::Busy(_) => Exit::Held,
        CannotBackUp::File(_) | CannotBackUp::Read(_) => Exit::Internal,
        CannotBackUp::Open(_) | CannotBackUp::Key(_) => Exit::Untrusted,
        CannotBackUp::OtherLog { .. }
        | CannotBackUp::OtherKey(_)
        | CannotBackUp::Gone(..)
        | CannotBackUp::Unsigned => Exit::Refused,
    };
    let failure = match std::error::Error::source(&error) {
        Some(cause) => Failure::new(failure, &error).because(cause),
        None => Failure::new(failure, &error),
    };
    match &error {
        CannotBackUp::Occupied(_) => {
            failure.hint("name a directory that is not there, or is empty")
        }
        CannotBackUp::NoBackup(_) => {
            failure.hint("name what hereby backup made, or let it end there")
        }
        CannotBackUp::Damaged(_) => failure
            .hint("a file of a backup that is removed is copied anew by the next hereby backup")
            .hint("another backup, or a witness's copy, may be whole"),
        CannotBackUp::OtherHistory { .. } => failure
            .because("this data directory is an older copy, or its history was rewritten")
            .hint("keep that backup, and make another one elsewhere; then hereby verify"),
        CannotBackUp::OtherLog { .. } => failure.hint("name another directory"),
        CannotBackUp::Gone(..) => failure
            .because(
                "were they erased, or was a part of the keystore lost? Nothing was changed there",
            )
            .hint("if they were erased on purpose: --erase erases them there, too")
            .hint("if not: restore them from there before anything else"),
        CannotBackUp::OtherKey(_) => {
            failure.hint("take the backup of the keys that was made with it, or after it")
        }
        CannotBackUp::Unsigned => failure.hint("start hereby once"),
        _ => failure,
    }
}

/// A progress bar over bytes, on a terminal; nothing elsewhere.
pub(super) fn progress(out: &Out) -> Box<dyn FnMut(Copied)> {
    if !out.shows_progress() {
        return Box::new(|_| {});
    }
    let bar = indicatif::ProgressBar::new(0).with_style(
        indicatif::ProgressStyle::with_template("  {bar:40} {bytes}/{total_bytes}, {eta} left")
            .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()),
    );
    Box::new(move |copied| {
        bar.set_length(copied.all);
        bar.set_position(copied.done);
        if copied.done >= copied.all {
            bar.finish_and_clear();
        }
    })
}
