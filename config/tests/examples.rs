//! The shipped examples: they parse, they are complete, and the schema, an independent YAML reader and the parser agree
//! on them.

use std::collections::BTreeSet;

use nvgw_config::{
    CHANGES_EXAMPLE, Change, Device, EXAMPLES, Hugepages, LearnLimits, changes_schema, parse, parse_changes,
    schema,
};
use serde_json::Value;

fn example(name: &str) -> &'static str {
    let (_, text) = EXAMPLES.iter().find(|(other, _)| *other == name).expect("the example is shipped");
    text
}

#[test]
fn every_example_is_a_configuration() {
    for (name, text) in EXAMPLES {
        if let Err(problems) = parse(text, name) {
            panic!("{problems}");
        }
    }
}

#[test]
fn every_file_is_shipped() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let mut shipped: Vec<&str> = EXAMPLES.iter().chain([&CHANGES_EXAMPLE]).map(|(name, _)| *name).collect();
    shipped.sort_unstable();
    assert_eq!(files, shipped);
}

#[test]
fn examples_say_what_they_are_for() {
    let one = parse(example("one-nic.yaml"), "").expect("it parses");
    assert_eq!(one.ports.len(), 1);
    assert!(one.provider.sites.iter().all(|site| site.vlan.is_some()));
    assert!(one.external.iter().all(|network| network.vlan.is_some()));

    let two = parse(example("two-nics.yaml"), "").expect("it parses");
    let devices: Vec<&Device> = two.ports.iter().map(|port| &port.device).collect();
    assert_eq!(devices, [&Device::Pci("0000:3b:00.0".into()), &Device::Pci("0000:3b:00.1".into())]);
    assert_eq!(two.tenants[0].records[0].address, two.tenants[1].records[0].address);

    let laptop = parse(example("laptop.yaml"), "").expect("it parses");
    assert_eq!(laptop.system.hugepages, Hugepages::Off);
    assert!(laptop.ports.iter().all(|port| matches!(port.device, Device::Vdev(_))));
}

/// Walks a document and its schema side by side: every key is known, every key that must be there is, every value
/// has the type.
fn conforms(value: &Value, schema: &Value, root: &Value, place: &str) {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let pointer = reference.trim_start_matches('#');
        let target = root.pointer(pointer).expect("references lead somewhere");
        return conforms(value, target, root, place);
    }
    if let Some(options) = schema.get("anyOf").and_then(Value::as_array) {
        // What can be off is a mapping or one of a few words, what can be left empty a mapping or null.
        let fits = |option: &&Value| match option["enum"].as_array() {
            Some(words) => words.contains(value),
            None => (option["type"] == "null") == value.is_null() && (value.is_object() || value.is_null()),
        };
        let option = options.iter().find(fits);
        return conforms(value, option.expect("one option fits"), root, place);
    }
    if let Some(options) = schema.get("enum").and_then(Value::as_array) {
        assert!(options.contains(value), "{place}: {value} is none of {options:?}");
        return;
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        one => vec![one.clone()],
    };
    let type_of = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(types.contains(&Value::from(type_of)), "{place}: {type_of} is none of {types:?}");
    match value {
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                conforms(item, &schema["items"], root, &format!("{place}[{i}]"));
            }
        }
        Value::Object(members) => {
            assert_eq!(schema["additionalProperties"], Value::Bool(false), "{place}");
            for key in schema["required"].as_array().expect("a list") {
                assert!(members.contains_key(key.as_str().expect("a key")), "{place}: no {key}");
            }
            for (key, member) in members {
                let property = schema["properties"].get(key);
                let property = property.unwrap_or_else(|| panic!("{place}.{key} is not in the schema"));
                conforms(member, property, root, &format!("{place}.{key}"));
            }
        }
        _ => {}
    }
}

#[test]
fn examples_conform_to_the_schema() {
    let schema = schema();
    let more = [
        ("interface.yaml", include_str!("interface.yaml")),
        ("right.yaml", include_str!("mistakes/right.yaml")),
        ("right-ipv6.yaml", include_str!("mistakes/right-ipv6.yaml")),
    ];
    for (name, text) in EXAMPLES.iter().chain(&more) {
        let value: Value = serde_yaml::from_str(text).expect("an independent reader reads it");
        conforms(&value, &schema, &schema, name);
    }
}

#[test]
fn every_part_of_translation_is_in_the_schema() {
    let schema = schema();
    let defaults = [
        ("NatPool", "ports", Value::from("1024-65535")),
        ("NatPool", "block-size", Value::from(512)),
        ("NatTimeouts", "udp", Value::from(300)),
        ("NatFiltering", "tcp", Value::from("endpoint-independent")),
        ("Syslog", "facility", Value::from("local4")),
        ("Nat", "unsolicited-syn", Value::from("reject")),
        ("Nat", "removed-addresses", Value::from("drain")),
    ];
    for (object, key, default) in defaults {
        assert_eq!(schema["$defs"][object]["properties"][key]["default"], default, "{object}.{key}");
    }
    let timeouts = &schema["$defs"]["NatTimeouts"]["properties"];
    assert_eq!(
        (&timeouts["udp"]["minimum"], &timeouts["udp-well-known"]["minimum"]),
        (&120.into(), &1.into())
    );
    let forward = &schema["$defs"]["PortForward"];
    assert_eq!(forward["required"], serde_json::json!(["public", "protocol", "ports", "customer"]));
    assert_eq!(forward["properties"]["ports"]["type"], serde_json::json!(["integer", "string"]));
    let facilities = schema["$defs"]["Syslog"]["properties"]["facility"]["enum"].as_array().expect("words");
    assert_eq!((facilities.len(), &facilities[0], &facilities[23]), (24, &"kern".into(), &"local7".into()));
}

#[test]
fn changes_conform_to_their_schema() {
    let schema = changes_schema();
    for (name, text) in [CHANGES_EXAMPLE, ("right.yaml", include_str!("changes/right.yaml"))] {
        let set = parse_changes(text, name).unwrap_or_else(|problems| panic!("{problems}"));
        let value: Value = serde_yaml::from_str(text).expect("an independent reader reads it");
        conforms(&value, &schema, &schema, name);
        conforms(&set.to_value(), &schema, &schema, name);
    }
}

#[test]
fn a_change_is_of_one_kind() {
    let schema = changes_schema();
    let item = &schema["$defs"]["Change"];
    assert_eq!((&item["minProperties"], &item["maxProperties"]), (&Value::from(1), &Value::from(1)));
    let kinds = item["properties"].as_object().expect("the kinds");
    let used = parse_changes(include_str!("changes/right.yaml"), "").expect("it parses");
    let used: BTreeSet<&str> = used.changes.iter().map(Change::kind).collect();
    assert_eq!(kinds.keys().map(String::as_str).collect::<BTreeSet<_>>(), used);
}

#[test]
fn schemas_explain_themselves() {
    explains_itself(&changes_schema());
    explains_itself(&schema());
}

fn explains_itself(schema: &Value) {
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let mut objects = vec![schema];
    objects.extend(schema["$defs"].as_object().expect("definitions").values());
    for object in objects {
        assert_eq!(object["additionalProperties"], false, "{}", object["title"]);
        assert!(object["description"].is_string(), "{}", object["title"]);
        for (key, property) in object["properties"].as_object().expect("properties") {
            let description = property["description"].as_str();
            assert!(description.is_some_and(|text| text.ends_with('.')), "{key}");
        }
    }
}

#[test]
fn schema_says_what_is_needed() {
    let schema = schema();
    assert_eq!(schema["required"], serde_json::json!(["ports", "provider"]));
    let port = &schema["$defs"]["Port"];
    assert_eq!(port["required"], serde_json::json!(["name", "device"]));
    assert_eq!(port["properties"]["mtu"]["default"], 1500);
    assert_eq!(port["properties"]["mtu"]["maximum"], 65000);
    let system = &schema["$defs"]["System"]["properties"];
    assert_eq!(system["worker-cores"]["default"], serde_json::json!([1]));
    assert_eq!(system["worker-idle"]["default"], "poll");
    assert_eq!(system["state-dir"]["default"], "/var/lib/nvgw");
    assert_eq!(system["hugepages"]["enum"], serde_json::json!(["auto", "required", "off"]));
    let learn = &schema["$defs"]["Learn"]["properties"];
    let limits = LearnLimits::default();
    assert_eq!(learn["addresses-per-mac"]["default"], limits.addresses_per_mac);
    assert_eq!(learn["records-per-subnet"]["default"], limits.records_per_subnet);
}
