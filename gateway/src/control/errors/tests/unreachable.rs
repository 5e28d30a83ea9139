//! Packets whose next hop does not answer.

use super::*;
use crate::packet::ipv6::Ipv6;

fn dual() -> Control<LocalGrace> {
    control(fixture::with_ipv6(fixture::config())).expect("fits").0
}

/// The gateway goes on until nobody is asked for any more. What it sends beside questions.
fn wait(control: &mut Control<LocalGrace>) -> Vec<Vec<u8>> {
    let mut sent = Sent::default();
    while control.held() > 0 {
        let due = control.next_due().expect("asked again");
        control.tick(due, &mut sent);
    }
    let is_question =
        |frame: &[u8]| frame[16..18] == [8, 6] || frame[16..18] == [0x86, 0xdd] && frame[18 + 40] == 135;
    sent.0.into_iter().map(|(_, frame)| frame).filter(|frame| !is_question(frame)).collect()
}

/// The way by which an external network's next hop is reached.
fn way_out(control: &Control<LocalGrace>, vrf: VrfId, to: &str) -> Rewrite {
    let (_, Target::Adjacency(id)) = control.route(vrf, fixture::ip(to)) else { panic!("{to}") };
    *control.fabric.writers.adjacencies.get(id.0).expect("a way")
}

/// A worker hands over the frame of a packet whose next hop it does not know.
fn hand_over(
    control: &mut Control<LocalGrace>,
    now: Nanos,
    ingress: Ingress,
    way: &Rewrite,
    frame: &[u8],
) -> Vec<Vec<u8>> {
    let mut sent = Sent::default();
    control.handle_punt(now, Punt::Unresolved { neighbor: way.neighbor(), ingress }, frame, &mut sent);
    sent.0.into_iter().map(|(_, frame)| frame).collect()
}

/// A packet leaves by an external network.
fn leave(control: &mut Control<LocalGrace>, ingress: Ingress, way: &Rewrite, packet: &[u8]) {
    hand_over(control, Nanos(0), ingress, way, &frames::plain(way, packet));
}

/// A packet leaves for a VM.
fn leave_for(control: &mut Control<LocalGrace>, ingress: Ingress, vrf: VrfId, vm: &str, packet: &[u8]) {
    let record = control.record(vrf, from_ip(fixture::ip(vm))).expect("a record");
    let way = *control.fabric.writers.adjacencies.get(record.adjacency().0).expect("a way");
    let frame = frames::encapsulated(&way, &record, None, 0, packet);
    hand_over(control, Nanos(0), ingress, &way, &frame);
}

fn told_of(frames: &[Vec<u8>], icmp: usize) -> (&[u8], &[u8]) {
    let [frame] = frames else { panic!("{frames:02x?}") };
    (&frame[icmp..icmp + 2], &frame[icmp + 8..])
}

#[test]
fn a_vm_hears_that_the_router_outside_is_silent() {
    let mut control = dual();
    let packet = datagram(VM, SERVER);
    // By red's own uplink, whose router is not known.
    let way = way_out(&control, VrfId(0), "9.9.9.9");
    leave(&mut control, RED, &way, &packet);
    assert_eq!(control.held(), 1);
    let told = wait(&mut control);
    assert_eq!(told_of(&told, 60 + 20), (&[3, 1][..], &packet[..]));
    assert_eq!(control.counters().dropped(DropReason::NeighborUnresolved), 1);
    assert_eq!(control.counters().icmp_errors_sent.get(), 1);
    // While it counts as silent, the next one is refused at once.
    let told = hand_over(&mut control, Nanos(3_000_000_001), RED, &way, &frames::plain(&way, &packet));
    assert_eq!(told_of(&told, 60 + 20), (&[3, 1][..], &packet[..]));
}

#[test]
fn a_vm_hears_it_over_ipv6_too() {
    let mut control = dual();
    let address = |text: &str| text.parse().expect("an address");
    let header = Ipv6::new(address("2001:db8::5"), address("2001:db8:9::9"), ipv4::UDP, 63, 8);
    let packet = [header.as_bytes(), &[0xa5; 8]].concat();
    let way = way_out(&control, VrfId(0), "2001:db8:9::9");
    leave(&mut control, RED, &way, &packet);
    let told = wait(&mut control);
    assert_eq!(told_of(&told, 60 + 40), (&[1, 3][..], &packet[..]));
}

#[test]
fn the_outside_hears_that_a_vms_host_is_silent() {
    let mut control = dual();
    // 203.0.113.5 lives at 100.64.20.31, which is not known; 198.18.0.1 is, and routes to 9.9.9.9.
    let internet = on_vlan(&control, 1, 300);
    let packet = datagram(SERVER, PUBLIC);
    leave_for(&mut control, internet, VrfId(1), "203.0.113.5", &packet);
    let told = wait(&mut control);
    assert_eq!(told_of(&told, 18 + 20), (&[3, 1][..], &packet[..]));
    assert_eq!(told[0][30..38], [198, 18, 0, 2, 9, 9, 9, 9]);
}

#[test]
fn a_packet_that_was_translated_is_not_told_of() {
    let mut control = dual();
    let internet = on_vlan(&control, 1, 300);
    // From outside to a public address, behind which was blue's 10.0.1.5: the frame holds an address that the sender
    // has never heard of.
    leave_for(&mut control, internet, VrfId(1), "10.0.1.5", &datagram(SERVER, VM));
    assert!(wait(&mut control).is_empty());
    // From a VM that left with a public address.
    let way = way_out(&control, VrfId(0), "9.9.9.9");
    leave(&mut control, RED, &way, &datagram(PUBLIC, SERVER));
    assert!(wait(&mut control).is_empty());
    assert_eq!(control.counters().dropped(DropReason::NeighborUnresolved), 2);
    assert_eq!(control.counters().icmp_errors_sent.get(), 0);
}

#[test]
fn what_may_have_been_translated_is_not_told_of_either() {
    // 203.0.113.5 is a VM of blue's; where blue translates, it may as well be what another VM left with.
    for (translates, told) in [(false, 1), (true, 0)] {
        let mut config = fixture::config();
        config.tenants[1].nat = translates.then(fixture::no_translation);
        let site = nvgw_config::NetworkRef::Site(nvgw_config::SiteIndex(0));
        config.neighbors.push(fixture::neighbor(site, "100.64.20.31", "02:00:00:00:20:1f"));
        let mut control = control(config).expect("fits").0;
        let way = way_out(&control, VrfId(1), "198.18.128.7");
        leave(&mut control, BLUE, &way, &datagram(PUBLIC, [198, 18, 128, 7]));
        assert_eq!(wait(&mut control).len(), told);
    }
}

#[test]
fn answers_and_errors_of_ours_are_nobodys_loss() {
    let mut control = dual();
    let internet = on_vlan(&control, 1, 300);
    tell(&mut control, internet, &datagram([198, 18, 0, 99], PUBLIC));
    let Ingress::Outside(interface) = internet else { panic!() };
    let mut request = crate::packet::icmp::echo_request(1, 1, &[]);
    let header =
        Ipv4::new([198, 18, 0, 98].into(), [198, 18, 0, 2].into(), ipv4::ICMP, 64, request.len() as u16);
    let frame =
        [&WIRE1.0[..], &[2, 0, 0, 0, 0, 0x0b, 8, 0], header.as_bytes(), &request.split_off(0)].concat();
    control.handle_punt(Nanos(0), Punt::Local { interface }, &frame, &mut Sent::default());
    assert_eq!(control.held(), 1, "the answer to the echo");
    assert!(wait(&mut control).is_empty());
    assert_eq!(control.counters().dropped(DropReason::NeighborUnresolved), 1);
    assert_eq!(control.counters().icmp_errors_suppressed.get(), 1);
}
