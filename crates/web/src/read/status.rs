//! How hereby is.

use record::note::VerifierKey;
use serde_json::{Value, json};

use super::get;
use crate::call::Call;
use crate::reply::{self, Answer};
use crate::route::{Gives, Route};
use crate::site::Site;

pub(super) fn routes() -> Vec<Route> {
    vec![get(
        "/api/v1/status",
        "Says how hereby is",
        Gives::json("Status", "Version, record, witnesses, disk"),
        |call| Box::pin(status(call)),
    )]
}

async fn status(call: Call) -> Answer {
    let status = call.site.blocking(|site| {
        let head = site.engine().view().head();
        let vkey = present_vkey(site);
        let key: Option<VerifierKey> = vkey.as_deref().and_then(|vkey| vkey.parse().ok());
        let witnesses: Vec<Value> = site
            .backstage()
            .witnesses()
            .into_iter()
            .map(|witness| json!({"name": witness.name, "size": witness.size, "at": witness.at}))
            .collect();
        let (epoch, root_key) = site.engine().view().read(|state| {
            let root_key = state.fleet.root.vkey().map(str::to_owned);
            (state.log.epoch(), root_key)
        });
        Ok(json!({
            "version": site.options.version,
            "console": site.options.console.url,
            "origin": key.as_ref().map(VerifierKey::name),
            "epoch": epoch,
            "root_key": root_key,
            "size": head.size,
            "root": head.root,
            "vkey": vkey,
            "published_size": site.backstage().published().map(|published| published.size),
            "witnesses": witnesses,
            "disk_free_bytes": site.backstage().disk_free_bytes().ok(),
            "started_at": site.options.started_at,
        }))
    });
    reply::json(&status.await?)
}

/// The key that signs checkpoints now, as the record says.
pub(crate) fn present_vkey(site: &Site) -> Option<Box<str>> {
    site.engine()
        .view()
        .read(|state| state.log.vkeys.last().map(|(_, vkey)| vkey.clone()))
}
