"""Traffic of users, and what became of it."""

import json
import re

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
