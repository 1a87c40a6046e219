//! Asks witnesses to cosign what was published (C2SP tlog-witness), behind the acknowledgement.
//!
//! A witness that can't be reached holds nothing up: it is asked again, and how far behind it is
//! can be seen in the status. A witness that says that our history is not the one it knows is an
//! error that is shown until somebody looks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::Timestamp;
use hyper::{Method, StatusCode};
use record::cosignature;
use record::note::{Note, NoteSignature, VerifierKey};
use record::tile::TiledTree;
use record::tree;
use record::witness::{AddCheckpoint, parse_conflict, parse_cosignatures};
use store::Published;

use crate::cli::Globals;
use crate::client::{Ask, Client};
use crate::config;
use crate::exit::Failure;

/// How often a witness is asked when there is something new.
const PUSH_EVERY: Duration = Duration::from_secs(1);

/// The longest pause after failures.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The configured witnesses and what each has cosigned.
#[derive(Default)]
pub(crate) struct Witnesses {
    all: Vec<Arc<Peer>>,
}

struct Peer {
    vkey: VerifierKey,
    client: Client,
    newest: Mutex<Option<Cosigned>>,
}

#[derive(Clone)]
struct Cosigned {
    size: u64,
    at: Timestamp,
    signature: NoteSignature,
}

/// What an attempt came to.
enum Pushed {
    /// Cosigned, or nothing new.
    Fine,
    /// The witness knows another size: ask again from there.
    From(u64),
}

impl Witnesses {
    /// The witnesses that the configuration names.
    pub(crate) fn new(configured: &[config::Witness]) -> Result<Witnesses, Failure> {
        let mut all = Vec::new();
        for witness in configured {
            let vkey: VerifierKey = witness.vkey.parse().map_err(|error| {
                Failure::usage(format!("record.witness {}: the vkey: {error}", witness.url))
            })?;
            let globals = Globals {
                url: Some(witness.url.clone()),
                ca_file: witness.ca_file.clone(),
                ..Globals::default()
            };
            let client = Client::without_token(&globals)?;
            all.push(Arc::new(Peer {
                vkey,
                client,
                newest: Mutex::new(None),
            }));
        }
        Ok(Witnesses { all })
    }

    /// What each has cosigned last.
    pub(crate) fn all(&self) -> Vec<web::Witness> {
        let mut all = Vec::new();
        for peer in &self.all {
            let newest = peer.newest();
            all.push(web::Witness {
                name: peer.vkey.name().to_owned(),
                size: newest.as_ref().map(|cosigned| cosigned.size),
                at: newest.map(|cosigned| cosigned.at),
            });
        }
        all
    }

    /// The checkpoint's note with the cosignatures over exactly this checkpoint.
    pub(crate) fn with_cosignatures(&self, size: u64, note: &str) -> String {
        let Ok(parsed) = Note::parse(note.as_bytes()) else {
            return note.to_owned();
        };
        let signatures: Vec<NoteSignature> = self
            .all
            .iter()
            .filter_map(|peer| peer.newest().filter(|cosigned| cosigned.size == size))
            // A witness may have cosigned another tree of this size: only what verifies is shown.
            .filter(|cosigned| {
                self.all.iter().any(|peer| {
                    cosignature::verify(&peer.vkey, parsed.text(), &cosigned.signature).is_ok()
                })
            })
            .map(|cosigned| cosigned.signature)
            .collect();
        parsed
            .with_signatures(signatures)
            .map_or_else(|_| note.to_owned(), |note| note.to_string())
    }

    /// Asks every witness for ever, each by itself.
    pub(crate) fn start(&self, published: &Arc<Published>) {
        for peer in &self.all {
            let (peer, published) = (peer.clone(), published.clone());
            tokio::spawn(async move { peer.follow(&published).await });
        }
    }
}

impl Peer {
    fn newest(&self) -> Option<Cosigned> {
        self.newest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    async fn follow(&self, published: &Published) {
        let mut old_size = 0;
        let mut pause = PUSH_EVERY;
        let mut jumped = false;
        loop {
            tokio::time::sleep(pause).await;
            match self.push(published, old_size).await {
                Ok(Pushed::Fine) => {
                    old_size = self.newest().map_or(old_size, |cosigned| cosigned.size);
                    pause = PUSH_EVERY;
                    jumped = false;
                }
                // Once at once, and then with the patience of a failure: a witness that goes on
                // naming other sizes is not to be asked in a loop.
                Ok(Pushed::From(size)) => {
                    old_size = size;
                    pause = if jumped {
                        (pause * 2).min(PAUSE_MAX)
                    } else {
                        PUSH_EVERY / 100
                    };
                    jumped = true;
                }
                Err(error) => {
                    let witness = self.vkey.name();
                    tracing::warn!(witness, %error, "a witness did not cosign");
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    async fn push(&self, published: &Published, old_size: u64) -> Result<Pushed, String> {
        let Some((size, text)) = published.newest() else {
            return Ok(Pushed::Fine);
        };
        if self.newest().is_some_and(|cosigned| cosigned.size == size) {
            return Ok(Pushed::Fine);
        }
        if old_size > size {
            return Err(format!(
                "it has cosigned {old_size} acts of this log and the record has {size}: the \
                 record was rolled back, or the witness was shown another history"
            ));
        }
        let note = Note::parse(text.as_bytes()).map_err(|error| error.to_string())?;
        let proof = if old_size == 0 || old_size == size {
            Vec::new()
        } else {
            let tree = TiledTree::new(size, published);
            tree::consistency_proof(old_size, size, &tree).map_err(|error| error.to_string())?
        };
        let request =
            AddCheckpoint::new(old_size, proof, note.clone()).map_err(|error| error.to_string())?;
        let ask = Ask::with_body(
            Method::POST,
            "/add-checkpoint",
            "text/plain; charset=utf-8",
            request.to_string(),
        );
        let answer = self
            .client
            .once(&ask)
            .await
            .map_err(|trouble| self.client.unreachable(&trouble).what)?;
        match answer.status {
            StatusCode::OK => self.take(&answer.body, size, &note),
            StatusCode::CONFLICT => match parse_conflict(&answer.body) {
                Some(known) if known != old_size => Ok(Pushed::From(known)),
                _ => Err("it says conflict and names no other size".to_owned()),
            },
            other => {
                let said: String = String::from_utf8_lossy(&answer.body)
                    .chars()
                    .take(200)
                    .collect();
                Err(format!("it answered {other}: {said}"))
            }
        }
    }

    fn take(&self, body: &[u8], size: u64, note: &Note) -> Result<Pushed, String> {
        let signatures = parse_cosignatures(body).map_err(|error| error.to_string())?;
        for signature in signatures {
            if let Ok(time_s) = cosignature::verify(&self.vkey, note.text(), &signature) {
                let at =
                    Timestamp::from_ms(i64::try_from(time_s).unwrap_or(0).saturating_mul(1_000));
                let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
                *newest = Some(Cosigned {
                    size,
                    at,
                    signature,
                });
                return Ok(Pushed::Fine);
            }
        }
        Err("its answer has no cosignature by the configured key".to_owned())
    }
}
