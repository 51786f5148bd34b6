# SPDX-License-Identifier: Apache-2.0
"""Quotas: what was set for projects, their users and classes, and what projects use.

The first that was set counts: of the user in the project, of the project, of the class "default",
else the configuration's, which the caller brings along. `quota_of`, `usage_of` and `budgets` are
for use inside a transaction, so that a check holds until its row is written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select

from agent.errors import Conflict
from agent.model.quota import Quota, Usage, check_limits, with_limits
from agent.store.catalogschema import quota_classes, quotas
from agent.store.db import Database
from agent.store.groupschema import security_group_rules, security_groups
from agent.store.netschema import floating_ips
from agent.store.placeschema import server_groups
from agent.store.schema import servers

WHOLE = ""
"""In the place of a user's id: of the whole project."""

DEFAULT_CLASS = "default"


@dataclass(frozen=True, slots=True)
class Quotas:
    """The tables `quotas` and `quota_classes`."""

    db: Database

    def get(self, project_id: str, default: Quota, user_id: str = WHOLE) -> Quota:
        """What a project may use, or a user in it."""
        with self.db.read() as connection:
            return quota_of(connection, project_id, default, user_id)

    def get_class(self, name: str, default: Quota) -> Quota:
        """What the projects of a class may use: "default" is everybody's."""
        with self.db.read() as connection:
            return _class_quota(connection, name, default)

    def usage(self, project_id: str, user_id: str = WHOLE) -> Usage:
        """What a project's servers use, suspended ones too, or those of a user in it."""
        with self.db.read() as connection:
            return usage_of(connection, project_id, user_id)

    def set(
        self,
        project_id: str,
        limits: Mapping[str, int],
        default: Quota,
        *,
        user_id: str = WHOLE,
        force: bool = False,
    ) -> Quota:
        """Set some limits of a project, or of a user in it, and give all.

        `BadRequest` when less than is used is asked for, or for a user more than the project has,
        unless by `force`; nothing is set then.
        """
        with self.db.write() as connection:
            if not force:
                whole = quota_of(connection, project_id, default) if user_id else None
                check_limits(limits, usage_of(connection, project_id, user_id), whole)
            for resource, most in limits.items():
                key = {"project_id": project_id, "user_id": user_id, "resource": resource}
                connection.execute(delete(quotas).filter_by(**key))
                connection.execute(insert(quotas).values(**key, most=most))
            return quota_of(connection, project_id, default, user_id)

    def set_class(self, name: str, limits: Mapping[str, int], default: Quota) -> Quota:
        """Set some limits of a class and give all."""
        with self.db.write() as connection:
            for resource, most in limits.items():
                key = {"name": name, "resource": resource}
                connection.execute(delete(quota_classes).filter_by(**key))
                connection.execute(insert(quota_classes).values(**key, most=most))
            return _class_quota(connection, name, default)

    def reset(self, project_id: str, user_id: str = WHOLE, resources: Collection[str] = ()) -> None:
        """Forget what was set for a project and all its users, or for one user in it.

        All of it, or that of some `resources`.
        """
        statement = delete(quotas).where(quotas.c.project_id == project_id)
        if resources:
            statement = statement.where(quotas.c.resource.in_(resources))
        if user_id:
            statement = statement.where(quotas.c.user_id == user_id)
        with self.db.write() as connection:
            connection.execute(statement)


def quota_of(
    connection: Connection, project_id: str, default: Quota, user_id: str = WHOLE
) -> Quota:
    """What a project may use, or a user in it."""
    found = connection.execute(_LIMITS, {"project": project_id, "user": user_id}).all()
    quota = _class_quota(connection, DEFAULT_CLASS, default)
    for holder in (WHOLE, user_id):
        quota = with_limits(
            quota, {row.resource: row.most for row in found if row.user_id == holder}
        )
    return quota


def check_resource(
    what: str, used: int, most: int, *, more: int = 1, error: type[Conflict] = Conflict
) -> None:
    """Raise an `error`, in Neutron's words, where a project may not have `more` of something."""
    if 0 <= most < used + more:  # -1 is no limit
        raise error(f"Quota exceeded for resources: ['{what}']. The project has {used} of {most}.")


def usage_of(connection: Connection, project_id: str, user_id: str = WHOLE) -> Usage:
    """What a project's servers use, suspended ones too, and its groups; or a user's in it.

    Security groups and rules are a project's, whichever user is asked for.
    """
    of_user = {"project": project_id, "user": user_id}
    return Usage(**connection.execute(_USAGE, of_user).one()._mapping)


def budgets(
    connection: Connection, project_id: str, user_id: str, default: Quota
) -> Sequence[tuple[Usage, Quota]]:
    """All that a new server of a user must fit into: the project's quota, and the user's if any."""
    project = usage_of(connection, project_id), quota_of(connection, project_id, default)
    of_user = {"project": project_id, "user": user_id}
    if not connection.scalar(_HAS_OWN, of_user):
        return (project,)
    own = quota_of(connection, project_id, default, user_id)
    return (project, (usage_of(connection, project_id, user_id), own))


def _class_quota(connection: Connection, name: str, default: Quota) -> Quota:
    found = connection.execute(_CLASS_LIMITS, {"name": name})
    return with_limits(default, {row.resource: row.most for row in found})


_LIMITS = select(quotas.c.user_id, quotas.c.resource, quotas.c.most).where(
    quotas.c.project_id == bindparam("project"),
    quotas.c.user_id.in_([WHOLE, bindparam("user")]),
)
_HAS_OWN = select(func.count()).where(
    quotas.c.project_id == bindparam("project"), quotas.c.user_id == bindparam("user")
)
_CLASS_LIMITS = select(quota_classes.c.resource, quota_classes.c.most).where(
    quota_classes.c.name == bindparam("name")
)
_GROUPS = (
    select(func.count())
    .select_from(server_groups)
    .where(
        server_groups.c.project_id == bindparam("project"),
        or_(bindparam("user") == WHOLE, server_groups.c.user_id == bindparam("user")),
    )
    .scalar_subquery()
)
_SECURITY_GROUPS = (
    select(func.count())
    .select_from(security_groups)
    .where(security_groups.c.project_id == bindparam("project"))
    .scalar_subquery()
)
_RULES = (
    select(func.count())
    .select_from(security_group_rules)
    .join(security_groups, security_groups.c.id == security_group_rules.c.group_id)
    .where(security_groups.c.project_id == bindparam("project"))
    .scalar_subquery()
)
_FLOATING_IPS = (
    select(func.count())
    .select_from(floating_ips)
    .where(floating_ips.c.project_id == bindparam("project"))
    .scalar_subquery()
)
_USAGE = select(
    func.count().label("instances"),
    func.coalesce(func.sum(servers.c.vcpus), 0).label("cores"),
    func.coalesce(func.sum(servers.c.ram_mb), 0).label("ram_mb"),
    _GROUPS.label("server_groups"),
    _SECURITY_GROUPS.label("security_groups"),
    _RULES.label("security_group_rules"),
    _FLOATING_IPS.label("floating_ips"),
).where(
    servers.c.project_id == bindparam("project"),
    or_(bindparam("user") == WHOLE, servers.c.user_id == bindparam("user")),
    servers.c.deleted_at.is_(None),
)
