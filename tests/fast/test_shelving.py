# SPDX-License-Identifier: Apache-2.0
"""What is seen of a server while it is put away or taken out, and what comes of a late failure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.errors import HostFailed
from tests.fast.smallcloud import SmallCloud
from tests.fast.test_captures import assert_as_before, last_task

SEEN = {
    "at once": {
        ("active", "shelving"),
        ("active", "shelving_image_pending_upload"),
        ("active", "shelving_image_uploading"),
        ("shelved", "shelving_offloading"),
        ("shelved_offloaded", None),
    },
    "stays": {
        ("active", "shelving"),
        ("active", "shelving_image_pending_upload"),
        ("active", "shelving_image_uploading"),
        ("shelved", None),
    },
    "shelveOffload": {("shelved", "shelving_offloading"), ("shelved_offloaded", None)},
    "unshelve": {
        ("shelved_offloaded", "unshelving"),
        ("shelved_offloaded", "spawning"),
        ("active", None),
    },
}
"""Every vm_state and task_state that a server is seen in meanwhile, and those that it ends in."""


@pytest.mark.parametrize(
    ("case", "action", "start", "offload_after"),
    [
        ("at once", "shelve", "active", 0),
        ("stays", "shelve", "active", -1),
        ("shelveOffload", "shelveOffload", "shelved", -1),
        ("unshelve", "unshelve", "shelved_offloaded", 0),
    ],
)
def test_what_is_seen_while_a_server_is_put_away_and_taken_out(
    cloud: SmallCloud, case: str, action: str, start: str, offload_after: int
) -> None:
    """With its end in sight a server never shows the work that is over."""
    cloud.config = replace(cloud.config, shelved_offload_after=offload_after)
    cloud.reboot()
    server_id = cloud.made(cloud.create(), start)
    seen = set()

    def look(point: str) -> None:
        server = cloud.server(server_id)
        seen.add((server.vm_state, server.task_state))

    cloud.reboot(look)
    cloud.act(server_id, action)
    cloud.settle_down()

    assert seen == SEEN[case]


def fail_at(cloud: SmallCloud, failing: str) -> None:
    def fail(point: str) -> None:
        if point == failing:
            raise HostFailed("the disk says no")

    cloud.reboot(fail)


@pytest.mark.parametrize("step", ["tidy", "shelved"])
def test_a_shelving_that_fails_at_last_leaves_no_image(cloud: SmallCloud, step: str) -> None:
    server_id = cloud.made(cloud.create(), "active")
    fail_at(cloud, f"shelve/{step}/before")
    cloud.act(server_id, "shelve")
    cloud.settle_down()

    assert_as_before(cloud, server_id)
    assert cloud.domain(server_id).isActive()
    assert cloud.server(server_id).shelved_image_id is None
    assert cloud.images() == {"tiny": "active"}
    assert last_task(cloud, server_id) == ("shelve", "the disk says no")


def test_an_unshelving_whose_image_can_not_go_is_an_unshelving(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "shelved_offloaded")
    fail_at(cloud, "unshelve/remove_image/before")
    cloud.act(server_id, "unshelve")
    cloud.settle_down()

    assert_as_before(cloud, server_id)
    assert cloud.domain(server_id).isActive()
    assert last_task(cloud, server_id) == ("unshelve", "the disk says no")


@pytest.mark.parametrize("states", [["active"], ["error", "active"]])
def test_a_server_off_its_host_that_is_said_to_be_active_can_still_be_unshelved(
    cloud: SmallCloud, states: list[str]
) -> None:
    server_id = cloud.made(cloud.create(), "shelved_offloaded")
    for state in states:
        cloud.reset_state(server_id, state)
        cloud.settle_down()
    assert cloud.server(server_id).vm_state == "shelved_offloaded"

    cloud.act(server_id, "unshelve")
    cloud.settle_down()
    assert cloud.server(server_id).vm_state == "active"
    assert cloud.server(server_id).fault is None
