# SPDX-License-Identifier: Apache-2.0
"""A libvirtd of one's own, in unnamed namespaces that die with the process that started them.

Tests boot, kill and freeze hosts; none of that may reach the machine's libvirt, network or
processes. So libvirtd, virtlogd, QEMU and dnsmasq run in private mount, network and PID
namespaces below `private_init`, and keep their files in one short-lived folder. Disks, images
and sockets are ordinary paths on both sides, only /run and libvirt's own folders differ.

Addresses on a guest network are reachable from inside only: see `PrivateHost.inside`, and `passage`
for how a port of loopback is shared.
Control groups are hidden, so `<cputune>` and `<memtune>` are refused here.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.lab import CACHE, private_init
from tests.lab.commands import CommandError, run
from tests.lab.waiting import wait_for

READY_TIMEOUT_S = 30.0
FOLDER_PREFIX = "cumulet-host-"
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
}
LIBRARY_FOLDERS = ("images", "qemu", "network", "dnsmasq", "boot")
ABANDONED_AFTER_S = 60.0

QEMU_CONF = """\
user = "root"
group = "root"
security_driver = "none"
dynamic_ownership = 0
remember_owner = 0
namespaces = [ ]
stdio_handler = "logd"
"""
LIBVIRTD_CONF = """\
unix_sock_dir = "{folder}/sock"
unix_sock_rw_perms = "0700"
auth_unix_rw = "none"
host_uuid = "{host_uuid}"
log_outputs = "3:file:{folder}/log/libvirtd.log"
"""


class HostNotReadyError(RuntimeError):
    """A private host did not come up; the message carries the tail of its logs."""


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int  # as seen from outside
    inner_pid: int
    argv: tuple[str, ...]

    @property
    def program(self) -> str:
        return Path(self.argv[0]).name


class PrivateHost:
    """One private libvirtd; use it as a context manager, or call `stop`."""

    def __init__(self, folder: Path, outermost: subprocess.Popen[bytes], lock: int) -> None:
        """Take over a freshly started namespace; use `PrivateHost.start`."""
        self.folder = folder
        self._outermost = outermost
        self._lock = lock
        self._init_pid = 0

    @classmethod
    def start(cls, root: Path | None = None) -> PrivateHost:
        """Return a host whose libvirtd answers.

        With the folder of a host stopped by `stop(keep=True)` it is that host again, after a
        reboot: its definitions and disks are there, its guests are off, the boot id is new.
        """
        _remove_abandoned_folders()
        folder = root or Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir="/var/tmp"))
        _prepare(folder)
        lock = os.open(folder / "owner.lock", os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_SH)
        host = cls(folder, _spawn_namespaces(folder), lock)
        try:
            host._wait_for_init()
            host.inside(["virtlogd", "-d"])
            host.start_libvirtd()
        except BaseException as error:
            tail = host.log_tail()
            host.stop()
            if isinstance(error, TimeoutError | subprocess.TimeoutExpired | CommandError):
                raise HostNotReadyError(f"{error}\n{tail}") from error
            raise
        return host

    def __enter__(self) -> PrivateHost:
        """Return the running host."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop and remove the host."""
        self.stop()

    @property
    def socket(self) -> Path:
        """The socket that libvirtd listens on."""
        return self.folder / "sock" / "libvirt-sock"

    @property
    def uri(self) -> str:
        """The URI of the QEMU driver, good from inside and outside."""
        return f"qemu+unix:///system?socket={self.socket}"

    @property
    def test_uri(self) -> str:
        """The URI of libvirt's test driver, its state shared by all who are connected."""
        return f"test+unix:///default?socket={self.socket}"

    @property
    def boot_id(self) -> str:
        """What /proc/sys/kernel/random/boot_id says inside; new at each start."""
        return (self.folder / "boot_id").read_text().strip()

    @property
    def network(self) -> Path:
        """Its network namespace; another one after a reboot."""
        return Path(f"/proc/{self._init_pid}/ns/net")

    def enter_argv(self, argv: Sequence[str]) -> list[str]:
        """Return the command that runs `argv` inside, in the folder that is its root there."""
        return [
            "nsenter",
            f"--target={self._init_pid}",
            *("--mount", "--net", "--pid", "--root", "--wd"),
            *argv,
        ]

    def inside(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        timeout_s: float = 60.0,
        stdin: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the host's namespaces and return what it printed."""
        return run(
            self.enter_argv(argv), check=check, timeout_s=timeout_s, stdin=stdin, env=ENVIRONMENT
        )

    def spawn(
        self,
        argv: Sequence[str],
        *,
        output: Path,
        env: Mapping[str, str],
        stdin: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """Start a command in the host's namespaces; what it prints goes to a file."""
        with output.open("wb") as file:
            return subprocess.Popen(
                self.enter_argv(argv), stdin=stdin, stdout=file, stderr=file, env=env
            )

    def virsh(self, *arguments: str, check: bool = True) -> str:
        """Run virsh against this host and return its output."""
        virsh = ["virsh", "--quiet", "--connect", self.uri]
        return self.inside([*virsh, *arguments], check=check).stdout

    def start_libvirtd(self) -> None:
        """Start libvirtd (a no-op while it runs) and wait until it answers."""
        if self.find_libvirtd_pid() is None:
            self.inside(["libvirtd", "-d", "--pid-file", str(self._pid_file)])
        wait_for(
            lambda: self.is_answering() or self.find_libvirtd_pid() is None,
            timeout_s=READY_TIMEOUT_S,
            what=f"an answer from {self.uri}",
        )
        if self.find_libvirtd_pid() is None:
            raise HostNotReadyError(f"libvirtd gave up:\n{self.log_tail()}")

    def kill_libvirtd(self) -> None:
        """Kill libvirtd with SIGKILL and return when it is gone; the guests live on.

        A dying process loses its arguments before the lock on its pid file, and only when it is
        wholly gone can another start.
        """
        pid = self._need_libvirtd_pid()
        process = os.pidfd_open(pid)
        try:
            os.kill(pid, signal.SIGKILL)
            gone, _, _ = select.select([process], [], [], READY_TIMEOUT_S)
        finally:
            os.close(process)
        if not gone:
            raise TimeoutError(f"the killed libvirtd is still there after {READY_TIMEOUT_S:.0f} s")

    def restart_libvirtd(self) -> None:
        """Kill libvirtd, start it and wait until it answers."""
        self.kill_libvirtd()
        self.start_libvirtd()

    def freeze_libvirtd(self) -> None:
        """Stop libvirtd in its tracks: it is there, listens, and never answers."""
        os.kill(self._need_libvirtd_pid(), signal.SIGSTOP)

    def thaw_libvirtd(self) -> None:
        """Let a frozen libvirtd go on."""
        os.kill(self._need_libvirtd_pid(), signal.SIGCONT)

    def find_libvirtd_pid(self) -> int | None:
        """Return the pid of libvirtd as seen from outside, or None when it is not running."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            inner_pid = int(self._pid_file.read_text())
            for process in self._list_processes():
                if process.inner_pid == inner_pid and process.program == "libvirtd":
                    return process.pid
        return None

    def qemu_pids(self) -> dict[str, int]:
        """Return the pid, as seen from outside, of each running guest by its domain's uuid."""
        return {
            process.argv[process.argv.index("-uuid") + 1]: process.pid
            for process in self._list_processes()
            if process.program.startswith("qemu-system-") and "-uuid" in process.argv
        }

    def is_answering(self) -> bool:
        """Say whether libvirtd answers a connection right now."""
        virsh = ["virsh", "--quiet", "--connect", self.uri, "uri"]
        return run(virsh, check=False, timeout_s=READY_TIMEOUT_S, env=ENVIRONMENT).returncode == 0

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines of the host's logs, for error messages."""
        tails = []
        for log in (self.folder / "start.log", self.folder / "log" / "libvirtd.log"):
            with contextlib.suppress(FileNotFoundError):
                tails += log.read_text(errors="replace").splitlines()[-lines:]
        return "\n".join(tails)

    def stop(self, *, keep: bool = False) -> None:
        """Pull the plug: kill every process, wait until all are gone, remove the folder.

        With `keep` the folder stays, and `start(folder)` brings the host back after a reboot.
        """
        if self._outermost.poll() is None:
            # unshare was told to kill init with it; the kernel then kills all the rest, and
            # unshare is reaped only when nothing is left in the PID namespace.
            os.kill(self._init_pid or self._outermost.pid, signal.SIGKILL)
            self._outermost.wait(timeout=READY_TIMEOUT_S)
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
            self._unlock()

    @property
    def _pid_file(self) -> Path:
        return self.folder / "libvirtd.pid"

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _wait_for_init(self) -> None:
        announced = self.folder / "init.pid"
        wait_for(
            lambda: announced.exists() or self._outermost.poll() is not None,
            timeout_s=READY_TIMEOUT_S,
            what="the private namespaces",
        )
        if self._outermost.poll() is not None:
            raise CommandError(f"unshare ended with code {self._outermost.returncode}")
        self._init_pid = int(announced.read_text())

    def _need_libvirtd_pid(self) -> int:
        pid = self.find_libvirtd_pid()
        if pid is None:
            raise ProcessLookupError("libvirtd is not running on this private host")
        return pid

    def _list_processes(self) -> Iterator[_Process]:
        if self._outermost.poll() is not None:
            return
        namespace = Path(f"/proc/{self._init_pid}/ns/pid").stat().st_ino
        for entry in Path("/proc").glob("[0-9]*"):
            # A process may end while we look, and not all of the machine's may be looked at; a
            # zombie has no arguments.
            with contextlib.suppress(OSError):
                if (entry / "ns" / "pid").stat().st_ino != namespace:
                    continue
                argv = tuple((entry / "cmdline").read_text().rstrip("\0").split("\0"))
                if argv[0]:
                    yield _Process(int(entry.name), _read_inner_pid(entry), argv)


def _prepare(folder: Path) -> None:
    """Create what the folder lacks; what an earlier boot left is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    for name in ("sock", *private_init.PRIVATE_FOLDERS, *(f"lib/{n}" for n in LIBRARY_FOLDERS)):
        (folder / name).mkdir(mode=0o755, exist_ok=True)
    # What QEMU can do takes libvirt seconds to find out, so all private hosts remember it together.
    capabilities = folder / "cache" / "qemu" / "capabilities"
    if not capabilities.is_symlink():
        (CACHE / "capabilities").mkdir(parents=True, exist_ok=True)
        capabilities.parent.mkdir()
        capabilities.symlink_to(CACHE / "capabilities")
    (folder / "boot_id").write_text(f"{uuid.uuid4()}\n")
    for left_over in ("init.pid", "libvirtd.pid"):
        (folder / left_over).unlink(missing_ok=True)
    libvirtd_conf = folder / "etc" / "libvirtd.conf"
    if not libvirtd_conf.exists():
        libvirtd_conf.write_text(LIBVIRTD_CONF.format(folder=folder, host_uuid=uuid.uuid4()))
        (folder / "etc" / "qemu.conf").write_text(QEMU_CONF)
        (folder / "etc" / "libvirt.conf").touch()


def _spawn_namespaces(folder: Path) -> subprocess.Popen[bytes]:
    owner = os.pidfd_open(os.getpid())
    try:
        with (folder / "start.log").open("wb") as log:
            return subprocess.Popen(
                [
                    *("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"),
                    *(sys.executable, "-I", private_init.__file__, str(folder), str(owner)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={**os.environ, **ENVIRONMENT},
                pass_fds=[owner],
                start_new_session=True,
            )
    finally:
        os.close(owner)


def _read_inner_pid(entry: Path) -> int:
    for line in (entry / "status").read_text().splitlines():
        if line.startswith("NSpid:"):
            return int(line.split()[-1])
    raise ProcessLookupError(entry.name)


def _remove_abandoned_folders() -> None:
    """Remove the folders of hosts whose owner was killed: those that nobody holds a lock on."""
    for lock_file in Path("/var/tmp").glob(f"{FOLDER_PREFIX}*/owner.lock"):
        with contextlib.suppress(OSError):
            if time.time() - lock_file.stat().st_mtime < ABANDONED_AFTER_S:
                continue
            lock = os.open(lock_file, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock_file.parent)
            finally:
                os.close(lock)
