//! What is left to devices: the checksum of the outer IPv4 header, and nothing else.

use std::net::Ipv4Addr;

use nvgw_types::PortId;

use crate::directions::{DOCUMENT, UNREACHED, VM, WEB, from_vm, from_web};
use crate::harness::{Gateway, Output, PORTS};
use crate::wire::{IPV4, Ip, UDP, checksum, ethernet};

/// Where the outer IPv4 header is, and its checksum.
const HEADER: std::ops::Range<usize> = 14..34;
const CHECKSUM: std::ops::Range<usize> = 24..26;

/// What leaves, by port, and what is for the control side, where devices sum headers or do not.
fn forward(sums_headers: bool, port: u16, document: &str, frames: &[Vec<u8>]) -> Vec<(Output, Vec<u8>)> {
    let config = nvgw_config::parse(document, "document").expect("a right document");
    let Gateway { control: _control, mut worker } =
        Gateway::with_devices(config, sums_headers).expect("it fits");
    let mut seen = Vec::new();
    worker.run(PortId(port), frames, |output, frame| seen.push((output, frame.to_vec())));
    seen
}

/// Fills in, as a device does it, the checksum of an outer header that has none.
fn by_device(mut frame: Vec<u8>) -> Vec<u8> {
    assert_eq!(frame[CHECKSUM], [0, 0], "a device wants to find nothing there");
    let sum = checksum(&frame[HEADER]);
    frame[CHECKSUM].copy_from_slice(&sum.to_be_bytes());
    frame
}

#[test]
fn the_device_fills_in_what_is_missing_of_frames_to_vms() {
    for (port, frames) in [(1, vec![from_web(VM), from_web(VM)]), (0, vec![from_vm(VM), from_vm(VM)])] {
        let software = forward(false, port, DOCUMENT, &frames);
        let left: Vec<_> = forward(true, port, DOCUMENT, &frames)
            .into_iter()
            .map(|(output, frame)| (output, by_device(frame)))
            .collect();
        assert_eq!(software.len(), 2);
        assert_eq!(left, software);
    }
}

#[test]
fn fragments_have_outer_headers_of_their_own() {
    let narrow = DOCUMENT.replace("mtu: 1600", "mtu: 600");
    let packet = Ip { fragment: 0, ..Ip::new(WEB.into(), VM.into(), UDP) }.packet(&[9; 1200]);
    let frame = ethernet(PORTS[1], [2, 0, 0, 0, 0x30, 1], None, IPV4, &packet);
    let software = forward(false, 1, &narrow, std::slice::from_ref(&frame));
    assert_eq!(software.len(), 3);
    let left: Vec<_> = forward(true, 1, &narrow, &[frame])
        .into_iter()
        .map(|(output, frame)| (output, by_device(frame)))
        .collect();
    assert_eq!(left, software);
}

#[test]
fn everything_else_is_complete() {
    let complete = |port, destination: fn(Ipv4Addr) -> Vec<u8>, to| {
        let software = forward(false, port, DOCUMENT, &[destination(to)]);
        assert_eq!(software.len(), 1);
        assert_eq!(forward(true, port, DOCUMENT, &[destination(to)]), software);
    };
    // A routed packet: its checksum is mended, or what was wrong with it would be hidden.
    complete(0, from_vm, WEB);
    // What waits for its next hop's address.
    complete(1, from_web, UNREACHED);
}
