# SPDX-License-Identifier: Apache-2.0
"""/flavors and /limits."""

from __future__ import annotations

import pytest

from tests.fast.api.conftest import ApiClient, make_server

BASE = "http://127.0.0.1:8774"
FLAVORS = "/compute/v2.1/flavors"

TINY = {
    "id": "1",
    "name": "m1.tiny",
    "links": [
        {"rel": "self", "href": f"{BASE}/compute/v2.1/flavors/1"},
        {"rel": "bookmark", "href": f"{BASE}/compute/flavors/1"},
    ],
    "ram": 512,
    "disk": 1,
    "vcpus": 1,
    "swap": "",
    "rxtx_factor": 1.0,
    "OS-FLV-EXT-DATA:ephemeral": 0,
    "OS-FLV-DISABLED:disabled": False,
    "os-flavor-access:is_public": True,
}


def test_a_flavor_has_the_shape_of_2_1(client: ApiClient) -> None:
    assert client.get(f"{FLAVORS}/1").get_json() == {"flavor": TINY}


def test_the_detailed_list_has_all_flavors_the_smallest_first(client: ApiClient) -> None:
    flavors = client.get(f"{FLAVORS}/detail").get_json()["flavors"]

    assert flavors[0] == TINY
    assert [flavor["name"] for flavor in flavors] == [
        "m1.tiny",
        "m1.small",
        "m1.medium",
        "m1.large",
        "m1.xlarge",
    ]


def test_the_brief_list_has_ids_names_and_links(client: ApiClient) -> None:
    flavors = client.get(FLAVORS).get_json()["flavors"]

    assert flavors[0] == {key: TINY[key] for key in ("id", "name", "links")}


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("limit=2", ["1", "2"]),
        ("limit=2&marker=2", ["3", "4"]),
        ("marker=4", ["5"]),
        ("limit=0", []),
        ("minRam=4096", ["3", "4", "5"]),
        ("minDisk=160", ["5"]),
        ("is_public=None", ["1", "2", "3", "4", "5"]),
    ],
)
def test_flavors_can_be_paged_and_filtered(client: ApiClient, query: str, ids: list[str]) -> None:
    flavors = client.get(f"{FLAVORS}?{query}").get_json()["flavors"]

    assert [flavor["id"] for flavor in flavors] == ids


def test_a_cut_list_links_to_the_rest(client: ApiClient) -> None:
    body = client.get(f"{FLAVORS}?limit=3").get_json()

    assert body["flavors_links"] == [
        {"rel": "next", "href": f"{BASE}/compute/v2.1/flavors?limit=3&marker=3"}
    ]


@pytest.mark.parametrize("query", ["limit=x", "marker=nothing", "minRam=x"])
def test_a_bad_query_is_400(client: ApiClient, query: str) -> None:
    assert client.get(f"{FLAVORS}?{query}").status_code == 400


def test_a_flavor_that_is_not_there_is_404(client: ApiClient) -> None:
    assert client.get(f"{FLAVORS}/nothing").status_code == 404


def test_a_flavor_has_extra_specs_even_if_none(client: ApiClient) -> None:
    assert client.get(f"{FLAVORS}/1/os-extra_specs").get_json() == {"extra_specs": {}}


def test_limits_show_what_is_allowed_and_used(client: ApiClient, image_id: str) -> None:
    make_server(client, image_id)

    limits = client.get("/compute/v2.1/limits").get_json()["limits"]

    assert limits == {
        "rate": [],
        "absolute": {
            "maxImageMeta": 128,
            "maxPersonality": 5,
            "maxPersonalitySize": 10240,
            "maxSecurityGroupRules": 100,
            "maxSecurityGroups": 10,
            "maxServerGroupMembers": 10,
            "maxServerGroups": 10,
            "maxServerMeta": 128,
            "maxTotalCores": 20,
            "maxTotalFloatingIps": 50,
            "maxTotalInstances": 10,
            "maxTotalKeypairs": 100,
            "maxTotalRAMSize": 51200,
            "totalCoresUsed": 1,
            "totalFloatingIpsUsed": 0,
            "totalInstancesUsed": 1,
            "totalRAMUsed": 512,
            "totalSecurityGroupsUsed": 1,
            "totalServerGroupsUsed": 0,
        },
    }
