# SPDX-License-Identifier: Apache-2.0
"""Servers' disks: plain local files, each a qcow2 overlay on a cached base, made by qemu-img.

No format is ever probed here: a guest owns what is on its disk and could write any header there,
so every call to qemu-img names the format of each file. qemu-img runs with limits on memory and
CPU, with a deadline, and dies with this process. A file appears under its name only when it is
whole and on the disk: it is made under a temporary name (`.NAME.*.part`) in the same folder.

Who may see what (libvirt gives the files of a started guest to QEMU's user by itself):

    STATE, servers/, servers/ID/, base/   0711   QEMU's user passes through, nobody may list
    images/                               0700   only the agent reads images
    disks and bases                       0600 and 0400, root's
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from agent.errors import HostFailed, NoCapacity
from agent.wholefile import is_abandoned, refusals, sync_folder, whole_file

GIB = 1024**3

FOLDER_MODES = {"": 0o711, "servers": 0o711, "base": 0o711, "images": 0o700}
"""The folders of a state folder (and itself), with their modes."""

TEMPORARY_FILES = ("base/.*.part", "images/.*.part", "servers/*/.*.part")

REMOVAL_TRIES = 10

CONVERTED_FROM = {"raw": "raw", "iso": "raw"}
"""What qemu-img is told of an image's file that has to be converted, by its disk_format."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run of qemu-img may take."""

    memory_bytes: int  # of address space
    cpu_s: int
    deadline_s: float


QUICK = Limits(memory_bytes=GIB, cpu_s=30, deadline_s=60.0)
CONVERSION = Limits(memory_bytes=2 * GIB, cpu_s=1200, deadline_s=1800.0)

_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",  # its messages end up in faults
    # Else glibc reserves 64 MiB of address space for each of up to 64 threads, and the limit on
    # address space makes qemu-img abort now and then ("qemu_thread_create").
    "MALLOC_ARENA_MAX": "1",
}


def ensure_folders(state_dir: Path) -> None:
    """Make the folders of a state folder and set their modes; idempotent. `HostFailed`."""
    with refusals("The state folder could not be made"):
        for name, mode in FOLDER_MODES.items():
            _ensure_folder(state_dir / name, mode)


def make_server_folder(folder: Path) -> None:
    """Make the folder of one server, which QEMU's user may pass but not list. `HostFailed`."""
    with refusals("The server's folder could not be made"):
        _ensure_folder(folder, 0o711)


def ensure_base(image_file: Path, image_format: str, base_path: Path) -> None:
    """Make the cached base of an image as a qcow2 file, unless it is there.

    A qcow2 image becomes its base by a second name for the same file: at once and without space.
    That is safe because neither name is ever opened for writing: an image never changes once it
    is active, QEMU opens a backing file read-only, and images are replaced by rename, which
    leaves running guests theirs. Other formats are converted, one at a time on a host.

    May block for minutes (a conversion, or somebody else's). `HostFailed`.
    """
    with refusals("The image could not be cached"):
        if base_path.exists():
            return
        if image_format == "qcow2" and _link(image_file, base_path):
            return
        with _locked(base_path.parent):
            if base_path.exists():
                return
            with whole_file(base_path) as part:
                _fill_base(image_file, image_format, part)
                part.chmod(0o400)


def base_cost_bytes(image_file: Path, image_format: str, base_path: Path) -> int:
    """Return how many bytes of disk `ensure_base` would take, at most. `HostFailed`."""
    with refusals("The image's file could not be looked at"):
        image = image_file.stat()
        if base_path.exists():
            return 0
        if image_format == "qcow2" and image.st_dev == base_path.parent.stat().st_dev:
            return 0
    return image.st_size


def create_overlay(base: Path, base_format: str, path: Path, size_bytes: int = 0) -> None:
    """Make the disk `path` on top of `base`, unless it is there: then it is whole.

    `size_bytes` is the virtual size, 0 that of the base; the base must not be larger.
    Blocks for some 15 ms. `HostFailed` when qemu-img or the disk refuses.
    """
    with refusals("The disk could not be made"):
        if path.exists():
            return
        size = [str(size_bytes)] if size_bytes else []
        with whole_file(path) as part:
            run_qemu_img(
                "create",
                ["-q", "-f", "qcow2", "-F", base_format, "-b", _absolute(base)],
                [_absolute(part), *size],
                limits=QUICK,
            )
            part.chmod(0o600)


def remove_server_files(folder: Path) -> None:
    """Remove a server's folder and all in it; nothing when it is gone.

    No symbolic link is followed, neither inside nor in the folder's own place. The folder must be
    named by a server's id: a wrong path is refused with `ValueError` before anything is touched.
    `HostFailed` when the disk refuses.
    """
    uuid.UUID(folder.name)
    with refusals("The server's files could not be removed"):
        if folder.is_symlink():
            folder.unlink(missing_ok=True)
        for _ in range(REMOVAL_TRIES):
            # Another may take a file first, as virtlogd does when it rolls a log: look again.
            with suppress(FileNotFoundError):
                shutil.rmtree(folder)
            if not os.path.lexists(folder):
                break
        else:
            raise HostFailed("The server's files could not be removed: others keep changing them.")
        if folder.parent.is_dir():
            sync_folder(folder.parent)


def free_bytes(path: Path) -> int:
    """Return the free bytes of the file system that holds the existing `path`. `HostFailed`."""
    with refusals("The free space is not known"):
        about = os.statvfs(path)
    return about.f_bavail * about.f_frsize


def check_room(path: Path, needed_bytes: int) -> None:
    """Raise `NoCapacity`, with the numbers, unless `needed_bytes` are free where `path` is."""
    free = free_bytes(path)
    if free < needed_bytes:
        raise NoCapacity(
            f"The host's disk has {free / GIB:.2f} GiB free and {needed_bytes / GIB:.2f} GiB are "
            "needed. Delete servers or images, or give the host more disk."
        )


def sweep_temp_files(state_dir: Path) -> int:
    """Remove the temporary files that a crash left, and return how many.

    For the start, before anything of this process runs; other processes' work is left alone.
    """
    found = [path for pattern in TEMPORARY_FILES for path in state_dir.glob(pattern)]
    left_over = [path for path in found if is_abandoned(path)]
    with refusals("Temporary files could not be removed"):
        for path in left_over:
            path.unlink(missing_ok=True)
    return len(left_over)


def _fill_base(image_file: Path, image_format: str, part: Path) -> None:
    if image_format == "qcow2":
        # The two folders are on different file systems.
        shutil.copyfile(image_file, part)
        return
    source_format = CONVERTED_FROM.get(image_format)
    if source_format is None:
        raise HostFailed(f"Images of format '{image_format}' can't be booted; convert it to qcow2.")
    run_qemu_img(
        "convert",
        ["-q", "-f", source_format, "-O", "qcow2"],
        [_absolute(image_file), _absolute(part)],
        limits=CONVERSION,
    )


def _link(image_file: Path, base_path: Path) -> bool:
    """Give the image its second name; False when the file system can't."""
    try:
        os.link(image_file, base_path)
    except FileExistsError:
        return True
    except OSError as error:
        if error.errno in {errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP}:
            return False
        raise
    sync_folder(base_path.parent)
    return True


def run_qemu_img(
    command: str, options: Sequence[str], operands: Sequence[str], *, limits: Limits
) -> str:
    """Run qemu-img under `limits` and return what it printed; `HostFailed` with its reason."""
    argv = [
        *("setpriv", "--pdeathsig", "KILL", "--"),
        *("prlimit", f"--as={limits.memory_bytes}", f"--cpu={limits.cpu_s}", "--"),
        *("qemu-img", command, *options, "--", *operands),
    ]
    try:
        # A group of its own: Ctrl-C on a foreground `serve` stops us in order, and must not first
        # fail the work of all servers. Each program here replaces the one before, so that there is
        # one process to kill. The parent-death signal is bound to the *thread* that started it:
        # this one, which waits.
        done = subprocess.run(
            argv,
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=limits.deadline_s,
            process_group=0,
            env=_ENVIRONMENT,
        )
    except FileNotFoundError as error:
        raise HostFailed("setpriv is missing on the host; install util-linux.") from error
    except subprocess.TimeoutExpired as error:
        raise HostFailed(
            f"qemu-img {command} was stopped: it took longer than {limits.deadline_s:g} s."
        ) from error
    if done.returncode in {-signal.SIGKILL, -signal.SIGXCPU}:
        raise HostFailed(
            f"qemu-img {command} was killed: it took more than {limits.cpu_s} s of CPU, or the "
            "host ran out of memory."
        )
    if done.returncode != 0:
        raise HostFailed(
            f"qemu-img {command} failed: {_reason(done.stderr, [*options, *operands])}"
        )
    return done.stdout.decode("utf-8", errors="replace")


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


def _absolute(path: Path) -> str:
    # "json:…", "nbd:…": qemu-img takes what stands before a colon for a protocol, unless a slash
    # comes first.
    if not path.is_absolute():
        raise ValueError(f"not an absolute path: {path}")
    return str(path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: one holder, whichever thread or process; death releases it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _ensure_folder(folder: Path, mode: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(mode)  # mkdir's own mode depends on the umask
