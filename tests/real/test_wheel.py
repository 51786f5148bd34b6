# SPDX-License-Identifier: Apache-2.0
"""The wheel alone is a whole Cumulet: in an empty environment, with nothing of the checkout."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.fast.smallcloud import NODE
from tests.lab.cloud import Api, LiveCloud
from tests.lab.commands import run
from tests.lab.wheel import ROOT, build_wheel, copy_clone

pytestmark = pytest.mark.real

INSTALL_TIMEOUT_S = 600.0
PINS = ROOT / "etc/requirements.txt"


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the pinned packages and the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = build_wheel(copy_clone(folder / "clone"))
    venv = folder / "venv"
    run([sys.executable, "-m", "venv", venv], timeout_s=INSTALL_TIMEOUT_S)
    pip = ("-m", "pip", "-q", "--disable-pip-version-check", "install")
    for words in (
        ("--constraint", PINS, "setuptools"),
        ("--no-build-isolation", "--requirement", PINS),
        ("--no-index", wheel),  # with all that it depends on, which must be there by now
    ):
        run([venv / "bin/python", *pip, *words], timeout_s=INSTALL_TIMEOUT_S)
    return venv


def test_the_wheel_serves_from_an_empty_environment(venv: Path, tmp_path: Path) -> None:
    node = tmp_path / "node.xml"
    node.write_text(NODE)
    elsewhere: list[str | Path] = ["env", "--unset=PYTHONPATH", f"--chdir={tmp_path}"]
    command: list[str | Path] = [*elsewhere, venv / "bin/cumulet"]
    cloud = LiveCloud(tmp_path / "state", f"test://{node}", serve=[*command, "serve"])

    options = ("--state-dir", str(cloud.state), "--listen", f"127.0.0.1:{cloud.port}")
    run([*command, "init", *options, "--libvirt-uri", cloud.libvirt_uri])
    try:
        cloud.start()
        flavors = Api(cloud).log_in().get("/flavors")["flavors"]
        opened = {
            line.split(maxsplit=5)[5]
            for pid in cloud.pids()
            for line in Path(f"/proc/{pid}/maps").read_text().splitlines()
            if len(line.split(maxsplit=5)) > 5
        }
    finally:
        cloud.close()
    ask = "import agent, agent.packaged as p; print(agent.__file__, p.packaged('etc'))"
    found = run([*elsewhere, venv / "bin/python", "-c", ask]).stdout.split()

    assert len(flavors) == 5
    assert all(path.startswith(f"{venv}/lib/") for path in found), found
    assert not any(path.startswith(f"{ROOT}/") for path in opened)
