# SPDX-License-Identifier: Apache-2.0
"""The use cases of a server's network interfaces: list them, attach one, detach one.

Whether a guest takes part shows only while it is done, so a request waits some seconds for it; what
takes longer goes on, and its end stands in the server's actions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from agent.actions import ACTIONS
from agent.asking import Asking, admission, new_task
from agent.errors import BadRequest, Conflict, HostFailed, NotFound
from agent.model.floating import check_no_external
from agent.model.network import NicRequest, Port, defaults
from agent.model.server import Server
from agent.model.task import Task
from agent.reaching import Engine, check_host
from agent.store import Store
from agent.store.interfaces import PORT

PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Interfaces:
    """Network interfaces of servers, for a caller."""

    store: Store
    rest_s: float
    now: Callable[[], datetime]
    engine: Engine
    external_id: str = ""  # of the network that no server is on

    def list_ports(self, asking: Asking, server_id: str) -> Sequence[Port]:
        """The ports of a server, in the order of its nics."""
        server = self._server(asking, server_id)
        return self.store.networks.list_ports(project_id=None, server_id=server.id)

    def get_port(self, asking: Asking, server_id: str, port_id: str) -> Port:
        """One port of a server; `NotFound` when it is none of its."""
        for port in self.list_ports(asking, server_id):
            if port.id == port_id:
                return port
        raise NotFound(f"Instance {server_id} does not have a port with id {port_id}")

    def attach(self, asking: Asking, server_id: str, request: NicRequest) -> Port:
        """Give a server an interface: on a network, by a port, or on its project's only network.

        Blocks for some seconds at most. `NotFound` for a network or port that its project does not
        see, `BadRequest` for an address that is not in the pool, `Conflict` for one that is taken,
        for a port in use and in Nova's words for a server in another state; `HostFailed`, and all
        is undone, when the host or the guest refuses; `HostUnavailable` when libvirt is away.
        """
        check_host(self.engine)
        server = self._server(asking, server_id)
        check_no_external(request.network_id, self.external_id)
        if not request.network_id and request.port_id is None:
            request = replace(request, network_id=self._only_network(server))
        row = ACTIONS["attach_interface"]
        task = self.store.interfaces.begin_attach(
            server_id,
            request,
            new_task(asking, row),
            admission(asking, row),
            rest_s=self.rest_s,
            now=self.now(),
        )
        error = self._see_through(task)
        if error is not None:
            raise HostFailed(f"Failed to attach network adapter device to {server_id}: {error}")
        return self.get_port(asking, server_id, str(task.args[PORT]))

    def detach(self, asking: Asking, server_id: str, port_id: str) -> None:
        """Take an interface from a server. Blocks for some seconds at most.

        `NotFound` when it is none of its, `Conflict` in Nova's words for a server in another state,
        and when the host refuses; `HostUnavailable` when libvirt is away.
        """
        check_host(self.engine)
        self._server(asking, server_id)
        row = ACTIONS["detach_interface"]
        task = self.store.interfaces.begin_detach(
            server_id, port_id, new_task(asking, row), admission(asking, row), now=self.now()
        )
        error = self._see_through(task)
        if error is not None:
            raise Conflict(f"Failed to detach network adapter device from {server_id}: {error}")

    def detach_address(self, asking: Asking, server_id: str, address: str) -> None:
        """Take the interface from a server that has this address; `BadRequest` when none has."""
        for port in self.list_ports(asking, server_id):
            if port.ip == address:
                self.detach(asking, server_id, port.id)
                return
        raise BadRequest(f"Instance {server_id} doesn't have fixed IP '{address}'.")

    def _see_through(self, task: Task) -> str | None:
        """Wait some seconds for a task's end; why it failed, if it has."""
        self.engine.wake(task.server_id)
        self.engine.wait_for_end(task.server_id, task.id, PATIENCE_S)
        tasks = self.store.servers.list_tasks(task.server_id)
        return next((each.error for each in tasks if each.id == task.id), None)

    def _only_network(self, server: Server) -> str:
        """The project's only network, else the only shared one."""
        visible = self.store.networks.list_networks(project_id=server.project_id)
        candidates = defaults(visible, server.project_id)
        if len(candidates) > 1:
            raise BadRequest(
                "Multiple possible networks found, use a Network ID to be more specific."
            )
        if not candidates:
            raise BadRequest("No specific network was requested and none are available.")
        return candidates[0].id

    def _server(self, asking: Asking, server_id: str) -> Server:
        return self.store.servers.get(server_id, project_id=asking.scope)
