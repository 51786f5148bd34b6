# SPDX-License-Identifier: Apache-2.0
"""Every route of the URL map, asked by three roles of two projects and by two without any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fast.api.house import House
from tests.fast.api.tenants import CALLERS, Route, all_routes, expected

ROUTES = all_routes()


@dataclass(slots=True)
class Houses:
    """One house at a time; after a change, the next caller gets a fresh one."""

    template: Path
    folder: Path
    count: int = 0
    house: House | None = None

    def get(self) -> House:
        if self.house is None:
            self.count += 1
            self.house = House.build(self.template, self.folder / str(self.count))
        return self.house

    def leave(self) -> None:
        if self.house is not None:
            self.house.cloud.close()
        self.house = None


@pytest.fixture(scope="session")
def houses(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Houses]:
    houses = Houses(template, tmp_path_factory.mktemp("houses"))
    yield houses
    houses.leave()


def test_there_are_many_routes() -> None:
    assert len(ROUTES) > 100
    assert len(set(ROUTES)) == len(ROUTES)


@pytest.mark.parametrize("who", CALLERS)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} {route[1]}")
def test_a_caller_meets(houses: Houses, route: Route, who: str) -> None:
    method, rule = route
    answer = houses.get().ask(method, rule, who)
    if method != "GET" and answer.status_code < 300:
        houses.leave()

    code = str(answer.status_code)
    met = code if code in {"401", "403", "404"} else "in"
    assert met == expected(route, who), f"{code} {answer.text[:300]}"
    assert answer.status_code not in {405, 500}
