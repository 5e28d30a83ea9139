"""Real programs through the gateway: two tenants with the same addresses, an internet, another internet."""

import unittest

import topology as t
from bench import answers
from gateway import unexplained
from lab import Lab, afxdp_unusable
from process import wait_until
from traffic import download_together, get, iperf, ping

# Drop reasons that a run may count, each with why. Nothing in the lab sends what the gateway should drop.
ALLOWED_DROPS = {}


class Traffic:
    """The tests, run once for each kind of port."""

    driver = None

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(cls.driver)
        cls.enterClassContext(cls.lab)
        cls.lab.start_gateway()

    def setUp(self):
        self.gateway = self.lab.gateway
        self.red = self.lab.vms["red-1"].namespace
        self.blue = self.lab.vms["blue-1"].namespace

    def tearDown(self):
        self.gateway.assert_running()
        self.assertEqual(unexplained(self.gateway.drops(), ALLOWED_DROPS), {}, "packets dropped")
        for name, port in self.gateway.ports().items():
            self.assertEqual(port["tx_dropped"], 0, f"{name} did not take every packet")

    def test_every_vm_pings_its_gateway(self):
        for vm in self.lab.vms.values():
            with self.subTest(vm=vm.name):
                self.assertEqual(ping(vm.namespace, vm.gateway), 0)

    def test_every_vm_pings_outside(self):
        for vm in self.lab.vms.values():
            with self.subTest(vm=vm.name):
                self.assertEqual(ping(vm.namespace, t.WEB), 0)

    def test_gateway_answers_on_its_own_addresses(self):
        outside = [(self.lab.web.namespace, t.GATEWAY_INTERNET), (self.lab.web_blue.namespace, t.GATEWAY_BLUE)]
        provider = [(self.lab.hosts["h1"].namespace, t.GATEWAY_A), (self.lab.hosts["h2"].namespace, t.GATEWAY_B),
                    (self.lab.hosts["h3"].namespace, t.GATEWAY_A)]
        for namespace, address in outside + provider:
            with self.subTest(source=namespace.short_name, address=address):
                self.assertEqual(ping(namespace, address), 0)

    def test_outside_reaches_a_vm_of_the_right_tenant(self):
        """Both outsides ping 10.0.1.5 and each wakes another VM."""
        for web, vm, other in ((self.lab.web, "red-1", "blue-1"), (self.lab.web_blue, "blue-1", "red-1")):
            with self.subTest(source=web.name):
                before = {name: self.lab.vms[name].namespace.counters("eth0")[0] for name in (vm, other)}
                self.assertEqual(ping(web.namespace, "10.0.1.5", count=50), 0)
                after = {name: self.lab.vms[name].namespace.counters("eth0")[0] for name in (vm, other)}
                self.assertGreaterEqual(after[vm] - before[vm], 50)
                # ARP for a gateway may come at any time; echo requests may not.
                self.assertLess(after[other] - before[other], 5)

    def test_each_tenant_gets_its_own_page(self):
        self.assertEqual(get(self.red, f"http://{t.WEB}/"), self.lab.web.greeting)
        self.assertEqual(get(self.blue, f"http://{t.WEB}/"), self.lab.web_blue.greeting)

    def test_the_same_address_is_another_machine_in_another_tenant(self):
        address = self.lab.vms["red-2"].address
        self.assertEqual(get(self.red, f"http://{address}/"), self.lab.vm_web.greeting)
        self.assertEqual(get(self.blue, f"http://{address}/"), self.lab.web_blue.greeting)

    def test_the_same_connection_twice_at_the_same_time(self):
        """Addresses, ports, even MACs are equal: only VSID and VLAN keep the two tenants apart."""
        big = f"http://{t.WEB}/big"
        for local_port in (40001, 40002):
            (red_hash, red_seconds), (blue_hash, blue_seconds) = download_together(
                [(self.red, big, local_port, "2M"), (self.blue, big, local_port, "2M")], self.lab.directory)
            self.assertEqual(red_hash, self.lab.web.big_sha256)
            self.assertEqual(blue_hash, self.lab.web_blue.big_sha256)
            self.assertGreater(min(red_seconds, blue_seconds), 0.5, "the two were not under way together")

    def test_tcp_in_both_directions(self):
        for vm in (self.red, self.blue):
            for reverse in (False, True):
                with self.subTest(vm=vm.short_name, reverse=reverse):
                    end = iperf(vm, t.WEB, reverse=reverse)
                    self.assertGreater(end["sum_received"]["bytes"], 1_000_000)

    def test_vm_to_vm_across_subnets(self):
        vms = self.lab.vms
        for source, target in (("red-1", "red-2"), ("red-2", "red-1"), ("red-1", "red-3"), ("red-3", "red-1")):
            with self.subTest(source=source, target=target):
                # Its first packet may wait in Open vSwitch for the other tunnel's neighbour.
                wait_until(lambda: answers(vms[source].namespace, vms[target].address), f"{target} to answer {source}")
                self.assertEqual(ping(vms[source].namespace, vms[target].address), 0)
        for reverse in (False, True):
            with self.subTest(reverse=reverse):
                self.assertGreater(iperf(self.red, vms["red-2"].address, reverse=reverse)["sum_received"]["bytes"],
                                   1_000_000)

    def test_port_counters_are_the_kernels(self):
        """What a port counts is what the kernel counted at the other end of its cable, each way."""
        def both_counts():
            ports = self.gateway.ports()
            return {wire: ((ports[wire]["rx_packets"], ports[wire]["tx_packets"]), self.lab.trunk_counters(wire))
                    for wire in ("wire0", "wire1")}

        def gaps(counts):
            return {wire: (ours[0] - kernel[0], ours[1] - kernel[1]) for wire, (ours, kernel) in counts.items()}

        def at_rest():
            counts = both_counts()
            return counts if counts == both_counts() else None

        before = wait_until(at_rest, "a moment without packets")
        self.assertEqual(ping(self.red, t.WEB, count=100), 0)
        # The gateway's own frames count once too.
        self.assertEqual(ping(self.red, "10.0.1.1", count=20), 0)
        # Two numbers read one after the other agree once nothing is on its way.
        wait_until(lambda: gaps(both_counts()) == gaps(before),
                   lambda: f"the counts to grow alike: before {before}, now {both_counts()}", timeout=5)
        after = both_counts()
        for wire in ("wire0", "wire1"):
            for way in (0, 1):
                self.assertGreaterEqual(after[wire][0][way] - before[wire][0][way], 100)

    def test_worker_statistics_grow_with_traffic(self):
        def received():
            return sum(worker["rx_packets"] for worker in self.gateway.stats()["workers"])
        before = received()
        self.assertEqual(ping(self.red, t.WEB, count=50), 0)
        self.assertGreaterEqual(received() - before, 100)


class AfPacket(Traffic, unittest.TestCase):
    """Ports are packet sockets, which every kernel has."""

    driver = "net_af_packet"


class AfXdp(Traffic, unittest.TestCase):
    """Ports are AF_XDP sockets."""

    driver = "net_af_xdp"

    @classmethod
    def setUpClass(cls):
        if reason := afxdp_unusable():
            raise unittest.SkipTest(f"net_af_xdp does not work here: {reason}")
        super().setUpClass()
