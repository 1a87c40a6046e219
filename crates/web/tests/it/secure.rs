//! TLS, HTTP/2, and where plain HTTP may not be.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::wire::{Ask, to_end};
use crate::world::{Setup, World};

struct Pair {
    server: Arc<rustls::ServerConfig>,
    client: rustls::ClientConfig,
}

/// A server's configuration with a certificate of its own, and a client's that trusts it.
fn pair() -> Pair {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut server = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Pair {
        server: Arc::new(server),
        client,
    }
}

fn block_on<T>(run: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run)
}

#[test]
fn http_2_over_tls_answers_like_http_1() {
    let pair = pair();
    let world = World::with(Setup {
        tls: Some(pair.server),
        ..Setup::default()
    });
    let token = world.token(&["read"]);
    let mut config = pair.client;
    config.alpn_protocols = vec![b"h2".to_vec()];
    block_on(async {
        let stream = TcpStream::connect(world.tls.unwrap()).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        tokio::spawn(connection);
        for (method, path, token, status) in [
            ("GET", "/api/v1/incidents", Some(&token), 200),
            ("HEAD", "/api/v1/incidents", Some(&token), 200),
            ("GET", "/api/v1/incidents", None, 401),
            ("GET", "/metrics", None, 401),
            ("DELETE", "/healthz", None, 405),
        ] {
            let mut request = Request::builder()
                .method(method)
                .uri(format!("https://localhost{path}"));
            if let Some(token) = token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let request = request.body(Empty::<bytes::Bytes>::new()).unwrap();
            let reply = sender.send_request(request).await.unwrap();
            assert_eq!(reply.status(), status, "{method} {path}");
            let length: usize = reply.headers()["content-length"]
                .to_str()
                .unwrap()
                .parse()
                .unwrap();
            let body = reply.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body.len(), if method == "HEAD" { 0 } else { length });
        }
    });
}

#[test]
fn open_metrics_are_open_on_the_loopback_listener_alone() {
    let pair = pair();
    let world = World::with(Setup {
        tls: Some(pair.server),
        metrics_open: true,
        ..Setup::default()
    });
    world.remote(&Ask::get("/metrics")).expect(200);
    let text = block_on(async {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let stream = TcpStream::connect(world.tls.unwrap()).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(pair.client));
        let mut stream = connector.connect(name, stream).await.unwrap();
        stream
            .write_all(&Ask::get("/metrics").bytes())
            .await
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    });
    assert!(text.starts_with("HTTP/1.1 401"), "{text}");
}

#[test]
fn a_handshake_that_does_not_come_is_given_up() {
    let mut setup = Setup {
        tls: Some(pair().server),
        ..Setup::default()
    };
    setup.limits.handshake_time_max = Duration::from_millis(300);
    let world = World::with(setup);
    let begun = Instant::now();
    let mut wire = std::net::TcpStream::connect(world.tls.unwrap()).unwrap();
    wire.set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    assert!(to_end(&mut wire).is_empty());
    assert!(begun.elapsed() < Duration::from_secs(5));
    // Plain HTTP to the TLS port is no handshake.
    let mut wire = std::net::TcpStream::connect(world.tls.unwrap()).unwrap();
    std::io::Write::write_all(&mut wire, &Ask::get("/healthz").bytes()).unwrap();
    assert!(!String::from_utf8_lossy(&to_end(&mut wire)).contains("200"));
}

#[test]
fn plain_http_beyond_the_loopback_interface_is_refused() {
    let world = World::new();
    let error = block_on(async {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let listeners = vec![web::Listener::Plain(listener)];
        web::serve(world.options(), listeners, std::future::pending())
            .await
            .unwrap_err()
    });
    assert!(matches!(error, web::CannotServe::NotLoopback(_)), "{error}");
    assert!(error.to_string().contains("TLS"));
}

#[test]
fn the_local_socket_replaces_a_dead_one_and_nothing_else() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control.sock");
    block_on(async {
        drop(web::bind_local(&path).unwrap());
        assert!(path.exists(), "a socket's file outlives its process");
        let _again = web::bind_local(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let other = dir.path().join("notes.txt");
        std::fs::write(&other, "mine").unwrap();
        assert!(web::bind_local(&other).is_err());
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "mine");
    });
}

/// Sends one request over HTTP/2 without TLS, and says what becomes of its connection when nobody
/// reads the answer's body or asks for more.
fn left_alone(world: &World, path: &str, token: &str) -> (u16, Duration) {
    block_on(async {
        let stream = TcpStream::connect(world.plain).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        let connection = tokio::spawn(connection);
        let request = Request::get(format!("http://localhost{path}"))
            .header("authorization", format!("Bearer {token}"))
            .body(Empty::<bytes::Bytes>::new())
            .unwrap();
        let begun = Instant::now();
        let reply = sender.send_request(request).await.unwrap();
        let _ = tokio::time::timeout(Duration::from_secs(10), connection).await;
        (reply.status().as_u16(), begun.elapsed())
    })
}

#[test]
fn an_idle_http_2_connection_is_closed() {
    let world = World::limited(|limits| limits.idle_time_max = Duration::from_millis(300));
    let (status, took) = left_alone(&world, "/healthz", "none");
    assert_eq!(status, 200);
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// Given whole, a large body went into HTTP/2's own buffer at once: the request counted as answered,
/// its memory as free, and a reader who took nothing could have any number of them.
#[test]
fn an_http_2_answer_that_nobody_takes_ends_its_connection() {
    let world = World::limited(|limits| limits.request_time_max = Duration::from_millis(300));
    let token = world.token(&["read", "respond"]);
    let blob = Ask::new("PUT", "/api/v1/blobs").body(vec![7; 4 << 20]);
    let stored = world.local(&blob).expect(200).json();
    let path = format!("/api/v1/blobs/{}", stored["hex"].as_str().unwrap());
    let (status, took) = left_alone(&world, &path, &token);
    assert_eq!(status, 200);
    assert!(took < Duration::from_secs(8), "{took:?}");
}
