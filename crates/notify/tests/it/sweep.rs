//! The connection is cut after so many bytes, from none to all, on the way there and on the way back: whatever is
//! said is true, and the next try leaves exactly one ticket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use notify::tracker::{Outcome, Reason};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::house::{House, Kind, again, opened};

/// Which way is cut.
#[derive(Clone, Copy, Debug)]
enum Way {
    There,
    Back,
}

/// Passes connections on; the second one, which opens the ticket, for so many bytes of one way.
struct Cutter {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
    under_way: Arc<AtomicUsize>,
}

impl Cutter {
    async fn new(to: SocketAddr, way: Way, bytes: usize) -> Cutter {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let under_way = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&under_way);
        let task = tokio::spawn(async move {
            let mut number = 0;
            while let Ok((client, _)) = listener.accept().await {
                number += 1;
                let server = TcpStream::connect(to).await.unwrap();
                let limits = match (number, way) {
                    (2, Way::There) => (bytes, usize::MAX),
                    (2, Way::Back) => (usize::MAX, bytes),
                    _ => (usize::MAX, usize::MAX),
                };
                count.fetch_add(1, Ordering::SeqCst);
                let count = Arc::clone(&count);
                tokio::spawn(async move {
                    let (mut from_client, mut to_client) = client.into_split();
                    let (mut from_server, mut to_server) = server.into_split();
                    tokio::select! {
                        () = pass(&mut from_client, &mut to_server, limits.0) => {}
                        () = pass(&mut from_server, &mut to_client, limits.1) => {}
                    }
                    count.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Cutter {
            address,
            task,
            under_way,
        }
    }

    /// Waits until every connection so far has ended.
    async fn settle(&self) {
        while self.under_way.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Passes so many bytes on and ends; what ends it is the drop of both halves.
async fn pass(
    from: &mut tokio::net::tcp::OwnedReadHalf,
    to: &mut tokio::net::tcp::OwnedWriteHalf,
    bytes: usize,
) {
    let mut left = bytes;
    let mut buffer = [0; 4_096];
    while left > 0 {
        let room = buffer.len().min(left);
        let Ok(read @ 1..) = from.read(&mut buffer[..room]).await else {
            return;
        };
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
        left -= read;
    }
}

/// One run; gives how the first try ended.
async fn run(kind: Kind, way: Way, bytes: usize) -> &'static str {
    let house = House::new(kind).await;
    let cutter = Cutter::new(house.address, way, bytes).await;
    let tracker = house.tracker_at(cutter.address);
    let first = opened(&tracker).await;
    cutter.settle().await;
    let (after_first, said) = match first {
        Outcome::Done(ticket) => {
            assert!(
                !ticket.existed && house.ours() == 1,
                "{kind:?} {way:?} {bytes}"
            );
            (Duration::ZERO, "done")
        }
        Outcome::Refused(why) => {
            assert_eq!((why.reason, house.ours()), (Reason::Unreachable, 0));
            (Duration::ZERO, "refused")
        }
        Outcome::Unknown(left) => (left.look_after, "unknown"),
    };
    assert!(house.ours() <= 1);
    let there = house.ours() == 1;
    let second = again(&tracker, after_first.max(Duration::from_secs(120))).await;
    let Outcome::Done(ticket) = second else {
        panic!("{kind:?} {way:?} {bytes}: {second:?}");
    };
    assert_eq!(ticket.existed, there, "{kind:?} {way:?} {bytes}");
    assert_eq!(house.ours(), 1, "{kind:?} {way:?} {bytes}");
    cutter.task.abort();
    house.close();
    said
}

#[tokio::test]
async fn wherever_the_connection_is_cut_there_is_one_ticket_in_the_end() {
    for kind in [Kind::GitHub, Kind::Jira] {
        for way in [Way::There, Way::Back] {
            let mut unknown = 0;
            let mut bytes = 0;
            loop {
                match run(kind, way, bytes).await {
                    "unknown" => unknown += 1,
                    "done" => break,
                    _ => {}
                }
                bytes += 3;
                assert!(bytes < 4_096, "{kind:?} {way:?} never gets through");
            }
            // A request has some hundred bytes, and so has an answer.
            assert!(unknown > 30, "{kind:?} {way:?}: {unknown} of {bytes}");
        }
    }
}
