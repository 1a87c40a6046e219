//! A running server over a record in memory, and ways to ask it.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use base::{Actor, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use engine::ports::Clock as _;
use engine::{Engine, Growth};
use incident::{Action, AlertRule, Deed, Draft, Rules};
use record::act::Subject;
use record::command::{Command, DigestKey, Verb, signed_bytes};
use record::hash;
use record::kinds::log::Opened;
use record::tile::TileBuilder;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use web::{AlertFormats, Backstage as _, Delivery, Event, Limits, Listener, Options, Unreadable};

use crate::memory::{Memory, MemoryLog, MemoryPublisher, MovedClock, ORIGIN, signer};
use crate::subscribers::Desk;
use crate::wire::{Ask, Reply};

pub(crate) struct World {
    pub(crate) memory: Arc<Memory>,
    pub(crate) clock: Arc<MovedClock>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) plain: SocketAddr,
    pub(crate) tls: Option<SocketAddr>,
    dir: TempDir,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
    tokens: AtomicU32,
}

/// How a world differs from the usual one.
pub(crate) struct Setup {
    pub(crate) limits: Limits,
    pub(crate) growth: Growth,
    pub(crate) metrics_open: bool,
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    pub(crate) formats: AlertFormats,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            limits: Limits {
                commands_per_second: 100_000,
                commands_burst: 100_000,
                deliveries_per_second: 100_000,
                deliveries_burst: 100_000,
                reads_per_second: 100_000,
                reads_burst: 100_000,
                ..Limits::default()
            },
            growth: Growth::new(1_000, 10_000),
            metrics_open: false,
            tls: None,
            formats: formats(),
        }
    }
}

/// Alerts of severity `critical` declare; those named `Watchdog` are ignored.
fn rules() -> Rules {
    let rule = |name: &str, label: &str, value: &str, action| AlertRule {
        name: name.parse().unwrap(),
        matchers: BTreeMap::from([(label.into(), value.into())]),
        action,
    };
    let severity = base::Severity::from_number(2).unwrap();
    Rules {
        alert_rules: vec![
            rule("watchdog", "alertname", "Watchdog", Action::Ignore),
            rule(
                "critical",
                "severity",
                "critical",
                Action::Declare(severity),
            ),
        ],
        channels: vec![incident::Channel {
            name: "matrix".parse().unwrap(),
            has_rooms: true,
            takes_private: false,
            opens: None,
            stays_ms: 900_000,
        }],
        ..Rules::default()
    }
}

/// The real readers of what tools send, as the binary hands them in.
fn formats() -> AlertFormats {
    fn dropped(dropped: Vec<ingest::Dropped>) -> Vec<(&'static str, u64)> {
        dropped
            .into_iter()
            .map(|one| (one.reason, one.count))
            .collect()
    }
    fn delivery(parsed: Result<ingest::Parsed, ingest::BadInput>) -> Result<Delivery, Unreadable> {
        let unreadable = |bad: ingest::BadInput| Unreadable {
            detail: bad.to_string(),
            answer: None,
        };
        let parsed = parsed.map_err(unreadable)?;
        Ok(Delivery {
            signals: parsed.signals,
            dropped: dropped(parsed.dropped),
            truncated: parsed.truncated,
        })
    }
    AlertFormats {
        alertmanager: |body, _| delivery(ingest::alertmanager::webhook(body)),
        prometheus: |body, now| delivery(ingest::prometheus::v2_alerts(body, now)),
        pagerduty: |body| match ingest::pagerduty::events_v2(body) {
            Ok(event) => Ok(Event {
                token: event.routing_key.expose().to_owned(),
                answer: ingest::pagerduty::accepted(&event.dedup_key),
                signal: event.signal,
                dropped: dropped(event.dropped),
            }),
            Err(bad) => Err(Unreadable {
                detail: bad.to_string(),
                answer: Some(ingest::pagerduty::refused(&bad)),
            }),
        },
    }
}

fn boot() -> Deed {
    let vkey = signer(1).verifier().to_string();
    let opened = Opened {
        origin: ORIGIN.into(),
        vkey: vkey.into(),
    };
    Deed {
        id: "record.opened".parse().unwrap(),
        actor: Actor::System {
            id: "record".parse().unwrap(),
        },
        cause: None,
        why: None,
        drafts: vec![Draft::new(Subject::Record, opened)],
    }
}

fn engine(memory: &Arc<Memory>, clock: &Arc<MovedClock>, growth: Growth) -> Engine {
    let publisher = MemoryPublisher {
        memory: memory.clone(),
        builder: TileBuilder::new(),
    };
    Engine::start(engine::Options {
        log: Box::new(MemoryLog::new(memory.clone())),
        entries: memory.clone(),
        keystore: memory.clone(),
        clock: clock.clone(),
        publisher: Box::new(publisher),
        snapshots: memory.clone(),
        digest_key: DigestKey::from_bytes(&[7; 32]),
        rules: rules(),
        growth,
        epoch: 1,
        boot: vec![boot()],
        on_thread_start: Arc::new(|_| {}),
        on_fatal: Box::new(|error| panic!("{error}")),
        progress: Box::new(|_, _| {}),
    })
    .unwrap()
}

fn options(engine: &Arc<Engine>, memory: &Arc<Memory>, clock: &Arc<MovedClock>) -> Options {
    Options {
        engine: engine.clone(),
        backstage: memory.clone(),
        formats: formats(),
        limits: Limits::default(),
        version: "0.0.0-test",
        started_at: clock.now(),
        metrics_open: false,
        subscriptions: None,
        watch: Arc::default(),
        regulators: Vec::new(),
        console: web::Console::default(),
        identity: None,
    }
}

impl World {
    pub(crate) fn new() -> World {
        World::with(Setup::default())
    }

    pub(crate) fn limited(limits: impl FnOnce(&mut Limits)) -> World {
        let mut setup = Setup::default();
        limits(&mut setup.limits);
        World::with(setup)
    }

    pub(crate) fn with(setup: Setup) -> World {
        let (memory, clock) = (Arc::new(Memory::default()), Arc::new(MovedClock::default()));
        let engine = Arc::new(engine(&memory, &clock, setup.growth));
        let dir = tempfile::tempdir().unwrap();
        let desk = Arc::new(Desk::new(engine.clone()));
        let options = Options {
            subscriptions: Some(desk.clone()),
            limits: setup.limits,
            formats: setup.formats,
            metrics_open: setup.metrics_open,
            ..options(&engine, &memory, &clock)
        };
        let (stop, stopped) = oneshot::channel();
        let (told, addresses) = std::sync::mpsc::channel();
        let (socket, tls) = (dir.path().join("control.sock"), setup.tls);
        let server = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let at = plain.local_addr().unwrap();
                let local = web::bind_local(&socket).unwrap();
                let mut listeners = vec![Listener::Plain(plain), Listener::Local(local)];
                let mut tls_at = None;
                if let Some(config) = tls {
                    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                    tls_at = Some(listener.local_addr().unwrap());
                    listeners.push(Listener::Tls(listener, config));
                }
                told.send((at, tls_at)).unwrap();
                let shutdown = async { stopped.await.unwrap_or(()) };
                web::serve(options, listeners, shutdown).await.unwrap();
            });
        });
        let (plain, tls) = addresses.recv().unwrap();
        let begun = Instant::now();
        while memory.published().is_none() {
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "nothing is published"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        World {
            memory,
            clock,
            engine,
            desk,
            plain,
            tls,
            dir,
            stop: Some(stop),
            server: Some(server),
            tokens: AtomicU32::new(0),
        }
    }

    /// What another server over the same record would be made of.
    pub(crate) fn options(&self) -> Options {
        options(&self.engine, &self.memory, &self.clock)
    }

    pub(crate) fn tcp(&self) -> TcpStream {
        let wire = TcpStream::connect(self.plain).unwrap();
        wire.set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        wire
    }

    pub(crate) fn socket(&self) -> UnixStream {
        let wire = UnixStream::connect(self.dir.path().join("control.sock")).unwrap();
        wire.set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        wire
    }

    /// Asks over the loopback interface.
    pub(crate) fn remote(&self, ask: &Ask) -> Reply {
        ask.over(self.tcp())
    }

    /// Asks over the local socket.
    pub(crate) fn local(&self, ask: &Ask) -> Reply {
        ask.over(self.socket())
    }

    /// A command over the local socket that must happen; its receipts.
    #[track_caller]
    pub(crate) fn done(&self, name: &str, id: &str, args: &Value) -> Value {
        self.local(&Ask::command(name, id, args)).expect(200).json()["receipts"].take()
    }

    /// Declares an incident; its id.
    pub(crate) fn declare(&self, title: &str) -> String {
        let id = format!("declare/{}", self.tokens.fetch_add(1, Ordering::SeqCst));
        let receipts = self.done(
            "incident.declare",
            &id,
            &json!({"title": title, "severity": 3}),
        );
        receipts[0]["subject"]["id"].as_str().unwrap().to_owned()
    }

    /// A file of an incident as a command cites it.
    pub(crate) fn upload(&self, incident: &str, content: &str) -> Value {
        let path = format!("/api/v1/incidents/{incident}/files");
        let kept = self.local(&Ask::new("POST", &path).body(content));
        let kept = kept.expect(200).json();
        json!({"bytes": kept["bytes"], "sha256": kept["sha256"]})
    }

    /// Lets the key of this seed sign for a person.
    pub(crate) fn enroll(&self, person: &str, seed: u8) {
        let vkey = signer(seed).verifier().to_string();
        let key = json!({"key": format!("{person}-key"), "person": person, "vkey": vkey});
        self.done("key.enroll", &format!("enroll/{person}"), &key);
    }

    /// A command signed by a person whose key was [enrolled](World::enroll).
    pub(crate) fn signed(&self, name: &str, id: &str, args: &Value, by: (&str, u8)) -> Ask {
        let (person, seed) = by;
        let verb = Verb::decode(name, &args.to_string()).unwrap();
        let mut command = Command::new(id.parse().unwrap(), verb);
        command.why = Some("walked".parse().unwrap());
        let canonical = command.to_canonical().unwrap();
        let pair = aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let signature = STANDARD.encode(pair.sign(&signed_bytes(&canonical)));
        Ask::command(name, id, args)
            .header("Hereby-Why", "walked")
            .header(
                "Hereby-Signature",
                &format!("key={person}-key, sig={signature}"),
            )
    }

    /// A token for a person with these scopes that works for a day.
    pub(crate) fn token(&self, scopes: &[&str]) -> String {
        self.token_for(scopes, &json!({"type": "person", "id": "sam"}))
    }

    pub(crate) fn token_for(&self, scopes: &[&str], actor: &Value) -> String {
        let number = self.tokens.fetch_add(1, Ordering::SeqCst);
        let secret = hash::sha256(&[b"no secret either", &number.to_be_bytes()]).0;
        let hash = hash::sha256(&[&secret]);
        let args = json!({
            "actor": actor,
            "expires_at": self.in_ms(86_400_000),
            "hash": hash,
            "scopes": scopes,
            "token": token_id(&secret),
        });
        self.done("token.issue", &format!("token/{number}"), &args);
        format!("hby_{}", URL_SAFE_NO_PAD.encode(secret))
    }

    pub(crate) fn in_ms(&self, ms: i64) -> Timestamp {
        self.clock.now().plus_ms(ms)
    }

    /// Stops the server and waits for its end.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(server) = self.server.take() {
            server.join().unwrap();
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

/// The id of the token with this secret.
pub(crate) fn token_id(secret: &[u8]) -> String {
    let hash = hash::sha256(&[secret]);
    format!(
        "tok-{}",
        hash.0
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    )
}

/// The id of a token as it is sent.
pub(crate) fn id_of(token: &str) -> String {
    token_id(
        &URL_SAFE_NO_PAD
            .decode(token.strip_prefix("hby_").unwrap())
            .unwrap(),
    )
}
