# SPDX-License-Identifier: Apache-2.0
"""What the machine says of itself: which boot this is, whether it is being shut down, what runs."""

from __future__ import annotations

from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

NO_LOGIN = Path("/run/nologin")
"""Made when a shutdown begins (systemd, and `shutdown` minutes ahead): nobody may log in now."""


def boot_id() -> str:
    """The id of this boot: another one after each reboot (random(4))."""
    return BOOT_ID.read_text().strip()


def is_stopping() -> bool:
    """Whether the machine is being shut down, as far as that shows."""
    return NO_LOGIN.exists()


def is_running(pid: int | str) -> bool:
    """Whether a process can still do anything: a zombie, which nobody has reaped, can't."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}
