# SPDX-License-Identifier: Apache-2.0
"""The agent is killed in the midst of an action of a real guest, which goes on without it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.waiting import wait_for
from tests.real.conftest import RealCloud

pytestmark = pytest.mark.real

SUSPEND = {"suspend": None}
SOFT = {"reboot": {"type": "SOFT"}}
HARD = {"reboot": {"type": "HARD"}}


def kill_after(real: RealCloud, server_id: str, action: str, step: str) -> list[str]:
    """Kill the agent as soon as it has recorded a step; the steps that are on record then."""
    real.wait_for_log(f"{action} of server {server_id}: step {step} done")
    real.live.kill()
    (task,) = real.open_tasks()
    return [each.name for each in task.steps]


def test_killed_while_the_memory_is_being_saved(real: RealCloud) -> None:
    server_id = real.active()
    real.api.act(server_id, SUSPEND)
    done = kill_after(real, server_id, "suspend", "check_room")
    real.live.start()
    suspended = real.api.wait_for_status(server_id, "SUSPENDED")
    saved = real.host.virsh("list", "--all", "--with-managed-save", "--uuid").split()
    real.api.act(server_id, {"resume": None})
    real.wait_for_boot(server_id, 1)

    assert done == ["check_room"]
    assert suspended["OS-EXT-STS:power_state"] == 4
    assert saved == [server_id]
    assert real.api.wait_for_status(server_id, "ACTIVE")["progress"] == 100
    assert real.open_tasks() == []
    real.delete(server_id)


def test_killed_in_a_soft_reboot_whose_guest_goes_down_meanwhile(real: RealCloud) -> None:
    server_id = real.booted()
    domain_id = real.host.virsh("domid", server_id)
    real.api.act(server_id, SOFT)
    done = kill_after(real, server_id, "reboot", "press")
    wait_for(
        lambda: server_id not in real.host.qemu_pids(),
        timeout_s=30,
        what="the guest to go down",
    )
    real.live.start()
    rebooting = real.api.server(server_id)["status"]
    real.wait_for_boot(server_id, 2)
    real.api.wait_for_status(server_id, "ACTIVE")

    assert done == ["press"]
    assert rebooting in {"REBOOT", "ACTIVE"}  # it may be done before we look
    assert real.host.virsh("domid", server_id) != domain_id
    assert real.open_tasks() == []
    real.delete(server_id)


@pytest.mark.parametrize(
    ("action", "status"),
    [(SUSPEND, "SUSPENDED"), (SOFT, "ACTIVE"), (HARD, "ACTIVE")],
    ids=["suspend", "soft reboot", "hard reboot"],
)
def test_killed_as_soon_as_an_action_is_accepted(
    real: RealCloud, action: dict[str, Any], status: str
) -> None:
    """The guest has not booted; libvirt lets it go down all the same, after a while."""
    server_id = real.active()
    domain_id = real.host.virsh("domid", server_id)
    real.api.act(server_id, action)
    real.live.kill()
    real.live.start()
    real.api.wait_for_status(server_id, status)

    assert real.open_tasks() == []
    assert (server_id in real.host.qemu_pids()) == (status == "ACTIVE")
    assert real.host.virsh("domid", server_id) != domain_id
    real.delete(server_id)
