"""The lab with a narrator: `scripts/demo` runs it."""

import sys

import topology as t
from lab import Lab
from process import LabError
from traffic import download_together, get, iperf, ping

PICTURE = t.__doc__.split("\n\n")[1]


def say(line=""):
    print(line, flush=True)


def heading(line):
    say(f"\n== {line}")


def pings(namespace, who, address, what):
    count = 50
    unanswered = ping(namespace, address, count)
    say(f"  {who} pings {what} ({address}): {count - unanswered} of {count} answered")
    return unanswered == 0


def pages(lab, red, blue):
    """Small pages, then the same big download in both tenants at once."""
    right = True
    for vm, web in ((red, lab.web), (blue, lab.web_blue)):
        page = get(vm.namespace, f"http://{t.WEB}/")
        say(f"  {vm.name} ({vm.address}) gets http://{t.WEB}/: “{page.strip()}”")
        right &= page == web.greeting
    say("  both download /big at once, from the same address and port to the same address and port …")
    hashes = download_together([(vm.namespace, f"http://{t.WEB}/big", 40000, "20M") for vm in (red, blue)],
                               lab.directory)
    for vm, web, (sha256, seconds) in zip((red, blue), (lab.web, lab.web_blue), hashes):
        verdict = "its own server's file, every byte" if sha256 == web.big_sha256 else "NOT its own server's file"
        say(f"  {vm.name}: {verdict} ({seconds:.1f} s)")
        right &= sha256 == web.big_sha256
    return right


def streams(vm):
    """iperf3 in both directions."""
    right = True
    for reverse in (False, True):
        received = iperf(vm.namespace, t.WEB, seconds=2, reverse=reverse)["sum_received"]
        direction = "to the tenant" if reverse else "from the tenant"
        say(f"  {vm.name}, TCP {direction}: {received['bits_per_second'] / 1e6:.0f} Mbit/s "
            f"({received['bytes'] / 1e6:.0f} MB)")
        right &= received["bytes"] > 0
    return right


def tables(gateway):
    for words in (("show", "ports"), ("show", "vrfs"), ("show", "neighbors"), ("show", "drops"), ("stats",)):
        say(f"\n$ nvgw {' '.join(words)}\n{gateway.table(*words).rstrip()}")


def demonstrate(keep):
    """Runs the demo; returns whether everything went as it should."""
    heading("Bringing up the lab, in network namespaces")
    say(PICTURE)
    with Lab(narrate=lambda line: say(f"  {line}")) as lab:
        lab.start_gateway()
        say("  gateway: ready, its ports are two packet sockets")
        red, blue, other = lab.vms["red-1"], lab.vms["blue-1"], lab.vms["red-2"]

        heading("ping")
        right = pings(red.namespace, red.name, red.gateway, "its gateway")
        right &= pings(red.namespace, red.name, t.WEB, "a server outside")
        right &= pings(red.namespace, red.name, other.address, "a VM in another subnet, host and VLAN")
        right &= pings(lab.web.namespace, "the internet", t.GATEWAY_INTERNET, "the gateway")

        heading("Two tenants, one address: whose page comes back?")
        right &= pages(lab, red, blue)

        heading("iperf3")
        right &= streams(red)

        heading("What the gateway says of it")
        tables(lab.gateway)
        if keep:
            heading(f"The lab stays up. Namespaces: ip netns | grep {lab.gateway_namespace.name.rsplit('-', 1)[0]}; "
                    f"admin socket: {lab.gateway.admin_socket}")
            input("Press Enter to take it down. ")
        heading("Stopping the gateway")
        status = lab.gateway.terminate(timeout=5)
        say(f"  it drained and ended with status {status}")
        right &= status == 0
    say("\nThe lab is gone. " + ("Everything went as it should." if right else "NOT everything went as it should."))
    return right


if __name__ == "__main__":
    try:
        sys.exit(0 if demonstrate(keep="--keep" in sys.argv[1:]) else 1)
    except LabError as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit("\ndemo: interrupted; the lab is gone")
