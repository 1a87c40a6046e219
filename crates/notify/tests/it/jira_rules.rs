//! Jira Cloud's rules for two routes, after the documentation of its REST API version 3 ("Search for
//! issues using JQL enhanced search", "Create issue") and of the Atlassian Document Format.

use serde_json::{Value, json};

use crate::house::{Heard, Made, Reply, State, object};

pub(crate) fn answer(state: &mut State, heard: &Heard) -> Reply {
    let outcome = match (heard.method.as_str(), heard.path.as_str()) {
        ("POST", "/rest/api/3/search/jql") => parsed(heard).and_then(|value| search(state, &value)),
        ("POST", "/rest/api/3/issue") => parsed(heard).and_then(|value| create(state, &value)),
        _ => Err(format!("no such route: {} {}", heard.method, heard.path)),
    };
    outcome.unwrap_or_else(|why| {
        state.wrong.push(why);
        Reply::new(400, r#"{"errorMessages":["broken"],"errors":{}}"#)
    })
}

fn parsed(heard: &Heard) -> Result<Value, String> {
    for name in ["accept", "content-type"] {
        let value = heard.headers.get(name);
        if value.is_none_or(|value| value != "application/json") {
            return Err(format!("{name}: {value:?}"));
        }
    }
    if heard.query.is_some() {
        return Err("a query".to_owned());
    }
    serde_json::from_slice(&heard.body).map_err(|error| error.to_string())
}

fn search(state: &State, value: &Value) -> Result<Reply, String> {
    let known = [
        "jql",
        "nextPageToken",
        "maxResults",
        "fields",
        "expand",
        "properties",
        "fieldsByKeys",
        "failFast",
        "reconcileIssues",
    ];
    let body = object(value, &known)?;
    if body.get("fields") != Some(&json!(["labels"])) {
        return Err("without `fields` an issue has none".to_owned());
    }
    let max = body.get("maxResults").and_then(Value::as_u64).unwrap_or(50);
    if !(1..=5_000).contains(&max) {
        return Err(format!("maxResults {max}"));
    }
    let jql = body.get("jql").and_then(Value::as_str).ok_or("jql")?;
    let (project, label) = clauses(jql).ok_or(format!("cannot parse {jql}"))?;
    if project != "OPS" {
        let said = format!("The value '{project}' does not exist for the field 'project'.");
        let body = json!({"errorMessages": [said], "warningMessages": []});
        return Ok(Reply::new(400, &body.to_string()));
    }
    let indexed = |made: &&Made| !state.index_lags && has(made, label);
    let issues: Vec<Value> = state
        .tickets
        .iter()
        .filter(indexed)
        .take(usize::try_from(max).unwrap())
        .map(|made| {
            json!({
                "expand": "renderedFields,names,schema",
                "id": (10_000 + made.number).to_string(),
                "self": format!("http://{}/rest/api/3/issue/{}", state.address, 10_000 + made.number),
                "key": format!("OPS-{}", made.number),
                "fields": {"labels": made.labels},
            })
        })
        .collect();
    let body = json!({"issues": issues, "isLast": true});
    Ok(Reply::new(200, &body.to_string()))
}

/// Labels are compared without regard to case.
fn has(made: &Made, label: &str) -> bool {
    made.labels
        .iter()
        .any(|own| own.eq_ignore_ascii_case(label))
}

/// Takes `project = "…" AND labels = "…" ORDER BY created ASC` apart.
fn clauses(jql: &str) -> Option<(&str, &str)> {
    let rest = jql.strip_prefix("project = \"")?;
    let (project, rest) = rest.split_once('"')?;
    let rest = rest.strip_prefix(" AND labels = \"")?;
    let (label, rest) = rest.split_once('"')?;
    let plain = !project.contains('\\') && !label.contains('\\');
    (plain && rest == " ORDER BY created ASC").then_some((project, label))
}

fn create(state: &mut State, value: &Value) -> Result<Reply, String> {
    let known = [
        "fields",
        "update",
        "properties",
        "transition",
        "historyMetadata",
    ];
    let fields = object(value, &known)?.get("fields").ok_or("no fields")?;
    let fields = object(
        fields,
        &["project", "issuetype", "summary", "description", "labels"],
    )?;
    let field = |name: &str| fields.get(name).ok_or(format!("no {name}"));
    if field("project")? != &json!({"key": "OPS"})
        || field("issuetype")? != &json!({"name": "Task"})
    {
        return Err(format!("project or issue type of {value}"));
    }
    let summary = field("summary")?.as_str().ok_or("summary")?;
    if summary.trim().is_empty() || summary.chars().count() > 255 || summary.contains('\n') {
        return Err("Summary must be less than 255 characters, on one line".to_owned());
    }
    let mut labels = Vec::new();
    for label in field("labels")?.as_array().ok_or("labels")? {
        let label = label.as_str().ok_or("a label")?;
        if label.is_empty() || label.chars().count() > 255 || label.contains(char::is_whitespace) {
            return Err(format!(
                "The label '{label}' contains spaces or is too long"
            ));
        }
        labels.push(label.to_owned());
    }
    document(field("description")?)?;
    let made = Made {
        number: state.tickets.len() as u64 + 1,
        title: summary.to_owned(),
        body: field("description")?.to_string(),
        labels,
        created_at: state.now,
        closed: false,
        is_pull_request: false,
    };
    let id = 10_000 + made.number;
    let answer = json!({
        "id": id.to_string(),
        "key": format!("OPS-{}", made.number),
        "self": format!("http://{}/rest/api/3/issue/{id}", state.address),
    });
    state.tickets.push(made);
    Ok(Reply::new(201, &answer.to_string()))
}

/// The part of the format that texts need.
fn document(value: &Value) -> Result<(), String> {
    let doc = object(value, &["type", "version", "content"])?;
    if doc.get("type") != Some(&json!("doc")) || doc.get("version") != Some(&json!(1)) {
        return Err("a document has type doc and version 1".to_owned());
    }
    for block in content(value)? {
        object(block, &["type", "content"])?;
        if block["type"] != "paragraph" {
            return Err(format!("a block of type {}", block["type"]));
        }
        content(block)?.iter().try_for_each(inline)?;
    }
    Ok(())
}

fn content(value: &Value) -> Result<&Vec<Value>, String> {
    value["content"]
        .as_array()
        .ok_or(format!("no content: {value}"))
}

fn inline(value: &Value) -> Result<(), String> {
    match value["type"].as_str() {
        Some("hardBreak") => object(value, &["type"]).map(|_| ()),
        Some("text") => {
            let node = object(value, &["type", "text", "marks"])?;
            let text = value["text"].as_str().ok_or("text")?;
            let marks = node.get("marks");
            if text.is_empty() || text.contains('\n') {
                return Err("a text node is one line, and not empty".to_owned());
            }
            match marks {
                None => Ok(()),
                Some(marks) if *marks == json!([{"type": "code"}]) => Ok(()),
                Some(marks) => Err(format!("marks {marks}")),
            }
        }
        _ => Err(format!("an inline node {value}")),
    }
}
