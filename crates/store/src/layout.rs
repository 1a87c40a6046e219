//! Where everything lies in a data directory. Names only: nothing here touches a file.

use std::path::{Path, PathBuf};

/// The paths of one data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    root: PathBuf,
}

/// The name of a segment's file, or of what was derived from it.
pub(crate) fn segment_name(first: u64, ending: &str) -> String {
    format!("{first:020}.{ending}")
}

/// The first entry's index in a name that [`segment_name`] made, and the ending.
pub(crate) fn parse_segment_name(name: &str) -> Option<(u64, &str)> {
    let (digits, ending) = name.split_once('.')?;
    let exact = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    exact
        .then(|| digits.parse().ok())
        .flatten()
        .map(|first| (first, ending))
}

impl Paths {
    /// The paths under this directory.
    pub fn new(root: impl Into<PathBuf>) -> Paths {
        Paths { root: root.into() }
    }

    /// The data directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Held with `flock` by the process that writes.
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// The local socket.
    pub fn control_socket(&self) -> PathBuf {
        self.root.join("control.sock")
    }

    /// The record: everything that can be shown to others.
    pub fn record(&self) -> PathBuf {
        self.root.join("record")
    }

    /// The newest published checkpoint.
    pub fn checkpoint(&self) -> PathBuf {
        self.record().join("checkpoint")
    }

    /// What [`record::tile::TileId::path`] is relative to.
    pub fn tile_prefix(&self) -> PathBuf {
        self.record()
    }

    /// The source of truth.
    pub fn segments(&self) -> PathBuf {
        self.record().join("segments")
    }

    /// The segment whose first entry has this index.
    pub fn segment(&self, first: u64) -> PathBuf {
        self.segments().join(segment_name(first, "jsonl"))
    }

    /// The index that was derived from that segment.
    pub fn index(&self, first: u64) -> PathBuf {
        self.segments().join(segment_name(first, "idx"))
    }

    /// Says where that segment was archived.
    pub fn stub(&self, first: u64) -> PathBuf {
        self.segments().join(segment_name(first, "archived"))
    }

    /// What recovery set aside.
    pub fn torn(&self) -> PathBuf {
        self.record().join("torn")
    }

    /// States kept for the next start.
    pub fn snapshots(&self) -> PathBuf {
        self.record().join("snapshots")
    }

    /// Space kept free for the last acts on a full disk.
    pub fn reserve(&self) -> PathBuf {
        self.record().join("reserve")
    }

    /// Zeroes that become the next segment.
    pub fn spare(&self) -> PathBuf {
        self.record().join("spare")
    }

    /// The log's own keys.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The key that signs checkpoints.
    pub fn log_key(&self) -> PathBuf {
        self.keys().join("log.key")
    }

    /// The key that will sign checkpoints once the rotation is on the record.
    pub fn next_log_key(&self) -> PathBuf {
        self.keys().join("log.key.next")
    }

    /// The key that will sign checkpoints once another epoch has begun.
    pub fn succession_key(&self) -> PathBuf {
        self.keys().join("succession.key")
    }

    /// The key of command digests.
    pub fn digest_key(&self) -> PathBuf {
        self.keys().join("digest.key")
    }

    /// The key of links that strangers get.
    pub fn pass_key(&self) -> PathBuf {
        self.keys().join("pass.key")
    }

    /// The key that signs the status page.
    pub fn status_key(&self) -> PathBuf {
        self.keys().join("status.key")
    }

    /// The certificate that hereby made for its own listener.
    pub fn tls(&self) -> PathBuf {
        self.root.join("tls")
    }

    /// Journals of what was delivered to subscribers. Not a part of the record, nor of its copies.
    pub fn notices(&self) -> PathBuf {
        self.root.join("notices")
    }

    /// Keys of subjects.
    pub fn keystore(&self) -> PathBuf {
        self.root.join("keystore")
    }

    /// Content-addressed attachments.
    pub fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    /// Every directory, parents before children.
    pub(crate) fn directories(&self) -> [PathBuf; 8] {
        [
            self.root.clone(),
            self.record(),
            self.segments(),
            self.torn(),
            self.snapshots(),
            self.keys(),
            self.keystore(),
            self.blobs(),
        ]
    }

    /// The path as the record names it: relative to [`Paths::record`] where it lies in there.
    pub(crate) fn relative(&self, path: &Path) -> String {
        path.strip_prefix(self.record())
            .unwrap_or(path)
            .display()
            .to_string()
    }
}
