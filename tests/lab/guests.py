# SPDX-License-Identifier: Apache-2.0
"""Real guests of the lab's own making, for tests of the lab itself and as known-good neighbours.

Written by hand on purpose: what the agent makes is compared with this, never made by it.
"""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from tests.lab.commands import run
from tests.lab.guest_agent import GuestAgent
from tests.lab.private_host import PrivateHost
from tests.lab.tiny_guest import tiny_image
from tests.lab.waiting import wait_for

BOOT_TIMEOUT_S = 120.0
AGENT_TIMEOUT_S = 30.0
TEMPLATES = Path(__file__).with_name("xml")


@dataclass(frozen=True, slots=True)
class LabNetwork:
    """An isolated libvirt network whose DHCP server knows one guest."""

    name: str = "lab"
    bridge: str = "lab0"
    prefix: str = "192.168.77"
    mac: str = "52:54:00:00:00:0a"

    @property
    def address(self) -> str:
        """The host's own address."""
        return f"{self.prefix}.1"

    @property
    def reserved(self) -> str:
        """The address that DHCP gives to `mac`."""
        return f"{self.prefix}.10"


@dataclass(frozen=True, slots=True)
class LabGuest:
    """A tiny guest on a private host."""

    host: PrivateHost
    folder: Path
    name: str = "tiny-1"
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    memory_mb: int = 128

    @property
    def console(self) -> Path:
        """The log of its serial console."""
        return self.folder / "console.log"

    def console_lines(self) -> list[str]:
        """Return what the guest has printed so far."""
        if not self.console.exists():
            return []
        return self.console.read_text(errors="replace").splitlines()

    def wait_for_line(self, start: str, *, timeout_s: float = BOOT_TIMEOUT_S) -> str:
        """Return the newest console line that starts so, waiting for one."""

        def find() -> str | None:
            return next((x for x in reversed(self.console_lines()) if x.startswith(start)), None)

        return wait_for(find, timeout_s=timeout_s, what=f"'{start}' on the console of {self.name}")

    def state(self) -> str:
        """Return the domain's state in virsh's words."""
        return self.host.virsh("domstate", self.uuid).strip()

    def wait_for_state(self, state: str, *, timeout_s: float = AGENT_TIMEOUT_S) -> None:
        """Wait until the domain is in this state, in virsh's words."""
        wait_for(
            lambda: self.state() == state, timeout_s=timeout_s, what=f"{self.name} to be {state}"
        )

    def run(self, program: str, *arguments: str) -> tuple[int, str]:
        """Run a program inside the guest through its agent; return exit code and output."""
        return GuestAgent(self.host, self.uuid).run(program, *arguments)


def start_network(host: PrivateHost, network: LabNetwork) -> None:
    """Create the network, its bridge and its DHCP server on the host."""
    text = _render(
        "network.xml",
        name=network.name,
        bridge=network.bridge,
        address=network.address,
        range_start=network.reserved,
        range_end=f"{network.prefix}.99",
        mac=network.mac,
        reserved=network.reserved,
    )
    _with_file(host, text, "net-create")


def start_guest(guest: LabGuest, network: LabNetwork, config: Mapping[str, str]) -> None:
    """Define and start a tiny guest; `config` is what the config drive holds, by path."""
    guest.folder.mkdir(parents=True, exist_ok=True)
    disk = guest.folder / "disk.qcow2"
    config_drive = guest.folder / "config.iso"
    make_overlay(disk, base=tiny_image())
    write_config_drive(config_drive, config)
    text = _render(
        "domain.xml",
        name=guest.name,
        uuid=guest.uuid,
        memory_mb=str(guest.memory_mb),
        disk=str(disk),
        config_drive=str(config_drive),
        mac=network.mac,
        network=network.name,
        console=str(guest.console),
    )
    _with_file(guest.host, text, "define")
    guest.host.virsh("start", guest.uuid)


def plain_config(guest: LabGuest, *, hostname: str, meta: Mapping[str, str]) -> dict[str, str]:
    """Return the smallest config drive that a guest is content with."""
    data = {"uuid": guest.uuid, "hostname": hostname, "name": hostname, "meta": dict(meta)}
    return {"openstack/latest/meta_data.json": json.dumps(data)}


def make_overlay(disk: Path, *, base: Path) -> None:
    """Create a disk that starts as the base image looks."""
    run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(base), str(disk)])


def write_config_drive(drive: Path, files: Mapping[str, str]) -> None:
    """Write an ISO 9660 image with the label config-2 that holds these files."""
    with tempfile.TemporaryDirectory(prefix="config-2-") as folder:
        for name, content in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        tool = ["xorriso", "-as", "mkisofs", "-quiet", "-J", "-r", "-V", "config-2"]
        run([*tool, "-o", str(drive), folder])


def _render(template: str, **values: str) -> str:
    return Template((TEMPLATES / template).read_text()).substitute(values)


def _with_file(host: PrivateHost, text: str, *command: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
        file.write(text)
        file.flush()
        host.virsh(*command, file.name)
