# SPDX-License-Identifier: Apache-2.0
"""What users may rewrite of a server that is there, and when: pure rules over its record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from agent.errors import Conflict, OverQuota
from agent.model.server import Server
from agent.model.states import VmState

TAKES_METADATA = frozenset({VmState.ACTIVE, VmState.PAUSED, VmState.SUSPENDED, VmState.STOPPED})
"""Where a server's metadata may be written, whatever is being done to it."""


class RecordChange(TypedDict, total=False):
    """Fields of a server that its users set; what is absent stays."""

    name: str
    access_ipv4: str
    access_ipv6: str
    disk_config: str
    description: str | None
    hostname: str
    tags: tuple[str, ...]
    metadata: Mapping[str, str]
    user_data: str | None
    key_name: str | None
    public_key: str | None


def check_takes_metadata(server: Server, doing: str, *, despite_lock: bool) -> None:
    """Raise `Conflict`, in Nova's words, unless the server's metadata may be written now."""
    if server.locked_by and not despite_lock:
        raise Conflict(f"Instance {server.id} is locked")
    if server.vm_state not in TAKES_METADATA:
        raise Conflict(
            f"Cannot '{doing}' instance {server.id} while it is in vm_state {server.vm_state}"
        )


def check_takes_tags(server: Server, doing: str) -> None:
    """Raise `Conflict`, in Nova's words, unless the server's tags may be written now: a lock does
    not matter, and they are taken where metadata are."""
    check_takes_metadata(server, doing, despite_lock=True)


def check_metadata_count(metadata: Mapping[str, str], most: int) -> None:
    """Raise `OverQuota` for more pairs than a server may have (-1: any number)."""
    if 0 <= most < len(metadata):
        raise OverQuota(
            f"Maximum number of metadata items exceeds {most}: these are {len(metadata)}."
        )
