//! What frames of one kind have in common, compared sixteen bytes at a time.

use std::arch::x86_64::{
    __m128i, _mm_and_si128, _mm_cmpeq_epi8, _mm_lddqu_si128, _mm_movemask_epi8, _mm_or_si128,
    _mm_setzero_si128, _mm_xor_si128,
};

use nvgw_types::MacAddr;
use zerocopy::{FromBytes, IntoBytes};

use crate::packet::{ethernet, gre, ipv4, ipv6};

/// Vectors of the longest shape: a tagged frame up to the inner Ethernet header behind IPv6 and GRE.
const VECTORS: usize = 5;
const VECTOR: usize = 16;
const BYTES: usize = VECTOR * VECTORS;
const _: () =
    assert!(ethernet::HEADER + ethernet::TAG + ipv6::HEADER + gre::HEADER + ethernet::HEADER <= BYTES);

/// The first `N` vectors of a frame, as far as all frames of its kind agree in them.
#[derive(Clone, Copy)]
// As vectors are, which may be operands of instructions then.
#[repr(align(16))]
pub(super) struct Shape<const N: usize> {
    vectors: [[u8; VECTOR]; N],
    /// The bits that count.
    masks: [[u8; VECTOR]; N],
}

/// Frames of an external network: whose they are, and their tag.
pub(super) type Outside = Shape<2>;
/// NVGRE over IPv4 without options, whole, to one of our provider addresses.
pub(super) type OverIpv4 = Shape<3>;
/// NVGRE right behind an IPv6 header, likewise.
pub(super) type OverIpv6 = Shape<VECTORS>;

impl<const N: usize> Shape<N> {
    /// No frame's.
    pub(super) const NONE: Self = Self { vectors: [[0xff; _]; N], masks: [[0; _]; N] };

    /// Whether a frame, as far as it is in one segment, is of this kind.
    #[inline(always)]
    pub(super) fn fits(&self, frame: &[u8]) -> bool {
        self.begins::<N>(frame)
    }

    /// Whether it is as far as the first `V` vectors say.
    #[inline(always)]
    pub(super) fn begins<const V: usize>(&self, frame: &[u8]) -> bool {
        let Ok((frame, _)) = <[[u8; VECTOR]; V]>::ref_from_prefix(frame) else { return false };
        let known = |bytes: &[u8; VECTOR]| -> __m128i { zerocopy::transmute!(*bytes) };
        let (vectors, masks) = (self.vectors.iter().map(known), self.masks.iter().map(known));
        // SAFETY: SSE3 is part of x86-64-v2, which all of this is compiled for, and every vector is there to be read.
        unsafe {
            let mut differing = _mm_setzero_si128();
            for ((bytes, expected), mask) in frame.iter().zip(vectors).zip(masks) {
                // This load the compiler does not see through. Of others it knows that fields are in the vector which are
                // read elsewhere, and takes those out of it, which takes longer than a load.
                let vector = _mm_lddqu_si128(bytes.as_ptr().cast());
                let counting = _mm_and_si128(vector, mask);
                differing = _mm_or_si128(differing, _mm_xor_si128(counting, expected));
            }
            _mm_movemask_epi8(_mm_cmpeq_epi8(differing, _mm_setzero_si128())) == 0xffff
        }
    }

    /// Fills in bytes that the sketch left open.
    #[inline(always)]
    fn fill(&mut self, at: usize, bytes: &[u8]) {
        self.vectors.as_mut_bytes()[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

impl Outside {
    /// As [`fits`](Self::fits), where the Ethernet header has `HEADER` bytes, behind which nothing counts.
    #[inline(always)]
    pub(super) fn fits_header_of<const HEADER: usize>(&self, frame: &[u8]) -> bool {
        if HEADER <= VECTOR { self.begins::<1>(frame) } else { self.fits(frame) }
    }
}

/// How frames of an interface begin: its Ethernet address, and its tag, if they have one.
#[derive(Clone, Copy)]
pub(super) struct Link {
    pub(super) mac: MacAddr,
    pub(super) tag: Option<u16>,
}

impl Link {
    /// Frames with anything inside.
    #[inline(always)]
    pub(super) fn outside(self) -> Outside {
        const SHAPES: [Outside; 2] = [Sketch::ethernet(false).shape(), Sketch::ethernet(true).shape()];
        self.of(&SHAPES)
    }

    /// Frames with NVGRE over IPv4 to an address (host byte order).
    #[inline(always)]
    pub(super) fn over_ipv4(self, destination: u32) -> OverIpv4 {
        const SHAPES: [OverIpv4; 2] = [over_ipv4(false), over_ipv4(true)];
        let mut shape = self.of(&SHAPES);
        shape.fill(self.header() + ipv4::HEADER - 4, &destination.to_be_bytes());
        shape
    }

    /// Frames with NVGRE over IPv6 to an address.
    #[inline(always)]
    pub(super) fn over_ipv6(self, destination: u128) -> OverIpv6 {
        const SHAPES: [OverIpv6; 2] = [over_ipv6(false), over_ipv6(true)];
        let mut shape = self.of(&SHAPES);
        shape.fill(self.header() + ipv6::HEADER - 16, &destination.to_be_bytes());
        shape
    }

    /// Length of the Ethernet header.
    #[inline(always)]
    const fn header(self) -> usize {
        ethernet::HEADER + if self.tag.is_some() { ethernet::TAG } else { 0 }
    }

    #[inline(always)]
    fn of<const N: usize>(self, [untagged, tagged]: &[Shape<N>; 2]) -> Shape<N> {
        let mut shape = *untagged;
        if let Some(vlan) = self.tag {
            shape = *tagged;
            shape.fill(ethernet::HEADER, &vlan.to_be_bytes());
        }
        shape.fill(0, &self.mac.0);
        shape
    }
}

const fn over_ipv4(tagged: bool) -> OverIpv4 {
    Sketch::ethernet(tagged)
        .bytes(&ethernet::IPV4.to_be_bytes())
        // Version and header length; TOS, length, identification.
        .bytes(&[0x45])
        .any(5)
        // All flags but "more fragments", and no offset.
        .bits(&[0, 0], &[0x3f, 0xff])
        .any(1)
        .bytes(&[ipv4::GRE])
        // Checksum, source.
        .any(6)
        .open(4)
        .nvgre()
        .shape()
}

const fn over_ipv6(tagged: bool) -> OverIpv6 {
    Sketch::ethernet(tagged)
        .bytes(&ethernet::IPV6.to_be_bytes())
        // Version; traffic class, flow label, length.
        .bits(&[0x60], &[0xf0])
        .any(5)
        .bytes(&[ipv4::GRE])
        // Hop limit, source.
        .any(1 + 16)
        .open(16)
        .nvgre()
        .shape()
}

/// A shape in the making, from the frame's first byte on.
struct Sketch {
    bytes: [u8; BYTES],
    mask: [u8; BYTES],
    at: usize,
}

impl Sketch {
    /// The Ethernet header, but for what it says of what follows.
    const fn ethernet(tagged: bool) -> Self {
        let sketch = Self { bytes: [0; _], mask: [0; _], at: 0 }.open(6).any(6);
        if tagged {
            // The tag's highest bits are priority and drop eligibility.
            sketch.bytes(&ethernet::VLAN.to_be_bytes()).bits(&[0, 0], &[0x0f, 0xff])
        } else {
            sketch
        }
    }

    const fn nvgre(self) -> Self {
        self.bits(&gre::WORD.to_be_bytes(), &gre::SIGNIFICANT.to_be_bytes())
    }

    /// Next come bytes that have these bits where `mask` has ones.
    const fn bits(mut self, bytes: &[u8], mask: &[u8]) -> Self {
        let mut at = 0;
        while at < bytes.len() {
            self.bytes[self.at] = bytes[at];
            self.mask[self.at] = mask[at];
            self.at += 1;
            at += 1;
        }
        self
    }

    /// Next come these bytes.
    const fn bytes(mut self, bytes: &[u8]) -> Self {
        let mut at = 0;
        while at < bytes.len() {
            self = self.bits(&[bytes[at]], &[0xff]);
            at += 1;
        }
        self
    }

    /// Next come so many bytes that count and are yet to be filled in.
    const fn open(mut self, length: usize) -> Self {
        let end = self.at + length;
        while self.at < end {
            self = self.bytes(&[0]);
        }
        self
    }

    /// Next come so many bytes, whatever they are.
    const fn any(mut self, length: usize) -> Self {
        self.at += length;
        self
    }

    const fn shape<const N: usize>(&self) -> Shape<N> {
        let (vectors, masks) = (self.bytes.as_chunks::<VECTOR>().0, self.mask.as_chunks::<VECTOR>().0);
        let mut shape = Shape { vectors: [[0; _]; N], masks: [[0; _]; N] };
        let mut at = 0;
        while at < N {
            shape.vectors[at] = vectors[at];
            shape.masks[at] = masks[at];
            at += 1;
        }
        shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: MacAddr = MacAddr([0x02, 0x15, 0x5d, 0, 0, 0x05]);

    /// Flips each bit of a frame's first bytes: it keeps its shape where the bit is one that may differ.
    fn only_these_may_differ<const N: usize>(
        shape: &Shape<N>,
        frame: &[u8],
        may_differ: impl Fn(usize, u8) -> bool,
    ) {
        assert!(shape.fits(frame));
        assert!(!Shape::<N>::NONE.fits(frame));
        assert!(!shape.fits(&frame[..VECTOR * N - 1]), "cut off");
        for at in 0..VECTOR * N {
            for bit in 0..8 {
                let mut other = frame.to_vec();
                other[at] ^= 1 << bit;
                assert_eq!(shape.fits(&other), may_differ(at, bit), "byte {at}, bit {bit}");
            }
        }
    }

    /// Ethernet, with 802.1Q or without, and what follows.
    fn frame(tag: Option<[u8; 2]>, rest: &[&[u8]]) -> Vec<u8> {
        let mut frame = [&MAC.0[..], &[0x02, 9, 9, 9, 9, 9]].concat();
        if let Some(control) = tag {
            frame.extend([0x81, 0x00]);
            frame.extend(control);
        }
        frame.extend(rest.concat());
        frame.resize(120, 0x55);
        frame
    }

    const GRE: [u8; 8] = [0x20, 0x00, 0x65, 0x58, 0x00, 0x13, 0x89, 0x2a];

    /// Bits of the GRE header that a receiver does not look at: RFC 2784 §2.3 (bits 6 to 12) and the key.
    fn is_free_in_gre(at: usize, bit: u8) -> bool {
        match at {
            0 => bit < 2,
            1 => bit >= 3,
            _ => at >= 4,
        }
    }

    #[test]
    fn over_ipv4_everything_counts_but_what_packets_differ_in() {
        let ip = [
            0x45, 0xb8, 0x00, 0x66, 0x12, 0x34, 0x40, 0x00, 64, 47, 0xab, 0xcd, 100, 64, 0, 1, 100, 64, 255,
            254,
        ];
        for (tag, l3) in [(None, 14), (Some([0xa0, 100]), 18)] {
            let frame = frame(tag, &[&[0x08, 0x00], &ip, &GRE]);
            let shape = Link { mac: MAC, tag: tag.map(|_| 100) }.over_ipv4(0x6440_fffe);
            only_these_may_differ(&shape, &frame, |at, bit| match at {
                // Ethernet source; priority and drop eligibility.
                6..=11 => true,
                14 if l3 == 18 => bit >= 4,
                _ if at < l3 => false,
                // TOS, length, identification; flags but "more fragments"; TTL; checksum, source.
                _ => match at - l3 {
                    1..=5 | 8 | 10..=15 => true,
                    6 => bit >= 6,
                    gre @ 20..=27 => is_free_in_gre(gre - 20, bit),
                    behind => behind >= 28,
                },
            });
        }
    }

    #[test]
    fn over_ipv6_everything_counts_but_what_packets_differ_in() {
        let destination = 0x2001_0db8_00ff_0000_0000_0000_0000_fffe_u128;
        let ip =
            [&[0x6b, 0x81, 0x23, 0x45, 0, 62, 47, 64][..], &[0x20; 16], &destination.to_be_bytes()].concat();
        for (tag, l3) in [(None, 14), (Some([0x60, 0x07]), 18)] {
            let frame = frame(tag, &[&[0x86, 0xdd], &ip, &GRE]);
            let shape = Link { mac: MAC, tag: tag.map(|_| 7) }.over_ipv6(destination);
            only_these_may_differ(&shape, &frame, |at, bit| match at {
                6..=11 => true,
                14 if l3 == 18 => bit >= 4,
                _ if at < l3 => false,
                // Traffic class, flow label, length; hop limit, source.
                _ => match at - l3 {
                    0 => bit < 4,
                    1..=5 | 7..=23 => true,
                    gre @ 40..=47 => is_free_in_gre(gre - 40, bit),
                    behind => behind >= 48,
                },
            });
        }
    }

    #[test]
    fn outside_the_station_and_the_tag_count() {
        let untagged = frame(None, &[&[0x08, 0x00, 0x45]]);
        let shape = Link { mac: MAC, tag: None }.outside();
        only_these_may_differ(&shape, &untagged, |at, _| at >= 6);
        for at in 0..untagged.len() {
            let mut other = untagged.clone();
            other[at] ^= 1;
            assert_eq!(shape.fits_header_of::<{ ethernet::HEADER }>(&other), at >= 6, "byte {at}");
        }
        let tagged = frame(Some([0, 100]), &[&[0x86, 0xdd, 0x60]]);
        let shape = Link { mac: MAC, tag: Some(100) }.outside();
        only_these_may_differ(&shape, &tagged, |at, bit| match at {
            12 | 13 | 15 => false,
            14 => bit >= 4,
            _ => at >= 6,
        });
    }
}
