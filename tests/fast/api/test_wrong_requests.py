# SPDX-License-Identifier: Apache-2.0
"""A wrong request is refused in the standard's words, names what is wrong, and changes nothing.

All rows run against one cloud: since none changes anything, each finds what the first found.
Around each, all of the database, libvirt and the state folder is compared.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from agent.model.identity import Project
from agent.model.securitygroup import default_id
from tests.fast.api.conftest import (
    PASSWORD,
    ApiClient,
    add_user,
    log_in,
    log_in_from_file,
    make_server,
)
from tests.fast.api.wrong_admin_requests import WRONG_ADMIN
from tests.fast.api.wrong_image_requests import WRONG_IMAGES
from tests.fast.api.wrong_later_requests import WRONG_LATER
from tests.fast.api.wrong_requests import IMAGES, KEYPAIRS, WRONG, Wrong
from tests.fast.api.wrong_security_requests import WRONG_SECURITY
from tests.fast.application import build_app
from tests.fast.smallcloud import SmallCloud
from tests.keys import ED25519

ERROR_KEYS = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    406: "computeFault",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    416: "computeFault",
    501: "notImplemented",
}
"""What the Compute API calls an error of each code."""


ALL_WRONG = (*WRONG, *WRONG_IMAGES, *WRONG_LATER, *WRONG_ADMIN, *WRONG_SECURITY)


@dataclass(frozen=True, slots=True)
class World:
    """A cloud with a little of everything in it, and those who may ask."""

    cloud: SmallCloud
    clients: dict[str, ApiClient]
    ids: dict[str, str]

    def send(self, wrong: Wrong) -> TestResponse:
        body = {} if wrong.body is None else {"json": json.loads(self.fill(wrong.body))}
        data = (
            {} if wrong.data is None else {"data": wrong.data, "content_type": wrong.content_type}
        )
        path = self.fill(wrong.path).strip('"')
        headers = dict(wrong.headers)
        return self.clients[wrong.who].request(wrong.method, path, headers=headers, **body, **data)

    def fill(self, value: Any) -> str:
        """Write a value as JSON, with the ids of this world in the places of their names."""
        text = json.dumps(value)
        for name, its_id in self.ids.items():
            text = text.replace(f"{{{name}}}", its_id)
        return text

    def inventory(self) -> dict[str, Any]:
        """All rows of all tables, all domains with their states, all files with their sizes."""
        state = self.cloud.config.state_dir
        return {
            "rows": rows_of(state / "cumulet.db"),
            "domains": {d.UUIDString(): d.state() for d in self.cloud.connection.listAllDomains()},
            "files": {
                path: path.stat().st_size
                for path in state.rglob("*")
                if not path.name.startswith("cumulet.db")
            },
        }


def rows_of(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    with closing(sqlite3.connect(database)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: connection.execute(f"SELECT * FROM {name}").fetchall()
            for (name,) in tables.fetchall()
        }


@pytest.fixture(scope="module")
def world(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    cloud = SmallCloud.open(template, tmp_path_factory.mktemp("world"))
    clients = log_all_in(cloud)
    user, other = clients["user"], clients["other"]
    image = str(user.get(IMAGES).get_json()["images"][0]["id"])
    network = str(user.get("/network/v2.0/networks").get_json()["networks"][0]["id"])
    kept = user.post(KEYPAIRS, {"keypair": {"name": "mine", "public_key": ED25519}})
    assert kept.status_code == 200
    bare = clients["admin"].post("/network/v2.0/networks", {"network": {}}).get_json()
    port = user.post("/network/v2.0/ports", {"port": {"network_id": network}}).get_json()
    ids = {
        "bare_net": str(bare["network"]["id"]),
        "port": str(port["port"]["id"]),
        "image": image,
        "network": network,
        "active": make_server(user, image, metadata={"role": "web"}),
        "foreign": make_server(other, image),
        "queued": register(user, disk_format="qcow2", container_format="bare"),
        "shapeless": register(user),
        "boxed": register(user, disk_format="vmdk", container_format="ova"),
        "private": register(user, visibility="private"),
        "protected": register(user, protected=True),
        "tagged": register(user, tags=[f"tag {n}" for n in range(128)], os_type="linux"),
        "theirs": register(other, visibility="private"),
        "shared": register(other),
        "nobody": "b9a3c1f2-0000-4000-8000-000000000001",
    }
    lab = user.get("/identity/v3/auth/projects").get_json()["projects"][0]["id"]
    ids["lab"] = ids["project"] = str(lab)
    ids["group"] = default_id(str(lab))
    assert other.post(f"{IMAGES}/{ids['shared']}/members", {"member": lab}).status_code == 200
    cloud.work()
    ids["building"] = make_server(user, image, metadata={"a": "b"})
    yield World(cloud, clients, ids)
    cloud.close()


def log_all_in(cloud: SmallCloud) -> dict[str, ApiClient]:
    app = build_app(cloud)
    identity = cloud.parts.store.identity
    lab, other = identity.find_project("lab"), Project("0" * 32, "other")
    assert lab is not None
    identity.add_project(other)
    add_user(cloud, "auditor", lab, "reader")
    add_user(cloud, "other", other, "member")
    return {
        "user": log_in_from_file(cloud, app, "cumulet"),
        "admin": log_in_from_file(cloud, app, "cumulet-admin"),
        "reader": log_in(app, "auditor", PASSWORD, "lab"),
        "other": log_in(app, "other", PASSWORD, "other"),
        "nobody": ApiClient(app.test_client(), ""),
    }


def register(client: ApiClient, **fields: Any) -> str:
    return str(client.post(IMAGES, {"name": "disk", **fields}).get_json()["id"])


def message_of(wrong: Wrong, answer: TestResponse) -> str:
    """The message of an error, which stands where its service's clients look for it."""
    error = answer.get_json()
    if wrong.path.startswith("/network/"):
        return str(error["NeutronError"]["message"])
    if wrong.path.startswith("/image/"):
        assert error["code"] == wrong.code
        return str(error["message"])
    (key,) = error
    of_identity = wrong.path.startswith("/identity/")
    assert key == ("error" if of_identity else ERROR_KEYS[wrong.code])
    assert error[key]["code"] == wrong.code
    return str(error[key]["message"])


def name_of(wrong: Wrong) -> str:
    return f"{wrong.method} {wrong.path} {wrong.code} {wrong.said}"


def test_there_are_many_and_of_every_kind() -> None:
    assert len(ALL_WRONG) > 200
    assert {wrong.code for wrong in ALL_WRONG} == ERROR_KEYS.keys()


def test_a_change_would_be_noticed(world: World) -> None:
    before = world.inventory()

    world.clients["user"].post(KEYPAIRS, {"keypair": {"name": "new", "public_key": ED25519}})

    assert world.inventory() != before
    world.clients["user"].delete(f"{KEYPAIRS}/new")


@pytest.mark.parametrize("wrong", ALL_WRONG, ids=name_of)
def test_a_wrong_request_is_refused_named_and_changes_nothing(world: World, wrong: Wrong) -> None:
    before = world.inventory()

    answer = world.send(wrong)

    assert answer.status_code == wrong.code, answer.text
    assert world.fill(wrong.said).strip('"') in message_of(wrong, answer)
    assert world.inventory() == before
