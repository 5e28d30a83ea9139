//! A change document, for `nvgw apply`.

use std::fmt::{self, Write as _};

use crate::import::Import;
use crate::quote::yaml;

use super::{customer_route, lookup, provider_route, virtual_subnet};

impl Import {
    /// The change document that adds everything to a running gateway.
    #[must_use]
    pub fn to_changes(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write_changes(&mut text);
        text
    }

    fn write_changes(&self, out: &mut String) -> fmt::Result {
        out.write_str(
            "# From Hyper-V. nvgw diff -f shows what it would change, nvgw apply -f changes it.\n",
        )?;
        if self.has_reserved_vsids() {
            out.write_str(
                "# There are VSIDs below 4096: provider.encapsulation.allow-reserved-vsids must be set.\n",
            )?;
        }
        out.write_str("changes:\n")?;
        for tenant in &self.tenants {
            let name = yaml(&tenant.name);
            writeln!(
                out,
                "  - add-tenant: {{ name: {name}, routing-domain: {} }}",
                yaml(&tenant.routing_domain)
            )?;
            for subnet in &tenant.subnets {
                writeln!(out, "  - add-subnet: {{ tenant: {name}, {} }}", virtual_subnet(subnet))?;
            }
            for record in &tenant.records {
                writeln!(out, "  - add-lookup: {{ {} }}", lookup(record))?;
            }
            for route in &tenant.routes {
                let route = customer_route(route);
                writeln!(out, "  - add-customer-route: {{ tenant: {name}, {route} }}")?;
            }
        }
        for route in self.provider.all_routes() {
            writeln!(out, "  - add-provider-route: {{ {} }}", provider_route(&route))?;
        }
        Ok(())
    }
}
