# SPDX-License-Identifier: Apache-2.0
"""The configuration: every mistake at once, each with its path."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.config import Config, ConfigError, parse_config, read_config

SAMPLE = Path(__file__).parents[2] / "etc" / "cumulet.yaml"


def keys_of(value: Any, prefix: str = "") -> set[str]:
    found = set()
    for f in fields(value):
        inner = getattr(value, f.name)
        if is_dataclass(inner):
            found |= keys_of(inner, f"{prefix}{f.name}.")
        else:
            found.add(f"{prefix}{f.name}")
    return found


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


def test_there_are_at_most_forty_keys() -> None:
    assert len(keys_of(Config())) <= 40


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
        ({"api_threads": 0}, "api_threads: must be more than 0"),
        ({"api_threads": True}, "api_threads: must be a whole number, not True"),
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


def test_a_missing_file_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Run `cumulet init`"):
        read_config(tmp_path / "none.yaml")


def test_the_url_is_public_url_or_where_it_listens() -> None:
    assert Config(listen="127.0.0.1:1").url == "http://127.0.0.1:1"
    assert Config(listen="0.0.0.0:1").url == "http://127.0.0.1:1"
    assert Config(listen="[::]:1").url == "http://[::1]:1"
    assert Config(public_url="https://cloud.example/").url == "https://cloud.example"
