# SPDX-License-Identifier: Apache-2.0
"""Where an offloaded server is unshelved to: its zone, pinned or not, and the host that is named.

The table is the one of the API reference. There are two hosts: `here` does the work, in the zone
nova; `far`, in the zone east, is known, but is another process's and offers nothing.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.fast.api.conftest import At
from tests.fast.smallcloud import SmallCloud

HERE, FAR = "here", "far"


@pytest.fixture
def far(cloud: SmallCloud, at: At) -> str:
    """A host that offers nothing, in a zone of its own."""
    cloud.parts.store.hosts.ensure(FAR, cloud.clock.now())
    admin = at("2.96", "admin")
    zone = {"aggregate": {"name": "east", "availability_zone": "east"}}
    its_id = admin.ask("POST", "/os-aggregates", zone).get_json()["aggregate"]["id"]
    assert (
        admin.ask(
            "POST", f"/os-aggregates/{its_id}/action", {"add_host": {"host": FAR}}
        ).status_code
        == 200
    )
    return FAR


def offloaded(cloud: SmallCloud, at: At, pinned: str | None) -> str:
    zone = {"availability_zone": pinned} if pinned else {}
    asked = {"name": "one", "imageRef": cloud.image_id(), "flavorRef": "1", **zone}
    server_id = at("2.1").ask("POST", "/servers", {"server": asked}).get_json()["server"]["id"]
    return cloud.made(str(server_id), "shelved_offloaded")


@pytest.mark.parametrize(
    ("pinned", "target", "code", "then", "refused"),
    [
        (None, None, 202, None, ""),
        (None, {"availability_zone": None}, 202, None, ""),
        (None, {"host": HERE}, 202, None, ""),
        (None, {"availability_zone": None, "host": HERE}, 202, None, ""),
        (None, {"availability_zone": "nova"}, 202, "nova", ""),
        (None, {"availability_zone": "nova", "host": HERE}, 202, "nova", ""),
        (None, {"availability_zone": "east", "host": HERE}, 400, None, "not in the availability"),
        (None, {"availability_zone": "mars"}, 400, None, "there are: east, nova."),
        (None, {"host": "nowhere"}, 400, None, "unshelve.host: Compute host nowhere"),
        (None, {"host": FAR}, 202, None, "is not far, which was asked for"),
        (None, {}, 400, None, "unshelve"),
        ("nova", None, 202, "nova", ""),
        ("nova", {"availability_zone": None}, 202, None, ""),
        ("nova", {"host": HERE}, 202, "nova", ""),
        ("nova", {"host": FAR}, 400, "nova", "not in the availability zone nova: it is in east"),
        ("nova", {"availability_zone": None, "host": HERE}, 202, None, ""),
        ("nova", {"availability_zone": None, "host": FAR}, 202, None, "is not far"),
        (
            "nova",
            {"availability_zone": "east"},
            202,
            "east",
            "is not in the availability zone east",
        ),
        ("nova", {"availability_zone": "east", "host": HERE}, 400, "nova", "it is in nova"),
    ],
)
def test_a_server_goes_where_it_is_sent_and_is_pinned_as_the_reference_says(
    cloud: SmallCloud,
    at: At,
    far: str,
    pinned: str | None,
    target: dict[str, Any] | None,
    code: int,
    then: str | None,
    refused: str,
) -> None:
    admin = at("2.96", "admin")
    server_id = offloaded(cloud, at, pinned)
    here = next(each.name for each in cloud.parts.store.hosts.list() if each.name != far)
    if target and target.get("host") == HERE:
        target = {**target, "host": here}

    answer = admin.ask("POST", f"/servers/{server_id}/action", {"unshelve": target})
    cloud.work()

    shown = admin.get(f"/servers/{server_id}")["server"]
    assert answer.status_code == code, answer.text
    assert shown["status"] == ("SHELVED_OFFLOADED" if refused else "ACTIVE")
    assert shown["pinned_availability_zone"] == then
    said = cloud.parts.store.servers.list_tasks(server_id)[0].error if code == 202 else answer.text
    assert refused in (said or "")


def test_a_host_is_named_for_one_time_only(cloud: SmallCloud, at: At, far: str) -> None:
    admin, server_id = at("2.91", "admin"), cloud.made(cloud.create(), "shelved_offloaded")
    path = f"/servers/{server_id}/action"

    assert admin.ask("POST", path, {"unshelve": {"host": far}}).status_code == 202
    cloud.work()
    assert cloud.server(server_id).vm_state == "shelved_offloaded"
    assert at("2.1").ask("POST", path, {"unshelve": None}).status_code == 202
    cloud.work()

    assert (cloud.server(server_id).vm_state, cloud.server(server_id).fault) == ("active", None)
