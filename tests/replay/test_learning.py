"""`sender-check: learn`: records follow their machines by what these send, within limits, and not for strangers."""

import unittest
from dataclasses import replace

from lib import topology
from lib.assertions import ReplayTest
from lib.gateway import at
from lib.packets import (ARP, BROADCAST, GATEWAY_MAC, encapsulated, ethernet, expect_decap, expect_encap, from_outside,
                         from_vm, nvgre, udp)
from lib.topology import BLUE_WEB, FAR_ROUTER_MAC, GATEWAY_SITE, RED_UPLINK, RED_WEB, SERVER, Vm

SECOND_HOST = "100.64.30.2"
# The web server after its migration, and a machine that has been there before: it makes the host one of the subnet's.
MOVED = replace(RED_WEB, provider_address=SECOND_HOST, site=GATEWAY_SITE, next_hop_mac=FAR_ROUTER_MAC)
NEIGHBOR = replace(MOVED, address="10.0.1.9", mac="02:15:5d:00:00:09")
# A machine that nobody has told the gateway of.
NEW = replace(RED_WEB, address="10.0.1.77", mac="02:15:5d:00:00:77")
OUT = udp(RED_WEB.address, SERVER)
BELIEVED_MOVES = 5


def learning(**limits: int) -> dict:
    """The base configuration where red learns."""
    config = topology.base()
    red = topology.tenant(config, "red")
    red["sender-check"] = "learn"
    red["records"].append(NEIGHBOR.record())
    if limits:
        red["learn"] = {key.replace("_", "-"): value for key, value in limits.items()}
    return config


def announcement(vm: Vm, op: int = 1) -> bytes:
    """A gratuitous ARP of a machine, as its host sends it on."""
    packet = ARP(op=op, hwsrc=vm.mac, psrc=vm.address, hwdst="00:00:00:00:00:00", pdst=vm.address)
    return nvgre(ethernet(packet, vm.mac, BROADCAST, ethertype=0x0806), vm.vsid, vm.provider_address, vm.site,
                 src_mac=vm.next_hop_mac)


def from_address(vm: Vm, address: str, mark: int = 0) -> bytes:
    """A packet of a machine with a source address of its choice."""
    return from_vm(vm, udp(address, SERVER, mark=mark))


class LearningTest(ReplayTest):
    def events(self, run, kind: str, vm: Vm = RED_WEB) -> list:
        """When such events happened to a machine's record, in milliseconds after the first packet."""
        return [event["at_ms"] for event in run.report["events"]
                if event["kind"] == kind and vm.address in event["object"]]

    def assert_reached_at(self, run, probes: list, vms: list) -> None:
        """Packets from outside went to these places, in this order."""
        self.assert_frames(run.sent("wire0"), [expect_encap(udp(SERVER, vm.address, mark=moment), vm)
                                               for moment, vm in zip(probes, vms)])

    def probes(self, *moments: int, vm: Vm = RED_WEB) -> list:
        """Packets from outside that show where a record leads."""
        return [at(moment, from_outside(RED_UPLINK, udp(SERVER, vm.address, mark=moment))) for moment in moments]


class Following(LearningTest):
    def assert_moved_by(self, frame: bytes) -> None:
        run = self.replay({"wire0": [at(100, frame)], "wire1": self.probes(0, 150)}, learning())
        self.assert_reached_at(run, [0, 150], [RED_WEB, MOVED])
        self.assertEqual(self.events(run, "lookup-moved"), [100])
        self.assert_drops(run, {})

    def test_a_gratuitous_request(self):
        self.assert_moved_by(announcement(MOVED))

    def test_a_gratuitous_reply(self):
        self.assert_moved_by(announcement(MOVED, op=2))

    def test_the_first_frame(self):
        frames = [at(0, from_vm(RED_WEB, OUT)), at(100, from_vm(MOVED, OUT)), at(200, from_vm(MOVED, OUT))]
        run = self.replay({"wire0": frames, "wire1": self.probes(50, 150)}, learning())
        self.assert_reached_at(run, [50, 150], [RED_WEB, MOVED])
        # The frame that taught it is used up.
        self.assert_frames(run.sent("wire1"), [expect_decap(OUT, RED_UPLINK)] * 2)
        self.assertEqual(self.events(run, "lookup-moved"), [100])
        self.assert_drops(run, {})

    def test_a_question_for_the_gateway_is_answered_at_the_new_place(self):
        question = ARP(op=1, hwsrc=MOVED.mac, psrc=MOVED.address, hwdst="00:00:00:00:00:00", pdst=MOVED.gateway)
        frame = nvgre(ethernet(question, MOVED.mac, BROADCAST, ethertype=0x0806), MOVED.vsid, MOVED.provider_address,
                      MOVED.site, src_mac=MOVED.next_hop_mac)
        run = self.replay({"wire0": [frame]}, learning())
        answer = ARP(op=2, hwsrc=GATEWAY_MAC, psrc=MOVED.gateway, hwdst=MOVED.mac, pdst=MOVED.address)
        self.assert_frames(run.sent("wire0"), [encapsulated(bytes(answer), MOVED, ethertype=0x0806)])

    def test_late_frames_of_the_old_host_do_not_take_it_back(self):
        frames = [at(100, announcement(MOVED)), *(at(moment, from_vm(RED_WEB, OUT)) for moment in (101, 120, 900))]
        run = self.replay({"wire0": frames, "wire1": self.probes(950)}, learning())
        self.assert_reached_at(run, [950], [MOVED])
        self.assert_drops(run, {"source-ca-pa-mismatch": 3})

    def test_later_it_may_go_home(self):
        frames = [at(100, announcement(MOVED)), at(1500, announcement(RED_WEB))]
        run = self.replay({"wire0": frames, "wire1": self.probes(1000, 2000)}, learning())
        self.assert_reached_at(run, [1000, 2000], [MOVED, RED_WEB])


class NewAddresses(LearningTest):
    def test_the_first_frame_makes_a_record(self):
        packets = [udp(NEW.address, SERVER, mark=mark) for mark in range(2)]
        run = self.replay({"wire0": [at(100 * mark, from_vm(NEW, packet)) for mark, packet in enumerate(packets)],
                           "wire1": self.probes(50, vm=NEW)}, learning())
        self.assert_frames(run.sent("wire1"), [expect_decap(packets[1], RED_UPLINK)])
        self.assert_reached_at(run, [50], [NEW])
        self.assertEqual(self.events(run, "lookup-learned", NEW), [0])

    def test_a_machine_may_have_so_many_addresses(self):
        frames = [at(100 * number, from_address(NEW, f"10.0.1.{100 + number // 2}", number)) for number in range(6)]
        run = self.replay({"wire0": frames}, learning(addresses_per_mac=2))
        # Of each pair the first frame teaches and the second passes; the third address is one too many.
        self.assertEqual(len(run.sent("wire1")), 2)
        self.assert_drops(run, {"source-record-missing": 2})

    def test_a_subnet_may_have_so_many_learned_records(self):
        machines = [replace(NEW, address=f"10.0.1.{100 + number}", mac=f"02:15:5d:00:01:{number:02x}")
                    for number in range(4)]
        frames = [at(100 * number, from_vm(vm, udp(vm.address, SERVER))) for number, vm in enumerate(machines)]
        run = self.replay({"wire0": frames}, learning(records_per_subnet=3))
        self.assertEqual(len([event for event in run.report["events"] if event["kind"] == "lookup-learned"]), 3)
        self.assert_drops(run, {"source-record-missing": 1})


class Strangers(LearningTest):
    """What a strict subnet would have dropped, and a learning one drops as well."""

    def assert_refused(self, frame: bytes, reasons) -> None:
        run = self.replay({"wire0": [at(100, frame), at(200, frame)], "wire1": self.probes(300)}, learning())
        self.assert_reached_at(run, [300], [RED_WEB])
        self.assertEqual(run.sent("wire1"), [])
        self.assert_drops(run, {reasons: 2})
        self.assertEqual([event for event in run.report["events"] if event["kind"].startswith("lookup-")], [])

    def test_a_host_without_a_record_of_the_subnet(self):
        self.assert_refused(from_vm(replace(MOVED, provider_address="100.64.30.99"), OUT), "source-ca-pa-mismatch")
        self.assert_refused(from_vm(replace(NEW, provider_address="100.64.10.99"), udp(NEW.address, SERVER)),
                            "source-record-missing")

    def test_another_machine_with_the_address(self):
        thief = replace(MOVED, mac="02:15:5d:00:00:66")
        self.assert_refused(from_vm(thief, OUT), ("source-ca-pa-mismatch", "source-ca-mac-mismatch"))
        self.assert_refused(from_vm(replace(RED_WEB, mac=thief.mac), OUT), "source-ca-mac-mismatch")

    def test_an_address_outside_the_subnet(self):
        for address in ("10.0.3.5", "192.0.2.9", "10.0.1.255", "10.0.1.0"):
            with self.subTest(address=address):
                self.assert_refused(from_address(NEW, address), "source-record-missing")

    def test_the_gateways_address(self):
        self.assert_refused(from_address(NEW, NEW.gateway), ("source-record-missing", "inner-martian-source"))

    def test_a_strict_tenant_learns_nothing(self):
        packet = udp(BLUE_WEB.address, topology.BLUE_DB.address)
        elsewhere = replace(BLUE_WEB, provider_address=SECOND_HOST)
        self.assert_refused(from_vm(elsewhere, packet), "source-ca-pa-mismatch")


class Flapping(LearningTest):
    INTERVAL = 1500

    def flap(self, times: int) -> list:
        """Announcements from either host in turn."""
        return [at(number * self.INTERVAL, announcement((MOVED, RED_WEB)[number % 2])) for number in range(times)]

    def test_the_sixth_move_of_a_minute_is_not_followed(self):
        end = BELIEVED_MOVES * self.INTERVAL
        run = self.replay({"wire0": self.flap(BELIEVED_MOVES + 1), "wire1": self.probes(end - 100, end + 100)},
                          learning())
        self.assert_reached_at(run, [end - 100, end + 100], [MOVED, MOVED])
        self.assertEqual(len(self.events(run, "lookup-moved")), BELIEVED_MOVES)
        self.assertEqual(self.events(run, "record-damped"), [end])
        (alarm,) = [alarm for alarm in run.report["alarms"] if RED_WEB.address in alarm["object"]]
        self.assertTrue(alarm["cure"])
        self.assertIn("flapping-record", [finding["check"] for finding in run.report["doctor"]["findings"]
                                          if finding["health"] != "green"])

    def test_five_moves_are_nobodys_business(self):
        run = self.replay({"wire0": self.flap(BELIEVED_MOVES)}, learning())
        self.assertEqual(self.events(run, "record-damped"), [])
        self.assertEqual([alarm for alarm in run.report["alarms"] if RED_WEB.address in alarm["object"]], [])

    def test_after_a_minutes_rest_it_is_followed_again(self):
        end = BELIEVED_MOVES * self.INTERVAL
        again = end + 61_000
        frames = [*self.flap(BELIEVED_MOVES + 1), at(again, announcement(RED_WEB))]
        run = self.replay({"wire0": frames, "wire1": self.probes(end + 100, again + 100)}, learning())
        self.assert_reached_at(run, [end + 100, again + 100], [MOVED, RED_WEB])

    def test_an_operators_word_counts_at_once(self):
        end = BELIEVED_MOVES * self.INTERVAL
        word = {"changes": [{"move-lookup": {"vsid": RED_WEB.vsid, "address": RED_WEB.address,
                                             "provider-address": RED_WEB.provider_address}}]}
        run = self.replay({"wire0": self.flap(BELIEVED_MOVES + 1), "wire1": self.probes(end + 100, end + 300)},
                          learning(), changes=[(end + 200, word)])
        self.assert_reached_at(run, [end + 100, end + 300], [MOVED, RED_WEB])


if __name__ == "__main__":
    unittest.main()
