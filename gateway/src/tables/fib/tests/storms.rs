//! Any routes, changed in any order while readers look addresses up, against what a list says may be answered.

use std::num::NonZeroU32;

use nvgw_types::VrfId;
use proptest::prelude::*;

use super::model::{prefix, spread_v4, spread_v6};
use super::{EXTERNAL, TENANT, two_tables};
use crate::tables::fib::{Address, RoutesReader};
use crate::tables::grace::{LocalGrace, LocalReader};
use crate::tables::storm::{patiently, storm};

const ROUNDS: usize = if cfg!(miri) { 2 } else { 100 };

/// Routes, each with its place in the list, from 1, as its value.
#[derive(Debug)]
struct Routes<A> {
    list: Vec<(A, u8)>,
    /// So many from the beginning on never change.
    constant: usize,
}

impl<A: Address> Routes<A> {
    fn value(place: usize) -> NonZeroU32 {
        NonZeroU32::MIN.saturating_add(place as u32)
    }

    /// Whether an address may get this value: that of a prefix that covers it, and no shorter one than what always
    /// covers it; 0 only if nothing does.
    fn may_answer(&self, address: A, value: u32) -> bool {
        let covering = |&(prefix, length): &(A, u8)| address.masked(length) == prefix;
        let always = self.list[..self.constant]
            .iter()
            .filter(|route| covering(route))
            .map(|&(_, length)| length)
            .max();
        match value.checked_sub(1) {
            None => always.is_none(),
            Some(place) => {
                let route = self.list[place as usize];
                covering(&route) && always.is_none_or(|always| route.1 >= always)
            }
        }
    }

    /// Looks the first address of every prefix up, at once and step by step.
    fn read(&self, reader: &RoutesReader<A>, vrf: VrfId, local: &mut LocalReader) {
        let section = local.section();
        let table = reader.view();
        let root = table.root(vrf);
        let mut cursors: Vec<_> = self.list.iter().map(|&(address, _)| table.cursor(root, address)).collect();
        let at_once: Vec<_> = self.list.iter().map(|&(address, _)| reader.lookup(vrf, address)).collect();
        table.finish(&mut cursors);
        drop(section);
        for ((&(address, _), cursor), value) in self.list.iter().zip(&cursors).zip(at_once) {
            assert!(self.may_answer(address, value), "{value} for {address:?} at once");
            assert!(self.may_answer(address, cursor.value()), "{} for {address:?}", cursor.value());
        }
    }
}

/// The routes of a storm, and the order in which they change.
fn routes<A: Address>(spread: fn(u8) -> A, shortest: u8) -> impl Strategy<Value = (Routes<A>, Vec<usize>)> {
    let list = prop::collection::btree_set(prefix(spread, shortest), 8..16);
    let list = list.prop_map(Vec::from_iter).prop_shuffle();
    let order = prop::collection::vec(any::<prop::sample::Index>(), 30);
    (list, 0..6_usize, order).prop_map(|(list, constant, order)| {
        let routes = Routes { list, constant };
        let changing = routes.list.len() - constant;
        let order = order.iter().map(|index| constant + index.index(changing)).collect();
        (routes, order)
    })
}

fn check<A: Address>(routes: &Routes<A>, order: &[usize], vrf: VrfId) {
    let grace = LocalGrace::new();
    let (mut writer, reader) = two_tables(routes.list.len(), &grace);
    for (place, &(address, length)) in routes.list[..routes.constant].iter().enumerate() {
        writer.insert(vrf, address, length, Routes::<A>::value(place), &grace).expect("room");
    }
    storm(
        [grace.reader(), grace.reader()],
        |local| routes.read(&reader, vrf, local),
        || {
            for &place in order.iter().cycle().take(ROUNDS * order.len()) {
                let (address, length) = routes.list[place];
                if writer.remove(vrf, address, length, &grace).is_none() {
                    let value = Routes::<A>::value(place);
                    patiently(|| writer.insert(vrf, address, length, value, &grace)).expect("room");
                }
            }
        },
    );
    for &(address, length) in &routes.list {
        writer.remove(vrf, address, length, &grace);
    }
    writer.reclaim(&grace);
    assert_eq!(writer.nodes_in_use(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 12 }))]

    #[test]
    fn a_tenant_table_answers_rightly_in_a_storm((routes, order) in routes(spread_v4, 1)) {
        check(&routes, &order, TENANT);
    }

    #[test]
    fn a_tenant_table_of_ipv6_does_too((routes, order) in routes(spread_v6, 1)) {
        check(&routes, &order, TENANT);
    }

    #[test]
    #[cfg_attr(miri, ignore = "arrays of 16 million entries")]
    fn an_external_table_answers_rightly_in_a_storm((routes, order) in routes(spread_v4, 14)) {
        check(&routes, &order, EXTERNAL);
    }

    #[test]
    #[cfg_attr(miri, ignore = "arrays of 16 million entries")]
    fn an_external_table_of_ipv6_does_too((routes, order) in routes(spread_v6, 20)) {
        check(&routes, &order, EXTERNAL);
    }
}
