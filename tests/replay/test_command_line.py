"""Exit statuses, reasons, and how far the clock runs on."""

import json
import tempfile
import unittest
from pathlib import Path

from lib import topology
from lib.assertions import ReplayTest
from lib.captures import write_pcap
from lib.gateway import SECOND, START_NS, execute, timed
from lib.packets import from_vm, udp
from lib.topology import BLUE_PUBLIC, SERVER

FRAME = from_vm(BLUE_PUBLIC, udp(BLUE_PUBLIC.address, SERVER))


class ExitStatus(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="nvgw-command-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.config = self.folder / "nvgw.yaml"
        self.config.write_text(json.dumps(topology.base()))
        self.capture = self.folder / "wire0.pcap"
        write_pcap(self.capture, timed([FRAME]))
        self.out = self.folder / "out"

    def assert_status(self, status: int, arguments: list, mentions: str = "") -> None:
        done = execute(["replay", *arguments])
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertIn(mentions, done.stderr)
        self.assertNotIn("panicked", done.stderr)
        if status:
            self.assertTrue(done.stderr.strip(), "a refusal has a reason")

    def test_done(self):
        self.assert_status(0, ["-c", self.config, "--in", f"wire0={self.capture}", "--out", self.out])
        self.assertEqual({path.name for path in self.out.iterdir()}, {"wire0.pcap", "wire1.pcap", "report.json"})

    def test_usage(self):
        everything = ["-c", self.config, "--in", f"wire0={self.capture}", "--out", self.out]
        self.assert_status(2, everything + ["--no-such-option"])
        self.assert_status(2, everything[2:])
        self.assert_status(2, everything[:4])
        self.assert_status(2, ["-c", self.config, "--in", "wire0", "--out", self.out])
        self.assert_status(2, everything + ["--settle", "soon"])
        for change in ("changes.yaml", "1=", "soon=changes.yaml", "-1=changes.yaml", "nan=changes.yaml"):
            self.assert_status(2, everything + [f"--at={change}"])

    def test_an_unknown_port_is_refused_by_name(self):
        done = execute(["replay", "-c", self.config, "--in", f"wire7={self.capture}", "--out", self.out])
        self.assertIn(done.returncode, (1, 2))
        self.assertIn("wire7", done.stderr)

    def test_missing_files_are_refused_by_name(self):
        self.assert_status(1, ["-c", self.folder / "none.yaml", "--in", f"wire0={self.capture}", "--out", self.out],
                           "none.yaml")
        self.assert_status(1, ["-c", self.config, "--in", "wire0=/nowhere/none.pcap", "--out", self.out], "none.pcap")

    def test_a_configuration_with_mistakes_is_refused(self):
        config = topology.base()
        config["provider"]["sites"][0]["vlan"] = 5000
        config["tenants"][0]["gatewaymac"] = "02:00:5e:00:01:01"
        self.config.write_text(json.dumps(config, indent=1))
        arguments = ["-c", self.config, "--in", f"wire0={self.capture}", "--out", self.out]
        self.assert_status(1, arguments, "gatewaymac")
        self.assert_status(1, arguments, "5000")
        self.assertFalse((self.out / "report.json").exists())

    def test_a_change_document_with_mistakes_is_refused_before_anything_is_written(self):
        changes = self.folder / "changes.yaml"
        arguments = ["-c", self.config, "--in", f"wire0={self.capture}", "--out", self.out, "--at", f"1000={changes}"]
        self.assert_status(1, arguments, "changes.yaml")
        changes.write_text("changes:\n  - remove-subnet: { vsid: none }\n  - no-such-change: {}\n")
        self.assert_status(1, arguments, f"{changes}:2:28: changes[0].remove-subnet.vsid: ")
        self.assert_status(1, arguments, f"{changes}:3:5: changes[1]")
        changes.write_bytes(b"changes: []  # \xff")
        self.assert_status(1, arguments, "changes.yaml")
        self.assertFalse(self.out.exists())

    def test_text_that_is_no_yaml_is_refused(self):
        self.config.write_text("ports: [")
        self.assert_status(1, ["-c", self.config, "--in", f"wire0={self.capture}", "--out", self.out])

    def test_an_output_folder_that_cannot_be_made_is_an_error(self):
        self.assert_status(1, ["-c", self.config, "--in", f"wire0={self.capture}", "--out", self.capture / "out"])


class Yaml(ReplayTest):
    def test_block_style_with_comments_is_the_same_document(self):
        """The other tests write their configuration as JSON, which is YAML too."""
        text = """\
# the smallest gateway
ports:
  - { name: wire0, device: net_null0 }   # everything else has a default
provider:
  sites:
    - name: site
      port: wire0
      vlan: 20
      subnet: 100.64.20.0/24
      addresses: [100.64.20.10]
external:
  - name: internet
    port: wire0
    vlan: 300
    addresses: [198.18.0.2/24]
    gateway: 198.18.0.1
tenants:
  - name: blue
    gateway-mac: 02:00:5e:00:01:01
    subnets:
      - { vsid: 6002, prefix: 203.0.113.0/28, gateway: 203.0.113.1 }
    records:
      - { vsid: 6002, address: 203.0.113.5, mac: 02:15:5d:00:00:07, provider-address: 100.64.20.30 }
neighbors:
  - { network: internet, address: 198.18.0.1, mac: 02:00:00:00:30:01 }
"""
        run = self.replay({"wire0": [FRAME]}, text)
        (frame,) = run.sent("wire0")
        self.assertEqual(frame[14:16], (300).to_bytes(2, "big"))
        self.assertEqual(frame[:6].hex(":"), topology.INTERNET.router_mac)


class Settle(ReplayTest):
    """A packet for a neighbour that never answers: how long does the gateway go on asking?"""

    UNANSWERED = {"wire0": [from_vm(BLUE_PUBLIC, udp(BLUE_PUBLIC.address, "198.18.0.77"))]}

    def run_on(self, *options: str) -> tuple:
        run = self.replay(self.UNANSWERED, options=options)
        times = [frame.time_ns - START_NS for port in run.frames for frame in run.frames[port]]
        return run, max(times, default=0)

    def test_without_settling_the_clock_stops_at_the_last_packet(self):
        run, last = self.run_on("--settle", "0")
        self.assertEqual(last, 0)
        self.assertLessEqual(len(run.arp("wire1", "198.18.0.77")), 1)

    def test_by_default_retries_and_the_end_of_waiting_show(self):
        run, last = self.run_on()
        self.assertGreater(last, 0)
        self.assert_drops(run, {"neighbor-unresolved": 1})

    def test_five_seconds_are_the_default(self):
        default, _ = self.run_on()
        given, _ = self.run_on("--settle", "5")
        self.assertEqual((default.files, default.report_text), (given.files, given.report_text))

    def test_the_clock_does_not_run_for_ever(self):
        _, last = self.run_on("--settle", "3600")
        self.assertLess(last, 24 * 3600 * SECOND)


if __name__ == "__main__":
    unittest.main()
