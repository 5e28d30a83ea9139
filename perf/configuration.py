"""The gateway's configuration for a row of the ladder."""

import flows
import frames
import internet

# A packet buffer with what belongs to it, and what all but the capture's frames want of them, in MiB.
BUFFER_BYTES, BASE_MEMORY, SMALL_CAPTURE = 2560, 1024, 131072
# Neighbours of the external network begin here.
FIRST_NEXT_HOP = "198.18.0.16"


def memory_mb(capture_frames):
    """Memory for packet buffers: every frame of a capture stays in one."""
    return BASE_MEMORY if capture_frames <= SMALL_CAPTURE else BASE_MEMORY + capture_frames * BUFFER_BYTES // 2**20


def quoted(family, number):
    """An address as YAML has it: IPv6's begins or ends with a colon."""
    text = family.text(number)
    return text if family.version == 4 else f'"{text}"'


def _mac(octets):
    return octets.hex(":")


def _records(row):
    """YAML lines of the lookup records, by virtual subnet: the first flows have a customer each."""
    rung, inner, outer = row.rung, row.shape.inner, row.shape.outer
    hosts = [quoted(outer, outer.host(host)) for host in range(flows.host_of(rung.vsids - 1) + 1)]
    records = {}
    for customer in range(rung.customers):
        subnet, place = rung.customer(customer)
        records.setdefault(subnet, []).append(
            f"      - {{ vsid: {flows.FIRST_VSID + subnet}, address: {quoted(inner, inner.customer(subnet, place))}, "
            f"mac: {_mac(flows.customer_mac(customer))}, provider-address: {hosts[flows.host_of(subnet)]} }}")
    return records


def _external(row, table):
    inner = row.shape.inner
    lines = ["external:", "  - name: internet", "    port: external0", f"    addresses: [\"{inner.external_address}\"]",
             f"    gateway: \"{inner.external_gateway}\""]
    if table:
        hops = [flows.IPV4.text(flows.number_of(FIRST_NEXT_HOP) + hop) for hop in range(internet.NEXT_HOPS)]
        lines += ["    routes:", *(f"      - {{ prefix: {flows.IPV4.text(prefix)}/{length}, next-hop: {hops[hop]} }}"
                                   for prefix, length, hop in table)]
    return lines


def _neighbors(row):
    inner, outer = row.shape.inner, row.shape.outer
    lines = ["neighbors:", f"  - {{ network: internet, address: \"{inner.external_gateway}\", "
                           f"mac: {frames.EXTERNAL_GATEWAY_MAC} }}"]
    if row.rung.routes:
        lines += [f"  - {{ network: internet, address: {flows.IPV4.text(flows.number_of(FIRST_NEXT_HOP) + hop)}, "
                  f"mac: {_mac(bytes((2, 0xDD)) + hop.to_bytes(4, 'big'))} }}" for hop in range(internet.NEXT_HOPS)]
    return lines + [f"  - {{ network: site, address: {quoted(outer, outer.host(host))}, "
                    f"mac: {_mac(flows.host_mac(host))} }}"
                    for host in range(flows.host_of(row.rung.vsids - 1) + 1)]


def _tenant(row, subnet, records, translated):
    """One tenant for each virtual subnet."""
    rung, inner = row.rung, row.shape.inner
    first = inner.subnet(subnet)
    prefix = f"\"{inner.text(first)}/{inner.subnet_length}\""
    return [f"  - name: t{subnet}", f"    gateway-mac: {frames.GATEWAY_MAC}",
            f"    nat: {{ pools: [{{ addresses: {rung.public_prefix}, block-size: {rung.block} }}] }}"
            if translated else f"    public-prefixes: [{prefix}]",
            f"    subnets: [{{ vsid: {flows.FIRST_VSID + subnet}, prefix: {prefix}, "
            f"gateway: {quoted(inner, first + 1)} }}]",
            "    records:", *records]


def document(row, devices, directory, cores, hugepages, translated=False, table=None):
    """All tenants on one shared internet, every neighbour static. Tenants' addresses are public, or all of them are
    translated by one pool. `devices`: the provider's and the external port's; `cores`: control, then the workers'. `table`: the external routes, where they
    are not the rung's."""
    rung, outer = row.rung, row.shape.outer
    prefixes = rung.routes + rung.vsids + 1024
    lines = [f"""\
system:
  control-core: {cores[0]}
  worker-cores: {list(cores[1:])}
  hugepages: {"required" if hugepages else "off"}
  memory-mb: {memory_mb(rung.capture_frames)}
  state-dir: {directory}/state
  admin-socket: {directory}/admin.sock
  metrics-listen: off
  limits:
    vsids: 65536
    records: {max(131072, rung.customers)}
    external-routes: {prefixes}
    external-routes-ipv6: {prefixes}
    nat-sessions: {max(131072, rung.flows) if translated else 131072}

ports:
  - {{ name: provider0, device: "{devices[0]}", mac: "{frames.PROVIDER_PORT_MAC}", mtu: 1600 }}
  - {{ name: external0, device: "{devices[1]}", mac: "{frames.EXTERNAL_PORT_MAC}", mtu: 1500 }}

provider:
  # Nobody is there who could answer a probe, and none shall be among what is measured.
  duplicate-address-detection: off
  check-paths-every: 0
  sites:
    - name: site
      port: provider0
      subnet: "{outer.provider_subnet}"
      addresses: ["{outer.gateway}"]
"""]
    lines += [*_external(row, row.rung.table if table is None else table), "", "tenants:"]
    for subnet, records in _records(row).items():
        lines += _tenant(row, subnet, records, translated)
    return "\n".join([*lines, "", *_neighbors(row)]) + "\n"
