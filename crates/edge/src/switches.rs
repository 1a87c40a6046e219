//! What is switched off, and how services are to work, as control said last: the edge carries out switches of
//! tenants, routes and limits, and shows all of it to applications.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use policy::Reason;
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::refuse::Refused;

/// A switch, as control says it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Off {
    /// What it is of, a slash, and a name.
    switch: String,
    until_ms: Option<i64>,
}

/// A service's posture, as control says it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Postured {
    service: String,
    posture: String,
    until_ms: Option<i64>,
}

/// By name: until when it is off; none: until control says so.
type Names = HashMap<Box<str>, Option<i64>>;

/// Everything that is off.
#[derive(Debug, Default)]
pub(crate) struct Switches {
    tenants: Names,
    routes: Names,
    limits: Names,
    /// All of them, for applications.
    off: Vec<Off>,
    postures: Vec<Postured>,
}

impl Switches {
    /// # Errors
    /// When one of them is of a kind that this edge does not know: it can't say what that would mean.
    pub(crate) fn new(off: Vec<Off>, postures: Vec<Postured>) -> Result<Switches, String> {
        let mut all = Switches::default();
        for one in &off {
            let (kind, name) = one.switch.split_once('/').unwrap_or_default();
            let names = match kind {
                "tenant" => &mut all.tenants,
                "route" => &mut all.routes,
                "limit" => &mut all.limits,
                // The applications' own.
                "feature" => continue,
                _ => return Err(format!("{:?} is no switch", one.switch)),
            };
            names.insert(name.into(), one.until_ms);
        }
        (all.off, all.postures) = (off, postures);
        Ok(all)
    }

    /// # Errors
    /// When the tenant is off.
    pub(crate) fn tenant(&self, name: &str) -> Result<(), Refused> {
        refuse(&self.tenants, name, "tenant")
    }

    /// # Errors
    /// When that route of the tenant is off.
    pub(crate) fn route(&self, tenant: &str, name: &str) -> Result<(), Refused> {
        match self.routes.is_empty() {
            true => Ok(()),
            false => spellings(tenant, name)
                .iter()
                .try_for_each(|name| refuse(&self.routes, name, "route")),
        }
    }

    /// Whether that limit of the tenant counts nobody.
    pub(crate) fn is_limit_off(&self, tenant: &str, name: &str) -> bool {
        let mut names = spellings(tenant, name).into_iter();
        !self.limits.is_empty() && names.any(|name| holds(&self.limits, &name).is_some())
    }

    /// What applications read.
    pub(crate) fn shown(&self, now_ms: i64) -> Arc<str> {
        #[derive(Serialize)]
        struct Shown<'a> {
            off: Vec<&'a str>,
            postures: BTreeMap<&'a str, &'a str>,
        }
        let holds = |until_ms: Option<i64>| until_ms.is_none_or(|until| now_ms < until);
        let off = self.off.iter().filter(|one| holds(one.until_ms));
        let postures = self.postures.iter().filter(|one| holds(one.until_ms));
        let shown = Shown {
            off: off.map(|one| one.switch.as_str()).collect(),
            postures: postures
                .map(|one| (one.service.as_str(), one.posture.as_str()))
                .collect(),
        };
        // Lists of text have JSON.
        serde_json::to_string(&shown).unwrap_or_default().into()
    }
}

/// What a tenant's route or limit may be called by whoever turns it off: with and without the tenant. With a
/// version of the tenant's own its names change from the second to the first; what is off stays off.
fn spellings(tenant: &str, name: &str) -> [String; 2] {
    let bare = name.strip_prefix(tenant);
    let bare = bare.and_then(|rest| rest.strip_prefix('.'));
    let bare = bare.unwrap_or(name);
    [bare.to_owned(), format!("{tenant}.{bare}")]
}

/// Until when that is off, if it is; none: until control says so.
fn holds(names: &Names, name: &str) -> Option<Option<i64>> {
    // As a rule nothing is off.
    if names.is_empty() {
        return None;
    }
    let until_ms = *names.get(name)?;
    until_ms
        .is_none_or(|until| clock::unix_ms() < until)
        .then_some(until_ms)
}

fn refuse(names: &Names, name: &str, what: &str) -> Result<(), Refused> {
    let Some(until_ms) = holds(names, name) else {
        return Ok(());
    };
    let refused = Refused::new(Reason::SwitchedOff).about(format!("the {what} is switched off"));
    let Some(until_ms) = until_ms else {
        return Err(refused);
    };
    let left_ms = u64::try_from(until_ms - clock::unix_ms()).unwrap_or(0);
    Err(refused.after_s(left_ms.div_ceil(1_000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn off(switch: &str, until_ms: Option<i64>) -> Off {
        Off {
            switch: switch.to_owned(),
            until_ms,
        }
    }

    #[test]
    fn what_is_off_is_refused_until_it_ends() {
        let later = clock::unix_ms() + 90_500;
        let all = vec![
            off("tenant/shop", None),
            off("route/search", Some(later)),
            off("route/ended", Some(1)),
            off("limit/by-address", None),
            off("feature/shop", None),
        ];
        let switches = Switches::new(all, Vec::new()).unwrap();
        let refused = switches.tenant("shop").unwrap_err();
        assert_eq!(
            (refused.reason, refused.retry_after_s),
            (Reason::SwitchedOff, None)
        );
        assert!(switches.tenant("cart").is_ok());
        let refused = switches.route("shop", "search").unwrap_err();
        assert!((90..=91).contains(&refused.retry_after_s.unwrap()));
        assert!(switches.route("shop", "ended").is_ok() && switches.route("shop", "shop").is_ok());
        assert!(switches.is_limit_off("shop", "by-address") && !switches.is_limit_off("shop", "x"));
        // Also by another's name for it: what is off stays off when the tenant has a version of its own.
        assert!(switches.route("shop", "shop.search").is_err());
        let own = Switches::new(vec![off("route/shop.search", None)], Vec::new()).unwrap();
        assert!(own.route("shop", "search").is_err() && own.route("bank", "search").is_ok());
        assert!(Switches::new(vec![off("rule/x", None)], Vec::new()).is_err());
        assert!(Switches::new(vec![off("shop", None)], Vec::new()).is_err());
    }

    #[test]
    fn applications_see_what_holds_now() {
        let all = vec![off("feature/a", Some(50)), off("route/b", None)];
        let postures = vec![Postured {
            service: "checkout".to_owned(),
            posture: "safe".to_owned(),
            until_ms: Some(60),
        }];
        let switches = Switches::new(all, postures).unwrap();
        assert_eq!(
            &*switches.shown(49),
            r#"{"off":["feature/a","route/b"],"postures":{"checkout":"safe"}}"#
        );
        assert_eq!(&*switches.shown(60), r#"{"off":["route/b"],"postures":{}}"#);
    }
}
