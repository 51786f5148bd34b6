# SPDX-License-Identifier: Apache-2.0
"""A guest's host name, made of what its user called the server."""

from __future__ import annotations

import pytest

from agent.model.hostname import hostname_of


@pytest.mark.parametrize(
    ("name", "hostname"),
    [
        ("web-1", "web-1"),
        ("Web Server_1.example", "web-server-1-example"),
        ("--x--", "x"),
        ("$(reboot)", "reboot"),
        ("服务器", "server-42"),
        ("a" * 80, "a" * 63),
        ("a" * 62 + "-b", "a" * 62),
    ],
)
def test_a_hostname_is_what_every_system_takes(name: str, hostname: str) -> None:
    assert hostname_of(name, "42") == hostname
