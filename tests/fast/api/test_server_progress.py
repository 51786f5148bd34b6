# SPDX-License-Identifier: Apache-2.0
"""The progress of a server: real, never falling within a task, 100 when it is ACTIVE."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from agent.store.schema import servers
from tests.fast.api.conftest import ApiClient, let_in
from tests.fast.application import build_app
from tests.fast.smallcloud import SmallCloud

MEANWHILE = {"create": "BUILD", "rebuild": "REBUILD", "resize": "RESIZE"}
AFTERWARDS = {"create": "ACTIVE", "rebuild": "ACTIVE", "resize": "VERIFY_RESIZE"}


@pytest.mark.parametrize("action", MEANWHILE)
def test_progress_rises_from_0_to_100_with_the_steps(cloud: SmallCloud, action: str) -> None:
    seen: list[tuple[str, int]] = []

    def look(point: str) -> None:
        if point.endswith("/before") and "/finish/" not in point:
            client = let_in(cloud, build_app(cloud), "lab", "lab")
            shown = client.show(server_id)
            seen.append((shown["status"], shown["progress"]))
            cloud.clock.advance(3)

    server_id = cloud.create()
    if action != "create":
        cloud.made(server_id, "active")
        cloud.act(server_id, action)
    cloud.reboot(look)
    cloud.work()
    shown = let_in(cloud, build_app(cloud), "lab", "lab").show(server_id)

    assert {status for status, _ in seen} == {MEANWHILE[action]}
    values = [value for _, value in seen]
    assert (values[0], values) == (0, sorted(values))
    assert len(set(values)) > 4
    assert (shown["status"], shown["progress"]) == (AFTERWARDS[action], 100)


def test_an_active_server_is_at_100_however_it_became_so(
    cloud: SmallCloud, client: ApiClient
) -> None:
    server_id = cloud.made(cloud.create(), "active")
    with cloud.parts.store.db.write() as connection:
        connection.execute(update(servers).values(progress=40))

    assert client.show(server_id)["progress"] == 100
