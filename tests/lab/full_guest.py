# SPDX-License-Identifier: Apache-2.0
"""The full guest: a distribution as clouds have it, with systemd and unmodified cloud-init.

What the tiny guest only imitates is proven here: cloud-init reads our config drive, configures
network, names, keys and users, and runs what the user asked for. It boots in about a minute under
emulation, so a handful of tests share one boot. It is made of the packages of this machine's own
distribution, by its own apt sources, and of the files in `full/`.

`full_build` assembles. `python -m tests.lab.full_guest` builds.
"""

from __future__ import annotations

import functools
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.lab import apt, boot_disk, unpacked
from tests.lab.apt import AptError, Say
from tests.lab.full_build import Root, assemble
from tests.lab.guest_cache import Draft, Recipe, build_from_command_line, cached_image

PACKAGES = (
    # The system.
    *("systemd-sysv", "udev", "dbus", "kmod", "procps", "netbase", "iproute2", "iputils-ping"),
    *("e2fsprogs", "initramfs-tools", "lz4", "systemd-resolved"),
    # What clouds' images have.
    *("cloud-init", "cloud-guest-utils", "locales", "openssh-server", "qemu-guest-agent", "sudo"),
)


@dataclass(frozen=True, slots=True)
class Distribution:
    """What differs between the distributions; the sources, with components, are the host's own."""

    origin: str
    """Who signs its packages, in apt's words."""
    kernel: str
    """The package that brings a small kernel for virtual machines."""


DISTRIBUTIONS = {
    "debian": Distribution("Debian", "linux-image-cloud-amd64"),
    "ubuntu": Distribution("Ubuntu", "linux-image-virtual"),
}
"""By the ID of /etc/os-release."""


@functools.cache
def full_image() -> Path:
    """Give the full guest's disk image, building it when the cache has none.

    A build takes a minute or more. Raises `AptError` when apt does not have what is needed, and on
    a distribution that this file does not know.
    """
    return cached_image(_recipe(), lambda _: None)


def get_distribution(release: Mapping[str, str]) -> tuple[Distribution, str]:
    """Give the distribution and the codename of what /etc/os-release says; raises `AptError`."""
    name, codename = release.get("ID", ""), release.get("VERSION_CODENAME", "")
    if name not in DISTRIBUTIONS or not codename:
        known = " and ".join(known.origin for known in DISTRIBUTIONS.values())
        raise AptError(
            f"The full guest is built of the host's own packages, and only releases of {known} "
            f"are known; this is {release.get('PRETTY_NAME', name or 'none')}. Build it on one of "
            f"those, or add a line to DISTRIBUTIONS in tests/lab/full_guest.py."
        )
    return DISTRIBUTIONS[name], codename


def _recipe() -> Recipe:
    distribution, codename = get_distribution(platform.freedesktop_os_release())
    included = (distribution.kernel, *PACKAGES)
    packages = (*included, *boot_disk.GRUB_PACKAGES)

    def find_versions() -> dict[str, str] | None:
        versions = apt.find_versions(packages)
        sources = apt.list_sources(distribution.origin, codename)
        return {**versions, distribution.origin: codename} if versions and sources else None

    def build(versions: Mapping[str, str], draft: Draft, say: Say) -> None:
        grub = {package: versions[package] for package in boot_disk.GRUB_PACKAGES}
        grub_folder = draft.scratch / "grub"
        unpacked.unpack(apt.fetch(draft.packages, grub, say), grub_folder)
        sources = apt.list_sources(distribution.origin, codename)
        assemble(Root(codename, sources, included), draft, grub_folder, say)

    return Recipe(
        name="full",
        packages=packages,
        find_versions=find_versions,
        files=(
            *("apt.py", "boot_disk.py", "full", "full_build.py", "full_guest.py"),
            *("guest_cache.py", "unpacked.py"),
        ),
        build=build,
    )


if __name__ == "__main__":
    build_from_command_line(_recipe())
