//! A server that does what a test says, for what no real one can be made to do.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use crate::corpus::capture::{place_in, whole};

/// Serves each request by `answer`, which says whether the connection stays. It gets the request as
/// it came, body and all. Returns the port.
pub(crate) fn serve(
    answer: impl Fn(&str, &mut TcpStream) -> bool + Send + Sync + Clone + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let answer = answer.clone();
            std::thread::spawn(move || {
                let mut waiting = Vec::new();
                while let Some(request) = next(&mut stream, &mut waiting) {
                    if !answer(&request, &mut stream) {
                        return;
                    }
                }
            });
        }
    });
    port
}

fn next(stream: &mut TcpStream, waiting: &mut Vec<u8>) -> Option<String> {
    let mut buffer = [0; 16 << 10];
    loop {
        if let Some(size) = whole(waiting) {
            let request: Vec<u8> = waiting.drain(..size).collect();
            return Some(String::from_utf8_lossy(&request).into_owned());
        }
        match stream.read(&mut buffer) {
            Ok(size) if size > 0 => waiting.extend_from_slice(&buffer[..size]),
            _ => return None,
        }
    }
}

/// An answer with its length.
pub(crate) fn reply(stream: &mut TcpStream, body: &str) -> bool {
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).is_ok()
}

/// Reads until that has come.
pub(crate) fn read_until(stream: &mut TcpStream, wanted: &[u8]) -> Vec<u8> {
    let mut got = Vec::new();
    let mut buffer = [0; 4_096];
    while place_in(&got, wanted).is_none() {
        let size = stream.read(&mut buffer).unwrap();
        assert!(size > 0, "ended after {:?}", String::from_utf8_lossy(&got));
        got.extend_from_slice(&buffer[..size]);
    }
    got
}
