//! Every committed seed, and variations of them: the same ones in every run.

use std::fs;
use std::path::Path;

use nvgw_fuzz_harness::TARGETS;

/// Variations of the seeds of each target.
const VARIATIONS: usize = 20_000;
/// Those of the whole datapath, each of which builds a gateway.
const VARIATIONS_OF_DATAPATH: usize = 400;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../seeds").join(target);
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .expect("a folder of seeds")
        .map(|entry| entry.expect("a file").path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{target} has no seeds");
    paths.iter().map(|path| fs::read(path).expect("a seed")).collect()
}

/// Numbers that look random (splitmix64), the same in every run.
struct Numbers(u64);

impl Numbers {
    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % end as u64) as usize
    }

    fn one<'o, T>(&mut self, of: &'o [T]) -> &'o T {
        &of[self.below(of.len())]
    }
}

/// A seed with a few bytes changed, cut out, cut off, or put in from another one.
fn vary(seeds: &[Vec<u8>], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = numbers.one(seeds).clone();
    for _ in 0..=numbers.below(8) {
        if bytes.is_empty() {
            break;
        }
        let at = numbers.below(bytes.len());
        let end = (at + 1 + numbers.below(64)).min(bytes.len());
        match numbers.below(6) {
            0 => bytes[at] ^= 1 << numbers.below(8),
            1 => bytes[at] = *numbers.one(&[0, 1, 0x7f, 0x80, 0xff]),
            2 => bytes[at..end].iter_mut().for_each(|byte| *byte = numbers.below(256) as u8),
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..end)),
            _ => {
                let other = numbers.one(seeds);
                let from = numbers.below(other.len() + 1);
                let piece: Vec<u8> = other[from..].iter().take(end - at).copied().collect();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

#[test]
fn seeds_and_their_variations_do_no_harm() {
    for (name, target) in TARGETS {
        let seeds = seeds(name);
        seeds.iter().for_each(|seed| target(seed));
        let mut numbers = Numbers(0x6e76_6777);
        let variations = if name == "datapath" { VARIATIONS_OF_DATAPATH } else { VARIATIONS };
        for _ in 0..variations {
            target(&vary(&seeds, &mut numbers));
        }
    }
}
