//! Requests at a steady rate to every edge, whatever becomes of those before (an open loop), counted second
//! by second.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base::Name;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// How an edge says that another answers than the one who should.
const DEGRADED: &str = "hereby-posture: degraded";
/// Who is not answered within that time has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// What came of one edge's requests in one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) sent: u64,
    pub(crate) failed: u64,
    /// Answered by another than the one who should have.
    pub(crate) degraded: u64,
}

/// Counts of one edge, by the second in which the requests were sent.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) seconds: Vec<Count>,
    /// When the first and the last request failed.
    pub(crate) hurt: Option<(Instant, Instant)>,
}

/// Requests to one edge, until it is dropped.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) counts: Arc<Mutex<Counts>>,
    task: JoinHandle<()>,
}

impl Load {
    /// Begins to ask that port for these hosts in turn.
    pub(crate) fn on(port: u16, tenants: &[Name], requests_per_s: u32, begun: Instant) -> Load {
        let counts = Arc::new(Mutex::new(Counts::default()));
        let heads: Vec<Arc<str>> = tenants
            .iter()
            .map(|tenant| {
                format!("GET / HTTP/1.1\r\nhost: {tenant}.example\r\nconnection: close\r\n\r\n")
                    .into()
            })
            .collect();
        let shared = counts.clone();
        let period = Duration::from_secs(1) / requests_per_s.max(1);
        let task = tokio::spawn(async move {
            let mut every = tokio::time::interval(period);
            every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
            let mut next = heads.iter().cycle();
            loop {
                every.tick().await;
                let Some(head) = next.next().cloned() else {
                    return;
                };
                tokio::spawn(ask(port, head, shared.clone(), begun));
            }
        });
        Load { counts, task }
    }

    /// Asks nothing more. What was asked is still waited for.
    pub(crate) fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn ask(port: u16, head: Arc<str>, counts: Arc<Mutex<Counts>>, begun: Instant) {
    let at = Instant::now();
    let second = usize::try_from(at.duration_since(begun).as_secs()).unwrap_or(usize::MAX);
    let count = |add: &dyn Fn(&mut Count)| {
        let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.seconds.len() <= second {
            counts.seconds.resize(second + 1, Count::default());
        }
        counts.seconds.get_mut(second).map(add);
    };
    count(&|count| count.sent += 1);
    let answered = tokio::time::timeout(PATIENCE, answer(port, &head)).await;
    let good = matches!(answered, Ok(Ok((status, _))) if status < 500);
    let degraded = matches!(answered, Ok(Ok((_, true))));
    count(&|count| {
        count.failed += u64::from(!good);
        count.degraded += u64::from(degraded);
    });
    if !good {
        let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, last) = counts.hurt.unwrap_or((at, at));
        counts.hurt = Some((first.min(at), last.max(at)));
    }
}

/// The status of the answer, and whether it says that it is degraded.
async fn answer(port: u16, head: &str) -> io::Result<(u16, bool)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.get(9..12)?.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("that is no answer"))?;
    let mut fields = lines.take_while(|line| !line.is_empty());
    let degraded = fields.any(|line| line.eq_ignore_ascii_case(DEGRADED));
    Ok((status, degraded))
}
