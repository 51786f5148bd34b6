# SPDX-License-Identifier: Apache-2.0
"""The rules over injected files (seed, "Server personality"), at their borders."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from agent.errors import BadRequest, OverQuota
from agent.model.injection import (
    FileLimits,
    InjectedFile,
    check_files,
    find_limit_problem,
    parse_path,
)

LIMITS = FileLimits(count=5, size=10240)


def make_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", "text")
    return buffer.getvalue()


def make_tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return buffer.getvalue()


def file(path: str = "/etc/motd", content: bytes = b"hello\n") -> InjectedFile:
    return InjectedFile(path, content)


@pytest.mark.parametrize(
    ("given", "means"),
    [
        ("/etc/motd", "/etc/motd"),
        ("rebuild.txt", "/rebuild.txt"),
        ("etc/x", "/etc/x"),
        ("//etc//x", "/etc/x"),
        ("/etc/./x", "/etc/x"),
        ("./x", "/x"),
        ('/a b/it\'s "x" $(reboot) `id`;', '/a b/it\'s "x" $(reboot) `id`;'),
        ("/größe/☁", "/größe/☁"),
        ("/.hidden", "/.hidden"),
        ("/...", "/..."),
        ("/-rf", "/-rf"),
        ("/etc∕passwd", "/etc∕passwd"),  # a division slash is a letter like any other
    ],
)
def test_a_path_has_one_form(given: str, means: str) -> None:
    assert parse_path(given) == means


@pytest.mark.parametrize(
    "path",
    [
        *("", ".", "/", "//", "/etc/", "etc/", "/etc/.", "./"),
        *("..", "../x", "/../x", "/etc/../shadow", "/proc/self/root/../x", "/x/.."),
        *("/a\nb", "/a\tb", "/a\x00b", "/a\x7fb", "/a\x1bb", "/a\x85b", "/a\u2028b", "/a\u202eb"),
    ],
)
def test_a_path_that_can_name_no_file_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"must "):
        parse_path(path)


@pytest.mark.parametrize("path", ["/" + "a" * 254, "/" + "é" * 127, "/abc" + "☁" * 83 + "ab"])
def test_a_path_may_have_255_bytes(path: str) -> None:
    assert len(path.encode()) == 255

    check_files([file(path)], LIMITS)


@pytest.mark.parametrize("path", ["/" + "a" * 255, "/a" + "é" * 127, "/abc" + "☁" * 84])
def test_a_longer_path_is_over_the_limit(path: str) -> None:
    with pytest.raises(
        OverQuota, match=r"0.path: .* from the root it has 256 bytes, 255 are allowed"
    ):
        check_files([file(path)], LIMITS)


def test_five_files_of_10240_bytes_are_allowed() -> None:
    check_files([file(f"/{n}", b"x" * 10240) for n in range(5)], LIMITS)


def test_a_sixth_file_is_over_the_limit() -> None:
    with pytest.raises(OverQuota, match="6 files were given, 5 are allowed"):
        check_files([file(f"/{n}") for n in range(6)], LIMITS)


@pytest.mark.parametrize("content", [b"x" * 10241, "é".encode() * 5120 + b"x"])
def test_a_longer_file_is_over_the_limit_in_decoded_bytes(content: bytes) -> None:
    with pytest.raises(OverQuota, match=r"personality.1.contents: .* 10241 bytes, 10240 are"):
        check_files([file("/a"), file("/b", content)], LIMITS)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a\0b", "the byte NUL"),
        (b"\xff\xfe", "not UTF-8, from byte 0 on"),
        (b"ab\xc3", "not UTF-8, from byte 2 on"),
        (b"\x1f\x8b\x08\x00", "the byte NUL"),
        (b"\x1f\x8b\x08", "not UTF-8"),
        (make_zip(), "not a zip archive"),
        (make_tar(), "not a tar archive"),
        (b"PK\x03\x04 and text", "not a zip archive"),
        (b"!<arch>\ndebian-binary", "not an ar archive"),
        (b"070701" + b"0" * 104 + b"a", "not a cpio archive"),
        (b"070707" + b"0" * 70, "not a cpio archive"),
        (b"BZh91AY&SY", "not compressed with bzip2"),
        (b"PK\x07\x08PK\x03\x04", "not a zip archive"),
    ],
)
def test_only_text_is_taken(content: bytes, problem: str) -> None:
    with pytest.raises(BadRequest, match=f"personality.0.contents: must be text.*{problem}"):
        check_files([file(content=content)], LIMITS)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", "größte ☁ 🦊\r\n".encode(), b"\x1b[0m\x07", b"PK", b"BZhello", b"0707011234"],
)
def test_all_other_text_is(content: bytes) -> None:
    check_files([file(content=content)], LIMITS)


@pytest.mark.parametrize("paths", [("/a", "/a/b"), ("/b/c/d", "/b/c")])
def test_a_file_can_not_be_another_ones_folder(paths: tuple[str, str]) -> None:
    with pytest.raises(BadRequest, match="is the folder of another one"):
        check_files([file(path) for path in paths], LIMITS)


def test_two_files_of_one_path_are_refused() -> None:
    with pytest.raises(BadRequest, match="two files have the same path"):
        check_files([file("/a"), file("/b"), file("/a")], LIMITS)


@pytest.mark.parametrize(
    ("properties", "limits"),
    [
        ({}, FileLimits(5, 10240)),
        ({"cumulet_max_personality": "2"}, FileLimits(2, 10240)),
        ({"cumulet_max_personality_size": "100"}, FileLimits(5, 100)),
        ({"cumulet_max_personality": "0"}, FileLimits(0, 10240)),
        ({"cumulet_max_personality": "9"}, FileLimits(5, 10240)),
        ({"cumulet_max_personality_size": "99999"}, FileLimits(5, 10240)),
        ({"cumulet_max_personality": "many"}, FileLimits(5, 10240)),
    ],
)
def test_an_image_may_lower_the_limits_and_never_raise_them(
    properties: dict[str, str], limits: FileLimits
) -> None:
    assert LIMITS.of_image(properties) == limits


@pytest.mark.parametrize("value", ["", "-1", "many", "1.5", "１", "9" * 10])
def test_a_limit_that_is_no_number_is_a_problem(value: str) -> None:
    assert find_limit_problem({"cumulet_max_personality": value}) == (
        "cumulet_max_personality: must be a whole number of 0 or more."
    )
    assert find_limit_problem({"cumulet_max_personality_size": "7", "other": value}) is None
