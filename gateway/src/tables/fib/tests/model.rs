//! Any sequence of changes against a list of prefixes that is searched from one end to the other.

use std::ops::Not;

use nvgw_types::VrfId;
use proptest::prelude::*;

use super::{EXTERNAL, TENANT, staged, two_tables, value};
use crate::tables::fib::{Address, RouteError, RoutesReader, RoutesWriter};
use crate::tables::grace::LocalGrace;

const CAPACITY: usize = 12;

#[derive(Debug, Clone)]
enum Operation<A> {
    Insert(A, u8, u32),
    /// Removes one of the routes that are there.
    Remove(prop::sample::Index),
    /// Removes what may be there.
    Miss(A, u8),
    Reclaim,
}

/// Prefixes that nest, part and meet: few distinct bits, at the places where nodes and arrays end.
pub(super) fn prefix<A: Address>(spread: fn(u8) -> A, shortest: u8) -> impl Strategy<Value = (A, u8)> {
    (any::<u8>(), shortest..=A::BITS).prop_map(move |(bits, length)| (spread(bits).masked(length), length))
}

fn operation<A: Address>(spread: fn(u8) -> A, shortest: u8) -> impl Strategy<Value = Operation<A>> {
    let route = prop_oneof![9 => prefix(spread, shortest), 1 => Just((A::default(), 0))];
    prop_oneof![
        6 => (route, 1..1000_u32).prop_map(|((address, length), value)| Operation::Insert(address, length, value)),
        4 => any::<prop::sample::Index>().prop_map(Operation::Remove),
        1 => prefix(spread, shortest).prop_map(|(address, length)| Operation::Miss(address, length)),
        1 => Just(Operation::Reclaim),
    ]
}

/// One bit of eight at each of eight places of an IPv4 address.
pub(super) fn spread_v4(bits: u8) -> u32 {
    [31, 29, 23, 16, 8, 7, 4, 0].iter().enumerate().map(|(i, at)| u32::from(bits >> i & 1) << at).sum()
}

pub(super) fn spread_v6(bits: u8) -> u128 {
    [127, 125, 103, 96, 95, 64, 63, 0].iter().enumerate().map(|(i, at)| u128::from(bits >> i & 1) << at).sum()
}

type List<A> = Vec<(A, u8, u32)>;

fn answer<A: Address>(list: &List<A>, address: A) -> Option<(A, u8, u32)> {
    list.iter()
        .filter(|(prefix, length, _)| address.masked(*length) == *prefix)
        .max_by_key(|route| route.1)
        .copied()
}

fn check<A>(operations: &[Operation<A>], vrf: VrfId, spread: fn(u8) -> A) -> Result<(), TestCaseError>
where
    A: Address + Not<Output = A>,
{
    let grace = LocalGrace::new();
    let (mut writer, reader) = two_tables(CAPACITY, &grace);
    let mut list = List::new();
    for operation in operations {
        apply(operation, vrf, &mut writer, &mut list, &grace)?;
        agree(&writer, &reader, vrf, &list, (0..=u8::MAX).step_by(5).map(spread))?;
    }
    for (prefix, length, _) in std::mem::take(&mut list) {
        prop_assert!(writer.remove(vrf, prefix, length, &grace).is_some());
    }
    agree(&writer, &reader, vrf, &list, (0..=u8::MAX).map(spread))?;
    writer.reclaim(&grace);
    prop_assert_eq!(writer.nodes_in_use(), 0, "all nodes are free when all routes are gone");
    Ok(())
}

/// A root that came to say one thing, when another prefix made the table start above it, stayed in use for ever.
#[test]
fn a_root_that_one_prefix_covers_goes_with_that_prefix() {
    fn check<A: Address + Not<Output = A>>(prefix: fn(u8) -> A) {
        let [long, short, far] = [(prefix(1), 26), (prefix(1), 12), (prefix(0), 1)];
        let grace = LocalGrace::new();
        let (mut writer, _) = two_tables(CAPACITY, &grace);
        let insert = |writer: &mut RoutesWriter<A>, (prefix, length)| {
            assert_eq!(writer.insert(TENANT, prefix, length, value(1), &grace), Ok(None));
        };
        let remove = |writer: &mut RoutesWriter<A>, (prefix, length)| {
            assert_eq!(writer.remove(TENANT, prefix, length, &grace), Some(value(1)));
        };
        [long, far, short].into_iter().for_each(|route| insert(&mut writer, route));
        [far, long].into_iter().for_each(|route| remove(&mut writer, route));
        insert(&mut writer, far);
        [short, far].into_iter().for_each(|route| remove(&mut writer, route));
        writer.reclaim(&grace);
        assert_eq!(writer.nodes_in_use(), 0);
    }
    check(spread_v4);
    check(spread_v6);
}

fn apply<A: Address>(
    operation: &Operation<A>,
    vrf: VrfId,
    writer: &mut RoutesWriter<A>,
    list: &mut List<A>,
    grace: &LocalGrace,
) -> Result<(), TestCaseError> {
    match operation {
        &Operation::Insert(prefix, length, number) => {
            let known = list.iter_mut().find(|route| (route.0, route.1) == (prefix, length));
            let expected = match known {
                Some(route) => Ok(Some(value(std::mem::replace(&mut route.2, number)))),
                None if writer.len() == CAPACITY => Err(RouteError::Full { capacity: CAPACITY }),
                None => {
                    list.push((prefix, length, number));
                    Ok(None)
                }
            };
            prop_assert_eq!(writer.insert(vrf, prefix, length, value(number), grace), expected);
        }
        Operation::Remove(index) => {
            if !list.is_empty() {
                let (prefix, length, number) = list.swap_remove(index.index(list.len()));
                prop_assert_eq!(writer.remove(vrf, prefix, length, grace), Some(value(number)));
            }
        }
        &Operation::Miss(prefix, length) => {
            if !list.iter().any(|route| (route.0, route.1) == (prefix, length)) {
                prop_assert_eq!(writer.remove(vrf, prefix, length, grace), None);
            }
        }
        Operation::Reclaim => writer.reclaim(grace),
    }
    Ok(())
}

/// Everything that can be asked answers as the list does, at the given addresses and at both ends of all prefixes.
fn agree<A>(
    writer: &RoutesWriter<A>,
    reader: &RoutesReader<A>,
    vrf: VrfId,
    list: &List<A>,
    addresses: impl Iterator<Item = A>,
) -> Result<(), TestCaseError>
where
    A: Address + Not<Output = A>,
{
    // The last address of a prefix has the bits behind it set: cut the others off from its complement.
    let ends = list.iter().flat_map(|&(prefix, length, _)| [prefix, !(!prefix).masked(length)]);
    for address in addresses.chain(ends) {
        let expected = answer(list, address);
        let number = expected.map_or(0, |(_, _, number)| number);
        prop_assert_eq!(reader.lookup(vrf, address), number, "{:?}", address);
        prop_assert_eq!(staged(reader, vrf, address), number, "{:?}", address);
        let found = writer.lookup(vrf, address).map(|(prefix, length, found)| (prefix, length, found.get()));
        prop_assert_eq!(found, expected, "{:?}", address);
    }
    let mut sorted = list.clone();
    sorted.sort_unstable();
    let listed: Vec<_> =
        writer.iter(vrf).map(|(prefix, length, found)| (prefix, length, found.get())).collect();
    prop_assert_eq!(listed, sorted);
    for &(prefix, length, number) in list {
        prop_assert_eq!(writer.get(vrf, prefix, length), Some(value(number)));
    }
    Ok(())
}

fn changes<A: Address>(spread: fn(u8) -> A, shortest: u8) -> impl Strategy<Value = Vec<Operation<A>>> {
    prop::collection::vec(operation(spread, shortest), 1..if cfg!(miri) { 12 } else { 60 })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 150 }))]

    #[test]
    fn a_tenant_table_matches_the_longest_prefix(operations in changes(spread_v4, 1)) {
        check(&operations, TENANT, spread_v4)?;
    }

    #[test]
    fn a_tenant_table_of_ipv6_does_too(operations in changes(spread_v6, 1)) {
        check(&operations, TENANT, spread_v6)?;
    }
}

// Prefixes that are not as short as possible, since every one of /1 touches half an array, 32 MB.
proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    #[cfg_attr(miri, ignore = "arrays of 16 million entries")]
    fn an_external_table_matches_the_longest_prefix(operations in changes(spread_v4, 10)) {
        check(&operations, EXTERNAL, spread_v4)?;
    }

    #[test]
    #[cfg_attr(miri, ignore = "arrays of 16 million entries")]
    fn an_external_table_of_ipv6_does_too(operations in changes(spread_v6, 20)) {
        check(&operations, EXTERNAL, spread_v6)?;
    }
}
