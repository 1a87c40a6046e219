//! Signed bodies, in the shape of Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp` and
//! `webhook-signature`, an HMAC-SHA256 over all three parts. Libraries in every language check it.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a receiver and hereby know, and nobody else: 32 bytes. It never shows itself in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct HookSecret([u8; 32]);

impl HookSecret {
    /// The secret with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> HookSecret {
        HookSecret(bytes)
    }

    /// The secret as its receiver keeps it: `whsec_` and base64. For the receiver alone.
    pub fn expose(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for HookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HookSecret(…)")
    }
}

/// A body that is about to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The same for each try of the same thing: receivers know repeats by it. Visible ASCII.
    pub id: Box<str>,
    /// When this try is made, in seconds since 1970.
    pub timestamp_s: i64,
    /// A CloudEvent as JSON.
    pub body: String,
    /// What it is signed with.
    pub secret: HookSecret,
}

impl Signed {
    /// The header's value: `v1,` and the HMAC-SHA256 over `ID.TIMESTAMP.BODY` in base64.
    pub fn signature(&self) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.secret.0);
        let mut context = hmac::Context::with_key(&key);
        context.update(self.id.as_bytes());
        context.update(b".");
        context.update(self.timestamp_s.to_string().as_bytes());
        context.update(b".");
        context.update(self.body.as_bytes());
        format!("v1,{}", STANDARD.encode(context.sign().as_ref()))
    }
}
