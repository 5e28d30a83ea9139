//! A worker takes nothing from the heap and gives nothing back, whatever comes in.

#[path = "datapath/harness.rs"]
mod harness;
#[path = "datapath/wire.rs"]
mod wire;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use gateway::telemetry::DropReason;
use harness::{Gateway, Output, PORTS, Worker};
use nvgw_types::PortId;
use wire::{BRIDGED, GRE, IPV4, Ip, KEY_PRESENT, UDP, ethernet, gre};

/// The system's allocator, which counts for each thread.
struct Counting;

/// What a thread took from the heap and gave back to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Heap {
    allocations: u64,
    frees: u64,
}

thread_local! {
    static HEAP: Cell<Heap> = const { Cell::new(Heap { allocations: 0, frees: 0 }) };
}

// SAFETY: the system's allocator does the work; `realloc` and `alloc_zeroed` come back to these two.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let heap = HEAP.get();
        HEAP.set(Heap { allocations: heap.allocations + 1, ..heap });
        // SAFETY: as the caller vouches.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        let heap = HEAP.get();
        HEAP.set(Heap { frees: heap.frees + 1, ..heap });
        // SAFETY: as the caller vouches.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn heap_use(work: impl FnOnce()) -> Heap {
    let before = HEAP.get();
    work();
    let after = HEAP.get();
    Heap { allocations: after.allocations - before.allocations, frees: after.frees - before.frees }
}

const DOCUMENT: &str = "
system: { control-core: 0, worker-cores: [1], limits: { vsids: 16, records: 16, external-routes: 16 } }
ports:
  - { name: wire0, device: net_null0, mtu: 1600 }
  - { name: wire1, device: net_null1 }
provider:
  sites:
    - { name: site, port: wire0, vlan: 20, subnet: 100.64.20.0/24, addresses: [100.64.20.10] }
external:
  - { name: internet, port: wire1, addresses: [198.18.0.2/24], gateway: 198.18.0.1 }
tenants:
  - name: red
    gateway-mac: 02:00:5e:00:01:01
    subnets:
      - { vsid: 5001, prefix: 10.0.1.0/24, gateway: 10.0.1.1 }
      - { vsid: 5002, prefix: 203.0.113.0/28, gateway: 203.0.113.1 }
    records:
      - { vsid: 5001, address: 10.0.1.5, mac: 02:15:5d:00:00:05, provider-address: 100.64.20.30 }
      - { vsid: 5002, address: 203.0.113.5, mac: 02:15:5d:00:00:06, provider-address: 100.64.20.31 }
    public-prefixes: [203.0.113.0/28]
  - name: blue
    gateway-mac: 02:00:5e:00:01:01
    subnets:
      - { vsid: 6001, prefix: 10.0.1.0/24, gateway: 10.0.1.1 }
    records:
      - { vsid: 6001, address: 10.0.1.5, mac: 02:15:5d:00:00:05, provider-address: 100.64.20.30 }
    nat: { pools: [{ addresses: 198.51.100.16/28, block-size: 64 }] }
neighbors:
  - { network: site, address: 100.64.20.30, mac: 02:00:00:00:20:1e }
  - { network: internet, address: 198.18.0.1, mac: 02:00:00:00:30:01 }
";

const VM: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 1, 5));
const PUBLIC_VM: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 5));
const GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 1, 1));
const WEB: IpAddr = IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8));
/// A compute host, and our provider address.
const HOST: IpAddr = IpAddr::V4(Ipv4Addr::new(100, 64, 20, 30));
const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(100, 64, 20, 10));

/// A frame of the VM.
fn from_vm(destination: IpAddr, vsid: u32, ttl: u8) -> Vec<u8> {
    let inner = Ip { ttl, ..Ip::new(VM, destination, UDP) }.packet(&[7; 40]);
    let inner = ethernet([2, 0, 0x5e, 0, 1, 1], [2, 0x15, 0x5d, 0, 0, 5], None, IPV4, &inner);
    let outer = Ip::new(HOST, OURS, GRE);
    let outer = outer.packet(&gre(KEY_PRESENT, BRIDGED, vsid, 1, &inner));
    ethernet(PORTS[0], [2, 0, 0, 0, 0x20, 0x1e], Some(20), IPV4, &outer)
}

/// A frame from the internet.
fn from_outside(destination: IpAddr) -> Vec<u8> {
    let ip = Ip::new(WEB, destination, UDP);
    ethernet(PORTS[1], [2, 0, 0, 0, 0x30, 1], None, ip.ethertype(), &ip.packet(&[9; 40]))
}

/// Bursts that take every way through the datapath, with the port they come in by.
fn bursts() -> [(PortId, Vec<Vec<u8>>); 2] {
    let vm = [
        from_vm(WEB, 5001, 64),
        from_vm(WEB, 5002, 64),
        // Its next hop is not known.
        from_vm(PUBLIC_VM, 5001, 64),
        from_vm(VM, 5001, 64),
        // For the gateway itself, and for nobody.
        from_vm(GATEWAY, 5001, 64),
        from_vm(Ipv4Addr::new(10, 0, 1, 9).into(), 5001, 64),
        from_vm(WEB, 5001, 1),
        from_vm(WEB, 7777, 64),
        vec![0xff; 60],
    ];
    let outside = [from_outside(PUBLIC_VM), from_outside(WEB), vec![2; 10]];
    let burst = |kinds: &[Vec<u8>]| kinds.iter().cycle().take(64).cloned().collect();
    [(PortId(0), burst(&vm)), (PortId(1), burst(&outside))]
}

/// Bursts of translated packets: customers' ports by the hundred, each a session that comes and rests when the pool has
/// no more, and packets from outside to public ports.
fn translated() -> Vec<(PortId, Vec<Vec<u8>>)> {
    let from_vm = |port: u16| {
        let payload = [&port.to_be_bytes()[..], &[0, 80, 0, 28, 0, 0], &[7; 20]].concat();
        let inner = Ip::new(VM, WEB, UDP).packet(&payload);
        let inner = ethernet([2, 0, 0x5e, 0, 1, 1], [2, 0x15, 0x5d, 0, 0, 5], None, IPV4, &inner);
        let outer = Ip::new(HOST, OURS, GRE);
        let outer = outer.packet(&gre(KEY_PRESENT, BRIDGED, 6001, 1, &inner));
        ethernet(PORTS[0], [2, 0, 0, 0, 0x20, 0x1e], Some(20), IPV4, &outer)
    };
    let from_outside = |port: u16| {
        let payload = [&[0, 80][..], &port.to_be_bytes(), &[0, 28, 0, 0], &[7; 20]].concat();
        let packet = Ip::new(WEB, Ipv4Addr::new(198, 51, 100, 16).into(), UDP).packet(&payload);
        ethernet(PORTS[1], [2, 0, 0, 0, 0x30, 1], None, IPV4, &packet)
    };
    let ports = |from: u16| from..from + 64;
    let out = (0..64).map(|n| (PortId(0), ports(1024 + 64 * n).map(from_vm).collect()));
    let back = (0..64).map(|n| (PortId(1), ports(1024 + 512 * n).map(from_outside).collect()));
    out.chain(back).collect()
}

fn work(worker: &mut Worker, bursts: &[(PortId, Vec<Vec<u8>>)], rounds: u32) -> (u64, u64) {
    let (mut sent, mut punted) = (0, 0);
    for _ in 0..rounds {
        for (port, frames) in bursts {
            worker.run(*port, frames, |output, _| match output {
                Output::Sent(_) => sent += 1,
                Output::Punted(_) => punted += 1,
            });
        }
    }
    (sent, punted)
}

#[test]
fn forwarding_takes_nothing_from_the_heap() {
    let boxed = heap_use(|| drop(black_box(Box::new(1))));
    assert_eq!(boxed, Heap { allocations: 1, frees: 1 }, "the count works");

    let config = nvgw_config::parse(DOCUMENT, "document").expect("a right document");
    let Gateway { control: _control, mut worker } = Gateway::new(config).expect("it fits");
    let bursts = bursts();
    work(&mut worker, &bursts, 10);
    let mut out = (0, 0);
    let used = heap_use(|| out = work(&mut worker, &bursts, 2_000));
    assert_eq!(used, Heap { allocations: 0, frees: 0 });

    let (sent, punted) = out;
    assert!(sent > 0 && punted > 0, "every way was taken: {sent} sent, {punted} to the control side");
    for reason in [
        DropReason::OuterMalformed,
        DropReason::VlanUnknown,
        DropReason::NoPolicyForVsid,
        DropReason::DestinationRecordMissing,
        DropReason::TtlExpired,
        DropReason::Transit,
    ] {
        assert!(worker.counters.dropped(reason) > 0, "{}", reason.name());
    }
    assert_eq!(worker.pool.in_use(), 0);
}

#[test]
fn sessions_take_nothing_from_the_heap() {
    let config = nvgw_config::parse(DOCUMENT, "document").expect("a right document");
    let Gateway { control: _control, mut worker } = Gateway::new(config).expect("it fits");
    // What the test itself needs to look at frames.
    work(&mut worker, &bursts(), 10);
    let bursts = translated();
    let mut out = (0, 0);
    // The very first sessions and their blocks are part of it.
    let used = heap_use(|| out = work(&mut worker, &bursts, 50));
    assert_eq!(used, Heap { allocations: 0, frees: 0 });
    assert!(out.0 > 50 * 64, "{} were translated", out.0);
    assert!(worker.counters.dropped(DropReason::NatNoSession) > 0);
    assert_eq!(worker.pool.in_use(), 0);
}
