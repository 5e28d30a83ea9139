"""Section 2: who may send. A customer address of the routing domain, from its own host, with its own MAC."""

import unittest

from lib import topology
from lib.assertions import ReplayTest
from lib.packets import GATEWAY_MAC, ethernet, expect_decap, from_vm, inner_frame, nvgre, udp
from lib.topology import BLUE_PUBLIC, BLUE_WEB, COMPUTE_SITE, RED_DB, RED_UPLINK, RED_WEB, SERVER

OTHER_MAC = "02:15:5d:00:00:99"


def frame(source: str, host: str, mac: str, vsid: int = RED_WEB.vsid, mark: int = 0) -> bytes:
    """A packet to the internet in NVGRE, everything about its sender as given."""
    inner = ethernet(udp(source, SERVER, mark=mark), mac, GATEWAY_MAC)
    return nvgre(inner, vsid, host, COMPUTE_SITE)


def log_only() -> dict:
    """The base configuration where red's senders are only watched."""
    config = topology.base()
    topology.tenant(config, "red")["sender-check"] = "log-only"
    return config


class Strict(ReplayTest):
    def test_an_address_without_a_record_is_dropped(self):
        """In the subnet, in no subnet, and another tenant's."""
        frames = [frame(source, RED_WEB.provider_address, RED_WEB.mac)
                  for source in ("10.0.1.6", "10.0.1.254", "10.0.3.5", "192.0.2.9", BLUE_PUBLIC.address)]
        self.assert_dropped(frames, "source-record-missing")

    def test_the_gateways_own_customer_address_is_nobodys_source(self):
        self.assert_dropped([frame("10.0.1.1", RED_WEB.provider_address, RED_WEB.mac)],
                            ("source-record-missing", "inner-martian-source"))

    def test_the_right_address_from_another_host_is_dropped(self):
        """From a stranger, from the host of a VM of the same tenant, from the host of another tenant."""
        hosts = ["100.64.10.3", "100.64.30.2", BLUE_WEB.provider_address, "192.0.2.1"]
        self.assert_dropped([frame(RED_WEB.address, host, RED_WEB.mac) for host in hosts], "source-ca-pa-mismatch")

    def test_another_mac_in_the_senders_own_subnet_is_dropped(self):
        macs = [OTHER_MAC, RED_DB.mac, "02:15:5d:00:00:04", GATEWAY_MAC, "00:00:00:00:00:00"]
        self.assert_dropped([frame(RED_WEB.address, RED_WEB.provider_address, mac) for mac in macs],
                            "source-ca-mac-mismatch")

    def test_a_vsid_of_another_tenant_is_dropped(self):
        """Blue has the same address with the same MAC, but on another host."""
        self.assert_dropped([frame(RED_WEB.address, RED_WEB.provider_address, RED_WEB.mac, vsid=BLUE_WEB.vsid)],
                            "source-ca-pa-mismatch")

    def test_the_right_sender_passes_between_wrong_ones(self):
        right = udp(RED_WEB.address, SERVER, mark=1)
        frames = [frame("10.0.1.6", RED_WEB.provider_address, RED_WEB.mac),
                  frame(RED_WEB.address, RED_WEB.provider_address, RED_WEB.mac, mark=1),
                  frame(RED_WEB.address, "100.64.10.3", RED_WEB.mac),
                  frame(RED_WEB.address, RED_WEB.provider_address, RED_WEB.mac, mark=1),
                  frame(RED_WEB.address, RED_WEB.provider_address, OTHER_MAC)]
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire1"), [expect_decap(right, RED_UPLINK)] * 2)
        self.assert_drops(run, {"source-record-missing": 1, "source-ca-pa-mismatch": 1, "source-ca-mac-mismatch": 1})

    def test_martian_inner_sources_are_dropped(self):
        sources = ["0.0.0.0", "127.0.0.1", "224.0.0.5", "240.0.0.1", "255.255.255.255"]
        self.assert_dropped([frame(source, RED_WEB.provider_address, RED_WEB.mac) for source in sources],
                            ("inner-martian-source", "source-record-missing"))


class GatewaySubnet(ReplayTest):
    """A Hyper-V host writes the VSID of the gateway's subnet, though the sender lives in another of the domain."""

    packet = udp(RED_DB.address, SERVER)

    def routed_by_host(self, host=RED_DB.provider_address, mac=RED_DB.mac) -> bytes:
        return nvgre(ethernet(self.packet, mac, GATEWAY_MAC), RED_WEB.vsid, host, RED_DB.site)

    def test_the_gateway_subnets_vsid_is_accepted(self):
        run = self.replay({"wire0": [self.routed_by_host()]})
        self.assert_frames(run.sent("wire1"), [expect_decap(self.packet, RED_UPLINK)])

    def test_the_mac_is_not_compared_when_the_host_has_routed(self):
        frames = [self.routed_by_host(mac=mac) for mac in (OTHER_MAC, RED_WEB.mac, "00:15:5d:00:0a:01")]
        run = self.replay({"wire0": frames})
        self.assert_frames(run.sent("wire1"), [expect_decap(self.packet, RED_UPLINK)] * 3)

    def test_the_host_is_compared_all_the_same(self):
        frames = [self.routed_by_host(host=host) for host in (RED_WEB.provider_address, "100.64.30.3")]
        self.assert_dropped(frames, "source-ca-pa-mismatch")

    def test_the_record_is_needed_all_the_same(self):
        stranger = nvgre(inner_frame(RED_DB, udp("10.0.2.7", SERVER)), RED_WEB.vsid, RED_DB.provider_address,
                         RED_DB.site)
        self.assert_dropped([stranger], "source-record-missing")

    def test_a_gateway_subnet_of_another_domain_is_no_way_in(self):
        self.assert_dropped([from_vm(RED_DB, self.packet, vsid=BLUE_WEB.vsid)], "source-ca-pa-mismatch")


class LogOnly(ReplayTest):
    def test_wrong_senders_are_forwarded(self):
        senders = [("10.0.1.6", RED_WEB.provider_address, RED_WEB.mac), (RED_WEB.address, "100.64.10.3", RED_WEB.mac),
                   (RED_WEB.address, RED_WEB.provider_address, OTHER_MAC)]
        run = self.replay({"wire0": [frame(*sender) for sender in senders]}, log_only())
        self.assert_frames(run.sent("wire1"), [expect_decap(udp(source, SERVER), RED_UPLINK)
                                               for source, _, _ in senders])
        self.assert_drops(run, {})

    def test_other_tenants_stay_strict(self):
        wrong = udp("10.0.1.6", BLUE_PUBLIC.address)
        self.assert_dropped([from_vm(BLUE_WEB, wrong)], "source-record-missing", log_only())

    def test_format_and_header_rules_stay(self):
        right = frame(RED_WEB.address, RED_WEB.provider_address, RED_WEB.mac)
        self.assert_dropped([right[:-1]], "outer-malformed", log_only())


if __name__ == "__main__":
    unittest.main()
