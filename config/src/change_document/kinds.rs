//! The kinds of changes: their names, how each is read, and the item of the list that is one of them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::change::{Change, Place};
use crate::decode::{Decode, Object, ObjectSchema};
use crate::document::{Neighbor, ProviderRoute, Record};
use crate::reader::Reader;
use crate::rules::Refusal;
use crate::suggest::did_you_mean;
use crate::tree::{Content, Member, NodeId};

use super::build;
use super::keys::{
    AddProviderAddress, AddSubnet, AddTenant, CustomerRoute, MoveLookup, MoveProviderRoute, MoveTenant,
    RemoveCustomerRoute, RemoveLookup, RemoveNeighbor, RemoveProviderAddress, RemoveProviderRoute,
    RemoveSubnet, RemoveTenant,
};

/// A kind of change.
struct Kind {
    name: &'static str,
    keys: &'static [&'static str],
    read: fn(&mut Reader<'_>, NodeId) -> Option<Change>,
    describe: fn(&mut ObjectSchema, &mut SchemaGenerator),
}

/// Declares the kinds: what a change of that kind does, the mapping that it is written as, and how that becomes a
/// change.
macro_rules! kinds {
    ($( $(#[doc = $doc:literal])+ $name:literal => $object:ty, $build:path; )+) => {
        const KINDS: &[Kind] = &[$(
            Kind {
                name: $name,
                keys: <$object>::KEYS,
                read: |reader, node| {
                    let object = <$object>::decode(reader, node)?;
                    $build(object, reader)
                },
                describe: |item, generator| item.optional::<$object>(generator, $name, &[$($doc),+]),
            },
        )+];
    };
}

kinds! {
    /// A tenant comes.
    "add-tenant" => AddTenant, build::add_tenant;
    /// A tenant's default route leads to another external network.
    "move-tenant" => MoveTenant, build::move_tenant;
    /// A tenant goes. What is in it goes before.
    "remove-tenant" => RemoveTenant, build::remove_tenant;
    /// A virtual subnet comes.
    "add-subnet" => AddSubnet, build::add_subnet;
    /// A virtual subnet goes. What is in it goes before.
    "remove-subnet" => RemoveSubnet, build::remove_subnet;
    /// A lookup record comes.
    "add-lookup" => Record, build::add_lookup;
    /// A customer address lives on another host: live migration.
    "move-lookup" => MoveLookup, build::move_lookup;
    /// A lookup record goes.
    "remove-lookup" => RemoveLookup, build::remove_lookup;
    /// A customer route comes.
    "add-customer-route" => CustomerRoute, build::add_customer_route;
    /// A customer route leads to another VM.
    "move-customer-route" => CustomerRoute, build::move_customer_route;
    /// A customer route goes.
    "remove-customer-route" => RemoveCustomerRoute, build::remove_customer_route;
    /// A provider address of the gateway's own comes.
    "add-provider-address" => AddProviderAddress, build::add_provider_address;
    /// A provider address of the gateway's own goes.
    "remove-provider-address" => RemoveProviderAddress, build::remove_provider_address;
    /// A provider route comes.
    "add-provider-route" => ProviderRoute, build::add_provider_route;
    /// A provider route leads to another next hop.
    "move-provider-route" => MoveProviderRoute, build::move_provider_route;
    /// A provider route goes.
    "remove-provider-route" => RemoveProviderRoute, build::remove_provider_route;
    /// A static neighbour comes.
    "add-neighbor" => Neighbor, build::add_neighbor;
    /// A static neighbour has another Ethernet address.
    "move-neighbor" => Neighbor, build::move_neighbor;
    /// A static neighbour goes.
    "remove-neighbor" => RemoveNeighbor, build::remove_neighbor;
}

const WANTED: &str =
    "write one kind of change and its values, as in remove-lookup: { vsid: 5001, address: 10.0.1.5 }";

/// An item of the list of changes: a mapping whose one key says of which kind it is.
#[derive(Debug)]
pub(crate) struct AnyChange {
    pub(super) change: Change,
    pub(super) place: Place,
}

impl Decode for AnyChange {
    fn decode(reader: &mut Reader<'_>, node: NodeId) -> Option<Self> {
        let tree = reader.tree;
        let members = match tree.content(node) {
            Content::Mapping(members) => members,
            Content::Broken => return None,
            _ => {
                let message = format!("{} where a change belongs", reader.describe(node));
                reader.problem(node, Refusal::new(message, WANTED));
                return None;
            }
        };
        let Some((first, others)) = members.split_first() else {
            reader.problem(node, Refusal::new("nothing changes", WANTED));
            return None;
        };
        let kind = kind_of(reader, node, first);
        if let Some(kind) = kind
            && reader.is_null(first.value)
            && let Some(other) = others.iter().find(|other| kind.keys.contains(&&*other.key))
        {
            let message = format!("{} stands beside {}, not in it", other.key, kind.name);
            let hint = format!("indent it, and what belongs to it, deeper than {}", kind.name);
            reader.key_problem(node, &other.key, other.mark, Refusal::new(message, hint));
            return None;
        }
        let change = kind.and_then(|kind| (kind.read)(reader, first.value));
        for other in others {
            if let Some(kind) = kind_of(reader, node, other) {
                let message = format!("a second change beside {}", first.key);
                let hint =
                    "begin an item of its own, after a dash: changes are made in the order of the list";
                reader.key_problem(node, kind.name, other.mark, Refusal::new(message, hint));
                (kind.read)(reader, other.value);
            }
        }
        let place = Place {
            path: tree.path(first.value),
            line: first.mark.line as usize,
            column: first.mark.column as usize,
        };
        Some(Self { change: change?, place })
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Self>()
    }
}

/// The kind that a member of the mapping at `node` names; reports one that does not exist.
fn kind_of(reader: &mut Reader<'_>, node: NodeId, member: &Member<'_>) -> Option<&'static Kind> {
    let kind = KINDS.iter().find(|kind| kind.name == member.key);
    if kind.is_none() {
        let names = || KINDS.iter().map(|kind| kind.name);
        let hint = did_you_mean(&member.key, names())
            .unwrap_or_else(|| format!("the kinds are {}", names().collect::<Vec<_>>().join(", ")));
        reader.key_problem(node, &member.key, member.mark, Refusal::new("unknown kind of change", hint));
    }
    kind
}

impl JsonSchema for AnyChange {
    fn schema_name() -> Cow<'static, str> {
        "Change".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut item = ObjectSchema::new("Change", &["One change; its key says of which kind it is."]);
        for kind in KINDS {
            (kind.describe)(&mut item, generator);
        }
        let mut schema = item.finish();
        schema.insert("minProperties".to_owned(), 1.into());
        schema.insert("maxProperties".to_owned(), 1.into());
        schema
    }
}
