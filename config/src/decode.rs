//! What can be read from a node, and the JSON schema of it, stated once.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

use crate::reader::{Field, List, Reader, Spanned, is_null};
use crate::rules::Refusal;
use crate::suggest::did_you_mean;
use crate::tree::{Content, Member, NodeId, Scalar};

/// What a node can be read as.
pub(crate) trait Decode: Sized {
    /// Reads a node; reports what is wrong with it.
    fn decode(reader: &mut Reader<'_>, node: NodeId) -> Option<Self>;

    /// The JSON schema of what [`Decode::decode`] reads.
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

/// A value that is written as one scalar.
pub(crate) trait Leaf: Sized {
    /// What to write, in words and with an example.
    const WANTED: &'static str;

    /// Reads a scalar that is not null.
    fn read(scalar: Scalar<'_>) -> Result<Self, Refusal>;

    /// The JSON schema of what [`Leaf::read`] reads.
    fn leaf_schema() -> Schema;
}

/// A mapping with known keys; [`object!`] makes them.
pub(crate) trait Object: Decode + JsonSchema {
    /// Every key there is.
    const KEYS: &'static [&'static str];

    /// Reads the members; what is wrong leaves a broken field behind.
    fn from_members(reader: &mut Reader<'_>, members: Members<'_>) -> Self;

    /// Reads a mapping; reports the keys that it does not know.
    fn decode_mapping(reader: &mut Reader<'_>, node: NodeId) -> Option<Self> {
        let tree = reader.tree;
        match tree.content(node) {
            Content::Mapping(members) => {
                for member in members {
                    if !Self::KEYS.contains(&&*member.key) {
                        let hint = did_you_mean(&member.key, Self::KEYS.iter().copied())
                            .unwrap_or_else(|| format!("the keys here are {}", Self::KEYS.join(", ")));
                        let wrong = Refusal::new("unknown key", hint);
                        reader.key_problem(node, &member.key, member.mark, wrong);
                    }
                }
                Some(Self::from_members(reader, Members { node, members }))
            }
            Content::Broken => None,
            _ => {
                let message = format!("{} where a mapping belongs", reader.describe(node));
                let hint = format!("write keys and values; the keys here are {}", Self::KEYS.join(", "));
                reader.problem(node, Refusal::new(message, hint));
                None
            }
        }
    }
}

impl<T: Leaf> Decode for T {
    fn decode(reader: &mut Reader<'_>, node: NodeId) -> Option<Self> {
        let tree = reader.tree;
        let wrong = match tree.content(node) {
            Content::Broken => return None,
            Content::Scalar { text, plain } if !(*plain && is_null(text)) => {
                match T::read(Scalar { text, plain: *plain }) {
                    Ok(value) => return Some(value),
                    Err(wrong) => wrong,
                }
            }
            _ => Refusal::new(
                format!("{} where a value belongs", reader.describe(node)),
                format!("write {}", T::WANTED),
            ),
        };
        reader.problem(node, wrong);
        None
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        T::leaf_schema()
    }
}

impl<T: Decode> Decode for List<T> {
    fn decode(reader: &mut Reader<'_>, node: NodeId) -> Option<Self> {
        let tree = reader.tree;
        match tree.content(node) {
            Content::Sequence(nodes) => {
                let mut items = Vec::with_capacity(nodes.len());
                for &node in nodes {
                    items.extend(T::decode(reader, node).map(|value| Spanned { node, value }));
                }
                let whole = items.len() == nodes.len();
                Some(Self { items, whole })
            }
            Content::Broken => None,
            _ => {
                let message = format!("{} where a list belongs", reader.describe(node));
                let hint = "write a list: [a, b], or one item a line, each after a dash";
                reader.problem(node, Refusal::new(message, hint));
                None
            }
        }
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": T::schema(generator) })
    }
}

/// The members of the mapping at a node.
#[derive(Clone, Copy)]
pub(crate) struct Members<'a> {
    node: NodeId,
    members: &'a [Member<'a>],
}

impl Members<'_> {
    /// A key that must be there.
    pub(crate) fn required<T: Decode>(self, reader: &mut Reader<'_>, key: &str) -> Field<T> {
        self.read(reader, key).unwrap_or_else(|| {
            let mark = reader.tree.mark(self.node);
            let hint = format!("add the key {key}");
            reader.key_problem(self.node, key, mark, Refusal::new("missing", hint));
            Field::Broken
        })
    }

    /// A key that may be left out.
    pub(crate) fn optional<T: Decode>(self, reader: &mut Reader<'_>, key: &str) -> Field<T> {
        self.read(reader, key).unwrap_or(Field::Absent)
    }

    /// A key that may be left out, with what is then taken, as it would be written.
    pub(crate) fn default<T: Leaf>(self, reader: &mut Reader<'_>, key: &str, default: &str) -> Field<T> {
        self.read(reader, key).unwrap_or_else(|| {
            let scalar = Scalar { text: default, plain: true };
            match T::read(scalar) {
                Ok(value) => Field::Given(Spanned { node: self.node, value }),
                Err(wrong) => {
                    reader.problem(self.node, wrong);
                    Field::Broken
                }
            }
        })
    }

    /// A list that may be left out or have nothing after its key: it is empty then.
    pub(crate) fn list<T: Decode>(self, reader: &mut Reader<'_>, key: &str) -> Field<T> {
        match self.find(key) {
            Some(node) if !reader.is_null(node) => field(reader, node),
            _ => Field::Absent,
        }
    }

    /// A mapping that may be left out or have nothing after its key: each of its own keys has a default.
    pub(crate) fn section<T: Object>(self, reader: &mut Reader<'_>, key: &str) -> Field<T> {
        let node = match self.find(key) {
            Some(node) if !reader.is_null(node) => return field(reader, node),
            found => found.unwrap_or(self.node),
        };
        let value = T::from_members(reader, Members { node, members: &[] });
        Field::Given(Spanned { node, value })
    }

    /// A mapping that may be left out or have nothing after its key, and says something by being there.
    pub(crate) fn optional_section<T: Object>(self, reader: &mut Reader<'_>, key: &str) -> Field<T> {
        self.list(reader, key)
    }

    fn read<T: Decode>(self, reader: &mut Reader<'_>, key: &str) -> Option<Field<T>> {
        self.find(key).map(|node| field(reader, node))
    }

    fn find(self, key: &str) -> Option<NodeId> {
        let member = self.members.iter().find(|member| member.key == key)?;
        Some(member.value)
    }
}

fn field<T: Decode>(reader: &mut Reader<'_>, node: NodeId) -> Field<T> {
    T::decode(reader, node).map_or(Field::Broken, |value| Field::Given(Spanned { node, value }))
}

/// The JSON schema of an [`Object`] in the making; its methods mirror those of [`Members`].
pub(crate) struct ObjectSchema {
    title: &'static str,
    description: String,
    properties: Map<String, Value>,
    required: Vec<&'static str>,
}

impl ObjectSchema {
    pub(crate) fn new(title: &'static str, doc: &[&str]) -> Self {
        Self { title, description: prose(doc), properties: Map::new(), required: Vec::new() }
    }

    pub(crate) fn required<T: Decode>(
        &mut self,
        generator: &mut SchemaGenerator,
        key: &'static str,
        doc: &[&str],
    ) {
        self.required.push(key);
        self.property(key, doc, T::schema(generator));
    }

    pub(crate) fn optional<T: Decode>(
        &mut self,
        generator: &mut SchemaGenerator,
        key: &'static str,
        doc: &[&str],
    ) {
        self.property(key, doc, T::schema(generator));
    }

    pub(crate) fn default<T: Decode>(
        &mut self,
        generator: &mut SchemaGenerator,
        key: &'static str,
        doc: &[&str],
        default: &str,
    ) {
        let mut schema = T::schema(generator);
        // Numbers and booleans are written alike in YAML and JSON; what is no JSON is text.
        let default = serde_json::from_str(default).unwrap_or_else(|_| Value::from(default));
        schema.insert("default".to_owned(), default);
        self.property(key, doc, schema);
    }

    pub(crate) fn list<T: Decode>(
        &mut self,
        generator: &mut SchemaGenerator,
        key: &'static str,
        doc: &[&str],
    ) {
        let mut schema = T::schema(generator);
        schema.insert("type".to_owned(), serde_json::json!(["array", "null"]));
        if schema.get("default").is_none() {
            schema.insert("default".to_owned(), serde_json::json!([]));
        }
        self.property(key, doc, schema);
    }

    pub(crate) fn section<T: Object>(
        &mut self,
        generator: &mut SchemaGenerator,
        key: &'static str,
        doc: &[&str],
    ) {
        let object = generator.subschema_for::<T>();
        self.property(key, doc, json_schema!({ "anyOf": [object, { "type": "null" }] }));
    }

    pub(crate) fn optional_section<T: Object>(
        &mut self,
        generator: &mut SchemaGenerator,
        key: &'static str,
        doc: &[&str],
    ) {
        self.section::<T>(generator, key, doc);
    }

    fn property(&mut self, key: &str, doc: &[&str], mut schema: Schema) {
        schema.insert("description".to_owned(), Value::from(prose(doc)));
        self.properties.insert(key.to_owned(), schema.into());
    }

    pub(crate) fn finish(self) -> Schema {
        json_schema!({
            "type": "object",
            "title": self.title,
            "description": self.description,
            "properties": self.properties,
            "required": self.required,
            "additionalProperties": false,
        })
    }
}

/// The lines of a doc comment as running text.
fn prose(doc: &[&str]) -> String {
    let lines: Vec<&str> = doc.iter().map(|line| line.trim()).collect();
    lines.join(" ")
}

/// Declares mappings of the document: the type, how it is read, its JSON schema with the doc comments in it.
///
/// Each key names its field, the type of its value and how it may be left out: `required`, `optional`,
/// `default("…")` (as it would be written), `list`, `section` or `optional_section`.
macro_rules! object {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident {
            $( $(#[doc = $field_doc:literal])+ $key:literal => $field:ident: $ty:ty, $mode:ident $(($default:expr))?; )+
        }
    )+) => { $(
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub(crate) struct $name {
            $( $(#[doc = $field_doc])+ pub(crate) $field: $crate::reader::Field<$ty>, )+
        }

        impl $crate::decode::Object for $name {
            const KEYS: &'static [&'static str] = &[$($key),+];

            fn from_members(
                reader: &mut $crate::reader::Reader<'_>,
                members: $crate::decode::Members<'_>,
            ) -> Self {
                Self { $( $field: members.$mode(reader, $key $(, $default)?), )+ }
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut object = $crate::decode::ObjectSchema::new(stringify!($name), &[$($doc),+]);
                $( object.$mode::<$ty>(generator, $key, &[$($field_doc),+] $(, $default)?); )+
                object.finish()
            }
        }

        impl $crate::decode::Decode for $name {
            fn decode(reader: &mut $crate::reader::Reader<'_>, node: $crate::tree::NodeId) -> Option<Self> {
                $crate::decode::Object::decode_mapping(reader, node)
            }

            fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                generator.subschema_for::<Self>()
            }
        }
    )+ };
}

pub(crate) use object;
