# SPDX-License-Identifier: Apache-2.0
"""The one door to qemu-img: limited, with a deadline, and told the format of every file.

No format is ever probed: a guest owns what is on its disk, and a user what is in an image, and
either could write a header there that names a file of the host. So a command runs only when the
options that it needs for that are there (`FORMATS`), and only on absolute paths, which can't be
taken for a protocol. It runs with limits on memory, CPU and what it writes, and dies with us.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from agent.errors import BadRequest, HostFailed

GIB = 1024**3
MIB = 1024**2

FORMATS = {
    "create": ("-f",),
    "convert": ("-f", "-O"),
    "info": ("-f",),
    "measure": ("-f", "-O"),
    "bench": ("-f",),
    "resize": ("-f",),
}
"""The commands that may be run, with the options that name formats for each."""

WITH_BACKING = {"-b": "-F"}
"""What must be there, too, when an option names a backing file."""

BANNED = ("--image-opts", "--target-image-opts", "-B", "-U")

QEMU_NAMES = {"vhd": "vpc", "iso": "raw", "ami": "raw", "aki": "raw", "ari": "raw"}
"""What qemu-img calls a disk_format of the Image API, where the two differ."""

SIGNALLED = {-signal.SIGKILL, -signal.SIGXCPU}

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",  # its messages end up in faults
    # Else glibc reserves 64 MiB of address space for each of up to 64 threads, and the limit on
    # address space makes qemu-img abort now and then ("qemu_thread_create").
    "MALLOC_ARENA_MAX": "1",
}

Progress = Callable[[float], None]
"""Is told how much is done, from 0.0 to 1.0, from the thread that waits."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run of qemu-img may take."""

    memory_bytes: int  # of address space
    cpu_s: int
    deadline_s: float
    write_bytes: int = 16 * MIB  # the largest file that it may make


QUICK = Limits(memory_bytes=GIB, cpu_s=30, deadline_s=60.0)
CONVERSION = Limits(memory_bytes=2 * GIB, cpu_s=1200, deadline_s=1800.0)


class Unreadable(HostFailed):
    """qemu-img ended by itself with an error: of the files that it was given, for what we know."""


def qemu_name(disk_format: str) -> str:
    """Give qemu-img's name of a disk_format."""
    return QEMU_NAMES.get(disk_format, disk_format)


def run_qemu_img(
    command: str,
    options: Sequence[str],
    operands: Sequence[Path | int],
    *,
    limits: Limits,
    on_progress: Progress | None = None,
) -> str:
    """Run qemu-img under `limits` and return what it printed.

    `HostFailed` when the limits end it; `Unreadable` with its own reason when it fails by itself.
    `ValueError` for a call that leaves a format to be guessed. With `on_progress`, `-p` must be
    among the options.
    """
    _check_formats(command, options)
    words = [absolute(item) if isinstance(item, Path) else str(item) for item in operands]
    code, stdout, stderr = _run([command, *options, "--", *words], limits, on_progress)
    if code in SIGNALLED:
        raise HostFailed(
            f"qemu-img {command} was killed: it took more than {limits.cpu_s} s of CPU, or the "
            "host ran out of memory."
        )
    if code == -signal.SIGXFSZ:
        raise HostFailed(
            f"qemu-img {command} was killed: it wrote more than {limits.write_bytes} bytes."
        )
    if code != 0:
        reason = _reason(stderr, [*options, *words])
        failed = f"qemu-img {command} failed: {reason}"
        is_host = any(sign in reason for sign in ("No space left", "Cannot allocate memory"))
        raise HostFailed(failed) if is_host else Unreadable(failed)
    return stdout.decode("utf-8", errors="replace")


def ask_qemu_img(command: str, options: Sequence[str], path: Path) -> dict[str, Any]:
    """Run a command that only reads, and give its answer, parsed. Errors as of `run_qemu_img`."""
    told = run_qemu_img(command, ["--output=json", *options], [path], limits=QUICK)
    answer: dict[str, Any] = json.loads(told)
    return answer


def check_readable(path: Path, disk_format: str) -> int:
    """Have QEMU open a file that passed our own checks; return the virtual size that it sees.

    `BadRequest` when QEMU can't: a user is to hear of it before a server is built on it.
    """
    try:
        return int(ask_qemu_img("info", ["-f", qemu_name(disk_format)], path)["virtual-size"])
    except Unreadable as error:
        raise damaged(disk_format, error) from error


def damaged(disk_format: str, error: Unreadable) -> BadRequest:
    """What a user is told of a disk that QEMU can't read."""
    reason = error.message.rstrip(".")
    return BadRequest(f"The {disk_format} image is damaged: {reason}. Upload it again.")


def _check_formats(command: str, options: Sequence[str]) -> None:
    needed = [*FORMATS[command], *(then for flag, then in WITH_BACKING.items() if flag in options)]
    missing = [flag for flag in needed if flag not in options]
    banned = [flag for flag in options if flag.startswith(BANNED)]
    if missing or banned:
        raise ValueError(f"qemu-img {command}: without {missing}, or with {banned}")


def _run(
    words: Sequence[str], limits: Limits, on_progress: Progress | None
) -> tuple[int, bytes, bytes]:
    """Run qemu-img to its end; give its exit code and what it printed."""
    argv = [
        *("setpriv", "--pdeathsig", "KILL", "--"),
        *("prlimit", f"--as={limits.memory_bytes}", f"--cpu={limits.cpu_s}"),
        *(f"--fsize={limits.write_bytes}", "--core=0", "--"),
        *("qemu-img", *words),
    ]
    try:
        # A group of its own: Ctrl-C on a foreground `serve` stops us in order, and must not first
        # fail the work of all servers. Each program here replaces the one before, so that there is
        # one process to kill. The parent-death signal is bound to the *thread* that started it:
        # this one, which waits.
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
            env=ENVIRONMENT,
        )
    except FileNotFoundError as error:
        raise HostFailed("setpriv is missing on the host; install util-linux.") from error
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(limits.deadline_s, end)
    with process:
        timer.start()
        try:
            if on_progress is not None:
                _follow(process.stdout, on_progress)
            stdout, stderr = process.communicate()
        finally:
            timer.cancel()
            process.kill()  # only when something was raised is it still there
    if late.is_set():
        raise HostFailed(
            f"qemu-img {words[0]} was stopped: it took longer than {limits.deadline_s:g} s."
        )
    return process.returncode, stdout, stderr


def _follow(stdout: IO[bytes] | None, on_progress: Progress) -> None:
    """Pass on the percentages that `-p` prints, "    (12.34/100%)\\r", until the end."""
    while stdout is not None and (piece := stdout.read1(4096)):  # type: ignore[attr-defined]
        found = re.findall(rb"\((\d+\.\d+)/100%\)", piece)
        if found:
            on_progress(float(found[-1]) / 100)


def _reason(stderr: bytes, words: Sequence[str]) -> str:
    """Return the error that a program told of first, naming files without their folders.

    The lines after it say less ("Could not open backing image."), those before it only warn.
    """
    lines = stderr.decode("utf-8", errors="replace").strip().splitlines()
    line = next((line for line in lines if "warning:" not in line), "it gave no reason.")
    for word in words:
        if word.startswith("/"):
            line = line.replace(word, Path(word).name)
    return line.removeprefix("qemu-img: ")


def absolute(path: Path) -> str:
    """Give a path as qemu-img takes it; `ValueError` for one that may mean something else."""
    # "json:…", "nbd:…": qemu-img takes what stands before a colon for a protocol, unless a slash
    # comes first.
    if not path.is_absolute():
        raise ValueError(f"not an absolute path: {path}")
    return str(path)
