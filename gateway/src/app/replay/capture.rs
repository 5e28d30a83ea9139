//! Captures: pcap and pcapng in, pcap out.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use nvgw_types::PortId;
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};

use crate::control::Nanos;

/// Why a capture was refused.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no capture, or a broken one.
    #[error("{path}: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// A packet of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    /// When it was captured: since the epoch as the file says, since the [start](Traffic::start) once in a [`Traffic`].
    pub(super) time: Nanos,
    /// The port it enters by.
    pub(super) port: PortId,
    /// Its bytes, as many as were captured.
    pub(super) bytes: Box<[u8]>,
}

/// The packets of all captures, in the order in which they enter.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// When virtual time starts, since the epoch: with the first packet.
    pub(super) start: Nanos,
    /// The packets, by virtual time; ties as they were given.
    pub(super) frames: Vec<Frame>,
}

impl Traffic {
    /// Puts packets with times since the epoch in order.
    pub(super) fn new(mut frames: Vec<Frame>) -> Self {
        frames.sort_by_key(|frame| frame.time);
        let start = frames.first().map_or(Nanos::default(), |frame| frame.time);
        for frame in &mut frames {
            frame.time = Nanos::default().after(frame.time.since(start));
        }
        Self { start, frames }
    }
}

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;

/// Appends all packets of a capture, in the order of the file.
///
/// # Errors
/// A file that cannot be read, is neither pcap nor pcapng, holds something other than Ethernet, or breaks off.
pub(super) fn read(path: &Path, port: PortId, frames: &mut Vec<Frame>) -> Result<(), CaptureError> {
    let io = |source| CaptureError::Io { path: path.to_owned(), source };
    let format = |reason: String| CaptureError::Format { path: path.to_owned(), reason };
    let file = File::open(path).map_err(io)?;
    let mut reader = match create_reader(1 << 20, file) {
        Ok(reader) => reader,
        Err(PcapError::ReadError) => return Err(io(io::Error::other("cannot be read"))),
        Err(_) => return Err(format("neither a pcap nor a pcapng capture".into())),
    };
    let mut clock = Clock::default();
    let mut number = 0_u64;
    loop {
        match reader.next() {
            Ok((length, block)) => {
                if let Some((time, bytes)) = clock.packet(&block).map_err(&format)? {
                    number += 1;
                    frames.push(Frame { time, port, bytes: bytes.into() });
                }
                reader.consume(length);
            }
            Err(PcapError::Eof) => return Ok(()),
            Err(PcapError::Incomplete(_)) => {
                if reader.reader_exhausted() {
                    return Err(format(format!("breaks off after packet {number}")));
                }
                reader.refill().map_err(|_| io(io::Error::other("cannot be read")))?;
            }
            Err(PcapError::BufferTooSmall) => {
                let larger = reader.data().len().max(1 << 20) * 2;
                if larger > 1 << 28 || !reader.grow(larger) {
                    return Err(format(format!("packet {} is too long", number + 1)));
                }
            }
            Err(PcapError::UnexpectedEof) => {
                return Err(format(format!("breaks off after packet {number}")));
            }
            Err(_) => return Err(format(format!("makes no sense after packet {number}"))),
        }
    }
}

/// How the capture's packets read: by file for pcap, by interface for pcapng.
#[derive(Default)]
struct Clock {
    nanoseconds: bool,
    /// Bytes of check sequence at the end of each packet.
    fcs: usize,
    interfaces: Vec<Interface>,
}

struct Interface {
    ethernet: bool,
    units_per_second: u64,
    offset: i64,
}

impl Clock {
    /// Time and bytes of a block that holds a packet.
    fn packet<'a>(&mut self, block: &'a PcapBlockOwned<'_>) -> Result<Option<(Nanos, &'a [u8])>, String> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                let link = LinkType::of(header.network);
                ethernet(link.kind)?;
                self.fcs = link.fcs;
                self.nanoseconds = header.is_nanosecond_precision();
                Ok(None)
            }
            PcapBlockOwned::Legacy(packet) => {
                let unit = if self.nanoseconds { 1 } else { 1000 };
                let time = u64::from(packet.ts_sec) * SECOND + u64::from(packet.ts_usec) * unit;
                let original = (packet.origlen as usize).saturating_sub(self.fcs);
                let length = packet.data.len().min(packet.caplen as usize).min(original);
                Ok(Some((Nanos(time), &packet.data[..length])))
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => {
                self.interfaces.clear();
                Ok(None)
            }
            PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                self.interfaces.push(Interface {
                    ethernet: ethernet(interface.linktype).is_ok(),
                    units_per_second: interface
                        .ts_resolution()
                        .filter(|units| *units > 0)
                        .ok_or("has an interface whose time resolution makes no sense")?,
                    offset: interface.ts_offset(),
                });
                Ok(None)
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let interface = self.interfaces.get(packet.if_id as usize).ok_or_else(|| {
                    format!("has a packet of interface {}, which it does not describe", packet.if_id)
                })?;
                if !interface.ethernet {
                    return Err(NOT_ETHERNET.into());
                }
                let units = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                Ok(Some((interface.time(units), packet.packet_data())))
            }
            PcapBlockOwned::NG(Block::SimplePacket(_)) => {
                Err("has packets without time stamps (simple packet blocks), which cannot be put in order"
                    .into())
            }
            PcapBlockOwned::NG(_) => Ok(None),
        }
    }
}

impl Interface {
    /// A time stamp of this interface since the epoch.
    fn time(&self, units: u64) -> Nanos {
        let seconds = (units / self.units_per_second).saturating_add_signed(self.offset);
        let rest = u128::from(units % self.units_per_second) * u128::from(SECOND)
            / u128::from(self.units_per_second);
        Nanos(seconds.saturating_mul(SECOND).saturating_add(rest as u64))
    }
}

/// The link-type word of a pcap file: the lower half is the type, the upper bits may say that packets end with their
/// check sequence, and how many 16-bit words that has.
struct LinkType {
    kind: Linktype,
    fcs: usize,
}

impl LinkType {
    fn of(Linktype(word): Linktype) -> Self {
        const FCS_IS_KNOWN: i32 = 0x0400_0000;
        let words = if word & FCS_IS_KNOWN == 0 { 0 } else { word as u32 >> 28 };
        Self { kind: Linktype(word & 0xffff), fcs: words as usize * 2 }
    }
}

const NOT_ETHERNET: &str = "holds something other than Ethernet frames";

fn ethernet(link: Linktype) -> Result<(), String> {
    if link == Linktype::ETHERNET { Ok(()) } else { Err(format!("{NOT_ETHERNET} (link type {})", link.0)) }
}

/// A pcap file that is being written: microseconds, Ethernet.
pub(super) struct Writer {
    path: PathBuf,
    file: BufWriter<File>,
    start: Nanos,
    fcs: bool,
}

/// The shortest Ethernet frame, without its check sequence.
const SHORTEST: usize = 60;

impl Writer {
    /// Creates the file and writes its header. Virtual time starts at `start`, since the epoch. With `fcs`, frames are
    /// written as the wire has them: padded to 60 bytes, and followed by their check sequence.
    pub(super) fn create(path: PathBuf, start: Nanos, fcs: bool) -> Result<Self, CaptureError> {
        let create = || {
            let mut file = BufWriter::new(File::create(&path)?);
            file.write_all(&0xa1b2_c3d4_u32.to_le_bytes())?;
            file.write_all(&2_u16.to_le_bytes())?;
            file.write_all(&4_u16.to_le_bytes())?;
            file.write_all(&[0; 8])?;
            file.write_all(&262_144_u32.to_le_bytes())?;
            // The upper bits say how long the check sequence is, in 16-bit words, and that it is known.
            let link: u32 = if fcs { 0x2400_0001 } else { 1 };
            file.write_all(&link.to_le_bytes())?;
            Ok(file)
        };
        match create() {
            Ok(file) => Ok(Self { path, file, start, fcs }),
            Err(source) => Err(CaptureError::Io { path, source }),
        }
    }

    /// Writes a frame that leaves at a virtual time.
    pub(super) fn write(&mut self, now: Nanos, frame: &[u8]) -> Result<(), CaptureError> {
        let time = self.start.after(now.since(Nanos::default()));
        let tail = if self.fcs { tail(frame) } else { Vec::new() };
        let mut write = || {
            let length = (frame.len() + tail.len()) as u32;
            self.file.write_all(&((time.0 / SECOND) as u32).to_le_bytes())?;
            self.file.write_all(&((time.0 % SECOND / 1000) as u32).to_le_bytes())?;
            self.file.write_all(&length.to_le_bytes())?;
            self.file.write_all(&length.to_le_bytes())?;
            self.file.write_all(frame)?;
            self.file.write_all(&tail)
        };
        write().map_err(|source| CaptureError::Io { path: self.path.clone(), source })
    }

    /// Writes what is still in memory.
    pub(super) fn finish(mut self) -> Result<(), CaptureError> {
        self.file.flush().map_err(|source| CaptureError::Io { path: self.path, source })
    }
}

/// Padding and check sequence of a frame (IEEE 802.3 §3.2.8, §3.2.9).
fn tail(frame: &[u8]) -> Vec<u8> {
    let mut tail = vec![0; SHORTEST.saturating_sub(frame.len())];
    let mut crc = crc32fast::Hasher::new();
    crc.update(frame);
    crc.update(&tail);
    tail.extend(crc.finalize().to_le_bytes());
    tail
}
