# SPDX-License-Identifier: Apache-2.0
"""Rebuilds over libvirt's test driver: what stays, what is new, and what a failure leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.errors import BadRequest, Conflict, HostFailed
from agent.model.injection import InjectedFile
from agent.model.layout import Layout
from agent.rebuilding import RebuildServer, RebuiltServer
from tests.fast.crashes import Strike
from tests.fast.smallcloud import SmallCloud, everywhere
from tests.fast.test_injection import parts_of, read_drive
from tests.fast.test_lifecycle import break_host
from tests.lab.commands import run


def rebuild(cloud: SmallCloud, server_id: str, image_id: str, **fields: Any) -> RebuiltServer:
    request = RebuildServer(image_id, **fields)
    return cloud.parts.cloud.rebuilding.rebuild(cloud.asking, server_id, request)


def backing_of(cloud: SmallCloud, server_id: str) -> str:
    """The image that the server's disk really stands on."""
    disk = Layout(cloud.config.state_dir).disk(server_id)
    about = json.loads(run(["qemu-img", "info", "-f", "qcow2", "--output=json", disk]).stdout)
    return Path(about["backing-filename"]).stem


@pytest.fixture
def server_id(cloud: SmallCloud) -> str:
    return cloud.made(cloud.create(), "active")


def test_the_disk_stands_on_the_new_image_and_the_rest_stays(
    cloud: SmallCloud, server_id: str
) -> None:
    before, other = cloud.server(server_id), cloud.add_image("other")
    answer = rebuild(cloud, server_id, other)
    meanwhile = cloud.server(server_id)
    cloud.work()

    after = cloud.server(server_id)
    assert (answer.server.image_id, answer.server.task_state) == (other, "rebuilding")
    assert (meanwhile.image_id, meanwhile.vm_state) == (before.image_id, "active")
    assert (after.image_id, after.vm_state, after.progress) == (other, "active", 100)
    assert (after.nics, after.flavor, after.host) == (before.nics, before.flavor, before.host)
    assert backing_of(cloud, server_id) == other
    assert f"base/{other}.qcow2" in cloud.domain(server_id).XMLDesc()
    assert cloud.inventory() == everywhere(server_id)


def test_its_guest_is_told_anew(cloud: SmallCloud, server_id: str, tmp_path: Path) -> None:
    files = (InjectedFile("/etc/motd", b"rebuilt\n"),)
    answer = rebuild(
        cloud,
        server_id,
        cloud.image_id(),
        record={"name": "new", "metadata": {"a": "b"}, "user_data": "IyEvYmluL3No"},
        files=files,
        admin_pass="quite new",
    )
    cloud.work()

    tree = read_drive(cloud, server_id, tmp_path / "drive")
    told = json.loads((tree / "latest/meta_data.json").read_text())
    (part,) = parts_of(tree)
    assert answer.admin_pass == "quite new"
    assert (told["uuid"], told["name"], told["meta"]) == (server_id, "new", {"a": "b"})
    assert (tree / "content/0000").read_bytes() == b"rebuilt\n"
    assert (tree / "latest/user_data").read_bytes() == b"#!/bin/sh"
    assert "password root " in part


def test_files_are_not_given_again(cloud: SmallCloud, server_id: str, tmp_path: Path) -> None:
    rebuild(cloud, server_id, cloud.image_id(), files=(InjectedFile("/etc/motd", b"x"),))
    cloud.work()
    rebuild(cloud, server_id, cloud.image_id())
    cloud.work()

    assert not (read_drive(cloud, server_id, tmp_path / "drive") / "content").exists()


def test_a_guest_that_takes_no_hash_is_told_its_new_password(
    cloud: SmallCloud, server_id: str, tmp_path: Path
) -> None:
    windows = cloud.add_image("windows", os_type="windows")
    rebuild(cloud, server_id, windows, admin_pass="in clear")
    cloud.work()

    tree = read_drive(cloud, server_id, tmp_path / "drive")
    told = json.loads((tree / "latest/meta_data.json").read_text())
    assert told["admin_pass"] == "in clear"


def test_hardware_changes_only_where_the_image_asks(cloud: SmallCloud, server_id: str) -> None:
    before = cloud.server(server_id).hardware
    rebuild(cloud, server_id, cloud.add_image("other", os_distro="debian"))
    cloud.work()
    same = cloud.server(server_id).hardware
    rebuild(cloud, server_id, cloud.add_image("scsi", hw_disk_bus="scsi"))
    cloud.work()

    assert before is not None
    assert same == before
    assert cloud.server(server_id).hardware.disk_bus == "scsi"  # type: ignore[union-attr]


def test_a_stopped_server_stays_off(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "stopped")
    rebuild(cloud, server_id, cloud.image_id())
    cloud.work()

    assert cloud.server(server_id).vm_state == "stopped"
    assert not cloud.domain(server_id).isActive()


def test_the_new_image_is_kept_from_the_request_on(cloud: SmallCloud, server_id: str) -> None:
    other = cloud.add_image("other")
    rebuild(cloud, server_id, other)
    needed = cloud.parts.store.servers.list_used_images()

    admin = cloud.parts.cloud.identity.assume("admin")
    with pytest.raises(Conflict):
        cloud.parts.cloud.imaging.delete(admin, other)
    assert needed == {other, cloud.image_id()}
    cloud.work()
    assert cloud.parts.store.servers.list_used_images() == {other}


@pytest.mark.parametrize("verb", ["undefine", "define", "start"])
def test_one_that_failed_is_in_error_and_the_next_one_mends_it(
    cloud: SmallCloud, server_id: str, verb: str
) -> None:
    healthy, other = cloud.wrap, cloud.add_image("other")
    break_host(cloud, verb, HostFailed("the host says no"))
    rebuild(cloud, server_id, other)
    cloud.work()
    failed = cloud.server(server_id)
    cloud.wrap = healthy
    cloud.reboot()
    rebuild(cloud, server_id, other)
    cloud.settle_down()

    assert (failed.vm_state, failed.task_state) == ("error", None)
    assert failed.fault is not None
    assert failed.fault.message == "the host says no"
    assert (cloud.server(server_id).vm_state, cloud.server(server_id).fault) == ("active", None)
    assert backing_of(cloud, server_id) == other
    assert cloud.inventory() == everywhere(server_id)


def test_a_failure_before_anything_is_lost_leaves_the_old_disk(
    cloud: SmallCloud, server_id: str
) -> None:
    bad, before = cloud.add_image("bad", hw_disk_bus="floppy"), cloud.server(server_id)
    rebuild(cloud, server_id, bad)
    cloud.work()
    failed = cloud.server(server_id)
    cloud.act(server_id, "reboot_hard")
    cloud.work()

    assert failed.fault is not None
    assert "hw_disk_bus" in failed.fault.message
    after = cloud.server(server_id)
    assert (after.vm_state, after.image_id) == ("active", before.image_id)
    assert backing_of(cloud, server_id) == before.image_id


@pytest.mark.parametrize("step", ["place", "base", "power_off", "wipe", "disk", "config_drive"])
@pytest.mark.parametrize("moment", ["before", "after", "recorded"])
def test_broken_off_anywhere_disk_and_record_name_one_image(
    cloud: SmallCloud, server_id: str, step: str, moment: str
) -> None:
    """Whatever boots then boots from a whole disk, on the base that belongs to it."""
    other = cloud.add_image("other")
    reset = Strike(f"rebuild/{step}/{moment}", lambda: cloud.reset_state(server_id, "error"))
    cloud.reboot(reset)
    rebuild(cloud, server_id, other)
    cloud.settle_down()
    cloud.act(server_id, "reboot_hard")
    cloud.settle_down()

    assert reset.struck
    server = cloud.server(server_id)
    disk = Layout(cloud.config.state_dir).disk(server_id)
    assert server.vm_state == ("active" if disk.exists() else "error")
    if disk.exists():
        assert backing_of(cloud, server_id) == server.image_id
        assert f"base/{server.image_id}.qcow2" in cloud.domain(server_id).XMLDesc()


def test_a_password_that_breaks_the_rule_leaves_it_in_error(cloud: SmallCloud) -> None:
    server_id = cloud.create_weak()
    cloud.work()
    rebuild(cloud, server_id, cloud.image_id(), admin_pass="weak")
    cloud.work()
    still = cloud.server(server_id)
    rebuild(cloud, server_id, cloud.image_id(), admin_pass="strong enough by now")
    cloud.work()

    assert (still.vm_state, still.fault and still.fault.mended_by) == ("error", "changePassword")
    assert cloud.server(server_id).vm_state == "active"


def test_what_does_not_fit_is_refused_and_nothing_begins(cloud: SmallCloud, server_id: str) -> None:
    before = cloud.server(server_id)
    with pytest.raises(BadRequest, match="Invalid key_name provided"):
        rebuild(cloud, server_id, cloud.image_id(), key_name="none", changes_key=True)
    with pytest.raises(BadRequest, match="imageRef: "):
        rebuild(cloud, server_id, server_id)

    assert cloud.server(server_id) == before
