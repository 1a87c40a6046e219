//! What somebody chose for themselves, and how hereby is.

use askama::Template;
use hyper::header::SET_COOKIE;
use language::Language;

use super::cookie;
use super::frame::{self, Frame};
use super::sign_in::own_path;
use super::visit::Visit;
use super::words::{Moment, moment, words};
use super::{Page, form, open, page};
use crate::reply::Answer;

pub(super) fn pages() -> Vec<Page> {
    vec![
        page("/settings", |visit| Box::pin(settings(visit))),
        open(form("/settings", |visit| Box::pin(choose(visit)))),
    ]
}

#[derive(Template)]
#[template(path = "settings.html")]
struct Settings {
    frame: Frame,
    version: &'static str,
    started: Moment,
    size: u64,
    key: String,
    disk_free_mib: Option<u64>,
    session: String,
    expires: Option<Moment>,
    idle: String,
    permissions: Vec<String>,
    governed: bool,
}

async fn settings(visit: Visit) -> Answer {
    let site = visit.site.clone();
    let made = site.blocking(move |site| {
        let t = words(visit.language);
        let now = site.engine().now();
        let who = visit.signed_in.clone();
        let (session, permissions, governed, size) = site.engine().view().read(|state| {
            let who = who.as_ref();
            let session = who.and_then(|who| state.access.sessions.get(&who.id).cloned());
            let directory = &state.incidents.directory;
            let person = who.and_then(|who| directory.people.get(&who.person));
            let grants = person
                .map(|person| person.grants.iter())
                .into_iter()
                .flatten();
            let grants = grants.map(|grant| {
                let name = super::words::word(t, grant.permission.as_str());
                match &grant.team {
                    Some(team) => format!("{name} · {team}"),
                    None => name,
                }
            });
            let grants: Vec<String> = grants.collect();
            (session, grants, directory.is_governed(), state.log.acts)
        });
        Ok(Settings {
            version: site.options.version,
            started: moment(t, site.options.started_at, now),
            size,
            key: crate::read::present_vkey(site)
                .map(String::from)
                .unwrap_or_default(),
            disk_free_mib: site.backstage().disk_free_bytes().ok().map(|it| it >> 20),
            session: who.map(|who| who.id.to_string()).unwrap_or_default(),
            expires: session.as_ref().map(|it| moment(t, it.expires_at, now)),
            idle: session
                .map(|it| super::words::duration(t, it.idle_ms))
                .unwrap_or_default(),
            permissions,
            governed,
            frame: Frame::new(&visit, "settings", t.say("settings")),
        })
    });
    frame::shown(&made.await?)
}

/// Keeps the choice of a language or of light and dark, and goes back.
async fn choose(visit: Visit) -> Answer {
    let mut response = frame::see_other(own_path(visit.form.get("back")))?;
    let headers = response.headers_mut();
    let language: Option<Language> = visit.form.get("language").and_then(|it| it.parse().ok());
    if let Some(line) = language.and_then(|it| cookie::choice(cookie::LANGUAGE, it.as_str())) {
        headers.append(SET_COOKIE, line);
    }
    let theme = match visit.form.get("theme").map(String::as_str) {
        Some("light") => Some("light"),
        Some("dark") => Some("dark"),
        Some("system") => Some("system"),
        _ => None,
    };
    if let Some(line) = theme.and_then(|it| cookie::choice(cookie::THEME, it)) {
        headers.append(SET_COOKIE, line);
    }
    Ok(response)
}
