//! GitHub's rules for two routes, after its REST API documentation of 2022-11-28: "List repository
//! issues" and "Create an issue".

use base::Timestamp;
use serde_json::{Value, json};

use crate::house::{Heard, Made, Reply, State, object};

const ISSUES: &str = "/api/v3/repos/acme/shop/issues";

/// The form of its links to further pages.
const BY_ID: &str = "/api/v3/repositories/1296269/issues";

pub(crate) fn answer(state: &mut State, heard: &Heard) -> Reply {
    let expected = [
        ("accept", "application/vnd.github+json"),
        ("x-github-api-version", "2022-11-28"),
    ];
    for (name, value) in expected {
        if heard.headers.get(name).is_none_or(|found| found != value) {
            state.wrong.push(format!("{name} of {heard:?}"));
        }
    }
    let outcome = match (heard.method.as_str(), heard.path.as_str()) {
        ("GET", ISSUES | BY_ID) => list(state, heard),
        ("POST", ISSUES) => create(state, heard),
        _ => Err(format!("no such route: {} {}", heard.method, heard.path)),
    };
    outcome.unwrap_or_else(|why| {
        state.wrong.push(why);
        Reply::new(400, r#"{"message":"Problems parsing JSON"}"#)
    })
}

fn list(state: &State, heard: &Heard) -> Result<Reply, String> {
    let query = heard.query.as_deref().unwrap_or_default();
    let (mut since, mut per_page, mut page) = (None, 30, 1);
    let mut sorted = 0;
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("state", "all") | ("sort", "created") | ("direction", "desc")) => sorted += 1,
            Some(("since", value)) => since = Some(seconds(value)?),
            Some(("per_page", value)) => per_page = value.parse::<usize>().unwrap(),
            Some(("page", value)) => page = value.parse::<usize>().unwrap(),
            _ => return Err(format!("`{pair}` in {query}")),
        }
    }
    // It is about updates, and here every ticket was updated just now: nothing is left out.
    let _: Timestamp = since.ok_or("no since")?;
    if sorted != 3 || !(1..=100).contains(&per_page) || !heard.body.is_empty() {
        return Err(format!("the query {query}, or a body"));
    }
    let mut issues: Vec<&Made> = state.tickets.iter().collect();
    issues.sort_by_key(|made| std::cmp::Reverse((made.created_at, made.number)));
    let of_page: Vec<Value> = issues
        .iter()
        .skip((page - 1) * per_page)
        .take(per_page)
        .map(|made| issue(state, made))
        .collect();
    let mut reply = Reply::new(200, &Value::from(of_page).to_string());
    reply.headers[0].1 = "application/json; charset=utf-8".to_owned();
    if issues.len() > page * per_page {
        let here = format!("http://{}", state.address);
        let start = state.next_at.clone().unwrap_or(here);
        let (_, rest) = query.split_once("since=").unwrap();
        let since = rest.split('&').next().unwrap();
        let to = |page: usize, rel: &str| {
            format!(
                "<{start}{BY_ID}?state=all&sort=created&direction=desc&since={since}&per_page={per_page}&page={page}>; rel=\"{rel}\""
            )
        };
        let last = issues.len().div_ceil(per_page);
        let mut links = vec![to(page + 1, "next"), to(last, "last")];
        if page > 1 {
            links.insert(0, to(page - 1, "prev"));
        }
        reply = reply.with("link", links.join(", "));
    }
    Ok(reply)
}

/// "A timestamp in ISO 8601 format: YYYY-MM-DDTHH:MM:SSZ."
fn seconds(text: &str) -> Result<Timestamp, String> {
    let plain = text.len() == 20 && text.ends_with('Z') && !text.contains('.');
    let time = Timestamp::parse_rfc3339(text).map_err(|error| error.to_string());
    if plain {
        time
    } else {
        Err(format!("since={text}"))
    }
}

fn create(state: &mut State, heard: &Heard) -> Result<Reply, String> {
    let content_type = heard.headers.get("content-type");
    if content_type.is_none_or(|value| value != "application/json") || heard.query.is_some() {
        return Err("a content type, and no query".to_owned());
    }
    let value: Value = serde_json::from_slice(&heard.body).map_err(|error| error.to_string())?;
    let known = [
        "title",
        "body",
        "assignee",
        "milestone",
        "labels",
        "assignees",
        "type",
    ];
    let body = object(&value, &known)?;
    let text = |name: &str, max: usize| match body.get(name).and_then(Value::as_str) {
        Some(text) if (1..=max).contains(&text.chars().count()) => Ok(text.to_owned()),
        _ => Err(format!("`{name}` of {value}")),
    };
    let mut labels = Vec::new();
    for label in body
        .get("labels")
        .and_then(Value::as_array)
        .ok_or("labels")?
    {
        labels.push(label.as_str().ok_or("a label")?.to_owned());
    }
    if labels != ["hereby"] {
        return Err(format!("labels {labels:?}"));
    }
    if !state.may_label {
        labels.clear();
    }
    let made = Made {
        number: state.tickets.len() as u64 + 1,
        title: text("title", 256)?,
        body: text("body", 65_536)?,
        labels,
        created_at: state.now,
        closed: false,
        is_pull_request: false,
    };
    let answer = issue(state, &made);
    state.tickets.push(made);
    Ok(Reply::new(201, &answer.to_string()).with("location", answer["url"].as_str().unwrap()))
}

/// An issue as GitHub shows it, shortened by what nobody could mistake.
fn issue(state: &State, made: &Made) -> Value {
    let number = made.number;
    let url = format!("http://{}{ISSUES}/{number}", state.address);
    let mut issue = json!({
        "id": 1_000_000 + number,
        "node_id": "MDU6SXNzdWUx",
        "url": url,
        "repository_url": format!("http://{}/api/v3/repos/acme/shop", state.address),
        "html_url": format!("https://github.example/acme/shop/issues/{number}"),
        "number": number,
        "state": if made.closed { "closed" } else { "open" },
        "title": made.title,
        "body": if made.body.is_empty() { Value::Null } else { json!(made.body) },
        "user": {"login": "robot", "id": 1, "type": "User", "site_admin": false},
        "labels": made.labels.iter().map(|name| json!({"id": 1, "name": name, "color": "f29513"})).collect::<Vec<_>>(),
        "assignee": null,
        "assignees": [],
        "milestone": null,
        "locked": false,
        "comments": 0,
        "created_at": made.created_at.to_string().replace(".000Z", "Z"),
        "updated_at": state.now.to_string().replace(".000Z", "Z"),
        "closed_at": null,
        "author_association": "COLLABORATOR",
    });
    if made.is_pull_request {
        issue["pull_request"] = json!({"url": "https://github.example/x", "merged_at": null});
    }
    issue
}
