//! The tree against RFC 6962's own recursive definitions, against the vectors that certificate
//! transparency implementations share, and against Go's `golang.org/x/mod/sumdb/tlog`.

use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

/// RFC 6962 §2.1, word for word.
fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => EMPTY_ROOT,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(largest_power_below(leaves.len()));
            hash::node(&mth(left), &mth(right))
        }
    }
}

/// RFC 6962 §2.1.1: `PATH(m, D[n])`.
fn path(m: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return vec![];
    }
    let k = largest_power_below(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut proof, last) = if m < k {
        (path(m, left), mth(right))
    } else {
        (path(m - k, right), mth(left))
    };
    proof.push(last);
    proof
}

/// RFC 6962 §2.1.2: `SUBPROOF(m, D[n], b)`.
fn subproof(m: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if m == leaves.len() {
        return if whole { vec![] } else { vec![mth(leaves)] };
    }
    let k = largest_power_below(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut proof, last) = if m <= k {
        (subproof(m, left, whole), mth(right))
    } else {
        (subproof(m - k, right, false), mth(left))
    };
    proof.push(last);
    proof
}

fn largest_power_below(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// A tree kept as its leaf hashes.
struct Leaves(Vec<Hash>);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no node {1} at level {0}")]
struct NoNode(u32, u64);

impl HashReader for Leaves {
    type Error = NoNode;

    fn node(&self, level: u32, index: u64) -> Result<Hash, NoNode> {
        let (start, end) = ((index << level) as usize, ((index + 1) << level) as usize);
        self.0.get(start..end).map(mth).ok_or(NoNode(level, index))
    }
}

/// A tree in which every entry has the same hash: nodes differ by level only, so that trees of any
/// size can be read.
struct Uniform;

impl HashReader for Uniform {
    type Error = Infallible;

    fn node(&self, level: u32, _index: u64) -> Result<Hash, Infallible> {
        Ok((0..level).fold(hash::leaf(b"same"), |hash, _| hash::node(&hash, &hash)))
    }
}

fn entries(count: usize) -> Leaves {
    Leaves(
        (0..count)
            .map(|at| hash::leaf(format!("entry {at}").as_bytes()))
            .collect(),
    )
}

fn hash(hex: &str) -> Hash {
    let bytes: Vec<u8> = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    Hash(bytes.try_into().unwrap())
}

fn digest_of(hashes: &[Hash]) -> Hash {
    hash::sha256(
        &hashes
            .iter()
            .map(|hash| hash.as_bytes().as_slice())
            .collect::<Vec<_>>(),
    )
}

#[test]
fn frontier_has_the_root_of_the_definition_at_every_size() {
    let Leaves(leaves) = entries(130);
    let mut frontier = Frontier::new();
    assert_eq!(frontier.root(), EMPTY_ROOT);
    for (at, leaf) in leaves.iter().enumerate() {
        frontier.append(*leaf);
        let size = at + 1;
        assert_eq!(frontier.size(), size as u64);
        assert_eq!(frontier.root(), mth(&leaves[..size]), "size {size}");
        assert_eq!(frontier.to_hashes().len(), size.count_ones() as usize);
        let restored = Frontier::from_hashes(size as u64, frontier.to_hashes().to_vec());
        assert_eq!(restored, Ok(frontier.clone()));
        let mut extended = Frontier::new();
        extended.extend(leaves[..size].iter().copied());
        assert_eq!(extended, frontier);
    }
}

#[test]
fn a_frontier_is_not_made_from_the_wrong_number_of_hashes() {
    let hash = hash::leaf(b"x");
    assert_eq!(Frontier::from_hashes(0, vec![]), Ok(Frontier::new()));
    assert_eq!(
        Frontier::from_hashes(6, vec![hash]),
        Err(BadFrontier::Count {
            size: 6,
            expected: 2,
            found: 1
        })
    );
    assert_eq!(
        Frontier::from_hashes(0, vec![hash]),
        Err(BadFrontier::Count {
            size: 0,
            expected: 0,
            found: 1
        })
    );
    assert_eq!(
        Frontier::from_hashes(SIZE_MAX + 1, vec![hash]),
        Err(BadFrontier::TooLarge(SIZE_MAX + 1))
    );
}

#[test]
fn roots_of_past_sizes_are_those_of_the_definition() {
    let tree = entries(130);
    for size in 0..=130 {
        assert_eq!(
            root_at(size as u64, &tree).unwrap(),
            mth(&tree.0[..size]),
            "size {size}"
        );
    }
}

#[test]
fn inclusion_proofs_are_those_of_the_definition_and_verify() {
    let tree = entries(130);
    for size in 1..=130 {
        let root = mth(&tree.0[..size]);
        for at in 0..size {
            let (index, size) = (at as u64, size as u64);
            let proof = inclusion_proof(index, size, &tree).unwrap();
            assert_eq!(
                proof,
                path(at, &tree.0[..size as usize]),
                "{index} in {size}"
            );
            assert_eq!(
                verify_inclusion(tree.0[at], index, size, &proof, root),
                Ok(())
            );
        }
    }
}

#[test]
fn consistency_proofs_are_those_of_the_definition_and_verify() {
    let tree = entries(130);
    for new in 0..=130 {
        let new_root = mth(&tree.0[..new]);
        for old in 0..=new {
            let old_root = mth(&tree.0[..old]);
            let proof = consistency_proof(old as u64, new as u64, &tree).unwrap();
            let expected = if old == 0 {
                vec![]
            } else {
                subproof(old, &tree.0[..new], true)
            };
            assert_eq!(proof, expected, "{old} to {new}");
            assert_eq!(
                verify_consistency(old as u64, old_root, new as u64, new_root, &proof),
                Ok(()),
                "{old} to {new}"
            );
        }
    }
}

#[test]
fn no_proof_verifies_for_another_index_size_or_length() {
    let tree = entries(40);
    let roots: Vec<Hash> = (0..=40).map(|size| mth(&tree.0[..size])).collect();
    for size in 1..=40_u64 {
        for index in 0..size {
            let proof = inclusion_proof(index, size, &tree).unwrap();
            let verify = |at: u64, of: u64, proof: &[Hash]| {
                verify_inclusion(tree.0[index as usize], at, of, proof, roots[size as usize])
            };
            for other in (0..=size + 1).filter(|other| *other != index) {
                assert!(
                    verify(other, size, &proof).is_err(),
                    "{index} as {other} in {size}"
                );
            }
            let mut long = proof.clone();
            long.push(EMPTY_ROOT);
            let found = long.len();
            assert_eq!(
                verify(index, size, &long),
                Err(ProofError::Length {
                    expected: found - 1,
                    found
                })
            );
            if let Some((_, short)) = proof.split_last() {
                let (expected, found) = (proof.len(), short.len());
                assert_eq!(
                    verify(index, size, short),
                    Err(ProofError::Length { expected, found })
                );
            }
        }
    }
}

#[test]
fn no_consistency_proof_verifies_for_another_root_or_length() {
    let tree = entries(40);
    let roots: Vec<Hash> = (0..=40).map(|size| mth(&tree.0[..size])).collect();
    for new in 0..=40_usize {
        for old in 0..=new {
            let (old_size, new_size) = (old as u64, new as u64);
            let proof = consistency_proof(old_size, new_size, &tree).unwrap();
            let verify = |old_root, new_root, proof: &[Hash]| {
                verify_consistency(old_size, old_root, new_size, new_root, proof)
            };
            let other = hash::leaf(b"another root");
            assert_eq!(verify(other, roots[new], &proof), Err(ProofError::Root));
            if old > 0 || new == 0 {
                assert_eq!(verify(roots[old], other, &proof), Err(ProofError::Root));
            }
            let mut long = proof.clone();
            long.push(EMPTY_ROOT);
            let (expected, found) = (proof.len(), long.len());
            assert_eq!(
                verify(roots[old], roots[new], &long),
                Err(ProofError::Length { expected, found })
            );
            if let Some((_, short)) = proof.split_last() {
                let (expected, found) = (proof.len(), short.len());
                assert_eq!(
                    verify(roots[old], roots[new], short),
                    Err(ProofError::Length { expected, found })
                );
            }
        }
    }
}

#[test]
fn an_empty_tree_has_one_root_only() {
    let other = hash::leaf(b"");
    assert_eq!(
        verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, &[]),
        Ok(())
    );
    assert_eq!(
        verify_consistency(0, other, 0, other, &[]),
        Err(ProofError::Root)
    );
    assert_eq!(verify_consistency(0, EMPTY_ROOT, 1, other, &[]), Ok(()));
    assert_eq!(
        verify_consistency(0, other, 1, other, &[]),
        Err(ProofError::Root)
    );
    assert_eq!(
        verify_consistency(0, EMPTY_ROOT, 1, other, &[other]),
        Err(ProofError::Length {
            expected: 0,
            found: 1
        })
    );
}

#[test]
fn what_is_outside_the_tree_is_refused_before_anything_is_read() {
    let tree = entries(3);
    let refused = |asked, size| format!("{asked} is outside the tree of {size} entries");
    assert_eq!(
        inclusion_proof(3, 3, &tree).unwrap_err().to_string(),
        refused(3, 3)
    );
    assert_eq!(
        inclusion_proof(0, 0, &tree).unwrap_err().to_string(),
        refused(0, 0)
    );
    assert_eq!(
        consistency_proof(4, 3, &tree).unwrap_err().to_string(),
        refused(4, 3)
    );
    assert!(matches!(
        inclusion_proof(0, 4, &tree),
        Err(ProveError::Read(NoNode(1, 1)))
    ));
    assert!(matches!(
        root_at(4, &tree),
        Err(ProveError::Read(NoNode(2, 0)))
    ));
    assert!(matches!(
        root_at(SIZE_MAX + 1, &Uniform),
        Err(ProveError::TooLarge(_))
    ));
    assert!(matches!(
        inclusion_proof(0, u64::MAX, &Uniform),
        Err(ProveError::TooLarge(_))
    ));
    assert!(matches!(
        consistency_proof(1, u64::MAX, &Uniform),
        Err(ProveError::TooLarge(_))
    ));
    let (leaf, root) = (tree.0[0], mth(&tree.0));
    assert_eq!(
        verify_inclusion(leaf, 3, 3, &[], root),
        Err(ProofError::OutOfRange { asked: 3, size: 3 })
    );
    assert_eq!(
        verify_inclusion(leaf, 0, u64::MAX, &[], root),
        Err(ProofError::OutOfRange {
            asked: 0,
            size: u64::MAX
        })
    );
    assert_eq!(
        verify_consistency(2, root, 1, root, &[]),
        Err(ProofError::OutOfRange { asked: 2, size: 1 })
    );
    assert_eq!(
        verify_consistency(1, root, u64::MAX, root, &[]),
        Err(ProofError::OutOfRange {
            asked: 1,
            size: u64::MAX
        })
    );
}

#[test]
fn the_largest_trees_can_be_proven_from() {
    let leaf = hash::leaf(b"same");
    for size in [
        SIZE_MAX,
        SIZE_MAX - 1,
        1 << 62,
        (1 << 62) + 1,
        (1 << 40) + 12_345,
    ] {
        let root = root_at(size, &Uniform).unwrap();
        for index in [0, 1, size / 3, size / 2, size - 2, size - 1] {
            let proof = inclusion_proof(index, size, &Uniform).unwrap();
            assert!(proof.len() <= 63, "{index} in {size}");
            assert_eq!(verify_inclusion(leaf, index, size, &proof, root), Ok(()));
        }
        for old in [1, 2, 3, size / 3, size / 2, size - 1, size] {
            let old_root = root_at(old, &Uniform).unwrap();
            let proof = consistency_proof(old, size, &Uniform).unwrap();
            assert_eq!(
                verify_consistency(old, old_root, size, root, &proof),
                Ok(())
            );
        }
    }
}

#[test]
fn the_shared_test_tree_has_its_published_roots_and_proofs() {
    let leaves: Vec<Hash> = [
        b"".as_slice(),
        &[0x00],
        &[0x10],
        b" !",
        b"01",
        b"@ABC",
        b"PQRSTUVW",
        b"`abcdefghijklmno",
    ]
    .into_iter()
    .map(hash::leaf)
    .collect();
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut frontier = Frontier::new();
    for (leaf, root) in leaves.iter().zip(roots) {
        frontier.append(*leaf);
        assert_eq!(frontier.root(), hash(root));
    }
    let tree = Leaves(leaves);
    let hashes = |texts: &[&str]| texts.iter().map(|text| hash(text)).collect::<Vec<_>>();
    assert_eq!(
        inclusion_proof(5, 8, &tree).unwrap(),
        hashes(&[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ])
    );
    assert_eq!(
        consistency_proof(6, 8, &tree).unwrap(),
        hashes(&[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ])
    );
    assert_eq!(
        consistency_proof(2, 5, &tree).unwrap(),
        hashes(&[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ])
    );
}

#[test]
fn roots_and_proofs_are_those_of_go() {
    // SHA-256 over everything that Go 1.19 with x/mod `sumdb/tlog` made from the entries
    // "entry 0", "entry 1", …: `TreeHash` for the sizes 1 to 1000, then, for each size from 1 to
    // 300 and each index or old size in it, `ProveRecord` and `ProveTree`.
    let tree = entries(1000);
    let mut frontier = Frontier::new();
    let roots: Vec<Hash> = tree
        .0
        .iter()
        .map(|leaf| {
            frontier.append(*leaf);
            frontier.root()
        })
        .collect();
    assert_eq!(
        digest_of(&roots),
        hash("37b1b8ee09445040c144880d458b35c0e578d38312ff4adceade826d2f481706")
    );
    // The reader above hashes each subtree anew, which is slow 700,000 times over.
    let mut levels = vec![tree.0];
    while levels.last().is_some_and(|below| below.len() > 1) {
        let below = levels.last().unwrap();
        let above = below
            .chunks_exact(2)
            .map(|pair| hash::node(&pair[0], &pair[1]))
            .collect();
        levels.push(above);
    }
    struct Levels(Vec<Vec<Hash>>);
    impl HashReader for Levels {
        type Error = Infallible;
        fn node(&self, level: u32, index: u64) -> Result<Hash, Infallible> {
            Ok(self.0[level as usize][index as usize])
        }
    }
    let tree = Levels(levels);
    let (mut inclusion, mut consistency) = (Vec::new(), Vec::new());
    for size in 1..=300 {
        for index in 0..size {
            inclusion.extend(inclusion_proof(index, size, &tree).unwrap());
            consistency.extend(consistency_proof(index + 1, size, &tree).unwrap());
        }
    }
    assert_eq!((inclusion.len(), consistency.len()), (353_677, 351_488));
    assert_eq!(
        digest_of(&inclusion),
        hash("d0c3774a4333a3c7c0cd892f4fc84a269c1d862c5f67d9e2f02e29907c7d8e53")
    );
    assert_eq!(
        digest_of(&consistency),
        hash("b14748403570c61b9f5a18ae561d454af52523c4715e160b79c41b4b506c04a5")
    );
}

proptest! {
    #[test]
    fn one_flipped_bit_anywhere_breaks_an_inclusion_proof(
        size in 1..130_u64,
        index: prop::sample::Index,
        place: prop::sample::Index,
        bit in 0..256_usize,
    ) {
        let tree = entries(size as usize);
        let index = index.index(size as usize) as u64;
        let root = root_at(size, &tree).unwrap();
        let mut hashes = inclusion_proof(index, size, &tree).unwrap();
        hashes.push(tree.0[index as usize]);
        hashes.push(root);
        let place = place.index(hashes.len());
        hashes[place].0[bit / 8] ^= 1 << (bit % 8);
        let (leaf, root) = (hashes[hashes.len() - 2], hashes[hashes.len() - 1]);
        let proof = &hashes[..hashes.len() - 2];
        prop_assert_eq!(verify_inclusion(leaf, index, size, proof, root), Err(ProofError::Root));
    }

    #[test]
    fn one_flipped_bit_anywhere_breaks_a_consistency_proof(
        new in 1..130_u64,
        old: prop::sample::Index,
        place: prop::sample::Index,
        bit in 0..256_usize,
    ) {
        let tree = entries(new as usize);
        let old = old.index(new as usize) as u64 + 1;
        let mut hashes = consistency_proof(old, new, &tree).unwrap();
        hashes.push(root_at(old, &tree).unwrap());
        hashes.push(root_at(new, &tree).unwrap());
        let place = place.index(hashes.len());
        hashes[place].0[bit / 8] ^= 1 << (bit % 8);
        let (old_root, new_root) = (hashes[hashes.len() - 2], hashes[hashes.len() - 1]);
        let proof = &hashes[..hashes.len() - 2];
        prop_assert_eq!(
            verify_consistency(old, old_root, new, new_root, proof),
            Err(ProofError::Root)
        );
    }

    #[test]
    fn a_changed_history_is_never_consistent(
        old in 1..100_usize,
        more in 0..30_usize,
        changed: prop::sample::Index,
    ) {
        let honest = entries(old + more);
        let mut forged = entries(old + more);
        forged.0[changed.index(old)] = hash::leaf(b"rewritten");
        let (old, new) = (old as u64, (old + more) as u64);
        let old_root = root_at(old, &honest).unwrap();
        let new_root = root_at(new, &forged).unwrap();
        for tree in [&honest, &forged] {
            let proof = consistency_proof(old, new, tree).unwrap();
            prop_assert!(verify_consistency(old, old_root, new, new_root, &proof).is_err());
        }
    }

    #[test]
    fn verification_of_nonsense_ends_in_an_error(
        a in prop_oneof![0..80_u64, any::<u64>()],
        b in prop_oneof![0..80_u64, any::<u64>()],
        roots: [[u8; 32]; 3],
        proof in prop::collection::vec(any::<[u8; 32]>(), 0..70),
    ) {
        let proof: Vec<Hash> = proof.into_iter().map(Hash).collect();
        let [x, y, z] = roots.map(Hash);
        prop_assert!(verify_inclusion(x, a, b, &proof, y).is_err());
        prop_assert!(verify_consistency(a, y, b, z, &proof).is_err());
    }
}
