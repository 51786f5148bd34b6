# SPDX-License-Identifier: Apache-2.0
"""What a step is: one external effect with a durable name.

# Note [At least once]
A step is recorded after its effect. A crash between the two runs it again, so each step looks first
and acts on the difference: doing it twice is the same as doing it once. No step holds a database
transaction over its effect, and none sleeps: one that must wait says `Later`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from agent.hypervisor.base import Hypervisor
from agent.model.change import ServerChange
from agent.model.layout import Layout
from agent.model.password import Credential
from agent.model.server import Server
from agent.model.states import TaskState
from agent.model.task import Task


class Disks(Protocol):
    """What the workflows ask of the host's disk. Every method may block."""

    def check_room(self, server: Server) -> None:
        """Raise `NoCapacity` with the numbers when a new server would not fit."""
        ...

    def ensure_base(self, image_id: str) -> Path:
        """Make the cached backing file of an image, unless it is there."""
        ...

    def ensure_boot_file(self, image_id: str) -> Path:
        """Have a kernel or RAM disk where QEMU may read it."""
        ...

    def check_save_room(self, server: Server) -> None:
        """Raise `NoCapacity` with the numbers when the server's memory can't be saved."""
        ...

    def has_disk(self, server_id: str) -> bool:
        """Whether the server's root disk is there."""
        ...

    def create_disk(self, server: Server) -> None:
        """Make the server's root disk over its base, unless it is there."""
        ...

    def restore_disk(self, server: Server, image_id: str) -> None:
        """Make the root disk over its base with what an image holds, unless it is there."""
        ...

    def write_config_drive(self, server: Server) -> None:
        """Make the server's config drive, unless it is there."""
        ...

    def wipe(self, server_id: str) -> None:
        """Remove the server's disks and config drive; what its console printed stays."""
        ...

    def check_copy_room(self, server_id: str) -> None:
        """Raise `NoCapacity` with the numbers when the root disk could not be copied."""
        ...

    def keep_disk(self, server_id: str) -> None:
        """Keep a copy of the root disk as it is now, unless one is kept."""
        ...

    def has_kept_disk(self, server_id: str) -> bool:
        """Whether the disk of before a resize is kept."""
        ...

    def drop_kept_disk(self, server_id: str) -> None:
        """Remove the kept disk; nothing when there is none."""
        ...

    def put_disk_back(self, server_id: str) -> None:
        """Let the kept disk be the root disk again; nothing when that is done."""
        ...

    def grow_disk(self, server: Server) -> None:
        """Give the root disk the flavor's size; one of the image's own size stays as it is."""

    def create_rescue_disk(self, server: Server) -> None:
        """Make the disk that a server in rescue runs from, unless it is there."""
        ...

    def write_rescue_drive(self, server: Server, credential: Credential) -> None:
        """Make the config drive of a server in rescue, unless it is there."""
        ...

    def remove_rescue(self, server_id: str) -> None:
        """Remove both of them; nothing when they are gone."""
        ...

    def remove_server(self, server_id: str) -> None:
        """Remove the server's folder with all that is in it; nothing when it is gone."""
        ...


class Captures(Protocol):
    """What the workflows ask for when they make an image of a server's disk.

    `task_id` tells the copies apart; each lies in its server's folder. Every method may block.
    """

    def check_room(self, server: Server) -> None:
        """Raise `NoCapacity` with the numbers when a copy and its image would not fit."""
        ...

    def has_copy(self, server_id: str, task_id: int) -> bool:
        """Whether a copy is there, whole or not."""
        ...

    def flatten(self, server: Server, task_id: int, image_id: str) -> None:
        """Copy a disk that no guest uses, with all that is below it, into one file.

        `NotFound` as soon as its image is deleted.
        """
        ...

    def check_copy(self, server_id: str, task_id: int) -> None:
        """Raise `HostFailed`, `NoCapacity` or `Forbidden` unless a copy may become an image."""
        ...

    def store(self, server_id: str, task_id: int, image_id: str) -> None:
        """Make a copy the bytes of its image, which is active then; nothing when it is already.

        `NotFound` as soon as the image is deleted.
        """
        ...

    def has_copies(self, server_id: str) -> bool:
        """Whether there are copies of a server's disk, of any task."""
        ...

    def list_copied(self) -> Collection[str]:
        """The ids of the servers of whose disks there are copies, whole or not."""
        ...

    def drop_copies(self, server_id: str) -> None:
        """Remove all copies of a server's disk."""
        ...

    def discard(self, image_id: str) -> None:
        """Remove an image that was not made; nothing when it was, or is gone."""
        ...

    def remove(self, image_id: str) -> None:
        """Remove the image that a shelved server stood on, which lets it go.

        It stays where somebody has protected it, or another server stands on it.
        """
        ...

    def rotate(self, image_id: str, server_id: str, backup_type: str, keep: int) -> None:
        """Remove the oldest backups of a server, of a type, until `keep` are left.

        They are those of the project that `image_id`, the newest, is of. What is protected or in
        use stays.
        """
        ...


class Firewalls(Protocol):
    """The filters of servers' ports. Every method may block for a second a port that changes."""

    def ensure(self, server_id: str) -> None:
        """Have filters for the ports of a server that is to be started; `HostFailed` if not."""
        ...

    def remove(self, port_id: str) -> None:
        """Remove the filter of a port whose domain is gone; nothing when there is none."""
        ...

    def carry(self) -> None:
        """Have the filters of all ports that need one, and no others."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """What a step may touch, and no more."""

    hypervisor: Hypervisor
    disks: Disks
    layout: Layout
    claim_host: Callable[[Server], str]  # places the server; raises NoCapacity
    captures: Captures
    release_host: Callable[[str], None]  # takes an offloaded server's place back
    unseal: Callable[[str], str]  # opens a sealed password
    drop_port: Callable[[str, str], None]  # takes a port from a server: its id, the port's
    ensure_networks: Callable[[], None]  # makes those that are missing on the host
    firewalls: Firewalls


@dataclass(frozen=True, slots=True)
class Context:
    """One run of one step."""

    server: Server
    task: Task
    tools: Tools
    elapsed_s: float  # since the step before it was recorded

    def result_of(self, step: str) -> Mapping[str, str | int]:
        """What an earlier step of the task left for this one; empty when it left nothing."""
        return self.task.result_of(step)


@dataclass(frozen=True, slots=True)
class Done:
    """The effect is there. `change` is written with the step's record, `result` for later steps."""

    change: ServerChange = field(default_factory=lambda: ServerChange())
    result: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Later:
    """Not yet: look again after so many seconds, or when an event comes."""

    after_s: float


Outcome = Done | Later


@dataclass(frozen=True, slots=True)
class Step:
    """A named effect, how it is undone, and what the server shows while it is at work."""

    name: str
    do: Callable[[Context], Outcome]
    undo: Callable[[Context], None] | None = None
    task_state: TaskState | None = None  # None: the action's own
    progress: int | None = None  # percent of the task when the step is done
    seals: bool = False  # once recorded, a later failure undoes nothing
    mended_by: str = ""  # an action that may begin from ERROR because the task failed here
    only_if: Callable[[Task], bool] | None = None  # else it is left out, by what is on record


Workflow = tuple[Step, ...]
