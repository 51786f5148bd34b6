# SPDX-License-Identifier: Apache-2.0
"""Every field of a create request: what is taken, what is refused, and with which words."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.fast.api.conftest import ApiClient, create, make_server
from tests.fast.smallcloud import SmallCloud

OTHER_ID = "b9a3c1f2-0000-4000-8000-000000000001"
PORT = {"port": OTHER_ID}


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "a" * 255},
        {"name": "é" * 255},
        {"name": "🦊" * 255},
        {"name": "two words"},
        {"flavorRef": 1},
        {"flavorRef": "http://127.0.0.1:8774/compute/flavors/1"},
        {"metadata": {"k" * 255: "v" * 255}},
        {"metadata": {"Key-with_all: signs.9": ""}},
        {"metadata": {"k": "é" * 127}},
        {"metadata": {f"k{n}": "v" for n in range(128)}},
        {"user_data": base64.b64encode(b"#!/bin/sh\n").decode()},
        {"user_data": "IyEv\nYmlu"},
        {"accessIPv4": "67.23.10.132", "accessIPv6": "::babe:67.23.10.132"},
        {"OS-DCF:diskConfig": "AUTO"},
        {"availability_zone": "nova"},
        {"config_drive": True},
        {"config_drive": "false"},
        {"security_groups": [{"name": "default"}]},
        {"min_count": 1, "max_count": "1"},
        {"networks": []},
        {"personality": [], "block_device_mapping_v2": []},
        {"return_reservation_id": False},
    ],
)
def test_a_good_field_is_taken(client: ApiClient, image_id: str, fields: dict[str, Any]) -> None:
    assert create(client, image_id, **fields).status_code == 202


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "name"),
        ({"name": "a" * 256}, "name"),
        ({"name": "é" * 256}, "name"),
        ({"name": "🦊" * 256}, "name"),
        ({"name": " a"}, "name"),
        ({"name": "a "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a\x1bb"}, "name"),
        ({"name": 12}, "name"),
        ({"imageRef": ""}, "imageRef"),
        ({"imageRef": "tiny"}, "imageRef"),
        ({"imageRef": OTHER_ID}, "imageRef"),
        ({"flavorRef": ""}, "flavorRef"),
        ({"flavorRef": "nothing"}, "flavorRef"),
        ({"metadata": {"k": "v" * 256}}, "metadata.k"),
        ({"metadata": {"k": "é" * 128}}, "metadata.k"),
        ({"metadata": {"k": "🦊" * 64}}, "metadata.k"),
        ({"metadata": {"k" * 256: "v"}}, "metadata"),
        ({"metadata": {"": "v"}}, "metadata"),
        ({"metadata": {"é": "v"}}, "metadata"),
        ({"metadata": {"k": 1}}, "metadata.k"),
        ({"user_data": "?"}, "user_data"),
        ({"user_data": "A" * 65536}, "user_data"),
        ({"accessIPv4": "1.2.3"}, "accessIPv4"),
        ({"accessIPv4": "::1"}, "accessIPv4"),
        ({"accessIPv6": "1.2.3.4"}, "accessIPv6"),
        ({"accessIPv6": "fe80::1%eth0"}, "accessIPv6"),
        ({"OS-DCF:diskConfig": "auto"}, "OS-DCF:diskConfig"),
        ({"availability_zone": "mars"}, "availability_zone"),
        ({"config_drive": "perhaps"}, "config_drive"),
        ({"security_groups": [{"name": "web"}]}, "Security group web not found"),
        ({"min_count": 2, "max_count": "1"}, "min_count must be <= max_count"),
        ({"max_count": "1001"}, "max_count"),
        ({"max_count": 1.5}, "max_count"),
        ({"min_count": 0}, "min_count"),
        ({"networks": "auto"}, "networks"),
        ({"networks": [{}]}, "missing 'uuid'"),
        ({"networks": [{"uuid": "lab"}]}, "network uuid is not in proper format"),
        ({"networks": [{"uuid": OTHER_ID}]}, OTHER_ID),
        ({"networks": [{"uuid": OTHER_ID, "fixed_ip": "300.1.1.1"}]}, "fixed_ip"),
        ({"networks": [{"uuid": OTHER_ID, "tag": "x"}]}, "tag"),
        ({"networks": [PORT]}, "could not be found"),
        ({"networks": [PORT, PORT]}, "is given twice"),
        ({"networks": [{"port": "mine"}]}, "the id of a port"),
        ({"networks": [{**PORT, "fixed_ip": "10.0.0.9"}]}, "cannot be used with port"),
        ({"adminPass": ""}, "adminPass"),
        ({"adminPass": "a\nb"}, "adminPass"),
        ({"adminPass": None}, "adminPass"),
        ({"adminPass": "x" * 256}, "adminPass"),
        ({"key_name": "nobodys"}, "Invalid key_name provided."),
        ({"key_name": None}, "key_name"),
        ({"key_name": ""}, "key_name"),
        ({"block_device_mapping_v2": [{"boot_index": 0}]}, "block_device_mapping_v2"),
        ({"return_reservation_id": "perhaps"}, "return_reservation_id"),
        ({"description": "of a later version"}, "description"),
        ({"tags": []}, "tags"),
    ],
)
def test_a_bad_field_is_400_and_named(
    client: ApiClient, image_id: str, fields: dict[str, Any], said: str
) -> None:
    answer = create(client, image_id, **fields)

    assert answer.status_code == 400
    assert said in answer.get_json()["badRequest"]["message"]
    assert client.get("/compute/v2.1/servers").get_json() == {"servers": []}


@pytest.mark.parametrize("missing", ["name", "imageRef", "flavorRef"])
def test_a_missing_field_is_400_and_named(client: ApiClient, image_id: str, missing: str) -> None:
    server = {"name": "one", "imageRef": image_id, "flavorRef": "1"}
    del server[missing]

    answer = client.post("/compute/v2.1/servers", {"server": server})

    assert answer.status_code == 400
    assert missing in answer.get_json()["badRequest"]["message"]


@pytest.mark.parametrize("more", [{"servers": []}, {"os:scheduler_hints": {"same_host": 1}}])
def test_a_key_beside_server_is_400(client: ApiClient, image_id: str, more: dict[str, Any]) -> None:
    server = {"name": "one", "imageRef": image_id, "flavorRef": "1"}

    answer = client.post("/compute/v2.1/servers", {"server": server, **more})

    assert answer.status_code == 400


def test_too_many_metadata_items_are_403(client: ApiClient, image_id: str) -> None:
    answer = create(client, image_id, metadata={f"k{n}": "v" for n in range(129)})

    assert answer.status_code == 403
    assert "128" in answer.get_json()["forbidden"]["message"]


def test_access_addresses_are_shown_in_their_usual_form(client: ApiClient, image_id: str) -> None:
    server_id = make_server(
        client, image_id, accessIPv4="67.23.10.132", accessIPv6="::babe:67.23.10.132"
    )

    server = client.show(server_id)

    assert server["accessIPv4"] == "67.23.10.132"
    assert server["accessIPv6"] == "::babe:4317:a84"


def test_an_image_may_be_named_by_its_url(client: ApiClient, image_id: str) -> None:
    url = f"http://127.0.0.1:8774/image/v2/images/{image_id}"

    assert client.show(make_server(client, url))["image"]["id"] == image_id


def test_the_boot_device_that_the_openstack_client_sends_is_taken(
    client: ApiClient, image_id: str
) -> None:
    device = {
        "uuid": image_id,
        "boot_index": 0,
        "source_type": "image",
        "destination_type": "local",
        "delete_on_termination": True,
    }

    assert create(client, image_id, block_device_mapping_v2=[device]).status_code == 202


def test_the_security_group_may_be_named_by_its_id_as_the_openstack_client_does(
    client: ApiClient, other_client: ApiClient, image_id: str
) -> None:
    groups = "/network/v2.0/security-groups"
    (own,) = client.get(groups).get_json()["security_groups"]
    (others,) = other_client.get(groups).get_json()["security_groups"]

    answers = [
        create(client, image_id, security_groups=[{"name": group["id"]}]).status_code
        for group in (own, others)
    ]

    assert answers == [202, 400]


def test_an_address_that_is_asked_for_is_given(
    cloud: SmallCloud, client: ApiClient, image_id: str, network_id: str
) -> None:
    wanted = cloud.config.network.subnet.replace(".0/24", ".77")

    server_id = make_server(client, image_id, networks=[{"uuid": network_id, "fixed_ip": wanted}])

    assert [entry["addr"] for entry in client.show(server_id)["addresses"]["lab"]] == [wanted]


def test_an_address_that_is_in_use_or_outside_is_refused(
    cloud: SmallCloud, client: ApiClient, image_id: str, network_id: str
) -> None:
    wanted = cloud.config.network.subnet.replace(".0/24", ".77")
    nic = {"uuid": network_id, "fixed_ip": wanted}
    make_server(client, image_id, networks=[nic])

    again = create(client, image_id, networks=[nic])
    outside = create(client, image_id, networks=[{"uuid": network_id, "fixed_ip": "9.9.9.9"}])

    assert (again.status_code, outside.status_code) == (400, 400)


def test_the_same_network_twice_gives_two_addresses(
    client: ApiClient, image_id: str, network_id: str
) -> None:
    server_id = make_server(client, image_id, networks=[{"uuid": network_id}] * 2)

    assert len({entry["addr"] for entry in client.show(server_id)["addresses"]["lab"]}) == 2


def test_user_data_reaches_the_record_without_its_line_breaks(
    cloud: SmallCloud, client: ApiClient, image_id: str
) -> None:
    server_id = make_server(client, image_id, user_data="IyEv\nYmlu\n")

    assert cloud.server(server_id).user_data == "IyEvYmlu"
