# SPDX-License-Identifier: Apache-2.0
"""A VMDK of one file, each of whose fields may be made wrong."""

from __future__ import annotations

import struct

SECTOR = 512
HEADER = struct.Struct("<4sIIQQQQIQQQB4sH")
AT_END = 2**64 - 1
DATA_AT = 64  # sectors: header, descriptor and directory come before
DIRECTORY_AT = 32


def descriptor(
    create_type: str = "monolithicSparse",
    extent: str = 'RW 16384 SPARSE "disk.vmdk"',
    *,
    more: str = "",
    key: str = "createType",
) -> bytes:
    """The text that says what a disk is made of."""
    lines = ["# Disk DescriptorFile", "version=1", "CID=11111111", "parentCID=ffffffff"]
    lines += [f'{key}="{create_type}"', more, extent, 'ddb.adapterType = "ide"', ""]
    return "\n".join(lines).encode()


def vmdk(
    *,
    capacity: int = 16384,
    grain: int = 128,
    text: bytes | None = None,
    descriptor_at: int = 1,
    descriptor_sectors: int = 20,
    directory: bytes = b"",
    footer_capacity: int = 0,
) -> bytes:
    """A sound, empty disk, but for what is asked for.

    With `footer_capacity` it has a footer of that capacity; -1: it should have one, and has none.
    """

    def header(sectors: int, directory_at: int) -> bytes:
        fields = (b"KDMV", 1, 3, sectors, grain, descriptor_at, descriptor_sectors, 512)
        more = (0, directory_at, DATA_AT, 0, b"\n \r\n", 0)
        return HEADER.pack(*fields, *more).ljust(SECTOR, b"\0")

    start = header(capacity, AT_END if footer_capacity else DIRECTORY_AT)
    content = descriptor() if text is None else text
    disk = (start + content).ljust(DIRECTORY_AT * SECTOR, b"\0") + directory
    disk = disk.ljust(DATA_AT * SECTOR, b"\0")
    if footer_capacity > 0:
        marker = struct.pack("<QII", 1, 0, 3).ljust(SECTOR, b"\0")
        disk += marker + header(footer_capacity, DIRECTORY_AT) + bytes(SECTOR)
    return disk
