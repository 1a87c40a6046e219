//! The certificate that control shows on its TLS listener: given in files, or signed by a small CA
//! that hereby makes for itself under `DATA/tls/`.
//!
//! Clients of the self-made CA pin its fingerprint; a stranger's certificate never passes.

use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::Listen;

/// The server's TLS settings, and the fingerprint to pin when the CA is hereby's own.
pub(crate) struct Tls {
    pub(crate) config: Arc<ServerConfig>,
    /// SHA-256 of the CA certificate, as `sha256:HEX`.
    pub(crate) pin: Option<String>,
}

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoCertificate {
    #[error("{path} can't be used")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path} holds no certificate or key in PEM form: {reason}")]
    Pem { path: PathBuf, reason: String },
    #[error("no certificate could be made: {0}")]
    Make(#[from] rcgen::Error),
    #[error("the certificate and its key don't fit: {0}")]
    Mismatch(#[from] rustls::Error),
}

/// The TLS settings that the configuration asks for.
pub(crate) fn load(listen: &Listen, data_dir: &Path) -> Result<Tls, NoCertificate> {
    match (&listen.tls_certificate, &listen.tls_key) {
        (Some(certificate), Some(key)) => Ok(Tls {
            config: server_config(certificate, key)?,
            pin: None,
        }),
        _ => {
            let dir = data_dir.join("tls");
            let made = own_ca(&dir, &listen.tls_names)?;
            Ok(Tls {
                config: server_config(&made.certificate, &made.key)?,
                pin: Some(made.fingerprint),
            })
        }
    }
}

fn server_config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, NoCertificate> {
    let bad = |path: &Path| {
        let path = path.to_owned();
        move |error: rustls::pki_types::pem::Error| NoCertificate::Pem {
            path,
            reason: error.to_string(),
        }
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .map_err(bad(certificate))?
        .collect::<Result<_, _>>()
        .map_err(bad(certificate))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(bad(key))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

struct Made {
    certificate: PathBuf,
    key: PathBuf,
    fingerprint: String,
}

/// The CA's certificate and one server certificate signed by it; made once, then kept.
fn own_ca(dir: &Path, names: &[String]) -> Result<Made, NoCertificate> {
    let file = |source| NoCertificate::File {
        path: dir.to_owned(),
        source,
    };
    fs::create_dir_all(dir).map_err(file)?;
    let (ca_path, certificate, key) = (
        dir.join("ca.crt"),
        dir.join("server.crt"),
        dir.join("server.key"),
    );
    if !certificate.exists() || !key.exists() || !ca_path.exists() {
        let ca_key = KeyPair::generate()?;
        let mut ca = CertificateParams::default();
        ca.distinguished_name
            .push(DnType::CommonName, "hereby's own CA");
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_certificate = ca.self_signed(&ca_key)?;
        let issuer = Issuer::new(ca, ca_key);
        let server_key = KeyPair::generate()?;
        let mut server = CertificateParams::new(names.to_vec())?;
        server.distinguished_name.push(DnType::CommonName, "hereby");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let signed = server.signed_by(&server_key, &issuer)?;
        write(&key, server_key.serialize_pem().as_bytes(), 0o600)?;
        write(&ca_path, ca_certificate.pem().as_bytes(), 0o644)?;
        let chain = format!("{}{}", signed.pem(), ca_certificate.pem());
        write(&certificate, chain.as_bytes(), 0o644)?;
    }
    let ca = CertificateDer::from_pem_file(&ca_path).map_err(|error| NoCertificate::Pem {
        path: ca_path.clone(),
        reason: error.to_string(),
    })?;
    let digest = record::hash::sha256(&[ca.as_ref()]);
    let hex: String = digest.0.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Made {
        certificate,
        key,
        fingerprint: format!("sha256:{hex}"),
    })
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), NoCertificate> {
    use std::io::Write as _;
    let file = |source| NoCertificate::File {
        path: path.to_owned(),
        source,
    };
    let mut out = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path)
        .map_err(file)?;
    out.write_all(bytes).map_err(file)?;
    out.sync_all().map_err(file)
}
