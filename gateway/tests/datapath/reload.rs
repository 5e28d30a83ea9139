//! A worker that forwards without a pause while the configuration changes under it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use gateway::control::{ControlError, Egress, Nanos, ReloadError};
use nvgw_config::Config;
use nvgw_types::PortId;

use crate::harness::{Gateway, Output, PORTS, Worker};
use crate::model::{External, Model, Net, Network, ProviderRoute, Record, Senders, Site, Subnet, Tenant};
use crate::oracle::Fate;
use crate::wire::{BRIDGED, GRE, IPV4, Ip, KEY_PRESENT, UDP, ethernet, gre};

const RELOADS: u64 = 400;

/// How often a burst has each of its frames.
const REPEATS: usize = 12;

/// The tenants, in the order of the document.
const STAYS: usize = 0;
const MOVES: usize = 1;

const VM: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 1, 5));
const WEB: IpAddr = IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8));
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 77));

fn site(number: u8) -> Site {
    let subnet = Net::new(100, 64, number, 0, 24);
    Site { port: 0, vlan: Some(number.into()), subnet, own: vec![subnet.host(9)], gateway: None, mtu: 1600 }
}

fn public(number: usize) -> Net {
    Net::new(203, 0, 113, number as u8 * 16, 28)
}

fn tenant(number: usize, provider: IpAddr, last_mac: u8) -> Tenant {
    let private = Net::new(10, 0, 1, 0, 24);
    let vsid = 5000 + number as u32 * 10;
    let record = |vsid, address| Record {
        vsid,
        address,
        mac: [2, 0x15, 0x5d, 0, number as u8, last_mac],
        provider,
        flow_zero: Some(true),
    };
    Tenant {
        gateway_mac: [2, 0, 0x5e, 0, 1, 1],
        senders: Senders::Strict,
        subnets: vec![
            Subnet { vsid, networks: vec![(private, private.host(0))] },
            Subnet { vsid: vsid + 1, networks: vec![(public(number), public(number).host(0))] },
        ],
        records: vec![record(vsid, VM), record(vsid + 1, public(number).host(4))],
        routes: vec![],
        external: 0,
        public: vec![public(number)],
    }
}

/// One state of the gateway: `moved` says where the VMs of [`MOVES`] are, `others` how many tenants come after it.
fn model(moved: bool, others: usize) -> Model {
    let (one, other) = (site(20), site(21));
    let (here, there) = (one.subnet.host(29), other.subnet.host(30));
    let mut tenants = vec![tenant(STAYS, here, 1)];
    tenants.push(if moved { tenant(MOVES, there, 2) } else { tenant(MOVES, here, 1) });
    tenants.extend((0..others).map(|number| tenant(MOVES + 1 + number, here, 1)));
    let internet = Net::new(198, 18, 0, 2, 24);
    let mut routes: Vec<_> =
        (0..others as u8).map(|n| (Net::new(8, 8, n, 0, 24), internet.host(0))).collect();
    let mut neighbors = vec![
        (Network::Site(0), here, [2, 0, 0, 0, 0x20, 1]),
        (Network::Site(1), there, [2, 0, 0, 0, 0x21, 1]),
        (Network::External(0), internet.host(0), [2, 0, 0, 0, 0x30, 1]),
    ];
    if others > 0 {
        // A more special route to where the default route leads as well, and neighbours that nobody asks for.
        routes.push((Net::new(8, 0, 0, 0, 8), internet.host(0)));
        neighbors.push((Network::External(0), internet.host(40), [2, 0, 0, 0, 0x30, 40]));
    }
    Model {
        provider_routes: (0..others as u8)
            .map(|n| ProviderRoute {
                prefix: Net::new(100, 65, n, 0, 24),
                site: 0,
                next_hop: here,
                metric: 0,
            })
            .collect(),
        sites: vec![one, other],
        externals: vec![External {
            port: 1,
            vlan: None,
            gateways: vec![internet.host(0)],
            own: vec![internet],
            routes,
            tenant: None,
            mtu: 1500,
        }],
        tenants,
        neighbors,
        outer_ttl: 64,
        flow_zero: true,
        allow_reserved: false,
        peers: vec![],
        pipe: None,
        ecn_compatible: false,
    }
}

fn config(model: &Model) -> Config {
    let document = model.document();
    nvgw_config::parse(&document, "model").unwrap_or_else(|problems| panic!("{problems}"))
}

/// A packet of a tenant's VM, whose host is where `model` has it.
fn from_vm(model: &Model, tenant: usize, destination: IpAddr) -> Vec<u8> {
    let tenant = &model.tenants[tenant];
    let record = &tenant.records[0];
    let inner = Ip::new(VM, destination, UDP).packet(&[tenant.subnets[0].vsid as u8; 40]);
    let inner = ethernet(tenant.gateway_mac, record.mac, None, IPV4, &inner);
    let outer = Ip::new(record.provider, model.sites[0].own[0], GRE);
    let outer = outer.packet(&gre(KEY_PRESENT, BRIDGED, record.vsid, 0, &inner));
    ethernet(PORTS[0], [2, 0, 0, 0, 0x20, 1], Some(20), IPV4, &outer)
}

/// A packet from the internet to a tenant's public VM.
fn from_outside(tenant: usize) -> Vec<u8> {
    let packet = Ip::new(CLIENT, public(tenant).host(4), UDP).packet(&[tenant as u8; 40]);
    ethernet(PORTS[1], [2, 0, 0, 0, 0x30, 1], None, IPV4, &packet)
}

/// A frame that left, and its port.
type Sent = (PortId, Vec<u8>);

/// A burst, and what each of its frames may become; `None`: it may be dropped.
struct Scene {
    port: PortId,
    frames: Vec<Vec<u8>>,
    /// How often each output must come.
    always: BTreeMap<Sent, usize>,
    /// Outputs of which each frame has one or, in between, none.
    perhaps: Vec<Sent>,
}

impl Scene {
    fn new(states: &[Model], port: u16, steady: &[Vec<u8>], others: &[Vec<u8>]) -> Self {
        let sent = |model: &Model, frame: &Vec<u8>| match model.fate(usize::from(port), frame) {
            Fate::Sent(by, wrapped) => Some((PortId(by as u16), wrapped[0].bytes.clone())),
            Fate::Dropped(_) => None,
            fate => panic!("not to be tested here: {fate:?}"),
        };
        let mut always = BTreeMap::new();
        for frame in steady {
            let mut outputs: Vec<_> = states.iter().map(|model| sent(model, frame)).collect();
            outputs.dedup();
            let [Some(output)] = &outputs[..] else { panic!("it changes: {outputs:02x?}") };
            *always.entry(output.clone()).or_default() += REPEATS;
        }
        let perhaps = others.iter().flat_map(|frame| states.iter().filter_map(move |m| sent(m, frame)));
        let frames = std::iter::repeat_n([steady, others].concat(), REPEATS).flatten().collect();
        Self { port: PortId(port), frames, always, perhaps: perhaps.collect() }
    }

    /// Runs the burst once and holds what comes out against what may; notes which of `perhaps` there were.
    fn play(&self, worker: &mut Worker, seen: &mut BTreeMap<usize, u64>) {
        let mut missing = self.always.clone();
        worker.run(self.port, &self.frames, |output, bytes| {
            let Output::Sent(by) = output else { panic!("for the control side: {output:?}") };
            let output = (by, bytes.to_vec());
            if let Some(left) = missing.get_mut(&output) {
                *left = left.checked_sub(1).expect("no frame comes twice");
                return;
            }
            let found = self.perhaps.iter().position(|other| *other == output);
            let index = found.unwrap_or_else(|| panic!("neither old nor new: {output:02x?}"));
            *seen.entry(index).or_default() += 1;
        });
        assert!(missing.values().all(|left| *left == 0), "lost: {missing:02x?}");
    }
}

/// Nothing is sent by the control side: every next hop is given.
pub(crate) struct Nowhere;

impl Egress for Nowhere {
    fn transmit(&mut self, _: PortId, frame: &[u8]) -> bool {
        panic!("the control side sends {frame:02x?}");
    }
}

/// The states that reloads go through, in a circle.
fn states() -> [Model; 4] {
    [model(false, 0), model(true, 8), model(false, 8), model(true, 0)]
}

/// Bursts by both ports, in which frames that stay are among frames that change.
fn scenes(states: &[Model; 4]) -> [Scene; 2] {
    let last = MOVES + 1 + 7;
    [
        Scene::new(
            states,
            0,
            &[from_vm(&states[0], STAYS, WEB), from_vm(&states[0], STAYS, public(STAYS).host(4))],
            &[
                from_vm(&states[0], MOVES, WEB),
                from_vm(&states[0], STAYS, public(MOVES).host(4)),
                from_vm(&states[1], last, WEB),
            ],
        ),
        Scene::new(states, 1, &[from_outside(STAYS)], &[from_outside(MOVES), from_outside(last)]),
    ]
}

#[test]
fn what_stays_loses_nothing_while_others_come_and_go() {
    let states = states();
    let scenes = scenes(&states);
    let Gateway { mut control, mut worker } = Gateway::new(config(&states[0])).expect("it fits");
    let configs: Vec<Config> = states.iter().map(config).collect();
    let (rounds, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let seen = thread::scope(|threads| {
        let forwarding = threads.spawn(|| {
            let mut seen = [BTreeMap::new(), BTreeMap::new()];
            while !stop.load(Ordering::Relaxed) {
                for (scene, seen) in scenes.iter().zip(&mut seen) {
                    scene.play(&mut worker, seen);
                }
                rounds.fetch_add(1, Ordering::Release);
            }
            seen
        });
        for reload in 1..=RELOADS {
            let config = configs[reload as usize % configs.len()].clone();
            let applied = control.reload(config, Nanos(reload), &mut Nowhere).expect("every state fits");
            assert!(!applied.is_empty());
            control.tick(Nanos(reload), &mut Nowhere);
            // Every state is at work for at least one whole round.
            let now = rounds.load(Ordering::Acquire);
            while rounds.load(Ordering::Acquire) < now + 2 && !forwarding.is_finished() {
                thread::yield_now();
            }
        }
        stop.store(true, Ordering::Relaxed);
        forwarding.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    for (scene, seen) in scenes.iter().zip(&seen) {
        for (index, output) in scene.perhaps.iter().enumerate() {
            let first = scene.perhaps.iter().position(|other| other == output);
            let count = first.and_then(|first| seen.get(&first)).copied().unwrap_or(0);
            assert!(count > 0, "never seen, {index}: {output:02x?}");
        }
    }
    assert_eq!(worker.pool.in_use(), 0);
}

#[test]
fn a_worker_that_stands_still_holds_up_changes_and_loses_nothing() {
    /// Far more than there are free entries for.
    const ENOUGH: u64 = 20_000;
    let states = states();
    let scenes = scenes(&states);
    let Gateway { mut control, mut worker } = Gateway::new(config(&states[0])).expect("it fits");
    let configs = states.each_ref().map(config);
    let mut reload =
        |n: u64| control.reload(configs[n as usize % configs.len()].clone(), Nanos(n), &mut Nowhere);
    // What the worker may still look at is not used again, however often the configuration changes.
    let refused = {
        let _section = worker.readers.section();
        (1..ENOUGH).find_map(|n| reload(n).err()).expect("every entry waits for the worker")
    };
    assert!(matches!(refused, ReloadError::Refused(ControlError::Incomplete(_))), "{refused:?}");

    let play = |worker: &mut Worker| {
        scenes.iter().for_each(|scene| scene.play(worker, &mut BTreeMap::new()));
    };
    play(&mut worker);
    for n in 1..=4 {
        reload(n).expect("the worker has moved on");
        play(&mut worker);
    }
    assert_eq!(worker.pool.in_use(), 0);
}
