"""Live migration: a machine changes its host 200 times while it talks, and its neighbours do not notice."""

import statistics
import unittest

import clusters as c
from cluster_lab import ClusterLab
from process import wait_until
from services import IperfServer
from traffic import Pings, connections

MOVES = 200
INTERVAL = 0.005
# Between two moves everything works for so long: TCP recovers, and a packet lost without reason is told from one lost
# by a move.
REST = 0.1
# Small writes: iperf3's own size is a burst that Open vSwitch's packet sockets lose when the machine is busy.
STREAM = ("--time", "0", "--bidir", "--bitrate", "5M", "--length", "4K")
# How much before and after its window a lost request may have been sent: the packet was on its way when the cable was
# pulled, and when a lost packet was sent is known only from those around it.
SLACK = 2 * INTERVAL
# What a sender at the old place is dropped for, between the plug and the command.
OLD_HOST = "source-ca-pa-mismatch"


class LiveMigration(unittest.TestCase):
    """One run of moves, and everything that has to be true of it."""

    @classmethod
    def setUpClass(cls):
        cls.lab = ClusterLab()
        cls.enterClassContext(cls.lab)
        cls.gateway = cls.lab.gateway
        cls.lab.start_gateway(cls.lab.configuration())
        cls.lab.warm_up()

    def start_traffic(self):
        """Pings of both tenants and one TCP stream each way of red's."""
        pings = [Pings(vm.namespace, c.WEB, INTERVAL, self.lab.directory) for vm in (self.lab.red, self.lab.blue)]
        for flood in pings:
            self.addCleanup(flood.stop)
        stream = self.lab.red.namespace.start(
            "stream", "iperf3", "--client", c.WEB, "--port", IperfServer.PORT, *STREAM, directory=self.lab.directory)
        self.addCleanup(stream.stop)
        # One connection for control, one for each direction.
        ports = wait_until(lambda: len(found := connections(self.lab.red.namespace)) == 3 and set(found),
                           "iperf3's connections")
        return pings, stream, ports

    def acknowledged(self):
        """Bytes of its stream that each end knows to have arrived at the other."""
        return [max(connections(end.namespace).values()) for end in (self.lab.red, self.lab.web)]

    def test_200_moves_cost_what_the_moves_cost(self):
        routes = self.gateway.rows("provider-route", "list")
        drops = self.gateway.drops()
        counted = self.packets_of_red()
        (red, blue), stream, ports = self.start_traffic()
        red.wait_for_answer()
        blue.wait_for_answer()

        moves = []
        for number in range(MOVES):
            moves.append(self.lab.migrate((c.B, c.A)[number % 2]))
            red.wait_for_answer(since=moves[-1].announced + REST)

        stream.assert_running()
        self.assertEqual(set(connections(self.lab.red.namespace)), ports, "a TCP connection was lost")
        before = self.acknowledged()
        wait_until(lambda: all(now > then for now, then in zip(self.acknowledged(), before)),
                   "both streams to go on after the last move")
        self.assert_lost_in_windows(red.echoes(), moves)
        self.assertEqual([echo for echo in blue.echoes() if not echo.answered], [], "blue lost packets")
        new = {reason for reason, packets in self.gateway.drops().items() if packets > drops.get(reason, 0)}
        self.assertLessEqual(new, {OLD_HOST})
        self.assertEqual(self.gateway.rows("provider-route", "list"), routes)
        self.assertGreater(self.packets_of_red(), counted + MOVES, "counters do not start anew")
        self.report(red.echoes(), moves)

    def packets_of_red(self):
        (red,) = [vrf for vrf in self.gateway.rows("show", "vrfs") if vrf["name"] == "red"]
        return red["rx_packets"]

    def assert_lost_in_windows(self, echoes, moves):
        """Every lost request was sent while the machine was unreachable, and no window lost more than it may."""
        lost = [echo for echo in echoes if not echo.answered]
        for move in moves:
            inside = [echo for echo in lost if move.unplugged - SLACK <= echo.sent <= move.announced + SLACK]
            self.assertLessEqual(len(inside), move.window / INTERVAL + 2, move)
            lost = [echo for echo in lost if echo not in inside]
        self.assertEqual(lost, [], "lost while nothing moved")

    def report(self, echoes, moves):
        """What a reader of the log wants to know."""
        lost = sum(not echo.answered for echo in echoes)
        windows, commands = ([1000 * value for value in values]
                             for values in ([move.window for move in moves], [move.command for move in moves]))
        print(f"{len(moves)} moves: {lost} of {len(echoes)} echoes lost, in windows of {statistics.median(windows):.0f}"
              f" ms (longest {max(windows):.0f} ms); nvgw lookup move took {statistics.median(commands):.0f} ms"
              f" (longest {max(commands):.0f} ms)")


class TheFilesWord(unittest.TestCase):
    """The configuration file moves machines too, and a move by hand holds while the file says what it said then."""

    @classmethod
    def setUpClass(cls):
        cls.lab = ClusterLab()
        cls.enterClassContext(cls.lab)
        cls.gateway = cls.lab.gateway

    def place(self):
        (record,) = [row for row in self.gateway.rows("show", "lookup")
                     if (row["vsid"], row["address"]) == (c.RED_VSID, self.lab.red.address)]
        return record["provider_address"]

    def reload(self, host):
        """Has the gateway read a file that sees red at a host."""
        self.gateway.configure(self.lab.configuration(red_host=host))
        self.gateway.command("reload")

    def test_a_reload_moves_a_machine(self):
        self.lab.start_gateway(self.lab.configuration())
        self.lab.wait_for_answer(self.lab.red, c.WEB)
        for host in (c.B, c.A):
            self.lab.plug(host)
            self.reload(host)
            self.assertEqual(self.place(), host.address)
            self.lab.wait_for_answer(self.lab.red, c.WEB)

    def test_a_file_that_says_the_same_takes_no_move_back(self):
        self.lab.start_gateway(self.lab.configuration())
        self.lab.tell(c.B)
        self.reload(c.A)
        self.assertEqual(self.place(), c.B.address)
        # Now the file knows as well, so that its next word is a new one.
        self.reload(c.B)
        self.assertEqual(self.place(), c.B.address)
        self.reload(c.A)
        self.assertEqual(self.place(), c.A.address)
