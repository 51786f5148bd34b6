# SPDX-License-Identifier: Apache-2.0
"""What cloud-init is asked to run in a guest: the scripts that put files and a password into it.

cloud-init's own handling of injected files keeps no backup and writes them 0660, so the files are
not listed for it: a boothook of ours (`templates/injection.sh`) installs them, early in the first
boot. cloud-init makes accounts later than that, so the password of one that is not root's is set
once more at the end of the boot. All of it is text, and of the users' text only paths are in it,
quoted for the shell.
"""

from __future__ import annotations

import shlex
from functools import cache

from agent.model.injection import Injection
from agent.model.password import Credential
from agent.packaged import packaged

ROOT = "root"


def render_vendor_parts(server_id: str, injection: Injection) -> tuple[str, ...]:
    """Render the parts that cloud-init runs: none when there is nothing to put in. Pure."""
    credential = injection.credential if _has_hash(injection.credential) else None
    if not injection.files and credential is None:
        return ()
    early = _script("#cloud-boothook\n#!/bin/sh", "early", server_id, injection, credential)
    if credential is None or credential.user == ROOT:
        return (early,)
    late = _script("#!/bin/sh", "late", server_id, Injection(), credential)
    return (early, late)


def _script(
    head: str, when: str, server_id: str, injection: Injection, credential: Credential | None
) -> str:
    calls = [f"when={when}", f"begin {shlex.quote(server_id)}"]
    work = []
    # Injected files come last: one of them may be /etc/shadow, and is to stay what it is.
    if credential is not None:
        calls.append(
            f"password {shlex.quote(credential.user)} {shlex.quote(credential.hash or '')}"
        )
        work.append("password")
    for number, file in enumerate(injection.files):
        calls.append(f"file {number:04d} {shlex.quote(file.path)}")
        work.append(f"{number:04d}")
    if when == "early":
        calls.append(f"end {' '.join(work)}")
    return "\n".join([head, _library(), *calls, ""])


def _has_hash(credential: Credential | None) -> bool:
    return credential is not None and credential.hash is not None


@cache
def _library() -> str:
    return (packaged("templates") / "injection.sh").read_text("utf-8")
