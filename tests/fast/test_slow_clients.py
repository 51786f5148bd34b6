# SPDX-License-Identifier: Apache-2.0
"""Clients who send a byte now and then, or take none, hold threads: the others are served."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.fast.livecloud import over_test_driver
from tests.lab.cloud import Api, LiveCloud, serving
from tests.lab.waiting import wait_for

HEAD = b"POST /identity/v3/auth/tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
SLOW = {
    "in the head": HEAD,
    "in the body": HEAD + b"Content-Length: 6000\r\n\r\n{",
}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCloud]:
    folder = tmp_path_factory.mktemp("slow")
    with serving(over_test_driver(folder)) as cloud:
        yield cloud


@pytest.mark.parametrize("where", SLOW)
def test_the_api_answers_whatever_slow_clients_do(live: LiveCloud, where: str) -> None:
    api = Api(live).log_in()
    with ExitStack() as stack:
        for _ in range(12):  # there are 8 threads
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", live.port)))
            slow.sendall(SLOW[where])
        began = time.monotonic()

        def is_answered() -> bool:
            code, _, _ = api.request("GET", "/compute/v2.1/servers")
            return code == 200

        wait_for(is_answered, timeout_s=30, what="an answer beside slow clients")
        took_s = time.monotonic() - began

    assert took_s < 20  # what each of them alone is waited for


def test_who_takes_nothing_of_what_was_asked_for_is_given_up(live: LiveCloud) -> None:
    token = Api(live).log_in().token
    question = f"GET /image/v2/schemas/images HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {token}\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(8):  # as many as there are threads
            deaf = stack.enter_context(socket.socket())
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            deaf.connect(("127.0.0.1", live.port))
            deaf.setblocking(False)
            deaf.send(question.encode() * 4000)

        wait_for(lambda: not live.is_answering(1.0), timeout_s=60, what="that all threads are held")
        wait_for(lambda: live.is_answering(5.0), timeout_s=60, what="an answer all the same")


@pytest.mark.parametrize("size", [20_000, 2_000_000])  # also one that no socket's buffer holds
def test_a_login_is_small(live: LiveCloud, size: int) -> None:
    body = {"auth": {"identity": {"methods": [1] * size}}}

    code, _, answer = Api(live).request("POST", "/identity/v3/auth/tokens", body)

    assert code == 413
    assert "16384 bytes" in str(answer)
