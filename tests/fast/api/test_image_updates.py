# SPDX-License-Identifier: Apache-2.0
"""Images are changed: by JSON patches of both forms, by tags, by being switched off and on."""

from __future__ import annotations

import json
from threading import Barrier, Thread
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.fast.api.conftest import ApiClient, create
from tests.fast.api.test_images import IMAGES, register, upload
from tests.fast.smallcloud import SmallCloud

PATCH_2_1 = "application/openstack-images-v2.1-json-patch"
PATCH_2_0 = "application/openstack-images-v2.0-json-patch"


def patch(
    client: ApiClient, image_id: str, *operations: dict[str, Any], media_type: str = PATCH_2_1
) -> TestResponse:
    return client.request(
        "PATCH", f"{IMAGES}/{image_id}", data=json.dumps(operations), content_type=media_type
    )


def show(client: ApiClient, image_id: str) -> dict[str, Any]:
    return dict(client.get(f"{IMAGES}/{image_id}").get_json())


def test_a_patch_replaces_what_every_image_has(client: ApiClient, cloud: SmallCloud) -> None:
    image_id = register(client, tags=["old"])
    before = show(client, image_id)
    cloud.clock.advance(60)
    changes: dict[str, Any] = {
        "name": None,
        "visibility": "community",
        "disk_format": "qcow2",
        "container_format": "ova",
        "min_disk": 2,
        "min_ram": 512,
        "protected": True,
        "os_hidden": True,
        "tags": ["fedora", "beefy"],
    }

    answer = patch(
        client,
        image_id,
        *({"op": "replace", "path": f"/{name}", "value": changes[name]} for name in changes),
    )

    assert answer.status_code == 200
    assert answer.get_json() == {**before, **changes, "updated_at": "2026-01-01T00:01:00Z"}
    assert show(client, image_id) == answer.get_json()


def test_an_empty_patch_changes_nothing(client: ApiClient) -> None:
    image_id = register(client)

    answer = patch(client, image_id)

    assert (answer.status_code, answer.get_json()) == (200, show(client, image_id))


def test_properties_are_added_replaced_and_removed(client: ApiClient) -> None:
    image_id = register(client, os_type="linux", gone="1")

    answer = patch(
        client,
        image_id,
        {"op": "add", "path": "/new", "value": "1"},
        {"op": "add", "path": "/new", "value": "2"},
        {"op": "replace", "path": "/os_type", "value": "windows"},
        {"op": "remove", "path": "/gone"},
        {"op": "add", "path": "/hw~1disk~0bus", "value": "virtio"},
        {"op": "add", "path": "/~01", "value": "not a slash"},
        {"op": "add", "path": "/name", "value": "added"},
    )

    image = answer.get_json()
    assert answer.status_code == 200
    assert (image["new"], image["os_type"], image["name"]) == ("2", "windows", "added")
    assert (image["hw/disk~bus"], image["~1"]) == ("virtio", "not a slash")
    assert "gone" not in image


def test_the_older_form_has_the_pointer_under_the_verb(client: ApiClient) -> None:
    image_id = register(client, gone="1")

    answer = patch(
        client,
        image_id,
        {"replace": "/name", "value": "renamed"},
        {"add": "/new", "value": "1"},
        {"remove": "/gone"},
        media_type=PATCH_2_0,
    )

    image = answer.get_json()
    assert (answer.status_code, image["name"], image["new"]) == (200, "renamed", "1")
    assert "gone" not in image


@pytest.mark.parametrize(
    ("operation", "tags"),
    [
        ({"op": "add", "path": "/tags/-", "value": "c"}, ["a", "b", "c"]),
        ({"op": "add", "path": "/tags/0", "value": "c"}, ["c", "a", "b"]),
        ({"op": "add", "path": "/tags/2", "value": "a"}, ["a", "b"]),
        ({"op": "replace", "path": "/tags/1", "value": "c"}, ["a", "c"]),
        ({"op": "remove", "path": "/tags/0"}, ["b"]),
        ({"op": "replace", "path": "/tags", "value": []}, []),
        ({"op": "replace", "path": "/tags", "value": ["z", "z", "y"]}, ["z", "y"]),
    ],
)
def test_single_tags_are_patched_too(
    client: ApiClient, operation: dict[str, Any], tags: list[str]
) -> None:
    image_id = register(client, tags=["a", "b"])

    assert patch(client, image_id, operation).get_json()["tags"] == tags


def test_an_administrator_may_publish_and_give_away(
    client: ApiClient, admin_client: ApiClient
) -> None:
    image_id = register(client, name="mine")
    publish = {"op": "replace", "path": "/visibility", "value": "public"}
    give_away = {"op": "replace", "path": "/owner", "value": "0123"}

    answer = patch(admin_client, image_id, publish, give_away)

    assert answer.status_code == 200
    assert (show(client, image_id)["visibility"], show(client, image_id)["owner"]) == (
        "public",
        "0123",
    )
    assert patch(client, image_id, publish).status_code == 403


def test_what_an_image_has_too_much_of_since_before_may_stay(
    client: ApiClient, cloud: SmallCloud
) -> None:
    image_id = register(client)
    many = {f"p{n}": "v" for n in range(200)}
    cloud.parts.store.images.update(image_id, expected_status=None, properties=many)

    rename = {"op": "replace", "path": "/name", "value": "new"}
    assert patch(client, image_id, rename).status_code == 200
    assert patch(client, image_id, {"op": "remove", "path": "/p0"}).status_code == 200
    more = [{"op": "add", "path": f"/q{n}", "value": "v"} for n in range(2)]
    assert patch(client, image_id, *more).status_code == 413


def test_a_rule_of_today_holds_for_an_image_of_before(client: ApiClient, cloud: SmallCloud) -> None:
    image_id = register(client)
    cloud.parts.store.images.update(
        image_id, expected_status=None, properties={"os_admin_user": "a:b"}
    )

    rename = {"op": "replace", "path": "/name", "value": "new"}
    mend = {"op": "replace", "path": "/os_admin_user", "value": "ann"}
    assert patch(client, image_id, rename).status_code == 400
    assert patch(client, image_id, rename, mend).status_code == 200


def test_no_change_is_lost_when_many_come_at_once(client: ApiClient, cloud: SmallCloud) -> None:
    image_id = register(client)
    start, caller = Barrier(8), cloud.asking.caller
    edits = cloud.parts.cloud.image_edits

    def add(number: int) -> None:
        start.wait(10)
        for step in range(5):
            edits.add_tag(caller, image_id, f"{number}-{step}")

    threads = [Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(show(client, image_id)["tags"]) == 40


def test_tags_are_put_and_deleted(client: ApiClient) -> None:
    image_id = register(client)
    path = f"{IMAGES}/{image_id}/tags"

    assert client.request("PUT", f"{path}/ready").status_code == 204
    assert client.request("PUT", f"{path}/ready").status_code == 204
    assert client.request("PUT", f"{path}/two%20words").status_code == 204
    assert show(client, image_id)["tags"] == ["ready", "two words"]
    assert client.delete(f"{path}/ready").status_code == 204
    assert show(client, image_id)["tags"] == ["two words"]
    assert client.delete(f"{path}/ready").status_code == 404


def test_a_deactivated_image_gives_its_data_to_administrators_only(
    client: ApiClient, admin_client: ApiClient
) -> None:
    image_id = register(client, visibility="community")
    upload(client, image_id)
    path = f"{IMAGES}/{image_id}"

    for _ in range(2):
        assert admin_client.post(f"{path}/actions/deactivate").status_code == 204
    assert show(client, image_id)["status"] == "deactivated"
    assert client.get(f"{path}/file").status_code == 403
    assert admin_client.get(f"{path}/file").status_code == 200
    assert upload(client, image_id) == 409

    for _ in range(2):
        assert client.post(f"{path}/actions/reactivate").status_code == 204
    assert show(client, image_id)["status"] == "active"
    assert client.get(f"{path}/file").status_code == 200


def test_no_server_is_made_from_a_deactivated_image(
    client: ApiClient, admin_client: ApiClient, image_id: str
) -> None:
    admin_client.post(f"{IMAGES}/{image_id}/actions/deactivate")

    refused = create(client, image_id)

    assert refused.status_code == 400
    assert "is not active, it is deactivated" in refused.get_json()["badRequest"]["message"]
    admin_client.post(f"{IMAGES}/{image_id}/actions/reactivate")
    assert create(client, image_id).status_code == 202


def test_an_image_has_no_tasks(client: ApiClient) -> None:
    answer = client.get(f"{IMAGES}/{register(client)}/tasks")

    assert (answer.status_code, answer.get_json()) == (200, {"tasks": []})
