//! What an edge runs is put together of the fleet's version, of tenants' own versions, and of what is
//! different on its machine.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::edge::Adjust;
use base::{Tenant, Timestamp};
use policy::config::Config;
use record::fleet::{Runs, Told};
use record::hash::Hash;
use serde::{Deserialize, Serialize};

use super::enrolled::Home;

/// What an edge was told to run, act by act.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Running {
    /// The fleet's version.
    pub(super) fleet: Option<Runs>,
    /// Tenants' own.
    pub(super) tenants: BTreeMap<Tenant, Own>,
    /// Whether it runs the fleet's by a break-glass note, and not by the act that it knows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) by_note: bool,
    /// What was fully deployed of the fleet's before what ran since, the newest last: what a note may send it
    /// back to, as far as it lies here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) past: Vec<Hash>,
}

/// So many versions that ran before are kept.
const PAST_KEPT: usize = 8;

/// A tenant's own version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Own {
    /// Which; none: what the fleet's says of it.
    pub(super) digest: Option<Hash>,
    /// The act that told it so.
    pub(super) sequence: u64,
}

impl Running {
    /// The act by which it runs that.
    pub(super) fn sequence(&self, tenant: Option<&Tenant>) -> Option<u64> {
        match tenant {
            None => self.fleet.as_ref().map(|runs| runs.sequence),
            Some(tenant) => self.tenants.get(tenant).map(|own| own.sequence),
        }
    }

    /// Takes in what an act tells.
    pub(super) fn tell(&mut self, told: &Told, now_ms: u64) {
        match (&told.tenant, told.digest) {
            (Some(tenant), digest) => {
                let sequence = told.sequence;
                self.tenants
                    .insert(tenant.clone(), Own { digest, sequence });
            }
            (None, Some(digest)) => {
                if let Some(base) = told.base {
                    self.past.retain(|past| *past != base);
                    self.past.push(base);
                    let many = self.past.len().saturating_sub(PAST_KEPT);
                    self.past.drain(..many);
                }
                self.past.retain(|past| *past != digest);
                self.by_note = false;
                let same = self.fleet.as_ref().filter(|runs| runs.digest == digest);
                let since_ms = same.map_or(now_ms, |runs| runs.since_ms);
                self.fleet = Some(Runs {
                    digest,
                    sequence: told.sequence,
                    since_ms,
                });
            }
            // No act says that.
            (None, None) => {}
        }
    }

    /// Runs what ran before, by a note that is younger than that act.
    pub(super) fn go_back(&mut self, digest: Hash, sequence: u64, now_ms: u64) {
        self.past.retain(|past| *past != digest);
        self.by_note = true;
        self.fleet = Some(Runs {
            digest,
            sequence,
            since_ms: now_ms,
        });
    }

    /// Goes on with what it runs, and follows whatever act comes next.
    pub(super) fn forget_acts(&mut self) {
        self.fleet.iter_mut().for_each(|runs| runs.sequence = 0);
        self.tenants.values_mut().for_each(|own| own.sequence = 0);
    }

    /// Knows of an act, and goes on by the note.
    pub(super) fn pass_over(&mut self, sequence: u64) {
        if let Some(runs) = &mut self.fleet {
            runs.sequence = runs.sequence.max(sequence);
        }
    }

    /// Whether it does what that act tells.
    pub(super) fn does(&self, told: &Told) -> bool {
        match &told.tenant {
            None => self.fleet.as_ref().is_some_and(|runs| {
                let same = Some(runs.digest) == told.digest || self.by_note;
                runs.sequence >= told.sequence && same
            }),
            Some(tenant) => self
                .tenants
                .get(tenant)
                .is_some_and(|own| own.sequence >= told.sequence && own.digest == told.digest),
        }
    }

    /// Leaves a tenant's own version out: what told of it.
    fn leave_out(&mut self, tenant: &Tenant) -> Option<Told> {
        let own = self.tenants.remove(tenant)?;
        Some(Told {
            at: Timestamp::from_ms(0),
            base: None,
            by_trigger: false,
            tenant: Some(tenant.clone()),
            digest: own.digest,
            sequence: own.sequence,
        })
    }

    /// The versions that it is put together of.
    pub(super) fn digests(&self) -> BTreeSet<Hash> {
        let fleet = self.fleet.iter().map(|runs| runs.digest);
        fleet.chain(self.own().map(|(_, digest)| digest)).collect()
    }

    /// Whether the two are served alike.
    pub(super) fn is_like(&self, other: &Running) -> bool {
        let fleet = |one: &Running| one.fleet.as_ref().map(|runs| runs.digest);
        fleet(self) == fleet(other) && self.own().eq(other.own())
    }

    /// Tenants that have a version of their own.
    pub(super) fn own(&self) -> impl Iterator<Item = (&Tenant, Hash)> {
        let tenants = self.tenants.iter();
        tenants.filter_map(|(tenant, own)| Some((tenant, own.digest?)))
    }
}

/// What is different on this machine than in the version.
#[derive(Clone, Debug, Default)]
pub(super) struct Here {
    pub(super) cell: String,
    /// Where to listen instead, in the order of the version's listeners.
    pub(super) listen: Vec<SocketAddr>,
    pub(super) metrics: Option<SocketAddr>,
    /// How long control must not have been heard of before a break-glass note is taken.
    pub(super) silence: Duration,
}

/// A tenant's own version, read.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) tenant: Tenant,
    pub(super) config: Config,
    /// Where its files lie.
    pub(super) place: PathBuf,
}

/// All of it, laid out on this disk.
#[derive(Clone, Debug)]
pub(super) struct Laid {
    /// The fleet's configuration.
    pub(super) file: PathBuf,
    pub(super) parts: Vec<Arc<Part>>,
    pub(super) here: Here,
}

impl Laid {
    /// As the edge applies it.
    pub(super) fn adjust(&self) -> Adjust {
        let laid = self.clone();
        Box::new(move |config| laid.apply(config))
    }

    fn apply(&self, config: &mut Config) {
        let here = &self.here;
        config.cell.clone_from(&here.cell);
        for (listen, address) in config.listen.iter_mut().zip(&here.listen) {
            listen.address = *address;
        }
        if here.metrics.is_some() {
            config.metrics = here.metrics;
        }
        for part in &self.parts {
            // A tenant that the fleet's version does not have is nobody's traffic.
            config.put(part.tenant.as_str(), &part.config, &part.place);
        }
    }

    /// Whether it fits this machine, files and all.
    pub(super) fn try_out(&self) -> Result<(), String> {
        let config = ::edge::check_adjusted(&self.file, &|config| self.apply(config));
        let config = config.map_err(|error| error.to_string())?;
        if config.listen.len() < self.here.listen.len() {
            return Err(format!(
                "it has {} listeners, and this edge was given {} addresses",
                config.listen.len(),
                self.here.listen.len()
            ));
        }
        Ok(())
    }
}

/// What of what was told fits this machine.
#[derive(Debug)]
pub(super) struct Fitting {
    pub(super) laid: Laid,
    pub(super) running: Running,
    /// Tenants' own versions that do not fit, and why.
    pub(super) left_out: Vec<(Told, String)>,
}

/// Puts together what fits this machine, files and all: the fleet's version, and of what tenants have of their
/// own each that can be laid out and tried. One that can't be takes nothing with it.
///
/// # Errors
/// When the fleet's version does not fit.
pub(super) fn fitting(home: &Home, here: &Here, mut running: Running) -> Result<Fitting, String> {
    let fleet = running.fleet.as_ref();
    let fleet = fleet.ok_or("no version of the fleet's is here yet")?;
    let (file, _) = home.laid(None, &fleet.digest)?;
    let mut left_out = Vec::new();
    let mut parts = Vec::new();
    let own: Vec<(Tenant, Hash)> = running
        .own()
        .map(|(tenant, digest)| (tenant.clone(), digest))
        .collect();
    for (tenant, digest) in own {
        match home.laid(Some(&tenant), &digest) {
            Ok((file, config)) => parts.push(Arc::new(Part {
                place: file.parent().map_or_else(PathBuf::new, Path::to_owned),
                tenant,
                config,
            })),
            Err(why) => left_out.extend(running.leave_out(&tenant).map(|told| (told, why))),
        }
    }
    let with = |parts: Vec<Arc<Part>>| Laid {
        file: file.clone(),
        parts,
        here: here.clone(),
    };
    let mut laid = with(parts.clone());
    if let Err(together) = laid.try_out() {
        with(Vec::new()).try_out()?;
        let mut fit = Vec::new();
        for part in parts {
            match with(vec![part.clone()]).try_out() {
                Ok(()) => fit.push(part),
                Err(why) => {
                    left_out.extend(running.leave_out(&part.tenant).map(|told| (told, why)));
                }
            }
        }
        laid = with(fit.clone());
        if laid.try_out().is_err() {
            for part in fit {
                let why = format!("not with the others: {together}");
                left_out.extend(running.leave_out(&part.tenant).map(|told| (told, why)));
            }
            laid = with(Vec::new());
        }
    }
    Ok(Fitting {
        laid,
        running,
        left_out,
    })
}
