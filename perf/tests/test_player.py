import os
import pathlib
import re
import signal
import tempfile
import threading
import time
import unittest

import captures
import gateway


class Playing(unittest.TestCase):
    def test_a_signal_in_the_middle_of_a_write_loses_nothing(self):
        frame_bytes = 100
        with tempfile.TemporaryDirectory() as directory:
            directory = pathlib.Path(directory)
            capture, pipe = directory / "capture", directory / "pipe"
            # Three times what a pipe holds, so that a writer must wait within a write.
            captures.write([capture], ((0, number.to_bytes(frame_bytes, "big")) for number in range(1700)))
            before = set(threading.enumerate())
            handler = signal.signal(signal.SIGUSR1, lambda *_: None)
            self.addCleanup(signal.signal, signal.SIGUSR1, handler)
            gateway.Player(pipe, capture, frame_bytes).start()
            [player] = set(threading.enumerate()) - before
            with open(pipe, "rb", buffering=0) as end:
                asleep = self.sleeps_in_a_write(player, 0)
                signal.pthread_kill(player.ident, signal.SIGUSR1)
                self.sleeps_in_a_write(player, asleep)
                played = bytearray()
                while part := end.read(1 << 16):
                    played += part
            player.join()
            self.assertEqual(bytes(played), capture.read_bytes())

    def sleeps_in_a_write(self, thread, times_before):
        """Waits until the thread sleeps in a write to a pipe, having slept more often than before; says how often."""
        its = pathlib.Path(f"/proc/self/task/{thread.native_id}")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            times = int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", (its / "status").read_text(), re.M)[1])
            if times > times_before and "pipe_write" in (its / "wchan").read_text():
                return times
            os.sched_yield()
        self.fail("the player is not held up by a full pipe")


if __name__ == "__main__":
    unittest.main()
