# SPDX-License-Identifier: Apache-2.0
"""The process that answers: clients who ask without a pause, and what is logged of each request."""

from __future__ import annotations

import http.client
import re
import threading
import time
from collections.abc import Iterator

import pytest

from tests.fast.livecloud import over_test_driver
from tests.lab.cloud import LiveCloud, serving
from tests.lab.waiting import wait_for

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
