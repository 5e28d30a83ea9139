"""Real programs through translation: two tenants with the same addresses to the same servers, at the same time."""

import json
import re
import time
import unittest
from datetime import UTC, datetime

import clusters as c
import nat_lab as n
from nat_lab import NatLab
from process import wait_until
from services import IperfServer
from traffic import Pings, connections, download_together, get, hops, iperf, ping

INTERVAL = 0.01
STREAM = ("--time", "0", "--bidir", "--bitrate", "5M", "--length", "4K")


def peer(namespace, server):
    """A client's public address and port, as a web server sees them."""
    address, port = get(namespace, f"http://{server}/peer").split(":")
    return address, int(port)


class Translated(unittest.TestCase):
    """A gateway with both tenants behind one pool."""

    @classmethod
    def setUpClass(cls):
        cls.lab = NatLab()
        cls.enterClassContext(cls.lab)
        cls.lab.start_gateway(cls.lab.configuration())
        cls.lab.warm_up()

    def setUp(self):
        self.gateway = self.lab.gateway
        self.red, self.blue = self.lab.red.namespace, self.lab.blue.namespace
        self.before = self.gateway.drops()

    def new_drops(self):
        return {reason: packets for reason, packets in self.gateway.drops().items()
                if packets > self.before.get(reason, 0)}

    def stream(self, namespace, server=n.WEB):
        """An iperf3 of both directions that runs until the test ends; its connections' ports."""
        process = namespace.start(f"stream-{namespace.short_name}", "iperf3", "--client", server, "--port",
                                  IperfServer.PORT, *STREAM, directory=self.lab.directory)
        self.addCleanup(process.stop)
        # One connection for control, one for each direction.
        ports = wait_until(lambda: len(found := connections(namespace)) == 3 and set(found), "iperf3's connections")
        return process, ports

    def pings(self, namespace, address):
        running = Pings(namespace, address, INTERVAL, self.lab.directory)
        self.addCleanup(running.stop)
        running.wait_for_answer()
        return running


class Programs(Translated):
    def tearDown(self):
        self.gateway.assert_running()
        self.assertEqual(self.new_drops(), {}, "packets dropped")

    def test_pings_of_both_tenants(self):
        for server in (n.EDGE, n.WEB, n.FAR):
            for vm in (self.red, self.blue):
                with self.subTest(server=server, vm=vm.short_name):
                    self.assertEqual(ping(vm, server, count=50), 0)

    def test_the_server_sees_public_addresses(self):
        seen = {vm.short_name: {peer(vm, server)[0] for server in (n.WEB, n.OTHER, n.FAR)}
                for vm in (self.red, self.blue)}
        for addresses in seen.values():
            self.assertEqual(len(addresses), 1, "one customer, one public address")
            self.assertLessEqual(addresses, n.addresses(n.POOL))

    def test_the_same_connection_twice_at_the_same_time(self):
        """Addresses, ports, protocol and server are equal: only the tenant tells them apart."""
        big = f"http://{n.WEB}/big"
        for local_port in (40001, 40002):
            downloads = download_together([(self.red, big, local_port, "2M"), (self.blue, big, local_port, "2M")],
                                          self.lab.directory)
            for digest, seconds in downloads:
                self.assertEqual(digest, self.lab.web.big_sha256)
                self.assertGreater(seconds, 0.5, "the two were not under way together")

    def test_tcp_in_both_directions(self):
        for vm, server in ((self.red, n.WEB), (self.blue, n.OTHER)):
            for reverse in (False, True):
                with self.subTest(vm=vm.short_name, reverse=reverse):
                    self.assertGreater(iperf(vm, server, reverse=reverse)["sum_received"]["bytes"], 1_000_000)

    def test_a_forward(self):
        """From outside and, by the same address, from the other tenant."""
        for client in (self.lab.other.namespace, self.red):
            with self.subTest(client=client.short_name):
                self.assertEqual(self.forwarded_answer(client), "blue speaking")

    def forwarded_answer(self, client):
        """What blue's machine says to a client of its forwarded port."""
        server = self.blue.start(f"say-{client.short_name}", "python3", "-c", SAY, directory=self.lab.directory)
        self.addCleanup(server.stop)
        wait_until(lambda: "ready" in server.log(), "the server in the VM to listen")
        return get(client, f"http://{n.FORWARD}:8080/").strip()


SAY = """
import socket
listener = socket.create_server(("10.0.1.5", 80))
print("ready", flush=True)
client, _ = listener.accept()
client.recv(4096)
client.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nblue speaking")
client.close()
"""


class Path(Translated):
    """What users look at paths with."""

    def test_traceroute(self):
        way = [c.CUSTOMER_GATEWAY, n.EDGE, n.CORE, n.FAR]
        for how in ((), ("-I",), ("-T", "-p", "80")):
            with self.subTest(how=how):
                # Errors are limited by rate everywhere: a hop that said nothing is asked again.
                self.assertEqual(wait_until(lambda: (found := hops(self.red, n.FAR, *how)) == way and found,
                                            lambda: f"every hop to answer: {hops(self.red, n.FAR, *how)}", timeout=60),
                                 way)

    def test_tracepath_finds_the_narrow_link(self):
        listing = self.red.run("tracepath", "-n", "-m", "8", n.FAR, timeout=60).stdout
        self.assertRegex(listing, rf"pmtu {n.NARROW}\b")
        self.assertIn(n.FAR, listing)
        self.assertRegex(listing, rf"Resume: pmtu {n.NARROW} hops 4")

    def test_tcp_finds_it_too(self):
        """Segments of 1,500 bytes are refused by a router behind the translation, which has to reach the VM."""
        self.red.ip("route", "flush", "cache")
        end = iperf(self.red, n.FAR, seconds=3)
        self.assertGreater(end["sum_received"]["bytes"], 500_000)
        self.assertIn(f"mtu {n.NARROW}", self.red.ip("route", "get", n.FAR).stdout)

    def test_fragments_of_a_vm_arrive(self):
        """Datagrams of 4,000 bytes, one way: what answers in fragments, packet sockets put together before the gateway
        sees it (DPDK's driver asks the kernel for that)."""
        done = self.blue.run("iperf3", "--client", n.WEB, "--port", IperfServer.PORT, "--udp", "--length", "4000",
                             "--bitrate", "2M", "--time", "2", "--json", timeout=30).stdout
        total = json.loads(done)["end"]["sum"]
        self.assertGreater(total["packets"], 50)
        self.assertEqual(total["lost_packets"], 0)


class Migration(Translated):
    def test_a_machine_that_moves_keeps_its_connections(self):
        stream, ports = self.stream(self.red)
        neighbour = self.pings(self.blue, n.OTHER)
        own = self.pings(self.red, n.OTHER)
        sessions = len(self.gateway.rows("nat", "sessions", "--tenant", "red", "--all"))
        for number in range(20):
            move = self.lab.migrate((c.B, c.A)[number % 2])
            own.wait_for_answer(since=move.announced + 0.1)
        stream.assert_running()
        self.assertEqual(set(connections(self.red)), ports, "a TCP connection was lost")
        before = max(connections(self.red).values())
        wait_until(lambda: max(connections(self.red).values()) > before, "the stream to go on")
        self.assertEqual([echo for echo in neighbour.echoes() if not echo.answered], [], "blue lost packets")
        self.assertLessEqual(set(self.new_drops()), {"source-ca-pa-mismatch"})
        self.assertLessEqual(len(self.gateway.rows("nat", "sessions", "--tenant", "red", "--all")), sessions + 2)


class Reload(Translated):
    """Pools come and go while two tenants talk, and nothing that lives is harmed."""

    def test_growth_and_draining(self):
        stream, ports = self.stream(self.red)
        echoes = [self.pings(vm, n.OTHER) for vm in (self.red, self.blue)]
        for pools in ((n.MORE,), (n.MORE, n.ELSEWHERE), (n.ELSEWHERE,)):
            self.lab.reload(pools=pools)
            for running in echoes:
                running.wait_for_answer(since=time.time() + 0.5)
        stream.assert_running()
        self.assertEqual(set(connections(self.red)), ports, "a TCP connection was lost")
        for running in echoes:
            self.assertEqual([echo for echo in running.echoes() if not echo.answered], [])
        self.assertEqual(self.new_drops(), {})
        # Sessions that live stay where they are; those that begin are elsewhere.
        old = {row["public"] for row in self.gateway.rows("nat", "sessions", "--tenant", "red", "--all")
               if row["customer_port"] in ports}
        self.assertLessEqual(old, n.addresses(n.MORE))
        self.assertIn(peer(self.red, n.WEB)[0], n.addresses(n.ELSEWHERE))
        self.assertEqual(ping(self.blue, n.WEB), 0)

    def test_a_tenant_comes_and_goes(self):
        echoes = self.pings(self.red, n.OTHER)
        document = json.loads(self.lab.configuration())
        document["tenants"].append({
            "name": "green", "gateway-mac": c.GATEWAY_MAC,
            "subnets": [{"vsid": 7001, "prefix": c.SUBNET, "gateway": c.CUSTOMER_GATEWAY}],
            "nat": {"pools": [{"addresses": n.POOL}]}})
        for text in (json.dumps(document), self.lab.configuration()):
            self.gateway.configure(text)
            self.gateway.command("reload")
            echoes.wait_for_answer(since=time.time() + 0.5)
        self.assertEqual([echo for echo in echoes.echoes() if not echo.answered], [])


class Cut(Translated):
    """A pool whose addresses are wanted back at once."""

    def test_cutting(self):
        self.lab.reload(pools=(n.POOL,))
        self.stream(self.blue)
        self.lab.reload(pools=(n.ELSEWHERE,), **{"removed-addresses": "cut"})
        wait_until(lambda: not {row["public"] for row in self.gateway.rows("nat", "sessions", "--all")
                                if row["state"] != "quarantined"} & n.addresses(n.POOL),
                   lambda: f"sessions of the pool to end:\n{self.gateway.table('nat', 'sessions')}")
        self.assertIn(peer(self.blue, n.OTHER)[0], n.addresses(n.ELSEWHERE))


class Visibility(Translated):
    """What the operator is told is what is."""

    def test_sessions_are_those_that_there_are(self):
        _, ports = self.stream(self.red)
        rows = self.gateway.rows("nat", "sessions", "--tenant", "red", "--all")
        mine = {row["customer_port"]: row for row in rows if row["protocol"] == "tcp"
                and row["remote"] == n.WEB and row["remote_port"] == IperfServer.PORT}
        self.assertLessEqual(ports, set(mine))
        outside = connections(self.lab.web.namespace)
        for port in ports:
            row = mine[port]
            self.assertEqual((row["tenant"], row["customer"], row["state"]), ("red", c.ADDRESS, "established"))
            self.assertIn(row["public_port"], outside, "the server's other end")
            self.assertIn(row["public"], n.addresses(n.POOL))

    def test_filters(self):
        address, port = peer(self.red, n.WEB)
        ping(self.blue, n.WEB, count=3)
        everything = self.gateway.rows("nat", "sessions", "--all")
        self.assertEqual({row["tenant"] for row in everything}, {"red", "blue"})
        for words, key, value in ((("--tenant", "blue"), "tenant", "blue"), (("--public", address), "public", address)):
            with self.subTest(words=words):
                rows = self.gateway.rows("nat", "sessions", *words, "--all")
                self.assertGreater(len(rows), 0)
                self.assertEqual({row[key] for row in rows}, {value})
        self.assertGreater(len(self.gateway.rows("nat", "sessions", "--tenant", "red", "--ca", c.ADDRESS)), 0)
        self.assertEqual(self.gateway.rows("nat", "sessions", "--tenant", "red", "--ca", "10.0.1.200"), [])

    def test_a_lookup_names_who_has_a_port(self):
        for vm, tenant in ((self.red, "red"), (self.blue, "blue")):
            address, port = peer(vm, n.WEB)
            answer = json.dumps(self.gateway.ask("nat", "lookup", f"{address}:{port}"))
            self.assertIn(f'"{tenant}"', answer)
            self.assertIn(f'"{c.ADDRESS}"', answer)
            self.assertIn(tenant, self.gateway.table("nat", "lookup", f"{address}:{port}"))

    def test_a_lookup_names_who_had_it(self):
        """The log answers for a time that is over."""
        address, port = peer(self.red, n.WEB)
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.assertIn('"red"', json.dumps(self.gateway.ask("nat", "lookup", f"{address}:{port}", "--at", now)))
        before = self.gateway.command("nat", "lookup", f"{address}:{port}", "--at", "2020-01-01T00:00:00Z", check=False)
        self.assertNotIn('"red"', before.stdout)

    def test_pools_count_what_is_used(self):
        address, _ = peer(self.red, n.WEB)
        rows = {row["address"]: row for row in self.gateway.ask("nat", "pools")["nat_addresses"]}
        self.assertEqual(set(rows), n.addresses(n.POOL) | {n.FORWARD})
        self.assertGreaterEqual(rows[address]["blocks"], 1)
        self.assertGreaterEqual(rows[address]["ports"], 1)
        self.assertGreaterEqual(rows[address]["most_ports"], rows[address]["ports"])
        self.assertEqual(sum(row["ports"] for row in rows.values()),
                         len({(row["protocol"], row["public"], row["public_port"])
                              for row in self.gateway.rows("nat", "sessions", "--all")}))

    def test_every_block_is_in_the_log_and_at_the_syslog_receiver(self):
        address, port = peer(self.red, n.WEB)
        lines = [line for line in self.lab.logged() if line["event"] == "block-allocated" and line["tenant"] == "red"
                 and line["public"] == address and line["first-port"] <= port <= line["last-port"]]
        self.assertEqual(len(lines), 1)
        # Whatever is in the file was sent, if not at the same moment.
        wait_until(lambda: len(self.lab.syslog.messages()) >= len(self.lab.logged()), "the syslog messages")
        # RFC 5424: facility local4 is 20; priority, version, time, host, application, process, message, data.
        form = re.compile(r"<1[67]\d>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d) \S+ nvgw \S+ "
                          r"(NATBLK-A|NATBLK-R) \[nvgw-nat@32473( [!-~]+=\"[^\"]*\")+\]")
        for message in self.lab.syslog.messages():
            if "NATLOG-A" not in message:
                self.assertRegex(message, form)
        wanted = {"tenant": "red", "customer": c.ADDRESS, "public": address, "first-port": str(lines[0]["first-port"]),
                  "last-port": str(lines[0]["last-port"])}
        found = [dict(re.findall(r'([!-~]+)="([^"]*)"', message)) for message in self.lab.syslog.messages()
                 if "NATBLK-A" in message]
        self.assertTrue(any(wanted.items() <= data.items() for data in found), found)

    def test_metrics_of_tenants(self):
        ping(self.red, n.WEB, count=3)
        sessions = {row["tenant"] for row in self.gateway.rows("nat", "sessions", "--all")}
        for tenant in sessions:
            self.assertRegex(self.gateway.metrics(), rf'(?m)^nvgw_nat_sessions{{[^}}]*tenant="{tenant}"[^}}]*}} [1-9]')


if __name__ == "__main__":
    unittest.main()
