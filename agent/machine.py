# SPDX-License-Identifier: Apache-2.0
"""What the machine says of itself: which boot this is, and whether it is being shut down."""

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
