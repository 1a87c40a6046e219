//! How well what a page shows is proven: what anybody can check of it, and how far.

use base::Timestamp;
use language::{Value, Words};

use crate::console::words::moment;
use crate::read::present_vkey;
use crate::site::Site;

/// What stands behind a page.
pub(crate) struct Badge {
    /// `proven` or `pending`.
    pub(crate) state: &'static str,
    pub(crate) says: String,
    /// The index of the newest act that the page shows.
    pub(crate) newest: u64,
    /// How many acts the newest published checkpoint covers.
    pub(crate) size: u64,
    pub(crate) witnesses: Vec<String>,
    pub(crate) audited: String,
    pub(crate) key: String,
}

/// What stands behind a page whose newest act has this index.
pub(crate) fn badge(site: &Site, t: &Words, newest: u64, now: Timestamp) -> Badge {
    let size = site.backstage().published().map_or(0, |it| it.size);
    let proven = size > newest;
    let witnesses = site.backstage().witnesses().into_iter().map(|witness| {
        let seen = witness.size.unwrap_or(0);
        let key = match seen > newest {
            true => "witness-covers",
            false => "witness-behind",
        };
        t.say_with(key, &[("name", witness.name.into()), ("size", seen.into())])
    });
    let witnesses = witnesses.collect();
    let audited = site.backstage().audited().and_then(|it| {
        let violations: u64 = it.violations.iter().map(|(_, count)| *count).sum();
        let at = moment(t, it.last_success?, now);
        let key = match violations {
            0 => "audited",
            _ => "audited-violations",
        };
        Some(t.say_with(
            key,
            &[
                ("ago", Value::from(at.ago)),
                ("entries", it.entries.into()),
                ("violations", violations.into()),
            ],
        ))
    });
    Badge {
        state: if proven { "proven" } else { "pending" },
        says: t
            .say(if proven {
                "badge-proven"
            } else {
                "badge-pending"
            })
            .into_owned(),
        newest,
        size,
        witnesses,
        audited: audited.unwrap_or_else(|| t.say("not-audited").into_owned()),
        key: present_vkey(site).map(String::from).unwrap_or_default(),
    }
}
