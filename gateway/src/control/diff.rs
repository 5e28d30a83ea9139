//! What a draft changes in a map.

use std::collections::BTreeMap;

use super::draft::{Changes, beside};

/// Keys that come, change and go, each in their order.
pub(super) struct Diff<K, V> {
    pub(super) added: Vec<(K, V)>,
    pub(super) changed: Vec<(K, V)>,
    pub(super) removed: Vec<K>,
}

/// What of `changes` is not so already.
pub(super) fn diff<K: Ord + Clone, V: PartialEq + Clone>(
    changes: &Changes<K, V>,
    current: &BTreeMap<K, V>,
) -> Diff<K, V> {
    let mut diff = Diff { added: Vec::new(), changed: Vec::new(), removed: Vec::new() };
    for (key, value, now) in beside(changes, current) {
        match (now, value) {
            (None, Some(new)) => diff.added.push((key.clone(), new.clone())),
            (Some(old), Some(new)) if old != new => diff.changed.push((key.clone(), new.clone())),
            (Some(_), None) => diff.removed.push(key.clone()),
            _ => {}
        }
    }
    diff
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn applied_to_the_old_map_it_makes_the_new_one(
            old: BTreeMap<u8, u8>,
            changes: BTreeMap<u8, Option<u8>>,
        ) {
            let diff = diff(&changes, &old);
            let mut map = old.clone();
            for key in &diff.removed {
                prop_assert!(map.remove(key).is_some());
            }
            for (key, value) in diff.changed {
                prop_assert!(map.insert(key, value).is_some_and(|before| before != value));
            }
            for (key, value) in diff.added {
                prop_assert!(map.insert(key, value).is_none());
            }
            for (key, value) in &map {
                prop_assert_eq!(changes.get(key).copied().flatten().or(old.get(key).copied()), Some(*value));
            }
            for (key, value) in changes {
                prop_assert_eq!(map.get(&key).copied(), value);
            }
        }
    }
}
