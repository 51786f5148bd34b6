# SPDX-License-Identifier: Apache-2.0
"""/network/v2.0: what is there, and how it is found."""

from __future__ import annotations

import pytest

from tests.fast.api.conftest import ApiClient, make_server
from tests.fast.smallcloud import SmallCloud

NETWORK = "/network/v2.0"


def test_the_shared_network_is_shown_to_every_project(
    cloud: SmallCloud, other_client: ApiClient
) -> None:
    (network,) = other_client.get(f"{NETWORK}/networks").get_json()["networks"]

    admin = cloud.parts.store.identity.find_project("admin")
    assert admin is not None
    assert network == {
        "id": network["id"],
        "name": "lab",
        "description": "",
        "tenant_id": admin.id,
        "project_id": admin.id,
        "admin_state_up": True,
        "status": "ACTIVE",
        "shared": True,
        "router:external": False,
        "port_security_enabled": True,
        "mtu": 1500,
        "subnets": network["subnets"],
        "availability_zone_hints": [],
        "availability_zones": [],
        "tags": [],
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "revision_number": 1,
    }
    assert len(network["subnets"]) == 1


def test_the_subnet_says_its_range(cloud: SmallCloud, client: ApiClient) -> None:
    (subnet,) = client.get(f"{NETWORK}/subnets").get_json()["subnets"]

    cidr = cloud.config.network.subnet
    prefix = cidr.removesuffix("0/24")
    assert (subnet["cidr"], subnet["gateway_ip"]) == (cidr, f"{prefix}1")
    assert subnet["allocation_pools"] == [{"start": f"{prefix}2", "end": f"{prefix}254"}]
    assert (subnet["ip_version"], subnet["enable_dhcp"]) == (4, True)


def test_a_name_is_no_id_but_finds_as_a_filter(client: ApiClient, network_id: str) -> None:
    assert client.get(f"{NETWORK}/networks/lab").status_code == 404
    found = client.get(f"{NETWORK}/networks?name=lab").get_json()["networks"]
    assert [network["id"] for network in found] == [network_id]
    shown = client.get(f"{NETWORK}/networks/{network_id}").get_json()["network"]
    assert shown["name"] == "lab"


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("name=nothing", 0),
        ("name=nothing&name=lab", 1),
        ("shared=True", 1),
        ("shared=false", 0),
        ("router:external=True", 0),
        ("colour=blue", 1),
    ],
)
def test_networks_are_filtered_by_their_attributes(
    client: ApiClient, query: str, count: int
) -> None:
    found = client.get(f"{NETWORK}/networks?{query}").get_json()["networks"]

    assert len(found) == count


def test_fields_choose_the_attributes(client: ApiClient, network_id: str) -> None:
    body = client.get(f"{NETWORK}/networks?fields=id&fields=name").get_json()

    assert body == {"networks": [{"id": network_id, "name": "lab"}]}


def test_a_servers_port_is_found_by_server_and_address(
    client: ApiClient, image_id: str, network_id: str
) -> None:
    server_id = make_server(client, image_id)
    make_server(client, image_id)
    (address,) = client.show(server_id)["addresses"]["lab"]

    (port,) = client.get(f"{NETWORK}/ports?device_id={server_id}").get_json()["ports"]
    same = client.get(f"{NETWORK}/ports?fixed_ips=ip_address%3D{address['addr']}").get_json()

    assert same == {"ports": [port]}
    assert port["network_id"] == network_id
    assert port["mac_address"] == address["OS-EXT-IPS-MAC:mac_addr"]
    assert [entry["ip_address"] for entry in port["fixed_ips"]] == [address["addr"]]
    assert (port["device_owner"], port["status"]) == ("compute:nova", "ACTIVE")
    assert client.get(f"{NETWORK}/ports/{port['id']}").get_json() == {"port": port}


def test_another_projects_port_is_404(
    client: ApiClient, other_client: ApiClient, image_id: str
) -> None:
    make_server(client, image_id)
    (port,) = client.get(f"{NETWORK}/ports").get_json()["ports"]

    assert other_client.get(f"{NETWORK}/ports").get_json() == {"ports": []}
    answer = other_client.get(f"{NETWORK}/ports/{port['id']}")
    assert answer.status_code == 404
    assert answer.get_json()["NeutronError"]["type"] == "NotFound"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("routers", "routers"),
        ("floatingips", "floatingips"),
        ("agents", "agents"),
        ("availability_zones", "availability_zones"),
    ],
)
def test_what_this_cloud_does_not_have_is_an_empty_list(
    client: ApiClient, path: str, name: str
) -> None:
    assert client.get(f"{NETWORK}/{path}").get_json() == {name: []}
