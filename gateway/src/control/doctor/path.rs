//! The path to one provider address: whether a packet of the site's MTU gets there, and if not, how big a one does.

use std::net::IpAddr;

use nvgw_types::Family;

use crate::control::desired::Hop;
use crate::diagnosis::ProbeOutcome;
use crate::packet::ipv6;

/// What every network must carry whole (RFC 791, RFC 8200 §5), and so what tells a dead path from a narrow one.
const fn small(family: Family) -> u16 {
    match family {
        Family::V4 => 68,
        Family::V6 => ipv6::LEAST_MTU,
    }
}
/// Ethernet's own MTU: where a path is narrow, most are so.
const ETHERNET: u16 = 1500;
/// Probes that a search takes at most.
const SEARCH: u8 = 6;

/// How a path is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A packet of the site's MTU passes.
    Full,
    /// Packets of `passed` bytes pass, those of `refused` bytes do not.
    Narrow { passed: u16, refused: u16 },
    /// Nobody answers, not even a small packet.
    Silent,
    /// Somebody refuses.
    Refused { from: IpAddr, reason: String },
    /// The time to live ran out at a router: packets go in circles.
    Loop { from: IpAddr },
    /// The gateway cannot send there.
    Unsent,
}

/// What to do next about a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Probe with a packet of so many bytes.
    Probe(u16),
    /// It is known.
    Known(Verdict),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Full,
    Small,
    Search,
}

/// A path under examination.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path {
    /// The next hop when the examination began.
    pub(super) hop: Hop,
    pub(super) mtu: u16,
    stage: Stage,
    /// The size of the probe under way.
    asked: u16,
    passed: u16,
    refused: u16,
    /// What a router said that the next network takes.
    hint: Option<u16>,
    left: u8,
}

impl Path {
    /// A path that should take packets of `mtu` bytes, which is what is probed first.
    pub(super) const fn new(hop: Hop, mtu: u16) -> Self {
        Self { hop, mtu, stage: Stage::Full, asked: mtu, passed: 0, refused: mtu, hint: None, left: SEARCH }
    }

    /// What follows from the outcome of the probe under way.
    pub(super) fn next(&mut self, outcome: &ProbeOutcome) -> Next {
        let passed = match outcome {
            ProbeOutcome::Reply { .. } => true,
            ProbeOutcome::TimedOut { .. } => false,
            // Too big, as IPv4 and as IPv6 say it.
            ProbeOutcome::Unreachable { from, code, mtu, .. }
                if mtu.is_some() || (from.is_ipv4() && *code == 4) =>
            {
                self.hint = mtu.filter(|mtu| (self.small()..self.mtu).contains(mtu)).or(self.hint);
                false
            }
            ProbeOutcome::Unreachable { from, reason, .. } => {
                return Next::Known(Verdict::Refused { from: *from, reason: reason.clone() });
            }
            ProbeOutcome::TimeExceeded { from, .. } => return Next::Known(Verdict::Loop { from: *from }),
            ProbeOutcome::NotSent { .. } => return Next::Known(Verdict::Unsent),
        };
        match self.stage {
            Stage::Full if passed => Next::Known(Verdict::Full),
            Stage::Full => self.probe(Stage::Small, self.small().min(self.mtu)),
            Stage::Small if passed => {
                self.passed = self.asked;
                // Without word of a router the full packet may just have been lost.
                let next = self.hint.unwrap_or(self.mtu);
                self.probe(Stage::Search, next)
            }
            Stage::Small => Next::Known(Verdict::Silent),
            Stage::Search => self.search(passed),
        }
    }

    fn small(&self) -> u16 {
        small(Family::of(self.hop.address))
    }

    fn probe(&mut self, stage: Stage, size: u16) -> Next {
        (self.stage, self.asked) = (stage, size);
        Next::Probe(size)
    }

    fn search(&mut self, passed: bool) -> Next {
        if passed {
            self.passed = self.passed.max(self.asked);
        } else {
            self.refused = self.refused.min(self.asked);
        }
        self.left -= 1;
        if self.passed >= self.mtu {
            return Next::Known(Verdict::Full);
        }
        let between = |size: &u16| (self.passed + 1..self.refused).contains(size);
        let settled = self.hint == Some(self.passed) || self.passed + 1 >= self.refused;
        if settled || self.left == 0 {
            return Next::Known(Verdict::Narrow { passed: self.passed, refused: self.refused });
        }
        let middle = self.passed.midpoint(self.refused);
        let likely = [self.hint, Some(ETHERNET)].into_iter().flatten().find(between);
        self.probe(Stage::Search, likely.unwrap_or(middle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::desired::InterfaceKey;
    use crate::control::fixture::ip;
    use nvgw_types::PortId;
    use proptest::prelude::*;

    fn path(mtu: u16) -> Path {
        let interface = InterfaceKey { port: PortId(0), vlan: 20 };
        Path::new(Hop { interface, address: [100, 64, 20, 2].into() }, mtu)
    }

    fn reply() -> ProbeOutcome {
        let (source, from) = (ip("100.64.20.10"), ip("100.64.30.2"));
        ProbeOutcome::Reply { source, from, ttl: 63, rtt_ms: 0.5 }
    }

    fn silence() -> ProbeOutcome {
        ProbeOutcome::TimedOut { source: ip("100.64.20.10"), cure: None }
    }

    fn unreachable(code: u8, mtu: Option<u16>) -> ProbeOutcome {
        let (source, from) = (ip("100.64.20.10"), ip("100.64.20.2"));
        ProbeOutcome::Unreachable { source, from, code, reason: "why".into(), mtu, rtt_ms: 0.5 }
    }

    /// Examines a path that answers as `network` says; the verdict, and how many probes it took.
    fn examined(mtu: u16, mut network: impl FnMut(u16) -> ProbeOutcome) -> (Verdict, usize) {
        let mut path = path(mtu);
        let mut size = mtu;
        for probes in 1.. {
            match path.next(&network(size)) {
                Next::Known(verdict) => return (verdict, probes),
                Next::Probe(next) => size = next,
            }
        }
        unreachable!("the loop has no end")
    }

    fn takes(most: u16) -> impl FnMut(u16) -> ProbeOutcome {
        move |size| if size <= most { reply() } else { silence() }
    }

    #[test]
    fn a_path_is_good_dead_or_narrow() {
        assert_eq!(examined(1600, takes(1600)), (Verdict::Full, 1));
        assert_eq!(examined(1600, takes(0)), (Verdict::Silent, 2));
        // 1500 passes, then 1550, 1525, 1512 and 1506 do not.
        assert_eq!(examined(1600, takes(1500)), (Verdict::Narrow { passed: 1500, refused: 1506 }, 8));
    }

    #[test]
    fn a_router_that_names_its_mtu_is_believed_when_that_passes() {
        let mut network = |size| if size <= 1432 { reply() } else { unreachable(4, Some(1432)) };
        assert_eq!(examined(1600, &mut network), (Verdict::Narrow { passed: 1432, refused: 1600 }, 3));
        let mut liar = |size| if size <= 1300 { reply() } else { unreachable(4, Some(1432)) };
        let (verdict, probes) = examined(1600, &mut liar);
        let Verdict::Narrow { passed: 1200..=1300, refused: 1301..=1400 } = verdict else {
            panic!("{verdict:?}")
        };
        assert_eq!(probes, 8);
    }

    #[test]
    fn over_ipv6_too_big_is_a_message_of_its_own_and_1280_bytes_are_small() {
        let interface = InterfaceKey { port: PortId(0), vlan: 22 };
        let (source, from) = (ip("2001:db8:20::a"), ip("2001:db8:20::2"));
        let too_big = |mtu| ProbeOutcome::Unreachable {
            source,
            from,
            code: 0,
            reason: "packet too big".into(),
            mtu: Some(mtu),
            rtt_ms: 0.5,
        };
        let answer = ProbeOutcome::Reply { source, from, ttl: 63, rtt_ms: 0.5 };
        let mut path = Path::new(Hop { interface, address: from }, 1600);
        assert_eq!(path.next(&too_big(1432)), Next::Probe(1280));
        assert_eq!(path.next(&answer), Next::Probe(1432));
        let narrow = Verdict::Narrow { passed: 1432, refused: 1600 };
        assert_eq!(path.next(&answer), Next::Known(narrow));
        // Code 4 is a port's here.
        let mut path = Path::new(Hop { interface, address: from }, 1600);
        let refused = ProbeOutcome::Unreachable {
            source,
            from,
            code: 4,
            reason: "port unreachable".into(),
            mtu: None,
            rtt_ms: 0.5,
        };
        assert!(matches!(path.next(&refused), Next::Known(Verdict::Refused { .. })));
    }

    #[test]
    fn one_lost_packet_makes_no_narrow_path() {
        let mut first = true;
        let network = |_| if std::mem::take(&mut first) { silence() } else { reply() };
        assert_eq!(examined(1600, network), (Verdict::Full, 3));
    }

    #[test]
    fn refusals_loops_and_missing_ways_are_known_at_once() {
        let refused = Verdict::Refused { from: ip("100.64.20.2"), reason: "why".into() };
        assert_eq!(examined(1600, |_| unreachable(1, None)), (refused, 1));
        let (source, from) = (ip("100.64.20.10"), ip("100.64.20.2"));
        let exceeded = ProbeOutcome::TimeExceeded { source, from, rtt_ms: 1.0 };
        assert_eq!(examined(1600, |_| exceeded.clone()), (Verdict::Loop { from }, 1));
        let unsent =
            ProbeOutcome::NotSent { reason: String::new(), message: String::new(), cure: String::new() };
        assert_eq!(examined(1600, |_| unsent.clone()), (Verdict::Unsent, 1));
    }

    proptest! {
        #[test]
        fn what_is_found_is_true_and_takes_few_probes(mtu in 600..9200_u16, most in 68..9200_u16, says: bool) {
            let network = |size| match size <= most {
                true => reply(),
                false if says => unreachable(4, Some(most)),
                false => silence(),
            };
            let (verdict, probes) = examined(mtu, network);
            prop_assert!(probes <= 2 + usize::from(SEARCH));
            match verdict {
                Verdict::Full => prop_assert!(most >= mtu),
                Verdict::Narrow { passed, refused } => {
                    prop_assert!(passed <= most && most < refused && refused <= mtu);
                    prop_assert!(!says || passed == most);
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
