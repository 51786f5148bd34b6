# SPDX-License-Identifier: Apache-2.0
"""The use cases of a server's size, and of the host that it is on: there is one host only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.actions import ACTIONS
from agent.asking import Asking, admission, new_task
from agent.bootable import check_size, find_flavor
from agent.errors import BadRequest, Conflict, NotFound
from agent.model.placement import HostLoad
from agent.model.quota import Quota
from agent.model.record import RecordChange
from agent.model.server import Flavor, Server
from agent.model.states import VmState
from agent.reaching import Engine, check_host
from agent.store import Store

MOVES: dict[str, frozenset[VmState]] = {
    "migrate": frozenset({VmState.ACTIVE, VmState.STOPPED}),
    "os-migrateLive": frozenset({VmState.ACTIVE, VmState.PAUSED}),
    "evacuate": frozenset({VmState.ACTIVE, VmState.STOPPED, VmState.ERROR}),
}
"""Actions that take a server to another host, and from where the standard allows each."""

NO_OTHER_HOST = "No valid host was found. This cloud has one host, and the server is on it."
STILL_IN_USE = "Compute service of {host} is still in use: it is this cloud's only host, and works."


@dataclass(frozen=True, slots=True)
class Resizing:
    """Resizes servers, for a caller. Confirming and reverting are plain actions of the table."""

    store: Store
    quota: Quota  # the default one: the store knows what else was set
    offers: Callable[[], Sequence[HostLoad]]  # what the hosts offer, as last seen
    now: Callable[[], datetime]
    engine: Engine

    def resize(
        self, asking: Asking, server_id: str, flavor_id: str, *, disk_config: str | None = None
    ) -> None:
        """Begin to give a server another flavor, and wake the engine.

        Raises `NotFound`, `BadRequest` for a flavor that does not fit, `OverQuota`, `Conflict` in
        Nova's words, `NoCapacity`, and `HostUnavailable` when libvirt is away. Nothing is written
        then.
        """
        check_host(self.engine)
        server = self.store.servers.get(server_id, project_id=asking.scope)
        flavor = find_flavor(self.store, asking, flavor_id)
        self._check_image(server, flavor)
        row = ACTIONS["resize"]
        self.store.reshaping.begin_resize(
            server_id,
            new_task(asking, row),
            admission(asking, row),
            flavor=flavor,
            quota=self.quota,
            offers=self.offers,
            record=RecordChange(disk_config=disk_config) if disk_config else RecordChange(),
            now=self.now(),
        )
        self.engine.wake(server_id)

    def refuse_move(self, asking: Asking, server_id: str, action: str) -> None:
        """Say why a server can't be taken to another host: `NotFound`, `Conflict`, `BadRequest`."""
        server = self.store.servers.get(server_id, project_id=asking.scope)
        where = f"Cannot '{action}' instance {server_id} while it is in"
        if server.vm_state not in MOVES[action]:
            raise Conflict(f"{where} vm_state {server.vm_state}")
        if server.task_state is not None:
            raise Conflict(f"{where} task_state {server.task_state}")
        if action == "evacuate":
            raise BadRequest(STILL_IN_USE.format(host=server.host))
        raise BadRequest(NO_OTHER_HOST)

    def _check_image(self, server: Server, flavor: Flavor) -> None:
        """Hold the flavor against the server's image, as long as that is there."""
        try:
            image = self.store.images.get(server.image_id, viewer=None)
        except NotFound:
            return
        check_size(image, flavor)
