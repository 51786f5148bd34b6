# SPDX-License-Identifier: Apache-2.0
"""`cumulet init`: everything that must be there before the first `cumulet serve`.

Each part looks whether it is there already, so running it again changes nothing and repairs what is
missing.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import secrets
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import yaml

from agent import disks
from agent.config import Config, ConfigError, parse_config, read_config, render_config
from agent.errors import AgentError
from agent.hypervisor.base import NetworkSpec, TakenNetwork
from agent.identity import hash_password
from agent.locks import FolderLock
from agent.model.identity import Project, User
from agent.model.layout import Layout
from agent.model.network import Network, Subnet
from agent.model.server import Flavor
from agent.networking import network_spec
from agent.store import Store
from agent.wholefile import create_private, whole_file

FLAVORS = (
    Flavor("1", "m1.tiny", vcpus=1, ram_mb=512, disk_gb=1),
    Flavor("2", "m1.small", vcpus=1, ram_mb=2048, disk_gb=20),
    Flavor("3", "m1.medium", vcpus=2, ram_mb=4096, disk_gb=40),
    Flavor("4", "m1.large", vcpus=4, ram_mb=8192, disk_gb=80),
    Flavor("5", "m1.xlarge", vcpus=8, ram_mb=16384, disk_gb=160),
)

ROLES = ("admin", "member", "reader")
ACCOUNTS = {"cumulet": ("lab", ("member", "reader")), "cumulet-admin": ("admin", ROLES)}
"""The clouds of clouds.yaml: the name of user and project, and the user's roles there."""

SUBNETS = [ipaddress.IPv4Network(f"10.{second}.0.0/24") for second in range(70, 250)]
"""Where a free subnet is looked for: far from 192.168.122.0/24, which is often taken."""

MTU = 1500

LOCK_WAIT_S = 30.0  # an init takes a second, and longer where libvirt is slow to answer


class NetworkHost(Protocol):
    """What init asks of a host. Both may block, and raise `AgentError`."""

    def list_networks(self) -> Sequence[TakenNetwork]:
        """All networks of its libvirt, whoever made them."""
        ...

    def ensure_network(self, spec: NetworkSpec) -> None:
        """Define and start a network, unless it is there and runs."""
        ...


@dataclass(frozen=True, slots=True)
class InitReport:
    """Where things are now, and what a reader should know."""

    config: Config
    config_path: Path
    clouds_path: Path
    notes: tuple[str, ...]


def initialise(
    config_path: Path,
    settings: dict[str, Any],
    *,
    connect: Callable[[Config], NetworkHost],
    now: datetime,
) -> InitReport:
    """Make or complete the configuration, state folder, database, accounts and network.

    One at a time in a state folder: others wait. `settings` are those given on the command line.
    `connect` gives the host of a configuration; when its libvirt does not answer that is only
    noted, for `serve` makes what is missing. Raises `ConfigError` when an existing file says
    otherwise than the command line.
    """
    layout = Layout(_read_or_draft(config_path, settings).state_dir)
    disks.ensure_folders(layout.state)
    busy = f"Another `cumulet init` is at work in {layout.state}: process {{pid}}."
    with FolderLock(layout.init_lock, busy).hold(LOCK_WAIT_S):
        return _initialise(config_path, settings, connect, now)


def _initialise(
    config_path: Path,
    settings: dict[str, Any],
    connect: Callable[[Config], NetworkHost],
    now: datetime,
) -> InitReport:
    notes: list[str] = []
    config = _ensure_config(config_path, settings, connect, notes)
    layout = Layout(config.state_dir)
    _migrate(layout)
    store = Store.open(layout.database)
    try:
        for flavor in FLAVORS if not store.catalog.list_flavors() else ():
            store.catalog.add_flavor(flavor)
        clouds_path = _ensure_accounts(config, layout, store)
        spec = _ensure_network(config, store, now)
    finally:
        store.close()
    with _noted(notes, "libvirt's network is made when `cumulet serve` starts"):
        connect(config).ensure_network(spec)
    return InitReport(config, config_path, clouds_path, tuple(notes))


def free_subnet(taken: Sequence[str]) -> str:
    """The first of our subnets that overlaps none of these; `ConfigError` when all do."""
    used = [ipaddress.IPv4Network(cidr, strict=False) for cidr in taken]
    for subnet in SUBNETS:
        if not any(subnet.overlaps(other) for other in used):
            return str(subnet)
    raise ConfigError(["network.subnet: no free subnet found: write one into the file"])


def host_routes(table: str) -> list[str]:
    """The IPv4 destinations of /proc/net/route's text, but for the default route."""
    found = []
    for line in table.splitlines()[1:]:
        columns = line.split()
        destination, mask = (
            ipaddress.IPv4Address(int.from_bytes(bytes.fromhex(columns[i]), "little"))
            for i in (1, 7)
        )
        if int(mask):
            found.append(f"{destination}/{mask}")
    return found


def _read_or_draft(path: Path, settings: dict[str, Any]) -> Config:
    """The configuration that is there, or what is known of the one that will be."""
    if not path.exists():
        return parse_config(settings)
    config = read_config(path)
    _refuse_differences(path, config, settings)
    return config


def _ensure_config(
    path: Path,
    settings: dict[str, Any],
    connect: Callable[[Config], NetworkHost],
    notes: list[str],
) -> Config:
    draft = _read_or_draft(path, settings)
    if path.exists():
        return draft
    network = settings.get("network", {})
    taken: Sequence[TakenNetwork] = ()
    with _noted(notes, "the names and subnet of the network were chosen without asking libvirt"):
        taken = connect(draft).list_networks()
    routes = host_routes(Path("/proc/net/route").read_text())
    name, bridge = _free_names(taken)
    chosen = {
        "installation": str(uuid.uuid4()),
        **settings,
        "network": {
            "libvirt_network": name,
            "bridge": bridge,
            "subnet": free_subnet([*routes, *(n.cidr for n in taken if n.cidr)]),
            **network,
        },
    }
    config = parse_config(chosen)
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_private(path, _HEADER + render_config(chosen))
    return config


_HEADER = """\
# Written by `cumulet init`. Every key with its meaning: etc/cumulet.yaml of the source.
"""


def _refuse_differences(path: Path, config: Config, settings: dict[str, Any]) -> None:
    flat = dict(settings)
    if "network" in flat:
        flat |= {f"network.{key}": value for key, value in flat.pop("network").items()}
    problems = []
    for key, asked in flat.items():
        section = config.network if key.startswith("network.") else config
        has = str(getattr(section, key.removeprefix("network.")))
        if has != str(asked):
            problems.append(f"{key}: {path} says {has!r} already, not {asked!r}: change it there")
    if problems:
        raise ConfigError(problems)


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


def _migrate(layout: Layout) -> None:
    from agent.store import migrate  # Alembic is large, and only wanted here

    migrate.upgrade(layout.database)


def _ensure_accounts(config: Config, layout: Layout, store: Store) -> Path:
    """Make the two accounts and clouds.yaml; when the file is lost, set new passwords."""
    clouds_path = layout.state / "clouds.yaml"
    if clouds_path.exists() and store.identity.has_any_user():
        return clouds_path
    clouds = {}
    for cloud, (name, roles) in ACCOUNTS.items():
        password = secrets.token_urlsafe(18)
        _ensure_account(store, name, password, roles)
        clouds[cloud] = {
            "auth": {
                "auth_url": f"{config.url}/identity/v3",
                "username": name,
                "password": password,
                "project_name": name,
                "user_domain_id": "default",
                "project_domain_id": "default",
            },
            "region_name": config.region,
            "identity_api_version": "3",
        }
    _write_private(clouds_path, yaml.safe_dump({"clouds": clouds}, sort_keys=False))
    return clouds_path


def _ensure_account(store: Store, name: str, password: str, roles: tuple[str, ...]) -> None:
    project = store.identity.find_project(name)
    if project is None:
        project = Project(id=uuid.uuid4().hex, name=name)
        store.identity.add_project(project)
    user = store.identity.find_user(name)
    if user is None:
        user = User(uuid.uuid4().hex, name, hash_password(password), True, project.id)
        store.identity.add_user(user)
    else:
        store.identity.set_password(user.id, hash_password(password))
    for role in roles:
        store.identity.assign(user.id, project.id, store.identity.ensure_role(role).id)


def _ensure_network(config: Config, store: Store, now: datetime) -> NetworkSpec:
    """Make the shared network `lab` in the database; give what libvirt is to carry."""
    networks = store.networks.list_networks(project_id=None)
    subnets = store.networks.list_subnets(project_id=None)
    if networks:
        return network_spec(networks[0], subnets[0])
    cidr = ipaddress.IPv4Network(config.network.subnet)
    admin = store.identity.find_project("admin")
    assert admin is not None
    network = Network(
        id=str(uuid.uuid4()),
        name="lab",
        project_id=admin.id,
        shared=True,
        libvirt_name=config.network.libvirt_network,
        bridge=config.network.bridge,
        mode=config.network.mode,
        mtu=MTU,
        created_at=now,
    )
    subnet = Subnet(
        id=str(uuid.uuid4()),
        network_id=network.id,
        name="lab",
        cidr=str(cidr),
        gateway_ip=str(cidr[1]),
        pool_start=str(cidr[2]),
        pool_end=str(cidr[-2]),
        dns=(str(cidr[1]),) if config.network.mode == "nat" else (),
        created_at=now,
    )
    store.networks.add_network(network, subnet)
    return network_spec(network, subnet)


def _write_private(path: Path, text: str) -> None:
    """Write a file that only root reads, whole or not at all."""
    with whole_file(path) as part, os.fdopen(create_private(part), "w") as file:
        file.write(text)


@contextlib.contextmanager
def _noted(notes: list[str], otherwise: str) -> Iterator[None]:
    try:
        yield
    except AgentError as error:
        notes.append(f"{error.message} So {otherwise}.")
