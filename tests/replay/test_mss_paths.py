"""Section 5: which path it is that the maximum segment size is lowered to, there and back: by provider routes, through a
VM that routes, through translation."""

import unittest

from scapy.layers.inet import TCP

from lib import topology
from lib.families import in_each
from lib.ip import IP, header, header_length
from lib.packets import expect_decap, expect_encap, from_outside, from_vm
from lib.topology import INTERNET
from lib.translation import Flow, NatTest, config as translating, from_public, to_customer


def opening(src: str, dst: str, mss: int, flags: str = "S") -> bytes:
    """A segment that tells a maximum segment size."""
    segment = TCP(sport=4000, dport=80, seq=9, flags=flags, window=64240, options=[("MSS", mss), ("SAckOK", b"")])
    return bytes(header(src, dst, 6) / segment)


@in_each()
class Paths:
    def limit(self, mtu: int) -> int:
        """The maximum segment size behind a tunnel over a path of that MTU."""
        return mtu - self.on.overhead - header_length(self.on.inner) - 20

    def test_by_the_mtu_of_a_provider_route(self):
        """The route to one host is narrower than the other's site."""
        red, database = self.on.red_web, self.on.red_db
        config = self.on.config()
        far = {4: "100.64.30.0/24", 6: "fd64:30::/64"}[self.on.outer]
        for route in config["provider"]["routes"]:
            if route["prefix"] == far:
                route["mtu"] = 1450
        limit = self.limit(1450)
        there = opening(red.address, database.address, 1460)
        back = opening(database.address, red.address, 1460, flags="SA")
        run = self.replay({"wire0": [from_vm(red, there), from_vm(database, back)]}, config)
        self.assert_frames(run.sent("wire0"), [
            expect_encap(opening(red.address, database.address, limit), database),
            expect_encap(opening(database.address, red.address, limit, flags="SA"), red)])

    def test_behind_a_vm_that_routes_the_way_back_is_the_way_to_it(self):
        red, config = self.on.red_web, self.on.config()
        topology.named(config["ports"], "wire0")["mtu"] = 1500
        limit = self.limit(1500)
        segment = opening(self.on.branch, self.on.server, 1460)
        run = self.replay({"wire0": [from_vm(red, segment)]}, config)
        self.assert_frames(run.sent("wire1"),
                           [expect_decap(opening(self.on.branch, self.on.server, limit), self.on.red_uplink)])


class Translated(NatTest):
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
