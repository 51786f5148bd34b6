# SPDX-License-Identifier: Apache-2.0
"""Security groups and their rules, and which of them the ports of a server are in.

Each method is one transaction: what it checks (quota, use, what is there) still holds when it
writes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from agent.errors import Conflict, NotFound
from agent.model.securitygroup import (
    DEFAULT,
    Rule,
    SameRuleError,
    SecurityGroup,
    SpentError,
    default_group,
)
from agent.store import loading, portgroups
from agent.store.db import Database
from agent.store.groupschema import port_security_groups, security_group_rules, security_groups
from agent.store.netschema import ports
from agent.store.quotas import check_resource


@dataclass(frozen=True, slots=True)
class SecurityGroups:
    """The tables `security_groups`, `security_group_rules` and `port_security_groups`.

    Where `project_id` is None, those of all projects are meant.
    """

    db: Database

    def list(self, *, project_id: str | None) -> Sequence[SecurityGroup]:
        """The groups of a project with their rules, the oldest first."""
        wanted = _GROUPS if project_id is None else _GROUPS.where(_OF_PROJECT)
        with self.db.read() as connection:
            return _load(connection, wanted, {"project": project_id} if project_id else {})

    def get(self, group_id: str, *, project_id: str | None) -> SecurityGroup:
        """One group with its rules, or `NotFound`."""
        with self.db.read() as connection:
            return _get(connection, group_id, project_id)

    def get_of_rule(self, rule_id: str, *, project_id: str | None) -> SecurityGroup:
        """The group that has a rule, or `NotFound`."""
        with self.db.read() as connection:
            return _get_of_rule(connection, rule_id, project_id)

    def list_of_server(self, server_id: str, *, project_id: str | None) -> Sequence[SecurityGroup]:
        """The groups that the ports of a server are in, each once; `NotFound` without a server."""
        with self.db.read() as connection:
            loading.get_server(connection, server_id, project_id)
            ids: set[str] = set()
            for port in connection.execute(_PORTS_OF_SERVER, {"server": server_id}):
                ids |= portgroups.groups_of(connection, port)
            return _load(connection, _GROUPS.where(security_groups.c.id.in_(ids)), {})

    def add(self, group: SecurityGroup, *, most: int) -> None:
        """Keep a new group, if its project has fewer than `most` (-1: any number): `SpentError`."""
        with self.db.write() as connection:
            _check_name(group.name)
            used = connection.scalar(_COUNT_GROUPS, {"project": group.project_id}) or 0
            check_resource("security_group", used, most, error=SpentError)
            insert_group(connection, group)

    def update(
        self, group_id: str, now: datetime, *, project_id: str | None, **fields: object
    ) -> SecurityGroup:
        """Set the name or the description; `NotFound`, `Conflict` for the name of the default."""
        with self.db.write() as connection:
            group = _get(connection, group_id, project_id)
            if fields.get("name", group.name) != group.name:
                if group.is_default:
                    raise Conflict("Updating default security group not allowed.")
                _check_name(str(fields["name"]))
            _touch(connection, group_id, now, **fields)
            return _get(connection, group_id, project_id)

    def delete(
        self, group_id: str, now: datetime, *, project_id: str | None, renews_default: bool
    ) -> None:
        """Remove a group, and the rules of others that name it.

        The default one of a project is made anew at once, if that may be. `NotFound`; `Conflict`
        while a port is in it.
        """
        with self.db.write() as connection:
            group = _get(connection, group_id, project_id)
            if group.is_default and not renews_default:
                raise Conflict("Insufficient rights for removing default security group.")
            if _is_used(connection, group):
                raise Conflict(f"Security Group {group_id} in use.")
            connection.execute(delete(security_groups).where(security_groups.c.id == group_id))
            if group.is_default:
                insert_group(connection, default_group(group.project_id, now))

    def add_rules(
        self, rules: Sequence[Rule], *, project_id: str | None, most: Callable[[str], int]
    ) -> SecurityGroup:
        """Add rules to one group, all or none, and give the group.

        `most` says of a project how many rules it may have (-1: any number). `NotFound` for a group
        or a remote group that is not the project's, `SpentError`, `SameRuleError`.
        """
        group_id, now = rules[0].group_id, rules[0].created_at
        owner = self.get(group_id, project_id=project_id).project_id
        limit = most(owner)  # asked for before the transaction: it reads by itself
        with self.db.write() as connection:
            group = _get(connection, group_id, project_id)
            used = connection.scalar(_COUNT_RULES, {"project": owner}) or 0
            check_resource("security_group_rule", used, limit, more=len(rules), error=SpentError)
            remote = {rule.remote_group_id for rule in rules if rule.remote_group_id is not None}
            portgroups.check_there(connection, owner, remote)
            _check_new(group.rules, rules)
            connection.execute(insert(security_group_rules), [asdict(rule) for rule in rules])
            _touch(connection, group_id, now)
            return _get(connection, group_id, project_id)

    def delete_rule(self, rule_id: str, now: datetime, *, project_id: str | None) -> None:
        """Remove a rule, or `NotFound`."""
        with self.db.write() as connection:
            group = _get_of_rule(connection, rule_id, project_id)
            connection.execute(
                delete(security_group_rules).where(security_group_rules.c.id == rule_id)
            )
            _touch(connection, group.id, now)

    def join(self, server_id: str, name: str, now: datetime, *, project_id: str | None) -> None:
        """Put all ports of a server into a group of its project, by its name or id.

        `NotFound` without such a server or group and for a server without ports, `Conflict` for a
        name that several groups have.
        """

        def add(groups: set[str], group_id: str) -> set[str]:
            return groups | {group_id}

        with self.db.write() as connection:
            _change(connection, server_id, name, add, now, project_id)

    def leave(self, server_id: str, name: str, now: datetime, *, project_id: str | None) -> None:
        """Take all ports of a server out of a group; `NotFound` too when none is in it."""

        def remove(groups: set[str], group_id: str) -> set[str]:
            return groups - {group_id}

        with self.db.write() as connection:
            if not _change(connection, server_id, name, remove, now, project_id):
                raise NotFound(
                    f"Security group {name} not associated with the instance {server_id}"
                )


def insert_group(connection: Connection, group: SecurityGroup) -> None:
    """Write a group with its rules."""
    columns = {**asdict(group), "tags": list(group.tags)}
    del columns["rules"]
    connection.execute(insert(security_groups).values(columns))
    connection.execute(insert(security_group_rules), [asdict(rule) for rule in group.rules])


def rules_of(groups: Select[Any]) -> Select[Any]:
    """Select the rules of the groups whose ids a statement selects, the oldest first."""
    return _RULES.where(security_group_rules.c.group_id.in_(groups))


def load_rules(
    connection: Connection, statement: Select[Any], parameters: Mapping[str, str]
) -> Mapping[str, Sequence[Rule]]:
    """Read what `rules_of` selects, by the groups."""
    found: defaultdict[str, list[Rule]] = defaultdict(list)
    for row in connection.execute(statement, parameters):
        found[row.group_id].append(Rule(**row._mapping))
    return found


def _change(
    connection: Connection,
    server_id: str,
    name: str,
    change: Callable[[set[str], str], set[str]],
    now: datetime,
    project_id: str | None,
) -> bool:
    """Give each port of a server other groups; whether that was another set for one of them."""
    server = loading.get_server(connection, server_id, project_id)
    group_id = portgroups.find(connection, server.project_id, name)
    found = connection.execute(_PORTS_OF_SERVER, {"server": server_id}).all()
    if not found:
        raise NotFound(f"instance_id {server_id} could not be found as device id on any ports")
    changed = False
    for port in found:
        had = portgroups.groups_of(connection, port)
        groups = change(had, group_id)
        if groups != had:
            portgroups.check_there(connection, port.project_id, groups)
            portgroups.set_groups(connection, port.id, port.project_id, groups)
            moved = update(ports).where(ports.c.id == port.id)
            connection.execute(moved.values(updated_at=now, revision=ports.c.revision + 1))
            changed = True
    return changed


def _get(connection: Connection, group_id: str, project_id: str | None) -> SecurityGroup:
    found = _load(connection, _GROUPS.where(security_groups.c.id == group_id), {})
    if not found or project_id not in (None, found[0].project_id):
        raise NotFound(f"Security group {group_id} does not exist")
    return found[0]


def _get_of_rule(connection: Connection, rule_id: str, project_id: str | None) -> SecurityGroup:
    group_id = connection.scalar(_GROUP_OF_RULE, {"rule": rule_id})
    try:
        return _get(connection, group_id or "", project_id)
    except NotFound:
        raise NotFound(f"Security group rule {rule_id} does not exist") from None


def _load(
    connection: Connection, statement: Select[Any], parameters: Mapping[str, str]
) -> list[SecurityGroup]:
    found = connection.execute(statement, parameters).all()
    if not found:
        return []
    ids = statement.with_only_columns(security_groups.c.id).order_by(None)
    rules = load_rules(connection, rules_of(ids), parameters)
    return [
        SecurityGroup(**{**row._mapping, "tags": tuple(row.tags), "rules": tuple(rules[row.id])})
        for row in found
    ]


def _touch(connection: Connection, group_id: str, now: datetime, **fields: object) -> None:
    """Note a change of a group, as one of its rules is."""
    connection.execute(
        update(security_groups)
        .where(security_groups.c.id == group_id)
        .values(**fields, updated_at=now, revision=security_groups.c.revision + 1)
    )


def _is_used(connection: Connection, group: SecurityGroup) -> bool:
    found = connection.scalar(_MEMBER, {"group": group.id})
    if found is None and group.is_default:
        found = connection.scalar(_MEMBER_OF_DEFAULT, {"project": group.project_id})
    return found is not None


def _check_name(name: str) -> None:
    if name.lower() == DEFAULT:
        raise Conflict("Default security group already exists.")


def _check_new(there: Iterable[Rule], rules: Collection[Rule]) -> None:
    """Raise `SameRuleError` for a rule that lets pass just what another one does."""
    known = {rule.meaning: rule.id for rule in there}
    for rule in rules:
        if rule.meaning in known:
            raise SameRuleError(
                f"Security group rule already exists. Rule id is {known[rule.meaning]}."
            )
    if len({rule.meaning for rule in rules}) < len(rules):
        raise SameRuleError("Duplicate Security Group Rule in POST.")


_OF_PROJECT = security_groups.c.project_id == bindparam("project")
_GROUPS = select(security_groups).order_by(security_groups.c.created_at, security_groups.c.id)
_RULES = select(security_group_rules).order_by(
    security_group_rules.c.created_at,
    security_group_rules.c.direction,
    security_group_rules.c.ethertype,
    security_group_rules.c.id,
)
_GROUP_OF_RULE = select(security_group_rules.c.group_id).where(
    security_group_rules.c.id == bindparam("rule")
)
_COUNT_GROUPS = select(func.count()).select_from(security_groups).where(_OF_PROJECT)
_COUNT_RULES = (
    select(func.count())
    .select_from(security_group_rules)
    .join(security_groups, security_groups.c.id == security_group_rules.c.group_id)
    .where(_OF_PROJECT)
)
_MEMBER = (
    select(port_security_groups.c.port_id)
    .where(port_security_groups.c.group_id == bindparam("group"))
    .limit(1)
)
_MEMBER_OF_DEFAULT = (
    select(ports.c.id)
    .where(ports.c.project_id == bindparam("project"), ports.c.own_groups.is_(False))
    .limit(1)
)
_PORTS_OF_SERVER = (
    select(ports.c.id, ports.c.project_id, ports.c.own_groups)
    .where(ports.c.server_id == bindparam("server"))
    .order_by(ports.c.position)
)
