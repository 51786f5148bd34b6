# SPDX-License-Identifier: Apache-2.0
"""Reboot, pause and suspend over libvirt's test driver: what each does, and what it leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import libvirt
import pytest
from sqlalchemy import update

from agent.errors import Conflict, HostFailed, NoCapacity
from agent.model.layout import Layout
from agent.store.rows import flavor_values
from agent.store.schema import servers
from tests.fast.smallcloud import SmallCloud, everywhere
from tests.fast.test_lifecycle import Deaf, break_host

RUNNING, PAUSED, SHUTOFF = (
    libvirt.VIR_DOMAIN_RUNNING,
    libvirt.VIR_DOMAIN_PAUSED,
    libvirt.VIR_DOMAIN_SHUTOFF,
)


def active(cloud: SmallCloud) -> str:
    return cloud.made(cloud.create(), "active")


def leave_room_for_one(cloud: SmallCloud) -> None:
    """Start anew on a host that has room for just one m1.tiny."""
    reserved_mb = cloud.parts.host.facts().ram_mb - 512
    capacity = replace(cloud.config.capacity, reserved_ram_mb=reserved_mb)
    cloud.config = replace(cloud.config, capacity=capacity)
    cloud.reboot()


def last_task(cloud: SmallCloud, server_id: str) -> Any:
    return cloud.parts.store.servers.list_tasks(server_id)[0]


def edit(cloud: SmallCloud, server_id: str) -> None:
    """Change a domain's definition past us."""
    xml = cloud.domain(server_id).XMLDesc()
    mark = "<description>edited by hand</description>"
    cloud.connection.defineXML(xml.replace("</uuid>", f"</uuid>{mark}"))


def test_a_soft_reboot_ends_in_a_domain_with_a_new_id(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    before = cloud.domain(server_id).ID()
    cloud.act(server_id, "reboot")
    meanwhile = cloud.server(server_id)
    cloud.work()

    server = cloud.server(server_id)
    steps = {step.name: step.result for step in last_task(cloud, server_id).steps}
    assert (meanwhile.vm_state, meanwhile.task_state) == ("active", "rebooting")
    assert (server.vm_state, server.task_state) == ("active", None)
    assert cloud.domain(server_id).ID() != before
    assert steps["press"] == {"domain_id": before}
    assert steps["boot"] == {"domain_id": cloud.domain(server_id).ID()}


def test_a_soft_reboot_leaves_the_definition_as_it_is(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    edit(cloud, server_id)
    cloud.act(server_id, "reboot")
    cloud.work()

    assert "edited by hand" in cloud.domain(server_id).XMLDesc()


def test_a_guest_that_does_not_go_down_in_two_minutes_is_rebooted_hard(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    pressed: list[float] = []
    cloud.wrap = lambda host: Deaf(host, lambda: pressed.append(cloud.clock.monotonic()))
    cloud.reboot()
    cloud.act(server_id, "reboot")
    cloud.settle_down()

    steps = {step.name: step.result for step in last_task(cloud, server_id).steps}
    assert cloud.server(server_id).vm_state == "active"
    assert steps["shut_down"] == {"forced": 1}
    assert pressed == [2.0 * press for press in range(60)]
    assert cloud.clock.monotonic() >= 120


def test_a_soft_reboot_of_a_server_whose_domain_is_gone_brings_it_back(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    cloud.domain(server_id).destroy()
    cloud.domain(server_id).undefine()
    cloud.act(server_id, "reboot")
    cloud.work()

    assert cloud.server(server_id).vm_state == "active"
    assert cloud.inventory() == everywhere(server_id)


@pytest.mark.parametrize("vm_state", ["active", "stopped", "paused", "suspended"])
def test_a_hard_reboot_repairs_everything_but_the_data(cloud: SmallCloud, vm_state: str) -> None:
    server_id = cloud.made(cloud.create(), vm_state)
    layout, network = Layout(cloud.config.state_dir), cloud.config.network.libvirt_network
    domain, (nic,) = cloud.domain(server_id), cloud.server(server_id).nics
    if domain.isActive():
        domain.destroy()
    domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE)
    cloud.parts.host.release(network, nic.mac)
    layout.config_drive(server_id).unlink()
    layout.base(cloud.server(server_id).image_id).unlink()
    data = layout.disk(server_id).read_bytes()
    cloud.act(server_id, "reboot_hard")
    cloud.work()

    assert cloud.server(server_id).vm_state == "active"
    assert cloud.domain(server_id).state()[0] == RUNNING
    assert cloud.inventory() == everywhere(server_id)
    assert layout.config_drive(server_id).exists()
    assert layout.base(cloud.server(server_id).image_id).exists()
    assert layout.disk(server_id).read_bytes() == data


def test_a_hard_reboot_undoes_what_was_edited_past_us(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    edit(cloud, server_id)
    cloud.act(server_id, "reboot_hard")
    cloud.work()

    assert "edited by hand" not in cloud.domain(server_id).XMLDesc()


def test_a_hard_reboot_mends_a_build_that_failed_at_its_end(cloud: SmallCloud) -> None:
    break_host(cloud, "start", HostFailed("no memory"), times=1)
    server_id = cloud.create()
    cloud.work()
    failed = cloud.server(server_id)
    cloud.act(server_id, "reboot_hard")
    cloud.work()

    server = cloud.server(server_id)
    assert (failed.vm_state, failed.launched_at) == ("error", None)
    assert (server.vm_state, server.fault) == ("active", None)
    assert server.launched_at == cloud.clock.now()


def test_a_hard_reboot_without_a_disk_touches_nothing_and_says_so(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    Layout(cloud.config.state_dir).disk(server_id).unlink()
    cloud.act(server_id, "reboot_hard")
    cloud.work()

    server = cloud.server(server_id)
    assert server.vm_state == "error"
    assert server.fault is not None
    assert server.fault.message.startswith("The server's disk is gone")
    assert cloud.domain(server_id).state()[0] == RUNNING


def test_a_hard_reboot_of_a_suspended_server_forgets_its_memory(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "suspended")
    cloud.act(server_id, "reboot_hard")
    cloud.work()

    assert not cloud.domain(server_id).hasManagedSaveImage()
    assert cloud.domain(server_id).state() == [RUNNING, libvirt.VIR_DOMAIN_RUNNING_BOOTED]


def test_pause_and_unpause(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    seen = []
    for action in ("pause", "unpause"):
        cloud.act(server_id, action)
        cloud.work()
        server = cloud.server(server_id)
        seen.append((server.vm_state, server.power_state, cloud.domain(server_id).state()[0]))

    assert seen == [("paused", 3, PAUSED), ("active", 1, RUNNING)]


def test_suspend_and_resume(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    cloud.act(server_id, "suspend")
    cloud.work()
    suspended, saved = cloud.server(server_id), cloud.domain(server_id).hasManagedSaveImage()
    state = cloud.domain(server_id).state()[0]
    cloud.act(server_id, "resume")
    cloud.work()

    assert (suspended.vm_state, suspended.power_state) == ("suspended", 4)
    assert (state, saved) == (SHUTOFF, True)
    assert cloud.server(server_id).vm_state == "active"
    assert cloud.domain(server_id).state()[0] == RUNNING
    assert not cloud.domain(server_id).hasManagedSaveImage()


def test_a_suspend_of_a_guest_that_has_just_gone_off_fails_and_the_truth_is_shown(
    cloud: SmallCloud,
) -> None:
    server_id = active(cloud)
    cloud.act(server_id, "suspend")
    cloud.domain(server_id).destroy()
    cloud.work()

    assert last_task(cloud, server_id).error.startswith("The guest is not on")
    assert cloud.server(server_id).vm_state == "stopped"


def test_a_suspend_without_room_for_the_memory_is_refused_with_the_numbers(
    cloud: SmallCloud,
) -> None:
    server_id = active(cloud)
    huge = replace(cloud.server(server_id).flavor, ram_mb=2**40)
    with cloud.parts.store.db.write() as connection:
        values = {"flavor": flavor_values(huge)}
        connection.execute(update(servers).where(servers.c.id == server_id).values(values))
    cloud.act(server_id, "suspend")
    cloud.work()

    assert cloud.server(server_id).vm_state == "active"
    assert "1073741824.00 GiB are needed" in last_task(cloud, server_id).error


def test_a_resume_whose_saved_memory_is_gone_does_not_boot_the_server(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "suspended")
    cloud.domain(server_id).managedSaveRemove()
    cloud.act(server_id, "resume")
    cloud.work()

    assert last_task(cloud, server_id).error.startswith("The server's saved memory is gone")
    assert cloud.server(server_id).vm_state == "stopped"
    assert cloud.domain(server_id).state()[0] == SHUTOFF


class HalfSaved:
    """A host that went down while it saved a guest's memory: the file is there, and worthless."""

    def __init__(self, host: Any) -> None:
        self._host = host

    def __getattr__(self, name: str) -> Any:
        if name == "has_whole_save":
            return lambda server_id: False
        return getattr(self._host, name)


def test_a_resume_from_half_the_memory_does_not_boot_the_server(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "suspended")
    cloud.wrap = HalfSaved
    cloud.reboot()
    cloud.work()
    cloud.act(server_id, "resume")
    cloud.work()

    assert last_task(cloud, server_id).error.startswith("The saved memory is incomplete")
    assert cloud.server(server_id).vm_state == "suspended"
    assert cloud.domain(server_id).state()[0] == SHUTOFF


def test_a_suspend_that_was_cut_off_with_its_host_is_none(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    cloud.act(server_id, "suspend")
    cloud.domain(server_id).managedSave()
    cloud.wrap = HalfSaved
    cloud.reboot()
    cloud.work()

    assert last_task(cloud, server_id).error == (
        "The host went down while it saved the memory, which is lost."
    )
    assert cloud.server(server_id).vm_state == "stopped"
    assert not cloud.domain(server_id).hasManagedSaveImage()


def test_a_clock_that_can_not_be_set_fails_no_resume(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "suspended")
    break_host(cloud, "set_clock", HostFailed("no agent"))
    cloud.work()
    cloud.act(server_id, "resume")
    cloud.work()

    assert cloud.server(server_id).vm_state == "active"
    assert last_task(cloud, server_id).error is None


def test_a_resume_that_fails_stays_suspended_and_says_what_helps(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "suspended")
    break_host(cloud, "start", HostFailed("bad magic"))
    cloud.work()
    cloud.act(server_id, "resume")
    cloud.work()

    assert cloud.server(server_id).vm_state == "suspended"
    assert last_task(cloud, server_id).error == (
        "The saved memory could not be restored: bad magic. "
        "A hard reboot drops it and boots the server from its disk."
    )


@pytest.mark.parametrize("action", ["resume", "reboot_hard"])
def test_a_suspended_server_leaves_its_place_and_needs_one_to_come_back(
    cloud: SmallCloud, action: str
) -> None:
    leave_room_for_one(cloud)
    first = cloud.made(cloud.create("first"), "suspended")
    second = cloud.made(cloud.create("second"), "active")

    with pytest.raises(NoCapacity) as refused:
        cloud.act(first, action)
    cloud.act(second, "delete")
    cloud.work()
    cloud.act(first, action)
    cloud.work()

    assert "needs 1 vCPUs and 512 MiB of RAM" in refused.value.message
    assert "0 MiB free" in refused.value.message
    assert cloud.server(first).vm_state == "active"


def test_a_hard_reboot_of_a_server_that_has_its_place_asks_for_none(cloud: SmallCloud) -> None:
    """Right after a start nobody knows yet what the host offers."""
    server_id = active(cloud)
    cloud.reboot()
    cloud.act(server_id, "reboot_hard")
    cloud.work()

    assert cloud.server(server_id).vm_state == "active"


def test_a_second_server_finds_no_place_while_the_first_is_on_its_way_back(
    cloud: SmallCloud,
) -> None:
    leave_room_for_one(cloud)
    first = cloud.made(cloud.create("first"), "suspended")
    cloud.act(first, "resume")
    second = cloud.create("second")
    cloud.work()

    assert cloud.server(first).vm_state == "active"
    assert cloud.server(second).vm_state == "error"


@pytest.mark.parametrize(
    ("vm_state", "action"),
    [
        ("stopped", "reboot"),
        ("paused", "reboot"),
        ("suspended", "reboot"),
        ("stopped", "pause"),
        ("active", "unpause"),
        ("paused", "suspend"),
        ("active", "resume"),
        ("suspended", "start"),
        ("paused", "stop"),
        ("active", "start"),
        ("stopped", "stop"),
        ("active", "create"),
    ],
)
def test_an_action_from_the_wrong_state_is_a_conflict(
    cloud: SmallCloud, vm_state: str, action: str
) -> None:
    server_id = cloud.made(cloud.create(), vm_state)

    with pytest.raises(Conflict) as refused:
        cloud.act(server_id, action)

    words = f"Cannot '{action}' instance {server_id} while it is in vm_state {vm_state}"
    assert refused.value.message == words
