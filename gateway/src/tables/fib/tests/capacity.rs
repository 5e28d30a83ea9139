//! The sizes that the product promises, in time and memory too.

use std::collections::HashSet;

use nvgw_types::VrfId;

use super::{EXTERNAL, TENANT, two_tables, value};
use crate::tables::fib::{RouteError, RoutesOptions, Shape, routes};
use crate::tables::grace::LocalGrace;

/// Routes of each length in a table of the internet, in parts of a thousand, for the lengths from 8 to 24.
const INTERNET: [(u8, u32); 12] = [
    (8, 1),
    (12, 1),
    (14, 1),
    (15, 2),
    (16, 14),
    (17, 9),
    (18, 14),
    (19, 26),
    (20, 45),
    (21, 53),
    (22, 112),
    (23, 102),
];
const MEGABYTE: usize = 1 << 20;

/// Numbers that look random and never repeat within 2³² calls.
fn numbers() -> impl Iterator<Item = u32> {
    (1_u32..).map(|n| {
        let n = (n ^ n >> 16).wrapping_mul(0x7feb_352d);
        let n = (n ^ n >> 15).wrapping_mul(0x846c_a68b);
        n ^ n >> 16
    })
}

/// Distinct prefixes with the lengths of the internet's.
fn internet(count: usize) -> Vec<(u32, u8)> {
    let mut seen = HashSet::new();
    let lengths: Vec<u8> =
        INTERNET.iter().flat_map(|&(length, share)| std::iter::repeat_n(length, share as usize)).collect();
    let mut numbers = numbers();
    let mut draw = || numbers.next().expect("enough numbers");
    std::iter::repeat_with(|| {
        let length = lengths.get(draw() as usize % 1000).copied().unwrap_or(24);
        (draw() & u32::MAX << (32 - length), length)
    })
    .filter(|&prefix| seen.insert(prefix))
    .take(count)
    .collect()
}

#[test]
#[cfg_attr(miri, ignore = "a million routes")]
fn a_million_external_routes_fit_and_not_one_more() {
    let grace = LocalGrace::new();
    let prefixes = internet(1_000_001);
    let (last, promised) = prefixes.split_last().expect("not empty");
    let (mut writer, reader) = two_tables(promised.len(), &grace);
    for (number, &(address, length)) in (1..).zip(promised) {
        assert_eq!(writer.insert(EXTERNAL, address, length, value(number), &grace), Ok(None));
    }
    let full = Err(RouteError::Full { capacity: promised.len() });
    assert_eq!(writer.insert(EXTERNAL, last.0, last.1, value(1), &grace), full);
    assert_eq!(writer.insert(TENANT, 0, 0, value(1), &grace), full);
    assert!(writer.memory_bytes() <= 150 * MEGABYTE, "{} bytes", writer.memory_bytes());

    for (number, &(address, length)) in (1..).zip(promised) {
        assert_eq!(writer.get(EXTERNAL, address, length), Some(value(number)));
        // The first address may belong to a longer prefix, which the writer's map knows independently of the trie.
        let (covering, longest, found) = writer.lookup(EXTERNAL, address).expect("covered");
        assert!(longest >= length);
        assert_eq!(reader.lookup(EXTERNAL, address), found.get());
        assert_eq!(writer.get(EXTERNAL, covering, longest), Some(found));
    }
}

/// Distinct IPv6 prefixes as the internet has them: a sixth of them are what registries gave out, the others more
/// specific parts of those, most of them for one site.
fn internet_of_ipv6(count: usize) -> Vec<(u128, u8)> {
    const PARTS: [u8; 8] = [48, 48, 48, 48, 44, 40, 36, 46];
    let mut numbers = numbers();
    let mut draw = || numbers.next().expect("enough numbers");
    let (mut seen, mut given) = (HashSet::new(), 0);
    std::iter::repeat_with(|| {
        // From 2000::/3.
        let allocation = |high: u32| u128::from(0x2000_0000 | high & 0x1fff_ffff) << 96;
        if draw() % 6 == 0 {
            given = draw();
            return (allocation(given), 32);
        }
        let length = PARTS[draw() as usize % PARTS.len()];
        let part = u128::from(draw()) << 64 & u128::MAX << (128 - length);
        (allocation(given) | part, length)
    })
    .filter(|&prefix| seen.insert(prefix))
    .take(count)
    .collect()
}

#[test]
#[cfg_attr(miri, ignore = "many routes")]
fn a_quarter_of_a_million_ipv6_routes_fit_and_not_one_more() {
    let grace = LocalGrace::new();
    let prefixes = internet_of_ipv6(250_001);
    let (last, promised) = prefixes.split_last().expect("not empty");
    let (mut writer, reader) = two_tables(promised.len(), &grace);
    for (number, &(address, length)) in (1..).zip(promised) {
        assert_eq!(writer.insert(EXTERNAL, address, length, value(number), &grace), Ok(None));
    }
    let full = Err(RouteError::Full { capacity: promised.len() });
    assert_eq!(writer.insert(EXTERNAL, last.0, last.1, value(1), &grace), full);
    for (number, &(address, length)) in (1..).zip(promised) {
        assert_eq!(writer.get(EXTERNAL, address, length), Some(value(number)));
        let (_, longest, found) = writer.lookup(EXTERNAL, address).expect("covered");
        assert!(longest >= length);
        assert_eq!(reader.lookup(EXTERNAL, address), found.get());
        let (_, _, found) = writer.lookup(EXTERNAL, address | 1).expect("covered");
        assert_eq!(reader.lookup(EXTERNAL, address | 1), found.get());
    }
}

#[test]
#[cfg_attr(miri, ignore = "many tables")]
fn nearly_empty_tenants_cost_next_to_nothing() {
    const TENANTS: u32 = 65_536;
    let grace = LocalGrace::new();
    let options = RoutesOptions { vrfs: TENANTS as usize, external_vrfs: 0, routes: 2 * TENANTS as usize };
    let (mut writer, reader) = routes(options).expect("memory");
    let subnet = |number: u32| 0x0a00_0000 | (number & 0xffff) << 8;
    for number in 0..TENANTS {
        let vrf = VrfId(number);
        writer.create_vrf(vrf, Shape::Tenant, &grace).expect("room");
        writer.insert(vrf, subnet(number), 24, value(2 * number + 1), &grace).expect("room");
        writer.insert(vrf, 0, 0, value(2 * number + 2), &grace).expect("room");
    }
    for number in 0..TENANTS {
        assert_eq!(reader.lookup(VrfId(number), subnet(number) | 0xff), 2 * number + 1);
        assert_eq!(reader.lookup(VrfId(number), subnet(number) ^ 0x100), 2 * number + 2);
    }
    assert!(writer.memory_bytes() <= 16 * MEGABYTE, "{} bytes", writer.memory_bytes());
}

#[test]
fn the_worst_prefixes_fit_as_well() {
    // Each of them alone in its sixteenth of the address space and as long as can be: a path of nodes each.
    const ROUTES: u32 = 16;
    let grace = LocalGrace::new();
    let options = RoutesOptions { vrfs: 1, external_vrfs: 0, routes: ROUTES as usize };
    let (mut writer, reader) = routes::<u32>(options).expect("memory");
    writer.create_vrf(TENANT, Shape::Tenant, &grace).expect("room");
    for number in 0..ROUTES {
        assert_eq!(writer.insert(TENANT, number << 28, 32, value(number + 1), &grace), Ok(None));
    }
    assert_eq!(writer.nodes_in_use(), 1 + ROUTES as usize * 7);
    for number in 0..ROUTES {
        assert_eq!(reader.lookup(TENANT, number << 28), number + 1);
        assert_eq!(reader.lookup(TENANT, number << 28 | 1), 0);
    }
}
