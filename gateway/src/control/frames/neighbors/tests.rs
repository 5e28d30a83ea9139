use super::*;
use crate::control::fixture::ip;

const OURS: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xa0]);
const THEIRS: MacAddr = MacAddr([2, 0, 0, 0, 0, 0x0b]);

#[test]
fn an_arp_request_on_a_vlan() {
    let link = Link { mac: OURS, vlan: 20 };
    let frame = link.ask(None, ip("100.64.20.10"), ip("100.64.20.2")).expect("one family");
    #[rustfmt::skip]
    assert_eq!(frame, [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0xa0, 0x81, 0, 0, 20, 0x08, 0x06,
        0, 1, 0x08, 0, 6, 4, 0, 1,
        2, 0, 0, 0, 0, 0xa0, 100, 64, 20, 10,
        0, 0, 0, 0, 0, 0, 100, 64, 20, 2,
    ]);
    let again = link.ask(Some(THEIRS), ip("100.64.20.10"), ip("100.64.20.2")).expect("one family");
    assert_eq!((&again[..6], &again[6..]), (&THEIRS.0[..], &frame[6..]));
}

#[test]
fn an_arp_probe_claims_nothing_and_an_announcement_does() {
    let link = Link { mac: OURS, vlan: 0 };
    #[rustfmt::skip]
    let mut expected = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0xa0, 0x08, 0x06,
        0, 1, 0x08, 0, 6, 4, 0, 1,
        2, 0, 0, 0, 0, 0xa0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 100, 64, 20, 10,
    ];
    assert_eq!(link.probe(ip("100.64.20.10")), expected);
    expected[28..32].copy_from_slice(&[100, 64, 20, 10]);
    assert_eq!(link.announcement(ip("100.64.20.10")), expected);
}

#[test]
fn an_untagged_arp_reply() {
    let frame =
        Link { mac: OURS, vlan: 0 }.answer(ip("10.0.0.1"), THEIRS, Some(ip("10.0.0.9"))).expect("one family");
    #[rustfmt::skip]
    assert_eq!(frame, [
        2, 0, 0, 0, 0, 0x0b, 2, 0, 0, 0, 0, 0xa0, 0x08, 0x06,
        0, 1, 0x08, 0, 6, 4, 0, 2,
        2, 0, 0, 0, 0, 0xa0, 10, 0, 0, 1,
        2, 0, 0, 0, 0, 0x0b, 10, 0, 0, 9,
    ]);
}

#[test]
fn a_neighbour_solicitation_on_a_vlan() {
    let link = Link { mac: OURS, vlan: 20 };
    let frame = link.ask(None, ip("2001:db8:20::a"), ip("2001:db8:20::2")).expect("one family");
    // scapy: Ether(src=OURS, dst="33:33:ff:00:00:02")/Dot1Q(vlan=20)/IPv6(src="2001:db8:20::a",
    // dst="ff02::1:ff00:2", hlim=255)/ICMPv6ND_NS(tgt="2001:db8:20::2")/ICMPv6NDOptSrcLLAddr(lladdr=OURS)
    #[rustfmt::skip]
    assert_eq!(frame, [
        0x33, 0x33, 0xff, 0, 0, 2, 2, 0, 0, 0, 0, 0xa0, 0x81, 0, 0, 20, 0x86, 0xdd,
        0x60, 0, 0, 0, 0, 32, 58, 255,
        0x20, 1, 0x0d, 0xb8, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0a,
        0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 2,
        0x87, 0, 0x1b, 0x3f, 0, 0, 0, 0,
        0x20, 1, 0x0d, 0xb8, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
        1, 1, 2, 0, 0, 0, 0, 0xa0,
    ]);
    let again = link.ask(Some(THEIRS), ip("2001:db8:20::a"), ip("2001:db8:20::2")).expect("one family");
    // Likewise with dst=THEIRS and dst="2001:db8:20::2".
    assert_eq!(again[..6], THEIRS.0);
    assert_eq!(again[42..58], [0x20, 1, 0x0d, 0xb8, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    assert_eq!((&again[58..62], &again[62..]), (&[0x87, 0, 0xeb, 0x6a][..], &frame[62..]));
}

#[test]
fn a_probe_has_no_source_and_an_announcement_is_for_all() {
    let link = Link { mac: OURS, vlan: 0 };
    // scapy: Ether(src=OURS, dst="33:33:ff:00:00:0a")/IPv6(src="::", dst="ff02::1:ff00:a", hlim=255)/
    // ICMPv6ND_NS(tgt="2001:db8:20::a")
    #[rustfmt::skip]
    assert_eq!(link.probe(ip("2001:db8:20::a")), [
        0x33, 0x33, 0xff, 0, 0, 0x0a, 2, 0, 0, 0, 0, 0xa0, 0x86, 0xdd,
        0x60, 0, 0, 0, 0, 24, 58, 255,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0x0a,
        0x87, 0, 0x4c, 0xbb, 0, 0, 0, 0,
        0x20, 1, 0x0d, 0xb8, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0a,
    ]);
    // scapy: Ether(src=OURS, dst="33:33:00:00:00:01")/IPv6(src="2001:db8:20::a", dst="ff02::1", hlim=255)/
    // ICMPv6ND_NA(tgt="2001:db8:20::a", R=1, S=0, O=1)/ICMPv6NDOptDstLLAddr(lladdr=OURS)
    #[rustfmt::skip]
    let announcement = [
        0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0xa0, 0x86, 0xdd,
        0x60, 0, 0, 0, 0, 32, 58, 255,
        0x20, 1, 0x0d, 0xb8, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0a,
        0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
        0x88, 0, 0x78, 0x39, 0xa0, 0, 0, 0,
        0x20, 1, 0x0d, 0xb8, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0a,
        2, 1, 2, 0, 0, 0, 0, 0xa0,
    ];
    assert_eq!(link.announcement(ip("2001:db8:20::a")), announcement);
    let to_nobody = link.answer(ip("2001:db8:20::a"), THEIRS, None).expect("an answer");
    assert_eq!(to_nobody, announcement, "who has no address yet hears it with all others");
}

#[test]
fn an_answer_to_a_solicitation() {
    let link = Link { mac: OURS, vlan: 0 };
    let answer = link.answer(ip("2001:db8:20::a"), THEIRS, Some(ip("2001:db8:20::2"))).expect("one family");
    // scapy: Ether(src=OURS, dst=THEIRS)/IPv6(src="2001:db8:20::a", dst="2001:db8:20::2", hlim=255)/
    // ICMPv6ND_NA(tgt="2001:db8:20::a", R=1, S=1, O=1)/ICMPv6NDOptDstLLAddr(lladdr=OURS)
    #[rustfmt::skip]
    assert_eq!(answer, [
        2, 0, 0, 0, 0, 0x0b, 2, 0, 0, 0, 0, 0xa0, 0x86, 0xdd,
        0x60, 0, 0, 0, 0, 32, 58, 255,
        0x20, 1, 0x0d, 0xb8, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0a,
        0x20, 1, 0x0d, 0xb8, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
        0x88, 0, 0x09, 0x62, 0xe0, 0, 0, 0,
        0x20, 1, 0x0d, 0xb8, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0a,
        2, 1, 2, 0, 0, 0, 0, 0xa0,
    ]);
}

#[test]
fn what_is_written_is_read() {
    let (a, b) = (ip("2001:db8:20::a"), ip("2001:db8:20::2"));
    let link = Link { mac: THEIRS, vlan: 20 };
    let asked = link.ask(None, b, a).expect("one family");
    let told = Some(Told::Solicitation(THEIRS));
    assert_eq!(word(&asked), Some(Word { station: THEIRS, sender: Some(b), told, asks: Some(a) }));
    let wanted = Word { station: THEIRS, sender: None, told: None, asks: Some(a) };
    assert_eq!(word(&link.probe(a)), Some(wanted));
    let told = Some(Told::Advertisement { mac: Some(THEIRS), solicited: true, overrides: true });
    let answer = link.answer(b, OURS, Some(a)).expect("one family");
    assert_eq!(word(&answer), Some(Word { station: THEIRS, sender: Some(b), told, asks: None }));
    let arp = link.ask(None, ip("10.0.0.2"), ip("10.0.0.1")).expect("one family");
    let (sender, asks) = (Some(ip("10.0.0.2")), Some(ip("10.0.0.1")));
    assert_eq!(word(&arp), Some(Word { station: THEIRS, sender, told: Some(Told::Arp(THEIRS)), asks }));
    let probe = Word { station: THEIRS, sender: None, told: None, asks };
    assert_eq!(word(&link.probe(ip("10.0.0.1"))), Some(probe));
    for frame in [asked, answer, arp] {
        for length in 0..frame.len() - 1 {
            assert_eq!(word(&frame[..length]), None, "{length} bytes");
        }
    }
}
