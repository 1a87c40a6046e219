//! A segment's lines: how each is written, and the one way each may be read.
//!
//! Four kinds of lines, told apart by their first key. Whether a batch's root is right, and who
//! signed, is asked in `replay`; that an entry is canonical, in `verify`.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use record::act::ENTRY_BYTES_MAX;
use record::canonical;
use record::checkpoint::Checkpoint;
use record::hash::Hash;
use record::note::{Note, NoteSignature};
use record::succession::FIRST_EPOCH;
use record::tree::{Frontier, SIZE_MAX};
use serde::{Deserialize, Serialize};

/// The version of the segment's form, `v`, in the first epoch.
const VERSION: u32 = 1;

/// And in later ones: a build that knows of no epochs must not take one for damage.
const VERSION_OF_EPOCHS: u32 = 2;

/// The longest line, without its line feed: an entry's. A header with its 63 hashes is shorter.
pub(crate) const LINE_BYTES_MAX: usize = ENTRY_BYTES_MAX;

/// The longest name of a log, so that every line and note of it fits its place.
pub(crate) const ORIGIN_BYTES_MAX: usize = 200;

const ENTRY: &[u8] = b"{\"actor\":";
const SEGMENT: &[u8] = b"{\"segment\":";
const BATCH: &[u8] = b"{\"batch\":";
pub(crate) const SIGNED: &[u8] = b"{\"signed\":";

/// Bytes in an Ed25519 signature (RFC 8032 §5.1.6).
const SIGNATURE_BYTES: usize = 64;

/// The first line: what the tree was before this segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) epoch: u64,
    pub(crate) first: u64,
    pub(crate) frontier: Vec<Hash>,
    pub(crate) origin: String,
    pub(crate) v: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderLine<H> {
    segment: H,
}

/// The line that ends a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchEnd {
    /// SHA-256 of the text of the signed checkpoint before; none before the first.
    pub(crate) prev: Option<Hash>,
    pub(crate) root: Hash,
    pub(crate) size: u64,
}

/// The log's signature over the checkpoint of this size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    /// The key's name and its id in eight hexadecimal digits, joined by `+`.
    pub(crate) key: String,
    pub(crate) signature: [u8; SIGNATURE_BYTES],
    pub(crate) size: u64,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    Header(Header),
    Entry(&'a [u8]),
    Batch(BatchEnd),
    Signed(Signed),
}

/// The text is no line of a segment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadLine {
    #[error("the line is longer than an entry may be")]
    TooLong,
    #[error("the line is none of segment, entry, batch and signed")]
    Unknown,
    #[error("the segment's first line is not of its form: {0}")]
    Header(String),
    #[error(
        "the segment is of version {0}, this build reads {VERSION_OF_EPOCHS}: use a newer hereby"
    )]
    Version(u32),
    #[error("the batch line is not of its form")]
    Batch,
    #[error("the signed line is not of its form")]
    Signed,
}

/// Reads a line, given without its line feed. Accepts what is written here and nothing else; of
/// an entry only the first key is looked at.
pub(crate) fn parse(line: &[u8]) -> Result<Line<'_>, BadLine> {
    if line.len() > LINE_BYTES_MAX {
        return Err(BadLine::TooLong);
    }
    if line.starts_with(ENTRY) {
        Ok(Line::Entry(line))
    } else if line.starts_with(BATCH) {
        parse_batch(line).map(Line::Batch).ok_or(BadLine::Batch)
    } else if line.starts_with(SIGNED) {
        parse_signed(line).map(Line::Signed).ok_or(BadLine::Signed)
    } else if line.starts_with(SEGMENT) {
        parse_header(line).map(Line::Header)
    } else {
        Err(BadLine::Unknown)
    }
}

/// Whether this can stand in a segment as an entry. That it is canonical is the writer's promise.
pub(crate) fn is_entry(entry: &[u8]) -> bool {
    entry.len() <= ENTRY_BYTES_MAX && entry.starts_with(ENTRY) && !entry.contains(&b'\n')
}

fn parse_header(line: &[u8]) -> Result<Header, BadLine> {
    let bad = |reason: &dyn std::fmt::Display| BadLine::Header(reason.to_string());
    #[derive(Deserialize)]
    struct Versioned {
        v: u32,
    }
    // Whatever else another version has in it.
    if let Ok(found) = serde_json::from_slice::<HeaderLine<Versioned>>(line)
        && !(VERSION..=VERSION_OF_EPOCHS).contains(&found.segment.v)
    {
        return Err(BadLine::Version(found.segment.v));
    }
    let header: HeaderLine<Header> = serde_json::from_slice(line).map_err(|error| bad(&error))?;
    let header = header.segment;
    if header.epoch < FIRST_EPOCH || header.v != version_in(header.epoch) {
        return Err(bad(&"there is no such epoch"));
    }
    if !is_origin(&header.origin) {
        return Err(bad(&"its origin can't be a log's name"));
    }
    Frontier::from_hashes(header.first, header.frontier.clone()).map_err(|error| bad(&error))?;
    if header.to_line().as_deref() != Some(line) {
        return Err(bad(&"it is not canonical"));
    }
    Ok(header)
}

/// The version of the segment's form in that epoch.
fn version_in(epoch: u64) -> u32 {
    match epoch {
        FIRST_EPOCH => VERSION,
        _ => VERSION_OF_EPOCHS,
    }
}

impl Header {
    /// Of the segment that begins behind this tree.
    pub(crate) fn new(epoch: u64, origin: &str, before: &Frontier) -> Header {
        Header {
            epoch,
            first: before.size(),
            frontier: before.to_hashes().to_vec(),
            origin: origin.to_owned(),
            v: version_in(epoch),
        }
    }

    /// The line without its line feed; `None` only if a number in it is beyond JSON's.
    pub(crate) fn to_line(&self) -> Option<Vec<u8>> {
        canonical::to_vec(&HeaderLine { segment: self }).ok()
    }

    /// The tree before the segment.
    pub(crate) fn frontier(&self) -> Option<Frontier> {
        Frontier::from_hashes(self.first, self.frontier.clone()).ok()
    }
}

/// Whether this can name a log: a C2SP key name of at most 200 bytes that stands in JSON as it is.
pub(crate) fn is_origin(name: &str) -> bool {
    name.len() <= ORIGIN_BYTES_MAX
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_/:@".contains(&byte))
        && record::note::is_key_name(name)
}

/// Reads what stands before `end` and goes on behind it.
fn until<'a>(rest: &mut &'a str, end: &str) -> Option<&'a str> {
    let (value, after) = rest.split_once(end)?;
    *rest = after;
    Some(value)
}

fn parse_size(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.is_empty()
        && (digits.len() == 1 || !digits.starts_with('0'));
    let largest = SIZE_MAX.min(canonical::INTEGER_MAX.unsigned_abs());
    plain
        .then(|| digits.parse().ok())
        .flatten()
        .filter(|size| *size <= largest)
}

fn parse_batch(line: &[u8]) -> Option<BatchEnd> {
    let mut rest = str::from_utf8(line)
        .ok()?
        .strip_prefix("{\"batch\":{\"prev\":")?;
    let prev = match rest.strip_prefix("null,\"root\":\"") {
        Some(after) => {
            rest = after;
            None
        }
        None => {
            rest = rest.strip_prefix('"')?;
            Some(until(&mut rest, "\",\"root\":\"")?.parse().ok()?)
        }
    };
    let root = until(&mut rest, "\",\"size\":")?.parse().ok()?;
    let size = parse_size(rest.strip_suffix("}}")?)?;
    Some(BatchEnd { prev, root, size })
}

impl BatchEnd {
    /// Writes the line with its line feed.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        use std::io::Write as _;
        let written = match &self.prev {
            Some(prev) => write!(out, "{{\"batch\":{{\"prev\":\"{prev}\""),
            None => write!(out, "{{\"batch\":{{\"prev\":null"),
        };
        written
            .and_then(|()| {
                writeln!(
                    out,
                    ",\"root\":\"{}\",\"size\":{}}}}}",
                    self.root, self.size
                )
            })
            .expect("writing to memory cannot fail");
    }
}

fn parse_signed(line: &[u8]) -> Option<Signed> {
    let mut rest = str::from_utf8(line)
        .ok()?
        .strip_prefix("{\"signed\":{\"key\":\"")?;
    let key = until(&mut rest, "\",\"sig\":\"")?;
    let (name, id) = key.rsplit_once('+')?;
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if !is_origin(name) || id.len() != 8 || !id.bytes().all(hexadecimal) {
        return None;
    }
    let signature = STANDARD.decode(until(&mut rest, "\",\"size\":")?).ok()?;
    Some(Signed {
        key: key.to_owned(),
        signature: signature.try_into().ok()?,
        size: parse_size(rest.strip_suffix("}}")?)?,
    })
}

impl Signed {
    /// The line for a note's signature; `None` if that is not an Ed25519 signature.
    pub(crate) fn of(signature: &NoteSignature, size: u64) -> Option<Signed> {
        let key = format!("{}+{:08x}", signature.name(), signature.key_id());
        Some(Signed {
            key,
            signature: signature.bytes().try_into().ok()?,
            size,
        })
    }

    /// Writes the line with its line feed.
    pub(crate) fn write(&self, out: &mut String) {
        let signature = STANDARD.encode(self.signature);
        let Signed { key, size, .. } = self;
        writeln!(
            out,
            "{{\"signed\":{{\"key\":\"{key}\",\"sig\":\"{signature}\",\"size\":{size}}}}}"
        )
        .expect("writing to memory cannot fail");
    }

    /// The signed note this line and the batch's root stand for; `None` if they make none.
    pub(crate) fn to_note(&self, origin: &str, root: Hash) -> Option<Note> {
        let (name, id) = self.key.rsplit_once('+')?;
        let id = u32::from_str_radix(id, 16).ok()?;
        let signature = NoteSignature::new(name, id, self.signature.to_vec()).ok()?;
        let checkpoint = Checkpoint::new(origin, self.size, root).ok()?;
        Note::new(checkpoint.to_text(), vec![signature]).ok()
    }
}

/// Whether bytes that end without a line feed may be the beginning of a signed line.
pub(crate) fn begins_signed(rest: &[u8], origin: &str) -> bool {
    let before_id = format!("{{\"signed\":{{\"key\":\"{origin}+");
    let form: Vec<Part<'_>> = vec![
        Part::Exactly(before_id.as_bytes()),
        Part::Some(8, |byte| {
            byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
        }),
        Part::Exactly(b"\",\"sig\":\""),
        Part::Some(86, |byte| {
            byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
        }),
        Part::Exactly(b"==\",\"size\":"),
        Part::Digits,
        Part::Exactly(b"}}"),
    ];
    let mut rest = rest;
    for part in form {
        let (taken, whole) = part.take(rest);
        rest = rest.get(taken..).unwrap_or_default();
        if !whole {
            break;
        }
    }
    // All of it fitted as far as it went.
    rest.is_empty()
}

/// A part of a line's form.
enum Part<'a> {
    Exactly(&'a [u8]),
    Some(usize, fn(u8) -> bool),
    Digits,
}

impl Part<'_> {
    /// How many bytes fit, and whether the part is complete with them.
    fn take(&self, bytes: &[u8]) -> (usize, bool) {
        match self {
            Part::Exactly(text) => {
                let same = bytes
                    .iter()
                    .zip(*text)
                    .take_while(|(byte, wanted)| byte == wanted);
                let fits = same.count();
                (fits, fits == text.len())
            }
            Part::Some(count, fits) => {
                let taken = bytes
                    .iter()
                    .take(*count)
                    .take_while(|byte| fits(**byte))
                    .count();
                (taken, taken == *count)
            }
            Part::Digits => {
                let taken = bytes
                    .iter()
                    .take(16)
                    .take_while(|byte| byte.is_ascii_digit())
                    .count();
                (taken, taken > 0)
            }
        }
    }
}

#[cfg(test)]
mod tests;
