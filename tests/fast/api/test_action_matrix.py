# SPDX-License-Identifier: Apache-2.0
"""Every action from every vm_state over HTTP: taken, or 409 in Nova's words and nothing begun."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from agent.store.schema import servers
from tests.fast.api.conftest import ApiClient, make_server
from tests.fast.smallcloud import SmallCloud

# Typed from the API's reference; "+" is 202 (200 of a rescue, which tells a password), "-" is 409.
ALLOWED = """
   active building stopped paused suspended rescued resized error shelved shelved_offloaded
os-start     -      -        +       -      -         -       -       -     -       -
os-stop      +      -        -       -      -         -       -       +     -       -
reboot-SOFT  +      -        -       -      -         -       -       -     -       -
reboot-HARD  +      -        +       +      +         -       -       +     -       -
pause        +      -        -       -      -         -       -       -     -       -
unpause      -      -        -       +      -         -       -       -     -       -
suspend      +      -        -       -      -         -       -       -     -       -
resume       -      -        -       -      +         -       -       -     -       -
lock         +      +        +       +      +         +       +       +     +       +
unlock       +      +        +       +      +         +       +       +     +       +
reset        +      +        +       +      +         +       +       +     +       +
changePassword +    -        -       -      -         -       -       -     -       -
rescue       +      -        +       -      -         -       -       +     -       -
unrescue     -      -        -       -      -         +       -       -     -       -
trigger_crash_dump + -       -       +      -         +       +       +     -       -
rebuild      +      -        +       -      -         -       -       +     -       -
resize       +      -        +       -      -         -       -       -     -       -
confirmResize -     -        -       -      -         -       +       -     -       -
revertResize -      -        -       -      -         -       +       -     -       -
createImage  +      -        +       +      +         -       -       -     -       -
createBackup +      -        +       +      +         -       -       -     -       -
shelve       +      -        +       +      +         -       -       -     -       -
shelveOffload -     -        -       -      -         -       -       -     +       -
unshelve     -      -        -       -      -         -       -       -     +       +
forceDelete  +      +        +       +      +         +       +       +     +       +
"""
BODIES: dict[str, dict[str, Any]] = {
    "reboot-SOFT": {"reboot": {"type": "SOFT"}},
    "reboot-HARD": {"reboot": {"type": "HARD"}},
    "changePassword": {"changePassword": {"adminPass": "new"}},
    "resize": {"resize": {"flavorRef": "2"}},
    "reset": {"os-resetState": {"state": "error"}},
    "createImage": {"createImage": {"name": "snapshot"}},
    "createBackup": {"createBackup": {"name": "b", "backup_type": "daily", "rotation": "1"}},
}


VERSIONS = {"trigger_crash_dump": "2.17"}
"""Those of the actions that are not there at every version."""


def cells() -> list[tuple[str, str, bool]]:
    header, *rows = [line.split() for line in ALLOWED.strip().splitlines()]
    return [
        (row[0], vm_state, cell == "+")
        for row in rows
        for vm_state, cell in zip(header, row[1:], strict=True)
    ]


@pytest.mark.parametrize(("action", "vm_state", "is_allowed"), cells())
def test_an_action_from_a_state(
    cloud: SmallCloud,
    speak: Callable[[str], ApiClient],
    speak_admin: Callable[[str], ApiClient],
    image_id: str,
    action: str,
    vm_state: str,
    is_allowed: bool,
) -> None:
    server_id = make_server(speak("2.1"), image_id)
    cloud.work()
    with cloud.parts.store.db.write() as connection:
        row = update(servers).where(servers.c.id == server_id)
        connection.execute(row.values(vm_state=vm_state))
    before = cloud.parts.store.servers.list_tasks(server_id)
    is_admins = action in {"reset", "shelveOffload"}
    who = (speak_admin if is_admins else speak)(VERSIONS.get(action, "2.1"))

    body = BODIES.get(action, {action: None})
    answer = who.act(
        server_id, {"rebuild": {"imageRef": image_id}} if action == "rebuild" else body
    )

    accepted = {"confirmResize": 204, "rescue": 200}.get(action, 202)
    begun = len(cloud.parts.store.servers.list_tasks(server_id)) - len(before)
    assert (answer.status_code, begun) == ((accepted, 1) if is_allowed else (409, 0))
    if not is_allowed:
        name = {"os-start": "start", "os-stop": "stop"}.get(action, action.split("-")[0])
        message = answer.get_json()["conflictingRequest"]["message"]
        assert message == (
            f"Cannot '{name}' instance {server_id} while it is in vm_state {vm_state}"
        )


def test_the_table_is_whole() -> None:
    assert len(cells()) == 25 * 10
