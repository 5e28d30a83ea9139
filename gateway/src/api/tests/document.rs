//! The OpenAPI document against the router and against what is answered.

use std::collections::BTreeSet;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::ask;
use crate::api::fixture::{Fixture, Running, answers};
use crate::api::{openapi, routes};

/// What checks values against a schema of the document.
fn validator(document: &Value, schema: &Value) -> Validator {
    let mut schema = schema.clone();
    schema["components"] = document["components"].clone();
    jsonschema::validator_for(&schema).expect("a schema")
}

fn assert_valid(document: &Value, schema: &Value, value: &Value) {
    let problems: Vec<_> = validator(document, schema)
        .iter_errors(value)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert!(problems.is_empty(), "{problems:#?}\nin {value:#}");
}

fn answer_schema<'a>(document: &'a Value, method: &str, path: &str, status: &str) -> &'a Value {
    let operation = &document["paths"][path][method.to_ascii_lowercase()];
    &operation["responses"][status]["content"]["application/json"]["schema"]
}

#[test]
fn the_document_has_the_router_s_paths_and_no_others() {
    let document = openapi();
    let described: BTreeSet<String> = document["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().expect("operations").keys();
            methods.map(move |method| format!("{} {path}", method.to_ascii_uppercase()))
        })
        .collect();
    // The router itself says what it knows to the one who asks for what it does not.
    let refused = Running::start(Fixture::new()).admin("GET", "/nowhere").json();
    let known = refused["error"]["paths"].as_array().expect("paths").iter();
    assert_eq!(described, known.map(|name| name.as_str().expect("text").to_owned()).collect());
}

#[test]
fn the_document_is_openapi_3_1() {
    let document = openapi();
    let spec = oas3::from_json(document.to_string()).expect("OpenAPI");
    spec.validate_version().expect("a version that is known");
    let ids: BTreeSet<_> =
        spec.operations().filter_map(|(_, _, operation)| operation.operation_id.clone()).collect();
    assert_eq!(ids.len(), routes::table().len(), "each operation has an id of its own: {ids:?}");
    for (_, _, operation) in spec.operations() {
        for parameter in operation.parameters(&spec).expect("parameters") {
            assert!(parameter.description.is_some(), "{parameter:?}");
        }
    }
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("a place in the document");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
        assert!(jsonschema::draft202012::meta::is_valid(schema), "{name}");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get("$ref") {
                references.push(reference.clone());
            }
            object.values().for_each(|value| collect(value, references));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

#[test]
fn every_answer_is_what_the_document_says() {
    let document = openapi();
    let running = Running::start(Fixture::new());
    for route in routes::table() {
        let answer = ask(&running, route.method, &route.path);
        assert_eq!(answer.status, 200, "{}: {}", route.path, answer.text);
        assert_valid(&document, answer_schema(&document, route.method, &route.path, "200"), &answer.json());
    }
    let outcome = answer_schema(&document, "POST", "/v1/probe", "200");
    for value in answers::outcomes() {
        assert_valid(&document, outcome, &serde_json::to_value(&value).expect("serializes"));
    }
    assert!(!validator(&document, outcome).is_valid(&json!({"outcome": "lost"})));
}

#[test]
fn every_refusal_is_what_the_document_says() {
    let document = openapi();
    let running = Running::start(Fixture::new());
    let refusals = [
        (
            running.admin("GET", "/v1/lookup?limit=0"),
            answer_schema(&document, "GET", "/v1/lookup", "default"),
        ),
        (running.post("/v1/changes", "{chang"), answer_schema(&document, "POST", "/v1/changes", "422")),
        (
            running.post("/v1/changes?if-generation=7", "changes: []"),
            answer_schema(&document, "POST", "/v1/changes", "409"),
        ),
    ];
    for (answer, schema) in refusals {
        assert!(answer.status.is_client_error(), "{}", answer.text);
        assert_valid(&document, schema, &answer.json());
        assert!(!validator(&document, schema).is_valid(&json!({"error": {"message": "no hint"}})));
    }
}

#[test]
fn a_change_document_is_described() {
    let document = openapi();
    let content = &document["paths"]["/v1/changes"]["post"]["requestBody"]["content"];
    assert_eq!(content["application/json"], content["application/yaml"]);
    let schema = &content["application/json"]["schema"];
    let change = json!({"remove-lookup": {"vsid": 5001, "address": "10.0.0.5"}});
    assert_valid(&document, schema, &json!({"if-generation": 41, "changes": [change]}));
    assert!(!validator(&document, schema).is_valid(&json!({"changes": [{"remove-everything": {}}]})));
}
