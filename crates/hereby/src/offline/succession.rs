//! `hereby succession request` and `begin`: where a stopped record stands, and how it goes on in another epoch.

use std::path::{Path, PathBuf};

use engine::ports::{Clock as _, Entries as _};
use record::checkpoint::Checkpoint;
use record::kinds::Body;
use record::note::{Note, VerifierKey};
use record::statement::Statement as _;
use record::succession::{Succession, Tree};
use serde_json::json;
use store::{DataDir, Paths, Standing, Stands};

use super::{Files, read_file, tend};
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

/// The next name of a record: its first one, and the epoch.
fn next_name(origin: &str, epoch: u64) -> String {
    let first = origin.rsplit_once("/e").filter(|(_, number)| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    let first = first.map_or(origin, |(first, _)| first);
    format!("{first}/e{}", epoch + 1)
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
    let stands = store::stands(&paths, &[]).map_err(unopened)?;
    let stands = stands.ok_or_else(|| unopened(store::CannotOpen::Missing(data_dir.clone())))?;
    let dir = DataDir::open(&data_dir, "hereby succession request", SystemClock.now());
    let dir = dir.map_err(locked)?;
    let origin = next_name(&stands.origin, stands.epoch);
    let key = store::succession_key(&dir, &origin).map_err(unopened)?;
    let gap = newest_seen(&stands, seen, &paths, config, globals, out)?;
    let asked = Request {
        epoch: stands.epoch + 1,
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
    out.talk(format!(
        "{}, epoch {}, has {}; it would go on as {origin}.",
        stands.origin,
        stands.epoch,
        counted(stands.kept.size, "act")
    ));
    match gap {
        Some(gap) => out.talk(Line::new().styled(Style::Warning, "lost: ").text(format!(
            "{} beyond that were seen",
            counted(gap.size - stands.kept.size, "act")
        ))),
        None => out.talk(
            "Nothing beyond that is known here; --seen FILE takes what edges and witnesses saw.",
        ),
    }
    if output.is_none() || out.is_json() {
        out.data(json)?;
    }
    out.talk(
        Line::new()
            .styled(Style::Dim, "  next: ")
            .text("on the offline machine: hereby succession sign KEY REQUEST -m WHY"),
    );
    Ok(())
}

/// The newest tree behind what is kept that anybody here has seen signed.
fn newest_seen(
    stands: &Stands,
    seen: &[PathBuf],
    paths: &Paths,
    config: &Config,
    globals: &Globals,
    out: &Out,
) -> Result<Option<Tree>, Failure> {
    let keys = Files::open(globals).and_then(|files| tend::vkeys(&files));
    let mut keys: Vec<VerifierKey> = keys
        .unwrap_or_default()
        .iter()
        .filter_map(|(_, vkey)| vkey.parse().ok())
        .collect();
    if let Ok(Some(key)) = store::log_key(&paths.log_key()) {
        keys.push(key.verifier().clone());
    }
    let mut notes: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for path in seen {
        notes.push((path.clone(), read_file(path, FILE_BYTES_MAX)?));
    }
    let published = paths.checkpoint();
    if let Ok(text) = read_file(&published, FILE_BYTES_MAX) {
        notes.push((published, text));
    }
    let anchor = anchor_path(config, &stands.origin)?;
    if let Ok(files) = Files::open(globals)
        && let Ok(Standing::Ahead { note, .. }) =
            store::anchor_standing(&anchor, &keys, &files.reader)
    {
        notes.push((anchor, note.into_bytes()));
    }
    let mut newest: Option<Tree> = None;
    for (path, text) in notes {
        let note = Note::parse(&text).ok();
        let note = note.filter(|note| note.verify(&keys).is_ok());
        let checkpoint = note.and_then(|note| Checkpoint::parse_text(note.text()).ok());
        match checkpoint.filter(|it| *it.origin() == *stands.origin) {
            Some(it) if it.size() > newest.map_or(stands.kept.size, |newest| newest.size) => {
                let (root, size) = (it.root(), it.size());
                newest = Some(Tree { root, size });
            }
            None if seen.contains(&path) => {
                return Err(Failure::usage(format!(
                    "{} is no checkpoint that {} signed",
                    path.display(),
                    stands.origin
                )));
            }
            _ => {}
        }
    }
    if let Some(claimed) = stands.claimed
        && newest.is_none_or(|newest| newest.size < claimed)
    {
        out.warn(&format!(
            "a signature in the record covers {claimed} acts, and no checkpoint of that size is at hand"
        ));
    }
    Ok(newest)
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
    let (root, said) = believed(&bytes, root_key, globals).map_err(|failure| {
        failure.hint("hereby succession sign makes a note; --root-key VKEY says whose word counts")
    })?;
    let (kept, epoch) = (said.kept.size, said.epoch);
    let (from, origin) = (said.from.clone(), said.origin.clone());
    let lost = said.gap.map(|gap| gap.size - kept);
    let station = Station::open(Opening {
        data_dir: &globals.data_dir()?,
        config,
        runs: "hereby succession begin",
        resumes: Resumes::InEpoch(Box::new(Began {
            note: String::from_utf8_lossy(&bytes).into(),
            root: root.to_string().into(),
            said,
        })),
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
    out.talk("in the wrong hands; and a backup.");
    Ok(())
}

/// What the note says, and which root key signed it: the one that is named, or the newest on the record that did.
fn believed(
    note: &[u8],
    root_key: Option<VerifierKey>,
    globals: &Globals,
) -> Result<(VerifierKey, Succession), Failure> {
    let roots = match root_key {
        Some(key) => vec![key],
        None => named_roots(globals)?,
    };
    let mut why = "the record names no root key".to_owned();
    for root in roots.into_iter().rev() {
        match Succession::open(note, &root) {
            Ok(said) => return Ok((root, said)),
            Err(error) => why = error.to_string(),
        }
    }
    Err(Failure::new(Exit::Refused, "the note is not believed").because(why))
}

/// The root keys that the record names, the newest last.
fn named_roots(globals: &Globals) -> Result<Vec<VerifierKey>, Failure> {
    let files = Files::open(globals)?;
    let mut named = Vec::new();
    tend::on_record(
        &files.reader,
        0,
        tend::RECORD_ACTS_AT_ONCE,
        &mut |_, act| {
            if let Body::LogRootKeySet(set) = act.body {
                named.extend(set.vkey.parse().ok());
            }
        },
    )?;
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::next_name;

    #[test]
    fn an_epoch_has_the_first_name_and_its_number() {
        assert_eq!(
            next_name("laptop/hereby-0713e1ba", 1),
            "laptop/hereby-0713e1ba/e2"
        );
        assert_eq!(
            next_name("laptop/hereby-0713e1ba/e2", 2),
            "laptop/hereby-0713e1ba/e3"
        );
        assert_eq!(next_name("example.org/e2e", 1), "example.org/e2e/e2");
    }
}
