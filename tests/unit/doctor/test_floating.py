# SPDX-License-Identifier: Apache-2.0
"""How the doctor judges whether floating IPs can lead to servers."""

from __future__ import annotations

import pytest

from agent.doctor import floating
from agent.doctor.floating import FloatingFacts
from agent.model.floating import FloatingPool
from tests.unit.doctor.judging import only

POOL = FloatingPool.parse("192.0.2.10-192.0.2.12")


@pytest.mark.parametrize(
    ("is_routed", "missing", "level", "words", "fix"),
    [
        (True, (), "ok", "192.0.2.10 to 192.0.2.12 can lead to servers", ""),
        (False, (), "note", "from this host alone", ""),
        (True, ("nft",), "problem", "lead nowhere without nft", "`apt-get install nftables`"),
        (
            False,
            ("ip", "nft"),
            "problem",
            "without ip and nft",
            "`apt-get install iproute2 nftables`",
        ),
    ],
)
def test_floating_ips(
    is_routed: bool, missing: tuple[str, ...], level: str, words: str, fix: str
) -> None:
    found = only(floating.judge(FloatingFacts(POOL, is_routed, missing)))

    assert (found[0], found[2]) == (level, fix)
    assert words in found[1]


def test_a_kernel_that_does_not_answer_for_them() -> None:
    told = only(floating.judge(FloatingFacts(POOL, is_routed=True, is_silent=True)))
    inside = only(floating.judge(FloatingFacts(POOL, is_routed=False, is_silent=True)))

    assert told[0] == "problem"
    assert "arp_ignore=0" in told[2]
    assert inside[0] == "note"
