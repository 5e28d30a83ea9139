"""Both families inside and outside: what users look at paths with, from both sides, and large transfers across a
provider network that is too small for their packets."""

import unittest

import dual as d
from dual_lab import DualLab
from traffic import digest, hops, path_mtu, ping, reassembled, watched_hops

FAMILIES = (4, 6)


class DualStack(unittest.TestCase):
    """A gateway with machines behind hosts of either family."""

    tcp_mss = "clamp"

    @classmethod
    def setUpClass(cls):
        cls.lab = DualLab(cls.tcp_mss)
        cls.enterClassContext(cls.lab)
        cls.lab.start_gateway()

    def setUp(self):
        self.gateway = self.lab.gateway
        self.too_big = self.too_big_so_far()

    def tearDown(self):
        self.gateway.assert_running()

    def too_big_so_far(self):
        return self.gateway.drops().get("mtu-exceeded", 0)

    def vms(self):
        """Each machine with each family."""
        for vm in self.lab.vms.values():
            for family in FAMILIES:
                yield vm, family

    def of(self, *names):
        """These machines with each family."""
        return ((vm, family) for vm, family in self.vms() if vm.name in names)

    def outside(self):
        """The machines that are reachable from outside: blue's IPv4 address is behind translation."""
        return ((vm, family) for vm, family in self.vms() if (vm.tenant, family) != ("blue", 4))


class Tools(DualStack):
    def test_ping_from_a_vm(self):
        for vm, family in self.vms():
            for address in (vm.gateway_at(family), d.GATEWAY[family], d.NEAR[family], d.FAR[family]):
                with self.subTest(vm=vm.name, address=address):
                    self.assertEqual(ping(vm.namespace, address), 0)

    def test_ping_from_outside(self):
        for vm, family in self.outside():
            for server in (self.lab.near, self.lab.far):
                with self.subTest(vm=vm.name, family=family, server=server.name):
                    self.assertEqual(ping(server.namespace, vm.at(family)), 0)

    def test_ping_between_vms(self):
        """Behind a host of the other family."""
        one, two = self.lab.vms["red-1"], self.lab.vms["red-2"]
        for source, target in ((one, two), (two, one)):
            for family in FAMILIES:
                with self.subTest(source=source.name, family=family):
                    self.assertEqual(ping(source.namespace, target.at(family)), 0)

    def test_ping_of_the_gateways_own_addresses(self):
        for host, address in (("h6", d.GATEWAY_SIX), ("h4", d.GATEWAY_FOUR)):
            self.assertEqual(ping(self.lab.hosts[host].namespace, address), 0)
        for family in FAMILIES:
            self.assertEqual(ping(self.lab.far.namespace, d.GATEWAY[family]), 0)

    def test_traceroute_from_a_vm(self):
        """Through translation, too."""
        for vm, family in self.vms():
            way = [vm.gateway_at(family), d.EDGE[family], d.CORE[family], d.FAR[family]]
            for how in ((), ("-I",), ("-T", "-p", "80")):
                with self.subTest(vm=vm.name, family=family, how=how):
                    self.assertEqual(hops(vm.namespace, d.FAR[family], *how), way)

    def test_traceroute_from_outside(self):
        for vm, family in self.outside():
            for how in ((), ("-I",)):
                with self.subTest(vm=vm.name, family=family, how=how):
                    way = hops(self.lab.near.namespace, vm.at(family), *how)
                    self.assertEqual(way[1:], [d.GATEWAY[family], vm.at(family)])

    def test_mtr_from_a_vm(self):
        for vm, family in self.vms():
            with self.subTest(vm=vm.name, family=family):
                way = [vm.gateway_at(family), d.EDGE[family], d.CORE[family], d.FAR[family]]
                self.assertEqual(watched_hops(vm.namespace, d.FAR[family]), [(hop, 0.0) for hop in way])

    def test_mtr_from_outside(self):
        for vm, family in self.outside():
            with self.subTest(vm=vm.name, family=family):
                way = watched_hops(self.lab.near.namespace, vm.at(family))
                self.assertEqual(way[1:], [(d.GATEWAY[family], 0.0), (vm.at(family), 0.0)])

    def test_tracepath_from_a_vm_finds_the_narrow_link(self):
        for vm, family in self.vms():
            with self.subTest(vm=vm.name, family=family):
                self.assertEqual(path_mtu(vm.namespace, d.FAR[family]), d.NARROW)

    def test_tracepath_from_outside_finds_the_provider_network(self):
        for vm, family in self.outside():
            with self.subTest(vm=vm.name, family=family):
                self.assertEqual(path_mtu(self.lab.near.namespace, vm.at(family)), d.room_for(vm))

    def test_a_clamped_connection_has_nothing_to_find_out(self):
        """Both ends were told what fits: no packet is refused, none is fragmented."""
        for vm, family in self.of("red-1", "blue-1"):
            with self.subTest(vm=vm.name, family=family):
                before = reassembled(vm.namespace)
                self.assertEqual(digest(vm.namespace, d.url(d.NEAR[family])), self.lab.near.big_sha256)
                self.assertEqual(reassembled(vm.namespace), before)
        self.assertEqual(self.too_big_so_far(), self.too_big)


class Transfers(DualStack):
    """Nobody is told of the small network beforehand."""

    tcp_mss = "keep"

    def assert_found_out(self, sender, vm, family):
        """The sender was told how big its packets may be, and by nobody else than the gateway."""
        self.assertGreater(self.too_big_so_far(), self.too_big)
        self.too_big = self.too_big_so_far()
        if (vm.tenant, family) != ("blue", 4):
            route = sender.ip(f"-{family}", "route", "get", vm.at(family)).stdout
            self.assertIn(f"mtu {d.room_for(vm)}", route)

    def test_packets_that_must_not_be_fragmented(self):
        """From outside, through translation too: their sender finds out."""
        for vm, family in self.of("red-1", "blue-1"):
            with self.subTest(vm=vm.name, family=family):
                for name in FAMILIES:
                    self.lab.near.namespace.ip(f"-{name}", "route", "flush", "cache")
                self.assertEqual(digest(vm.namespace, d.url(d.NEAR[family])), self.lab.near.big_sha256)
                self.assert_found_out(self.lab.near.namespace, vm, family)

    def test_between_vms(self):
        """The sender is a machine and is told inside its tunnel."""
        client, server = self.lab.vms["red-1"], self.lab.vms["red-2"]
        for family in FAMILIES:
            with self.subTest(family=family):
                self.assertEqual(digest(client.namespace, d.url(server.at(family))), self.lab.vm_web.big_sha256)
                self.assert_found_out(server.namespace, client, family)

    def test_packets_that_may_be_fragmented(self):
        """They come in pieces, every one of which fits, and nobody has to find out anything."""
        server = self.lab.plain
        for name in ("red-1", "blue-1"):
            with self.subTest(vm=name):
                vm = self.lab.vms[name].namespace
                before = reassembled(vm)
                self.assertEqual(digest(vm, d.url(d.PLAIN.four)), server.big_sha256)
                self.assertGreater(reassembled(vm) - before, server.big_bytes // 1500)
        self.assertEqual(self.too_big_so_far(), self.too_big)


if __name__ == "__main__":
    unittest.main()
