# SPDX-License-Identifier: Apache-2.0
"""Assembles the tiny guest's disk from unpacked packages and the files in `tiny/`.

The file system "tinyroot" holds busybox, the guest agent, jq, kernel and initial RAM disk.
Nothing here fetches or caches.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.lab.apt import Say
from tests.lab.boot_disk import BootDisk, write_image
from tests.lab.commands import run
from tests.lab.unpacked import LIBRARIES, find_loader, loader_command

FILES = Path(__file__).with_name("tiny")
DISK_MB = 96

# The BIOS reads the initial RAM disk slowly, so it holds only what a root disk may take: loaded at
# once what nearly all have, in a second try what the others need.
EARLY_MODULES = ("virtio_pci", "virtio_blk")
FALLBACK_MODULES = ("virtio_scsi", "ata_piix", "sd_mod")
MODULES = (
    *("virtio_console", "button", "evdev", "virtio_net", "virtio_scsi", "sr_mod", "isofs"),
    *("sd_mod", "virtio_balloon", "virtio-rng", "pvpanic-mmio", "pvpanic-pci"),
)
IDE_MODULES = ("ata_piix",)
PROGRAMS = {"usr/sbin/qemu-ga": "qemu-ga", "usr/bin/jq": "jq", "sbin/blkid": "blkid"}
FOLDERS = (
    *("boot", "dev", "proc", "sys", "run", "tmp", "root", "mnt", "home", "lib64"),
    *("var/log", "var/lib/tiny", "var/lib/cloud/instances"),
)
LINKS = {
    "bin": "usr/bin",
    "sbin": "usr/bin",
    "usr/sbin": "bin",
    "lib": "usr/lib",
    "var/run": "/run",
}


def assemble(unpacked: Path, entry: Path, say: Say) -> None:
    """Write `tiny.qcow2`, `vmlinuz` and `initrd` into the folder `entry`."""
    say("packing the initial RAM disk")
    kernel = next((unpacked / "boot").glob("vmlinuz-*"))
    shutil.copyfile(kernel, entry / "vmlinuz")
    scratch = unpacked.parent
    _pack_initrd(unpacked, scratch / "initrd.root", entry / "initrd")
    say("laying out the root file system")
    root = scratch / "root"
    _lay_out_root(unpacked, root)
    for name in ("vmlinuz", "initrd"):
        shutil.copyfile(entry / name, root / "boot" / name)
    say("writing the disk")
    disk = BootDisk(DISK_MB, "tinyroot", _grub_commands())
    write_image(disk, root, entry / "tiny.qcow2", grub=unpacked, scratch=scratch)


def _pack_initrd(unpacked: Path, root: Path, initrd: Path) -> None:
    for folder in ("bin", "dev", "proc", "sys", "root"):
        (root / folder).mkdir(parents=True)
    shutil.copy(_busybox(unpacked), root / "bin" / "busybox")
    (root / "bin" / "sh").symlink_to("busybox")
    shutil.copy(FILES / "initramfs" / "init", root / "init")
    early, fallback = _in_load_order(unpacked, EARLY_MODULES, FALLBACK_MODULES)
    _add_modules(root / "modules", early=early, fallback=fallback)

    names = "".join(f"{path.relative_to(root)}\n" for path in sorted(root.rglob("*")))
    cpio: list[str | Path] = [_busybox(unpacked), "cpio", "-o", "-H", "newc", "-F", initrd]
    run(cpio, cwd=root, stdin=names)


def _add_modules(folder: Path, **groups: Sequence[Path]) -> None:
    """Copy the modules, with a file for each group that lists them in loading order."""
    folder.mkdir(parents=True)
    for group, modules in groups.items():
        for module in modules:
            shutil.copyfile(module, folder / module.name)
        (folder / group).write_text("".join(f"{module.name}\n" for module in modules))


def _in_load_order(unpacked: Path, *groups: Iterable[str]) -> list[list[Path]]:
    """Return each group's modules after those they depend on, none that a group before has."""
    tree = next((unpacked / "lib" / "modules").iterdir())
    found = {_module_name(path.stem): path for path in tree.rglob("*.ko")}
    builtin = {
        _module_name(Path(line).stem) for line in (tree / "modules.builtin").read_text().split()
    }
    order: dict[Path, None] = {}

    def add(name: str) -> None:
        path = found.get(name)
        if name in builtin or path in order:
            return
        if path is None:
            raise FileNotFoundError(f"the kernel has no module {name}")
        depends = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
        for needed in depends.group(1).decode().split(",") if depends else ():
            if needed:
                add(_module_name(needed))
        order[path] = None

    ordered = []
    for group in groups:
        seen = len(order)
        for name in group:
            add(_module_name(name))
        ordered.append(list(order)[seen:])
    return ordered


def _module_name(written: str) -> str:
    return written.replace("-", "_")


def _lay_out_root(unpacked: Path, root: Path) -> None:
    shutil.copytree(FILES / "root", root)
    for folder in (*FOLDERS, LIBRARIES):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, target in LINKS.items():
        (root / name).symlink_to(target)
    (root / "tmp").chmod(0o1777)
    (root / "etc" / "shadow").chmod(0o600)
    (root / "var" / "lib" / "tiny" / "boots").write_text("0\n")

    shutil.copy(_busybox(unpacked), root / "usr" / "bin" / "busybox")
    for source, name in PROGRAMS.items():
        shutil.copy(unpacked / source, root / "usr" / "bin" / name)
    applets = run([_busybox(unpacked), "--list"]).stdout.split()
    for applet in applets:
        link = root / "usr" / "bin" / applet
        if not link.exists():
            link.symlink_to("busybox")

    _, late, ide = _in_load_order(unpacked, EARLY_MODULES, MODULES, IDE_MODULES)
    _add_modules(root / "usr" / "lib" / "modules", late=late, ide=ide)
    for library in _list_libraries(unpacked, *(unpacked / source for source in PROGRAMS)):
        shutil.copy(library, root / LIBRARIES / library.name)
    shutil.copy(find_loader(unpacked), root / "lib64" / "ld-linux-x86-64.so.2")


def _list_libraries(unpacked: Path, *programs: Path) -> set[Path]:
    listed = "".join(
        run([*loader_command(unpacked), "--list", program]).stdout for program in programs
    )
    if "not found" in listed:
        raise FileNotFoundError(f"a library is in none of the packages:\n{listed}")
    return {Path(path) for path in re.findall(r"=> (/\S+)", listed)}


def _grub_commands() -> str:
    cmdline = (FILES / "cmdline").read_text().strip()
    return (FILES / "grub.cfg").read_text().replace("@CMDLINE@", cmdline)


def _busybox(unpacked: Path) -> Path:
    return unpacked / "bin" / "busybox"
