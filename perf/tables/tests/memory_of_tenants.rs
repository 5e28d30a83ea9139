//! What tenants with next to nothing take. A process of its own, so that nothing else is measured.

use std::num::NonZeroU32;

use gateway::tables::grace::LocalGrace;
use gateway::tables::{Grace, RoutesOptions, RoutesWriter, Shape, routes, vsid_table};
use gateway::telemetry::counters::Counters;
use nvgw_table_bench::{Subnets, growth};
use nvgw_types::VrfId;

const TENANTS: u32 = 65_536;

#[test]
fn nearly_empty_tenants_of_65536_vrfs_take_64_megabytes_at_most() {
    let (kept, bytes) = growth(|| {
        let grace = LocalGrace::new();
        let options =
            RoutesOptions { vrfs: TENANTS as usize, external_vrfs: 0, routes: 4 * TENANTS as usize };
        let (mut ipv4, _) = routes::<u32>(options).expect("memory");
        let (mut ipv6, _) = routes::<u128>(options).expect("memory");
        let (mut subnets, _) = vsid_table(TENANTS as usize).expect("memory");
        for number in 0..TENANTS {
            let vrf = VrfId(number);
            ipv4.create_vrf(vrf, Shape::Tenant, &grace).expect("room");
            ipv6.create_vrf(vrf, Shape::Tenant, &grace).expect("room");
            // Its subnet and its way to the internet.
            insert(&mut ipv4, vrf, 0x0a00_0000 | number << 8, 24, &grace);
            insert(&mut ipv4, vrf, 0, 0, &grace);
            subnets.upsert(Subnets::entry(number as usize), &grace).expect("room");
        }
        // Those of one worker.
        (ipv4, ipv6, subnets, Counters::new(2, TENANTS as usize))
    });
    assert_eq!((kept.0.len(), kept.2.len()), (2 * TENANTS as usize, TENANTS as usize));
    assert!(bytes <= 64_000_000, "{bytes} bytes");
}

fn insert(writer: &mut RoutesWriter<u32>, vrf: VrfId, address: u32, length: u8, grace: &impl Grace) {
    let value = NonZeroU32::new(1).expect("not zero");
    writer.insert(vrf, address & 0x0aff_ff00, length, value, grace).expect("room");
}
