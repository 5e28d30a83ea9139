//! Tables found by VSID: what is present is found, whole.

use nvgw_loom::tables::grace::LocalGrace;
use nvgw_loom::tables::hash::Keyed;
use nvgw_loom::tables::{OfVsid, vsid_table};
use nvgw_loom::{check, race};
use nvgw_types::{VrfId, Vsid};

const VSID: u32 = 5001;

/// An entry that proves to be whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    vsid: Vsid,
    version: u32,
    sum: u32,
}

impl Entry {
    fn new(version: u32) -> Self {
        Self { vsid: Vsid::from_key(VSID << 8), version, sum: VSID ^ version << 16 }
    }
}

impl Keyed for Entry {
    type Key = Vsid;

    fn key(&self) -> Vsid {
        self.vsid
    }
}

impl OfVsid for Entry {
    fn vrf(&self) -> VrfId {
        VrfId(self.version)
    }
}

/// Updates to versions 1 and 2 and, at last, removal: as far as the reader does not hold up what they need.
fn updates_are_seen_in_order(removed: bool) {
    check(move || {
        let grace = LocalGrace::new();
        let (mut writer, reader) = vsid_table(1).expect("memory");
        // Every place is used before the race begins.
        for _ in 0..4 {
            writer.upsert(Entry::new(0), &grace).expect("room");
        }
        race(
            &grace,
            move |mut local| {
                let mut last = Some(0);
                for _ in 0..2 {
                    let section = local.section();
                    let found = reader.view().locate(&section, Entry::new(0).vsid);
                    let version = found.map(|(entry, vrf)| {
                        let seen = *entry;
                        assert_eq!(vrf, seen.vrf(), "of one version");
                        assert_eq!(seen, Entry::new(seen.version), "whole");
                        loom::thread::yield_now();
                        assert_eq!(*entry, seen, "until the section ends");
                        seen.version
                    });
                    match (last, version) {
                        (Some(last), Some(version)) => assert!(version >= last),
                        (_, None) => assert!(removed),
                        (None, Some(version)) => panic!("version {version} after the removal"),
                    }
                    last = version;
                }
            },
            |grace| {
                for version in 1..=2 {
                    // Refused while the reader holds up the place that the update needs.
                    let _ = writer.upsert(Entry::new(version), grace);
                }
                if removed {
                    assert!(writer.remove(Entry::new(0).vsid, grace));
                }
            },
        );
    });
}

#[test]
fn a_present_vsid_is_always_found() {
    updates_are_seen_in_order(false);
}

#[test]
fn a_removed_vsid_does_not_come_back() {
    updates_are_seen_in_order(true);
}
