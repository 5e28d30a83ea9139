//! How much a tenant and a customer address may have (RFC 6888 REQ-3, REQ-4).

use std::sync::Arc;

use nvgw_types::VrfId;

use super::customers::Customer;
use crate::tables::entries::NatPolicy;
use crate::tables::exchange::Millis;
use crate::telemetry::DropReason;
use crate::telemetry::nat::{NatCounters, TenantNat};

/// The clock second of a time.
pub(super) const fn second(now: Millis) -> u64 {
    now.0 / 1000
}

/// What all workers count. A tenant's limit is one of all workers together; each of them counts on its own and reads
/// what the others counted, so several that begin sessions in the same moment may go past it by as many.
pub(super) struct Limits {
    all: Arc<[Arc<NatCounters>]>,
}

impl Limits {
    pub(super) const fn new(all: Arc<[Arc<NatCounters>]>) -> Self {
        Self { all }
    }

    /// Whether one more session may begin, and with a port of its own if `port`.
    ///
    /// # Errors
    /// Which limit is reached: rate, sessions, ports, in this order.
    pub(super) fn admit(
        &self,
        policy: &NatPolicy,
        customer: Option<&Customer>,
        now: Millis,
        port: bool,
    ) -> Result<(), DropReason> {
        let (tenant, address) = (&policy.of_tenant, &policy.of_address);
        let second = second(now);
        let of_address = |limit: u32, count: fn(&Customer, u64) -> u32| {
            customer.map_or(0, |customer| count(customer, second)) >= limit
        };
        let of_tenant = |limit, count| self.reached(policy.vrf, limit, count, second);
        if of_tenant(tenant.new_sessions, |tenant, second| begun(tenant.rate.get(), second))
            || of_address(address.new_sessions, Customer::begun)
        {
            return Err(DropReason::NatRateLimit);
        }
        if of_tenant(tenant.sessions, |tenant, _| tenant.sessions.get())
            || of_address(address.sessions, |customer, _| customer.sessions)
        {
            return Err(DropReason::NatSessionLimit);
        }
        let ports = port
            && (of_tenant(tenant.ports, |tenant, _| tenant.ports.get())
                || of_address(address.ports, |customer, _| customer.ports));
        if ports { Err(DropReason::NatPortLimit) } else { Ok(()) }
    }

    fn reached(&self, vrf: VrfId, limit: u32, count: fn(&TenantNat, u64) -> u64, second: u64) -> bool {
        // No limit is the usual case, and costs no look at the other workers' counters.
        limit != u32::MAX
            && self
                .all
                .iter()
                .filter_map(|worker| worker.tenant(vrf))
                .map(|tenant| count(tenant, second))
                .sum::<u64>()
                >= u64::from(limit)
    }
}

/// How many sessions began in a second, as [`TenantNat::rate`] says.
const fn begun(rate: u64, second: u64) -> u64 {
    if rate >> 32 == second { rate & 0xffff_ffff } else { 0 }
}

/// Counts a session that begins.
pub(super) fn begin(tenant: &TenantNat, now: Millis) {
    let second = second(now);
    tenant.rate.set((second << 32) | (begun(tenant.rate.get(), second) + 1));
    tenant.sessions.raise(1);
    tenant.created.add(1);
}
