# SPDX-License-Identifier: Apache-2.0
"""qcow2: its header and header extensions (QEMU's docs/interop/qcow2.txt)."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from agent.formats.reading import Source

# Magic, version, backing file's offset and length, cluster bits, virtual size, encryption, L1
# entries and offset, refcount table's offset and clusters, snapshots and their offset.
HEADER = Struct(">4sIQIIQIIQQIIQ")
# Incompatible, compatible and autoclear features, refcount order, header's length.
VERSION_3 = Struct(">QQQII")
EXTENSION = Struct(">II")

MAGIC = b"QFI\xfb"
V2_BYTES = HEADER.size
V3_BYTES = V2_BYTES + VERSION_3.size
MAX_REFCOUNT_ORDER = 6
MAX_L1_BYTES = 32 * 1024**2  # QEMU's own

END = 0
REFUSED = {
    0x44415441: "it keeps its data in another file",
    0x0537BE77: "it is encrypted",
}
"""Header extensions that are never taken, whatever the header itself says of them."""

DATA_FILE_BIT = 1 << 2
KNOWN_BITS = 0b1111  # dirty, corrupt, data file, compression type


def check(source: Source) -> int:
    """Return the virtual size in bytes; `BadRequest` for what is unsafe or can't be right."""
    (magic, version, backing_offset, backing_length, cluster_bits, size, encryption) = (
        fields := source.unpack(HEADER, 0)
    )[:7]
    l1_entries, l1_offset, refcount_offset, refcount_clusters, snapshots, _ = fields[7:]
    if magic != MAGIC or version not in {2, 3}:
        source.refuse(f"it is of version {version}, not 2 or 3")
    if not 9 <= cluster_bits <= 21:
        source.damaged(f"it has clusters of 2^{cluster_bits} bytes")
    if backing_offset or backing_length:
        source.refuse("it has a backing file")
    if encryption:
        source.refuse("it is encrypted, and that is not supported")
    if snapshots:
        source.refuse(f"it has {snapshots} internal snapshots, and those are not supported")
    length = _check_version_3(source) if version == 3 else V2_BYTES
    _check_extensions(source, length, 1 << cluster_bits)
    if l1_entries * 8 > MAX_L1_BYTES:
        source.damaged(f"its L1 table has {l1_entries} entries")
    tables_end = max(
        l1_offset + l1_entries * 8, refcount_offset + (refcount_clusters << cluster_bits)
    )
    if tables_end > source.size:
        source.damaged(
            f"it is truncated, its tables end at byte {tables_end}, the file at {source.size}"
        )
    return int(size)


def _check_version_3(source: Source) -> int:
    """Check what version 3 has beyond 2; return the length of the header."""
    incompatible, _, _, refcount_order, length = source.unpack(VERSION_3, V2_BYTES)
    if incompatible & DATA_FILE_BIT:
        source.refuse(REFUSED[0x44415441])
    if incompatible & ~KNOWN_BITS:
        source.refuse(f"it uses features (bits {incompatible:#x}) that are not known to be safe")
    if refcount_order > MAX_REFCOUNT_ORDER:
        source.damaged(f"it has refcounts of 2^{refcount_order} bits")
    if length < V3_BYTES or length % 8:
        source.damaged(f"its header has {length} bytes")
    return int(length)


def _check_extensions(source: Source, start: int, end: int) -> None:
    for kind, _ in _extensions(source, start, min(end, source.size)):
        if kind in REFUSED:
            source.refuse(REFUSED[kind])


def _extensions(source: Source, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Walk the extensions: type and length of each. They end with the first cluster at last."""
    if at > end:
        source.damaged(f"its header has {at} bytes, more than its first cluster")
    while at + EXTENSION.size <= end:
        kind, length = source.unpack(EXTENSION, at)
        if kind == END:
            return
        at += EXTENSION.size + (length + 7) // 8 * 8
        if at > end:
            source.damaged(f"header extension {kind:#x} has {length} bytes and ends beyond it")
        yield kind, length
