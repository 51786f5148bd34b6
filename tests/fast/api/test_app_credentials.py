# SPDX-License-Identifier: Apache-2.0
"""Application credentials: made, told once, logged in with, and cut down with their user."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.fast.api.conftest import ApiClient
from tests.fast.smallcloud import SmallCloud

V3 = "/identity/v3"
TOKENS = f"{V3}/auth/tokens"


def own_path(client: ApiClient) -> str:
    answer = client.get(TOKENS, headers={"X-Subject-Token": client.token})
    return f"{V3}/users/{answer.get_json()['token']['user']['id']}/application_credentials"


def make(client: ApiClient, **fields: Any) -> dict[str, Any]:
    body = {"application_credential": {"name": "robot", **fields}}
    answer = client.post(own_path(client), body)
    assert answer.status_code == 201, answer.text
    return dict(answer.get_json()["application_credential"])


def log_in_with(http: FlaskClient, scope: object = None, **proof: Any) -> TestResponse:
    identity = {"methods": ["application_credential"], "application_credential": proof}
    auth = {"identity": identity, **({"scope": scope} if scope else {})}
    return http.post(TOKENS, json={"auth": auth})


def test_it_is_shown_with_its_secret_once(client: ApiClient) -> None:
    made = make(client, description="of a test", expires_at="2026-01-02T03:04:05.678901")

    assert made == {
        "id": made["id"],
        "name": "robot",
        "description": "of a test",
        "user_id": made["user_id"],
        "project_id": made["project_id"],
        "system": None,
        "roles": made["roles"],
        "expires_at": "2026-01-02T03:04:05.678901",
        "unrestricted": False,
        "links": {"self": f"http://127.0.0.1:8774{own_path(client)}/{made['id']}"},
        "secret": made["secret"],
    }
    assert [role["name"] for role in made["roles"]] == ["member", "reader"]
    secret = made.pop("secret")
    assert len(secret) > 40
    path = own_path(client)
    shown = client.get(f"{path}/{made['id']}")
    assert shown.get_json()["application_credential"] == made
    listed = client.get(f"{path}?name=robot")
    assert listed.get_json()["application_credentials"] == [made]
    assert client.get(f"{path}?name=other").get_json()["application_credentials"] == []
    assert secret not in shown.text + listed.text


@pytest.mark.parametrize("by", ["id", "name and user id", "name and user name"])
def test_it_logs_in_to_its_project(client: ApiClient, by: str) -> None:
    made = make(client, secret="chosen")
    proofs: dict[str, dict[str, Any]] = {
        "id": {"id": made["id"]},
        "name and user id": {"name": "robot", "user": {"id": made["user_id"]}},
        "name and user name": {
            "name": "robot",
            "user": {"name": "lab", "domain": {"id": "default"}},
        },
    }

    answer = log_in_with(client.http, secret="chosen", **proofs[by])

    assert answer.status_code == 201
    token = answer.get_json()["token"]
    assert token["methods"] == ["application_credential"]
    assert token["project"]["id"] == made["project_id"]
    robot = ApiClient(client.http, answer.headers["X-Subject-Token"])
    assert robot.get("/compute/v2.1/servers").status_code == 200


@pytest.mark.parametrize(
    "wrong", [{"secret": "wrong"}, {"id": "0" * 32}, {"name": "other", "user": {"name": "lab"}}]
)
def test_a_wrong_one_lets_nobody_in(client: ApiClient, wrong: dict[str, Any]) -> None:
    made = make(client, secret="chosen")
    by_id = {} if "name" in wrong else {"id": made["id"]}

    answer = log_in_with(client.http, **{"secret": "chosen", **by_id, **wrong})

    assert answer.status_code == 401
    assert "authentication" in answer.get_json()["error"]["message"]


def test_it_is_good_for_no_other_project(client: ApiClient, other_client: ApiClient) -> None:
    made = make(client, secret="chosen")
    scope = {"project": {"name": "other", "domain": {"id": "default"}}}

    for elsewhere in (scope, "unscoped"):
        answer = log_in_with(client.http, elsewhere, id=made["id"], secret="chosen")
        assert answer.status_code == 403


def test_the_roles_may_be_fewer(client: ApiClient) -> None:
    made = make(client, secret="chosen", roles=[{"name": "reader"}])

    answer = log_in_with(client.http, id=made["id"], secret="chosen")

    robot = ApiClient(client.http, answer.headers["X-Subject-Token"])
    assert [role["name"] for role in answer.get_json()["token"]["roles"]] == ["reader"]
    assert robot.post("/compute/v2.1/os-keypairs", {"keypair": {"name": "k"}}).status_code == 403
    identity = {"methods": ["token"], "token": {"id": robot.token}}
    again = client.http.post(TOKENS, json={"auth": {"identity": identity}})
    assert [role["name"] for role in again.get_json()["token"]["roles"]] == ["reader"]


def test_it_ends_with_its_time(cloud: SmallCloud, client: ApiClient) -> None:
    made = make(client, secret="chosen", expires_at="2026-01-01T01:00:00")
    answer = log_in_with(client.http, id=made["id"], secret="chosen")
    assert answer.get_json()["token"]["expires_at"] == "2026-01-01T01:00:00.000000Z"

    cloud.clock.advance(3601)

    assert log_in_with(client.http, id=made["id"], secret="chosen").status_code == 401
    robot = ApiClient(client.http, answer.headers["X-Subject-Token"])
    assert robot.get("/compute/v2.1/servers").status_code == 401


def test_what_it_let_in_is_out_when_it_goes(client: ApiClient) -> None:
    made = make(client, secret="chosen")
    answer = log_in_with(client.http, id=made["id"], secret="chosen")
    robot = ApiClient(client.http, answer.headers["X-Subject-Token"])

    assert client.delete(f"{own_path(client)}/{made['id']}").status_code == 204

    assert robot.get("/compute/v2.1/servers").status_code == 401
    assert client.get(f"{own_path(client)}/{made['id']}").status_code == 404
    assert client.delete(f"{own_path(client)}/{made['id']}").status_code == 404


@pytest.mark.parametrize(("unrestricted", "code"), [(False, 403), (True, 201)])
def test_only_an_unrestricted_one_makes_more(
    client: ApiClient, unrestricted: bool, code: int
) -> None:
    made = make(client, secret="chosen", unrestricted=unrestricted)
    answer = log_in_with(client.http, id=made["id"], secret="chosen")
    robot = ApiClient(client.http, answer.headers["X-Subject-Token"])

    more = robot.post(own_path(client), {"application_credential": {"name": "child"}})

    assert more.status_code == code
    gone = robot.delete(f"{own_path(client)}/{made['id']}")
    assert gone.status_code == (204 if unrestricted else 403)


def test_others_know_nothing_of_it_but_an_administrator(
    client: ApiClient, other_client: ApiClient, admin_client: ApiClient
) -> None:
    made = make(client)
    path = own_path(client)

    for way in (path, f"{path}/{made['id']}"):
        assert other_client.get(way).status_code == 404
    assert other_client.delete(f"{path}/{made['id']}").status_code == 404
    assert other_client.post(path, {"application_credential": {"name": "x"}}).status_code == 404
    assert other_client.get(f"{own_path(other_client)}/{made['id']}").status_code == 404
    assert admin_client.get(f"{path}/{made['id']}").status_code == 200
    assert admin_client.post(path, {"application_credential": {"name": "x"}}).status_code == 404


@pytest.mark.parametrize(
    ("fields", "code", "said"),
    [
        ({"name": ""}, 400, "application_credential.name"),
        ({"name": "robot"}, 409, "robot"),
        ({"secret": 7}, 400, "secret"),
        ({"expires_at": "soon"}, 400, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, 400, "expires_at"),
        ({"expires_at": "2025-12-31T00:00:00"}, 400, "expires_at"),
        ({"roles": [{"name": "admin"}]}, 400, "roles"),
        ({"roles": [{}]}, 400, "roles"),
        ({"access_rules": [{"path": "/"}]}, 400, "access_rules"),
        ({"project_id": "0" * 32}, 400, "project_id"),
        ({"colour": "red"}, 400, "colour"),
    ],
)
def test_what_is_refused_names_its_cause(
    client: ApiClient, fields: dict[str, Any], code: int, said: str
) -> None:
    make(client)
    body = {"application_credential": {"name": "another", **fields}}

    answer = client.post(own_path(client), body)

    assert answer.status_code == code
    assert said in answer.get_json()["error"]["message"]
