//! Everyone gets the answer to their own signature, however they come together and go away.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

use super::*;

/// Signature number `number`: every third is over something else.
fn numbered(number: usize) -> (AuthorSignature, bool) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[(number % 5) as u8; 32]).unwrap();
    let public = pair.public_key().as_ref().try_into().unwrap();
    let valid = !number.is_multiple_of(3);
    let signature = pair.sign(&number.to_le_bytes());
    let message = if valid { number } else { number + 1 };
    let signature = AuthorSignature::new(&public, signature.as_ref(), &message.to_le_bytes());
    (signature.unwrap(), valid)
}

#[test]
fn everyone_hears_of_their_own() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .build()
        .unwrap();
    let signatures = Arc::new(Signatures::default());
    let asked: Vec<_> = (0..500)
        .map(|number| {
            let signatures = signatures.clone();
            runtime.spawn(async move {
                let (signature, valid) = numbered(number);
                signatures.is_valid(signature).await == valid
            })
        })
        .collect();
    for right in asked {
        assert!(runtime.block_on(right).unwrap());
    }
    assert_eq!(signatures.checking.load(Ordering::Relaxed), 0);
}

#[test]
fn who_goes_away_leaves_nobody_waiting() {
    let signatures = Signatures::default();
    let mut cx = Context::from_waker(Waker::noop());
    // They leave more than is taken at once, and go before they take anything.
    for number in 0..3 * TOGETHER_MAX {
        let mut gone = pin!(signatures.is_valid(numbered(number).0));
        assert_eq!(gone.as_mut().poll(&mut cx), Poll::Pending);
    }
    let (signature, valid) = numbered(1);
    let mut stays = pin!(signatures.is_valid(signature));
    assert_eq!(stays.as_mut().poll(&mut cx), Poll::Pending);
    assert_eq!(stays.as_mut().poll(&mut cx), Poll::Ready(valid));
    assert_eq!(signatures.checking.load(Ordering::Relaxed), 0);
}

#[test]
fn all_valid_ones_are_valid_together() {
    let signatures = Signatures::default();
    let mut told = Vec::new();
    for number in (0..TOGETHER_MAX * 3 / 2).filter(|number| !number.is_multiple_of(3)) {
        let (tell, answer) = oneshot::channel();
        signatures.lock().push(Waiting {
            signature: numbered(number).0,
            tell,
            _checking: Checking::begin(&signatures.checking),
        });
        told.push(answer);
    }
    assert_eq!(told.len(), TOGETHER_MAX);
    check(signatures.take());
    assert!(told.iter_mut().all(|told| told.try_recv() == Ok(true)));
}
