# SPDX-License-Identifier: Apache-2.0
"""How long one look at 1,000 domains takes, against asking each for its state, in one run.

    python -m bench.sweep [DOMAINS]

On libvirt's test driver, and on a private libvirtd's QEMU driver over its socket.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import libvirt

from agent.hypervisor.domainxml import render_domain
from agent.hypervisor.host import Host
from bench.ground import spread
from tests.domain_specs import OWNER, make_spec
from tests.fast.smallcloud import NODE
from tests.lab.private_host import PrivateHost

DOMAINS = 1000
ROUNDS = 15


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else DOMAINS
    with tempfile.TemporaryDirectory() as folder:
        node = Path(folder) / "node.xml"
        node.write_text(NODE)
        measure("test driver", f"test://{node}", "test", count)
    with PrivateHost.start() as private:
        measure("QEMU driver", private.uri, "qemu", count)


def measure(name: str, uri: str, virt_type: str, count: int) -> None:
    connection = libvirt.open(uri)
    host = Host(uri, owner=OWNER, virt_type=virt_type, connect=lambda: connection)
    hardware = host.resolve_hardware({})
    for number in range(count):
        server_id = str(uuid.uuid4())
        one = make_spec(server_id, domain_name=f"bench-{number}", hardware=hardware)
        connection.defineXML(render_domain(replace(one, nics=()), owner=OWNER, version=""))
    assert len(host.sweep()) == count
    sweeps = [timed(host.sweep) for _ in range(ROUNDS)]
    each = [
        timed(lambda: [domain.state() for domain in connection.listAllDomains()]) for _ in range(3)
    ]
    middle, floor = statistics.median(sweeps), statistics.median(each)
    print(
        f"{name}: sweep of {count} domains {middle * 1000:.1f} ms {spread(sweeps)}, "
        f"state() of each {floor * 1000:.1f} ms: {middle / floor:.2f} of it   (aim: about 10 ms)"
    )
    connection.close()


def timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


if __name__ == "__main__":
    main()
