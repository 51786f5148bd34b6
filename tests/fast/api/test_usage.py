# SPDX-License-Identifier: Apache-2.0
"""/os-simple-tenant-usage, its audits, and /extensions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fast.api.conftest import At
from tests.fast.smallcloud import SmallCloud

USAGE = "/os-simple-tenant-usage"
HOUR = 3600


def make(at: At, cloud: SmallCloud, image_id: str, name: str, flavor_id: str = "1") -> str:
    wanted = {"name": name, "imageRef": image_id, "flavorRef": flavor_id}
    answer = at("2.1").ask("POST", "/servers", {"server": wanted})
    cloud.work()
    return str(answer.get_json()["server"]["id"])


def delete(at: At, cloud: SmallCloud, server_id: str) -> None:
    at("2.1").ask("DELETE", f"/servers/{server_id}")
    cloud.work()


def test_hours_are_counted_of_deleted_servers_too(
    cloud: SmallCloud, at: At, lab: str, image_id: str
) -> None:
    first = make(at, cloud, image_id, "first")
    cloud.clock.advance(HOUR)
    delete(at, cloud, first)
    second = make(at, cloud, image_id, "second", "3")
    cloud.clock.advance(HOUR / 2)
    query = "?start=2026-01-01T00:30:00&end=2026-01-02T00:00:00.5"

    shown = at("2.1").get(f"{USAGE}/{lab}{query}")["tenant_usage"]
    admin = at("2.1", "admin")

    servers = {each["name"]: each for each in shown.pop("server_usages")}
    assert shown == {
        "tenant_id": lab,
        "start": "2026-01-01T00:30:00.000000",
        "stop": "2026-01-01T01:30:00.000000",
        "total_hours": 1.0,
        "total_vcpus_usage": 0.5 * 1 + 0.5 * 2,
        "total_memory_mb_usage": 0.5 * 512 + 0.5 * 4096,
        "total_local_gb_usage": 0.5 * 1 + 0.5 * 40,
    }
    assert servers["first"] == {
        "instance_id": first,
        "name": "first",
        "tenant_id": lab,
        "flavor": "m1.tiny",
        "vcpus": 1,
        "memory_mb": 512,
        "local_gb": 1,
        "hours": 0.5,
        "started_at": "2026-01-01T00:00:00.000000",
        "ended_at": "2026-01-01T01:00:00.000000",
        "state": "terminated",
        "uptime": HOUR,
    }
    running = servers["second"]
    assert (running["instance_id"], running["ended_at"]) == (second, None)
    assert (running["state"], running["uptime"]) == ("active", HOUR / 2)
    assert admin.get(f"{USAGE}{query}") == {"tenant_usages": [shown]}
    (detailed,) = admin.get(f"{USAGE}{query}&detailed=1")["tenant_usages"]
    assert detailed["server_usages"]
    assert at("2.1").ask("GET", USAGE).status_code == 403


def test_nothing_used_is_shown_as_nothing(
    cloud: SmallCloud, at: At, lab: str, image_id: str
) -> None:
    path = f"{USAGE}/{lab}"
    assert at("2.1").get(path) == {"tenant_usage": {}}
    make(at, cloud, image_id, "one")
    cloud.clock.advance(HOUR)

    assert at("2.1").get(f"{path}?end=2026-01-01T00:00:00&start=2025-12-31T00:00:00") == {
        "tenant_usage": {}
    }
    assert at("2.1", "admin").get(f"{USAGE}/nobody") == {"tenant_usage": {}}
    assert at("2.1").ask("GET", f"{USAGE}/nobody").status_code == 404


def test_usage_comes_in_pages_from_2_40(cloud: SmallCloud, at: At, lab: str, image_id: str) -> None:
    ids = sorted(make(at, cloud, image_id, name) for name in "abc")
    cloud.clock.advance(HOUR)
    query = "start=2026-01-01T00:00:00"

    def listed(body: Any) -> list[str]:
        return [each["instance_id"] for each in body["tenant_usage"]["server_usages"]]

    first = at("2.40").get(f"{USAGE}/{lab}?{query}&limit=2")

    assert listed(first) == ids[:2]
    (link,) = first["tenant_usage_links"]
    assert link["rel"] == "next"
    assert link["href"].endswith(
        f"{USAGE}/{lab}?start=2026-01-01T00%3A00%3A00&limit=2&marker={ids[1]}"
    )
    assert listed(at("2.40").get(f"{USAGE}/{lab}?{query}&limit=2&marker={ids[1]}")) == ids[2:]
    everybody = at("2.40", "admin").get(f"{USAGE}?{query}&limit=1")
    assert everybody["tenant_usages_links"][0]["href"].endswith(f"marker={ids[0]}")
    assert listed(at("2.39").get(f"{USAGE}/{lab}?{query}&limit=2")) == ids
    assert at("2.40").ask("GET", f"{USAGE}/{lab}?marker=x").status_code == 400
    assert at("2.74").ask("GET", f"{USAGE}/{lab}?detailed=1").status_code == 200
    assert at("2.75").ask("GET", f"{USAGE}/{lab}?detailed=1").status_code == 400
    assert at("2.75", "admin").ask("GET", f"{USAGE}?detailed=1").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "start=yesterday",
        "end=2026-01-01",
        "start=2026-01-01T00:00:00Z",
        "start=2026-01-02T00:00:00&end=2026-01-01T00:00:00",
        "start=2026-01-01T00:00:00&end=2026-01-01T00:00:00",
        "start=2027-01-01T00:00:00",
    ],
)
def test_a_malformed_period_is_400(at: At, lab: str, query: str) -> None:
    assert at("2.1").ask("GET", f"{USAGE}/{lab}?{query}").status_code == 400


def test_no_host_was_audited(cloud: SmallCloud, at: At) -> None:
    path, admin = "/os-instance_usage_audit_log", at("2.1", "admin")

    (compute,) = admin.get("/os-services?binary=nova-compute")["services"]

    shown = admin.get(f"{path}/2026-03-05 10:11:12.5")["instance_usage_audit_log"]
    last = admin.get(path)["instance_usage_audit_logs"]

    assert shown == {
        "period_beginning": "2026-02-01 00:00:00",
        "period_ending": "2026-03-01 00:00:00",
        "num_hosts": 1,
        "num_hosts_done": 0,
        "num_hosts_running": 0,
        "num_hosts_not_run": 1,
        "hosts_not_run": [compute["host"]],
        "total_instances": 0,
        "total_errors": 0,
        "overall_status": "0 of 1 hosts done. 0 errors.",
        "log": {},
    }
    assert (last["period_beginning"], last["period_ending"]) == (
        "2025-12-01 00:00:00",
        "2026-01-01 00:00:00",
    )
    assert admin.ask("GET", f"{path}/invalid_time").status_code == 400
    assert at("2.1").ask("GET", path).status_code == 403


def test_extensions_are_listed_by_alias(at: At) -> None:
    listed = at("2.1").get("/extensions")["extensions"]

    keys = {"alias", "name", "description", "links", "namespace", "updated"}
    assert all(each.keys() == keys for each in listed)
    assert ("os-hosts", "Hosts") in {(each["alias"], each["name"]) for each in listed}
    consoles = at("2.1").get("/extensions/os-consoles")["extension"]
    assert consoles in listed
    assert at("2.1").ask("GET", "/extensions/os-cloudpipe").status_code == 404
