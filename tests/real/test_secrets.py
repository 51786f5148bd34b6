# SPDX-License-Identifier: Apache-2.0
"""Secrets come to light nowhere: a whole life of them, and then a search of all that is left.

Each secret is a canary, easy to find again. All that a user and an attacker can do with one is done
to a real cloud, while the arguments and environments of all processes are watched. What is found
where it belongs (a config drive, the database's user data) shows that the search works.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import yaml

from agent.model.layout import Layout
from tests.lab.canaries import Canaries
from tests.lab.private_host import PrivateHost
from tests.lab.process_watch import ProcessWatch
from tests.lab.tiny_guest import tiny_image
from tests.lab.waiting import wait_for
from tests.real.conftest import running_cloud
from tests.real.secret_accounts import keep_accounts, log_in_wrongly
from tests.real.secret_life import ADMIN_LOGIN, IMAGES, LOGIN, SERVERS, TOKEN, Life

pytestmark = pytest.mark.real

LONGEST = 255  # characters of a password
ADMIN_PASS = {"min_length": 30}  # more than a weak canary has


@pytest.fixture(scope="module")
def life() -> Iterator[Life]:
    """The whole life: servers, passwords, mistakes, attacks, and a look at everything."""
    canaries = Canaries()
    with PrivateHost.start() as host, running_cloud(host, admin_pass=ADMIN_PASS) as real:
        users = yaml.safe_load((real.live.state / "clouds.yaml").read_text())["clouds"]
        canaries.watch(LOGIN, users["cumulet"]["auth"]["password"])
        canaries.watch(ADMIN_LOGIN, users["cumulet-admin"]["auth"]["password"])
        canaries.watch(TOKEN, real.api.token)
        admin_token = type(real.api)(real.live).log_in("cumulet-admin").token
        with ProcessWatch(canaries) as watch:
            lived = Life(real, admin_token, canaries, watch)
            for chapter in (
                *(build_servers, change_passwords, make_mistakes, keep_accounts),
                look_at_everything,
            ):
                began = time.monotonic()
                chapter(lived)
                print(f"{chapter.__name__}: {time.monotonic() - began:.1f} s")
            yield lived


def build_servers(life: Life) -> None:
    """One of every kind, booted all at once."""
    say, real = life.canaries, life.real
    windows = real.live.cumulet(
        *("image", "import", "windows", str(tiny_image())),
        *("--property", "os_type=windows", "--config", str(real.live.config)),
    ).split()[0]
    script = f"#!/bin/sh\n# {say.strong('UserData')}\n"
    life.create(
        "linux",
        real.image_id,
        adminPass=say.strong("Accepted"),
        user_data=base64.b64encode(script.encode()).decode(),
        personality=[{"path": "/root/secret", "contents": encode(say.strong("File"))}],
    )
    life.create("windows", windows, adminPass=say.strong("Windows"))
    life.create("foreign", real.image_id, token=life.admin_token, adminPass=say.weak("Refused"))
    life.create("gone", real.image_id)
    life.ask("DELETE", f"{SERVERS}/{life.servers['gone']}")
    for name in ("linux", "windows"):
        real.api.wait_for_status(life.servers[name], "ACTIVE")
        real.wait_for_boot(life.servers[name], 1)
    wait_for(
        lambda: shows_error(life), timeout_s=120, poll_s=0.5, what="the refusal to be an ERROR"
    )


def shows_error(life: Life) -> bool:
    """Whether the server whose password is refused has come so far."""
    path = f"{SERVERS}/{life.servers['foreign']}"
    return bool(life.ask("GET", path, token=life.admin_token).body["server"]["status"] == "ERROR")


def change_passwords(life: Life) -> None:
    """Changed; changed without effect, for the account or the agent is missing; refused."""
    say = life.canaries
    assert life.change("linux", say.strong("Changed")).status == 202
    unknown = life.change("windows", say.strong("NoAccount"))  # the guest is none, in truth
    assert unknown.status == 409
    assert "failed to set user password" in unknown.text
    assert life.change("foreign", say.weak("Weak"), token=life.admin_token).status == 400
    for name in ("linux", "windows"):
        life.real.guest(life.servers[name]).start("kill $(cat /run/qemu-ga.pid)")
        wait_for(partial(has_no_agent, life, name), timeout_s=60, what=f"the end of {name}'s agent")


def has_no_agent(life: Life, name: str) -> bool:
    """Whether another password can't be set any more."""
    answer = life.change(name, life.canaries.strong("NoAgent"))
    return answer.status == 409 and "no guest agent answers" in answer.text


def make_mistakes(life: Life) -> None:
    """Requests that fail, each with a secret in it."""
    say, good = life.canaries, {"name": "x", "imageRef": life.real.image_id, "flavorRef": "1"}
    too_long = say.strong("TooLong") + "x" * LONGEST
    for code, fields in (
        (400, {"adminPass": [say.strong("InAList")]}),
        (400, {"adminPass": {say.weak("AsAKey"): say.strong("InAnObject")}}),
        (400, {"adminPass": too_long}),
        (400, {"adminPass": say.strong("Control") + "\n"}),
        (400, {"adminPass": say.strong("NoImage"), "imageRef": "none"}),
        (400, {"adminPass": say.strong("NoFlavor"), "flavorRef": "none"}),
        (400, {"adminPass": say.strong("NoKey"), "key_name": "none"}),
        (400, {"adminPass": say.strong("NoZone"), "availability_zone": "none"}),
        (400, {"adminPass": say.strong("NoName"), "name": ""}),
        (400, {"admin_password": say.strong("OtherName")}),
        (400, {"user_data": say.strong("PlainUserData")}),
        (400, {"personality": [{"path": "/a", "contents": say.strong("PlainFile")}]}),
        (400, {"personality": say.strong("NoFile")}),
        (403, {"personality": [{"path": "/a", "contents": encode(say.strong("Big") * 999)}]}),
    ):
        answer = life.ask("POST", SERVERS, {"server": {**good, **fields}})
        assert answer.status == code, answer.text
    for value in ([say.strong("ChangeList")], None, too_long, say.strong("ChangeControl") + "\t"):
        assert life.change("linux", value).status == 400
    assert life.change("foreign", say.strong("Foreign")).status == 404
    assert life.change("linux", say.strong("NoToken"), token=say.weak("WrongToken")).status == 401
    action = f"{SERVERS}/{life.servers['linux']}/action"
    broken = f'{{"changePassword": {{"adminPass": "{say.strong("Broken")}"'
    doubled = f'{{"changePassword": {{"adminPass": "{say.strong("Twice")}", "adminPass": ""}}}}'
    for code, raw, kind in (
        (400, broken.encode(), "application/json"),
        (400, doubled.encode(), "application/json"),
        (400, json.dumps(say.strong("NoObject")).encode(), "application/json"),
        (413, broken.encode() * 9999, "application/json"),
        (415, broken.encode(), "text/plain"),
    ):
        answer = life.ask("POST", action, raw, headers={"Content-Type": kind})
        assert answer.status == code, answer.text
    log_in_wrongly(life)


def look_at_everything(life: Life) -> None:
    """Read all that the API shows, as user and as administrator."""
    for token in (life.real.api.token, life.admin_token):
        for path in (SERVERS, f"{SERVERS}/detail", IMAGES, "/compute/v2.1/limits", "/healthz"):
            assert life.ask("GET", path, token=token).status == 200
    for name, server_id in life.servers.items():
        token = life.admin_token if name == "foreign" else life.real.api.token
        path = f"{SERVERS}/{server_id}"
        for tail in ("", "/metadata", "/diagnostics", "/ips"):
            life.ask("GET", f"{path}{tail}", token=token)
        console: dict[str, Any] = {"os-getConsoleOutput": {}}
        seen = life.ask("POST", f"{path}/action", console, token=token)
        assert seen.status == (404 if name == "gone" else 200)
        actions = life.ask("GET", f"{path}/os-instance-actions", token=token)
        for action in actions.body.get("instanceActions", []):
            one = f"{path}/os-instance-actions/{action['request_id']}"
            assert life.ask("GET", one, token=token).status == 200


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_no_answer_shows_a_secret(life: Life) -> None:
    shown = {
        (what, name) for what, text in life.answers for name in life.canaries.find(text.encode())
    }

    assert len(life.answers) > 60
    assert shown == set()


def test_no_file_has_a_secret_but_where_it_belongs(life: Life) -> None:
    layout = Layout(life.real.live.state)
    drive, disk = (
        {
            name: str(path(server_id).relative_to(layout.state))
            for name, server_id in life.servers.items()
        }
        for path in (layout.config_drive, layout.disk)
    )
    database = {"cumulet.db", "cumulet.db-wal"}
    allowed = {
        "UserData": {*database, drive["linux"], disk["linux"]},
        "File": {*database, drive["linux"], disk["linux"]},
        "Windows": {drive["windows"]},
        LOGIN: {"clouds.yaml"},
        ADMIN_LOGIN: {"clouds.yaml"},
    }

    found = life.files()

    assert {name: files - allowed.get(name, set()) for name, files in found.items()} == {
        name: set() for name in allowed
    }
    assert drive["linux"] in found["UserData"] & found["File"]
    assert database & found["UserData"]
    assert database & found["File"]
    assert found["Windows"] == {drive["windows"]}


def test_the_private_files_are_the_owners_alone(life: Life) -> None:
    layout = Layout(life.real.live.state)
    private = [layout.database, layout.secret_key, life.real.live.state / "clouds.yaml"]
    private += layout.servers.glob("*/config.iso")

    assert len(private) == 6
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}


def test_libvirt_and_qemu_log_no_secret_and_no_domain_has_one(life: Life) -> None:
    host = life.real.host
    there = {name for name in life.servers if name != "gone"}
    domains = {name: host.virsh("dumpxml", "--security-info", life.servers[name]) for name in there}
    shown = {name: life.canaries.find(xml.encode()) for name, xml in domains.items()}

    assert shown == {name: set() for name in there}
    assert all(life.servers[name] in xml for name, xml in domains.items())
    assert (host.folder / "log" / "qemu").is_dir()
    assert list((host.folder / "log").rglob("*.log"))
    assert life.canaries.find_in_files(host.folder) == {}


def test_why_shows_no_secret(life: Life) -> None:
    told = [
        life.real.live.cumulet("why", server_id, "--config", str(life.real.live.config))
        for server_id in life.servers.values()
    ]

    assert "changePassword" in "".join(told)
    assert life.canaries.find("".join(told).encode()) == set()


def test_no_process_was_told_a_secret(life: Life) -> None:
    watch = life.watch
    looks = watch.looks
    wait_for(lambda: watch.looks > looks + 1, timeout_s=30, what="one more look at all processes")
    print(f"{watch.looks} looks at {len(watch.programs)} programs: {sorted(watch.programs)}")

    assert watch.leaks == set()
    assert {"libvirtd", "virtlogd", "dnsmasq", "qemu-img"} <= watch.programs
    assert any(program.startswith("qemu-system-") for program in watch.programs)


def test_a_process_that_is_told_one_would_be_seen() -> None:
    canaries = Canaries()
    secret, other = canaries.strong("Argument"), canaries.weak("Variable")
    expected = {("sh", "arguments", "Argument"), ("sh", "environment", "Variable")}
    told = subprocess.Popen(
        ["sh", "-c", "read _", secret], stdin=subprocess.PIPE, env={**os.environ, "SECRET": other}
    )

    with ProcessWatch(canaries) as watch:
        try:
            wait_for(lambda: expected <= watch.leaks, timeout_s=30, what="the secrets to be seen")
        finally:
            told.communicate()
