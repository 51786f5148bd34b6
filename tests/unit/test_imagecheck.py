# SPDX-License-Identifier: Apache-2.0
"""What an image file is found to be, and which are refused: files made by qemu-img, then spoilt."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from agent import imagecheck
from agent.errors import BadRequest

MIB = 1024**2


def make_image(path: Path, image_format: str, *options: str) -> Path:
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", image_format, *options, str(path), "8M"], check=True
    )
    return path


def make_partitioned(path: Path) -> Path:
    """A raw disk with a boot sector that has one Linux partition."""
    make_image(path, "raw")
    entry = struct.pack("<B3xB3xII", 0x80, 0x83, 2048, 8192)
    with path.open("r+b") as disk:
        disk.seek(446)
        disk.write(entry.ljust(64, b"\0") + b"\x55\xaa")
    return path


def make_iso(path: Path) -> Path:
    folder = path.parent / "content"
    folder.mkdir()
    (folder / "readme").write_text("hello")
    subprocess.run(
        ["xorriso", "-outdev", str(path), "-map", str(folder), "/"], check=True, capture_output=True
    )
    return path


def patch(path: Path, offset: int, content: bytes) -> Path:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)
    return path


@pytest.mark.parametrize("options", [(), ("-o", "compat=0.10"), ("-o", "compression_type=zstd")])
def test_a_sound_qcow2_image_is_accepted(tmp_path: Path, options: tuple[str, ...]) -> None:
    path = make_image(tmp_path / "a", "qcow2", *options)

    assert imagecheck.inspect(path, "qcow2") == imagecheck.ImageFacts("qcow2", 8 * MIB)


def test_a_raw_image_is_as_large_as_its_file(tmp_path: Path) -> None:
    path = make_image(tmp_path / "a", "raw")

    assert imagecheck.inspect(path, "raw") == imagecheck.ImageFacts("raw", 8 * MIB)


def test_a_partitioned_disk_is_a_raw_image(tmp_path: Path) -> None:
    path = make_partitioned(tmp_path / "a")

    assert imagecheck.inspect(path, "raw") == imagecheck.ImageFacts("raw", 8 * MIB)


def test_an_iso_is_accepted_as_one(tmp_path: Path) -> None:
    path = make_iso(tmp_path / "a")

    assert imagecheck.inspect(path, "iso") == imagecheck.ImageFacts("iso", path.stat().st_size)


@pytest.mark.parametrize(
    ("real", "declared", "message"),
    [
        ("qcow2", "raw", "declared as raw, but its contents are qcow2. Set disk_format to qcow2."),
        ("raw", "qcow2", "declared as qcow2, but its contents are raw. Set disk_format to raw."),
        ("vmdk", "raw", "its contents are vmdk. Set disk_format to vmdk."),
        ("vmdk", "qcow2", "its contents are vmdk. Set disk_format to vmdk."),
        ("vdi", "raw", "its contents are vdi. Set disk_format to vdi."),
        ("vhdx", "raw", "its contents are vhdx. Convert it with 'qemu-img convert"),
        ("vpc", "raw", "its contents are vhd. Set disk_format to vhd."),
        ("qed", "raw", "its contents are qed. Convert it with 'qemu-img convert"),
    ],
)
def test_an_image_that_is_not_what_it_is_declared_to_be_is_refused(
    tmp_path: Path, real: str, declared: str, message: str
) -> None:
    path = make_image(tmp_path / "a", real)

    with pytest.raises(BadRequest) as raised:
        imagecheck.inspect(path, declared)

    assert message in raised.value.message


def test_a_partitioned_disk_declared_as_qcow2_is_told_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="a partitioned raw disk: set disk_format to raw"):
        imagecheck.inspect(make_partitioned(tmp_path / "a"), "qcow2")


def test_an_iso_declared_as_raw_is_told_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="Set disk_format to iso"):
        imagecheck.inspect(make_iso(tmp_path / "a"), "raw")


def test_a_file_of_two_formats_at_once_is_refused_as_either(tmp_path: Path) -> None:
    path = patch(
        make_iso(tmp_path / "a"), 0, make_image(tmp_path / "b", "qcow2").read_bytes()[:512]
    )

    for declared in ("iso", "qcow2", "raw"):
        with pytest.raises(BadRequest, match="contents are iso and qcow2"):
            imagecheck.inspect(path, declared)


def test_an_encrypted_volume_declared_as_raw_is_refused(tmp_path: Path) -> None:
    path = patch(make_image(tmp_path / "a", "raw"), 0, b"LUKS\xba\xbe\x00\x01")

    with pytest.raises(BadRequest, match="contents are luks"):
        imagecheck.inspect(path, "raw")


@pytest.mark.parametrize("backing", ["/etc/passwd", "json:{}", "nbd://127.0.0.1/x", "../secret"])
def test_a_backing_file_is_refused(tmp_path: Path, backing: str) -> None:
    path = make_image(tmp_path / "a", "qcow2", "-u", "-b", backing, "-F", "raw")

    with pytest.raises(BadRequest, match="it has a backing file"):
        imagecheck.inspect(path, "qcow2")


def test_an_external_data_file_is_refused(tmp_path: Path) -> None:
    path = make_image(tmp_path / "a", "qcow2", "-o", f"data_file={tmp_path / 'data'}")

    with pytest.raises(BadRequest, match="it keeps its data in another file"):
        imagecheck.inspect(path, "qcow2")


@pytest.mark.parametrize("feature_byte", range(72, 80))
def test_unknown_features_are_refused(tmp_path: Path, feature_byte: int) -> None:
    path = patch(make_image(tmp_path / "a", "qcow2"), feature_byte, b"\x80")

    with pytest.raises(BadRequest, match="features that are not known to be safe"):
        imagecheck.inspect(path, "qcow2")


def test_the_first_version_of_qcow_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="features that are not known to be safe"):
        imagecheck.inspect(make_image(tmp_path / "a", "qcow"), "qcow2")


def test_an_encrypted_qcow2_is_refused(tmp_path: Path) -> None:
    path = patch(make_image(tmp_path / "a", "qcow2"), 32, struct.pack(">I", 2))

    with pytest.raises(BadRequest, match="is encrypted"):
        imagecheck.inspect(path, "qcow2")


@pytest.mark.parametrize("bits", [0, 8, 22, 2**32 - 1])
def test_impossible_clusters_are_refused(tmp_path: Path, bits: int) -> None:
    path = patch(make_image(tmp_path / "a", "qcow2"), 20, struct.pack(">I", bits))

    with pytest.raises(BadRequest, match="is damaged"):
        imagecheck.inspect(path, "qcow2")


@pytest.mark.parametrize("size", [0, 2**60, 2**64 - 1])
def test_a_virtual_size_beyond_reason_is_refused(tmp_path: Path, size: int) -> None:
    path = patch(make_image(tmp_path / "a", "qcow2"), 24, struct.pack(">Q", size))

    with pytest.raises(BadRequest, match=f"virtual size is {size} bytes"):
        imagecheck.inspect(path, "qcow2")


@pytest.mark.parametrize("length", [0, 3, 511])
def test_a_file_shorter_than_a_sector_is_refused(tmp_path: Path, length: int) -> None:
    path = make_image(tmp_path / "a", "qcow2")
    path.write_bytes(path.read_bytes()[:length])

    for declared in ("qcow2", "raw"):
        with pytest.raises(BadRequest, match=f"is {length} bytes long"):
            imagecheck.inspect(path, declared)


@pytest.mark.parametrize("declared", ["vmdk", "raw"])
def test_a_small_vmdk_descriptor_is_told_to_name_another_file(
    tmp_path: Path, declared: str
) -> None:
    path = make_image(tmp_path / "a", "vmdk", "-o", "subformat=monolithicFlat")

    with pytest.raises(BadRequest, match=r"at least 512.*names another file"):
        imagecheck.inspect(path, declared)


@pytest.mark.parametrize("length", [512, 65536, 131072])
def test_a_truncated_qcow2_is_refused(tmp_path: Path, length: int) -> None:
    path = make_image(tmp_path / "a", "qcow2")
    path.write_bytes(path.read_bytes()[:length])

    with pytest.raises(BadRequest, match="is truncated"):
        imagecheck.inspect(path, "qcow2")


VARIANTS = {
    "vmdk": ("vmdk", ()),
    "vmdk-stream": ("vmdk", ("-o", "subformat=streamOptimized")),
    "vdi": ("vdi", ()),
    "vdi-static": ("vdi", ("-o", "static=on")),
    "vhd-dynamic": ("vpc", ("-o", "force_size=on")),
    "vhd-fixed": ("vpc", ("-o", "subformat=fixed,force_size=on")),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_other_hypervisors_disks_are_accepted_as_what_they_are(
    tmp_path: Path, variant: str
) -> None:
    qemu_format, options = VARIANTS[variant]
    path = make_image(tmp_path / "a", qemu_format, *options)
    disk_format = variant.partition("-")[0]

    assert imagecheck.inspect(path, disk_format) == imagecheck.ImageFacts(disk_format, 8 * MIB)
    assert imagecheck.detect_format(path) == disk_format


@pytest.mark.parametrize("subformat", ["monolithicFlat", "twoGbMaxExtentSparse"])
def test_vmdks_that_are_many_files_are_refused(tmp_path: Path, subformat: str) -> None:
    path = make_image(tmp_path / "a", "vmdk", "-o", f"subformat={subformat}")

    with pytest.raises(BadRequest):
        imagecheck.inspect(path, "vmdk")


def test_a_kernel_is_one_and_noise_is_not(tmp_path: Path) -> None:
    kernel = tmp_path / "vmlinuz"
    kernel.write_bytes(b"MZ".ljust(510, b"\0") + b"\x55\xaa\xeb\x6aHdrS" + bytes(1024))
    noise = tmp_path / "noise"
    noise.write_bytes(bytes(2048))

    assert imagecheck.inspect(kernel, "aki").virtual_size == kernel.stat().st_size
    with pytest.raises(BadRequest, match="it is no x86 kernel"):
        imagecheck.inspect(noise, "aki")
    assert imagecheck.inspect(noise, "ari").format == "ari"
    assert imagecheck.inspect(noise, "ami").format == "ami"
