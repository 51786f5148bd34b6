# SPDX-License-Identifier: Apache-2.0
"""The command line: thin. It reads options, calls one use case, and says what came of it.

Nothing heavy is imported at the top: `--help` is to come at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent import __version__
from agent.cliaccounts import project, user
from agent.cliparts import config_option, or_explain, read, require_root
from agent.config import DEFAULT_CONFIG, DEFAULT_STATE, Config

if TYPE_CHECKING:
    from agent.history import History
    from agent.setup import InitReport


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="cumulet")
def main() -> None:
    """One KVM host as a small OpenStack cloud.

    \b
    Set up and serve:
      cumulet init
      cumulet doctor
      cumulet serve
    Then, in another terminal, as with any OpenStack cloud:
      export OS_CLIENT_CONFIG_FILE=/var/lib/cumulet/clouds.yaml OS_CLOUD=cumulet
      openstack server list
    """


@main.command()
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help=f"Where disks, images and the database go.  [default: {DEFAULT_STATE}]",
)
@config_option
@click.option("--listen", metavar="HOST:PORT", help="Where to serve.  [default: 127.0.0.1:8774]")
@click.option("--public-url", metavar="URL", help="What clients are told.  [default: as listen]")
@click.option("--libvirt-uri", metavar="URI", help="Which libvirt.  [default: qemu:///system]")
@click.option(
    "--network",
    type=click.Choice(["isolated", "nat"]),
    help="Whether servers reach the outside, by the host's address.  [default: isolated]",
)
@click.option(
    "--no-dhcp",
    is_flag=True,
    help="Tell servers their addresses on their config drives alone.",
)
def init(
    state_dir: Path | None,
    config_path: Path | None,
    listen: str | None,
    public_url: str | None,
    libvirt_uri: str | None,
    network: str | None,
    no_dhcp: bool,
) -> None:
    """Set up state, configuration, passwords, flavors and network; say where they are.

    Running it again changes nothing and completes what is missing.

    \b
    Examples:
      cumulet init
      cumulet init --state-dir /srv/cloud --listen 0.0.0.0:8774 --network nat
    """
    require_root("cumulet init")
    if config_path is None:
        config_path = state_dir.absolute() / "cumulet.yaml" if state_dir else DEFAULT_CONFIG
    settings: dict[str, Any] = {
        "state_dir": str(state_dir.absolute()) if state_dir else None,
        "listen": listen,
        "public_url": public_url,
        "libvirt_uri": libvirt_uri,
        "network": _network_settings(network, no_dhcp),
    }
    given = {key: value for key, value in settings.items() if value}
    report = or_explain(lambda: _initialise(config_path, given))
    click.echo(f"configuration  {report.config_path}")
    click.echo(f"state          {report.config.state_dir}")
    click.echo(f"credentials    {report.clouds_path}  (clouds 'cumulet' and 'cumulet-admin')")
    lab, asked = report.lab, report.config.network
    click.echo(
        f"network        'lab' is {lab.cidr} on libvirt network '{lab.name}', "
        f"bridge {lab.bridge}, {asked.mode}{'' if lab.dhcp else ', without DHCP'}"
    )
    if asked.floating_pool:
        click.echo(f"floating IPs   {asked.floating_pool}")
    for note in report.notes:
        click.echo(f"note           {note}")
    click.echo(f"next           cumulet serve --config {report.config_path}")


def _network_settings(mode: str | None, no_dhcp: bool) -> dict[str, Any]:
    settings: dict[str, Any] = {"mode": mode} if mode else {}
    return {**settings, "dhcp": False} if no_dhcp else settings


def _initialise(config_path: Path, given: dict[str, Any]) -> InitReport:
    from agent.engine.clock import SystemClock
    from agent.hosting import build_host
    from agent.setup import initialise

    return initialise(config_path, given, connect=build_host, now=SystemClock().now())


@main.command()
@config_option
def serve(config_path: Path | None) -> None:
    """Run everything in the foreground; SIGTERM stops it cleanly.

    \b
    Example:
      cumulet serve --config /etc/cumulet/cumulet.yaml
    """
    require_root("cumulet serve")
    from agent.serve import serve as run

    config = read(config_path)
    or_explain(lambda: run(config))


@main.command()
@config_option
@click.option("--orphans", is_flag=True, help="List each leftover, not only how many there are.")
@click.option("--fix", is_flag=True, help="Remove what is surely left over; mend what is ours.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings for a program.")
def doctor(config_path: Path | None, orphans: bool, fix: bool, as_json: bool) -> None:
    """Check the host and this cloud, and print what to do about each finding.

    It works before `cumulet init`, with a broken configuration, and whether or not libvirt and
    `cumulet serve` run. Nothing is changed without --fix, and with it only what bears this cloud's
    mark. Exits with 1 when something is wrong; warnings are allowed.

    \b
    Examples:
      cumulet doctor
      cumulet doctor --orphans
      cumulet doctor --fix
      cumulet doctor --json | jq '.findings[] | select(.level == "problem")'
    """
    require_root("cumulet doctor")
    from agent.doctor.visit import visit

    path = (config_path or DEFAULT_CONFIG).absolute()
    sys.exit(0 if or_explain(lambda: visit(path, orphans, fix, as_json)) else 1)


def _check_source(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Take a URL as it is, and only a file that is there."""
    is_file = click.Path(exists=True, dir_okay=False)
    return value if "://" in value else str(is_file.convert(value, parameter, context))


@main.group()
def image() -> None:
    """Images that servers are made from."""


@image.command("import")
@click.argument("name")
@click.argument("source", metavar="FILE-OR-URL", callback=_check_source)
@click.option("--property", "properties", metavar="K=V", multiple=True, help="May be repeated.")
@click.option(
    "--disk-format",
    type=click.Choice(["qcow2", "raw", "vmdk", "vdi", "vhd", "iso"]),
    help="What FILE-OR-URL is.  [default: detected]",
)
@click.option("--allow-private", is_flag=True, help="Fetch from the URL's host though private.")
@config_option
def import_image(
    name: str,
    source: str,
    properties: tuple[str, ...],
    disk_format: str | None,
    allow_private: bool,
    config_path: Path | None,
) -> None:
    """Register a file, or what an http(s) URL gives, as the public image NAME.

    Disks in raw, vmdk, vdi and vhd become qcow2. A URL is fetched from the public internet and
    from what import_allow in the configuration names; redirects are held to that too.

    \b
    Examples:
      cumulet image import debian-12 debian-12-genericcloud-amd64.qcow2
      cumulet image import win win.vmdk --property os_type=windows
      cumulet image import debian-12 https://images.example.org/debian-12.qcow2
      cumulet image import mine http://mirror.lan:8080/mine.qcow2 --allow-private
    """
    require_root("cumulet image import")
    from agent.imageimport import Wish, import_image, parse_properties

    config = read(config_path)
    parsed = or_explain(lambda: parse_properties(properties))
    wish = Wish(name, source, parsed, disk_format, allow_private)
    image_id = or_explain(lambda: import_image(config, wish))
    click.echo(f"{image_id}  {name}")


@main.command()
@click.argument("server")
@config_option
def why(server: str, config_path: Path | None) -> None:
    """Show the history of SERVER, an id or a name: why it is as it is.

    It shows what the server is now; then, in order of time, who asked for what, the steps of it and
    how it ended, what libvirt told of the domain, and where the record was corrected after it.

    Only the database is read: this works whether or not `cumulet serve` and libvirt run. Of a
    deleted server the history is kept; name it by its id.

    \b
    Examples:
      cumulet why web-1
      cumulet why 9ed9be4c-6f28-4aee-b1f8-8a7ab0ae2f5e | grep corrected
    """
    require_root("cumulet why")
    config = read(config_path)
    history = or_explain(lambda: _history(config, server))
    from rich.console import Console

    from agent.timeline import render_history

    console = Console(highlight=False)
    width = console.width if console.is_terminal else None
    for line in render_history(history, width=width):
        console.print(line, soft_wrap=True)


def _history(config: Config, server: str) -> History:
    from agent.engine.clock import SystemClock
    from agent.history import find_server, read_history
    from agent.model.layout import Layout
    from agent.store import Store

    store = Store.open(Layout(config.state_dir).database)
    try:
        return read_history(store, find_server(store, server), SystemClock().now())
    finally:
        store.close()


main.add_command(user)
main.add_command(project)
