# SPDX-License-Identifier: Apache-2.0
"""The use cases of quotas: what a project may use, what it uses, and what admins set.

Others ask `quota_of` for what they hold a request against. What must hold when rows are written
(servers, cores, memory) the store looks at in the transaction that writes them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from agent.errors import BadRequest, NotFound
from agent.model.identity import Caller
from agent.model.injection import FileLimits, file_limits
from agent.model.quota import Quota, Usage
from agent.store import Store


@dataclass(frozen=True, slots=True)
class Quotas:
    """The quotas that a caller may see: its own project's, an administrator's all."""

    store: Store
    default: Quota  # the configuration's

    def quota_of(self, project_id: str, user_id: str = "") -> Quota:
        """What a project may use, or a user in it, whoever asks."""
        return self.store.quotas.get(project_id, self.default, user_id)

    def file_limits(self, project_id: str) -> FileLimits:
        """How many files, and how large, a project's servers may be given."""
        return file_limits(self.quota_of(project_id))

    def get(self, caller: Caller, project_id: str, user_id: str = "") -> Quota:
        """What a project may use, or a user in it. `NotFound` when it is another's.

        `BadRequest` when an administrator names a project that is not there.
        """
        self._check(caller, project_id)
        return self.quota_of(project_id, user_id)

    def usage(self, caller: Caller, project_id: str, user_id: str = "") -> Usage:
        """What a project uses, or a user in it; raises what `get` does."""
        self._check(caller, project_id)
        return self.store.quotas.usage(project_id, user_id)

    def get_default(self, caller: Caller, project_id: str) -> Quota:
        """What a project may use for which nothing was set; raises what `get` does."""
        self._check(caller, project_id)
        return self.get_class("default")

    def set(
        self,
        caller: Caller,
        project_id: str,
        limits: Mapping[str, int],
        *,
        user_id: str = "",
        force: bool = False,
    ) -> Quota:
        """Set some limits, for an administrator, and give all; raises what `get` does.

        `BadRequest` too for less than is used, and for a user for more than the project has, unless
        by `force`.
        """
        self._check(caller, project_id)
        return self.store.quotas.set(project_id, limits, self.default, user_id=user_id, force=force)

    def reset(self, project_id: str, user_id: str = "", resources: Collection[str] = ()) -> None:
        """Let the defaults count again for a project and its users, or for one user in it.

        All of them, or those of some `resources`.
        """
        self.store.quotas.reset(project_id, user_id, resources)

    def get_class(self, name: str) -> Quota:
        """What a class may use; "default" is for all projects, of others nobody asks."""
        return self.store.quotas.get_class(name, self.default)

    def set_class(self, name: str, limits: Mapping[str, int]) -> Quota:
        """Set some limits of a class, for an administrator, and give all."""
        return self.store.quotas.set_class(name, limits, self.default)

    def _check(self, caller: Caller, project_id: str) -> None:
        if project_id == caller.project.id:
            return
        if not caller.is_admin:
            raise NotFound(f"Could not find project: {project_id}.")
        try:
            self.store.identity.get_project(project_id)
        except NotFound as error:
            raise BadRequest(f"Project ID {project_id} is not a valid project.") from error
