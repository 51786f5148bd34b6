# SPDX-License-Identifier: Apache-2.0
"""A server's interfaces: taking a port for it, in the transaction that begins the attachment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from agent.errors import NotFound
from agent.model.network import NicRequest
from agent.model.task import NewTask, Task
from agent.store import addresses, loading
from agent.store.db import Database
from agent.store.servers import Admission, admit, take

PORT = "port_id"
"""In the args of a task: which port it is about."""


@dataclass(frozen=True, slots=True)
class Interfaces:
    """Ports of servers that are there."""

    db: Database

    def begin_attach(
        self,
        server_id: str,
        request: NicRequest,
        task: NewTask,
        admission: Admission,
        *,
        rest_s: float,
        now: datetime,
    ) -> Task:
        """Take a server for an attachment, and give it the port: the task names it.

        Raises what `Servers.begin` and `addresses.attach` raise; nothing is written then.
        """
        with self.db.write() as connection:
            admit(connection, server_id, admission)
            server = loading.get_server(connection, server_id, None)
            port_id = addresses.attach(connection, server, request, rest_s=rest_s, now=now)
            named = replace(task, args={**task.args, PORT: port_id})
            return take(connection, server_id, named, admission, now)

    def begin_detach(
        self, server_id: str, port_id: str, task: NewTask, admission: Admission, *, now: datetime
    ) -> Task:
        """Take a server for a detachment; `NotFound` when the port is not the server's."""
        with self.db.write() as connection:
            server = loading.get_server(connection, server_id, None)
            if port_id not in {nic.port_id for nic in server.nics}:
                raise NotFound(f"Instance {server_id} does not have a port with id {port_id}")
            named = replace(task, args={**task.args, PORT: port_id})
            return take(connection, server_id, named, admission, now)
