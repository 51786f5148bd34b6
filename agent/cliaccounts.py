# SPDX-License-Identifier: Apache-2.0
"""`cumulet user …` and `cumulet project …`: accounts, for those without a client at hand.

Thin, as `cli.py`: nothing heavy is imported at the top.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cliparts import config_option, or_explain, read, require_root

if TYPE_CHECKING:
    from agent.config import Config
    from agent.offhand import OffHand

ask_option = click.option(
    "--ask", is_flag=True, help="Ask for the password (or read it from a pipe), make none up."
)
role_option = click.option(
    "--role", "roles", multiple=True, default=("member",), show_default=True, help="Repeatable."
)


@click.group()
def user() -> None:
    """Who may log in, and what each may do in which project.

    The roles: reader looks, member works, admin (in any project) administers the cloud.

    \b
    Examples:
      cumulet user create ann --project lab
      cumulet user grant ann physics member
      cumulet user password ann
    """


@click.group()
def project() -> None:
    """Projects: what belongs together, and is hidden from the others.

    \b
    Examples:
      cumulet project create physics --description "Room 12"
      cumulet project list
    """


@user.command("list")
@config_option
def list_users(config_path: Path | None) -> None:
    """Print all users, and their roles in each project."""
    with _off_hand("cumulet user list", config_path) as accounts:
        for line in accounts.describe_users():
            click.echo(line)


@user.command("create")
@click.argument("name")
@click.option("--project", "project_name", required=True, help="Where the user is to work.")
@role_option
@click.option("--email")
@ask_option
@config_option
def create_user(
    name: str,
    project_name: str,
    roles: tuple[str, ...],
    email: str | None,
    ask: bool,
    config_path: Path | None,
) -> None:
    """Add the user NAME, with a password that is made up and told once.

    \b
    Examples:
      cumulet user create ann --project lab
      cumulet user create bob --project lab --role reader --ask
    """
    with _off_hand("cumulet user create", config_path) as accounts:
        given = _ask() if ask else None
        password = or_explain(
            lambda: accounts.create_user(name, project_name, roles, given, email=email)
        )
        click.echo(f"auth_url  {accounts.auth_url}")
        click.echo(f"username  {name}")
        click.echo(f"project   {project_name}")
        if given is None:
            click.echo(f"password  {password}  (told this once)")


@user.command("password")
@click.argument("name")
@ask_option
@config_option
def set_password(name: str, ask: bool, config_path: Path | None) -> None:
    """Give the user NAME a new password; all of its logins end."""
    with _off_hand("cumulet user password", config_path) as accounts:
        given = _ask() if ask else None
        password = or_explain(lambda: accounts.set_password(name, given))
        if given is None:
            click.echo(f"password  {password}  (told this once)")


@user.command("grant")
@click.argument("name")
@click.argument("project_name", metavar="PROJECT")
@click.argument("roles", metavar="ROLE...", nargs=-1, required=True)
@config_option
def grant(name: str, project_name: str, roles: tuple[str, ...], config_path: Path | None) -> None:
    """Give the user NAME roles in PROJECT."""
    with _off_hand("cumulet user grant", config_path) as accounts:
        or_explain(lambda: accounts.grant(name, project_name, roles))


@user.command("revoke")
@click.argument("name")
@click.argument("project_name", metavar="PROJECT")
@click.argument("roles", metavar="ROLE...", nargs=-1, required=True)
@config_option
def revoke(name: str, project_name: str, roles: tuple[str, ...], config_path: Path | None) -> None:
    """Take roles in PROJECT from the user NAME, at once."""
    with _off_hand("cumulet user revoke", config_path) as accounts:
        or_explain(lambda: accounts.revoke(name, project_name, roles))


@project.command("list")
@config_option
def list_projects(config_path: Path | None) -> None:
    """Print all projects."""
    with _off_hand("cumulet project list", config_path) as accounts:
        for line in accounts.describe_projects():
            click.echo(line)


@project.command("create")
@click.argument("name")
@click.option("--description", default="")
@config_option
def create_project(name: str, description: str, config_path: Path | None) -> None:
    """Add the project NAME."""
    with _off_hand("cumulet project create", config_path) as accounts:
        or_explain(lambda: accounts.create_project(name, description))


def _add_switches(group: click.Group, what: str) -> None:
    """Add the commands that take a name and nothing else: enable, disable, delete."""
    verbs = {
        "enable": f"Let the {what} NAME be used again.",
        "disable": f"Let the {what} NAME be used by nobody; logins with it end.",
        "delete": f"Remove the {what} NAME for good.",
    }
    for verb, text in verbs.items():
        group.command(verb, help=text)(
            click.argument("name")(config_option(_switch(f"{verb}_{what}")))
        )


def _switch(method: str) -> Callable[..., None]:
    def run(name: str, config_path: Path | None) -> None:
        verb, what = method.split("_")
        with _off_hand(f"cumulet {what} {verb}", config_path) as accounts:
            work: Callable[[str], Any] = getattr(accounts, method)
            or_explain(lambda: work(name))

    return run


_add_switches(user, "user")
_add_switches(project, "project")


@contextmanager
def _off_hand(command: str, config_path: Path | None) -> Iterator[OffHand]:
    require_root(command)
    config = read(config_path)
    accounts = or_explain(lambda: _open(config))
    try:
        yield accounts
    finally:
        accounts.close()


def _open(config: Config) -> OffHand:
    from agent.offhand import OffHand

    return OffHand.open(config)


def _ask() -> str:
    if not sys.stdin.isatty():
        typed = sys.stdin.buffer.readline().rstrip(b"\r\n")
        return typed.decode("utf-8", errors="surrogateescape")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
