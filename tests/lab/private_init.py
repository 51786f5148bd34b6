# SPDX-License-Identifier: Apache-2.0
"""PID 1 of a private host: lays out its file systems, then reaps until its owner is gone.

Started by `private_host` as a script, in fresh mount, network and PID namespaces:

    private_init.py FOLDER OWNER_PIDFD

Two things make it more than a shell. Orphans are reaped at once (libvirt waits for its dead
QEMUs), and the owner is watched by pidfd: when that process dies, however it dies, this one
exits and the kernel kills everything in the namespace. A parent-death signal would not do: it
is bound to the *thread* that started us.

Nothing is created outside FOLDER: a mount point that the machine lacks is made in a tmpfs laid
over its parent folder, which shows the rest of that folder as it is.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

PRIVATE_FOLDERS = {
    "etc": Path("/etc/libvirt"),
    "lib": Path("/var/lib/libvirt"),
    "log": Path("/var/log/libvirt"),
    "cache": Path("/var/cache/libvirt"),
}
# libvirt looks these names up before it reads that we want root instead, and Debian creates
# them only with the package that brings the system service.
ACCOUNTS = {
    "passwd": "libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin\n",
    "group": "libvirt-qemu:x:64055:\n",
}
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
RESOLV_CONF = Path("/etc/resolv.conf")

MS_BIND, MS_REC, MNT_DETACH = 0x1000, 0x4000, 2
_LIBC = ctypes.CDLL(None, use_errno=True)


def main(folder: Path, owner_pidfd: int) -> None:
    """Prepare the namespaces, tell our pid by a file, reap until the owner is gone."""
    # /proc is still the outer one here, so this is our pid as the owner sees it.
    outer_pid = int(Path("/proc/self").readlink().name)
    _lay_out(folder)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    waker = _wake_on_signal(signal.SIGCHLD)

    announced = folder / "init.pid"
    draft = announced.with_suffix(".new")
    draft.write_text(f"{outer_pid}\n")
    draft.replace(announced)
    _reap_until_gone(owner_pidfd, waker)


def _lay_out(folder: Path) -> None:
    resolv_conf = RESOLV_CONF.resolve()
    mount("proc", Path("/proc"), fstype="proc")
    # A new sysfs shows this network namespace's interfaces. The old one goes, with the control
    # groups mounted below it: libvirt would leave groups behind in the machine's hierarchy.
    _LIBC.umount2(b"/sys", MNT_DETACH)
    mount("sysfs", Path("/sys"), fstype="sysfs")
    # A new /run also hides the machine's D-Bus, firewalld and machined from libvirtd.
    mount("tmpfs", Path("/run"), fstype="tmpfs", data="mode=755")
    if resolv_conf.is_relative_to("/run"):
        # dnsmasq refuses to start when the folder of its resolv.conf is missing.
        resolv_conf.parent.mkdir(parents=True, exist_ok=True)
        resolv_conf.touch()
    for name, target in PRIVATE_FOLDERS.items():
        if not target.is_dir():
            make_room(target)
        mount(str(folder / name), target, flags=MS_BIND)
    for name, line in ACCOUNTS.items():
        accounts = (Path("/etc") / name).read_text()
        if "\nlibvirt-qemu:" not in accounts:
            (folder / name).write_text(accounts + line)
            mount(str(folder / name), Path("/etc") / name, flags=MS_BIND)
    mount(str(folder / "boot_id"), BOOT_ID, flags=MS_BIND)


def make_room(missing: Path) -> None:
    """Give a missing folder a place to exist, without creating it on the machine's disk."""
    parent = missing.parent
    if not parent.is_dir():
        make_room(parent)
    # The open folder goes on naming the machine's own one after the tmpfs covers it.
    original = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    behind = Path(f"/proc/self/fd/{original}")
    mode = parent.stat().st_mode & 0o7777
    mount("tmpfs", parent, fstype="tmpfs", data=f"mode={mode:o}")
    for entry in os.scandir(original):
        shown = parent / entry.name
        if entry.is_symlink():
            shown.symlink_to(os.readlink(entry.name, dir_fd=original))
            continue
        if entry.is_dir():
            shown.mkdir()
        else:
            shown.touch()
        mount(str(behind / entry.name), shown, flags=MS_BIND | MS_REC)
    os.close(original)
    missing.mkdir()


def mount(source: str, target: Path, *, fstype: str = "", flags: int = 0, data: str = "") -> None:
    """Mount, or raise OSError."""
    done = _LIBC.mount(
        source.encode(), os.fsencode(target), fstype.encode(), ctypes.c_ulong(flags), data.encode()
    )
    if done != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mount {source}: {os.strerror(number)}", str(target))


def _wake_on_signal(number: signal.Signals) -> int:
    """Return a descriptor that becomes readable when the signal arrives."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(number, lambda *_: None)
    return reader


def _reap_until_gone(owner_pidfd: int, waker: int) -> None:
    poller = select.poll()
    poller.register(owner_pidfd, select.POLLIN)
    poller.register(waker, select.POLLIN)
    while True:
        _reap()
        ready = {descriptor for descriptor, _ in poller.poll()}
        if owner_pidfd in ready:
            return
        os.read(waker, 4096)


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        return


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
