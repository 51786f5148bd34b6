# SPDX-License-Identifier: Apache-2.0
"""/os-keypairs, and servers that are made with one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from agent.model.identity import Project
from tests.fast.api.conftest import (
    PASSWORD,
    ApiClient,
    At,
    add_user,
    create,
    log_in,
    make_server,
)
from tests.fast.application import build_app
from tests.fast.smallcloud import SmallCloud
from tests.keys import ED25519, ED25519_FINGERPRINT, RSA, RSA_FINGERPRINT

KEYPAIRS = "/compute/v2.1/os-keypairs"


def keep(client: ApiClient, name: str, public_key: str = ED25519) -> TestResponse:
    return client.post(KEYPAIRS, {"keypair": {"name": name, "public_key": public_key}})


@pytest.fixture
def colleague(cloud: SmallCloud, app: Flask) -> ApiClient:
    """Another member of the project lab."""
    project = cloud.parts.store.identity.find_project("lab")
    assert isinstance(project, Project)
    add_user(cloud, "colleague", project, "member")
    return log_in(app, "colleague", PASSWORD, "lab")


def test_an_imported_key_is_shown_as_it_was_given(cloud: SmallCloud, client: ApiClient) -> None:
    answer = keep(client, "my key", RSA)

    assert answer.status_code == 200
    assert answer.get_json() == {
        "keypair": {
            "name": "my key",
            "public_key": RSA,
            "fingerprint": RSA_FINGERPRINT,
            "user_id": cloud.asking.caller.user.id,
        }
    }


def test_show_has_every_field_of_the_standard(cloud: SmallCloud, client: ApiClient) -> None:
    keep(client, "my key", f"{ED25519}\n")

    answer = client.get(f"{KEYPAIRS}/my key")

    assert answer.status_code == 200
    assert answer.get_json() == {
        "keypair": {
            "id": 1,
            "name": "my key",
            "public_key": f"{ED25519}\n",
            "fingerprint": ED25519_FINGERPRINT,
            "user_id": cloud.asking.caller.user.id,
            "created_at": "2026-01-01T00:00:00.000000",
            "updated_at": None,
            "deleted": False,
            "deleted_at": None,
        }
    }


def test_the_list_has_three_fields_each(client: ApiClient) -> None:
    keep(client, "b", RSA)
    keep(client, "a")

    assert client.get(KEYPAIRS).get_json() == {
        "keypairs": [
            {"keypair": {"name": "a", "public_key": ED25519, "fingerprint": ED25519_FINGERPRINT}},
            {"keypair": {"name": "b", "public_key": RSA, "fingerprint": RSA_FINGERPRINT}},
        ]
    }


def test_a_made_key_is_given_once_and_its_private_half_kept_nowhere(
    cloud: SmallCloud, client: ApiClient
) -> None:
    answer = client.post(KEYPAIRS, {"keypair": {"name": "new"}})

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    made = answer.get_json()["keypair"]
    assert sorted(made) == ["fingerprint", "name", "private_key", "public_key", "user_id"]
    shown = client.get(f"{KEYPAIRS}/new").get_json()["keypair"]
    assert "private_key" not in shown
    assert shown["public_key"] == made["public_key"]
    a_line_of_it = made["private_key"].splitlines()[5].encode()
    for file in cloud.config.state_dir.rglob("*"):
        assert not file.is_file() or a_line_of_it not in file.read_bytes()


def test_delete_answers_202_and_the_keypair_is_gone(client: ApiClient) -> None:
    keep(client, "a")

    answer = client.delete(f"{KEYPAIRS}/a")

    assert (answer.status_code, answer.data) == (202, b"")
    assert client.get(KEYPAIRS).get_json() == {"keypairs": []}
    assert client.delete(f"{KEYPAIRS}/a").status_code == 404


@pytest.mark.parametrize("name", ["a", "A-z_0 9", "k" * 255])
def test_a_good_name_is_taken(client: ApiClient, name: str) -> None:
    assert keep(client, name).status_code == 200


@pytest.mark.parametrize("name", ["", " ", " a", "a ", "a\n", "a.b", "a@b", "é", "a/b", "k" * 256])
def test_a_bad_name_is_400_and_named(client: ApiClient, name: str) -> None:
    answer = keep(client, name)

    assert answer.status_code == 400
    assert "keypair.name" in answer.get_json()["badRequest"]["message"]
    assert client.get(KEYPAIRS).get_json() == {"keypairs": []}


@pytest.mark.parametrize("key", ["", "ssh-rsa AAAA", f"{ED25519}\n{RSA}", "A" * 20_000])
def test_a_bad_key_is_400_and_named(client: ApiClient, key: str) -> None:
    answer = keep(client, "a", key)

    assert answer.status_code == 400
    assert "public_key" in answer.get_json()["badRequest"]["message"]
    assert client.get(KEYPAIRS).get_json() == {"keypairs": []}


def test_a_taken_name_is_409(client: ApiClient) -> None:
    keep(client, "a")

    for answer in (keep(client, "a", RSA), client.post(KEYPAIRS, {"keypair": {"name": "a"}})):
        assert answer.status_code == 409
        message = answer.get_json()["conflictingRequest"]["message"]
        assert message == "Key pair 'a' already exists."


def test_more_than_the_quota_is_403_and_limits_says_how_many(
    cloud: SmallCloud, client: ApiClient
) -> None:
    cloud.config = replace(cloud.config, quota=replace(cloud.config.quota, keypairs=2))
    cloud.reboot()
    client = ApiClient(build_app(cloud).test_client(), client.token)
    keep(client, "a")
    keep(client, "b")

    answer = keep(client, "c")

    assert answer.status_code == 403
    assert answer.get_json()["forbidden"]["message"] == "Quota exceeded, too many key pairs."
    limits = client.get("/compute/v2.1/limits").get_json()["limits"]["absolute"]
    assert limits["maxTotalKeypairs"] == 2


def test_a_keypair_is_its_users_alone(
    client: ApiClient, colleague: ApiClient, admin_client: ApiClient
) -> None:
    keep(client, "a")

    for other in (colleague, admin_client):
        assert other.get(KEYPAIRS).get_json() == {"keypairs": []}
        assert other.get(f"{KEYPAIRS}/a").status_code == 404
        assert other.delete(f"{KEYPAIRS}/a").status_code == 404
        assert keep(other, "a").status_code == 200


def test_a_reader_keeps_no_keys(reader_client: ApiClient) -> None:
    assert keep(reader_client, "a").status_code == 403
    assert reader_client.delete(f"{KEYPAIRS}/a").status_code == 403
    assert reader_client.get(KEYPAIRS).get_json() == {"keypairs": []}


def test_a_server_gets_the_key_that_it_is_made_with(
    cloud: SmallCloud, client: ApiClient, image_id: str
) -> None:
    keep(client, "my key")
    server_id = make_server(client, image_id, key_name="my key")
    client.delete(f"{KEYPAIRS}/my key")
    cloud.work()

    assert client.show(server_id)["key_name"] == "my key"
    drive = (cloud.config.state_dir / "servers" / server_id / "config.iso").read_bytes()
    assert json.dumps({"my key": ED25519})[1:-1].encode() in drive


def test_another_users_key_is_no_key_for_a_server(
    client: ApiClient, colleague: ApiClient, image_id: str
) -> None:
    keep(colleague, "a")

    answer = create(client, image_id, key_name="a")

    assert answer.status_code == 400
    assert answer.get_json()["badRequest"]["message"] == "Invalid key_name provided."


# The versions.


def ask(at: At, version: str, who: str = "lab", **fields: object) -> TestResponse:
    body = {"keypair": {"name": "a", "public_key": ED25519, **fields}}
    return at(version, who).ask("POST", "/os-keypairs", body)


def test_a_type_and_other_codes_come_with_2_2(at: At) -> None:
    assert ask(at, "2.1", type="ssh").status_code == 400
    made = ask(at, "2.2", type="ssh")

    assert (made.status_code, made.get_json()["keypair"]["type"]) == (201, "ssh")
    assert at("2.2").get("/os-keypairs/a")["keypair"]["type"] == "ssh"
    assert at("2.2").get("/os-keypairs")["keypairs"][0]["keypair"]["type"] == "ssh"
    assert "type" not in at("2.1").get("/os-keypairs/a")["keypair"]
    assert ask(at, "2.2", name="b", type="pgp").status_code == 400
    assert at("2.2").ask("DELETE", "/os-keypairs/a").status_code == 204


def test_a_certificate_is_made_or_imported_and_lets_nobody_into_a_server(
    at: At, client: ApiClient, image_id: str
) -> None:
    made = at("2.2").ask("POST", "/os-keypairs", {"keypair": {"name": "c", "type": "x509"}})
    keypair = made.get_json()["keypair"]
    imported = ask(at, "2.2", name="d", type="x509", public_key=keypair["public_key"])

    assert made.status_code == imported.status_code == 201
    assert keypair["public_key"].startswith("-----BEGIN CERTIFICATE-----")
    assert "PRIVATE KEY" in keypair["private_key"]
    assert imported.get_json()["keypair"]["fingerprint"] == keypair["fingerprint"]
    assert len(keypair["fingerprint"]) == 59
    assert ask(at, "2.2", name="e", type="x509").status_code == 400
    wanted = {"name": "one", "imageRef": image_id, "flavorRef": "1", "key_name": "c"}
    refused = at("2.1").ask("POST", "/servers", {"server": wanted})
    assert refused.status_code == 400
    assert "x509" in refused.get_json()["badRequest"]["message"]


def test_administrators_name_the_user_from_2_10(cloud: SmallCloud, at: At) -> None:
    own = cloud.asking.caller.user.id
    query = f"?user_id={own}"

    assert ask(at, "2.9", "admin", user_id=own).status_code == 400
    made = ask(at, "2.10", "admin", user_id=own)
    assert made.get_json()["keypair"]["user_id"] == own
    assert at("2.10").get("/os-keypairs/a")["keypair"]["user_id"] == own
    assert at("2.10", "admin").get(f"/os-keypairs/a{query}") == at("2.10").get("/os-keypairs/a")
    assert len(at("2.10", "admin").get(f"/os-keypairs{query}")["keypairs"]) == 1
    assert at("2.10", "admin").get("/os-keypairs")["keypairs"] == []
    assert at("2.9", "admin").get(f"/os-keypairs{query}")["keypairs"] == []
    for method, path in (("GET", ""), ("GET", "/a"), ("DELETE", "/a")):
        answer = at("2.10").ask(method, f"/os-keypairs{path}?user_id=another")
        assert answer.status_code == 403
    assert ask(at, "2.10", name="b", user_id="another").status_code == 403
    assert ask(at, "2.10", name="b", user_id=own).status_code == 201
    assert at("2.10", "admin").ask("DELETE", f"/os-keypairs/a{query}").status_code == 204


def test_keypairs_come_in_pages_from_2_35(at: At) -> None:
    for name in ("b", "c", "a"):
        ask(at, "2.35", name=name)

    def names(body: dict[str, list[dict[str, dict[str, str]]]]) -> list[str]:
        return [each["keypair"]["name"] for each in body["keypairs"]]

    first = at("2.35").get("/os-keypairs?limit=2")

    assert names(first) == ["a", "b"]
    href = "http://127.0.0.1:8774/compute/v2.1/os-keypairs?limit=2&marker=b"
    assert first["keypairs_links"] == [{"rel": "next", "href": href}]
    assert names(at("2.35").get("/os-keypairs?limit=2&marker=b")) == ["c"]
    assert at("2.35").ask("GET", "/os-keypairs?marker=x").status_code == 400
    assert names(at("2.34").get("/os-keypairs?limit=2&marker=x")) == ["a", "b", "c"]
    assert at("2.74").ask("GET", "/os-keypairs?colour=blue").status_code == 200
    assert at("2.75").ask("GET", "/os-keypairs?colour=blue").status_code == 400


def test_from_2_92_on_keys_are_imported_only_and_names_may_have_more(at: At) -> None:
    assert ask(at, "2.91", name="me@home.org").status_code == 400
    assert ask(at, "2.92", name="me@home.org").status_code == 201
    body = {"keypair": {"name": "b"}}
    assert at("2.91").ask("POST", "/os-keypairs", body).status_code == 201
    assert at("2.92").ask("POST", "/os-keypairs", {"keypair": {"name": "c"}}).status_code == 400
    assert at("2.1").get("/os-keypairs/me@home.org")["keypair"]["name"] == "me@home.org"
