"""The log (RFC 6888 REQ-12): a line for every block of ports that is handed out or comes back, none for a session
unless asked; and what the report says of translation."""

import datetime
import unittest

from lib.gateway import START_NS
from lib.topology import BLUE_DB, BLUE_WEB, RED_WEB
from lib.translation import POOL_ADDRESSES, Flow, NatTest, config, flows, pool

ALLOCATED, RELEASED, CREATED, ENDED = "block-allocated", "block-released", "session-created", "session-ended"


def moment(seconds: float) -> str:
    """A time as the log writes it."""
    time = datetime.datetime.fromtimestamp(START_NS / 10**9 + seconds, datetime.timezone.utc)
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"


class BlockLog(NatTest):
    def block(self, public, size: int = 512) -> dict:
        first = public.port // size * size
        return {"first-port": first, "last-port": first + size - 1}

    def test_a_block_is_logged_when_it_is_handed_out(self):
        flow = Flow()
        frames = [Flow(vm=BLUE_DB, port=1025).sends(0), flow.sends(1.5)]
        public = self.learn(frames, config())[1]
        run = self.replay({"wire0": frames}, config())
        self.assertEqual(len(run.nat_log), 2)
        self.assertEqual(run.nat_log[1], {"time": moment(1.5), "event": ALLOCATED, "tenant": "blue",
                                          "customer": BLUE_WEB.address, "external": "internet",
                                          "public": public.address, **self.block(public)})

    def test_nothing_is_logged_for_sessions_and_destinations(self):
        frames = [flow.sends(number / 100) for number, flow in enumerate(flows(64))]
        frames += [Flow(port=20000).to(f"192.0.2.{last}").sends(10) for last in range(1, 50)]
        run = self.replay({"wire0": frames}, config(pool(block_size=64)))
        self.assertEqual([line["event"] for line in run.nat_log], [ALLOCATED])

    def test_each_further_block_is_logged(self):
        sent = flows(150)
        frames = [flow.sends(number) for number, flow in enumerate(sent)]
        document = config(pool(block_size=64))
        publics = self.learn(frames, document)
        run = self.replay({"wire0": frames}, document)
        self.assertEqual([(line["time"], line["event"], line["public"], line["first-port"]) for line in run.nat_log],
                         [(moment(number), ALLOCATED, publics[number].address, publics[number].port // 64 * 64)
                          for number in (0, 64, 128)])

    def test_a_block_is_logged_when_it_comes_back(self):
        """After its last session and the rest of its last port: 300 and 120 seconds."""
        flow = Flow()
        (public,) = self.learn([flow.sends(0)], config())
        run = self.replay({"wire0": [flow.sends(0)]}, config(), ("--settle", "1000"))
        allocated, released = run.nat_log
        self.assertEqual(released, {**allocated, "event": RELEASED, "time": released["time"], "since": moment(0)})
        self.assertTrue(moment(420) <= released["time"] <= moment(422), released["time"])
        report = run.report["nat"]
        self.assertEqual((report["tenants"]["blue"]["blocks"], report["entries"]["used"]), (0, 0))
        self.assertEqual(public.address, released["public"])

    def test_a_block_stays_while_one_of_its_ports_does(self):
        one, two = flows(2)
        run = self.replay({"wire0": [one.sends(0), two.sends(0.1), two.sends(290), two.sends(580)]}, config(),
                          ("--settle", "1000"))
        self.assertEqual([line["event"] for line in run.nat_log], [ALLOCATED, RELEASED])
        self.assertGreaterEqual(run.nat_log[1]["time"], moment(580 + 420))

    def test_a_closed_connection_gives_it_back_without_rest(self):
        flow = Flow(protocol="tcp")
        (public,) = self.learn([flow.sends(0)], config())
        run = self.replay({"wire0": [flow.sends(0, flags="S", seq=100), flow.sends(2, flags="A", seq=101, ack=501),
                                     flow.sends(3, flags="FA", seq=101, ack=501)],
                           "wire1": [flow.answers(1, public, flags="SA", seq=500, ack=101),
                                     flow.answers(4, public, flags="FA", seq=501, ack=102)]}, config(),
                          ("--settle", "1000"))
        self.assertTrue(moment(243) <= run.nat_log[1]["time"] <= moment(245), run.nat_log[1]["time"])

    def test_tenants_are_named(self):
        frames = [Flow(vm=RED_WEB).sends(0), Flow(vm=BLUE_WEB).sends(1)]
        run = self.replay({"wire0": frames}, config(pool(), pool()))
        self.assertEqual([(line["tenant"], line["customer"]) for line in run.nat_log],
                         [("red", RED_WEB.address), ("blue", BLUE_WEB.address)])

    def test_static_translation_is_not_logged(self):
        document = config({"static": [{"public": "198.51.100.32", "customer": BLUE_WEB.address}]})
        self.assertEqual(self.replay({"wire0": [Flow().sends(0)]}, document).nat_log, [])

    def test_who_had_a_port_follows_from_the_log_alone(self):
        """What an abuse desk does: for every packet that left, exactly one block in force names its customer."""
        vms = (BLUE_WEB, BLUE_DB, RED_WEB)
        sent = [Flow(vm=vm, port=2000 + number) for number in range(100) for vm in vms]
        document = config(pool("198.51.100.16", block_size=64), pool("198.51.100.16", block_size=64))
        frames = [flow.sends(number) for number, flow in enumerate(sent)]
        publics = self.learn(frames, document)
        log = self.replay({"wire0": frames}, document, ("--settle", "2000")).nat_log
        self.assertEqual({line["event"] for line in log}, {ALLOCATED, RELEASED})
        for second, (flow, public) in enumerate(zip(sent, publics)):
            owners = set()
            for line in log:
                if line["time"] <= moment(second) and line["public"] == public.address \
                        and line["first-port"] <= public.port <= line["last-port"]:
                    owner = (line["tenant"], line["customer"])
                    (owners.add if line["event"] == ALLOCATED else owners.discard)(owner)
            tenant = "red" if flow.vm == RED_WEB else "blue"
            self.assertEqual(owners, {(tenant, flow.vm.address)})


class SessionLog(NatTest):
    def test_sessions_are_logged_where_asked(self):
        flow = Flow()
        document = config(log={"sessions": True})
        (public,) = self.learn([flow.sends(0)], document)
        run = self.replay({"wire0": [flow.sends(0)]}, document, ("--settle", "1000"))
        lines = {line["event"]: line for line in run.nat_log}
        self.assertEqual(set(lines), {ALLOCATED, CREATED, ENDED, RELEASED})
        session = {"tenant": "blue", "customer": BLUE_WEB.address, "external": "internet", "public": public.address,
                   "protocol": "udp", "customer-port": 4000, "public-port": public.port, "remote": flow.remote,
                   "remote-port": flow.remote_port}
        for event, seconds in ((CREATED, 0), (ENDED, 300)):
            self.assertLessEqual(session.items(), lines[event].items())
            self.assertLessEqual(moment(seconds), lines[event]["time"])
        self.assertEqual([line["event"] for line in run.nat_log][-2:], [ENDED, RELEASED])


class Report(NatTest):
    def test_tenants_addresses_and_entries(self):
        sent = flows(100)
        document = config(pool("198.51.100.16", block_size=64))
        run = self.replay({"wire0": [flow.sends(number / 100) for number, flow in enumerate(sent)]}, document)
        nat = run.report["nat"]
        blue = nat["tenants"]["blue"]
        self.assertEqual({key: blue[key] for key in ("sessions", "ports", "blocks", "created", "allocations")},
                         {"sessions": 100, "ports": 100, "blocks": 2, "created": 100, "allocations": 2})
        self.assertEqual(blue["failures"], {})
        (address,) = nat["addresses"]
        self.assertEqual(address, {**address, "address": "198.51.100.16", "external": "internet", "blocks": 2,
                                   "ports": 100, "most_blocks": 2, "most_ports": 100})
        self.assertEqual((nat["entries"]["used"], nat["entries"]["most"]), (100, 100))

    def test_high_water_marks_stay(self):
        sent = flows(100)
        run = self.replay({"wire0": [flow.sends(number / 100) for number, flow in enumerate(sent)]},
                          config(pool("198.51.100.16", block_size=64)), ("--settle", "1000"))
        (address,) = run.report["nat"]["addresses"]
        self.assertEqual((address["blocks"], address["ports"], address["most_blocks"], address["most_ports"]),
                         (0, 0, 2, 100))
        self.assertEqual(run.report["nat"]["tenants"]["blue"]["created"], 100)

    def test_every_address_of_a_pool_is_listed(self):
        addresses = self.replay({"wire1": []}, config()).report["nat"]["addresses"]
        self.assertEqual([address["address"] for address in addresses], POOL_ADDRESSES)


if __name__ == "__main__":
    unittest.main()
