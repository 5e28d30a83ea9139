//! Lists in the API: their JSON, their filters and their pages.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::nat::{NatPoolFilter, NatSessionFilter};
use super::view::{
    AlarmView, CustomerRouteView, DropView, LookupView, NatAddressView, NatPoolView, NatSessionView,
    NeighborView, PortView, ProviderAddressView, ProviderRouteView, RouteView, SubnetView, TenantView,
    VrfView, WorkerView,
};
use crate::diagnosis::Event;

/// A row of one of the API's lists.
pub trait Row: Serialize + DeserializeOwned {
    /// The list's name: its key in the JSON.
    const NAME: &'static str;
    /// What narrows the list down.
    type Filter: Serialize;

    /// The list's path: its name, with hyphens.
    #[must_use]
    fn path() -> String {
        format!("/v1/{}", Self::NAME.replace('_', "-"))
    }
}

macro_rules! rows {
    ($($row:ty = $name:literal, $filter:ty $(, at $path:literal)?;)+) => {
        $(impl Row for $row {
            const NAME: &'static str = $name;
            type Filter = $filter;
            $(fn path() -> String {
                $path.to_owned()
            })?
        })+
    };
}

rows! {
    PortView = "ports", WholeTable;
    WorkerView = "workers", WholeTable;
    VrfView = "vrfs", VrfFilter;
    LookupView = "lookup", LookupFilter;
    RouteView = "routes", RouteFilter;
    NeighborView = "neighbors", NeighborFilter;
    DropView = "drops", WholeTable;
    AlarmView = "alarms", AlarmFilter;
    ProviderAddressView = "provider_addresses", ProviderAddressFilter;
    ProviderRouteView = "provider_routes", ProviderRouteFilter;
    TenantView = "tenants", TenantFilter;
    SubnetView = "subnets", SubnetFilter;
    CustomerRouteView = "customer_routes", CustomerRouteFilter;
    Event = "events", EventFilter;
    NatSessionView = "nat_sessions", NatSessionFilter, at "/v1/nat/sessions";
    NatPoolView = "nat_pools", NatPoolFilter, at "/v1/nat/pools";
    NatAddressView = "nat_addresses", NatPoolFilter, at "/v1/nat/addresses";
}

/// The filter of lists that are short and known in full: none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct WholeTable {}

/// Which VRFs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct VrfFilter {
    /// Only the VRFs of this name
    #[arg(long)]
    pub name: Option<String>,
}

/// Which lookup records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct LookupFilter {
    /// Only this tenant's records
    #[arg(long)]
    pub tenant: Option<String>,
    /// Only this virtual subnet's records
    #[arg(long)]
    pub vsid: Option<u32>,
    /// Only records of this customer address
    #[arg(long)]
    pub address: Option<IpAddr>,
}

/// Which routes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct RouteFilter {
    /// Only the routes of this VRF, or of the provider network (`provider`)
    #[arg(long)]
    pub table: Option<String>,
    /// Only routes to exactly this prefix
    #[arg(long)]
    #[schemars(with = "Option<String>")]
    pub prefix: Option<IpNet>,
}

/// Which neighbours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct NeighborFilter {
    /// Only the neighbours on this site or external network
    #[arg(long)]
    pub network: Option<String>,
}

/// Which provider addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct ProviderAddressFilter {
    /// Only the provider addresses of this site
    #[arg(long)]
    pub site: Option<String>,
}

/// Which provider routes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct ProviderRouteFilter {
    /// Only routes to exactly this prefix
    #[arg(long)]
    #[schemars(with = "Option<String>")]
    pub prefix: Option<IpNet>,
    /// Only the routes that leave by this site
    #[arg(long)]
    pub site: Option<String>,
}

/// Which tenants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct TenantFilter {
    /// Only the tenant of this name
    #[arg(long)]
    pub name: Option<String>,
}

/// Which virtual subnets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct SubnetFilter {
    /// Only this tenant's virtual subnets
    #[arg(long)]
    pub tenant: Option<String>,
}

/// Which customer routes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct CustomerRouteFilter {
    /// Only this tenant's customer routes
    #[arg(long)]
    pub tenant: Option<String>,
}

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct EventFilter {
    /// Only the events after the one with this number
    #[arg(long, value_name = "SEQUENCE")]
    pub after: Option<u64>,
}

/// Which alarms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct AlarmFilter {}

/// Which part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Page {
    /// The position to go on from: 0, or the `next` of the page before.
    pub offset: u64,
    /// How many rows at most, 1 to 10000.
    #[schemars(range(min = 1, max = Self::MAX_ROWS))]
    pub limit: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self { offset: 0, limit: 1000 }
    }
}

impl Page {
    /// The biggest page.
    pub const MAX_ROWS: usize = 10_000;
    /// How many positions a filter may look at for one page, so that one that matches little does not keep the
    /// control thread for a million rows.
    pub const MAX_SCAN: u64 = 100_000;

    /// Fills the page from `rows`, which begin at position [`Self::offset`] and hold one item for each position:
    /// `None` where the filter does not match. A page may be shorter than its limit, empty even, and still have a
    /// next one.
    #[must_use]
    pub fn gather<T>(self, rows: impl Iterator<Item = Option<T>>) -> List<T> {
        let mut rows = rows.peekable();
        let mut page = Vec::new();
        let mut scanned = 0;
        while page.len() < self.limit
            && scanned < Self::MAX_SCAN
            && let Some(row) = rows.next()
        {
            scanned += 1;
            page.extend(row);
        }
        let next = rows.peek().is_some().then(|| self.offset + scanned);
        List { rows: page, next }
    }
}

/// Rows, and where the next ones begin. In JSON: `{"lookup": […], "next": 1000}`, without `next` at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The offset of the next page; `None`: this one is the last.
    pub next: Option<u64>,
}

impl<T> List<T> {
    /// A list on one page.
    #[must_use]
    pub fn whole(rows: Vec<T>) -> Self {
        Self { rows, next: None }
    }
}

const NEXT: &str = "next";

impl<T: Row + JsonSchema> JsonSchema for List<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}List", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let rows = generator.subschema_for::<Vec<T>>();
        json_schema!({
            "type": "object",
            "properties": {
                T::NAME: rows,
                NEXT: {
                    "description": "The offset of the next page; left out, this one is the last.",
                    "type": "integer",
                },
            },
            "required": [T::NAME],
        })
    }
}

impl<T: Row> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(T::NAME, &self.rows)?;
        if let Some(next) = self.next {
            map.serialize_entry(NEXT, &next)?;
        }
        map.end()
    }
}

impl<'de, T: Row> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T>(PhantomData<T>);

        impl<'de, T: Row> Visitor<'de> for ListVisitor<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an object with the list `{}`", T::NAME)
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<List<T>, M::Error> {
                let (mut rows, mut next) = (None, None);
                while let Some(key) = map.next_key::<String>()? {
                    if key == T::NAME {
                        rows = Some(map.next_value()?);
                    } else if key == NEXT {
                        next = map.next_value()?;
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(List { rows: rows.ok_or_else(|| de::Error::missing_field(T::NAME))?, next })
            }
        }

        deserializer.deserialize_map(ListVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn even(positions: std::ops::Range<u64>) -> impl Iterator<Item = Option<u64>> {
        positions.map(|position| (position % 2 == 0).then_some(position))
    }

    #[test]
    fn pages_join_without_gap_or_repetition() {
        let mut page = Page { offset: 0, limit: 3 };
        let mut seen = Vec::new();
        loop {
            let list = page.gather(even(page.offset..11));
            assert!(list.rows.len() <= 3);
            seen.extend(list.rows);
            match list.next {
                Some(next) => page.offset = next,
                None => break,
            }
        }
        assert_eq!(seen, [0, 2, 4, 6, 8, 10]);
    }

    #[test]
    fn a_filter_that_matches_nothing_stops_early_and_says_where() {
        let list = Page { offset: 7, limit: 10 }.gather((0..).map(|_: u64| None::<u64>));
        assert_eq!(list, List { rows: Vec::new(), next: Some(7 + Page::MAX_SCAN) });
    }

    #[test]
    fn a_list_names_its_rows_and_ends_without_next() {
        let list = List::<AlarmView>::whole(Vec::new());
        assert_eq!(serde_json::to_string(&list).expect("serializes"), r#"{"alarms":[]}"#);
        let page: List<AlarmView> =
            serde_json::from_str(r#"{"next":5,"later":{"a":1},"alarms":[]}"#).expect("reads");
        assert_eq!(page, List { rows: Vec::new(), next: Some(5) });
        let error = serde_json::from_str::<List<AlarmView>>(r#"{"ports":[]}"#).expect_err("no alarms");
        assert!(error.to_string().contains("missing field `alarms`"), "{error}");
    }
}
