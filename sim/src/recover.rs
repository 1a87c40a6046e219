//! Reading the log's bytes after a start: what is whole, what is torn, and what is corruption.
//!
//! The rules are those of `docs/reference/record.md` ("What is true after a crash"), written a
//! second time and shorter, so that the simulation judges by the reference and not by `store`.

use std::collections::HashSet;

use record::checkpoint::Checkpoint;
use record::hash::{self, Hash};
use record::note::{NoteSignature, VerifierKey};
use record::tree::Frontier;
use serde::{Deserialize, Serialize};

/// The name in every checkpoint.
pub const ORIGIN: &str = "sim.example/hereby";

/// A line that ends a batch or signs its checkpoint.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Mark {
    /// With the entries before it the tree has this size and root.
    Batch {
        /// SHA-256 of the previous checkpoint's text; none before the first.
        prev: Option<Hash>,
        /// The root.
        root: Hash,
        /// How many entries.
        size: u64,
    },
    /// The log's signature over the checkpoint of this size.
    Signed {
        /// The bytes of the Ed25519 signature, in hexadecimal.
        sig: String,
        /// How many entries it covers.
        size: u64,
    },
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// Every whole batch's entries.
    pub entries: Vec<Vec<u8>>,
    /// The tree over them.
    pub frontier: Frontier,
    /// SHA-256 of the newest checkpoint's text, signed or not.
    pub prev: Option<Hash>,
    /// How many bytes are whole; the rest is torn.
    pub whole_bytes: usize,
}

/// The record is not what somebody was told it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corruption(pub String);

/// SHA-256 of the text of the checkpoint of this size.
pub fn checkpoint_hash(size: u64, root: Hash) -> Option<Hash> {
    let checkpoint = Checkpoint::new(ORIGIN, size, root).ok()?;
    Some(hash::sha256(&[checkpoint.to_text().as_bytes()]))
}

/// Reads the log. `verified` remembers lines whose signature was found good before.
///
/// # Errors
/// When a signature or the anchor covers more than recomputes, or another root.
pub fn recover(
    bytes: &[u8],
    keys: &[VerifierKey],
    anchor: Option<(u64, Hash)>,
    verified: &mut HashSet<Vec<u8>>,
) -> Result<Recovered, Corruption> {
    let mut found = Recovered::default();
    let mut open: Vec<Vec<u8>> = Vec::new();
    let mut at = 0;
    let mut anchored = anchor.is_none();
    while let Some(line) = line_at(bytes, at) {
        let next = at + line.len() + 1;
        if line.starts_with(b"{\"actor\":") {
            open.push(line.to_vec());
        } else {
            match serde_json::from_slice(line) {
                Ok(Mark::Batch { prev, root, size }) => {
                    if !take_batch(&mut found, &mut open, prev, root, size) {
                        break;
                    }
                    found.whole_bytes = next;
                    if let Some((_, root)) =
                        anchor.filter(|(size, _)| *size == found.frontier.size())
                    {
                        anchored = root == found.frontier.root();
                    }
                }
                Ok(Mark::Signed { sig, size })
                    if open.is_empty() && size == found.frontier.size() =>
                {
                    if !is_signed(&found.frontier, &sig, keys, line, verified) {
                        break;
                    }
                    found.whole_bytes = next;
                }
                Ok(Mark::Signed { .. }) | Err(_) => break,
            }
        }
        at = next;
    }
    let size = found.frontier.size();
    if let Some(covered) = signed_behind(bytes, found.whole_bytes, size) {
        return Err(Corruption(format!(
            "a signature covers {covered} entries, {size} recompute"
        )));
    }
    if let Some((covered, _)) = anchor.filter(|_| !anchored) {
        return Err(Corruption(format!(
            "the anchor covers {covered} entries, not these {size}"
        )));
    }
    Ok(found)
}

fn line_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let rest = bytes.get(at..)?;
    let length = rest.iter().position(|byte| *byte == b'\n')?;
    rest.get(..length)
}

/// Takes the batch if it is what its last line says.
fn take_batch(
    found: &mut Recovered,
    open: &mut Vec<Vec<u8>>,
    prev: Option<Hash>,
    root: Hash,
    size: u64,
) -> bool {
    let mut frontier = found.frontier.clone();
    frontier.extend(open.iter().map(|entry| hash::leaf(entry)));
    if prev != found.prev || frontier.size() != size || frontier.root() != root {
        return false;
    }
    found.entries.append(open);
    found.frontier = frontier;
    found.prev = checkpoint_hash(size, root);
    true
}

fn is_signed(
    frontier: &Frontier,
    sig: &str,
    keys: &[VerifierKey],
    line: &[u8],
    verified: &mut HashSet<Vec<u8>>,
) -> bool {
    let Ok(checkpoint) = Checkpoint::new(ORIGIN, frontier.size(), frontier.root()) else {
        return false;
    };
    let mut known = line.to_vec();
    known.extend_from_slice(frontier.root().as_bytes());
    if verified.contains(&known) {
        return true;
    }
    let Some(bytes) = from_hex(sig) else {
        return false;
    };
    let text = checkpoint.to_text();
    let good = keys.iter().rev().any(|key| {
        NoteSignature::new(key.name(), key.key_id(), bytes.clone())
            .is_ok_and(|signature| key.verify(&text, &signature).is_ok())
    });
    if good {
        verified.insert(known);
    }
    good
}

/// The largest size that a signature behind the whole part covers, if it is larger than `size`.
fn signed_behind(bytes: &[u8], whole: usize, size: u64) -> Option<u64> {
    let torn = bytes.get(whole..)?;
    torn.split(|byte| *byte == b'\n')
        .filter_map(|line| match serde_json::from_slice(line) {
            Ok(Mark::Signed { size, .. }) => Some(size),
            _ => None,
        })
        .filter(|covered| *covered > size)
        .max()
}

/// Bytes as hexadecimal digits.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
