//! Which checksums of IPv4 headers are a device's work.

use dpdk_bindings::Capabilities;

/// What the device of a port does about the checksums of IPv4 headers. The rest is done in software, and so is what a
/// device does not report on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checksums {
    /// It checks those of received packets, and fills in those of outer headers.
    Both,
    /// It checks those of received packets.
    Received,
    /// It fills in those of outer headers.
    Sent,
    /// Nothing.
    Software,
}

impl Checksums {
    /// What is in force on a port: as much as its device offers, where that is asked for.
    pub(super) const fn of(asked: nvgw_config::Checksums, capabilities: Capabilities) -> Self {
        let Capabilities { rx_ipv4_checksum, tx_ipv4_checksum, .. } = capabilities;
        match (asked, rx_ipv4_checksum, tx_ipv4_checksum) {
            (nvgw_config::Checksums::Software, ..) | (_, false, false) => Self::Software,
            (_, true, true) => Self::Both,
            (_, true, false) => Self::Received,
            (_, false, true) => Self::Sent,
        }
    }

    /// Whether the device checks received packets.
    pub(super) const fn received(self) -> bool {
        matches!(self, Self::Both | Self::Received)
    }

    /// Whether the device fills in the checksums of outer headers.
    pub(super) const fn sent(self) -> bool {
        matches!(self, Self::Both | Self::Sent)
    }

    /// Its name in outputs.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Received => "rx",
            Self::Sent => "tx",
            Self::Software => "software",
        }
    }
}

#[cfg(test)]
mod tests {
    use nvgw_config::Checksums::{Auto, Software};

    use super::*;

    /// A device that offers this.
    fn device(rx: bool, tx: bool) -> Capabilities {
        Capabilities {
            rx_ipv4_checksum: rx,
            tx_ipv4_checksum: tx,
            rx_transport_checksum: true,
            tx_transport_checksum: true,
            tx_segments: true,
            rss: true,
            rss_innermost: true,
        }
    }

    #[test]
    fn a_device_does_what_it_offers() {
        for (rx, tx, name) in
            [(true, true, "both"), (true, false, "rx"), (false, true, "tx"), (false, false, "software")]
        {
            let checksums = Checksums::of(Auto, device(rx, tx));
            assert_eq!((checksums.received(), checksums.sent(), checksums.name()), (rx, tx, name));
        }
    }

    #[test]
    fn a_device_does_nothing_that_was_not_asked_for() {
        assert_eq!(Checksums::of(Software, device(true, true)), Checksums::Software);
    }
}
