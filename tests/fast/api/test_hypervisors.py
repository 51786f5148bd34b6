# SPDX-License-Identifier: Apache-2.0
"""/os-hypervisors and /os-hosts: real numbers of the host, in the shape of each version."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from tests.fast.api.conftest import At, speak_all_versions
from tests.fast.smallcloud import SmallCloud

HYPERVISORS = "/os-hypervisors"
HOST = "kvm-one"

BRIEF = {"id", "hypervisor_hostname", "state", "status"}
DETAIL = BRIEF | {"hypervisor_type", "hypervisor_version", "host_ip", "service"}
NUMBERS = {
    *("vcpus", "vcpus_used", "memory_mb", "memory_mb_used", "free_ram_mb", "local_gb"),
    *("local_gb_used", "free_disk_gb", "disk_available_least", "running_vms", "current_workload"),
}


@pytest.fixture
def at(cloud: SmallCloud) -> At:
    cloud.config = replace(cloud.config, host=HOST)
    cloud.reboot()
    at = speak_all_versions(cloud)
    store = cloud.parts.store
    for record in store.hosts.list():
        if record.name != HOST:
            store.hosts.forget(record.name)  # this machine's own name, from before
    cloud.settle_down()
    return lambda version, who="admin": at(version, who)


def only(body: dict[str, Any]) -> dict[str, Any]:
    (found,) = body["hypervisors"]
    return dict(found)


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        ("2.1", DETAIL | NUMBERS | {"cpu_info"}),
        ("2.28", DETAIL | NUMBERS | {"cpu_info"}),
        ("2.53", DETAIL | NUMBERS | {"cpu_info"}),
        ("2.87", DETAIL | NUMBERS | {"cpu_info"}),
        ("2.88", DETAIL | {"uptime"}),
        ("2.96", DETAIL | {"uptime"}),
    ],
)
def test_each_version_shows_just_its_fields(at: At, version: str, fields: set[str]) -> None:
    brief = only(at(version).get(HYPERVISORS))
    detail = only(at(version).get(f"{HYPERVISORS}/detail"))

    assert brief.keys() == BRIEF
    assert detail.keys() == fields
    assert at(version).get(f"{HYPERVISORS}/{brief['id']}") == {"hypervisor": detail}
    assert (brief["hypervisor_hostname"], brief["state"], brief["status"]) == (
        HOST,
        "up",
        "enabled",
    )
    assert detail["service"]["host"] == HOST
    of_uuid = version in {"2.53", "2.87", "2.88", "2.96"}
    assert isinstance(brief["id"], str if of_uuid else int)
    assert isinstance(detail["service"]["id"], str if of_uuid else int)


def test_the_numbers_are_the_hosts_and_its_servers(cloud: SmallCloud, at: At) -> None:
    cloud.create()
    cloud.work()
    cloud.create()

    detail = only(at("2.1").get(f"{HYPERVISORS}/detail"))

    reserved = cloud.config.capacity.reserved_ram_mb
    assert (detail["vcpus"], detail["memory_mb"]) == (16, 32768)
    assert (detail["vcpus_used"], detail["memory_mb_used"]) == (1, 512 + reserved)
    assert detail["free_ram_mb"] == 32768 - 512 - reserved
    assert (detail["local_gb_used"], detail["running_vms"]) == (1, 1)
    assert detail["free_disk_gb"] == detail["local_gb"] - 1
    assert 0 <= detail["disk_available_least"] <= detail["local_gb"]
    assert (detail["hypervisor_type"], detail["hypervisor_version"]) == ("TEST", 2)
    assert detail["host_ip"] == "127.0.0.1"
    cpu = json.loads(detail["cpu_info"])
    assert cpu["topology"] == {"sockets": 1, "cores": 16, "threads": 1}
    assert only(at("2.28").get(f"{HYPERVISORS}/detail"))["cpu_info"] == cpu


def test_statistics_add_up_what_the_hosts_have(cloud: SmallCloud, at: At) -> None:
    cloud.create()
    cloud.work()

    statistics = at("2.87").get(f"{HYPERVISORS}/statistics")["hypervisor_statistics"]

    detail = only(at("2.87").get(f"{HYPERVISORS}/detail"))
    assert statistics == {"count": 1, **{name: detail[name] for name in NUMBERS}}
    assert at("2.88").ask("GET", f"{HYPERVISORS}/statistics").status_code == 404


def test_the_uptime_is_in_the_words_of_uptime(at: At) -> None:
    """The pattern is the one by which the `openstack` client takes the line apart."""
    pattern = (
        r"\s*(?P<host_time>.+)\sup\s+(?P<uptime>.+),\s+(?P<users>.+)\susers?,"
        r"\s+load average:\s(?P<load>.+)"
    )
    its_id = only(at("2.1").get(HYPERVISORS))["id"]
    shown = at("2.1").get(f"{HYPERVISORS}/{its_id}/uptime")["hypervisor"]

    assert shown.keys() == BRIEF | {"uptime"}
    assert re.match(pattern, shown["uptime"])
    assert re.match(pattern, only(at("2.88").get(f"{HYPERVISORS}/detail"))["uptime"])
    its_id = only(at("2.88").get(HYPERVISORS))["id"]
    assert at("2.88").ask("GET", f"{HYPERVISORS}/{its_id}/uptime").status_code == 404


def test_hypervisors_are_searched_by_a_part_of_their_name(cloud: SmallCloud, at: At) -> None:
    server = cloud.create()
    brief = only(at("2.52").get(HYPERVISORS))

    assert only(at("2.52").get(f"{HYPERVISORS}/kvm/search")) == brief
    assert only(at("2.52").get(f"{HYPERVISORS}/kvm/servers")) == brief
    cloud.work()
    with_servers = only(at("2.52").get(f"{HYPERVISORS}/one/servers"))
    domain = cloud.domain(server).name()
    assert with_servers == {**brief, "servers": [{"name": domain, "uuid": server}]}
    missing = at("2.52").ask("GET", f"{HYPERVISORS}/xen/search")
    assert missing.status_code == 404
    assert "No hypervisor matching 'xen' could be found." in missing.text
    assert at("2.53").ask("GET", f"{HYPERVISORS}/kvm/search").status_code == 404
    assert at("2.53").ask("GET", f"{HYPERVISORS}/kvm/servers").status_code == 404


def test_from_2_53_the_query_searches_and_asks_for_servers(cloud: SmallCloud, at: At) -> None:
    brief = only(at("2.53").get(HYPERVISORS))
    asked = f"{HYPERVISORS}?hypervisor_hostname_pattern=kvm&with_servers=true"

    assert only(at("2.53").get(asked)) == brief
    assert only(at("2.75").get(asked)) == {**brief, "servers": []}
    server = cloud.create()
    cloud.work()
    servers = [{"name": cloud.domain(server).name(), "uuid": server}]
    assert only(at("2.53").get(asked)) == {**brief, "servers": servers}
    shown = at("2.53").get(f"{HYPERVISORS}/{brief['id']}?with_servers=1")["hypervisor"]
    assert shown["servers"] == servers


@pytest.mark.parametrize(
    ("version", "path", "code"),
    [
        ("2.1", "/7", 404),
        ("2.52", "/one", 404),
        ("2.52", "/7/uptime", 404),
        ("2.53", "/1", 400),
        ("2.53", "/00000000-0000-4000-8000-000000000000", 404),
        ("2.53", "?hypervisor_hostname_pattern=xen", 404),
        ("2.53", "?hypervisor_hostname_pattern=kvm&limit=1", 400),
        ("2.53", "?with_servers=perhaps", 400),
        ("2.53", "?unknown=1", 400),
        ("2.52", "?unknown=1", 200),
        ("2.33", "?limit=-1", 400),
        ("2.33", "?marker=7", 400),
    ],
)
def test_what_is_wrong_has_its_code(at: At, version: str, path: str, code: int) -> None:
    assert at(version).ask("GET", f"{HYPERVISORS}{path}").status_code == code


def test_from_2_33_hypervisors_are_listed_in_pages(cloud: SmallCloud, at: At) -> None:
    cloud.parts.store.hosts.ensure("kvm-two", cloud.clock.now())
    names = [each["hypervisor_hostname"] for each in at("2.32").get(HYPERVISORS)["hypervisors"]]
    assert names == [HOST, "kvm-two"]

    first = at("2.53").get(f"{HYPERVISORS}?limit=1")
    (link,) = first["hypervisors_links"]
    second = at("2.53").get(link["href"].partition("/v2.1")[2])

    assert link["rel"] == "next"
    assert [only(page)["hypervisor_hostname"] for page in (first, second)] == names
    assert only(second)["state"] == "down"
    assert at("2.33").get(f"{HYPERVISORS}?limit=0")["hypervisors"] == []


def test_a_host_that_does_not_answer_is_down(cloud: SmallCloud, at: At) -> None:
    cloud.parts.engine.on_lost("it went away")

    assert only(at("2.53").get(HYPERVISORS))["state"] == "down"
    assert only(at("2.88").get(f"{HYPERVISORS}/detail"))["uptime"] is None
    its_id = only(at("2.53").get(HYPERVISORS))["id"]
    assert at("2.53").ask("GET", f"{HYPERVISORS}/{its_id}/uptime").status_code == 400


def test_users_do_not_see_hypervisors(at: At) -> None:
    for path in (HYPERVISORS, f"{HYPERVISORS}/detail", "/os-hosts", "/os-services"):
        assert at("2.1", "lab").ask("GET", path).status_code == 403


def test_hosts_are_listed_by_service_and_show_who_uses_them(cloud: SmallCloud, at: At) -> None:
    cloud.create()
    cloud.work()
    compute = {"host_name": HOST, "service": "compute", "zone": "nova"}
    scheduler = {"host_name": HOST, "service": "scheduler", "zone": "internal"}

    assert at("2.42").get("/os-hosts") == {"hosts": [compute, scheduler]}
    assert at("2.1").get("/os-hosts?zone=nova") == {"hosts": [compute]}
    assert at("2.1").get("/os-hosts?zone=") == {"hosts": [compute, scheduler]}
    assert at("2.1").get("/os-hosts?zone=mars") == {"hosts": []}
    rows = [row["resource"] for row in at("2.1").get(f"/os-hosts/{HOST}")["host"]]
    project = cloud.asking.caller.project.id
    assert [row["project"] for row in rows] == ["(total)", "(used_now)", "(used_max)", project]
    assert rows[0] | {"disk_gb": 0} == {
        "host": HOST,
        "project": "(total)",
        "cpu": 16,
        "memory_mb": 32768,
        "disk_gb": 0,
    }
    used = {"host": HOST, "project": project, "cpu": 1, "memory_mb": 512, "disk_gb": 1}
    assert rows[3] == used


@pytest.mark.parametrize(
    ("version", "method", "path", "body", "code"),
    [
        ("2.42", "GET", "/os-hosts/elsewhere", None, 404),
        ("2.1", "GET", f"/os-hosts/{HOST}/startup", None, 501),
        ("2.1", "GET", f"/os-hosts/{HOST}/shutdown", None, 501),
        ("2.1", "GET", f"/os-hosts/{HOST}/reboot", None, 501),
        ("2.1", "GET", "/os-hosts/elsewhere/reboot", None, 404),
        ("2.1", "PUT", f"/os-hosts/{HOST}", {"status": "enable"}, 501),
        ("2.1", "PUT", f"/os-hosts/{HOST}", {"maintenance_mode": "DISABLE"}, 501),
        ("2.1", "PUT", "/os-hosts/elsewhere", {"status": "enable"}, 404),
        ("2.1", "PUT", f"/os-hosts/{HOST}", {"status": "on"}, 400),
        ("2.1", "PUT", f"/os-hosts/{HOST}", {}, 400),
        ("2.1", "PUT", f"/os-hosts/{HOST}", {"param": "x"}, 400),
        ("2.43", "GET", "/os-hosts", None, 404),
        ("2.43", "GET", f"/os-hosts/{HOST}", None, 404),
        ("2.43", "GET", f"/os-hosts/{HOST}/reboot", None, 404),
    ],
)
def test_hosts_are_not_switched(
    at: At, version: str, method: str, path: str, body: object, code: int
) -> None:
    assert at(version).ask(method, path, body).status_code == code
