# SPDX-License-Identifier: Apache-2.0
"""All that is on the host of a cloud, whether or not its database knows it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.disks import TEMPORARY_FILES
from agent.doctor.scene import Scene
from agent.hypervisor.base import FoundDomain
from agent.wholefile import is_abandoned

LOGS = Path("/var/log/libvirt/qemu")

OURS = "fa:16:3e:"
"""How the MACs of our ports begin: other reservations are somebody's own."""

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LOG = re.compile(r"cumulet-(?P<id>[0-9a-f]{12})\.log(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Inventory:
    """What was seen at one moment."""

    domains: Mapping[str, FoundDomain]  # those with our installation's mark, by uuid
    folders: frozenset[str] = frozenset()  # the names in servers/, whatever they are
    disks: frozenset[str] = frozenset()  # the folders that have a disk
    kept: frozenset[str] = frozenset()  # the folders that keep the disk of before a resize
    bases: frozenset[str] = frozenset()  # image ids
    boot_files: frozenset[str] = frozenset()  # of kernels and RAM disks: image ids
    images: frozenset[str] = frozenset()
    macs: frozenset[str] = frozenset()  # with a DHCP reservation in our network
    networks: Mapping[str, str] = field(default_factory=dict)  # projects' own, names by uuid
    parts: frozenset[Path] = frozenset()  # temporary files whose writer is gone
    logs: frozenset[Path] = frozenset()  # of libvirt, of domains named as ours are

    def confirmed_by(self, later: Inventory) -> Inventory:
        """What is there in both: the rest was just going, or coming."""
        return Inventory(
            domains={uuid: later.domains[uuid] for uuid in self.domains if uuid in later.domains},
            folders=self.folders & later.folders,
            disks=self.disks & later.disks,
            kept=self.kept & later.kept,
            bases=self.bases & later.bases,
            boot_files=self.boot_files & later.boot_files,
            images=self.images & later.images,
            macs=self.macs & later.macs,
            networks={x: name for x, name in self.networks.items() if x in later.networks},
            parts=self.parts & later.parts,
            logs=self.logs & later.logs,
        )


def take_inventory(scene: Scene) -> Inventory:
    """Look at libvirt and the disk; blocks. `AgentError` when libvirt does not answer."""
    assert scene.ask is not None
    survey, at = scene.ask(), scene.tree.at
    mine = scene.config.installation
    lab = scene.lab
    networks = [network for network in survey.networks if lab and network.name == lab.name]
    folders = [path for path in _list(at(scene.layout.servers)) if path.is_dir()]
    state = scene.config.state_dir
    found = [x for pattern in TEMPORARY_FILES for x in at(state).glob(pattern)]
    return Inventory(
        domains={domain.uuid: domain for domain in survey.domains if domain.owner == mine},
        folders=frozenset(path.name for path in folders),
        disks=frozenset(path.name for path in folders if (path / "disk.qcow2").is_file()),
        kept=frozenset(path.name for path in folders if (path / "disk.resize.qcow2").is_file()),
        bases=frozenset(_ids(at(scene.layout.bases), ".qcow2")),
        boot_files=frozenset(_ids(at(scene.layout.bases), ".img")),
        images=frozenset(_ids(at(scene.layout.images), "")),
        macs=frozenset(
            reservation.mac
            for network in networks
            for reservation in network.reservations
            if reservation.mac.startswith(OURS)
        ),
        networks={each.uuid: each.name for each in survey.networks if each.owner == mine},
        parts=frozenset(state / x.relative_to(at(state)) for x in found if is_abandoned(x)),
        logs=frozenset(LOGS / x.name for x in _list(at(LOGS)) if LOG.fullmatch(x.name)),
    )


def _ids(folder: Path, suffix: str) -> list[str]:
    names = [path.name.removesuffix(suffix) for path in _list(folder)]
    return [name for name in names if UUID.fullmatch(name)]


def _list(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []
