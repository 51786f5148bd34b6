# SPDX-License-Identifier: Apache-2.0
"""qemu-img behind its one door: limits that end it, and formats that must be told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.errors import HostFailed
from agent.qemuimg import GIB, MIB, QUICK, Limits, Unreadable, check_readable, run_qemu_img
from tests.lab.waiting import wait_for


def make_raw(folder: Path, mib: int = 8) -> Path:
    path = folder / "image"
    path.write_bytes(b"")
    os.truncate(path, mib * MIB)
    return path


def test_a_run_past_its_deadline_is_killed(tmp_path: Path) -> None:
    fifo = tmp_path / "never-opened"
    os.mkfifo(fifo)  # opening it to read blocks for ever
    limits = Limits(memory_bytes=GIB, cpu_s=30, deadline_s=0.2)

    with pytest.raises(HostFailed, match=r"was stopped: it took longer than 0\.2 s"):
        run_qemu_img("info", ["-f", "raw"], [fifo], limits=limits)


def test_a_run_that_needs_too_much_memory_fails(tmp_path: Path) -> None:
    image = make_raw(tmp_path)
    limits = Limits(memory_bytes=8 * MIB, cpu_s=30, deadline_s=30)

    with pytest.raises(HostFailed, match="qemu-img info"):
        run_qemu_img("info", ["-f", "raw"], [image], limits=limits)


def test_a_run_that_burns_too_much_cpu_is_killed(tmp_path: Path) -> None:
    """And has memory enough for all of qemu-img's threads until then."""
    limits = Limits(memory_bytes=GIB, cpu_s=1, deadline_s=60)

    with pytest.raises(HostFailed, match="was killed: it took more than 1 s of CPU"):
        run_qemu_img(
            "bench",
            ["-q", "-f", "raw", "-c", "100000000", "-s", "512", "-d", "64"],
            [make_raw(tmp_path)],
            limits=limits,
        )


def test_qemu_img_dies_with_the_agent(tmp_path: Path) -> None:
    fifo = tmp_path / "never-opened"
    os.mkfifo(fifo)
    script = (
        "import sys; from pathlib import Path; from agent.qemuimg import *;"
        "run_qemu_img('info', ['-f', 'raw'], [Path(sys.argv[1])], limits=CONVERSION)"
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


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("info", []),
        ("convert", ["-f", "raw"]),
        ("convert", ["-O", "qcow2"]),
        ("measure", ["-O", "qcow2"]),
        ("create", ["-f", "qcow2", "-b", "/base"]),
        ("create", []),
        ("info", ["-f", "raw", "--image-opts"]),
        ("convert", ["-f", "raw", "-O", "qcow2", "-B", "/base"]),
    ],
)
def test_a_call_that_leaves_a_format_to_be_guessed_is_never_made(
    tmp_path: Path, command: str, options: list[str]
) -> None:
    with pytest.raises(ValueError, match=f"qemu-img {command}: without"):
        run_qemu_img(command, options, [make_raw(tmp_path)], limits=QUICK)


def test_a_command_that_is_not_known_is_never_run(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        run_qemu_img("rebase", ["-f", "qcow2"], [make_raw(tmp_path)], limits=QUICK)


def test_a_run_that_writes_too_much_is_killed_and_leaves_no_core(tmp_path: Path) -> None:
    source, target = tmp_path / "noise", tmp_path / "out"
    source.write_bytes(os.urandom(4 * MIB))
    limits = Limits(GIB, cpu_s=30, deadline_s=30, write_bytes=MIB)

    with pytest.raises(HostFailed) as raised:
        run_qemu_img("convert", ["-f", "raw", "-O", "qcow2"], [source, target], limits=limits)

    assert "convert" in raised.value.message
    assert target.stat().st_size <= MIB
    assert sorted(path.name for path in tmp_path.iterdir()) == ["noise", "out"]


def test_progress_is_told_from_nothing_to_all(tmp_path: Path) -> None:
    source = tmp_path / "noise"
    source.write_bytes(os.urandom(8 * MIB))
    told: list[float] = []
    limits = Limits(GIB, cpu_s=30, deadline_s=30, write_bytes=64 * MIB)

    run_qemu_img(
        "convert",
        ["-p", "-f", "raw", "-O", "qcow2"],
        [source, tmp_path / "out"],
        limits=limits,
        on_progress=told.append,
    )

    assert told == sorted(told)
    assert 0 <= told[0] <= 1
    assert told[-1] == 1.0


def test_who_listens_may_end_the_run(tmp_path: Path) -> None:
    source = tmp_path / "noise"
    source.write_bytes(os.urandom(8 * MIB))

    def stop(done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_qemu_img(
            "convert",
            ["-p", "-f", "raw", "-O", "qcow2"],
            [source, tmp_path / "out"],
            limits=Limits(GIB, cpu_s=30, deadline_s=30, write_bytes=64 * MIB),
            on_progress=stop,
        )

    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    assert not [pid for pid in children if Path(f"/proc/{pid}/comm").read_text() == "qemu-img\n"]


def test_qemu_itself_says_whether_it_can_read_a_disk(tmp_path: Path) -> None:
    good = tmp_path / "good"
    subprocess.run(["qemu-img", "create", "-q", "-f", "vdi", good, "8M"], check=True)

    assert check_readable(good, "vdi") == 8 * MIB
    with pytest.raises(Unreadable, match="qemu-img info failed"):
        run_qemu_img("info", ["-f", "vpc"], [good], limits=QUICK)
