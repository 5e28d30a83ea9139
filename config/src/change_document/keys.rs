//! The keys of each kind of change. What a kind has in common with an object of the file is that object.

use crate::decode::object;
use crate::document::{
    Address, GATEWAY_MAC, Guid, Int, Ipv6Address, Ipv6Prefix, Learn, Mac, Name, OneOf, Prefix,
    SenderCheckMode, VsidNumber,
};
use crate::reader::List;

use super::kinds::AnyChange;

object! {
    /// Changes to a running gateway, made together or not at all, in their order.
    Changes {
        /// The generation that the changes were thought of for: the gateway refuses them at another one.
        "if-generation" => if_generation: Int<u64, 0, { u64::MAX }>, optional;
        /// The changes, each of them valid after those before it.
        "changes" => changes: List<AnyChange>, required;
    }

    /// A tenant without what is in it.
    AddTenant {
        /// Its name, unique among tenants.
        "name" => name: Name, required;
        /// Hyper-V's RoutingDomainID, a GUID.
        "routing-domain" => routing_domain: Guid, optional;
        /// The gateway's own Ethernet address in the tenant's subnets.
        "gateway-mac" => gateway_mac: Mac, default(GATEWAY_MAC);
        /// What happens to a packet whose sender no lookup record vouches for: dropped, counted and
        /// forwarded, or learned from.
        "sender-check" => sender_check: OneOf<SenderCheckMode>, default("strict");
        /// How much may be learned; only with sender-check: learn.
        "learn" => learn: Learn, optional_section;
        /// Whether router solicitations in the tenant's IPv6 subnets are answered; nothing is advertised unasked.
        "router-advertisements" => router_advertisements: OneOf<bool>, default("on");
        /// The external network that the tenant's default route leads to; left out, the tenant's own hand-off
        /// network, else the first external network without a tenant.
        "external" => external: Name, optional;
        /// Prefixes routed from the external network to the tenant, untranslated.
        "public-prefixes" => public_prefixes: List<Prefix>, list;
    }

    /// Another way out for a tenant.
    MoveTenant {
        /// The tenant.
        "name" => name: Name, required;
        /// The external network that its default route is to lead to.
        "external" => external: Name, required;
    }

    /// A tenant.
    RemoveTenant {
        /// The tenant.
        "name" => name: Name, required;
    }

    /// A virtual subnet of a tenant.
    AddSubnet {
        /// The tenant.
        "tenant" => tenant: Name, required;
        /// Its VSID, unique in the gateway.
        "vsid" => vsid: VsidNumber, required;
        /// Its prefix, IPv4 or IPv6, which no other subnet of the tenant overlaps.
        "prefix" => prefix: Prefix, required;
        /// The gateway's own address in it.
        "gateway" => gateway: Address, required;
        /// Its IPv6 prefix beside an IPv4 one.
        "prefix-ipv6" => prefix_ipv6: Ipv6Prefix, optional;
        /// The gateway's own address in the IPv6 prefix.
        "gateway-ipv6" => gateway_ipv6: Ipv6Address, optional;
    }

    /// A virtual subnet.
    RemoveSubnet {
        /// Its VSID.
        "vsid" => vsid: VsidNumber, required;
    }

    /// Another host for a customer address.
    MoveLookup {
        /// The VSID of its virtual subnet.
        "vsid" => vsid: VsidNumber, required;
        /// The customer address.
        "address" => address: Address, required;
        /// The provider address of the host that it runs on from now on.
        "provider-address" => provider_address: Address, required;
    }

    /// A customer address.
    RemoveLookup {
        /// The VSID of its virtual subnet.
        "vsid" => vsid: VsidNumber, required;
        /// The customer address.
        "address" => address: Address, required;
    }

    /// A customer route.
    CustomerRoute {
        /// The tenant.
        "tenant" => tenant: Name, required;
        /// Destination.
        "prefix" => prefix: Prefix, required;
        /// The VM that the route leads to.
        "next-hop" => next_hop: Address, required;
    }

    /// The destination of a customer route.
    RemoveCustomerRoute {
        /// The tenant.
        "tenant" => tenant: Name, required;
        /// Destination.
        "prefix" => prefix: Prefix, required;
    }

    /// A provider address of the gateway's own.
    AddProviderAddress {
        /// The site.
        "site" => site: Name, required;
        /// The address; left out, the first free one of the site's pool.
        "address" => address: Address, optional;
    }

    /// A provider address of the gateway's own.
    RemoveProviderAddress {
        /// The address.
        "address" => address: Address, required;
    }

    /// Another next hop for a provider route.
    MoveProviderRoute {
        /// Destination.
        "prefix" => prefix: Prefix, required;
        /// The next hop until now.
        "next-hop" => next_hop: Address, required;
        /// The next hop from now on, in a site's subnet.
        "to" => to: Address, required;
    }

    /// A provider route.
    RemoveProviderRoute {
        /// Destination.
        "prefix" => prefix: Prefix, required;
        /// The next hop.
        "next-hop" => next_hop: Address, required;
    }

    /// A static neighbour.
    RemoveNeighbor {
        /// The name of the site or external network that it is on.
        "network" => network: Name, required;
        /// Its address.
        "address" => address: Address, required;
    }
}
