"""A client that changes a gateway at random and remembers what it was promised."""

import copy
import random
import threading
from dataclasses import dataclass, field

from admin import AdminConnection

HOSTS = [f"10.10.30.{number}" for number in range(2, 12)]
MOST_CHANGES = 8
MOST_RECORDS = 120


@dataclass
class Books:
    """What one client has made: records by customer address, provider routes by prefix."""

    records: dict = field(default_factory=dict)
    routes: dict = field(default_factory=dict)


class Client(threading.Thread):
    """Applies batches to a virtual subnet and to prefixes that are its own, until the gateway is gone.

    `books` is what was acknowledged. `pending` is what they would be if the batch counted that was under way at the
    end; `None` where there was none.
    """

    def __init__(self, number, vsid, fixed, books, seed, socket, on_acknowledged):
        super().__init__(name=f"client-{number}", daemon=True)
        self.number, self.vsid, self.books, self.pending = number, vsid, books, None
        self.acknowledged = 0
        self.failure = None
        self._fixed = fixed
        self._pick = random.Random(seed)
        self._connection = AdminConnection(socket)
        self._on_acknowledged = on_acknowledged

    def run(self):
        try:
            while True:
                self.pending, changes = self._batch()
                self._connection.change(changes)
                self.books, self.pending = self.pending, None
                self.acknowledged += 1
                self._on_acknowledged()
        except OSError:
            return
        except Exception as failure:  # a thread's exception would be lost: the test raises it
            self.failure = failure
            self._on_acknowledged()
        finally:
            self._connection.close()

    def _batch(self):
        """The books after a batch, and the batch: changes that may touch the same object more than once."""
        books, changes = copy.deepcopy(self.books), []
        for _ in range(self._pick.randint(1, MOST_CHANGES)):
            changes.append(self._route(books) if self._pick.random() < 0.2 else self._record(books))
        return books, changes

    def _record(self, books):
        host = self._pick.choice(HOSTS)
        mine = [address for address in books.records if address != self._fixed]
        if len(mine) < MOST_RECORDS and self._pick.random() < 0.5 or not mine:
            number = self._pick.choice([n for n in range(1000, 2000) if self._address(n) not in books.records])
            address = self._address(number)
            books.records[address] = host
            return {"add-lookup": {"vsid": self.vsid, "address": address, "provider-address": host,
                                   "mac": f"02:15:5d:00:{number >> 8:02x}:{number & 0xff:02x}"}}
        if self._pick.random() < 0.6:
            # The record of the file can be moved too, which is a change like any other.
            address = self._pick.choice([*mine, self._fixed])
            books.records[address] = host
            return {"move-lookup": {"vsid": self.vsid, "address": address, "provider-address": host}}
        address = self._pick.choice(mine)
        del books.records[address]
        return {"remove-lookup": {"vsid": self.vsid, "address": address}}

    def _route(self, books):
        prefix = f"172.{16 + self.number}.{self._pick.randrange(40)}.0/24"
        if prefix in books.routes:
            return {"remove-provider-route": {"prefix": prefix, "next-hop": books.routes.pop(prefix)}}
        books.routes[prefix] = f"10.10.20.{self._pick.randint(2, 9)}"
        return {"add-provider-route": {"prefix": prefix, "next-hop": books.routes[prefix]}}

    @staticmethod
    def _address(number):
        return f"10.0.{number >> 8}.{number & 0xff}"
