# SPDX-License-Identifier: Apache-2.0
"""What else keeps QEMU from its disks: AppArmor and SELinux, which know no users but paths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.doctor.accounts import QEMU_CONF
from agent.doctor.finding import Finding, Level
from agent.doctor.scene import Scene

NAME = "confinement"

APPARMOR = "/sys/module/apparmor/parameters/enabled"
HELPER = "/etc/apparmor.d/usr.lib.libvirt.virt-aa-helper"
HELPER_LOCAL = "/etc/apparmor.d/local/usr.lib.libvirt.virt-aa-helper"
SELINUX = "/sys/fs/selinux/enforce"

SYSTEM_FOLDERS = (
    *("/bin", "/etc", "/lib", "/lib64", "/proc", "/sbin", "/sys"),
    *("/usr/bin", "/usr/lib", "/usr/sbin", "/usr/share"),
    *("/usr/local/bin", "/usr/local/etc", "/usr/local/lib", "/usr/local/sbin"),
)
"""Below these the helper lets no disk be."""

MOVE = "Move the state folder, best to /var/lib/cumulet, and correct `state_dir`."


@dataclass(frozen=True, slots=True)
class ConfinementFacts:
    """Which of them is on, and where the disks are."""

    state: Path
    has_apparmor: bool = False  # in the kernel, switched on
    has_helper: bool = False  # libvirt's profiles for it are installed
    driver: str = ""  # what qemu.conf says; "" leaves it to libvirt
    has_selinux: bool = False  # enforcing

    @property
    def is_apparmored(self) -> bool:
        """Whether libvirt confines guests by AppArmor."""
        return self.has_apparmor and self.has_helper and self.driver in {"", "apparmor"}


def check(scene: Scene) -> Iterator[Finding]:
    """Look and judge."""
    return judge(look(scene))


def look(scene: Scene) -> ConfinementFacts:
    """Read what kernel and libvirt say of it."""
    tree = scene.tree
    return ConfinementFacts(
        state=scene.config.state_dir,
        has_apparmor=(tree.read(APPARMOR) or "").strip() == "Y",
        has_helper=tree.has(HELPER),
        driver=tree.settings(QEMU_CONF).get("security_driver", ""),
        has_selinux=(tree.read(SELINUX) or "").strip() == "1",
    )


def judge(facts: ConfinementFacts) -> Iterator[Finding]:
    """Say whether the state folder is where a confined QEMU may read."""
    if facts.is_apparmored:
        why = _refusal(str(facts.state))
        if why:
            seen = f"AppArmor keeps QEMU from {facts.state}: {why}"
            yield Finding(NAME, Level.PROBLEM, seen, MOVE)
        else:
            yield Finding(NAME, Level.OK, f"AppArmor is on, and lets QEMU at {facts.state}")
    elif facts.has_apparmor and not facts.has_helper and facts.driver in {"", "apparmor"}:
        seen = "AppArmor is on, and libvirt's profiles for it are not there: guests run unconfined"
        yield Finding(NAME, Level.NOTE, seen, "`apt-get install libvirt-daemon-system` has them.")
    elif facts.has_selinux:
        seen = "SELinux is enforcing; libvirt labels the disks as it starts a server"
        fix = "Should a start be refused all the same: `ausearch -m avc -ts recent` says why."
        yield Finding(NAME, Level.NOTE, seen, fix)
    else:
        yield Finding(NAME, Level.OK, "neither AppArmor nor SELinux stands in QEMU's way")


def _refusal(state: str) -> str:
    """Why the helper would not let QEMU read below a folder; "" when it does."""
    if re.match(r"(/root|/home/[^/]+)/\.", state):
        return "it is below a hidden folder of a home"
    for folder in SYSTEM_FOLDERS:
        if state == folder or state.startswith(f"{folder}/"):
            return f"no disk may be below {folder}"
    return ""
