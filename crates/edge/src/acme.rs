//! Certificates from a CA that speaks ACME (RFC 8555): one for each name, shown to be ours by HTTP-01.
//!
//! Only the minder's thread works on it, and nothing that is served waits for it. What it gets it
//! writes below the state directory; like every certificate it is read from there when its file
//! changes, by this process and by whoever follows it.

mod client;
mod order;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response};
use policy::Moment;
use policy::config::Config;

use crate::body::Answer;
use crate::clock;
use crate::counts::Count;
use crate::edge::Edge;
use crate::tls::validity_s;
use crate::upstream::lock;

/// Below the state directory.
const DIRECTORY: &str = "acme";
const CHALLENGES: &str = "/.well-known/acme-challenge/";
/// A token is some twenty characters (RFC 8555, 8.3).
const TOKEN_BYTES_MAX: usize = 256;
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Clocks are set and files replaced: when a certificate ends is asked again so often.
const ASK_AGAIN_MS: u64 = 3_600_000;
/// After a failure, and after three times as long after the next: at most five in the first hour,
/// which is what CAs put up with.
const BACKOFF_MS: u64 = 60_000;
const BACKOFF_MS_MAX: u64 = 43_200_000;
/// An order takes seconds; a CA that has much to do, minutes.
const ORDER_TIME: Duration = Duration::from_secs(300);

/// What requests and the minder share.
#[derive(Default)]
pub(crate) struct Acme {
    /// What is to be answered for which token, while a CA may ask.
    challenges: Mutex<HashMap<String, String>>,
    pub(crate) issued: Count,
    pub(crate) failed: Count,
}

impl Acme {
    /// The answer to a CA that looks whether a name leads here; none: somebody else is asked.
    pub(crate) fn answer(&self, tls: bool, parts: &Parts) -> Option<Response<Answer>> {
        let token = parts.uri.path().strip_prefix(CHALLENGES)?;
        if tls || parts.method != Method::GET || token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let proof = lock(&self.challenges).get(token).cloned()?;
        let mut response = Response::new(Answer::whole(proof));
        let kind = HeaderValue::from_static("application/octet-stream");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        Some(response)
    }

    /// Answers that from now on, until what this gives is dropped.
    fn expect(&self, token: String, proof: String) -> Expected<'_> {
        lock(&self.challenges).insert(token.clone(), proof);
        Expected { acme: self, token }
    }
}

struct Expected<'a> {
    acme: &'a Acme,
    token: String,
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        lock(&self.acme.challenges).remove(&self.token);
    }
}

/// Where the certificates are, or will be: each with its key in one file, so that both are replaced
/// at once.
pub(crate) fn files(config: &Config, state_dir: &Path) -> Vec<PathBuf> {
    let names = config.acme.iter().flat_map(|acme| &acme.names);
    names.map(|name| file(state_dir, name)).collect()
}

fn file(state_dir: &Path, name: &str) -> PathBuf {
    state_dir.join(DIRECTORY).join(format!("{name}.pem"))
}

/// How it stands with one name.
struct Standing {
    /// When it is looked at next.
    look_at: Moment,
    failures: u32,
    /// Edges that began together don't all ask in the same minute.
    jitter: u64,
}

/// Sees to it that every name has a certificate, until the edge is about to end.
pub(crate) async fn keep(edge: Arc<Edge>, state_dir: PathBuf) {
    let mut standings: HashMap<String, Standing> = HashMap::new();
    let mut before = edge.running.load_full();
    while !edge.draining.borrow().begun() {
        let running = edge.running.load_full();
        if !Arc::ptr_eq(&running, &before) {
            // Whoever has it read again has mended something.
            standings.clear();
            before = running.clone();
        }
        for name in running.config.acme.iter().flat_map(|acme| &acme.names) {
            let standing = standings.entry(name.clone()).or_insert_with(|| Standing {
                look_at: Moment(0),
                failures: 0,
                jitter: edge.choice(),
            });
            if standing.look_at <= clock::now() {
                let wait_ms = look(&edge, &state_dir, name, standing).await;
                standing.look_at = clock::now().plus_ms(wait_ms);
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Gets a certificate for that name if it is time. In how many milliseconds to look again.
async fn look(edge: &Edge, state_dir: &Path, name: &str, standing: &mut Standing) -> u64 {
    let running = edge.running.load_full();
    let Some(config) = &running.config.acme else {
        return ASK_AGAIN_MS;
    };
    let file = file(state_dir, name);
    let due_ms = || due_ms(&file, config.renew_before_ms, standing.jitter);
    let wait_ms = due_ms().saturating_sub(clock::unix_ms());
    if let Some(wait_ms) = u64::try_from(wait_ms).ok().filter(|wait_ms| *wait_ms > 0) {
        return wait_ms.min(ASK_AGAIN_MS);
    }
    let work = order::obtain(edge, config, &running.directory, &file, name);
    let outcome = match tokio::time::timeout(ORDER_TIME, work).await {
        Ok(Ok(())) if due_ms() > clock::unix_ms() => Ok(()),
        Ok(Ok(())) => {
            Err("what the CA gave is due to be replaced already: is the clock right?".into())
        }
        Ok(Err(error)) => Err(error),
        Err(_) => Err("the CA did not finish in time".into()),
    };
    match outcome {
        Ok(()) => {
            edge.acme.issued.add(1);
            standing.failures = 0;
            tracing::info!(name, "there is a new certificate");
            0
        }
        Err(error) => {
            edge.acme.failed.add(1);
            let wait_ms = backoff_ms(standing.failures, edge.choice());
            standing.failures = standing.failures.saturating_add(1);
            tracing::error!(
                name,
                error = &*error,
                again_in_s = wait_ms / 1_000,
                "there is no new certificate"
            );
            wait_ms
        }
    }
}

/// When the certificate in that file is to be replaced, in milliseconds since 1970: so long before its
/// end, but never in the first two thirds of its life, and a little earlier by chance. At once, if there
/// is none.
fn due_ms(file: &Path, renew_before_ms: u64, jitter: u64) -> i64 {
    let Ok((from_s, to_s)) = validity_s(file) else {
        return 0;
    };
    let life_ms = u64::try_from(to_s.saturating_sub(from_s)).unwrap_or(0) * 1_000;
    let margin_ms = renew_before_ms.min(life_ms / 3);
    let earlier_ms = margin_ms / 10 * (jitter >> 54) / 1_024;
    let before_ms = i64::try_from(margin_ms + earlier_ms).unwrap_or(i64::MAX);
    to_s.saturating_mul(1_000).saturating_sub(before_ms)
}

/// How long after so many failures it is tried again, give or take an eighth.
fn backoff_ms(failures: u32, chance: u64) -> u64 {
    let wait_ms = BACKOFF_MS.saturating_mul(3_u64.saturating_pow(failures));
    let wait_ms = wait_ms.min(BACKOFF_MS_MAX);
    wait_ms - wait_ms / 8 + wait_ms / 4 * (chance >> 54) / 1_024
}

#[cfg(test)]
mod tests;
