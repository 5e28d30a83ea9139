"""Rule 3: reserved and vendor VSIDs, the knob that lets them in, and VSIDs that no tenant has."""

import unittest

from lib import gateway, topology
from lib.assertions import ReplayTest
from lib.packets import expect_decap, expect_encap, from_outside, from_vm, udp
from lib.topology import BLUE_PUBLIC, INTERNET, SERVER, Vm

SMALL_KEY = 3000


def frames_with(vsids: list) -> list:
    """One frame of a VM for each VSID."""
    return [from_vm(BLUE_PUBLIC, udp(BLUE_PUBLIC.address, SERVER, mark=vsid & 0xFFFF), vsid=vsid) for vsid in vsids]


def with_small_key(allowed: bool) -> dict:
    """The base configuration with a VSID in the reserved range."""
    config = topology.encapsulation(allow_reserved_vsids=allowed)
    blue = topology.tenant(config, "blue")
    for item in blue["subnets"] + blue["records"]:
        if item["vsid"] == BLUE_PUBLIC.vsid:
            item["vsid"] = SMALL_KEY
    return config


class ReservedVsids(ReplayTest):
    def test_vsids_up_to_4095_are_reserved(self):
        self.assert_dropped(frames_with([0, 1, 2, 255, 256, 3000, 4094, 4095]), "vsid-reserved")

    def test_the_last_vsid_is_the_vendors(self):
        self.assert_dropped(frames_with([0xFFFFFF]), "vsid-vendor")

    def test_the_first_and_the_last_usable_vsid_are_not_reserved(self):
        self.assert_dropped(frames_with([4096, 4097, 0xFFFFFE]), "no-policy-for-vsid")

    def test_a_vsid_that_no_tenant_has(self):
        self.assert_dropped(frames_with([5000, 5003, 6000, 6004, 5001 << 8, 0x138900]), "no-policy-for-vsid")

    def test_the_flow_id_is_not_part_of_the_vsid(self):
        """The VSID next to ours is not ours, whatever the FlowID."""
        packet = udp(BLUE_PUBLIC.address, SERVER)
        frames = [from_vm(BLUE_PUBLIC, packet, vsid=6004, flow=flow) for flow in (0, 1, 0x72, 0xFF)]
        self.assert_dropped(frames, "no-policy-for-vsid")


class ReservedVsidKnob(ReplayTest):
    VM = Vm(SMALL_KEY, BLUE_PUBLIC.address, BLUE_PUBLIC.mac, BLUE_PUBLIC.provider_address, BLUE_PUBLIC.site,
            BLUE_PUBLIC.next_hop_mac, BLUE_PUBLIC.gateway)

    def test_with_the_knob_a_small_key_works_both_ways(self):
        out, back = udp(self.VM.address, SERVER), udp(SERVER, self.VM.address)
        run = self.replay({"wire0": [from_vm(self.VM, out)], "wire1": [from_outside(INTERNET, back)]},
                          with_small_key(allowed=True))
        self.assert_frames(run.sent("wire1"), [expect_decap(out, INTERNET)])
        self.assert_frames(run.sent("wire0"), [expect_encap(back, self.VM)])
        self.assert_drops(run, {})

    def test_with_the_knob_unknown_small_keys_have_no_policy(self):
        self.assert_dropped(frames_with([0, 1, 2999, 4095]), "no-policy-for-vsid", with_small_key(allowed=True))

    def test_without_the_knob_the_configuration_is_refused(self):
        run = gateway.replay({"wire0": []}, with_small_key(allowed=False))
        self.assertEqual(run.status, 1)
        self.assertIn(str(SMALL_KEY), run.stderr + run.stdout)


if __name__ == "__main__":
    unittest.main()
