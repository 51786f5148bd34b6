# SPDX-License-Identifier: Apache-2.0
"""The process that answers: clients who ask without a pause, what is logged, and how it ends."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent.machine import is_running
from agent.worker import STOP_S
from tests.fast.livecloud import over_test_driver
from tests.lab.cloud import BIN, LiveCloud, serving
from tests.lab.commands import CommandError, run
from tests.lab.processes import children_of, opened_by
from tests.lab.waiting import wait_for

BROKEN = """
import sys
from pathlib import Path
from agent.config import read_config
from agent.serve import serve
from agent.worker import Worker

def fail(worker, timeout):
    raise RuntimeError("the loop is broken")

Worker.wait_for_and_dispatch_events = fail
serve(read_config(Path(sys.argv[1])))
"""
IMPATIENT = """
from agent import cli, worker

worker.END_S = 3  # nobody is to wait here as long as for the steps of real tasks
cli.main()
"""
THREADS = 8  # `api_threads` as it comes


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCloud]:
    folder = tmp_path_factory.mktemp("worker")
    with serving(over_test_driver(folder)) as cloud:
        yield cloud


def test_more_clients_than_threads_are_all_answered_without_a_pause(live: LiveCloud) -> None:
    clients = 3 * THREADS
    counts = [0] * clients
    end = time.monotonic() + 3

    def ask(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=20)
        while time.monotonic() < end:
            connection.request("GET", "/healthz")
            counts[number] += connection.getresponse().read() == b'{"status":"ok"}\n'
        connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert min(counts) > sum(counts) / clients / 10


def test_a_request_has_a_line_in_the_log(live: LiveCloud) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=20)
    connection.request("GET", '/nowhere?"a"=b')
    answer = connection.getresponse()
    body, request_id = answer.read(), answer.headers["x-openstack-request-id"]
    connection.close()

    def line() -> str | None:
        return next(
            (line for line in live.log.read_text().splitlines() if request_id in line), None
        )

    said = wait_for(line, timeout_s=10, what="the request's line in the log")
    asked = re.escape(r"""127.0.0.1 "GET /nowhere?\"a\"=b HTTP/1.1" 404""")
    assert re.fullmatch(rf"{asked} {len(body)} bytes \d+ ms \[{request_id}\]", said)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Proto": "https"},
        {"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "off"},  # refused where they are believed
        {"Script_Name": "/elsewhere", "Path_Info": "/image"},
    ],
)
def test_what_a_proxy_would_say_is_believed_of_nobody(
    live: LiveCloud, headers: dict[str, str]
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=20)
    bodies = []
    for each in ({}, headers):
        connection.request("GET", "/identity", headers=each)
        answer = connection.getresponse()
        assert answer.status == 300
        bodies.append(answer.read())
    connection.close()
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_it_ends_in_order_at_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    cloud = over_test_driver(tmp_path)
    cloud.launcher = ("env", "--default-signal=INT,HUP,QUIT")  # what runs the tests may ignore them
    with serving(cloud):
        process = cloud.process
        assert process is not None
        process.send_signal(number)
        code = process.wait(20)
        cloud.process = None

        assert code == 0
        assert "ending without" not in cloud.log.read_text()


def test_it_is_one_process_that_goes_on_when_the_one_that_started_it_has_ended(
    tmp_path: Path,
) -> None:
    cloud = over_test_driver(tmp_path)
    cloud.init()
    in_background = f'"$@" > {cloud.log} 2>&1 & echo $!'
    serve: list[str | Path] = [BIN / "cumulet", "serve", "--config", cloud.config]
    pid = int(run(["sh", "-c", in_background, "sh", *serve]).stdout)
    try:
        wait_for(cloud.is_answering, timeout_s=30, what="an answer")
        # It looks whether to go on after each of them.
        answers = [cloud.is_answering() for _ in range(5)]
        children = children_of(pid)
    finally:
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not is_running(pid), timeout_s=20, what="its end")

    assert answers == [True] * 5
    assert children == []


def test_it_tells_systemd_once_it_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with serving(over_test_driver(tmp_path)):
            assert systemd.recv(100) == b"READY=1"


def test_a_request_that_does_not_end_holds_nobody_up(tmp_path: Path) -> None:
    with serving(over_test_driver(tmp_path)) as cloud:
        with socket.create_connection(("127.0.0.1", cloud.port), timeout=20) as client:
            client.sendall(b"POST /identity/v3/auth/tokens HTTP/1.1\r\nHost: x\r\n")
            client.sendall(b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
            wait_for(cloud.is_answering, timeout_s=20, what="an answer to others")
            began = time.monotonic()
            code = cloud.stop()

        assert code == 0
        assert time.monotonic() - began < 18  # SILENCE_S is 20
        assert "requests are still under way: ending without them" in cloud.log.read_text()


def test_an_address_that_is_another_s_is_named(live: LiveCloud, tmp_path: Path) -> None:
    cloud = over_test_driver(tmp_path)
    cloud.port = live.port
    cloud.init()
    said = rf"Nothing can listen at 127.0.0.1:{live.port}: Address already in use. Change"
    with pytest.raises(CommandError, match=said):
        cloud.cumulet("serve", "--config", str(cloud.config))


def test_more_connections_than_descriptors_wait_and_end_nothing(tmp_path: Path) -> None:
    cloud = over_test_driver(tmp_path)
    cloud.launcher = ("prlimit", "--nofile=80:80", "--")
    with serving(cloud):
        with ExitStack() as clients:
            for _ in range(100):
                clients.enter_context(socket.create_connection(("127.0.0.1", cloud.port)))
            wait_for(
                lambda: "no room for more connections" in cloud.log.read_text(),
                timeout_s=20,
                what="the limit",
            )
        wait_for(cloud.is_answering, timeout_s=20, what="an answer, after they have gone")

        assert cloud.log.read_text().count("no room for more connections") < 5


def ask_and_stay(clients: ExitStack, cloud: LiveCloud) -> socket.socket:
    """Ask for the last answer of a connection, and do not close it."""
    client = socket.create_connection(("127.0.0.1", cloud.port), timeout=20)
    clients.enter_context(client).sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
    answer = b""
    while received := client.recv(4096):
        answer += received
    assert answer.endswith(b'{"status":"ok"}\n')
    return client


def count_sockets(cloud: LiveCloud) -> int:
    assert cloud.process is not None
    return sum(name.startswith("socket:") for name in opened_by(cloud.process.pid))


def test_clients_that_do_not_close_their_end_hold_nobody_up(tmp_path: Path) -> None:
    with serving(over_test_driver(tmp_path)) as cloud, ExitStack() as clients:
        assert cloud.is_answering()
        before = count_sockets(cloud)
        began = time.monotonic()
        for _ in range(20):
            ask_and_stay(clients, cloud)
        assert time.monotonic() - began < 20  # one after the other they are waited for 40 seconds
        wait_for(lambda: count_sockets(cloud) <= before, timeout_s=10, what="their end")

        began = time.monotonic()
        assert cloud.stop() == 0
        assert time.monotonic() - began < STOP_S - 2  # so long connections that are left would take


def test_its_end_is_bounded_where_nobody_reads_its_log(tmp_path: Path) -> None:
    cloud = over_test_driver(tmp_path)
    cloud.init()
    serve: list[str | Path] = [sys.executable, "-c", IMPATIENT, "serve", "--config", cloud.config]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        wait_for(cloud.is_answering, timeout_s=30, what="an answer")
        asked = f"GET /{'x' * 8000} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        with ExitStack() as clients:
            for _ in range(20):
                address = ("127.0.0.1", cloud.port)
                clients.enter_context(socket.create_connection(address)).sendall(asked)
            wait_for(lambda: not cloud.is_answering(2), timeout_s=20, what="a full pipe")
            process.terminate()

            assert process.wait(40) == -signal.SIGALRM


def test_nohup_is_obeyed(tmp_path: Path) -> None:
    cloud = over_test_driver(tmp_path)
    cloud.launcher = ("nohup",)
    with serving(cloud):
        assert cloud.process is not None
        cloud.process.send_signal(signal.SIGHUP)

        assert [cloud.is_answering() for _ in range(5)] == [True] * 5
        assert cloud.stop() == 0


def test_an_engine_that_does_not_start_ends_the_process(tmp_path: Path) -> None:
    cloud = over_test_driver(tmp_path)
    cloud.init()
    (cloud.state / "base" / ".x.999999.abcdef12.part").mkdir(parents=True)
    done = run([BIN / "cumulet", "serve", "--config", cloud.config], check=False)

    assert done.returncode == 1
    assert "the engine does not start" in done.stderr


def test_a_process_whose_main_thread_fails_ends_as_failed(tmp_path: Path) -> None:
    """systemd starts again what failed, and nothing else."""
    cloud = over_test_driver(tmp_path)
    cloud.init()
    done = run([sys.executable, "-c", BROKEN, cloud.config], check=False)

    assert done.returncode == 1
    assert "RuntimeError: the loop is broken" in done.stderr
