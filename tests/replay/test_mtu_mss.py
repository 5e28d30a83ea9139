"""Section 5: both ends of a TCP connection are told no bigger maximum segment size than the path takes, both ways
(RFC 9293 section 3.7.1); what is smaller stays, and where none is told none is added."""

import unittest

from scapy.layers.inet import TCP

from lib import topology
from lib.families import in_each
from lib.ip import IP, Raw, header
from lib.packets import expect_decap, expect_encap, from_outside, from_vm
from lib.topology import INTERNET
from lib.translation import Flow, NatTest, config as translating, from_public, to_customer


def opening(src: str, dst: str, mss=None, flags: str = "S", before: tuple = (), payload: bytes = b"", **ip) -> bytes:
    """A segment that tells a maximum segment size, if there is one, behind other options."""
    options = [*before, *([("MSS", mss)] if mss is not None else []), ("SAckOK", b""), ("Timestamp", (7, 0)),
               ("WScale", 7)]
    segment = TCP(sport=4000, dport=80, seq=9, flags=flags, window=64240, options=options)
    return bytes(header(src, dst, 6, **ip) / segment / Raw(payload))


@in_each()
class MaximumSegmentSize:
    def replay_openings(self, provider: int, openings: list, external: int = 1500, **knobs):
        """Replays segments between BLUE_PUBLIC and a server, given by direction, MSS and further fields; returns what
        left, by direction, and expects the same with the MSS that stands behind each."""
        vm, server, network = self.on.blue_public, self.on.server, self.on.internet
        config = self.on.config(**knobs)
        for port, mtu in (("wire0", provider), ("wire1", external)):
            topology.named(config["ports"], port)["mtu"] = mtu
        inputs, expected = {"wire0": [], "wire1": []}, {"wire0": [], "wire1": []}
        for direction, mss, becomes, fields in openings:
            if direction == "out":
                inputs["wire0"].append(from_vm(vm, opening(vm.address, server, mss, **fields)))
                expected["wire1"].append(expect_decap(opening(vm.address, server, becomes, **fields), network))
            else:
                inputs["wire1"].append(from_outside(network, opening(server, vm.address, mss, **fields)))
                expected["wire0"].append(expect_encap(opening(server, vm.address, becomes, **fields), vm))
        run = self.replay(inputs, config)
        for port, frames in expected.items():
            self.assert_frames(run.sent(port), frames)
        self.assert_drops(run, {})

    @property
    def headers(self) -> int:
        """What IP and TCP headers take of a packet."""
        return {4: 40, 6: 60}[self.on.inner]

    def test_syn_and_answer_in_both_directions_are_lowered_to_what_the_tunnel_takes(self):
        limit = 1500 - self.on.overhead - self.headers
        cases = [(direction, mss, min(mss, limit), {"flags": flags})
                 for direction in ("out", "in") for flags in ("S", "SA", "SEC")
                 for mss in (limit - 1, limit, limit + 1, 1460, 8960, 65535)]
        self.replay_openings(1500, cases)

    def test_the_external_network_limits_too(self):
        limit = 1300 - self.headers
        cases = [(direction, mss, min(mss, limit), {}) for direction in ("out", "in") for mss in (limit, 1460)]
        self.replay_openings(1600, cases, external=1300)

    def test_what_is_no_opening_and_what_tells_no_size_is_left_alone(self):
        cases = [(direction, mss, mss, {"flags": flags}) for direction in ("out", "in")
                 for mss, flags in ((1460, "A"), (1460, "FA"), (1460, "R"), (None, "S"), (None, "SA"))]
        self.replay_openings(1500, cases)

    def test_the_option_is_found_wherever_it_is(self):
        limit = 1500 - self.on.overhead - self.headers
        cases = [("out", 1460, limit, {"before": before, "payload": payload})
                 for before in ((), (("NOP", None),), (("NOP", None), ("NOP", None)), (("AltChkSum", (1, 0)),))
                 for payload in (b"", b"odd", b"even")]
        self.replay_openings(1500, cases)

    def test_the_knob(self):
        cases = [(direction, 1460, 1460, {}) for direction in ("out", "in")]
        self.replay_openings(1500, cases, tcp_mss="keep")

    def test_between_vms_the_narrower_tunnel_counts(self):
        """The route to one host is narrower than the other's site."""
        red, database = self.on.red_web, self.on.red_db
        config = self.on.config()
        far = {4: "100.64.30.0/24", 6: "fd64:30::/64"}[self.on.outer]
        for route in config["provider"]["routes"]:
            if route["prefix"] == far:
                route["mtu"] = 1450
        limit = 1450 - self.on.overhead - self.headers
        there = opening(red.address, database.address, 1460)
        back = opening(database.address, red.address, 1460, flags="SA")
        run = self.replay({"wire0": [from_vm(red, there), from_vm(database, back)]}, config)
        self.assert_frames(run.sent("wire0"), [
            expect_encap(opening(red.address, database.address, limit), database),
            expect_encap(opening(database.address, red.address, limit, flags="SA"), red)])

    def test_behind_a_vm_that_routes_the_way_back_is_the_way_to_it(self):
        red, config = self.on.red_web, self.on.config()
        topology.named(config["ports"], "wire0")["mtu"] = 1500
        limit = 1500 - self.on.overhead - self.headers
        segment = opening(self.on.branch, self.on.server, 1460)
        run = self.replay({"wire0": [from_vm(red, segment)]}, config)
        self.assert_frames(run.sent("wire1"),
                           [expect_decap(opening(self.on.branch, self.on.server, limit), self.on.red_uplink)])


class TranslatedMaximumSegmentSize(NatTest):
    def test_through_translation(self):
        """Address, port and size change, and one checksum follows all of them."""
        document, flow = translating(), Flow(protocol="tcp", remote_port=80)
        topology.named(document["ports"], "wire0")["mtu"] = 1500
        (public,) = self.learn([flow.sends(0)], document)
        request = opening(flow.vm.address, flow.remote, 1460)
        answer = self._ported(opening(flow.remote, public.address, 1460, flags="SA"), public.port)
        run = self.replay({"wire0": [from_vm(flow.vm, request)], "wire1": [from_outside(INTERNET, answer)]}, document)
        self.assert_out(run, [expect_decap(from_public(opening(flow.vm.address, flow.remote, 1418), public), INTERNET)])
        lowered = self._ported(opening(flow.remote, public.address, 1418, flags="SA"), public.port)
        self.assert_in(run, [expect_encap(to_customer(lowered, flow.customer), flow.vm)])

    @staticmethod
    def _ported(packet: bytes, port: int) -> IP:
        answer = IP(packet)
        answer[TCP].sport, answer[TCP].dport = 80, port
        del answer[TCP].chksum
        return answer


if __name__ == "__main__":
    unittest.main()
