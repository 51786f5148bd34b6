# SPDX-License-Identifier: Apache-2.0
"""As whom QEMU runs, by libvirt's configuration and the host's accounts; and what that one may do.

Access is really tried, by a child that becomes that user: modes, groups, ACLs and mounts are
better asked of the kernel than worked out.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from agent.doctor.tree import Tree
from agent.errors import HostFailed, HostUnavailable

QEMU_CONF = "/etc/libvirt/qemu.conf"
DEFAULT_USERS = ("libvirt-qemu", "qemu")
"""Debian's and Ubuntu's, and everybody else's."""

TRY_S = 5.0


@dataclass(frozen=True, slots=True)
class QemuUser:
    """Who runs QEMU."""

    name: str
    uid: int
    gids: tuple[int, ...]  # the primary group first
    gets_disks: bool = True  # libvirt gives it what it needs, when a guest starts

    @property
    def is_root(self) -> bool:
        """Whether it may do everything anyway."""
        return self.uid == 0


def find_qemu_user(tree: Tree) -> QemuUser | str:
    """Find who runs QEMU, or say why that is not known."""
    settings = tree.settings(QEMU_CONF)
    accounts = _read_accounts(tree)
    asked = settings.get("user", "").lstrip("+")
    names = (asked,) if asked else DEFAULT_USERS
    gets_disks = settings.get("dynamic_ownership", "1") != "0"
    for name in names:
        for known, uid, gid in accounts:
            if name in (known, str(uid)):
                groups = _read_groups(tree, known)
                primary = _group_id(tree, settings.get("group", "")) if asked else None
                gids = (gid if primary is None else primary, *groups)
                return QemuUser(known, uid, gids, gets_disks)
    if asked:
        return f"{QEMU_CONF} says `user = {asked!r}`, and there is no such account"
    return f"there is no account {' or '.join(DEFAULT_USERS)}"


def may(user: QemuUser, access: str, path: Path) -> bool:
    """Whether that user may do something with a path: "r" read, "w" write, "x" pass through.

    Blocks for 5 s at most; `HostUnavailable` when the file system does not answer, `HostFailed`
    when it can't be tried.
    """
    groups = ",".join(map(str, user.gids))
    try:
        done = subprocess.run(
            [
                *("setpriv", f"--reuid={user.uid}", f"--regid={user.gids[0]}"),
                *(f"--groups={groups}", "--", "test", f"-{access}", path),
            ],
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            cwd="/",
            timeout=TRY_S,
        )
    except subprocess.TimeoutExpired as error:
        raise HostUnavailable(f"{path} does not answer") from error
    if done.returncode not in {0, 1}:
        reason = done.stderr.decode(errors="replace").strip()
        raise HostFailed(f"it can't be tried as {user.name}: {reason}")
    return done.returncode == 0


def _read_accounts(tree: Tree) -> list[tuple[str, int, int]]:
    rows = [line.split(":") for line in (tree.read("/etc/passwd") or "").splitlines()]
    return [
        (row[0], int(row[2]), int(row[3]))
        for row in rows
        if len(row) > 3 and row[2].isdecimal() and row[3].isdecimal()
    ]


def _read_groups(tree: Tree, name: str) -> list[int]:
    rows = [line.split(":") for line in (tree.read("/etc/group") or "").splitlines()]
    return [
        int(row[2])
        for row in rows
        if len(row) > 3 and row[2].isdecimal() and name in row[3].split(",")
    ]


def _group_id(tree: Tree, asked: str) -> int | None:
    asked = asked.lstrip("+")
    for line in (tree.read("/etc/group") or "").splitlines():
        row = line.split(":")
        if len(row) > 2 and row[2].isdecimal() and asked in (row[0], row[2]):
            return int(row[2])
    return None
