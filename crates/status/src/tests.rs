//! What the page makes of acts.

mod days;
mod feeds;
mod laws;
mod signed;
mod story;
mod wording;

use std::collections::BTreeMap;

use base::{Actor, CommandDigest, Proof, Timestamp};
use language::Language;
use record::act::{Act, Evidence, Subject};
use record::kinds::Body;
use serde_json::{Value, json, value::RawValue};

use crate::{Change, Options, Page, Site};

/// 2026-11-21T08:00:00Z.
pub(super) const MORNING: i64 = 1_795_248_000_000;
pub(super) const MINUTE: i64 = 60_000;
pub(super) const DAY: i64 = 86_400_000;

/// A page, and the acts that are said to it.
#[derive(Default)]
pub(super) struct Told {
    pub(super) page: Page,
    count: u8,
}

impl Told {
    /// Says an act of this kind at so many minutes after the morning.
    pub(super) fn act(
        &mut self,
        minutes: i64,
        subject: &str,
        kind: &str,
        body: Value,
    ) -> &mut Told {
        self.count += 1;
        let (type_name, id) = subject.split_once('/').unwrap();
        let json = RawValue::from_string(body.to_string()).unwrap();
        let mut bytes = [0; 16];
        bytes[0] = self.count;
        let act = Act {
            id: base::ActId::from_bytes(bytes),
            at: Timestamp::from_ms(MORNING + minutes * MINUTE),
            claimed_at: None,
            actor: Actor::Uid {
                id: 1_000,
                on_behalf_of: None,
            },
            evidence: Evidence {
                digest: CommandDigest::from_bytes([0; 16]),
                proof: Proof::LocalUid,
                signed: None,
            },
            subject: Subject::parse(type_name, id).unwrap(),
            tenant: None,
            cause: None,
            why: None,
            body: Body::decode(kind, &json).unwrap_or_else(|error| panic!("{error}")),
        };
        assert!(!matches!(act.body, Body::Unknown(_)), "{kind}");
        self.page.apply(&act);
        self
    }

    pub(super) fn component(&mut self, minutes: i64, name: &str, title: &str) -> &mut Told {
        let body = json!({"position": self.count, "titles": {"en": title}});
        self.act(
            minutes,
            &format!("component/{name}"),
            "component.registered/1",
            body,
        )
    }

    pub(super) fn say(
        &mut self,
        minutes: i64,
        incident: &str,
        text: &str,
        page: Value,
    ) -> &mut Told {
        let body = json!({"audience": "public", "text": text, "page": page});
        let subject = format!("incident/{incident}");
        self.act(minutes, &subject, "incident.updated/1", body)
    }
}

pub(super) fn options() -> Options {
    Options {
        name: "Sample Shop".to_owned(),
        url: "https://status.example.org".to_owned(),
        languages: vec![Language::English, Language::German],
    }
}

pub(super) fn at(minutes: i64) -> Timestamp {
    Timestamp::from_ms(MORNING + minutes * MINUTE)
}

/// Every file of the page as it is made from nothing.
pub(super) fn files(page: &Page, now: Timestamp, today_minutes: u16) -> BTreeMap<String, String> {
    let mut site = Site::new(options()).unwrap();
    let mut files = BTreeMap::new();
    take(&mut files, site.build(page, now, today_minutes));
    files
}

/// What has changed, on the files of before.
pub(super) fn take(files: &mut BTreeMap<String, String>, changes: Vec<Change>) {
    for change in changes {
        match change {
            Change::Write { path, bytes } => {
                files.insert(path, String::from_utf8(bytes).unwrap());
            }
            Change::Remove { path } => {
                files.remove(&path).unwrap();
            }
        }
    }
}
