//! The fields of a segment, at the offsets that the installed DPDK has them.

use std::ptr::NonNull;

use dpdk_sys::rte_mbuf;

/// A segment of a packet that somebody owns. Used only while that packet is borrowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment(NonNull<rte_mbuf>);

macro_rules! fields {
    ($($get:ident, $set:ident: $type:ty = $offset:ident;)+) => {$(
        #[inline]
        pub(super) fn $get(self) -> $type {
            // SAFETY: the field is there, initialized, and nothing writes it meanwhile.
            unsafe { self.field::<$type>(dpdk_sys::$offset).read() }
        }

        #[inline]
        pub(super) fn $set(self, value: $type) {
            // SAFETY: the field is there, and nothing else reads or writes it meanwhile.
            unsafe { self.field::<$type>(dpdk_sys::$offset).write(value) }
        }
    )+};
}

impl Segment {
    /// # Safety
    ///
    /// `mbuf` is a segment of a packet that the caller borrows or owns, and the `Segment` is not
    /// used for longer than that; its `set_…` functions only where the packet is borrowed mutably.
    #[inline]
    pub(super) unsafe fn new(mbuf: NonNull<rte_mbuf>) -> Self {
        Self(mbuf)
    }

    /// # Safety
    ///
    /// `offset` is that of a field of type `T`.
    #[inline]
    unsafe fn field<T>(self, offset: u32) -> *mut T {
        // SAFETY: the field is inside the segment's header.
        unsafe { self.0.as_ptr().byte_add(offset as usize).cast() }
    }

    fields! {
        data_off, set_data_off: u16 = MBUF_DATA_OFF;
        data_len, set_data_len: u16 = MBUF_DATA_LEN;
        pkt_len, set_pkt_len: u32 = MBUF_PKT_LEN;
        nb_segs, set_nb_segs: u16 = MBUF_NB_SEGS;
        ol_flags, set_ol_flags: u64 = MBUF_OL_FLAGS;
    }

    #[inline]
    pub(super) fn port(self) -> u16 {
        // SAFETY: the field is there, initialized, and nothing writes it meanwhile.
        unsafe { self.field::<u16>(dpdk_sys::MBUF_PORT).read() }
    }

    #[inline]
    pub(super) fn rss(self) -> u32 {
        // SAFETY: the field is there, initialized, and nothing writes it meanwhile.
        unsafe { self.field::<u32>(dpdk_sys::MBUF_HASH_RSS).read() }
    }

    #[inline]
    pub(super) fn packet_type(self) -> u32 {
        // SAFETY: the field is there, initialized, and nothing writes it meanwhile.
        unsafe { self.field::<u32>(dpdk_sys::MBUF_PACKET_TYPE).read() }
    }

    #[inline]
    pub(super) fn set_tx_offload(self, value: u64) {
        // SAFETY: the field is there, and nothing else reads or writes it meanwhile.
        unsafe { self.field::<u64>(dpdk_sys::MBUF_TX_OFFLOAD).write(value) }
    }

    /// The segment's first byte.
    #[inline]
    pub(super) fn data(self) -> *mut u8 {
        // SAFETY: the field is there and nothing writes it meanwhile; the offset is inside the
        // buffer.
        unsafe {
            let buffer = self.field::<*mut u8>(dpdk_sys::MBUF_BUF_ADDR).read();
            buffer.add(usize::from(self.data_off()))
        }
    }

    /// Free bytes behind the segment's data.
    #[inline]
    pub(super) fn tailroom(self) -> u16 {
        // SAFETY: the field is there, initialized, and nothing writes it meanwhile.
        let len = unsafe { self.field::<u16>(dpdk_sys::MBUF_BUF_LEN).read() };
        len - self.data_off() - self.data_len()
    }

    #[inline]
    pub(super) fn next(self) -> Option<Self> {
        // SAFETY: the field is there, initialized, and nothing writes it meanwhile; it is NULL or
        // the next segment of the same packet.
        unsafe { self.field::<Option<NonNull<rte_mbuf>>>(dpdk_sys::MBUF_NEXT).read() }.map(Self)
    }

    #[inline]
    pub(super) fn set_next(self, next: Option<Self>) {
        let next = next.map(|segment| segment.0);
        // SAFETY: the field is there, and nothing else reads or writes it meanwhile.
        unsafe { self.field::<Option<NonNull<rte_mbuf>>>(dpdk_sys::MBUF_NEXT).write(next) }
    }

    #[inline]
    pub(super) fn as_non_null(self) -> NonNull<rte_mbuf> {
        self.0
    }
}
