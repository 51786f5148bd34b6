# SPDX-License-Identifier: Apache-2.0
"""Images are shared: an owner adds a project, which accepts, and sees and uses the image."""

from __future__ import annotations

import pytest

from tests.fast.api.conftest import ApiClient, create
from tests.fast.api.test_images import BYTES, IMAGES, register, upload


def project_of(client: ApiClient) -> str:
    return str(client.get("/identity/v3/auth/projects").get_json()["projects"][0]["id"])


def names(client: ApiClient, query: str = "") -> list[str]:
    images = client.get(f"{IMAGES}?{query}").get_json()["images"]
    return sorted(image["name"] for image in images)


@pytest.fixture
def shared(client: ApiClient, other_client: ApiClient) -> str:
    """An image of the client's project that it shares with the other's; not answered yet."""
    image_id = register(client, name="shared one")
    assert upload(client, image_id) == 204
    body = {"member": project_of(other_client)}
    assert client.post(f"{IMAGES}/{image_id}/members", body).status_code == 200
    return image_id


def answer(client: ApiClient, image_id: str, status: str) -> int:
    path = f"{IMAGES}/{image_id}/members/{project_of(client)}"
    return client.request("PUT", path, json={"status": status}).status_code


def test_a_new_member_is_pending(client: ApiClient, other_client: ApiClient) -> None:
    image_id, other = register(client), project_of(other_client)

    added = client.post(f"{IMAGES}/{image_id}/members", {"member": other})

    member = {
        "image_id": image_id,
        "member_id": other,
        "status": "pending",
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "schema": "/v2/schemas/member",
    }
    assert (added.status_code, added.get_json()) == (200, member)
    path = f"{IMAGES}/{image_id}/members"
    assert client.get(path).get_json() == {"members": [member], "schema": "/v2/schemas/members"}
    assert client.get(f"{path}/{other}").get_json() == member


def test_a_member_sees_at_once_and_lists_what_it_accepted(
    other_client: ApiClient, shared: str
) -> None:
    path = f"{IMAGES}/{shared}"

    assert other_client.get(path).status_code == 200
    assert other_client.get(f"{path}/file").data == BYTES
    assert names(other_client) == ["tiny"]
    assert names(other_client, "visibility=shared&member_status=pending") == ["shared one"]

    assert answer(other_client, shared, "accepted") == 200
    assert names(other_client) == ["shared one", "tiny"]
    assert names(other_client, "visibility=shared") == ["shared one"]
    assert names(other_client, "visibility=shared&member_status=pending") == []

    assert answer(other_client, shared, "rejected") == 200
    assert names(other_client) == ["tiny"]
    assert names(other_client, "visibility=shared&member_status=rejected") == ["shared one"]
    assert names(other_client, "visibility=shared&member_status=all") == ["shared one"]
    assert other_client.get(path).status_code == 200


def test_lists_are_filtered_by_the_owner_who_shares(
    client: ApiClient, other_client: ApiClient, shared: str
) -> None:
    answer(other_client, shared, "accepted")
    register(other_client, name="own")

    assert names(other_client, f"owner={project_of(client)}") == ["shared one"]
    assert names(other_client, f"owner={project_of(other_client)}") == ["own"]


def test_a_member_makes_a_server_of_it_and_changes_nothing(
    other_client: ApiClient, shared: str
) -> None:
    assert create(other_client, shared).status_code == 202
    assert other_client.delete(f"{IMAGES}/{shared}").status_code == 403


def test_a_member_sees_only_itself_among_the_members(
    client: ApiClient, other_client: ApiClient, shared: str
) -> None:
    path = f"{IMAGES}/{shared}/members"
    assert client.post(path, {"member": "a third"}).status_code == 200

    members = [member["member_id"] for member in other_client.get(path).get_json()["members"]]
    assert members == [project_of(other_client)]
    assert len(client.get(path).get_json()["members"]) == 2
    assert other_client.get(f"{path}/a%20third").status_code == 404


def test_a_member_that_is_removed_sees_it_no_more(
    client: ApiClient, other_client: ApiClient, shared: str
) -> None:
    member = f"{IMAGES}/{shared}/members/{project_of(other_client)}"

    assert client.delete(member).status_code == 204

    assert client.get(member).status_code == 404
    for path in ("", "/file", "/members", f"/members/{project_of(other_client)}", "/tasks"):
        assert other_client.get(f"{IMAGES}/{shared}{path}").status_code == 404
    assert create(other_client, shared).status_code == 400


def test_an_administrator_may_answer_for_a_member(
    admin_client: ApiClient, other_client: ApiClient, shared: str
) -> None:
    path = f"{IMAGES}/{shared}/members/{project_of(other_client)}"

    done = admin_client.request("PUT", path, json={"status": "accepted"})

    assert (done.status_code, done.get_json()["status"]) == (200, "accepted")
    assert names(other_client) == ["shared one", "tiny"]


def test_an_image_has_at_most_128_members(client: ApiClient) -> None:
    path = f"{IMAGES}/{register(client)}/members"
    for number in range(128):
        assert client.post(path, {"member": f"project {number}"}).status_code == 200

    refused = client.post(path, {"member": "one more"})

    assert refused.status_code == 413
    assert "members" in refused.get_json()["message"]


def test_a_community_image_is_seen_by_who_asks_for_it(
    client: ApiClient, other_client: ApiClient
) -> None:
    image_id = register(client, name="for all", visibility="community")

    assert names(client) == ["for all", "tiny"]
    assert names(other_client) == ["tiny"]
    assert names(other_client, "visibility=community") == ["for all"]
    assert names(other_client, "visibility=all") == ["for all", "tiny"]
    assert other_client.get(f"{IMAGES}/{image_id}").status_code == 200


def test_an_administrator_sees_every_image(client: ApiClient, admin_client: ApiClient) -> None:
    image_id = register(client, name="private", visibility="private")

    assert admin_client.get(f"{IMAGES}/{image_id}").status_code == 200
    assert names(admin_client) == ["private", "tiny"]
    assert admin_client.delete(f"{IMAGES}/{image_id}").status_code == 204


def test_an_administrator_registers_images_for_others(admin_client: ApiClient) -> None:
    image_id = register(admin_client, owner="0123456789abcdef")

    image = admin_client.get(f"{IMAGES}/{image_id}").get_json()

    assert image["owner"] == "0123456789abcdef"
