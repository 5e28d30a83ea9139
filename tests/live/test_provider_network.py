"""Two clusters, two VLANs, a router between them: the fault that named nothing, named; the cure that lasts."""

import json
import unittest

import clusters as c
from bench import answers
from cluster_lab import ClusterLab
from process import wait_until
from traffic import get, ping

# What `nvgw doctor` says by its exit status. Yellow is no fault here: a packet socket cannot steer by inner headers.
GREEN, YELLOW, RED = 0, 1, 2
MISSING = "provider-route-missing"


class TwoClusters(unittest.TestCase):
    """Each test starts with a gateway that remembers nothing."""

    @classmethod
    def setUpClass(cls):
        cls.lab = ClusterLab()
        cls.enterClassContext(cls.lab)
        cls.gateway = cls.lab.gateway

    def tearDown(self):
        self.gateway.assert_running()

    def provider_routes(self):
        """What the provider network's table holds, whoever put it there."""
        return sorted((route["prefix"], route["next_hop"] or "", route["owner"], route["in_force"])
                      for route in self.gateway.rows("provider-route", "list"))

    def assert_cut_off(self):
        """Nothing gets through, and three questions each say why and what to do."""
        before = self.gateway.drops().get(MISSING, 0)
        self.assertEqual(ping(self.lab.red.namespace, c.WEB, count=3), 3)
        self.assertGreaterEqual(self.gateway.drops()[MISSING] - before, 3)

        pinged = self.gateway.command("ping", "--provider", c.A.address, "--count", "1", check=False)
        self.assertEqual(pinged.returncode, 1, pinged)
        said = pinged.stdout + pinged.stderr
        for words in ("no provider route", c.A.address, "gateway-site", f"VLAN {c.VLAN_GATEWAY}", "default gateway",
                      "nvgw provider-route add"):
            self.assertIn(words, said)

        doctor = self.gateway.command("doctor", check=False)
        self.assertEqual(doctor.returncode, RED, doctor)
        self.assertIn(c.A.address, doctor.stdout)
        self.assertIn("provider-route", doctor.stdout)
        (finding,) = [finding for finding in self.doctor(RED)["findings"]
                      if finding["health"] == "red" and c.A.address in finding["object"]]
        self.assertEqual(finding["check"], "provider-route")
        self.assertIn("gateway", finding["cure"])
        self.assertGreaterEqual(self.gateway.alarms("critical"), 1)

    def assert_connected(self, host=c.A):
        """Both tenants reach their own web server, and everything that was red is so no longer."""
        for vm, web in ((self.lab.red, self.lab.web), (self.lab.blue, self.lab.web_blue)):
            self.lab.wait_for_answer(vm, c.WEB)
            self.assertEqual(get(vm.namespace, f"http://{c.WEB}/"), web.greeting)
        self.assertEqual(ping(self.lab.red.namespace, c.WEB), 0)
        wait_until(lambda: self.gateway.alarms("critical") == 0,
                   lambda: f"the alarms to end\n{self.gateway.table('show', 'alarms')}")
        self.assertIn(f"from {host.address}",
                      self.gateway.command("ping", "--provider", host.address, "--count", "2").stdout)
        self.assertIn(self.doctor(GREEN, YELLOW)["health"], ("green", "yellow"))

    def doctor(self, *statuses):
        """The doctor's report for programs, which ends with one of these statuses, as that for people does."""
        done = self.gateway.command("doctor", "--json", check=False)
        self.assertIn(done.returncode, statuses, done)
        return json.loads(done.stdout)

    def migrate_to_and_fro(self):
        """Three moves, which leave red at host b."""
        for host in (c.B, c.A, c.B):
            self.lab.migrate(host)
            self.lab.wait_for_answer(self.lab.red, c.WEB)

    def restart(self, stop):
        stop()
        self.gateway.start()

    def test_the_site_knows_no_default_gateway_then_it_does(self):
        """The story from its beginning to its end."""
        self.lab.start_gateway(self.lab.configuration(site_gateway=None))
        self.assert_cut_off()

        self.gateway.configure(self.lab.configuration())
        self.gateway.command("reload")
        self.assert_connected()
        routes = self.provider_routes()
        self.assertIn(("0.0.0.0/0", c.ROUTER, "site", True), routes)

        self.migrate_to_and_fro()
        self.assert_connected(c.B)
        self.assertEqual(self.provider_routes(), routes)
        for stop in (lambda: self.gateway.terminate(timeout=5), self.gateway.kill):
            self.restart(stop)
            # No command but the start: the move and the routes are remembered.
            self.assert_connected(c.B)
            self.assertEqual(self.provider_routes(), routes)

    def test_a_route_made_by_hand_outlives_migration_reload_and_restart(self):
        """The lost route: it is its maker's, and only its maker takes it away."""
        bare = self.lab.configuration(site_gateway=None)
        self.lab.start_gateway(bare)
        self.gateway.command("provider-route", "add", c.COMPUTE_SUBNETS, "--via", c.ROUTER)
        self.assert_connected()
        by_hand = (c.COMPUTE_SUBNETS, c.ROUTER, "api", True)
        self.assertIn(by_hand, self.provider_routes())

        self.migrate_to_and_fro()
        self.assertIn(by_hand, self.provider_routes())
        self.gateway.command("reload")
        self.assertIn(by_hand, self.provider_routes())
        self.restart(self.gateway.kill)
        self.assert_connected(c.B)
        self.assertIn(by_hand, self.provider_routes())

        self.gateway.command("provider-route", "remove", c.COMPUTE_SUBNETS, "--via", c.ROUTER)
        self.assertNotIn(by_hand, self.provider_routes())
        self.assertFalse(answers(self.lab.red.namespace, c.WEB))

    def test_a_route_of_the_file_is_not_for_the_api_to_remove(self):
        self.lab.start_gateway(self.lab.configuration())
        routes = self.provider_routes()
        refused = self.gateway.command("provider-route", "remove", "0.0.0.0/0", "--via", c.ROUTER, check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("gateway-site", refused.stdout + refused.stderr)
        self.assertEqual(self.provider_routes(), routes)

    def test_a_dead_router_is_an_alarm_before_a_packet_is_lost(self):
        """The default gateway is one that nobody has."""
        self.lab.start_gateway(self.lab.configuration(site_gateway="10.10.20.9"))
        wait_until(lambda: self.gateway.alarms("critical") > 0, "the alarm")
        self.assertEqual(self.gateway.drops(), {})
        doctor = self.gateway.command("doctor", check=False)
        self.assertEqual(doctor.returncode, RED, doctor)
        self.assertIn("10.10.20.9", doctor.stdout)

    def test_traceroute_shows_the_router_between(self):
        self.lab.start_gateway(self.lab.configuration())
        self.assert_connected()
        provider = self.gateway.table("traceroute", "--provider", c.A.address)
        self.assertLess(provider.index(c.ROUTER), provider.rindex(c.A.address))

    def test_explain_names_the_way_and_the_missing_route(self):
        self.lab.start_gateway(self.lab.configuration(site_gateway=None))
        question = ("explain", "--dst", self.lab.red.address, "--src", c.WEB)
        refused = self.gateway.command(*question, check=False)
        self.assertEqual(refused.returncode, 1, refused)
        self.assertIn(MISSING, refused.stdout)
        self.gateway.configure(self.lab.configuration())
        self.gateway.command("reload")
        self.assert_connected()
        for words in (c.A.address, c.ROUTER, "wire0", str(c.VLAN_GATEWAY), str(c.RED_VSID)):
            self.assertIn(words, self.gateway.table(*question))
