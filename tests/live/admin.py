"""The admin API, spoken by someone who has not read its code: HTTP and JSON over a Unix socket."""

import http.client
import json
import socket


class AdminConnection(http.client.HTTPConnection):
    """A connection to the admin socket, kept open from one request to the next."""

    def __init__(self, path, timeout=30):
        super().__init__("localhost", timeout=timeout)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)

    def get(self, path):
        """The document at a path."""
        return self._ask("GET", path)

    def change(self, changes, **more):
        """Applies changes and returns the answer; raises `Refused`, or `OSError` where the gateway goes away."""
        return self._ask("POST", "/v1/changes", {"changes": changes, **more})

    def _ask(self, method, path, document=None):
        body = None if document is None else json.dumps(document)
        try:
            self.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            response = self.getresponse()
            text = response.read()
        except http.client.HTTPException as gone:
            raise ConnectionError(str(gone)) from gone
        if response.status != 200:
            raise Refused(f"{response.status}: {text.decode()}")
        return json.loads(text)


class Refused(Exception):
    """The gateway says no."""
