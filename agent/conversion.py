# SPDX-License-Identifier: Apache-2.0
"""Makes a qcow2 file of a disk in another format, within bounds of space, time and memory."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from agent.disks import check_room
from agent.errors import Forbidden
from agent.imagecheck import inspect
from agent.qemuimg import (
    CONVERSION,
    MIB,
    Progress,
    Unreadable,
    ask_qemu_img,
    check_readable,
    damaged,
    qemu_name,
    run_qemu_img,
)
from agent.wholefile import whole_file

CONVERTIBLE = ("raw", "vmdk", "vdi", "vhd")
"""The disk_formats that an import makes qcow2 of; an iso stays what it is."""

SLACK_BYTES = 16 * MIB  # qcow2's own tables, for what `measure` may not have counted


def convert_to_qcow2(
    source: Path,
    source_format: str,
    target: Path,
    *,
    max_bytes: int,
    keep_free_bytes: int = 0,
    on_progress: Progress | None = None,
) -> int:
    """Make `target`, of mode 0400, a qcow2 file with the disk in `source`; return its virtual size.

    `source` must be private: nobody else may write it meanwhile. It is checked here for being
    what `source_format` (the Image API's word) says, and alone that. `max_bytes` is the most that
    the disk inside may have; `keep_free_bytes` must stay free where `target` is.

    Blocks for minutes, and tells `on_progress` how far it is (0.0 to 1.0); what that raises ends
    the conversion. Nothing is left when anything fails: `BadRequest` for contents that are refused
    or damaged, `Forbidden` above `max_bytes`, `NoCapacity` without room, `HostFailed`.
    """
    inspect(source, source_format)
    virtual_size = check_readable(source, source_format)
    check_virtual_size(virtual_size, max_bytes)
    with whole_file(target) as part:
        convert(source, source_format, part, keep_free_bytes, on_progress)
        part.chmod(0o400)
    return virtual_size


def check_virtual_size(virtual_size: int, max_bytes: int) -> None:
    """Raise `Forbidden`, with the numbers, for a disk that is too large to be converted."""
    if virtual_size > max_bytes:
        raise Forbidden(
            f"The disk in the image has {virtual_size} bytes; at most {max_bytes} bytes are "
            "converted here (limits.image_gb)."
        )


def convert(
    source: Path,
    source_format: str,
    part: Path,
    keep_free_bytes: int = 0,
    on_progress: Progress | None = None,
) -> None:
    """Write the disk in `source`, which was checked before, into the new qcow2 file `part`.

    The whole of what qemu-img may write is known, and must be free, before it begins: a small
    file of compressed or repeated clusters may hold a large disk.
    """
    formats = ["-f", qemu_name(source_format), "-O", "qcow2"]
    try:
        most = int(ask_qemu_img("measure", formats, source)["required"]) + SLACK_BYTES
        check_room(part.parent, most + keep_free_bytes)
        limits = dataclasses.replace(CONVERSION, write_bytes=most)
        options = ["-p", *formats] if on_progress else ["-q", *formats]
        run_qemu_img("convert", options, [source, part], limits=limits, on_progress=on_progress)
    except Unreadable as error:
        raise damaged(source_format, error) from error
