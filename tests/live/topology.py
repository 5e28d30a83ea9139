"""The lab's addresses, its virtual machines, and the gateway's configuration file.

                 VLAN 20 ┌─ h1 (OVS) ── red-1  10.0.1.5        VLAN 300 ┌─ web       203.0.113.80
   provider ─── fabric ──┤             └ blue-1 10.0.1.5                │
   (wire0)       (OVS)   ├─ router ─ VLAN 10 ─ h3 (OVS) ─ red-3   wire1 ┤
                 VLAN 30 └─ h2 (OVS) ── red-2  10.0.2.6        VLAN 301 └─ web-blue  203.0.113.80

red-1 and blue-1 share customer address, MAC and host; web and web-blue share their address. red leaves by the shared
internet VRF, blue by a hand-off VLAN of its own, so that the same connection may exist twice at the same time.
"""

from dataclasses import dataclass

PROVIDER_MTU = 1600
MTU = 1500
# 1,500 bytes of the customer fit the provider network with the 42 bytes of NVGRE.
assert MTU + 42 <= PROVIDER_MTU

VLAN_A, VLAN_B, VLAN_REMOTE = 20, 30, 10
VLAN_INTERNET, VLAN_BLUE = 300, 301

GATEWAY_A, GATEWAY_B = "100.64.20.10", "100.64.30.10"
ROUTER_A, ROUTER_REMOTE = "100.64.20.1", "100.64.10.1"
H1, H2, H3 = "100.64.20.30", "100.64.30.2", "100.64.10.2"

GATEWAY_INTERNET, GATEWAY_BLUE = "198.18.0.2", "198.18.1.2"
WEB_INTERNET, WEB_BLUE = "198.18.0.1", "198.18.1.1"
WEB = "203.0.113.80"

GATEWAY_MAC = "02:00:5e:00:01:01"


@dataclass
class VirtualMachine:
    """A VM; `send_vsid` is what its host writes on frames toward the gateway."""

    name: str
    tenant: str
    vsid: int
    address: str
    gateway: str
    mac: str
    host: str
    provider_address: str
    send_vsid: int = 0
    mtu: int = MTU
    namespace: object = None

    def __post_init__(self):
        self.send_vsid = self.send_vsid or self.vsid


def virtual_machines():
    """The VMs of the lab, not yet in any namespace."""
    return [
        VirtualMachine("red-1", "red", 5001, "10.0.1.5", "10.0.1.1", "02:15:5d:00:00:05", "h1", H1),
        VirtualMachine("blue-1", "blue", 6001, "10.0.1.5", "10.0.1.1", "02:15:5d:00:00:05", "h1", H1),
        VirtualMachine("red-2", "red", 5002, "10.0.2.6", "10.0.2.1", "02:15:5d:00:00:06", "h2", H2),
        # As behind a Hyper-V host, which writes the VSID of the gateway's own virtual subnet.
        VirtualMachine("red-3", "red", 5002, "10.0.2.7", "10.0.2.1", "02:15:5d:00:00:07", "h3", H3, send_vsid=5001),
    ]


CONFIG = f"""\
system:
  control-core: 0
  worker-cores: {{worker_cores}}
  worker-idle: {{worker_idle}}
  hugepages: off
  memory-mb: 256
  state-dir: {{dir}}/state
  admin-socket: {{dir}}/admin.sock
  metrics-listen: 127.0.0.1:9477
  limits: {{{{ vsids: 1024, records: 4096, external-routes: 4096 }}}}

ports:
  - {{{{ name: wire0, device: "{{driver}}0,iface=wire0", mtu: {PROVIDER_MTU}, rx-queues: 1 }}}}
  - {{{{ name: wire1, device: "{{driver}}1,iface=wire1", mtu: {MTU}, rx-queues: 1 }}}}

provider:
  sites:
    - name: site-a
      port: wire0
      vlan: {VLAN_A}
      subnet: 100.64.20.0/24
      addresses: [{GATEWAY_A}]
      gateway: {ROUTER_A}
    - name: site-b
      port: wire0
      vlan: {VLAN_B}
      subnet: 100.64.30.0/24
      addresses: [{GATEWAY_B}]

external:
  - name: internet
    port: wire1
    vlan: {VLAN_INTERNET}
    addresses: [{GATEWAY_INTERNET}/24]
    gateway: {WEB_INTERNET}
  - name: blue-uplink
    port: wire1
    vlan: {VLAN_BLUE}
    addresses: [{GATEWAY_BLUE}/24]
    gateway: {WEB_BLUE}
    tenant: blue

tenants:
  - name: red
    gateway-mac: {GATEWAY_MAC}
    subnets:
      - {{{{ vsid: 5001, prefix: 10.0.1.0/24, gateway: 10.0.1.1 }}}}
      - {{{{ vsid: 5002, prefix: 10.0.2.0/24, gateway: 10.0.2.1 }}}}
    records:
{{red_records}}
    external: internet
    public-prefixes: [10.0.1.0/24, 10.0.2.0/24]
  - name: blue
    gateway-mac: {GATEWAY_MAC}
    subnets:
      - {{{{ vsid: 6001, prefix: 10.0.1.0/24, gateway: 10.0.1.1 }}}}
    records:
{{blue_records}}
    external: blue-uplink
"""

ONE_MORE_TENANT = f"""\
  - name: green
    gateway-mac: {GATEWAY_MAC}
    subnets:
      - {{ vsid: 7001, prefix: 10.0.1.0/24, gateway: 10.0.1.1 }}
    records:
      - {{ vsid: 7001, address: 10.0.1.5, mac: 02:15:5d:00:00:05, provider-address: {H1} }}
"""


def configuration(directory, driver, worker_cores, worker_idle="poll"):
    """The gateway's configuration file for ports of a DPDK driver, `net_af_packet` or `net_af_xdp`."""
    def records(tenant):
        return "\n".join(f"      - {{ vsid: {vm.vsid}, address: {vm.address}, mac: {vm.mac}, "
                         f"provider-address: {vm.provider_address}, name: {vm.name} }}"
                         for vm in virtual_machines() if vm.tenant == tenant)
    return CONFIG.format(dir=directory, driver=driver, worker_cores=worker_cores, worker_idle=worker_idle,
                         red_records=records("red"), blue_records=records("blue"))
