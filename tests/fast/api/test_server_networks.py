# SPDX-License-Identifier: Apache-2.0
"""What a new server's `networks` may say: tags where the API has them, and what can't be had."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agent.store.netschema import networks
from tests.fast.api.conftest import ApiClient, create, make_server
from tests.fast.smallcloud import SmallCloud

Speak = Callable[[str], ApiClient]

SERVERS = "/compute/v2.1/servers"

TAGS_TAKEN = {
    **dict.fromkeys(("2.1", "2.31", "2.37", "2.41"), False),
    **dict.fromkeys(("2.32", "2.36", "2.42", "2.56", "2.96"), True),
}
"""At which versions a network may bear a tag: 2.37 forgot it, 2.42 brought it back."""


@pytest.mark.parametrize(("version", "is_taken"), TAGS_TAKEN.items())
def test_a_network_may_bear_a_tag_at_some_versions(
    speak: Speak, image_id: str, network_id: str, version: str, is_taken: bool
) -> None:
    answer = create(speak(version), image_id, networks=[{"uuid": network_id, "tag": "front"}])

    assert answer.status_code == (202 if is_taken else 400), answer.text
    assert is_taken or "'tag' was unexpected" in answer.text


def test_the_tag_is_shown_with_the_interface(speak: Speak, image_id: str, network_id: str) -> None:
    nics = [{"uuid": network_id, "tag": "front"}, {"uuid": network_id, "tag": "back"}]
    server_id = make_server(speak("2.42"), image_id, networks=nics)

    found = speak("2.70").get(f"{SERVERS}/{server_id}/os-interface").get_json()

    assert [each["tag"] for each in found["interfaceAttachments"]] == ["front", "back"]


@pytest.mark.parametrize("tag", ["", "a" * 61, "a,b", "a/b", 1, None])
@pytest.mark.parametrize("version", ["2.32", "2.42"])
def test_a_tag_that_is_none_is_400_and_named(
    speak: Speak, image_id: str, network_id: str, version: str, tag: Any
) -> None:
    answer = create(speak(version), image_id, networks=[{"uuid": network_id, "tag": tag}])

    assert answer.status_code == 400
    assert "networks.0.tag" in answer.text


def test_a_tag_is_not_given_twice(speak: Speak, image_id: str, network_id: str) -> None:
    nics = [{"uuid": network_id, "tag": "front"}] * 2

    answer = create(speak("2.42"), image_id, networks=nics)

    assert (answer.status_code, "tag front is given twice" in answer.text) == (400, True)


def test_several_servers_can_not_share_a_port(
    client: ApiClient, image_id: str, network_id: str
) -> None:
    asked = {"port": {"network_id": network_id}}
    port = client.post("/network/v2.0/ports", asked).get_json()["port"]

    answer = create(client, image_id, networks=[{"port": port["id"]}], max_count=2)

    assert answer.status_code == 400
    assert "Unable to launch multiple instances with a single configured port ID" in answer.text
    assert client.get(SERVERS).get_json() == {"servers": []}


def without_networks(cloud: SmallCloud) -> None:
    """Leave the projects no network to see: the shared one is its maker's only."""
    with cloud.parts.store.db.write() as connection:
        connection.execute(networks.update().values(shared=False))


def test_a_network_that_must_be_found_and_is_not_is_400(
    cloud: SmallCloud, speak: Speak, image_id: str
) -> None:
    without_networks(cloud)

    answer = create(speak("2.37"), image_id, networks="auto")

    assert answer.status_code == 400
    assert "networks: Unable to automatically allocate a network for project" in answer.text
    assert speak("2.37").get(SERVERS).get_json() == {"servers": []}


@pytest.mark.parametrize(
    ("version", "fields"),
    [("2.1", {}), ("2.36", {"networks": []}), ("2.37", {"networks": "none"})],
)
def test_who_does_not_insist_on_a_network_has_a_server_without_one(
    cloud: SmallCloud, speak: Speak, image_id: str, version: str, fields: dict[str, Any]
) -> None:
    without_networks(cloud)

    server_id = make_server(speak(version), image_id, **fields)
    cloud.work()

    shown = speak(version).show(server_id)
    assert (shown["status"], shown["addresses"]) == ("ACTIVE", {})
