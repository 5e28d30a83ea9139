"""The gateway's configuration for a rung of the ladder."""

import ipaddress

import traffic


# Captures of more frames want more packet buffers than the default's megabytes hold.
MANY_FLOWS, MUCH_MEMORY = 131072, 3584


def _address(number):
    return str(ipaddress.ip_address(number))


def _mac(octets):
    return octets.hex(":")


def _records(rung):
    """YAML lines of the lookup records, by virtual subnet."""
    records = {}
    # The first flows have a customer each.
    for flow in traffic.flows(rung)[:rung.customers]:
        records.setdefault(flow.subnet, []).append(
            f"      - {{ vsid: {flow.subnet.vsid}, address: {_address(flow.address)}, mac: {_mac(flow.mac)}, "
            f"provider-address: {_address(traffic.host_address(flow.subnet.host))} }}")
    return records


def document(rung, provider_device, external_device, directory, worker_core, control_core, hugepages, translated):
    """One tenant for each virtual subnet, all on one shared internet; every neighbour is static. Tenants' addresses are
    public, or all of them are translated by one pool."""
    lines = [f"""\
system:
  control-core: {control_core}
  worker-cores: [{worker_core}]
  hugepages: {"required" if hugepages else "off"}
  memory-mb: {MUCH_MEMORY if rung.flows > MANY_FLOWS else 1024}
  state-dir: {directory}/state
  admin-socket: {directory}/admin.sock
  metrics-listen: off
  limits: {{ vsids: 65536, records: 131072, external-routes: 65536, nat-sessions: {max(131072, rung.flows)} }}

ports:
  - {{ name: provider0, device: "{provider_device}", mac: "{traffic.PROVIDER_PORT_MAC}", mtu: 1600 }}
  - {{ name: external0, device: "{external_device}", mac: "{traffic.EXTERNAL_PORT_MAC}", mtu: 1500 }}

provider:
  # Nobody is there who could answer a probe, and none shall be among what is measured.
  duplicate-address-detection: off
  check-paths-every: 0
  sites:
    - name: site
      port: provider0
      subnet: {traffic.PROVIDER_SUBNET}
      addresses: [{traffic.GATEWAY_ADDRESS}]

external:
  - name: internet
    port: external0
    addresses: [198.18.0.2/24]
    gateway: 198.18.0.1

tenants:"""]
    records = _records(rung)
    for subnet, its_records in records.items():
        prefix = f"{_address(subnet.prefix)}/24"
        lines += [f"  - name: t{subnet.index}",
                  f"    gateway-mac: {traffic.GATEWAY_MAC}",
                  f"    nat: {{ pools: [{{ addresses: {rung.public_prefix}, block-size: {rung.block} }}] }}"
                  if translated else f"    public-prefixes: [{prefix}]",
                  f"    subnets: [{{ vsid: {subnet.vsid}, prefix: {prefix}, gateway: {_address(subnet.prefix + 1)} }}]",
                  "    records:", *its_records]
    lines += ["", "neighbors:",
              f"  - {{ network: internet, address: 198.18.0.1, mac: {traffic.EXTERNAL_GATEWAY_MAC} }}"]
    for host in sorted({subnet.host for subnet in records}):
        lines.append(f"  - {{ network: site, address: {_address(traffic.host_address(host))}, "
                     f"mac: {_mac(traffic.host_mac(host))} }}")
    return "\n".join(lines) + "\n"
