# SPDX-License-Identifier: Apache-2.0
"""Image files: `images/ID`, received as a stream, checked, and never changed afterwards.

A file has the name `images/ID` only after it was received whole and has passed the checks
(`imagecheck`), so that whoever opens one need not check again. What was declared of its bytes
(size, hash) is held against them before anything is parsed.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from agent.errors import BadRequest, Forbidden, NotFound
from agent.imagecheck import check_declared, inspect
from agent.wholefile import create_private, refusals, sync_folder, whole_file

HASHES = ("md5", "sha256", "sha512")
"""What a declared hash may be."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What was said of an image's bytes before they came; nothing where it was not said."""

    size: int | None = None  # bytes
    algorithm: str = "sha512"  # one of HASHES
    digest: str | None = None  # hexadecimal


UNDECLARED = Declared()

NICENESS = 10  # of what hashes and writes
REST = 1.0  # of the time that a piece has taken: a transfer leaves half of a core to others


@dataclass(frozen=True, slots=True)
class ReceivedImage:
    """What the Image API says of an image once its bytes are here."""

    size: int  # bytes
    checksum: str  # MD5, hexadecimal
    sha512: str  # hexadecimal
    virtual_size: int  # bytes of the disk inside


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """The files of all images, in one folder of mode 0700."""

    folder: Path

    def path(self, image_id: str) -> Path:
        """Return where an image's file is, or would be; `NotFound` for what is no id."""
        if not is_image_id(image_id):
            raise _not_found(image_id)
        return self.folder / image_id

    def receive(
        self,
        image_id: str,
        stream: Iterable[bytes],
        *,
        disk_format: str,
        max_bytes: int,
        declared: Declared = UNDECLARED,
    ) -> ReceivedImage:
        """Store the bytes of `stream` as the file of an image, replacing what is there.

        Blocks as long as the stream does. Its pieces are not kept, so memory stays flat (and a
        file object won't do: its pieces are lines). Nothing is left when anything fails:
        `Forbidden` above `max_bytes`, `BadRequest` when the bytes are not those that were declared
        or fail `inspect`, `HostFailed` when the disk refuses, and whatever reading the stream
        raises.
        """
        path = self.path(image_id)
        check_declared(disk_format)  # before, not after, some gigabytes have come
        with whole_file(path) as part:  # what the stream raises is the client's affair
            stored = _store(stream, part, max_bytes, {"md5", "sha512", declared.algorithm})
            _check_arrived(stored, declared)  # before anything looks into the bytes
            facts = inspect(part, disk_format)
        hashes = stored.hashes
        return ReceivedImage(stored.size, hashes["md5"], hashes["sha512"], facts.virtual_size)

    def open(self, image_id: str) -> BinaryIO:
        """Open an image's file for reading; the caller closes it. `NotFound` when there is none."""
        try:
            return self.path(image_id).open("rb")
        except FileNotFoundError:
            raise _not_found(image_id) from None

    def delete(self, image_id: str) -> None:
        """Remove an image's file; nothing when there is none. Open readers keep what they have."""
        with refusals("The image's file could not be removed"):
            self.path(image_id).unlink(missing_ok=True)
            sync_folder(self.folder)


@dataclass(frozen=True, slots=True)
class _Stored:
    size: int
    hashes: Mapping[str, str]  # hexadecimal, by algorithm


def _store(
    stream: Iterable[bytes], part: Path, max_bytes: int, algorithms: Iterable[str]
) -> _Stored:
    """Write the stream to `part`, down to the disk.

    A thread beside this one hashes and writes a piece while the next one comes, gives way to all
    that is quicker, and rests between two: a long transfer must not slow down small requests.
    """
    hashers = {name: hashlib.new(name, usedforsecurity=name != "md5") for name in algorithms}
    size = 0
    with refusals("The image could not be stored"):
        descriptor = create_private(part)

    def take(chunk: bytes) -> None:
        began = time.monotonic()
        for hasher in hashers.values():
            hasher.update(chunk)
        _write(descriptor, chunk)
        time.sleep(REST * (time.monotonic() - began))

    try:
        with ThreadPoolExecutor(1, "image-bytes", initializer=_give_way) as beside:
            taken: Future[None] | None = None
            # Only writing is the host's business: the stream's OSError is the client's connection.
            for chunk in stream:
                size += len(chunk)
                if size > max_bytes:
                    raise Forbidden(
                        f"The image is larger than the {max_bytes} bytes that an image may have "
                        "here."
                    )
                if taken is not None:
                    taken.result()
                taken = beside.submit(take, chunk)
            if taken is not None:
                taken.result()
        with refusals("The image could not be stored"):
            # libvirt may give the file to QEMU's user, as a base: not even that one may write it.
            os.fchmod(descriptor, 0o400)
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return _Stored(size, {name: hasher.hexdigest() for name, hasher in hashers.items()})


def _give_way() -> None:
    """Let other threads come before this one, where the host allows to say so."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _check_arrived(stored: _Stored, declared: Declared) -> None:
    """Refuse bytes that are not those that were declared."""
    if declared.size is not None and stored.size != declared.size:
        raise BadRequest(
            f"{declared.size} bytes were declared, and {stored.size} came. Upload it again."
        )
    found = stored.hashes[declared.algorithm]
    if declared.digest is not None and found != declared.digest.lower():
        raise BadRequest(
            f"The image's {declared.algorithm} is {found}, and {declared.digest} was declared: "
            "it was changed on its way, or another was meant. Upload it again."
        )


def _write(descriptor: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    with refusals("The image could not be stored"):
        while rest:
            rest = rest[os.write(descriptor, rest) :]


def is_image_id(text: str) -> bool:
    """Whether a text is an image's id, in its one form."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _not_found(image_id: str) -> NotFound:
    return NotFound(f"No image found with ID {image_id}")
