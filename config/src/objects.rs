//! What one object of the document comes to, whatever stands beside it: what the file and changes to a running gateway
//! say alike.

use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_types::{CustomerAddr, ProviderAddr};

use crate::document::{self, OneOf, SenderCheckMode};
use crate::model::{LearnLimits, LookupRecord, SenderCheck, Subnet};
use crate::reader::{Field, Reader};
use crate::rules::{Refusal, check_station, check_subnet};

impl document::Subnet {
    /// Reports what its values have against each other.
    pub(crate) fn check(&self, reader: &mut Reader<'_>) {
        let Some(prefix) = self.prefix.given() else {
            return;
        };
        reader.check(prefix.node, check_subnet(prefix.value.0));
        if let Some(gateway) = self.gateway.given() {
            reader.check(gateway.node, check_station(gateway.value.0, prefix.value.0));
        }
    }

    pub(crate) fn build(&self) -> Option<Subnet> {
        Some(Subnet {
            vsid: self.vsid.value()?.0,
            prefix: IpNet::V4(self.prefix.value()?.0),
            gateway: CustomerAddr(IpAddr::V4(self.gateway.value()?.0)),
        })
    }
}

impl document::Record {
    pub(crate) fn build(&self) -> Option<LookupRecord> {
        Some(LookupRecord {
            vsid: self.vsid.value()?.0,
            address: CustomerAddr(IpAddr::V4(self.address.value()?.0)),
            mac: self.mac.value()?.0,
            provider_address: ProviderAddr(IpAddr::V4(self.provider_address.value()?.0)),
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
