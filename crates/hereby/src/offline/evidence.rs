//! What is known of a record beyond what is left of it: checkpoints of the anchor, of edges and witnesses, and the
//! keys that its acts name. Read before a succession, also where the newest segment is damaged.

use std::path::PathBuf;

use record::checkpoint::Checkpoint;
use record::kinds::Body;
use record::note::{Note, VerifierKey};
use record::succession::{Tree, lineage, may_follow};
use store::{Paths, Reader, Standing, Stands};

use super::{read_file, tend, unreadable};
use crate::commands::succession::FILE_BYTES_MAX;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::station::{anchor_path, unopened};

/// What is known.
pub(super) struct Evidence {
    /// The newest tree behind what is kept that somebody saw signed.
    pub(super) newest: Option<Tree>,
    /// The highest epoch that a checkpoint of it is of.
    pub(super) epoch: u64,
}

/// The root keys that a record names.
pub(super) struct Roots {
    /// Which a verifier believes that begins with the record alone.
    pub(super) believed: Option<VerifierKey>,
    /// Which was named last.
    pub(super) last: Option<VerifierKey>,
}

/// What of the record is whole.
pub(super) fn whole(paths: &Paths) -> Result<Reader, Failure> {
    Reader::open_whole(paths).map_err(unopened)
}

pub(super) fn roots(record: &Reader) -> Result<Roots, Failure> {
    let (mut believed, mut last): (Option<Box<str>>, Option<Box<str>>) = (None, None);
    tend::on_record(record, 0, tend::RECORD_ACTS_AT_ONCE, &mut |_, act| {
        if let Body::LogRootKeySet(set) = act.body {
            if may_follow(believed.as_deref(), &set.vkey, set.vouched.as_deref()) {
                believed = Some(set.vkey.clone());
            }
            last = Some(set.vkey);
        }
    })?;
    let key = |vkey: Option<Box<str>>| vkey.and_then(|vkey| vkey.parse().ok());
    Ok(Roots {
        believed: key(believed),
        last: key(last),
    })
}

/// The note that began the present epoch, if acts say so.
pub(super) fn began(record: &Reader) -> Result<Option<Box<str>>, Failure> {
    let mut note = None;
    tend::on_record(record, 0, tend::RECORD_ACTS_AT_ONCE, &mut |_, act| {
        if let Body::LogSucceeded(succeeded) = act.body {
            note = Some(succeeded.note);
        }
    })?;
    Ok(note)
}

/// Compares what was seen with what is left.
///
/// # Errors
/// When one of it is of another history, or no checkpoint of this record at all.
pub(super) fn gather(
    stands: &Stands,
    record: &Reader,
    seen: &[PathBuf],
    paths: &Paths,
    config: &Config,
) -> Result<Evidence, Failure> {
    let keys = tend::vkeys_in(record, tend::RECORD_ACTS_AT_ONCE)?;
    let mut keys: Vec<VerifierKey> = keys
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
    if let Ok(Standing::Ahead { note, .. } | Standing::Differs { note, .. }) =
        store::anchor_standing(&anchor, &keys, record)
    {
        notes.push((anchor, note.into_bytes()));
    }
    let mut evidence = Evidence {
        newest: None,
        epoch: stands.epoch,
    };
    for (path, text) in notes {
        let note = Note::parse(&text).ok();
        let checkpoint = note
            .as_ref()
            .and_then(|note| Checkpoint::parse_text(note.text()).ok());
        let later = checkpoint.as_ref().and_then(|it| later_epoch(it, stands));
        if let Some(epoch) = later {
            evidence.epoch = evidence.epoch.max(epoch);
            continue;
        }
        let signed = note.is_some_and(|note| note.verify(&keys).is_ok());
        let ours = checkpoint.filter(|it| signed && *it.origin() == *stands.origin);
        let Some(it) = ours else {
            if seen.contains(&path) {
                let origin = &stands.origin;
                let what = format!("{} is no checkpoint that {origin} signed", path.display());
                return Err(Failure::usage(what));
            }
            continue;
        };
        compare(&it, stands, record, &path)?;
        if it.size()
            > evidence
                .newest
                .map_or(stands.kept.size, |newest| newest.size)
        {
            evidence.newest = Some(Tree {
                root: it.root(),
                size: it.size(),
            });
        }
    }
    Ok(evidence)
}

/// What is left must be what that checkpoint was of, as far as it reaches.
fn compare(
    seen: &Checkpoint,
    stands: &Stands,
    record: &Reader,
    path: &std::path::Path,
) -> Result<(), Failure> {
    if seen.size() > stands.kept.size || seen.size() == 0 {
        return Ok(());
    }
    let root = record.root_at(seen.size()).map_err(unreadable)?;
    if root == seen.root() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Untrusted,
        format!(
            "{} is of another history: over {} acts it has another root than this record",
            path.display(),
            seen.size()
        ),
    )
    .because("somebody signed two records under one name; which one goes on is not for a program to say")
    .hint("keep both as evidence, and restore a backup that agrees with what was seen: hereby verify DIR"))
}

/// The epoch of a checkpoint of this record that is later than what is left. Which key signed it is not known here;
/// the number only makes sure that no epoch comes twice.
fn later_epoch(seen: &Checkpoint, stands: &Stands) -> Option<u64> {
    let same =
        lineage(seen.origin()) == lineage(&stands.origin) && *seen.origin() != *stands.origin;
    let end = seen.origin().rsplit_once("/e").filter(|_| same)?.1;
    let epoch: u64 = end.split_once('-')?.0.parse().ok()?;
    (epoch > stands.epoch).then_some(epoch)
}
