"""Rules 1 and 2: which GRE headers are NVGRE, and one reason for each way not to be."""

import struct
import unittest

from lib.assertions import ReplayTest
from lib.families import Families, in_each
from lib.packets import (GRE, IP, Raw, checksum_is_right, ethernet, from_vm, gre_offset, gre_violations, outer_ip,
                         udp)
from lib.topology import BLUE_PUBLIC, SERVER

CHECKSUM, ROUTING, KEY, SEQUENCE, STRICT = 0x8000, 0x4000, 0x2000, 0x1000, 0x0800
BIT_5, VERSION = 0x0400, 0x0007
ALL_FLAG_WORDS = range(0x10000)


def with_flags(flags: int, template: bytes) -> bytes:
    """The frame with that flag word; its inner identification is the flag word, so that it can be told apart."""
    frame, start = bytearray(template), gre_offset(template)
    inner = start + 8 + 14
    frame[start:start + 2] = struct.pack("!H", flags)
    frame[inner + 4:inner + 6] = struct.pack("!H", flags)
    # The template's identification is 0, so its checksum counts everything else.
    total = (~struct.unpack_from("!H", template, inner + 10)[0] & 0xFFFF) + flags
    frame[inner + 10:inner + 12] = struct.pack("!H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF)
    return bytes(frame)


@in_each(Families(4, 4), Families(4, 6))
class GreFlags:
    @classmethod
    def setUpClass(cls):
        cls.template = from_vm(cls.on.blue_public, udp(BLUE_PUBLIC.address, SERVER, id=0))
        start = gre_offset(cls.template)
        assert all(checksum_is_right(with_flags(flags, cls.template)[start + 22:start + 42])
                   for flags in (0, 1, 0x2000, 0x8000, 0xFFFE, 0xFFFF))

    def test_all_65536_flag_words(self):
        accepted = [flags for flags in ALL_FLAG_WORDS if flags & 0xFC07 == 0x2000]
        self.assertEqual(len(accepted), 128)
        run = self.replay({"wire0": [with_flags(flags, self.template) for flags in ALL_FLAG_WORDS]})
        self.assertEqual([IP(frame[18:]).id for frame in run.sent("wire1")], accepted)
        self.assertEqual(run.sent("wire0"), [])
        self.assertEqual(sum(run.drops.values()), len(ALL_FLAG_WORDS) - len(accepted))
        kinds = [gre_violations(flags) for flags in ALL_FLAG_WORDS]
        for reason in ("gre-checksum-bit", "gre-no-key", "gre-flags", "gre-version"):
            # Which of several reasons is counted is the gateway's choice; a lone one is not.
            self.assertGreaterEqual(run.drops[reason], kinds.count({reason}), reason)
            self.assertLessEqual(run.drops[reason], sum(reason in kind for kind in kinds), reason)
        self.assertEqual(set(run.drops), {"gre-checksum-bit", "gre-no-key", "gre-flags", "gre-version"})

    def test_each_single_fault_has_its_own_reason(self):
        cases = {
            "gre-checksum-bit": [KEY | CHECKSUM],
            "gre-no-key": [0x0000, 0x0008, 0x03F8],
            "gre-flags": [KEY | ROUTING, KEY | SEQUENCE, KEY | STRICT, KEY | BIT_5, KEY | ROUTING | SEQUENCE],
            "gre-version": [KEY | version for version in range(1, 8)],
        }
        for reason, words in cases.items():
            with self.subTest(reason=reason):
                self.assert_dropped([with_flags(flags, self.template) for flags in words], reason)

    def test_a_real_gre_checksum_does_not_help(self):
        """A sender that fills the optional fields in properly is refused all the same."""
        packet = udp(BLUE_PUBLIC.address, SERVER)
        frames = []
        vm = self.on.blue_public
        for optional in ({"chksum_present": 1}, {"seqnum_present": 1, "seqence_number": 1}):
            header = bytes(GRE(key_present=1, proto=0x6558, key=vm.vsid << 8, **optional))
            outer = outer_ip(Raw(header + packet), vm.provider_address, vm.site.address)
            frames.append(ethernet(outer, vm.next_hop_mac, vm.site.mac, vm.site.vlan))
        run = self.replay({"wire0": frames})
        self.assert_nothing_sent(run)
        self.assert_drops(run, {"gre-checksum-bit": 1, "gre-flags": 1})


class GreProtocol(ReplayTest):
    def test_only_transparent_ethernet_bridging_is_accepted(self):
        frame = from_vm(BLUE_PUBLIC, udp(BLUE_PUBLIC.address, SERVER))
        offset = gre_offset(frame) + 2
        # IPv4, IPv6, ARP, 802.1Q, ERSPAN II and III, frame relay, MPLS, PPP, neighbours of 0x6558, the ends.
        protocols = [0x0800, 0x86DD, 0x0806, 0x8100, 0x88BE, 0x22EB, 0x6559, 0x8847, 0x880B, 0x6557, 0x6458, 0x6578,
                     0x5865, 0x0000, 0xFFFF]
        frames = [frame[:offset] + struct.pack("!H", protocol) + frame[offset + 2:] for protocol in protocols]
        self.assert_dropped(frames, "gre-protocol")

    def test_plain_gre_around_ip_is_not_for_us(self):
        inner = udp(BLUE_PUBLIC.address, SERVER)
        outer = outer_ip(GRE(proto=0x0800) / Raw(inner), BLUE_PUBLIC.provider_address, BLUE_PUBLIC.site.address)
        frame = ethernet(outer, BLUE_PUBLIC.next_hop_mac, BLUE_PUBLIC.site.mac, BLUE_PUBLIC.site.vlan)
        self.assert_dropped([frame], ("gre-no-key", "gre-protocol"))


if __name__ == "__main__":
    unittest.main()
