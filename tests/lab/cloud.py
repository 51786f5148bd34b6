# SPDX-License-Identifier: Apache-2.0
"""A whole cloud as a user has it: `cumulet init`, then `cumulet serve` as a process of its own.

The demo, the tests with real guests, the clients' tests and the benchmark all start it here.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from agent.machine import is_running
from tests.lab.commands import run
from tests.lab.processes import children_of
from tests.lab.waiting import wait_for

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 30.0
BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """Find a port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class LiveCloud:
    """One state folder and, while it runs, the process that serves it."""

    state: Path
    libvirt_uri: str
    port: int = field(default_factory=free_port)
    serve: Sequence[str | Path] = (BIN / "cumulet", "serve")
    process: subprocess.Popen[bytes] | None = None
    launcher: tuple[str | Path, ...] = ()  # what `cumulet serve` is started through

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def config(self) -> Path:
        """The configuration file that init wrote."""
        return self.state / "cumulet.yaml"

    @property
    def log(self) -> Path:
        """What `cumulet serve` says."""
        return self.state / "serve.log"

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of it, for error messages."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def cumulet(self, *arguments: str) -> str:
        """Run a `cumulet` command and give what it printed."""
        return run([BIN / "cumulet", *arguments], timeout_s=600).stdout

    def init(self, *options: str) -> str:
        """Set the state folder up; `options` are more of init's."""
        return self.cumulet(
            "init",
            *("--state-dir", str(self.state)),
            *("--listen", f"127.0.0.1:{self.port}"),
            *("--libvirt-uri", self.libvirt_uri),
            *options,
        )

    def configure(self, **settings: Any) -> None:
        """Set keys of the configuration; those of a section beside those that are there."""
        config = yaml.safe_load(self.config.read_text())
        for key, value in settings.items():
            has = config.get(key)
            config[key] = {**has, **value} if isinstance(has, dict) else value
        self.config.write_text(yaml.safe_dump(config, sort_keys=False))

    def import_image(self, name: str, file: Path, **properties: str) -> str:
        """Register an image and give its id."""
        given = (f"--property={key}={value}" for key, value in properties.items())
        return self.cumulet(
            "image", "import", name, str(file), *given, "--config", str(self.config)
        ).split()[0]

    def start(self) -> None:
        """Start serving and wait until it answers. It dies with this process, not by its Ctrl-C."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL", "--", *self.launcher),
                    *(*self.serve, "--config", self.config),
                ],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(self._has_started, timeout_s=READY_TIMEOUT_S, what=f"an answer from {self.url}")

    def stop(self) -> int:
        """End it with SIGTERM, wait, and give its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_TIMEOUT_S)
        self.process = None
        return code

    def kill(self) -> None:
        """End all of its processes with SIGKILL: the power cut. Returns when they are gone."""
        assert self.process is not None
        pids = self.pids()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.wait_for_death(pids)

    def wait_for_death(self, pids: Sequence[int]) -> None:
        """Wait until all of its processes, which somebody else ends, are gone."""
        assert self.process is not None
        self.process.wait(STOP_TIMEOUT_S)
        self.process = None
        wait_for(
            lambda: not any(map(is_running, pids)),
            timeout_s=STOP_TIMEOUT_S,
            what="the end of the killed processes",
        )

    def pids(self) -> list[int]:
        """The process ids of all of it: the process, and those that any thread has started."""
        assert self.process is not None
        return [self.process.pid, *children_of(self.process.pid)]

    def close(self) -> None:
        """Stop it if it runs, and remove the state folder."""
        if self.process is not None:
            self.stop()
        shutil.rmtree(self.state, ignore_errors=True)

    def environment(self, cloud: str = "cumulet") -> dict[str, str]:
        """The environment in which a stock client finds this cloud and no other."""
        others = {k: v for k, v in os.environ.items() if not k.startswith("OS_")}
        return {
            **others,
            "OS_CLIENT_CONFIG_FILE": str(self.state / "clouds.yaml"),
            "OS_CLOUD": cloud,
            "NO_PROXY": "127.0.0.1",
        }

    def virsh(self, *arguments: str) -> str:
        """Ask the cloud's libvirt, past the cloud."""
        return run(["virsh", "-q", "-c", self.libvirt_uri, *arguments], timeout_s=60).stdout

    def openstack(self, *arguments: str, cloud: str = "cumulet") -> str:
        """Run the unmodified `openstack` client and give what it printed."""
        return run(
            [BIN / "openstack", *arguments], env=self.environment(cloud), timeout_s=300
        ).stdout

    def is_answering(self, timeout_s: float = 5.0) -> bool:
        """Whether a new client gets an answer in time."""
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=timeout_s) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _has_started(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"`cumulet serve` ended:\n{self.log_tail()}")
        return self.is_answering()


@contextmanager
def serving(cloud: LiveCloud) -> Iterator[LiveCloud]:
    """Set a cloud up and serve it; it goes with the context."""
    cloud.init()
    try:
        cloud.start()
        yield cloud
    finally:
        cloud.close()


@dataclass(slots=True)
class Api:
    """A small client of our own, for tests that count milliseconds: JSON in, JSON out."""

    cloud: LiveCloud
    token: str = ""

    def log_in(self, cloud: str = "cumulet") -> Api:
        """Get a token with the credentials that init wrote."""
        clouds = yaml.safe_load((self.cloud.state / "clouds.yaml").read_text())
        auth = clouds["clouds"][cloud]["auth"]
        domain = {"id": "default"}
        user = {"name": auth["username"], "password": auth["password"], "domain": domain}
        body = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": {"name": auth["project_name"], "domain": domain}},
            }
        }
        _, headers, _ = self.request("POST", "/identity/v3/auth/tokens", body)
        self.token = headers["x-subject-token"]
        return self

    def request(
        self, method: str, path: str, body: object = None, *, version: str = "2.1"
    ) -> tuple[int, dict[str, str], Any]:
        """Send a request; give status, headers (lower case) and parsed body, also of an error."""
        request = urllib.request.Request(
            f"{self.cloud.url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Content-Type": "application/json",
                "X-Auth-Token": self.token,
                "OpenStack-API-Version": f"compute {version}",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, _lower(answer.headers), _parse(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _lower(error.headers), _parse(error.read())

    def get(self, path: str) -> Any:
        """GET a compute path that must be there."""
        status, _, body = self.request("GET", f"/compute/v2.1{path}")
        assert status == 200, (status, body)
        return body

    def create_server(self, name: str, image_id: str, **fields: Any) -> str:
        """Create an m1.tiny server and give its id."""
        server = {"name": name, "imageRef": image_id, "flavorRef": "1", **fields}
        status, _, body = self.request("POST", "/compute/v2.1/servers", {"server": server})
        assert status == 202, (status, body)
        return str(body["server"]["id"])

    def act(self, server_id: str, action: dict[str, Any], *, version: str = "2.1") -> Any:
        """Send an action that must be accepted, and give its answer."""
        path = f"/compute/v2.1/servers/{server_id}/action"
        status, _, body = self.request("POST", path, action, version=version)
        assert status in {200, 202}, (status, body)
        return body

    def server(self, server_id: str) -> dict[str, Any]:
        """One server as the API shows it."""
        return dict(self.get(f"/servers/{server_id}")["server"])

    def wait_for_status(
        self, server_id: str, status: str, timeout_s: float = 120
    ) -> dict[str, Any]:
        """Wait until the server shows the status at rest, and give it; an ERROR ends the wait."""

        def look() -> dict[str, Any] | None:
            server = self.server(server_id)
            if server["status"] == "ERROR" != status:
                raise AssertionError(server["fault"])
            rests = server["OS-EXT-STS:task_state"] is None
            return server if server["status"] == status and rests else None

        return wait_for(look, timeout_s=timeout_s, what=f"server {server_id} to be {status}")

    def wait_until_gone(self, server_id: str, timeout_s: float = 60) -> None:
        """Wait until the server is not found."""
        path = f"/compute/v2.1/servers/{server_id}"
        wait_for(
            lambda: self.request("GET", path)[0] == 404,
            timeout_s=timeout_s,
            what=f"server {server_id} to be gone",
        )

    def console(self, server_id: str) -> str:
        """All that the serial console has printed; nothing of a server that has no host yet."""
        path = f"/compute/v2.1/servers/{server_id}/action"
        status, _, answer = self.request("POST", path, {"os-getConsoleOutput": {}})
        if status == http.client.CONFLICT:
            return ""
        assert status == http.client.OK, (status, answer)
        return str(answer["output"])

    def wait_for_console(self, server_id: str, text: str, timeout_s: float = 180) -> str:
        """Wait until the serial console has printed a text, and give all of it."""

        def look() -> str | None:
            output = self.console(server_id)
            return output if text in output else None

        return wait_for(look, timeout_s=timeout_s, poll_s=0.1, what=f"{text!r} on the console")


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _parse(body: bytes) -> Any:
    return json.loads(body) if body else None
