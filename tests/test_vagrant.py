# SPDX-License-Identifier: Apache-2.0
"""The Vagrantfile is one that Vagrant takes, for either provider.

No box is fetched and no machine is made. What it runs inside is tried by
`tests/real/test_provision.py`, on a bare system and through a forwarded port.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.lab.commands import run
from tests.readme import OF_VAGRANT, ROOT

VAGRANTFILE = ROOT / "vagrant/Vagrantfile"
PROVIDERS = ("libvirt", "virtualbox")

VIRTUALBOX = "#!/bin/sh\necho 7.0.10r158379\n"
"""VirtualBox is in no Debian: all that Vagrant asks of it, to check our file, is its version."""


def validate(folder: Path, provider: str, scratch: Path) -> CompletedProcess[str]:
    """Let Vagrant check the file in a folder, leaving nothing there or in the user's home."""
    programs = scratch / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "VBoxManage").write_text(VIRTUALBOX)
    (programs / "VBoxManage").chmod(0o755)
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "VAGRANT_HOME": str(scratch / "home"),
        "VAGRANT_DOTFILE_PATH": str(scratch / "dot"),
        "VAGRANT_CHECKPOINT_DISABLE": "1",
        "VAGRANT_DEFAULT_PROVIDER": provider,
    }
    return run(["vagrant", "validate"], cwd=folder, env=environment, check=False)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_vagrant_takes_the_file(provider: str, tmp_path: Path) -> None:
    done = validate(VAGRANTFILE.parent, provider, tmp_path)

    assert (done.returncode, done.stdout) == (0, "Vagrantfile validated successfully.\n"), done


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_setting_that_the_provider_does_not_know_would_be_found(
    provider: str, tmp_path: Path
) -> None:
    wrong = VAGRANTFILE.read_text().replace(f"{provider}.memory", f"{provider}.memories")
    (tmp_path / "Vagrantfile").write_text(wrong)
    (tmp_path / "provision.sh").touch()

    done = validate(tmp_path, provider, tmp_path)

    assert done.returncode == 1
    assert "The following settings shouldn't exist: memories" in done.stderr


def test_servers_can_nest_with_either_provider() -> None:
    text = VAGRANTFILE.read_text()

    assert "libvirt.nested = true" in text
    assert 'libvirt.cpu_mode = "host-passthrough"' in text
    assert '"--nested-hw-virt", "on"' in text


def test_the_port_is_for_this_machine_only_and_is_what_clients_are_told() -> None:
    text = VAGRANTFILE.read_text()

    assert 'guest: 8774, host: PORT, host_ip: "127.0.0.1"' in text
    assert 'URL = "http://127.0.0.1:#{PORT}"' in text
    assert '"CUMULET_URL" => URL' in text


def test_it_ends_with_the_readmes_next_steps() -> None:
    message = re.search(r"post_up_message = <<~TEXT\n(.*?)TEXT", VAGRANTFILE.read_text(), re.DOTALL)

    assert message is not None
    for command in OF_VAGRANT:
        assert command.endswith("vagrant up") or f"  {command}\n" in message[1]
