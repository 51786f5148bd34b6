# SPDX-License-Identifier: Apache-2.0
"""What cloud-init is asked to run. That it does what it should is seen in `test_injection_script`
and inside real guests."""

from __future__ import annotations

import subprocess

import pytest

from agent.model.injection import InjectedFile, Injection
from agent.model.password import Credential
from agent.vendordata import render_vendor_parts

ID = "6f70e28c-7c4b-4a5e-9a07-2b9d1f1e0c11"
ROOT = Credential("root", hash="$6$salt$hash")
FILE = InjectedFile("/etc/motd", b"canary-content")
NASTY = '/it\'s a "test"; $(reboot) `id` \\ $HOME !!'


def test_nothing_to_put_in_is_nothing_to_run() -> None:
    assert render_vendor_parts(ID, Injection()) == ()
    assert render_vendor_parts(ID, Injection(credential=Credential("x", sealed="s"))) == ()


def test_a_boothook_does_all_of_it_for_root() -> None:
    (part,) = render_vendor_parts(ID, Injection((FILE,), ROOT))

    assert part.startswith("#cloud-boothook\n#!/bin/sh\n")
    assert part.splitlines()[-5:] == [
        "when=early",
        f"begin {ID}",
        "password root '$6$salt$hash'",
        "file 0000 /etc/motd",
        "end password 0000",
    ]
    assert "canary" not in part


def test_the_password_of_another_account_is_set_once_more_when_it_is_there() -> None:
    early, late = render_vendor_parts(ID, Injection((FILE,), Credential("debian", hash="$6$h")))

    assert early.startswith("#cloud-boothook\n#!/bin/sh\n")
    assert late.startswith("#!/bin/sh\n")
    assert late.splitlines()[-3:] == ["when=late", f"begin {ID}", "password debian '$6$h'"]


@pytest.mark.parametrize("credential", [ROOT, Credential("it's me", hash="!")])
def test_every_part_is_a_script_that_a_shell_understands(credential: Credential) -> None:
    nasty = InjectedFile(NASTY, b"x")
    for part in render_vendor_parts(ID, Injection((FILE, nasty), credential)):
        read = subprocess.run(["sh", "-n"], input=part.encode(), capture_output=True)

        assert (read.returncode, read.stderr) == (0, b"")


def test_a_path_is_one_word_to_the_shell_whatever_is_in_it() -> None:
    (part,) = render_vendor_parts(ID, Injection((InjectedFile(NASTY, b"x"),), None))
    call = next(line for line in part.splitlines() if line.startswith("file 0000"))

    said = subprocess.run(
        ["sh", "-c", f"file() {{ printf '%s|' \"$@\"; }}; {call}"], capture_output=True, text=True
    )

    assert said.stdout == f"0000|{NASTY}|"
