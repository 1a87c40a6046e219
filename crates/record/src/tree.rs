//! The Merkle tree of RFC 6962 §2.1: growing it, proving from it, verifying without it.
//!
//! Growing needs only the [`Frontier`], the hashes along the right edge. Proving needs stored
//! nodes, asked for through [`HashReader`]. Verifying needs nothing but the proof: whoever holds a
//! root can check what others claim, and every input there is taken to be hostile. Where nodes are
//! kept is not decided here; see `tile` for one answer.

use std::error::Error;

use crate::hash::{self, EMPTY_ROOT, Hash};

/// The largest tree: sizes fit a signed 64-bit integer, as other implementations of C2SP's
/// formats read them, and no inclusion proof is longer than 63 hashes.
pub const SIZE_MAX: u64 = i64::MAX as u64;

/// The right edge of a tree: the roots of the perfect subtrees that its size splits into.
///
/// A tree of 6 entries splits into subtrees of 4 and 2; in general there is one for each bit set
/// in the size, largest first. That is all one needs to append and to know the root.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    hashes: Vec<Hash>,
}

/// The hashes do not describe the right edge of a tree of that size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFrontier {
    /// One hash per bit set in the size is expected.
    #[error("a tree of {size} entries has {expected} hashes at its right edge, not {found}")]
    Count {
        size: u64,
        expected: u32,
        found: usize,
    },
    /// The size is above [`SIZE_MAX`].
    #[error("a tree of {0} entries is larger than any tree can be")]
    TooLarge(u64),
}

impl Frontier {
    /// The tree without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A frontier from [`Frontier::to_hashes`].
    ///
    /// The hashes are believed: a caller that read them from outside compares the root afterwards.
    ///
    /// # Errors
    /// If the number of hashes cannot belong to that size.
    pub fn from_hashes(size: u64, hashes: Vec<Hash>) -> Result<Self, BadFrontier> {
        if size > SIZE_MAX {
            return Err(BadFrontier::TooLarge(size));
        }
        let expected = size.count_ones();
        if usize::try_from(expected) != Ok(hashes.len()) {
            return Err(BadFrontier::Count {
                size,
                expected,
                found: hashes.len(),
            });
        }
        Ok(Self { size, hashes })
    }

    /// The hashes of the perfect subtrees, largest first.
    #[must_use]
    pub fn to_hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// How many entries the tree has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds one entry, given its leaf hash (see [`hash::leaf`]).
    pub fn append(&mut self, leaf: Hash) {
        let mut right = leaf;
        // Each trailing one bit of the old size is a subtree that now has an equal to its right.
        for _ in 0..self.size.trailing_ones() {
            let left = self
                .hashes
                .pop()
                .expect("one hash for each bit set in the size");
            right = hash::node(&left, &right);
        }
        self.hashes.push(right);
        self.size += 1;
    }

    /// The tree's root; [`EMPTY_ROOT`] if it has no entries.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold(&self.hashes).unwrap_or(EMPTY_ROOT)
    }
}

impl Extend<Hash> for Frontier {
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        for leaf in leaves {
            self.append(leaf);
        }
    }
}

/// The root over perfect subtrees that stand side by side, largest first; `None` if there are none.
fn fold(subtrees: &[Hash]) -> Option<Hash> {
    let (last, larger) = subtrees.split_last()?;
    Some(
        larger
            .iter()
            .rfold(*last, |right, left| hash::node(left, &right)),
    )
}

/// Where the hashes of a tree can be read.
pub trait HashReader {
    /// Why a hash could not be read.
    type Error: Error + 'static;

    /// The root of the perfect subtree over the entries `index << level .. (index + 1) << level`.
    /// Level 0 is the leaf hashes.
    ///
    /// # Errors
    /// If the node is not part of the tree, or cannot be read.
    fn node(&self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// No proof can be made.
#[derive(Debug, thiserror::Error)]
pub enum ProveError<E: Error + 'static> {
    /// The caller asked about an entry or a size that the tree does not have.
    #[error("{asked} is outside the tree of {size} entries")]
    OutOfRange { asked: u64, size: u64 },
    /// The tree is larger than [`SIZE_MAX`].
    #[error("a tree of {0} entries is larger than any tree can be")]
    TooLarge(u64),
    /// The nodes could not be read.
    #[error(transparent)]
    Read(#[from] E),
}

/// The root of the tree as it was when it had `size` entries.
///
/// # Errors
/// If the reader fails.
pub fn root_at<R: HashReader>(size: u64, reader: &R) -> Result<Hash, ProveError<R::Error>> {
    check_size(size)?;
    if size == 0 {
        return Ok(EMPTY_ROOT);
    }
    Ok(range_root(0, size, reader)?)
}

/// The proof that entry `index` is in the tree of `size` entries: the siblings on the way from the
/// leaf to the root, lowest first (RFC 6962 §2.1.1). At most 63 hashes.
///
/// # Errors
/// If the index is not below the size, or the reader fails.
pub fn inclusion_proof<R: HashReader>(
    index: u64,
    size: u64,
    reader: &R,
) -> Result<Vec<Hash>, ProveError<R::Error>> {
    check_size(size)?;
    if index >= size {
        return Err(ProveError::OutOfRange { asked: index, size });
    }
    let mut proof = Vec::new();
    let (mut start, mut end) = (0, size);
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            proof.push(range_root(middle, end, reader)?);
            end = middle;
        } else {
            proof.push(range_root(start, middle, reader)?);
            start = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of `new_size` entries begins with the tree of `old_size` entries
/// (RFC 6962 §2.1.2). Empty if the sizes are equal or the old tree is empty.
///
/// # Errors
/// If the old size is above the new one, or the reader fails.
pub fn consistency_proof<R: HashReader>(
    old_size: u64,
    new_size: u64,
    reader: &R,
) -> Result<Vec<Hash>, ProveError<R::Error>> {
    check_size(new_size)?;
    if old_size > new_size {
        return Err(ProveError::OutOfRange {
            asked: old_size,
            size: new_size,
        });
    }
    let mut proof = Vec::new();
    if old_size == 0 {
        return Ok(proof);
    }
    let (mut start, mut end) = (0, new_size);
    while end != old_size {
        let middle = start + split(end - start);
        if old_size <= middle {
            proof.push(range_root(middle, end, reader)?);
            end = middle;
        } else {
            proof.push(range_root(start, middle, reader)?);
            start = middle;
        }
    }
    // As long as we only ever went left, this subtree is the old tree, whose root is known.
    if start != 0 {
        proof.push(range_root(start, end, reader)?);
    }
    proof.reverse();
    Ok(proof)
}

fn check_size<E: Error + 'static>(size: u64) -> Result<(), ProveError<E>> {
    if size > SIZE_MAX {
        Err(ProveError::TooLarge(size))
    } else {
        Ok(())
    }
}

/// The largest power of two below `size`, where RFC 6962 splits a tree. `size` is at least 2.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// The root over the entries `start..end`, where `start` is a multiple of a power of two that is
/// not below the (positive) length: the right edge of a subtree, or a perfect subtree.
fn range_root<R: HashReader>(start: u64, end: u64, reader: &R) -> Result<Hash, R::Error> {
    let mut subtrees = Vec::new();
    let mut at = start;
    while at < end {
        let level = (end - at).ilog2();
        subtrees.push(reader.node(level, at >> level)?);
        at += 1 << level;
    }
    Ok(fold(&subtrees).expect("the range is not empty"))
}

/// A claim about the tree does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The entry or the old size is outside the tree that the proof is about.
    #[error("the proof is about {asked}, which is outside the tree of {size} entries")]
    OutOfRange { asked: u64, size: u64 },
    /// The number of hashes is not the one that the sizes dictate.
    #[error("the proof has {found} hashes, and needs {expected}")]
    Length { expected: usize, found: usize },
    /// The hashes lead to another root: what is claimed is not what was signed.
    #[error("the proof does not lead to the root")]
    Root,
}

/// Checks that the entry with this leaf hash is number `index` of the tree with this root.
///
/// # Errors
/// If the index is outside the tree, the proof's length is not exact, or the root is another.
pub fn verify_inclusion(
    leaf_hash: Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: Hash,
) -> Result<(), ProofError> {
    if index >= size || size > SIZE_MAX {
        return Err(ProofError::OutOfRange { asked: index, size });
    }
    // Below the level where the paths of this entry and of the last one meet, siblings lie on
    // either side. From there on this path is the tree's right edge, and siblings lie to the left.
    let inner = bit_length(index ^ (size - 1));
    expect_length(inner + ones(shift(index, inner)), proof.len())?;
    let (below, edge) = proof.split_at_checked(inner).ok_or(ProofError::Root)?;
    let met = below
        .iter()
        .enumerate()
        .fold(leaf_hash, |hash, (level, sibling)| {
            if shift(index, level) & 1 == 0 {
                hash::node(&hash, sibling)
            } else {
                hash::node(sibling, &hash)
            }
        });
    let found = edge.iter().fold(met, |hash, left| hash::node(left, &hash));
    expect(found == root)
}

/// Checks that the tree of `new_size` entries begins with the tree of `old_size` entries.
///
/// The empty tree is the beginning of every tree, and its root is [`EMPTY_ROOT`].
///
/// # Errors
/// If the old size is above the new one, the proof's length is not exact, or it does not lead to
/// both roots.
pub fn verify_consistency(
    old_size: u64,
    old_root: Hash,
    new_size: u64,
    new_root: Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old_size > new_size || new_size > SIZE_MAX {
        return Err(ProofError::OutOfRange {
            asked: old_size,
            size: new_size,
        });
    }
    if old_size == 0 || old_size == new_size {
        expect_length(0, proof.len())?;
        let of_nothing = |size, root| size != 0 || root == EMPTY_ROOT;
        let same = old_size != new_size || old_root == new_root;
        return expect(same && of_nothing(old_size, old_root) && of_nothing(new_size, new_root));
    }
    // The proof is an inclusion proof for the last perfect subtree of the old tree, in a tree whose
    // leaves are subtrees of that size, with that subtree's own root in front unless it is the old
    // tree's root, which the verifier has.
    let level = old_size.trailing_zeros() as usize;
    let index = shift(old_size - 1, level);
    let inner = bit_length(index ^ shift(new_size - 1, level));
    let seeded = usize::from(!old_size.is_power_of_two());
    expect_length(seeded + inner + ones(shift(index, inner)), proof.len())?;
    let (seed, path) = match proof.split_first() {
        Some((seed, path)) if seeded == 1 => (*seed, path),
        _ => (old_root, proof),
    };
    let (below, edge) = path.split_at_checked(inner).ok_or(ProofError::Root)?;
    let (mut old, mut new) = (seed, seed);
    for (above, sibling) in below.iter().enumerate() {
        if shift(index, above) & 1 == 0 {
            // To the right of the old tree: only the new one contains it.
            new = hash::node(&new, sibling);
        } else {
            old = hash::node(sibling, &old);
            new = hash::node(sibling, &new);
        }
    }
    for left in edge {
        old = hash::node(left, &old);
        new = hash::node(left, &new);
    }
    expect(old == old_root && new == new_root)
}

fn expect(roots_match: bool) -> Result<(), ProofError> {
    if roots_match {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

fn expect_length(expected: usize, found: usize) -> Result<(), ProofError> {
    if found == expected {
        Ok(())
    } else {
        Err(ProofError::Length { expected, found })
    }
}

/// How many bits it takes to write the number; 0 for 0.
fn bit_length(number: u64) -> usize {
    (u64::BITS - number.leading_zeros()) as usize
}

fn ones(number: u64) -> usize {
    number.count_ones() as usize
}

/// `number >> by`, and 0 where all bits are shifted out. Sizes keep `by` at 63 or less.
fn shift(number: u64, by: usize) -> u64 {
    u32::try_from(by)
        .ok()
        .and_then(|by| number.checked_shr(by))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests;
