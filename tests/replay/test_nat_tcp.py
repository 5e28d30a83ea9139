"""TCP through translation (RFC 5382, RFC 6146 §3.5.2, RFC 7857 §2): what opens, what closes, whose word counts."""

import unittest

from lib.translation import OTHER_SERVER, Flow, NatTest, config, ip_of, pool

WEB = Flow(protocol="tcp", remote_port=80)
# (seconds, outward, flags, sequence number, acknowledgment, payload)
HANDSHAKE = ((0, True, "S", 100, 0, b""), (1, False, "SA", 500, 101, b""), (2, True, "A", 101, 501, b""))
REQUEST = ((3, True, "PA", 101, 501, bytes(100)), (4, False, "PA", 501, 201, bytes(1000)),
           (5, True, "A", 201, 1501, b""))
CLOSE = ((6, True, "FA", 201, 1501, b""), (7, False, "FA", 1501, 202, b""), (8, True, "A", 202, 1502, b""))


class TcpTest(NatTest):
    def converse(self, segments, document=None, flow: Flow = WEB, public=None):
        """Replays a connection: the run, the public endpoint, and the segments as their keys."""
        document = document or config()
        outward, inward = [], []
        for second, out, flags, seq, ack, payload in segments:
            (outward if out else inward).append((second, {"flags": flags, "seq": seq, "ack": ack, "payload": payload}))
        frames = [flow.sends(second, **fields) for second, fields in outward]
        public = public or self.learn(frames[:1], document)[0]
        run = self.replay({"wire0": frames,
                           "wire1": [flow.answers(second, public, **fields) for second, fields in inward]}, document)
        return run, public, [fields for _, fields in outward], [fields for _, fields in inward]

    def assert_all_pass(self, segments, document=None, flow: Flow = WEB) -> None:
        """Every segment of the connection reaches the other end."""
        run, public, outward, inward = self.converse(segments, document, flow)
        self.assert_out(run, [flow.expect_out(public, **fields) for fields in outward])
        self.assert_in(run, [flow.expect_back(public, **fields) for fields in inward])
        self.assert_drops(run, {})

    def assert_last_is_dropped(self, segments, reason="nat-no-session") -> None:
        """Every segment but the last reaches the other end."""
        run, public, outward, inward = self.converse(segments)
        (outward if segments[-1][1] else inward).pop()
        self.assert_out(run, [WEB.expect_out(public, **fields) for fields in outward])
        self.assert_in(run, [WEB.expect_back(public, **fields) for fields in inward])
        self.assert_drops(run, {reason: 1})


class Opening(TcpTest):
    def test_a_whole_connection(self):
        self.assert_all_pass(HANDSHAKE + REQUEST + CLOSE)

    def test_only_a_syn_opens(self):
        for flags in ("A", "PA", "FA", "R", "RA", "SA", "", "SF", "SR"):
            with self.subTest(flags=flags):
                run = self.replay({"wire0": [WEB.sends(0, flags=flags, ack=1)]}, config())
                self.assert_out(run, [])
                self.assertEqual(run.report["nat"]["tenants"]["blue"]["sessions"], 0)
                self.assertEqual(sum(run.drops.values()), 1)

    def test_a_repeated_syn_is_the_same_connection(self):
        self.assert_all_pass(((0, True, "S", 100, 0, b""), (1, True, "S", 100, 0, b""), (3, True, "S", 100, 0, b"")))

    def test_ecn_setup_is_a_syn(self):
        self.assert_all_pass(((0, True, "SEC", 100, 0, b""), (1, False, "SAE", 500, 101, b""),
                              (2, True, "A", 101, 501, b"")))

    def test_simultaneous_open(self):
        """RFC 5382 REQ-2: both ends send a SYN, and both answer."""
        self.assert_all_pass(((0, True, "S", 100, 0, b""), (0.5, False, "S", 500, 0, b""),
                              (1, True, "SA", 100, 501, b""), (1.5, False, "SA", 500, 101, b""),
                              (2, True, "A", 101, 501, b"")) + REQUEST)

    def test_connections_of_one_port_are_apart(self):
        """Two connections share the mapping. Closing one of them leaves the other; its far end is let in no more."""
        other, document = WEB.to(OTHER_SERVER), config(pool(filtering={"tcp": "address-dependent"}))
        frames = [WEB.sends(0), other.sends(0.5, flags="S", seq=900), WEB.sends(2, flags="A", seq=1, ack=501),
                  other.sends(2.5, flags="A", seq=901, ack=701), WEB.sends(3, flags="FA", seq=1, ack=501)]
        public, again = self.learn(frames[:2], document)
        self.assertEqual(public, again)
        run = self.replay({"wire0": frames,
                           "wire1": [WEB.answers(1, public, flags="SA", seq=500, ack=1),
                                     other.answers(1.5, public, flags="SA", seq=700, ack=901),
                                     WEB.answers(4, public, flags="FA", seq=501, ack=2),
                                     WEB.answers(400, public, 1, flags="A", seq=502, ack=2),
                                     other.answers(400, public, 2, flags="A", seq=701, ack=901)]}, document)
        self.assertEqual([ip_of(frame).id for frame in run.sent("wire0")], [0, 0, 0, 2])
        self.assert_drops(run, {("nat-filtered", "nat-no-session"): 1})


class Closing(TcpTest):
    def test_what_is_said_after_the_close_still_passes(self):
        """A lost acknowledgment and a repeated FIN, for four minutes after the customer's last word."""
        late = ((30, False, "FA", 1501, 202, b""), (31, True, "A", 202, 1502, b""),
                (31 + 239, False, "FA", 1501, 202, b""))
        self.assert_all_pass(HANDSHAKE + REQUEST + CLOSE + late)

    def test_and_no_longer(self):
        self.assert_last_is_dropped(HANDSHAKE + REQUEST + CLOSE + ((8 + 241, False, "FA", 1501, 202, b""),))

    def test_a_new_connection_of_the_same_endpoints(self):
        """RFC 5382 REQ-3: a SYN after the close begins anew, with the established time-out."""
        again = tuple((second + 10, *rest) for second, *rest in HANDSHAKE)
        self.assert_all_pass(HANDSHAKE + REQUEST + CLOSE + again + ((12 + 7439, False, "A", 501, 101, b""),))

    def test_the_customers_data_after_its_end_is_nobodys(self):
        self.assert_last_is_dropped(HANDSHAKE + REQUEST + CLOSE + ((8 + 241, True, "A", 202, 1502, b""),))

    def test_a_fin_before_the_connection_was_answered(self):
        self.assert_all_pass(((0, True, "S", 100, 0, b""), (1, True, "FA", 101, 0, b""),
                              (2, False, "SA", 500, 101, b"")))


class Reset(TcpTest):
    """A reset is believed when its sequence number can be right; another one is passed on, and changes nothing."""

    def assert_believed(self, reset: tuple, believed: bool) -> None:
        """After the segments of REQUEST the customer has sent up to 201 and acknowledged 1501."""
        alive = (5 + 300, False, "A", 1501, 201, b"")
        if believed:
            self.assert_last_is_dropped(HANDSHAKE + REQUEST + (reset, alive))
        else:
            self.assert_all_pass(HANDSHAKE + REQUEST + (reset, alive))

    def test_from_outside_exactly_in_sequence(self):
        self.assert_believed((6, False, "R", 1501, 0, b""), True)
        self.assert_believed((6, False, "RA", 1501, 201, b""), True)

    def test_from_outside_out_of_sequence(self):
        for sequence in (0, 500, 1500, 1502, 70000, 2**31 + 1501, 2**32 - 1):
            with self.subTest(sequence=sequence):
                self.assert_believed((6, False, "R", sequence, 0, b""), False)

    def test_from_outside_within_what_was_not_acknowledged(self):
        """It has sent 1,000 more bytes that the customer has not acknowledged: anything up to their end can be."""
        more = ((5.5, False, "PA", 1501, 201, bytes(1000)),)
        for sequence, believed in ((1500, False), (1501, True), (2000, True), (2501, True), (2502, False)):
            with self.subTest(sequence=sequence):
                segments = HANDSHAKE + REQUEST + more + ((6, False, "R", sequence, 0, b""),
                                                         (5 + 300, False, "A", 2501, 201, b""))
                (self.assert_last_is_dropped if believed else self.assert_all_pass)(segments)

    def test_across_the_end_of_sequence_numbers(self):
        base = 2**32 - 600
        opened = ((0, True, "S", 100, 0, b""), (1, False, "SA", base - 1, 101, b""), (2, True, "A", 101, base, b""),
                  (3, False, "PA", base, 101, bytes(1000)))
        for sequence, believed in ((base - 1, False), (base, True), (0, True), (400, True), (401, False)):
            with self.subTest(sequence=sequence):
                segments = opened + ((6, False, "R", sequence, 0, b""), (2 + 300, False, "A", 400, 101, b""))
                (self.assert_last_is_dropped if believed else self.assert_all_pass)(segments)

    def test_refused_at_once(self):
        """A closed port answers a SYN with RST and ACK."""
        self.assert_all_pass(((0, True, "S", 100, 0, b""), (1, False, "RA", 0, 101, b"")))

    def test_traffic_after_a_reset_shows_that_it_was_not_meant(self):
        """RFC 6146 §3.5.2.2: the connection is established again, with all its time."""
        self.assert_all_pass(HANDSHAKE + REQUEST + ((6, False, "R", 1501, 0, b""), (7, True, "A", 201, 1501, b""),
                                                    (7 + 7439, False, "A", 1501, 201, b"")))

    def test_a_new_connection_after_a_reset(self):
        again = tuple((second + 10, *rest) for second, *rest in HANDSHAKE)
        self.assert_all_pass(HANDSHAKE + REQUEST + ((6, True, "R", 201, 0, b""),) + again
                             + ((12 + 7439, False, "A", 501, 101, b""),))

    def test_with_filtering_by_address_a_stranger_cannot_reset(self):
        document = config(pool(filtering={"tcp": "address-dependent"}))
        stranger = WEB.to(OTHER_SERVER)
        frames = [WEB.sends(0, flags="S", seq=100), WEB.sends(2, flags="A", seq=101, ack=501)]
        (public,) = self.learn(frames[:1], document)
        run = self.replay({"wire0": frames,
                           "wire1": [WEB.answers(1, public, flags="SA", seq=500, ack=101),
                                     stranger.answers(3, public, flags="R", seq=501),
                                     WEB.answers(1000, public, flags="A", seq=501, ack=101)]}, document)
        self.assert_in(run, [WEB.expect_back(public, flags="SA", seq=500, ack=101),
                             WEB.expect_back(public, flags="A", seq=501, ack=101)])
        self.assertEqual(sum(run.drops.values()), 1)


if __name__ == "__main__":
    unittest.main()
