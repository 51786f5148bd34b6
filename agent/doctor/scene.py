# SPDX-License-Identifier: Apache-2.0
"""What all checks start from: the file tree, the configuration, and what libvirt and database say.

Each may be missing: there is no configuration before `cumulet init`, libvirt may be away, and the
database damaged. The checks go on with what there is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from agent.config import Config
from agent.doctor.tree import Tree
from agent.hypervisor.base import NetworkSpec, Survey
from agent.hypervisor.host import Host
from agent.model.layout import Layout
from agent.model.server import Server


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the database says, at one moment."""

    installation: str | None
    lab: NetworkSpec | None
    servers: tuple[Server, ...] = ()  # those that are not deleted
    deleted: Mapping[str, datetime] = field(default_factory=dict)  # since when, by id
    image_ids: frozenset[str] = frozenset()
    macs: frozenset[str] = frozenset()  # of all ports
    network_ids: frozenset[str] = frozenset()
    filtered: int = 0  # ports of servers whose security groups do not let everything pass


@dataclass(frozen=True, slots=True)
class Scene:
    """What is there to be looked at."""

    config_path: Path
    config: Config  # the defaults where there is none, or a broken one
    mistakes: tuple[str, ...] | None  # of the configuration; None: there is no file
    now: datetime
    tree: Tree = field(default_factory=Tree)
    survey: Survey | None = None
    silence: str = ""  # why libvirt said nothing
    recorded: Recorded | None = None
    unread: str = ""  # why the database said nothing; empty too where there is no state folder
    host: Host | None = None  # libvirt, for what changes something
    ask: Callable[[], Survey] | None = None  # libvirt once more; raises `AgentError`
    read: Callable[[], Recorded] | None = None  # the database once more; raises `AgentError`

    @property
    def layout(self) -> Layout:
        """Where everything of the state folder lies."""
        return Layout(self.config.state_dir)

    @property
    def is_set_up(self) -> bool:
        """Whether `cumulet init` has been here, as far as the configuration tells."""
        return self.mistakes == ()

    @property
    def is_for_real(self) -> bool:
        """Whether guests really run: libvirt's test driver needs neither disks nor a kernel."""
        return self.survey is None or self.survey.driver != "TEST"

    @property
    def lab(self) -> NetworkSpec | None:
        """The network that libvirt is to carry, once it is recorded."""
        return self.recorded.lab if self.recorded else None
