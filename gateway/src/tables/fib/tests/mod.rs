mod capacity;
mod concurrent;
mod errors;
mod model;
mod storms;

use std::num::NonZeroU32;

use nvgw_types::VrfId;

use super::{Address, RoutesOptions, RoutesReader, RoutesWriter, Shape, routes};
use crate::tables::grace::LocalGrace;

fn value(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("not zero")
}

/// Routing tables 0, of the tenant shape, and 1, of the external one.
const TENANT: VrfId = VrfId(0);
const EXTERNAL: VrfId = VrfId(1);

fn two_tables<A: Address>(routes_promised: usize, grace: &LocalGrace) -> (RoutesWriter<A>, RoutesReader<A>) {
    // Arrays of 16 million entries are too much for Miri.
    let external_vrfs = usize::from(!cfg!(miri));
    let options = RoutesOptions { vrfs: 2, external_vrfs, routes: routes_promised };
    let (mut writer, reader) = routes(options).expect("memory");
    writer.create_vrf(TENANT, Shape::Tenant, grace).expect("room");
    if external_vrfs > 0 {
        writer.create_vrf(EXTERNAL, Shape::External, grace).expect("room");
    }
    (writer, reader)
}

/// The answer by cursors, in a burst of one.
fn staged<A: Address>(reader: &RoutesReader<A>, vrf: VrfId, address: A) -> u32 {
    let table = reader.view();
    let mut cursors = [table.cursor(table.root(vrf), address)];
    table.finish(&mut cursors);
    cursors[0].value()
}
