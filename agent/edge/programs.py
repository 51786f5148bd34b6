# SPDX-License-Identifier: Apache-2.0
"""The programs that tell the kernel: iproute2's `ip`, nftables' `nft`, and `conntrack`."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from agent.errors import HostFailed

DEADLINE_S = 10.0

PACKAGES = {"ip": "iproute2", "nft": "nftables", "conntrack": "conntrack"}
"""Debian's packages of the programs."""

_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",
}

_QUIETLY: Mapping[str, Any] = {
    "capture_output": True,
    "text": True,
    "timeout": DEADLINE_S,
    "env": _ENVIRONMENT,
    "check": True,
}

_NOTHING_FOUND = 1  # conntrack's code for that it has deleted no entry


def missing_programs() -> tuple[str, ...]:
    """Those that are not installed."""
    return tuple(name for name in PACKAGES if not shutil.which(name, path=_ENVIRONMENT["PATH"]))


def ip(*arguments: str, told: str = "") -> str:
    """Run `ip`, which is told something, and give what it says; `HostFailed` says why not."""
    with _explained("ip", arguments):
        return str(subprocess.run(["ip", *arguments], input=told, **_QUIETLY).stdout)


def nft(*arguments: str, told: str = "") -> str:
    """Run `nft` in the same way."""
    with _explained("nft", arguments):
        return str(subprocess.run(["nft", *arguments], input=told, **_QUIETLY).stdout)


def forget_connections(*which: str) -> None:
    """Let the kernel forget the connections that these options of `conntrack -D` find."""
    with _explained("conntrack", which):
        try:
            subprocess.run(["conntrack", "-D", *which], **_QUIETLY)
        except subprocess.CalledProcessError as error:
            if error.returncode != _NOTHING_FOUND:
                raise


@contextmanager
def _explained(program: str, arguments: Sequence[str]) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise HostFailed(
            f"Floating IPs need the program {program}: `apt-get install {PACKAGES[program]}`."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise HostFailed(f"{program} did not end within {DEADLINE_S:.0f} s.") from error
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip() or f"code {error.returncode}").splitlines()[0]
        raise HostFailed(f"`{program} {' '.join(arguments)}` failed: {reason}") from error
