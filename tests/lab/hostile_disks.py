# SPDX-License-Identifier: Apache-2.0
"""VDI, VHD, VHDX, QED, LUKS, and what a file is besides: an ISO, a partitioned disk."""

from __future__ import annotations

import struct
from collections.abc import Sequence

MIB = 1024**2
VDI = struct.Struct("<64sIIIII256sII12sIIQIIII16s16s16s16s")
FOOTER = struct.Struct(">8sIIQI4s4s4sQQ4sII")
DYNAMIC = struct.Struct(">8sQQIIII16s")


def vdi(
    *,
    size: int = 8 * MIB,
    block: int = MIB,
    blocks: int = 8,
    map_offset: int = 512,
    version: int = 0x10001,
    parent: bytes = bytes(16),
    entries: Sequence[int] = (0xFFFFFFFF,) * 8,
) -> bytes:
    """A VirtualBox disk without data."""
    header = VDI.pack(
        *(b"<<< QEMU VM Virtual Disk Image >>>\n", 0xBEDA107F, version, 0x180, 1, 0, b""),
        *(map_offset, 1024, bytes(12), 512, 0, size, block, 0, blocks, 0),
        *(b"\x22" * 16, bytes(16), bytes(16), parent),
    ).ljust(512, b"\0")
    return (header + struct.pack(f"<{len(entries)}I", *entries)).ljust(4096, b"\0")


def _footer(kind: int, size: int, data_at: int) -> bytes:
    geometry = struct.pack(">HBB", 240, 4, 17)

    def pack(checksum: int) -> bytes:
        names = (b"win ", b"\0\5\0\3", b"Wi2k")
        start = (b"conectix", 2, 0x10000, data_at, 0, *names)
        return FOOTER.pack(*start, size, size, geometry, kind, checksum).ljust(512, b"\0")

    return pack(~sum(pack(0)) & 0xFFFFFFFF)


def vhd_fixed(*, size: int = MIB) -> bytes:
    """A fixed disk: its data, and a footer."""
    return bytes(MIB) + _footer(2, size, 2**64 - 1)


def vhd_dynamic(
    *,
    kind: int = 3,
    size: int = 8 * MIB,
    block: int = 2 * MIB,
    header_at: int = 512,
    table_at: int = 1536,
    parent: bytes = bytes(16),
    table: bytes = b"\xff" * 512,
) -> bytes:
    """A dynamic disk without data."""

    def pack(checksum: int) -> bytes:
        fields = (b"cxsparse", 2**64 - 1, table_at, 0x10000, 4, block, checksum, parent)
        return DYNAMIC.pack(*fields).ljust(1024, b"\0")

    footer = _footer(kind, size, header_at)
    return footer + pack(~sum(pack(0)) & 0xFFFFFFFF) + table.ljust(512, b"\0") + footer


def vhdx() -> bytes:
    """A VHDX, as far as one is known by."""
    return b"vhdxfile".ljust(192 * 1024, b"\0") + b"regi".ljust(64 * 1024, b"\0")


def qed() -> bytes:
    """A disk of QEMU's abandoned format."""
    return struct.pack("<4sIIIQQQQQ", b"QED\0", 65536, 4, 1, 0, 0, 0, 65536, 8 * MIB).ljust(4096)


def luks() -> bytes:
    """An encrypted volume."""
    return struct.pack(">6sH32s32s32sII", b"LUKS\xba\xbe", 1, b"aes", b"xts", b"sha1", 8, 32).ljust(
        8192, b"\0"
    )


def iso(disk: bytes = b"") -> bytes:
    """The mark of an ISO, put into another disk's free space."""
    padded = bytearray(disk.ljust(64 * 1024, b"\0"))
    padded[32768:32776] = b"\x01CD001\x01\0"
    return bytes(padded)


def gpt(disk: bytes = b"") -> bytes:
    """A partition table's mark and one entry, put into another disk's first sector."""
    padded = bytearray(disk.ljust(4096, b"\0"))
    padded[446:462] = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff" * 3, 1, 100)
    padded[510:512] = b"\x55\xaa"
    return bytes(padded)
