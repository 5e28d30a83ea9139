"""`sender-check: learn`: the gateway follows a machine by what the machine sends; no command is given."""

import unittest

import clusters as c
from bench import answers
from cluster_lab import ClusterLab
from process import wait_until

# So many learned moves of one record in a minute are believed.
BELIEVED_MOVES = 5


class Learning(unittest.TestCase):
    """Each test starts with a gateway that remembers nothing."""

    @classmethod
    def setUpClass(cls):
        cls.lab = ClusterLab()
        cls.enterClassContext(cls.lab)
        cls.gateway = cls.lab.gateway
        # Linux announces its addresses when the Ethernet address is set, if it is told to.
        cls.lab.red.namespace.sysctl("net.ipv4.conf.eth0.arp_notify", 1)

    def start(self, sender_check="learn"):
        self.lab.start_gateway(self.lab.configuration(sender_check=sender_check))
        for vm in (self.lab.red, self.lab.blue):
            self.lab.wait_for_answer(vm, c.WEB)

    def tearDown(self):
        self.gateway.assert_running()

    def place(self, address):
        """Where red's record of an address is."""
        return {row["address"]: row["provider_address"] for row in self.gateway.rows("lookup", "list")
                if row["vsid"] == c.RED_VSID}.get(address)

    def events(self, kind, address=""):
        return [event for event in self.gateway.rows("show", "events")
                if event["kind"] == kind and address in event["object"]]

    def announce(self):
        """A gratuitous ARP of the machine's first address, from wherever it is plugged in."""
        self.lab.red.namespace.ip("link", "set", "eth0", "address", self.lab.red.mac)

    def announce_until(self, condition, what):
        """Announces as hosts do, more than once: right after a move the host that was left is not believed."""
        def announced():
            self.announce()
            return condition()
        wait_until(announced, what, interval=0.25)

    def announce_at(self, host):
        """Plugs the machine in and announces it until it is found there."""
        self.lab.plug(host)
        address = self.lab.red.address
        self.announce_until(lambda: self.place(address) == host.address, f"{address} to be found at host {host.name}")

    def first_frame(self, address, host):
        """Sends from an address until it is answered, which is when the gateway has followed."""
        wait_until(lambda: answers(self.lab.red.namespace, c.WEB, source=address),
                   f"{address} to be answered at host {host.name}")

    def test_ten_moves_that_nobody_told(self):
        """Five of the machine, with one address announced and one that just goes on sending."""
        self.start()
        for number in range(BELIEVED_MOVES):
            host = (c.B, c.A)[number % 2]
            self.announce_at(host)
            self.assertNotEqual(self.place(c.SECOND), host.address, "the second address followed before it was heard")
            self.first_frame(c.SECOND, host)
            self.assertEqual(self.place(c.SECOND), host.address)
            for address in (self.lab.red.address, c.SECOND):
                self.assertEqual(len(self.events("lookup-moved", address)), number + 1, address)
        self.assertTrue(answers(self.lab.blue.namespace, c.WEB), "blue, which has red's address, lost its place")
        self.assertEqual(self.events("record-damped"), [])

    def test_a_flapping_record_is_damped_and_alarmed(self):
        self.start()
        quiet = self.gateway.alarms("warning") + self.gateway.alarms("critical")
        for number in range(BELIEVED_MOVES):
            host = (c.B, c.A)[number % 2]
            self.announce_at(host)
        last = host
        self.lab.plug(c.A if last == c.B else c.B)
        self.announce_until(lambda: self.events("record-damped", self.lab.red.address), "the record to be damped")
        self.assertEqual(self.place(self.lab.red.address), last.address)
        self.assertGreater(self.gateway.alarms("warning") + self.gateway.alarms("critical"), quiet)
        self.assertIn(self.lab.red.address, self.gateway.table("show", "alarms"))
        self.assertIn(self.gateway.command("doctor", check=False).returncode, (1, 2))
        # An operator's word counts all the same.
        self.lab.tell(c.A if last == c.B else c.B)
        self.lab.wait_for_answer(self.lab.red, c.WEB)

    def test_a_new_address_is_learned(self):
        self.start()
        self.assertIsNone(self.place(c.UNKNOWN))
        self.first_frame(c.UNKNOWN, c.A)
        self.assertEqual(self.place(c.UNKNOWN), c.A.address)
        self.assertEqual(len(self.events("lookup-learned", c.UNKNOWN)), 1)
        (learned,) = [row for row in self.gateway.rows("lookup", "list") if row["address"] == c.UNKNOWN]
        self.assertEqual(learned["owner"], "learned")

    def test_a_strict_tenant_learns_nothing(self):
        self.start("strict")
        self.assertFalse(answers(self.lab.red.namespace, c.WEB, source=c.UNKNOWN))
        self.lab.plug(c.B)
        self.announce()
        self.assertFalse(answers(self.lab.red.namespace, c.WEB))
        self.assertEqual(self.place(self.lab.red.address), c.A.address)
        self.assertIsNone(self.place(c.UNKNOWN))
