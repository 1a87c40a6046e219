//! The server behind the three: it writes down each whole request that arrives, and answers `ok`.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Heads and bodies, one after another, as they came.
pub(crate) struct Capture {
    pub(crate) port: u16,
    arrived: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Capture {
    pub(crate) fn start() -> Capture {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let arrived = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let into = arrived.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let into = into.clone();
                std::thread::spawn(move || serve(stream, &into));
            }
        });
        Capture { port, arrived }
    }

    /// How many whole requests arrived that bear this mark.
    pub(crate) fn count(&self, mark: &str) -> usize {
        let arrived = self.arrived.lock().unwrap();
        let holds = |request: &&Vec<u8>| place_in(request, mark.as_bytes()).is_some();
        arrived.iter().filter(holds).count()
    }

    /// What arrived with this mark.
    pub(crate) fn with(&self, mark: &str) -> Vec<u8> {
        let arrived = self.arrived.lock().unwrap();
        let holds = |request: &&Vec<u8>| place_in(request, mark.as_bytes()).is_some();
        arrived.iter().filter(holds).flatten().copied().collect()
    }
}

fn serve(mut stream: TcpStream, into: &Mutex<Vec<Vec<u8>>>) {
    let mut waiting = Vec::new();
    let mut buffer = [0; 16 << 10];
    loop {
        while let Some(size) = whole(&waiting) {
            let request: Vec<u8> = waiting.drain(..size).collect();
            let head = request.starts_with(b"HEAD ");
            into.lock().unwrap().push(request);
            let body: &[u8] = if head { b"" } else { b"ok" };
            let answer = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", body].concat();
            if stream.write_all(&answer).is_err() {
                return;
            }
        }
        match stream.read(&mut buffer) {
            Ok(size) if size > 0 => waiting.extend_from_slice(&buffer[..size]),
            _ => return,
        }
    }
}

/// How long the first request is, body and all, as a simple server reads it; none: not all is there.
pub(crate) fn whole(bytes: &[u8]) -> Option<usize> {
    let head = place_in(bytes, b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let field = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        lines
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.trim().to_owned())
    };
    if field("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        return chunked(bytes, head);
    }
    let length = field("content-length").and_then(|value| value.parse().ok());
    let end = head + length.unwrap_or(0usize);
    (end <= bytes.len()).then_some(end)
}

fn chunked(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let line = place_in(bytes.get(at..)?, b"\r\n")?;
        let size = String::from_utf8_lossy(&bytes[at..at + line]).into_owned();
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        at += line + 2;
        if size == 0 {
            let rest = bytes.get(at..)?;
            return match rest.starts_with(b"\r\n") {
                true => Some(at + 2),
                false => place_in(rest, b"\r\n\r\n").map(|end| at + end + 4),
            };
        }
        at += size + 2;
    }
}

/// Where one is in the other.
pub(crate) fn place_in(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}
