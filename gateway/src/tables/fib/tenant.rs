//! The roots of tenants' tries, which start where their prefixes part.

use super::address::{Address, STRIDE};
use super::edit::{At, Tries};
use super::node::{EMPTY_NODE, Leaf};
use super::rib::Prefix;
use super::root::{MAX_LEVEL, RootWord, Vrf};
use crate::tables::grace::Grace;
use crate::tables::pool::ReadersStalled;

/// Inserts a route other than the default one. Nothing has changed after an error.
pub(super) fn insert<A: Address>(
    tries: &mut Tries,
    vrf: &Vrf,
    prefix: Prefix<A>,
    leaf: Leaf,
    grace: &impl Grace,
) -> Result<(), ReadersStalled> {
    let old = vrf.root().word;
    let level = level_with(old, prefix);
    // A node for each level up to the old root, and for each that the prefix has of its own.
    let above = if old == RootWord::EMPTY { 0 } else { usize::from(old.level() - level) };
    let own = if old == RootWord::EMPTY || above > 0 {
        1 + usize::from((prefix.length - 1) / STRIDE - level)
    } else {
        tries.missing(at(old), prefix)
    };
    tries.nodes.reserve(above + own, grace)?;

    let mut superfluous = None;
    let node = if old == RootWord::EMPTY {
        tries.nodes.create(Leaf::default())
    } else {
        // Where one prefix has come to cover the whole of the old root, its leaf takes the root's place.
        let whole = tries.nodes.table(old.node()).uniform(old.bit()).filter(|_| above > 0);
        superfluous = whole.map(|_| old.node());
        (level..old.level()).rev().fold(old.node(), |child, level| {
            let parent = tries.nodes.create(Leaf::default());
            let slot = old.common().digit(level * STRIDE);
            match whole {
                Some(leaf) if child == old.node() => tries.nodes.table(parent).set_leaf(slot, leaf),
                _ => tries.nodes.table(parent).set_node(slot, child),
            }
            parent
        })
    };
    let new = RootWord::new(prefix.address.top().masked(level * STRIDE), level, node);
    if old == RootWord::EMPTY {
        // Complete before it is published: one store changes all answers.
        tries.insert(at(new), prefix, leaf, grace);
        vrf.set_word(new);
    } else {
        // It says what the old root says, and then the prefix changes.
        vrf.set_word(new);
        tries.insert(at(new), prefix, leaf, grace);
    }
    if let Some(node) = superfluous {
        tries.nodes.retire(node, grace);
    }
    Ok(())
}

/// Removes a route other than the default one, which is there.
pub(super) fn remove<A: Address>(
    tries: &mut Tries,
    vrf: &Vrf,
    prefix: Prefix<A>,
    cover: Leaf,
    grace: &impl Grace,
) {
    let mut word = vrf.root().word;
    tries.remove(at(word), prefix, cover, grace);
    let mut superfluous = Vec::new();
    loop {
        let table = tries.nodes.table(word.node());
        if table.uniform(0).is_some() {
            superfluous.push(word.node());
            word = RootWord::EMPTY;
            break;
        }
        let Some((slot, child)) = table.only_child().filter(|_| word.level() < MAX_LEVEL) else {
            break;
        };
        superfluous.push(word.node());
        let common = word.common() | (slot as u32) << (32 - STRIDE - word.bit());
        word = RootWord::new(common, word.level() + 1, child);
    }
    vrf.set_word(word);
    superfluous.into_iter().for_each(|node| tries.nodes.retire(node, grace));
}

/// Removes all routes but the default one.
pub(super) fn clear(tries: &mut Tries, vrf: &Vrf, grace: &impl Grace) {
    let node = vrf.root().word.node();
    vrf.set_word(RootWord::EMPTY);
    if node != EMPTY_NODE {
        tries.nodes.retire_tree(node, grace);
    }
}

/// The answer for an address.
pub(super) fn lookup<A: Address>(tries: &Tries, word: RootWord, address: A) -> Leaf {
    tries.lookup(At::Node { node: word.node_for(address), bit: word.bit() }, address)
}

/// The level that the root has to be at for `prefix` to be below it too.
fn level_with<A: Address>(word: RootWord, prefix: Prefix<A>) -> u8 {
    let ending = ((prefix.length - 1) / STRIDE).min(MAX_LEVEL);
    if word == RootWord::EMPTY {
        return ending;
    }
    let shared = prefix.address.top().common_bits(word.common()) / STRIDE;
    ending.min(shared).min(word.level())
}

fn at(word: RootWord) -> At {
    At::Node { node: word.node(), bit: word.bit() }
}
