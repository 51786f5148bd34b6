# SPDX-License-Identifier: Apache-2.0
"""PUT /servers/ID."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update
from werkzeug.test import TestResponse

from agent.store.schema import servers
from tests.fast.api.conftest import ApiClient, make_server
from tests.fast.smallcloud import SmallCloud

BASE = "http://127.0.0.1:8774"
SERVERS = "/compute/v2.1/servers"


def put(client: ApiClient, server_id: str, **fields: Any) -> TestResponse:
    return client.request("PUT", f"{SERVERS}/{server_id}", json={"server": fields})


@pytest.fixture
def active(cloud: SmallCloud, client: ApiClient, image_id: str) -> str:
    server_id = make_server(client, image_id, metadata={"role": "web"})
    cloud.work()
    return server_id


def test_the_answer_is_the_server_without_extensions(
    cloud: SmallCloud, client: ApiClient, active: str, image_id: str
) -> None:
    cloud.clock.advance(60)

    answer = put(
        client,
        active,
        name="new",
        accessIPv4="4.3.2.1",
        accessIPv6="80fe::",
        **{"OS-DCF:diskConfig": "AUTO"},
    )

    server = cloud.server(active)
    assert answer.status_code == 200
    assert answer.get_json() == {
        "server": {
            "id": active,
            "name": "new",
            "status": "ACTIVE",
            "progress": server.progress,
            "tenant_id": server.project_id,
            "user_id": server.user_id,
            "metadata": {"role": "web"},
            "hostId": client.show(active)["hostId"],
            "image": {
                "id": image_id,
                "links": [{"rel": "bookmark", "href": f"{BASE}/compute/images/{image_id}"}],
            },
            "flavor": {
                "id": "1",
                "links": [{"rel": "bookmark", "href": f"{BASE}/compute/flavors/1"}],
            },
            "created": "2026-01-01T00:00:00Z",
            "updated": "2026-01-01T00:01:00Z",
            "addresses": {"lab": [{"addr": server.nics[0].ip, "version": 4}]},
            "accessIPv4": "4.3.2.1",
            "accessIPv6": "80fe::",
            "links": [
                {"rel": "self", "href": f"{BASE}/compute/v2.1/servers/{active}"},
                {"rel": "bookmark", "href": f"{BASE}/compute/servers/{active}"},
            ],
            "OS-DCF:diskConfig": "AUTO",
        }
    }


def test_an_admin_is_answered_the_same(
    client: ApiClient, admin_client: ApiClient, active: str
) -> None:
    assert put(admin_client, active).get_json() == put(client, active).get_json()


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({}, {}),
        ({"name": "two words"}, {"name": "two words"}),
        ({"name": "🦊" * 255}, {"name": "🦊" * 255}),
        ({"accessIPv4": "1.2.3.4"}, {"accessIPv4": "1.2.3.4"}),
        ({"accessIPv4": "", "accessIPv6": ""}, {"accessIPv4": "", "accessIPv6": ""}),
        ({"accessIPv6": "::babe:67.23.10.132"}, {"accessIPv6": "::babe:4317:a84"}),
        ({"OS-DCF:diskConfig": "AUTO"}, {"OS-DCF:diskConfig": "AUTO"}),
    ],
)
def test_only_what_is_named_is_changed(
    client: ApiClient, active: str, fields: dict[str, Any], changed: dict[str, Any]
) -> None:
    before = client.show(active)

    answer = put(client, active, **fields)

    assert answer.status_code == 200
    assert client.show(active) == {**before, **changed}


def test_the_guests_own_name_stays(cloud: SmallCloud, client: ApiClient, active: str) -> None:
    put(client, active, name="new")

    assert cloud.server(active).hostname == "one"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "name"),
        ({"name": "a" * 256}, "name"),
        ({"name": " a"}, "name"),
        ({"name": "a\n"}, "name"),
        ({"name": None}, "name"),
        ({"accessIPv4": "::1"}, "accessIPv4"),
        ({"accessIPv4": None}, "accessIPv4"),
        ({"accessIPv6": "1.2.3.4"}, "accessIPv6"),
        ({"accessIPv6": "fe80::1%eth0"}, "accessIPv6"),
        ({"OS-DCF:diskConfig": "auto"}, "OS-DCF:diskConfig"),
        ({"hostname": "of-a-later-version"}, "hostname"),
        ({"description": "of a later version"}, "description"),
        ({"metadata": {}}, "metadata"),
        ({"flavorRef": "2"}, "flavorRef"),
    ],
)
def test_a_bad_field_is_400_and_named_and_changes_nothing(
    client: ApiClient, active: str, fields: dict[str, Any], said: str
) -> None:
    before = client.show(active)

    answer = put(client, active, **{"accessIPv4": "1.2.3.4", **fields})

    assert answer.status_code == 400
    assert said in answer.get_json()["badRequest"]["message"]
    assert client.show(active) == before


@pytest.mark.parametrize("vm_state", ["building", "active", "error", "rescued"])
def test_a_server_is_renamed_in_any_state_and_locked_too(
    cloud: SmallCloud, client: ApiClient, active: str, vm_state: str
) -> None:
    """Neither a lock nor a state keeps a user from this in the standard."""
    with cloud.parts.store.db.write() as connection:
        connection.execute(update(servers).values(vm_state=vm_state, locked_by="admin"))

    assert put(client, active, name="new").status_code == 200


def test_another_projects_server_is_404(
    client: ApiClient, other_client: ApiClient, active: str
) -> None:
    assert put(other_client, active, name="new").status_code == 404
    assert client.show(active)["name"] == "one"


def test_a_reader_renames_nothing(client: ApiClient, reader_client: ApiClient, active: str) -> None:
    assert put(reader_client, active, name="new").status_code == 403
    assert client.show(active)["name"] == "one"
