use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use dpdk_bindings::{EalOptions, Hugepages, Mempool, MempoolOptions, Reuse};
use nvgw_config::Rss;

use super::*;
use crate::nat::share::Division;
use crate::packet::ipv4::{self, Ipv4};
use crate::tables::grace::LocalGrace;
use crate::tables::set::{TableLimits, tables};
use zerocopy::IntoBytes;

const NOTHING: Capabilities = Capabilities {
    rx_ipv4_checksum: false,
    rx_transport_checksum: false,
    tx_ipv4_checksum: false,
    tx_transport_checksum: false,
    tx_segments: false,
    rss: false,
    rss_innermost: false,
};

/// A card with as many queues as there are workers, which hashes outer headers, on the provider network.
const CARD: Facts = Facts {
    asked: Rss::Auto,
    workers: 4,
    queues: 4,
    carries_nvgre: true,
    is_virtual: false,
    capabilities: Capabilities { rss: true, ..NOTHING },
};

fn decide(facts: Facts, rules: bool) -> Scaling {
    Scaling::decide(&facts, || rules)
}

#[test]
fn the_device_spreads_what_it_can_tell_apart() {
    let innermost = Capabilities { rss_innermost: true, ..CARD.capabilities };
    assert_eq!(decide(Facts { capabilities: innermost, ..CARD }, false), Scaling::InnerHash);
    assert_eq!(decide(CARD, true), Scaling::FlowRules);
    assert_eq!(decide(Facts { carries_nvgre: false, ..CARD }, false), Scaling::OuterHash);
}

#[test]
fn software_spreads_what_the_device_cannot() {
    assert_eq!(decide(CARD, false), Scaling::Software(Why::OuterOnly));
    assert_eq!(decide(Facts { queues: 3, ..CARD }, true), Scaling::Software(Why::FewQueues));
    assert_eq!(decide(Facts { capabilities: NOTHING, ..CARD }, true), Scaling::Software(Why::NoHash));
    let external = Facts { queues: 1, carries_nvgre: false, ..CARD };
    assert_eq!(decide(external, true), Scaling::Software(Why::FewQueues));
}

#[test]
fn the_queues_of_virtual_devices_are_chosen_by_whoever_is_behind_them() {
    let tap = Facts { is_virtual: true, capabilities: NOTHING, ..CARD };
    assert_eq!(decide(tap, false), Scaling::Peer);
    assert_eq!(decide(Facts { queues: 1, ..tap }, false), Scaling::Software(Why::FewQueues));
}

#[test]
fn the_configuration_has_its_way() {
    let innermost = Capabilities { rss_innermost: true, ..CARD.capabilities };
    let software = Facts { asked: Rss::Software, capabilities: innermost, ..CARD };
    assert_eq!(decide(software, true), Scaling::Software(Why::Asked));
    let device = Facts { asked: Rss::Device, ..CARD };
    assert_eq!(decide(device, false), Scaling::OuterHash);
    assert_eq!(decide(Facts { queues: 1, ..device }, false), Scaling::OuterHash);
    assert_eq!(decide(Facts { capabilities: NOTHING, ..device }, false), Scaling::Peer);
}

#[test]
fn one_worker_gets_everything_whatever_is_asked() {
    for asked in [Rss::Auto, Rss::Device, Rss::Software] {
        let facts = Facts { asked, workers: 1, queues: 1, ..CARD };
        let never = || unreachable!("nothing is asked of the device");
        assert_eq!(Scaling::decide(&facts, never), Scaling::Alone);
    }
}

/// The one DPDK of the process.
fn eal() -> &'static Eal {
    static EAL: OnceLock<Eal> = OnceLock::new();
    EAL.get_or_init(|| {
        let options = EalOptions {
            program: "scaling-tests".to_owned(),
            hugepages: Hugepages::Off,
            memory_mb: 64,
            ..EalOptions::default()
        };
        Eal::init(&options).expect("DPDK starts")
    })
}

/// A packet of a flow, which its source port tells.
fn frame(flow: u16, number: u32) -> Vec<u8> {
    let payload = [&flow.to_be_bytes()[..], &[0, 80, 0, 12, 0, 0], &number.to_be_bytes()].concat();
    let header = Ipv4::new([192, 0, 2, 1].into(), [192, 0, 2, 2].into(), ipv4::UDP, 64, payload.len() as u16);
    [&[2; 12][..], &[0x08, 0x00], header.as_bytes(), &payload].concat()
}

/// The flow and the number of a packet.
fn read(frame: &[u8]) -> (u16, u32) {
    let flow = u16::from_be_bytes(*frame[34..].first_chunk().expect("a port"));
    (flow, u32::from_be_bytes(*frame[42..].first_chunk().expect("a number")))
}

/// What a worker saw: the numbers of each flow's packets, in their order.
#[derive(Default)]
struct Seen(BTreeMap<u16, Vec<u32>>);

impl Seen {
    fn note(&mut self, burst: &mut Burst) {
        for mbuf in burst.drain() {
            let (flow, number) = read(mbuf.data());
            self.0.entry(flow).or_default().push(number);
        }
    }

    fn packets(&self) -> u64 {
        self.0.values().map(|numbers| numbers.len() as u64).sum()
    }
}

#[test]
fn flows_go_to_one_worker_each_in_their_order_and_what_is_lost_is_counted() {
    const FLOWS: u16 = 64;
    const BURSTS: u32 = 2_000;
    // More than half of the counter has changed in between.
    const POLLED: u64 = 0x5_ffff_fff0;
    const FETCHED: u64 = 0x6_0000_1000;
    let (_writers, readers) = tables(TableLimits::FEW, 1).expect("memory");
    let plan = Plan { division: Division::new(2, 7), seed: 9 };
    let mut ends = ways(eal(), &readers, plan, &[true, false]).expect("rings").into_iter();
    let (mut giver, mut taker) = (ends.next().expect("a worker"), ends.next().expect("a worker"));
    let mut giving = giver.giving.take().expect("it receives");
    assert_eq!((giver.taking.sources(), taker.taking.sources()), (0, 1));
    let shape =
        MempoolOptions { mbufs: 8191, cache: 0, reuse: Reuse::NewestFirst, ..MempoolOptions::default() };
    let pool = Mempool::new(eal(), "frames", &shape).expect("a pool");
    let [ours, theirs] = [(); 2].map(|()| Counters::new(1, 0));

    let port = PortId(0);
    let (mut kept, mut taken) = (Seen::default(), Seen::default());
    let sent = u64::from(BURSTS) * u64::from(FLOWS);
    let finished = AtomicBool::new(false);
    let done = |taken| finished.load(Ordering::Acquire) && ours.handed_out.get() == taken;
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut burst = Burst::new();
            while !done(taken.packets()) {
                if taker.taking.fetch(&theirs) == 0 {
                    thread::yield_now();
                }
                while let Some((from, polled)) = taker.taking.take(FETCHED, &mut burst) {
                    assert_eq!((from, polled), (port, POLLED));
                    taken.note(&mut burst);
                }
            }
        });
        let grace = LocalGrace::new();
        let mut reader = grace.reader();
        let mut burst = Burst::new();
        for number in 0..BURSTS {
            for flow in 0..FLOWS {
                let mbuf = pool.mbuf_from(&frame(flow, number)).expect("a buffer");
                burst.push(mbuf).expect("room for a burst");
            }
            kept.note(giving.give(&reader.section(), (port, POLLED), &mut burst, &ours));
            assert!(burst.is_empty());
        }
        finished.store(true, Ordering::Release);
    });

    let lost = ours.dropped(DropReason::HandOverFull);
    assert_eq!(kept.packets() + taken.packets() + lost, sent);
    assert_eq!((ours.handed_out.get(), theirs.taken_over.get()), (taken.packets(), taken.packets()));
    assert_eq!(ours.port(port).rx.get().packets, lost, "whoever gets a packet counts it");
    assert_eq!(ours.stage(Stage::Spread).packets.get(), sent);
    assert!(kept.0.len() > 4 && taken.0.len() > 32, "{} and {} flows", kept.0.len(), taken.0.len());
    assert!(kept.0.keys().all(|flow| !taken.0.contains_key(flow)), "a flow of two workers");
    for numbers in kept.0.values().chain(taken.0.values()) {
        assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    }
    assert_eq!(pool.in_use(), 0);
}
