//! The sizes that the product promises.

use ipnet::IpNet;
use nvgw_types::{MacAddr, VrfId, Vsid};

use crate::tables::TableError;
use crate::tables::entries::{ScopedAddress, SenderMode, Subnet, ipv4_mapped};
use crate::tables::grace::LocalGrace;
use crate::tables::hash::{HashReader, HashWriter, Keyed, Upserted, hash_table};

const SEED: u64 = 0x5eed;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(align(64))]
struct Owner {
    key: ScopedAddress,
    number: usize,
}

impl Keyed for Owner {
    type Key = ScopedAddress;

    fn key(&self) -> ScopedAddress {
        self.key
    }
}

/// Sixteen neighbouring addresses, the same ones in every scope.
fn owner(number: usize) -> Owner {
    let address = ipv4_mapped(0x0a00_0000 | (number as u32 % 16));
    Owner { key: ScopedAddress { scope: number as u32 / 16, address }, number }
}

fn filled(count: usize, grace: &LocalGrace) -> (HashWriter<Owner>, HashReader<Owner>) {
    let (mut table, reader) = hash_table(count, SEED).expect("memory");
    for number in 0..count {
        assert_eq!(table.upsert(owner(number), grace), Ok(Upserted::Inserted));
    }
    (table, reader)
}

#[test]
#[cfg_attr(miri, ignore = "many entries")]
fn a_million_records_fit_and_not_one_more() {
    let count = 1_000_000;
    let grace = LocalGrace::new();
    let (mut table, reader) = filled(count, &grace);
    assert_eq!(table.upsert(owner(count), &grace), Err(TableError::Full { capacity: count }));
    assert_eq!(table.upsert(owner(count - 1), &grace), Ok(Upserted::Replaced));

    let mut local = grace.reader();
    let section = local.section();
    assert!((0..count).all(|number| reader.get(&section, &owner(number).key) == Some(&owner(number))));
    assert_eq!(reader.get(&section, &owner(count).key), None);
    drop(section);

    assert!(table.remove(&owner(0).key, &grace));
    assert_eq!(table.upsert(owner(count), &grace), Ok(Upserted::Inserted));
    assert_eq!(table.iter().count(), count);
}

#[test]
#[cfg_attr(miri, ignore = "many entries")]
fn every_vsid_of_65536_fits() {
    let count = 65_536;
    let prefix: IpNet = "10.0.0.0/24".parse().expect("a prefix");
    let subnet = |number: u32| {
        let vsid = Vsid::new(0x1000 + u64::from(number)).expect("24 bits");
        Subnet::new(vsid, VrfId(number), MacAddr([2, 0, 0, 0, 0, 1]), SenderMode::Strict, [prefix])
    };
    let grace = LocalGrace::new();
    let (mut table, reader) = hash_table(count as usize, SEED).expect("memory");
    for number in 0..count {
        table.upsert(subnet(number), &grace).expect("room");
    }
    assert_eq!(table.upsert(subnet(count), &grace), Err(TableError::Full { capacity: count as usize }));
    let mut local = grace.reader();
    let section = local.section();
    for number in 0..count {
        assert_eq!(reader.get(&section, &subnet(number).vsid), Some(&subnet(number)));
    }
    assert_eq!(reader.get(&section, &subnet(count).vsid), None);
}

/// A hash that spreads badly would answer correctly, and slowly. Were places drawn at random, 2 % of the buckets
/// would overflow when the table is full.
#[test]
#[cfg_attr(miri, ignore = "many entries")]
fn neighbouring_addresses_spread_over_the_buckets() {
    let grace = LocalGrace::new();
    let (table, _) = filled(131_072, &grace);
    let share = table.overflowed();
    assert!(share < 0.06, "{share} of the buckets were passed");
}
