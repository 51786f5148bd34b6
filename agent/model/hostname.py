# SPDX-License-Identifier: Apache-2.0
"""What a server is called elsewhere: by itself, and by libvirt."""

from __future__ import annotations

import re


def hostname_of(name: str, server_id: str) -> str:
    """Make a host name that every system takes: lower case, at most 63 of a-z, 0-9, "-".

    A name of which nothing is left (all Chinese, say) gives "server-" and the server's id.
    """
    dashed = re.sub(r"[ _.]+", "-", name)
    kept = re.sub(r"[^a-zA-Z0-9-]", "", dashed).lower().strip("-")
    return kept[:63].rstrip("-") or f"server-{server_id}"


def instance_name(server_id: str) -> str:
    """Name a server's domain: short enough to read in `virsh list`, unique enough to define."""
    return f"cumulet-{server_id.replace('-', '')[:12]}"
