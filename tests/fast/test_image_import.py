# SPDX-License-Identifier: Apache-2.0
"""`cumulet image import`: from files of every format and from URLs; what fails leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.model.image import Image
from agent.model.imagequery import EVERY_IMAGE
from agent.store import Store
from tests.fast.livecloud import over_test_driver
from tests.lab.cloud import LiveCloud
from tests.lab.commands import run
from tests.lab.waiting import wait_for
from tests.lab.webserver import WebServer, redirect, reply, web_server

COMMAND = (sys.executable, "-m", "agent", "image", "import")

HEARING = ("env", "--default-signal=INT,HUP")
"""Started in the background, the tests may have been told to ignore these, and so would it."""
MIB = 2**20


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> LiveCloud:
    """A cloud that is set up and not served; each test registers images of its own."""
    folder = tmp_path_factory.mktemp("live")
    cloud = over_test_driver(folder)
    cloud.init()
    return cloud


@pytest.fixture
def server() -> Iterator[WebServer]:
    with web_server() as running:
        yield running


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A raw disk of 2 MiB, with something in it."""
    path = tmp_path / "disk.raw"
    path.write_bytes(b"\0" * MIB + b"something" + b"\0" * (MIB - 9))
    return path


def as_qcow2(disk: Path) -> bytes:
    path = disk.with_suffix(".qcow2")
    run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", disk, path])
    return path.read_bytes()


def import_it(live: LiveCloud, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "new", *arguments, "--config", str(live.config)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "http_proxy": "http://127.0.0.1:1"},
    )


def images(live: LiveCloud) -> dict[str, Image]:
    store = Store.open(live.state / "cumulet.db")
    found = store.images.list(EVERY_IMAGE, viewer=None)
    store.close()
    return {image.id: image for image in found}


def files(live: LiveCloud) -> set[str]:
    return {path.name for name in ("images", "base") for path in (live.state / name).iterdir()}


def content(live: LiveCloud, image_id: str) -> bytes:
    """What is on the disk inside an image."""
    raw = live.state.parent / "content.raw"
    source = live.state / "images" / image_id
    run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", source, raw])
    return raw.read_bytes()


@pytest.mark.parametrize(
    ("disk_format", "qemu_name"), [("vmdk", "vmdk"), ("vdi", "vdi"), ("vhd", "vpc"), ("raw", "raw")]
)
@pytest.mark.parametrize("by_url", [False, True])
def test_disks_of_other_formats_become_qcow2(
    live: LiveCloud, server: WebServer, disk: Path, disk_format: str, qemu_name: str, by_url: bool
) -> None:
    there = disk.with_suffix(f".{disk_format}")
    if disk_format != "raw":
        run(["qemu-img", "convert", "-f", "raw", "-O", qemu_name, disk, there])
    server.answers["/disk"] = reply(200, there.read_bytes())
    source = [server.url("/disk"), "--allow-private"] if by_url else [str(there)]
    done = import_it(live, *source, "--property", "os_type=linux")

    assert done.returncode == 0, done.stderr
    image = images(live)[done.stdout.split()[0]]
    assert (image.name, image.status, image.disk_format) == ("new", "active", "qcow2")
    assert (image.visibility, image.properties) == ("public", {"os_type": "linux"})
    assert content(live, image.id)[: 2 * MIB] == disk.read_bytes()
    assert [name for name in files(live) if name.startswith(".")] == []
    stages = ["downloading" if by_url else "reading", f"converting {disk_format}", "storing"]
    assert all(f"new: {stage}" in done.stderr for stage in stages)


def test_a_qcow2_is_registered_as_it_is(live: LiveCloud, server: WebServer, disk: Path) -> None:
    data = as_qcow2(disk)
    server.answers |= {"/": redirect("/disk"), "/disk": reply(200, data)}
    by_url = import_it(live, server.url("/"), "--allow-private")
    by_file = import_it(live, str(disk.with_suffix(".qcow2")))

    for done in (by_url, by_file):
        assert done.returncode == 0, done.stderr
        assert (live.state / "images" / done.stdout.split()[0]).read_bytes() == data
    assert "converting" not in by_url.stderr + by_file.stderr


def test_a_refusal_is_told_once_and_in_one_voice(live: LiveCloud, disk: Path) -> None:
    as_qcow2(disk)
    evil = disk.with_name("evil.qcow2")
    base = disk.with_suffix(".qcow2")
    run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, evil])
    done = import_it(live, str(evil))

    assert done.returncode == 1
    assert "it has a backing file" in " ".join(done.stderr.split())
    assert "Safety check" not in done.stderr


def test_import_allow_serves_the_command_too(
    live: LiveCloud, server: WebServer, disk: Path, tmp_path: Path
) -> None:
    server.answers["/disk"] = reply(200, as_qcow2(disk))
    config = tmp_path / "cumulet.yaml"
    config.write_text(live.config.read_text() + f"import_allow: ['{server.place}']\n")
    done = run(
        [*COMMAND, "allowed", server.url("/disk"), "--config", config], timeout_s=60, check=False
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{place}/disk", "127.0.0.1 is not fetched from"),
        ("{place}/away --allow-private", "169.254.169.254 is not fetched from"),
        ("{place}/other --allow-private", "127.0.0.1 is not fetched from"),
        ("{place}/gone --allow-private", "answered 404"),
        ("{place}/text --allow-private --disk-format qcow2", "declared as qcow2, but its contents"),
        ("{place}/half --allow-private", "broke off after 100 of 1000 bytes"),
        ("file:///etc/passwd", "must begin with http:// or https://"),
        ("http://ann:secret@a.example/", "no user name and no password"),
        ("gone.qcow2", "does not exist"),
        ("{place}/ --property status=active", "'status' is read-only"),
        ("{place}/ --property os_glance_x=1", "'os_glance_x' is reserved"),
        ("{place}/ --property owner=me", "'owner' is no property"),
        ("{place}/ --property disk", "must be K=V"),
        ("{folder}", "is a directory"),
        ("/dev/zero", "/dev/zero is no regular file"),
        ("/dev/zero --disk-format raw", "/dev/zero is no regular file"),
        ("{folder}/pipe", "pipe is no regular file"),
        ("{folder}/huge", "an image may have 107374182400 here"),
    ],
)
def test_what_is_refused_leaves_nothing(
    live: LiveCloud, server: WebServer, tmp_path: Path, source: str, words: str
) -> None:
    with web_server() as other:
        server.answers |= {
            "/away": redirect("http://169.254.169.254/"),
            "/other": redirect(other.url("/")),
            "/text": reply(200, b"no image" * 100),
            "/half": reply(200, b"x" * 100, Content_Length="1000"),
        }
        os.mkfifo(tmp_path / "pipe")
        with (tmp_path / "huge").open("wb") as huge:
            huge.truncate(101 * 1024**3)
        before = (images(live).keys(), files(live))
        words_given = source.format(place=server.url(""), folder=tmp_path).split()
        done = import_it(live, *words_given)

    assert done.returncode != 0
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert (images(live).keys(), files(live)) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_import_that_is_interrupted_leaves_nothing(
    live: LiveCloud, server: WebServer, number: signal.Signals
) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    server.answers["/"] = server.trickle(b"", 1000, head + b"x" * 500_000)
    before = (images(live).keys(), files(live))
    process = subprocess.Popen(
        [*HEARING, *COMMAND, "new", server.url("/"), "--allow-private", "--config", live.config],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        wait_for(lambda: files(live) != before[1], timeout_s=30, what="the download")
        process.send_signal(number)
        _, stderr = process.communicate(timeout=30)

    assert process.returncode not in {0, -number}
    assert b"Traceback" not in stderr
    assert (images(live).keys(), files(live)) == before


def test_a_conversion_that_is_interrupted_leaves_nothing(live: LiveCloud, tmp_path: Path) -> None:
    disk = tmp_path / "disk.raw"
    with disk.open("wb") as file:
        for _ in range(128):
            file.write(os.urandom(MIB))
    before = (images(live).keys(), files(live))
    process = subprocess.Popen(
        [*HEARING, *COMMAND, "new", disk, "--config", live.config],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        wait_for(
            lambda: any("convert" in name for name in files(live)),
            timeout_s=30,
            poll_s=0.005,
            what="the conversion",
        )
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)

    assert process.returncode == 1
    assert (images(live).keys(), files(live)) == before


def test_an_image_that_is_too_large_for_the_disk_is_refused_before_it_is_fetched(
    live: LiveCloud, server: WebServer, tmp_path: Path
) -> None:
    config = tmp_path / "cumulet.yaml"
    config.write_text(live.config.read_text() + "capacity: {reserved_disk_gb: 1000000}\n")
    server.answers["/"] = reply(200, b"x" * 1000)
    before = files(live)
    done = run(
        [*COMMAND, "new", server.url("/"), "--allow-private", "--config", config],
        timeout_s=60,
        check=False,
    )

    assert done.returncode == 1
    assert "GiB free" in done.stderr
    assert files(live) == before


def test_the_help_says_what_is_taken() -> None:
    done = run([*COMMAND, "--help"], timeout_s=60)

    assert "FILE-OR-URL" in done.stdout
    assert "--allow-private" in done.stdout
