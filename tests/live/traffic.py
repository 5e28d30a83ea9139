"""Traffic of users, and what became of it."""

import json
import re
from dataclasses import dataclass

from process import run_together, wait_until
from services import IperfServer, sha256_of


def ping(namespace, address, count=20, interval=0.02):
    """Sends echo requests; returns how many went unanswered."""
    done = namespace.run("ping", "-q", "-n", "-c", count, "-i", interval, "-W", "2", address, check=False, timeout=60)
    return lost(done.stdout)


def lost(ping_output):
    """Packets lost, from ping's last lines."""
    sent, received = re.search(r"(\d+) packets transmitted, (\d+) received", ping_output).groups()
    return int(sent) - int(received)


def get(namespace, url):
    """A small page."""
    return namespace.run("curl", "-sSf", "--max-time", "10", url).stdout


def digest(namespace, url):
    """The SHA-256 of a page of any size."""
    argv = ["bash", "-o", "pipefail", "-c", 'curl -sSf --max-time 60 "$0" | sha256sum', url]
    return namespace.run(*argv, timeout=70).stdout.split()[0]


def hops(namespace, address, *how):
    """The addresses that traceroute names, hop by hop."""
    # Two probes at a time: senders of ICMP errors limit their rate.
    listing = namespace.run("traceroute", "-n", "-q", "1", "-w", "2", "-N", "2", "-m", "8", *how, address,
                            timeout=60).stdout
    return re.findall(r"^ *\d+ +(\S+)", listing, re.MULTILINE)


def watched_hops(namespace, address, *how):
    """The addresses that mtr names, hop by hop, each with the percentage of its probes that were lost."""
    listing = namespace.run("mtr", "--report", "--no-dns", "--report-cycles", "5", "--interval", "0.2",
                            "--gracetime", "1", *how, address, timeout=60).stdout
    return [(hop, float(loss)) for hop, loss in re.findall(r"^ *\d+\.\|-- (\S+) +([\d.]+)%", listing, re.MULTILINE)]


def path_mtu(namespace, address):
    """What tracepath finds out."""
    listing = namespace.run("tracepath", "-n", "-m", "8", address, timeout=60).stdout
    return int(re.search(r"Resume: pmtu (\d+)", listing)[1])


def reassembled(namespace):
    """How many IPv4 packets the namespace has put together from fragments, by the kernel's count."""
    lines = [line.split() for line in namespace.run("cat", "/proc/net/snmp").stdout.splitlines()
             if line.startswith("Ip:")]
    return int(dict(zip(*lines))["ReasmOKs"])


def download_together(requests, directory):
    """Downloads at the same time. `requests`: [(namespace, url, local port, bytes per second)].

    Returns [(SHA-256 of the body, seconds it took)].
    """
    files = [directory / f"download-{number}" for number in range(len(requests))]
    commands = [namespace.argv("curl", "-sSf", "--max-time", "60", "--local-port", port, "--limit-rate", rate,
                               "-o", file, "-w", "%{time_total}", url)
                for (namespace, url, port, rate), file in zip(requests, files)]
    results = run_together(commands)
    for result in results:
        if result.returncode != 0:
            raise AssertionError(f"{result.args}: {result.stderr}")
    return [(sha256_of(file), float(result.stdout)) for file, result in zip(files, results)]


def iperf(namespace, server, seconds=2, reverse=False):
    """One TCP stream; returns the report's end."""
    direction = ["--reverse"] if reverse else []
    argv = ["iperf3", "--client", server, "--port", IperfServer.PORT, "--time", seconds, "--json",
            "--connect-timeout", "3000", *direction]

    # The server takes one client at a time and may still be saying good-bye to the last one.
    def attempt():
        report = json.loads(namespace.run(*argv, check=False, timeout=seconds + 30).stdout)
        if "busy" in report.get("error", ""):
            return None
        return report
    report = wait_until(attempt, f"iperf3 on {server} to be free")
    if "error" in report:
        raise AssertionError(f"iperf3 {namespace.short_name} → {server}: {report['error']}")
    return report["end"]


@dataclass(frozen=True)
class Echo:
    """One echo request: its number, when it was sent (of a lost one: about when), and whether it was answered."""

    sequence: int
    sent: float
    answered: bool


class Pings:
    """A ping that runs until it is stopped."""

    _LINE = re.compile(r"\[(\d+\.\d+)\] \d+ bytes from .*icmp_seq=(\d+) .*time=([\d.]+) ms")

    def __init__(self, namespace, address, interval, directory, source=None):
        self.interval = interval
        origin = ("-I", source) if source else ()
        name = f"ping-{namespace.short_name}-{source or address}"
        self._process = namespace.start(name, "ping", "-n", "-D", "-i", interval, *origin, address,
                                        directory=directory)
        self._read = 0
        self._answered = {}

    def _follow(self):
        """Takes in what the process has written since."""
        text = self._process.log()
        complete = text.rfind("\n") + 1
        for stamp, sequence, milliseconds in self._LINE.findall(text, self._read, complete):
            self._answered[int(sequence)] = float(stamp) - float(milliseconds) / 1000
        self._read = complete

    def wait_for_answer(self, since=0.0, timeout=10):
        """Waits until a request is answered that was sent after `since`; returns when the first such was sent."""
        def later():
            self._follow()
            return min((sent for sent in self._answered.values() if sent > since), default=None)
        self._process.assert_running()
        return wait_until(later, f"an answer to {self._process.name}", timeout, interval=0.005)

    def echoes(self):
        """Every request up to the last one that was answered, in order."""
        self._follow()
        numbers = sorted(self._answered)
        echoes = []
        for before, after in zip(numbers, numbers[1:]):
            start, end = self._answered[before], self._answered[after]
            echoes.append(Echo(before, start, True))
            echoes += [Echo(lost, start + (end - start) * (lost - before) / (after - before), False)
                       for lost in range(before + 1, after)]
        return echoes + [Echo(number, self._answered[number], True) for number in numbers[-1:]]

    def stop(self):
        self._process.stop()


def connections(namespace):
    """iperf3's established TCP connections, as either end has them: {client's port: bytes that the peer has}."""
    port = IperfServer.PORT
    listing = namespace.run("ss", "-HtniO", "state", "established", f"( sport = :{port} or dport = :{port} )").stdout
    found = {}
    for line in listing.splitlines():
        (client,) = {int(number) for number in re.findall(r":(\d+)(?=\s)", line)[:2]} - {port}
        counted = re.search(r"bytes_acked:(\d+)", line)
        found[client] = int(counted[1]) if counted else 0
    return found
