//! OpenID Connect: somebody is sent to an identity provider, comes back with a code, and the
//! provider says who they are (OpenID Connect Core 1.0, the code flow with PKCE, RFC 7636).
//!
//! - [`Provider::begin`] answers where the browser goes, and the [`Flight`] that it comes back with;
//!   keeping that secret, and to this one browser, is the caller's.
//! - [`Provider::finish`] asks for the token, checks it, and says which person a claim names.
//!
//! What the provider publishes is fetched when it is needed and kept for a while. Who may sign in is
//! decided by the caller; this crate keeps no session. It writes no log: errors say what happened.

mod claim;
mod http;
mod provider;

pub use claim::{BadClaim, Claim};
pub use http::{BadIssuer, Issuer};
pub use provider::{Flight, NotVouched, Provider, Returned, Settings, Vouched};

#[cfg(test)]
mod tests;
