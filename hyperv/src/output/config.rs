//! A configuration, for `nvgw run`.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use nvgw_config::rules::check_station;
use nvgw_types::VlanId;

use crate::import::{Import, ProviderRoute, Tenant};
use crate::quote::{address, yaml};

use super::{customer_route, lookup, provider_route, virtual_subnet};

/// What Hyper-V does not know of the gateway.
#[derive(Debug, Clone, Default)]
pub struct Underlay {
    /// The DPDK device on the provider network.
    pub provider_device: Option<String>,
    /// The VLAN of the gateway's provider site; `None`: untagged.
    pub provider_vlan: Option<VlanId>,
    /// The default gateway of the site, where the hosts' routes do not tell it.
    pub provider_gateway: Option<IpAddr>,
    /// The network toward the internet; without one tenants have no way out.
    pub external: Option<External>,
}

/// The network toward the internet.
#[derive(Debug, Clone)]
pub struct External {
    /// The DPDK device; it may be the provider network's.
    pub device: String,
    /// The gateway's address there, with its prefix length.
    pub address: IpNet,
    /// The VLAN; `None`: untagged.
    pub vlan: Option<VlanId>,
    /// The default gateway.
    pub gateway: Option<IpAddr>,
}

/// A configuration that is not complete before everything in `edits` is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// The YAML document. What stands in for something unknown is marked with `EDIT`.
    pub text: String,
    /// What the operator must still say, one line each, with the option that says it.
    pub edits: Vec<String>,
}

/// One stands in for the site's subnet: RFC 5737 and RFC 3849 keep them out of every network. Which one depends on what
/// the documents use, for documents may be examples.
const NO_SUBNETS: [IpNet; 6] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(192, 0, 2, 0), 24)),
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(198, 51, 100, 0), 24)),
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(203, 0, 113, 0), 24)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 64)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 0), 64)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 0), 64)),
];

/// Stands in for a device: starts everywhere, and carries nothing.
const NO_DEVICE: &str = "net_null0";

impl Import {
    /// A configuration of everything, on the network that `underlay` describes.
    #[must_use]
    pub fn to_config(&self, underlay: &Underlay) -> Configuration {
        let mut writer = Writer { import: self, underlay, text: String::new(), edits: Vec::new() };
        // Writing to a String cannot fail.
        let _ = writer.write();
        Configuration { text: writer.text, edits: writer.edits }
    }
}

struct Writer<'a> {
    import: &'a Import,
    underlay: &'a Underlay,
    text: String,
    edits: Vec<String>,
}

impl Writer<'_> {
    fn write(&mut self) -> fmt::Result {
        self.text.push_str("# From Hyper-V. nvgw check says whether it is right.\n\n");
        self.system()?;
        self.ports()?;
        self.provider()?;
        self.external()?;
        self.tenants()
    }

    /// The tables must hold what is imported; with room to grow where the defaults do not.
    fn system(&mut self) -> fmt::Result {
        let tenants = || self.import.tenants.iter();
        let vsids: usize = tenants().map(|tenant| tenant.subnets.len()).sum();
        let records: usize = tenants().map(|tenant| tenant.records.len()).sum();
        if vsids <= 65_536 && records <= 1_000_000 {
            return Ok(());
        }
        let vsids = vsids.saturating_mul(2).max(65_536);
        let records = records.saturating_mul(2).max(1_000_000);
        writeln!(self.text, "system:\n  limits: {{ vsids: {vsids}, records: {records} }}\n")
    }

    fn ports(&mut self) -> fmt::Result {
        self.text.push_str("ports:\n  - name: provider0\n");
        match &self.underlay.provider_device {
            Some(device) => writeln!(self.text, "    device: {}", yaml(device))?,
            None => {
                self.edits.push(
                    "ports[0].device: the network card of the provider network (--provider-device)"
                        .to_owned(),
                );
                writeln!(
                    self.text,
                    "    device: {NO_DEVICE}  # EDIT: the PCI address of the provider network's card"
                )?;
            }
        }
        self.text
            .push_str("    # mtu: 1600            # where the provider network takes more than 1500 bytes\n");
        if let Some(external) = self.external_device() {
            writeln!(self.text, "  - name: external0\n    device: {}", yaml(external))?;
        }
        self.text.push('\n');
        Ok(())
    }

    /// The device of the external network where it is none of the provider network's.
    fn external_device(&self) -> Option<&str> {
        let device = &self.underlay.external.as_ref()?.device;
        (self.underlay.provider_device.as_ref() != Some(device)).then_some(device)
    }

    fn provider(&mut self) -> fmt::Result {
        self.text.push_str("provider:\n  sites:\n    - name: gateway-site\n      port: provider0\n");
        if let Some(vlan) = self.underlay.provider_vlan {
            writeln!(self.text, "      vlan: {vlan}")?;
        }
        match self.import.provider.address {
            Some(address) => self.site(address)?,
            None => self.no_site()?,
        }
        self.provider_routes()?;
        if self.import.has_reserved_vsids() {
            self.text
                .push_str("  encapsulation:\n    allow-reserved-vsids: true  # there are VSIDs below 4096\n");
        }
        self.text.push('\n');
        Ok(())
    }

    fn site(&mut self, own: IpNet) -> fmt::Result {
        let subnet = address(own.trunc());
        writeln!(self.text, "      subnet: {subnet}\n      addresses: [{}]", address(own.addr()))?;
        let gateway = self.underlay.provider_gateway.or(self.import.provider.gateway);
        if let Some(gateway) = gateway {
            return writeln!(self.text, "      gateway: {}", address(gateway));
        }
        let Some(stranded) = self.stranded(own) else {
            return Ok(());
        };
        self.edits.push(format!(
            "provider.sites[0].gateway: the site's default gateway (--provider-gateway); \
             without it there is no way to {stranded}"
        ));
        writeln!(self.text, "      # gateway:            # EDIT: without it there is no way to {stranded}")
    }

    fn no_site(&mut self) -> fmt::Result {
        let hosts: Vec<String> = self.import.provider.host_subnets.iter().map(IpNet::to_string).collect();
        let hosts =
            if hosts.is_empty() { String::new() } else { format!("; hosts are in {}", hosts.join(", ")) };
        self.edits.push(format!(
            "provider.sites[0]: the gateway's own provider address and its subnet (--provider-address), and its \
             default gateway where hosts are in other subnets (--provider-gateway){hosts}"
        ));
        let used: Vec<IpAddr> = self.hosts().collect();
        let family = used.first().is_none_or(IpAddr::is_ipv4);
        let of_family = || NO_SUBNETS.iter().filter(move |net| net.addr().is_ipv4() == family);
        let free = |net: &&IpNet| !used.iter().any(|host| net.contains(host));
        let subnet = of_family().find(free).or_else(|| of_family().next()).copied().unwrap_or_default();
        let unused = |own: &IpAddr| !used.contains(own) && check_station(*own, subnet).is_ok();
        let own = subnet.hosts().find(unused).unwrap_or(subnet.addr());
        writeln!(self.text, "      subnet: {subnet}      # EDIT: the site's subnet{hosts}")?;
        writeln!(self.text, "      addresses: [{own}]  # EDIT: the gateway's own provider address")?;
        writeln!(self.text, "      # gateway:            # EDIT: where hosts are in other subnets")
    }

    fn provider_routes(&mut self) -> fmt::Result {
        let gateway = self.underlay.provider_gateway.is_some();
        let routes: Vec<_> = if gateway {
            let is_default = |route: &ProviderRoute| route.prefix.prefix_len() == 0;
            self.import.provider.routes.iter().filter(|route| !is_default(route)).collect()
        } else {
            self.import.provider.routes.iter().collect()
        };
        if !routes.is_empty() {
            self.text.push_str("  routes:\n");
        }
        for route in routes {
            writeln!(self.text, "    - {{ {} }}", provider_route(route))?;
        }
        Ok(())
    }

    /// The first host that no route leads to from the gateway's own address.
    fn stranded(&self, own: IpNet) -> Option<IpAddr> {
        let routes = &self.import.provider.routes;
        let reached =
            |host: &IpAddr| own.contains(host) || routes.iter().any(|route| route.prefix.contains(host));
        self.hosts().find(|host| !reached(host))
    }

    /// The provider addresses of all records.
    fn hosts(&self) -> impl Iterator<Item = IpAddr> {
        let records = self.import.tenants.iter().flat_map(|tenant| &tenant.records);
        records.map(|record| record.provider_address.0)
    }

    fn external(&mut self) -> fmt::Result {
        let Some(external) = &self.underlay.external else {
            self.edits.push(
                "external: tenants have no way out without a network toward the internet \
                       (--external-device, --external-address)"
                    .to_owned(),
            );
            self.text.push_str("# EDIT: without an external network tenants have no way out:\n");
            self.text.push_str("# external:\n#   - { name: internet, port: , addresses: [], gateway: }\n\n");
            return Ok(());
        };
        let port = if self.external_device().is_some() { "external0" } else { "provider0" };
        writeln!(self.text, "external:\n  - name: internet\n    port: {port}")?;
        if let Some(vlan) = external.vlan {
            writeln!(self.text, "    vlan: {vlan}")?;
        }
        writeln!(self.text, "    addresses: [{}]", external.address)?;
        match external.gateway {
            Some(gateway) => writeln!(self.text, "    gateway: {}\n", address(gateway)),
            None => {
                self.edits
                    .push("external[0].gateway: the way to the internet (--external-gateway)".to_owned());
                self.text.push_str("    # gateway:              # EDIT: the way to the internet\n\n");
                Ok(())
            }
        }
    }

    fn tenants(&mut self) -> fmt::Result {
        self.text.push_str("tenants:\n");
        for tenant in &self.import.tenants {
            let Tenant { name, routing_domain, subnets, records, routes } = tenant;
            writeln!(self.text, "  - name: {}\n    routing-domain: {}", yaml(name), yaml(routing_domain))?;
            self.text.push_str("    subnets:\n");
            for subnet in subnets {
                writeln!(self.text, "      - {{ {} }}", virtual_subnet(subnet))?;
            }
            if !records.is_empty() {
                self.text.push_str("    records:\n");
            }
            for record in records {
                writeln!(self.text, "      - {{ {} }}", lookup(record))?;
            }
            if !routes.is_empty() {
                self.text.push_str("    routes:\n");
            }
            for route in routes {
                writeln!(self.text, "      - {{ {} }}", customer_route(route))?;
            }
        }
        Ok(())
    }
}
