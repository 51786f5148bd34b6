# SPDX-License-Identifier: Apache-2.0
"""Image files: received in full or not at all, and only what is safe to give to QEMU."""

from __future__ import annotations

import hashlib
import stat
import struct
import subprocess
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import images
from agent.errors import BadRequest, Forbidden, HostFailed, NotFound
from agent.images import ImageFiles

MIB = 1024**2
IMAGE_ID = "2f70e28c-7c4b-4a5e-9a07-2b9d1f1e0c11"


@pytest.fixture
def files(tmp_path: Path) -> ImageFiles:
    folder = tmp_path / "images"
    folder.mkdir(mode=0o700)
    return ImageFiles(folder)


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


def pieces(content: bytes, size: int = 65536) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def breaking(content: bytes) -> Iterator[bytes]:
    yield content
    raise ConnectionResetError("the client went away")


def test_a_qcow2_image_is_received_with_its_facts(files: ImageFiles, tmp_path: Path) -> None:
    content = make_image(tmp_path / "a", "qcow2").read_bytes()

    received = files.receive(IMAGE_ID, pieces(content), disk_format="qcow2", max_bytes=MIB)

    assert received.size == len(content)
    assert received.virtual_size == 8 * MIB
    assert received.checksum == hashlib.md5(content).hexdigest()
    assert received.sha512 == hashlib.sha512(content).hexdigest()
    assert (files.folder / IMAGE_ID).read_bytes() == content


def test_known_bytes_have_the_known_hashes(files: ImageFiles) -> None:
    received = files.receive(IMAGE_ID, [b"a" * 1024], disk_format="raw", max_bytes=1024)

    assert received.checksum == "c9a34cfc85d982698c6ac89f76071abd"
    assert received.sha512 == (
        "74b22492e3b9a86a9c93c23a69f821ebafa429302c1f4054b4bc37356a4bae05"
        "6d9ccbc6f24093a25704faaa72bd21a5f337ca9ec92f32369d24e6b9fae954d8"
    )


def test_a_stored_image_can_be_written_by_nobody(files: ImageFiles) -> None:
    files.receive(IMAGE_ID, [b"a" * 1024], disk_format="raw", max_bytes=1024)

    assert stat.S_IMODE((files.folder / IMAGE_ID).stat().st_mode) == 0o400


def test_an_image_is_opened_and_deleted_by_its_id(files: ImageFiles) -> None:
    files.receive(IMAGE_ID, [b"a" * 1024], disk_format="raw", max_bytes=1024)

    with files.open(IMAGE_ID) as file:
        files.delete(IMAGE_ID)
        assert file.read() == b"a" * 1024
    assert list(files.folder.iterdir()) == []
    files.delete(IMAGE_ID)
    with pytest.raises(NotFound):
        files.open(IMAGE_ID)


@pytest.mark.parametrize(
    "image_id",
    ["../../etc/passwd", "", ".", "a\0b", IMAGE_ID.upper(), IMAGE_ID.replace("-", ""), "%2e%2e"],
)
def test_what_is_no_id_is_never_a_path(files: ImageFiles, image_id: str) -> None:
    with pytest.raises(NotFound):
        files.open(image_id)


def test_a_stream_above_the_cap_is_refused_and_leaves_nothing(files: ImageFiles) -> None:
    with pytest.raises(Forbidden, match="larger than the 4096 bytes"):
        files.receive(IMAGE_ID, pieces(b"a" * 4097, 512), disk_format="raw", max_bytes=4096)

    assert list(files.folder.iterdir()) == []


def test_a_stream_that_breaks_leaves_nothing(files: ImageFiles) -> None:
    with pytest.raises(ConnectionResetError):
        files.receive(IMAGE_ID, breaking(b"a" * 4096), disk_format="raw", max_bytes=MIB)

    assert list(files.folder.iterdir()) == []


def test_an_upload_that_fails_leaves_the_image_that_was_there(files: ImageFiles) -> None:
    files.receive(IMAGE_ID, [b"a" * 1024], disk_format="raw", max_bytes=MIB)

    with pytest.raises(BadRequest):
        files.receive(IMAGE_ID, [b"QFI\xfb" + b"a" * 1024], disk_format="raw", max_bytes=MIB)

    with files.open(IMAGE_ID) as file:
        assert file.read() == b"a" * 1024


def test_a_format_that_is_not_taken_is_refused_before_a_byte_is_read(files: ImageFiles) -> None:
    with pytest.raises(BadRequest, match="'vmdk' is not accepted here, only iso, qcow2, raw"):
        files.receive(IMAGE_ID, breaking(b""), disk_format="vmdk", max_bytes=MIB)


def test_a_folder_that_is_not_there_is_a_failure_of_the_host(tmp_path: Path) -> None:
    with pytest.raises(HostFailed, match="could not be stored: No such file"):
        ImageFiles(tmp_path / "gone").receive(IMAGE_ID, [], disk_format="raw", max_bytes=MIB)


def test_a_hundred_mebibytes_pass_with_memory_flat(files: ImageFiles) -> None:
    def stream() -> Iterator[bytes]:
        for _ in range(1600):
            yield b"a" * 65536

    files.receive(IMAGE_ID, [b"a" * 1024], disk_format="raw", max_bytes=MIB)  # the imports
    tracemalloc.start()
    try:
        received = files.receive(IMAGE_ID, stream(), disk_format="raw", max_bytes=200 * MIB)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert received.size == 100 * MIB
    assert peak < 3 * MIB


@pytest.mark.parametrize("options", [(), ("-o", "compat=0.10"), ("-o", "compression_type=zstd")])
def test_a_sound_qcow2_image_is_accepted(tmp_path: Path, options: tuple[str, ...]) -> None:
    path = make_image(tmp_path / "a", "qcow2", *options)

    assert images.inspect(path, "qcow2") == images.ImageFacts("qcow2", 8 * MIB)


def test_a_raw_image_is_as_large_as_its_file(tmp_path: Path) -> None:
    path = make_image(tmp_path / "a", "raw")

    assert images.inspect(path, "raw") == images.ImageFacts("raw", 8 * MIB)


def test_a_partitioned_disk_is_a_raw_image(tmp_path: Path) -> None:
    path = make_partitioned(tmp_path / "a")

    assert images.inspect(path, "raw") == images.ImageFacts("raw", 8 * MIB)


def test_an_iso_is_accepted_as_one(tmp_path: Path) -> None:
    path = make_iso(tmp_path / "a")

    assert images.inspect(path, "iso") == images.ImageFacts("iso", path.stat().st_size)


@pytest.mark.parametrize(
    ("real", "declared", "message"),
    [
        ("qcow2", "raw", "declared as raw, but its contents are qcow2. Set disk_format to qcow2."),
        ("raw", "qcow2", "declared as qcow2, but its contents are raw. Set disk_format to raw."),
        ("vmdk", "raw", "its contents are vmdk. Convert it with 'qemu-img convert"),
        ("vmdk", "qcow2", "its contents are vmdk. Convert it with 'qemu-img convert"),
        ("vdi", "raw", "its contents are vdi. Convert it with 'qemu-img convert"),
        ("vhdx", "raw", "its contents are vhdx. Convert it with 'qemu-img convert"),
        ("vpc", "raw", "its contents are vhd. Convert it with 'qemu-img convert"),
        ("qed", "raw", "its contents are qed. Convert it with 'qemu-img convert"),
    ],
)
def test_an_image_that_is_not_what_it_is_declared_to_be_is_refused(
    tmp_path: Path, real: str, declared: str, message: str
) -> None:
    path = make_image(tmp_path / "a", real)

    with pytest.raises(BadRequest) as raised:
        images.inspect(path, declared)

    assert message in raised.value.message


def test_a_partitioned_disk_declared_as_qcow2_is_told_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="a partitioned raw disk: set disk_format to raw"):
        images.inspect(make_partitioned(tmp_path / "a"), "qcow2")


def test_an_iso_declared_as_raw_is_told_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="Set disk_format to iso"):
        images.inspect(make_iso(tmp_path / "a"), "raw")


def test_a_file_of_two_formats_at_once_is_refused_as_either(tmp_path: Path) -> None:
    path = patch(
        make_iso(tmp_path / "a"), 0, make_image(tmp_path / "b", "qcow2").read_bytes()[:512]
    )

    for declared in ("iso", "qcow2", "raw"):
        with pytest.raises(BadRequest, match="contents are iso and qcow2"):
            images.inspect(path, declared)


def test_an_encrypted_volume_declared_as_raw_is_refused(tmp_path: Path) -> None:
    path = patch(make_image(tmp_path / "a", "raw"), 0, b"LUKS\xba\xbe\x00\x01")

    with pytest.raises(BadRequest, match="contents are luks"):
        images.inspect(path, "raw")


@pytest.mark.parametrize("backing", ["/etc/passwd", "json:{}", "nbd://127.0.0.1/x", "../secret"])
def test_a_backing_file_is_refused(tmp_path: Path, backing: str) -> None:
    path = make_image(tmp_path / "a", "qcow2", "-u", "-b", backing, "-F", "raw")

    with pytest.raises(BadRequest, match="it has a backing file"):
        images.inspect(path, "qcow2")


def test_an_external_data_file_is_refused(tmp_path: Path) -> None:
    path = make_image(tmp_path / "a", "qcow2", "-o", f"data_file={tmp_path / 'data'}")

    with pytest.raises(BadRequest, match="it keeps its data in another file"):
        images.inspect(path, "qcow2")


@pytest.mark.parametrize("feature_byte", range(72, 80))
def test_unknown_features_are_refused(tmp_path: Path, feature_byte: int) -> None:
    path = patch(make_image(tmp_path / "a", "qcow2"), feature_byte, b"\x80")

    with pytest.raises(BadRequest, match="features that are not known to be safe"):
        images.inspect(path, "qcow2")


def test_the_first_version_of_qcow_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="features that are not known to be safe"):
        images.inspect(make_image(tmp_path / "a", "qcow"), "qcow2")


def test_an_encrypted_qcow2_is_refused(tmp_path: Path) -> None:
    path = patch(make_image(tmp_path / "a", "qcow2"), 32, struct.pack(">I", 2))

    with pytest.raises(BadRequest, match="is encrypted"):
        images.inspect(path, "qcow2")


@pytest.mark.parametrize("bits", [0, 8, 22, 2**32 - 1])
def test_impossible_clusters_are_refused(tmp_path: Path, bits: int) -> None:
    path = patch(make_image(tmp_path / "a", "qcow2"), 20, struct.pack(">I", bits))

    with pytest.raises(BadRequest, match="is damaged"):
        images.inspect(path, "qcow2")


@pytest.mark.parametrize("size", [0, 2**60, 2**64 - 1])
def test_a_virtual_size_beyond_reason_is_refused(tmp_path: Path, size: int) -> None:
    path = patch(make_image(tmp_path / "a", "qcow2"), 24, struct.pack(">Q", size))

    with pytest.raises(BadRequest, match=f"virtual size is {size} bytes"):
        images.inspect(path, "qcow2")


@pytest.mark.parametrize("length", [0, 3, 511])
def test_a_file_shorter_than_a_sector_is_refused(tmp_path: Path, length: int) -> None:
    path = make_image(tmp_path / "a", "qcow2")
    path.write_bytes(path.read_bytes()[:length])

    for declared in ("qcow2", "raw"):
        with pytest.raises(BadRequest, match=f"is {length} bytes long"):
            images.inspect(path, declared)


@pytest.mark.parametrize("length", [512, 65536, 131072])
def test_a_truncated_qcow2_is_refused(tmp_path: Path, length: int) -> None:
    path = make_image(tmp_path / "a", "qcow2")
    path.write_bytes(path.read_bytes()[:length])

    with pytest.raises(BadRequest, match="is truncated"):
        images.inspect(path, "qcow2")
