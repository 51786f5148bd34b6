# SPDX-License-Identifier: Apache-2.0
"""The config drive: what its documents say, and that an independent reader finds them all."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

import pytest

from agent import configdrive
from agent.configdrive import ConfigDriveSpec
from agent.errors import HostFailed
from agent.model.server import Nic

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGx5 ada@lab\n"


def make_spec(**changes: object) -> ConfigDriveSpec:
    values: dict[str, object] = {
        "server_id": "6f70e28c-7c4b-4a5e-9a07-2b9d1f1e0c11",
        "name": "Wölkchen ☁ 1",
        "hostname": "woelkchen-1",
        "project_id": "0123456789abcdef0123456789abcdef",
        "random_seed": b"\x00\x01\x02",
        "availability_zone": "nova",
        "metadata": {"rôle": "größte ☁", "cumulet:resume_on_boot": "always"},
        "public_keys": {"ada": KEY},
        "user_data": b"#!/bin/sh\n\xff\xfe\x00 not UTF-8\n",
        "nics": (make_nic(),),
    }
    return ConfigDriveSpec(**{**values, **changes})  # type: ignore[arg-type]  # typed by the test


def make_nic(**changes: object) -> Nic:
    values: dict[str, object] = {
        "port_id": "aa0e8400-e29b-41d4-a716-446655440000",
        "network_id": "bb0e8400-e29b-41d4-a716-446655440000",
        "network_name": "lab",
        "libvirt_network": "cumulet",
        "bridge": "cumulet0",
        "mac": "fa:16:3e:00:00:01",
        "ip": "10.70.0.5",
        "cidr": "10.70.0.0/24",
        "dns": ("10.70.0.1",),
        "mtu": 1450,
    }
    return Nic(**{**values, **changes})  # type: ignore[arg-type]  # typed by the test


def extract(iso: Path, to: Path, *options: str) -> dict[str, bytes]:
    """Read every file of the drive with xorriso, called with `options`."""
    subprocess.run(
        ["xorriso", *options, "-osirrox", "on", "-indev", str(iso), "-extract", "/", str(to)],
        check=True,
        capture_output=True,
    )
    return {
        str(path.relative_to(to)): path.read_bytes() for path in to.rglob("*") if path.is_file()
    }


def test_the_meta_data_says_what_the_server_is() -> None:
    tree = configdrive.render_tree(make_spec())

    assert json.loads(tree["openstack/latest/meta_data.json"]) == {
        "uuid": "6f70e28c-7c4b-4a5e-9a07-2b9d1f1e0c11",
        "name": "Wölkchen ☁ 1",
        "hostname": "woelkchen-1",
        "launch_index": 0,
        "availability_zone": "nova",
        "project_id": "0123456789abcdef0123456789abcdef",
        "meta": {"rôle": "größte ☁", "cumulet:resume_on_boot": "always"},
        "public_keys": {"ada": KEY},
        "keys": [{"name": "ada", "type": "ssh", "data": KEY}],
        "random_seed": "AAEC",
        "devices": [],
    }


def test_the_network_data_asks_for_dhcp_on_each_nic() -> None:
    second = make_nic(
        port_id="cc0e8400-e29b-41d4-a716-446655440000", mac="fa:16:3e:00:00:02", mtu=None
    )

    tree = configdrive.render_tree(make_spec(nics=(make_nic(), second)))

    assert json.loads(tree["openstack/latest/network_data.json"]) == {
        "links": [
            {
                "id": "tapaa0e8400-e2",
                "type": "phy",
                "ethernet_mac_address": "fa:16:3e:00:00:01",
                "vif_id": "aa0e8400-e29b-41d4-a716-446655440000",
                "mtu": 1450,
            },
            {
                "id": "tapcc0e8400-e2",
                "type": "phy",
                "ethernet_mac_address": "fa:16:3e:00:00:02",
                "vif_id": "cc0e8400-e29b-41d4-a716-446655440000",
            },
        ],
        "networks": [
            {
                "id": "network0",
                "type": "ipv4_dhcp",
                "link": "tapaa0e8400-e2",
                "network_id": "bb0e8400-e29b-41d4-a716-446655440000",
            },
            {
                "id": "network1",
                "type": "ipv4_dhcp",
                "link": "tapcc0e8400-e2",
                "network_id": "bb0e8400-e29b-41d4-a716-446655440000",
            },
        ],
        "services": [{"type": "dns", "address": "10.70.0.1"}],
    }


def test_the_user_data_is_given_as_it_is() -> None:
    tree = configdrive.render_tree(make_spec(user_data=b"\x1f\x8b\x00gzip"))

    assert tree["openstack/latest/user_data"] == b"\x1f\x8b\x00gzip"


def test_a_server_without_user_data_has_no_such_file() -> None:
    tree = configdrive.render_tree(make_spec(user_data=None))

    assert sorted(tree) == [
        "openstack/2018-08-27/meta_data.json",
        "openstack/2018-08-27/network_data.json",
        "openstack/latest/meta_data.json",
        "openstack/latest/network_data.json",
    ]


def test_the_order_of_metadata_does_not_change_the_files() -> None:
    one = configdrive.render_tree(make_spec(metadata={"a": "1", "b": "2"}))
    other = configdrive.render_tree(make_spec(metadata={"b": "2", "a": "1"}))

    assert one == other


def test_neither_the_seed_nor_the_user_data_shows_in_a_repr() -> None:
    shown = repr(make_spec(random_seed=b"canary-seed", user_data=b"canary-data"))

    assert "canary" not in shown


@pytest.mark.parametrize("ignored", ["norock", "nojoliet"])
def test_an_independent_reader_finds_every_byte(tmp_path: Path, ignored: str) -> None:
    """By Joliet's names and by Rock Ridge's: a reader may know but one of them."""
    tree = configdrive.render_tree(make_spec())
    iso = tmp_path / "config.iso"

    configdrive.write_iso(tree, iso)

    assert extract(iso, tmp_path / "out", "-read_fs", ignored) == tree


def test_an_empty_file_and_deep_and_long_names_are_kept(tmp_path: Path) -> None:
    tree = {
        "ec2/latest/meta-data.json": b"{}",
        "openstack/content/0000": b"",
        "openstack/content/0001": b"{}",
        "openstack/latest/" + "n" * 60: b"long",
    }
    iso = tmp_path / "config.iso"

    configdrive.write_iso(tree, iso)

    assert extract(iso, tmp_path / "out") == tree


def test_the_label_is_the_one_that_cloud_init_looks_for(tmp_path: Path) -> None:
    iso = tmp_path / "config.iso"

    configdrive.write_iso(configdrive.render_tree(make_spec()), iso)

    asked = subprocess.run(
        ["blkid", "-o", "value", "-s", "LABEL", str(iso)], check=True, capture_output=True
    )
    assert asked.stdout == b"config-2\n"


def test_only_its_owner_may_read_the_drive(tmp_path: Path) -> None:
    iso = tmp_path / "config.iso"

    configdrive.write_iso(configdrive.render_tree(make_spec()), iso)

    assert stat.S_IMODE(iso.stat().st_mode) == 0o600


def test_a_second_drive_replaces_the_first_and_leaves_nothing_else(tmp_path: Path) -> None:
    iso = tmp_path / "config.iso"
    configdrive.write_iso({"openstack/latest/user_data": b"first"}, iso)

    configdrive.write_iso({"openstack/latest/user_data": b"second"}, iso)

    assert list(tmp_path.iterdir()) == [iso]
    assert extract(iso, tmp_path / "out") == {"openstack/latest/user_data": b"second"}


def test_equal_files_take_their_space_once(tmp_path: Path) -> None:
    content = b"x" * 1024 * 1024

    configdrive.write_iso(
        {"openstack/latest/user_data": content, "openstack/2018-08-27/user_data": content},
        tmp_path / "config.iso",
    )

    assert (tmp_path / "config.iso").stat().st_size < 1.2 * 1024 * 1024


def test_a_folder_that_is_not_there_is_a_failure_of_the_host(tmp_path: Path) -> None:
    with pytest.raises(HostFailed, match="config drive could not be written: No such file"):
        configdrive.write_iso({}, tmp_path / "gone" / "config.iso")
