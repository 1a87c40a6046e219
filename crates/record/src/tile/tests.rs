//! Tile names against the specification's examples, tiles against Go's `sumdb/tlog`, and the law
//! that a tree read from its tiles is the tree that was built.

use std::cell::Cell;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::hash;
use crate::tree::{ProveError, consistency_proof, inclusion_proof, root_at, verify_inclusion};

/// Tiles kept by their names, which counts how often it is asked.
#[derive(Default)]
struct Shelf {
    tiles: BTreeMap<TileId, Vec<u8>>,
    reads: Cell<usize>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no {}", .0.path())]
struct NoTile(TileId);

impl TileReader for Shelf {
    type Error = NoTile;

    fn tile(&self, id: TileId) -> Result<Vec<u8>, NoTile> {
        self.reads.set(self.reads.get() + 1);
        self.tiles.get(&id).cloned().ok_or(NoTile(id))
    }
}

fn leaf(at: u64) -> Hash {
    hash::leaf(format!("entry {at}").as_bytes())
}

fn full(level: u8, index: u64) -> TileId {
    TileId {
        level,
        index,
        width: 256,
    }
}

fn partial(level: u8, index: u64, width: u16) -> TileId {
    TileId {
        level,
        index,
        width,
    }
}

#[test]
fn paths_are_those_of_the_specification() {
    // The first is the specification's example, the others were printed by Go's `Tile.Path`.
    for (id, path) in [
        (partial(0, 1_234_067, 112), "tile/0/x001/x234/067.p/112"),
        (full(0, 0), "tile/0/000"),
        (partial(3, 999, 1), "tile/3/999.p/1"),
        (partial(1, 1000, 255), "tile/1/x001/000.p/255"),
        (
            full(63, i64::MAX as u64),
            "tile/63/x009/x223/x372/x036/x854/x775/807",
        ),
        (
            full(7, u64::MAX),
            "tile/7/x018/x446/x744/x073/x709/x551/615",
        ),
    ] {
        assert_eq!(id.path(), path);
        assert_eq!(TileId::parse(path), Some(id));
        let entries = path.replacen(&id.level.to_string(), "entries", 1);
        assert_eq!(entries_path(id.index, id.width), entries);
        assert_eq!(parse_entries_path(&entries), Some((id.index, id.width)));
    }
}

#[test]
fn paths_that_are_spelled_otherwise_are_not_read() {
    for path in [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/1000",
        "tile/0/x000/000",
        "tile/0/x001",
        "tile/0/001/000",
        "tile/0/x001/x000",
        "tile/0/x001/+00",
        "tile/0/X001/000",
        "tile/0/xx01/000",
        "tile/0/001/",
        "tile/0//001",
        "/tile/0/001",
        "tile/0/001 ",
        "tile/00/001",
        "tile/01/001",
        "tile/+1/001",
        "tile/64/001",
        "tile/256/001",
        "tile/-1/001",
        "tile/data/001",
        "tile/0/001.p",
        "tile/0/001.p/",
        "tile/0/001.p/0",
        "tile/0/001.p/00",
        "tile/0/001.p/01",
        "tile/0/001.p/+1",
        "tile/0/001.p/256",
        "tile/0/001.p/65536",
        "tile/0/001.p/1/",
        "tile/0/001.p/1.p/1",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x001/x018/x446/x744/x073/x709/x551/615",
        "tile/0/００1",
    ] {
        assert_eq!(TileId::parse(path), None, "{path}");
        assert_eq!(
            parse_entries_path(&path.replacen("/0/", "/entries/", 1)),
            None,
            "{path}"
        );
    }
    assert_eq!(TileId::parse("tile/entries/001"), None);
    assert_eq!(parse_entries_path("tile/0/001"), None);
}

#[test]
fn the_tiles_of_a_tree_are_those_of_the_specifications_examples() {
    let of = |old, new| tiles_for(old, new).collect::<Vec<_>>();
    let all = of(0, 70_000);
    let wide = |level, width| {
        all.iter()
            .filter(|t| t.level == level && t.width == width)
            .count()
    };
    assert_eq!((wide(0, 256), wide(0, 112)), (273, 1));
    assert_eq!((wide(1, 256), wide(1, 17)), (1, 1));
    assert_eq!((wide(2, 256), wide(2, 1)), (0, 1));
    assert_eq!(all.len(), 277);
    assert_eq!(of(0, 256), [full(0, 0), partial(1, 0, 1)]);
    assert_eq!(of(0, 0), []);
    assert_eq!(of(5, 5), [partial(0, 0, 5)]);
    assert_eq!(
        of(255, 257),
        [full(0, 0), partial(0, 1, 1), partial(1, 0, 1)]
    );
    assert_eq!(
        of(65_535, 65_536),
        [full(0, 255), full(1, 0), partial(2, 0, 1)]
    );
    let (last, rest) = of(u64::MAX - 1, u64::MAX)
        .into_iter()
        .fold((0, 0), |(last, rest), id| {
            if id.width == 255 {
                (last + 1, rest)
            } else {
                (last, rest + 1)
            }
        });
    assert_eq!((last, rest), (8, 0));
}

#[test]
fn tiles_are_those_of_go() {
    // Made by Go 1.19 with x/mod `sumdb/tlog`, `ReadTileData`, from "entry 0" to "entry 69999":
    // SHA-256 over all tiles, level by level.
    let mut builder = TileBuilder::new();
    builder.extend((0..70_000).map(leaf));
    let mut tiles = builder.take_tiles();
    tiles.sort_by_key(|(id, _)| *id);
    let bytes: Vec<&[u8]> = tiles.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    assert_eq!(bytes.len(), 277);
    let digest = hash::sha256(&bytes)
        .0
        .map(|byte| format!("{byte:02x}"))
        .concat();
    assert_eq!(
        digest,
        "180289d9c037126860ebdfd8a117554181c74675b39cf77a8205432aefd27948"
    );
    let root = builder.frontier().root();
    assert_eq!(
        root.to_string(),
        "o5IPun8jmgcam9EHIfE0Gt3vuu3ttBx+JEN6nRa98Ao="
    );
    let shelf = Shelf {
        tiles: tiles.into_iter().collect(),
        reads: Cell::new(0),
    };
    let tree = TiledTree::new(70_000, &shelf);
    let proof = inclusion_proof(65_535, 70_000, &tree).unwrap();
    assert_eq!(proof.len(), 17);
    assert_eq!(
        proof[0].to_string(),
        "H6U0xppmYFX1ZiR7/9lYSIU9S0O5Q4RZRv+710DwvVU="
    );
    assert_eq!(
        verify_inclusion(leaf(65_535), 65_535, 70_000, &proof, root),
        Ok(())
    );
    let proof = consistency_proof(4711, 70_000, &tree).unwrap();
    assert_eq!(proof.len(), 18);
    assert_eq!(
        proof[0].to_string(),
        "vTbyE0aMwN0GlXNDTFgTb0cp0wyOOqAs42E746GO5uw="
    );
    assert_eq!(
        proof[17].to_string(),
        "ZHPyH93cvLa/pAO0SsCXjVF3MZFqKPt4kGTwN1K/HQM="
    );
    assert!(shelf.reads.get() <= 8, "{} reads", shelf.reads.get());
}

#[test]
fn the_builder_makes_exactly_the_tiles_that_are_named() {
    let mut builder = TileBuilder::new();
    let mut frontier = Frontier::new();
    let mut shelf = Shelf::default();
    let mut old = 0;
    for step in [1, 1, 254, 1, 255, 256, 0, 1000, 63_768, 1, 700] {
        for at in old..old + step {
            builder.append(leaf(at));
            frontier.append(leaf(at));
        }
        let new = old + step;
        let tiles = builder.take_tiles();
        let mut names: Vec<TileId> = tiles.iter().map(|(id, _)| *id).collect();
        names.sort();
        let mut expected: Vec<TileId> = tiles_for(old, new).collect();
        expected.sort();
        assert_eq!(names, expected, "{old} to {new}");
        assert!(
            tiles
                .iter()
                .all(|(id, bytes)| bytes.len() == id.byte_length())
        );
        shelf.tiles.extend(tiles);
        assert_eq!(builder.size(), new);
        assert_eq!(builder.frontier(), frontier, "{new}");
        assert_eq!(TileBuilder::restore(new, &shelf).unwrap(), builder, "{new}");
        let root = root_at(new, &TiledTree::new(new, &shelf)).unwrap();
        assert_eq!(root, frontier.root(), "{new}");
        old = new;
    }
}

#[test]
fn a_builder_is_restored_from_hashes_of_the_right_number_only() {
    let mut builder = TileBuilder::new();
    builder.extend((0..600).map(leaf));
    let _ = builder.take_tiles();
    let partial = builder.partial.clone();
    assert_eq!(partial.iter().map(Vec::len).collect::<Vec<_>>(), [88, 2]);
    assert_eq!(
        TileBuilder::from_partials(600, partial.clone()),
        Ok(builder.clone())
    );
    let mut padded = partial.clone();
    padded.resize(8, vec![]);
    assert_eq!(TileBuilder::from_partials(600, padded.clone()), Ok(builder));
    padded.push(vec![]);
    assert_eq!(
        TileBuilder::from_partials(600, padded),
        Err(BadPartials::NoSuchLevel {
            level: 8,
            size: 600
        })
    );
    assert_eq!(
        TileBuilder::from_partials(600, partial[..1].to_vec()),
        Err(BadPartials::Width {
            level: 1,
            size: 600,
            expected: 2,
            found: 0
        })
    );
    assert_eq!(
        TileBuilder::from_partials(601, partial),
        Err(BadPartials::Width {
            level: 0,
            size: 601,
            expected: 89,
            found: 88
        })
    );
    assert_eq!(
        TileBuilder::from_partials(SIZE_MAX + 1, vec![]),
        Err(BadPartials::TooLarge(SIZE_MAX + 1))
    );
}

#[test]
fn missing_and_short_tiles_are_errors() {
    let mut builder = TileBuilder::new();
    builder.extend((0..300).map(leaf));
    let mut shelf = Shelf {
        tiles: builder.take_tiles().into_iter().collect(),
        ..Shelf::default()
    };
    let tree = TiledTree::new(300, &shelf);
    for (level, index) in [
        (0, 300),
        (2, 75),
        (8, 1),
        (9, 0),
        (64, 0),
        (512, 0),
        (u32::MAX, 0),
    ] {
        let error = tree.node(level, index).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("a tree of 300 entries has no node {index} at level {level}")
        );
    }
    assert!(tree.node(0, u64::MAX).is_err() && tree.node(7, u64::MAX).is_err());
    assert!(tree.node(0, 299).is_ok() && tree.node(2, 74).is_ok() && tree.node(8, 0).is_ok());
    // The full tile would have these hashes too, but whether it may stand in is not for us to say.
    let wide = shelf.tiles.remove(&partial(0, 1, 44)).unwrap();
    let missing = partial(0, 1, 44);
    let error = inclusion_proof(299, 300, &TiledTree::new(300, &shelf)).unwrap_err();
    assert!(matches!(error, ProveError::Read(TileError::Read(NoTile(id))) if id == missing));
    assert!(TileBuilder::restore(300, &shelf).is_err());
    for wrong in [
        &wide[..wide.len() - 1],
        &wide[..wide.len() - 32],
        &[wide.as_slice(), &[0]].concat(),
    ] {
        shelf.tiles.insert(missing, wrong.to_vec());
        let error = inclusion_proof(299, 300, &TiledTree::new(300, &shelf)).unwrap_err();
        let text = format!("tile/0/001.p/44 has {} bytes, not 1408", wrong.len());
        assert_eq!(error.to_string(), text);
        assert_eq!(
            TileBuilder::restore(300, &shelf).unwrap_err().to_string(),
            text
        );
    }
}

#[test]
fn bundles_have_the_specified_bytes() {
    let bundle = encode_entry_bundle(&[b"ab", b"", b"c"]).unwrap();
    assert_eq!(bundle, [0, 2, b'a', b'b', 0, 0, 0, 1, b'c']);
    assert_eq!(
        decode_entry_bundle(&bundle, 3).unwrap(),
        [b"ab".as_slice(), b"", b"c"]
    );
    assert_eq!(decode_entry_bundle(&bundle, 2), Err(BadBundle::Trailing(3)));
    assert_eq!(
        decode_entry_bundle(&bundle, 4),
        Err(BadBundle::Cut { at: 3 })
    );
    assert_eq!(
        decode_entry_bundle(&bundle[..8], 3),
        Err(BadBundle::Cut { at: 2 })
    );
    assert_eq!(
        decode_entry_bundle(&bundle[..3], 1),
        Err(BadBundle::Cut { at: 0 })
    );
    assert_eq!(decode_entry_bundle(&[0], 1), Err(BadBundle::Cut { at: 0 }));
    assert_eq!(decode_entry_bundle(&[], 0), Ok(vec![]));
    assert_eq!(decode_entry_bundle(&[], 257), Err(BadBundle::TooMany(257)));
}

#[test]
fn bundles_are_bounded() {
    let longest = vec![7; ENTRY_BYTES_MAX];
    let bundle = encode_entry_bundle(&[&longest]).unwrap();
    assert_eq!(
        decode_entry_bundle(&bundle, 1),
        Ok(vec![longest.as_slice()])
    );
    let too_long = vec![7; ENTRY_BYTES_MAX + 1];
    assert_eq!(
        encode_entry_bundle(&[b"", &too_long]),
        Err(BadBundle::EntryTooLong {
            at: 1,
            bytes: 65_536
        })
    );
    assert!(encode_entry_bundle(&[b"".as_slice(); 256]).is_ok());
    assert_eq!(
        encode_entry_bundle(&[b"".as_slice(); 257]),
        Err(BadBundle::TooMany(257))
    );
}

proptest! {
    #[test]
    fn paths_round_trip(level in 0..=63_u8, index: u64, width in 1..=256_u16) {
        let id = TileId { level, index, width };
        prop_assert_eq!(TileId::parse(&id.path()), Some(id));
        prop_assert_eq!(parse_entries_path(&entries_path(index, width)), Some((index, width)));
    }

    #[test]
    fn a_path_that_is_read_is_written_the_same(
        path in "tile/(entries|[0-9]{1,2})(/x[0-9]{3}){0,6}/[0-9]{3}(\\.p/[0-9]{1,3})?",
    ) {
        if let Some(id) = TileId::parse(&path) {
            prop_assert_eq!(id.path(), path);
        } else if let Some((index, width)) = parse_entries_path(&path) {
            prop_assert_eq!(entries_path(index, width), path);
        }
    }

    #[test]
    fn parsers_of_paths_and_bundles_take_anything(text: String, bytes: Vec<u8>, width: u16) {
        let _ = TileId::parse(&text);
        let _ = parse_entries_path(&text);
        if let Ok(entries) = decode_entry_bundle(&bytes, width) {
            prop_assert_eq!(encode_entry_bundle(&entries).unwrap(), bytes);
        }
    }

    #[test]
    fn bundles_round_trip(entries in prop::collection::vec(any::<Vec<u8>>(), 0..=20)) {
        let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
        let bundle = encode_entry_bundle(&entries).unwrap();
        prop_assert_eq!(decode_entry_bundle(&bundle, entries.len() as u16).unwrap(), entries);
    }

    #[test]
    fn every_proof_from_tiles_verifies(
        size in 1..1500_u64,
        index: prop::sample::Index,
    ) {
        let mut builder = TileBuilder::new();
        builder.extend((0..size).map(leaf));
        let root = builder.frontier().root();
        let shelf = Shelf { tiles: builder.take_tiles().into_iter().collect(), ..Shelf::default() };
        let index = index.index(size as usize) as u64;
        let proof = inclusion_proof(index, size, &TiledTree::new(size, &shelf)).unwrap();
        prop_assert_eq!(verify_inclusion(leaf(index), index, size, &proof, root), Ok(()));
    }
}
