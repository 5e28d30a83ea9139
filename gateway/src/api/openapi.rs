//! The OpenAPI 3.1 document of the admin API, made from the table of routes and the types that they speak.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Failure;
use super::route::Route;
use super::routes;

/// Where the schemas of named types stand in the document.
const SCHEMAS: &str = "#/components/schemas/";
/// Where they stand in a schema of its own.
const DEFINITIONS: &str = "#/$defs/";
/// The name of a batch of changes among the schemas.
const CHANGES: &str = "Changes";

/// The document.
#[must_use]
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12();
    let mut generator = settings.with(|s| s.definitions_path = "/components/schemas".into()).into_generator();
    let failure = generator.subschema_for::<Failure>();
    let mut paths = Map::new();
    for route in routes::table() {
        let operation = operation(&route, &failure, &mut generator);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_ascii_lowercase()] = operation;
    }
    let mut schemas = generator.take_definitions(true);
    schemas.append(&mut change_schemas());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "nvgw admin API",
            "summary": "What a running gateway holds, and how it is changed",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{
            "url": "http://nvgw",
            "description": "HTTP/1.1 over the Unix socket `system.admin-socket`; the name does not matter",
        }],
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

/// The document as an answer.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Document(Value);

impl Document {
    pub(super) fn new() -> Self {
        Self(document())
    }
}

impl JsonSchema for Document {
    fn schema_name() -> Cow<'static, str> {
        "OpenApi".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An OpenAPI 3.1 document.",
            "type": "object",
            "required": ["openapi", "info", "paths", "components"],
        })
    }
}

/// What stands for a batch of changes in the description of a body.
pub(super) fn change_document(_: &mut SchemaGenerator) -> Schema {
    Schema::new_ref(format!("{SCHEMAS}{CHANGES}"))
}

fn operation(route: &Route, failure: &Schema, generator: &mut SchemaGenerator) -> Value {
    let refusal = |description: &str| json!({ "description": description, "content": { "application/json": { "schema": failure } } });
    let answer = json!({ "schema": (route.answer)(generator) });
    let mut responses = Map::new();
    responses.insert(
        "200".to_owned(),
        json!({ "description": route.summary, "content": { "application/json": answer } }),
    );
    for kind in route.refusals {
        responses.insert(kind.status().as_str().to_owned(), refusal(kind.description()));
    }
    responses.insert("default".to_owned(), refusal("The request cannot be answered"));
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "parameters": parameters(route, generator),
        "responses": responses,
    });
    if let Some(content) = &route.body {
        let schema = (content.schema)(generator);
        let types = content.types.iter().map(|&media| (media.to_owned(), json!({ "schema": schema })));
        operation["requestBody"] = json!({ "required": true, "content": types.collect::<Map<_, _>>() });
    }
    operation
}

/// `getProviderRoutes` for `GET /v1/provider-routes`.
fn operation_id(route: &Route) -> String {
    let name = route.path.trim_start_matches("/v1/");
    let words = name.split(['-', '.', '/']).flat_map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        [first.to_ascii_uppercase(), rest.to_owned()]
    });
    std::iter::once(route.method.to_ascii_lowercase()).chain(words).collect()
}

/// Each property of the query's objects is a parameter.
fn parameters(route: &Route, generator: &mut SchemaGenerator) -> Vec<Value> {
    let mut parameters = Vec::new();
    for object in (route.parameters)(generator) {
        let required = object.get("required").and_then(Value::as_array);
        let properties = object.get("properties").and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flatten() {
            let mut schema = schema.clone();
            let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
            let mut parameter = json!({
                "name": name,
                "in": "query",
                "required": required.is_some_and(|names| names.iter().any(|required| required == name)),
                "schema": schema,
            });
            if let Some(description) = description {
                parameter["description"] = description;
            }
            parameters.push(parameter);
        }
    }
    parameters
}

/// The schema of a batch of changes and of all that it is made of, under the names of this document.
fn change_schemas() -> Map<String, Value> {
    let mut root = nvgw_config::changes_schema();
    redirect(&mut root);
    let mut schemas = Map::new();
    if let Some(object) = root.as_object_mut() {
        object.remove("$schema");
        if let Some(Value::Object(definitions)) = object.remove("$defs") {
            schemas = definitions;
        }
    }
    schemas.insert(CHANGES.to_owned(), root);
    schemas
}

/// Has references lead to where this document keeps its schemas.
fn redirect(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object {
                match value {
                    Value::String(target) if key == "$ref" => {
                        if let Some(name) = target.strip_prefix(DEFINITIONS) {
                            *target = format!("{SCHEMAS}{name}");
                        }
                    }
                    value => redirect(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(redirect),
        _ => {}
    }
}
