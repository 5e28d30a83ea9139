"""Processes that cannot outlive the run, and waiting that ends when the thing waited for is there."""

import ctypes
import signal
import subprocess
import time

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


class LabError(Exception):
    """The lab itself does not work: not a finding about the gateway."""


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def run(argv, *, check=True, timeout=30, **kwargs):
    """Runs a short command to its end and returns it with its output as text."""
    done = subprocess.run([str(a) for a in argv], text=True, stdin=subprocess.DEVNULL, timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=_die_with_parent, **kwargs)
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(map(str, argv))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def run_together(commands, timeout=60):
    """Runs commands at the same time; returns what `run` would for each. None may print more than a pipe holds."""
    children = [subprocess.Popen([str(a) for a in argv], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, preexec_fn=_die_with_parent) for argv in commands]
    results = []
    try:
        for child in children:
            out, err = child.communicate(timeout=timeout)
            results.append(subprocess.CompletedProcess(child.args, child.returncode, out, err))
    finally:
        for child in children:
            if child.poll() is None:
                child.kill()
                child.wait()
    return results


def wait_until(condition, what, timeout=15.0, interval=0.05):
    """Polls `condition` until it returns something true, which it returns; fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise LabError(f"waited {timeout:g} s in vain for: {what() if callable(what) else what}")
        time.sleep(interval)


class Process:
    """A long-running program with its output in a file; killed with its starter, whatever happens to that one."""

    def __init__(self, name, argv, directory, env=None):
        self.name = name
        self.log_path = directory / f"{name}.log"
        with open(self.log_path, "ab") as log:
            self._child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           env=env, start_new_session=True, preexec_fn=_die_with_parent)

    @property
    def pid(self):
        return self._child.pid

    def log(self):
        return self.log_path.read_text(errors="replace")

    def exit_status(self):
        """The exit status, `None` while it runs."""
        return self._child.poll()

    def assert_running(self):
        if self.exit_status() is not None:
            raise LabError(f"{self.name} ended with status {self.exit_status()}:\n{self.log()[-4000:]}")

    def signal(self, number):
        self._child.send_signal(number)

    def wait(self, timeout):
        """Waits for the end and returns the exit status; raises `subprocess.TimeoutExpired`."""
        return self._child.wait(timeout)

    def stop(self, timeout=3.0):
        """Ends the process: politely, then not."""
        if self._child.poll() is None:
            self._child.terminate()
            try:
                return self._child.wait(timeout)
            except subprocess.TimeoutExpired:
                self._child.kill()
        return self._child.wait()
