//! `hereby verify`: that nobody changed the story, without a running hereby and without trusting
//! one. A whole record, one proof, or one bundle.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use record::note::VerifierKey;
use record::proof::ActProof;
use serde_json::json;
use store::{Paths, Progress, Report, VerifyOptions};

use super::read_file;
use crate::bundle;
use crate::cli::Globals;
use crate::cli::machine::VerifyArgs;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::say::{Line, Out, Style, counted};
use crate::station::{anchor_path, keystore};

/// The longest proof that is read: an entry in base64, 63 hashes, a note.
const PROOF_BYTES_MAX: u64 = 512 << 10;

/// The most problems that are printed.
const PROBLEMS_SHOWN: usize = 20;

pub(crate) fn verify(args: VerifyArgs, globals: &Globals, out: &Out) -> Result<(), Failure> {
    match (&args.proof, &args.bundle, &args.vkey) {
        (Some(file), _, Some(vkey)) => proof(file, vkey, out),
        (_, Some(file), Some(vkey)) => bundled(file, vkey, out),
        _ => directory(args, globals, out),
    }
}

fn wrong(what: impl std::fmt::Display, why: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Unverified, what).because(why)
}

fn proof(file: &PathBuf, vkey: &VerifierKey, out: &Out) -> Result<(), Failure> {
    let name = file.display();
    let bytes = read_file(file, PROOF_BYTES_MAX)?;
    let proof =
        ActProof::parse(&bytes).map_err(|error| wrong(format!("{name} is no proof"), error))?;
    let verified = proof
        .verify(vkey, &[], 0)
        .map_err(|error| wrong(format!("{name} does not prove what it says"), error))?;
    let act = String::from_utf8_lossy(&verified.entry).into_owned();
    record::act::Act::decode_strict(&verified.entry)
        .map_err(|error| wrong(format!("{name} proves something that is no act"), error))?;
    let (size, root) = (verified.checkpoint.size(), verified.checkpoint.root());
    if out.is_json() {
        return out.json(&json!({
            "verified": true, "index": verified.index, "origin": verified.checkpoint.origin(),
            "size": size, "root": root, "entry": act,
        }));
    }
    out.talk(Line::new().styled(Style::Good, "verified: ").text(format!(
        "act {} is on the record {} as its key signed it with {}, root {root}",
        verified.index,
        verified.checkpoint.origin(),
        counted(size, "act"),
    )));
    out.data(act)
}

fn bundled(file: &PathBuf, vkey: &VerifierKey, out: &Out) -> Result<(), Failure> {
    let bytes = read_file(file, bundle::BUNDLE_BYTES_MAX)?;
    let verified = bundle::verify(&bytes, vkey).map_err(|why| {
        wrong(
            format!("{} is not what it claims to be", file.display()),
            why,
        )
    })?;
    if out.is_json() {
        return out.json(&json!({ "verified": true, "bundle": verified }));
    }
    out.talk(Line::new().styled(Style::Good, "verified: ").text(format!(
        "{} and {} of {} are on the record {} as its key signed it with {}",
        counted(verified.acts, "act"),
        counted(verified.blobs, "blob"),
        verified.incident,
        verified.origin,
        counted(verified.size, "act"),
    )));
    out.talk(match (verified.sealed_fields, verified.opened_fields) {
        (0, _) => "Nothing in it is sealed.".to_owned(),
        (1, 0) => "1 sealed field stays closed: its key is not in it.".to_owned(),
        (1, _) => "1 sealed field opens with the keys in it.".to_owned(),
        (all, opened) => format!("{opened} of {all} sealed fields open with the keys in it."),
    });
    out.talk("That no act of the incident was left out, only the record itself can show.");
    Ok(())
}

fn directory(args: VerifyArgs, globals: &Globals, out: &Out) -> Result<(), Failure> {
    let given = args.dir.is_some();
    let dir = match args.dir {
        Some(dir) => dir,
        None => globals.data_dir()?,
    };
    let paths = Paths::new(&dir);
    let origin = store::origin_of(&paths).map_err(crate::station::unopened)?;
    let Some(origin) = origin else {
        return Err(
            Failure::usage(format!("there is no record in {}", dir.display()))
                .hint("name the data directory: hereby verify DIR"),
        );
    };
    // A copy elsewhere has no anchor of its own; the record's own place does.
    let config = Config::find(&args.settings, &dir)?;
    let anchor = anchor_path(&config, &origin)
        .ok()
        .filter(|path| !given || path.exists());
    let started = Instant::now();
    let mut checkpoints = Vec::new();
    if let Some(witness) = &args.witness {
        // What the witness cosigned last binds the record as much as its copy does.
        let file = witness.join("checkpoint");
        if file.exists() {
            checkpoints.push((file.clone(), read_file(&file, PROOF_BYTES_MAX)?));
        }
    }
    let options = VerifyOptions {
        archives: args.archive,
        vkey: args.vkey,
        root: args.root_key,
        anchor,
        checkpoints,
        keystore: Some(Arc::new(keystore(&config, &paths))),
        witness: args.witness,
    };
    let report = store::verify(&paths, &options, &mut *progress(out)).map_err(|error| {
        Failure::new(Exit::Internal, "the record can't be checked").because(error)
    })?;
    say(&report, started.elapsed().as_secs_f64(), out)
}

/// How much of which record was checked.
fn checked(report: &Report, seconds: f64) -> String {
    let (checked, all) = (report.checked, counted(report.entries, "act"));
    let signatures = counted(report.signatures, "signed checkpoint");
    let blobs = match report.blobs {
        0 => String::new(),
        blobs => format!(", {}", counted(blobs, "blob")),
    };
    let origin = report.origin.as_deref().unwrap_or("?");
    if checked == report.entries {
        return format!(
            ": {all} of {origin}, {signatures}{blobs}, every entry, batch, tile and key; \
             {seconds:.1} s"
        );
    }
    format!(
        " {checked} of {all} of {origin} (the rest lies in archived segments that are not at \
         hand), {signatures}{blobs}; {seconds:.1} s"
    )
}

fn say(report: &Report, seconds: f64, out: &Out) -> Result<(), Failure> {
    if out.is_json() {
        let problems: Vec<_> = report
            .problems
            .iter()
            .map(|it| {
                json!({
                    "path": it.path, "line": it.line, "byte": it.byte, "entry": it.entry,
                    "what": it.what,
                })
            })
            .collect();
        out.json(&json!({
            "verified": report.is_clean(), "entries": report.entries, "checked": report.checked,
            "root": report.root, "origin": report.origin, "vkeys": report.vkeys, "signatures": report.signatures, "blobs": report.blobs,
            "problems": problems, "problems_more": report.problems_more, "notes": report.notes,
            "first_bad_entry": report.first_bad_entry(),
        }))?;
    }
    for note in &report.notes {
        out.talk(Line::new().styled(Style::Dim, format!("note: {note}")));
    }
    if report.is_clean() {
        out.talk(
            Line::new()
                .styled(Style::Good, "verified")
                .text(checked(report, seconds)),
        );
        if !out.is_json() {
            out.data(format!("root {}", report.root))?;
        }
        return Ok(());
    }
    for problem in report.problems.iter().take(PROBLEMS_SHOWN) {
        out.talk(
            Line::new()
                .styled(Style::Bad, "wrong: ")
                .text(problem.to_string()),
        );
    }
    let hidden =
        (report.problems.len().saturating_sub(PROBLEMS_SHOWN)) as u64 + report.problems_more;
    if hidden > 0 {
        out.talk(format!("and {hidden} more"));
    }
    let failure = Failure::new(Exit::Unverified, "the record is not what it claims to be");
    Err(match report.first_bad_entry() {
        Some(entry) => failure.because(format!("the first bad entry is {entry}")),
        None => failure,
    }
    .hint("keep this directory as it is: it is evidence")
    .hint("compare with a witness's copy: hereby verify --witness DIR"))
}

/// A progress bar over bytes, on a terminal; nothing elsewhere.
fn progress(out: &Out) -> Box<dyn FnMut(Progress)> {
    if !out.shows_progress() {
        return Box::new(|_| {});
    }
    let bar = indicatif::ProgressBar::new(0).with_style(
        indicatif::ProgressStyle::with_template(
            "  {bar:40} {bytes}/{total_bytes}, {eta} left, {msg}",
        )
        .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()),
    );
    Box::new(move |progress| {
        bar.set_length(progress.bytes_total);
        bar.set_position(progress.bytes);
        bar.set_message(counted(progress.entries, "act"));
        if progress.bytes >= progress.bytes_total {
            bar.finish_and_clear();
        }
    })
}
