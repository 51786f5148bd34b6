# SPDX-License-Identifier: Apache-2.0
"""The network `lab` that init makes: names and a subnet that nobody uses, and its change of mode.

The database has what was made. The configuration only says what to make, and may later change
nothing but the mode.
"""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from agent.belonging import MODES, find_lab
from agent.config import Config, ConfigError
from agent.errors import HostFailed, HostUnavailable
from agent.hypervisor.base import NetworkSpec, TakenNetwork
from agent.hypervisor.errors import NoDriverError
from agent.locks import FolderLock
from agent.model.layout import Layout
from agent.model.network import Network, Subnet
from agent.networking import BRIDGES, network_spec
from agent.store import Store

SUBNETS = [ipaddress.IPv4Network(f"10.{second}.0.0/24") for second in range(70, 250)]
"""Where a free subnet is looked for: far from 192.168.122.0/24, which is often taken."""

MTU = 1500


class NetworkHost(Protocol):
    """What init asks of a host. All may block, and raise `AgentError`."""

    def list_networks(self) -> Sequence[TakenNetwork]:
        """All networks of its libvirt, whoever made them."""
        ...

    def ensure_network(self, spec: NetworkSpec) -> None:
        """Define and start a network, unless it is there and runs."""
        ...

    def change_network(self, spec: NetworkSpec) -> None:
        """Make a network what the spec says; `Conflict` while guests run on it."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What libvirt has already, or why it did not say."""

    taken: Sequence[TakenNetwork] = ()
    silence: str | None = None


def look_around(host: NetworkHost) -> Surroundings:
    """Ask libvirt for its networks; `ConfigError` when its URI is none that it can ever open."""
    try:
        return Surroundings(taken=host.list_networks())
    except (NoDriverError, HostFailed) as error:
        raise ConfigError([f"libvirt_uri: {error.message}"]) from error
    except HostUnavailable as error:
        return Surroundings(silence=error.message)


def choose_network(asked: Mapping[str, object], around: Surroundings) -> dict[str, object]:
    """Complete what is asked of the network with names and a subnet that nobody uses."""
    name, bridge = _free_names(around.taken)
    return {
        "libvirt_network": name,
        "bridge": bridge,
        "subnet": choose_subnet(around),
        **asked,
    }


def choose_subnet(around: Surroundings) -> str:
    """A subnet that neither libvirt nor the host's routes use; `ConfigError` when all are taken."""
    routes = host_routes(Path("/proc/net/route").read_text())
    return free_subnet([*routes, *(each.cidr for each in around.taken if each.cidr)])


def free_subnet(taken: Sequence[str]) -> str:
    """The first of our subnets that overlaps none of these; `ConfigError` when all do."""
    used = [ipaddress.IPv4Network(cidr, strict=False) for cidr in taken]
    for subnet in SUBNETS:
        if not any(subnet.overlaps(other) for other in used):
            return str(subnet)
    raise ConfigError(["network.subnet: no free subnet found: write one into the file"])


def foreign_routes() -> list[str]:
    """What the host reaches otherwise than by projects' networks, but for its default route."""
    routes = list_routes(Path("/proc/net/route").read_text())
    return [destination for link, destination in routes if not link.startswith(BRIDGES)]


def host_routes(table: str) -> list[str]:
    """The IPv4 destinations of /proc/net/route's text, but for the default route."""
    return [destination for _, destination in list_routes(table)]


def list_routes(table: str) -> list[tuple[str, str]]:
    """The interface and the IPv4 destination of each route of /proc/net/route's text.

    The default route is left out.
    """
    found = []
    for line in table.splitlines()[1:]:
        columns = line.split()
        destination, mask = (
            ipaddress.IPv4Address(int.from_bytes(bytes.fromhex(columns[i]), "little"))
            for i in (1, 7)
        )
        if int(mask):
            found.append((columns[0], f"{destination}/{mask}"))
    return found


def ensure_lab(
    config: Config, store: Store, *, subnet: Callable[[], str], now: datetime
) -> NetworkSpec:
    """Make the shared network `lab` in the database; give what libvirt is to carry.

    `subnet` chooses one where the configuration says none.
    """
    lab = find_lab(store)
    if lab is not None:
        return lab
    cidr = ipaddress.IPv4Network(config.network.subnet or subnet())
    admin = store.identity.find_project("admin")
    assert admin is not None
    network = Network(
        id=str(uuid.uuid4()),
        name="lab",
        project_id=admin.id,
        shared=True,
        libvirt_name=config.network.libvirt_network,
        bridge=config.network.bridge,
        mode=config.network.carried,
        mtu=MTU,
        created_at=now,
    )
    made = Subnet(
        id=str(uuid.uuid4()),
        network_id=network.id,
        name="lab",
        cidr=str(cidr),
        gateway_ip=str(cidr[1]),
        pool_start=str(cidr[2]),
        pool_end=str(cidr[-2]),
        dns=_name_servers(network.mode, str(cidr[1])),
        created_at=now,
        dhcp=config.network.dhcp,
    )
    store.networks.add_network(network, made)
    return network_spec(network, made)


def ensure_mode(config: Config, store: Store, lab: NetworkSpec, host: NetworkHost) -> NetworkSpec:
    """Make the network what the configuration's mode and pool say; `Conflict` while it is used.

    Neither `serve` nor a guest may run. libvirt comes first: the database says the new mode only
    when it is true.
    """
    mode = config.network.carried
    if mode == lab.mode:
        return lab
    change = f"{MODES[lab.mode]} to {MODES[mode]}"
    busy = (
        f"network.mode is changed from {change} while nothing runs: "
        "stop all servers, then `cumulet serve` (process {pid}), and run `cumulet init` again."
    )
    changed = replace(lab, mode=mode)
    with FolderLock(Layout(config.state_dir).lock, busy).hold(0):
        try:
            host.change_network(changed)
        except HostUnavailable as error:
            raise HostUnavailable(
                f"network.mode can't be changed from {change} now: {error.message}"
            ) from error
        store.networks.set_mode(lab.uuid, mode, _name_servers(mode, lab.gateway))
    return changed


def _name_servers(mode: str, gateway: str) -> tuple[str, ...]:
    return () if mode == "isolated" else (gateway,)


def _free_names(taken: Sequence[TakenNetwork]) -> tuple[str, str]:
    """The next names that neither libvirt nor the host's interfaces use."""
    names = {network.name for network in taken}
    links = {network.bridge for network in taken} | {
        link.name for link in Path("/sys/class/net").iterdir()
    }
    number = 0
    while True:
        name = "cumulet" if number == 0 else f"cumulet-{number}"
        if name not in names and f"cumulet{number}" not in links:
            return name, f"cumulet{number}"
        number += 1
