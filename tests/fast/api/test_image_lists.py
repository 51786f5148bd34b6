# SPDX-License-Identifier: Apache-2.0
"""Lists of images: filters, orders, pages, as the reference words them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from jsonschema import Draft202012Validator

from tests.fast.api.conftest import ApiClient
from tests.fast.api.test_images import IMAGES, register, upload
from tests.fast.smallcloud import SmallCloud


@pytest.fixture
def gallery(client: ApiClient, cloud: SmallCloud) -> ApiClient:
    """A client with three images more than "tiny", each a minute younger than the one before."""
    images: tuple[dict[str, Any], ...] = (
        {"name": "glass, darkly", "tags": ["ready"], "os_type": "linux", "min_ram": 64},
        {"name": "share me", "tags": ["ready", "approved"], "protected": True, "min_disk": 2},
        {"name": "glass", "disk_format": "iso", "os_type": "bsd", "visibility": "private"},
    )
    for number, fields in enumerate(images):
        cloud.clock.advance(60)
        image_id = register(client, **fields)
        if number == 0:
            assert upload(client, image_id) == 204
    return client


FOUND = {
    "": ["glass", "share me", "glass, darkly", "tiny"],
    "name=glass": ["glass"],
    "name=in:glass,share%20me": ["glass", "share me"],
    "name=in:%22glass,%20darkly%22,share%20me": ["share me", "glass, darkly"],
    "status=queued": ["glass", "share me"],
    "status=in:saving,active": ["glass, darkly", "tiny"],
    "status=killed": [],
    "visibility=private": ["glass"],
    "visibility=public": ["tiny"],
    "disk_format=raw": ["share me", "glass, darkly"],
    "disk_format=in:raw,iso": ["glass", "share me", "glass, darkly"],
    "container_format=bare": ["glass", "share me", "glass, darkly", "tiny"],
    "size=1024": ["glass, darkly"],
    "size_min=1024&size_max=1024": ["glass, darkly"],
    "size_min=1025": ["tiny"],
    "min_ram=64": ["glass, darkly"],
    "min_disk=2": ["share me"],
    "protected=true": ["share me"],
    "protected=false": ["glass", "glass, darkly", "tiny"],
    "os_hidden=true": [],
    "tag=ready": ["share me", "glass, darkly"],
    "tag=ready&tag=approved": ["share me"],
    "tag=": [],
    "os_type=linux": ["glass, darkly"],
    "os_type=linux&status=active": ["glass, darkly"],
    "colour=red": [],
    "created_at=2026-01-01T00:01:00Z": ["glass, darkly"],
    "created_at=gt:2026-01-01T00:01:00Z": ["glass", "share me"],
    "created_at=gte:2026-01-01T00:01:00Z": ["glass", "share me", "glass, darkly"],
    "created_at=lt:2026-01-01T00:01:00": ["tiny"],
    "created_at=lte:2026-01-01T01:01:00%2B01:00": ["glass, darkly", "tiny"],
    "created_at=neq:2026-01-01T00:01:00Z": ["glass", "share me", "tiny"],
    "updated_at=gt:2026-01-01T00:02:00Z": ["glass"],
    "sort=name:asc": ["glass", "glass, darkly", "share me", "tiny"],
    "sort=name": ["tiny", "share me", "glass, darkly", "glass"],
    "sort=status:desc,name:asc": ["glass", "share me", "glass, darkly", "tiny"],
    "sort_key=name&sort_dir=asc": ["glass", "glass, darkly", "share me", "tiny"],
    "sort_key=status&sort_dir=asc&sort_key=name&sort_dir=desc": [
        *("tiny", "glass, darkly", "share me", "glass"),
    ],
    "sort_key=created_at&sort_key=name&sort_dir=asc": [
        *("tiny", "glass, darkly", "share me", "glass"),
    ],
    "sort_dir=asc": ["tiny", "glass, darkly", "share me", "glass"],
    "sort=size:desc&size_min=1": ["tiny", "glass, darkly"],
    "limit=0": [],
}


def test_images_are_found_in_the_order_that_is_asked_for(gallery: ApiClient) -> None:
    found = {
        query: [image["name"] for image in gallery.get(f"{IMAGES}?{query}").get_json()["images"]]
        for query in FOUND
    }

    assert found == FOUND


def test_hidden_images_are_listed_only_when_asked_for(client: ApiClient) -> None:
    register(client, name="hidden", os_hidden=True)

    for query, names in {"": ["tiny"], "os_hidden=true": ["hidden"]}.items():
        images = client.get(f"{IMAGES}?{query}").get_json()["images"]
        assert [image["name"] for image in images] == names


def test_the_links_of_a_page_keep_the_query(gallery: ApiClient) -> None:
    query = "tag=ready&sort=name:asc&limit=1"

    first = gallery.get(f"{IMAGES}?{query}").get_json()
    second = gallery.get(f"/image{first['next']}").get_json()
    third = gallery.get(f"/image{second['next']}").get_json()

    assert [page["images"][0]["name"] for page in (first, second)] == ["glass, darkly", "share me"]
    assert third["images"] == []
    assert "next" not in third
    assert {page["first"] for page in (first, second, third)} == {
        "/v2/images?tag=ready&sort=name%3Aasc&limit=1"
    }
    assert parse_qs(urlsplit(second["next"]).query) == {
        "tag": ["ready"],
        "sort": ["name:asc"],
        "limit": ["1"],
        "marker": [second["images"][0]["id"]],
    }


def test_a_page_has_25_images_unless_asked_otherwise(client: ApiClient) -> None:
    for number in range(30):
        register(client, name=f"image {number}")

    first = client.get(IMAGES).get_json()

    assert len(first["images"]) == 25
    assert len(client.get(f"/image{first['next']}").get_json()["images"]) == 6
    assert len(client.get(f"{IMAGES}?limit=1000").get_json()["images"]) == 31


@pytest.mark.parametrize("name", ["image", "images", "member", "members"])
def test_what_is_served_fits_its_schema(client: ApiClient, name: str) -> None:
    image_id = register(client, tags=["one"], os_type="linux")
    upload(client, image_id)
    client.post(f"{IMAGES}/{image_id}/members", {"member": "somebody"})
    served = {
        "image": f"/{image_id}",
        "images": "",
        "member": f"/{image_id}/members/somebody",
        "members": f"/{image_id}/members",
    }

    schema = client.get(f"/image/v2/schemas/{name}").get_json()
    thing = client.get(f"{IMAGES}{served[name]}").get_json()

    assert schema["name"] == name
    Draft202012Validator(schema).validate(thing)
    assert thing.keys() - {"os_type"} <= schema["properties"].keys()
