# SPDX-License-Identifier: Apache-2.0
"""Rescue, unrescue and crash dumps over HTTP: bodies, answers, refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from agent.config import AdminPassConfig
from tests.fast.api.conftest import ApiClient, let_in, make_server
from tests.fast.application import build_app
from tests.fast.smallcloud import SmallCloud

NOBODYS = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def active(cloud: SmallCloud, client: ApiClient, image_id: str) -> str:
    server_id = make_server(client, image_id)
    cloud.work()
    return server_id


@pytest.mark.parametrize("body", [None, {}])
def test_a_rescue_answers_with_a_password_and_shows_rescue_when_it_is_done(
    cloud: SmallCloud, client: ApiClient, active: str, body: dict[str, str] | None
) -> None:
    answer = client.act(active, {"rescue": body})
    meanwhile = client.show(active)
    cloud.work()
    rescued = client.show(active)
    back = client.act(active, {"unrescue": None})
    cloud.work()

    assert (answer.status_code, set(answer.get_json())) == (200, {"adminPass"})
    assert len(answer.get_json()["adminPass"]) == 12
    assert (meanwhile["status"], meanwhile["OS-EXT-STS:task_state"]) == ("ACTIVE", "rescuing")
    assert (rescued["status"], rescued["OS-EXT-STS:vm_state"]) == ("RESCUE", "rescued")
    assert (back.status_code, back.data) == (202, b"")
    assert client.show(active)["status"] == "ACTIVE"


def test_a_given_password_and_image_are_taken(
    cloud: SmallCloud, client: ApiClient, active: str, image_id: str
) -> None:
    asked = {"adminPass": "let me in", "rescue_image_ref": image_id}
    answer = client.act(active, {"rescue": asked})
    cloud.work()

    assert answer.get_json() == {"adminPass": "let me in"}
    server = client.show(active)
    assert (server["status"], server["image"]["id"]) == ("RESCUE", image_id)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"adminPass": ""}, "adminPass"),
        ({"adminPass": 1}, "rescue.adminPass"),
        ({"adminPass": "a\nb"}, "adminPass: must have no control characters"),
        ({"rescue_image_ref": "tiny"}, "rescue_image_ref: must be the id of an image"),
        ({"rescue_image_ref": None}, "rescue.rescue_image_ref"),
        ({"rescue_image_ref": NOBODYS}, "rescue_image_ref: "),
        ({"image": "x"}, "'image' was unexpected"),
        ("yes", "rescue"),
    ],
)
def test_what_is_no_rescue_is_400(client: ApiClient, active: str, asked: Any, said: str) -> None:
    answer = client.act(active, {"rescue": asked})

    assert answer.status_code == 400
    assert said in answer.get_json()["badRequest"]["message"]
    assert client.show(active)["OS-EXT-STS:task_state"] is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"disk_format": "aki", "container_format": "aki"}, "is aki, no disk"),
        ({"min_ram": 4096}, "needs 4096 MiB of memory, the server's flavor has 512 MiB"),
        ({"kernel_id": NOBODYS}, f"Image property kernel_id: No image found with ID {NOBODYS}"),
        ({"ramdisk_id": NOBODYS}, "Image property ramdisk_id needs kernel_id"),
        ({"upload": False}, "is not active, it is queued"),
    ],
)
def test_an_image_that_can_rescue_nobody_is_400(
    cloud: SmallCloud, client: ApiClient, active: str, fields: dict[str, Any], said: str
) -> None:
    image_id = add_image(cloud, client, **fields)

    answer = client.act(active, {"rescue": {"rescue_image_ref": image_id}})

    assert answer.status_code == 400
    message = answer.get_json()["badRequest"]["message"]
    assert message.startswith("rescue_image_ref: ")
    assert said in message


def add_image(cloud: SmallCloud, client: ApiClient, *, upload: bool = True, **fields: Any) -> str:
    shape = {"name": "medic", "disk_format": "qcow2", "container_format": "bare", **fields}
    image_id = str(client.post("/image/v2/images", shape).get_json()["id"])
    if upload:
        imaging = cloud.parts.cloud.imaging
        content = KERNEL if shape["disk_format"] == "aki" else None
        if content is None:
            with imaging.files.open(cloud.image_id()) as disk:
                content = disk.read()
        imaging.upload(cloud.asking.caller, image_id, iter([content]))
    return image_id


KERNEL = b"\0" * 0x1FE + b"\x55\xaa" + b"\xeb\x66HdrS" + b"\0" * 0x600
"""The beginning of what an x86 kernel looks like."""


def test_another_projects_image_is_as_if_it_were_not_there(
    cloud: SmallCloud, client: ApiClient, other_client: ApiClient, active: str
) -> None:
    shape = {"name": "theirs", "disk_format": "qcow2", "container_format": "bare"}
    theirs = other_client.post("/image/v2/images", shape).get_json()["id"]

    answers = [
        client.act(active, {"rescue": {"rescue_image_ref": each}}) for each in (theirs, NOBODYS)
    ]

    assert [answer.status_code for answer in answers] == [400, 400]
    texts = [answer.get_json()["badRequest"]["message"] for answer in answers]
    assert texts[0].replace(theirs, NOBODYS) == texts[1]


def test_a_password_that_breaks_the_rule_is_400(cloud: SmallCloud, active: str) -> None:
    cloud.config = replace(cloud.config, admin_pass=AdminPassConfig(min_length=12))
    cloud.reboot()
    client = let_in(cloud, build_app(cloud), "lab", "lab")

    answer = client.act(active, {"rescue": {"adminPass": "short"}})

    assert answer.status_code == 400
    assert "at least 12 characters" in answer.get_json()["badRequest"]["message"]


def test_a_server_in_rescue_is_not_rebooted_nor_rescued_again(
    cloud: SmallCloud, client: ApiClient, active: str
) -> None:
    client.act(active, {"rescue": None})
    cloud.work()
    asked: list[dict[str, Any]] = [{"rescue": None}, {"reboot": {"type": "HARD"}}]

    for action in asked:
        answer = client.act(active, action)
        assert answer.status_code == 409
        message = answer.get_json()["conflictingRequest"]["message"]
        assert message.endswith("while it is in vm_state rescued")


def test_another_projects_server_is_not_found(
    client: ApiClient, other_client: ApiClient, active: str
) -> None:
    for action in ("rescue", "unrescue"):
        assert other_client.act(active, {action: None}).status_code == 404
    assert client.show(active)["OS-EXT-STS:task_state"] is None


@pytest.mark.parametrize(
    ("version", "value", "code"),
    [("2.16", None, 404), ("2.17", None, 202), ("2.96", None, 202), ("2.17", {}, 400)],
)
def test_a_crash_dump_is_there_since_2_17(
    cloud: SmallCloud,
    speak: Callable[[str], ApiClient],
    active: str,
    version: str,
    value: object,
    code: int,
) -> None:
    client = speak(version)
    answer = client.act(active, {"trigger_crash_dump": value})
    cloud.work()

    assert answer.status_code == code
    server = client.show(active)
    assert (server["status"], server["OS-EXT-STS:task_state"]) == ("ACTIVE", None)
