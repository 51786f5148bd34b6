# SPDX-License-Identifier: Apache-2.0
"""VHD (QEMU's "vpc"): fixed and dynamic disks. Differencing ones need a parent, and are refused."""

from __future__ import annotations

import os
from struct import Struct
from typing import BinaryIO

from agent.formats.reading import Source

# Cookie, features, version, data offset, creator and its version, sizes, geometry, type.
FOOTER = Struct(">8sIIQ4x4s4s4sQQ4sI")
# Cookie, next structure, table's offset, version, entries, block size, checksum, parent's id.
DYNAMIC = Struct(">8sQQIIII16s")
FOOTER_BYTES = 512
COOKIE = b"conectix"
DYNAMIC_COOKIE = b"cxsparse"
FIXED, DYNAMIC_TYPE = 2, 3
NAMES = {4: "a differencing disk, which needs its parent", 0: "no disk"}
ENTRY_BYTES = 4
MAX_BLOCK_BYTES = 1024**3


def has_footer(file: BinaryIO, size: int) -> bool:
    """Whether a file ends as a fixed disk does: those show nothing at their start."""
    if size < FOOTER_BYTES:
        return False
    tail = os.pread(file.fileno(), FOOTER_BYTES, size - FOOTER_BYTES)
    return tail.startswith(COOKIE) and tail[FOOTER.size - 4 : FOOTER.size] == b"\0\0\0\2"


def check(source: Source) -> int:
    """Return the virtual size in bytes; `BadRequest` for what is unsafe or can't be right.

    QEMU may see some sectors less: it believes the geometry, when the disk's maker did.
    """
    at_start = source.read(0, len(COOKIE)) == COOKIE
    fields = source.unpack(FOOTER, 0 if at_start else source.size - FOOTER_BYTES)
    cookie, table_at, size, kind = fields[0], fields[3], fields[8], fields[10]
    expected = DYNAMIC_TYPE if at_start else FIXED
    if cookie != COOKIE or kind != expected:
        source.refuse(f"it is {NAMES.get(kind, f'of type {kind}, neither fixed nor dynamic')}")
    if kind == DYNAMIC_TYPE:
        _check_dynamic(source, table_at, size)
    elif size > source.size - FOOTER_BYTES:
        source.damaged(f"it is truncated, {size} bytes can't be in {source.size}")
    return int(size)


def _check_dynamic(source: Source, at: int, size: int) -> None:
    cookie, _, table_at, _, entries, block, _, parent = source.unpack(DYNAMIC, at)
    if cookie != DYNAMIC_COOKIE:
        source.damaged(f"there is no dynamic header at byte {at}")
    if parent != bytes(16):
        source.refuse("it has a parent disk")
    if not 512 <= block <= MAX_BLOCK_BYTES or block & (block - 1):
        source.damaged(f"it has blocks of {block} bytes")
    if entries * block < size:
        source.damaged(f"{entries} blocks can't hold {size} bytes")
    if table_at + entries * ENTRY_BYTES > source.size:
        source.damaged(f"it is truncated, the file ends at byte {source.size}")
