"""Open vSwitch's userspace datapath, one instance per namespace: VLAN switches and NVGRE compute hosts.

Needs neither kernel modules beyond veth and tun nor hugepages. Nobody of this project wrote it, which is why it
stands at the far end of every tunnel.
"""

import os

from netns import Namespace, cable
from process import run, wait_until

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


class OpenVSwitch:
    """A database server and a switch daemon in `namespace`, in the foreground, with all files in `directory`."""

    def __init__(self, namespace, directory):
        self.namespace = namespace
        self.directory = directory / f"ovs-{namespace.short_name}"
        self.directory.mkdir()
        self._env = {**os.environ, "OVS_RUNDIR": str(self.directory), "OVS_LOGDIR": str(self.directory),
                     "OVS_DBDIR": str(self.directory)}
        self._remote = f"unix:{self.directory}/db.sock"
        self._processes = []

    def start(self):
        database = self.directory / "conf.db"
        run(["ovsdb-tool", "create", database, SCHEMA])
        self._spawn("ovsdb-server", database, f"--remote=p{self._remote}", "--no-chdir")
        wait_until((self.directory / "db.sock").exists, "ovsdb-server's socket")
        self.vsctl("--no-wait", "init")
        self._spawn("ovs-vswitchd", self._remote, "--no-chdir")

    def _spawn(self, program, *argv):
        process = self.namespace.start(program, program, *argv, directory=self.directory, env=self._env)
        self._processes.append(process)

    def vsctl(self, *argv):
        return run(["ovs-vsctl", "--timeout=20", f"--db={self._remote}", *argv], env=self._env)

    def ofctl(self, *argv):
        return run(["ovs-ofctl", *argv], env=self._env)

    def add_bridge(self, bridge):
        self.vsctl("add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=netdev")

    def add_port(self, bridge, device, *settings):
        """Adds a port; `settings` are columns of the Port table."""
        extra = ("--", "set", "port", device, *settings) if settings else ()
        self.vsctl("add-port", bridge, device, *extra)

    def stop(self):
        for process in reversed(self._processes):
            process.stop()


class ComputeHost:
    """A host of virtual machines: each frame of a VM travels in NVGRE to the gateway, as `VSID << 8`.

    `provider_gateway` is what the host reaches `gateway_address` through, when that is on another subnet.
    """

    def __init__(self, name, directory, address, gateway_address, mtu, provider_gateway=None):
        self.namespace = Namespace(name, ipv6=":" in address)
        self.switch = OpenVSwitch(self.namespace, directory)
        self._settings = (address, gateway_address, provider_gateway)
        self._mtu = mtu

    def start(self, uplink):
        """Brings the host up on `uplink`, an interface of its namespace."""
        address, gateway_address, provider_gateway = self._settings
        switch = self.switch
        switch.start()
        switch.add_bridge("br-phy")
        switch.add_port("br-phy", uplink)
        switch.add_bridge("br-int")
        switch.vsctl("add-port", "br-int", "nvgre0", "--", "set", "interface", "nvgre0", "type=gre",
                     f"options:remote_ip={gateway_address}", "options:key=flow")
        switch.ofctl("del-flows", "br-int")
        self.namespace.address("br-phy", address)
        self.namespace.ip("link", "set", "br-phy", "up")
        if provider_gateway:
            self.namespace.route("default", provider_gateway)

    def attach(self, vm, socket=None):
        """Plugs a VM's cable in and gives its virtual subnet two flow rules.

        `socket`: the (namespace, interface) that the cable ends in, when that is not the VM's own.
        """
        port = f"p-{vm.name}"
        if socket:
            cable(socket, (self.namespace, port), vm.mtu)
        else:
            cable((vm.namespace, "eth0"), (self.namespace, port), vm.mtu, mac_a=vm.mac)
        self.switch.add_port("br-int", port)
        self.switch.ofctl("add-flow", "br-int", f"in_port={port},actions=set_field:{vm.send_vsid << 8}->tun_id,nvgre0")
        # The low eight bits are the FlowID, which says nothing about whose frame it is.
        self.switch.ofctl("add-flow", "br-int", f"in_port=nvgre0,tun_id={vm.vsid << 8}/0xffffff00,actions={port}")

    def stop(self):
        self.switch.stop()
