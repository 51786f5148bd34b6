# SPDX-License-Identifier: Apache-2.0
"""`cumulet init`: makes what is missing, changes nothing that is there, takes no taken name."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.config import Config, ConfigError
from agent.engine.clock import SystemClock
from agent.errors import HostUnavailable, Unauthorized
from agent.hypervisor.base import NetworkSpec, TakenNetwork
from agent.identity.proofs import ByPassword, Login, ProjectRef, UserRef
from agent.identitywiring import build_identity
from agent.labnetwork import free_subnet, host_routes
from agent.setup import InitReport, initialise
from agent.store import Store

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
tun0\t0000460A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


class Libvirt:
    """The two questions that init asks of a host, and what it was told to make."""

    def __init__(self, *taken: TakenNetwork) -> None:
        self._taken, self.made = taken, list[NetworkSpec]()

    def __call__(self, config: Config) -> Libvirt:
        return self

    def list_networks(self) -> Sequence[TakenNetwork]:
        return self._taken

    def ensure_network(self, spec: NetworkSpec) -> None:
        self.made.append(spec)

    def change_network(self, spec: NetworkSpec) -> None:
        self.made.append(spec)


class Away(Libvirt):
    """A libvirt that does not answer."""

    def list_networks(self) -> Sequence[TakenNetwork]:
        raise HostUnavailable("libvirt does not answer.")

    def ensure_network(self, spec: NetworkSpec) -> None:
        raise HostUnavailable("libvirt does not answer.")


def init(
    folder: Path, libvirt: Libvirt | None = None, *, file: str = "cumulet.yaml", **settings: Any
) -> InitReport:
    given = {"state_dir": str(folder), **settings}
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return initialise(folder / file, given, connect=libvirt or Libvirt(), now=now)


def edit(report: InitReport, old: str, new: str) -> None:
    """Change the configuration as its owner would, in an editor."""
    text = report.config_path.read_text()
    assert old in text
    report.config_path.write_text(text.replace(old, new))


@contextmanager
def opened(report: InitReport) -> Iterator[Store]:
    store = Store.open(report.config.state_dir / "cumulet.db")
    try:
        yield store
    finally:
        store.close()


def problem_of(work: Callable[[], object]) -> str:
    with pytest.raises(ConfigError) as refused:
        work()
    (problem,) = refused.value.problems
    return problem


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("cumulet.db-")
    }


def log_in(report: InitReport, cloud: str) -> str:
    """Log in as clouds.yaml says, and give the project's name."""
    auth = yaml.safe_load(report.clouds_path.read_text())["clouds"][cloud]["auth"]
    with opened(report) as store:
        identity = build_identity(report.config, store, SystemClock())
        who, scope = UserRef(name=auth["username"]), ProjectRef(name=auth["project_name"])
        _, bearer = identity.log_in(Login([ByPassword(who, auth["password"])], scope))
        assert bearer.project is not None
        return bearer.project.name


def test_everything_is_there_after_init(tmp_path: Path) -> None:
    libvirt = Libvirt()
    report = init(tmp_path, libvirt)

    modes = {
        name: stat.S_IMODE((tmp_path / name).stat().st_mode)
        for name in (".", "servers", "base", "images", "cumulet.db", "clouds.yaml", "cumulet.yaml")
    }
    assert modes == {
        ".": 0o711,
        "servers": 0o711,
        "base": 0o711,
        "images": 0o700,
        "cumulet.db": 0o600,
        "clouds.yaml": 0o600,
        "cumulet.yaml": 0o600,
    }
    (network,) = libvirt.made
    assert (network.name, network.bridge, network.mode) == ("cumulet", "cumulet0", "isolated")
    assert network.cidr == report.config.network.subnet
    assert report.notes == ()
    assert log_in(report, "cumulet") == "lab"
    assert log_in(report, "cumulet-admin") == "admin"


def test_init_again_changes_nothing(tmp_path: Path) -> None:
    init(tmp_path)
    before = contents(tmp_path)
    init(tmp_path)

    assert contents(tmp_path) == before


def test_a_lost_clouds_yaml_is_made_again_with_new_passwords(tmp_path: Path) -> None:
    report = init(tmp_path)
    old = report.clouds_path.read_text()
    report.clouds_path.unlink()
    again = init(tmp_path)

    assert again.clouds_path.read_text() != old
    assert log_in(again, "cumulet") == "lab"
    again.clouds_path.write_text(old)
    with pytest.raises(Unauthorized):
        log_in(again, "cumulet")


def test_a_setting_that_differs_from_the_file_is_refused(tmp_path: Path) -> None:
    init(tmp_path, listen="127.0.0.1:1111")

    with pytest.raises(ConfigError) as refused:
        init(tmp_path, listen="127.0.0.1:2222", network={"mode": "nat"})

    path = tmp_path / "cumulet.yaml"
    assert refused.value.problems == [
        f"listen: {path} says '127.0.0.1:1111' already, not '127.0.0.1:2222': change it there",
        f"network.mode: {path} says 'isolated' already, not 'nat': change it there",
    ]


def test_what_clients_are_told_may_be_another_address(tmp_path: Path) -> None:
    report = init(tmp_path, listen="0.0.0.0:8774", public_url="http://cloud.example:80/")

    clouds = yaml.safe_load(report.clouds_path.read_text())["clouds"]
    assert clouds["cumulet"]["auth"]["auth_url"] == "http://cloud.example:80/identity/v3"


def test_names_and_subnets_that_are_taken_are_left_alone(tmp_path: Path) -> None:
    libvirt = Libvirt(
        TakenNetwork("cumulet", "virbr7", "10.70.0.0/24"),
        TakenNetwork("other", "cumulet1", "10.71.0.0/16"),
    )
    network = init(tmp_path, libvirt).config.network

    assert (network.libvirt_network, network.bridge) == ("cumulet-2", "cumulet2")
    assert network.subnet not in {"10.70.0.0/24", "10.71.0.0/24"}


def test_without_libvirt_everything_else_is_made_and_it_is_said(tmp_path: Path) -> None:
    report = init(tmp_path, Away())

    assert log_in(report, "cumulet") == "lab"
    assert report.notes == (
        "libvirt does not answer. So the network may have a name or subnet of another one.",
        "libvirt does not answer. So libvirt's network is made when `cumulet serve` starts.",
    )


def test_the_routes_of_the_host_are_read_but_for_the_default_route() -> None:
    assert host_routes(ROUTES) == ["192.168.1.0/255.255.255.0", "10.70.0.0/255.255.0.0"]


def test_the_first_subnet_that_collides_with_nothing_is_taken() -> None:
    assert free_subnet([]) == "10.70.0.0/24"
    assert free_subnet(["10.70.0.128/25", "10.71.0.0/16"]) == "10.72.0.0/24"


def test_when_no_subnet_is_free_it_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="write one into the file"):
        free_subnet(["10.0.0.0/8"])
