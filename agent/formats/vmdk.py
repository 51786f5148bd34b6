# SPDX-License-Identifier: Apache-2.0
"""VMDK: only disks that are one file by themselves, monolithicSparse and streamOptimized.

# Note [Case and order]
QEMU looks for names in the descriptor by plain, case-sensitive search and takes the first; oslo's
inspector takes the first whatever its case. So what either could find must stand there once, in
any case: else each may read another type of disk. And oslo lets a parent's name through.
"""

from __future__ import annotations

import re
from struct import Struct

from agent.formats.reading import Source

SECTOR = 512
# Magic, version, flags, capacity, grain size, descriptor's offset and size, entries of a grain
# table, redundant and real grain directory, overhead, "unclean", newline checks, compression.
HEADER = Struct("<4sIIQQQQIQQQB4sH")
MAGIC = b"KDMV"
AT_END = 2**64 - 1  # of the grain directory's offset: a footer has the real one
FOOTER_FROM_END = 1024  # a marker, the footer, the end-of-stream marker: three sectors
VARIABLE = {8, 9, 10, 11}  # fields in which a footer may differ: directories, overhead, "unclean"

DESCRIPTOR_AT = 1  # sector
DESCRIPTOR_BYTES = 20 * SECTOR  # what QEMU searches for a parent, whatever the header says
MAX_DESCRIPTOR_BYTES = 1024**2 - 1
MAX_GRAIN_SECTORS = 2**16  # 32 MiB
MAX_TABLE_ENTRIES = 512

TYPES = {"monolithicsparse", "streamoptimized"}
CREATE_TYPE = re.compile(r'^createtype="([^"]*)"\s*$', re.MULTILINE)
EXTENT = re.compile(r'^(?:rw|rdonly|noaccess)\s+(\d+)\s+(\S+)\s+"([^"/\\]*)"\s*$')
EXTENT_WORDS = ("rw", "rdonly", "noaccess")


def check(source: Source) -> int:
    """Return the virtual size in bytes; `BadRequest` for what is unsafe or can't be right."""
    header = source.unpack(HEADER, 0)
    magic, version, _, capacity, grain, descriptor_at, descriptor_sectors, entries = header[:8]
    if magic != MAGIC or not 1 <= version <= 3:
        source.refuse("it is no monolithicSparse or streamOptimized disk")
    # Without a capacity QEMU takes the descriptor for the disk, and opens what that names.
    if not capacity or not 0 < grain <= MAX_GRAIN_SECTORS or not 0 < entries <= MAX_TABLE_ENTRIES:
        source.damaged(f"{capacity} sectors in grains of {grain}, {entries} grains a table")
    size = descriptor_sectors * SECTOR
    if descriptor_at != DESCRIPTOR_AT or not 0 < size <= MAX_DESCRIPTOR_BYTES:
        source.refuse(f"its descriptor has {size} bytes at sector {descriptor_at}")
    if header[9] == AT_END:
        _check_footer(source, header)
    _check_descriptor(source, size)
    return int(capacity) * SECTOR


def _check_footer(source: Source, header: tuple[object, ...]) -> None:
    footer = source.unpack(HEADER, source.size - FOOTER_FROM_END)
    differing = [
        index
        for index, (one, other) in enumerate(zip(header, footer, strict=True))
        if one != other and index not in VARIABLE
    ]
    if differing:
        source.refuse("its footer and its header describe different disks")
    if footer[9] == AT_END:
        source.damaged("its footer has no grain directory either")


def _check_descriptor(source: Source, size: int) -> None:
    """Hold that the descriptor speaks of this one file, wherever QEMU may look."""
    start = DESCRIPTOR_AT * SECTOR
    text = source.read(start, size).partition(b"\0")[0].decode("latin-1").lower()
    searched = source.read(start, min(max(size, DESCRIPTOR_BYTES), source.size - start))
    if b"parentfilenamehint" in searched.lower():
        source.refuse("it has a parent file")
    types = CREATE_TYPE.findall(text)
    if text.count("createtype") != 1 or len(types) != 1 or types[0] not in TYPES:
        source.refuse("it is no monolithicSparse or streamOptimized disk")
    lines = [line.strip() for line in re.split(r"[\r\n]+", text)]
    extents = [line for line in lines if line.split(maxsplit=1)[:1] and _is_extent(line)]
    found = EXTENT.match(extents[0]) if len(extents) == 1 else None
    if found is None or found[2] != "sparse":
        source.refuse("its descriptor must name one sparse extent, this file, and nothing else")


def _is_extent(line: str) -> bool:
    return line.split(maxsplit=1)[0] in EXTENT_WORDS
