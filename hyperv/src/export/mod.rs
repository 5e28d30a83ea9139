//! PowerShell commands that point compute hosts at a gateway.

mod input;

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use nvgw_types::{MacAddr, Vsid};

pub use input::{ExportError, ExportOptions, Input, Site, Subnet, Tenant};

use crate::quote::{comment, powershell};

/// A script, to be run on each compute host, that makes it reach a tenant's gateway.
///
/// What stands at the same place already (the records of a gateway that is replaced, its default route) is removed
/// first, so that the script may be run again.
#[must_use]
pub fn export(input: &Input) -> String {
    let mut script = Script { input, text: String::new() };
    // Writing to a String cannot fail.
    let _ = script.write();
    // Windows PowerShell reads a script without byte order mark in the machine's own code page.
    if script.text.is_ascii() { script.text } else { format!("\u{feff}{}", script.text) }
}

struct Script<'a> {
    input: &'a Input,
    text: String,
}

impl Script<'_> {
    fn write(&mut self) -> fmt::Result {
        self.head()?;
        // First of all, since it may end the script.
        self.provider_route()?;
        for subnet in &self.input.subnets {
            self.subnet(subnet)?;
        }
        self.wildcards()?;
        self.default_routes()
    }

    fn head(&mut self) -> fmt::Result {
        let Input { tenant, routing_domain, site, .. } = self.input;
        let tenant_name = comment(tenant);
        writeln!(
            self.text,
            "# Tenant {tenant_name}: its gateway is nvgw, at provider address {}.",
            site.address
        )?;
        writeln!(
            self.text,
            "# Run it on every compute host, as administrator. Where VMM manages the hosts, VMM must know the gateway\n\
             # as well: it takes away what it has not made itself, at the latest when a VM is migrated."
        )?;
        if !self.input.hosts_elsewhere().is_empty() {
            writeln!(
                self.text,
                "param(\n    \
                 # The router of this host's provider subnet that leads to {}; hosts in that subnet need none.\n    \
                 [string] $ProviderNextHop\n)",
                site.subnet
            )?;
        }
        writeln!(self.text, "$ErrorActionPreference = 'Stop'\n$domain = {}", powershell(routing_domain))?;
        writeln!(self.text, "$tenant = {}", powershell(tenant))
    }

    fn subnet(&mut self, subnet: &Subnet) -> fmt::Result {
        let Subnet { vsid, prefix, gateway } = subnet;
        writeln!(self.text, "\n# Virtual subnet {prefix}: it is on-link, and the gateway is at {gateway}.")?;
        writeln!(
            self.text,
            "if (-not (Get-NetVirtualizationCustomerRoute -RoutingDomainID $domain -VirtualSubnetID {vsid} \
             -DestinationPrefix '{prefix}' -ErrorAction SilentlyContinue)) {{\n    \
             New-NetVirtualizationCustomerRoute -RoutingDomainID $domain -VirtualSubnetID {vsid} \
             -DestinationPrefix '{prefix}' -NextHop '{}' -Metric 255\n}}",
            unspecified(prefix.addr())
        )?;
        writeln!(
            self.text,
            "Get-NetVirtualizationLookupRecord -CustomerAddress '{gateway}' -VirtualSubnetID {vsid} \
             -ErrorAction SilentlyContinue | Remove-NetVirtualizationLookupRecord"
        )?;
        self.record(*gateway, subnet, "")
    }

    fn record(&mut self, address: IpAddr, subnet: &Subnet, record_type: &str) -> fmt::Result {
        let Input { site, gateway_mac, .. } = self.input;
        writeln!(
            self.text,
            "New-NetVirtualizationLookupRecord -CustomerAddress '{address}' -VirtualSubnetID {} \
             -MACAddress '{}' -ProviderAddress '{}' -Rule TranslationMethodEncap{record_type} \
             -CustomerID $domain -Context $tenant",
            subnet.vsid,
            windows(*gateway_mac),
            site.address
        )
    }

    fn wildcards(&mut self) -> fmt::Result {
        writeln!(
            self.text,
            "\n# The wildcard record: packets from and to addresses that no record names belong to the gateway."
        )?;
        let mut vsids: Vec<Vsid> = self.input.subnets.iter().map(|subnet| subnet.vsid).collect();
        vsids.dedup();
        for old in vsids {
            writeln!(
                self.text,
                "Get-NetVirtualizationLookupRecord -VirtualSubnetID {old} -Type GatewayWildcard \
                 -ErrorAction SilentlyContinue | Remove-NetVirtualizationLookupRecord"
            )?;
        }
        for subnet in &self.input.gateway_subnets {
            let Subnet { vsid, prefix, .. } = subnet;
            writeln!(self.text, "# It stands in the gateway's virtual subnet, {prefix} (VSID {vsid}).")?;
            self.record(unspecified(prefix.addr()), subnet, " -Type GatewayWildcard")?;
        }
        Ok(())
    }

    fn default_routes(&mut self) -> fmt::Result {
        writeln!(self.text, "\n# The default customer route leads to the gateway.")?;
        for Subnet { vsid, gateway, .. } in &self.input.gateway_subnets {
            let default = format!("{}/0", unspecified(*gateway));
            writeln!(
                self.text,
                "Get-NetVirtualizationCustomerRoute -RoutingDomainID $domain -DestinationPrefix '{default}' \
                 -ErrorAction SilentlyContinue | Remove-NetVirtualizationCustomerRoute\n\
                 New-NetVirtualizationCustomerRoute -RoutingDomainID $domain -VirtualSubnetID {vsid} \
                 -DestinationPrefix '{default}' -NextHop '{gateway}' -Metric 255"
            )?;
        }
        Ok(())
    }

    fn provider_route(&mut self) -> fmt::Result {
        let hosts = self.input.hosts_elsewhere();
        if hosts.is_empty() {
            return Ok(());
        }
        let subnet = self.input.site.subnet;
        let quoted: Vec<String> = hosts.iter().map(|host| format!("'{host}'")).collect();
        writeln!(
            self.text,
            "\n# The gateway's provider subnet is {subnet}. These hosts are in others, and need a provider route there.\n\
             # Where VMM manages them, give the IP pool of their network site a default gateway instead: that lasts."
        )?;
        writeln!(self.text, "$elsewhere = {}", quoted.join(", "))?;
        writeln!(
            self.text,
            "$here = Get-NetVirtualizationProviderAddress | Where-Object {{ $elsewhere -contains $_.ProviderAddress }} | \
             Select-Object -First 1\n\
             if ($here) {{\n    \
             if (-not $ProviderNextHop) {{ throw 'name the router of {subnet} with -ProviderNextHop' }}\n    \
             Get-NetVirtualizationProviderRoute -InterfaceIndex $here.InterfaceIndex -DestinationPrefix '{subnet}' \
             -ErrorAction SilentlyContinue | Remove-NetVirtualizationProviderRoute\n    \
             New-NetVirtualizationProviderRoute -InterfaceIndex $here.InterfaceIndex -DestinationPrefix '{subnet}' \
             -NextHop $ProviderNextHop\n}}"
        )
    }
}

/// An Ethernet address as Hyper-V writes it.
fn windows(mac: MacAddr) -> String {
    mac.0.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// No address, in the family of another one.
fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    }
}
