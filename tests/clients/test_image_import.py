# SPDX-License-Identifier: Apache-2.0
"""Images fetched by the cloud, asked for by the unmodified `openstack` client and openstacksdk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.sdk import SDK_TO_ITSELF, connected
from tests.fast.livecloud import over_test_driver
from tests.lab.cloud import Api, LiveCloud
from tests.lab.waiting import wait_for
from tests.lab.webserver import WebServer, reply, web_server

pytestmark = pytest.mark.clients

FORMATS = {"disk_format": "qcow2", "container_format": "bare"}


@pytest.fixture(scope="module")
def server(disk: Path) -> Iterator[WebServer]:
    with web_server() as running:
        running.answers["/disk"] = reply(200, disk.read_bytes())
        yield running


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory: pytest.TempPathFactory, server: WebServer) -> Iterator[LiveCloud]:
    """A cloud that may fetch from the test's server."""
    folder = tmp_path_factory.mktemp("mirrored")
    cloud = over_test_driver(folder)
    cloud.init()
    with cloud.config.open("a") as config:
        config.write(f"import_allow: ['{server.place}']\n")
    try:
        cloud.start()
        yield cloud
    finally:
        cloud.close()


def test_the_command_imports_an_image(mirrored: LiveCloud, server: WebServer, disk: Path) -> None:
    # The command would take this test's empty input for the image's bytes.
    _, _, made = (
        Api(mirrored).log_in().request("POST", "/image/v2/images", {"name": "mine", **FORMATS})
    )
    method = ("--method", "web-download", "--uri", server.url("/disk"))
    mirrored.openstack("image", "import", *method, "mine")

    def look() -> dict[str, object] | None:
        shown = json.loads(mirrored.openstack("image", "show", made["id"], "-f", "json"))
        return dict(shown) if shown["status"] == "active" else None

    shown = wait_for(look, timeout_s=60, poll_s=0.5, what="the image")
    assert shown["size"] == disk.stat().st_size
    saved = mirrored.state.parent / "saved"
    mirrored.openstack("image", "save", "--file", str(saved), "mine")
    assert saved.read_bytes() == disk.read_bytes()


@pytest.fixture
def sdk(mirrored: LiveCloud) -> Iterator[Any]:
    """Openstacksdk, as the user that init made."""
    with connected(mirrored, "cumulet") as connection:
        yield connection


@SDK_TO_ITSELF
def test_the_sdk_imports_an_image_and_reads_why_another_failed(sdk: Any, server: WebServer) -> None:
    image = sdk.image
    good, bad = (image.create_image(name=name, **FORMATS) for name in ("good", "bad"))
    image.import_image(good, method="web-download", uri=server.url("/disk"))
    image.import_image(bad, method="web-download", uri=server.url("/gone"))

    def failures() -> list[str]:
        found = image.get(f"/images/{bad.id}/tasks").json()["tasks"]
        return [task["message"] for task in found if task["status"] == "failure"]

    (message,) = wait_for(failures, timeout_s=60, poll_s=0.2, what="the failure")
    assert message == "127.0.0.1 answered 404, not 200 with an image."
    assert image.get_image(bad.id).status == "queued"
    wait_for(
        lambda: image.get_image(good.id).status == "active",
        timeout_s=60,
        poll_s=0.2,
        what="the image",
    )
