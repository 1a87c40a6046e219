//! Checkpoints as they were signed when they were the newest: the last one of a log key vouches for the
//! next key, and whoever trusts the old one needs it.

use std::fs::File;
use std::io;

use record::note::VerifierKey;

use crate::catalog::{self, Place};
use crate::layout::Paths;
use crate::lines::{self, Lines};
use crate::segment::{self, Line};

/// The checkpoint with this size, as that key signed it; none: it did not, or its segment was archived.
/// Reads one segment.
///
/// # Errors
/// When the segment can't be read.
pub fn signed_by(paths: &Paths, size: u64, key: &VerifierKey) -> io::Result<Option<String>> {
    let all = catalog::list(paths, &[]).map_err(io::Error::other)?;
    let of_it = all.into_iter().rev().find(|one| one.first < size);
    let Some(Place::Here(path)) = of_it.map(|one| one.place) else {
        return Ok(None);
    };
    let file = File::open(path)?;
    let length = lines::written_bytes(&file)?;
    let mut lines = Lines::new(file, 0, length)?;
    let (mut origin, mut root) = (None, None);
    while let Some(line) = lines.next()? {
        if !line.ended {
            break;
        }
        match segment::parse(line.bytes) {
            Ok(Line::Header(header)) => origin = Some(header.origin),
            Ok(Line::Batch(end)) if end.size == size => root = Some(end.root),
            Ok(Line::Batch(end)) if end.size > size => break,
            Ok(Line::Signed(signed)) if signed.size == size => {
                let note = origin.as_deref().zip(root);
                let note = note.and_then(|(origin, root)| signed.to_note(origin, root));
                let own = note.filter(|note| note.verify(std::slice::from_ref(key)).is_ok());
                if let Some(note) = own {
                    return Ok(Some(note.to_string()));
                }
            }
            Ok(_) => {}
            Err(error) => return Err(io::Error::other(error)),
        }
    }
    Ok(None)
}
