use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use nvgw_types::{InterfaceId, VrfId, Vsid};
use proptest::prelude::*;

use super::*;
use crate::tables::exchange::IcmpError;
use crate::telemetry::DropReason;

const WIRE0: PortId = PortId(0);
const WIRE1: PortId = PortId(1);
const PROVIDER: IpAddr = IpAddr::V4(Ipv4Addr::new(100, 64, 0, 1));

/// The packets of a class that come from a place, its number even for networks and odd for tenants.
fn punt(class: PuntClass, place: u8, next_hop: u32) -> Punt {
    let (interface, vrf) = (InterfaceId(u16::from(place / 2)), VrfId(u32::from(place / 2)));
    let ingress = if place.is_multiple_of(2) { Ingress::Outside(interface) } else { Ingress::Tenant(vrf) };
    let vsid = Vsid::new(5001).expect("a VSID");
    match class {
        PuntClass::Neighbor => Punt::Neighbor { interface },
        PuntClass::Local => Punt::Local { interface },
        PuntClass::OverlayNeighbor | PuntClass::OverlayLocal => Punt::Overlay { vsid, vrf },
        PuntClass::OverlayLinkLocal => Punt::LinkLocal { vsid, vrf, provider: PROVIDER },
        PuntClass::Learn => {
            Punt::Learn { vsid, vrf, provider: PROVIDER, reason: DropReason::SourceRecordMissing }
        }
        PuntClass::Unresolved => Punt::Unresolved { neighbor: NeighborId(next_hop), ingress },
        PuntClass::Error => Punt::Error { error: IcmpError::TimeExceeded, ingress },
    }
}

fn admitted(
    police: &mut Police,
    now: Millis,
    port: PortId,
    class: PuntClass,
    punt: &Punt,
    asked: u64,
) -> u64 {
    (0..asked).map(|_| u64::from(police.admits(now, port, class, punt))).sum()
}

/// More than any bucket holds.
const FLOOD: u64 = 5_000;

#[test]
fn a_burst_at_once_then_the_rate_and_no_part_of_the_time_is_lost() {
    for &class in PuntClass::ALL {
        let mut police = Police::new(&TableLimits::FEW);
        let punt = punt(class, 3, 7);
        let Rate { gap, burst } = allowed(class).each;
        let mut flood = |now| admitted(&mut police, Millis(now), WIRE0, class, &punt, FLOOD);
        assert_eq!(flood(5), burst, "{class}");
        assert_eq!(flood(5), 0, "{class}");
        let later: u64 = (6..=1_005).map(&mut flood).sum();
        assert_eq!(later, 1_000_000 / gap, "{class}");
        assert_eq!(flood(1_000_000), burst, "{class}: no more is saved up");
    }
}

#[test]
fn a_flood_takes_nothing_from_other_classes_ports_networks_and_tenants() {
    for &flooding in PuntClass::ALL {
        let mut police = Police::new(&TableLimits::FEW);
        let flood = punt(flooding, 3, 7);
        for now in 0..1_500 {
            admitted(&mut police, Millis(now), WIRE0, flooding, &flood, 20);
            if now % 10 > 0 {
                continue;
            }
            for &class in PuntClass::ALL {
                let other = punt(class, 5, 8);
                assert!(
                    police.admits(Millis(now), WIRE0, class, &other),
                    "{class} beside {flooding} at {now}"
                );
                if class != flooding {
                    let same_place = punt(class, 3, 9);
                    assert!(
                        police.admits(Millis(now), WIRE1, class, &same_place),
                        "{class} beside {flooding}"
                    );
                }
            }
        }
    }
}

#[test]
fn an_unknown_next_hop_takes_nothing_from_another_whoever_asks_for_it() {
    let mut police = Police::new(&TableLimits::FEW);
    let class = PuntClass::Unresolved;
    for now in 0..1_500 {
        // Together, these send more than one next hop is allowed.
        for tenant in [0, 1, 2, 3, 5, 7] {
            admitted(&mut police, Millis(now), WIRE0, class, &punt(class, tenant, 0), 50);
        }
        for neighbor in 1..4 {
            if now % 10 == 0 {
                assert!(police.admits(Millis(now), WIRE0, class, &punt(class, 9, neighbor)), "{now}");
            }
        }
    }
}

#[test]
fn next_hops_in_a_row_have_buckets_of_their_own() {
    let hosts = u32::MAX - u32::from(u16::MAX);
    for first in [0, 1_000_000, hosts] {
        let places: BTreeSet<_> = (first..first + 1_500).map(|id| place(NeighborId(id))).collect();
        assert_eq!(places.len(), 1_500);
    }
}

#[test]
fn what_is_not_in_the_tables_is_not_admitted() {
    let mut police = Police::new(&TableLimits::FEW);
    assert!(!police.admits(Millis(0), PortId(9), PuntClass::Neighbor, &punt(PuntClass::Neighbor, 0, 0)));
    assert!(!police.admits(Millis(0), WIRE0, PuntClass::Learn, &punt(PuntClass::Learn, 255, 0)));
}

/// Which bucket a packet took a token from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Port(u16, PuntClass),
    Place(bool, u32, PuntClass),
    NextHop(usize),
}

proptest! {
    #[test]
    fn no_span_of_time_sees_more_than_it_may(
        steps in proptest::collection::vec((0..50_u64, 0..2_u16, 0..PuntClass::COUNT, 0..10_u8, 0..3_u32, 1..2_000_u64), 1..60),
    ) {
        let (mut police, mut now) = (Police::new(&TableLimits::FEW), 0);
        let mut passed: BTreeMap<Key, Vec<(u64, u64)>> = BTreeMap::new();
        for (gap, port, class, place_of, next_hop, packets) in steps {
            now += gap;
            let class = PuntClass::ALL[class];
            let punt = punt(class, place_of, next_hop);
            let passing = admitted(&mut police, Millis(now), PortId(port), class, &punt, packets);
            let of_place = match punt.ingress() {
                Ingress::Tenant(vrf) => Key::Place(true, vrf.0, class),
                Ingress::Outside(interface) => Key::Place(false, interface.0.into(), class),
            };
            let mut keys = vec![(Key::Port(port, class), allowed(class).port), (of_place, allowed(class).each)];
            if let Punt::Unresolved { neighbor, .. } = punt {
                keys.push((Key::NextHop(place(neighbor)), NEXT_HOP));
            }
            for (key, Rate { gap, burst }) in keys {
                let times = passed.entry(key).or_default();
                times.push((now, passing));
                let mut sum = 0;
                for (earlier, packets) in times.iter().rev() {
                    sum += packets;
                    prop_assert!(sum <= burst + (now - earlier) * 1_000 / gap, "{key:?} from {earlier} to {now}");
                }
            }
        }
    }

    #[test]
    fn a_refusal_takes_no_token(packets in 1..3_000_u64) {
        let class = PuntClass::Learn;
        let mut police = Police::new(&TableLimits::FEW);
        let (red, blue) = (punt(class, 1, 0), punt(class, 3, 0));
        let of_red = admitted(&mut police, Millis(0), WIRE0, class, &red, packets);
        let room = allowed(class).port.burst - of_red;
        let of_blue = admitted(&mut police, Millis(0), WIRE0, class, &blue, FLOOD);
        prop_assert_eq!(of_blue, room.min(allowed(class).each.burst));
    }
}
