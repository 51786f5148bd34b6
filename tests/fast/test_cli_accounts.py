# SPDX-License-Identifier: Apache-2.0
"""`cumulet user` and `cumulet project`: accounts for those without a client."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml
from click.testing import CliRunner, Result
from flask import Flask

from agent.cli import main
from tests.fast.api.conftest import login_body
from tests.fast.application import build_app
from tests.fast.smallcloud import SmallCloud

Command = Callable[..., Result]


@pytest.fixture
def app(cloud: SmallCloud) -> Flask:
    return build_app(cloud)


@pytest.fixture
def command(cloud: SmallCloud) -> Command:
    """Run a `cumulet` command on the small cloud's state folder."""
    path = cloud.config.state_dir / "cumulet.yaml"  # a copy, which names the template's folder
    settings = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**settings, "state_dir": str(cloud.config.state_dir)}))

    def run(*words: str, typed: str | bytes | None = None) -> Result:
        return CliRunner().invoke(main, [*words, "--config", str(path)], input=typed)

    return run


def log_in_code(app: Flask, name: str, password: str, project: str) -> int:
    http = app.test_client()
    body = login_body(name, password, project)
    return http.post("/identity/v3/auth/tokens", json=body).status_code


def test_a_users_whole_life(app: Flask, command: Command) -> None:
    assert command("project", "create", "physics", "--description", "Room 12").exit_code == 0
    made = command("user", "create", "ann", "--project", "physics", "--email", "a@example.org")

    assert made.exit_code == 0
    told = dict(line.split(None, 1) for line in made.output.splitlines())
    assert told["auth_url"] == "http://127.0.0.1:8774/identity/v3"
    assert (told["username"], told["project"]) == ("ann", "physics")
    password = told["password"].removesuffix("  (told this once)")
    assert log_in_code(app, "ann", password, "physics") == 201
    assert log_in_code(app, "ann", password, "lab") == 401
    assert command("user", "grant", "ann", "lab", "reader").exit_code == 0
    assert log_in_code(app, "ann", password, "lab") == 201
    listed = command("user", "list").output
    assert "ann              lab: reader; physics: member\n" in listed
    assert "physics          Room 12\n" in command("project", "list").output
    assert command("user", "revoke", "ann", "lab", "reader").exit_code == 0
    assert log_in_code(app, "ann", password, "lab") == 401
    assert command("user", "disable", "ann").exit_code == 0
    assert log_in_code(app, "ann", password, "physics") == 401
    assert "(disabled) physics: member" in command("user", "list").output
    assert command("user", "enable", "ann").exit_code == 0
    renewed = command("user", "password", "ann", "--ask", typed="chosen\n")
    assert (renewed.exit_code, renewed.output) == (0, "")
    assert log_in_code(app, "ann", "chosen", "physics") == 201
    assert command("user", "delete", "ann").exit_code == 0
    assert command("project", "disable", "physics").exit_code == 0
    assert command("project", "enable", "physics").exit_code == 0
    assert command("project", "delete", "physics").exit_code == 0
    assert "physics" not in command("project", "list").output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("user", "create", "ann", "--project", "none"), "There is no project none."),
        (("user", "create", "ann", "--project", "lab", "--role", "king"), "only: admin, member"),
        (("user", "create", "lab", "--project", "lab"), "exists already"),
        (("user", "create", " ", "--project", "lab"), "NAME"),
        (("user", "password", "nobody"), "There is no user nobody. See `cumulet user list`."),
        (("user", "revoke", "lab", "lab", "admin"), "lab has no role admin in lab."),
        (("user", "delete", "admin"), "can't be deleted"),
        (("user", "disable", "admin"), "can't be changed"),
        (("project", "create", "x" * 65), "NAME"),
        (("project", "delete", "admin"), "can't be deleted"),
        (("project", "delete", "none"), "See `cumulet project list`."),
    ],
)
def test_what_is_refused_says_why(command: Command, words: tuple[str, ...], said: str) -> None:
    before = command("user", "list").output

    done = command(*words)

    assert done.exit_code == 1
    assert said in done.output
    assert command("user", "list").output == before


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (b"\n", "The password is empty."),
        (b"x" * 4097 + b"\n", "has more than 4096 characters"),
        (b"\xff\xfe\n", "is not in UTF-8"),
    ],
)
def test_what_is_no_password_is_refused(command: Command, typed: bytes, said: str) -> None:
    done = command("user", "create", "ann", "--project", "lab", "--ask", typed=typed)

    assert done.exit_code == 1
    assert said in done.output


@pytest.mark.parametrize("group", ["user", "project"])
def test_help_has_examples(group: str) -> None:
    assert "Examples:" in CliRunner().invoke(main, [group, "--help"]).output
