//! Files that are read again while the edge runs. What can't be read leaves what was before, but for
//! revocation lists: without them nobody who shows a certificate comes in.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use policy::bans::{self, Bans};
use policy::certificate::Fingerprint;
use policy::config::Config;

use crate::clock;
use crate::edge::Edge;
use crate::running::Running;

/// Bans that ended less than 400 days ago are kept with the others.
pub(crate) const KEPT_S: i64 = 400 * 86_400;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Certificates,
    Authorities,
    Bans,
    /// Whom upstreams' certificates are believed from.
    Trust,
}

/// Why a list of bans can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {what}")]
pub struct BadBans {
    pub file: String,
    pub what: String,
}

/// The files whose change counts at once.
pub(crate) fn files(running: &Running) -> Vec<(PathBuf, What)> {
    let config = &running.config;
    let place = |file: &String| running.directory.join(file);
    let mut files = Vec::new();
    for pair in &config.certificates {
        files.push((place(&pair.chain_file), What::Certificates));
        files.push((place(&pair.key_file), What::Certificates));
    }
    for file in running.acme_files() {
        files.push((file, What::Certificates));
    }
    for clients in config
        .tenants
        .iter()
        .filter_map(|tenant| tenant.client_certificates.as_ref())
    {
        let lists = clients.revoked_files.iter().chain(&clients.crl_files);
        files.extend(lists.map(|file| (place(file), What::Authorities)));
        files.extend(
            clients
                .ca_files
                .iter()
                .map(|file| (place(file), What::Authorities)),
        );
        files.extend(
            clients
                .ca_files
                .iter()
                .map(|file| (place(file), What::Certificates)),
        );
    }
    let trusted = config.upstreams.iter();
    let trusted = trusted.filter_map(|upstream| upstream.tls.as_ref()?.ca_file.as_ref());
    files.extend(trusted.map(|file| (place(file), What::Trust)));
    files.extend(config.bans.iter().map(|file| (place(file), What::Bans)));
    files
}

/// Reads it again. False when it can't be, or not all of it.
pub(crate) fn again(edge: &Edge, running: &Arc<Running>, what: What) -> bool {
    let read = match what {
        What::Certificates => match running.read_certificates() {
            Ok(()) => {
                tracing::info!("certificates were read again");
                true
            }
            Err(error) => {
                tracing::error!(%error, "certificates can't be read; the ones before stay");
                false
            }
        },
        What::Authorities => running
            .authorities
            .read_again(&running.config, &running.directory),
        What::Trust => running.upstreams().iter().fold(true, |all, upstream| {
            match upstream.read_trust(&running.directory) {
                Ok(()) => all,
                Err(error) => {
                    let upstream = &upstream.config.name;
                    tracing::error!(%error, upstream, "its CA can't be read; the one before stays");
                    false
                }
            }
        }),
        What::Bans => match Banned::read(&running.config, &running.directory) {
            Ok(read) => {
                tracing::info!(bans = read.len(), "bans were read again");
                edge.bans.rcu(|before| read.clone().also(before.said()));
                true
            }
            Err(error) => {
                tracing::error!(%error, "bans can't be read; the ones before stay");
                false
            }
        },
    };
    if !read {
        edge.unread.add(1);
    }
    read
}

/// Everybody who is banned: by files, and by what was said since.
#[derive(Clone, Default)]
pub(crate) struct Banned {
    files: Arc<Vec<Bans>>,
    said: Arc<Bans>,
}

impl Banned {
    /// Reads the files.
    ///
    /// # Errors
    /// With the first file that can't be read, and the lines that are wrong.
    pub(crate) fn read(config: &Config, directory: &Path) -> Result<Banned, BadBans> {
        let mut files = Vec::with_capacity(config.bans.len());
        for file in &config.bans {
            let bad = |what: String| BadBans {
                file: file.clone(),
                what,
            };
            let text = std::fs::read_to_string(directory.join(file))
                .map_err(|error| bad(error.to_string()))?;
            // The calendar may be ahead: who seems to be free by now is not forgotten yet.
            let since_s = clock::unix_s().saturating_sub(KEPT_S);
            files.push(bans::parse(&text, since_s).map_err(|wrong| bad(lines(&wrong)))?);
        }
        Ok(Banned {
            files: Arc::new(files),
            said: Arc::default(),
        })
    }

    /// The same files, and what was said.
    pub(crate) fn also(self, said: Arc<Bans>) -> Banned {
        Banned { said, ..self }
    }

    /// What was said.
    pub(crate) fn said(&self) -> Arc<Bans> {
        self.said.clone()
    }

    pub(crate) fn holds_certificate(&self, fingerprint: &Fingerprint, now_s: i64) -> bool {
        let holds = |bans: &Bans| bans.holds_certificate(fingerprint, now_s);
        self.files.iter().any(holds) || self.said.holds_certificate(fingerprint, now_s)
    }

    pub(crate) fn holds(&self, address: IpAddr, now_s: i64) -> bool {
        self.files.iter().any(|bans| bans.holds(address, now_s)) || self.said.holds(address, now_s)
    }

    /// How many prefixes the files have.
    pub(crate) fn len(&self) -> usize {
        self.files.iter().map(Bans::len).sum()
    }
}

/// The first few lines that are wrong.
pub(crate) fn lines<T: std::fmt::Display>(wrong: &[T]) -> String {
    let first = wrong.iter().take(3).map(ToString::to_string);
    let mut text = first.collect::<Vec<_>>().join("; ");
    if wrong.len() > 3 {
        text.push_str(&format!("; and {} more", wrong.len() - 3));
    }
    text
}
