"""The gateway under test: started, asked and stopped as its users do it."""

import json
import signal

from process import run, wait_until

METRICS = "http://127.0.0.1:9477"


class Gateway:
    """`nvgw run` in a namespace."""

    def __init__(self, binary, namespace, config_path, directory):
        self.config_path = config_path
        self.admin_socket = directory / "admin.sock"
        self._binary = binary
        self._namespace = namespace
        self._directory = directory
        self._process = None

    def start(self):
        self._process = self._namespace.start("nvgw", self._binary, "run", "-c", self.config_path,
                                              directory=self._directory)
        wait_until(self._ready, lambda: f"the gateway to be ready\n{self.log()[-4000:]}", timeout=60)

    def _ready(self):
        self._process.assert_running()
        return self.http("/readyz", check=False).returncode == 0

    def http(self, path, check=True):
        """Gets a page of the metrics listener."""
        return self._namespace.run("curl", "-sSf", "--max-time", "5", METRICS + path, check=check)

    def metrics(self):
        return self.http("/metrics").stdout

    def show(self, what):
        """`nvgw show … --json`."""
        return json.loads(self._ask("show", what, "--json"))

    def stats(self):
        """`nvgw stats --json`."""
        return json.loads(self._ask("stats", "--json"))

    def table(self, *words):
        """The same for people."""
        return self._ask(*words)

    def _ask(self, *words):
        return run([self._binary, *words, "--socket", self.admin_socket]).stdout

    def ports(self):
        """Port counters by the port's name."""
        return {port["name"]: port for port in self.show("ports")["ports"]}

    def drops(self):
        """Packets by drop reason, without the reasons that never happened."""
        return {drop["reason"]: drop["packets"] for drop in self.show("drops")["drops"] if drop["packets"]}

    def log(self):
        return self._process.log() if self._process else ""

    def assert_running(self):
        self._process.assert_running()

    def reload(self, document):
        """Writes the configuration file and sends SIGHUP."""
        self.config_path.write_text(document)
        self._process.signal(signal.SIGHUP)

    def terminate(self, timeout):
        """Sends SIGTERM and returns the exit status; raises `subprocess.TimeoutExpired`."""
        self._process.signal(signal.SIGTERM)
        return self._process.wait(timeout)

    def stop(self):
        if self._process and self._process.exit_status() is None:
            self._process.stop()


def unexplained(drops, allowed):
    """The drops that no entry of `allowed` (reason → why it may happen) explains."""
    return {reason: packets for reason, packets in drops.items() if reason not in allowed}


