//! VLAN identifiers (IEEE 802.1Q).

use std::fmt;

/// An 802.1Q VLAN identifier, 1 to 4094.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VlanId(u16);

/// Why a number is no VLAN identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("VLAN {0} does not exist: VLAN identifiers go from 1 to 4094")]
pub struct VlanIdError(pub u64);

impl VlanId {
    /// Makes a VLAN identifier.
    ///
    /// # Errors
    /// 0 (priority tag), 4095 (reserved) and what does not fit 12 bits.
    pub const fn new(id: u64) -> Result<Self, VlanIdError> {
        if id >= 1 && id <= 4094 { Ok(Self(id as u16)) } else { Err(VlanIdError(id)) }
    }

    /// The 12-bit number.
    #[inline]
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for VlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl serde::Serialize for VlanId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_twelve_bits_less_the_reserved_ones() {
        assert_eq!(VlanId::new(1).map(VlanId::get), Ok(1));
        assert_eq!(VlanId::new(4094).map(VlanId::get), Ok(4094));
        for bad in [0, 4095, 4096, 65537] {
            assert_eq!(VlanId::new(bad), Err(VlanIdError(bad)));
        }
    }
}
