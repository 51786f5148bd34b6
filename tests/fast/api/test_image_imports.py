# SPDX-License-Identifier: Apache-2.0
"""/image/v2/images/ID/import: an image fetched from a server of the test's own, and what of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from agent.importing import DEADLINE, MOST_OF_PROJECT
from agent.model.layout import Layout
from tests.fast.api.conftest import ApiClient, log_in_from_file
from tests.fast.application import build_app
from tests.fast.smallcloud import SmallCloud
from tests.lab.webserver import WebServer, redirect, reply, web_server

IMAGES = "/image/v2/images"
BYTES = b"\0" * 1024


@pytest.fixture
def server() -> Iterator[WebServer]:
    with web_server() as running:
        running.answers["/disk.raw"] = reply(200, BYTES)
        yield running


@pytest.fixture
def app(cloud: SmallCloud, server: WebServer) -> Flask:
    """The application, with the test's server allowed."""
    allow(cloud, server.place)
    return build_app(cloud)


def allow(cloud: SmallCloud, *places: str) -> None:
    cloud.config = replace(cloud.config, import_allow=places)
    cloud.reboot()


def register(client: ApiClient, **fields: Any) -> str:
    body = {"name": "disk", "disk_format": "raw", "container_format": "bare", **fields}
    answer = client.post(IMAGES, body)
    assert answer.status_code == 201, answer.text
    return str(answer.get_json()["id"])


def ask(client: ApiClient, image_id: str, uri: object, **more: Any) -> Any:
    body = {"method": {"name": "web-download", "uri": uri}, **more}
    return client.post(f"{IMAGES}/{image_id}/import", body)


def begin(client: ApiClient, image_id: str, uri: str, **more: Any) -> None:
    answer = ask(client, image_id, uri, **more)
    assert (answer.status_code, answer.data) == (202, b""), answer.text


def image(client: ApiClient, image_id: str) -> dict[str, Any]:
    return dict(client.get(f"{IMAGES}/{image_id}").get_json())


def tasks(client: ApiClient, image_id: str) -> list[dict[str, Any]]:
    return list(client.get(f"{IMAGES}/{image_id}/tasks").get_json()["tasks"])


def failure(client: ApiClient, image_id: str) -> str:
    """Why the one import of an image failed; it waits for bytes again and left nothing."""
    (task,) = tasks(client, image_id)
    assert (task["status"], task["result"]) == ("failure", None)
    assert image(client, image_id)["status"] == "queued"
    return str(task["message"])


def files(cloud: SmallCloud, image_id: str) -> list[str]:
    layout = Layout(cloud.config.state_dir)
    found = [path.name for folder in (layout.images, layout.bases) for path in folder.iterdir()]
    return sorted(name for name in found if image_id in name)


def test_the_methods_that_are_served_are_told(client: ApiClient) -> None:
    answer = client.get("/image/v2/info/import")

    assert answer.status_code == 200
    assert answer.get_json()["import-methods"]["value"] == ["web-download"]
    registered = client.post(IMAGES, {"name": "disk"})
    assert registered.headers["OpenStack-image-import-methods"] == "web-download"


def test_an_image_is_imported(cloud: SmallCloud, client: ApiClient, server: WebServer) -> None:
    image_id = register(client)
    begin(client, image_id, server.url("/disk.raw"), all_stores=True)

    assert image(client, image_id)["status"] == "importing"
    (task,) = tasks(client, image_id)
    assert (task["status"], task["expires_at"]) == ("pending", None)

    cloud.parts.downloads.work()

    found = image(client, image_id)
    assert (found["status"], found["size"], found["virtual_size"]) == ("active", 1024, 1024)
    assert found["os_hash_value"] == hashlib.sha512(BYTES).hexdigest()
    assert client.get(f"{IMAGES}/{image_id}/file").data == BYTES
    assert files(cloud, image_id) == [image_id, f"{image_id}.qcow2"]


def test_a_task_tells_all_of_an_import(
    cloud: SmallCloud, client: ApiClient, server: WebServer
) -> None:
    image_id = register(client)
    answer = ask(client, image_id, server.url("/disk.raw"), all_stores=True)
    cloud.parts.downloads.work()

    (task,) = tasks(client, image_id)
    owner = image(client, image_id)["owner"]
    assert task == {
        "id": task["id"],
        "image_id": image_id,
        "request_id": answer.headers["x-openstack-request-id"],
        "user_id": task["user_id"],
        "type": "api_image_import",
        "status": "success",
        "owner": owner,
        "expires_at": "2026-01-03T00:00:00.000000",
        "created_at": "2026-01-01T00:00:00.000000",
        "updated_at": "2026-01-01T00:00:00.000000",
        "deleted": False,
        "deleted_at": None,
        "input": {
            "image_id": image_id,
            "import_req": {
                "method": {"name": "web-download", "uri": server.url("/disk.raw")},
                "all_stores": True,
            },
        },
        "result": {"image_id": image_id},
        "message": "",
    }


def test_administrators_see_the_tasks_of_all(
    cloud: SmallCloud, client: ApiClient, admin_client: ApiClient, server: WebServer
) -> None:
    ids = [register(client), register(client), register(admin_client)]
    for image_id in ids:
        begin(client if image_id != ids[2] else admin_client, image_id, server.url("/disk.raw"))
        cloud.clock.advance(1)
    first = tasks(client, ids[0])[0]

    listed = admin_client.get("/image/v2/tasks?limit=2").get_json()
    rest = admin_client.get(f"/image{listed['next']}").get_json()
    shown = admin_client.get(f"/image{rest['tasks'][0]['self']}").get_json()

    assert [len(listed["tasks"]), len(rest["tasks"])] == [2, 1]
    assert (listed["first"], listed["schema"]) == ("/v2/tasks?limit=2", "/v2/schemas/tasks")
    assert "next" not in rest
    assert shown == {
        **rest["tasks"][0],
        **{key: first[key] for key in ("input", "result", "message", "image_id")},
        **{key: first[key] for key in ("request_id", "user_id")},
    }
    assert shown["id"] == first["id"]
    assert admin_client.get("/image/v2/tasks?status=success").get_json()["tasks"] == []
    ascending = admin_client.get("/image/v2/tasks?sort_dir=asc&sort_key=updated_at").get_json()
    assert ascending["tasks"][0]["id"] == first["id"]


@pytest.mark.parametrize(
    "query", ["status=gone", "sort_key=owner", "sort_dir=up", "limit=-1", "marker=x"]
)
def test_a_list_of_tasks_that_can_not_be_is_refused(admin_client: ApiClient, query: str) -> None:
    assert admin_client.get(f"/image/v2/tasks?{query}").status_code == 400


def test_others_see_no_tasks(
    client: ApiClient, other_client: ApiClient, admin_client: ApiClient, server: WebServer
) -> None:
    public = register(admin_client, visibility="public")
    image_id = register(client)
    begin(client, image_id, server.url("/disk.raw"))
    (task,) = tasks(client, image_id)

    assert other_client.get(f"{IMAGES}/{image_id}/tasks").status_code == 404
    assert other_client.get(f"{IMAGES}/{public}/tasks").status_code == 403
    assert ask(other_client, image_id, server.url("/disk.raw")).status_code == 404
    assert ask(other_client, public, server.url("/disk.raw")).status_code == 403
    assert client.get("/image/v2/tasks").status_code == 403
    assert client.get(f"/image/v2/tasks/{task['id']}").status_code == 403
    assert admin_client.get("/image/v2/tasks/gone").status_code == 404


@pytest.mark.parametrize("path", ["task", "tasks"])
def test_tasks_are_described(client: ApiClient, path: str) -> None:
    assert client.get(f"/image/v2/schemas/{path}").get_json()["name"] == path


# What is refused at once.


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 400),
        ({"method": "web-download"}, 400),
        ({"method": {}}, 400),
        ({"method": {"name": "web-download"}}, 400),
        ({"method": {"name": "web-download", "uri": 1}}, 400),
        ({"method": {"name": "web-download", "uri": "http://a.example/", "x": 1}}, 400),
        ({"method": {"name": "glance-direct"}}, 400),
        ({"method": {"name": "copy-image"}}, 400),
        ({"method": {"name": "web-download", "uri": "http://a.example/"}, "more": 1}, 400),
        ({"method": {"name": "web-download", "uri": "http://a.example/"}, "stores": ["a"]}, 409),
        ({"method": {"name": "web-download", "uri": "file:///etc/passwd"}}, 400),
        ({"method": {"name": "web-download", "uri": "http://169.254.169.254/"}}, 400),
        ({"method": {"name": "web-download", "uri": "http://[::ffff:127.0.0.1]/"}}, 400),
        ({"method": {"name": "web-download", "uri": "http://2130706433/"}}, 400),
        ({"method": {"name": "web-download", "uri": "http://ann:x@a.example/"}}, 400),
    ],
)
def test_a_request_that_can_not_be_is_refused_at_once(
    client: ApiClient, body: object, code: int
) -> None:
    image_id = register(client)

    assert client.post(f"{IMAGES}/{image_id}/import", body).status_code == code
    assert image(client, image_id)["status"] == "queued"
    assert tasks(client, image_id) == []


def test_an_image_without_formats_is_refused(client: ApiClient, server: WebServer) -> None:
    image_id = register(client, disk_format=None)

    assert ask(client, image_id, server.url("/disk.raw")).status_code == 400


def test_an_image_that_is_not_queued_is_a_conflict(
    client: ApiClient, server: WebServer, admin_client: ApiClient, image_id: str
) -> None:
    mine = register(client)
    begin(client, mine, server.url("/disk.raw"))
    path = f"{IMAGES}/{mine}/file"
    upload = client.request("PUT", path, data=b"x", content_type="application/octet-stream")

    assert ask(client, mine, server.url("/disk.raw")).status_code == 409
    assert ask(admin_client, image_id, server.url("/disk.raw")).status_code == 409
    assert upload.status_code == 409
    assert client.get(path).status_code == 204


def test_a_project_has_only_some_imports_at_once(
    client: ApiClient, other_client: ApiClient, server: WebServer
) -> None:
    ids = [register(client) for _ in range(MOST_OF_PROJECT + 1)]
    for image_id in ids[1:]:
        begin(client, image_id, server.url("/disk.raw"))

    assert ask(client, ids[0], server.url("/disk.raw")).status_code == 403
    begin(other_client, register(other_client), server.url("/disk.raw"))
    client.delete(f"{IMAGES}/{ids[1]}")
    begin(client, ids[0], server.url("/disk.raw"))


# What fails later.


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://169.254.169.254/", "169.254.169.254 is not fetched from"),
        ("http://127.0.0.1:1/", "port 1 is not the web's"),
        ("http://[::1]:8080/", "::1 is not fetched from"),
        ("file:///etc/passwd", "must begin with http"),
        ("/gone", "answered 404"),
        ("/compressed", "compressed"),
        ("/small", "500 bytes long, and a disk has at least 512"),
        ("/qcow2", "declared as raw, but its contents are qcow2"),
    ],
)
def test_an_import_that_fails_leaves_the_cause_and_nothing_else(
    cloud: SmallCloud, client: ApiClient, server: WebServer, location: str, why: str
) -> None:
    (tiny,) = client.get(f"{IMAGES}?name=tiny").get_json()["images"]
    qcow2 = client.get(f"{IMAGES}/{tiny['id']}/file").data
    server.answers |= {
        "/": redirect(location),
        "/compressed": reply(200, BYTES, Content_Encoding="gzip"),
        "/small": reply(200, b"x" * 500),
        "/qcow2": reply(200, qcow2),
    }
    image_id = register(client)
    begin(client, image_id, server.url("/"))
    cloud.parts.downloads.work()

    assert why in failure(client, image_id)
    assert files(cloud, image_id) == []
    begin(client, image_id, server.url("/disk.raw"))
    cloud.parts.downloads.work()
    assert image(client, image_id)["status"] == "active"


def test_an_image_above_the_cap_is_refused(
    cloud: SmallCloud, client: ApiClient, server: WebServer
) -> None:
    server.answers["/"] = reply(200, b"", Content_Length=str(10**12))
    image_id = register(client)
    begin(client, image_id, server.url("/"))
    cloud.parts.downloads.work()

    assert "larger than the 107374182400 bytes" in failure(client, image_id)


def test_an_import_that_waited_too_long_has_failed(
    cloud: SmallCloud, client: ApiClient, server: WebServer
) -> None:
    image_id = register(client)
    begin(client, image_id, server.url("/disk.raw"))
    cloud.clock.advance(DEADLINE.total_seconds())
    client = log_in_from_file(cloud, client.http.application, "cumulet")
    cloud.parts.downloads.work()

    assert "not done in time" in failure(client, image_id)


def test_ended_tasks_go_after_some_days(
    cloud: SmallCloud, client: ApiClient, server: WebServer
) -> None:
    image_id = register(client)
    begin(client, image_id, server.url("/disk.raw"))
    cloud.parts.downloads.work()
    cloud.clock.advance(3 * 86400)
    client = log_in_from_file(cloud, client.http.application, "cumulet")
    other = register(client)
    begin(client, other, server.url("/disk.raw"))

    assert tasks(client, image_id) == []
    assert len(tasks(client, other)) == 1
