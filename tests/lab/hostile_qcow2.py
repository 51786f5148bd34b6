# SPDX-License-Identifier: Apache-2.0
"""A qcow2 file of four or five clusters, each of whose fields may be made wrong."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

MIB = 1024**2
CLUSTER = 65536
BACKING_AT = 1024
COPIED, COMPRESSED = 1 << 63, 1 << 62
COMPRESSED_AT = 54  # of an L2 entry's bits, for clusters of 64 KiB: the sectors begin here


def extension(kind: int, content: bytes) -> bytes:
    """One header extension."""
    padded = content.ljust((len(content) + 7) // 8 * 8, b"\0")
    return struct.pack(">II", kind, len(content)) + padded


def qcow2(
    *,
    version: int = 3,
    size: int = 8 * MIB,
    backing: bytes = b"",
    backing_offset: int = 0,
    cluster_bits: int = 16,
    encryption: int = 0,
    l1_entries: int = 1,
    l1_offset: int = 3 * CLUSTER,
    refcount_offset: int = CLUSTER,
    refcount_clusters: int = 1,
    snapshots: int = 0,
    snapshots_offset: int = 0,
    incompatible: int = 0,
    refcount_order: int = 4,
    header_length: int = 104,
    extensions: bytes = b"",
    refcounts: bytes = b"",
    l1: Sequence[int] = (),
    l2: Sequence[int] = (),
) -> bytes:
    """A sound, empty disk, but for what is asked for."""
    header = struct.pack(
        ">4sIQIIQIIQQIIQ",
        *(b"QFI\xfb", version, backing_offset or (BACKING_AT if backing else 0), len(backing)),
        *(cluster_bits, size, encryption, l1_entries, l1_offset, refcount_offset),
        *(refcount_clusters, snapshots, snapshots_offset),
    )
    if version != 2:
        header += struct.pack(">QQQII", incompatible, 0, 0, refcount_order, header_length)
    first = (header + extensions).ljust(BACKING_AT, b"\0") + backing
    table = struct.pack(">Q", 2 * CLUSTER)
    counts = refcounts or struct.pack(">5H", 1, 1, 1, 1, 1)
    clusters = [first, table, counts, struct.pack(f">{len(l1)}Q", *l1)]
    if l2:
        clusters.append(struct.pack(f">{len(l2)}Q", *l2))
    return b"".join(cluster.ljust(CLUSTER, b"\0") for cluster in clusters)


def bomb(size: int) -> bytes:
    """A disk all of whose clusters are the same few compressed bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -12)
    packed = packer.compress(b"A" * CLUSTER) + packer.flush()
    entry = COMPRESSED | 5 * CLUSTER | (len(packed) // 512) << COMPRESSED_AT
    entries = [entry] * (size // CLUSTER)
    disk = qcow2(size=size, l1=[COPIED | 4 * CLUSTER], l2=entries)
    return disk + packed.ljust(CLUSTER, b"\0")
