# SPDX-License-Identifier: Apache-2.0
"""Image files: received in full or not at all, and only what is safe to give to QEMU."""

from __future__ import annotations

import hashlib
import stat
import subprocess
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import BadRequest, Forbidden, HostFailed, NotFound
from agent.images import Declared, ImageFiles

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
    with pytest.raises(
        BadRequest,
        match="'vhdx' is not accepted here, only aki, ami, ari, iso, qcow2, raw, vdi, vhd, vmdk",
    ):
        files.receive(IMAGE_ID, breaking(b""), disk_format="vhdx", max_bytes=MIB)


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


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (Declared(size=1023), "1023 bytes were declared, and 1024 came"),
        (Declared(algorithm="md5", digest="0" * 32), "md5 is c9a34cfc85d982698c6ac89f76071abd"),
        (Declared(algorithm="sha256", digest="0" * 64), "sha256 is "),
        (Declared(digest="0" * 128), "sha512 is "),
    ],
)
def test_bytes_that_were_not_declared_are_refused_before_they_are_parsed(
    files: ImageFiles, declared: Declared, said: str
) -> None:
    hostile = b"QFI\xfb" + b"a" * 1020  # which a parser would refuse in other words
    content = b"a" * 1024 if "md5" in said else hostile

    with pytest.raises(BadRequest, match=said):
        files.receive(IMAGE_ID, [content], disk_format="qcow2", max_bytes=MIB, declared=declared)

    assert list(files.folder.iterdir()) == []


def test_bytes_that_were_declared_are_taken(files: ImageFiles) -> None:
    declared = Declared(1024, "md5", "C9A34CFC85D982698C6AC89F76071ABD")

    received = files.receive(
        IMAGE_ID, [b"a" * 1024], disk_format="raw", max_bytes=MIB, declared=declared
    )

    assert received.size == 1024
