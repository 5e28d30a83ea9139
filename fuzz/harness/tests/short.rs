//! Every committed seed, and variations of them: the same ones in every run.
//!
//! `NVGW_FUZZ_ROUNDS` asks for more of them: so many times as many, none twice.

use std::env;
use std::fs;
use std::path::Path;

use nvgw_fuzz_harness::TARGETS;

/// Variations of the seeds of each target.
const VARIATIONS: usize = 20_000;
/// Those of targets that build a gateway for each.
const VARIATIONS_OF_GATEWAYS: usize = 1000;

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

/// Shows the input that did harm.
struct Shown<'i>(&'i [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input: {}", self.0.escape_ascii());
        }
    }
}

/// How many times as many variations there are to be as usual.
fn rounds() -> usize {
    let asked = env::var("NVGW_FUZZ_ROUNDS").ok();
    asked.map_or(1, |number| number.parse().expect("NVGW_FUZZ_ROUNDS is a number"))
}

/// Runs the seeds of a target, and so many variations of them.
fn run(name: &str, variations: usize) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of that name");
    let run = |input: &[u8]| {
        let _shown = Shown(input);
        target(input);
    };
    let seeds = seeds(name);
    seeds.iter().for_each(|seed| run(seed));
    let mut numbers = Numbers(0x6e76_6777);
    (0..variations * rounds()).for_each(|_| run(&vary(&seeds, &mut numbers)));
}

/// A test for each target, named after it.
macro_rules! targets {
    ($($name:ident: $variations:expr,)*) => {
        $(#[test]
        fn $name() {
            run(stringify!($name), $variations);
        })*

        #[test]
        fn every_target_is_tested() {
            assert_eq!(TARGETS.map(|(name, _)| name), [$(stringify!($name)),*]);
        }
    };
}

targets! {
    ethernet: VARIATIONS,
    ipv4: VARIATIONS,
    ipv6: VARIATIONS,
    icmp: VARIATIONS,
    transport: VARIATIONS,
    configuration: VARIATIONS / 10,
    changes: VARIATIONS / 4,
    hyper_v: VARIATIONS / 4,
    nat_log: VARIATIONS,
    journal: VARIATIONS_OF_GATEWAYS,
    datapath: VARIATIONS_OF_GATEWAYS,
}
