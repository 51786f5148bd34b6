# SPDX-License-Identifier: Apache-2.0
"""Guests that QEMU starts by a kernel of its own, without the disk's boot loader. Pure.

An image says so by its properties: `kernel_id` (an aki image), `ramdisk_id` (an ari image), and
`os_command_line`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

KERNEL = "kernel_id"
RAMDISK = "ramdisk_id"
COMMAND_LINE = "os_command_line"

FORMATS = {KERNEL: "aki", RAMDISK: "ari"}
"""The disk_format that an image must have to be named by each property."""

DEFAULT_COMMAND_LINE = "root=/dev/vda console=ttyS0"
MAX_COMMAND_LINE = 2047  # characters that an x86 kernel reads


@dataclass(frozen=True, slots=True)
class DirectBoot:
    """What QEMU starts itself."""

    kernel_id: str
    ramdisk_id: str | None
    command_line: str

    @property
    def image_ids(self) -> tuple[str, ...]:
        """The images whose files are read."""
        return tuple(filter(None, (self.kernel_id, self.ramdisk_id)))


def find_boot(properties: Mapping[str, str]) -> DirectBoot | None:
    """What an image's properties ask for; None for a disk that boots itself."""
    kernel_id = properties.get(KERNEL)
    if not kernel_id:
        return None
    command_line = properties.get(COMMAND_LINE) or DEFAULT_COMMAND_LINE
    return DirectBoot(kernel_id, properties.get(RAMDISK) or None, command_line)


def find_boot_problem(properties: Mapping[str, str]) -> str | None:
    """Say what is wrong with the properties by themselves; None when nothing is."""
    if properties.get(RAMDISK) and not properties.get(KERNEL):
        return f"Image property {RAMDISK} needs {KERNEL} beside it."
    command_line = properties.get(COMMAND_LINE, "")
    if len(command_line) > MAX_COMMAND_LINE or not command_line.isprintable():
        return (
            f"Image property {COMMAND_LINE} must have at most {MAX_COMMAND_LINE} printable "
            "characters in one line."
        )
    return None
