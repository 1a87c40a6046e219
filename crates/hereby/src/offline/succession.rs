//! `hereby succession request` and `begin`: where a stopped record stands, and how it goes on in another epoch.

use std::path::{Path, PathBuf};

use engine::ports::{Clock as _, Entries as _};
use record::note::VerifierKey;
use record::statement::Statement as _;
use record::succession::{Succession, name_in};
use serde_json::json;
use store::{CannotOpen, DataDir, Paths, Reader, Stands};

use super::{evidence, read_file};
use crate::cli::Globals;
use crate::cli::succession::{SuccessionArgs, SuccessionVerb};
use crate::commands::succession::{FILE_BYTES_MAX, Request, sign, vouch};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::say::{Line, Out, Style, counted};
use crate::station::{
    Began, Opening, Resumes, Station, SystemClock, anchor_path, locked, unopened,
};

/// What needs no running hereby; the rest is given back.
///
/// # Errors
/// See [`Failure`].
pub(crate) fn succession(
    args: SuccessionArgs,
    globals: &Globals,
    out: &Out,
) -> Result<Option<SuccessionArgs>, Failure> {
    match args.verb {
        SuccessionVerb::Trust { .. } => return Ok(Some(args)),
        SuccessionVerb::Vouch { key, next, output } => vouch(&key, &next, output.as_deref(), out)?,
        SuccessionVerb::Sign {
            key,
            request,
            output,
        } => sign(&key, &request, output.as_deref(), globals, out)?,
        SuccessionVerb::Request {
            seen,
            output,
            settings,
        } => {
            let config = Config::find(&settings, &globals.data_dir()?)?;
            request(&seen, output.as_deref(), &config, globals, out)?;
        }
        SuccessionVerb::Begin {
            note,
            root_key,
            settings,
        } => {
            let config = Config::find(&settings, &globals.data_dir()?)?;
            begin(&note, root_key, &config, globals, out)?;
        }
    }
    Ok(None)
}

fn request(
    seen: &[PathBuf],
    output: Option<&Path>,
    config: &Config,
    globals: &Globals,
    out: &Out,
) -> Result<(), Failure> {
    let data_dir = globals.data_dir()?;
    let paths = Paths::new(&data_dir);
    let dir = DataDir::open(&data_dir, "hereby succession request", SystemClock.now());
    let dir = dir.map_err(locked)?;
    let stands = standing(&paths)?;
    if stands.begun {
        return Err(unopened(CannotOpen::Unfinished(stands.epoch)));
    }
    let record = evidence::whole(&paths)?;
    let known = evidence::gather(&stands, &record, seen, &paths, config)?;
    let (epoch, gap) = (known.epoch + 1, known.newest);
    let mut drawn = [0; 4];
    aws_lc_rs::rand::fill(&mut drawn)
        .map_err(|_| Failure::new(Exit::Internal, "the system gives no random bytes"))?;
    let origin = name_in(&stands.origin, epoch, u32::from_be_bytes(drawn));
    let key = store::succession_key(&dir, &origin).map_err(unopened)?;
    let asked = Request {
        epoch,
        from: stands.origin.as_str().into(),
        gap,
        kept: stands.kept,
        origin: origin.as_str().into(),
        vkey: key.to_string().into(),
    };
    let json = serde_json::to_string(&asked)
        .map_err(|error| Failure::new(Exit::Internal, "no request").because(error))?;
    if let Some(path) = output {
        std::fs::write(path, format!("{json}\n")).map_err(|error| {
            Failure::usage(format!("cannot write {}", path.display())).because(error)
        })?;
    }
    say(&stands, &asked, seen.is_empty(), out);
    if output.is_none() || out.is_json() {
        out.data(json)?;
    }
    let file = output.map_or_else(|| "REQUEST".to_owned(), |path| path.display().to_string());
    out.talk(Line::new().styled(Style::Dim, "  next: ").text(format!(
        "on the offline machine: hereby succession sign KEY {file} -m WHY"
    )));
    Ok(())
}

fn say(stands: &Stands, asked: &Request, saw_nothing: bool, out: &Out) {
    let (origin, kept) = (&stands.origin, counted(stands.kept.size, "act"));
    out.talk(format!(
        "{origin}, epoch {}, has {kept}; it would go on as {}.",
        stands.epoch, asked.origin
    ));
    if asked.epoch > stands.epoch + 1 {
        out.warn(&format!(
            "epoch {} of this record was seen: a backup of that is newer than this one",
            asked.epoch - 1
        ));
    }
    match asked.gap {
        Some(gap) => out.talk(Line::new().styled(Style::Warning, "lost: ").text(format!(
            "{} beyond that were seen",
            counted(gap.size - stands.kept.size, "act")
        ))),
        None => out.talk("Nothing beyond that is known here."),
    }
    if saw_nothing {
        out.talk("--seen FILE takes what edges and witnesses saw: each one's checkpoint.");
    }
    if let Some(claimed) = stands.claimed
        && asked.gap.is_none_or(|gap| gap.size < claimed)
    {
        out.warn(&format!(
            "a signature in the record covers {claimed} acts, and no checkpoint of that size is at hand"
        ));
    }
}

fn standing(paths: &Paths) -> Result<Stands, Failure> {
    let stands = store::stands(paths, &[]).map_err(unopened)?;
    stands.ok_or_else(|| unopened(CannotOpen::Missing(paths.root().to_owned())))
}

fn begin(
    note: &PathBuf,
    root_key: Option<VerifierKey>,
    config: &Config,
    globals: &Globals,
    out: &Out,
) -> Result<(), Failure> {
    crate::log::start(&config.log).map_err(Failure::usage)?;
    let bytes = read_file(note, FILE_BYTES_MAX)?;
    let data_dir = globals.data_dir()?;
    let paths = Paths::new(&data_dir);
    let (stands, record) = (standing(&paths)?, evidence::whole(&paths)?);
    let (root, said) = believed(&bytes, root_key, &record, out).map_err(|failure| {
        failure.hint("hereby succession sign makes a note; --root-key VKEY says whose word counts")
    })?;
    let text: Box<str> = String::from_utf8_lossy(&bytes).into();
    // Its act is there, and it ended before the anchor was.
    let is_there = evidence::began(&record)?.as_ref() == Some(&text);
    if *stands.origin == *said.from {
        let known = evidence::gather(&stands, &record, &[], &paths, config)?;
        let more = known
            .newest
            .is_some_and(|newest| said.gap.map_or(said.kept.size, |gap| gap.size) < newest.size);
        if more {
            return Err(Failure::new(
                Exit::Refused,
                "more was seen of the record than the note knows of",
            )
            .hint("hereby succession request again, and have that signed"));
        }
    }
    drop(record);
    let (kept, epoch) = (said.kept.size, said.epoch);
    let (from, origin) = (said.from.clone(), said.origin.clone());
    let lost = said.gap.map(|gap| gap.size - kept);
    let station = Station::open(Opening {
        data_dir: &data_dir,
        config,
        runs: "hereby succession begin",
        resumes: match (is_there, said.why.as_str().parse()) {
            (true, Ok(why)) => Resumes::AgainstAnchor(why),
            _ => Resumes::InEpoch(Box::new(Began {
                note: text,
                root: root.to_string().into(),
                said,
            })),
        },
        progress: crate::serve::progress(out),
        on_fatal: Box::new(crate::serve::end_process),
    })?;
    station.engine.stop();
    let acts = station.reader.size();
    drop(station);
    if acts <= kept {
        return Err(Failure::new(
            Exit::Refused,
            "the epoch has not begun: no act could be written",
        )
        .hint("make room on the record's disk, then the same again"));
    }
    end_anchor(config, &from, out);
    if out.is_json() {
        return out.json(&json!({ "origin": origin, "epoch": epoch, "kept": kept, "lost": lost }));
    }
    out.talk(
        Line::new()
            .styled(Style::Good, format!("Epoch {epoch} has begun: "))
            .text(format!(
                "{from} goes on as {origin} behind {}.",
                counted(kept, "act")
            )),
    );
    out.talk("Start it: hereby up. Edges that know the root key follow by themselves.");
    out.talk("Then: witnesses get the new key (hereby record keys); hereby rotate-secrets, if keys may be");
    out.talk("in the wrong hands; and a backup, into a new directory.");
    Ok(())
}

/// What was the anchor of the epoch before is one no more: an older copy of it must not agree with anything here.
fn end_anchor(config: &Config, from: &str, out: &Out) {
    if config.record.anchor.is_some() {
        // One file for whatever epoch: it has the new one by now.
        return;
    }
    let Ok(path) = anchor_path(config, from) else {
        return;
    };
    let mut ended = path.clone().into_os_string();
    ended.push(".ended");
    match std::fs::rename(&path, ended) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => out.warn(&format!(
            "{} can't be put away ({error}): remove it, or an older copy of the record would agree with it",
            path.display()
        )),
        _ => {}
    }
}

/// What the note says, and which root key signed it: the one that is named; else the one that whoever verifies the
/// record believes; else the one that was named last because the one before was lost.
fn believed(
    note: &[u8],
    root_key: Option<VerifierKey>,
    record: &Reader,
    out: &Out,
) -> Result<(VerifierKey, Succession), Failure> {
    let roots = evidence::roots(record)?;
    let asked = match &root_key {
        Some(key) => vec![key.clone()],
        None => roots.believed.iter().chain(&roots.last).cloned().collect(),
    };
    let mut why = "the record names no root key".to_owned();
    for root in asked {
        match Succession::open(note, &root) {
            Ok(said) => {
                if roots.believed.as_ref() != Some(&root) {
                    out.warn(&format!(
                        "nothing on the record leads to this root key: who verifies, restores or checks a \
                         backup says --root-key '{root}', and edges that know another don't follow"
                    ));
                }
                return Ok((root, said));
            }
            Err(error) => why = error.to_string(),
        }
    }
    Err(Failure::new(Exit::Refused, "the note is not believed").because(why))
}
