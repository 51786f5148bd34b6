# SPDX-License-Identifier: Apache-2.0
"""Floating addresses, as the older versions of the Compute API have them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fast.api.conftest import ApiClient, At, make_server
from tests.fast.api.test_floating_ips import OTHER_ID, POOL, addresses
from tests.fast.smallcloud import SmallCloud


@pytest.fixture
def cloud(cloud: SmallCloud) -> SmallCloud:
    """The cloud of a test, with three floating addresses."""
    cloud.use_pool(POOL)
    cloud.reboot()
    return cloud


def test_the_compute_api_takes_shows_and_gives_back(cloud: SmallCloud, at: At) -> None:
    external = cloud.parts.cloud.networking.external
    assert external is not None
    old = at("2.35")
    assert old.get("/os-floating-ip-pools") == {"floating_ip_pools": [{"name": "public"}]}
    made = [
        old.ask("POST", "/os-floating-ips", body).get_json()["floating_ip"]
        for body in ({"pool": "public"}, {"pool": external.id}, {"pool": None})
    ]

    first = {
        "id": made[0]["id"],
        "ip": "192.0.2.10",
        "fixed_ip": None,
        "instance_id": None,
        "pool": "public",
    }
    assert made[0] == first
    assert old.get(f"/os-floating-ips/{first['id']}") == {"floating_ip": first}
    listed = old.get("/os-floating-ips")["floating_ips"]
    assert sorted(listed, key=lambda each: str(each["ip"])) == made
    spent = old.ask("POST", "/os-floating-ips", {})
    assert spent.status_code == 404
    assert old.ask("DELETE", f"/os-floating-ips/{first['id']}").status_code == 202
    for method in ("GET", "DELETE"):
        for its_id in (first["id"], "1", OTHER_ID):
            gone = old.ask(method, f"/os-floating-ips/{its_id}")
            assert gone.status_code == 404
            assert gone.get_json()["itemNotFound"]["message"] == (
                f"Floating IP not found for ID {its_id}"
            )
    assert old.ask("POST", "/os-floating-ips", {"pool": "none"}).status_code == 404
    assert old.ask("POST", "/os-floating-ips", {"pool": 1}).status_code == 400


def test_the_compute_api_answers_a_spent_quota_with_403(at: At, lab: str) -> None:
    at("2.1", "admin").ask("PUT", f"/os-quota-sets/{lab}", {"quota_set": {"floating_ips": 0}})
    answer = at("2.1").ask("POST", "/os-floating-ips", {})

    assert answer.status_code == 403
    assert "over quota in pool public" in answer.get_json()["forbidden"]["message"]


@pytest.mark.parametrize(
    ("path", "last"),
    [("/os-floating-ip-pools", "2.35"), ("/os-floating-ips", "2.35")],
)
def test_later_versions_have_no_such_routes(at: At, path: str, last: str) -> None:
    assert at(last).ask("GET", path).status_code == 200
    assert at("2.36").ask("GET", path).status_code == 404


def test_actions_lead_an_address_to_a_server_on_to_another_and_away(
    cloud: SmallCloud, client: ApiClient, at: At, image_id: str
) -> None:
    one, two = make_server(client, image_id), make_server(client, image_id)
    cloud.work()
    made = at("2.1").ask("POST", "/os-floating-ips", {}).get_json()["floating_ip"]
    ip, path = made["ip"], f"/os-floating-ips/{made['id']}"

    def act(server_id: str, action: str, **fields: Any) -> Any:
        body = {action: {"address": ip, **fields}}
        return at("2.43").ask("POST", f"/servers/{server_id}/action", body)

    assert act(one, "addFloatingIp").status_code == 202
    assert at("2.1").get(path)["floating_ip"]["instance_id"] == one
    fixed_ip = addresses(client, two)[0][1]
    assert act(two, "addFloatingIp", fixed_address=fixed_ip).status_code == 202
    assert at("2.1").get(path)["floating_ip"] == {
        **made,
        "instance_id": two,
        "fixed_ip": fixed_ip,
    }
    assert addresses(client, one) == [("fixed", addresses(client, one)[0][1])]
    wrong = act(one, "removeFloatingIp")
    assert wrong.status_code == 409
    assert act(two, "removeFloatingIp").status_code == 202
    assert at("2.1").get(path)["floating_ip"] == made
    assert act(two, "removeFloatingIp").status_code == 409
    body = {"addFloatingIp": {"address": ip}}
    assert at("2.44").ask("POST", f"/servers/{one}/action", body).status_code == 404


def test_wrong_actions_are_refused(
    cloud: SmallCloud, client: ApiClient, at: At, other_client: ApiClient, image_id: str
) -> None:
    server_id = make_server(client, image_id)
    bare = {"name": "x", "imageRef": image_id, "flavorRef": "1", "networks": "none"}
    bare_id = at("2.37").ask("POST", "/servers", {"server": bare}).get_json()["server"]["id"]
    cloud.work()
    first, second = (
        at("2.1").ask("POST", "/os-floating-ips", {}).get_json()["floating_ip"]["ip"]
        for _ in range(2)
    )
    theirs = other_client.post("/compute/v2.1/os-floating-ips", {}).get_json()["floating_ip"]["ip"]
    client.act(server_id, {"addFloatingIp": {"address": first}})

    def said(target: str, action: str, **fields: Any) -> int:
        return client.act(target, {action: fields}).status_code

    assert said(server_id, "addFloatingIp", address=second) == 400
    assert said(server_id, "addFloatingIp", address="") == 400
    assert said(server_id, "addFloatingIp") == 400
    assert said(server_id, "addFloatingIp", address="x") == 400
    assert said(server_id, "addFloatingIp", address="0.0.0.0") == 404
    assert said(server_id, "addFloatingIp", address=theirs) == 404
    assert said(server_id, "addFloatingIp", address=second, fixed_address="10.9.9.9") == 400
    assert said(server_id, "addFloatingIp", address=second, colour="blue") == 400
    assert said(server_id, "removeFloatingIp", address="0.0.0.0") == 404
    assert said(server_id, "removeFloatingIp", address=second) == 409
    assert said(bare_id, "addFloatingIp", address=second) == 400
    assert said(OTHER_ID, "addFloatingIp", address=second) == 404
    assert other_client.act(server_id, {"addFloatingIp": {"address": theirs}}).status_code == 404
    assert [kind for kind, _ in addresses(client, server_id)] == ["fixed", "floating"]
