# SPDX-License-Identifier: Apache-2.0
"""A power cut of the whole machine: which servers come back, and which stay off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pytest

from tests.lab.other_boot import launcher
from tests.lab.private_host import PrivateHost
from tests.real.conftest import RealCloud, running_cloud

pytestmark = pytest.mark.real

NEVER = {"cumulet:resume_on_boot": "never"}
ALWAYS = {"cumulet:resume_on_boot": "always"}


@dataclass(frozen=True, slots=True)
class Rebooted:
    """A cloud after the reboot of its host, and the servers that it had before, by name."""

    cloud: RealCloud
    servers: Mapping[str, str]
    boot_ids: tuple[str, str]


@pytest.fixture(scope="module")
def rebooted() -> Iterator[Rebooted]:
    """Servers in all conditions, then the power cut."""
    with PrivateHost.start() as host, running_cloud(host) as real:
        real.live.stop()
        real.live.launcher = launcher(host.folder / "boot_id")
        real.live.start()
        servers = fill(real)
        before = host.boot_id
        real.live.kill()
        host.stop(keep=True)
        with PrivateHost.start(host.folder) as again:
            real.live.start()
            yield Rebooted(replace(real, host=again), servers, (before, again.boot_id))


def fill(real: RealCloud) -> dict[str, str]:
    """One server of each kind."""
    servers = {"active": real.booted("active")}
    servers["suspended"] = real.active("suspended")
    real.api.act(servers["suspended"], {"suspend": None})
    real.api.wait_for_status(servers["suspended"], "SUSPENDED")
    for name, metadata in (("stopped", {}), ("stopped, always", ALWAYS)):
        servers[name] = real.active(name, metadata=metadata)
        real.host.virsh("destroy", servers[name])
        real.api.wait_for_status(servers[name], "SHUTOFF")
    servers["active, never"] = real.active("active, never", metadata=NEVER)
    return servers


def test_a_server_that_was_active_is_started_again_from_its_disk(rebooted: Rebooted) -> None:
    real, server_id = rebooted.cloud, rebooted.servers["active"]
    real.wait_for_boot(server_id, 2)
    note = "active -> stopped -> start: the host was rebooted, and resume_on_boot is previous"

    assert rebooted.boot_ids[0] != rebooted.boot_ids[1]
    assert note in real.history(server_id)
    assert real.api.wait_for_status(server_id, "ACTIVE")["OS-EXT-STS:power_state"] == 1


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("active, never", "SHUTOFF"),
        ("stopped", "SHUTOFF"),
        ("stopped, always", "ACTIVE"),
        ("suspended", "SUSPENDED"),
    ],
)
def test_the_others_are_as_their_resume_on_boot_says(
    rebooted: Rebooted, name: str, status: str
) -> None:
    real, server_id = rebooted.cloud, rebooted.servers[name]
    real.api.wait_for_status(server_id, status)

    assert (server_id in real.host.qemu_pids()) == (status == "ACTIVE")


def test_a_suspended_server_goes_on_after_the_reboot(rebooted: Rebooted) -> None:
    real, server_id = rebooted.cloud, rebooted.servers["suspended"]
    real.api.act(server_id, {"resume": None})
    real.wait_for_boot(server_id, 1)

    assert "suspended -> " not in "".join(real.history(server_id))
    assert real.api.wait_for_status(server_id, "ACTIVE")["OS-EXT-STS:power_state"] == 1


def test_a_restart_of_the_agent_alone_starts_nothing(rebooted: Rebooted) -> None:
    real, server_id = rebooted.cloud, rebooted.servers["stopped, always"]
    real.api.wait_for_status(server_id, "ACTIVE")
    real.host.virsh("destroy", server_id)
    real.api.wait_for_status(server_id, "SHUTOFF")
    looked = real.live.log.read_text().count("the host was rebooted: looking at")
    real.live.kill()
    real.live.start()
    settled = real.active("settled")

    assert looked == 1
    assert real.live.log.read_text().count("the host was rebooted: looking at") == 1
    assert real.api.server(server_id)["status"] == "SHUTOFF"
    real.delete(settled)
