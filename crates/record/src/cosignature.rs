//! Timestamped Ed25519 cosignatures, `cosignature/v1` of C2SP `tlog-cosignature`.
//!
//! A witness says: at this time, this was the largest consistent tree of that log I had seen. The
//! signature line carries the time in 8 bytes before the Ed25519 signature. Judging consistency is
//! `witness`'s work; how many cosignatures are enough is the verifier's policy.

use crate::checkpoint::Checkpoint;
use crate::note::{Algorithm, CannotSign, NoteSignature, SignerKey, Unverified, VerifierKey};

/// The latest time that can be signed, in seconds since the epoch.
const TIME_MAX_S: u64 = i64::MAX as u64;

/// Cosigns a checkpoint's text as seen at `time_s` seconds after the epoch.
///
/// # Errors
/// If the key is not of the cosignature type, the text is no checkpoint, or the time is 0 (which
/// the witness protocol forbids) or above 2^63 - 1.
pub fn cosign(key: &SignerKey, text: &str, time_s: u64) -> Result<NoteSignature, CannotSign> {
    if key.verifier().algorithm() != Algorithm::CosignatureV1 {
        return Err(CannotSign::OtherAlgorithm);
    }
    if time_s == 0 || time_s > TIME_MAX_S {
        return Err(CannotSign::Time(time_s));
    }
    Checkpoint::parse_text(text)?;
    let signature = key.sign_bytes(message(text, time_s).as_bytes());
    Ok(key.signature([&time_s.to_be_bytes(), signature.as_slice()].concat()))
}

/// Checks a cosignature over a note's text, and returns its time in seconds since the epoch.
///
/// The time is what the witness says; whether it is too old or in the future is the caller's
/// question.
///
/// # Errors
/// If the key is of another type or not the one that the line names, or the signature is not valid.
pub fn verify(key: &VerifierKey, text: &str, signature: &NoteSignature) -> Result<u64, Unverified> {
    if key.algorithm() != Algorithm::CosignatureV1 || !key.is_named_by(signature) {
        return Err(Unverified::NotSigned);
    }
    let bad = || Unverified::BadSignature {
        name: key.name().to_owned(),
    };
    let (time, ed25519) = signature.bytes().split_first_chunk().ok_or_else(bad)?;
    let time_s = u64::from_be_bytes(*time);
    if time_s > TIME_MAX_S {
        return Err(bad());
    }
    key.verify_bytes(message(text, time_s).as_bytes(), ed25519)?;
    Ok(time_s)
}

fn message(text: &str, time_s: u64) -> String {
    format!("cosignature/v1\ntime {time_s}\n{text}")
}

#[cfg(test)]
mod tests;
