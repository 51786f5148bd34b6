# SPDX-License-Identifier: Apache-2.0
"""The tiny guest: a real kernel on a real disk, ready seconds after power-on.

Most tests need a guest that boots, reads its config drive, gets an address, answers the guest
agent and obeys the power button; a distribution's image does that in a minute, this one in
seconds. It is put together from Debian packages (fetched, unpacked, never installed) and the
files in `tiny/`, and cached by the hash of all of them.

`python -m tests.lab.tiny_guest` builds.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path

from tests.lab import apt, boot_disk, tiny_build, unpacked
from tests.lab.apt import Say
from tests.lab.guest_cache import Draft, Recipe, build_from_command_line, cached_image

KERNEL_CHOOSER = "linux-image-cloud-amd64"
PACKAGES = (
    *boot_disk.GRUB_PACKAGES,
    "busybox-static",
    "jq",
    "qemu-guest-agent",
    "util-linux",
    # Libraries of the above.
    "libblkid1",
    "libglib2.0-0",
    "libjq1",
    "libnuma1",
    "libonig5",
    "liburing2",
)


@functools.cache
def tiny_image() -> Path:
    """Return the tiny guest's disk image, building it when the cache has none.

    Its kernel and initial RAM disk lie beside it as `vmlinuz` and `initrd`.
    """
    return cached_image(RECIPE, lambda _: None)


def _find_versions() -> dict[str, str] | None:
    """Return the candidate version of each package, or None when apt does not know them all."""
    versions = apt.find_versions(PACKAGES)
    chooser = apt.show([KERNEL_CHOOSER]).get(KERNEL_CHOOSER)
    if versions is None or chooser is None:
        return None
    kernel = re.search(r"(linux-image-\S+) \(= (\S+)\)", chooser["Depends"])
    return {kernel[1]: kernel[2], **versions} if kernel else None


def _build(versions: Mapping[str, str], draft: Draft, say: Say) -> None:
    archives = apt.fetch(draft.packages, versions, say)
    say("unpacking the packages")
    folder = draft.scratch / "unpacked"
    unpacked.unpack(archives, folder)
    tiny_build.assemble(folder, draft.entry, say)


RECIPE = Recipe(
    name="tiny",
    packages=(KERNEL_CHOOSER, *PACKAGES),
    find_versions=_find_versions,
    files=("apt.py", "boot_disk.py", "tiny", "tiny_build.py", "tiny_guest.py", "unpacked.py"),
    build=_build,
)

if __name__ == "__main__":
    build_from_command_line(RECIPE)
