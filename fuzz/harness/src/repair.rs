//! Lengths and checksums made right again, so that variations of a frame get further than its first check.

/// Makes the lengths and checksums of a frame fit it, from the outside in, as deep as its headers are known.
pub(crate) fn repair(frame: &mut [u8]) {
    let tagged = frame.get(12..14) == Some(&[0x81, 0]);
    ethernet(frame, if tagged { 16 } else { 12 });
}

/// A frame whose EtherType is at `at`.
fn ethernet(frame: &mut [u8], at: usize) {
    let Some((head, packet)) = frame.split_at_mut_checked(at + 2) else { return };
    match head[at..] {
        [0x08, 0x00] => ipv4(packet),
        [0x86, 0xdd] => ipv6(packet),
        _ => {}
    }
}

fn ipv4(packet: &mut [u8]) {
    if packet.len() < 20 {
        return;
    }
    let header = usize::from(packet[0] & 0x0f).clamp(5, packet.len() / 4) * 4;
    packet[0] = 0x40 | (header / 4) as u8;
    let total = packet.len() as u16;
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    let (protocol, later) = (packet[9], packet[6] & 0x1f != 0 || packet[7] != 0);
    let (head, payload) = packet.split_at_mut(header);
    if !later {
        match protocol {
            47 => gre(payload),
            1 => put_sum(payload, 2, 0),
            _ => {}
        }
    }
    put_sum(head, 10, 0);
}

fn ipv6(packet: &mut [u8]) {
    if packet.len() < 40 {
        return;
    }
    packet[0] = 0x60 | packet[0] & 0x0f;
    let (head, payload) = packet.split_at_mut(40);
    let length = payload.len() as u16;
    head[4..6].copy_from_slice(&length.to_be_bytes());
    let (mut next, mut rest) = (head[6], payload);
    // Options, routing.
    while let (0 | 43 | 60, Some(&[behind, eights])) = (next, rest.first_chunk()) {
        let length = (usize::from(eights) + 1) * 8;
        let Some((_, after)) = rest.split_at_mut_checked(length) else { return };
        (next, rest) = (behind, after);
    }
    match next {
        47 => gre(rest),
        58 => {
            let addresses = sum(&head[8..40]);
            let length = rest.len() as u64;
            put_sum(rest, 2, addresses + length + 58);
        }
        _ => {}
    }
}

fn gre(packet: &mut [u8]) {
    if packet.get(2..4) == Some(&[0x65, 0x58]) {
        ethernet(&mut packet[4..], 4 + 12);
    }
}

/// Writes the internet checksum of some bytes, to whose sum `more` is added, into them at `at`.
fn put_sum(bytes: &mut [u8], at: usize, more: u64) {
    if bytes.len() < at + 2 {
        return;
    }
    bytes[at..at + 2].fill(0);
    let mut total = sum(bytes) + more;
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    bytes[at..at + 2].copy_from_slice(&(!total as u16).to_be_bytes());
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.chunks(2).map(|word| u64::from(word[0]) << 8 | u64::from(word.get(1).copied().unwrap_or(0))).sum()
}
