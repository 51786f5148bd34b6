# SPDX-License-Identifier: Apache-2.0
"""Disks that boot by BIOS, written without a loop device, a mount or root's GRUB.

The file system is written by mke2fs straight into a partition, and GRUB is put before it by hand.

    sector 0      boot.img's code and a partition table with one entry
    sector 1 ...  GRUB's core image, its configuration built in
    1 MiB ...     ext4
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from tests.lab.commands import run
from tests.lab.unpacked import loader_command

SECTOR = 512
PARTITION_START = 2048  # sectors
GRUB_MODULES = ("biosdisk", "part_msdos", "ext2", "linux16")
GRUB = "usr/lib/grub/i386-pc"
TIMEOUT_S = 300.0

GRUB_PACKAGES = (
    *("grub-common", "grub-pc-bin"),
    # Libraries of them.
    *("libc6", "libdevmapper1.02.1", "liblzma5", "libpcre2-8-0", "libselinux1", "libudev1"),
)
"""What must lie unpacked to write a disk."""


@dataclass(frozen=True, slots=True)
class BootDisk:
    """What a disk is to be like."""

    size_mb: int
    label: str
    """Of its file system."""
    grub_commands: str
    """What GRUB does at once, one command a line; lines that begin with # are left out."""

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return self.size_mb * 1024 * 1024


def write_image(disk: BootDisk, root: Path, image: Path, *, grub: Path, scratch: Path) -> None:
    """Write a qcow2 image whose file system holds what is in `root`.

    `grub` is the folder with the unpacked `GRUB_PACKAGES`.
    """
    raw = scratch / "disk.raw"
    boot_sectors = _make_boot_sectors(disk, grub, scratch)
    with raw.open("wb") as file:
        file.write(boot_sectors)
        file.truncate(disk.size)
    offset = PARTITION_START * SECTOR
    blocks = str((disk.size - offset) // 4096)
    mke2fs = ["mke2fs", "-q", "-t", "ext4", "-b", "4096", "-m", "0", "-L", disk.label]
    run([*mke2fs, "-E", f"offset={offset}", "-d", root, raw, blocks], timeout_s=TIMEOUT_S)
    run(["qemu-img", "convert", "-O", "qcow2", raw, image], timeout_s=TIMEOUT_S)
    raw.unlink()


def _make_boot_sectors(disk: BootDisk, grub: Path, scratch: Path) -> bytes:
    core = _make_core_image(disk.grub_commands, grub, scratch)
    boot_code = (grub / GRUB / "boot.img").read_bytes()[:440]
    length = disk.size // SECTOR - PARTITION_START
    # status (bootable), 3 bytes of CHS address, type (Linux), 3 of CHS, first sector, length
    partition = struct.pack("<B3xB3xII", 0x80, 0x83, PARTITION_START, length)
    first_sector = boot_code.ljust(446, b"\0") + partition.ljust(64, b"\0") + b"\x55\xaa"
    sectors = first_sector + core
    if len(sectors) > PARTITION_START * SECTOR:
        raise ValueError("GRUB's core image does not fit before the partition")
    return sectors


def _make_core_image(commands: str, grub: Path, scratch: Path) -> bytes:
    # GRUB's small parser for built-in commands knows no comments.
    lines = [line for line in commands.splitlines() if not line.startswith("#")]
    config, core = scratch / "grub.cfg", scratch / "core.img"
    config.write_text("".join(f"{line}\n" for line in lines))
    mkimage: list[str | Path] = [*loader_command(grub), grub / "usr" / "bin" / "grub-mkimage"]
    where: list[str | Path] = ["-d", grub / GRUB, "-p", "(hd0,msdos1)/boot/grub"]
    run([*mkimage, "-O", "i386-pc", *where, "-c", config, "-o", core, *GRUB_MODULES])
    return core.read_bytes()
