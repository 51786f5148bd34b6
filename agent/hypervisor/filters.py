# SPDX-License-Identifier: Apache-2.0
"""libvirt's network filters, one for each port that has a firewall.

A filter that is there is named by the nic of its port wherever that nic is described: in the stored
domain, in the running one and in its saved memory. It stays for as long as a server has the port,
open when nothing is to be filtered any more: saved memory could not be restored without it.
libvirt changes the rules of a running guest when its filter is defined anew. That takes it a second
a guest, so it is done only where what libvirt has is not what it was told.

Each port has a lock of its own: a guest that hangs holds up its own filter alone.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any
from xml.etree import ElementTree

import libvirt

from agent.errors import HostFailed
from agent.hypervisor import guest
from agent.hypervisor.connection import Pool
from agent.hypervisor.domainxml import render_filter
from agent.hypervisor.errors import NoSuchThingError, UnsupportedCallError, translated
from agent.hypervisor.nics import find_nic
from agent.model.firewall import Firewall

PREFIX = "cumulet."

_STORED = (libvirt.VIR_DOMAIN_XML_INACTIVE, libvirt.VIR_DOMAIN_AFFECT_CONFIG)
_RUNNING = (0, libvirt.VIR_DOMAIN_AFFECT_LIVE)


class Filters:
    """The filters of one owner. Any thread may call; calls may block."""

    def __init__(self, pool: Pool, owner: str) -> None:
        """`owner` is a part of their names: those of others are left alone."""
        self._pool = pool
        self._prefix = f"{PREFIX}{owner}."
        self._locks: dict[str, threading.Lock] = {}  # by port
        self._told: dict[str, tuple[str, str]] = {}
        """By port: what libvirt was told last, and what it said of it then."""

    @contextmanager
    def held(self, connection: Any, port_ids: Iterable[str]) -> Iterator[dict[str, str]]:
        """The names of the filters that some ports have; none comes or goes meanwhile."""
        with ExitStack() as locks:
            for port_id in sorted(port_ids):
                locks.enter_context(self._lock(port_id))
            yield {
                port_id: self._name(port_id)
                for port_id in port_ids
                if _find(connection, self._name(port_id)) is not None
            }

    def list_ports(self) -> set[str]:
        """The ids of the ports that have filters of ours."""
        try:
            with self._pool.use() as connection:
                names = [found.name() for found in connection.listAllNWFilters()]
        except UnsupportedCallError:
            return set()
        return {name.removeprefix(self._prefix) for name in names if name.startswith(self._prefix)}

    def ensure(self, firewall: Firewall) -> None:
        """Have a port filtered as its firewall says, in a guest that runs too.

        An open one gets no filter, unless it has one. Takes a second where something changes.
        libvirt's test driver passes no packets, and has no filters.
        """
        port_id, name = firewall.port_id, self._name(firewall.port_id)
        xml = render_filter(firewall, name)
        with self._pool.use() as connection, self._lock(port_id):
            if connection.getType() == "TEST":
                return
            found = _find(connection, name)
            if firewall.is_open and found is None:
                return
            if found is None or self._told.get(port_id) != (xml, found.XMLDesc()):
                self._told[port_id] = (xml, _define(connection, xml).XMLDesc())
            domain = guest.find(connection, firewall.server_id)
            if domain is not None:
                _put_on(domain, firewall.mac, name)

    def remove(self, port_id: str) -> None:
        """Remove the filter of a port that is no server's; one that is in use still stays."""
        with self._pool.use() as connection, self._lock(port_id):
            self._told.pop(port_id, None)
            found = _find(connection, self._name(port_id))
            with suppress(HostFailed), translated():  # in use, or gone
                if found is not None:
                    found.undefine()

    def _lock(self, port_id: str) -> threading.Lock:
        return self._locks.setdefault(port_id, threading.Lock())

    def _name(self, port_id: str) -> str:
        return f"{self._prefix}{port_id}"


def _define(connection: Any, xml: str) -> Any:
    try:
        with translated():
            return connection.nwfilterDefineXML(xml)
    except UnsupportedCallError as error:
        raise HostFailed(
            "libvirt has no network filters here, so security groups can't be enforced: install "
            f"its driver nwfilter, and start virtnwfilterd where daemons are many. ({error})"
        ) from error


def _find(connection: Any, name: str) -> Any:
    try:
        with translated():
            return connection.nwfilterLookupByName(name)
    except (NoSuchThingError, UnsupportedCallError):
        return None


def _put_on(domain: Any, mac: str, name: str) -> None:
    """Have a domain's nic name the filter, in each description that does not yet.

    The stored one first: a guest that is started meanwhile has it then, or is found running.
    """
    _update(domain, mac, name, *_STORED)
    if domain.isActive():
        _update(domain, mac, name, *_RUNNING)
    if domain.hasManagedSaveImage():
        root = ElementTree.fromstring(domain.managedSaveGetXMLDesc())
        if _name_filter(root, mac, name) is not None:
            domain.managedSaveDefineXML(ElementTree.tostring(root, encoding="unicode"))


def _update(domain: Any, mac: str, name: str, flags: int, affects: int) -> None:
    nic = _name_filter(ElementTree.fromstring(domain.XMLDesc(flags)), mac, name)
    if nic is not None:
        domain.updateDeviceFlags(ElementTree.tostring(nic, encoding="unicode"), affects)


def _name_filter(root: ElementTree.Element, mac: str, name: str) -> ElementTree.Element | None:
    """Write the filter's name to the nic of this MAC; None where it stands or there is no nic."""
    nic = find_nic(root, mac)
    named = None if nic is None else nic.find("filterref")
    if nic is None or (named is not None and named.get("filter") == name):
        return None
    if named is not None:
        nic.remove(named)
    ElementTree.SubElement(nic, "filterref", {"filter": name})
    return nic
