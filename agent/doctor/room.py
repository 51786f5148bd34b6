# SPDX-License-Identifier: Apache-2.0
"""Free disk, inodes and memory, against what the configuration keeps for the host."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.config import CapacityConfig
from agent.doctor.finding import Finding, Level
from agent.doctor.scene import Scene
from agent.model.states import VmState
from agent.storage import GIB, MIB, SAVED_MEMORY

NAME = "room"

SOON_GB = 2.0  # with so little left besides what is reserved, the next builds are refused
FEW_INODES = 1000

MORE_DISK = "Delete servers or images, or give {folder} a larger file system."


@dataclass(frozen=True, slots=True)
class Space:
    """A file system."""

    folder: Path
    free_bytes: int
    free_inodes: int | None = None  # None: it counts none


@dataclass(frozen=True, slots=True)
class RoomFacts:
    """What is free, and what is wanted."""

    state: Space
    saves: Space  # where libvirt saves memory
    reserved: CapacityConfig
    total_ram_mb: int
    available_ram_mb: int
    largest_ram_mb: int = 0  # of the servers that run: a suspend writes so much


def check(scene: Scene) -> Iterator[Finding]:
    """Look and judge."""
    return judge(look(scene))


def look(scene: Scene) -> RoomFacts:
    """Ask the file systems and the kernel."""
    memory = scene.tree.read("/proc/meminfo") or ""
    servers = scene.recorded.servers if scene.recorded else ()
    running = (x.flavor.ram_mb for x in servers if x.vm_state in {VmState.ACTIVE, VmState.PAUSED})
    return RoomFacts(
        state=_space(scene, scene.config.state_dir),
        saves=_space(scene, SAVED_MEMORY),
        reserved=scene.config.capacity,
        total_ram_mb=_read_mb(memory, "MemTotal"),
        available_ram_mb=_read_mb(memory, "MemAvailable"),
        largest_ram_mb=max(running, default=0),
    )


def judge(facts: RoomFacts) -> Iterator[Finding]:
    """Say what runs out."""
    wrong = [*_judge_disk(facts), *_judge_memory(facts)]
    yield from wrong
    if not wrong:
        disk = facts.state.free_bytes / GIB
        seen = f"{disk:.1f} GiB of disk and {facts.available_ram_mb} MiB of RAM are free"
        yield Finding(NAME, Level.OK, seen)


def _judge_disk(facts: RoomFacts) -> Iterator[Finding]:
    state, reserved = facts.state, facts.reserved.reserved_disk_gb
    free = state.free_bytes / GIB
    more = MORE_DISK.format(folder=state.folder)
    numbers = f"{state.folder} has {free:.1f} GiB free, {reserved:g} are reserved"
    if free < reserved:
        yield Finding(NAME, Level.PROBLEM, f"{numbers}: builds are refused", more)
    elif free < reserved + SOON_GB:
        yield Finding(NAME, Level.WARNING, f"{numbers}: soon builds are refused", more)
    if state.free_inodes is not None and state.free_inodes < FEW_INODES:
        seen = f"{state.folder} has {state.free_inodes} inodes left"
        yield Finding(NAME, Level.PROBLEM, seen, more)
    if facts.saves.free_bytes < facts.largest_ram_mb * MIB:
        saves = facts.saves
        seen = f"{saves.folder}, where the memory of suspended servers goes, has "
        seen += f"{saves.free_bytes // MIB} MiB free: a server that runs has {facts.largest_ram_mb}"
        fix = MORE_DISK.format(folder=saves.folder)
        yield Finding(NAME, Level.WARNING, seen, fix)


def _judge_memory(facts: RoomFacts) -> Iterator[Finding]:
    reserved, total = facts.reserved.reserved_ram_mb, facts.total_ram_mb
    if total <= reserved:
        seen = f"the host has {total} MiB of RAM, and {reserved} are reserved: no server fits"
        fix = "Lower `capacity.reserved_ram_mb`, or give the host more memory."
        yield Finding(NAME, Level.PROBLEM, seen, fix)
    elif facts.available_ram_mb < reserved:
        seen = f"{facts.available_ram_mb} MiB of RAM are available, {reserved} are reserved"
        fix = "Stop or suspend servers, or see what else takes it: `ps -eo rss,comm --sort -rss`."
        yield Finding(NAME, Level.WARNING, seen, fix)


def _space(scene: Scene, folder: Path) -> Space:
    there = next(x for x in (folder, *folder.parents) if scene.tree.at(x).is_dir())
    about = os.statvfs(scene.tree.at(there))
    inodes = about.f_favail if about.f_files else None
    return Space(there, about.f_bavail * about.f_frsize, inodes)


def _read_mb(memory: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", memory, re.MULTILINE)
    return int(found[1]) // 1024 if found else 0
