//! The OpenAPI 3.1 document, built from the table of routes: what is not in the table can't be
//! reached, and what is in it is documented.

mod chat;
mod commands;
mod containment;
mod fleet;
mod page;
mod review;
mod schemas;
mod subscribers;
mod work;

use hyper::Method;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::problem::PROBLEM_JSON;
use crate::rates::Class;
use crate::reply::{Answer, JSON, Keep, with_type};
use crate::route::{Access, Gives, Parameter, Route, Takes, reference};
use crate::table;

pub(crate) use commands::{CommandForm, command};
pub(crate) use schemas::all as schemas;

/// Commands that hereby asks of itself alone: the API takes them from nobody.
#[cfg(test)]
pub(crate) const OWN: &[&str] = &[
    "session.begin",
    "edge.enroll",
    "deployment.fire",
    "deployment.complete",
    "break_glass.report",
];

pub(crate) fn routes() -> Vec<Route> {
    vec![Route {
        method: Method::GET,
        path: "/api/v1/openapi.json".to_owned(),
        access: Access::Open,
        class: Class::Read,
        takes: Takes::Nothing,
        parts: vec![],
        query: vec![],
        headers: vec![],
        summary: "Gives this document".to_owned(),
        gives: Gives {
            status: 200,
            media: Some(JSON),
            also: &[],
            schema: json!({"type": "object"}),
            says: "OpenAPI 3.1",
        },
        fails: &[],
        handler: |call| Box::pin(serve(call)),
    }]
}

async fn serve(call: Call) -> Answer {
    let version = call.site.options.version;
    let text = call
        .site
        .openapi
        .get_or_init(|| document(version).to_string().into());
    Ok(with_type(text.clone(), JSON, Keep::Never))
}

/// The document, for this version of hereby.
pub fn document(version: &str) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in table::ROUTES.iter() {
        let at = paths
            .entry(route.documented_path())
            .or_insert_with(|| json!({}));
        if let Value::Object(methods) = at {
            methods.insert(route.method.as_str().to_lowercase(), operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "hereby",
            "version": version,
            "description": "Declare an incident, run it, and keep evidence that stays trustworthy.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas::all(),
            "responses": problems(),
            "securitySchemes": {"token": {
                "type": "http",
                "scheme": "bearer",
                "description": "`hby_` and 43 characters of base64url",
            }},
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "responses": responses(route),
        "security": [],
    });
    let Value::Object(fields) = &mut operation else {
        return operation;
    };
    if matches!(route.access, Access::Scopes(_) | Access::Metrics) {
        fields.insert("security".to_owned(), json!([{"token": []}]));
    }
    let scopes = route.line().scopes;
    if !scopes.is_empty() {
        let words = scopes.join("` or `");
        fields.insert(
            "description".to_owned(),
            json!(format!("Needs the scope `{words}`.")),
        );
        fields.insert("x-scopes".to_owned(), json!(scopes));
    }
    let places = [
        ("path", &route.parts),
        ("query", &route.query),
        ("header", &route.headers),
    ];
    let parameters: Vec<Value> = places
        .into_iter()
        .flat_map(|(place, parameters)| parameters.iter().map(move |one| parameter(place, one)))
        .collect();
    if !parameters.is_empty() {
        fields.insert("parameters".to_owned(), json!(parameters));
    }
    let body = match &route.takes {
        Takes::Nothing => return operation,
        Takes::Json {
            schema, example, ..
        } => json!({
            "required": true,
            "content": {JSON: {"schema": schema, "example": example}},
        }),
        Takes::Anything {
            media,
            schema,
            required,
            ..
        } => json!({
            "required": required,
            "content": {*media: {"schema": schema}},
        }),
    };
    fields.insert("requestBody".to_owned(), body);
    operation
}

fn parameter(place: &str, parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name,
        "in": place,
        "required": parameter.required,
        "description": parameter.says,
        "schema": parameter.form.schema(),
    })
}

/// `post_commands_incident_declare`: the method and the path's words.
fn operation_id(route: &Route) -> String {
    let path = route.documented_path();
    let words = path
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty() && !matches!(*word, "api" | "v1"));
    let method = route.method.as_str().to_lowercase();
    std::iter::once(method.as_str())
        .chain(words)
        .collect::<Vec<_>>()
        .join("_")
}

fn responses(route: &Route) -> Value {
    let gives = &route.gives;
    let mut responses = Map::new();
    let mut good = json!({"description": gives.says});
    if let (Some(media), Value::Object(fields)) = (gives.media, &mut good) {
        let mut content = json!({media: {"schema": gives.schema}});
        if let Value::Object(types) = &mut content {
            let text = |media: &&str| ((*media).to_owned(), json!({"schema": {"type": "string"}}));
            types.extend(gives.also.iter().map(text));
        }
        fields.insert("content".to_owned(), content);
    }
    responses.insert(gives.status.to_string(), good);
    for status in route.problems() {
        let problem = match (status, route.access) {
            // What PagerDuty itself answers to a malformed event.
            (400, Access::TokenInBody(_)) => json!({
                "description": "The request is malformed",
                "content": {
                    PROBLEM_JSON: {"schema": reference("Problem")},
                    JSON: {"schema": reference("InvalidEvent")},
                },
            }),
            _ => json!({"$ref": format!("#/components/responses/Problem{status}")}),
        };
        responses.insert(status.to_string(), problem);
    }
    Value::Object(responses)
}

/// What each status of a failure says, written once: nearly every operation has most of them.
const PROBLEMS: [(u16, &str); 14] = [
    (400, "The request is malformed"),
    (401, "No valid token was sent"),
    (403, "The caller may not do this"),
    (404, "There is no such thing"),
    (408, "The body came too slowly"),
    (
        409,
        "Not possible as things are, or the id came before with something else",
    ),
    (410, "It was there once"),
    (413, "The body is too large"),
    (415, "The body must be JSON"),
    (422, "An argument is out of its range"),
    (500, "Something in hereby is broken"),
    (
        503,
        "Too much at once, or hereby is stopping: try again after `Retry-After`",
    ),
    (
        504,
        "Nobody can say whether it happened: send it again with the same id",
    ),
    (507, "The disk is full"),
];

fn problems() -> Map<String, Value> {
    PROBLEMS
        .into_iter()
        .map(|(status, says)| {
            let content = json!({PROBLEM_JSON: {"schema": reference("Problem")}});
            let problem = json!({"description": says, "content": content});
            (format!("Problem{status}"), problem)
        })
        .collect()
}

#[cfg(test)]
mod tests;
