# SPDX-License-Identifier: Apache-2.0
"""Files and passwords on their way into a guest: what is kept, what reaches the config drive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from oslo_utils import secretutils

from agent.creation import CreatedServer, CreateServer
from agent.errors import BadRequest, Conflict, GuestSilent, HostFailed, OverQuota
from agent.model.injection import InjectedFile
from agent.model.layout import Layout
from tests.fast.smallcloud import STRONG, SmallCloud, everywhere
from tests.fast.test_lifecycle import break_host
from tests.lab.commands import run

FILES = (InjectedFile("/etc/motd", b"hello\n"), InjectedFile("/etc/passwd", b"root:x:0:0::/:\n"))


def create(cloud: SmallCloud, image: str = "tiny", **fields: Any) -> CreatedServer:
    request = CreateServer("one", cloud.image_id(image), "1", **fields)
    return cloud.parts.cloud.creation.create_server(cloud.asking, request)


def read_drive(cloud: SmallCloud, server_id: str, to: Path) -> Path:
    """The config drive's tree."""
    drive = Layout(cloud.config.state_dir).config_drive(server_id)
    run(["xorriso", "-osirrox", "on", "-indev", f"stdio:{drive}", "-extract", "/", to])
    return to / "openstack"


def parts_of(tree: Path) -> list[str]:
    data = json.loads((tree / "latest/vendor_data.json").read_text())
    return list(data.get("cloud-init", []))


def database(cloud: SmallCloud) -> bytes:
    files = [Path(f"{Layout(cloud.config.state_dir).database}{end}") for end in ("", "-wal")]
    return b"".join(file.read_bytes() for file in files if file.exists())


def test_files_and_password_reach_the_config_drive(cloud: SmallCloud, tmp_path: Path) -> None:
    created = create(cloud, files=FILES, admin_pass="größte:x")
    cloud.work()

    tree = read_drive(cloud, created.server.id, tmp_path / "drive")
    (part,) = parts_of(tree)
    call = next(line for line in part.splitlines() if line.startswith("password root "))
    hashed = call.removeprefix("password root ").strip("'")
    assert created.admin_pass == "größte:x"
    assert secretutils.crypt_password("größte:x", hashed) == hashed
    assert (tree / "content/0000").read_bytes() == b"hello\n"
    assert (tree / "content/0001").read_bytes() == b"root:x:0:0::/:\n"
    assert "file 0001 /etc/passwd" in part.splitlines()
    assert "files" not in json.loads((tree / "latest/meta_data.json").read_text())


def test_a_password_is_made_up_where_none_is_given(cloud: SmallCloud, tmp_path: Path) -> None:
    created = create(cloud)
    cloud.work()

    (part,) = parts_of(read_drive(cloud, created.server.id, tmp_path / "drive"))
    hashed = part.split("password root ")[1].splitlines()[0].strip("'")
    assert len(created.admin_pass) == 12
    assert secretutils.crypt_password(created.admin_pass, hashed) == hashed


def test_the_images_administrator_gets_the_password(cloud: SmallCloud, tmp_path: Path) -> None:
    cloud.add_image("debian", os_admin_user="debian")
    created = create(cloud, "debian")
    cloud.work()

    early, late = parts_of(read_drive(cloud, created.server.id, tmp_path / "drive"))
    assert "\npassword debian " in early
    assert "\npassword debian " in late


def test_windows_is_told_its_password_and_files_as_it_wants_them(
    cloud: SmallCloud, tmp_path: Path
) -> None:
    cloud.add_image("win", os_type="windows")
    created = create(cloud, "win", files=FILES, admin_pass="canary-clear-1")
    kept = database(cloud)
    cloud.work()

    tree = read_drive(cloud, created.server.id, tmp_path / "drive")
    meta_data = json.loads((tree / "latest/meta_data.json").read_text())
    assert meta_data["admin_pass"] == "canary-clear-1"
    assert meta_data["files"][1] == {"path": "/etc/passwd", "content_path": "/content/0001"}
    assert b"canary-clear-1" not in kept
    assert b"canary-clear-1" not in database(cloud)


def test_files_are_kept_with_their_server_and_forgotten_with_it(cloud: SmallCloud) -> None:
    server_id = create(cloud, files=FILES).server.id
    cloud.work()
    Layout(cloud.config.state_dir).config_drive(server_id).unlink()
    cloud.act(server_id, "reboot_hard")
    cloud.work()

    assert Layout(cloud.config.state_dir).config_drive(server_id).is_file()
    assert cloud.parts.store.injections.get(server_id).files == FILES

    cloud.act(server_id, "delete")
    cloud.work()

    assert cloud.parts.store.injections.get(server_id).files == ()
    assert cloud.parts.store.injections.get(server_id).credential is None


def test_an_images_limits_are_lower_than_the_clouds(cloud: SmallCloud) -> None:
    cloud.add_image("strict", cumulet_max_personality="1", cumulet_max_personality_size="6")

    create(cloud, "strict", files=FILES[:1])
    with pytest.raises(OverQuota, match="2 files were given, 1 are allowed"):
        create(cloud, "strict", files=FILES)
    with pytest.raises(OverQuota, match=r"15 bytes, 6 are allowed"):
        create(cloud, "strict", files=FILES[1:])


def test_a_weak_password_makes_a_locked_server_in_error(cloud: SmallCloud, tmp_path: Path) -> None:
    server_id = cloud.create_weak()
    cloud.work()

    server = cloud.server(server_id)
    assert (server.vm_state, server.task_state) == ("error", None)
    assert server.fault is not None
    assert server.fault.message.startswith(
        "adminPass: The password must have at least 12 characters. The server is built, but its "
        "password is locked."
    )
    assert cloud.domain(server_id).isActive()
    assert cloud.inventory() == everywhere(server_id)
    (part,) = parts_of(read_drive(cloud, server_id, tmp_path / "drive"))
    assert "\npassword root '!'\n" in part


def test_a_strong_one_mends_it_and_a_weak_one_does_not(cloud: SmallCloud) -> None:
    server_id = cloud.create_weak()
    cloud.work()

    with pytest.raises(BadRequest, match="adminPass: The password must have at least 12"):
        cloud.parts.cloud.admin_pass.change(cloud.asking, server_id, "weak again")
    assert cloud.server(server_id).task_state is None

    cloud.act(server_id, "changePassword")
    cloud.work()

    server = cloud.server(server_id)
    assert (server.vm_state, server.task_state, server.fault) == ("active", None, None)


def test_a_server_in_error_for_another_reason_is_not_mended_by_a_password(
    cloud: SmallCloud,
) -> None:
    break_host(cloud, "start", HostFailed("no memory"))
    server_id = cloud.create_weak()
    cloud.work()

    fault = cloud.server(server_id).fault
    assert fault is not None
    assert fault.message == "no memory"
    with pytest.raises(Conflict, match=r"Cannot 'changePassword' .* vm_state error"):
        cloud.act(server_id, "changePassword")


def test_a_failed_change_leaves_the_server_and_tells_the_cause(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "active")
    break_host(cloud, "set_password", HostFailed("no guest agent answers"))
    cloud.parts.engine.start()  # so that the request has something to wait for
    try:
        with pytest.raises(Conflict, match=f"on {server_id} because no guest agent answers\\."):
            cloud.act(server_id, "changePassword")
    finally:
        cloud.parts.engine.stop()

    server = cloud.server(server_id)
    assert (server.vm_state, server.task_state, server.fault) == ("active", None, None)


def test_the_agent_of_a_guest_that_may_be_booting_is_waited_for(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "active")
    break_host(cloud, "set_password", GuestSilent("no guest agent answers"))
    cloud.act(server_id, "changePassword")
    cloud.work()
    cloud.clock.advance(59)
    cloud.work()
    assert cloud.server(server_id).task_state == "updating_password"

    cloud.clock.advance(2)
    cloud.work()

    (task, *_) = cloud.parts.store.servers.list_tasks(server_id)
    assert task.error == "no guest agent answers"
    assert cloud.server(server_id).task_state is None

    cloud.act(server_id, "changePassword")
    cloud.work()
    assert cloud.server(server_id).task_state is None


def test_without_an_agent_a_locked_server_is_told_of_the_rebuild(cloud: SmallCloud) -> None:
    server_id = cloud.create_weak()
    cloud.work()
    break_host(cloud, "set_password", HostFailed("no guest agent answers"))
    cloud.parts.engine.start()
    try:
        with pytest.raises(Conflict, match=r"If it has no agent, rebuild the server"):
            cloud.act(server_id, "changePassword")
    finally:
        cloud.parts.engine.stop()

    assert cloud.server(server_id).vm_state == "error"


def test_a_deletion_that_barges_in_ends_the_wait(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "active")

    def barge(point: str) -> None:
        if point == "changePassword/set_password/before":
            cloud.act(server_id, "delete")

    cloud.reboot(barge)
    cloud.parts.engine.start()
    try:
        with pytest.raises(Conflict, match="interrupted by delete"):
            cloud.act(server_id, "changePassword")
    finally:
        cloud.parts.engine.stop()


def test_a_new_password_is_kept_as_a_hash_only(cloud: SmallCloud) -> None:
    server_id = cloud.made(cloud.create(), "active")
    cloud.act(server_id, "changePassword")
    (task, *_) = cloud.parts.store.servers.list_tasks(server_id)
    cloud.work()

    (done, *_) = cloud.parts.store.servers.list_tasks(server_id)
    hashed = str(task.args["hash"])
    assert task.args == {"user": "root", "hash": hashed, "patience_s": 60}
    assert done.error is None
    assert secretutils.crypt_password(STRONG, hashed) == hashed
    assert STRONG.encode() not in database(cloud)

    cloud.act(server_id, "delete")
    cloud.work()

    assert [task.args for task in cloud.parts.store.servers.list_tasks(server_id)] == [{}, {}, {}]
