# SPDX-License-Identifier: Apache-2.0
"""Real guests through the API: what the users of this cloud see of them."""

from __future__ import annotations

import os
import signal

import pytest

from tests.lab.waiting import wait_for
from tests.real.conftest import EVENT_S, RealCloud

pytestmark = pytest.mark.real


def test_a_created_server_boots_with_its_name_its_metadata_and_its_address(
    real: RealCloud,
) -> None:
    server_id = real.create("Web 1", metadata={"role": "web"})
    building = real.api.server(server_id)
    active = real.api.wait_for_status(server_id, "ACTIVE")
    console = real.api.wait_for_console(server_id, "TINY-READY")

    (address,) = active["addresses"]["lab"]
    assert building["addresses"] == active["addresses"]
    assert f"uuid={server_id} hostname=web-1" in console
    assert 'TINY-META {"role":"web"}' in console
    assert f"ip={address['addr']}" in console
    assert active["progress"] == 100
    real.delete(server_id)


def test_a_guest_that_powers_itself_off_reads_shutoff_and_starts_again(real: RealCloud) -> None:
    server_id = real.active()
    real.api.wait_for_console(server_id, "TINY-READY")
    real.guest(server_id).start("/sbin/poweroff")
    server = real.api.wait_for_status(server_id, "SHUTOFF", timeout_s=30)
    console_when_off = real.api.console(server_id)
    real.api.act(server_id, {"os-start": None})
    real.api.wait_for_console(server_id, "boots=2")

    assert server["OS-EXT-STS:power_state"] == 4
    assert "TINY-DOWN" in console_when_off
    assert real.api.server(server_id)["status"] == "ACTIVE"
    assert "stopped: shut down by the guest" in real.history(server_id)
    real.delete(server_id)


def test_stop_lets_the_guest_go_down_by_itself(real: RealCloud) -> None:
    server_id = real.active()
    real.api.wait_for_console(server_id, "TINY-READY")
    real.api.act(server_id, {"os-stop": None})
    stopping = real.api.server(server_id)
    real.api.wait_for_status(server_id, "SHUTOFF")

    assert (stopping["status"], stopping["OS-EXT-STS:task_state"]) == ("ACTIVE", "powering-off")
    assert "TINY-DOWN" in real.api.console(server_id)
    real.delete(server_id)


def test_a_killed_qemu_reads_shutoff_with_the_reason(real: RealCloud) -> None:
    server_id = real.active()
    os.kill(real.host.qemu_pids()[server_id], signal.SIGKILL)
    real.api.wait_for_status(server_id, "SHUTOFF", timeout_s=EVENT_S)

    assert "active -> stopped: the domain is off (crashed)" in real.history(server_id)
    real.delete(server_id)


def test_a_deleted_server_leaves_no_domain_file_reservation_or_process(real: RealCloud) -> None:
    server_id = real.active()
    (address,) = real.api.server(server_id)["addresses"]["lab"]
    mac = address["OS-EXT-IPS-MAC:mac_addr"]

    def places() -> list[bool]:
        return [
            (real.live.state / "servers" / server_id).exists(),
            server_id in real.host.virsh("list", "--all", "--uuid"),
            server_id in real.host.qemu_pids(),
            mac in real.host.virsh("net-dumpxml", "cumulet"),
            mac in real.host.virsh("net-dumpxml", "--inactive", "cumulet"),
        ]

    while_it_lives = places()
    real.delete(server_id)

    assert while_it_lives == [True] * 5
    assert places() == [False] * 5


def test_an_agent_killed_during_a_create_finishes_it_after_its_restart(real: RealCloud) -> None:
    server_id = real.create()
    real.live.kill()
    real.live.start()
    server = real.api.wait_for_status(server_id, "ACTIVE")

    assert list(real.host.qemu_pids()) == [server_id]
    assert server["addresses"]["lab"]
    real.delete(server_id)


def test_an_agent_that_is_stopped_says_goodbye_and_resumes_later(real: RealCloud) -> None:
    server_id = real.create()
    code = real.live.stop()
    real.live.start()
    real.api.wait_for_status(server_id, "ACTIVE")

    assert code == 0
    real.delete(server_id)


def test_what_happened_while_the_agent_was_away_shows_after_its_start(real: RealCloud) -> None:
    server_id = real.active()
    real.live.kill()
    os.kill(real.host.qemu_pids()[server_id], signal.SIGKILL)
    real.live.start()

    real.api.wait_for_status(server_id, "SHUTOFF", timeout_s=10)
    real.delete(server_id)


def test_a_restarted_libvirtd_changes_nothing_and_its_events_come_again(real: RealCloud) -> None:
    server_id = real.active()
    before = real.api.server(server_id)
    pid = real.host.qemu_pids()[server_id]
    connections = real.live.log.read_text().count("libvirt is there")
    real.host.restart_libvirtd()
    wait_for(
        lambda: real.live.log.read_text().count("libvirt is there") > connections,
        timeout_s=20,
        what="the agent to be connected again",
    )
    query = ("qemu-monitor-command", server_id, '{"execute": "query-status"}')
    wait_for(
        lambda: "running" in real.host.virsh(*query, check=False),
        timeout_s=20,
        what="libvirtd to hold its guest again",
    )
    after = real.api.server(server_id)
    os.kill(pid, signal.SIGKILL)
    real.api.wait_for_status(server_id, "SHUTOFF", timeout_s=EVENT_S)

    assert after == before
    assert before["status"] == "ACTIVE"
    real.delete(server_id)


def test_a_libvirtd_that_froze_and_goes_on_loses_nothing(real: RealCloud) -> None:
    """libvirt's client before 10.3 dies of this when threads share a connection."""
    kept, stopped, deleted = (real.active(name) for name in ("kept", "stopped", "deleted"))
    real.api.wait_for_console(stopped, "TINY-READY")
    pids = real.live.pids()
    away = real.live.log.read_text().count("libvirt is away")
    real.host.freeze_libvirtd()
    try:
        created = real.create("created")
        real.api.act(stopped, {"os-stop": None})
        real.api.request("DELETE", f"/compute/v2.1/servers/{deleted}")
        wait_for(
            lambda: real.live.log.read_text().count("libvirt is away") > away,
            timeout_s=60,
            what="the agent to notice",
        )
        frozen = [real.api.server(each)["status"] for each in (kept, stopped, created)]
    finally:
        real.host.thaw_libvirtd()
    real.api.wait_for_status(created, "ACTIVE")
    real.api.wait_for_status(stopped, "SHUTOFF")
    real.api.wait_until_gone(deleted)

    assert frozen == ["ACTIVE", "ACTIVE", "BUILD"]
    assert real.live.pids() == pids
    assert real.api.server(kept)["status"] == "ACTIVE"
    assert "TINY-DOWN" in real.api.console(stopped)
    for each in (kept, stopped, created):
        real.delete(each)


def test_a_stop_while_libvirt_is_away_still_lets_the_guest_go_down_by_itself(
    real: RealCloud,
) -> None:
    server_id = real.active()
    real.api.wait_for_console(server_id, "TINY-READY")
    real.host.freeze_libvirtd()  # it takes the agent some seconds to notice that it is away
    real.api.act(server_id, {"os-stop": None})
    real.host.kill_libvirtd()
    wait_for(
        lambda: "stop of server " + server_id + ": again in" in real.live.log.read_text(),
        timeout_s=20,
        what="the agent to meet an absent libvirt",
    )
    real.host.start_libvirtd()
    real.api.wait_for_status(server_id, "SHUTOFF")

    assert "TINY-DOWN" in real.api.console(server_id)
    real.delete(server_id)


def test_a_network_that_was_destroyed_is_there_for_the_next_server(real: RealCloud) -> None:
    real.host.virsh("net-destroy", "cumulet")
    server_id = real.active()

    assert "cumulet" in real.host.virsh("net-list", "--name")
    real.delete(server_id)
