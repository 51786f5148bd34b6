# SPDX-License-Identifier: Apache-2.0
"""The cached files that servers stand on, made of images: `base/ID.qcow2`, `base/ID.img`.

A qcow2 image becomes its base, and a kernel or RAM disk its boot file, by a second name for the
same file: at once and without space. That is safe because neither name is ever opened for writing:
an image never changes once it is active, and QEMU opens a backing file read-only. Disks of other
formats are converted. Files get here by rename only, so a running guest keeps the one it has.

# Note [Needed or gone]
A converted base may be dropped when the cache is too large, for it can be made again, but never
under a server. Who drops one asks the database which images servers stand on, and unlinks, while
it holds the lock of `base/`. A build has its server's row written long before it looks whether the
base is there, which it does under the same lock. So either the row was seen, and the base stays,
or the base is gone before the build looks, and is made again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.conversion import convert
from agent.model.layout import Layout
from agent.qemuimg import Progress
from agent.wholefile import refusals, sync_folder, whole_file

LINKED = ("qcow2", "aki", "ari")
"""The formats whose files are used as they are."""

BLOCK_BYTES = 512  # stat's

CANNOT_LINK = {errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP}


@dataclass(frozen=True, slots=True)
class BaseCache:
    """The folder `base/` of a state folder. Every method may block; `HostFailed`."""

    layout: Layout
    list_needed: Callable[[], AbstractSet[str]]
    """The ids of the images that servers stand on."""
    max_bytes: int  # of files that take space of their own, unless servers need more
    keep_free_bytes: int = 0  # of the host's disk, by whatever comes or is made

    def ensure_base(
        self, image_id: str, disk_format: str, on_progress: Progress | None = None
    ) -> Path:
        """Make the base of an active image, unless it is there; it counts as used now.

        May block for minutes (a conversion, or somebody else's: there is one at a time on a host).
        `BadRequest` for a damaged disk, `NoCapacity` without room for it.
        """
        return self._ensure(image_id, disk_format, self.layout.base(image_id), on_progress)

    def ensure_boot_file(self, image_id: str) -> Path:
        """Make the file of a kernel or RAM disk that QEMU reads, unless it is there."""
        return self._ensure(image_id, "aki", self.layout.boot_file(image_id), None)

    def cost_bytes(self, image_id: str, disk_format: str, virtual_size: int) -> int:
        """Return how many bytes of disk `ensure_base` would take, at most."""
        image, base = self.layout.image(image_id), self.layout.base(image_id)
        with refusals("The image's file could not be looked at"):
            about = image.stat()
            if base.exists():
                return 0
            if disk_format not in LINKED:
                return virtual_size
            return 0 if about.st_dev == base.parent.stat().st_dev else about.st_size

    def remove(self, image_id: str) -> None:
        """Remove what was made of an image that is no more; nothing when there is nothing."""
        with refusals("The image's base could not be removed"), _locked(self.layout.bases):
            for path in (self.layout.base(image_id), self.layout.boot_file(image_id)):
                path.unlink(missing_ok=True)

    def trim(self) -> list[str]:
        """Drop bases that no server needs, oldest use first, while the cache is too large.

        Returns the ids of their images. See the note.
        """
        dropped = []
        with refusals("The cache of bases could not be trimmed"), _locked(self.layout.bases):
            found = sorted(_own_files(self.layout.bases), key=lambda file: file.used_at)
            total = sum(file.bytes for file in found)
            if total <= self.max_bytes:
                return []
            needed = self.list_needed()
            for file in found:
                if total > self.max_bytes and file.image_id not in needed:
                    file.path.unlink(missing_ok=True)
                    total -= file.bytes
                    dropped.append(file.image_id)
            sync_folder(self.layout.bases)
        return dropped

    def _ensure(
        self, image_id: str, disk_format: str, path: Path, on_progress: Progress | None
    ) -> Path:
        image = self.layout.image(image_id)
        with refusals("The image could not be cached"):
            with _locked(self.layout.bases):
                if _is_used(path) or (disk_format in LINKED and _link(image, path)):
                    return path
            # Conversions wait for each other at another lock, lest they hold up all builds.
            with _locked(self.layout.images):
                with _locked(self.layout.bases):
                    if _is_used(path):
                        return path
                with whole_file(path) as part:
                    if disk_format in LINKED:  # the two folders are on different file systems
                        shutil.copyfile(image, part)
                    else:
                        convert(image, disk_format, part, self.keep_free_bytes, on_progress)
                    part.chmod(0o400)
        self.trim()
        return path


@dataclass(frozen=True, slots=True)
class _File:
    """A file of the cache that takes space of its own."""

    path: Path
    bytes: int
    used_at: float

    @property
    def image_id(self) -> str:
        return self.path.stem


def _own_files(folder: Path) -> Iterator[_File]:
    for path in folder.glob("[!.]*"):
        about = path.stat()
        if about.st_nlink == 1:  # else it is the image's own file
            yield _File(path, about.st_blocks * BLOCK_BYTES, about.st_mtime)


def _is_used(path: Path) -> bool:
    """Note that a file is used now; False when it is not there."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _link(image_file: Path, path: Path) -> bool:
    """Give the image its second name; False when the file system can't."""
    try:
        os.link(image_file, path)
    except OSError as error:
        if error.errno in CANNOT_LINK:
            return False
        raise
    sync_folder(path.parent)
    return True


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: one holder, whichever thread or process; death releases it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
