# SPDX-License-Identifier: Apache-2.0
"""What is shipped and what it stands on: the wheel, the pins, the Debian packages.

A machine on which something was once installed by hand hides a missing line in these files, so
they are compared with what the code imports and calls, not with what happens to be there.
"""

from __future__ import annotations

import ast
import re
import shutil
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.lab.commands import run
from tests.lab.wheel import build_wheel, copy_clone

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = [ROOT / f"etc/requirements{of}.txt" for of in ("", "-dev", "-conformance")]
RUNTIME_PINS, DEVELOPMENT_PINS, _ = PINS
PACKAGES = ROOT / "etc/debian-packages.txt"
AGENT = sorted((ROOT / "agent").rglob("*.py"))
CODE = [path for name in ("agent", "bench", "tests") for path in (ROOT / name).rglob("*.py")]

SHIPPED = ("cumulet.service", "cumulet.yaml", "requirements.txt")
"""What the wheel has of etc/."""

TOOLS = (
    *("mypy", "pytest", "pytest-xdist", "python-openstackclient", "ruff", "setuptools"),
    *("openstacksdk", "types-jsonschema", "types-PyYAML"),
)
"""What the Makefile and the tests use besides the dependencies of pyproject.toml."""

DISTRIBUTIONS = {
    "alembic": "alembic",
    "click": "click",
    "cryptography": "cryptography",
    "flask": "Flask",
    "gunicorn": "gunicorn",
    "jinja2": "Jinja2",
    "jsonschema": "jsonschema",
    "libvirt": "libvirt-python",
    "libvirt_qemu": "libvirt-python",
    "markupsafe": "MarkupSafe",
    "orjson": "orjson",
    "oslo_utils": "oslo.utils",
    "re2": "google-re2",
    "pycdlib": "pycdlib",
    "rich": "rich",
    "sqlalchemy": "SQLAlchemy",
    "werkzeug": "Werkzeug",
    "yaml": "PyYAML",
}
"""Which distribution brings a module that the agent imports."""

OF_THE_ENVIRONMENT = {
    *("cumulet", "mypy", "openstack", "pip", "pytest", "python", "ruff"),
    *("stestr", "tempest"),
}
"""Programs that the pinned Python packages bring."""

OF_THE_HOST = {"provision", "systemctl", "systemd"}
"""Our own script, and what it calls only where systemd runs."""

OTHER_WORDS = {
    *("apt", "as", "echo", "file", "init", "python3.11", "service", "systemd", "test"),
    *("time", "true", "which", "yes"),
}
"""Words in the scripts that mean something else than the program of that name."""

PROGRAM_FOLDERS = {"/bin", "/sbin", "/usr/bin", "/usr/sbin"}
SCRIPTS = ("Makefile", ".ci/install-packages", ".ci/run", "etc/provision", "vagrant/provision.sh")
TOLD = (
    re.compile(r"(^|\s)#.*", re.MULTILINE),
    re.compile(r"<<'?EOF'?$.*?^EOF$", re.MULTILINE | re.DOTALL),
)
"""What of a script is no command: comments and here-documents."""

WRAPPERS = {"nsenter", "prlimit", "setpriv", "unshare"}  # they run what stands behind their "--"

PASSED_ON = {
    "tests/lab/commands.py: [str(word) for word in argv]",
    "tests/lab/private_host.py: argv",
    "tests/lab/booted.py: self.enter(argv)",
    "tests/lab/cloud.py: self.launcher",
    "tests/lab/other_boot.py: sys.argv[2]",
    "tests/fast/test_cli.py: *prefix",
    "tests/real/test_doctor.py: self.command('doctor', '--json', *options, config=config)",
    # Out of packages that are unpacked, not installed.
    "tests/lab/tiny_build.py: _busybox(unpacked)",
    "tests/lab/tiny_build.py: loader_command(unpacked)",
    "tests/lab/boot_disk.py: loader_command(grub)",
}
"""Where a command's first word comes from somewhere else, which is looked at by itself."""


# The wheel.


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build_wheel(copy_clone(tmp_path_factory.mktemp("wheel") / "clone"))


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an installation puts on Python's path."""
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_from(folder: Path, code: str) -> str:
    """Run Python code with this folder, and not the checkout, first on its path."""
    prelude = f"import sys; sys.path.insert(0, {str(folder)!r}); "
    return run([sys.executable, "-I", "-c", prelude + code], cwd=folder).stdout.strip()


def test_the_wheel_holds_the_whole_agent_and_its_files(wheel: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    code = {path.relative_to(ROOT).as_posix() for path in AGENT}
    templates = {f"agent/templates/{path.name}" for path in (ROOT / "templates").iterdir()}

    assert {"agent/templates/domain.xml.j2", "agent/templates/network.xml.j2"} <= templates
    assert held == code | templates | {f"agent/etc/{name}" for name in SHIPPED}


def test_the_wheel_brings_the_command(unpacked: Path) -> None:
    (entry_points,) = unpacked.glob("cumulet-*.dist-info/entry_points.txt")

    assert entry_points.read_text().split("\n")[:2] == [
        "[console_scripts]",
        "cumulet = agent.cli:main",
    ]


def test_an_installed_agent_finds_its_templates(unpacked: Path) -> None:
    found = run_from(
        unpacked,
        "from agent.packaged import packaged; print(packaged('templates'))",
    )

    assert found == str(unpacked / "agent/templates")


def test_an_installed_agent_tells_its_version(unpacked: Path) -> None:
    told = run_from(
        unpacked,
        "import runpy; sys.argv = ['cumulet', '--version']; "
        "runpy.run_module('agent', run_name='__main__')",
    )
    (folder,) = unpacked.glob("cumulet-*.dist-info")

    assert told == f"cumulet, version {folder.name.split('-')[1].removesuffix('.dist')}"


# The Python packages.


def read_pins(path: Path) -> dict[str, str]:
    """The versions by normalised name."""
    lines = [line for line in path.read_text().splitlines() if line and line[0] != "#"]
    return {canonicalize_name(name): version for name, version in (x.split("==") for x in lines)}


def closure(requirements: list[str]) -> set[str]:
    """What these and all that they require is called, as installed here, on this Python."""
    found: set[str] = set()
    to_do = [(Requirement(text), "") for text in requirements]
    while to_do:
        requirement, extra = to_do.pop()
        name = canonicalize_name(requirement.name)
        wanted = not requirement.marker or requirement.marker.evaluate({"extra": extra})
        if not wanted or (name in found and not requirement.extras):
            continue
        found.add(name)
        theirs = distribution(requirement.name).requires or []
        to_do += [(Requirement(x), e) for x in theirs for e in ("", *requirement.extras)]
    return found


@pytest.mark.parametrize("path", PINS, ids=lambda path: path.name)
def test_a_pin_is_a_name_and_a_version_and_nothing_else(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if line and line[0] != "#"]

    assert [x for x in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", x)] == []
    assert len(lines) == len(read_pins(path))
    assert "://" not in path.read_text()


def test_all_that_runs_is_pinned() -> None:
    assert closure(PROJECT["dependencies"]) == set(read_pins(RUNTIME_PINS))


def test_all_that_develops_is_pinned_apart_from_it() -> None:
    runtime, development = read_pins(RUNTIME_PINS), read_pins(DEVELOPMENT_PINS)

    assert closure([*PROJECT["dependencies"], *TOOLS]) == set(runtime) | set(development)
    assert not set(runtime) & set(development)


def test_the_pins_are_versions_that_pyproject_allows() -> None:
    pins = read_pins(RUNTIME_PINS)
    requirements = [Requirement(text) for text in PROJECT["dependencies"]]

    wrong = [x for x in requirements if pins[canonicalize_name(x.name)] not in x.specifier]
    assert wrong == []


def test_what_the_agent_imports_is_a_declared_dependency() -> None:
    imported: set[str] = set()
    for path in AGENT:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.split(".")[0])
    outside = imported - sys.stdlib_module_names - {"agent"}
    declared = {Requirement(text).name for text in PROJECT["dependencies"]}

    assert "flask" in outside
    assert {module for module in outside if DISTRIBUTIONS.get(module) not in declared} == set()


# The Debian packages.


def listed_programs() -> dict[str, str]:
    """The package of each program, as etc/debian-packages.txt has it."""
    programs: dict[str, str] = {}
    for line in PACKAGES.read_text().splitlines():
        package, _, comment = line.partition("#")
        if package.strip():
            names = re.sub(r"\(.*\)", "", comment).split()
            programs |= dict.fromkeys(names, package.strip())
    return programs


def is_for_env(word: str) -> bool:
    """Whether `env` keeps this argument for itself."""
    return word.startswith("-") or "=" in word


def own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Walk all below a module or function; functions inside are given, and not walked into."""
    for node in ast.iter_child_nodes(scope):
        yield node
        if not isinstance(node, ast.FunctionDef):
            yield from own_nodes(node)


class Commands:
    """The programs that one Python file calls, read from its literals."""

    def __init__(self, path: Path) -> None:
        """Read the file."""
        self.name = path.relative_to(ROOT).as_posix()
        self.tree = ast.parse(path.read_text())
        self.unread: set[str] = set()
        self.has_run = any(
            isinstance(node, ast.ImportFrom)
            and node.module in {"tests.lab.commands", "subprocess"}
            and "run" in {alias.name for alias in node.names}
            for node in ast.walk(self.tree)
        )

    def programs(self) -> set[str]:
        """Find every command that is run and name its programs."""
        return set(self._scan(self.tree, {}))

    def _scan(self, scope: ast.AST, outer: Mapping[str, ast.expr]) -> Iterator[str]:
        """Scan a module or function, in which names mean what was assigned there or outside."""
        nodes = list(own_nodes(scope))
        known = {**outer}
        for node in nodes:
            match node:
                case ast.arg(name):
                    known.pop(name, None)
                case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), _, value):
                    known |= {name: value} if value else {}
        for node in nodes:
            if isinstance(node, ast.FunctionDef):
                yield from self._scan(node, known)
            elif isinstance(node, ast.Call) and node.args and self._runs(node.func):
                yield from self._heads(node.args[0], known)

    def _runs(self, function: ast.expr) -> bool:
        match function:
            case ast.Name("run"):
                return self.has_run
            case ast.Attribute(ast.Name("subprocess"), _) | ast.Attribute(_, "inside"):
                return True
            case ast.Attribute(ast.Name("os"), verb):
                return verb in {"system", "popen"} or verb.startswith(("exec", "spawn", "posix_sp"))
        return False

    def _heads(self, argv: ast.expr, known: Mapping[str, ast.expr]) -> Iterator[str]:
        words = list(self._words(argv, known))
        while words:
            head = words[0]
            if not isinstance(head, str):
                self._note_unread(head)
                return
            yield Path(head).name
            if head == "env":
                words = [x for x in words[1:] if isinstance(x, str) and not is_for_env(x)]
            elif head in WRAPPERS and "--" in words:
                words = words[words.index("--") + 1 :]
            else:
                return

    def _words(self, node: ast.expr, known: Mapping[str, ast.expr]) -> Iterator[str | ast.expr]:
        """Flatten a literal; a word that is not one is given as it is written."""
        match node:
            case ast.List(elements) | ast.Tuple(elements):
                for element in elements:
                    yield from self._words(element, known)
            case ast.Starred(ast.Name() | ast.List() | ast.Tuple() as inside):
                words = [*self._words(inside, known)]
                yield from [node] if words == [inside] else words
            case ast.Call(ast.Attribute(_, "enter_argv"), [argv]):
                yield from ("nsenter", "--", *self._words(argv, known))
            case ast.Starred(inside):
                yield inside
            case ast.Name(name) if name in known:
                others = {n: value for n, value in known.items() if n != name}  # `x = [*x, …]`
                yield from self._words(known[name], others)
            case ast.Constant(str(word)):
                yield word
            case ast.BinOp(_, ast.Div(), ast.Constant(str(word))):
                yield word
            case ast.Attribute(ast.Name("sys"), "executable"):
                yield "python"
            case _:
                yield node

    def _note_unread(self, node: ast.expr) -> None:
        text = f"{self.name}: {ast.unparse(node)}"
        if text not in PASSED_ON:
            self.unread.add(text)


@cache
def called_programs() -> frozenset[str]:
    """The programs that our code calls, other than those of the virtual environment."""
    called: set[str] = set()
    unread: set[str] = set()
    for path in CODE:
        commands = Commands(path)
        called |= commands.programs()
        unread |= commands.unread
    assert unread == set(), "a command that this test cannot read: add it to PASSED_ON, or name it"
    for name in SCRIPTS:
        text = (ROOT / name).read_text()
        for told in TOLD:
            text = told.sub("", text)
        words = set(re.findall(r"(?<![\w./$-])[a-z][\w+.-]*", text)) - OTHER_WORDS
        called |= {word for word in words if shutil.which(word)}
    return frozenset(called - OF_THE_ENVIRONMENT - OF_THE_HOST)


def test_commands_are_found_in_the_code() -> None:
    assert {"qemu-img", "setpriv", "prlimit", "virsh", "libvirtd", "ip"} <= called_programs()
    assert {"dpkg", "apt-cache", "mke2fs", "sed"} <= called_programs()


def test_each_program_that_is_called_is_listed_with_its_package() -> None:
    assert sorted(called_programs() - set(listed_programs())) == []


def places_of(program: str) -> set[str]:
    """Where a package may have it: on either side of the merge of /usr, behind an alternative."""
    found = str(Path(shutil.which(program) or program).resolve())
    return {f"{folder}/{program}" for folder in PROGRAM_FOLDERS} | {
        found,
        found.removeprefix("/usr"),
    }


def test_each_listed_program_is_in_its_package() -> None:
    missing = []
    for program, package in listed_programs().items():
        files = run(["dpkg-query", "--listfiles", "--", package]).stdout.splitlines()
        if not places_of(program) & set(files):
            missing.append(f"{package}: {program}")
    assert missing == []
