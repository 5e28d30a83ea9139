"""Every byte of every header with wrong values, from both sides, in all four combinations of the families, with
translation and without. What becomes of each packet is for other tests; here every one has to end as forwarded,
consumed or a named drop, no packet buffer may be lost, and nothing may get into another tenant."""

import unittest

from lib import translation
from lib.families import in_each
from lib.gateway import at
from lib.hostile import honest_cuts, wrong_bytes
from lib.ip import shortened
from lib.packets import (HOST, UNREACHABLE, echo, from_outside, from_vm, gre_offset, icmp_error, tcp, udp)
from lib.topology import INTERNET
from lib.translation import Flow, NatTest


def vsids(run) -> set:
    """The VSIDs of everything that left encapsulated."""
    starts = ((frame, gre_offset(frame)) for frame in run.sent("wire0"))
    return {int.from_bytes(frame[start + 4:start + 7], "big") for frame, start in starts if start is not None}


@in_each()
class WrongBytes:
    def packets(self, source: str, destination: str) -> list:
        return [udp(source, destination, size=8), tcp(source, destination), echo(source, destination, payload=b"x"),
                icmp_error(udp(destination, source, size=8), source, UNREACHABLE, HOST)]

    def test_from_a_vm(self):
        """Of red's: whatever is wrong about it, no VM of blue's ever gets anything."""
        vm, frames = self.on.red_web, []
        for destination in (self.on.server, self.on.red_db.address, vm.gateway):
            for packet in self.packets(vm.address, destination):
                frames += wrong_bytes(from_vm(vm, packet))
        self.assertGreater(len(frames), 5000)
        run = self.replay({"wire0": frames})
        self.assertLessEqual(vsids(run), {5001, 5002})
        self.assertGreater(run.report["packets"]["forwarded"], 0)

    def test_from_outside(self):
        """By red's own network: neither does what comes in there."""
        frames = []
        for destination in (self.on.red_web.address, self.on.red_uplink.address):
            for packet in self.packets(self.on.server, destination):
                frames += wrong_bytes(from_outside(self.on.red_uplink, packet))
        self.assertGreater(len(frames), 2000)
        run = self.replay({"wire1": frames})
        self.assertLessEqual(vsids(run), {5001, 5002})
        self.assertGreater(run.report["packets"]["forwarded"], 0)


class Translated(NatTest):
    """Sessions of every protocol, and what comes back to them cut short or with wrong bytes."""

    FLOWS = [Flow(protocol="udp"), Flow(protocol="tcp", port=4001), Flow(protocol="icmp", port=4002)]

    def setUp(self):
        self.document = translation.config()
        self.opening = [flow.sends(index / 1000) for index, flow in enumerate(self.FLOWS)]
        self.publics = self.learn(self.opening, self.document)

    def after_the_opening(self, frames: list) -> list:
        return [at(10 + index * 0.05, frame) for index, frame in enumerate(frames)]

    def answers(self) -> list:
        """An answer and an error for each session."""
        frames = []
        for flow, public in zip(self.FLOWS, self.publics):
            frames.append(from_outside(INTERNET, flow.back(public)))
            error = translation.icmp_error(translation.ROUTER, public.address,
                                           translation.from_public(flow.out(), public)[:64])
            frames.append(from_outside(INTERNET, error))
        return frames

    def assert_ends(self, port: str, frames: list) -> None:
        frames = self.after_the_opening(frames)
        inputs = {"wire0": self.opening + frames} if port == "wire0" else {"wire0": self.opening, port: frames}
        run = self.replay(inputs, self.document)
        self.assertGreater(run.report["packets"]["dropped"], 0)
        self.assertLessEqual(vsids(run), {6001, 6002, 6003})

    def test_answers_that_end_early(self):
        self.assert_ends("wire1", [cut for frame in self.answers() for cut in honest_cuts(frame)])

    def test_answers_with_wrong_bytes(self):
        self.assert_ends("wire1", [wrong for frame in self.answers() for wrong in wrong_bytes(frame)])

    def test_packets_of_a_vm_with_wrong_bytes(self):
        self.assert_ends("wire0", [wrong for flow in self.FLOWS for wrong in wrong_bytes(from_vm(flow.vm, flow.out()))])

    def test_packets_of_a_vm_that_end_in_their_transport_header(self):
        """Too short for ports and a checksum, they cannot be translated and do not leave."""
        headers = {"udp": 8, "tcp": 20, "icmp": 8}
        frames = []
        for flow in self.FLOWS:
            packet = flow.out()
            frames += [from_vm(flow.vm, shortened(packet, length))
                       for length in range(20, 20 + headers[flow.protocol])]
        run = self.replay({"wire0": self.opening + self.after_the_opening(frames)}, self.document)
        self.assertEqual(len(run.sent("wire1")), len(self.FLOWS), "the packets that opened the sessions")
        self.assert_drops(run, {"nat-malformed": len(frames)})


if __name__ == "__main__":
    unittest.main()
