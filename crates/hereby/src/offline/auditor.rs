//! `hereby auditor`: the auditor's checks on the files of a record, once.
//!
//! Reads only. Of a record that a running hereby writes, what its published checkpoint covers.

use std::time::Instant;

use engine::audit::{CannotAudit, Invariant, Violation};
use engine::ports::{Entries as _, ReadError};
use serde_json::json;
use store::{DataDir, Paths, Reader, Snapshots};

use super::Files;
use crate::audit;
use crate::cli::Globals;
use crate::cli::machine::AuditorArgs;
use crate::exit::{Exit, Failure};
use crate::say::{Line, Out, Style, counted};
use crate::serve::progress;

/// What was audited.
struct Audited {
    first: u64,
    until: u64,
    unknown: u64,
    snapshots: usize,
    found: Vec<Violation>,
}

pub(crate) fn auditor(args: AuditorArgs, globals: &Globals, out: &Out) -> Result<(), Failure> {
    if globals.url.is_some() {
        return Err(
            Failure::usage("the auditor reads files: --url is not for it").hint(
                "a running hereby audits itself: see hereby_invariant_violations_total in /metrics",
            ),
        );
    }
    let dir = match args.dir {
        Some(dir) => dir,
        None => globals.data_dir()?,
    };
    let paths = Paths::new(dir);
    let reader = Reader::open(&paths, &args.archive).map_err(crate::station::unopened)?;
    let files = Files { paths, reader };
    let started = Instant::now();
    let audited = audit_files(&files, out)?;
    say(&audited, started.elapsed().as_secs_f64(), out)
}

fn audit_files(files: &Files, out: &Out) -> Result<Audited, Failure> {
    let (paths, reader) = (&files.paths, &files.reader);
    let published = files.published().ok();
    let until = match DataDir::holder(paths.root()) {
        // What is behind it may be in the middle of being written.
        Ok(Some(_)) => published.as_ref().map_or(0, |(_, size, _)| *size),
        _ => reader.size(),
    };
    let until = until.min(reader.size());
    let snapshots = Snapshots::new(paths, reader.clone());
    let mut audit = audit::begin(reader, &snapshots).map_err(|error| unread(error.into()))?;
    let first = audit.first();
    let mut told = progress(out);
    let mut show = |size: u64| told(size.saturating_sub(first), until.saturating_sub(first));
    let sizes = snapshots.sizes().unwrap_or_default();
    let mut failed = None;
    // Up to what was published and signed, and then to the end.
    for stop in published.iter().map(|(_, size, _)| *size).chain([until]) {
        if failed.is_none() && stop <= until {
            failed = audit::follow(&mut audit, reader, &snapshots, stop, &mut show).err();
            if let Some((tree, size, _)) = &published
                && let Ok(root) = tree.root_at(*size)
            {
                audit.compare_root(*size, &root);
            }
        }
    }
    let found = audit.take_found();
    match failed {
        // A record that can't be read on has been judged, and found wanting, if that is why.
        Some(error) if found.is_empty() => Err(unread(error)),
        _ => Ok(Audited {
            first,
            until: audit.size(),
            unknown: audit.unknown(),
            snapshots: sizes.iter().filter(|size| **size <= audit.size()).count(),
            found,
        }),
    }
}

fn unread(error: CannotAudit) -> Failure {
    match &error {
        CannotAudit::Read(ReadError::Archived { .. }) => {
            Failure::new(Exit::Refused, "the record can't be audited")
                .because(&error)
                .hint("mount the archive, or name it with --archive")
        }
        _ => Failure::new(Exit::Untrusted, "the record can't be audited")
            .because(&error)
            .hint("hereby verify says what is wrong"),
    }
}

fn say(audited: &Audited, seconds: f64, out: &Out) -> Result<(), Failure> {
    let entries = audited.until - audited.first;
    let count = |of: Invariant| audited.found.iter().filter(|it| it.invariant == of).count();
    if out.is_json() {
        let invariants: serde_json::Map<String, serde_json::Value> = Invariant::ALL
            .iter()
            .filter(|of| **of != Invariant::Fold)
            .map(|of| (of.word().to_owned(), count(*of).into()))
            .collect();
        let violations: Vec<_> = audited
            .found
            .iter()
            .map(|it| {
                json!({
                    "invariant": it.invariant.word(), "entry": it.entry, "what": it.what,
                    "rule": it.invariant.rule(),
                })
            })
            .collect();
        out.json(&json!({
            "sound": audited.found.is_empty(), "entries": entries, "first": audited.first,
            "snapshots": audited.snapshots, "unknown_acts": audited.unknown,
            "invariants": invariants, "violations": violations,
        }))?;
    }
    for violation in &audited.found {
        let text = format!("{} ({})", violation.what, violation.invariant.word());
        out.talk(Line::new().styled(Style::Bad, "violated: ").text(text));
    }
    if audited.first > 0 {
        out.talk(format!(
            "note: the first {} are archived and not at hand: a snapshot was believed for them",
            counted(audited.first, "act")
        ));
    }
    if audited.unknown > 0 {
        out.talk(format!(
            "note: {} of kinds this build does not know: what they change is not judged",
            counted(audited.unknown, "act")
        ));
    }
    if !out.is_json() {
        for of in Invariant::ALL {
            // Readers see something only where a hereby runs, and that one compares it.
            if of != Invariant::Fold {
                let line = Line::new().text(format!("{:>6}  {:<9} ", count(of), of.word()));
                out.data(line.styled(Style::Dim, of.rule()))?;
            }
        }
    }
    if audited.found.is_empty() {
        out.talk(Line::new().styled(Style::Good, "sound").text(format!(
            ": {} folded again, {} compared; {seconds:.1} s",
            counted(entries, "act"),
            counted(audited.snapshots, "snapshot"),
        )));
        return Ok(());
    }
    let found = counted(audited.found.len(), "violation");
    Err(Failure::new(Exit::Unverified, format!("the auditor found {found}"))
        .hint("keep this directory as it is: it is evidence")
        .hint("a snapshot that is wrong is made again by hereby rebuild; hereby verify checks the bytes"))
}
