# SPDX-License-Identifier: Apache-2.0
"""Images made of servers over HTTP: what is answered, what the image says, what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.fast.api.conftest import ApiClient, let_in, make_server
from tests.fast.application import build_app
from tests.fast.smallcloud import SmallCloud

IMAGES = "/image/v2/images"


@pytest.fixture
def server_id(cloud: SmallCloud, client: ApiClient) -> str:
    server_id = make_server(client, cloud.image_id())
    cloud.work()
    return server_id


def act(client: ApiClient, server_id: str, action: object, version: str = "2.1") -> Any:
    path = f"/compute/v2.1/servers/{server_id}/action"
    headers = {"OpenStack-API-Version": f"compute {version}"}
    return client.post(path, action, headers=headers)


def create(client: ApiClient, server_id: str, version: str = "2.1", **fields: Any) -> Any:
    return act(client, server_id, {"createImage": {"name": "snap", **fields}}, version)


def backup(client: ApiClient, server_id: str, version: str = "2.1", **fields: Any) -> Any:
    asked = {"name": "b", "backup_type": "daily", "rotation": 2, **fields}
    return act(client, server_id, {"createBackup": asked}, version)


@pytest.mark.parametrize("version", ["2.1", "2.44"])
@pytest.mark.parametrize("ask", [create, backup])
def test_older_versions_tell_where_the_image_is(
    client: ApiClient, server_id: str, ask: Any, version: str
) -> None:
    answer = ask(client, server_id, version)

    assert (answer.status_code, answer.data) == (202, b"")
    there = client.get(answer.headers["Location"].removeprefix("http://127.0.0.1:8774"))
    assert there.get_json()["status"] == "saving"


@pytest.mark.parametrize("version", ["2.45", "2.96"])
@pytest.mark.parametrize("ask", [create, backup])
def test_newer_versions_tell_the_id(
    client: ApiClient, server_id: str, ask: Any, version: str
) -> None:
    answer = ask(client, server_id, version)

    assert answer.status_code == 202
    assert answer.get_json().keys() == {"image_id"}
    assert "Location" not in answer.headers
    assert client.get(f"{IMAGES}/{answer.get_json()['image_id']}").status_code == 200


def test_a_backup_of_which_none_is_kept_is_nowhere(
    cloud: SmallCloud, client: ApiClient, server_id: str
) -> None:
    answer = backup(client, server_id, rotation=0)
    cloud.work()

    assert answer.status_code == 202
    assert "Location" not in answer.headers
    assert cloud.images() == {"tiny": "active"}


def test_what_an_image_of_a_server_says(
    cloud: SmallCloud, client: ApiClient, server_id: str
) -> None:
    metadata = {"image_type": "test", "role": "web"}
    image_id = create(client, server_id, "2.45", metadata=metadata).get_json()["image_id"]
    cloud.work()
    image = client.get(f"{IMAGES}/{image_id}").get_json()
    (user, project) = (cloud.asking.caller.user, cloud.asking.caller.project)

    changing = {"created_at", "updated_at", "size", "checksum", "os_hash_value"}
    assert {name: value for name, value in image.items() if name not in changing} == {
        "id": image_id,
        "name": "snap",
        "status": "active",
        "visibility": "private",
        "owner": project.id,
        "protected": False,
        "os_hidden": False,
        "tags": [],
        "disk_format": "qcow2",
        "container_format": "bare",
        "min_disk": 1,
        "min_ram": 0,
        "virtual_size": 2**30,
        "os_hash_algo": "sha512",
        "base_image_ref": cloud.image_id(),
        "boot_roles": "member,reader",
        "owner_id": project.id,
        "owner_project_name": "lab",
        "owner_user_name": "lab",
        "user_id": user.id,
        "image_location": "snapshot",
        "image_state": "available",
        "image_type": "test",
        "instance_uuid": server_id,
        "role": "web",
        "self": f"/v2/images/{image_id}",
        "file": f"/v2/images/{image_id}/file",
        "schema": "/v2/schemas/image",
    }


def test_a_second_one_has_to_wait_for_the_first(client: ApiClient, server_id: str) -> None:
    first, second = create(client, server_id), create(client, server_id)

    assert (first.status_code, second.status_code) == (202, 409)
    assert second.get_json()["conflictingRequest"]["message"] == (
        f"Cannot 'createImage' instance {server_id} while it is in task_state "
        "image_snapshot_pending"
    )
    assert len(client.get(IMAGES).get_json()["images"]) == 2  # the refused one left none


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "createImage.name"),
        ({"name": "a" * 256}, "createImage.name"),
        ({"name": "   "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"metadata": {"": ""}}, "createImage.metadata"),
        ({"metadata": {"a" * 256: "b"}}, "createImage.metadata"),
        ({"metadata": {"a": "b" * 256}}, "metadata.a"),
        ({"metadata": {"a": 1}}, "createImage.metadata.a"),
        ({"metadata": {"status": "active"}}, "metadata.status"),
        ({"metadata": {"owner": "me"}}, "metadata.owner"),
        ({"extra": 1}, "createImage"),
    ],
)
def test_a_wrong_image_is_refused_and_nothing_is_made(
    client: ApiClient, server_id: str, fields: dict[str, Any], field: str
) -> None:
    answer = create(client, server_id, **fields)

    assert answer.status_code == 400
    assert field in answer.get_json()["badRequest"]["message"]
    assert len(client.get(IMAGES).get_json()["images"]) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"rotation": -1},
        {"rotation": "-1"},
        {"rotation": "many"},
        {"rotation": 1.5},
        {"rotation": None},
        {"backup_type": None},
        {"name": ""},
    ],
)
def test_a_wrong_backup_is_refused(
    client: ApiClient, server_id: str, fields: dict[str, Any]
) -> None:
    assert backup(client, server_id, **fields).status_code == 400


def test_metadata_are_counted_before_2_39(client: ApiClient, server_id: str) -> None:
    many = {f"key{number}": "x" for number in range(129)}
    before = create(client, server_id, "2.38", metadata=many)

    assert before.status_code == 403
    assert "Image metadata limit exceeded" in before.get_json()["forbidden"]["message"]


def test_a_project_over_its_quota_of_images_gets_none(cloud: SmallCloud) -> None:
    cloud.config = replace(cloud.config, quota=replace(cloud.config.quota, images=0))
    cloud.reboot()
    client = let_in(cloud, build_app(cloud), "lab", "lab")
    server_id = make_server(client, cloud.image_id())
    cloud.work()
    answer = create(client, server_id)

    assert answer.status_code == 403
    assert "Quota exceeded for images" in answer.get_json()["forbidden"]["message"]
    assert cloud.server(server_id).task_state is None


def test_another_project_s_server_is_not_there(
    client: ApiClient, other_client: ApiClient, server_id: str
) -> None:
    for name, value in {"createImage": {"name": "x"}, "shelve": None, "unshelve": None}.items():
        assert other_client.act(server_id, {name: value}).status_code == 404


def test_a_lock_keeps_nobody_from_making_images_but_from_shelving(
    cloud: SmallCloud, client: ApiClient, server_id: str
) -> None:
    act(client, server_id, {"lock": None})
    made, shelved = create(client, server_id), act(client, server_id, {"shelve": None})

    assert (made.status_code, shelved.status_code) == (202, 409)


def test_an_administrator_s_image_of_a_server_is_shared_with_its_project(
    cloud: SmallCloud, client: ApiClient, admin_client: ApiClient, server_id: str
) -> None:
    answer = admin_client.act(server_id, {"createImage": {"name": "audit"}})
    image_id = answer.headers["Location"].rsplit("/", 1)[1]
    cloud.work()
    image = client.get(f"{IMAGES}/{image_id}").get_json()

    lab = cloud.asking.caller.project.id
    assert (image["visibility"], image["instance_owner"]) == ("shared", lab)
    assert image["owner"] != lab
    members = admin_client.get(f"{IMAGES}/{image_id}/members").get_json()["members"]
    assert [member["member_id"] for member in members] == [lab]


@pytest.mark.parametrize(
    ("version", "value", "code"),
    [
        ("2.1", None, 202),
        ("2.1", {}, 202),
        ("2.76", {"availability_zone": "elsewhere"}, 202),  # not looked at before 2.77
        ("2.77", None, 202),
        ("2.77", {"availability_zone": "nova"}, 202),
        ("2.77", {"availability_zone": "elsewhere"}, 400),
        ("2.77", {"availability_zone": None}, 400),
        ("2.77", {}, 400),
        ("2.77", {"host": "x"}, 400),
        ("2.91", {"availability_zone": None}, 202),
        ("2.91", {"host": "x"}, 403),
        ("2.91", {"host": 1}, 400),
        ("2.91", {"other": "x"}, 400),
    ],
)
def test_where_an_offloaded_server_may_be_unshelved_to(
    cloud: SmallCloud, client: ApiClient, server_id: str, version: str, value: Any, code: int
) -> None:
    act(client, server_id, {"shelve": None})
    cloud.work()
    answer = act(client, server_id, {"unshelve": value}, version)
    cloud.work()

    assert answer.status_code == code
    status = "ACTIVE" if code == 202 else "SHELVED_OFFLOADED"
    assert client.show(server_id)["status"] == status


def test_an_administrator_names_a_host_that_is_there(
    cloud: SmallCloud, client: ApiClient, server_id: str
) -> None:
    host = cloud.server(server_id).host
    act(client, server_id, {"shelve": None})
    cloud.work()
    admin = let_in(cloud, build_app(cloud), "admin", "admin")
    wrong = act(admin, server_id, {"unshelve": {"host": "nowhere"}}, "2.91")
    right = act(admin, server_id, {"unshelve": {"host": host}}, "2.91")
    cloud.work()

    assert (wrong.status_code, right.status_code) == (400, 202)
    assert cloud.server(server_id).host == host


def test_a_server_that_has_its_host_still_goes_nowhere_else(
    cloud: SmallCloud, client: ApiClient, server_id: str
) -> None:
    with_zone = {"unshelve": {"availability_zone": "nova"}}
    answer = act(client, server_id, with_zone, "2.77")

    assert answer.status_code == 409


def test_only_an_administrator_offloads(client: ApiClient, server_id: str) -> None:
    assert act(client, server_id, {"shelveOffload": None}).status_code == 403
