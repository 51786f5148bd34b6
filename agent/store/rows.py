# SPDX-License-Identifier: Apache-2.0
"""Between rows and values: what a row says as a frozen value, and a value as a row's columns.

Pure, without statements. JSON columns are given plain dicts; what is `Kept` is read as its value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Row, RowMapping

from agent.model.change import ServerChange
from agent.model.identity import AppCredential, Project, Role, Token, User
from agent.model.image import Image, ImageMember, ImageStatus, MemberStatus, Visibility
from agent.model.imagetask import ImageTask, ImageTaskStatus
from agent.model.keypair import Keypair
from agent.model.network import Network, Port, Subnet
from agent.model.securitygroup import default_id
from agent.model.server import Fault, Flavor, Nic, RescueSystem, Rest, Server
from agent.model.states import PowerState, TaskState, VmState
from agent.model.task import StepRecord, Task

AnyRow: TypeAlias = "Row[*tuple[Any, ...]]"
"""A row of any columns."""

Values = dict[str, Any]
"""Columns of a row by their names."""

# As dicts, which are asked in a fifth of the time: a list asks thousands of times.
_VM_STATES = {state.value: state for state in VmState}
_TASK_STATES = {state.value: state for state in TaskState}
_POWER_STATES = {state.value: state for state in PowerState}


def server_from(row: AnyRow, nics: Sequence[Nic]) -> Server:
    """Read a row of `servers` with its tags and its group's id; its nics come from `ports`."""
    return Server(
        id=row.id,
        project_id=row.project_id,
        user_id=row.user_id,
        name=row.name,
        hostname=row.hostname,
        flavor=row.flavor,
        image_id=row.image_id,
        vm_state=_VM_STATES[row.vm_state],
        task_state=_TASK_STATES[row.task_state] if row.task_state else None,
        power_state=_POWER_STATES[row.power_state],
        progress=row.progress,
        host=row.host,
        nics=tuple(nics),
        metadata=row.metadata,
        image_properties=row.image_properties,
        hardware=row.hardware,
        user_data=row.user_data,
        key_name=row.key_name,
        public_key=row.public_key,
        access_ipv4=row.access_ipv4,
        access_ipv6=row.access_ipv6,
        disk_config=row.disk_config,
        config_drive=row.config_drive,
        availability_zone=row.availability_zone,
        fault=_fault_from(row.fault) if row.fault else None,
        created_at=row.created_at,
        updated_at=row.updated_at,
        launched_at=row.launched_at,
        terminated_at=row.terminated_at,
        deleted_at=row.deleted_at,
        locked_by=row.locked_by,
        locked_reason=row.locked_reason,
        description=row.description,
        tags=tuple(sorted(row.tags.split(","))) if row.tags else (),
        reservation_id=row.reservation_id,
        launch_index=row.launch_index,
        pinned_zone=row.pinned_zone,
        requested_host=row.requested_host,
        group_ids=(row.group_id,) if row.group_id else (),
        old_flavor=row.old_flavor,
        old_vm_state=_VM_STATES[row.old_vm_state] if row.old_vm_state else None,
        rescue=RescueSystem(**row.rescue) if row.rescue else None,
        shelved_image_id=row.shelved_image_id,
        shelved_at=row.shelved_at,
    )


def server_values(server: Server) -> Values:
    """Give a server's columns; its nics and tags are rows of their own."""
    flavor = server.flavor
    return {
        "id": server.id,
        "project_id": server.project_id,
        "user_id": server.user_id,
        "name": server.name,
        "hostname": server.hostname,
        "flavor_id": flavor.id,
        "flavor": flavor_values(flavor),
        "vcpus": flavor.vcpus,
        "ram_mb": flavor.ram_mb,
        "image_id": server.image_id,
        "vm_state": server.vm_state.value,
        "task_state": server.task_state.value if server.task_state else None,
        "power_state": server.power_state.value,
        "progress": server.progress,
        "host": server.host,
        "metadata": dict(server.metadata),
        "image_properties": dict(server.image_properties),
        "hardware": asdict(server.hardware) if server.hardware else None,
        "user_data": server.user_data,
        "key_name": server.key_name,
        "public_key": server.public_key,
        "access_ipv4": server.access_ipv4,
        "access_ipv6": server.access_ipv6,
        "disk_config": server.disk_config,
        "config_drive": server.config_drive,
        "availability_zone": server.availability_zone,
        "fault": _fault_values(server.fault),
        "created_at": server.created_at,
        "updated_at": server.updated_at,
        "launched_at": server.launched_at,
        "terminated_at": server.terminated_at,
        "deleted_at": server.deleted_at,
        "locked_by": server.locked_by,
        "locked_reason": server.locked_reason,
        "description": server.description,
        "reservation_id": server.reservation_id,
        "launch_index": server.launch_index,
        "pinned_zone": server.pinned_zone,
        "requested_host": server.requested_host,
        "old_flavor": _flavor_or_none(server.old_flavor),
        "old_vm_state": _word(server.old_vm_state),
        "rescue": _rescue_values(server.rescue),
        "shelved_image_id": server.shelved_image_id,
        "shelved_at": server.shelved_at,
    }


def change_values(change: ServerChange) -> Values:
    """Give the columns that a change sets."""
    values = {name: _CHANGED[name](value) for name, value in change.items()}
    return {**values, "flavor_id": change["flavor"].id} if "flavor" in change else values


def rest_from(row: AnyRow) -> Rest:
    """Read the columns that a sweep compares."""
    return Rest(
        server_id=row.id,
        vm_state=_VM_STATES[row.vm_state],
        task_state=_TASK_STATES[row.task_state] if row.task_state else None,
        power_state=_POWER_STATES[row.power_state],
        shelved_at=row.shelved_at,
    )


def nic_from(row: AnyRow) -> Nic:
    """Read a port joined with its network and subnet.

    An isolated network leads nowhere: its guests get no default route, nor does libvirt give one.
    """
    names = row.group_names
    return Nic(
        port_id=row.id,
        network_id=row.network_id,
        network_name=row.network_name,
        libvirt_network=row.libvirt_name,
        bridge=row.bridge,
        mac=row.mac,
        ip=row.ip,
        cidr=row.cidr,
        gateway=None if row.mode == "isolated" else row.gateway_ip,
        dns=tuple(row.dns),
        mtu=row.mtu,
        dhcp=row.dhcp,
        position=row.position,
        tag=row.tag,
        **({} if names is None else {"security_groups": tuple(sorted(json.loads(names)))}),
    )


def task_from(row: AnyRow, steps: Sequence[AnyRow]) -> Task:
    """Read a row of `tasks` with its rows of `task_steps` in their order."""
    return Task(
        id=row.id,
        request_id=row.request_id,
        server_id=row.server_id,
        action=row.action,
        user_id=row.user_id,
        project_id=row.project_id,
        args=row.args,
        started_at=row.started_at,
        deadline_at=row.deadline_at,
        finished_at=row.finished_at,
        error=row.error,
        steps=tuple(
            StepRecord(step.name, step.finished_at, step.result)
            for step in steps
            if step.finished_at is not None
        ),
        undone=tuple(step.name for step in steps if step.undone_at is not None),
    )


def flavor_from(row: AnyRow) -> Flavor:
    """Read a row of `flavors`."""
    return Flavor(**row._mapping)


def flavor_values(flavor: Flavor) -> Values:
    """Give a flavor's columns, which are also its copy in a server."""
    return {
        "id": flavor.id,
        "name": flavor.name,
        "vcpus": flavor.vcpus,
        "ram_mb": flavor.ram_mb,
        "disk_gb": flavor.disk_gb,
        "is_public": flavor.is_public,
        "description": flavor.description,
        "extra_specs": dict(flavor.extra_specs),
        "swap_mb": flavor.swap_mb,
        "ephemeral_gb": flavor.ephemeral_gb,
        "rxtx_factor": flavor.rxtx_factor,
    }


def flavor_text(flavor: Flavor) -> str:
    """Write a flavor as JSON, as a task's args keep it."""
    return json.dumps(flavor_values(flavor))


def image_from(row: AnyRow) -> Image:
    """Read a row of `images`."""
    columns: Values = {**row._mapping}
    columns["status"] = ImageStatus(row.status)
    columns["visibility"] = Visibility(row.visibility)
    columns["tags"] = tuple(row.tags)
    return Image(**columns)


def image_values(changes: Mapping[str, object]) -> Values:
    """Give the columns of an image's fields; `TypeError` for a field that no image has."""
    unknown = changes.keys() - Image.__dataclass_fields__.keys()
    if unknown:
        raise TypeError(f"an image has no {', '.join(sorted(unknown))}")
    return {name: _IMAGE.get(name, _same)(value) for name, value in changes.items()}


def image_member_from(row: AnyRow) -> ImageMember:
    """Read a row of `image_members`."""
    columns: Values = {**row._mapping}
    columns["status"] = MemberStatus(row.status)
    return ImageMember(**columns)


def keypair_from(row: AnyRow) -> Keypair:
    """Read a row of `keypairs`."""
    return Keypair(**row._mapping)


def network_from(row: AnyRow) -> Network:
    """Read a row of `networks`."""
    return Network(**{**row._mapping, "tags": tuple(row.tags)})


def subnet_from(row: AnyRow) -> Subnet:
    """Read a row of `subnets`."""
    columns: Values = {**row._mapping}
    columns["dns"], columns["tags"] = tuple(row.dns), tuple(row.tags)
    return Subnet(**columns)


def port_from(row: AnyRow) -> Port:
    """Read a row of `ports`."""
    columns: Values = {**row._mapping, "tags": tuple(row.tags)}
    group_ids = [default_id(row.project_id)] if row.group_ids is None else row.group_ids.split(",")
    del columns["position"], columns["own_groups"], columns["group_ids"]
    return Port(**columns, security_groups=tuple(sorted(filter(None, group_ids))))


def image_task_from(row: AnyRow) -> ImageTask:
    """Read a row of `image_tasks`."""
    return ImageTask(**{**row._mapping, "status": ImageTaskStatus(row.status)})


def image_task_values(task: ImageTask) -> Values:
    """Give the columns of an import's task."""
    columns = {field.name: getattr(task, field.name) for field in fields(task)}
    return {**columns, "status": task.status.value, "input": dict(task.input)}


def project_from(row: AnyRow) -> Project:
    """Read a row of `projects`."""
    return project_of(row._mapping)


def project_of(columns: RowMapping | Values) -> Project:
    """Read the columns of a row of `projects`."""
    return Project(**{**columns, "tags": tuple(columns["tags"])})


def project_values(fields: Mapping[str, object]) -> Values:
    """Give the columns of some of a project's fields."""
    tags = fields.get("tags")
    return {**fields, "tags": list(tags)} if isinstance(tags, tuple) else {**fields}


def app_credential_from(row: AnyRow) -> AppCredential:
    """Read a row of `app_credentials`."""
    return AppCredential(**{**row._mapping, "role_ids": tuple(row.role_ids)})


def user_from(row: AnyRow) -> User:
    """Read a row of `users`."""
    return user_of(row._mapping)


def user_of(columns: RowMapping | Values) -> User:
    """Read the columns of a row of `users`."""
    return User(**columns)


def user_values(fields: Mapping[str, object]) -> Values:
    """Give the columns of some of a user's fields."""
    extra = fields.get("extra")
    return {**fields, "extra": {**extra}} if isinstance(extra, Mapping) else {**fields}


def role_from(row: AnyRow) -> Role:
    """Read a row of `roles`."""
    return Role(**row._mapping)


def token_of(columns: RowMapping | Values) -> Token:
    """Read the columns of a row of `tokens`."""
    return Token(**{**columns, "methods": tuple(columns["methods"])})


def _fault_from(columns: Values) -> Fault:
    return Fault(**{**columns, "created_at": datetime.fromisoformat(columns["created_at"])})


def _fault_values(fault: Fault | None) -> Values | None:
    if fault is None:
        return None
    return {**asdict(fault), "created_at": fault.created_at.isoformat()}


def _rescue_values(rescue: RescueSystem | None) -> Values | None:
    if rescue is None:
        return None
    return {"image_id": rescue.image_id, "image_properties": dict(rescue.image_properties)}


def _same(value: Any) -> Any:
    return value


def _word(value: Any) -> Any:
    return None if value is None else value.value


def _flavor_or_none(flavor: Flavor | None) -> Values | None:
    return flavor_values(flavor) if flavor else None


_CHANGED: Mapping[str, Callable[[Any], Any]] = {
    "vm_state": _word,
    "task_state": _word,
    "power_state": _word,
    "progress": _same,
    "image_id": _same,
    "image_properties": dict,
    "flavor": flavor_values,
    "old_flavor": _flavor_or_none,
    "old_vm_state": _word,
    "hardware": asdict,
    "fault": _fault_values,
    "locked_by": _same,
    "locked_reason": _same,
    "rescue": _rescue_values,
    "host": _same,
    "pinned_zone": _same,
    "requested_host": _same,
    "shelved_image_id": _same,
    "shelved_at": _same,
    "launched_at": _same,
    "terminated_at": _same,
    "deleted_at": _same,
}
"""How each field of a `ServerChange` becomes its column's value."""

_IMAGE: Mapping[str, Callable[[Any], Any]] = {
    "status": _word,
    "visibility": _word,
    "tags": list,
    "properties": dict,
}
"""The fields of an image that are not kept as they are."""
