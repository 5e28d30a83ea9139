"""Captures that others wrote: strict verdicts on real NVGRE and GRE, and odd packets of every kind."""

import unittest

from lib import gateway, packets, public, topology
from lib.assertions import FORMAT_REASONS, ReplayTest
from lib.captures import Frame, read_foreign
from lib.gateway import MILLISECOND, START_NS
from lib.packets import (GATEWAY_MAC, IPV4, checksum_is_right, ethertype_of, expect_encap, gre_offset,
                         gre_violations, inner_of, nvgre)
from lib.topology import GATEWAY_SITE, RED_WEB, WIRE0_MAC, WIRE1_MAC, Network, Vm

REASON_OF = {
    "drop:proto-0x0800": {"gre-protocol"},
    "drop:reserved-vsid": {"vsid-reserved"},
    "drop:outer-ip-checksum": {"outer-checksum"},
    "drop:outer-fragment(first)": {"outer-fragment"},
    "drop:outer-fragment(nonfirst)": {"outer-fragment"},
    # The only such frame has a reserved VSID as well.
    "drop:inner-802.1Q": {"inner-vlan", "vsid-reserved"},
}
GRE_VERDICTS = {"drop:no-key": "gre-no-key", "drop:C-bit": "gre-checksum-bit", "drop:gre-version": "gre-version"}
LOOPBACK = "127.0.0.1"


def allowed_reasons(judged: public.Verdict) -> frozenset:
    """The reasons that agree with a verdict: its own, and what else is wrong with the same frame."""
    frame = judged.frame.data
    if ethertype_of(frame) != IPV4:
        return frozenset({"ethertype-unknown", "vlan-unknown", "outer-malformed", "outer-destination-unknown"})
    start = gre_offset(frame)
    faults = gre_violations(int.from_bytes(frame[start:start + 2], "big"))
    if frame[start + 2:start + 4] != b"\x65\x58":
        faults.add("gre-protocol")
    if judged.destination == LOOPBACK:
        faults |= {"outer-martian-source", "outer-destination-unknown"}
    if judged.verdict in GRE_VERDICTS:
        assert GRE_VERDICTS[judged.verdict] in faults, judged
        return frozenset(faults)
    return frozenset(REASON_OF[judged.verdict])


def receiver(address: str) -> dict:
    """A gateway with that provider address, untagged, open to any unicast Ethernet address."""
    config = topology.base()
    del config["ports"][0]["mac"]
    subnet = address.rsplit(".", 1)[0] + ".0/24"
    config["provider"] = {"sites": [{"name": "site", "port": "wire0", "subnet": subnet, "addresses": [address]}]}
    config["neighbors"] = [entry for entry in config["neighbors"] if "site" not in entry["network"]]
    return config


def spread(frames: list) -> list[Frame]:
    """The frames a tenth of a millisecond apart."""
    return [frame._replace(time_ns=START_NS + index * MILLISECOND // 10) for index, frame in enumerate(frames)]


class OuterVerdicts(ReplayTest):
    def test_every_refused_frame_is_dropped_for_the_reason_of_its_verdict(self):
        for name, judged in public.verdicts().items():
            groups = {}
            for verdict in judged:
                if verdict.verdict.startswith("drop:"):
                    key = (verdict.verdict, verdict.destination, allowed_reasons(verdict))
                    groups.setdefault(key, []).append(verdict.frame)
            for (verdict, destination, reasons), frames in groups.items():
                with self.subTest(file=name, verdict=verdict, destination=destination):
                    address = "192.0.2.1" if destination in ("", LOOPBACK) else destination
                    self.assert_dropped(spread(frames), tuple(reasons), receiver(address))

    def test_frames_that_are_no_gre_are_not_forwarded(self):
        for name, judged in public.verdicts().items():
            frames = [verdict.frame for verdict in judged if verdict.verdict == "not-gre"]
            if frames:
                with self.subTest(file=name):
                    self.assert_nothing_sent(self.replay({"wire0": spread(frames)}, receiver("192.168.1.1")))

    def test_well_formed_frames_are_never_refused_for_their_format(self):
        """One real VMware stream; both its hosts become VMs, and what the one sent to the other goes on."""
        (judged,) = [judged for name, judged in public.verdicts().items() if name.endswith("zeek__erspan.pcap")]
        frames = [verdict.frame for verdict in judged if verdict.verdict == "ACCEPT-format"]
        self.assertEqual(len(frames), 107)
        site = Network("site", "wire0", None, "10.200.0.224", "10.200.0.1", "02:00:00:00:cc:01")
        host = {"vsid": 0x020000, "provider_address": "10.200.0.3", "site": site, "next_hop_mac": "00:21:1c:2e:41:46",
                "gateway": "192.168.69.1", "gateway_mac": "00:50:56:82:2b:52"}
        sender = Vm(address="192.168.69.2", mac="00:50:56:82:08:d1", **host)
        receiver_vm = Vm(address="192.168.69.10", mac="00:50:56:82:2b:53", **host)
        config = receiver(site.address)
        config["ports"][0]["mac"] = WIRE0_MAC
        config["tenants"].append({
            "name": "vmware", "gateway-mac": sender.gateway_mac, "external": "internet",
            "subnets": [{"vsid": sender.vsid, "prefix": "192.168.69.0/24", "gateway": sender.gateway}],
            "records": [sender.record(), receiver_vm.record()]})
        config["neighbors"].append({"network": "site", "address": sender.provider_address, "mac": sender.next_hop_mac})
        to_gateway = bytes.fromhex(WIRE0_MAC.replace(":", ""))
        run = self.replay({"wire0": spread([Frame(0, to_gateway + frame.data[6:]) for frame in frames])}, config)
        self.assertFalse(FORMAT_REASONS & set(run.drops), run.drops)
        inner = [bytes(inner_of(frame.data))[14:] for frame in frames
                 if inner_of(frame.data).dst == sender.gateway_mac and inner_of(frame.data).type == IPV4]
        self.assertEqual(len(inner), 64)
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, receiver_vm) for packet in inner])


class OddPackets(ReplayTest):
    """Nothing crashes, and every packet ends as forwarded, consumed or a named drop: `replay` asserts as much."""

    def assert_survives(self, inputs: dict, config=None) -> None:
        run = self.replay(inputs, config)
        for port in run.frames:
            for frame in run.sent(port):
                start = packets.ethertype_offset(frame) + 2
                self.assertTrue(checksum_is_right(frame[start:start + (frame[start] & 15) * 4]), frame.hex())

    def test_as_outer_frames_on_both_sides(self):
        for kind in ("malformed", "mix"):
            with self.subTest(kind=kind):
                frames = spread(public.frames(kind))
                self.assert_survives({"wire0": frames, "wire1": frames})

    def test_as_outer_frames_to_the_gateway_on_its_vlans(self):
        """With our Ethernet address and a known VLAN the IP layer sees them."""
        for kind in ("malformed", "mix"):
            with self.subTest(kind=kind):
                inputs = {}
                for port, mac, vlan in (("wire0", WIRE0_MAC, 20), ("wire1", WIRE1_MAC, 301)):
                    head = bytes.fromhex(mac.replace(":", "")) + bytes.fromhex("020000007701") + b"\x81\0"
                    inputs[port] = spread([Frame(0, head + vlan.to_bytes(2, "big") + frame.data[12:])
                                           for frame in public.frames(kind) if len(frame.data) >= 14])
                self.assert_survives(inputs)

    def wrapped(self, frame: bytes) -> Frame:
        return Frame(0, nvgre(frame, RED_WEB.vsid, RED_WEB.provider_address, GATEWAY_SITE))

    def test_as_inner_frames(self):
        for kind in ("malformed", "mix"):
            with self.subTest(kind=kind):
                small = [frame.data for frame in public.frames(kind) if len(frame.data) < 65000]
                self.assert_survives({"wire0": spread([self.wrapped(frame) for frame in small])})

    def test_as_inner_frames_to_the_gateway_from_any_sender(self):
        """With the right inner addresses and a sender check that only watches, they are routed."""
        config = topology.base()
        topology.tenant(config, "red")["sender-check"] = "log-only"
        head = bytes.fromhex((GATEWAY_MAC + RED_WEB.mac).replace(":", ""))
        for kind in ("malformed", "mix"):
            with self.subTest(kind=kind):
                small = [head + frame.data[12:] for frame in public.frames(kind) if 14 <= len(frame.data) < 65000]
                self.assert_survives({"wire0": spread([self.wrapped(frame) for frame in small])}, config)


class OddFiles(unittest.TestCase):
    """The files as they are, times and snap lengths of their own."""

    def test_each_is_replayed_or_refused_with_a_reason(self):
        for path in public.files("malformed") + public.files("mix"):
            with self.subTest(file=path.name):
                run = gateway.replay({"wire0": path})
                self.assertNotIn("panicked", run.stderr)
                if run.status == 0:
                    self.assertIs(run.report["accounted"], True)
                    self.assertEqual(run.report["ports"]["wire0"]["rx_packets"], len(read_foreign(path)[0]))
                else:
                    self.assertEqual(run.status, 1, run.stderr)
                    self.assertIn(path.name, run.stderr)
                    _, ethernet = read_foreign(path)
                    self.assertFalse(ethernet and "invalid-version" not in path.name, "it is a capture of Ethernet")


if __name__ == "__main__":
    unittest.main()
