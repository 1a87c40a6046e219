//! A proof that parses is written back as it was, and never verifies under a key it wasn't made for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use record::note::{Algorithm, SignerKey};
use record::proof::ActProof;

fuzz_target!(|data: &[u8]| {
    if let Ok(proof) = ActProof::parse(data) {
        assert_eq!(proof.to_string().as_bytes(), data);
        let key = SignerKey::from_seed("fuzz.example/log", Algorithm::Ed25519, [7; 32])
            .expect("a valid name and seed");
        assert!(proof.verify(key.verifier(), &[], 0).is_err());
    }
});
