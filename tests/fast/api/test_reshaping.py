# SPDX-License-Identifier: Apache-2.0
"""Rebuild, resize and their likes over HTTP: bodies, answers and codes, version by version."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fast.api.conftest import ApiClient, make_server
from tests.fast.smallcloud import SmallCloud
from tests.keys import ED25519

BASE = "http://127.0.0.1:8774"


@pytest.fixture
def active(cloud: SmallCloud, client: ApiClient, image_id: str) -> str:
    server_id = make_server(client, image_id, metadata={"role": "web"})
    cloud.work()
    return server_id


def act(client: ApiClient, server_id: str, action: object, minor: int = 1) -> Any:
    headers = {"OpenStack-API-Version": f"compute 2.{minor}"}
    path = f"/compute/v2.1/servers/{server_id}/action"
    return client.post(path, action, headers=headers)


PERSONALITY = [{"path": "/etc/motd", "contents": "aGVsbG8="}]

FIELDS: list[tuple[str, object, int, int]] = [
    ("name", "new", 1, 96),
    ("adminPass", "secret", 1, 96),
    ("metadata", {"a": "b"}, 1, 96),
    ("preserve_ephemeral", False, 1, 96),
    ("OS-DCF:diskConfig", "AUTO", 1, 96),
    ("accessIPv4", "1.2.3.4", 1, 96),
    ("accessIPv6", "::1", 1, 96),
    ("personality", PERSONALITY, 1, 56),
    ("description", "what it is", 19, 96),
    ("description", None, 19, 96),
    ("key_name", None, 54, 96),
    ("user_data", "IyEvYmluL3No", 57, 96),
    ("user_data", None, 57, 96),
    ("trusted_image_certificates", None, 63, 96),
    ("hostname", "new-name", 90, 96),
    ("hostname", "new.example.org", 94, 96),
]
"""Of a rebuild's fields: a value, and the first and last version that takes it."""


@pytest.mark.parametrize(("field", "value", "first", "last"), FIELDS)
def test_a_rebuild_takes_each_field_from_its_version_on(
    cloud: SmallCloud,
    client: ApiClient,
    active: str,
    image_id: str,
    field: str,
    value: object,
    first: int,
    last: int,
) -> None:
    def rebuild(minor: int) -> int:
        answer = act(client, active, {"rebuild": {"imageRef": image_id, field: value}}, minor)
        cloud.work()
        return int(answer.status_code)

    assert [rebuild(minor) for minor in {first, last}] == [202] * len({first, last})
    outside = [minor for minor in (first - 1, last + 1) if 1 <= minor <= 96]
    assert [rebuild(minor) for minor in outside] == [400] * len(outside)


CORE = {
    *("id", "name", "status", "tenant_id", "user_id", "metadata", "hostId", "image", "flavor"),
    *("created", "updated", "addresses", "accessIPv4", "accessIPv6", "links", "progress"),
    *("OS-DCF:diskConfig", "adminPass"),
}
ADDED = [
    (9, {"locked"}),
    (19, {"description"}),
    (26, {"tags"}),
    (54, {"key_name"}),
    (57, {"user_data"}),
    (63, {"trusted_image_certificates"}),
    (71, {"server_groups"}),
    (73, {"locked_reason"}),
]
"""What the answer of a rebuild has beyond CORE, from which version on (the API's reference)."""


@pytest.mark.parametrize("minor", [1, 9, 19, 26, 54, 57, 63, 71, 73])
def test_the_answer_of_a_rebuild_is_the_whole_server(
    client: ApiClient, active: str, image_id: str, minor: int
) -> None:
    answer = act(client, active, {"rebuild": {"imageRef": image_id, "adminPass": "new"}}, minor)

    server = answer.get_json()["server"]
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"{BASE}/compute/v2.1/servers/{active}"
    assert (server["status"], server["adminPass"]) == ("REBUILD", "new")
    assert (server["image"]["id"], server["progress"]) == (image_id, 0)
    assert set(server) == CORE.union(*(names for since, names in ADDED if since <= minor))
    assert all(set(each) == {"addr", "version"} for each in server["addresses"]["lab"])


def test_a_rebuild_keeps_what_it_is_not_told(
    cloud: SmallCloud, client: ApiClient, image_id: str
) -> None:
    client.post("/compute/v2.1/os-keypairs", {"keypair": {"name": "mine", "public_key": ED25519}})
    server_id = make_server(
        client, image_id, metadata={"a": "b"}, key_name="mine", user_data="IyEvYmluL3No"
    )
    cloud.work()
    act(client, server_id, {"rebuild": {"imageRef": image_id}}, 96)
    cloud.work()
    kept = cloud.server(server_id)
    act(
        client,
        server_id,
        {"rebuild": {"imageRef": image_id, "key_name": None, "user_data": None}},
        57,
    )
    cloud.work()
    dropped = cloud.server(server_id)

    assert (kept.metadata, kept.key_name, kept.user_data) == ({"a": "b"}, "mine", "IyEvYmluL3No")
    assert (dropped.key_name, dropped.public_key, dropped.user_data) == (None, None, None)


WRONG: list[tuple[dict[str, Any], int, int, str]] = [
    ({}, 1, 400, "'imageRef' is a required property"),
    ({"imageRef": "no uuid"}, 1, 400, "imageRef: must be the id"),
    ({"imageRef": "6e1d6e5c-1f6e-4a8e-8a25-0b1f6f0b6f00"}, 1, 400, "imageRef: "),
    ({"name": " x"}, 1, 400, "name: "),
    ({"accessIPv4": "::1"}, 1, 400, "accessIPv4: "),
    ({"metadata": {"a": "b" * 256}}, 1, 400, "metadata.a"),
    ({"metadata": {str(number): "" for number in range(129)}}, 1, 403, "exceeds 128"),
    ({"personality": PERSONALITY * 6}, 1, 403, "limit exceeded"),
    ({"preserve_ephemeral": True}, 1, 400, "preserve_ephemeral: "),
    ({"key_name": "none"}, 54, 400, "Invalid key_name provided."),
    ({"user_data": "not Base64!"}, 57, 400, "user_data: "),
    ({"trusted_image_certificates": ["a"]}, 63, 400, "verifies no signatures"),
    ({"hostname": "new.example.org"}, 90, 400, "hostname"),
    ({"flavorRef": "1"}, 1, 400, "additional properties"),
]


@pytest.mark.parametrize(("fields", "minor", "code", "message"), WRONG)
def test_a_wrong_rebuild_is_refused_by_name(
    client: ApiClient,
    active: str,
    image_id: str,
    fields: dict[str, Any],
    minor: int,
    code: int,
    message: str,
) -> None:
    body = {"imageRef": image_id, **fields} if fields else {}
    answer = act(client, active, {"rebuild": body}, minor)

    assert answer.status_code == code, answer.text
    assert message in next(iter(answer.get_json().values()))["message"]
    assert client.show(active)["status"] == "ACTIVE"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"flavorRef": "2"}, 202),
        ({"flavorRef": 2}, 202),
        ({"flavorRef": "http://127.0.0.1/flavors/2"}, 202),
        ({"flavorRef": "2", "OS-DCF:diskConfig": "AUTO"}, 202),
        ({"flavorRef": "1"}, 400),
        ({"flavorRef": "99"}, 400),
        ({"flavorRef": ""}, 400),
        ({"flavorRef": None}, 400),
        ({}, 400),
        ({"flavorRef": "2", "x": 1}, 400),
        ({"flavorRef": "5"}, 202),
    ],
)
def test_a_resize(client: ApiClient, active: str, body: dict[str, Any], code: int) -> None:
    answer = act(client, active, {"resize": body})

    assert answer.status_code == code, answer.text
    assert client.show(active)["status"] == ("RESIZE" if code == 202 else "ACTIVE")
    wanted = body.get("OS-DCF:diskConfig", "MANUAL")
    assert client.show(active)["OS-DCF:diskConfig"] == wanted


def test_the_statuses_and_codes_of_a_resize(
    cloud: SmallCloud, client: ApiClient, active: str
) -> None:
    seen = [act(client, active, {"resize": {"flavorRef": "2"}}).status_code]
    for action in ("revertResize", "resize", "confirmResize"):
        seen.append(client.show(active)["status"])
        cloud.work()
        server = client.show(active)
        seen.extend((server["status"], server["flavor"]["id"]))
        body = {"flavorRef": "2"} if action == "resize" else None
        seen.append(act(client, active, {action: body}).status_code)
    cloud.work()
    server = client.show(active)

    assert seen == [
        *(202, "RESIZE", "VERIFY_RESIZE", "2"),
        *(202, "REVERT_RESIZE", "ACTIVE", "1"),
        *(202, "RESIZE", "VERIFY_RESIZE", "2"),
        204,
    ]
    assert (server["status"], server["flavor"]["id"]) == ("ACTIVE", "2")


MOVES: list[tuple[object, int, int]] = [
    ({"migrate": None}, 1, 400),
    ({"migrate": {"host": "other"}}, 56, 400),
    ({"migrate": {"x": "other"}}, 56, 400),
    (
        {"os-migrateLive": {"host": None, "block_migration": True, "disk_over_commit": False}},
        1,
        400,
    ),
    ({"os-migrateLive": {"host": None, "block_migration": "auto"}}, 25, 400),
    ({"evacuate": {"onSharedStorage": False}}, 1, 400),
    ({"evacuate": {"host": "other"}}, 14, 400),
]


@pytest.mark.parametrize(("body", "minor", "code"), MOVES, ids=str)
def test_there_is_no_host_to_move_to(
    client: ApiClient,
    admin_client: ApiClient,
    active: str,
    body: dict[str, Any],
    minor: int,
    code: int,
) -> None:
    answer = act(admin_client, active, body, minor)
    message = answer.get_json()["badRequest"]["message"]

    assert answer.status_code == code
    assert any(words in message for words in ("one host", "only host", "'x' was unexpected"))
    assert act(client, active, body, minor).status_code == 403


def test_what_can_not_move_anyway_is_a_conflict(
    cloud: SmallCloud, client: ApiClient, admin_client: ApiClient, active: str
) -> None:
    client.act(active, {"suspend": None})
    cloud.work()
    answer = act(admin_client, active, {"migrate": None})

    assert answer.get_json()["conflictingRequest"]["message"] == (
        f"Cannot 'migrate' instance {active} while it is in vm_state suspended"
    )


@pytest.mark.parametrize("action", ["rebuild", "resize", "confirmResize", "revertResize"])
def test_another_projects_server_is_not_found(
    other_client: ApiClient, active: str, image_id: str, action: str
) -> None:
    body = {"rebuild": {"imageRef": image_id}, "resize": {"flavorRef": "2"}}.get(action)

    assert act(other_client, active, {action: body}).status_code == 404
