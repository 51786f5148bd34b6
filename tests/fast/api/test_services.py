# SPDX-License-Identifier: Apache-2.0
"""/os-services: what runs where, and a service that takes no new servers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fast.api.conftest import At
from tests.fast.smallcloud import SmallCloud

SERVICES = "/os-services"
FIELDS = {
    *("id", "binary", "host", "zone", "status", "state", "updated_at", "disabled_reason"),
}
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def at(at: At) -> At:
    """Administrators, where nobody else is named."""
    return lambda version, who="admin": at(version, who)


def compute(at: At, version: str = "2.96") -> dict[str, Any]:
    (found,) = at(version).get(f"{SERVICES}?binary=nova-compute")["services"]
    return dict(found)


@pytest.mark.parametrize(
    ("version", "fields", "kind"),
    [
        ("2.1", FIELDS, int),
        ("2.10", FIELDS, int),
        ("2.11", FIELDS | {"forced_down"}, int),
        ("2.52", FIELDS | {"forced_down"}, int),
        ("2.53", FIELDS | {"forced_down"}, str),
        ("2.96", FIELDS | {"forced_down"}, str),
    ],
)
def test_services_have_the_fields_of_the_version(
    at: At, version: str, fields: set[str], kind: type
) -> None:
    services = at(version).get(SERVICES)["services"]

    assert [(each["binary"], each["zone"]) for each in services] == [
        ("nova-compute", "nova"),
        ("nova-scheduler", "internal"),
    ]
    for service in services:
        assert service.keys() == fields
        assert isinstance(service["id"], kind)
        assert (service["status"], service["state"]) == ("enabled", "up")
        assert service["updated_at"] == "2026-01-01T00:00:00.000000"
    assert len({service["id"] for service in services}) == 2


def test_services_are_filtered_by_host_and_binary(at: At) -> None:
    host = compute(at)["host"]

    def found(query: str, version: str = "2.74") -> list[str]:
        services = at(version).get(f"{SERVICES}?{query}")["services"]
        return [service["binary"] for service in services]

    assert found(f"host={host}") == ["nova-compute", "nova-scheduler"]
    assert found(f"host={host}&binary=nova-scheduler") == ["nova-scheduler"]
    assert found("host=elsewhere") == []
    assert found("binary=nova-conductor") == []
    assert found("unknown=1") == ["nova-compute", "nova-scheduler"]
    assert at("2.75").ask("GET", f"{SERVICES}?unknown=1").status_code == 400


def test_a_service_is_disabled_and_enabled_by_name(cloud: SmallCloud, at: At) -> None:
    named = {"host": compute(at)["host"], "binary": "nova-compute"}
    caller = at("2.1")

    def put(doing: str, **fields: Any) -> Any:
        answer = caller.ask("PUT", f"{SERVICES}/{doing}", {**named, **fields})
        assert answer.status_code == 200, answer.text
        return answer.get_json()["service"]

    assert put("disable") == {**named, "status": "disabled"}
    assert (compute(at)["status"], compute(at)["disabled_reason"]) == ("disabled", None)
    reason = {"disabled_reason": "new disks"}
    assert put("disable-log-reason", **reason) == {**named, "status": "disabled", **reason}
    assert compute(at)["disabled_reason"] == "new disks"
    assert put("enable") == {**named, "status": "enabled"}
    assert (compute(at)["status"], compute(at)["disabled_reason"]) == ("enabled", None)


def test_a_service_is_changed_by_uuid(at: At) -> None:
    before = compute(at)
    path = f"{SERVICES}/{before['id']}"

    def put(**fields: Any) -> Any:
        answer = at("2.53").ask("PUT", path, fields)
        assert answer.status_code == 200, answer.text
        return answer.get_json()["service"]

    off = put(status="disabled", disabled_reason="new disks")
    assert off == {**before, "status": "disabled", "disabled_reason": "new disks"}
    down = put(forced_down=True)
    assert (down["status"], down["state"], down["forced_down"]) == ("disabled", "down", True)
    assert put(status="enabled", forced_down="false") == before


def test_a_disabled_service_gets_no_new_servers_and_keeps_its_own(
    cloud: SmallCloud, at: At
) -> None:
    kept = cloud.made(cloud.create(), "suspended")
    at("2.53").ask("PUT", f"{SERVICES}/{compute(at)['id']}", {"status": "disabled"})

    refused = cloud.create()
    cloud.act(kept, "resume")
    cloud.work()

    assert cloud.server(kept).vm_state == "active"
    broken = cloud.server(refused)
    assert broken.vm_state == "error"
    assert broken.fault is not None
    assert "No valid host was found" in broken.fault.message
    assert "is disabled" in broken.fault.message
    assert at("2.1").get("/os-availability-zone")["availabilityZoneInfo"] == [
        {"zoneName": "nova", "zoneState": {"available": False}, "hosts": None}
    ]


def test_force_down_came_with_2_11(at: At) -> None:
    named = {"host": compute(at)["host"], "binary": "nova-compute"}
    asked = {**named, "forced_down": True}

    assert at("2.10").ask("PUT", f"{SERVICES}/force-down", named).status_code == 404
    assert at("2.10").ask("PUT", f"{SERVICES}/disable", asked).status_code == 400
    answer = at("2.11").ask("PUT", f"{SERVICES}/force-down", asked)
    assert answer.get_json() == {"service": asked}
    assert (compute(at)["state"], compute(at)["forced_down"]) == ("down", True)


@pytest.mark.parametrize(
    ("version", "path", "body", "code"),
    [
        ("2.1", "/enable", {"host": "elsewhere", "binary": "nova-compute"}, 404),
        ("2.1", "/enable", {"host": "x", "binary": "nova-scheduler"}, 400),
        ("2.1", "/enable", {"host": "x"}, 400),
        ("2.1", "/enable", {"host": "a b", "binary": "nova-compute"}, 400),
        ("2.1", "/freeze", {"host": "x", "binary": "nova-compute"}, 404),
        ("2.1", "/disable-log-reason", {"host": "x", "binary": "nova-compute"}, 400),
        ("2.11", "/force-down", {"host": "x", "binary": "nova-compute"}, 400),
        ("2.53", "/enable", {}, 400),
        ("2.53", f"/{NOBODY}", {"status": "enabled"}, 404),
        ("2.53", "/{compute}", {}, 400),
        ("2.53", "/{compute}", {"disabled_reason": "x"}, 400),
        ("2.53", "/{compute}", {"status": "enabled", "disabled_reason": "x"}, 400),
        ("2.53", "/{compute}", {"status": "off"}, 400),
        ("2.53", "/{compute}", {"forced_down": "perhaps"}, 400),
        ("2.53", "/{compute}", {"status": "disabled", "host": "x"}, 400),
        ("2.53", "/{scheduler}", {"status": "disabled"}, 400),
    ],
)
def test_a_wrong_change_is_refused(
    at: At, version: str, path: str, body: object, code: int
) -> None:
    before = at("2.96").get(SERVICES)["services"]
    ids = {each["binary"].removeprefix("nova-"): each["id"] for each in before}

    answer = at(version).ask("PUT", SERVICES + path.format_map(ids), body)

    assert answer.status_code == code, answer.text
    assert at("2.96").get(SERVICES)["services"] == before


def test_a_service_that_runs_is_not_deleted_and_a_forgotten_host_is(
    cloud: SmallCloud, at: At
) -> None:
    cloud.parts.store.hosts.ensure("elsewhere", cloud.clock.now())
    services = at("2.53").get(SERVICES)["services"]
    assert [(each["host"], each["state"]) for each in services][2:] == [("elsewhere", "down")]

    for service in services[:2]:
        answer = at("2.53").ask("DELETE", f"{SERVICES}/{service['id']}")
        assert answer.status_code == 409
        assert "runs" in answer.get_json()["conflictingRequest"]["message"]
    assert at("2.53").ask("DELETE", f"{SERVICES}/{services[2]['id']}").status_code == 204

    assert at("2.53").get(SERVICES)["services"] == services[:2]
    assert at("2.53").ask("DELETE", f"{SERVICES}/{NOBODY}").status_code == 404
    assert at("2.53").ask("DELETE", f"{SERVICES}/7").status_code == 400
    assert at("2.52").ask("DELETE", f"{SERVICES}/seven").status_code == 400
    assert at("2.52").ask("DELETE", f"{SERVICES}/77").status_code == 404


def test_zones_in_detail_show_what_runs_in_them(at: At) -> None:
    host = compute(at)["host"]
    running = {
        "available": True,
        "active": True,
        "updated_at": "2026-01-01T00:00:00.000000",
    }

    assert at("2.1", "lab").get("/os-availability-zone") == {
        "availabilityZoneInfo": [
            {"zoneName": "nova", "zoneState": {"available": True}, "hosts": None}
        ]
    }
    assert at("2.1").get("/os-availability-zone/detail") == {
        "availabilityZoneInfo": [
            {
                "zoneName": "internal",
                "zoneState": {"available": True},
                "hosts": {host: {"nova-scheduler": running}},
            },
            {
                "zoneName": "nova",
                "zoneState": {"available": True},
                "hosts": {host: {"nova-compute": running}},
            },
        ]
    }
    assert at("2.1", "lab").ask("GET", "/os-availability-zone/detail").status_code == 403
