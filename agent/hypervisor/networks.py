# SPDX-License-Identifier: Apache-2.0
"""libvirt networks of ours, and the DHCP reservations in them.

Every verb looks at libvirt's XML first and acts on the difference. The caller holds one lock over
look and act. A network that somebody else made is never changed: ours is known by its address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import libvirt

from agent.errors import Conflict, HostFailed
from agent.hypervisor.base import NetworkSpec, Reservation, TakenNetwork
from agent.hypervisor.domainxml import NETWORK_NAMESPACE, render_network, render_reservation
from agent.hypervisor.errors import NoSuchThingError, UnsupportedCallError, translated

_LIVE = libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE
_CONFIG = libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG


def ensure(connection: Any, spec: NetworkSpec) -> None:
    """Define, autostart and start the network; `HostFailed` when another one has its name."""
    network = find(connection, spec.name)
    if network is None:
        network = _define(connection, spec)
    else:
        _check_same(network, spec)
    if not network.autostart():
        network.setAutostart(1)
    if not network.isActive():
        network.create()


def change(connection: Any, spec: NetworkSpec) -> None:
    """Make the network what the spec says, its reservations kept; `Conflict` while it is used.

    libvirt takes the bridge away with the old network, and puts no running guest on the new one.
    """
    network = find(connection, spec.name)
    if network is None:
        ensure(connection, spec)
        return
    _check_same(network, spec)
    guests = _list_guests(connection, spec)
    if guests:
        raise Conflict(
            f"libvirt network {spec.name!r} can't be changed while guests run on it: "
            f"{', '.join(guests)}. Shut them down first."
        )
    reservations = list_entries(network)
    if network.isActive():
        network.destroy()
    try:
        _define(connection, replace(spec, uuid=network.UUIDString()), reservations)
    finally:
        ensure(connection, spec)


def find(connection: Any, name: str) -> Any:
    """Find a network by its name, or None."""
    try:
        with translated():
            return connection.networkLookupByName(name)
    except NoSuchThingError:
        return None


def list_taken(connection: Any) -> list[TakenNetwork]:
    """List all networks of this libvirt with their bridges and IPv4 subnets."""
    return [_read_taken(network.XMLDesc()) for network in connection.listAllNetworks()]


def list_private(connection: Any, owner: str) -> dict[str, str]:
    """The host's own address on each network that bears this owner's mark, by uuid."""
    found = {}
    for network in connection.listAllNetworks():
        with suppress(NoSuchThingError), translated():  # one may go while we look
            root = ElementTree.fromstring(network.XMLDesc())
            if find_owner(root) == owner:
                ip = root.find("ip")
                found[network.UUIDString()] = "" if ip is None else ip.get("address", "")
    return found


def remove(connection: Any, uuid: str, owner: str) -> None:
    """Stop and undefine a network that bears this owner's mark; nothing when there is none."""
    with suppress(NoSuchThingError), translated():
        network = connection.networkLookupByUUIDString(uuid)
        if find_owner(ElementTree.fromstring(network.XMLDesc())) != owner:
            return
        if network.isActive():
            network.destroy()
        network.undefine()


def find_owner(root: ElementTree.Element) -> str | None:
    """Whose private network this is, by our mark; None when it bears none."""
    return root.findtext(f"metadata/{{{NETWORK_NAMESPACE}}}network/{{{NETWORK_NAMESPACE}}}owner")


def reserve(network: Any, wanted: Reservation) -> None:
    """Make a reservation in what runs and in what is stored, replacing stale ones."""
    for scope, flags in _scopes(network):
        entries = _read_entries(network, flags)
        if wanted in map(_read_reservation, entries):
            continue
        for entry in entries:
            found = _read_reservation(entry)
            if found.mac == wanted.mac or found.ip == wanted.ip:
                _update(network, libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE, scope, _text(entry))
        new = render_reservation(wanted)
        _update(network, libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, scope, new)


def release(network: Any, mac: str) -> None:
    """Remove the reservation of a MAC wherever there is one."""
    for scope, flags in _scopes(network):
        for entry in _read_entries(network, flags):
            if _read_reservation(entry).mac == mac:
                _update(network, libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE, scope, _text(entry))


def list_entries(network: Any) -> list[Reservation]:
    """List the DHCP host entries of a network."""
    return [_read_reservation(entry) for entry in _read_entries(network, 0)]


def _define(connection: Any, spec: NetworkSpec, reservations: Sequence[Reservation] = ()) -> Any:
    netmask = str(ipaddress.ip_network(spec.cidr).netmask)
    return connection.networkDefineXML(
        render_network(spec, netmask=netmask, reservations=reservations)
    )


def _list_guests(connection: Any, spec: NetworkSpec) -> list[str]:
    """The names of running domains with an interface on the network, whoever made them."""
    names = []
    for domain in connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
        with suppress(NoSuchThingError), translated():
            sources = ElementTree.fromstring(domain.XMLDesc()).findall("devices/interface/source")
            if any(
                source.get("bridge") == spec.bridge or source.get("network") == spec.name
                for source in sources
            ):
                names.append(domain.name())
    return sorted(names)


def _read_taken(xml: str) -> TakenNetwork:
    found = ElementTree.fromstring(xml)
    bridge = found.find("bridge")
    cidrs = [
        f"{ip.get('address')}/{ip.get('netmask') or ip.get('prefix')}"
        for ip in found.findall("ip")
        if ip.get("family", "ipv4") == "ipv4" and (ip.get("netmask") or ip.get("prefix"))
    ]
    return TakenNetwork(
        name=found.findtext("name", ""),
        bridge="" if bridge is None else bridge.get("name", ""),
        cidr=cidrs[0] if cidrs else None,
    )


def _check_same(network: Any, spec: NetworkSpec) -> None:
    found = ElementTree.fromstring(network.XMLDesc())
    ip = found.find("ip")
    bridge = found.find("bridge")
    address = "none" if ip is None else ip.get("address", "none")
    bridge_name = "none" if bridge is None else bridge.get("name", "none")
    if (address, bridge_name) != (spec.gateway, spec.bridge):
        raise HostFailed(
            f"libvirt network {spec.name!r} exists with address {address} on bridge {bridge_name}, "
            f"not {spec.gateway} on {spec.bridge}: somebody else made it. "
            "Choose another name in the configuration, or remove that network."
        )


def _scopes(network: Any) -> list[tuple[int, int]]:
    """What to update, each with the flags that show it: the running network and the stored one."""
    stored = (_CONFIG, libvirt.VIR_NETWORK_XML_INACTIVE)
    try:
        with translated():
            network.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE)
    except UnsupportedCallError:  # the test driver keeps one copy
        return [(libvirt.VIR_NETWORK_UPDATE_AFFECT_CURRENT, 0)]
    return [(_LIVE, 0), stored] if network.isActive() else [stored]


def _read_entries(network: Any, flags: int) -> list[ElementTree.Element]:
    return ElementTree.fromstring(network.XMLDesc(flags)).findall("ip/dhcp/host")


def _read_reservation(entry: ElementTree.Element) -> Reservation:
    return Reservation(mac=entry.get("mac", "").lower(), ip=entry.get("ip", ""))


def _text(entry: ElementTree.Element) -> str:
    entry.tail = None
    return ElementTree.tostring(entry, encoding="unicode")


def _update(network: Any, command: int, scope: int, entry: str) -> None:
    network.update(command, libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST, -1, entry, scope)
