//! Sealing and opening the fields of an act, each bound to its place.

use base::{ActId, CommandDigest, KeyRef, Prose};

use crate::kinds::SealVisitor;
use crate::sealed::{CannotOpen, Place, Sealable, SubjectKey};

/// Seals fields.
pub(super) struct Sealer<'a> {
    pub(super) key: &'a SubjectKey,
    pub(super) name: &'a KeyRef,
    pub(super) act: ActId,
    pub(super) digest: CommandDigest,
}

impl SealVisitor for Sealer<'_> {
    fn line(&mut self, name: &str, text: &mut Sealable<base::Line>) {
        text.seal(
            self.key,
            self.name,
            &Place {
                act: self.act,
                digest: self.digest,
                field: name,
            },
        );
    }
    fn prose(&mut self, name: &str, text: &mut Sealable<Prose>) {
        text.seal(
            self.key,
            self.name,
            &Place {
                act: self.act,
                digest: self.digest,
                field: name,
            },
        );
    }
}

/// Opens fields.
pub(super) struct Opener<'a> {
    pub(super) find: &'a mut dyn FnMut(&KeyRef) -> Option<SubjectKey>,
    pub(super) act: ActId,
    pub(super) digest: CommandDigest,
    pub(super) closed: usize,
    pub(super) failed: Option<CannotOpen>,
}

impl Opener<'_> {
    pub(super) fn open<T>(&mut self, field: &str, text: &mut Sealable<T>)
    where
        T: std::str::FromStr + std::fmt::Display,
    {
        let Some(name) = text.key() else { return };
        let Some(key) = (self.find)(name) else {
            self.closed += 1;
            return;
        };
        let place = Place {
            act: self.act,
            digest: self.digest,
            field,
        };
        if let Err(failed) = text.open(&key, &place) {
            self.failed = Some(failed);
        }
    }
}

impl SealVisitor for Opener<'_> {
    fn line(&mut self, name: &str, text: &mut Sealable<base::Line>) {
        self.open(name, text);
    }
    fn prose(&mut self, name: &str, text: &mut Sealable<Prose>) {
        self.open(name, text);
    }
}
