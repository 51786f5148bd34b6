# SPDX-License-Identifier: Apache-2.0
"""openstacksdk, unmodified, with the newest versions of the Compute API that it knows."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.model.layout import Layout
from tests.clients.newest import serving_newest
from tests.clients.sdk import SDK_TO_ITSELF, connected
from tests.lab.cloud import LiveCloud
from tests.lab.commands import run

OLD_WAYS = pytest.mark.filterwarnings("ignore::openstack.warnings.LegacyAPIWarning")
"""The SDK reads its own servers as it tells others not to; an error there it would wait for."""

pytestmark = [pytest.mark.clients, SDK_TO_ITSELF, OLD_WAYS]

LAST_WITH_FILES = "2.56"
TEXT = b"of the SDK\n"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, disk: Path) -> Iterator[LiveCloud]:
    with serving_newest(tmp_path_factory.mktemp("live") / "state") as cloud:
        cloud.openstack("image", "create", "--file", str(disk), "--disk-format", "qcow2", "bare")
        yield cloud


@pytest.fixture
def sdk(live: LiveCloud) -> Iterator[Any]:
    with connected(live, "cumulet") as connection:
        yield connection


def test_a_server_is_made_at_the_newest_version_on_the_network_that_is_found(sdk: Any) -> None:
    server = sdk.create_server("one", image="bare", flavor="m1.tiny", wait=True, meta={"a": "b"})

    assert (server.status, list(server.addresses)) == ("ACTIVE", ["lab"])
    assert server.flavor.original_name == "m1.tiny"

    compute = sdk.compute
    compute.add_tag_to_server(server, "green")
    compute.add_tag_to_server(server, "fast")
    compute.remove_tag_from_server(server, "green")
    assert compute.get_server(server.id).tags == ["fast"]
    assert [found.id for found in compute.servers(tags="fast")] == [server.id]

    compute.set_server_metadata(server, role="web")
    compute.delete_server_metadata(compute.get_server(server.id), ["a"])
    assert compute.get_server_metadata(server).metadata == {"role": "web"}

    (interface,) = compute.server_interfaces(server)
    assert interface.net_id == sdk.network.find_network("lab").id
    compute.update_server(server.id, description="of a test", hostname="uno")
    shown = compute.get_server(server.id)
    assert (shown.description, shown.hostname) == ("of a test", "uno")

    assert sdk.delete_server("one", wait=True)
    assert list(compute.servers()) == []


def test_files_are_given_at_the_last_version_that_has_them(
    live: LiveCloud, sdk: Any, tmp_path: Path
) -> None:
    compute = sdk.compute
    compute.default_microversion = LAST_WITH_FILES
    server = compute.create_server(
        name="filed",
        image_id=sdk.image.find_image("bare").id,
        flavor_id=compute.find_flavor("m1.tiny").id,
        networks="auto",
        personality=[{"path": "/etc/motd", "contents": base64.b64encode(TEXT).decode()}],
    )
    compute.wait_for_server(server)

    drive = Layout(live.state).config_drive(server.id)
    run(["xorriso", "-osirrox", "on", "-indev", drive, "-extract", "/openstack/content", tmp_path])
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [TEXT]
    compute.delete_server(server)
    compute.wait_for_delete(server)
