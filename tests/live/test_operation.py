"""What an operator does to a running gateway: asks, scrapes, reloads, stops."""

import shutil
import stat
import subprocess
import time
import unittest

import topology as t
from bench import answers, gateway_binary
from lab import Lab
from process import run, wait_until
from traffic import lost, ping

PINGS = 600
# What each table has to mention, for people and for programs.
TABLES = {"ports": "wire1", "workers": "0", "vrfs": "blue", "lookup": "10.0.2.7", "routes": "10.0.1.0/24",
          "neighbors": t.H1}


class Operation(unittest.TestCase):
    """One gateway, asked and reloaded."""

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab()
        cls.enterClassContext(cls.lab)
        cls.lab.start_gateway()
        cls.gateway = cls.lab.gateway
        cls.document = cls.gateway.config_path.read_text()

    def knows(self, tenant):
        return tenant in str(self.gateway.show("vrfs"))

    def test_health_and_readiness(self):
        for page in ("/healthz", "/readyz"):
            self.gateway.http(page)

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_metrics_satisfy_promtool(self):
        metrics = self.gateway.metrics()
        verdict = subprocess.run(["promtool", "check", "metrics"], input=metrics, text=True, capture_output=True,
                                 timeout=30, check=False)
        self.assertIn("# TYPE", metrics)
        self.assertEqual((verdict.returncode, verdict.stdout + verdict.stderr), (0, ""))

    def test_only_root_may_ask(self):
        mode = self.gateway.admin_socket.stat().st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o600)

    def test_every_table_comes_for_people_and_for_programs(self):
        for what, word in TABLES.items():
            with self.subTest(show=what):
                self.assertIn(word, str(self.gateway.show(what)))
                self.assertIn(word, self.gateway.table("show", what))
        self.assertIn("workers", self.gateway.stats())
        self.assertTrue(self.gateway.table("stats").strip())

    def test_neighbors_were_learned(self):
        neighbors = str(self.gateway.show("neighbors"))
        for address in (t.H1, t.H2, t.ROUTER_A, t.WEB_INTERNET, t.WEB_BLUE):
            self.assertIn(address, neighbors)

    def test_reload_loses_no_packet(self):
        red = self.lab.vms["red-1"].namespace
        flood = red.start("flood", "ping", "-n", "-i", "0.01", "-c", PINGS, t.WEB, directory=self.lab.directory)
        self.addCleanup(flood.stop)

        def wait_for_answers(more):
            seen = flood.log().count(" bytes from ")
            wait_until(lambda: flood.log().count(" bytes from ") >= seen + more, f"{more} more answers")

        wait_for_answers(50)
        self.gateway.reload(self.document + t.ONE_MORE_TENANT)
        wait_until(lambda: self.knows("green"), "the new tenant")
        wait_for_answers(50)
        self.gateway.reload(self.document)
        wait_until(lambda: not self.knows("green"), "the tenant to go")
        self.assertIsNone(flood.exit_status(), "the flood ended before the reloads did")
        flood.wait(30)
        self.assertEqual(lost(flood.log()), 0)

    def test_reload_moves_a_vm(self):
        """A record that names another host makes the old host a stranger, until it is set right again."""
        vm = self.lab.vms["red-3"]
        moved = self.document.replace(f"provider-address: {t.H3}", "provider-address: 100.64.10.99")
        self.assertNotEqual(moved, self.document)
        before = self.gateway.drops()
        self.gateway.reload(moved)
        wait_until(lambda: "100.64.10.99" in str(self.gateway.show("lookup")), "the moved record")
        self.assertEqual(ping(vm.namespace, t.WEB, count=5), 5)
        after = self.gateway.drops()
        self.assertEqual([reason for reason in after if after[reason] - before.get(reason, 0) >= 5],
                         ["source-ca-pa-mismatch"])
        self.gateway.reload(self.document)
        wait_until(lambda: answers(vm.namespace, t.WEB), "the VM to be let in again")

    def test_a_file_with_mistakes_changes_nothing(self):
        broken = self.document + t.ONE_MORE_TENANT + "    colour: mauve\n"
        self.gateway.reload(broken)
        wait_until(lambda: "colour" in self.gateway.log(), "the mistake to be named on standard error")
        self.assertFalse(self.knows("green"))
        self.assertEqual(ping(self.lab.vms["red-1"].namespace, t.WEB), 0)
        self.gateway.reload(self.document)


class Stop(unittest.TestCase):
    """Leaving."""

    def test_sigterm_drains_within_two_seconds(self):
        with Lab() as lab:
            lab.start_gateway()
            # Stopping while packets come is the case that counts.
            flood = lab.vms["red-1"].namespace.start("flood", "ping", "-q", "-i", "0.002", t.WEB,
                                                     directory=lab.directory)
            self.addCleanup(flood.stop)
            before = lab.gateway.ports()["wire0"]["rx_packets"]
            wait_until(lambda: lab.gateway.ports()["wire0"]["rx_packets"] > before + 50, "traffic")
            started = time.monotonic()
            self.assertEqual(lab.gateway.terminate(timeout=5), 0, lab.gateway.log())
            self.assertLess(time.monotonic() - started, 2.0)
            self.assertFalse(lab.gateway.admin_socket.exists(), "the admin socket was left behind")


class WithoutALab(unittest.TestCase):
    """Commands that need no running gateway."""

    def test_run_with_a_wrong_file_says_why(self):
        done = run([gateway_binary(), "run", "-c", "/nonexistent/nvgw.yaml"], check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/nonexistent/nvgw.yaml", done.stderr)
