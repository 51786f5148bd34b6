# SPDX-License-Identifier: Apache-2.0
"""Assembles the full guest's disk: mmdebstrap's root, our settings, GRUB before it.

cloud-init and all else is as the distribution ships it. What is ours is configuration that makes
one emulated CPU boot it sooner: `full/root` lies in the root before the packages are installed,
`full/masked` is switched off in it afterwards. Nothing here decides what is built, or caches.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.apt import Say, list_settings
from tests.lab.boot_disk import BootDisk, write_image
from tests.lab.commands import run
from tests.lab.guest_cache import Draft

FILES = Path(__file__).with_name("full")
DISK_MB = 768  # smaller than any flavor: it grows at its first boot
LABEL = "cumulet-full"
TIMEOUT_S = 1800.0
ENABLED = ("systemd-networkd.service", "systemd-networkd-wait-online.service")

APT_OPTIONS = ('APT::Install-Recommends "false"', 'Acquire::Languages "none"')
DPKG_OPTIONS = (
    *(f"path-exclude=/usr/share/{name}/*" for name in ("doc", "info", "locale", "man")),
    "force-unsafe-io",  # a root that a power cut spoils is built again
)

# Dies with its builder, and takes all that it has started and mounted with it.
MORTAL = (
    *("setpriv", "--pdeathsig", "KILL", "--"),
    *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"),
)


@dataclass(frozen=True, slots=True)
class Root:
    """What the root file system is made of."""

    codename: str
    """Of the distribution's release."""
    sources: Sequence[str]
    """Where apt gets it: lines of a sources.list."""
    packages: Sequence[str]
    """What is installed besides the essential packages, with what these depend on."""


def assemble(wanted: Root, draft: Draft, grub: Path, say: Say) -> None:
    """Write `full.qcow2` into the draft's entry. `grub` holds the unpacked GRUB."""
    say(f"installing {wanted.codename} with {' '.join(wanted.packages)}")
    root = draft.scratch / "root"
    _bootstrap(wanted, root, draft)
    _keep_archives(root, draft.packages)
    say("setting it up")
    _make_anonymous(root)
    _set_up(root)
    say("writing the disk")
    disk = BootDisk(DISK_MB, LABEL, _grub_commands(root))
    write_image(disk, root, draft.entry / "full.qcow2", grub=grub, scratch=draft.scratch)


def _bootstrap(wanted: Root, root: Path, draft: Draft) -> None:
    mmdebstrap: list[str | Path] = [
        *("mmdebstrap", "--mode=root", "--variant=apt", "--format=directory"),
        "--skip=cleanup/apt/cache,essential/unlink",  # the archives are kept
        f"--hook-directory={FILES / 'hooks'}",
        *(f"--aptopt={line}" for line in (*APT_OPTIONS, *list_settings())),
        *(f"--dpkgopt={line}" for line in DPKG_OPTIONS),
        f"--include={','.join(wanted.packages)}",
        wanted.codename,
        root,
        *wanted.sources,
    ]
    folders = {
        "CUMULET_ARCHIVES": str(draft.packages),
        "CUMULET_SETTINGS": str(FILES / "root"),
        "TMPDIR": str(draft.scratch),
    }
    run([*MORTAL, *mmdebstrap], timeout_s=TIMEOUT_S, env=folders)


def _keep_archives(root: Path, packages: Path) -> None:
    """Move what was fetched to the other packages, and mark what was used."""
    cache = root / "var" / "cache" / "apt"
    query = ["dpkg-query", f"--admindir={root / 'var' / 'lib' / 'dpkg'}", "--show"]
    shown = run([*query, "--showformat", "${Package}_${Version}_${Architecture}.deb\n"]).stdout
    for name in shown.replace(":", "%3a").split():
        archive = cache / "archives" / name
        if archive.exists():
            # A rename to another name of the same file would do nothing.
            (packages / name).unlink(missing_ok=True)
            os.utime(archive.rename(packages / name))
    shutil.rmtree(cache)
    (cache / "archives" / "partial").mkdir(parents=True)


def _make_anonymous(root: Path) -> None:
    """Take away what is of this machine, and what each server must have of its own."""
    etc = root / "etc"
    for path in (
        *etc.glob("apt/apt.conf.d/99mmdebstrap"),
        *etc.glob("apt/sources.list.d/*"),
        *etc.glob("ssh/ssh_host_*"),
    ):
        path.unlink()
    (etc / "apt" / "sources.list").write_text("# None: cloud-init's `apt` can name some.\n")
    (etc / "hostname").write_text("full\n")
    (etc / "machine-id").write_text("")  # made at each server's first boot


def _set_up(root: Path) -> None:
    for line in (FILES / "masked").read_text().splitlines():
        if line and not line.startswith("#"):
            link = root / "etc" / "systemd" / line
            link.parent.mkdir(exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to("/dev/null")
    run(["chroot", root, "systemctl", "enable", *ENABLED])
    run(["chroot", root, "passwd", "--lock", "root"])


def _grub_commands(root: Path) -> str:
    kernel = next((root / "boot").glob("vmlinuz-*")).name.removeprefix("vmlinuz-")
    cmdline = (FILES / "cmdline").read_text().strip()
    commands = (FILES / "grub.cfg").read_text()
    return commands.replace("@KERNEL@", kernel).replace("@CMDLINE@", cmdline)
