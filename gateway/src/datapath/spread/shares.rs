//! Which part of all flows is whose.

use nvgw_types::WorkerId;

/// How finely flows are divided: the share of a worker is exact to this part.
const PARTS: usize = 256;

/// What it costs to receive a packet and to choose its worker, as a part of what all else costs that is done with it
/// where it is only routed. Sessions are divided evenly, whoever receives. `docs/workers.md` has the figures.
const RECEPTION: f64 = 1.0;

/// What a packet costs more, likewise, that another core has received: its lines come from there.
const TAKING_OVER: f64 = 0.7;

/// The division of all flows among the workers.
pub(super) struct Shares(Box<[WorkerId; PARTS]>);

impl Shares {
    /// Equal work for all, of which those that receive for others have some already. Where that alone is more than a
    /// worker's part, as it is of one that receives for many, it gets nothing else.
    pub(super) fn new(receivers: &[bool]) -> Self {
        let parts = parts(receivers);
        let whole: f64 = parts.iter().sum();
        let mut owners = Box::new([WorkerId(0); PARTS]);
        let (mut worker, mut until) = (0, parts.first().copied().unwrap_or(whole));
        for (place, owner) in owners.iter_mut().enumerate() {
            while (place as f64 + 0.5) / PARTS as f64 * whole > until && worker + 1 < parts.len() {
                worker += 1;
                until += parts[worker];
            }
            *owner = WorkerId(worker as u16);
        }
        Self(owners)
    }

    /// The worker of a flow, by a hash of it.
    #[inline(always)]
    pub(super) const fn of(&self, hash: u64) -> WorkerId {
        self.0[(hash >> 56) as usize]
    }
}

/// How much each worker gets.
fn parts(receivers: &[bool]) -> Vec<f64> {
    let all = receivers.len() as f64;
    let receiving = receivers.iter().filter(|receives| **receives).count() as f64;
    if receiving == 0.0 || receiving == all {
        return vec![1.0; receivers.len()];
    }
    // Each of `receiving` has RECEPTION / receiving to do before anything else, what the others get costs them more, and
    // all have the same to do in the end.
    let others = (1.0 + RECEPTION) / (receiving * (1.0 + TAKING_OVER) + (all - receiving));
    let own = (others * (1.0 + TAKING_OVER) - RECEPTION / receiving).max(0.0);
    let others = (1.0 - receiving * own) / (all - receiving);
    receivers.iter().map(|receives| if *receives { own } else { others }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(receivers: &[bool]) -> Vec<usize> {
        let shares = Shares::new(receivers);
        let mut counts = vec![0; receivers.len()];
        for part in 0..PARTS as u64 {
            counts[shares.of(part << 56 | 0x00ff_ffff).index()] += 1;
        }
        counts
    }

    #[test]
    fn where_all_receive_all_get_the_same() {
        assert_eq!(count(&[true; 2]), [128; 2]);
        assert_eq!(count(&[true; 8]), [32; 8]);
        let thirds = count(&[true; 3]);
        assert!(thirds.iter().all(|part| (85..=86).contains(part)), "{thirds:?}");
    }

    #[test]
    fn who_receives_for_others_gets_less() {
        assert_eq!(count(&[true, false]), [66, 190]);
        assert_eq!(count(&[true, false, false]), [0, 128, 128]);
        assert_eq!(count(&[false, true, false, false, false]), [64, 0, 64, 64, 64]);
        let two = count(&[true, true, false, false]);
        assert_eq!((two[0], two[2]), (33, 95));
        assert_eq!((two[0], two[2]), (two[1], two[3]));
    }

    #[test]
    fn nobody_is_left_out_where_there_is_work() {
        for workers in 1..=64 {
            for receiving in 1..=workers {
                let receivers: Vec<_> = (0..workers).map(|worker| worker < receiving).collect();
                let counts = count(&receivers);
                assert_eq!(counts.iter().sum::<usize>(), PARTS);
                assert!(counts[receiving..].iter().all(|part| *part > 0), "{receiving} of {workers}");
            }
        }
    }
}
