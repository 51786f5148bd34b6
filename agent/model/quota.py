# SPDX-License-Identifier: Apache-2.0
"""What a project may use, and what it uses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quota:
    """The most that a project may use."""

    instances: int = 10
    cores: int = 20
    ram_mb: int = 51200  # MiB


@dataclass(frozen=True, slots=True)
class Usage:
    """What a project uses, or what a host has given away."""

    instances: int = 0
    cores: int = 0
    ram_mb: int = 0  # MiB


@dataclass(frozen=True, slots=True)
class Count:
    """How many servers one request makes: as many of these as the quota has room for."""

    least: int = 1
    most: int = 1


ONE = Count()
