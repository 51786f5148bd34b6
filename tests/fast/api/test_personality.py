# SPDX-License-Identifier: Apache-2.0
"""Injected files and passwords over HTTP: codes, names of fields, what is shown and what never."""

from __future__ import annotations

import base64
import logging
from typing import Any

import pytest

from tests.fast.api.conftest import ApiClient, create, make_server
from tests.fast.smallcloud import SmallCloud
from tests.fast.test_injection import database


def file(path: str = "/etc/motd", content: bytes | str = b"hello") -> dict[str, str]:
    contents = base64.b64encode(content).decode() if isinstance(content, bytes) else content
    return {"path": path, "contents": contents}


@pytest.mark.parametrize(
    ("personality", "code", "said"),
    [
        ([file("/" + "a" * 254)], 202, ""),
        ([file("/" + "a" * 255)], 403, "personality.0.path"),
        ([file("/" + "é" * 127)], 202, ""),
        ([file("/" + "é" * 127 + "a")], 403, "personality.0.path"),
        ([file(content=b"x" * 10240)], 202, ""),
        ([file(content=b"x" * 10241)], 403, "personality.0.contents"),
        ([file(f"/{n}") for n in range(5)], 202, ""),
        ([file(f"/{n}") for n in range(6)], 403, "6 files were given, 5 are allowed"),
        ([file("rebuild.txt")], 202, ""),
        ([file(content="aGVs\nbG8=\n")], 202, ""),
        ([file(content="")], 202, ""),
        ([file("/a"), file("/b", "hello!")], 400, "personality.1.contents"),
        ([file(content="aGVsbG8")], 400, "personality.0.contents"),
        ([file(content="é")], 400, "personality.0.contents"),
        ([file(content=b"a\0b")], 400, "personality.0.contents"),
        ([file(content=b"\xff")], 400, "personality.0.contents"),
        ([file(content=b"PK\x03\x04")], 400, "personality.0.contents"),
        ([file("../etc/x")], 400, "personality.0.path"),
        ([file("/etc/../x")], 400, "personality.0.path"),
        ([file("/a\nb")], 400, "personality.0.path"),
        ([file("")], 400, "personality.0.path"),
        ([file("/etc/")], 400, "personality.0.path"),
        ([file("/a"), file("a")], 400, "personality: two files have the same path"),
        ({"path": "/a"}, 400, "personality"),
        ([{"path": "/a"}], 400, "personality.0"),
        ([{"contents": ""}], 400, "personality.0"),
        ([{**file(), "mode": 7}], 400, "personality.0"),
        ([{"path": 1, "contents": ""}], 400, "personality.0.path"),
        ([{"path": "/a", "contents": None}], 400, "personality.0.contents"),
        (["/a"], 400, "personality.0"),
    ],
)
def test_a_personality_is_taken_or_refused_by_name(
    client: ApiClient, image_id: str, personality: Any, code: int, said: str
) -> None:
    answer = create(client, image_id, personality=personality)

    assert answer.status_code == code
    if code == 202:
        return
    kind = {400: "badRequest", 403: "forbidden"}[code]
    assert said in answer.get_json()[kind]["message"]
    assert client.get("/compute/v2.1/servers").get_json() == {"servers": []}


def test_five_of_the_largest_files_fit_into_a_request(client: ApiClient, image_id: str) -> None:
    largest = [file(f"/{'☁' * 84}{n}", b"x" * 10240) for n in range(5)]

    assert create(client, image_id, personality=largest, user_data="A" * 65532).status_code == 202


@pytest.mark.parametrize("name", ["cumulet_max_personality", "cumulet_max_personality_size"])
def test_an_images_limit_must_be_a_number(client: ApiClient, name: str) -> None:
    answer = client.post("/image/v2/images", {"name": "x", name: "many"})

    assert answer.status_code == 400
    assert f"{name}: must be a whole number" in answer.text


def test_the_password_is_told_once_and_never_again(
    cloud: SmallCloud, client: ApiClient, image_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A canary: in no answer but the first, no log, no database, no domain."""
    caplog.set_level(logging.DEBUG)
    canary = "canary-Pass-1"
    server_id = create(client, image_id, adminPass=canary).get_json()["server"]["id"]
    cloud.work()
    second = "canary-Pass-2"
    changed = client.act(server_id, {"changePassword": {"adminPass": second}})
    cloud.work()
    wrong = client.act(server_id, {"changePassword": {"adminPass": "canary-\n"}})
    paths = ["", "/os-instance-actions", "/diagnostics", "/metadata"]
    shown = [client.get(f"/compute/v2.1/servers/{server_id}{path}").text for path in paths]
    request_id = changed.headers["x-openstack-request-id"]
    actions = f"/compute/v2.1/servers/{server_id}/os-instance-actions/{request_id}"
    shown += [client.get(actions).text, client.get("/compute/v2.1/servers/detail").text]

    assert (changed.status_code, changed.data) == (202, b"")
    assert wrong.status_code == 400
    assert client.get(actions).status_code == 200
    assert "canary" not in "".join([*shown, changed.text, wrong.text, caplog.text])
    assert b"canary" not in database(cloud)
    assert "canary" not in cloud.domain(server_id).XMLDesc()


def test_a_server_shows_password_meanwhile(
    cloud: SmallCloud, client: ApiClient, image_id: str
) -> None:
    server_id = make_server(client, image_id)
    cloud.work()

    client.act(server_id, {"changePassword": {"adminPass": "new"}})
    meanwhile = client.show(server_id)
    cloud.work()

    assert (meanwhile["status"], meanwhile["OS-EXT-STS:task_state"]) == (
        *("PASSWORD", "updating_password"),
    )
    assert client.show(server_id)["status"] == "ACTIVE"


@pytest.mark.parametrize(
    "value", [None, {}, {"adminPass": 1}, {"adminPass": None}, {"adminPass": ""}, {"password": "x"}]
)
def test_a_malformed_change_is_400(
    cloud: SmallCloud, client: ApiClient, image_id: str, value: object
) -> None:
    server_id = make_server(client, image_id)
    cloud.work()

    answer = client.act(server_id, {"changePassword": value})

    assert answer.status_code == 400
    assert client.show(server_id)["OS-EXT-STS:task_state"] is None


def test_another_projects_server_is_not_found(
    cloud: SmallCloud, client: ApiClient, other_client: ApiClient, image_id: str
) -> None:
    server_id = make_server(client, image_id)
    cloud.work()

    answer = other_client.act(server_id, {"changePassword": {"adminPass": "new"}})

    assert answer.status_code == 404
