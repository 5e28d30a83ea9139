"""Frames by hand on an interface of a namespace."""

import ctypes
import os
import socket
import threading
import time

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
_EVERYTHING = 3


class RawPort:
    """An interface's frames, as they are. VLAN tags of received ones are left out, as the kernel does it."""

    def __init__(self, namespace, device):
        self._socket = None
        # A socket belongs to the namespace of the thread that makes it, and a thread of its own comes back from nowhere.
        thread = threading.Thread(target=self._open, args=(f"/run/netns/{namespace.name}", device))
        thread.start()
        thread.join()
        if self._socket is None:
            raise OSError(f"no socket on {device} of {namespace.name}")

    def _open(self, path, device):
        namespace = os.open(path, os.O_RDONLY)
        try:
            if _libc.setns(namespace, _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERYTHING))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            made.bind((device, 0))
            self._socket = made
        finally:
            os.close(namespace)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def send(self, frame):
        self._socket.send(frame)

    def receive(self, count, seconds=10):
        """The next frames that come in, as many, or those that come in time."""
        frames = []
        deadline = time.monotonic() + seconds
        while len(frames) < count and (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                frame, (*_, kind, _hardware, _sender) = self._socket.recvfrom(1 << 16)
            except TimeoutError:
                break
            if kind != socket.PACKET_OUTGOING:
                frames.append(frame)
        return frames
