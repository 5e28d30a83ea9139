//! What all tenants' address translation has in common.

use std::time::Duration;

use crate::document;
use crate::model::{Nat, NatLog, NatTimeouts, Syslog};
use crate::reader::Field;

pub(super) fn settings(nat: &Field<document::Nat>) -> Option<Nat> {
    let nat = nat.value()?;
    Some(Nat {
        timeouts: timeouts(nat.timeouts.value()?)?,
        unsolicited_syn: nat.unsolicited_syn.value()?.0,
        removed_addresses: nat.removed_addresses.value()?.0,
        log: log(nat.log.value()?)?,
    })
}

fn timeouts(timeouts: &document::NatTimeouts) -> Option<NatTimeouts> {
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    Some(NatTimeouts {
        udp: seconds(timeouts.udp.value()?.0),
        udp_well_known: seconds(timeouts.udp_well_known.value()?.0),
        tcp_established: seconds(timeouts.tcp_established.value()?.0),
        tcp_transitory: seconds(timeouts.tcp_transitory.value()?.0),
        tcp_reset: seconds(timeouts.tcp_reset.value()?.0),
        icmp: seconds(timeouts.icmp.value()?.0),
        port_quarantine: seconds(timeouts.port_quarantine.value()?.0),
    })
}

fn log(log: &document::NatLog) -> Option<NatLog> {
    Some(NatLog {
        file: log.file.optional()?.map(|file| file.0.clone()),
        syslog: match log.syslog.optional()? {
            None => None,
            Some(syslog) => {
                Some(Syslog { server: syslog.server.value()?.0, facility: syslog.facility.value()?.0.0 })
            }
        },
        sessions: log.sessions.value()?.0,
    })
}
