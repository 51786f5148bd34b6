# SPDX-License-Identifier: Apache-2.0
"""A server's life over libvirt's test driver: what each action leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import libvirt
import pytest

from agent.creation import CreateServer
from agent.errors import Conflict, HostFailed, HostUnavailable
from agent.hypervisor.base import Reservation
from agent.model.layout import Layout
from agent.model.states import TaskState, VmState
from tests.fast.smallcloud import SmallCloud, everywhere

RUNNING, SHUTOFF = libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_SHUTOFF


def test_a_created_server_becomes_active(cloud: SmallCloud) -> None:
    server_id = cloud.create("web 1")
    before = cloud.server(server_id)
    cloud.work()

    server = cloud.server(server_id)
    assert (before.vm_state, before.task_state) == (VmState.BUILDING, TaskState.SCHEDULING)
    assert before.nics == server.nics
    assert (server.vm_state, server.task_state, server.progress) == (VmState.ACTIVE, None, 100)
    assert server.launched_at == cloud.clock.now()
    assert cloud.domain(server_id).state()[0] == RUNNING
    assert cloud.inventory() == everywhere(server_id)


@pytest.mark.parametrize(("took_s", "shown"), [(0, set()), (3, set()), (5, {60, 70, 80, 95})])
def test_only_a_build_that_takes_long_shows_its_progress(
    cloud: SmallCloud, took_s: int, shown: set[int]
) -> None:
    """The `openstack` client prints what it sees into the output that scripts read."""
    seen: list[int] = []

    def look(point: str) -> None:
        if point == "create/base/recorded":
            cloud.clock.advance(took_s)
        if point.endswith("/recorded"):
            seen.append(cloud.server(server_id).progress)

    server_id = cloud.create()
    cloud.reboot(look)
    cloud.work()

    assert set(seen) - {0, 100} == shown
    assert seen == sorted(seen)


def test_the_domain_has_the_files_and_the_address_of_its_server(cloud: SmallCloud) -> None:
    server_id = cloud.create()
    cloud.work()

    layout, xml = Layout(cloud.config.state_dir), cloud.domain(server_id).XMLDesc()
    (nic,) = cloud.server(server_id).nics
    assert str(layout.disk(server_id)) in xml
    assert str(layout.config_drive(server_id)) in xml
    assert nic.mac in xml
    assert Reservation(nic.mac, nic.ip) in cloud.parts.host.list_reservations("cumulet")


def test_stop_and_start(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "active")
    cloud.act(server_id, "stop")
    meanwhile = cloud.server(server_id)
    cloud.work()
    stopped, state = cloud.server(server_id), cloud.domain(server_id).state()[0]
    cloud.act(server_id, "start")
    cloud.work()

    assert (meanwhile.vm_state, meanwhile.task_state) == ("active", "powering-off")
    assert (stopped.vm_state, state) == ("stopped", SHUTOFF)
    assert cloud.server(server_id).vm_state == "active"
    assert cloud.domain(server_id).state()[0] == RUNNING


def test_start_drops_a_stale_saved_image(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "active")
    cloud.domain(server_id).managedSave()
    cloud.domain(server_id).managedSaveRemove()
    cloud.settle_down()
    assert cloud.server(server_id).vm_state == "stopped"
    cloud.domain(server_id).create()
    cloud.domain(server_id).managedSave()
    cloud.act(server_id, "start")
    cloud.work()

    assert cloud.server(server_id).vm_state == "active"
    assert not cloud.domain(server_id).hasManagedSaveImage()


def test_a_deleted_server_leaves_nothing(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "active")
    cloud.act(server_id, "delete")
    meanwhile = cloud.server(server_id)
    cloud.work()

    assert (meanwhile.vm_state, meanwhile.task_state) == ("active", "deleting")
    assert cloud.find(server_id) is None
    assert cloud.inventory() == everywhere()


def test_an_action_during_another_is_a_conflict(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "active")
    cloud.act(server_id, "stop")

    with pytest.raises(Conflict) as refused:
        cloud.act(server_id, "stop")

    assert "task_state powering-off" in refused.value.message


class Failing:
    """A host of which one verb fails, in one way, a number of times."""

    def __init__(self, host: Any, verb: str, error: Exception | None, times: int = 10**6) -> None:
        self._host, self._verb, self._error, self.times = host, verb, error, times

    def __getattr__(self, name: str) -> Any:
        if name != self._verb or self.times <= 0:
            return getattr(self._host, name)
        return self._fail

    def _fail(self, *args: object, **options: object) -> None:
        self.times -= 1
        if self._error is not None:
            raise self._error


def break_host(cloud: SmallCloud, verb: str, error: Exception | None, times: int = 10**6) -> None:
    """Let a verb of the host fail from now on; without an error it does nothing instead."""
    cloud.wrap = lambda host: Failing(host, verb, error, times)
    cloud.reboot()


@pytest.mark.parametrize("verb", ["reserve", "define"])
def test_a_build_that_fails_before_its_domain_is_there_leaves_nothing(
    cloud: SmallCloud, verb: str
) -> None:
    break_host(cloud, verb, HostFailed("the host says no"))
    server_id = cloud.create()
    cloud.work()

    server = cloud.server(server_id)
    assert (server.vm_state, server.task_state) == ("error", None)
    assert server.fault is not None
    assert server.fault.message == "the host says no"
    assert cloud.inventory() == {**everywhere(), "database": {server_id}}


def test_a_build_that_fails_to_start_keeps_its_domain_and_disks(cloud: SmallCloud) -> None:
    break_host(cloud, "start", HostFailed("no memory"))
    server_id = cloud.create()
    cloud.work()

    assert cloud.server(server_id).vm_state == "error"
    assert cloud.inventory() == everywhere(server_id)


@pytest.mark.parametrize(
    ("action", "vm_state", "verb"), [("stop", "active", "destroy"), ("start", "stopped", "start")]
)
def test_a_failed_power_action_leaves_the_server_as_it_was(
    cloud: SmallCloud, action: str, vm_state: str, verb: str
) -> None:
    server_id = cloud.made(cloud.create(), vm_state)
    break_host(cloud, verb, HostFailed("the host says no"))
    # The guest ignores the power button too, so that the plug must be pulled.
    host = cloud.parts.host
    cloud.wrap = lambda _: Failing(host, "shutdown", None)
    cloud.reboot()
    cloud.act(server_id, action)
    cloud.settle_down()

    server = cloud.server(server_id)
    assert (server.vm_state, server.task_state, server.fault) == (vm_state, None, None)
    (task, *_) = cloud.parts.store.servers.list_tasks(server_id)
    assert (task.action, task.error) == (action, "the host says no")


def test_a_delete_that_fails_is_tried_again_until_it_is_done(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "active")
    break_host(cloud, "undefine", HostFailed("busy disk"), times=5)
    cloud.act(server_id, "delete")
    cloud.settle_down()

    assert cloud.find(server_id) is None
    assert cloud.inventory() == everywhere()


def test_a_task_waits_while_libvirt_is_away_however_long(cloud: SmallCloud) -> None:
    break_host(cloud, "define", HostUnavailable("libvirt does not answer"), times=100)
    server_id = cloud.create()
    cloud.settle_down()

    assert cloud.clock.monotonic() > 600
    assert cloud.server(server_id).vm_state == "active"


def test_a_guest_that_ignores_the_power_button_is_switched_off_after_a_minute(
    cloud: SmallCloud,
) -> None:
    server_id = cloud.made(cloud.create(), "active")
    pressed: list[float] = []
    cloud.wrap = lambda host: Deaf(host, lambda: pressed.append(cloud.clock.monotonic()))
    cloud.reboot()
    cloud.act(server_id, "stop")
    cloud.settle_down()

    assert cloud.server(server_id).vm_state == "stopped"
    assert pressed == [2.0 * press for press in range(30)]
    assert cloud.clock.monotonic() >= 60


class Deaf:
    """A host whose guests ignore the power button."""

    def __init__(self, host: Any, on_press: Callable[[], None]) -> None:
        self._host, self._on_press = host, on_press

    def __getattr__(self, name: str) -> Any:
        if name == "shutdown":
            return lambda server_id: self._on_press()
        return getattr(self._host, name)


def test_a_task_past_its_deadline_fails_with_the_reason(cloud: SmallCloud) -> None:
    server_id = cloud.create()
    cloud.clock.advance(601)
    cloud.work()

    server = cloud.server(server_id)
    assert server.vm_state == "error"
    assert server.fault is not None
    assert server.fault.message == "It did not finish within 600 seconds."


def test_a_defect_in_a_step_fails_its_task_after_three_tries(cloud: SmallCloud) -> None:
    break_host(cloud, "define", ZeroDivisionError("secret of the program"))
    server_id = cloud.create()
    cloud.settle_down()

    server = cloud.server(server_id)
    assert server.vm_state == "error"
    assert server.fault is not None
    assert server.fault.message == "An internal error; the administrator's log has it."


def test_time_in_which_no_agent_ran_does_not_count(cloud: SmallCloud) -> None:
    server_id = cloud.create()
    cloud.clock.advance(660)
    cloud.reboot()
    cloud.work()

    assert cloud.server(server_id).vm_state == "active"


def test_a_stop_of_a_build_that_failed_early_says_so_and_changes_nothing(
    cloud: SmallCloud,
) -> None:
    break_host(cloud, "define", HostFailed("the host says no"))
    server_id = cloud.create()
    cloud.work()
    before = cloud.server(server_id)
    cloud.act(server_id, "stop")
    cloud.settle_down()

    server = cloud.server(server_id)
    (task, *_) = cloud.parts.store.servers.list_tasks(server_id)
    assert (server.vm_state, server.fault) == ("error", before.fault)
    assert task.error is not None
    assert task.error.startswith("The server has no domain: its build failed too early, or")


def test_what_a_user_gave_a_server_is_forgotten_with_it(cloud: SmallCloud) -> None:
    secret = "Y2FuYXJ5LWluLXVzZXItZGF0YQ=="
    image = cloud.parts.cloud.imaging.list_images(cloud.asking.caller)[0]
    request = CreateServer("one", image.id, "1", user_data=secret)
    server_id = cloud.parts.cloud.creation.create_server(cloud.asking, request).server.id
    cloud.act(cloud.made(server_id, "active"), "delete")
    cloud.work()
    cloud.parts.store.close()
    database = Layout(cloud.config.state_dir).database

    left = b"".join(path.read_bytes() for path in database.parent.glob("cumulet.db*"))
    assert secret.encode() not in left
