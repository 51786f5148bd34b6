# SPDX-License-Identifier: Apache-2.0
"""/network/v2.0: networks, subnets and ports of users' making, and what the host has of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from agent.engine.carrying import carry
from agent.hypervisor.base import NetworkSpec
from agent.model.identity import Project
from agent.model.quota import Quota
from tests.fast.api.conftest import ApiClient, create, make_server
from tests.fast.smallcloud import SmallCloud

NETWORK = "/network/v2.0"
CIDR = "10.231.7.0/24"
OTHER_ID = "00000000-0000-4000-8000-000000000002"


def make(client: ApiClient, kind: str, **fields: Any) -> dict[str, Any]:
    answer = client.post(f"{NETWORK}/{kind}s", {kind: fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.get_json()[kind])


def refused(client: ApiClient, kind: str, **fields: Any) -> tuple[int, str]:
    answer = client.post(f"{NETWORK}/{kind}s", {kind: fields})
    return answer.status_code, answer.get_json()["NeutronError"]["message"]


def change(client: ApiClient, kind: str, its_id: str, **fields: Any) -> Any:
    return client.request("PUT", f"{NETWORK}/{kind}s/{its_id}", json={kind: fields})


def delete(client: ApiClient, kind: str, its_id: str) -> int:
    return client.delete(f"{NETWORK}/{kind}s/{its_id}").status_code


def own_network(client: ApiClient, cidr: str = CIDR, **fields: Any) -> tuple[str, str]:
    network = make(client, "network", name="own")
    subnet = make(client, "subnet", network_id=network["id"], cidr=cidr, ip_version=4, **fields)
    return network["id"], subnet["id"]


def carried(cloud: SmallCloud) -> set[str]:
    return set(cloud.parts.host.list_private_networks())


def test_a_network_and_its_subnet_are_shown_as_they_were_asked_for(client: ApiClient) -> None:
    network = make(client, "network", name="own", description="mine", admin_state_up=True)
    subnet = make(
        client,
        "subnet",
        network_id=network["id"],
        cidr=CIDR,
        ip_version=4,
        name="range",
        gateway_ip="10.231.7.254",
        allocation_pools=[{"start": "10.231.7.10", "end": "10.231.7.20"}],
        dns_nameservers=["10.231.7.9"],
        enable_dhcp=False,
    )

    assert (network["name"], network["description"], network["shared"]) == ("own", "mine", False)
    assert (network["subnets"], network["revision_number"]) == ([], 1)
    shown = client.get(f"{NETWORK}/networks/{network['id']}").get_json()["network"]
    assert shown == {**network, "subnets": [subnet["id"]]}
    assert {name: subnet[name] for name in ("name", "cidr", "gateway_ip", "enable_dhcp")} == {
        "name": "range",
        "cidr": CIDR,
        "gateway_ip": "10.231.7.254",
        "enable_dhcp": False,
    }
    assert subnet["allocation_pools"] == [{"start": "10.231.7.10", "end": "10.231.7.20"}]
    assert subnet["dns_nameservers"] == ["10.231.7.9"]


@pytest.mark.parametrize(
    ("gateway", "shown", "pools"),
    [
        ({}, "10.231.7.1", [("10.231.7.2", "10.231.7.6")]),
        ({"gateway_ip": None}, None, [("10.231.7.2", "10.231.7.6")]),
        ({"gateway_ip": "10.231.7.6"}, "10.231.7.6", [("10.231.7.1", "10.231.7.5")]),
        (
            {"gateway_ip": "10.231.7.3"},
            "10.231.7.3",
            [("10.231.7.1", "10.231.7.2"), ("10.231.7.4", "10.231.7.6")],
        ),
    ],
)
def test_the_pool_leaves_the_hosts_address_out(
    client: ApiClient, gateway: dict[str, Any], shown: str | None, pools: list[tuple[str, str]]
) -> None:
    network = make(client, "network", name="own")
    subnet = make(client, "subnet", network_id=network["id"], cidr="10.231.7.0/29", **gateway)

    assert subnet["gateway_ip"] == shown
    assert [(pool["start"], pool["end"]) for pool in subnet["allocation_pools"]] == pools


def test_a_server_is_built_on_it_and_it_goes_with_its_row(
    cloud: SmallCloud, client: ApiClient, image_id: str
) -> None:
    network_id, subnet_id = own_network(client)
    cloud.work()
    assert carried(cloud) == {network_id}
    server_id = make_server(client, image_id)  # the project's only network is the default
    cloud.work()

    (address,) = client.show(server_id)["addresses"]["own"]
    assert address["addr"].startswith("10.231.7.")
    domain = ElementTree.fromstring(cloud.domain(server_id).XMLDesc())
    bridge = domain.find("devices/interface/source")
    assert bridge is not None
    assert bridge.get("bridge", "").startswith("cml-")
    assert (delete(client, "network", network_id), delete(client, "subnet", subnet_id)) == (
        409,
    ) * 2

    client.delete(f"/compute/v2.1/servers/{server_id}")
    cloud.work()
    assert delete(client, "network", network_id) == 204
    cloud.work()
    assert carried(cloud) == set()
    assert client.get(f"{NETWORK}/subnets/{subnet_id}").status_code == 404


def test_other_addresses_for_the_same_network(cloud: SmallCloud, client: ApiClient) -> None:
    network_id, subnet_id = own_network(client)
    cloud.work()
    assert delete(client, "subnet", subnet_id) == 204
    make(client, "subnet", network_id=network_id, cidr="10.231.9.0/24")
    cloud.work()

    assert cloud.parts.host.list_private_networks() == {network_id: "10.231.9.1"}


STRAY = NetworkSpec(
    name="stray",
    bridge="cml-stray",
    cidr="10.240.0.0/24",
    gateway="10.240.0.1",
    dhcp_start="10.240.0.2",
    dhcp_end="10.240.0.9",
    is_private=True,
    uuid="00000000-0000-4000-8000-000000000001",
)


def test_a_leftover_goes_before_a_network_with_its_addresses_is_made(cloud: SmallCloud) -> None:
    """libvirt starts no second network on the same addresses: a server's start waits for none."""
    host, made = cloud.parts.host, replace(STRAY, name="new", bridge="cml-new", uuid=OTHER_ID)
    host.ensure_network(STRAY)
    calls: list[str] = []

    def recorded() -> list[NetworkSpec]:
        calls.append(",".join(host.list_private_networks()))
        return [made]

    carry(host, recorded)

    assert calls == [STRAY.uuid, ""]
    assert host.list_private_networks() == {OTHER_ID: made.gateway}


def test_a_leftover_is_removed_and_what_is_not_ours_stays(
    cloud: SmallCloud, client: ApiClient
) -> None:
    host = cloud.parts.host
    host.ensure_network(STRAY)
    host.ensure_network(replace(STRAY, name="other", bridge="x0", is_private=False, uuid=""))
    cloud.settle_down()

    names = {network.name for network in host.list_networks()}
    assert names == {"other", cloud.config.network.libvirt_network}


@pytest.mark.parametrize(
    ("fields", "code", "said"),
    [
        ({"cidr": "{lab}"}, 400, "overlaps with another subnet"),
        ({"cidr": "8.8.8.0/24"}, 400, "network.project_subnets"),
        ({"cidr": "10.0.0.0/8"}, 400, "from a /16 to a /29"),
        ({"cidr": "10.1.0.0/30"}, 400, "from a /16 to a /29"),
        ({"cidr": "fd00::/64"}, 400, "cidr"),
        ({"cidr": CIDR, "ip_version": 6}, 400, "ip_version"),
        ({"cidr": CIDR, "gateway_ip": "10.9.9.9"}, 400, "gateway_ip"),
        ({"cidr": CIDR, "gateway_ip": "10.231.7.255"}, 400, "gateway_ip"),
        ({"cidr": CIDR, "host_routes": [{}]}, 400, "host_routes"),
        ({"cidr": CIDR, "dns_nameservers": ["dns"]}, 400, "dns_nameservers"),
        (
            {"cidr": CIDR, "allocation_pools": [{"start": "10.231.7.1", "end": "10.231.7.9"}]},
            409,
            "conflicts with allocation pool",
        ),
        (
            {"cidr": CIDR, "allocation_pools": [{"start": "10.231.7.9", "end": "10.231.8.9"}]},
            400,
            "allocation_pools",
        ),
        ({"cidr": CIDR, "colour": "blue"}, 400, "colour"),
    ],
)
def test_what_is_no_subnet(
    cloud: SmallCloud, client: ApiClient, fields: dict[str, Any], code: int, said: str
) -> None:
    network = make(client, "network", name="own")
    fields["cidr"] = fields["cidr"].replace("{lab}", cloud.config.network.subnet)
    answered, message = refused(client, "subnet", network_id=network["id"], **fields)

    assert (answered, said in message) == (code, True), message


def test_two_projects_can_not_have_the_same_addresses(
    client: ApiClient, other_client: ApiClient
) -> None:
    own_network(client)
    network = make(other_client, "network", name="own")
    code, message = refused(other_client, "subnet", network_id=network["id"], cidr=CIDR)

    assert (code, "overlaps with another subnet" in message) == (400, True)
    make(other_client, "subnet", network_id=network["id"], cidr="10.231.8.0/24")


def test_a_project_has_ten_networks_at_most(client: ApiClient) -> None:
    for _ in range(10):
        make(client, "network", name="own")

    code, message = refused(client, "network", name="own")
    assert (code, message) == (
        409,
        "Quota exceeded for resources: ['network']. The project has 10 of 10.",
    )


def test_a_member_changes_its_own_and_no_other(
    client: ApiClient, other_client: ApiClient, admin_client: ApiClient, network_id: str
) -> None:
    own_id, subnet_id = own_network(client)
    named = change(client, "network", own_id, name="new", description="words").get_json()
    again = change(client, "subnet", subnet_id, name="range").get_json()

    assert (named["network"]["name"], named["network"]["revision_number"]) == ("new", 2)
    assert again["subnet"]["name"] == "range"
    assert change(client, "subnet", subnet_id, enable_dhcp=False).status_code == 400
    assert change(client, "network", own_id, admin_state_up=False).status_code == 400
    assert change(client, "network", own_id, shared=True).status_code == 403
    assert change(client, "network", network_id, name="mine").status_code == 403
    assert refused(client, "network", name="x", shared=True)[0] == 403
    assert refused(client, "network", name="x", project_id="0" * 32)[0] == 403
    assert change(other_client, "network", own_id, name="x").status_code == 404
    assert delete(other_client, "network", own_id) == 404
    assert refused(other_client, "port", network_id=own_id)[0] == 404
    assert delete(admin_client, "network", network_id) == 409  # it is everybody's default
    assert change(admin_client, "network", own_id, shared=True).status_code == 200
    assert other_client.get(f"{NETWORK}/networks/{own_id}").status_code == 200
    make(other_client, "port", network_id=own_id)
    assert change(admin_client, "network", own_id, shared=False).status_code == 409


def test_an_administrator_makes_networks_for_others_and_sees_all(
    cloud: SmallCloud, client: ApiClient, admin_client: ApiClient
) -> None:
    lab = cloud.parts.store.identity.find_project("lab")
    assert lab is not None
    made = make(admin_client, "network", name="for lab", tenant_id=lab.id)

    assert made["project_id"] == lab.id
    assert client.get(f"{NETWORK}/networks/{made['id']}").status_code == 200
    seen = admin_client.get(f"{NETWORK}/networks?project_id={lab.id}").get_json()["networks"]
    assert [network["id"] for network in seen] == [made["id"]]
    ports = admin_client.get(f"{NETWORK}/ports").get_json()["ports"]
    assert ports == []  # spare ones are nobody's


def test_a_port_has_the_address_and_the_mac_that_it_is_asked_for(
    cloud: SmallCloud, client: ApiClient
) -> None:
    network_id, subnet_id = own_network(client)
    cloud.work()
    fixed = [{"subnet_id": subnet_id, "ip_address": "10.231.7.3"}]  # a spare port has it by now
    port = make(
        client,
        "port",
        network_id=network_id,
        name="mine",
        fixed_ips=fixed,
        mac_address="52-54-00-AA-BB-01",
        security_groups=[],
    )
    cloud.work()

    assert (port["fixed_ips"], port["mac_address"]) == (fixed, "52:54:00:aa:bb:01")
    (network,) = [n for n in cloud.parts.host.survey().networks if n.uuid == network_id]
    assert ("52:54:00:aa:bb:01", "10.231.7.3") in {(r.mac, r.ip) for r in network.reservations}
    found = client.get(f"{NETWORK}/ports?network_id={network_id}&name=mine").get_json()["ports"]
    assert found == [port]
    same = {"network_id": network_id, "fixed_ips": fixed}
    assert refused(client, "port", **same)[0] == 409
    assert refused(client, "port", network_id=network_id, mac_address=port["mac_address"])[0] == 409
    assert refused(client, "port", network_id=network_id, mac_address="01:00:5e:00:00:01")[0] == 400
    assert refused(client, "port", network_id=network_id, device_id="x")[0] == 400
    assert change(client, "port", port["id"], name="x").get_json()["port"]["name"] == "x"
    assert delete(client, "port", port["id"]) == 204
    cloud.work()
    (network,) = [n for n in cloud.parts.host.survey().networks if n.uuid == network_id]
    assert "52:54:00:aa:bb:01" not in {r.mac for r in network.reservations}


def test_a_network_without_a_subnet_carries_no_server(client: ApiClient, image_id: str) -> None:
    network = make(client, "network", name="own")
    answer = create(client, image_id, networks=[{"uuid": network["id"]}])

    assert answer.status_code == 400
    assert "requires a subnet" in answer.get_json()["badRequest"]["message"]


def test_a_network_that_the_host_refuses_keeps_nobody_else_from_building(
    cloud: SmallCloud, client: ApiClient, image_id: str, network_id: str
) -> None:
    """Somebody else's libvirt network has its name."""
    own_id, _ = own_network(client)
    network = cloud.parts.store.networks.get_network(own_id, project_id=None)
    cloud.connection.networkDefineXML(
        f"<network><name>{network.libvirt_name}</name><bridge name='foreign0'/></network>"
    )
    server_id = make_server(client, image_id, networks=[{"uuid": network_id}])
    cloud.work()

    assert client.show(server_id)["status"] == "ACTIVE"


def test_what_the_service_can_do(client: ApiClient, cloud: SmallCloud) -> None:
    lab = project_lab(cloud)
    quota = client.get(f"{NETWORK}/quotas/{lab.id}").get_json()["quota"]
    details = client.get(f"{NETWORK}/quotas/{lab.id}/details").get_json()["quota"]
    aliases = [e["alias"] for e in client.get(f"{NETWORK}/extensions").get_json()["extensions"]]

    assert (quota["network"], quota["port"], quota["router"]) == (10, 100, 0)
    assert details["network"] == {"limit": 10, "used": 0, "reserved": 0}
    assert {"security-group", "quotas"} <= set(aliases)
    assert client.get(f"{NETWORK}/extensions/quotas").status_code == 200
    assert client.get(f"{NETWORK}/extensions/router").status_code == 404
    code, message = refused(client, "router", name="x")
    assert (code, "no routers" in message) == (501, True)


def test_old_versions_of_compute_tell_of_networks(
    cloud: SmallCloud, client: ApiClient, network_id: str
) -> None:
    compute = "/compute/v2.1"
    (brief,) = client.get(f"{compute}/os-tenant-networks").get_json()["networks"]
    (old,) = client.get(f"{compute}/os-networks").get_json()["networks"]
    later = {"X-OpenStack-Nova-API-Version": "2.36"}

    assert brief == {"id": network_id, "label": "lab", "cidr": cloud.config.network.subnet}
    assert (old["id"], old["label"], old["cidr"]) == (network_id, "lab", None)
    assert client.get(f"{compute}/os-networks", headers=later).status_code == 404
    assert client.get(f"{compute}/os-security-groups", headers=later).status_code == 404


def test_an_administrator_sets_how_many_groups_and_rules_a_project_may_have(
    admin_client: ApiClient, cloud: SmallCloud
) -> None:
    url = f"{NETWORK}/quotas/{project_lab(cloud).id}"

    def set_quota(**asked: object) -> Any:
        return admin_client.request("PUT", url, json={"quota": asked})

    fine = set_quota(security_group=50, security_group_rule=-1, network=10, check_limit=True)
    used = set_quota(security_group=0, check_limit=True)
    cloud.parts.store.quotas.set_class("default", {"security_groups": 7}, Quota())
    forced = set_quota(security_group=0, force=True)
    fixed = set_quota(network=11)
    wrong = set_quota(security_group="many")
    unknown = set_quota(vpnservice=1)
    now = admin_client.get(url).get_json()["quota"]
    reset = admin_client.delete(url)

    assert fine.status_code == 200, fine.get_json()
    assert (fine.get_json()["quota"]["security_group"], used.status_code) == (50, 400)
    assert (forced.status_code, now["security_group"], now["security_group_rule"]) == (200, 0, -1)
    assert (fixed.status_code, wrong.status_code) == (400, 400)
    assert unknown.status_code == 400
    assert "vpnservice: there is no such" in unknown.get_json()["NeutronError"]["message"]
    assert "network: it is 10 for each project" in fixed.get_json()["NeutronError"]["message"]
    assert reset.status_code == 204
    assert admin_client.get(url).get_json()["quota"]["security_group"] == 7


def project_lab(cloud: SmallCloud) -> Project:
    lab = cloud.parts.store.identity.find_project("lab")
    assert lab is not None
    return lab
