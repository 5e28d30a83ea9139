//! What changes between two maps.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Keys that come, change and go, each in their order.
pub(super) struct Diff<K, V> {
    pub(super) added: Vec<(K, V)>,
    pub(super) changed: Vec<(K, V)>,
    pub(super) removed: Vec<K>,
}

/// What has to happen to `old` to make it `new`.
pub(super) fn diff<K: Ord + Clone, V: PartialEq + Clone>(
    old: &BTreeMap<K, V>,
    new: &BTreeMap<K, V>,
) -> Diff<K, V> {
    let mut changes = Diff { added: Vec::new(), changed: Vec::new(), removed: Vec::new() };
    let (mut olds, mut news) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let order = match (olds.peek(), news.peek()) {
            (Some((before, _)), Some((after, _))) => before.cmp(after),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return changes,
        };
        let before = if order.is_le() { olds.next() } else { None };
        let after = if order.is_ge() { news.next() } else { None };
        match (before, after) {
            (Some((key, _)), None) => changes.removed.push(key.clone()),
            (None, Some((key, value))) => changes.added.push((key.clone(), value.clone())),
            (Some((_, old)), Some((key, new))) if old != new => {
                changes.changed.push((key.clone(), new.clone()))
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn applied_to_the_old_map_it_makes_the_new_one(
            old: BTreeMap<u8, u8>,
            new: BTreeMap<u8, u8>,
        ) {
            let changes = diff(&old, &new);
            let mut map = old;
            for key in &changes.removed {
                prop_assert!(map.remove(key).is_some());
            }
            for (key, value) in changes.changed {
                prop_assert!(map.insert(key, value).is_some_and(|before| before != value));
            }
            for (key, value) in changes.added {
                prop_assert!(map.insert(key, value).is_none());
            }
            prop_assert_eq!(map, new);
        }
    }
}
