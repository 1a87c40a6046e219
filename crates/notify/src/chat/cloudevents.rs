//! Acts as CloudEvents 1.0 in the structured JSON form (`application/cloudevents+json`), signed as
//! Standard Webhooks 1.0 signs: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
//!
//! An event is known by its `source` and `id`: receivers are told to take the second one with the
//! same pair as a duplicate (CloudEvents 1.0.2, `id`). So what may have been lost is sent again until
//! it is taken, which is right here and would be wrong in [`super::slack`].

use std::sync::Arc;

use aws_lc_rs::hmac;
use base::{ActId, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use rustls::ClientConfig;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{ANSWER_BYTES_MAX, BaseUrl, Patience, Undone, taken};
use exchange::{Ask, Server};

/// The media type of one event in JSON (CloudEvents JSON format 1.0.2, section 3).
pub const MEDIA_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// The fewest bytes of a secret that signs.
const SECRET_BYTES_MIN: usize = 24;

/// The most bytes of a secret that signs.
const SECRET_BYTES_MAX: usize = 64;

/// A secret that signs events. It never shows itself.
pub struct SigningSecret(hmac::Key);

/// A text that is no such secret. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret is `whsec_` and 24 to 64 random bytes in base64 (Standard Webhooks)")]
pub struct BadSigningSecret;

impl std::str::FromStr for SigningSecret {
    type Err = BadSigningSecret;
    fn from_str(text: &str) -> Result<SigningSecret, BadSigningSecret> {
        let bytes = text
            .strip_prefix("whsec_")
            .and_then(|base64| STANDARD.decode(base64).ok())
            .filter(|bytes| (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&bytes.len()))
            .ok_or(BadSigningSecret)?;
        Ok(SigningSecret(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }
}

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

impl SigningSecret {
    /// `v1,BASE64`: HMAC-SHA-256 over `ID.SECONDS.BODY` (Standard Webhooks, "Signature scheme").
    fn sign(&self, id: &str, at_s: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{at_s}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

/// An act as it is told to programs.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The act: the event's `id`.
    pub act: ActId,
    /// The record's origin: the event's `source`.
    pub origin: &'a str,
    /// The act's kind with its version: `incident.noted/1`.
    pub kind: &'a str,
    /// What it happened to: `INC-7`.
    pub subject: &'a str,
    /// When.
    pub at: Timestamp,
    /// The act's place on the record.
    pub index: u64,
    /// The act as it stands on the record, with text that is readable there.
    pub json: &'a RawValue,
}

/// A program that takes events.
pub struct Receiver {
    server: Server,
    secret: SigningSecret,
}

impl Receiver {
    /// The program at this address. `secret` signs each delivery.
    pub fn new(
        address: BaseUrl,
        secret: SigningSecret,
        tls: &ClientConfig,
        patience: Patience,
    ) -> Receiver {
        let server = Server {
            base: address,
            auth: None,
            tls: Arc::new(tls.clone()),
            patience,
        };
        Receiver { server, secret }
    }

    /// The server's name.
    pub fn host(&self) -> &str {
        self.server.base.host()
    }

    /// Delivers an event. `now` stands in the signature, so that it can't be used much later.
    ///
    /// # Errors
    /// When it was not taken, or nobody knows: then it is right to deliver it again.
    pub async fn deliver(&self, event: &Event<'_>, now: Timestamp) -> Result<(), Undone> {
        self.post(&event.act.to_string(), &body(event), now).await
    }

    /// Delivers an event that says nothing, under an id of its own.
    ///
    /// # Errors
    /// As for [`Receiver::deliver`].
    pub async fn test(&self, id: &str, origin: &str, now: Timestamp) -> Result<(), Undone> {
        let event = json!({
            "specversion": "1.0",
            "id": id,
            "source": source(origin),
            "type": "hereby.test",
            "time": now,
        });
        self.post(id, event.to_string().as_bytes(), now).await
    }

    async fn post(&self, id: &str, body: &[u8], now: Timestamp) -> Result<(), Undone> {
        let at_s = now.as_ms().div_euclid(1_000);
        let ask = Ask {
            method: Method::POST,
            path: self.server.base.whole_path(),
            more: vec![
                ("webhook-id", id.to_owned()),
                ("webhook-timestamp", at_s.to_string()),
                ("webhook-signature", self.secret.sign(id, at_s, body)),
            ],
            body: Some(body.to_vec()),
            media_type: MEDIA_TYPE,
            answer_bytes_max: ANSWER_BYTES_MAX,
            ..Ask::default()
        };
        taken(&self.server, self.server.ask(ask).await).map(drop)
    }
}

/// The origin as a URI reference: what could be anything else in one is percent-encoded.
fn source(origin: &str) -> String {
    super::matrix::encoded(origin, b"/")
}

fn body(event: &Event<'_>) -> Vec<u8> {
    let (kind, version) = event.kind.split_once('/').unwrap_or((event.kind, "1"));
    let act: Value = serde_json::from_str(event.json.get()).unwrap_or(Value::Null);
    let event = json!({
        "specversion": "1.0",
        "id": event.act,
        "source": source(event.origin),
        "type": format!("hereby.{kind}.v{version}"),
        "subject": event.subject,
        "time": event.at,
        "datacontenttype": "application/json",
        // The extension "sequence": a string that sorts in the order of the record.
        "sequence": format!("{:020}", event.index),
        "data": {"index": event.index, "act": act},
    });
    event.to_string().into_bytes()
}

#[cfg(test)]
pub(super) fn signed(secret: &SigningSecret, id: &str, at_s: i64, body: &[u8]) -> String {
    secret.sign(id, at_s, body)
}

#[cfg(test)]
pub(super) fn body_of(event: &Event<'_>) -> Value {
    serde_json::from_slice(&body(event)).expect("it was just written")
}
