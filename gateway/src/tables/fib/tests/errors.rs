//! Creating and removing tables, what is refused, and that nothing has changed then.

use nvgw_types::VrfId;

use super::{EXTERNAL, TENANT, staged, two_tables, value};
use crate::tables::ReadersStalled;
use crate::tables::fib::{RouteError, RoutesOptions, Shape, routes};
use crate::tables::grace::LocalGrace;

#[test]
fn what_is_not_a_route_is_refused() {
    let grace = LocalGrace::new();
    let options = RoutesOptions { vrfs: 2, external_vrfs: 0, routes: 8 };
    let (mut writer, reader) = routes::<u32>(options).expect("memory");
    writer.create_vrf(TENANT, Shape::Tenant, &grace).expect("room");
    let one = value(1);
    for (vrf, address, length, value, error) in [
        (VrfId(1), 0, 0, one, RouteError::NoVrf(VrfId(1))),
        (VrfId(2), 0, 0, one, RouteError::NoVrf(VrfId(2))),
        (TENANT, 0, 33, one, RouteError::NotAPrefix { length: 33 }),
        (TENANT, 0x0a00_0001, 24, one, RouteError::NotAPrefix { length: 24 }),
        (TENANT, 0x8000_0000, 0, one, RouteError::NotAPrefix { length: 0 }),
        (TENANT, 0, 8, value(1 << 31), RouteError::NotAValue),
    ] {
        assert_eq!(writer.insert(vrf, address, length, value, &grace), Err(error));
    }
    assert!(writer.is_empty());
    assert_eq!(reader.lookup(TENANT, 0), 0);
    assert_eq!((reader.lookup(VrfId(2), 0), staged(&reader, VrfId(2), 0)), (0, 0));
    assert_eq!(writer.remove(VrfId(7), 0, 0, &grace), None);
    assert_eq!(writer.insert(TENANT, 0, 8, value((1 << 31) - 1), &grace), Ok(None));
    assert_eq!(reader.lookup(TENANT, 1), (1 << 31) - 1);
}

#[test]
fn tables_come_and_go_with_their_routes() {
    let grace = LocalGrace::new();
    let options = RoutesOptions { vrfs: 2, external_vrfs: 0, routes: 8 };
    let (mut writer, reader) = routes::<u32>(options).expect("memory");
    let beyond = RouteError::BeyondLimit { vrf: VrfId(2), vrfs: 2 };
    assert_eq!(writer.create_vrf(VrfId(2), Shape::Tenant, &grace), Err(beyond));
    let none = RouteError::NoExternal { limit: 0 };
    assert_eq!(writer.create_vrf(TENANT, Shape::External, &grace), Err(none));
    for vrf in [0, 1].map(VrfId) {
        writer.create_vrf(vrf, Shape::Tenant, &grace).expect("room");
        assert_eq!(writer.create_vrf(vrf, Shape::Tenant, &grace), Err(RouteError::VrfExists(vrf)));
        for (address, length) in [(0, 0), (0x0a00_0000, 8), (0x0a01_0000, 24), (0x0a01_0001, 32)] {
            writer.insert(vrf, address, length, value(vrf.0 + 1), &grace).expect("room");
        }
    }
    assert_eq!(writer.remove_vrf(TENANT, &grace), Ok(()));
    assert_eq!(writer.remove_vrf(TENANT, &grace), Err(RouteError::NoVrf(TENANT)));
    assert_eq!((writer.len(), writer.iter(TENANT).count(), writer.iter(VrfId(1)).count()), (4, 0, 4));
    for address in [0, 0x0a00_0000, 0x0a01_0001] {
        assert_eq!(reader.lookup(TENANT, address), 0);
        assert_eq!(reader.lookup(VrfId(1), address), 2);
    }
    writer.create_vrf(TENANT, Shape::Tenant, &grace).expect("room again");
    assert_eq!(reader.lookup(TENANT, 0), 0);
    writer.remove_vrf(TENANT, &grace).expect("exists");
    writer.remove_vrf(VrfId(1), &grace).expect("exists");
    writer.reclaim(&grace);
    assert_eq!(writer.nodes_in_use(), 0);
}

#[test]
#[cfg_attr(miri, ignore = "arrays of 16 million entries")]
fn an_external_table_leaves_nothing_to_the_next() {
    let grace = LocalGrace::new();
    let mut local = grace.reader();
    let (mut writer, reader) = two_tables::<u32>(8, &grace);
    for (address, length) in [(0, 0), (0x0a00_0000, 8), (0x0a01_0001, 32)] {
        writer.insert(EXTERNAL, address, length, value(7), &grace).expect("room");
    }
    writer.remove_vrf(TENANT, &grace).expect("exists");
    let section = local.section();
    writer.remove_vrf(EXTERNAL, &grace).expect("exists");
    // A reader may still be on the way to the only array.
    let none = RouteError::NoExternal { limit: 1 };
    assert_eq!(writer.create_vrf(TENANT, Shape::External, &grace), Err(none));
    drop(section);
    assert_eq!(writer.create_vrf(TENANT, Shape::External, &grace), Ok(()));
    for address in [0, 0x0a00_0000, 0x0a01_0001] {
        assert_eq!((reader.lookup(TENANT, address), reader.lookup(EXTERNAL, address)), (0, 0));
        assert_eq!(writer.lookup(TENANT, address), None);
    }
    writer.reclaim(&grace);
    assert_eq!(writer.nodes_in_use(), 0);
}

#[test]
fn nodes_that_readers_may_be_on_are_not_used_again() {
    let grace = LocalGrace::new();
    let mut local = grace.reader();
    let options = RoutesOptions { vrfs: 1, external_vrfs: 0, routes: 2 };
    let (mut writer, reader) = routes::<u32>(options).expect("memory");
    writer.create_vrf(TENANT, Shape::Tenant, &grace).expect("room");
    writer.insert(TENANT, 0x0a00_0000, 8, value(1), &grace).expect("room");
    let section = local.section();
    let table = reader.view();
    let mut cursor = [table.cursor(table.root(TENANT), 0x0a00_0001)];

    let stalled = loop {
        let inserted = writer.insert(TENANT, 0x0a00_0001, 32, value(2), &grace);
        if inserted.is_err() {
            break inserted;
        }
        assert_eq!(reader.lookup(TENANT, 0x0a00_0001), 2);
        writer.remove(TENANT, 0x0a00_0001, 32, &grace);
        assert_eq!(reader.lookup(TENANT, 0x0a00_0001), 1);
    };
    assert_eq!(stalled, Err(RouteError::Stalled(ReadersStalled)));
    assert_eq!((writer.len(), reader.lookup(TENANT, 0x0a00_0001)), (1, 1));
    table.finish(&mut cursor);
    assert_eq!(cursor[0].value(), 1);
    drop(section);
    assert_eq!(writer.insert(TENANT, 0x0a00_0001, 32, value(2), &grace), Ok(None));
}
