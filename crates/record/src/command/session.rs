//! What people ask for to work in a browser: a link to sign in with, a session, its end.

use base::{Line, LoginId, PersonName, SessionId, Timestamp};

use crate::hash::Hash;

forms! {
    /// Lets somebody sign in once. The link's secret never leaves the machine that made it.
    OfferLogin {
        /// When the link stops working: within an hour.
        expires_at: Timestamp,
        /// SHA-256 of the secret, which has 256 random bits.
        hash: Hash,
        /// Its name: `log-` and the first 16 hexadecimal digits of the hash.
        login: LoginId,
        /// Who.
        person: PersonName,
    }
    /// Begins a session. hereby asks this of itself, once it knows who somebody is.
    BeginSession {
        /// When it ends at the latest.
        expires_at: Timestamp,
        /// SHA-256 of the secret in the cookie, which has 256 random bits.
        hash: Hash,
        /// It ends when nothing was asked with it for so long, in milliseconds.
        idle_ms: u64,
        /// Who vouches for them, if it is an identity provider.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issuer: Option<Line>,
        /// The link that was used, if it is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        login: Option<LoginId>,
        /// Who.
        person: PersonName,
        /// Its name: `ses-` and the first 16 hexadecimal digits of the hash.
        session: SessionId,
    }
    /// Ends a session: one's own, or as an admin anybody's.
    EndSession {
        /// Which.
        session: SessionId,
    }
}
