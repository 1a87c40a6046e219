//! Asks an edge that runs, over its local socket.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Request;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use crate::exit::{Exit, Failure};

/// An upgrade may take a minute.
const TIME_MAX: Duration = Duration::from_secs(90);
/// A page does not wait longer for it.
const GLANCE_MAX: Duration = Duration::from_secs(1);
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// What it says there.
///
/// # Errors
/// When no edge runs, or it refuses.
pub(crate) fn get(state_dir: &Path, path: &str) -> Result<String, Failure> {
    ask(state_dir, "GET", path, Bytes::new(), TIME_MAX)
}

/// What it says there, if it says it at once.
pub(crate) fn glance(state_dir: &Path, path: &str) -> Option<String> {
    ask(state_dir, "GET", path, Bytes::new(), GLANCE_MAX).ok()
}

/// Asks it to do something.
///
/// # Errors
/// When no edge runs, or it refuses.
pub(crate) fn post(state_dir: &Path, path: &str, what: &Value) -> Result<Value, Failure> {
    let body = match what {
        Value::Null => Bytes::new(),
        some => Bytes::from(some.to_string()),
    };
    let text = ask(state_dir, "POST", path, body, TIME_MAX)?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::new(Exit::Internal, "the edge's answer can't be read").because(error)
    })
}

fn ask(
    state_dir: &Path,
    method: &str,
    path: &str,
    body: Bytes,
    time: Duration,
) -> Result<String, Failure> {
    let socket = state_dir.join(::edge::SOCKET);
    let unreachable = |error: &dyn std::fmt::Display| {
        Failure::new(
            Exit::Unreachable,
            format!("no edge answers at {}", socket.display()),
        )
        .because(error)
        .hint("start one with `hereby up` or `hereby edge`, or name its --state-dir")
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(Exit::Internal, "no thread could be started").because(error)
        })?;
    let exchange = async {
        let stream = UnixStream::connect(&socket)
            .await
            .map_err(|error| unreachable(&error))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream))
                .await
                .map_err(|error| unreachable(&error))?;
        tokio::spawn(async move {
            // Who waits for the answer hears of it.
            let _ = connection.await;
        });
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "edge")
            .body(Full::new(body))
            .map_err(|error| Failure::new(Exit::Internal, "that can't be asked").because(error))?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| unreachable(&error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await;
        let bytes = body.map_err(|error| unreachable(&error))?.to_bytes();
        Ok::<_, Failure>((status, String::from_utf8_lossy(&bytes).into_owned()))
    };
    // Whoever asks may be on a thread of another runtime.
    let exchanged = std::thread::scope(|scope| {
        let asking = scope
            .spawn(move || runtime.block_on(async { tokio::time::timeout(time, exchange).await }));
        asking.join()
    });
    let (status, text) = exchanged
        .map_err(|_| Failure::new(Exit::Internal, "asking the edge ended in a bug"))?
        .map_err(|_| unreachable(&"it did not answer in time"))??;
    if status.is_success() {
        return Ok(text);
    }
    let detail = serde_json::from_str::<Value>(&text)
        .ok()
        .and_then(|problem| Some(problem.get("detail")?.as_str()?.to_owned()));
    Err(Failure::new(Exit::Refused, detail.unwrap_or(text)))
}
