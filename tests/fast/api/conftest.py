# SPDX-License-Identifier: Apache-2.0
"""Callers of the API: each speaks HTTP to the real application over a real database."""

from __future__ import annotations

import functools
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from agent.identity.hashing import hash_password, hash_token
from agent.model.identity import Project, Token, User
from tests.fast.application import build_app
from tests.fast.smallcloud import SmallCloud

PASSWORD = "correct horse battery"


@dataclass(frozen=True, slots=True)
class ApiClient:
    """One user's way into the API."""

    http: FlaskClient
    token: str

    def request(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {"X-Auth-Token": self.token, **options.pop("headers", {})}
        return self.http.open(path, method=method, headers=headers, **{"buffered": True, **options})

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.request("GET", path, **options)

    def post(self, path: str, json: object = None, **options: Any) -> TestResponse:
        return self.request("POST", path, **({"json": json} if json is not None else {}), **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.request("DELETE", path, **options)

    def act(self, server_id: str, action: object) -> TestResponse:
        return self.post(f"/compute/v2.1/servers/{server_id}/action", action)

    def show(self, server_id: str) -> dict[str, Any]:
        return dict(self.get(f"/compute/v2.1/servers/{server_id}").get_json()["server"])


def login_body(name: str, password: str, project: str | None = None) -> dict[str, Any]:
    """The body that every stock client sends to log in."""
    domain = {"id": "default"}
    user = {"name": name, "password": password, "domain": domain}
    auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
    if project is not None:
        auth["scope"] = {"project": {"name": project, "domain": domain}}
    return {"auth": auth}


def log_in(app: Flask, name: str, password: str, project: str) -> ApiClient:
    http = app.test_client()
    answer = http.post("/identity/v3/auth/tokens", json=login_body(name, password, project))
    assert answer.status_code == 201, answer.text
    return ApiClient(http, answer.headers["X-Subject-Token"])


def let_in(cloud: SmallCloud, app: Flask, name: str, project: str | None) -> ApiClient:
    """Give a user a token such as a log-in gives, without the 50 ms that scrypt takes for it.

    Without a project it is a token for none.
    """
    identity = cloud.parts.store.identity
    user, of = identity.find_user(name), identity.find_project(project) if project else None
    assert user is not None
    assert of is not None or project is None
    project_id = of.id if of else None
    secret, now = secrets.token_urlsafe(32), cloud.clock.now()
    expires_at = now + timedelta(hours=cloud.config.token_hours)
    audit_id = secrets.token_urlsafe(16)
    cloud.parts.store.tokens.add(
        Token(hash_token(secret), audit_id, user.id, project_id, ("password",), now, expires_at)
    )
    return ApiClient(app.test_client(), secret)


@functools.cache
def password_hash() -> str:
    """The hash of PASSWORD, made once."""
    return hash_password(PASSWORD)


def add_user(cloud: SmallCloud, name: str, project: Project, *roles: str) -> User:
    """Make a user with PASSWORD and roles in a project."""
    identity = cloud.parts.store.identity
    user = User(uuid.uuid4().hex, name, password_hash(), True, project.id)
    identity.add_user(user)
    for role in roles:
        cloud.parts.store.grants.assign(user.id, project.id, identity.ensure_role(role).id)
    return user


@pytest.fixture
def app(cloud: SmallCloud) -> Flask:
    return build_app(cloud)


@pytest.fixture
def anyone(app: Flask) -> FlaskClient:
    """A caller without a token."""
    return app.test_client()


def log_in_from_file(cloud: SmallCloud, app: Flask, name: str) -> ApiClient:
    clouds = yaml.safe_load((cloud.config.state_dir / "clouds.yaml").read_text())["clouds"]
    auth = clouds[name]["auth"]
    return log_in(app, auth["username"], auth["password"], auth["project_name"])


@pytest.fixture
def client(cloud: SmallCloud, app: Flask) -> ApiClient:
    """The user that init made: a member of the project lab."""
    return let_in(cloud, app, "lab", "lab")


@pytest.fixture
def admin_client(cloud: SmallCloud, app: Flask) -> ApiClient:
    """The administrator that init made."""
    return let_in(cloud, app, "admin", "admin")


@pytest.fixture
def other_client(cloud: SmallCloud, app: Flask) -> ApiClient:
    """A member of another project."""
    project = Project(uuid.uuid4().hex, "other")
    cloud.parts.store.identity.add_project(project)
    add_user(cloud, "other", project, "member")
    return let_in(cloud, app, "other", "other")


@pytest.fixture
def reader_client(cloud: SmallCloud, app: Flask) -> ApiClient:
    """One who may look at the project lab and change nothing of it."""
    project = cloud.parts.store.identity.find_project("lab")
    assert project is not None
    add_user(cloud, "auditor", project, "reader")
    return let_in(cloud, app, "auditor", "lab")


@dataclass(frozen=True, slots=True)
class Versioned:
    """A caller who speaks one version: paths are below /compute/v2.1."""

    client: ApiClient
    version: str

    def ask(self, method: str, path: str, json: object = None) -> TestResponse:
        headers = {"OpenStack-API-Version": f"compute {self.version}"}
        options: dict[str, Any] = {} if json is None else {"json": json}
        return self.client.request(method, f"/compute/v2.1{path}", headers=headers, **options)

    def get(self, path: str) -> Any:
        """The body of a GET that succeeds."""
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.get_json()


At = Callable[..., Versioned]


def speak_all_versions(cloud: SmallCloud) -> At:
    """Give callers of a cloud by version and name."""
    app = build_app(cloud)
    clients: dict[str, ApiClient] = {}

    def at(version: str, who: str = "lab") -> Versioned:
        if who not in clients:
            clients[who] = let_in(cloud, app, who, who)
        return Versioned(clients[who], version)

    return at


@pytest.fixture
def at(cloud: SmallCloud) -> At:
    """Gives callers by the version that they speak, and their name."""
    return speak_all_versions(cloud)


@pytest.fixture
def lab(cloud: SmallCloud) -> str:
    """The id of the project lab."""
    project = cloud.parts.store.identity.find_project("lab")
    assert project is not None
    return project.id


@dataclass(frozen=True, slots=True)
class SpeakingClient(ApiClient):
    """One who says in which version of the Compute API."""

    version: str = "2.1"

    def request(self, method: str, path: str, **options: Any) -> TestResponse:
        spoken = {"OpenStack-API-Version": f"compute {self.version}"}
        headers = {**spoken, **options.pop("headers", {})}
        return ApiClient.request(self, method, path, headers=headers, **options)


@pytest.fixture
def speak(cloud: SmallCloud, app: Flask) -> Callable[[str], ApiClient]:
    """Makes a client of the project lab that speaks a version."""
    token = let_in(cloud, app, "lab", "lab").token
    return lambda version: SpeakingClient(app.test_client(), token, version)


@pytest.fixture
def speak_admin(cloud: SmallCloud, app: Flask) -> Callable[[str], ApiClient]:
    """Makes a client of an administrator that speaks a version."""
    token = let_in(cloud, app, "admin", "admin").token
    return lambda version: SpeakingClient(app.test_client(), token, version)


@pytest.fixture
def image_id(client: ApiClient) -> str:
    """The id of the image tiny."""
    return str(client.get("/image/v2/images").get_json()["images"][0]["id"])


@pytest.fixture
def network_id(client: ApiClient) -> str:
    """The id of the network lab."""
    return str(client.get("/network/v2.0/networks").get_json()["networks"][0]["id"])


def create(client: ApiClient, image_id: str, **fields: Any) -> TestResponse:
    """Ask for a server, with m1.tiny and the given fields."""
    server = {"name": "one", "imageRef": image_id, "flavorRef": "1", **fields}
    return client.post("/compute/v2.1/servers", {"server": server})


def make_server(client: ApiClient, image_id: str, **fields: Any) -> str:
    """Make a server and give its id; it waits in BUILD for the engine."""
    answer = create(client, image_id, **fields)
    assert answer.status_code == 202, answer.text
    return str(answer.get_json()["server"]["id"])
