"""Network namespaces and the cables between them. The root namespace gets no interface, address or route."""

import json
import os
import pathlib
import re
import shutil
import tempfile

from process import LabError, Process, run

PREFIX = "nvl"


def remove_stale():
    """Removes the namespaces and directories of runs that were killed before they could tidy up."""
    def abandoned(name):
        owner = re.match(rf"{PREFIX}(\d+)-", name)
        return owner and not os.path.exists(f"/proc/{owner[1]}")

    for entry in json.loads(run(["ip", "-j", "netns", "list"]).stdout or "[]"):
        if abandoned(entry["name"]):
            run(["ip", "netns", "del", entry["name"]], check=False)
    for directory in pathlib.Path(tempfile.gettempdir()).iterdir():
        if abandoned(directory.name):
            shutil.rmtree(directory, ignore_errors=True)


class Namespace:
    """A network namespace, without IPv6 unless asked, so that no router solicitation or MLD report blurs a counter."""

    def __init__(self, short_name, ipv6=False):
        self.short_name = short_name
        self.name = f"{PREFIX}{os.getpid()}-{short_name}"
        run(["ip", "netns", "add", self.name])
        if ipv6:
            # Addresses are given, and nobody else has them: there is no reason to wait before they are used.
            for name, value in (("accept_dad", 0), ("accept_ra", 0), ("autoconf", 0)):
                self.sysctl(f"net.ipv6.conf.default.{name}", value)
        else:
            self.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
            self.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
        self.ip("link", "set", "lo", "up")

    def argv(self, *argv):
        return ["ip", "netns", "exec", self.name, *argv]

    def run(self, *argv, **kwargs):
        return run(self.argv(*argv), **kwargs)

    def start(self, name, *argv, directory, env=None):
        return Process(name, self.argv(*argv), directory, env)

    def ip(self, *argv):
        return run(["ip", "-n", self.name, *argv])

    def sysctl(self, key, value):
        # `ip netns exec` would remount /sys for nothing; /proc/sys/net follows the namespace of who opens it.
        run(["nsenter", f"--net=/run/netns/{self.name}", "sysctl", "-qw", f"{key}={value}"])

    def address(self, device, address):
        self.ip("address", "add", address, "dev", device)

    def route(self, prefix, via):
        self.ip("-6" if ":" in via else "-4", "route", "add", prefix, "via", via)

    def counters(self, device):
        """The kernel's own packet counters of a device: (received, transmitted)."""
        link = json.loads(self.ip("-s", "-j", "link", "show", "dev", device).stdout)[0]
        return link["stats64"]["rx"]["packets"], link["stats64"]["tx"]["packets"]

    def delete(self):
        run(["ip", "netns", "del", self.name], check=False)


def cable(end_a, end_b, mtu, mac_a=None):
    """Connects (namespace, interface) with (namespace, interface) by a veth pair of one queue each."""
    (ns_a, if_a), (ns_b, if_b) = end_a, end_b
    run(["ip", "link", "add", if_a, "netns", ns_a.name, "numtxqueues", "1", "numrxqueues", "1", "type", "veth",
         "peer", "name", if_b, "netns", ns_b.name, "numtxqueues", "1", "numrxqueues", "1"])
    for ns, device in (end_a, end_b):
        # Checksums and segments are left to "hardware" that a veth has not, and VLAN tags to metadata that
        # neither AF_XDP nor a capture of the raw frame carries.
        for feature in ("tx", "rx", "tso", "gso", "gro", "txvlan", "rxvlan"):
            ns.run("ethtool", "-K", device, feature, "off", check=False)
        features = ns.run("ethtool", "-k", device).stdout
        for feature in ("tx-checksumming", "tcp-segmentation-offload", "generic-receive-offload", "tx-vlan-offload"):
            if not re.search(rf"^{feature}: off", features, re.MULTILINE):
                raise LabError(f"{ns.short_name}/{device}: {feature} cannot be switched off")
    if mac_a:
        ns_a.ip("link", "set", if_a, "address", mac_a)
    for ns, device in (end_a, end_b):
        ns.ip("link", "set", device, "mtu", str(mtu), "up")
