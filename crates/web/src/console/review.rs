//! The review editor: findings by section, each of which replaces another or is taken out, what the
//! review says of itself, and the document as its readers will see it.

use askama::Template;
use base::IncidentId;
use hyper::header::CONTENT_SECURITY_POLICY;
use incident::document;
use record::command::PublishReview;
use record::kinds::incident::BlobRef;
use record::kinds::review::{ReviewAudience, Section};

use super::frame::{self, Choice, Frame};
use super::send::{done, happens};
use super::visit::Visit;
use super::words::{Moment, moment, word, words};
use super::{Page, form, page};
use crate::problem::Problem;
use crate::read::{composed, policy_of_a_page};
use crate::render;
use crate::reply::{Answer, HTML, Keep, with_type};

pub(super) fn pages() -> Vec<Page> {
    vec![
        page("/incidents/{id}/review", |visit| Box::pin(editor(visit))),
        page("/incidents/{id}/review.html", |visit| {
            Box::pin(preview(visit))
        }),
        form("/incidents/{id}/publish", |visit| Box::pin(publish(visit))),
    ]
}

/// A finding that stands.
struct Finding {
    act: String,
    text: String,
    by: String,
}

/// The findings of a section.
struct Chapter {
    section: String,
    label: String,
    findings: Vec<Finding>,
}

#[derive(Template)]
#[template(path = "review.html")]
struct Editor {
    frame: Frame,
    id: IncidentId,
    title: String,
    private: bool,
    open: bool,
    audiences: Vec<Choice>,
    audience: String,
    chapters: Vec<Chapter>,
    remarks: Vec<String>,
    published: Vec<(String, Moment)>,
    /// The form's ids begin so.
    command: String,
}

fn audience(visit: &Visit) -> ReviewAudience {
    let sent = visit.query.get("audience").or(visit.form.get("audience"));
    let found = sent.and_then(|word| ReviewAudience::ALL.iter().find(|it| it.as_str() == word));
    found.copied().unwrap_or(ReviewAudience::Internal)
}

async fn editor(visit: Visit) -> Answer {
    let id: IncidentId = visit.path_as("id")?;
    let sight = visit.sight();
    sight.must_see(&visit.site, id)?;
    let audience = audience(&visit);
    let site = visit.site.clone();
    let made = site.blocking(move |site| {
        let t = words(visit.language);
        let now = site.engine().now();
        let document = composed(site, id, audience, &sight)?;
        let (summary, published) = site.engine().view().read(|state| {
            let summary = state.incidents.summary(id).cloned();
            let whole = state.incidents.incidents.get(&id);
            let published = whole.map(|it| it.review.published.clone());
            (summary, published.unwrap_or_default())
        });
        let summary =
            summary.ok_or_else(|| Problem::not_found(format!("there is no incident {id}")))?;
        let chapters = Section::ALL.iter().map(|section| {
            let name = render::word(section);
            let of_it = document.findings.iter().filter(|it| it.section == *section);
            let findings = of_it.map(|standing| Finding {
                act: standing.saying.act.act.to_string(),
                text: standing.saying.text.clone(),
                by: standing.saying.by.clone(),
            });
            Chapter {
                label: word(t, &name),
                findings: findings.collect(),
                section: name,
            }
        });
        let audiences = ReviewAudience::ALL.iter().map(|it| Choice {
            value: it.as_str().to_owned(),
            label: word(t, it.as_str()),
            chosen: *it == audience,
        });
        let title = super::incidents::title(site, t, &summary, sight.open)?;
        let name = t.say_with("review-of", &[("incident", id.to_string().into())]);
        Ok(Editor {
            frame: Frame::new(&visit, "incidents", name).following(Some(id), summary.acts),
            command: format!("console/{}", visit.nonce),
            chapters: chapters.collect(),
            remarks: document
                .remarks
                .iter()
                .map(|it| format!("{}: {}", it.place, it.says))
                .collect(),
            published: published
                .iter()
                .map(|(audience, at)| (word(t, audience.as_str()), moment(t, *at, now)))
                .collect(),
            audiences: audiences.collect(),
            audience: audience.as_str().to_owned(),
            private: summary.private,
            open: summary.is_open(),
            id,
            title,
        })
    });
    frame::shown(&made.await?)
}

/// The document as its readers will see it, inside the editor.
async fn preview(visit: Visit) -> Answer {
    let id: IncidentId = visit.path_as("id")?;
    let sight = visit.sight();
    sight.must_see(&visit.site, id)?;
    let audience = audience(&visit);
    let page = visit
        .site
        .blocking(move |site| Ok(document::html(&composed(site, id, audience, &sight)?)));
    let mut response = with_type(page.await?, HTML, Keep::Never);
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, policy_of_a_page("'self'")?);
    Ok(response)
}

/// Publishes the review as it is now: the server writes the document itself. Outside the
/// organisation names are held back, and findings that contradict each other.
async fn publish(visit: Visit) -> Answer {
    let id: IncidentId = visit.path_as("id")?;
    let sight = visit.sight();
    sight.must_see(&visit.site, id)?;
    let audience = audience(&visit);
    let kept = visit.site.blocking(move |site| {
        let private = site
            .engine()
            .view()
            .read(|state| state.incidents.summary(id).is_some_and(|it| it.private));
        if private {
            return Err(Problem::wrong_state(
                "what was written in a private incident is sealed, a published document is not: \
                 hereby review --publish says what it takes",
            ));
        }
        let document = composed(site, id, audience, &sight)?;
        let held = document.remarks.iter().find(|it| it.issue.holds_back());
        if let Some(held) = held.filter(|_| audience != ReviewAudience::Internal) {
            let detail = format!("{}: {} {}", held.place, held.says, held.next);
            return Err(Problem::wrong_state(detail));
        }
        let page = document::html(&document).into_bytes();
        let sha256 = site.backstage().put_blob(&page)?;
        Ok((sha256, page.len() as u64))
    });
    let (sha256, bytes) = kept.await?;
    let name = format!("{id}-{}.html", audience.as_str());
    let verb = PublishReview {
        audience,
        document: BlobRef {
            bytes,
            name: name.parse().ok(),
            sha256,
        },
        incident: id,
    };
    let command = visit.form.get("id").cloned().unwrap_or_default();
    let receipts = happens(&visit, &command, verb.into()).await?;
    done(&visit, &receipts)
}
