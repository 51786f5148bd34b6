# SPDX-License-Identifier: Apache-2.0
"""/servers/ID/tags, and the filters that find servers by them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import update

from agent.store.schema import servers
from tests.fast.api.conftest import ApiClient, make_server
from tests.fast.smallcloud import SmallCloud

BASE = "http://127.0.0.1:8774"
SERVERS = "/compute/v2.1/servers"

Speak = Callable[[str], ApiClient]


@pytest.fixture
def tagger(speak: Speak) -> ApiClient:
    return speak("2.26")


@pytest.fixture
def tags(cloud: SmallCloud, client: ApiClient, image_id: str) -> str:
    """The path of an active server's tags."""
    server_id = make_server(client, image_id)
    cloud.work()
    return f"{SERVERS}/{server_id}/tags"


def listed(tagger: ApiClient, tags: str) -> list[str]:
    return list(tagger.get(tags).get_json()["tags"])


def test_tags_are_set_shown_and_removed_as_a_whole(tagger: ApiClient, tags: str) -> None:
    first = tagger.request("PUT", tags, json={"tags": ["b", "a", "a", "Ä b"]})
    second = tagger.request("PUT", tags, json={"tags": ["c"]})
    after = listed(tagger, tags)
    removed = tagger.delete(tags)

    assert (first.status_code, first.get_json()) == (200, {"tags": ["a", "b", "Ä b"]})
    assert (second.get_json(), after) == ({"tags": ["c"]}, ["c"])
    assert (removed.status_code, removed.data, listed(tagger, tags)) == (204, b"", [])


def test_one_tag_is_added_looked_for_and_removed(tagger: ApiClient, tags: str) -> None:
    asked = [
        tagger.get(f"{tags}/blue"),
        tagger.request("PUT", f"{tags}/blue"),
        tagger.request("PUT", f"{tags}/blue"),
        tagger.get(f"{tags}/blue"),
        tagger.delete(f"{tags}/blue"),
        tagger.delete(f"{tags}/blue"),
    ]

    assert [answer.status_code for answer in asked] == [404, 201, 204, 204, 204, 404]
    assert asked[1].headers["Location"] == f"{BASE}{tags}/blue"
    assert "has no tag 'blue'" in asked[0].get_json()["itemNotFound"]["message"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"tags": None}, "tags"),
        ({"tags": "a"}, "tags"),
        ({"tags": [None]}, "tags.0"),
        ({"tags": ["a", "b,c"]}, "tags.1"),
        ({"tags": ["b/c"]}, "tags.0"),
        ({"tags": [""]}, "tags.0"),
        ({"tags": ["a" * 61]}, "tags.0"),
        ({"tags": [str(n) for n in range(51)]}, "tags"),
        ({"tags": [], "more": 1}, "more"),
        ({}, "tags"),
    ],
)
def test_bad_tags_are_400_and_change_nothing(
    tagger: ApiClient, tags: str, body: object, said: str
) -> None:
    tagger.request("PUT", f"{tags}/kept")
    answer = tagger.request("PUT", tags, json=body)

    assert answer.status_code == 400
    assert said in answer.get_json()["badRequest"]["message"]
    assert listed(tagger, tags) == ["kept"]


@pytest.mark.parametrize("tag", ["a,b", "a" * 61])
def test_a_bad_tag_in_the_path_is_400(tagger: ApiClient, tags: str, tag: str) -> None:
    assert tagger.request("PUT", f"{tags}/{tag}").status_code == 400
    assert tagger.request("PUT", f"{tags}/ok", json={"tag": "ok"}).status_code == 400
    assert listed(tagger, tags) == []


def test_the_51st_tag_is_400_but_one_that_is_there_is_not(tagger: ApiClient, tags: str) -> None:
    tagger.request("PUT", tags, json={"tags": [f"t{n}" for n in range(50)]})

    assert tagger.request("PUT", f"{tags}/more").status_code == 400
    assert tagger.request("PUT", f"{tags}/t7").status_code == 204


def test_tags_are_taken_at_rest_locked_or_not_but_not_in_error(
    cloud: SmallCloud, tagger: ApiClient, tags: str
) -> None:
    with cloud.parts.store.db.write() as connection:
        connection.execute(update(servers).values(locked_by="admin"))
    locked = tagger.request("PUT", f"{tags}/a").status_code
    with cloud.parts.store.db.write() as connection:
        connection.execute(update(servers).values(vm_state="error"))
    refused = [
        tagger.request("PUT", f"{tags}/b"),
        tagger.request("PUT", tags, json={"tags": []}),
        tagger.delete(tags),
        tagger.delete(f"{tags}/a"),
    ]

    assert locked == 201
    assert [answer.status_code for answer in refused] == [409] * 4
    assert "'update tags'" in refused[1].text
    assert "while it is in vm_state error" in refused[1].text
    assert listed(tagger, tags) == ["a"]


def test_before_2_26_there_are_no_tags(speak: Speak, tags: str) -> None:
    early = speak("2.25")

    for method, path in (("GET", tags), ("PUT", f"{tags}/a"), ("DELETE", tags)):
        assert early.request(method, path).status_code == 404


def test_tags_go_with_their_server(cloud: SmallCloud, tagger: ApiClient, tags: str) -> None:
    tagger.request("PUT", f"{tags}/a")
    tagger.delete(tags.removesuffix("/tags"))
    cloud.settle_down()

    assert tagger.get(tags).status_code == 404
    assert tagger.request("PUT", f"{tags}/b").status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("tags=a", ["ab", "abc"]),
        ("tags=a,c", ["abc"]),
        ("tags=A", []),
        ("tags=", []),
        ("tags-any=b,c", ["ab", "abc"]),
        ("tags-any=c,x", ["abc", "x"]),
        ("not-tags=a,c", ["ab", "none", "x"]),
        ("not-tags=a", ["none", "x"]),
        ("not-tags-any=a,x", ["none"]),
        ("not-tags-any=c", ["ab", "none", "x"]),
        ("tags=a&not-tags=c", ["ab"]),
        ("tags=a&tags-any=c,x&name=b", ["abc"]),
    ],
)
def test_servers_are_found_by_their_tags(
    tagger: ApiClient, image_id: str, query: str, found: list[str]
) -> None:
    for name in ("ab", "abc", "x", "none"):
        make_tagged(tagger, image_id, name)

    listed = tagger.get(f"{SERVERS}?{query}").get_json()["servers"]

    assert sorted(server["name"] for server in listed) == found


def make_tagged(tagger: ApiClient, image_id: str, name: str) -> None:
    """Make a server whose tags are the letters of its name, at a version that takes them."""
    tags = [] if name == "none" else list(name)
    newer = {"OpenStack-API-Version": "compute 2.52"}
    server = {"name": name, "imageRef": image_id, "flavorRef": "1", "networks": "auto"}
    body = {"server": {**server, "tags": tags}}
    assert tagger.post(SERVERS, body, headers=newer).status_code == 202
