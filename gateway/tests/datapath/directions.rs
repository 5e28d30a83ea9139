//! Which direction a forwarded frame counts under, where latencies are told apart.

use std::net::Ipv4Addr;

use gateway::telemetry::latency::Direction;
use nvgw_types::PortId;

use crate::harness::{Gateway, PORTS};
use crate::wire::{BRIDGED, GRE, IPV4, Ip, KEY_PRESENT, UDP, ethernet, gre};

pub(crate) const DOCUMENT: &str = "
system: { control-core: 0, worker-cores: [1], limits: { vsids: 16, records: 16, external-routes: 16 } }
ports:
  - { name: wire0, device: net_null0, mtu: 1600 }
  - { name: wire1, device: net_null1 }
provider:
  sites:
    - { name: site, port: wire0, subnet: 100.64.20.0/24, addresses: [100.64.20.10] }
external:
  - { name: internet, port: wire1, addresses: [198.18.0.2/24], gateway: 198.18.0.1 }
tenants:
  - name: red
    gateway-mac: 02:00:5e:00:01:01
    subnets: [{ vsid: 5001, prefix: 203.0.113.0/28, gateway: 203.0.113.1 }]
    records:
      - { vsid: 5001, address: 203.0.113.5, mac: 02:15:5d:00:00:05, provider-address: 100.64.20.30 }
      - { vsid: 5001, address: 203.0.113.6, mac: 02:15:5d:00:00:06, provider-address: 100.64.20.31 }
    public-prefixes: [203.0.113.0/28]
neighbors:
  - { network: site, address: 100.64.20.30, mac: 02:00:00:00:20:1e }
  - { network: internet, address: 198.18.0.1, mac: 02:00:00:00:30:01 }
";

const HOST: Ipv4Addr = Ipv4Addr::new(100, 64, 20, 30);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(100, 64, 20, 10);
pub(crate) const VM: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 5);
/// Its host's MAC is not known.
pub(crate) const UNREACHED: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 6);
pub(crate) const WEB: Ipv4Addr = Ipv4Addr::new(8, 8, 8, 8);

pub(crate) fn from_vm(destination: Ipv4Addr) -> Vec<u8> {
    let inner = Ip::new(VM.into(), destination.into(), UDP).packet(&[7; 40]);
    let inner = ethernet([2, 0, 0x5e, 0, 1, 1], [2, 0x15, 0x5d, 0, 0, 5], None, IPV4, &inner);
    let outer = Ip::new(HOST.into(), GATEWAY.into(), GRE);
    let outer = outer.packet(&gre(KEY_PRESENT, BRIDGED, 5001, 1, &inner));
    ethernet(PORTS[0], [2, 0, 0, 0, 0x20, 0x1e], None, IPV4, &outer)
}

pub(crate) fn from_web(destination: Ipv4Addr) -> Vec<u8> {
    let packet = Ip::new(WEB.into(), destination.into(), UDP).packet(&[9; 40]);
    ethernet(PORTS[1], [2, 0, 0, 0, 0x30, 1], None, IPV4, &packet)
}

#[test]
fn a_frame_counts_under_where_it_came_from_and_where_it_goes() {
    let config = nvgw_config::parse(DOCUMENT, "document").expect("a right document");
    let Gateway { control: _control, mut worker } = Gateway::new(config).expect("it fits");
    let mut run = |port, frames: &[Vec<u8>]| {
        let directions = worker.run(PortId(port), frames, |_, _| ());
        let of = |direction: Direction| directions[direction as usize];
        (of(Direction::TenantToOutside), of(Direction::OutsideToTenant), of(Direction::TenantToTenant))
    };
    assert_eq!(run(0, &[from_vm(WEB), from_vm(WEB)]), (2, 0, 0));
    assert_eq!(run(1, &[from_web(VM), from_web(VM), from_web(VM)]), (0, 3, 0));
    assert_eq!(run(0, &[from_vm(VM)]), (0, 0, 1));
    assert_eq!(run(0, &[from_vm(WEB), from_vm(VM), from_vm(WEB)]), (2, 0, 1));
    assert_eq!(run(1, &[from_web(UNREACHED), from_web(WEB)]), (0, 0, 0), "what is not sent does not count");
    assert_eq!(run(1, &[from_web(VM), from_web(UNREACHED)]), (0, 1, 0));
}
