# SPDX-License-Identifier: Apache-2.0
"""The Compute API's older routes of images: their shape, filters, pages and end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fast.api.conftest import ApiClient, make_server
from tests.fast.smallcloud import SmallCloud

BASE = "http://127.0.0.1:8774"
IMAGES = "/compute/v2.1/images"


@pytest.fixture
def own(client: ApiClient) -> str:
    """An image of the caller's, without data yet."""
    body = {"name": "own", "disk_format": "raw", "container_format": "bare", "kind": "old"}
    return str(client.post("/image/v2/images", body).get_json()["id"])


def names(client: ApiClient, query: str = "", path: str = IMAGES) -> list[str]:
    answer = client.get(f"{path}?{query}")
    assert answer.status_code == 200, answer.text
    return [image["name"] for image in answer.get_json()["images"]]


def links(image_id: str) -> list[dict[str, str]]:
    return [
        {"rel": "self", "href": f"{BASE}/compute/v2.1/images/{image_id}"},
        {"rel": "bookmark", "href": f"{BASE}/compute/images/{image_id}"},
        {
            "rel": "alternate",
            "type": "application/vnd.openstack.image",
            "href": f"{BASE}/image/v2/images/{image_id}",
        },
    ]


def test_an_image_that_waits(client: ApiClient, own: str) -> None:
    image = client.get(f"{IMAGES}/{own}").get_json()["image"]

    assert image == {
        "id": own,
        "name": "own",
        "minRam": 0,
        "minDisk": 0,
        "metadata": {"kind": "old"},
        "created": "2026-01-01T00:00:00Z",
        "updated": "2026-01-01T00:00:00Z",
        "status": "SAVING",
        "progress": 25,
        "OS-EXT-IMG-SIZE:size": None,
        "links": links(own),
    }


def test_an_image_of_a_server(cloud: SmallCloud, client: ApiClient, image_id: str) -> None:
    server_id = make_server(client, image_id)
    cloud.work()
    metadata = {"auto_disk_config": "true"}
    made = client.act(server_id, {"createImage": {"name": "snap", "metadata": metadata}})
    path = f"{IMAGES}/{made.headers['Location'].rsplit('/', 1)[1]}"
    saving = client.get(path).get_json()["image"]
    cloud.work()
    image = client.get(path).get_json()["image"]

    assert (saving["status"], saving["progress"]) == ("SAVING", 50)
    assert (image["status"], image["progress"], image["minDisk"]) == ("ACTIVE", 100, 1)
    assert image["OS-EXT-IMG-SIZE:size"] > 0
    assert image["OS-DCF:diskConfig"] == "AUTO"
    assert image["metadata"]["image_type"] == "snapshot"
    assert image["server"] == {
        "id": server_id,
        "links": [
            {"rel": "self", "href": f"{BASE}/compute/v2.1/servers/{server_id}"},
            {"rel": "bookmark", "href": f"{BASE}/compute/servers/{server_id}"},
        ],
    }
    for query in ("type=snapshot", f"server={server_id}", f"server={BASE}/x/servers/{server_id}"):
        assert names(client, query) == ["snap"]
    assert names(client, "property-auto_disk_config=true") == ["snap"]


def test_a_list_is_short_or_detailed(cloud: SmallCloud, client: ApiClient, own: str) -> None:
    short = client.get(IMAGES).get_json()["images"]
    long = client.get(f"{IMAGES}/detail").get_json()["images"]

    assert {"id": own, "name": "own", "links": links(own)} in short
    assert {image["id"] for image in short} == {own, cloud.image_id()}
    assert long == [client.get(f"{IMAGES}/{image['id']}").get_json()["image"] for image in short]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("name=own", ["own"]),
        ("name=nothing", []),
        ("status=ACTIVE", ["tiny"]),
        ("status=queued", ["own"]),
        ("status=DELETED", []),
        ("minRam=0&name=own", ["own"]),
        ("minRam=5", []),
        ("minDisk=0&status=active", ["tiny"]),
        ("changes-since=2025-12-31T00:00:00Z&name=own", ["own"]),
        ("changes-since=2026-01-01T00:00:01Z", []),
        ("server=nothing", []),
        ("type=snapshot", []),
        ("property-kind=old", ["own"]),
        ("unknown=whatever&name=own", ["own"]),
        ("limit=0", []),
    ],
)
def test_filters(client: ApiClient, own: str, query: str, expected: list[str]) -> None:
    assert names(client, query) == expected
    assert names(client, query, f"{IMAGES}/detail") == expected


@pytest.mark.parametrize(
    "query",
    ["status=odd", "minRam=x", "minDisk=-1", "changes-since=yesterday", "limit=-1", "marker=x"],
)
def test_wrong_queries_are_400(client: ApiClient, query: str) -> None:
    assert client.get(f"{IMAGES}?{query}").status_code == 400


def test_pages(client: ApiClient, own: str) -> None:
    first = client.get(f"{IMAGES}?limit=1").get_json()
    (link,) = first["images_links"]
    second = client.get(link["href"].removeprefix(BASE)).get_json()

    assert link["rel"] == "next"
    assert {first["images"][0]["name"], second["images"][0]["name"]} == {"own", "tiny"}


def test_metadata_as_a_whole_and_one_by_one(client: ApiClient, own: str) -> None:
    path = f"{IMAGES}/{own}/metadata"

    def ask(method: str, more: str = "", body: object = None) -> Any:
        options = {} if body is None else {"json": body}
        answer = client.request(method, f"{path}{more}", **options)
        return answer.get_json() if answer.status_code == 200 else answer.status_code

    assert ask("GET") == {"metadata": {"kind": "old"}}
    assert ask("POST", "", {"metadata": {"a": "1"}}) == {"metadata": {"kind": "old", "a": "1"}}
    assert ask("PUT", "", {"metadata": {"b": "2"}}) == {"metadata": {"b": "2"}}
    assert ask("PUT", "/c", {"meta": {"c": "3"}}) == {"meta": {"c": "3"}}
    assert ask("GET", "/c") == {"meta": {"c": "3"}}
    assert ask("DELETE", "/b") == 204
    assert ask("GET") == {"metadata": {"c": "3"}}
    assert (ask("GET", "/b"), ask("DELETE", "/b")) == (404, 404)
    assert ask("PUT", "/x", {"meta": {"y": "1"}}) == 400
    assert ask("PUT", "/x", {"meta": {"x": "1", "y": "1"}}) == 400
    assert ask("POST", "", {"metadata": {"status": "x"}}) == 400
    assert ask("POST", "", {"metadata": {"x": "a" * 256}}) == 400
    assert ask("POST", "", {"metadata": {f"k{n}": "" for n in range(129)}}) == 403
    assert ask("GET") == {"metadata": {"c": "3"}}


def test_deletion(cloud: SmallCloud, client: ApiClient, other_client: ApiClient, own: str) -> None:
    public = f"{IMAGES}/{cloud.image_id()}"
    assert other_client.delete(f"{IMAGES}/{own}").status_code == 404
    assert client.delete(public).status_code == 403  # it is not the caller's
    assert client.delete(f"{IMAGES}/{own}").status_code == 204
    assert client.delete(f"{IMAGES}/{own}").status_code == 404
    assert client.get(f"{IMAGES}/{own}").get_json().keys() == {"itemNotFound"}
    assert client.delete(f"{IMAGES}/").status_code == 404


@pytest.mark.parametrize(
    ("path", "last"),
    [
        ("/images", 35),
        ("/images/detail", 35),
        ("/images/{}", 35),
        ("/images/{}/metadata", 38),
        ("/images/{}/metadata/kind", 38),
    ],
)
def test_they_end_with_a_version(client: ApiClient, path: str, last: int) -> None:
    body = {"name": "own", "disk_format": "raw", "container_format": "bare", "kind": "old"}
    own = client.post("/image/v2/images", body).get_json()["id"]

    def ask(minor: int) -> int:
        headers = {"OpenStack-API-Version": f"compute 2.{minor}"}
        return client.get(f"/compute/v2.1{path.format(own)}", headers=headers).status_code

    assert (ask(last), ask(last + 1)) == (200, 404)
