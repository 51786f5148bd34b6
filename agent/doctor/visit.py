# SPDX-License-Identifier: Apache-2.0
"""One visit of the doctor, as the command line has it: look, mend if that was asked for, tell."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from agent.doctor.examination import CHECKS, CLOSER, examine, set_scene
from agent.doctor.mending import Mended, mend
from agent.doctor.report import COLOURS, LEVEL_WIDTH, Line, is_healthy, render_json, render_lines
from agent.engine.clock import SystemClock


def visit(config_path: Path, orphans: bool, fix: bool, as_json: bool) -> bool:
    """Look at all of it and print what was found; whether nothing is wrong (any more).

    Blocks for some seconds, and never for ever. With `fix` first mend what can be; what can't be is
    among the findings.
    """
    now = SystemClock().now()
    scene = set_scene(config_path, now=now)
    mended = Mended()
    if fix:
        mended = mend(scene)
        scene = set_scene(config_path, now=now)
    findings = [*examine(scene, CLOSER if orphans else CHECKS), *mended.failures]
    if as_json:
        state = str(scene.config.state_dir)
        click.echo(
            render_json(findings, config=str(config_path), state_dir=state, mended=mended.deeds)
        )
        return is_healthy(findings)
    for deed in mended.deeds:
        click.echo(click.style(f"{'fixed':{LEVEL_WIDTH}}", fg="green") + deed)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in render_lines(findings, width=width):
        click.echo(_coloured(line))
    return is_healthy(findings)


def _coloured(line: Line) -> str:
    """Colour the level's word; click takes colours out again where there is no terminal."""
    if line.level is None:
        return line.text
    word = str(line.level)
    return click.style(word, fg=COLOURS[line.level]) + line.text.removeprefix(word)
