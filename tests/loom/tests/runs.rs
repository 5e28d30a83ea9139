//! Routes of IPv6, whose tries skip runs of bits: an address gets what held for it before or after a change, and nothing
//! else, while a run is parted, put together, changed or gone.

use nvgw_loom::answers::{self, VRF, insert};
use nvgw_loom::tables::grace::LocalGrace;
use nvgw_loom::tables::{RoutesOptions, RoutesReader, RoutesWriter, Shape, routes};

/// Prefixes, whose values are their lengths.
type Prefix = (u128, u8);
const WIDE: Prefix = (0x2001_0d00 << 96, 24);
const BASE: Prefix = (0x2001_0db8 << 96, 32);
/// What the run of bits to [`SUBNET`] is parted by, in its middle and near its end.
const SITE: Prefix = (0x2001_0db8_0001 << 80, 48);
const SIBLING: Prefix = (0x2001_0db8_0000_0020 << 64, 64);
const SUBNET: Prefix = (0x2001_0db8_0000_0010 << 64, 64);
/// Takes as many nodes as were given back.
const ANOTHER: Prefix = (0x2001_0db8_8000_0000 << 64, 64);

/// A host of a prefix.
const fn host((address, _): Prefix) -> u128 {
    address | 5
}

/// A table with some routes, in which all nodes that are needed have been used before.
fn table(
    present: &[Prefix],
    others: &[Prefix],
    grace: &LocalGrace,
) -> (RoutesWriter<u128>, RoutesReader<u128>) {
    let options = RoutesOptions { vrfs: 1, external_vrfs: 0, routes: 32 };
    let (mut writer, reader) = routes(options).expect("memory");
    writer.create_vrf(VRF, Shape::Tenant, grace).expect("room");
    // Side by side, each with a node of its own: these are enough for everything, as nodes and as runs.
    let aside = |digit: u128| (BASE.0 | digit << 92, 40);
    (1..16).for_each(|digit| insert(&mut writer, aside(digit), grace));
    for digit in 1..16 {
        remove(&mut writer, aside(digit), grace);
        // No run takes a place that was never a node.
        writer.reclaim(grace);
    }
    for &prefix in present.iter().chain(others) {
        insert(&mut writer, prefix, grace);
        assert!(reader.lookup(VRF, host(prefix)) > 0);
    }
    others.iter().for_each(|&other| remove(&mut writer, other, grace));
    writer.reclaim(grace);
    (writer, reader)
}

fn remove(writer: &mut RoutesWriter<u128>, (address, length): Prefix, grace: &LocalGrace) {
    writer.remove(VRF, address, length, grace).expect("the route");
}

/// The lengths that lookups of an address answer with while the writer is at work.
fn lookups_answer(
    address: u128,
    present: &'static [Prefix],
    others: &'static [Prefix],
    expected: &'static [u8],
    write: fn(&mut RoutesWriter<u128>, &LocalGrace),
) {
    answers::lookups_answer(address, move |grace| table(present, others, grace), expected, write);
}

#[test]
fn a_run_that_is_parted_still_leads_on() {
    lookups_answer(host(SUBNET), &[BASE, SUBNET], &[SITE], &[64], |writer, grace| {
        insert(writer, SITE, grace);
    });
}

#[test]
fn what_parts_a_run_comes_without_a_gap() {
    lookups_answer(host(SIBLING), &[BASE, SUBNET], &[SIBLING], &[32, 64], |writer, grace| {
        insert(writer, SIBLING, grace);
    });
}

#[test]
fn two_runs_become_one_and_their_nodes_return() {
    lookups_answer(host(SUBNET), &[BASE, SITE, SUBNET], &[], &[64], |writer, grace| {
        remove(writer, SITE, grace);
        writer.reclaim(grace);
        // Takes the nodes that just came back, if they did.
        insert(writer, ANOTHER, grace);
    });
}

#[test]
fn what_parted_a_run_goes_without_a_gap() {
    lookups_answer(host(SITE), &[BASE, SITE, SUBNET], &[], &[48, 32], |writer, grace| {
        remove(writer, SITE, grace);
        writer.reclaim(grace);
        insert(writer, ANOTHER, grace);
    });
}

#[test]
fn a_run_says_something_else_for_addresses_without_its_bits() {
    lookups_answer(host(SITE), &[WIDE, SUBNET], &[BASE], &[24, 32], |writer, grace| {
        insert(writer, BASE, grace);
        remove(writer, BASE, grace);
    });
}

#[test]
fn a_run_goes_with_the_prefix_behind_it() {
    lookups_answer(host(SUBNET), &[BASE, SUBNET], &[ANOTHER], &[64, 32], |writer, grace| {
        remove(writer, SUBNET, grace);
        writer.reclaim(grace);
        insert(writer, ANOTHER, grace);
    });
}
