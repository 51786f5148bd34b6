# SPDX-License-Identifier: Apache-2.0
"""What an upload of 2 GiB does to the memory, and to those who ask something else meanwhile.

    python -m bench.upload [MIB]

The floor of the upload reads, hashes and writes the same bytes in a plain loop; that of the
requests is the same request before and after the upload. All are taken in one run, and their ratios
count.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.lifecycle import pss_mib
from tests.fast.smallcloud import NODE
from tests.lab.cloud import Api, LiveCloud, serving
from tests.lab.commands import run

MIB = 2**20
SIZE_MIB = 2048
SERVERS = 5
QUIET_S = 8.0


def main() -> None:
    size_mib = int(sys.argv[1]) if len(sys.argv) > 1 else SIZE_MIB
    with tempfile.TemporaryDirectory(prefix="cumulet-bench-", dir="/var/tmp") as name:
        folder = Path(name)
        (folder / "node.xml").write_text(NODE)
        with serving(LiveCloud(folder / "state", f"test://{folder}/node.xml")) as cloud:
            measure(cloud, folder, size_mib)


def measure(cloud: LiveCloud, folder: Path, size_mib: int) -> None:
    small, large = folder / "small.qcow2", folder / "large.qcow2"
    full = ("-o", "preallocation=full")
    run(["qemu-img", "create", "-q", "-f", "qcow2", small, "1M"])
    run(["qemu-img", "create", "-q", "-f", "qcow2", *full, large, f"{size_mib}M"])
    api = Api(cloud).log_in()
    image_id = cloud.import_image("small", small)
    for number in range(SERVERS):
        api.wait_for_status(api.create_server(f"bench-{number}", image_id), "ACTIVE")
    upload(api, small)  # what checks images is loaded from now on
    floor = [floor_mib_s(large, folder / "copy")]
    idle = Watch(cloud, api)
    with idle.watching():
        time.sleep(QUIET_S)
    busy = Watch(cloud, api)
    began = time.monotonic()
    with busy.watching():
        upload(api, large)
    took = time.monotonic() - began
    with idle.watching():
        time.sleep(QUIET_S)
    floor.append(floor_mib_s(large, folder / "copy"))
    report(idle, busy, large.stat().st_size / MIB / took, statistics.mean(floor))


@dataclass(slots=True)
class Watch:
    """What is seen beside something: how long GET /servers takes, and the memory of it all."""

    cloud: LiveCloud
    api: Api
    gets: list[float] = field(default_factory=list)  # seconds
    rss: list[float] = field(default_factory=list)  # MiB
    pss: list[float] = field(default_factory=list)  # MiB

    @contextmanager
    def watching(self) -> Iterator[None]:
        done = threading.Event()
        thread = threading.Thread(target=self._watch, args=(done,))
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _watch(self, done: threading.Event) -> None:
        look_at = 0.0
        while not done.is_set():
            began = time.monotonic()
            self.api.get("/servers")
            self.gets.append(time.monotonic() - began)
            if began >= look_at:
                self.rss.append(rss_mib(self.cloud))
                self.pss.append(pss_mib(self.cloud))
                look_at = began + 0.25


def rss_mib(cloud: LiveCloud) -> float:
    """The resident memory of the worker, MiB."""
    status = Path(f"/proc/{cloud.pids()[1]}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024


def upload(api: Api, file: Path) -> None:
    """Upload a file as curl would: its length is told, and the kernel sends it."""
    fields = {"name": "bench", "disk_format": "qcow2", "container_format": "bare"}
    status, _, image = api.request("POST", "/image/v2/images", fields)
    assert status == 201, image
    connection = http.client.HTTPConnection("127.0.0.1", api.cloud.port)
    connection.putrequest("PUT", f"/image/v2/images/{image['id']}/file")
    connection.putheader("X-Auth-Token", api.token)
    connection.putheader("Content-Type", "application/octet-stream")
    connection.putheader("Content-Length", str(file.stat().st_size))
    connection.endheaders()
    with file.open("rb") as source:
        connection.sock.sendfile(source)
    answer = connection.getresponse()
    assert answer.status == 204, answer.read()
    connection.close()


def floor_mib_s(file: Path, copy: Path) -> float:
    """Copy a file with its two hashes, down to the disk; MiB a second."""
    began = time.monotonic()
    md5, sha512 = hashlib.md5(usedforsecurity=False), hashlib.sha512()
    with file.open("rb") as source, copy.open("wb", buffering=0) as target:
        while chunk := source.read(MIB):
            md5.update(chunk)
            sha512.update(chunk)
            target.write(chunk)
        os.fsync(target.fileno())
    took = time.monotonic() - began
    copy.unlink()
    return file.stat().st_size / MIB / took


def report(idle: Watch, busy: Watch, mib_s: float, floor: float) -> None:
    print(
        f"upload          {mib_s:7.0f} MiB/s, a plain loop {floor:.0f}: {mib_s / floor:.2f} of it"
    )
    for name, before, during in (("RSS", idle.rss, busy.rss), ("PSS", idle.pss, busy.pss)):
        print(
            f"{name:15} {max(before):7.1f} MiB idle, at most {max(during):.1f} during it: "
            f"{max(during) - max(before):+.1f}   (aim: flat)"
        )
    for name, percent in (("p50", 50), ("p95", 95)):
        without, beside = (
            statistics.quantiles(watch.gets, n=100)[percent - 1] * 1000 for watch in (idle, busy)
        )
        print(
            f"GET /servers {name} {without:6.1f} ms idle, {beside:.1f} during it: "
            f"{beside / without:.2f} times   (aim: 1.5; "
            f"{len(idle.gets)} and {len(busy.gets)} asked)"
        )


if __name__ == "__main__":
    main()
