# SPDX-License-Identifier: Apache-2.0
"""What a server is called elsewhere: by itself, and by libvirt."""

from __future__ import annotations

import re

LONGEST = 63
"""Characters of a host name."""


def hostname_of(name: str, server_id: str, number: int | None = None) -> str:
    """Make a host name that every system takes: lower case, at most 63 of a-z, 0-9, "-".

    It ends with the number of a server that is one of several. A name of which nothing is left
    (all Chinese, say) gives "server-" and the server's id.
    """
    end = "" if number is None else f"-{number}"
    dashed = re.sub(r"[ _.]+", "-", name)
    kept = re.sub(r"[^a-zA-Z0-9-]", "", dashed).lower().strip("-")
    start = kept[: LONGEST - len(end)].rstrip("-")
    return start + end if start else f"server-{server_id}"


def instance_name(server_id: str) -> str:
    """Name a server's domain: short enough to read in `virsh list`, unique enough to define."""
    return f"cumulet-{server_id.replace('-', '')[:12]}"
