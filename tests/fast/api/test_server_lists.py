# SPDX-License-Identifier: Apache-2.0
"""Lists of servers in the newest version: the standard's filters, deleted servers, order, pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from agent.api.compute.server_sort import KEYS
from tests.fast.api.conftest import ApiClient, make_server
from tests.fast.smallcloud import SmallCloud
from tests.keys import ED25519

BASE = "http://127.0.0.1:8774"
SERVERS = "/compute/v2.1/servers"

Speak = Callable[[str], ApiClient]


@dataclass(frozen=True, slots=True)
class Town:
    """Some servers, by the second when they were made: web at 0; gone at 5, deleted at 40; db at
    10, stopped and locked at 30; far at 15, of the project admin; new at 50, still in BUILD."""

    ids: dict[str, str]
    ips: dict[str, str]

    def fill(self, query: str) -> str:
        """Put ids and addresses in for "{web}" and "{ip of web}"."""
        for name, server_id in self.ids.items():
            query = query.replace(f"{{{name}}}", server_id)
            query = query.replace(f"{{ip of {name}}}", self.ips.get(name, ""))
        return query


@pytest.fixture
def town(
    cloud: SmallCloud, client: ApiClient, admin_client: ApiClient, speak: Speak, image_id: str
) -> Town:
    client.post("/compute/v2.1/os-keypairs", {"keypair": {"name": "mine", "public_key": ED25519}})
    newest, ids = speak("2.96"), {}

    def make(name: str, at_s: float, **fields: Any) -> None:
        cloud.clock.at_s = at_s
        ids[name] = make_server(newest, image_id, name=name, networks="auto", **fields)

    make("web", 0, key_name="mine", accessIPv4="192.0.2.7", description="the front")
    make("gone", 5)
    make("db", 10, hostname="store.example.org", availability_zone="nova")
    cloud.clock.at_s = 15
    ids["far"] = make_server(admin_client, image_id, name="far")
    cloud.work()
    cloud.clock.at_s = 30
    client.act(ids["db"], {"os-stop": None})
    cloud.work()
    client.act(ids["db"], {"lock": None})
    cloud.clock.at_s = 40
    client.delete(f"{SERVERS}/{ids['gone']}")
    cloud.work()
    make("new", 50, flavorRef="2")
    nics = {name: cloud.server(ids[name]).nics for name in ("web", "db", "new")}
    return Town(ids, {name: found[0].ip for name, found in nics.items()})


def names(caller: ApiClient, query: str) -> str:
    """The names in a list, in its order; or the code that is no 200."""
    brief, detail = (caller.get(f"{SERVERS}{path}?{query}") for path in ("", "/detail"))
    assert brief.status_code == detail.status_code, query
    if brief.status_code != 200:
        return str(brief.status_code)
    shown = [[server["name"] for server in each.get_json()["servers"]] for each in (brief, detail)]
    assert shown[0] == shown[1], query
    return " ".join(shown[0])


FOR_USERS = {
    "": "new db web",
    "name=^w": "web",
    "status=ACTIVE": "web",
    "status=shutoff&status=BUILD": "new db",
    "status=ACTIVE&status=nonsense": "web",
    "status=nonsense": "400",
    "status=MIGRATING": "",
    "status=SOFT_DELETED": "",
    "status=DELETED": "403",
    "vm_state=deleted": "403",
    "flavor=2": "new",
    "flavor=none": "",
    "image={web}": "",
    "ip={ip of db}": "db",
    "ip=^999.": "",
    "ip=.": "new db web",
    "ip6=.": "new db web",
    "availability_zone=nova": "db web",
    "availability_zone=mars": "",
    "config_drive=True": "new db web",
    "config_drive=False": "",
    "config_drive=": "",
    "config_drive=perhaps": "400",
    "key_name=mi.e": "web",
    "created_at=2026-01-01T00:00:10Z": "db",
    "created_at=2026-01-01T01:00:10%2B01:00": "db",
    "created_at=2026-01-01": "new db web",
    "created_at=2027": "",
    "launched_at=2026-01-01T00:00:15": "db web",
    "terminated_at=2026": "",
    "power_state=1": "web",
    "power_state=4": "db",
    "task_state=scheduling": "new",
    "vm_state=stopped": "db",
    "vm_state=stopped&vm_state=active": "db web",
    "progress=100": "db web",
    "user_id=nobody": "",
    "hostname=^store.": "db",
    "locked=true": "db",
    "locked=False": "new web",
    "locked=": "400",
    "locked=perhaps": "400",
    "reservation_id=r-": "new db web",
    "reservation_id=^x": "",
    # what is for administrators lets all through
    "host=elsewhere": "new db web",
    "deleted=true": "new db web",
    "uuid={web}": "new db web",
    "project_id=other": "new db web",
    "description=front": "new db web",
    "metadata=x": "new db web",
    "_x=1": "new db web",
    "all_tenants=0": "new db web",
    "all_tenants=1": "403",
    "all_tenants=": "403",
    # what nobody knows
    "colour=blue": "400",
    "instance_name=x": "400",
    # deleted servers, and those that changed
    "changes-since=2026-01-01T00:00:00Z": "new db gone web",
    "changes-since=2026-01-01T00:00:30": "new db gone",
    "changes-since=2026-01-01T00:00:31Z": "new gone",
    "changes-since=2027-01-01T00:00:00Z": "",
    "changes-since=2026-01-01T00:00:00Z&status=ACTIVE": "web",
    "changes-before=2026-01-01T00:00:40Z": "db gone web",
    "changes-before=2026-01-01T00:00:39.9Z": "db web",
    "changes-since=2026-01-01T00:00:40Z&changes-before=2026-01-01T00:00:40Z": "gone",
    "changes-since=2026-01-01T00:00:41Z&changes-before=2026-01-01T00:00:40Z": "400",
    "changes-since=yesterday": "400",
    "changes-before=-1": "400",
    # orders
    "sort_key=display_name": "web new db",
    "sort_key=display_name&sort_dir=asc": "db new web",
    "sort_key=vm_state&sort_dir=asc": "web new db",
    "sort_key=key_name&sort_dir=asc": "db new web",
    "sort_key=key_name&sort_key=display_name&sort_dir=desc&sort_dir=asc": "web db new",
    "sort_key=launched_at&sort_dir=asc": "new web db",
    "sort_key=locked&sort_key=created_at&sort_dir=desc&sort_dir=asc": "db web new",
    "sort_dir=asc": "web db new",
    "sort_key=kernel_id": "new db web",
    "sort_key=host": "403",
    "sort_key=node": "403",
    "sort_key=vcpus": "400",
    "sort_key=name": "400",
    "sort_key=created_at&sort_dir=up": "400",
    "sort_key=created_at&sort_dir=asc&sort_dir=asc": "400",
    # pages
    "limit=2": "new db",
    "limit=0": "",
    "limit=1&marker={new}": "db",
    "marker={gone}": "web",
    "marker={far}": "400",
    "marker=none": "400",
    "sort_key=key_name&sort_dir=asc&marker={new}": "web",
    "sort_key=launched_at&sort_dir=desc&marker={db}": "web new",
    "limit=9223372036854775808": "new db web",
    "limit=0000000000000000000001": "new",
    "limit=-1": "400",
    "limit=": "400",
}


def test_users_find_their_servers(speak: Speak, town: Town) -> None:
    newest = speak("2.96")

    found = {query: names(newest, town.fill(query)) for query in FOR_USERS}

    assert found == FOR_USERS


@pytest.mark.parametrize("key", sorted(KEYS | {"locked"}))
def test_pages_of_one_are_the_list_by_any_key(speak_admin: Speak, town: Town, key: str) -> None:
    newest = speak_admin("2.96")

    for direction in ("asc", "desc"):
        order = f"{ALL}&sort_key={key}&sort_dir={direction}"
        whole = names(newest, order).split()
        pages = [names(newest, f"{order}&limit=1")]
        while last := pages[-1]:
            pages.append(names(newest, f"{order}&limit=1&marker={town.ids[last]}"))

        assert pages == [*whole, ""]
        assert sorted(whole) == ["db", "far", "new", "web"]


ALL = "all_tenants=1"

FOR_ADMINS = {
    "": "far",
    ALL: "new far db web",
    f"{ALL}&host={{host}}": "far db web",
    f"{ALL}&host=elsewhere": "",
    f"{ALL}&node=.": "far db web",
    f"{ALL}&tenant_id={{lab}}": "new db web",
    f"{ALL}&project_id={{lab}}": "new db web",
    f"{ALL}&project_id=nobody": "",
    "tenant_id={lab}": "far",
    "project_id={lab}": "far",
    f"{ALL}&user_id={{user}}": "new db web",
    f"{ALL}&uuid={{web}}": "web",
    f"{ALL}&deleted=true": "gone",
    f"{ALL}&deleted=false": "new far db web",
    f"{ALL}&status=DELETED": "gone",
    f"{ALL}&vm_state=deleted": "gone",
    f"{ALL}&deleted=true&changes-since=2026-01-01T00:00:41Z": "",
    f"{ALL}&description=FRONT": "",
    f"{ALL}&description=front": "web",
    f"{ALL}&display_name=^.b": "db",
    f"{ALL}&access_ip_v4=^192": "web",
    f"{ALL}&access_ip_v6=.": "",
    f"{ALL}&auto_disk_config=false": "new far db web",
    f"{ALL}&kernel_id=.": "",
    f"{ALL}&ramdisk_id=.": "",
    f"{ALL}&root_device_name=vda": "far db web",
    f"{ALL}&launch_index=0": "new far db web",
    f"{ALL}&locked_by=owner": "db",
    f"{ALL}&soft_deleted=true": "new far db web",
    f"{ALL}&sort_key=host&sort_key=display_name&sort_dir=desc&sort_dir=asc": "db far web new",
    f"{ALL}&metadata=x": "400",
    f"{ALL}&_x=1": "400",
    f"{ALL}&colour=blue": "400",
    "all_tenants=perhaps": "400",
}


def test_administrators_find_all_servers(cloud: SmallCloud, speak_admin: Speak, town: Town) -> None:
    newest, web = speak_admin("2.96"), cloud.server(town.ids["web"])
    more = {"{lab}": web.project_id, "{user}": web.user_id, "{host}": quote(str(web.host))}

    def fill(query: str) -> str:
        for name, value in more.items():
            query = query.replace(name, value)
        return town.fill(query)

    assert {query: names(newest, fill(query)) for query in FOR_ADMINS} == FOR_ADMINS


EARLIER = {
    ("2.37", "status=nonsense"): "",
    ("2.38", "status=nonsense"): "400",
    ("2.4", "ip6=x"): "new db web",
    ("2.5", "ip6=x"): "",
    ("2.25", "tags=x"): "new db web",
    ("2.26", "tags=x"): "",
    ("2.65", "changes-before=never"): "new db web",
    ("2.66", "changes-before=never"): "400",
    ("2.72", "locked=true"): "new db web",
    ("2.73", "locked=true"): "db",
    ("2.74", "colour=blue"): "new db web",
    ("2.75", "colour=blue"): "400",
    ("2.82", "vm_state=stopped"): "new db web",
    ("2.83", "vm_state=stopped"): "db",
    ("2.89", "hostname=y"): "new db web",
    ("2.90", "hostname=y"): "",
    ("2.72", "sort_key=locked"): "new db web",
    ("2.73", "sort_key=locked&sort_dir=desc"): "db new web",
    ("2.74", "sort_key=vcpus"): "new db web",
    ("2.75", "sort_key=vcpus"): "400",
    ("2.1", "sort_key=name"): "400",
}


def test_a_filter_is_there_from_its_version_on(speak: Speak, town: Town) -> None:
    found = {(version, query): names(speak(version), query) for version, query in EARLIER}

    assert found == EARLIER


def test_a_deleted_server_is_listed_as_deleted_and_else_not_found(
    speak: Speak, speak_admin: Speak, town: Town
) -> None:
    query = "changes-since=2026-01-01T00:00:40Z&changes-before=2026-01-01T00:00:40Z"
    (gone,) = speak("2.96").get(f"{SERVERS}/detail?{query}").get_json()["servers"]

    assert (gone["id"], gone["status"]) == (town.ids["gone"], "DELETED")
    assert (gone["OS-EXT-STS:vm_state"], gone["addresses"]) == ("deleted", {})
    assert gone["OS-SRV-USG:terminated_at"] == "2026-01-01T00:00:40.000000"
    for who in (speak("2.96"), speak_admin("2.96")):
        assert who.get(f"{SERVERS}/{town.ids['gone']}").status_code == 404


def test_pages_of_any_order_lead_through_all_servers(speak: Speak, town: Town) -> None:
    newest, seen = speak("2.96"), []
    query = "sort_key=vm_state&sort_key=display_name&sort_dir=desc&sort_dir=asc"
    path = f"{SERVERS}?limit=1&status=ACTIVE&status=BUILD&status=SHUTOFF&{query}"

    while path:
        page = newest.get(path).get_json()
        seen += [server["name"] for server in page["servers"]]
        path = next((link["href"].removeprefix(BASE) for link in page.get("servers_links", ())), "")

    assert seen == ["db", "new", "web"]
