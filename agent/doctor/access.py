# SPDX-License-Identifier: Apache-2.0
"""Whether QEMU's user gets at the disks: through each folder above them, and to the files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.doctor.accounts import QEMU_CONF, QemuUser, find_qemu_user, may
from agent.doctor.finding import Finding, Level
from agent.doctor.scene import Scene

NAME = "disk access"


@dataclass(frozen=True, slots=True)
class AccessFacts:
    """Who runs QEMU, and what stands in its way."""

    user: QemuUser | str  # or why that is not known
    state: Path
    blocked: Path | None = None  # the first folder that it can't pass through
    refused: Path | None = None  # a file that it can't read, though libvirt won't give it to it


def check(scene: Scene) -> Iterator[Finding]:
    """Look and judge."""
    return judge(look(scene)) if scene.is_for_real and not scene.mistakes else iter(())


def look(scene: Scene) -> AccessFacts:
    """Become that user and try."""
    state = scene.config.state_dir
    user = find_qemu_user(scene.tree)
    if isinstance(user, str) or user.is_root:
        return AccessFacts(user, state)
    servers, bases = scene.layout.servers, scene.layout.bases
    folders = [*reversed(state.parents), state, servers, bases, *_first(scene, servers, "*")]
    there = [path for path in folders if scene.tree.at(path).is_dir()]
    blocked = next((path for path in there if not may(user, "x", scene.tree.at(path))), None)
    if blocked is not None:
        return AccessFacts(user, state, blocked)
    files = [] if user.gets_disks else [*_first(scene, bases, "*.qcow2")]
    files += _first(scene, servers, "*/disk.qcow2") if files else []
    refused = next((path for path in files if not may(user, "r", scene.tree.at(path))), None)
    return AccessFacts(user, state, refused=refused)


def judge(facts: AccessFacts) -> Iterator[Finding]:
    """Say what stands in the way."""
    user = facts.user
    if isinstance(user, str):
        seen = f"it is not known as whom QEMU runs: {user}"
        fix = f"Install libvirt's own package, or set `user` in {QEMU_CONF}."
        yield Finding(NAME, Level.WARNING, seen, fix)
    elif user.is_root:
        yield Finding(NAME, Level.OK, f"QEMU runs as {user.name} and reads every disk")
    elif facts.blocked is not None:
        seen = f"QEMU runs as {user.name}, who can't pass through {facts.blocked} to the disks"
        if facts.blocked.is_relative_to(facts.state):
            fix = f"`chmod 0711 {facts.blocked}`, or run `cumulet init`, which does it."
        else:
            fix = (
                f"`setfacl -m u:{user.name}:x {facts.blocked}` or `chmod o+x {facts.blocked}`; "
                "or move the state folder, best to /var/lib/cumulet."
            )
        yield Finding(NAME, Level.PROBLEM, seen, fix)
    elif facts.refused is not None:
        seen = f"QEMU runs as {user.name}, who can't read {facts.refused}"
        fix = f"Take `dynamic_ownership = 0` out of {QEMU_CONF} and restart libvirt."
        yield Finding(NAME, Level.PROBLEM, seen, fix)
    else:
        seen = f"QEMU runs as {user.name}, who passes through each folder to the disks"
        yield Finding(NAME, Level.OK, seen)


def _first(scene: Scene, folder: Path, pattern: str) -> list[Path]:
    """The first that is there, as the host names it: all are made alike."""
    found = sorted(scene.tree.at(folder).glob(pattern))[:1]
    return [folder / path.relative_to(scene.tree.at(folder)) for path in found]
