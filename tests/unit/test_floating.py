# SPDX-License-Identifier: Apache-2.0
"""Pools of floating addresses."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest

from agent.model.floating import FloatingPool


@pytest.mark.parametrize(
    ("text", "first", "last", "size"),
    [
        ("192.0.2.10-192.0.2.12", "192.0.2.10", "192.0.2.12", 3),
        (" 192.0.2.10 - 192.0.2.10 ", "192.0.2.10", "192.0.2.10", 1),
        ("192.0.2.0/28", "192.0.2.1", "192.0.2.14", 14),
        ("192.0.2.4/32", "192.0.2.4", "192.0.2.4", 1),
        ("192.0.2.4/31", "192.0.2.4", "192.0.2.5", 2),
    ],
)
def test_a_pool_is_a_range_or_a_subnet(text: str, first: str, last: str, size: int) -> None:
    pool = FloatingPool.parse(text)

    assert (str(pool.first), str(pool.last), pool.size) == (first, last, size)


@pytest.mark.parametrize(
    "text",
    [
        *("192.0.2.10", "192.0.2.12-192.0.2.10", "192.0.2.10-", "a-b", "192.0.2.1/24", "::1-::2"),
        *("10.0.0.0/16", "127.0.0.1-127.0.0.9", "224.0.0.1-224.0.0.2", "0.0.0.0-0.0.0.9", "/"),
    ],
)
def test_what_is_no_pool_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        FloatingPool.parse(text)


def test_the_first_that_is_free_is_chosen() -> None:
    pool = FloatingPool.parse("192.0.2.10-192.0.2.12")

    assert pool.choose(()) == "192.0.2.10"
    assert pool.choose({"192.0.2.10", "192.0.2.12"}) == "192.0.2.11"
    assert pool.choose({str(each) for each in pool}) is None


def test_a_pool_knows_what_is_of_it() -> None:
    pool = FloatingPool.parse("192.0.2.10-192.0.2.12")

    assert IPv4Address("192.0.2.10") in pool
    assert IPv4Address("192.0.2.13") not in pool
    assert pool.overlaps(IPv4Network("192.0.2.12/30"))
    assert not pool.overlaps(IPv4Network("192.0.2.0/29"))
