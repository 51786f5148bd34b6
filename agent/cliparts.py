# SPDX-License-Identifier: Apache-2.0
"""What the commands share: the option --config, root, and how refusals end them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from agent.config import DEFAULT_CONFIG, Config, ConfigError, read_config

T = TypeVar("T")

WRONG_USAGE = 2

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="CUMULET_CONFIG",
    help=f"The configuration file.  [default: {DEFAULT_CONFIG}]",
)


def read(path: Path | None) -> Config:
    """Read the configuration; exit with 2, naming each mistake in it."""
    return or_explain(lambda: read_config(path or DEFAULT_CONFIG))


def or_explain(work: Callable[[], T]) -> T:
    """Run it; a mistake in the configuration exits with 2, any other refusal with 1."""
    from agent.errors import AgentError

    try:
        return work()
    except ConfigError as error:
        for problem in error.problems:
            click.echo(f"cumulet: {problem}", err=True)
        sys.exit(WRONG_USAGE)
    except AgentError as error:
        raise click.ClickException(error.message) from error


def require_root(command: str) -> None:
    """Exit with 2, naming the command to run, unless this is root."""
    if os.geteuid() != 0:
        click.echo(
            f"cumulet: its database, disks and console logs belong to root. Run: sudo {command} …",
            err=True,
        )
        sys.exit(WRONG_USAGE)
