//! What lookups of an address answer with while routes change.

use std::num::NonZeroU32;

use nvgw_types::VrfId;

use crate::tables::fib::Address;
use crate::tables::grace::LocalGrace;
use crate::tables::{RoutesReader, RoutesWriter};
use crate::{check, race};

/// The routing table that models are about.
pub const VRF: VrfId = VrfId(0);

/// Inserts a prefix, whose value is its length.
pub fn insert<A: Address>(writer: &mut RoutesWriter<A>, (address, length): (A, u8), grace: &LocalGrace) {
    let value = NonZeroU32::new(u32::from(length) + 1).expect("not zero");
    writer.insert(VRF, address, length, value, grace).expect("room");
}

/// Checks that lookups of an address in the table that `build` makes answer with prefixes of these lengths, and no others,
/// while the writer is at work.
pub fn lookups_answer<A: Address>(
    address: A,
    build: impl Fn(&LocalGrace) -> (RoutesWriter<A>, RoutesReader<A>) + Send + Sync + 'static,
    expected: &'static [u8],
    write: fn(&mut RoutesWriter<A>, &LocalGrace),
) {
    check(move || {
        let grace = LocalGrace::new();
        let (mut writer, reader) = build(&grace);
        race(
            &grace,
            move |mut local| {
                let section = local.section();
                let table = reader.view();
                let mut cursors = [table.cursor(table.root(VRF), address)];
                table.finish(&mut cursors);
                drop(section);
                let length = cursors[0].value().checked_sub(1);
                assert!(expected.iter().any(|&one| length == Some(one.into())), "{length:?}");
            },
            |grace| write(&mut writer, grace),
        );
    });
}
