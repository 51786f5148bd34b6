# SPDX-License-Identifier: Apache-2.0
"""A server as each version of the Compute API shows it. Pure: a value in, a dict out.

list      brief_view
detail    server_view
show      server_view, with its groups
create    created_view
update    updated_view: the core below STRICT, then all that show has
rebuild   rebuilt_view: the same, and the password
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from agent.actions import status
from agent.api import changes
from agent.api.changes import Change
from agent.api.microversion import Microversion
from agent.api.replies import iso_micros, iso_seconds
from agent.model.booting import find_boot
from agent.model.hostname import instance_name
from agent.model.securitygroup import DEFAULT
from agent.model.server import Fault, Flavor, Nic, Server
from agent.model.states import Status, TaskState

SHOWS_PROGRESS = frozenset({"ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"})
SHOWS_FAULT = frozenset({Status.ERROR, Status.DELETED})

Addresses = dict[str, list[dict[str, Any]]]
"""Entries by the names of their networks."""


@dataclass(frozen=True, slots=True)
class Viewing:
    """For whom servers are shown, and in which version."""

    base: str  # where clients find this cloud, without a slash at the end
    version: Microversion
    for_admin: bool
    is_host_known: bool = True  # what is recorded says nothing once the host is silent for long


_Field = Callable[[Server], Any]
_Fields = tuple[tuple[Change, str, _Field], ...]

_CORE: _Fields = (
    (changes.LOCKED, "locked", lambda server: server.locked_by is not None),
    (changes.DESCRIPTION, "description", lambda server: server.description),
    (changes.TAGS, "tags", lambda server: list(server.tags)),
    (changes.TRUSTED_CERTIFICATES, "trusted_image_certificates", lambda server: None),
    (changes.LOCKED_REASON, "locked_reason", lambda server: server.locked_reason),
)
"""What later versions show in every view of a whole server."""

_EXTENDED: _Fields = (
    (changes.HOSTNAME, "OS-EXT-SRV-ATTR:hostname", lambda server: server.hostname),
    (changes.PINNED_ZONE, "pinned_availability_zone", lambda server: server.pinned_zone),
)
"""And where extensions are shown too."""


@cache
def _core_of(version: Microversion) -> Sequence[tuple[str, _Field]]:
    """The core's fields that only some versions have, and this one has."""
    return _those_of(version, _CORE)


@cache
def _extended_of(version: Microversion) -> Sequence[tuple[str, _Field]]:
    """The same of the extensions."""
    return _those_of(version, _EXTENDED)


def _those_of(version: Microversion, fields: _Fields) -> Sequence[tuple[str, _Field]]:
    return [(name, value) for change, name, value in fields if version.has(change)]


def brief_view(server: Server, base: str) -> dict[str, Any]:
    """Show a server in a list."""
    return {"id": server.id, "name": server.name, "links": _links(server.id, base)}


def created_view(
    server: Server, admin_pass: str, security_groups: Sequence[str], base: str
) -> dict[str, Any]:
    """Show what a create request answers: the one time that the password is told.

    Its security groups are called what the request calls them.
    """
    return {
        "id": server.id,
        "links": _links(server.id, base),
        "adminPass": admin_pass,
        "OS-DCF:diskConfig": server.disk_config,
        "security_groups": [{"name": name} for name in security_groups or (DEFAULT,)],
    }


def server_view(server: Server, viewing: Viewing, *, with_groups: bool = False) -> dict[str, Any]:
    """Show everything of a server that its project, or an admin, may see."""
    version = viewing.version
    view = {
        **_core(server, viewing),
        "addresses": _addresses(server.nics),
        "OS-EXT-AZ:availability_zone": server.availability_zone or "",
        "config_drive": "True" if server.config_drive else "",
        "key_name": server.key_name,
        **_security_groups(tuple(nic.security_groups for nic in server.nics)),
        "os-extended-volumes:volumes_attached": [],
        **_states(server),
    }
    if viewing.for_admin:
        view |= _placement(server)
        if version.has(changes.SERVER_ATTRIBUTES):
            view |= _attributes(server)
        if version.has(changes.HOST_STATUS):
            view["host_status"] = _host_status(server, viewing)
    for name, value in _extended_of(version):
        view[name] = value(server)
    return view | (_groups(server, version) if with_groups else {})


def updated_view(server: Server, viewing: Viewing) -> dict[str, Any]:
    """Show what an update request answers: no extensions at first, later all."""
    if viewing.version.has(changes.STRICT):
        return server_view(server, viewing, with_groups=True)
    core = {**_core(server, viewing), "addresses": addresses_view(server.nics)}
    return core | _groups(server, viewing.version)


def rebuilt_view(server: Server, admin_pass: str, viewing: Viewing) -> dict[str, Any]:
    """Show what a rebuild request answers: as an update's, and what was set by it."""
    version = viewing.version
    view = updated_view(server, viewing)
    view.pop("OS-EXT-SRV-ATTR:user_data", None)
    if version.has(changes.REBUILD_KEY):
        view["key_name"] = server.key_name
    if version.has(changes.NO_PERSONALITY):
        view["user_data"] = server.user_data
    return {**view, "adminPass": admin_pass}


def addresses_view(nics: tuple[Nic, ...]) -> Addresses:
    """Show the addresses alone, by the names of their networks."""
    return _plain(_addresses(nics))


@lru_cache(maxsize=1024)
def host_id(project_id: str, host: str | None) -> str:
    """Name the host of a server so that only servers of one project can be compared by it."""
    return hashlib.sha224(f"{project_id}{host}".encode()).hexdigest() if host else ""


def _core(server: Server, viewing: Viewing) -> dict[str, Any]:
    """Show what every view of a whole server has, but its addresses."""
    base, version = viewing.base, viewing.version
    shown = status(server.vm_state, server.task_state, is_host_known=viewing.is_host_known)
    view: dict[str, Any] = {
        "id": server.id,
        "name": server.name,
        "status": shown.value,
        "tenant_id": server.project_id,
        "user_id": server.user_id,
        "metadata": dict(server.metadata),
        "hostId": host_id(server.project_id, server.host),
        "image": _reference("images", server.image_id, base),
        "flavor": _embedded(server.flavor)
        if version.has(changes.FLAVOR_EMBEDDED)
        else _reference("flavors", server.flavor.id, base),
        "created": iso_seconds(server.created_at),
        "updated": iso_seconds(server.updated_at),
        "accessIPv4": server.access_ipv4,
        "accessIPv6": server.access_ipv6,
        "links": _links(server.id, base),
        "OS-DCF:diskConfig": server.disk_config,
    }
    if shown in SHOWS_PROGRESS:
        view["progress"] = _progress(server, shown)
    if shown in SHOWS_FAULT and server.fault:
        view["fault"] = _fault(server.fault, for_admin=viewing.for_admin)
    for name, value in _core_of(version):
        view[name] = value(server)
    return view


def _progress(server: Server, shown: Status) -> int:
    """The percentage of what is being done; a deletion counts no steps.

    It is 0 then, and shown: the `openstack` client would print the last one that it saw.
    """
    if server.task_state is TaskState.DELETING:
        return 0
    return 100 if shown is Status.ACTIVE else server.progress


def _embedded(flavor: Flavor) -> dict[str, Any]:
    """Show a flavor's sizes: `ram` and `swap` in MiB, `disk` and `ephemeral` in GiB."""
    return {
        "original_name": flavor.name,
        "vcpus": flavor.vcpus,
        "ram": flavor.ram_mb,
        "disk": flavor.disk_gb,
        "ephemeral": 0,
        "swap": 0,
        "extra_specs": dict(flavor.extra_specs),
    }


def _groups(server: Server, version: Microversion) -> dict[str, Any]:
    return {"server_groups": list(server.group_ids)} if version.has(changes.SERVER_GROUPS) else {}


@lru_cache(maxsize=1024)
def _security_groups(of_nics: tuple[tuple[str, ...], ...]) -> Mapping[str, Any]:
    """Show the names of the groups, nothing at all without any; shared as `_reference` is."""
    names = dict.fromkeys(name for of_nic in of_nics for name in of_nic)
    return {"security_groups": [{"name": name} for name in names]} if names else {}


def _states(server: Server) -> dict[str, Any]:
    launched, terminated = server.launched_at, server.terminated_at
    return {
        "OS-EXT-STS:task_state": server.task_state.value if server.task_state else None,
        "OS-EXT-STS:vm_state": server.vm_state.value,
        "OS-EXT-STS:power_state": int(server.power_state),
        "OS-SRV-USG:launched_at": iso_micros(launched) if launched else None,
        "OS-SRV-USG:terminated_at": iso_micros(terminated) if terminated else None,
    }


def _placement(server: Server) -> dict[str, Any]:
    return {
        "OS-EXT-SRV-ATTR:host": server.host,
        "OS-EXT-SRV-ATTR:hypervisor_hostname": server.host,
        "OS-EXT-SRV-ATTR:instance_name": instance_name(server.id),
    }


def _attributes(server: Server) -> dict[str, Any]:
    """Show how a server is started."""
    boot = find_boot(server.image_properties)
    attributes = {
        "hostname": server.hostname,
        "kernel_id": boot.kernel_id if boot else "",
        "ramdisk_id": (boot.ramdisk_id or "") if boot else "",
        "launch_index": server.launch_index,
        "reservation_id": server.reservation_id,
        "root_device_name": server.hardware.root_device if server.hardware else None,
        "user_data": server.user_data,
    }
    return {f"OS-EXT-SRV-ATTR:{name}": value for name, value in attributes.items()}


def _host_status(server: Server, viewing: Viewing) -> str:
    """Whether the host of a server answers; nothing for a server that has none yet."""
    if not server.host:
        return ""
    return "UP" if viewing.is_host_known else "UNKNOWN"


def _fault(fault: Fault, *, for_admin: bool) -> dict[str, Any]:
    view = {
        "code": fault.code,
        "created": iso_seconds(fault.created_at),
        "message": fault.message,
    }
    if for_admin and fault.details:
        view["details"] = fault.details
    return view


def _addresses(nics: tuple[Nic, ...]) -> Addresses:
    addresses: Addresses = {}
    for nic in nics:
        of_network = addresses.setdefault(nic.network.name, [])
        of_network.append(_address(nic.ip, "fixed", nic.mac))
        if nic.floating_ip is not None:
            of_network.append(_address(nic.floating_ip, "floating", nic.mac))
    return addresses


def _address(ip: str, kind: str, mac: str) -> dict[str, Any]:
    return {
        "addr": ip,
        "version": 4,
        "OS-EXT-IPS:type": kind,
        "OS-EXT-IPS-MAC:mac_addr": mac,
    }


def _plain(addresses: Mapping[str, Sequence[Mapping[str, Any]]]) -> Addresses:
    return {
        name: [{"addr": entry["addr"], "version": entry["version"]} for entry in entries]
        for name, entries in addresses.items()
    }


def _links(server_id: str, base: str) -> list[dict[str, str]]:
    return [
        {"rel": "self", "href": f"{base}/compute/v2.1/servers/{server_id}"},
        {"rel": "bookmark", "href": f"{base}/compute/servers/{server_id}"},
    ]


@lru_cache(maxsize=1024)
def _reference(kind: str, its_id: str, base: str) -> Mapping[str, Any]:
    """Name an image or a flavor; many servers share one, so nobody may change it."""
    return {
        "id": its_id,
        "links": [{"rel": "bookmark", "href": f"{base}/compute/{kind}/{its_id}"}],
    }
