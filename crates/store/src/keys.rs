//! What an entry can be found by: its act's id and its subject.
//!
//! Every entry of a segment is asked when the segment's index is made, so its top level is walked
//! without building values. Entries are canonical, or nothing of this matters: `verify` says so.

use base::ActId;
use record::act::Subject;
use record::hash;

/// What an entry can be found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) act: ActId,
    pub(crate) subject: u64,
    /// Whether the act changes the key that signs.
    pub(crate) rotates: bool,
}

/// The kind of act that changes the log's key, of whatever version.
const ROTATES: &[u8] = b"record.key_rotated/";

/// The key of a subject: a quarter of a SHA-256. Whoever finds by it compares the entry.
pub(crate) fn subject_key(type_name: &[u8], id: &[u8]) -> u64 {
    let digest = hash::sha256(&[type_name, b"\0", id]);
    let (key, _) = digest.0.split_first_chunk().expect("a hash has 32 bytes");
    u64::from_be_bytes(*key)
}

/// The key of a [`Subject`].
pub(crate) fn key_of(subject: &Subject) -> u64 {
    subject_key(subject.type_name().as_bytes(), subject.id().as_bytes())
}

/// The key of an act in an index file: half of its id.
pub(crate) fn act_key(id: &ActId) -> u64 {
    let (key, _) = id
        .as_bytes()
        .split_first_chunk()
        .expect("an id has 16 bytes");
    u64::from_be_bytes(*key)
}

/// What an entry can be found by; `None` when it has no id and subject of the form known here.
pub(crate) fn keys_of(entry: &[u8]) -> Option<Keys> {
    let (mut act, mut subject, mut rotates) = (None, None, false);
    for (key, value) in members(entry)? {
        match key {
            b"id" => act = str::from_utf8(plain(value)?).ok()?.parse().ok(),
            b"kind" => rotates = plain(value)?.starts_with(ROTATES),
            b"subject" => subject = Some(parts(value)?),
            _ => {}
        }
    }
    let (type_name, id) = subject?;
    Some(Keys {
        act: act?,
        subject: subject_key(type_name, id),
        rotates,
    })
}

/// Whether this is an entry on that subject.
pub(crate) fn is_on(entry: &[u8], subject: &Subject) -> bool {
    let found = members(entry)
        .and_then(|members| members.into_iter().find(|(key, _)| key == b"subject"))
        .and_then(|(_, value)| parts(value));
    found == Some((subject.type_name().as_bytes(), subject.id().as_bytes()))
}

/// The type and the id of a subject.
fn parts(value: &[u8]) -> Option<(&[u8], &[u8])> {
    match members(value)?.as_slice() {
        [(b"id", id), (b"type", type_name)] => Some((plain(type_name)?, plain(id)?)),
        _ => None,
    }
}

/// A string without escapes: ids have none.
fn plain(value: &[u8]) -> Option<&[u8]> {
    let inside = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    (!inside.contains(&b'\\')).then_some(inside)
}

/// The members of a canonical object, values as they stand.
fn members(object: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut rest = object.strip_prefix(b"{")?;
    let mut found = Vec::with_capacity(12);
    if rest == b"}" {
        return Some(found);
    }
    loop {
        let (key, after) = rest.split_at_checked(string_end(rest)?)?;
        let after = after.strip_prefix(b":")?;
        let (value, after) = after.split_at_checked(value_end(after)?)?;
        found.push((plain(key)?, value));
        match after.split_first()? {
            (b',', after) => rest = after,
            (b'}', []) => return Some(found),
            _ => return None,
        }
    }
}

/// Where the string ends that these bytes begin with.
fn string_end(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes.strip_prefix(b"\"")?;
    let mut at = 1;
    loop {
        let quote = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        at += quote + 1;
        if rest.get(quote) == Some(&b'"') {
            return Some(at);
        }
        // What is escaped is skipped, whatever it is.
        at += 1;
        rest = rest.get(quote + 2..)?;
    }
}

/// Where the value ends that these bytes begin with.
fn value_end(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0_usize);
    loop {
        let rest = bytes.get(at..)?;
        match rest.first()? {
            b'"' => at += string_end(rest)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            b',' | b':' if depth > 0 => at += 1,
            _ => {
                let scalar = |byte: &u8| !matches!(byte, b',' | b'}' | b']');
                let length = rest.iter().take_while(|byte| scalar(byte)).count();
                at += length.max(1);
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests;
