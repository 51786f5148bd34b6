# SPDX-License-Identifier: Apache-2.0
"""Servers' disks, made and removed by a real qemu-img on a real file system."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent import disks
from agent.errors import HostFailed, NoCapacity
from tests.lab.waiting import wait_for

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


def test_a_qcow2_image_becomes_its_base_without_taking_space(state: Path) -> None:
    image = make_image(state, "qcow2")
    base = state / "base" / "image.qcow2"

    disks.ensure_base(image, "qcow2", base)

    assert base.samefile(image)


def test_a_raw_image_is_converted(state: Path) -> None:
    image = make_image(state, "raw")
    with image.open("r+b") as file:
        file.write(b"boot sector")
    base = state / "base" / "image.qcow2"

    disks.ensure_base(image, "raw", base)

    compared = subprocess.run(
        ["qemu-img", "compare", "-f", "raw", "-F", "qcow2", str(image), str(base)],
        check=False,
    )
    assert compared.returncode == 0
    assert mode_of(base) == 0o400
    assert list_files(state) == ["base/image.qcow2", "images/image"]


def test_a_raw_image_with_a_qcow2_header_stays_raw(state: Path) -> None:
    """The format is told, never probed: the header's backing file is not read."""
    trap = ["-f", "qcow2", "-u", "-b", "/etc/hostname", "-F", "raw"]
    image = state / "images" / "image"
    subprocess.run(["qemu-img", "create", "-q", *trap, str(image), "8M"], check=True)
    os.truncate(image, 8 * MIB)
    base = state / "base" / "image.qcow2"

    disks.ensure_base(image, "raw", base)

    assert "backing-filename" not in read_info(base)
    assert read_info(base)["virtual-size"] == 8 * MIB


def test_a_base_that_is_there_is_left_alone(state: Path) -> None:
    base = state / "base" / "image.qcow2"
    base.write_bytes(b"already")

    disks.ensure_base(state / "images" / "gone", "raw", base)

    assert base.read_bytes() == b"already"


def test_many_builds_of_one_raw_image_convert_it_once(state: Path) -> None:
    image = make_image(state, "raw", mib=64)
    base = state / "base" / "image.qcow2"

    def build(number: int) -> int:
        disks.ensure_base(image, "raw", base)
        return base.stat().st_ino

    with ThreadPoolExecutor(4) as pool:
        inodes = set(pool.map(build, range(4)))

    assert len(inodes) == 1
    assert list_files(state / "base") == ["image.qcow2"]


def test_a_missing_image_file_fails_and_leaves_nothing(state: Path) -> None:
    for image_format in ("qcow2", "raw"):
        with pytest.raises(HostFailed, match="No such file or directory"):
            disks.ensure_base(
                state / "images" / "gone", image_format, state / "base" / "gone.qcow2"
            )

    assert list_files(state) == []


def test_an_image_format_that_cannot_be_booted_is_refused(state: Path) -> None:
    with pytest.raises(HostFailed, match="format 'vmdk' can't be booted; convert it to qcow2"):
        disks.ensure_base(make_image(state, "raw"), "vmdk", state / "base" / "image.qcow2")


def test_the_cost_of_a_base_is_nothing_for_qcow2_and_the_files_size_for_raw(state: Path) -> None:
    base = state / "base" / "image.qcow2"
    raw = make_image(state, "raw", name="raw")
    qcow2 = make_image(state, "qcow2", name="qcow2")

    assert disks.base_cost_bytes(qcow2, "qcow2", base) == 0
    assert disks.base_cost_bytes(raw, "raw", base) == 8 * MIB
    disks.ensure_base(raw, "raw", base)
    assert disks.base_cost_bytes(raw, "raw", base) == 0


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


def test_a_run_past_its_deadline_is_killed(state: Path) -> None:
    fifo = state / "never-opened"
    os.mkfifo(fifo)  # opening it to read blocks for ever
    limits = disks.Limits(memory_bytes=disks.GIB, cpu_s=30, deadline_s=0.2)

    with pytest.raises(HostFailed, match=r"was stopped: it took longer than 0\.2 s"):
        disks.run_qemu_img("info", ["-f", "raw"], [str(fifo)], limits=limits)


def test_a_run_that_needs_too_much_memory_fails(state: Path) -> None:
    image = make_image(state, "raw")
    limits = disks.Limits(memory_bytes=8 * MIB, cpu_s=30, deadline_s=30)

    with pytest.raises(HostFailed, match="qemu-img info"):
        disks.run_qemu_img("info", ["-f", "raw"], [str(image)], limits=limits)


def test_a_run_that_burns_too_much_cpu_is_killed(state: Path) -> None:
    """And has memory enough for all of qemu-img's threads until then."""
    limits = disks.Limits(memory_bytes=disks.GIB, cpu_s=1, deadline_s=60)

    with pytest.raises(HostFailed, match="was killed: it took more than 1 s of CPU"):
        disks.run_qemu_img(
            "bench",
            ["-q", "-f", "raw", "-c", "100000000", "-s", "512", "-d", "64"],
            [str(make_image(state, "raw"))],
            limits=limits,
        )


def test_qemu_img_dies_with_the_agent(state: Path) -> None:
    fifo = state / "never-opened"
    os.mkfifo(fifo)
    script = (
        "import sys; from pathlib import Path; from agent import disks;"
        "disks.run_qemu_img('info', ['-f', 'raw'], [sys.argv[1]], limits=disks.CONVERSION)"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", script, str(fifo)], cwd=root) as agent:
        children = Path(f"/proc/{agent.pid}/task/{agent.pid}/children")

        def find_qemu_img() -> int | None:
            for pid in children.read_text().split():
                if Path(f"/proc/{pid}/comm").read_text() == "qemu-img\n":
                    return int(pid)
            return None

        child = wait_for(find_qemu_img, timeout_s=10, what="qemu-img to run")
        agent.kill()
        agent.wait()

        wait_for(lambda: is_gone(child), timeout_s=10, what="qemu-img to be gone")


def is_gone(pid: int) -> bool:
    """A zombie counts as gone: whoever is PID 1 reaps it in its own time."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


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
