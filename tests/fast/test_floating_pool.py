# SPDX-License-Identifier: Apache-2.0
"""A pool of floating addresses that comes, changes and goes: the configuration says it."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from agent.belonging import check
from agent.config import ConfigError
from agent.errors import BadRequest, Conflict
from agent.floatingips import NewFloatingIp
from agent.networkedits import NewSubnet
from agent.networkwiring import CARRIED
from tests.fast.smallcloud import SmallCloud

POOL = "192.0.2.10-192.0.2.12"


def take(cloud: SmallCloud) -> str:
    external = cloud.parts.cloud.networking.external
    assert external is not None
    caller = cloud.asking.caller
    return cloud.parts.cloud.floating_ips.create(caller, NewFloatingIp(external.id)).ip


def problem(cloud: SmallCloud) -> str:
    with pytest.raises(ConfigError) as raised:
        check(cloud.config, cloud.parts.store)
    return str(raised.value)


def test_without_a_pool_there_is_nothing_of_it(cloud: SmallCloud) -> None:
    cloud.settle_down()
    caller = cloud.asking.caller

    assert cloud.parts.cloud.networking.external is None
    assert [network.name for network in cloud.parts.cloud.networking.list_networks(caller)] == [
        "lab"
    ]
    assert cloud.parts.store.settings.get_setting(CARRIED) is None


def test_a_pool_that_lacks_an_address_which_is_given_away_is_refused(cloud: SmallCloud) -> None:
    cloud.use_pool(POOL)
    cloud.reboot()
    assert take(cloud) == "192.0.2.10"
    check(cloud.config, cloud.parts.store)

    for pool in ("192.0.2.11-192.0.2.20", ""):
        cloud.use_pool(pool)
        assert problem(cloud).startswith(
            "network.floating_pool: 192.0.2.10 of those that projects have are not in it."
        )
    cloud.use_pool("192.0.2.0/28")
    check(cloud.config, cloud.parts.store)


def test_a_pool_of_the_servers_own_addresses_is_refused(cloud: SmallCloud) -> None:
    cloud.use_pool(cloud.config.network.subnet)

    assert problem(cloud).endswith("which servers have")


def test_a_pool_of_a_projects_own_addresses_is_refused(cloud: SmallCloud) -> None:
    caller, edits = cloud.asking.caller, cloud.parts.cloud.network_edits
    network = edits.create_network(caller, "own", description="", project_id=None, shared=False)
    edits.create_subnet(caller, NewSubnet(network.id, IPv4Network("10.231.7.0/24")))
    cloud.use_pool("10.231.7.200-10.231.7.210")

    assert "10.231.7.0/24" in problem(cloud)


def test_no_project_gets_a_subnet_of_the_pools_addresses(cloud: SmallCloud) -> None:
    cloud.use_pool("10.231.7.200-10.231.7.210")
    cloud.reboot()
    caller, edits = cloud.asking.caller, cloud.parts.cloud.network_edits
    network = edits.create_network(caller, "own", description="", project_id=None, shared=False)

    with pytest.raises(BadRequest, match="overlaps"):
        edits.create_subnet(caller, NewSubnet(network.id, IPv4Network("10.231.7.0/24")))
    edits.create_subnet(caller, NewSubnet(network.id, IPv4Network("10.231.8.0/24")))


def test_a_project_with_an_address_is_not_deleted(cloud: SmallCloud) -> None:
    cloud.use_pool(POOL)
    cloud.reboot()
    take(cloud)

    with pytest.raises(Conflict, match="1 floating IPs"):
        cloud.parts.store.identity.delete_project(cloud.asking.caller.project.id)


def test_what_the_host_did_for_a_pool_ends_with_it_and_once(cloud: SmallCloud) -> None:
    cloud.use_pool(POOL)
    cloud.reboot()
    cloud.settle_down()
    settings = cloud.parts.store.settings
    assert settings.get_setting(CARRIED) == "yes"

    cloud.use_pool("")
    cloud.reboot()
    cloud.settle_down()
    assert cloud.parts.store.settings.get_setting(CARRIED) == ""
