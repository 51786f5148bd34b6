# SPDX-License-Identifier: Apache-2.0
"""What is taken for a leftover, and what of it may go."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.doctor.finding import Finding, Level
from agent.doctor.inventory import Inventory
from agent.doctor.leftovers import Kind, find_leftovers, find_missing
from agent.doctor.mending import REMOVERS
from agent.doctor.orphans import judge_counts, judge_each, judge_owners
from agent.doctor.report import is_healthy, render_json, render_lines, summary
from agent.doctor.scene import Recorded
from agent.hypervisor.base import FoundDomain
from agent.model.layout import Layout
from agent.model.server import Flavor, Server
from agent.model.states import TaskState, VmState
from tests.unit.doctor.judging import levels, only

NOW = datetime(2026, 3, 1, tzinfo=UTC)
THERE = "11111111-1111-4111-8111-111111111111"
DELETED = "22222222-2222-4222-8222-222222222222"
UNKNOWN = "33333333-3333-4333-8333-333333333333"
IMAGE = "44444444-4444-4444-8444-444444444444"
LAYOUT = Layout(Path("/state"))
NOTHING = Inventory({})


def make_server(**changes: Any) -> Server:
    server = Server(
        id=THERE,
        project_id="p",
        user_id="u",
        name="web",
        flavor=Flavor("1", "m1.tiny", 1, 512, 1),
        image_id=IMAGE,
        vm_state=VmState.ACTIVE,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(server, **changes)


RECORDED = Recorded(
    "this",
    None,
    servers=(make_server(),),
    deleted={DELETED: NOW - timedelta(days=40)},
    image_ids=frozenset({IMAGE}),
    macs=frozenset({"fa:16:3e:00:00:01"}),
    network_ids=frozenset({THERE}),
)


def domain(uuid: str, *, is_on: bool = False) -> FoundDomain:
    return FoundDomain(uuid, f"cumulet-{uuid.replace('-', '')[:12]}", "this", is_on)


def found(**seen: Any) -> list[tuple[str, str, bool]]:
    """Kind, name and whether it may go, of what is left over."""
    inventory = replace(NOTHING, **seen)
    return [
        (str(x.kind), x.name, x.is_sure) for x in find_leftovers(inventory, RECORDED, LAYOUT, NOW)
    ]


@pytest.mark.parametrize(
    ("uuid", "is_on", "expected"),
    [
        (THERE, True, []),
        (DELETED, False, [("domain", DELETED, True)]),
        (DELETED, True, [("domain", DELETED, True)]),
        (UNKNOWN, False, [("domain", UNKNOWN, True)]),
        (UNKNOWN, True, [("domain", UNKNOWN, False)]),
    ],
)
def test_a_domain_with_our_mark_and_no_server(
    uuid: str, is_on: bool, expected: list[tuple[str, str, bool]]
) -> None:
    assert found(domains={uuid: domain(uuid, is_on=is_on)}) == expected


def test_a_network_with_our_mark_and_no_row_may_go() -> None:
    seen = {UNKNOWN: "cumulet-333333333333", THERE: "cumulet-111111111111"}

    assert found(networks=seen) == [("network of libvirt", UNKNOWN, True)]


def test_only_the_folder_of_a_deleted_server_may_go() -> None:
    assert found(folders=frozenset({THERE, DELETED, UNKNOWN, "notes"})) == [
        ("server folder", f"/state/servers/{DELETED}", True),
        ("server folder", f"/state/servers/{UNKNOWN}", False),
        ("foreign folder", "/state/servers/notes", False),
    ]


@pytest.mark.parametrize(
    ("vm_state", "task_state", "is_left"),
    [
        (VmState.ACTIVE, None, True),
        (VmState.ERROR, None, True),
        (VmState.RESIZED, None, False),
        (VmState.RESIZED, TaskState.RESIZE_REVERTING, False),
        (VmState.ACTIVE, TaskState.RESIZE_MIGRATED, False),
    ],
)
def test_a_kept_disk_that_no_resize_needs_is_told_of_and_left_to_a_human(
    vm_state: VmState, task_state: TaskState | None, is_left: bool
) -> None:
    server = make_server(vm_state=vm_state, task_state=task_state)
    seen = replace(NOTHING, kept=frozenset({THERE}))
    left = find_leftovers(seen, replace(RECORDED, servers=(server,)), LAYOUT, NOW)

    path = f"/state/servers/{THERE}/disk.resize.qcow2"
    told = [(str(each.kind), each.name, each.is_sure) for each in left]
    assert told == ([("disk of before a resize", path, False)] if is_left else [])


def test_a_base_may_go_and_an_image_may_not() -> None:
    both = frozenset({IMAGE, UNKNOWN})

    assert found(images=both, bases=both, boot_files=both) == [
        ("image file", f"/state/images/{UNKNOWN}", False),
        ("cached base", f"/state/base/{UNKNOWN}.img", True),
        ("cached base", f"/state/base/{UNKNOWN}.qcow2", True),
    ]


def test_a_base_without_a_record_stays_while_a_server_stands_on_it() -> None:
    without = replace(RECORDED, image_ids=frozenset())
    seen = replace(NOTHING, bases=frozenset({IMAGE}))

    assert find_leftovers(seen, without, LAYOUT, NOW) == ()


def test_reservations_without_a_port_and_abandoned_files_may_go() -> None:
    macs = frozenset({"fa:16:3e:00:00:01", "fa:16:3e:00:00:02"})
    part = Path("/state/base/.x.1.ab.part")

    assert found(macs=macs, parts=frozenset({part})) == [
        ("DHCP reservation", "fa:16:3e:00:00:02", True),
        ("temporary file", str(part), True),
    ]


def test_logs_go_a_month_after_their_server() -> None:
    logs = frozenset(
        Path(f"/var/log/libvirt/qemu/cumulet-{digit * 12}.log{end}")
        for digit, end in (("1", ""), ("2", ""), ("2", ".1"), ("3", ""))
    )
    old = [("log of libvirt", f"/var/log/libvirt/qemu/cumulet-{12 * '2'}.log", True)]

    assert found(logs=logs) == [*old, (old[0][0], f"{old[0][1]}.1", True)]
    fresh = replace(RECORDED, deleted={DELETED: NOW - timedelta(days=29)})
    assert find_leftovers(replace(NOTHING, logs=logs), fresh, LAYOUT, NOW) == ()


def test_what_was_just_going_or_coming_is_none() -> None:
    before = Inventory({DELETED: domain(DELETED)}, folders=frozenset({DELETED, "notes"}))
    after = Inventory({UNKNOWN: domain(UNKNOWN)}, folders=frozenset({UNKNOWN, "notes"}))

    assert before.confirmed_by(after) == Inventory({}, folders=frozenset({"notes"}))


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({}, ["server without its domain", "server without its disk"]),
        ({"task_state": TaskState.SPAWNING}, []),
        ({"vm_state": VmState.ERROR}, []),
        ({"vm_state": VmState.BUILDING}, []),
    ],
)
def test_what_a_server_at_rest_lacks(changes: dict[str, Any], kinds: list[str]) -> None:
    recorded = replace(RECORDED, servers=(make_server(**changes),))
    missing = list(find_missing(NOTHING, recorded, NOTHING, recorded))

    assert [str(x.kind) for x in missing] == kinds
    assert not any(x.is_sure for x in missing)


def test_what_was_there_before_or_after_is_not_missing() -> None:
    there = Inventory({THERE: domain(THERE)}, disks=frozenset({THERE}))

    assert list(find_missing(there, RECORDED, NOTHING, RECORDED)) == []
    assert list(find_missing(NOTHING, RECORDED, there, RECORDED)) == []


def test_what_is_gone_in_the_end_is_not_missing() -> None:
    deleting = replace(RECORDED, servers=(make_server(task_state=TaskState.DELETING),))

    assert list(find_missing(NOTHING, RECORDED, NOTHING, deleting)) == []
    assert list(find_missing(NOTHING, RECORDED, NOTHING, replace(RECORDED, servers=()))) == []


def test_whatever_may_go_has_a_way_to_go() -> None:
    never = {Kind.IMAGE, Kind.FOREIGN, Kind.KEPT, Kind.NO_DOMAIN, Kind.NO_DISK}

    assert set(REMOVERS) == set(Kind) - never


def test_counts_come_first_and_each_one_on_demand() -> None:
    seen = replace(NOTHING, domains={x: domain(x) for x in (DELETED, UNKNOWN)})
    left = find_leftovers(seen, RECORDED, LAYOUT, NOW)
    counted = only(judge_counts(left))
    listed = list(judge_each(left))

    assert counted[0] == "problem"
    assert counted[1].startswith("2 × domain, as ")
    assert "--orphans" in counted[2]
    assert levels(listed) == ["problem", "problem"]
    assert all("--fix" in x.fix for x in listed)
    assert levels(judge_counts([])) == levels(judge_each([])) == ["ok"]


def test_whose_the_domains_are() -> None:
    ours = domain(THERE)
    theirs, nobodys = replace(ours, owner="that"), replace(ours, owner=None)

    assert judge_owners([], "this").seen == "libvirt has none"
    assert judge_owners([ours], "this") == Finding("domains", Level.OK, "all are ours: 1")
    assert judge_owners([ours, theirs, nobodys], "this").seen == (
        "1 of 3 are ours, 1 of installation that, 1 of no cloud; the others are never touched"
    )


# The report.


FINDINGS = [
    Finding("libvirt", Level.OK, "it answers"),
    Finding("room", Level.PROBLEM, "the disk is full", "Delete something."),
]


def test_a_report_has_levels_first_and_fixes_after_what_they_are_for() -> None:
    assert [line.text for line in render_lines(FINDINGS)] == [
        "ok       libvirt  it answers",
        "problem  room     the disk is full",
        "                  -> Delete something.",
        "",
        "Something is wrong: 1 problem.",
    ]


def test_a_narrow_terminal_gets_wrapped_lines() -> None:
    long = [Finding("room", Level.NOTE, "word " * 30)]
    lines = [line.text for line in render_lines(long, width=60)]

    assert len(lines) > 4
    assert all(len(line) <= 60 for line in lines)
    assert all(line.startswith(15 * " ") for line in lines[1:-2])


def test_a_command_is_never_broken() -> None:
    command = "`virsh net-destroy cumulet && virsh net-start cumulet`"
    wordy = [Finding("room", Level.PROBLEM, "seen", f"{'word ' * 9}{command} and more words")]
    lines = [line.text for line in render_lines(wordy, width=60)]

    assert any(command in line for line in lines)


@pytest.mark.parametrize(
    ("found_levels", "expected"),
    [
        ("", "All is well."),
        ("ok note", "All is well."),
        ("ok warning", "Nothing is wrong; 1 warning."),
        ("warning problem warning", "Something is wrong: 1 problem and 2 warnings."),
        ("problem problem", "Something is wrong: 2 problems."),
    ],
)
def test_the_last_line_sums_up(found_levels: str, expected: str) -> None:
    told = [Finding("x", Level(level), "seen") for level in found_levels.split()]

    assert summary(told) == expected
    assert is_healthy(told) == ("problem" not in found_levels)


def test_json_says_the_same_to_programs() -> None:
    told = json.loads(render_json(FINDINGS, config="/c", state_dir="/s", mended=["removed x"]))

    assert told["healthy"] is False
    assert told["mended"] == ["removed x"]
    assert told["findings"][1] == {
        "check": "room",
        "level": "problem",
        "seen": "the disk is full",
        "fix": "Delete something.",
    }
