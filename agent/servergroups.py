# SPDX-License-Identifier: Apache-2.0
"""The use cases of server groups: make, look, delete. Servers join by a hint when they are made."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.asking import Asking
from agent.errors import BadRequest
from agent.model.group import Policy, ServerGroup
from agent.model.identity import Caller
from agent.model.quota import Quota
from agent.store import Store


@dataclass(frozen=True, slots=True)
class ServerGroups:
    """Of the caller's project; an administrator reaches those of all by their ids."""

    store: Store
    quota_of: Callable[[str], Quota]  # of a project, by its id
    now: Callable[[], datetime]

    def create(
        self, caller: Caller, name: str, policy: Policy, max_server_per_host: int | None
    ) -> ServerGroup:
        """Make a group without members; `OverQuota`, or `BadRequest` for a rule that is not of
        the policy."""
        if max_server_per_host is not None and policy is not Policy.ANTI_AFFINITY:
            raise BadRequest("server_group.rules: Only anti-affinity policy supports rules.")
        group = ServerGroup(
            id=str(uuid.uuid4()),
            name=name,
            project_id=caller.project.id,
            user_id=caller.user.id,
            policy=policy,
            created_at=self.now(),
            max_server_per_host=max_server_per_host,
        )
        most = self.quota_of(caller.project.id).server_groups
        return self.store.server_groups.add(group, most=most)

    def list(self, caller: Caller, *, of_all_projects: bool) -> Sequence[ServerGroup]:
        """The groups of the caller's project; of all, for an administrator who asks for them."""
        everything = of_all_projects and caller.is_admin
        return self.store.server_groups.list(project_id=None if everything else caller.project.id)

    def get(self, asking: Asking, group_id: str) -> ServerGroup:
        """One group; `NotFound` when it is another project's."""
        return self.store.server_groups.get(group_id, project_id=asking.scope)

    def delete(self, asking: Asking, group_id: str) -> None:
        """Remove a group, not its members; `NotFound` when it is another project's."""
        self.store.server_groups.delete(group_id, project_id=asking.scope)
