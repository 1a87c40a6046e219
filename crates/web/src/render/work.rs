//! What is shown of the work in an incident, of its review, and of what is written down before one.

use base::{Name, Prose};
use incident::{Request, Review, Runbook, Template, Work};
use record::sealed::Sealable;
use serde_json::{Value, json};

/// The work; what was written in it stands in the timeline.
pub(super) fn work(work: &Work) -> Value {
    let tasks: Vec<Value> = work
        .tasks
        .iter()
        .map(|(number, task)| {
            json!({
                "task": number,
                "act": task.act,
                "owner": task.owner,
                "outcome": task.outcome,
            })
        })
        .collect();
    let questions: Vec<Value> = work
        .questions
        .iter()
        .map(|(number, question)| {
            json!({
                "question": number,
                "act": question.act,
                "person": question.person,
                "answer": question.answer,
            })
        })
        .collect();
    let checklists: Vec<Value> = work
        .checklists
        .iter()
        .map(|(number, checklist)| {
            json!({
                "checklist": number,
                "act": checklist.act,
                "steps": checklist.steps,
                "ticked": checklist.ticked,
            })
        })
        .collect();
    let clocks: Vec<Value> = work
        .clocks
        .iter()
        .map(|(audience, clock)| {
            json!({
                "audience": audience,
                "every_ms": clock.every_ms,
                "due_at": clock.due_at,
                "remind_at": clock.remind_at,
            })
        })
        .collect();
    json!({
        "tasks": tasks,
        "questions": questions,
        "contacts": pairs(&work.contacts, "contact", "act"),
        "checklists": checklists,
        "files": pairs(&work.files, "sha256", "act"),
        "clocks": clocks,
        "read": pairs(&work.read, "person", "acts"),
    })
}

/// A map as a list of objects with these two members.
fn pairs<K: serde::Serialize, V: serde::Serialize>(
    map: &std::collections::BTreeMap<K, V>,
    key: &str,
    value: &str,
) -> Vec<Value> {
    map.iter().map(|(k, v)| json!({key: k, value: v})).collect()
}

/// The review, as far as it is counted.
pub(super) fn review(review: &Review) -> Value {
    let standing = review.findings.values().filter(|stands| **stands).count();
    json!({
        "findings_standing": standing,
        "followups_opened": review.followups_opened,
        "published": review.published,
        "meeting": review.meeting.as_ref().map(|meeting| json!({
            "act": meeting.act,
            "minutes": meeting.minutes,
            "sequence": meeting.sequence,
            "starts_at": meeting.starts_at,
        })),
    })
}

/// A runbook.
pub(crate) fn runbook(name: &Name, runbook: &Runbook) -> Value {
    json!({"runbook": name, "title": runbook.title, "steps": runbook.steps})
}

/// A template.
pub(crate) fn template(name: &Name, template: &Template) -> Value {
    json!({
        "template": name,
        "title": template.title,
        "severity": template.severity,
        "service": template.service,
        "private": template.private,
        "runbooks": template.runbooks,
        "update_every_ms": template.update_every_ms,
    })
}

/// A request that waits.
pub(crate) fn request(name: &Name, request: &Request, why: Option<Sealable<Prose>>) -> Value {
    // Written by hereby itself, as canonical JSON.
    let args: Value = serde_json::from_str(&request.args).unwrap_or_default();
    json!({
        "request": name,
        "command": request.command,
        "args": args,
        "act": request.act,
        "by": request.by,
        "at": request.at,
        "why": why,
        "approvals": request.approvals,
        "approved": request.approved,
        "due_at": request.due_at,
        "not_before": request.not_before,
        "expires_at": request.expires_at,
    })
}
