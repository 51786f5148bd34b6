# SPDX-License-Identifier: Apache-2.0
"""What the machine says of itself: which boot this is, whether it is being shut down, what runs."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

NO_LOGIN = Path("/run/nologin")
"""Made when a shutdown begins (systemd, and `shutdown` minutes ahead): nobody may log in now."""


FAR = ("192.0.2.1", 9)
"""An address that nobody has (RFC 5737): only which way it would go is asked."""


def boot_id() -> str:
    """The id of this boot: another one after each reboot (random(4))."""
    return BOOT_ID.read_text().strip()


def is_stopping() -> bool:
    """Whether the machine is being shut down, as far as that shows."""
    return NO_LOGIN.exists()


def own_address(listened: str) -> str:
    """The IP address of this machine: the one listened on; for all, or a name, that of its route.

    Nothing is sent to find it out.
    """
    try:
        address = ipaddress.ip_address(listened)
    except ValueError:
        address = ipaddress.ip_address("0.0.0.0")
    if not address.is_unspecified:
        return str(address)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(FAR)
        except OSError:
            return "127.0.0.1"
        name: tuple[str, int] = sock.getsockname()
        return name[0]


def is_running(pid: int | str) -> bool:
    """Whether a process can still do anything: a zombie, which nobody has reaped, can't."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}
