//! What the internet's routes take. A process of its own, so that nothing else is measured.

use std::num::NonZeroU32;

use gateway::tables::fib::Address;
use gateway::tables::grace::LocalGrace;
use gateway::tables::{RoutesOptions, RoutesWriter, Shape, routes};
use nvgw_table_bench::{Prefix, growth, ipv4_internet, ipv6_internet};
use nvgw_types::VrfId;

fn external<A: Address>(prefixes: &[Prefix<A>]) -> RoutesWriter<A> {
    let grace = LocalGrace::new();
    let options = RoutesOptions { vrfs: 1, external_vrfs: 1, routes: prefixes.len() };
    let (mut writer, _) = routes(options).expect("memory");
    writer.create_vrf(VrfId(0), Shape::External, &grace).expect("room");
    for (value, &(address, length)) in (1..).zip(prefixes) {
        let value = NonZeroU32::new(value).expect("not zero");
        writer.insert(VrfId(0), address, length, value, &grace).expect("room");
    }
    writer
}

#[test]
fn a_million_ipv4_and_a_quarter_million_ipv6_routes_take_200_megabytes_at_most() {
    let (ipv4, ipv6) = (ipv4_internet(1_000_000), ipv6_internet(250_000));
    let (tables, bytes) = growth(|| (external(&ipv4), external(&ipv6)));
    assert_eq!((tables.0.len(), tables.1.len()), (ipv4.len(), ipv6.len()));
    assert!(bytes <= 200_000_000, "{bytes} bytes");
}
