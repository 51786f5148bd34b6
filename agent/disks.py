# SPDX-License-Identifier: Apache-2.0
"""Servers' disks: plain local files, each a qcow2 overlay on a cached base, made by qemu-img.

A file appears under its name only when it is whole and on the disk: it is made under a temporary
name (`.NAME.*.part`) in the same folder.

Who may see what (libvirt gives the files of a started guest to QEMU's user by itself):

    STATE, servers/, servers/ID/, base/   0711   QEMU's user passes through, nobody may list
    images/                               0700   only the agent reads images
    disks and bases                       0600 and 0400, root's
"""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from agent.errors import HostFailed, NoCapacity
from agent.qemuimg import (
    CONVERSION,
    GIB,
    MIB,
    QUICK,
    Progress,
    absolute,
    ask_qemu_img,
    run_qemu_img,
)
from agent.wholefile import create_private, is_abandoned, refusals, sync_folder, whole_file

FOLDER_MODES = {"": 0o711, "servers": 0o711, "base": 0o711, "images": 0o700}
"""The folders of a state folder (and itself), with their modes."""

TEMPORARY_FILES = ("base/.*.part", "images/.*.part", "servers/*/.*.part")

REMOVAL_TRIES = 10

_PLAIN = ("-f", "qcow2", "-O", "qcow2")
SLACK_BYTES = 16 * MIB  # qcow2's own tables, for what `measure` may not have counted
KEPT_AT_REBUILD = "console.log"
"""Of a server's files, those whose names begin so outlive its disk."""

FICLONE = 0x40049409  # linux/fs.h: two files share their blocks until one is written
BLOCK_BYTES = 512  # stat's


def ensure_folders(state_dir: Path) -> None:
    """Make the folders of a state folder and set their modes; idempotent. `HostFailed`."""
    with refusals("The state folder could not be made"):
        for name, mode in FOLDER_MODES.items():
            _ensure_folder(state_dir / name, mode)


def make_server_folder(folder: Path) -> None:
    """Make the folder of one server, which QEMU's user may pass but not list. `HostFailed`."""
    with refusals("The server's folder could not be made"):
        _ensure_folder(folder, 0o711)


def create_overlay(base: Path, base_format: str, path: Path, size_bytes: int = 0) -> None:
    """Make the disk `path` on top of `base`, unless it is there: then it is whole.

    `size_bytes` is the virtual size, 0 that of the base; the base must not be larger.
    Blocks for some 15 ms. `HostFailed` when qemu-img or the disk refuses.
    """
    with refusals("The disk could not be made"):
        if path.exists():
            return
        size = [size_bytes] if size_bytes else []
        with whole_file(path) as part:
            run_qemu_img(
                "create",
                ["-q", "-f", "qcow2", "-F", base_format, "-b", absolute(base)],
                [part, *size],
                limits=QUICK,
            )
            part.chmod(0o600)


def restore_overlay(
    base: Path, base_format: str, contents: Path, path: Path, size_bytes: int, keep_free_bytes: int
) -> None:
    """Make the disk `path` on top of `base` with all that is in the qcow2 file `contents`.

    Nothing when it is there: then it is whole. `size_bytes` is the virtual size, at least that of
    the contents. Blocks for minutes. `NoCapacity` without room, `HostFailed`.
    """
    with refusals("The disk could not be made"):
        if path.exists():
            return
        most = measure_flat(contents)
        check_room(path.parent, most + keep_free_bytes)
        with whole_file(path) as part:
            create_overlay(base, base_format, part, size_bytes)
            limits = replace(CONVERSION, write_bytes=most + part.stat().st_size)
            # Into the file that is there: what the contents have as zeros hides the base's data.
            run_qemu_img("convert", ["-q", "-n", *_PLAIN], [contents, part], limits=limits)
            part.chmod(0o600)


def flatten(path: Path, target: Path, keep_free_bytes: int, on_progress: Progress) -> None:
    """Copy a qcow2 disk that nobody writes, with all that is below it, into one qcow2 file.

    The whole of what it may take must be free before it begins. Blocks for minutes, and tells
    `on_progress` how far it is; what that raises ends it. Nothing is left when anything fails:
    `NoCapacity` without room, `HostFailed`.
    """
    most = measure_flat(path)
    check_room(target.parent, most + keep_free_bytes)
    limits = replace(CONVERSION, write_bytes=most)
    with refusals("The disk could not be copied"), whole_file(target) as part:
        run_qemu_img(
            "convert", ["-p", *_PLAIN], [path, part], limits=limits, on_progress=on_progress
        )
        part.chmod(0o600)


def measure_flat(path: Path) -> int:
    """Return how many bytes a flat qcow2 copy of a qcow2 disk that nobody writes has at most."""
    return int(ask_qemu_img("measure", _PLAIN, path)["required"]) + SLACK_BYTES


def copy_disk(source: Path, target: Path) -> None:
    """Copy a disk that nobody writes, unless the copy is there: then it is whole.

    At once and without space where the file system can share blocks; else its holes stay holes,
    and it blocks for as long as the bytes take. `HostFailed`.
    """
    with refusals("The disk could not be copied"):
        if target.exists():
            return
        with (
            whole_file(target) as part,
            source.open("rb") as reader,
            os.fdopen(create_private(part), "wb") as writer,
        ):
            if not _clone(reader.fileno(), writer.fileno()):
                _copy_data(reader.fileno(), writer.fileno())


def used_bytes(path: Path) -> int:
    """Return how many bytes a file takes on the disk. `HostFailed`."""
    with refusals("The disk could not be looked at"):
        return path.stat().st_blocks * BLOCK_BYTES


def grow_disk(path: Path, size_bytes: int) -> None:
    """Give a qcow2 disk that nobody uses its new virtual size, unless it has it.

    `HostFailed` for one that is larger: what a guest has there can't be cut off.
    """
    has = int(ask_qemu_img("info", ["-f", "qcow2"], path)["virtual-size"])
    if has > size_bytes:
        raise HostFailed(
            f"Unable to resize disk down: it has {has} bytes, the flavor {size_bytes}. "
            "Choose a flavor with a larger disk."
        )
    if has < size_bytes:
        # The limit is on a file's length, and the new tables go to its end.
        limits = replace(QUICK, write_bytes=path.stat().st_size + 64 * MIB)
        run_qemu_img("resize", ["-q", "-f", "qcow2"], [path, size_bytes], limits=limits)


def put_disk_back(kept: Path, path: Path) -> None:
    """Let a disk that was kept be the disk again; nothing when that is done. `HostFailed`."""
    with refusals("The disk could not be put back"):
        if kept.exists():
            kept.replace(path)
            sync_folder(path.parent)


def remove_disks(folder: Path) -> None:
    """Remove the disks of a server, and all else of it but what its console printed."""
    with refusals("The server's disks could not be removed"):
        found = folder.iterdir() if folder.is_dir() else ()
        for path in [path for path in found if not path.name.startswith(KEPT_AT_REBUILD)]:
            path.unlink(missing_ok=True)


def remove_files(*paths: Path) -> None:
    """Remove files of one server's folder, those that are there. `HostFailed`."""
    with refusals("The server's files could not be removed"):
        for path in paths:
            path.unlink(missing_ok=True)


def remove_server_files(folder: Path) -> None:
    """Remove a server's folder and all in it; nothing when it is gone.

    No symbolic link is followed, neither inside nor in the folder's own place. The folder must be
    named by a server's id: a wrong path is refused with `ValueError` before anything is touched.
    `HostFailed` when the disk refuses.
    """
    uuid.UUID(folder.name)
    with refusals("The server's files could not be removed"):
        if folder.is_symlink():
            folder.unlink(missing_ok=True)
        for _ in range(REMOVAL_TRIES):
            # Another may take a file first, as virtlogd does when it rolls a log: look again.
            with suppress(FileNotFoundError):
                shutil.rmtree(folder)
            if not os.path.lexists(folder):
                break
        else:
            raise HostFailed("The server's files could not be removed: others keep changing them.")
        if folder.parent.is_dir():
            sync_folder(folder.parent)


def free_bytes(path: Path) -> int:
    """Return the free bytes of the file system that holds the existing `path`. `HostFailed`."""
    with refusals("The free space is not known"):
        about = os.statvfs(path)
    return about.f_bavail * about.f_frsize


def check_room(path: Path, needed_bytes: int) -> None:
    """Raise `NoCapacity`, with the numbers, unless `needed_bytes` are free where `path` is."""
    free = free_bytes(path)
    if free < needed_bytes:
        raise NoCapacity(
            f"The host's disk has {free / GIB:.2f} GiB free and {needed_bytes / GIB:.2f} GiB are "
            "needed. Delete servers or images, or give the host more disk."
        )


def sweep_temp_files(state_dir: Path) -> int:
    """Remove the temporary files that a crash left, and return how many.

    For the start, before anything of this process runs; other processes' work is left alone.
    """
    found = [path for pattern in TEMPORARY_FILES for path in state_dir.glob(pattern)]
    left_over = [path for path in found if is_abandoned(path)]
    with refusals("Temporary files could not be removed"):
        for path in left_over:
            path.unlink(missing_ok=True)
    return len(left_over)


def _clone(source: int, target: int) -> bool:
    """Let a new file share the blocks of another; False where the file system can't."""
    try:
        fcntl.ioctl(target, FICLONE, source)
    except OSError:
        return False
    return True


def _copy_data(source: int, target: int) -> None:
    """Copy what is in a file, and leave its holes out."""
    size = os.fstat(source).st_size
    os.truncate(target, size)
    at = 0
    while at < size:
        try:
            at = os.lseek(source, at, os.SEEK_DATA)
        except OSError:  # only a hole is left
            return
        end = os.lseek(source, at, os.SEEK_HOLE)
        os.lseek(target, at, os.SEEK_SET)
        while at < end:
            at += os.sendfile(target, source, at, end - at)


def _ensure_folder(folder: Path, mode: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(mode)  # mkdir's own mode depends on the umask
