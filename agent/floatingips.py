# SPDX-License-Identifier: Apache-2.0
"""The use cases of floating addresses: take one of the pool, lead it to a port, give it back.

The engine brings what is recorded about on the host, at once; until then, and where that fails, an
address is shown to be down.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address

from agent.errors import BadRequest, Conflict, NotFound
from agent.model.floating import FloatingIp, FloatingPool
from agent.model.identity import Caller
from agent.model.network import Port
from agent.model.quota import Quota
from agent.networking import Networking, check_admin, is_private
from agent.store import Store


@dataclass(frozen=True, slots=True)
class NewFloatingIp:
    """A floating address that is asked for."""

    network_id: str
    ip: IPv4Address | None = None  # None: any that is free
    port_id: str | None = None
    fixed_ip: str | None = None  # of that port
    description: str = ""
    project_id: str | None = None  # None: the caller's


@dataclass(frozen=True, slots=True)
class FloatingIps:
    """Floating addresses, as the caller may see them: its project's, an administrator all."""

    store: Store
    networking: Networking
    pool: FloatingPool | None  # None: there are none
    quota: Quota  # the default one: the store knows what else was set
    is_carried: Callable[[str, str], bool]  # whether the host leads this address to that one
    now: Callable[[], datetime]
    changed: Callable[[], None]  # tells the engine that there is something to carry

    def list(self, caller: Caller) -> Sequence[FloatingIp]:
        """All that the caller sees, oldest first."""
        return self.store.floating_ips.list(project_id=caller.scope)

    def get(self, caller: Caller, its_id: str) -> FloatingIp:
        """One of them; `NotFound` otherwise."""
        return self.store.floating_ips.get(its_id, project_id=caller.scope)

    def is_active(self, floating_ip: FloatingIp) -> bool:
        """Whether what is sent to it comes to a server."""
        leads_to = floating_ip.fixed_ip if floating_ip.server_id else None
        return leads_to is not None and self.is_carried(floating_ip.ip, leads_to)

    def create(self, caller: Caller, asked: NewFloatingIp) -> FloatingIp:
        """Give a project an address, and lead it to a port if one is named.

        `NotFound` for a network or port that the caller does not see or that no floating address
        leads to, `BadRequest` for a network that has none, `Forbidden` for another project's or a
        certain one without the role admin, `Conflict` as the store says.
        """
        network = self.networking.get_network(caller, asked.network_id)
        if self.pool is None or network != self.networking.external:
            raise BadRequest(
                f"Bad floatingip request: Network {network.id} is not a valid external network."
            )
        if asked.project_id not in (None, caller.project.id):
            check_admin(caller, "project_id of another project")
        if asked.ip is not None:
            check_admin(caller, "floating_ip_address")
            if asked.ip not in self.pool:
                raise BadRequest(
                    f"floating_ip_address: {asked.ip} is not of the pool {self.pool.first} to "
                    f"{self.pool.last}."
                )
        wanted = FloatingIp(
            id=str(uuid.uuid4()),
            ip="" if asked.ip is None else str(asked.ip),
            project_id=asked.project_id or caller.project.id,
            created_at=self.now(),
            description=asked.description,
            port_id=self._check_target(caller, asked.port_id, asked.fixed_ip),
        )
        made = self.store.floating_ips.add(wanted, self.pool, self.quota)
        self.changed()
        return made

    def update(
        self, caller: Caller, its_id: str, *, fixed_ip: str | None = None, **fields: object
    ) -> FloatingIp:
        """Set `port_id` (None: it leads nowhere) or the description.

        A `fixed_ip` is the port's. Raises what `create` raises for a port.
        """
        self.get(caller, its_id)
        port_id = fields.get("port_id")
        self._check_target(caller, None if port_id is None else str(port_id), fixed_ip)
        if fields:
            self.store.floating_ips.update(its_id, self.now(), **fields)
            self.changed()
        return self.get(caller, its_id)

    def delete(self, caller: Caller, its_id: str) -> None:
        """Give an address back to the pool, wherever it leads."""
        self.get(caller, its_id)
        self.store.floating_ips.remove(its_id)
        self.changed()

    def add_to_server(
        self, caller: Caller, server_id: str, ip: str, fixed_ip: str | None = None
    ) -> None:
        """Lead an address, wherever it leads now, to a server: to its first port, or to that with
        the fixed address.

        `NotFound` for what the caller does not see, `BadRequest` for a server without such a port
        and for a port that has another floating address, both in Nova's words.
        """
        server = self.store.servers.get(server_id, project_id=caller.scope)
        floating_ip = self._find(caller, ip)
        nics = [nic for nic in server.nics if fixed_ip in (None, nic.ip)]
        if not server.nics:
            raise BadRequest("No fixed IPs associated to instance")
        if not nics:
            raise BadRequest("Specified fixed address not assigned to instance")
        try:
            self.update(caller, floating_ip.id, port_id=nics[0].port_id)
        except Conflict as error:
            raise BadRequest(error.message) from error

    def remove_from_server(self, caller: Caller, server_id: str, ip: str) -> None:
        """Let an address of a server lead nowhere; `Conflict` when it does not lead to it."""
        server = self.store.servers.get(server_id, project_id=caller.scope)
        floating_ip = self._find(caller, ip)
        if floating_ip.server_id != server.id:
            raise Conflict(f"Floating IP {ip} is not associated with instance {server_id}.")
        self.update(caller, floating_ip.id, port_id=None)

    def _find(self, caller: Caller, ip: str) -> FloatingIp:
        found = self.store.floating_ips.list(project_id=caller.scope, ip=ip)
        if not found:
            raise NotFound("floating IP not found")
        return found[0]

    def _check_target(
        self, caller: Caller, port_id: str | None, fixed_ip: str | None
    ) -> str | None:
        """Give the id of a port that an address can lead to, or None where none is asked for."""
        if port_id is None:
            if fixed_ip is not None:
                raise BadRequest("fixed_ip_address: it is given with its port_id only.")
            return None
        port = self.networking.get_port(caller, port_id)
        if fixed_ip not in (None, port.ip):
            raise BadRequest(f"fixed_ip_address: port {port_id} has {port.ip}, and not {fixed_ip}.")
        self._check_reachable(port)
        return port.id

    def _check_reachable(self, port: Port) -> None:
        network = self.store.networks.get_network(port.network_id, project_id=None)
        if is_private(network):
            external = self.networking.external
            raise NotFound(
                f"External network {external.id if external else '(none)'} is not reachable from "
                f"subnet {port.subnet_id}. Therefore, cannot associate Port {port.id} with a "
                "Floating IP: a project's own network has no way out."
            )
