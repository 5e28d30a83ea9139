//! Virtual subnet identifiers and flow identifiers (RFC 7637 §3.2).

use std::fmt;

/// A virtual subnet identifier: 24 bits. It names one virtual subnet, hence exactly one routing domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Vsid(u32);

/// Why a number is no VSID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("VSID {0} does not fit 24 bits: use 4096 to 16777214")]
pub struct VsidError(pub u64);

impl Vsid {
    /// The vendor-specific VSID 0xFFFFFF (RFC 7637 §3.4).
    pub const VENDOR: Self = Self(0x00ff_ffff);
    /// The first VSID that RFC 7637 §3.4 leaves to users.
    pub const FIRST: Self = Self(0x1000);

    /// Makes a VSID. Reserved ones are accepted here: whether they may be used is policy.
    ///
    /// # Errors
    /// A number of more than 24 bits.
    pub const fn new(vsid: u64) -> Result<Self, VsidError> {
        if vsid <= 0x00ff_ffff { Ok(Self(vsid as u32)) } else { Err(VsidError(vsid)) }
    }

    /// The VSID in the upper 24 bits of a GRE key (host byte order).
    #[inline]
    #[must_use]
    pub const fn from_key(key: u32) -> Self {
        Self(key >> 8)
    }

    /// The number, in the lower 24 bits.
    #[inline]
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Whether it is one of 0 to 0xFFF, reserved by RFC 7637 §3.4.
    #[inline]
    #[must_use]
    pub const fn is_reserved(self) -> bool {
        self.0 < Self::FIRST.0
    }
}

impl fmt::Display for Vsid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl serde::Serialize for Vsid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}

/// The lower 8 bits of the GRE key: entropy of the inner flow (RFC 7637 §3.2), no part of any identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct FlowId(pub u8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_24_bits() {
        assert_eq!(Vsid::new(0x00ff_ffff), Ok(Vsid::VENDOR));
        assert_eq!(Vsid::new(0x0100_0000), Err(VsidError(0x0100_0000)));
        assert_eq!(Vsid::from_key(0x0013_8905).get(), 0x1389);
    }

    #[test]
    fn reserved_range_ends_at_0xfff() {
        assert!(Vsid::new(0xfff).is_ok_and(Vsid::is_reserved));
        assert!(Vsid::new(0x1000).is_ok_and(|v| !v.is_reserved()));
    }
}
