//! A small HTTP/1.1 client that can also misbehave.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;

/// A connection of either kind.
pub(crate) trait Wire: Read + Write {}
impl Wire for TcpStream {}
impl Wire for UnixStream {}

/// One request.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Ask {
    pub(crate) fn new(method: &str, path: &str) -> Ask {
        Ask {
            method: method.into(),
            path: path.into(),
            headers: vec![],
            body: vec![],
        }
    }

    pub(crate) fn get(path: &str) -> Ask {
        Ask::new("GET", path)
    }

    pub(crate) fn post(path: &str, body: &Value) -> Ask {
        Ask::new("POST", path)
            .header("Content-Type", "application/json")
            .body(body.to_string())
    }

    /// A command with this id.
    pub(crate) fn command(name: &str, id: &str, args: &Value) -> Ask {
        Ask::post(&format!("/api/v1/commands/{name}"), args).header("Idempotency-Key", id)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Ask {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn token(self, token: &str) -> Ask {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Ask {
        self.body = body.into();
        self
    }

    /// The request as it goes over the wire; the connection ends after it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        if !self.headers.iter().any(|(name, _)| name == "Host") {
            head.push_str("Host: test\r\n");
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.body.is_empty() {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("Connection: close\r\n\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    pub(crate) fn over(&self, mut wire: impl Wire) -> Reply {
        // A server that answers before it has read everything closes on us.
        let _ = wire.write_all(&self.bytes());
        let reply = Reply::parse(&to_end(&mut wire));
        let mut reply =
            reply.unwrap_or_else(|| panic!("no answer to {} {}", self.method, self.path));
        if self.method == "HEAD" {
            assert!(reply.body.is_empty(), "an answer to HEAD has no body");
        } else if let Some(length) = reply.header("content-length") {
            assert_eq!(length, reply.body.len().to_string());
        } else if reply.header("transfer-encoding").is_some() {
            reply.body = unchunked(&reply.body);
        }
        reply
    }
}

/// Everything until the other side closes.
pub(crate) fn to_end(wire: &mut impl Wire) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match wire.read(&mut piece) {
            Ok(0) | Err(_) => return bytes,
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
        }
    }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = body.windows(2).position(|pair| pair == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        out.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 4 + size..];
        if size == 0 {
            break;
        }
    }
    out
}

impl Reply {
    pub(crate) fn parse(bytes: &[u8]) -> Option<Reply> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().unwrap();
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        Some(Reply {
            status,
            headers,
            body: bytes[end + 4..].to_vec(),
        })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// The reason of a problem, checked to be one.
    pub(crate) fn reason(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.text()
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        let reason = problem["reason"].as_str().unwrap();
        assert_eq!(problem["type"], format!("about:blank#{reason}"));
        reason.to_owned()
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Reply {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self
    }

    #[track_caller]
    pub(crate) fn refused(self, status: u16, reason: &str) -> Reply {
        assert_eq!(
            (self.status, self.reason().as_str()),
            (status, reason),
            "{}",
            self.text()
        );
        self
    }
}

/// Sends again what is of unknown outcome, as a sender does, until it is known.
pub(crate) fn again_until_done(send: impl Fn() -> Reply) -> Reply {
    for _ in 0..50 {
        let reply = send();
        if reply.status != 504 {
            return reply.expect(200);
        }
    }
    panic!("still unknown");
}

/// A connection that is read piece by piece, and all that was read.
pub(crate) struct Reading {
    pub(crate) wire: TcpStream,
    pub(crate) text: String,
}

impl Reading {
    pub(crate) fn new(wire: TcpStream) -> Reading {
        wire.set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        Reading {
            wire,
            text: String::new(),
        }
    }

    /// Reads until `wanted` is there; everything that came so far.
    #[track_caller]
    pub(crate) fn until(&mut self, wanted: &str) -> &str {
        let mut piece = [0; 4096];
        let mut bytes = std::mem::take(&mut self.text).into_bytes();
        while !bytes
            .windows(wanted.len())
            .any(|some| some == wanted.as_bytes())
        {
            let count = self.wire.read(&mut piece).unwrap_or(0);
            let text = String::from_utf8_lossy(&bytes);
            assert!(count > 0, "it ended before {wanted:?}: {text}");
            bytes.extend_from_slice(&piece[..count]);
        }
        self.text = String::from_utf8_lossy(&bytes).into_owned();
        &self.text
    }
}
