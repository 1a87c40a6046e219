//! Whether the client's certificate lets this request in: asked for each request, on a connection
//! that began before a revocation as on a resumed session, because revocation is a property of
//! the request and not of the handshake.
//!
//! It verifies no signature: the handshake did, once, and what it found is [`Presented`], kept with the
//! connection and with the session that may be resumed. A session that is resumed without it
//! has presented nothing.
//!
//! The rule, in this order; the first that applies is the answer:
//!
//! 1. The connection's server name does not reach the tenant: `wrong_server_name`.
//! 2. The tenant asks for no certificates: yes.
//! 3. None was presented: yes if they are optional, else `certificate_missing`.
//! 4. It does not lead to one of the tenant's CAs: `certificate_refused`.
//! 5. A certificate of its chain is not yet, or no longer, valid: `certificate_expired`.
//! 6. A certificate of its chain, or the CA's own, is revoked: `certificate_revoked`.
//! 7. Nobody knows: the lists could not be read, or there are CRLs and none that holds now is of an
//!    issuer in the chain: `revocation_unknown`.
//!
//! Whoever shows a certificate must show a good one, also where they are optional.

mod list;
mod packed;
mod revocations;

use std::sync::Arc;

use crate::Reason;

pub(crate) use list::fingerprint;
pub use list::{BadLine, BadList, ENTRIES_MAX, LINE_BYTES_MAX};
pub use revocations::{Builder, Item, Revocations, TooMany};

/// SHA-256 of a whole certificate, as DER.
pub type Fingerprint = [u8; 32];

/// SHA-256 of an issuer's name, as DER: the field of a certificate or a CRL, byte for byte as it stands
/// there. Names that are written in another way are other names.
pub type Issuer = [u8; 32];

/// A CRL may say that it begins so many seconds after now: clocks differ.
pub const CLOCKS_DIFFER_S: i64 = 300;

/// A certificate's number among its issuer's: at most 20 bytes (RFC 5280, 4.1.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial([u8; 20]);

/// What a client showed in the handshake that made its connection, or the one that made the session that
/// was resumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// The client's own certificate.
    pub leaf: Link,
    /// The CAs between it and the root, as verified and not as sent.
    pub above: Box<[Link]>,
    /// The certificate of the tenant's set that it leads to. Its own dates are not looked at (RFC 5280,
    /// 6.1.1 (d)).
    pub root: Fingerprint,
}

/// One certificate of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub fingerprint: Fingerprint,
    pub issuer: Issuer,
    pub serial: Serial,
    /// Seconds since 1970, both ends included (RFC 5280, 4.1.2.5).
    pub not_before_s: i64,
    pub not_after_s: i64,
}

/// What a tenant asks of its clients.
#[derive(Clone, Debug)]
pub struct Authority {
    /// The CAs that it trusts. None: nobody comes in.
    pub cas: Vec<Fingerprint>,
    pub revocations: Knowledge,
    /// Also who shows none may come in.
    pub optional: bool,
}

/// What is known of revocations.
#[derive(Clone, Debug)]
pub enum Knowledge {
    /// All that the tenant named was read. It may be empty.
    Known(Arc<Revocations>),
    /// Something was not, and why: everybody with a certificate is refused.
    Missing(Box<str>),
}

impl Serial {
    /// From its bytes, the highest first; zeros at the front mean nothing. `None` if it is longer than
    /// it may be: such a certificate can't be listed, and so must be refused.
    pub fn new(bytes: &[u8]) -> Option<Serial> {
        let start = bytes.iter().position(|byte| *byte != 0);
        let digits = bytes.get(start.unwrap_or(bytes.len())..)?;
        let mut serial = [0; 20];
        let from = serial.len().checked_sub(digits.len())?;
        serial.get_mut(from..)?.copy_from_slice(digits);
        Some(Serial(serial))
    }
}

impl Presented {
    /// Its certificates, the client's first.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        core::iter::once(&self.leaf).chain(&self.above)
    }
}

/// Whether a request may go on, `now_s` seconds after 1970. `authority` is that of the tenant that the
/// request's host has; `sni_is_host_tenant` says whether the connection's server name reaches that
/// tenant ([`crate::table::Table::shares`]), and is true on a connection without TLS.
///
/// # Errors
///
/// As the rule above says.
pub fn authorise(
    authority: Option<&Authority>,
    presented: Option<&Presented>,
    sni_is_host_tenant: bool,
    now_s: i64,
) -> Result<(), Reason> {
    if !sni_is_host_tenant {
        return Err(Reason::WrongServerName);
    }
    let Some(authority) = authority else {
        return Ok(());
    };
    let Some(presented) = presented else {
        return if authority.optional {
            Ok(())
        } else {
            Err(Reason::CertificateMissing)
        };
    };
    if !authority.cas.contains(&presented.root) {
        return Err(Reason::CertificateRefused);
    }
    let holds = |link: &Link| link.not_before_s <= now_s && now_s <= link.not_after_s;
    if !presented.links().all(holds) {
        return Err(Reason::CertificateExpired);
    }
    let Knowledge::Known(revocations) = &authority.revocations else {
        return Err(Reason::RevocationUnknown);
    };
    let revoked = presented.links().any(|link| revocations.revokes(link));
    if revoked || revocations.lists(&presented.root) {
        return Err(Reason::CertificateRevoked);
    }
    if presented
        .links()
        .all(|link| revocations.knows(&link.issuer, now_s))
    {
        Ok(())
    } else {
        Err(Reason::RevocationUnknown)
    }
}

#[cfg(test)]
mod tests;
