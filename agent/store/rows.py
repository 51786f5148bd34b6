# SPDX-License-Identifier: Apache-2.0
"""Between rows and values: what a row says as a frozen value, and a value as a row's columns.

Pure, without statements. What is kept as JSON is given as it is: `document.write` writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeAlias

from sqlalchemy import Row, RowMapping

from agent.model.identity import AppCredential, Project, Role, Token, User
from agent.model.image import Image, ImageMember, ImageStatus, MemberStatus, Visibility
from agent.model.imagetask import ImageTask, ImageTaskStatus
from agent.model.keypair import Keypair
from agent.model.network import Network, Port, Subnet
from agent.model.securitygroup import default_id
from agent.model.server import Flavor
from agent.model.task import StepRecord, Task

AnyRow: TypeAlias = "Row[*tuple[Any, ...]]"
"""A row of any columns."""

Values = dict[str, Any]
"""Columns of a row by their names."""


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
    """Give a flavor's columns."""
    return {field.name: getattr(flavor, field.name) for field in fields(flavor)}


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


def _same(value: Any) -> Any:
    return value


def _word(value: Any) -> Any:
    return None if value is None else value.value


_IMAGE: Mapping[str, Callable[[Any], Any]] = {
    "status": _word,
    "visibility": _word,
    "tags": list,
    "properties": dict,
}
"""The fields of an image that are not kept as they are."""
