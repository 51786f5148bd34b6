# SPDX-License-Identifier: Apache-2.0
"""A server's views in every version: just the fields that the API reference has for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agent.api.compute.server_views import Viewing, rebuilt_view
from agent.api.microversion import Microversion
from tests.fast.api.conftest import ApiClient, make_server
from tests.fast.smallcloud import SmallCloud

SERVERS = "/compute/v2.1/servers"

Speak = Callable[[str], ApiClient]

CORE = {
    *("id", "name", "status", "tenant_id", "user_id", "metadata", "hostId", "image", "flavor"),
    *("created", "updated", "addresses", "accessIPv4", "accessIPv6", "links", "progress"),
    "OS-DCF:diskConfig",
}
FIRST = CORE | {
    *("key_name", "config_drive", "security_groups", "os-extended-volumes:volumes_attached"),
    *("OS-EXT-AZ:availability_zone", "OS-EXT-STS:task_state", "OS-EXT-STS:vm_state"),
    *("OS-EXT-STS:power_state", "OS-SRV-USG:launched_at", "OS-SRV-USG:terminated_at"),
}
ADMIN = {
    *("OS-EXT-SRV-ATTR:host", "OS-EXT-SRV-ATTR:hypervisor_hostname"),
    "OS-EXT-SRV-ATTR:instance_name",
}
ADMIN_2_3 = ADMIN | {
    *("OS-EXT-SRV-ATTR:hostname", "OS-EXT-SRV-ATTR:kernel_id", "OS-EXT-SRV-ATTR:ramdisk_id"),
    *("OS-EXT-SRV-ATTR:launch_index", "OS-EXT-SRV-ATTR:reservation_id"),
    *("OS-EXT-SRV-ATTR:root_device_name", "OS-EXT-SRV-ATTR:user_data"),
}

V = tuple[str, ...]

ADDED: dict[str, V] = {
    "2.9": ("locked",),
    "2.19": ("description",),
    "2.26": ("tags",),
    "2.63": ("trusted_image_certificates",),
    "2.73": ("locked_reason",),
}
"""What each version added to every view of a whole server."""

VERSIONS = (
    *("2.1", "2.2", "2.3", "2.8", "2.9", "2.15", "2.16", "2.18", "2.19", "2.25", "2.26", "2.46"),
    *("2.47", "2.53", "2.54", "2.56", "2.57", "2.62", "2.63", "2.70", "2.71", "2.72", "2.73"),
    *("2.74", "2.75", "2.89", "2.90", "2.95", "2.96"),
)


def minor(version: str) -> int:
    return int(version.split(".")[1])


def added(version: str) -> set[str]:
    reached = [names for since, names in ADDED.items() if minor(since) <= minor(version)]
    return {name for names in reached for name in names}


def whole(version: str, *, for_admin: bool) -> set[str]:
    """The fields of the detailed list, typed from the API's version history."""
    at = minor(version)
    fields = FIRST | added(version)
    if for_admin:
        fields |= ADMIN_2_3 if at >= 3 else ADMIN
        fields |= {"host_status"} if at >= 16 else set()
    fields |= {"OS-EXT-SRV-ATTR:hostname"} if at >= 90 else set()
    return fields | ({"pinned_availability_zone"} if at >= 96 else set())


def with_groups(version: str) -> set[str]:
    return {"server_groups"} if minor(version) >= 71 else set()


@pytest.fixture
def active(cloud: SmallCloud, client: ApiClient, image_id: str) -> str:
    server_id = make_server(client, image_id)
    cloud.work()
    return server_id


WHO = pytest.mark.parametrize("for_admin", [False, True], ids=["user", "admin"])


@WHO
def test_shown_and_listed_servers_have_the_fields_of_each_version(
    speak: Speak, speak_admin: Speak, active: str, for_admin: bool
) -> None:
    caller = speak_admin if for_admin else speak
    path = f"{SERVERS}/detail" + ("?all_tenants=1" if for_admin else "")

    shown = {version: set(caller(version).show(active)) for version in VERSIONS}
    lists = {version: caller(version).get(path).get_json()["servers"] for version in VERSIONS}

    wholes = {version: whole(version, for_admin=for_admin) for version in VERSIONS}
    assert shown == {version: wholes[version] | with_groups(version) for version in VERSIONS}
    assert {version: set(servers[0]) for version, servers in lists.items()} == wholes


@WHO
def test_updated_servers_have_the_fields_of_each_version(
    speak: Speak, speak_admin: Speak, active: str, for_admin: bool
) -> None:
    caller = speak_admin if for_admin else speak

    for version in VERSIONS:
        answer = caller(version).request("PUT", f"{SERVERS}/{active}", json={"server": {}})
        updated = answer.get_json()["server"]
        if minor(version) < 75:
            assert set(updated) == CORE | added(version) | with_groups(version)
        else:
            assert updated == caller(version).show(active)


@WHO
def test_rebuilt_servers_have_the_fields_of_each_version(
    cloud: SmallCloud, active: str, for_admin: bool
) -> None:
    server = cloud.server(active)

    for version in VERSIONS:
        at, seen = minor(version), Viewing("http://c", Microversion.parse(version), for_admin)
        view = rebuilt_view(server, "secret", seen)
        expected = CORE | added(version) | with_groups(version) | {"adminPass"}
        if at >= 75:
            expected |= whole(version, for_admin=for_admin) - {"OS-EXT-SRV-ATTR:user_data"}
        expected |= {"key_name"} if at >= 54 else set()
        expected |= {"user_data"} if at >= 57 else set()
        assert set(view) == expected
        assert view["adminPass"] == "secret"


@pytest.mark.parametrize(
    ("version", "is_extended"), [("2.1", False), ("2.74", False), ("2.75", True)]
)
def test_an_update_shows_extended_addresses_late(
    speak: Speak, active: str, version: str, is_extended: bool
) -> None:
    answer = speak(version).request("PUT", f"{SERVERS}/{active}", json={"server": {}}).get_json()

    (entry,) = answer["server"]["addresses"]["lab"]
    extensions = {"OS-EXT-IPS:type", "OS-EXT-IPS-MAC:mac_addr"}
    assert set(entry) == {"addr", "version"} | (extensions if is_extended else set())


def test_the_newest_version_shows_what_was_asked_for(
    cloud: SmallCloud, speak: Speak, speak_admin: Speak, image_id: str
) -> None:
    server_id = make_server(
        speak("2.96"),
        image_id,
        name="Web One",
        description="of a test",
        tags=["b", "a", "a"],
        hostname="web.example.org",
        availability_zone="nova",
        networks="auto",
        user_data="IyEv",
        trusted_image_certificates=None,
    )
    cloud.work()
    speak("2.96").act(server_id, {"lock": {"locked_reason": "under repair"}})

    shown = speak_admin("2.96").show(server_id)

    expected: dict[str, Any] = {
        "description": "of a test",
        "tags": ["a", "b"],
        "locked": True,
        "locked_reason": "under repair",
        "trusted_image_certificates": None,
        "server_groups": [],
        "host_status": "UP",
        "pinned_availability_zone": "nova",
        "flavor": {
            "original_name": "m1.tiny",
            "vcpus": 1,
            "ram": 512,
            "disk": 1,
            "ephemeral": 0,
            "swap": 0,
            "extra_specs": {},
        },
        "OS-EXT-SRV-ATTR:hostname": "web.example.org",
        "OS-EXT-SRV-ATTR:kernel_id": "",
        "OS-EXT-SRV-ATTR:ramdisk_id": "",
        "OS-EXT-SRV-ATTR:launch_index": 0,
        "OS-EXT-SRV-ATTR:root_device_name": "/dev/vda",
        "OS-EXT-SRV-ATTR:user_data": "IyEv",
    }
    assert {name: shown[name] for name in expected} == expected
    assert shown["OS-EXT-SRV-ATTR:reservation_id"].startswith("r-")
    assert list(shown["addresses"]) == ["lab"]


def test_what_was_not_asked_for_is_shown_empty(speak: Speak, active: str) -> None:
    shown = speak("2.96").show(active)

    assert (shown["description"], shown["tags"], shown["locked"]) == ("one", [], False)
    assert (shown["locked_reason"], shown["pinned_availability_zone"]) == (None, None)
    assert shown["OS-EXT-SRV-ATTR:hostname"] == "one"


def test_a_host_that_is_silent_for_long_has_an_unknown_status(
    cloud: SmallCloud, speak_admin: Speak, client: ApiClient, active: str, image_id: str
) -> None:
    unplaced = make_server(client, image_id)
    cloud.parts.engine.on_lost("a test")
    cloud.clock.advance(60)

    assert speak_admin("2.16").show(active)["host_status"] == "UNKNOWN"
    assert speak_admin("2.16").show(unplaced)["host_status"] == ""


GOOD: tuple[Any, ...] = (
    ("2.19", {"description": "two\nlines"}),
    ("2.19", {"description": None}),
    ("2.37", {"networks": "none"}),
    ("2.52", {"networks": "auto", "tags": ["a" * 60, *(str(n) for n in range(49))]}),
    ("2.56", {"networks": "auto", "personality": []}),
    ("2.63", {"networks": "auto", "trusted_image_certificates": None}),
    ("2.90", {"networks": "auto", "hostname": "Web-1"}),
    ("2.94", {"networks": "auto", "hostname": "a.b_c-d"}),
)


@pytest.mark.parametrize(("version", "fields"), GOOD)
def test_a_field_of_its_version_is_taken(
    speak: Speak, image_id: str, version: str, fields: dict[str, Any]
) -> None:
    assert make_server(speak(version), image_id, **fields)


BAD: tuple[Any, ...] = (
    ("2.18", "description", {"description": "early"}),
    ("2.19", "description", {"description": "x" * 256}),
    ("2.19", "description", {"description": "a\x1bb"}),
    ("2.36", "networks", {"networks": "auto"}),
    ("2.37", "networks", {}),
    ("2.37", "networks", {"networks": "all"}),
    ("2.37", "networks", {"networks": None}),
    ("2.51", "tags", {"networks": "auto", "tags": []}),
    ("2.52", "tags", {"networks": "auto", "tags": None}),
    ("2.52", "tags", {"networks": "auto", "tags": [str(n) for n in range(51)]}),
    ("2.52", "tags.0", {"networks": "auto", "tags": ["a" * 61]}),
    ("2.52", "tags.0", {"networks": "auto", "tags": ["a,b"]}),
    ("2.52", "tags.0", {"networks": "auto", "tags": ["a/b"]}),
    ("2.52", "tags.0", {"networks": "auto", "tags": [""]}),
    ("2.57", "personality", {"networks": "auto", "personality": []}),
    ("2.62", "trusted_image", {"networks": "auto", "trusted_image_certificates": None}),
    ("2.63", "verifies no signatures", {"networks": "auto", "trusted_image_certificates": ["a"]}),
    ("2.63", "trusted_image", {"networks": "auto", "trusted_image_certificates": []}),
    ("2.73", "host", {"networks": "auto", "host": "here"}),
    ("2.89", "hostname", {"networks": "auto", "hostname": "web"}),
    ("2.90", "hostname", {"networks": "auto", "hostname": "web.example.org"}),
    ("2.90", "hostname", {"networks": "auto", "hostname": "w"}),
    ("2.90", "hostname", {"networks": "auto", "hostname": "web-"}),
    ("2.94", "hostname", {"networks": "auto", "hostname": "a b"}),
    ("2.94", "hostname", {"networks": "auto", "hostname": "a" * 256}),
    ("2.94", "hostname", {"networks": "auto", "hostname": "web", "max_count": 2}),
    ("2.96", "scheduler_hints", {"networks": "auto", "scheduler_hints": {}}),
)


@pytest.mark.parametrize(("version", "said", "fields"), BAD)
def test_a_field_of_another_version_or_malformed_is_400_and_named(
    speak: Speak, image_id: str, version: str, said: str, fields: dict[str, Any]
) -> None:
    server = {"name": "one", "imageRef": image_id, "flavorRef": "1", **fields}

    answer = speak(version).post(SERVERS, {"server": server})

    assert answer.status_code == 400
    assert said in answer.get_json()["badRequest"]["message"]
    assert speak(version).get(SERVERS).get_json() == {"servers": []}


def test_networks_none_makes_a_server_without_any(
    cloud: SmallCloud, speak: Speak, image_id: str
) -> None:
    server_id = make_server(speak("2.37"), image_id, networks="none")
    cloud.work()

    shown = speak("2.37").show(server_id)
    assert (shown["status"], shown["addresses"]) == ("ACTIVE", {})


def test_only_an_administrator_names_a_host(
    cloud: SmallCloud, speak: Speak, speak_admin: Speak, active: str, image_id: str
) -> None:
    host = speak_admin("2.1").show(active)["OS-EXT-SRV-ATTR:host"]
    server = {"name": "two", "imageRef": image_id, "flavorRef": "1", "networks": "auto"}
    asked = [
        speak("2.74").post(SERVERS, {"server": {**server, "host": host}}),
        speak_admin("2.74").post(SERVERS, {"server": {**server, "host": "elsewhere"}}),
        speak_admin("2.74").post(SERVERS, {"server": {**server, "hypervisor_hostname": host}}),
        speak_admin("2.74").post(
            SERVERS, {"server": {**server, "host": host, "availability_zone": f"nova:{host}"}}
        ),
    ]
    cloud.work()

    assert [answer.status_code for answer in asked] == [403, 400, 202, 400]
    assert "Compute host elsewhere could not be found" in asked[1].text
    made = asked[2].get_json()["server"]["id"]
    assert speak_admin("2.96").show(made)["OS-EXT-SRV-ATTR:host"] == host


UPDATES: tuple[Any, ...] = (
    ("2.18", {"description": "early"}, 400, {}),
    ("2.19", {"description": "new"}, 200, {"description": "new"}),
    ("2.19", {"description": None}, 200, {"description": None}),
    ("2.89", {"hostname": "web"}, 400, {}),
    ("2.90", {"hostname": "web"}, 200, {"OS-EXT-SRV-ATTR:hostname": "web"}),
    ("2.90", {"hostname": "web.org"}, 400, {}),
    ("2.94", {"hostname": "web.org"}, 200, {"OS-EXT-SRV-ATTR:hostname": "web.org"}),
    ("2.96", {"tags": ["a"]}, 400, {}),
)


@pytest.mark.parametrize(("version", "fields", "code", "changed"), UPDATES)
def test_an_update_sets_what_its_version_has(
    speak: Speak,
    active: str,
    version: str,
    fields: dict[str, Any],
    code: int,
    changed: dict[str, Any],
) -> None:
    before = speak("2.96").show(active)

    answer = speak(version).request("PUT", f"{SERVERS}/{active}", json={"server": fields})

    assert answer.status_code == code
    assert speak("2.96").show(active) == {**before, **changed}


LOCKS: tuple[Any, ...] = (
    ("2.72", {"locked_reason": "late"}, 202, None),
    ("2.72", "whatever", 202, None),
    ("2.73", None, 202, None),
    ("2.73", {}, 202, None),
    ("2.73", {"locked_reason": "x" * 255}, 202, "x" * 255),
    ("2.73", {"locked_reason": ""}, 400, None),
    ("2.73", {"locked_reason": "x" * 256}, 400, None),
    ("2.73", {"reason": "x"}, 400, None),
    ("2.73", "whatever", 400, None),
)


@pytest.mark.parametrize(("version", "asked", "code", "reason"), LOCKS)
def test_a_lock_says_why_once_it_can(
    speak: Speak, active: str, version: str, asked: object, code: int, reason: str | None
) -> None:
    locked = speak(version).act(active, {"lock": asked})
    shown = speak("2.73").show(active)
    speak(version).act(active, {"unlock": None})
    unlocked = speak("2.73").show(active)

    assert locked.status_code == code
    assert (shown["locked"], shown["locked_reason"]) == (code == 202, reason)
    assert (unlocked["locked"], unlocked["locked_reason"]) == (False, None)


@pytest.mark.parametrize(("version", "shown"), [("2.1", "one"), ("2.18", "one"), ("2.19", None)])
def test_a_server_without_a_description_has_its_name_until_there_are_descriptions(
    speak: Speak, image_id: str, version: str, shown: str | None
) -> None:
    server_id = make_server(speak(version), image_id)

    assert speak("2.19").show(server_id)["description"] == shown
