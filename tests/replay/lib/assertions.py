"""The assertions of the replay tests, and what must hold after every replay."""

import difflib
import unittest
from pathlib import Path
from typing import Iterable, Optional, Union

from scapy.layers.l2 import Ether

from . import captures, gateway, packets
from .gateway import Config, Input, Run

REASONS = frozenset("""
    not-our-mac vlan-unknown ethertype-unknown outer-malformed outer-checksum outer-fragment outer-martian-source
    reassembly-invalid reassembly-full reassembly-timeout
    outer-destination-unknown own-packet gre-checksum-bit gre-no-key gre-flags gre-version gre-protocol vsid-reserved
    vsid-vendor no-policy-for-vsid inner-vlan inner-destination-mac unsupported-ethertype malformed ip-checksum
    source-record-missing source-ca-pa-mismatch source-ca-mac-mismatch inner-martian-source destination-record-missing
    destination-ca-pa-mismatch virtual-route-missing provider-route-missing external-route-missing ttl-expired
    mtu-exceeded congestion-mark neighbor-unresolved hold-queue-full transit multicast-unsupported arp-ignored
    local-unsupported outer-protocol-unknown oversized-frame
    nat-no-pool nat-pool-exhausted nat-ports-exhausted nat-session-limit nat-port-limit nat-rate-limit nat-table-full
    nat-no-session nat-filtered nat-unsolicited nat-protocol nat-malformed nat-fragment nat-icmp-error nat-log-full
    hand-over-full punt-policed punt-queue-full discovery-ignored
""".split())

# What is wrong with the outer packet or its GRE header, whoever sent it and whatever the policy is.
FORMAT_REASONS = frozenset(reason for reason in REASONS if reason.startswith(("gre-", "vsid-", "outer-"))) | {
    "inner-vlan", "ethertype-unknown"}

Reasons = Union[str, tuple]


def _dissection(frame: bytes) -> list[str]:
    """A frame for a person to read."""
    rows = [f"{offset:04x}  {frame[offset:offset + 16].hex(' ')}" for offset in range(0, len(frame), 16)]
    return rows + Ether(frame).show(dump=True).splitlines()


def difference(actual: bytes, expected: bytes) -> str:
    """What differs between two frames, hexadecimal and dissected."""
    return "\n".join(difflib.unified_diff(_dissection(expected), _dissection(actual), "expected", "actual",
                                          lineterm="", n=2))


def frames_in(source: Input) -> list[captures.Frame]:
    """The frames of an input."""
    return captures.read_foreign(source)[0] if isinstance(source, Path) else gateway.timed(source)


class ReplayTest(unittest.TestCase):
    """A test that replays captures. `replay` checks what holds for every run; the tests assert the rest."""

    def replay(self, inputs: dict[str, Input], config: Optional[Config] = None, options: tuple = (),
               changes: tuple = ()) -> Run:
        """Replays, and checks that the gateway accepted the input and accounted for every packet."""
        run = gateway.replay(inputs, config, options, changes)
        self.assertEqual(run.status, 0, f"nvgw replay failed:\n{run.stderr}")
        report = run.report
        self.assertIs(report["accounted"], True, f"not every packet is accounted for: {report}")
        self.assertLessEqual(set(report["drops"]), REASONS, "drop reasons that no one knows")
        self.assertNotIn(0, report["drops"].values(), "only reasons that occurred belong in the report")
        for port, counters in report["ports"].items():
            received = frames_in(inputs[port]) if port in inputs else []
            self.assertEqual(counters["rx_packets"], len(received), f"rx_packets of {port}")
            self.assertEqual(counters["tx_packets"], len(run.frames[port]), f"tx_packets of {port}")
        self._assert_balance(run, sum(len(frames_in(source)) for source in inputs.values()))
        return run

    def _assert_balance(self, run: Run, received: int) -> None:
        """Whatever came in was forwarded, consumed, held or dropped for a reason, as a packet or in fragments, whatever
        left came in or is the gateway's own, and no packet buffer is lost."""
        packets = run.report["packets"]
        self.assertEqual(packets["received"], received)
        self.assertEqual(packets["dropped"], sum(run.drops.values()))
        ways = ("forwarded", "consumed", "held", "dropped")
        made = packets["fragments"] - packets["fragmented"]
        joined = packets["reassembled_fragments"] - packets["reassembled"]
        self.assertEqual(sum(packets[way] for way in ways), received + made - joined, packets)
        self.assertEqual(packets["forwarded"] + packets["originated"], sum(map(len, run.frames.values())), packets)
        self.assertEqual(packets["lost_buffers"], 0)

    def assert_frames(self, actual: Iterable[bytes], expected: Iterable[bytes], flow_id: bool = False,
                      ordered: bool = True) -> None:
        """The same frames, byte for byte. The FlowID is the sender's to choose and is not compared unless asked."""
        actual, expected = list(actual), list(expected)
        if not flow_id:
            actual, expected = ([packets.without_flow_id(frame) for frame in side] for side in (actual, expected))
        if not ordered:
            actual, expected = sorted(actual), sorted(expected)
        for index, (left, right) in enumerate(zip(actual, expected)):
            if left != right:
                self.fail(f"frame {index + 1} of {len(expected)} differs:\n{difference(left, right)}")
        if len(actual) != len(expected):
            longer, verb = (actual, "surplus") if len(actual) > len(expected) else (expected, "missing")
            rest = longer[min(len(actual), len(expected)):]
            self.fail(f"{len(actual)} frames where {len(expected)} are expected; first {verb} one:\n"
                      + "\n".join(_dissection(rest[0])))

    def assert_nothing_sent(self, run: Run) -> None:
        """Nothing left by any port, the gateway's own ARP aside."""
        for port in run.frames:
            self.assert_frames(run.sent(port), [])

    def assert_drops(self, run: Run, expected: dict[Reasons, int]) -> None:
        """Exactly these drops. Where more than one reason is right, the key is a tuple of them."""
        left = dict(run.drops)
        for reasons, count in expected.items():
            names = (reasons,) if isinstance(reasons, str) else reasons
            self.assertLessEqual(set(names), REASONS, "the test names a reason that no one knows")
            self.assertEqual(sum(left.pop(name, 0) for name in names), count, f"{names} in {run.drops}")
        self.assertEqual(left, {}, "drops that were not expected")

    def assert_dropped(self, frames: list, reasons: Reasons, config: Optional[Config] = None,
                       port: str = "wire0", told: tuple = ()) -> None:
        """Every one of the frames is dropped for the reason. Nothing is sent for them but ICMP errors to their
        senders, by the port that they came in by: these frames."""
        run = self.replay({port: frames}, config)
        for each in run.frames:
            self.assert_frames(run.sent(each), told if each == port else [])
        self.assert_drops(run, {reasons: len(frames)})
        self.assert_errors(run, len(told))

    def assert_errors(self, run: Run, sent: int, suppressed: int = 0) -> None:
        """So many ICMP errors were sent, and so many would have been right but were not."""
        self.assertEqual(run.report["icmp_errors"], {"sent": sent, "suppressed": suppressed})
