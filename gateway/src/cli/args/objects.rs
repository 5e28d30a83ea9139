//! The commands that change objects one by one. Each names its values as the document of changes does, so that the
//! words of one hold for the other; what values are right, the document's reader says.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Listing, SocketOption};
use crate::api::{
    CustomerRouteFilter, LookupFilter, NeighborFilter, ProviderAddressFilter, ProviderRouteFilter,
    SubnetFilter, TenantFilter,
};

/// A change that is written on the command line.
pub(in crate::cli) trait Written: Args + Serialize {
    /// The change in the document: `add-lookup`.
    const KIND: &'static str;
}

/// A change and how it is made.
#[derive(Debug, Args)]
pub struct Write<C: Args> {
    /// The change.
    #[command(flatten)]
    pub change: C,
    /// How it is made.
    #[command(flatten)]
    pub how: HowToChange,
    /// Only say what would change
    #[arg(long)]
    pub dry_run: bool,
}

/// How changes are made.
#[derive(Debug, Args)]
pub struct HowToChange {
    /// Only if the gateway is at this generation; another one leaves it as it is
    #[arg(long, value_name = "NUMBER")]
    pub if_generation: Option<u64>,
    /// Write JSON, for programs
    #[arg(long)]
    pub json: bool,
    /// Where the gateway is.
    #[command(flatten)]
    pub at: SocketOption,
}

/// Declares the values of a change; those that are left out are left out of the document.
macro_rules! changes {
    ($($(#[$doc:meta])* $name:ident = $kind:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty,)+ })+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Args, Serialize)]
            #[serde(rename_all = "kebab-case")]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $type,)+
            }

            impl Written for $name {
                const KIND: &'static str = $kind;
            }
        )+
    };
}

/// How much is learned from senders at most.
#[derive(Debug, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LearnLimits {
    /// With --sender-check learn: how many addresses of one MAC are learned; left out, 8
    #[arg(long = "learn-addresses-per-mac", value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addresses_per_mac: Option<u64>,
    /// With --sender-check learn: how many records of one subnet are learned; left out, 256
    #[arg(long = "learn-records-per-subnet", value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records_per_subnet: Option<u64>,
}

changes! {
    /// `nvgw tenant add`.
    AddTenant = "add-tenant" {
        /// Its name
        name: String,
        /// The gateway's own Ethernet address in its subnets; left out, 02:00:5e:00:01:01
        #[arg(long, value_name = "MAC")]
        #[serde(skip_serializing_if = "Option::is_none")]
        gateway_mac: Option<String>,
        /// What happens to packets of unknown senders: strict, log-only or learn; left out, strict
        #[arg(long, value_name = "CHECK")]
        #[serde(skip_serializing_if = "Option::is_none")]
        sender_check: Option<String>,
        /// The external network of its default route; left out, its own, else the first shared one
        #[arg(long, value_name = "NETWORK")]
        #[serde(skip_serializing_if = "Option::is_none")]
        external: Option<String>,
        /// Hyper-V's RoutingDomainID
        #[arg(long, value_name = "GUID")]
        #[serde(skip_serializing_if = "Option::is_none")]
        routing_domain: Option<String>,
        /// Whether router solicitations in its IPv6 subnets are answered: on or off; left out, on
        #[arg(long, value_name = "ON-OFF")]
        #[serde(skip_serializing_if = "Option::is_none")]
        router_advertisements: Option<String>,
        /// A prefix routed into it untranslated; may be given several times
        #[arg(long = "public-prefix", value_name = "PREFIX")]
        #[serde(skip_serializing_if = "Vec::is_empty")]
        public_prefixes: Vec<String>,
        /// How it learns.
        #[command(flatten)]
        #[serde(skip_serializing_if = "Option::is_none")]
        learn: Option<LearnLimits>,
    }
    /// `nvgw tenant move`.
    MoveTenant = "move-tenant" {
        /// The tenant
        name: String,
        /// The external network that its default route leads to from now on
        #[arg(long, value_name = "NETWORK")]
        external: String,
    }
    /// `nvgw tenant remove`.
    RemoveTenant = "remove-tenant" {
        /// The tenant
        name: String,
    }
    /// `nvgw subnet add`.
    AddSubnet = "add-subnet" {
        /// Its tenant
        #[arg(long)]
        tenant: String,
        /// Its VSID
        #[arg(long)]
        vsid: u64,
        /// Its prefix, IPv4 or IPv6
        #[arg(long)]
        prefix: String,
        /// The gateway's own address there
        #[arg(long, value_name = "CA")]
        gateway: String,
        /// Its IPv6 prefix beside an IPv4 one
        #[arg(long, value_name = "PREFIX")]
        #[serde(skip_serializing_if = "Option::is_none")]
        prefix_ipv6: Option<String>,
        /// The gateway's own address in the IPv6 prefix
        #[arg(long, value_name = "CA")]
        #[serde(skip_serializing_if = "Option::is_none")]
        gateway_ipv6: Option<String>,
    }
    /// `nvgw subnet remove`.
    RemoveSubnet = "remove-subnet" {
        /// Its VSID
        #[arg(long)]
        vsid: u64,
    }
    /// `nvgw lookup add`.
    AddLookup = "add-lookup" {
        /// The VSID of its virtual subnet
        #[arg(long)]
        vsid: u64,
        /// The customer address
        #[arg(long = "ca", value_name = "CA")]
        address: String,
        /// The VM's Ethernet address
        #[arg(long)]
        mac: String,
        /// The provider address of the host that the VM runs on
        #[arg(long = "pa", value_name = "PA")]
        provider_address: String,
        /// A name for people
        #[arg(long)]
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The FlowID of packets to it: hash or zero; left out, what its host gets
        #[arg(long, value_name = "MODE")]
        #[serde(skip_serializing_if = "Option::is_none")]
        flow_id: Option<String>,
    }
    /// `nvgw lookup move`.
    MoveLookup = "move-lookup" {
        /// The VSID of its virtual subnet
        #[arg(long)]
        vsid: u64,
        /// The customer address
        #[arg(long = "ca", value_name = "CA")]
        address: String,
        /// The provider address of the VM's new host
        #[arg(long = "pa", value_name = "PA")]
        provider_address: String,
    }
    /// `nvgw lookup remove`.
    RemoveLookup = "remove-lookup" {
        /// The VSID of its virtual subnet
        #[arg(long)]
        vsid: u64,
        /// The customer address
        #[arg(long = "ca", value_name = "CA")]
        address: String,
    }
    /// `nvgw customer-route add`.
    AddCustomerRoute = "add-customer-route" {
        /// Its tenant
        #[arg(long)]
        tenant: String,
        /// The destination
        prefix: String,
        /// The customer address of the VM that it leads to
        #[arg(long = "via", value_name = "CA")]
        next_hop: String,
    }
    /// `nvgw customer-route move`.
    MoveCustomerRoute = "move-customer-route" {
        /// Its tenant
        #[arg(long)]
        tenant: String,
        /// The destination
        prefix: String,
        /// The customer address of the VM that it leads to from now on
        #[arg(long = "via", value_name = "CA")]
        next_hop: String,
    }
    /// `nvgw customer-route remove`.
    RemoveCustomerRoute = "remove-customer-route" {
        /// Its tenant
        #[arg(long)]
        tenant: String,
        /// The destination
        prefix: String,
    }
    /// `nvgw provider-address add`.
    AddProviderAddress = "add-provider-address" {
        /// The site
        #[arg(long)]
        site: String,
        /// The address; left out, the first free one of the site's pool
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<String>,
    }
    /// `nvgw provider-address remove`.
    RemoveProviderAddress = "remove-provider-address" {
        /// The address
        address: String,
    }
    /// `nvgw provider-route add`.
    AddProviderRoute = "add-provider-route" {
        /// The destination
        prefix: String,
        /// The next hop, inside a site's subnet
        #[arg(long = "via", value_name = "NEXT-HOP")]
        next_hop: String,
        /// The lower wins among equal prefixes
        #[arg(long)]
        #[serde(skip_serializing_if = "Option::is_none")]
        metric: Option<u32>,
        /// The biggest IP packet of the whole path, in bytes; left out, the site's
        #[arg(long, value_name = "BYTES")]
        #[serde(skip_serializing_if = "Option::is_none")]
        mtu: Option<u32>,
    }
    /// `nvgw provider-route move`.
    MoveProviderRoute = "move-provider-route" {
        /// The destination
        prefix: String,
        /// The next hop until now
        #[arg(long = "via", value_name = "NEXT-HOP")]
        next_hop: String,
        /// The next hop from now on
        #[arg(long, value_name = "NEXT-HOP")]
        to: String,
    }
    /// `nvgw provider-route remove`.
    RemoveProviderRoute = "remove-provider-route" {
        /// The destination
        prefix: String,
        /// The next hop
        #[arg(long = "via", value_name = "NEXT-HOP")]
        next_hop: String,
    }
    /// `nvgw neighbor add`.
    AddNeighbor = "add-neighbor" {
        /// The site or external network
        #[arg(long)]
        network: String,
        /// Its address
        address: String,
        /// Its Ethernet address
        #[arg(long)]
        mac: String,
    }
    /// `nvgw neighbor move`.
    MoveNeighbor = "move-neighbor" {
        /// The site or external network
        #[arg(long)]
        network: String,
        /// Its address
        address: String,
        /// Its Ethernet address from now on
        #[arg(long)]
        mac: String,
    }
    /// `nvgw neighbor remove`.
    RemoveNeighbor = "remove-neighbor" {
        /// The site or external network
        #[arg(long)]
        network: String,
        /// Its address
        address: String,
    }
}

/// `nvgw tenant …`
#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Make a tenant
    Add(Write<AddTenant>),
    /// Lead a tenant's default route to another external network
    Move(Write<MoveTenant>),
    /// Remove a tenant that has no subnets any more
    Remove(Write<RemoveTenant>),
    /// List the tenants
    List(Listing<TenantFilter>),
}

/// `nvgw subnet …`
#[derive(Debug, Subcommand)]
pub enum SubnetCommand {
    /// Make a virtual subnet
    Add(Write<AddSubnet>),
    /// Remove a virtual subnet that has no lookup records any more
    Remove(Write<RemoveSubnet>),
    /// List the virtual subnets
    List(Listing<SubnetFilter>),
}

/// `nvgw lookup …`
#[derive(Debug, Subcommand)]
pub enum LookupCommand {
    /// Make a lookup record
    Add(Write<AddLookup>),
    /// Say where a VM lives from now on: live migration
    Move(Write<MoveLookup>),
    /// Remove a lookup record
    Remove(Write<RemoveLookup>),
    /// List the lookup records
    List(Listing<LookupFilter>),
}

/// `nvgw customer-route …`
#[derive(Debug, Subcommand)]
pub enum CustomerRouteCommand {
    /// Lead a prefix of a tenant to a VM
    Add(Write<AddCustomerRoute>),
    /// Lead a prefix of a tenant to another VM
    Move(Write<MoveCustomerRoute>),
    /// Remove a customer route
    Remove(Write<RemoveCustomerRoute>),
    /// List the customer routes
    List(Listing<CustomerRouteFilter>),
}

/// `nvgw provider-address …`
#[derive(Debug, Subcommand)]
pub enum ProviderAddressCommand {
    /// Give the gateway a provider address
    Add(Write<AddProviderAddress>),
    /// Take a provider address from the gateway
    Remove(Write<RemoveProviderAddress>),
    /// List the gateway's own provider addresses, and whether they are in use
    List(Listing<ProviderAddressFilter>),
}

/// `nvgw provider-route …`
#[derive(Debug, Subcommand)]
pub enum ProviderRouteCommand {
    /// Make a route of the provider network
    Add(Write<AddProviderRoute>),
    /// Lead a provider route to another next hop
    Move(Write<MoveProviderRoute>),
    /// Remove a provider route
    Remove(Write<RemoveProviderRoute>),
    /// List the provider routes
    List(Listing<ProviderRouteFilter>),
}

/// `nvgw neighbor …`
#[derive(Debug, Subcommand)]
pub enum NeighborCommand {
    /// Name a neighbour's Ethernet address, so that it need not be asked for
    Add(Write<AddNeighbor>),
    /// Give a static neighbour another Ethernet address
    Move(Write<MoveNeighbor>),
    /// Remove a static neighbour
    Remove(Write<RemoveNeighbor>),
    /// List the neighbours
    List(Listing<NeighborFilter>),
}
