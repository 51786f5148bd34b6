# SPDX-License-Identifier: Apache-2.0
"""The command line as a process: exit codes, and words that help."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from agent.config import read_config
from agent.engine.clock import SystemClock
from agent.imagewiring import build_imaging
from agent.model.imagequery import ImageQuery
from agent.store import Store
from tests.fast.damage import DAMAGES
from tests.fast.smallcloud import NODE
from tests.lab.cloud import Api, LiveCloud
from tests.lab.commands import run

# In a user namespace of its own a process is nobody, and may still read this interpreter.
AS_NOBODY = ("unshare", "--user")


def cumulet(*arguments: str, prefix: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*prefix, sys.executable, "-m", "agent", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )


@pytest.mark.parametrize(
    "command", [(), ("init",), ("serve",), ("image",), ("image", "import"), ("why",), ("doctor",)]
)
def test_help_is_there_for_every_command(command: tuple[str, ...]) -> None:
    done = cumulet(*command, "--help")

    assert done.returncode == 0
    assert "Usage:" in done.stdout


@pytest.mark.parametrize("command", ["init", "serve", "why", "doctor"])
def test_whoever_is_not_root_is_told_what_to_run(command: str) -> None:
    arguments = ["one"] if command == "why" else []
    done = cumulet(command, *arguments, prefix=AS_NOBODY)

    assert done.returncode == 2
    assert f"sudo cumulet {command}" in done.stderr


def test_serve_without_a_configuration_says_what_makes_one(tmp_path: Path) -> None:
    done = cumulet("serve", "--config", str(tmp_path / "none.yaml"))

    assert done.returncode == 2
    assert "Run `cumulet init` to make it." in done.stderr


def test_the_address_that_clients_are_told_is_checked_as_in_the_file(tmp_path: Path) -> None:
    done = cumulet("init", "--state-dir", str(tmp_path / "state"), "--public-url", "cloud.example")

    assert done.returncode == 2
    assert done.stderr == (
        "cumulet: public_url: must be http://… or https://…, not 'cloud.example'\n"
    )
    assert not (tmp_path / "state").exists()


def test_all_mistakes_of_the_configuration_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("listen: nowhere\nvirt_type: xen\n")
    done = cumulet("serve", "--config", str(path))

    assert done.returncode == 2
    assert [line.split(":")[1] for line in done.stderr.splitlines()] == [" listen", " virt_type"]


def test_init_says_where_everything_is(live: LiveCloud) -> None:
    said = live.init()

    assert str(live.config) in said
    assert str(live.state / "clouds.yaml") in said
    assert f"next           cumulet serve --config {live.config}" in said


def test_four_inits_at_once_set_one_cloud_up(tmp_path: Path) -> None:
    (tmp_path / "node.xml").write_text(NODE)
    clouds = [LiveCloud(tmp_path / "state", f"test://{tmp_path}/node.xml", 1) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(LiveCloud.init, clouds))

    assert len(set(said)) == 1


@pytest.mark.parametrize("disk_format", ["qcow2", "raw"])
def test_an_image_is_imported_whatever_its_format(
    live: LiveCloud, tmp_path: Path, disk_format: str
) -> None:
    disk = tmp_path / "disk"
    run(["qemu-img", "create", "-q", "-f", disk_format, disk, "3M"])
    argv = ("image", "import", "some", str(disk), "--property", "os_type=linux")
    done = cumulet(*argv, "--config", str(live.config))
    store = Store.open(live.state / "cumulet.db")
    image = store.images.get(done.stdout.split()[0], viewer="anybody")
    store.close()

    assert (image.name, image.status, image.visibility) == ("some", "active", "public")
    assert (image.disk_format, image.virtual_size) == ("qcow2", 3 * 2**20)
    assert image.properties == {"os_type": "linux"}


@pytest.mark.parametrize("name", ["", " ", "a\nb", 256 * "x"])
def test_an_image_has_a_name(live: LiveCloud, tmp_path: Path, name: str) -> None:
    disk = tmp_path / "disk"
    run(["qemu-img", "create", "-q", "-f", "raw", disk, "1M"])
    done = cumulet("image", "import", name, str(disk), "--config", str(live.config))

    assert done.returncode == 1
    assert "NAME: must be 1 to 255 printable characters" in done.stderr


@pytest.mark.parametrize("command", [("serve",), ("image", "import", "some", "/bin/sh"), ("init",)])
@pytest.mark.parametrize("installation", ["''", "another"])
def test_a_configuration_of_another_cloud_is_refused(
    live: LiveCloud, command: tuple[str, ...], installation: str
) -> None:
    config = yaml.safe_load(live.config.read_text())
    own = config["installation"]
    text = live.config.read_text().replace(own, installation)
    live.config.write_text(text)
    done = cumulet(*command, "--config", str(live.config))

    assert done.returncode == 2
    assert done.stderr.startswith("cumulet: installation: ")
    assert own in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_image_that_is_refused_leaves_nothing(live: LiveCloud, tmp_path: Path) -> None:
    base, disk = tmp_path / "base", tmp_path / "disk"
    run(["qemu-img", "create", "-q", "-f", "raw", base, "1M"])
    run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", disk])
    done = cumulet("image", "import", "bad", str(disk), "--config", str(live.config))
    store = Store.open(live.state / "cumulet.db")
    imaging = build_imaging(read_config(live.config), store, SystemClock())
    images = imaging.store.images.list(ImageQuery(), viewer="anybody")
    store.close()

    assert done.returncode == 1
    assert "backing file" in done.stderr
    assert images == []
    assert list((live.state / "images").iterdir()) == []


def test_a_second_serve_names_the_first(live: LiveCloud) -> None:
    live.start()
    assert live.process is not None
    first = live.process.pid
    second = cumulet("serve", "--config", str(live.config))
    code = live.stop()

    assert second.returncode == 1
    assert f"is already served by process {first}" in second.stderr
    assert code == 0


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("no folder", "There is no state folder {state}: run `cumulet"),
        ("no database", "There is no database at {state}/cumulet.db: run `cumulet init`."),
        ("empty database", "The database is empty: run `cumulet init`."),
        ("no SQLite", "{state}/cumulet.db is damaged: file is not a"),
    ],
)
def test_serve_explains_what_is_wrong_with_its_state_and_says_no_more(
    live: LiveCloud, tmp_path: Path, damage: str, words: str
) -> None:
    config = tmp_path / "cumulet.yaml"
    config.write_bytes(live.config.read_bytes())
    DAMAGES[damage](live.state / "cumulet.db")
    done = cumulet("serve", "--config", str(config))

    assert done.returncode == 1
    assert words.format(state=live.state) in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_each_step_of_a_task_is_a_line_with_its_request(live: LiveCloud, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "1M"])
    image_id = live.import_image("tiny", disk)
    live.start()
    api = Api(live).log_in()
    body = {"server": {"name": "one", "imageRef": image_id, "flavorRef": "1"}}
    _, headers, answer = api.request("POST", "/compute/v2.1/servers", body)
    api.wait_for_status(answer["server"]["id"], "ACTIVE")
    live.stop()

    told = [x for x in live.log.read_text().splitlines() if "INFO agent.engine.runner" in x]
    assert all(headers["x-openstack-request-id"] in line for line in told)
    steps = [line.split(": step ")[1].split()[0] for line in told if ": step " in line]
    assert steps == ["place", "reserve", "base", "disk", "config_drive", "define", "start"]


def test_why_tells_the_same_while_it_is_served_and_when_it_is_not(
    live: LiveCloud, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "1M"])
    image_id = live.import_image("tiny", disk)
    live.start()
    api = Api(live).log_in()
    server_id = api.create_server("one", image_id)
    api.wait_for_status(server_id, "ACTIVE")
    by_name = cumulet("why", "one", "--config", str(live.config))
    live.stop()
    by_id = cumulet("why", server_id, "--config", str(live.config))

    assert by_name.returncode == 0
    assert by_name.stdout == by_id.stdout
    lines = by_id.stdout.splitlines()
    assert lines[0] == f"server    one ({server_id})"
    assert lines[1].startswith("status    ACTIVE (vm_state active, task_state none, ")
    assert [line.split()[2] for line in lines if "  step  " in line] == [
        *("place,", "reserve,", "base,", "disk,", "config_drive,", "define,", "start,")
    ]


def test_why_of_nobody_says_so(live: LiveCloud) -> None:
    done = cumulet("why", "nobody", "--config", str(live.config))

    assert done.returncode == 1
    assert done.stderr == "Error: No server has the id or the name 'nobody'.\n"
