//! The embedded storage: segments, tiles, anchor, keystore and blobs in one directory.
//!
//! One process writes ([`DataDir`] holds the lock), any number of threads read. What is true is in
//! the segments and on the anchor; tiles, indexes and snapshots are derived and are made again when
//! they are missing. The formats are those of `docs/reference/record.md`. What is written, and
//! when, is decided by `engine`.

mod anchor;
mod archive;
mod backup;
mod blob;
mod catalog;
mod durable;
mod fill;
mod found;
mod index;
mod keys;
mod keystore;
mod known;
mod layout;
mod lines;
mod live;
mod lock;
mod log;
mod rank;
mod read;
mod recover;
mod replay;
mod scan;
mod segment;
mod segment_file;
mod shared;
mod snapshot;
mod space;
mod succeed;
mod tail;
mod tiles;
mod verify;
mod vouched;

pub use anchor::{
    Anchor, AnchorSync, Slot, Standing, file_name as anchor_file_name, standing as anchor_standing,
};
pub use archive::{CannotArchive, archivable, archive};
pub use backup::{
    BackedUp, CannotBackUp, Copied, Damaged, KeysBackedUp, KeysManifest, Manifest, Restored,
    Restoring, back_up, back_up_keys, check_backup, check_keys, restore,
};
pub use blob::{BLOB_BYTES_MAX, Blobs};
pub use catalog::Stub;
pub use durable::FileError;
pub use keystore::{CannotLoadKey, Keystore, Presence, digest_key, log_key, pass_key};
pub use layout::Paths;
pub use lock::{CannotLock, DataDir, Holder};
pub use log::{Log, Options};
pub use rank::Rank;
pub use read::Reader;
pub use recover::{CannotOpen, Corruption, Opened, Torn, origin_of};
pub use snapshot::Snapshots;
pub use succeed::{Begins, Stands, stands, succession_key};
pub use tiles::{CannotProve, CannotPublish, Published, TilePublisher, forget_tiles};
pub use verify::{Problem, Progress, Report, VerifyOptions, verify};
pub use vouched::signed_by;

#[cfg(test)]
mod tests;
