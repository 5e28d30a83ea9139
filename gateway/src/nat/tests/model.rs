//! Random packets of random tenants against a model without tables, wheels and workers, and in worlds with one, two
//! and four workers, which must not differ.

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;

use super::*;

const TENANTS: u32 = 3;
const CUSTOMERS: u32 = 5;
const PUBLICS: u32 = 2;
const BLOCK: u16 = 4096;

#[derive(Debug, Clone, Copy)]
enum Operation {
    Send(Flow, Segment),
    /// From a remote end to one of the public ends that there have been.
    Receive(prop::sample::Index, (u32, u16), Segment),
    Pass(u64),
}

fn remote() -> impl Strategy<Value = (u32, u16)> {
    (0..3_u32, prop_oneof![Just(53), Just(8080)]).prop_map(|(address, port)| (0x0800_0000 + address, port))
}

fn segment() -> impl Strategy<Value = Segment> {
    // Sequence numbers of connections without data: the SYN is 0, all else is 1.
    prop_oneof![
        4 => Just(tcp(SYN, 0, 0)),
        2 => Just(tcp(SYN | ACK, 0, 1)),
        4 => Just(tcp(ACK, 1, 1)),
        2 => Just(tcp(FIN | ACK, 1, 1)),
        1 => Just(tcp(RST | ACK, 1, 1)),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    let flow = (0..TENANTS, 0..CUSTOMERS, 0..3_usize, 0..2_u16, remote());
    let flow = flow.prop_map(|(tenant, customer, protocol, port, remote)| {
        let protocol = Protocol::ALL[protocol];
        Flow { protocol, local: end(VrfId(tenant), CUSTOMER + customer, 3000 + port), remote }
    });
    prop_oneof![
        10 => (flow, segment()).prop_map(|(flow, segment)| Operation::Send(flow, segment)),
        8 => (any::<prop::sample::Index>(), remote(), segment())
            .prop_map(|(which, remote, segment)| Operation::Receive(which, remote, segment)),
        6 => (0..3_000_u64).prop_map(Operation::Pass),
        3 => (0..60_000_u64).prop_map(Operation::Pass),
        1 => (0..700_000_u64).prop_map(Operation::Pass),
    ]
}

fn settings() -> NatSettings {
    NatSettings {
        udp: 130_000,
        udp_well_known: 20_000,
        tcp_established: 500_000,
        tcp_transitory: 60_000,
        tcp_reset: 40_000,
        icmp: 30_000,
        quarantine: 50_000,
        ..NatSettings::default()
    }
}

fn policies() -> [NatPolicy; TENANTS as usize] {
    let pools = [(PUBLIC, PUBLICS)];
    let unlimited = NatQuota::UNLIMITED;
    let filtering = [Filtering::AddressDependent; Protocol::COUNT];
    [
        policy(VrfId(0), &pools),
        NatPolicy {
            filtering,
            of_address: NatQuota { sessions: 5, ports: 4, new_sessions: 3 },
            ..policy(VrfId(1), &pools)
        },
        NatPolicy { of_tenant: NatQuota { sessions: 6, ports: 5, ..unlimited }, ..policy(VrfId(2), &pools) },
    ]
}

fn world(workers: u16) -> World {
    let mut world = World::new(workers, 1024);
    world.settings = settings();
    for number in 0..PUBLICS {
        let range = PortRange { first: 4096, last: 65_535, block: BLOCK };
        world.publish(Public { ports: Some(range), ..public(PUBLIC + number, number) });
    }
    policies().into_iter().for_each(|policy| world.allow(policy));
    world
}

/// A session. For UDP and ICMP the port of the remote end is left out.
#[derive(Debug, Clone, Copy, Default)]
struct Session {
    last: u64,
    deadline: u64,
    timeout: u64,
    syn_in: bool,
    agreed: bool,
    fins: [bool; 2],
    reset: bool,
}

impl Session {
    fn is_closed(&self) -> bool {
        self.reset || self.fins == [true; 2]
    }

    fn tcp_timeout(&self) -> u64 {
        let settings = settings();
        let timeout = match *self {
            Self { reset: true, .. } => settings.tcp_reset,
            Self { fins: [true, true], .. } => settings.tcp_transitory,
            Self { agreed: true, .. } => settings.tcp_established,
            _ => settings.tcp_transitory,
        };
        timeout.into()
    }

    fn refresh(&mut self, now: u64, timeout: u64) {
        (self.last, self.deadline, self.timeout) = (now, now + timeout, timeout);
    }

    fn sent(&mut self, flags: u8, now: u64) {
        if flags & RST != 0 {
            self.reset = true;
        } else if flags & SYN != 0 {
            if self.is_closed() {
                *self = Self { syn_in: flags & ACK != 0, ..Self::default() };
            }
        } else {
            self.reset = false;
            self.fins[0] |= flags & FIN != 0;
            self.agreed |= self.syn_in;
        }
        self.refresh(now, self.tcp_timeout());
    }

    fn received(&mut self, flags: u8, now: u64) {
        if flags & RST != 0 {
            self.reset = true;
        } else if flags & SYN != 0 {
            self.syn_in |= !self.is_closed() && !self.agreed;
        } else if self.syn_in {
            self.agreed = true;
            self.fins[1] |= flags & FIN != 0;
        }
        let timeout = self.tcp_timeout();
        if timeout < self.timeout {
            self.deadline = self.deadline.min(now + timeout);
        } else if timeout > self.timeout {
            self.deadline = self.last + timeout;
        }
        self.timeout = timeout;
    }
}

#[derive(Debug)]
struct Mapping {
    public: Endpoint,
    /// The first is whom a mapping of UDP or ICMP was made for, and it ends with that.
    sessions: Vec<((u32, u16), Session)>,
    clean: bool,
    /// UDP: all remote ports were well known.
    well_known: bool,
    /// When the customer last sent to the first remote address.
    sent_to_first: u64,
}

#[derive(Default)]
struct Model {
    now: u64,
    mappings: HashMap<(Protocol, Endpoint), Mapping>,
    /// Ports that rest, whose they were, and until when.
    resting: Vec<(Protocol, Endpoint, Endpoint, u64)>,
    /// When sessions began.
    begun: Vec<(Endpoint, u64)>,
}

impl Model {
    /// Takes away what has ended by now.
    fn pass(&mut self, now: u64) {
        self.now = now;
        let quarantine = u64::from(settings().quarantine);
        let resting = &mut self.resting;
        self.mappings.retain(|&(protocol, customer), mapping| {
            let over = |session: &Session| session.deadline <= now;
            let end = mapping.sessions.iter().map(|(_, session)| session.deadline).max().expect("a session");
            mapping.clean &=
                mapping.sessions.iter().all(|(_, session)| !over(session) || session.is_closed());
            mapping.sessions.retain(|(_, session)| !over(session));
            if mapping.sessions.is_empty() && !mapping.clean {
                resting.push((protocol, customer, mapping.public, end + quarantine));
            }
            !mapping.sessions.is_empty()
        });
        self.resting.retain(|(.., until)| *until > now);
    }

    fn sessions(&self, of: impl Fn(&Endpoint) -> bool) -> u64 {
        let mappings = self.mappings.iter().filter(|((_, customer), _)| of(customer));
        mappings.map(|(_, mapping)| mapping.sessions.len() as u64).sum()
    }

    /// Ports in use and whose they are.
    fn ports(&self) -> impl Iterator<Item = (Protocol, Endpoint, Endpoint)> {
        let live = self
            .mappings
            .iter()
            .map(|((protocol, customer), mapping)| (*protocol, *customer, mapping.public));
        live.chain(self.resting.iter().map(|&(protocol, customer, public, _)| (protocol, customer, public)))
    }

    /// Blocks in use by a tenant or anybody.
    fn blocks(&self, of: impl Fn(&Endpoint) -> bool) -> BTreeSet<(u32, u16)> {
        let ports = self.ports().filter(|(_, customer, _)| of(customer));
        ports.map(|(_, _, public)| (public.address, public.port / BLOCK)).collect()
    }

    /// Whether one more session is within the limits.
    fn admit(&self, customer: Endpoint, port: bool) -> Result<(), DropReason> {
        let policy = policies()[customer.vrf.index()];
        let same = |other: &Endpoint| other.address == customer.address && other.vrf == customer.vrf;
        let tenant = |other: &Endpoint| other.vrf == customer.vrf;
        // An address without ports is forgotten, with what it began.
        let known = self.ports().any(|(_, other, _)| same(&other));
        let begun = |of: &dyn Fn(&Endpoint) -> bool| {
            let second = self.now / 1000;
            self.begun.iter().filter(|(customer, at)| of(customer) && at / 1000 == second).count()
        };
        let ports = |of: &dyn Fn(&Endpoint) -> bool| self.ports().filter(|(_, other, _)| of(other)).count();
        let (all, each) = (policy.of_tenant, policy.of_address);
        let over = |count: usize, limit: u32| count as u64 >= u64::from(limit);
        if over(begun(&tenant), all.new_sessions) || known && over(begun(&same), each.new_sessions) {
            Err(DropReason::NatRateLimit)
        } else if over(self.sessions(tenant) as usize, all.sessions)
            || over(self.sessions(same) as usize, each.sessions)
        {
            Err(DropReason::NatSessionLimit)
        } else if port && (over(ports(&tenant), all.ports) || over(ports(&same), each.ports)) {
            Err(DropReason::NatPortLimit)
        } else {
            Ok(())
        }
    }

    fn filtered(&self, customer: Endpoint) -> bool {
        policies()[customer.vrf.index()].filtering[0] == Filtering::AddressDependent
    }

    /// What becomes of a customer's packet: the public end that the engine says must be right.
    fn send(
        &mut self,
        flow: Flow,
        segment: Segment,
        said: Result<Endpoint, DropReason>,
        division: &Division,
    ) {
        let key = (flow.protocol, flow.local);
        let now = self.now;
        if !self.mappings.contains_key(&key) {
            let expected = if flow.protocol == Protocol::Tcp && segment.flags != SYN {
                Err(DropReason::NatNoSession)
            } else {
                self.admit(flow.local, true).and_then(|()| self.room(flow.local, division))
            };
            match expected {
                Err(reason) => assert_eq!(said, Err(reason)),
                Ok(()) => {
                    let public = said.expect("a port");
                    self.check_new(flow, public, division);
                    let mapping = Mapping {
                        public,
                        sessions: vec![],
                        clean: true,
                        well_known: true,
                        sent_to_first: now,
                    };
                    self.mappings.insert(key, mapping);
                    self.begin(flow, segment);
                }
            }
            return;
        }
        if flow.protocol == Protocol::Tcp {
            let mapping = self.mappings.get_mut(&key).expect("looked for");
            let known = mapping.sessions.iter_mut().find(|(remote, _)| *remote == flow.remote);
            if let Some((_, session)) = known {
                session.sent(segment.flags, now);
            } else {
                let expected = if segment.flags & SYN == 0 {
                    Err(DropReason::NatNoSession)
                } else {
                    self.admit(flow.local, false)
                };
                if let Err(reason) = expected {
                    assert_eq!(said, Err(reason));
                    return;
                }
                self.begin(flow, segment);
            }
        } else {
            let remote = (flow.remote.0, 0);
            let known = self.mappings[&key].sessions.iter().any(|(other, _)| *other == remote);
            let mut admitted = Ok(());
            if self.filtered(flow.local) && !known {
                admitted = self.admit(flow.local, false);
            }
            let mapping = self.mappings.get_mut(&key).expect("looked for");
            mapping.well_known &= flow.remote.1 < 1024;
            if let Err(reason) = admitted {
                // The class is another one from then on, and the rest of the time with it.
                let timeout = mapping.timeout(flow.protocol);
                let own = &mut mapping.sessions[0].1;
                own.deadline = own.last + timeout;
                assert_eq!(said, Err(reason));
                return;
            }
            if self.filtered(flow.local) && !known {
                self.begin(flow, segment);
            }
            let mapping = self.mappings.get_mut(&key).expect("looked for");
            if mapping.sessions[0].0.0 == remote.0 {
                mapping.sent_to_first = now;
            }
            let timeout = mapping.timeout(flow.protocol);
            for (number, (other, session)) in mapping.sessions.iter_mut().enumerate() {
                if number == 0 || *other == remote {
                    session.refresh(now, timeout);
                }
            }
        }
        assert_eq!(said, Ok(self.mappings[&key].public));
    }

    fn begin(&mut self, flow: Flow, segment: Segment) {
        let now = self.now;
        self.begun.push((flow.local, now));
        let mapping = self.mappings.get_mut(&(flow.protocol, flow.local)).expect("exists");
        let mut session = Session { syn_in: segment.flags & ACK != 0, ..Session::default() };
        if flow.protocol == Protocol::Tcp {
            session.refresh(now, session.tcp_timeout());
            mapping.sessions.push((flow.remote, session));
        } else {
            mapping.well_known &= flow.remote.1 < 1024;
            session.refresh(now, mapping.timeout(flow.protocol));
            mapping.sessions.push(((flow.remote.0, 0), session));
        }
    }

    /// Whether there is a block for a customer.
    fn room(&self, customer: Endpoint, division: &Division) -> Result<(), DropReason> {
        let same = |other: &Endpoint| other.address == customer.address && other.vrf == customer.vrf;
        let shard = division.of_customer(customer.vrf, customer.address);
        let all = self.blocks(|_| true).into_iter();
        let taken = all.filter(|(_, block)| division.of_port(block * BLOCK) == shard).count() as u32;
        // The first row's first block is below the range.
        let there = PUBLICS * if shard.0 == 0 { 1 } else { 2 };
        if self.blocks(same).is_empty() && taken == there {
            Err(DropReason::NatPoolExhausted)
        } else {
            Ok(())
        }
    }

    fn check_new(&self, flow: Flow, public: Endpoint, division: &Division) {
        assert_eq!(public.vrf, OUTSIDE);
        let shard = division.of_customer(flow.local.vrf, flow.local.address);
        assert_eq!(division.of_port(public.port), shard);
        assert!(public.port >= BLOCK);
        for (protocol, customer, taken) in self.ports() {
            assert!((protocol, taken) != (flow.protocol, public), "handed out twice");
            let same = customer.address == flow.local.address && customer.vrf == flow.local.vrf;
            let block = |public: Endpoint| (public.address, public.port / BLOCK);
            assert!(same || block(taken) != block(public), "a block of somebody else");
            assert!(!same || taken.address == public.address, "another address");
        }
    }

    /// What becomes of a packet from outside.
    fn receive(&mut self, flow: Flow, segment: Segment) -> Result<Endpoint, DropReason> {
        let now = self.now;
        let syn = flow.protocol == Protocol::Tcp && segment.flags == SYN;
        let found = self
            .mappings
            .iter_mut()
            .find(|((protocol, _), mapping)| *protocol == flow.protocol && mapping.public == flow.local);
        let Some((&(_, customer), mapping)) = found else {
            return Err(if syn { DropReason::NatUnsolicited } else { DropReason::NatNoSession });
        };
        let known = mapping.sessions.iter_mut().find(|(remote, _)| *remote == flow.remote);
        if flow.protocol == Protocol::Tcp
            && let Some((_, session)) = known
        {
            session.received(segment.flags, now);
            return Ok(customer);
        }
        // The mapping's own session may be there for others than the address that it began with.
        let first_lasts =
            flow.protocol == Protocol::Tcp || now < mapping.sent_to_first + mapping.timeout(flow.protocol);
        let permitted = mapping
            .sessions
            .iter()
            .enumerate()
            .any(|(number, (remote, _))| remote.0 == flow.remote.0 && (number > 0 || first_lasts));
        if !permitted && self.filtered(customer) {
            return Err(if syn { DropReason::NatUnsolicited } else { DropReason::NatFiltered });
        }
        Ok(customer)
    }
}

impl Mapping {
    fn timeout(&self, protocol: Protocol) -> u64 {
        let settings = settings();
        let timeout = match protocol {
            Protocol::Icmp => settings.icmp,
            Protocol::Udp if self.well_known => settings.udp_well_known,
            Protocol::Udp => settings.udp,
            Protocol::Tcp => unreachable!("has sessions of its own"),
        };
        timeout.into()
    }
}

/// What all worlds must agree on.
fn gauges(world: &World) -> Vec<[u64; 3]> {
    (0..TENANTS)
        .map(|vrf| {
            let (sessions, ports) = world.in_use(VrfId(vrf));
            [sessions, ports, world.sum(VrfId(vrf), |tenant| tenant.blocks.get())]
        })
        .collect()
}

fn run(operations: &[Operation]) {
    let mut worlds = [1, 2, 4].map(world);
    let mut model = Model { now: worlds[0].now, ..Model::default() };
    let mut publics = vec![end(OUTSIDE, PUBLIC, 9999)];
    for &operation in operations {
        match operation {
            Operation::Send(flow, segment) => {
                let segment = if flow.protocol == Protocol::Tcp { segment } else { Segment::default() };
                let [said, others @ ..] = worlds.each_mut().map(|world| world.send(flow, segment));
                assert_eq!(others, [said; 2], "depends on the number of workers");
                let division = worlds[0].division;
                model.send(flow, segment, said, &division);
                if let Ok(public) = said {
                    assert_identity(&mut worlds, flow, public);
                    publics.push(public);
                }
            }
            Operation::Receive(which, remote, segment) => {
                let local = publics[which.index(publics.len())];
                for protocol in Protocol::ALL {
                    let flow = Flow { protocol, local, remote };
                    let segment = if protocol == Protocol::Tcp { segment } else { Segment::default() };
                    let said = worlds.each_mut().map(|world| world.receive(flow, segment));
                    assert_eq!(said, [model.receive(flow, segment); 3]);
                }
            }
            Operation::Pass(milliseconds) => {
                worlds.iter_mut().for_each(|world| world.pass(milliseconds));
                model.pass(worlds[0].now);
            }
        }
        let expected: Vec<_> = (0..TENANTS)
            .map(|vrf| {
                let of = |customer: &Endpoint| customer.vrf == VrfId(vrf);
                let ports = model.ports().filter(|(_, customer, _)| of(customer)).count() as u64;
                [model.sessions(of), ports, model.blocks(of).len() as u64]
            })
            .collect();
        worlds.iter().for_each(|world| assert_eq!(gauges(world), expected));
    }
    let logs = worlds.each_mut().map(|world| {
        world.pass(800_000);
        world.assert_empty();
        let mut log: Vec<_> = world.log.iter().map(|event| format!("{event:?}")).collect();
        log.sort_unstable();
        log
    });
    assert!(logs.iter().all(|log| *log == logs[0]), "depends on the number of workers");
}

/// What was translated is translated back.
fn assert_identity(worlds: &mut [World], flow: Flow, public: Endpoint) {
    for world in worlds {
        let worker = world.owner_of(public.port);
        let section = world.reader.section();
        let (tables, settings) = (&world.readers, &world.settings);
        let context = Context { tables, section: &section, settings, now: Millis(world.now) };
        let nat = &world.workers[worker];
        assert_eq!(nat.peek_outside(&context, flow.protocol, public), Some(flow.local));
        assert_eq!(nat.peek_inside(&context, flow.protocol, flow.local), Some(public));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 60 }))]

    #[test]
    fn engines_of_any_number_do_what_the_model_does(
        operations in prop::collection::vec(operation(), 1..250),
    ) {
        run(&operations);
    }
}
