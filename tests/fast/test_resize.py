# SPDX-License-Identifier: Apache-2.0
"""Resizes over libvirt's test driver, with real disks: sizes, claims, and the way back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from agent.errors import BadRequest, Conflict, HostFailed, NoCapacity, OverQuota
from agent.model.layout import Layout
from agent.model.quota import Usage
from tests.fast.crashes import Strike, crash
from tests.fast.smallcloud import Crash, SmallCloud, everywhere, kept_disks
from tests.fast.test_lifecycle import break_host
from tests.lab.commands import run

GIB = 2**30
SMALL, LARGE = (1, 512), (1, 2048)  # vCPUs and MiB of m1.tiny and m1.small


def resize(cloud: SmallCloud, server_id: str, flavor_id: str = "2") -> None:
    cloud.parts.cloud.resizing.resize(cloud.asking, server_id, flavor_id)


def disk_of(cloud: SmallCloud, server_id: str) -> tuple[int, str]:
    """The virtual size of the disk in GiB, and what it begins with."""
    disk = Layout(cloud.config.state_dir).disk(server_id)
    about = json.loads(run(["qemu-img", "info", "-f", "qcow2", "--output=json", disk]).stdout)
    read = run(["qemu-io", "-f", "qcow2", "-r", "-c", "read -v 0 16", disk]).stdout
    return about["virtual-size"] // GIB, read.splitlines()[0]


def write(cloud: SmallCloud, server_id: str, pattern: int) -> None:
    """Write to the disk as a guest does."""
    disk = Layout(cloud.config.state_dir).disk(server_id)
    run(["qemu-io", "-f", "qcow2", "-c", f"write -P {pattern} 0 64k", disk])


def domain_size(cloud: SmallCloud, server_id: str) -> tuple[int, int]:
    domain = cloud.domain(server_id)
    return domain.info()[3], domain.maxMemory() // 1024


def claim(cores: int, ram_mb: int) -> Usage:
    """What one server counts, in a project with its default security group."""
    return Usage(1, cores, ram_mb, security_groups=1, security_group_rules=4)


def used(cloud: SmallCloud) -> Usage:
    return cloud.parts.store.quotas.usage(cloud.asking.caller.project.id)


@pytest.fixture
def server_id(cloud: SmallCloud) -> str:
    return cloud.made(cloud.create(), "active")


def test_a_resized_server_runs_with_its_new_size(cloud: SmallCloud, server_id: str) -> None:
    seen: list[tuple[str, str | None]] = []

    def look(point: str) -> None:
        if point.endswith("/before"):
            server = cloud.server(server_id)
            seen.append((point.split("/")[1], server.task_state))

    cloud.reboot(look)
    cloud.work()
    resize(cloud, server_id)
    cloud.settle_down()

    server = cloud.server(server_id)
    assert (server.vm_state, server.task_state, server.progress) == ("resized", None, 100)
    assert (server.flavor.id, server.old_flavor and server.old_flavor.id) == ("2", "1")
    assert domain_size(cloud, server_id) == LARGE
    assert disk_of(cloud, server_id)[0] == 20
    assert cloud.domain(server_id).isActive()
    assert dict(seen)["prepare"] == "resize_prep"
    assert dict(seen)["keep"] == "resize_migrating"
    assert dict(seen)["grow"] == "resize_migrated"
    assert dict(seen)["start"] == "resize_finish"
    assert kept_disks(cloud.config) == {server_id}


def test_reverted_it_has_every_byte_of_before(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "stopped")
    write(cloud, server_id, 1)
    before = disk_of(cloud, server_id)
    resize(cloud, server_id)
    cloud.work()
    resized = disk_of(cloud, server_id)
    write(cloud, server_id, 2)
    cloud.act(server_id, "revertResize")
    meanwhile = cloud.server(server_id)
    cloud.work()

    server = cloud.server(server_id)
    assert (meanwhile.vm_state, meanwhile.task_state) == ("resized", "resize_reverting")
    assert resized == (20, before[1])
    assert disk_of(cloud, server_id) == before == (1, before[1])
    assert (server.vm_state, server.flavor.id, server.old_flavor) == ("stopped", "1", None)
    assert domain_size(cloud, server_id) == SMALL
    assert not cloud.domain(server_id).isActive()
    assert kept_disks(cloud.config) == set()


def test_confirmed_it_stays_what_its_guest_is(cloud: SmallCloud, server_id: str) -> None:
    resize(cloud, server_id)
    cloud.work()
    cloud.domain(server_id).destroy()
    cloud.settle_down()
    resting = cloud.server(server_id).vm_state
    cloud.act(server_id, "confirmResize")
    cloud.work()

    assert resting == "resized"
    assert cloud.server(server_id).vm_state == "stopped"
    assert kept_disks(cloud.config) == set()
    with pytest.raises(Conflict, match=r"Cannot 'revertResize' instance .* vm_state stopped"):
        cloud.act(server_id, "revertResize")


def test_the_larger_size_counts_until_it_is_decided(cloud: SmallCloud, server_id: str) -> None:
    counted = [used(cloud)]
    for action in ("resize", "revertResize", "resize", "confirmResize"):
        cloud.act(server_id, action)
        counted.append(used(cloud))
        cloud.work()
        counted.append(used(cloud))
    server = cloud.server(server_id)
    shrunk = replace(server.flavor, id="9", name="thin", vcpus=1, ram_mb=256)
    cloud.parts.store.catalog.add_flavor(shrunk)
    resize(cloud, server_id, "9")
    cloud.work()
    thin = used(cloud)
    cloud.act(server_id, "confirmResize")
    cloud.work()

    small, large = claim(*SMALL), claim(*LARGE)
    assert counted == [small, large, large, large, small, large, large, large, large]
    assert (thin, used(cloud)) == (large, claim(1, 256))


def test_a_reset_ends_what_a_resize_claims(cloud: SmallCloud, server_id: str) -> None:
    resize(cloud, server_id)
    cloud.reset_state(server_id, "active")
    cloud.settle_down()

    assert used(cloud) == claim(*SMALL)


@pytest.mark.parametrize(
    ("verb", "vm_state"), [("define", "active"), ("start", "active"), ("define", "stopped")]
)
def test_one_that_fails_is_undone(cloud: SmallCloud, verb: str, vm_state: str) -> None:
    server_id = cloud.made(cloud.create(), vm_state)
    before = (disk_of(cloud, server_id), domain_size(cloud, server_id), used(cloud))
    healthy, shown = cloud.wrap, set()

    def mend(point: str) -> None:
        if "/undo-before" in point:
            shown.add(cloud.server(server_id).task_state)
            cloud.wrap = healthy
            if not mended:
                mended.append(point)
                raise Crash  # and the undoing goes on in the next process

    mended: list[str] = []
    break_host(cloud, verb, HostFailed("the host says no"))
    cloud.reboot(mend)
    cloud.work()
    resize(cloud, server_id)
    with pytest.raises(Crash):
        cloud.settle_down()
    cloud.reboot(mend)
    cloud.settle_down()

    server = cloud.server(server_id)
    assert shown == {"resize_reverting"}
    assert (server.vm_state, server.task_state, server.flavor.id) == (vm_state, None, "1")
    assert (disk_of(cloud, server_id), domain_size(cloud, server_id), used(cloud)) == before
    assert cloud.domain(server_id).isActive() == (vm_state == "active")
    assert kept_disks(cloud.config) == set()
    assert cloud.inventory() == everywhere(server_id)
    (task, *_) = cloud.parts.store.servers.list_tasks(server_id)
    assert (task.action, task.error) == ("resize", "the host says no")


UNDONE = ("start", "keep", "press")


@pytest.mark.parametrize("step", UNDONE)
@pytest.mark.parametrize("moment", ["undo-before", "undo-recorded"])
def test_killed_while_it_is_undone_it_is_undone_all_the_same(
    cloud: SmallCloud, server_id: str, step: str, moment: str
) -> None:
    healthy = cloud.wrap
    break_host(cloud, "start", HostFailed("the host says no"))
    strike = Strike(f"resize/{step}/{moment}", crash)
    cloud.reboot(strike)
    cloud.work()
    resize(cloud, server_id)
    with pytest.raises(Crash):
        cloud.settle_down()
    cloud.wrap = healthy
    cloud.reboot()
    cloud.settle_down()

    server = cloud.server(server_id)
    assert (server.task_state, server.flavor.id, kept_disks(cloud.config)) == (None, "1", set())
    assert domain_size(cloud, server_id) == SMALL
    # Its start was tried in vain before the kill, or comes after it.
    assert server.vm_state == (
        "stopped" if (step, moment) == ("press", "undo-recorded") else "active"
    )


@pytest.mark.parametrize(
    ("flavor_id", "message"),
    [
        ("1", r"^When resizing, instances must change flavor!$"),
        ("99", r"flavorRef: "),
        ("flat", r"flavorRef: Resize to zero disk flavor is not allowed"),
    ],
)
def test_a_flavor_that_does_not_fit_is_refused(
    cloud: SmallCloud, server_id: str, flavor_id: str, message: str
) -> None:
    flat = replace(cloud.server(server_id).flavor, id="flat", name="flat", disk_gb=0)
    cloud.parts.store.catalog.add_flavor(flat)

    with pytest.raises(BadRequest, match=message):
        resize(cloud, server_id, flavor_id)
    assert cloud.server(server_id).task_state is None


def test_a_disk_does_not_shrink(cloud: SmallCloud, server_id: str) -> None:
    cloud.act(server_id, "resize")
    cloud.work()
    cloud.act(server_id, "confirmResize")
    cloud.work()

    with pytest.raises(BadRequest, match="Unable to resize disk down: the server has 20 GiB"):
        resize(cloud, server_id, "1")


def test_quota_and_room_are_asked_for_the_difference(cloud: SmallCloud, server_id: str) -> None:
    quota = replace(cloud.config.quota, ram_mb=2048)
    cloud.config = replace(cloud.config, quota=quota)
    cloud.reboot()
    cloud.work()
    resize(cloud, server_id)
    cloud.work()
    cloud.act(server_id, "revertResize")
    cloud.work()
    with pytest.raises(OverQuota, match="Requested 3584, but already used 512 of 2048 ram"):
        resize(cloud, server_id, "3")
    cloud.config = replace(
        cloud.config,
        quota=replace(quota, ram_mb=-1),
        capacity=replace(cloud.config.capacity, reserved_ram_mb=31000),
    )
    cloud.reboot()
    cloud.work()

    with pytest.raises(NoCapacity, match="No valid host was found"):
        resize(cloud, server_id)
    assert cloud.server(server_id).task_state is None


def test_what_nobody_decides_is_confirmed_after_its_time(cloud: SmallCloud, server_id: str) -> None:
    cloud.config = replace(cloud.config, resize_confirm_window=3600.0)
    cloud.reboot()
    cloud.work()
    resize(cloud, server_id)
    cloud.settle_down()
    cloud.clock.advance(3000)
    cloud.reboot()
    cloud.settle_down()
    waiting = cloud.server(server_id).vm_state
    cloud.clock.advance(700)
    cloud.settle_down()

    assert (waiting, cloud.server(server_id).vm_state) == ("resized", "active")
    assert cloud.server(server_id).old_flavor is None
    (task, *_) = cloud.parts.store.servers.list_tasks(server_id)
    assert (task.action, task.user_id) == ("confirmResize", "cumulet")
    events = [text for _, text in cloud.parts.store.servers.list_events(server_id)]
    assert "the resize is confirmed: the time in which it could be reverted is over" in events


def test_a_copy_that_a_reset_left_is_not_taken_for_the_disk(
    cloud: SmallCloud, server_id: str
) -> None:
    strike = Strike("resize/keep/recorded", lambda: cloud.reset_state(server_id, "active"))
    cloud.reboot(strike)
    cloud.work()
    resize(cloud, server_id)
    cloud.settle_down()
    left = kept_disks(cloud.config)
    write(cloud, server_id, 7)
    before = disk_of(cloud, server_id)
    resize(cloud, server_id)
    cloud.work()
    cloud.act(server_id, "revertResize")
    cloud.work()

    assert left == {server_id}
    assert disk_of(cloud, server_id) == before


def test_deleting_a_resized_server_takes_both_disks(cloud: SmallCloud, server_id: str) -> None:
    resize(cloud, server_id)
    cloud.work()
    cloud.act(server_id, "delete")
    cloud.settle_down()

    assert cloud.inventory() == everywhere()
