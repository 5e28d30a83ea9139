"""Changes while packets come: a packet before one goes the old way, a packet after it the new one, none a third."""

import unittest
from dataclasses import replace

from lib import topology
from lib.assertions import ReplayTest
from lib.gateway import at
from lib.packets import expect_decap, expect_encap, from_outside, from_vm, udp
from lib.topology import (BLUE_HOST_MAC, BLUE_PUBLIC, BLUE_WEB, FAR_ROUTER_MAC, GATEWAY_MAC, GATEWAY_SITE,
                          RED_UPLINK, RED_WEB, SERVER, Vm)

# The web server after its migration: another site, another VLAN, a router on the way.
MOVED = replace(RED_WEB, provider_address="100.64.30.2", site=GATEWAY_SITE, next_hop_mac=FAR_ROUTER_MAC)
# A machine on a host of its own, which only a default gateway or a route leads to.
FAR = Vm(5001, "10.0.1.20", "02:15:5d:00:00:20", "100.64.40.9", GATEWAY_SITE, FAR_ROUTER_MAC, "10.0.1.1")
FAR_BY_DEFAULT = replace(FAR, next_hop_mac=GATEWAY_SITE.router_mac)
FAR_ROUTE = {"prefix": "100.64.40.0/24", "next-hop": "100.64.20.2"}


def batch(*changes: dict, **more) -> dict:
    """A change document."""
    return {"changes": list(changes), **more}


def move(vm: Vm, host: str) -> dict:
    return {"move-lookup": {"vsid": vm.vsid, "address": vm.address, "provider-address": host}}


def add(vm: Vm) -> dict:
    return {"add-lookup": vm.record()}


def remove(vm: Vm) -> dict:
    return {"remove-lookup": {"vsid": vm.vsid, "address": vm.address}}


def to(vm: Vm, *moments: float) -> list:
    """Packets from outside to one of red's machines, each at its moment."""
    return [at(moment, from_outside(RED_UPLINK, inward(vm, moment))) for moment in moments]


def inward(vm: Vm, moment: float) -> bytes:
    return udp(SERVER, vm.address, mark=int(moment))


def without_default_gateway() -> dict:
    """The base configuration in which the gateway's site knows no router, and red has a machine behind one."""
    config = topology.base()
    del topology.named(config["provider"]["sites"], "gateway-site")["gateway"]
    topology.tenant(config, "red")["records"].append(FAR.record())
    return config


class LookupMove(ReplayTest):
    def test_the_outer_destination_changes_and_nothing_else_does(self):
        run = self.replay({"wire1": to(RED_WEB, 0, 100, 300, 400)},
                          changes=[(200, batch(move(RED_WEB, MOVED.provider_address)))])
        self.assert_frames(run.sent("wire0"), [expect_encap(inward(RED_WEB, 0), RED_WEB),
                                               expect_encap(inward(RED_WEB, 100), RED_WEB),
                                               expect_encap(inward(RED_WEB, 300), MOVED),
                                               expect_encap(inward(RED_WEB, 400), MOVED)])
        self.assert_drops(run, {})

    def test_the_flow_keeps_its_flow_id(self):
        packet = from_outside(RED_UPLINK, inward(RED_WEB, 0))
        run = self.replay({"wire1": [at(0, packet), at(300, packet)]},
                          changes=[(200, batch(move(RED_WEB, MOVED.provider_address)))])
        before, after = run.sent("wire0")
        self.assertEqual(before[-len(inward(RED_WEB, 0)) - 18:], after[-len(inward(RED_WEB, 0)) - 18:])

    def test_the_sender_is_believed_at_its_new_host_alone(self):
        packet = udp(RED_WEB.address, SERVER)
        run = self.replay({"wire0": [at(0, from_vm(RED_WEB, packet)), at(100, from_vm(MOVED, packet)),
                                     at(300, from_vm(RED_WEB, packet)), at(400, from_vm(MOVED, packet))]},
                          changes=[(200, batch(move(RED_WEB, MOVED.provider_address)))])
        self.assert_frames(run.sent("wire1"), [expect_decap(packet, RED_UPLINK)] * 2)
        self.assert_drops(run, {"source-ca-pa-mismatch": 2})

    def test_the_other_tenants_machine_of_the_same_address_stays(self):
        packet = udp(BLUE_WEB.address, topology.BLUE_DB.address)
        run = self.replay({"wire0": [at(0, from_vm(BLUE_WEB, packet)), at(300, from_vm(BLUE_WEB, packet))]},
                          changes=[(200, batch(move(RED_WEB, MOVED.provider_address)))])
        self.assert_frames(run.sent("wire0"), [expect_encap(packet, topology.BLUE_DB)] * 2)

    def test_there_and_back_again(self):
        moments = [number * 10 for number in range(40)]
        changes = [(number * 20 + 5, batch(move(RED_WEB, (MOVED, RED_WEB)[number % 2].provider_address)))
                   for number in range(20)]
        run = self.replay({"wire1": to(RED_WEB, *moments)}, changes=changes)
        # Between two moves there are two packets; the first of all comes before any.
        places = [(RED_WEB, MOVED)[(moment + 15) // 20 % 2] for moment in moments]
        self.assert_frames(run.sent("wire0"), [expect_encap(inward(RED_WEB, moment), vm)
                                               for moment, vm in zip(moments, places)])

    def test_it_says_that_it_was_moved_and_from_where(self):
        run = self.replay({"wire1": to(RED_WEB, 0, 300)},
                          changes=[(200, batch(move(RED_WEB, MOVED.provider_address)))])
        (answer,) = run.report["changes"]
        self.assertIs(answer["applied"], True)
        (line,) = answer["changes"]
        for word in ("~", RED_WEB.address, RED_WEB.provider_address, MOVED.provider_address):
            self.assertIn(word, line)


class CustomerRoutesWithinSubnets(ReplayTest):
    """A customer route that is more specific than a subnet leads past the records there, for as long as it is there."""
    ROUTE = {"tenant": "blue", "prefix": "203.0.113.4/31", "next-hop": BLUE_WEB.address}
    CHANGES = [(200, batch({"add-customer-route": ROUTE})),
               (400, batch({"remove-customer-route": {"tenant": "blue", "prefix": "203.0.113.4/31"}}))]
    BESIDE = replace(BLUE_PUBLIC, address="203.0.113.6", mac="02:15:5d:00:00:08")

    def config(self) -> dict:
        config = topology.base()
        topology.tenant(config, "blue")["records"].append(self.BESIDE.record())
        return config

    def from_internet(self, *moments: float) -> list:
        return [at(moment + after, from_outside(topology.INTERNET, inward(vm, moment)))
                for moment in moments for after, vm in enumerate((BLUE_PUBLIC, self.BESIDE))]

    def expected(self, moment: float, vm: Vm) -> list:
        return [expect_encap(inward(BLUE_PUBLIC, moment), vm), expect_encap(inward(self.BESIDE, moment), self.BESIDE)]

    def test_a_route_comes_and_goes(self):
        run = self.replay({"wire1": self.from_internet(100, 300, 500)}, self.config(), changes=self.CHANGES)
        self.assert_frames(run.sent("wire0"), [*self.expected(100, BLUE_PUBLIC), *self.expected(300, BLUE_WEB),
                                               *self.expected(500, BLUE_PUBLIC)])
        self.assert_drops(run, {})

    def test_a_record_behind_it_may_come_and_go(self):
        """The address is the router's to reach from the start, whether or not there is a record of its own."""
        config = self.config()
        topology.tenant(config, "blue")["routes"] = [{key: self.ROUTE[key] for key in ("prefix", "next-hop")}]
        topology.tenant(config, "blue")["records"].remove(BLUE_PUBLIC.record())
        run = self.replay({"wire1": self.from_internet(100, 300, 500)}, config,
                          changes=[(200, batch(add(BLUE_PUBLIC))), (400, batch(remove(BLUE_PUBLIC)))])
        self.assert_frames(run.sent("wire0"), [*self.expected(100, BLUE_WEB), *self.expected(300, BLUE_WEB),
                                               *self.expected(500, BLUE_WEB)])

    def test_a_wider_route_changes_nothing(self):
        wider = {**self.ROUTE, "prefix": "203.0.112.0/20"}
        run = self.replay({"wire1": self.from_internet(100, 300)}, self.config(),
                          changes=[(200, batch({"add-customer-route": wider}))])
        self.assert_frames(run.sent("wire0"), [*self.expected(100, BLUE_PUBLIC), *self.expected(300, BLUE_PUBLIC)])


class Batches(ReplayTest):
    TENANT = ({"add-tenant": {"name": "green", "gateway-mac": GATEWAY_MAC, "external": "internet",
                              "public-prefixes": ["203.0.113.64/28"]}},
              {"add-subnet": {"tenant": "green", "vsid": 7001, "prefix": "203.0.113.64/28",
                              "gateway": "203.0.113.65"}})
    GREEN = Vm(7001, "203.0.113.70", "02:15:5d:00:00:70", BLUE_WEB.provider_address, GATEWAY_SITE, BLUE_HOST_MAC,
               "203.0.113.65")

    def assert_reached(self, run, moments: list, vm: Vm) -> None:
        self.assert_frames(run.sent("wire0"), [expect_encap(inward(vm, moment), vm) for moment in moments])

    def inbound(self, *moments: float) -> list:
        return [at(moment, from_outside(topology.INTERNET, inward(self.GREEN, moment))) for moment in moments]

    def test_a_tenant_comes_and_goes(self):
        removal = batch(remove(self.GREEN), {"remove-subnet": {"vsid": 7001}}, {"remove-tenant": {"name": "green"}})
        run = self.replay({"wire1": self.inbound(0, 100, 200, 300)},
                          changes=[(50, batch(*self.TENANT, add(self.GREEN))), (250, removal)])
        self.assert_reached(run, [100, 200], self.GREEN)
        self.assertEqual([answer["applied"] for answer in run.report["changes"]], [True, True])
        first, second = (answer["generation"] for answer in run.report["changes"])
        self.assertEqual(second, first + 1)

    def test_of_a_batch_with_one_mistake_nothing_is_done(self):
        mistakes = {
            "a record that is there": add(RED_WEB),
            "a subnet that nobody has": {"add-lookup": {**RED_WEB.record(), "vsid": 7999}},
            "a tenant that is there": {"add-tenant": {"name": "blue"}},
            "a record of the file": remove(RED_WEB),
            "a route of a site": {"remove-provider-route": {"prefix": "0.0.0.0/0", "next-hop": "100.64.20.1"}},
        }
        for name, mistake in mistakes.items():
            with self.subTest(mistake=name):
                run = self.replay({"wire1": self.inbound(0, 100)},
                                  changes=[(50, batch(*self.TENANT, add(self.GREEN), mistake))])
                self.assert_nothing_sent(run)
                (answer,) = run.report["changes"]
                self.assertEqual((answer["applied"], answer["generation"], answer["changes"]), (False, 0, []))
                self.assertIn("changes[3]", answer["error"], "the place of the mistake is not named")

    def test_another_generation_refuses_a_batch(self):
        run = self.replay({"wire1": to(RED_WEB, 0, 100)},
                          changes=[(50, batch(move(RED_WEB, MOVED.provider_address), **{"if-generation": 4711}))])
        (answer,) = run.report["changes"]
        self.assertIs(answer["applied"], False)
        self.assertIn("4711", answer["error"])
        self.assert_reached(run, [0, 100], RED_WEB)

    def test_a_customer_route_leads_to_another_machine(self):
        other = topology.RED_DB
        prefix = "172.16.0.0/16"
        moments = [0, 100, 200]
        config = topology.base()
        topology.tenant(config, "red")["routes"] = []
        packets = [at(moment, from_outside(RED_UPLINK, udp(SERVER, topology.RED_BRANCH, mark=moment)))
                   for moment in moments]
        changes = [(50, batch({"add-customer-route": {"tenant": "red", "prefix": prefix,
                                                      "next-hop": RED_WEB.address}})),
                   (150, batch({"move-customer-route": {"tenant": "red", "prefix": prefix,
                                                        "next-hop": other.address}}))]
        run = self.replay({"wire1": packets}, config, changes=changes)
        self.assert_frames(run.sent("wire0"), [expect_encap(udp(SERVER, topology.RED_BRANCH, mark=100), RED_WEB),
                                               expect_encap(udp(SERVER, topology.RED_BRANCH, mark=200), other)])


class Moments(ReplayTest):
    """When a change is made, and in which order with what else happens."""

    THERE, BACK = (batch(move(RED_WEB, vm.provider_address)) for vm in (MOVED, RED_WEB))

    def assert_reached(self, run, ways: list) -> None:
        self.assert_frames(run.sent("wire0"), [expect_encap(inward(RED_WEB, moment), vm) for moment, vm in ways])

    def test_before_the_packets_of_its_instant(self):
        run = self.replay({"wire1": to(RED_WEB, 0, 100)}, changes=[(100, self.THERE)])
        self.assert_reached(run, [(0, RED_WEB), (100, MOVED)])

    def test_in_the_order_given_at_one_instant(self):
        for changes, place in (((self.THERE, self.BACK), RED_WEB), ((self.BACK, self.THERE), MOVED)):
            run = self.replay({"wire1": to(RED_WEB, 0, 200)}, changes=[(100, change) for change in changes])
            self.assert_reached(run, [(0, RED_WEB), (200, place)])

    def test_in_the_order_of_time_however_they_are_given(self):
        run = self.replay({"wire1": to(RED_WEB, 0, 150, 300)}, changes=[(200, self.BACK), (100, self.THERE)])
        self.assert_reached(run, [(0, RED_WEB), (150, MOVED), (300, RED_WEB)])
        self.assertEqual([answer["at"] for answer in run.report["changes"]], [0.1, 0.2])

    def test_after_the_last_packet_too_and_the_clock_runs_on_from_there(self):
        later = batch({"add-provider-address": {"site": "gateway-site", "address": "100.64.20.11"}})
        run = self.replay({"wire1": to(RED_WEB, 0)}, changes=[(60_000, ProviderRoutes.ADD), (90_000, later)])
        self.assertEqual([answer["applied"] for answer in run.report["changes"]], [True, True])
        self.assertEqual([(event["kind"], event["at_ms"]) for event in run.report["events"]],
                         [("changes-applied", 60_000), ("changes-applied", 90_000), ("address-preferred", 90_600)])

    def test_any_fraction_of_a_second(self):
        run = self.replay({"wire1": to(RED_WEB, 0, 100)}, changes=[(99.999, self.THERE)])
        self.assert_reached(run, [(0, RED_WEB), (100, MOVED)])


class ProviderRoutes(ReplayTest):
    ADD, REMOVE = batch({"add-provider-route": FAR_ROUTE}), batch({"remove-provider-route": FAR_ROUTE})

    def test_a_longer_prefix_wins_over_the_default_gateway_while_it_is_there(self):
        config = topology.base()
        topology.tenant(config, "red")["records"].append(FAR.record())
        run = self.replay({"wire1": to(FAR, 0, 200, 400)}, config, changes=[(100, self.ADD), (300, self.REMOVE)])
        ways = [(0, FAR_BY_DEFAULT), (200, FAR), (400, FAR_BY_DEFAULT)]
        self.assert_frames(run.sent("wire0"), [expect_encap(inward(FAR, moment), vm) for moment, vm in ways])

    def test_without_a_default_gateway_it_is_the_only_way(self):
        run = self.replay({"wire1": to(FAR, 0, 200, 400)}, without_default_gateway(),
                          changes=[(100, self.ADD), (300, self.REMOVE)])
        self.assert_frames(run.sent("wire0"), [expect_encap(inward(FAR, 200), FAR)])
        self.assert_drops(run, {"provider-route-missing": 2})

    def test_a_route_outlives_the_moves_of_what_it_leads_to(self):
        back = batch(move(FAR, FAR.provider_address))
        run = self.replay({"wire1": to(FAR, 0, 200, 400)}, without_default_gateway(),
                          changes=[(0, self.ADD), (100, batch(move(FAR, RED_WEB.provider_address))), (300, back)])
        at_red_host = replace(RED_WEB, address=FAR.address, mac=FAR.mac)
        ways = [(0, FAR), (200, at_red_host), (400, FAR)]
        self.assert_frames(run.sent("wire0"), [expect_encap(inward(FAR, moment), vm) for moment, vm in ways])
        self.assert_drops(run, {})

    def test_the_lower_metric_wins_and_the_other_takes_over(self):
        def route(next_hop, metric):
            return {"prefix": FAR_ROUTE["prefix"], "next-hop": next_hop, "metric": metric}
        both = batch({"add-provider-route": route("100.64.20.2", 10)}, {"add-provider-route": route("100.64.20.1", 20)})
        run = self.replay({"wire1": to(FAR, 0, 200)}, without_default_gateway(),
                          changes=[(0, both), (100, self.REMOVE)])
        self.assert_frames(run.sent("wire0"), [expect_encap(inward(FAR, 0), FAR),
                                               expect_encap(inward(FAR, 200), FAR_BY_DEFAULT)])

    def test_a_route_moves_to_another_next_hop(self):
        to_router = batch({"move-provider-route": {**FAR_ROUTE, "to": "100.64.20.1"}})
        run = self.replay({"wire1": to(FAR, 0, 200)}, without_default_gateway(),
                          changes=[(0, self.ADD), (100, to_router)])
        self.assert_frames(run.sent("wire0"), [expect_encap(inward(FAR, 0), FAR),
                                               expect_encap(inward(FAR, 200), FAR_BY_DEFAULT)])


class Alarms(ReplayTest):
    """What the operator of a provider network without a default gateway sees, before a packet is lost."""

    def missing_route(self, run) -> list:
        return [alarm for alarm in run.report["alarms"] if FAR.provider_address in alarm["object"]]

    def test_a_record_without_a_route_is_an_alarm_and_a_red_finding(self):
        run = self.replay({"wire1": []}, without_default_gateway())
        self.assert_drops(run, {})
        (alarm,) = self.missing_route(run)
        self.assertEqual(alarm["severity"], "critical")
        self.assertIn("no provider route", alarm["message"])
        self.assertIn("nvgw provider-route add", alarm["cure"])
        self.assertEqual(run.report["doctor"]["health"], "red")
        findings = [finding for finding in run.report["doctor"]["findings"] if finding["check"] == "provider-route"]
        self.assertIn(FAR.provider_address, str(findings))

    def test_the_route_ends_it_and_its_removal_brings_it_back(self):
        config = without_default_gateway()
        added, removed = (100, ProviderRoutes.ADD), (200, ProviderRoutes.REMOVE)
        self.assertEqual(self.missing_route(self.replay({"wire1": to(FAR, 0)}, config, changes=[added])), [])
        run = self.replay({"wire1": to(FAR, 0)}, config, changes=[added, removed])
        self.assertEqual(len(self.missing_route(run)), 1)

    def test_changes_are_events(self):
        run = self.replay({"wire1": to(RED_WEB, 0)}, changes=[(100, batch(move(RED_WEB, MOVED.provider_address)))])
        events = [event for event in run.report["events"] if event["kind"] == "changes-applied"]
        self.assertEqual([event["at_ms"] for event in events], [100])


if __name__ == "__main__":
    unittest.main()
