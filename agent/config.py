# SPDX-License-Identifier: Apache-2.0
"""The one YAML file, read into frozen dataclasses, with all its mistakes reported together.

Every key, its default and its meaning stand in `etc/cumulet.yaml`; a test holds the two together.
Nothing but this file configures the agent; `CUMULET_CONFIG` names it.
"""

from __future__ import annotations

import ipaddress
import re
import types
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import yaml

from agent.model.floating import FloatingPool
from agent.model.webaddress import Allowed

T = TypeVar("T")

DEFAULT_CONFIG = Path("/etc/cumulet/cumulet.yaml")
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}

DEFAULT_STATE = Path("/var/lib/cumulet")


class ConfigError(Exception):
    """The file is wrong; `problems` has a line a mistake, each with its path in the file."""

    def __init__(self, problems: list[str], rest: Config | None = None) -> None:
        """`rest` is what could be read of it, with the defaults in the place of mistakes."""
        super().__init__("\n".join(problems))
        self.problems = problems
        self.rest = rest


PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
"""Addresses that no network of the world has."""


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """The network that init made."""

    libvirt_network: str = "cumulet"
    bridge: str = "cumulet0"
    mode: str = "isolated"
    dhcp: bool = True
    subnet: str = ""  # chosen by init: one that collides with no route of the host
    floating_pool: str = ""  # none
    project_subnets: tuple[str, ...] = PRIVATE

    @property
    def pool(self) -> FloatingPool | None:
        """The floating addresses that there are, if there are any."""
        return FloatingPool.parse(self.floating_pool) if self.floating_pool else None

    @property
    def carried(self) -> str:
        """How libvirt carries it: under nat it would let nobody in, so with floating addresses it
        only routes, and the rest is done by the table that leads them (`agent.edge`)."""
        return "route" if self.mode == "nat" and self.floating_pool else self.mode


@dataclass(frozen=True, slots=True)
class CapacityConfig:
    """How much of the host servers may claim."""

    cpu_ratio: float = 4.0
    ram_ratio: float = 1.0
    reserved_ram_mb: int = 512
    reserved_disk_gb: float = 1.0


@dataclass(frozen=True, slots=True)
class QuotaConfig:
    """The most a project may use, and of keypairs a user."""

    instances: int = 10
    cores: int = 20
    ram_mb: int = 51200
    keypairs: int = 100
    images: int = 100
    networks: int = 10
    ports: int = 100
    floating_ips: int = 50


@dataclass(frozen=True, slots=True)
class AdminPassConfig:
    """How strong a password must be that a user gives for a server."""

    min_length: int = 0
    min_classes: int = 0


@dataclass(frozen=True, slots=True)
class LimitsConfig:
    """Limits of a single request."""

    server_metadata: int = 128
    image_metadata: int = 128
    personality: int = 5
    personality_bytes: int = 10240
    image_gb: int = 100
    base_cache_gb: int = 20


@dataclass(frozen=True, slots=True)
class Config:
    """All of it."""

    installation: str = ""  # a uuid made by init; marks the domains that are this cloud's
    state_dir: Path = DEFAULT_STATE
    listen: str = "127.0.0.1:8774"
    public_url: str = ""
    libvirt_uri: str = "qemu:///system"
    virt_type: str = "auto"
    host: str = ""
    region: str = "RegionOne"
    availability_zone: str = "nova"
    token_hours: float = 12.0
    sweep_every_s: float = 5.0
    api_threads: int = 8
    address_rest_s: int = 3600
    unknown_after: float = 30.0
    started_outside: str = "adopt"
    resume_on_boot: str = "previous"
    resize_confirm_window: float = 0.0
    shelved_offload_after: float = 0.0
    nova_compatible_files: bool = False
    import_allow: tuple[str, ...] = ()
    max_microversion: str = "2.96"
    network: NetworkConfig = field(default_factory=NetworkConfig)
    capacity: CapacityConfig = field(default_factory=CapacityConfig)
    quota: QuotaConfig = field(default_factory=QuotaConfig)
    admin_pass: AdminPassConfig = field(default_factory=AdminPassConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)

    @property
    def is_imaginary(self) -> bool:
        """Whether no guest really runs: libvirt's test driver needs no kernel."""
        return self.libvirt_uri.startswith("test")

    @property
    def url(self) -> str:
        """Where clients find this cloud, without a slash at the end.

        Listening on all addresses says none that a client could use: then it is loopback.
        """
        host, port = split_listen(self.listen)
        near = LOOPBACK.get(host, host)
        shown = f"[{near}]" if ":" in near else near
        return (self.public_url or f"http://{shown}:{port}").rstrip("/")


def read_config(path: Path) -> Config:
    """Read and check the file; `ConfigError` lists everything that is wrong in it."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError([f"{path}: {error.strerror}. Run `cumulet init` to make it."]) from error
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}."]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: not UTF-8, from byte {error.start} on."]) from error
    problems: list[str] = []
    try:
        raw = _load(text, problems)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: 2026-13-45
        raise ConfigError([f"{path}: not YAML: {error}"]) from error
    return parse_config(raw, problems)


def parse_config(raw: object, found: Sequence[str] = ()) -> Config:
    """Check what the file holds; `ConfigError` lists everything that is wrong in it.

    `found` are mistakes that are known already.
    """
    problems = list(found)
    config = _parse(Config, raw if raw is not None else {}, "", problems)
    problems.extend(_rules(config))
    if problems:
        raise ConfigError(problems, config)
    return config


def render_config(settings: Mapping[str, Any]) -> str:
    """Write settings as the file's text."""
    return yaml.safe_dump(dict(settings), sort_keys=False, default_flow_style=False)


def split_listen(listen: str) -> tuple[str, int]:
    """Split HOST:PORT (an IPv6 host stands in brackets); `ValueError` says what is wrong."""
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not port.isdecimal() or host == "unix" or not 0 < int(port) < 65536:
        raise ValueError("must be HOST:PORT with a port from 1 to 65535")
    return host.strip("[]"), int(port)


def _load(text: str, problems: list[str]) -> object:
    """Read YAML, and report keys that stand twice: YAML itself would take the last one."""
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        _report_twice(node, "", problems)
        return None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


def _report_twice(node: yaml.Node | None, at: str, problems: list[str]) -> None:
    if not isinstance(node, yaml.MappingNode) or at.count(".") > 1:
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        line = key.start_mark.line + 1
        if key.value in lines:
            problems.append(f"{at}{key.value}: stands in lines {lines[key.value]} and {line}")
        lines[key.value] = line
        _report_twice(value, f"{at}{key.value}.", problems)


def _parse(kind: type[T], raw: object, at: str, problems: list[str]) -> T:
    """Build a section; what is wrong is reported and left at its default, to find the rest too."""
    if not isinstance(raw, dict):
        problems.append(f"{at.rstrip('.') or 'the file'}: must be a mapping of keys to values")
        return kind()
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for key, value in raw.items():
        path = f"{at}{key}"
        if key not in hints:
            problems.append(f"{path}: unknown key; known here: {', '.join(sorted(hints))}")
        elif is_dataclass(hints[key]):
            values[key] = _parse(hints[key], value, f"{path}.", problems)
        elif (problem := _mismatch(path, hints[key], value)) is not None:
            problems.append(f"{path}: {problem}")
        else:
            values[key] = hints[key](value)
    return kind(**values)


def _mismatch(path: str, kind: type, value: object) -> str | None:
    if kind == tuple[str, ...]:
        return _list_mismatch(value)
    accepts, words = _SCALARS[kind]
    if not isinstance(value, accepts) or (isinstance(value, bool) and kind is not bool):
        return f"must be {words}, not {value!r}"
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return None if value.isprintable() else f"must be printable, not {value!r}"
    low, high = RANGES[path]
    if isinstance(value, int | float) and not low <= value <= high:  # as .nan never is
        return f"must be {words} from {low} to {high}"
    return None


def _list_mismatch(value: object) -> str | None:
    if not isinstance(value, list):
        return f"must be a list of texts, not {value!r}"
    wrong = [item for item in value if not isinstance(item, str) or not item.isprintable()]
    return f"must be a list of printable texts, not of {wrong[0]!r}" if wrong else None


_SCALARS: dict[type, tuple[type | types.UnionType, str]] = {
    str: (str, "a text"),
    bool: (bool, "true or false"),
    int: (int, "a whole number"),
    float: (int | float, "a number"),
    Path: (str, "a path"),
}

RANGES: dict[str, tuple[float, float]] = {
    "token_hours": (0.01, 8784),
    "sweep_every_s": (0.1, 3600),
    "api_threads": (1, 64),
    "address_rest_s": (0, 31_622_400),
    "unknown_after": (0.1, 86_400),
    "resize_confirm_window": (0, 31_622_400),
    "shelved_offload_after": (-1, 31_622_400),
    "capacity.cpu_ratio": (0.01, 1000),
    "capacity.ram_ratio": (0.01, 1000),
    "capacity.reserved_ram_mb": (0, 1_000_000_000),
    "capacity.reserved_disk_gb": (0, 1_000_000),
    "quota.instances": (-1, 1_000_000_000),
    "quota.cores": (-1, 1_000_000_000),
    "quota.ram_mb": (-1, 1_000_000_000),
    "quota.keypairs": (-1, 1_000_000_000),
    "quota.images": (-1, 1_000_000_000),
    "quota.networks": (-1, 1_000_000_000),
    "quota.ports": (-1, 1_000_000_000),
    "quota.floating_ips": (-1, 1_000_000_000),
    "admin_pass.min_length": (0, 255),
    "admin_pass.min_classes": (0, 4),
    "limits.server_metadata": (0, 10_000),
    "limits.image_metadata": (0, 10_000),
    "limits.personality": (0, 10_000),
    "limits.personality_bytes": (0, 100_000_000),
    "limits.image_gb": (1, 1_000_000),
    "limits.base_cache_gb": (0, 1_000_000),
}
"""The least and the most that each number may be; a test holds that none is without."""


def _rules(config: Config) -> list[str]:
    """What types alone do not say."""
    problems = []
    try:
        split_listen(config.listen)
    except ValueError as error:
        problems.append(f"listen: {error}, not {config.listen!r}")
    if not config.state_dir.is_absolute():
        problems.append(f"state_dir: must be an absolute path, not {str(config.state_dir)!r}")
    if config.public_url and not re.fullmatch(r"https?://[^/\s]+(/\S*)?", config.public_url):
        problems.append(f"public_url: must be http://… or https://…, not {config.public_url!r}")
    if config.network.subnet:
        try:
            if ipaddress.IPv4Network(config.network.subnet).prefixlen > 29:
                problems.append("network.subnet: too small, give a /29 or larger")
        except ValueError as error:
            problems.append(f"network.subnet: must be an IPv4 subnet as 10.70.0.0/24: {error}")
    problems.extend(_pool_problems(config.network))
    for block in config.network.project_subnets:
        try:
            ipaddress.IPv4Network(block)
        except ValueError as error:
            problems.append(f"network.project_subnets: must be IPv4 subnets: {error}")
    for entry in config.import_allow:
        try:
            Allowed.parse([entry])
        except ValueError as error:
            problems.append(f"import_allow: {error}")
    filled = {
        "libvirt_uri": config.libvirt_uri,
        "region": config.region,
        "availability_zone": config.availability_zone,
        "network.libvirt_network": config.network.libvirt_network,
    }
    problems.extend(f"{path}: must not be empty" for path, value in filled.items() if not value)
    if not re.fullmatch(r"(?!\.{1,2}$)[^\s/:]{1,15}", config.network.bridge):
        problems.append(
            "network.bridge: must be the name of a network interface, of at most 15 characters, "
            f"not {config.network.bridge!r}"
        )
    problems.extend(_choice("virt_type", config.virt_type, ("auto", "kvm", "qemu", "test")))
    problems.extend(_choice("started_outside", config.started_outside, ("adopt", "enforce")))
    if not re.fullmatch(r"2\.([1-9]|[1-8][0-9]|9[0-6])", config.max_microversion):
        problems.append(
            "max_microversion: must be a version from 2.1 to 2.96, in quotes, "
            f"not {config.max_microversion!r}"
        )
    boots = ("previous", "never", "always")
    problems.extend(_choice("resume_on_boot", config.resume_on_boot, boots))
    problems.extend(_choice("network.mode", config.network.mode, ("isolated", "nat")))
    return problems


def _pool_problems(network: NetworkConfig) -> list[str]:
    if not network.floating_pool:
        return []
    path = "network.floating_pool"
    try:
        pool = FloatingPool.parse(network.floating_pool)
    except ValueError as error:
        return [f"{path}: must be as 192.168.1.200-192.168.1.220, or a subnet: {error}"]
    with suppress(ValueError):  # a subnet that is none is said above
        subnet = ipaddress.IPv4Network(network.subnet)
        if pool.overlaps(subnet):
            return [f"{path}: its addresses are of {subnet}, which is the servers' own subnet"]
    return []


def _choice(path: str, value: str, allowed: tuple[str, ...]) -> list[str]:
    if value in allowed:
        return []
    return [f"{path}: must be one of {', '.join(allowed)}, not {value!r}"]
