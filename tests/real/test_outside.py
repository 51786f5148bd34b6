# SPDX-License-Identifier: Apache-2.0
"""What others do to a server's domain by virsh shows at once: the sweep is an hour away."""

from __future__ import annotations

import pytest

from agent.engine.reconciler import LOOK_AGAIN_S
from tests.lab.waiting import wait_for
from tests.real.conftest import EVENT_S, RealCloud

pytestmark = pytest.mark.real

ABSENT_S = LOOK_AGAIN_S + EVENT_S  # a domain must be missing twice


def test_a_domain_that_is_destroyed_and_started_outside(real: RealCloud) -> None:
    server_id = real.active()
    real.host.virsh("destroy", server_id)
    real.shows(server_id, "SHUTOFF", after="virsh destroy")
    real.host.virsh("start", server_id)
    real.shows(server_id, "ACTIVE", after="virsh start")

    assert real.api.server(server_id)["OS-EXT-STS:power_state"] == 1
    assert [line for line in real.history(server_id) if "->" in line] == [
        "active -> stopped: the domain is off (powered off)",
        "stopped -> active: the domain is running (booted)",
    ]
    real.delete(server_id)


def test_a_domain_that_is_paused_and_resumed_outside(real: RealCloud) -> None:
    server_id = real.active()
    real.host.virsh("suspend", server_id)
    real.shows(server_id, "PAUSED", after="virsh suspend")
    power_state = real.api.server(server_id)["OS-EXT-STS:power_state"]
    real.host.virsh("resume", server_id)
    real.shows(server_id, "ACTIVE", after="virsh resume")

    assert power_state == 3
    real.delete(server_id)


def test_a_domain_that_is_saved_and_restored_outside(real: RealCloud) -> None:
    server_id = real.active()
    real.host.virsh("managedsave", server_id)
    real.shows(server_id, "SUSPENDED", after="virsh managedsave")
    real.host.virsh("start", server_id)
    real.shows(server_id, "ACTIVE", after="virsh start of a saved domain")

    told = {
        "suspended -> active: the domain is running (resumed from saved memory)",
        "started: resumed from saved memory",
        "resumed: from what was saved",  # libvirt may tell it a moment later
    }
    wait_for(lambda: told <= set(real.history(server_id)), timeout_s=10, what=str(told))
    real.delete(server_id)


def test_a_stopped_domain_that_is_undefined_outside_is_an_error_and_can_be_deleted(
    real: RealCloud,
) -> None:
    server_id = real.active()
    real.host.virsh("destroy", server_id)
    real.api.wait_for_status(server_id, "SHUTOFF")
    real.host.virsh("undefine", server_id)
    real.shows(server_id, "ERROR", after="virsh undefine", within_s=ABSENT_S)

    assert "undefined by something else" in real.api.server(server_id)["fault"]["message"]
    assert (real.live.state / "servers" / server_id / "disk.qcow2").exists()
    real.delete(server_id)
    assert not (real.live.state / "servers" / server_id).exists()


def test_a_suspended_domain_that_is_undefined_outside_with_its_memory_is_an_error(
    real: RealCloud,
) -> None:
    server_id = real.active()
    real.api.act(server_id, {"suspend": None})
    real.api.wait_for_status(server_id, "SUSPENDED")
    real.host.virsh("undefine", server_id, "--managed-save")
    real.shows(server_id, "ERROR", after="virsh undefine --managed-save", within_s=ABSENT_S)

    assert real.api.server(server_id)["fault"]["code"] == 500
    real.delete(server_id)


def test_a_domain_that_is_undefined_while_it_runs_lives_on_until_it_goes_off(
    real: RealCloud,
) -> None:
    server_id = real.active()
    real.host.virsh("undefine", server_id)
    real.host.virsh("suspend", server_id)
    real.shows(server_id, "PAUSED", after="virsh suspend of an undefined domain")
    real.host.virsh("destroy", server_id)
    real.shows(server_id, "ERROR", after="virsh destroy of an undefined domain", within_s=ABSENT_S)
    real.api.act(server_id, {"reboot": {"type": "HARD"}})
    real.wait_for_boot(server_id, 1)

    assert real.api.wait_for_status(server_id, "ACTIVE")["OS-EXT-STS:power_state"] == 1
    assert server_id in real.host.virsh("list", "--persistent", "--uuid")
    real.delete(server_id)
