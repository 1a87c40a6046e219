//! Holds what is whole against every checkpoint that is known: rule 3 of "What is true after a
//! crash" in `docs/reference/record.md`.

use record::checkpoint::SignedCheckpoint;
use record::note::{Note, VerifierKey};

use crate::anchor::{self, Slot, Standing};
use crate::durable;
use crate::found::{Found, root_at};
use crate::layout::Paths;
use crate::log::Options;
use crate::recover::{CannotOpen, Corruption};

/// The longest published checkpoint that is read.
const CHECKPOINT_BYTES_MAX: u64 = record::note::NOTE_BYTES_MAX as u64;

/// Refuses unless every known checkpoint covers no more than is whole, with the same root. Returns
/// what a person has accepted instead.
pub(crate) fn check_known(
    found: &Found,
    paths: &Paths,
    options: &Options,
    keys: &[VerifierKey],
) -> Result<Option<Standing>, CannotOpen> {
    let (scan, size) = (&found.scan, found.scan.replay.kept().size());
    let corrupt = |at: u64, what: String| {
        CannotOpen::from(Corruption {
            path: found.last.clone(),
            at,
            entry: size,
            what,
        })
    };
    let stopped = scan.stopped.as_ref();
    let why = stopped.map_or(String::new(), |stopped| format!(" ({})", stopped.why));
    if let Some((at, claimed)) = scan.tail.claims {
        let at = stopped.map_or(at, |stopped| stopped.at);
        let what = format!("a signature covers {claimed} entries, and {size} are whole{why}");
        return Err(corrupt(at, what));
    }
    if let Some((at, what)) = &scan.tail.damaged {
        return Err(corrupt(*at, what.clone()));
    }
    let torn = scan.written_bytes > scan.kept_bytes;
    let slots = anchor::read(&options.anchor, keys)?;
    let mut standing = anchor::compare(slots.as_deref(), size, |size| root_at(found, size))?;
    if standing == Standing::Missing && size == 0 {
        standing = Standing::Agrees;
    }
    if standing == Standing::Agrees
        && let Some(published) = published(paths, keys)?
    {
        standing = compare_published(found, &published)?;
    }
    match standing {
        Standing::Agrees => Ok(None),
        standing if options.accept_anchor => Ok(Some(standing)),
        Standing::Ahead { size: covered, .. } if torn => Err(corrupt(
            scan.kept_bytes,
            format!("a known checkpoint covers {covered} entries, and {size} are whole{why}"),
        )),
        standing => Err(CannotOpen::Anchor {
            path: options.anchor.clone(),
            standing,
        }),
    }
}

fn compare_published(found: &Found, published: &SignedCheckpoint) -> Result<Standing, CannotOpen> {
    let slot = Slot::Signed {
        checkpoint: published.checkpoint().clone(),
        note: published.to_string(),
    };
    let size = found.scan.replay.kept().size();
    anchor::compare(Some(&[slot]), size, |size| root_at(found, size))
}

/// The published checkpoint, if it is there and one of the keys has signed it. It is derived: a
/// damaged one is published again.
pub(crate) fn published(
    paths: &Paths,
    keys: &[VerifierKey],
) -> Result<Option<SignedCheckpoint>, CannotOpen> {
    let path = paths.checkpoint();
    let Some(text) = durable::read_bounded(&path, CHECKPOINT_BYTES_MAX)? else {
        return Ok(None);
    };
    let opened = Note::parse(&text).ok().and_then(|note| {
        let open = |key: &VerifierKey| SignedCheckpoint::from_note(note.clone(), key).ok();
        keys.iter().find_map(open)
    });
    if opened.is_none() {
        tracing::warn!(path = %path.display(), "the published checkpoint can't be used");
    }
    Ok(opened)
}
