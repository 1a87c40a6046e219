//! What a request needs before the writer sees it, done on the caller's thread: the canonical form,
//! the signature, a look at the record. Nothing is decided here; the writer checks again whatever
//! may have changed in between.

use std::sync::Arc;

use base::{Actor, Name};
use incident::{Reason, Refusal};
use record::author::AuthorSignature;
use record::command::{self, DigestKey, signed_bytes};
use record::note::VerifierKey;

use crate::follower::View;
use crate::lookup::find_command;
use crate::ports::{Clock, Entries};
use crate::request::{Prepared, Request, Signature, SignedCommand, Transport, actor_of};
use crate::signatures::Signatures;

/// What callers' threads share.
pub(crate) struct Front {
    pub(crate) view: Arc<View>,
    pub(crate) entries: Arc<dyn Entries>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) digest_key: Arc<DigestKey>,
    /// What is being checked at this moment.
    pub(crate) signatures: Signatures,
}

/// A request whose author's signature has yet to be checked, if it has one.
pub(crate) struct Unchecked {
    prepared: Prepared,
    signature: Option<AuthorSignature>,
}

impl Unchecked {
    /// Checks it here and now.
    pub(crate) fn alone(self) -> Result<Prepared, Refusal> {
        let valid = self.signature.is_none_or(AuthorSignature::is_valid);
        checked(self.prepared, valid)
    }

    /// Checks it with those of others.
    pub(crate) async fn together(self, signatures: &Signatures) -> Result<Prepared, Refusal> {
        let valid = match self.signature {
            None => true,
            Some(signature) => signatures.is_valid(signature).await,
        };
        checked(self.prepared, valid)
    }
}

fn checked(prepared: Prepared, valid: bool) -> Result<Prepared, Refusal> {
    match &prepared.signed {
        Some(signed) if !valid => Err(not_by(&signed.key)),
        _ => Ok(prepared),
    }
}

fn not_by(key: &Name) -> Refusal {
    let detail = format!("the signature is not one by key {key} over this command");
    Refusal::new(Reason::Forbidden, detail)
}

impl Front {
    /// Everything that needs no writer, but for the check of a signature.
    pub(crate) fn prepare(&self, request: Request) -> Result<Unchecked, Refusal> {
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
        let (signed, signature) = match signature {
            None => (None, None),
            Some(signature) => {
                let (signed, signature) = self.signed(&signature, &canonical)?;
                (Some(signed), Some(signature))
            }
        };
        let holder = match &transport {
            Transport::LocalUid(_) | Transport::Own(_) => None,
            Transport::Token(id) => Some(self.holder(id)?),
            Transport::Session(id) => Some(self.signed_in(id)?),
        };
        let behalf = command.on_behalf_of.as_ref();
        let (actor, _) = actor_of(&transport, behalf, signed.as_ref(), holder.as_ref());
        let digest = command::digest(&self.digest_key, &actor, &canonical);
        let prepared = Prepared {
            transport,
            command,
            digest,
            signed,
            unseen_before,
        };
        Ok(Unchecked {
            prepared,
            signature,
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

    fn signed_in(&self, id: &base::SessionId) -> Result<Actor, Refusal> {
        let now = self.clock.now();
        self.view.read(|state| {
            let session = state.access.valid_session(id, now)?;
            Ok(session.actor())
        })
    }

    /// Who signed by the enrolled key, and what is to be checked.
    fn signed(
        &self,
        signature: &Signature,
        canonical: &[u8],
    ) -> Result<(SignedCommand, AuthorSignature), Refusal> {
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
        let message = signed_bytes(canonical);
        let to_check = AuthorSignature::new(vkey.public_key(), &signature.bytes, &message)
            .ok_or_else(|| not_by(&signature.key))?;
        let canonical = String::from_utf8(canonical.to_vec())
            .map_err(|_| forbidden("the command is not text".to_owned()))?;
        let signed = SignedCommand {
            key: signature.key.clone(),
            person: key.person,
            vkey: key.vkey,
            signature: base64(&signature.bytes).into(),
            canonical,
        };
        Ok((signed, to_check))
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
