//! Servers that die, flap, return and are told what to answer.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering::SeqCst};

use crate::harness::{Place, Process, curl, wait_for};
use crate::upgrade_peers::head;

/// A real nginx in one process, so that killing it leaves nobody: every path has its name.
pub(crate) fn site(place: &Place, name: &str, port: u16) -> Process {
    let server = format!("location / {{ return 200 \"{name}\"; }}");
    nginx_alone(place, name, port, "", &server)
}

/// A real nginx in one process, with more in its `http` and in its one server.
pub(crate) fn nginx_alone(
    place: &Place,
    name: &str,
    port: u16,
    http: &str,
    server: &str,
) -> Process {
    let at = place.dir.path().display();
    let text = format!(
        "worker_processes 1; daemon off; master_process off; pid {at}/{name}.pid; error_log {at}/{name}.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; {http} client_body_temp_path {at}/{name}-b; proxy_temp_path {at}/{name}-p;\n\
         fastcgi_temp_path {at}/{name}-f; uwsgi_temp_path {at}/{name}-u; scgi_temp_path {at}/{name}-s;\n\
         server {{ listen 127.0.0.1:{port}; {server} }} }}\n"
    );
    let file = place.write(&format!("{name}.conf"), &text);
    let process = Process::start(
        Command::new("nginx")
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stderr(Stdio::null()),
    );
    wait_for(port);
    process
}

/// What a client sees: status, body, and whether it is told that this is not the usual one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) posture: Option<String>,
}

pub(crate) fn see(url: &str) -> Seen {
    let text = curl(&["-i", url]);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let posture = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("hereby-posture: ")
            .map(str::to_owned)
    });
    Seen {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        body: body.trim().to_owned(),
        posture,
    }
}

/// A server that answers as it is told, and counts.
#[derive(Clone)]
pub(crate) struct Dial {
    pub(crate) port: u16,
    /// The status of everything but `/healthz`; 0: it hangs up.
    pub(crate) status: Arc<AtomicU16>,
    pub(crate) health: Arc<AtomicU16>,
    pub(crate) asked: Arc<AtomicU64>,
}

impl Dial {
    pub(crate) fn new() -> Dial {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let dial = Dial {
            port: listener.local_addr().unwrap().port(),
            status: Arc::new(AtomicU16::new(200)),
            health: Arc::new(AtomicU16::new(200)),
            asked: Arc::default(),
        };
        let own = dial.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let dial = own.clone();
                std::thread::spawn(move || {
                    // Who goes away ends it.
                    let _ = dial.converse(stream);
                });
            }
        });
        dial
    }

    fn converse(&self, mut stream: TcpStream) -> std::io::Result<()> {
        loop {
            let head = head(&mut stream)?;
            let status = match head.split(' ').nth(1) {
                Some("/healthz") => self.health.load(SeqCst),
                _ => {
                    self.asked.fetch_add(1, SeqCst);
                    self.status.load(SeqCst)
                }
            };
            if status == 0 {
                return Ok(());
            }
            write!(
                stream,
                "HTTP/1.1 {status} So\r\nContent-Length: 2\r\n\r\nok"
            )?;
        }
    }

    pub(crate) fn says(&self, status: u16) {
        self.status.store(status, SeqCst);
    }

    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(SeqCst)
    }
}
