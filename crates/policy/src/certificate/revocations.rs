//! What is revoked, of one tenant: from hereby's own lists, from CRLs, and by the overlay, which is
//! small and changes often.
//!
//! It reads no CRL: whoever verified its signature says what stands in it. A CRL of a part only (an
//! issuing distribution point, a delta; RFC 5280, 5.2.4 and 5.2.5) is no CRL here and must not be passed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::list::{self, BadList, ENTRIES_MAX};
use super::packed::Packed;
use super::{CLOCKS_DIFFER_S, Fingerprint, Issuer, Link, Serial};

/// It never changes; another takes its place. A clone shares what it holds.
#[derive(Clone, Debug)]
pub struct Revocations {
    read: Arc<Set>,
    overlay: Arc<Set>,
}

/// What can be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    Fingerprint(Fingerprint),
    Serial(Issuer, Serial),
}

/// More is revoked than [`ENTRIES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {ENTRIES_MAX} certificates are revoked")]
pub struct TooMany;

#[derive(Clone, Debug, Default)]
struct Set {
    fingerprints: Packed<32>,
    /// In the order of their names.
    issuers: Box<[OfIssuer]>,
    crls: bool,
}

#[derive(Clone, Debug)]
struct OfIssuer {
    issuer: Issuer,
    serials: Packed<20>,
    /// What its CRLs say of themselves.
    crls: Box<[Validity]>,
}

/// When a CRL holds, in seconds since 1970.
#[derive(Clone, Copy, Debug)]
struct Validity {
    this_update_s: i64,
    /// Without one nobody knows until when it holds.
    next_update_s: Option<i64>,
}

/// Collects what is revoked.
#[derive(Debug, Default)]
pub struct Builder {
    fingerprints: Vec<Fingerprint>,
    issuers: BTreeMap<Issuer, (Vec<[u8; 20]>, Vec<Validity>)>,
    pub(super) entries: usize,
}

impl Builder {
    /// Adds hereby's own list; how many lines revoke something.
    ///
    /// One a line: `sha256:HEX` or `issuer=HEX serial=HEX`, where `issuer` is the SHA-256 of the
    /// issuer's name as DER; then, if one likes, `since 2026-11-22T01:59:00Z`, and `# why`. What
    /// openssl prints is understood: `openssl x509 -noout -fingerprint -sha256` gives a whole line,
    /// `openssl x509 -noout -serial` the serial, and `openssl ocsp -sha256 -issuer CA.pem -serial 1
    /// -req_text` the issuer as "Issuer Name Hash". Colons, and upper or lower case, as one likes.
    /// `since` is for whoever asks later who came in meanwhile: what is listed is revoked.
    ///
    /// # Errors
    ///
    /// The first line that can't be read; nothing of the list is added then.
    pub fn list(&mut self, text: &str) -> Result<usize, BadList> {
        let mut count = 0;
        for item in list::items(text) {
            item?;
            count += 1;
        }
        if self.entries + count > ENTRIES_MAX {
            return Err(BadList::TooMany(TooMany));
        }
        for item in list::items(text).flatten() {
            self.add(item);
        }
        Ok(count)
    }

    /// Adds a CRL that was verified. Of several of one issuer one must hold now; what any of them lists
    /// is revoked.
    ///
    /// # Errors
    ///
    /// There are too many; some may have been added.
    pub fn crl(
        &mut self,
        issuer: Issuer,
        this_update_s: i64,
        next_update_s: Option<i64>,
        serials: impl IntoIterator<Item = Serial>,
    ) -> Result<(), TooMany> {
        let (listed, crls) = self.issuers.entry(issuer).or_default();
        for serial in serials {
            if self.entries >= ENTRIES_MAX {
                return Err(TooMany);
            }
            self.entries += 1;
            listed.push(serial.0);
        }
        crls.push(Validity {
            this_update_s,
            next_update_s,
        });
        Ok(())
    }

    /// What was collected, and nothing overlaid.
    pub fn build(self) -> Revocations {
        Revocations {
            read: Arc::new(self.set()),
            overlay: Arc::default(),
        }
    }

    pub(super) fn add(&mut self, item: Item) {
        self.entries += 1;
        match item {
            Item::Fingerprint(fingerprint) => self.fingerprints.push(fingerprint),
            Item::Serial(issuer, serial) => {
                let (listed, _) = self.issuers.entry(issuer).or_default();
                listed.push(serial.0);
            }
        }
    }

    fn set(self) -> Set {
        let issuers = self.issuers.into_iter();
        let issuers: Box<[_]> = issuers
            .map(|(issuer, (serials, crls))| OfIssuer {
                issuer,
                serials: Packed::new(serials),
                crls: crls.into(),
            })
            .collect();
        Set {
            fingerprints: Packed::new(self.fingerprints),
            crls: issuers.iter().any(|one| !one.crls.is_empty()),
            issuers,
        }
    }
}

impl Revocations {
    /// The same with these overlaid, instead of what was. What was read is shared and not copied.
    ///
    /// # Errors
    ///
    /// There are too many.
    pub fn overlaid(&self, items: impl IntoIterator<Item = Item>) -> Result<Revocations, TooMany> {
        let mut builder = Builder::default();
        for item in items {
            if builder.entries >= ENTRIES_MAX {
                return Err(TooMany);
            }
            builder.add(item);
        }
        Ok(Revocations {
            read: Arc::clone(&self.read),
            overlay: Arc::new(builder.set()),
        })
    }

    /// Whether that certificate is revoked, by its fingerprint or by its issuer and serial.
    pub fn revokes(&self, link: &Link) -> bool {
        let sets = [&self.read, &self.overlay];
        self.lists(&link.fingerprint)
            || sets.iter().any(|set| {
                let of_issuer = set.of(&link.issuer);
                of_issuer.is_some_and(|one| one.serials.contains(&link.serial.0))
            })
    }

    /// Whether that fingerprint is listed.
    pub fn lists(&self, fingerprint: &Fingerprint) -> bool {
        self.read.fingerprints.contains(fingerprint)
            || self.overlay.fingerprints.contains(fingerprint)
    }

    /// Whether what is not revoked of that issuer's is known not to be: there are no CRLs at all, or
    /// one of that issuer's holds now. As with OpenSSL's `CRL_CHECK_ALL`, CRLs are for every issuer of a
    /// chain or for none.
    pub fn knows(&self, issuer: &Issuer, now_s: i64) -> bool {
        if !self.read.crls {
            return true;
        }
        let crls = self.read.of(issuer).map(|one| &*one.crls);
        crls.unwrap_or_default().iter().any(|crl| {
            crl.this_update_s <= now_s.saturating_add(CLOCKS_DIFFER_S)
                && crl.next_update_s.is_some_and(|next| now_s <= next)
        })
    }

    /// How many are revoked, each counted once for each way in which it is listed.
    pub fn len(&self) -> usize {
        self.read.len() + self.overlay.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[cfg(test)]
    pub(super) fn buckets_max(&self) -> u32 {
        let serials = self.read.issuers.iter();
        let serials = serials.map(|one| one.serials.bucket_max());
        serials.fold(self.read.fingerprints.bucket_max(), u32::max)
    }

    /// About how many bytes it takes, the overlay included.
    pub fn bytes(&self) -> usize {
        self.read.bytes() + self.overlay.bytes()
    }
}

impl Set {
    fn of(&self, issuer: &Issuer) -> Option<&OfIssuer> {
        let place = self.issuers.binary_search_by(|one| one.issuer.cmp(issuer));
        self.issuers.get(place.ok()?)
    }

    fn len(&self) -> usize {
        let serials = self.issuers.iter().map(|one| one.serials.len());
        self.fingerprints.len() + serials.sum::<usize>()
    }

    fn bytes(&self) -> usize {
        let serials = self.issuers.iter().map(|one| one.serials.bytes());
        self.fingerprints.bytes() + size_of_val(&*self.issuers) + serials.sum::<usize>()
    }
}
