# SPDX-License-Identifier: Apache-2.0
"""Imports that are cut: by a deletion, a stop, a crash. None is ever stuck, and nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NoReturn

import pytest

from agent import disks
from agent.asking import Asking
from agent.downloads import MOST_ATTEMPTS, SURPRISE, Downloads
from agent.errors import NotFound
from agent.imagewiring import build_files
from agent.imaging import CreateImage
from agent.model.image import ImageStatus
from agent.model.imagetask import ImageTask
from agent.model.layout import Layout
from agent.model.webaddress import Allowed
from agent.storage import LocalImages
from tests.fast.smallcloud import SmallCloud
from tests.lab.waiting import wait_for
from tests.lab.webserver import WebServer, reply, web_server

BYTES = b"\0" * 4096
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\nx"


@pytest.fixture
def server() -> Iterator[WebServer]:
    with web_server() as running:
        running.answers["/disk.raw"] = reply(200, BYTES)
        running.answers["/silent"] = running.trickle(b"", 1000, HEAD)
        yield running


@pytest.fixture
def cloud(cloud: SmallCloud, server: WebServer) -> Iterator[SmallCloud]:
    """A cloud that may fetch from the test's server."""
    cloud.config = replace(cloud.config, import_allow=(server.place,))
    cloud.reboot()
    yield cloud
    cloud.parts.downloads.stop()


def ask(cloud: SmallCloud, uri: str, project: str = "lab") -> str:
    """Register an image and ask for its import."""
    caller = cloud.parts.cloud.identity.assume(project)
    image = cloud.parts.cloud.imaging.create(caller, CreateImage("new", None, "raw", "bare"))
    request = {"method": {"name": "web-download", "uri": uri}}
    cloud.parts.cloud.importing.begin(Asking(caller, "req-1"), image.id, uri, request)
    return image.id


def status(cloud: SmallCloud, image_id: str) -> str:
    try:
        return cloud.parts.store.images.get(image_id, viewer=None).status
    except NotFound:
        return "gone"


def task(cloud: SmallCloud, image_id: str) -> ImageTask:
    (only,) = cloud.parts.store.image_tasks.list_of_image(image_id)
    return only


def wait_for_task(cloud: SmallCloud, image_id: str, status: str) -> ImageTask:
    wait_for(
        lambda: task(cloud, image_id).status == status,
        timeout_s=10,
        poll_s=0.02,
        what=f"the task to be {status}",
    )
    return task(cloud, image_id)


def wait_until_it_comes(cloud: SmallCloud, server: WebServer, count: int = 1) -> None:
    """Wait until the server was asked, and what it sent is in a temporary file."""
    folder = Layout(cloud.config.state_dir).images
    wait_for(
        lambda: len(server.asked) >= count and list(folder.glob(".*.part")),
        timeout_s=10,
        poll_s=0.02,
        what="the download",
    )


def leftovers(cloud: SmallCloud, image_id: str) -> list[str]:
    layout = Layout(cloud.config.state_dir)
    found = [path.name for folder in (layout.images, layout.bases) for path in folder.iterdir()]
    return [name for name in found if image_id in name]


def test_threads_import_what_is_asked_for_and_end(cloud: SmallCloud, server: WebServer) -> None:
    cloud.parts.downloads.start()
    ids = [ask(cloud, server.url("/disk.raw")) for _ in range(4)]

    for image_id in ids:
        wait_for_task(cloud, image_id, "success")
    assert {status(cloud, image_id) for image_id in ids} == {"active"}


def test_nothing_is_fetched_before_this_process_drives_the_state_folder(
    cloud: SmallCloud, server: WebServer
) -> None:
    image_id = ask(cloud, server.url("/disk.raw"))

    assert (status(cloud, image_id), server.asked) == ("importing", [])
    cloud.parts.downloads.start()
    wait_for_task(cloud, image_id, "success")


def test_a_deletion_ends_the_download_though_the_server_is_silent(
    cloud: SmallCloud, server: WebServer
) -> None:
    cloud.parts.downloads.start()
    image_id = ask(cloud, server.url("/silent"))
    wait_until_it_comes(cloud, server)

    cloud.parts.cloud.imaging.delete(cloud.asking.caller, image_id)

    assert "deleted" in wait_for_task(cloud, image_id, "failure").message
    assert (status(cloud, image_id), leftovers(cloud, image_id)) == ("gone", [])


def test_an_image_that_is_deleted_at_the_last_moment_leaves_nothing(
    cloud: SmallCloud, server: WebServer
) -> None:
    image_id = ask(cloud, server.url("/last"))

    def answer(connection: object) -> None:
        cloud.parts.cloud.imaging.delete(cloud.asking.caller, image_id)
        reply(200, BYTES)(connection)  # type: ignore[arg-type]

    server.answers["/last"] = answer
    cloud.parts.downloads.work()

    assert task(cloud, image_id).status == "failure"
    assert leftovers(cloud, image_id) == []


def test_an_image_that_is_deleted_while_it_waits_is_not_fetched(
    cloud: SmallCloud, server: WebServer
) -> None:
    image_id = ask(cloud, server.url("/disk.raw"))
    cloud.parts.cloud.imaging.delete(cloud.asking.caller, image_id)
    cloud.parts.downloads.work()

    assert "deleted" in task(cloud, image_id).message
    assert server.asked == []


def test_a_stop_puts_the_import_off_until_the_next_start(
    cloud: SmallCloud, server: WebServer
) -> None:
    cloud.parts.downloads.start()
    image_id = ask(cloud, server.url("/silent"))
    wait_until_it_comes(cloud, server)

    cloud.parts.downloads.stop()

    put_off = task(cloud, image_id)
    assert (put_off.status, put_off.attempts) == ("pending", 0)
    assert (status(cloud, image_id), leftovers(cloud, image_id)) == ("importing", [])
    server.answers["/silent"] = reply(200, BYTES)
    cloud.reboot()
    cloud.parts.downloads.start()
    wait_for_task(cloud, image_id, "success")


def test_an_import_that_a_crash_has_cut_is_begun_anew_some_times(
    cloud: SmallCloud, server: WebServer
) -> None:
    image_id = ask(cloud, server.url("/disk.raw"))
    for _ in range(MOST_ATTEMPTS - 1):
        die_importing(cloud, image_id)

    cloud.parts.downloads.start()

    assert wait_for_task(cloud, image_id, "success").attempts == MOST_ATTEMPTS


def test_an_import_that_kills_the_service_each_time_fails(
    cloud: SmallCloud, server: WebServer
) -> None:
    image_id = ask(cloud, server.url("/disk.raw"))
    for _ in range(MOST_ATTEMPTS):
        die_importing(cloud, image_id)

    cloud.parts.downloads.start()

    assert "ended 3 times" in wait_for_task(cloud, image_id, "failure").message
    assert (status(cloud, image_id), server.asked) == ("queued", [])
    assert leftovers(cloud, image_id) == []


def die_importing(cloud: SmallCloud, image_id: str) -> None:
    """Claim the task and die with half of the image on the disk; then start again."""
    assert cloud.parts.store.image_tasks.claim(cloud.clock.now(), ()) is not None
    part = Layout(cloud.config.state_dir).images / f".{image_id}.999999999.0123.part"
    part.write_bytes(b"half")
    cloud.reboot()
    disks.sweep_temp_files(cloud.config.state_dir)
    cloud.parts.cloud.imaging.recover()


def test_an_image_whose_task_is_lost_waits_for_bytes_again(cloud: SmallCloud) -> None:
    caller = cloud.asking.caller
    image = cloud.parts.cloud.imaging.create(caller, CreateImage("new", None, "raw", "bare"))
    cloud.parts.store.images.update(
        image.id, expected_status=None, status=ImageStatus.IMPORTING, updated_at=cloud.clock.now()
    )

    cloud.parts.downloads.start()

    assert status(cloud, image.id) == "queued"


class ClumsyImages(LocalImages):
    """The images' bytes, with a mistake where they are received."""

    def receive(self, *arguments: object, **options: object) -> NoReturn:
        raise TypeError("a mistake of our own")


def test_a_mistake_of_our_own_fails_the_import_and_the_next_one_goes_on(
    cloud: SmallCloud, server: WebServer
) -> None:
    image_id = ask(cloud, server.url("/disk.raw"))
    store, files = cloud.parts.store, build_files(cloud.config, cloud.parts.store)
    clumsy = ClumsyImages(files.files, files.layout, files.bases, files.max_bytes)
    allowed = Allowed.parse([server.place])
    with pytest.raises(TypeError):
        Downloads(store, clumsy, allowed, files.max_bytes, cloud.clock.now).work()

    assert task(cloud, image_id).message == SURPRISE
    assert status(cloud, image_id) == "queued"
    other = ask(cloud, server.url("/disk.raw"))
    cloud.parts.downloads.work()
    assert status(cloud, other) == "active"


def test_a_project_with_many_imports_does_not_keep_others_waiting(cloud: SmallCloud) -> None:
    tasks = cloud.parts.store.image_tasks
    for project in ("lab", "lab", "lab", "admin"):
        ask(cloud, "https://a.example/", project)
        cloud.clock.advance(1)
    now = cloud.clock.now()
    first = tasks.claim(now, ())
    assert first is not None
    second = tasks.claim(now, (first,))
    assert second is not None
    third = tasks.claim(now, (first, second))
    assert third is not None

    lab, admin = (cloud.parts.cloud.identity.assume(name).project.id for name in ("lab", "admin"))
    assert [first.owner, second.owner, third.owner] == [lab, admin, lab]


def test_an_image_that_was_made_anew_with_its_old_id_is_not_given_the_old_bytes(
    cloud: SmallCloud, server: WebServer
) -> None:
    tasks = cloud.parts.store.image_tasks
    image_id = ask(cloud, server.url("/old"))
    old = tasks.claim(cloud.clock.now(), ())
    assert old is not None
    caller = cloud.asking.caller
    cloud.parts.cloud.imaging.delete(caller, image_id)
    request = CreateImage("new", image_id, "raw", "bare")
    cloud.parts.cloud.imaging.create(caller, request)
    uri = server.url("/disk.raw")
    wish = {"method": {"name": "web-download", "uri": uri}}
    cloud.parts.cloud.importing.begin(Asking(caller, "req-2"), image_id, uri, wish)

    assert not tasks.is_wanted(old)
    assert tasks.claim(cloud.clock.now(), (old,)) is None
    assert not tasks.succeed(old, {}, cloud.clock.now())
    cloud.parts.downloads.work()
    assert status(cloud, image_id) == "active"
