# SPDX-License-Identifier: Apache-2.0
"""`cumulet init`: everything that must be there before the first `cumulet serve`.

Each part looks whether it is there already, so running it again changes nothing and repairs what is
missing.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agent import belonging, disks
from agent.config import Config, ConfigError, parse_config, read_config, render_config
from agent.credentials import ensure_accounts, write_private
from agent.errors import AgentError, HostUnavailable
from agent.hypervisor.base import NetworkSpec
from agent.labnetwork import (
    NetworkHost,
    Surroundings,
    choose_network,
    choose_subnet,
    ensure_lab,
    ensure_mode,
    look_around,
)
from agent.locks import FolderLock
from agent.model.layout import Layout
from agent.model.server import Flavor
from agent.store import ServerFilter, Store

FLAVORS = (
    Flavor("1", "m1.tiny", vcpus=1, ram_mb=512, disk_gb=1),
    Flavor("2", "m1.small", vcpus=1, ram_mb=2048, disk_gb=20),
    Flavor("3", "m1.medium", vcpus=2, ram_mb=4096, disk_gb=40),
    Flavor("4", "m1.large", vcpus=4, ram_mb=8192, disk_gb=80),
    Flavor("5", "m1.xlarge", vcpus=8, ram_mb=16384, disk_gb=160),
)

LOCK_WAIT_S = 30.0  # an init takes a second, and longer where libvirt is slow to answer

CONFIG = "config"
"""The setting with the path of the configuration file that init was last run with."""


@dataclass(frozen=True, slots=True)
class InitReport:
    """Where things are now, and what a reader should know."""

    config: Config
    config_path: Path
    clouds_path: Path
    lab: NetworkSpec  # as it is, whatever the configuration leaves out
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
    otherwise than the command line or the database.
    """
    draft = _read_or_draft(config_path, settings)
    host = connect(draft)
    around = look_around(host)
    layout = Layout(draft.state_dir)
    disks.ensure_folders(layout.state)
    busy = f"Another `cumulet init` is at work in {layout.state}: process {{pid}}."
    with FolderLock(layout.init_lock, busy).hold(LOCK_WAIT_S):
        _migrate(layout)
        store = Store.open(layout.database)
        try:
            notes: list[str] = []
            config = _ensure_config(config_path.absolute(), settings, store, around, notes)
            clouds_path, lab = _ensure_contents(config, store, around, host, notes, now)
        finally:
            store.close()
    return InitReport(config, config_path, clouds_path, lab, tuple(notes))


def _ensure_config(
    path: Path, settings: dict[str, Any], store: Store, around: Surroundings, notes: list[str]
) -> Config:
    """Give the configuration: that of the file, once it fits, or else a new one that fits."""
    lab = belonging.find_lab(store)
    if not path.exists():
        folder = parse_config(settings).state_dir
        _refuse_second(path, folder, store)
        known = store.settings.get_setting(belonging.INSTALLATION)
        network = settings.get("network", {})
        if lab is None:
            network = choose_network(network, around)
            if around.silence:
                _note(notes, around.silence, "the network may have a name or subnet of another one")
        else:
            network = {**belonging.network_settings(lab), **network}
            notes.append(
                f"{folder} was set up before: {path} has its installation and network; "
                "whatever else its configuration said is to be written again."
            )
        chosen = {"installation": known or str(uuid.uuid4()), **settings, "network": network}
        parse_config(chosen)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, _HEADER + render_config(chosen))
    config = _read_or_draft(path, settings)
    belonging.claim(config, store)
    if lab is not None:
        belonging.check_network(config, lab)
    if store.settings.get_setting(CONFIG) != str(path):
        store.settings.set_setting(CONFIG, str(path))
    return config


_HEADER = """\
# Written by `cumulet init`. Every key with its meaning: etc/cumulet.yaml of the source.
"""


def _read_or_draft(path: Path, settings: dict[str, Any]) -> Config:
    """The configuration that is there, or what is known of the one that will be."""
    if not path.exists():
        return parse_config(settings)
    config = read_config(path)
    _refuse_differences(path, config, settings)
    return config


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


def _refuse_second(path: Path, folder: Path, store: Store) -> None:
    """Raise `ConfigError` when the state folder has a configuration, which is not this one."""
    first = store.settings.get_setting(CONFIG)
    if first is not None and Path(first).exists() and read_config(Path(first)).state_dir == folder:
        raise ConfigError(
            [
                f"state_dir: the configuration of {folder} is {first}, not {path}: "
                f"run `cumulet init --config {first}`, or name another --state-dir"
            ]
        )
    is_marked = store.settings.get_setting(belonging.INSTALLATION) is not None
    if not is_marked and store.servers.list(ServerFilter(project_id=None, limit=1)):
        raise ConfigError(
            [
                f"installation: {path} is lost, and the servers bear the mark of their "
                "installation: `virsh dumpxml` of one shows it. Write a file with that and the "
                "state_dir in it"
            ]
        )


def _migrate(layout: Layout) -> None:
    from agent.store import migrate  # Alembic is large, and only wanted here

    migrate.upgrade(layout.database)


def _ensure_contents(
    config: Config,
    store: Store,
    around: Surroundings,
    host: NetworkHost,
    notes: list[str],
    now: datetime,
) -> tuple[Path, NetworkSpec]:
    """Make what is missing of flavors, accounts and network."""
    for flavor in FLAVORS if not store.catalog.list_flavors(project_id=None) else ():
        store.catalog.add_flavor(flavor)
    clouds_path = ensure_accounts(config, store, notes)
    lab = ensure_lab(config, store, subnet=lambda: choose_subnet(around), now=now)
    belonging.check_pool(config, store)
    lab = ensure_mode(config, store, lab, host)
    try:
        host.ensure_network(lab)
    except HostUnavailable as error:
        _note(notes, error.message, "libvirt's network is made when `cumulet serve` starts")
    except AgentError as error:
        _note(notes, error.message, "libvirt's network is not there: mend that first")
    return clouds_path, lab


def _note(notes: list[str], reason: str, consequence: str) -> None:
    notes.append(f"{reason.rstrip('.')}. So {consequence}.")
