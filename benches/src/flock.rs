//! Edges that are not there: each enrolls, reports every second over a connection of its own, and follows
//! what it is told once that is proven, as a real one does. What it would serve is a word.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base::Name;
use record::fleet::{
    Bundle, Counts, Directions, Enroll, Fetch, Known, Pins, Report, Request, Runs, TOOK_MS, Wanted,
    Word, sign,
};
use record::hash::{Hash, sha256};
use record::note::{Algorithm, SignerKey};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::rig::{Failed, failed};

/// So many edges come from one address.
const EACH_ADDRESS: usize = 64;
/// Requests of each edge in a second.
const REQUESTS: u64 = 10;

/// What all of them share.
#[derive(Debug, Default)]
pub struct Shared {
    /// Whether what runs fails.
    pub fails: AtomicBool,
    /// Bytes sent and received.
    pub sent: AtomicU64,
    /// Likewise.
    pub received: AtomicU64,
    /// Reports that were answered.
    pub reports: AtomicU64,
}

/// One edge.
pub struct Simulated {
    name: Name,
    cell: Name,
    key: SignerKey,
    known: Known,
    number: usize,
    at_ms: u64,
    runs: Option<Runs>,
    follows: Option<u64>,
    counts: Counts,
    stream: Option<TcpStream>,
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// The token that edge is invited with, as it is written, and its hash.
pub fn token(edge: &str) -> (String, Hash) {
    let secret = sha256(&[b"a token of a benchmark", edge.as_bytes()]);
    // base64url without padding of what `record` writes in base64.
    let text = secret.to_string().replace('+', "-").replace('/', "_");
    (
        format!("hby_{}", text.trim_end_matches('=')),
        sha256(&[&secret.0]),
    )
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0))
}

impl Simulated {
    /// Enrolls an edge that was invited with its [`token`].
    ///
    /// # Errors
    /// When it is not taken in.
    pub async fn enroll(
        number: usize,
        address: SocketAddr,
        shared: Arc<Shared>,
    ) -> Result<Simulated, Failed> {
        let text = format!("sim-{number}");
        let seed = sha256(&[b"a key of a benchmark", text.as_bytes()]);
        let key = SignerKey::from_seed(&text, Algorithm::Ed25519, seed.0)
            .map_err(failed("make a key"))?;
        let name: Name = text.parse().map_err(failed("name an edge"))?;
        let asked = Enroll {
            at_ms: now_ms(),
            edge: name.clone(),
            token: token(&text).0.into(),
            vkey: key.verifier().to_string().into(),
        };
        let mut stream = None;
        let answer = ask(
            &mut stream,
            (number, address),
            "enroll",
            &asked,
            &key,
            &shared,
        )
        .await?;
        let pins: Pins = serde_json::from_slice(&answer).map_err(failed("read pins"))?;
        let log = pins.vkey.parse().map_err(failed("read a key"))?;
        let known = Known::new(log, &pins.checkpoint).map_err(failed("believe it"))?;
        Ok(Simulated {
            name,
            cell: pins.cell,
            key,
            known,
            number,
            at_ms: now_ms(),
            runs: None,
            follows: None,
            counts: Counts {
                took: vec![0; TOOK_MS.len() + 1],
                ..Counts::default()
            },
            stream,
            address,
            shared,
        })
    }

    /// Which version it runs.
    pub fn runs(&self) -> Option<Hash> {
        self.runs.as_ref().map(|runs| runs.digest)
    }

    fn rise(&mut self) -> u64 {
        self.at_ms = now_ms().max(self.at_ms + 1);
        self.at_ms
    }

    /// A second: it reports, and follows. When it began to run something else, if it did.
    ///
    /// # Errors
    /// When control does not answer, or what it says is not believed.
    pub async fn second(&mut self) -> Result<Option<(Hash, Instant)>, Failed> {
        self.counts.requests += REQUESTS;
        if self.shared.fails.load(Relaxed) && self.runs.is_some() {
            self.counts.failed += REQUESTS;
        }
        self.counts
            .took
            .iter_mut()
            .for_each(|took| *took += REQUESTS);
        let report = Report {
            at_ms: self.rise(),
            counts: self.counts.clone(),
            edge: self.name.clone(),
            epoch: record::succession::FIRST_EPOCH,
            break_glass: None,
            follows: self.follows,
            overlay: 0,
            process: 1,
            protocol: record::fleet::PROTOCOL,
            tenants: Default::default(),
            program: "0.1.0".parse().map_err(failed("name a release"))?,
            refused: Vec::new(),
            refused_more: 0,
            runs: self.runs.clone(),
            size: self.known.size(),
        };
        let answer = self.ask("report", &report).await?;
        self.shared.reports.fetch_add(1, Relaxed);
        let directions: Directions =
            serde_json::from_slice(&answer).map_err(failed("read directions"))?;
        self.known
            .grow(&directions.grown)
            .map_err(failed("believe it"))?;
        if directions.sequence <= self.follows {
            return Ok(None);
        }
        let floor = self.runs.as_ref().map(|runs| runs.sequence);
        let fetch = Fetch {
            at_ms: self.rise(),
            edge: self.name.clone(),
            size: self.known.size(),
            what: Wanted::Bundle {
                after: self.follows,
            },
        };
        let answer = self.ask("fetch", &fetch).await?;
        let bundle: Bundle = serde_json::from_slice(&answer).map_err(failed("read a bundle"))?;
        let us = (&self.cell, &self.name);
        let told = self
            .known
            .told(&bundle, us, record::fleet::FIRST_PROTOCOL, |_| floor)
            .map_err(failed("believe it"))?;
        self.follows = Some(bundle.upto);
        // No tenant has a version of its own here.
        let Some(Word::Run(told)) = told.last() else {
            return Ok(None);
        };
        let (Some(digest), sequence) = (told.digest, told.sequence) else {
            return Ok(None);
        };
        let changed = self.runs() != Some(digest);
        self.runs = Some(Runs {
            digest,
            sequence,
            since_ms: self.at_ms,
        });
        Ok(changed.then(|| (digest, Instant::now())))
    }

    async fn ask<R: Request + Sync>(&mut self, path: &str, request: &R) -> Result<Vec<u8>, Failed> {
        let place = (self.number, self.address);
        ask(
            &mut self.stream,
            place,
            path,
            request,
            &self.key,
            &self.shared,
        )
        .await
    }

    /// How long it waits until the next second, another time for each.
    pub fn pause(&self) -> Duration {
        let jitter = self.at_ms.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        Duration::from_millis(1_000 - jitter % 100)
    }
}

async fn ask<R: Request + Sync>(
    stream: &mut Option<TcpStream>,
    (number, address): (usize, SocketAddr),
    path: &str,
    request: &R,
    key: &SignerKey,
    shared: &Shared,
) -> Result<Vec<u8>, Failed> {
    let note = sign(request, key).map_err(failed("sign"))?;
    let head = format!(
        "POST /api/v1/edges/{path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: text/plain\r\n\
         content-length: {}\r\n\r\n{note}",
        note.len()
    );
    if stream.is_none() {
        let socket = TcpSocket::new_v4().map_err(failed("make a socket"))?;
        let own = Ipv4Addr::new(
            127,
            0,
            1,
            u8::try_from(1 + number / EACH_ADDRESS).unwrap_or(255),
        );
        let own = SocketAddr::new(IpAddr::V4(own), 0);
        socket.bind(own).map_err(failed("bind"))?;
        *stream = Some(socket.connect(address).await.map_err(failed("connect"))?);
    }
    let Some(open) = stream else {
        return Err(Failed("no connection".to_owned()));
    };
    open.write_all(head.as_bytes())
        .await
        .map_err(failed("ask"))?;
    shared.sent.fetch_add(head.len() as u64, Relaxed);
    let mut bytes = Vec::with_capacity(4_096);
    loop {
        let size = open.read_buf(&mut bytes).await.map_err(failed("hear"))?;
        if size == 0 {
            return Err(Failed("control closed a connection".to_owned()));
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, _)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            let named = name.eq_ignore_ascii_case("content-length");
            named.then(|| value.trim().parse::<usize>().ok()).flatten()
        });
        let (good, whole) = (head.contains(" 200 "), head.len() + 4 + length.unwrap_or(0));
        if bytes.len() < whole {
            continue;
        }
        shared.received.fetch_add(bytes.len() as u64, Relaxed);
        let body = bytes
            .get(whole - length.unwrap_or(0)..)
            .unwrap_or_default()
            .to_vec();
        return match good {
            true => Ok(body),
            false => Err(Failed(String::from_utf8_lossy(&bytes).into_owned())),
        };
    }
}
