//! The first page: what is open, and how to declare; and the list of all incidents.

use std::cmp::Reverse;

use askama::Template;
use base::{IncidentId, Timestamp};
use incident::Summary;
use language::Words;
use record::kinds::incident::Role;

use super::frame::{self, Frame};
use super::visit::Visit;
use super::words::{Moment, moment, word, words};
use super::{Page, page};
use crate::problem::Problem;
use crate::read::newest_incidents;
use crate::render;
use crate::reply::Answer;
use crate::site::Site;

/// Incidents on a page.
const PAGE: usize = 50;

pub(super) fn pages() -> Vec<Page> {
    vec![
        page("/", |visit| Box::pin(open_ones(visit))),
        page("/incidents", |visit| Box::pin(all(visit))),
    ]
}

/// An incident in a list.
pub(super) struct Row {
    pub(super) id: IncidentId,
    pub(super) title: String,
    pub(super) severity: u8,
    pub(super) status_says: String,
    pub(super) service: String,
    pub(super) drill: bool,
    pub(super) private: bool,
    pub(super) acknowledged: bool,
    pub(super) open: bool,
    pub(super) declared: Moment,
    pub(super) commander: String,
    pub(super) acts: u64,
}

#[derive(Template)]
#[template(path = "incidents.html")]
struct Incidents {
    frame: Frame,
    rows: Vec<Row>,
    /// Whether these are all, or those that are open.
    all: bool,
    firing: usize,
    waiting: usize,
    overdue: usize,
    /// Where the next page begins.
    next: Option<IncidentId>,
    id: String,
}

async fn open_ones(visit: Visit) -> Answer {
    list(visit, false).await
}

async fn all(visit: Visit) -> Answer {
    list(visit, true).await
}

async fn list(visit: Visit, all: bool) -> Answer {
    let before: Option<IncidentId> = visit.query_as("before")?;
    let t = words(visit.language);
    let sight = visit.sight();
    let site = visit.site.clone();
    let made = site.blocking(move |site| {
        let now = site.engine().now();
        let status = if all { "all" } else { "open" };
        let (mut found, counts, size) = site.engine().view().read(|state| {
            let found = newest_incidents(state, status, before, PAGE + 1, &sight);
            let alerts = state.incidents.alerts.values();
            let firing = alerts.filter(|it| it.is_firing() && sight.sees_alert(state, it.id));
            let requests = state.incidents.requests.waiting.keys();
            let waiting = requests.filter(|name| sight.sees_request(state, name));
            let followups = state.incidents.followups.iter();
            let seen = followups.filter(|(id, _)| sight.sees(state, **id));
            let overdue = seen
                .flat_map(|(_, all)| all.values())
                .filter(|followup| followup.due_at <= now);
            let counts = (firing.count(), waiting.count(), overdue.count());
            (found, counts, state.log.acts)
        });
        let more = found.len() > PAGE;
        found.truncate(PAGE);
        let next = found.last().filter(|_| more).map(|last| last.id);
        if !all {
            // What is worst, and what nobody has taken on, stands first; drills last.
            found.sort_by_key(|it| {
                let taken = it.acknowledged.is_some();
                (
                    it.drill,
                    severity(it.severity),
                    taken,
                    Reverse(it.declared_at),
                )
            });
        }
        let rows: Result<Vec<Row>, Problem> = found
            .iter()
            .map(|summary| row(site, t, summary, sight.open, now))
            .collect();
        let title = t.say(if all {
            "all-incidents"
        } else {
            "open-incidents"
        });
        let frame = Frame::new(&visit, "incidents", title).following(None, size);
        Ok(Incidents {
            id: format!("console/{}", visit.nonce),
            frame,
            rows: rows?,
            all,
            firing: counts.0,
            waiting: counts.1,
            overdue: counts.2,
            next,
        })
    });
    frame::shown(&made.await?)
}

/// What a list shows of an incident.
pub(super) fn row(
    site: &Site,
    t: &Words,
    summary: &Summary,
    open: bool,
    now: Timestamp,
) -> Result<Row, Problem> {
    let mut commander = summary.holders(Role::Commander);
    Ok(Row {
        id: summary.id,
        title: title(site, t, summary, open)?,
        severity: severity(summary.severity),
        status_says: word(t, &render::word(&summary.status)),
        service: summary
            .service
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        drill: summary.drill,
        private: summary.private,
        acknowledged: summary.acknowledged.is_some(),
        open: summary.is_open(),
        declared: moment(t, summary.declared_at, now),
        commander: commander
            .next()
            .map(ToString::to_string)
            .unwrap_or_default(),
        acts: summary.acts,
    })
}

/// 1 to 5.
pub(super) fn severity(severity: base::Severity) -> u8 {
    serde_json::to_value(severity)
        .ok()
        .and_then(|it| it.as_u64())
        .and_then(|it| it.try_into().ok())
        .unwrap_or(5)
}

/// The title, opened if whoever asks may see it.
pub(super) fn title(
    site: &Site,
    t: &Words,
    summary: &Summary,
    open: bool,
) -> Result<String, Problem> {
    let shown = render::title(site, summary, open)?;
    Ok(match shown.as_str() {
        Some(title) => title.to_owned(),
        None => t.say("sealed-title").into_owned(),
    })
}
