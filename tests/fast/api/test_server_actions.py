# SPDX-License-Identifier: Apache-2.0
"""POST /servers/ID/action."""

from __future__ import annotations

from typing import Any

import pytest

from agent.model.layout import Layout
from tests.fast.api.conftest import ApiClient, make_server
from tests.fast.smallcloud import SmallCloud


@pytest.fixture
def active(cloud: SmallCloud, client: ApiClient, image_id: str) -> str:
    server_id = make_server(client, image_id)
    cloud.work()
    return server_id


def test_stop_and_start_answer_202_and_do_it(
    cloud: SmallCloud, client: ApiClient, active: str
) -> None:
    seen = []
    for action in ("os-stop", "os-start"):
        answer = client.act(active, {action: None})
        assert (answer.status_code, answer.data) == (202, b"")
        cloud.work()
        seen.append(client.show(active)["status"])

    assert seen == ["SHUTOFF", "ACTIVE"]


def test_an_action_from_the_wrong_state_is_409_in_novas_words(
    client: ApiClient, active: str
) -> None:
    answer = client.act(active, {"os-start": None})

    assert answer.status_code == 409
    assert answer.get_json() == {
        "conflictingRequest": {
            "code": 409,
            "message": f"Cannot 'start' instance {active} while it is in vm_state active",
        }
    }


def test_an_action_while_another_runs_is_409(client: ApiClient, active: str) -> None:
    client.act(active, {"os-stop": None})

    answer = client.act(active, {"os-stop": None})

    assert answer.status_code == 409
    assert "task_state powering-off" in answer.get_json()["conflictingRequest"]["message"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"os-fly": None}, "There is no such action: os-fly"),
        ({"reboot": None}, "reboot"),
        ({"reboot": {}}, "type"),
        ({"reboot": {"type": "WARM"}}, "reboot.type"),
        ({"reboot": {"type": "SOFT\n"}}, "reboot.type"),
        ({"reboot": {"type": "SOFT", "force": True}}, "force"),
        ({}, "at least 1"),
        ({"os-start": None, "os-stop": None}, "at most 1"),
        ({"os-getConsoleOutput": None}, "os-getConsoleOutput"),
        ({"os-getConsoleOutput": {"length": -2}}, "length"),
        ({"os-getConsoleOutput": {"length": "all"}}, "length"),
        ({"os-getConsoleOutput": {"length": 10**20}}, "length"),
        ({"os-getConsoleOutput": {"lines": 1}}, "lines"),
    ],
)
def test_what_is_no_action_is_400(
    client: ApiClient, active: str, body: dict[str, Any], said: str
) -> None:
    answer = client.act(active, body)

    assert answer.status_code == 400
    assert said in answer.get_json()["badRequest"]["message"]


@pytest.mark.parametrize(
    ("value", "said"), [({}, "state"), ({"state": "stopped"}, "os-resetState.state")]
)
def test_what_is_no_state_to_reset_to_is_400(
    admin_client: ApiClient, active: str, value: dict[str, Any], said: str
) -> None:
    answer = admin_client.act(active, {"os-resetState": value})

    assert answer.status_code == 400
    assert said in answer.get_json()["badRequest"]["message"]


@pytest.mark.parametrize(
    ("request_body", "output"),
    [
        ({}, "one\ntwo\nthree"),
        ({"length": None}, "one\ntwo\nthree"),
        ({"length": -1}, "one\ntwo\nthree"),
        ({"length": 2}, "two\nthree"),
        ({"length": "1"}, "three"),
        ({"length": 0}, ""),
    ],
)
def test_the_console_gives_as_many_lines_as_are_asked_for(
    cloud: SmallCloud, client: ApiClient, active: str, request_body: dict[str, Any], output: str
) -> None:
    Layout(cloud.config.state_dir).console_log(active).write_text("one\ntwo\nthree")

    answer = client.act(active, {"os-getConsoleOutput": request_body})

    assert answer.status_code == 200
    assert answer.get_json() == {"output": output}
