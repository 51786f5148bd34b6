# SPDX-License-Identifier: Apache-2.0
"""Kill the process at every point of every action; nothing may be lost or stuck.

Each action, from each state it is allowed in, killed before each step, after its effect, and just
past its recording. That others barge in at each of these points is in `test_crash_barging`.
"""

from __future__ import annotations

import pytest

from agent.actions import ACTIONS
from agent.errors import HostFailed
from tests.fast.crashes import (
    AT_ONCE,
    CASES,
    STARTS,
    Case,
    active,
    assert_in_order,
    building,
    count_nics,
    crash,
    reached,
    run_into,
)
from tests.fast.smallcloud import SmallCloud, everywhere
from tests.fast.test_lifecycle import break_host

NICS = {"attach_interface": 2, "detach_interface": 1}
"""How many a server has after it."""


def test_the_matrix_is_whole() -> None:
    assert set(STARTS) == set(ACTIONS) - AT_ONCE
    assert not any(ACTIONS[name].workflow for name in AT_ONCE)
    assert len(set(map(str, CASES))) == len(CASES) == 1070


@pytest.mark.parametrize("case", CASES, ids=str)
def test_killed_at_any_point_the_action_ends_as_it_should(cloud: SmallCloud, case: Case) -> None:
    server_id = run_into(cloud, case, crash)
    cloud.settle_down()

    assert_in_order(cloud, server_id, reached(case))
    if case.action in NICS:
        assert count_nics(cloud, server_id) == {NICS[case.action]}
    left = IMAGES.get(case.action, set())
    assert cloud.images() == dict.fromkeys({"tiny", *left}, "active")


IMAGES = {
    "createImage": {"snapshot"},
    "createBackup": {"backup"},
    "shelve": {"one-shelved"},
    "shelveOffload": {"one-shelved"},
    "rebuild": {"other"},
}
"""The images that there are after an action, besides the one that was there."""


def test_killed_when_a_build_is_to_fail_of_its_password_it_fails_of_it(cloud: SmallCloud) -> None:
    case = Case("create", SmallCloud.create_weak, "create/password/before")
    server_id = run_into(cloud, case, crash)
    cloud.settle_down()

    assert_in_order(cloud, server_id, "error")
    assert cloud.domain(server_id).isActive()
    cloud.act(server_id, "changePassword")
    cloud.settle_down()
    assert_in_order(cloud, server_id, "active")


UNDONE = ["define", "config_drive", "disk", "base", "reserve"]


@pytest.mark.parametrize("step", UNDONE)
@pytest.mark.parametrize("moment", ["undo-before", "undo-recorded"])
def test_killed_while_a_failed_build_is_undone_it_is_undone_all_the_same(
    cloud: SmallCloud, step: str, moment: str
) -> None:
    break_host(cloud, "define", HostFailed("the host says no"))
    server_id = run_into(cloud, Case("create", building, f"create/{step}/{moment}"), crash)
    cloud.settle_down()

    server = cloud.server(server_id)
    assert (server.vm_state, server.task_state) == ("error", None)
    assert server.fault is not None
    assert server.fault.message == "the host says no"
    assert cloud.inventory() == {**everywhere(), "database": {server_id}}


@pytest.mark.parametrize("step", ["plug", "reserve"])
@pytest.mark.parametrize("moment", ["undo-before", "undo-recorded"])
def test_killed_while_a_refused_interface_is_undone_it_is_undone_all_the_same(
    cloud: SmallCloud, step: str, moment: str
) -> None:
    """The test driver can't plug into a guest that runs."""
    case = Case("attach_interface", active, f"attach_interface/{step}/{moment}")
    server_id = run_into(cloud, case, crash)
    cloud.settle_down()

    assert_in_order(cloud, server_id, "active")
    assert count_nics(cloud, server_id) == {1}
    (task, *_) = cloud.parts.store.servers.list_tasks(server_id)
    assert task.error is not None
