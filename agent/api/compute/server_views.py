# SPDX-License-Identifier: Apache-2.0
"""A server as the Compute API 2.1 shows it. Pure: a value in, a dict out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from agent.actions import status
from agent.api.replies import iso_micros, iso_seconds
from agent.model.hostname import instance_name
from agent.model.server import Fault, Nic, Server
from agent.model.states import Status, TaskState

SHOWS_PROGRESS = frozenset(
    {Status.ACTIVE, Status.BUILD, Status.REBUILD, Status.RESIZE, Status.VERIFY_RESIZE}
)
SHOWS_FAULT = frozenset({Status.ERROR, Status.DELETED})

UPDATED = frozenset(
    {
        *("id", "name", "status", "tenant_id", "user_id", "metadata", "hostId", "image", "flavor"),
        *("created", "updated", "accessIPv4", "accessIPv6", "links", "progress", "fault"),
        "OS-DCF:diskConfig",
    }
)
"""What the answer of an update shows, besides the addresses."""

Addresses = dict[str, list[dict[str, Any]]]
"""Entries by the names of their networks."""

SECURITY_GROUPS = [{"name": "default"}]


def brief_view(server: Server, base: str) -> dict[str, Any]:
    """Show a server in a list."""
    return {"id": server.id, "name": server.name, "links": _links(server.id, base)}


def created_view(server: Server, admin_pass: str, base: str) -> dict[str, Any]:
    """Show what a create request answers: the one time that the password is told."""
    return {
        "id": server.id,
        "links": _links(server.id, base),
        "adminPass": admin_pass,
        "OS-DCF:diskConfig": server.disk_config,
        "security_groups": SECURITY_GROUPS,
    }


def server_view(
    server: Server, base: str, *, for_admin: bool, is_host_known: bool = True
) -> dict[str, Any]:
    """Show everything of a server that its project, or an admin, may see.

    What is recorded is worth nothing when its host has long not answered: `is_host_known`.
    """
    shown = status(server.vm_state, server.task_state, is_host_known=is_host_known)
    view = {
        "id": server.id,
        "name": server.name,
        "status": shown.value,
        "tenant_id": server.project_id,
        "user_id": server.user_id,
        "metadata": dict(server.metadata),
        "hostId": host_id(server.project_id, server.host),
        "image": _reference("images", server.image_id, base),
        "flavor": _reference("flavors", server.flavor.id, base),
        "created": iso_seconds(server.created_at),
        "updated": iso_seconds(server.updated_at),
        "addresses": _addresses(server.nics),
        "accessIPv4": server.access_ipv4,
        "accessIPv6": server.access_ipv6,
        "links": _links(server.id, base),
        "OS-DCF:diskConfig": server.disk_config,
        "OS-EXT-AZ:availability_zone": server.availability_zone or "",
        "config_drive": "True" if server.config_drive else "",
        "key_name": server.key_name,
        "security_groups": SECURITY_GROUPS,
        "os-extended-volumes:volumes_attached": [],
        **_states(server),
    }
    if shown in SHOWS_PROGRESS:
        view["progress"] = _progress(server)
    if shown in SHOWS_FAULT and server.fault:
        view["fault"] = _fault(server.fault, for_admin=for_admin)
    if for_admin:
        view |= _placement(server)
    return view


def updated_view(view: Mapping[str, Any]) -> dict[str, Any]:
    """Show, of the view of a server, what an update request answers at 2.1: no extensions."""
    core = {name: value for name, value in view.items() if name in UPDATED}
    return {**core, "addresses": _plain(view["addresses"])}


def addresses_view(nics: tuple[Nic, ...]) -> Addresses:
    """Show the addresses alone, by the names of their networks."""
    return _plain(_addresses(nics))


def host_id(project_id: str, host: str | None) -> str:
    """Name the host of a server so that only servers of one project can be compared by it."""
    return hashlib.sha224(f"{project_id}{host}".encode()).hexdigest() if host else ""


def _progress(server: Server) -> int:
    """The percentage of what is being done, or was done last; a deletion counts no steps."""
    return 0 if server.task_state is TaskState.DELETING else server.progress


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
        addresses.setdefault(nic.network_name, []).append(
            {
                "addr": nic.ip,
                "version": 4,
                "OS-EXT-IPS:type": "fixed",
                "OS-EXT-IPS-MAC:mac_addr": nic.mac,
            }
        )
    return addresses


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


def _reference(kind: str, its_id: str, base: str) -> dict[str, Any]:
    return {
        "id": its_id,
        "links": [{"rel": "bookmark", "href": f"{base}/compute/{kind}/{its_id}"}],
    }
