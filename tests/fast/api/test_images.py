# SPDX-License-Identifier: Apache-2.0
"""/image/v2: registered, uploaded, listed, downloaded, deleted."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from typing import Any

import pytest

from tests.fast.api.conftest import ApiClient, make_server
from tests.fast.application import build_app
from tests.fast.smallcloud import SmallCloud

IMAGES = "/image/v2/images"
BYTES = b"\0" * 1024
OCTETS = "application/octet-stream"


def register(client: ApiClient, **fields: Any) -> str:
    body = {"name": "disk", "disk_format": "raw", "container_format": "bare", **fields}
    answer = client.post(IMAGES, body)
    assert answer.status_code == 201, answer.text
    return str(answer.get_json()["id"])


def upload(client: ApiClient, image_id: str, data: bytes = BYTES) -> int:
    path = f"{IMAGES}/{image_id}/file"
    return client.request("PUT", path, data=data, content_type=OCTETS).status_code


def test_an_image_is_registered_with_its_properties_beside_the_standard_keys(
    client: ApiClient,
) -> None:
    answer = client.post(
        IMAGES,
        {"name": "disk", "disk_format": "raw", "container_format": "bare", "os_type": "linux"},
    )

    image = answer.get_json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"http://127.0.0.1:8774/image/v2/images/{image['id']}"
    assert image == {
        "os_type": "linux",
        "id": image["id"],
        "name": "disk",
        "status": "queued",
        "visibility": "shared",
        "owner": image["owner"],
        "protected": False,
        "os_hidden": False,
        "tags": [],
        "disk_format": "raw",
        "container_format": "bare",
        "min_disk": 0,
        "min_ram": 0,
        "size": None,
        "virtual_size": None,
        "checksum": None,
        "os_hash_algo": None,
        "os_hash_value": None,
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "self": f"/v2/images/{image['id']}",
        "file": f"/v2/images/{image['id']}/file",
        "schema": "/v2/schemas/image",
    }


def test_uploaded_bytes_make_an_image_active_and_come_back(client: ApiClient) -> None:
    image_id = register(client)

    assert upload(client, image_id) == 204

    image = client.get(f"{IMAGES}/{image_id}").get_json()
    assert (image["status"], image["size"], image["virtual_size"]) == ("active", 1024, 1024)
    assert image["checksum"] == "0f343b0931126a20f133d67c2b018a3b"
    assert image["os_hash_algo"] == "sha512"
    assert image["os_hash_value"] == hashlib.sha512(BYTES).hexdigest()
    answer = client.get(f"{IMAGES}/{image_id}/file")
    assert answer.data == BYTES
    assert answer.headers["Content-MD5"] == "0f343b0931126a20f133d67c2b018a3b"
    assert answer.headers["Content-Length"] == "1024"
    assert answer.mimetype == OCTETS


def test_bytes_may_come_in_chunks_of_unknown_number(client: ApiClient) -> None:
    image_id = register(client)

    answer = client.request(
        "PUT",
        f"{IMAGES}/{image_id}/file",
        input_stream=io.BytesIO(b"\0" * 5_000_000),
        environ_overrides={"wsgi.input_terminated": True},
        content_type=OCTETS,
    )

    assert answer.status_code == 204
    assert client.get(f"{IMAGES}/{image_id}").get_json()["size"] == 5_000_000


def test_an_image_without_data_gives_204(client: ApiClient) -> None:
    answer = client.get(f"{IMAGES}/{register(client)}/file")

    assert (answer.status_code, answer.data) == (204, b"")


def test_bytes_of_another_format_are_refused_and_the_image_waits_again(client: ApiClient) -> None:
    image_id = register(client, disk_format="qcow2")

    assert upload(client, image_id) == 400
    assert client.get(f"{IMAGES}/{image_id}").get_json()["status"] == "queued"


def test_an_upload_of_another_content_type_is_415(client: ApiClient) -> None:
    path = f"{IMAGES}/{register(client)}/file"

    assert client.request("PUT", path, json={}).status_code == 415


def test_bytes_never_change(client: ApiClient) -> None:
    image_id = register(client)
    upload(client, image_id)

    assert upload(client, image_id) == 409


def test_transfers_take_at_most_half_of_the_threads(client: ApiClient, image_id: str) -> None:
    path = f"{IMAGES}/{image_id}/file"
    under_way = [client.get(path, buffered=False) for _ in range(4)]

    refused = client.get(path)
    for answer in under_way:
        answer.close()

    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "5"
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ({"disk_format": "floppy"}, 400, "disk_format"),
        ({"visibility": "secret"}, 400, "visibility"),
        ({"tags": ["t" * 256]}, 400, "tags"),
        ({"tags": "t"}, 400, "tags"),
        ({"min_ram": -1}, 400, "min_ram"),
        ({"protected": "yes"}, 400, "protected"),
        ({"id": "../../etc/passwd"}, 400, "id"),
        ({"name": "n" * 256}, 400, "name"),
        ({"os_type": 1}, 400, "os_type"),
        ({"status": "active"}, 403, "'status' is read-only"),
        ({"locations": [{"url": "file:///etc/shadow"}]}, 403, "'locations' is read-only"),
        ({"location": "file:///etc/shadow"}, 403, "'location' is reserved"),
        ({"owner": "somebody"}, 403, "owner"),
        ({"visibility": "public"}, 403, "visibility"),
        ({"os_glance_import": "x"}, 403, "'os_glance_import' is reserved"),
        ({"os_admin_user": "a:b"}, 400, "os_admin_user"),
        ({f"p{n}": "v" for n in range(129)}, 413, "properties: "),
        ({"tags": [f"t{n}" for n in range(129)]}, 413, "tags: "),
    ],
)
def test_a_bad_attribute_is_refused_and_named(
    client: ApiClient, body: dict[str, Any], code: int, said: str
) -> None:
    answer = client.post(IMAGES, {"name": "disk", **body})

    assert answer.status_code == code
    assert said in answer.get_json()["message"]


def test_images_are_found_by_name_id_and_status(client: ApiClient, image_id: str) -> None:
    register(client, name="waiting")
    queries = {
        "name=tiny": ["tiny"],
        "name=nothing": [],
        f"id=in:{image_id}": ["tiny"],
        "status=queued": ["waiting"],
        "visibility=public": ["tiny"],
        "visibility=all": ["tiny", "waiting"],
        "sort=name:asc&os_hidden=False": ["tiny", "waiting"],
    }

    found = {}
    for query in queries:
        images = client.get(f"{IMAGES}?{query}").get_json()["images"]
        found[query] = sorted(image["name"] for image in images)

    assert found == queries


def test_pages_of_images_lead_to_the_next(client: ApiClient) -> None:
    register(client)

    first = client.get(f"{IMAGES}?limit=1").get_json()
    second = client.get(f"/image{first['next']}").get_json()
    third = client.get(f"/image{second['next']}").get_json()

    assert first["first"] == "/v2/images?limit=1"
    assert first["schema"] == "/v2/schemas/images"
    assert first["images"][0]["id"] != second["images"][0]["id"]
    assert third["images"] == []
    assert "next" not in third


def test_an_image_is_deleted_with_204(client: ApiClient) -> None:
    image_id = register(client)

    assert client.delete(f"{IMAGES}/{image_id}").status_code == 204
    assert client.get(f"{IMAGES}/{image_id}").status_code == 404


def test_a_protected_image_is_kept(client: ApiClient) -> None:
    assert client.delete(f"{IMAGES}/{register(client, protected=True)}").status_code == 403


def test_an_image_that_a_server_stands_on_is_kept(
    client: ApiClient, admin_client: ApiClient, image_id: str
) -> None:
    make_server(client, image_id)

    assert admin_client.delete(f"{IMAGES}/{image_id}").status_code == 409


def test_an_image_without_an_id_is_404(client: ApiClient) -> None:
    assert client.get(f"{IMAGES}/").status_code == 404
    assert client.delete(f"{IMAGES}/").status_code == 404


def test_another_projects_image_is_404_whatever_is_asked(
    client: ApiClient, other_client: ApiClient
) -> None:
    path = f"{IMAGES}/{register(client)}"

    names = [image["name"] for image in other_client.get(IMAGES).get_json()["images"]]
    assert names == ["tiny"]
    assert other_client.get(path).status_code == 404
    assert other_client.get(f"{path}/file").status_code == 404
    assert other_client.delete(path).status_code == 404
    upload_path = f"{path}/file"
    answer = other_client.request("PUT", upload_path, data=BYTES, content_type=OCTETS)
    assert answer.status_code == 404


@pytest.mark.parametrize("name", ["image", "images"])
def test_schemas_are_there(client: ApiClient, name: str) -> None:
    assert client.get(f"/image/v2/schemas/{name}").get_json()["name"] == name


def test_a_project_may_have_so_many_images(
    cloud: SmallCloud, other_client: ApiClient, client: ApiClient
) -> None:
    cloud.config = replace(cloud.config, quota=replace(cloud.config.quota, images=2))
    cloud.reboot()
    app = build_app(cloud)
    mine, others = (ApiClient(app.test_client(), one.token) for one in (client, other_client))
    registered = [register(mine), register(mine)]

    refused = mine.post(IMAGES, {"name": "one more"})

    assert refused.status_code == 413
    assert "Requested 1, but already used 2 of 2 images" in refused.get_json()["message"]
    register(others)
    assert mine.delete(f"{IMAGES}/{registered[0]}").status_code == 204
    register(mine)


@pytest.mark.parametrize(
    ("disk_format", "container_format", "code"),
    [
        ("raw", "bare", 204),
        ("ami", "bare", 204),
        ("ami", "ami", 204),
        ("ari", "ari", 204),
        ("raw", "ami", 400),
        ("ari", "ami", 400),
        *(("raw", box, 400) for box in ("ova", "ovf", "docker", "compressed")),
    ],
)
def test_a_disk_lies_in_no_container(
    client: ApiClient, disk_format: str, container_format: str, code: int
) -> None:
    image_id = register(client, disk_format=disk_format, container_format=container_format)

    assert upload(client, image_id) == code

    expected = "active" if code == 204 else "queued"
    assert client.get(f"{IMAGES}/{image_id}").get_json()["status"] == expected
