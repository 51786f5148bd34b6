# SPDX-License-Identifier: Apache-2.0
"""The use cases that only change what is recorded of a server: lock, unlock, reset its state.

None of it needs the host, so all of it works while libvirt is away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from agent.actions import ACTIONS
from agent.asking import Asking, admission, new_task
from agent.errors import Forbidden
from agent.model.change import ServerChange
from agent.model.server import Server
from agent.model.states import VmState
from agent.store import Store

RESET_STATES = {"active": VmState.ACTIVE, "error": VmState.ERROR}
"""Where an administrator may say that a server is."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Of the servers that a caller may reach; of another project's, `NotFound`."""

    store: Store
    now: Callable[[], datetime]
    interrupt: Callable[[str], None]  # tells the engine that a server's action was pushed aside

    def lock(self, asking: Asking, server_id: str, reason: str | None = None) -> None:
        """Let nobody but an administrator change a server; an administrator's lock stays his."""
        server = self._get(asking, server_id)
        locker = _locker(asking, server)
        if server.locked_by is None or locker == "admin":
            change = ServerChange(locked_by=locker, locked_reason=reason)
            self._record(asking, server_id, "lock", change)

    def unlock(self, asking: Asking, server_id: str) -> None:
        """Take a lock away; `Forbidden` when it is an administrator's and who asks is none."""
        server = self._get(asking, server_id)
        if server.locked_by == "admin" and not asking.caller.is_admin:
            raise Forbidden(
                "Policy doesn't allow this: an administrator has locked the server, and only an "
                "administrator may unlock it."
            )
        change = ServerChange(locked_by=None, locked_reason=None)
        self._record(asking, server_id, "unlock", change)

    def reset_state(self, asking: Asking, server_id: str, state: str) -> None:
        """Say that a server is active or in error, whatever is being done to it, for an admin.

        What its domain is shows soon after. A server that is shelved away from its host has none:
        active, for it, is where unshelve finds it.
        """
        server = self._get(asking, server_id)
        vm_state = RESET_STATES[state]
        if vm_state is VmState.ACTIVE and server.host is None and server.shelved_image_id:
            vm_state = VmState.SHELVED_OFFLOADED
        change = ServerChange(vm_state=vm_state, old_flavor=None, old_vm_state=None)
        self._record(asking, server_id, "resetState", change)
        self.interrupt(server_id)

    def _get(self, asking: Asking, server_id: str) -> Server:
        return self.store.servers.get(server_id, project_id=asking.scope)

    def _record(self, asking: Asking, server_id: str, action: str, change: ServerChange) -> None:
        row = ACTIONS[action]
        self.store.servers.record(
            server_id,
            new_task(asking, row),
            admission(asking, row),
            change=change,
            now=self.now(),
        )


def _locker(asking: Asking, server: Server) -> str:
    """Who locks, in Nova's words: somebody of the server's project, or an administrator."""
    return "owner" if server.project_id == asking.caller.project.id else "admin"
