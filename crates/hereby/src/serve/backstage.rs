//! What the server (`web`) needs of storage, given by the store.

use std::io;
use std::sync::Arc;

use base::{IncidentId, KeyRef, Line};
use engine::Engine;
use incident::{Reason, Refusal};
use record::hash::Hash;
use record::kinds::containment::CertificateUsed;
use record::note::VerifierKey;
use record::sealed::SubjectKey;
use record::tile::TileId;
use store::{Blobs, CannotLoadKey, Keystore, Paths, Reader};
use web::{
    Audited, Backstage, BlobRefused, ChatChannel, OverlayFile, PageTarget, Published, Witness,
};

use super::overlay::Overlay;
use super::push::Witnesses;
use crate::audit::Found;
use crate::bundle;
use crate::chat::Board;
use crate::log::Repeated;

/// Storage for the server.
pub(crate) struct Storage {
    pub(crate) engine: Arc<Engine>,
    pub(crate) reader: Reader,
    pub(crate) paths: Paths,
    pub(crate) published: Arc<store::Published>,
    pub(crate) keystore: Arc<Keystore>,
    pub(crate) blobs: Blobs,
    pub(crate) witnesses: Arc<Witnesses>,
    pub(crate) free_min_bytes: u64,
    /// Said again and again while people read, and once a minute in the log.
    pub(crate) keystore_lost: Repeated,
    /// What the auditor has found.
    pub(crate) found: Arc<Found>,
    /// How the channels are.
    pub(crate) board: Arc<Board>,
    /// How the places stand that the status page is published to.
    pub(crate) page: Option<Arc<publish::Board>>,
    /// Where the socket of this machine's edge lies.
    pub(crate) edge_dir: std::path::PathBuf,
    /// The file that edges of this machine read.
    pub(crate) overlay: Arc<Overlay>,
    /// When this process started.
    pub(crate) started_at: base::Timestamp,
}

impl Backstage for Storage {
    fn published(&self) -> Option<Arc<Published>> {
        let (size, note) = self.published.newest()?;
        let note = self.witnesses.with_cosignatures(size, &note);
        Some(Arc::new(Published { size, note }))
    }

    fn tile(&self, id: TileId) -> io::Result<Option<Vec<u8>>> {
        self.published.tile(id)
    }

    fn signed_by(&self, size: u64, key: &VerifierKey) -> io::Result<Option<String>> {
        store::signed_by(&self.paths, size, key)
    }

    fn ensure_subject_key(&self, name: &KeyRef) -> io::Result<SubjectKey> {
        engine::ports::Keystore::ensure(self.keystore.as_ref(), name)
    }

    fn subject_key(&self, name: &KeyRef) -> io::Result<Option<SubjectKey>> {
        match self.keystore.key(name) {
            // Reading goes on, with the text sealed; `doctor` and the log say why.
            Err(error @ CannotLoadKey::Lost { .. }) => {
                self.keystore_lost.say(&error);
                Ok(None)
            }
            found => Ok(found?),
        }
    }

    fn put_blob(&self, bytes: &[u8]) -> Result<Hash, BlobRefused> {
        let free = self.disk_free_bytes()?;
        if free < self.free_min_bytes.saturating_add(bytes.len() as u64) {
            return Err(BlobRefused::NoSpace);
        }
        Ok(self.blobs.put(bytes)?)
    }

    fn blob(&self, sha256: &Hash) -> io::Result<Option<Vec<u8>>> {
        self.blobs.open(sha256)
    }

    fn disk_free_bytes(&self) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(self.paths.root())?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    fn witnesses(&self) -> Vec<Witness> {
        self.witnesses.all()
    }

    fn readiness(&self) -> Result<(), Refusal> {
        let free = self
            .disk_free_bytes()
            .map_err(|error| Refusal::new(Reason::NoSpace, format!("the disk: {error}")))?;
        if free < self.free_min_bytes {
            let detail = format!(
                "{free} bytes are free, {} are kept: make room on the record's disk",
                self.free_min_bytes
            );
            return Err(Refusal::new(Reason::NoSpace, detail));
        }
        Ok(())
    }

    fn export(&self, incident: IncidentId, with_keys: bool) -> io::Result<Option<Vec<u8>>> {
        let published = self.published.newest();
        let known = self.engine.view().read(|state| {
            let summary = state.incidents.summary(incident);
            let done_for = state.done_for.all_of(incident).map(<[u64]>::to_vec);
            summary.map(|_| (state.log.vkeys.clone(), done_for, state.log.acts))
        });
        let Some((vkeys, done_for, acts)) = known else {
            return Ok(None);
        };
        let Some((size, note)) = published else {
            return Err(io::Error::other(
                "no checkpoint is published yet; try again in a moment",
            ));
        };
        let note = self.witnesses.with_cosignatures(size, &note);
        let source = bundle::Source {
            entries: &self.reader,
            tiles: self.published.as_ref(),
            blobs: &self.blobs,
            keystore: &self.keystore,
            size,
            note: &note,
            vkeys: vkeys.into_iter().map(|(_, vkey)| vkey).collect(),
            done_for: done_for.filter(|_| acts >= size),
        };
        bundle::write(&source, incident, with_keys)
    }

    fn chat(&self) -> Vec<ChatChannel> {
        self.board.all()
    }

    fn edge(&self) -> Option<serde_json::Value> {
        crate::edge::status(&self.edge_dir)
    }

    fn edge_certificate(&self, name: &Line) -> Option<Vec<CertificateUsed>> {
        super::certificates::named(&self.edge_dir, name)
    }

    fn audited(&self) -> Option<Audited> {
        Some(self.found.audited())
    }

    fn overlay_file(&self) -> Option<OverlayFile> {
        Some(self.overlay.standing())
    }

    fn page_targets(&self) -> Vec<PageTarget> {
        let now = self.engine.now();
        let board = self.page.as_ref().map(|page| page.all());
        let all = board.unwrap_or_default().into_iter();
        all.map(|(name, it)| PageTarget {
            name,
            kind: it.kind,
            behind: crate::page::is_behind(&it, now, self.started_at),
            sequence: it.sequence,
            made_at: it.made_at,
            seen_at: it.seen_at,
            waiting_since: it.waiting_since,
            news_took_ms: it.news_took_ms,
            trouble: it.trouble,
            rounds: it.rounds,
            failures: it.failures,
            failures_in_a_row: it.failures_in_a_row,
            mended: it.mended,
        })
        .collect()
    }
}
