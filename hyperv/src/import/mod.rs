//! From Hyper-V's objects to tenants.
//!
//! A routing domain becomes a tenant; an on-link customer route becomes a virtual subnet; a lookup record stays one.
//! What belongs to the gateway that is replaced, or to Hyper-V's own distributed router, is left out.

mod domains;
mod names;
mod provider;
mod records;
mod routes;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use nvgw_config::{CustomerRoute, LookupRecord, Subnet};
use nvgw_types::Vsid;

use crate::document::Document;
use crate::fields::Place;
use crate::items::Items;
use crate::problem::{Problem, Problems};

use domains::Domains;
use records::Records;

/// What the operator says beside the documents.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Names of tenants, by RoutingDomainID, with or without braces; the others' are made from the ID.
    pub tenant_names: Vec<(String, String)>,
    /// The gateway's own addresses in virtual subnets, where they are others than Hyper-V's convention says.
    pub gateways: Vec<(Vsid, IpAddr)>,
    /// The gateway's own provider address with its prefix length: which of the hosts' provider routes are the
    /// gateway's too depends on it.
    pub provider_address: Option<IpNet>,
}

/// What documents give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// One for each routing domain.
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) provider: Provider,
    remarks: Vec<Remark>,
}

impl Import {
    /// What was not taken, and why, in the order of the documents.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// Whether a VSID is one that RFC 7637 keeps back: the gateway must be told to allow them.
    #[must_use]
    pub fn has_reserved_vsids(&self) -> bool {
        self.tenants.iter().flat_map(|tenant| &tenant.subnets).any(|subnet| subnet.vsid.is_reserved())
    }
}

/// One tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tenant {
    pub(crate) name: String,
    /// In braces, upper case.
    pub(crate) routing_domain: String,
    pub(crate) subnets: Vec<Subnet>,
    pub(crate) records: Vec<LookupRecord>,
    pub(crate) routes: Vec<CustomerRoute>,
}

/// What documents say of the provider network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Provider {
    /// The gateway's own address, as the operator gave it.
    pub(crate) address: Option<IpNet>,
    /// The next hop of the hosts' default route, where the gateway shares their subnet.
    pub(crate) gateway: Option<IpAddr>,
    pub(crate) routes: Vec<ProviderRoute>,
    /// The subnets that compute hosts are in.
    pub(crate) host_subnets: Vec<IpNet>,
}

impl Provider {
    /// The routes, and the default route where there is one.
    pub(crate) fn all_routes(&self) -> impl Iterator<Item = ProviderRoute> {
        let default = self.gateway.map(|next_hop| {
            let everywhere = match next_hop {
                IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
            };
            ProviderRoute { prefix: IpNet::new_assert(everywhere, 0), next_hop, metric: 0 }
        });
        default.into_iter().chain(self.routes.iter().copied())
    }
}

/// A provider route that the gateway shares with hosts of its own subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProviderRoute {
    pub(crate) prefix: IpNet,
    pub(crate) next_hop: IpAddr,
    pub(crate) metric: u32,
}

/// An object that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Whether something is lost with it: nvgw does not take it yet. Else it has no meaning for this gateway.
    pub skipped: bool,
    /// Where it stands, why it was not taken, and what to do.
    pub about: Problem,
}

impl Remark {
    fn skipped(place: &Place<'_>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { skipped: true, about: place.problem(message, hint) }
    }

    fn left_out(place: &Place<'_>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { skipped: false, about: place.problem(message, hint) }
    }
}

impl fmt::Display for Remark {
    /// One line: `FILE:LINE:COLUMN: PATH: skipped: message; hint`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { origin, line, column, path, message, hint } = &self.about;
        let word = if self.skipped { "skipped" } else { "left out" };
        write!(f, "{origin}:{line}:{column}: {path}: {word}: {message}; {hint}")
    }
}

/// Why documents give nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The documents have mistakes.
    #[error(transparent)]
    Documents(#[from] Problems),
    /// An option does not fit the documents.
    #[error("{option}: {message}")]
    Option {
        /// The option as written.
        option: String,
        /// What is wrong, and what to write instead.
        message: String,
    },
}

/// What is found while documents are read.
#[derive(Default)]
struct Findings {
    problems: Vec<Problem>,
    remarks: Vec<Remark>,
}

/// Makes tenants of documents; several are read as one.
///
/// # Errors
/// Every mistake of the documents, each with its place, and options that fit nothing in them.
pub fn import(documents: &[Document], options: &Options) -> Result<Import, ImportError> {
    let mut findings = Findings::default();
    let mut items = Items::default();
    for document in documents {
        items.read(document, &mut findings.problems);
    }
    let records = Records::sort(&items.lookups, &mut findings);
    let mut domains = Domains::find(&items, &records, &mut findings);
    let named = domains.name_gateways(&options.gateways);
    let mut tenants = match named.and_then(|()| names::tenants(&domains, &options.tenant_names)) {
        Ok(tenants) => tenants,
        Err(option) => {
            // An option may fit nothing because what it names could not be read.
            Problems::check(findings.problems)?;
            return Err(option);
        }
    };
    records.take(&domains, &mut tenants, &mut findings);
    routes::take(&items.routes, &domains, &records, &mut tenants, &mut findings);
    let provider = provider::take(&items, options, &mut findings);
    if let Some(document) = documents.first()
        && tenants.is_empty()
        && findings.problems.is_empty()
    {
        let hint = "export what Get-NetVirtualizationCustomerRoute prints as well";
        let message =
            "no routing domain: the documents hold no on-link customer route (next hop 0.0.0.0 or ::)";
        findings.problems.push(document.problem(0, "", message, hint));
    }
    Problems::check(findings.problems)?;
    let mut remarks = findings.remarks;
    let origin =
        |remark: &Remark| documents.iter().position(|document| document.origin() == remark.about.origin);
    remarks.sort_by_key(|remark| (origin(remark), remark.about.line, remark.about.column));
    Ok(Import { tenants, provider, remarks })
}
