//! Clients that send what a test says, byte by byte and frame by frame: for what no real one does.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::corpus::talk::status;
use crate::upgrade_peers::head;

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW: u8 = 8;

pub(crate) const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `SETTINGS_HEADER_TABLE_SIZE` and `SETTINGS_INITIAL_WINDOW_SIZE` (RFC 9113, 6.5.2).
const TABLE_SIZE: u16 = 1;
pub(crate) const WINDOW_SIZE: u16 = 4;

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(ANSWER_MAX)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The head, in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Why the edge refused, as it says; empty: it did not.
    pub(crate) fn reason(&self) -> &str {
        let rest = self.body.split("\"reason\":\"").nth(1);
        rest.and_then(|rest| rest.split('"').next()).unwrap_or("")
    }
}

/// Sends a request over a connection that is kept, and reads the answer, whose length is said.
pub(crate) fn ask(stream: &mut TcpStream, request: &[u8]) -> std::io::Result<Answer> {
    stream.write_all(request)?;
    answer(stream)
}

/// The next answer of a connection.
pub(crate) fn answer(stream: &mut TcpStream) -> std::io::Result<Answer> {
    let head = head(stream)?.to_ascii_lowercase();
    let mut answer = Answer {
        status: head.get(9..12).unwrap().parse().unwrap(),
        head,
        body: String::new(),
    };
    let length = answer.field("content-length");
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body)?;
    answer.body = String::from_utf8_lossy(&body).into_owned();
    Ok(answer)
}

/// A frame (RFC 9113, 4.1).
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn ends(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }
}

/// A connection that speaks HTTP/2.
pub(crate) struct Http2 {
    pub(crate) socket: TcpStream,
    waiting: Vec<u8>,
}

impl Http2 {
    /// Connects with these settings, and one that keeps fields readable: nothing is put in a table.
    pub(crate) fn connect(address: SocketAddr, settings: &[(u16, u32)]) -> Http2 {
        let mut http = Http2 {
            socket: connect(address),
            waiting: Vec::new(),
        };
        let all = settings.iter().copied().chain([(TABLE_SIZE, 0)]);
        let all = all.flat_map(|(id, value)| {
            [id.to_be_bytes().to_vec(), value.to_be_bytes().to_vec()].concat()
        });
        let settings: Vec<u8> = all.collect();
        http.socket
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .unwrap();
        http.send(SETTINGS, 0, 0, &settings).unwrap();
        http
    }

    pub(crate) fn send(
        &mut self,
        kind: u8,
        flags: u8,
        stream: u32,
        payload: &[u8],
    ) -> std::io::Result<()> {
        let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.socket.write_all(&frame)
    }

    /// Begins a request; `more` are fields. No text may have 127 bytes or more.
    pub(crate) fn request(
        &mut self,
        stream: u32,
        (method, path): (&str, &str),
        more: &[(&str, &str)],
    ) {
        let own = [
            (":method", method),
            (":scheme", "http"),
            (":path", path),
            (":authority", "a.example"),
        ];
        let mut block = Vec::new();
        for (name, value) in own.iter().chain(more) {
            block.push(0);
            for text in [name, value] {
                assert!(text.len() < 127);
                block.push(u8::try_from(text.len()).unwrap());
                block.extend(text.bytes());
            }
        }
        let end = if method == "GET" { END_STREAM } else { 0 };
        // Who sends into a connection's end hears of it when an answer is read.
        let _ = self.send(HEADERS, END_HEADERS | end, stream, &block);
    }

    /// The next frame that means something; none: the connection was ended. Settings and pings are
    /// acknowledged, and what was taken may be sent again.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        loop {
            let frame = self.read()?;
            match frame.kind {
                SETTINGS | PING if frame.flags & 1 == 0 => {
                    let payload: &[u8] = if frame.kind == PING {
                        &frame.payload
                    } else {
                        &[]
                    };
                    let _ = self.send(frame.kind, 1, 0, payload);
                }
                DATA if !frame.payload.is_empty() => {
                    let size = u32::try_from(frame.payload.len()).unwrap().to_be_bytes();
                    let _ = self.send(WINDOW, 0, 0, &size);
                    return Some(frame);
                }
                SETTINGS | PING | WINDOW => {}
                _ => return Some(frame),
            }
        }
    }

    fn read(&mut self) -> Option<Frame> {
        let mut buffer = [0; 16 << 10];
        loop {
            if let Some(&[a, b, c, kind, flags, s, t, u, v]) = self.waiting.get(..9) {
                let end = 9 + u32::from_be_bytes([0, a, b, c]) as usize;
                if self.waiting.len() >= end {
                    let frame: Vec<u8> = self.waiting.drain(..end).collect();
                    return Some(Frame {
                        kind,
                        flags,
                        stream: u32::from_be_bytes([s, t, u, v]),
                        payload: frame[9..].to_vec(),
                    });
                }
            }
            match self.socket.read(&mut buffer) {
                Ok(size @ 1..) => self.waiting.extend_from_slice(&buffer[..size]),
                Ok(_) => return None,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("neither a frame nor the end: {error}"),
            }
        }
    }

    /// The answer of a stream: its status, and its body as text. Other streams' frames are passed over.
    pub(crate) fn answer(&mut self, stream: u32) -> Option<(u16, String)> {
        let (mut code, mut body) = (0, Vec::new());
        loop {
            let frame = self.next()?;
            if frame.stream != stream {
                continue;
            }
            match frame.kind {
                HEADERS if code == 0 => code = status(&frame.payload),
                DATA => body.extend_from_slice(&frame.payload),
                RESET => return None,
                _ => {}
            }
            if frame.ends() {
                return Some((code, String::from_utf8_lossy(&body).into_owned()));
            }
        }
    }

    /// Asks for a path, and waits for the answer.
    pub(crate) fn get(&mut self, stream: u32, path: &str) -> Option<(u16, String)> {
        self.request(stream, ("GET", path), &[]);
        self.answer(stream)
    }
}
