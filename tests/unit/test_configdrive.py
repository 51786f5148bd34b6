# SPDX-License-Identifier: Apache-2.0
"""The config drive: what its documents say, and that an independent reader finds them all."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent import configdrive
from agent.configdrive import ConfigDriveSpec
from agent.errors import HostFailed
from agent.model.injection import InjectedFile
from agent.model.server import Nic
from tests import domain_specs
from tests.domain_specs import LAB

FILES = (
    InjectedFile("/etc/motd", b"hello\n"),
    InjectedFile("/a 'b' c", "größte\n".encode()),
)
EC2_DOCUMENTS = ("meta-data.json", "user-data")
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
        "flavor_name": "m1.tiny",
    }
    return ConfigDriveSpec(**{**values, **changes})  # type: ignore[arg-type]  # typed by the test


NETWORK = replace(LAB, id="bb0e8400-e29b-41d4-a716-446655440000", dns=("10.70.0.1",), mtu=1450)


def make_nic(**changes: Any) -> Nic:
    values = {"port_id": "aa0e8400-e29b-41d4-a716-446655440000", "network": NETWORK}
    return domain_specs.make_nic(**{**values, "ip": "10.70.0.5", **changes})


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


def meta_data(version: str = "latest", **changes: object) -> dict[str, Any]:
    tree = configdrive.render_tree(make_spec(**changes))
    read: dict[str, Any] = json.loads(tree[f"openstack/{version}/meta_data.json"])
    return read


META_DATA = {
    "uuid": "6f70e28c-7c4b-4a5e-9a07-2b9d1f1e0c11",
    "name": "Wölkchen ☁ 1",
    "hostname": "woelkchen-1",
    "launch_index": 0,
    "availability_zone": "nova",
    "meta": {"rôle": "größte ☁", "cumulet:resume_on_boot": "always"},
    "public_keys": {"ada": KEY},
    "keys": [{"name": "ada", "type": "ssh", "data": KEY}],
}
SINCE_2013_04 = {**META_DATA, "random_seed": "AAEC"}
SINCE_2015 = {**SINCE_2013_04, "project_id": "0123456789abcdef0123456789abcdef"}
SINCE_2016 = {**SINCE_2015, "devices": []}
SINCE_2020 = {**SINCE_2016, "dedicated_cpus": []}


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("2012-08-10", META_DATA),
        ("2013-04-04", SINCE_2013_04),
        ("2013-10-17", SINCE_2013_04),
        ("2015-10-15", SINCE_2015),
        ("2016-06-30", SINCE_2016),
        ("2016-10-06", SINCE_2016),
        ("2017-02-22", SINCE_2016),
        ("2018-08-27", SINCE_2016),
        ("2020-10-14", SINCE_2020),
        ("2025-04-04", SINCE_2020),
        ("latest", SINCE_2020),
    ],
)
def test_the_meta_data_of_each_version_says_what_the_server_is(
    version: str, says: dict[str, Any]
) -> None:
    assert meta_data(version) == says


FOLDERS = {
    "2012-08-10": "meta_data.json user_data",
    "2013-04-04": "meta_data.json user_data",
    "2013-10-17": "meta_data.json user_data vendor_data.json",
    "2015-10-15": "meta_data.json network_data.json user_data vendor_data.json",
    "2016-06-30": "meta_data.json network_data.json user_data vendor_data.json",
    **dict.fromkeys(
        ["2016-10-06", "2017-02-22", "2018-08-27", "2020-10-14", "2025-04-04", "latest"],
        "meta_data.json network_data.json user_data vendor_data.json vendor_data2.json",
    ),
}
"""What each version's folder holds (Nova's user guide, "Metadata")."""


def test_each_version_has_just_its_documents() -> None:
    tree = configdrive.render_tree(make_spec(files=FILES))

    assert set(tree) == {
        *(
            f"openstack/{version}/{name}"
            for version in FOLDERS
            for name in FOLDERS[version].split()
        ),
        "openstack/content/0000",
        "openstack/content/0001",
        *(f"ec2/{v}/{name}" for v in ("2009-04-04", "latest") for name in EC2_DOCUMENTS),
    }


def test_the_whole_tree_is_the_golden_one(golden: Callable[[str, str], None]) -> None:
    tree = configdrive.render_tree(make_spec(files=FILES, vendor_parts=("#cloud-boothook\n",)))
    text = "".join(
        f"==> {path}\n{content.decode(errors='backslashreplace')}\n".replace("\0", "\\0")
        for path, content in sorted(tree.items())
    )

    golden("configdrive/tree.txt", text)


def test_injected_files_are_listed_only_when_that_is_wanted() -> None:
    assert "files" not in meta_data(files=FILES)
    assert meta_data(files=FILES, lists_files=True)["files"] == [
        {"path": "/etc/motd", "content_path": "/content/0000"},
        {"path": "/a 'b' c", "content_path": "/content/0001"},
    ]


def test_injected_files_lie_below_numbers_and_nowhere_else() -> None:
    tree = configdrive.render_tree(make_spec(files=FILES))

    assert tree["openstack/content/0000"] == b"hello\n"
    assert tree["openstack/content/0001"] == "größte\n".encode()
    assert not [path for path in tree if "motd" in path]


def test_a_password_in_clear_is_told_only_to_guests_that_need_it() -> None:
    assert "admin_pass" not in meta_data()
    assert meta_data(admin_pass="clear")["admin_pass"] == "clear"


def test_a_server_without_metadata_and_key_has_no_such_entries() -> None:
    assert meta_data(metadata={}, public_keys={}).keys() == SINCE_2020.keys() - {
        *("meta", "public_keys", "keys")
    }


def test_what_cloud_init_is_to_run_is_a_list_and_nothing_is_nothing() -> None:
    """A dict would be taken for no vendor data at all."""
    one = configdrive.render_tree(make_spec(vendor_parts=("#cloud-boothook\n",)))
    none = configdrive.render_tree(make_spec())

    assert json.loads(one["openstack/latest/vendor_data.json"]) == {
        "cloud-init": ["#cloud-boothook\n"]
    }
    assert json.loads(none["openstack/latest/vendor_data.json"]) == {}
    assert json.loads(one["openstack/latest/vendor_data2.json"]) == {"static": {}}


def test_readers_of_amazons_format_find_the_same_server() -> None:
    tree = configdrive.render_tree(make_spec(image_id="a1b2c3d4-0000-4000-8000-000000000000"))

    for version in ("2009-04-04", "latest"):
        assert json.loads(tree[f"ec2/{version}/meta-data.json"]) == {
            "instance-id": "i-6f70e28c",
            "instance-action": "none",
            "instance-type": "m1.tiny",
            "ami-id": "ami-a1b2c3d4",
            "ami-launch-index": 0,
            "ami-manifest-path": "(unknown)",
            "block-device-mapping": {"ami": "vda", "root": "/dev/vda"},
            "hostname": "woelkchen-1",
            "local-hostname": "woelkchen-1",
            "public-hostname": "woelkchen-1",
            "local-ipv4": "10.70.0.5",
            "public-ipv4": "",
            "placement": {"availability-zone": "nova"},
            "reservation-id": "r-6f70e28c",
            "security-groups": ["default"],
            "public-keys": {"0": {"_name": "0=ada", "openssh-key": KEY}},
        }
        assert tree[f"ec2/{version}/user-data"] == tree["openstack/latest/user_data"]


def test_the_security_groups_of_all_nics_are_named_once() -> None:
    nics = (make_nic(security_groups=("ssh", "web")), make_nic(security_groups=("own", "web")))
    meta = json.loads(configdrive.render_tree(make_spec(nics=nics))["ec2/latest/meta-data.json"])

    assert meta["security-groups"] == ["ssh", "web", "own"]


def test_a_network_without_dhcp_is_described_in_full() -> None:
    static = make_nic(network=replace(NETWORK, dhcp=False, gateway="10.70.0.1"))
    alone = make_nic(network=replace(NETWORK, dhcp=False, dns=()))
    tree = configdrive.render_tree(make_spec(nics=(static, alone)))

    data = json.loads(tree["openstack/latest/network_data.json"])
    whole = {
        "id": "network0",
        "type": "ipv4",
        "link": "tapaa0e8400-e2",
        "network_id": "bb0e8400-e29b-41d4-a716-446655440000",
        "ip_address": "10.70.0.5",
        "netmask": "255.255.255.0",
        "routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.70.0.1"}],
        "services": [{"type": "dns", "address": "10.70.0.1"}],
    }
    assert data["networks"] == [whole, {**whole, "id": "network1", "routes": [], "services": []}]
    assert data["services"] == [{"type": "dns", "address": "10.70.0.1"}]


def test_the_network_data_asks_for_dhcp_on_each_nic() -> None:
    second = make_nic(
        port_id="cc0e8400-e29b-41d4-a716-446655440000",
        mac="fa:16:3e:00:00:02",
        network=replace(NETWORK, mtu=None),
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

    assert not [path for path in tree if "user" in path]


def test_the_order_of_metadata_does_not_change_the_files() -> None:
    one = configdrive.render_tree(make_spec(metadata={"a": "1", "b": "2"}))
    other = configdrive.render_tree(make_spec(metadata={"b": "2", "a": "1"}))

    assert one == other


def test_nothing_that_may_be_secret_shows_in_a_repr() -> None:
    shown = repr(
        make_spec(
            random_seed=b"canary-seed",
            user_data=b"canary-data",
            admin_pass="canary-pass",
            vendor_parts=("canary-hash",),
            files=(InjectedFile("/a", b"canary-file"),),
        )
    )

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
