//! Stands between a sender and hereby: passes on each request, remembers what was answered, and
//! can spring a trap at an exact moment of an exchange.
//!
//! HTTP/1.1 with one request a connection and a `Content-Length`, which is how Alertmanager and
//! Prometheus send. While hereby is away the sender's connection is closed without an answer.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::PATIENCE;

/// A relay. It takes no more connections once it is dropped.
pub(crate) struct Relay {
    pub(crate) address: String,
    shared: Arc<Shared>,
}

/// One request and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    /// The request's body.
    pub(crate) asked: Value,
    /// hereby's answer; `None` if none came.
    pub(crate) status: Option<u16>,
    /// The answer's head and its body.
    pub(crate) head: String,
    pub(crate) body: String,
    /// The sender was not told.
    pub(crate) cut: bool,
}

/// When a trap springs.
pub(crate) enum Moment {
    /// Half of the request's body is sent.
    HalfSent,
    /// All of the request is sent, and it is not known how far hereby is with it.
    Sent,
    /// An entry with this text stands in a segment of this directory.
    Written(PathBuf, &'static str),
    /// hereby answered; the sender has not heard it yet.
    Answered,
}

struct Trap {
    at: Moment,
    act: Box<dyn FnOnce() + Send>,
}

struct Shared {
    upstream: Mutex<String>,
    seen: Mutex<Vec<Exchange>>,
    trap: Mutex<Option<Trap>>,
    sprung: AtomicBool,
    stopped: AtomicBool,
}

impl Relay {
    /// A relay to whoever listens at this address.
    pub(crate) fn to(upstream: &str) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            upstream: Mutex::new(upstream.to_owned()),
            seen: Mutex::new(Vec::new()),
            trap: Mutex::new(None),
            sprung: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        });
        let mine = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if mine.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), mine) = (stream, mine.clone()) else {
                    continue;
                };
                // A sender that goes away mid-way is none of the relay's business.
                std::thread::spawn(move || mine.pass(stream));
            }
        });
        Relay { address, shared }
    }

    /// hereby listens there now.
    pub(crate) fn lead_to(&self, upstream: &str) {
        *self.shared.upstream.lock().unwrap() = upstream.to_owned();
    }

    /// The webhook, by way of the relay.
    pub(crate) fn webhook(&self) -> String {
        format!("http://{}/api/v1/alertmanager", self.address)
    }

    /// Does this once, at that moment of the next exchange; the sender gets no answer then.
    pub(crate) fn trap(&self, at: Moment, act: impl FnOnce() + Send + 'static) {
        let act = Box::new(act);
        *self.shared.trap.lock().unwrap() = Some(Trap { at, act });
    }

    /// Whether the trap sprang.
    pub(crate) fn sprang(&self) -> bool {
        self.shared.sprung.load(Ordering::SeqCst)
    }

    /// Everything that went through, in the order in which it ended.
    pub(crate) fn seen(&self) -> Vec<Exchange> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// The exchanges that ended well, as the sender knows it.
    pub(crate) fn taken(&self) -> Vec<Exchange> {
        let well = |it: &Exchange| it.status == Some(200) && !it.cut;
        self.seen().into_iter().filter(well).collect()
    }
}

impl Exchange {
    /// The value of this header (lower case) in the answer.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(it, _)| it.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }

    /// The answer's body.
    pub(crate) fn answered(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(&self.address);
    }
}

impl Shared {
    fn pass(&self, mut sender: TcpStream) -> Option<()> {
        sender.set_read_timeout(Some(PATIENCE)).ok()?;
        let (head, body) = request(&sender)?;
        let trap = self.trap.lock().unwrap().take();
        let upstream = self.upstream.lock().unwrap().clone();
        let exchange = self.forward(&upstream, &head, &body, trap);
        let cut = exchange.cut || exchange.status.is_none();
        let raw = format!("{}\r\n\r\n{}", exchange.head, exchange.body);
        self.seen.lock().unwrap().push(exchange);
        if !cut {
            sender.write_all(raw.as_bytes()).ok()?;
        }
        sender.shutdown(Shutdown::Both).ok()
    }

    fn forward(&self, upstream: &str, head: &str, body: &[u8], trap: Option<Trap>) -> Exchange {
        let mut exchange = Exchange {
            asked: serde_json::from_slice(body).unwrap_or(Value::Null),
            status: None,
            head: String::new(),
            body: String::new(),
            cut: trap.is_some(),
        };
        let Ok(mut stream) = TcpStream::connect(upstream) else {
            // It waits for hereby, not for nobody.
            *self.trap.lock().unwrap() = trap;
            return exchange;
        };
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let halves = body.split_at(match &trap {
            Some(Trap {
                at: Moment::HalfSent,
                ..
            }) => body.len() / 2,
            _ => body.len(),
        });
        let _ = stream.write_all(&[head.as_bytes(), halves.0].concat());
        let mut trap = trap;
        match &trap {
            Some(Trap {
                at: Moment::HalfSent | Moment::Sent,
                ..
            }) => self.spring(&mut trap),
            Some(Trap {
                at: Moment::Written(dir, text),
                ..
            }) => {
                appears(dir, text);
                self.spring(&mut trap);
            }
            _ => {}
        }
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        exchange.status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        if let Some((head, body)) = answer.split_once("\r\n\r\n") {
            head.clone_into(&mut exchange.head);
            body.clone_into(&mut exchange.body);
        }
        self.spring(&mut trap);
        exchange
    }

    fn spring(&self, trap: &mut Option<Trap>) {
        if let Some(trap) = trap.take() {
            (trap.act)();
            self.sprung.store(true, Ordering::SeqCst);
        }
    }
}

/// Waits until this text stands in a segment.
fn appears(segments: &std::path::Path, text: &str) {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let found = std::fs::read_dir(segments).unwrap().any(|file| {
            std::fs::read_to_string(file.unwrap().path()).is_ok_and(|it| it.contains(text))
        });
        if found {
            return;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Reads one request: its head, changed so that one exchange is all, and its body.
fn request(stream: &TcpStream) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        match line.as_str() {
            "" => return None,
            "\r\n" => break,
            _ if lower.starts_with("connection:") => {}
            _ => head.push_str(&line),
        }
    }
    head.push_str("Connection: close\r\n\r\n");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}
