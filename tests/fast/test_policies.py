# SPDX-License-Identifier: Apache-2.0
"""Where somebody has a choice: started outside, shut down from inside, the host's reboot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import libvirt
import pytest

from agent.model.observation import DomainEvent, Observation, Seen
from tests.fast.smallcloud import Crash, SmallCloud, everywhere

TERMINATE = {"cumulet:shutdown_terminate": "true"}
SHUT_DOWN = "stopped: shut down by the guest"


def active(cloud: SmallCloud, **metadata: str) -> str:
    return cloud.made(cloud.create(**metadata), "active")


def history(cloud: SmallCloud, server_id: str) -> list[str]:
    return [text for _, text in cloud.parts.store.servers.list_events(server_id)]


def actions(cloud: SmallCloud, server_id: str) -> list[tuple[str, str]]:
    """The newest first, each with who asked for it."""
    tasks = cloud.parts.store.servers.list_tasks(server_id)
    return [(task.action, task.user_id) for task in tasks]


def test_enforced_a_server_that_was_started_outside_is_stopped_again(cloud: SmallCloud) -> None:
    cloud.config = replace(cloud.config, started_outside="enforce")
    cloud.reboot()
    server_id = cloud.made(cloud.create(), "stopped")
    cloud.domain(server_id).create()
    cloud.settle_down()

    assert cloud.server(server_id).vm_state == "stopped"
    assert cloud.domain(server_id).state()[0] == libvirt.VIR_DOMAIN_SHUTOFF
    assert actions(cloud, server_id)[0] == ("stop", "cumulet")
    assert "started_outside is enforce" in history(cloud, server_id)[0]


def test_shutdown_terminate_deletes_the_server_that_its_guest_shuts_down(cloud: SmallCloud) -> None:
    server_id = active(cloud, **TERMINATE)
    cloud.domain(server_id).shutdown()
    cloud.parts.engine.on_event(DomainEvent(server_id, SHUT_DOWN, guest_shutdown=True))
    cloud.work()

    assert cloud.find(server_id) is None
    assert cloud.inventory() == everywhere()
    assert actions(cloud, server_id)[0] == ("delete", "cumulet")


def test_without_it_the_server_is_stopped(cloud: SmallCloud) -> None:
    server_id = active(cloud, **{"cumulet:shutdown_terminate": "false"})
    cloud.domain(server_id).shutdown()
    cloud.parts.engine.on_event(DomainEvent(server_id, SHUT_DOWN, guest_shutdown=True))
    cloud.work()

    assert cloud.server(server_id).vm_state == "stopped"


@pytest.mark.parametrize(
    "events",
    [
        [],
        [DomainEvent("", "stopped: powered off")],
        [DomainEvent("", "stopped: QEMU failed or was killed from outside")],
        [DomainEvent("", SHUT_DOWN, True), DomainEvent("", "stopped: the guest crashed")],
    ],
    ids=["sweep", "destroyed", "killed", "crashed since"],
)
def test_nothing_but_the_guests_own_shutdown_deletes_it(
    cloud: SmallCloud, events: list[DomainEvent]
) -> None:
    server_id = active(cloud, **TERMINATE)
    cloud.domain(server_id).destroy()
    for event in events:
        cloud.parts.engine.on_event(replace(event, server_id=server_id))
    cloud.settle_down()

    assert cloud.server(server_id).vm_state == "stopped"


def test_a_stop_through_the_api_deletes_nothing(cloud: SmallCloud) -> None:
    server_id = active(cloud, **TERMINATE)
    cloud.act(server_id, "stop")
    cloud.parts.engine.on_event(DomainEvent(server_id, SHUT_DOWN, guest_shutdown=True))
    cloud.work()

    assert cloud.server(server_id).vm_state == "stopped"


def reboot_host(cloud: SmallCloud, *server_ids: str) -> None:
    """All guests die, the kernel is another one, and the agent starts."""
    for server_id in server_ids:
        if cloud.domain(server_id).isActive():
            cloud.domain(server_id).destroy()
    cloud.boot_id = "second"
    cloud.reboot()


@pytest.mark.parametrize(
    ("resume_on_boot", "were", "then"),
    [
        (
            "previous",
            ["active", "paused", "stopped", "suspended"],
            "active active stopped suspended",
        ),
        ("always", ["active", "paused", "stopped", "suspended"], "active active active suspended"),
        (
            "never",
            ["active", "paused", "stopped", "suspended"],
            "stopped stopped stopped suspended",
        ),
    ],
)
def test_after_the_hosts_reboot_servers_are_as_the_configuration_says(
    cloud: SmallCloud, resume_on_boot: str, were: list[str], then: str
) -> None:
    cloud.config = replace(cloud.config, resume_on_boot=resume_on_boot)
    cloud.reboot()
    ids = [cloud.made(cloud.create(name), name) for name in were]
    reboot_host(cloud, *ids)
    cloud.settle_down()

    assert [cloud.server(each).vm_state.value for each in ids] == then.split()
    assert cloud.parts.store.tasks.find_boot_id(cloud.server(ids[0]).host or "") == "second"


@pytest.mark.parametrize(
    ("wish", "vm_state", "then"),
    [("never", "active", "stopped"), ("always", "stopped", "active")],
)
def test_a_servers_own_wish_counts_more(
    cloud: SmallCloud, wish: str, vm_state: str, then: str
) -> None:
    server_id = cloud.made(cloud.create(**{"cumulet:resume_on_boot": wish}), vm_state)
    reboot_host(cloud, server_id)
    cloud.settle_down()

    assert cloud.server(server_id).vm_state == then


def test_memory_that_was_saved_when_the_host_went_down_is_restored(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    cloud.domain(server_id).managedSave()
    reboot_host(cloud)
    cloud.settle_down()

    assert cloud.server(server_id).vm_state == "active"
    assert actions(cloud, server_id)[0] == ("resume", "cumulet")


def test_a_restart_of_the_agent_alone_is_no_reboot(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    cloud.domain(server_id).destroy()
    cloud.reboot()
    cloud.settle_down()

    assert cloud.server(server_id).vm_state == "stopped"


def test_what_happens_after_the_reboot_is_over_is_the_users_again(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    reboot_host(cloud, server_id)
    cloud.settle_down()
    cloud.domain(server_id).destroy()
    cloud.settle_down()

    assert cloud.server(server_id).vm_state == "stopped"


@pytest.mark.parametrize("moment", ["before", "after", "recorded"])
@pytest.mark.parametrize("step", ["drop_saved", "power_on"])
def test_killed_while_it_starts_the_servers_it_starts_them_all_the_same(
    cloud: SmallCloud, step: str, moment: str
) -> None:
    ids = [active(cloud), active(cloud)]
    reboot_host(cloud, *ids)

    def strike(point: str) -> None:
        if point == f"start/{step}/{moment}":
            raise Crash

    cloud.reboot(strike)
    with pytest.raises(Crash):
        cloud.work()
    cloud.reboot()
    cloud.settle_down()

    assert [cloud.server(each).vm_state for each in ids] == ["active", "active"]
    assert cloud.open_tasks() == 0


def test_an_action_that_the_reboot_cut_off_goes_on(cloud: SmallCloud) -> None:
    stopping, rebooting = active(cloud), active(cloud)
    cloud.act(stopping, "stop")
    cloud.act(rebooting, "reboot")
    reboot_host(cloud, stopping, rebooting)
    cloud.settle_down()

    assert cloud.server(stopping).vm_state == "stopped"
    assert cloud.server(rebooting).vm_state == "active"


class Asleep:
    """A host whose guests sleep: the test driver can't send them there."""

    def __init__(self, host: Any) -> None:
        self._host = host

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)

    def observe(self, server_id: str) -> Observation:
        return Observation(Seen.PMSUSPENDED, "put itself to sleep", 1)


def test_a_guest_that_puts_itself_to_sleep_stays_active_with_one_note(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    cloud.wrap = Asleep
    cloud.reboot()
    for _ in range(2):
        cloud.parts.engine.wake(server_id)
        cloud.work()

    assert cloud.server(server_id).vm_state == "active"
    assert cloud.server(server_id).power_state == 7
    assert history(cloud, server_id) == ["the guest put itself to sleep; a hard reboot wakes it"]
