# SPDX-License-Identifier: Apache-2.0
"""Stock clients give servers files and passwords: the `openstack` command and openstacksdk.

Neither of them may say anything on stderr.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openstack import utils
from oslo_utils import secretutils

from agent.model.layout import Layout
from agent.store import Store
from tests.clients.sdk import connected
from tests.lab.cloud import BIN, LiveCloud, serving
from tests.lab.commands import run
from tests.lab.private_host import PrivateHost
from tests.lab.waiting import wait_for

pytestmark = pytest.mark.clients

PASSWORD = "fir$t größte: 'pass word'"
NEW = "sec:ond größte"
TEXT = "größte Zeile\n"
LAST_WITH_FILES = "2.56"  # the last version of the Compute API that takes a personality
NEW_SERVER = ("server", "create", "--image", "bare", "--flavor", "m1.tiny", "--network", "lab")

Ask = Callable[..., str]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCloud]:
    """A cloud whose connections to the test driver share its state: one is for passwords alone."""
    state = tmp_path_factory.mktemp("live") / "state"
    with PrivateHost.start() as host, serving(LiveCloud(state, host.test_uri)) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def ask(live: LiveCloud, disk: Path) -> Ask:
    """Run a command of the client, which must have nothing to say on stderr."""

    def ask(*arguments: str) -> str:
        done = run([BIN / "openstack", *arguments], env=live.environment(), timeout_s=300)
        assert done.stderr == ""
        return done.stdout

    ask("image", "create", "--file", str(disk), "--disk-format", "qcow2", "bare")
    return ask


@pytest.fixture
def sdk(live: LiveCloud, ask: Ask) -> Iterator[Any]:
    """The SDK at the newest version of the API that it and the cloud have, and that takes files."""
    with connected(live, "cumulet") as connection:
        newest = utils.maximum_supported_microversion(connection.compute, LAST_WITH_FILES)
        connection.compute.default_microversion = newest
        yield connection


def kept(live: LiveCloud, server_id: str) -> str:
    """The hash of the last password that a server was given."""
    store = Store.open(live.state / "cumulet.db")
    try:
        tasks = store.servers.list_tasks(server_id)
        changed = [task for task in tasks if task.action == "changePassword"]
        if changed:
            assert [task.error for task in changed] == [None]
            return str(changed[0].args["hash"])
        credential = store.injections.get(server_id).credential
        assert credential is not None
        return str(credential.hash)
    finally:
        store.close()


def fits(password: str, hashed: str) -> bool:
    return bool(secretutils.crypt_password(password, hashed) == hashed)


def read_drive(live: LiveCloud, server_id: str, to: Path) -> Path:
    """The part of a server's config drive that is OpenStack's."""
    drive = Layout(live.state).config_drive(server_id)
    run(["xorriso", "-osirrox", "on", "-indev", drive, "-extract", "/", to])
    return to / "openstack"


def scripts(tree: Path) -> str:
    vendor_data: dict[str, Any] = json.loads((tree / "latest/vendor_data.json").read_text())
    return "\n".join(vendor_data["cloud-init"])


def test_a_password_that_is_given_is_shown_and_kept_as_a_hash(live: LiveCloud, ask: Ask) -> None:
    command = (*NEW_SERVER, "--password", PASSWORD, "--wait", "given", "-f", "json")
    created = json.loads(ask(*command))

    assert created["adminPass"] == PASSWORD
    assert fits(PASSWORD, kept(live, created["id"]))
    ask("server", "delete", "--wait", "given")


def test_one_that_is_made_up_is_shown_once_and_can_be_changed(live: LiveCloud, ask: Ask) -> None:
    created = json.loads(ask(*NEW_SERVER, "made-up", "-f", "json"))
    server_id, made_up = created["id"], created["adminPass"]
    wait_for(
        lambda: '"ACTIVE"' in ask("server", "show", server_id, "-f", "json"),
        timeout_s=60,
        what="the server to be ACTIVE",
    )

    assert len(made_up) == 12
    assert fits(made_up, kept(live, server_id))
    assert made_up not in ask("server", "show", server_id, "-f", "json")

    assert ask("server", "set", "--password", NEW, "made-up") == ""

    assert fits(NEW, kept(live, server_id))
    actions = json.loads(ask("server", "event", "list", "made-up", "-f", "json"))
    assert [action["Action"] for action in actions] == ["changePassword", "create"]
    ask("server", "delete", "--wait", "made-up")


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # the SDK to itself
def test_the_sdk_gives_files_and_a_password_and_changes_it(
    live: LiveCloud, sdk: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    compute = sdk.compute
    made = compute.create_server(
        name="of-the-sdk",
        image_id=sdk.image.find_image("bare", ignore_missing=False).id,
        flavor_id=compute.find_flavor("m1.tiny", ignore_missing=False).id,
        networks=[{"uuid": sdk.network.find_network("lab", ignore_missing=False).id}],
        metadata={"role": "web"},
        personality=[{"path": "/etc/motd", "contents": base64.b64encode(TEXT.encode()).decode()}],
        admin_password=PASSWORD,
    )
    server = compute.wait_for_server(made)

    tree = read_drive(live, server.id, tmp_path / "drive")
    assert made.admin_password == PASSWORD
    assert server.metadata == {"role": "web"}
    assert (tree / "content/0000").read_text() == TEXT
    assert "\nfile 0000 /etc/motd\n" in scripts(tree)
    assert "\npassword root " in scripts(tree)
    assert fits(PASSWORD, kept(live, server.id))
    assert compute.get_server(server.id).admin_password is None

    compute.change_server_password(server, NEW)

    assert fits(NEW, kept(live, server.id))
    compute.delete_server(server)
    compute.wait_for_delete(server)
    assert capfd.readouterr().err == ""
