# SPDX-License-Identifier: Apache-2.0
"""`cumulet init` and `serve` over what is there: a change comes true, or is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from agent import belonging
from agent.config import parse_config, read_config
from agent.errors import Conflict, HostFailed, HostUnavailable
from agent.hypervisor.base import NetworkSpec, TakenNetwork
from agent.hypervisor.host import Host
from agent.locks import FolderLock
from agent.setup import InitReport
from tests.fast.test_setup import Away, Libvirt, edit, init, log_in, opened, problem_of


class Used(Libvirt):
    """A libvirt with a guest on the network."""

    def change_network(self, spec: NetworkSpec) -> None:
        raise Conflict("guests run on it")


class Broken(Libvirt):
    """A libvirt that can't start networks."""

    def ensure_network(self, spec: NetworkSpec) -> None:
        raise HostFailed("There is no dnsmasq")


def check(report: InitReport) -> None:
    """Do what `serve` does with its configuration before anything else."""
    with opened(report) as store:
        belonging.check(read_config(report.config_path), store)


def test_the_installation_of_a_state_folder_is_not_another_one(tmp_path: Path) -> None:
    report = init(tmp_path)
    edit(report, report.config.installation, "another")
    words = f"installation: {tmp_path} is the state folder of {report.config.installation}, not of"

    assert problem_of(lambda: check(report)).startswith(words)
    assert problem_of(lambda: init(tmp_path)).startswith(words)


def test_an_empty_installation_is_refused_with_the_one_to_write(tmp_path: Path) -> None:
    report = init(tmp_path)
    edit(report, f"installation: {report.config.installation}", "installation: ''")
    words = f"installation: is empty: write {report.config.installation} into the file"

    assert problem_of(lambda: check(report)) == words
    assert problem_of(lambda: init(tmp_path)) == words


def test_a_database_of_before_takes_the_configurations_installation(tmp_path: Path) -> None:
    report = init(tmp_path)
    with opened(report) as store, store.db.write() as connection:
        connection.exec_driver_sql("DELETE FROM settings")
    check(report)

    with opened(report) as store:
        assert store.settings.get_setting("installation") == report.config.installation


def test_a_second_configuration_of_a_state_folder_names_the_first(tmp_path: Path) -> None:
    init(tmp_path)
    problem = problem_of(lambda: init(tmp_path, file="other.yaml"))

    assert problem.startswith(f"state_dir: the configuration of {tmp_path} is {tmp_path}/cumulet")
    assert not (tmp_path / "other.yaml").exists()


def test_a_lost_configuration_is_written_for_the_cloud_that_is_there(tmp_path: Path) -> None:
    before = init(tmp_path, network={"mode": "nat"})
    before.config_path.unlink()
    taken = TakenNetwork(before.lab.name, before.lab.bridge, before.lab.cidr)
    again = init(tmp_path, Libvirt(taken), file="other.yaml")

    assert again.config == before.config
    assert again.lab == before.lab
    assert again.notes[0].startswith(f"{tmp_path} was set up before: {tmp_path}/other.yaml has its")


def test_a_network_without_dhcp_stays_one(tmp_path: Path) -> None:
    report = init(tmp_path, network={"dhcp": False})
    again = init(tmp_path)
    edit(report, "dhcp: false", "dhcp: true")

    assert report.lab.dhcp is again.lab.dhcp is False
    assert problem_of(lambda: check(report)) == (
        "network.dhcp: the network has False, and servers depend on it: it can't become True. "
        "Write the old one back"
    )


@pytest.mark.parametrize("key", ["libvirt_network", "bridge", "subnet"])
def test_what_never_changes_of_the_network_is_refused(tmp_path: Path, key: str) -> None:
    report = init(tmp_path)
    has = getattr(report.config.network, key)
    new = "10.9.0.0/24" if key == "subnet" else "other"
    edit(report, f"{key}: {has}", f"{key}: {new}")
    words = (
        f"network.{key}: the network has {has!r}, and servers depend on it: it can't become "
        f"{new!r}. Write the old one back"
    )

    assert problem_of(lambda: check(report)) == words
    assert problem_of(lambda: init(tmp_path)) == words


def test_a_subnet_may_be_left_to_init(tmp_path: Path) -> None:
    path = tmp_path / "cumulet.yaml"
    path.write_text(f"installation: some\nstate_dir: {tmp_path}\n")
    report = init(tmp_path)

    assert report.lab.cidr.endswith("/24")
    assert init(tmp_path).lab == report.lab


def test_serve_waits_for_init_to_change_the_mode_and_init_does(tmp_path: Path) -> None:
    report = init(tmp_path)
    edit(report, "subnet:", "mode: nat\n  subnet:")
    before = problem_of(lambda: check(report))
    libvirt = Libvirt()
    again = init(tmp_path, libvirt)
    check(again)

    assert before.startswith("network.mode: the network is isolated still, not nat: run")
    assert [spec.mode for spec in libvirt.made] == ["nat", "nat"]
    assert again.lab.mode == "nat"
    with opened(again) as store:
        (subnet,) = store.networks.list_subnets(project_id=None)
        assert subnet.dns == (subnet.gateway_ip,)


def test_a_pool_under_nat_is_init_s_to_bring_about_and_to_end(tmp_path: Path) -> None:
    report = init(tmp_path)
    edit(report, "subnet:", "mode: nat\n  floating_pool: 192.0.2.10-192.0.2.20\n  subnet:")
    before = problem_of(lambda: check(report))
    libvirt = Libvirt()
    check(init(tmp_path, libvirt))
    edit(report, "  floating_pool: 192.0.2.10-192.0.2.20\n", "")
    after = problem_of(lambda: check(report))
    check(init(tmp_path, libvirt))

    assert "the network is isolated still, not nat with a floating_pool" in before
    assert "network.floating_pool: the network is nat with a floating_pool still, not nat:" in after
    assert [spec.mode for spec in libvirt.made] == ["route", "route", "nat", "nat"]


@pytest.mark.parametrize(
    ("libvirt", "error"), [(Used(), Conflict), (Away(), HostUnavailable)], ids=["used", "away"]
)
def test_a_mode_that_can_not_be_changed_now_stays(
    tmp_path: Path, libvirt: Libvirt, error: type[Exception]
) -> None:
    report = init(tmp_path)
    edit(report, "subnet:", "mode: nat\n  subnet:")
    if isinstance(libvirt, Away):
        libvirt.change_network = libvirt.ensure_network  # type: ignore[method-assign]

    with pytest.raises(error):
        init(tmp_path, libvirt)
    with opened(report) as store:
        assert store.networks.list_networks(project_id=None)[0].mode == "isolated"


def test_the_mode_is_not_changed_below_a_running_serve(tmp_path: Path) -> None:
    report = init(tmp_path)
    edit(report, "subnet:", "mode: nat\n  subnet:")

    with (
        FolderLock(tmp_path / "engine.lock", "").hold(0),
        pytest.raises(Conflict, match=rf"then `cumulet serve` \(process {os.getpid()}\), and run"),
    ):
        init(tmp_path)


def test_another_address_reaches_clouds_yaml_and_passwords_stay(tmp_path: Path) -> None:
    report = init(tmp_path, listen="127.0.0.1:1111")
    edit(report, "127.0.0.1:1111", "127.0.0.1:2222\nregion: Here")
    again = init(tmp_path)

    clouds = yaml.safe_load(again.clouds_path.read_text())["clouds"]
    assert {cloud["auth"]["auth_url"] for cloud in clouds.values()} == {
        "http://127.0.0.1:2222/identity/v3"
    }
    assert {cloud["region_name"] for cloud in clouds.values()} == {"Here"}
    assert again.notes == (
        f"{again.clouds_path} says http://127.0.0.1:2222 now; the passwords are as they were.",
    )
    assert [log_in(again, cloud) for cloud in clouds] == ["lab", "admin"]


@pytest.mark.parametrize(
    "content",
    [b"", b"clouds: [", b"\xff\xfe", b"- 1\n", b"clouds: {cumulet: }\n", b"clouds: {a: {}}\n"],
)
def test_a_clouds_yaml_that_nobody_can_use_is_made_anew(tmp_path: Path, content: bytes) -> None:
    report = init(tmp_path)
    report.clouds_path.write_bytes(content)
    again = init(tmp_path)
    aside = tmp_path / "clouds.yaml.broken"

    assert [log_in(again, cloud) for cloud in ("cumulet", "cumulet-admin")] == ["lab", "admin"]
    assert again.notes[0] == (
        f"The passwords were lost with {again.clouds_path}. New ones are set, and are in it now."
    )
    is_kept = bool(content) and not content.startswith(b"clouds: {")
    assert (aside.read_bytes() if aside.exists() else None) == (content if is_kept else None)


def test_what_a_user_wrote_into_clouds_yaml_is_kept(tmp_path: Path) -> None:
    report = init(tmp_path)
    document = yaml.safe_load(report.clouds_path.read_text())
    del document["clouds"]["cumulet-admin"]
    document["clouds"]["elsewhere"] = {"auth": {"auth_url": "https://elsewhere"}}
    report.clouds_path.write_text(yaml.safe_dump(document))
    again = init(tmp_path)

    assert yaml.safe_load(again.clouds_path.read_text()) == document
    assert again.notes == ()


def test_a_lost_database_gets_the_passwords_that_are_known(tmp_path: Path) -> None:
    report = init(tmp_path)
    before = report.clouds_path.read_text()
    for path in tmp_path.glob("cumulet.db*"):
        path.unlink()
    again = init(tmp_path)

    assert again.clouds_path.read_text() == before
    assert [log_in(again, cloud) for cloud in ("cumulet", "cumulet-admin")] == ["lab", "admin"]


def test_a_network_that_libvirt_refuses_is_noted_as_such(tmp_path: Path) -> None:
    assert init(tmp_path, Broken()).notes == (
        "There is no dnsmasq. So libvirt's network is not there: mend that first.",
    )


def test_a_uri_that_libvirt_has_no_driver_for_is_refused_before_anything_is_made(
    tmp_path: Path,
) -> None:
    host = Host("nonsense", owner="")
    asked = parse_config({"state_dir": str(tmp_path / "state")})
    problem = problem_of(lambda: init(asked.state_dir, lambda config: host))  # type: ignore[arg-type]

    assert problem.startswith("libvirt_uri: no connection driver available")
    assert not asked.state_dir.exists()
