"""What stands on the internet side, and in a VM: nginx with pages of its own, iperf3."""

import hashlib
import random
import sys

from process import wait_until

BIG_FILE_BYTES = 8 * 1024 * 1024

NGINX = """
daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  default_type application/octet-stream;
  client_body_temp_path {dir}/tmp-body;
  proxy_temp_path {dir}/tmp-proxy;
  fastcgi_temp_path {dir}/tmp-fastcgi;
  uwsgi_temp_path {dir}/tmp-uwsgi;
  scgi_temp_path {dir}/tmp-scgi;
  server {{
    listen 80 default_server;
    {ipv6}
    root {dir}/pages;
    location = /peer {{ return 200 "$remote_addr:$remote_port"; }}
  }}
}}
"""


class WebServer:
    """nginx in a namespace: `/` names the server, `/peer` the client's address and port as the server sees them, and
    `/big` is unlike every other server's `/big`."""

    def __init__(self, namespace, directory, ipv6=False, big_file_bytes=BIG_FILE_BYTES):
        self.namespace = namespace
        self._listen_ipv6 = "listen [::]:80 default_server;" if ipv6 else ""
        self.name = namespace.short_name
        self._dir = directory / f"web-{self.name}"
        pages = self._dir / "pages"
        pages.mkdir(parents=True)
        self.greeting = f"this is {self.name}\n"
        (pages / "index.html").write_text(self.greeting)
        big = random.Random(self.name).randbytes(big_file_bytes)
        (pages / "big").write_bytes(big)
        self.big_bytes = len(big)
        self.big_sha256 = hashlib.sha256(big).hexdigest()
        self._process = None

    def start(self):
        config = self._dir / "nginx.conf"
        config.write_text(NGINX.format(dir=self._dir, ipv6=self._listen_ipv6))
        self._process = self.namespace.start("nginx", "nginx", "-p", self._dir, "-e", self._dir / "error.log",
                                             "-c", config, directory=self._dir)
        wait_for_listener(self.namespace, 80, self._process)

    def stop(self):
        if self._process:
            self._process.stop()


class IperfServer:
    """iperf3 in a namespace; it serves one client at a time."""

    PORT = 5201

    def __init__(self, namespace, directory):
        self._namespace = namespace
        self._dir = directory / f"iperf-{namespace.short_name}"
        self._dir.mkdir()
        self._process = None

    def start(self):
        self._process = self._namespace.start("iperf3", "iperf3", "--server", "--port", self.PORT, directory=self._dir)
        wait_for_listener(self._namespace, self.PORT, self._process)

    def stop(self):
        if self._process:
            self._process.stop()


class SyslogServer:
    """A syslog receiver over UDP in a namespace, which keeps each message as a line."""

    PORT = 5514
    _PROGRAM = """
import socket
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", {port}))
print("ready", flush=True)
while True:
    print(receiver.recv(65535).decode(), flush=True)
"""

    def __init__(self, namespace, directory):
        self._namespace = namespace
        self._directory = directory
        self._process = None

    def start(self):
        self._process = self._namespace.start("syslog", sys.executable, "-c", self._PROGRAM.format(port=self.PORT),
                                              directory=self._directory)
        wait_until(lambda: self._process.log().startswith("ready"), "the syslog receiver to listen")

    def messages(self):
        """What has come in, message by message."""
        return self._process.log().splitlines()[1:]

    def stop(self):
        if self._process:
            self._process.stop()


def wait_for_listener(namespace, port, process):
    """Waits until `process` has a TCP listener on `port`."""
    def listening():
        process.assert_running()
        return namespace.run("ss", "-Htln", f"sport = :{port}").stdout.strip()
    wait_until(listening, f"{process.name} of {namespace.short_name} to listen on port {port}")


def sha256_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


