//! Configurations that an input chooses: families, tags, sizes, knobs, and what tenants have.
//!
//! Addresses do not depend on the choices, so that frames of a seed keep their meaning when a choice changes.

use std::fmt::{self, Write as _};

/// The tenants: name, VSID, IPv4 prefix without its last byte, IPv6 prefix without its `::/64`.
pub(crate) const TENANTS: [Tenant; 3] = [
    Tenant { name: "red", vsid: 5001, ipv4: [203, 0, 113], ipv6: 0x0113 },
    Tenant { name: "blue", vsid: 6001, ipv4: [10, 0, 1], ipv6: 0x6001 },
    Tenant { name: "green", vsid: 7001, ipv4: [10, 0, 1], ipv6: 0x7001 },
];

/// What of a tenant is the same in every configuration. Its VMs are number 5 and 6 of its prefixes, the gateway is 1.
pub(crate) struct Tenant {
    pub(crate) name: &'static str,
    pub(crate) vsid: u32,
    pub(crate) ipv4: [u8; 3],
    /// The third group of 2001:db8::/32.
    pub(crate) ipv6: u16,
}

/// The choices: a byte for the networks, one for their sizes and knobs, one for each tenant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Plan([u8; Plan::BYTES]);

/// What becomes of unknown senders.
const CHECKS: [&str; 4] = ["strict", "log-only", "learn", "learn"];

impl Plan {
    /// How many bytes of an input choose a configuration.
    pub(crate) const BYTES: usize = 2 + TENANTS.len();

    /// Takes a plan off an input.
    pub(crate) fn read(input: &mut &[u8]) -> Option<Self> {
        let (bytes, rest) = input.split_first_chunk()?;
        *input = rest;
        Some(Self(*bytes))
    }

    /// This plan with what a running gateway cannot change as in `running`.
    pub(crate) const fn keeping(mut self, running: Self) -> Self {
        const FIXED: u8 = 0b0000_1010;
        self.0[1] = self.0[1] & !FIXED | running.0[1] & FIXED;
        self
    }

    const fn bit(self, byte: usize, bit: u32) -> bool {
        self.0[byte] >> bit & 1 != 0
    }

    /// Whether the first host is reached over IPv6.
    pub(crate) const fn over_ipv6(self) -> bool {
        self.bit(0, 0)
    }

    /// Whether the second host is of the other family than the first, on a site of its own.
    pub(crate) const fn two_sites(self) -> bool {
        self.bit(0, 1)
    }

    /// The VLAN of a site: of the first host's, or of the second's where that is another one.
    pub(crate) const fn site_vlan(self, second: bool) -> Option<u16> {
        match (second && self.two_sites(), self.bit(0, 2)) {
            (true, _) => Some(21),
            (false, true) => Some(20),
            (false, false) => None,
        }
    }

    /// The VLAN of the external network.
    pub(crate) const fn external_vlan(self) -> Option<u16> {
        if self.bit(0, 3) { Some(300) } else { None }
    }

    /// Whether a host is reached over IPv6.
    pub(crate) const fn is_host_over_ipv6(self, second: bool) -> bool {
        self.over_ipv6() != (second && self.two_sites())
    }

    /// Whether a tenant has public IPv4 addresses of its own, and not private ones.
    const fn is_public(tenant: usize) -> bool {
        tenant == 0
    }

    /// The document.
    pub(crate) fn document(self) -> String {
        let mut out = String::new();
        self.write(&mut out).expect("a String takes everything");
        out
    }

    fn write(self, out: &mut String) -> fmt::Result {
        let limits =
            "vsids: 64, records: 64, external-routes: 64, external-routes-ipv6: 64, nat-sessions: 1024";
        writeln!(out, "system: {{ limits: {{ {limits} }} }}\nports:")?;
        for (port, mtu) in [(0, 9000), (1, 1500)] {
            let mac = format!("02:00:00:00:00:a{port}");
            writeln!(out, "  - {{ name: wire{port}, device: net_null{port}, mac: \"{mac}\", mtu: {mtu} }}")?;
        }
        self.write_provider(out)?;
        self.write_external(out)?;
        writeln!(out, "tenants:")?;
        (0..TENANTS.len()).try_for_each(|tenant| self.write_tenant(tenant, out))?;
        self.write_neighbors(out)
    }

    fn write_provider(self, out: &mut String) -> fmt::Result {
        writeln!(out, "provider:")?;
        if !self.bit(0, 7) {
            writeln!(out, "  duplicate-address-detection: \"off\"")?;
        }
        writeln!(
            out,
            "  encapsulation: {{ dscp: \"{}\", ecn: {}, flow-id: {}, reassemble: {}, tcp-mss: {} }}\n  sites:",
            if self.bit(1, 0) { "pipe:10" } else { "uniform" },
            if self.bit(1, 2) { "compatible" } else { "normal" },
            if self.bit(1, 4) { "zero" } else { "hash" },
            self.reassembles(),
            if self.clamps() { "clamp" } else { "keep" },
        )?;
        for second in [false, true].into_iter().take(1 + usize::from(self.two_sites())) {
            let ipv6 = self.is_host_over_ipv6(second);
            let [subnet, own, gateway] = if ipv6 {
                ["fd00:20::/64", "fd00:20::10", "fd00:20::1"]
            } else {
                ["100.64.20.0/24", "100.64.20.10", "100.64.20.1"]
            };
            let mtu = [1342, 1400, 1500, 9000][usize::from(self.0[1] >> 5 & 3)];
            write!(out, "    - {{ name: site{}, port: wire0, subnet: \"{subnet}\"", u8::from(second))?;
            if let Some(vlan) = self.site_vlan(second) {
                write!(out, ", vlan: {vlan}")?;
            }
            writeln!(out, ", addresses: [\"{own}\"], gateway: \"{gateway}\", mtu: {mtu} }}")?;
        }
        if self.bit(1, 7) {
            let (prefix, next_hop) = if self.over_ipv6() {
                ("fd00:40::/64", "fd00:20::2")
            } else {
                ("100.64.40.0/24", "100.64.20.2")
            };
            writeln!(out, "  routes: [{{ prefix: \"{prefix}\", next-hop: \"{next_hop}\", mtu: 1342 }}]")?;
        }
        Ok(())
    }

    /// Whether outer fragments are put together.
    pub(crate) const fn reassembles(self) -> bool {
        self.bit(1, 1)
    }

    /// Whether the MSS is clamped.
    pub(crate) const fn clamps(self) -> bool {
        self.bit(1, 3)
    }

    fn write_external(self, out: &mut String) -> fmt::Result {
        write!(out, "external:\n  - {{ name: internet, port: wire1")?;
        if let Some(vlan) = self.external_vlan() {
            write!(out, ", vlan: {vlan}")?;
        }
        write!(out, ", addresses: [198.18.0.2/24, \"2001:db8:18::2/64\"]")?;
        let mtu = if self.bit(0, 4) { 1280 } else { 1500 };
        writeln!(
            out,
            ", gateway: 198.18.0.1, gateway-ipv6: \"2001:db8:18::1\", mtu: {mtu}, routes: [{{ prefix: \
             8.8.8.0/24, next-hop: 198.18.0.3 }}] }}"
        )
    }

    fn write_tenant(self, number: usize, out: &mut String) -> fmt::Result {
        let Tenant { name, vsid, ipv4: [a, b, c], ipv6 } = TENANTS[number];
        let has = |bit| self.bit(2 + number, bit);
        let check = CHECKS[usize::from(self.0[2 + number] & 3)];
        let (dual, length) = (has(2), if Self::is_public(number) { 28 } else { 24 });
        writeln!(out, "  - name: {name}\n    gateway-mac: 02:00:5e:00:01:01\n    sender-check: {check}")?;
        write!(out, "    subnets: [{{ vsid: {vsid}, prefix: {a}.{b}.{c}.0/{length}, gateway: {a}.{b}.{c}.1")?;
        if dual {
            let prefix = format!("2001:db8:{ipv6:x}::");
            write!(out, ", prefix-ipv6: \"{prefix}/64\", gateway-ipv6: \"{prefix}1\"")?;
        }
        writeln!(out, " }}]\n    records:")?;
        let addresses: &[String] = &[format!("{a}.{b}.{c}."), format!("2001:db8:{ipv6:x}::")];
        for prefix in &addresses[..1 + usize::from(dual)] {
            for (second, vm) in [(false, 5), (true, 6)] {
                let host = self.host(second);
                writeln!(
                    out,
                    "      - {{ vsid: {vsid}, address: \"{prefix}{vm}\", mac: 02:15:5d:00:00:0{vm}, \
                     provider-address: \"{host}\" }}"
                )?;
            }
        }
        if dual && has(3) {
            writeln!(out, "    router-advertisements: off")?;
        }
        if has(4) {
            writeln!(out, "    routes: [{{ prefix: 172.16.0.0/12, next-hop: {a}.{b}.{c}.5 }}]")?;
        }
        if has(5) {
            let mut public = Vec::new();
            public.extend(Self::is_public(number).then(|| format!("{a}.{b}.{c}.0/28")));
            public.extend(dual.then(|| format!("\"2001:db8:{ipv6:x}::/64\"")));
            writeln!(out, "    public-prefixes: [{}]", public.join(", "))?;
        }
        if !Self::is_public(number) && (has(6) || has(7)) {
            self.write_nat(number, out)?;
        }
        Ok(())
    }

    /// The translation of a tenant: pools, and beside them addresses and ports of single VMs.
    fn write_nat(self, number: usize, out: &mut String) -> fmt::Result {
        let Tenant { ipv4: [a, b, c], .. } = TENANTS[number];
        let first = 16 * number;
        writeln!(out, "    nat:")?;
        if self.bit(2 + number, 6) {
            let block = [64, 512][number % 2];
            writeln!(
                out,
                "      pools: [{{ addresses: 198.51.100.{first}/30, ports: 1024-65535, block-size: {block} }}]"
            )?;
        }
        if self.bit(2 + number, 7) {
            let (fixed, forward) = (first + 4, first + 5);
            writeln!(
                out,
                "      static: [{{ public: 198.51.100.{fixed}, customer: {a}.{b}.{c}.6 }}]\n      forwards: [{{ \
                 public: 198.51.100.{forward}, protocol: tcp, ports: 8080, customer: {a}.{b}.{c}.5, to: 80 }}]\n      \
                 exempt: [9.9.9.0/24]"
            )?;
        }
        Ok(())
    }

    /// A host's provider address, as it is written.
    pub(crate) fn host(self, second: bool) -> String {
        let subnet = if self.is_host_over_ipv6(second) { "fd00:20::" } else { "100.64.20." };
        format!("{subnet}{}", 30 + u8::from(second))
    }

    fn write_neighbors(self, out: &mut String) -> fmt::Result {
        let mut known: Vec<(&str, String)> = Vec::new();
        if !self.bit(0, 5) {
            known.push(("site0", self.host(false)));
            let of_second = if self.two_sites() { "site1" } else { "site0" };
            known.push((of_second, self.host(true)));
        }
        if !self.bit(0, 6) {
            known.push(("internet", "198.18.0.1".to_owned()));
            known.push(("internet", "2001:db8:18::1".to_owned()));
        }
        writeln!(out, "neighbors:{}", if known.is_empty() { " []" } else { "" })?;
        for (place, (network, address)) in known.iter().enumerate() {
            writeln!(
                out,
                "  - {{ network: {network}, address: \"{address}\", mac: 02:00:00:00:20:0{place} }}"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plan_is_a_valid_configuration() {
        for byte in 0..Plan::BYTES {
            for value in 0..=u8::MAX {
                for others in [0, u8::MAX] {
                    let mut bytes = [others; Plan::BYTES];
                    bytes[byte] = value;
                    let document = Plan(bytes).document();
                    nvgw_config::parse(&document, "plan")
                        .unwrap_or_else(|problems| panic!("{problems}\n{document}"));
                }
            }
        }
    }
}
