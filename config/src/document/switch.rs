//! Sections that can be off.

use schemars::{Schema, SchemaGenerator, json_schema};

use crate::decode::{Decode, Object};
use crate::reader::Reader;
use crate::rules::Refusal;
use crate::tree::{Content, NodeId};

/// A mapping; `None` is written `off`, or as nothing.
#[derive(Debug)]
pub(crate) struct OrOff<T>(pub(crate) Option<T>);

impl<T: Object> Decode for OrOff<T> {
    fn decode(reader: &mut Reader<'_>, node: NodeId) -> Option<Self> {
        match reader.tree.content(node) {
            Content::Mapping(_) => T::decode(reader, node).map(|value| Self(Some(value))),
            Content::Scalar { text, .. } if text == "off" || reader.is_null(node) => Some(Self(None)),
            Content::Broken => None,
            _ => {
                let message = format!("{} where a mapping or off belongs", reader.describe(node));
                let hint = format!("write off, or keys and values; the keys here are {}", T::KEYS.join(", "));
                reader.problem(node, Refusal::new(message, hint));
                None
            }
        }
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let object = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [object, { "enum": ["off", null] }] })
    }
}
