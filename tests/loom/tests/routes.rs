//! Routes: an address gets what held for it before or after a change, and nothing else.

use nvgw_loom::answers::{self, VRF, insert};
use nvgw_loom::tables::grace::LocalGrace;
use nvgw_loom::tables::{RoutesOptions, RoutesReader, RoutesWriter, Shape, routes};

/// Prefixes, whose values are their lengths.
type Prefix = (u32, u8);
const BASE: Prefix = (0x0a00_0000, 8);
const SITE: Prefix = (0x0a10_0000, 12);
const SUBNET: Prefix = (0x0a11_0000, 16);
const DEFAULT: Prefix = (0, 0);
/// Has nothing in common with the others: the root has to begin at the first bit.
const ELSEWHERE: Prefix = (0xc000_0000, 8);
const ADDRESS: u32 = 0x0a11_2233;

/// A table with some routes, in which all nodes that are needed have been used before.
fn table(
    present: &[Prefix],
    others: &[Prefix],
    grace: &LocalGrace,
) -> (RoutesWriter<u32>, RoutesReader<u32>) {
    let options = RoutesOptions { vrfs: 1, external_vrfs: 0, routes: 8 };
    let (mut writer, reader) = routes(options).expect("memory");
    writer.create_vrf(VRF, Shape::Tenant, grace).expect("room");
    // Nodes enough for all, and some that wait for their grace period.
    let aside = [(0x2000_0000, 24), (0x3000_0000, 24)];
    for &prefix in present.iter().chain(others).chain(&aside) {
        insert(&mut writer, prefix, grace);
        assert!(reader.lookup(VRF, ADDRESS) > 0);
    }
    for &(address, length) in others.iter().chain(&aside) {
        writer.remove(VRF, address, length, grace).expect("the route");
    }
    writer.reclaim(grace);
    (writer, reader)
}

/// The lengths that lookups of [`ADDRESS`] answer with while the writer is at work.
fn lookups_answer(
    present: &'static [Prefix],
    others: &'static [Prefix],
    expected: &'static [u8],
    write: fn(&mut RoutesWriter<u32>, &LocalGrace),
) {
    answers::lookups_answer(ADDRESS, move |grace| table(present, others, grace), expected, write);
}

#[test]
fn a_longer_prefix_comes_without_a_gap() {
    lookups_answer(&[BASE], &[SUBNET], &[8, 16], |writer, grace| insert(writer, SUBNET, grace));
}

#[test]
fn a_longer_prefix_goes_without_a_gap_and_its_nodes_return() {
    lookups_answer(&[BASE, SITE, SUBNET], &[], &[16, 12, 8], |writer, grace| {
        writer.remove(VRF, SUBNET.0, SUBNET.1, grace).expect("the route");
        writer.reclaim(grace);
        // Takes the nodes that just came back, if they did.
        insert(writer, ELSEWHERE, grace);
    });
}

#[test]
fn a_root_that_rises_and_sinks_again_loses_nobody() {
    lookups_answer(&[SUBNET], &[ELSEWHERE], &[16], |writer, grace| {
        insert(writer, ELSEWHERE, grace);
        writer.remove(VRF, ELSEWHERE.0, ELSEWHERE.1, grace).expect("the route");
        writer.reclaim(grace);
        insert(writer, ELSEWHERE, grace);
    });
}

#[test]
fn the_last_prefix_goes_and_the_default_route_holds() {
    lookups_answer(&[DEFAULT, SUBNET], &[], &[16, 0], |writer, grace| {
        writer.remove(VRF, SUBNET.0, SUBNET.1, grace).expect("the route");
    });
}
