"""Captures that others wrote: strict verdicts on real NVGRE and GRE, and odd packets of every kind."""

import unittest
from ipaddress import ip_interface

from lib import families, gateway, public, topology, translation
from lib.assertions import FORMAT_REASONS, ReplayTest
from lib.captures import Frame, read_foreign
from lib.gateway import MILLISECOND, START_NS
from lib.hostile import Tunnel
from lib.ip import family_of
from lib.packets import (IPV4, checksum, checksum_is_right, ethertype_of, ethertype_offset,
                         expect_encap, gre_offset, gre_violations, inner_of)
from lib.topology import WIRE0_MAC, WIRE1_MAC, Network, Vm

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


# What a receiver of NVGRE has to say of a frame without GRE right behind its outer header.
NO_GRE = frozenset({"ethertype-unknown", "vlan-unknown", "outer-malformed", "outer-destination-unknown",
                    "outer-protocol-unknown", "arp-ignored"})


def allowed_reasons(judged: public.Verdict) -> frozenset:
    """The reasons that agree with a verdict: its own, and what else is wrong with the same frame."""
    frame = judged.frame.data
    start = gre_offset(frame)
    if start is None:
        return NO_GRE
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
    subnet = str(ip_interface(f"{address}/{24 if family_of(address) == 4 else 64}").network)
    config["provider"] = {"sites": [{"name": "site", "port": "wire0", "subnet": subnet, "addresses": [address]}]}
    config["neighbors"] = [entry for entry in config["neighbors"] if "site" not in entry["network"]]
    for tenant in config["tenants"]:
        tenant["records"] = []
    return config


def spread(frames: list) -> list[Frame]:
    """The frames a tenth of a millisecond apart."""
    return [frame._replace(time_ns=START_NS + index * MILLISECOND // 10) for index, frame in enumerate(frames)]


def ethernet_addresses(vm: Vm) -> bytes:
    """Those of a frame from a VM to its gateway."""
    return bytes.fromhex((vm.gateway_mac + vm.mac).replace(":", ""))


class OuterVerdicts(ReplayTest):
    def test_the_verdicts_are_of_every_frame_and_of_known_kinds(self):
        judged = public.verdicts()
        self.assertEqual({f"nvgre/{path.name}": len(read_foreign(path)[0]) for path in public.files("nvgre")},
                         {name: len(verdicts) for name, verdicts in judged.items()})
        self.assertEqual({verdict.verdict for verdicts in judged.values() for verdict in verdicts},
                         {"ACCEPT-format", "not-gre", *REASON_OF, *GRE_VERDICTS})

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


class OddPackets:
    """Nothing crashes, and every packet ends as forwarded, consumed or a named drop: `replay` asserts as much."""

    def assert_survives(self, inputs: dict, config=None) -> None:
        run = self.replay(inputs, config)
        for port in run.frames:
            for frame in run.sent(port):
                if ethertype_of(frame) == IPV4:
                    start = ethertype_offset(frame) + 2
                    self.assertTrue(checksum_is_right(frame[start:start + (frame[start] & 15) * 4]), frame.hex())

    def in_each_kind(self, change, *places, config=None) -> None:
        """Replays the frames of each kind, changed, at each of the places. Frames of 64 KiB fit no tunnel."""
        for kind in public.KINDS:
            with self.subTest(kind=kind):
                frames = [frame.data for frame in public.frames(kind) if 14 <= len(frame.data) < 65000]
                self.assertGreater(len(frames), 100)
                self.assert_survives({port: spread([Frame(0, change(frame, port)) for frame in frames])
                                      for port in places}, config)


@families.in_each(families.Families(4, 4))
class Outer(OddPackets):
    def test_on_both_sides(self):
        for kind in public.KINDS:
            with self.subTest(kind=kind):
                frames = spread(public.frames(kind))
                self.assert_survives({"wire0": frames, "wire1": frames})

    def test_to_the_gateway_on_its_networks(self):
        """With our Ethernet address and a known VLAN the IP layer sees them."""
        for vlans in ({"wire0": 20, "wire1": 301}, {"wire0": 110, "wire1": 300}):
            def tagged(frame: bytes, port: str) -> bytes:
                head = bytes.fromhex(topology.PORT_MACS[port].replace(":", "")) + bytes.fromhex("020000007701")
                return head + b"\x81\0" + vlans[port].to_bytes(2, "big") + frame[12:]
            self.in_each_kind(tagged, "wire0", "wire1")


@families.in_each(families.Families(4, 4), families.Families(4, 6))
class Inner(OddPackets):
    def test_as_they_are(self):
        tunnel = Tunnel(self.on.red_web)
        self.in_each_kind(lambda frame, _: tunnel(frame), "wire0")

    def test_to_the_gateway_from_any_sender(self):
        """With a sender check that only watches, whatever comes out of a tunnel is routed."""
        vm = self.on.red_web
        tunnel, head = Tunnel(vm), ethernet_addresses(vm)
        config = self.on.config()
        topology.tenant(config, "red")["sender-check"] = "log-only"
        self.in_each_kind(lambda frame, _: tunnel(head + frame[12:]), "wire0", config=config)


class Translated(OddPackets, ReplayTest):
    """Through address translation: from any customer address, and from outside to a pool's."""

    def test_from_inside(self):
        vm = topology.BLUE_WEB
        config = translation.config()
        topology.tenant(config, "blue")["sender-check"] = "log-only"
        tunnel, head = Tunnel(vm), ethernet_addresses(vm)
        self.in_each_kind(lambda frame, _: tunnel(head + frame[12:]), "wire0", config=config)

    def test_from_outside(self):
        """Each IPv4 packet goes to a public address that has no session, or a static one."""
        config = translation.config({**translation.pool(), "static": [
            {"public": "198.51.100.32", "customer": topology.BLUE_WEB.address}]})
        def readdressed(address: str):
            def change(frame: bytes, _) -> bytes:
                head = bytes.fromhex(WIRE1_MAC.replace(":", "") + "020000003001" + "8100012c")
                packet = bytearray(frame[ethertype_offset(frame):])
                if packet[:2] == b"\x08\0" and len(packet) >= 22:
                    packet[18:22] = bytes(map(int, address.split(".")))
                    packet[12:14] = bytes(2)
                    packet[12:14] = checksum(bytes(packet[2:22])).to_bytes(2, "big")
                return head + bytes(packet)
            return change
        for address in (translation.POOL_ADDRESSES[0], "198.51.100.32"):
            with self.subTest(address=address):
                self.in_each_kind(readdressed(address), "wire1", config=config)


class OddFiles(unittest.TestCase):
    """The files as they are, times and snap lengths of their own."""

    def test_each_is_replayed_or_refused_with_a_reason(self):
        for path in [path for kind in public.KINDS for path in public.files(kind)]:
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
