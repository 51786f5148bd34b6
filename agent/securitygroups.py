# SPDX-License-Identifier: Apache-2.0
"""The use cases of security groups: what may pass the ports of a project's servers.

A caller sees its project's groups, an administrator all; another's look as if they were not there.
The engine carries what changed to the host afterwards: the answer does not wait for it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from agent.asking import Asking
from agent.errors import BadRequest, Forbidden
from agent.model.identity import Caller
from agent.model.quota import Quota
from agent.model.rulecheck import checked
from agent.model.securitygroup import Rule, SecurityGroup, new_group
from agent.store import Store


@dataclass(frozen=True, slots=True)
class SecurityGroups:
    """Shows, makes, changes and deletes groups and rules, for a caller."""

    store: Store
    quota_of: Callable[[str], Quota]  # of a project, by its id
    now: Callable[[], datetime]
    changed: Callable[[], None]  # tells the engine that ports let something else pass

    def list(self, caller: Caller, *, of_all_projects: bool = True) -> Sequence[SecurityGroup]:
        """The groups that the caller sees; of its own project alone unless `of_all_projects`."""
        scope = caller.scope if of_all_projects else caller.project.id
        return self.store.security_groups.list(project_id=scope)

    def get(self, caller: Caller, group_id: str) -> SecurityGroup:
        """One group with its rules, or `NotFound`."""
        return self.store.security_groups.get(group_id, project_id=caller.scope)

    def get_rule(self, caller: Caller, rule_id: str) -> tuple[SecurityGroup, Rule]:
        """One rule and the group that has it, or `NotFound`."""
        group = self.store.security_groups.get_of_rule(rule_id, project_id=caller.scope)
        return group, next(rule for rule in group.rules if rule.id == rule_id)

    def list_of_server(self, asking: Asking, server_id: str) -> Sequence[SecurityGroup]:
        """The groups that a server is in; `NotFound` without such a server."""
        return self.store.security_groups.list_of_server(server_id, project_id=asking.scope)

    def names(self, groups: Sequence[SecurityGroup]) -> Mapping[str, str]:
        """The names of all groups of these groups' projects, by their ids: rules name them."""
        owners = {group.project_id for group in groups}
        return {
            group.id: group.name
            for owner in owners
            for group in self.store.security_groups.list(project_id=owner)
        }

    def count(self, project_id: str) -> Mapping[str, int]:
        """How many groups and rules a project has."""
        groups = self.store.security_groups.list(project_id=project_id)
        return {
            "security_group": len(groups),
            "security_group_rule": sum(len(group.rules) for group in groups),
        }

    def create(
        self, caller: Caller, name: str, description: str, *, project_id: str | None = None
    ) -> SecurityGroup:
        """Make a group that lets all out and nothing in.

        `Forbidden` for another project without the role admin, `SpentError` when the project has as
        many groups as it may have, `Conflict` for the name of the default one.
        """
        owner = caller.project.id if project_id is None else project_id
        if owner != caller.project.id:
            if not caller.is_admin:
                raise Forbidden(
                    "Policy doesn't allow project_id of another project: it needs the role admin."
                )
            self.store.identity.get_project(owner)
        group = new_group(owner, name, description, self.now())
        self.store.security_groups.add(group, most=self.quota_of(owner).security_groups)
        return group

    def update(self, caller: Caller, group_id: str, **fields: object) -> SecurityGroup:
        """Set the name or the description; `Conflict` for the name of the default one."""
        if not fields:
            return self.get(caller, group_id)
        return self.store.security_groups.update(
            group_id, self.now(), project_id=caller.scope, **fields
        )

    def delete(self, caller: Caller, group_id: str) -> None:
        """Remove a group with its rules, and those of others that name it.

        The default one only an administrator removes, and it is there again at once, as it was at
        first. `NotFound`; `Conflict` for others, and while a port is in it.
        """
        self.store.security_groups.delete(
            group_id, self.now(), project_id=caller.scope, renews_default=caller.is_admin
        )
        self.changed()

    def add_rules(self, caller: Caller, asked: Sequence[Rule]) -> SecurityGroup:
        """Add rules to one group, all or none, and give the group with just them.

        Their ids and times are given here. `BadRequest` when what a rule says does not fit,
        `NotFound` for a group that the caller does not see or a remote group of another project,
        `SpentError` and `SameRuleError`.
        """
        if len({rule.group_id for rule in asked}) != 1:
            raise BadRequest("Only allowed to update rules in one security profile at a time")
        now = self.now()
        rules = [replace(checked(r), id=str(uuid.uuid4()), created_at=now) for r in asked]
        group = self.store.security_groups.add_rules(
            rules,
            project_id=caller.scope,
            most=lambda owner: self.quota_of(owner).security_group_rules,
        )
        self.changed()
        return replace(group, rules=tuple(rules))

    def delete_rule(self, caller: Caller, rule_id: str) -> None:
        """Remove a rule, or `NotFound`."""
        self.store.security_groups.delete_rule(rule_id, self.now(), project_id=caller.scope)
        self.changed()

    def add_to_server(self, asking: Asking, server_id: str, name: str) -> None:
        """Put all ports of a server into a group, by its name or id.

        `NotFound` without such a server or group, `Conflict` for a name that several groups have.
        """
        self.store.security_groups.join(server_id, name, self.now(), project_id=asking.scope)
        self.changed()

    def remove_from_server(self, asking: Asking, server_id: str, name: str) -> None:
        """Take all ports of a server out of a group; `NotFound` too when none is in it."""
        self.store.security_groups.leave(server_id, name, self.now(), project_id=asking.scope)
        self.changed()
