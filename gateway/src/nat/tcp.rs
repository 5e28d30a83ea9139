//! What translation knows of a TCP connection (RFC 5382, RFC 6146 §3.5.2.2, RFC 7857 §2): which control bits were seen
//! in which direction, and what each end has sent and had acknowledged.
//!
//! Windows are not tracked. Segments of the customer are believed. Those from outside count only if they acknowledge
//! what the customer sent and was not told of before, which a blind attacker does not know (compare RFC 5961).

#[cfg(test)]
mod tests;

use zerocopy::FromZeros;

use super::Segment;

/// The sender has sent all.
pub(super) const FIN: u8 = 0x01;
/// The connection begins.
pub(super) const SYN: u8 = 0x02;
/// The connection is broken off.
pub(super) const RST: u8 = 0x04;
/// The acknowledgment number means something.
pub(super) const ACK: u8 = 0x10;

/// Whether `number` is one of those from `first` to `last`, modulo 2³².
const fn within(number: u32, first: u32, last: u32) -> bool {
    number.wrapping_sub(first) <= last.wrapping_sub(first)
}

/// Whether `number` comes after `other`, modulo 2³² (RFC 9293 §3.4).
const fn after(number: u32, other: u32) -> bool {
    number.wrapping_sub(other).cast_signed() > 0
}

impl Segment {
    /// Whether it may begin a connection from nothing.
    #[inline(always)]
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.flags & (SYN | ACK | RST | FIN) == SYN
    }

    /// Whether it only carries data and acknowledges some.
    #[inline(always)]
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.flags & (SYN | ACK | RST | FIN) == ACK
    }

    const fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }

    /// The sequence number after it.
    const fn end(&self) -> u32 {
        let bits = (self.flags & SYN != 0) as u32 + (self.flags & FIN != 0) as u32;
        self.sequence.wrapping_add(self.length).wrapping_add(bits)
    }
}

/// What one end has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, FromZeros)]
#[repr(C)]
struct Sent {
    /// The sequence number after all of it.
    end: u32,
    /// The highest that the other end has acknowledged; at first, that of the SYN.
    acknowledged: u32,
}

impl Sent {
    const fn from(syn: &Segment) -> Self {
        Self { end: syn.end(), acknowledged: syn.sequence }
    }

    #[inline(always)]
    const fn send(&mut self, end: u32) {
        if after(end, self.end) {
            self.end = end;
        }
    }

    /// Whether a number is that of something under way.
    #[inline(always)]
    const fn holds(&self, number: u32) -> bool {
        within(number, self.acknowledged, self.end)
    }

    /// The same, but with the last that was acknowledged: keep-alives repeat it, and so may a SYN.
    const fn almost_holds(&self, number: u32) -> bool {
        within(number, self.acknowledged.wrapping_sub(1), self.end)
    }

    #[inline(always)]
    const fn acknowledge(&mut self, number: u32) {
        if self.holds(number) {
            self.acknowledged = number;
        }
    }
}

/// What both ends have sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, FromZeros)]
#[repr(C)]
pub(super) struct Track {
    customer: Sent,
    remote: Sent,
}

impl Track {
    /// Of a mapping that is not TCP's, and so has nothing to follow: a time.
    pub(super) const fn stamp(time: u32) -> Self {
        let nothing = Sent { end: 0, acknowledged: 0 };
        Self { customer: Sent { end: time, ..nothing }, remote: nothing }
    }

    /// That time.
    pub(super) const fn stamped(&self) -> u32 {
        self.customer.end
    }
}

/// What was seen of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, FromZeros)]
#[repr(transparent)]
pub(super) struct Seen(u8);

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not both ends have agreed to it.
    Opening,
    /// Data flows, at least one way.
    Established,
    /// Both ends have sent all.
    Closing,
    /// An end has broken it off.
    Reset,
}

impl Seen {
    const SYN_OUT: u8 = 1;
    const SYN_IN: u8 = 2;
    const AGREED: u8 = 4;
    const FIN_OUT: u8 = 8;
    const FIN_IN: u8 = 16;
    const RESET: u8 = 32;

    const fn has(self, bits: u8) -> bool {
        self.0 & bits == bits
    }

    /// How far the connection has come.
    pub(super) const fn phase(self) -> Phase {
        if self.has(Self::RESET) {
            Phase::Reset
        } else if self.has(Self::FIN_OUT | Self::FIN_IN) {
            Phase::Closing
        } else if self.has(Self::AGREED) {
            Phase::Established
        } else {
            Phase::Opening
        }
    }
}

impl Track {
    /// A connection that begins with a segment of the customer: a SYN, or one that answers a SYN from outside.
    pub(super) const fn begin(segment: &Segment) -> (Seen, Self) {
        let customer = Sent::from(segment);
        if segment.has(ACK) {
            // Nothing is kept of the SYN that it answers; it says where that was.
            let number = segment.acknowledgment;
            let remote = Sent { end: number, acknowledged: number };
            (Seen(Seen::SYN_OUT | Seen::SYN_IN), Self { customer, remote })
        } else {
            (Seen(Seen::SYN_OUT), Self { customer, remote: Sent { end: 0, acknowledged: 0 } })
        }
    }

    /// Follows a [plain](Segment::is_plain) segment of the customer in an established connection.
    #[inline(always)]
    pub(super) const fn customer_sends(&mut self, segment: &Segment) {
        self.customer.send(segment.sequence.wrapping_add(segment.length));
        self.remote.acknowledge(segment.acknowledgment);
    }

    /// Follows a [plain](Segment::is_plain) segment from outside in an established connection.
    #[inline(always)]
    pub(super) const fn remote_sends(&mut self, segment: &Segment) {
        if self.customer.holds(segment.acknowledgment) {
            self.customer.acknowledged = segment.acknowledgment;
            self.remote.send(segment.sequence.wrapping_add(segment.length));
        }
    }

    /// Follows any segment of the customer.
    pub(super) const fn outbound(&mut self, seen: &mut Seen, segment: &Segment) {
        let phase = seen.phase();
        if segment.has(RST) {
            if self.customer.holds(segment.sequence) {
                seen.0 |= Seen::RESET;
            }
            return;
        }
        if segment.has(SYN) {
            let anew = match phase {
                Phase::Opening => !self.customer.almost_holds(segment.sequence),
                Phase::Established => false,
                Phase::Closing | Phase::Reset => true,
            };
            if anew {
                (*seen, *self) = Self::begin(segment);
            }
            return;
        }
        if matches!(phase, Phase::Reset) && self.customer.almost_holds(segment.sequence) {
            seen.0 &= !Seen::RESET;
        }
        self.customer.send(segment.end());
        if segment.has(FIN) {
            seen.0 |= Seen::FIN_OUT;
        }
        if segment.has(ACK) && seen.has(Seen::SYN_IN) {
            self.remote.acknowledge(segment.acknowledgment);
            seen.0 |= Seen::AGREED;
        }
    }

    /// Follows any segment from outside.
    pub(super) const fn inbound(&mut self, seen: &mut Seen, segment: &Segment) {
        let acknowledges = segment.has(ACK) && self.customer.holds(segment.acknowledgment);
        if segment.has(RST) {
            let sane =
                if seen.has(Seen::SYN_IN) { self.remote.holds(segment.sequence) } else { acknowledges };
            if sane {
                seen.0 |= Seen::RESET;
            }
            return;
        }
        if segment.has(SYN) {
            // A SYN without an acknowledgment may be anybody's: one with it replaces what that said.
            let opening = matches!(seen.phase(), Phase::Opening);
            if opening && (acknowledges || !seen.has(Seen::SYN_IN) && !segment.has(ACK)) {
                seen.0 |= Seen::SYN_IN;
                self.remote = Sent::from(segment);
                if acknowledges {
                    self.customer.acknowledged = segment.acknowledgment;
                }
            }
            return;
        }
        if acknowledges {
            self.customer.acknowledged = segment.acknowledgment;
            if seen.has(Seen::SYN_IN) {
                self.remote.send(segment.end());
                seen.0 |= Seen::AGREED;
                if segment.has(FIN) {
                    seen.0 |= Seen::FIN_IN;
                }
            }
        }
    }
}
