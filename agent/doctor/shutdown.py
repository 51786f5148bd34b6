# SPDX-License-Identifier: Apache-2.0
"""What becomes of running guests when the host shuts down: libvirt-guests' setting.

Without it guests are cut off as by a power cut. It is to end them, and not to start them again:
`resume_on_boot` says which come back, and `cumulet serve` sees to it, saved memory included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from agent.doctor.finding import Finding, Level
from agent.doctor.scene import Scene
from agent.doctor.tree import UNIT_FOLDERS

NAME = "host's shutdown"

FILES = tuple(f"/etc/{folder}/libvirt-guests" for folder in ("default", "sysconfig", "conf.d"))
UNIT = "libvirt-guests.service"
WANTED_BY = "/etc/systemd/system/multi-user.target.wants"

DEBIAN = {"ON_BOOT": "ignore", "ON_SHUTDOWN": "shutdown", "SHUTDOWN_TIMEOUT": "300"}
UPSTREAM = {"ON_BOOT": "start", "ON_SHUTDOWN": "suspend", "SHUTDOWN_TIMEOUT": "300"}
"""What holds for what a file does not say: Debian and Ubuntu have changed libvirt's own words."""

SHORT_S = 30


@dataclass(frozen=True, slots=True)
class GuestsFacts:
    """The service and its settings."""

    has_systemd: bool
    is_installed: bool
    is_enabled: bool
    file: str
    settings: Mapping[str, str] = field(default_factory=lambda: DEBIAN)


def check(scene: Scene) -> Iterator[Finding]:
    """Look and judge."""
    return judge(look(scene))


def look(scene: Scene) -> GuestsFacts:
    """Read the unit and its file."""
    tree = scene.tree
    is_debian = tree.has("/etc/debian_version")
    usual = FILES[0] if is_debian else FILES[1]
    file = next((name for name in FILES if tree.has(name)), usual)
    return GuestsFacts(
        has_systemd=tree.has_systemd,
        is_installed=any(tree.has(f"{folder}/{UNIT}") for folder in UNIT_FOLDERS),
        # A link, which may lead out of a tree that is not the machine's own.
        is_enabled=tree.at(f"{WANTED_BY}/{UNIT}").is_symlink(),
        file=file,
        settings={**(DEBIAN if is_debian else UPSTREAM), **tree.settings(file)},
    )


def judge(facts: GuestsFacts) -> Iterator[Finding]:
    """Say what would happen to guests, and what would start them twice."""
    cut = "when the host shuts down, running servers are cut off as by a power cut"
    if not facts.has_systemd:
        seen = f"systemd does not run this host: {cut}, unless something else stops them"
        fix = "Stop or suspend all servers before the host is shut down."
        yield Finding(NAME, Level.NOTE, seen, fix)
    elif not facts.is_installed:
        fix = "`apt-get install libvirt-daemon-system` brings libvirt-guests, which stops them."
        yield Finding(NAME, Level.WARNING, f"libvirt-guests is not installed: {cut}", fix)
    elif not facts.is_enabled:
        fix = f"`systemctl enable --now {UNIT}`"
        yield Finding(NAME, Level.WARNING, f"libvirt-guests is not enabled: {cut}", fix)
    else:
        yield from _judge_settings(facts)


def _judge_settings(facts: GuestsFacts) -> Iterator[Finding]:
    said = facts.settings
    wrong = []
    if said["ON_BOOT"] == "start":
        seen = "ON_BOOT=start: libvirt-guests starts what `resume_on_boot` is to decide on"
        fix = f"Write `ON_BOOT=ignore` into {facts.file}: `cumulet serve` starts what is to run."
        wrong.append(Finding(NAME, Level.WARNING, seen, fix))
    timeout = said["SHUTDOWN_TIMEOUT"]
    if said["ON_SHUTDOWN"] == "shutdown" and timeout.isdecimal() and int(timeout) < SHORT_S:
        means = "waits for ever for a guest that ignores it" if timeout == "0" else "is short"
        seen = f"SHUTDOWN_TIMEOUT={timeout} {means}"
        fix = f"Write `SHUTDOWN_TIMEOUT=120` and `PARALLEL_SHUTDOWN=10` into {facts.file}."
        wrong.append(Finding(NAME, Level.WARNING, seen, fix))
    yield from wrong
    if not wrong:
        how = {
            "shutdown": "shuts the guests down in order",
            "suspend": "saves the guests' memory",
        }.get(said["ON_SHUTDOWN"], f"does as ON_SHUTDOWN={said['ON_SHUTDOWN']} says")
        seen = f"libvirt-guests {how}, and leaves it to `resume_on_boot` what starts again"
        yield Finding(NAME, Level.OK, seen)
