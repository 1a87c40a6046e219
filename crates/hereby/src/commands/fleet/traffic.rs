//! Whose requests a version is about: what tenants had in the last hour, as control knows it.

use serde::Deserialize;

/// Requests of the last hour.
#[derive(Debug, Deserialize)]
pub(super) struct Traffic {
    measured_ms: i64,
    requests: u64,
    tenants: Vec<Share>,
}

/// Those of one tenant, or of some, and of how many.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Share {
    #[serde(default)]
    tenant: String,
    pub(super) requests: u64,
    #[serde(skip)]
    pub(super) all: u64,
    #[serde(skip)]
    pub(super) measured_ms: i64,
}

impl Traffic {
    /// What these tenants had of it; none: nobody has been counted yet.
    pub(super) fn of(&self, tenants: &[String]) -> Option<Share> {
        let theirs = self
            .tenants
            .iter()
            .filter(|one| tenants.contains(&one.tenant));
        (self.requests > 0).then(|| Share {
            tenant: String::new(),
            requests: theirs.map(|one| one.requests).sum(),
            all: self.requests,
            measured_ms: self.measured_ms,
        })
    }
}

impl Share {
    /// In hundredths, rounded up: what is not nothing is not shown as nothing.
    pub(super) fn percent(&self) -> u64 {
        let all = u128::from(self.all.max(1));
        u64::try_from((u128::from(self.requests) * 100).div_ceil(all)).unwrap_or(100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_of_those_that_are_affected_and_never_nothing_if_it_is_something() {
        let traffic: Traffic = serde_json::from_value(serde_json::json!({
            "measured_ms": 3_600_000, "requests": 1_000,
            "tenants": [{"tenant": "shop", "requests": 960}, {"tenant": "bank", "requests": 1}],
        }))
        .unwrap();
        let of = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            traffic.of(&names).unwrap().percent()
        };
        assert_eq!((of(&["shop"]), of(&["bank"]), of(&["nobody"])), (96, 1, 0));
        assert_eq!(of(&["shop", "bank"]), 97);
        let none = Traffic {
            measured_ms: 0,
            requests: 0,
            tenants: Vec::new(),
        };
        assert!(none.of(&["shop".to_owned()]).is_none());
    }
}
