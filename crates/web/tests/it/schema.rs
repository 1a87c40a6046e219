//! Checks answers against the OpenAPI document: their statuses, content types and JSON.

use std::sync::LazyLock;

use serde_json::Value;

use crate::wire::Reply;

pub(crate) static DOCUMENT: LazyLock<Value> = LazyLock::new(|| web::openapi_document("0.0.0-test"));

/// Whether the answer is one that the document announces for this operation.
#[track_caller]
pub(crate) fn check(method: &str, path: &str, reply: &Reply) {
    let operation = &DOCUMENT["paths"][path][method.to_lowercase()];
    assert!(operation.is_object(), "{method} {path} is not documented");
    let mut answer = &operation["responses"][reply.status.to_string()];
    if let Some(shared) = answer["$ref"].as_str() {
        answer = DOCUMENT.pointer(shared.trim_start_matches('#')).unwrap();
    }
    let at = format!("{method} {path} {}", reply.status);
    assert!(
        answer.is_object(),
        "{at} is not documented: {}",
        reply.text()
    );
    let Some(content) = answer["content"].as_object() else {
        assert!(reply.body.is_empty(), "{at} has no body");
        return;
    };
    let media = reply.header("content-type").unwrap_or_default();
    let media = content
        .get(media)
        .unwrap_or_else(|| panic!("{at}: {media} is not documented"));
    if reply.header("content-type").unwrap().ends_with("json")
        && let Err(wrong) = valid(&media["schema"], &reply.json())
    {
        panic!("{at}: {wrong}\n{}", reply.text());
    }
}

/// The part of JSON Schema that the document uses. Forms of text are checked where they are parsed.
fn valid(schema: &Value, value: &Value) -> Result<(), String> {
    let Some(keywords) = schema.as_object() else {
        return Ok(());
    };
    for (keyword, wanted) in keywords {
        let parts = |of: &Value| of.as_array().cloned().unwrap_or_default();
        let holds = |part: &&Value| valid(part, value).is_ok();
        let good = match keyword.as_str() {
            "$ref" => {
                let name = wanted.as_str().unwrap().rsplit('/').next().unwrap();
                let target = &DOCUMENT["components"]["schemas"][name];
                valid(target, value).map_err(|wrong| format!("{name}: {wrong}"))?;
                true
            }
            "type" => has_type(wanted, value),
            "enum" => parts(wanted).contains(value),
            "const" => wanted == value,
            "anyOf" => parts(wanted).iter().any(|part| holds(&part)),
            "oneOf" => parts(wanted).iter().filter(holds).count() == 1,
            "allOf" => {
                parts(wanted)
                    .iter()
                    .try_for_each(|part| valid(part, value))?;
                true
            }
            "required" => parts(wanted)
                .iter()
                .all(|name| value.get(name.as_str().unwrap()).is_some()),
            "items" => {
                parts(value)
                    .iter()
                    .try_for_each(|item| valid(wanted, item))?;
                true
            }
            "properties" | "additionalProperties" => {
                fields(keyword, wanted, keywords.get("properties"), value)?;
                true
            }
            "minimum" => value
                .as_f64()
                .is_none_or(|it| it >= wanted.as_f64().unwrap()),
            "maximum" => value
                .as_f64()
                .is_none_or(|it| it <= wanted.as_f64().unwrap()),
            "maxItems" => parts(value).len() as u64 <= wanted.as_u64().unwrap(),
            _ => true,
        };
        if !good {
            return Err(format!("{value} breaks `{keyword}`: {wanted}"));
        }
    }
    Ok(())
}

/// The keywords about an object's fields.
fn fields(
    keyword: &str,
    wanted: &Value,
    properties: Option<&Value>,
    value: &Value,
) -> Result<(), String> {
    let known = |name: &str| properties.and_then(|known| known.get(name));
    for (name, field) in value.as_object().into_iter().flatten() {
        let schema = match (keyword, known(name)) {
            ("properties", schema) => schema,
            (_, None) if *wanted == false => return Err(format!("{name} is not known")),
            (_, None) => Some(wanted),
            (_, Some(_)) => None,
        };
        if let Some(schema) = schema {
            valid(schema, field).map_err(|wrong| format!("{name}: {wrong}"))?;
        }
    }
    Ok(())
}

fn has_type(wanted: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("type {other}"),
    };
    match wanted {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().any(|name| is(name.as_str().unwrap())),
        other => panic!("type {other}"),
    }
}

#[test]
fn the_checker_notices_what_is_wrong() {
    let schema = serde_json::json!({"$ref": "#/components/schemas/Problem"});
    let good = serde_json::json!({
        "type": "about:blank#x", "title": "", "status": 400, "detail": "", "outcome": "refused",
        "reason": "x",
    });
    assert_eq!(valid(&schema, &good), Ok(()));
    for (field, bad) in [("status", "400"), ("outcome", "perhaps")] {
        let mut value = good.clone();
        value[field] = bad.into();
        assert!(valid(&schema, &value).is_err(), "{field}");
    }
    let mut value = good.clone();
    value.as_object_mut().unwrap().remove("reason");
    assert!(valid(&schema, &value).is_err());
}
