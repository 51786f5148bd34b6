# SPDX-License-Identifier: Apache-2.0
"""Pause and suspend, seen from inside: a process of the guest counts on its serial console."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.lab.waiting import wait_for
from tests.real.conftest import RealCloud

pytestmark = pytest.mark.real

HALF = b"LibvirtQemudPart"  # how a save file begins until it is whole
COUNT = "n=0; while :; do n=$((n + 1)); echo COUNT $$ $n; usleep 50000; done >/dev/ttyS0"
LOOKS = 100  # at a console that must stand still; the guest counts some twenty times meanwhile


@pytest.fixture(scope="module")
def counting(real: RealCloud) -> str:
    """A server whose guest has booted and counts; each test leaves it so."""
    server_id = real.booted()
    real.api.wait_for_console(server_id, "login:")  # what comes before it may be thrown away
    real.guest(server_id).start(COUNT)
    wait_for_count(real, server_id, more_than=0)
    return server_id


def counts(real: RealCloud, server_id: str) -> list[tuple[str, int]]:
    """What the process has printed so far: its pid in the guest, and how far it was."""
    lines = re.findall(r"COUNT (\d+) (\d+)\r?$", real.api.console(server_id), re.MULTILINE)
    return [(pid, int(count)) for pid, count in lines]


def wait_for_count(real: RealCloud, server_id: str, *, more_than: int) -> int:
    """Wait until the process has counted further, and say how far it is."""

    def look() -> int | None:
        seen = counts(real, server_id)
        return seen[-1][1] if seen and seen[-1][1] > more_than else None

    return wait_for(look, timeout_s=30, what=f"a count over {more_than}")


def assert_one_process_counted_on(seen: list[tuple[str, int]]) -> None:
    """No count is missing or comes twice, and nobody else has begun to count."""
    assert len({pid for pid, _ in seen}) == 1
    assert [count for _, count in seen] == list(range(1, len(seen) + 1))


def test_a_paused_guest_stands_still_and_then_goes_on(real: RealCloud, counting: str) -> None:
    real.api.act(counting, {"pause": None})
    paused = real.api.wait_for_status(counting, "PAUSED")
    at_rest = counts(real, counting)[-1]
    seen = {counts(real, counting)[-1] for _ in range(LOOKS)}
    real.api.act(counting, {"unpause": None})
    real.api.wait_for_status(counting, "ACTIVE")
    wait_for_count(real, counting, more_than=at_rest[1] + 5)

    assert paused["OS-EXT-STS:power_state"] == 3
    assert seen == {at_rest}
    assert_one_process_counted_on(counts(real, counting))


def test_a_suspended_guest_holds_no_memory_and_goes_on_at_the_right_time(
    real: RealCloud, counting: str
) -> None:
    guest = real.guest(counting)
    guest.shell("date -s @1000000000")  # it would go on with the time at which it was stopped
    qemu = Path(f"/proc/{real.host.qemu_pids()[counting]}")
    pages = int((qemu / "statm").read_text().split()[1])
    real.api.act(counting, {"suspend": None})
    suspended = real.api.wait_for_status(counting, "SUSPENDED")
    is_gone = not qemu.exists() and counting not in real.host.qemu_pids()
    at_rest = counts(real, counting)[-1][1]
    real.api.act(counting, {"resume": None})
    real.api.wait_for_status(counting, "ACTIVE")
    clock = int(guest.shell("date +%s"))
    now = time.time()
    wait_for_count(real, counting, more_than=at_rest + 5)

    assert suspended["OS-EXT-STS:power_state"] == 4
    assert pages * 4096 > 64 * 2**20
    assert is_gone
    assert abs(now - clock) <= 2
    assert_one_process_counted_on(counts(real, counting))
    assert real.boots(counting) == 1
    assert not real.host.virsh("list", "--all", "--with-managed-save", "--uuid").strip()


def test_memory_that_was_saved_by_half_is_not_resumed_from(real: RealCloud, counting: str) -> None:
    """A power cut leaves such a file; libvirt would drop it without a word, and boot."""
    real.api.act(counting, {"suspend": None})
    real.api.wait_for_status(counting, "SUSPENDED")
    (saved,) = (real.host.folder / "lib" / "qemu" / "save").iterdir()
    with saved.open("r+b") as file:
        whole = file.read(len(HALF))
        file.seek(0)
        file.write(HALF)
    real.api.act(counting, {"resume": None})
    refused = wait_for(
        lambda: real.tasks(counting)[0].error, timeout_s=20, what="the resume to be refused"
    )
    still = real.api.wait_for_status(counting, "SUSPENDED")
    with saved.open("r+b") as file:
        file.write(whole)
    real.api.act(counting, {"resume": None})
    real.api.wait_for_status(counting, "ACTIVE")

    assert refused.startswith("The saved memory is incomplete")
    assert still["OS-EXT-STS:power_state"] == 4
    assert_one_process_counted_on(counts(real, counting))


def test_a_hard_reboot_of_a_suspended_server_boots_it_from_its_disk(
    real: RealCloud, counting: str
) -> None:
    real.api.act(counting, {"suspend": None})
    real.api.wait_for_status(counting, "SUSPENDED")
    real.api.act(counting, {"reboot": {"type": "HARD"}})
    real.wait_for_boot(counting, 2)

    assert not real.host.virsh("list", "--all", "--with-managed-save", "--uuid").strip()
    assert real.api.server(counting)["status"] == "ACTIVE"
