# SPDX-License-Identifier: Apache-2.0
"""What happens to a domain outside of this cloud shows in its server, by event and by sweep."""

from __future__ import annotations

import pytest

from agent.hypervisor.base import Reservation
from agent.model.observation import DomainEvent
from tests.fast.smallcloud import SmallCloud


def active(cloud: SmallCloud) -> str:
    return cloud.made(cloud.create(), "active")


def test_an_event_makes_the_engine_look(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    cloud.domain(server_id).destroy()
    cloud.parts.engine.on_event(DomainEvent(server_id, "stopped: from outside"))
    cloud.work()

    assert cloud.server(server_id).vm_state == "stopped"
    texts = [text for _, text in cloud.parts.store.servers.list_events(server_id)]
    assert texts[0] == "stopped: from outside"
    assert texts[1].startswith("active -> stopped: the domain is off")


def test_an_event_is_noted_with_the_time_when_it_was_told(cloud: SmallCloud) -> None:
    def tell(point: str) -> None:
        if point == "suspend/save/after":
            cloud.parts.engine.on_event(DomainEvent(server_id, "stopped: memory saved"))
            cloud.clock.advance(60)

    server_id = active(cloud)
    cloud.reboot(tell)
    cloud.work()
    told_at = cloud.clock.now()
    cloud.act(server_id, "suspend")
    cloud.work()

    (event,) = cloud.parts.store.servers.list_events(server_id)
    assert event == (told_at, "stopped: memory saved")
    assert cloud.clock.now() > told_at


@pytest.mark.parametrize(
    ("verb", "vm_state"),
    [("destroy", "stopped"), ("suspend", "paused"), ("managedSave", "suspended")],
)
def test_the_sweep_finds_what_no_event_told(cloud: SmallCloud, verb: str, vm_state: str) -> None:
    server_id = active(cloud)
    getattr(cloud.domain(server_id), verb)()
    cloud.settle_down()

    assert cloud.server(server_id).vm_state == vm_state


def test_a_server_started_outside_is_adopted(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "stopped")
    cloud.domain(server_id).create()
    cloud.settle_down()

    assert cloud.server(server_id).vm_state == "active"


def test_a_lost_domain_is_an_error_only_after_a_second_look(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    cloud.domain(server_id).destroy()
    cloud.domain(server_id).undefine()
    for text in ("stopped", "undefined"):  # two looks in a row are no second look
        cloud.parts.engine.on_event(DomainEvent(server_id, text))
        cloud.work()
    after_one_look = cloud.server(server_id).vm_state
    cloud.clock.advance(2)
    cloud.work()

    server = cloud.server(server_id)
    assert after_one_look == "active"
    assert server.vm_state == "error"
    assert server.fault is not None
    assert "gone from libvirt" in server.fault.message


def test_events_of_strangers_and_of_the_dead_are_nothing(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    cloud.act(server_id, "delete")
    cloud.work()
    for stranger in (server_id, "6695eb01-f6a4-8304-79aa-97f2502e193f"):
        cloud.parts.engine.on_event(DomainEvent(stranger, "stopped"))
    cloud.work()

    assert cloud.find(server_id) is None


def test_while_a_task_runs_nobody_settles(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    cloud.act(server_id, "stop")
    cloud.domain(server_id).destroy()
    cloud.parts.engine.on_event(DomainEvent(server_id, "stopped"))
    cloud.work()

    (task, *_) = cloud.parts.store.servers.list_tasks(server_id)
    assert (task.action, task.error) == ("stop", None)
    assert cloud.server(server_id).vm_state == "stopped"


def test_a_guest_that_is_off_when_its_build_ends_reads_stopped(cloud: SmallCloud) -> None:
    def power_off(point: str) -> None:
        if point == "create/start/after":
            cloud.domain(server_id).destroy()

    server_id = cloud.create()
    cloud.reboot(power_off)
    cloud.work()

    assert cloud.server(server_id).vm_state == "stopped"


def reserved(cloud: SmallCloud) -> set[tuple[str, str]]:
    return {(entry.mac, entry.ip) for entry in cloud.parts.host.list_reservations("cumulet")}


def test_spare_ports_are_reserved_for_the_next_servers(cloud: SmallCloud) -> None:
    cloud.settle_down()
    ahead = reserved(cloud)
    server_id = cloud.create()
    (nic,) = cloud.server(server_id).nics
    cloud.settle_down()

    assert len(ahead) == 4
    assert (nic.mac, nic.ip) in ahead
    assert ahead < reserved(cloud)
    assert len(reserved(cloud)) == 5


def test_spare_ports_are_nobodys_to_see(cloud: SmallCloud) -> None:
    cloud.settle_down()

    assert cloud.parts.cloud.networking.list_ports(cloud.asking.caller) == []


def test_a_network_that_was_made_anew_gets_its_reservations_back(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    cloud.settle_down()
    before = reserved(cloud)
    network = cloud.connection.networkLookupByName("cumulet")
    network.destroy()
    network.undefine()
    cloud.settle_down()

    assert cloud.server(server_id).vm_state == "active"
    assert reserved(cloud) == before


def test_stray_reservations_of_ours_are_removed_and_those_of_others_kept(cloud: SmallCloud) -> None:
    cloud.settle_down()
    ours, others = "fa:16:3e:ff:ff:ff", "52:54:00:00:00:01"
    cloud.parts.host.reserve("cumulet", Reservation(ours, "10.70.0.200"))
    cloud.parts.host.reserve("cumulet", Reservation(others, "10.70.0.201"))
    cloud.settle_down()

    macs = {mac for mac, _ in reserved(cloud)}
    assert others in macs
    assert ours not in macs
