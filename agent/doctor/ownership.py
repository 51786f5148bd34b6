# SPDX-License-Identifier: Apache-2.0
"""Whose the files are and who may read them; whether configuration and database go together."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent import belonging
from agent.config import ConfigError
from agent.disks import FOLDER_MODES
from agent.doctor.finding import Finding, Level
from agent.doctor.scene import Scene

NAME = "files"

SECRETS = ("cumulet.db", "cumulet.db-wal", "cumulet.db-shm", "clouds.yaml")
"""Files of the state folder that only root reads: password hashes and tokens, and passwords."""

NO_CONFIG = "no configuration at {path}: `cumulet init` has not been run, or with another --config"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One of our files or folders, and the most that its mode may allow."""

    path: Path
    mode: int
    owner: int  # uid
    allowed: int
    is_secret: bool = False

    @property
    def is_wrong(self) -> bool:
        """Whether somebody else owns it, or others may do more than they should."""
        return self.owner != 0 or bool(self.mode & ~self.allowed)

    @property
    def mended_mode(self) -> int:
        """The mode without what it allows too much."""
        return self.mode & self.allowed


def check(scene: Scene) -> Iterator[Finding]:
    """Look and judge."""
    yield from judge_config(scene)
    if scene.is_set_up:
        yield from judge_files(look(scene), scene.config.state_dir)
        yield from judge_database(scene)


def look(scene: Scene) -> list[FileFacts]:
    """Look at the modes of our files; what is not there is left out."""
    state, at = scene.config.state_dir, scene.tree.at
    wanted = [(scene.config_path, 0o644, False)]
    wanted += [(state / name, mode, name == "images") for name, mode in FOLDER_MODES.items()]
    wanted += [(state / name, 0o600, True) for name in SECRETS]
    found = []
    for path, allowed, is_secret in wanted:
        try:
            about = at(path).stat()
        except OSError:
            continue
        mode = stat.S_IMODE(about.st_mode)
        found.append(FileFacts(path, mode, about.st_uid, allowed, is_secret))
    return found


def judge_config(scene: Scene) -> Iterator[Finding]:
    """Say what is wrong with the configuration."""
    if scene.mistakes is None:
        seen = NO_CONFIG.format(path=scene.config_path)
        yield Finding(NAME, Level.NOTE, seen, "Run `cumulet init`.")
    for mistake in scene.mistakes or ():
        fix = f"Correct it in {scene.config_path}; etc/cumulet.yaml of the source has every key."
        yield Finding(NAME, Level.PROBLEM, f"configuration: {mistake}", fix)


def judge_files(found: Sequence[FileFacts], state: Path) -> Iterator[Finding]:
    """Say which of our files others may read or write."""
    wrong = [facts for facts in found if facts.is_wrong]
    for facts in wrong:
        if facts.owner != 0:
            seen = f"{facts.path} belongs to uid {facts.owner}, not to root"
            fix = f"`chown root: {facts.path}`, or let `cumulet doctor --fix` do it."
        else:
            seen = f"{facts.path} has mode {facts.mode:04o}: others may do more than they should"
            fix = (
                f"`chmod {facts.mended_mode:04o} {facts.path}`, "
                "or let `cumulet doctor --fix` do it."
            )
        is_open = facts.is_secret and facts.mode & 0o077
        yield Finding(NAME, Level.PROBLEM if is_open else Level.WARNING, seen, fix)
    there = {facts.path for facts in found}
    missing = [state / name for name in FOLDER_MODES if state / name not in there]
    missing += [path for path in (state / "clouds.yaml",) if path not in there]
    for path in missing[:1] if missing[:1] == [state] else missing:
        fix = "Run `cumulet init`: it makes what is missing."
        if path.name == "clouds.yaml":
            fix = "Run `cumulet init`: it makes another one, with new passwords."
        yield Finding(NAME, Level.PROBLEM, f"{path} is missing", fix)
    if not wrong and not missing:
        yield Finding(NAME, Level.OK, f"configuration and state folder {state} are root's alone")


def judge_database(scene: Scene) -> Iterator[Finding]:
    """Say whether the database can be read and belongs to this configuration."""
    recorded = scene.recorded
    if recorded is None:
        if scene.unread:
            yield Finding(NAME, Level.PROBLEM, *_split_advice(scene.unread))
        return
    config = scene.config
    if not config.installation or recorded.installation not in {None, config.installation}:
        has = recorded.installation or "nobody yet"
        seen = f"{config.state_dir} belongs to installation {has}, the configuration says "
        seen += config.installation or "none"
        fix = f"Write `installation: {has}` into {scene.config_path}, or name another state_dir."
        yield Finding(NAME, Level.PROBLEM, seen, fix)
        return
    mistakes = _list_network_mistakes(scene)
    for mistake in mistakes:
        yield Finding(NAME, Level.PROBLEM, mistake, f"Correct it in {scene.config_path}.")
    if not mistakes:
        count = len(recorded.servers)
        servers = "1 server" if count == 1 else f"{count} servers"
        yield Finding(NAME, Level.OK, f"the database is this installation's, with {servers}")


def _split_advice(message: str) -> tuple[str, str]:
    """What an error says, and what it advises: "There is none: run this" has both."""
    parts = re.match(r"(.+?)(?:: (?=run )|\. (?=[A-Z]))(.+)", message)
    if parts is None:
        return message, "Mend that, and look here again."
    return parts[1], parts[2][0].upper() + parts[2][1:]


def _list_network_mistakes(scene: Scene) -> list[str]:
    if scene.lab is None:
        return ["network: the database has none: run `cumulet init`"]
    try:
        belonging.check_network(scene.config, scene.lab)
        belonging.check_mode(scene.config, scene.lab)
    except ConfigError as error:
        return error.problems
    return []
