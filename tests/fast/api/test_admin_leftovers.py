# SPDX-License-Identifier: Apache-2.0
"""Small things for administrators: external events, network info, and what is not served."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fast.api.conftest import At
from tests.fast.smallcloud import SmallCloud

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def at(at: At) -> At:
    """Administrators, where nobody else is named."""
    return lambda version, who="admin": at(version, who)


def test_events_of_networks_are_taken_one_by_one(cloud: SmallCloud, at: At) -> None:
    server = cloud.create()
    cloud.work()
    waiting = cloud.create()

    def send(*events: dict[str, Any]) -> Any:
        return at("2.1").ask("POST", "/os-server-external-events", {"events": list(events)})

    good = {"name": "network-changed", "server_uuid": server}
    answer = send(good)
    assert answer.status_code == 200
    assert answer.get_json() == {"events": [{**good, "status": "completed", "code": 200}]}

    answer = send(
        good,
        {"name": "network-vif-deleted", "server_uuid": server},
        {"name": "network-vif-plugged", "server_uuid": NOBODY, "status": "completed"},
        {"name": "network-vif-plugged", "server_uuid": waiting, "tag": "x"},
    )
    assert answer.status_code == 207
    events = answer.get_json()["events"]
    assert [event["code"] for event in events] == [200, 400, 404, 422]
    assert [event["status"] for event in events] == ["completed", *["failed"] * 3]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"events": []},
        {"events": [{"name": "network-changed"}]},
        {"events": [{"name": "network-changed", "server_uuid": "x"}]},
        {"events": [{"name": "volume-extended", "server_uuid": NOBODY}]},
        {"events": [{"name": "network-changed", "server_uuid": NOBODY, "status": "so"}]},
    ],
)
def test_wrong_events_are_refused(at: At, body: object) -> None:
    assert at("2.96").ask("POST", "/os-server-external-events", body).status_code == 400


def test_network_info_is_there_already(cloud: SmallCloud, at: At) -> None:
    server, inject = cloud.create(), {"injectNetworkInfo": None}
    path = f"/servers/{server}/action"

    assert at("2.1").ask("POST", path, inject).status_code == 202
    assert at("2.1", "lab").ask("POST", path, inject).status_code == 403
    assert at("2.1").ask("POST", f"/servers/{NOBODY}/action", inject).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/os-agents",
        "/os-assisted-volume-snapshots",
        "/os-cells",
        "/os-certificates",
        "/os-cloudpipe",
        "/os-fping",
    ],
)
def test_what_the_standard_has_no_more_is_not_found(at: At, path: str) -> None:
    assert at("2.1").ask("GET", path).status_code == 404
