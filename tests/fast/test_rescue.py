# SPDX-License-Identifier: Apache-2.0
"""Rescue over libvirt's test driver: what runs from where, and what is left when it is over."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import libvirt
import pytest
from oslo_utils import secretutils

from agent.creation import CreateServer
from agent.errors import Conflict, HostFailed
from agent.imaging import CreateImage
from agent.model.injection import InjectedFile
from agent.model.layout import Layout
from tests.fast.smallcloud import SmallCloud, everywhere
from tests.fast.test_lifecycle import break_host
from tests.unit.test_configdrive import extract

RUNNING = libvirt.VIR_DOMAIN_RUNNING


def active(cloud: SmallCloud) -> str:
    return cloud.made(cloud.create(), "active")


def rescued(cloud: SmallCloud) -> str:
    return cloud.made(cloud.create(), "rescued")


def disks(cloud: SmallCloud, server_id: str) -> list[str]:
    """The names of the files of the domain's disks, as it would start now."""
    xml = cloud.domain(server_id).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    sources = ElementTree.fromstring(xml).iterfind("devices/disk/source")
    return [Path(str(source.get("file"))).name for source in sources]


def files(cloud: SmallCloud, server_id: str) -> set[str]:
    return {path.name for path in Layout(cloud.config.state_dir).server(server_id).iterdir()}


def last_error(cloud: SmallCloud, server_id: str) -> str | None:
    return cloud.parts.store.servers.list_tasks(server_id)[0].error


def add_image(cloud: SmallCloud) -> str:
    """Another image of the caller's."""
    imaging, caller = cloud.parts.cloud.imaging, cloud.asking.caller
    image = imaging.create(caller, CreateImage("medic", None, "qcow2", "bare"))
    with imaging.files.open(cloud.image_id()) as disk:
        imaging.upload(caller, image.id, iter([disk.read()]))
    return image.id


OWN = ["disk.qcow2", "config.iso"]
IN_RESCUE = ["disk.rescue.qcow2", "disk.qcow2", "config.rescue.iso"]


def test_a_server_in_rescue_runs_another_disk_with_its_own_as_the_second(cloud: SmallCloud) -> None:
    server_id = rescued(cloud)

    server = cloud.server(server_id)
    assert (server.vm_state, server.task_state, server.power_state) == ("rescued", None, 1)
    assert cloud.domain(server_id).state()[0] == RUNNING
    assert disks(cloud, server_id) == IN_RESCUE
    assert cloud.inventory() == everywhere(server_id)


def test_after_it_the_server_runs_its_own_disk_and_nothing_is_left(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    before = cloud.domain(server_id).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    for action in ("rescue", "unrescue"):
        cloud.act(server_id, action)
        cloud.work()

    server = cloud.server(server_id)
    assert (server.vm_state, server.rescue) == ("active", None)
    assert cloud.domain(server_id).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE) == before
    assert {*OWN} <= files(cloud, server_id)
    assert not {"disk.rescue.qcow2", "config.rescue.iso"} & files(cloud, server_id)


def test_the_rescue_system_gets_a_password_and_the_key_and_nothing_that_was_for_the_other(
    cloud: SmallCloud, tmp_path: Path
) -> None:
    request = CreateServer(
        *("one", cloud.image_id(), "1"),
        user_data="IyEvYmluL3NoCg==",
        files=(InjectedFile("/etc/motd", b"for the server"),),
    )
    creation = cloud.parts.cloud.creation
    server_id = cloud.made(creation.create_server(cloud.asking, request).server.id, "active")
    password = cloud.parts.cloud.rescuing.rescue(cloud.asking, server_id, None, None)
    cloud.work()

    drive = Layout(cloud.config.state_dir).rescue_drive(server_id)
    tree = extract(Path(shutil.copy(drive, tmp_path)), tmp_path / "drive")
    vendor = json.loads(tree["openstack/latest/vendor_data.json"])["cloud-init"]
    line = next(line for line in vendor[0].splitlines() if line.startswith("password root "))
    hashed = line.split("'")[1]
    assert secretutils.crypt_password(password, hashed) == hashed
    assert json.loads(tree["openstack/latest/meta_data.json"])["uuid"] == server_id
    assert not [name for name in tree if "user_data" in name or "content" in name]
    assert drive.stat().st_mode & 0o777 == 0o600


def test_the_own_disk_comes_when_the_system_has_its_root_or_after_a_minute(
    cloud: SmallCloud,
) -> None:
    server_id = active(cloud)
    cloud.wrap = Rootless
    cloud.reboot()
    cloud.act(server_id, "rescue")
    cloud.work()
    waiting = (cloud.server(server_id).task_state, disks(cloud, server_id))
    began = cloud.clock.monotonic()
    cloud.settle_down()

    assert waiting == ("rescuing", ["disk.rescue.qcow2", "config.rescue.iso"])
    assert 60 <= cloud.clock.monotonic() - began < 65
    assert cloud.server(server_id).vm_state == "rescued"
    assert disks(cloud, server_id) == IN_RESCUE


class Rootless:
    """A host whose guests never show that they have their root."""

    def __init__(self, host: Any) -> None:
        self._host = host

    def __getattr__(self, name: str) -> Any:
        if name == "lives_on_disk":
            return lambda server_id: False
        return getattr(self._host, name)


@pytest.mark.parametrize(("vm_state", "is_on"), [("active", True), ("stopped", False)])
@pytest.mark.parametrize("verb", ["define", "plug_own_disk"])
def test_a_rescue_that_fails_late_puts_the_server_back_as_it_was(
    cloud: SmallCloud, vm_state: str, is_on: bool, verb: str
) -> None:
    server_id = cloud.made(cloud.create(), vm_state)
    break_host(cloud, verb, HostFailed("the host says no"), times=1)
    cloud.act(server_id, "rescue")
    cloud.settle_down()

    server = cloud.server(server_id)
    assert last_error(cloud, server_id) == "the host says no"
    assert (server.vm_state, server.task_state, server.rescue) == (vm_state, None, None)
    assert cloud.domain(server_id).isActive() == is_on
    assert disks(cloud, server_id) == OWN
    assert not {"disk.rescue.qcow2", "config.rescue.iso"} & files(cloud, server_id)


def test_a_rescue_that_fails_early_does_not_touch_the_guest(cloud: SmallCloud) -> None:
    """Its image is gone, and so is what was made of it."""
    server_id, layout = active(cloud), Layout(cloud.config.state_dir)
    running = cloud.domain(server_id).ID()
    image_id = add_image(cloud)
    rescuing = cloud.parts.cloud.rescuing
    rescuing.rescue(cloud.asking, server_id, image_id, None)
    with cloud.parts.store.db.write() as connection:
        connection.exec_driver_sql("DELETE FROM images WHERE id = ?", (image_id,))
    layout.base(image_id).unlink()
    cloud.work()

    assert "is gone. Name another one in rescue_image_ref" in str(last_error(cloud, server_id))
    assert cloud.server(server_id).vm_state == "active"
    assert cloud.domain(server_id).ID() == running


def test_the_own_image_may_be_gone_as_long_as_its_base_is_there(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    with cloud.parts.store.db.write() as connection:
        connection.exec_driver_sql("DELETE FROM images")
    cloud.act(server_id, "rescue")
    cloud.work()

    assert cloud.server(server_id).vm_state == "rescued"


def test_a_server_without_a_disk_is_not_rescued(cloud: SmallCloud) -> None:
    break_host(cloud, "define", HostFailed("the host says no"))
    server_id = cloud.create()
    cloud.work()
    cloud.act(server_id, "rescue")
    cloud.work()

    assert cloud.server(server_id).vm_state == "error"
    assert str(last_error(cloud, server_id)).startswith("The server's disk is gone")


def test_an_image_that_a_server_is_rescued_with_is_in_use_until_it_is_over(
    cloud: SmallCloud,
) -> None:
    server_id, image_id = active(cloud), add_image(cloud)
    imaging, asking = cloud.parts.cloud.imaging, cloud.asking
    cloud.parts.cloud.rescuing.rescue(asking, server_id, image_id, None)
    cloud.work()
    with pytest.raises(Conflict):
        imaging.delete(asking.caller, image_id)
    cloud.act(server_id, "unrescue")
    cloud.work()

    imaging.delete(asking.caller, image_id)
    assert cloud.server(server_id).vm_state == "active"


def test_a_guest_in_rescue_that_goes_off_is_still_in_rescue(cloud: SmallCloud) -> None:
    server_id = rescued(cloud)
    cloud.domain(server_id).destroy()
    cloud.settle_down()
    off = cloud.server(server_id)
    cloud.act(server_id, "unrescue")
    cloud.work()

    assert (off.vm_state, off.power_state) == ("rescued", 4)
    assert cloud.server(server_id).vm_state == "active"


def test_a_hard_reboot_after_a_reset_brings_the_own_disk_back(cloud: SmallCloud) -> None:
    server_id = rescued(cloud)
    cloud.reset_state(server_id, "error")
    cloud.act(server_id, "reboot_hard")
    cloud.work()

    assert cloud.server(server_id).vm_state == "active"
    assert disks(cloud, server_id) == OWN
    assert "disk.rescue.qcow2" not in files(cloud, server_id)


def test_a_rescue_after_a_reset_begins_with_a_new_disk(cloud: SmallCloud) -> None:
    server_id, layout = rescued(cloud), Layout(cloud.config.state_dir)
    first = layout.rescue_disk(server_id).stat().st_ino
    kept = layout.rescue_disk(server_id).open("rb")  # so that no other file gets its number
    cloud.reset_state(server_id, "error")
    cloud.act(server_id, "rescue")
    cloud.work()
    kept.close()

    assert cloud.server(server_id).vm_state == "rescued"
    assert layout.rescue_disk(server_id).stat().st_ino != first


def test_a_crash_dump_of_a_guest_that_is_off_says_so(cloud: SmallCloud) -> None:
    server_id = active(cloud)
    cloud.domain(server_id).destroy()
    cloud.act(server_id, "trigger_crash_dump")
    cloud.work()

    assert str(last_error(cloud, server_id)).startswith("The guest is not on")
