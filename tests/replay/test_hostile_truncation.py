"""Every truncation of every header at every byte, from both sides, in all four combinations of the families: where the
frame just ends, and where every length field around the cut agrees with it."""

import unittest

from lib.families import ONLY_4, in_each
from lib.hostile import cuts, honest_cuts
from lib.ip import header_length, shortened
from lib.packets import (ARP, ARP_TYPE, BROADCAST, HOST, UNREACHABLE, arp_request, echo, ethernet,
                         expect_decap, expect_encap, from_outside, from_vm, icmp_error, nvgre, tcp, udp)

# Where a frame ends that was cut without a word, and where it ends early inside the tunnel.
ETHERNET = {"outer-malformed", "malformed", "not-our-mac", "vlan-unknown", "ethertype-unknown"}


def packets(source: str, destination: str) -> dict:
    """One packet of each kind that has a header of its own."""
    lost = udp(destination, source)
    return {
        "udp": udp(source, destination), "tcp": tcp(source, destination),
        "icmp": echo(source, destination), "error": icmp_error(lost, source, UNREACHABLE, HOST),
    }


@in_each()
class Truncation:
    def assert_all_dropped(self, port: str, frames: list, reasons: set) -> None:
        """Each frame is dropped, for one of these reasons, and nobody hears anything."""
        run = self.replay({port: frames})
        self.assert_nothing_sent(run)
        self.assertEqual(sum(run.drops.values()), len(frames), run.drops)
        self.assertLessEqual(set(run.drops), reasons)

    def test_a_frame_from_a_host_that_just_ends(self):
        vm = self.on.blue_public
        for kind, packet in packets(vm.address, self.on.server).items():
            with self.subTest(kind=kind):
                self.assert_all_dropped("wire0", cuts(from_vm(vm, packet)), ETHERNET)

    def test_a_tunnel_that_says_where_it_ends(self):
        """Inside the outer header, GRE, the inner Ethernet header, the inner packet."""
        vm = self.on.blue_public
        for kind, packet in packets(vm.address, self.on.server).items():
            with self.subTest(kind=kind):
                self.assert_all_dropped("wire0", honest_cuts(from_vm(vm, packet)), {"outer-malformed", "malformed"})

    def test_a_frame_from_outside_that_just_ends(self):
        for kind, packet in packets(self.on.server, self.on.blue_public.address).items():
            with self.subTest(kind=kind):
                self.assert_all_dropped("wire1", cuts(from_outside(self.on.internet, packet)), ETHERNET)

    def test_a_transport_header_that_ends_early_is_carried_as_it_is(self):
        """The packet's own header is whole: what is wrong behind it is for its receiver to say."""
        vm, internet = self.on.blue_public, self.on.internet
        least = header_length(self.on.inner)
        for kind, out in packets(vm.address, self.on.server).items():
            with self.subTest(kind=kind):
                back = packets(self.on.server, vm.address)[kind]
                outs, backs = ([shortened(packet, length) for length in range(len(packet))] for packet in (out, back))
                # With EtherTypes of their own: the first of these packets have no byte that says what they are.
                ethertype = int.from_bytes(from_outside(internet, out)[16:18], "big")
                run = self.replay({"wire0": [from_vm(vm, packet, ethertype=ethertype) for packet in outs],
                                   "wire1": [from_outside(internet, packet, ethertype=ethertype) for packet in backs]})
                self.assert_frames(run.sent("wire1"), [expect_decap(packet, internet) for packet in outs[least:]])
                self.assert_frames(run.sent("wire0"), [expect_encap(packet, vm) for packet in backs[least:]])
                self.assert_drops(run, {("malformed", "outer-malformed"): 2 * least})

    def test_questions_to_the_gateway_that_end_early(self):
        """An echo request that is not whole has the wrong checksum, if it has one at all."""
        vm, internet = self.on.red_web, self.on.internet
        inside, outside = echo(vm.address, vm.gateway), echo(self.on.server, internet.address)
        run = self.replay({
            "wire0": [from_vm(vm, shortened(inside, length)) for length in range(1, len(inside))],
            "wire1": [*cuts(from_outside(internet, outside)), *honest_cuts(from_outside(internet, outside))]})
        self.assert_nothing_sent(run)


@in_each(ONLY_4)
class Arp:
    def test_on_a_network(self):
        request = arp_request(self.on.internet, "198.18.0.77", "02:00:00:00:77:01", self.on.internet.address)
        run = self.replay({"wire1": cuts(request)})
        self.assertEqual(run.arp("wire1"), [])
        self.assert_nothing_sent(run)

    def test_in_the_overlay(self):
        vm = self.on.red_web
        request = ARP(op=1, hwsrc=vm.mac, psrc=vm.address, hwdst="00:00:00:00:00:00", pdst=vm.gateway)
        inner = ethernet(request, vm.mac, BROADCAST, ethertype=ARP_TYPE)
        frames = [nvgre(part, vm.vsid, vm.provider_address, vm.site, src_mac=vm.next_hop_mac) for part in cuts(inner)]
        whole = nvgre(inner, vm.vsid, vm.provider_address, vm.site, src_mac=vm.next_hop_mac)
        run = self.replay({"wire0": frames + cuts(whole)})
        self.assert_nothing_sent(run)


if __name__ == "__main__":
    unittest.main()
