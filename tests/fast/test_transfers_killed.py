# SPDX-License-Identifier: Apache-2.0
"""Images whose transfer is cut, by `kill -9` of a served cloud or by the client: nothing stays."""

from __future__ import annotations

import hashlib
import http.client
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fast.livecloud import over_test_driver
from tests.lab.cloud import Api, LiveCloud
from tests.lab.waiting import wait_for
from tests.lab.webserver import reply, web_server

MIB = 2**20
SIZE = 64 * MIB
PART = 32 * MIB
TRANSFERRED = PART - 4 * MIB  # what of it must be on the disk: the rest may be in buffers


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCloud]:
    """A cloud over libvirt's test driver, served; each test has an image of its own."""
    folder = tmp_path_factory.mktemp("live")
    cloud = over_test_driver(folder)
    cloud.init()
    cloud.start()
    yield cloud
    cloud.close()


def register(api: Api) -> str:
    fields = {"name": "disk", "disk_format": "raw", "container_format": "bare"}
    status, _, image = api.request("POST", "/image/v2/images", fields)
    assert status == 201, image
    return str(image["id"])


def look(api: Api, image_id: str) -> dict[str, Any]:
    status, _, image = api.request("GET", f"/image/v2/images/{image_id}")
    assert status == 200, image
    return dict(image)


def wait_for_status(api: Api, image_id: str, status: str) -> None:
    wait_for(
        lambda: look(api, image_id)["status"] == status,
        timeout_s=20,
        poll_s=0.05,
        what=f"the image to be {status}",
    )


def files(live: LiveCloud, image_id: str) -> list[Path]:
    folders = (live.state / "images", live.state / "base")
    return [path for folder in folders for path in folder.iterdir() if image_id in path.name]


def taken_bytes(live: LiveCloud, image_id: str) -> int:
    """The disk space of an image and its base, also of begun ones."""
    return sum(path.stat().st_blocks * 512 for path in files(live, image_id))


def begin_upload(
    live: LiveCloud, api: Api, image_id: str, *, chunked: bool = False
) -> http.client.HTTPConnection:
    """Send half of an image and leave the connection open; returns once that is on the disk."""
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=30)
    connection.putrequest("PUT", f"/image/v2/images/{image_id}/file")
    connection.putheader("X-Auth-Token", api.token)
    connection.putheader("Content-Type", "application/octet-stream")
    if chunked:
        connection.putheader("Transfer-Encoding", "chunked")
    else:
        connection.putheader("Content-Length", str(SIZE))
    connection.endheaders()
    for _ in range(PART // MIB):
        piece = os.urandom(MIB)
        connection.send(b"%x\r\n%b\r\n" % (MIB, piece) if chunked else piece)
    wait_for_bytes(live, image_id)
    assert look(api, image_id)["status"] == "saving"
    return connection


def wait_for_bytes(live: LiveCloud, image_id: str) -> None:
    wait_for(
        lambda: sum(path.stat().st_size for path in files(live, image_id)) >= TRANSFERRED,
        timeout_s=30,
        poll_s=0.05,
        what="half of the image",
    )


def upload(live: LiveCloud, api: Api, image_id: str, data: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=60)
    headers = {"X-Auth-Token": api.token, "Content-Type": "application/octet-stream"}
    connection.request("PUT", f"/image/v2/images/{image_id}/file", data, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_an_upload_that_a_kill_has_cut_leaves_nothing(live: LiveCloud) -> None:
    api = Api(live).log_in()
    image_id = register(api)
    connection = begin_upload(live, api, image_id)
    assert taken_bytes(live, image_id) > PART // 2

    live.kill()
    connection.close()
    assert taken_bytes(live, image_id) > PART // 2
    live.start()

    wait_for_status(api, image_id, "queued")
    assert (files(live, image_id), taken_bytes(live, image_id)) == ([], 0)
    assert (look(api, image_id)["size"], look(api, image_id)["checksum"]) == (None, None)
    assert upload(live, api, image_id, b"\0" * MIB) == 204
    assert look(api, image_id)["status"] == "active"


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_that_its_client_leaves_leaves_nothing(live: LiveCloud, chunked: bool) -> None:
    """Half an image, even a raw one, is never taken for a whole one."""
    api = Api(live).log_in()
    image_id = register(api)
    begin_upload(live, api, image_id, chunked=chunked).close()

    wait_for_status(api, image_id, "queued")
    assert (files(live, image_id), taken_bytes(live, image_id)) == ([], 0)


def test_an_import_that_a_kill_has_cut_is_begun_anew(live: LiveCloud) -> None:
    data = os.urandom(PART)
    with web_server() as server:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n".encode()
        server.answers["/disk"] = server.trickle(b"", 1000, head + data)
        live.stop()
        with live.config.open("a") as config:
            config.write(f"import_allow: ['{server.place}']\n")
        live.start()
        api = Api(live).log_in()
        image_id = register(api)
        wish = {"method": {"name": "web-download", "uri": server.url("/disk")}}
        status, _, _ = api.request("POST", f"/image/v2/images/{image_id}/import", wish)
        assert status == 202
        wait_for_bytes(live, image_id)
        assert look(api, image_id)["status"] == "importing"

        live.kill()
        server.answers["/disk"] = reply(200, data)
        live.start()

        wait_for_status(api, image_id, "active")
        assert len(server.asked) == 2
    assert look(api, image_id)["os_hash_value"] == hashlib.sha512(data).hexdigest()
    assert sorted(path.name for path in files(live, image_id)) == [image_id, f"{image_id}.qcow2"]
    _, _, body = api.request("GET", f"/image/v2/images/{image_id}/tasks")
    assert [task["status"] for task in body["tasks"]] == ["success"]
