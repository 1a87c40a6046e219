//! What a plan's file says.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use exchange::BaseUrl;
use policy::config;
use serde::Deserialize;

use crate::exit::Failure;

/// All of it. Times are in milliseconds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    #[serde(default = "every_ms")]
    every_ms: u64,
    #[serde(default = "timeout_ms")]
    timeout_ms: u64,
    #[serde(default = "unhealthy_after")]
    unhealthy_after: u32,
    #[serde(default = "healthy_after")]
    healthy_after: u32,
    #[serde(default = "wait_ms")]
    wait_ms: u64,
    #[serde(default = "hold_ms")]
    hold_ms: u64,
    /// CAs to trust in place of the system's (PEM).
    pub(super) ca_file: Option<PathBuf>,
    /// As long as this file is there: the number of a tier, and why.
    override_file: Option<PathBuf>,
    pub(super) dns: Dns,
    #[serde(rename = "tier")]
    pub(super) tiers: Vec<Tier>,
}

/// The record that leads to one of the tiers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dns {
    /// The zone's primary server, by address: its own name may be in the zone that is down.
    pub(super) server: SocketAddr,
    pub(super) zone: String,
    pub(super) name: String,
    #[serde(default = "ttl_s")]
    pub(super) ttl_s: u32,
    /// As `tsig-keygen` writes it.
    pub(super) key_file: PathBuf,
}

/// Somebody who can serve.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tier {
    pub(super) name: String,
    /// It is up when each of these answers with a 2xx.
    #[serde(deserialize_with = "urls")]
    pub(super) probes: Vec<BaseUrl>,
    pub(super) addresses: Addresses,
}

/// What the record holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct Addresses(pub(super) BTreeSet<IpAddr>);

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no address");
        }
        for (place, address) in self.0.iter().enumerate() {
            write!(f, "{}{address}", if place > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

fn every_ms() -> u64 {
    10_000
}

fn timeout_ms() -> u64 {
    5_000
}

fn unhealthy_after() -> u32 {
    3
}

fn healthy_after() -> u32 {
    2
}

fn wait_ms() -> u64 {
    900_000
}

fn hold_ms() -> u64 {
    300_000
}

fn ttl_s() -> u32 {
    60
}

fn urls<'a, D: serde::Deserializer<'a>>(from: D) -> Result<Vec<BaseUrl>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    let url = |text: &String| {
        text.parse()
            .map_err(|error| serde::de::Error::custom(format!("{text}: {error}")))
    };
    texts.iter().map(url).collect()
}

/// Nobody is left out for what requests meet: there are none.
pub(super) fn never() -> config::Outlier {
    config::Outlier {
        failures: 0,
        eject_ms: 0,
        ejected_ppm_max: 0,
    }
}

impl Plan {
    /// # Errors
    /// When it can't be read, or is wrong.
    pub(super) fn read(file: &Path) -> Result<Plan, Failure> {
        let shown = file.display();
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::usage(format!("{shown} can't be read")).because(error))?;
        let mut plan: Plan = toml::from_str(&text)
            .map_err(|error| Failure::usage(format!("{shown} is wrong")).because(error))?;
        let beside = |path: &mut PathBuf| {
            if let Some(directory) = file.parent() {
                *path = directory.join(&path);
            }
        };
        beside(&mut plan.dns.key_file);
        for path in [&mut plan.ca_file, &mut plan.override_file]
            .into_iter()
            .flatten()
        {
            beside(path);
        }
        match plan.wrong() {
            Some(wrong) => Err(Failure::usage(format!("{shown} is wrong")).because(wrong)),
            None => Ok(plan),
        }
    }

    fn wrong(&self) -> Option<String> {
        // These go to a program that reads lines.
        let name = |text: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            !text.is_empty()
                && text.len() < 254
                && !text.starts_with('-')
                && text.bytes().all(plain)
        };
        let holders = |tier: &Tier| {
            self.tiers
                .iter()
                .filter(|one| one.addresses == tier.addresses)
                .count()
        };
        if self.tiers.len() < 2 {
            return Some("a plan has two tiers at least".to_owned());
        }
        if !name(&self.dns.zone) || !name(&self.dns.name) {
            return Some("dns.zone and dns.name are names".to_owned());
        }
        let zone = self.dns.zone.trim_end_matches('.').to_ascii_lowercase();
        let record = self.dns.name.trim_end_matches('.').to_ascii_lowercase();
        if record != zone && !record.ends_with(&format!(".{zone}")) {
            return Some(format!("{record} is not in the zone {zone}"));
        }
        for tier in &self.tiers {
            if tier.addresses.0.is_empty() || tier.probes.is_empty() {
                return Some(format!("{} has no address, or no probe", tier.name));
            }
            if holders(tier) > 1 {
                return Some(format!("{} has the same addresses as another", tier.name));
            }
        }
        (self.every_ms == 0 || self.timeout_ms == 0).then(|| "a time is 0".to_owned())
    }

    pub(super) fn every(&self) -> Duration {
        Duration::from_millis(self.every_ms)
    }

    pub(super) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    pub(super) fn failover(&self) -> config::Failover {
        config::Failover {
            wait_ms: self.wait_ms,
            hold_ms: self.hold_ms,
        }
    }

    pub(super) fn health(&self) -> config::Health {
        config::Health {
            path: String::new(),
            every_ms: self.every_ms,
            timeout_ms: self.timeout_ms,
            healthy_after: self.healthy_after,
            unhealthy_after: self.unhealthy_after,
        }
    }

    /// The tier that has these addresses.
    pub(super) fn holder(&self, found: &Addresses) -> Option<usize> {
        self.tiers.iter().position(|tier| tier.addresses == *found)
    }

    /// What the file says that overrides, if there is one.
    ///
    /// # Errors
    /// With what is wrong with it.
    pub(super) fn overridden(&self) -> Result<Option<(usize, String)>, String> {
        let Some(file) = &self.override_file else {
            return Ok(None);
        };
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{} can't be read: {error}", file.display())),
        };
        let said = text.trim().split_once(' ');
        let said = said.and_then(|(tier, why)| Some((tier.parse().ok()?, why.trim().to_owned())));
        match said {
            Some((tier, why)) if tier < self.tiers.len() && !why.is_empty() => {
                Ok(Some((tier, why)))
            }
            _ => Err(format!(
                "{} should say a tier, 0 to {}, and why",
                file.display(),
                self.tiers.len() - 1
            )),
        }
    }
}
