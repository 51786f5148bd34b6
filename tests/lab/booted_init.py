# SPDX-License-Identifier: Apache-2.0
"""Boots a root with its own systemd, as a container manager would; ends it with its owner.

Started by `booted` as a script:

    booted_init.py watch ROOT CONTROL_GROUP    outside: starts the rest, waits, cleans up
    booted_init.py enter ROOT CONTROL_GROUP    goes into the control group
    booted_init.py boot ROOT CONTROL_GROUP     in new namespaces: lays out, becomes systemd

The owner holds the other end of the first one's standard input: when it closes that, or dies, all
processes of the machine end, and root and control group are removed.

The control group is a new one in the machine's hierarchy, and the root of the one inside: systemd
makes its own below. Most of /proc/sys is read-only inside, for it is the whole machine's. There is
no /dev/kvm: QEMU's user could not open the machine's, and libvirt would ask QEMU again each time.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.lab.clean_root import ARCHIVES
from tests.lab.private_init import MNT_DETACH, MS_BIND, MS_REC, mount
from tests.lab.waiting import wait_for

MS_RDONLY, MS_REMOUNT, MS_PRIVATE = 1, 0x20, 0x40000
DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "net/tun")
LINKS = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0"}
LINKS |= {"stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}
CLEAN_UP_S = 20.0
NAMESPACES = ("--mount", "--net", "--pid", "--ipc", "--uts", "--cgroup", "--fork", "--kill-child")


def watch(root: Path, group: Path) -> None:
    """Run the machine until it ends or its owner wants it to; remove all of it."""
    group.mkdir()
    enter = [sys.executable, "-I", __file__, "enter", str(root), str(group)]
    machine = subprocess.Popen(enter, cwd="/", stdin=subprocess.DEVNULL)
    select.select([sys.stdin, os.pidfd_open(machine.pid)], [], [])
    machine.kill()  # and unshare's child with it, and so all that it has started
    machine.wait()
    try:
        wait_for(lambda: _remove(group), timeout_s=CLEAN_UP_S, what=f"the end of {group}")
    finally:
        shutil.rmtree(root, ignore_errors=True)


def enter(root: Path, group: Path) -> None:
    """Go into the control group, and from there into new namespaces."""
    (group / "cgroup.procs").write_text(f"{os.getpid()}\n")
    boot = [sys.executable, "-I", __file__, "boot", str(root), str(group)]
    os.execvp("unshare", ["unshare", *NAMESPACES, *boot])


def boot(root: Path) -> None:
    """Lay out the file systems and become systemd."""
    mount("none", Path("/"), flags=MS_PRIVATE | MS_REC)
    mount(str(root), root, flags=MS_BIND)
    mount("proc", root / "proc", fstype="proc")
    mount("sysfs", root / "sys", fstype="sysfs")
    mount("cgroup2", root / "sys/fs/cgroup", fstype="cgroup2")
    for name, mode in (("run", "755"), ("tmp", "1777"), ("dev", "755")):
        mount("tmpfs", root / name, fstype="tmpfs", data=f"mode={mode}")
    _make_devices(root / "dev")
    mount(str(ARCHIVES), root / "var/cache/apt/archives", flags=MS_BIND)
    for path in (root / "proc/sys", root / "proc/sys/net"):
        mount(str(path), path, flags=MS_BIND)
    mount("none", root / "proc/sys", flags=MS_BIND | MS_REMOUNT | MS_RDONLY)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    os.chdir(root)
    (root / "old").mkdir(exist_ok=True)
    subprocess.run(["pivot_root", ".", "old"], check=True)
    ctypes.CDLL(None).umount2(b"/old", MNT_DETACH)
    Path("/old").rmdir()
    os.execve("/lib/systemd/systemd", ["systemd"], {"container": "cumulet-lab"})


def _make_devices(dev: Path) -> None:
    for name in DEVICES:
        device = Path("/dev") / name
        if device.exists():
            (dev / name).parent.mkdir(exist_ok=True)
            (dev / name).touch()
            mount(str(device), dev / name, flags=MS_BIND)
    for name, data in (("pts", "newinstance,ptmxmode=0666,mode=620,gid=5"), ("shm", "")):
        (dev / name).mkdir()
        mount(name, dev / name, fstype="devpts" if name == "pts" else "tmpfs", data=data)
    for name, target in LINKS.items():
        (dev / name).symlink_to(target)


def _remove(group: Path) -> bool:
    """Remove a control group and all below it; False while the kernel does not see them empty."""
    try:
        for folder, _, _ in os.walk(group, topdown=False):
            Path(folder).rmdir()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    _, verb, root_, group_ = sys.argv
    if verb == "boot":
        boot(Path(root_))
    else:
        {"watch": watch, "enter": enter}[verb](Path(root_), Path(group_))
