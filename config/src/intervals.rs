//! Sets of disjoint intervals: what overlaps one, and which one holds a number.

use std::collections::BTreeMap;

/// Disjoint intervals with a value each, in groups that know nothing of each other.
#[derive(Debug)]
pub(crate) struct Intervals<G, V> {
    /// By group and first number: last number and value.
    by_first: BTreeMap<(G, u32), (u32, V)>,
}

impl<G: Copy + Ord, V: Copy> Intervals<G, V> {
    pub(crate) fn new() -> Self {
        Self { by_first: BTreeMap::new() }
    }

    /// Adds an interval, both ends included. One that overlaps others stays out: the value of one of those.
    pub(crate) fn insert(&mut self, group: G, (first, last): (u32, u32), value: V) -> Result<(), V> {
        match self.overlapping(group, (first, last)) {
            Some(other) => Err(other),
            None => {
                self.by_first.insert((group, first), (last, value));
                Ok(())
            }
        }
    }

    /// The value of the interval that holds a number.
    pub(crate) fn find(&self, group: G, number: u32) -> Option<V> {
        self.overlapping(group, (number, number))
    }

    fn overlapping(&self, group: G, (first, last): (u32, u32)) -> Option<V> {
        // Of disjoint intervals, the one that begins last ends last.
        let (_, (end, value)) = self.by_first.range((group, 0)..=(group, last)).next_back()?;
        (*end >= first).then_some(*value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn interval() -> impl Strategy<Value = (u8, (u32, u32))> {
        // Few groups and numbers, so that intervals meet.
        (0_u8..2, 0_u32..40, 0_u32..8).prop_map(|(group, first, more)| (group, (first, first + more)))
    }

    proptest! {
        #[test]
        fn agrees_with_comparing_all(
            intervals in prop::collection::vec(interval(), 0..12),
            group in 0_u8..2,
            number in 0_u32..50,
        ) {
            let mut set = Intervals::new();
            let mut kept: Vec<(u8, (u32, u32))> = Vec::new();
            for (group, (first, last)) in intervals {
                let meets = |&(other, (other_first, other_last)): &(u8, (u32, u32))| {
                    other == group && other_first <= last && first <= other_last
                };
                let overlaps: Vec<usize> = (0..kept.len()).filter(|i| meets(&kept[*i])).collect();
                match set.insert(group, (first, last), kept.len()) {
                    Ok(()) => {
                        prop_assert!(overlaps.is_empty());
                        kept.push((group, (first, last)));
                    }
                    Err(other) => prop_assert!(overlaps.contains(&other)),
                }
            }
            let holds = |(other, (first, last)): &(u8, (u32, u32))| {
                *other == group && (*first..=*last).contains(&number)
            };
            prop_assert_eq!(set.find(group, number), kept.iter().position(holds));
        }
    }
}
