"""Real network cards: the gateway on them, and whatever generator is at hand before them.

The harness writes captures for the generator, says what to send where, and measures what the gateway does about it. By
the wall clock, for here a cable is what limits.
"""

import time

import captures
import ladder
from gateway import Nvgw, told_between
from programs import Bench, Failed

# How long an operator has until traffic comes.
PATIENCE = 600
# A load begins when so many packets came between two looks.
BEGUN = 1000


class NvgwOnCards(Nvgw):
    """The gateway, with a card for each side."""

    def __init__(self, bench, binary, cards):
        super().__init__(bench, binary)
        self._cards = cards

    def devices(self):
        return self._cards

    def received(self):
        """Packets that the card of the row's side received, and those that it could not hand over."""
        port = self.ask("show", "ports")["ports"][0 if self.bench.row.from_tenants else 1]
        return port["rx_packets"], port["rx_missed"] + port["rx_errors"] + port["rx_no_buffer"]

    def ready(self):
        """Waits until it answers."""
        deadline = time.monotonic() + 120
        while self.sample() is None:
            self.check_alive()
            if time.monotonic() > deadline:
                raise Failed(f"the gateway does not answer:\n{self.log()[-3000:]}")
            time.sleep(0.1)

    def await_traffic(self):
        deadline, former = time.monotonic() + PATIENCE, self.received()[0]
        while True:
            self.check_alive()
            if time.monotonic() > deadline:
                raise Failed(f"no traffic in {PATIENCE} s")
            time.sleep(0.2)
            now = self.received()[0]
            if now - former >= BEGUN:
                return
            former = now


def rows(options):
    """Those of the options that a generator can play: translation's answers depend on the gateway's choices."""
    chosen = options.rows if ladder.named(options) else [ladder.row(direction, "256") for direction in ladder.ROUTED]
    return [row for row in chosen if row.direction in (*ladder.ROUTED, "translate-out")]


def measured(options, tools, directory):
    """Each row on the cards, as the report has it."""
    result = []
    for number, row in enumerate(options.card_rows):
        place = directory / f"cards-{number}"
        place.mkdir()
        capture = options.captures / (row.id.replace("/", "-") + ".pcap")
        write = captures.write_outbound if row.from_tenants else captures.write_inbound
        options.captures.mkdir(parents=True, exist_ok=True)
        write([capture], row, options.seed)
        bench = Bench(place, [capture], row, options.cores[:1 + row.workers], tools.pages)
        result.append(_measured(row, NvgwOnCards(bench, tools.binary, options.pci), capture, options))
        print(text(result[-1]) + "\n", flush=True)
    return result


def _measured(row, gateway, capture, options):
    gateway.translated = row.direction == "translate-out"
    with gateway:
        gateway.ready()
        card = options.pci[0 if row.from_tenants else 1]
        print(f"{row.text}\n  send {capture} in a loop to {card}, from now on and for {options.seconds:g} s and more",
              flush=True)
        gateway.await_traffic()
        time.sleep(options.warm_up)
        samples = []
        for pause in (options.seconds, 0):
            samples.append((gateway.sample(), gateway.received(), gateway.drops()))
            time.sleep(pause)
        (start, came, dropped), (end, comes, drops) = samples
        seconds = end.at - start.at
        told = told_between(start.stats, end.stats)
        return {"row": row.id, "received": (comes[0] - came[0]) / seconds, "missed": (comes[1] - came[1]) / seconds,
                "forwarded": (end.packets - start.packets) / seconds,
                "drops": {reason: (count - dropped.get(reason, 0)) / seconds for reason, count in drops.items()
                          if count > dropped.get(reason, 0)}, **told}


def text(card):
    """What a card brought, for people."""
    what = (f"  received {card['received'] / 1e6:.3f} Mpps, forwarded {card['forwarded'] / 1e6:.3f}, "
            f"missed by the card {card['missed'] / 1e6:.3f}")
    what += "".join(f"\n  dropped, {reason}: {rate:.0f} per second" for reason, rate in card["drops"].items())
    if card["stages"]:
        what += "\n  by stage: " + ", ".join(f"{stage} {cycles:.1f}" for stage, cycles in card["stages"].items())
    for direction, values in card.get("latency", {}).items():
        what += f"\n  in the box, {direction}: " + ", ".join(f"{name} {value * 1e6:.1f} µs"
                                                            for name, value in values.items())
    return what
