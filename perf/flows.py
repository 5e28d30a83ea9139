"""The ladder's flows: who talks to whom, derived from a rung alone, and drawn by a seed."""

import ipaddress
import itertools
import random
from dataclasses import dataclass
from functools import cached_property, lru_cache

import internet

FIRST_VSID = 5000
SUBNETS_PER_HOST = 8
# Servers of the rungs without routes of their own: a handful behind the default gateway.
SERVERS = 250
# Of the i-th most frequent flow there are 1/i as many packets as of the first.
ZIPF_EXPONENT = 1.0


@lru_cache(maxsize=1024)
def number_of(address):
    """An IPv4 or IPv6 address as a number."""
    return int(ipaddress.ip_address(address))


@dataclass(frozen=True)
class Family:
    """One address family's plan: which addresses the stations of the benchmark have."""

    version: int
    customers: str
    subnet_bits: int
    servers: str
    provider_subnet: str
    hosts: str
    gateway: str
    external_address: str
    external_gateway: str

    def subnet(self, index):
        """The first address of a virtual subnet, as a number."""
        return number_of(self.customers) + (index << self.subnet_bits)

    @property
    def subnet_length(self):
        return (32 if self.version == 4 else 128) - self.subnet_bits

    def customer(self, index, place):
        """An address in a virtual subnet; the first is its gateway's."""
        return self.subnet(index) + 2 + place

    def host(self, host):
        """The provider address of a host."""
        return number_of(self.hosts) + host

    def text(self, number):
        return str((ipaddress.IPv4Address if self.version == 4 else ipaddress.IPv6Address)(number))


IPV4 = Family(4, "10.0.0.0", 8, "203.0.113.1", "100.64.0.0/16", "100.64.0.1", "100.64.255.254", "198.18.0.2/24",
              "198.18.0.1")
IPV6 = Family(6, "2001:db8:a::", 64, "2001:db8:beef::1", "2001:db8:64::/64", "2001:db8:64::1000",
              "2001:db8:64::fffe", "2001:db8:ffff::2/64", "2001:db8:ffff::1")
FAMILIES = {"4": IPV4, "6": IPV6}


@dataclass(frozen=True)
class Rung:
    """A rung of the ladder: how many flows of how many customer addresses, in how many virtual subnets, and how many
    routes lead out; for translation, how many public addresses there are and how many ports a customer gets at a
    time. `frames`: how many frames are drawn for a capture; left out, it has one of each flow."""

    name: str
    flows: int
    vsids: int
    customers: int
    routes: int = 0
    frames: int | None = None
    public_prefix: str = "198.51.100.0/25"
    block: int = 64

    @property
    def text(self):
        routes = f", {self.routes} routes" if self.routes else ""
        return f"{self.flows} flows of {self.customers} addresses, {self.vsids} VSIDs{routes}"

    @property
    def capture_frames(self):
        return self.frames or self.flows

    @cached_property
    def table(self):
        """The external routes, in the order in which they were drawn."""
        return internet.routes(self.routes)

    def customer(self, number):
        """Where the customer of a flow is: the index of the virtual subnet, and the place in it."""
        customer = number % self.customers
        return customer % self.vsids, customer // self.vsids

    def flow(self, number, family=IPV4):
        """Flow i is of customer i modulo their number, who is in a virtual subnet in the same way."""
        turn, customer = divmod(number, self.customers)
        subnet, place = self.customer(number)
        if self.routes:
            server = internet.address_in(self.table[number * 7919 % self.routes], number)
        else:
            server = number_of(family.servers) + number % SERVERS
        return Flow(number, subnet, family.customer(subnet, place), customer_mac(customer), server,
                    1024 + (customer + turn) % 60000)

    def drawn(self, draw, seed, way):
        """The numbers of the flows whose frames make a capture, in order.

        `each`: every flow once, so that neighbours are strangers; `uniform` and `zipf`: with repetition, every flow as
        likely as another, or by Zipf's law over flows ranked at random."""
        order = random.Random(f"{self.name}/{way}/{draw}/{seed}")
        numbers = list(range(self.flows))
        if draw == "each":
            order.shuffle(numbers)
            return numbers[:self.capture_frames]
        if draw == "uniform":
            return order.choices(numbers, k=self.capture_frames)
        order.shuffle(numbers)
        weights = itertools.accumulate(1 / rank ** ZIPF_EXPONENT for rank in range(1, self.flows + 1))
        return order.choices(numbers, cum_weights=list(weights), k=self.capture_frames)


@dataclass(frozen=True)
class Flow:
    """One connection of one customer address."""

    number: int
    subnet: int
    address: int
    mac: bytes
    server: int
    port: int

    @property
    def vsid(self):
        return FIRST_VSID + self.subnet

    @property
    def host(self):
        return host_of(self.subnet)


def host_of(subnet):
    """The host on which a virtual subnet's customers live."""
    return subnet // SUBNETS_PER_HOST


def customer_mac(customer):
    return bytes((0x02, 0xAA)) + customer.to_bytes(4, "big")


def host_mac(host):
    return bytes((0x02, 0xBB)) + host.to_bytes(4, "big")


RUNGS = {rung.name: rung for rung in (
    Rung("256", 256, 64, 256),
    Rung("65536", 65536, 4096, 65536),
    # Sessions of translation: few of the customers' addresses, many flows of each.
    Rung("1000000", 1_000_000, 4096, 62_500),
    # Everything at once: a capture of a quarter of the flows is beyond any cache, and leaves memory to the tables.
    Rung("million", 1_000_000, 65536, 1_000_000, routes=1_000_000, frames=262_144),
)}
# Few customers with many ports each: making sessions is the work, not handing out blocks.
NEW_SESSIONS = Rung("new", 1_000_000, 64, 1000, public_prefix="198.51.100.0/24", block=4096)
# Few flows, each by a route of its own among the internet's: these routes change.
ROUTES = Rung("routes", 256, 64, 256, routes=1_000_000)
