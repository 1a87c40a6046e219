//! Two streams joined after both sides agreed to speak another protocol (WebSocket, RFC 6455). The
//! edge passes bytes until one side ends, or nothing went for too long, or it is drained.

use std::cell::Cell;
use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use policy::Moment;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::clock;
use crate::facts::Facts;
use crate::pool::Lease;
use crate::running::Tenant;

const BUFFER_BYTES: usize = 16 << 10;
/// So long neither side may be silent. WebSockets that live send pings more often.
const SILENCE_MS_MAX: u64 = 3_600_000;
/// When one side has said its last, so long the other may go on.
const OTHER_SIDE_MAX: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The upstream's end of a tunnel.
pub(crate) struct Joint {
    pub(crate) server: OnUpgrade,
    pub(crate) tenant: Arc<Tenant>,
    /// For whom it was asked: a trusted proxy may have said so.
    pub(crate) client: IpAddr,
    /// The upstream's connection counts as long as it is open.
    pub(crate) lease: Lease,
}

/// Joins both once the upstream has agreed. `early`: what the client has said already.
pub(crate) async fn join<S>(facts: &Rc<Facts>, client: S, early: Vec<u8>, joint: Joint)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let _tunnel = facts.worker.edge.tunnels.enter();
    let _lease = joint.lease;
    let Ok(server) = joint.server.await else {
        return;
    };
    let (client_in, client_out) = tokio::io::split(client);
    let (server_in, server_out) = tokio::io::split(TokioIo::new(server));
    let last = Cell::new(clock::now());
    let up = pass(early, client_in, server_out, &last);
    let down = pass(Vec::new(), server_in, client_out, &last);
    let both = async {
        let (mut up, mut down) = (pin!(up), pin!(down));
        tokio::select! {
            () = up.as_mut() => tokio::time::timeout(OTHER_SIDE_MAX, down).await,
            () = down.as_mut() => tokio::time::timeout(OTHER_SIDE_MAX, up).await,
        }
    };
    tokio::select! {
        _ = both => {}
        () = watch(facts, joint.tenant, joint.client, &last) => {}
    }
}

/// Ends when nothing went for too long, or who speaks may not be here any more: the ban, or the
/// certificate's revocation, came later than the request.
async fn watch(facts: &Facts, mut tenant: Arc<Tenant>, client: IpAddr, last: &Cell<Moment>) {
    let edge = &facts.worker.edge;
    let mut running = None;
    let mut id = None;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let (bans, now_s) = (edge.bans.load(), clock::unix_s());
        let banned = bans.holds(facts.client, now_s) || bans.holds(client, now_s);
        if banned || clock::now().ms_since(last.get()) >= SILENCE_MS_MAX {
            return;
        }
        drop(bans);
        let now = edge.running.load_full();
        if !running
            .as_ref()
            .is_some_and(|running| Arc::ptr_eq(running, &now))
        {
            let Some((place, found)) = now.tenant_named(&tenant.config.name) else {
                return;
            };
            (id, tenant) = (Some(place), found.clone());
        }
        let may = id.is_some_and(|id| {
            let revoked = edge.revoked.load();
            let asked = now
                .authorities
                .authorise(facts, id, true, &revoked, &mut None);
            asked.is_ok()
        });
        // What is switched off is not spoken with either.
        if !may || edge.switches.load().tenant(&tenant.config.name).is_err() {
            return;
        }
        running = Some(now);
    }
}

async fn pass(
    mut early: Vec<u8>,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    last: &Cell<Moment>,
) {
    let mut size = early.len();
    early.resize(BUFFER_BYTES.max(size), 0);
    let mut buffer = early;
    loop {
        let piece = buffer.get(..size).unwrap_or(&[]);
        if to.write_all(piece).await.is_err() || to.flush().await.is_err() {
            break;
        }
        last.set(clock::now());
        match from.read(&mut buffer).await {
            Ok(read @ 1..) => size = read,
            _ => break,
        }
    }
    let _ = to.shutdown().await;
}
