# SPDX-License-Identifier: Apache-2.0
"""Whether a file is what it is declared to be, and safe to give to QEMU.

Users upload anything: an image may be made to read the host's files (a backing file, an external
data file, a VMDK's extents), or to be one format for the checker and another for QEMU. So the
declared format must be the one that is found, alone, and only files that name no other are taken.

No qemu-img in this room: nothing but parsers in Python meets unchecked bytes. oslo.utils is
imported when the first image is checked, to keep an idle process small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.errors import BadRequest
from agent.formats import kernel, qcow2, vdi, vhd, vmdk
from agent.formats.reading import CONVERT, Source

CHUNK_BYTES = 256 * 1024
MIN_BYTES = 512  # one sector: less is no disk
VMDK_DESCRIPTOR = b"# Disk DescriptorFile"
MAX_VIRTUAL_BYTES = 16 * 1024**4  # the largest file that ext4 can hold

RAW = ({"raw"}, {"gpt"})  # "gpt" is oslo's word for a partition table, GPT or MBR

ACCEPTED_FORMATS = {
    "qcow2": ({"qcow2"},),
    "raw": RAW,
    "iso": ({"iso"}, {"iso", "gpt"}),  # bootable ISOs have a partition table too
    "vmdk": ({"vmdk"},),
    "vdi": ({"vdi"},),
    "vhd": ({"vhd"},),
    "ami": RAW,
    "aki": RAW,  # a kernel has a boot sector's mark
    "ari": RAW,
}
"""What may be found in a file, by the disk_format declared for it."""

PARSERS: dict[str, Callable[[Source], int]] = {
    "qcow2": qcow2.check,
    "vmdk": vmdk.check,
    "vdi": vdi.check,
    "vhd": vhd.check,
    "aki": kernel.check,
}
"""Our own reading of a format's headers; of all others the virtual size is the file's."""

REASONS = {
    "backing_file": "it has a backing file",
    "data_file": "it keeps its data in another file",
    "unknown_features": "it uses features that are not known to be safe",
    "descriptor": "its descriptor names other files, or is of a kind that could",
    "footer": "its footer and its header describe different disks",
    "banned": "its format is not safe",
}
"""What oslo's safety checks mean, by their names."""

ADVICE = {
    "qcow2": "Set disk_format to qcow2.",
    "raw": "Set disk_format to raw.",
    "iso": "Set disk_format to iso.",
    "vmdk": "Set disk_format to vmdk.",
    "vdi": "Set disk_format to vdi.",
    "vhd": "Set disk_format to vhd.",
    "gpt": "That is a partitioned raw disk: set disk_format to raw.",
    "luks": "Encrypted volumes are not supported: decrypt it, and upload the disk inside.",
}
"""What to do when exactly this was found instead of what was declared."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What was found in an image's file."""

    format: str
    virtual_size: int  # bytes of the disk inside


def inspect(path: Path, declared_format: str) -> ImageFacts:
    """Check that a file is what it is declared to be and safe to give to QEMU.

    Reads the file, up to its end when it must. `BadRequest` says what was found and what to do.
    """
    expected = check_declared(declared_format)
    file_size = path.stat().st_size
    if file_size < MIN_BYTES:
        raise BadRequest(_too_small(path, file_size))
    found, unsafe = _detect(path)
    if found not in expected:
        raise BadRequest(_mismatch(declared_format, found))
    with path.open("rb") as file:
        source = Source(file, file_size, declared_format)
        if unsafe:
            source.refuse("; ".join(REASONS.get(name, name) for name in unsafe))
        parse = PARSERS.get(declared_format)
        virtual_size = parse(source) if parse else file_size
    if not 0 < virtual_size <= MAX_VIRTUAL_BYTES:
        raise BadRequest(
            f"The image's virtual size is {virtual_size} bytes; it must be between 1 and "
            f"{MAX_VIRTUAL_BYTES} bytes. {CONVERT}"
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
    raise BadRequest(f"The file is of format {' and '.join(sorted(found))}. {_advice(found)}")


def check_declared(declared_format: str) -> tuple[set[str], ...]:
    """Return what a file of this format may look like; `BadRequest` for one that is not taken."""
    expected = ACCEPTED_FORMATS.get(declared_format)
    if expected is None:
        raise BadRequest(
            f"disk_format: '{declared_format}' is not accepted here, only "
            f"{', '.join(sorted(ACCEPTED_FORMATS))}. {CONVERT}"
        )
    return expected


def _detect(path: Path) -> tuple[set[str], list[str]]:
    """Return the formats that the file's contents match, and the safety checks that they fail."""
    from oslo_utils.imageutils import format_inspector as oslo  # 100 ms and 12 MiB

    with path.open("rb") as file:
        is_fixed_vhd = vhd.has_footer(file, path.stat().st_size)
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
    found = {match.NAME for match in matches}
    return {"vhd"} if is_fixed_vhd and found in RAW else found, unsafe


def _too_small(path: Path, size: int) -> str:
    said = f"The image is {size} bytes long, and a disk has at least {MIN_BYTES}."
    if path.read_bytes().startswith(VMDK_DESCRIPTOR):
        return (
            f"{said} This is a VMDK's descriptor, which names another file: that is not taken. "
            f"{CONVERT}"
        )
    return f"{said} Upload the whole of it."


def _mismatch(declared: str, found: set[str]) -> str:
    names = " and ".join(sorted(found))
    return f"The image was declared as {declared}, but its contents are {names}. {_advice(found)}"


def _advice(found: set[str]) -> str:
    return ADVICE.get(" and ".join(sorted(found)), CONVERT)
