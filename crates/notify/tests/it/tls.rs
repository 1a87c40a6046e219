//! Over TLS: to whom the certificate names, and to nobody else.

use std::sync::Arc;

use notify::tracker::{Auth, Outcome, Reason, System, Tracker};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::house::{TOKEN, opened, tls};

/// Answers every look with no ticket and every creation with one.
async fn house(name: &str) -> (u16, rustls::ClientConfig) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let mut client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    // What others may have left in it.
    client.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = vec![0; 16_384];
            let read = stream.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            assert!(request.contains(&format!("\r\nauthorization: Bearer {TOKEN}\r\n")));
            let body = if request.starts_with("POST ") {
                r#"{"number":1,"html_url":"https://github.example/acme/shop/issues/1"}"#
            } else {
                "[]"
            };
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all((head + body).as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
        }
    });
    (port, client)
}

async fn outcome(port: u16, config: &rustls::ClientConfig) -> Outcome {
    let system = System::GitHub {
        repository: "acme/shop".parse().unwrap(),
    };
    let base = format!("https://localhost:{port}").parse().unwrap();
    let auth = Auth::Bearer(TOKEN.parse().unwrap());
    opened(&Tracker::new(system, base, auth, config).unwrap()).await
}

#[tokio::test]
async fn a_trusted_certificate_for_the_name_is_enough() {
    let (port, config) = house("localhost").await;
    let opened = outcome(port, &config).await;
    assert!(matches!(&opened, Outcome::Done(ticket) if ticket.key == "acme/shop#1"));
}

#[tokio::test]
async fn any_other_certificate_gets_no_token() {
    let (port, _) = house("localhost").await;
    let (elsewhere, other_name) = house("other.example").await;
    for (port, config) in [(port, tls()), (elsewhere, other_name)] {
        let Outcome::Refused(why) = outcome(port, &config).await else {
            panic!("not refused");
        };
        assert_eq!(why.reason, Reason::Unreachable);
        assert!(why.what.contains("certificate"), "{why:?}");
    }
}
