# SPDX-License-Identifier: Apache-2.0
"""VDI: VirtualBox's disks, without a parent."""

from __future__ import annotations

from struct import Struct

from agent.formats.reading import Source

# Signature, version, header's size, type, flags; the block map's and the data's offset; sector
# size, unused, disk's and block's size, extra bytes, blocks and those in use; the ids of the
# image, its last snapshot, its link and its parent.
HEADER = Struct("<64xIIIII256xII12xIIQIIII16s16s16s16s")
SIGNATURE = 0xBEDA107F
VERSION = 0x00010001
SECTOR = 512
BLOCK_BYTES = 1024**2
NONE = bytes(16)
ENTRY_BYTES = 4


def check(source: Source) -> int:
    """Return the virtual size in bytes; `BadRequest` for what is unsafe or can't be right."""
    fields = source.unpack(HEADER, 0)
    signature, version, _, _, _, map_offset, data_offset, sector = fields[:8]
    _, size, block, _, blocks, _, _, _, link, parent = fields[8:]
    if signature != SIGNATURE or version != VERSION:
        source.refuse(f"it is of version {version >> 16}.{version & 0xFFFF}, not 1.1")
    if link != NONE or parent != NONE:
        source.refuse("it has a parent disk")
    if sector != SECTOR or block != BLOCK_BYTES:
        source.damaged(f"it has sectors of {sector} and blocks of {block} bytes")
    if map_offset % SECTOR or data_offset % SECTOR:
        source.damaged(f"its map is at byte {map_offset}, its data at {data_offset}")
    if blocks * block < size:
        source.damaged(f"{blocks} blocks can't hold {size} bytes")
    if max(map_offset + blocks * ENTRY_BYTES, data_offset) > source.size:
        source.damaged(f"it is truncated, the file ends at byte {source.size}")
    return int(size)
