# SPDX-License-Identifier: Apache-2.0
"""The use cases of networks: read them, within what a project may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.errors import Forbidden
from agent.hypervisor.base import NetworkSpec
from agent.model.identity import Caller
from agent.model.network import Network, Port, Subnet
from agent.store import Store

BRIDGES = "cml-"
"""How the bridges of networks that projects make are called, each with the start of its id."""


@dataclass(frozen=True, slots=True)
class Networking:
    """Networks, subnets and ports, as the caller may see them.

    Those of its project and the shared ones; an administrator sees all projects'.
    """

    store: Store
    external: Network | None = None  # that floating addresses are of: everybody sees it

    def list_networks(self, caller: Caller) -> Sequence[Network]:
        """All networks that the caller sees."""
        found = self.store.networks.list_networks(project_id=caller.scope)
        return found if self.external is None else [*found, self.external]

    def get_network(self, caller: Caller, network_id: str) -> Network:
        """One network; `NotFound` when the caller may not see it."""
        if self.external is not None and self.external.id == network_id:
            return self.external
        return self.store.networks.get_network(network_id, project_id=caller.scope)

    def list_subnets(self, caller: Caller) -> Sequence[Subnet]:
        """All subnets of the networks that the caller sees."""
        return self.store.networks.list_subnets(project_id=caller.scope)

    def get_subnet(self, caller: Caller, subnet_id: str) -> Subnet:
        """One subnet; `NotFound` when the caller may not see it."""
        return self.store.networks.get_subnet(subnet_id, project_id=caller.scope)

    def list_ports(self, caller: Caller) -> Sequence[Port]:
        """All ports of the caller's project."""
        return self.store.networks.list_ports(project_id=caller.scope)

    def count(self, project_id: str) -> Mapping[str, int]:
        """How many networks, subnets and ports a project has of its own."""
        networks = self.store.networks.list_networks(project_id=project_id)
        own = {network.id for network in networks if network.project_id == project_id}
        subnets = self.store.networks.list_subnets(project_id=project_id)
        return {
            "network": len(own),
            "subnet": sum(subnet.network_id in own for subnet in subnets),
            "port": len(self.store.networks.list_ports(project_id=project_id)),
        }

    def get_port(self, caller: Caller, port_id: str) -> Port:
        """One port of the caller's project; `NotFound` otherwise."""
        return self.store.networks.get_port(port_id, project_id=caller.scope)


def check_admin(caller: Caller, what: str) -> None:
    """Raise `Forbidden` for what only an administrator may ask for."""
    if not caller.is_admin:
        raise Forbidden(f"Policy doesn't allow {what}: it needs the role admin.")


def is_private(network: Network) -> bool:
    """Whether a project has made it: its bridge says so, for the first one's is the host's."""
    return network.bridge.startswith(BRIDGES)


def network_spec(network: Network, subnet: Subnet) -> NetworkSpec:
    """What libvirt is to carry for a network of the API."""
    return NetworkSpec(
        name=network.libvirt_name,
        bridge=network.bridge,
        cidr=subnet.cidr,
        gateway=subnet.gateway_ip,
        dhcp_start=subnet.pool_start,
        dhcp_end=subnet.pool_end,
        mode=network.mode,
        dhcp=subnet.dhcp,
        uuid=network.id,
        dns=subnet.dns,
        is_private=is_private(network),
    )
