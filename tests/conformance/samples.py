# SPDX-License-Identifier: Apache-2.0
"""One image of each disk format, as its own tool makes it, and the list of them for tempest."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.lab.commands import run

FORMATS = {"qcow2": "qcow2", "raw": "raw", "vdi": "vdi", "vhd": "vpc", "vmdk": "vmdk"}
"""What Glance calls a format, and what qemu-img calls it."""

SIZE = "1M"


def make_samples(folder: Path) -> Path:
    """Make the images, and give the file that lists them."""
    folder.mkdir(parents=True)
    for name, known_as in FORMATS.items():
        run(["qemu-img", "create", "-q", "-f", known_as, folder / name, SIZE])
    images = [{"name": x, "format": x, "filename": x, "usable": True} for x in FORMATS]
    manifest = folder / "manifest.yaml"
    manifest.write_text(yaml.safe_dump({"images": images}))
    return manifest
