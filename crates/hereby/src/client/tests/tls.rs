//! Which servers are trusted: those of a file, those of a fingerprint, and no others.

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;

use super::super::*;
use super::read_request;

struct House {
    authority: CertificateDer<'static>,
    authority_pem: String,
    own: CertificateDer<'static>,
    port: u16,
}

/// A server with a certificate for `name`, signed by an authority that it sends along.
async fn house(name: &str) -> House {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let own = params.signed_by(&key, &issuer).unwrap().der().clone();
    let authority = issuer.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.clone(), authority.clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let request = read_request(&mut stream).await;
            assert!(
                request.contains("\r\nauthorization: Bearer hby_"),
                "{request}"
            );
            use tokio::io::AsyncWriteExt as _;
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
            stream.write_all(answer).await.unwrap();
            stream.flush().await.unwrap();
        }
    });
    House {
        authority,
        authority_pem: issuer.pem(),
        own,
        port,
    }
}

async fn asked(port: u16, pin: Option<Pin>, ca_file: Option<&Path>) -> Result<(), Failure> {
    let globals = Globals {
        url: Some(format!("https://localhost:{port}")),
        pin,
        ca_file: ca_file.map(Path::to_path_buf),
        ..Globals::default()
    };
    let client = Client {
        target: Target::remote(globals.url.as_deref().unwrap(), &globals)?,
        token: Some(Secret::random()?),
        patience: Patience::default(),
    };
    client
        .read::<serde_json::Value>("/api/v1/status")
        .await
        .map(drop)
}

use super::Target;

#[tokio::test]
async fn an_authority_is_trusted_by_its_file_or_its_fingerprint() {
    let house = house("localhost").await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    std::fs::write(&file, &house.authority_pem).unwrap();
    asked(house.port, None, Some(&file)).await.unwrap();
    asked(house.port, Some(Pin::of(&house.authority)), None)
        .await
        .unwrap();
    asked(house.port, Some(Pin::of(&house.own)), None)
        .await
        .unwrap();
}

#[tokio::test]
async fn another_authority_or_fingerprint_is_not_trusted() {
    let (ours, other) = (house("localhost").await, house("localhost").await);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    std::fs::write(&file, &other.authority_pem).unwrap();
    for (pin, file) in [
        (None, Some(file.as_path())),
        (Some(Pin::of(&other.authority)), None),
    ] {
        let failure = asked(ours.port, pin, file).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Unreachable);
        assert!(failure.hints[0].contains("--pin"), "{failure:?}");
    }
}

#[tokio::test]
async fn a_pinned_authority_does_not_make_any_name_right() {
    let house = house("elsewhere.example").await;
    assert!(
        asked(house.port, Some(Pin::of(&house.authority)), None)
            .await
            .is_err()
    );
    // The very certificate that was pinned is right under any name.
    asked(house.port, Some(Pin::of(&house.own)), None)
        .await
        .unwrap();
}

#[test]
fn a_file_without_certificates_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    std::fs::write(&file, "nothing").unwrap();
    assert_eq!(
        tls::config(Some(&file), None).unwrap_err().exit,
        Exit::Usage
    );
}

#[test]
fn a_fingerprint_is_read_as_it_is_printed() {
    let digits = "ab".repeat(32);
    let pin: Pin = format!("sha256:{digits}").parse().unwrap();
    assert_eq!(pin.to_string(), format!("sha256:{digits}"));
    let with_colons = vec!["AB"; 32].join(":");
    assert_eq!(format!("sha256:{with_colons}").parse(), Ok(pin));
    for bad in [
        "",
        "sha256:",
        &digits,
        &format!("sha1:{digits}"),
        &format!("sha256:{digits}0"),
    ] {
        assert!(bad.parse::<Pin>().is_err(), "{bad}");
    }
}
