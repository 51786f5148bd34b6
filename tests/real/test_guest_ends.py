# SPDX-License-Identifier: Apache-2.0
"""How a guest may end by itself, or by its QEMU's end, and what its server becomes of it."""

from __future__ import annotations

import os
import signal

import pytest

from tests.real.conftest import EVENT_S, RealCloud

pytestmark = pytest.mark.real

DIES_WITH_ITS_GUEST = {"cumulet:shutdown_terminate": "true"}


def test_a_guest_that_panics_reads_shutoff_with_the_reason(real: RealCloud) -> None:
    server_id = real.booted()
    real.guest(server_id).bid_farewell("echo c >/proc/sysrq-trigger")
    real.api.wait_for_console(server_id, "Kernel panic", timeout_s=30)
    real.shows(server_id, "SHUTOFF", after="a kernel panic")
    history = real.history(server_id)

    assert real.api.server(server_id)["OS-EXT-STS:power_state"] in {4, 6}
    assert "crashed: the guest's kernel panicked" in history
    assert "active -> stopped: the domain is off (crashed)" in history
    real.delete(server_id)


@pytest.mark.parametrize(
    ("number", "event", "reason"),
    [
        (signal.SIGKILL, "stopped: QEMU failed or was killed from outside", "crashed"),
        (signal.SIGTERM, "stopped: ended from outside", "shut down"),
    ],
    ids=["SIGKILL", "SIGTERM"],
)
def test_a_qemu_ended_by_a_signal_reads_shutoff_with_the_reason(
    real: RealCloud, number: signal.Signals, event: str, reason: str
) -> None:
    server_id = real.active()
    os.kill(real.host.qemu_pids()[server_id], number)
    real.shows(server_id, "SHUTOFF", after=f"{number.name} for QEMU")

    assert event in real.history(server_id)
    assert f"active -> stopped: the domain is off ({reason})" in real.history(server_id)
    real.delete(server_id)


def test_a_server_with_shutdown_terminate_goes_with_its_guest_and_with_nothing_else(
    real: RealCloud,
) -> None:
    server_id = real.active(metadata=DIES_WITH_ITS_GUEST)
    os.kill(real.host.qemu_pids()[server_id], signal.SIGKILL)
    real.api.wait_for_status(server_id, "SHUTOFF", timeout_s=EVENT_S)
    real.host.virsh("start", server_id)
    real.api.wait_for_status(server_id, "ACTIVE", timeout_s=EVENT_S)
    os.kill(real.host.qemu_pids()[server_id], signal.SIGTERM)
    real.api.wait_for_status(server_id, "SHUTOFF", timeout_s=EVENT_S)
    real.api.act(server_id, {"os-start": None})
    boots = 1 + real.boots(server_id)
    real.wait_for_boot(server_id, boots)
    real.guest(server_id).start("/sbin/poweroff")
    real.api.wait_until_gone(server_id)

    assert [line for line in real.history(server_id) if "->" in line][-1] == (
        "active -> delete: the guest shut itself down, and shutdown_terminate is set"
    )
    assert not (real.live.state / "servers" / server_id).exists()
    assert server_id not in real.host.virsh("list", "--all", "--uuid")


def test_a_server_with_shutdown_terminate_that_is_stopped_through_the_api_stays(
    real: RealCloud,
) -> None:
    server_id = real.booted(metadata=DIES_WITH_ITS_GUEST)
    real.api.act(server_id, {"os-stop": None})
    real.api.wait_for_status(server_id, "SHUTOFF")

    assert "TINY-DOWN" in real.api.console(server_id)
    real.delete(server_id)
