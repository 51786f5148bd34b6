# SPDX-License-Identifier: Apache-2.0
"""How fast servers are read, and what memory it takes: one, and lists of 1, 100 and 1,000.

    python -m bench.reads [SERVERS]

The floors, taken in the same run: GET /healthz of the same cloud, which asks nobody and reads
nothing; and a bare Flask application below the same gunicorn that answers with the same bytes as
JSON. The client speaks over a connection that stays open, as OpenStack's own do; it shares the
machine with what it measures.
"""

from __future__ import annotations

import compileall
import http.client
import itertools
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

import agent
from bench.ground import spread
from bench.lifecycle import pss_mib
from tests.lab.cloud import Api, LiveCloud, free_port
from tests.lab.commands import run
from tests.lab.private_host import PrivateHost
from tests.lab.waiting import wait_for

SERVERS = 1000
LISTED = (1, 100, 1000)
ROUNDS = {"one": 300, "each": 300, "1": 300, "100": 60, "1000": 20}
LOAD_S = 6.0
CLIENTS = (1, 8)
AIM = 800
SETTINGS = {
    "max_microversion": "2.96",
    "quota": {"instances": -1, "cores": -1, "ram_mb": -1},
    "capacity": {"cpu_ratio": 1000.0, "ram_ratio": 1000.0},
    "sweep_every_s": 3600,
}
BARE = """\
import json, sys
from pathlib import Path
from flask import Flask, jsonify
from gunicorn.app.base import BaseApplication

bare = Flask("bare")
answers = {path.stem: json.loads(path.read_text()) for path in Path(sys.argv[2]).glob("*.json")}

@bare.get("/<name>")
def show(name):
    return jsonify(answers[name])

class Served(BaseApplication):
    def load_config(self):
        for key, value in {"bind": sys.argv[1], "workers": 1, "threads": 8,
                           "worker_class": "gthread", "control_socket_disable": True}.items():
            if key in self.cfg.settings:
                self.cfg.set(key, value)
    def load(self):
        return bare

Served().run()
"""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a client asks, and for what: for these in turn."""

    port: int
    paths: Sequence[str]
    token: str = ""

    def connect(self) -> Callable[[], bytes]:
        """A client with a connection of its own: each call asks once and gives the body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"X-Auth-Token": self.token} if self.token else {}
        turns = itertools.cycle(self.paths)

        def ask() -> bytes:
            connection.request("GET", next(turns), headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, (answer.status, body)
            return body

        return ask

    def seconds(self, rounds: int) -> list[float]:
        """How long each of so many requests takes, one after the other."""
        ask = self.connect()
        for _ in range(5):
            ask()
        return [_timed(ask) for _ in range(rounds)]

    def rate(self, clients: int, seconds: float) -> float:
        """Requests a second that so many clients get answered."""
        counts = [0] * clients
        end = time.monotonic() + seconds

        def work(number: int) -> None:
            ask = self.connect()
            while time.monotonic() < end:
                ask()
                counts[number] += 1

        threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(counts) / (time.monotonic() - began)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else SERVERS
    # As an installation does: a process that compiles its own code keeps megabytes of that.
    compileall.compile_dir(Path(agent.__file__).parent, quiet=2)
    with (
        tempfile.TemporaryDirectory(prefix="cumulet-bench-", dir="/var/tmp") as name,
        PrivateHost.start() as host,
    ):
        folder = Path(name)
        # Its test driver: the servers take no memory, neither the machine's nor the cloud's.
        cloud = LiveCloud(folder / "state", host.test_uri)
        try:
            api = start(cloud, folder)
            before = pss_mib(cloud)
            measure(api, folder, fill(api, folder, count), before)
        finally:
            cloud.close()


def start(cloud: LiveCloud, folder: Path) -> Api:
    """Set it up with room for all the servers, and serve it."""
    cloud.state.mkdir()
    first = {
        "state_dir": str(cloud.state),
        "listen": f"127.0.0.1:{cloud.port}",
        "libvirt_uri": cloud.libvirt_uri,
        "network": {"libvirt_network": "bench", "bridge": "bench0", "subnet": "10.255.240.0/20"},
        "installation": str(uuid.uuid4()),
    }
    cloud.config.write_text(yaml.safe_dump(first))
    cloud.init()
    config = yaml.safe_load(cloud.config.read_text()) | SETTINGS
    cloud.config.write_text(yaml.safe_dump(config))
    cloud.start()
    return Api(cloud).log_in()


def fill(api: Api, folder: Path, count: int) -> list[str]:
    """Make so many servers, and give their ids."""
    run(["qemu-img", "create", "-q", "-f", "qcow2", folder / "small.qcow2", "1M"])
    image_id = api.cloud.import_image("small", folder / "small.qcow2")
    ids = [
        api.create_server(f"bench-{number}", image_id, metadata={"role": "bench"})
        for number in range(count)
    ]
    for each in reversed(ids):
        api.wait_for_status(each, "ACTIVE", timeout_s=600)
    return ids


def measure(api: Api, folder: Path, ids: Sequence[str], before: float) -> None:
    """Take all measures, then those of the floors, and print each with its ratio.

    "one" is one server again and again, as of a client that waits for it; "each" is all of them in
    turn, of which none is remembered when there are many.
    """
    cloud = api.cloud
    each = [f"/compute/v2.1/servers/{server_id}" for server_id in ids]
    asked = {"one": each[-1:], "each": each}
    asked |= {str(n): [f"/compute/v2.1/servers/detail?limit={n}"] for n in LISTED}
    ours = {name: Target(cloud.port, paths, api.token) for name, paths in asked.items()}
    answers = folder / "answers"
    answers.mkdir()
    for name, target in ours.items():
        (answers / f"{name}.json").write_bytes(target.connect()())
    health = Target(cloud.port, ["/healthz"])
    with bare(answers) as port:
        floors = {name: Target(port, [f"/{name}"]) for name in ours}
        for name, target in ours.items():
            tell_times(f"GET {name}", target, floors[name], ROUNDS[name])
        tell_times("GET /healthz", health, floors["one"], ROUNDS["one"])
        for clients in CLIENTS:
            floor = floors["one"].rate(clients, LOAD_S)
            print(f"{clients} clients: the bare one {floor:.0f} a second")
            for name, target in {
                "one": ours["one"],
                "each": ours["each"],
                "/healthz": health,
            }.items():
                rate = target.rate(clients, LOAD_S)
                print(
                    f"{clients} clients: GET {name:8} {rate:5.0f} a second, "
                    f"{rate / floor:.2f} of the bare   (aim: {AIM} a second)"
                )
    after = pss_mib(cloud)
    print(f"PSS {before:.1f} MiB before, {after:.1f} after   (aim: under 80)")


def tell_times(name: str, ours: Target, floor: Target, rounds: int) -> None:
    times, floors = ours.seconds(rounds), floor.seconds(rounds)
    middle, base = statistics.median(times), statistics.median(floors)
    print(
        f"{name:14} {middle * 1000:7.2f} ms {spread(times)}, "
        f"bare {base * 1000:.2f}: {middle / base:.2f} times"
    )


@contextmanager
def bare(answers: Path) -> Iterator[int]:
    """Serve the same answers from a bare application, and give its port."""
    port = free_port()
    program = answers / "bare.py"
    program.write_text(BARE)
    process = subprocess.Popen(
        [sys.executable, program, f"127.0.0.1:{port}", answers],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        ask = Target(port, ["/one"])
        wait_for(lambda: _answers(ask), timeout_s=20, what="the bare application")
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _answers(target: Target) -> bool:
    try:
        return bool(target.connect()())
    except OSError:
        return False


def _timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


if __name__ == "__main__":
    main()
