//! Certificates that edges show in a rehearsal: each its own authority, and what is shown is the one or the other.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const PATIENCE: Duration = Duration::from_secs(2);

/// Makes a certificate for that host, and its key: `NAME.crt` and `NAME.key`.
///
/// # Errors
/// When it can't be made or written.
pub(crate) fn make(directory: &Path, name: &str, host: &str) -> io::Result<()> {
    let made = rcgen::generate_simple_self_signed([host.to_owned()]).map_err(io::Error::other)?;
    std::fs::create_dir_all(directory)?;
    std::fs::write(directory.join(format!("{name}.crt")), made.cert.pem())?;
    let key = directory.join(format!("{name}.key"));
    std::fs::write(key, made.signing_key.serialize_pem())
}

/// Whether who listens there shows this certificate for that host.
pub(crate) async fn shows(port: u16, host: &str, certificate: &Path) -> bool {
    let Some(config) = only(certificate) else {
        return false;
    };
    let connector = TlsConnector::from(Arc::new(config));
    let Ok(name) = ServerName::try_from(host.to_owned()) else {
        return false;
    };
    let met = async {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        connector.connect(name, stream).await
    };
    matches!(tokio::time::timeout(PATIENCE, met).await, Ok(Ok(_)))
}

/// Believes that certificate, and no other.
fn only(certificate: &Path) -> Option<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(certificate).ok()?)
        .ok()?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?;
    Some(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    #[tokio::test]
    async fn one_certificate_is_told_from_another_for_the_same_host() {
        let place = tempfile::tempdir().unwrap();
        let (old, new) = (place.path().join("old"), place.path().join("new"));
        for directory in [&old, &new] {
            make(directory, "shop", "shop.example").unwrap();
        }
        let chain = vec![CertificateDer::from_pem_file(old.join("shop.crt")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(old.join("shop.key")).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            while let Ok((stream, _)) = listener.accept().await {
                let _ = acceptor.accept(stream).await;
            }
        });
        assert!(shows(port, "shop.example", &old.join("shop.crt")).await);
        assert!(!shows(port, "shop.example", &new.join("shop.crt")).await);
        assert!(!shows(port, "stop.example", &old.join("shop.crt")).await);
        assert!(!shows(port, "shop.example", &old.join("none.crt")).await);
    }
}
