"""A mixed traffic of the base topology, from a seed: what passes, what is answered, what is dropped."""

import random

from . import topology
from .gateway import at
from .packets import arp_reply, arp_request, echo, from_outside, from_vm, udp
from .topology import (BLUE_DB, BLUE_PUBLIC, BLUE_WEB, INTERNET, RED_BRANCH, RED_DB, RED_UPLINK, RED_WEB, SERVER)

UNKNOWN_HOST = "198.18.0.77"


def mixed(count: int, seed: int) -> dict:
    """Inputs for both ports, `count` frames in all and one ARP reply, at random times of a second."""
    pick = random.Random(seed)
    makers = {
        "wire0": [
            lambda mark, size: from_vm(RED_WEB, udp(RED_WEB.address, SERVER, mark, size), flow=mark & 0xFF),
            lambda mark, size: from_vm(BLUE_PUBLIC, udp(BLUE_PUBLIC.address, SERVER, mark, size)),
            lambda mark, size: from_vm(BLUE_PUBLIC, udp(BLUE_PUBLIC.address, UNKNOWN_HOST, mark, size)),
            lambda mark, size: from_vm(RED_WEB, udp(RED_WEB.address, RED_DB.address, mark, size)),
            lambda mark, size: from_vm(BLUE_WEB, udp(BLUE_WEB.address, BLUE_DB.address, mark, size)),
            lambda mark, size: from_vm(RED_DB, udp(RED_DB.address, RED_BRANCH, mark, size), vsid=RED_WEB.vsid),
            lambda mark, size: from_vm(RED_WEB, udp("10.0.1.99", SERVER, mark, size)),
            lambda mark, size: from_vm(RED_WEB, udp(RED_WEB.address, SERVER, mark, size), vsid=5999),
            lambda mark, size: from_vm(RED_WEB, udp(RED_WEB.address, SERVER, mark, size))[:-1 - size % 50],
            lambda mark, size: from_vm(BLUE_WEB, echo(BLUE_WEB.address, BLUE_WEB.gateway, mark & 0x7FFF)),
        ],
        "wire1": [
            lambda mark, size: from_outside(INTERNET, udp(SERVER, BLUE_PUBLIC.address, mark, size, sport=mark % 9)),
            lambda mark, size: from_outside(RED_UPLINK, udp(SERVER, RED_DB.address, mark, size)),
            lambda mark, size: from_outside(RED_UPLINK, udp(SERVER, "10.0.2.99", mark, size)),
            lambda mark, size: from_outside(INTERNET, udp(SERVER, RED_WEB.address, mark, size)),
            lambda mark, size: from_outside(INTERNET, echo(SERVER, INTERNET.address, mark & 0x7FFF)),
            lambda mark, size: arp_request(INTERNET, "198.18.0.88", "02:00:00:00:30:88", INTERNET.address),
        ],
    }
    inputs = {port: [] for port in makers}
    # All times differ, so that no order is left to chance.
    for mark, moment in enumerate(sorted(pick.sample(range(1_000_000), count))):
        port = pick.choice(sorted(makers))
        inputs[port].append(at(moment / 1000, pick.choice(makers[port])(mark, pick.randrange(4, 1200))))
    last = max(frame.time_ns for frame in inputs["wire1"])
    inputs["wire1"].append(arp_reply_after(last))
    return inputs


def arp_reply_after(time_ns: int):
    """The answer of the unknown host, a millisecond after that time."""
    frame = at(0, arp_reply(INTERNET, UNKNOWN_HOST, "02:00:00:00:30:77"))
    return frame._replace(time_ns=time_ns + 1_000_000)


def workers(cores: list) -> dict:
    """The base configuration with that many workers."""
    config = topology.base()
    config["system"]["worker-cores"] = cores
    return config
