//! What stands in a table and in no fold: what is personal of people, and the texts of follow-ups, read
//! from the record for whoever may see them.

use base::ActId;
use record::kinds::Body;
use serde_json::{Value as Json, json};

use super::ROWS_MAX;
use crate::problem::Problem;
use crate::render;
use crate::sight::Sight;
use crate::site::Site;

/// The rows of a table, with what is written in no fold.
///
/// # Errors
/// When it can't be read.
pub(super) fn completed(
    site: &Site,
    path: &str,
    rows: Vec<Json>,
    sight: &Sight,
) -> Result<Vec<Json>, Problem> {
    match path {
        "/people" => people(site, sight),
        "/followups" => followups(site, rows, sight),
        _ => Ok(rows),
    }
}

/// People, with what is personal for those who may see it.
fn people(site: &Site, sight: &Sight) -> Result<Vec<Json>, Problem> {
    let found: Vec<_> = site.engine().view().read(|state| {
        let all = state.incidents.directory.people.iter();
        all.take(ROWS_MAX + 1)
            .map(|(name, person)| (name.clone(), person.clone()))
            .collect()
    });
    let shown = found.iter();
    shown
        .map(|(name, person)| render::person(site, name, person, sight.open))
        .collect()
}

/// Follow-ups, with what is to be done.
fn followups(site: &Site, mut rows: Vec<Json>, sight: &Sight) -> Result<Vec<Json>, Problem> {
    for row in rows.iter_mut().take(ROWS_MAX) {
        let act = row["act"].as_str().and_then(|id| id.parse().ok());
        let act: Option<ActId> = act;
        let Some(act) = act else { continue };
        let opened = render::act_seen(site, &act, sight.open)?;
        if let Some(Body::FollowupOpened(opened)) = opened.map(|act| act.body) {
            row["text"] = json!(opened.text);
        }
    }
    Ok(rows)
}
