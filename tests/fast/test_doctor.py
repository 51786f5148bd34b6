# SPDX-License-Identifier: Apache-2.0
"""`cumulet doctor` over libvirt's test driver: leftovers at each moment, and half of a cloud."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import pytest

from agent.doctor.examination import CHECKS, CLOSER, Check, examine, read_database
from agent.doctor.finding import Finding, Level
from agent.doctor.inventory import Inventory, take_inventory
from agent.doctor.leftovers import find_leftovers, find_missing
from agent.doctor.mending import Mended, mend
from agent.doctor.scene import Recorded, Scene
from agent.errors import HostFailed
from agent.hypervisor.base import Reservation
from agent.hypervisor.host import Host
from agent.model.layout import Layout
from tests.domain_specs import TEST, make_spec
from tests.fast.damage import DAMAGES
from tests.fast.smallcloud import SmallCloud
from tests.lab.cloud import LiveCloud

UNKNOWN = "33333333-3333-4333-8333-333333333333"
FOREIGN = "44444444-4444-4444-8444-444444444444"


def scene_of(cloud: SmallCloud) -> Scene:
    """What `cumulet doctor` would find, at this moment."""
    database = Layout(cloud.config.state_dir).database
    host = cloud.parts.host
    return Scene(
        cloud.config.state_dir / "cumulet.yaml",
        cloud.config,
        (),
        cloud.clock.now(),
        survey=host.survey(),
        recorded=read_database(database),
        host=host,
        ask=host.survey,
        read=lambda: read_database(database),
    )


@dataclass(slots=True)
class Watch:
    """What doctors would have seen who looked at each moment."""

    cloud: SmallCloud
    seen: list[tuple[Inventory, Recorded]] = field(default_factory=list)

    def __call__(self, point: str = "") -> None:
        scene = scene_of(self.cloud)
        assert scene.recorded is not None
        moment = take_inventory(scene), scene.recorded
        if not self.seen or _key(self.seen[-1]) != _key(moment):
            self.seen.append(moment)


def _key(moment: tuple[Inventory, Recorded]) -> object:
    """What of a moment a doctor could judge by."""
    seen, recorded = moment
    states = [(x.id, x.vm_state, x.task_state is None) for x in recorded.servers]
    return seen, states, recorded.deleted, recorded.macs


def test_nothing_of_a_life_is_ever_taken_for_a_leftover(cloud: SmallCloud) -> None:
    """Whenever a doctor looks at the host, at the database, and at both again."""
    watch = Watch(cloud)
    cloud.reboot(watch)
    cloud.settle_down()
    server_id = cloud.create()
    watch()
    cloud.work()
    for action in ("suspend", "resume", "stop", "delete"):
        cloud.act(server_id, action)
        watch()
        cloud.settle_down()
    watch()
    moments = watch.seen
    layout = Layout(cloud.config.state_dir)

    assert len(moments) > 15
    for one, two, three, four in combinations_with_replacement(moments, 4):
        (before, _), (_, recorded), (after, _), (_, at_last) = one, two, three, four
        both = before.confirmed_by(after)
        assert not find_leftovers(both, recorded, layout, cloud.clock.now())
        assert not list(find_missing(before, recorded, after, at_last))


def test_one_look_alone_would_have_seen_leftovers(cloud: SmallCloud) -> None:
    """The test above sees something: a doctor who looked once, late, would be wrong."""
    watch = Watch(cloud)
    cloud.reboot(watch)
    server_id = cloud.made(cloud.create(), "active")
    before = read_database(Layout(cloud.config.state_dir).database)
    cloud.act(server_id, "delete")
    cloud.settle_down()
    after = read_database(Layout(cloud.config.state_dir).database)
    layout = Layout(cloud.config.state_dir)

    assert any(find_leftovers(x, after, layout, cloud.clock.now()) for x, _ in watch.seen)
    assert any(list(find_missing(x, before, x, before)) for x, _ in watch.seen)


@dataclass(frozen=True, slots=True)
class Littered:
    """A cloud with a server, and with leftovers of all kinds around it."""

    cloud: SmallCloud
    kept: str
    gone: str
    part: Path
    stray: str

    @property
    def layout(self) -> Layout:
        return Layout(self.cloud.config.state_dir)

    def leftovers(self) -> set[tuple[str, str, bool]]:
        """Level, what was seen up to the reason, and whether `--fix` is what to do."""
        found = examine(scene_of(self.cloud), CLOSER[-1:])
        return {(x.level, x.seen.split(":")[0], "--fix` removes" in x.fix) for x in found}


@pytest.fixture
def littered(cloud: SmallCloud) -> Littered:
    cloud.settle_down()
    kept = cloud.made(cloud.create("kept"), "active")
    gone = cloud.made(cloud.create("gone"), "active")
    cloud.act(gone, "delete")
    cloud.settle_down()
    layout = Layout(cloud.config.state_dir)
    others = Host("test:///unused", owner="that", connect=lambda: cloud.connection)
    cloud.parts.host.define(make_spec(UNKNOWN, domain_name="cumulet-333333333333", hardware=TEST))
    others.define(make_spec(FOREIGN, domain_name="theirs", hardware=TEST))
    for name in (gone, UNKNOWN, "notes"):
        shutil.copytree(layout.server(kept), layout.server(name))
    for path in (layout.base(UNKNOWN), layout.image(UNKNOWN)):
        path.write_bytes(b"x")
    part = layout.bases / ".x.999999999.ab.part"
    part.write_bytes(b"x")
    stray = Reservation("fa:16:3e:ff:ff:ff", "10.70.0.250")
    cloud.parts.host.reserve(cloud.config.network.libvirt_network, stray)
    return Littered(cloud, kept, gone, part, stray.mac)


def test_each_leftover_is_told_with_what_may_become_of_it(littered: Littered) -> None:
    layout = littered.layout

    assert littered.leftovers() == {
        ("problem", f"domain {UNKNOWN}", True),
        ("warning", f"server folder {layout.server(littered.gone)}", True),
        ("warning", f"server folder {layout.server(UNKNOWN)}", False),
        ("note", f"foreign folder {layout.server('notes')}", False),
        ("warning", f"image file {layout.image(UNKNOWN)}", False),
        ("warning", f"cached base {layout.base(UNKNOWN)}", True),
        ("warning", "DHCP reservation fa", True),
        ("warning", f"temporary file {littered.part}", True),
    }


def test_a_fix_removes_what_is_surely_ours_and_nothing_else(littered: Littered) -> None:
    cloud, layout = littered.cloud, littered.layout
    mended = mend(scene_of(cloud))

    assert [x.split()[0] for x in mended.deeds] == 5 * ["removed"]
    assert mended.failures == ()
    assert littered.leftovers() == {
        ("warning", f"server folder {layout.server(UNKNOWN)}", False),
        ("note", f"foreign folder {layout.server('notes')}", False),
        ("warning", f"image file {layout.image(UNKNOWN)}", False),
    }
    assert cloud.domain(FOREIGN).name() == "theirs"
    assert cloud.inventory()["domains"] == {littered.kept}
    assert layout.disk(littered.kept).exists()
    cloud.settle_down()
    assert cloud.server(littered.kept).vm_state == "active"


def test_a_running_domain_that_nobody_knows_is_left_to_a_human(littered: Littered) -> None:
    littered.cloud.domain(UNKNOWN).create()
    mend(scene_of(littered.cloud))

    assert littered.cloud.domain(UNKNOWN).isActive()
    assert ("problem", f"domain {UNKNOWN}", False) in littered.leftovers()


def test_a_server_without_disk_and_domain_is_told_and_nothing_is_removed(
    cloud: SmallCloud,
) -> None:
    server_id = cloud.made(cloud.create(), "stopped")
    cloud.domain(server_id).undefine()
    Layout(cloud.config.state_dir).disk(server_id).unlink()
    found = examine(scene_of(cloud), CHECKS[-1:])
    mended = mend(scene_of(cloud))

    assert [(x.level, x.seen.split(":")[0]) for x in found] == [
        (Level.PROBLEM, f"server without its domain {server_id}"),
        (Level.PROBLEM, f"server without its disk {server_id}"),
    ]
    assert f"reboot --hard {server_id}" in found[0].fix
    assert mended == Mended()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"survey": None}, "libvirt does not answer"),
        ({"recorded": None}, "nothing is set up, or it can't be read"),
        ({"mistakes": ("x",)}, "nothing is set up"),
        ({"recorded": Recorded("that", None)}, "not of one installation"),
    ],
)
def test_nothing_is_fixed_in_doubt(
    littered: Littered, changes: dict[str, Any], reason: str
) -> None:
    scene = replace(scene_of(littered.cloud), **changes)
    before = littered.leftovers()

    mended = mend(scene)

    assert mended.deeds == ()
    assert reason in mended.failures[0].seen
    assert littered.leftovers() == before


def test_modes_that_allow_too_much_are_mended(cloud: SmallCloud) -> None:
    database = Layout(cloud.config.state_dir).database
    database.chmod(0o644)
    mended = mend(scene_of(cloud))

    assert database.stat().st_mode & 0o777 == 0o600
    assert mended.deeds == (f"{database} is root's now, with mode 0600",)


def test_a_check_that_breaks_or_hangs_does_not_end_the_round(cloud: SmallCloud) -> None:
    def break_down(scene: Scene) -> Iterator[Finding]:
        raise HostFailed("the disk is gone")

    found = examine(scene_of(cloud), [Check("odd", break_down), CHECKS[0]])

    assert [(x.check, x.level) for x in found] == [("odd", "warning"), ("virtualisation", "note")]
    assert found[0].seen == "could not be looked at: the disk is gone"


# The command.


def doctor(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agent", "doctor", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )


def problems(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The problems of a report in JSON, by their checks."""
    found = json.loads(done.stdout)["findings"]
    return [x["check"] for x in found if x["level"] == "problem"]


def fingerprint(folder: Path) -> dict[str, tuple[int, int]]:
    """Which files there are, of which mode and size."""
    return {str(path): (path.stat().st_mode, path.stat().st_size) for path in folder.rglob("*")}


def test_a_healthy_cloud_is_told_so_served_or_not(live: LiveCloud) -> None:
    before = fingerprint(live.state)
    quiet = doctor("--config", str(live.config))
    after = fingerprint(live.state)
    live.start()
    served = doctor("--config", str(live.config), "--json")
    live.stop()

    assert quiet.returncode == 0, quiet.stdout
    assert quiet.stderr == ""
    assert "nothing serves the state folder now" in quiet.stdout
    assert quiet.stdout.splitlines()[-1].startswith(("All is well.", "Nothing is wrong"))
    assert before == after
    assert served.returncode == 0
    assert problems(served) == []
    assert "`cumulet serve` answers at 127.0.0.1:" in served.stdout


def test_before_init_the_host_is_checked_with_the_defaults(tmp_path: Path) -> None:
    done = doctor("--config", str(tmp_path / "none.yaml"), "--json")
    told = json.loads(done.stdout)

    assert done.returncode in {0, 1}
    assert told["state_dir"] == "/var/lib/cumulet"
    assert any("`cumulet init` has not been run" in x["seen"] for x in told["findings"])
    assert {"virtualisation", "libvirt", "room"} <= {x["check"] for x in told["findings"]}
    assert list(tmp_path.iterdir()) == []


def test_each_mistake_of_the_configuration_is_a_finding(live: LiveCloud) -> None:
    live.config.write_text("listen: nowhere\nvirt_type: xen\n")
    done = doctor("--config", str(live.config), "--json")
    seen = [x["seen"] for x in json.loads(done.stdout)["findings"]]

    assert done.returncode == 1
    assert [x.split(":")[1] for x in seen if x.startswith("configuration")] == [
        " listen",
        " virt_type",
    ]


def test_a_libvirt_that_is_not_there_is_a_finding(live: LiveCloud, tmp_path: Path) -> None:
    uri = f"qemu+unix:///system?socket={tmp_path}/none"
    text = re.sub("libvirt_uri: .*", f"libvirt_uri: {uri}", live.config.read_text())
    live.config.write_text(text)
    done = doctor("--config", str(live.config), "--json")
    refused = doctor("--config", str(live.config), "--fix", "--json")

    assert done.returncode == 1
    assert "libvirt" in problems(done)
    assert refused.returncode == 1
    assert problems(refused) == ["libvirt", "fix"]
    assert "nothing was changed: libvirt does not answer" in refused.stdout


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("no folder", "is missing"),
        ("no database", "There is no database at"),
        ("empty database", "The database is empty"),
        ("no SQLite", "is damaged: file is not a database"),
    ],
)
def test_a_damaged_state_is_a_finding_and_stays_as_it_is(
    live: LiveCloud, tmp_path: Path, damage: str, words: str
) -> None:
    config = tmp_path / "cumulet.yaml"
    config.write_bytes(live.config.read_bytes())
    DAMAGES[damage](live.state / "cumulet.db")
    before = fingerprint(tmp_path), fingerprint(live.state.parent)
    done = doctor("--config", str(config), "--json")

    assert done.returncode == 1
    assert "files" in problems(done)
    assert words in done.stdout
    assert "Traceback" not in done.stderr
    assert (fingerprint(tmp_path), fingerprint(live.state.parent)) == before


def test_somebody_else_at_the_port_is_a_finding(live: LiveCloud) -> None:
    with socket.create_server(("127.0.0.1", live.port)):
        done = doctor("--config", str(live.config), "--json")

    assert done.returncode == 1
    assert problems(done) == ["service"]
    assert f"(process {os.getpid()}) listens at 127.0.0.1:{live.port}" in done.stdout
