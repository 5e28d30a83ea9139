//! Hyper-V's objects, as the documents hold them.

use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_types::{MacAddr, Vsid};

use crate::document::{Content, Document, Value};
use crate::fields::{Fields, Located, Place, Wanted};
use crate::problem::Problem;

/// Which address mapping a lookup record is (`-Type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordType {
    Static,
    Dynamic,
    GatewayWildcard,
    L2Only,
}

impl RecordType {
    /// With each name the number of the provider, then the one that the WMI reference prints.
    const CHOICES: [(Self, &str, &[&str]); 4] = [
        (Self::Static, "Static", &["0", "35"]),
        (Self::Dynamic, "Dynamic", &["1", "36"]),
        (Self::GatewayWildcard, "GatewayWildcard", &["2", "37"]),
        (Self::L2Only, "L2Only", &["3", "41"]),
    ];
}

/// How packets of a lookup record travel (`-Rule`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Nat,
    Encap,
    None,
}

impl Rule {
    const CHOICES: [(Self, &str, &[&str]); 3] = [
        (Self::Nat, "TranslationMethodNat", &["0", "35"]),
        (Self::Encap, "TranslationMethodEncap", &["1", "36"]),
        (Self::None, "TranslationMethodNone", &["2", "37"]),
    ];
}

/// `MSFT_NetVirtualizationLookupRecordSettingData`.
#[derive(Debug)]
pub(crate) struct Lookup<'a> {
    pub(crate) place: Place<'a>,
    pub(crate) vsid: Located<'a, Vsid>,
    pub(crate) address: Located<'a, IpAddr>,
    pub(crate) mac: Located<'a, MacAddr>,
    pub(crate) provider_address: Located<'a, IpAddr>,
    pub(crate) record_type: RecordType,
    pub(crate) rule: Rule,
    pub(crate) unusable: bool,
    pub(crate) name: Option<String>,
}

/// `MSFT_NetVirtualizationCustomerRouteSettingData`.
#[derive(Debug)]
pub(crate) struct Route<'a> {
    pub(crate) place: Place<'a>,
    /// In braces, upper case.
    pub(crate) domain: Located<'a, String>,
    pub(crate) vsid: Located<'a, Vsid>,
    pub(crate) prefix: Located<'a, IpNet>,
    pub(crate) next_hop: Located<'a, IpAddr>,
    pub(crate) metric: u32,
}

/// `MSFT_NetVirtualizationProviderRouteSettingData`.
#[derive(Debug)]
pub(crate) struct ProviderRoute<'a> {
    pub(crate) place: Place<'a>,
    pub(crate) prefix: IpNet,
    pub(crate) next_hop: Located<'a, IpAddr>,
    pub(crate) metric: u32,
}

/// Everything that the documents hold.
#[derive(Debug, Default)]
pub(crate) struct Items<'a> {
    pub(crate) lookups: Vec<Lookup<'a>>,
    pub(crate) routes: Vec<Route<'a>>,
    /// Of `MSFT_NetVirtualizationProviderAddressSettingData`.
    pub(crate) host_subnets: Vec<IpNet>,
    pub(crate) provider_routes: Vec<ProviderRoute<'a>>,
    /// Customer routes that could not be read: what they would have told is not known to be missing.
    pub(crate) unread_routes: usize,
}

const NAME: Wanted = Wanted { what: "text", write: "a name in quotes" };
const GUID: Wanted = Wanted { what: "GUID", write: "a GUID, as in {6C1A3A52-3D2B-4C0E-9A65-0D7A5F0C9E01}" };
const VSID: Wanted = Wanted { what: "VSID", write: "a number from 4096 to 16777214" };
const METRIC: Wanted = Wanted { what: "metric", write: "a number from 0 to 4294967295" };
const LENGTH: Wanted = Wanted { what: "prefix length", write: "a number of bits, as in 24" };

const EXPECTED: &str = "write what Get-NetVirtualizationLookupRecord, …CustomerRoute, …ProviderAddress and \
    …ProviderRoute print through ConvertTo-Json -Depth 4";

impl<'a> Items<'a> {
    /// Reads what a document holds; what it cannot take goes into `problems`.
    pub(crate) fn read(&mut self, document: &'a Document, problems: &mut Vec<Problem>) {
        self.value(document, "", document.root(), Within::Document, problems);
    }

    fn value(
        &mut self,
        document: &'a Document,
        path: &str,
        value: Value<'a>,
        within: Within,
        problems: &mut Vec<Problem>,
    ) {
        let properties = match value.content() {
            Some(Content::Null) if within != Within::List => return,
            Some(Content::List(items)) if within != Within::List => {
                for (i, item) in items.into_iter().enumerate() {
                    self.value(document, &format!("{path}[{i}]"), item, Within::List, problems);
                }
                return;
            }
            Some(Content::Object(properties)) => properties,
            Some(Content::Text(text)) if text.contains("MSFT_NetVirtualization") => {
                let message = "an object that ConvertTo-Json cut off";
                problems.push(document.problem(
                    value.offset,
                    path,
                    message,
                    "export with ConvertTo-Json -Depth 4",
                ));
                return;
            }
            _ => {
                problems.push(document.problem(value.offset, path, "no object of Hyper-V", EXPECTED));
                return;
            }
        };
        let sections = properties.clone();
        let fields = Fields::new(document, path, value, properties);
        if self.item(&fields, problems) {
            return;
        }
        // Windows PowerShell wraps some arrays: {"value": […], "Count": 2}.
        let wrapper = fields.has("Count") && fields.has("value") && sections.len() == 2;
        if within == Within::List || (within == Within::Section && !wrapper) {
            problems.push(fields.place().problem("no object of Hyper-V that is known here", EXPECTED));
            return;
        }
        for section in sections {
            if wrapper && section.name.eq_ignore_ascii_case("Count") {
                continue;
            }
            let step =
                if path.is_empty() { section.name.clone() } else { format!("{path}.{}", section.name) };
            let within = if wrapper { Within::Wrapper } else { Within::Section };
            self.value(document, &step, section.value, within, problems);
        }
    }

    /// Takes an object; `false`: it is none that is known.
    fn item(&mut self, fields: &Fields<'a>, problems: &mut Vec<Problem>) -> bool {
        if fields.has("CustomerAddress") {
            fields.check_once(
                &["CustomerAddress", "VirtualSubnetID", "MACAddress", "ProviderAddress"],
                problems,
            );
            self.lookups.extend(lookup(fields, problems));
        } else if fields.has("RoutingDomainID") {
            fields.check_once(
                &["RoutingDomainID", "VirtualSubnetID", "DestinationPrefix", "NextHop"],
                problems,
            );
            match route(fields, problems) {
                Some(route) => self.routes.push(route),
                None => self.unread_routes += 1,
            }
        } else if fields.has("ProviderAddress") && fields.has("PrefixLength") {
            fields.check_once(&["ProviderAddress", "PrefixLength"], problems);
            self.host_subnets.extend(host_subnet(fields, problems));
        } else if fields.has("DestinationPrefix") && !fields.has("VirtualSubnetID") {
            fields.check_once(&["DestinationPrefix", "NextHop"], problems);
            self.provider_routes.extend(provider_route(fields, problems));
        } else {
            return false;
        }
        true
    }
}

/// What a value is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Document,
    Section,
    Wrapper,
    List,
}

fn lookup<'a>(fields: &Fields<'a>, problems: &mut Vec<Problem>) -> Option<Lookup<'a>> {
    let vsid = vsid(fields, problems);
    let address = fields.address("CustomerAddress", problems);
    let mac = fields.mac("MACAddress", problems);
    let provider_address = fields.address("ProviderAddress", problems);
    let record_type = fields.choice("Type", &RecordType::CHOICES, problems);
    let rule = fields.choice("Rule", &Rule::CHOICES, problems);
    let unusable = fields.flag("Unusable", problems);
    let name = fields.text("VMName", NAME, problems).map(|name| name.value);
    Some(Lookup {
        place: fields.place(),
        vsid: vsid?,
        address: address?,
        mac: mac?,
        provider_address: provider_address?,
        // Windows Server 2012 knows no types.
        record_type: record_type.unwrap_or(RecordType::Static),
        rule: rule.unwrap_or(Rule::Encap),
        unusable,
        name,
    })
}

fn route<'a>(fields: &Fields<'a>, problems: &mut Vec<Problem>) -> Option<Route<'a>> {
    let domain = fields.parsed("RoutingDomainID", GUID, problems, guid);
    let vsid = vsid(fields, problems);
    let prefix = fields.prefix("DestinationPrefix", problems);
    let next_hop = fields.address("NextHop", problems);
    let metric = metric(fields, problems);
    Some(Route {
        place: fields.place(),
        domain: domain?,
        vsid: vsid?,
        prefix: prefix?,
        next_hop: next_hop?,
        metric,
    })
}

fn host_subnet(fields: &Fields<'_>, problems: &mut Vec<Problem>) -> Option<IpNet> {
    let address = fields.address("ProviderAddress", problems);
    let length: Option<Located<'_, u8>> = fields.number("PrefixLength", LENGTH, problems);
    let (address, length) = (address?, length?);
    match IpNet::new(address.value, length.value) {
        Ok(net) => Some(net.trunc()),
        Err(_) => {
            let message = format!("{} has not {} bits", address.value, length.value);
            problems.push(length.place.problem(message, "write a number of bits, as in 24"));
            None
        }
    }
}

fn provider_route<'a>(fields: &Fields<'a>, problems: &mut Vec<Problem>) -> Option<ProviderRoute<'a>> {
    let prefix = fields.prefix("DestinationPrefix", problems);
    let next_hop = fields.address("NextHop", problems);
    let metric = metric(fields, problems);
    Some(ProviderRoute { place: fields.place(), prefix: prefix?.value, next_hop: next_hop?, metric })
}

fn vsid<'a>(fields: &Fields<'a>, problems: &mut Vec<Problem>) -> Option<Located<'a, Vsid>> {
    // 0 is "not virtualized", 0xFFFFFF the vendor's.
    let read = |text: &str| {
        let vsid = Vsid::new(text.parse().ok()?).ok()?;
        (vsid.get() != 0 && vsid != Vsid::VENDOR).then_some(vsid)
    };
    fields.parsed("VirtualSubnetID", VSID, problems, read)
}

fn metric(fields: &Fields<'_>, problems: &mut Vec<Problem>) -> u32 {
    let metric = fields.number("Metric", METRIC, problems);
    metric.map_or(0, |metric| metric.value)
}

/// A GUID with braces, in upper case.
pub(crate) fn guid(text: &str) -> Option<String> {
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    let groups: Vec<&str> = inner.split('-').collect();
    let right = groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()));
    right.then(|| format!("{{{}}}", inner.to_ascii_uppercase()))
}
