# SPDX-License-Identifier: Apache-2.0
"""Reboots of a real guest, told apart by the boot counter on its disk and by the domain's id."""

from __future__ import annotations

import re

import pytest

from tests.lab.waiting import wait_for
from tests.real.conftest import RealCloud

pytestmark = pytest.mark.real

SOFT = {"reboot": {"type": "SOFT"}}
HARD = {"reboot": {"type": "HARD"}}

IGNORE_THE_BUTTON = """
kill $(pidof acpid)
mkdir -p /tmp/acpi/PWRF
echo 'echo PRESSED >/dev/ttyS0' >/tmp/acpi/PWRF/00000080
chmod 755 /tmp/acpi/PWRF/00000080
acpid -c /tmp/acpi
"""
"""The next boot has the guest's own acpid again."""


@pytest.fixture(scope="module")
def server(real: RealCloud) -> str:
    """A server whose guest has booted; each test leaves it so."""
    return real.booted()


def test_a_soft_reboot_is_a_shutdown_by_the_guest_and_a_start(real: RealCloud, server: str) -> None:
    boots, domain_id = real.boots(server), real.host.virsh("domid", server)
    downs = real.api.console(server).count("TINY-DOWN")
    real.api.act(server, SOFT)
    rebooting = real.api.server(server)
    real.wait_for_boot(server, boots + 1)

    assert (rebooting["status"], rebooting["OS-EXT-STS:task_state"]) == ("REBOOT", "rebooting")
    assert real.api.console(server).count("TINY-DOWN") == downs + 1
    assert real.host.virsh("domid", server) != domain_id
    assert real.api.wait_for_status(server, "ACTIVE")["OS-EXT-STS:power_state"] == 1


def test_a_hard_reboot_pulls_the_plug_and_keeps_the_data(real: RealCloud, server: str) -> None:
    boots, domain_id = real.boots(server), real.host.virsh("domid", server)
    downs = real.api.console(server).count("TINY-DOWN")
    real.guest(server).shell("echo precious >/root/data; sync")
    real.api.act(server, HARD)
    rebooting = real.api.server(server)
    real.wait_for_boot(server, boots + 1)

    assert rebooting["status"] == "HARD_REBOOT"
    assert rebooting["OS-EXT-STS:task_state"] == "rebooting_hard"
    assert real.api.console(server).count("TINY-DOWN") == downs
    assert real.host.virsh("domid", server) != domain_id
    assert real.guest(server).shell("cat /root/data") == "precious"


def test_a_hard_reboot_ends_the_soft_one_of_a_guest_that_ignores_its_power_button(
    real: RealCloud, server: str
) -> None:
    boots = real.boots(server)
    downs = real.api.console(server).count("TINY-DOWN")
    real.guest(server).shell(IGNORE_THE_BUTTON)
    real.api.act(server, SOFT)
    wait_for(
        lambda: real.api.console(server).count("PRESSED") >= 2,
        timeout_s=30,
        what="the power button to be pressed twice",
    )
    ignoring = real.api.server(server)
    real.api.act(server, HARD)
    pushed_aside = real.api.server(server)
    real.wait_for_boot(server, boots + 1)
    hard, soft = real.tasks(server)[:2]

    assert (ignoring["status"], ignoring["OS-EXT-STS:task_state"]) == ("REBOOT", "rebooting")
    assert pushed_aside["status"] == "HARD_REBOOT"
    assert real.api.console(server).count("TINY-DOWN") == downs
    assert (soft.action, soft.error) == ("reboot", "interrupted by reboot_hard")
    assert (hard.action, hard.error) == ("reboot_hard", None)
    assert real.api.wait_for_status(server, "ACTIVE")["OS-EXT-STS:power_state"] == 1


def test_a_hard_reboot_repairs_all_but_the_data(real: RealCloud, server: str) -> None:
    boots = real.boots(server)
    ((address,),) = real.api.server(server)["addresses"].values()
    mac = address["OS-EXT-IPS-MAC:mac_addr"]
    network = real.host.virsh("net-dumpxml", "cumulet")
    (reservation,) = re.findall(f"<host mac='{mac}'.*/>", network)
    real.host.virsh("destroy", server)
    real.host.virsh("undefine", server)
    real.host.virsh(
        *("net-update", "cumulet", "delete", "ip-dhcp-host", reservation, "--live", "--config")
    )
    (real.live.state / "servers" / server / "config.iso").unlink()
    gone = real.api.wait_for_status(server, "ERROR")
    real.api.act(server, HARD)
    boot = real.wait_for_boot(server, boots + 1)
    repaired = real.api.wait_for_status(server, "ACTIVE")

    assert "undefined" in gone["fault"]["message"]
    assert f"uuid={server} hostname=real" in boot
    assert f"ip={address['addr']}" in boot
    assert reservation in real.host.virsh("net-dumpxml", "cumulet")
    assert repaired["addresses"] == gone["addresses"]
    assert "fault" not in repaired
