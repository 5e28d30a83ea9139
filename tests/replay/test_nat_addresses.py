"""Public addresses inside a connected prefix of the external network: neighbours there ask for them by ARP."""

import unittest

from lib.packets import ARP, Ether, arp_request, ethernet
from lib.topology import INTERNET, RED_UPLINK
from lib.translation import POOL_ADDRESSES, NatTest, config, pool

ASKER, ASKER_MAC = "198.18.0.77", "02:00:00:00:77:01"
POOL = "198.18.0.32/30"
HERE = [f"198.18.0.{last}" for last in range(32, 36)]
STATIC, FORWARD = "198.18.0.40", "198.18.0.41"


def document() -> dict:
    """Blue's pool, 1:1 address and forward lie in the external network's own prefix."""
    return config(pool(POOL, static=[{"public": STATIC, "customer": "10.0.1.5"}],
                       forwards=[{"public": FORWARD, "protocol": "tcp", "ports": 80, "customer": "10.0.2.6"}]))


class Arp(NatTest):
    def answers(self, run) -> list:
        return [frame.data for frame in run.arp("wire1") if Ether(frame.data)[ARP].op == 2
                and Ether(frame.data).dst == ASKER_MAC]

    def answer(self, address: str) -> bytes:
        packet = ARP(op=2, hwsrc=INTERNET.mac, psrc=address, hwdst=ASKER_MAC, pdst=ASKER)
        return ethernet(packet, INTERNET.mac, ASKER_MAC, INTERNET.vlan, 0x0806)

    def test_all_of_them_are_answered_for(self):
        wanted = HERE + [STATIC, FORWARD]
        run = self.replay({"wire1": [arp_request(INTERNET, ASKER, ASKER_MAC, address) for address in wanted]},
                          document())
        self.assert_frames(self.answers(run), [self.answer(address) for address in wanted])

    def test_others_are_not(self):
        others = ["198.18.0.31", "198.18.0.36", "198.18.0.42", *POOL_ADDRESSES[:2]]
        run = self.replay({"wire1": [arp_request(INTERNET, ASKER, ASKER_MAC, address) for address in others]},
                          document())
        self.assertEqual(self.answers(run), [])

    def test_not_on_another_network(self):
        run = self.replay({"wire1": [arp_request(RED_UPLINK, "198.18.1.77", ASKER_MAC, HERE[0])]}, document())
        self.assertEqual(self.answers(run), [])


if __name__ == "__main__":
    unittest.main()
