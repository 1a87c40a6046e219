//! The document, the table and the commands say the same.

use std::collections::BTreeSet;

use record::command::{VERBS, Verb};
use record::kinds::access::Scope;
use serde_json::Value;

use super::{command, document, operation_id};
use crate::route::Access;
use crate::table::ROUTES;

#[test]
fn every_command_has_a_form_whose_example_is_one() {
    for name in VERBS.iter().filter(|name| !super::OWN.contains(name)) {
        let form = command(name).unwrap_or_else(|| panic!("{name} has no schema"));
        let verb = Verb::decode(name, &form.example.to_string()).unwrap();
        assert_eq!(form.scopes, [engine::scope_for(&verb)], "{name}");
        let properties = form.schema["properties"].as_object().unwrap();
        for argument in form.example.as_object().unwrap().keys() {
            assert!(
                properties.contains_key(argument),
                "{name} has no argument {argument}"
            );
        }
        for required in form.schema["required"].as_array().unwrap() {
            let mut lacking = form.example.clone();
            lacking
                .as_object_mut()
                .unwrap()
                .remove(required.as_str().unwrap());
            assert!(
                Verb::decode(name, &lacking.to_string()).is_err(),
                "{name}: {required}"
            );
        }
        let mut more = form.example.clone();
        more["nobody_knows_this"] = 1.into();
        assert!(Verb::decode(name, &more.to_string()).is_err(), "{name}");
    }
}

#[test]
fn every_argument_in_a_schema_is_one_the_command_knows() {
    for name in VERBS.iter().filter(|name| !super::OWN.contains(name)) {
        let form = command(name).unwrap();
        for argument in form.schema["properties"].as_object().unwrap().keys() {
            let mut wrong = form.example.clone();
            wrong[argument] = serde_json::json!([[[]]]);
            let error = Verb::decode(name, &wrong.to_string())
                .unwrap_err()
                .to_string();
            assert!(
                !error.contains("unknown field"),
                "{name} knows no {argument}: {error}"
            );
        }
    }
}

#[test]
fn a_form_exists_for_commands_only() {
    assert!(command("incident.forget").is_none());
}

#[test]
fn two_schemas_never_have_one_name() {
    let mut names = BTreeSet::new();
    for part in super::schemas::parts() {
        for name in part.as_object().unwrap().keys() {
            assert!(names.insert(name.clone()), "{name} twice");
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document("0");
    let mut used = BTreeSet::new();
    references(&document, &mut used);
    for name in &used {
        let target = document.pointer(&format!("/components/{name}"));
        assert!(target.is_some(), "there is no {name}");
    }
    for kind in ["schemas", "responses"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let name = format!("{kind}/{name}");
            assert!(used.contains(&name), "nothing refers to {name}");
        }
    }
}

fn references(value: &Value, used: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(target)) = fields.get("$ref") {
                used.insert(target.strip_prefix("#/components/").unwrap().to_owned());
            }
            fields.values().for_each(|field| references(field, used));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, used)),
        _ => {}
    }
}

#[test]
fn operations_have_ids_of_their_own_and_declared_parts() {
    let mut ids = BTreeSet::new();
    for route in ROUTES.iter() {
        assert!(
            ids.insert(operation_id(route)),
            "{} twice",
            operation_id(route)
        );
        let path = route.documented_path();
        let named: Vec<&str> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        let declared: Vec<&str> = route.parts.iter().map(|part| part.name).collect();
        assert_eq!(named, declared, "{path}");
    }
}

#[test]
fn the_reference_names_every_path() {
    let reference = include_str!("../../../../docs/reference/api.md");
    for route in ROUTES.iter() {
        let path = route.documented_path();
        let known = match path.strip_prefix("/api/v1/commands/") {
            Some(command) => reference.contains(&format!("`{command}`")),
            None => {
                let fixed = path.split('{').next().unwrap();
                let last = format!("/{}", path.rsplit('/').next().unwrap());
                reference.contains(fixed) || reference.contains(&format!("`{last}`"))
            }
        };
        assert!(known, "docs/reference/api.md does not name {path}");
    }
}

#[test]
fn what_needs_no_token_is_exactly_what_the_reference_says() {
    let open: Vec<&str> = ROUTES
        .iter()
        .filter(|route| matches!(route.access, Access::Open))
        .map(|route| route.path.as_str())
        .collect();
    let expected = [
        "/api/v1/edges/enroll",
        "/api/v1/edges/report",
        "/api/v1/edges/fetch",
        "/record/checkpoint",
        "/record/tile/{level}/{*index}",
        "/subscriptions",
        "/subscriptions",
        "/subscriptions/confirm/{pass}",
        "/subscriptions/confirm/{pass}",
        "/subscriptions/manage/{pass}",
        "/subscriptions/manage/{pass}",
        "/subscriptions/unsubscribe/{pass}",
        "/subscriptions/unsubscribe/{pass}",
        "/healthz",
        "/readyz",
        "/api/v1/openapi.json",
    ];
    assert_eq!(open, expected);
    let admin = ROUTES.iter().filter(
        |route| matches!(route.access, Access::Scopes(scopes) if scopes.contains(&Scope::Admin)),
    );
    assert_eq!(admin.count(), 31);
}
