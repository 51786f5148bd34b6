# SPDX-License-Identifier: Apache-2.0
"""All that is on a libvirt, whoever made it: for a look from outside, which changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from xml.etree import ElementTree

from agent.hypervisor import guest, networks
from agent.hypervisor.base import FoundDomain, FoundNetwork, Survey
from agent.hypervisor.errors import NoSuchThingError, UnsupportedCallError, translated


def take(connection: Any) -> Survey:
    """List domains with the mark that they bear, and networks with what is in them."""
    return Survey(
        driver=connection.getType(),
        libvirt_version=version_text(connection.getLibVersion()),
        hypervisor_version=version_text(connection.getVersion()),
        domains=tuple(_list_domains(connection)),
        networks=tuple(_list_networks(connection)),
        has_filters=_has_filters(connection),
    )


def _has_filters(connection: Any) -> bool:
    try:
        with translated():
            connection.numOfNWFilters()
    except UnsupportedCallError:
        return False
    return True


def version_text(number: int) -> str:
    """Write a version as people do."""
    return f"{number // 1_000_000}.{number // 1_000 % 1_000}.{number % 1_000}"


def _list_domains(connection: Any) -> Iterator[FoundDomain]:
    for domain in connection.listAllDomains():
        with suppress(NoSuchThingError), translated():  # one may go while we look
            yield FoundDomain(
                uuid=domain.UUIDString(),
                name=domain.name(),
                owner=guest.find_owner(domain),
                is_on=bool(domain.isActive()),
            )


def _list_networks(connection: Any) -> Iterator[FoundNetwork]:
    for network in connection.listAllNetworks():
        with suppress(NoSuchThingError), translated():
            found = ElementTree.fromstring(network.XMLDesc())
            bridge, ip = found.find("bridge"), found.find("ip")
            yield FoundNetwork(
                name=network.name(),
                bridge="" if bridge is None else bridge.get("name", ""),
                address="" if ip is None else ip.get("address", ""),
                is_active=bool(network.isActive()),
                is_autostarted=bool(network.autostart()),
                reservations=tuple(networks.list_entries(network)),
                uuid=network.UUIDString(),
                owner=networks.find_owner(found),
            )
