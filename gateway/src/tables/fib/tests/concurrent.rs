//! Readers on threads of their own while routes above and below their addresses come and go.

use nvgw_types::VrfId;

use super::{EXTERNAL, TENANT, two_tables, value};
use crate::tables::TableError;
use crate::tables::fib::{Address, RouteError, RoutesReader, RoutesWriter};
use crate::tables::grace::{LocalGrace, LocalReader};
use crate::tables::storm::{patiently, storm};

const ROUNDS: u32 = if cfg!(miri) { 3 } else { 4_000 };

/// Always there.
const BASE: (u32, u8) = (0x0a00_0000, 11);
/// These come and go, all of them around [`ADDRESS`], and [`ELSEWHERE`] makes the root rise and sink.
const COVERING: [(u32, u8); 7] = [
    (0x0a00_0000, 12),
    (0x0a01_0000, 16),
    (0x0a01_0200, 23),
    (0x0a01_0200, 24),
    (0x0a01_0240, 26),
    (0x0a01_0248, 29),
    (0x0a01_024a, 32),
];
const ADDRESS: u32 = 0x0a01_024a;
const ELSEWHERE: [(u32, u8); 3] = [(0xc000_0000, 10), (0x0a01_0300, 24), (0x0a01_024b, 32)];

impl From<RouteError> for TableError {
    fn from(error: RouteError) -> Self {
        match error {
            RouteError::Stalled(stalled) => Self::Stalled(stalled),
            other => panic!("{other}"),
        }
    }
}

/// How addresses and lengths of the routes above become those of a family.
#[derive(Clone, Copy)]
struct Spread<A> {
    address: fn(u32) -> A,
    length: u8,
}

const IPV4: Spread<u32> = Spread { address: |bits| bits, length: 1 };

/// Each bit is four, so that prefixes part far from each other.
const IPV6: Spread<u128> =
    Spread { address: |bits| (0..32).map(|at| u128::from(bits >> at & 1) << (4 * at)).sum(), length: 4 };

#[test]
fn a_covered_address_never_misses_in_a_tenant_table() {
    never_misses(TENANT, IPV4);
}

#[test]
fn a_covered_address_never_misses_in_a_tenant_table_of_ipv6() {
    never_misses(TENANT, IPV6);
}

#[test]
#[cfg_attr(miri, ignore = "arrays of 16 million entries")]
fn a_covered_address_never_misses_in_an_external_table() {
    never_misses(EXTERNAL, IPV4);
}

#[test]
#[cfg_attr(miri, ignore = "arrays of 16 million entries")]
fn a_covered_address_never_misses_in_an_external_table_of_ipv6() {
    never_misses(EXTERNAL, IPV6);
}

/// The value of a prefix is its length: an answer proves that it is of a prefix that covers the address.
fn never_misses<A: Address>(vrf: VrfId, spread: Spread<A>) {
    let grace = LocalGrace::new();
    let (mut writer, reader) = two_tables(16, &grace);
    let base = ((spread.address)(BASE.0), BASE.1 * spread.length);
    writer.insert(vrf, base.0, base.1, value(BASE.1.into()), &grace).expect("room");
    storm(
        [grace.reader(), grace.reader()],
        |local| read(&reader, vrf, local, spread),
        || {
            for round in 0..ROUNDS {
                change(&mut writer, vrf, round, &grace, spread);
            }
        },
    );
    for (address, length) in COVERING.into_iter().chain(ELSEWHERE).chain([BASE]) {
        writer.remove(vrf, (spread.address)(address), length * spread.length, &grace);
    }
    writer.reclaim(&grace);
    assert_eq!(writer.nodes_in_use(), 0);
}

/// Inserts and removes the routes in an order of each round's own.
fn change<A: Address>(
    writer: &mut RoutesWriter<A>,
    vrf: VrfId,
    round: u32,
    grace: &LocalGrace,
    spread: Spread<A>,
) {
    let all: Vec<_> = COVERING.into_iter().chain(ELSEWHERE).collect();
    for step in 0..2 * all.len() {
        // Steps that have no common divisor with the number of routes reach all of them.
        let (bits, length) = all[(round as usize + step * [1, 3, 7, 9][round as usize % 4]) % all.len()];
        let (address, length, number) =
            ((spread.address)(bits), length * spread.length, value(length.into()));
        if writer.remove(vrf, address, length, grace).is_none() {
            patiently(|| writer.insert(vrf, address, length, number, grace)).expect("room");
        }
    }
}

fn read<A: Address>(reader: &RoutesReader<A>, vrf: VrfId, local: &mut LocalReader, spread: Spread<A>) {
    let section = local.section();
    let table = reader.view();
    let root = table.root(vrf);
    let [address, beside] = [ADDRESS, ADDRESS ^ 0x0002_0000].map(spread.address);
    let mut cursors = [table.cursor(root, address), table.cursor(root, beside)];
    let at_once = reader.lookup(vrf, address);
    table.finish(&mut cursors);
    drop(section);

    let covers = |value: u32| COVERING.iter().chain([&BASE]).any(|&(_, length)| u32::from(length) == value);
    assert!(covers(at_once), "{at_once}");
    assert!(covers(cursors[0].value()), "{}", cursors[0].value());
    // Only the two shortest prefixes cover this one.
    assert!([11, 12].contains(&cursors[1].value()), "{}", cursors[1].value());
}
