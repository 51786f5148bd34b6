# SPDX-License-Identifier: Apache-2.0
"""Consoles that there are none of, by each way to ask for one; and the password no guest gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.fast.api.conftest import ApiClient, make_server
from tests.fast.smallcloud import SmallCloud

OLD = {
    "os-getVNCConsole": "novnc",
    "os-getSPICEConsole": "spice-html5",
    "os-getRDPConsole": "rdp-html5",
    "os-getSerialConsole": "serial",
}
Speak = Callable[[str], ApiClient]


@pytest.fixture
def server_id(cloud: SmallCloud, client: ApiClient, image_id: str) -> str:
    server_id = make_server(client, image_id)
    cloud.work()
    return server_id


@pytest.mark.parametrize("version", ["2.1", "2.5"])
@pytest.mark.parametrize("action", OLD)
def test_the_old_actions_say_that_there_is_no_console_and_what_to_do(
    speak: Speak, server_id: str, action: str, version: str
) -> None:
    answer = speak(version).act(server_id, {action: {"type": OLD[action]}})

    assert answer.status_code == 501
    assert answer.get_json() == {
        "notImplemented": {
            "code": 501,
            "message": (
                "This cloud has no console page yet. What the server has printed on its serial "
                f"console is shown by `openstack console log show {server_id}`; on the host, "
                f"`virsh console cumulet-{server_id[:8]}{server_id[9:13]}` opens it."
            ),
        }
    }


@pytest.mark.parametrize("action", OLD)
def test_the_old_actions_are_gone_from_2_6_on(speak: Speak, server_id: str, action: str) -> None:
    assert speak("2.6").act(server_id, {action: {"type": OLD[action]}}).status_code == 404


@pytest.mark.parametrize("value", [None, {}, {"type": "vga"}, {"type": "novnc", "more": 1}])
def test_a_wrong_request_of_old_is_400(speak: Speak, server_id: str, value: Any) -> None:
    assert speak("2.1").act(server_id, {"os-getVNCConsole": value}).status_code == 400


@pytest.mark.parametrize(
    ("version", "protocol", "kind", "code"),
    [
        ("2.5", "vnc", "novnc", 404),
        ("2.6", "vnc", "novnc", 501),
        ("2.6", "serial", "serial", 501),
        ("2.7", "mks", "webmks", 400),
        ("2.8", "mks", "webmks", 501),
        ("2.96", "spice", "spice-html5", 501),
        ("2.96", "spice", "spice-direct", 400),
        ("2.96", "telnet", "novnc", 400),
    ],
)
def test_remote_consoles(
    speak: Speak, server_id: str, version: str, protocol: str, kind: str, code: int
) -> None:
    wanted = {"remote_console": {"protocol": protocol, "type": kind}}
    path = f"/compute/v2.1/servers/{server_id}/remote-consoles"
    answer = speak(version).post(path, wanted)

    assert answer.status_code == code
    if code == 501:
        assert "no console page yet" in answer.get_json()["notImplemented"]["message"]


def test_of_another_projects_server_nothing_is_said(
    other_client: ApiClient, server_id: str
) -> None:
    asked: list[dict[str, Any]] = [
        {"os-getVNCConsole": {"type": "novnc"}},
        {"os-getConsoleOutput": {}},
    ]
    for action in asked:
        assert other_client.act(server_id, action).status_code == 404


@pytest.mark.parametrize("version", ["2.1", "2.96"])
def test_the_log_of_a_server_without_a_place_is_409(
    cloud: SmallCloud, speak: Speak, image_id: str, server_id: str, version: str
) -> None:
    building = make_server(speak("2.1"), image_id)
    codes = [
        speak(version).act(each, {"os-getConsoleOutput": {}}) for each in (building, server_id)
    ]

    assert [answer.status_code for answer in codes] == [409, 200]
    assert codes[0].get_json()["conflictingRequest"]["message"] == (
        f"Instance {building} is not ready"
    )


@pytest.mark.parametrize("version", ["2.1", "2.96"])
def test_no_guest_has_given_a_password_and_it_can_be_forgotten(
    speak: Speak, server_id: str, version: str
) -> None:
    client, path = speak(version), f"/compute/v2.1/servers/{server_id}/os-server-password"
    shown, cleared = client.get(path), client.delete(path)

    assert (shown.status_code, shown.get_json()) == (200, {"password": ""})
    assert (cleared.status_code, cleared.data) == (204, b"")


def test_consoles_need_no_tokens_table(speak: Speak) -> None:
    path = "/compute/v2.1/os-console-auth-tokens/00000000-0000-4000-8000-000000000000"

    assert speak("2.31").get(path).status_code == 404
