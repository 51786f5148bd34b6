# SPDX-License-Identifier: Apache-2.0
"""/servers/ID/ips."""

from __future__ import annotations

import pytest

from tests.fast.api.conftest import ApiClient, make_server
from tests.fast.smallcloud import SmallCloud

SERVERS = "/compute/v2.1/servers"


@pytest.fixture
def server_id(client: ApiClient, image_id: str, network_id: str) -> str:
    """A server with two addresses on the network lab."""
    return make_server(client, image_id, networks=[{"uuid": network_id}] * 2)


def test_all_addresses_are_shown_by_network(
    cloud: SmallCloud, client: ApiClient, server_id: str
) -> None:
    first, second = cloud.server(server_id).nics

    answer = client.get(f"{SERVERS}/{server_id}/ips")

    assert answer.status_code == 200
    assert answer.get_json() == {
        "addresses": {"lab": [{"addr": first.ip, "version": 4}, {"addr": second.ip, "version": 4}]}
    }


def test_those_of_one_network_are_shown(
    cloud: SmallCloud, client: ApiClient, server_id: str
) -> None:
    first, second = cloud.server(server_id).nics

    answer = client.get(f"{SERVERS}/{server_id}/ips/lab")

    assert answer.status_code == 200
    assert answer.get_json() == {
        "lab": [{"addr": first.ip, "version": 4}, {"addr": second.ip, "version": 4}]
    }


def test_a_network_that_the_server_is_not_on_is_404(client: ApiClient, server_id: str) -> None:
    answer = client.get(f"{SERVERS}/{server_id}/ips/public")

    assert answer.status_code == 404
    message = answer.get_json()["itemNotFound"]["message"]
    assert message == "Instance is not a member of specified network"


def test_only_its_project_sees_a_servers_addresses(
    other_client: ApiClient, reader_client: ApiClient, server_id: str
) -> None:
    assert reader_client.get(f"{SERVERS}/{server_id}/ips").status_code == 200
    for path in ("ips", "ips/lab"):
        assert other_client.get(f"{SERVERS}/{server_id}/{path}").status_code == 404
