# SPDX-License-Identifier: Apache-2.0
"""/servers/ID/metadata: all six calls."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import update
from werkzeug.test import TestResponse

from agent.store.schema import servers
from tests.fast.api.conftest import ApiClient, make_server
from tests.fast.smallcloud import SmallCloud

SERVERS = "/compute/v2.1/servers"


@pytest.fixture
def active(cloud: SmallCloud, client: ApiClient, image_id: str) -> str:
    """A server that runs and has two pairs."""
    server_id = make_server(client, image_id, metadata={"role": "web", "tier": "1"})
    cloud.work()
    return server_id


def path_of(server_id: str, *key: str) -> str:
    return "/".join([SERVERS, server_id, "metadata", *key])


def put(client: ApiClient, path: str, body: object) -> TestResponse:
    return client.request("PUT", path, json=body)


def record(cloud: SmallCloud, server_id: str, **columns: Any) -> None:
    """Write columns of a server as only an engine or an administrator could."""
    with cloud.parts.store.db.write() as connection:
        connection.execute(update(servers).where(servers.c.id == server_id).values(**columns))


def writes(server_id: str) -> dict[str, Callable[[ApiClient], TestResponse]]:
    """The four calls that change something."""
    all_of_it, one = path_of(server_id), path_of(server_id, "role")
    return {
        "add": lambda client: client.post(all_of_it, {"metadata": {"a": "b"}}),
        "replace": lambda client: put(client, all_of_it, {"metadata": {"a": "b"}}),
        "put": lambda client: put(client, one, {"meta": {"role": "db"}}),
        "delete": lambda client: client.delete(one),
    }


WRITES = ("add", "replace", "put", "delete")


def test_all_pairs_are_shown(client: ApiClient, active: str) -> None:
    answer = client.get(path_of(active))

    assert (answer.status_code, answer.get_json()) == (
        200,
        {"metadata": {"role": "web", "tier": "1"}},
    )


def test_one_pair_is_shown(client: ApiClient, active: str) -> None:
    answer = client.get(path_of(active, "role"))

    assert (answer.status_code, answer.get_json()) == (200, {"meta": {"role": "web"}})


def test_post_adds_and_answers_with_all(client: ApiClient, active: str) -> None:
    answer = client.post(path_of(active), {"metadata": {"tier": "2", "a b:c": "é"}})

    assert answer.status_code == 200
    assert answer.get_json() == {"metadata": {"role": "web", "tier": "2", "a b:c": "é"}}
    assert client.show(active)["metadata"] == answer.get_json()["metadata"]


def test_put_replaces_all(client: ApiClient, active: str) -> None:
    answer = put(client, path_of(active), {"metadata": {"new": ""}})

    assert (answer.status_code, answer.get_json()) == (200, {"metadata": {"new": ""}})
    assert client.show(active)["metadata"] == {"new": ""}


def test_put_of_nothing_removes_all(client: ApiClient, active: str) -> None:
    assert put(client, path_of(active), {"metadata": {}}).get_json() == {"metadata": {}}
    assert client.show(active)["metadata"] == {}


@pytest.mark.parametrize("key", ["role", "new", "with space: and-all_signs."])
def test_put_of_a_key_sets_it_and_answers_with_it(client: ApiClient, active: str, key: str) -> None:
    answer = put(client, path_of(active, key), {"meta": {key: "v"}})

    assert (answer.status_code, answer.get_json()) == (200, {"meta": {key: "v"}})
    assert client.show(active)["metadata"] == {"role": "web", "tier": "1", key: "v"}


def test_delete_of_a_key_answers_204(client: ApiClient, active: str) -> None:
    answer = client.delete(path_of(active, "role"))

    assert (answer.status_code, answer.data) == (204, b"")
    assert client.show(active)["metadata"] == {"tier": "1"}


def test_a_write_moves_the_time_of_the_update(
    cloud: SmallCloud, client: ApiClient, active: str
) -> None:
    cloud.clock.advance(60)

    client.delete(path_of(active, "role"))

    assert client.show(active)["updated"] == "2026-01-01T00:01:00Z"


def test_a_missing_key_is_404(client: ApiClient, active: str) -> None:
    for answer in (client.get(path_of(active, "no")), client.delete(path_of(active, "no"))):
        assert answer.status_code == 404
        assert answer.get_json()["itemNotFound"]["message"] == "Metadata item was not found"


def test_a_key_that_is_not_the_bodys_is_400(client: ApiClient, active: str) -> None:
    answer = put(client, path_of(active, "role"), {"meta": {"tier": "2"}})

    assert answer.status_code == 400
    assert "Request body and URI mismatch" in answer.get_json()["badRequest"]["message"]
    assert client.show(active)["metadata"] == {"role": "web", "tier": "1"}


@pytest.mark.parametrize(
    ("metadata", "taken"),
    [
        ({"k" * 255: "v" * 255}, True),
        ({"k" * 256: "v"}, False),
        ({"k": "é" * 127}, True),
        ({"k": "é" * 128}, False),
        ({"k": "🦊" * 63}, True),
        ({"k": "🦊" * 64}, False),
        ({"": "v"}, False),
        ({"é": "v"}, False),
        ({"a/b": "v"}, False),
        ({"k\n": "v"}, False),
        ({"k": None}, False),
        ({"k": 1}, False),
    ],
)
def test_pairs_are_held_to_the_rules_of_a_create_request(
    client: ApiClient, active: str, metadata: dict[str, Any], taken: bool
) -> None:
    answers = [
        client.post(path_of(active), {"metadata": metadata}),
        put(client, path_of(active), {"metadata": metadata}),
    ]

    assert {answer.status_code for answer in answers} == {200 if taken else 400}
    if not taken:
        assert all("metadata" in a.get_json()["badRequest"]["message"] for a in answers)
        assert client.show(active)["metadata"] == {"role": "web", "tier": "1"}


def test_more_pairs_than_the_limit_are_403(client: ApiClient, active: str) -> None:
    many = {f"k{n}": "v" for n in range(126)}
    assert client.post(path_of(active), {"metadata": many}).status_code == 200

    refused = [
        client.post(path_of(active), {"metadata": {"one more": "v"}}),
        put(client, path_of(active, "one more"), {"meta": {"one more": "v"}}),
        put(client, path_of(active), {"metadata": {f"k{n}": "v" for n in range(129)}}),
    ]

    for answer in refused:
        assert answer.status_code == 403
        message = answer.get_json()["forbidden"]["message"]
        assert "Maximum number of metadata items exceeds 128" in message
    assert client.show(active)["metadata"] == {"role": "web", "tier": "1", **many}
    assert put(client, path_of(active, "role"), {"meta": {"role": "db"}}).status_code == 200


@pytest.mark.parametrize("call", WRITES)
@pytest.mark.parametrize(
    ("vm_state", "task_state", "code"),
    [
        ("active", None, 200),
        ("active", "powering-off", 200),
        ("paused", None, 200),
        ("suspended", None, 200),
        ("stopped", "deleting", 200),
        ("building", "spawning", 409),
        ("rescued", None, 409),
        ("resized", None, 409),
        ("error", None, 409),
    ],
)
def test_a_write_needs_one_of_four_states(
    cloud: SmallCloud,
    client: ApiClient,
    active: str,
    call: str,
    vm_state: str,
    task_state: str | None,
    code: int,
) -> None:
    record(cloud, active, vm_state=vm_state, task_state=task_state)

    answer = writes(active)[call](client)

    if code == 200:
        assert answer.status_code == (204 if call == "delete" else 200)
        return
    doing = "delete metadata" if call == "delete" else "update metadata"
    assert answer.status_code == 409
    assert answer.get_json()["conflictingRequest"]["message"] == (
        f"Cannot '{doing}' instance {active} while it is in vm_state {vm_state}"
    )
    assert cloud.server(active).metadata == {"role": "web", "tier": "1"}


@pytest.mark.parametrize("call", WRITES)
@pytest.mark.parametrize("locked_by", ["owner", "admin"])
def test_a_locked_server_is_an_admins_to_write(
    cloud: SmallCloud,
    client: ApiClient,
    admin_client: ApiClient,
    active: str,
    call: str,
    locked_by: str,
) -> None:
    record(cloud, active, locked_by=locked_by)

    refused = writes(active)[call](client)
    by_admin = writes(active)[call](admin_client)

    assert refused.status_code == 409
    message = refused.get_json()["conflictingRequest"]["message"]
    assert message == f"Instance {active} is locked"
    assert by_admin.status_code in {200, 204}


@pytest.mark.parametrize("call", WRITES)
def test_another_projects_metadata_is_404_and_stays(
    cloud: SmallCloud, other_client: ApiClient, active: str, call: str
) -> None:
    answers = [
        other_client.get(path_of(active)),
        other_client.get(path_of(active, "role")),
        writes(active)[call](other_client),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert cloud.server(active).metadata == {"role": "web", "tier": "1"}


@pytest.mark.parametrize("call", WRITES)
def test_a_reader_looks_and_writes_nothing(
    cloud: SmallCloud, reader_client: ApiClient, active: str, call: str
) -> None:
    assert reader_client.get(path_of(active)).status_code == 200
    assert writes(active)[call](reader_client).status_code == 403
    assert cloud.server(active).metadata == {"role": "web", "tier": "1"}


def test_two_writers_at_once_lose_nothing(
    cloud: SmallCloud, client: ApiClient, active: str
) -> None:
    def add(number: int) -> int:
        mine = ApiClient(client.http.application.test_client(), client.token)
        return mine.post(path_of(active), {"metadata": {f"k{number}": "v"}}).status_code

    with ThreadPoolExecutor(8) as pool:
        codes = set(pool.map(add, range(32)))

    assert codes == {200}
    assert len(cloud.server(active).metadata) == 2 + 32
