# SPDX-License-Identifier: Apache-2.0
"""/images/ID/file: parts of an image's data, promised sizes, uploads that lose their image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from agent.errors import AgentError, Forbidden, NotFound
from agent.imaging import LOOK_EVERY_BYTES, CreateImage
from agent.model.imageedit import Edit
from agent.model.layout import Layout
from tests.fast.api.conftest import ApiClient
from tests.fast.api.test_images import IMAGES, OCTETS, register, upload
from tests.fast.smallcloud import SmallCloud

DATA = bytes(number % 251 for number in range(1024))


@pytest.fixture
def file(client: ApiClient) -> str:
    """The path of the data of an image with 1024 bytes, of which no two near ones are equal."""
    image_id = register(client)
    assert upload(client, image_id, DATA) == 204
    return f"{IMAGES}/{image_id}/file"


@pytest.mark.parametrize(
    ("asked", "content_range", "data"),
    [
        ("bytes=0-99", "bytes 0-99/1024", DATA[:100]),
        ("bytes=1000-", "bytes 1000-1023/1024", DATA[1000:]),
        ("bytes=1000-9999", "bytes 1000-1023/1024", DATA[1000:]),
        ("bytes=-24", "bytes 1000-1023/1024", DATA[1000:]),
        ("bytes=-9999", "bytes 0-1023/1024", DATA),
        ("Bytes = 5 - 5", "bytes 5-5/1024", DATA[5:6]),
    ],
)
def test_a_range_of_the_data_is_206(
    client: ApiClient, file: str, asked: str, content_range: str, data: bytes
) -> None:
    answer = client.get(file, headers={"Range": asked})

    assert (answer.status_code, answer.data) == (206, data)
    assert answer.headers["Content-Range"] == content_range
    assert answer.headers["Content-Length"] == str(len(data))
    assert "Content-MD5" not in answer.headers


@pytest.mark.parametrize(
    "asked",
    ["bytes=1024-", "bytes=5-4", "bytes=-0", "bytes=-", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b"],
)
def test_a_range_that_is_not_there_is_416(client: ApiClient, file: str, asked: str) -> None:
    answer = client.get(file, headers={"Range": asked})

    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == "bytes */1024"
    assert answer.get_json()["code"] == 416


def test_refused_ranges_keep_no_thread(client: ApiClient, file: str) -> None:
    for _ in range(20):
        assert client.get(file, headers={"Range": "bytes=9999-"}).status_code == 416

    assert client.get(file).status_code == 200


def test_head_says_what_get_would_give(client: ApiClient, file: str) -> None:
    for _ in range(20):
        answer = client.request("HEAD", file)

    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Content-Length"] == "1024"
    assert len(answer.headers["Content-MD5"]) == 32


def test_a_promised_size_must_be_kept(client: ApiClient) -> None:
    image_id = register(client)
    path = f"{IMAGES}/{image_id}/file"

    def send(size: str) -> int:
        headers = {"x-openstack-image-size": size}
        return client.request(
            "PUT", path, data=DATA, content_type=OCTETS, headers=headers
        ).status_code

    assert send("1023") == 400
    assert send("1025") == 400
    assert send("many") == 400
    assert client.get(f"{IMAGES}/{image_id}").get_json()["status"] == "queued"
    assert send("1024") == 204


def left_behind(state: Path) -> list[str]:
    """All files of images and bases but those of the image that was there before."""
    layout = Layout(state)
    folders = (layout.images, layout.bases)
    return sorted(path.name for folder in folders for path in folder.rglob("*"))


def test_an_upload_ends_soon_after_its_image_is_deleted(cloud: SmallCloud) -> None:
    imaging, caller = cloud.parts.cloud.imaging, cloud.asking.caller
    image = imaging.create(caller, CreateImage("gone", None, "raw", "bare"))
    before, sent = left_behind(cloud.config.state_dir), 0

    def stream() -> Iterator[bytes]:
        nonlocal sent
        while sent < 3 * LOOK_EVERY_BYTES:
            sent += 2**20
            yield bytes(2**20)
            if sent == 2**20:
                imaging.delete(caller, image.id)

    with pytest.raises(NotFound, match="was deleted while its data came"):
        imaging.upload(caller, image.id, stream())

    assert sent <= LOOK_EVERY_BYTES + 2**20
    assert left_behind(cloud.config.state_dir) == before


def upload_and_delete(cloud: SmallCloud, step: int) -> str:
    """Delete an image at the given step of its upload, from aside; give how the upload ended."""
    imaging, caller = cloud.parts.cloud.imaging, cloud.asking.caller
    image = imaging.create(caller, CreateImage("gone", None, "raw", "bare"))
    reached, ends = Event(), list[str]()

    def stream() -> Iterator[bytes]:
        for number in range(10):
            if number == step:
                reached.set()
            yield bytes(4096)
        reached.set()

    def send() -> None:
        try:
            imaging.upload(caller, image.id, stream())
            ends.append("done")
        except AgentError as error:
            ends.append(type(error).__name__)

    thread = Thread(target=send)
    thread.start()
    assert reached.wait(30)
    imaging.delete(caller, image.id)
    thread.join(30)
    with pytest.raises(NotFound):
        imaging.get(caller, image.id)
    (end,) = ends
    return end


def test_an_upload_whose_image_is_deleted_leaves_nothing(cloud: SmallCloud) -> None:
    """Whenever the deletion comes: before the first byte, between any two, or at the end."""
    before = left_behind(cloud.config.state_dir)
    ends = set()

    for turn in range(100):
        ends.add(upload_and_delete(cloud, step=turn % 11))
        assert left_behind(cloud.config.state_dir) == before

    assert "NotFound" in ends
    assert ends <= {"NotFound", "done"}


def test_the_format_stays_what_it_was_when_the_upload_began(cloud: SmallCloud) -> None:
    imaging, edits = cloud.parts.cloud.imaging, cloud.parts.cloud.image_edits
    caller = cloud.asking.caller
    image = imaging.create(caller, CreateImage("fixed", None, "raw", "bare"))

    def stream() -> Iterator[bytes]:
        with pytest.raises(Forbidden, match="disk_format"):
            edits.patch(caller, image.id, [Edit("replace", "disk_format", "qcow2")])
        edits.patch(caller, image.id, [Edit("replace", "name", "renamed")])
        yield DATA

    imaging.upload(caller, image.id, stream())

    done = imaging.get(caller, image.id)
    assert (done.name, done.disk_format, done.size) == ("renamed", "raw", 1024)


def test_an_id_is_not_taken_again_while_its_old_upload_goes_on(cloud: SmallCloud) -> None:
    imaging, caller = cloud.parts.cloud.imaging, cloud.asking.caller
    image = imaging.create(caller, CreateImage("first", None, "raw", "bare"))

    def stream() -> Iterator[bytes]:
        yield DATA
        imaging.delete(caller, image.id)
        with pytest.raises(AgentError, match="its upload has not ended yet"):
            imaging.create(caller, CreateImage("second", image.id, "raw", "bare"))

    with pytest.raises(NotFound):
        imaging.upload(caller, image.id, stream())

    assert imaging.create(caller, CreateImage("third", image.id, "raw", "bare")).name == "third"
