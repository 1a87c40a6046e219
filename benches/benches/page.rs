//! The status page of five years at three incidents a week: made from nothing, and made again after
//! one more word. Each with its files on the disk, hashed and signed.
//!
//! The peer is writing the same files once more, without making them.

use std::time::Instant;

use base::{Actor, CommandDigest, Proof, Timestamp};
use benches::rig::{Failed, failed};
use benches::scratch::scratch;
use benches::{Goal, median, report, rounds, say};
use language::Language;
use publish::{Sealing, Spool};
use record::act::{Act, Evidence, Subject};
use record::kinds::Body;
use record::note::{Algorithm, SignerKey};
use serde_json::{Value, json, value::RawValue};
use status::{Change, Options, Page, Site};

const INCIDENTS: u32 = 780;
const COMPONENTS: u32 = 12;
const WORDS: i64 = 4;
const DAY_MS: i64 = 86_400_000;
const FULL_MS_MAX: f64 = 2_000.0;
const UPDATE_MS_MAX: f64 = 100.0;

fn main() -> Result<(), Failed> {
    let now = Timestamp::from_ms(1_795_248_000_000);
    let (page, mut acts) = five_years(now)?;
    let key = SignerKey::from_seed("bench.example/status", Algorithm::Ed25519, [7; 32])
        .map_err(failed("make a key"))?;
    let (mut full, mut update, mut again) = (vec![], vec![], vec![]);
    let mut files = 0;
    for _ in 0..rounds() {
        let directory = scratch().map_err(failed("make a directory"))?;
        let spool = Spool::open(directory.path()).map_err(failed("open the spool"))?;
        let mut site = Site::new(options()).map_err(failed("make a site"))?;
        let begun = Instant::now();
        let changes = publish(&mut site, &spool, &key, &page, (1, now))?;
        full.push(begun.elapsed().as_secs_f64() * 1e3);
        files = changes.len();
        let begun = Instant::now();
        spool.write(&changes).map_err(failed("write"))?;
        again.push(begun.elapsed().as_secs_f64() * 1e3);

        let mut page = page.clone();
        acts += 1;
        page.apply(&word(INCIDENTS, acts, now)?);
        let begun = Instant::now();
        let changes = publish(&mut site, &spool, &key, &page, (2, now))?;
        update.push(begun.elapsed().as_secs_f64() * 1e3);
        if changes.len() > 30 {
            return Err(Failed(format!("{} files for one word", changes.len())));
        }
    }
    say(&format!(
        "{INCIDENTS} incidents with {WORDS} words each, {COMPONENTS} components, two languages: {files} files"
    ));
    say(&format!(
        "writing the same files once more: {:.0} ms",
        median(&again)
    ));
    report("page: from nothing", "ms", &full, Goal::AtMost(FULL_MS_MAX));
    report(
        "page: one more word",
        "ms",
        &update,
        Goal::AtMost(UPDATE_MS_MAX),
    );
    Ok(())
}

fn options() -> Options {
    Options {
        name: "Sample Shop".to_owned(),
        url: "https://status.example.org".to_owned(),
        languages: Language::ALL.to_vec(),
    }
}

/// Makes the page, writes what has changed, signs it.
fn publish(
    site: &mut Site,
    spool: &Spool,
    key: &SignerKey,
    page: &Page,
    (sequence, now): (u64, Timestamp),
) -> Result<Vec<Change>, Failed> {
    let changes = site.build(page, now, 480);
    spool.write(&changes).map_err(failed("write"))?;
    let sealing = Sealing {
        sequence,
        now,
        news_at: now,
        said: std::sync::Arc::default(),
        said_elsewhere: [].into(),
    };
    spool
        .seal(site.options(), site.files(), key, sealing)
        .map_err(failed("sign"))?;
    Ok(changes)
}

fn five_years(now: Timestamp) -> Result<(Page, u64), Failed> {
    let mut page = Page::default();
    let mut acts = 0;
    let start = now.plus_ms(-i64::from(INCIDENTS) * 7 * DAY_MS / 3);
    for number in 0..COMPONENTS {
        acts += 1;
        let titles = json!({"en": format!("Component {number}"), "de": format!("Teil {number}")});
        let body = json!({"position": number, "titles": titles});
        let subject = format!("component/c{number}");
        page.apply(&act(acts, start, &subject, "component.registered/1", body)?);
    }
    for ago in 1..=90 {
        acts += 1;
        let midnight = now.as_ms().div_euclid(DAY_MS) - ago;
        let starts_at = Timestamp::from_ms(midnight * DAY_MS);
        let body = json!({"minutes": 1_400, "starts_at": starts_at});
        page.apply(&act(acts, now, "page/page", "page.measured/1", body)?);
    }
    for number in 1..=INCIDENTS {
        let at = start.plus_ms(i64::from(number) * 7 * DAY_MS / 3 - DAY_MS);
        for step in 0..WORDS {
            acts += 1;
            page.apply(&word(number, acts, at.plus_ms(step * 1_800_000))?);
        }
        if number < INCIDENTS {
            acts += 1;
            let subject = format!("incident/INC-{number}");
            let at = at.plus_ms(WORDS * 1_800_000);
            page.apply(&act(acts, at, &subject, "incident.resolved/1", json!({}))?);
        }
    }
    Ok((page, acts))
}

fn word(number: u32, acts: u64, at: Timestamp) -> Result<Act, Failed> {
    let text = "Some payments fail when they are made with cards of one bank. We have found where, \
        and are putting it right. Orders are kept, and nothing is paid twice.";
    let is = ["degraded_performance", "partial_outage", "major_outage"];
    let is = is
        .get(acts as usize % 3)
        .copied()
        .unwrap_or("partial_outage");
    let body = json!({
        "audience": "public", "text": text,
        "page": {
            "status": "identified", "impact": "minor", "headline": format!("Payments fail ({number})"),
            "components": {format!("c{}", number % COMPONENTS): is},
            "translations": {"de": {"headline": "Zahlungen scheitern", "text": "Wir sind dran."}},
        },
    });
    act(
        acts,
        at,
        &format!("incident/INC-{number}"),
        "incident.updated/1",
        body,
    )
}

fn act(acts: u64, at: Timestamp, subject: &str, kind: &str, body: Value) -> Result<Act, Failed> {
    let (type_name, id) = subject.split_once('/').unwrap_or_default();
    let json = RawValue::from_string(body.to_string()).map_err(failed("write JSON"))?;
    let mut bytes = [0; 16];
    for (slot, byte) in bytes.iter_mut().zip(acts.to_be_bytes()) {
        *slot = byte;
    }
    Ok(Act {
        id: base::ActId::from_bytes(bytes),
        at,
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
        subject: Subject::parse(type_name, id).map_err(failed("name it"))?,
        tenant: None,
        cause: None,
        why: None,
        body: Body::decode(kind, &json).map_err(failed("decode"))?,
    })
}
