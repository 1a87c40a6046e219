//! Whose certificates are trusted: those of a file, the one with a fingerprint, or the system's.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::exit::Failure;

/// Where Linux distributions keep the certificates they trust.
const SYSTEM_BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
];

/// The SHA-256 fingerprint of a certificate in DER, written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pin([u8; 32]);

/// A fingerprint that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadPin;

impl fmt::Display for BadPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fingerprint is written sha256: and 64 hexadecimal digits")
    }
}

impl std::error::Error for BadPin {}

impl FromStr for Pin {
    type Err = BadPin;

    /// Colons between the digits, as `openssl x509 -fingerprint` prints them, are let pass.
    fn from_str(text: &str) -> Result<Pin, BadPin> {
        let digits = text.strip_prefix("sha256:").ok_or(BadPin)?.replace(':', "");
        let mut bytes = [0; 32];
        if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(BadPin);
        }
        for (slot, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| BadPin)?;
            *slot = u8::from_str_radix(pair, 16).map_err(|_| BadPin)?;
        }
        Ok(Pin(bytes))
    }
}

impl Pin {
    /// The fingerprint of this certificate.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Pin {
        Pin(*record::hash::sha256(&[certificate]).as_bytes())
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Which certificates are trusted beside a hereby's: those of the system, or of this file.
pub(crate) fn trusted(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, Failure> {
    config(ca_file, None)
}

/// How to speak TLS to a hereby.
pub(super) fn config(
    ca_file: Option<&Path>,
    pin: Option<&Pin>,
) -> Result<Arc<ClientConfig>, Failure> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::from(anyhow::Error::new(error)))?;
    let builder = match pin {
        Some(pin) => {
            let verifier = Pinned {
                pin: *pin,
                provider,
            };
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
        }
        None => builder.with_root_certificates(roots(ca_file)?),
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, Failure> {
    let system = || {
        SYSTEM_BUNDLES
            .iter()
            .map(Path::new)
            .find(|path| path.exists())
    };
    let path = ca_file.or_else(system).ok_or_else(|| {
        Failure::usage("nothing says which certificates to trust")
            .because("this system has no bundle of certificates in the usual places")
            .hint("name them with --ca-file FILE, or pin one with --pin sha256:HEX")
    })?;
    let cannot = |why: &dyn fmt::Display| {
        Failure::usage(format!("cannot read certificates from {}", path.display())).because(why)
    };
    let pem = std::fs::read(path).map_err(|error| cannot(&error))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| cannot(&error))?;
        match roots.add(certificate) {
            Ok(()) => {}
            // A distribution's bundle may hold one that webpki can't use; a person's own may not.
            Err(_) if ca_file.is_none() => {}
            Err(error) => return Err(cannot(&error)),
        }
    }
    if roots.is_empty() {
        return Err(cannot(&"it holds no certificate"));
    }
    Ok(roots)
}

/// Trusts one certificate: the server's own, or the authority that signed it.
#[derive(Debug)]
struct Pinned {
    pin: Pin,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    /// The server's own certificate is trusted by its fingerprint alone, whatever names and dates
    /// it has. An authority among those it sent makes the usual checks apply: name, dates, chain.
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if Pin::of(end_entity) == self.pin {
            return Ok(ServerCertVerified::assertion());
        }
        let authority = intermediates.iter().find(|sent| Pin::of(sent) == self.pin);
        let authority =
            authority.ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let usual = WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::clone(&self.provider),
        )
        .build()
        .map_err(|error| Error::General(error.to_string()))?;
        usual.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
