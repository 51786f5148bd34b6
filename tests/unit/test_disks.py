# SPDX-License-Identifier: Apache-2.0
"""Servers' disks, made and removed by a real qemu-img on a real file system."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agent import disks
from agent.errors import HostFailed, NoCapacity

MIB = 1024**2
SERVER_ID = "6f70e28c-7c4b-4a5e-9a07-2b9d1f1e0c11"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    disks.ensure_folders(tmp_path)
    return tmp_path


def make_image(state: Path, image_format: str, *, name: str = "image", mib: int = 8) -> Path:
    path = state / "images" / name
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", image_format, str(path), f"{mib}M"], check=True
    )
    return path


def read_info(path: Path) -> dict[str, object]:
    told = subprocess.run(
        ["qemu-img", "info", "--output=json", "-f", "qcow2", str(path)],
        check=True,
        capture_output=True,
    )
    info: dict[str, object] = json.loads(told.stdout)
    return info


def list_files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_state_folder_lets_qemu_pass_and_nobody_list(tmp_path: Path) -> None:
    disks.ensure_folders(tmp_path / "state")

    modes = {
        str(path.relative_to(tmp_path)): mode_of(path)
        for path in (tmp_path / "state", *(tmp_path / "state").iterdir())
    }
    assert modes == {
        "state": 0o711,
        "state/base": 0o711,
        "state/images": 0o700,
        "state/servers": 0o711,
    }


def test_a_servers_folder_may_be_made_twice(state: Path) -> None:
    folder = state / "servers" / SERVER_ID

    disks.make_server_folder(folder)
    disks.make_server_folder(folder)

    assert mode_of(folder) == 0o711


def test_an_overlay_names_its_base_and_both_formats(state: Path) -> None:
    base = make_image(state, "qcow2")
    disk = state / "disk.qcow2"

    disks.create_overlay(base, "qcow2", disk, 32 * MIB)

    info = read_info(disk)
    assert info["format"] == "qcow2"
    assert info["virtual-size"] == 32 * MIB
    assert info["backing-filename"] == str(base)
    assert info["backing-filename-format"] == "qcow2"
    assert mode_of(disk) == 0o600


def test_an_overlay_without_a_size_is_as_large_as_its_base(state: Path) -> None:
    disks.create_overlay(make_image(state, "qcow2"), "qcow2", state / "disk.qcow2")

    assert read_info(state / "disk.qcow2")["virtual-size"] == 8 * MIB


def test_an_overlay_that_is_there_is_left_alone(state: Path) -> None:
    disk = state / "disk.qcow2"
    disk.write_bytes(b"a guest's data")

    disks.create_overlay(make_image(state, "qcow2"), "qcow2", disk, 32 * MIB)

    assert disk.read_bytes() == b"a guest's data"


def test_an_overlay_on_a_missing_base_fails_and_leaves_nothing(state: Path) -> None:
    with pytest.raises(HostFailed) as raised:
        disks.create_overlay(state / "base" / "gone.qcow2", "qcow2", state / "disk.qcow2", MIB)

    assert raised.value.message.startswith("qemu-img create failed: ")
    assert "gone.qcow2" in raised.value.message
    assert str(state) not in raised.value.message
    assert list_files(state) == []


def test_names_with_option_and_protocol_characters_are_only_names(state: Path) -> None:
    base = make_image(state, "qcow2", name="-a,b:c %20 é")

    disks.create_overlay(base, "qcow2", state / "--help,size=1", MIB * 8)

    assert read_info(state / "--help,size=1")["backing-filename"] == str(base)


def test_a_relative_path_is_refused(state: Path) -> None:
    with pytest.raises(ValueError, match="not an absolute path"):
        disks.create_overlay(Path("json:{}"), "qcow2", state / "disk.qcow2", MIB)


def test_a_servers_files_go_and_twice_is_harmless(state: Path) -> None:
    folder = state / "servers" / SERVER_ID
    disks.make_server_folder(folder)
    for name in ("disk.qcow2", "config.iso", "console.log", ".disk.qcow2.0.part"):
        (folder / name).write_bytes(b"x")

    disks.remove_server_files(folder)
    disks.remove_server_files(folder)

    assert list((state / "servers").iterdir()) == []


def test_a_symbolic_link_in_a_servers_folder_is_removed_not_followed(state: Path) -> None:
    folder = state / "servers" / SERVER_ID
    disks.make_server_folder(folder)
    (state / "precious").mkdir()
    (state / "precious" / "file").write_text("kept")
    (folder / "link").symlink_to(state / "precious")

    disks.remove_server_files(folder)

    assert not folder.exists()
    assert (state / "precious" / "file").read_text() == "kept"


def test_a_symbolic_link_in_place_of_a_servers_folder_is_removed_not_followed(
    state: Path,
) -> None:
    (state / "precious").mkdir()
    (state / "precious" / "file").write_text("kept")
    folder = state / "servers" / SERVER_ID
    folder.symlink_to(state / "precious")

    disks.remove_server_files(folder)

    assert not os.path.lexists(folder)
    assert (state / "precious" / "file").read_text() == "kept"


def test_a_folder_that_is_no_servers_is_never_removed(state: Path) -> None:
    with pytest.raises(ValueError, match="badly formed"):
        disks.remove_server_files(state)

    assert state.is_dir()


def test_room_that_is_there_is_no_error(state: Path) -> None:
    disks.check_room(state, disks.free_bytes(state) // 2)


def test_room_that_is_not_there_is_refused_with_the_numbers(state: Path) -> None:
    with pytest.raises(NoCapacity, match=r"has \d+\.\d\d GiB free and 1048576.00 GiB are needed"):
        disks.check_room(state, 1024**5)


def test_free_bytes_are_those_that_df_shows(state: Path) -> None:
    shown = subprocess.run(
        ["df", "--output=avail", "-B1", str(state)], check=True, capture_output=True, text=True
    )

    assert disks.free_bytes(state) == pytest.approx(int(shown.stdout.split()[1]), abs=256 * MIB)


def test_a_sweep_removes_what_a_crash_left_and_nothing_else(state: Path) -> None:
    folder = state / "servers" / SERVER_ID
    disks.make_server_folder(folder)
    others = f"images/.b.{os.getppid()}.0123.part"  # of a process that lives
    kept = ("base/a.qcow2", "images/a", f"servers/{SERVER_ID}/disk.qcow2", "images/.part.d", others)
    dead = f"{os.getpid()}.0123"
    left = (
        f"base/.a.qcow2.{dead}.part",
        f"images/.a.{dead}.part",
        f"servers/{SERVER_ID}/.disk.qcow2.{dead}.part",
    )
    for name in (*kept, *left):
        (state / name).write_bytes(b"x")

    swept = disks.sweep_temp_files(state)

    assert swept == 3
    assert list_files(state) == sorted(kept)


def test_a_sweep_of_a_folder_not_set_up_yet_does_nothing(tmp_path: Path) -> None:
    assert disks.sweep_temp_files(tmp_path / "state") == 0


def test_what_a_process_left_that_nobody_has_reaped_is_swept(state: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as zombie:
        os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
        part = state / "images" / f".image.{zombie.pid}.0123.part"
        part.write_bytes(b"half")

        swept = disks.sweep_temp_files(state)

    assert swept == 1
    assert not part.exists()


def make_disk(state: Path, mib: int = 64) -> Path:
    """A disk with a byte pattern at its beginning, over a base of 8 MiB."""
    base, folder = make_image(state, "qcow2"), state / "servers" / SERVER_ID
    disks.make_server_folder(folder)
    disk = folder / "disk.qcow2"
    disks.create_overlay(base, "qcow2", disk, mib * MIB)
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -q -P 7 1M 128k", str(disk)], check=True)
    return disk


def test_a_copy_is_the_same_to_the_byte_and_no_larger(state: Path) -> None:
    disk = make_disk(state)
    with disk.open("r+b") as file:
        file.truncate(512 * MIB)  # as long as a disk whose guest has discarded much
    kept = disk.with_name("disk.resize.qcow2")
    disks.copy_disk(disk, kept)

    assert kept.read_bytes() == disk.read_bytes()
    assert mode_of(kept) == 0o600
    assert kept.stat().st_blocks <= disk.stat().st_blocks + 64
    assert disks.used_bytes(kept) < 4 * MIB


def test_a_copy_that_is_there_stays_what_it_is(state: Path) -> None:
    disk = make_disk(state)
    kept = disk.with_name("disk.resize.qcow2")
    kept.write_text("the first")
    disks.copy_disk(disk, kept)

    assert kept.read_text() == "the first"


def test_a_disk_grows_once_and_never_shrinks(state: Path) -> None:
    disk = make_disk(state)
    for _ in range(2):
        disks.grow_disk(disk, 100 * 1024 * MIB)

    assert read_info(disk)["virtual-size"] == 100 * 1024 * MIB
    pattern = ["qemu-io", "-f", "qcow2", "-r", "-c", "read -q -P 7 1M 128k", str(disk)]
    assert "failed" not in subprocess.run(pattern, check=True, capture_output=True).stdout.decode()
    with pytest.raises(HostFailed, match=r"^Unable to resize disk down: it has 107374182400 bytes"):
        disks.grow_disk(disk, 64 * MIB)


def test_a_large_file_grows_too(state: Path) -> None:
    """qemu-img may write no file beyond a length, which is the disk's own and a little."""
    disk = make_disk(state)
    with disk.open("r+b") as file:
        file.truncate(512 * MIB)
    disks.grow_disk(disk, 2 * 1024 * 1024 * MIB)

    assert read_info(disk)["virtual-size"] == 2 * 1024 * 1024 * MIB


def test_what_was_kept_is_put_back_once(state: Path) -> None:
    disk = make_disk(state)
    kept = disk.with_name("disk.resize.qcow2")
    kept.write_text("before")
    for _ in range(2):
        disks.put_disk_back(kept, disk)

    assert disk.read_text() == "before"
    assert not kept.exists()


def test_a_wipe_leaves_what_the_console_printed(state: Path) -> None:
    folder = make_disk(state).parent
    for name in ("config.iso", "console.log", "console.log.0", "disk.rescue.qcow2"):
        (folder / name).write_text(name)
    for _ in range(2):
        disks.remove_disks(folder)
    disks.remove_disks(folder.with_name("22222222-2222-4222-8222-222222222222"))

    assert list_files(folder) == ["console.log", "console.log.0"]
