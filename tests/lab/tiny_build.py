# SPDX-License-Identifier: Apache-2.0
"""Assembles the tiny guest's disk from unpacked packages and the files in `tiny/`.

No loop device, no mount, no chroot: the file system is written by mke2fs straight into a
partition of a sparse file, and GRUB is put before it by hand. Nothing here fetches or caches.

    sector 0      boot.img's code and a partition table with one entry
    sector 1 ...  GRUB's core image, its configuration built in
    1 MiB ...     ext4 "tinyroot": busybox, the guest agent, jq, kernel and initial RAM disk
"""

from __future__ import annotations

import re
import shutil
import struct
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tests.lab.commands import run

FILES = Path(__file__).with_name("tiny")
DISK_MB = 96
SECTOR = 512
PARTITION_START = 2048  # sectors
GRUB_MODULES = ("biosdisk", "part_msdos", "ext2", "linux16")
LIBRARIES = "usr/lib/x86_64-linux-gnu"

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

Say = Callable[[str], None]


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
    raw = scratch / "tiny.raw"
    _write_disk(raw, root, _make_core_image(unpacked, scratch))
    run(["qemu-img", "convert", "-O", "qcow2", raw, entry / "tiny.qcow2"])


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
    shutil.copy(_loader(unpacked), root / "lib64" / "ld-linux-x86-64.so.2")


def _list_libraries(unpacked: Path, *programs: Path) -> set[Path]:
    listed = "".join(
        run([*_loader_command(unpacked), "--list", program]).stdout for program in programs
    )
    if "not found" in listed:
        raise FileNotFoundError(f"a library is in none of the packages:\n{listed}")
    return {Path(path) for path in re.findall(r"=> (/\S+)", listed)}


def _make_core_image(unpacked: Path, scratch: Path) -> bytes:
    config = scratch / "grub.cfg"
    cmdline = (FILES / "cmdline").read_text().strip()
    commands = (FILES / "grub.cfg").read_text().replace("@CMDLINE@", cmdline).splitlines()
    # GRUB's small parser for built-in commands knows no comments.
    config.write_text("".join(f"{line}\n" for line in commands if not line.startswith("#")))
    core = scratch / "core.img"
    mkimage: list[str | Path] = [
        *_loader_command(unpacked),
        unpacked / "usr" / "bin" / "grub-mkimage",
    ]
    where: list[str | Path] = [
        "-d",
        unpacked / "usr" / "lib" / "grub" / "i386-pc",
        "-p",
        "(hd0,msdos1)/boot/grub",
    ]
    run([*mkimage, "-O", "i386-pc", *where, "-c", config, "-o", core, *GRUB_MODULES])
    boot_code = (unpacked / "usr" / "lib" / "grub" / "i386-pc" / "boot.img").read_bytes()[:440]
    length = DISK_MB * 1024 * 1024 // SECTOR - PARTITION_START
    # status (bootable), 3 bytes of CHS address, type (Linux), 3 of CHS, first sector, length
    partition = struct.pack("<B3xB3xII", 0x80, 0x83, PARTITION_START, length)
    first_sector = boot_code.ljust(446, b"\0") + partition.ljust(64, b"\0") + b"\x55\xaa"
    image = first_sector + core.read_bytes()
    if len(image) > PARTITION_START * SECTOR:
        raise ValueError("GRUB's core image does not fit before the partition")
    return image


def _write_disk(raw: Path, root: Path, boot_sectors: bytes) -> None:
    with raw.open("wb") as disk:
        disk.write(boot_sectors)
        disk.truncate(DISK_MB * 1024 * 1024)
    offset = PARTITION_START * SECTOR
    blocks = (DISK_MB * 1024 * 1024 - offset) // 4096
    mke2fs = ["mke2fs", "-q", "-t", "ext4", "-b", "4096", "-m", "0", "-L", "tinyroot"]
    run([*mke2fs, "-E", f"offset={offset}", "-d", root, raw, str(blocks)])


def _busybox(unpacked: Path) -> Path:
    return unpacked / "bin" / "busybox"


def _loader(unpacked: Path) -> Path:
    return unpacked / "lib" / "x86_64-linux-gnu" / "ld-linux-x86-64.so.2"


def _loader_command(unpacked: Path) -> list[str | Path]:
    """Return the command prefix that runs a program with the packages' own libraries."""
    folders = [unpacked / LIBRARIES, unpacked / "lib" / "x86_64-linux-gnu"]
    return [_loader(unpacked), "--library-path", ":".join(map(str, folders))]
