# SPDX-License-Identifier: Apache-2.0
"""The console log: its last lines, across virtlogd's rollovers, whatever a guest printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.consolelog import read_console
from agent.errors import HostFailed

MIB = 1024 * 1024


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "console.log"


def test_a_log_that_is_not_there_is_empty(log: Path) -> None:
    assert read_console(log) == ""


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (None, "one\ntwo\nthree\n"),
        (-1, "one\ntwo\nthree\n"),
        (0, ""),
        (1, ""),  # as Nova counts: the final newline starts one more line
        (2, "three\n"),
        (3, "two\nthree\n"),
        (4, "one\ntwo\nthree\n"),
        (99, "one\ntwo\nthree\n"),
    ],
)
def test_lines_are_counted_as_nova_counts_them(log: Path, lines: int | None, expected: str) -> None:
    log.write_bytes(b"one\ntwo\nthree\n")

    assert read_console(log, lines=lines) == expected


def test_ten_lines_split_into_ten(log: Path) -> None:
    """The interoperability suite asks for 10 lines and counts what `split` gives."""
    log.write_bytes(b"".join(b"line %d\n" % number for number in range(100)))

    assert len(read_console(log, lines=10).split("\n")) == 10


def test_rolled_over_files_come_oldest_first(log: Path) -> None:
    log.write_bytes(b"newest\n")
    Path(f"{log}.0").write_bytes(b"newer, and a line that goes on ")
    Path(f"{log}.1").write_bytes(b"older\n")
    Path(f"{log}.2").write_bytes(b"oldest\n")

    assert read_console(log) == "oldest\nolder\nnewer, and a line that goes on newest\n"


def test_a_log_just_rolled_over_is_read_without_its_newest_file(log: Path) -> None:
    Path(f"{log}.0").write_bytes(b"rolled\n")

    assert read_console(log) == "rolled\n"


def test_a_file_met_twice_during_a_rollover_is_read_once(log: Path) -> None:
    log.write_bytes(b"once\n")
    Path(f"{log}.0").hardlink_to(log)

    assert read_console(log) == "once\n"


def test_other_files_beside_the_log_are_not_read(log: Path) -> None:
    log.write_bytes(b"ours\n")
    Path(f"{log}.3").write_bytes(b"left by another setting\n")

    assert read_console(log) == "ours\n"


def test_at_most_the_last_mebibyte_is_read_from_a_whole_line_on(log: Path) -> None:
    log.write_bytes(b"0123456789abcde\n" * (2 * MIB // 16))
    Path(f"{log}.0").write_bytes(b"older\n")

    text = read_console(log)

    assert len(text) == MIB - 16
    assert text.startswith("0123456789abcde\n")


def test_the_bound_holds_across_files(log: Path) -> None:
    log.write_bytes(b"n" * (MIB - 4) + b"\n")
    Path(f"{log}.0").write_bytes(b"o" * 100 + b"\n")
    Path(f"{log}.1").write_bytes(b"never\n")

    text = read_console(log)

    # Three bytes of the older file fit: the end of its only line, which is not whole.
    assert text == "n" * (MIB - 4) + "\n"


def test_one_endless_line_is_cut_but_given(log: Path) -> None:
    log.write_bytes("é".encode() * MIB)

    text = read_console(log)

    assert set(text) == {"é"}
    assert len(text) == MIB // 2


def test_what_is_not_utf_8_is_replaced(log: Path) -> None:
    log.write_bytes(b"caf\xc3\xa9 \xff\xfe half \xc3")

    assert read_console(log) == "café \ufffd\ufffd half \ufffd"


def test_control_characters_are_dropped_but_tabs_and_newlines(log: Path) -> None:
    log.write_bytes(b"\x1b[1;32mOK\x1b[0m\ta\r\nb\x00\x07\x0b\x7f\n")

    assert read_console(log) == "[1;32mOK[0m\ta\nb\x7f\n"


def test_a_symbolic_link_in_the_place_of_the_log_is_not_followed(log: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret\n")
    log.symlink_to(tmp_path / "secret")

    with pytest.raises(HostFailed, match="console log could not be read"):
        read_console(log)
