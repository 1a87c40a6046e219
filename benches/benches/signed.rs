//! 64 appenders whose commands a person's key has signed, against verifying alone.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base::{Name, PersonName};
use benches::load::{self, cores};
use benches::quiet::undisturbed;
use benches::rig::{Failed, Priority, Rig, failed, request};
use benches::{Goal, median, report, rounds, say};
use engine::{Request, Signature};
use record::command::{EnrollKey, signed_bytes};
use record::note::{Algorithm, VerifierKey};

const APPENDERS: usize = 64;

/// How many commands are signed before the clock starts; more than a stretch can use up.
const SIGNED_PER_SECOND: usize = 100_000;

fn main() -> Result<(), Failed> {
    let (mut alone, mut ours, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..rounds() {
        let (verify, acts) = undisturbed(&[], || measure(number))?;
        alone.push(verify);
        ours.push(acts);
        ratios.push(acts / (verify * cores() as f64));
    }
    say(&format!(
        "verifying alone, one thread: {:.0}/s on {} cores",
        median(&alone),
        cores()
    ));
    say(&format!("64 appenders, signed: {:.0}/s", median(&ours)));
    let name = "signed: 64 appenders / (cores x verifying alone)";
    report(name, "x", &ratios, Goal::AtLeast(0.7));
    Ok(())
}

/// Signatures that one thread verifies a second, signed acts a second.
fn measure(number: usize) -> Result<(f64, f64), Failed> {
    let rig = Arc::new(Rig::new(Priority::Raised)?);
    load::warm(&rig)?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).map_err(failed("make a key"))?;
    let name: Name = "sam-laptop".parse().map_err(failed("enroll"))?;
    enroll(&rig, &name, &pair)?;
    let count = SIGNED_PER_SECOND * load::stretch().as_secs().max(1) as usize;
    let requests = sign(&rig, &name, &pair, count)?;
    let verify = || verify_alone(&requests, pair.public_key().as_ref());
    if number.is_multiple_of(2) {
        let alone = verify()?;
        Ok((alone, append(&rig, requests)?))
    } else {
        let own = append(&rig, requests.clone())?;
        Ok((verify()?, own))
    }
}

fn enroll(rig: &Rig, name: &Name, pair: &Ed25519KeyPair) -> Result<(), Failed> {
    let public = pair
        .public_key()
        .as_ref()
        .try_into()
        .map_err(failed("enroll"))?;
    let vkey = VerifierKey::new("sam", Algorithm::Ed25519, public).map_err(failed("enroll"))?;
    let person: PersonName = "sam".parse().map_err(failed("enroll"))?;
    let enroll = EnrollKey {
        key: name.clone(),
        person,
        vkey: vkey.to_string().into(),
    };
    rig.submit(rig.request(enroll.into()))?;
    Ok(())
}

fn sign(
    rig: &Rig,
    name: &Name,
    pair: &Ed25519KeyPair,
    count: usize,
) -> Result<Vec<Request>, Failed> {
    let mut requests = Vec::with_capacity(count);
    for _ in 0..count {
        let command = rig.command(rig.note_verb());
        let canonical = command.to_canonical().map_err(failed("write a command"))?;
        let bytes = pair.sign(&signed_bytes(&canonical)).as_ref().to_vec();
        requests.push(request(
            command,
            Some(Signature {
                key: name.clone(),
                bytes,
            }),
        ));
    }
    Ok(requests)
}

fn verify_alone(requests: &[Request], public: &[u8]) -> Result<f64, Failed> {
    let mut signed = Vec::new();
    for request in requests.iter().take(4_096) {
        let canonical = request
            .command
            .to_canonical()
            .map_err(failed("write a command"))?;
        let signature = request
            .signature
            .as_ref()
            .map(|it| it.bytes.clone())
            .unwrap_or_default();
        signed.push((signed_bytes(&canonical), signature));
    }
    let key = UnparsedPublicKey::new(&ED25519, public);
    let mut verified = 0_u32;
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(1) {
        for (message, signature) in signed.iter().take(256) {
            key.verify(message, signature).map_err(failed("verify"))?;
            verified += 1;
        }
        signed.rotate_left(256);
    }
    Ok(f64::from(verified) / begin.elapsed().as_secs_f64())
}

fn append(rig: &Arc<Rig>, requests: Vec<Request>) -> Result<f64, Failed> {
    let mut shares: Vec<VecDeque<Request>> = vec![VecDeque::new(); APPENDERS];
    for (at, request) in requests.into_iter().enumerate() {
        if let Some(share) = shares.get_mut(at % APPENDERS) {
            share.push_back(request);
        }
    }
    let shares: Vec<Mutex<VecDeque<Request>>> = shares.into_iter().map(Mutex::new).collect();
    let next: load::Next =
        Arc::new(move |_, number, _| shares.get(number)?.lock().ok()?.pop_front());
    let measured = load::append(rig, APPENDERS, load::stretch(), &next)?;
    Ok(measured.per_second())
}
