//! A bare Pingora reverse proxy: the peer in hereby's edge benchmarks.
//!
//! It does what the benchmark compares and nothing more: plain HTTP/1.1 from a listening address
//! to one upstream, connections kept alive on both sides, one worker thread without work stealing,
//! mimalloc as the allocator. It has no limits, filters, logs or zero-downtime restart; nobody
//! should run it for anything else.
//!
//! ```text
//! pingora-peer 8080 127.0.0.1:9000
//! ```

use std::net::SocketAddr;
use std::process::ExitCode;

use async_trait::async_trait;
use mimalloc::MiMalloc;
use pingora_core::Result;
use pingora_core::server::Server;
use pingora_core::server::configuration::ServerConf;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_proxy::{ProxyHttp, Session, http_proxy_service};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Sends every request to the same upstream.
struct Forward {
    upstream: HttpPeer,
}

#[async_trait]
impl ProxyHttp for Forward {
    type CTX = ();

    fn new_ctx(&self) -> Self::CTX {}

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        _ctx: &mut Self::CTX,
    ) -> Result<Box<HttpPeer>> {
        Ok(Box::new(self.upstream.clone()))
    }
}

/// The port to listen on, on loopback, and the upstream's address.
fn arguments() -> Option<(u16, SocketAddr)> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next()?.parse().ok()?;
    let upstream = arguments.next()?.parse().ok()?;
    arguments.next().is_none().then_some((port, upstream))
}

fn main() -> ExitCode {
    let Some((port, upstream)) = arguments() else {
        eprintln!("usage: pingora-peer PORT UPSTREAM (for example 8080 127.0.0.1:9000)");
        return ExitCode::from(2);
    };

    let conf = ServerConf {
        threads: 1,
        work_stealing: false,
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();

    let forward = Forward {
        upstream: HttpPeer::new(upstream, false, String::new()),
    };
    let mut service = http_proxy_service(&server.configuration, forward);
    service.add_tcp(&format!("127.0.0.1:{port}"));
    server.add_service(service);
    server.run_forever()
}
