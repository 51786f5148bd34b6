# SPDX-License-Identifier: Apache-2.0
"""The configuration: every mistake at once, each with its path."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.config import RANGES, Config, ConfigError, parse_config, read_config

SAMPLE = Path(__file__).parents[2] / "etc" / "cumulet.yaml"


def values_of(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for f in fields(value):
        inner = getattr(value, f.name)
        if is_dataclass(inner):
            yield from values_of(inner, f"{prefix}{f.name}.")
        else:
            yield f"{prefix}{f.name}", inner


def keys_of(value: Any) -> set[str]:
    return {path for path, _ in values_of(value)}


def test_an_empty_file_means_the_defaults() -> None:
    assert parse_config(None) == Config()


def test_the_sample_says_every_key_and_every_default() -> None:
    raw = yaml.safe_load(SAMPLE.read_text())
    said = {
        f"{key}.{inner}" if isinstance(value, dict) else key
        for key, value in raw.items()
        for inner in (value if isinstance(value, dict) else [""])
    }

    assert said == keys_of(Config())
    assert parse_config(raw) == Config()


def test_there_are_few_keys() -> None:
    assert len(keys_of(Config())) <= 49


def test_all_mistakes_are_reported_together_with_their_paths() -> None:
    raw = {
        "listen": "nowhere",
        "sweep_every_s": "often",
        "netwrok": {},
        "network": {"mode": "bridge", "subnet": "10.70.0.0/33"},
    }

    with pytest.raises(ConfigError) as wrong:
        parse_config(raw)

    paths = [problem.split(":")[0] for problem in wrong.value.problems]
    assert paths == ["sweep_every_s", "netwrok", "listen", "network.subnet", "network.mode"]


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ([], "the file: must be a mapping of keys to values"),
        ({"api_threads": 0}, "api_threads: must be a whole number from 1 to 64"),
        ({"api_threads": 10**400}, "api_threads: must be a whole number from 1 to 64"),
        ({"token_hours": 10**400}, "token_hours: must be a number from 0.01 to 8784"),
        ({"token_hours": math.inf}, "token_hours: must be a number from 0.01 to 8784"),
        ({"sweep_every_s": math.nan}, "sweep_every_s: must be a number from 0.1 to 3600"),
        (
            {"quota": {"images": "many"}},
            "quota.images: must be a whole number, not 'many'",
        ),
        (
            {"quota": {"cores": -2}},
            "quota.cores: must be a whole number from -1 to 1000000000",
        ),
        ({"host": "\0"}, "host: must be printable, not '\\x00'"),
        ({"state_dir": "/a\nb"}, "state_dir: must be printable, not '/a\\nb'"),
        ({"libvirt_uri": ""}, "libvirt_uri: must not be empty"),
        (
            {"network": {"bridge": "a/b"}},
            "network.bridge: must be the name of a network interface, of at most 15 characters, "
            "not 'a/b'",
        ),
        ({"api_threads": True}, "api_threads: must be a whole number, not True"),
        ({"network": {"dhcp": "no"}}, "network.dhcp: must be true or false, not 'no'"),
        ({"nova_compatible_files": 1}, "nova_compatible_files: must be true or false, not 1"),
        (
            {"admin_pass": {"min_classes": 5}},
            "admin_pass.min_classes: must be a whole number from 0 to 4",
        ),
        ({"import_allow": "a"}, "import_allow: must be a list of texts, not 'a'"),
        ({"import_allow": ["a", 1]}, "import_allow: must be a list of printable texts, not of 1"),
        (
            {"import_allow": ["mirror.lan:80", "a b"]},
            "import_allow: 'a b' is no host, no address and no network",
        ),
        ({"state_dir": "here"}, "state_dir: must be an absolute path, not 'here'"),
        ({"public_url": "ftp://x"}, "public_url: must be http://… or https://…, not 'ftp://x'"),
        ({"virt_type": "xen"}, "virt_type: must be one of auto, kvm, qemu, test, not 'xen'"),
        ({"network": {"subnet": "10.0.0.0/30"}}, "network.subnet: too small, give a /29 or larger"),
    ],
)
def test_a_mistake_is_named(raw: object, problem: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        parse_config(raw)

    assert wrong.value.problems == [problem]


def test_every_number_has_its_range_and_every_default_is_in_it() -> None:
    numbers = {
        path: value
        for path, value in values_of(Config())
        if isinstance(value, int | float) and not isinstance(value, bool)
    }

    assert set(numbers) == set(RANGES)
    assert [p for p, n in numbers.items() if not RANGES[p][0] <= n <= RANGES[p][1]] == []


def test_a_quota_may_be_without_limit() -> None:
    assert parse_config({"quota": {"cores": -1}}).quota.cores == -1


def test_keys_that_stand_twice_are_reported_with_everything_else(tmp_path: Path) -> None:
    path = tmp_path / "twice.yaml"
    path.write_text("host: a\nnetwork:\n  mode: nat\n  mode: isolated\nhost: b\nvirt_type: xen\n")

    with pytest.raises(ConfigError) as wrong:
        read_config(path)

    assert wrong.value.problems == [
        "network.mode: stands in lines 3 and 4",
        "host: stands in lines 1 and 5",
        "virt_type: must be one of auto, kvm, qemu, test, not 'xen'",
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"host: \xff\n", "not UTF-8, from byte 6 on."),
        (b"host: [\n", "not YAML: "),
        (b"host: \0\n", "not YAML: "),
        (b"installation: 2026-13-45\n", "not YAML: "),
    ],
)
def test_a_file_that_can_not_be_read_is_named(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_bytes(content)

    with pytest.raises(ConfigError) as wrong:
        read_config(path)

    assert wrong.value.problems[0].startswith(f"{path}: {problem}")


def test_a_missing_file_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Run `cumulet init`"):
        read_config(tmp_path / "none.yaml")


def test_the_url_is_public_url_or_where_it_listens() -> None:
    assert Config(listen="127.0.0.1:1").url == "http://127.0.0.1:1"
    assert Config(listen="0.0.0.0:1").url == "http://127.0.0.1:1"
    assert Config(listen="[::]:1").url == "http://[::1]:1"
    assert Config(public_url="https://cloud.example/").url == "https://cloud.example"


@pytest.mark.parametrize("listen", ["nowhere", ":8774", "unix:8774", "127.0.0.1:0", "[::1]"])
def test_what_is_no_host_and_port_is_refused(tmp_path: Path, listen: str) -> None:
    path = tmp_path / "cumulet.yaml"
    path.write_text(yaml.safe_dump({"listen": listen}))

    with pytest.raises(ConfigError, match="listen: must be HOST:PORT with a port from 1 to 65535"):
        read_config(path)
