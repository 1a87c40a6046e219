//! TLS towards clients: which certificate for which name, whose client certificates are asked for,
//! and what a client showed. Whether a request may come in with it is decided for each request, not
//! here: a session that is resumed says nothing of what was revoked since.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use policy::config::{Config, HostPattern, TenantId};
use policy::table::Table;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, ServerSessionMemoryCache,
};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, RootCertStore, ServerConfig};

/// TLS 1.2 sessions that are remembered for each configuration.
const SESSIONS_MAX: usize = 10_000;

/// Why TLS can't be spoken as configured.
#[derive(Debug, thiserror::Error)]
pub enum BadTls {
    #[error("{file}: {what}")]
    File { file: String, what: String },
    #[error("tenant {tenant}: its client certificates can't be checked: {what}")]
    Clients { tenant: String, what: String },
    #[error("what is revoked can't be read: {0}")]
    Revocations(String),
}

/// Certificates by name.
#[derive(Debug, Default)]
pub(crate) struct Certificates {
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// By what follows the star: `.example.org`. One label only (RFC 9525, 6.3).
    below: HashMap<String, Arc<CertifiedKey>>,
}

impl Certificates {
    /// Reads every chain and key.
    ///
    /// # Errors
    /// With the first file that is not what it should be.
    pub(crate) fn read(pairs: &[(PathBuf, PathBuf)]) -> Result<Certificates, BadTls> {
        let mut certificates = Certificates::default();
        for (chain, key) in pairs {
            certificates.also(chain, key)?;
        }
        Ok(certificates)
    }

    /// Reads one more. Names that are there already stay with whom they are.
    ///
    /// # Errors
    /// When a file is not what it should be.
    pub(crate) fn also(&mut self, chain: &Path, key: &Path) -> Result<(), BadTls> {
        self.add(Arc::new(pair(chain, key)?), chain)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.below.is_empty()
    }

    fn add(&mut self, key: Arc<CertifiedKey>, file: &Path) -> Result<(), BadTls> {
        let leaf = key.end_entity_cert().map_err(|error| bad(file, &error))?;
        let names = names(leaf).map_err(|what| bad(file, &what))?;
        if names.is_empty() {
            return Err(bad(file, &"the certificate has no name (subjectAltName)"));
        }
        for name in names {
            match name.strip_prefix('*') {
                Some(below) => self
                    .below
                    .entry(below.to_owned())
                    .or_insert_with(|| key.clone()),
                None => self.exact.entry(name).or_insert_with(|| key.clone()),
            };
        }
        Ok(())
    }

    /// The one for this name.
    pub(crate) fn of(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        if let Some(key) = self.exact.get(name) {
            return Some(key.clone());
        }
        let dot = name.find('.')?;
        self.below.get(name.get(dot..)?).cloned()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.of(&hello.server_name()?.to_ascii_lowercase())
    }
}

/// The DNS names of a certificate, in lower case.
fn names(leaf: &CertificateDer<'_>) -> Result<Vec<String>, String> {
    let (_, leaf) = x509_parser::parse_x509_certificate(leaf).map_err(|error| error.to_string())?;
    let alternative = leaf
        .subject_alternative_name()
        .map_err(|error| error.to_string())?;
    let names = alternative.map(|names| &names.value.general_names);
    Ok(names
        .into_iter()
        .flatten()
        .filter_map(|name| match name {
            x509_parser::extensions::GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        })
        .collect())
}

fn pair(chain: &Path, key: &Path) -> Result<CertifiedKey, BadTls> {
    let certificates = chain_of(chain)?;
    let secret = fs::read(key).map_err(|error| bad(key, &error))?;
    let secret = PrivateKeyDer::from_pem_slice(&secret)
        .map_err(|error| bad(key, &format!("that is no private key in PEM: {error}")))?;
    let provider = aws_lc_rs::default_provider();
    let pair = CertifiedKey::from_der(certificates, secret, &provider).map_err(|error| {
        bad(
            key,
            &format!("the key does not fit {}: {error}", chain.display()),
        )
    })?;
    Ok(pair)
}

/// The certificates in a file, at least one.
///
/// # Errors
/// When it can't be read, or holds none.
pub(crate) fn chain_of(file: &Path) -> Result<Vec<CertificateDer<'static>>, BadTls> {
    let text = fs::read(file).map_err(|error| bad(file, &error))?;
    let chain = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| bad(file, &format!("that is no certificate in PEM: {error}")))?;
    match chain.is_empty() {
        true => Err(bad(file, &"there is no certificate in it")),
        false => Ok(chain),
    }
}

/// From when to when the first certificate in a file holds, in seconds since 1970.
///
/// # Errors
/// When there is none.
pub(crate) fn validity_s(file: &Path) -> Result<(i64, i64), BadTls> {
    let chain = chain_of(file)?;
    let leaf = chain.first().ok_or_else(|| bad(file, &"it is empty"))?;
    let (_, leaf) = x509_parser::parse_x509_certificate(leaf).map_err(|error| bad(file, &error))?;
    let validity = leaf.validity();
    Ok((
        validity.not_before.timestamp(),
        validity.not_after.timestamp(),
    ))
}

pub(crate) fn bad(file: &Path, what: &dyn std::fmt::Display) -> BadTls {
    BadTls::File {
        file: file.display().to_string(),
        what: what.to_string(),
    }
}

/// One way a handshake goes, with one set of tickets and sessions.
#[derive(Clone)]
struct Way {
    /// The cipher suite is the first of ours that the client has.
    ours: Arc<ServerConfig>,
    /// It is the first of the client's that we have.
    theirs: Arc<ServerConfig>,
}

/// How handshakes go: one way for each set of tenants with client certificates that one name may
/// lead to, one for the rest. Each has its own tickets and sessions, so that none is resumed under
/// another's rules.
pub(crate) struct Handshakes {
    common: Way,
    mutual: HashMap<Vec<TenantId>, Way>,
    asking: Vec<TenantId>,
    certificates: Arc<Certificates>,
}

impl Handshakes {
    /// # Errors
    /// When the CAs of a tenant can't be read.
    pub(crate) fn new(
        config: &Config,
        table: &Table,
        certificates: Arc<Certificates>,
        http2: bool,
        directory: &Path,
    ) -> Result<Handshakes, BadTls> {
        let provider = Arc::new(provider());
        let common = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| bad(directory, &error))?
            .with_no_client_auth()
            .with_cert_resolver(certificates.clone());
        let asking = (0..).zip(&config.tenants);
        let asking = asking.filter(|(_, tenant)| tenant.client_certificates.is_some());
        let mut handshakes = Handshakes {
            common: finish(common, http2),
            mutual: HashMap::new(),
            asking: asking.map(|(place, _)| TenantId(place)).collect(),
            certificates,
        };
        for host in config.tenants.iter().flat_map(|tenant| &tenant.hosts) {
            let tenants = handshakes.asking_at(table, &one_of(host));
            if !tenants.is_empty() && !handshakes.mutual.contains_key(&tenants) {
                let verifier = verifier(config, &tenants, directory, &provider)?;
                let built = ServerConfig::builder_with_provider(provider.clone())
                    .with_safe_default_protocol_versions()
                    .map_err(|error| bad(directory, &error))?
                    .with_client_cert_verifier(verifier)
                    .with_cert_resolver(handshakes.certificates.clone());
                handshakes.mutual.insert(tenants, finish(built, http2));
            }
        }
        Ok(handshakes)
    }

    /// The tenants that this name may lead to and that ask for certificates, in order.
    fn asking_at(&self, table: &Table, name: &str) -> Vec<TenantId> {
        if self.asking.is_empty() {
            return Vec::new();
        }
        let asks = |tenant: &TenantId| self.asking.binary_search(tenant).is_ok();
        let mut tenants: Vec<TenantId> = table.at(name).filter(asks).collect();
        tenants.sort_unstable();
        tenants.dedup();
        tenants
    }

    /// The way for this name, and for who offers these cipher suites in this order; none: no
    /// certificate bears it.
    pub(crate) fn of(
        &self,
        table: &Table,
        name: &str,
        offered: &[CipherSuite],
    ) -> Option<Arc<ServerConfig>> {
        self.certificates.of(name)?;
        let tenants = self.asking_at(table, name);
        let way = match tenants.is_empty() {
            true => &self.common,
            false => self.mutual.get(&tenants)?,
        };
        Some(match wants_chacha(offered) {
            true => way.theirs.clone(),
            false => way.ours.clone(),
        })
    }
}

/// A name that this pattern reaches and that nobody can have as their own.
fn one_of(host: &HostPattern) -> String {
    match host {
        HostPattern::Exact(name) => name.clone(),
        HostPattern::Under(suffix) => format!("!{suffix}"),
        HostPattern::Any => "!".to_owned(),
    }
}

/// Whose certificates make a handshake: those of any CA of these tenants. Which of them counts for
/// whom is asked for each request. Who shows none is told so by an answer, not by a broken handshake.
fn verifier(
    config: &Config,
    tenants: &[TenantId],
    directory: &Path,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, BadTls> {
    let tenants = tenants
        .iter()
        .filter_map(|id| config.tenants.get(usize::try_from(id.0).ok()?));
    let names: Vec<&str> = tenants.clone().map(|tenant| tenant.name.as_str()).collect();
    let clients = tenants.filter_map(|tenant| tenant.client_certificates.as_ref());
    let files = clients.flat_map(|clients| &clients.ca_files);
    let roots = roots(files.map(|file| directory.join(file)))?;
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()
        .map_err(|error| BadTls::Clients {
            tenant: names.join(", "),
            what: error.to_string(),
        })
}

fn roots(files: impl Iterator<Item = PathBuf>) -> Result<RootCertStore, BadTls> {
    let mut roots = RootCertStore::empty();
    for file in files {
        for certificate in chain_of(&file)? {
            roots.add(certificate).map_err(|error| bad(&file, &error))?;
        }
    }
    Ok(roots)
}

/// With AES-128 before AES-256: as good as what it protects is worth for longer than anybody keeps it
/// (RFC 8446, 9.1 has everyone speak it), and its SHA-256 is made by the processor where SHA-384 is
/// not: most of what a handshake costs but for the keys.
fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    // Stable: TLS 1.3 stays ahead.
    provider.cipher_suites.sort_by_key(|suite| {
        let costs = match suite.suite() {
            CipherSuite::TLS13_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => 0,
            _ => 1,
        };
        (suite.tls13().is_none(), costs)
    });
    provider
}

/// Whether a client says by its order that its processor has no AES. One suite that is no suite may
/// stand before all (RFC 8701).
fn wants_chacha(offered: &[CipherSuite]) -> bool {
    let no_suite = |suite: &&CipherSuite| u16::from(**suite) & 0x0f0f != 0x0a0a;
    matches!(
        offered.iter().find(no_suite),
        Some(
            CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
                | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
        )
    )
}

fn finish(mut config: ServerConfig, http2: bool) -> Way {
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS_MAX);
    match aws_lc_rs::Ticketer::new() {
        Ok(ticketer) => config.ticketer = ticketer,
        // Without tickets sessions are looked up; without randomness none are.
        Err(_) => config.session_storage = Arc::new(NoServerSessionStorage {}),
    }
    config.send_half_rtt_data = false;
    config.max_early_data_size = 0;
    config.alpn_protocols = match http2 {
        true => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        false => vec![b"http/1.1".to_vec()],
    };
    let theirs = config.clone();
    config.ignore_client_order = true;
    Way {
        ours: Arc::new(config),
        theirs: Arc::new(theirs),
    }
}
