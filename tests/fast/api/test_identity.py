# SPDX-License-Identifier: Apache-2.0
"""Tokens: issued for a password, shown, revoked; and who is let in with one."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient

from tests.fast.api.conftest import PASSWORD, ApiClient, log_in, log_in_from_file, login_body
from tests.fast.smallcloud import SmallCloud

BASE = "http://127.0.0.1:8774"
TOKENS = "/identity/v3/auth/tokens"


@pytest.fixture
def client(cloud: SmallCloud, app: Flask) -> ApiClient:
    """The user that init made, with a token that a log-in gave."""
    return log_in_from_file(cloud, app, "cumulet")


@pytest.fixture
def other_client(app: Flask, other_client: ApiClient) -> ApiClient:
    """A member of another project, with a token that a log-in gave."""
    return log_in(app, "other", PASSWORD, "other")


@pytest.fixture
def token(other_client: ApiClient) -> dict[str, Any]:
    body = other_client.http.post(TOKENS, json=login_body("other", PASSWORD, "other")).get_json()
    return dict(body["token"])


def test_a_token_says_who_where_and_how_long(token: dict[str, Any]) -> None:
    domain = {"id": "default", "name": "Default"}
    assert token["methods"] == ["password"]
    assert token["user"] == {
        "id": token["user"]["id"],
        "name": "other",
        "domain": domain,
        "password_expires_at": None,
    }
    assert token["project"] == {"id": token["project"]["id"], "name": "other", "domain": domain}
    assert [role["name"] for role in token["roles"]] == ["member"]
    assert token["is_domain"] is False
    assert len(token["audit_ids"]) == 1
    assert token["issued_at"] == "2026-01-01T00:00:00.000000Z"
    assert token["expires_at"] == "2026-01-01T12:00:00.000000Z"


def test_the_catalog_has_four_services_on_three_interfaces(token: dict[str, Any]) -> None:
    urls = {
        (service["type"], endpoint["interface"]): (endpoint["url"], endpoint["region"])
        for service in token["catalog"]
        for endpoint in service["endpoints"]
    }

    assert len(urls) == 12
    assert urls["identity", "public"] == (f"{BASE}/identity", "RegionOne")
    assert urls["compute", "internal"] == (f"{BASE}/compute/v2.1", "RegionOne")
    assert urls["image", "admin"] == (f"{BASE}/image", "RegionOne")
    assert urls["network", "public"] == (f"{BASE}/network", "RegionOne")


def test_nocatalog_leaves_the_catalog_out(other_client: ApiClient) -> None:
    body = login_body("other", PASSWORD, "other")

    answer = other_client.http.post(f"{TOKENS}?nocatalog", json=body)

    assert "catalog" not in answer.get_json()["token"]


def test_without_a_scope_the_default_project_is_taken(other_client: ApiClient) -> None:
    answer = other_client.http.post(TOKENS, json=login_body("other", PASSWORD))

    assert answer.get_json()["token"]["project"]["name"] == "other"


def test_ids_do_as_well_as_names(other_client: ApiClient, token: dict[str, Any]) -> None:
    user = {"id": token["user"]["id"], "password": PASSWORD}
    identity = {"methods": ["password"], "password": {"user": user}}
    scope = {"project": {"id": token["project"]["id"]}}

    answer = other_client.http.post(TOKENS, json={"auth": {"identity": identity, "scope": scope}})

    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("name", "password", "project"),
    [
        ("other", "wrong", "other"),
        ("nobody", PASSWORD, "other"),
        ("other", PASSWORD, "lab"),
        ("other", PASSWORD, "nothing"),
    ],
)
def test_every_failed_login_looks_the_same(
    other_client: ApiClient, name: str, password: str, project: str
) -> None:
    answer = other_client.http.post(TOKENS, json=login_body(name, password, project))

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == f'Keystone uri="{BASE}/identity"'
    assert answer.get_json() == {
        "error": {
            "code": 401,
            "title": "Unauthorized",
            "message": "The request you have made requires authentication.",
        }
    }


def test_a_password_of_the_wrong_type_is_not_echoed(anyone: FlaskClient) -> None:
    body = login_body("lab", "x")
    body["auth"]["identity"]["password"]["user"]["password"] = ["s3cret-canary"]

    answer = anyone.post(TOKENS, json=body)

    assert answer.status_code == 400
    assert "s3cret-canary" not in answer.text
    assert "auth.identity.password.user.password" in answer.get_json()["error"]["message"]


def test_a_token_can_be_shown_and_checked_by_its_user(client: ApiClient) -> None:
    headers = {"X-Subject-Token": client.token}

    shown = client.get(TOKENS, headers=headers)
    checked = client.request("HEAD", TOKENS, headers=headers)

    assert shown.get_json()["token"]["user"]["name"] == "lab"
    assert shown.headers["X-Subject-Token"] == client.token
    assert (checked.status_code, checked.data) == (200, b"")


def test_a_revoked_token_lets_nobody_in(client: ApiClient) -> None:
    answer = client.delete(TOKENS, headers={"X-Subject-Token": client.token})

    assert answer.status_code == 204
    assert client.get("/compute/v2.1/servers").status_code == 401


def test_another_users_token_is_not_shown(client: ApiClient, other_client: ApiClient) -> None:
    answer = client.get(TOKENS, headers={"X-Subject-Token": other_client.token})

    assert answer.status_code == 403


def test_a_token_that_nobody_has_is_not_found(client: ApiClient) -> None:
    answer = client.get(TOKENS, headers={"X-Subject-Token": "nothing"})

    assert answer.status_code == 404


def test_a_token_ends_after_its_hours(cloud: SmallCloud, client: ApiClient) -> None:
    cloud.clock.advance(12 * 3600 + 1)

    assert client.get("/compute/v2.1/servers").status_code == 401


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/compute/v2.1/servers", "unauthorized"),
        ("/image/v2/images", "message"),
        ("/network/v2.0/networks", "NeutronError"),
        ("/identity/v3/projects", "error"),
    ],
)
def test_every_service_wants_a_token(app: Flask, path: str, name: str) -> None:
    answer = app.test_client().get(path)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == f'Keystone uri="{BASE}/identity"'
    assert name in answer.get_json()


def test_identity_headers_of_a_client_are_not_believed(app: Flask) -> None:
    claims = {
        "X-Identity-Status": "Confirmed",
        "X-Roles": "admin",
        "X-User-Id": "1",
        "X-Project-Id": "1",
        "X-Is-Admin-Project": "True",
    }

    assert app.test_client().get("/compute/v2.1/servers", headers=claims).status_code == 401


def test_a_caller_lists_and_shows_own_projects_only(
    client: ApiClient, other_client: ApiClient
) -> None:
    (project,) = client.get("/identity/v3/auth/projects").get_json()["projects"]

    assert project["name"] == "lab"
    assert client.get(f"/identity/v3/projects/{project['id']}").status_code == 200
    assert other_client.get(f"/identity/v3/projects/{project['id']}").status_code == 404


def test_a_token_for_no_project_sees_who_it_is_and_nothing_else(client: ApiClient) -> None:
    unscoped = rescope(client, "unscoped")
    shown = unscoped.get(TOKENS, headers={"X-Subject-Token": unscoped.token}).get_json()["token"]

    assert shown.keys() == {"methods", "user", "audit_ids", "issued_at", "expires_at"}
    assert unscoped.get("/identity/v3/auth/projects").status_code == 200
    for path in ("/compute/v2.1/servers", "/image/v2/images", "/network/v2.0/networks"):
        answer = unscoped.get(path)
        assert answer.status_code == 403
        assert "for no project" in answer.text


def test_a_token_gets_another_for_a_project(cloud: SmallCloud, client: ApiClient) -> None:
    unscoped = rescope(client, "unscoped")
    cloud.clock.advance(3600)

    scope = {"project": {"name": "lab", "domain": {"id": "default"}}}
    scoped = rescope(unscoped, scope)

    shown = scoped.get(TOKENS, headers={"X-Subject-Token": scoped.token}).get_json()["token"]
    assert shown["project"]["name"] == "lab"
    assert shown["methods"] == ["password", "token"]
    assert shown["expires_at"] == "2026-01-01T12:00:00.000000Z"  # not longer than the first
    assert len(shown["audit_ids"]) == 2
    scoped.delete(TOKENS, headers={"X-Subject-Token": scoped.token})
    assert scoped.get("/compute/v2.1/servers").status_code == 401
    assert unscoped.get("/identity/v3/auth/projects").status_code == 200


@pytest.mark.parametrize(
    "scope",
    [
        {"project": {"name": "other", "domain": {"id": "default"}}},
        {"project": {"id": "0" * 32}},
        {"system": {"all": True}},
        {"domain": {"id": "default"}},
    ],
)
def test_a_token_gets_none_for_what_its_user_has_no_role_in(
    client: ApiClient, other_client: ApiClient, scope: dict[str, Any]
) -> None:
    identity = {"methods": ["token"], "token": {"id": client.token}}

    answer = client.http.post(TOKENS, json={"auth": {"identity": identity, "scope": scope}})

    assert answer.status_code == 401


def test_a_login_names_one_scope(client: ApiClient) -> None:
    identity = {"methods": ["token"], "token": {"id": client.token}}
    scope = {"project": {"name": "lab"}, "unscoped": {}}

    answer = client.http.post(TOKENS, json={"auth": {"identity": identity, "scope": scope}})

    assert answer.status_code == 400
    assert "auth.scope" in answer.get_json()["error"]["message"]


def test_a_dead_token_gets_none(client: ApiClient) -> None:
    client.delete(TOKENS, headers={"X-Subject-Token": client.token})
    identity = {"methods": ["token"], "token": {"id": client.token}}

    answer = client.http.post(TOKENS, json={"auth": {"identity": identity}})

    assert answer.status_code == 404


def test_two_methods_must_both_hold_and_agree(client: ApiClient, other_client: ApiClient) -> None:
    user = {"name": "other", "domain": {"id": "default"}, "password": PASSWORD}
    for token, code in ((other_client.token, 201), (client.token, 401)):
        identity = {
            "methods": ["password", "token"],
            "password": {"user": user},
            "token": {"id": token},
        }
        answer = client.http.post(TOKENS, json={"auth": {"identity": identity}})
        assert answer.status_code == code


@pytest.mark.parametrize(
    ("identity", "code", "said"),
    [
        ({"methods": ["totp"], "totp": {}}, 401, "password, token, application_credential"),
        ({"methods": ["password"]}, 400, "auth.identity.password"),
        ({"methods": []}, 400, "auth.identity.methods"),
        ({"methods": ["token"], "token": {}}, 400, "auth.identity.token"),
        (
            {"methods": ["application_credential"], "application_credential": {"secret": "x"}},
            *(400, "auth.identity.application_credential"),
        ),
    ],
)
def test_what_is_no_login_names_its_cause(
    anyone: FlaskClient, identity: dict[str, Any], code: int, said: str
) -> None:
    answer = anyone.post(TOKENS, json={"auth": {"identity": identity}})

    assert answer.status_code == code
    assert said in answer.get_json()["error"]["message"]


def test_whoever_guesses_has_to_wait_and_is_logged(
    cloud: SmallCloud, anyone: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    clouds = yaml.safe_load((cloud.config.state_dir / "clouds.yaml").read_text())["clouds"]
    right = login_body("lab", clouds["cumulet"]["auth"]["password"], "lab")
    wrong = login_body("lab", "canary-guess", "lab")
    with caplog.at_level(logging.WARNING):
        codes = [anyone.post(TOKENS, json=wrong).status_code for _ in range(6)]

    assert codes == [401] * 5 + [429]
    assert "A login as 'lab' from 127.0.0.1 failed, 5 in a row" in caplog.text
    assert "canary-guess" not in caplog.text
    answer = anyone.post(TOKENS, json=right)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "2"
    assert "Wait 2 s" in answer.get_json()["error"]["message"]
    other = anyone.post(TOKENS, json=right, environ_base={"REMOTE_ADDR": "127.0.0.2"})
    assert other.status_code == 201  # nobody can lock another out
    cloud.clock.advance(2)
    assert anyone.post(TOKENS, json=right).status_code == 201
    assert anyone.post(TOKENS, json=wrong).status_code == 401  # counted from the start


def rescope(client: ApiClient, scope: object) -> ApiClient:
    """Trade a token for one with another scope."""
    identity = {"methods": ["token"], "token": {"id": client.token}}
    answer = client.http.post(TOKENS, json={"auth": {"identity": identity, "scope": scope}})
    assert answer.status_code == 201, answer.text
    return ApiClient(client.http, answer.headers["X-Subject-Token"])
