# SPDX-License-Identifier: Apache-2.0
"""Each hostile image, uploaded as what it pretends to be and as raw: refused, or harmless.

Harmless means: a server's disk made of it brings nothing of the host to light.
"""

from __future__ import annotations

import os
import resource
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from agent import disks
from agent.model.layout import Layout
from tests.fast.api.conftest import ApiClient, log_in_from_file
from tests.fast.application import build_app
from tests.fast.smallcloud import SmallCloud
from tests.lab.commands import run
from tests.lab.hostile import CANARY, CORPUS, Hostile
from tests.lab.hostile_disks import gpt, iso, vdi, vhd_dynamic, vhd_fixed
from tests.lab.hostile_qcow2 import extension, qcow2
from tests.lab.hostile_vmdk import vmdk
from tests.lab.processes import children_of

IMAGES = "/image/v2/images"
MIB = 1024**2
SECONDS = 20.0
OWN_MEMORY = 64 * MIB  # that one upload may take of ours
CHILDREN_KIB = 300 * 1024  # that any qemu-img may have taken
TOLD_WHAT_TO_DO = ("Upload", "upload", "Set disk_format", "set disk_format", "at most", "Convert")


@dataclass(frozen=True, slots=True)
class Place:
    """A cloud with a canary in it, and a user of it."""

    cloud: SmallCloud
    client: ApiClient
    canary: Path

    @property
    def layout(self) -> Layout:
        return Layout(self.cloud.config.state_dir)

    def footprint(self) -> tuple[dict[str, int], int, list[int]]:
        """Files with their blocks, our open files, and what else we run."""
        folders = (self.layout.images, self.layout.bases, self.layout.servers)
        files = {
            str(path): path.stat().st_blocks for folder in folders for path in folder.rglob("*")
        }
        return files, len(list(Path("/proc/self/fd").iterdir())), children_of(os.getpid())

    def upload(self, declared: str, content: bytes) -> tuple[str, int, str]:
        """Upload an image; its id, the answer's status and what it says."""
        body = {"name": "hostile", "disk_format": declared, "container_format": "bare"}
        image_id = str(self.client.post(IMAGES, body).get_json()["id"])
        answer = self.client.request(
            "PUT",
            f"{IMAGES}/{image_id}/file",
            data=content,
            content_type="application/octet-stream",
        )
        return image_id, answer.status_code, answer.get_data(as_text=True)


@pytest.fixture(scope="module")
def place(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One cloud for all; images of more than 1 GiB are too large for it."""
    cloud = SmallCloud.open(template, tmp_path_factory.mktemp("hostile"))
    cloud.config = replace(cloud.config, limits=replace(cloud.config.limits, image_gb=1))
    cloud.reboot()
    client = log_in_from_file(cloud, build_app(cloud), "cumulet")
    canary = cloud.config.state_dir / "images" / "canary"  # where a neighbour's name leads, too
    canary.write_bytes(CANARY * 1024)
    found = Place(cloud, client, canary)
    found.upload("raw", bytes(512))  # what is imported for the first of all
    yield found
    cloud.close()


CASES = [
    pytest.param(hostile, declared, id=f"{hostile.name}-as-{declared}")
    for hostile in CORPUS
    for declared in dict.fromkeys((hostile.declared, "raw"))
]


@pytest.mark.parametrize(("hostile", "declared"), CASES)
def test_a_hostile_image_is_refused_or_harmless(
    place: Place, hostile: Hostile, declared: str
) -> None:
    content = hostile.make(place.canary)
    before, memory, began = place.footprint(), reset_peak(), time.monotonic()

    image_id, status, told = place.upload(declared, content)

    assert time.monotonic() - began < SECONDS
    assert peak_memory() - memory < OWN_MEMORY
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < CHILDREN_KIB
    if status == 204:
        assert CANARY not in read_server_disk(place, image_id, declared)
    else:
        assert status in {400, 403}, told
        assert any(words in told for words in TOLD_WHAT_TO_DO), told
        assert str(place.cloud.config.state_dir) not in told
    assert place.client.delete(f"{IMAGES}/{image_id}").status_code == 204
    assert place.footprint() == before


@pytest.mark.parametrize(
    ("declared", "content"),
    [
        ("qcow2", qcow2()),
        ("qcow2", qcow2(version=2)),
        ("qcow2", qcow2(extensions=extension(0x6803F857, bytes(48)))),
        ("vmdk", vmdk()),
        ("vmdk", vmdk(footer_capacity=16384)),
        ("vdi", vdi()),
        ("vhd", vhd_fixed()),
        ("vhd", vhd_dynamic()),
        ("iso", iso()),
        ("raw", gpt()),
    ],
)
def test_the_same_disks_without_their_faults_are_taken(
    place: Place, declared: str, content: bytes
) -> None:
    """So that each of the corpus is refused for its fault, and not for how it was put together."""
    image_id, status, told = place.upload(declared, content)

    assert (status, told) == (204, "")
    assert place.client.delete(f"{IMAGES}/{image_id}").status_code == 204


def test_the_corpus_names_a_canary_that_would_be_seen(place: Place) -> None:
    """Who follows a backing file does find the canary's words: the test above can fail."""
    trap = next(hostile for hostile in CORPUS if hostile.name == "qcow2-backing-absolute")
    path = place.canary.parent.parent / "trap"
    path.write_bytes(trap.make(place.canary))

    run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", path, path.with_suffix(".raw")])

    assert CANARY in path.with_suffix(".raw").read_bytes()


def read_server_disk(place: Place, image_id: str, declared: str) -> bytes:
    """All that a server whose disk stands on the image could read, as far as it can be read."""
    if declared in {"aki", "ari"}:
        return place.layout.boot_file(image_id).read_bytes()
    folder = place.layout.server(str(uuid.uuid4()))
    disks.make_server_folder(folder)
    disk, out = folder / "disk.qcow2", folder / "read"
    try:
        disks.create_overlay(place.layout.base(image_id), "qcow2", disk)
        # A hole in a damaged table may end it.
        run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", disk, out], check=False)
        return out.read_bytes() if out.exists() else b""
    finally:
        disks.remove_server_files(folder)


def reset_peak() -> int:
    """Forget our peak of memory; what we take now, in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_memory()


def peak_memory() -> int:
    """The most memory that we had since the last reset, in bytes."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
