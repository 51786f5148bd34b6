# SPDX-License-Identifier: Apache-2.0
"""/network/v2.0: tags of networks, ports and the like, and lists that are filtered by them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.fast.api.conftest import ApiClient
from tests.fast.api.test_network_edits import CIDR, make, own_network
from tests.fast.smallcloud import SmallCloud

NETWORK = "/network/v2.0"
PLACES = {
    "network": "networks",
    "subnet": "subnets",
    "port": "ports",
    "security_group": "security-groups",
    "floatingip": "floatingips",
}
KINDS = tuple(PLACES)
OTHER_ID = "00000000-0000-4000-8000-000000000002"


@pytest.fixture
def cloud(cloud: SmallCloud) -> SmallCloud:
    """The cloud of a test, with floating addresses."""
    cloud.use_pool("192.0.2.10-192.0.2.20")
    cloud.reboot()
    return cloud


@pytest.fixture
def things(client: ApiClient) -> Mapping[str, str]:
    """The path of a network, its subnet, a port on it, a security group, a floating address."""
    network_id, subnet_id = own_network(client, CIDR)
    port_id = make(client, "port", network_id=network_id)["id"]
    (public,) = client.get(f"{NETWORK}/networks?name=public").get_json()["networks"]
    floating_ip = make(client, "floatingip", floating_network_id=public["id"])
    ids = (network_id, subnet_id, port_id, make_group(client, "web"), floating_ip["id"])
    return {
        kind: f"{NETWORK}/{PLACES[kind]}/{its_id}" for kind, its_id in zip(KINDS, ids, strict=True)
    }


def make_group(client: ApiClient, name: str) -> str:
    answer = client.post(f"{NETWORK}/security-groups", {"security_group": {"name": name}})
    return str(answer.get_json()["security_group"]["id"])


def put(client: ApiClient, path: str, body: object = None) -> Any:
    return client.request("PUT", path, **({} if body is None else {"json": body}))


def shown(client: ApiClient, kind: str, path: str) -> dict[str, Any]:
    return dict(client.get(path).get_json()[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_tags_are_set_shown_and_removed(
    client: ApiClient, things: Mapping[str, str], kind: str
) -> None:
    path = things[kind]
    tags = f"{path}/tags"
    before = shown(client, kind, path)
    answer = put(client, tags, {"tags": ["red", "blue"]})

    assert (answer.status_code, answer.get_json()) == (200, {"tags": ["blue", "red"]})
    assert client.get(tags).get_json() == {"tags": ["blue", "red"]}
    after = shown(client, kind, path)
    assert (before["tags"], after["tags"]) == ([], ["blue", "red"])
    assert after["revision_number"] == before["revision_number"] + 1
    added = put(client, f"{tags}/grün"), put(client, f"{tags}/red")
    assert [(one.status_code, one.data) for one in added] == [(201, b"")] * 2
    assert client.get(f"{tags}/grün").status_code == 204
    assert shown(client, kind, path)["revision_number"] == after["revision_number"] + 1
    assert client.delete(f"{tags}/blue").status_code == 204
    assert client.delete(f"{tags}/blue").status_code == 404
    missing = client.get(f"{tags}/blue")
    assert missing.status_code == 404
    assert missing.get_json()["NeutronError"]["message"] == "Tag blue could not be found."
    assert shown(client, kind, path)["tags"] == ["grün", "red"]
    assert client.delete(tags).status_code == 204
    assert client.get(tags).get_json() == {"tags": []}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_there_has_no_tags(client: ApiClient, kind: str) -> None:
    tags = f"{NETWORK}/{PLACES[kind]}/{OTHER_ID}/tags"
    answers = [
        client.get(tags),
        put(client, tags, {"tags": ["a"]}),
        client.delete(tags),
        client.get(f"{tags}/a"),
        put(client, f"{tags}/a"),
        client.delete(f"{tags}/a"),
    ]

    assert {answer.status_code for answer in answers} == {404}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"tags": "red"},
        {"tags": [1]},
        {"tags": [""]},
        {"tags": ["a", "a"]},
        {"tags": ["x" * 256]},
        {"tags": [f"tag {n}" for n in range(51)]},
    ],
    ids=["nothing", "a text", "a number", "empty", "twice", "too long", "too many"],
)
def test_wrong_tags_are_refused_and_nothing_changes(
    client: ApiClient, things: Mapping[str, str], body: object
) -> None:
    tags = f"{things['network']}/tags"
    put(client, tags, {"tags": ["kept"]})

    assert put(client, tags, body).status_code == 400
    assert client.get(tags).get_json() == {"tags": ["kept"]}


def test_a_tag_in_the_path_has_the_same_bounds(
    client: ApiClient, things: Mapping[str, str]
) -> None:
    tags = f"{things['port']}/tags"
    full = [f"tag {n:02}" for n in range(49)]
    assert put(client, tags, {"tags": full}).status_code == 200

    assert put(client, f"{tags}/{'x' * 256}").status_code == 400
    assert put(client, f"{tags}/{'x' * 255}").status_code == 201
    one_more = put(client, f"{tags}/more")
    assert one_more.status_code == 400
    assert "at most 50" in one_more.get_json()["NeutronError"]["message"]
    assert put(client, f"{tags}/tag 00").status_code == 201


def test_a_shared_networks_tags_are_its_owners_to_change(
    client: ApiClient, network_id: str
) -> None:
    (subnet_id,) = shown(client, "network", f"{NETWORK}/networks/{network_id}")["subnets"]
    for path in (f"networks/{network_id}/tags", f"subnets/{subnet_id}/tags"):
        assert client.get(f"{NETWORK}/{path}").get_json() == {"tags": []}
        assert put(client, f"{NETWORK}/{path}", {"tags": ["mine"]}).status_code == 403
        assert client.delete(f"{NETWORK}/{path}/mine").status_code == 403


FILTERS = [
    ("tags=red", "ab"),
    ("tags=red,blue", "b"),
    ("tags=red&tags=blue", "b"),
    ("tags-any=red,blue", "abc"),
    ("not-tags=red", "cd"),
    ("not-tags=red,blue", "acd"),
    ("not-tags-any=red,blue", "d"),
    ("tags=red&not-tags=blue", "a"),
    ("tags=colour", ""),
]
"""Queries, and which of the four that are below they find."""


@pytest.mark.parametrize(("query", "names"), FILTERS)
def test_lists_are_filtered_by_tags(client: ApiClient, query: str, names: str) -> None:
    tags = {"a": ["red"], "b": ["blue", "red"], "c": ["blue"], "d": []}
    (public,) = client.get(f"{NETWORK}/networks?name=public").get_json()["networks"]
    for number, (name, its) in enumerate(tags.items()):
        network = make(client, "network", name=name)["id"]
        cidr = f"10.231.{number}.0/24"
        subnet = make(client, "subnet", network_id=network, cidr=cidr, name=name)["id"]
        port = make(client, "port", network_id=network, name=name)["id"]
        floating_ip = make(client, "floatingip", floating_network_id=public["id"], description=name)
        ids = (network, subnet, port, make_group(client, name), floating_ip["id"])
        for path in (f"{place}/{one}" for place, one in zip(PLACES.values(), ids, strict=True)):
            assert put(client, f"{NETWORK}/{path}/tags", {"tags": its}).status_code == 200

    for kind in KINDS:
        answer = client.get(f"{NETWORK}/{PLACES[kind]}?{query}").get_json()
        # Of these, floating addresses alone have no names.
        called = "description" if kind == "floatingip" else "name"
        found = {thing[called] for thing in answer[f"{kind}s"]} & tags.keys()
        assert found == set(names)


def test_the_extension_says_that_there_are_tags(client: ApiClient) -> None:
    assert client.get(f"{NETWORK}/extensions/standard-attr-tag").status_code == 200
