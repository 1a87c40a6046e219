//! Two streams joined after both sides agreed to speak another protocol (WebSocket, RFC 6455). The
//! edge passes bytes until one side ends, or nothing went for too long, or it is drained.

use std::rc::Rc;
use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::facts::Facts;
use crate::pool::Lease;

const BUFFER_BYTES: usize = 16 << 10;
/// So long neither side may be silent. WebSockets that live send pings more often.
const SILENCE_MAX: Duration = Duration::from_secs(3_600);

/// Joins them once both have agreed.
pub(crate) fn join(facts: &Rc<Facts>, client: OnUpgrade, server: OnUpgrade, lease: Lease) {
    let facts = facts.clone();
    // Counted from here on, so that who drains never sees neither the connection nor its tunnel.
    let tunnel = facts.worker.edge.tunnels.enter();
    tokio::task::spawn_local(async move {
        // The upstream's connection counts as long as it is open.
        let _lease = lease;
        let _tunnel = tunnel;
        let (Ok(client), Ok(server)) = tokio::join!(client, server) else {
            return;
        };
        let (client_in, client_out) = tokio::io::split(TokioIo::new(client));
        let (server_in, server_out) = tokio::io::split(TokioIo::new(server));
        let up = pass(client_in, server_out);
        let down = pass(server_in, client_out);
        let mut drained = facts.worker.edge.draining.subscribe();
        let end = async {
            let _ = drained.wait_for(|draining| draining.tunnels_end()).await;
        };
        tokio::select! {
            _ = async { tokio::join!(up, down) } => {}
            () = end => {}
        }
    });
}

async fn pass(
    mut from: impl tokio::io::AsyncRead + Unpin,
    mut to: impl tokio::io::AsyncWrite + Unpin,
) {
    let mut buffer = vec![0; BUFFER_BYTES];
    while let Ok(Ok(size)) = tokio::time::timeout(SILENCE_MAX, from.read(&mut buffer)).await {
        let piece = buffer.get(..size).unwrap_or(&[]);
        if piece.is_empty() || to.write_all(piece).await.is_err() || to.flush().await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
