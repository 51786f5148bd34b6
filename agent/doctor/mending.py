# SPDX-License-Identifier: Apache-2.0
"""`cumulet doctor --fix`: removes what is surely left over, and mends what is surely ours.

The only room here that changes anything. It may run beside `cumulet serve`: what it removes belongs
to no server that there is (see the note in `leftovers`), so no build, deletion or start has to do
with it. Only temporary files are left to `serve`, which sweeps them itself when it starts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from agent import disks
from agent.doctor import network, ownership
from agent.doctor.deadline import within
from agent.doctor.finding import Finding, Level
from agent.doctor.leftovers import Kind, Leftover
from agent.doctor.orphans import can_tell, list_orphans
from agent.doctor.scene import Scene
from agent.doctor.serving import find_server
from agent.errors import AgentError
from agent.locks import FolderLock
from agent.wholefile import refusals

LOCK_WAIT_S = 10.0
REMOVAL_S = 60.0

NAME = "fix"
AGAIN = "Mend that first, as the other findings say, then `cumulet doctor --fix` again."

BUSY = "Another `cumulet init` or `cumulet doctor --fix` is at work: process {pid}."


@dataclass(frozen=True, slots=True)
class Work:
    """One thing to be mended."""

    done: str  # what is told afterwards
    failed: str  # and what when it could not be done, before the reason
    run: Callable[[], None]  # raises `AgentError` or `OSError`


@dataclass(frozen=True, slots=True)
class Mended:
    """What was done, and what could not be."""

    deeds: tuple[str, ...] = ()
    failures: tuple[Finding, ...] = ()


def mend(scene: Scene) -> Mended:
    """Mend and remove what can be; when one thing can't be, the others are all the same. Blocks.

    Nothing is touched when it is not certain what is ours, or somebody else is at work here.
    """
    reason = can_tell(scene)
    if reason:
        return Mended(failures=(_failure(f"nothing was changed: {reason}"),))
    try:
        with FolderLock(scene.layout.init_lock, BUSY).hold(LOCK_WAIT_S):
            return _do(_list_work(scene))
    except AgentError as error:
        return Mended(failures=(_failure(f"not all was looked at: {error}"),))


def _do(works: Iterable[Work]) -> Mended:
    deeds: list[str] = []
    failures: list[Finding] = []
    for work in works:
        try:
            within(REMOVAL_S, "it", work.run)
        except (AgentError, OSError) as error:
            failures.append(_failure(f"{work.failed}: {error}"))
        else:
            deeds.append(work.done)
    return Mended(tuple(deeds), tuple(failures))


def _failure(seen: str) -> Finding:
    return Finding(NAME, Level.PROBLEM, seen, AGAIN)


def _list_work(scene: Scene) -> Iterator[Work]:
    for facts in ownership.look(scene):
        if facts.is_wrong:
            yield Work(
                f"{facts.path} is root's now, with mode {facts.mended_mode:04o}",
                f"{facts.path} could not be given to root with mode {facts.mended_mode:04o}",
                partial(_own, scene.tree.at(facts.path), facts.mended_mode),
            )
    yield from _list_network_work(scene)
    is_served = find_server(scene) is not None
    for each in list_orphans(scene):
        if each.is_sure and not (is_served and each.kind is Kind.PART):
            yield Work(
                f"removed {each.kind} {each.name}: {each.why}",
                f"{each.kind} {each.name} could not be removed",
                partial(REMOVERS[each.kind], scene, each),
            )


def _list_network_work(scene: Scene) -> Iterator[Work]:
    facts = network.look(scene)
    if facts is None or scene.host is None or (facts.found is not None and not facts.is_ours):
        return
    found = facts.found
    if found is None or not (found.is_active and found.is_autostarted):
        name = f"libvirt's network {facts.lab.name!r}"
        yield Work(
            f"{name} runs, now and after the host's start",
            f"{name} could not be started",
            partial(scene.host.ensure_network, facts.lab),
        )


def _own(path: Path, mode: int) -> None:
    with refusals("It could not be given to root"):
        os.chown(path, 0, 0)
        path.chmod(mode)


def _remove_domain(scene: Scene, leftover: Leftover) -> None:
    if scene.host is not None:
        scene.host.destroy(leftover.name)
        scene.host.undefine(leftover.name)


def _remove_folder(scene: Scene, leftover: Leftover) -> None:
    disks.remove_server_files(scene.tree.at(leftover.name))


def _release(scene: Scene, leftover: Leftover) -> None:
    if scene.host is not None and scene.lab is not None:
        scene.host.release(scene.lab.name, leftover.name)


def _remove_network(scene: Scene, leftover: Leftover) -> None:
    if scene.host is not None:
        scene.host.remove_network(leftover.name)


def _remove_file(scene: Scene, leftover: Leftover) -> None:
    with refusals("It could not be removed"):
        scene.tree.at(leftover.name).unlink(missing_ok=True)


REMOVERS: dict[Kind, Callable[[Scene, Leftover], None]] = {
    Kind.DOMAIN: _remove_domain,
    Kind.FOLDER: _remove_folder,
    Kind.RESERVATION: _release,
    Kind.NETWORK: _remove_network,
    Kind.BASE: _remove_file,
    Kind.PART: _remove_file,
    Kind.LOG: _remove_file,
}
"""How each kind goes; kinds that are not here are never sure."""
