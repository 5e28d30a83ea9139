"""The gateway under test: started, asked and stopped as its users do it."""

import json
import re
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
        return self.ask("show", what)

    def stats(self):
        """`nvgw stats --json`."""
        return self.ask("stats")

    def rows(self, *words):
        """The rows of a list: `rows("lookup", "list")`, `rows("show", "events")`."""
        (rows,) = [value for value in self.ask(*words).values() if isinstance(value, list)]
        return rows

    def ask(self, *words):
        """What a command says to a program."""
        return json.loads(self.command(*words, "--json").stdout)

    def table(self, *words):
        """What it says to people."""
        return self.command(*words).stdout

    def command(self, *words, check=True):
        """A command for the running gateway, to its end."""
        return run([self._binary, *words, "--socket", self.admin_socket], check=check)

    def ports(self):
        """Port counters by the port's name."""
        return {port["name"]: port for port in self.show("ports")["ports"]}

    def drops(self):
        """Packets by drop reason, without the reasons that never happened."""
        return {drop["reason"]: drop["packets"] for drop in self.show("drops")["drops"] if drop["packets"]}

    def alarms(self, severity):
        """How many alarms of a severity the metrics count."""
        (count,) = re.findall(rf'^nvgw_alarms{{severity="{severity}"}} (\d+)$', self.metrics(), re.MULTILINE)
        return int(count)

    def log(self):
        return self._process.log() if self._process else ""

    def assert_running(self):
        self._process.assert_running()

    def configure(self, document):
        """Writes the configuration file, of which a running gateway takes no notice."""
        self.config_path.write_text(document)

    def reload(self, document):
        """Writes the configuration file and sends SIGHUP."""
        self.configure(document)
        self._process.signal(signal.SIGHUP)

    def terminate(self, timeout):
        """Sends SIGTERM and returns the exit status; raises `subprocess.TimeoutExpired`."""
        self._process.signal(signal.SIGTERM)
        return self._process.wait(timeout)

    def kill(self):
        """Takes the power away."""
        self._process.signal(signal.SIGKILL)
        self._process.wait(10)

    def stop(self):
        if self._process and self._process.exit_status() is None:
            self._process.stop()


def unexplained(drops, allowed):
    """The drops that no entry of `allowed` (reason → why it may happen) explains."""
    return {reason: packets for reason, packets in drops.items() if reason not in allowed}


