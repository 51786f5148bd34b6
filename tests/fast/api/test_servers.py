# SPDX-License-Identifier: Apache-2.0
"""/servers: create, list, show, delete."""

from __future__ import annotations

import hashlib

import pytest

from tests.fast.api.conftest import ApiClient, create, make_server
from tests.fast.smallcloud import SmallCloud

BASE = "http://127.0.0.1:8774"
SERVERS = "/compute/v2.1/servers"


def test_create_answers_202_with_id_links_and_location(client: ApiClient, image_id: str) -> None:
    answer = create(client, image_id)

    assert answer.status_code == 202
    server_id = answer.get_json()["server"]["id"]
    assert answer.headers["Location"] == f"{BASE}/compute/v2.1/servers/{server_id}"
    password = answer.get_json()["server"]["adminPass"]
    assert answer.get_json() == {
        "server": {
            "id": server_id,
            "links": [
                {"rel": "self", "href": f"{BASE}/compute/v2.1/servers/{server_id}"},
                {"rel": "bookmark", "href": f"{BASE}/compute/servers/{server_id}"},
            ],
            "adminPass": password,
            "OS-DCF:diskConfig": "MANUAL",
            "security_groups": [{"name": "default"}],
        }
    }


def test_a_server_that_is_being_built_shows_everything_but_its_host(
    cloud: SmallCloud, client: ApiClient, image_id: str
) -> None:
    server_id = make_server(client, image_id, metadata={"role": "web"})

    server = client.show(server_id)

    caller = cloud.asking.caller
    (nic,) = cloud.server(server_id).nics
    assert server == {
        "id": server_id,
        "name": "one",
        "status": "BUILD",
        "progress": 0,
        "tenant_id": caller.project.id,
        "user_id": caller.user.id,
        "metadata": {"role": "web"},
        "hostId": "",
        "image": {
            "id": image_id,
            "links": [{"rel": "bookmark", "href": f"{BASE}/compute/images/{image_id}"}],
        },
        "flavor": {
            "id": "1",
            "links": [{"rel": "bookmark", "href": f"{BASE}/compute/flavors/1"}],
        },
        "created": "2026-01-01T00:00:00Z",
        "updated": "2026-01-01T00:00:00Z",
        "addresses": {
            "lab": [
                {
                    "addr": nic.ip,
                    "version": 4,
                    "OS-EXT-IPS:type": "fixed",
                    "OS-EXT-IPS-MAC:mac_addr": nic.mac,
                }
            ]
        },
        "accessIPv4": "",
        "accessIPv6": "",
        "links": [
            {"rel": "self", "href": f"{BASE}/compute/v2.1/servers/{server_id}"},
            {"rel": "bookmark", "href": f"{BASE}/compute/servers/{server_id}"},
        ],
        "key_name": None,
        "config_drive": "True",
        "security_groups": [{"name": "default"}],
        "OS-DCF:diskConfig": "MANUAL",
        "OS-EXT-AZ:availability_zone": "",
        "OS-EXT-STS:task_state": "scheduling",
        "OS-EXT-STS:vm_state": "building",
        "OS-EXT-STS:power_state": 0,
        "OS-SRV-USG:launched_at": None,
        "OS-SRV-USG:terminated_at": None,
        "os-extended-volumes:volumes_attached": [],
    }


def test_a_server_that_runs_is_active_and_has_a_host_id_of_its_project(
    cloud: SmallCloud, client: ApiClient, image_id: str
) -> None:
    server_id = make_server(client, image_id)
    cloud.work()

    server = client.show(server_id)

    host = cloud.server(server_id).host
    expected = hashlib.sha224(f"{server['tenant_id']}{host}".encode()).hexdigest()
    assert server["status"] == "ACTIVE"
    assert server["OS-EXT-STS:vm_state"] == "active"
    assert server["OS-EXT-STS:task_state"] is None
    assert server["OS-EXT-STS:power_state"] == 1
    assert server["hostId"] == expected
    assert server["OS-SRV-USG:launched_at"] == "2026-01-01T00:00:00.000000"


def test_only_an_admin_sees_where_a_server_runs(
    cloud: SmallCloud, client: ApiClient, admin_client: ApiClient, image_id: str
) -> None:
    server_id = make_server(client, image_id)
    cloud.work()

    for_admin = admin_client.show(server_id)
    more = {key for key in for_admin if key not in client.show(server_id)}

    assert more == {
        "OS-EXT-SRV-ATTR:host",
        "OS-EXT-SRV-ATTR:hypervisor_hostname",
        "OS-EXT-SRV-ATTR:instance_name",
    }
    assert for_admin["OS-EXT-SRV-ATTR:instance_name"] == cloud.domain(server_id).name()


def test_the_brief_list_has_ids_names_and_links(client: ApiClient, image_id: str) -> None:
    server_id = make_server(client, image_id)

    assert client.get(SERVERS).get_json() == {
        "servers": [
            {
                "id": server_id,
                "name": "one",
                "links": [
                    {"rel": "self", "href": f"{BASE}/compute/v2.1/servers/{server_id}"},
                    {"rel": "bookmark", "href": f"{BASE}/compute/servers/{server_id}"},
                ],
            }
        ]
    }


def test_the_detailed_list_shows_what_show_does(client: ApiClient, image_id: str) -> None:
    server_id = make_server(client, image_id)

    assert client.get(f"{SERVERS}/detail").get_json()["servers"] == [client.show(server_id)]


def test_pages_lead_through_all_servers_newest_first(
    cloud: SmallCloud, client: ApiClient, image_id: str
) -> None:
    made = []
    for _ in range(3):
        cloud.clock.advance(1)
        made.append(make_server(client, image_id))

    seen, path = [], f"{SERVERS}?limit=2"
    while path:
        page = client.get(path).get_json()
        seen.append([server["id"] for server in page["servers"]])
        path = next((link["href"].removeprefix(BASE) for link in page.get("servers_links", ())), "")

    assert seen == [[made[2], made[1]], [made[0]]]


def test_limit_0_is_an_empty_list(client: ApiClient, image_id: str) -> None:
    make_server(client, image_id)

    assert client.get(f"{SERVERS}?limit=0").get_json() == {"servers": []}


@pytest.mark.parametrize(
    "query", ["limit=-1", "limit=x", "limit=1e18", "marker=nothing", "all_tenants=perhaps"]
)
def test_a_bad_query_is_400(admin_client: ApiClient, query: str) -> None:
    assert admin_client.get(f"{SERVERS}?{query}").status_code == 400


def test_an_unknown_filter_is_ignored(client: ApiClient, image_id: str) -> None:
    make_server(client, image_id)

    assert len(client.get(f"{SERVERS}?colour=blue").get_json()["servers"]) == 1


def test_only_an_admin_lists_the_servers_of_all_projects(
    client: ApiClient, admin_client: ApiClient, image_id: str
) -> None:
    make_server(client, image_id)

    assert admin_client.get(SERVERS).get_json()["servers"] == []
    assert len(admin_client.get(f"{SERVERS}?all_tenants=1").get_json()["servers"]) == 1
    assert client.get(f"{SERVERS}?all_tenants=1").status_code == 403


def test_delete_answers_204_and_the_server_is_gone_once_the_engine_has_run(
    cloud: SmallCloud, client: ApiClient, image_id: str
) -> None:
    server_id = make_server(client, image_id)

    answer = client.delete(f"{SERVERS}/{server_id}")
    cloud.settle_down()

    assert (answer.status_code, answer.data) == (204, b"")
    assert client.get(f"{SERVERS}/{server_id}").status_code == 404


def test_a_server_that_nobody_has_is_404(client: ApiClient) -> None:
    answer = client.get(f"{SERVERS}/nothing")

    assert answer.status_code == 404
    assert answer.get_json()["itemNotFound"]["code"] == 404


def test_another_projects_server_is_404_whatever_is_asked(
    client: ApiClient, other_client: ApiClient, image_id: str
) -> None:
    server_id = make_server(client, image_id)
    path = f"{SERVERS}/{server_id}"

    assert other_client.get(SERVERS).get_json() == {"servers": []}
    assert other_client.get(path).status_code == 404
    assert other_client.delete(path).status_code == 404
    for action in ("os-start", "os-stop", "os-getConsoleOutput"):
        assert other_client.act(server_id, {action: {}}).status_code == 404


def test_a_reader_looks_and_changes_nothing(
    client: ApiClient, reader_client: ApiClient, image_id: str
) -> None:
    server_id = make_server(client, image_id)

    assert reader_client.show(server_id)["name"] == "one"
    refused = [
        create(reader_client, image_id),
        reader_client.delete(f"{SERVERS}/{server_id}"),
        reader_client.act(server_id, {"os-stop": None}),
        reader_client.post("/image/v2/images", {"name": "x"}),
    ]
    assert [answer.status_code for answer in refused] == [403, 403, 403, 403]
    assert refused[0].get_json()["forbidden"]["code"] == 403


def test_more_servers_than_the_quota_are_403_with_the_numbers(
    client: ApiClient, image_id: str
) -> None:
    for _ in range(10):
        make_server(client, image_id)

    answer = create(client, image_id)

    assert answer.status_code == 403
    assert "10" in answer.get_json()["forbidden"]["message"]
