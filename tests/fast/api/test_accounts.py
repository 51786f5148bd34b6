# SPDX-License-Identifier: Apache-2.0
"""Projects, users, roles and who has them where: what an administrator does, and who else may."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.fast.api.conftest import ApiClient, login_body
from tests.fast.smallcloud import SmallCloud

V3 = "/identity/v3"
TOKENS = f"{V3}/auth/tokens"


def make(admin: ApiClient, what: str, **fields: Any) -> dict[str, Any]:
    """Have an account made, and give its view."""
    answer = admin.post(f"{V3}/{what}s", {what: fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.get_json()[what])


def change(admin: ApiClient, what: str, wanted: str, **fields: Any) -> Any:
    return admin.request("PATCH", f"{V3}/{what}s/{wanted}", json={what: fields})


def role_id(admin: ApiClient, name: str) -> str:
    (role,) = admin.get(f"{V3}/roles?name={name}").get_json()["roles"]
    return str(role["id"])


def grant(admin: ApiClient, user: str, project: str, role: str) -> str:
    path = f"{V3}/projects/{project}/users/{user}/roles/{role_id(admin, role)}"
    assert admin.request("PUT", path).status_code == 204
    return path


def log_in_code(http: FlaskClient, name: str, password: str, project: str | None = None) -> int:
    return http.post(TOKENS, json=login_body(name, password, project)).status_code


def test_a_project_as_it_is_shown(admin_client: ApiClient) -> None:
    project = make(admin_client, "project", name="red", description="the red one", tags=["b", "a"])

    assert project == {
        "id": project["id"],
        "name": "red",
        "description": "the red one",
        "enabled": True,
        "domain_id": "default",
        "parent_id": "default",
        "is_domain": False,
        "tags": ["b", "a"],
        "options": {},
        "links": {"self": f"http://127.0.0.1:8774{V3}/projects/{project['id']}"},
    }
    assert len(project["id"]) == 32


def test_a_user_as_it_is_shown(admin_client: ApiClient) -> None:
    user = make(
        admin_client, "user", name="ann", password="canary-1", email="ann@example.org", floor="3"
    )

    assert user == {
        "id": user["id"],
        "name": "ann",
        "email": "ann@example.org",
        "floor": "3",
        "enabled": True,
        "domain_id": "default",
        "password_expires_at": None,
        "options": {},
        "links": {"self": f"http://127.0.0.1:8774{V3}/users/{user['id']}"},
    }
    assert admin_client.get(f"{V3}/users/{user['id']}").get_json()["user"] == user


def test_a_new_user_logs_in_once_it_has_a_role(admin_client: ApiClient) -> None:
    http = admin_client.http
    project = make(admin_client, "project", name="red")
    user = make(admin_client, "user", name="ann", password="secret")
    assert log_in_code(http, "ann", "secret", "red") == 401

    path = grant(admin_client, user["id"], project["id"], "member")

    assert log_in_code(http, "ann", "secret", "red") == 201
    assert admin_client.request("HEAD", path).status_code == 204
    assert admin_client.delete(path).status_code == 204
    assert admin_client.get(path).status_code == 404
    assert admin_client.delete(path).status_code == 404
    assert log_in_code(http, "ann", "secret", "red") == 401


def test_a_user_without_a_password_cannot_log_in(admin_client: ApiClient) -> None:
    make(admin_client, "user", name="ann")

    assert log_in_code(admin_client.http, "ann", "") == 401


def test_what_is_changed_is_shown_and_the_rest_stays(admin_client: ApiClient) -> None:
    user = make(admin_client, "user", name="ann", email="a@example.org", floor="3", desk="9")

    answer = change(admin_client, "user", user["id"], name="bea", email=None, desk="10")

    assert answer.status_code == 200
    shown = answer.get_json()["user"]
    assert (shown["name"], shown["floor"], shown["desk"]) == ("bea", "3", "10")
    assert "email" not in shown


@pytest.mark.parametrize("change_of", [{"password": "another"}, {"enabled": False}])
def test_a_password_changed_or_a_user_disabled_ends_its_tokens(
    admin_client: ApiClient, client: ApiClient, change_of: dict[str, Any]
) -> None:
    (lab,) = admin_client.get(f"{V3}/users?name=lab").get_json()["users"]

    assert change(admin_client, "user", lab["id"], **change_of).status_code == 200

    assert client.get("/compute/v2.1/servers").status_code == 401


def test_a_disabled_project_lets_nobody_in(admin_client: ApiClient, client: ApiClient) -> None:
    (lab,) = admin_client.get(f"{V3}/projects?name=lab").get_json()["projects"]

    assert change(admin_client, "project", lab["id"], enabled=False).status_code == 200

    assert client.get("/compute/v2.1/servers").status_code == 401
    shown = admin_client.get(f"{V3}/projects?enabled=false").get_json()["projects"]
    assert [project["name"] for project in shown] == ["lab"]


def test_a_role_that_is_taken_away_is_missed_by_the_next_request(
    admin_client: ApiClient, client: ApiClient
) -> None:
    (lab,) = admin_client.get(f"{V3}/users?name=lab").get_json()["users"]
    (project,) = admin_client.get(f"{V3}/projects?name=lab").get_json()["projects"]
    path = f"{V3}/projects/{project['id']}/users/{lab['id']}/roles"

    admin_client.delete(f"{path}/{role_id(admin_client, 'member')}")

    assert client.post("/compute/v2.1/os-keypairs", {"keypair": {"name": "k"}}).status_code == 403
    assert client.get("/compute/v2.1/os-keypairs").status_code == 200


def test_deleting_a_user_takes_all_of_it(admin_client: ApiClient, client: ApiClient) -> None:
    client.post("/compute/v2.1/os-keypairs", {"keypair": {"name": "k"}})
    (lab,) = admin_client.get(f"{V3}/users?name=lab").get_json()["users"]

    assert admin_client.delete(f"{V3}/users/{lab['id']}").status_code == 204

    assert client.get("/compute/v2.1/servers").status_code == 401
    assert admin_client.get(f"{V3}/users/{lab['id']}").status_code == 404
    found = admin_client.get(f"{V3}/role_assignments?user.id={lab['id']}").get_json()
    assert found["role_assignments"] == []


def test_a_project_with_something_in_it_is_kept(cloud: SmallCloud, admin_client: ApiClient) -> None:
    cloud.create()
    (project,) = admin_client.get(f"{V3}/projects?name=lab").get_json()["projects"]

    answer = admin_client.delete(f"{V3}/projects/{project['id']}")

    assert answer.status_code == 409
    assert "1 servers" in answer.get_json()["error"]["message"]


def test_an_empty_project_goes(admin_client: ApiClient) -> None:
    project = make(admin_client, "project", name="red")

    assert admin_client.delete(f"{V3}/projects/{project['id']}").status_code == 204
    assert admin_client.delete(f"{V3}/projects/{project['id']}").status_code == 404


def test_roles_of_ones_own_can_be_made_and_mean_as_much_as_reader(
    admin_client: ApiClient,
) -> None:
    role = make(admin_client, "role", name="auditor")
    project = make(admin_client, "project", name="red")
    user = make(admin_client, "user", name="ann", password="secret")
    grant(admin_client, user["id"], project["id"], "auditor")
    answer = admin_client.http.post(TOKENS, json=login_body("ann", "secret", "red"))
    auditor = ApiClient(admin_client.http, answer.headers["X-Subject-Token"])

    assert auditor.get("/compute/v2.1/servers").status_code == 200
    assert auditor.post("/compute/v2.1/os-keypairs", {"keypair": {"name": "k"}}).status_code == 403
    renamed = change(admin_client, "role", role["id"], name="inspector", description="looks")
    assert renamed.get_json()["role"]["description"] == "looks"
    assert admin_client.delete(f"{V3}/roles/{role['id']}").status_code == 204
    assert auditor.get("/compute/v2.1/servers").status_code == 401


def test_assignments_are_listed_by_what_is_asked(admin_client: ApiClient) -> None:
    (lab,) = admin_client.get(f"{V3}/users?name=lab").get_json()["users"]
    (project,) = admin_client.get(f"{V3}/projects?name=lab").get_json()["projects"]
    member = role_id(admin_client, "member")
    admin_client.request("PUT", f"{V3}/system/users/{lab['id']}/roles/{member}")

    def names(query: str) -> list[tuple[str, str]]:
        path = f"{V3}/role_assignments?include_names&{query}"
        found = admin_client.get(path).get_json()["role_assignments"]
        return [(one["user"]["name"], one["role"]["name"]) for one in found]

    assert names(f"scope.project.id={project['id']}") == [("lab", "member"), ("lab", "reader")]
    assert names(f"user.id={lab['id']}&role.id={member}") == [("lab", "member"), ("lab", "member")]
    assert names("scope.system=all") == [("lab", "member")]
    assert names("group.id=x") == []
    assert len(names("")) == 6


def test_a_role_in_the_system_is_kept_and_grants_nothing(admin_client: ApiClient) -> None:
    user = make(admin_client, "user", name="ann", password="secret")
    path = f"{V3}/system/users/{user['id']}/roles/{role_id(admin_client, 'admin')}"

    assert admin_client.request("PUT", path).status_code == 204

    assert admin_client.request("HEAD", path).status_code == 204
    answer = admin_client.http.post(TOKENS, json=login_body("ann", "secret"))
    unscoped = ApiClient(admin_client.http, answer.headers["X-Subject-Token"])
    assert unscoped.get(f"{V3}/users").status_code == 403
    assert admin_client.delete(path).status_code == 204


def test_a_token_for_the_system_shows_the_roles_there_and_opens_nothing(
    admin_client: ApiClient,
) -> None:
    user = make(admin_client, "user", name="ann", password="secret")
    path = f"{V3}/system/users/{user['id']}/roles/{role_id(admin_client, 'admin')}"
    login = login_body("ann", "secret")
    login["auth"]["scope"] = {"system": {"all": True}}
    assert admin_client.http.post(TOKENS, json=login).status_code == 401  # no role there yet
    admin_client.request("PUT", path)

    answer = admin_client.http.post(TOKENS, json=login)

    token = answer.get_json()["token"]
    assert (answer.status_code, token["system"]) == (201, {"all": True})
    assert [role["name"] for role in token["roles"]] == ["admin"]
    assert "project" not in token
    ann = ApiClient(admin_client.http, answer.headers["X-Subject-Token"])
    assert ann.get(f"{V3}/auth/system").get_json()["system"] == [{"all": True}]
    for closed in (f"{V3}/users", f"{V3}/projects", "/compute/v2.1/servers", "/image/v2/images"):
        assert ann.get(closed).status_code == 403
    others = {"X-Subject-Token": admin_client.token}
    assert ann.get(TOKENS, headers=others).status_code == 403
    admin_client.delete(path)
    assert ann.get(f"{V3}/auth/system").status_code == 401


def test_a_users_id_may_be_told_and_not_changed(admin_client: ApiClient) -> None:
    user = make(admin_client, "user", name="ann")

    assert change(admin_client, "user", user["id"], id=user["id"]).status_code == 200
    assert change(admin_client, "user", user["id"], id="another").status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "said"),
    [
        ("POST", "users", {"user": {}}, 400, "name"),
        ("POST", "users", {"user": {"name": " "}}, 400, "user.name"),
        ("POST", "users", {"user": {"name": "a\nb"}}, 400, "user.name"),
        ("POST", "users", {"user": {"name": "x" * 256}}, 400, "user.name"),
        ("POST", "users", {"user": {"name": "x", "password": 7}}, 400, "user.password"),
        ("POST", "users", {"user": {"name": "x", "password": ""}}, 400, "user.password"),
        ("POST", "users", {"user": {"name": "x", "enabled": "yes"}}, 400, "user.enabled"),
        ("POST", "users", {"user": {"name": "x", "id": "1"}}, 400, "user.id"),
        ("POST", "users", {"user": {"name": "x", "extra": {"a": 1}}}, 400, "user.extra"),
        ("POST", "users", {"user": {"name": "x", "domain_id": "other"}}, 404, "domain_id"),
        ("POST", "users", {"user": {"name": "x", "options": {"a": 1}}}, 400, "user.options"),
        (
            *("POST", "users"),
            {"user": {"name": "x", "default_project_id": "nothing"}},
            *(400, "default_project_id"),
        ),
        ("POST", "users", {"user": {"name": "lab"}}, 409, "lab"),
        ("PATCH", "users/{lab}", {"user": {"name": "admin"}}, 409, "name"),
        ("PATCH", "users/{admin}", {"user": {"enabled": False}}, 403, "user.enabled"),
        ("PATCH", "users/{admin}", {"user": {"name": "root"}}, 403, "user.name"),
        ("DELETE", "users/{admin}", None, 403, "admin"),
        ("DELETE", "users/nobody", None, 404, "nobody"),
        ("POST", "projects", {"project": {"name": ""}}, 400, "project.name"),
        ("POST", "projects", {"project": {"name": "x" * 65}}, 400, "project.name"),
        ("POST", "projects", {"project": {"name": "lab"}}, 409, "lab"),
        ("POST", "projects", {"project": {"name": "x", "colour": "red"}}, 400, "colour"),
        ("POST", "projects", {"project": {"name": "x", "is_domain": True}}, 400, "is_domain"),
        ("POST", "projects", {"project": {"name": "x", "tags": ["a,b"]}}, 400, "tags"),
        ("POST", "projects", {"project": {"name": "x", "parent_id": "lab"}}, 404, "parent_id"),
        ("PATCH", "projects/nothing", {"project": {"name": "x"}}, 404, "nothing"),
        ("POST", "roles", {"role": {"name": "admin"}}, 409, "admin"),
        ("POST", "roles", {"role": {"name": "x", "domain_id": "default"}}, 400, "domain_id"),
        ("DELETE", "roles/{reader}", None, 403, "reader"),
        ("PATCH", "roles/{reader}", {"role": {"name": "looker"}}, 403, "role.name"),
        ("PUT", "projects/nothing/users/{lab}/roles/{reader}", None, 404, "nothing"),
        ("PUT", "projects/{red}/users/nobody/roles/{reader}", None, 404, "nobody"),
        ("PUT", "projects/{red}/users/{lab}/roles/nothing", None, 404, "nothing"),
        ("GET", "domains/other", None, 404, "other"),
        ("GET", "users?name__contains=a", None, 400, "name__contains"),
        ("GET", "projects?limit=1", None, 400, "limit"),
        ("GET", "role_assignments?colour=red", None, 400, "colour"),
        ("DELETE", "projects/{the_project}/users/{admin}/roles/{king}", None, 403, "stays admin"),
        ("GET", "regions/other", None, 404, "other"),
    ],
)
def test_what_is_refused_names_its_cause(
    admin_client: ApiClient, method: str, path: str, body: Any, code: int, said: str
) -> None:
    ids = {user["name"]: user["id"] for user in _list(admin_client, "users")}
    ids |= {"reader": role_id(admin_client, "reader"), "king": role_id(admin_client, "admin")}
    ids["the_project"] = _list(admin_client, "projects?name=admin")[0]["id"]
    ids["red"] = make(admin_client, "project", name="red")["id"]

    answer = admin_client.request(method, f"{V3}/{path.format(**ids)}", json=body)

    assert answer.status_code == code
    assert said in answer.get_json()["error"]["message"]


def test_a_wrong_password_is_not_echoed(admin_client: ApiClient) -> None:
    body = {"user": {"name": "x", "password": ["canary-2"]}}

    answer = admin_client.post(f"{V3}/users", body)

    assert answer.status_code == 400
    assert "canary-2" not in answer.text


def test_a_member_sees_itself_and_its_projects_and_nobody_else(
    client: ApiClient, admin_client: ApiClient
) -> None:
    ids = {user["name"]: user["id"] for user in _list(admin_client, "users")}

    assert client.get(f"{V3}/users/{ids['lab']}").get_json()["user"]["name"] == "lab"
    own = client.get(f"{V3}/users/{ids['lab']}/projects").get_json()["projects"]
    assert [project["name"] for project in own] == ["lab"]
    assert client.get(f"{V3}/users/{ids['admin']}").status_code == 404
    assert client.get(f"{V3}/users/{ids['admin']}/projects").status_code == 404
    assert client.get(f"{V3}/users").status_code == 403
    assert client.get(f"{V3}/projects").status_code == 403


def test_a_user_changes_its_own_password(client: ApiClient, admin_client: ApiClient) -> None:
    ids = {user["name"]: user["id"] for user in _list(admin_client, "users")}
    path = f"{V3}/users/{ids['lab']}/password"
    change_of = {"user": {"original_password": "wrong", "password": "a new one"}}
    assert client.post(path, change_of).status_code == 401
    change_of = {"user": {"original_password": "x", "password": "a new one"}}
    assert client.post(f"{V3}/users/{ids['admin']}/password", change_of).status_code == 404
    assert change(admin_client, "user", ids["lab"], password="now known").status_code == 200
    answer = client.http.post(TOKENS, json=login_body("lab", "now known"))
    again = ApiClient(client.http, answer.headers["X-Subject-Token"])

    change_of = {"user": {"original_password": "now known", "password": "a new one"}}
    assert again.post(path, change_of).status_code == 204

    assert again.get("/compute/v2.1/servers").status_code == 401
    assert log_in_code(client.http, "lab", "now known") == 401
    assert log_in_code(client.http, "lab", "a new one") == 201
    wrong = {"user": {"original_password": "now known", "password": "a third"}}
    assert admin_client.post(path, wrong).status_code == 401
    right = {"user": {"original_password": "a new one", "password": "a third"}}
    assert admin_client.post(path, right).status_code == 204


def test_the_places_are_there_to_look_at(client: ApiClient) -> None:
    services = _list(client, "services")
    endpoints = _list(client, "endpoints")

    assert [service["type"] for service in services] == ["identity", "compute", "image", "network"]
    assert len(endpoints) == 12
    for what, one in (("service", services[1]), ("endpoint", endpoints[5])):
        shown = client.get(f"{V3}/{what}s/{one['id']}").get_json()[what]
        assert shown == one
    assert [region["id"] for region in _list(client, "regions")] == ["RegionOne"]
    assert [domain["name"] for domain in _list(client, "domains?name=Default")] == ["Default"]
    assert client.get(f"{V3}/domains/default").get_json()["domain"]["enabled"] is True


def _list(client: ApiClient, what: str) -> list[dict[str, Any]]:
    return list(client.get(f"{V3}/{what}").get_json()[what.partition("?")[0]])
