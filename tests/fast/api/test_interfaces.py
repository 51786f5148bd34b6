# SPDX-License-Identifier: Apache-2.0
"""/servers/ID/os-interface, ports given to servers, and the actions on addresses and groups."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from flask import Flask

from tests.fast.api.conftest import ApiClient, create, let_in, make_server
from tests.fast.application import build_app
from tests.fast.plugging import Guests
from tests.fast.smallcloud import SmallCloud

NETWORK = "/network/v2.0"
NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def guests(cloud: SmallCloud) -> Guests:
    """Guests that take nics while they run."""
    guests = Guests()
    cloud.wrap = guests.around
    cloud.reboot()
    return guests


@pytest.fixture
def app(cloud: SmallCloud, guests: Guests) -> Flask:
    return build_app(cloud)


@pytest.fixture
def client(cloud: SmallCloud, app: Flask) -> ApiClient:
    return let_in(cloud, app, "lab", "lab")


@pytest.fixture
def active(cloud: SmallCloud, client: ApiClient, image_id: str) -> str:
    server_id = make_server(client, image_id)
    cloud.work()
    return server_id


def path(server_id: str, port_id: str = "") -> str:
    return f"/compute/v2.1/servers/{server_id}/os-interface" + (f"/{port_id}" if port_id else "")


def attach(client: ApiClient, server_id: str, **asked: Any) -> Any:
    answer = client.post(path(server_id), {"interfaceAttachment": asked})
    assert answer.status_code == 200, answer.text
    return answer.get_json()["interfaceAttachment"]


def list_of(client: ApiClient, server_id: str) -> list[dict[str, Any]]:
    return list(client.get(path(server_id)).get_json()["interfaceAttachments"])


def make_port(client: ApiClient, network_id: str, **fields: Any) -> dict[str, Any]:
    answer = client.post(f"{NETWORK}/ports", {"port": {"network_id": network_id, **fields}})
    assert answer.status_code == 201, answer.text
    return dict(answer.get_json()["port"])


def port_of(client: ApiClient, port_id: str) -> dict[str, Any]:
    return dict(client.get(f"{NETWORK}/ports/{port_id}").get_json()["port"])


def macs_in_domain(cloud: SmallCloud, server_id: str) -> set[str]:
    domain = ElementTree.fromstring(cloud.domain(server_id).XMLDesc(2))
    return {mac.get("address", "") for mac in domain.findall("devices/interface/mac")}


def test_an_interface_is_shown_with_its_port_and_network(
    client: ApiClient, active: str, network_id: str
) -> None:
    (shown,) = list_of(client, active)
    port = port_of(client, shown["port_id"])

    assert shown == {
        "net_id": network_id,
        "port_id": port["id"],
        "mac_addr": port["mac_address"],
        "port_state": "ACTIVE",
        "fixed_ips": port["fixed_ips"],
    }
    one = client.get(path(active, port["id"])).get_json()
    assert one == {"interfaceAttachment": shown}
    assert client.get(path(active, NOWHERE)).status_code == 404


@pytest.mark.parametrize("vm_state", ["active", "paused", "stopped"])
def test_an_interface_is_attached_and_detached(
    cloud: SmallCloud, client: ApiClient, image_id: str, guests: Guests, vm_state: str
) -> None:
    server_id = cloud.made(make_server(client, image_id), vm_state)
    before = cloud.inventory()
    first = list_of(client, server_id)
    new = attach(client, server_id)
    cloud.work()

    assert list_of(client, server_id) == [*first, new]
    assert new["mac_addr"] in macs_in_domain(cloud, server_id)
    plugged = guests.macs.get(server_id, set())
    assert plugged == (set() if vm_state == "stopped" else {new["mac_addr"]})
    assert cloud.server(server_id).vm_state == vm_state

    answer = client.delete(path(server_id, new["port_id"]))
    assert (answer.status_code, answer.data) == (202, b"")
    cloud.work()

    assert list_of(client, server_id) == first
    assert macs_in_domain(cloud, server_id) == {first[0]["mac_addr"]}
    assert not guests.macs.get(server_id)
    assert client.get(f"{NETWORK}/ports/{new['port_id']}").status_code == 404
    assert cloud.inventory() == before
    actions = client.get(f"/compute/v2.1/servers/{server_id}/os-instance-actions").get_json()
    named = [action["action"] for action in actions["instanceActions"][:2]]
    assert named == ["detach_interface", "attach_interface"]


def test_an_address_is_asked_for_and_told_where_it_is_taken(
    cloud: SmallCloud, client: ApiClient, active: str, network_id: str
) -> None:
    wanted = cloud.config.network.subnet.replace(".0/24", ".99")
    fixed = {"net_id": network_id, "fixed_ips": [{"ip_address": wanted}]}
    new = attach(client, active, **fixed)
    cloud.work()
    again = client.post(path(active), {"interfaceAttachment": fixed})
    outside = {"net_id": network_id, "fixed_ips": [{"ip_address": "9.9.9.9"}]}

    assert [entry["ip_address"] for entry in new["fixed_ips"]] == [wanted]
    assert again.status_code == 409
    assert client.post(path(active), {"interfaceAttachment": outside}).status_code == 400


def test_a_port_keeps_its_address_from_server_to_server(
    cloud: SmallCloud, client: ApiClient, image_id: str, active: str, network_id: str
) -> None:
    port = make_port(client, network_id, name="mine")
    assert (port["status"], port["device_id"]) == ("DOWN", "")
    attach(client, active, port_id=port["id"])
    cloud.work()
    bound = port_of(client, port["id"])
    assert (bound["status"], bound["device_id"]) == ("ACTIVE", active)
    other = make_server(client, image_id, name="other")
    cloud.work()

    taken = client.post(path(other), {"interfaceAttachment": {"port_id": port["id"]}})
    deleted = client.delete(f"{NETWORK}/ports/{port['id']}")
    assert (taken.status_code, deleted.status_code) == (409, 409)

    client.delete(path(active, port["id"]))
    cloud.work()
    assert port_of(client, port["id"])["device_id"] == ""
    moved = attach(client, other, port_id=port["id"])
    cloud.work()
    assert (moved["mac_addr"], moved["fixed_ips"]) == (port["mac_address"], port["fixed_ips"])

    client.delete(f"/compute/v2.1/servers/{other}")
    cloud.work()
    assert port_of(client, port["id"])["device_id"] == ""
    assert client.delete(f"{NETWORK}/ports/{port['id']}").status_code == 204


def test_a_server_is_made_with_a_port(
    cloud: SmallCloud, client: ApiClient, image_id: str, network_id: str
) -> None:
    port = make_port(client, network_id)
    server_id = make_server(client, image_id, networks=[{"port": port["id"]}, {"uuid": network_id}])
    cloud.work()
    taken = create(client, image_id, networks=[{"port": port["id"]}])

    shown = list_of(client, server_id)
    first, _ = shown
    assert first["port_id"] == port["id"]
    assert macs_in_domain(cloud, server_id) == {entry["mac_addr"] for entry in shown}
    assert taken.status_code == 409


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"net_id": NOWHERE}, 404),
        ({"port_id": NOWHERE}, 404),
        ({"net_id": "lab"}, 400),
        ({"net_id": NOWHERE, "port_id": NOWHERE}, 400),
        ({"fixed_ips": [{"ip_address": "10.0.0.1"}]}, 400),
        ({"net_id": NOWHERE, "fixed_ips": []}, 400),
        ({"net_id": NOWHERE, "fixed_ips": [{"ip_address": "x"}]}, 400),
        ({"tag": "of a later version"}, 400),
        ({"colour": "blue"}, 400),
    ],
)
def test_what_can_not_be_attached(
    client: ApiClient, active: str, asked: dict[str, Any], code: int
) -> None:
    answer = client.post(path(active), {"interfaceAttachment": asked})

    assert answer.status_code == code
    assert len(list_of(client, active)) == 1


def test_a_server_in_another_state_is_409_in_novas_words(
    cloud: SmallCloud, client: ApiClient, image_id: str
) -> None:
    server_id = cloud.made(make_server(client, image_id), "suspended")
    answer = client.post(path(server_id), {})

    assert answer.status_code == 409
    assert answer.get_json()["conflictingRequest"]["message"] == (
        f"Cannot 'attach_interface' instance {server_id} while it is in vm_state suspended"
    )


def test_a_server_has_ten_interfaces_at_most(
    cloud: SmallCloud, client: ApiClient, active: str
) -> None:
    for _ in range(9):
        attach(client, active)
        cloud.work()

    assert client.post(path(active), {}).status_code == 400
    assert len(list_of(client, active)) == 10


def test_a_nic_keeps_its_place_when_another_goes(
    cloud: SmallCloud, client: ApiClient, active: str
) -> None:
    for _ in range(2):
        attach(client, active)
        cloud.work()
    _, middle, last = list_of(client, active)
    client.delete(path(active, middle["port_id"]))
    cloud.work()
    places = {nic.port_id: nic.position for nic in cloud.server(active).nics}
    again = attach(client, active)
    cloud.work()

    assert places[last["port_id"]] == 2
    nics = {nic.port_id: nic.position for nic in cloud.server(active).nics}
    assert nics[again["port_id"]] == 1


def test_a_guest_that_does_not_let_go_keeps_its_interface(
    cloud: SmallCloud, client: ApiClient, active: str, guests: Guests
) -> None:
    new = attach(client, active)
    cloud.work()
    guests.deaf_for = 1000
    client.delete(path(active, new["port_id"]))
    cloud.settle_down()

    assert new in list_of(client, active)
    assert new["mac_addr"] in macs_in_domain(cloud, active)
    assert guests.asked >= 40
    shown = client.get(f"/compute/v2.1/servers/{active}/os-instance-actions").get_json()
    assert "did not let go" in shown["instanceActions"][0]["message"]


def test_a_refused_interface_is_undone(
    cloud: SmallCloud, client: ApiClient, active: str, guests: Guests
) -> None:
    """The bare test driver can't plug, and says so."""
    cloud.wrap = lambda host: host
    before = (list_of(client, active), cloud.inventory(), macs_in_domain(cloud, active))
    cloud.reboot()
    again = let_in(cloud, build_app(cloud), "lab", "lab")
    again.post(path(active), {})
    cloud.settle_down()

    after = (list_of(again, active), cloud.inventory(), macs_in_domain(cloud, active))
    assert after == before
    assert cloud.server(active).vm_state == "active"


def test_an_address_is_added_and_removed_by_the_old_actions(
    cloud: SmallCloud, client: ApiClient, active: str, network_id: str
) -> None:
    assert client.act(active, {"addFixedIp": {"networkId": network_id}}).status_code == 202
    cloud.work()
    first, second = client.show(active)["addresses"]["lab"]
    missing = client.act(active, {"removeFixedIp": {"address": "10.9.9.9"}})
    removed = client.act(active, {"removeFixedIp": {"address": second["addr"]}})
    cloud.work()

    assert (missing.status_code, removed.status_code) == (400, 202)
    assert client.show(active)["addresses"]["lab"] == [first]
