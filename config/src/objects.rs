//! What one object of the document comes to, whatever stands beside it: what the file and changes to a running gateway
//! say alike.

use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_types::{CustomerAddr, ProviderAddr};

use crate::document::{self, OneOf, SenderCheckMode};
use crate::model::{LearnLimits, LookupRecord, SenderCheck, Subnet, SubnetPrefix};
use crate::reader::{Field, Reader, Spanned};
use crate::rules::{Refusal, check_station, check_subnet};

/// The addresses of one family in a virtual subnet, as far as they could be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    pub(crate) prefix: Spanned<IpNet>,
    pub(crate) gateway: Option<Spanned<IpAddr>>,
}

impl document::Subnet {
    /// Reports what its values have against each other.
    pub(crate) fn check(&self, reader: &mut Reader<'_>) {
        for Reach { prefix, gateway } in self.reaches() {
            reader.check(prefix.node, check_subnet(prefix.value));
            if let Some(gateway) = gateway {
                reader.check(gateway.node, check_station(gateway.value, prefix.value));
            }
        }
        match (&self.prefix_ipv6, &self.gateway_ipv6) {
            (Field::Given(prefix), Field::Absent) => {
                let hint = "add gateway-ipv6, the gateway's own address in it";
                reader.problem(prefix.node, Refusal::new("prefix-ipv6 without gateway-ipv6", hint));
            }
            (Field::Absent, Field::Given(gateway)) => {
                let hint = "add prefix-ipv6, or write the address as gateway";
                reader.problem(gateway.node, Refusal::new("gateway-ipv6 without prefix-ipv6", hint));
            }
            _ => {}
        }
        if let (Some(first), Some(second)) = (self.prefix.given(), self.prefix_ipv6.given())
            && !first.value.0.addr().is_ipv4()
        {
            let message = format!("a second IPv6 prefix beside {}", first.value.0);
            let hint =
                "leave it out, or write an IPv4 prefix as prefix: a virtual subnet has one of each family";
            reader.problem(second.node, Refusal::new(message, hint));
        }
    }

    pub(crate) fn build(&self) -> Option<Subnet> {
        let first =
            SubnetPrefix { prefix: self.prefix.value()?.0, gateway: CustomerAddr(self.gateway.value()?.0) };
        let second = match (self.prefix_ipv6.optional()?, self.gateway_ipv6.optional()?) {
            (Some(prefix), Some(gateway)) => {
                Some(SubnetPrefix { prefix: prefix.0, gateway: CustomerAddr(gateway.0.into()) })
            }
            (None, None) => None,
            _ => return None,
        };
        Some(Subnet { vsid: self.vsid.value()?.0, prefixes: std::iter::once(first).chain(second).collect() })
    }

    /// The prefixes that could be read.
    pub(crate) fn reaches(&self) -> impl Iterator<Item = Reach> {
        let first = self.prefix.given().map(|prefix| Reach {
            prefix: prefix.map(|prefix| prefix.0),
            gateway: self.gateway.given().map(|gateway| gateway.map(|gateway| gateway.0)),
        });
        let second = self.prefix_ipv6.given().map(|prefix| Reach {
            prefix: prefix.map(|prefix| prefix.0),
            gateway: self.gateway_ipv6.given().map(|gateway| gateway.map(|gateway| gateway.0.into())),
        });
        first.into_iter().chain(second)
    }

    /// Whether one of its prefixes is IPv6.
    pub(crate) fn has_ipv6(&self) -> bool {
        self.reaches().any(|reach| reach.prefix.value.addr().is_ipv6())
    }

    /// Whether every prefix could be read.
    pub(crate) fn is_whole(&self) -> bool {
        self.prefix.given().is_some() && !self.prefix_ipv6.is_broken()
    }
}

impl document::Record {
    pub(crate) fn build(&self) -> Option<LookupRecord> {
        Some(LookupRecord {
            vsid: self.vsid.value()?.0,
            address: CustomerAddr(self.address.value()?.0),
            mac: self.mac.value()?.0,
            provider_address: ProviderAddr(self.provider_address.value()?.0),
            name: self.name.optional()?.map(|name| name.0.clone()),
            flow_id: self.flow_id.optional()?.map(|mode| mode.0),
        })
    }
}

/// What a tenant does with packets of unknown senders; reports limits of learning that limit nothing.
pub(crate) fn sender_check(
    reader: &mut Reader<'_>,
    mode: &Field<OneOf<SenderCheckMode>>,
    learn: &Field<document::Learn>,
) -> Option<SenderCheck> {
    let checked = match mode.value()?.0 {
        SenderCheckMode::Strict => SenderCheck::Strict,
        SenderCheckMode::LogOnly => SenderCheck::LogOnly,
        SenderCheckMode::Learn => {
            return Some(SenderCheck::Learn(match learn.optional()? {
                None => LearnLimits::default(),
                Some(learn) => LearnLimits {
                    addresses_per_mac: learn.addresses_per_mac.value()?.0,
                    records_per_subnet: learn.records_per_subnet.value()?.0,
                },
            }));
        }
    };
    if let Some(learn) = learn.given() {
        let hint = "write sender-check: learn, or leave learn out";
        reader.problem(learn.node, Refusal::new("the tenant does not learn", hint));
    }
    Some(checked)
}
