//! Notes, checkpoints and keys: what parses is written back as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use record::checkpoint::Checkpoint;
use record::note::{Note, VerifierKey};
use record::tile::TileId;
use record::witness::AddCheckpoint;

fuzz_target!(|data: &[u8]| {
    if let Ok(note) = Note::parse(data) {
        assert_eq!(note.to_string().as_bytes(), data);
        if let Ok(checkpoint) = Checkpoint::parse_text(note.text()) {
            assert_eq!(checkpoint.to_text(), note.text());
        }
    }
    if let Ok(request) = AddCheckpoint::parse(data) {
        assert_eq!(request.to_string().as_bytes(), data);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        if let Ok(key) = text.parse::<VerifierKey>() {
            assert_eq!(key.to_string(), text);
        }
        if let Some(tile) = TileId::parse(text) {
            assert_eq!(tile.path(), text);
        }
    }
});
