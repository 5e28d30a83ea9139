//! Inner frames are scapy's: Ethernet, IPv6, ICMPv6ND_NS and the like, between the VM `02:15:5d:00:00:05` and the
//! gateway `02:00:5e:00:01:01`, whose link-local addresses are made of these.

use super::*;
use crate::control::fixture::{self, Sent, control, ip, vsid};
use crate::tables::exchange::Punt;
use crate::tables::grace::LocalGrace;
use nvgw_config::{Config, LearnLimits, SenderCheck};

const RED: VrfId = VrfId(0);
const NOW: Nanos = Nanos(0);
/// The VM's host, in 100.64.20.0/24, and its Ethernet address.
const HOST: &str = "100.64.20.30";

const ASKS: &str = "\
    3333ff00000102155d00000586dd6000000000203afffe8000000000000000155dfffe000005ff020000000000\
    0000000001ff0000018700922e0000000020010db8000000000000000000000001010102155d000005";
const ANSWER: &str = "\
    02155d00000502005e00010186dd6000000000203aff20010db8000000000000000000000001fe800000000000\
    0000155dfffe00000588007e92e000000020010db8000000000000000000000001020102005e000101";
const ASKS_LINK_LOCAL: &str = "\
    3333ff00010102155d00000586dd6000000000203aff20010db8000000000000000000000005ff020000000000\
    0000000001ff00010187008f4300000000fe8000000000000000005efffe000101010102155d000005";
const ANSWER_LINK_LOCAL: &str = "\
    02155d00000502005e00010186dd6000000000203afffe8000000000000000005efffe00010120010db8000000\
    00000000000000000588004ddfe0000000fe8000000000000000005efffe000101020102005e000101";
const VERIFIES: &str = "\
    02005e00010102155d00000586dd6000000000183aff20010db800000000000000000000000520010db8000000\
    0000000000000000018700ef7a0000000020010db8000000000000000000000001";
const VERIFIED: &str = "\
    02155d00000502005e00010186dd6000000000203aff20010db800000000000000000000000120010db8000000\
    0000000000000000058800ab6fe000000020010db8000000000000000000000001020102005e000101";
const PROBES: &str = "\
    3333ff00000102155d00000586dd6000000000183aff00000000000000000000000000000000ff020000000000\
    0000000001ff00000187004ced0000000020010db8000000000000000000000001";
const DEFENDED: &str = "\
    02155d00000502005e00010186dd6000000000203aff20010db8000000000000000000000001ff020000000000\
    00000000000000000188001a2aa000000020010db8000000000000000000000001020102005e000101";
const SOLICITS: &str = "\
    33330000000202155d00000586dd6000000000103afffe8000000000000000155dfffe000005ff020000000000\
    0000000000000000028500c0f900000000010102155d000005";
const ADVERTISEMENT: &str = "\
    02155d00000502005e00010186dd6000000000403afffe8000000000000000005efffe000101fe800000000000\
    0000155dfffe0000058600b937400023280000000000000000010102005e000101050100000000061603044080\
    00278d0000093a800000000020010db8000000000000000000000000";
const SOLICITS_UNNAMED: &str = "\
    33330000000202155d00000586dd6000000000083aff00000000000000000000000000000000ff020000000000\
    00000000000000000285007bb800000000";
const ADVERTISEMENT_TO_ALL: &str = "\
    02155d00000502005e00010186dd6000000000403afffe8000000000000000005efffe000101ff020000000000\
    000000000000000001860014cf400023280000000000000000010102005e000101050100000000061603044080\
    00278d0000093a800000000020010db8000000000000000000000000";
const ADVERTISEMENT_TO_LEARN: &str = "\
    02155d00000502005e00010186dd6000000000403afffe8000000000000000005efffe000101fe800000000000\
    0000155dfffe0000058600b8f7400023280000000000000000010102005e0001010501000000000616030440c0\
    00278d0000093a800000000020010db8000000000000000000000000";
const PINGS: &str = "\
    02005e00010102155d00000586dd60000000000b3a40fe8000000000000000155dfffe000005fe800000000000\
    0000005efffe0001018000043200070001616263";
const PONG: &str = "\
    02155d00000502005e00010186dd60000000000b3a40fe8000000000000000005efffe000101fe800000000000\
    0000155dfffe0000058100033200070001616263";
const PINGS_FROM_GLOBAL: &str = "\
    02005e00010102155d00000586dd60000000000b3a4020010db8000000000000000000000005fe800000000000\
    0000005efffe0001018000310f00070001616263";
const PONG_TO_GLOBAL: &str = "\
    02155d00000502005e00010186dd60000000000b3a40fe8000000000000000005efffe00010120010db8000000\
    0000000000000000058100300f00070001616263";
const ASKS_OTHER: &str = "\
    3333ff00000902155d00000586dd6000000000203afffe8000000000000000155dfffe000005ff020000000000\
    0000000001ff0000098700921e0000000020010db8000000000000000000000009010102155d000005";
const ASKS_FOR_ANOTHER: &str = "\
    3333ff00000102155d00000586dd6000000000203afffe8000000000000000155dfffe000005ff020000000000\
    0000000001ff0000018700922d0000000020010db8000000000000000000000001010102155d000006";
const CLAIMS: &str = "\
    02005e00010102155d00000586dd6000000000203afffe8000000000000000155dfffe000005fe800000000000\
    0000005efffe000101880011b22000000020010db8000000000000000000000001020102155d000005";

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("hexadecimal") as u8;
    hex.as_bytes().chunks(2).map(|two| digit(two[0]) << 4 | digit(two[1])).collect()
}

fn ready(change: impl FnOnce(&mut Config)) -> Control<LocalGrace> {
    let mut config = fixture::with_ipv6(fixture::config());
    change(&mut config);
    control(config).expect("fits").0
}

/// From the VM's link-local address, or from none.
fn link_local() -> Punt {
    Punt::LinkLocal { vsid: vsid(5001), vrf: RED, provider: ip(HOST) }
}

/// From the VM's own address.
fn known() -> Punt {
    Punt::Overlay { vsid: vsid(5001), vrf: RED }
}

/// The inner frames that are sent for one, each to the VM's host with its VSID.
fn answers(control: &mut Control<LocalGrace>, punt: Punt, frame: &[u8]) -> Vec<Vec<u8>> {
    let mut sent = Sent::default();
    control.handle_punt(NOW, punt, frame, &mut sent);
    let inner = sent.0.into_iter().map(|(port, frame)| {
        assert_eq!((port, &frame[..6]), (0, &[2, 0, 0, 0, 0x20, 0x1e][..]));
        assert_eq!(frame[30..38], [100, 64, 20, 10, 100, 64, 20, 30]);
        assert_eq!(frame[38..46], [0x20, 0, 0x65, 0x58, 0, 0x13, 0x89, 0], "VSID 5001");
        frame[46..].to_vec()
    });
    inner.collect()
}

fn dropped(control: &Control<LocalGrace>, reason: DropReason) -> u64 {
    control.counters().dropped(reason)
}

#[test]
fn a_vm_finds_its_gateway() {
    let mut control = ready(|_| {});
    let cases = [
        (link_local(), ASKS, ANSWER),
        (known(), ASKS_LINK_LOCAL, ANSWER_LINK_LOCAL),
        (known(), VERIFIES, VERIFIED),
        (link_local(), PROBES, DEFENDED),
    ];
    for (number, (punt, question, answer)) in cases.into_iter().enumerate() {
        assert_eq!(answers(&mut control, punt, &bytes(question)), [bytes(answer)], "case {number}");
    }
    let counters = control.counters();
    assert_eq!((counters.consumed.get(), counters.originated.get(), counters.dropped_total()), (4, 4, 0));
}

#[test]
fn a_vm_that_asks_for_routers_hears_of_its_own() {
    let mut control = ready(|_| {});
    assert_eq!(answers(&mut control, link_local(), &bytes(SOLICITS)), [bytes(ADVERTISEMENT)]);
    assert_eq!(answers(&mut control, link_local(), &bytes(SOLICITS_UNNAMED)), [bytes(ADVERTISEMENT_TO_ALL)]);
    let mut silent = ready(|config| config.tenants[0].router_advertisements = false);
    assert!(answers(&mut silent, link_local(), &bytes(SOLICITS)).is_empty());
    assert_eq!(dropped(&silent, DropReason::DiscoveryIgnored), 1);
    assert_eq!(answers(&mut silent, link_local(), &bytes(ASKS)), [bytes(ANSWER)], "but where it is");
}

#[test]
fn a_vm_pings_the_gateways_link_local_address() {
    let mut control = ready(|_| {});
    assert_eq!(answers(&mut control, link_local(), &bytes(PINGS)), [bytes(PONG)]);
    assert_eq!(answers(&mut control, known(), &bytes(PINGS_FROM_GLOBAL)), [bytes(PONG_TO_GLOBAL)]);
}

#[test]
fn only_stations_that_records_vouch_for_are_answered() {
    let mut control = ready(|_| {});
    let elsewhere = Punt::LinkLocal { vsid: vsid(5001), vrf: RED, provider: ip("2001:db8:30::2") };
    let subnet = Punt::LinkLocal { vsid: vsid(5002), vrf: RED, provider: ip(HOST) };
    let mut stranger = bytes(SOLICITS);
    stranger[11] = 0x77;
    for (what, punt, frame) in [
        ("another host's", elsewhere, bytes(SOLICITS)),
        ("another subnet's", subnet, bytes(SOLICITS)),
        ("another station", link_local(), stranger.clone()),
    ] {
        for mode in [SenderCheck::Strict, SenderCheck::LogOnly] {
            let mut control = ready(|config| config.tenants[0].sender_check = mode);
            assert!(answers(&mut control, punt, &frame).is_empty(), "{what}");
            assert_eq!(dropped(&control, DropReason::SourceRecordMissing), 1, "{what}");
        }
    }
    let late = Punt::LinkLocal { vsid: vsid(5001), vrf: VrfId(1), provider: ip(HOST) };
    assert!(answers(&mut control, late, &bytes(SOLICITS)).is_empty(), "its VSID was another tenant's");
    assert_eq!(dropped(&control, DropReason::NoPolicyForVsid), 1);
}

#[test]
fn where_addresses_are_learned_every_vm_of_a_known_host_is_answered_and_may_make_one() {
    let mut control =
        ready(|config| config.tenants[0].sender_check = SenderCheck::Learn(LearnLimits::default()));
    assert_eq!(answers(&mut control, link_local(), &bytes(SOLICITS)), [bytes(ADVERTISEMENT_TO_LEARN)]);
    let before = control.model().records().len();
    let mut stranger = bytes(SOLICITS_UNNAMED);
    stranger[11] = 0x77;
    let mut answer = bytes(ADVERTISEMENT_TO_ALL);
    answer[5] = 0x77;
    let sent = answers(&mut control, link_local(), &stranger);
    assert_eq!((sent.len(), &sent[0][..14]), (1, &answer[..14]));
    assert_eq!(control.model().records().len(), before, "nothing is learned of it");
    let unknown = Punt::LinkLocal { vsid: vsid(5001), vrf: RED, provider: ip("100.64.20.99") };
    assert!(answers(&mut control, unknown, &bytes(SOLICITS)).is_empty());
    assert_eq!(dropped(&control, DropReason::SourceRecordMissing), 1);
}

#[test]
fn what_is_not_for_the_gateway_or_not_right_is_ignored() {
    let mut control = ready(|_| {});
    let (records, neighbors) = (control.model().records().clone(), control.neighbors(NOW));
    let mut routed = bytes(SOLICITS);
    routed[14 + 7] = 254;
    let mut broken = bytes(SOLICITS);
    broken[14 + 40 + 2] ^= 1;
    let cut = bytes(ASKS)[..80].to_vec();
    let cases = [
        ("another VM's address", link_local(), bytes(ASKS_OTHER)),
        ("for another station", link_local(), bytes(ASKS_FOR_ANOTHER)),
        ("a claim", link_local(), bytes(CLAIMS)),
        ("through a router", link_local(), routed),
        ("a wrong checksum", link_local(), broken),
        ("cut off", link_local(), cut),
        ("from an address without a record", known(), bytes(ASKS)),
    ];
    for (number, (what, punt, frame)) in cases.into_iter().enumerate() {
        assert!(answers(&mut control, punt, &frame).is_empty(), "{what}");
        assert_eq!(dropped(&control, DropReason::DiscoveryIgnored), number as u64 + 1, "{what}");
    }
    assert_eq!(
        (control.model().records(), control.neighbors(NOW)),
        (&records, neighbors),
        "nothing comes of it"
    );
    let mut beyond = bytes(PINGS);
    beyond[14 + 24..14 + 40].copy_from_slice(&bytes("20010db8000000000000000000000009"));
    assert!(answers(&mut control, link_local(), &beyond).is_empty());
    assert_eq!(dropped(&control, DropReason::LocalUnsupported), 1);
}

#[test]
fn a_tenant_without_ipv6_has_nothing_to_say() {
    let mut control = control(fixture::config()).expect("fits").0;
    assert!(answers(&mut control, link_local(), &bytes(SOLICITS)).is_empty());
    assert_eq!(dropped(&control, DropReason::SourceRecordMissing), 1);
}

#[test]
fn no_frame_does_harm() {
    let mut control = ready(|_| {});
    let mut handed = 0;
    for frame in [ASKS, ASKS_LINK_LOCAL, VERIFIES, PROBES, SOLICITS, SOLICITS_UNNAMED, PINGS, CLAIMS] {
        let whole = bytes(frame);
        for length in 0..whole.len() {
            for punt in [link_local(), known()] {
                assert!(answers(&mut control, punt, &whole[..length]).is_empty(), "{length} bytes");
                handed += 1;
            }
        }
    }
    assert_eq!(control.counters().dropped_total(), handed);
}
