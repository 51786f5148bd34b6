# SPDX-License-Identifier: Apache-2.0
"""Image files: `images/ID`, received as a stream, checked, and never changed afterwards.

A file has the name `images/ID` only after it was received whole and has passed the checks, so that
whoever opens one need not check again. Users upload anything here: an image may be made to read
the host's files (a backing file, an external data file, a VMDK's extents), or to be one format
for the checker and another for QEMU. So the declared format must be the one that is found, alone,
and only formats that can't name other files are taken.

No qemu-img in this room: nothing but a parser in Python meets unchecked bytes. oslo.utils is
imported when the first image is checked, to keep an idle process small.
"""

from __future__ import annotations

import hashlib
import os
import struct
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from agent.errors import BadRequest, Forbidden, NotFound
from agent.wholefile import create_private, refusals, sync_folder, whole_file

CHUNK_BYTES = 256 * 1024
MIN_BYTES = 512  # one sector: less is no disk
MAX_VIRTUAL_BYTES = 16 * 1024**4  # the largest file that ext4 can hold

ACCEPTED_FORMATS = {
    "qcow2": ({"qcow2"},),
    "raw": ({"raw"}, {"gpt"}),  # "gpt" is oslo's word for a partition table, GPT or MBR
    "iso": ({"iso"}, {"iso", "gpt"}),  # bootable ISOs have a partition table too
}
"""What may be found in a file, by the disk_format declared for it."""

REASONS = {
    "backing_file": "it has a backing file",
    "data_file": "it keeps its data in another file",
    "unknown_features": "it uses features that are not known to be safe",
}
"""What oslo's safety checks mean, by their names."""

CONVERT = "Convert it with 'qemu-img convert -O qcow2 FILE NEW.qcow2' and upload that as qcow2."

ADVICE = {
    "qcow2": "Set disk_format to qcow2.",
    "raw": "Set disk_format to raw.",
    "iso": "Set disk_format to iso.",
    "gpt": "That is a partitioned raw disk: set disk_format to raw.",
}
"""What to do when exactly this was found instead of what was declared."""

# Cluster bits, virtual size, encryption, L1 entries and offset, refcount table's offset and
# clusters: the parts of a qcow2 header that oslo's checks leave out.
QCOW2_HEADER = struct.Struct(">20xIQIIQQI")


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What was found in an image's file."""

    format: str
    virtual_size: int  # bytes of the disk inside


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
        try:
            is_id = str(uuid.UUID(image_id)) == image_id
        except ValueError:
            is_id = False
        if not is_id:
            raise _not_found(image_id)
        return self.folder / image_id

    def receive(
        self, image_id: str, stream: Iterable[bytes], *, disk_format: str, max_bytes: int
    ) -> ReceivedImage:
        """Store the bytes of `stream` as the file of an image, replacing what is there.

        Blocks as long as the stream does. Its pieces are not kept, so memory stays flat (and a
        file object won't do: its pieces are lines). Nothing is left when anything fails:
        `Forbidden` above `max_bytes`, `BadRequest` when the contents fail `inspect`, `HostFailed`
        when the disk refuses, and whatever reading the stream raises.
        """
        path = self.path(image_id)
        _check_declared(disk_format)  # before, not after, some gigabytes have come
        with whole_file(path) as part:  # what the stream raises is the client's affair
            size, md5, sha512 = _store(stream, part, max_bytes)
            facts = inspect(part, disk_format)
        return ReceivedImage(size, md5, sha512, facts.virtual_size)

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


def inspect(path: Path, declared_format: str) -> ImageFacts:
    """Check that a file is what it is declared to be and safe to give to QEMU.

    Reads the file, up to its end when it must. `BadRequest` says what was found and what to do.
    """
    expected = _check_declared(declared_format)
    file_size = path.stat().st_size
    if file_size < MIN_BYTES:
        raise BadRequest(f"The image is {file_size} bytes long: that is no disk. Upload it again.")
    found, unsafe = _detect(path)
    if found not in expected:
        raise BadRequest(_mismatch(declared_format, found))
    if unsafe:
        reasons = "; ".join(REASONS.get(name, name) for name in unsafe)
        raise BadRequest(f"The {declared_format} image is refused: {reasons}. {CONVERT}")
    virtual_size = file_size
    if declared_format == "qcow2":
        with path.open("rb") as file:
            virtual_size = _check_qcow2_header(file.read(QCOW2_HEADER.size), file_size)
    if not 0 < virtual_size <= MAX_VIRTUAL_BYTES:
        raise BadRequest(
            f"The image's virtual size is {virtual_size} bytes; it must be between 1 and "
            f"{MAX_VIRTUAL_BYTES} bytes."
        )
    return ImageFacts(declared_format, virtual_size)


def detect_format(path: Path) -> str:
    """Say which accepted format a file has, for an import that declares none; reads the file.

    Only a declaration: the contents are checked against it as any upload's. `BadRequest` names a
    format that is not accepted.
    """
    found, _ = _detect(path)
    for name, expected in ACCEPTED_FORMATS.items():
        if found in expected:
            return name
    raise BadRequest(f"The file is of format {' and '.join(sorted(found))}. {CONVERT}")


def _check_declared(declared_format: str) -> tuple[set[str], ...]:
    """Return what a file of this format may look like; `BadRequest` for one that is not taken."""
    expected = ACCEPTED_FORMATS.get(declared_format)
    if expected is None:
        raise BadRequest(
            f"disk_format: '{declared_format}' is not accepted here, only "
            f"{', '.join(sorted(ACCEPTED_FORMATS))}. {CONVERT}"
        )
    return expected


def _store(stream: Iterable[bytes], part: Path, max_bytes: int) -> tuple[int, str, str]:
    """Write the stream to `part`, down to the disk; return its size, MD5 and SHA-512."""
    md5 = hashlib.md5(usedforsecurity=False)  # the API's legacy field
    sha512 = hashlib.sha512()
    size = 0
    with refusals("The image could not be stored"):
        descriptor = create_private(part)
    try:
        # Only writing is the host's business: the stream's OSError is the client's connection.
        for chunk in stream:
            size += len(chunk)
            if size > max_bytes:
                raise Forbidden(
                    f"The image is larger than the {max_bytes} bytes that an image may have here."
                )
            md5.update(chunk)
            sha512.update(chunk)
            _write(descriptor, chunk)
        with refusals("The image could not be stored"):
            # libvirt may give the file to QEMU's user, as a base: not even that one may write it.
            os.fchmod(descriptor, 0o400)
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return size, md5.hexdigest(), sha512.hexdigest()


def _write(descriptor: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    with refusals("The image could not be stored"):
        while rest:
            rest = rest[os.write(descriptor, rest) :]


def _detect(path: Path) -> tuple[set[str], list[str]]:
    """Return the formats that the file's contents match, and the safety checks that they fail."""
    from oslo_utils.imageutils import format_inspector as oslo  # 100 ms and 12 MiB

    with path.open("rb") as file:
        wrapper = oslo.InspectWrapper(file)
        while wrapper.formats is None and wrapper.read(CHUNK_BYTES):
            pass
        wrapper.close()
    unsafe: list[str] = []
    matches = wrapper.formats or []
    for match in matches:
        if match.NAME == "gpt":
            # Its check is of tidiness (boot flags, CHS values); real disks fail it, and no
            # partition table makes QEMU open another file.
            continue
        try:
            match.safety_check()
        except oslo.SafetyCheckFailed as error:
            unsafe += sorted(error.failures)
        except oslo.ImageFormatError as error:
            unsafe.append(str(error))
    return {match.NAME for match in matches}, unsafe


def _check_qcow2_header(header: bytes, file_size: int) -> int:
    """Return the virtual size in bytes; `BadRequest` for a header that can't be right."""
    fields = QCOW2_HEADER.unpack(header)
    cluster_bits, virtual_size, encryption = fields[:3]
    l1_entries, l1_offset, refcount_offset, refcount_clusters = fields[3:]
    if not 9 <= cluster_bits <= 21:
        raise BadRequest(f"The qcow2 image is damaged: it has clusters of 2^{cluster_bits} bytes.")
    if encryption:
        raise BadRequest(f"The qcow2 image is encrypted; that is not supported. {CONVERT}")
    tables_end = max(
        l1_offset + l1_entries * 8, refcount_offset + (refcount_clusters << cluster_bits)
    )
    if tables_end > file_size:
        raise BadRequest(
            f"The qcow2 image is truncated: its tables end at byte {tables_end}, the file at "
            f"{file_size}. Upload it again."
        )
    return int(virtual_size)


def _mismatch(declared: str, found: set[str]) -> str:
    names = " and ".join(sorted(found))
    advice = ADVICE.get(names, CONVERT)
    return f"The image was declared as {declared}, but its contents are {names}. {advice}"


def _not_found(image_id: str) -> NotFound:
    return NotFound(f"No image found with ID {image_id}")
