# SPDX-License-Identifier: Apache-2.0
"""How the doctor judges our files, who serves them, and whether QEMU's user gets at the disks."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.config import Config, NetworkConfig
from agent.doctor import access, ownership, serving
from agent.doctor.access import AccessFacts
from agent.doctor.accounts import QemuUser, find_qemu_user, may
from agent.doctor.ownership import FileFacts
from agent.doctor.scene import Recorded, Scene
from agent.doctor.serving import ServiceFacts
from agent.doctor.tree import Tree
from agent.hypervisor.base import NetworkSpec
from tests.unit.doctor.judging import levels, only, put

STATE = Path("/var/lib/cumulet")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LAB = NetworkSpec("cumulet", "cumulet0", "10.70.0.0/24", "10.70.0.1", "10.70.0.2", "10.70.0.254")
CONFIG = Config(installation="this", network=NetworkConfig(subnet="10.70.0.0/24"))
EXPECTED = {
    STATE: 0o711,
    STATE / "servers": 0o711,
    STATE / "base": 0o711,
    STATE / "images": 0o700,
    STATE / "cumulet.db": 0o600,
    STATE / "clouds.yaml": 0o600,
}


def files(**changes: Any) -> list[FileFacts]:
    """Our files as they should be, but for one, by its name."""
    return [
        FileFacts(path, changes.get(path.stem, mode), changes.get("owner", 0), mode, mode < 0o711)
        for path, mode in EXPECTED.items()
    ]


def test_files_that_are_roots_alone_are_well() -> None:
    assert levels(ownership.judge_files(files(), STATE)) == ["ok"]


@pytest.mark.parametrize(
    ("changes", "level", "fix"),
    [
        ({"cumulet": 0o755}, "warning", "`chmod 0711 /var/lib/cumulet`"),
        ({"clouds": 0o644}, "problem", "`chmod 0600 /var/lib/cumulet/clouds.yaml`"),
        ({"images": 0o711}, "problem", "`chmod 0700 /var/lib/cumulet/images`"),
        ({"servers": 0o700}, "ok", ""),
    ],
)
def test_a_mode_that_allows_too_much_is_told(changes: dict[str, int], level: str, fix: str) -> None:
    found = [x for x in ownership.judge_files(files(**changes), STATE) if ".db" not in x.seen]

    assert found[0].level == level
    assert fix in found[0].fix


def test_somebody_elses_files_are_told() -> None:
    found = list(ownership.judge_files(files(owner=1000), STATE))

    assert len(found) == len(EXPECTED)
    assert "belongs to uid 1000" in found[0].seen
    assert "`chown root: " in found[0].fix


def test_what_is_missing_is_made_by_init() -> None:
    without = [x for x in files() if x.path.name not in {"base", "clouds.yaml"}]
    found = list(ownership.judge_files(without, STATE))

    assert [x.seen for x in found] == [
        f"{STATE}/base is missing",
        f"{STATE}/clouds.yaml is missing",
    ]
    assert only(ownership.judge_files([], STATE))[1] == f"{STATE} is missing"


def scene_with(**changes: Any) -> Scene:
    recorded = Recorded("this", LAB)
    scene = Scene(Path("/etc/cumulet/cumulet.yaml"), CONFIG, (), NOW, recorded=recorded)
    return replace(scene, **changes)


@pytest.mark.parametrize(
    ("changes", "level", "words"),
    [
        ({}, "ok", "this installation's, with 0 servers"),
        ({"recorded": Recorded("that", LAB)}, "problem", "belongs to installation that"),
        ({"config": replace(CONFIG, installation="")}, "problem", "the configuration says none"),
        ({"recorded": Recorded("this", None)}, "problem", "the database has none"),
        ({"recorded": Recorded("this", replace(LAB, mode="nat"))}, "problem", "network.mode: "),
        (
            {"recorded": Recorded("this", replace(LAB, bridge="cumulet7"))},
            "problem",
            "network.bridge: ",
        ),
    ],
)
def test_configuration_and_database_must_go_together(
    changes: dict[str, Any], level: str, words: str
) -> None:
    found = only(ownership.judge_database(scene_with(**changes)))

    assert found[0] == level
    assert words in found[1]
    assert bool(found[2]) == (level == "problem")


@pytest.mark.parametrize(
    ("unread", "seen", "fix"),
    [
        (
            "There is no database at /x/cumulet.db: run `cumulet init`.",
            "There is no database at /x/cumulet.db",
            "Run `cumulet init`.",
        ),
        (
            "The database /x is damaged: file is not a database. Put a copy of it in its place.",
            "The database /x is damaged: file is not a database",
            "Put a copy of it in its place.",
        ),
        ("Permission denied", "Permission denied", "Mend that, and look here again."),
    ],
)
def test_an_unreadable_database_says_what_to_do(unread: str, seen: str, fix: str) -> None:
    found = only(ownership.judge_database(scene_with(recorded=None, unread=unread)))

    assert found == ("problem", seen, fix)


def test_a_missing_configuration_is_no_problem_and_each_mistake_is_one() -> None:
    mistakes = ("listen: wrong", "virt_type: wrong")

    assert levels(ownership.judge_config(scene_with(mistakes=None))) == ["note"]
    assert levels(ownership.judge_config(scene_with(mistakes=mistakes))) == 2 * ["problem"]


@pytest.mark.parametrize(
    ("server", "listener", "answers", "level", "words"),
    [
        ("7", "gunicorn (process 7)", True, "ok", "answers at 127.0.0.1:8774 (process 7)"),
        ("7", None, False, "problem", "(process 7) does not answer"),
        (None, "nginx (process 9)", False, "problem", "nginx (process 9) listens"),
        (None, "", False, "problem", "another process listens"),
        (None, None, False, "note", "nothing serves the state folder now"),
    ],
)
def test_who_serves_and_who_is_in_the_way(
    server: str | None, listener: str | None, answers: bool, level: str, words: str
) -> None:
    facts = ServiceFacts("127.0.0.1:8774", "/c.yaml", server, listener, answers)
    found = only(serving.judge(facts))

    assert found[0] == level
    assert words in found[1]


def test_systemd_starts_it_where_it_knows_how() -> None:
    facts = ServiceFacts("127.0.0.1:8774", "/c.yaml", has_unit=True)

    assert only(serving.judge(facts))[2] == "`systemctl start cumulet.service`"


# QEMU's user.


DEBIAN = QemuUser("libvirt-qemu", 64055, (64055,))


@pytest.mark.parametrize(
    ("facts", "level", "words", "fix"),
    [
        (AccessFacts(QemuUser("root", 0, (0,)), STATE), "ok", "every disk", ""),
        (AccessFacts(DEBIAN, STATE), "ok", "passes through each folder", ""),
        (AccessFacts("no such account", STATE), "warning", "no such account", "/etc/libvirt/qemu"),
        (
            AccessFacts(DEBIAN, STATE, STATE / "servers"),
            "problem",
            "libvirt-qemu, who can't pass through /var/lib/cumulet/servers",
            "`chmod 0711 /var/lib/cumulet/servers`",
        ),
        (
            AccessFacts(DEBIAN, Path("/root/cloud"), Path("/root")),
            "problem",
            "can't pass through /root ",
            "`setfacl -m u:libvirt-qemu:x /root`",
        ),
        (
            AccessFacts(DEBIAN, STATE, refused=STATE / "base/x.qcow2"),
            "problem",
            "can't read /var/lib/cumulet/base/x.qcow2",
            "dynamic_ownership",
        ),
    ],
)
def test_what_stands_in_qemus_way(facts: AccessFacts, level: str, words: str, fix: str) -> None:
    found = only(access.judge(facts))

    assert found[0] == level
    assert words in found[1]
    assert fix in found[2]


PASSWD = """\
root:x:0:0::/root:/bin/sh
qemu:x:107:107::/:/sbin/nologin
ada:x:1000:1000::/home/ada:/bin/sh
"""
GROUP = "root:x:0:\nkvm:x:36:qemu,ada\ndisk:x:6:ada\nqemu:x:107:\n"


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        ("", QemuUser("qemu", 107, (107, 36))),
        ('#user = "root"\n', QemuUser("qemu", 107, (107, 36))),
        ('user = "ada"\ngroup = "disk"\n', QemuUser("ada", 1000, (6, 36, 6))),
        ('user = "+0"\n', QemuUser("root", 0, (0,))),
        ("dynamic_ownership = 0\n", QemuUser("qemu", 107, (107, 36), gets_disks=False)),
    ],
)
def test_qemus_user_is_read_from_the_hosts_files(
    tmp_path: Path, conf: str, expected: QemuUser
) -> None:
    put(tmp_path, "/etc/passwd", PASSWD)
    put(tmp_path, "/etc/group", GROUP)
    put(tmp_path, "/etc/libvirt/qemu.conf", conf)

    assert find_qemu_user(Tree(tmp_path)) == expected


def test_an_account_that_is_not_there_is_told(tmp_path: Path) -> None:
    put(tmp_path, "/etc/libvirt/qemu.conf", 'user = "nobody-we-know"\n')

    assert "nobody-we-know" in str(find_qemu_user(Tree(tmp_path)))
    assert "libvirt-qemu or qemu" in str(find_qemu_user(Tree(tmp_path / "empty")))


def test_access_is_really_tried(tmp_path: Path) -> None:
    somebody = QemuUser("somebody", 64055, (64055,))
    folder = Path("/var/tmp") / f"cumulet-access-{os.getpid()}"
    folder.mkdir(mode=0o711)
    try:
        secret = put(folder, "secret")
        secret.chmod(0o600)
        closed = folder / "closed"
        closed.mkdir(mode=0o700)

        assert may(somebody, "x", folder)
        assert not may(somebody, "x", closed)
        assert not may(somebody, "r", secret)
        os.chown(secret, 64055, 64055)
        assert may(somebody, "r", secret)
    finally:
        (folder / "secret").unlink()
        (folder / "closed").rmdir()
        folder.rmdir()
