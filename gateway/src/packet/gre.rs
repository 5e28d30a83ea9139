//! GRE (RFC 2784, RFC 2890) as NVGRE uses it (RFC 7637 §3.2).

use nvgw_types::{FlowId, Vsid};
use zerocopy::byteorder::network_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of NVGRE's GRE header: the key is always there.
pub const HEADER: usize = 8;
/// Protocol type of an Ethernet frame, Transparent Ethernet Bridging.
pub const TRANSPARENT_ETHERNET: u16 = 0x6558;
/// The first word as sent: key present, version 0, Ethernet inside.
pub const WORD: u32 = 0x2000_6558;

/// The bits of the first word that count: bits 6 to 12 are ignored, as RFC 2784 §2.3 asks.
pub const SIGNIFICANT: u32 = 0xfc07_ffff;

/// NVGRE's GRE header.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Gre {
    word: U32,
    key: U32,
}

/// Why a GRE header is no NVGRE header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// The checksum bit is set.
    Checksum,
    /// The key bit is clear.
    NoKey,
    /// Routing, sequence, strict source route or bit 5 is set.
    Flags,
    /// The version is not 0.
    Version,
    /// It carries no Ethernet frame.
    Protocol,
}

impl Gre {
    /// A header as the gateway sends it.
    #[must_use]
    pub const fn new(vsid: Vsid, flow: FlowId) -> Self {
        Self { word: U32::new(WORD), key: U32::new(vsid.get() << 8 | flow.0 as u32) }
    }

    /// Whether the header is NVGRE's.
    #[inline(always)]
    #[must_use]
    pub const fn is_nvgre(&self) -> bool {
        self.word.get() & SIGNIFICANT == WORD
    }

    /// Why a header that is not NVGRE's is not; of several reasons the first in the order version, checksum, key,
    /// flags, protocol: a version decides what the other bits mean.
    #[must_use]
    pub const fn why_invalid(&self) -> Invalid {
        why_invalid(self.word.get())
    }

    /// The VSID.
    #[inline(always)]
    #[must_use]
    pub const fn vsid(&self) -> Vsid {
        Vsid::from_key(self.key.get())
    }
}

/// What is wrong with a first word whose key was cut off; `None`: nothing but that.
#[must_use]
pub const fn fault_of_truncated(word: u32) -> Option<Invalid> {
    if word & SIGNIFICANT == WORD { None } else { Some(why_invalid(word)) }
}

const fn why_invalid(word: u32) -> Invalid {
    let flags = word >> 16;
    if flags & 0x0007 != 0 {
        Invalid::Version
    } else if flags & 0x8000 != 0 {
        Invalid::Checksum
    } else if flags & 0x2000 == 0 {
        Invalid::NoKey
    } else if flags & 0x5c00 != 0 {
        Invalid::Flags
    } else {
        Invalid::Protocol
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sends_what_rfc_7637_shows() {
        let vsid = Vsid::new(0x00_1389).expect("VSID");
        assert_eq!(Gre::new(vsid, FlowId(0x2a)).as_bytes(), [0x20, 0x00, 0x65, 0x58, 0x00, 0x13, 0x89, 0x2a]);
    }

    /// All 65,536 flag words against the rule in words: C, R, S, s and bit 5 clear, K set, version 0, bits 6 to 12
    /// ignored.
    #[test]
    fn accepts_exactly_the_flags_it_should() {
        for flags in 0..=u16::MAX {
            let bit = |number: u32| flags & 0x8000 >> number != 0;
            let version = flags & 7;
            let good = !bit(0) && !bit(1) && bit(2) && !bit(3) && !bit(4) && !bit(5) && version == 0;
            let word = u32::from(flags) << 16 | u32::from(TRANSPARENT_ETHERNET);
            let gre = Gre { word: U32::new(word), key: U32::new(0) };
            assert_eq!(gre.is_nvgre(), good, "{flags:#06x}");
            if !good {
                let why = gre.why_invalid();
                assert_ne!(why, Invalid::Protocol, "{flags:#06x}");
                assert_eq!(why == Invalid::Version, version != 0, "{flags:#06x}");
            }
        }
    }

    #[test]
    fn carries_ethernet_only() {
        for protocol in [0x0800_u32, 0x86dd, 0x6559, 0x88be, 0] {
            let gre = Gre { word: U32::new(0x2000_0000 | protocol), key: U32::new(0) };
            assert!(!gre.is_nvgre());
            assert_eq!(gre.why_invalid(), Invalid::Protocol);
        }
    }
}
