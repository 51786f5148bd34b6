# SPDX-License-Identifier: Apache-2.0
"""What libvirt says of the host's processor, out of the XML of its capabilities."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from agent.model.host import CpuFacts


def read_cpu(connection: Any) -> CpuFacts:
    """Describe the processor; what the driver does not tell is empty, the numbers `getInfo`'s."""
    cpu = ElementTree.fromstring(connection.getCapabilities()).find("host/cpu")
    sockets, cores, threads = connection.getInfo()[5:8]
    if cpu is None:
        return CpuFacts(sockets=sockets, cores=cores, threads=threads)
    names = (feature.get("name") for feature in cpu.findall("feature"))
    return CpuFacts(
        arch=cpu.findtext("arch", ""),
        model=cpu.findtext("model", ""),
        vendor=cpu.findtext("vendor", ""),
        sockets=sockets,
        cores=cores,
        threads=threads,
        features=tuple(sorted(name for name in names if name)),
    )
