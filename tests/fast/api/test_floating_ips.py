# SPDX-License-Identifier: Apache-2.0
"""Floating addresses, as the Networking API has them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from agent.model.network import NOBODY
from tests.fast.api.conftest import ApiClient, make_server
from tests.fast.api.test_network_edits import change, delete, make, own_network, refused
from tests.fast.smallcloud import SmallCloud

NETWORK = "/network/v2.0"
POOL = "192.0.2.10-192.0.2.12"
OTHER_ID = "00000000-0000-4000-8000-000000000002"


@pytest.fixture
def cloud(cloud: SmallCloud) -> SmallCloud:
    """The cloud of a test, with three floating addresses."""
    cloud.use_pool(POOL)
    cloud.reboot()
    return cloud


@pytest.fixture
def public(client: ApiClient) -> str:
    """The id of the network that they are of."""
    (network,) = client.get(f"{NETWORK}/networks?router:external=True").get_json()["networks"]
    return str(network["id"])


def port_of(client: ApiClient, server_id: str) -> dict[str, Any]:
    (port,) = client.get(f"{NETWORK}/ports?device_id={server_id}").get_json()["ports"]
    return dict(port)


def shown(client: ApiClient, its_id: str) -> dict[str, Any]:
    return dict(client.get(f"{NETWORK}/floatingips/{its_id}").get_json()["floatingip"])


def addresses(client: ApiClient, server_id: str) -> list[tuple[str, str]]:
    (listed,) = client.show(server_id)["addresses"].values()
    return [(each["OS-EXT-IPS:type"], each["addr"]) for each in listed]


def test_there_is_one_external_network_which_everybody_sees(
    client: ApiClient, other_client: ApiClient, public: str
) -> None:
    network = client.get(f"{NETWORK}/networks/{public}").get_json()["network"]
    seen = other_client.get(f"{NETWORK}/networks?name=public").get_json()["networks"]

    assert seen == [network]
    assert (network["name"], network["shared"], network["subnets"]) == ("public", False, [])
    assert network["project_id"] == NOBODY
    extensions = client.get(f"{NETWORK}/extensions").get_json()["extensions"]
    assert {"router", "external-net"} < {each["alias"] for each in extensions}


def test_the_external_network_is_the_same_after_a_restart(
    cloud: SmallCloud, client: ApiClient, public: str
) -> None:
    external = cloud.parts.cloud.networking.external
    cloud.reboot()

    assert external is not None
    assert external.id == public
    assert cloud.parts.cloud.networking.external == external


def test_nothing_but_floating_addresses_is_of_it(
    cloud: SmallCloud, client: ApiClient, admin_client: ApiClient, image_id: str, public: str
) -> None:
    for caller in (client, admin_client):
        assert refused(caller, "port", network_id=public)[0] == 403
        assert refused(caller, "subnet", network_id=public, cidr="10.1.2.0/24")[0] == 403
        assert change(caller, "network", public, name="mine").status_code == 403
        assert delete(caller, "network", public) == 403
        tags = caller.request("PUT", f"{NETWORK}/networks/{public}/tags", json={"tags": ["a"]})
        assert tags.status_code == 403
    wanted = {"name": "x", "imageRef": image_id, "flavorRef": "1", "networks": [{"uuid": public}]}
    answer = client.post("/compute/v2.1/servers", {"server": wanted})
    server_id = make_server(client, image_id)
    cloud.work()
    path = f"/compute/v2.1/servers/{server_id}/os-interface"
    attached = client.post(path, {"interfaceAttachment": {"net_id": public}})
    for refusal in (answer, attached):
        assert refusal.status_code == 403
        message = refusal.get_json()["forbidden"]["message"]
        assert message.startswith("It is not allowed to create an interface on external network")


def test_a_server_that_names_no_network_is_not_on_the_external_one(
    cloud: SmallCloud, client: ApiClient, image_id: str
) -> None:
    server_id = make_server(client, image_id)

    assert list(client.show(server_id)["addresses"]) == ["lab"]


def test_an_address_is_taken_led_to_a_port_and_given_back(
    cloud: SmallCloud, client: ApiClient, image_id: str, public: str
) -> None:
    server_id = make_server(client, image_id)
    cloud.work()
    port = port_of(client, server_id)
    fixed_ip = port["fixed_ips"][0]["ip_address"]
    made = make(client, "floatingip", floating_network_id=public, description="of the web")

    assert made == {
        "id": made["id"],
        "floating_ip_address": "192.0.2.10",
        "floating_network_id": public,
        "fixed_ip_address": None,
        "port_id": None,
        "router_id": None,
        "status": "DOWN",
        "description": "of the web",
        "tenant_id": port["project_id"],
        "project_id": port["project_id"],
        "tags": [],
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "revision_number": 1,
    }
    assert shown(client, made["id"]) == made
    answer = change(client, "floatingip", made["id"], port_id=port["id"])
    led = answer.get_json()["floatingip"]
    assert (led["port_id"], led["fixed_ip_address"]) == (port["id"], fixed_ip)
    assert (led["status"], led["revision_number"]) == ("DOWN", 2)
    cloud.work()
    assert shown(client, made["id"])["status"] == "ACTIVE"
    assert addresses(client, server_id) == [("fixed", fixed_ip), ("floating", "192.0.2.10")]
    ips = client.get(f"/compute/v2.1/servers/{server_id}/ips").get_json()["addresses"]["lab"]
    assert [each["addr"] for each in ips] == [fixed_ip, "192.0.2.10"]

    assert change(client, "floatingip", made["id"], description="").status_code == 200
    assert shown(client, made["id"])["port_id"] == port["id"]
    change(client, "floatingip", made["id"], port_id=None)
    cloud.work()
    assert (shown(client, made["id"])["status"], addresses(client, server_id)) == (
        "DOWN",
        [("fixed", fixed_ip)],
    )
    assert delete(client, "floatingip", made["id"]) == 204
    assert client.get(f"{NETWORK}/floatingips").get_json() == {"floatingips": []}
    assert delete(client, "floatingip", made["id"]) == 404


def test_an_address_outlives_its_server_and_its_port(
    cloud: SmallCloud, client: ApiClient, image_id: str, public: str
) -> None:
    server_id = make_server(client, image_id)
    cloud.work()
    port = port_of(client, server_id)
    made = make(client, "floatingip", floating_network_id=public, port_id=port["id"])
    client.delete(f"/compute/v2.1/servers/{server_id}")
    cloud.work()

    left = shown(client, made["id"])
    assert (left["port_id"], left["fixed_ip_address"], left["status"]) == (None, None, "DOWN")
    assert left["floating_ip_address"] == "192.0.2.10"


def test_an_address_may_wait_at_a_port_for_its_server(
    cloud: SmallCloud, client: ApiClient, image_id: str, network_id: str, public: str
) -> None:
    port = make(client, "port", network_id=network_id)
    made = make(client, "floatingip", floating_network_id=public, port_id=port["id"])
    cloud.work()
    waiting = shown(client, made["id"])["status"]
    wanted = {
        **{"name": "x", "imageRef": image_id, "flavorRef": "1"},
        "networks": [{"port": port["id"]}],
    }
    server_id = client.post("/compute/v2.1/servers", {"server": wanted}).get_json()["server"]["id"]
    cloud.work()

    assert (waiting, shown(client, made["id"])["status"]) == ("DOWN", "ACTIVE")
    assert ("floating", "192.0.2.10") in addresses(client, server_id)


def test_what_can_not_be_led_is_refused_and_nothing_is_taken(
    cloud: SmallCloud, client: ApiClient, image_id: str, network_id: str, public: str
) -> None:
    own_id, _ = own_network(client)
    inner = make(client, "port", network_id=own_id)
    port = make(client, "port", network_id=network_id)
    fixed_ip = port["fixed_ips"][0]["ip_address"]
    taken = make(client, "floatingip", floating_network_id=public, port_id=port["id"])

    def said(**fields: Any) -> tuple[int, str]:
        return refused(client, "floatingip", **{"floating_network_id": public, **fields})

    assert said(port_id=OTHER_ID)[0] == 404
    code, message = said(port_id=inner["id"])
    assert code == 404
    assert "not reachable from subnet" in message
    code, message = said(port_id=port["id"])
    assert code == 409
    assert message == (
        f"Cannot associate floating IP 192.0.2.11 with port {port['id']} using fixed IP "
        f"{fixed_ip}, as that fixed IP already has the floating IP 192.0.2.10."
    )
    assert said(port_id=port["id"], fixed_ip_address="10.9.9.9")[0] == 400
    assert said(fixed_ip_address=fixed_ip)[0] == 400
    assert said(floating_network_id=network_id)[0] == 400
    assert said(floating_network_id=OTHER_ID)[0] == 404
    assert said(floating_network_id="public")[0] == 400
    assert said(floating_ip_address="192.0.2.11")[0] == 403
    assert said(project_id="another")[0] == 403
    assert said(dns_name="www")[0] == 400
    assert said(colour="blue")[0] == 400
    assert refused(client, "floatingip")[0] == 400
    another = make(client, "floatingip", floating_network_id=public)
    wrong: list[dict[str, Any]] = [
        {"port_id": port["id"]},
        {"port_id": inner["id"]},
        {"port_id": OTHER_ID},
        {"port_id": 7},
        {"fixed_ip_address": "10.0.0.1"},
        {"floating_ip_address": "192.0.2.12"},
    ]
    codes = [change(client, "floatingip", another["id"], **each).status_code for each in wrong]
    assert codes == [409, 404, 404, 400, 400, 400]
    assert shown(client, another["id"]) == another
    listed = client.get(f"{NETWORK}/floatingips").get_json()["floatingips"]
    assert {each["id"] for each in listed} == {taken["id"], another["id"]}


def test_the_same_port_again_is_no_conflict(
    client: ApiClient, network_id: str, public: str
) -> None:
    port = make(client, "port", network_id=network_id)
    made = make(client, "floatingip", floating_network_id=public, port_id=port["id"])
    again = change(client, "floatingip", made["id"], port_id=port["id"])

    assert again.status_code == 200
    assert again.get_json()["floatingip"]["port_id"] == port["id"]


def test_another_projects_address_and_port_are_404(
    client: ApiClient, other_client: ApiClient, network_id: str, public: str
) -> None:
    made = make(client, "floatingip", floating_network_id=public)
    port = make(client, "port", network_id=network_id)
    theirs = make(other_client, "floatingip", floating_network_id=public)

    assert other_client.get(f"{NETWORK}/floatingips/{made['id']}").status_code == 404
    assert change(other_client, "floatingip", made["id"], description="x").status_code == 404
    assert delete(other_client, "floatingip", made["id"]) == 404
    assert change(other_client, "floatingip", theirs["id"], port_id=port["id"]).status_code == 404
    listed = other_client.get(f"{NETWORK}/floatingips").get_json()["floatingips"]
    assert [each["id"] for each in listed] == [theirs["id"]]


def test_an_administrator_sees_all_and_may_name_the_address_and_the_project(
    client: ApiClient, admin_client: ApiClient, lab: str, public: str
) -> None:
    asked = {"floating_network_id": public, "floating_ip_address": "192.0.2.12", "tenant_id": lab}
    made = make(admin_client, "floatingip", **asked)
    code, message = refused(admin_client, "floatingip", **asked)
    outside = {**asked, "floating_ip_address": "192.0.2.13"}

    assert (made["floating_ip_address"], made["project_id"]) == ("192.0.2.12", lab)
    assert shown(client, made["id"]) == made
    assert (code, message) == (409, "IP address 192.0.2.12 already allocated.")
    assert refused(admin_client, "floatingip", **outside)[0] == 400
    seen = admin_client.get(f"{NETWORK}/floatingips?floating_ip_address=192.0.2.12").get_json()
    assert [each["id"] for each in seen["floatingips"]] == [made["id"]]


def test_the_pool_ends_and_what_is_given_back_is_taken_again(
    client: ApiClient, public: str
) -> None:
    made = [make(client, "floatingip", floating_network_id=public) for _ in range(3)]
    code, message = refused(client, "floatingip", floating_network_id=public)

    assert [each["floating_ip_address"] for each in made] == [
        *("192.0.2.10", "192.0.2.11", "192.0.2.12"),
    ]
    assert code == 409
    assert "No more floating IP addresses" in message
    delete(client, "floatingip", made[1]["id"])
    again = make(client, "floatingip", floating_network_id=public)
    assert again["floating_ip_address"] == "192.0.2.11"


def test_the_quota_holds_when_many_ask_at_once(
    cloud: SmallCloud, client: ApiClient, admin_client: ApiClient, lab: str, public: str
) -> None:
    quota = {"quota": {"floatingip": 2}}
    assert admin_client.request("PUT", f"{NETWORK}/quotas/{lab}", json=quota).status_code == 200
    together = threading.Barrier(6)
    app = client.http.application

    def take() -> int:
        own = ApiClient(app.test_client(), client.token)
        together.wait(30)
        body = {"floatingip": {"floating_network_id": public}}
        return own.post(f"{NETWORK}/floatingips", body).status_code

    with ThreadPoolExecutor(6) as pool:
        codes = sorted(each.result(60) for each in [pool.submit(take) for _ in range(6)])

    assert codes == [201, 201, 409, 409, 409, 409]
    details = client.get(f"{NETWORK}/quotas/{lab}/details").get_json()["quota"]["floatingip"]
    assert details == {"limit": 2, "used": 2, "reserved": 0}
    limits = client.get("/compute/v2.1/limits").get_json()["limits"]["absolute"]
    assert (limits["maxTotalFloatingIps"], limits["totalFloatingIpsUsed"]) == (2, 2)


def test_a_reader_looks_and_takes_nothing(
    client: ApiClient, reader_client: ApiClient, public: str
) -> None:
    made = make(client, "floatingip", floating_network_id=public)

    assert shown(reader_client, made["id"]) == made
    assert refused(reader_client, "floatingip", floating_network_id=public)[0] == 403
    assert delete(reader_client, "floatingip", made["id"]) == 403
