//! What a request needs before the writer sees it, done on the caller's thread: the canonical form,
//! the signature, a look at the record. Nothing is decided here; the writer checks again whatever
//! may have changed in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base::Actor;
use incident::{Reason, Refusal};
use record::command::{self, DigestKey, signed_bytes};
use record::note::VerifierKey;

use crate::follower::View;
use crate::lookup::find_command;
use crate::ports::{Clock, Entries};
use crate::request::{Prepared, Request, Signature, SignedCommand, Transport, actor_of};

/// What callers' threads share.
pub(crate) struct Front {
    pub(crate) view: Arc<View>,
    pub(crate) entries: Arc<dyn Entries>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) digest_key: Arc<DigestKey>,
    /// How many signatures are being checked at this moment.
    pub(crate) checking: Arc<AtomicUsize>,
}

/// One signature that is being checked, while it lives.
struct Checking<'a>(&'a AtomicUsize);

impl Checking<'_> {
    fn begin(count: &AtomicUsize) -> Checking<'_> {
        count.fetch_add(1, Ordering::Relaxed);
        Checking(count)
    }
}

impl Drop for Checking<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Front {
    /// Everything that needs no writer.
    pub(crate) fn prepare(&self, request: Request) -> Result<Prepared, Refusal> {
        let bad = |error: &dyn std::fmt::Display| {
            Refusal::new(Reason::OutOfRange, format!("not a command: {error}"))
        };
        let Request {
            transport,
            command,
            signature,
        } = request;
        let canonical = command.to_canonical().map_err(|error| bad(&error))?;
        // The size first: what becomes durable during the search is then not counted as searched.
        let size = self.entries.size();
        let unseen_before = match find_command(self.entries.as_ref(), &command.id) {
            Ok(None) => size,
            // Seen, or not readable: the writer looks again.
            Ok(Some(_)) | Err(_) => 0,
        };
        let signed = match signature {
            None => None,
            Some(signature) => Some(self.signed(&signature, &canonical)?),
        };
        let holder = match &transport {
            Transport::LocalUid(_) => None,
            Transport::Token(id) => Some(self.holder(id)?),
        };
        let behalf = command.on_behalf_of.as_ref();
        let (actor, _) = actor_of(&transport, behalf, signed.as_ref(), holder.as_ref());
        let digest = command::digest(&self.digest_key, &actor, &canonical);
        Ok(Prepared {
            transport,
            command,
            digest,
            signed,
            unseen_before,
        })
    }

    fn holder(&self, id: &base::TokenId) -> Result<Actor, Refusal> {
        let now = self.clock.now();
        self.view.read(|state| {
            state
                .access
                .valid_token(id, now)
                .map(|token| token.actor.clone())
        })
    }

    /// Checks an author's signature against the enrolled key.
    fn signed(&self, signature: &Signature, canonical: &[u8]) -> Result<SignedCommand, Refusal> {
        let _checking = Checking::begin(&self.checking);
        let forbidden = |detail: String| Refusal::new(Reason::Forbidden, detail);
        let key = self
            .view
            .read(|state| state.access.keys.get(&signature.key).cloned());
        let key = key.ok_or_else(|| {
            forbidden(format!(
                "there is no key {}, or it was revoked",
                signature.key
            ))
        })?;
        let vkey: VerifierKey = key
            .vkey
            .parse()
            .map_err(|_| forbidden("the enrolled key can't be read".to_owned()))?;
        let valid = aws_lc_rs::signature::UnparsedPublicKey::new(
            &aws_lc_rs::signature::ED25519,
            vkey.public_key(),
        )
        .verify(&signed_bytes(canonical), &signature.bytes);
        if valid.is_err() {
            return Err(forbidden(format!(
                "the signature is not one by key {} over this command",
                signature.key
            )));
        }
        let canonical = String::from_utf8(canonical.to_vec())
            .map_err(|_| forbidden("the command is not text".to_owned()))?;
        Ok(SignedCommand {
            key: signature.key.clone(),
            person: key.person,
            vkey: key.vkey,
            signature: base64(&signature.bytes).into(),
            canonical,
        })
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
