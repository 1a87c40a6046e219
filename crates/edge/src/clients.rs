//! Client certificates, as the edge reads them: chains are verified when a connection begins and
//! whenever the CAs change; whether a request comes in with one is `policy::certificate`'s to say,
//! for each request.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use base::Line;
use policy::Reason;
use policy::certificate::{
    Authority, Builder, Fingerprint, Item, Knowledge, Link, Presented, Revocations, Serial,
    authorise,
};
use policy::config::{ClientCertificates, Config, TenantId};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::revocation_list::CertificateRevocationList;

use crate::clock;
use crate::facts::Facts;
use crate::ledger::hex;
use crate::refuse::Refused;
use crate::tls::{BadTls, bad, chain_of};

/// What each tenant asks of its clients.
pub(crate) struct Authorities {
    /// By the tenant's place; most have none.
    tenants: Vec<Option<ArcSwap<Own>>>,
}

/// One tenant's.
struct Own {
    authority: Authority,
    cas: Arc<Cas>,
}

/// Its CAs. Another set is another value: what was shown is verified again then.
struct Cas {
    certificates: Vec<CertificateDer<'static>>,
    fingerprints: Vec<Fingerprint>,
    /// What revocations may name them by; none: nothing can.
    links: Vec<Option<Link>>,
}

/// What a connection's certificates amount to under one set of CAs.
pub(crate) struct Shown {
    cas: Arc<Cas>,
    /// The client's own certificate.
    leaf: Arc<Certificate>,
    outcome: Result<Presented, Reason>,
}

/// A client's own certificate, as people name it.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) fingerprint: Fingerprint,
    /// Whose it says it is, and who says so: bounded, one line each.
    pub(crate) subject: String,
    pub(crate) issuer: String,
    /// SHA-256 of the issuer's name as DER.
    pub(crate) issuer_sha256: Fingerprint,
    /// In hexadecimal digits: whole bytes, none of them zero at the front.
    pub(crate) serial: String,
}

impl Certificate {
    fn of(bytes: &[u8]) -> Certificate {
        let mut certificate = Certificate {
            fingerprint: fingerprint(bytes),
            subject: String::new(),
            issuer: String::new(),
            issuer_sha256: [0; 32],
            serial: String::new(),
        };
        if let Ok((_, parsed)) = X509Certificate::from_der(bytes) {
            let said = |name: String| {
                Line::clean(&name).map_or_else(String::new, |(line, _)| line.to_string())
            };
            certificate.subject = said(parsed.subject().to_string());
            certificate.issuer = said(parsed.issuer().to_string());
            certificate.issuer_sha256 = fingerprint(parsed.issuer().as_raw());
            let serial = parsed.raw_serial();
            let zeros = serial.iter().take_while(|byte| **byte == 0).count();
            let digits = serial.get(zeros.min(serial.len().saturating_sub(1))..);
            certificate.serial = hex(digits.unwrap_or(serial));
        }
        certificate
    }
}

impl Authorities {
    /// Reads what tenants ask for.
    ///
    /// # Errors
    /// When a CA can't be read. A list of revoked certificates that can't is kept as missing:
    /// nobody comes in with a certificate until it is there.
    pub(crate) fn read(config: &Config, directory: &Path) -> Result<Authorities, BadTls> {
        let own = |clients: &ClientCertificates| {
            let cas = Arc::new(Cas::read(clients, directory)?);
            Ok::<_, BadTls>(ArcSwap::from_pointee(Own::new(clients, cas, directory)))
        };
        let tenants = config
            .tenants
            .iter()
            .map(|tenant| tenant.client_certificates.as_deref().map(own).transpose());
        Ok(Authorities {
            tenants: tenants.collect::<Result<_, _>>()?,
        })
    }

    /// Whether every list could be read.
    ///
    /// # Errors
    /// With the first that could not.
    pub(crate) fn complete(&self) -> Result<(), BadTls> {
        for own in self.tenants.iter().flatten() {
            if let Knowledge::Missing(why) = &own.load().authority.revocations {
                return Err(BadTls::Revocations(why.to_string()));
            }
        }
        Ok(())
    }

    /// Reads again what changed. False when not all of it could be.
    pub(crate) fn read_again(&self, config: &Config, directory: &Path) -> bool {
        let mut whole = true;
        for (own, tenant) in self.tenants.iter().zip(&config.tenants) {
            let (Some(own), Some(clients)) = (own, &tenant.client_certificates) else {
                continue;
            };
            let before = own.load_full();
            let cas = match Cas::read(clients, directory) {
                Ok(cas) if cas.certificates == before.cas.certificates => before.cas.clone(),
                Ok(cas) => Arc::new(cas),
                Err(error) => {
                    tracing::error!(tenant = tenant.name, %error, "its CAs stay as they were");
                    whole = false;
                    before.cas.clone()
                }
            };
            let next = Own::new(clients, cas, directory);
            if let Knowledge::Known(known) = &next.authority.revocations {
                let revoked = known.len();
                tracing::info!(
                    tenant = tenant.name,
                    revoked,
                    "revoked certificates were read again"
                );
            }
            own.store(Arc::new(next));
        }
        self.tell(config);
        whole && self.complete().is_ok()
    }

    /// Says in the log whose lists can't be read.
    pub(crate) fn tell(&self, config: &Config) {
        for (own, tenant) in self.tenants.iter().zip(&config.tenants) {
            let own = own.as_ref().map(ArcSwap::load);
            let revocations = own.as_ref().map(|own| &own.authority.revocations);
            if let Some(Knowledge::Missing(why)) = revocations {
                tracing::error!(
                    tenant = tenant.name,
                    why = &**why,
                    "nobody comes in with a certificate: what is revoked can't be read"
                );
            }
        }
    }

    /// Whether a request may come in with what its connection showed. `certificate` is whose it is,
    /// for the log, also where it is refused.
    ///
    /// # Errors
    /// With the reason why not.
    pub(crate) fn authorise(
        &self,
        facts: &Facts,
        tenant: TenantId,
        own_name: bool,
        overlay: &Knowledge,
        certificate: &mut Option<Arc<Certificate>>,
    ) -> Result<(), Refused> {
        let place = usize::try_from(tenant.0).unwrap_or(usize::MAX);
        let own = self.tenants.get(place).and_then(Option::as_ref);
        let Some(own) = own.filter(|_| own_name) else {
            return authorise(None, None, own_name, 0).map_err(Refused::new);
        };
        let own = own.load();
        let mut shown = facts.shown.borrow_mut();
        let holds = |shown: &Shown| {
            // What was out of date may not be when the clock is right again.
            let judged = !matches!(shown.outcome, Err(Reason::CertificateExpired));
            judged && Arc::ptr_eq(&shown.cas, &own.cas)
        };
        if !shown.as_ref().is_some_and(holds) {
            *shown = Shown::of(&facts.chain, &own.cas);
        }
        *certificate = shown.as_ref().map(|shown| shown.leaf.clone());
        let refused = |reason| named(reason, certificate.as_deref());
        let presented = match shown.as_ref().map(|shown| &shown.outcome) {
            None => None,
            Some(Ok(presented)) => Some(presented),
            Some(Err(reason)) => return Err(refused(*reason)),
        };
        let now_s = clock::unix_s();
        authorise(Some(&own.authority), presented, own_name, now_s).map_err(refused)?;
        let edge = &facts.worker.edge;
        if presented.is_some_and(|it| {
            edge.bans
                .load()
                .holds_certificate(&it.leaf.fingerprint, now_s)
        }) {
            return Err(refused(Reason::CertificateBanned));
        }
        match (presented, overlay) {
            (None, _) => Ok(()),
            (Some(_), Knowledge::Missing(_)) => Err(refused(Reason::RevocationUnknown)),
            (Some(presented), Knowledge::Known(said)) => {
                match own.cas.fallen(said, presented)
                    || presented.links().any(|it| said.revokes(it))
                {
                    true => Err(refused(Reason::CertificateRevoked)),
                    false => Ok(()),
                }
            }
        }
    }
}

impl Shown {
    /// What a chain amounts to; none: nothing was shown.
    fn of(chain: &[CertificateDer<'static>], cas: &Arc<Cas>) -> Option<Shown> {
        let (leaf, above) = chain.split_first()?;
        Some(Shown {
            cas: cas.clone(),
            leaf: Arc::new(Certificate::of(leaf)),
            outcome: cas.path(leaf, above),
        })
    }
}

fn named(reason: Reason, certificate: Option<&Certificate>) -> Refused {
    let refused = Refused::new(reason);
    match certificate {
        Some(certificate) => refused.about(format!("sha256:{}", hex(&certificate.fingerprint))),
        None => refused,
    }
}

impl Own {
    fn new(clients: &ClientCertificates, cas: Arc<Cas>, directory: &Path) -> Own {
        let revocations = match revocations(clients, &cas, directory) {
            Ok(known) => Knowledge::Known(Arc::new(known)),
            Err(error) => Knowledge::Missing(error.to_string().into()),
        };
        let authority = Authority {
            cas: cas.fingerprints.clone(),
            revocations,
            optional: clients.optional,
        };
        Own { authority, cas }
    }
}

impl Cas {
    fn read(clients: &ClientCertificates, directory: &Path) -> Result<Cas, BadTls> {
        let mut certificates = Vec::new();
        for file in &clients.ca_files {
            let file = directory.join(file);
            for certificate in chain_of(&file)? {
                anchor_from_trusted_cert(&certificate).map_err(|error| bad(&file, &error))?;
                certificates.push(certificate);
            }
        }
        let fingerprints = certificates.iter().map(|one| fingerprint(one)).collect();
        let links = certificates.iter().map(|one| link(one)).collect();
        Ok(Cas {
            certificates,
            fingerprints,
            links,
        })
    }

    fn path(
        &self,
        leaf: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
    ) -> Result<Presented, Reason> {
        let refused = |_| Reason::CertificateRefused;
        let end = EndEntityCert::try_from(leaf).map_err(refused)?;
        let anchors: Vec<TrustAnchor<'_>> = self
            .certificates
            .iter()
            .filter_map(|ca| anchor_from_trusted_cert(ca).ok())
            .collect();
        let now_s = u64::try_from(clock::unix_s()).unwrap_or(0);
        let path = end
            .verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                &anchors,
                above,
                UnixTime::since_unix_epoch(Duration::from_secs(now_s)),
                KeyUsage::client_auth(),
                None,
                None,
            )
            .map_err(|error| match error {
                webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. } => {
                    Reason::CertificateExpired
                }
                _ => Reason::CertificateRefused,
            })?;
        let root = self.root(path.anchor()).ok_or(Reason::CertificateRefused)?;
        let above: Option<Vec<Link>> = path
            .intermediate_certificates()
            .map(|one| link(&one.der()))
            .collect();
        Ok(Presented {
            leaf: link(leaf).ok_or(Reason::CertificateRefused)?,
            above: above.ok_or(Reason::CertificateRefused)?.into(),
            root,
        })
    }

    /// Whether the one that a path led to is revoked itself.
    fn fallen(&self, said: &Revocations, presented: &Presented) -> bool {
        let place = self
            .fingerprints
            .iter()
            .position(|one| *one == presented.root);
        let link = place.and_then(|place| self.links.get(place)?.as_ref());
        said.lists(&presented.root) || link.is_some_and(|link| said.revokes(link))
    }

    /// Which of them a path led to.
    fn root(&self, anchor: &TrustAnchor<'_>) -> Option<Fingerprint> {
        let found = self.certificates.iter().position(|ca| {
            anchor_from_trusted_cert(ca).is_ok_and(|one| {
                one.subject == anchor.subject
                    && one.subject_public_key_info == anchor.subject_public_key_info
            })
        });
        self.fingerprints.get(found?).copied()
    }
}

fn fingerprint(bytes: &[u8]) -> Fingerprint {
    digest(&SHA256, bytes)
        .as_ref()
        .try_into()
        .unwrap_or([0; 32])
}

fn link(certificate: &[u8]) -> Option<Link> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(Link {
        fingerprint: fingerprint(certificate),
        issuer: fingerprint(parsed.issuer().as_raw()),
        serial: Serial::new(parsed.raw_serial())?,
        not_before_s: parsed.validity().not_before.timestamp(),
        not_after_s: parsed.validity().not_after.timestamp(),
    })
}

/// What is revoked, by every list that the tenant named.
fn revocations(
    clients: &ClientCertificates,
    cas: &Cas,
    directory: &Path,
) -> Result<Revocations, BadTls> {
    let mut builder = Builder::default();
    for file in &clients.revoked_files {
        let file = directory.join(file);
        let text = std::fs::read_to_string(&file).map_err(|error| bad(&file, &error))?;
        builder.list(&text).map_err(|error| bad(&file, &error))?;
    }
    for file in &clients.crl_files {
        let file = directory.join(file);
        let bytes = std::fs::read(&file).map_err(|error| bad(&file, &error))?;
        let lists: Vec<Vec<u8>> = match bytes.starts_with(b"-----BEGIN") {
            true => CertificateRevocationListDer::pem_slice_iter(&bytes)
                .map(|list| list.map(|list| list.as_ref().to_vec()))
                .collect::<Result<_, _>>()
                .map_err(|error| bad(&file, &error))?,
            false => vec![bytes],
        };
        if lists.is_empty() {
            return Err(bad(&file, &"there is no CRL in it"));
        }
        for list in &lists {
            add(&mut builder, cas, list).map_err(|what| bad(&file, &what))?;
        }
    }
    let known = builder.build();
    // Paths end at the first CA of the set: what the one above it revoked must be known beforehand.
    let fallen = cas.certificates.iter().filter_map(|ca| link(ca));
    let fallen: Vec<Item> = fallen
        .filter(|ca| known.revokes(ca))
        .map(|ca| Item::Fingerprint(ca.fingerprint))
        .collect();
    known
        .overlaid(fallen)
        .map_err(|error| bad(directory, &error))
}

/// Adds one CRL, if one of the CAs signed it.
fn add(builder: &mut Builder, cas: &Cas, list: &[u8]) -> Result<(), String> {
    let (_, list) = CertificateRevocationList::from_der(list).map_err(|error| error.to_string())?;
    // Such a CRL says something else than which certificates of one CA are revoked (RFC 5280, 5.2).
    if let Some(other) = list.extensions().iter().find(|one| one.critical) {
        return Err(format!(
            "the CRL of {} is of a part only, or unknown in kind (extension {}); bring a whole one",
            list.issuer(),
            other.oid
        ));
    }
    let signed = cas.certificates.iter().any(|ca| {
        X509Certificate::from_der(ca).is_ok_and(|(_, ca)| {
            ca.subject().as_raw() == list.issuer().as_raw()
                && list.verify_signature(ca.public_key()).is_ok()
        })
    });
    if !signed {
        return Err(format!(
            "no CA of the tenant signed the CRL of {}: its issuer must stand in ca_files",
            list.issuer()
        ));
    }
    let mut serials = Vec::new();
    for revoked in list.iter_revoked_certificates() {
        let serial = Serial::new(revoked.raw_serial());
        serials.push(serial.ok_or("a serial number is longer than 20 bytes")?);
    }
    builder
        .crl(
            fingerprint(list.issuer().as_raw()),
            list.last_update().timestamp(),
            list.next_update().map(|time| time.timestamp()),
            serials,
        )
        .map_err(|error| error.to_string())
}
