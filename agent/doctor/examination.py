# SPDX-License-Identifier: Apache-2.0
"""The table of checks, and the round through it: what is asked when, and for how long at most."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from agent import belonging
from agent.config import Config, ConfigError, read_config
from agent.doctor import (
    access,
    confinement,
    daemons,
    filtering,
    floating,
    nameserver,
    network,
    orphans,
    ownership,
    room,
    serving,
    shutdown,
    virtualisation,
)
from agent.doctor.deadline import within
from agent.doctor.finding import Finding, Level
from agent.doctor.scene import Recorded, Scene
from agent.doctor.tree import Tree
from agent.errors import AgentError, Conflict
from agent.hosting import build_host
from agent.hypervisor.base import Survey
from agent.hypervisor.host import Host
from agent.model.imagequery import EVERY_IMAGE
from agent.model.network import NOBODY
from agent.store import ServerFilter, Store

LIBVIRT_S = 10.0
DATABASE_S = 15.0  # it waits 10 s for another process's write
CHECK_S = 20.0

Judge = Callable[[Scene], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the table."""

    name: str
    run: Judge


CHECKS = (
    Check(virtualisation.NAME, virtualisation.check),
    Check(daemons.NAME, daemons.check),
    Check(ownership.NAME, ownership.check),
    Check(serving.NAME, serving.check),
    Check(orphans.OWNERS, orphans.check_owners),
    Check(access.NAME, access.check),
    Check(confinement.NAME, confinement.check),
    Check(network.NAME, network.check),
    Check(nameserver.NAME, nameserver.check),
    Check(filtering.NAME, filtering.check),
    Check(floating.NAME, floating.check),
    Check(room.NAME, room.check),
    Check(shutdown.NAME, shutdown.check),
    Check(orphans.NAME, orphans.check_counts),
)

CLOSER = (*CHECKS[:-1], Check(orphans.NAME, orphans.check_each))
"""The same with a closer look at what is left over."""


def set_scene(
    config_path: Path,
    *,
    now: datetime,
    tree: Tree | None = None,
    connect: Callable[[Config], Host] | None = None,
) -> Scene:
    """Look for configuration, libvirt and database; blocks for some seconds, and never raises."""
    config, mistakes = _read_config(config_path)
    host = (connect or build_host)(config)
    scene = Scene(config_path, config, mistakes, now, tree=tree or Tree(), host=host)
    scene = _ask_libvirt(scene, host)
    return _read_database(scene) if scene.is_set_up else scene


def examine(scene: Scene, checks: Sequence[Check] = CHECKS) -> list[Finding]:
    """Do all checks in their order; none may break the round or hold it up for ever."""
    findings: list[Finding] = []
    for check in checks:
        findings += _examine(scene, check)
    return findings


def _examine(scene: Scene, check: Check) -> list[Finding]:
    try:
        return within(CHECK_S, check.name, lambda: list(check.run(scene)))
    except (AgentError, OSError) as error:
        seen = f"could not be looked at: {error}"
        return [Finding(check.name, Level.WARNING, seen, "Mend that, and look here again.")]


def _read_config(path: Path) -> tuple[Config, tuple[str, ...] | None]:
    if not path.exists():
        return Config(), None
    try:
        return read_config(path), ()
    except ConfigError as error:
        return error.rest or Config(), tuple(error.problems)


def _ask_libvirt(scene: Scene, host: Host) -> Scene:
    reason = daemons.look(scene.tree, scene.config.libvirt_uri).reason_not_to_ask
    if reason is not None:
        return replace(scene, silence=reason)

    def ask() -> Survey:
        return within(LIBVIRT_S, "libvirt", host.survey)

    try:
        return replace(scene, survey=ask(), ask=ask)
    except AgentError as error:
        return replace(scene, silence=error.message)


def _read_database(scene: Scene) -> Scene:
    path = scene.layout.database

    def read() -> Recorded:
        return within(DATABASE_S, "the database", lambda: read_database(path))

    try:
        return replace(scene, recorded=read(), read=read)
    except (AgentError, OSError) as error:
        return replace(scene, unread=str(error))


def read_database(path: Path) -> Recorded:
    """Read all that the checks want of the database, and change nothing in it; `AgentError`."""
    if path.exists() and path.stat().st_size == 0:
        raise Conflict("The database is empty: run `cumulet init`.")  # opening would fill it
    store = Store.open(path)
    try:
        images = store.images.list(EVERY_IMAGE, viewer=None)
        return Recorded(
            installation=store.settings.get_setting(belonging.INSTALLATION),
            lab=belonging.find_lab(store),
            servers=tuple(store.servers.list(ServerFilter(project_id=None))),
            deleted=store.servers.list_deleted(),
            image_ids=frozenset(image.id for image in images),
            macs=frozenset(
                port.mac
                for project_id in (None, NOBODY)
                for port in store.networks.list_ports(project_id=project_id)
            ),
            network_ids=frozenset(n.id for n in store.networks.list_networks(project_id=None)),
            filtered=len(store.firewalls.list_filtered()),
        )
    finally:
        store.close()
