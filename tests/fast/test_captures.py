# SPDX-License-Identifier: Apache-2.0
"""Images of servers and shelving, where something is in the way: nothing is lost or left over."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from agent.capturing import Target
from agent.errors import BadRequest, Conflict, HostFailed
from agent.model.capture import Wish
from agent.model.imageedit import Edit
from agent.model.layout import Layout
from tests.fast.smallcloud import Crash, SmallCloud, everywhere, off_its_host
from tests.fast.test_lifecycle import break_host
from tests.lab.commands import run

MIB = 2**20


def last_task(cloud: SmallCloud, server_id: str) -> tuple[str, str | None]:
    task = cloud.parts.store.servers.list_tasks(server_id)[0]
    return task.action, task.error


def assert_as_before(cloud: SmallCloud, server_id: str, vm_state: str = "active") -> None:
    server = cloud.server(server_id)
    assert (server.vm_state, server.task_state, server.fault) == (vm_state, None, None)
    assert cloud.open_tasks() == 0
    assert cloud.image_leftovers() == []
    assert cloud.inventory() == everywhere(server_id)


def fill_up(cloud: SmallCloud) -> None:
    """Let the host keep more of its disk free than it has."""
    capacity = replace(cloud.config.capacity, reserved_disk_gb=1_000_000)
    cloud.config = replace(cloud.config, capacity=capacity)
    cloud.reboot()


@pytest.mark.parametrize("action", ["createImage", "createBackup", "shelve"])
def test_without_room_there_is_no_image_and_the_server_goes_on(
    cloud: SmallCloud, action: str
) -> None:
    server_id = cloud.made(cloud.create(), "active")
    fill_up(cloud)
    cloud.act(server_id, action)
    cloud.settle_down()

    assert_as_before(cloud, server_id)
    done, error = last_task(cloud, server_id)
    assert done == action
    assert error is not None
    assert "GiB free" in error
    assert "are needed" in error
    assert cloud.images() == {"tiny": "active"}
    assert cloud.server(server_id).shelved_image_id is None


@pytest.mark.parametrize("step", ["check", "copy", "check_copy", "store"])
def test_an_image_that_is_deleted_while_it_is_made_ends_its_making(
    cloud: SmallCloud, step: str
) -> None:
    server_id = cloud.made(cloud.create(), "active")

    def delete(point: str) -> None:
        if point == f"createImage/{step}/before":
            imaging, caller = cloud.parts.cloud.imaging, cloud.asking.caller
            imaging.delete(caller, cloud.image_id("snapshot"))

    cloud.reboot(delete)
    cloud.act(server_id, "createImage")
    cloud.settle_down()

    assert_as_before(cloud, server_id)
    assert cloud.images() == {"tiny": "active"}
    _, error = last_task(cloud, server_id)
    assert error is not None
    assert "was deleted while it was made" in error


def test_a_shelving_that_fails_switches_its_guest_on_again(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "active")

    def lose(point: str) -> None:
        if point == "shelve/check_copy/before":
            (copy,) = Layout(cloud.config.state_dir).server(server_id).glob("copy-*.qcow2")
            copy.unlink()

    cloud.reboot(lose)
    cloud.act(server_id, "shelve")
    cloud.settle_down()

    assert_as_before(cloud, server_id)
    assert cloud.domain(server_id).isActive()
    assert cloud.server(server_id).shelved_image_id is None
    assert last_task(cloud, server_id) == ("shelve", "The copy of the server's disk is gone.")


@pytest.mark.parametrize("verb", ["define", "start"])
def test_an_unshelving_that_fails_leaves_the_server_offloaded(cloud: SmallCloud, verb: str) -> None:
    server_id = cloud.made(cloud.create(), "shelved_offloaded")
    healthy = cloud.wrap
    break_host(cloud, verb, HostFailed("the host says no"))
    cloud.act(server_id, "unshelve")
    cloud.settle_down()
    server, found = cloud.server(server_id), cloud.inventory()
    cloud.wrap = healthy
    cloud.reboot()
    cloud.act(server_id, "unshelve")
    cloud.settle_down()

    assert (server.vm_state, server.task_state, server.host) == ("shelved_offloaded", None, None)
    assert found == off_its_host(server_id)
    assert_as_before(cloud, server_id)
    assert cloud.images() == {"tiny": "active"}


def test_an_unshelving_that_fails_loses_nothing_of_a_server_on_its_host(cloud: SmallCloud) -> None:
    cloud.config = replace(cloud.config, shelved_offload_after=-1)
    cloud.reboot()
    server_id = cloud.made(cloud.create(), "shelved")
    break_host(cloud, "start", HostFailed("the host says no"))
    cloud.act(server_id, "unshelve")
    cloud.settle_down()

    assert_as_before(cloud, server_id, "shelved")
    assert cloud.images() == {"tiny": "active", "one-shelved": "active"}


def test_a_server_comes_back_only_where_there_is_room(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "shelved_offloaded")
    capacity = replace(cloud.config.capacity, ram_ratio=0.01)
    cloud.config = replace(cloud.config, capacity=capacity)
    cloud.reboot()
    cloud.act(server_id, "unshelve")
    cloud.settle_down()

    assert cloud.server(server_id).vm_state == "shelved_offloaded"
    assert cloud.inventory() == off_its_host(server_id)
    _, error = last_task(cloud, server_id)
    assert error is not None
    assert "MiB of RAM" in error


def test_what_an_offloaded_server_claimed_is_free_for_others(cloud: SmallCloud) -> None:
    capacity = replace(cloud.config.capacity, ram_ratio=0.03)  # room for one m1.tiny
    cloud.config = replace(cloud.config, capacity=capacity)
    cloud.reboot()
    first = cloud.made(cloud.create(), "active")
    refused = cloud.create("two")
    cloud.work()
    cloud.act(first, "shelve")
    cloud.settle_down()
    second = cloud.made(cloud.create("three"), "active")
    cloud.act(first, "unshelve")
    cloud.settle_down()

    assert cloud.server(refused).vm_state == "error"
    assert cloud.server(second).vm_state == "active"
    assert cloud.server(first).vm_state == "shelved_offloaded"


def test_a_shelved_server_leaves_its_host_when_its_time_is_over(cloud: SmallCloud) -> None:
    cloud.config = replace(cloud.config, shelved_offload_after=600)
    cloud.reboot()
    server_id = cloud.made(cloud.create(), "shelved")
    cloud.clock.advance(500)
    cloud.settle_down()
    before = cloud.server(server_id).vm_state
    cloud.clock.advance(100)
    cloud.settle_down()

    assert before == "shelved"
    assert cloud.server(server_id).vm_state == "shelved_offloaded"
    assert cloud.inventory() == off_its_host(server_id)
    (task, *_) = cloud.parts.store.servers.list_tasks(server_id)
    assert (task.action, task.user_id) == ("shelveOffload", "cumulet")


def test_the_image_of_a_shelved_server_is_in_use(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "shelved_offloaded")
    imaging, caller = cloud.parts.cloud.imaging, cloud.asking.caller
    with pytest.raises(Conflict, match="in use"):
        imaging.delete(caller, cloud.image_id("one-shelved"))
    cloud.act(server_id, "delete")
    cloud.settle_down()

    assert cloud.images() == {"tiny": "active"}
    assert cloud.image_leftovers() == []


def test_a_shelved_server_s_image_that_others_need_stays(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "shelved_offloaded")
    caller, image_id = cloud.asking.caller, cloud.image_id("one-shelved")
    protect = Edit("replace", "protected", True)
    cloud.parts.cloud.image_edits.patch(caller, image_id, [protect])
    cloud.act(server_id, "unshelve")
    cloud.settle_down()

    assert cloud.server(server_id).shelved_image_id is None
    assert cloud.images() == {"tiny": "active", "one-shelved": "active"}


def test_backups_rotate_by_type_and_spare_what_is_protected(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "active")
    capturing, caller = cloud.parts.cloud.capturing, cloud.asking.caller

    def back_up(name: str, kind: str, keep: int) -> None:
        cloud.clock.advance(1)
        capturing.create_backup(cloud.asking, server_id, Wish(name, {}, kind), keep)
        cloud.work()

    back_up("weekly", "weekly", 1)
    back_up("first", "daily", 2)
    protect = Edit("replace", "protected", True)
    cloud.parts.cloud.image_edits.patch(caller, cloud.image_id("first"), [protect])
    for name in ("second", "third", "fourth"):
        back_up(name, "daily", 2)

    assert set(cloud.images()) == {"tiny", "weekly", "first", "third", "fourth"}


def test_the_disk_comes_back_with_its_data_and_its_zeros(cloud: SmallCloud, tmp_path: Path) -> None:
    """What the guest has overwritten with zeros must not show the image's data again."""
    server_id = cloud.made(cloud.create(), "stopped")
    disk, before = Layout(cloud.config.state_dir).disk(server_id), tmp_path / "before.raw"
    write = ["write -P 0x61 0 256k", "write -z 512k 128k", "write -P 0x62 900M 64k"]
    for command in write:
        run(["qemu-io", "-f", "qcow2", "-c", command, disk])
    run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", disk, before])
    cloud.act(server_id, "shelve")
    cloud.settle_down()
    gone = not disk.exists()
    cloud.act(server_id, "unshelve")
    cloud.settle_down()

    assert gone
    run(["qemu-img", "compare", "-f", "qcow2", "-F", "raw", disk, before])


def test_a_server_made_of_a_snapshot_has_its_data_and_nothing_below_it(
    cloud: SmallCloud, tmp_path: Path
) -> None:
    server_id = cloud.made(cloud.create(), "stopped")
    layout = Layout(cloud.config.state_dir)
    run(["qemu-io", "-f", "qcow2", "-c", "write -P 0x61 0 64k", layout.disk(server_id)])
    cloud.act(server_id, "createImage")
    cloud.work()
    image = layout.image(cloud.image_id("snapshot"))
    told = run(["qemu-img", "info", "-f", "qcow2", "--output=json", image]).stdout

    assert "backing" not in told
    run(["qemu-io", "-r", "-f", "qcow2", "-c", "read -P 0x61 0 64k", image])
    cloud.act(server_id, "delete")
    cloud.settle_down()
    assert image.exists()


def test_a_target_is_only_for_a_server_without_a_host(cloud: SmallCloud) -> None:
    cloud.config = replace(cloud.config, shelved_offload_after=-1)
    cloud.reboot()
    server_id = cloud.made(cloud.create(), "shelved")
    capturing = cloud.parts.cloud.capturing
    with pytest.raises(Conflict, match="has its host still"):
        capturing.unshelve(cloud.asking, server_id, Target("nova"))
    cloud.act(server_id, "shelveOffload")
    cloud.settle_down()
    with pytest.raises(BadRequest, match="not available"):
        capturing.unshelve(cloud.asking, server_id, Target("elsewhere"))
    capturing.unshelve(cloud.asking, server_id, Target("nova"))
    cloud.settle_down()

    assert_as_before(cloud, server_id)


def test_an_image_that_a_killed_process_was_making_waits_for_its_task(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "active")
    cloud.act(server_id, "createImage")
    cloud.reboot()
    cloud.parts.cloud.imaging.recover()
    meanwhile = cloud.images()["snapshot"]
    cloud.settle_down()

    assert meanwhile == "saving"
    assert cloud.images()["snapshot"] == "active"


@pytest.mark.parametrize("is_killed", [False, True])
@pytest.mark.parametrize("point", ["copy/after", "check_copy/before", "store/after"])
@pytest.mark.parametrize("action", ["createImage", "shelve"])
def test_a_state_that_is_reset_meanwhile_leaves_no_copy(
    cloud: SmallCloud, action: str, point: str, is_killed: bool
) -> None:
    server_id = cloud.made(cloud.create(), "active")
    folder = Layout(cloud.config.state_dir).server(server_id)
    seen: list[str] = []

    def reset(at: str) -> None:
        if at == f"{action}/{point}":
            cloud.reset_state(server_id, "active")
            seen.extend(path.name for path in folder.glob("copy-*"))
            if is_killed:
                raise Crash

    cloud.reboot(reset)
    cloud.act(server_id, action)
    with suppress(Crash):
        cloud.work()
    if is_killed:
        cloud.reboot()
        cloud.work()

    assert len(seen) == 1
    assert list(folder.glob("copy-*")) == []
    assert cloud.server(server_id).task_state is None
    assert cloud.open_tasks() == 0
    assert cloud.image_leftovers() == []
